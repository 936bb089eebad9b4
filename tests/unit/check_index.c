/* tests/unit/check_index.c - indexing blocks: shapes, values, places, refusals. */
#include <check.h>
#include <string.h>

#include "engine/kernels/index.h"
#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

/* 0 1 2 ... in the given shape */
static nd *counting(int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_int64), ndim, shape, &e);
    for (int64_t i = 0; i < nd_count(x); i++) ((int64_t *)x->at)[i] = i;
    return x;
}

static nd *ints(int n, const int64_t *v)
{
    int64_t shape = n;
    nd *x = counting(1, &shape);
    memcpy(x->at, v, (size_t)n * sizeof *v);
    return x;
}

static nd *bools(int n, const bool *v)
{
    err e = {0};
    int64_t shape = n;
    nd *x = nd_new(dtype_plain(DT_bool), 1, &shape, &e);
    memcpy(x->at, v, (size_t)n);
    return x;
}

static void check_values(nd *x, int ndim, const int64_t *shape, const int64_t *values)
{
    err e = {0};
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(x->ndim, ndim);
    ck_assert_mem_eq(nd_shape(x), shape, (size_t)ndim * sizeof *shape);
    nd *c = nd_contiguous(x, &e);
    ck_assert_mem_eq(c->at, values, (size_t)nd_count(x) * sizeof *values);
    datum_unref(c);
    datum_unref(x);
}

static index_item all(void)
{
    return (index_item){
        .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};
}

START_TEST(slices_and_integers_give_views)
{
    err e = {0};
    nd *x = counting(2, (int64_t[]){3, 4});
    index_item it[] = {{.kind = IDX_INT, .start = -1},
                       {.kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = -2}};
    nd *y = nd_index(x, it, 2, &e);
    ck_assert_ptr_eq(y->b, x->b);
    check_values(y, 1, (int64_t[]){2}, (int64_t[]){11, 9});
    datum_unref(x);
}
END_TEST

START_TEST(neighbouring_arrays_stay_in_place_others_go_first)
{
    err e = {0};
    nd *x = counting(3, (int64_t[]){2, 3, 4}), *i = ints(2, (int64_t[]){0, 2}),
       *j = ints(2, (int64_t[]){1, 3}), *k = ints(2, (int64_t[]){1, 0});
    index_item near[] = {all(), {.kind = IDX_ARRAY, .array = i}, {.kind = IDX_ARRAY, .array = j}};
    check_values(nd_index(x, near, 3, &e), 2, (int64_t[]){2, 2}, (int64_t[]){1, 11, 13, 23});
    index_item far[] = {{.kind = IDX_ARRAY, .array = k}, all(), {.kind = IDX_ARRAY, .array = j}};
    check_values(nd_index(x, far, 3, &e), 2, (int64_t[]){2, 3}, (int64_t[]){13, 17, 21, 3, 7, 11});
    datum_unref(x);
    datum_unref(i);
    datum_unref(j);
    datum_unref(k);
}
END_TEST

START_TEST(a_mask_takes_its_axes_and_may_be_assigned_through)
{
    err e = {0};
    nd *x = counting(2, (int64_t[]){3, 2}), *m = bools(3, (bool[]){true, false, true});
    index_item it = {.kind = IDX_ARRAY, .array = m};
    check_values(nd_index(x, &it, 1, &e), 2, (int64_t[]){2, 2}, (int64_t[]){0, 1, 4, 5});
    nd *v = ints(2, (int64_t[]){-1, -2});
    ck_assert(nd_index_assign(x, &it, 1, v, &e));
    ck_assert_mem_eq(x->at, ((int64_t[]){-1, -2, 2, 3, -1, -2}), 48);
    datum_unref(x);
    datum_unref(m);
    datum_unref(v);
}
END_TEST

START_TEST(an_index_out_of_bounds_is_named)
{
    err e = {0};
    nd *x = counting(2, (int64_t[]){3, 4}), *i = ints(2, (int64_t[]){0, 4});
    index_item it[] = {all(), {.kind = IDX_ARRAY, .array = i}};
    ck_assert_ptr_null(nd_index(x, it, 2, &e));
    ck_assert_str_eq(e.msg, "index 4 is out of bounds for axis 1 with size 4");
    err_clear(&e);
    index_item many[] = {all(), all(), {.kind = IDX_INT}};
    ck_assert_ptr_null(nd_index(x, many, 3, &e));
    ck_assert_str_eq(e.msg,
                     "too many indices for array: array is 2-dimensional, but 3 were indexed");
    err_clear(&e);
    datum_unref(x);
    datum_unref(i);
}
END_TEST

START_TEST(a_value_may_overlap_its_target)
{
    err e = {0};
    nd *x = counting(1, (int64_t[]){5}), *back = nd_flip(x, 1);
    index_item it = all();
    ck_assert(nd_index_assign(x, &it, 1, back, &e));
    ck_assert_mem_eq(x->at, ((int64_t[]){4, 3, 2, 1, 0}), 40);
    datum_unref(x);
    datum_unref(back);
}
END_TEST

static const struct {
    int64_t n, start, stop, step, first, length;
} slices[] = {
    {5, SLICE_NONE, SLICE_NONE, SLICE_NONE, 0, 5},
    {5, -2, SLICE_NONE, 1, 3, 2},
    {5, 10, SLICE_NONE, -1, 4, 5},
    {5, 1, 4, 2, 1, 2},
    {5, 4, 1, 1, 4, 0},
    {0, SLICE_NONE, SLICE_NONE, -1, -1, 0},
};

START_TEST(slices_are_clipped_as_python_does)
{
    err e = {0};
    int64_t start = slices[_i].start, stop = slices[_i].stop, step = slices[_i].step, len;
    ck_assert(slice_clip(slices[_i].n, &start, &stop, &step, &len, &e));
    ck_assert_int_eq(start, slices[_i].first);
    ck_assert_int_eq(len, slices[_i].length);
}
END_TEST

/* cells that count how often each value is held */
static int held[4];
static objcell copy_cell(objcell c)
{
    held[c.w[0]]++;
    return c;
}
static void drop_cell(objcell *c)
{
    held[c->w[0]]--;
}

START_TEST(object_cells_are_counted_through_indexing)
{
    static const cell_ops ops = {copy_cell, drop_cell, NULL};
    err e = {0};
    int64_t n = 3;
    nd *x = nd_new(dtype_plain(DT_object), 1, &n, &e), *i = ints(2, (int64_t[]){2, 2});
    buf_hold(x->b, &ops);
    for (uint64_t k = 0; k < 3; k++) {
        ((objcell *)x->at)[k].w[0] = k + 1;
        held[k + 1] = 1;
    }
    index_item it = {.kind = IDX_ARRAY, .array = i};
    nd *y = nd_index(x, &it, 1, &e);
    ck_assert_int_eq(held[3], 3);
    nd *all_of = nd_concat(2, (const nd *const[]){x, y}, 0, (dtype_of){.dt = DT_none}, &e);
    ck_assert_int_eq(held[3], 6);
    ck_assert_int_eq(held[1], 2);
    nd *first = nd_slice(x, 0, 0, 1, 1);
    ck_assert(nd_assign(x, first, 'u', NULL, &e));
    ck_assert_int_eq(held[1], 4);
    datum_unref(first);
    datum_unref(all_of);
    datum_unref(y);
    datum_unref(i);
    datum_unref(x);
    for (int k = 1; k < 4; k++) ck_assert_int_eq(held[k], 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("index");
    TCase *t = tcase_create("index");
    tcase_add_test(t, slices_and_integers_give_views);
    tcase_add_test(t, neighbouring_arrays_stay_in_place_others_go_first);
    tcase_add_test(t, a_mask_takes_its_axes_and_may_be_assigned_through);
    tcase_add_test(t, an_index_out_of_bounds_is_named);
    tcase_add_test(t, a_value_may_overlap_its_target);
    tcase_add_loop_test(t, slices_are_clipped_as_python_does, 0,
                        (int)(sizeof slices / sizeof *slices));
    tcase_add_test(t, object_cells_are_counted_through_indexing);
    suite_add_tcase(s, t);
    return suite_run(s);
}
