/* engine/run/foreman.c - the dynamic scheduler as others see it: the table of errands by key, its
 * lock, what is kept for after the lock, views. */
#include "engine/run/foreman_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/run/board.h"

const char *const errand_state_name[NERRAND_STATE] = {
    [ERRAND_RELEASED] = "released",     [ERRAND_WAITING] = "waiting", [ERRAND_READY] = "queued",
    [ERRAND_PROCESSING] = "processing", [ERRAND_MEMORY] = "memory",   [ERRAND_ERRED] = "erred",
    [ERRAND_CANCELLED] = "cancelled",
};

static double clock_of(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_now(void)
{
    return clock_of(CLOCK_REALTIME);
}

double clock_mono(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

void cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, double at)
{
    if (at <= 0) {
        pthread_cond_wait(c, m);
        return;
    }
    struct timespec t = {.tv_sec = (time_t)at, .tv_nsec = (long)((at - (double)(time_t)at) * 1e9)};
    pthread_cond_timedwait(c, m, &t);
}

/* ---- the lock, and what waits for its end ---- */

void foreman_enter(foreman *f)
{
    pthread_mutex_lock(&f->lock);
}

void foreman_trash(foreman *f, void *d)
{
    if (!d) return;
    if (f->ntrash == f->cap_trash)
        f->trash =
            mem_grow(f->trash, (f->cap_trash = f->cap_trash ? f->cap_trash * 2 : 16) * sizeof d);
    f->trash[f->ntrash++] = d;
}

static void foreman_drop(foreman *f, uint32_t n)
{
    if (!n || atomic_fetch_sub(&f->rc, n) != n) return;
    for (int i = 0; i < f->nhand; i++) {
        pthread_cond_destroy(&f->hand[i].wake);
        mem_free(f->hand[i].queue.at);
        mem_free(f->hand[i].needy.at);
    }
    for (int i = 0; i < MAX_RESOURCES; i++) mem_free(f->resource[i]);
    pthread_mutex_destroy(&f->lock);
    datum_unref(f->board);
    ledger_clear(&f->past);
    mem_free(f->table);
    mem_free(f->limbo.at);
    mem_free(f->wanted.at);
    mem_free(f->trash);
    mem_free(f->drops);
    mem_free(f->work);
    mem_free(f);
}

void foreman_leave(foreman *f)
{
    errands_sweep(f);
    datum **trash = f->trash;
    uint64_t *drops = f->drops;
    uint32_t ntrash = f->ntrash, ndrops = f->ndrops, freed = f->freed;
    bool poke = f->poke;
    foreman_hooks hooks = f->hooks;
    if (ntrash) {
        f->trash = NULL;
        f->ntrash = f->cap_trash = 0;
    }
    if (ndrops) {
        f->drops = NULL;
        f->ndrops = f->cap_drops = 0;
    }
    f->freed = 0;
    f->poke = false;
    pthread_mutex_unlock(&f->lock);
    for (uint32_t i = 0; i < ntrash; i++) datum_unref(trash[i]);
    if (ntrash) mem_free(trash);
    for (uint32_t i = 0; hooks.drop && i < ndrops; i++) hooks.drop(hooks.ctx, drops[i]);
    if (ndrops) mem_free(drops);
    if (poke && hooks.poke) hooks.poke(hooks.ctx);
    foreman_drop(f, freed);
}

foreman *foreman_new(const foreman_hooks *h, bool remote)
{
    foreman *f = mem_zero(sizeof *f);
    atomic_init(&f->rc, 1);
    pthread_mutex_init(&f->lock, NULL);
    if (h) f->hooks = *h;
    f->remote = remote;
    f->most_deaths = 3; /* as in Dask */
    f->board = board_new();
    return f;
}

void foreman_hook(foreman *f, const foreman_hooks *h)
{
    foreman_enter(f);
    f->hooks = *h;
    foreman_leave(f);
}

void *foreman_ref(foreman *f)
{
    atomic_fetch_add(&f->rc, 1);
    return f;
}

void *foreman_unref(foreman *f)
{
    if (f) foreman_drop(f, 1);
    return NULL;
}

struct entry *foreman_past(foreman *f, double since, size_t *n)
{
    foreman_enter(f);
    entry *at = ledger_read(&f->past, since, n);
    foreman_leave(f);
    return at;
}

struct board *foreman_board(foreman *f)
{
    return f->board;
}

bool foreman_is_closed(foreman *f)
{
    foreman_enter(f);
    bool closed = f->closed;
    foreman_leave(f);
    return closed;
}

static void flush(heap *h)
{
    for (errand *e; (e = heap_pop(h));) errand_put(e);
}

void foreman_close(foreman *f)
{
    size_t n;
    errand **all = foreman_all(f, &n);
    foreman_enter(f);
    f->closed = true;
    for (size_t i = 0; i < n; i++)
        if (!errand_over(all[i])) errand_cancel_one(all[i]);
    for (int i = 0; i < f->nhand; i++) {
        flush(&f->hand[i].queue);
        flush(&f->hand[i].needy);
        pthread_cond_broadcast(&f->hand[i].wake);
    }
    flush(&f->limbo);
    flush(&f->wanted);
    f->hooks = (foreman_hooks){0};
    foreman_leave(f);
    for (size_t i = 0; i < n; i++) errand_release(all[i]);
    mem_free(all);
    board_clear(f->board); /* what hangs there may hold errands, and they hold us */
}

/* ---- the table ---- */

static uint64_t hash_of(const char *name)
{
    return hash_bytes(name, strlen(name), 0);
}

static errand **place_of(foreman *f, const char *name, uint64_t hash)
{
    errand **at = &f->table[hash & (f->cap - 1)];
    while (*at && ((*at)->hash != hash || strcmp((*at)->key, name))) at = &(*at)->chain;
    return at;
}

static errand *find(foreman *f, const char *name)
{
    return f->cap ? *place_of(f, name, hash_of(name)) : NULL;
}

static void grow_table(foreman *f)
{
    errand **old = f->table;
    uint32_t n = f->cap;
    f->cap = n ? n * 2 : 64;
    f->table = mem_zero(f->cap * sizeof *f->table);
    for (uint32_t i = 0; i < n; i++)
        for (errand *e = old[i], *next; e; e = next) {
            next = e->chain;
            errand **at = &f->table[e->hash & (f->cap - 1)];
            e->chain = *at;
            *at = e;
        }
    mem_free(old);
}

static void list(foreman *f, errand *e)
{
    if (f->ntable >= f->cap) grow_table(f);
    errand **at = &f->table[e->hash & (f->cap - 1)];
    e->chain = *at;
    *at = e;
    e->listed = true;
    f->ntable++;
}

void errand_unlist(errand *e)
{
    if (!e->listed) return;
    foreman *f = e->of;
    errand **at = &f->table[e->hash & (f->cap - 1)];
    while (*at != e) at = &(*at)->chain;
    *at = e->chain;
    e->chain = NULL;
    e->listed = false;
    f->ntable--;
}

/* ---- submitting ---- */

static errand *errand_make(foreman *f, const errand_spec *s)
{
    errand *e = mem_zero(sizeof *e);
    e->of = foreman_ref(f);
    e->key = mem_dup(s->key);
    e->hash = hash_of(s->key);
    e->id = ++f->next_id;
    e->seq = e->id;
    e->func = datum_ref(s->func);
    e->args = datum_ref(s->args);
    e->priority = s->priority;
    e->retries = s->retries;
    e->only = s->only;
    e->loose = s->loose;
    e->part = s->value && s->part;
    if (s->need) {
        e->need = mem_alloc(MAX_RESOURCES * sizeof *e->need);
        memcpy(e->need, s->need, MAX_RESOURCES * sizeof *e->need);
    }
    e->worker = -1;
    e->nin = s->nin;
    if (s->nin) e->in = mem_alloc(s->nin * sizeof *e->in);
    for (uint32_t i = 0; i < s->nin; i++) {
        e->in[i] = s->in[i];
        e->in[i]->rc++;
    }
    return e;
}

errand *foreman_submit(foreman *f, const errand_spec *s)
{
    foreman_enter(f);
    errand *e = f->closed ? NULL : find(f, s->key);
    bool fresh = !e && !f->closed;
    if (fresh) {
        e = errand_make(f, s);
        list(f, e);
    }
    if (e) {
        e->rc++;
        e->holds++;
    }
    if (fresh && s->value) {
        e->type = s->type ? mem_dup(s->type) : NULL;
        e->bytes = s->bytes;
        e->begin = clock_now(); /* no end: it is no news */
        errand_finish(e, datum_ref(s->value));
        errand_lies(e, hands_scatter(f, s->only));
    } else if (fresh) {
        errand_start(e);
    }
    foreman_leave(f);
    return e;
}

errand *foreman_find(foreman *f, const char *name)
{
    foreman_enter(f);
    errand *e = find(f, name);
    if (e) {
        e->rc++;
        e->holds++;
    }
    foreman_leave(f);
    return e;
}

static int older(const void *a, const void *b)
{
    const errand *x = *(errand *const *)a, *y = *(errand *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

errand **foreman_all(foreman *f, size_t *n)
{
    foreman_enter(f);
    errand **all = mem_alloc((f->ntable + 1) * sizeof *all);
    *n = 0;
    for (uint32_t i = 0; i < f->cap; i++)
        for (errand *e = f->table[i]; e; e = e->chain) {
            e->rc++;
            e->holds++;
            all[(*n)++] = e;
        }
    foreman_leave(f);
    qsort(all, *n, sizeof *all, older);
    return all;
}

static bool is_word(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalpha((unsigned char)s[i])) return false;
    return n > 0 && !(n == 8 && strspn(s, "abcdef") >= 8);
}

/* Words up to the first that is none: Dask's key_split, about. */
static void kind_of(const char *key, char out[48])
{
    key += strspn(key, "('\"");
    size_t n = strcspn(key, "-'\""), more;
    while (key[n] == '-' && (more = strcspn(key + n + 1, "-'\",")) && is_word(key + n + 1, more))
        n += 1 + more;
    if (n > 47) n = 47;
    memcpy(out, key, n);
    out[n] = 0;
}

size_t foreman_tally(foreman *f, tally *out, size_t cap)
{
    size_t n = 0, k;
    char name[48];
    foreman_enter(f);
    for (uint32_t i = 0; i < f->cap; i++)
        for (errand *e = f->table[i]; e; e = e->chain) {
            kind_of(e->key, name);
            for (k = 0; k < n && strcmp(out[k].name, name); k++) continue;
            if (k == n && n + 1 < cap) {
                out[n] = (tally){0};
                memcpy(out[n++].name, name, sizeof name);
            } else if (k == n && n < cap) {
                out[n++] = (tally){.name = "..."};
            }
            out[k < cap ? k : cap - 1].n[e->state]++;
        }
    foreman_leave(f);
    return n;
}

errand *errand_hold(errand *e)
{
    foreman_enter(e->of);
    e->holds++;
    e->rc++;
    foreman_leave(e->of);
    return e;
}

void errand_release(errand *e)
{
    if (!e) return;
    foreman *f = foreman_ref(e->of);
    foreman_enter(f);
    if (!--e->holds) errand_check(e);
    errand_put(e);
    foreman_leave(f);
    foreman_unref(f);
}

void errand_forget_when_done(errand *e)
{
    foreman_enter(e->of);
    if (!errand_over(e) && !e->once) {
        e->once = true;
        e->holds++;
        e->rc++;
    }
    foreman_leave(e->of);
}

foreman *errand_foreman(const errand *e)
{
    return e->of;
}

const char *errand_key(const errand *e)
{
    return e->key;
}

uint64_t errand_id(const errand *e)
{
    return e->id;
}

/* ---- views ---- */

void errand_look(errand *e, errand_view *v)
{
    foreman_enter(e->of);
    *v = (errand_view){.state = e->state,
                       .value = datum_ref(e->value),
                       .type = e->type,
                       .bytes = e->bytes,
                       .where = e->where,
                       .worker = e->worker,
                       .nin = e->nin,
                       .begin = e->begin,
                       .end = e->end};
    if (e->why && e->state == ERRAND_ERRED) {
        v->kind = e->why->e.kind;
        v->msg = mem_dup(e->why->e.msg ? e->why->e.msg : "");
        v->error = datum_ref(e->why->e.exc);
    }
    foreman_leave(e->of);
}

void errand_view_clear(errand_view *v)
{
    datum_unref(v->value);
    datum_unref(v->error);
    mem_free(v->msg);
    *v = (errand_view){0};
}

enum errand_state errand_state_of(errand *e)
{
    foreman_enter(e->of);
    enum errand_state s = e->state;
    foreman_leave(e->of);
    return s;
}

double errand_ended(errand *e)
{
    foreman_enter(e->of);
    double end = errand_over(e) ? e->end : 0;
    foreman_leave(e->of);
    return end;
}
