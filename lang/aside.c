/* lang/aside.c - long library calls on a thread of their own, so that Ctrl-C need not wait for
 * them.
 *
 * The caller waits and listens, and other threads of the program run meanwhile.  When it is
 * interrupted, the call goes on by itself until it ends, and whoever of the two leaves last frees
 * what it worked on. */
#include "lang/aside.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "lang/threads.h"

enum { LISTEN_MS = 10 };

typedef struct aside {
    void (*work)(void *), (*drop)(void *);
    void *ctx;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool done;        /* the work has ended */
    _Atomic int left; /* the caller has gone: what can end early, does */
} aside;

static void aside_free(aside *a)
{
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->wake);
    mem_free(a);
}

static void *run(void *arg)
{
    aside *a = arg;
    stop_listen(&a->left);
    a->work(a->ctx);
    stop_listen(NULL);
    pthread_mutex_lock(&a->lock);
    bool left = a->left;
    a->done = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    if (!left) return NULL;
    a->drop(a->ctx);
    aside_free(a);
    return NULL;
}

static bool start(aside *a)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool ok = pthread_create(&t, &attr, run, a) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

/* Until the end, or for so many ms. With the lock. */
static bool wait_a_while(aside *a)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LISTEN_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    return a->done || pthread_cond_timedwait(&a->wake, &a->lock, &until) != ETIMEDOUT;
}

/* Waits for the end; false: interrupted. */
static bool listen(interp *in, aside *a)
{
    bool ok = true, done = false;
    while (ok && !done) {
        outside *out = threads_go_out(in);
        pthread_mutex_lock(&a->lock);
        while (!wait_a_while(a) && out && !threads_called_in(out)) continue;
        done = a->done;
        pthread_mutex_unlock(&a->lock);
        threads_come_in(out);
        ok = out ? threads_go_on(in) : done || check_interrupt(in);
    }
    return ok;
}

bool interp_aside(interp *in, void (*work)(void *), void (*drop)(void *), void *ctx)
{
    aside *a = in->host.signal && !in->home ? mem_zero(sizeof *a) : NULL;
    if (!a) {
        work(ctx);
        return true;
    }
    *a = (aside){.work = work, .drop = drop, .ctx = ctx};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    if (!start(a)) {
        aside_free(a);
        work(ctx);
        return true;
    }
    bool ok = listen(in, a);
    pthread_mutex_lock(&a->lock);
    bool done = a->done;
    a->left = !done;
    pthread_mutex_unlock(&a->lock);
    if (!done) in->left_asides = true;
    if (!done) return false; /* the thread frees everything */
    aside_free(a);
    if (!ok) drop(ctx);
    return ok;
}

bool interp_left_asides(const interp *in)
{
    return in->left_asides;
}
