/* lang/threads.c - the baton: which thread of a program runs, and who is next.
 *
 * All lists belong to the holder of the baton; the mutex only guards the hand-over itself, and the
 * queue of those who come back from outside.  Ready threads run in the order in which they became
 * ready, and a new thread runs before the one that started it goes on, as CPython's short threads
 * do.  When none is ready, one of those that wait holds the baton and looks out for all. */
#include "lang/threads.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/signals.h"

enum { STACK_SIZE = 4 << 20, STACK_MARGIN = 256 << 10, POLLS_A_LOOK = 256 };
static const double SLICE = 5e-3, LISTEN = 10e-3;

enum thread_state { READY, WAITING, OUTSIDE, DONE };

typedef struct outside {
    struct outside *next; /* of all, oldest first */
    uint64_t turn;        /* when it became ready */
    interp *in;
    pthread_t os;
    pthread_cond_t wake;
    enum thread_state state;
    value target, key; /* owned: what it runs; what it waits for, FAIL: only for the time */
    double until;      /* INFINITY: for ever */
    bool woken;
    struct outside *behind; /* in the queue of those who come back */
    _Atomic bool unwanted;  /* the interpreter closes: what it does outside is for nobody */
    struct {                /* of the interpreter, while it does not run */
        frame *frame;
        value exc, stop, arithmetic;
        int32_t depth;
        uint32_t nhandling, freeing;
        value *stack_end;
        char *c_limit;
        struct segment *segment;
        bool trapped;
    } kept;
} thread;

struct threads {
    pthread_mutex_t lock;
    pthread_cond_t returns; /* somebody comes back */
    thread *running;        /* written under the lock; NULL: all are outside */
    thread *back;           /* who comes back, first come first; under the lock */
    _Atomic int nback;
    thread main, *all;
    int n;
    uint64_t turns;
    double since;      /* when the running one got the baton */
    const dict *whole; /* globals of the module that starts threads: it asks, then waits, and what
                          it waits for must not come between, when nobody is woken yet */
    int polls;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool threads_several(const interp *in)
{
    return in->threads && in->threads->n > 1;
}

bool threads_is_main(const interp *in)
{
    return !in->threads || in->threads->running == &in->threads->main;
}

const void *threads_running(const interp *in)
{
    return in->threads ? in->threads->running : NULL;
}

/* ---- the baton ---- */

static void leave(thread *t)
{
    interp *in = t->in;
    t->kept.frame = in->frame;
    t->kept.exc = in->exc;
    t->kept.stop = in->stop;
    t->kept.arithmetic = in->arithmetic;
    t->kept.depth = in->depth;
    t->kept.nhandling = in->nhandling;
    t->kept.freeing = in->freeing;
    t->kept.stack_end = in->stack_end;
    t->kept.c_limit = in->c_limit;
    t->kept.segment = in->segment;
    t->kept.trapped = in->trapped;
}

static void enter(thread *t)
{
    interp *in = t->in;
    in->frame = t->kept.frame;
    in->exc = t->kept.exc;
    in->stop = t->kept.stop;
    in->arithmetic = t->kept.arithmetic;
    in->depth = t->kept.depth;
    in->nhandling = t->kept.nhandling;
    in->freeing = t->kept.freeing;
    in->stack_end = t->kept.stack_end;
    in->c_limit = t->kept.c_limit;
    in->segment = t->kept.segment;
    in->trapped = t->kept.trapped;
    in->threads->since = now();
}

static void make_ready(struct threads *ts, thread *t)
{
    t->state = READY;
    t->turn = ++ts->turns;
}

/* The running thread's state is kept; `to` runs. */
static void hand_over(struct threads *ts, thread *to)
{
    enter(to);
    pthread_mutex_lock(&ts->lock);
    ts->running = to;
    pthread_cond_signal(&to->wake);
    pthread_mutex_unlock(&ts->lock);
}

static void wait_for_turn(struct threads *ts, thread *t)
{
    pthread_mutex_lock(&ts->lock);
    while (ts->running != t) pthread_cond_wait(&t->wake, &ts->lock);
    pthread_mutex_unlock(&ts->lock);
}

/* Those who came back are ready. With the lock. */
static void admit_locked(struct threads *ts)
{
    for (thread *t; (t = ts->back);) {
        ts->back = t->behind;
        make_ready(ts, t);
    }
    atomic_store_explicit(&ts->nback, 0, memory_order_relaxed);
}

static void admit(struct threads *ts)
{
    if (!atomic_load_explicit(&ts->nback, memory_order_relaxed)) return;
    pthread_mutex_lock(&ts->lock);
    admit_locked(ts);
    pthread_mutex_unlock(&ts->lock);
}

static void switch_to(struct threads *ts, thread *to)
{
    thread *me = ts->running;
    if (me == to) return;
    leave(me);
    hand_over(ts, to);
    wait_for_turn(ts, me);
}

static bool interrupt_pending(const interp *in)
{
    const _Atomic int *s = in->host.signal;
    return (s && atomic_load_explicit(s, memory_order_relaxed)) || signals_pending(in);
}

/* Whose time has come, and the main thread after a Ctrl-C, become ready. *next: the earliest of
 * the other times. */
static void wake_due(struct threads *ts, double *next)
{
    double t = now();
    *next = INFINITY;
    admit(ts);
    for (thread *x = ts->all; x; x = x->next) {
        if (x->state != WAITING) continue;
        if (x->until <= t || (x == &ts->main && interrupt_pending(x->in)))
            make_ready(ts, x);
        else if (x->until < *next)
            *next = x->until;
    }
}

static thread *first_ready(const struct threads *ts)
{
    thread *first = NULL;
    for (thread *x = ts->all; x; x = x->next) {
        if (x->state == READY && (!first || x->turn < first->turn)) first = x;
    }
    return first;
}

static bool some_outside(const struct threads *ts)
{
    for (const thread *x = ts->all; x; x = x->next)
        if (x->state == OUTSIDE) return true;
    return false;
}

/* Until somebody comes back, or so many seconds are over. */
static void look_out(struct threads *ts, double seconds)
{
    double at = now() + seconds;
    struct timespec t = {.tv_sec = (time_t)at, .tv_nsec = (long)((at - floor(at)) * 1e9)};
    pthread_mutex_lock(&ts->lock);
    if (!ts->back) pthread_cond_timedwait(&ts->returns, &ts->lock, &t);
    pthread_mutex_unlock(&ts->lock);
}

/* Sleeps until somebody can run.  NULL: nobody ever will. */
static thread *next_to_run(struct threads *ts)
{
    for (;;) {
        double next;
        wake_due(ts, &next);
        thread *t = first_ready(ts);
        if (t) return t;
        if (next == INFINITY && !some_outside(ts)) return NULL;
        double left = fmin(next - now(), LISTEN);
        if (left > 0) look_out(ts, left);
    }
}

/* What the running thread does once it has the baton again. */
static bool resumed(interp *in)
{
    if (!in->trapped) return check_interrupt(in) && interp_attend(in);
    throw(in, SystemExit, "%s", "");
    return false;
}

/* Others run until the running thread is ready again, at the latest at that time. */
static void lie_down(struct threads *ts, double until)
{
    thread *me = ts->running;
    me->state = WAITING;
    me->until = until;
    while (me->state == WAITING) {
        thread *to = next_to_run(ts);
        if (!to) { /* everybody waits: the main thread hears of it */
            make_ready(ts, to = &ts->main);
            ts->main.woken = false;
        }
        switch_to(ts, to);
    }
}

/* The running thread waits for a key (or FAIL) until a time; false: exception. */
static bool wait_on(interp *in, value key, double until)
{
    struct threads *ts = in->threads;
    thread *me = ts->running;
    me->key = value_ref(key);
    me->woken = false;
    lie_down(ts, until);
    value_unref(in, me->key);
    me->key = FAIL;
    if (!resumed(in)) return false;
    if (me->woken || now() >= until) return true;
    throw(in, RuntimeError, "deadlock: every thread waits for another one");
    return false;
}

bool threads_give_way(interp *in)
{
    struct threads *ts = in->threads;
    if (!threads_several(in) || in->in_sweep) return true;
    if (in->frame && in->frame->globals == ts->whole) return true;
    if (!interrupt_pending(in) || threads_is_main(in)) {
        if (--ts->polls > 0) return true;
        ts->polls = POLLS_A_LOOK;
        if (now() - ts->since < SLICE) return true;
    } else if (ts->main.state == WAITING)
        make_ready(ts, &ts->main);
    double next;
    wake_due(ts, &next);
    make_ready(ts, ts->running);
    switch_to(ts, first_ready(ts));
    return resumed(in);
}

bool threads_sleep(interp *in, double seconds)
{
    return wait_on(in, FAIL, now() + seconds);
}

/* ---- outside ---- */

static void forget(struct threads *ts, thread *t)
{
    thread **at = &ts->all;
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    ts->n--;
}

static void reap(struct threads *ts)
{
    for (thread *t = ts->all, *next; t; t = next) {
        next = t->next;
        if (t->state != DONE) continue;
        forget(ts, t);
        pthread_join(t->os, NULL);
        pthread_cond_destroy(&t->wake);
        mem_free(t);
    }
}

/* The running thread, whose state is kept, has no use for the baton. */
static void pass_on(struct threads *ts)
{
    double next;
    wake_due(ts, &next);
    thread *to = first_ready(ts);
    for (thread *x = ts->all; x && !to; x = x->next)
        if (x->state == WAITING) to = x; /* it looks out for all */
    if (!to) {
        pthread_mutex_lock(&ts->lock);
        admit_locked(ts);
        if (!(to = first_ready(ts))) ts->running = NULL;
        pthread_mutex_unlock(&ts->lock);
    }
    if (to) hand_over(ts, to);
}

outside *threads_go_out(interp *in)
{
    struct threads *ts = in->threads;
    if (!threads_several(in) || in->in_sweep) return NULL;
    reap(ts);
    if (ts->n == 1) return NULL;
    thread *me = ts->running;
    me->state = OUTSIDE;
    leave(me);
    interp_adopt(NULL);
    pass_on(ts);
    return me;
}

void threads_come_in(outside *me)
{
    if (!me) return;
    interp *in = me->in;
    struct threads *ts = in->threads;
    pthread_mutex_lock(&ts->lock);
    bool free = !ts->running;
    if (free) {
        ts->running = me;
    } else {
        thread **end = &ts->back;
        while (*end) end = &(*end)->behind;
        *end = me;
        me->behind = NULL;
        atomic_fetch_add_explicit(&ts->nback, 1, memory_order_relaxed);
        pthread_cond_signal(&ts->returns);
        while (ts->running != me) pthread_cond_wait(&me->wake, &ts->lock);
    }
    pthread_mutex_unlock(&ts->lock);
    if (free) {
        me->state = READY;
        enter(me);
    }
    interp_adopt(in);
}

bool threads_called_in(const outside *me)
{
    if (atomic_load_explicit(&me->unwanted, memory_order_relaxed)) return true;
    return me == &me->in->threads->main && interrupt_pending(me->in);
}

bool threads_go_on(interp *in)
{
    return resumed(in);
}

/* ---- threads ---- */

/* The body of a system thread.  It ends by handing over; whoever runs then frees it. */
static void *run(void *arg)
{
    thread *t = arg;
    interp *in = t->in;
    struct threads *ts = in->threads;
    wait_for_turn(ts, t);
    interp_adopt(in);
    in->c_limit = (char *)__builtin_frame_address(0) - (STACK_SIZE - STACK_MARGIN);
    value r = call_n(in, t->target, 0);
    value_unref(in, r);
    exc_clear(in);
    value_unref(in, t->target);
    t->target = FAIL;
    value_unref(in, in->arithmetic);
    segments_close(in);
    t->state = DONE;
    pass_on(ts);
    return NULL;
}

static struct threads *open(interp *in)
{
    struct threads *ts = mem_zero(sizeof *ts);
    pthread_mutex_init(&ts->lock, NULL);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&ts->returns, &a);
    pthread_condattr_destroy(&a);
    pthread_cond_init(&ts->main.wake, NULL);
    ts->main.in = in;
    ts->main.key = ts->main.target = FAIL;
    ts->all = ts->running = &ts->main;
    ts->n = 1;
    return in->threads = ts;
}

void threads_close(interp *in)
{
    struct threads *ts = in->threads;
    if (!ts) return;
    for (;;) {
        reap(ts);
        thread *t = ts->all == &ts->main ? ts->main.next : ts->all;
        if (!t) break;
        t->kept.trapped = true;
        atomic_store(&t->unwanted, true);
        if (t->state == OUTSIDE) { /* it comes as soon as it hears of it */
            lie_down(ts, now() + LISTEN);
            continue;
        }
        make_ready(ts, t);
        make_ready(ts, &ts->main);
        switch_to(ts, t);
    }
    pthread_mutex_destroy(&ts->lock);
    pthread_cond_destroy(&ts->main.wake);
    pthread_cond_destroy(&ts->returns);
    mem_free(ts);
    in->threads = NULL;
}

static thread *thread_new(interp *in, value target)
{
    thread *t = mem_zero(sizeof *t);
    t->in = in;
    t->target = value_ref(target);
    t->key = FAIL;
    t->until = INFINITY;
    t->kept.exc = t->kept.stop = FAIL;
    pthread_cond_init(&t->wake, NULL);
    return t;
}

static bool spawn(thread *t)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    bool ok = pthread_create(&t->os, &attr, run, t) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

static value start(interp *in, const value *arg)
{
    struct threads *ts = in->threads ? in->threads : open(in);
    reap(ts);
    if (in->frame) ts->whole = in->frame->globals;
    thread *t = thread_new(in, arg[0]), **end = &ts->all;
    if (!spawn(t)) {
        value_unref(in, t->target);
        pthread_cond_destroy(&t->wake);
        mem_free(t);
        return throw(in, RuntimeError, "can't start new thread");
    }
    while (*end) end = &(*end)->next;
    *end = t;
    ts->n++;
    safe_point_ask(in);
    make_ready(ts, ts->running);
    switch_to(ts, t);
    return resumed(in) ? NONE : FAIL;
}

/* True: woken; False: the time is over. */
static value wait(interp *in, const value *arg)
{
    double seconds = INFINITY;
    if (!is_none(arg[1]) && !to_double(in, arg[1], &seconds)) return FAIL;
    if (!in->threads) open(in);
    thread *me = in->threads->running;
    return wait_on(in, arg[0], now() + seconds) ? v_bool(me->woken) : FAIL;
}

static value wake(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    struct threads *ts = in->threads;
    for (thread *t = ts ? ts->all : NULL; t && n != 0; t = t->next) {
        if (t->state != WAITING || is_fail(t->key) || !value_same(t->key, arg[0])) continue;
        t->woken = true;
        make_ready(ts, t);
        n--;
    }
    return NONE;
}

const builtin thread_table[] = {
    {"start(target)", start, "Run target() in a thread of its own"},
    {"wait(key, seconds=None)", wait, "Let others run until woken; False: the time is over"},
    {"wake(key, n=-1)", wake, "Wake n threads that wait for the key; -1: all"},
    {0},
};
