/* engine/expr/getitem.c - the front of indexing: what users wrote -> normalised items.
 *
 * Dask's normalize_index and __getitem__: the ellipsis spelt out, bounds checked, masks turned
 * into positions, then lazy integers, lazy masks and the rest, in that order. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/index.h"
#include "engine/kernels/ops.h"

enum { MAX_ITEM = 2 * GRID_MAXDIM };

typedef struct items {
    int n;
    expr_item at[MAX_ITEM];
    nd *made[MAX_ITEM]; /* arrays this file made, owned */
    int nmade;
    expr *lazy; /* a mask made lazy, owned */
} items;

static const expr_item colon = {
    .item = {.kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE}};

static void items_clear(items *s)
{
    while (s->nmade) datum_unref(s->made[--s->nmade]);
    datum_unref(s->lazy);
}

static int item_dims(const expr_item *x)
{
    if (x->lazy) return expr_ndim(x->lazy) > 0 ? expr_ndim(x->lazy) : 1;
    if (x->item.kind == IDX_NEW) return 0;
    return x->item.kind == IDX_ARRAY && x->item.array->ndim ? x->item.array->ndim : 1;
}

static bool is_lazy(const expr_item *x)
{
    return x->lazy != NULL;
}

static bool covers(const nd *a, const expr *x)
{
    if (a->ndim != expr_ndim(x)) return false;
    for (int i = 0; i < a->ndim; i++)
        if (nd_shape(a)[i] != x->chunks->ax[i]->extent) return false;
    return true;
}

/* ellipsis and missing axes become colons */
static bool spell_out(items *s, const expr *x, int n, const expr_item *in, err *e)
{
    int dims = 0, ndim = expr_ndim(x), seen = 0;
    if (n > MAX_ITEM - 1) return err_set(e, IndexError, "Too many indices for array");
    for (int i = 0; i < n; i++) {
        if (in[i].item.kind == IDX_ELLIPSIS && !in[i].lazy)
            seen++;
        else
            dims += item_dims(&in[i]);
    }
    bool open = false;
    for (int i = 0; i < n; i++) {
        expr_item item = in[i];
        if (i == 0 && !item.lazy && item.item.kind == IDX_ARRAY && ndim > 1 &&
            covers(item.item.array, x)) {
            s->lazy = expr_constant(item.item.array);
            item.lazy = s->lazy;
        }
        if (item.item.kind == IDX_ELLIPSIS && !item.lazy && !open) {
            open = true;
            for (int k = dims; k < ndim && s->n < MAX_ITEM; k++) s->at[s->n++] = colon;
            continue;
        }
        if (s->n == MAX_ITEM) return err_set(e, IndexError, "Too many indices for array");
        s->at[s->n++] = item;
    }
    for (int k = dims; !seen && k < ndim && s->n < MAX_ITEM; k++) s->at[s->n++] = colon;
    int used = 0;
    for (int i = 0; i < s->n; i++) used += is_lazy(&s->at[i]) || s->at[i].item.kind != IDX_NEW;
    if (used > ndim) return err_set(e, IndexError, "Too many indices for array");
    return true;
}

static void *out_of_bounds(int axis, int64_t n, err *e)
{
    return err_set(e, IndexError, "Index is out of bounds for axis %d with size %lld", axis,
                   (long long)n);
}

/* masks -> positions; negative positions -> from the start; all in bounds */
static bool fix_array(items *s, expr_item *x, int axis, int64_t n, err *e)
{
    const nd *a = x->item.array;
    nd *at[ND_MAXDIM] = {0}, *fixed = NULL;
    if (a->dtype == DT_bool && a->ndim > 0) {
        if (n >= 0 && nd_count(a) != n)
            return err_set(e, IndexError,
                           "Boolean array with size %lld is not long enough for axis %d with "
                           "size %lld",
                           (long long)nd_count(a), axis, (long long)n);
        TRY(nd_nonzero(a, at, e));
        fixed = at[0];
        for (int i = 1; i < a->ndim; i++) datum_unref(at[i]);
    } else if (dtype_is_int(a->dtype)) {
        nd *wide = nd_cast(a, dtype_plain(DT_int64), 'u', e);
        fixed = wide ? nd_copy(wide, e) : NULL;
        datum_unref(wide);
    } else
        return err_set(e, TypeError, "arrays used as indices must be of integer (or boolean) type");
    if (!fixed) return false;
    s->made[s->nmade++] = fixed;
    int64_t *p = (int64_t *)fixed->at;
    for (int64_t i = 0, count = nd_count(fixed); i < count && n >= 0; i++) {
        if (p[i] >= n || p[i] < -n) return out_of_bounds(axis, n, e);
        if (p[i] < 0) p[i] += n;
    }
    /* Dask compares the rows of a list of lists with a number, and says so */
    if (fixed->ndim > 1 && nd_count(fixed))
        return err_set(e, TypeError, "'>' not supported between instances of 'list' and 'int'");
    x->item.array = fixed;
    return true;
}

/* Dask's normalize_slice: what is the default becomes None */
static bool fix_slice(index_item *x, int64_t n, err *e)
{
    int64_t start = x->start, stop = x->stop, step = x->step, len;
    if (n < 0) return true;
    TRY(slice_clip(n, &start, &stop, &step, &len, e));
    *x = (index_item){.kind = IDX_SLICE, .start = start, .stop = stop, .step = step};
    if (step > 0) {
        if (start == 0) x->start = SLICE_NONE;
        if (stop >= n) x->stop = SLICE_NONE;
        if (step == 1) x->step = SLICE_NONE;
        if (x->stop != SLICE_NONE && x->start != SLICE_NONE && stop < start) x->stop = start;
    } else {
        if (start >= n - 1) x->start = SLICE_NONE;
        if (stop < 0) x->stop = SLICE_NONE;
    }
    return true;
}

static bool fix_int(index_item *x, int axis, int64_t n, err *e)
{
    if (n < 0) return true;
    if (x->start >= n || x->start < -n)
        return err_set(e, IndexError, "Index %lld is out of bounds for axis %d with size %lld",
                       (long long)x->start, axis, (long long)n);
    if (x->start < 0) x->start += n;
    return true;
}

/* a mask of several axes stands alone, and has those of the array */
static bool check_masks(const items *s, const expr *x, err *e)
{
    for (int i = 0; i < s->n; i++) {
        const expr_item *item = &s->at[i];
        if (!is_lazy(item) || item->lazy->type.dt != DT_bool || expr_ndim(item->lazy) == 1)
            continue;
        if (s->n > 1 || expr_ndim(item->lazy) != expr_ndim(x))
            return err_set(e, NotImplementedError,
                           "Slicing with dask.array of bools only permitted when the indexer has "
                           "only one dimension or when it has the same dimension as the sliced "
                           "array");
    }
    return true;
}

static bool fix_all(items *s, const expr *x, err *e)
{
    int k = 0;
    TRY(check_masks(s, x, e));
    for (int i = 0; i < s->n; i++) {
        expr_item *item = &s->at[i];
        if (is_lazy(item)) {
            k += item_dims(item);
            continue;
        }
        int64_t n = item->item.kind == IDX_NEW ? -1 : x->chunks->ax[k]->extent;
        switch (item->item.kind) {
        case IDX_NEW: continue;
        case IDX_INT: TRY(fix_int(&item->item, i, n, e)); break;
        case IDX_SLICE: TRY(fix_slice(&item->item, n, e)); break;
        default:
            if (item->item.array->ndim == 0 && dtype_is_int(item->item.array->dtype)) {
                nd *at = nd_cast(item->item.array, dtype_plain(DT_int64), 'u', e);
                if (!at) return false;
                item->item = (index_item){.kind = IDX_INT, .start = *(const int64_t *)at->at};
                datum_unref(at);
                TRY(fix_int(&item->item, i, n, e));
            } else
                TRY(fix_array(s, item, i, n, e));
        }
        k++;
    }
    return true;
}

static bool has_lazy(const items *s, bool mask)
{
    for (int i = 0; i < s->n; i++)
        if (is_lazy(&s->at[i]) && (s->at[i].lazy->type.dt == DT_bool) == mask) return true;
    return false;
}

/* lazy integers first, one axis after the other */
static expr *by_ints(items *s, expr *x, err *e) /* takes x */
{
    int fancy = 0;
    for (int i = 0; i < s->n; i++) {
        const expr_item *item = &s->at[i];
        fancy += is_lazy(item) ? expr_ndim(item->lazy) > 0 : item->item.kind == IDX_ARRAY;
    }
    if (fancy > 1) {
        datum_unref(x);
        return err_set(e, NotImplementedError, "Don't yet support nd fancy indexing");
    }
    items out = {0};
    int axis = 0;
    for (int i = 0; i < s->n && x; i++) {
        const expr_item *item = &s->at[i];
        if (!is_lazy(item) || item->lazy->type.dt == DT_bool) {
            axis += is_lazy(item) || item->item.kind != IDX_NEW;
            out.at[out.n++] = *item;
            continue;
        }
        if (expr_ndim(item->lazy) > 1) {
            datum_unref(x);
            return err_set(e, NotImplementedError,
                           "Slicing with dask.array of ints only permitted when the indexer has "
                           "zero or one dimensions");
        }
        bool scalar = expr_ndim(item->lazy) == 0;
        expr *at = scalar ? expr_index(item->lazy, 1, &(expr_item){.item = {.kind = IDX_NEW}}, e)
                          : expr_ref(item->lazy);
        expr *y = at ? index_by_ints(x, at, axis, e) : NULL;
        datum_unref(at);
        datum_unref(x);
        x = y;
        if (scalar && x) {
            expr_item drop[GRID_MAXDIM];
            for (int k = 0; k < expr_ndim(x); k++) drop[k] = colon;
            drop[axis].item = (index_item){.kind = IDX_INT};
            y = expr_index(x, expr_ndim(x), drop, e);
            datum_unref(x);
            x = y;
        } else {
            out.at[out.n++] = colon;
            axis++;
        }
    }
    s->n = out.n;
    memcpy(s->at, out.at, sizeof out.at);
    return x;
}

static expr *by_masks(items *s, expr *x, err *e) /* takes x */
{
    const expr *mask[GRID_MAXDIM] = {0};
    expr *y = NULL;
    int k = 0, n = s->n;
    if (n == 1 && expr_ndim(s->at[0].lazy) == expr_ndim(x)) {
        y = index_by_mask(x, s->at[0].lazy, e);
        s->at[0] = colon;
        datum_unref(x);
        return y;
    }
    for (int i = 0; i < n; i++) {
        expr_item *item = &s->at[i];
        if (is_lazy(item)) {
            mask[k++] = item->lazy;
            *item = colon;
        } else
            k += item->item.kind != IDX_NEW;
    }
    y = index_by_masks(x, k, mask, e);
    datum_unref(x);
    return y;
}

expr *expr_index(const expr *x, int n, const expr_item *in, err *e)
{
    if (!x) return NULL;
    items s = {0};
    expr *y = NULL;
    if (spell_out(&s, x, n, in, e) && fix_all(&s, x, e)) {
        y = expr_ref(x);
        if (has_lazy(&s, false)) y = by_ints(&s, y, e);
        if (y && has_lazy(&s, true)) y = by_masks(&s, y, e);
        if (y) {
            index_item plain[MAX_ITEM];
            for (int i = 0; i < s.n; i++) plain[i] = s.at[i].item;
            expr *z = index_plain(y, s.n, plain, e);
            datum_unref(y);
            y = z;
        }
    }
    items_clear(&s);
    return y;
}
