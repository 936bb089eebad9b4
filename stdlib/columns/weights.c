/* stdlib/columns/weights.c - means and variances whose weights fall off exponentially, and how two
 * columns vary together: by updating, in the steps that pandas takes. */
#include "stdlib/columns/columns.h"

#include <math.h>

typedef struct fading {
    double keep, fresh; /* how much of a weight is left after a row; the weight of a new value */
    bool adjusts, ignores_holes, biased;
    int64_t least;
} fading;

typedef struct faded { /* what there is so far */
    int64_t n;
    double mean, weight, squares, sum, sum2; /* sums of weights and of their squares */
} faded;

static void pass_row(const fading *f, faded *x)
{
    x->weight *= f->keep;
    x->sum *= f->keep;
    x->sum2 *= f->keep * f->keep;
}

static void take_value(const fading *f, faded *x, double v)
{
    double before = x->mean, all = x->weight + f->fresh;
    if (before != v) x->mean = (x->weight * before + f->fresh * v) / all;
    double moved = before - x->mean, off = v - x->mean;
    x->squares = (x->weight * (x->squares + moved * moved) + f->fresh * (off * off)) / all;
    x->sum += f->fresh;
    x->sum2 += f->fresh * f->fresh;
    x->weight = all;
    if (f->adjusts) return;
    x->sum /= all;
    x->sum2 /= all * all;
    x->weight = 1;
}

static double variance_of(const fading *f, const faded *x)
{
    double above = x->sum * x->sum, below = above - x->sum2;
    if (f->biased) return x->squares;
    return below > 0 ? above / below * x->squares : NAN;
}

static void fade(const fading *f, const double *v, int64_t n, bool variance, double *out)
{
    faded x = {0};
    for (int64_t i = 0; i < n; i++) {
        bool there = v[i] == v[i];
        if (x.n && (there || !f->ignores_holes)) pass_row(f, &x);
        if (there && !x.n++)
            x = (faded){.n = 1, .mean = v[i], .weight = 1, .sum = 1, .sum2 = 1};
        else if (there)
            take_value(f, &x, v[i]);
        out[i] = x.n < f->least ? NAN : variance ? variance_of(f, &x) : x.mean;
    }
}

value columns_weighted(interp *in, const value *arg)
{
    double alpha;
    fading f = {.adjusts = value_truth(in, arg[2]) > 0,
                .ignores_holes = value_truth(in, arg[3]) > 0,
                .biased = value_truth(in, arg[6]) > 0};
    if (!to_double(in, arg[1], &alpha) || !to_int64(in, arg[4], &f.least)) return FAIL;
    f.least = f.least < 1 ? 1 : f.least;
    f.keep = 1 - alpha;
    f.fresh = f.adjusts ? 1 : alpha;
    nd *x = line_arg(in, arg[0], DT_float64);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_new(dtype_plain(DT_float64), 1, nd_shape(x), &e);
    if (y)
        fade(&f, (const double *)(const void *)x->at, nd_shape(x)[0], value_truth(in, arg[5]) > 0,
             (double *)(void *)y->at);
    datum_unref(x);
    return array_wrap(in, y, &e);
}

value columns_joint(interp *in, const value *arg)
{
    nd *x = line_arg(in, arg[0], DT_float64), *y = x ? line_arg(in, arg[1], DT_float64) : NULL;
    double n = 0, mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
    bool ok = y && nd_shape(x)[0] == nd_shape(y)[0];
    if (y && !ok) throw(in, ValueError, "columns differ in length");
    for (int64_t i = 0; ok && i < nd_shape(x)[0]; i++) {
        double a = ((const double *)(const void *)x->at)[i];
        double b = ((const double *)(const void *)y->at)[i];
        if (a != a || b != b) continue;
        double dx = a - mean_x, dy = b - mean_y;
        n++;
        mean_x += 1 / n * dx;
        mean_y += 1 / n * dy;
        xx += (a - mean_x) * dx;
        yy += (b - mean_y) * dy;
        xy += (a - mean_x) * dy;
    }
    datum_unref(x);
    datum_unref(y);
    if (!ok) return FAIL;
    return v_obj(tuple_pack(in, 4, v_int((int64_t)n), v_float(xy), v_float(xx), v_float(yy)));
}
