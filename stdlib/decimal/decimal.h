/* stdlib/decimal/decimal.h - the objects around numbers: Decimal and the context that it obeys. */
#pragma once

#include "lang/lang.h"
#include "stdlib/decimal/num.h"

typedef struct decimal {
    obj hdr;
    num v;
} decimal;

typedef struct context { /* the C part of decimal.Context; r.status holds the flags */
    obj hdr;
    rules r;
    unsigned traps;
    bool lower; /* "e", not "E" */
} context;

extern const type T_decimal, T_context;

static inline decimal *as_decimal(value v)
{
    return (decimal *)(void *)as_obj(v, &T_decimal);
}

/* ---- contexts (context.c) ---- */

context *context_current(interp *in);         /* lends; NULL: an exception is pending */
context *context_arg(interp *in, value v);    /* None: the current one.  Lends. */
context *context_widest(interp *in, value v); /* checks v, for what does not round */
bool rounding_arg(interp *in, value v, enum rounding *out); /* None leaves it */
/* Sets flags; false: one is trapped and raised. */
bool context_settle(interp *in, context *x, unsigned status);

/* ---- Decimal (decimal.c) ---- */

decimal *decimal_new(interp *in, const type *cls);
/* v as a number: lent from a Decimal, or made of an int in `own`, which the caller initialised and
 * clears.  NULL: neither; nothing is pending but a MemoryError. */
const num *decimal_operand(interp *in, value v, num *own);
const num *check_operand(interp *in, value v, num *own); /* TypeError when it is neither */
value decimal_apply(interp *in, context *x, num_op *f, const num *a, const num *b, const num *c);
value decimal_binary(interp *in, enum binop op, value a, value b);
num_op *decimal_operator(enum binop op);

/* ---- what may take long (aside.c): false, an exception is pending ---- */

bool num_call(interp *in, num_op *f, num *out, const num *a, const num *b, const num *c, rules *r);
bool num_call_text(interp *in, struct strbuf *b, const num *x, bool engineering, bool capitals);
bool num_call_read(interp *in, num *out, const char *s, size_t n, rules *r, bool *ok);

/* ---- making them (convert.c) ---- */

value decimal_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames);
value decimal_from_float(interp *in, const value *arg);
value context_create(interp *in, const value *arg); /* create_decimal */
value decimal_to_int(interp *in, const num *x, enum rounding how);
value decimal_to_float(interp *in, const num *x);
value decimal_ratio(interp *in, const num *x);
value decimal_tuple(interp *in, const num *x);
bool decimal_hash(interp *in, value self, uint64_t *out);
bool num_set_double(num *out, double d, rules *r);

value decimal_format(interp *in, value self, str *spec);                   /* format.c */
value decimal_compare(interp *in, enum cmpop op, value self, value other); /* mixed.c */
