/* engine/kernels/random_nd.c - blocks of draws.
 *
 * Scalar parameters are checked once and one loop fills the block; arrays of parameters are
 * broadcast, all checked before the stream moves, then drawn element by element in C order. */
#include <string.h>

#include "engine/base/stop.h"
#include "engine/data/walk.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/random_draw.h"

typedef struct operand_shape {
    int number, ndim;
    const int64_t *shape;
} operand_shape;

static bool mismatch(const operand_shape *a, const operand_shape *b, err *e)
{
    char left[ND_MAXDIM * 24], right[ND_MAXDIM * 24];
    shape_text(a->ndim, a->shape, left, sizeof left);
    shape_text(b->ndim, b->shape, right, sizeof right);
    return err_set(e, ValueError,
                   "shape mismatch: objects cannot be broadcast to a single shape.  Mismatch is "
                   "between arg %d with shape %s and arg %d with shape %s.",
                   a->number, left, b->number, right);
}

static bool broadcast(int n, const operand_shape *x, int *ndim, int64_t *to, err *e)
{
    *ndim = 0;
    for (int i = 0; i < n; i++)
        if (x[i].ndim > *ndim) *ndim = x[i].ndim;
    for (int a = 0; a < *ndim; a++) {
        int source = 0;
        to[a] = 1;
        for (int i = 0; i < n; i++) {
            int k = a - *ndim + x[i].ndim;
            if (k < 0 || x[i].shape[k] == 1) continue;
            if (to[a] != 1 && to[a] != x[i].shape[k]) return mismatch(&x[source], &x[i], e);
            if (to[a] == 1) source = i;
            to[a] = x[i].shape[k];
        }
    }
    return true;
}

bool random_shape(int n, const nd *const *x, int first, int ndim, const int64_t *size, int *to_ndim,
                  int64_t *to, err *e)
{
    operand_shape all[8];
    int k = 0;
    bool arrays = false;
    if (ndim >= 0 && first) all[k++] = (operand_shape){0, ndim, size};
    for (int i = 0; i < n; i++) {
        all[k] = (operand_shape){k, x[i]->ndim, nd_shape(x[i])};
        arrays |= x[i]->ndim > 0;
        k++;
    }
    if (ndim >= 0 && !first) all[k] = (operand_shape){k, ndim, size}, k++;
    for (int a = 0; a < ndim; a++)
        if (size[a] < 0) return err_set(e, ValueError, "negative dimensions are not allowed");
    if (ndim >= 0 && !arrays) {
        *to_ndim = ndim;
        if (ndim) memcpy(to, size, (size_t)ndim * sizeof *to);
        return true;
    }
    TRY(broadcast(k, all, to_ndim, to, e));
    if (ndim < 0 || (ndim == *to_ndim && !memcmp(to, size, (size_t)ndim * sizeof *to))) return true;
    char asked[ND_MAXDIM * 24], wide[ND_MAXDIM * 24];
    shape_text(ndim, size, asked, sizeof asked);
    shape_text(*to_ndim, to, wide, sizeof wide);
    return err_set(e, ValueError,
                   "Output size %s is not compatible with broadcast dimensions of inputs %s.",
                   asked, wide);
}

typedef struct drawing {
    rng *g;
    bool old, array;
    const distribution *d;
    fill_loop *fill;
    nd *x[RANDOM_MAXPARAM]; /* owned, float64 or int64 */
} drawing;

static bool load_params(drawing *w, const nd *const *param, err *e)
{
    for (int i = 0; i < w->d->nparam; i++) {
        const dist_param *p = &w->d->param[i];
        if (param[i])
            w->x[i] = nd_cast(param[i], dtype_plain(p->whole ? DT_int64 : DT_float64), 'u', e);
        else if (p->required)
            return err_set(e, TypeError, "%s: the parameter '%s' is missing", w->d->name, p->name);
        else
            w->x[i] = nd_scalar(DT_float64, &p->value);
        TRY(w->x[i]);
        w->array |= w->x[i]->ndim > 0;
    }
    return true;
}

/* Checks (out NULL) or draws the elements of the shape. */
static bool each_element(const drawing *w, int ndim, const int64_t *shape, char *out, size_t size,
                         err *e)
{
    walk k;
    walk_init(&k, ndim, shape);
    int n = w->d->nparam;
    for (int i = 0; i < n; i++) walk_add_nd(&k, w->x[i]);
    if (!k.count) return true;
    do {
        for (int64_t at = 0; at < k.shape[0]; at++) {
            number p[RANDOM_MAXPARAM] = {{0}};
            for (int i = 0; i < n && i < RANDOM_MAXPARAM; i++)
                memcpy(&p[i], k.at[i] + at * k.step[i][0], sizeof p[i]);
            if (!out)
                TRY(random_check(w->d, w->old, p, true, e));
            else
                w->fill(w->g, p, 1, out), out += size;
        }
    } while (walk_next(&k));
    return true;
}

static nd *draw_scalar_params(const drawing *w, nd *out, err *e)
{
    number p[RANDOM_MAXPARAM] = {{0}};
    for (int i = 0; i < w->d->nparam; i++) memcpy(&p[i], w->x[i]->at, sizeof p[i]);
    if (!random_check(w->d, w->old, p, false, e)) return datum_unref(out);
    enum { LONG = 1 << 18 }; /* numbers: between two looks whether to go on */
    for (int64_t i = 0, n = nd_count(out); i < n; i += LONG) {
        size_t some = (size_t)(n - i < LONG ? n - i : LONG);
        char *at = out->at + i * (int64_t)out->size;
        if (w->fill)
            w->fill(w->g, p, some, at);
        else
            random_fill(w->g, w->old, w->d, p, some, at);
        if (!stop_check(e)) return datum_unref(out);
    }
    return out;
}

static nd *draw(drawing *w, const nd *const *param, dtype_of t, int ndim, const int64_t *shape,
                err *e)
{
    int64_t to[ND_MAXDIM];
    int n;
    TRY(load_params(w, param, e));
    const nd *x[RANDOM_MAXPARAM];
    bool swap = w->d == &distributions[DIST_binomial]; /* NumPy counts its p before its n */
    for (int i = 0; i < w->d->nparam; i++) x[i] = w->x[swap ? 1 - i : i];
    TRY(random_shape(w->d->nparam, x, 1, ndim, shape, &n, to, e));
    nd *out = nd_new(t, n, to, e);
    if (!out || !w->array) return out ? draw_scalar_params(w, out, e) : NULL;
    if (!w->fill) w->fill = w->d->fill[w->old];
    if (!each_element(w, n, to, NULL, 0, e)) return datum_unref(out);
    each_element(w, n, to, out->at, t.size, e);
    return out;
}

nd *random_draw(rng *g, bool old, const distribution *d, const nd *const *param, enum dtype dt,
                int ndim, const int64_t *shape, err *e)
{
    drawing w = {.g = g, .old = old, .d = d};
    if (dt == DT_none) dt = d->dtype;
    if (dt == DT_float32 && d->flags & SINGLE && !old)
        w.fill = random_singles[d - distributions];
    else if (dt != d->dtype)
        return err_set(e, TypeError, "Unsupported dtype dtype('%s') for %s", dtypes[dt].name,
                       d->name);
    nd *out = draw(&w, param, dtype_plain(dt), ndim, shape, e);
    for (int i = 0; i < d->nparam; i++) datum_unref(w.x[i]);
    return out;
}
