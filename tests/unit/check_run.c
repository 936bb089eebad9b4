/* tests/unit/check_run.c - exprs end to end: what compute() gives, and how the pool behaves. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

static const dtype_of none = {.dt = DT_none};

static expr *range(int64_t n, int64_t chunk, err *e)
{
    grid *g = grid_even(1, &n, &chunk);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), e);
    datum_unref(g);
    return x;
}

static nd *compute(const expr *x, pool *p)
{
    err e = {0};
    nd *out = NULL;
    ck_assert_msg(exprs_compute(1, &x, p, NULL, NULL, &out, &e), "%s", e.msg);
    return out;
}

static expr *sum(const expr *x, uint32_t axes)
{
    err e = {0};
    expr *y = expr_reduce("sum", x, &(reduce_args){.axes = axes, .want = none}, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    return y;
}

START_TEST(sum_of_a_range_is_exact)
{
    err e = {0};
    expr *x = range(1000000, 1000, &e), *y = sum(x, ALL_AXES);
    pool *p = pool_new(2, false, NULL);
    nd *out = compute(y, p);
    ck_assert_int_eq(*(int64_t *)out->at, 499999500000);
    ck_assert(!strncmp(expr_name(y), "sum-aggregate-", 14));
    datum_unref(out);
    datum_unref(x);
    datum_unref(y);
    pool_free(p);
}
END_TEST

START_TEST(elementwise_chains_become_one_program)
{
    err e = {0};
    expr *x = range(10, 5, &e);
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    term t[2] = {{.x = x}, {.block = one, .weak = true}};
    expr *y = expr_map((label){0}, &ufuncs[U_add], 2, t, none, 0, &e);
    t[0].x = y;
    expr *z = expr_map((label){.prefix = "mul"}, &ufuncs[U_multiply], 2, t, none, 0, &e);
    const expr *all[] = {z};
    plan *p = plan_exprs(1, all, NULL, &e);
    ck_assert_uint_eq(p->ntask, 2);
    ck_assert_uint_eq(p->nprog, 1);
    plan_free(p);
    nd *out = compute(z, NULL);
    for (int i = 0; i < 10; i++) ck_assert_int_eq(((int64_t *)out->at)[i], i + 1);
    datum_unref(out);
    datum_unref(one);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("run");
    TCase *t = tcase_create("run");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sum_of_a_range_is_exact);
    tcase_add_test(t, elementwise_chains_become_one_program);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
