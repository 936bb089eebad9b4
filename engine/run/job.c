/* engine/run/job.c - one plan being run: what happens when a task ends.
 *
 * A result is published, then consumers that have now all their inputs become ready, then inputs
 * that nobody else needs are freed.  No lock is held while a task runs. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/run/memory.h"
#include "engine/run/pool.h"

double run_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- life --- */

static bool add_snapshot(snapshots *s, source *of, err *e)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].of == of) return true;
    source *now = of->kind->snapshot(of, e);
    if (!now) return false;
    s->at = mem_grow(s->at, (s->n + 1) * sizeof *s->at);
    s->at[s->n++] = (struct snapshot){of, now};
    return true;
}

static bool take_snapshots(plan *p, err *e)
{
    for (uint32_t i = 0; i < p->nprog; i++)
        for (uint32_t s = 0; s < p->prog[i]->nstep; s++) {
            const layer *l = p->prog[i]->by[s];
            source *from = l->flags & LAYER_LEAF ? layer_source(l) : NULL;
            if (from && from->kind->snapshot) TRY(add_snapshot(&p->snap, from, e));
        }
    return true;
}

void job_push_home(job *j, tid t)
{
    pthread_mutex_lock(&j->lock);
    if (j->nhome == j->caphome) {
        j->caphome = j->caphome ? 2 * j->caphome : 64;
        j->home = mem_grow(j->home, j->caphome * sizeof *j->home);
    }
    j->home[j->nhome++] = t;
    pthread_cond_signal(&j->home_wake);
    pthread_mutex_unlock(&j->lock);
}

job *job_new(plan *p, pool *on, const run_opts *o, err *e)
{
    memory *m;
    if (!take_snapshots(p, e) || !run_watch(p, on ? pool_size(on) : 1, o, &m, e)) return NULL;
    job *j = mem_zero(sizeof *j);
    j->p = p;
    j->o = *o;
    j->memory = m;
    j->pool = on;
    j->failed = NO_TASK;
    atomic_init(&j->left, p->ntask - p->ndone);
    atomic_init(&j->hold, 1);
    atomic_fetch_add(&p->hold, 1);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&j->home_wake, &a);
    pthread_condattr_destroy(&a);
    j->leaf = mem_alloc(((size_t)p->ntask + 1) * sizeof *j->leaf);
    for (tid t = 0; t < p->ntask; t++) {
        if (p->task[t].flags & TASK_DONE || atomic_load(&p->task[t].waits)) continue;
        if (p->task[t].flags & TASK_HOME)
            job_push_home(j, t);
        else
            j->leaf[j->nleaf++] = t;
    }
    return j;
}

void job_unref(job *j)
{
    if (atomic_fetch_sub(&j->hold, 1) != 1) return;
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->home_wake);
    memory_free(j->memory);
    plan_free(j->p);
    err_clear(&j->failure);
    mem_free(j->leaf);
    mem_free(j->home);
    mem_free(j);
}

bool job_over(job *j)
{
    return atomic_load_explicit(&j->stop, memory_order_acquire) ||
           !atomic_load_explicit(&j->left, memory_order_acquire);
}

static void wake_home(job *j)
{
    pthread_mutex_lock(&j->lock);
    pthread_cond_signal(&j->home_wake);
    pthread_mutex_unlock(&j->lock);
}

void job_fail(job *j, tid t, err *e)
{
    pthread_mutex_lock(&j->lock);
    if (!j->failure.kind) {
        j->failed = t;
        err_move(&j->failure, e);
    } else
        err_clear(e);
    atomic_store_explicit(&j->stop, 1, memory_order_release);
    pthread_cond_signal(&j->home_wake);
    pthread_mutex_unlock(&j->lock);
}

/* --- one task --- */

/* consumers that wait for nothing more: the last becomes the next task, the others are offered */
static tid make_ready(job *j, worker *w, const task *k)
{
    plan *p = j->p;
    tid next = NO_TASK;
    int offered = 0;
    for (uint32_t i = k->nsucc; i-- > 0;) {
        tid s = p->succ[k->succ + i];
        if (atomic_fetch_sub_explicit(&p->task[s].waits, 1, memory_order_acq_rel) != 1) continue;
        if (p->task[s].flags & TASK_HOME && w->id >= 0) {
            job_push_home(j, s);
            continue;
        }
        if (next != NO_TASK) {
            deque_push(&w->own, next);
            offered++;
        }
        next = s;
    }
    if (offered && j->pool && atomic_load(&j->pool->nparked)) pool_wake(j->pool, offered);
    return next;
}

static void free_inputs(job *j, const task *k)
{
    plan *p = j->p;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid t = p->in[k->in + i];
        if (atomic_fetch_sub_explicit(&p->task[t].uses, 1, memory_order_acq_rel) != 1) continue;
        if (p->task[t].flags & TASK_WANTED) continue;
        uint64_t going = j->memory ? memory_drop(j->memory, t) : 0;
        datum_unref(atomic_exchange_explicit(&p->out[t], NULL, memory_order_relaxed));
        if (going) memory_dropped(j->memory, t, going);
    }
}

static void report(job *j, worker *w, tid t, double begin, datum *out)
{
    const run_opts *o = &j->o;
    bool tell = o->end && w->id < 0;
    if (!o->trace && !tell) return;
    task_event ev = {t, w->id, begin, run_clock(), datum_bytes(out), buf_metered(false)};
    if (o->trace) o->trace[atomic_fetch_add_explicit(&j->nevent, 1, memory_order_relaxed)] = ev;
    if (tell) o->end(o->ctx, j->p, &ev, out);
}

/* the task did not yield: what it was given goes back */
static tid no_result(job *j, tid t, uint64_t reserved)
{
    if (!j->memory) return NO_TASK;
    memory_made(j->memory, t, reserved, NULL, NULL);
    memory_leave(j->memory, t);
    return NO_TASK;
}

static void tidy(worker *w)
{
    if (w->id >= 0 && w->user && w->pool->hooks.tidy) w->pool->hooks.tidy(w->user);
}

tid job_run_one(job *j, worker *w, tid t)
{
    plan *p = j->p;
    const task *k = &p->task[t];
    err e = {0};
    uint64_t reserved = 0;
    if (j->memory) tidy(w);
    if (j->memory && !memory_enter(j->memory, t, &reserved, &j->stop, &e)) {
        if (e.kind) job_fail(j, t, &e);
        return NO_TASK;
    }
    double begin = j->o.trace || j->o.end ? run_clock() : 0;
    if (j->o.trace) buf_metered(true);
    arena_reset(&w->scratch);
    bool home = false;
    task_run r = {.p = p,
                  .t = t,
                  .w = w,
                  .scratch = &w->scratch,
                  .go_home = w->id >= 0 || j->shares ? &home : NULL,
                  .stop = &j->stop,
                  .poll = w->id < 0 ? job_poll : NULL,
                  .ctx = j};
    datum *out = task_call(&r, &e);
    if (!out && e.kind == MemoryError && j->memory && memory_may_repeat(j->memory, t, &reserved)) {
        err_clear(&e); /* it holds what the task held */
        tidy(w);
        arena_reset(&w->scratch);
        if (memory_wait_alone(j->memory, &j->stop)) out = task_call(&r, &e);
        if (!out && !e.kind) return no_result(j, t, reserved);
    }
    if (!out && home) {
        err_clear(&e);
        no_result(j, t, reserved);
        job_push_home(j, t);
        return NO_TASK;
    }
    if (!out) {
        job_fail(j, t, &e);
        return no_result(j, t, reserved);
    }
    if (atomic_load_explicit(&j->stop, memory_order_acquire)) { /* nobody waits for it any more */
        datum_unref(out);
        return no_result(j, t, reserved);
    }
    if (k->flags & TASK_PLACED) out = plan_put(p, t, out);
    if (j->memory) out = memory_compact(j->memory, t, out);
    bool dropped = !k->nsucc && !(k->flags & TASK_WANTED);
    if (!dropped) atomic_store_explicit(&p->out[t], out, memory_order_release);
    report(j, w, t, begin, out);
    if (dropped) datum_unref(out);
    if (j->memory && !memory_made(j->memory, t, reserved, dropped ? NULL : out, &e))
        job_fail(j, t, &e);
    tid next = make_ready(j, w, k);
    if (j->memory && next != NO_TASK && w->id >= 0) memory_claim(j->memory, next);
    free_inputs(j, k);
    if (j->memory) memory_leave(j->memory, t);
    if (atomic_fetch_sub_explicit(&j->left, 1, memory_order_acq_rel) == 1) wake_home(j);
    return next;
}
