/* engine/plan/outline.c - shapes handed from task to task, through functions that are known.
 *
 * One row a function: how the shape of the result comes about, what is needed meanwhile in sizes
 * of the first argument and of the result, and time.  Calls within a task (graphs may nest them)
 * are followed as the task itself. */
#include "engine/plan/outline.h"

#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/fft.h"

enum { AXES = 4, MANY_ITEMS = 64 };

static const double AROUND = 5e-6; /* seconds: what surrounds a call */

typedef struct outline {
    enum { UNKNOWN, BLOCK, ITEMS } kind;
    int ndim;
    dtype_of type;
    int64_t shape[AXES];
    uint32_t n; /* ITEMS: of a tuple or list */
    const struct outline *const *item;
    bool view;  /* it looks into what was given */
    bool moved; /* it is an item of a tuple that was given, and outlives it */
} outline;

struct outlines {
    const plan *p;
    arena mem, scratch;
    const outline **of; /* of each task; NULL: not asked */
    bool factor;        /* LAPACK is needed */
};

outlines *outlines_new(const plan *p)
{
    outlines *o = mem_zero(sizeof *o);
    o->p = p;
    o->of = mem_zero(((size_t)p->ntask + 1) * sizeof *o->of);
    return o;
}

void outlines_free(outlines *o)
{
    if (!o) return;
    arena_clear(&o->mem);
    arena_clear(&o->scratch);
    mem_free(o->of);
    mem_free(o);
}

bool outlines_factor(const outlines *o)
{
    return o && o->factor;
}

/* --- outlines --- */

static const outline unknown = {.kind = UNKNOWN};

typedef struct look { /* at one task */
    outlines *o;
    const task *k;
    const task_view *v;
    uint64_t extra; /* bytes that it needs beside its result */
    double seconds;
    int depth;
} look;

static outline *block(look *q, dtype_of type, int ndim)
{
    outline *x = ARENA_NEW(&q->o->mem, outline);
    x->kind = ndim <= AXES ? BLOCK : UNKNOWN;
    x->ndim = ndim <= AXES ? ndim : 0;
    x->type = type;
    return x;
}

static const outline *matrix(look *q, dtype_of type, int64_t rows, int64_t columns)
{
    outline *x = block(q, type, 2);
    x->shape[0] = rows;
    x->shape[1] = columns;
    return x;
}

static const outline *items(look *q, uint32_t n, const outline *const *item)
{
    outline *x = ARENA_NEW(&q->o->mem, outline);
    const outline **copy = arena_alloc(&q->o->mem, (n + 1) * sizeof *copy);
    memcpy(copy, item, n * sizeof *copy);
    x->kind = ITEMS;
    x->n = n;
    x->item = copy;
    return x;
}

static double count(const outline *x)
{
    double n = 0;
    for (uint32_t i = 0; x->kind == ITEMS && i < x->n; i++) n += count(x->item[i]);
    if (x->kind == BLOCK) n = 1;
    for (int k = 0; x->kind == BLOCK && k < x->ndim; k++) n *= (double)x->shape[k];
    return n;
}

static uint64_t bytes(const outline *x)
{
    uint64_t n = 0;
    for (uint32_t i = 0; x->kind == ITEMS && i < x->n; i++) n += bytes(x->item[i]);
    return x->kind == BLOCK ? (uint64_t)count(x) * x->type.size : n;
}

static bool is_block(const outline *x, int ndim)
{
    return x->kind == BLOCK && x->ndim == ndim;
}

/* --- rules: n arguments -> the result --- */

typedef const outline *rule(look *q, uint32_t n, const outline *const *a, const lit *raw);

static const outline *same(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)q, (void)raw;
    return n ? a[0] : &unknown;
}

static const outline *shown(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || a[0]->kind != BLOCK) return &unknown;
    outline *x = block(q, a[0]->type, a[0]->ndim);
    *x = *a[0];
    x->view = true;
    return x;
}

static const outline *turned(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    if (n != 1 || a[0]->kind != BLOCK) return &unknown;
    outline *x = (outline *)(uintptr_t)shown(q, n, a, raw);
    for (int k = 0; k < x->ndim; k++) x->shape[k] = a[0]->shape[x->ndim - 1 - k];
    return x;
}

static const outline *scalar(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)n, (void)a, (void)raw;
    return block(q, dtype_plain(DT_float64), 0);
}

static const outline *product(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (n < 2) return &unknown;
    const outline *x = a[0], *y = a[1];
    if (x->kind == ITEMS && x->n && y->kind == ITEMS && y->n) x = x->item[0], y = y->item[0];
    if (x->kind != BLOCK || y->kind != BLOCK || !x->ndim || !y->ndim || y->ndim > 2)
        return &unknown;
    outline *z = block(q, x->type, x->ndim - 1 + y->ndim - 1);
    memcpy(z->shape, x->shape, (size_t)(x->ndim - 1) * sizeof *z->shape);
    if (y->ndim == 2) z->shape[x->ndim - 1] = y->shape[1];
    q->seconds += 2 * count(x) * (y->ndim == 2 ? (double)y->shape[1] : 1) * FLOP_NS * 1e-9;
    return z;
}

/* on top of each other */
static const outline *stacked(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || a[0]->kind != ITEMS || !a[0]->n || a[0]->item[0]->kind != BLOCK) return &unknown;
    const outline *first = a[0]->item[0];
    outline *x = block(q, first->type, first->ndim ? first->ndim : 1);
    memcpy(x->shape, first->shape, sizeof x->shape);
    x->shape[0] = 0;
    for (uint32_t i = 0; i < a[0]->n; i++) {
        const outline *part = a[0]->item[i];
        if (part->kind != BLOCK) return &unknown;
        x->shape[0] += part->ndim ? part->shape[0] : 1;
    }
    return x;
}

static const outline *first_of(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    if (n && a[0]->kind == ITEMS) return a[0]->n ? a[0]->item[0] : &unknown;
    return n && a[0]->kind == BLOCK ? scalar(q, n, a, raw) : &unknown;
}

/* element by element, the smaller ones repeated */
static const outline *matched(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)q, (void)raw;
    const outline *most = &unknown;
    for (uint32_t i = 0; i < n; i++) {
        if (a[i]->kind != BLOCK) return &unknown;
        if (most->kind == UNKNOWN || count(a[i]) > count(most)) most = a[i];
    }
    return most;
}

static const outline *second(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (n < 2 || !is_block(a[0], 2)) return &unknown;
    q->seconds += (double)a[0]->shape[0] * count(a[1]) * FLOP_NS * 1e-9;
    return a[1];
}

static const outline *filled(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)a;
    const lit *s = n ? &raw[0] : NULL;
    outline *x = block(q, dtype_plain(DT_float64), s && lit_has_items(s) ? (int)s->n : 1);
    for (int k = 0; s && k < x->ndim; k++) {
        const lit *size = lit_has_items(s) ? &s->item[k] : s;
        if (size->kind != LIT_INT) return &unknown;
        x->shape[k] = size->i;
    }
    return s ? x : &unknown;
}

static int64_t span(const lit *x, int64_t size) /* of a slice without ends counted backwards */
{
    int64_t from = x->slice.start == INT64_MIN ? 0 : x->slice.start,
            to = x->slice.stop == INT64_MIN || x->slice.stop > size ? size : x->slice.stop,
            by = x->slice.step == INT64_MIN ? 1 : x->slice.step;
    if (from < 0 || to < 0 || by < 1) return size;
    return to > from ? (to - from + by - 1) / by : 0;
}

static const outline *item_of(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    if (n != 2) return &unknown;
    const lit *at = &raw[1];
    if (a[0]->kind == ITEMS) {
        if (at->kind != LIT_INT || at->i < 0 || at->i >= a[0]->n) return &unknown;
        outline *one = ARENA_NEW(&q->o->mem, outline);
        *one = *a[0]->item[at->i];
        one->moved = true;
        return one;
    }
    if (a[0]->kind != BLOCK) return &unknown;
    uint32_t nat = at->kind == LIT_TUPLE ? at->n : 1;
    const lit *part = at->kind == LIT_TUPLE ? at->item : at;
    outline *x = block(q, a[0]->type, 0);
    x->view = true;
    for (int k = 0; k < a[0]->ndim; k++) {
        if ((uint32_t)k < nat && part[k].kind == LIT_INT) continue;
        if ((uint32_t)k < nat && part[k].kind != LIT_SLICE) return &unknown;
        x->shape[x->ndim++] = (uint32_t)k < nat ? span(&part[k], a[0]->shape[k]) : a[0]->shape[k];
    }
    return x;
}

static double smaller(const outline *x)
{
    return (double)(x->shape[0] < x->shape[1] ? x->shape[0] : x->shape[1]);
}

/* a copy for the library, and one or two more when it is not tall (its panels) */
static void factoring(look *q, const outline *x, double flops, bool vectors)
{
    uint64_t n = bytes(x);
    int64_t rows = x->shape[0], columns = x->shape[1];
    q->extra += rows >= 20 * columns ? n : rows >= 2 * columns ? 2 * n : 3 * n;
    if (!vectors) q->extra -= n / 2;
    q->seconds += flops * 2 * FLOP_NS * 1e-9 + count(x) * (vectors ? 10e-9 : 5e-9);
}

static const outline *qr(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    int64_t k = (int64_t)smaller(a[0]);
    const outline *both[] = {matrix(q, a[0]->type, a[0]->shape[0], k),
                             matrix(q, a[0]->type, k, a[0]->shape[1])};
    factoring(q, a[0], 4 * count(a[0]) * (double)k, true);
    return items(q, 2, both);
}

static const outline *qr_r(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    const outline *both[] = {&unknown,
                             matrix(q, a[0]->type, (int64_t)smaller(a[0]), a[0]->shape[1])};
    factoring(q, a[0], 2 * count(a[0]) * smaller(a[0]), false);
    return items(q, 2, both);
}

static const outline *svd(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    int64_t k = (int64_t)smaller(a[0]);
    outline *s = block(q, a[0]->type, 1);
    s->shape[0] = k;
    const outline *all[] = {matrix(q, a[0]->type, a[0]->shape[0], k), s,
                            matrix(q, a[0]->type, k, a[0]->shape[1])};
    q->extra += 5 * bytes(a[0]);
    q->seconds += 14 * count(a[0]) * (double)k * FLOP_NS * 1e-9;
    return items(q, 3, all);
}

static const outline *svd_values(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    outline *s = block(q, a[0]->type, 1);
    s->shape[0] = (int64_t)smaller(a[0]);
    const outline *all[] = {&unknown, s, &unknown};
    q->extra += 2 * bytes(a[0]);
    q->seconds += 4 * count(a[0]) * smaller(a[0]) * FLOP_NS * 1e-9;
    return items(q, 3, all);
}

static const outline *lu(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    const outline *all[] = {a[0], a[0], a[0]};
    q->extra += 2 * bytes(a[0]);
    q->seconds += count(a[0]) * smaller(a[0]) * FLOP_NS * 1e-9;
    return items(q, 3, all);
}

static const outline *cholesky(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || !is_block(a[0], 2)) return &unknown;
    q->seconds += count(a[0]) * smaller(a[0]) / 3 * 2 * FLOP_NS * 1e-9;
    return a[0];
}

/* What floats have all different, whole numbers mostly few times. */
static const outline *distinct(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (!n || a[0]->kind == UNKNOWN) return &unknown;
    const outline *x = a[0]->kind == ITEMS && a[0]->n ? a[0]->item[0] : a[0];
    if (x->kind != BLOCK) return &unknown;
    double many = a[0]->kind == ITEMS ? count(a[0]) : count(x);
    outline *y = block(q, x->type, 1);
    bool all = !dtype_is_int(x->type.dt) && x->type.dt != DT_bool;
    y->shape[0] = (int64_t)(all ? many : many / 1024);
    bool merges = a[0]->kind == ITEMS; /* a range at a time */
    if (all) q->extra += (merges ? 1 : 2) * bytes(a[0]);
    q->seconds += many * (!all ? 1e-9 : merges ? 20e-9 : 15e-9);
    return y;
}

/* where argument 1 stands in argument 0 */
static const outline *sought(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    (void)raw;
    if (n < 2 || a[1]->kind != BLOCK) return &unknown;
    q->seconds += count(a[1]) * 13e-9;
    outline *x = block(q, dtype_plain(DT_int64), a[1]->ndim);
    memcpy(x->shape, a[1]->shape, sizeof x->shape);
    return x;
}

/* A copy in complex numbers, and four of the lane that is worked on; long ones are slow, no cache
 * holds them. */
static const outline *transformed(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    enum { LONG = 1 << 20, COMPLEX = 16 };
    (void)raw;
    if (!n || a[0]->kind != BLOCK) return &unknown;
    int64_t lane = 1;
    for (int k = 0; k < a[0]->ndim; k++)
        if (a[0]->shape[k] > lane) lane = a[0]->shape[k];
    const bool padded = lane > LONG / 64 && fft_wants_convolution(lane);
    q->extra += COMPLEX * ((uint64_t)count(a[0]) + (padded ? 14u : 4u) * (uint64_t)lane);
    q->seconds += count(a[0]) * (lane > LONG ? 80e-9 : 12e-9) * (padded ? 4 : 1);
    outline *x = block(q, dtype_plain(DT_complex128), a[0]->ndim);
    memcpy(x->shape, a[0]->shape, sizeof x->shape);
    return x;
}

/* of real numbers: half of it */
static const outline *half_transformed(look *q, uint32_t n, const outline *const *a, const lit *raw)
{
    look whole = *q;
    transformed(&whole, n, a, raw);
    q->extra += (whole.extra - q->extra) / 2;
    q->seconds += (whole.seconds - q->seconds) / 2;
    return &unknown;
}

/* --- functions --- */

typedef struct known {
    const char *name;
    rule *shape;         /* NULL: only a grid can tell */
    uint8_t given, made; /* bytes that it needs meanwhile: of argument 0, of the result */
    float ns;            /* for an element of argument 0 */
    bool factor;         /* LAPACK does it */
} known;

// clang-format off
static const known functions[] = {
    {.name = "qr", .shape = qr, .factor = true},
    {.name = "_qr_r", .shape = qr_r, .factor = true},
    {.name = "svd", .shape = svd, .factor = true},
    {.name = "_svd_values", .shape = svd_values, .factor = true},
    {.name = "lu", .shape = lu, .factor = true},
    {.name = "cholesky", .shape = cholesky, .given = 1, .factor = true},
    {.name = "_cholesky_lower", .shape = cholesky, .given = 1, .factor = true},
    {.name = "solve_triangular_safe", .shape = second, .given = 1, .factor = true},
    {.name = "_solve_triangular_lower", .shape = second, .given = 1, .factor = true},
    {.name = "solve", .shape = second, .given = 1, .factor = true},
    {.name = "inv", .shape = same, .given = 2, .ns = 30, .factor = true},
    {.name = "dot", .shape = product},
    {.name = "matmul", .shape = product},
    {.name = "dotmany", .shape = product},
    {.name = "vstack", .shape = stacked, .ns = 0.5f},
    {.name = "concatenate", .shape = stacked, .ns = 0.5f},
    {.name = "tuple", .shape = same},
    {.name = "list", .shape = same},
    {.name = "getitem", .shape = item_of},
    {.name = "transpose", .shape = turned},
    {.name = "sliding_window_view", .shape = shown},
    {.name = "sum", .shape = first_of, .made = 1, .ns = 0.3f},
    {.name = "add", .shape = matched, .ns = 0.3f},
    {.name = "sub", .shape = matched, .ns = 0.3f},
    {.name = "mul", .shape = matched, .ns = 0.3f},
    {.name = "truediv", .shape = matched, .ns = 0.3f},
    {.name = "neg", .shape = same, .ns = 0.3f},
    {.name = "abs", .shape = same, .ns = 0.3f},
    {.name = "sqrt", .shape = same, .ns = 0.3f},
    {.name = "exp", .shape = same, .ns = 1},
    {.name = "log", .shape = same, .ns = 1},
    {.name = "sin", .shape = same, .ns = 1.5f},
    {.name = "cos", .shape = same, .ns = 1.5f},
    {.name = "sort", .shape = same, .ns = 11},
    {.name = "zeros", .shape = filled, .ns = 0.5f},
    {.name = "ones", .shape = filled, .ns = 0.5f},
    {.name = "full", .shape = filled, .ns = 0.5f},
    {.name = "random", .shape = filled, .ns = 1},
    {.name = "mean", .shape = scalar, .ns = 0.3f},
    {.name = "std", .shape = scalar, .given = 1, .ns = 1},
    {.name = "var", .shape = scalar, .given = 1, .ns = 1},
    {.name = "max", .shape = scalar, .ns = 0.3f},
    {.name = "min", .shape = scalar, .ns = 0.3f},
    {.name = "len", .shape = scalar},
    {.name = "float", .shape = scalar},
    {.name = "int", .shape = scalar},
    {.name = "unique", .shape = distinct},
    {.name = "_field", .shape = shown},
    {.name = "_distinct", .shape = distinct},
    {.name = "_unique_values", .shape = distinct},
    {.name = "_unique_parts", .shape = distinct},
    {.name = "_unique_merge", .shape = distinct},
    {.name = "_isin_kernel", .given = 2, .ns = 2.5f},
    {.name = "_histogramdd_block", .ns = 7},
    {.name = "_searchsorted", .shape = sought},
    {.name = "digitize", .ns = 3},
    {.name = "_coarsen_block", .ns = 4},
    {.name = "bincount", .ns = 0.6f},
    {.name = "histogram", .ns = 0.6f},
    {.name = "percentile", .ns = 2},
    {.name = "repeat", .ns = 0.3f},
    {.name = "masked_greater", .ns = 0.5f},
    {.name = "outer", .ns = 0.3f},
    {.name = "select", .ns = 0.6f},
    {.name = "real", .shape = shown},
    {.name = "imag", .shape = shown},
    {.name = "median", .ns = 5},
    {.name = "from_indices", .made = 2, .ns = 1},
    {.name = "gradient_block", .given = 1, .ns = 0.8f},
    {.name = "fft", .shape = transformed},
    {.name = "ifft", .shape = transformed},
    {.name = "fft2", .shape = transformed, .ns = 6},
    {.name = "ifft2", .shape = transformed, .ns = 6},
    {.name = "fftn", .shape = transformed, .ns = 6},
    {.name = "ifftn", .shape = transformed, .ns = 6},
    {.name = "rfft", .shape = half_transformed},
    {.name = "irfft", .shape = half_transformed},
    {.name = "isclose", .given = 2, .ns = 3},
    {.name = "_unravel", .given = 2, .ns = 4},
};
// clang-format on

static const known *function_of(const fn *f)
{
    for (size_t i = 0; f && f->flags & FN_LIBRARY && i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, f->name) == 0) return &functions[i];
    return NULL;
}

/* --- arguments --- */

static const outline *of_block(look *q, const nd *x)
{
    outline *b = block(q, nd_type(x), x->ndim);
    for (int k = 0; k < b->ndim; k++) b->shape[k] = nd_shape(x)[k];
    return b;
}

static const outline *of_grid(look *q, const layer *l, uint64_t i)
{
    int64_t where[GRID_MAXDIM], shape[GRID_MAXDIM];
    if (!l->grid || i >= l->grid->nblock || l->grid->ndim > AXES || !grid_known(l->grid))
        return &unknown;
    grid_block(l->grid, i, where);
    grid_block_shape(l->grid, where, shape);
    outline *b = block(q, l->type, l->grid->ndim);
    memcpy(b->shape, shape, (size_t)b->ndim * sizeof *shape);
    return b;
}

static const outline *of_task(look *q, tid t)
{
    const plan *p = q->o->p;
    const task *k = &p->task[t];
    if (q->o->of[t]) return q->o->of[t];
    const nd *x = k->flags & TASK_DONE ? as_nd(atomic_load(&p->out[t])) : NULL;
    return q->o->of[t] = x ? of_block(q, x) : of_grid(q, p->prog[k->prog]->by[0], k->index);
}

static const outline *of_call(look *q, const fn *f, uint32_t n, const lit *arg,
                              const outline *told);

static const outline *of_lit(look *q, const lit *x)
{
    enum { DEEP = 32 };
    const outline *out = &unknown, *part[MANY_ITEMS];
    if (q->depth++ < DEEP) switch (x->kind) {
        case LIT_IN: out = of_task(q, q->o->p->in[q->k->in + (uint64_t)x->i]); break;
        case LIT_DATUM: out = as_nd(x->d) ? of_block(q, as_nd(x->d)) : &unknown; break;
        case LIT_BOOL:
        case LIT_INT:
        case LIT_FLOAT: out = scalar(q, 0, NULL, NULL); break;
        case LIT_CALL: {
            const fn *f = x->n && x->item[0].kind == LIT_DATUM ? as_fn(x->item[0].d) : NULL;
            out = f ? of_call(q, f, x->n - 1, x->item + 1, &unknown) : &unknown;
            if (out->kind == BLOCK && !out->view) q->extra += bytes(out);
            break;
        }
        case LIT_LIST:
        case LIT_TUPLE:
            for (uint32_t i = 0; i < x->n && x->n <= MANY_ITEMS; i++)
                part[i] = of_lit(q, &x->item[i]);
            if (x->n <= MANY_ITEMS) out = items(q, x->n, part);
            break;
        default: break;
        }
    q->depth--;
    return out;
}

/* told: by a grid, or unknown */
static const outline *of_call(look *q, const fn *f, uint32_t n, const lit *arg, const outline *told)
{
    enum { FEW = 8 };
    const outline *a[FEW] = {0};
    const known *k = function_of(f);
    if (!k || n > FEW) return &unknown;
    q->o->factor |= k->factor;
    for (uint32_t i = 0; i < n; i++) a[i] = of_lit(q, &arg[i]);
    const outline *out = k->shape ? k->shape(q, n, a, arg) : told;
    double given = n ? count(a[0]) : 0, made = count(out);
    if (n) q->extra += k->given * bytes(a[0]);
    q->extra += k->made * bytes(out);
    q->seconds += k->ns * (given > made ? given : made) * 1e-9;
    return out;
}

bool outline_task(outlines *o, tid t, task_cost *c)
{
    const task *k = &o->p->task[t];
    const program *g = o->p->prog[k->prog];
    task_view v = {0};
    err e = {0};
    look q = {.o = o, .k = k, .v = &v};
    if (g->nstep != 1 || k->flags & TASK_DONE) return false;
    arena_reset(&o->scratch);
    if (!layer_task(g->by[0], k->index, &o->scratch, &v, &e) || !v.f) {
        err_clear(&e);
        return false;
    }
    const known *f = function_of(v.f);
    if (!f) return false;
    const outline *whole = of_grid(&q, g->by[0], k->index),
                  *out = of_call(&q, v.f, v.narg, v.arg, whole);
    bool view = out->view;
    c->moves = out->moved;
    if (whole->kind != UNKNOWN) out = whole;
    o->of[t] = out;
    if (out->kind == UNKNOWN) return false;
    c->out = view ? 0 : bytes(out);
    c->block = bytes(out);
    if (!v.f->copies || q.extra > c->extra) c->extra = q.extra; /* it says itself what it copies */
    c->seconds = q.seconds > 0 ? AROUND + q.seconds : view ? AROUND : c->seconds;
    c->unknown = false;
    return true;
}
