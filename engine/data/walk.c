/* engine/data/walk.c - axis order, merging and stepping of walks. */
#include "engine/data/walk.h"

#include <stdlib.h>
#include <string.h>

void walk_init(walk *w, int ndim, const int64_t *shape)
{
    w->ndim = ndim;
    w->nop = 0;
    w->count = shape_count(ndim, shape);
    for (int i = 0; i < ndim; i++) {
        w->shape[i] = shape[ndim - 1 - i];
        w->axis[i] = ndim - 1 - i;
        w->index[i] = 0;
    }
    if (ndim == 0) w->shape[0] = 1, w->index[0] = 0;
}

void walk_add(walk *w, char *at, const int64_t *strides)
{
    int k = w->nop++;
    w->at[k] = at;
    for (int i = 0; i < w->ndim; i++)
        w->step[k][i] = w->shape[i] == 1 ? 0 : strides[w->ndim - 1 - i];
    if (w->ndim == 0) w->step[k][0] = 0;
}

void walk_add_sorted(walk *w, char *at, const int64_t *strides)
{
    int k = w->nop++;
    w->at[k] = at;
    w->step[k][0] = 0;
    for (int i = 0; i < w->ndim; i++) w->step[k][i] = w->shape[i] == 1 ? 0 : strides[w->axis[i]];
}

void walk_add_nd(walk *w, const nd *x)
{
    int64_t steps[ND_MAXDIM] = {0};
    int lead = w->ndim - x->ndim;
    for (int i = 0; i < x->ndim; i++)
        if (nd_shape(x)[i] != 1) steps[lead + i] = nd_strides(x)[i];
    walk_add(w, x->at, steps);
}

/* Should axis a (now further out) come inside axis b?  1 yes, 0 no, -1 the strides do not say. */
static int goes_inside(const walk *w, int a, int b)
{
    int answer = -1;
    for (int k = 0; k < w->nop; k++) {
        int64_t sa = llabs(w->step[k][a]), sb = llabs(w->step[k][b]);
        if (sa == 0 || sb == 0) continue;
        if (sb <= sa)
            answer = 0;
        else if (answer < 0)
            answer = 1;
    }
    return answer;
}

static void swap64(int64_t *a, int64_t *b)
{
    int64_t t = *a;
    *a = *b;
    *b = t;
}

static void move_axis(walk *w, int from, int to)
{
    for (int i = from; i > to; i--) {
        swap64(&w->shape[i], &w->shape[i - 1]);
        int t = w->axis[i];
        w->axis[i] = w->axis[i - 1];
        w->axis[i - 1] = t;
        for (int k = 0; k < w->nop; k++) swap64(&w->step[k][i], &w->step[k][i - 1]);
    }
}

/* An insertion sort in which undecided pairs do not stop the search: NumPy's rule exactly, since
 * the order of floating additions depends on it. */
void walk_sort(walk *w)
{
    for (int i = 1; i < w->ndim; i++) {
        int to = i;
        for (int j = i - 1; j >= 0; j--) {
            int inside = goes_inside(w, i, j);
            if (inside == 0) break;
            if (inside == 1) to = j;
        }
        move_axis(w, i, to);
    }
}

static bool can_merge(const walk *w, int i, int j)
{
    for (int k = 0; k < w->nop; k++) {
        int64_t si = w->step[k][i], sj = w->step[k][j];
        if ((w->shape[i] == 1 && si == 0) || (w->shape[j] == 1 && sj == 0)) continue;
        if (si * w->shape[i] != sj) return false;
    }
    return true;
}

void walk_merge(walk *w)
{
    if (w->ndim == 0) return;
    int at = 0;
    for (int j = 1; j < w->ndim; j++) {
        if (can_merge(w, at, j)) {
            for (int k = 0; k < w->nop; k++)
                if (w->step[k][at] == 0) w->step[k][at] = w->step[k][j];
            w->shape[at] *= w->shape[j];
            continue;
        }
        at++;
        w->shape[at] = w->shape[j];
        w->axis[at] = w->axis[j];
        for (int k = 0; k < w->nop; k++) w->step[k][at] = w->step[k][j];
    }
    w->ndim = at + 1;
}

bool walk_next_from(walk *w, int first)
{
    for (int i = first; i < w->ndim; i++) {
        if (++w->index[i] < w->shape[i]) {
            for (int k = 0; k < w->nop; k++) w->at[k] += w->step[k][i];
            return true;
        }
        w->index[i] = 0;
        for (int k = 0; k < w->nop; k++) w->at[k] -= w->step[k][i] * (w->shape[i] - 1);
    }
    return false;
}

bool walk_next(walk *w)
{
    return walk_next_from(w, 1);
}

nd *walk_new(const walk *order, dtype_of t, int ndim, const int64_t *shape, err *e)
{
    int64_t strides[ND_MAXDIM], size = t.size;
    nd *base = nd_new(t, ndim, shape, e);
    if (!base) return NULL;
    bool c = true;
    for (int i = 0; i < ndim; i++) c &= order->axis[i] == ndim - 1 - i;
    if (c) return base;
    for (int i = 0; i < ndim; i++) {
        strides[order->axis[i]] = size;
        size *= shape[order->axis[i]] ? shape[order->axis[i]] : 1;
    }
    nd *x = nd_view(base->b, base->at, t, ndim, shape, strides);
    datum_unref(base);
    return x;
}
