/* lang/types/dict_fast.h - lookups that call nothing: of ints, and of strs hashed before, which
 * are nearly all keys that programs use.  What they cannot decide is left to dict.c. */
#pragma once

#include <string.h>

#include "lang/types/dict.h"
#include "lang/types/str.h"

enum { DICT_NO_INDEX = 8, DICT_EMPTY = -1, DICT_GONE = -2 }; /* entries without index; its slots */

#define HASH_MODULUS ((UINT64_C(1) << 61) - 1)

static inline uint64_t int_hash(int64_t i)
{
    uint64_t u = i < 0 ? -(uint64_t)i : (uint64_t)i;
    if (u >= HASH_MODULUS) u %= HASH_MODULUS;
    return i < 0 ? -u : u;
}

/* value_hash() where it is at hand. */
static inline bool quick_hash(value key, uint64_t *hash)
{
    if (key.kind == V_INT) {
        *hash = int_hash(key.i);
        if (*hash == UINT64_MAX) *hash = UINT64_MAX - 1;
        return true;
    }
    if (key.kind != V_OBJ || key.o->type != &T_str) return false;
    *hash = ((const str *)key.o)->hash;
    return *hash != 0;
}

/* Nearly any key: it has a hash, and no set is meant by it. */
static inline bool is_quick_key(value key)
{
    return key.kind == V_INT || (key.kind == V_OBJ && key.o->type == &T_str);
}

/* Are two keys of one hash the same? 1, 0; -1: only __eq__ knows. */
static inline int quick_same(value a, value b)
{
    if (a.kind == b.kind && a.i == b.i && a.aux == b.aux) return 1;
    if (a.kind == V_INT && b.kind == V_INT) return 0;
    if (a.kind != V_OBJ || b.kind != V_OBJ || a.o->type != &T_str || b.o->type != &T_str) return -1;
    const str *s = (const str *)a.o, *t = (const str *)b.o;
    return s->nbyte == t->nbyte && !memcmp(s->at, t->at, s->nbyte);
}

/* The place of key's entry; -1: there is none, -2: dict_find() must say. */
static inline int64_t dict_seek(const dict *d, value key, uint64_t hash)
{
    if (!d->nindex) {
        for (int64_t i = 0; i < d->used; i++) {
            const dict_entry *e = &d->entry[i];
            if (e->hash != hash || is_fail(e->key)) continue;
            int same = quick_same(e->key, key);
            if (same) return same > 0 ? i : -2;
        }
        return -1;
    }
    uint64_t mask = d->nindex - 1, perturb = hash;
    for (uint64_t i = hash & mask;; i = (i * 5 + perturb + 1) & mask) {
        int32_t at = d->index[i];
        if (at == DICT_EMPTY) return -1;
        perturb >>= 5;
        if (at == DICT_GONE || d->entry[at].hash != hash) continue;
        int same = quick_same(d->entry[at].key, key);
        if (same) return same > 0 ? at : -2;
    }
}

/* The place of key's entry; negative: not there, or not known without calls. */
static inline int64_t quick_entry(const dict *d, value key)
{
    uint64_t hash;
    return quick_hash(key, &hash) ? dict_seek(d, key, hash) : -2;
}

/* Is there such a key? 1, 0; -2: not known. */
static inline int quick_has(const dict *d, value key)
{
    int64_t at = quick_entry(d, key);
    return at == -2 ? -2 : at >= 0;
}
