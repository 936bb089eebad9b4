/* stdlib/numpy/scalar.c - NumPy's scalar types, and the way between elements and values.
 *
 * Every method of an array is one of its scalars too: the types share the table, and the functions
 * there take either.  Operators go through the array operators on 0-d blocks, except float64 with
 * float64, which is inlined because loops over elements are common.
 * Over 600 lines: the table of types and both ways through it belong together. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/datetime.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/half.h"
#include "lang/types/bytes.h"
#include "stdlib/numpy/numpy.h"

/* ---- object cells ---- */

value cell_value(const objcell *c)
{
    value v;
    memcpy(&v, c, sizeof v);
    return is_fail(v) ? NONE : v;
}

objcell value_cell(value v)
{
    objcell c;
    value_ref(v);
    memcpy(&c, &v, sizeof c);
    return c;
}

static objcell cell_copy(objcell c)
{
    value v;
    memcpy(&v, &c, sizeof v);
    value_ref(v);
    return c;
}

/* A buffer knows no interpreter: object arrays never leave the thread of theirs. */
static void cell_drop(objcell *c)
{
    value v;
    memcpy(&v, c, sizeof v);
    memset(c, 0, sizeof *c);
    value_unref(interp_current(), v);
}

static void free_buffer(void *b)
{
    buf_free(b);
}

static bool cells_later(buf *b)
{
    int64_t n = (int64_t)(b->size / sizeof(objcell));
    return values_leave(interp_current(), (value *)(void *)b->data, n, free_buffer, b);
}

const cell_ops object_cells = {cell_copy, cell_drop, cells_later};

/* ---- elements to values ---- */

static value bits_scalar(dtype_of t, const void *element)
{
    value v = {.kind = V_SCALAR, .aux = t.dt | (uint32_t)t.unit << 8};
    v.bits = 0;
    memcpy(&v.bits, element, t.size);
    return v;
}

static value complex_scalar(interp *in, const double *z)
{
    cplx *c = obj_new(in, scalar_type(DT_complex128), 0);
    if (!c) return FAIL;
    c->re = z[0];
    c->im = z[1];
    return v_obj(c);
}

static value text_value(interp *in, const type *t, const uint32_t *at, size_t n)
{
    while (n && !at[n - 1]) n--;
    strbuf b = {0};
    for (size_t i = 0; i < n; i++) sb_utf8(&b, at[i]);
    str *s = str_new(in, sb_text(&b), b.n);
    sb_clear(&b);
    if (!s || t == &T_str) return v_obj(s);
    str *own = obj_new(in, t, s->nbyte + 1); /* numpy.str_: the layout of str */
    if (own) {
        own->nbyte = s->nbyte;
        own->nchar = s->nchar;
        memcpy(own->at, s->at, s->nbyte + 1);
    }
    obj_unref(in, s);
    return v_obj(own);
}

static value bytes_element(interp *in, const type *t, const char *at, size_t n)
{
    while (n && !at[n - 1]) n--;
    bytes *b = obj_new(in, t, n + 1);
    if (!b) return FAIL;
    b->n = n;
    memcpy(b->at, at, n);
    return v_obj(b);
}

value scalar_value(interp *in, dtype_of t, const void *element)
{
    switch (t.dt) {
    case DT_complex128: return complex_scalar(in, element);
    case DT_object: return value_ref(cell_value(element));
    case DT_str: return text_value(in, scalar_type(DT_str), element, t.size / 4);
    case DT_bytes: return bytes_element(in, scalar_type(DT_bytes), element, t.size);
    default: return bits_scalar(t, element);
    }
}

#define READ(T, p) (*(const T *)(p))

value scalar_item(interp *in, dtype_of t, const void *p)
{
    switch (t.dt) {
    case DT_bool: return v_bool(READ(uint8_t, p) != 0);
    case DT_int8: return v_int(READ(int8_t, p));
    case DT_uint8: return v_int(READ(uint8_t, p));
    case DT_int16: return v_int(READ(int16_t, p));
    case DT_uint16: return v_int(READ(uint16_t, p));
    case DT_int32: return v_int(READ(int32_t, p));
    case DT_uint32: return v_int(READ(uint32_t, p));
    case DT_int64: return v_int(READ(int64_t, p));
    case DT_uint64: return int_from_u64(in, READ(uint64_t, p));
    case DT_float32: return v_float(READ(float, p));
    case DT_float64: return v_float(READ(double, p));
    case DT_complex64: return v_complex(in, READ(float, p), ((const float *)p)[1]);
    case DT_complex128: return v_complex(in, READ(double, p), ((const double *)p)[1]);
    case DT_float16: {
        return v_float(half_to_float(READ(uint16_t, p)));
    }
    case DT_str: return text_value(in, &T_str, p, t.size / 4);
    case DT_bytes: return bytes_element(in, &T_bytes, p, t.size);
    case DT_datetime64:
    case DT_timedelta64: return moment_item(in, t, READ(int64_t, p));
    default: return scalar_value(in, t, p);
    }
}

/* ---- values to elements ---- */

static bool int_element(interp *in, value v, dtype_of *t, void *p)
{
    if (v.kind == V_INT) {
        *t = dtype_plain(DT_int64);
        memcpy(p, &v.i, 8);
        return true;
    }
    mpz_t z;
    mpz_init(z);
    bool ok = to_mpz(in, v, z);
    if (ok && mpz_sgn(z) >= 0 && mpz_sizeinbase(z, 2) <= 64) {
        *t = dtype_plain(mpz_sizeinbase(z, 2) <= 63 ? DT_int64 : DT_uint64);
        uint64_t u = mpz_get_ui(z);
        memcpy(p, &u, 8);
    } else if (ok && mpz_fits_slong_p(z)) {
        *t = dtype_plain(DT_int64);
        int64_t i = mpz_get_si(z);
        memcpy(p, &i, 8);
    } else {
        *t = dtype_plain(DT_object);
        memcpy(p, &v, sizeof v);
    }
    mpz_clear(z);
    return ok;
}

bool scalar_element(interp *in, value v, dtype_of *t, void *p)
{
    switch (v.kind) {
    case V_BOOL:
        *t = dtype_plain(DT_bool);
        *(uint8_t *)p = (uint8_t)v.i;
        return true;
    case V_INT: return int_element(in, v, t, p);
    case V_FLOAT:
        *t = dtype_plain(DT_float64);
        memcpy(p, &v.f, 8);
        return true;
    case V_SCALAR:
        *t = dtype_plain((enum dtype)(v.aux & 0xff));
        t->unit = (uint8_t)(v.aux >> 8);
        memcpy(p, &v.bits, 8);
        return true;
    case V_OBJ: break;
    default: return false;
    }
    if (as_obj(v, &T_complex)) {
        *t = dtype_plain(DT_complex128);
        memcpy(p, &((cplx *)v.o)->re, 16);
        return true;
    }
    if (as_obj(v, &T_int)) return int_element(in, v, t, p);
    if (as_obj(v, &T_float)) {
        *t = dtype_plain(DT_float64);
        return to_double(in, v, p);
    }
    str *s = as_str(v);
    if (s) {
        *t = (dtype_of){.dt = DT_str, .size = (uint32_t)s->nchar * 4};
        return true;
    }
    size_t n;
    if (bytes_peek(v, &n)) {
        *t = (dtype_of){.dt = DT_bytes, .size = (uint32_t)n};
        return true;
    }
    return false;
}

bool is_scalar(interp *in, value v)
{
    dtype_of t;
    char element[16];
    bool yes = scalar_element(in, v, &t, element);
    exc_clear(in);
    return yes;
}

static void put_text(const str *s, dtype_of t, void *p)
{
    uint32_t *out = p;
    size_t cap = t.size / 4, n = 0;
    for (size_t i = 0; i < s->nbyte && n < cap; n++) {
        unsigned char c = (unsigned char)s->at[i];
        int len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        uint32_t u = len == 1 ? c : c & (0x7fu >> len);
        for (int k = 1; k < len; k++) u = u << 6 | ((unsigned char)s->at[i + (size_t)k] & 0x3f);
        out[n] = u;
        i += (size_t)len;
    }
    memset(out + n, 0, (cap - n) * 4);
}

static void put_bytes(const char *s, size_t n, dtype_of t, void *p)
{
    if (n > t.size) n = t.size;
    memcpy(p, s, n);
    memset((char *)p + n, 0, t.size - n);
}

static bool store_string(interp *in, value v, dtype_of t, void *p)
{
    size_t n;
    const char *b = bytes_peek(v, &n);
    str *s = b && t.dt == DT_str ? str_new(in, b, n) : b ? NULL : value_str(in, v);
    if (b && !s) {
        put_bytes(b, n, t, p);
        return true;
    }
    if (!s) return false;
    if (t.dt == DT_str)
        put_text(s, t, p);
    else
        put_bytes(s->at, s->nbyte, t, p);
    obj_unref(in, s);
    return true;
}

/* What int() and float() refuse: NaN as an int, complex numbers as real ones. */
static bool check_number(interp *in, value v, dtype_of from, const void *element, dtype_of t)
{
    enum dtype to = (enum dtype)t.dt;
    double d;
    if (from.dt == DT_float64 && dtype_is_int(to) && v.kind == V_FLOAT) {
        memcpy(&d, element, 8);
        if (isnan(d)) return THROW0(in, ValueError, "cannot convert float NaN to integer");
        if (isinf(d)) return THROW0(in, OverflowError, "cannot convert float infinity to integer");
        if (fabs(d) >= 0x1p63 && to != DT_uint64)
            return THROW0(in, OverflowError, "Python int too large to convert to C long");
    }
    if (from.dt == DT_complex128 && v.o->type == &T_complex && to < DT_complex64 && to != DT_bool)
        return THROW0(in, TypeError, "%s must be a string%s or a real number, not 'complex'",
                      dtype_is_int(to) ? "int() argument" : "float() argument",
                      dtype_is_int(to) ? ", a bytes-like object" : "");
    return true;
}

/* An int proper that a C long does not hold, as an element of whole numbers? */
static bool beyond_long(value v, dtype_of from, dtype_of t)
{
    if (!dtype_is_int((enum dtype)t.dt)) return false;
    return from.dt == DT_object || (from.dt == DT_uint64 && t.dt != DT_uint64 && v.kind == V_OBJ);
}

/* "-12" as a count of units */
static bool count_of_text(const str *s, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(s->at, &end, 10);
    return s->nbyte && end == s->at + s->nbyte && !errno;
}

/* Text, ints and the language's own dates as a moment or duration. */
static bool moment_store(interp *in, value v, dtype_of t, void *p)
{
    int64_t out;
    dtype_of own;
    err e = {0};
    str *s = as_str(v);
    if (is_none(v)) {
        out = NAT;
    } else if (s && t.dt == DT_datetime64) {
        if (!datetime_parse_as(s->at, s->nbyte, t.unit, &out, &e)) return throw_err(in, &e), false;
    } else if (s && str_is(s, "NaT")) {
        out = NAT;
    } else if (s && count_of_text(s, &out)) {
    } else if (moment_element(in, v, &own, &out)) {
        out = datetime_convert(out, own.unit, t.unit, t.dt == DT_datetime64);
    } else if (throwing(in) || !to_int64(in, v, &out)) {
        if (!exc_is(in, TypeError)) return false;
        exc_clear(in);
        return THROW0(in, ValueError, "Could not convert object to NumPy %s",
                      t.dt == DT_datetime64 ? "datetime" : "timedelta");
    } else if (t.dt == DT_datetime64 && t.unit == UNIT_generic && out != NAT) {
        return THROW0(in, ValueError,
                      "Converting an integer to a NumPy datetime requires a specified unit");
    }
    memcpy(p, &out, sizeof out);
    return true;
}

bool scalar_store(interp *in, value v, dtype_of t, void *p)
{
    if (t.dt == DT_object) {
        objcell c = value_cell(v);
        memcpy(p, &c, sizeof c);
        return true;
    }
    if (t.dt == DT_str || t.dt == DT_bytes) return store_string(in, v, t, p);
    dtype_of from;
    _Alignas(16) char element[16];
    if (t.dt >= DT_datetime64 && v.kind != V_SCALAR) return moment_store(in, v, t, p);
    if (!scalar_element(in, v, &from, element)) {
        if (throwing(in)) return false;
        double d;
        if (is_none(v) && dtype_is_float((enum dtype)t.dt)) {
            d = NAN;
        } else if (!to_double(in, v, &d)) {
            exc_clear(in);
            const char *want = dtype_is_int((enum dtype)t.dt) ? "int()" : "float()";
            if (dtype_is_int((enum dtype)t.dt))
                return THROW0(in, TypeError,
                              "%s argument must be a string, a bytes-like object or a real number, "
                              "not '%s'",
                              want, type_of(in, v)->name);
            return THROW0(in, TypeError,
                          "float() argument must be a string or a real number, not '%s'",
                          type_of(in, v)->name);
        }
        from = dtype_plain(DT_float64);
        memcpy(element, &d, 8);
    }
    if (beyond_long(v, from, t))
        return THROW0(in, OverflowError, "Python int too large to convert to C long");
    if (from.dt == DT_object) { /* an int of more than 64 bits */
        double d;
        if (!to_double(in, v, &d)) return false;
        from = dtype_plain(DT_float64);
        memcpy(element, &d, 8);
    }
    if (!check_number(in, v, from, element, t)) return false;
    err e = {0};
    nd *text = NULL;
    const char *src = element;
    if (from.dt == DT_str || from.dt == DT_bytes) { /* "1.5" into a float array */
        text = nd_new(from.size ? from : (dtype_of){.dt = from.dt, .size = 4}, 0, NULL, &e);
        if (!text) return throw_err(in, &e), false;
        store_string(in, v, nd_type(text), text->at);
        src = text->at;
        from = nd_type(text);
    }
    cast_loop cast = cast_find(t, from, &e);
    bool ok = cast && cast(1, p, (ptrdiff_t)t.size, src, (ptrdiff_t)from.size, t, from, &e);
    datum_unref(text);
    if (!ok && e.kind == NO_ERR)
        err_set(&e, TypeError, "cannot convert %s to %s", dtypes[from.dt].name, dtypes[t.dt].name);
    if (!ok) throw_err(in, &e);
    return ok;
}

/* ---- the types ---- */

static value scalar_repr_of(interp *in, value self, bool repr)
{
    dtype_of t;
    _Alignas(16) char element[16];
    if (!scalar_element(in, self, &t, element)) return FAIL;
    strbuf b = {0};
    err e = {0};
    bool ok = scalar_text(t, element, repr, numpy_print_opts(in), &b, &e);
    value v = ok ? v_obj(str_new(in, sb_text(&b), b.n)) : throw_err(in, &e);
    sb_clear(&b);
    return v;
}

static value scalar_repr(interp *in, value self)
{
    return scalar_repr_of(in, self, true);
}

static value scalar_str(interp *in, value self)
{
    return scalar_repr_of(in, self, false);
}

static value item_of(interp *in, value self)
{
    dtype_of t;
    _Alignas(16) char element[16];
    if (!scalar_element(in, self, &t, element)) return FAIL;
    return scalar_item(in, t, element);
}

static value scalar_format(interp *in, value self, str *spec)
{
    if ((self.kind == V_SCALAR) && (self.aux & 0xff) >= DT_datetime64) return scalar_str(in, self);
    value item = item_of(in, self);
    if (is_fail(item)) return FAIL;
    value text = v_obj(value_format(in, item, spec));
    value_unref(in, item);
    return text;
}

static bool scalar_hash(interp *in, value self, uint64_t *out)
{
    if ((self.aux & 0xff) >= DT_datetime64) {
        *out = self.bits * 0x9e3779b97f4a7c15u;
        return true;
    }
    value item = item_of(in, self);
    bool ok = !is_fail(item) && value_hash(in, item, out);
    value_unref(in, item);
    return ok;
}

static int scalar_truth(interp *in, value self)
{
    if ((self.aux & 0xff) >= DT_datetime64) return self.bits != 0;
    value item = item_of(in, self);
    if (is_fail(item)) return -1;
    int yes = item.kind == V_SCALAR ? item.bits != 0 : value_truth(in, item);
    value_unref(in, item);
    return yes;
}

static value scalar_unary(interp *in, enum unop op, value self)
{
    if (op <= OP_ABS) return array_unary(in, op, self);
    dtype_of t;
    _Alignas(16) char element[16];
    if (!scalar_element(in, self, &t, element)) return FAIL;
    if (op == OP_INDEX && !dtype_is_int((enum dtype)t.dt)) return NOTIMPL;
    if (t.dt >= DT_datetime64) {
        int64_t count;
        memcpy(&count, element, sizeof count);
        return op == OP_INT ? v_int(count) : NOTIMPL;
    }
    value item = scalar_item(in, t, element);
    if (is_fail(item)) return FAIL;
    value v = item.kind == V_SCALAR ? NOTIMPL
              : op == OP_INDEX      ? value_ref(item)
                                    : value_unary(in, op, item);
    value_unref(in, item);
    return v;
}

static value scalar_getitem(interp *in, value self, value key)
{
    tuple *t = as_tuple(key);
    if ((t && t->n == 0) || key.kind == V_OBJ) {
        err e = {0};
        nd *x = to_nd_any(in, self);
        value a = x ? array_wrap(in, x, &e) : FAIL;
        value v = is_fail(a) ? FAIL : array_getitem(in, a, key);
        value_unref(in, a);
        return v;
    }
    return throw(in, IndexError, "invalid index to scalar variable.");
}

/* numpy.int8(x): converts numbers, strings and arrays. */
/* float64 of a number, int64 of an int; FAIL without an exception: anything else */
static value quick_make(interp *in, const type *cls, value v)
{
    if (cls == scalar_type(DT_float64) && (v.kind == V_FLOAT || v.kind == V_INT)) {
        double d = v.kind == V_FLOAT ? v.f : (double)v.i;
        return scalar_value(in, dtype_plain(DT_float64), &d);
    }
    if (cls != scalar_type(DT_int64) || v.kind != V_INT) return FAIL;
    return scalar_value(in, dtype_plain(DT_int64), &v.i);
}

/* timedelta64(timedelta64(1, 'Y'), 'D'): years and months have no length in days */
static bool no_length(interp *in, value v, dtype_of to)
{
    dtype_of from;
    _Alignas(16) char element[16];
    if (v.kind != V_SCALAR || to.dt != DT_timedelta64 || to.unit == UNIT_generic ||
        !scalar_element(in, v, &from, element) || from.dt != DT_timedelta64 ||
        from.unit == UNIT_generic || (from.unit <= UNIT_M) == (to.unit <= UNIT_M))
        return false;
    throw(in, TypeError,
          "Cannot cast NumPy timedelta64 scalar from metadata [%s] to [%s] according to the rule "
          "'same_kind'",
          date_unit_name(from.unit), date_unit_name(to.unit));
    return true;
}

static value scalar_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value got[2], quick = npos == 1 && !kwnames ? quick_make(in, cls, arg[0]) : FAIL;
    if (!is_fail(quick)) return quick;
    if (!args_bind(in, "scalar(object=0, unit=None, /)", arg, npos, kwnames, got, 2)) return FAIL;
    enum dtype dt = DT_object;
    for (int i = 0; i < NDTYPE; i++)
        if (scalar_type((enum dtype)i) == cls) dt = (enum dtype)i;
    if (npos == 0 && (dt == DT_str || dt == DT_bytes || dt == DT_datetime64)) /* not a zero */
        got[0] = v_str(in, dt == DT_datetime64 ? "NaT" : "");
    dtype_of t = dtype_plain(dt);
    value result = FAIL;
    err e = {0};
    if (dt == DT_object) {
        throw(in, TypeError, "cannot create 'numpy.%s' instances", cls->name);
    } else if (dt == DT_datetime64 || dt == DT_timedelta64) {
        char name[64];
        str *unit = as_str(got[1]);
        snprintf(name, sizeof name, unit ? "%s[%s]" : "%s", dtypes[dt].name, unit ? unit->at : "");
        if (unit && isalpha((unsigned char)*unit->at) && date_unit_of(unit->at, unit->nbyte) < 0) {
            throw(in, TypeError, "Invalid datetime unit \"%s\" in metadata", unit->at);
        } else if (dtype_parse(name, &t, &e) && !no_length(in, got[0], t)) {
            nd *x = to_nd(in, got[0], t);
            result = x ? array_result(in, x, &e) : FAIL;
        } else if (!throwing(in)) {
            throw_err(in, &e);
        }
    } else {
        if (dt == DT_str || dt == DT_bytes) t.size = 0;
        nd *x = to_nd(in, is_none(got[0]) && dt != DT_bool ? FAIL : got[0], t);
        result = x ? array_result(in, x, &e) : FAIL;
    }
    args_clear(in, got, 2);
    return result;
}

/* What numpy.float64 has from float: methods that read the number. */
static value as_float(interp *in, const value *arg, const char *name)
{
    double d;
    return to_double(in, arg[0], &d) ? call_method(in, v_float(d), name, 0) : FAIL;
}

static value float_ratio(interp *in, const value *arg)
{
    return as_float(in, arg, "as_integer_ratio");
}

static value float_hex(interp *in, const value *arg)
{
    return as_float(in, arg, "hex");
}

#define OWN_ROWS {"__round__(self, ndigits=None)", array_round, "round(x)"},
static const builtin number_table[] = {OWN_ROWS{0}};
static const builtin float64_table[] = {
    OWN_ROWS{"as_integer_ratio(self)", float_ratio, "The number as a ratio of two ints."},
    {"hex(self)", float_hex, "The number in hexadecimal."},
    {0},
};

#define ABSTRACT(id, text, parent)                                                                 \
    static const type T_##id = {TYPE_HEAD, .name = text, .module = "numpy", .base = parent,        \
                                .flags = TYPE_IMMUTABLE};
static const type T_generic = {TYPE_HEAD, .name = "generic", .module = "numpy",
                               .table = array_methods + ARRAY_HOOKS, .flags = TYPE_IMMUTABLE};
ABSTRACT(number, "number", &T_generic)
ABSTRACT(integer, "integer", &T_number)
ABSTRACT(signedinteger, "signedinteger", &T_integer)
ABSTRACT(unsignedinteger, "unsignedinteger", &T_integer)
ABSTRACT(inexact, "inexact", &T_number)
ABSTRACT(floating, "floating", &T_inexact)
ABSTRACT(complexfloating, "complexfloating", &T_inexact)
ABSTRACT(flexible, "flexible", &T_generic)
ABSTRACT(character, "character", &T_flexible)

#define SCALAR(id, text, parent, second, own)                                                      \
    static const type T_np_##id = {                                                                \
        TYPE_HEAD,                                                                                 \
        .name = text,                                                                              \
        .module = "numpy",                                                                         \
        .base = parent,                                                                            \
        .base2 = second,                                                                           \
        .size = sizeof(cplx),                                                                      \
        .flags = TYPE_IMMUTABLE,                                                                   \
        .table = own,                                                                              \
        .make = scalar_make,                                                                       \
        .repr = scalar_repr,                                                                       \
        .tostr = scalar_str,                                                                       \
        .format = scalar_format,                                                                   \
        .hash = scalar_hash,                                                                       \
        .truth = scalar_truth,                                                                     \
        .compare = array_compare,                                                                  \
        .unary = scalar_unary,                                                                     \
        .binary = array_binary,                                                                    \
        .getitem = scalar_getitem,                                                                 \
    };
SCALAR(bool, "bool_", &T_generic, NULL, number_table)
SCALAR(int8, "int8", &T_signedinteger, NULL, number_table)
SCALAR(uint8, "uint8", &T_unsignedinteger, NULL, number_table)
SCALAR(int16, "int16", &T_signedinteger, NULL, number_table)
SCALAR(uint16, "uint16", &T_unsignedinteger, NULL, number_table)
SCALAR(int32, "int32", &T_signedinteger, NULL, number_table)
SCALAR(uint32, "uint32", &T_unsignedinteger, NULL, number_table)
SCALAR(int64, "int64", &T_signedinteger, NULL, number_table)
SCALAR(uint64, "uint64", &T_unsignedinteger, NULL, number_table)
SCALAR(float16, "float16", &T_floating, NULL, number_table)
SCALAR(float32, "float32", &T_floating, NULL, number_table)
SCALAR(float64, "float64", &T_floating, &T_float, float64_table)
SCALAR(complex64, "complex64", &T_complexfloating, NULL, number_table)
SCALAR(complex128, "complex128", &T_complexfloating, &T_complex, number_table)
SCALAR(datetime64, "datetime64", &T_generic, NULL, number_table)
SCALAR(timedelta64, "timedelta64", &T_signedinteger, NULL, number_table)

/* Strings: everything but their class and constructor is Python's. */
#define PYTHON(id, T)                                                                              \
    static value id##_repr(interp *in, value self)                                                 \
    {                                                                                              \
        return T.repr(in, self);                                                                   \
    }                                                                                              \
    static value id##_tostr(interp *in, value self)                                                \
    {                                                                                              \
        return (T.tostr ? T.tostr : T.repr)(in, self);                                             \
    }                                                                                              \
    static bool id##_hash(interp *in, value self, uint64_t *out)                                   \
    {                                                                                              \
        return T.hash(in, self, out);                                                              \
    }                                                                                              \
    static int64_t id##_length(interp *in, value self)                                             \
    {                                                                                              \
        return T.length(in, self);                                                                 \
    }                                                                                              \
    static value id##_compare(interp *in, enum cmpop op, value self, value other)                  \
    {                                                                                              \
        return T.compare(in, op, self, other);                                                     \
    }                                                                                              \
    static value id##_binary(interp *in, enum binop op, value a, value b)                          \
    {                                                                                              \
        return T.binary(in, op, a, b);                                                             \
    }                                                                                              \
    static value id##_getitem(interp *in, value self, value key)                                   \
    {                                                                                              \
        return T.getitem(in, self, key);                                                           \
    }                                                                                              \
    static int id##_contains(interp *in, value self, value item)                                   \
    {                                                                                              \
        return T.contains(in, self, item);                                                         \
    }                                                                                              \
    static value id##_iter(interp *in, value self)                                                 \
    {                                                                                              \
        return T.iter(in, self);                                                                   \
    }
#define PYTHON_SLOTS(id)                                                                           \
    .repr = id##_repr, .tostr = id##_tostr, .hash = id##_hash, .length = id##_length,              \
    .compare = id##_compare, .binary = id##_binary, .getitem = id##_getitem,                       \
    .contains = id##_contains, .iter = id##_iter
PYTHON(ustr, T_str)
PYTHON(ustring, T_bytes)

static value ustr_format(interp *in, value self, str *spec)
{
    return T_str.format(in, self, spec);
}

static const type T_np_object = {TYPE_HEAD, .name = "object_", .module = "numpy",
                                 .base = &T_generic, .make = scalar_make};
static const type T_np_str = {TYPE_HEAD,
                              .name = "str_",
                              .module = "numpy",
                              .base = &T_str,
                              .base2 = &T_character,
                              .size = sizeof(str),
                              .flags = TYPE_IMMUTABLE,
                              .make = scalar_make,
                              .format = ustr_format,
                              PYTHON_SLOTS(ustr)};
static const type T_np_bytes = {TYPE_HEAD,
                                .name = "bytes_",
                                .module = "numpy",
                                .base = &T_bytes,
                                .base2 = &T_character,
                                .size = sizeof(bytes),
                                .flags = TYPE_IMMUTABLE,
                                .make = scalar_make,
                                PYTHON_SLOTS(ustring)};

static const type *const scalar_types[NDTYPE] = {
#define DTYPE(name, T, kind, code, size, doc) [DT_##name] = &T_np_##name,
#include "engine/data/dtype.def"
#undef DTYPE
};

const type *scalar_type(enum dtype dt)
{
    return scalar_types[dt];
}

bool scalar_open(interp *in, module *m)
{
    static const type *const abstract[] = {
        &T_generic, &T_number,   &T_integer,         &T_signedinteger, &T_unsignedinteger,
        &T_inexact, &T_floating, &T_complexfloating, &T_flexible,      &T_character,
    };
    static const struct {
        const char *name;
        enum dtype dt;
    } alias[] = {
        {"int_", DT_int64},          {"intc", DT_int32},        {"uint", DT_uint64},
        {"uintc", DT_uint32},        {"intp", DT_int64},        {"uintp", DT_uint64},
        {"short", DT_int16},         {"ushort", DT_uint16},     {"byte", DT_int8},
        {"ubyte", DT_uint8},         {"longlong", DT_int64},    {"ulonglong", DT_uint64},
        {"half", DT_float16},        {"single", DT_float32},    {"double", DT_float64},
        {"float_", DT_float64},      {"csingle", DT_complex64}, {"cdouble", DT_complex128},
        {"complex_", DT_complex128}, {"bool8", DT_bool},        {"unicode_", DT_str},
        {"string_", DT_bytes},
    };
    for (size_t i = 0; i < sizeof abstract / sizeof *abstract; i++)
        TRY(module_put_type(in, m, abstract[i]));
    for (int i = 0; i < NDTYPE; i++) {
        interp_scalar_type(in, (uint32_t)i, scalar_types[i]);
        TRY(module_put_type(in, m, scalar_types[i]));
    }
    for (size_t i = 0; i < sizeof alias / sizeof *alias; i++)
        TRY(module_put(in, m, alias[i].name, v_type(scalar_types[alias[i].dt])));
    return true;
}
