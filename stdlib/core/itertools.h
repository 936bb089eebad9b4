/* stdlib/core/itertools.h - the one shape of all iterators of itertools. */
#pragma once

#include "lang/lang.h"
#include "lang/types/iter.h"

typedef struct lazy { /* what the fields mean is said where each kind is made */
    obj hdr;
    value f, it, x;
    int64_t i, stop, step;
    tuple *pool, *last; /* last: see tuple_again */
    int64_t *idx;
    bool started, done, flag;
} lazy;

#define LAZY                                                                                       \
    TYPE_HEAD, .module = "itertools", .size = sizeof(lazy), .flags = TYPE_GC, .drop = lazy_drop,   \
               .visit = lazy_visit, .iter = iter_self

lazy *lazy_new(interp *in, const type *t);
void lazy_drop(interp *in, obj *o);
void lazy_visit(obj *o, visitor f, void *ctx);
static inline lazy *as_lazy(value v)
{
    return (lazy *)v.o;
}

/* chain: `it` gives the iterables, x walks the one in turn (FAIL: none yet) */
extern const type T_chain;
extern const type T_product, T_permutations, T_combinations, T_combinations_repeat, T_groupby;
value lazy_over(interp *in, const type *t, value of, value f); /* a lazy of kind t over iter(of) */
/* Drops *old and puts v there; answers v, counted once more. */
value lazy_keep(interp *in, value *old, value v);
value tee_function(interp *in, const value *arg);
