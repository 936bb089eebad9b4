/* stdlib/futures/fleet.c - the thread that feeds worker processes and hears them.
 *
 * Whatever becomes ready pokes it; then it takes errands for every worker, asks for the results
 * that somebody waits for, and reports events to the foreman. */
#include "stdlib/futures/fleet.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "stdlib/dask/worker_link.h"
#include "stdlib/dask/workers.h"
#include "stdlib/futures/answers.h"
#include "stdlib/futures/team.h"

struct fleet {
    foreman *f;
    interp *home;
    workers *w;
    pthread_t thread;
    int nthread;
    bool alone;
    size_t limit;     /* of the memory of each worker; 0: none */
    idmap runs;       /* id -> errand_run * */
    idmap fetching;   /* id -> errand *, held */
    idmap lost;       /* workers that could not be started again, by number + 1 */
    double next_try;  /* to do so */
    team *aside;      /* for what cannot travel */
    answers *answers; /* questions of tasks; of the thread */
    pthread_mutex_t lock;
    strbuf said[2]; /* under the lock */
    _Atomic bool closing;
};

/* ---- hooks ---- */

static double clock_mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void poke(void *ctx)
{
    workers_wake(((fleet *)ctx)->w);
}

static void drop(void *ctx, uint64_t id)
{
    workers_drop(((fleet *)ctx)->w, id);
}

/* ---- giving out work ---- */

static bool held_somewhere(const fleet *t, uint64_t id)
{
    for (int i = 0; i < t->w->n; i++)
        if (workers_hold(t->w, i, id)) return true;
    return false;
}

/* Values that only home has go along. */
static bool send_inputs(fleet *t, const errand_run *r, err *e)
{
    for (uint32_t i = 0; i < r->nin; i++)
        if (r->in[i] && !held_somewhere(t, r->in_id[i]))
            TRY(workers_put(t->w, r->worker, r->in_id[i], r->in[i], e));
    return true;
}

static void send_run(fleet *t, const errand_run *taken)
{
    errand_run *r = mem_alloc(sizeof *r);
    err e = {0};
    *r = *taken;
    idmap_put(&t->runs, r->id, r);
    work job = {.id = r->id,
                .key = errand_key(r->e),
                .func = r->func,
                .args = r->args,
                .nin = r->nin,
                .in = r->in_id};
    if (send_inputs(t, r, &e) && workers_send(t->w, r->worker, &job, &e)) return;
    idmap_put(&t->runs, r->id, NULL);
    if (e.kind == TypeError) { /* an operation that cannot travel: done here */
        err_clear(&e);
        team_run(t->aside, r);
        return;
    }
    foreman_failed(t->f, r, &e);
    mem_free(r);
}

static void feed(fleet *t)
{
    errand_run r;
    for (int i = 0; i < t->w->n; i++)
        while (foreman_take(t->f, i, 0, &r)) send_run(t, &r);
    for (errand *e; (e = foreman_wanted(t->f));) {
        errand *known = idmap_put(&t->fetching, errand_id(e), e);
        errand_release(known);
        if (workers_fetch(t->w, errand_id(e))) continue;
        idmap_put(&t->fetching, errand_id(e), NULL);
        foreman_deliver(t->f, e, NULL);
        errand_release(e);
    }
}

/* ---- hearing ---- */

static errand_run *run_of(fleet *t, uint64_t id)
{
    return idmap_put(&t->runs, id, NULL);
}

static void hear_done(fleet *t, work_event *ev)
{
    errand_run *r = run_of(t, ev->id);
    if (!r) return;
    errand *e = ev->value ? errand_hold(r->e) : NULL;
    foreman_done(t->f, r, NULL, ev->type, ev->bytes);
    if (e) foreman_deliver(t->f, e, ev->value);
    ev->value = NULL;
    errand_release(e);
    mem_free(r);
}

/* A traceback that ends in distributed.Reschedule: the task wants to run once more, wherever. */
static bool is_reschedule(const char *traceback)
{
    const char *last = traceback, *at = traceback;
    for (; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
        if (*at != ' ' && *at != '\n') last = at;
    return last && !strncmp(last, "distributed.worker.Reschedule", 29);
}

static void hear_failed(fleet *t, work_event *ev)
{
    errand_run *r = run_of(t, ev->id);
    if (!r) return;
    if (is_reschedule(ev->text)) {
        foreman_again(t->f, r);
        mem_free(r);
        return;
    }
    err e = {.kind = ev->kind, .msg = ev->text ? ev->text : mem_dup(""), .exc = ev->value};
    ev->text = NULL;
    ev->value = NULL;
    foreman_failed(t->f, r, &e);
    mem_free(r);
}

static void hear_missing(fleet *t, const work_event *ev)
{
    errand_run *r = run_of(t, ev->id);
    if (!r) return;
    foreman_missing(t->f, r, held_somewhere(t, ev->other) ? 0 : ev->other);
    mem_free(r);
}

static void hear_value(fleet *t, work_event *ev)
{
    errand *e = idmap_put(&t->fetching, ev->id, NULL);
    if (!e) return;
    if (!ev->value && held_somewhere(t, ev->id)) { /* it is there, but cannot travel */
        err x = {0};
        err_set(&x, ev->kind ? ev->kind : TypeError, "%s",
                ev->text && *ev->text ? ev->text : "a result cannot be read");
        foreman_spoil(t->f, e, &x);
    } else {
        foreman_deliver(t->f, e, ev->value);
    }
    ev->value = NULL;
    errand_release(e);
}

static void hear_said(fleet *t, const work_event *ev)
{
    pthread_mutex_lock(&t->lock);
    sb_add(&t->said[ev->other == 2], ev->text, ev->ntext);
    pthread_mutex_unlock(&t->lock);
}

/* There may be no memory, or no process to be had, for a while. */
static void start_again(fleet *t, int who)
{
    err e = {0};
    const bool there = workers_restart(t->w, who, &e);
    err_clear(&e);
    idmap_put(&t->lost, (uint64_t)who + 1, there ? NULL : t);
    if (there) foreman_rehire(t->f, who);
}

static void start_lost(fleet *t)
{
    const double pause = 0.1;
    size_t i = 0;
    uint64_t id;
    void *at;
    if (!t->lost.n || clock_mono() < t->next_try) return;
    t->next_try = clock_mono() + pause;
    if (idmap_next(&t->lost, &i, &id, &at)) start_again(t, (int)id - 1);
}

/* Runs of a worker that died end without having said anything. */
static void hear_died(fleet *t, int who, const char *how)
{
    size_t i = 0;
    uint64_t id;
    void *at;
    foreman_dismiss(t->f, who, how && *how ? how : "lost");
    answers_forget(t->answers, who);
    while (idmap_next(&t->runs, &i, &id, &at)) {
        errand_run *r = at;
        if (r->worker != who) continue;
        idmap_put(&t->runs, id, NULL);
        foreman_again(t->f, r);
        mem_free(r);
        i = 0;
    }
    if (!atomic_load(&t->closing)) start_again(t, who);
}

static void hear(fleet *t, work_event *ev)
{
    switch (ev->what) {
    case WORK_DONE: hear_done(t, ev); break;
    case WORK_FAILED: hear_failed(t, ev); break;
    case WORK_VALUE: hear_value(t, ev); break;
    case WORK_MISSING: hear_missing(t, ev); break;
    case WORKER_DIED: hear_died(t, ev->worker, ev->text); break;
    case WORK_SAID: hear_said(t, ev); break;
    case WORK_ASKS: answers_ask(t->answers, ev->worker, ev->other, ev->value); break;
    default: break;
    }
    work_event_clear(ev);
}

/* Workers that use more than they may are ended, as by Dask's nannies; what they had runs again. */
static void check_memory(fleet *t)
{
    const double most = 0.95 * (double)t->limit;
    for (int i = 0; i < t->w->n; i++) {
        int64_t pid = workers_pid(t->w, i);
        if (pid <= 0 || (double)process_owned(pid) <= most) continue;
        pthread_mutex_lock(&t->lock);
        sb_addf(&t->said[1],
                "distributed.nanny.memory - WARNING - Worker %d (pid=%lld) exceeded 95%% memory "
                "budget. Restarting...\n",
                i, (long long)pid);
        pthread_mutex_unlock(&t->lock);
        workers_kill(t->w, i, SIGKILL);
    }
}

static void *listen(void *arg)
{
    enum { PAUSE_MS = 500, WATCH_MS = 100, BUSY_MS = 5 };
    fleet *t = arg;
    work_event ev;
    double next_look = 0;
    t->answers = answers_open(t->home, t->f, t->w, !t->alone);
    while (!atomic_load(&t->closing)) {
        feed(t);
        start_lost(t);
        bool open = answers_check(t->answers), watched = t->limit && t->runs.n;
        if (watched && clock_mono() > next_look) {
            check_memory(t);
            next_look = clock_mono() + WATCH_MS * 1e-3;
        }
        if (!workers_poll(t->w, open ? BUSY_MS : watched || t->lost.n ? WATCH_MS : PAUSE_MS, &ev))
            continue;
        do hear(t, &ev);
        while (workers_poll(t->w, 0, &ev));
    }
    answers_close(t->answers);
    return NULL;
}

/* ---- life ---- */

fleet *fleet_open(interp *home, foreman *f, const workers_opts *o, err *e)
{
    fleet *t = mem_zero(sizeof *t);
    t->w = workers_open_processes(home, o, e);
    if (!t->w) return mem_free(t), NULL;
    t->f = foreman_ref(f);
    t->home = home;
    t->nthread = o->nthread;
    t->alone = o->alone;
    t->limit = o->limit;
    pthread_mutex_init(&t->lock, NULL);
    t->aside = team_open(home, f, 0);
    foreman_hooks hooks = {t, poke, drop};
    foreman_hook(f, &hooks);
    for (int i = 0; i < o->n; i++) foreman_hire(f, o->nthread);
    pthread_create(&t->thread, NULL, listen, t);
    return t;
}

bool fleet_add(fleet *t, err *e)
{
    return workers_add(t->w, e) >= 0 && foreman_hire(t->f, t->nthread) >= 0;
}

static void clear_maps(fleet *t)
{
    size_t i = 0;
    uint64_t id;
    void *at;
    while (idmap_next(&t->runs, &i, &id, &at)) {
        foreman_again(t->f, at);
        mem_free(at);
    }
    i = 0;
    while (idmap_next(&t->fetching, &i, &id, &at)) errand_release(at);
    idmap_clear(&t->runs);
    idmap_clear(&t->fetching);
    idmap_clear(&t->lost);
}

void fleet_close(fleet *t)
{
    if (!t) return;
    atomic_store(&t->closing, true);
    foreman_close(t->f);
    workers_wake(t->w);
    pthread_join(t->thread, NULL);
    team_close(t->aside);
    workers_close(t->w);
    clear_maps(t);
    fleet_say(t);
    pthread_mutex_destroy(&t->lock);
    foreman_unref(t->f);
    mem_free(t);
}

void fleet_say(fleet *t)
{
    const host *h = interp_host(t->home);
    if (!atomic_load(&t->closing)) team_say(t->aside);
    for (int fd = 0; fd < 2; fd++) {
        pthread_mutex_lock(&t->lock);
        strbuf b = t->said[fd];
        t->said[fd] = (strbuf){0};
        pthread_mutex_unlock(&t->lock);
        if (b.n && h && h->write) h->write(h->ctx, fd + 1, b.at, b.n);
        sb_clear(&b);
    }
}

int64_t fleet_pid(fleet *t, int who)
{
    return workers_pid(t->w, who);
}

void fleet_kill(fleet *t, int who)
{
    workers_kill(t->w, who, SIGKILL);
}
