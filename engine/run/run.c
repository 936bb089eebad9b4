/* engine/run/run.c - running a plan: the calling thread's side.
 *
 * It runs HOME tasks, and otherwise waits: for the end, for Ctrl-C, for the next tick. */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "engine/kernels/ops.h"
#include "engine/run/memory.h"
#include "engine/run/pool.h"

static const double GRACE_S = 0.02, SPIN_S = 250e-6, SHORT_S = 500e-6;

static bool cancelled(const run_opts *o)
{
    return o->cancel && *o->cancel;
}

static void interrupt(job *j)
{
    err e = {0};
    err_set(&e, KeyboardInterrupt, "%s", "");
    job_fail(j, NO_TASK, &e);
}

static tid done_tasks(const job *j)
{
    return j->p->ntask -
           atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&j->left, memory_order_relaxed);
}

static bool tick(job *j)
{
    const run_opts *o = &j->o;
    if (cancelled(o) || (o->tick && !o->tick(o->ctx, j->p, done_tasks(j)))) {
        interrupt(j);
        return false;
    }
    return true;
}

static bool tick_in_time(job *j)
{
    double now = run_clock();
    if (now < j->next_tick) return true;
    j->next_tick = now + (j->o.tick_ms ? j->o.tick_ms : 100) * 1e-3;
    return tick(j);
}

/* --- sharing: what the caller has alone otherwise, while it needs nothing of it --- */

static void share(job *j, bool now)
{
    if (j->shares == now || !j->o.share) return;
    j->shares = now;
    j->o.share(j->o.ctx, now);
}

/* Short runs are over before anybody could make use of it. */
static void share_in_time(job *j)
{
    if (j->o.share && !j->shares && run_clock() >= j->share_at) share(j, true);
}

bool job_poll(void *ctx)
{
    job *j = ctx;
    if (cancelled(&j->o)) interrupt(j);
    return !job_over(j) && tick_in_time(j);
}

/* --- everything here, in order of priority --- */

static tid home_pop(job *j)
{
    tid t = NO_TASK;
    pthread_mutex_lock(&j->lock);
    if (j->nhome) t = j->home[--j->nhome];
    pthread_mutex_unlock(&j->lock);
    return t;
}

/* Nothing calls the language, as far as one can tell before. */
static bool is_native(const job *j)
{
    return !j->p->nforeign && !j->p->nhome && !j->o.begin && !j->o.end;
}

/* A task while others have what it turned out to need is run again when it is ours. */
static void run_apart(job *j, worker *w, tid t)
{
    share_in_time(j);
    job_run_one(j, w, t);
    if (!j->shares || (t = home_pop(j)) == NO_TASK) return;
    share(j, false);
    job_run_one(j, w, t);
}

static void run_here(job *j, worker *w)
{
    const run_opts *o = &j->o;
    const bool native = is_native(j);
    j->next_tick = run_clock() + 0.1;
    for (tid t = 0; t < j->p->ntask && !job_over(j); t++) {
        if (j->p->task[t].flags & TASK_DONE) continue;
        if (cancelled(o)) {
            interrupt(j);
            return;
        }
        if (o->tick && (t & 15) == 0 && !tick_in_time(j)) return;
        if (o->begin) o->begin(o->ctx, j->p, t);
        if (native)
            run_apart(j, w, t);
        else
            job_run_one(j, w, t);
        while (deque_pop(&w->own) != NO_TASK) continue; /* tid order says what is next */
    }
}

/* --- with a pool --- */

static void home_wait(job *j, double seconds)
{
    double at = run_clock() + seconds;
    struct timespec ts = {.tv_sec = (time_t)at, .tv_nsec = (long)((at - (double)(time_t)at) * 1e9)};
    pthread_mutex_lock(&j->lock);
    if (!j->nhome && !job_over(j)) pthread_cond_timedwait(&j->home_wake, &j->lock, &ts);
    pthread_mutex_unlock(&j->lock);
}

/* what a home task made ready that need not stay home */
static void offer(job *j, worker *w, tid t)
{
    bool any = false;
    do {
        if (t == NO_TASK) continue;
        if (j->p->task[t].flags & TASK_HOME) {
            job_push_home(j, t);
        } else {
            deque_push(&j->pool->offered, t);
            any = true;
        }
    } while ((t = deque_pop(&w->own)) != NO_TASK);
    if (any) pool_wake(j->pool, MAX_WORKER);
}

/* Workers leave at the end of their task. After a Ctrl-C they get GRACE_S; who is still inside a
 * library call then is let go and replaced, and its result will be dropped. */
static void wait_for_workers(job *j, bool patient)
{
    double now = run_clock(), end = now + GRACE_S;
    while (atomic_load(&j->inside) && run_clock() < now + SPIN_S) __builtin_ia32_pause();
    if (atomic_load(&j->inside)) share(j, true);
    pthread_mutex_lock(&j->lock);
    while (atomic_load(&j->inside) && (patient || run_clock() < end)) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += 2000000;
        if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&j->home_wake, &j->lock, &ts);
        if (patient && cancelled(&j->o)) patient = false, end = run_clock() + GRACE_S;
    }
    pthread_mutex_unlock(&j->lock);
    while (!atomic_load(&j->inside) && atomic_load(&j->hold) > 1) /* they are letting go of it: */
        sched_yield(); /* what it holds is to be free when the caller goes on */
}

/* The calling thread as one worker more, without a wake-up at the beginning and the end: until it
 * finds nothing more to do. */
static void lend_a_hand(job *j, worker *w)
{
    tid t = NO_TASK;
    while (!job_over(j)) {
        if (t == NO_TASK) t = job_find(j, w);
        if (t == NO_TASK) t = job_spin(j, w, SPIN_S);
        if (t == NO_TASK) break;
        share_in_time(j);
        t = job_run_one(j, w, t);
        offer(j, w, NO_TASK);
        if (!job_poll(j)) break;
    }
    atomic_fetch_add(&j->pool->slots, 1);
}

static void run_pool(job *j, worker *w)
{
    const run_opts *o = &j->o;
    if (j->lends) lend_a_hand(j, w);
    double period = o->cancel ? 0.01 : (o->tick_ms ? o->tick_ms : 100) * 1e-3;
    while (!job_over(j)) {
        tid t = home_pop(j);
        if (t != NO_TASK) {
            share(j, false);
            offer(j, w, job_run_one(j, w, t));
        } else {
            share_in_time(j);
            home_wait(j, j->o.share && !j->shares ? SHORT_S : period);
        }
        if (!job_over(j) && !tick(j)) break;
    }
    pool_end(j->pool);
    wait_for_workers(j, j->failure.kind != KeyboardInterrupt);
    pool_abandon(j->pool, j);
    pool_close(j->pool);
}

/* Small native plans are done before a worker would have woken up. */
static bool small(const plan *p)
{
    return p->ntask - p->ndone <= 64 && !p->nforeign && p->bytes <= 1 << 17 && p->inside <= 1 << 17;
}

/* --- what it took --- */

typedef struct measure {
    double begin;
    uint64_t live, resident;
} measure;

/* Nothing is kept from before, so that growth is what the run needs. */
static measure measure_begin(void)
{
    size_t limit = buf_pool_limit(0);
    buf_pool_limit(limit);
    buf_peak(true);
    memory_restart_peak();
    return (measure){run_clock(), buf_live(), memory_resident()};
}

static void measure_end(const measure *m, const job *j, run_use *u)
{
    uint64_t peak = buf_peak(false), resident = memory_peak_resident();
    memory_use held = j->memory ? memory_report(j->memory) : (memory_use){0};
    *u = (run_use){.seconds = run_clock() - m->begin,
                   .budget = held.budget,
                   .peak = peak > m->live ? peak - m->live : 0,
                   .spilled = held.spilled,
                   .resident = resident > m->resident ? resident - m->resident : 0};
}

bool plan_run(plan *p, pool *on, const run_opts *o, tid *failed, err *e)
{
    static const run_opts defaults = {0};
    if (!o) o = &defaults;
    if (failed) *failed = NO_TASK;
    if (p->ntask == p->ndone && !reads_kept(p)) return true;
    bool here = o->synchronous || !on || p->nhome == p->ntask - p->ndone || small(p);
    measure m = o->use ? measure_begin() : (measure){0};
    job *j = job_new(p, here ? NULL : on, o, e);
    if (!j) return false;
    worker w = {.id = -1, .user = o->user, .pool = on, .own = {.lock = ATOMIC_FLAG_INIT}};
    j->lends = !here && job_is_brisk(j);
    if (!here && !pool_open(on, j)) { /* a compute() inside a task, most often */
        here = true;
        j->pool = NULL;
    }
    bool alone = par_alone(true);
    j->share_at = o->share ? run_clock() + SHORT_S : 0;
    if (here)
        run_here(j, &w);
    else
        run_pool(j, &w);
    share(j, false);
    par_alone(alone);
    bool ok = !j->failure.kind;
    if (o->use) measure_end(&m, j, o->use);
    pthread_mutex_lock(&j->lock);
    if (!ok) {
        if (failed) *failed = j->failed;
        err_move(e, &j->failure);
    }
    pthread_mutex_unlock(&j->lock);
    arena_clear(&w.scratch);
    mem_free(w.own.at);
    job_unref(j);
    return ok;
}

bool exprs_compute(int n, const expr *const *x, pool *on, const plan_opts *po, const run_opts *o,
                   nd **out, err *e)
{
    plan *p = plan_exprs(n, x, po, e);
    if (!p) return false;
    uint32_t first = 0;
    for (int i = 0; i < n; i++) {
        plan_place(p, first, x[i]);
        first += (uint32_t)x[i]->chunks->nblock;
    }
    bool ok = plan_run(p, on, o, NULL, e);
    first = 0;
    int have = 0;
    while (ok && have < n) {
        ok = (out[have] = plan_join(p, first, x[have], e)) != NULL;
        first += (uint32_t)x[have]->chunks->nblock;
        have += ok;
    }
    for (; !ok && have; have--) out[have - 1] = datum_unref(out[have - 1]);
    plan_free(p);
    return ok;
}
