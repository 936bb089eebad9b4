/* engine/plan/unite.c - a pass: equal keys of graphs written by hand are one task.
 *
 * A mapping of keys to tasks that several collections are made of is a layer of each of them, and
 * holds the tasks of all.  A key names one task wherever it stands, so what several of those layers
 * hold is made by one of them.  Where somebody gave one key two meanings that is the one that Dask
 * takes: of several mappings that are asked for, which it makes one dict, the last; else the first
 * in the order of dependents before what they read.  Layers whose blocks such a mapping holds as
 * well (those of to_delayed()) take part. */
#include <string.h>

#include "engine/plan/lower.h"

enum { MANY_TASKS = 1 << 23 };

typedef struct keyring { /* the keys met so far, by open addressing */
    struct spot {
        uint32_t node; /* + 1; 0: free */
        uint32_t hash;
        uint64_t i;
    } * at;
    uint64_t cap, n; /* cap: a power of two */
} keyring;

typedef struct names { /* hashes of the names of keys in tables, by open addressing; 0: free */
    uint64_t *at, cap, n;
} names;

static uint64_t *name_at(const names *m, uint64_t h)
{
    uint64_t i = h & (m->cap - 1);
    while (m->at[i] && m->at[i] != h) i = (i + 1) & (m->cap - 1);
    return &m->at[i];
}

static void add_name(names *m, const char *name)
{
    uint64_t h = hash128_bytes(name, strlen(name)).lo | 1;
    if (2 * (m->n + 1) > m->cap) {
        names old = *m;
        m->cap = old.cap ? 2 * old.cap : 64;
        m->at = mem_zero(m->cap * sizeof *m->at);
        for (uint64_t i = 0; i < old.cap; i++)
            if (old.at[i]) *name_at(m, old.at[i]) = old.at[i];
        mem_free(old.at);
    }
    uint64_t *at = name_at(m, h);
    m->n += !*at;
    *at = h;
}

/* Of the keys that are not their layer's own. */
static names names_of(const nodes *s)
{
    names m = {0};
    for (uint32_t n = 0; n < s->n; n++) {
        const layer *l = s->at[n].of;
        const char *last = l->name;
        key k;
        for (uint64_t i = 0; l->flags & LAYER_MIXED && i < layer_shown(l); i++) {
            layer_key(l, i, &k);
            if (strcmp(k.name, last)) add_name(&m, last = k.name);
        }
    }
    return m;
}

/* Its tasks are what its layer says, and tables may have them as well. */
static bool may_share(const nodes *s, uint32_t i, const names *m)
{
    const node *x = &s->at[i];
    return x->by == x->of && x->root == i && x->of->count <= MANY_TASKS &&
           (x->of->flags & LAYER_MIXED || *name_at(m, x->of->id.lo | 1));
}

static const struct spot *spot_of(const nodes *s, const keyring *r, const key *k, uint32_t hash,
                                  struct spot **gap)
{
    uint64_t i = hash & (r->cap - 1);
    key have;
    for (; r->at[i].node; i = (i + 1) & (r->cap - 1)) {
        if (r->at[i].hash != hash) continue;
        layer_key(s->at[r->at[i].node - 1].of, r->at[i].i, &have);
        if (key_same(&have, k)) return &r->at[i];
    }
    *gap = &r->at[i];
    return NULL;
}

/* Adds the keys of a node, or says for those known already whose they are. */
static void add_keys(nodes *s, uint32_t n, keyring *r)
{
    node *x = &s->at[n];
    for (uint64_t i = 0; i < layer_shown(x->of); i++) {
        key k;
        struct spot *gap = NULL;
        if (!layer_named(x->of, i)) continue;
        layer_key(x->of, i, &k);
        uint32_t hash = (uint32_t)key_hash(&k);
        const struct spot *known = spot_of(s, r, &k, hash, &gap);
        if (!known) {
            *gap = (struct spot){n + 1, hash, i};
        } else if (known->node != n + 1) {
            if (!x->same) x->same = mem_zero(x->of->count * sizeof *x->same);
            x->same[i] = (ref){s->at[known->node - 1].of, known->i};
        }
    }
}

/* --- who goes first --- */

typedef struct ranking {
    const nodes *s;
    uint32_t *at, n; /* finished nodes: what is read before its readers */
    bool *seen;
} ranking;

typedef struct branch {
    uint32_t node, left; /* dependencies not yet visited: the last ones are first */
} branch;

static void rank_from(ranking *r, uint32_t root)
{
    if (r->seen[root]) return;
    branch *stack = mem_alloc((r->s->n + 1) * sizeof *stack);
    uint32_t depth = 0;
    r->seen[root] = true;
    stack[depth++] = (branch){root, r->s->at[root].by->ndep};
    while (depth) {
        branch *b = &stack[depth - 1];
        if (!b->left) {
            r->at[r->n++] = b->node;
            depth--;
            continue;
        }
        const node *d = nodes_find(r->s, r->s->at[b->node].by->dep[--b->left]);
        uint32_t k = d ? (uint32_t)(d - r->s->at) : root;
        if (r->seen[k]) continue;
        r->seen[k] = true;
        stack[depth++] = (branch){k, d->by->ndep};
    }
    mem_free(stack);
}

/* All nodes, in the order (owned) in which their meaning of a key counts: from the end of it. */
static uint32_t *ranked(const nodes *s, uint32_t n, const ref *want)
{
    ranking r = {s, mem_alloc((s->n + 1) * sizeof *r.at), 0, mem_zero((s->n + 1) * sizeof *r.seen)};
    bool dicts = true;
    for (uint32_t k = 0; k < n; k++) dicts &= want[k].of->flags & LAYER_MIXED && !want[k].of->ndep;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t i = dicts ? k : n - 1 - k;
        if (k && want[i].of == want[dicts ? i - 1 : i + 1].of) continue;
        const node *x = nodes_find(s, want[i].of);
        if (x) rank_from(&r, (uint32_t)(x - s->at));
    }
    for (uint32_t i = s->n; i-- > 0;) rank_from(&r, i);
    mem_free(r.seen);
    return r.at;
}

void pass_unite(nodes *s, uint32_t nwant, const ref *want, const plan_opts *o)
{
    uint64_t n = 0, several = 0;
    names m = o->off & PASS_UNITE ? (names){0} : names_of(s);
    for (uint32_t i = 0; i < s->n && m.n; i++)
        if (may_share(s, i, &m)) n += layer_shown(s->at[i].of), several++;
    n = several > 1 ? n : 0;
    keyring r = {.cap = 64};
    while (r.cap < 2 * n) r.cap *= 2;
    if (n) r.at = mem_zero(r.cap * sizeof *r.at);
    uint32_t *rank = n ? ranked(s, nwant, want) : NULL;
    for (uint32_t i = s->n; i-- > 0 && n;)
        if (may_share(s, rank[i], &m)) add_keys(s, rank[i], &r);
    mem_free(rank);
    mem_free(r.at);
    mem_free(m.at);
}
