/* lang/types/num.h - int (small in the value, big through GMP), float, complex. */
#pragma once

#include <gmp.h>

#include "lang/type.h"

typedef struct bigint { /* only for ints outside int64: always normalised */
    obj hdr;
    mpz_t z;
} bigint;

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
value int_parse(interp *in, const char *s, size_t n,
                int base);                   /* digits with optional sign and _ */
value int_from_double(interp *in, double d); /* truncates; OverflowError, ValueError */
value int_from_u64(interp *in, uint64_t u);

/* int, bool, int scalars, and whatever has __index__. Else OverflowError or TypeError:
 * "'float' object cannot be interpreted as an integer". */
bool to_int64(interp *in, value v, int64_t *out);
/* as to_int64 but clamps to the int64 range (slice bounds) */
bool to_index_clamped(interp *in, value v, int64_t *out);
/* float, int, bool, scalars, __float__: "must be real number, not str" */
bool to_double(interp *in, value v, double *out);
bool to_complex(interp *in, value v, double *re, double *im);
bool to_mpz(interp *in, value v, mpz_t out); /* out is initialised; any int-like */
bool is_int(value v); /* int, bool, subclasses: what isinstance(v, int) says */
