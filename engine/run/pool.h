/* engine/run/pool.h - the inside of pools, workers and jobs. */
#pragma once

#include <pthread.h>

#include "engine/plan/program.h"
#include "engine/run/run.h"

enum { MAX_WORKER = 1024 };

typedef struct deque { /* newest in, newest out; thieves take the oldest */
    atomic_flag lock;
    tid *at;
    uint32_t cap, head, tail;
    _Atomic uint32_t n;
} deque;

typedef struct job job;

struct worker {
    int id; /* -1: the calling thread */
    pool *pool;
    pthread_t thread;
    void *user;
    bool has_user;
    deque own;
    arena scratch;
    _Atomic(job *) job; /* the one it is in */
    _Atomic bool lost; /* its task did not end when the job was cancelled; the pool has let it go */
};

/* A plan being run. */
struct job {
    plan *p;
    run_opts o;
    pool *pool;
    _Atomic uint32_t left;      /* tasks not finished */
    _Atomic int stop;           /* 1: failed or cancelled */
    bool lends;                 /* the calling thread is one of those who run tasks */
    double next_tick;           /* of the calling thread while it runs tasks */
    double share_at;            /* when the calling thread begins to share */
    bool shares;                /* it does: it may not run what is to stay home */
    _Atomic uint32_t next_leaf; /* into leaf */
    uint32_t nleaf;
    tid *leaf;
    struct memory *memory; /* NULL: there is plenty */
    _Atomic uint32_t nevent;
    _Atomic uint32_t inside; /* workers in this job */
    pthread_mutex_t lock;    /* home, failure */
    pthread_cond_t home_wake;
    tid *home;
    uint32_t nhome, caphome;
    err failure;
    tid failed;
    _Atomic uint32_t hold; /* the caller and workers inside */
};

struct pool {
    int target;
    bool fixed;
    worker_hooks hooks;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic int slots; /* places for running workers that are free; < 0: too many run */
    _Atomic int nparked;
    _Atomic int nworker; /* ever started; worker[] never shrinks */
    _Atomic(job *) job;
    bool quit, busy;
    int nlost;
    deque offered; /* by the calling thread, to all */
    worker *_Atomic worker[MAX_WORKER];
};

/* deque.c */
void deque_push(deque *d, tid t);
tid deque_pop(deque *d); /* newest; NO_TASK */
/* The oldest, for a thief; NO_TASK, to one that was let go of, too: tasks of a later job may be
 * there by now. */
tid deque_steal(deque *d, const worker *thief);
void deque_clear(deque *d);

/* job.c */
job *job_new(plan *p, pool *pool, const run_opts *o, err *e);
void job_unref(job *j);
/* Runs t and whatever it makes ready that this thread should do next. */
tid job_run_one(job *j, worker *w, tid t); /* the next task, or NO_TASK */
void job_push_home(job *j, tid t);         /* one that the caller's thread shall run */
bool job_over(job *j);
/* The calling thread in the midst of a task: is it to go on?  Ticks when it is time. */
bool job_poll(void *j);
void job_fail(job *j, tid t, err *e);

/* brisk.c: are all its tasks so short that who runs them hears Ctrl-C between them? */
bool job_is_brisk(const job *j);

/* pool.c */
void pool_wake(pool *p, int n);
bool pool_open(pool *p, job *j);
/* Nobody begins with the job any more; workers that are still inside j are let go; the pool is free
 * for the next. */
void pool_end(pool *p);
void pool_abandon(pool *p, job *j);
void pool_close(pool *p);
/* A task that is ready, for w, at once or within some seconds; NO_TASK. */
tid job_find(job *j, worker *w);
tid job_spin(job *j, worker *w, double seconds);
