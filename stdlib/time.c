/* stdlib/time.c - the module _time: clocks, sleeping, calendar time (stdlib/dsk/time.dsk is time).
 *
 * A broken-down time is a tuple of year, month, day, hour, minute, second, weekday (Monday 0), day
 * of the year, dst flag, zone name, offset from UTC. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "engine/base/mem.h"
#include "lang/lang.h"
#include "stdlib/stdlib.h"

static const int64_t NS = 1000000000;

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/* X(name, clock, doc) */
// clang-format off
#define CLOCKS(X)                                                                                  \
    X(time, CLOCK_REALTIME, "Seconds since the start of 1970.")                 \
    X(perf_counter, CLOCK_MONOTONIC, "Seconds since some moment, as exact as there are.")                      \
    X(monotonic, CLOCK_MONOTONIC, "Seconds since some moment, which never run back.")                          \
    X(process_time, CLOCK_PROCESS_CPUTIME_ID, "Seconds that the processor worked for this process.") \
    X(thread_time, CLOCK_THREAD_CPUTIME_ID, "Thread time for profiling.")
// clang-format on

#define X_CLOCK(NAME, ID, DOC)                                                                     \
    static value clock_##NAME(interp *in, const value *arg)                                        \
    {                                                                                              \
        (void)in, (void)arg;                                                                       \
        return v_float((double)clock_ns(ID) * 1e-9);                                               \
    }                                                                                              \
    static value clock_##NAME##_ns(interp *in, const value *arg)                                   \
    {                                                                                              \
        (void)in, (void)arg;                                                                       \
        return v_int(clock_ns(ID));                                                                \
    }
CLOCKS(X_CLOCK)

static value time_sleep(interp *in, const value *arg)
{
    double s;
    if (!to_double(in, arg[0], &s)) {
        if (!exc_is(in, TypeError)) return FAIL;
        exc_clear(in);
        return throw(in, TypeError, "'%s' object cannot be interpreted as an integer",
                     type_said(in, arg[0]));
    }
    if (isnan(s)) return throw(in, ValueError, "Invalid value NaN (not a number)");
    if (s < 0) return throw(in, ValueError, "sleep length must be non-negative");
    if (s > 9e9) return throw(in, OverflowError, "timestamp too large to convert to C _PyTime_t");
    return interp_sleep(in, s) ? NONE : FAIL;
}

static value from_tm(interp *in, const struct tm *t)
{
    const int field[] = {t->tm_year + 1900,    t->tm_mon + 1,  t->tm_mday,
                         t->tm_hour,           t->tm_min,      t->tm_sec,
                         (t->tm_wday + 6) % 7, t->tm_yday + 1, t->tm_isdst};
    tuple *out = tuple_new(in, 11);
    if (!out) return FAIL;
    for (int i = 0; i < 9; i++) out->at[i] = v_int(field[i]);
    out->at[9] = v_str(in, t->tm_zone ? t->tm_zone : "");
    out->at[10] = v_int(t->tm_gmtoff);
    return v_obj(out);
}

static value broken_down(interp *in, value seconds,
                         struct tm *(*convert)(const time_t *, struct tm *))
{
    double s;
    if (is_none(seconds))
        s = (double)(clock_ns(CLOCK_REALTIME) / NS);
    else if (!to_double(in, seconds, &s))
        return FAIL;
    if (isnan(s)) return throw(in, ValueError, "Invalid value NaN (not a number)");
    if (fabs(s) > 6e16) {
        return throw(in, OverflowError, "timestamp out of range for platform time_t");
    }
    time_t t = (time_t)floor(s);
    struct tm tm;
    errno = 0;
    if (!convert(&t, &tm)) return throw(in, OverflowError, "timestamp out of range");
    return from_tm(in, &tm);
}

static value time_localtime(interp *in, const value *arg)
{
    return broken_down(in, arg[0], localtime_r);
}

static value time_gmtime(interp *in, const value *arg)
{
    return broken_down(in, arg[0], gmtime_r);
}

/* The first nine fields of a tuple, checked as CPython does. */
static bool to_tm(interp *in, value v, const char *who, struct tm *tm)
{
    tuple *t = as_tuple(v);
    int64_t f[9];
    if (!t || t->n < 9) {
        if (t)
            throw(in, TypeError, "%s(): illegal time tuple argument", who);
        else
            throw(in, TypeError, "Tuple or struct_time argument required");
        return false;
    }
    for (int i = 0; i < 9; i++) {
        if (!to_int64(in, t->at[i], &f[i])) return false;
    }
    static const struct limit {
        int lo, hi;
        const char *why;
    } limits[9] = {
        {0, 0, NULL},
        {0, 12, "month out of range"},
        {0, 31, "day of month out of range"},
        {0, 23, "hour out of range"},
        {0, 59, "minute out of range"},
        {0, 61, "seconds out of range"},
        {-1, 6, "day of week out of range"},
        {0, 366, "day of year out of range"},
        {-1, 1, NULL},
    };
    for (int i = 1; i < 9; i++) {
        if (limits[i].why && (f[i] < limits[i].lo || f[i] > limits[i].hi)) {
            throw(in, ValueError, "%s", limits[i].why);
            return false;
        }
    }
    *tm = (struct tm){.tm_year = (int)f[0] - 1900,
                      .tm_mon = f[1] ? (int)f[1] - 1 : 0,
                      .tm_mday = f[2] ? (int)f[2] : 1,
                      .tm_hour = (int)f[3],
                      .tm_min = (int)f[4],
                      .tm_sec = (int)f[5],
                      .tm_wday = (int)(f[6] + 1) % 7,
                      .tm_yday = f[7] ? (int)f[7] - 1 : 0,
                      .tm_isdst = (int)f[8]};
    if (t->n > 10 && as_str(t->at[9])) tm->tm_zone = as_str(t->at[9])->at;
    if (t->n > 10 && t->at[10].kind == V_INT) tm->tm_gmtoff = (long)t->at[10].i;
    return true;
}

static value time_mktime(interp *in, const value *arg)
{
    struct tm tm;
    if (!to_tm(in, arg[0], "mktime", &tm)) return FAIL;
    tm.tm_wday = -1;
    time_t t = mktime(&tm);
    if (t == (time_t)-1 && tm.tm_wday == -1) {
        return throw(in, OverflowError, "mktime argument out of range");
    }
    return v_float((double)t);
}

static value time_strftime(interp *in, const value *arg)
{
    str *format = as_str(arg[0]);
    struct tm tm;
    if (!format) {
        return throw(in, TypeError, "strftime() argument 1 must be str, not %s",
                     type_said(in, arg[0]));
    }
    if (!to_tm(in, arg[1], "strftime", &tm)) return FAIL;
    if (!format->nbyte) return v_str(in, "");
    for (size_t size = 256 + 8 * format->nbyte;; size *= 2) {
        char *text = mem_alloc(size);
        size_t n = strftime(text, size, format->at, &tm);
        if (n > 0 || size > 1 << 20) return v_obj(str_take(in, text, n));
        mem_free(text);
        if (size > 16384) return v_str(in, ""); /* the result is empty: %Z without a zone */
    }
}

static bool constants(interp *in, module *m)
{
    tzset();
    return module_put(in, m, "timezone", v_int(timezone)) &&
           module_put(in, m, "altzone", v_int(daylight ? timezone - 3600 : timezone)) &&
           module_put(in, m, "daylight", v_int(daylight)) &&
           module_put(in, m, "tzname",
                      v_obj(tuple_pack(in, 2, v_str(in, tzname[0]), v_str(in, tzname[1]))));
}

#define X_ROW(NAME, ID, DOC)                                                                       \
    {#NAME "()", clock_##NAME, DOC}, {#NAME "_ns()", clock_##NAME##_ns, DOC " In nanoseconds."},
static const builtin table[] = {
    // clang-format off
    CLOCKS(X_ROW)
    // clang-format on
    {"sleep(seconds, /)", time_sleep, "Waits for so many seconds."},
    {"localtime(seconds=None, /)", time_localtime, NULL},
    {"gmtime(seconds=None, /)", time_gmtime, NULL},
    {"mktime(t, /)", time_mktime, "Seconds since 1970 of a moment given in local time."},
    {"strftime(format, t, /)", time_strftime, NULL},
    {0},
};

const module_def time_def = {
    .name = "_time", .doc = "Clocks and calendar time.", .table = table, .open = constants};
