/* lang/types/dict.h - insertion-ordered dict (also every namespace) and sets.
 *
 * One table serves both: entries in insertion order plus an open-addressing index.
 * `version` changes when a key comes or goes or entries move, not when a value is replaced
 * (drawn from a counter of the interpreter, next_version() in lang/interp.h, so that no two
 * dicts share one): inline caches remember an entry's place with it. */
#pragma once

#include "lang/type.h"

typedef struct dict_entry {
    uint64_t hash;
    value key, val; /* key FAIL: a deleted entry; in the first one hash is then how many of the
                       first are deleted (at least), so that queues find their head */
} dict_entry;

struct dict {
    obj hdr;
    int64_t n;         /* live entries */
    int64_t used, cap; /* of entry[] */
    dict_entry *entry;
    int32_t *index;         /* nindex slots, a power of two; -1 empty, -2 deleted */
    uint32_t nindex, nfill; /* slots; those that are not empty */
    uint64_t version;
};

/* No entry before this one is live. */
static inline int64_t dict_front(const dict *d)
{
    return d->used && d->entry->key.kind == V_FAIL ? (int64_t)d->entry->hash : 0;
}

dict *dict_new(interp *in);
/* 1 found (out borrowed), 0 not, -1 failed (unhashable, __eq__ raised) */
int dict_get(interp *in, dict *d, value key, value *out);
bool dict_set(interp *in, dict *d, value key, value v); /* counts both */
int dict_del(interp *in, dict *d, value key);           /* 1 deleted, 0 absent, -1 failed */
int dict_get_str(interp *in, dict *d, str *key, value *out);
bool dict_set_str(interp *in, dict *d, str *key, value v);
/* The n pairs of a display, in registers: moved in, as far as it does not fail. */
bool dict_move_in(interp *in, dict *d, value *at, uint32_t n);
bool dict_put(interp *in, dict *d, const char *key, value v); /* takes v; FAIL fails */
value dict_peek(interp *in, dict *d, const char *key); /* lends; FAIL (nothing pending) if absent */
bool dict_update(interp *in, dict *d, value mapping_or_pairs);
dict *dict_copy(interp *in, dict *d);
void dict_clear(interp *in, dict *d);
/* for (int64_t i = 0; dict_next(d, &i, &k, &v);) borrowed; do not change d meanwhile. */
bool dict_next(const dict *d, int64_t *i, value *key, value *val);

/* dict views: one shape, three types */
extern const type T_dict_keys, T_dict_values, T_dict_items;
typedef struct dict_view {
    obj hdr;
    dict *of;
} dict_view;
/* iterators over a dict: dict_iter_types[what][reverse], what 0 keys, 1 values, 2 items */
value dict_iter_new(interp *in, dict *d, int what, bool reverse);
value dict_view_new(interp *in, dict *d, const type *t);
extern const type T_mappingproxy; /* types.MappingProxyType: reads any mapping, writes none */
value mapping_proxy_new(interp *in, value mapping);
value dict_pop(interp *in, dict *d, value key); /* moves the value out; FAIL without an exception */
/* moves entry i out: *key, *val are the caller's */
bool dict_pop_at(interp *in, dict *d, int64_t i, value *key, value *val);
/* what merge does with a key that is there: 0 replace it, 1 keep it, 2 KeyError(key) */
int dict_merge(interp *in, dict *d, value mapping_or_pairs, int present);
bool dict_reserve(interp *in, dict *d, int64_t n);
/* the entry of a key that lookup finds by hash: 1 found (at *i), 0 not, -1 failed */
int dict_find(interp *in, dict *d, value key, uint64_t hash, int64_t *i);
bool dict_set_hashed(interp *in, dict *d, value key, uint64_t hash, value v);
int dict_del_hashed(interp *in, dict *d, value key, uint64_t hash);

/* A set is its own table, laid out and probed as CPython's, because the order in which a set of
 * numbers prints is part of what programs show. */
typedef struct set_entry {
    uint64_t hash;
    value key; /* FAIL: empty when hash is 0, deleted when it is UINT64_MAX */
} set_entry;

typedef struct set { /* set and frozenset */
    obj hdr;
    int64_t n, fill; /* members; members and deleted */
    uint64_t mask;
    set_entry *at;   /* mask + 1 slots; NULL: none yet, as if 8 */
    uint64_t finger; /* where pop looks next */
    uint64_t hash;   /* frozenset: 0 not computed yet */
    uint64_t version;
} set;

set *set_new(interp *in, bool frozen);
bool set_add(interp *in, set *s, value v);     /* counts v */
int set_contains(interp *in, set *s, value v); /* 1 0 -1 */
int set_discard(interp *in, set *s, value v);  /* 1 removed, 0 absent, -1 failed */
bool set_update(interp *in, set *s, value iterable);
set *set_of(interp *in, value iterable, bool frozen);
/* the set that a display of three or more constants makes: its order differs from adding them */
set *set_of_constants(interp *in, const value *at, int64_t n);
/* for (int64_t i = 0; set_walk(s, &i, &v);) borrowed; do not change s meanwhile. */
bool set_walk(const set *s, int64_t *i, value *v);

static inline dict *as_dict(value v)
{
    return (dict *)as_obj(v, &T_dict);
}
static inline set *as_set(value v) /* set or frozenset */
{
    obj *o = as_obj(v, &T_set);
    return (set *)(o ? o : as_obj(v, &T_frozenset));
}
