/* stdlib/core/pickle_read.h - between pickle_read.c and pickle_build.c: the machine that runs a
 * pickle. */
#pragma once

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "lang/types/dict.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"
#include "stdlib/core/pickle.h"

typedef struct reader {
    obj hdr;
    value other, error; /* other(reader, code, data); error: the class of what is raised */
    value data, file;   /* what `at` is in; None, or file(n) gives more */
    const char *at, *end;
    int proto;
    list *memo, *stack;
    int64_t *mark, nmark, capmark; /* places in stack */
} reader;

/* Raises UnpicklingError; FAIL. */
value pickle_wrong(interp *in, const reader *r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* other(reader, code, data): what is rare is done in the language; takes data. */
value pickle_asked(interp *in, reader *r, int code, value data);
bool pickle_push(interp *in, reader *r, value v); /* takes v */
value pickle_pop(interp *in, reader *r);          /* owned */
value pickle_top(interp *in, reader *r);          /* lends */
int64_t pickle_marked(interp *in, reader *r);
void pickle_cut(interp *in, reader *r, int64_t to);
value pickle_tuple(interp *in, reader *r, int64_t from); /* what lies from there on, taken off */

/* pickle_build.c: values made of others; more for those on the stack. */
value pickle_built(interp *in, reader *r, int code); /* FAIL, nothing raised: no such instruction */
bool pickle_grow(interp *in, reader *r, int code);
