/* engine/run/larder.c - results that outlive their run.
 *
 * The blocks of a larder that are in memory form a ring, the one used longest ago first.  What was
 * on disk once stays there as long as the block lives: leaving memory again is free. */
#include "engine/run/larder.h"

#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/graph/fn.h"
#include "engine/run/spill.h"

enum { LEAST = 1 << 16 }; /* bytes worth a place in a file */

typedef struct state { /* behind shape and strides */
    struct larder *in;
    nd *here;
    datum *away;
    nd *before, *after; /* in the ring, while it is in memory */
} state;

struct larder {
    _Atomic uint32_t rc;
    pthread_mutex_t lock;
    uint64_t here;
    spill *file;
    nd *first, *last;
};

static state *state_of(const nd *x)
{
    return (state *)(uintptr_t)(x->ext + 2 * x->ndim);
}

larder *larder_new(void)
{
    larder *k = mem_zero(sizeof *k);
    atomic_init(&k->rc, 1);
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void larder_unref(larder *k)
{
    if (!k || atomic_fetch_sub(&k->rc, 1) != 1) return;
    pthread_mutex_destroy(&k->lock);
    spill_unref(k->file);
    mem_free(k);
}

/* --- the ring; with the lock --- */

static void enter(larder *k, nd *x)
{
    state *s = state_of(x);
    s->before = k->last;
    s->after = NULL;
    *(k->last ? &state_of(k->last)->after : &k->first) = x;
    k->last = x;
    k->here += nd_bytes(x);
}

static void leave(larder *k, nd *x)
{
    state *s = state_of(x);
    *(s->before ? &state_of(s->before)->after : &k->first) = s->after;
    *(s->after ? &state_of(s->after)->before : &k->last) = s->before;
    k->here -= nd_bytes(x);
}

/* --- a block --- */

static void drop(datum *d)
{
    state *s = state_of((nd *)d);
    pthread_mutex_lock(&s->in->lock);
    if (s->here) leave(s->in, (nd *)d);
    pthread_mutex_unlock(&s->in->lock);
    datum_unref(s->here);
    datum_unref(s->away);
    larder_unref(s->in);
    mem_free(d);
}

static size_t bytes(const datum *d)
{
    return nd_bytes((const nd *)d);
}

static datum *fetch(const datum *d, void *e)
{
    datum *now = kept_now((datum *)(uintptr_t)d);
    datum *x = now->kind->fetch ? now->kind->fetch(now, e) : datum_ref(now);
    datum_unref(now);
    return x;
}

static bool is_near(const datum *d)
{
    state *s = state_of((const nd *)d);
    pthread_mutex_lock(&s->in->lock);
    bool near = s->here != NULL;
    pthread_mutex_unlock(&s->in->lock);
    return near;
}

static const datum_kind kept_kind = {
    .name = "kept ndarray", .drop = drop, .bytes = bytes, .fetch = fetch, .is_near = is_near};

bool is_kept(const datum *d)
{
    return d && d->kind == &kept_kind;
}

static bool worth(const nd *x)
{
    return x && spill_takes(x) && nd_bytes(x) >= LEAST && nd_bytes(x) > x->b->size / 2;
}

datum *larder_block(larder *k, datum *result)
{
    nd *here = as_nd(result);
    return here && buf_shared(here->b) ? datum_ref(result) : larder_lent(k, result);
}

datum *larder_lent(larder *k, datum *result)
{
    nd *here = as_nd(result);
    if (here ? !worth(here) : !is_spilled(result)) return datum_ref(result);
    const nd *x = (const nd *)result;
    const size_t axes = 2 * (size_t)x->ndim * sizeof(int64_t);
    nd *made = mem_zero(sizeof *made + axes + sizeof(state));
    datum_init(&made->hdr, &kept_kind);
    made->dtype = x->dtype;
    made->ndim = x->ndim;
    made->unit = x->unit;
    made->flags = x->flags;
    made->size = x->size;
    memcpy(made->ext, x->ext, axes);
    state *s = state_of(made);
    atomic_fetch_add(&k->rc, 1);
    *s = (state){.in = k, .here = datum_ref(here), .away = here ? NULL : datum_ref(result)};
    pthread_mutex_lock(&k->lock);
    if (here) enter(k, made);
    pthread_mutex_unlock(&k->lock);
    return &made->hdr;
}

datum *kept_now(datum *d)
{
    state *s = state_of((nd *)d);
    pthread_mutex_lock(&s->in->lock);
    datum *now = datum_ref(s->here ? &s->here->hdr : s->away);
    if (s->here) {
        leave(s->in, (nd *)d);
        enter(s->in, (nd *)d);
    }
    pthread_mutex_unlock(&s->in->lock);
    return now;
}

/* --- all of them --- */

uint64_t larder_here(larder *k)
{
    pthread_mutex_lock(&k->lock);
    uint64_t n = k->here;
    pthread_mutex_unlock(&k->lock);
    return n;
}

/* with the lock: the block to leave next, counted; those that others hold too would stay */
static nd *next_to_leave(larder *k)
{
    nd *x = k->first;
    while (x && (atomic_load(&state_of(x)->here->hdr.rc) > 1 || buf_shared(state_of(x)->here->b)))
        x = state_of(x)->after;
    return x;
}

/* with the lock: it takes a moment, and who wants a block waits for it */
static bool send_away(larder *k, nd *x, const char *dir, err *e)
{
    state *s = state_of(x);
    if (!s->away) {
        if (!k->file && !(k->file = spill_open(dir, e))) return false;
        if (!(s->away = spill_block(k->file, s->here, NULL, e))) return false;
    }
    leave(k, x);
    s->here = datum_unref(s->here);
    return true;
}

bool larder_shrink(larder *k, uint64_t bytes, const char *dir, err *e)
{
    bool ok = true;
    nd *x;
    pthread_mutex_lock(&k->lock);
    while (ok && k->here > bytes && (x = next_to_leave(k))) ok = send_away(k, x, dir, e);
    pthread_mutex_unlock(&k->lock);
    return ok;
}
