/* engine/data/datetime.c - counts of a unit since 1970 to ISO text. */
#include "engine/data/datetime.h"

#include <string.h>
#include <strings.h>
#include <time.h>

static const struct {
    const char *name, *plural;
    int64_t per_second; /* sub-second units */
    int digits;         /* of their fraction */
} units[NUNIT] = {
    [UNIT_Y] = {"Y", "years", 0, 0},
    [UNIT_M] = {"M", "months", 0, 0},
    [UNIT_W] = {"W", "weeks", 0, 0},
    [UNIT_D] = {"D", "days", 0, 0},
    [UNIT_h] = {"h", "hours", 0, 0},
    [UNIT_m] = {"m", "minutes", 0, 0},
    [UNIT_s] = {"s", "seconds", 1, 0},
    [UNIT_ms] = {"ms", "milliseconds", 1000, 3},
    [UNIT_us] = {"us", "microseconds", 1000000, 6},
    [UNIT_ns] = {"ns", "nanoseconds", 1000000000, 9},
    [UNIT_ps] = {"ps", "picoseconds", 1000000000000, 12},
    [UNIT_fs] = {"fs", "femtoseconds", 1000000000000000, 15},
    [UNIT_as] = {"as", "attoseconds", 1000000000000000000, 18},
    [UNIT_generic] = {"generic", "generic time units", 0, 0},
};

const char *date_unit_name(int unit)
{
    return unit >= 0 && unit < NUNIT ? units[unit].name : NULL;
}

uint32_t datetime_width(dtype_of t)
{
    static const uint8_t moment[NUNIT] = {
        [UNIT_Y] = 22,  [UNIT_M] = 25,  [UNIT_W] = 28,  [UNIT_D] = 28,      [UNIT_h] = 32,
        [UNIT_m] = 35,  [UNIT_s] = 38,  [UNIT_ms] = 42, [UNIT_us] = 45,     [UNIT_ns] = 48,
        [UNIT_ps] = 51, [UNIT_fs] = 54, [UNIT_as] = 57, [UNIT_generic] = 28};
    if (t.dt == DT_timedelta64) return 21;
    return t.unit < NUNIT && moment[t.unit] ? moment[t.unit] : 28;
}

int date_unit_of(const char *s, size_t n)
{
    for (int u = 0; u < NUNIT; u++)
        if (units[u].name && strlen(units[u].name) == n && !memcmp(units[u].name, s, n)) return u;
    return -1;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Years counted from March, in eras of 400 of them: the leap day is the last of its year. */
civil civil_of_day(int64_t day)
{
    const int64_t era_days = 146097, march_0000 = 719468;
    int64_t z = day + march_0000, era = floor_div(z, era_days);
    int64_t doe = z - era * era_days;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int m = (int)((5 * doy + 2) / 153);
    int month = m < 10 ? m + 3 : m - 9;
    return (civil){yoe + era * 400 + (month <= 2), month, (int)(doy - (153 * m + 2) / 5) + 1};
}

int64_t day_of_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400), yoe = year - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void add_day(strbuf *b, int64_t day)
{
    civil c = civil_of_day(day);
    sb_addf(b, "%04lld-%02d-%02d", (long long)c.year, c.month, c.day);
}

/* Splits a count of parts of a day. */
static int64_t split(int64_t *count, int64_t per_unit)
{
    int64_t whole = floor_div(*count, per_unit);
    *count -= whole * per_unit;
    return whole;
}

static void add_clock(strbuf *b, int64_t seconds, int unit)
{
    sb_addf(b, "T%02d", (int)(seconds / 3600));
    if (unit >= UNIT_m) sb_addf(b, ":%02d", (int)(seconds / 60 % 60));
    if (unit >= UNIT_s) sb_addf(b, ":%02d", (int)(seconds % 60));
}

void datetime_text(strbuf *b, int64_t t, int unit)
{
    if (t == NAT || unit < 0 || unit >= UNIT_generic) {
        sb_adds(b, "NaT");
    } else if (unit == UNIT_Y) {
        sb_addf(b, "%04lld", (long long)t + 1970);
    } else if (unit == UNIT_M) {
        int64_t year = split(&t, 12);
        sb_addf(b, "%04lld-%02d", (long long)year + 1970, (int)t + 1);
    } else if (unit == UNIT_W) {
        add_day(b, t * 7);
    } else if (unit == UNIT_D) {
        add_day(b, t);
    } else if (unit <= UNIT_m) {
        add_day(b, split(&t, unit == UNIT_h ? 24 : 1440));
        add_clock(b, t * (unit == UNIT_h ? 3600 : 60), unit);
    } else {
        int64_t seconds = split(&t, units[unit].per_second);
        add_day(b, split(&seconds, 86400));
        add_clock(b, seconds, unit);
        if (units[unit].digits) sb_addf(b, ".%0*lld", units[unit].digits, (long long)t);
    }
}

void timedelta_text(strbuf *b, int64_t t, int unit)
{
    if (t == NAT)
        sb_adds(b, "NaT");
    else
        sb_addf(b, "%lld %s", (long long)t, units[unit].plural);
}

/* --- one unit as another --- */

/* seconds-based units: how many of the finer make one of the coarser unit before it */
static const int64_t next_finer[] = {
    [UNIT_W] = 7,     [UNIT_D] = 24,    [UNIT_h] = 60,    [UNIT_m] = 60,    [UNIT_s] = 1000,
    [UNIT_ms] = 1000, [UNIT_us] = 1000, [UNIT_ns] = 1000, [UNIT_ps] = 1000, [UNIT_fs] = 1000};

/* how many of `fine` make one `coarse`; both W or finer; 0 when too many */
static int64_t units_in(int coarse, int fine)
{
    int64_t k = 1;
    for (int u = coarse; u < fine; u++)
        if (next_finer[u] && __builtin_mul_overflow(k, next_finer[u], &k)) return 0;
    return k;
}

static int64_t to_days(int64_t v, int unit)
{
    if (unit == UNIT_Y) return day_of_civil(1970 + v, 1, 1);
    int64_t y = floor_div(v, 12);
    return day_of_civil(1970 + y, (int)(v - 12 * y) + 1, 1);
}

static int64_t from_days(int64_t day, int unit)
{
    civil c = civil_of_day(day);
    return unit == UNIT_Y ? c.year - 1970 : (c.year - 1970) * 12 + c.month - 1;
}

/* Months and years as days and back, by their mean length in 400 years, towards the past. */
static int64_t mean_convert(int64_t v, int from, int to)
{
    __extension__ typedef __int128 wide;
    const int calendar = from <= UNIT_M ? from : to, other = from <= UNIT_M ? to : from;
    wide days = 146097, spans = calendar == UNIT_Y ? 400 : 4800; /* so many spans, so many days */
    if (other < UNIT_D)
        spans *= 7;
    else
        days *= units_in(UNIT_D, other);
    if (!days) return from <= UNIT_M ? NAT : 0; /* a day has more of them than can be counted */
    wide n, by = from <= UNIT_M ? spans : days;
    if (__builtin_mul_overflow((wide)v, from <= UNIT_M ? days : spans, &n)) return NAT;
    wide r = n / by - (n % by != 0 && n < 0);
    return r > INT64_MAX || r <= INT64_MIN ? NAT : (int64_t)r;
}

int64_t datetime_convert(int64_t v, int from, int to, bool moment)
{
    if (v == NAT || from == to || from == UNIT_generic || to == UNIT_generic) return v;
    if (!moment && (from <= UNIT_M) != (to <= UNIT_M)) return mean_convert(v, from, to);
    if (from <= UNIT_M && to <= UNIT_M) return from == UNIT_Y ? v * 12 : floor_div(v, 12);
    if (from <= UNIT_M) {
        v = to_days(v, from);
        from = UNIT_D;
    }
    int last = to;
    if (to <= UNIT_M) last = UNIT_D;
    if (from < last) {
        int64_t k = units_in(from, last);
        if (!k || __builtin_mul_overflow(v, k, &v)) return NAT;
    } else if (from > last) {
        int64_t k = units_in(last, from);
        v = k ? floor_div(v, k) : 0;
    }
    return to <= UNIT_M ? from_days(v, to) : v;
}

void datetime_convert_run(size_t n, char *to, ptrdiff_t tstep, const char *from, ptrdiff_t fstep,
                          int unit, int want, bool moment)
{
    bool even = unit > UNIT_M && want > UNIT_M && unit != UNIT_generic && want != UNIT_generic;
    int64_t k = !even || unit == want ? 0
                : unit < want         ? units_in(unit, want)
                                      : units_in(want, unit);
    for (size_t i = 0; i < n; i++, to += tstep, from += fstep) {
        int64_t v = *(const int64_t *)(const void *)from;
        if (!k)
            v = datetime_convert(v, unit, want, moment);
        else if (v == NAT || (unit < want && __builtin_mul_overflow(v, k, &v)))
            v = NAT;
        else if (unit > want)
            v = floor_div(v, k);
        *(int64_t *)(void *)to = v;
    }
}

/* --- text to moments --- */

typedef struct reader {
    const char *s;
    size_t n, at;
    err *e;
} reader;

static bool bad_text(const reader *r)
{
    return err_set(r->e, ValueError, "Error parsing datetime string \"%.*s\" at position %zu",
                   (int)r->n, r->s, r->at);
}

static bool out_of_range(const reader *r, const char *what)
{
    return err_set(r->e, ValueError, "%s out of range in datetime string \"%.*s\"", what, (int)r->n,
                   r->s);
}

static bool is_digit(const reader *r)
{
    return r->at < r->n && r->s[r->at] >= '0' && r->s[r->at] <= '9';
}

static bool skip(reader *r, char c)
{
    if (r->at >= r->n || r->s[r->at] != c) return false;
    r->at++;
    return true;
}

/* exactly two digits, from least to most */
static bool two_digits(reader *r, int least, int most, const char *what, int *out)
{
    if (!is_digit(r)) return bad_text(r);
    int v = r->s[r->at++] - '0';
    if (is_digit(r)) v = v * 10 + r->s[r->at++] - '0';
    *out = v;
    return (v >= least && v <= most) || out_of_range(r, what);
}

static int days_in(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (leap && month == 2);
}

/* The fraction of a second: in units of its precision, which follows from the digits. */
static bool fraction(reader *r, int64_t seconds, int64_t *out, int *unit)
{
    int digits = 0;
    int64_t part = 0;
    while (is_digit(r)) {
        if (digits < 18) part = part * 10 + (r->s[r->at] - '0'), digits++;
        r->at++;
    }
    if (!digits) return bad_text(r);
    for (; digits % 3; digits++) part *= 10;
    *unit = UNIT_s + digits / 3;
    int64_t per = units[*unit].per_second, whole;
    if (__builtin_mul_overflow(seconds, per, &whole))
        return err_set(r->e, OverflowError, "the moment \"%.*s\" does not fit its unit", (int)r->n,
                       r->s);
    *out = whole + part;
    return true;
}

static bool clock_part(reader *r, int64_t day, int64_t *out, int *unit)
{
    int hour, minute = 0, second = 0;
    TRY(two_digits(r, 0, 23, "Hours", &hour));
    *unit = UNIT_h;
    *out = day * 24 + hour;
    if (!skip(r, ':')) return true;
    TRY(two_digits(r, 0, 59, "Minutes", &minute));
    *unit = UNIT_m;
    *out = *out * 60 + minute;
    if (!skip(r, ':')) return true;
    TRY(two_digits(r, 0, 59, "Seconds", &second));
    *unit = UNIT_s;
    *out = *out * 60 + second;
    return !skip(r, '.') || fraction(r, *out, out, unit);
}

/* "now": the moment in UTC, to the second; "today": the day here */
static bool parse_present(const char *s, size_t n, int64_t *out, int *unit)
{
    const time_t t = time(NULL);
    if (n == 3 && !strncasecmp(s, "now", 3)) return *unit = UNIT_s, *out = (int64_t)t, true;
    if (n != 5 || strncasecmp(s, "today", 5)) return false;
    struct tm here;
    localtime_r(&t, &here);
    *unit = UNIT_D;
    *out = (t + here.tm_gmtoff) / 86400;
    return true;
}

bool datetime_parse(const char *s, size_t n, int64_t *out, int *unit, err *e)
{
    reader r = {.s = s, .n = n, .e = e};
    *unit = UNIT_generic;
    *out = NAT;
    if (!n || (n == 3 && (s[0] | 32) == 'n' && (s[1] | 32) == 'a' && (s[2] | 32) == 't'))
        return true;
    if (parse_present(s, n, out, unit)) return true;
    bool negative = skip(&r, '-');
    if (!negative) skip(&r, '+');
    int64_t year = 0;
    int month, day;
    if (!is_digit(&r)) return r.at = 0, bad_text(&r);
    for (int k = 0; is_digit(&r); k++) {
        if (k > 15) return out_of_range(&r, "Year");
        year = year * 10 + (s[r.at++] - '0');
    }
    if (negative) year = -year;
    *unit = UNIT_Y;
    *out = year - 1970;
    if (r.at == n) return true;
    if (!skip(&r, '-')) return bad_text(&r);
    TRY(two_digits(&r, 1, 12, "Month", &month));
    *unit = UNIT_M;
    *out = (year - 1970) * 12 + month - 1;
    if (r.at == n) return true;
    if (!skip(&r, '-')) return bad_text(&r);
    TRY(two_digits(&r, 1, days_in(year, month), "Day", &day));
    *unit = UNIT_D;
    *out = day_of_civil(year, month, day);
    if (r.at == n) return true;
    if (!skip(&r, 'T') && !skip(&r, ' ')) return bad_text(&r);
    TRY(clock_part(&r, *out, out, unit));
    skip(&r, 'Z');
    return r.at == n || bad_text(&r);
}

bool datetime_parse_as(const char *s, size_t n, int unit, int64_t *out, err *e)
{
    int own;
    TRY(datetime_parse(s, n, out, &own, e));
    if (unit != UNIT_generic) *out = datetime_convert(*out, own, unit, true);
    return true;
}
