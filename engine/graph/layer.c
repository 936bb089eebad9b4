/* engine/graph/layer.c - layers: making, releasing, asking for keys and tasks, walking the DAG.
 *
 * Chains of 10^5 layers are normal: nothing here recurses along dependencies. */
#include "engine/graph/layer.h"

#include <string.h>

/* --- life --- */

typedef struct stack {
    layer **at;
    size_t n, cap;
} stack;

static void push(stack *s, layer *l)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->at = mem_grow(s->at, s->cap * sizeof *s->at);
    }
    s->at[s->n++] = l;
}

static void drop_layer(datum *d)
{
    stack s = {0};
    layer *l = (layer *)d;
    for (;;) {
        if (l->kind->drop) l->kind->drop(l);
        for (uint32_t i = 0; i < l->ndep + l->nalso; i++)
            if (atomic_fetch_sub_explicit(&l->dep[i]->hdr.rc, 1, memory_order_acq_rel) == 1)
                push(&s, l->dep[i]);
        datum_unref(l->grid);
        mem_free(l->dep);
        mem_free(l->name);
        mem_free(l);
        if (!s.n) break;
        l = s.at[--s.n];
    }
    mem_free(s.at);
}

const datum_kind layer_datum = {.name = "layer", .drop = drop_layer};

/* --- what it reads --- */

/* Pointers that were met, found by their bits; few of them are just compared. */
typedef struct met {
    layer *const *of;
    uint32_t n, nslot;
    uint32_t *slot; /* 1 + number in of; 0: free */
} met;

enum { FEW = 16 };

static uint32_t *met_slot(const met *m, const layer *l)
{
    uint32_t h = (uint32_t)(((uintptr_t)l >> 4) * 0x9e3779b97f4a7c15ull >> 32) & (m->nslot - 1);
    while (m->slot[h] && m->of[m->slot[h] - 1] != l) h = (h + 1) & (m->nslot - 1);
    return &m->slot[h];
}

static met met_new(layer *const *of, uint32_t most)
{
    met m = {.of = of, .nslot = 4 * FEW};
    if (most <= FEW) return m;
    while (m.nslot < 2 * most) m.nslot *= 2;
    m.slot = mem_zero(m.nslot * sizeof *m.slot);
    return m;
}

/* of[n] is the next one: is it new? */
static bool met_first(met *m, const layer *l)
{
    if (!m->slot) {
        for (uint32_t k = 0; k < m->n; k++)
            if (m->of[k] == l) return false;
        m->n++;
        return true;
    }
    uint32_t *at = met_slot(m, l);
    if (*at) return false;
    *at = ++m->n;
    return true;
}

/* distinct dependencies, in order, behind the n that to[] has already */
static uint32_t add_deps(layer **to, uint32_t n, uint32_t ndep, layer *const *dep, uint32_t *depth)
{
    met m = met_new(to, n + ndep);
    for (uint32_t i = 0; i < n; i++) met_first(&m, to[i]);
    for (uint32_t i = 0; i < ndep; i++) {
        if (!met_first(&m, dep[i])) continue;
        to[n++] = datum_ref(dep[i]);
        if (dep[i]->depth >= *depth) *depth = dep[i]->depth + 1;
    }
    mem_free(m.slot);
    return n;
}

void *layer_new(size_t size, const layer_kind *kind, const char *name, grid *g, dtype_of t,
                uint32_t ndep, layer *const *dep)
{
    layer *l = mem_zero(size);
    datum_init(&l->hdr, &layer_datum);
    l->kind = kind;
    l->name = mem_dup(name);
    l->id = hash128_bytes(name, strlen(name));
    l->grid = datum_ref(g);
    l->type = t;
    l->count = g ? g->nblock : 0;
    l->dep = mem_alloc((ndep + 1) * sizeof *l->dep);
    l->ndep = add_deps(l->dep, 0, ndep, dep, &l->depth);
    for (uint32_t i = 0; i < l->ndep; i++) l->foreign |= l->dep[i]->foreign;
    return l;
}

void layer_also(layer *l, uint32_t n, layer *const *also)
{
    uint32_t ignored = 0, had = l->ndep + l->nalso;
    l->dep = mem_grow(l->dep, (had + n + 1) * sizeof *l->dep);
    l->nalso = add_deps(l->dep, had, n, also, &ignored) - l->ndep;
}

/* --- keys and tasks --- */

void layer_key(const layer *l, uint64_t i, key *out)
{
    out->sub = NULL;
    if (l->kind->key) {
        l->kind->key(l, i, out);
        return;
    }
    out->name = l->name;
    out->n = l->grid ? l->grid->ndim : 1;
    if (l->grid)
        grid_block(l->grid, i, out->i);
    else
        out->i[0] = (int64_t)i;
}

bool key_same(const key *a, const key *b)
{
    return a->n == b->n && !a->sub && !b->sub && !strcmp(a->name, b->name) &&
           (a->n <= 0 || !memcmp(a->i, b->i, (size_t)a->n * sizeof *a->i));
}

uint64_t key_hash(const key *k)
{
    uint64_t h = hash_bytes(k->name, strlen(k->name), 0);
    for (int i = 0; i < k->n; i++) h = (h ^ (uint64_t)k->i[i]) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

bool layer_find(const layer *l, const key *k, uint64_t *i)
{
    if (l->kind->find) return l->kind->find(l, k, i);
    if (k->sub || strcmp(k->name, l->name)) return false;
    if (!l->grid) {
        *i = (uint64_t)k->i[0];
        return k->n == 1 && k->i[0] >= 0 && *i < l->count;
    }
    if (k->n != l->grid->ndim) return false;
    for (int a = 0; a < k->n; a++)
        if (k->i[a] < 0 || k->i[a] >= l->grid->ax[a]->nblock) return false;
    *i = grid_linear(l->grid, k->i);
    return true;
}

datum *layer_run(const layer *l, uint64_t i, uint32_t nin, datum *const *in, err *e)
{
    arena a = {0};
    task_view v;
    datum *out = NULL;
    if (layer_task(l, i, &a, &v, e)) {
        if (v.value)
            out = datum_ref(v.value);
        else if (nin != v.nin)
            err_set(e, TypeError, "the step takes %u inputs but %u were given", v.nin, nin);
        else if (!v.f)
            out = datum_ref(in[0]);
        else
            out = fn_call(
                v.f,
                &(call){.in = in, .nin = nin, .narg = v.narg, .arg = v.arg, .of = l, .index = i},
                e);
    }
    arena_clear(&a);
    return out;
}

char *key_text(const key *k)
{
    strbuf b = {0};
    if (k->n < 0) {
        sb_adds(&b, k->name);
        return sb_take(&b, NULL);
    }
    sb_addf(&b, "('%s'", k->name);
    if (k->sub) sb_addf(&b, ", '%s'", k->sub);
    for (int i = 0; i < k->n; i++) sb_addf(&b, ", %lld", (long long)k->i[i]);
    sb_adds(&b, k->n ? ")" : ",)");
    return sb_take(&b, NULL);
}

/* --- the set of layers below some roots --- */

typedef struct seen { /* open addressing, by name */
    const layer **slot;
    size_t cap, n;
} seen;

static const layer **seen_at(const seen *s, hash128 id)
{
    for (size_t i = id.lo & (s->cap - 1);; i = (i + 1) & (s->cap - 1))
        if (!s->slot[i] || hash128_eq(s->slot[i]->id, id)) return &s->slot[i];
}

static bool see(seen *s, const layer *l) /* true: it was not there */
{
    if (2 * (s->n + 1) > s->cap) {
        seen old = *s;
        s->cap = old.cap ? 2 * old.cap : 64;
        s->slot = mem_zero(s->cap * sizeof *s->slot);
        for (size_t i = 0; i < old.cap; i++)
            if (old.slot[i]) *seen_at(s, old.slot[i]->id) = old.slot[i];
        mem_free(old.slot);
    }
    const layer **at = seen_at(s, l->id);
    if (*at) return false;
    *at = l;
    s->n++;
    return true;
}

/* Dask's dict order: a layer of one collection follows it, else it precedes its dependencies.
 * The low bit of a stack entry marks a layer whose dependencies are done. */
layers layers_of(uint32_t n, layer *const *root)
{
    seen s = {0};
    stack todo = {0};
    layers out = {0};
    size_t cap = 0;
    for (uint32_t i = n; i-- > 0;) push(&todo, root[i]);
    while (todo.n) {
        uintptr_t entry = (uintptr_t)todo.at[--todo.n];
        layer *l = (layer *)(entry & ~(uintptr_t)1);
        bool emit = entry & 1;
        if (!emit) {
            if (!see(&s, l)) continue;
            uint32_t ndep = l->ndep + l->nalso;
            emit = ndep != 1 || l->flags & LAYER_APART;
            if (!emit) push(&todo, (layer *)(entry | 1));
            for (uint32_t i = ndep; i-- > 0;) push(&todo, l->dep[i]);
        }
        if (!emit) continue;
        if (out.n == cap) {
            cap = cap ? 2 * cap : 32;
            out.at = mem_grow(out.at, cap * sizeof *out.at);
        }
        out.at[out.n++] = l;
    }
    mem_free(s.slot);
    mem_free(todo.at);
    return out;
}

uint64_t layers_count(const layers *l)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) n += layer_shown(l->at[i]);
    return n;
}

void layers_clear(layers *l)
{
    mem_free(l->at);
    *l = (layers){0};
}
