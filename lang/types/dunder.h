/* lang/types/dunder.h - dunder names <-> slots, both ways. */
#pragma once

#include "lang/interp.h"

typedef struct dunder { /* one row of the table in dunder.c */
    const char *name;
    size_t slot;     /* offset in type */
    int op;          /* for slots that serve several names */
    int min, max;    /* arguments after self */
    value (*call)(interp *in, const struct dunder *d, const type *owner, const value *arg, int n);
    void (*fill)(void); /* what a user class puts into the slot */
} dunder;

/* Adds a slotmethod per slot that t fills. */
bool dunder_rows(interp *in, dict *d, const type *t);

/* what object does */
bool object_hash(interp *in, value self, uint64_t *out);
value object_compare(interp *in, enum cmpop op, value self, value other);
value object_repr(interp *in, value self);

value wrapper_new(interp *in, const type *t, value f); /* staticmethod, classmethod; counts f */
str *type_fullname(interp *in, const type *t);         /* module.qualname, builtins left out */
/* AttributeError with its name and obj fields; fmt has two %s: `what` and the name */
value throw_attribute(interp *in, value on, str *name, const char *fmt, const char *what);
str *callable_name(interp *in, value f); /* "f()" as call errors show it */
