/* tests/unit/check_inherit.c - blocks of persisted arrays that a run takes for itself. */
#include <check.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/expr/build.h"
#include "tests/unit/suite.h"

enum { BLOCKS = 3, N = 1 << 14 }; /* blocks of 128 KiB: worth writing over */
#ifdef DSK_SANITIZE               /* there are no large buffers to write over then */
enum { UNPOOLED = 1 };
#else
enum { UNPOOLED = 0 };
#endif
static const dtype_of none = {.dt = DT_none};

/* 0, 1, 2 ... in blocks that exist; at[] borrows them */
static expr *persisted(nd *at[BLOCKS])
{
    err e = {0};
    int64_t n = BLOCKS * N, chunk = N;
    grid *g = grid_even(1, &n, &chunk);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), &e);
    plan *p = plan_exprs(1, (const expr *[]){x}, NULL, &e);
    ck_assert(plan_run(p, NULL, &(run_opts){.synchronous = true}, NULL, &e));
    datum *block[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) at[i] = as_nd(block[i] = plan_result(p, i));
    expr *y = expr_stored(x, block);
    plan_free(p);
    datum_unref(x);
    datum_unref(g);
    return y;
}

static expr *plus_one(const expr *x)
{
    err e = {0};
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    term t[2] = {{.x = (expr *)(uintptr_t)x}, {.block = one, .weak = true}};
    expr *y = expr_map((label){0}, &ufuncs[U_add], 2, t, none, 0, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    datum_unref(one);
    return y;
}

/* the last element of y, computed as somebody does who needs y no more; *left: layers inherited */
static int64_t last_of(expr *y, uint32_t *left)
{
    err e = {0};
    estate s = estate_of(1, (const expr *[]){y});
    *left = s.n;
    plan *p = plan_exprs(1, (const expr *[]){y}, NULL, &e);
    ck_assert_msg(p != NULL, "%s", e.msg);
    estate_inherit(&s);
    estate_clear(&s);
    ck_assert_msg(plan_run(p, NULL, &(run_opts){.synchronous = true}, NULL, &e), "%s", e.msg);
    int64_t last = ((const int64_t *)as_nd(plan_result(p, BLOCKS - 1))->at)[N - 1];
    plan_free(p);
    return last;
}

START_TEST(a_result_is_written_over_blocks_that_nobody_else_holds)
{
    nd *block[BLOCKS];
    expr *x = persisted(block), *y = plus_one(x);
    char *at[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) at[i] = block[i]->at;
    datum_unref(x);
    estate s = estate_of(1, (const expr *[]){y});
    ck_assert_uint_eq(s.n, 1);
    err e = {0};
    plan *p = plan_exprs(1, (const expr *[]){y}, NULL, &e);
    estate_inherit(&s);
    estate_clear(&s);
    ck_assert(plan_run(p, NULL, &(run_opts){.synchronous = true}, NULL, &e));
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const nd *made = as_nd(plan_result(p, i));
        ck_assert(UNPOOLED || made->at == at[i]);
        for (int k = 0; k < N; k++)
            ck_assert_int_eq(((const int64_t *)made->at)[k], (int64_t)i * N + k + 1);
    }
    plan_free(p);
    datum_unref(y);
}
END_TEST

START_TEST(blocks_of_an_array_that_is_held_stay)
{
    nd *block[BLOCKS];
    expr *x = persisted(block), *y = plus_one(x);
    uint32_t left;
    ck_assert_int_eq(last_of(y, &left), BLOCKS * N);
    ck_assert_uint_eq(left, 0);
    for (int i = 0; i < BLOCKS; i++)
        for (int k = 0; k < N; k++) ck_assert_int_eq(((const int64_t *)block[i]->at)[k], i * N + k);
    datum_unref(y);
    datum_unref(x);
}
END_TEST

START_TEST(blocks_below_an_array_that_is_held_stay)
{
    nd *block[BLOCKS];
    expr *x = persisted(block), *y = plus_one(x), *z = plus_one(y);
    uint32_t left;
    datum_unref(x);
    ck_assert_int_eq(last_of(z, &left), BLOCKS * N + 1);
    ck_assert_uint_eq(left, 0);
    datum_unref(z);
    ck_assert_int_eq(last_of(y, &left), BLOCKS * N); /* now it alone reaches them */
    ck_assert_uint_eq(left, 1);
    datum_unref(y);
}
END_TEST

START_TEST(an_expr_with_another_holder_leaves_nothing)
{
    nd *block[BLOCKS];
    expr *x = persisted(block), *y = plus_one(x), *held = expr_ref(y);
    uint32_t left;
    datum_unref(x);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(last_of(y, &left), BLOCKS * N);
        ck_assert_uint_eq(left, 0);
    }
    datum_unref(held);
    datum_unref(y);
}
END_TEST

START_TEST(two_readers_of_a_block_see_it_whole)
{
    nd *block[BLOCKS];
    err e = {0};
    expr *x = persisted(block), *a = plus_one(x);
    term t[2] = {{.x = x}, {.x = a}};
    expr *both[] = {a, expr_map((label){0}, &ufuncs[U_multiply], 2, t, none, 0, &e)};
    datum_unref(x);
    estate s = estate_of(2, (const expr *const *)both);
    ck_assert_uint_eq(s.n, 1);
    plan *p = plan_exprs(2, (const expr *const *)both, NULL, &e);
    estate_inherit(&s);
    estate_clear(&s);
    ck_assert(plan_run(p, NULL, &(run_opts){.synchronous = true}, NULL, &e));
    for (uint32_t i = 0; i < BLOCKS; i++)
        for (int64_t k = 0; k < N; k++) {
            int64_t n = (int64_t)i * N + k;
            ck_assert_int_eq(((const int64_t *)as_nd(plan_result(p, i))->at)[k], n + 1);
            ck_assert_int_eq(((const int64_t *)as_nd(plan_result(p, BLOCKS + i))->at)[k],
                             n * (n + 1));
        }
    plan_free(p);
    datum_unref(both[0]);
    datum_unref(both[1]);
}
END_TEST

START_TEST(blocks_that_were_given_away_say_so)
{
    nd *block[BLOCKS];
    expr *x = persisted(block);
    uint32_t left;
    err e = {0};
    ck_assert_int_eq(last_of(x, &left), BLOCKS * N - 1);
    ck_assert_uint_eq(left, 1);
    nd *out = NULL;
    ck_assert(!exprs_compute(1, (const expr *[]){x}, NULL, NULL, NULL, &out, &e));
    ck_assert_msg(strstr(e.msg, "went with the run"), "%s", e.msg);
    err_clear(&e);
    datum_unref(x);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("inherit");
    TCase *t = tcase_create("inherit");
    tcase_add_test(t, a_result_is_written_over_blocks_that_nobody_else_holds);
    tcase_add_test(t, blocks_of_an_array_that_is_held_stay);
    tcase_add_test(t, blocks_below_an_array_that_is_held_stay);
    tcase_add_test(t, an_expr_with_another_holder_leaves_nothing);
    tcase_add_test(t, two_readers_of_a_block_see_it_whole);
    tcase_add_test(t, blocks_that_were_given_away_say_so);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
