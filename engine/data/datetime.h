/* engine/data/datetime.h - the units of datetime64 and timedelta64, and their text. */
#pragma once

#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/data/dtype.h"

/* nd.unit and dtype_of.unit; 3 (business days) is no longer used, as in NumPy */
enum date_unit {
    UNIT_Y,
    UNIT_M,
    UNIT_W,
    UNIT_D = 4,
    UNIT_h,
    UNIT_m,
    UNIT_s,
    UNIT_ms,
    UNIT_us,
    UNIT_ns,
    UNIT_ps,
    UNIT_fs,
    UNIT_as,
    UNIT_generic,
    NUNIT
};

#define NAT INT64_MIN

/* "D", "ns"; "generic"; NULL for an index that is no unit */
const char *date_unit_name(int unit);
/* Characters that NumPy gives to the text of any moment or timedelta of a type. */
uint32_t datetime_width(dtype_of t);
/* The unit called s[0..n) ("D"), or -1. */
int date_unit_of(const char *s, size_t n);

typedef struct civil { /* a day of the proleptic Gregorian calendar */
    int64_t year;
    int month, day; /* from 1 */
} civil;

civil civil_of_day(int64_t day);                        /* days since 1970-01-01 */
int64_t day_of_civil(int64_t year, int month, int day); /* month from 1 */

/* ISO 8601 text to a count of the unit it is precise to; "" and "NaT" are NAT of UNIT_generic.
 * ValueError in NumPy's words. */
bool datetime_parse(const char *s, size_t n, int64_t *out, int *unit, err *e);
/* The same as a count of a given unit (UNIT_generic: its own). */
bool datetime_parse_as(const char *s, size_t n, int unit, int64_t *out, err *e);
/* A count of one unit as one of another, towards the past; NAT when it cannot be. */
int64_t datetime_convert(int64_t v, int from, int to, bool moment);
/* the same of n numbers, at any steps */
void datetime_convert_run(size_t n, char *to, ptrdiff_t tstep, const char *from, ptrdiff_t fstep,
                          int unit, int want, bool moment);

/* "2020-01-31T12", as precise as the unit; "NaT" */
void datetime_text(strbuf *b, int64_t moment, int unit);
/* "5 days"; "NaT" */
void timedelta_text(strbuf *b, int64_t duration, int unit);
