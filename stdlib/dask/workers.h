/* stdlib/dask/workers.h - workers that hold what they made: processes or threads, one face.
 *
 * A scheduler opens a set of workers, sends each task to the worker it chooses, polls for what
 * happened.  A task is a frozen function and frozen arguments; where an argument is the result of
 * another task, `input_value(id)` stands in it, as deep as one likes.  A result stays where it was
 * made until it is fetched, needed by a task elsewhere (it then travels by itself) or dropped.
 *
 * Datums go in and out (nd, capsule, ...): values become such by value_pack() and come back by
 * value_of() or value_unpack(); only these need an interpreter.  All calls may be made from any
 * thread; one thread polls.  Nobody but the scheduler decides: a worker that died stays dead
 * until workers_restart(). */
#pragma once

#include "lang/freeze.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/wire.h"

typedef struct workers workers;
typedef uint64_t
    work_id; /* of a task and its result: chosen by the scheduler, not 0, never again */

typedef struct workers_opts {
    int n;            /* workers */
    int nthread;      /* tasks at a time in each; 0: 1 */
    bool fresh;       /* functions are thawed for each task (multiprocessing), not kept (Client) */
    bool alone;       /* a task that asks keeps its place: one interpreter in each (processes) */
    size_t limit;     /* bytes that each may use: results beyond it lie on disk; 0: none */
    const char *name; /* of worker i: name-i; NULL: worker */
} workers_opts;

typedef struct work {
    work_id id;
    const char *key;   /* for messages; may be NULL */
    datum *func;       /* a capsule, or a fn of the engine; sent once to each worker */
    datum *args;       /* a capsule of (args, kwargs) */
    uint32_t nin;      /* the results that stand in args (input_value) */
    const work_id *in; /* these are known to be held somewhere, or put */
} work;

enum work_what {
    WORK_NONE,    /* the time is over, or workers_wake() */
    WORK_DONE,    /* the result of id is at the worker; value: it, when it is small */
    WORK_FAILED,  /* kind; value: capsule of the exception, text: its traceback */
    WORK_VALUE,   /* what workers_fetch() asked for: value; NULL: nobody has it any more */
    WORK_MISSING, /* the task id did not run: its input `other` is nowhere any more */
    WORKER_UP,    /* the worker answers (again): pid */
    WORKER_DIED, /* its results and its tasks in progress (no event for each) are lost; text: how */
    WORK_SAID,   /* text printed to fd `other` (1, 2) by the task id */
    WORK_ASKS,   /* a task asks its scheduler (workers_ask): value; answer by workers_answer() with
                    `other` */
};

typedef struct work_event {
    enum work_what what;
    int worker;
    work_id id;
    uint64_t other;
    datum *value; /* owned by the receiver */
    char *text;   /* likewise: mem_free() */
    size_t ntext;
    enum err_kind kind; /* WORK_FAILED, or WORK_VALUE that is there, but does not come */
    char type[64];      /* WORK_DONE: class of the result, "int", "numpy.ndarray" */
    size_t bytes;       /* of the result */
    double begin, end;  /* seconds since 1970 */
    int64_t pid;
} work_event;
void work_event_clear(work_event *ev);

typedef struct workers_kind {
    const char *name; /* "processes", "threads" */
    void (*close)(workers *w);
    bool (*send)(workers *w, int worker, const work *t, err *e);
    bool (*put)(workers *w, int worker, work_id id, datum *value, err *e);
    bool (*fetch)(workers *w, work_id id);
    void (*drop)(workers *w, work_id id);
    bool (*holds)(workers *w, int worker, work_id id);
    bool (*poll)(workers *w, int timeout_ms, work_event *ev);
    void (*wake)(workers *w);
    void (*cancel)(workers *w, int worker, work_id id);
    void (*kill)(workers *w, int worker, int signal);
    bool (*restart)(workers *w, int worker, err *e);
    int (*add)(workers *w, err *e);
    bool (*answer)(workers *w, int worker, uint64_t ask, datum *value, bool raised, err *e);
    int64_t (*pid)(workers *w, int worker);
    int64_t (*memory)(workers *w, int worker);
} workers_kind;

struct workers { /* a backend puts this first */
    const workers_kind *kind;
    _Atomic int n; /* workers, dead ones too: numbers 0 .. n-1; grows while others look */
};

/* Processes of this program (dsk --worker), started at once; they answer with WORKER_UP.  home
 * gives sys.path, sys.argv and limits.  NULL: *e. */
workers *workers_open_processes(interp *home, const workers_opts *o, err *e);

static inline void workers_close(workers *w) /* ends them, at once */
{
    w->kind->close(w);
}
/* Queues a task at a worker: tasks run there in the order sent, nthread at a time.  False: the
 * worker is dead, or the task cannot travel (TypeError). */
static inline bool workers_send(workers *w, int who, const work *t, err *e)
{
    return w->kind->send(w, who, t, e);
}
/* A value for a worker to hold, under an id like a result's. */
static inline bool workers_put(workers *w, int who, work_id id, datum *v, err *e)
{
    return w->kind->put(w, who, id, v, e);
}
/* Asks for a result: WORK_VALUE follows. False: nobody holds it. */
static inline bool workers_fetch(workers *w, work_id id)
{
    return w->kind->fetch(w, id);
}
/* Forgets a result and its copies everywhere. */
static inline void workers_drop(workers *w, work_id id)
{
    w->kind->drop(w, id);
}
static inline bool workers_hold(workers *w, int who, work_id id)
{
    return w->kind->holds(w, who, id);
}
/* The next event; false: none within timeout_ms (-1: no limit), or woken. */
static inline bool workers_poll(workers *w, int timeout_ms, work_event *ev)
{
    return w->kind->poll(w, timeout_ms, ev);
}
static inline void workers_wake(workers *w) /* ends a poll; from any thread */
{
    w->kind->wake(w);
}
/* A task that has not begun will not; one that runs goes on, its result is dropped.  No event. */
static inline void workers_cancel(workers *w, int who, work_id id)
{
    w->kind->cancel(w, who, id);
}
static inline void workers_kill(workers *w, int who, int signal) /* WORKER_DIED follows */
{
    w->kind->kill(w, who, signal);
}
static inline bool workers_restart(workers *w, int who, err *e) /* a new one in its place */
{
    return w->kind->restart(w, who, e);
}
static inline int workers_add(workers *w, err *e) /* one more: its number; -1 failed */
{
    return w->kind->add(w, e);
}
static inline bool workers_answer(workers *w, int who, uint64_t no, datum *v, bool raised, err *e)
{
    return w->kind->answer(w, who, no, v, raised, e);
}
static inline int64_t workers_pid(workers *w, int who) /* of a thread: this process */
{
    return w->kind->pid(w, who);
}
static inline int64_t workers_memory(workers *w, int who) /* resident bytes; -1 unknown */
{
    return w->kind->memory(w, who);
}

/* ---- values ---- */

/* input_value(in, id) of lang/freeze.h stands for the result of a task inside frozen arguments:
 * whoever thaws them for a call gets the result in its place. */

/* value_pack, value_unpack: stdlib/wire.h */

/* ---- inside a task ---- */

/* Which worker runs it: number and name; -1: none. */
int worker_number(interp *in, const char **name);
/* Asks the scheduler and waits for its answer; an exception it answers with is raised. */
value workers_ask(interp *in, value question);
/* A task leaves its place to another (secede), or takes one again: false: it had done so.  Its end
 * takes the place again by itself. */
bool worker_leaves(interp *in, bool leaves);
