/* engine/expr/fold.c - blocks that are added up one after the other.
 *
 * A sum of blocks of one row each, along an axis that is not the innermost, goes row by row:
 * joining them first would give the same bits, and need a copy of all, and all of them in memory.
 */
#include "engine/expr/fold.h"

#include <string.h>

#include "engine/kernels/ops.h"

enum { LEAST = 1 << 16, MOST = 64 }; /* elements of a block; blocks */

/* lists of one, opened */
static const lit *opened(const lit *x, int *depth)
{
    for (; x->kind == LIT_LIST && x->n == 1; x = &x->item[0]) ++*depth;
    return x;
}

/* The items of the one list that has several, and which of the reduced axes it stands for. */
static int items_of(const lit *x, const lit *item[MOST], int *level)
{
    int inner = 0;
    *level = 0;
    x = opened(x, level);
    if (x->kind != LIT_LIST || x->n > MOST) return 0;
    for (uint32_t i = 0; i < x->n; i++) {
        item[i] = opened(&x->item[i], &inner);
        if (item[i]->kind != LIT_IN) return 0;
    }
    return (int)x->n;
}

static bool suits(dtype_of t)
{
    return t.dt == DT_float64 || t.dt == DT_float32 || t.dt == DT_complex128 ||
           t.dt == DT_complex64 || t.dt == DT_int64;
}

/* Is such a block one row along all reduced axes, and more than one element wide behind the axis
 * that the list stands for? */
static bool is_row(const red_fn *r, int level, int ndim, const int64_t *shape)
{
    int64_t count = 1, tail = 1;
    int along = -1;
    for (int k = 0, n = 0; k < ndim; k++) {
        if (r->axes & axis_bit(k) && n++ == level) along = k;
        if (r->axes & axis_bit(k) && shape[k] != 1) return false;
        if (shape[k] < 0) return false;
        count *= shape[k];
        if (along >= 0) tail *= shape[k];
    }
    return along >= 0 && tail > 1 && count >= LEAST;
}

static const red_fn *foldable(const fn *f)
{
    const red_fn *r = (const red_fn *)f;
    return red_step_of(f) == RED_PLAIN && r->id == R_sum ? r : NULL;
}

bool fn_folds(const fn *f, const task_view *v)
{
    const lit *item[MOST];
    int level, n;
    const red_fn *r = f ? foldable(f) : NULL;
    if (!r || v->nin < 2 || (n = items_of(&v->arg[0], item, &level)) < 2) return false;
    for (int i = 0; i < n; i++) {
        int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
        const ref *in = &v->in[item[i]->i];
        const grid *g = in->of->grid;
        if (!g || in->i >= g->nblock || !suits(in->of->type)) return false;
        grid_block(g, in->i, block);
        grid_block_shape(g, block, shape);
        if (!is_row(r, level, g->ndim, shape)) return false;
    }
    return true;
}

/* as much of a block as is known without fetching it */
static const nd *outline(const datum *d)
{
    return d && d->kind->fetch ? (const nd *)(const void *)d : as_nd(d);
}

static bool alike(const nd *a, const nd *x)
{
    return x && x->flags & ND_C && x->dtype == a->dtype && x->ndim == a->ndim &&
           !memcmp(nd_shape(x), nd_shape(a), a->ndim * sizeof(int64_t));
}

static nd *here(const datum *d, err *e)
{
    return d->kind->fetch ? as_nd(d->kind->fetch(d, e)) : nd_ref(as_nd(d));
}

static nd *without_axes(nd *x, uint32_t axes, err *e)
{
    int64_t shape[ND_MAXDIM];
    int n = 0;
    for (int k = 0; x && k < x->ndim; k++)
        if (!(axes & axis_bit(k))) shape[n++] = nd_shape(x)[k];
    nd *out = x ? nd_reshape(x, n, shape, e) : NULL;
    datum_unref(x);
    return out;
}

bool fold_blocks(const red_fn *r, const call *c, nd **out, err *e)
{
    const lit *item[MOST];
    int level, n = foldable(&r->base) ? items_of(&c->arg[0], item, &level) : 0;
    const nd *first = n > 1 ? outline(arg_datum(c, item[0])) : NULL;
    if (!first || !suits(nd_type(first)) || !is_row(r, level, first->ndim, nd_shape(first)))
        return false;
    for (int i = 0; i < n; i++)
        if (!alike(first, outline(arg_datum(c, item[i])))) return false;
    if (r->want.dt != DT_none && r->want.dt != first->dtype) return false;
    nd *x = here(arg_datum(c, item[0]), e);
    nd *sum = x ? nd_reduce(&reductions[r->id], x, r->axes, true, r->want, NULL, e) : NULL;
    datum_unref(x);
    for (int i = 1; sum && i < n; i++) {
        nd *more = here(arg_datum(c, item[i]), e),
           *next = more ? nd_map2(U_add, sum, more, e) : NULL;
        datum_unref(more);
        datum_unref(sum);
        sum = next;
    }
    *out = r->keepdims ? sum : without_axes(sum, r->axes, e);
    return true;
}
