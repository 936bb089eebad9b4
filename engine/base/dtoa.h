/* engine/base/dtoa.h - floating point numbers to decimal text and back, exactly.
 *
 * Shortest digits (Schubfach) that read back as the same float64, float32 or float16;
 * Python's repr; NumPy's positional and scientific layouts; text to float64.
 * `width` is 64, 32 or 16: the format whose neighbours decide how many digits are
 * needed.  A narrower float is passed as the double of the same value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/str.h"

enum { SHORTEST_MAX = 17 };

/* x as DIGITS * 10^(exp10 - n + 1): the first digit stands for 10^exp10.  No trailing zeros; zero
 * is the digit "0", exp10 0. */
typedef struct shortest {
    char digit[SHORTEST_MAX + 3]; /* NUL-terminated */
    int n, exp10;
} shortest;

/* Digits of |x|, which must be finite. */
shortest float_shortest(double x, int width);
/* x * 10**decimals as the nearest whole number, of two the even one; false: it is too large to be
 * found so, or x is below 0 or no number. */
bool float_decimals(double x, int decimals, uint64_t *out);
double float_tenfold(int decimals); /* 10**decimals, as far as that is a float exactly: 22 */

/* Python's repr: 0.1, 1e+16, 1e-05, inf, -inf, nan; 1.0 keeps its ".0". */
void float_repr(strbuf *b, double x, int width);
/* repr(complex(re, im)): (1+2j), 2j, (-0+1j), (nan+infj) */
void complex_repr(strbuf *b, double re, double im, int width);

/* numpy.format_float_positional / format_float_scientific. */
typedef struct float_style {
    int width;      /* 64, 32, 16 */
    int precision;  /* digits; -1: as many as needed (unique) */
    int min_digits; /* at least so many (unique); -1: none */
    bool unique;    /* shortest digits, cut at precision; else exactly precision digits */
    bool total;     /* positional: precision counts all digits, not those after the point */
    bool plus;      /* write '+' too */
    char trim;      /* 'k' keep zeros, '.' drop zeros, '0' leave one, '-' drop the point too */
    int pad_left, pad_right, exp_digits; /* -1: no padding; exp_digits at least 2 */
} float_style;

static inline float_style float_style_plain(int width)
{
    return (float_style){.width = width,
                         .precision = -1,
                         .min_digits = -1,
                         .unique = true,
                         .trim = 'k',
                         .pad_left = -1,
                         .pad_right = -1,
                         .exp_digits = -1};
}

void float_positional(strbuf *b, double x, const float_style *s);
void float_scientific(strbuf *b, double x, const float_style *s);

/* Python's float(text) but for underscores: surrounding blanks, sign, digits, exponent,
 * inf/infinity/nan in any case.  False when it is anything else. */
bool float_parse(const char *s, size_t n, double *out);
/* The longest decimal number s[0..n) starts with; its length, 0 when none. No inf, no sign. */
size_t float_scan(const char *s, size_t n, double *out);
