/* engine/data/datetime.c - counts of a unit since 1970 to ISO text. */
#include "engine/data/datetime.h"

#include <string.h>

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
