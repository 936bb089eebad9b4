/* stdlib/dask/crew.c - the workers' interpreters, and what their tasks print. */
#include "stdlib/dask/crew.h"

#include <pthread.h>

#include "engine/base/mem.h"
#include "lang/threads.h"
#include "stdlib/numpy/numpy.h"

struct crew {
    interp *home;
    pool *p;
    _Atomic int stopped;  /* the run was interrupted: workers leave the language */
    _Atomic int broken;   /* a process died too often */
    datum *setting;       /* of processes; NULL: they are threads */
    pthread_mutex_t lock; /* of `said`; nothing else is done under it */
    strbuf said[2];
    int n;          /* workers asked for */
    int ntaken;     /* runs that have it, one within the other */
    const void *by; /* the thread of the program that they are of */
    crew *spare;    /* another of its kind, for another thread */
};

static void hear(void *ctx, int fd, const char *s, size_t n)
{
    seat *t = ctx;
    sb_add(&t->said[fd == 2], s, n);
}

static bool stop_asked(void *ctx)
{
    return atomic_load(&((seat *)ctx)->of->stopped);
}

/* A task that sleeps gives its place to another. */
static bool nap(interp *in, double seconds)
{
    seat *s = interp_host(in)->ctx;
    worker_blocking_begin(s->w);
    interp_on_sleep(in, NULL);
    bool ok = interp_sleep(in, seconds);
    interp_on_sleep(in, nap);
    worker_blocking_end(s->w);
    return ok;
}

static void *sit_down(void *ctx, worker *w)
{
    crew *c = ctx;
    seat *s = mem_zero(sizeof *s);
    host h = {.ctx = s, .write = hear, .signal = &c->stopped, .interrupted = stop_asked};
    s->of = c;
    s->w = w;
    s->away.fd = -1;
    if (c->setting) return s;
    s->in = interp_open_worker(c->home, &h);
    if (!s->in) return s;
    interp_on_sleep(s->in, nap);
    value_unref(s->in, interp_import(s->in, "_numpy")); /* its scalar types */
    return s;
}

/* What a task was given is not needed any more when the next one begins.  Nor are cycles of what
 * the last ones made: they may hold arrays, which nobody counts, and are few objects. */
static void tidy(void *user)
{
    seat *s = user;
    if (!s->in) return;
    thaw_trim(s->in);
    interp_trim(s->in);
    if (!buf_fits(buf_wall_most() / 8)) gc_collect(s->in);
}

static void stand_up(void *ctx, void *user)
{
    seat *s = user;
    (void)ctx;
    if (s->in) interp_close(s->in);
    process_end(&s->away, NULL);
    sb_clear(&s->said[0]);
    sb_clear(&s->said[1]);
    mem_free(s);
}

crew *crew_new(interp *home, int n, bool processes)
{
    err e = {0};
    datum *setting = processes ? greeting_setting(home, &e) : NULL;
    if (e.kind) return throw_err(home, &e), NULL;
    crew *c = mem_zero(sizeof *c);
    c->home = home;
    c->n = n;
    c->setting = setting;
    pthread_mutex_init(&c->lock, NULL);
    worker_hooks h = {c, sit_down, stand_up, tidy};
    c->p = pool_new(n, n > 0 || processes, &h);
    return c;
}

void crew_free(crew *c)
{
    for (crew *next; c; c = next) {
        next = c->spare;
        if (!pool_free(c->p)) continue;
        pthread_mutex_destroy(&c->lock);
        sb_clear(&c->said[0]);
        sb_clear(&c->said[1]);
        datum_unref(c->setting);
        mem_free(c);
    }
}

crew *crew_take(crew *c)
{
    const void *me = threads_running(c->home);
    crew *mine = NULL, *idle = NULL, **end = &c;
    for (; *end; end = &(*end)->spare) {
        if ((*end)->ntaken && (*end)->by == me) mine = *end;
        if (!(*end)->ntaken && !idle) idle = *end;
    }
    crew *got = mine ? mine : idle;
    if (!got) got = *end = crew_new(c->home, c->n, c->setting != NULL);
    if (!got) return NULL;
    got->ntaken++;
    got->by = me;
    return got;
}

void crew_leave(crew *c)
{
    c->ntaken--;
}

bool crew_copies(const crew *c)
{
    return c && c->setting;
}

datum *crew_setting(const crew *c)
{
    return c->setting;
}

bool crew_stopped(const crew *c)
{
    return atomic_load(&c->stopped);
}

void crew_broken(crew *c)
{
    atomic_store(&c->broken, 1);
}

bool crew_was_broken(crew *c)
{
    return atomic_exchange(&c->broken, 0);
}

pool *crew_pool(crew *c)
{
    return c->p;
}

void crew_stop(crew *c, bool stop)
{
    atomic_store(&c->stopped, stop);
}

void crew_say(crew *c)
{
    const host *h = interp_host(c->home);
    for (int fd = 0; fd < 2; fd++) {
        pthread_mutex_lock(&c->lock);
        strbuf b = c->said[fd];
        c->said[fd] = (strbuf){0};
        pthread_mutex_unlock(&c->lock);
        if (b.n && h && h->write) h->write(h->ctx, fd + 1, b.at, b.n);
        sb_clear(&b);
    }
}

bool crew_has_said(crew *c)
{
    pthread_mutex_lock(&c->lock);
    bool some = c->said[0].n || c->said[1].n;
    pthread_mutex_unlock(&c->lock);
    return some;
}

seat *seat_of(const call *c)
{
    if (!c->worker || worker_id(c->worker) < 0) return NULL;
    return worker_user(c->worker);
}

void seat_done(seat *s, bool keep)
{
    for (int fd = 0; fd < 2; fd++) {
        if (keep && s->said[fd].n) {
            pthread_mutex_lock(&s->of->lock);
            sb_add(&s->of->said[fd], s->said[fd].at, s->said[fd].n);
            pthread_mutex_unlock(&s->of->lock);
        }
        s->said[fd].n = 0;
    }
    if (s->in) thaw_trim(s->in);
    if (s->in) interp_trim(s->in);
}
