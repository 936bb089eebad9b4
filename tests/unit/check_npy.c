/* tests/unit/check_npy.c - .npy and .npz files, and tables of numbers as text. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/io/npy.h"
#include "engine/io/text.h"
#include "tests/unit/suite.h"

static nd *counting(int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_float64), ndim, shape, &e);
    for (int64_t i = 0, n = nd_count(x); i < n; i++) ((double *)x->at)[i] = (double)i;
    return x;
}

static bool equal(const nd *a, const nd *b)
{
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++) {
        if (nd_shape(a)[i] != nd_shape(b)[i]) return false;
    }
    err e = {0};
    nd *x = nd_contiguous(a, &e), *y = nd_contiguous(b, &e);
    bool same = memcmp(x->at, y->at, nd_bytes(x)) == 0;
    datum_unref(x);
    datum_unref(y);
    return same;
}

static void temporary(char *path)
{
    strcpy(path, "/tmp/check_npy.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

START_TEST(the_header_is_numpys)
{
    nd *x = counting(2, (int64_t[]){3, 4});
    strbuf out = {0};
    npy_head_write(x, &out);
    ck_assert_int_eq(out.n, 128);
    ck_assert_ptr_nonnull(
        strstr(out.at + 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }  "));
    ck_assert_int_eq(out.at[127], '\n');
    sb_clear(&out);
    datum_unref(x);
}
END_TEST

START_TEST(blocks_of_any_layout_come_back)
{
    char path[64];
    temporary(path);
    err e = {0};
    nd *x = counting(3, (int64_t[]){5, 4, 3});
    nd *views[] = {nd_ref(x),
                   nd_transpose(x, NULL),
                   nd_transpose(x, (int[]){1, 0, 2}),
                   nd_view(x->b, x->at + 8, nd_type(x), 2, (int64_t[]){4, 2}, (int64_t[]){96, 16}),
                   nd_view(x->b, x->at, nd_type(x), 0, NULL, NULL),
                   nd_view(x->b, x->at, nd_type(x), 1, (int64_t[]){0}, NULL)};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        ck_assert_msg(npy_save(path, views[i], &e), "%s", e.msg);
        nd *y = npy_load(path, &e), *z = npy_map(path, MAP_TO_READ, &e);
        ck_assert_msg(y && z, "%s", e.msg);
        ck_assert(equal(views[i], y));
        ck_assert(equal(views[i], z));
        strbuf out = {0};
        ck_assert(npy_format(views[i], &out, &e));
        nd *w = npy_parse(out.at, out.n, &e);
        ck_assert(equal(views[i], w));
        sb_clear(&out);
        datum_unref(w);
        datum_unref(y);
        datum_unref(z);
        datum_unref(views[i]);
    }
    datum_unref(x);
    unlink(path);
}
END_TEST

static const struct {
    const char *from, *to, *sentence;
} damages[] = {
    {"'descr'", "'decsr'",
     "Header does not contain the correct keys: ['decsr', 'fortran_order', 'shape']"},
    {"'<f8'", "'<q7'", "descr is not a valid dtype descriptor: '<q7'"},
    {"False", "3    ", "fortran_order is not a valid bool: 3"},
    {"(3,)", "'3,'", "shape is not valid: '3,'"},
    {"(3,)", "(9,)", "cannot reshape array of size 3 into shape (9,)"},
    {"NUMPY", "NUMPI", "Cannot load file containing pickled data when allow_pickle=False"},
};

START_TEST(damaged_headers_are_refused_in_numpys_words)
{
    err e = {0};
    nd *x = counting(1, (int64_t[]){3});
    strbuf out = {0};
    npy_format(x, &out, &e);
    char *at = memmem(out.at, out.n, damages[_i].from, strlen(damages[_i].from));
    memcpy(at, damages[_i].to, strlen(damages[_i].to));
    ck_assert(!npy_parse(out.at, out.n, &e));
    ck_assert_str_eq(e.msg, damages[_i].sentence);
    err_clear(&e);
    sb_clear(&out);
    datum_unref(x);
}
END_TEST

START_TEST(every_prefix_of_a_file_is_an_error_not_a_crash)
{
    err e = {0};
    nd *x = counting(1, (int64_t[]){3});
    strbuf out = {0};
    npz_format(1, (const char *[]){"a"}, (const nd *[]){x}, true, &out, &e);
    for (size_t n = 0; n < out.n; n++) {
        npz *z = npz_parse(out.at, n, &e);
        ck_assert_ptr_null(z);
        err_clear(&e);
    }
    sb_clear(&out);
    npy_format(x, &out, &e);
    for (size_t n = 0; n < out.n; n++) {
        ck_assert_ptr_null(npy_parse(out.at, n, &e));
        err_clear(&e);
    }
    sb_clear(&out);
    datum_unref(x);
}
END_TEST

START_TEST(archives_give_back_their_members)
{
    char path[64];
    temporary(path);
    err e = {0};
    nd *x = counting(2, (int64_t[]){30, 40}), *y = counting(1, (int64_t[]){7});
    ck_assert(npz_save(path, 2, (const char *[]){"arr_0", "y"}, (const nd *[]){x, y}, _i, &e));
    npz *z = npz_open(path, &e);
    ck_assert_msg(z != NULL, "%s", e.msg);
    ck_assert_int_eq(npz_count(z), 2);
    ck_assert_str_eq(npz_name(z, 1), "y.npy");
    nd *a = npz_read(z, 0, &e), *b = npz_read(z, 1, &e);
    ck_assert(equal(x, a));
    ck_assert(equal(y, b));
    datum_unref(a);
    datum_unref(b);
    npz_close(z);
    datum_unref(x);
    datum_unref(y);
    unlink(path);
}
END_TEST

static const struct {
    const char *text;
    char delimiter;
    bool lenient;
    int64_t rows, columns;
    double last;
    const char *sentence;
} tables[] = {
    {"1 2 3\n4 5 6\n", 0, false, 2, 3, 6, NULL},
    {"# head\n\n1,2, 3 # tail\r\n", ',', false, 1, 3, 3, NULL},
    {"1 2 3\n4 5\n", 0, false, 0, 0, 0,
     "the number of columns changed from 3 to 2 at row 2; use `usecols` to select a subset and "
     "avoid this error"},
    {"1 2 3\n4 x 6\n", 0, false, 0, 0, 0,
     "could not convert string 'x' to float64 at row 1, column 2."},
    {"1,2,,3\n", ',', false, 0, 0, 0, "could not convert string '' to float64 at row 0, column 3."},
    {"1,2,\n4,x,6e2", ',', true, 2, 3, 600, NULL},
    {"1,2,3\n4,5\n", ',', true, 0, 0, 0,
     "Some errors were detected !\n    Line #2 (got 2 columns instead of 3)"},
    {"", 0, false, 0, 1, 0, NULL},
};

START_TEST(tables_are_read_as_numpy_reads_them)
{
    err e = {0};
    const char *text = tables[_i].text;
    table_format f = {.delimiter = tables[_i].delimiter,
                      .comment = '#',
                      .max_rows = -1,
                      .lenient = tables[_i].lenient};
    nd *x = table_parse(text, strlen(text), &f, dtype_plain(DT_float64), &e);
    if (tables[_i].sentence) {
        ck_assert_ptr_null(x);
        ck_assert_str_eq(e.msg, tables[_i].sentence);
        err_clear(&e);
        return;
    }
    ck_assert_msg(x != NULL, "%s", e.msg);
    ck_assert_int_eq(nd_shape(x)[0], tables[_i].rows);
    ck_assert_int_eq(nd_shape(x)[1], tables[_i].columns);
    if (tables[_i].rows) ck_assert_double_eq(((double *)x->at)[nd_count(x) - 1], tables[_i].last);
    datum_unref(x);
}
END_TEST

START_TEST(chosen_columns_and_other_types)
{
    err e = {0};
    static const char text[] = "1+2j 3 x\n4 5e1 \xc3\xa9t\xc3\xa9\n";
    table_format f = {.comment = '#', .max_rows = -1, .columns = (int64_t[]){-2, 0}, .ncolumns = 2};
    nd *x = table_parse(text, strlen(text), &f, dtype_plain(DT_complex128), &e);
    ck_assert_msg(x != NULL, "%s", e.msg);
    double *v = (double *)x->at;
    ck_assert_double_eq(v[0], 3);
    ck_assert_double_eq(v[2], 1);
    ck_assert_double_eq(v[3], 2);
    ck_assert_double_eq(v[4], 50);
    datum_unref(x);
    f.columns = (int64_t[]){2};
    f.ncolumns = 1;
    x = table_parse(text, strlen(text), &f, (dtype_of){.dt = DT_str}, &e);
    ck_assert_int_eq(((uint32_t *)(x->at + x->size))[2], 0xe9);
    datum_unref(x);
    f.columns = (int64_t[]){5};
    ck_assert(!table_parse(text, strlen(text), &f, dtype_plain(DT_float64), &e));
    ck_assert_str_eq(e.msg, "invalid column index 5 at row 1 with 3 columns");
    err_clear(&e);
}
END_TEST

START_TEST(rows_are_printed_by_their_formats)
{
    err e = {0};
    nd *x = counting(2, (int64_t[]){2, 2});
    strbuf out = {0};
    ck_assert(table_format_rows(x, 1, (const char *[]){"%.2e"}, " ", "\n", &out, &e));
    ck_assert_str_eq(out.at, "0.00e+00 1.00e+00\n2.00e+00 3.00e+00\n");
    sb_clear(&out);
    ck_assert(table_format_rows(x, 2, (const char *[]){"<%3d>", "%g"}, ",", ";", &out, &e));
    ck_assert_str_eq(out.at, "<  0>,1;<  2>,3;");
    sb_clear(&out);
    ck_assert(!table_format_rows(x, 1, (const char *[]){"%s"}, " ", "\n", &out, &e));
    err_clear(&e);
    datum_unref(x);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("npy");
    tcase_add_test(t, the_header_is_numpys);
    tcase_add_test(t, blocks_of_any_layout_come_back);
    tcase_add_loop_test(t, damaged_headers_are_refused_in_numpys_words, 0,
                        sizeof damages / sizeof *damages);
    tcase_add_test(t, every_prefix_of_a_file_is_an_error_not_a_crash);
    tcase_add_loop_test(t, archives_give_back_their_members, 0, 2);
    tcase_add_loop_test(t, tables_are_read_as_numpy_reads_them, 0, sizeof tables / sizeof *tables);
    tcase_add_test(t, chosen_columns_and_other_types);
    tcase_add_test(t, rows_are_printed_by_their_formats);
    Suite *s = suite_create("npy");
    suite_add_tcase(s, t);
    return suite_run(s);
}
