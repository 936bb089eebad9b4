/* engine/graph/table.c - layers without a rule: every key and task is written down.
 *
 * Hand-written graphs, delayed calls, persisted results.  One arena holds all; inputs are one flat
 * array cut up by offsets. */
#include <string.h>

#include "engine/graph/layer.h"

typedef struct entry {
    const char *keyname; /* NULL: the layer's */
    int16_t n;           /* coordinates; -1 bare, -2 anonymous */
    bool set;
    uint32_t narg, nin;
    const int64_t *i;
    const fn *f;
    datum *value;
    const lit *arg;
    ref *in;
} entry;

struct graph_builder {
    arena mem;
    char *name;
    entry *at;
    uint64_t n, cap, nparts;
    uint64_t *bytes, nbytes; /* of the first tasks, 0: not told */
};

typedef struct table {
    layer base;
    arena mem;
    entry *at;
    uint32_t *slot; /* keys that have a name of their own: id + 1 by hash; NULL: few */
    uint64_t nslot; /* a power of two */
    uint64_t *bytes, nbytes;
} table;

enum { KEY_ANONYMOUS = -2 };

graph_builder *graph_builder_new(const char *name)
{
    graph_builder *b = mem_zero(sizeof *b);
    b->name = mem_dup(name);
    return b;
}

uint64_t graph_add_key(graph_builder *b, const char *keyname, int n, const int64_t *i)
{
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->at = mem_grow(b->at, b->cap * sizeof *b->at);
    }
    entry *x = &b->at[b->n];
    *x = (entry){.n = (int16_t)n};
    if (keyname) x->keyname = arena_dup(&b->mem, keyname, strlen(keyname));
    if (n > 0) {
        int64_t *copy = arena_alloc(&b->mem, (size_t)n * sizeof *i);
        memcpy(copy, i, (size_t)n * sizeof *i);
        x->i = copy;
    }
    return b->n++;
}

uint64_t graph_add_part(graph_builder *b)
{
    b->nparts++;
    return graph_add_key(b, NULL, KEY_ANONYMOUS, NULL);
}

static void set_inputs(graph_builder *b, entry *x, uint32_t nin, const ref *in)
{
    x->in = arena_alloc(&b->mem, nin * sizeof(ref) + 1);
    if (nin) memcpy(x->in, in, nin * sizeof(ref));
    x->nin = nin;
    x->set = true;
}

void graph_set_task(graph_builder *b, uint64_t id, const fn *f, uint32_t narg, const lit *arg,
                    uint32_t nin, const ref *in)
{
    entry *x = &b->at[id];
    set_inputs(b, x, nin, in);
    x->f = datum_ref((fn *)(uintptr_t)f);
    x->narg = narg ? narg : nin;
    lit *copy = arena_alloc(&b->mem, x->narg * sizeof(lit) + 1);
    for (uint32_t i = 0; i < x->narg; i++) copy[i] = narg ? lit_copy(&b->mem, &arg[i]) : lit_in(i);
    x->arg = copy;
}

void graph_set_bytes(graph_builder *b, uint64_t id, uint64_t bytes)
{
    if (id >= b->nbytes) {
        uint64_t n = id < b->cap ? b->cap : id + 1;
        b->bytes = mem_grow(b->bytes, n * sizeof *b->bytes);
        memset(b->bytes + b->nbytes, 0, (n - b->nbytes) * sizeof *b->bytes);
        b->nbytes = n;
    }
    b->bytes[id] = bytes;
}

void graph_set_value(graph_builder *b, uint64_t id, datum *value)
{
    b->at[id].value = datum_ref(value);
    b->at[id].set = true;
}

void graph_set_alias(graph_builder *b, uint64_t id, ref target)
{
    set_inputs(b, &b->at[id], 1, &target);
}

static void release(uint64_t n, entry *at)
{
    for (uint64_t i = 0; i < n; i++) {
        datum_unref((fn *)(uintptr_t)at[i].f);
        datum_unref(at[i].value);
        for (uint32_t k = 0; k < at[i].narg; k++) lit_release(&at[i].arg[k]);
    }
    mem_free(at);
}

void graph_builder_free(graph_builder *b)
{
    if (!b) return;
    release(b->n, b->at);
    arena_clear(&b->mem);
    mem_free(b->bytes);
    mem_free(b->name);
    mem_free(b);
}

/* --- the layer --- */

static bool task_of(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    const entry *x = &((const table *)l)->at[i];
    (void)a;
    if (!x->set) {
        key k;
        layer_key(l, i, &k);
        char *s = key_text(&k);
        err_set(e, KeyError, "%s", s);
        mem_free(s);
        return false;
    }
    *out = (task_view){
        .f = x->f, .value = x->value, .narg = x->narg, .nin = x->nin, .arg = x->arg, .in = x->in};
    return true;
}

static void key_of(const layer *l, uint64_t i, key *out)
{
    const entry *x = &((const table *)l)->at[i];
    out->name = x->keyname ? x->keyname : l->name;
    out->sub = NULL;
    out->n = x->n;
    if (x->n > 0) memcpy(out->i, x->i, (size_t)x->n * sizeof *x->i);
    if (x->n == KEY_ANONYMOUS) {
        out->n = 1;
        out->i[0] = (int64_t)i;
    }
}

static bool find_slow(const layer *l, const key *k, uint64_t *i)
{
    key have;
    for (uint64_t j = 0; j < layer_shown(l); j++) {
        key_of(l, j, &have);
        if (!key_same(&have, k)) continue;
        *i = j;
        return true;
    }
    return false;
}

static bool find(const layer *l, const key *k, uint64_t *i)
{
    const table *t = (const table *)l;
    key have;
    if (!t->slot) return find_slow(l, k, i);
    for (uint64_t s = key_hash(k) & (t->nslot - 1); t->slot[s]; s = (s + 1) & (t->nslot - 1)) {
        key_of(l, t->slot[s] - 1, &have);
        if (!key_same(&have, k)) continue;
        *i = t->slot[s] - 1;
        return true;
    }
    return false;
}

/* Of several equal keys the first is found. */
static void index_keys(table *t)
{
    enum { FEW = 16 };
    uint64_t n = layer_shown(&t->base), named = 0;
    for (uint64_t j = 0; j < n && named <= FEW; j++) named += t->at[j].n != KEY_ANONYMOUS;
    if (named <= FEW || n >= UINT32_MAX / 4) return;
    for (t->nslot = 64; t->nslot < 2 * n;) t->nslot *= 2;
    t->slot = mem_zero(t->nslot * sizeof *t->slot);
    for (uint64_t j = 0; j < n; j++) {
        key k = {0};
        uint64_t known;
        key_of(&t->base, j, &k);
        if (find(&t->base, &k, &known)) continue;
        uint64_t s = key_hash(&k) & (t->nslot - 1);
        while (t->slot[s]) s = (s + 1) & (t->nslot - 1);
        t->slot[s] = (uint32_t)j + 1;
    }
}

static void drop(layer *l)
{
    table *t = (table *)l;
    release(l->count, t->at);
    arena_clear(&t->mem);
    mem_free(t->slot);
    mem_free(t->bytes);
}

static uint64_t told(const layer *l, uint64_t i)
{
    const table *t = (const table *)l;
    return i < t->nbytes ? t->bytes[i] : 0;
}

static const layer_kind table_kind = {
    .name = "table", .task = task_of, .key = key_of, .find = find, .drop = drop, .bytes = told};

bool layer_named(const layer *l, uint64_t i)
{
    return l->kind != &table_kind || ((const table *)l)->at[i].n != KEY_ANONYMOUS;
}

/* Iterative depth-first search: colour 1 = on the path, 2 = done. */
static bool check_acyclic(const graph_builder *b, err *e)
{
    uint8_t *colour = mem_zero(b->n + 1);
    uint64_t *path = mem_alloc((b->n + 1) * sizeof *path), n;
    uint32_t *next = mem_zero((b->n + 1) * sizeof *next);
    bool ok = true;
    for (uint64_t root = 0; root < b->n && ok; root++) {
        if (colour[root]) continue;
        path[0] = root;
        n = 1;
        colour[root] = 1;
        while (n && ok) {
            uint64_t i = path[n - 1];
            if (next[i] == b->at[i].nin) {
                colour[i] = 2;
                n--;
                continue;
            }
            ref r = b->at[i].in[next[i]++];
            if (r.of || colour[r.i] == 2) continue;
            ok = colour[r.i] != 1;
            path[n++] = r.i;
            colour[r.i] = 1;
        }
    }
    if (!ok) err_set(e, RuntimeError, "Cycle detected in the graph '%s'", b->name);
    mem_free(colour);
    mem_free(path);
    mem_free(next);
    return ok;
}

static bool same_layer(layer *const *all, uint32_t n, const layer *l)
{
    for (uint32_t i = n; i-- > 0 && i + 8 > n;) /* neighbours repeat; layer_new does the rest */
        if (all[i] == l) return true;
    return false;
}

layer *graph_build(graph_builder *b, grid *g, dtype_of t, err *e)
{
    if (!check_acyclic(b, e)) {
        graph_builder_free(b);
        return NULL;
    }
    uint32_t ndep = 0, cap = 0;
    layer **dep = NULL;
    for (uint64_t i = 0; i < b->n; i++)
        for (uint32_t k = 0; k < b->at[i].nin; k++) {
            layer *of = (layer *)(uintptr_t)b->at[i].in[k].of;
            if (!of || same_layer(dep, ndep, of)) continue;
            if (ndep == cap) {
                cap = cap ? 2 * cap : 16;
                dep = mem_grow(dep, cap * sizeof *dep);
            }
            dep[ndep++] = of;
        }
    table *l = layer_new(sizeof *l, &table_kind, b->name, g, t, ndep, dep);
    mem_free(dep);
    l->base.count = b->n;
    l->base.nhidden = b->nparts;
    l->mem = b->mem;
    l->at = b->at;
    l->bytes = b->bytes;
    l->nbytes = b->nbytes;
    for (uint64_t i = 0; i < b->n; i++) {
        if (b->at[i].keyname) l->base.flags |= LAYER_MIXED;
        for (uint32_t k = 0; k < b->at[i].nin; k++)
            if (!b->at[i].in[k].of) b->at[i].in[k].of = &l->base;
    }
    mem_free(b->name);
    mem_free(b);
    index_keys(l);
    return &l->base;
}
