/* lang/types/num.h - int (small in the value, big through GMP), float, complex. */
#pragma once

#include <gmp.h>

#include "lang/type.h"

typedef struct bigint { /* only for ints outside int64: always normalised */
    obj hdr;
    mpz_t z; /* never written once it is made: alloc 0 when its limbs follow the object */
} bigint;
enum { INT_LIMBS = 64 }; /* as many follow it */

typedef struct cplx {
    obj hdr;
    double re, im;
} cplx;

/* An instance of a user subclass of int or float (class Color(int)): the number, boxed. */
typedef struct boxed {
    obj hdr;
    value v;
} boxed;

value v_complex(interp *in, double re, double im);
value int_from_mpz(interp *in, const mpz_t z); /* copies; normalises */
/* n limbs, the highest not 0, as an int that has them behind the object itself, where nothing has
 * to be freed (alloc is 0, as GMP marks what is only read). */
value int_of_limbs(interp *in, const mp_limb_t *limb, size_t n, bool negative);
value int_parse(interp *in, const char *s, size_t n,
                int base);                   /* digits with optional sign and _ */
value int_from_double(interp *in, double d); /* truncates; OverflowError, ValueError */
value int_from_u64(interp *in, uint64_t u);

/* int, bool, int scalars, and whatever has __index__. Else OverflowError or TypeError:
 * "'float' object cannot be interpreted as an integer". */
bool to_int64(interp *in, value v, int64_t *out);
/* as to_int64 but clamps to the int64 range (slice bounds) */
bool to_index_clamped(interp *in, value v, int64_t *out);
/* to_index_clamped for the start and end of searches, with the message of slices */
bool to_slice_index(interp *in, value v, int64_t *out);
/* float, int, bool, scalars, __float__: "must be real number, not str" */
bool to_double(interp *in, value v, double *out);
bool to_complex(interp *in, value v, double *re, double *im);
bool to_mpz(interp *in, value v, mpz_t out); /* out is initialised; any int-like */
bool is_int(value v); /* int, bool, subclasses: what isinstance(v, int) says */

/* v.__index__(): 1 *out is an int proper (owned); 0 it has none, nothing pending; -1 failed */
int int_index(interp *in, value v, value *out);
/* The same as an int64 for seq * v: only what is an int or a user's class (arrays multiply
 * elementwise), and too much is an OverflowError. */
int repeat_count(interp *in, value v, int64_t *out);
/* An int, bool or instance of an int subclass as V_INT or bigint (borrowed); false: another type */
bool int_plain(value v, value *out);
/* float or an instance of a subclass */
bool float_plain(value v, double *out);
/* int or float (and subclasses) as a double; -1: an int too large (OverflowError is pending),
 * 0: another type */
int real_plain(interp *in, value v, double *out);

/* Arithmetic on plain ints and on doubles, with Python's rules and errors; NOTIMPL for the
 * operations a type does not have. */
value int_arith(interp *in, enum binop op, value a, value b);
value float_arith(interp *in, enum binop op, double a, double b);
value complex_arith(interp *in, enum binop op, double ar, double ai, double br, double bi);
value int_pow_mod(interp *in, value base, value exp, value mod); /* plain ints */
int int_cmp(value a, value b);                                   /* plain ints: -1 0 1 */
int int_sign(value a);
bool int_to_double(value a, double *out); /* correctly rounded; false: too large */
value int_round(interp *in, value a, value ndigits);
value float_round(interp *in, double x, value ndigits); /* NONE: to an int */
bool double_hash(double d, uint64_t *out);

/* Digits in base 2..36, lower case, with a minus sign; base 10 obeys the digit limit.
 * mem_* buffer, NULL + exception. */
char *int_digits(interp *in, value plain, int base);
/* A big int as hex(), oct() and bin() show it: shift bits a digit, letter x, o or b. */
str *int_bits_text(interp *in, value big, unsigned shift, char letter);
enum { INT_TEXT = 72 };                                   /* room for an int64 in any base */
size_t int64_digits(int64_t i, unsigned base, char *out); /* NUL-terminated; its length */
value int_from_text(interp *in, str *text, int base);     /* int("...", base) */
bool float_from_text(interp *in, str *text, double *out); /* float("...") */
/* Blanks cut off, Unicode's decimal digits as ASCII ones, anything foreign as '?'. mem_*. */
char *number_text(const str *s, size_t *n);
int64_t int_digit_limit(interp *in); /* sys.get_int_max_str_digits(); 0: none */
value float_from_hex(interp *in, str *text);
value float_to_hex(interp *in, double x);

/* The bits an int may grow to before it is a MemoryError (GMP would abort). */
bool int_check_bits(interp *in, double bits);
value throw_nomem(interp *in); /* MemoryError without a message, as Python has it */

static inline bool is_bigint(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_int;
}
/* A plain int as a read-only mpz: points into the value or into the view. */
typedef struct intview {
    mpz_t z;
    mp_limb_t limb;
} intview;
static inline mpz_srcptr intview_of(intview *w, value plain)
{
    if (plain.kind == V_OBJ) return ((bigint *)plain.o)->z;
    w->limb = plain.i < 0 ? -(mp_limb_t)plain.i : (mp_limb_t)plain.i;
    return mpz_roinit_n(w->z, &w->limb, plain.i < 0 ? -1 : plain.i > 0);
}
