/* tests/unit/check_nd.c - dtypes, buffers, shapes, views and copies. */
#include <check.h>
#include <string.h>

#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

static const struct {
    const char *given, *name, *text;
} names[] = {
    {"float64", "float64", "<f8"},
    {"f4", "float32", "<f4"},
    {"int", "int64", "<i8"},
    {"?", "bool", "|b1"},
    {"U10", "<U10", "<U10"},
    {"S5", "|S5", "|S5"},
    {">i4", ">i4", ">i4"},
    {"O", "object", "|O"},
    {"datetime64[D]", "datetime64[D]", "<M8[D]"},
    {"m8", "timedelta64", "<m8"},
    {"D", "complex128", "<c16"},
};

START_TEST(a_dtype_is_known_by_all_its_names)
{
    err e = {0};
    dtype_of d;
    char text[32];
    ck_assert(dtype_parse(names[_i].given, &d, &e));
    dtype_name(d, text);
    ck_assert_str_eq(text, names[_i].name);
    dtype_str(d, text);
    ck_assert_str_eq(text, names[_i].text);
}
END_TEST

START_TEST(an_unknown_dtype_is_refused)
{
    err e = {0};
    dtype_of d;
    ck_assert(!dtype_parse("float65", &d, &e));
    ck_assert_str_eq(e.msg, "data type 'float65' not understood");
    err_clear(&e);
}
END_TEST

static const struct {
    const char *from, *to;
    char casting;
    bool can;
} casts[] = {
    {"i4", "f8", 's', true},  {"i8", "f4", 's', false}, {"i8", "f4", 'k', true},
    {"f8", "i8", 'k', false}, {"f8", "i8", 'u', true},  {"i8", "u8", 'k', false},
    {"u1", "i2", 's', true},  {"U3", "U5", 's', true},  {"U5", "U3", 'k', true},
    {"i8", "U5", 's', false}, {"c8", "f4", 'k', false}, {"f4", "c8", 's', true},
    {"i8", "i8", 'n', true},  {"f8", "O", 's', true},
};

START_TEST(casting_rules_are_numpys)
{
    err e = {0};
    dtype_of from, to;
    ck_assert(dtype_parse(casts[_i].from, &from, &e) && dtype_parse(casts[_i].to, &to, &e));
    ck_assert_int_eq(dtype_can_cast(from, to, casts[_i].casting), casts[_i].can);
}
END_TEST

START_TEST(a_block_too_large_is_a_memory_error_with_numbers)
{
    err e = {0};
    ck_assert_ptr_null(nd_new(dtype_plain(DT_float64), 2, (int64_t[]){10000000, 1000000}, &e));
    ck_assert_int_eq(e.kind, MemoryError);
    ck_assert_str_eq(e.msg, "Unable to allocate 72.8 TiB for an array with shape (10000000, "
                            "1000000) and data type float64");
    err_clear(&e);
}
END_TEST

START_TEST(a_transpose_reshapes_by_a_copy_a_block_by_a_view)
{
    err e = {0};
    nd *x = filled(DT_int32, false, 2, (int64_t[]){4, 6}), *t = nd_transpose(x, NULL);
    nd *v = nd_reshape(x, 3, (int64_t[]){2, -1, 6}, &e), *c = nd_reshape(t, 1, (int64_t[]){24}, &e);
    ck_assert_ptr_eq(v->b, x->b);
    ck_assert_ptr_ne(c->b, x->b);
    ck_assert_int_eq(((int32_t *)c->at)[1], ((int32_t *)x->at)[6]);
    ck_assert_ptr_null(nd_reshape(x, 2, (int64_t[]){5, 5}, &e));
    ck_assert_str_eq(e.msg, "cannot reshape array of size 24 into shape (5,5)");
    err_clear(&e);
    datum_unref(x);
    datum_unref(t);
    datum_unref(v);
    datum_unref(c);
}
END_TEST

START_TEST(shapes_that_do_not_broadcast_are_listed)
{
    err e = {0};
    nd *x = filled(DT_int8, false, 1, (int64_t[]){10}),
       *y = filled(DT_int8, false, 1, (int64_t[]){5});
    int ndim;
    int64_t shape[ND_MAXDIM];
    ck_assert(!shape_broadcast(2, (const nd *const[]){x, y}, &ndim, shape, &e));
    ck_assert_str_eq(e.msg, "operands could not be broadcast together with shapes (10,) (5,) ");
    err_clear(&e);
    datum_unref(x);
    datum_unref(y);
}
END_TEST

START_TEST(a_freed_large_buffer_is_used_again)
{
    err e = {0};
    buf *b = buf_new(3 << 20, &e);
    char *at = b->data;
    buf_unref(b);
    b = buf_zero(3 << 20, &e);
#ifndef DSK_SANITIZE
    ck_assert_ptr_eq(b->data, at);
#else
    (void)at;
#endif
    ck_assert_int_eq(b->data[12345], 0);
    buf_unref(b);
    buf_pool_limit(0);
    ck_assert_uint_eq(buf_pool_kept(), 0);
}
END_TEST

START_TEST(copies_keep_elements_whatever_the_order)
{
    err e = {0};
    nd *x = filled(DT_float64, false, 3, (int64_t[]){17, 33, 9});
    nd *t = nd_transpose(x, (int[]){2, 0, 1}), *c = nd_copy(t, &e), *f = nd_copy_order(t, 'F', &e);
    ck_assert(nd_is_c(c) && (f->flags & ND_F));
    ck_assert(nd_same(t, c) && nd_same(t, f));
    datum_unref(x);
    datum_unref(t);
    datum_unref(c);
    datum_unref(f);
}
END_TEST

static nd *text(const char *s)
{
    err e = {0};
    nd *x = nd_zero((dtype_of){.dt = DT_bytes, .size = (uint32_t)strlen(s)}, 0, NULL, &e);
    memcpy(x->at, s, strlen(s));
    return x;
}

START_TEST(text_becomes_numbers_and_back)
{
    err e = {0};
    nd *s = text(" -1.25e2 "), *d = nd_cast(s, dtype_plain(DT_float64), 'u', &e);
    ck_assert_double_eq(*(double *)d->at, -125);
    nd *back = nd_cast(d, (dtype_of){.dt = DT_bytes}, 'u', &e);
    ck_assert_uint_eq(back->size, 32);
    ck_assert_str_eq(back->at, "-125.0");
    ck_assert_ptr_null(nd_cast(s, dtype_plain(DT_int64), 'u', &e));
    ck_assert_str_eq(e.msg, "invalid literal for int() with base 10: b' -1.25e2 '");
    err_clear(&e);
    datum_unref(s);
    datum_unref(d);
    datum_unref(back);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

int main(void)
{
    Suite *s = suite_create("nd");
    TCase *t = tcase_create("nd");
    tcase_add_loop_test(t, a_dtype_is_known_by_all_its_names, 0, COUNT(names));
    tcase_add_test(t, an_unknown_dtype_is_refused);
    tcase_add_loop_test(t, casting_rules_are_numpys, 0, COUNT(casts));
    tcase_add_test(t, a_block_too_large_is_a_memory_error_with_numbers);
    tcase_add_test(t, a_transpose_reshapes_by_a_copy_a_block_by_a_view);
    tcase_add_test(t, shapes_that_do_not_broadcast_are_listed);
    tcase_add_test(t, a_freed_large_buffer_is_used_again);
    tcase_add_test(t, copies_keep_elements_whatever_the_order);
    tcase_add_test(t, text_becomes_numbers_and_back);
    suite_add_tcase(s, t);
    return suite_run(s);
}
