/* stdlib/decimal/context.c - the C part of decimal.Context: its settings, the flags and traps as
 * bits, and the arithmetic that a context offers as methods.
 *
 * One context is current in each thread; it is made when first asked for. */
#include <string.h>

#include "lang/freeze.h"
#include "stdlib/decimal/decimal.h"

static const char *const rounding_names[NROUNDING] = {
    [HALF_EVEN] = "ROUND_HALF_EVEN", [HALF_UP] = "ROUND_HALF_UP", [HALF_DOWN] = "ROUND_HALF_DOWN",
    [TO_ZERO] = "ROUND_DOWN",        [FROM_ZERO] = "ROUND_UP",    [TO_CEILING] = "ROUND_CEILING",
    [TO_FLOOR] = "ROUND_FLOOR",      [FROM_0_5] = "ROUND_05UP",
};

static context *self_context(const value *arg)
{
    return (context *)(void *)arg[0].o;
}

/* ---- the current one ---- */

context *context_current(interp *in)
{
    value *place = interp_arithmetic(in);
    if (!is_fail(*place)) return (context *)(void *)place->o;
    value m = interp_import(in, "decimal"), like = FAIL, made = FAIL;
    if (!is_fail(m)) like = value_getattr_c(in, m, "DefaultContext");
    if (!is_fail(like)) made = call_method(in, like, "copy", 0);
    value_unref(in, like);
    value_unref(in, m);
    if (is_fail(made)) return NULL;
    *place = made;
    return (context *)(void *)made.o;
}

context *context_arg(interp *in, value v)
{
    if (is_none(v)) return context_current(in);
    context *x = (context *)(void *)as_obj(v, &T_context);
    if (!x) throw(in, TypeError, "optional argument must be a context");
    return x;
}

static value f_current(interp *in, const value *arg)
{
    (void)arg;
    context *x = context_current(in);
    return x ? v_obj(obj_ref(x)) : FAIL;
}

static value f_set_current(interp *in, const value *arg)
{
    if (!as_obj(arg[0], &T_context)) return throw(in, TypeError, "argument must be a context");
    value *place = interp_arithmetic(in), old = *place;
    *place = value_ref(arg[0]);
    value_unref(in, old);
    return NONE;
}

/* The exception is decimal's to make: it knows the classes. */
bool context_settle(interp *in, context *x, unsigned status)
{
    if (status & ST_NO_MEMORY) {
        throw_nomem(in);
        return false;
    }
    x->r.status |= status;
    if (!(status & x->traps)) return true;
    value m = interp_import(in, "decimal"), e = FAIL;
    if (!is_fail(m)) e = call_method(in, m, "_trapped", 1, v_int(status & x->traps));
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    value_unref(in, m);
    return false;
}

/* ---- settings ---- */

static value throw_rounding(interp *in)
{
    return throw(in, TypeError,
                 "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, ROUND_UP, "
                 "ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN,\n"
                 "   ROUND_05UP]");
}

bool rounding_arg(interp *in, value v, enum rounding *out)
{
    if (is_none(v)) return true;
    str *s = as_str(v);
    for (int i = 0; s && i < NROUNDING; i++)
        if (str_is(s, rounding_names[i])) return *out = (enum rounding)i, true;
    throw_rounding(in);
    return false;
}

static value set_within(interp *in, value v, int64_t low, int64_t high, const char *said,
                        int64_t *out)
{
    value plain;
    if (is_fail(v)) return throw(in, AttributeError, "context attributes cannot be deleted");
    if (!int_plain(v, &plain)) return throw(in, TypeError, "an integer is required");
    if (plain.kind == V_OBJ || plain.i < low || plain.i > high)
        return throw(in, ValueError, "valid %s", said);
    *out = plain.i;
    return NONE;
}

/* name, place, its type, from, to, what an error says of them */
#define SETTINGS(X)                                                                                \
    X(prec, r.prec, int64_t, 1, PREC_MAX, "range for prec is [1, MAX_PREC]")                       \
    X(Emin, r.emin, int64_t, -PREC_MAX, 0, "range for Emin is [MIN_EMIN, 0]")                      \
    X(Emax, r.emax, int64_t, 0, PREC_MAX, "range for Emax is [0, MAX_EMAX]")                       \
    X(clamp, r.clamp, bool, 0, 1, "values for clamp are 0 or 1")                                   \
    X(_status, r.status, unsigned, 0, INT32_MAX, "flags are bits")                                 \
    X(_trap_bits, traps, unsigned, 0, INT32_MAX, "traps are bits")

#define ACCESS(name, place, T, low, high, said)                                                    \
    static value get_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        (void)in;                                                                                  \
        return v_int((int64_t)self_context(arg)->place);                                           \
    }                                                                                              \
    static value set_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        value v = set_within(in, arg[1], low, high, said, &i);                                     \
        if (!is_fail(v)) self_context(arg)->place = (T)i;                                          \
        return v;                                                                                  \
    }
SETTINGS(ACCESS)

static value get_capitals(interp *in, const value *arg)
{
    (void)in;
    return v_int(!self_context(arg)->lower);
}

static value set_capitals(interp *in, const value *arg)
{
    int64_t i = 0;
    value v = set_within(in, arg[1], 0, 1, "values for capitals are 0 or 1", &i);
    if (!is_fail(v)) self_context(arg)->lower = !i;
    return v;
}

static value get_rounding(interp *in, const value *arg)
{
    return v_str(in, rounding_names[self_context(arg)->r.rounding]);
}

static value set_rounding(interp *in, const value *arg)
{
    if (is_fail(arg[1])) return throw(in, AttributeError, "context attributes cannot be deleted");
    if (is_none(arg[1])) return throw_rounding(in);
    return rounding_arg(in, arg[1], &self_context(arg)->r.rounding) ? NONE : FAIL;
}

/* ---- arithmetic ---- */

static value apply(interp *in, const value *arg, num_op *f, int n)
{
    num own[3];
    const num *x[3] = {0};
    int k = 0;
    bool ok = true;
    for (; ok && k < n; k++) {
        num_init(&own[k]);
        ok = (x[k] = check_operand(in, arg[1 + k], &own[k])) != NULL;
    }
    value v = ok ? decimal_apply(in, self_context(arg), f, x[0], x[1], x[2]) : FAIL;
    while (k > 0) num_clear(&own[--k]);
    return v;
}

#define METHOD(name, op, n)                                                                        \
    static value method_##name(interp *in, const value *arg)                                       \
    {                                                                                              \
        return apply(in, arg, num_##op, n);                                                        \
    }
#define UNARY(name, doc)          METHOD(name, name, 1)
#define BINARY(name, doc)         METHOD(name, name, 2)
#define TERNARY(name, doc)        METHOD(name, name, 3)
#define QUESTION(name, test, doc) /* Decimal's own will do */
#include "stdlib/decimal/operations.def"

#define ARITHMETIC(X)                                                                              \
    X(abs, abs, 1, "a, /", "The absolute value.")                                                  \
    X(minus, minus, 1, "a, /", "-a, rounded.")                                                     \
    X(plus, plus, 1, "a, /", "a, rounded.")                                                        \
    X(add, add, 2, "a, b, /", "The sum.")                                                          \
    X(subtract, subtract, 2, "a, b, /", "The difference.")                                         \
    X(multiply, multiply, 2, "a, b, /", "The product.")                                            \
    X(divide, divide_by, 2, "a, b, /", "The quotient.")                                            \
    X(divide_int, divide_int, 2, "a, b, /", "The whole part of the quotient.")                     \
    X(remainder, remainder, 2, "a, b, /", "What a whole quotient leaves, with the sign of a.")
#define ARITHMETIC_METHOD(name, op, n, params, doc) METHOD(name, op, n)
ARITHMETIC(ARITHMETIC_METHOD)

static value method_power(interp *in, const value *arg)
{
    num own[3];
    const num *x[3] = {0};
    bool mod = !is_none(arg[3]);
    for (int i = 0; i < 3; i++) num_init(&own[i]);
    bool ok = true;
    for (int i = 0; ok && i < 2 + mod; i++)
        ok = (x[i] = check_operand(in, arg[1 + i], &own[i])) != NULL;
    value v = !ok ? FAIL
                  : decimal_apply(in, self_context(arg), mod ? num_power_mod : num_power, x[0],
                                  x[1], x[2]);
    for (int i = 0; i < 3; i++) num_clear(&own[i]);
    return v;
}

#define PROPERTY(name, place, T, low, high, said)                                                  \
    {"@property " #name, get_##name, NULL}, {"@setter " #name, set_##name, NULL},
#define ARITHMETIC_ROW(name, op, n, params, doc) {#name "(self, " params ")", method_##name, doc},

static const builtin context_table[] = {
    // clang-format off
    SETTINGS(PROPERTY)
    {"@property capitals", get_capitals, NULL}, {"@setter capitals", set_capitals, NULL},
    {"@property rounding", get_rounding, NULL}, {"@setter rounding", set_rounding, NULL},
    ARITHMETIC(ARITHMETIC_ROW)
#define UNARY(name, doc) {#name "(self, x, /)", method_##name, doc},
#define BINARY(name, doc) {#name "(self, x, y, /)", method_##name, doc},
#define TERNARY(name, doc) {#name "(self, x, y, z, /)", method_##name, doc},
#define QUESTION(name, test, doc)
#include "stdlib/decimal/operations.def"
    {"power(self, /, a, b, modulo=None)", method_power, "a to the power of b."},
    {"_create(self, num='0', /)", context_create, NULL},
    {0},
    // clang-format on
};

/* ---- life ---- */

static value context_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    (void)arg, (void)npos, (void)kwnames; /* __init__ sees to them */
    context *x = obj_new(in, cls, 0);
    if (x) x->r = (rules){.prec = 28, .emin = -999999, .emax = 999999};
    return v_obj(x);
}

/* The last one of a thread goes when the thread does. */
static void context_drop(interp *in, obj *o)
{
    (void)in, (void)o;
    num_forget_constants();
}

static bool context_save(freezer *f, obj *o)
{
    context *x = (context *)(void *)o;
    freeze_bytes(f, &x->r, sizeof x->r);
    freeze_bytes(f, &x->traps, sizeof x->traps);
    freeze_bytes(f, &x->lower, sizeof x->lower);
    return true;
}

static obj *context_load(thawer *t, const type *cls)
{
    context *x = obj_new(thawer_interp(t), cls, 0);
    if (!x) return NULL;
    thaw_bytes(t, &x->r, sizeof x->r);
    thaw_bytes(t, &x->traps, sizeof x->traps);
    thaw_bytes(t, &x->lower, sizeof x->lower);
    return &x->hdr;
}

static const crossing context_cross = {context_save, context_load};

const type T_context = {
    TYPE_HEAD,
    .name = "Context",
    .module = "decimal",
    .doc = "The settings of arithmetic.",
    .size = sizeof(context),
    .flags = TYPE_BASE,
    .table = context_table,
    .make = context_make,
    .drop = context_drop,
    .cross = &context_cross,
};

static bool open_decimal(interp *in, module *m)
{
    return module_put_type(in, m, &T_decimal) && module_put_type(in, m, &T_context);
}

static const builtin table[] = {
    {"getcontext()", f_current, "The context that operations go by."},
    {"set_current(context, /)", f_set_current, NULL},
    {0},
};

const module_def decimal_def = {
    .name = "_decimal", .doc = "Decimal arithmetic.", .table = table, .open = open_decimal};
