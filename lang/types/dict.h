/* lang/types/dict.h - insertion-ordered dict (also every namespace) and sets.
 *
 * One table serves both: entries in insertion order plus an open-addressing index.
 * `version` changes on every insertion, deletion or replacement (drawn from a counter of
 * the interpreter, so no two states share one), so that inline caches can check it. */
#pragma once

#include "lang/type.h"

typedef struct dict_entry {
    uint64_t hash;
    value key, val; /* key FAIL: a deleted entry */
} dict_entry;

struct dict {
    obj hdr;
    int64_t n;         /* live entries */
    int64_t used, cap; /* of entry[] */
    dict_entry *entry;
    int32_t *index; /* nindex slots, a power of two; -1 empty, -2 deleted */
    uint32_t nindex;
    uint64_t version;
};

dict *dict_new(interp *in);
/* 1 found (out borrowed), 0 not, -1 failed (unhashable, __eq__ raised) */
int dict_get(interp *in, dict *d, value key, value *out);
bool dict_set(interp *in, dict *d, value key, value v); /* counts both */
int dict_del(interp *in, dict *d, value key);           /* 1 deleted, 0 absent, -1 failed */
int dict_get_str(interp *in, dict *d, str *key, value *out);
bool dict_set_str(interp *in, dict *d, str *key, value v);
bool dict_put(interp *in, dict *d, const char *key, value v); /* takes v; FAIL fails */
value dict_peek(interp *in, dict *d, const char *key); /* lends; FAIL (nothing pending) if absent */
bool dict_update(interp *in, dict *d, value mapping_or_pairs);
dict *dict_copy(interp *in, dict *d);
void dict_clear(interp *in, dict *d);
/* for (int64_t i = 0; dict_next(d, &i, &k, &v);) borrowed; do not change d meanwhile. */
bool dict_next(const dict *d, int64_t *i, value *key, value *val);

typedef struct set { /* set and frozenset: a dict of keys */
    obj hdr;
    dict *d;
    uint64_t hash; /* frozenset */
} set;

set *set_new(interp *in, bool frozen);
bool set_add(interp *in, set *s, value v);     /* counts v */
int set_contains(interp *in, set *s, value v); /* 1 0 -1 */

static inline dict *as_dict(value v)
{
    return (dict *)as_obj(v, &T_dict);
}
static inline set *as_set(value v) /* set or frozenset */
{
    obj *o = as_obj(v, &T_set);
    return (set *)(o ? o : as_obj(v, &T_frozenset));
}
