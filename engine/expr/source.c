/* engine/expr/source.c - arrays made from nothing: constants, ranges, identities.
 *
 * Each block is one call whose literal arguments say which part it is, as in Dask's tasks. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/expr/tile.h"
#include "engine/kernels/ops.h"

/* --- full --- */

typedef struct full_fn {
    fn base;
    dtype_of t;
    nd *value; /* 0-d of type t */
} full_fn;

static int shape_of(const lit *x, int64_t *shape)
{
    for (uint32_t i = 0; i < x->n; i++) shape[i] = x->item[i].i;
    return (int)x->n;
}

static datum *full_call(const fn *f, const call *c, err *e)
{
    int64_t shape[GRID_MAXDIM];
    int ndim = shape_of(&c->arg[0], shape);
    return (datum *)nd_broadcast(((const full_fn *)f)->value, ndim, shape, e);
}

static void full_drop(fn *f)
{
    datum_unref(((full_fn *)f)->value);
}

static const nd *full_value(const tile_call *t)
{
    return ((const full_fn *)t->f)->value;
}

static const tile_kind full_tiles = {.value = full_value};
static const fn_field full_fields[] = {
    PARAM(full_fn, t),
    PARAM_DATUM(full_fn, value),
    {0},
};

static const fn_kind full_kind = {.name = "full",
                                  .version = 1,
                                  .size = sizeof(full_fn),
                                  .fields = full_fields,
                                  .call = full_call,
                                  .drop = full_drop,
                                  .tile = &full_tiles,
                                  .takes = "s*",
                                  .cost = {.view = true, .ns = 0.05f}};

static fn *full_new(const char *name, dtype_of t, const nd *value, err *e)
{
    nd *v = value ? nd_cast(value, t, 'u', e) : nd_zero(t, 0, NULL, e);
    if (!v) return NULL;
    full_fn *f = fn_new(sizeof *f, &full_kind, name);
    f->t = t;
    f->value = v;
    strbuf b = {0};
    lit_hash(&b, &(lit){.kind = LIT_DATUM, .d = &v->hdr});
    fn_identify(&f->base, b.at, b.n);
    sb_clear(&b);
    return &f->base;
}

static bool shape_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    const grid *g = l->base.grid;
    lit *arg = arena_alloc(a, sizeof *arg);
    grid_block(g, i, block);
    grid_block_shape(g, block, shape);
    *arg = lit_ints(a, g->ndim, shape);
    out->narg = 1;
    out->arg = arg;
    return true;
}

static char *source_name(label l, const char *prefix, const fn *f, const grid *g, dtype_of t)
{
    token k = {0};
    token_fn(&k, f);
    token_grid(&k, g);
    token_dtype(&k, t);
    return label_name(l, &k, prefix);
}

expr *expr_full(label l, grid *g, dtype_of t, const nd *value, err *e)
{
    if (!g) return NULL;
    const char *prefix = l.prefix ? l.prefix : value ? "full_like" : "empty_like";
    fn *f = full_new(prefix, t, value, e);
    if (!f) return NULL;
    char *name = source_name(l, prefix, f, g, t);
    block_layer *b = block_layer_new(name, f, shape_args, g, t, 0, NULL);
    mem_free(name);
    b->base.flags = LAYER_BLOCKWISE | LAYER_LEAF;
    return expr_of_layer(&b->base);
}

/* --- arange --- */

typedef struct range {
    bool real; /* some of start and step are floats */
    int64_t istart, istep;
    double start, step;
} range;

static lit range_at(const range *r, int64_t i)
{
    return r->real ? lit_float(r->start + (double)i * r->step) : lit_int(r->istart + i * r->istep);
}

static bool element_of(const lit *x, dtype_of t, char out[16], err *e)
{
    enum dtype from = x->kind == LIT_FLOAT ? DT_float64 : DT_int64;
    nd *a = nd_scalar(from, &x->i);
    nd *b = a ? nd_cast(a, t, 'u', e) : NULL;
    if (b) memcpy(out, b->at, t.size);
    datum_unref(a);
    return b && !datum_unref(b);
}

/* (start, stop, step, n, dtype); NumPy's fill extrapolates from the first two elements */
static bool arange_ends(const call *c, char start[16], char second[16], err *e)
{
    dtype_of t = c->arg[4].t;
    const lit *a = &c->arg[0], *s = &c->arg[2];
    lit next = a->kind == LIT_INT && s->kind == LIT_INT
                   ? lit_int(a->i + s->i)
                   : lit_float((a->kind == LIT_INT ? (double)a->i : a->f) +
                               (s->kind == LIT_INT ? (double)s->i : s->f));
    return element_of(a, t, start, e) && element_of(&next, t, second, e);
}

static datum *arange_call(const fn *f, const call *c, err *e)
{
    char start[16], second[16];
    (void)f;
    TRY(arange_ends(c, start, second, e));
    return (datum *)nd_arange(c->arg[4].t, start, second, c->arg[3].i, e);
}

static bool arange_begin(const tile_call *t, err *e)
{
    char *s = t->state;
    return arange_ends(t->c, s, s + 16, e);
}

static bool arange_tile(const tile_call *t, int64_t from, int64_t n, void *out, err *e)
{
    const char *s = t->state;
    return arange_fill(t->c->arg[4].t, s, s + 16, from, n, out, e);
}

static bool arange_ramp(const tile_call *t, int64_t *first, int64_t *step)
{
    char start[16], second[16];
    err e = {0};
    bool ok = t->c->arg[4].t.dt == DT_int64 && arange_ends(t->c, start, second, &e);
    err_clear(&e);
    if (!ok) return false;
    memcpy(first, start, sizeof *first);
    memcpy(step, second, sizeof *step);
    *step = (int64_t)((uint64_t)*step - (uint64_t)*first);
    return true;
}

static const tile_kind arange_tiles = {
    .state = 32, .begin = arange_begin, .fill = arange_tile, .ramp = arange_ramp};
static const fn_kind arange_kind = {.name = "arange",
                                    .version = 1,
                                    .size = sizeof(fn),
                                    .call = arange_call,
                                    .tile = &arange_tiles,
                                    .takes = "nnnit"};

static bool arange_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    const range *r = l->param;
    const cuts *ax = l->base.grid->ax[0];
    int64_t from = cuts_start(ax, (int64_t)i), n = cuts_size(ax, (int64_t)i);
    lit *arg = arena_alloc(a, 5 * sizeof *arg);
    arg[0] = range_at(r, from);
    arg[1] = range_at(r, from + n);
    arg[2] = r->real ? lit_float(r->step) : lit_int(r->istep);
    arg[3] = lit_int(n);
    arg[4] = lit_dtype(l->base.type);
    out->narg = 5;
    out->arg = arg;
    return true;
}

expr *expr_arange(label l, lit start, lit step, grid *g, dtype_of t, err *e)
{
    (void)e;
    if (!g) return NULL;
    token k = {0};
    token_lit(&k, &start);
    token_lit(&k, &step);
    token_grid(&k, g);
    token_dtype(&k, t);
    char *name = label_name(l, &k, "arange");
    fn *f = fn_new(sizeof *f, &arange_kind, "arange");
    block_layer *b = block_layer_new(name, f, arange_args, g, t, 0, NULL);
    b->base.flags = LAYER_LEAF;
    mem_free(name);
    range *r = arena_alloc(&b->mem, sizeof *r);
    r->real = start.kind == LIT_FLOAT || step.kind == LIT_FLOAT;
    r->istart = start.i;
    r->istep = step.i;
    r->start = start.kind == LIT_FLOAT ? start.f : (double)start.i;
    r->step = step.kind == LIT_FLOAT ? step.f : (double)step.i;
    b->param = r;
    return expr_of_layer(&b->base);
}

/* --- linspace --- */

enum { PACE = 64 }; /* blocks from one known start to the next */

typedef struct line {
    double start, step;
    bool endpoint;
    double *_Atomic known; /* the first element of each PACE-th block, once one was asked for */
} line;

/* (start, stop, n, endpoint, dtype) */
static datum *linspace_call(const fn *f, const call *c, err *e)
{
    double step;
    (void)f;
    nd *x = nd_linspace(c->arg[0].f, c->arg[1].f, c->arg[2].i, c->arg[3].i != 0, &step, e);
    nd *y = x ? nd_cast(x, c->arg[4].t, 'u', e) : NULL;
    datum_unref(x);
    return (datum *)y;
}

static bool linspace_begin(const tile_call *t, err *e)
{
    (void)e;
    return t->c->arg[4].t.dt == DT_float64;
}

static bool linspace_tile(const tile_call *t, int64_t from, int64_t n, void *out, err *e)
{
    const lit *a = t->c->arg;
    (void)e;
    linspace_fill(a[0].f, a[1].f, a[2].i, a[3].i != 0, from, n, out);
    return true;
}

static const tile_kind linspace_tiles = {.begin = linspace_begin, .fill = linspace_tile};
static const fn_kind linspace_kind = {.name = "linspace",
                                      .version = 1,
                                      .size = sizeof(fn),
                                      .call = linspace_call,
                                      .tile = &linspace_tiles,
                                      .takes = "ffiit"};

/* What blocks from `b` to `to` go on by, added to `from` one by one, as Dask's do. */
static double go_on(const line *p, const cuts *ax, double from, int64_t b, int64_t to)
{
    for (; b < to; b++) from += p->step * (double)cuts_size(ax, b);
    return from;
}

static const double *known_starts(line *p, const cuts *ax)
{
    double *made = atomic_load_explicit(&p->known, memory_order_acquire), *none = NULL;
    if (made) return made;
    made = mem_alloc((size_t)(ax->nblock / PACE + 1) * sizeof *made);
    made[0] = p->start;
    for (int64_t i = 1; i <= ax->nblock / PACE; i++)
        made[i] = go_on(p, ax, made[i - 1], (i - 1) * PACE, i * PACE);
    if (atomic_compare_exchange_strong(&p->known, &none, made)) return made;
    mem_free(made); /* another thread was first */
    return none;
}

static void drop_line(const void *param)
{
    mem_free(((const line *)param)->known);
}

static bool linspace_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    line *p = (line *)(uintptr_t)l->param;
    const cuts *ax = l->base.grid->ax[0];
    lit *arg = arena_alloc(a, 5 * sizeof *arg);
    int64_t near = (int64_t)i / PACE;
    double from = near ? known_starts(p, ax)[near] : p->start;
    from = go_on(p, ax, from, near * PACE, (int64_t)i);
    int64_t n = cuts_size(ax, (int64_t)i);
    int64_t less = p->endpoint ? 1 : 0;
    arg[0] = lit_float(from);
    arg[1] = lit_float(from + (double)(n - less) * p->step);
    arg[2] = lit_int(n);
    arg[3] = lit_bool(p->endpoint);
    arg[4] = lit_dtype(l->base.type);
    out->narg = 5;
    out->arg = arg;
    return true;
}

expr *expr_linspace(label l, double start, double stop, bool endpoint, grid *g, dtype_of t, err *e)
{
    (void)e;
    if (!g) return NULL;
    int64_t num = g->ax[0]->extent, div = endpoint ? num - 1 : num;
    line p = {start, (stop - start) / (double)(div < 1 ? 1 : div), endpoint, NULL};
    token k = {0};
    token_add(&k, &p.start, sizeof p.start);
    token_add(&k, &p.step, sizeof p.step);
    token_int(&k, endpoint);
    token_grid(&k, g);
    token_dtype(&k, t);
    char *name = label_name(l, &k, "linspace");
    fn *f = fn_new(sizeof *f, &linspace_kind, "linspace");
    block_layer *b = block_layer_new(name, f, linspace_args, g, t, 0, NULL);
    b->base.flags = LAYER_LEAF;
    mem_free(name);
    b->param = memcpy(arena_alloc(&b->mem, sizeof p), &p, sizeof p);
    b->drop_param = drop_line;
    return expr_of_layer(&b->base);
}

/* --- eye --- */

/* (rows, columns, k, dtype) */
static datum *eye_call(const fn *f, const call *c, err *e)
{
    (void)f;
    if (c->arg[0].i < 0 || c->arg[1].i < 0)
        return err_set(e, ValueError, "negative dimensions are not allowed");
    return (datum *)nd_eye(c->arg[0].i, c->arg[1].i, c->arg[2].i, c->arg[3].t, e);
}

static const fn_kind eye_kind = {
    .name = "eye", .version = 1, .size = sizeof(fn), .call = eye_call, .takes = "iiit"};

static bool eye_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM], start[GRID_MAXDIM];
    const grid *g = l->base.grid;
    grid_block(g, i, block);
    grid_block_shape(g, block, shape);
    grid_block_start(g, block, start);
    lit *arg = arena_alloc(a, 4 * sizeof *arg);
    arg[0] = lit_int(shape[0]);
    arg[1] = lit_int(shape[1]);
    arg[2] = lit_int(*(const int64_t *)l->param + start[0] - start[1]);
    arg[3] = lit_dtype(l->base.type);
    out->narg = 4;
    out->arg = arg;
    return true;
}

expr *expr_eye(label l, int64_t k, grid *g, dtype_of t, err *e)
{
    (void)e;
    if (!g) return NULL;
    token n = {0};
    token_int(&n, k);
    token_grid(&n, g);
    token_dtype(&n, t);
    char *name = label_name(l, &n, "eye");
    fn *f = fn_new(sizeof *f, &eye_kind, "eye");
    block_layer *b = block_layer_new(name, f, eye_args, g, t, 0, NULL);
    b->base.flags = LAYER_LEAF;
    mem_free(name);
    b->param = memcpy(arena_alloc(&b->mem, sizeof k), &k, sizeof k);
    return expr_of_layer(&b->base);
}

const fn_kind *const source_kinds[] = {&full_kind, &arange_kind, &linspace_kind, &eye_kind, NULL};
