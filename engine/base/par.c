/* engine/base/par.c - helpers: threads that take turns of one loop at a time.
 *
 * Whoever begins a loop publishes it under the lock and takes turns like everybody else; helpers
 * that wake up late find none left.  Turns are handed out by a counter, no lock is held meanwhile.
 */
#include "engine/base/par.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

typedef struct loop {
    void (*f)(void *arg, int64_t i);
    void *arg;
    int64_t n;
    _Atomic int64_t next;
    int inside; /* helpers, under the lock */
} loop;

enum { MAX_HELPER = 255 };

/* Process-wide because processors are. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, left;
    bool busy; /* somebody has the helpers */
    int nhelper;
    loop *now;
} team = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER};

static _Thread_local bool alone;

int cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

bool par_alone(bool now)
{
    bool before = alone;
    alone = now;
    return before;
}

int par_width(void)
{
    if (alone) return 1;
    int n = cpu_count();
    return n > MAX_HELPER + 1 ? MAX_HELPER + 1 : n;
}

static void take_turns(loop *l)
{
    int64_t i;
    while ((i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->n)
        l->f(l->arg, i);
}

static void *helper_main(void *arg)
{
    (void)arg;
    alone = true;
    pthread_mutex_lock(&team.lock);
    for (;;) {
        loop *l = team.now;
        if (!l || atomic_load_explicit(&l->next, memory_order_relaxed) >= l->n) {
            pthread_cond_wait(&team.wake, &team.lock);
            continue;
        }
        l->inside++;
        pthread_mutex_unlock(&team.lock);
        take_turns(l);
        pthread_mutex_lock(&team.lock);
        if (--l->inside == 0) pthread_cond_signal(&team.left);
    }
    return NULL;
}

static bool claim(void)
{
    pthread_mutex_lock(&team.lock);
    bool free = !team.busy;
    team.busy = true;
    pthread_mutex_unlock(&team.lock);
    return free;
}

int par_claim(void)
{
    int n = par_width();
    return n > 1 && claim() ? n : 1;
}

void par_release(void)
{
    pthread_mutex_lock(&team.lock);
    team.busy = false;
    pthread_mutex_unlock(&team.lock);
}

/* with the lock held */
static void want_helpers(int n)
{
    pthread_t t;
    while (team.nhelper < n && !pthread_create(&t, NULL, helper_main, NULL)) {
        pthread_detach(t);
        team.nhelper++;
    }
}

void par_for(int64_t n, void (*f)(void *arg, int64_t i), void *arg)
{
    int width = n > 1 ? par_claim() : 1;
    if (width == 1) {
        for (int64_t i = 0; i < n; i++) f(arg, i);
        return;
    }
    loop l = {.f = f, .arg = arg, .n = n};
    pthread_mutex_lock(&team.lock);
    want_helpers(n < width ? (int)n - 1 : width - 1);
    team.now = &l;
    pthread_cond_broadcast(&team.wake);
    pthread_mutex_unlock(&team.lock);
    bool before = par_alone(true); /* a par_for inside a turn is a plain loop */
    take_turns(&l);
    alone = before;
    pthread_mutex_lock(&team.lock);
    while (l.inside) pthread_cond_wait(&team.left, &team.lock);
    team.now = NULL;
    team.busy = false;
    pthread_mutex_unlock(&team.lock);
}
