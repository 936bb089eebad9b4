/* tests/unit/check_dtoa.c - floats to text and back, against recorded output. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "tests/unit/suite.h"

typedef struct sample {
    char op;
    double x;
    float_style style;
    const char *text;
} sample;

#define STYLED(op, w, x, precision, min_digits, unique, total, plus, trim, left, right, exp, text) \
    {op, x, {w, precision, min_digits, unique, total, plus, trim, left, right, exp}, text},
#define REPR(w, x, text)      STYLED('r', w, x, -1, -1, true, false, false, 'k', -1, -1, -1, text)
#define POSITIONAL(w, x, ...) STYLED('p', w, x, __VA_ARGS__)
#define SCIENTIFIC(w, x, ...) STYLED('s', w, x, __VA_ARGS__)
static const sample samples[] = {
#include "dtoa_cases.def"
};

START_TEST(numbers_print_as_recorded)
{
    const sample *s = &samples[_i];
    strbuf b = {0};
    if (s->op == 'r')
        float_repr(&b, s->x, s->style.width);
    else
        (s->op == 'p' ? float_positional : float_scientific)(&b, s->x, &s->style);
    ck_assert_str_eq(sb_text(&b), s->text);
    sb_clear(&b);
}
END_TEST

/* A stream of bit patterns: any period will do. */
static uint64_t scramble(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return (z ^ z >> 27) * 0x94d049bb133111ebu;
}

START_TEST(shortest_digits_read_back)
{
    uint64_t state = 1;
    strbuf b = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = scramble(&state);
        double x, back;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        b.n = 0;
        float_repr(&b, x, 64);
        ck_assert(float_parse(b.at, b.n, &back));
        ck_assert_mem_eq(&x, &back, sizeof x);
    }
    sb_clear(&b);
}
END_TEST

START_TEST(no_shorter_digits_read_back)
{
    uint64_t state = 2;
    for (int i = 0; i < 5000; i++) {
        uint64_t bits = scramble(&state) & 0x7fffffffffffffff;
        double x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        shortest d = float_shortest(x, 64);
        if (d.n < 2) continue;
        char text[40];
        snprintf(text, sizeof text, "%.*e", d.n - 2, x);
        ck_assert_msg(strtod(text, NULL) != x, "%s is shorter than %s", text, d.digit);
    }
}
END_TEST

START_TEST(text_is_parsed_as_python_does)
{
    double x;
    ck_assert(float_parse(" -1.5e3\n", 8, &x) && x == -1500);
    ck_assert(float_parse("Infinity", 8, &x) && isinf(x));
    ck_assert(float_parse("-nan", 4, &x) && isnan(x));
    ck_assert(float_parse(".5", 2, &x) && x == .5);
    ck_assert(float_parse("5.", 2, &x) && x == 5);
    ck_assert(!float_parse("", 0, &x) && !float_parse(".", 1, &x) && !float_parse("1e", 2, &x));
    ck_assert(!float_parse("0x10", 4, &x) && !float_parse("1 2", 3, &x));
    ck_assert_uint_eq(float_scan("1e5x", 4, &x), 3);
    ck_assert_uint_eq(float_scan("1ex", 3, &x), 1);
}
END_TEST

START_TEST(complex_numbers_leave_out_a_zero_real_part)
{
    strbuf b = {0};
    complex_repr(&b, 0, 1, 64);
    complex_repr(&b, -0.0, 1, 64);
    complex_repr(&b, 1, -2.5, 64);
    complex_repr(&b, NAN, -INFINITY, 64);
    ck_assert_str_eq(sb_text(&b), "1j(-0+1j)(1-2.5j)(nan-infj)");
    sb_clear(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dtoa");
    TCase *c = tcase_create("dtoa");
    tcase_add_loop_test(c, numbers_print_as_recorded, 0, (int)(sizeof samples / sizeof *samples));
    tcase_add_test(c, shortest_digits_read_back);
    tcase_add_test(c, no_shorter_digits_read_back);
    tcase_add_test(c, text_is_parsed_as_python_does);
    tcase_add_test(c, complex_numbers_leave_out_a_zero_real_part);
    suite_add_tcase(s, c);
    return suite_run(s);
}
