/* stdlib/numpy/moment.c - datetime64 and timedelta64, and the classes of the datetime module. */
#include <string.h>

#include "engine/data/datetime.h"
#include "stdlib/numpy/numpy.h"

static value datetime_class(interp *in, const char *name)
{
    value m = interp_import(in, "datetime"), c = is_fail(m) ? FAIL : value_getattr_c(in, m, name);
    value_unref(in, m);
    return c;
}

static bool field(interp *in, value v, const char *name, int64_t *out)
{
    value f = value_getattr_c(in, v, name);
    bool ok = !is_fail(f) && to_int64(in, f, out);
    value_unref(in, f);
    return ok;
}

static bool moment_of(interp *in, value v, bool clock, dtype_of *t, int64_t *out)
{
    int64_t year, month, day, hour, minute, second, micro;
    if (!field(in, v, "year", &year) || !field(in, v, "month", &month) ||
        !field(in, v, "day", &day))
        return false;
    *out = day_of_civil(year, (int)month, (int)day);
    *t = (dtype_of){.dt = DT_datetime64, .size = 8, .unit = clock ? UNIT_us : UNIT_D};
    if (!clock) return true;
    if (!field(in, v, "hour", &hour) || !field(in, v, "minute", &minute) ||
        !field(in, v, "second", &second) || !field(in, v, "microsecond", &micro))
        return false;
    *out = (((*out * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + micro;
    return true;
}

bool moment_element(interp *in, value v, dtype_of *t, int64_t *out)
{
    if (v.kind != V_OBJ) return false;
    const type *c = v.o->type;
    if (!(c->flags & TYPE_HEAP)) return false;
    bool date = !strcmp(c->name, "date"), clock = !strcmp(c->name, "datetime");
    if (date || clock) return moment_of(in, v, clock, t, out);
    int64_t days, seconds, micro;
    if (strcmp(c->name, "timedelta") != 0 || !field(in, v, "days", &days) ||
        !field(in, v, "seconds", &seconds) || !field(in, v, "microseconds", &micro))
        return false;
    *t = (dtype_of){.dt = DT_timedelta64, .size = 8, .unit = UNIT_us};
    *out = (days * 86400 + seconds) * 1000000 + micro;
    return true;
}

static value date_item(interp *in, int64_t day)
{
    value c = datetime_class(in, "date");
    civil d = civil_of_day(day);
    value v = is_fail(c) ? FAIL : call_n(in, c, 3, v_int(d.year), v_int(d.month), v_int(d.day));
    value_unref(in, c);
    return v;
}

static value datetime_item(interp *in, int64_t micro)
{
    int64_t day = datetime_convert(micro, UNIT_us, UNIT_D, true);
    int64_t rest = micro - day * 86400000000, second = rest / 1000000;
    value c = datetime_class(in, "datetime");
    civil d = civil_of_day(day);
    value v = is_fail(c) ? FAIL
                         : call_n(in, c, 7, v_int(d.year), v_int(d.month), v_int(d.day),
                                  v_int(second / 3600), v_int(second / 60 % 60), v_int(second % 60),
                                  v_int(rest % 1000000));
    value_unref(in, c);
    return v;
}

value moment_item(interp *in, dtype_of t, int64_t v)
{
    bool moment = t.dt == DT_datetime64;
    if (v == NAT) return NONE;
    if (t.unit > UNIT_us) return v_int(v);
    if (moment) {
        civil d = civil_of_day(datetime_convert(v, t.unit, UNIT_D, true));
        if (d.year < 1 || d.year > 9999) return v_int(v); /* beyond the language's dates */
        return t.unit <= UNIT_D ? date_item(in, datetime_convert(v, t.unit, UNIT_D, true))
                                : datetime_item(in, datetime_convert(v, t.unit, UNIT_us, true));
    }
    if (t.unit <= UNIT_M) return v_int(v);
    value c = datetime_class(in, "timedelta");
    int64_t micro = datetime_convert(v, t.unit, UNIT_us, false);
    value r =
        is_fail(c) || micro == NAT ? FAIL : call_n(in, c, 3, v_int(0), v_int(0), v_int(micro));
    value_unref(in, c);
    return micro == NAT && !throwing(in) ? v_int(v) : r;
}
