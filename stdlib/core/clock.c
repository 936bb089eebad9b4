/* stdlib/core/clock.c - _clock: dates and times of day as one number, and that as fields and text.
 *
 * A moment is counted in microseconds from the day before the first of January of year 1, a time of
 * day from midnight.  What has one keeps it as x._when. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lang/types/num.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"
#include "stdlib/core/moment.h"

enum { YEAR, MONTH, MDAY, HOUR, MINUTE, SECONDS, MICRO, NFIELD };

/* ---- counting days ---- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return length[month - 1] + (month == 2 && is_leap(year));
}

/* Years begin in March here: the leap day is the last, and months follow one rule. */
static int64_t day_number(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year - (month < 3), m = (month + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 306;
}

static void fields_of_day(int64_t number, int64_t *field)
{
    int64_t n = number + 305, era = n / 146097, of_era = n % 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    field[MDAY] = of_year - (153 * m + 2) / 5 + 1;
    field[MONTH] = m < 10 ? m + 3 : m - 9;
    field[YEAR] = y + era * 400 + (field[MONTH] < 3);
}

static void fields_of(int64_t when, int64_t *field)
{
    int64_t us = when % DAY, seconds = us / SECOND;
    if (when >= DAY) fields_of_day(when / DAY, field);
    field[HOUR] = seconds / 3600;
    field[MINUTE] = seconds / 60 % 60;
    field[SECONDS] = seconds % 60;
    field[MICRO] = us % SECOND;
}

/* ---- fields given by programs ---- */

static bool to_field(interp *in, value v, int64_t *out)
{
    if (v.kind == V_INT && v.i == (int32_t)v.i) return *out = v.i, true;
    value n = value_unary(in, OP_INDEX, v);
    if (is_fail(n)) return false;
    bool fits = n.kind == V_INT || n.kind == V_BOOL;
    *out = fits ? n.i : 0;
    value_unref(in, n);
    if (fits && *out == (int32_t)*out) return true;
    if (!fits)
        throw(in, OverflowError, "Python int too large to convert to C long");
    else
        throw(in, OverflowError, "signed integer is %s",
              *out < 0 ? "less than minimum" : "greater than maximum");
    return false;
}

static bool check_date(interp *in, const int64_t *field)
{
    const int64_t year = field[YEAR], month = field[MONTH];
    if (year < 1 || year > 9999)
        throw(in, ValueError, "year %lld is out of range", (long long)year);
    else if (month < 1 || month > 12)
        throw(in, ValueError, "month must be in 1..12");
    else if (field[MDAY] < 1 || field[MDAY] > month_days(year, month))
        throw(in, ValueError, "day is out of range for month");
    else
        return true;
    return false;
}

static bool check_clock(interp *in, const int64_t *field)
{
    static const struct {
        const char *name;
        int64_t most;
    } rule[NFIELD] = {[HOUR] = {"hour", 23},
                      [MINUTE] = {"minute", 59},
                      [SECONDS] = {"second", 59},
                      [MICRO] = {"microsecond", 999999}};
    for (int i = HOUR; i < NFIELD; i++) {
        if (field[i] >= 0 && field[i] <= rule[i].most) continue;
        throw(in, ValueError, "%s must be in 0..%lld", rule[i].name, (long long)rule[i].most);
        return false;
    }
    return true;
}

static int64_t clock_number(const int64_t *field)
{
    return ((field[HOUR] * 60 + field[MINUTE]) * 60 + field[SECONDS]) * SECOND + field[MICRO];
}

static value moment(interp *in, const value *arg)
{
    int64_t field[NFIELD];
    for (int i = 0; i < NFIELD; i++)
        if (!to_field(in, arg[i], &field[i])) return FAIL;
    if (!check_date(in, field) || !check_clock(in, field)) return FAIL;
    return v_int(day_number(field[YEAR], field[MONTH], field[MDAY]) * DAY + clock_number(field));
}

static value clock_time(interp *in, const value *arg)
{
    int64_t field[NFIELD];
    for (int i = HOUR; i < NFIELD; i++)
        if (!to_field(in, arg[i - HOUR], &field[i])) return FAIL;
    return check_clock(in, field) ? v_int(clock_number(field)) : FAIL;
}

/* weeks to microseconds; None: not all are small ints */
static value span(interp *in, const value *arg)
{
    static const int64_t unit[] = {7 * DAY, DAY, 3600 * SECOND, 60 * SECOND, SECOND, 1000, 1};
    int64_t total = 0, part;
    (void)in;
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
        if (arg[i].kind != V_INT || __builtin_mul_overflow(arg[i].i, unit[i], &part) ||
            __builtin_add_overflow(total, part, &total))
            return NONE;
    }
    return v_int(total);
}

/* ---- fields of what has been made ---- */

static bool when_fields(interp *in, value x, int64_t *field)
{
    int64_t known;
    if (moment_when(x, &known)) return fields_of(known, field), true;
    str *name = str_intern(in, "_when", 5);
    value when = name ? value_getattr(in, x, name) : FAIL;
    obj_unref(in, name);
    bool ok = when.kind == V_INT && when.i >= 0;
    if (ok)
        fields_of(when.i, field);
    else if (!is_fail(when))
        throw(in, ValueError, "no such moment");
    value_unref(in, when);
    return ok;
}

#define FIELD(name, which)                                                                         \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        int64_t field[NFIELD] = {0};                                                               \
        return when_fields(in, arg[0], field) ? v_int(field[which]) : FAIL;                        \
    }
FIELD(year, YEAR)
FIELD(month, MONTH)
FIELD(day, MDAY)
FIELD(hour, HOUR)
FIELD(minute, MINUTE)
FIELD(second, SECONDS)
FIELD(microsecond, MICRO)

static value some_fields(interp *in, value x, int from, int to)
{
    int64_t field[NFIELD] = {0};
    if (!when_fields(in, x, field)) return FAIL;
    tuple *t = tuple_new(in, to - from);
    for (int i = from; t && i < to; i++) t->at[i - from] = v_int(field[i]);
    return v_obj(t);
}

static value date_of(interp *in, const value *arg)
{
    return some_fields(in, arg[0], YEAR, HOUR);
}

static value clock_of(interp *in, const value *arg)
{
    return some_fields(in, arg[0], HOUR, NFIELD);
}

/* ---- text ---- */

static value text(interp *in, const char *s, int n)
{
    return v_obj(str_new(in, s, (size_t)n));
}

static value iso_date(interp *in, const value *arg)
{
    int64_t f[NFIELD] = {0};
    char s[80];
    if (!when_fields(in, arg[0], f)) return FAIL;
    return text(in, s,
                snprintf(s, sizeof s, "%04d-%02d-%02d", (int)f[YEAR], (int)f[MONTH], (int)f[MDAY]));
}

static value iso_clock(interp *in, const value *arg)
{
    int64_t f[NFIELD] = {0};
    char s[80];
    if (!when_fields(in, arg[0], f)) return FAIL;
    int n = snprintf(s, sizeof s, "%02d:%02d:%02d", (int)f[HOUR], (int)f[MINUTE], (int)f[SECONDS]);
    if (f[MICRO]) n += snprintf(s + n, sizeof s - (size_t)n, ".%06d", (int)f[MICRO]);
    return text(in, s, n);
}

/* Reads as many digits as a field has; the place behind them, or NULL. */
static const char *read_digits(const char *s, int n, int64_t *out)
{
    for (*out = 0; s && n--; s++) {
        if (*s < '0' || *s > '9') return NULL;
        *out = *out * 10 + (*s - '0');
    }
    return s;
}

static const char *read_mark(const char *s, char mark)
{
    return s && *s == mark ? s + 1 : NULL;
}

/* YYYY-MM-DD, with or without a time HH:MM[:SS[.ffffff]] behind one character. */
static bool read_plain(const str *s, int64_t *field)
{
    const char *p = read_mark(read_digits(s->at, 4, &field[YEAR]), '-');
    p = read_digits(read_mark(read_digits(p, 2, &field[MONTH]), '-'), 2, &field[MDAY]);
    if (p && *p && (unsigned char)*p < 0x80) {
        p = read_mark(read_digits(p + 1, 2, &field[HOUR]), ':');
        p = read_digits(p, 2, &field[MINUTE]);
        if (p && *p == ':') p = read_digits(p + 1, 2, &field[SECONDS]);
        if (p && *p == '.') p = read_digits(p + 1, 6, &field[MICRO]);
    }
    return p == s->at + s->nbyte;
}

static value read_iso(interp *in, const value *arg)
{
    int64_t field[NFIELD] = {0};
    str *s = as_str(arg[0]);
    if (!s || !read_plain(s, field)) return NONE;
    if (!check_date(in, field) || !check_clock(in, field)) return FAIL;
    return v_int(day_number(field[YEAR], field[MONTH], field[MDAY]) * DAY + clock_number(field));
}

static int64_t when_of(const int64_t *field)
{
    return day_number(field[YEAR], field[MONTH], field[MDAY]) * DAY + clock_number(field);
}

/* x._when with those fields replaced that are not None */
static value replaced(interp *in, const value *arg)
{
    int64_t field[NFIELD];
    if (!when_fields(in, arg[0], field)) return FAIL;
    for (int i = 0; i < NFIELD; i++)
        if (!is_none(arg[1 + i]) && !to_field(in, arg[1 + i], &field[i])) return FAIL;
    return check_date(in, field) && check_clock(in, field) ? v_int(when_of(field)) : FAIL;
}

/* ---- seconds since 1970 ---- */

/* The moment that clocks show so many seconds after 1970 began; false: not in years 1 to 9999. */
static bool shown_at(int64_t seconds, bool utc, int64_t *when)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm))) return false;
    const int64_t second = tm.tm_sec < 59 ? tm.tm_sec : 59; /* leap seconds */
    const int64_t field[NFIELD] = {
        tm.tm_year + INT64_C(1900), tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, second, 0};
    *when = field[YEAR] >= 1 && field[YEAR] <= 9999 ? when_of(field) : 0;
    return *when;
}

/* from_seconds(t, utc): None where t is no plain number or far away */
static value from_seconds(interp *in, const value *arg)
{
    const int utc = value_truth(in, arg[1]);
    const double t = arg[0].kind == V_INT ? (double)arg[0].i : arg[0].f, far = 1e12;
    if (utc < 0) return FAIL;
    if ((arg[0].kind != V_INT && arg[0].kind != V_FLOAT) || !(fabs(t) < far)) return NONE;
    double whole, us = nearbyint(modf(t, &whole) * 1e6);
    if (us >= 1e6)
        us -= 1e6, whole += 1;
    else if (us < 0)
        us += 1e6, whole -= 1;
    int64_t when;
    if (!shown_at((int64_t)whole, utc, &when)) return NONE;
    return v_int(when + (int64_t)us);
}

static int64_t epoch(void) /* seconds to 1970 */
{
    return day_number(1970, 1, 1) * (DAY / SECOND);
}

/* How far local clocks are from UTC so many seconds after 1970 began. */
static bool offset_at(interp *in, int64_t seconds, int64_t *out)
{
    int64_t when;
    if (shown_at(seconds, false, &when)) return *out = when / SECOND - epoch() - seconds, true;
    throw(in, ValueError, "year %d is out of range", seconds < 0 ? 0 : 10000);
    return false;
}

/* timestamp(x): seconds since 1970 when local clocks show x; where they show it twice, x._fold
 * tells which, where never, the offset on the other side of the gap is taken (PEP 495). */
static value timestamp(interp *in, const value *arg)
{
    int64_t when, fold = 0;
    value folded = moment_when(arg[0], &when) ? value_getattr_c(in, arg[0], "_fold") : FAIL;
    if (!is_fail(folded)) to_int64(in, folded, &fold);
    value_unref(in, folded);
    if (throwing(in)) return FAIL;
    if (!is_none(folded) && is_fail(folded)) return throw(in, TypeError, "a moment is wanted");
    const int64_t t = when / SECOND - epoch(), day_long = 24 * 3600;
    const double part = (double)(when % SECOND) / 1e6;
    int64_t a, b, u, v;
    if (!offset_at(in, t, &a) || !offset_at(in, u = t - a, &b)) return FAIL;
    const bool hit = u + b == t;
    if (hit) {
        const int64_t other = fold ? u + day_long : u - day_long;
        if (!offset_at(in, other, &b)) return FAIL;
        if (a == b) return v_float((double)u + part);
    }
    if (!offset_at(in, v = t - b, &a)) return FAIL;
    if (v + a == t) return v_float((double)v + part);
    if (!hit) u = fold ? (u < v ? u : v) : (u > v ? u : v);
    return v_float((double)u + part);
}

/* clang-format off */
static const builtin functions[] = {
    {"moment(year, month, day, hour=0, minute=0, second=0, microsecond=0, /)", moment,
     "The number of a date and time, whose fields are checked."},
    {"clock(hour, minute, second, microsecond, /)", clock_time,
     "The number of a time of day, whose fields are checked."},
    {"span(weeks, days, hours, minutes, seconds, milliseconds, microseconds, /)", span,
     "All of them in microseconds; None where they are not all small ints."},
    {"make(cls, kind, when, tzinfo, fold, /)", moment_make,
     "An instance of a class derived from Moment. kind: 1 of date, 2 of datetime, 0 of others."},
    {"lasting(cls, us, /)", span_make, "An instance of a class derived from Span."},
    {"year(x, /)", year, NULL},
    {"month(x, /)", month, NULL},
    {"day(x, /)", day, NULL},
    {"hour(x, /)", hour, NULL},
    {"minute(x, /)", minute, NULL},
    {"second(x, /)", second, NULL},
    {"microsecond(x, /)", microsecond, NULL},
    {"date_of(x, /)", date_of, "Year, month and day of x._when."},
    {"clock_of(x, /)", clock_of, "Hour, minute, second and microsecond of x._when."},
    {"iso_date(x, /)", iso_date, "x._when as YYYY-MM-DD."},
    {"iso_clock(x, /)", iso_clock, "x._when as HH:MM:SS, with a fraction where there is one."},
    {"replaced(x, year, month, day, hour=None, minute=None, second=None, microsecond=None, /)",
     replaced, "x._when with other fields where they are not None."},
    {"from_seconds(t, utc, /)", from_seconds,
     "The moment t seconds after 1970 began, local or in UTC; None where t is out of range."},
    {"timestamp(x, /)", timestamp, "Seconds from 1970 to the moment x of local time."},
    {"read_iso(text, /)", read_iso,
     "The number of the moment that a text of the usual form tells; None of any other text."},
    {0},
};
/* clang-format on */

static bool open_clock(interp *in, module *m)
{
    return module_put_type(in, m, &T_moment) && module_put_type(in, m, &T_span);
}

const module_def clock_def = {.name = "_clock",
                              .doc = "Moments as numbers, fields and texts.",
                              .table = functions,
                              .open = open_clock};
