/* stdlib/core/tally.c - how often texts occur: open addressing, half a cache line an entry, so that
 * a short text is found with one look at memory. */
#include "stdlib/core/tally.h"

#include <string.h>

#include "engine/base/hash.h"

enum { SHORT = 16, FIRST = 1024 };

static inline uint64_t load(const char *s, size_t n, size_t room)
{
    uint64_t x = 0;
    if (room >= 8) {
        memcpy(&x, s, 8);
        return n >= 8 ? x : x & (((uint64_t)1 << (8 * n)) - 1);
    }
    memcpy(&x, s, n);
    return x;
}

static inline uint64_t mix(uint64_t a, uint64_t b, uint64_t n)
{
    uint64_t h = (a ^ n << 56) * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu;
    return h ^ h >> 29;
}

static void place(tally *t, const tally_entry *e, uint32_t *at)
{
    size_t i = e->hash & (t->cap - 1);
    while (t->slot[i].n) i = (i + 1) & (t->cap - 1);
    t->slot[i] = *e;
    *at = (uint32_t)i;
}

static void grow(tally *t)
{
    tally old = *t;
    t->cap = old.cap ? 2 * old.cap : FIRST;
    t->slot = mem_zero(t->cap * sizeof *t->slot);
    t->order = mem_alloc(t->cap * sizeof *t->order);
    for (size_t i = 0; i < old.n; i++) place(t, &old.slot[old.order[i]], &t->order[i]);
    mem_free(old.slot);
    mem_free(old.order);
}

static bool is(const tally_entry *e, const tally_entry *what, const char *s)
{
    if (e->hash != what->hash || e->n != what->n) return false;
    if (what->n <= SHORT) return e->key[0] == what->key[0] && e->key[1] == what->key[1];
    return e->key[1] == what->key[1] && !memcmp((const char *)(uintptr_t)e->key[0], s, e->n);
}

void tally_add(tally *t, const char *s, size_t n, size_t room)
{
    tally_entry e = {.n = (uint32_t)n, .count = 1};
    if (n <= SHORT) {
        e.key[0] = load(s, n, room);
        if (n > 8) e.key[1] = load(s + 8, n - 8, room - 8);
    } else {
        e.key[1] = hash_bytes(s, n, 0);
    }
    e.hash = (uint32_t)mix(e.key[0], e.key[1], n);
    if (4 * t->n >= 3 * t->cap) grow(t);
    size_t i = e.hash & (t->cap - 1);
    for (; t->slot[i].n; i = (i + 1) & (t->cap - 1))
        if (is(&t->slot[i], &e, s)) {
            t->slot[i].count++;
            return;
        }
    if (n > SHORT) e.key[0] = (uint64_t)(uintptr_t)arena_dup(&t->text, s, n);
    t->slot[i] = e;
    t->order[t->n++] = (uint32_t)i;
}

const char *tally_get(const tally *t, size_t i, size_t *n, int64_t *count)
{
    const tally_entry *e = &t->slot[t->order[i]];
    *n = e->n;
    *count = e->count;
    return e->n <= SHORT ? (const char *)e->key : (const char *)(uintptr_t)e->key[0];
}

void tally_clear(tally *t)
{
    mem_free(t->slot);
    mem_free(t->order);
    arena_clear(&t->text);
    *t = (tally){0};
}
