/* engine/expr/overlap.c - blocks with their neighbours' edges.
 *
 * Each block of an overlap layer joins itself with slices of up to 3^n - 1 neighbours.  The slices
 * are helper tasks, numbered by (centre, side) along every axis; a boundary other than "none" is
 * first built around the array from slices of it. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

enum side { BEFORE, CENTRE, AFTER }; /* which piece of what surrounds a centre */

typedef struct overlap_layer {
    layer base;
    fn *concat, *getitem;
    char *helper_name;
    grid *in;
    int64_t depth[2 * GRID_MAXDIM];
} overlap_layer;

static bool deep(const overlap_layer *l, int k)
{
    return l->depth[2 * k] || l->depth[2 * k + 1];
}

/* pieces along an axis: centre 0 has no BEFORE, the last one no AFTER */
static int64_t axis_pieces_of(const overlap_layer *l, int k)
{
    int64_t n = l->in->ax[k]->nblock;
    return deep(l, k) ? 3 * n - 2 : n;
}

static int64_t piece_of(const overlap_layer *l, int k, int64_t centre, enum side side)
{
    return deep(l, k) ? 3 * centre + (int64_t)side - 1 : centre;
}

static void piece_split(const overlap_layer *l, int k, int64_t piece, int64_t *centre,
                        enum side *side)
{
    *centre = deep(l, k) ? (piece + 1) / 3 : piece;
    *side = deep(l, k) ? (enum side)((piece + 1) % 3) : CENTRE;
}

static uint64_t piece_index(const overlap_layer *l, const int64_t *piece)
{
    uint64_t i = 0;
    for (int k = 0; k < l->in->ndim; k++)
        i = i * (uint64_t)axis_pieces_of(l, k) + (uint64_t)piece[k];
    return i;
}

static void piece_coords(const overlap_layer *l, uint64_t i, int64_t *piece)
{
    for (int k = l->in->ndim; k-- > 0;) {
        uint64_t n = (uint64_t)axis_pieces_of(l, k);
        piece[k] = (int64_t)(i % n);
        i /= n;
    }
}

/* --- tasks --- */

typedef struct around {
    const overlap_layer *l;
    arena *a;
    int64_t centre[GRID_MAXDIM], piece[GRID_MAXDIM];
    ref *ref;
    uint32_t nref;
} around;

static void side_range(const around *w, int k, enum side *lo, enum side *hi)
{
    bool d = deep(w->l, k);
    *lo = d && w->centre[k] > 0 ? BEFORE : CENTRE;
    *hi = d && w->centre[k] < w->l->in->ax[k]->nblock - 1 ? AFTER : CENTRE;
}

static lit around_lists(around *w, int k)
{
    if (k == w->l->in->ndim) {
        uint64_t nblock = w->l->base.grid->nblock;
        w->ref[w->nref] = (ref){&w->l->base, nblock + piece_index(w->l, w->piece)};
        return lit_in(w->nref++);
    }
    enum side lo, hi;
    side_range(w, k, &lo, &hi);
    uint32_t n = 0;
    lit *item = arena_alloc(w->a, 3 * sizeof *item);
    for (int s = (int)lo; s <= (int)hi; s++) {
        w->piece[k] = piece_of(w->l, k, w->centre[k], (enum side)s);
        item[n++] = around_lists(w, k + 1);
    }
    return lit_items(LIT_LIST, n, item);
}

static void block_task(const overlap_layer *l, uint64_t i, arena *a, task_view *out)
{
    around w = {.l = l, .a = a};
    size_t n = 1;
    grid_block(l->in, i, w.centre);
    for (int k = 0; k < l->in->ndim; k++) n *= deep(l, k) ? 3 : 1;
    w.ref = arena_alloc(a, n * sizeof(ref));
    lit *arg = arena_alloc(a, sizeof *arg);
    *arg = around_lists(&w, 0);
    *out = (task_view){.f = l->concat, .narg = 1, .arg = arg, .nin = w.nref, .in = w.ref};
}

/* a slice of a neighbour, or the centre itself under another name */
static void piece_task(const overlap_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t piece[GRID_MAXDIM], from[GRID_MAXDIM];
    int ndim = l->in->ndim;
    bool whole = true;
    lit *arg = arena_alloc(a, 2 * sizeof *arg), *item = arena_alloc(a, (size_t)ndim * sizeof *item);
    ref *in = arena_alloc(a, sizeof *in);
    piece_coords(l, i, piece);
    for (int k = 0; k < ndim; k++) {
        int64_t centre, before = l->depth[2 * k], after = l->depth[2 * k + 1];
        enum side side;
        piece_split(l, k, piece[k], &centre, &side);
        from[k] = centre + (int64_t)side - 1;
        whole &= side == CENTRE;
        item[k] = side == CENTRE  ? lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE)
                  : side == AFTER ? lit_slice(0, after, SLICE_NONE)
                  : before        ? lit_slice(-before, SLICE_NONE, SLICE_NONE)
                                  : lit_slice(0, 0, SLICE_NONE);
    }
    *in = (ref){l->base.dep[0], grid_linear(l->in, from)};
    out->in = in;
    out->nin = 1;
    if (whole) return;
    arg[0] = lit_in(0);
    arg[1] = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    out->f = l->getitem;
    out->narg = 2;
    out->arg = arg;
}

static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const overlap_layer *l = (const overlap_layer *)base;
    (void)e;
    if (i < base->grid->nblock)
        block_task(l, i, a, out);
    else
        piece_task(l, i - base->grid->nblock, a, out);
    return true;
}

static void key_of(const layer *base, uint64_t i, key *out)
{
    const overlap_layer *l = (const overlap_layer *)base;
    out->n = l->in->ndim;
    out->name = i < base->grid->nblock ? base->name : l->helper_name;
    if (i < base->grid->nblock)
        grid_block(l->in, i, out->i);
    else
        piece_coords(l, i - base->grid->nblock, out->i);
}

static bool find(const layer *base, const key *k, uint64_t *i)
{
    const overlap_layer *l = (const overlap_layer *)base;
    bool helper = !strcmp(k->name, l->helper_name);
    if ((!helper && strcmp(k->name, base->name)) || k->n != l->in->ndim || k->sub) return false;
    for (int d = 0; d < k->n; d++)
        if (k->i[d] < 0 || k->i[d] >= (helper ? axis_pieces_of(l, d) : l->in->ax[d]->nblock))
            return false;
    *i = helper ? base->grid->nblock + piece_index(l, k->i) : grid_linear(l->in, k->i);
    return true;
}

static void drop(layer *base)
{
    overlap_layer *l = (overlap_layer *)base;
    datum_unref(l->concat);
    datum_unref(l->getitem);
    datum_unref(l->in);
    mem_free(l->helper_name);
}

static const layer_kind overlap_kind = {
    .name = "overlap", .task = task_of, .key = key_of, .find = find, .drop = drop};

static cuts *wider(const cuts *a, int64_t before, int64_t after)
{
    cuts_builder b = {0};
    for (int64_t i = 0; i < a->nblock; i++)
        cuts_add(&b, cuts_size(a, i) + (i ? before : 0) + (i < a->nblock - 1 ? after : 0), 1);
    return cuts_build(&b);
}

static expr *overlap_blocks(const expr *x, const int64_t *depth)
{
    int ndim = expr_ndim(x);
    token t = {0};
    cuts *ax[GRID_MAXDIM] = {0};
    token_expr(&t, x);
    token_add(&t, depth, 2 * (size_t)ndim * sizeof *depth);
    for (int k = 0; k < ndim; k++)
        ax[k] = depth[2 * k] || depth[2 * k + 1]
                    ? wider(x->chunks->ax[k], depth[2 * k], depth[2 * k + 1])
                    : datum_ref(x->chunks->ax[k]);
    grid *g = grid_new(ndim, ax);
    char *name = token_name(&t, "overlap");
    overlap_layer *l = layer_new(sizeof *l, &overlap_kind, name, g, x->type, 1, &x->of);
    l->in = datum_ref(x->chunks);
    memcpy(l->depth, depth, 2 * (size_t)ndim * sizeof *depth);
    l->concat = fn_concat_all(ndim);
    l->getitem = fn_getitem();
    strbuf b = {0};
    sb_addf(&b, "getitem%s", name + strlen("overlap"));
    l->helper_name = sb_take(&b, NULL);
    uint64_t pieces = 1;
    for (int k = 0; k < ndim; k++) pieces *= (uint64_t)axis_pieces_of(l, k);
    l->base.count += pieces;
    for (int k = 0; k < ndim; k++) datum_unref(ax[k]);
    datum_unref(g);
    mem_free(name);
    return expr_of_layer(&l->base);
}

/* --- what lies beyond the edges --- */

static const index_item colon = {
    .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};

static expr *edge_slice(const expr *x, int axis, int64_t start, int64_t stop, int64_t step, err *e)
{
    expr_item item[GRID_MAXDIM];
    for (int k = 0; k <= axis; k++) item[k] = (expr_item){.item = colon};
    item[axis].item = (index_item){.kind = IDX_SLICE, .start = start, .stop = stop, .step = step};
    return expr_index(x, axis + 1, item, e);
}

/* one chunk along the axis; takes x */
static expr *in_one(expr *x, int axis, int64_t size, err *e)
{
    cuts *ax[GRID_MAXDIM] = {0};
    if (!x) return NULL;
    for (int k = 0; k < expr_ndim(x); k++)
        ax[k] = k == axis ? cuts_repeat(1, size) : datum_ref(x->chunks->ax[k]);
    grid *g = grid_new(expr_ndim(x), ax);
    expr *y = expr_rechunk(x, g, 0, 0, e);
    for (int k = 0; k < expr_ndim(x); k++) datum_unref(ax[k]);
    datum_unref(g);
    datum_unref(x);
    return y;
}

static expr *repeated(expr *x, int axis, int64_t n, err *e) /* takes x */
{
    if (!x) return NULL;
    const expr **all = mem_alloc((size_t)n * sizeof *all);
    for (int64_t i = 0; i < n; i++) all[i] = x;
    expr *y = expr_concat((int)n, all, axis, false, e);
    mem_free(all);
    datum_unref(x);
    return y;
}

static expr *constant_edge(const expr *x, int axis, int64_t d, const nd *value, err *e)
{
    cuts *ax[GRID_MAXDIM] = {0};
    for (int k = 0; k < expr_ndim(x); k++)
        ax[k] = k == axis ? cuts_repeat(1, d) : datum_ref(x->chunks->ax[k]);
    grid *g = grid_new(expr_ndim(x), ax);
    expr *y = expr_full((label){.prefix = "full_like"}, g, x->type, value, e);
    for (int k = 0; k < expr_ndim(x); k++) datum_unref(ax[k]);
    datum_unref(g);
    return y;
}

static expr *bounded(expr *x, int axis, int64_t d, const boundary *edge, err *e) /* takes x */
{
    const int64_t no = SLICE_NONE;
    expr *l = NULL, *r = NULL, *out = NULL;
    switch (edge->kind) {
    case EDGE_NONE: return x;
    case EDGE_PERIODIC:
        r = in_one(edge_slice(x, axis, 0, d, no, e), axis, d, e);
        l = in_one(edge_slice(x, axis, -d, no, no, e), axis, d, e);
        break;
    case EDGE_REFLECT:
        l = d == 1 ? edge_slice(x, axis, 0, 1, no, e) : edge_slice(x, axis, d - 1, no, -1, e);
        l = in_one(l, axis, d, e);
        r = in_one(edge_slice(x, axis, -1, -d - 1, -1, e), axis, d, e);
        break;
    case EDGE_NEAREST:
        l = in_one(repeated(edge_slice(x, axis, 0, 1, no, e), axis, d, e), axis, d, e);
        r = in_one(repeated(edge_slice(x, axis, -1, -2, -1, e), axis, d, e), axis, d, e);
        break;
    case EDGE_VALUE:
        l = constant_edge(x, axis, d, edge->value, e);
        r = expr_ref(l);
        break;
    }
    if (l && r) out = expr_concat(3, (const expr *const[]){l, x, r}, axis, false, e);
    datum_unref(l);
    datum_unref(r);
    datum_unref(x);
    return out;
}

/* --- chunks at least as large as the depth --- */

static cuts *at_least(const cuts *a, int64_t size, err *e)
{
    cuts_builder out = {0};
    int64_t pending = 0, last = -1, smallest = INT64_MAX;
    for (uint32_t r = 0; r < a->nrun; r++)
        if (a->run[r].size < smallest) smallest = a->run[r].size;
    if (size <= smallest) return datum_ref((cuts *)(uintptr_t)a);
    int64_t *list = mem_alloc(((size_t)a->nblock + 1) * sizeof *list), n = 0;
    for (int64_t i = 0; i < a->nblock; i++) {
        int64_t c = cuts_size(a, i);
        if (c < size) {
            if (pending > size + (size - c)) {
                list[n++] = pending - (size - c);
                pending = size;
            } else
                pending += c;
        }
        if (pending >= size) {
            list[n++] = pending;
            pending = 0;
        }
        if (c >= size) pending += c;
    }
    if (pending >= size)
        list[n++] = pending;
    else if (n)
        list[n - 1] += pending;
    else
        last = 0;
    for (int64_t i = 0; i < n; i++) cuts_add(&out, list[i], 1);
    mem_free(list);
    if (last < 0) return cuts_build(&out);
    mem_free(out.run);
    return err_set(e, ValueError, "The overlapping depth %lld is larger than your array %lld.",
                   (long long)size, (long long)a->extent);
}

static expr *roomy(const expr *x, const int64_t *depth, err *e)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int n = 0, ndim = expr_ndim(x);
    for (; n < ndim; n++) {
        int64_t d = depth[2 * n] > depth[2 * n + 1] ? depth[2 * n] : depth[2 * n + 1];
        if (!(ax[n] = at_least(x->chunks->ax[n], d, e))) break;
    }
    expr *y = NULL;
    if (n == ndim) {
        grid *g = grid_new(ndim, ax);
        y = expr_rechunk(x, g, 0, 0, e);
        datum_unref(g);
    }
    while (n) datum_unref(ax[--n]);
    return y;
}

expr *expr_overlap(const expr *x, const int64_t *depth, const boundary *edge, err *e)
{
    if (!x) return NULL;
    int ndim = expr_ndim(x);
    bool cut = false;
    for (int k = 0; k < 2 * ndim; k++)
        if (depth[k] < 0)
            return err_set(e, ValueError, "the depth of an overlap cannot be negative, got %lld",
                           (long long)depth[k]);
    expr *y = roomy(x, depth, e);
    expr_item item[GRID_MAXDIM];
    for (int k = 0; k < ndim && y; k++) {
        int64_t d = depth[2 * k];
        item[k] = (expr_item){.item = colon};
        if (!d || edge[k].kind == EDGE_NONE) continue;
        y = bounded(y, k, d, &edge[k], e);
        item[k].item =
            (index_item){.kind = IDX_SLICE, .start = 2 * d, .stop = -2 * d, .step = SLICE_NONE};
        cut = true;
    }
    expr *z = y ? overlap_blocks(y, depth) : NULL;
    datum_unref(y);
    if (!cut || !z) return z;
    y = expr_index(z, ndim, item, e);
    datum_unref(z);
    return y;
}

/* --- trimming --- */

typedef struct trim_fn {
    fn base;
    int ndim;
    int64_t depth[2 * GRID_MAXDIM], nblock[GRID_MAXDIM];
    bool none[GRID_MAXDIM];
} trim_fn;

/* (block, block numbers) */
static datum *trim_call(const fn *f, const call *c, err *e)
{
    const trim_fn *t = (const trim_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    datum *where = arg_datum(c, &c->arg[1]);
    if (!x) return NULL;
    bool boxed = where && where->kind == &litbox_kind;
    if (!boxed && c->arg[1].kind != LIT_TUPLE)
        return err_set(e, TypeError, "the place of the block is missing");
    const lit *at = boxed ? &((const litbox *)where)->value : &c->arg[1];
    if (!lit_is_shape(at) || (int)at->n < t->ndim)
        return err_set(e, TypeError, "the place of the block is not %d numbers", t->ndim);
    nd *y = nd_ref(x);
    for (int k = 0; k < t->ndim && k < x->ndim && y; k++) {
        int64_t i = at->item[k].i, n = nd_shape(y)[k];
        int64_t front = t->none[k] && i == 0 ? 0 : t->depth[2 * k];
        int64_t back = t->none[k] && i == t->nblock[k] - 1 ? 0 : t->depth[2 * k + 1];
        if (!front && !back) continue;
        if (front > n) front = n;
        int64_t left = n - front - back > 0 ? n - front - back : 0;
        nd *z = nd_slice(y, k, front, left, 1);
        datum_unref(y);
        y = z;
    }
    return (datum *)y;
}

static const fn_field trim_fields[] = {
    PARAMS_FROM(trim_fn, ndim),
    {0},
};

static const fn_kind trim_kind = {.name = "trim",
                                  .version = 1,
                                  .size = sizeof(trim_fn),
                                  .fields = trim_fields,
                                  .call = trim_call,
                                  .takes = "x.",
                                  .cost = {.view = true, .exact = true}};

static cuts *trimmed(const cuts *a, int64_t before, int64_t after, bool none)
{
    cuts_builder b = {0};
    for (int64_t i = 0; i < a->nblock; i++)
        cuts_add(&b,
                 cuts_size(a, i) - (none && i == 0 ? 0 : before) -
                     (none && i == a->nblock - 1 ? 0 : after),
                 1);
    return cuts_build(&b);
}

expr *expr_trim(const expr *x, const int64_t *depth, const boundary *edge, err *e)
{
    if (!x) return NULL;
    int ndim = expr_ndim(x), letter[GRID_MAXDIM];
    cuts *ax[GRID_MAXDIM] = {0};
    trim_fn *f = fn_new(sizeof *f, &trim_kind, "_trim");
    f->ndim = ndim;
    for (int k = 0; k < ndim; k++) {
        letter[k] = k;
        f->depth[2 * k] = depth[2 * k];
        f->depth[2 * k + 1] = depth[2 * k + 1];
        f->nblock[k] = x->chunks->ax[k]->nblock;
        f->none[k] = edge[k].kind == EDGE_NONE;
        ax[k] = trimmed(x->chunks->ax[k], depth[2 * k], depth[2 * k + 1], f->none[k]);
    }
    fn_identify(&f->base, f->depth, sizeof f->depth + sizeof f->nblock + sizeof f->none);
    token t = {0}; /* a layer of its own for every array that is trimmed */
    token_expr(&t, x);
    token_fn(&t, &f->base);
    char *name = token_name(&t, "block-info-_trim");
    expr *place = expr_block_ids((label){.name = name}, NULL, x->chunks, e);
    mem_free(name);
    bw_arg arg[] = {{.x = x, .index = letter}, {.x = place, .index = letter}};
    expr *y = NULL;
    if (place)
        y = expr_blockwise(&(blockwise){.l = {.prefix = "_trim"},
                                        .f = &f->base,
                                        .type = x->type,
                                        .nout = ndim,
                                        .out = letter,
                                        .narg = 2,
                                        .arg = arg,
                                        .nadjust = ndim,
                                        .adjust_letter = letter,
                                        .adjust_axis = ax},
                           e);
    for (int k = 0; k < ndim; k++) datum_unref(ax[k]);
    datum_unref(place);
    datum_unref(f);
    return y;
}

const fn_kind *const overlap_kinds[] = {&trim_kind, NULL};
