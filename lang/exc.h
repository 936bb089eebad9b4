/* lang/exc.h - exception objects and tracebacks. */
#pragma once

#include "lang/interp.h"

enum { EXC_FIELDS = 8 };

typedef struct exc {
    obj hdr;
    tuple *args;
    value cause, context;    /* FAIL: none */
    struct traceback *tb;    /* outermost frame first */
    bool suppress;           /* __suppress_context__ */
    value field[EXC_FIELDS]; /* what the class has beyond: errno, value, lineno ... (exc_fields) */
} exc;

typedef struct traceback {
    obj hdr;
    struct traceback *next; /* towards where it happened */
    link *link;             /* counted */
    uint32_t at;            /* instruction */
    uint32_t more;          /* frames right below that are the same, in very deep recursions */
    uint32_t below;         /* entries below, at least */
    dict *globals;
} traceback;

exc *as_exc(value v); /* NULL when it is no exception instance */
bool is_exc_class(value v);
/* Makes an exception pending: instance or class (instantiated); fills __context__. Takes v. */
void exc_raise(interp *in, value v);
bool exc_matches(interp *in, value exc, const type *t);
value exc_handled(interp *in); /* what `raise` alone would raise again: borrowed, FAIL if nothing */
/* Prepends the running frame's place to the pending exception's traceback. */
void exc_trace(interp *in, frame *f);
/* A Ctrl-C pressed before the pending exception was raised takes its place: handlers and __exit__
 * then run to their end, where it would have been raised within them. */
void exc_overtaken(interp *in);
str *exc_str(interp *in, exc *x); /* what print(x) prints */
/* Sets the fields of x (errno, value ...) from its args. */
void exc_fill(interp *in, exc *x, tuple *kwnames);
const builtin *exc_table(const type *t); /* rows of a builtin exception class; NULL: none */
/* Across threads (freeze.c). exc_freeze borrows and may give NULL. */
datum *exc_freeze(interp *in, value v);
value exc_of_datum(interp *in, datum *d);
