/* stdlib/dask/procs.h - the inside of a set of worker processes: procs_state.c knows who holds what
 * and sends, procs_hear.c turns what comes into events, workers_proc.c is the face of workers.h.
 * Everything is called with the lock held. */
#pragma once

#include <pthread.h>

#include "stdlib/dask/worker_link.h"
#include "stdlib/dask/workers.h"

typedef struct sent { /* a task that a worker has */
    work_id id;
    bool dropped; /* nobody wants its result any more */
    uint32_t nin;
    work_id in[];
} sent;

typedef struct proc {
    process p;
    bool dead;
    wire_in in;
    parcel *out, *last;
    idmap funcs; /* by address: the datum, counted, whose number the worker knows */
    idmap tasks; /* sent, by id */
} proc;

typedef struct result { /* where a result is */
    uint32_t n, cap;
    int *at;
} result;

typedef struct wanted { /* of a fetch under way */
    work_id id;
    int from, to; /* to: a worker, or -1: who called workers_fetch() */
    struct wanted *next;
} wanted;

typedef struct queued {
    work_event ev;
    struct queued *next;
} queued;

typedef struct procs {
    workers base;
    pthread_mutex_t lock; /* of everything */
    int wake;             /* eventfd */
    bool woken, polling;
    workers_opts o;
    char *name;
    datum *setting;
    proc **at; /* base.n */
    idmap results;
    wanted *wanted;
    queued *events, *newest;
} procs;

/* ---- events: they wait for workers_poll() ---- */

work_event *procs_event(procs *w, enum work_what what, int who, work_id id);
void work_event_say(work_event *ev, const char *s, size_t n);
void procs_ring(procs *w);

/* ---- who holds what ---- */

bool result_is_at(const result *r, int who);
void procs_now_at(procs *w, work_id id, int who);
void result_free(result *r);
/* A worker from which to have a result: -1 none. */
int procs_holder(const procs *w, work_id id);
/* A result is to come to a worker, or (-1) to who called workers_fetch(); it will not. */
void procs_ask_for(procs *w, work_id id, int to);
void procs_give_up(procs *w, work_id id, int to);

/* ---- sending ---- */

/* Takes out; what does not go at once goes when the socket has room. */
void procs_post(procs *w, int who, wire_out *out);
void procs_post_id(procs *w, int who, enum message what, work_id id);
bool procs_flush(procs *w, int who);

/* ---- life and death ---- */

bool procs_start(procs *w, int who, err *e);
void procs_lost(procs *w, int who);
void proc_forget(proc *p);

/* ---- procs_hear.c ---- */

void procs_read(procs *w, int who); /* all messages that are there */
