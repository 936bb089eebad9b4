/* engine/expr/scan.c - running sums and products along an axis.
 *
 * Sequential: every block is scanned, a chain of "extra" tasks carries the total so far, and each
 * block is joined with what came before it.  Blelloch: totals of blocks are combined in a tree
 * first. */
#include <math.h>
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/scan.h"
#include "engine/kernels/ops.h"

/* --- block functions --- */

typedef struct scan_fn {
    fn base;
    const scan *s;
    int axis;
    dtype_of want;
    fn *inner, *binop; /* of composed ones */
    nd *ident;
} scan_fn;

static void scan_drop(fn *f)
{
    scan_fn *s = (scan_fn *)f;
    datum_unref(s->inner);
    datum_unref(s->binop);
    datum_unref(s->ident);
}

static datum *scan_call(const fn *f, const call *c, err *e)
{
    const scan_fn *s = (const scan_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    return x ? (datum *)nd_scan(s->s, x, s->axis, s->want, NULL, e) : NULL;
}

/* (shape): the identity, as the first carry */
static datum *ident_call(const fn *f, const call *c, err *e)
{
    const scan_fn *s = (const scan_fn *)f;
    int64_t shape[GRID_MAXDIM];
    for (uint32_t i = 0; i < c->arg[0].n; i++) shape[i] = c->arg[0].item[i].i;
    return (datum *)nd_full(s->want, (int)c->arg[0].n, shape, s->ident, e);
}

static datum *call_two(const fn *f, const call *c, datum *x, datum *y, err *e)
{
    lit arg[] = {lit_in(0), lit_in(1)};
    call d = *c;
    d.in = (datum *[]){x, y};
    d.nin = d.narg = 2;
    d.arg = arg;
    return fn_call(f, &d, e);
}

/* (carry, previous block): binop(carry, the block's last slice) */
static datum *carry_call(const fn *f, const call *c, err *e)
{
    const scan_fn *s = (const scan_fn *)f;
    nd *x = arg_nd(c, &c->arg[1], e);
    if (!x) return NULL;
    if (s->axis >= x->ndim)
        return err_set(e, IndexError, "axis %d is out of bounds for a block of %d axes", s->axis,
                       x->ndim);
    int64_t n = nd_shape(x)[s->axis];
    nd *last = nd_slice(x, s->axis, n ? n - 1 : 0, n ? 1 : 0, 1);
    datum *out = call_two(s->binop, c, arg_datum(c, &c->arg[0]), &last->hdr, e);
    datum_unref(last);
    return out;
}

/* (carry, block of x): binop(carry, scanned block) */
static datum *combine_call(const fn *f, const call *c, err *e)
{
    const scan_fn *s = (const scan_fn *)f;
    call d = *c;
    d.narg = 1;
    d.arg = &c->arg[1];
    datum *scanned = fn_call(s->inner, &d, e);
    datum *out = scanned ? call_two(s->binop, c, arg_datum(c, &c->arg[0]), scanned, e) : NULL;
    datum_unref(scanned);
    return out;
}

static void scan_prepare(const fn *f, const struct task_view *v)
{
    const scan_fn *s = (const scan_fn *)f;
    const fn *part[] = {s->inner, s->binop};
    for (int i = 0; i < 2; i++)
        if (part[i] && part[i]->kind->prepare) part[i]->kind->prepare(part[i], v);
}

static const fn_field scan_fields[] = {
    PARAM_ROW(scan_fn, s, scans, NSCAN),
    PARAM(scan_fn, axis),
    PARAM(scan_fn, want),
    PARAM_DATUM(scan_fn, inner),
    PARAM_DATUM(scan_fn, binop),
    PARAM_DATUM(scan_fn, ident),
    {0},
};

static const fn_kind scan_kind = {.name = "scan",
                                  .version = 1,
                                  .size = sizeof(scan_fn),
                                  .fields = scan_fields,
                                  .call = scan_call,
                                  .takes = "x",
                                  .drop = scan_drop,
                                  .cost = {.ns = 0.4f}};
static const fn_kind ident_kind = {.name = "scan_ident",
                                   .version = 1,
                                   .size = sizeof(scan_fn),
                                   .fields = scan_fields,
                                   .call = ident_call,
                                   .drop = scan_drop,
                                   .takes = "s*"};
static const fn_kind carry_kind = {.name = "scan_carry",
                                   .version = 1,
                                   .size = sizeof(scan_fn),
                                   .fields = scan_fields,
                                   .call = carry_call,
                                   .drop = scan_drop,
                                   .prepare = scan_prepare,
                                   .takes = "xx"};
static const fn_kind combine_kind = {.name = "scan_combine",
                                     .version = 1,
                                     .size = sizeof(scan_fn),
                                     .fields = scan_fields,
                                     .call = combine_call,
                                     .drop = scan_drop,
                                     .prepare = scan_prepare,
                                     .takes = "xx"};

static fn *scan_new(const fn_kind *kind, const char *name, const scan_fn *like)
{
    scan_fn *s = fn_new(sizeof *s, kind, name);
    fn base = s->base;
    *s = *like;
    s->base = base;
    datum_ref(s->inner);
    datum_ref(s->binop);
    datum_ref(s->ident);
    int64_t param[] = {s->s ? s->s - scans : -1, s->axis, s->want.dt, s->want.size};
    fn_identify(&s->base, param, sizeof param);
    if (kind == &scan_kind) fn_ranks(&s->base, 0, s->axis + 1, ND_MAXDIM);
    if (s->binop) s->base.flags = s->binop->flags | (s->inner ? s->inner->flags : 0);
    return &s->base;
}

/* --- sequential --- */

typedef struct scan_layer {
    layer base;
    fn *ident, *carry, *binop;
    int axis;
    bool own; /* by our own functions, from the number that changes nothing */
} scan_layer;

static uint64_t previous(const grid *g, int axis, const int64_t *block)
{
    int64_t b[GRID_MAXDIM];
    memcpy(b, block, g->ndim * sizeof *b);
    b[axis]--;
    return grid_linear(g, b);
}

/* of the total of a block along an axis, whose elements have that size; 0: not known */
static uint64_t slab_bytes(const grid *g, int axis, uint64_t size, const int64_t *block)
{
    for (int d = 0; d < g->ndim; d++) {
        int64_t n = d == axis ? 1 : cuts_size(g->ax[d], block[d]);
        size *= n < 0 ? 0 : (uint64_t)n;
    }
    return size;
}

/* tasks: blocks, then "extra" carries, block by block */
static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const scan_layer *l = (const scan_layer *)base;
    const grid *g = base->grid;
    const layer *m = base->dep[0];
    bool extra = i >= g->nblock;
    uint64_t b = extra ? i - g->nblock : i;
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    (void)e;
    grid_block(g, b, block);
    ref *in = arena_alloc(a, 2 * sizeof *in);
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    arg[0] = lit_in(0);
    arg[1] = lit_in(1);
    *out = (task_view){.narg = 2, .arg = arg, .nin = 2, .in = in};
    if (!extra && block[l->axis] == 0) {
        in[0] = (ref){m, b};
        out->nin = 1;
        out->narg = 0;
    } else if (!extra) {
        in[0] = (ref){base, g->nblock + b};
        in[1] = (ref){m, b};
        out->f = l->binop;
    } else if (block[l->axis] == 0) {
        grid_block_shape(g, block, shape);
        shape[l->axis] = 1;
        arg[0] = lit_ints(a, g->ndim, shape);
        out->f = l->ident;
        out->narg = 1;
        out->nin = 0;
    } else {
        uint64_t p = previous(g, l->axis, block);
        in[0] = (ref){base, g->nblock + p};
        in[1] = (ref){m, p};
        out->f = l->carry;
    }
    return true;
}

static void key_of(const layer *base, uint64_t i, key *out)
{
    uint64_t n = base->grid->nblock;
    out->name = base->name;
    out->sub = i < n ? NULL : "extra";
    out->n = base->grid->ndim;
    grid_block(base->grid, i < n ? i : i - n, out->i);
}

static bool find(const layer *base, const key *k, uint64_t *i)
{
    const grid *g = base->grid;
    if (strcmp(k->name, base->name) || k->n != g->ndim) return false;
    if (k->sub && strcmp(k->sub, "extra")) return false;
    for (int a = 0; a < k->n; a++)
        if (k->i[a] < 0 || k->i[a] >= g->ax[a]->nblock) return false;
    *i = grid_linear(g, k->i) + (k->sub ? g->nblock : 0);
    return true;
}

/* of a carry; 0: not known */
static uint64_t carry_bytes(const layer *base, uint64_t i)
{
    const grid *g = base->grid;
    int64_t block[GRID_MAXDIM];
    grid_block(g, i - g->nblock, block);
    return slab_bytes(g, ((const scan_layer *)base)->axis, base->type.size, block);
}

static void drop(layer *base)
{
    scan_layer *l = (scan_layer *)base;
    datum_unref(l->ident);
    datum_unref(l->carry);
    datum_unref(l->binop);
}

static const layer_kind scan_layers = {.name = "scan",
                                       .task = task_of,
                                       .key = key_of,
                                       .find = find,
                                       .drop = drop,
                                       .bytes = carry_bytes};

/* of the sums or products of blocks of type t, when nobody says otherwise */
static bool own_type(const scan *s, dtype_of t, dtype_of *out, err *e)
{
    const reduction *r = &reductions[s->fold == U_add ? R_sum : R_prod];
    return reduce_resolve(r, t, (dtype_of){.dt = DT_none}, out, e);
}

bool scan_layer_parts(const layer *l, scan_parts *out)
{
    const scan_layer *y = (const scan_layer *)l;
    err e = {0};
    dtype_of t;
    if (l->kind != &scan_layers || !y->own) return false;
    const bw_layer *b = as_bw(l->dep[0]);
    if (!b || !b->plain || b->narg != 1 || !b->arg[0].of || b->f->kind != &scan_kind) return false;
    const scan_fn *s = (const scan_fn *)b->f;
    *out = (scan_parts){
        .of = b->arg[0].of, .scanned = l->dep[0], .s = s->s, .axis = s->axis, .t = l->type};
    bool ok = own_type(s->s, b->arg[0].of->type, &t, &e) && dtype_equal(l->type, t);
    err_clear(&e);
    return ok;
}

static expr *map_axis(const char *prefix, const fn *f, const expr *x, dtype_of t, err *e)
{
    int letter[GRID_MAXDIM];
    for (int i = 0; i < expr_ndim(x); i++) letter[i] = i;
    return expr_blockwise(&(blockwise){.l = {.prefix = prefix},
                                       .f = f,
                                       .type = t,
                                       .nout = expr_ndim(x),
                                       .out = letter,
                                       .narg = 1,
                                       .arg = &(bw_arg){.x = x, .index = letter}},
                          e);
}

static expr *sequential(label l, const char *prefix, const fn *f, const fn *binop, const nd *ident,
                        const expr *x, int axis, dtype_of t, err *e)
{
    expr *m = map_axis(prefix, f, x, t, e);
    if (!m) return NULL;
    token k = {0};
    token_expr(&k, m);
    token_fn(&k, binop);
    token_int(&k, axis);
    char *name = label_name(l, &k, prefix);
    scan_layer *s = layer_new(sizeof *s, &scan_layers, name, x->chunks, t, 1, &m->of);
    mem_free(name);
    scan_fn like = {
        .axis = axis, .want = t, .binop = (fn *)(uintptr_t)binop, .ident = (nd *)(uintptr_t)ident};
    s->axis = axis;
    s->ident = scan_new(&ident_kind, "full_like", &like);
    s->carry = scan_new(&carry_kind, binop->name, &like);
    s->binop = datum_ref((fn *)(uintptr_t)binop);
    s->base.count = 2 * x->chunks->nblock;
    datum_unref(m);
    return expr_of_layer(&s->base);
}

/* --- blelloch --- */

typedef struct sweep {
    graph_builder *b;
    const grid *g;
    int axis;
    int64_t n;     /* blocks along the axis */
    uint64_t side; /* blocks across it */
    ref *prefix;   /* side values for each of n - 1 totals */
    const fn *binop;
    uint64_t size; /* of an element */
    int level;
} sweep;

/* the k-th block of a slab at position i of the axis */
static void slab_block(const sweep *s, uint64_t k, int64_t i, int64_t *block)
{
    for (int d = s->g->ndim; d-- > 0;) {
        if (d == s->axis) {
            block[d] = i;
            continue;
        }
        uint64_t n = (uint64_t)s->g->ax[d]->nblock;
        block[d] = (int64_t)(k % n);
        k /= n;
    }
}

static void combine_at(sweep *s, int64_t left, int64_t i)
{
    int64_t key_at[GRID_MAXDIM + 2];
    int ndim = s->g->ndim;
    for (uint64_t k = 0; k < s->side; k++) {
        slab_block(s, k, i, key_at);
        key_at[ndim] = s->level;
        key_at[ndim + 1] = i;
        ref in[2] = {s->prefix[(uint64_t)left * s->side + k], s->prefix[(uint64_t)i * s->side + k]};
        uint64_t id = graph_add_key(s->b, NULL, ndim + 2, key_at);
        graph_set_task(s->b, id, s->binop, 0, NULL, 2, in);
        graph_set_bytes(s->b, id, slab_bytes(s->g, s->axis, s->size, key_at));
        s->prefix[(uint64_t)i * s->side + k] = (ref){NULL, id};
    }
}

static void sweeps(sweep *s)
{
    int64_t n = s->n - 1, stride = 1;
    if (n < 2) return;
    for (int64_t twice = 2; twice <= n; stride = twice, twice *= 2, s->level++)
        for (int64_t i = twice - 1; i < n; i += twice) combine_at(s, i - stride, i);
    double top = n / 2 > 0 ? ceil(log2((double)(n / 2))) : 0;
    int64_t twice = (int64_t)pow(2, top);
    if (twice < 2) twice = 2;
    for (stride = twice / 2; stride > 0; twice = stride, stride /= 2, s->level++)
        for (int64_t i = twice + stride - 1; i < n; i += twice) combine_at(s, i - stride, i);
}

static expr *blelloch(label l, const char *prefix, const fn *f, const fn *preop, const fn *binop,
                      const expr *x, int axis, dtype_of t, err *e)
{
    const grid *g = x->chunks;
    expr *totals = map_axis(preop->name, preop, x, t, e);
    if (!totals) return NULL;
    token k = {0};
    token_expr(&k, totals);
    token_fn(&k, binop);
    token_int(&k, axis);
    char *name = label_name(l, &k, prefix);
    sweep s = {.b = graph_builder_new(name),
               .g = g,
               .axis = axis,
               .n = g->ax[axis]->nblock,
               .binop = binop,
               .size = t.size};
    mem_free(name);
    s.side = g->nblock / (uint64_t)(s.n ? s.n : 1);
    s.prefix = mem_alloc((g->nblock + 1) * sizeof *s.prefix);
    int64_t block[GRID_MAXDIM];
    for (uint64_t b = 0; b < g->nblock; b++) {
        grid_block(g, b, block);
        graph_add_key(s.b, NULL, g->ndim, block);
    }
    for (int64_t i = 0; i + 1 < s.n; i++)
        for (uint64_t j = 0; j < s.side; j++) {
            slab_block(&s, j, i, block);
            s.prefix[(uint64_t)i * s.side + j] = (ref){totals->of, grid_linear(g, block)};
        }
    sweeps(&s);
    fn *combine = scan_new(
        &combine_kind, "_prefixscan_combine",
        &(scan_fn){
            .axis = axis, .want = t, .inner = (fn *)(uintptr_t)f, .binop = (fn *)(uintptr_t)binop});
    for (int64_t i = 0; i < s.n; i++)
        for (uint64_t j = 0; j < s.side; j++) {
            slab_block(&s, j, i, block);
            uint64_t b = grid_linear(g, block);
            ref own = {x->of, b};
            if (i == 0)
                graph_set_task(s.b, b, f, 0, NULL, 1, &own);
            else
                graph_set_task(s.b, b, combine, 0, NULL, 2,
                               (ref[]){s.prefix[(uint64_t)(i - 1) * s.side + j], own});
        }
    mem_free(s.prefix);
    datum_unref(combine);
    layer *out = graph_build(s.b, x->chunks, t, e);
    datum_unref(totals);
    return expr_of_layer(out);
}

/* --- the front --- */

/* totals of a block along the axis, kept as an axis of one */
typedef struct total_fn {
    fn base;
    enum reduction_id id;
    int axis;
    dtype_of want;
} total_fn;

static datum *total_call(const fn *f, const call *c, err *e)
{
    const total_fn *t = (const total_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x) return NULL;
    return (datum *)nd_reduce(&reductions[t->id], x, axis_bit(t->axis), true, t->want, NULL, e);
}

static const fn_field total_fields[] = {
    PARAMS_FROM(total_fn, id),
    {0},
};

static const fn_kind total_kind = {.name = "scan_total",
                                   .version = 1,
                                   .size = sizeof(total_fn),
                                   .fields = total_fields,
                                   .call = total_call,
                                   .takes = "x"};

expr *expr_scan(label l, const scan *s, const expr *x, int axis, dtype_of want, char method, err *e)
{
    if (!x) return NULL;
    bool sum = s->fold == U_add;
    enum reduction_id total = s->skip_nan ? (sum ? R_nansum : R_nanprod) : sum ? R_sum : R_prod;
    dtype_of t;
    if (!reduce_resolve(&reductions[sum ? R_sum : R_prod], x->type, want, &t, e)) return NULL;
    /* as in Dask, blocks of a sequential scan are not told of the type that is asked for */
    const dtype_of as = method == 'b' ? t : (dtype_of){.dt = DT_none};
    fn *f = scan_new(&scan_kind, s->name, &(scan_fn){.s = s, .axis = axis, .want = as});
    if (s->skip_nan && t.dt >= DT_float16) { /* NaN are replaced in a copy */
        f->copies = 1;
        f->ns = 2;
    }
    fn *binop = fn_ufunc(&ufuncs[s->fold], (dtype_of){.dt = DT_none}, 0,
                         sum ? "_cumsum_merge" : "_cumprod_merge");
    expr *y;
    if (method == 'b') {
        total_fn *pre = fn_new(sizeof *pre, &total_kind, reductions[total].name);
        pre->id = total;
        pre->axis = axis;
        pre->want = (dtype_of){.dt = DT_none};
        fn_identify(&pre->base, &pre->id, sizeof *pre - offsetof(total_fn, id));
        fn_ranks(&pre->base, 0, axis + 1, ND_MAXDIM);
        y = blelloch(l, s->name, f, &pre->base, binop, x, axis, t, e);
        datum_unref(pre);
    } else {
        int64_t first = sum ? 0 : 1;
        nd *ident = nd_scalar(DT_int64, &first);
        y = sequential(l, s->name, f, binop, ident, x, axis, t, e);
        if (y) ((scan_layer *)y->of)->own = true;
        datum_unref(ident);
    }
    datum_unref(f);
    datum_unref(binop);
    return y;
}

const fn_kind *const scan_kinds[] = {&scan_kind,    &ident_kind, &carry_kind,
                                     &combine_kind, &total_kind, NULL};
