/* tests/unit/check_plan.c - plans: nothing is planned that nobody needs, nothing is done twice. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/plan/forecast.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};

static expr *range(int64_t n, int64_t c)
{
    err e = {0};
    grid *g = grid_even(1, &n, &c);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), &e);
    datum_unref(g);
    return x;
}

static expr *plus_one(const expr *x)
{
    err e = {0};
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    expr *y = expr_map((label){0}, &ufuncs[U_add], 2,
                       (term[]){{.x = x}, {.block = one, .weak = true}}, none, 0, &e);
    datum_unref(one);
    return y;
}

static plan *plan_of(int n, const expr *const *x, const plan_opts *o)
{
    err e = {0};
    plan *p = plan_exprs(n, x, o, &e);
    ck_assert_msg(p != NULL, "%s", e.msg);
    return p;
}

START_TEST(only_demanded_blocks_are_planned)
{
    err e = {0};
    expr *x = range(1000000000000, 1000), *y = plus_one(x);
    expr_item item = {.item = {.kind = IDX_INT, .start = 123456789012}};
    expr *z = expr_index(y, 1, &item, &e);
    plan *p = plan_of(1, (const expr *[]){z}, NULL);
    ck_assert_uint_eq(p->ntask, 1); /* one block made, one added to, one element taken */
    plan_free(p);
    p = plan_of(1, (const expr *[]){z}, &(plan_opts){.keep_all = true});
    ck_assert_uint_eq(p->ntask, 3);
    plan_free(p);
    nd *out = NULL;
    ck_assert(exprs_compute(1, (const expr *[]){z}, NULL, NULL, NULL, &out, &e));
    ck_assert_int_eq(*(const int64_t *)out->at, 123456789013);
    datum_unref(out);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
}
END_TEST

START_TEST(shared_parts_of_several_results_are_made_once)
{
    err e = {0};
    expr *x = range(20, 5), *y = plus_one(x);
    reduce_args a = {.axes = ALL_AXES, .want = none};
    expr *s = expr_reduce("sum", y, &a, &e), *m = expr_reduce("max", y, &a, &e);
    plan *p = plan_of(2, (const expr *[]){s, m}, NULL);
    char *text = plan_text(p);
    char *first = strstr(text, "arange");
    ck_assert(first && !strstr(first + 1, "arange"));
    ck_assert_uint_eq(p->ntask, 4 + 4 + 4 + 1 + 1); /* y, two chunk reductions, two aggregates */
    mem_free(text);
    plan_free(p);
    p = plan_of(2, (const expr *[]){s, s}, NULL);
    ck_assert_uint_eq(p->wanted[0], p->wanted[1]);
    plan_free(p);
    datum_unref(x);
    datum_unref(y);
    datum_unref(s);
    datum_unref(m);
}
END_TEST

START_TEST(plans_that_are_too_large_for_sure_are_not_begun)
{
    err e = {0};
    const int64_t n = 1000000000;
    nd *one = nd_scalar(DT_float64, &(double){1});
    grid *g = grid_even(1, &n, (int64_t[]){1});
    expr *x = expr_full((label){0}, g, dtype_plain(DT_float64), one, &e);
    expr *y = expr_reduce("sum", x, &(reduce_args){.axes = 1, .want = {.dt = DT_none}}, &e);
    const plan_opts o = {.off = PASS_NEST, .room = 1 << 30};
    for (int k = 0; k < 2; k++) { /* all of its blocks wanted, or one that needs all of them */
        const expr *of[] = {k ? x : y};
        ck_assert_ptr_null(plan_exprs(1, of, &o, &e));
        ck_assert_int_eq(e.kind, MemoryError);
        ck_assert_ptr_nonnull(strstr(e.msg, "larger chunks"));
        err_clear(&e);
    }
    datum_unref(x);
    datum_unref(y);
    datum_unref(g);
    datum_unref(one);
}
END_TEST

START_TEST(tiny_blocks_are_made_by_the_task_that_adds_them_up)
{
    err e = {0};
    const struct {
        int64_t n, chunk;
        uint32_t ntask;
    } cases[] = {
        {2 * 4100, 2, 1025 + 257 + 65 + 17 + 5 + 2 + 1},    /* one level: 1025 tasks are enough */
        {2 * 4000, 2, 4000 + 1000 + 250 + 63 + 16 + 4 + 1}, /* fewer would be left */
        {300 * 4100, 300, 4100 + 1025 + 257 + 65 + 17 + 5 + 2 + 1}, /* larger blocks */
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        expr *x = range(cases[k].n, cases[k].chunk), *y = plus_one(x);
        expr *s = expr_reduce("sum", y, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
        plan *p = plan_of(1, (const expr *[]){s}, NULL);
        ck_assert_uint_eq(p->ntask, cases[k].ntask);
        plan_free(p);
        p = plan_of(2, (const expr *[]){s, y}, NULL); /* the blocks themselves are asked for */
        ck_assert_uint_ge(p->ntask, (uint32_t)(cases[k].n / cases[k].chunk));
        plan_free(p);
        datum_unref(x);
        datum_unref(y);
        datum_unref(s);
    }
}
END_TEST

START_TEST(inputs_come_before_their_consumers)
{
    err e = {0};
    expr *x = range(100, 3);
    expr *s = expr_reduce("sum", x, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
    plan *p = plan_of(1, (const expr *[]){s}, NULL);
    for (tid t = 0; t < p->ntask; t++)
        for (uint32_t k = 0; k < p->task[t].nin; k++) ck_assert(p->in[p->task[t].in + k] < t);
    plan_free(p);
    datum_unref(x);
    datum_unref(s);
}
END_TEST

START_TEST(a_small_budget_changes_nothing_but_the_order)
{
    err e = {0};
    expr *x = range(400000, 1000), *y = plus_one(x);
    int64_t cut = 700;
    grid *g = grid_even(1, (int64_t[]){400000}, &cut);
    expr *z = expr_rechunk(y, g, 0, 0, &e);
    expr *s = expr_reduce("sum", z, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
    pool *p = pool_new(3, false, NULL);
    nd *out = NULL;
    bool ok =
        exprs_compute(1, (const expr *[]){s}, p, NULL, &(run_opts){.budget = 50000}, &out, &e);
    ck_assert_msg(ok, "%s", e.msg ? e.msg : "no reason");
    ck_assert_int_eq(*(const int64_t *)out->at, 400000ll * 400001 / 2);
    pool_free(p);
    datum_unref(out);
    datum_unref(g);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
    datum_unref(s);
}
END_TEST

static expr *times(const expr *x, const expr *y)
{
    err e = {0};
    return expr_map((label){0}, &ufuncs[U_multiply], 2, (term[]){{.x = x}, {.x = y}}, none, 0, &e);
}

static expr *sum(const expr *x)
{
    err e = {0};
    return expr_reduce("sum", x, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
}

/* bytes held at once: as forecast, and as measured */
static void peaks(int n, const expr *const *x, uint32_t off, uint64_t *told, uint64_t *was)
{
    err e = {0};
    plan_opts o = {.off = off};
    plan *p = plan_of(n, x, &o);
    forecast f = plan_forecast(p, 1, UINT64_MAX);
    *told = f.peak;
    forecast_clear(&f);
    run_use use = {0};
    bool ok = plan_run(p, NULL, &(run_opts){.synchronous = true, .use = &use}, NULL, &e);
    ck_assert_msg(ok, "%s", e.msg ? e.msg : "no reason");
    *was = use.peak;
    plan_free(p);
}

START_TEST(what_several_results_read_dies_young)
{
    expr *x = range(4 << 20, 1 << 17), *y = plus_one(x), *z = plus_one(y), *p = times(x, z);
    expr *of[] = {sum(x), sum(z), sum(p)}; /* 32 MB each, in blocks of 1 MB */
    uint64_t told, was, untold, was_off;
    peaks(3, (const expr *const *)of, 0, &told, &was);
    peaks(3, (const expr *const *)of, PASS_ORDER, &untold, &was_off);
    ck_assert_uint_gt(was_off, 50 << 20);
    ck_assert_uint_lt(was, 16 << 20);
    ck_assert_uint_lt(told, 16 << 20);
    for (int i = 0; i < 3; i++) datum_unref(of[i]);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
    datum_unref(p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, only_demanded_blocks_are_planned);
    tcase_add_test(t, shared_parts_of_several_results_are_made_once);
    tcase_add_test(t, plans_that_are_too_large_for_sure_are_not_begun);
    tcase_add_test(t, tiny_blocks_are_made_by_the_task_that_adds_them_up);
    tcase_add_test(t, inputs_come_before_their_consumers);
    tcase_add_test(t, what_several_results_read_dies_young);
    tcase_add_test(t, a_small_budget_changes_nothing_but_the_order);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
