/* engine/kernels/resolve.c - which loop of a ufunc runs: NumPy 1.24's rules.
 *
 * The first loop (in table order) to which every input casts safely, or the loop of the operands'
 * result type for the plainest ufuncs.  Scalars count by value when
 * some operand is an array of the same or a higher category (bool < integer < inexact): then 1
 * fits int8, 200 fits int16 beside int8, and 1.5 fits float16. */
#include <stdio.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/data/datetime.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/half.h"
#include "engine/kernels/ufunc.h"

/* a type as promotion sees it; `small`: unsigned, but it fits the signed type of its size too */
typedef struct shade {
    dtype_of t;
    bool small;
} shade;

operand operand_of(const nd *x)
{
    return (operand){.t = nd_type(x), .scalar = x->ndim == 0, .value = x->ndim ? NULL : x->at};
}

/* --- the least type of a value ------------------------------------------------------------ */

static enum dtype signed_twin(enum dtype d)
{
    return d >= DT_uint8 && d <= DT_uint64 && dtypes[d].kind == 'u' ? (enum dtype)(d - 1) : d;
}

static shade least_unsigned(uint64_t v)
{
    static const enum dtype order[] = {DT_uint8, DT_uint16, DT_uint32, DT_uint64};
    int k = v <= UINT8_MAX ? 0 : v <= UINT16_MAX ? 1 : v <= UINT32_MAX ? 2 : 3;
    return (shade){dtype_plain(order[k]), v <= (uint64_t)INT64_MAX >> (64 - (8 << k))};
}

static shade least_signed(int64_t v)
{
    if (v >= 0) return least_unsigned((uint64_t)v);
    enum dtype d = v >= INT8_MIN    ? DT_int8
                   : v >= INT16_MIN ? DT_int16
                   : v >= INT32_MIN ? DT_int32
                                    : DT_int64;
    return (shade){dtype_plain(d), false};
}

/* NumPy's limits: half up to 65000, single up to 3.4e38; infinities and NaN fit any */
static enum dtype least_float(double v, enum dtype from)
{
    if ((v > -65000 && v < 65000) || v - v != 0) return DT_float16;
    if (v > -3.4e38 && v < 3.4e38 && from != DT_float16) return DT_float32;
    return from;
}

static enum dtype least_complex(double re, double im, enum dtype from)
{
    bool fits = re > -3.4e38 && re < 3.4e38 && im > -3.4e38 && im < 3.4e38;
    return fits ? DT_complex64 : from;
}

static shade least(dtype_of t, const void *value)
{
    shade plain = {t, false};
    if (!value) return plain;
    switch (t.dt) {
    case DT_int8: return least_signed(*(const int8_t *)value);
    case DT_int16: return least_signed(*(const int16_t *)value);
    case DT_int32: return least_signed(*(const int32_t *)value);
    case DT_int64: return least_signed(*(const int64_t *)value);
    case DT_uint8: return least_unsigned(*(const uint8_t *)value);
    case DT_uint16: return least_unsigned(*(const uint16_t *)value);
    case DT_uint32: return least_unsigned(*(const uint32_t *)value);
    case DT_uint64: return least_unsigned(*(const uint64_t *)value);
    case DT_float32: return (shade){dtype_plain(least_float(*(const float *)value, t.dt)), false};
    case DT_float64: return (shade){dtype_plain(least_float(*(const double *)value, t.dt)), false};
    case DT_complex128: {
        const double *z = value;
        return (shade){dtype_plain(least_complex(z[0], z[1], t.dt)), false};
    }
    default: return plain;
    }
}

dtype_of min_scalar_type(dtype_of t, const void *value)
{
    return least(t, value).t;
}

static int category(enum dtype d)
{
    if (d == DT_bool) return 0;
    if (dtype_is_int(d)) return 1;
    return d <= DT_complex128 ? 2 : 3;
}

/* Do scalars promote by value here? */
static bool by_value(int n, const operand *in)
{
    int array = -1, scalar = -1;
    for (int i = 0; i < n; i++) {
        int c = category(in[i].t.dt), *most = in[i].scalar ? &scalar : &array;
        if (c > *most) *most = c;
    }
    return scalar >= 0 && array >= scalar;
}

static shade shade_of(const operand *x, bool values)
{
    return values && x->scalar ? least(x->t, x->value) : (shade){x->t, false};
}

/* --- result_type --------------------------------------------------------------------------- */

/* beside a signed or inexact type, a small unsigned is the signed type of its size */
static dtype_of beside(shade x, dtype_of other)
{
    bool keep =
        !x.small || other.dt == DT_bool || dtypes[other.dt].kind == 'u' || other.dt > DT_complex128;
    return keep ? x.t : dtype_plain(signed_twin(x.t.dt));
}

bool result_type(int n, const operand *in, dtype_of *out, err *e)
{
    bool values = by_value(n, in);
    shade all = shade_of(&in[0], values);
    for (int i = 1; i < n; i++) {
        shade x = shade_of(&in[i], values);
        dtype_of a = beside(all, x.t), b = beside(x, all.t);
        TRY(dtype_promote(a, b, &all.t, e));
        all.small = all.small && x.small;
    }
    *out = all.t;
    out->swapped = false;
    return true;
}

/* --- loop selection ------------------------------------------------------------------------ */

static bool fits(shade x, enum dtype to, char casting)
{
    dtype_of target = dtype_plain(to);
    if (to == DT_timedelta64 && x.t.dt <= DT_int64 && x.t.dt != DT_bool) return true;
    if (to == DT_str || to == DT_bytes || to >= DT_datetime64) return x.t.dt == to;
    if (x.t.dt == DT_str || x.t.dt == DT_bytes) return false;
    if (x.small && dtypes[to].kind == 'i') x.t = dtype_plain(signed_twin(x.t.dt));
    return dtype_can_cast(x.t, target, casting);
}

static bool loop_fits(const ufunc *f, const ufunc_loop *l, const operand *in, bool values,
                      char casting)
{
    for (int i = 0; i < f->nin; i++)
        if (!fits(shade_of(&in[i], values), l->arg[i], casting)) return false;
    return true;
}

static void dtype_repr(dtype_of t, strbuf *b)
{
    char name[32];
    bool quoted_str =
        t.dt == DT_str || t.dt == DT_bytes || t.dt == DT_datetime64 || t.dt == DT_timedelta64;
    if (quoted_str)
        dtype_str(t, name);
    else
        dtype_name(t, name);
    sb_addf(b, "dtype('%s')", t.dt == DT_bytes ? name + 1 : t.dt == DT_object ? "O" : name);
}

static const char *class_of(dtype_of t)
{
    return t.dt == DT_str      ? "str_"
           : t.dt == DT_bytes  ? "bytes_"
           : t.dt == DT_bool   ? "bool_"
           : t.dt == DT_object ? "object_"
                               : dtypes[t.dt].name;
}

static bool is_comparison(const ufunc *f)
{
    return f->nin == 2 && f->loops[1].run && f->loops[1].arg[2] == DT_bool;
}

static void *no_loop(const ufunc *f, const operand *in, err *e)
{
    strbuf b = {0};
    bool text = false, time = false;
    for (int i = 0; i < f->nin; i++) time |= in[i].t.dt >= DT_datetime64;
    if (time && f->nin == 2 && !is_comparison(f)) {
        dtype_repr(in[0].t, &b);
        sb_adds(&b, " and ");
        dtype_repr(in[1].t, &b);
        err_set(e, UFuncTypeError, "ufunc '%s' cannot use operands with types %s", f->name,
                sb_text(&b));
        sb_clear(&b);
        return NULL;
    }
    for (int i = 0; i < f->nin; i++) text |= in[i].t.dt >= DT_object;
    if (!text || f->nin == 1) {
        err_set(e, TypeError,
                "ufunc '%s' not supported for the input types, and the inputs could not be safely "
                "coerced to any supported types according to the casting rule ''safe''",
                f->name);
    } else if (is_comparison(f)) {
        sb_addf(&b, "<class 'numpy.dtype[%s]'>, <class 'numpy.dtype[%s]'>", class_of(in[0].t),
                class_of(in[1].t));
        err_set(e, UFuncTypeError,
                "ufunc '%s' did not contain a loop with signature matching types (%s) -> <class "
                "'numpy.dtype[bool_]'>",
                f->name, sb_text(&b));
    } else {
        for (int i = 0; i < f->nin; i++) {
            if (i) sb_adds(&b, ", ");
            dtype_repr(in[i].t, &b);
        }
        err_set(e, UFuncTypeError,
                "ufunc '%s' did not contain a loop with signature matching types (%s) -> None",
                f->name, sb_text(&b));
    }
    sb_clear(&b);
    return NULL;
}

/* types that have no loops here, though casts would find one */
static bool check_bool(const ufunc *f, const operand *in, err *e)
{
    if (f->id == U_gcd || f->id == U_lcm) {
        bool some = dtype_is_int(in[0].t.dt) || dtype_is_int(in[1].t.dt);
        if (some && in[0].t.dt <= DT_uint64 && in[1].t.dt <= DT_uint64) return true;
        return err_set(e, UFuncTypeError,
                       "ufunc '%s' did not contain a loop with signature matching types (<class "
                       "'numpy.dtype[%s]'>, <class 'numpy.dtype[%s]'>) -> None",
                       f->name, class_of(in[0].t), class_of(in[1].t));
    }
    for (int i = 0; i < f->nin; i++)
        if (in[i].t.dt != DT_bool) return true;
    switch (f->id) {
    case U_subtract:
        return err_set(e, TypeError,
                       "numpy boolean subtract, the `-` operator, is not supported, use the "
                       "bitwise_xor, the `^` operator, or the logical_xor function instead.");
    case U_negative:
        return err_set(e, TypeError,
                       "The numpy boolean negative, the `-` operator, is not supported, use the "
                       "`~` operator or the logical_not function instead.");
    case U_positive:
    case U_sign:
        return err_set(e, UFuncTypeError,
                       "ufunc '%s' did not contain a loop with signature matching types <class "
                       "'numpy.dtype[bool_]'> -> None",
                       f->name);
    default: return true;
    }
}

static void take_loop(const ufunc *f, const ufunc_loop *l, const operand *in, ufunc_plan *plan)
{
    plan->run = l->run;
    uint8_t unit = DTYPE_GENERIC;
    for (int i = 0; i < f->nin; i++)
        if (in[i].t.dt >= DT_datetime64 && (unit == DTYPE_GENERIC || in[i].t.unit > unit) &&
            in[i].t.unit != DTYPE_GENERIC)
            unit = in[i].t.unit;
    for (int i = 0; i < f->nin + f->nout; i++) {
        plan->arg[i] = dtype_plain(l->arg[i]);
        if (l->arg[i] == DT_str || l->arg[i] == DT_bytes) plan->arg[i].size = in[i].t.size;
        if (l->arg[i] >= DT_datetime64) plan->arg[i].unit = unit;
    }
}

static const char *casting_name(char c)
{
    return c == 's'   ? "safe"
           : c == 'n' ? "no"
           : c == 'e' ? "equiv"
           : c == 'u' ? "unsafe"
                      : "same_kind";
}

void *ufunc_cast_error(const ufunc *f, const char *what, dtype_of from, dtype_of to, char casting,
                       err *e)
{
    strbuf b = {0};
    sb_addf(&b, "Cannot cast ufunc '%s' %s from ", f->name, what);
    dtype_repr(from, &b);
    sb_adds(&b, " to ");
    dtype_repr(to, &b);
    sb_addf(&b, " with casting rule '%s'", casting_name(casting));
    err_set(e, UFuncTypeError, "%s", sb_text(&b));
    sb_clear(&b);
    return NULL;
}

/* The loop of the one type that all operands have, or that those have which are no single numbers
 * of lesser kind: no other one that fits comes before it. */
static const ufunc_loop *exact_loop(const ufunc *f, const operand *in)
{
    const operand *widest = &in[0];
    for (int i = 1; i < f->nin; i++)
        if (in[i].t.dt > widest->t.dt) widest = &in[i];
    const enum dtype t = widest->t.dt;
    bool same = t <= DT_complex128;
    for (int i = 0; i < f->nin; i++)
        same &= in[i].t.dt == t || (t == DT_float64 && in[i].scalar && !widest->scalar);
    for (const ufunc_loop *l = f->loops; same && l->run; l++) {
        int i = 0;
        while (i < f->nin && l->arg[i] == t) i++;
        if (i == f->nin) return l;
    }
    return NULL;
}

/* Under the rules 'no' and 'equiv' a loop takes its own types only, of single numbers too.  Those
 * of truth take all. */
static bool check_strict(const ufunc *f, const operand *in, char casting, const ufunc_plan *plan,
                         err *e)
{
    if (casting != 'n' && casting != 'e') return true;
    if (f->id == U_logical_and || f->id == U_logical_or || f->id == U_logical_xor) return true;
    const bool values = by_value(f->nin, in);
    for (int i = 0; i < f->nin; i++) {
        char what[16] = "input";
        const bool same = in[i].t.dt == plan->arg[i].dt;
        if (same || fits(shade_of(&in[i], values), (enum dtype)plan->arg[i].dt, casting)) continue;
        if (f->nin > 1) snprintf(what, sizeof what, "input %d", i);
        return ufunc_cast_error(f, what, in[i].t, plan->arg[i], casting, e);
    }
    return true;
}

/* the loop that yields `want`; its inputs must cast under the rule */
static bool resolve_wanted(const ufunc *f, const operand *in, dtype_of want, char casting,
                           ufunc_plan *plan, err *e)
{
    const ufunc_loop *known = exact_loop(f, in), *named = NULL;
    if (known && known->arg[f->nin] == want.dt) {
        take_loop(f, known, in, plan);
        return check_strict(f, in, casting, plan, e);
    }
    bool values = by_value(f->nin, in);
    for (const ufunc_loop *l = f->loops; l->run; l++) {
        if (l->arg[f->nin] != want.dt) continue;
        if (loop_fits(f, l, in, values, casting)) {
            take_loop(f, l, in, plan);
            return true;
        }
        if (!named) named = l;
    }
    if (!named)
        return err_set(e, TypeError,
                       "No loop matching the specified signature and casting was found for ufunc "
                       "%s",
                       f->name);
    for (int i = 0; i < f->nin; i++) {
        char what[16] = "input";
        if (fits(shade_of(&in[i], values), named->arg[i], casting)) continue;
        if (f->nin > 1) memcpy(what, i ? "input 1" : "input 0", 8);
        return ufunc_cast_error(f, what, in[i].t, dtype_plain(named->arg[i]), casting, e);
    }
    return no_loop(f, in, e);
}

/* true division of integers is division of float64, whatever their size */
static bool resolve_divide(const ufunc *f, const operand *in, ufunc_plan *plan)
{
    if (f->id != U_divide || in[0].t.dt > DT_uint64 || in[1].t.dt > DT_uint64) return false;
    const ufunc_loop *l = f->loops;
    while (l->arg[0] != DT_float64) l++;
    take_loop(f, l, in, plan);
    return true;
}

/* ufuncs whose operands all become their result type, where that is not the first loop that fits:
 * uint8 and 256 add as uint16, though int16 comes first */
static bool is_uniform(const ufunc *f)
{
    switch (f->id) {
    case U_add:
    case U_subtract:
    case U_multiply:
    case U_maximum:
    case U_minimum:
    case U_fmax:
    case U_fmin:
    case U_clip:
    case U_gcd:
    case U_lcm: return true;
    default: return is_comparison(f);
    }
}

static const ufunc_loop *uniform_loop(const ufunc *f, const operand *in)
{
    dtype_of t;
    err none = {0};
    for (int i = 0; i < f->nin; i++)
        if (!dtype_is_number(in[i].t.dt)) return NULL;
    if (!is_uniform(f) || !result_type(f->nin, in, &t, &none)) return NULL;
    for (const ufunc_loop *l = f->loops; l->run; l++)
        if (l->arg[0] == t.dt && l->arg[1] == t.dt) return l;
    return NULL;
}

static bool is_calendar(dtype_of t)
{
    return t.dt == DT_timedelta64 && t.unit <= UNIT_M;
}

static bool is_clock(dtype_of t)
{
    return t.dt >= DT_datetime64 && t.unit > UNIT_M && t.unit != DTYPE_GENERIC;
}

/* Months and years have no length that days and hours could be added to. */
static bool check_units(const ufunc *f, const operand *in, err *e)
{
    for (int i = 0; f->nin == 2 && i < 2; i++) {
        dtype_of a = in[i].t, b = in[1 - i].t;
        if (!is_calendar(a) || !is_clock(b)) continue;
        if (b.dt == DT_timedelta64)
            return err_set(e, TypeError,
                           "Cannot get a common metadata divisor for Numpy datetime metadata [%s] "
                           "and [%s] because they have incompatible nonlinear base time units.",
                           date_unit_name(in[0].t.unit), date_unit_name(in[1].t.unit));
        dtype_of to = a;
        char what[16];
        to.unit = b.unit;
        snprintf(what, sizeof what, "input %d", i);
        return ufunc_cast_error(f, what, a, to, 'k', e) != NULL;
    }
    return true;
}

/* Nothing is left over of a duration and a number, and no number is divided by a duration. */
static bool check_durations(const ufunc *f, const operand *in, err *e)
{
    if (f->nin != 2) return true;
    const bool first = in[0].t.dt == DT_timedelta64, second = in[1].t.dt == DT_timedelta64;
    bool bad = false;
    if (f->id == U_remainder || f->id == U_divmod)
        bad = first != second;
    else if (f->id == U_divide || f->id == U_floor_divide)
        bad = (second && !first) || (first && in[1].t.dt == DT_bool);
    return !bad || no_loop(f, in, e) != NULL;
}

bool ufunc_resolve(const ufunc *f, const operand in[], dtype_of want, char casting,
                   ufunc_plan *plan, err *e)
{
    for (int i = 0; i < f->nin; i++)
        if (in[i].t.dt == DT_object)
            return err_set(e, TypeError, "ufunc '%s' has no loop for arrays of objects", f->name);
    bool fixed = f->loops[0].arg[f->nin] == DT_bool && want.dt == DT_bool && f->loops[1].run &&
                 f->loops[1].arg[f->nin] == DT_bool;
    if (want.dt != DT_none && !fixed)
        return resolve_wanted(f, in, want, casting ? casting : 'k', plan, e);
    TRY(check_bool(f, in, e) && check_durations(f, in, e) && check_units(f, in, e));
    if (resolve_divide(f, in, plan)) return check_strict(f, in, casting, plan, e);
    const ufunc_loop *known = exact_loop(f, in);
    if (!known) known = uniform_loop(f, in);
    if (known) {
        take_loop(f, known, in, plan);
        return check_strict(f, in, casting, plan, e);
    }
    bool values = by_value(f->nin, in);
    for (const ufunc_loop *l = f->loops; l->run; l++)
        if (loop_fits(f, l, in, values, 's')) {
            take_loop(f, l, in, plan);
            return check_strict(f, in, casting, plan, e);
        }
    return no_loop(f, in, e);
}

const ufunc *ufunc_of_pow(dtype_of x, const operand *exponent)
{
    static const struct {
        double exponent;
        enum ufunc_id id;
    } ways[] = {{-1, U_reciprocal}, {0.5, U_sqrt}, {1, U_positive}, {2, U_square}};
    dtype_of t = exponent->t;
    err e = {0};
    double k;
    bool whole = dtype_is_int(x.dt) && dtype_is_int(t.dt); /* only squared */
    if (!dtype_is_float(x.dt) && !dtype_is_complex(x.dt) && !whole) return NULL;
    if (!exponent->scalar || !exponent->value || !(dtype_is_int(t.dt) || dtype_is_float(t.dt)))
        return NULL;
    cast_loop run = cast_find(dtype_plain(DT_float64), t, &e);
    if (t.dt == DT_float64)
        memcpy(&k, exponent->value, sizeof k);
    else if (!run || !run(1, (char *)&k, 8, exponent->value, 0, dtype_plain(DT_float64), t, &e))
        return NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].exponent == k && (!whole || k == 2)) return &ufuncs[ways[i].id];
    return NULL;
}
