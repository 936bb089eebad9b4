/* lang/types/int.c - int and bool: conversions, slots, methods.  Arithmetic is in intarith.c. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/dunder.h"
#include "lang/lang.h"
#include "lang/textfmt.h"
#include "lang/types/bytes.h"

static const uint64_t HASH_MOD = (1ull << 61) - 1;

/* ---- what counts as an int ---- */

bool int_plain(value v, value *out)
{
    if (v.kind == V_INT) return *out = v, true;
    if (v.kind == V_BOOL) return *out = v_int(v.i), true;
    if (v.kind != V_OBJ) return false;
    if (v.o->type == &T_int) return *out = v, true;
    if (!obj_isa(v.o, &T_int)) return false;
    *out = ((boxed *)v.o)->v;
    return true;
}

bool is_int(value v)
{
    return v.kind == V_INT || v.kind == V_BOOL || as_obj(v, &T_int);
}

int int_index(interp *in, value v, value *out)
{
    if (int_plain(v, out)) return value_ref(*out), 1;
    if (v.kind != V_SCALAR && v.kind != V_OBJ) return 0;
    const type *t = type_of(in, v);
    if (!t->unary) return 0;
    value r = t->unary(in, OP_INDEX, v);
    if (is_fail(r)) return -1;
    if (is_notimpl(r)) return value_unref(in, r), 0;
    if (!int_plain(r, out)) {
        throw(in, TypeError, "__index__ returned non-int (type %s)", type_said(in, r));
        value_unref(in, r);
        return -1;
    }
    value_ref(*out);
    value_unref(in, r);
    return 1;
}

static bool not_an_index(interp *in, value v)
{
    throw(in, TypeError, "'%s' object cannot be interpreted as an integer", type_said(in, v));
    return false;
}

/* index_of as an int64.  big NO_ERR: clamp what does not fit, else that error, naming the type. */
static int index_to(interp *in, value v, int64_t *out, enum err_kind big, const char *why)
{
    if (v.kind == V_INT || v.kind == V_BOOL) return *out = v.i, 1;
    value n;
    int found = int_index(in, v, &n);
    if (found <= 0) return found;
    if (n.kind == V_INT)
        *out = n.i;
    else if (big == NO_ERR)
        *out = int_sign(n) < 0 ? INT64_MIN : INT64_MAX;
    else {
        throw(in, big, why, type_said(in, v));
        found = -1;
    }
    value_unref(in, n);
    return found;
}

static const char NO_FIT[] = "cannot fit '%s' into an index-sized integer",
                  TOO_LARGE[] = "Python %s too large to convert to C ssize_t";

static bool index_or_throw(interp *in, value v, int found)
{
    if (found == 0) not_an_index(in, v);
    return found > 0;
}

bool to_int64(interp *in, value v, int64_t *out)
{
    return index_or_throw(in, v, index_to(in, v, out, OverflowError, TOO_LARGE));
}

bool to_index_clamped(interp *in, value v, int64_t *out)
{
    return index_or_throw(in, v, index_to(in, v, out, NO_ERR, NULL));
}

bool to_slice_index(interp *in, value v, int64_t *out)
{
    int found = index_to(in, v, out, NO_ERR, NULL);
    if (!found) {
        throw(in, TypeError, "slice indices must be integers or None or have an __index__ method");
    }
    return found > 0;
}

int repeat_count(interp *in, value v, int64_t *out)
{
    if (v.kind == V_OBJ && !is_int(v) && !(v.o->type->flags & TYPE_HEAP)) return 0;
    return index_to(in, v, out, OverflowError, NO_FIT);
}

bool to_mpz(interp *in, value v, mpz_t out)
{
    value n;
    int found = int_index(in, v, &n);
    if (found <= 0) return found < 0 ? false : not_an_index(in, v);
    intview w;
    mpz_set(out, intview_of(&w, n));
    value_unref(in, n);
    return true;
}

/* ---- slots ---- */

static value self_int(value self)
{
    value n = FAIL;
    int_plain(self, &n);
    return n;
}

static bool int_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    value n = self_int(self);
    uint64_t h;
    if (n.kind == V_INT) {
        h = (n.i < 0 ? -(uint64_t)n.i : (uint64_t)n.i) % HASH_MOD;
    } else {
        mpz_srcptr z = ((bigint *)n.o)->z;
        h = mpz_fdiv_ui(z, HASH_MOD);
        if (mpz_sgn(z) < 0 && h) h = HASH_MOD - h;
    }
    if (int_sign(n) < 0) h = -h;
    *out = h == (uint64_t)-1 ? (uint64_t)-2 : h;
    return true;
}

static int int_truth(interp *in, value self)
{
    (void)in;
    return int_sign(self_int(self)) != 0;
}

static value int_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    value a = self_int(self), b;
    if (!int_plain(other, &b)) return value_ref(NOTIMPL);
    int c = int_cmp(a, b);
    const bool is[NCMPOP] = {
        [OP_LT] = c<0, [OP_LE] = c <= 0, [OP_EQ] = c == 0, [OP_NE] = c != 0, [OP_GT] = c> 0,
        [OP_GE] = c >= 0,
    };
    return v_bool(is[op]);
}

static value bit_logic(enum binop op, int64_t x, int64_t y)
{
    return v_bool(op == OP_AND ? x & y : op == OP_OR ? x | y : x ^ y);
}

static value int_binary(interp *in, enum binop op, value a, value b)
{
    value x, y;
    if (a.kind == V_BOOL && b.kind == V_BOOL && (op == OP_AND || op == OP_OR || op == OP_XOR)) {
        return bit_logic(op, a.i, b.i);
    }
    if (!int_plain(a, &x) || !int_plain(b, &y)) return value_ref(NOTIMPL);
    return int_arith(in, op, x, y);
}

static value int_abs_neg(interp *in, value n)
{
    if (n.kind == V_INT && n.i != INT64_MIN) return v_int(-n.i);
    return int_arith(in, OP_SUB, v_int(0), n);
}

static value int_unary(interp *in, enum unop op, value self)
{
    value n = self_int(self);
    double d;
    switch (op) {
    case OP_NEG: return int_abs_neg(in, n);
    case OP_ABS: return int_sign(n) < 0 ? int_abs_neg(in, n) : value_ref(n);
    case OP_INVERT: return int_arith(in, OP_SUB, v_int(-1), n);
    case OP_COMPLEX:
    case OP_FLOAT:
        if (!int_to_double(n, &d)) {
            return throw(in, OverflowError, "int too large to convert to float");
        }
        return op == OP_FLOAT ? v_float(d) : v_complex(in, d, 0);
    default: return value_ref(n); /* the conversions to int */
    }
}

static value int_repr(interp *in, value self)
{
    char *s = int_digits(in, self_int(self), 10);
    return s ? v_obj(str_take(in, s, strlen(s))) : FAIL;
}

static void int_drop(interp *in, obj *o)
{
    if (o->type == &T_int) {
        if (((bigint *)o)->z->_mp_alloc) mpz_clear(((bigint *)o)->z);
    } else
        value_unref(in, ((boxed *)o)->v);
}

/* ---- int(...) ---- */

static value no_int(interp *in, value v)
{
    return throw(in, TypeError,
                 "int() argument must be a string, a bytes-like object or a real number, not '%s'",
                 type_said(in, v));
}

static value from_text(interp *in, value v, int base)
{
    if (as_str(v)) return int_from_text(in, as_str(v), base);
    const char *at;
    size_t n;
    if (!(at = bytes_peek(v, &n))) return FAIL;
    str *s = str_from_latin1(in, at, n);
    if (!s) return FAIL;
    value out = int_from_text(in, s, base);
    obj_unref(in, s);
    if (is_fail(out) && exc_is(in, ValueError)) { /* the message shows the bytes */
        str *shown = value_repr(in, v);
        exc_clear(in);
        if (shown) {
            throw(in, ValueError, "invalid literal for int() with base %d: %s", base, shown->at);
        }
        obj_unref(in, shown);
    }
    return out;
}

static value from_number(interp *in, value v)
{
    static const enum unop way[] = {OP_INT, OP_INDEX, OP_TRUNC};
    const type *t = type_of(in, v);
    for (int i = 0; t->unary && i < 3; i++) {
        value r = t->unary(in, way[i], v), n;
        if (is_fail(r)) return FAIL;
        bool ok = int_plain(r, &n);
        if (ok)
            value_ref(n);
        else if (!is_notimpl(r)) {
            throw(in, TypeError, "__int__ returned non-int (type %s)", type_said(in, r));
        }
        value_unref(in, r);
        if (ok) return n;
        if (throwing(in)) return FAIL;
    }
    return no_int(in, v);
}

static value int_of(interp *in, value v, value base)
{
    value n;
    const char *at;
    size_t len;
    bool text = as_str(v) || (at = bytes_peek(v, &len));
    if (is_fail(base)) {
        if (v.kind != V_OBJ && int_plain(v, &n)) return n;
        if (text) return from_text(in, v, 10);
        return from_number(in, v);
    }
    int64_t b;
    if (!to_int64(in, base, &b)) return FAIL;
    if (!text) return throw(in, TypeError, "int() can't convert non-string with explicit base");
    if (b != 0 && (b < 2 || b > 36)) {
        return throw(in, ValueError, "int() base must be >= 2 and <= 36, or 0");
    }
    return from_text(in, v, (int)b);
}

static value box(interp *in, const type *cls, value v) /* takes v */
{
    if (is_fail(v) || cls == &T_int) return v;
    boxed *b = obj_new(in, cls, 0);
    if (b)
        b->v = v;
    else
        value_unref(in, v);
    return v_obj(b);
}

static value int_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (npos == 0 && !kwnames) return box(in, cls, v_int(0));
    if (npos == 1 && !kwnames) return box(in, cls, int_of(in, arg[0], FAIL));
    if (npos > 2) {
        return throw(in, TypeError, "int() takes at most 2 arguments (%zu given)", npos);
    }
    value v[2];
    if (!args_bind(in, "int(x=<unset>, /, base=<unset>)", arg, npos, kwnames, v, 2)) return FAIL;
    value out = is_fail(v[0]) ? throw(in, TypeError, "int() missing string argument")
                              : int_of(in, v[0], v[1]);
    args_clear(in, v, 2);
    return box(in, cls, out);
}

/* ---- methods ---- */

static value bit_length(interp *in, const value *arg)
{
    (void)in;
    value n = self_int(arg[0]);
    intview w;
    return v_int(int_sign(n) ? (int64_t)mpz_sizeinbase(intview_of(&w, n), 2) : 0);
}

static value bit_count(interp *in, const value *arg)
{
    (void)in;
    value n = self_int(arg[0]);
    if (n.kind == V_INT) {
        return v_int(__builtin_popcountll(n.i < 0 ? -(uint64_t)n.i : (uint64_t)n.i));
    }
    mpz_srcptr z = ((bigint *)n.o)->z;
    return v_int((int64_t)mpn_popcount(mpz_limbs_read(z), (mp_size_t)mpz_size(z)));
}

static value conjugate(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_int(arg[0]));
}

static value zero(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(0);
}

static value one(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(1);
}

static value as_integer_ratio(interp *in, const value *arg)
{
    return v_obj(tuple_pack(in, 2, value_ref(self_int(arg[0])), v_int(1)));
}

static bool byte_order(interp *in, value v, bool *big)
{
    str *s = as_str(v);
    if (!s) {
        throw(in, TypeError, "argument 'byteorder' must be str, not %s", type_said(in, v));
        return false;
    }
    *big = str_is(s, "big");
    if (*big || str_is(s, "little")) return true;
    throw(in, ValueError, "byteorder must be either 'little' or 'big'");
    return false;
}

static value to_bytes(interp *in, const value *arg)
{
    value n = self_int(arg[0]);
    int64_t len;
    bool big;
    if (!to_int64(in, arg[1], &len) || !byte_order(in, arg[2], &big)) return FAIL;
    int is_signed = value_truth(in, arg[3]);
    if (is_signed < 0) return FAIL;
    if (len < 0) return throw(in, ValueError, "length argument must be non-negative");
    if (int_sign(n) < 0 && !is_signed) {
        return throw(in, OverflowError, "can't convert negative int to unsigned");
    }
    intview w;
    mpz_t t, other;
    bool negative = int_sign(n) < 0;
    mpz_init(other);
    if (negative) mpz_com(other, intview_of(&w, n)); /* its bits, without the sign */
    *t = negative ? *other : *intview_of(&w, n);
    size_t bits = mpz_sgn(t) ? mpz_sizeinbase(t, 2) : 0;
    bytes *out = NULL;
    if (bits + (is_signed != 0) > (size_t)len * 8 && !(bits == 0 && !negative)) {
        throw(in, OverflowError, "int too big to convert");
    } else if ((out = bytes_new(in, NULL, (size_t)len))) {
        size_t used = 0;
        char *at = out->at;
        mpz_export(big ? at + len - (bits + 7) / 8 : at, &used, big ? 1 : -1, 1, 0, 0, t);
        for (int64_t i = 0; negative && i < len; i++) at[i] = (char)~at[i];
    }
    mpz_clear(other);
    return v_obj(out);
}

static value from_bytes(interp *in, const value *arg)
{
    bool big;
    if (!byte_order(in, arg[2], &big)) return FAIL;
    int is_signed = value_truth(in, arg[3]);
    if (is_signed < 0) return FAIL;
    bytes *b = bytes_of(in, arg[1]);
    if (!b) return FAIL;
    mpz_t t;
    mpz_init(t);
    mpz_import(t, b->n, big ? 1 : -1, 1, 0, 0, b->at);
    bool negative = is_signed && b->n && ((unsigned char)b->at[big ? 0 : b->n - 1] & 0x80);
    if (negative) {
        mpz_t all;
        mpz_init(all);
        mpz_setbit(all, b->n * 8);
        mpz_sub(t, t, all);
        mpz_clear(all);
    }
    value out = int_from_mpz(in, t);
    mpz_clear(t);
    obj_unref(in, b);
    const type *cls = as_type(arg[0]);
    if (is_fail(out) || cls == &T_int) return out;
    value made = call_n(in, arg[0], 1, out);
    value_unref(in, out);
    return made;
}

static value round_method(interp *in, const value *arg)
{
    value n = self_int(arg[0]);
    if (is_fail(arg[1]) || is_none(arg[1])) return value_ref(n);
    return int_round(in, n, arg[1]);
}

static value pow_method(interp *in, const value *arg)
{
    value a = self_int(arg[0]), b, m;
    if (!int_plain(arg[1], &b)) return value_ref(NOTIMPL);
    if (is_none(arg[2])) return int_arith(in, OP_POW, a, b);
    if (!int_plain(arg[2], &m)) return value_ref(NOTIMPL);
    return int_pow_mod(in, a, b, m);
}

static value sizeof_method(interp *in, const value *arg)
{
    (void)in;
    value n = self_int(arg[0]);
    intview w;
    size_t bits = int_sign(n) ? mpz_sizeinbase(intview_of(&w, n), 2) : 0;
    return v_int((int64_t)(24 + 4 * (bits ? (bits + 29) / 30 : 0)));
}

static value newargs(interp *in, const value *arg)
{
    return newargs_of(in, &T_int, arg[0]);
}

static const builtin int_table[] = {
    {"__getnewargs__(self, /)", newargs, NULL},
    {"bit_length(self, /)", bit_length, "How many bits the number has, its sign not counted."},
    {"bit_count(self, /)", bit_count, "How many bits of the absolute value are 1."},
    {"conjugate(self, /)", conjugate, "The int itself."},
    {"as_integer_ratio(self, /)", as_integer_ratio, "The int and 1."},
    {"to_bytes(self, /, length=1, byteorder='big', *, signed=False)", to_bytes,
     "The int as so many bytes, first or last byte highest."},
    {"@classmethod from_bytes(cls, /, bytes, byteorder='big', *, signed=False)", from_bytes,
     "The int that these bytes make up."},
    {"__round__(self, ndigits=<unset>, /)", round_method,
     "Rounding an Integral returns itself, with an ndigits argument an integer."},
    {"__pow__(self, value, mod=None, /)", pow_method, "self ** value, modulo mod if given."},
    {"__sizeof__(self, /)", sizeof_method, "How many bytes it takes up."},
    {"@property real", conjugate, "the number without its imaginary part"},
    {"@property imag", zero, "what stands before the j"},
    {"@property numerator", conjugate, "The int itself."},
    {"@property denominator", one, "1: an int is a ratio with 1 below."},
    {0},
};

const type T_int = {
    TYPE_HEAD,
    .name = "int",
    .module = "builtins",
    .doc = "A whole number: of a number, whose fraction is dropped, or of a text, written in the "
           "base.",
    .size = sizeof(bigint) > sizeof(boxed) ? sizeof(bigint) : sizeof(boxed),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .table = int_table,
    .drop = int_drop,
    .make = int_make,
    .repr = int_repr,
    .format = text_format_int,
    .hash = int_hash,
    .truth = int_truth,
    .compare = int_compare,
    .unary = int_unary,
    .binary = int_binary,
};

/* ---- bool ---- */

static value bool_repr(interp *in, value self)
{
    return v_str(in, self.i ? "True" : "False");
}

static value bool_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    if (kwnames) return throw(in, TypeError, "bool() takes no keyword arguments");
    if (npos > 1) {
        return throw(in, TypeError, "bool expected at most 1 argument, got %zu", npos);
    }
    int t = npos ? value_truth(in, arg[0]) : 0;
    return t < 0 ? FAIL : v_bool(t);
}

const type T_bool = {
    TYPE_HEAD,
    .name = "bool",
    .module = "builtins",
    .doc = "True or False: the truth of x.",
    .base = &T_int,
    .size = sizeof(boxed),
    .flags = TYPE_IMMUTABLE,
    .make = bool_make,
    .repr = bool_repr,
    .format = text_format_bool,
    .hash = int_hash,
    .truth = int_truth,
    .compare = int_compare,
    .unary = int_unary,
    .binary = int_binary,
};
