/* engine/plan/slice_reshape.c - what is taken of a reshaped or repeated array is taken of the
 * array.
 *
 * Axes fall into groups: one that stays, one split into several, several merged into one.  Along a
 * split axis a slice of the first part is a slice of the whole; of merged axes the rows are read
 * that hold what is taken, down to the axis where it spans several.  The rest is taken on top. */
#include "engine/expr/build.h"
#include "engine/plan/slice.h"

typedef struct group { /* axes [i, iend) of the input, [o, oend) of the result */
    int i, iend, o, oend;
} group;

typedef struct reshaping {
    const selection *s; /* of the result */
    const grid *in, *out;
    selection *t;          /* of the input */
    cuts *ax[GRID_MAXDIM]; /* of what is reshaped then, owned */
    selection *rest;       /* of that; its grid comes last */
    bool less;             /* does t leave anything out? */
} reshaping;

/* The next group; false: axes that are neither merged nor split. */
static bool next_group(const reshaping *r, group *g)
{
    int nin = r->in->ndim, nout = r->out->ndim;
    *g = (group){g->iend, g->iend, g->oend, g->oend};
    bool ione = g->i < nin && r->in->ax[g->i]->extent == 1;
    bool oone = g->o < nout && r->out->ax[g->o]->extent == 1;
    if (ione != oone || g->i == nin || g->o == nout) {
        g->iend += ione || g->o == nout;
        g->oend += (oone && !ione) || g->i == nin;
        return (ione && g->iend > g->i) || oone;
    }
    int64_t p = r->in->ax[g->iend++]->extent, q = r->out->ax[g->oend++]->extent;
    if (!p || !q) return false;
    while (p < q && g->iend < nin) p *= r->in->ax[g->iend++]->extent;
    while (q < p && g->oend < nout) q *= r->out->ax[g->oend++]->extent;
    return p == q && (g->iend - g->i == 1 || g->oend - g->o == 1);
}

static int64_t extents(const grid *g, int from, int to)
{
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= g->ax[k]->extent;
    return n;
}

/* the elements of a block of n that a piece takes lie in [lo, hi) */
static void span(const piece *p, int64_t n, int64_t *lo, int64_t *hi)
{
    int64_t first = p->kind == PIECE_ALL ? 0 : piece_first(p, n), step = p->step, size = p->size;
    if (p->kind == PIECE_INT) size = 1;
    if (p->kind == PIECE_ALL) step = 1, size = n;
    int64_t last = first + (size - 1) * (size > 1 ? step : 1);
    *lo = first < last ? first : last;
    *hi = (first < last ? last : first) + 1;
}

/* what p takes of a block of n, once only [lo, hi) of it is there, as block `at` */
static piece within(const piece *p, int64_t n, int64_t lo, int64_t hi, int64_t at)
{
    int64_t first = p->kind == PIECE_ALL ? 0 : piece_first(p, n);
    bool one = p->kind == PIECE_INT || p->size == 1;
    if (p->kind == PIECE_ALL && hi - lo == n) return (piece){PIECE_ALL, .block = at, .size = n};
    return piece_slice(at, first - lo,
                       one                    ? 1
                       : p->kind == PIECE_ALL ? 1
                                              : p->step,
                       p->kind == PIECE_INT ? 1 : p->size, hi - lo);
}

static bool is_empty(const axis_pieces *a)
{
    for (int64_t k = 0; k < a->n; k++)
        if (a->at[k].kind != PIECE_INT && a->at[k].size == 0) return true;
    return !a->all && !a->n;
}

/* Rows of n elements each, of the axis i of the input, hold what is taken of axis o. */
static bool take_rows(reshaping *r, int i, int o, int64_t n)
{
    const axis_pieces *a = &r->s->ax[o];
    cuts_builder b = {0};
    bool less = false;
    for (int64_t k = 0; k < a->n; k++) {
        const piece *p = &a->at[k];
        int64_t rows = cuts_size(r->in->ax[i], p->block), size = cuts_size(r->out->ax[o], p->block);
        bool split = size * n == rows;
        int64_t lo, hi, from, to;
        if (!split && size != rows * n) {
            mem_free(b.run);
            return false;
        }
        span(p, size, &lo, &hi);
        from = split ? lo * n : lo / n;
        to = split ? hi * n : (hi + n - 1) / n;
        if (!split) lo = from * n, hi = to * n;
        less |= to - from < rows;
        axis_add(&r->t->ax[i], piece_slice(p->block, from, 1, to - from, rows));
        axis_add(&r->rest->ax[o], within(p, size, lo, hi, k));
        cuts_add(&b, hi - lo, 1);
    }
    r->t->ax[i].all = r->rest->ax[o].all = false;
    r->ax[o] = cuts_build(&b);
    r->less |= less || a->n < r->out->ax[o]->nblock;
    return true;
}

/* One piece of merged axes: the rows that hold it, of the first axis that has several of them. */
static bool take_box(reshaping *r, const group *g)
{
    const piece *p = &r->s->ax[g->o].at[0];
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM], size = 1, lo, hi, from = 0, at = p->block;
    for (int k = g->iend; k-- > g->i; at /= r->in->ax[k]->nblock) {
        block[k] = at % r->in->ax[k]->nblock;
        size *= shape[k] = cuts_size(r->in->ax[k], block[k]);
    }
    if (at || size != cuts_size(r->out->ax[g->o], p->block) || !size) return false;
    span(p, size, &lo, &hi);
    int64_t n = size, left = size;
    bool wide = false; /* it spans several rows: all below them is taken */
    for (int k = g->i; k < g->iend; k++) {
        n /= shape[k];
        int64_t row = wide ? 0 : (lo - from) / n;
        int64_t rows = wide ? shape[k] : (hi - from + n - 1) / n - row;
        from += row * n;
        left = left / shape[k] * rows;
        wide |= rows > 1;
        r->t->ax[k].all = false;
        axis_add(&r->t->ax[k], piece_slice(block[k], row, 1, rows, shape[k]));
    }
    r->less |= left < size || r->out->ax[g->o]->nblock > 1;
    r->rest->ax[g->o].all = false;
    axis_add(&r->rest->ax[g->o], within(p, size, from, from + left, 0));
    r->ax[g->o] = cuts_repeat(1, left);
    return true;
}

static bool only_first_cut(const grid *g, int from, int to)
{
    for (int k = from + 1; k < to; k++)
        if (g->ax[k]->nblock != 1) return false;
    return true;
}

/* axis o as it was, what is taken of it on top */
static void keep_axis(reshaping *r, int o)
{
    r->ax[o] = datum_ref(r->out->ax[o]);
    if (!r->s->ax[o].all) axis_keep(&r->rest->ax[o], &r->s->ax[o]);
}

static bool take_group(reshaping *r, const group *g)
{
    const axis_pieces *a = g->oend > g->o ? &r->s->ax[g->o] : NULL;
    bool whole = !a || a->all || r->out->ax[g->o]->extent == 1, merged = g->iend - g->i > 1;
    for (int o = g->o + !whole; o < g->oend; o++) keep_axis(r, o);
    if (whole) return true;
    if (merged && a->n == 1) return take_box(r, g);
    if (merged)
        return only_first_cut(r->in, g->i, g->iend) &&
               take_rows(r, g->i, g->o, extents(r->in, g->i + 1, g->iend));
    return only_first_cut(r->out, g->o, g->oend) &&
           take_rows(r, g->i, g->o, extents(r->out, g->o + 1, g->oend));
}

static bool take_groups(reshaping *r)
{
    group g = {0};
    while (g.iend < r->in->ndim || g.oend < r->out->ndim)
        if (!next_group(r, &g) || !take_group(r, &g)) return false;
    return r->less;
}

layer *below_reshape(const taking *x, layer *l)
{
    layer *of = l->dep[0], *y = NULL;
    const grid *in = of->grid;
    reshaping r = {.s = x->s, .in = in, .out = l->grid};
    if (!in || !grid_known(in) || !grid_known(l->grid) || of->foreign) return NULL;
    if (selection_has_list(x->s) || !c_order(of, 8)) return NULL;
    for (int k = 0; k < l->grid->ndim; k++)
        if (is_empty(&x->s->ax[k])) return NULL;
    r.t = selection_all(in);
    r.rest = selection_all(l->grid);
    bool ok = take_groups(&r);
    if (ok) {
        grid *g = grid_new(l->grid->ndim, r.ax);
        layer *part = taken(of, r.t);
        char *name = name_below("reshape", l, x->s);
        layer *z = layer_reshaped(name, part, g);
        datum_unref(r.rest->in);
        r.rest->in = g;
        y = shaped(x, taken(z, r.rest));
        mem_free(name);
        datum_unref(part);
        datum_unref(z);
    } else {
        selection_free(r.t);
        selection_free(r.rest);
    }
    for (int k = 0; k < l->grid->ndim; k++) datum_unref(r.ax[k]);
    return y;
}

layer *below_repeat(const taking *x, layer *l)
{
    layer *of = l->dep[0];
    const grid *in = of->grid;
    int extra = l->grid->ndim - (in ? in->ndim : 0);
    if (!in || !grid_known(in) || selection_has_list(x->s) || !c_order(of, 8)) return NULL;
    for (int k = 0; k < in->ndim; k++)
        if (in->ax[k]->extent != 1 && !cuts_eq(in->ax[k], l->grid->ax[k + extra])) return NULL;
    selection *t = selection_all(in);
    for (int k = 0; k < in->ndim; k++)
        if (in->ax[k]->extent != 1) axis_keep(&t->ax[k], &x->s->ax[k + extra]);
    grid *g = selection_kept_grid(x->s);
    layer *part = taken(of, t);
    char *name = name_below("broadcast_to", l, x->s);
    layer *y = layer_repeated(name, part, g);
    mem_free(name);
    datum_unref(part);
    datum_unref(g);
    return shaped(x, y);
}
