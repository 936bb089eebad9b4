/* stdlib/decimal/mixed.c - comparisons: with ints, with floats (which a context may forbid), with
 * fractions and complex numbers. */
#include "stdlib/decimal/decimal.h"

static bool holds(enum cmpop op, int c)
{
    switch (op) {
    case OP_LT: return c < 0;
    case OP_LE: return c <= 0;
    case OP_EQ: return c == 0;
    case OP_NE: return c != 0;
    case OP_GT: return c > 0;
    default: return c >= 0;
    }
}

static value compared(interp *in, context *x, enum cmpop op, const num *a, const num *b)
{
    if (num_is_nan(a) || num_is_nan(b)) {
        bool equality = op == OP_EQ || op == OP_NE;
        bool signals = !equality || a->kind == SIGNALING || b->kind == SIGNALING;
        if (signals && !context_settle(in, x, ST_INVALID)) return FAIL;
        return v_bool(op == OP_NE);
    }
    return v_bool(holds(op, num_cmp(a, b)));
}

/* With n / d, d > 0: a * d against n, exactly. */
static value with_ratio(interp *in, context *x, enum cmpop op, const num *a, value n, value d)
{
    num top, bottom, scaled;
    num_init(&top);
    num_init(&bottom);
    num_init(&scaled);
    value v = FAIL;
    const num *up = check_operand(in, n, &top), *down = check_operand(in, d, &bottom);
    if (up && down) {
        rules r = rules_widest;
        if (num_is_nan(a) || a->kind == INFINITE)
            num_copy(&scaled, a, &r);
        else
            num_multiply(&scaled, a, down, NULL, &r);
        v = compared(in, x, op, &scaled, up);
    }
    num_clear(&top);
    num_clear(&bottom);
    num_clear(&scaled);
    return v;
}

/* decimal knows what a rational number is: (numerator, denominator), else None. */
static value with_other(interp *in, context *x, enum cmpop op, const num *a, value other)
{
    value m = interp_import(in, "decimal"), pair = FAIL;
    if (!is_fail(m)) pair = call_method(in, m, "_ratio", 1, other);
    value_unref(in, m);
    tuple *t = is_fail(pair) ? NULL : as_tuple(pair);
    value v = t ? with_ratio(in, x, op, a, t->at[0], t->at[1]) : FAIL;
    if (!t && !is_fail(pair)) v = value_ref(NOTIMPL);
    value_unref(in, pair);
    return v;
}

static value with_double(interp *in, context *x, enum cmpop op, const num *a, double d)
{
    bool equality = op == OP_EQ || op == OP_NE;
    if (equality)
        x->r.status |= ST_FLOAT;
    else if (!context_settle(in, x, ST_FLOAT))
        return FAIL;
    rules r = rules_widest;
    num b;
    num_init(&b);
    num_set_double(&b, d, &r);
    value v = compared(in, x, op, a, &b);
    num_clear(&b);
    return v;
}

value decimal_compare(interp *in, enum cmpop op, value self, value other)
{
    const num *a = &as_decimal(self)->v;
    context *x = context_current(in);
    if (!x) return FAIL;
    num own;
    num_init(&own);
    const num *b = decimal_operand(in, other, &own);
    double d;
    value v;
    if (b)
        v = compared(in, x, op, a, b);
    else if (throwing(in))
        v = FAIL;
    else if (float_plain(other, &d))
        v = with_double(in, x, op, a, d);
    else if (as_obj(other, &T_complex)) {
        cplx *c = (cplx *)(void *)other.o;
        if (op != OP_EQ && op != OP_NE)
            v = value_ref(NOTIMPL);
        else
            v = c->im == 0 ? with_double(in, x, op, a, c->re) : v_bool(op == OP_NE);
    } else if (as_str(other) || is_none(other))
        v = value_ref(NOTIMPL);
    else
        v = with_other(in, x, op, a, other);
    num_clear(&own);
    return v;
}
