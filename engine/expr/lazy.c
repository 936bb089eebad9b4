/* engine/expr/lazy.c - lazy indices: x[ints] and x[mask] where the index is itself an expr.
 *
 * Integers meet every chunk of x, then one task per chunk of indices picks the hits in order.
 * A mask selects chunk by chunk; how much, nobody knows before: chunks of nan. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/expr/index.h"
#include "engine/kernels/ops.h"

/* --- integers --- */

typedef struct ints_fn {
    fn base;
    int axis;
    int64_t size; /* of x along the axis */
    cuts *chunks; /* the aggregate: x's cuts along the axis */
} ints_fn;

static void ints_drop(fn *f)
{
    datum_unref(((ints_fn *)f)->chunks);
}

/* positions as int64 from the start of the axis; a fresh block */
static nd *positions(const nd *index, int64_t size, err *e)
{
    nd *wide = nd_cast(index, dtype_plain(DT_int64), 'u', e), *out = wide ? nd_copy(wide, e) : NULL;
    datum_unref(wide);
    int64_t *p = out ? (int64_t *)out->at : NULL;
    for (int64_t i = 0; out && i < nd_count(out); i++)
        if (p[i] < 0) p[i] += size;
    return out;
}

/* (x, index, offset): what index picks of this chunk of x */
static datum *pick_call(const fn *f, const call *c, err *e)
{
    const ints_fn *k = (const ints_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e), *index = arg_nd(c, &c->arg[1], e);
    nd *off = arg_nd(c, &c->arg[2], e), *first = NULL;
    if (off && nd_count(off) != 1) return err_set(e, ValueError, "one offset is needed");
    if (x && index && off) first = nd_cast(off, dtype_plain(DT_int64), 'u', e);
    nd *at = first ? positions(index, k->size, e) : NULL;
    if (!at) {
        datum_unref(first);
        return NULL;
    }
    int64_t *p = (int64_t *)at->at, n = 0, start = *(const int64_t *)first->at;
    int64_t size = nd_shape(x)[k->axis];
    for (int64_t i = 0; i < nd_count(at); i++)
        if (p[i] >= start && p[i] < start + size) p[n++] = p[i] - start;
    nd *hits = nd_slice(at, 0, 0, n, 1), *out = nd_take(x, hits, k->axis, 'r', e);
    datum_unref(first);
    datum_unref(at);
    datum_unref(hits);
    return (datum *)out;
}

/* (index, picked chunks joined): the picked elements in the order of index */
static datum *order_call(const fn *f, const call *c, err *e)
{
    const ints_fn *k = (const ints_fn *)f;
    nd *index = arg_nd(c, &c->arg[0], e), *all = arg_nd(c, &c->arg[1], e);
    nd *at = index && all ? positions(index, k->size, e) : NULL;
    if (!at) return NULL;
    int64_t *p = (int64_t *)at->at, n = nd_count(at), nblock = k->chunks->nblock;
    int64_t *next = mem_zero(((size_t)nblock + 1) * sizeof *next), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (p[i] < 0 || p[i] >= k->size) {
            err_set(e, IndexError, "index %lld is out of bounds for axis %d with size %lld",
                    (long long)p[i], k->axis, (long long)k->size);
            break;
        }
        next[cuts_find(k->chunks, p[i])]++;
    }
    for (int64_t b = 0; b < nblock; b++) {
        int64_t count = next[b];
        next[b] = sum;
        sum += count;
    }
    nd *out = NULL;
    if (sum == n) {
        for (int64_t i = 0; i < n; i++) p[i] = next[cuts_find(k->chunks, p[i])]++;
        out = nd_take(all, at, k->axis, 'r', e);
    }
    mem_free(next);
    datum_unref(at);
    return (datum *)out;
}

static const fn_field ints_fields[] = {
    PARAM(ints_fn, axis),
    PARAM(ints_fn, size),
    PARAM_DATUM(ints_fn, chunks),
    {0},
};

static const fn_kind pick_kind = {.name = "slice_with_int_dask_array",
                                  .version = 1,
                                  .size = sizeof(ints_fn),
                                  .fields = ints_fields,
                                  .call = pick_call,
                                  .takes = "xxx",
                                  .drop = ints_drop};
static const fn_kind order_kind = {.name = "slice_with_int_dask_array_aggregate",
                                   .version = 1,
                                   .size = sizeof(ints_fn),
                                   .fields = ints_fields,
                                   .call = order_call,
                                   .takes = "xx",
                                   .drop = ints_drop};

static fn *ints_new(const fn_kind *kind, int axis, cuts *chunks)
{
    ints_fn *f = fn_new(sizeof *f, kind, kind->name);
    f->axis = axis;
    f->size = chunks->extent;
    f->chunks = datum_ref(chunks);
    int64_t param[] = {axis, chunks->extent, chunks->nblock};
    fn_identify(&f->base, param, sizeof param);
    bool picks = kind == &pick_kind;
    if (picks && chunks->nblock <= UINT32_MAX) f->base.share = (uint32_t)chunks->nblock;
    fn_ranks(&f->base, picks ? 0 : 1, axis + 1, ND_MAXDIM);
    fn_ranks(&f->base, picks ? 1 : 0, 1, 1);
    return &f->base;
}

/* where each chunk of the axis starts: an array cut like the axis, one number a chunk */
static expr *offsets(cuts *ax, err *e)
{
    nd *at = nd_new(dtype_plain(DT_int64), 1, &ax->nblock, e);
    if (!at) return NULL;
    for (int64_t i = 0; i < ax->nblock; i++) ((int64_t *)at->at)[i] = cuts_start(ax, i);
    cuts *ones = cuts_repeat(ax->nblock, 1);
    grid *g = grid_new(1, &ones), *like = grid_new(1, &ax);
    source *s = source_nd(at);
    expr *x = expr_array((label){0}, s, hash128_bytes(at->at, nd_bytes(at)), false, g,
                         dtype_plain(DT_int64), e);
    expr *y = expr_with_chunks(x, like, e);
    datum_unref(x);
    datum_unref(s);
    datum_unref(g);
    datum_unref(like);
    datum_unref(ones);
    datum_unref(at);
    return y;
}

expr *index_by_ints(const expr *x, const expr *index, int axis, err *e)
{
    cuts *ax = x->chunks->ax[axis];
    int ndim = expr_ndim(x), xl[GRID_MAXDIM], pl[GRID_MAXDIM + 1], yl[GRID_MAXDIM];
    int il[1] = {ndim}, ol[1] = {axis}, n = 0;
    for (int64_t i = 0; i < ax->nblock; i++)
        if (cuts_size(ax, i) < 0)
            return err_set(e, NotImplementedError,
                           "Slicing an array with unknown chunks with a dask.array of ints is not "
                           "supported");
    for (int i = 0; i < ndim; i++) {
        xl[i] = i;
        yl[i] = i == axis ? ndim : i;
        pl[n++] = i;
        if (i == axis) pl[n++] = ndim;
    }
    expr *off = offsets(ax, e), *p = NULL, *y = NULL;
    fn *pick = ints_new(&pick_kind, axis, ax), *order = ints_new(&order_kind, axis, ax);
    bw_arg parg[] = {{.x = x, .index = xl}, {.x = index, .index = il}, {.x = off, .index = ol}};
    /* what is picked has no axis for the chunks of x: they are at most as many times the index */
    cuts *thin = cuts_repeat(ax->nblock, 1);
    if (off)
        p = expr_blockwise(&(blockwise){.f = pick,
                                        .type = x->type,
                                        .nout = n,
                                        .out = pl,
                                        .narg = 3,
                                        .arg = parg,
                                        .nadjust = 1,
                                        .adjust_letter = (int[]){axis},
                                        .adjust_axis = (cuts *[]){thin}},
                           e);
    datum_unref(thin);
    bw_arg yarg[] = {{.x = index, .index = il}, {.x = p, .index = pl}};
    if (p) {
        /* the picked chunks have no axis of their own for x's: joined along it */
        y = expr_blockwise(&(blockwise){.f = order,
                                        .type = x->type,
                                        .nout = ndim,
                                        .out = yl,
                                        .narg = 2,
                                        .arg = yarg,
                                        .concatenate = BW_CONCATENATE},
                           e);
    }
    datum_unref(off);
    datum_unref(p);
    datum_unref(pick);
    datum_unref(order);
    return y;
}

/* --- masks --- */

static cuts *unknown(int64_t nblock)
{
    return cuts_repeat(nblock, -1);
}

static bool rename_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    ref *in = arena_alloc(a, sizeof *in);
    (void)e;
    *in = (ref){l->dep[0], i};
    out->in = in;
    out->nin = 1;
    return true;
}

static const layer_kind rename_kind = {.name = "alias", .task = rename_task};

/* 1-d chunks under new keys, in C order of the old ones */
static expr *renamed(const expr *y, const expr *x, const expr *mask)
{
    token t = {0};
    token_expr(&t, x);
    token_expr(&t, mask);
    char *name = token_name(&t, "getitem");
    cuts *ax = unknown((int64_t)y->chunks->nblock);
    grid *g = grid_new(1, &ax);
    layer *l = layer_new(sizeof *l, &rename_kind, name, g, y->type, 1, &y->of);
    datum_unref(g);
    datum_unref(ax);
    mem_free(name);
    return expr_of_layer(l);
}

static expr *raveled(const expr *x, err *e)
{
    return expr_reshape(x, 1, &(int64_t){-1}, true, e);
}

expr *index_by_mask(const expr *x, const expr *mask, err *e)
{
    bool known = grid_known(x->chunks) && grid_known(mask->chunks);
    expr *fx = known ? raveled(x, e) : expr_ref(x);
    expr *fm = known ? raveled(mask, e) : expr_ref(mask);
    fn *f = fn_getitem();
    term part[] = {{.x = fx}, {.x = fm}};
    expr *y = fx && fm ? expr_elemwise((label){0}, f, 2, part, x->type, e) : NULL;
    expr *z = y ? renamed(y, x, mask) : NULL;
    datum_unref(f);
    datum_unref(fx);
    datum_unref(fm);
    datum_unref(y);
    return z;
}

/* (x, mask or slice for each axis) */
static datum *variadic_call(const fn *f, const call *c, err *e)
{
    index_item item[2 * ND_MAXDIM];
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    int n =
        x ? items_of(c, &(lit){.kind = LIT_TUPLE, .n = c->narg - 1, .item = c->arg + 1}, item, e)
          : -1;
    return n < 0 ? NULL : (datum *)nd_index(x, item, n, e);
}

static const fn_kind variadic_kind = {.name = "getitem_variadic",
                                      .version = 1,
                                      .size = sizeof(fn),
                                      .call = variadic_call,
                                      .takes = "x*",
                                      .cost = {.picks = true}};

expr *index_by_masks(const expr *x, int n, const expr *const *mask, err *e)
{
    int ndim = expr_ndim(x), letter[GRID_MAXDIM];
    bw_arg arg[GRID_MAXDIM + 1] = {{.x = x, .index = letter}};
    for (int i = 0; i < ndim; i++) {
        letter[i] = i;
        arg[i + 1] = (bw_arg){.x = i < n ? mask[i] : NULL,
                              .index = &letter[i],
                              .literal = lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE)};
    }
    fn *f = fn_new(sizeof *f, &variadic_kind, "getitem_variadic");
    expr *y = expr_blockwise(
        &(blockwise){
            .f = f, .type = x->type, .nout = ndim, .out = letter, .narg = ndim + 1, .arg = arg},
        e);
    datum_unref(f);
    if (!y) return NULL;
    cuts *ax[GRID_MAXDIM];
    for (int i = 0; i < ndim; i++)
        ax[i] = i < n && mask[i] ? unknown(y->chunks->ax[i]->nblock) : datum_ref(y->chunks->ax[i]);
    grid *g = grid_new(ndim, ax);
    expr *z = expr_with_chunks(y, g, e);
    for (int i = 0; i < ndim; i++) datum_unref(ax[i]);
    datum_unref(g);
    datum_unref(y);
    return z;
}

const fn_kind *const lazy_kinds[] = {&pick_kind, &order_kind, &variadic_kind, NULL};
