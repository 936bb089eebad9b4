/* stdlib/numpy/scalar_math.c - arithmetic of numpy.int64 and numpy.float64 without blocks.
 *
 * Loops over elements meet such pairs all the time: a scalar with another, or with a number of
 * Python.  The rules are those of NumPy 1.24's scalar operators, warnings included. */
#include <math.h>
#include <string.h>

#include "stdlib/numpy/numpy.h"

const char *const scalar_names[NBINOP] = {
    [OP_ADD] = "scalar add",
    [OP_SUB] = "scalar subtract",
    [OP_MUL] = "scalar multiply",
    [OP_TRUEDIV] = "scalar divide",
    [OP_FLOORDIV] = "scalar floor_divide",
    [OP_MOD] = "scalar remainder",
    [OP_POW] = "scalar power",
    [OP_DIVMOD] = "scalar divmod",
};

typedef struct number {
    bool whole, numpy; /* an int; a scalar of NumPy */
    int64_t i;
    double d; /* also of whole ones */
} number;

static bool read_number(value v, number *n)
{
    switch (v.kind) {
    case V_INT: *n = (number){true, false, v.i, (double)v.i}; return true;
    case V_FLOAT: *n = (number){false, false, 0, v.f}; return true;
    case V_SCALAR:
        if (v.aux == DT_float64) {
            *n = (number){.numpy = true};
            memcpy(&n->d, &v.bits, 8);
            return true;
        }
        if (v.aux != DT_int64) return false;
        n->whole = n->numpy = true;
        memcpy(&n->i, &v.bits, 8);
        n->d = (double)n->i;
        return true;
    default: return false;
    }
}

static value float64_of(double d)
{
    value v = {.kind = V_SCALAR, .aux = DT_float64};
    memcpy(&v.bits, &d, 8);
    return v;
}

static value int64_of(int64_t i)
{
    value v = {.kind = V_SCALAR, .aux = DT_int64};
    memcpy(&v.bits, &i, 8);
    return v;
}

static double float_floor_div(double a, double b, double *mod)
{
    *mod = fmod(a, b);
    if (b == 0) return a / b;
    double div = (a - *mod) / b;
    if (*mod != 0) {
        if ((b < 0) != (*mod < 0)) *mod += b, div -= 1.0;
    } else {
        *mod = copysign(0.0, b);
    }
    if (div == 0) return copysign(0.0, a / b);
    double floored = floor(div);
    return div - floored > 0.5 ? floored + 1.0 : floored;
}

/* What the processor would have flagged, from the operands and the result. */
static unsigned flags_of(enum binop op, double a, double b, double r)
{
    if (isfinite(r)) return 0;
    if (isnan(r)) return isnan(a) || isnan(b) ? 0 : FP_INVALID;
    if (isinf(a) || isinf(b)) return 0;
    bool divides = op == OP_TRUEDIV || op == OP_FLOORDIV ? b == 0 : op == OP_POW && a == 0;
    return divides ? FP_DIVIDE : FP_OVER;
}

static int float_binary(interp *in, enum binop op, double a, double b, value *out)
{
    double r, mod;
    switch (op) {
    case OP_ADD: r = a + b; break;
    case OP_SUB: r = a - b; break;
    case OP_MUL: r = a * b; break;
    case OP_TRUEDIV: r = a / b; break;
    case OP_FLOORDIV: r = float_floor_div(a, b, &mod); break;
    case OP_MOD: float_floor_div(a, b, &mod), r = mod; break;
    case OP_POW: r = pow(a, b); break;
    default: return 0;
    }
    *out = float64_of(r);
    unsigned flags = flags_of(op, a, b, r);
    return !flags || warn_flags(in, flags, scalar_names[op]) ? 1 : -1;
}

static int int_divide(interp *in, enum binop op, int64_t a, int64_t b, value *out)
{
    *out = int64_of(0);
    if (b == 0) return warn_flags(in, FP_DIVIDE, scalar_names[op]) ? 1 : -1;
    if (b == -1) { /* the one quotient that may not fit */
        bool over = a == INT64_MIN;
        if (op == OP_FLOORDIV) *out = int64_of((int64_t)(0 - (uint64_t)a));
        return !over || op == OP_MOD || warn_flags(in, FP_OVER, scalar_names[op]) ? 1 : -1;
    }
    int64_t q = a / b, r = a % b;
    if (r && (r < 0) != (b < 0)) q--, r += b;
    *out = int64_of(op == OP_MOD ? r : q);
    return 1;
}

static int int_power(interp *in, int64_t a, int64_t b, value *out)
{
    if (b < 0)
        return THROWN(in, ValueError, "Integers to negative integer powers are not allowed.");
    uint64_t r = 1, x = (uint64_t)a;
    for (; b; b >>= 1, x *= x)
        if (b & 1) r *= x;
    *out = int64_of((int64_t)r);
    return 1;
}

static int int_binary(interp *in, enum binop op, int64_t a, int64_t b, value *out)
{
    int64_t r = 0;
    bool over = false;
    switch (op) {
    case OP_ADD: over = __builtin_add_overflow(a, b, &r); break;
    case OP_SUB: over = __builtin_sub_overflow(a, b, &r); break;
    case OP_MUL: over = __builtin_mul_overflow(a, b, &r); break;
    case OP_FLOORDIV:
    case OP_MOD: return int_divide(in, op, a, b, out);
    case OP_POW: return int_power(in, a, b, out);
    case OP_AND: r = a & b; break;
    case OP_OR: r = a | b; break;
    case OP_XOR: r = a ^ b; break;
    case OP_LSHIFT: r = b >= 0 && b < 64 ? (int64_t)((uint64_t)a << b) : 0; break;
    case OP_RSHIFT: r = b >= 0 && b < 64 ? a >> b : a < 0 ? -1 : 0; break;
    default: return 0;
    }
    *out = int64_of(r);
    return !over || warn_flags(in, FP_OVER, scalar_names[op]) ? 1 : -1;
}

int scalar_binary(interp *in, enum binop op, value a, value b, value *out)
{
    number x, y;
    if (!read_number(a, &x) || !read_number(b, &y) || !(x.numpy || y.numpy)) return 0;
    if (x.whole && y.whole && op != OP_TRUEDIV) return int_binary(in, op, x.i, y.i, out);
    return float_binary(in, op, x.d, y.d, out);
}

int scalar_compare(enum cmpop op, value a, value b, value *out)
{
    number x, y;
    if (!read_number(a, &x) || !read_number(b, &y) || !(x.numpy || y.numpy)) return 0;
    bool less, same;
    if (x.whole && y.whole)
        less = x.i < y.i, same = x.i == y.i;
    else if (isnan(x.d) || isnan(y.d))
        return *out = (value){.kind = V_SCALAR, .aux = DT_bool, .bits = op == OP_NE}, 1;
    else
        less = x.d < y.d, same = x.d == y.d;
    bool r = op == OP_LT   ? less
             : op == OP_LE ? less || same
             : op == OP_EQ ? same
             : op == OP_NE ? !same
             : op == OP_GT ? !less && !same
                           : !less;
    *out = (value){.kind = V_SCALAR, .aux = DT_bool, .bits = r};
    return 1;
}

/* ---- the narrow integers: only their overflow ---- */

__extension__ typedef __int128 wide;

static bool read_wide(value v, wide *out)
{
    dtype_of t;
    _Alignas(16) char at[16];
    if (v.kind == V_INT || v.kind == V_BOOL) return *out = v.i, true;
    if (v.kind != V_SCALAR) return false;
    t = dtype_plain((enum dtype)(v.aux & 0xff));
    memcpy(at, &v.bits, 8);
    switch (t.dt) {
    case DT_bool: *out = v.bits != 0; return true;
    case DT_int8: *out = *(int8_t *)at; return true;
    case DT_uint8: *out = *(uint8_t *)at; return true;
    case DT_int16: *out = *(int16_t *)at; return true;
    case DT_uint16: *out = *(uint16_t *)at; return true;
    case DT_int32: *out = *(int32_t *)at; return true;
    case DT_uint32: *out = *(uint32_t *)at; return true;
    case DT_int64: *out = *(int64_t *)at; return true;
    case DT_uint64: *out = *(uint64_t *)at; return true;
    default: return false;
    }
}

bool scalar_overflow(interp *in, enum binop op, value a, value b, value result)
{
    wide x, y, r;
    if (op > OP_MUL || !dtype_is_int((enum dtype)(result.aux & 0xff))) return true;
    if (!read_wide(a, &x) || !read_wide(b, &y) || !read_wide(result, &r)) return true;
    wide exact = op == OP_ADD ? x + y : op == OP_SUB ? x - y : x * y;
    return exact == r || warn_flags(in, FP_OVER, scalar_names[op]);
}
