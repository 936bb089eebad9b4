/* engine/run/foreman_impl.h - the inside of the dynamic scheduler. */
#pragma once

#include <pthread.h>

#include "engine/base/mem.h"
#include "engine/run/foreman.h"
#include "engine/run/ledger.h"

typedef struct edge { /* of an errand to one that waits for it; counts e */
    errand *e;
    uint32_t epoch; /* void when e has another meanwhile */
} edge;

typedef struct failure { /* shared by those that fail for one reason */
    datum hdr;
    err e;
} failure;

typedef struct watch_node {
    watch *w;
    errand *e; /* counted */
    uint64_t tag;
    bool value, came;
    struct watch_node *next, **back; /* of the errand */
    struct watch_node *next_came, *next_of_watch;
} watch_node;

struct watch {
    foreman *of;
    pthread_cond_t wake;
    size_t came, erred, target;
    bool or_erred;
    watch_node *first, **last; /* those that came and were not taken yet */
    watch_node *all;
};

struct errand {
    foreman *of;
    char *key;
    uint64_t hash, id, seq, attempt;
    errand *chain; /* in the table; of those being freed */
    datum *func, *args, *value;
    failure *why;
    errand *blame; /* the one that failed; counted unless it is itself */
    char *type;
    size_t bytes;
    errand **in; /* counted, and used unless over */
    uint32_t nin;
    edge *waiting; /* those that wait for this */
    uint32_t nwaiting, cap_waiting;
    watch_node *watches;
    double priority, begin, end;
    uint64_t only, where;
    double *need;   /* of MAX_RESOURCES; NULL */
    uint32_t rc;    /* of the struct: holds, edges, inputs, queues */
    uint32_t holds; /* somebody outside wants the result */
    uint32_t users; /* errands that are not over need it */
    uint32_t waits, epoch;
    int worker, retries, deaths;
    uint8_t state;
    bool loose, listed, once, wanted, uses, part;
};

typedef struct heap {
    errand **at; /* counted */
    uint32_t n, cap;
} heap;

typedef struct hand {
    int nthread;
    int running; /* below 0: tasks wait that were counted as waiting already */
    uint32_t held;
    uint64_t bytes;
    bool gone;
    heap queue;
    heap needy; /* those that need more than a thread, in no order */
    double has[MAX_RESOURCES], used[MAX_RESOURCES];
    pthread_cond_t wake;
} hand;

struct foreman {
    _Atomic uint32_t rc;
    pthread_mutex_t lock;
    foreman_hooks hooks;
    struct board *board; /* counted */
    bool remote, closed, poke;
    int most_deaths; /* of workers, that a task survives */
    errand **table;
    uint32_t ntable, cap;
    uint64_t next_id, next_seq, next_attempt;
    hand hand[MAX_HANDS];
    int nhand, turn;
    char *resource[MAX_RESOURCES]; /* their names */
    heap limbo;                    /* nobody may do these yet */
    heap wanted;
    ledger past;
    datum **trash; /* to unref when the lock is free */
    uint32_t ntrash, cap_trash;
    uint64_t *drops;
    uint32_t ndrops, cap_drops, freed;
    errand **work; /* stack of errands that may be let go */
    uint32_t nwork, cap_work;
};

/* foreman.c */
void foreman_enter(foreman *f);
void foreman_leave(foreman *f); /* lets go of what became garbage, tells the hooks */
void foreman_trash(foreman *f, void *d);
void errand_put(errand *e); /* one count less */
bool errand_over(const errand *e);
void errand_notify(errand *e); /* watches */
void errand_unlist(errand *e);
double clock_now(void);  /* since 1970 */
double clock_mono(void); /* monotonic */
void cond_init(pthread_cond_t *c);
void cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, double at); /* at 0: no limit */

/* hands.c: queues of workers */
void heap_push(heap *h, errand *e);
errand *heap_pop(heap *h); /* the count goes to the caller; NULL */
void errand_ready(errand *e);
void errand_lies(errand *e, uint64_t where);       /* where its result is, for the counts */
uint64_t hands_scatter(foreman *f, uint64_t only); /* who gets a value from outside */
void hands_replace(foreman *f);                    /* tries what is in limbo again */

/* errand.c: transitions */
void errand_check(errand *e);                             /* does anybody want it? */
void errand_start(errand *e);                             /* waiting or ready, from its inputs */
void errand_fail(errand *e, failure *why, errand *blame); /* and those that wait for it */
void errand_finish(errand *e, datum *value);
void errand_cancel_one(errand *e);
void errands_sweep(foreman *f);                  /* lets go of those that nobody wants any more */
void foreman_note_drop(foreman *f, uint64_t id); /* workers will hear that it may go */
failure *failure_new(err *e);
