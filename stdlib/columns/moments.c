/* stdlib/columns/moments.c - dates and times in ISO 8601 to nanoseconds since 1970. */
#include <string.h>

#include "stdlib/columns/columns.h"

typedef struct clock_text {
    const char *at, *end;
} clock_text;

/* n digits, or as many as there are up to n if fewer will do; -1: no digit */
static int take(clock_text *t, int n, bool fewer)
{
    int v = 0, k = 0;
    for (; k < n && t->at < t->end && *t->at >= '0' && *t->at <= '9'; k++)
        v = v * 10 + (*t->at++ - '0');
    return k == n || (fewer && k) ? v : -1;
}

static bool take_char(clock_text *t, char c)
{
    return t->at < t->end && *t->at == c && ++t->at;
}

static int64_t take_fraction(clock_text *t)
{
    int64_t ns = 0, unit = 100000000;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9' && unit; t->at++, unit /= 10)
        ns += (*t->at - '0') * unit;
    return ns;
}

static bool days_of(clock_text *t, int64_t *days)
{
    static const uint8_t length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = take(t, 4, false), m = 1, d = 1;
    if (y < 1678 || y > 2261) return false; /* what fits in nanoseconds */
    if (!take_char(t, '-') || (m = take(t, 2, false)) < 1 || m > 12) return false;
    if (take_char(t, '-') && (d = take(t, 2, false)) < 1) return false;
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (d > length[m - 1] || (m == 2 && d == 29 && !leap)) return false;
    /* March first: the day that leap years add comes last (Hinnant, "chrono-compatible low-level
     * date algorithms") */
    int64_t year = y - (m <= 2), era = year / 400, of = year - era * 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    *days = era * 146097 + of * 365 + of / 4 - of / 100 + day - 719468;
    return true;
}

static bool moment_of(const char *s, size_t n, int64_t *out)
{
    clock_text t = {s, s + n};
    int64_t days, ns = 0;
    int h = 0, m = 0, sec = 0;
    if (!days_of(&t, &days)) return false;
    if (t.at < t.end) {
        if (n < 10 || (!take_char(&t, 'T') && !take_char(&t, ' '))) return false;
        if ((h = take(&t, 2, false)) < 0 || h > 23) return false;
        if (!take_char(&t, ':') || (m = take(&t, 2, false)) < 0 || m > 59) return false;
        if (take_char(&t, ':') && ((sec = take(&t, 2, false)) < 0 || sec > 59)) return false;
        if (t.at > s + 18 && take_char(&t, '.')) ns = take_fraction(&t);
    }
    *out = ((days * 24 + h) * 60 + m) * 60000000000 + sec * (int64_t)1000000000 + ns;
    return t.at == t.end;
}

value columns_moments(interp *in, const value *arg)
{
    nd *x = objects_arg(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_new(dtype_plain(DT_int64), 1, nd_shape(x), &e);
    bool all = true;
    for (int64_t i = 0; y && all && i < nd_shape(x)[0]; i++) {
        int64_t *to = (int64_t *)(void *)y->at + i;
        value v = cell_at(x, i);
        str *s = as_str(v);
        if (s)
            all = moment_of(s->at, s->nbyte, to);
        else if ((all = is_missing(in, v)))
            *to = INT64_MIN;
        if (i % OFTEN == OFTEN - 1 && !check_interrupt(in)) all = false;
    }
    datum_unref(x);
    if (all || e.kind) return array_wrap(in, y, &e);
    datum_unref(y);
    return throwing(in) ? FAIL : NONE;
}
