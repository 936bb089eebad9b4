/* lang/types/dunder.h - dunder names <-> slots, both ways. */
#pragma once

#include "lang/interp.h"

enum dunder_id {
#define DUNDER(id, name, slot, op, min, max, wrapper, filler) D_##id,
#include "lang/types/dunder.def"
    NDUNDER
};

typedef struct dunder { /* one row of dunder.def */
    const char *name;
    size_t slot; /* offset in type */
    int op, min, max;
    value (*call)(interp *in, const struct dunder *d, const type *owner, const value *arg, int n,
                  tuple *kwnames);
    void (*fill)(void);
} dunder;
extern const dunder dunders[NDUNDER];

#define WRAPPER(f)                                                                                 \
    value f(interp *in, const dunder *d, const type *owner, const value *arg, int n, tuple *kwnames)
WRAPPER(w_repr);
WRAPPER(w_str);
WRAPPER(w_format);
WRAPPER(w_hash);
WRAPPER(w_bool);
WRAPPER(w_len);
WRAPPER(w_compare);
WRAPPER(w_unary);
WRAPPER(w_binary);
WRAPPER(w_rbinary);
WRAPPER(w_inplace);
WRAPPER(w_getitem);
WRAPPER(w_setitem);
WRAPPER(w_contains);
WRAPPER(w_iter);
WRAPPER(w_next);
WRAPPER(w_getattr);
WRAPPER(w_setattr);
WRAPPER(w_call);
WRAPPER(w_get);
WRAPPER(w_set);
WRAPPER(w_enter);
WRAPPER(w_exit);
WRAPPER(w_dir);

/* Adds a slotmethod per slot that t fills. */
bool dunder_rows(interp *in, dict *d, const type *t);
bool dunders_open(interp *in);
void dunders_close(interp *in);

/* what object does */
bool object_hash(interp *in, value self, uint64_t *out);
value object_compare(interp *in, enum cmpop op, value self, value other);
value object_repr(interp *in, value self);
value newargs_of(interp *in, const type *t, value self); /* (t(self),): what __getnewargs__ gives */

value wrapper_new(interp *in, const type *t, value f); /* staticmethod, classmethod; counts f */
str *type_fullname(interp *in, const type *t);         /* module.qualname, builtins left out */
/* AttributeError with its name and obj fields; fmt has two %s: `what` and the name */
value throw_attribute(interp *in, value on, str *name, const char *fmt, const char *what);
str *callable_name(interp *in, value f); /* "f()" as call errors show it */
