/* engine/expr/setitem.c - x[items] = value, as a new expr.
 *
 * Blocks that the items do not meet keep their data under a new name; the others get a copy with
 * the part of the value that is theirs. The layer is a table: it also holds the tasks that make
 * those parts, as Dask's does. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

/* --- the block function --- */

/* (block, value, index list) */
static datum *setitem_call(const fn *f, const call *c, err *e)
{
    index_item item[2 * ND_MAXDIM];
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e), *v = x ? arg_nd(c, &c->arg[1], e) : NULL;
    if (!v) return NULL;
    if (nd_count(v) == 0) return datum_ref(x);
    lit tuple = c->arg[2];
    tuple.kind = LIT_TUPLE;
    int n = items_of(c, &tuple, item, e);
    nd *out = n < 0 ? NULL : nd_copy(x, e);
    if (!out || nd_index_assign(out, item, n, v, e)) return (datum *)out;
    err_clear(e);
    err_set(e, ValueError, "shape mismatch: value array could not be broadcast to indexing result");
    return datum_unref(out);
}

static const fn_kind setitem_kind = {
    .name = "setitem", .version = 1, .size = sizeof(fn), .call = setitem_call, .takes = "xxl"};

/* --- the items, with slices made to run forwards --- */

typedef struct target { /* along one axis of x */
    enum { ALONG_SLICE, ALONG_INT, ALONG_LIST, ALONG_MASK } kind;
    int64_t start, stop, step, n; /* n: elements assigned */
    bool reversed;
    nd *list; /* int64 positions or a bool mask, contiguous, owned */
} target;

typedef struct setting {
    const expr *x, *value;
    target at[GRID_MAXDIM];
    int nshape, axis_of[GRID_MAXDIM]; /* axes of the selected region */
    int64_t shape[GRID_MAXDIM];
    graph_builder *b;
    fn *f, *getitem;
    hash128 copied[256]; /* layers whose tasks are in the table already */
    uint64_t first[256];
    int ncopied;
} setting;

static void setting_clear(setting *s)
{
    for (int i = 0; i < expr_ndim(s->x); i++) datum_unref(s->at[i].list);
    datum_unref(s->f);
    datum_unref(s->getitem);
}

static bool set_slice(target *t, index_item item, int64_t n, err *e)
{
    int64_t start = item.start, stop = item.stop, step = item.step, len;
    TRY(slice_clip(n, &start, &stop, &step, &len, e));
    *t = (target){.kind = ALONG_SLICE, .start = start, .stop = stop, .step = step, .n = len};
    if (step < 0) {
        t->reversed = true;
        t->step = -step;
        t->start = start + (len - 1) * step;
    }
    t->stop = len ? t->start + (len - 1) * t->step + 1 : t->start;
    return true;
}

static bool set_list(target *t, const nd *a, int axis, int64_t n, err *e)
{
    bool mask = a->dtype == DT_bool;
    if (a->ndim != 1)
        return err_set(e, IndexError,
                       "Incorrect shape of integer indices for dimension with size "
                       "%lld",
                       (long long)n);
    if (mask && nd_count(a) != n)
        return err_set(e, IndexError,
                       "Boolean array with size %lld is not long enough for axis %d with size "
                       "%lld",
                       (long long)nd_count(a), axis, (long long)n);
    nd *wide = mask ? nd_ref(a) : nd_cast(a, dtype_plain(DT_int64), 'u', e);
    t->list = wide ? nd_copy(wide, e) : NULL;
    datum_unref(wide);
    if (!t->list) return false;
    t->kind = mask ? ALONG_MASK : ALONG_LIST;
    int64_t count = nd_count(a), *p = (int64_t *)t->list->at;
    t->n = mask ? 0 : count;
    for (int64_t i = 0; i < count; i++) {
        if (mask) {
            t->n += t->list->at[i] != 0;
            continue;
        }
        if (p[i] >= n || p[i] < -n)
            return err_set(e, IndexError, "Index is out of bounds for axis %d with size %lld", axis,
                           (long long)n);
        if (p[i] < 0) p[i] += n;
    }
    return true;
}

static bool set_axis(setting *s, int k, const expr_item *in, err *e)
{
    int64_t n = s->x->chunks->ax[k]->extent;
    target *t = &s->at[k];
    if (in->lazy)
        return err_set(e, NotImplementedError,
                       "assignment through a lazy index beside other indices is not supported: "
                       "compute the index first");
    if (in->item.kind == IDX_NEW)
        return err_set(e, IndexError, "dask does not support assignment with a new axis");
    if (in->item.kind == IDX_ARRAY) TRY(set_list(t, in->item.array, k, n, e));
    if (in->item.kind == IDX_SLICE) TRY(set_slice(t, in->item, n, e));
    if (in->item.kind == IDX_INT) {
        int64_t i = in->item.start;
        if (i >= n || i < -n)
            return err_set(e, IndexError, "Index %lld is out of bounds for axis %d with size %lld",
                           (long long)i, k, (long long)n);
        *t = (target){.kind = ALONG_INT, .start = i < 0 ? i + n : i};
        return true;
    }
    s->axis_of[s->nshape] = k;
    s->shape[s->nshape++] = t->n;
    return true;
}

static bool set_items(setting *s, int n, const expr_item *items, err *e)
{
    const expr_item colon = {
        .item = {.kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE}};
    int ndim = expr_ndim(s->x), k = 0, lists = 0, open = 0;
    for (int i = 0; i < n; i++) open += items[i].item.kind != IDX_ELLIPSIS;
    if (open > ndim) return err_set(e, IndexError, "Too many indices for array");
    for (int i = 0; i < n; i++) {
        lists += items[i].item.kind == IDX_ARRAY;
        if (lists > 1)
            return err_set(e, NotImplementedError,
                           "dask is currently limited to at most one dimension's assignment index "
                           "being a 1-d array of integers or booleans.");
        if (items[i].item.kind != IDX_ELLIPSIS) {
            TRY(set_axis(s, k++, &items[i], e));
            continue;
        }
        for (int rest = ndim - open; rest > 0; rest--) TRY(set_axis(s, k++, &colon, e));
    }
    while (k < ndim) TRY(set_axis(s, k++, &colon, e));
    return true;
}

/* --- does the value fit? --- */

static void shape_add(strbuf *b, int n, const int64_t *shape)
{
    sb_addc(b, '(');
    for (int i = 0; i < n; i++) sb_addf(b, i ? ", %lld" : "%lld", (long long)shape[i]);
    sb_adds(b, n == 1 ? ",)" : ")");
}

static void *misfit(const setting *s, const char *fmt, err *e)
{
    strbuf want = {0};
    char *have = expr_shape_text(s->value);
    shape_add(&want, s->nshape, s->shape);
    bool extra = fmt[0] == 'c';
    if (extra)
        err_set(e, ValueError, "could not broadcast input array from shape%s into shape %s", have,
                sb_text(&want));
    else
        err_set(e, ValueError,
                "shape mismatch: value array of shape %s could not be broadcast to indexing result "
                "of shape %s",
                have, sb_text(&want));
    sb_clear(&want);
    mem_free(have);
    return NULL;
}

static bool check_value(const setting *s, err *e)
{
    int nv = expr_ndim(s->value);
    for (int i = 0; i < nv - s->nshape; i++)
        if (s->value->chunks->ax[i]->extent != 1) return misfit(s, "could not", e);
    for (int i = 0; i < s->nshape && i < nv; i++) {
        int64_t v = s->value->chunks->ax[nv - 1 - i]->extent, n = s->shape[s->nshape - 1 - i];
        if (v != 1 && v != n) return misfit(s, "shape", e);
    }
    return true;
}

/* --- one block along one axis --- */

typedef struct share {
    lit index;                    /* inside the block */
    int64_t from, n;              /* which of the assigned elements, for slices and masks */
    nd *index_array, *value_list; /* lists: positions in the block; which elements. Owned */
} share;

static int64_t at_least(int64_t start, int64_t step, int64_t lo)
{
    return start >= lo ? 0 : (lo - start + step - 1) / step;
}

/* false: the block is not met */
static bool share_of(const target *t, int64_t lo, int64_t hi, share *out)
{
    *out = (share){0};
    if (t->kind == ALONG_INT) {
        out->index = lit_int(t->start - lo);
        return t->start >= lo && t->start < hi;
    }
    if (t->kind == ALONG_SLICE) {
        out->from = at_least(t->start, t->step, lo);
        int64_t to = at_least(t->start, t->step, hi);
        if (to > t->n) to = t->n;
        out->n = to - out->from;
        int64_t first = t->start + out->from * t->step - lo;
        out->index = lit_slice(first, first + (out->n - 1) * t->step + 1, t->step);
        return out->n > 0;
    }
    if (t->kind == ALONG_MASK) {
        int64_t size = hi - lo;
        out->index_array =
            nd_view(t->list->b, t->list->at + lo, dtype_plain(DT_bool), 1, &size, NULL);
        for (int64_t i = 0; i < lo; i++) out->from += t->list->at[i] != 0;
        for (int64_t i = lo; i < hi; i++) out->n += t->list->at[i] != 0;
    } else {
        const int64_t *p = (const int64_t *)t->list->at;
        int64_t k = 0;
        for (int64_t i = 0; i < t->n; i++) out->n += p[i] >= lo && p[i] < hi;
        out->index_array = nd_ints(out->n);
        out->value_list = nd_ints(out->n);
        for (int64_t i = 0; i < t->n; i++) {
            if (p[i] < lo || p[i] >= hi) continue;
            ((int64_t *)out->index_array->at)[k] = p[i] - lo;
            ((int64_t *)out->value_list->at)[k++] = i;
        }
    }
    out->index = lit_datum(out->index_array);
    return out->n > 0;
}

/* --- the part of the value for a block, as one block --- */

static expr *value_part(const setting *s, const share *part, err *e)
{
    expr_item item[GRID_MAXDIM];
    int nv = expr_ndim(s->value);
    for (int v = 0; v < nv; v++) {
        item[v] = (expr_item){
            .item = {
                .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE}};
        int r = v - nv + s->nshape; /* axis of the region */
        if (r < 0 || s->value->chunks->ax[v]->extent == 1) continue;
        const share *p = &part[s->axis_of[r]];
        if (p->value_list)
            item[v].item = (index_item){.kind = IDX_ARRAY, .array = p->value_list};
        else if (s->at[s->axis_of[r]].reversed) {
            int64_t first = s->shape[r] - 1 - p->from, stop = first - p->n;
            item[v].item = (index_item){.kind = IDX_SLICE,
                                        .start = first,
                                        .stop = stop < 0 ? SLICE_NONE : stop,
                                        .step = -1};
        } else
            item[v].item = (index_item){
                .kind = IDX_SLICE, .start = p->from, .stop = p->from + p->n, .step = 1};
    }
    expr *y = expr_index(s->value, nv, item, e);
    if (!y || y->chunks->nblock == 1) return y;
    int64_t shape[GRID_MAXDIM];
    expr_shape(y, shape);
    grid *one = grid_one(expr_ndim(y), shape);
    expr *z = expr_rechunk(y, one, 0, 0, e);
    datum_unref(one);
    datum_unref(y);
    return z;
}

/* Copies a layer's tasks into the table, once; answers the id of its first. */
static uint64_t copied(setting *s, const layer *l, bool *fresh)
{
    for (int i = 0; i < s->ncopied; i++)
        if (hash128_eq(s->copied[i], l->id)) {
            *fresh = false;
            return s->first[i];
        }
    uint64_t first = 0;
    for (uint64_t i = 0; i < l->count; i++) {
        key k;
        layer_key(l, i, &k);
        uint64_t id = graph_add_key(s->b, k.name, k.n, k.i);
        if (i == 0) first = id;
    }
    if (s->ncopied < 256) {
        s->copied[s->ncopied] = l->id;
        s->first[s->ncopied++] = first;
    }
    *fresh = true;
    return first;
}

static bool copy_layer(setting *s, const layer *l, uint64_t first, err *e)
{
    for (uint64_t i = 0; i < l->count; i++) {
        arena a = {0};
        task_view v;
        bool ok = layer_task(l, i, &a, &v, e);
        ref *in = ok ? arena_alloc(&a, v.nin * sizeof *in + 1) : NULL;
        for (uint32_t k = 0; ok && k < v.nin; k++) {
            bool fresh;
            in[k] = (ref){NULL, copied(s, v.in[k].of, &fresh) + v.in[k].i};
        }
        if (ok && v.value)
            graph_set_value(s->b, first + i, v.value);
        else if (ok && v.f)
            graph_set_task(s->b, first + i, v.f, v.narg, v.arg, v.nin, in);
        else if (ok)
            graph_set_alias(s->b, first + i, in[0]);
        arena_clear(&a);
        if (!ok) return false;
    }
    return true;
}

/* Every layer of the part's graph into the table (keys first: tasks name each other); the id of
 * its only block. */
static bool copy_graph(setting *s, const expr *part, uint64_t *id, err *e)
{
    layers all = layers_of(1, &part->of);
    bool ok = true, *fresh = mem_zero(all.n + 1), known;
    uint64_t *first = mem_alloc((all.n + 1) * sizeof *first);
    for (uint32_t i = 0; i < all.n; i++) first[i] = copied(s, all.at[i], &fresh[i]);
    for (uint32_t i = 0; i < all.n && ok; i++)
        if (fresh[i]) ok = copy_layer(s, all.at[i], first[i], e);
    *id = copied(s, part->of, &known);
    mem_free(fresh);
    mem_free(first);
    layers_clear(&all);
    return ok;
}

static bool set_block(setting *s, uint64_t i, err *e)
{
    const grid *g = s->x->chunks;
    int64_t block[GRID_MAXDIM];
    share part[GRID_MAXDIM] = {0};
    lit index[GRID_MAXDIM];
    ref own = {s->x->of, i};
    bool met = true, ok = true;
    grid_block(g, i, block);
    for (int k = 0; k < g->ndim; k++) {
        int64_t lo = cuts_start(g->ax[k], block[k]);
        met &= share_of(&s->at[k], lo, lo + cuts_size(g->ax[k], block[k]), &part[k]);
        index[k] = part[k].index;
    }
    if (!met)
        graph_set_alias(s->b, i, own);
    else {
        expr *v = value_part(s, part, e);
        uint64_t id = 0;
        ok = v && copy_graph(s, v, &id, e);
        datum_unref(v);
        lit arg[] = {lit_in(0), lit_in(1), lit_items(LIT_LIST, g->ndim, index)};
        if (ok) graph_set_task(s->b, i, s->f, 3, arg, 2, (ref[]){own, {NULL, id}});
    }
    for (int k = 0; k < g->ndim; k++) {
        datum_unref(part[k].index_array);
        datum_unref(part[k].value_list);
    }
    return ok;
}

static layer *set_blocks(setting *s, const char *name, err *e)
{
    int64_t block[GRID_MAXDIM];
    const grid *g = s->x->chunks;
    s->b = graph_builder_new(name);
    for (uint64_t i = 0; i < g->nblock; i++) {
        grid_block(g, i, block);
        graph_add_key(s->b, NULL, g->ndim, block);
    }
    for (uint64_t i = 0; i < g->nblock; i++)
        if (!set_block(s, i, e)) {
            graph_builder_free(s->b);
            return NULL;
        }
    return graph_build(s->b, s->x->chunks, s->x->type, e);
}

/* --- the front --- */

static char *set_name(const setting *s, int n, const expr_item *items)
{
    token t = {0};
    token_expr(&t, s->x);
    token_expr(&t, s->value);
    for (int i = 0; i < n; i++) {
        token_int(&t, items[i].item.kind);
        token_int(&t, items[i].item.start);
        token_int(&t, items[i].item.stop);
        token_int(&t, items[i].item.step);
        if (items[i].item.kind == IDX_ARRAY)
            token_lit(&t, &(lit){.kind = LIT_DATUM, .d = (datum *)(uintptr_t)items[i].item.array});
    }
    return token_name(&t, "setitem");
}

/* x[mask] = value is where(mask, value, x) */
static expr *set_where(const expr *x, const expr *mask, const term *value, err *e)
{
    fn *f = fn_where();
    expr *y = expr_elemwise((label){0}, f, 3, (term[]){{.x = mask}, *value, {.x = x}}, x->type, e);
    datum_unref(f);
    return y;
}

expr *expr_setitem(const expr *x, int n, const expr_item *items, const term *value, err *e)
{
    if (!x) return NULL;
    if (n == 1 && items[0].lazy && items[0].lazy->type.dt == DT_bool)
        return set_where(x, items[0].lazy, value, e);
    if (!grid_known(x->chunks))
        return err_set(e, ValueError,
                       "Arrays chunk sizes are unknown. \n\nA possible solution: "
                       "x.compute_chunk_sizes()");
    expr *v = value->x ? expr_ref(value->x) : value->block ? expr_constant(value->block) : NULL;
    if (!v) return NULL;
    setting s = {.x = x, .value = v, .f = fn_new(sizeof(fn), &setitem_kind, "setitem")};
    expr *y = NULL;
    if (set_items(&s, n, items, e) && check_value(&s, e)) {
        char *name = set_name(&s, n, items);
        y = expr_of_layer(set_blocks(&s, name, e));
        mem_free(name);
    }
    setting_clear(&s);
    datum_unref(v);
    return y;
}

const fn_kind *const setitem_kinds[] = {&setitem_kind, NULL};
