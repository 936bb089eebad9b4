/* stdlib/decimal/num.h - decimal numbers and their arithmetic, without a word of Python.
 *
 * A num is a sign, a coefficient of GMP limbs and a power of ten; short coefficients (76 digits)
 * live in the num itself.  An operation computes exactly, or far enough to round, then `num_finish`
 * rounds once by the rules and notes what happened in their status.  Results (`out`) are
 * initialised by the caller and never one of the operands. */
#pragma once

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum num_kind { FINITE, INFINITE, QUIET, SIGNALING };

enum rounding {
    HALF_EVEN,
    HALF_UP,
    HALF_DOWN,
    TO_ZERO,
    FROM_ZERO,
    TO_CEILING,
    TO_FLOOR,
    FROM_0_5,
    NROUNDING
};

/* What an operation may have to report; the bits are shown in this order. */
enum status {
    ST_CLAMPED = 1,
    ST_SYNTAX = 2,
    ST_BY_ZERO = 4,
    ST_IMPOSSIBLE = 8,
    ST_UNDEFINED = 0x10,
    ST_INEXACT = 0x40,
    ST_CONTEXT = 0x80,
    ST_INVALID = 0x100,
    ST_NO_MEMORY = 0x200,
    ST_FLOAT = 0x400,
    ST_OVERFLOW = 0x800,
    ST_ROUNDED = 0x1000,
    ST_SUBNORMAL = 0x2000,
    ST_UNDERFLOW = 0x4000,
    ST_ALL_INVALID = ST_SYNTAX | ST_IMPOSSIBLE | ST_UNDEFINED | ST_CONTEXT | ST_INVALID,
    ST_ERRORS = ST_ALL_INVALID | ST_BY_ZERO | ST_NO_MEMORY,
};

#define PREC_MAX 999999999999999999
#define EXP_HUGE (4 * (int64_t)PREC_MAX) /* beyond every exponent, far from the end of int64 */

typedef struct rules {
    int64_t prec, emin, emax;
    enum rounding rounding;
    bool clamp;
    unsigned status; /* operations add to it */
} rules;
extern const rules rules_widest; /* whatever fits is exact */

enum { NUM_OWN = 4 };
typedef struct num {
    uint8_t kind;
    bool neg;
    uint32_t room; /* limbs at `limb` */
    size_t n;      /* limbs used, the last not 0; 0: zero */
    int64_t exp;
    mp_limb_t *limb; /* `own`, or from the heap */
    mp_limb_t own[NUM_OWN];
} num;

static inline void num_init(num *x)
{
    x->kind = FINITE;
    x->neg = false;
    x->n = 0;
    x->exp = 0;
    x->limb = x->own;
    x->room = NUM_OWN;
}
void num_clear(num *x);
static inline bool num_is_nan(const num *x)
{
    return x->kind >= QUIET;
}
static inline bool num_is_zero(const num *x)
{
    return x->kind == FINITE && x->n == 0;
}
static inline int num_signed(const num *x) /* -1 or 1 */
{
    return x->neg ? -1 : 1;
}
bool num_is_whole(const num *x);
bool num_is_odd(const num *x); /* of a whole number */

/* ---- coefficients (num.c) ---- */

/* Room for n limbs; the old ones are kept.  False: ST_NO_MEMORY. */
bool num_room(num *x, size_t n, rules *r);
void num_trim(num *x);            /* counts leading zeros out */
int64_t num_digits(const num *x); /* of the coefficient; 1 for zero */
static inline int64_t num_adjusted(const num *x)
{
    return x->exp + num_digits(x) - 1;
}
void num_copy(num *out, const num *a, rules *r);
void num_set(num *out, bool neg, uint64_t coefficient, int64_t exp);
void num_special(num *out, enum num_kind kind, bool neg);
void num_swap(num *a, num *b);
bool num_set_mpz(num *out, mpz_srcptr z, rules *r);
mpz_srcptr num_view(mpz_t view, const num *x);                  /* the coefficient, to be read */
bool num_shift_up(num *out, const num *a, int64_t k, rules *r); /* coefficient * 10^k, same exp */
/* Drops the last k digits, same exp.  What they were: */
enum rest { REST_0, REST_LESS, REST_HALF, REST_MORE };
enum rest num_shift_down(num *x, int64_t k, rules *r);
void num_keep(num *x, int64_t digits, rules *r); /* only the last digits */
int64_t num_strip(num *x, int64_t most);         /* takes zeros off the end, counting exp up */
/* q = a / b, *left: whether something remains; rest may be NULL.  Of coefficients. */
bool num_divide(num *q, num *rest, const num *a, const num *b, bool *left, rules *r);
bool num_increment(num *x, rules *r);
bool num_round_by(num *x, enum rest rest, rules *r); /* one more, or not */
/* Digits that follow were not 0: rounding is to see that. */
void num_sticky(num *x, rules *r);
int coefficient_cmp(const num *a, const num *b);

/* ---- results (finish.c) ---- */

void num_finish(num *x, rules *r);
void num_largest(num *x, bool neg, rules *r);
void num_invalid(num *out, unsigned status, rules *r);
bool nan_found(num *out, const num *a, const num *b, const num *c, rules *r);
/* Is one of them (b, c may be NULL) a NaN?  Then out is what comes of that. */
static inline bool num_nan(num *out, const num *a, const num *b, const num *c, rules *r)
{
    bool none = !num_is_nan(a) && !(b && num_is_nan(b)) && !(c && num_is_nan(c));
    return !none && nan_found(out, a, b, c, r);
}

/* ---- operations: rows of operations.def ---- */

typedef void num_op(num *out, const num *a, const num *b, const num *c, rules *r);
#define OPERATION(name) num_op num_##name;
OPERATION(add)
OPERATION(subtract)
OPERATION(multiply)
OPERATION(divide_by)
OPERATION(divide_int)
OPERATION(remainder)
OPERATION(plus)
OPERATION(minus)
OPERATION(abs)
OPERATION(power)
#define UNARY(name, doc)          OPERATION(name)
#define BINARY(name, doc)         OPERATION(name)
#define TERNARY(name, doc)        OPERATION(name)
#define QUESTION(name, test, doc) /* */
#include "stdlib/decimal/operations.def"
#undef OPERATION
/* a^n, or a^-n; ndigits: how many n has; neg: the sign of the result */
void num_power_whole(num *out, const num *a, bool inverse, uint64_t n, int64_t ndigits, bool neg,
                     rules *r);
void num_forget_constants(void); /* what exp and its kin keep for this thread */
void num_divmod(num *q, num *rest, const num *a, const num *b, rules *r);
void num_power_mod(num *out, const num *a, const num *b, const num *mod, rules *r);
void num_quantize(num *out, const num *a, const num *b, rules *r);
void num_integral(num *out, const num *a, bool exact, rules *r);
int num_cmp(const num *a, const num *b); /* no NaN among them */
int num_cmp_total(const num *a, const num *b, bool magnitudes);
bool num_same_quantum(const num *a, const num *b);
bool num_is_normal(const num *a, const rules *r);
bool num_is_subnormal(const num *a, const rules *r);
const char *num_class(const num *a, const rules *r);
/* A number without exponent in [-most, most]: else false. */
bool num_small(const num *a, int64_t most, int64_t *out);

/* ---- text (text.c) ---- */

struct strbuf;
void num_text(struct strbuf *b, const num *x, bool engineering, bool capitals);
void num_digits_text(struct strbuf *b, const num *x);
bool num_read(num *out, const char *s, size_t n, rules *r); /* false: no number */
