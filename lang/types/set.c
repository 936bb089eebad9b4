/* lang/types/set.c - the table of set and frozenset, and what combines whole tables.
 *
 * Probing, growth and the order of combining follow CPython 3.11 step by step: the order of a
 * set of numbers shows when it is printed or iterated, and programs depend on it.  Runs of
 * LINEAR + 1 neighbours are tried before each jump.  A deleted slot keeps the hash UINT64_MAX,
 * which no key has. */
#include "lang/types/set_impl.h"

#include <string.h>

#include "lang/bin.h"
#include "lang/lang.h"
#include "lang/types/dict_fast.h"
#include "lang/types/iter_fast.h"

enum { LINEAR = 9, FIRST = 8, BIG = 50000 };

set *set_alloc(interp *in, const type *t)
{
    set *s = obj_new(in, t, 0);
    if (s) s->mask = FIRST - 1;
    return s;
}

set *set_new(interp *in, bool frozen)
{
    return set_alloc(in, frozen ? &T_frozenset : &T_set);
}

#define TABLE_BYTES(mask) ((size_t)((mask) + 1) * sizeof(set_entry))

static void free_table(interp *in, set_entry *at, uint64_t mask)
{
    items_free(in, at, TABLE_BYTES(mask));
}

static set_entry *new_table(interp *in, uint64_t mask)
{
    set_entry *at = items_grow(in, NULL, 0, TABLE_BYTES(mask));
    if (at && !memory_fill(in, at, 0, TABLE_BYTES(mask))) return free_table(in, at, mask), NULL;
    return at;
}

static inline bool is_empty(const set_entry *e)
{
    return is_fail(e->key) && !e->hash;
}

/* A member, in slot i or behind it; NULL: there are no more. */
static inline const set_entry *member_from(const set *s, uint64_t *i)
{
    for (; s->at && *i <= s->mask; ++*i)
        if (!is_fail(s->at[*i].key)) return &s->at[*i];
    return NULL;
}

static inline uint64_t run_length(uint64_t i, uint64_t mask)
{
    return i + LINEAR <= mask ? LINEAR : 0;
}

/* ---- lookup ---- */

/* Is the slot this key? 1 0 -1; -2: the table changed meanwhile. */
static inline int matches(interp *in, set *s, uint64_t at, value key)
{
    value have = s->at[at].key;
    int same = quick_same(have, key);
    if (same >= 0) return same;
    uint64_t version = s->version;
    value_ref(have);
    int eq = value_eq(in, have, key);
    value_unref(in, have);
    return eq < 0 ? -1 : s->version != version ? -2 : eq;
}

/* The slot of the key (1), or the free one where it belongs (0); -1 failed, -2 changed. */
static int find_once(interp *in, set *s, value key, uint64_t hash, uint64_t *out)
{
    uint64_t mask = s->mask, perturb = hash;
    bool reuse = false;
    for (uint64_t i = hash & mask;; i = (i * 5 + 1 + perturb) & mask) {
        for (uint64_t k = i, last = i + run_length(i, mask); k <= last; k++) {
            set_entry *e = &s->at[k];
            if (is_empty(e)) {
                if (!reuse) *out = k;
                return 0;
            }
            if (is_fail(e->key)) { /* the last deleted slot on the way serves again */
                *out = k;
                reuse = true;
            }
            if (e->hash != hash || is_fail(e->key)) continue;
            int eq = matches(in, s, k, key);
            if (eq) *out = k;
            if (eq) return eq;
        }
        perturb >>= 5;
    }
}

static int find(interp *in, set *s, value key, uint64_t hash, uint64_t *slot)
{
    int r = s->at ? -2 : 0; /* an __eq__ may clear the set */
    while (r == -2) r = s->at ? find_once(in, s, key, hash, slot) : 0;
    return r;
}

int set_find_hashed(interp *in, set *s, value key, uint64_t hash)
{
    uint64_t slot;
    return s->n ? find(in, s, key, hash, &slot) : 0;
}

static inline bool hash_of(interp *in, value v, uint64_t *hash)
{
    return quick_hash(v, hash) || value_hash(in, v, hash);
}

int set_contains(interp *in, set *s, value v)
{
    uint64_t hash;
    return hash_of(in, v, &hash) ? set_find_hashed(in, s, v, hash) : -1;
}

/* ---- change ---- */

static void insert_clean(set_entry *at, uint64_t mask, value key, uint64_t hash)
{
    uint64_t perturb = hash;
    for (uint64_t i = hash & mask;; i = (i * 5 + 1 + perturb) & mask) {
        for (uint64_t k = i, last = i + run_length(i, mask); k <= last; k++) {
            if (!is_fail(at[k].key)) continue;
            at[k].hash = hash;
            put_value(&at[k].key, key);
            return;
        }
        perturb >>= 5;
    }
}

static bool resize(interp *in, set *s, int64_t minused)
{
    uint64_t size = FIRST;
    while ((int64_t)size <= minused) size *= 2;
    set_entry *at = new_table(in, size - 1);
    const set_entry *e;
    if (!at) return false;
    for (uint64_t i = 0; (e = member_from(s, &i)); i++) {
        insert_clean(at, size - 1, value_at(&e->key), e->hash);
        if (!goes_on(in, i)) return free_table(in, at, size - 1), false;
    }
    free_table(in, s->at, s->mask);
    s->at = at;
    s->mask = size - 1;
    s->fill = s->n;
    s->version++;
    return true;
}

static bool grow(interp *in, set *s)
{
    return resize(in, s, s->n > BIG ? s->n * 2 : s->n * 4);
}

bool set_add_hashed(interp *in, set *s, value key, uint64_t hash)
{
    uint64_t slot;
    int r;
    do {
        if (!s->at && !(s->at = new_table(in, s->mask))) return false;
        r = find(in, s, key, hash, &slot);
    } while (!r && !s->at);
    if (r) return r > 0;
    bool unused = is_empty(&s->at[slot]);
    s->at[slot].hash = hash;
    put_value(&s->at[slot].key, value_ref(key));
    s->n++;
    s->version++;
    if (!unused) return true;
    s->fill++;
    return (uint64_t)s->fill * 5 < s->mask * 3 || grow(in, s);
}

bool set_add(interp *in, set *s, value v)
{
    uint64_t hash;
    return hash_of(in, v, &hash) && set_add_hashed(in, s, v, hash);
}

static void delete_slot(interp *in, set *s, uint64_t slot)
{
    value key = s->at[slot].key;
    s->at[slot] = (set_entry){UINT64_MAX, FAIL};
    s->n--;
    s->version++;
    value_unref(in, key);
}

int set_discard_hashed(interp *in, set *s, value key, uint64_t hash)
{
    uint64_t slot;
    if (!s->n) return 0;
    int r = find(in, s, key, hash, &slot);
    if (r > 0) delete_slot(in, s, slot);
    return r;
}

int set_discard(interp *in, set *s, value v)
{
    uint64_t hash;
    return hash_of(in, v, &hash) ? set_discard_hashed(in, s, v, hash) : -1;
}

void set_clear(interp *in, set *s)
{
    set_entry *at = s->at;
    uint64_t mask = s->mask;
    s->at = NULL;
    s->n = s->fill = 0;
    s->mask = FIRST - 1;
    s->version++;
    if (at && mask >= PILE_LEAST) {
        pile_drop(in, (pile){.next = (char *)at,
                             .step = sizeof *at,
                             .n = (int64_t)mask + 1,
                             .from = offsetof(set_entry, key),
                             .nvalue = 1,
                             .block = at,
                             .end = mem_free});
        return;
    }
    for (uint64_t i = 0; at && i <= mask; i++) value_unref(in, at[i].key);
    free_table(in, at, mask);
}

bool set_walk(const set *s, int64_t *i, value *v)
{
    uint64_t at = (uint64_t)*i;
    const set_entry *e = member_from(s, &at);
    *i = (int64_t)at + 1;
    if (e) *v = value_at(&e->key);
    return e;
}

value set_pop(interp *in, set *s)
{
    if (!s->n) return throw_key_text(in, "pop from an empty set");
    uint64_t i = s->finger & s->mask;
    while (is_fail(s->at[i].key)) i = (i + 1) & s->mask;
    value key = value_ref(s->at[i].key);
    delete_slot(in, s, i);
    s->finger = i + 1;
    return key;
}

/* ---- whole sets ---- */

/* The entries of other into a table that never held any, with room for them. */
static bool merge_fresh(interp *in, set *s, const set *other)
{
    bool same = s->mask == other->mask && other->fill == other->n;
    s->version++;
    const set_entry *e;
    for (uint64_t i = 0; (e = member_from(other, &i)); i++) {
        if (!goes_on(in, i)) return false;
        value key = ref_at(&e->key);
        if (same) {
            s->at[i].hash = e->hash;
            put_value(&s->at[i].key, key);
        } else
            insert_clean(s->at, s->mask, key, e->hash);
        s->fill = ++s->n;
    }
    return true;
}

static bool merge(interp *in, set *s, set *other)
{
    if (other == s || !other->n) return true;
    if ((uint64_t)(s->fill + other->n) * 5 >= s->mask * 3 && !resize(in, s, (s->n + other->n) * 2))
        return false;
    if (!s->at && !(s->at = new_table(in, s->mask))) return false;
    if (!s->fill) return merge_fresh(in, s, other);
    const set_entry *e;
    for (uint64_t i = 0; (e = member_from(other, &i)); i++) {
        if (!goes_on(in, i)) return false;
        value key = ref_at(&e->key);
        bool ok = set_add_hashed(in, s, key, e->hash);
        value_unref(in, key);
        if (!ok) return false;
    }
    return true;
}

static bool merge_keys(interp *in, set *s, dict *d)
{
    if ((uint64_t)(s->fill + d->n) * 5 >= s->mask * 3 && !resize(in, s, (s->n + d->n) * 2))
        return false;
    for (int64_t i = 0; i < d->used; i++) {
        if (!goes_on(in, (size_t)i)) return false;
        if (is_fail(d->entry[i].key)) continue;
        value key = ref_at(&d->entry[i].key); /* its __eq__ may empty d */
        bool ok = set_add_hashed(in, s, key, d->entry[i].hash);
        value_unref(in, key);
        if (!ok) return false;
    }
    return true;
}

bool set_each(interp *in, value iterable, bool (*f)(interp *, set *, value, uint64_t), set *s)
{
    value it = value_iter(in, iterable), v;
    if (is_fail(it)) return false;
    bool ok = true;
    while (ok && !is_fail(v = next_item(in, it))) {
        uint64_t hash;
        ok = hash_of(in, v, &hash) && f(in, s, v, hash);
        value_unref(in, v);
    }
    value_unref(in, it);
    return ok && !throwing(in);
}

bool set_update(interp *in, set *s, value iterable)
{
    set *other = as_set(iterable);
    if (other) return merge(in, s, other);
    if (iterable.kind == V_OBJ && iterable.o->type == &T_dict)
        return merge_keys(in, s, (dict *)iterable.o);
    return set_each(in, iterable, set_add_hashed, s);
}

set *set_of(interp *in, value iterable, bool frozen)
{
    set *s = set_new(in, frozen);
    if (s && !set_update(in, s, iterable)) {
        obj_unref(in, s);
        return NULL;
    }
    return s;
}

/* Each in the slot of its hash, if those differ, is where every order of adding puts them. */
static set *set_at_home(interp *in, const value *at, int64_t n)
{
    uint64_t hash[FIRST], taken = 0;
    if (n * 5 >= (FIRST - 1) * 3) return NULL;
    for (int64_t i = 0; i < n; i++) {
        if (!quick_hash(at[i], &hash[i]) || taken >> (hash[i] & (FIRST - 1)) & 1) return NULL;
        taken |= UINT64_C(1) << (hash[i] & (FIRST - 1));
    }
    set *s = set_new(in, false);
    if (!s || !(s->at = new_table(in, s->mask))) {
        obj_unref(in, s);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        set_entry *e = &s->at[hash[i] & (FIRST - 1)];
        e->hash = hash[i];
        put_value(&e->key, value_ref(at[i]));
    }
    s->n = s->fill = n;
    s->version++;
    return s;
}

set *set_of_constants(interp *in, const value *at, int64_t n)
{
    set *quick = set_at_home(in, at, n);
    if (quick || throwing(in)) return quick;
    /* as the constants of a display travel there: a frozenset, rebuilt once from its own order */
    set *s[3] = {set_new(in, true), set_new(in, true), set_new(in, false)};
    bool ok = s[0] && s[1] && s[2];
    for (int64_t i = 0; ok && i < n; i++) ok = set_add(in, s[0], at[i]);
    value v;
    for (int64_t i = 0; ok && set_walk(s[0], &i, &v);) ok = set_add(in, s[1], v);
    ok = ok && merge(in, s[2], s[1]);
    obj_unref(in, s[0]);
    obj_unref(in, s[1]);
    if (ok) return s[2];
    obj_unref(in, s[2]);
    return NULL;
}

/* ---- combining; `r` is empty and receives the result ---- */

static bool add_if_found(interp *in, set *r, set *s, value key, uint64_t hash)
{
    int found = set_find_hashed(in, s, key, hash);
    return found <= 0 ? found == 0 : set_add_hashed(in, r, key, hash);
}

static bool intersect_iter(interp *in, set *r, set *s, value iterable)
{
    value it = value_iter(in, iterable), v;
    if (is_fail(it)) return false;
    bool ok = true;
    while (ok && !is_fail(v = next_item(in, it))) {
        uint64_t hash;
        ok = hash_of(in, v, &hash) && add_if_found(in, r, s, v, hash);
        value_unref(in, v);
    }
    value_unref(in, it);
    return ok && !throwing(in);
}

bool set_intersect(interp *in, set *r, set *s, value with)
{
    set *other = as_set(with);
    if (other == s) return merge(in, r, s);
    if (!other) return intersect_iter(in, r, s, with);
    if (other->n > s->n) {
        set *t = s;
        s = other;
        other = t;
    }
    const set_entry *e;
    for (uint64_t i = 0; (e = member_from(other, &i)); i++) {
        if (!goes_on(in, i)) return false;
        value key = ref_at(&e->key);
        bool ok = add_if_found(in, r, s, key, e->hash);
        value_unref(in, key);
        if (!ok) return false;
    }
    return true;
}

static bool discard_each(interp *in, set *s, value key, uint64_t hash)
{
    return set_discard_hashed(in, s, key, hash) >= 0;
}

static bool discard_all(interp *in, set *s, set *other)
{
    set *common = NULL;
    if (other->n >> 3 > s->n) {
        common = set_new(in, false);
        if (!common || !set_intersect(in, common, s, (value){.kind = V_OBJ, .o = &other->hdr})) {
            obj_unref(in, common);
            return false;
        }
        other = common;
    }
    bool ok = true;
    const set_entry *e;
    for (uint64_t i = 0; ok && (e = member_from(other, &i)); i++) {
        value key = ref_at(&e->key);
        ok = goes_on(in, i) && set_discard_hashed(in, s, key, e->hash) >= 0;
        value_unref(in, key);
    }
    obj_unref(in, common);
    return ok;
}

bool set_subtract(interp *in, set *s, value from)
{
    set *other = as_set(from);
    if (other == s) {
        set_clear(in, s);
        return true;
    }
    if (!(other ? discard_all(in, s, other) : set_each(in, from, discard_each, s))) return false;
    return (uint64_t)(s->fill - s->n) <= s->mask / 4 || grow(in, s);
}

/* 1 0 -1 */
static int holds(interp *in, value container, value key, uint64_t hash)
{
    set *s = as_set(container);
    int64_t i;
    return s ? set_find_hashed(in, s, key, hash) : dict_find(in, as_dict(container), key, hash, &i);
}

bool set_difference(interp *in, set *r, set *s, value other)
{
    set *x = as_set(other);
    dict *d = other.kind == V_OBJ && other.o->type == &T_dict ? (dict *)other.o : NULL;
    if ((!x && !d) || s->n >> 2 > (x ? x->n : d->n))
        return merge(in, r, s) && set_subtract(in, r, other);
    const set_entry *e;
    for (uint64_t i = 0; (e = member_from(s, &i)); i++) {
        if (!goes_on(in, i)) return false;
        value key = ref_at(&e->key);
        uint64_t hash = e->hash;
        int found = holds(in, other, key, hash);
        bool ok = found < 0 ? false : found || set_add_hashed(in, r, key, hash);
        value_unref(in, key);
        if (!ok) return false;
    }
    return true;
}

static bool toggle(interp *in, set *s, const set_entry *e)
{
    value key = ref_at(&e->key); /* its __eq__ may empty the set it is from */
    uint64_t hash = e->hash;
    int gone = set_discard_hashed(in, s, key, hash);
    bool ok = gone ? gone > 0 : set_add_hashed(in, s, key, hash);
    value_unref(in, key);
    return ok;
}

bool set_toggle(interp *in, set *s, value with)
{
    set *other = as_set(with);
    if (other == s) {
        set_clear(in, s);
        return true;
    }
    other = other ? obj_ref(other) : set_of(in, with, false);
    if (!other) return false;
    bool ok = true;
    const set_entry *e;
    for (uint64_t i = 0; ok && (e = member_from(other, &i)); i++)
        ok = goes_on(in, i) && toggle(in, s, e);
    obj_unref(in, other);
    return ok;
}

/* every member of a is in b */
int set_is_subset(interp *in, set *a, set *b)
{
    if (a->n > b->n) return 0;
    const set_entry *e;
    for (uint64_t i = 0; (e = member_from(a, &i)); i++) {
        if (!goes_on(in, i)) return -1;
        value key = ref_at(&e->key);
        int found = set_find_hashed(in, b, key, e->hash);
        value_unref(in, key);
        if (found <= 0) return found;
    }
    return 1;
}

void set_swap(set *a, set *b)
{
    set t = *a;
    a->n = b->n, a->fill = b->fill, a->mask = b->mask, a->at = b->at;
    b->n = t.n, b->fill = t.fill, b->mask = t.mask, b->at = t.at;
    a->version++, b->version++;
}
