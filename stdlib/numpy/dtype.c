/* stdlib/numpy/dtype.c - dtype objects, and every way to name one. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/freeze.h"
#include "stdlib/numpy/numpy.h"

typedef struct dtype_obj {
    obj hdr;
    dtype_of t;
} dtype_obj;

value dtype_value(interp *in, dtype_of t)
{
    dtype_obj *d = obj_new(in, &T_dtype, 0);
    if (!d) return FAIL;
    d->t = t;
    return v_obj(d);
}

/* A dtype with a note of the user's; the note does not leave its interpreter. */
typedef struct noted_dtype {
    dtype_obj d;
    value note; /* a mappingproxy */
} noted_dtype;

static const type T_noted_dtype;

static value dtype_noted(interp *in, value v, value note)
{
    dtype_obj *d = (dtype_obj *)as_obj(v, &T_dtype);
    if (!d || is_none(note) || is_fail(note)) return v;
    if (!as_dict(note)) {
        value_unref(in, v);
        return throw(in, TypeError, "dtype() argument 4 must be dict, not " TYPE_FMT,
                     TYPE_ARG(type_of(in, note)));
    }
    noted_dtype *n = obj_new(in, &T_noted_dtype, 0);
    if (n) {
        n->d.t = d->t;
        n->note = call_n(in, v_type(&T_mappingproxy), 1, note);
    }
    value_unref(in, v);
    return v_obj(n);
}

static value get_metadata(interp *in, const value *arg)
{
    (void)in;
    noted_dtype *n = (noted_dtype *)as_obj(arg[0], &T_noted_dtype);
    return n ? value_ref(n->note) : NONE;
}

static void noted_drop(interp *in, obj *o)
{
    value_unref(in, ((noted_dtype *)o)->note);
}

static bool from_type(const type *t, dtype_of *out)
{
    static const struct {
        const type *t;
        enum dtype dt;
    } python[] = {{&T_int, DT_int64},    {&T_float, DT_float64}, {&T_complex, DT_complex128},
                  {&T_bool, DT_bool},    {&T_str, DT_str},       {&T_bytes, DT_bytes},
                  {&T_object, DT_object}};
    for (int i = 0; i < NDTYPE; i++)
        if (scalar_type((enum dtype)i) == t) return *out = dtype_plain((enum dtype)i), true;
    for (size_t i = 0; i < sizeof python / sizeof *python; i++)
        if (python[i].t == t) return *out = dtype_plain(python[i].dt), true;
    static const struct {
        const char *name;
        enum dtype dt;
    } abstract[] = {{"floating", DT_float64},
                    {"inexact", DT_float64},
                    {"number", DT_float64},
                    {"integer", DT_int64},
                    {"signedinteger", DT_int64},
                    {"unsignedinteger", DT_uint64},
                    {"complexfloating", DT_complex128},
                    {"generic", DT_object}};
    for (size_t i = 0; i < sizeof abstract / sizeof *abstract; i++)
        if (!strcmp(t->name, abstract[i].name) && !strcmp(t->module, "numpy"))
            return *out = dtype_plain(abstract[i].dt), true;
    *out = dtype_plain(DT_object);
    return true;
}

bool to_dtype(interp *in, value v, dtype_of *out)
{
    if (is_none(v) || is_fail(v)) return true;
    dtype_obj *d = (dtype_obj *)as_obj(v, &T_dtype);
    if (d) {
        *out = d->t;
        if (out->unit == NOTE_ORDER && out->dt < DT_datetime64) out->unit = 0;
        return true;
    }
    const type *t = as_type(v);
    if (t) return from_type(t, out);
    str *s = as_str(v);
    err e = {0};
    if (s) {
        if (dtype_parse(s->at, out, &e)) return true;
        throw_err(in, &e);
        return false;
    }
    value attr;
    int found = value_findattr(in, v, "dtype", &attr);
    if (found < 0) return false;
    if (found) {
        d = (dtype_obj *)as_obj(attr, &T_dtype);
        if (d) *out = d->t;
        value_unref(in, attr);
        if (d) return true;
    }
    str *r = value_repr(in, v);
    if (r) throw(in, TypeError, "Cannot interpret '%s' as a data type", r->at);
    obj_unref(in, r);
    return false;
}

/* May it describe fields, or have them? */
static bool may_have_fields(value v)
{
    str *s = as_str(v);
    if (s) return memchr(s->at, ',', s->nbyte) != NULL;
    return v.kind == V_OBJ && (as_list(v) || as_dict(v) || (v.o->type->flags & TYPE_HEAP));
}

value with_fields(interp *in, const char *home, const char *function, const value *arg, size_t n,
                  value dtype)
{
    if (!exc_is(in, TypeError) || !may_have_fields(dtype)) return FAIL;
    exc_clear(in);
    value m = interp_import(in, home);
    value f = is_fail(m) ? FAIL : value_getattr_c(in, m, function);
    value r = is_fail(f) ? FAIL : value_call(in, f, arg, n, NULL);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

bool to_dtype_or_none(interp *in, value v, dtype_of *out)
{
    *out = (dtype_of){.dt = DT_none};
    return to_dtype(in, v, out);
}

static dtype_of of(value self)
{
    return ((dtype_obj *)self.o)->t;
}

static value dtype_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    value got[4];
    if (!args_bind(in, "dtype(dtype, align=False, copy=False, metadata=<unset>)", arg, npos,
                   kwnames, got, 4))
        return FAIL;
    dtype_of t = dtype_plain(DT_float64);
    value v = to_dtype(in, got[0], &t) ? dtype_value(in, t)
                                       : with_fields(in, "numpy._fields", "make_dtype", got,
                                                     is_fail(got[1]) ? 1 : 2, got[0]);
    if (is_fail(got[3]) && as_obj(got[0], &T_noted_dtype)) {
        value_unref(in, v);
        v = value_ref(got[0]);
    }
    v = dtype_noted(in, v, got[3]);
    args_clear(in, got, 4);
    return v;
}

/* dtype('float64'); with byte order where there is a choice to tell: dtype('<M8[D]') */
static value dtype_repr(interp *in, value self)
{
    dtype_of t = of(self);
    if (t.dt == DT_object) return v_str(in, "dtype('O')");
    if (t.dt == DT_bytes)
        return v_obj(t.size ? str_fmt(in, "dtype('S%u')", t.size) : str_of(in, "dtype('S')"));
    char text[40];
    if (t.swapped || t.dt >= DT_datetime64 || t.unit == NOTE_ORDER) {
        dtype_str(t, text);
        return v_obj(str_fmt(in, "dtype('%s')", text));
    }
    strbuf b = {0};
    dtype_short_repr(t, &b);
    bool quoted = sb_text(&b)[0] == '\'';
    str *s =
        quoted ? str_fmt(in, "dtype(%s)", sb_text(&b)) : str_fmt(in, "dtype('%s')", sb_text(&b));
    sb_clear(&b);
    return v_obj(s);
}

static value dtype_tostr(interp *in, value self)
{
    char name[32];
    dtype_name(of(self), name);
    return v_str(in, name);
}

static bool dtype_same(dtype_of a, dtype_of b)
{
    return dtype_equal(a, b) && a.swapped == b.swapped;
}

static value dtype_compare(interp *in, enum cmpop op, value self, value other)
{
    dtype_of b = {.dt = DT_none};
    if (is_none(other)) b = dtype_plain(DT_float64);
    if (!to_dtype(in, other, &b)) {
        exc_clear(in);
        return op == OP_EQ || op == OP_NE ? v_bool(op == OP_NE) : NOTIMPL;
    }
    dtype_of a = of(self);
    bool same = dtype_same(a, b);
    switch (op) {
    case OP_EQ: return v_bool(same);
    case OP_NE: return v_bool(!same);
    case OP_LE: return v_bool(dtype_can_cast(a, b, 's'));
    case OP_LT: return v_bool(!same && dtype_can_cast(a, b, 's'));
    case OP_GE: return v_bool(dtype_can_cast(b, a, 's'));
    default: return v_bool(!same && dtype_can_cast(b, a, 's'));
    }
}

static bool dtype_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    dtype_of t = of(self);
    *out = ((uint64_t)t.dt << 40 | (uint64_t)(t.dt < DT_datetime64 ? 0 : t.unit) << 32 | t.size) *
           0x9e3779b97f4a7c15u;
    return true;
}

static value get_name(interp *in, const value *arg)
{
    char name[32];
    dtype_of t = of(arg[0]);
    if (t.dt == DT_str || t.dt == DT_bytes) {
        unsigned bits = t.size * 8;
        const char *base = t.dt == DT_str ? "str" : "bytes";
        return v_obj(bits ? str_fmt(in, "%s%u", base, bits) : str_of(in, base));
    }
    dtype_name(t, name);
    return v_str(in, name);
}

static value get_str(interp *in, const value *arg)
{
    char name[32];
    dtype_str(of(arg[0]), name);
    return v_str(in, name);
}

static value get_kind(interp *in, const value *arg)
{
    return v_obj(str_new(in, &dtypes[of(arg[0]).dt].kind, 1));
}

static value get_char(interp *in, const value *arg)
{
    return v_obj(str_new(in, &dtypes[of(arg[0]).dt].code, 1));
}

static value get_itemsize(interp *in, const value *arg)
{
    (void)in;
    dtype_of t = of(arg[0]);
    return v_int(t.dt == DT_object ? 8 : t.size); /* a pointer, in NumPy */
}

static value get_type(interp *in, const value *arg)
{
    (void)in;
    return v_type(scalar_type((enum dtype)of(arg[0]).dt));
}

static value get_num(interp *in, const value *arg)
{
    static const int8_t num[NDTYPE] = {
        [DT_bool] = 0,        [DT_int8] = 1,         [DT_uint8] = 2,    [DT_int16] = 3,
        [DT_uint16] = 4,      [DT_int32] = 5,        [DT_uint32] = 6,   [DT_int64] = 7,
        [DT_uint64] = 8,      [DT_float32] = 11,     [DT_float64] = 12, [DT_complex64] = 14,
        [DT_complex128] = 15, [DT_object] = 17,      [DT_bytes] = 18,   [DT_str] = 19,
        [DT_datetime64] = 21, [DT_timedelta64] = 22, [DT_float16] = 23};
    (void)in;
    return v_int(num[of(arg[0]).dt]);
}

static value get_byteorder(interp *in, const value *arg)
{
    dtype_of t = of(arg[0]);
    return v_str(in, t.swapped                                              ? ">"
                     : t.size <= 1 || t.dt == DT_bytes || t.dt == DT_object ? "|"
                                                                            : "=");
}

static value get_none(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

static value get_false(interp *in, const value *arg)
{
    return v_bool(of(arg[0]).dt == DT_object && in);
}

static value get_shape(interp *in, const value *arg)
{
    (void)arg;
    return v_obj(tuple_new(in, 0));
}

static value get_isnative(interp *in, const value *arg)
{
    (void)in;
    return v_bool(!of(arg[0]).swapped);
}

static value newbyteorder(interp *in, const value *arg)
{
    dtype_of t = of(arg[0]);
    str *s = as_str(arg[1]);
    char order = s && s->nbyte ? s->at[0] : 'S';
    t.swapped = order == '>' || order == 'B' || (order == 'S' && !t.swapped);
    return dtype_value(in, t);
}

static const builtin dtype_table[] = {
    {"@property name", get_name, "A bit-width name: 'float64'."},
    {"@property str", get_str, "The array-protocol code: '<f8'."},
    {"@property kind", get_kind, "One of 'biufcOSUMm'."},
    {"@property char", get_char, "One character for each type."},
    {"@property itemsize", get_itemsize, "Bytes of an element."},
    {"@property alignment", get_itemsize, "Bytes elements are aligned to."},
    {"@property type", get_type, "The scalar class."},
    {"@property num", get_num, "A number for each type."},
    {"@property byteorder", get_byteorder, "'=', '>' or '|'."},
    {"@property fields", get_none, "None: no structured types."},
    {"@property names", get_none, "None: no structured types."},
    {"@property subdtype", get_none, "None: no sub-array types."},
    {"@property hasobject", get_false, "Do elements refer to values of the language?"},
    {"@property shape", get_shape, "(): no sub-array types."},
    {"@property metadata", get_metadata, "What dtype(metadata=...) was given, or None."},
    {"@property isnative", get_isnative, "In the byte order of this machine?"},
    {"newbyteorder(self, new_order='S', /)", newbyteorder, "The type with another byte order."},
    {0},
};

static bool dtype_save(freezer *f, obj *o)
{
    freeze_bytes(f, &((dtype_obj *)(void *)o)->t, sizeof(dtype_of));
    return true;
}

static obj *dtype_load(thawer *t, const type *cls)
{
    dtype_of d;
    (void)cls;
    thaw_bytes(t, &d, sizeof d);
    if (d.dt >= NDTYPE) return NULL;
    return dtype_value(thawer_interp(t), d).o;
}

static const crossing dtype_cross = {dtype_save, dtype_load};

const type T_dtype = {
    TYPE_HEAD,
    .cross = &dtype_cross,
    .name = "dtype",
    .module = "numpy",
    .doc = "The type of an array's elements: dtype('float64').",
    .size = sizeof(dtype_obj),
    .flags = TYPE_IMMUTABLE,
    .table = dtype_table,
    .make = dtype_make,
    .repr = dtype_repr,
    .tostr = dtype_tostr,
    .compare = dtype_compare,
    .hash = dtype_hash,
};

static const type T_noted_dtype = {
    TYPE_HEAD,          .cross = &dtype_cross,       .name = "dtype",          .module = "numpy",
    .base = &T_dtype,   .size = sizeof(noted_dtype), .make = dtype_make,       .drop = noted_drop,
    .repr = dtype_repr, .tostr = dtype_tostr,        .compare = dtype_compare, .hash = dtype_hash,
};
