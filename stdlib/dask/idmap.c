/* stdlib/dask/idmap.c - a table from numbers to pointers: open addressing, removed rows stay as
 * tombs (key without pointer) until the table is made anew. */
#include "stdlib/dask/worker_link.h"

static size_t slot(const idmap *m, uint64_t key)
{
    size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);
    while (m->row[i].key && m->row[i].key != key) i = (i + 1) & (m->cap - 1);
    return i;
}

static void fit(idmap *m)
{
    idmap old = *m;
    m->cap = old.n * 4 < 16 ? 16 : old.cap;
    while (m->cap < (old.n + 1) * 2) m->cap *= 2;
    m->row = mem_zero(m->cap * sizeof *m->row);
    m->used = 0;
    for (size_t i = 0; i < old.cap; i++) {
        if (!old.row[i].at) continue;
        m->row[slot(m, old.row[i].key)] = old.row[i];
        m->used++;
    }
    mem_free(old.row);
}

void *idmap_get(const idmap *m, uint64_t key)
{
    return m->cap ? m->row[slot(m, key)].at : NULL;
}

void *idmap_put(idmap *m, uint64_t key, void *at)
{
    if (!at && !m->cap) return NULL;
    if (at && (m->used + 1) * 4 > m->cap * 3) fit(m);
    struct idrow *r = &m->row[slot(m, key)];
    void *old = r->at;
    if (!r->key && !at) return NULL;
    if (!r->key) m->used++;
    m->n += (at != NULL) - (old != NULL);
    r->key = key;
    r->at = at;
    return old;
}

bool idmap_next(const idmap *m, size_t *i, uint64_t *key, void **at)
{
    while (*i < m->cap && !m->row[*i].at) (*i)++;
    if (*i >= m->cap) return false;
    *key = m->row[*i].key;
    *at = m->row[(*i)++].at;
    return true;
}

void idmap_clear(idmap *m)
{
    mem_free(m->row);
    *m = (idmap){0};
}
