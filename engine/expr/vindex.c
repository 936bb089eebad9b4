/* engine/expr/vindex.c - x.vindex[...]: points picked together along several axes.
 *
 * One task per block that holds points picks them, one task per block of the other axes puts them
 * in order.  The points' axis comes first and is one chunk. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

/* (x, index tuple): the points of one block, their axis first */
static datum *slice_call(const fn *f, const call *c, err *e)
{
    index_item item[2 * ND_MAXDIM];
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    int n = x ? items_of(c, &c->arg[1], item, e) : -1, axis = (int)c->arg[2].i;
    nd *y = n < 0 ? NULL : nd_index(x, item, n, e);
    if (y && (axis < 0 || axis >= y->ndim)) {
        err_set(e, IndexError, "axis %d is out of bounds for array of dimension %d", axis, y->ndim);
        y = datum_unref(y);
    }
    if (!y || axis == 0) return (datum *)y;
    int perm[GRID_MAXDIM], k = 0;
    perm[k++] = axis;
    for (int i = 0; i < y->ndim; i++)
        if (i != axis) perm[k++] = i;
    nd *z = nd_transpose(y, perm);
    datum_unref(y);
    return (datum *)z;
}

/* (list of place lists, list of blocks) */
static datum *merge_call(const fn *f, const call *c, err *e)
{
    (void)f;
    const lit *places = &c->arg[0], *blocks = &c->arg[1];
    int64_t shape[GRID_MAXDIM], n = 0;
    bool fit = places->n == blocks->n && blocks->n;
    for (uint32_t i = 0; fit && i < places->n; i++)
        fit = places->item[i].kind == LIT_DATUM && as_nd(places->item[i].d);
    if (!fit) return err_set(e, TypeError, "places and blocks do not fit");
    nd *first = arg_nd(c, &blocks->item[0], e);
    if (!first) return NULL;
    if (!first->ndim) return err_set(e, ValueError, "blocks of points have at least one axis");
    memcpy(shape, nd_shape(first), first->ndim * sizeof *shape);
    for (uint32_t i = 0; i < places->n; i++) n += nd_count((const nd *)places->item[i].d);
    shape[0] = n;
    nd *out = nd_new(nd_type(first), first->ndim, shape, e);
    for (uint32_t i = 0; i < blocks->n && out; i++) {
        nd *x = arg_nd(c, &blocks->item[i], e);
        index_item at = {.kind = IDX_ARRAY, .array = (const nd *)places->item[i].d};
        if (!x || !nd_index_assign(out, &at, 1, x, e)) out = datum_unref(out);
    }
    return (datum *)out;
}

static const fn_kind slice_kind = {
    .name = "vindex_slice", .version = 1, .size = sizeof(fn), .call = slice_call, .takes = "xki"};
static const fn_kind merge_kind = {
    .name = "vindex_merge", .version = 1, .size = sizeof(fn), .call = merge_call, .takes = "ll"};

typedef struct points {
    const expr *x;
    const nd *at[GRID_MAXDIM]; /* int64, contiguous, one per picked axis; NULL: not picked */
    int64_t n;                 /* points */
    int axis;                  /* where NumPy leaves the points' axis */
    int64_t nhit;              /* blocks with points */
    struct hit {
        int64_t block[GRID_MAXDIM]; /* along picked axes */
        int64_t n, cap, *point;
    } * hit;
} points;

static struct hit *hit_of(points *p, const int64_t *block)
{
    for (int64_t i = 0; i < p->nhit; i++)
        if (!memcmp(p->hit[i].block, block, sizeof p->hit[i].block)) return &p->hit[i];
    if (!(p->nhit & (p->nhit - 1)))
        p->hit = mem_grow(p->hit, (size_t)(p->nhit ? 2 * p->nhit : 1) * sizeof *p->hit);
    struct hit *h = &p->hit[p->nhit++];
    *h = (struct hit){0};
    memcpy(h->block, block, sizeof h->block);
    return h;
}

static void group_points(points *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        int64_t block[GRID_MAXDIM] = {0};
        for (int k = 0; k < expr_ndim(p->x); k++)
            if (p->at[k])
                block[k] = cuts_find(p->x->chunks->ax[k], ((const int64_t *)p->at[k]->at)[i]);
        struct hit *h = hit_of(p, block);
        if (h->n == h->cap) {
            h->cap = h->cap ? 2 * h->cap : 8;
            h->point = mem_grow(h->point, (size_t)h->cap * sizeof *h->point);
        }
        h->point[h->n++] = i;
    }
}

/* blocks of the axes that are not picked, in C order */
static grid *other_grid(const points *p)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int n = 0;
    ax[n++] = cuts_repeat(1, p->n);
    for (int k = 0; k < expr_ndim(p->x); k++)
        if (!p->at[k]) ax[n++] = datum_ref(p->x->chunks->ax[k]);
    grid *g = grid_new(n, ax);
    while (n) datum_unref(ax[--n]);
    return g;
}

static uint64_t add_slice(const points *p, graph_builder *b, const char *name, const fn *f,
                          const struct hit *h, int64_t which, const int64_t *other)
{
    int64_t from[GRID_MAXDIM], key_at[GRID_MAXDIM];
    lit item[GRID_MAXDIM];
    nd *made[GRID_MAXDIM] = {0};
    int ndim = expr_ndim(p->x), o = 1;
    uint64_t bytes = (uint64_t)h->n * p->x->type.size;
    key_at[0] = which;
    for (int k = 0; k < ndim; k++) {
        from[k] = p->at[k] ? h->block[k] : other[o];
        item[k] = lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE);
        if (!p->at[k]) {
            int64_t size = cuts_size(p->x->chunks->ax[k], from[k]);
            bytes *= size < 0 ? 0 : (uint64_t)size;
            key_at[o] = other[o];
            o++;
            continue;
        }
        made[k] = nd_ints(h->n);
        int64_t start = cuts_start(p->x->chunks->ax[k], h->block[k]);
        for (int64_t i = 0; i < h->n; i++)
            ((int64_t *)made[k]->at)[i] = ((const int64_t *)p->at[k]->at)[h->point[i]] - start;
        item[k] = lit_datum(made[k]);
    }
    uint64_t id = graph_add_key(b, name, o, key_at);
    ref in = {p->x->of, grid_linear(p->x->chunks, from)};
    lit arg[] = {lit_in(0), lit_items(LIT_TUPLE, (uint32_t)ndim, item), lit_int(p->axis)};
    graph_set_task(b, id, f, 3, arg, 1, &in);
    graph_set_bytes(b, id, bytes);
    for (int k = 0; k < ndim; k++) datum_unref(made[k]);
    return id;
}

static layer *build(points *p, const char *name, err *e)
{
    grid *g = other_grid(p);
    graph_builder *b = graph_builder_new(name);
    fn *slice = fn_new(sizeof *slice, &slice_kind, "_vindex_slice");
    fn *merge = fn_new(sizeof *merge, &merge_kind, "_vindex_merge");
    strbuf part = {0};
    sb_addf(&part, "vindex-slice%s", name + strlen("vindex-merge"));
    int64_t other[GRID_MAXDIM];
    for (uint64_t i = 0; i < g->nblock; i++) {
        grid_block(g, i, other);
        graph_add_key(b, NULL, g->ndim, other);
    }
    lit *place = mem_alloc((size_t)p->nhit * sizeof *place);
    lit *value = mem_alloc((size_t)p->nhit * sizeof *value);
    ref *in = mem_alloc((size_t)p->nhit * sizeof *in);
    for (int64_t h = 0; h < p->nhit; h++) {
        nd *at = nd_ints(p->hit[h].n);
        memcpy(at->at, p->hit[h].point, (size_t)p->hit[h].n * sizeof(int64_t));
        place[h] = lit_datum(at);
        value[h] = lit_in(h);
    }
    for (uint64_t i = 0; i < g->nblock; i++) {
        grid_block(g, i, other);
        for (int64_t h = 0; h < p->nhit; h++)
            in[h] = (ref){NULL, add_slice(p, b, sb_text(&part), slice, &p->hit[h], h, other)};
        lit arg[] = {lit_items(LIT_LIST, (uint32_t)p->nhit, place),
                     lit_items(LIT_LIST, (uint32_t)p->nhit, value)};
        graph_set_task(b, i, merge, 2, arg, (uint32_t)p->nhit, in);
    }
    for (int64_t h = 0; h < p->nhit; h++) lit_release(&place[h]);
    mem_free(place);
    mem_free(value);
    mem_free(in);
    sb_clear(&part);
    datum_unref(slice);
    datum_unref(merge);
    layer *l = graph_build(b, g, p->x->type, e);
    datum_unref(g);
    return l;
}

/* x with the slices and numbers among the items applied; `arrays`: those of the picked axes */
static expr *plain_part(const expr *x, int n, const index_item *items, const nd **arrays, err *e)
{
    expr_item first[2 * GRID_MAXDIM];
    int dims = 0, k = 0, out = 0;
    for (int i = 0; i < n; i++) dims += items[i].kind != IDX_ELLIPSIS;
    for (int i = 0; i < n; i++) {
        int times = items[i].kind == IDX_ELLIPSIS ? expr_ndim(x) - dims : 1;
        for (; times > 0 && k < 2 * GRID_MAXDIM; times--) {
            bool list = items[i].kind == IDX_ARRAY;
            first[k].lazy = NULL;
            first[k].item = list || items[i].kind == IDX_ELLIPSIS
                                ? (index_item){.kind = IDX_SLICE,
                                               .start = SLICE_NONE,
                                               .stop = SLICE_NONE,
                                               .step = SLICE_NONE}
                                : items[i];
            k++;
            if (items[i].kind != IDX_INT && out < GRID_MAXDIM)
                arrays[out++] = list ? items[i].array : NULL;
        }
    }
    while (out < GRID_MAXDIM) arrays[out++] = NULL;
    return expr_index(x, k, first, e);
}

static void *out_of_bounds(int axis, int64_t size, err *e)
{
    return err_set(e, IndexError,
                   "vindex key has entries out of bounds for indexing along axis %d of size %lld",
                   axis, (long long)size);
}

/* the arrays broadcast together, flat, counted from the start of their axes */
static bool spread_points(points *p, const nd **arrays, int *ndim, int64_t *shape, nd **made,
                          err *e)
{
    const nd *some[GRID_MAXDIM];
    int n = 0;
    for (int k = 0; k < expr_ndim(p->x); k++) {
        if (!arrays[k]) continue;
        if (arrays[k]->dtype == DT_bool)
            return err_set(e, IndexError, "vindex does not support indexing with boolean arrays");
        some[n++] = arrays[k];
    }
    TRY(shape_broadcast(n, some, ndim, shape, e));
    p->n = shape_count(*ndim, shape);
    for (int k = 0; k < expr_ndim(p->x); k++) {
        if (!arrays[k]) continue;
        int64_t size = p->x->chunks->ax[k]->extent;
        nd *wide = nd_broadcast(arrays[k], *ndim, shape, e);
        nd *ints = wide ? nd_cast(wide, dtype_plain(DT_int64), 'u', e) : NULL;
        made[k] = ints ? nd_copy(ints, e) : NULL;
        datum_unref(wide);
        datum_unref(ints);
        if (!made[k]) return false;
        int64_t *at = (int64_t *)made[k]->at;
        for (int64_t i = 0; i < p->n; i++) {
            if (at[i] >= size || at[i] < -size) return out_of_bounds(k, size, e);
            if (at[i] < 0) at[i] += size;
        }
        p->at[k] = made[k];
    }
    return true;
}

/* NumPy: neighbouring index arrays leave their axis in place, others put it first */
static int points_axis(const points *p)
{
    int first = -1, last = -1, n = 0;
    for (int k = 0; k < expr_ndim(p->x); k++) {
        if (!p->at[k]) continue;
        if (first < 0) first = k;
        last = k;
        n++;
    }
    return last - first + 1 == n ? first : 0;
}

static expr *pick(points *p, int ndim, const int64_t *shape, err *e)
{
    token t = {0};
    token_expr(&t, p->x);
    for (int k = 0; k < expr_ndim(p->x); k++) {
        token_int(&t, k);
        if (p->at[k]) token_lit(&t, &(lit){.kind = LIT_DATUM, .d = (datum *)(uintptr_t)p->at[k]});
    }
    char *name = token_name(&t, "vindex-merge");
    expr *flat = NULL;
    p->axis = points_axis(p);
    if (p->n) {
        group_points(p);
        flat = expr_of_layer(build(p, name, e));
    } else {
        grid *g = other_grid(p);
        flat = expr_full((label){.name = name}, g, p->x->type, NULL, e);
        datum_unref(g);
    }
    mem_free(name);
    if (!flat || ndim == 1) return flat;
    int64_t all[GRID_MAXDIM];
    int k = ndim;
    memcpy(all, shape, (size_t)ndim * sizeof *shape);
    for (int i = 1; i < expr_ndim(flat); i++) all[k++] = flat->chunks->ax[i]->extent;
    expr *y = expr_reshape(flat, k, all, true, e);
    datum_unref(flat);
    return y;
}

expr *expr_vindex(const expr *x, int n, const index_item *items, err *e)
{
    if (!x) return NULL;
    const nd *arrays[GRID_MAXDIM];
    nd *made[GRID_MAXDIM] = {0};
    int ndim;
    int64_t shape[GRID_MAXDIM];
    bool any = false;
    expr *rest = plain_part(x, n, items, arrays, e), *y = NULL;
    if (!rest) return NULL;
    for (int k = 0; k < expr_ndim(rest); k++) any |= arrays[k] != NULL;
    if (!any) return rest;
    points p = {.x = rest};
    if (spread_points(&p, arrays, &ndim, shape, made, e)) y = pick(&p, ndim, shape, e);
    for (int64_t h = 0; h < p.nhit; h++) mem_free(p.hit[h].point);
    mem_free(p.hit);
    for (int k = 0; k < GRID_MAXDIM; k++) datum_unref(made[k]);
    datum_unref(rest);
    return y;
}

const fn_kind *const vindex_kinds[] = {&slice_kind, &merge_kind, NULL};
