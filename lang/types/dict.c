/* lang/types/dict.c - the table behind dict and every namespace.
 *
 * entry[] holds the items in insertion order, deleted ones included; index[] maps a hash to an
 * offset in entry[], by open addressing with perturbation.  A table of at most SMALL entries has
 * no index: its hashes are compared one by one.  User code (an __eq__) may change the table
 * during a lookup, which then starts again. */
#include "lang/types/dict_impl.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/bin.h"
#include "lang/lang.h"
#include "lang/types/dict_fast.h"
#include "lang/words.h"

enum { SMALL = DICT_NO_INDEX, EMPTY = DICT_EMPTY, GONE = DICT_GONE };

dict *dict_new(interp *in)
{
    dict *d = obj_new(in, &T_dict, 0);
    if (d) d->version = next_version(in);
    return d;
}

/* ---- the index ---- */

static inline uint64_t first_slot(uint64_t hash, uint64_t mask)
{
    return hash & mask;
}

static inline uint64_t next_slot(uint64_t i, uint64_t *perturb, uint64_t mask)
{
    *perturb >>= 5;
    return (i * 5 + *perturb + 1) & mask;
}

static void index_put(dict *d, uint64_t hash, int32_t at)
{
    uint64_t mask = d->nindex - 1, perturb = hash, i = first_slot(hash, mask);
    while (d->index[i] >= 0) i = next_slot(i, &perturb, mask);
    d->nfill += d->index[i] == EMPTY;
    d->index[i] = at;
}

/* The slot of index[] that names entry `at`. */
static uint64_t index_slot(const dict *d, uint64_t hash, int64_t at)
{
    uint64_t mask = d->nindex - 1, perturb = hash, i = first_slot(hash, mask);
    while (d->index[i] != at) i = next_slot(i, &perturb, mask);
    return i;
}

static void entries_free(interp *in, dict_entry *entry, int64_t cap)
{
    items_free(in, entry, (size_t)cap * sizeof *entry);
}

/* Room for cap entries; the used ones keep their places. */
static bool entries_grow(interp *in, dict *d, int64_t cap)
{
    size_t each = sizeof *d->entry;
    dict_entry *entry = items_grow(in, d->entry, (size_t)d->cap * each, (size_t)cap * each);
    if (!entry) return false;
    d->entry = entry;
    d->cap = cap;
    return true;
}

/* Squeezes deleted entries out. */
static void squeeze(dict *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->used; i++)
        if (!is_fail(d->entry[i].key)) d->entry[n++] = d->entry[i];
    d->used = n;
}

/* Makes room for cap entries and builds the index anew. */
static bool resize(interp *in, dict *d, int64_t cap)
{
    if (cap < d->used) cap = d->used;
    if (cap > INT32_MAX / 2) {
        throw(in, MemoryError, "%s", "");
        return false;
    }
    uint32_t nindex = 0;
    if (cap > SMALL)
        for (nindex = 16; nindex < cap + cap / 2;) nindex *= 2;
    if (cap != d->cap && !entries_grow(in, d, cap)) return false;
    int32_t *index = nindex ? lang_grow(in, NULL, nindex, sizeof *index) : NULL;
    if (nindex && !index) return false; /* nothing has moved: the old index holds */
    if (nindex && !memory_fill(in, index, (char)0xff, nindex * sizeof *index))
        return mem_free(index), false;
    dict old = *d;
    d->index = index;
    d->nindex = nindex;
    d->nfill = 0;
    d->version = next_version(in); /* entries move */
    bool moved = d->n < d->used;   /* then there is no way back */
    if (moved) squeeze(d);
    for (int64_t i = 0; nindex && i < d->used; i++) {
        index_put(d, d->entry[i].hash, (int32_t)i);
        if (moved || goes_on(in, (size_t)i)) continue;
        d->index = old.index;
        d->nindex = old.nindex;
        d->nfill = old.nfill;
        return mem_free(index), false;
    }
    mem_free(old.index);
    return true;
}

bool dict_reserve(interp *in, dict *d, int64_t n)
{
    return n <= d->cap || resize(in, d, n);
}

/* ---- lookup ---- */

/* Is the entry this key? 1 0 -1; -2: the table changed meanwhile. */
static int matches(interp *in, dict *d, int64_t at, value key)
{
    value have = d->entry[at].key;
    int same = quick_same(have, key);
    if (same >= 0) return same;
    uint64_t version = d->version;
    value_ref(have);
    int eq = value_eq(in, have, key);
    value_unref(in, have);
    return eq < 0 ? -1 : d->version != version ? -2 : eq;
}

static int find_small(interp *in, dict *d, value key, uint64_t hash, int64_t *out)
{
    for (int64_t i = 0; i < d->used; i++) {
        if (d->entry[i].hash != hash || is_fail(d->entry[i].key)) continue;
        int eq = matches(in, d, i, key);
        if (!eq) continue;
        *out = i;
        return eq;
    }
    return 0;
}

static int find_once(interp *in, dict *d, value key, uint64_t hash, int64_t *out)
{
    if (!d->nindex) return find_small(in, d, key, hash, out);
    uint64_t mask = d->nindex - 1, perturb = hash;
    for (uint64_t i = first_slot(hash, mask);; i = next_slot(i, &perturb, mask)) {
        int32_t at = d->index[i];
        if (at == EMPTY) return 0;
        if (at == GONE || d->entry[at].hash != hash) continue;
        int eq = matches(in, d, at, key);
        if (!eq) continue;
        *out = at;
        return eq;
    }
}

int dict_find(interp *in, dict *d, value key, uint64_t hash, int64_t *i)
{
    *i = dict_seek(d, key, hash);
    if (*i != -2) return *i >= 0;
    int r;
    while ((r = find_once(in, d, key, hash, i)) == -2) {
    }
    return r;
}

int dict_get(interp *in, dict *d, value key, value *out)
{
    uint64_t hash;
    int64_t i;
    if (!quick_hash(key, &hash) && !value_hash(in, key, &hash)) return -1;
    int r = dict_find(in, d, key, hash, &i);
    *out = r > 0 ? d->entry[i].val : FAIL;
    return r;
}

int dict_get_str(interp *in, dict *d, str *key, value *out)
{
    int64_t i;
    int r = dict_find(in, d, (value){.kind = V_OBJ, .o = &key->hdr}, str_hash(key), &i);
    *out = r > 0 ? d->entry[i].val : FAIL;
    return r;
}

value dict_peek(interp *in, dict *d, const char *key)
{
    str *s = str_of(in, key);
    value v = FAIL;
    if (s) dict_get_str(in, d, s, &v);
    obj_unref(in, s);
    return v;
}

/* ---- change ---- */

/* A key that is not there; takes it and the value, unless it fails. */
static inline __attribute__((always_inline)) bool place(interp *in, dict *d, value key,
                                                        uint64_t hash, value v)
{
    if (d->used == d->cap) {
        int64_t cap = d->n < SMALL ? SMALL : d->n * 2;
        if (!d->cap) cap = SMALL / 2 + 1;
        if (!resize(in, d, cap)) return false;
    } else if (d->nindex && d->nfill >= d->nindex - d->nindex / 8 && !resize(in, d, d->cap))
        return false; /* an index of deleted slots would never end a search */
    int64_t at = d->used++;
    dict_entry *e = &d->entry[at];
    e->hash = hash;
    put_value(&e->key, key);
    put_value(&e->val, v);
    if (d->nindex) index_put(d, hash, (int32_t)at);
    d->n++;
    return true;
}

static bool insert(interp *in, dict *d, value key, uint64_t hash, value v)
{
    if (!place(in, d, key, hash, v)) return false;
    value_ref(key), value_ref(v);
    return true;
}

bool dict_set_hashed(interp *in, dict *d, value key, uint64_t hash, value v)
{
    if (!check_mutable(in, &d->hdr)) return false;
    int64_t i = dict_seek(d, key, hash);
    int r = i == -2 ? dict_find(in, d, key, hash, &i) : i >= 0;
    if (r < 0) return false;
    if (!r) {
        d->version = next_version(in);
        return insert(in, d, key, hash, v);
    }
    set_value(in, &d->entry[i].val, value_ref(v));
    return true;
}

bool dict_move_in(interp *in, dict *d, value *at, uint32_t n)
{
    for (value *end = at + 2 * (size_t)n; at < end; at += 2) {
        value key = value_at(at), v = value_at(at + 1);
        uint64_t hash;
        if (!quick_hash(key, &hash) || dict_seek(d, key, hash) != -1) {
            if (!dict_set(in, d, key, v)) return false;
            clear_value(in, at), clear_value(in, at + 1);
            continue;
        }
        if (!place(in, d, key, hash, v)) return false;
        TAG(at) = TAG(at + 1) = V_FAIL;
    }
    return true;
}

bool dict_set(interp *in, dict *d, value key, value v)
{
    uint64_t hash;
    return (quick_hash(key, &hash) || value_hash(in, key, &hash)) &&
           dict_set_hashed(in, d, key, hash, v);
}

bool dict_set_str(interp *in, dict *d, str *key, value v)
{
    return dict_set_hashed(in, d, (value){.kind = V_OBJ, .o = &key->hdr}, str_hash(key), v);
}

bool dict_put(interp *in, dict *d, const char *key, value v)
{
    if (is_fail(v)) return false;
    str *s = str_intern(in, key, strlen(key));
    bool ok = s && dict_set_str(in, d, s, v);
    obj_unref(in, s);
    value_unref(in, v);
    return ok;
}

/* Entry i has just been deleted: is it one of the first that are, all in a row? */
static void widen_front(dict *d, int64_t i)
{
    if (i && i != dict_front(d)) return;
    while (++i < d->used && is_fail(d->entry[i].key)) continue;
    d->entry->hash = (uint64_t)i;
}

/* Takes entry i out of the table; its key and value are now the caller's. */
static dict_entry take_entry(interp *in, dict *d, int64_t i)
{
    dict_entry e = d->entry[i];
    if (d->nindex) d->index[index_slot(d, e.hash, i)] = GONE;
    d->entry[i].key = d->entry[i].val = FAIL;
    d->n--;
    widen_front(d, i);
    while (d->used && is_fail(d->entry[d->used - 1].key)) d->used--;
    d->version = next_version(in);
    return e;
}

int dict_del_hashed(interp *in, dict *d, value key, uint64_t hash)
{
    if (!check_mutable(in, &d->hdr)) return -1;
    int64_t i;
    int r = dict_find(in, d, key, hash, &i);
    if (r <= 0) return r;
    dict_entry e = take_entry(in, d, i);
    value_unref(in, e.key);
    value_unref(in, e.val);
    return 1;
}

int dict_del(interp *in, dict *d, value key)
{
    uint64_t hash;
    return value_hash(in, key, &hash) ? dict_del_hashed(in, d, key, hash) : -1;
}

value dict_pop(interp *in, dict *d, value key)
{
    uint64_t hash;
    int64_t i;
    if (!check_mutable(in, &d->hdr) || !value_hash(in, key, &hash)) return FAIL;
    if (dict_find(in, d, key, hash, &i) <= 0) return FAIL;
    dict_entry e = take_entry(in, d, i);
    value_unref(in, e.key);
    return e.val;
}

bool dict_pop_at(interp *in, dict *d, int64_t i, value *key, value *val)
{
    if (!check_mutable(in, &d->hdr)) return false;
    dict_entry e = take_entry(in, d, i);
    *key = e.key;
    *val = e.val;
    return true;
}

void dict_clear(interp *in, dict *d)
{
    dict_entry *entry = d->entry;
    int64_t used = d->used, cap = d->cap;
    mem_free(d->index);
    d->entry = NULL;
    d->index = NULL;
    d->n = d->used = d->cap = 0;
    d->nindex = d->nfill = 0;
    d->version = next_version(in);
    if (used >= PILE_LEAST) {
        pile_drop(in, (pile){.next = (char *)entry,
                             .step = sizeof *entry,
                             .n = used,
                             .from = offsetof(dict_entry, key),
                             .nvalue = 2,
                             .block = entry,
                             .bytes = (size_t)cap * sizeof *entry});
        return;
    }
    for (int64_t i = 0; i < used; i++) {
        value_unref(in, entry[i].key);
        value_unref(in, entry[i].val);
    }
    entries_free(in, entry, cap);
}

/* ---- whole dicts ---- */

bool dict_next(const dict *d, int64_t *i, value *key, value *val)
{
    if (!*i) *i = dict_front(d);
    while (*i < d->used && is_fail(d->entry[*i].key)) ++*i;
    if (*i >= d->used) return false;
    if (key) *key = d->entry[*i].key;
    if (val) *val = d->entry[*i].val;
    ++*i;
    return true;
}

/* The same table once more, when nothing was deleted from it and d never held anything. */
static bool clone(interp *in, dict *d, const dict *from)
{
    int32_t *index = from->nindex ? lang_grow(in, NULL, from->nindex, sizeof *index) : NULL;
    if (from->nindex && !index) return false;
    bool ok = entries_grow(in, d, from->cap) &&
              memory_copy(in, d->entry, from->entry, (size_t)from->used * sizeof *d->entry) &&
              memory_copy(in, index, from->index, from->nindex * sizeof *index);
    if (!ok) return mem_free(index), false;
    d->index = index;
    d->nindex = from->nindex;
    d->nfill = from->nfill;
    d->n = d->used = from->used;
    d->version = next_version(in);
    for (int64_t i = 0; i < d->used; i++) {
        if (!goes_on(in, (size_t)i)) {
            d->used = i; /* the rest is not ours */
            dict_clear(in, d);
            return false;
        }
        value_ref(d->entry[i].key);
        value_ref(d->entry[i].val);
    }
    return true;
}

/* Copies every item of `from`; d is empty and of any dict class. */
bool dict_fill(interp *in, dict *d, const dict *from)
{
    if (from->n && from->n == from->used && !d->cap) return clone(in, d, from);
    if (from->n && !dict_reserve(in, d, from->n)) return false;
    for (int64_t i = 0; i < from->used; i++)
        if (!goes_on(in, (size_t)i) ||
            (!is_fail(from->entry[i].key) &&
             !insert(in, d, from->entry[i].key, from->entry[i].hash, from->entry[i].val)))
            return false;
    return true;
}

dict *dict_copy(interp *in, dict *from)
{
    dict *d = dict_new(in);
    if (d && !dict_fill(in, d, from)) {
        obj_unref(in, d);
        return NULL;
    }
    return d;
}

/* One item of a merge; see dict_merge. */
static int merge_item(interp *in, dict *d, value key, uint64_t hash, value v, int present)
{
    int64_t i;
    if (present) {
        int r = dict_find(in, d, key, hash, &i);
        if (r < 0) return -1;
        if (r && present == 1) return 1;
        if (r) return throw_key(in, key), -1;
    }
    return dict_set_hashed(in, d, key, hash, v) ? 1 : -1;
}

static int merge_dict(interp *in, dict *d, dict *from, int present)
{
    if (d == from) return 1;
    if (!d->n && !d->used) return dict_fill(in, d, from) ? (d->version = next_version(in), 1) : -1;
    int64_t n = from->n;
    for (int64_t i = 0; i < from->used; i++) {
        dict_entry e = from->entry[i];
        if (!goes_on(in, (size_t)i)) return -1;
        if (is_fail(e.key)) continue;
        value_ref(e.key), value_ref(e.val);
        int r = merge_item(in, d, e.key, e.hash, e.val, present);
        value_unref(in, e.key), value_unref(in, e.val);
        if (r < 0) return -1;
        if (from->n != n) return THROWN(in, RuntimeError, "dict mutated during update");
    }
    return 1;
}

static int merge_keys(interp *in, dict *d, value mapping, value keys_method, int present)
{
    value keys = call_n(in, keys_method, 0);
    value it = is_fail(keys) ? FAIL : value_iter(in, keys), key;
    value_unref(in, keys);
    if (is_fail(it)) return -1;
    int r;
    while ((r = iter_next(in, it, &key)) > 0) {
        uint64_t hash;
        value v = value_getitem(in, mapping, key);
        r = !is_fail(v) && value_hash(in, key, &hash) ? merge_item(in, d, key, hash, v, present)
                                                      : -1;
        value_unref(in, key);
        value_unref(in, v);
        if (r < 0) break;
    }
    value_unref(in, it);
    return r < 0 ? -1 : 1;
}

static int merge_pair(interp *in, dict *d, value pair, int64_t i, int present)
{
    uint64_t hash;
    list *l = list_of(in, pair);
    if (!l) {
        if (exc_is(in, TypeError)) {
            exc_clear(in);
            throw(in, TypeError,
                  "cannot convert dictionary update sequence element #%lld to a sequence",
                  (long long)i);
        }
        return -1;
    }
    int r = -1;
    if (l->n != 2)
        throw(in, ValueError,
              "dictionary update sequence element #%lld has length %lld; 2 is required",
              (long long)i, (long long)l->n);
    else if (value_hash(in, l->at[0], &hash))
        r = merge_item(in, d, l->at[0], hash, l->at[1], present);
    obj_unref(in, l);
    return r;
}

static int merge_pairs(interp *in, dict *d, value pairs, int present)
{
    value it = value_iter(in, pairs), pair;
    if (is_fail(it)) return -1;
    int r;
    for (int64_t i = 0; (r = iter_next(in, it, &pair)) > 0; i++) {
        r = merge_pair(in, d, pair, i, present);
        value_unref(in, pair);
        if (r < 0) break;
    }
    value_unref(in, it);
    return r < 0 ? -1 : 1;
}

int dict_merge(interp *in, dict *d, value from, int present)
{
    value keys;
    dict *source = as_dict(from);
    if (source && source->hdr.type->iter == T_dict.iter) return merge_dict(in, d, source, present);
    int has = value_findattr(in, from, "keys", &keys);
    if (has < 0) return -1;
    if (!has) return merge_pairs(in, d, from, present);
    int r = merge_keys(in, d, from, keys, present);
    value_unref(in, keys);
    return r;
}

bool dict_update(interp *in, dict *d, value mapping_or_pairs)
{
    return dict_merge(in, d, mapping_or_pairs, 0) > 0;
}
