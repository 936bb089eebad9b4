/* lang/types/intarith.c - integer arithmetic: int64 first, GMP when it overflows.
 *
 * Operands are plain (V_INT or bigint).  Sizes are estimated before GMP is called, because GMP
 * stops the program when memory runs out. */
#include <limits.h>
#include <math.h>

#include "engine/base/mem.h"
#include "lang/aside.h"
#include "lang/interp.h"
#include "lang/lang.h"

static const double MAX_BITS = 0x1p36;

value throw_nomem(interp *in)
{
    return throw(in, MemoryError, "%s", "");
}

bool int_check_bits(interp *in, double bits)
{
    if (bits < 1 << 23) return true;
    err e = {0};
    void *probe = bits < MAX_BITS ? try_alloc((size_t)(bits / 4), &e) : NULL;
    bool ok = probe != NULL;
    mem_free(probe);
    err_clear(&e);
    if (!ok) throw_nomem(in);
    return ok;
}

/* ---- making ---- */

static bigint *big_new(interp *in)
{
    bigint *b = obj_new(in, &T_int, 0);
    if (b) mpz_init(b->z);
    return b;
}

static value big_done(interp *in, bigint *b) /* normalised */
{
    if (!mpz_fits_slong_p(b->z)) return v_obj(b);
    value small = v_int(mpz_get_si(b->z));
    obj_unref(in, b);
    return small;
}

value int_of_limbs(interp *in, const mp_limb_t *limb, size_t n, bool negative)
{
    if (!n) return v_int(0);
    if (n == 1 && limb[0] <= INT64_MAX)
        return v_int(negative ? -(int64_t)limb[0] : (int64_t)limb[0]);
    if (n == 1 && negative && limb[0] == (mp_limb_t)1 << 63) return v_int(INT64_MIN);
    bigint *b = obj_flat(in, &T_int, sizeof *b + n * sizeof *limb);
    if (!b) return FAIL;
    mp_limb_t *at = (mp_limb_t *)(void *)(b + 1);
    for (size_t i = 0; i < n; i++) at[i] = limb[i];
    b->hdr.flags = OBJ_FLAT;
    mpz_roinit_n(b->z, at, negative ? -(mp_size_t)n : (mp_size_t)n);
    return v_obj(b);
}

value int_from_mpz(interp *in, const mpz_t z)
{
    size_t n = mpz_size(z);
    if (n <= INT_LIMBS) return int_of_limbs(in, mpz_limbs_read(z), n, mpz_sgn(z) < 0);
    bigint *b = big_new(in);
    if (b) mpz_set(b->z, z);
    return v_obj(b);
}

value int_from_u64(interp *in, uint64_t u)
{
    return int_of_limbs(in, &u, u != 0, false);
}

value int_from_double(interp *in, double d)
{
    if (isnan(d)) return throw(in, ValueError, "cannot convert float NaN to integer");
    if (isinf(d)) return throw(in, OverflowError, "cannot convert float infinity to integer");
    if (fabs(d) < 0x1p63) return v_int((int64_t)d);
    bigint *b = big_new(in);
    if (!b) return FAIL;
    mpz_set_d(b->z, d);
    return big_done(in, b);
}

/* ---- questions ---- */

int int_sign(value a)
{
    if (a.kind == V_OBJ) return mpz_sgn(((bigint *)a.o)->z);
    return (a.i > 0) - (a.i < 0);
}

int int_cmp(value a, value b)
{
    if (a.kind == V_INT && b.kind == V_INT) return (a.i > b.i) - (a.i < b.i);
    intview x, y;
    int c = mpz_cmp(intview_of(&x, a), intview_of(&y, b));
    return (c > 0) - (c < 0);
}

static double bit_size(value a) /* of its words */
{
    intview x;
    return (double)(mpz_size(intview_of(&x, a)) * GMP_NUMB_BITS);
}

/* m * 2^e rounded half to even, where m's lowest bit also stands for whatever lies below it. */
static double scale_round(uint64_t m, int64_t e)
{
    if (!m) return 0;
    int top = 63 - __builtin_clzll(m);
    int64_t exp = e + top; /* of the leading bit */
    int64_t keep = exp >= -1022 ? 53 : 53 - (-1022 - exp);
    if (exp > 1023) return INFINITY;
    if (keep < 0) return 0;
    int64_t cut = top + 1 - keep;
    if (cut <= 0) return ldexp((double)m, (int)e);
    uint64_t half = 1ull << (cut - 1), low = cut == 64 ? m : m & ((1ull << cut) - 1);
    uint64_t q = cut == 64 ? 0 : m >> cut;
    if (low > half || (low == half && (q & 1))) q++;
    return ldexp((double)q, (int)(e + cut));
}

static uint64_t top_bits(const mpz_t z, int64_t *exp) /* 64 bits, the last one sticky */
{
    size_t n = mpz_sizeinbase(z, 2);
    if (n <= 64) return *exp = 0, mpz_get_ui(z);
    mpz_t t;
    mpz_init(t);
    mpz_tdiv_q_2exp(t, z, n - 64);
    uint64_t m = mpz_get_ui(t);
    mpz_clear(t);
    *exp = (int64_t)(n - 64);
    mp_bitcnt_t lowest = mpz_scan1(z, 0); /* also right for negative z */
    return m | (lowest < n - 64);
}

static double mpz_round(const mpz_t z)
{
    int64_t e;
    uint64_t m = top_bits(z, &e);
    double d = scale_round(m, e);
    return mpz_sgn(z) < 0 ? -d : d;
}

bool int_to_double(value a, double *out)
{
    if (a.kind == V_INT) return *out = (double)a.i, true;
    *out = mpz_round(((bigint *)a.o)->z);
    return isfinite(*out);
}

/* ---- int64 ---- */

static bool small_divmod(int64_t a, int64_t b, int64_t *q, int64_t *r)
{
    if (b == -1) { /* INT64_MIN / -1 overflows */
        *r = 0;
        return !__builtin_sub_overflow(0, a, q);
    }
    *q = a / b;
    *r = a % b;
    if (*r && (*r ^ b) < 0) --*q, *r += b;
    return true;
}

static bool small_pow(int64_t x, int64_t n, int64_t *out)
{
    int64_t r = 1;
    while (n) {
        if ((n & 1) && __builtin_mul_overflow(r, x, &r)) return false;
        n >>= 1;
        if (n && __builtin_mul_overflow(x, x, &x)) return false;
    }
    *out = r;
    return true;
}

static bool small_shift(int64_t x, int64_t n, int64_t *out)
{
    if (x == 0) return *out = 0, true;
    if (n > 62) return false;
    *out = (int64_t)((uint64_t)x << n);
    return *out >> n == x;
}

/* False: the result does not fit. The divisor is not 0, shifts and exponents are not negative. */
static bool small_arith(enum binop op, int64_t x, int64_t y, int64_t *out)
{
    int64_t other;
    switch (op) {
    case OP_ADD: return !__builtin_add_overflow(x, y, out);
    case OP_SUB: return !__builtin_sub_overflow(x, y, out);
    case OP_MUL: return !__builtin_mul_overflow(x, y, out);
    case OP_FLOORDIV: return small_divmod(x, y, out, &other);
    case OP_MOD: return small_divmod(x, y, &other, out) || (*out = 0, true);
    case OP_POW: return small_pow(x, y, out);
    case OP_LSHIFT: return small_shift(x, y, out);
    case OP_RSHIFT: return *out = x >> (y > 63 ? 63 : y), true;
    case OP_AND: return *out = x & y, true;
    case OP_OR: return *out = x | y, true;
    case OP_XOR: return *out = x ^ y, true;
    default: return false;
    }
}

/* A sum, difference or product of two int64 that is none. */
static value wide_arith(interp *in, enum binop op, int64_t x, int64_t y)
{
    __extension__ typedef __int128 wide;
    wide r = op == OP_MUL ? (wide)x * y : op == OP_ADD ? (wide)x + y : (wide)x - y;
    __extension__ unsigned __int128 u = r < 0 ? -(unsigned __int128)r : (unsigned __int128)r;
    mp_limb_t limb[2] = {(mp_limb_t)u, (mp_limb_t)(u >> 64)};
    return int_of_limbs(in, limb, limb[1] ? 2 : 1, r < 0);
}

/* ---- big ---- */

/* One bit of a product of that many, measured for large operands; less for small ones. */
static const double BIT_NS = 4;
static const double LIMB_NS = 3; /* where the memory is fresh */

#define BIG(name, call)                                                                            \
    static void name(mpz_ptr out, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)       \
    {                                                                                              \
        (void)a, (void)b, (void)c, (void)n;                                                        \
        call;                                                                                      \
    }
BIG(do_mul, mpz_mul(out, a, b))
BIG(do_floordiv, mpz_fdiv_q(out, a, b))
BIG(do_mod, mpz_fdiv_r(out, a, b))
BIG(do_pow, mpz_pow_ui(out, a, n))
BIG(do_powm, mpz_powm(out, a, b, c))
BIG(do_add, mpz_add(out, a, b))
BIG(do_sub, mpz_sub(out, a, b))
BIG(do_and, mpz_and(out, a, b))
BIG(do_or, mpz_ior(out, a, b))
BIG(do_xor, mpz_xor(out, a, b))
BIG(do_lshift, mpz_mul_2exp(out, a, n))
BIG(do_rshift, mpz_fdiv_q_2exp(out, a, n))

/* What passes over the bits of two ints once. */
static bool pass(interp *in, bigfn f, mpz_ptr r, mpz_srcptr x, mpz_srcptr y)
{
    double limbs = (double)mpz_size(x) + (double)mpz_size(y);
    return int_call(in, f, limbs * LIMB_NS, r, x, y, NULL, 0);
}

static bool big_pow(interp *in, mpz_t r, const mpz_t x, value n)
{
    if (mpz_cmpabs_ui(x, 1) <= 0) { /* -1, 0, 1 to any power */
        intview w;
        mpz_srcptr z = intview_of(&w, n);
        if (mpz_sgn(z) == 0)
            mpz_set_ui(r, 1);
        else if (mpz_sgn(x) < 0 && mpz_even_p(z))
            mpz_neg(r, x);
        else
            mpz_set(r, x);
        return true;
    }
    double bits = (double)mpz_sizeinbase(x, 2) - 1;
    if (n.kind == V_INT) bits = (bits > 1 ? bits : 1) * (double)n.i;
    if (n.kind != V_INT || !int_check_bits(in, bits)) {
        if (!throwing(in)) throw_nomem(in);
        return false;
    }
    return int_call(in, do_pow, bits * 2 * BIT_NS, r, x, NULL, NULL, (unsigned long)n.i);
}

static bool big_lshift(interp *in, mpz_t r, const mpz_t x, value n)
{
    if (mpz_sgn(x) == 0) return mpz_set_ui(r, 0), true;
    if (n.kind != V_INT) return throw(in, OverflowError, "too many digits in integer"), false;
    if (!int_check_bits(in, (double)mpz_sizeinbase(x, 2) + (double)n.i)) return false;
    double ns = ((double)mpz_size(x) + (double)n.i / GMP_NUMB_BITS) * LIMB_NS;
    return int_call(in, do_lshift, ns, r, x, NULL, NULL, (unsigned long)n.i);
}

static bool big_rshift(interp *in, mpz_t r, const mpz_t x, value n)
{
    if (n.kind != V_INT) return mpz_set_si(r, mpz_sgn(x) < 0 ? -1 : 0), true;
    double ns = (double)mpz_size(x) * LIMB_NS;
    return int_call(in, do_rshift, ns, r, x, NULL, NULL, (unsigned long)n.i);
}

static bool big_op(interp *in, enum binop op, mpz_t r, value a, value b)
{
    intview wx, wy;
    mpz_srcptr x = intview_of(&wx, a), y = intview_of(&wy, b);
    switch (op) {
    case OP_ADD: return pass(in, do_add, r, x, y);
    case OP_SUB: return pass(in, do_sub, r, x, y);
    case OP_MUL:
        if (!int_check_bits(in, bit_size(a) + bit_size(b))) return false;
        return int_call(in, do_mul, (bit_size(a) + bit_size(b)) * BIT_NS, r, x, y, NULL, 0);
    case OP_FLOORDIV: return int_call(in, do_floordiv, bit_size(a) * 3 * BIT_NS, r, x, y, NULL, 0);
    case OP_MOD: return int_call(in, do_mod, bit_size(a) * 3 * BIT_NS, r, x, y, NULL, 0);
    case OP_AND: return pass(in, do_and, r, x, y);
    case OP_OR: return pass(in, do_or, r, x, y);
    case OP_XOR: return pass(in, do_xor, r, x, y);
    case OP_POW: return big_pow(in, r, x, b);
    case OP_LSHIFT: return big_lshift(in, r, x, b);
    default: return big_rshift(in, r, x, b);
    }
}

/* The limbs that GMP may want for the result, or more than INT_LIMBS. */
static size_t limbs_of(enum binop op, value a, value b)
{
    intview wx, wy;
    size_t x = mpz_size(intview_of(&wx, a)), y = mpz_size(intview_of(&wy, b));
    switch (op) {
    case OP_MUL: return x + y + 1;
    case OP_POW: return SIZE_MAX;
    case OP_LSHIFT: return b.kind == V_INT ? x + (size_t)b.i / GMP_NUMB_BITS + 2 : SIZE_MAX;
    default: return (x > y ? x : y) + 2;
    }
}

static value big_arith(interp *in, enum binop op, value a, value b)
{
    if (limbs_of(op, a, b) <= INT_LIMBS) { /* GMP works in place: it never asks for more */
        mp_limb_t room[INT_LIMBS];
        mpz_t z = {{._mp_alloc = INT_LIMBS, ._mp_d = room}};
        return big_op(in, op, z, a, b) ? int_from_mpz(in, z) : FAIL;
    }
    bigint *r = big_new(in);
    if (!r) return FAIL;
    if (big_op(in, op, r->z, a, b)) return big_done(in, r);
    obj_unref(in, r);
    return FAIL;
}

static bool exact(value a) /* as a double */
{
    return a.kind == V_INT && a.i <= 1ll << 53 && a.i >= -(1ll << 53);
}

/* a / b correctly rounded: a quotient of at least 64 bits, its remainder sticky. */
static value true_divide(interp *in, value a, value b)
{
    if (exact(a) && exact(b)) return v_float((double)a.i / (double)b.i);
    intview wx, wy;
    mpz_srcptr x = intview_of(&wx, a), y = intview_of(&wy, b);
    int64_t shift = 66 - ((int64_t)mpz_sizeinbase(x, 2) - (int64_t)mpz_sizeinbase(y, 2));
    mpz_t q, r, scaled;
    mpz_inits(q, r, scaled, NULL);
    if (shift >= 0) {
        mpz_mul_2exp(scaled, x, (mp_bitcnt_t)shift);
        mpz_tdiv_qr(q, r, scaled, y);
    } else {
        mpz_mul_2exp(scaled, y, (mp_bitcnt_t)-shift);
        mpz_tdiv_qr(q, r, x, scaled);
    }
    int64_t e;
    uint64_t m = top_bits(q, &e) | (mpz_sgn(r) != 0);
    double d = scale_round(m, e - shift);
    if ((mpz_sgn(x) < 0) != (mpz_sgn(y) < 0)) d = -d;
    mpz_clears(q, r, scaled, NULL);
    if (isinf(d)) return throw(in, OverflowError, "integer division result too large for a float");
    return v_float(d);
}

static value int_divmod(interp *in, value a, value b)
{
    intview wx, wy;
    mpz_srcptr x = intview_of(&wx, a), y = intview_of(&wy, b);
    if (limbs_of(OP_DIVMOD, a, b) <= INT_LIMBS && (a.kind == V_OBJ || b.kind == V_OBJ)) {
        mp_limb_t room[2][INT_LIMBS];
        mpz_t z = {{._mp_alloc = INT_LIMBS, ._mp_d = room[0]}},
              r = {{._mp_alloc = INT_LIMBS, ._mp_d = room[1]}};
        mpz_fdiv_qr(z, r, x, y);
        return v_obj(tuple_pack(in, 2, int_from_mpz(in, z), int_from_mpz(in, r)));
    }
    value q = int_arith(in, OP_FLOORDIV, a, b);
    if (is_fail(q)) return FAIL;
    return v_obj(tuple_pack(in, 2, q, int_arith(in, OP_MOD, a, b)));
}

static value float_pow_of(interp *in, value a, value b)
{
    double x, y;
    if (!int_to_double(a, &x) || !int_to_double(b, &y)) {
        return throw(in, OverflowError, "int too large to convert to float");
    }
    return float_arith(in, OP_POW, x, y);
}

value int_arith(interp *in, enum binop op, value a, value b)
{
    switch (op) {
    case OP_MATMUL: return value_ref(NOTIMPL);
    case OP_TRUEDIV:
        if (!int_sign(b)) return throw(in, ZeroDivisionError, "division by zero");
        return true_divide(in, a, b);
    case OP_DIVMOD:
    case OP_FLOORDIV:
        if (!int_sign(b)) {
            return throw(in, ZeroDivisionError, "integer division or modulo by zero");
        }
        if (op == OP_DIVMOD) return int_divmod(in, a, b);
        break;
    case OP_MOD:
        if (!int_sign(b)) return throw(in, ZeroDivisionError, "integer modulo by zero");
        break;
    case OP_LSHIFT:
    case OP_RSHIFT:
        if (int_sign(b) < 0) return throw(in, ValueError, "negative shift count");
        break;
    case OP_POW:
        if (int_sign(b) < 0) return float_pow_of(in, a, b);
        break;
    default: break;
    }
    int64_t r;
    if (a.kind == V_INT && b.kind == V_INT) {
        if (small_arith(op, a.i, b.i, &r)) return v_int(r);
        if (op == OP_MUL || op == OP_ADD || op == OP_SUB) return wide_arith(in, op, a.i, b.i);
    }
    return big_arith(in, op, a, b);
}

static bool invert_mod(mpz_t r, const mpz_t x, const mpz_t m)
{
    if (mpz_cmpabs_ui(m, 1) == 0) return mpz_set_ui(r, 0), true;
    return mpz_invert(r, x, m) != 0;
}

value int_pow_mod(interp *in, value base, value exp, value mod)
{
    if (!int_sign(mod)) return throw(in, ValueError, "pow() 3rd argument cannot be 0");
    intview wx, wn, wm;
    mpz_srcptr x = intview_of(&wx, base), n = intview_of(&wn, exp), m = intview_of(&wm, mod);
    bigint *r = big_new(in);
    if (!r) return FAIL;
    mpz_t t, e;
    mpz_inits(t, e, NULL);
    mpz_set(t, x);
    mpz_abs(e, n);
    bool invertible = mpz_sgn(n) >= 0 || invert_mod(t, x, m);
    double limbs = (double)mpz_size(m), each = limbs * sqrt(limbs) * 8 + 20;
    bool ok =
        invertible && int_call(in, do_powm, (double)mpz_sizeinbase(e, 2) * each, r->z, t, e, m, 0);
    if (ok && mpz_sgn(m) < 0 && mpz_sgn(r->z) > 0) mpz_add(r->z, r->z, m); /* the sign of m */
    mpz_clears(t, e, NULL);
    if (ok) return big_done(in, r);
    obj_unref(in, r);
    if (invertible) return FAIL;
    return throw(in, ValueError, "base is not invertible for the given modulus");
}

/* round(a, ndigits): to a multiple of 10^-ndigits, halves to the even one */
value int_round(interp *in, value a, value ndigits)
{
    value n;
    int found = int_index(in, ndigits, &n);
    if (found < 0) return FAIL;
    if (!found) {
        return throw(in, TypeError, "'%s' object cannot be interpreted as an integer",
                     type_said(in, ndigits));
    }
    if (int_sign(n) >= 0) return value_unref(in, n), value_ref(a);
    intview w;
    mpz_srcptr x = intview_of(&w, a);
    bool huge = n.kind != V_INT || (double)-n.i > (double)mpz_sizeinbase(x, 10) + 1;
    unsigned long k = huge ? 0 : (unsigned long)-n.i;
    value_unref(in, n);
    if (huge) return v_int(0);
    mpz_t unit, q, r;
    mpz_inits(unit, q, r, NULL);
    mpz_ui_pow_ui(unit, 10, k);
    mpz_fdiv_qr(q, r, x, unit);
    mpz_mul_2exp(r, r, 1);
    int c = mpz_cmp(r, unit);
    if (c > 0 || (c == 0 && mpz_odd_p(q))) mpz_add_ui(q, q, 1);
    mpz_mul(q, q, unit);
    value out = int_from_mpz(in, q);
    mpz_clears(unit, q, r, NULL);
    return out;
}
