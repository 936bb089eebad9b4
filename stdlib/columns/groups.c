/* stdlib/columns/groups.c - sums, means and variances of the groups of a column.
 *
 * In the steps that pandas takes, whose results programs print to the last digit: sums with
 * compensation (Kahan), variances by updating (Welford). */
#include "stdlib/columns/columns.h"

#include <math.h>
#include <string.h>

#include "engine/base/mem.h"

typedef struct group { /* of one label */
    double sum, rest;  /* rest: what rounding has added too much; of variances: mean, squares */
    int64_t n;
} group;

static void add_sum(group *g, double v)
{
    double y = v - g->rest, t = g->sum + y;
    g->rest = t - g->sum - y;
    g->sum = t;
    g->n++;
}

static void add_square(group *g, double v)
{
    double before = g->sum;
    g->n++;
    g->sum += (v - before) / (double)g->n;
    g->rest += (v - g->sum) * (v - before);
}

typedef struct grouping {
    void (*add)(group *g, double v);
    bool mean, variance;
} grouping;

static const struct {
    const char *name;
    grouping how;
} ways[] = {
    {"sum", {.add = add_sum}},
    {"mean", {.add = add_sum, .mean = true}},
    {"var", {.add = add_square, .variance = true}},
};

static double result_of(const grouping *how, const group *g, int64_t ddof)
{
    if (how->variance) return g->n <= ddof ? NAN : g->rest / (double)(g->n - ddof);
    return how->mean ? (g->n ? g->sum / (double)g->n : NAN) : g->sum;
}

static bool fill(interp *in, const grouping *how, const nd *x, const nd *codes, int64_t count,
                 group *g)
{
    int64_t n = nd_shape(x)[0];
    const double *v = (const double *)(const void *)x->at;
    const int64_t *code = (const int64_t *)(const void *)codes->at;
    if (nd_shape(codes)[0] != n)
        return throw(in, ValueError, "%lld values, %lld codes", (long long)n,
                     (long long)nd_shape(codes)[0]),
               false;
    for (int64_t i = 0; i < n; i++) {
        if (code[i] >= count)
            return throw(in, IndexError, "group %lld of %lld", (long long)code[i],
                         (long long)count),
                   false;
        if (code[i] >= 0 && v[i] == v[i]) how->add(&g[code[i]], v[i]);
        if (i % OFTEN == OFTEN - 1 && !check_interrupt(in)) return false;
    }
    return true;
}

value columns_group(interp *in, const value *arg)
{
    const grouping *how = NULL;
    int64_t count, ddof;
    str *name = as_str(arg[3]);
    for (size_t i = 0; name && i < sizeof ways / sizeof *ways; i++)
        if (str_is(name, ways[i].name)) how = &ways[i].how;
    if (!how) return throw(in, ValueError, "groups are reduced by 'sum', 'mean' or 'var'");
    if (!to_int64(in, arg[2], &count) || !to_int64(in, arg[4], &ddof)) return FAIL;
    if (count < 0) return throw(in, ValueError, "%lld groups", (long long)count);
    nd *x = line_arg(in, arg[0], DT_float64), *codes = x ? line_arg(in, arg[1], DT_int64) : NULL;
    err e = {0};
    group *g = mem_zero(((size_t)count + 1) * sizeof *g);
    nd *y = codes && fill(in, how, x, codes, count, g)
                ? nd_new(dtype_plain(DT_float64), 1, &count, &e)
                : NULL;
    for (int64_t i = 0; y && i < count; i++)
        ((double *)(void *)y->at)[i] = result_of(how, &g[i], ddof);
    datum_unref(x);
    datum_unref(codes);
    mem_free(g);
    return y || e.kind ? array_wrap(in, y, &e) : FAIL;
}

/* --- the sum so far, in each row's group --- */

value columns_running(interp *in, const value *arg)
{
    int64_t count;
    if (!to_int64(in, arg[2], &count)) return FAIL;
    nd *x = line_arg(in, arg[0], DT_float64), *codes = x ? line_arg(in, arg[1], DT_int64) : NULL;
    err e = {0};
    bool ok = codes && count >= 0 && nd_shape(codes)[0] == nd_shape(x)[0];
    if (codes && !ok) throw(in, ValueError, "values, their groups and how many there are");
    group *g = mem_zero(((size_t)(ok ? count : 0) + 1) * sizeof *g);
    nd *y = ok ? nd_new(dtype_plain(DT_float64), 1, nd_shape(x), &e) : NULL;
    for (int64_t i = 0; y && i < nd_shape(x)[0]; i++) {
        double v = ((const double *)(const void *)x->at)[i];
        int64_t code = ((const int64_t *)(const void *)codes->at)[i];
        bool there = code >= 0 && code < count && v == v;
        if (there) add_sum(&g[code], v);
        ((double *)(void *)y->at)[i] = there ? g[code].sum : NAN;
    }
    datum_unref(x);
    datum_unref(codes);
    mem_free(g);
    return y || e.kind ? array_wrap(in, y, &e) : FAIL;
}

/* --- windows that move along --- */

typedef struct window {
    int64_t n, negative, alike; /* values; below zero; the last ones that are equal */
    double last, sum, mean, squares, rest_in, rest_out;
} window;

static void note_in(window *w, double v)
{
    w->n++;
    w->negative += signbit(v) != 0;
    w->alike = v == w->last ? w->alike + 1 : 1;
    w->last = v;
}

static void sum_moves(window *w, double v, bool in)
{
    double *rest = in ? &w->rest_in : &w->rest_out;
    double y = (in ? v : -v) - *rest, t = w->sum + y;
    *rest = t - w->sum - y;
    w->sum = t;
    if (in)
        note_in(w, v);
    else
        w->n--, w->negative -= signbit(v) != 0;
}

static void squares_move(window *w, double v, bool in)
{
    double *rest = in ? &w->rest_in : &w->rest_out;
    if (in)
        note_in(w, v);
    else if (!--w->n) {
        w->mean = w->squares = 0;
        return;
    }
    double before = w->mean - *rest, y = v - *rest, by = y - w->mean;
    *rest = by + w->mean - y;
    w->mean += (in ? by : -by) / (double)w->n;
    double more = (v - before) * (v - w->mean);
    w->squares += in ? more : -more;
}

static double sum_of(const window *w, int64_t least, int64_t ddof)
{
    (void)ddof;
    if (w->n < least) return NAN;
    return w->n && w->alike >= w->n ? w->last * (double)w->n : w->sum;
}

static double mean_of(const window *w, int64_t least, int64_t ddof)
{
    (void)ddof;
    if (w->n < least || !w->n) return NAN;
    double mean = w->sum / (double)w->n;
    if (w->alike >= w->n) return w->last;
    bool astray = w->negative == 0 ? mean < 0 : w->negative == w->n && mean > 0;
    return astray ? 0 : mean;
}

static double variance_of(const window *w, int64_t least, int64_t ddof)
{
    if (w->n < least || w->n < 1 || w->n <= ddof) return NAN;
    return w->n == 1 || w->alike >= w->n ? 0 : w->squares / (double)(w->n - ddof);
}

static const struct {
    const char *name;
    void (*move)(window *w, double v, bool in);
    double (*result)(const window *w, int64_t least, int64_t ddof);
} moves[] = {
    {"sum", sum_moves, sum_of}, {"mean", sum_moves, mean_of}, {"var", squares_move, variance_of}};

typedef struct bounds {
    const int64_t *start, *stop;
    int64_t n;
    bool forward; /* neither ever goes back */
} bounds;

static bool bounds_of(interp *in, const nd *start, const nd *stop, int64_t n, bounds *b)
{
    *b = (bounds){(const int64_t *)(const void *)start->at, (const int64_t *)(const void *)stop->at,
                  nd_shape(start)[0], true};
    if (nd_shape(stop)[0] != b->n) return throw(in, ValueError, "bounds differ in length"), false;
    for (int64_t i = 0; i < b->n; i++) {
        if (b->start[i] < 0 || b->stop[i] > n)
            return throw(in, IndexError, "window %lld is not within %lld rows", (long long)i,
                         (long long)n),
                   false;
        if (i) b->forward &= b->start[i] >= b->start[i - 1] && b->stop[i] >= b->stop[i - 1];
    }
    return true;
}

static bool slide(interp *in, int way, const double *v, const bounds *b, int64_t least,
                  int64_t ddof, double *out)
{
    window w = {0};
    int64_t steps = 0;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t s = b->start[i], e = b->stop[i], from = s;
        if (i && b->forward && s < b->stop[i - 1]) {
            for (int64_t j = b->start[i - 1]; j < s; j++)
                if (v[j] == v[j]) moves[way].move(&w, v[j], false);
            from = b->stop[i - 1];
            steps += s - b->start[i - 1];
        } else
            w = (window){.last = s < e ? v[s] : 0};
        for (int64_t j = from; j < e; j++)
            if (v[j] == v[j]) moves[way].move(&w, v[j], true);
        steps += e - from + 1;
        out[i] = moves[way].result(&w, least, ddof);
        if (steps > OFTEN) {
            steps = 0;
            if (!check_interrupt(in)) return false;
        }
    }
    return true;
}

value columns_window(interp *in, const value *arg)
{
    int way = -1;
    int64_t least, ddof;
    str *name = as_str(arg[3]);
    for (int i = 0; name && i < 3; i++)
        if (str_is(name, moves[i].name)) way = i;
    if (way < 0) return throw(in, ValueError, "windows are reduced by 'sum', 'mean' or 'var'");
    if (!to_int64(in, arg[4], &least) || !to_int64(in, arg[5], &ddof)) return FAIL;
    nd *x = line_arg(in, arg[0], DT_float64), *start = x ? line_arg(in, arg[1], DT_int64) : NULL;
    nd *stop = start ? line_arg(in, arg[2], DT_int64) : NULL, *y = NULL;
    bounds b;
    err e = {0};
    bool ok = stop && bounds_of(in, start, stop, nd_shape(x)[0], &b) &&
              (y = nd_new(dtype_plain(DT_float64), 1, &b.n, &e)) &&
              slide(in, way, (const double *)(const void *)x->at, &b, least, ddof,
                    (double *)(void *)y->at);
    if (!ok && y) y = datum_unref(y);
    datum_unref(x);
    datum_unref(start);
    datum_unref(stop);
    return ok || e.kind ? array_wrap(in, y, &e) : FAIL;
}
