/* stdlib/core/distinct.c - every item of several iterables once, in the order of first sight.
 *
 * A set of millions takes three times the room of the list that is made of it.  Here the list
 * itself is the table's memory: a slot says where in it an item stands, and half of its hash.
 * Probing is that of sets: neighbours first, so that runs of ints are found in one place. */
#include "lang/builtins.h"
#include "lang/interp.h"
#include "lang/types/dict_fast.h"
#include "lang/types/iter_fast.h"
#include "stdlib/core/collections.h"

enum { NEAR = 8, FIRST = 64 };

typedef struct place {
    uint32_t hash, at; /* at: 1 + the place in the list; 0: free */
} place;

typedef struct distinct {
    interp *in;
    list *items;
    list *marks; /* what is compared: the items themselves, or what key gives for them */
    value key;   /* None: there is none */
    place *slot;
    uint64_t mask;
} distinct;

#define SLOT_BYTES(mask) ((size_t)((mask) + 1) * sizeof(place))

static inline uint64_t step(uint64_t i, uint64_t *perturb)
{
    *perturb >>= 5;
    return i * 5 + 1 + *perturb;
}

static void put_place(place *slot, uint64_t mask, place p)
{
    uint64_t perturb = p.hash;
    for (uint64_t i = p.hash & mask;; i = step(i, &perturb) & mask)
        for (uint64_t k = i; k <= i + NEAR && k <= mask; k++)
            if (!slot[k].at) {
                slot[k] = p;
                return;
            }
}

static bool grow(distinct *d)
{
    const uint64_t mask = d->slot ? 2 * d->mask + 1 : FIRST - 1;
    if (mask > UINT32_MAX) return throw(d->in, MemoryError, "too many items"), false;
    place *slot = items_grow(d->in, NULL, 0, SLOT_BYTES(mask));
    if (!slot) return false;
    bool ok = memory_fill(d->in, slot, 0, SLOT_BYTES(mask));
    for (uint64_t i = 0; ok && d->slot && i <= d->mask; i++) {
        if (d->slot[i].at) put_place(slot, mask, d->slot[i]);
        ok = goes_on(d->in, i);
    }
    if (!ok) return items_free(d->in, slot, SLOT_BYTES(mask)), false;
    items_free(d->in, d->slot, SLOT_BYTES(d->mask));
    d->slot = slot;
    d->mask = mask;
    return true;
}

/* Is the mark at that place this one? 1 0 -1 */
static inline int is_mark(const distinct *d, uint32_t at, value mark)
{
    value have = d->marks->at[at];
    int same = quick_same(have, mark);
    return same >= 0 ? same : value_eq(d->in, have, mark);
}

/* 1: it is there, 0: *free is where it belongs, -1: failed */
static int find(const distinct *d, value mark, uint32_t hash, place **free)
{
    uint64_t perturb = hash;
    for (uint64_t i = hash & d->mask;; i = step(i, &perturb) & d->mask)
        for (uint64_t k = i; k <= i + NEAR && k <= d->mask; k++) {
            place *p = &d->slot[k];
            if (!p->at) return *free = p, 0;
            int same = p->hash == hash ? is_mark(d, p->at - 1, mark) : 0;
            if (same) return same;
        }
}

static bool add_mark(distinct *d, value mark, value item)
{
    uint64_t all;
    place *free;
    if (!quick_hash(mark, &all) && !value_hash(d->in, mark, &all)) return false;
    const uint32_t hash = (uint32_t)(all ^ all >> 32);
    if (!d->slot || (uint64_t)d->marks->n * 4 >= (d->mask + 1) * 3) TRY(grow(d));
    int found = find(d, mark, hash, &free);
    if (found) return found > 0;
    if (d->marks != d->items) TRY(list_add(d->in, d->items, value_ref(item)));
    TRY(list_add(d->in, d->marks, value_ref(mark)));
    *free = (place){hash, (uint32_t)d->marks->n};
    return true;
}

static bool add_item(distinct *d, value item)
{
    if (is_none(d->key)) return add_mark(d, item, item);
    value mark = value_call(d->in, d->key, &item, 1, NULL);
    bool ok = !is_fail(mark) && add_mark(d, mark, item);
    value_unref(d->in, mark);
    return ok;
}

static bool add_part(distinct *d, value part)
{
    value it = value_iter(d->in, part), v;
    bool ok = !is_fail(it);
    while (ok && !is_fail(v = next_item(d->in, it))) {
        ok = add_item(d, v);
        value_unref(d->in, v);
    }
    value_unref(d->in, it);
    return ok && !throwing(d->in);
}

/* _distinct(parts, key) */
value distinct_items(interp *in, const value *arg)
{
    distinct d = {.in = in, .items = list_new(in, 0), .key = arg[1]};
    value parts = value_iter(in, arg[0]), part;
    d.marks = is_none(d.key) ? d.items : list_new(in, 0);
    bool ok = d.items && d.marks && !is_fail(parts);
    while (ok && !is_fail(part = next_item(in, parts))) {
        ok = add_part(&d, part);
        value_unref(in, part);
    }
    ok = ok && !throwing(in);
    value_unref(in, parts);
    if (d.slot) items_free(in, d.slot, SLOT_BYTES(d.mask));
    if (d.marks != d.items) obj_unref(in, d.marks);
    if (ok) return v_obj(d.items);
    obj_unref(in, d.items);
    return FAIL;
}
