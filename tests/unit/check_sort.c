/* tests/unit/check_sort.c - orders, ties included, are NumPy's. */
#include <check.h>
#include <string.h>

#include "engine/kernels/sort.h"
#include "engine/kernels/ufunc.h"
#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

enum operation { SORT, ARGSORT, STABLE, PARTITION, ARGPARTITION };

typedef struct sort_case {
    enum operation op;
    enum dtype dt;
    bool nan;
    int64_t n, kth;
    uint64_t mix;
} sort_case;

static const sort_case cases[] = {
#define CASE(op, dt, nan, n, kth, mix) {op, DT_##dt, nan, n, kth, mix},
#include "tests/unit/sort_cases.def"
#undef CASE
};
enum { NCASE = sizeof cases / sizeof *cases };

/* int32 cases are taken modulo 5: many ties */
static nd *input(const sort_case *c)
{
    nd *x = filled(c->dt, c->nan, 1, &c->n);
    for (int64_t i = 0; c->dt == DT_int32 && i < c->n; i++) ((int32_t *)x->at)[i] %= 5;
    return x;
}

/* NaN have many bit patterns: the record has 0 in their place */
static void drop_nan(nd *x)
{
    int64_t n = nd_count(x);
    for (int64_t i = 0; i < n; i++) {
        if (x->dtype == DT_float64 && isnan(((double *)x->at)[i])) ((double *)x->at)[i] = 0;
        if (x->dtype == DT_float32 && isnan(((float *)x->at)[i])) ((float *)x->at)[i] = 0;
    }
}

START_TEST(a_recorded_order_comes_out)
{
    const sort_case *c = &cases[_i];
    err e = {0};
    nd *x = input(c), *r = NULL;
    switch (c->op) {
    case SORT: r = nd_sort(x, 0, &e); break;
    case ARGSORT: r = nd_argsort(x, 0, false, &e); break;
    case STABLE: r = nd_argsort(x, 0, true, &e); break;
    case PARTITION: r = nd_partition(x, &c->kth, 1, 0, &e); break;
    case ARGPARTITION: r = nd_argpartition(x, &c->kth, 1, 0, &e); break;
    }
    ck_assert_ptr_nonnull(r);
    drop_nan(r);
    ck_assert_msg(mix_of(r) == c->mix, "operation %d of %ld %s", c->op, (long)c->n,
                  dtypes[c->dt].name);
    datum_unref(x);
    datum_unref(r);
}
END_TEST

static nd *ints(int n, const int64_t *v)
{
    err e = {0};
    int64_t shape = n;
    nd *x = nd_new(dtype_plain(DT_int64), 1, &shape, &e);
    memcpy(x->at, v, (size_t)n * sizeof *v);
    return x;
}

START_TEST(unique_gives_first_places_inverse_and_counts)
{
    err e = {0};
    nd *x = ints(6, (int64_t[]){3, 1, 3, 2, 1, 3});
    unique_parts u;
    ck_assert(nd_unique(x, UNIQUE_INDEX | UNIQUE_INVERSE | UNIQUE_COUNTS, &u, &e));
    ck_assert_int_eq(nd_count(u.values), 3);
    ck_assert_mem_eq(u.values->at, ((int64_t[]){1, 2, 3}), 24);
    ck_assert_mem_eq(u.index->at, ((int64_t[]){1, 3, 0}), 24);
    ck_assert_mem_eq(u.inverse->at, ((int64_t[]){2, 0, 2, 1, 0, 2}), 48);
    ck_assert_mem_eq(u.counts->at, ((int64_t[]){2, 1, 3}), 24);
    unique_clear(&u);
    datum_unref(x);
}
END_TEST

START_TEST(searchsorted_has_two_sides)
{
    err e = {0};
    nd *x = ints(5, (int64_t[]){1, 2, 2, 2, 5}), *v = ints(3, (int64_t[]){2, 0, 9});
    nd *left = nd_searchsorted(x, v, false, NULL, &e),
       *right = nd_searchsorted(x, v, true, NULL, &e);
    ck_assert_mem_eq(left->at, ((int64_t[]){1, 0, 5}), 24);
    ck_assert_mem_eq(right->at, ((int64_t[]){4, 0, 5}), 24);
    datum_unref(x);
    datum_unref(v);
    datum_unref(left);
    datum_unref(right);
}
END_TEST

START_TEST(bincount_refuses_negative_numbers)
{
    err e = {0};
    nd *x = ints(2, (int64_t[]){1, -1});
    ck_assert_ptr_null(nd_bincount(x, NULL, 0, &e));
    ck_assert_str_eq(e.msg, "'list' argument must have no negative elements");
    err_clear(&e);
    datum_unref(x);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sort");
    TCase *t = tcase_create("sort");
    tcase_add_loop_test(t, a_recorded_order_comes_out, 0, NCASE);
    tcase_add_test(t, unique_gives_first_places_inverse_and_counts);
    tcase_add_test(t, searchsorted_has_two_sides);
    tcase_add_test(t, bincount_refuses_negative_numbers);
    suite_add_tcase(s, t);
    return suite_run(s);
}
