/* engine/plan/slice_reduce.c - what is taken of a reduction along the axes that stay is taken of
 * what is reduced.
 *
 * All levels of the tree are made again over less, down to the blocks that are reduced by
 * themselves: what passes between them may be no array.  Sums keep their bits: a cell's additions
 * must stay in the order that they had in the whole block. */
#include "engine/expr/reduceops.h"
#include "engine/kernels/folder.h"
#include "engine/plan/slice.h"

/* Slices forward and single elements of the axes that stay, all of the others? */
static bool takes_cells(const selection *s, const layer *in, uint32_t axes, uint32_t dropped)
{
    for (int k = 0, o = 0; k < in->grid->ndim; k++) {
        if (dropped & axis_bit(k)) continue;
        const axis_pieces *a = &s->ax[o];
        if (axes & axis_bit(k) && !a->all && s->in->ax[o]->extent != 1) return false;
        o++;
        for (int64_t i = 0; i < a->n; i++) {
            const piece *p = &a->at[i];
            if (p->kind == PIECE_ARRAY || (p->kind == PIECE_SLICE && p->step < 1)) return false;
            if (p->kind == PIECE_SLICE && !p->size) return false;
        }
    }
    return true;
}

/* Of a block that has 2 or 1 elements along its axes: how often cells are added to, and of what. */
static bool same_folding(uint32_t axes, int ndim, const int64_t *was, const int64_t *is)
{
    folding a = folding_of(axes, ndim, was), b = folding_of(axes, ndim, is);
    bool runs = a.over != OVER_ROWS && b.over != OVER_ROWS;
    if ((!runs && a.over != b.over) || a.length != b.length || a.total != b.total) return false;
    int i = 0, k = 0;
    for (;; i++, k++) {
        while (i < a.nouter && a.step[i]) i++;
        while (k < b.nouter && b.step[k]) k++;
        if (i >= a.nouter || k >= b.nouter) return i >= a.nouter && k >= b.nouter;
        if (a.outer[i] != b.outer[k]) return false;
    }
}

/* Does a cell's sum stay as it is, whichever axes become ones of a single element? */
static bool keeps_order(const selection *t, uint32_t axes)
{
    int64_t was[GRID_MAXDIM], is[GRID_MAXDIM];
    int ndim = t->in->ndim, ones[GRID_MAXDIM], n = 0;
    for (int k = 0; k < ndim; k++) {
        bool one = false;
        was[k] = axes & axis_bit(k) ? 3 + k : 2;
        for (int64_t i = 0; i < t->ax[k].n; i++)
            one |= t->ax[k].at[i].size == 1 || t->ax[k].at[i].kind == PIECE_INT;
        if (one) ones[n++] = k;
    }
    for (uint32_t set = 1; n < 8 && set < 1u << n; set++) {
        for (int k = 0; k < ndim; k++) is[k] = was[k];
        for (int i = 0; i < n; i++)
            if (set >> i & 1) is[ones[i]] = 1;
        if (!same_folding(axes, ndim, was, is)) return false;
    }
    return n < 8;
}

/* of the axes that `in` has, what s takes of the result */
static selection *of_input(const layer *in, const selection *s, uint32_t axes, uint32_t dropped)
{
    selection *t = selection_all(in->grid);
    for (int k = 0, o = 0; k < in->grid->ndim; k++) {
        if (dropped & axis_bit(k)) continue;
        if (!(axes & axis_bit(k))) axis_keep(&t->ax[k], &s->ax[o]);
        o++;
    }
    return t;
}

/* What s takes of l: its tree over less, owned; NULL: not so. */
static layer *less(const nodes *all, const layer *l, const selection *s, bool top)
{
    red_layer r;
    const node *x = nodes_find(all, l);
    if (!x || x->by != x->of || l->foreign || (!top && !node_own(x))) return NULL;
    if (!red_layer_of(l, &r) || !grid_known(r.in->grid)) return NULL;
    if (!takes_cells(s, r.in, r.axes, r.dropped)) return NULL;
    if (r.blocks && r.ordered && !c_order(r.in, 8)) return NULL;
    selection *t = of_input(r.in, s, r.axes, r.dropped);
    layer *in = NULL, *y = NULL;
    if (r.ordered && !keeps_order(t, r.axes))
        selection_free(t);
    else if (r.blocks)
        in = taken(r.in, t);
    else {
        in = less(all, r.in, t, false);
        selection_free(t);
    }
    if (!in) return NULL;
    char *name = name_below(r.f->name, l, s);
    y = red_layer_again(l, name, in);
    mem_free(name);
    datum_unref(in);
    return y;
}

layer *below_reduction(const nodes *all, const taking *x, layer *l)
{
    layer *y = less(all, l, x->s, true);
    return y ? shaped(x, y) : NULL;
}
