/* stdlib/numpy/functions.h - arguments of the functions that are one block operation each. */
#pragma once

#include "engine/base/mem.h"
#include "stdlib/numpy/numpy.h"

/* The blocks of a sequence of arrays. */
typedef struct blocks {
    int n;
    nd **at; /* owned */
} blocks;

static inline void blocks_clear(blocks *b)
{
    for (int i = 0; i < b->n; i++) datum_unref(b->at[i]);
    mem_free(b->at);
}

/* out is cleared by the caller; false with an exception, and nothing to clear. */
static inline bool blocks_of(interp *in, value seq, blocks *out)
{
    list *l = list_of(in, seq);
    *out = (blocks){0};
    if (!l) return false;
    out->at = mem_zero(sizeof(nd *) * (size_t)(l->n + 1));
    bool ok = true;
    for (int64_t i = 0; ok && i < l->n; i++) {
        ok = (out->at[i] = to_nd_any(in, l->at[i])) != NULL;
        out->n++;
    }
    obj_unref(in, l);
    if (!ok) blocks_clear(out);
    return ok;
}

/* A function of one or two arrays, of whose blocks x and y it computes a value. */
#define ARRAY1(name, expression)                                                                   \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        nd *x = to_nd_any(in, arg[0]);                                                             \
        if (!x) return FAIL;                                                                       \
        err e = {0};                                                                               \
        value r = expression;                                                                      \
        datum_unref(x);                                                                            \
        return r;                                                                                  \
    }
#define ARRAY2(name, expression)                                                                   \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;                      \
        err e = {0};                                                                               \
        value r = y ? expression : FAIL;                                                           \
        datum_unref(x);                                                                            \
        datum_unref(y);                                                                            \
        return r;                                                                                  \
    }
