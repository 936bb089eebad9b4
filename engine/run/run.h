/* engine/run/run.h - running plans.
 *
 * A pool is a set of workers (threads).  run() takes a plan, runs every task and returns on the
 * calling thread, which itself runs HOME tasks, watches for cancellation and reports progress.
 * The first error stops the rest.  Nothing here knows a language: workers carry one pointer for
 * stdlib's use. */
#pragma once

#include "engine/base/par.h"
#include "engine/plan/plan.h"
#include "engine/run/larder.h"

typedef struct pool pool;

typedef struct worker_hooks {
    void *ctx;
    void *(*create)(void *ctx, worker *w);  /* on the worker's thread, before its first task */
    void (*destroy)(void *ctx, void *user); /* on the same thread, when it ends */
    void (*tidy)(
        void *user); /* likewise, before a task that may have to wait for memory; or NULL */
} worker_hooks;

/* nthread 0: as many as the process may use. `fixed`: the number bounds tasks in progress even
 * when some sleep. Threads start when first needed. */
pool *pool_new(int nthread, bool fixed, const worker_hooks *h);
bool pool_free(pool *p); /* false: a thread that was let go of still runs, what it uses must stay */
int pool_size(const pool *p);

int worker_id(const worker *w);     /* 0 .. n-1; -1: the calling thread */
void *worker_user(const worker *w); /* what create() returned */
/* The present thread will sleep or wait: another may use its place meanwhile. */
void worker_blocking_begin(worker *w);
void worker_blocking_end(worker *w);

double run_clock(void); /* seconds, monotonic */

typedef struct task_event {
    tid task;
    int worker;
    double begin, end; /* seconds, monotonic clock */
    size_t bytes;      /* of the result */
    size_t held;       /* the most that its thread made for it at once, the result too */
} task_event;

typedef struct run_use { /* what a run took */
    double seconds;
    uint64_t budget, peak, spilled; /* bytes: of arrays allowed; held at once; moved to disk */
    uint64_t resident;              /* growth of the process at its largest */
} run_use;

typedef struct run_opts {
    bool synchronous;           /* everything on the calling thread, in order of priority */
    const volatile int *cancel; /* becomes nonzero: stop (KeyboardInterrupt); may be NULL */
    void *ctx;                  /* of the callbacks, which run on the calling thread */
    void (*begin)(void *ctx, const plan *p, tid t); /* synchronous only */
    void (*end)(void *ctx, const plan *p, const task_event *ev, datum *result);
    bool (*tick)(void *ctx, const plan *p, tid done); /* every tick_ms; false: stop */
    int tick_ms;                                      /* 0: 100 */
    bool (*warn)(void *ctx, const char *text); /* before it starts; false: better not. Or NULL */
    /* Others may use now what the caller shares with them (its interpreter), or no more; in
     * pairs.  Only ticks come in between.  NULL: there is nothing of the kind. */
    void (*share)(void *ctx, bool now);
    uint64_t limit;    /* bytes of the whole process; 0: 60 % of the machine's memory */
    uint64_t budget;   /* bytes of arrays that the run may hold; 0: what the limit leaves */
    const char *spill; /* folder for results that do not fit; NULL: the usual */
    larder *larder;    /* what earlier runs left, which may leave memory; or NULL */
    bool keeps;        /* results may be on disk when the run ends */
    run_use *use;      /* filled at the end; or NULL. It has memory watched in any case */
    void *user;        /* worker_user() of the calling thread's pseudo worker */
    task_event *trace; /* ntask events, or NULL: filled in order of completion */
} run_opts;

/* False: failed, *failed (may be NULL) is the task that did, or NO_TASK. `p` NULL: synchronous. */
bool plan_run(plan *pl, pool *p, const run_opts *o, tid *failed, err *e);

/* Everything at once: blocks joined into one array each.  TypeError when blocks are not arrays. */
bool exprs_compute(int n, const expr *const *x, pool *p, const plan_opts *po, const run_opts *o,
                   nd **out, err *e);
/* The blocks of a finished plan from wanted[first], joined along the grid; the plan may not have
 * them afterwards. */
nd *plan_join(plan *pl, uint32_t first, const expr *x, err *e);
