/* engine/kernels/ufunc.h - elementwise operations: the table, NumPy's loop selection, nd_map.
 *
 * A ufunc is a row of ufunc.def: a name, a doc sentence and a list of loops in NumPy's own order.
 * Choosing a loop follows NumPy 1.24, value-based promotion included.  Everything here is const or
 * works on its arguments only: any thread may call anything. */
#pragma once

#include <stdint.h>

#include "engine/data/nd.h"

/* Runs n elements: p[k] is the first element of argument k (inputs first, then outputs), steps[k]
 * its distance in bytes.  An output may equal an input exactly, never overlap it in part.  Loops on
 * strings read the element sizes of their inputs in steps[nin + nout], steps[nin + nout + 1].
 * A binary loop with p[0] == p[2] and steps[0] == steps[2] == 0 reduces p[1] into p[0]
 * (for add on floats: pairwise, as NumPy). */
typedef void (*loop)(size_t n, char *const *p, const ptrdiff_t *steps);

enum { UFUNC_MAXARG = 4 };

typedef struct ufunc_loop {
    uint8_t arg[UFUNC_MAXARG]; /* dtypes: inputs, then outputs */
    loop run;
} ufunc_loop;

enum ufunc_identity { NO_IDENTITY, IDENTITY_0, IDENTITY_1, IDENTITY_ONES /* all bits set */ };

typedef struct ufunc {
    const char *name, *doc;
    uint8_t nin, nout;
    uint8_t identity;
    uint8_t id;              /* enum ufunc_id */
    const ufunc_loop *loops; /* ends with a NULL run */
} ufunc;

enum ufunc_id {
#define UFUNC(name, nin, nout, identity, doc) U_##name,
#include "engine/kernels/ufunc_rows.h"
    NUFUNC
};
extern const ufunc ufuncs[NUFUNC];

/* By NumPy name, aliases included ("abs", "mod", "true_divide" ...); NULL when there is none.
 * NumPy's __name__ of an alias is that of the ufunc itself. */
const ufunc *ufunc_find(const char *name);
typedef struct ufunc_alias {
    const char *name;
    enum ufunc_id of;
} ufunc_alias;
extern const ufunc_alias ufunc_aliases[]; /* ends with a NULL name */

/* What promotion knows of an operand.  `value` (an element of t) is only read for scalars: 0-d
 * arrays, NumPy scalars and the language's numbers (an int is int64, uint64 if it only fits that;
 * a float float64; a complex complex128; a bool bool).  NULL value: a scalar of unknown value,
 * which promotes by its type. */
typedef struct operand {
    dtype_of t;
    bool scalar;
    const void *value;
} operand;
operand operand_of(const nd *x); /* 0-d counts as a scalar */

/* numpy.result_type and numpy.min_scalar_type */
bool result_type(int n, const operand *in, dtype_of *out, err *e);
dtype_of min_scalar_type(dtype_of t, const void *value);

/* The chosen loop and the types of its arguments: inputs are cast to arg[0..nin), results come as
 * arg[nin..nin+nout). */
typedef struct ufunc_plan {
    loop run;
    dtype_of arg[UFUNC_MAXARG];
} ufunc_plan;

/* `want.dt` DT_none: none given.  Otherwise the output type of the loop (dtype= of NumPy).
 * casting: 's'afe, 'k' same_kind, 'u'nsafe ... applies to the inputs when `want` is given;
 * 0 means same_kind.  TypeError, in NumPy's words, when no loop fits. */
bool ufunc_resolve(const ufunc *f, const operand in[], dtype_of want, char casting,
                   ufunc_plan *plan, err *e);

/* UFuncTypeError "Cannot cast ufunc 'add' output from ..."; what: "output", "input 1" ... */
void *ufunc_cast_error(const ufunc *f, const char *what, dtype_of from, dtype_of to, char casting,
                       err *e);

/* What the operator ** of arrays of type x does when the exponent is a number: square, sqrt ... or
 * NULL, power itself.  (numpy.power does not.) */
const ufunc *ufunc_of_pow(dtype_of x, const operand *exponent);

enum fp_flags { FP_DIVIDE = 1, FP_OVER = 2, FP_UNDER = 4, FP_INVALID = 8 };
/* The phrase NumPy puts in its RuntimeWarning ("divide by zero", "overflow" ...) for one flag:
 * "RuntimeWarning: %s encountered in %s". */
const char *fp_flag_text(unsigned flag);

/* Those of the flags raised that NumPy reports of f over elements of type t: never underflow, and
 * NaN is nothing invalid to what compares. */
unsigned fp_reported(const ufunc *f, enum dtype t, unsigned raised);

/* All fields may be zero, but set `dtype` with OPTS_NONE. */
typedef struct map_opts {
    dtype_of dtype;  /* DT_none: chosen by the inputs */
    char casting;    /* 0: same_kind */
    const nd *where; /* bool, broadcasts; elements elsewhere stay as they are (new: undefined) */
    nd *out[2];      /* targets to write into (exclusively the caller's); NULL: a new block */
    unsigned flags;  /* out: fp_flags raised, except FP_UNDER which NumPy ignores */
} map_opts;
#define OPTS_NONE                                                                                  \
    {                                                                                              \
        .dtype = {.dt = DT_none }                                                                  \
    }

/* Applies f, broadcasting.  o may be NULL.  Results: out[0..nout), owned by the caller (a given
 * target is returned counted).  Memory order of fresh results follows the inputs (order='K').
 * A target that overlaps an input is handled. */
bool nd_map(const ufunc *f, const nd *const in[], map_opts *o, nd *out[], err *e);
/* The common cases: one result, no options, flags dropped. */
nd *nd_map1(enum ufunc_id id, const nd *x, err *e);
nd *nd_map2(enum ufunc_id id, const nd *x, const nd *y, err *e);
