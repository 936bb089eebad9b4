/* tests/unit/check_reduce.c - reductions equal NumPy's to the bit, whatever the strides. */
#include <check.h>
#include <string.h>

#include "engine/kernels/reduce.h"
#include "engine/kernels/scan.h"
#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

enum view { PLAIN, TRANSPOSED, EVERY_OTHER, REVERSED, CUT };

typedef struct reduce_case {
    const char *name;
    enum dtype dt;
    bool nan;
    int ndim;
    int64_t shape[3];
    enum view view;
    uint32_t axes;
    double ddof;
    enum dtype result;
    uint64_t mix;
} reduce_case;

static const reduce_case cases[] = {
#define CASE(name, dt, nan, ndim, a, b, c, view, axes, ddof, result, mix)                          \
    {#name, DT_##dt, nan, ndim, {a, b, c}, view, axes, ddof, DT_##result, mix},
#include "tests/unit/reduce_cases.def"
#undef CASE
};
enum { NCASE = sizeof cases / sizeof *cases };

static nd *view_of(const nd *x, enum view v)
{
    int last = x->ndim - 1;
    int64_t n = nd_shape(x)[last];
    switch (v) {
    case TRANSPOSED: return nd_transpose(x, NULL);
    case EVERY_OTHER: return nd_slice(x, last, 0, (n + 1) / 2, 2);
    case REVERSED: return nd_flip(x, 1);
    case CUT: return nd_slice(x, last, 1, n - 1, 1);
    default: return nd_ref(x);
    }
}

START_TEST(a_recorded_reduction_comes_out_to_the_bit)
{
    const reduce_case *c = &cases[_i];
    err e = {0};
    reduce_opts o = {.ddof = c->ddof};
    nd *x = filled(c->dt, c->nan, c->ndim, c->shape), *v = view_of(x, c->view);
    nd *r =
        nd_reduce(reduction_find(c->name), v, c->axes, false, (dtype_of){.dt = DT_none}, &o, &e);
    ck_assert_msg(r != NULL, "%s: %s", c->name, e.msg);
    ck_assert_str_eq(dtypes[r->dtype].name, dtypes[c->result].name);
    ck_assert_msg(mix_of(r) == c->mix, "%s of %s, case %d", c->name, dtypes[c->dt].name, _i);
    datum_unref(x);
    datum_unref(v);
    datum_unref(r);
}
END_TEST

START_TEST(every_row_has_a_result_type_for_floats)
{
    err e = {0};
    dtype_of t, none = {.dt = DT_none};
    ck_assert(reduce_resolve(&reductions[_i], dtype_plain(DT_float32), none, &t, &e));
    ck_assert_str_ne(reductions[_i].doc, "");
}
END_TEST

START_TEST(an_empty_axis_has_no_maximum)
{
    err e = {0};
    int64_t shape[2] = {3, 0};
    nd *x = nd_new(dtype_plain(DT_float64), 2, shape, &e);
    ck_assert_ptr_null(
        nd_reduce(&reductions[R_max], x, 2, false, (dtype_of){.dt = DT_none}, NULL, &e));
    ck_assert_str_eq(e.msg, "zero-size array to reduction operation maximum which has no identity");
    err_clear(&e);
    datum_unref(x);
}
END_TEST

START_TEST(a_mask_chooses_what_is_summed)
{
    err e = {0};
    double v[4] = {1, 2, 4, 8};
    bool m[4] = {true, false, true, true};
    int64_t n = 4;
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e),
       *w = nd_new(dtype_plain(DT_bool), 1, &n, &e);
    memcpy(x->at, v, sizeof v);
    memcpy(w->at, m, sizeof m);
    reduce_opts o = {.where = w};
    nd *r = nd_reduce(&reductions[R_sum], x, ALL_AXES, false, (dtype_of){.dt = DT_none}, &o, &e);
    ck_assert_double_eq(*(double *)r->at, 13);
    datum_unref(x);
    datum_unref(w);
    datum_unref(r);
}
END_TEST

START_TEST(a_mean_of_nothing_warns)
{
    err e = {0};
    int64_t n = 0;
    reduce_opts o = {0};
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e);
    nd *r = nd_reduce(&reductions[R_mean], x, ALL_AXES, false, (dtype_of){.dt = DT_none}, &o, &e);
    ck_assert(isnan(*(double *)r->at));
    ck_assert(o.flags & WARN_MEAN_EMPTY);
    datum_unref(x);
    datum_unref(r);
}
END_TEST

START_TEST(running_sums_widen_small_integers)
{
    err e = {0};
    int64_t n = 3;
    nd *x = nd_new(dtype_plain(DT_int8), 1, &n, &e);
    memcpy(x->at, (int8_t[]){100, 100, 100}, 3);
    nd *r = nd_scan(&scans[S_cumsum], x, 0, (dtype_of){.dt = DT_none}, NULL, &e);
    ck_assert_int_eq(r->dtype, DT_int64);
    ck_assert_int_eq(((int64_t *)r->at)[2], 300);
    datum_unref(x);
    datum_unref(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reduce");
    TCase *t = tcase_create("reduce");
    tcase_add_loop_test(t, a_recorded_reduction_comes_out_to_the_bit, 0, NCASE);
    tcase_add_loop_test(t, every_row_has_a_result_type_for_floats, 0, NREDUCE);
    tcase_add_test(t, an_empty_axis_has_no_maximum);
    tcase_add_test(t, a_mask_chooses_what_is_summed);
    tcase_add_test(t, a_mean_of_nothing_warns);
    tcase_add_test(t, running_sums_widen_small_integers);
    suite_add_tcase(s, t);
    return suite_run(s);
}
