/* engine/run/pool.c - worker threads: where they find tasks, when they sleep.
 *
 * A worker takes its own newest task, else what the calling thread made ready and has no time for,
 * else the next leaf in order of priority, else the oldest task of another.  With nothing to do it
 * spins some 30 us (a wake-up costs as much), leaves the job and parks.  `slots` bounds how many
 * run at once: a worker that blocks gives its slot away, and a spare thread takes it. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/run/memory.h"
#include "engine/run/pool.h"

static const double SPIN_S = 30e-6;

/* --- finding work --- */

/* While memory is short only what can begin at once is taken. */
static tid admitted_leaf(job *j)
{
    uint32_t i = atomic_load_explicit(&j->next_leaf, memory_order_relaxed);
    while (i < j->nleaf && memory_admits(j->memory, j->leaf[i]))
        if (atomic_compare_exchange_weak(&j->next_leaf, &i, i + 1)) return j->leaf[i];
    return NO_TASK;
}

static tid next_leaf(job *j)
{
    if (atomic_load_explicit(&j->next_leaf, memory_order_relaxed) >= j->nleaf) return NO_TASK;
    if (memory_is_near(j->memory)) return admitted_leaf(j);
    uint32_t i = atomic_fetch_add_explicit(&j->next_leaf, 1, memory_order_relaxed);
    return i < j->nleaf ? j->leaf[i] : NO_TASK;
}

/* NULL: it was let go of. What such a one still finds ready is for nobody. */
static worker *worker_at(pool *p, int i)
{
    worker *w = atomic_load_explicit(&p->worker[i], memory_order_acquire);
    return w && !atomic_load_explicit(&w->lost, memory_order_acquire) ? w : NULL;
}

static tid steal(pool *p, const worker *thief)
{
    int n = atomic_load_explicit(&p->nworker, memory_order_acquire);
    for (int k = 1; k <= n; k++) {
        worker *w = worker_at(p, (thief->id + k) % n);
        tid t = w ? deque_steal(&w->own, thief) : NO_TASK;
        if (t != NO_TASK) return t;
    }
    return deque_steal(&p->offered, thief);
}

tid job_find(job *j, worker *w)
{
    tid t = deque_pop(&w->own);
    if (t == NO_TASK && memory_is_near(j->memory))
        t = steal(j->pool, w); /* what is begun is finished first */
    if (t == NO_TASK) t = deque_steal(&j->pool->offered, w);
    if (t == NO_TASK) t = next_leaf(j);
    return t == NO_TASK ? steal(j->pool, w) : t;
}

tid job_spin(job *j, worker *w, double seconds)
{
    double end = run_clock() + seconds;
    tid t;
    while ((t = job_find(j, w)) == NO_TASK && !job_over(j) && run_clock() < end)
        for (int i = 0; i < 32; i++) __builtin_ia32_pause();
    return t;
}

/* --- sleeping --- */

static void wait_until(pthread_cond_t *c, pthread_mutex_t *m, double seconds)
{
    double at = run_clock() + seconds;
    struct timespec t = {.tv_sec = (time_t)at, .tv_nsec = (long)((at - (double)(time_t)at) * 1e9)};
    pthread_cond_timedwait(c, m, &t);
}

void pool_wake(pool *p, int n)
{
    pthread_mutex_lock(&p->lock);
    if (n == 1)
        pthread_cond_signal(&p->wake);
    else
        pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static bool has_work(job *j)
{
    if (atomic_load(&j->next_leaf) < j->nleaf || atomic_load(&j->pool->offered.n)) return true;
    for (int i = 0; i < atomic_load(&j->pool->nworker); i++) {
        worker *w = worker_at(j->pool, i);
        if (w && atomic_load(&w->own.n)) return true;
    }
    return false;
}

/* Sleeps while there is nothing to do, or no place to do it; with p->lock held. The time bound
 * makes a lost wake-up a delay, not a deadlock. */
static void park(pool *p, job *j)
{
    atomic_fetch_add(&p->nparked, 1);
    if (atomic_load(&p->slots) <= 0 || memory_is_near(j->memory) || !has_work(j))
        wait_until(&p->wake, &p->lock, 2e-3);
    atomic_fetch_sub(&p->nparked, 1);
}

/* --- a worker's life --- */

/* Until the job is over, there is nothing to do, or too many run: others may take then what is
 * left of its tasks. */
static void work(job *j, worker *w)
{
    tid t = NO_TASK;
    stop_listen(&j->stop);
    while (!job_over(j)) {
        if (atomic_load_explicit(&w->pool->slots, memory_order_relaxed) < 0) {
            if (t != NO_TASK) deque_push(&w->own, t);
            break;
        }
        if (t == NO_TASK) t = job_find(j, w);
        if (t == NO_TASK) t = job_spin(j, w, SPIN_S);
        if (t == NO_TASK) break;
        t = job_run_one(j, w, t);
    }
    stop_listen(NULL);
}

static void make_user(worker *w)
{
    if (w->has_user) return;
    w->has_user = true;
    if (w->pool->hooks.create) w->user = w->pool->hooks.create(w->pool->hooks.ctx, w);
}

static void worker_free(worker *w)
{
    if (w->has_user && w->pool->hooks.destroy) w->pool->hooks.destroy(w->pool->hooks.ctx, w->user);
    arena_clear(&w->scratch);
    deque_clear(&w->own);
}

/* leaves the job; the last one out tells the caller */
static void leave(job *j)
{
    if (atomic_fetch_sub(&j->inside, 1) == 1) {
        pthread_mutex_lock(&j->lock);
        pthread_cond_signal(&j->home_wake);
        pthread_mutex_unlock(&j->lock);
    }
    job_unref(j);
}

static void *worker_main(void *arg)
{
    worker *w = arg;
    pool *p = w->pool;
    par_alone(true);
    const job *idle = NULL; /* where it found nothing to do */
    pthread_mutex_lock(&p->lock);
    while (!p->quit && !atomic_load(&w->lost)) {
        job *j = atomic_load(&p->job);
        if (!j || job_over(j)) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        if (idle == j) {
            idle = NULL;
            park(p, j);
            continue;
        }
        idle = j;
        if (atomic_fetch_sub(&p->slots, 1) <= 0) { /* others run */
            atomic_fetch_add(&p->slots, 1);
            continue;
        }
        atomic_fetch_add(&j->inside, 1);
        atomic_fetch_add(&j->hold, 1);
        atomic_store(&w->job, j);
        pthread_mutex_unlock(&p->lock);
        if (j->p->nforeign) make_user(w);
        work(j, w);
        pthread_mutex_lock(&p->lock);
        atomic_store(&w->job, NULL);
        if (!atomic_load(&w->lost)) atomic_fetch_add(&p->slots, 1);
        pthread_mutex_unlock(&p->lock);
        leave(j);
        pthread_mutex_lock(&p->lock);
    }
    const bool idle_pool = !p->busy;
    pthread_mutex_unlock(&p->lock);
    worker_free(w);
    if (atomic_load(&w->lost) && idle_pool)
        buf_pool_give_up(); /* what its call held is not to be kept */
    return NULL;
}

/* with p->lock held */
static void start_worker(pool *p)
{
    int id = atomic_load(&p->nworker);
    if (id >= MAX_WORKER) return;
    worker *w = mem_zero(sizeof *w);
    w->id = id;
    w->pool = p;
    atomic_store_explicit(&p->worker[id], w, memory_order_release);
    if (pthread_create(&w->thread, NULL, worker_main, w)) {
        atomic_store(&p->worker[id], NULL);
        mem_free(w);
        return;
    }
    atomic_store_explicit(&p->nworker, id + 1, memory_order_release);
}

pool *pool_new(int nthread, bool fixed, const worker_hooks *h)
{
    pool *p = mem_zero(sizeof *p);
    p->target = nthread > 0 ? nthread : cpu_count();
    if (p->target > MAX_WORKER) p->target = MAX_WORKER;
    p->fixed = fixed;
    if (h) p->hooks = *h;
    atomic_init(&p->slots, p->target);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &a);
    pthread_condattr_destroy(&a);
    return p;
}

bool pool_free(pool *p)
{
    if (!p) return true;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < atomic_load(&p->nworker); i++) {
        worker *w = worker_at(p, i);
        if (!w) continue;
        pthread_join(w->thread, NULL);
        mem_free(w);
    }
    deque_clear(&p->offered);
    if (p->nlost) return false; /* still inside a library call: left to the end of the process */
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
    return true;
}

int pool_size(const pool *p)
{
    return p->target;
}

int worker_id(const worker *w)
{
    return w->id;
}

void *worker_user(const worker *w)
{
    return w->user;
}

void worker_blocking_begin(worker *w)
{
    pool *p = w ? w->pool : NULL;
    if (!p || w->id < 0 || p->fixed) return;
    atomic_fetch_add(&p->slots, 1);
    pthread_mutex_lock(&p->lock);
    if (atomic_load(&p->nparked))
        pthread_cond_broadcast(&p->wake);
    else if (!p->quit)
        start_worker(p);
    pthread_mutex_unlock(&p->lock);
}

void worker_blocking_end(worker *w)
{
    pool *p = w ? w->pool : NULL;
    if (!p || w->id < 0 || p->fixed) return;
    atomic_fetch_sub(&p->slots, 1);
}

/* --- the calling thread's side --- */

/* with p->lock held: nobody is there to see the job */
static void withdraw(pool *p, const job *j)
{
    atomic_store(&p->job, NULL);
    if (j->lends) atomic_fetch_add(&p->slots, 1);
    p->busy = false;
}

/* false: somebody else's job is running (a compute() inside a task), or no thread can be had */
bool pool_open(pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    bool free = !p->busy;
    if (free) {
        p->busy = true;
        if (j->lends) atomic_fetch_sub(&p->slots, 1);
        atomic_store(&p->job, j);
        while (atomic_load(&p->nworker) - p->nlost < p->target) {
            int had = atomic_load(&p->nworker);
            start_worker(p);
            if (atomic_load(&p->nworker) == had) break;
        }
        free = atomic_load(&p->nworker) > p->nlost;
        if (free)
            pthread_cond_broadcast(&p->wake);
        else
            withdraw(p, j);
    }
    pthread_mutex_unlock(&p->lock);
    return free;
}

/* Workers that sleep find out when they wake up. */
void pool_end(pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->job, NULL);
    pthread_mutex_unlock(&p->lock);
}

/* What a job that failed left ready, nobody is to find in the next one. */
void pool_close(pool *p)
{
    for (int i = 0; i < atomic_load(&p->nworker); i++) {
        worker *w = worker_at(p, i);
        while (w && deque_pop(&w->own) != NO_TASK) continue;
    }
    while (deque_pop(&p->offered) != NO_TASK) continue;
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    pthread_mutex_unlock(&p->lock);
}

void pool_abandon(pool *p, job *j)
{
    if (!atomic_load(&j->inside)) return;
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < atomic_load(&p->nworker); i++) {
        worker *w = worker_at(p, i);
        if (!w || atomic_load(&w->job) != j) continue;
        atomic_store(&w->lost, true);
        pthread_detach(w->thread);
        p->nlost++;
        atomic_fetch_add(&p->slots, 1);
    }
    pthread_mutex_unlock(&p->lock);
}
