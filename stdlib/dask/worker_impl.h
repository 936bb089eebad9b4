/* stdlib/dask/worker_impl.h - the inside of a worker process: worker_serve.c reads messages,
 * worker_jobs.c has the queue of tasks, worker_hands.c the threads that run them. */
#pragma once

#include <pthread.h>

#include "engine/graph/fn.h"
#include "lang/freeze.h"
#include "stdlib/dask/worker_store.h"

typedef struct job { /* of RUN: args; of CALL: a fn, literals, inputs */
    uint64_t id;
    bool is_call;
    uint64_t funcno;
    datum *func, *args;
    uint32_t nin, narg;
    uint64_t *in;  /* RUN: which results */
    datum **input; /* counted */
    lit *arg;
    arena mem;
    struct job *next;
} job;

typedef struct ask { /* a question on its way */
    uint64_t no;
    datum *answer;
    bool raised, there;
    struct ask *next;
} ask;

typedef struct server {
    int fd, number, nthread;
    bool fresh, alone;
    char *name;
    datum *setting;
    const module_def *const *modules;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work, answered;
    job *ready, *last, *waiting;
    idmap func; /* datums, counted */
    store held;
    ask *asks;
    uint64_t nask;
    /* Jobs that are ready; task threads that wait for one or come for one in a moment.  Spare
     * threads, which stand in for tasks that wait, take what is too much for the others: those know
     * what earlier tasks left. */
    int nready, idle, spare;
    int lent, nspare; /* tasks that wait, or have seceded; spare threads */
    pthread_cond_t work_spare;
    pthread_mutex_t out; /* of the socket, in that direction */
} server;

void server_post(server *s, wire_out *w); /* clears w */
/* A result, or a value that came (takes d): tasks that wait for it may run. */
void server_keep(server *s, uint64_t id, datum *d);

/* worker_jobs.c */
void job_free(job *j);
void job_add(server *s, job *j); /* takes it: it runs when its inputs are here */
/* The calling thread will ask for one in a moment: told before the news of its last job go out, so
 * that what these bring is left to it.  It will not, after all. */
void job_soon(server *s, bool spare);
void job_not_soon(server *s, bool spare);
/* A task of the calling thread begins to wait, or ends to: another may run meanwhile. */
void job_lend(server *s);
void job_unlend(server *s);
void job_no_spare(server *s);                    /* a spare thread could not begin */
job *job_next(server *s, bool spare, bool soon); /* waits for one that may run */
bool job_cancel(server *s, uint64_t id);         /* it had not begun */

/* worker_hands.c: the life of a task thread, which ends with the process only */
void *hand_main(void *server);
bool hand_spare(server *s); /* starts a spare one */
