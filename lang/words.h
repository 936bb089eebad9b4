/* lang/words.h - values moved as two words in general registers.
 *
 * A compiler likes to copy the 16 bytes of a value through a vector register; that load waits when
 * the two halves were stored apart a moment ago, and so does a load of one half after a vector
 * store.  Loops that do little else move values with these. */
#pragma once

#include <string.h>

#include "lang/interp.h"

#define WORDS static inline __attribute__((always_inline))

typedef uint64_t __attribute__((may_alias)) half;
#define TAG(p)    (((half *)(void *)(uintptr_t)(p))[0])
#define BITS(p)   (((half *)(void *)(uintptr_t)(p))[1])
#define KIND(tag) ((uint32_t)(tag))

WORDS value value_at(const value *p)
{
    uint64_t tag = TAG(p), bits = BITS(p);
    value v = {.kind = (uint32_t)tag, .aux = (uint32_t)(tag >> 32)};
    v.bits = bits;
    return v;
}

WORDS value ref_at(const value *p)
{
    return value_ref(value_at(p));
}

WORDS void unref_bits(interp *in, uint64_t bits)
{
    obj *o = (obj *)(uintptr_t)bits;
    if (!(o->flags & OBJ_FROZEN) && --o->rc == 0) obj_free(in, o);
}

WORDS void set_words(interp *in, value *p, uint64_t tag, uint64_t bits)
{
    uint64_t old = TAG(p), old_bits = BITS(p);
    TAG(p) = tag;
    BITS(p) = bits;
    if (KIND(old) == V_OBJ) unref_bits(in, old_bits);
}

WORDS void set_value(interp *in, value *p, value v)
{
    set_words(in, p, (uint64_t)v.aux << 32 | v.kind, v.bits);
}

WORDS void put_value(value *p, value v) /* where nothing is yet */
{
    TAG(p) = (uint64_t)v.aux << 32 | v.kind;
    BITS(p) = v.bits;
}

WORDS void copy_value(interp *in, value *to, const value *from) /* counted */
{
    uint64_t tag = TAG(from), bits = BITS(from);
    if (KIND(tag) == V_OBJ) {
        obj *o = (obj *)(uintptr_t)bits;
        if (!(o->flags & OBJ_FROZEN)) o->rc++;
    }
    set_words(in, to, tag, bits);
}

WORDS void clear_value(interp *in, value *p)
{
    uint64_t old = TAG(p), bits = BITS(p);
    TAG(p) = V_FAIL;
    if (KIND(old) == V_OBJ) unref_bits(in, bits);
}

static inline uint64_t float_bits(double f)
{
    uint64_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

WORDS value take(value *p)
{
    value v = value_at(p);
    TAG(p) = V_FAIL;
    return v;
}
