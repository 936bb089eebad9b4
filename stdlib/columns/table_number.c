/* stdlib/columns/table_number.c - texts of numbers, read as pandas reads them in tables.
 *
 * pandas does not round correctly: it collects 17 digits in a double and multiplies or divides by
 * one power of ten, which is a unit in the last place off for a third of all numbers written with
 * 17 digits.  Programs print what comes of it, so it is done here in the same steps. */
#include "stdlib/columns/columns.h"

#include <math.h>
#include <strings.h>

#define TEN(d)                                                                                     \
    1e##d##0, 1e##d##1, 1e##d##2, 1e##d##3, 1e##d##4, 1e##d##5, 1e##d##6, 1e##d##7, 1e##d##8,      \
        1e##d##9
#define TENS(d)                                                                                    \
    TEN(d##0), TEN(d##1), TEN(d##2), TEN(d##3), TEN(d##4), TEN(d##5), TEN(d##6), TEN(d##7),        \
        TEN(d##8), TEN(d##9)

static const double power[] = {TENS(0), TENS(1), TENS(2), 1e300, 1e301, 1e302,
                               1e303,   1e304,   1e305,   1e306, 1e307, 1e308};

enum { DIGITS = 17, MOST = 308 };

typedef struct span {
    const char *at, *end;
} span;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static span trimmed(const char *s, size_t n)
{
    span x = {s, s + n};
    while (x.at < x.end && is_blank(*x.at)) x.at++;
    while (x.at < x.end && is_blank(x.end[-1])) x.end--;
    return x;
}

static bool take_sign(span *x)
{
    bool minus = x->at < x->end && *x->at == '-';
    if (x->at < x->end && (*x->at == '-' || *x->at == '+')) x->at++;
    return minus;
}

/* --- whole numbers --- */

static enum number magnitude(span x, uint64_t *out)
{
    bool large = false;
    uint64_t u = 0;
    if (x.at == x.end) return IS_TEXT;
    for (; x.at < x.end; x.at++) {
        if (!is_digit(*x.at)) return large ? IS_TOO_LARGE : IS_TEXT;
        large |= __builtin_mul_overflow(u, 10, &u) ||
                 __builtin_add_overflow(u, (uint64_t)(*x.at - '0'), &u);
    }
    *out = u;
    return large ? IS_TOO_LARGE : IS_NUMBER;
}

enum number table_int(const char *s, size_t n, int64_t *out)
{
    span x = trimmed(s, n);
    bool minus = take_sign(&x);
    uint64_t u = 0;
    enum number is = magnitude(x, &u);
    if (is != IS_NUMBER) return is;
    if (u > (uint64_t)INT64_MAX + minus) return IS_TOO_LARGE;
    *out = (int64_t)(minus ? 0 - u : u);
    return IS_NUMBER;
}

enum number table_uint(const char *s, size_t n, uint64_t *out)
{
    span x = trimmed(s, n);
    bool minus = take_sign(&x);
    enum number is = magnitude(x, out);
    return is == IS_NUMBER && minus ? IS_TOO_LARGE : is;
}

/* --- others --- */

static bool infinite(span x, double *out)
{
    size_t n = (size_t)(x.end - x.at);
    *out = HUGE_VAL;
    return (n == 3 && !strncasecmp(x.at, "inf", 3)) ||
           (n == 8 && !strncasecmp(x.at, "infinity", 8));
}

/* the digits before and after the point; how many powers of ten are still to come */
static bool digits(span *x, double *out, int *exponent)
{
    double number = 0;
    int n = 0;
    for (; x->at < x->end && is_digit(*x->at); x->at++) {
        if (n < DIGITS)
            number = number * 10 + (*x->at - '0'), n++;
        else if (*exponent < 10000)
            ++*exponent;
    }
    if (x->at < x->end && *x->at == '.')
        for (x->at++; x->at < x->end && is_digit(*x->at); x->at++)
            if (n < DIGITS) number = number * 10 + (*x->at - '0'), n++, --*exponent;
    *out = number;
    return n > 0;
}

static bool take_exponent(span *x, int *exponent)
{
    if (x->at == x->end) return true;
    if (*x->at != 'e' && *x->at != 'E') return false;
    x->at++;
    bool minus = take_sign(x), any = false;
    int n = 0;
    for (; x->at < x->end && is_digit(*x->at); x->at++, any = true)
        if (n < 100000) n = n * 10 + (*x->at - '0');
    *exponent += minus ? -n : n;
    return any && x->at == x->end;
}

enum number table_float(const char *s, size_t n, double *out)
{
    span x = trimmed(s, n);
    bool minus = take_sign(&x);
    double number;
    int exponent = 0;
    if (infinite(x, &number)) {
        *out = minus ? -number : number;
        return IS_NUMBER;
    }
    if (!digits(&x, &number, &exponent) || !take_exponent(&x, &exponent)) return IS_TEXT;
    if (minus) number = -number;
    if (exponent > MOST)
        number = HUGE_VAL;
    else if (exponent > 0)
        number *= power[exponent];
    else if (exponent >= -MOST)
        number /= power[-exponent];
    else
        number = exponent < -2 * MOST ? 0 * number : number / power[-MOST - exponent] / power[MOST];
    *out = number;
    return number - number == 0 ? IS_NUMBER : IS_TOO_LARGE;
}

/* --- plain ones: the same numbers, without looking for their ends first --- */

static bool ends_cell(const char *p, const char *end, char sep)
{
    return p == end || *p == sep || *p == '\n' || *p == '\r';
}

/* The digits of u; how many there are. */
static int plain_digits(const char **p, const char *end, uint64_t *u)
{
    const char *at = *p;
    for (; at < end && is_digit(*at); at++) *u = *u * 10 + (uint64_t)(*at - '0');
    int n = at - *p > 1000 ? 1000 : (int)(at - *p);
    *p = at;
    return n;
}

bool table_plain_int(const char *p, const char *end, char sep, char *to)
{
    const bool minus = p < end && *p == '-';
    uint64_t u = 0;
    p += minus;
    int n = plain_digits(&p, end, &u);
    if (n < 1 || n > 18 || !ends_cell(p, end, sep)) return false;
    *(int64_t *)(void *)to = (int64_t)(minus ? 0 - u : u);
    return true;
}

/* Up to 15 digits are exact in a double, as are the steps of digits(). */
bool table_plain_float(const char *p, const char *end, char sep, char *to)
{
    const bool minus = p < end && *p == '-';
    uint64_t u = 0;
    p += minus;
    int n = plain_digits(&p, end, &u), behind = 0;
    if (p < end && *p == '.') {
        p++;
        behind = plain_digits(&p, end, &u);
    }
    if (n + behind < 1 || n + behind > 15 || !ends_cell(p, end, sep)) return false;
    const double number = (double)u;
    *(double *)(void *)to = (minus ? -number : number) / power[behind];
    return true;
}
