/* engine/expr/fold.c - blocks that are added up one after the other.
 *
 * A sum of blocks of one row each, along an axis that is not the innermost, goes row by row:
 * joining them first would give the same bits, and need a copy of all, and all of them in memory.
 */
#include "engine/expr/fold.h"

#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

enum { LEAST = 1 << 16 }; /* elements of a block */

/* lists of one, opened */
static const lit *opened(const lit *x, int *depth)
{
    for (; x->kind == LIT_LIST && x->n == 1; x = &x->item[0]) ++*depth;
    return x;
}

/* The items of the one list that has several, and which of the reduced axes it stands for. */
static int listed_blocks(const lit *x, const lit *item[FOLD_MOST], int *level)
{
    int inner = 0;
    *level = 0;
    x = opened(x, level);
    if (x->kind != LIT_LIST || x->n > FOLD_MOST) return 0;
    for (uint32_t i = 0; i < x->n; i++) {
        item[i] = opened(&x->item[i], &inner);
        if (item[i]->kind != LIT_IN) return 0;
    }
    return (int)x->n;
}

static bool suits(const red_fn *r, dtype_of t)
{
    bool order = r->id == R_argmin || r->id == R_argmax; /* complex numbers: by parts */
    return t.dt == DT_float64 || t.dt == DT_float32 || t.dt == DT_int64 ||
           (!order && (t.dt == DT_complex128 || t.dt == DT_complex64));
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
    if (red_step_of(f) < RED_ARG_CHUNK && r->turn) return NULL;
    switch (red_step_of(f)) {
    case RED_PLAIN: return r->id == R_sum ? r : NULL;
    case RED_MEAN_COMBINE:
    case RED_MEAN_AGG:
    case RED_MOMENT_COMBINE:
    case RED_MOMENT_AGG: return r;
    case RED_ARG_COMBINE:
    case RED_ARG_AGG: return !r->ravel && (r->id == R_argmin || r->id == R_argmax) ? r : NULL;
    default: return NULL;
    }
}

bool fn_folds(const fn *f, const task_view *v)
{
    const lit *item[FOLD_MOST];
    int level, n;
    const red_fn *r = f ? foldable(f) : NULL;
    if (!r || v->nin < 2 || (n = listed_blocks(&v->arg[0], item, &level)) < 2) return false;
    for (int i = 0; i < n; i++) {
        int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
        const ref *in = &v->in[item[i]->i];
        const grid *g = in->of->grid;
        if (!g || in->i >= g->nblock || !suits(r, in->of->type)) return false;
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

static datum *picked(const call *c, const lit *item, int pick)
{
    datum *d = arg_datum(c, item);
    const pack *p = as_pack(d);
    if (pick < 0) return d;
    return p && (uint32_t)pick < p->n ? p->item[pick] : NULL;
}

bool fold_begin(folding *f, const red_fn *r, const call *c, int pick)
{
    int level;
    *f = (folding){.r = r, .c = c, .pick = pick};
    f->n = foldable(&r->base) ? listed_blocks(&c->arg[0], f->item, &level) : 0;
    const nd *first = f->n > 1 ? outline(picked(c, f->item[0], pick)) : NULL;
    if (!first || !suits(r, nd_type(first)) || !is_row(r, level, first->ndim, nd_shape(first)))
        return false;
    for (int i = 0; i < f->n; i++)
        if (!alike(first, outline(picked(c, f->item[i], pick)))) return false;
    return true;
}

nd *fold_get(const folding *f, int i, int pick, err *e)
{
    const datum *d = picked(f->c, f->item[i], pick);
    return d ? here(d, e) : err_set(e, TypeError, "a part of a mean or a moment is missing");
}

bool fold_add(nd **sum, nd *x, err *e)
{
    map_opts o = OPTS_NONE;
    if (!x) return false;
    if (!*sum) {
        *sum = x;
        return true;
    }
    nd *out = NULL;
    const nd *in[] = {*sum, x};
    o.out[0] = *sum;
    bool ok = nd_map(&ufuncs[U_add], in, &o, &out, e);
    datum_unref(out);
    datum_unref(x);
    return ok;
}

bool fold_blocks(const red_fn *r, const call *c, int pick, bool keepdims, dtype_of want, nd **out,
                 err *e)
{
    folding f;
    if (!fold_begin(&f, r, c, pick)) return false;
    if (want.dt != DT_none && want.dt != outline(picked(c, f.item[0], pick))->dtype) return false;
    nd *x = fold_get(&f, 0, pick, e), *sum = NULL;
    bool ok =
        x && fold_add(&sum, nd_reduce(&reductions[R_sum], x, r->axes, true, want, NULL, e), e);
    datum_unref(x);
    for (int i = 1; ok && i < f.n; i++) ok = fold_add(&sum, fold_get(&f, i, pick, e), e);
    if (!ok) sum = datum_unref(sum);
    *out = keepdims ? sum : without_axes(sum, r->axes, e);
    return true;
}

/* --- counts --- */

/* The one element that x repeats, with as many axes; NULL: it has several. */
static nd *one_of(const nd *x, uint32_t axes)
{
    int64_t shape[ND_MAXDIM];
    for (int k = 0; x && k < x->ndim; k++) {
        if (nd_shape(x)[k] < 1) return NULL;
        if (nd_shape(x)[k] > 1 && (nd_strides(x)[k] || axes & axis_bit(k))) return NULL;
        shape[k] = 1;
    }
    return x ? nd_view(x->b, x->at, nd_type(x), x->ndim, shape, nd_strides(x)) : NULL;
}

bool fold_counts(const red_fn *r, const call *c, int pick, bool keepdims, dtype_of want, nd **out,
                 err *e)
{
    call small = *c;
    datum **one = mem_zero((c->nin + 1) * sizeof *one);
    int axes[GRID_MAXDIM], naxis = red_axes(r, axes);
    int64_t shape[ND_MAXDIM];
    bool ok = c->nin > 0;
    for (uint32_t i = 0; i < c->nin && ok; i++) {
        const pack *p = as_pack(c->in[i]);
        const nd *x = p && (uint32_t)pick < p->n ? as_nd(p->item[pick]) : NULL;
        ok = (one[i] = (datum *)one_of(x, r->axes)) != NULL;
        for (int k = 0; ok && i == 0 && k < x->ndim; k++) shape[k] = nd_shape(x)[k];
    }
    small.in = one;
    nd *x = ok ? join_lists(&small, &c->arg[0], naxis, axes, -1, e) : NULL;
    nd *sum = x ? nd_reduce(&reductions[R_sum], x, r->axes, true, want, NULL, e) : NULL;
    nd *wide = sum ? nd_broadcast(sum, sum->ndim, shape, e) : NULL;
    if (ok) *out = keepdims || !wide ? wide : nd_squeeze(wide, r->axes);
    if (ok && !keepdims) datum_unref(wide);
    datum_unref(sum);
    datum_unref(x);
    for (uint32_t i = 0; i < c->nin; i++) datum_unref(one[i]);
    mem_free(one);
    return ok;
}
