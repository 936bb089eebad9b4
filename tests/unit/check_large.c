/* tests/unit/check_large.c - what is done differently for large blocks, against the plain way. */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/sort.h"
#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

static const enum dtype types[] = {DT_bool,   DT_int8,    DT_uint8,   DT_int16,
                                   DT_uint16, DT_int32,   DT_uint32,  DT_int64,
                                   DT_uint64, DT_float16, DT_float32, DT_float64};
enum { NTYPE = sizeof types / sizeof *types, MANY = 70000 };

/* --- loops with help --- */

typedef struct turns {
    _Atomic int taken[1000];
    _Atomic int inner;
} turns;

static void count_inner(void *arg, int64_t i)
{
    atomic_fetch_add(&((turns *)arg)->inner, (int)i);
}

static void take_turn(void *arg, int64_t i)
{
    turns *t = arg;
    atomic_fetch_add(&t->taken[i], 1);
    if (i == 500) par_for(10, count_inner, t);
}

START_TEST(every_turn_is_taken_once)
{
    for (int round = 0; round < 50; round++) {
        turns t = {.inner = 0};
        par_for(1000, take_turn, &t);
        for (int i = 0; i < 1000; i++) ck_assert_int_eq(t.taken[i], 1);
        ck_assert_int_eq(t.inner, 45);
    }
}
END_TEST

START_TEST(a_thread_that_works_alone_is_not_helped)
{
    bool before = par_alone(true);
    ck_assert_int_eq(par_width(), 1);
    ck_assert_int_eq(par_claim(), 1);
    par_alone(before);
}
END_TEST

/* --- order --- */

static double cell(const nd *x, int64_t i)
{
    err e = {0};
    nd *part = nd_slice(x, 0, i, 1, 1), *d = nd_cast(part, dtype_plain(DT_float64), 'u', &e);
    double v = *(const double *)d->at;
    datum_unref(part);
    datum_unref(d);
    return v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (x != x || y != y) return (x != x) - (y != y);
    return (x > y) - (x < y);
}

/* the elements as doubles, in order */
static double *plainly_sorted(const nd *x)
{
    err e = {0};
    nd *d = nd_cast(x, dtype_plain(DT_float64), 'u', &e);
    int64_t n = nd_count(x);
    double *v = malloc((size_t)n * sizeof *v);
    memcpy(v, d->at, (size_t)n * sizeof *v);
    qsort(v, (size_t)n, sizeof *v, by_value);
    datum_unref(d);
    return v;
}

static void same(double got, double want)
{
    ck_assert_msg(got == want || (got != got && want != want), "%g is not %g", got, want);
}

START_TEST(large_lanes_are_sorted_selected_and_searched)
{
    err e = {0};
    int64_t n = MANY, places[] = {0, 7, 35000, 35001, 69999}, count = 5;
    nd *x = filled(types[_i], true, 1, &n), *y = nd_sort(x, 0, &e);
    nd *order = nd_argsort(x, 0, true, &e), *at = nd_new(dtype_plain(DT_int64), 1, &count, &e);
    memcpy(at->at, places, sizeof places);
    nd *kth = nd_kth(x, at, &e), *found = nd_searchsorted(y, x, false, NULL, &e);
    double *want = plainly_sorted(x);
    const int64_t *o = (const int64_t *)order->at, *f = (const int64_t *)found->at;
    for (int64_t i = 0; i < n; i += 997) {
        same(cell(y, i), want[i]);
        same(cell(x, o[i]), want[i]);
        same(want[f[i]], cell(x, i));
        ck_assert(f[i] == 0 || by_value(&want[f[i] - 1], &want[f[i]]) < 0);
    }
    for (int64_t i = 1; i < n; i++)
        ck_assert(by_value(&want[i - 1], &want[i]) < 0 || o[i - 1] < o[i]);
    for (int k = 0; k < count; k++) same(cell(kth, k), want[places[k]]);
    free(want);
    nd *all[] = {x, y, order, at, kth, found};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) datum_unref(all[k]);
}
END_TEST

START_TEST(the_top_is_the_end_of_the_order)
{
    err e = {0};
    int64_t n = MANY;
    nd *x = filled(types[_i], true, 1, &n);
    double *want = plainly_sorted(x);
    for (int64_t k = -40; k <= 2000; k += 1020) {
        nd *y = nd_topk(x, k, 0, &e), *at = nd_argtopk(x, k, 0, &e);
        int64_t m = k < 0 ? -k : k;
        ck_assert_int_eq(nd_count(y), m);
        for (int64_t i = 0; i < m; i++) {
            double v = want[k < 0 ? i : n - 1 - i];
            same(cell(y, i), v);
            same(cell(x, ((const int64_t *)at->at)[i]), v);
        }
        datum_unref(y);
        datum_unref(at);
    }
    free(want);
    datum_unref(x);
}
END_TEST

/* --- counting --- */

static void count_plainly(const nd *x, const double *edge, int bins, int64_t *count)
{
    const double *v = (const double *)x->at;
    for (int64_t i = 0; i < nd_count(x); i++)
        for (int k = 0; k < bins; k++)
            count[k] +=
                v[i] >= edge[k] && (v[i] < edge[k + 1] || (k == bins - 1 && v[i] == edge[k + 1]));
}

START_TEST(bins_hold_what_lies_between_their_edges)
{
    enum { BINS = 20 };
    err e = {0};
    int64_t n = MANY, nedge = BINS + 1;
    nd *x = filled(DT_float64, true, 1, &n), *b = nd_new(dtype_plain(DT_float64), 1, &nedge, &e);
    double *edge = (double *)b->at;
    for (int uneven = 0; uneven < 3; uneven++) {
        int64_t want[BINS] = {0};
        for (int k = 0; k <= BINS; k++)
            edge[k] = uneven == 1 ? k * k / 500.0 - 0.4 : k / 25.0 - 0.4;
        if (uneven == 2) /* values on the edges themselves */
            for (int64_t i = 0; i < n; i++) ((double *)x->at)[i] = edge[i % nedge];
        count_plainly(x, edge, BINS, want);
        for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
            simd_limit((enum simd)level);
            nd *h = nd_histogram(x, NULL, b, &e);
            ck_assert_mem_eq(h->at, want, sizeof want);
            datum_unref(h);
        }
    }
    datum_unref(x);
    datum_unref(b);
}
END_TEST

START_TEST(unique_by_table_by_sort_and_by_order_agree)
{
    err e = {0};
    int64_t n = MANY;
    nd *x = filled(types[_i], false, 1, &n);
    unique_parts few, all;
    ck_assert(nd_unique(x, UNIQUE_COUNTS, &few, &e));
    ck_assert(nd_unique(x, UNIQUE_COUNTS | UNIQUE_INDEX | UNIQUE_INVERSE, &all, &e));
    int64_t groups = nd_count(few.values), total = 0;
    ck_assert_int_eq(nd_count(all.values), groups);
    ck_assert_mem_eq(few.values->at, all.values->at, nd_bytes(few.values));
    ck_assert_mem_eq(few.counts->at, all.counts->at, nd_bytes(few.counts));
    for (int64_t i = 0; i < groups; i++) total += ((const int64_t *)few.counts->at)[i];
    ck_assert_int_eq(total, n);
    for (int64_t i = 0; i < n; i += 101)
        same(cell(all.values, ((const int64_t *)all.inverse->at)[i]), cell(x, i));
    unique_clear(&few);
    unique_clear(&all);
    datum_unref(x);
}
END_TEST

/* --- matrices --- */

static double off_product(const nd *q, const nd *r, const nd *x)
{
    err e = {0};
    nd *p = nd_dot(q, r, &e);
    double worst = 0;
    for (int64_t i = 0; i < nd_count(x); i++)
        worst = fmax(worst, fabs(((const double *)p->at)[i] - ((const double *)x->at)[i]));
    datum_unref(p);
    return worst;
}

static double off_orthogonal(const nd *q)
{
    err e = {0};
    nd *t = nd_transpose(q, (int[]){1, 0}), *g = nd_dot(t, q, &e);
    int64_t n = nd_shape(g)[0];
    double worst = 0;
    for (int64_t i = 0; i < n * n; i++)
        worst = fmax(worst, fabs(((const double *)g->at)[i] - (i % (n + 1) == 0)));
    datum_unref(t);
    datum_unref(g);
    return worst;
}

/* the plain way: one column after the other, with LAPACK's signs */
static void reflect_plainly(double *a, int64_t m, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        double size = 0, head = a[k * n + k];
        for (int64_t i = k; i < m; i++) size += a[i * n + k] * a[i * n + k];
        double beta = head < 0 ? sqrt(size) : -sqrt(size);
        double *v = malloc((size_t)m * sizeof *v), vv = 0;
        for (int64_t i = k; i < m; i++) v[i] = a[i * n + k] - (i == k ? beta : 0);
        for (int64_t i = k; i < m; i++) vv += v[i] * v[i];
        for (int64_t j = k; j < n; j++) {
            double s = 0;
            for (int64_t i = k; i < m; i++) s += v[i] * a[i * n + j];
            for (int64_t i = k; i < m; i++) a[i * n + j] -= 2 * s / vv * v[i];
        }
        free(v);
    }
}

START_TEST(tall_qr_has_the_signs_of_reflections)
{
    err e = {0};
    int64_t shape[2] = {3000, 24};
    nd *x = filled(DT_float64, false, 2, shape), *q, *r, *only;
    ck_assert(nd_qr(x, 'r', &q, &r, &e));
    ck_assert(nd_qr(x, 'R', NULL, &only, &e));
    ck_assert_double_lt(off_product(q, r, x), 1e-13);
    ck_assert_double_lt(off_orthogonal(q), 1e-13);
    nd *h = nd_copy(x, &e);
    reflect_plainly((double *)h->at, shape[0], shape[1]);
    for (int64_t i = 0; i < shape[1]; i++)
        for (int64_t j = i; j < shape[1]; j++) {
            double want = ((const double *)h->at)[i * shape[1] + j];
            ck_assert_double_eq_tol(((const double *)r->at)[i * shape[1] + j], want, 1e-11);
            ck_assert_double_eq_tol(((const double *)only->at)[i * shape[1] + j], want, 1e-11);
        }
    nd *all[] = {x, q, r, only, h};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) datum_unref(all[k]);
}
END_TEST

START_TEST(matrices_of_low_rank_are_factorised)
{
    err e = {0};
    int64_t shape[2] = {400, 150};
    nd *x = nd_new(dtype_plain(DT_float64), 2, shape, &e), *q, *r, *u, *s, *v;
    for (int64_t i = 0; i < nd_count(x); i++)
        ((double *)x->at)[i] = (double)(i / 150 % 7) + (double)(i % 150 % 11) / 3;
    ck_assert(nd_qr(x, 'r', &q, &r, &e));
    ck_assert_double_lt(off_product(q, r, x), 1e-11);
    ck_assert_double_lt(off_orthogonal(q), 1e-12);
    ck_assert(nd_svd(r, false, &u, &s, &v, &e));
    ck_assert_double_lt(off_orthogonal(u), 1e-12);
    ck_assert_double_gt(((const double *)s->at)[1], 1);
    ck_assert_double_lt(((const double *)s->at)[2], 1e-9);
    nd *all[] = {x, q, r, u, s, v};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) datum_unref(all[k]);
}
END_TEST

START_TEST(products_in_panels_and_of_a_matrix_with_its_transpose)
{
    err e = {0};
    int64_t shape[2] = {300, 260};
    nd *x = filled(DT_float64, false, 2, shape), *t = nd_transpose(x, (int[]){1, 0});
    nd *own = nd_contiguous(t, &e), *square = nd_dot(x, t, &e), *plain = nd_dot(x, own, &e);
    for (int64_t i = 0; i < 300 * 300; i++) {
        double want = 0;
        for (int64_t k = 0; i % 1013 == 0 && k < 260; k++)
            want += ((const double *)x->at)[i / 300 * 260 + k] *
                    ((const double *)x->at)[i % 300 * 260 + k];
        double a = ((const double *)square->at)[i], b = ((const double *)plain->at)[i];
        ck_assert_double_eq_tol(a, b, 1e-12);
        if (i % 1013 == 0) ck_assert_double_eq_tol(a, want, 1e-12);
    }
    nd *all[] = {x, t, own, square, plain};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) datum_unref(all[k]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("large");
    TCase *t = tcase_create("large");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_turn_is_taken_once);
    tcase_add_test(t, a_thread_that_works_alone_is_not_helped);
    tcase_add_loop_test(t, large_lanes_are_sorted_selected_and_searched, 0, NTYPE);
    tcase_add_loop_test(t, the_top_is_the_end_of_the_order, 0, NTYPE);
    tcase_add_loop_test(t, unique_by_table_by_sort_and_by_order_agree, 0, NTYPE);
    tcase_add_test(t, bins_hold_what_lies_between_their_edges);
    tcase_add_test(t, tall_qr_has_the_signs_of_reflections);
    tcase_add_test(t, matrices_of_low_rank_are_factorised);
    tcase_add_test(t, products_in_panels_and_of_a_matrix_with_its_transpose);
    suite_add_tcase(s, t);
    return suite_run(s);
}
