/* engine/data/dtype.c - the table of element types, its names, promotion and casting rules. */
#include "engine/data/dtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/datetime.h"

const dtype_info dtypes[NDTYPE] = {
#define DTYPE(name, T, kind, code, size, doc) {#name, doc, kind, code, size, _Alignof(T)},
#include "engine/data/dtype.def"
#undef DTYPE
};

/* --- names ------------------------------------------------------------------------------- */

typedef struct spelling {
    const char *name;
    uint8_t dt;
} spelling;

/* what NumPy accepts beside the names of dtype.def and kind + size */
static const spelling spellings[] = {
    {"bool_", DT_bool},
    {"bool8", DT_bool},
    {"int", DT_int64},
    {"int_", DT_int64},
    {"intp", DT_int64},
    {"long", DT_int64},
    {"longlong", DT_int64},
    {"int0", DT_int64},
    {"uint", DT_uint64},
    {"uintp", DT_uint64},
    {"ulong", DT_uint64},
    {"ulonglong", DT_uint64},
    {"byte", DT_int8},
    {"ubyte", DT_uint8},
    {"short", DT_int16},
    {"ushort", DT_uint16},
    {"intc", DT_int32},
    {"uintc", DT_uint32},
    {"half", DT_float16},
    {"single", DT_float32},
    {"float", DT_float64},
    {"float_", DT_float64},
    {"double", DT_float64},
    {"complex", DT_complex128},
    {"complex_", DT_complex128},
    {"cdouble", DT_complex128},
    {"cfloat", DT_complex128},
    {"csingle", DT_complex64},
    {"singlecomplex", DT_complex64},
    {"object_", DT_object},
    {"O", DT_object},
    {"str_", DT_str},
    {"unicode", DT_str},
    {"unicode_", DT_str},
    {"U", DT_str},
    {"bytes_", DT_bytes},
    {"string_", DT_bytes},
    {"S", DT_bytes},
    {"a", DT_bytes},
    {"q", DT_int64},
    {"Q", DT_uint64},
    {"p", DT_int64},
    {"P", DT_uint64},
};

static int find_name(const char *s)
{
    for (int i = 0; i < NDTYPE; i++) {
        if (!strcmp(s, dtypes[i].name)) return i;
        if (s[0] == dtypes[i].code && !s[1]) return i;
    }
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (!strcmp(s, spellings[i].name)) return spellings[i].dt;
    return -1;
}

/* "[D]" at s: the unit's index, or -1 */
static int find_unit(const char *s)
{
    size_t n = strlen(s);
    if (n < 3 || s[0] != '[' || s[n - 1] != ']') return -1;
    return date_unit_of(s + 1, n - 2);
}

static bool parse_time(const char *s, dtype_of *out)
{
    static const spelling starts[] = {{"datetime64", DT_datetime64},
                                      {"timedelta64", DT_timedelta64},
                                      {"M8", DT_datetime64},
                                      {"m8", DT_timedelta64}};
    for (size_t i = 0; i < 4; i++) {
        size_t n = strlen(starts[i].name);
        if (strncmp(s, starts[i].name, n)) continue;
        int unit = s[n] ? find_unit(s + n) : UNIT_generic;
        *out = dtype_plain(starts[i].dt);
        out->unit = (uint8_t)unit;
        return unit >= 0;
    }
    return false;
}

/* kind and size: f8, U10, S5 */
static bool parse_sized(const char *s, dtype_of *out)
{
    char *end;
    if (s[1] < '0' || s[1] > '9') return false;
    unsigned long n = strtoul(s + 1, &end, 10);
    if (*end || n > INT32_MAX / 4) return false;
    char kind = s[0] == 'a' ? 'S' : s[0];
    if (kind == 'S' || kind == 'U') {
        out->dt = kind == 'S' ? DT_bytes : DT_str;
        out->size = (uint32_t)(kind == 'S' ? n : 4 * n);
        return true;
    }
    if (kind == 'O' && n == sizeof(void *)) return *out = dtype_plain(DT_object), true;
    for (int i = 0; i < NDTYPE; i++)
        if (dtypes[i].kind == kind && dtypes[i].size == n && kind != 'O') {
            *out = dtype_plain(i);
            return true;
        }
    return false;
}

bool dtype_parse(const char *s, dtype_of *out, err *e)
{
    const char *t = s;
    bool swapped = *t == '>';
    if (*t && strchr("<>=|", *t)) t++;
    *out = (dtype_of){0};
    bool sized = *t && t[1] >= '0' && t[1] <= '9', ok = true; /* no name is like that */
    int dt = sized ? -1 : find_name(t);
    if (dt >= 0)
        *out = dtype_plain(dt);
    else
        ok = *t && ((((*t | 32) == 'm' || !sized) && parse_time(t, out)) || parse_sized(t, out));
    if (!ok) return err_set(e, TypeError, "data type '%s' not understood", s);
    out->swapped = swapped && out->size > 1 && out->dt != DT_bytes && out->dt != DT_object;
    return true;
}

static bool is_time(dtype_of d)
{
    return d.dt == DT_datetime64 || d.dt == DT_timedelta64;
}

static bool has_unit(dtype_of d)
{
    return is_time(d) && d.unit != UNIT_generic;
}

void dtype_str(dtype_of d, char out[32])
{
    const dtype_info *t = &dtypes[d.dt];
    char order = d.swapped ? '>' : '<';
    if (d.dt == DT_object)
        snprintf(out, 32, "|O");
    else if (d.dt == DT_bytes)
        snprintf(out, 32, "|S%u", d.size);
    else if (d.dt == DT_str)
        snprintf(out, 32, "%cU%u", order, d.size / 4);
    else if (t->size == 1)
        snprintf(out, 32, "|%c1", t->kind);
    else if (has_unit(d))
        snprintf(out, 32, "%c%c8[%s]", order, t->kind, date_unit_name(d.unit));
    else
        snprintf(out, 32, "%c%c%u", order, t->kind, t->size);
}

void dtype_name(dtype_of d, char out[32])
{
    if (d.swapped || d.dt == DT_bytes || d.dt == DT_str)
        dtype_str(d, out);
    else if (has_unit(d))
        snprintf(out, 32, "%s[%s]", dtypes[d.dt].name, date_unit_name(d.unit));
    else
        snprintf(out, 32, "%s", dtypes[d.dt].name);
}

/* numpy.dtype[int64], numpy.dtype[str_] ... : the class in messages about promotion */
static const char *class_name(dtype_of d)
{
    switch (d.dt) {
    case DT_bool: return "bool_";
    case DT_str: return "str_";
    case DT_bytes: return "bytes_";
    case DT_object: return "object_";
    default: return dtypes[d.dt].name;
    }
}

/* --- promotion --------------------------------------------------------------------------- */

static enum dtype int_of(bool is_signed, unsigned size)
{
    for (int i = DT_int8; i <= DT_uint64; i++)
        if (dtypes[i].size == size && (dtypes[i].kind == 'i') == is_signed) return i;
    return DT_float64;
}

static enum dtype promote_ints(enum dtype a, enum dtype b)
{
    unsigned na = dtypes[a].size, nb = dtypes[b].size;
    if (dtypes[a].kind == dtypes[b].kind) return na > nb ? a : b;
    unsigned is = dtypes[a].kind == 'i' ? na : nb, us = dtypes[a].kind == 'i' ? nb : na;
    return int_of(true, is > us ? is : 2 * us);
}

/* the float type that an operand asks for */
static enum dtype float_for(enum dtype d)
{
    if (dtype_is_float(d)) return d;
    if (d == DT_complex64) return DT_float32;
    if (d == DT_complex128) return DT_float64;
    if (d == DT_bool || dtypes[d].size == 1) return DT_float16;
    return dtypes[d].size == 2 ? DT_float32 : DT_float64;
}

static enum dtype promote_numbers(enum dtype a, enum dtype b)
{
    if (a == b || b == DT_bool) return a;
    if (a == DT_bool) return b;
    if (dtype_is_int(a) && dtype_is_int(b)) return promote_ints(a, b);
    enum dtype fa = float_for(a), fb = float_for(b), f = fa > fb ? fa : fb;
    if (!dtype_is_complex(a) && !dtype_is_complex(b)) return f;
    return f == DT_float64 ? DT_complex128 : DT_complex64;
}

/* characters that the text of a number may need */
static uint32_t text_length(dtype_of d)
{
    static const uint8_t ints[] = {
        [DT_bool] = 5,   [DT_int8] = 4,    [DT_uint8] = 3,  [DT_int16] = 6,  [DT_uint16] = 5,
        [DT_int32] = 11, [DT_uint32] = 10, [DT_int64] = 21, [DT_uint64] = 20};
    if (d.dt <= DT_uint64) return ints[d.dt];
    if (d.dt == DT_str) return d.size / 4;
    if (d.dt == DT_bytes) return d.size;
    return dtype_is_complex(d.dt) ? 64 : 32;
}

static bool is_text(dtype_of d)
{
    return d.dt == DT_str || d.dt == DT_bytes;
}

static bool promote_times(dtype_of a, dtype_of b, dtype_of *out)
{
    if (is_time(a) && is_time(b) && a.dt == b.dt) {
        if (!has_unit(a) || !has_unit(b))
            *out = has_unit(a) ? a : b;
        else
            *out = a.unit > b.unit ? a : b;
        return true;
    }
    dtype_of time = is_time(a) ? a : b, other = is_time(a) ? b : a;
    if (time.dt != DT_timedelta64 || other.dt > DT_uint64) return false;
    *out = time;
    return true;
}

/* Durations of which one counts months or years, whose lengths differ. */
static bool parted(dtype_of a, dtype_of b)
{
    return a.dt == DT_timedelta64 && b.dt == DT_timedelta64 && has_unit(a) && has_unit(b) &&
           (a.unit <= UNIT_M) != (b.unit <= UNIT_M);
}

bool dtype_promote(dtype_of a, dtype_of b, dtype_of *out, err *e)
{
    bool ok = true;
    a.swapped = b.swapped = false;
    if (parted(a, b))
        return err_set(e, TypeError,
                       "Cannot get a common metadata divisor for Numpy datetime metadata [%s] and "
                       "[%s] because they have incompatible nonlinear base time units.",
                       date_unit_name(a.unit), date_unit_name(b.unit));
    if (a.dt == DT_object || b.dt == DT_object)
        *out = dtype_plain(DT_object);
    else if (dtype_is_number(a.dt) && dtype_is_number(b.dt))
        *out = dtype_plain(promote_numbers(a.dt, b.dt));
    else if (is_text(a) || is_text(b)) {
        uint32_t na = text_length(a), nb = text_length(b), n = na > nb ? na : nb;
        bool bytes = a.dt != DT_str && b.dt != DT_str;
        *out = (dtype_of){.dt = bytes ? DT_bytes : DT_str, .size = bytes ? n : 4 * n};
        ok = !is_time(a) && !is_time(b);
    } else
        ok = promote_times(a, b, out);
    if (ok) return true;
    return err_set(e, TypeError,
                   "The DType <class 'numpy.dtype[%s]'> could not be promoted by <class "
                   "'numpy.dtype[%s]'>. This means that no common DType exists for the given "
                   "inputs. For example they cannot be stored in a single array unless the dtype "
                   "is `object`. The full list of DTypes is: (<class 'numpy.dtype[%s]'>, <class "
                   "'numpy.dtype[%s]'>)",
                   class_name(a), class_name(b), class_name(a), class_name(b));
}

/* --- casting ----------------------------------------------------------------------------- */

static bool safe(dtype_of from, dtype_of to)
{
    if (to.dt == DT_object) return true;
    if (dtype_is_number(from.dt) && dtype_is_number(to.dt))
        return promote_numbers(from.dt, to.dt) == to.dt;
    if (is_text(to)) {
        if (is_time(from) || from.dt == DT_object) return false;
        if (from.dt == DT_str && to.dt == DT_bytes) return false;
        return to.size == 0 || text_length(from) <= text_length(to);
    }
    if (is_time(to)) {
        if (parted(from, to)) return false;
        if (is_time(from)) return from.dt == to.dt && (!has_unit(from) || from.unit <= to.unit);
        return to.dt == DT_timedelta64 && from.dt <= DT_int64;
    }
    return false;
}

/* NumPy's order of kinds for same_kind casts */
static int kind_rank(enum dtype d)
{
    static const char order[] = "buifcSUMmO";
    return (int)(strchr(order, dtypes[d].kind) - order);
}

static bool same_kind(dtype_of from, dtype_of to)
{
    if (safe(from, to)) return true;
    if (parted(from, to)) return false;
    if (is_time(to)) return from.dt == to.dt || (to.dt == DT_timedelta64 && from.dt <= DT_uint64);
    if (is_time(from) || from.dt == DT_object) return false;
    return kind_rank(from.dt) <= kind_rank(to.dt);
}

bool dtype_can_cast(dtype_of from, dtype_of to, char casting)
{
    switch (casting) {
    case 'n': return dtype_equal(from, to) && from.swapped == to.swapped;
    case 'e': return dtype_equal(from, to);
    case 's': return dtype_equal(from, to) || safe(from, to);
    case 'k': return dtype_equal(from, to) || same_kind(from, to);
    default: return true;
    }
}
