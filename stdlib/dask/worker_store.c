/* stdlib/dask/worker_store.c - held results, and which of them lie on disk. */
#include "stdlib/dask/worker_store.h"

#include "engine/data/share.h"
#include "engine/graph/fn.h"

void store_init(store *s)
{
    *s = (store){0};
    pthread_mutex_init(&s->lock, NULL);
}

/* Bytes that could go to disk. */
static size_t weight(const datum *d)
{
    const nd *x = as_nd(d);
    return x && nd_bytes(x) >= SHARE_LEAST && spill_takes(x) ? nd_bytes(x) : 0;
}

/* With the lock held; gives back what was there. */
static datum *put(store *s, uint64_t id, datum *d)
{
    datum *old = idmap_put(&s->held, id, d);
    s->heavy += weight(d);
    s->heavy -= weight(old);
    return old;
}

/* With the lock held: the oldest block that lies in memory while too much does. */
static datum *too_much(const store *s, uint64_t *which)
{
    datum *found = NULL;
    uint64_t id;
    void *at;
    if (!s->limit || s->heavy < s->limit / 5 * 3) return NULL; /* as Dask's target */
    for (size_t i = 0; idmap_next(&s->held, &i, &id, &at);) {
        if ((found && id > *which) || !weight(at)) continue;
        found = at;
        *which = id;
    }
    return found;
}

/* With the lock held. */
static spill *disk_of(store *s)
{
    err e = {0};
    if (!s->disk) s->disk = spill_open(NULL, &e);
    err_clear(&e);
    return s->disk;
}

static bool spill_one(store *s)
{
    uint64_t id;
    err e = {0};
    pthread_mutex_lock(&s->lock);
    datum *d = datum_ref(too_much(s, &id));
    spill *disk = d ? disk_of(s) : NULL;
    pthread_mutex_unlock(&s->lock);
    datum *away = disk ? spill_block(disk, as_nd(d), NULL, &e) : NULL, *old = away;
    pthread_mutex_lock(&s->lock);
    if (d && !away) s->limit = 0; /* there is no room: what is here stays here */
    if (away && idmap_get(&s->held, id) == d) old = put(s, id, away);
    pthread_mutex_unlock(&s->lock);
    datum_unref(old);
    datum_unref(d);
    err_clear(&e);
    return away != NULL;
}

static void spill_some(store *s)
{
    while (spill_one(s)) continue;
}

void store_keep(store *s, uint64_t id, datum *d)
{
    pthread_mutex_lock(&s->lock);
    datum *old = put(s, id, d);
    pthread_mutex_unlock(&s->lock);
    datum_unref(old);
    spill_some(s);
}

datum *store_get(store *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    datum *d = datum_ref(idmap_get(&s->held, id));
    pthread_mutex_unlock(&s->lock);
    return d;
}

void store_drop(store *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    datum *old = put(s, id, NULL);
    pthread_mutex_unlock(&s->lock);
    datum_unref(old);
}

datum *store_lend(store *s, uint64_t id, err *e)
{
    datum *d = store_get(s, id), *there = d;
    if (d && d->kind->fetch) {
        there = d->kind->fetch(d, e);
        datum_unref(d);
        return there;
    }
    nd *x = as_nd(d);
    if (!x) return d;
    there = &nd_share(x)->hdr;
    pthread_mutex_lock(&s->lock);
    datum *old = idmap_get(&s->held, id) == d ? put(s, id, datum_ref(there)) : NULL;
    pthread_mutex_unlock(&s->lock);
    datum_unref(old);
    datum_unref(d);
    return there;
}

bool store_fetch(store *s, datum **input, uint32_t n, size_t *bytes, err *e)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!input[i]->kind->fetch) continue;
        datum *d = input[i]->kind->fetch(input[i], e);
        if (!d) return false;
        datum_unref(input[i]);
        input[i] = d;
        *bytes += weight(d);
        pthread_mutex_lock(&s->lock);
        s->heavy += weight(d);
        pthread_mutex_unlock(&s->lock);
        spill_some(s);
    }
    return true;
}

void store_done(store *s, size_t bytes)
{
    if (!bytes) return;
    pthread_mutex_lock(&s->lock);
    s->heavy -= bytes;
    pthread_mutex_unlock(&s->lock);
}
