/* stdlib/decimal/decimal.c - the type decimal.Decimal: its operators and methods.
 *
 * Each takes numbers out of its arguments, applies an operation by the rules of a context and
 * gives a new object; the context then learns what was signaled. */
#include <string.h>

#include "engine/base/str.h"
#include "lang/freeze.h"
#include "stdlib/decimal/decimal.h"

static const num *self_num(const value *arg)
{
    return &((const decimal *)(const void *)arg[0].o)->v;
}

decimal *decimal_new(interp *in, const type *cls)
{
    decimal *d = obj_new(in, cls, 0);
    if (d) num_init(&d->v);
    return d;
}

static void decimal_drop(interp *in, obj *o)
{
    (void)in;
    num_clear(&((decimal *)(void *)o)->v);
}

/* ---- operands ---- */

const num *decimal_operand(interp *in, value v, num *own)
{
    decimal *d = as_decimal(v);
    value plain;
    if (d) return &d->v;
    if (!int_plain(v, &plain)) return NULL;
    if (plain.kind != V_OBJ) {
        num_set(own, plain.i < 0, plain.i < 0 ? -(uint64_t)plain.i : (uint64_t)plain.i, 0);
        return own;
    }
    rules r = rules_widest;
    intview view;
    if (num_set_mpz(own, intview_of(&view, plain), &r)) return own;
    throw_nomem(in);
    return NULL;
}

const num *check_operand(interp *in, value v, num *own)
{
    const num *x = decimal_operand(in, v, own);
    if (!x && !throwing(in))
        throw(in, TypeError, "conversion from %s to Decimal is not supported", type_said(in, v));
    return x;
}

/* Takes d: it, or nothing when the context raises what was signaled. */
static value settled(interp *in, context *x, decimal *d, unsigned status)
{
    if (!status || context_settle(in, x, status)) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

value decimal_apply(interp *in, context *x, num_op *f, const num *a, const num *b, const num *c)
{
    decimal *d = decimal_new(in, &T_decimal);
    if (!d) return FAIL;
    rules r = x->r;
    r.status = 0;
    if (num_call(in, f, &d->v, a, b, c, &r)) return settled(in, x, d, r.status);
    obj_unref(in, d);
    return FAIL;
}

static value copy_of(interp *in, const num *a)
{
    rules r = rules_widest;
    decimal *d = decimal_new(in, &T_decimal);
    if (d) num_copy(&d->v, a, &r);
    return v_obj(d);
}

/* ---- operators ---- */

num_op *decimal_operator(enum binop op)
{
    static num_op *const ops[NBINOP] = {
        [OP_ADD] = num_add,           [OP_SUB] = num_subtract,        [OP_MUL] = num_multiply,
        [OP_TRUEDIV] = num_divide_by, [OP_FLOORDIV] = num_divide_int, [OP_MOD] = num_remainder,
        [OP_POW] = num_power,
    };
    return ops[op];
}

static value divmod_of(interp *in, context *x, const num *a, const num *b)
{
    decimal *q = decimal_new(in, &T_decimal), *rest = decimal_new(in, &T_decimal);
    rules r = x->r;
    r.status = 0;
    if (q && rest) num_divmod(&q->v, &rest->v, a, b, &r);
    if (!q || !rest || !context_settle(in, x, r.status)) {
        obj_unref(in, q);
        obj_unref(in, rest);
        return FAIL;
    }
    return v_obj(tuple_pack(in, 2, v_obj(q), v_obj(rest)));
}

value decimal_binary(interp *in, enum binop op, value a, value b)
{
    num_op *f = decimal_operator(op);
    if (f && a.kind == V_OBJ && a.o->type == &T_decimal && b.kind == V_OBJ &&
        b.o->type == &T_decimal) { /* nearly always */
        context *x = context_current(in);
        return x ? decimal_apply(in, x, f, self_num(&a), self_num(&b), NULL) : FAIL;
    }
    if (!f && op != OP_DIVMOD) return value_ref(NOTIMPL);
    num own_a, own_b;
    num_init(&own_a);
    num_init(&own_b);
    const num *x = decimal_operand(in, a, &own_a), *y = NULL;
    if (x) y = decimal_operand(in, b, &own_b);
    context *rules_of = y ? context_current(in) : NULL;
    value v = throwing(in) ? FAIL : value_ref(NOTIMPL);
    if (rules_of && f)
        v = decimal_apply(in, rules_of, f, x, y, NULL);
    else if (rules_of)
        v = divmod_of(in, rules_of, x, y);
    num_clear(&own_a);
    num_clear(&own_b);
    return v;
}

static value signed_of(interp *in, const num *a, num_op *f)
{
    context *x = context_current(in);
    return x ? decimal_apply(in, x, f, a, NULL, NULL) : FAIL;
}

static value decimal_unary(interp *in, enum unop op, value self)
{
    const num *x = self_num(&self);
    switch (op) {
    case OP_NEG: return signed_of(in, x, num_minus);
    case OP_POS: return signed_of(in, x, num_plus);
    case OP_ABS: return signed_of(in, x, num_abs);
    case OP_INT:
    case OP_TRUNC: return decimal_to_int(in, x, TO_ZERO);
    case OP_FLOOR: return decimal_to_int(in, x, TO_FLOOR);
    case OP_CEIL: return decimal_to_int(in, x, TO_CEILING);
    case OP_ROUND: return decimal_to_int(in, x, HALF_EVEN);
    case OP_FLOAT: return decimal_to_float(in, x);
    case OP_COMPLEX: {
        value f = decimal_to_float(in, x);
        return is_fail(f) ? FAIL : v_complex(in, f.f, 0);
    }
    default: return value_ref(NOTIMPL);
    }
}

static int decimal_truth(interp *in, value self)
{
    (void)in;
    return !num_is_zero(self_num(&self));
}

/* ---- text ---- */

static value text_of(interp *in, value self, const char *before, const char *after, bool eng,
                     context *x)
{
    if (!x) return FAIL;
    strbuf b = {0};
    sb_adds(&b, before);
    bool ok = num_call_text(in, &b, self_num(&self), eng, !x->lower);
    sb_adds(&b, after);
    value v = ok ? v_obj(str_new(in, sb_text(&b), b.n)) : FAIL;
    sb_clear(&b);
    return v;
}

static value decimal_repr(interp *in, value self)
{
    return text_of(in, self, "Decimal('", "')", false, context_current(in));
}

static value decimal_str(interp *in, value self)
{
    return text_of(in, self, "", "", false, context_current(in));
}

static value m_to_eng_string(interp *in, const value *arg)
{
    return text_of(in, arg[0], "", "", true, context_arg(in, arg[1]));
}

/* For contexts: as str() would with theirs. */
static value m_text(interp *in, const value *arg)
{
    return text_of(in, arg[0], "", "", false, context_arg(in, arg[1]));
}

/* ---- methods out of the table ---- */

static value method(interp *in, num_op *f, const value *arg, int n)
{
    num own[2];
    const num *x[2] = {0};
    int k = 0;
    context *rules_of = context_arg(in, arg[n]);
    bool ok = rules_of != NULL;
    for (; ok && k < n - 1; k++) {
        num_init(&own[k]);
        ok = (x[k] = check_operand(in, arg[1 + k], &own[k])) != NULL;
    }
    value v = ok ? decimal_apply(in, rules_of, f, self_num(arg), x[0], x[1]) : FAIL;
    while (k > 0) num_clear(&own[--k]);
    return v;
}

#define METHOD(name, n)                                                                            \
    static value m_##name(interp *in, const value *arg)                                            \
    {                                                                                              \
        return method(in, num_##name, arg, n);                                                     \
    }
#define UNARY(name, doc)   METHOD(name, 1)
#define BINARY(name, doc)  METHOD(name, 2)
#define TERNARY(name, doc) METHOD(name, 3)
#define QUESTION(name, test, doc)                                                                  \
    static value m_##name(interp *in, const value *arg)                                            \
    {                                                                                              \
        (void)in;                                                                                  \
        const num *x = self_num(arg);                                                              \
        return v_bool(test);                                                                       \
    }
#include "stdlib/decimal/operations.def"

/* ---- the others ---- */

/* arg: self, other, context: some relation of two numbers, nothing rounded */
static value related(interp *in, const value *arg, value (*f)(interp *, const num *, const num *))
{
    if (!context_arg(in, arg[2])) return FAIL;
    num own;
    num_init(&own);
    const num *b = check_operand(in, arg[1], &own);
    value v = b ? f(in, self_num(arg), b) : FAIL;
    num_clear(&own);
    return v;
}

static value order(interp *in, int c)
{
    decimal *d = decimal_new(in, &T_decimal);
    if (d) num_set(&d->v, c < 0, c != 0, 0);
    return v_obj(d);
}

static value total(interp *in, const num *a, const num *b)
{
    return order(in, num_cmp_total(a, b, false));
}

static value total_mag(interp *in, const num *a, const num *b)
{
    return order(in, num_cmp_total(a, b, true));
}

static value same_quantum(interp *in, const num *a, const num *b)
{
    (void)in;
    return v_bool(num_same_quantum(a, b));
}

static value with_sign(interp *in, const num *a, bool neg)
{
    value v = copy_of(in, a);
    if (!is_fail(v)) as_decimal(v)->v.neg = neg;
    return v;
}

static value sign_copied(interp *in, const num *a, const num *b)
{
    return with_sign(in, a, b->neg);
}

static value m_compare_total(interp *in, const value *arg)
{
    return related(in, arg, total);
}

static value m_compare_total_mag(interp *in, const value *arg)
{
    return related(in, arg, total_mag);
}

static value m_same_quantum(interp *in, const value *arg)
{
    return related(in, arg, same_quantum);
}

static value m_copy_sign(interp *in, const value *arg)
{
    return related(in, arg, sign_copied);
}

static value m_copy_abs(interp *in, const value *arg)
{
    return with_sign(in, self_num(arg), false);
}

static value m_copy_negate(interp *in, const value *arg)
{
    return with_sign(in, self_num(arg), !self_num(arg)->neg);
}

static value m_self(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[0]);
}

static value m_plain(interp *in, const value *arg) /* of a subclass: the Decimal in it */
{
    return arg[0].o->type == &T_decimal ? value_ref(arg[0]) : copy_of(in, self_num(arg));
}

static value m_radix(interp *in, const value *arg)
{
    (void)arg;
    decimal *d = decimal_new(in, &T_decimal);
    if (d) num_set(&d->v, false, 10, 0);
    return v_obj(d);
}

static value m_imag(interp *in, const value *arg)
{
    (void)arg;
    return v_obj(decimal_new(in, &T_decimal));
}

static value m_adjusted(interp *in, const value *arg)
{
    (void)in;
    const num *x = self_num(arg);
    return v_int(x->kind == FINITE ? num_adjusted(x) : 0);
}

static value m_is_normal(interp *in, const value *arg)
{
    context *x = context_arg(in, arg[1]);
    return x ? v_bool(num_is_normal(self_num(arg), &x->r)) : FAIL;
}

static value m_is_subnormal(interp *in, const value *arg)
{
    context *x = context_arg(in, arg[1]);
    return x ? v_bool(num_is_subnormal(self_num(arg), &x->r)) : FAIL;
}

static value m_number_class(interp *in, const value *arg)
{
    context *x = context_arg(in, arg[1]);
    return x ? v_str(in, num_class(self_num(arg), &x->r)) : FAIL;
}

/* ---- rounding ---- */

static value quantized(interp *in, context *x, enum rounding how, const num *a, const num *like)
{
    decimal *d = decimal_new(in, &T_decimal);
    if (!d) return FAIL;
    rules r = x->r;
    r.status = 0;
    r.rounding = how;
    num_quantize(&d->v, a, like, &r);
    return settled(in, x, d, r.status);
}

/* arg: self, exp, rounding, context */
static value m_quantize(interp *in, const value *arg)
{
    context *x = context_arg(in, arg[3]);
    enum rounding how = x ? x->r.rounding : HALF_EVEN;
    if (!x || !rounding_arg(in, arg[2], &how)) return FAIL;
    num own;
    num_init(&own);
    const num *like = check_operand(in, arg[1], &own);
    value v = like ? quantized(in, x, how, self_num(arg), like) : FAIL;
    num_clear(&own);
    return v;
}

static value m_round(interp *in, const value *arg)
{
    if (arg[1].kind == V_FAIL) return decimal_to_int(in, self_num(arg), HALF_EVEN);
    value plain;
    if (!int_plain(arg[1], &plain)) return throw(in, TypeError, "optional arg must be an integer");
    if (plain.kind == V_OBJ || plain.i == INT64_MIN)
        return throw(in, OverflowError, "Python int too large to convert to C ssize_t");
    context *x = context_current(in);
    num like;
    num_init(&like);
    num_set(&like, false, 1, -plain.i);
    return x ? quantized(in, x, x->r.rounding, self_num(arg), &like) : FAIL;
}

/* arg: self, rounding, context */
static value integral(interp *in, const value *arg, bool exact)
{
    context *x = context_arg(in, arg[2]);
    enum rounding how = x ? x->r.rounding : HALF_EVEN;
    if (!x || !rounding_arg(in, arg[1], &how)) return FAIL;
    decimal *d = decimal_new(in, &T_decimal);
    if (!d) return FAIL;
    rules r = x->r;
    r.status = 0;
    r.rounding = how;
    num_integral(&d->v, self_num(arg), exact, &r);
    return settled(in, x, d, r.status);
}

static value m_to_integral_value(interp *in, const value *arg)
{
    return integral(in, arg, false);
}

static value m_to_integral_exact(interp *in, const value *arg)
{
    return integral(in, arg, true);
}

/* arg: self, value, mod */
static value m_pow(interp *in, const value *arg)
{
    if (is_none(arg[2])) return decimal_binary(in, OP_POW, arg[0], arg[1]);
    num own_b, own_m;
    num_init(&own_b);
    num_init(&own_m);
    const num *b = decimal_operand(in, arg[1], &own_b), *m = NULL;
    if (b) m = decimal_operand(in, arg[2], &own_m);
    context *x = m ? context_current(in) : NULL;
    value v = x              ? decimal_apply(in, x, num_power_mod, self_num(arg), b, m)
              : throwing(in) ? FAIL
                             : value_ref(NOTIMPL);
    num_clear(&own_b);
    num_clear(&own_m);
    return v;
}

/* ---- conversions ---- */

static value m_as_tuple(interp *in, const value *arg)
{
    value m = interp_import(in, "decimal"), t = decimal_tuple(in, self_num(arg)), named = FAIL;
    tuple *items = as_tuple(t);
    if (!is_fail(m) && items)
        named = call_method(in, m, "DecimalTuple", 3, items->at[0], items->at[1], items->at[2]);
    value_unref(in, m);
    value_unref(in, t);
    return named;
}

static value m_as_integer_ratio(interp *in, const value *arg)
{
    return decimal_ratio(in, self_num(arg));
}

static value m_reduce(interp *in, const value *arg)
{
    value text = decimal_str(in, arg[0]);
    tuple *args = tuple_pack(in, 1, text);
    return v_obj(tuple_pack(in, 2, v_type(arg[0].o->type), v_obj(args)));
}

static const builtin decimal_table[] = {
// clang-format off
#define UNARY(name, doc) {#name "(self, /, context=None)", m_##name, doc},
#define BINARY(name, doc) {#name "(self, /, other, context=None)", m_##name, doc},
#define TERNARY(name, doc) {#name "(self, /, other, third, context=None)", m_##name, doc},
#define QUESTION(name, test, doc) {#name "(self, /)", m_##name, doc},
#include "stdlib/decimal/operations.def"
    // clang-format on
    {"is_normal(self, /, context=None)", m_is_normal, "Is it finite, not zero, not subnormal?"},
    {"is_subnormal(self, /, context=None)", m_is_subnormal, "Is its exponent below Emin?"},
    {"number_class(self, /, context=None)", m_number_class,
     "Which of the ten classes of numbers it is in: '+Normal', 'NaN', ..."},
    {"compare_total(self, /, other, context=None)", m_compare_total,
     "Compares as things written: 1.0 is less than 1."},
    {"compare_total_mag(self, /, other, context=None)", m_compare_total_mag,
     "compare_total without the signs."},
    {"same_quantum(self, /, other, context=None)", m_same_quantum, "Are the exponents equal?"},
    {"copy_sign(self, /, other, context=None)", m_copy_sign, "This number with other's sign."},
    {"copy_abs(self, /)", m_copy_abs, "The number without its sign, not rounded."},
    {"copy_negate(self, /)", m_copy_negate, "The number with the other sign, not rounded."},
    {"canonical(self, /)", m_self, "The number itself."},
    {"conjugate(self, /)", m_self, "The number itself."},
    {"radix(self, /)", m_radix, "Decimal('10')."},
    {"adjusted(self, /)", m_adjusted, "Return the adjusted exponent of self"},
    {"quantize(self, /, exp, rounding=None, context=None)", m_quantize,
     "Rounded, or with zeros, to the exponent of exp."},
    {"to_integral_value(self, /, rounding=None, context=None)", m_to_integral_value,
     "The nearest whole number; nothing is signaled."},
    {"to_integral(self, /, rounding=None, context=None)", m_to_integral_value,
     "The nearest whole number; nothing is signaled."},
    {"to_integral_exact(self, /, rounding=None, context=None)", m_to_integral_exact,
     "The nearest whole number; rounding is signaled."},
    {"to_eng_string(self, /, context=None)", m_to_eng_string,
     "As text, with an exponent that is a multiple of three."},
    {"_text(self, context, /)", m_text, NULL},
    {"as_tuple(self, /)", m_as_tuple, "The sign, the digits and the exponent."},
    {"as_integer_ratio(self, /)", m_as_integer_ratio,
     "Two ints in lowest terms whose quotient this is."},
    {"@classmethod from_float(cls, f, /)", decimal_from_float,
     "The Decimal that is exactly the float's value."},
    {"@property real", m_plain, NULL},
    {"@property imag", m_imag, NULL},
    {"__round__(self, ndigits=<unset>, /)", m_round, NULL},
    {"__pow__(self, value, mod=None, /)", m_pow, "self ** value, modulo mod if given."},
    {"__copy__(self, /)", m_self, NULL},
    {"__deepcopy__(self, memo, /)", m_self, NULL},
    {"__reduce__(self, /)", m_reduce, NULL},
    {0},
};

/* ---- across threads ---- */

static bool decimal_save(freezer *f, obj *o)
{
    const num *x = &((decimal *)(void *)o)->v;
    freeze_bytes(f, &x->kind, sizeof x->kind);
    freeze_bytes(f, &x->neg, sizeof x->neg);
    freeze_bytes(f, &x->exp, sizeof x->exp);
    freeze_bytes(f, &x->n, sizeof x->n);
    freeze_bytes(f, x->limb, x->n * sizeof *x->limb);
    return true;
}

static obj *decimal_load(thawer *t, const type *cls)
{
    decimal *d = decimal_new(thawer_interp(t), cls);
    if (!d) return NULL;
    rules r = rules_widest;
    size_t n;
    thaw_bytes(t, &d->v.kind, sizeof d->v.kind);
    thaw_bytes(t, &d->v.neg, sizeof d->v.neg);
    thaw_bytes(t, &d->v.exp, sizeof d->v.exp);
    thaw_bytes(t, &n, sizeof n);
    if (!num_room(&d->v, n, &r)) {
        throw_nomem(thawer_interp(t));
        obj_unref(thawer_interp(t), d);
        return NULL;
    }
    thaw_bytes(t, d->v.limb, n * sizeof *d->v.limb);
    d->v.n = n;
    return &d->hdr;
}

static const crossing decimal_cross = {decimal_save, decimal_load};

const type T_decimal = {
    TYPE_HEAD,
    .name = "Decimal",
    .module = "decimal",
    .doc = "A decimal number: of an int, a float (exactly), a text, a tuple (sign, digits,\n"
           "exponent) or another Decimal.",
    .size = sizeof(decimal),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .table = decimal_table,
    .operators = " neg pos abs int float complex round trunc floor ceil add sub mul truediv "
                 "floordiv mod pow divmod ",
    .drop = decimal_drop,
    .make = decimal_make,
    .repr = decimal_repr,
    .tostr = decimal_str,
    .format = decimal_format,
    .hash = decimal_hash,
    .truth = decimal_truth,
    .compare = decimal_compare,
    .unary = decimal_unary,
    .binary = decimal_binary,
    .cross = &decimal_cross,
};
