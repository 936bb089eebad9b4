/* tests/unit/check_scan.c - running sums and products: rows abreast, blocks that follow each other,
 * and the plan that writes them over blocks of its own. */
#include <check.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/engine.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"
#include "tests/unit/suite.h"

static const enum dtype types[] = {DT_float64, DT_float32, DT_int64, DT_uint64};

/* small numbers, signed zeros and a NaN, of type t */
static nd *numbers(enum dtype t, int ndim, const int64_t *shape, unsigned seed)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_float64), ndim, shape, &e);
    double *at = (double *)x->at;
    for (int64_t i = 0; i < nd_count(x); i++) {
        seed = seed * 1103515245u + 12345u;
        at[i] = seed >> 28 == 3 ? -0.0 : (double)(seed >> 20) / 1e3 - (t == DT_uint64 ? 0 : 2);
    }
    nd *y = nd_cast(x, dtype_plain(t), 'u', &e);
    datum_unref(x);
    return y;
}

/* f(so far, next), one after the other */
static nd *one_by_one(const scan *s, const nd *x, int axis)
{
    err e = {0};
    nd *y = nd_copy(x, &e);
    for (int64_t i = 1; i < nd_shape(x)[axis]; i++) {
        nd *before = nd_slice(y, axis, i - 1, 1, 1), *next = nd_slice(x, axis, i, 1, 1),
           *to = nd_slice(y, axis, i, 1, 1), *sum = nd_map2(s->fold, before, next, &e);
        nd_assign(to, sum, 'u', NULL, &e);
        datum_unref(before);
        datum_unref(next);
        datum_unref(to);
        datum_unref(sum);
    }
    return y;
}

START_TEST(rows_abreast_have_the_bits_of_one_after_the_other)
{
    static const int64_t shapes[][3] = {{11, 203, 1}, {3, 40, 1}, {9, 7, 1}, {5, 33, 3}};
    const enum dtype t = types[_i];
    for (int k = 0; k < 4; k++)
        for (int axis = 0; axis < 3; axis++)
            for (int prod = 0; prod < 2; prod++) {
                nd *x = numbers(t, 3, shapes[k], (unsigned)k);
                const scan *s = scan_find(prod ? "cumprod" : "cumsum");
                nd *want = one_by_one(s, x, axis);
                for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
                    err e = {0};
                    simd_limit((enum simd)level);
                    nd *got = nd_scan(s, x, axis, nd_type(x), NULL, &e);
                    ck_assert_msg(nd_same(got, want), "%s, shape %d, axis %d, level %d", s->name, k,
                                  axis, level);
                    datum_unref(got);
                }
                simd_limit(SIMD_AVX512);
                datum_unref(want);
                datum_unref(x);
            }
}
END_TEST

enum { MOST = 9 };

/* each block scanned, and combined with what the one before ends with */
static void join_by_hand(const scan *s, int n, const nd *const *x, int axis, nd **out)
{
    err e = {0};
    nd *carry = NULL;
    for (int b = 0; b < n; b++) {
        nd *own = nd_scan(s, x[b], axis, nd_type(x[b]), NULL, &e),
           *last = nd_slice(own, axis, nd_shape(own)[axis] - 1, 1, 1);
        out[b] = carry ? nd_map2(s->fold, carry, own, &e) : nd_ref(own);
        nd *next = carry ? nd_map2(s->fold, carry, last, &e) : nd_copy(last, &e);
        datum_unref(own);
        datum_unref(last);
        datum_unref(carry);
        carry = next;
    }
    datum_unref(carry);
}

static void check_join(enum dtype t, int n, int axis, const scan *s, bool over)
{
    err e = {0};
    nd *x[MOST], *want[MOST], *got[MOST] = {0};
    for (int b = 0; b < n; b++) {
        const int64_t shape[] = {axis == 0 ? 5 + 97 * (b % 4) : 3, axis ? 1 + 31 * (b % 3) : 2};
        x[b] = numbers(t, axis == 2 ? 1 : 2, axis == 2 ? &shape[1] : shape, (unsigned)b);
    }
    int along = axis == 2 ? 0 : axis;
    const nd *const *in = (const nd *const *)x;
    join_by_hand(s, n, in, along, want);
    nd *last = nd_scan_last(s, n, in, along, nd_type(x[0]), &e);
    ck_assert_msg(last != NULL, "%s", e.msg);
    nd *sums = nd_accumulate(&ufuncs[s->fold], last, along, nd_type(x[0]), NULL, &e);
    int64_t room[2];
    memcpy(room, nd_shape(sums), sizeof(int64_t) * (size_t)sums->ndim);
    room[along] = 1; /* in front: not used */
    nd *front = nd_new(nd_type(sums), sums->ndim, room, &e);
    memset(front->at, 0, nd_bytes(front));
    nd *carry = nd_concat(2, (const nd *[]){front, sums}, along, nd_type(sums), &e);
    for (int b = 0; b < n && over; b++) got[b] = x[b];
    ck_assert(nd_scan_join(s, n, in, along, nd_type(x[0]), carry, true, got, &e));
    for (int b = 0; b < n; b++) {
        ck_assert_msg(nd_same(got[b], want[b]), "%s: block %d of %d, axis %d", s->name, b, n, axis);
        ck_assert(!over || got[b]->at == x[b]->at);
        datum_unref(got[b]);
        datum_unref(want[b]);
        datum_unref(x[b]);
    }
    datum_unref(carry);
    datum_unref(front);
    datum_unref(sums);
    datum_unref(last);
}

START_TEST(blocks_go_on_where_those_before_them_end)
{
    static const char *const names[] = {"cumsum", "cumprod", "nancumsum"};
    for (int n = 1; n <= MOST; n++)
        for (int axis = 0; axis < 3; axis++)
            for (int k = 0; k < 3; k++)
                for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
                    simd_limit((enum simd)level);
                    bool rows = axis || k < 2; /* columns free of NaN: one by one */
                    check_join(types[_i], n, axis, scan_find(names[k]), false);
                    if (rows) check_join(types[_i], n, axis, scan_find(names[k]), true);
                }
    simd_limit(SIMD_AVX512);
}
END_TEST

enum { BLOCKS = 11, N = 1 << 14 };

/* blocks of ones that exist; at[] borrows them */
static expr *persisted(nd *at[BLOCKS])
{
    err e = {0};
    int64_t n = BLOCKS * N, chunk = N;
    grid *g = grid_even(1, &n, &chunk);
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    expr *x = expr_full((label){.prefix = "ones"}, g, dtype_plain(DT_int64), one, &e);
    datum *block[BLOCKS];
    expr *y;
    for (int i = 0; i < BLOCKS; i++) {
        at[i] = nd_full(dtype_plain(DT_int64), 1, &chunk, one, &e);
        block[i] = &at[i]->hdr;
    }
    y = expr_stored(x, block);
    for (int i = 0; i < BLOCKS; i++) datum_unref(at[i]);
    datum_unref(one);
    datum_unref(x);
    datum_unref(g);
    return y;
}

static void check_in_place(bool held)
{
    nd *block[BLOCKS];
    char *at[BLOCKS];
    err e = {0};
    expr *x = persisted(block),
         *y = expr_scan((label){0}, scan_find("cumsum"), x, 0, (dtype_of){.dt = DT_none}, 's', &e);
    for (int i = 0; i < BLOCKS; i++) at[i] = block[i]->at;
    if (!held) datum_unref(x);
    estate s = estate_of(1, (const expr *[]){y});
    plan *p = plan_exprs(1, (const expr *[]){y}, NULL, &e);
    ck_assert_msg(p != NULL, "%s", e.msg);
    estate_inherit(&s);
    estate_clear(&s);
    ck_assert(plan_run(p, NULL, &(run_opts){.synchronous = true}, NULL, &e));
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const nd *made = as_nd(plan_result(p, i));
#ifndef DSK_SANITIZE /* there are no large buffers to write over then */
        ck_assert(held == (made->at != at[i]));
#endif
        for (int k = 0; k < N; k++)
            ck_assert_int_eq(((const int64_t *)made->at)[k], (int64_t)i * N + k + 1);
        if (held) ck_assert_int_eq(((const int64_t *)at[i])[N - 1], 1);
    }
    plan_free(p);
    datum_unref(y);
    if (held) datum_unref(x);
}

START_TEST(sums_are_written_over_blocks_that_nobody_else_holds)
{
    check_in_place(false);
}
END_TEST

START_TEST(blocks_that_somebody_holds_stay_as_they_are)
{
    check_in_place(true);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("scan");
    TCase *t = tcase_create("scan");
    tcase_add_loop_test(t, rows_abreast_have_the_bits_of_one_after_the_other, 0, 4);
    tcase_add_loop_test(t, blocks_go_on_where_those_before_them_end, 0, 4);
    tcase_add_test(t, sums_are_written_over_blocks_that_nobody_else_holds);
    tcase_add_test(t, blocks_that_somebody_holds_stay_as_they_are);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
