/* lang/ops.c - operators on values: arithmetic, comparison, truth, hash, and turning into text.
 *
 * Each goes through the slot of the operand's type; small ints and floats take a short way.
 * Where a slot is missing or gives NotImplemented, the TypeError is phrased here, in CPython's
 * words.  Items, iteration and attributes: lang/items.c, lang/attrs.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/alias.h"
#include "lang/types/dict_fast.h"
#include "lang/types/dunder.h"
#include "lang/types/klass.h"

// clang-format off
static const char *const op_symbol[NBINOP] = {
    [OP_ADD] = "+", [OP_SUB] = "-", [OP_MUL] = "*", [OP_TRUEDIV] = "/", [OP_FLOORDIV] = "//",
    [OP_MOD] = "%", [OP_POW] = "** or pow()", [OP_MATMUL] = "@", [OP_LSHIFT] = "<<",
    [OP_RSHIFT] = ">>", [OP_AND] = "&", [OP_OR] = "|", [OP_XOR] = "^", [OP_DIVMOD] = "divmod()",
};
static const char *const cmp_symbol[NCMPOP] = {
    [OP_LT] = "<", [OP_LE] = "<=", [OP_EQ] = "==", [OP_NE] = "!=", [OP_GT] = ">", [OP_GE] = ">=",
};
static const enum cmpop cmp_swapped[NCMPOP] = {
    [OP_LT] = OP_GT, [OP_LE] = OP_GE, [OP_EQ] = OP_EQ, [OP_NE] = OP_NE, [OP_GT] = OP_LT,
    [OP_GE] = OP_LE,
};
static const char *const unary_error[NUNOP] = { /* %s: the type */
    [OP_NEG] = "bad operand type for unary -: '%s'",
    [OP_POS] = "bad operand type for unary +: '%s'",
    [OP_INVERT] = "bad operand type for unary ~: '%s'",
    [OP_ABS] = "bad operand type for abs(): '%s'",
    [OP_INT] = "int() argument must be a string, a bytes-like object or a real number, not '%s'",
    [OP_FLOAT] = "float() argument must be a string or a real number, not '%s'",
    [OP_COMPLEX] = "complex() first argument must be a string or a number, not '%s'",
    [OP_INDEX] = "'%s' object cannot be interpreted as an integer",
    [OP_ROUND] = "type %s doesn't define __round__ method",
    [OP_TRUNC] = "type %s doesn't define __trunc__ method",
    [OP_FLOOR] = "type %s doesn't define __floor__ method",
    [OP_CEIL] = "type %s doesn't define __ceil__ method",
};
// clang-format on

const char *type_prefix(const type *t)
{
    static const char *const known[] = {"numpy.",     "collections.", "functools.",
                                        "itertools.", "_io.",         "operator.",
                                        "re.",        "datetime.",    "decimal."};
    if (t->flags & TYPE_HEAP) return ((const klass *)t)->prefix ? ((const klass *)t)->prefix : "";
    if (!t->module) return "";
    size_t n = strlen(t->module);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(known[i], t->module, n) && known[i][n] == '.' && !known[i][n + 1])
            return known[i];
    return "";
}

const char *type_said(interp *in, value v)
{
    const type *t = type_of(in, v);
    const char *prefix = type_prefix(t);
    if (!*prefix) return t->name;
    char text[200];
    snprintf(text, sizeof text, "%s%s", prefix, t->name);
    str *s = str_intern(in, text, strlen(text)); /* the interpreter keeps it */
    const char *at = s ? s->at : t->name;
    obj_unref(in, s);
    return at;
}

/* ---- identity and truth ---- */

bool value_same(value a, value b)
{
    return a.kind == b.kind && (a.kind == V_NONE || (a.i == b.i && a.aux == b.aux));
}

int value_truth(interp *in, value v)
{
    switch (v.kind) {
    case V_NONE: return 0;
    case V_BOOL:
    case V_INT: return v.i != 0;
    case V_FLOAT: return v.f != 0;
    case V_FAIL: return -1;
    default: break;
    }
    const type *t = type_of(in, v);
    if (t->truth) return t->truth(in, v);
    if (!t->length) return 1;
    int64_t n = t->length(in, v);
    return n < 0 ? -1 : n != 0;
}

/* ---- arithmetic ---- */

static const int64_t EXACT = (int64_t)1 << 53;

static bool int_fast(enum binop op, int64_t a, int64_t b, value *out)
{
    int64_t r;
    switch (op) {
    case OP_ADD:
        if (__builtin_add_overflow(a, b, &r)) return false;
        break;
    case OP_SUB:
        if (__builtin_sub_overflow(a, b, &r)) return false;
        break;
    case OP_MUL:
        if (__builtin_mul_overflow(a, b, &r)) return false;
        break;
    case OP_AND: r = a & b; break;
    case OP_OR: r = a | b; break;
    case OP_XOR: r = a ^ b; break;
    case OP_FLOORDIV:
        if (b <= 0) return false;
        r = a / b - (a % b < 0);
        break;
    case OP_MOD:
        if (b <= 0) return false;
        r = a % b;
        if (r < 0) r += b;
        break;
    case OP_LSHIFT:
        if (b < 0 || b > 62) return false;
        r = (int64_t)((uint64_t)a << b);
        if (r >> b != a) return false;
        break;
    case OP_RSHIFT:
        if (b < 0) return false;
        r = a >> (b < 63 ? b : 63);
        break;
    case OP_TRUEDIV: /* both are floats exactly: rounded once */
        if (b == 0 || a > EXACT || a < -EXACT || b > EXACT || b < -EXACT) return false;
        *out = v_float((double)a / (double)b);
        return true;
    default: return false;
    }
    *out = v_int(r);
    return true;
}

static inline bool is_small_int(value v) /* bool counts */
{
    return v.kind == V_INT || v.kind == V_BOOL;
}

static bool float_fast(enum binop op, double a, double b, value *out)
{
    switch (op) {
    case OP_ADD: *out = v_float(a + b); return true;
    case OP_SUB: *out = v_float(a - b); return true;
    case OP_MUL: *out = v_float(a * b); return true;
    case OP_TRUEDIV:
        if (b == 0) return false;
        *out = v_float(a / b);
        return true;
    default: return false;
    }
}

/* The short way for small numbers; bit operations on two bools are another matter. */
static inline bool number_fast(enum binop op, value a, value b, value *r)
{
    if (is_small_int(a) && is_small_int(b)) {
        bool bits = op == OP_AND || op == OP_OR || op == OP_XOR;
        return !(bits && a.kind == V_BOOL && b.kind == V_BOOL) && int_fast(op, a.i, b.i, r);
    }
    if (a.kind == V_FLOAT && b.kind == V_FLOAT) return float_fast(op, a.f, b.f, r);
    if (a.kind == V_FLOAT && b.kind == V_INT) return float_fast(op, a.f, (double)b.i, r);
    return a.kind == V_INT && b.kind == V_FLOAT && float_fast(op, (double)a.i, b.f, r);
}

/* Is it a sequence that + joins and * repeats? Gives the name that messages use. */
static const char *sequence_name(value v)
{
    static const type *const builtin_types[] = {&T_list, &T_tuple, &T_str, &T_bytes, &T_bytearray};
    if (v.kind != V_OBJ) return NULL;
    for (size_t i = 0; i < sizeof builtin_types / sizeof *builtin_types; i++)
        if (obj_isa(v.o, builtin_types[i])) return v.o->type->name;
    return !strcmp(v.o->type->name, "deque") ? "deque" : NULL;
}

static value unsupported(interp *in, enum binop op, bool inplace, value a, value b)
{
    const type *x = type_of(in, a), *y = type_of(in, b);
    const char *ta = x->name, *tb = y->name, *seq;
    if (op == OP_ADD && (seq = sequence_name(a))) {
        if (obj_isa(a.o, &T_bytes) || obj_isa(a.o, &T_bytearray))
            return throw(in, TypeError, "can't concat %s to %s", tb, ta);
        return throw(in, TypeError, "can only concatenate %s (not \"" TYPE_FMT "\") to %s", seq,
                     TYPE_ARG(y), seq);
    }
    if (op == OP_MUL && sequence_name(a))
        return throw(in, TypeError, "can't multiply sequence by non-int of type '" TYPE_FMT "'",
                     TYPE_ARG(y));
    if (op == OP_MUL && sequence_name(b))
        return throw(in, TypeError, "can't multiply sequence by non-int of type '" TYPE_FMT "'",
                     TYPE_ARG(x));
    const char *symbol = inplace && op == OP_POW ? "**" : op_symbol[op];
    return throw(in, TypeError,
                 "unsupported operand type(s) for %s%s: '" TYPE_FMT "' and '" TYPE_FMT "'", symbol,
                 inplace ? "=" : "", TYPE_ARG(x), TYPE_ARG(y));
}

/* NotImplemented (owned) when neither side knows. */
static value binary_try(interp *in, enum binop op, value a, value b)
{
    const type *ta = type_of(in, a), *tb = type_of(in, b);
    value r = value_ref(NOTIMPL);
    bool second = tb->binary && tb->binary != ta->binary;
    if (second && ta != tb && type_is_sub(tb, ta)) {
        r = tb->binary(in, op, a, b);
        if (!is_notimpl(r)) return r;
        second = false;
    }
    if (ta->binary) r = ta->binary(in, op, a, b);
    if (is_notimpl(r) && second) r = tb->binary(in, op, a, b);
    if (is_notimpl(r) && op == OP_OR && alias_operand(a) && alias_operand(b))
        return union_of(in, a, b);
    return r;
}

value value_binary(interp *in, enum binop op, value a, value b)
{
    value r;
    if (number_fast(op, a, b, &r)) return r;
    const bool ints = (a.kind == V_INT || is_bigint(a)) && (b.kind == V_INT || is_bigint(b));
    r = ints ? int_arith(in, op, a, b) : binary_try(in, op, a, b);
    return is_notimpl(r) ? unsupported(in, op, false, a, b) : r;
}

value value_binary_spent(interp *in, enum binop op, value a, value b, unsigned spent)
{
    for (unsigned side = 0; side < 2; side++) {
        value v = side ? b : a;
        if (!(spent >> side & 1) || v.kind != V_OBJ || v.o->rc != 1 || !v.o->type->reuse) continue;
        value r = v.o->type->reuse(in, op, a, b, v);
        if (!is_notimpl(r)) return r;
        value_unref(in, r);
    }
    return value_binary(in, op, a, b);
}

static bool all_quiet(const value *at, int64_t n, int depth)
{
    enum { MOST = 1000 };
    bool yes = n <= MOST;
    for (int64_t i = 0; yes && i < n; i++) yes = at[i].kind != V_OBJ || value_quiet(at[i], depth);
    return yes;
}

/* An instance of a user class that is TYPE_QUIET: its attributes. */
static bool head_quiet(const dict_head *h, int depth)
{
    bool yes = !h->weak;
    value k, v;
    for (int64_t i = 0; yes && h->dict && dict_next(h->dict, &i, &k, &v);)
        yes = value_quiet(v, depth);
    return yes;
}

bool value_quiet(value v, int depth)
{
    if (v.kind != V_OBJ) return true;
    if (!depth--) return false;
    const type *t = v.o->type;
    if (t == &T_list) return all_quiet(((list *)(void *)v.o)->at, ((list *)(void *)v.o)->n, depth);
    if (t == &T_tuple)
        return all_quiet(((tuple *)(void *)v.o)->at, ((tuple *)(void *)v.o)->n, depth);
    if (!(t->flags & TYPE_QUIET)) return t->flags & TYPE_IMMUTABLE;
    if (v.o->flags & OBJ_DICT && !head_quiet(obj_head(v.o), depth)) return false;
    return !t->quiet || t->quiet(v.o, depth);
}

value value_inplace(interp *in, enum binop op, value a, value b)
{
    value r;
    if (number_fast(op, a, b, &r)) return r;
    const type *t = type_of(in, a);
    if (t->inplace) {
        r = t->inplace(in, op, a, b);
        if (!is_notimpl(r)) return r;
    }
    r = binary_try(in, op, a, b);
    return is_notimpl(r) ? unsupported(in, op, true, a, b) : r;
}

value value_unary(interp *in, enum unop op, value a)
{
    if (a.kind == V_INT && (op == OP_POS || op == OP_INDEX || op == OP_INT)) return a;
    if (a.kind == V_INT && op == OP_NEG && a.i != INT64_MIN) return v_int(-a.i);
    if (a.kind == V_FLOAT && op == OP_NEG) return v_float(-a.f);
    if (a.kind == V_INT && op == OP_ABS && a.i != INT64_MIN) return v_int(a.i < 0 ? -a.i : a.i);
    if (a.kind == V_FLOAT && op == OP_ABS) return v_float(fabs(a.f));
    const type *t = type_of(in, a);
    value r = t->unary ? t->unary(in, op, a) : value_ref(NOTIMPL);
    if (!is_notimpl(r)) return r;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return throw(in, TypeError, unary_error[op], type_said(in, a));
#pragma GCC diagnostic pop
}

/* ---- comparison ---- */

#define COMPARE(op, x, y)                                                                          \
    (op == OP_LT   ? (x) < (y)                                                                     \
     : op == OP_LE ? (x) <= (y)                                                                    \
     : op == OP_EQ ? (x) == (y)                                                                    \
     : op == OP_NE ? (x) != (y)                                                                    \
     : op == OP_GT ? (x) > (y)                                                                     \
                   : (x) >= (y))

value value_compare(interp *in, enum cmpop op, value a, value b)
{
    if (a.kind == V_INT && b.kind == V_INT) return v_bool(COMPARE(op, a.i, b.i));
    if (a.kind == V_FLOAT && b.kind == V_FLOAT) return v_bool(COMPARE(op, a.f, b.f));
    const type *ta = type_of(in, a), *tb = type_of(in, b);
    value r = value_ref(NOTIMPL);
    bool second = tb->compare;
    if (second && ta != tb && type_is_sub(tb, ta)) {
        r = tb->compare(in, cmp_swapped[op], b, a);
        if (!is_notimpl(r)) return r;
        second = false;
    }
    if (ta->compare) r = ta->compare(in, op, a, b);
    if (is_notimpl(r) && second) r = tb->compare(in, cmp_swapped[op], b, a);
    if (!is_notimpl(r)) return r;
    if (op == OP_EQ || op == OP_NE) return v_bool(value_same(a, b) == (op == OP_EQ));
    return throw(in, TypeError,
                 "'%s' not supported between instances of '" TYPE_FMT "' and '" TYPE_FMT "'",
                 cmp_symbol[op], TYPE_ARG(ta), TYPE_ARG(tb));
}

int value_eq(interp *in, value a, value b)
{
    if (value_same(a, b)) return 1;
    if (a.kind == V_INT && b.kind == V_INT) return 0;
    if (a.kind == V_OBJ && b.kind == V_OBJ && a.o->type == &T_str && b.o->type == &T_str)
        return str_eq((str *)a.o, (str *)b.o);
    value r = value_compare(in, OP_EQ, a, b);
    if (r.kind == V_BOOL) return r.i != 0;
    int t = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return t;
}

/* ---- hash ---- */

static uint64_t hash_address(const void *p)
{
    uint64_t u = (uint64_t)(uintptr_t)p;
    return u >> 4 | u << 60;
}

bool value_hash(interp *in, value v, uint64_t *out)
{
    if (v.kind == V_INT || v.kind == V_BOOL)
        *out = int_hash(v.i);
    else if (v.kind == V_OBJ && v.o->type == &T_str)
        *out = str_hash((str *)v.o);
    else {
        const type *t = type_of(in, v);
        if (t->hash) {
            if (!t->hash(in, v, out)) return false;
        } else if (t->compare) {
            throw(in, TypeError, "unhashable type: '" TYPE_FMT "'", TYPE_ARG(t));
            return false;
        } else
            *out = v.kind == V_OBJ ? hash_address(v.o) : v.bits + v.kind;
    }
    if (*out == UINT64_MAX) *out = UINT64_MAX - 1;
    return true;
}

/* ---- text ---- */

/* r, the result of a text slot, as a str; else TypeError "__repr__ returned non-string". */
static str *check_text(interp *in, value r, const char *method)
{
    if (is_fail(r)) return NULL;
    str *s = as_str(r);
    if (s) return s;
    throw(in, TypeError, "%s returned non-string (type %s)", method, type_of(in, r)->name);
    value_unref(in, r);
    return NULL;
}

static str *small_int_text(interp *in, int64_t i)
{
    char digits[INT_TEXT];
    size_t n = int64_digits(i, 10, digits);
    if (n == 1) return str_char(in, (uint32_t)digits[0]);
    str *s = str_alloc(in, n, n);
    if (s) memcpy(s->at, digits, n);
    return s;
}

str *value_repr(interp *in, value v)
{
    if (safe_point_due(in) && !check_interrupt(in)) return NULL;
    if (v.kind == V_INT) return small_int_text(in, v.i);
    const type *t = type_of(in, v);
    if (!check_depth(in, "while getting the repr of an object")) return NULL;
    return check_text(in, t->repr ? t->repr(in, v) : object_repr(in, v), "__repr__");
}

str *value_str(interp *in, value v)
{
    if (v.kind == V_INT) return small_int_text(in, v.i);
    const type *t = type_of(in, v);
    if (t == &T_str) return obj_ref((str *)v.o);
    if (!t->tostr) return value_repr(in, v);
    return check_stack(in) ? check_text(in, t->tostr(in, v), "__str__") : NULL;
}

str *value_format(interp *in, value v, str *spec)
{
    const type *t = type_of(in, v);
    if (t->format) {
        value r = t->format(in, v, spec);
        if (is_fail(r) || as_str(r)) return as_str(r);
        throw(in, TypeError, "__format__ must return a str, not %s", type_of(in, r)->name);
        value_unref(in, r);
        return NULL;
    }
    if (!spec || !spec->nbyte) return value_str(in, v);
    return THROW0(in, TypeError, "unsupported format string passed to %s.__format__",
                  type_said(in, v));
}
