/* tests/unit/check_format.c - arrays as text, against recorded output of NumPy. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/datetime.h"
#include "engine/data/format.h"
#include "tests/unit/suite.h"

typedef struct sample {
    char op;
    enum dtype dt;
    int unit;
    uint32_t size;
    int ndim;
    int64_t shape[4];
    struct {
        int precision;
        int64_t threshold, edgeitems, linewidth;
        bool suppress;
        char sign;
        enum float_mode mode;
        int legacy;
    } opts;
    const char *hex, *text;
} sample;

#define DEFAULTS 8, 1000, 3, 75, false, '-', FLOAT_maxprec, LEGACY_none
#define SHAPE(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define OPTS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define FORMAT(op, dtype, unit, size, ndim, shape, opts, hex, text)                                \
    {op, DT_##dtype, unit, size, ndim, shape, opts, hex, text},
static const sample samples[] = {
#include "format_cases.def"
};

static nd *block_of(const sample *s)
{
    dtype_of t = {.dt = (uint8_t)s->dt, .unit = (uint8_t)s->unit, .size = s->size};
    err e = {0};
    nd *x = nd_new(t, s->ndim, s->shape, &e);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; s->hex[2 * i]; i++) {
        const char byte[3] = {s->hex[2 * i], s->hex[2 * i + 1], 0};
        x->at[i] = (char)strtoul(byte, NULL, 16);
    }
    return x;
}

START_TEST(arrays_print_as_numpy_prints_them)
{
    const sample *s = &samples[_i];
    print_opts o = print_opts_default;
    o.precision = s->opts.precision;
    o.threshold = s->opts.threshold;
    o.edgeitems = s->opts.edgeitems;
    o.linewidth = s->opts.linewidth;
    o.suppress = s->opts.suppress;
    o.sign = s->opts.sign;
    o.floatmode = (uint8_t)s->opts.mode;
    o.legacy = s->opts.legacy;
    nd *x = block_of(s);
    strbuf b = {0};
    err e = {0};
    bool ok = s->op == 'r'   ? nd_repr(x, &o, "array", &b, &e)
              : s->op == 's' ? nd_str(x, &o, &b, &e)
                             : scalar_text(nd_type(x), x->at, s->op == 'R', &o, &b, &e);
    ck_assert(ok);
    ck_assert_str_eq(sb_text(&b), s->text);
    sb_clear(&b);
    datum_unref(x);
}
END_TEST

static bool show_cell(void *ctx, const void *cell, bool str, strbuf *out, err *e)
{
    (void)ctx, (void)str, (void)e;
    uint64_t v = ((const objcell *)cell)->w[0];
    sb_addf(out, v < 10 ? "%d" : "[[%d]\n [1]]", (int)v);
    return true;
}

START_TEST(objects_go_through_the_hook_and_blocks_keep_their_shape)
{
    err e = {0};
    nd *x = nd_zero(dtype_plain(DT_object), 1, (int64_t[]){3}, &e);
    ((objcell *)(void *)x->at)[1].w[0] = 12;
    print_opts o = print_opts_default;
    o.object = show_cell;
    strbuf b = {0};
    ck_assert(nd_repr(x, &o, "array", &b, &e));
    ck_assert_str_eq(sb_text(&b), "array([0, [[12]\n           [1]], 0], dtype=object)");
    sb_clear(&b);
    datum_unref(x);
}
END_TEST

START_TEST(views_print_in_their_own_order)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_int64), 2, (int64_t[]){2, 3}, &e);
    for (int i = 0; i < 6; i++) ((int64_t *)(void *)x->at)[i] = i;
    nd *t = nd_transpose(x, NULL);
    strbuf b = {0};
    ck_assert(nd_str(t, &print_opts_default, &b, &e));
    ck_assert_str_eq(sb_text(&b), "[[0 3]\n [1 4]\n [2 5]]");
    sb_clear(&b);
    datum_unref(t);
    datum_unref(x);
}
END_TEST

START_TEST(days_and_dates_are_inverse)
{
    for (int64_t day = -800000; day < 800000; day += 37) {
        civil c = civil_of_day(day);
        ck_assert_int_eq(day_of_civil(c.year, c.month, c.day), day);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("format");
    TCase *c = tcase_create("format");
    tcase_add_loop_test(c, arrays_print_as_numpy_prints_them, 0,
                        (int)(sizeof samples / sizeof *samples));
    tcase_add_test(c, objects_go_through_the_hook_and_blocks_keep_their_shape);
    tcase_add_test(c, views_print_in_their_own_order);
    tcase_add_test(c, days_and_dates_are_inverse);
    suite_add_tcase(s, c);
    return suite_run(s);
}
