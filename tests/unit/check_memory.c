/* tests/unit/check_memory.c - runs keep to their budget; spilled blocks come back as they were. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/kernels/ops.h"
#include "engine/plan/forecast.h"
#include "engine/run/memory.h"
#include "engine/run/spill.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};

static nd *counting(int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_int64), ndim, shape, &e);
    for (int64_t i = 0; i < nd_count(x); i++) ((int64_t *)x->at)[i] = i;
    return x;
}

static bool same(const nd *a, const nd *b)
{
    err e = {0};
    nd *p = nd_copy(a, &e), *q = nd_copy(b, &e);
    bool ok = a->ndim == b->ndim && a->dtype == b->dtype &&
              (!a->ndim || !memcmp(nd_shape(a), nd_shape(b), a->ndim * sizeof(int64_t))) &&
              !memcmp(p->at, q->at, nd_bytes(p));
    datum_unref(p);
    datum_unref(q);
    return ok;
}

/* layouts: C, F, rows with gaps, every second, backwards, repeated, three axes turned, 0-d */
static nd *layout(int i)
{
    err e = {0};
    nd *x = counting(2, (int64_t[]){300, 500}), *y = NULL;
    switch (i) {
    case 0: y = nd_ref(x); break;
    case 1: y = nd_transpose(x, NULL); break;
    case 2: y = nd_slice(x, 1, 7, 100, 1); break;
    case 3: y = nd_slice(x, 1, 1, 200, 2); break;
    case 4: y = nd_slice(x, 0, 299, 300, -1); break;
    case 5: y = nd_broadcast(x, 3, (int64_t[]){4, 300, 500}, &e); break;
    case 6: {
        nd *z = nd_reshape(x, 3, (int64_t[]){30, 50, 100}, &e);
        y = nd_transpose(z, (int[]){1, 2, 0});
        datum_unref(z);
        break;
    }
    default: y = nd_scalar(DT_int64, &(int64_t){42});
    }
    datum_unref(x);
    return y;
}

/* every axis of x cut into pieces of `most` */
static grid *tiles_over(const nd *x, int64_t most)
{
    int64_t size[ND_MAXDIM];
    for (int k = 0; k < x->ndim; k++) size[k] = most;
    return grid_even(x->ndim, nd_shape(x), size);
}

/* layouts, in one piece, in small tiles, in tiles with pages of their own */
START_TEST(a_spilled_block_comes_back_as_it_was)
{
    err e = {0};
    spill *s = spill_open(NULL, &e);
    nd *x = layout(_i % 8);
    ck_assert(spill_takes(x));
    grid *tiles = _i < 8 ? NULL : tiles_over(x, _i < 16 ? 17 : 130);
    datum *away = spill_block(s, x, tiles, &e);
    datum_unref(tiles);
    ck_assert_msg(away != NULL, "%s", e.msg);
    ck_assert(is_spilled(away) && !as_nd(away));
    nd *y = as_nd(away->kind->fetch(away, &e));
    ck_assert(y && same(x, y));
    ck_assert_int_eq(x->flags, y->flags);
    if (x->ndim) {
        int64_t from[3], n[3];
        for (int k = 0; k < x->ndim; k++) {
            from[k] = k;
            n[k] = (nd_shape(x)[k] - from[k]) / 2;
        }
        nd *part = as_nd(away->kind->fetch_part(away, from, n, &e)), *want = nd_ref(x);
        for (int k = 0; k < x->ndim; k++) {
            nd *cut = nd_slice(want, k, from[k], n[k], 1);
            datum_unref(want);
            want = cut;
        }
        ck_assert(part && same(want, part));
        datum_unref(part);
        datum_unref(want);
    }
    datum_unref(y);
    datum_unref(x);
    spill_unref(s); /* the block keeps the file */
    y = as_nd(away->kind->fetch(away, &e));
    ck_assert(y != NULL);
    datum_unref(y);
    datum_unref(away);
}
END_TEST

START_TEST(a_full_disk_is_an_error_that_says_so)
{
    err e = {0};
    int fd = open("/dev/full", O_RDWR);
    if (fd < 0) return;
    spill *s = spill_on(fd);
    nd *x = layout(0);
    ck_assert(!spill_block(s, x, NULL, &e));
    ck_assert_int_eq(e.kind, OSError);
    ck_assert(strstr(e.msg, "No space left on device") != NULL);
    err_clear(&e);
    datum_unref(x);
    spill_unref(s);
}
END_TEST

static grid *even(int64_t rows, int64_t columns, int64_t r, int64_t c)
{
    return grid_even(2, (int64_t[]){rows, columns}, (int64_t[]){r, c});
}

/* range(n * n) in rows, cut anew into columns, then summed along the rows */
static expr *turned(int64_t n, int64_t each)
{
    err e = {0};
    int64_t count = n * n, rows = n * each;
    grid *flat = grid_even(1, &count, &rows), *columns = even(n, n, n, each);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), flat, dtype_plain(DT_int64), &e);
    expr *y = expr_reshape(x, 2, (int64_t[]){n, n}, true, &e);
    expr *z = expr_rechunk(y, columns, 0, 0, &e);
    reduce_args a = {.axes = 1, .want = none};
    expr *s = expr_reduce("sum", z, &a, &e);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
    datum_unref(flat);
    datum_unref(columns);
    return s;
}

START_TEST(a_run_keeps_to_its_budget)
{
    err e = {0};
    const int64_t n = 2000; /* 32 MB in blocks of 800 kB */
    const uint64_t budget = 6 << 20;
    expr *s = turned(n, 50);
    pool *p = pool_new(_i, false, NULL);
    plan *pl = plan_exprs(1, (const expr *[]){s}, &(plan_opts){0}, &e);
    run_use use = {0};
    ck_assert_msg(plan_run(pl, _i ? p : NULL, &(run_opts){.budget = budget, .use = &use}, NULL, &e),
                  "%s", e.msg ? e.msg : "");
    nd *out = plan_join(pl, 0, s, &e);
    for (int64_t k = 0; k < n; k += 37)
        ck_assert_int_eq(((const int64_t *)out->at)[k], n * n * (n - 1) / 2 + n * k);
    ck_assert_uint_gt(use.spilled, 20 << 20);
    ck_assert_uint_le(use.peak, budget + budget / 5 + (1 << 20));
    datum_unref(out);
    plan_free(pl);
    pool_free(p);
    datum_unref(s);
}
END_TEST

START_TEST(what_cannot_fit_is_refused_before_it_begins)
{
    err e = {0};
    nd *out = NULL;
    expr *s = turned(2000, 50);
    ck_assert(!exprs_compute(1, (const expr *[]){s}, NULL, NULL, &(run_opts){.budget = 1 << 19},
                             &out, &e));
    ck_assert_int_eq(e.kind, MemoryError);
    ck_assert_msg(strstr(e.msg, "chunks=("), "%s", e.msg);
    err_clear(&e);
    datum_unref(s);
    int64_t many = (int64_t)1 << 36, all = many;
    grid *one = grid_even(1, &many, &all);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), one, dtype_plain(DT_int64), &e);
    s = expr_reduce("sum", x, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
    ck_assert(!exprs_compute(1, (const expr *[]){s}, NULL, NULL, NULL, &out, &e));
    ck_assert_int_eq(e.kind, MemoryError);
    ck_assert_msg(strstr(e.msg, "512 GiB"), "%s", e.msg);
    err_clear(&e);
    datum_unref(one);
    datum_unref(x);
    datum_unref(s);
}
END_TEST

START_TEST(a_forecast_on_one_thread_is_what_happens)
{
    err e = {0};
    expr *s = turned(2000, 50);
    plan *pl = plan_exprs(1, (const expr *[]){s}, &(plan_opts){0}, &e);
    forecast f = plan_forecast(pl, 1, UINT64_MAX);
    run_use use = {0};
    ck_assert(plan_run(pl, NULL, &(run_opts){.synchronous = true, .use = &use}, NULL, &e));
    ck_assert_uint_le(use.peak, f.bound);
    ck_assert_uint_le(use.peak, f.peak + f.peak / 10 + (1 << 20));
    ck_assert_uint_ge(use.peak + use.peak / 10 + (1 << 20), f.peak);
    forecast_clear(&f);
    plan_free(pl);
    datum_unref(s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_spilled_block_comes_back_as_it_was, 0, 24);
    tcase_add_test(t, a_full_disk_is_an_error_that_says_so);
    tcase_add_loop_test(t, a_run_keeps_to_its_budget, 0, 4);
    tcase_add_test(t, what_cannot_fit_is_refused_before_it_begins);
    tcase_add_test(t, a_forecast_on_one_thread_is_what_happens);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
