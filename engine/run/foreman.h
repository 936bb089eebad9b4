/* engine/run/foreman.h - the dynamic scheduler: tasks that come one at a time while others run.
 *
 * An errand has a key, a body (datums that mean something to the workers) and inputs, which are
 * errands:
 *
 *     waiting -> ready -> processing -> memory | erred          cancelled, released: over
 *
 * Workers are driven by whoever hired them: foreman_take() gives the next errand for a worker,
 * foreman_done() and its siblings say what became of it.  A result lies here (value), or stays
 * with the workers that made it and is fetched when asked for.  An errand is kept while somebody
 * holds it or an errand needs it; results die as soon as nobody does.
 *
 * All functions may be called from any thread.  One lock is inside; datums are let go of and
 * hooks are called without it. */
#pragma once

#include "engine/base/datum.h"
#include "engine/base/err.h"

typedef struct foreman foreman;
typedef struct errand errand;

enum errand_state {
    ERRAND_RELEASED,
    ERRAND_WAITING, /* for inputs */
    ERRAND_READY,   /* for a worker */
    ERRAND_PROCESSING,
    ERRAND_MEMORY,
    ERRAND_ERRED,
    ERRAND_CANCELLED,
    NERRAND_STATE
};
extern const char *const errand_state_name[NERRAND_STATE];

enum {
    MAX_HANDS = 64,   /* workers: they are bits of a mask */
    MAX_RESOURCES = 8 /* kinds of things that workers have, by name */
};

typedef struct foreman_hooks { /* called without the lock, on any thread; may be NULL */
    void *ctx;
    void (*poke)(void *ctx);              /* there is something to take, or to fetch */
    void (*drop)(void *ctx, uint64_t id); /* workers may forget this result */
} foreman_hooks;

/* remote: results stay with the workers; how an errand was made is kept, so that what dies with a
 * worker can be made again. */
foreman *foreman_new(const foreman_hooks *h, bool remote);
void foreman_hook(foreman *f, const foreman_hooks *h);
void *foreman_ref(foreman *f);
void *foreman_unref(foreman *f); /* NULL */
/* Cancels what is pending; nothing can be submitted or taken any more. */
void foreman_close(foreman *f);
bool foreman_is_closed(foreman *f);
struct board;
struct board *foreman_board(foreman *f); /* lends */
/* What ran and ended since: ledger_free(). */
struct entry *foreman_past(foreman *f, double since, size_t *n);

/* ---- workers ---- */

int foreman_hire(foreman *f, int nthread); /* its number; -1: too many */
/* It takes nothing more; what it had queued goes to others.  how it died (NULL: it did not): what
 * ran there runs again, and what only it held is made again. */
void foreman_dismiss(foreman *f, int who, const char *how);
void foreman_rehire(foreman *f, int who);
/* How many deaths of workers a task survives that ran there (3 unless this is called); one more
 * and it fails: "KilledWorker". */
void foreman_forgive(foreman *f, int deaths);
/* Things that tasks use up while they run, beside threads: the number of a kind; -1: too many. */
int foreman_resource(foreman *f, const char *name);
void foreman_equip(foreman *f, int who, const double has[MAX_RESOURCES]);
/* A task there waits for something: another may take its place, until it resumes. */
void foreman_pause(foreman *f, int who);
void foreman_resume(foreman *f, int who);
/* How many run there, are queued there, and lie there. */
typedef struct hand_counts {
    uint32_t running, queued, held;
    uint64_t bytes;
    bool gone;
} hand_counts;
int foreman_hands(foreman *f); /* workers ever hired */
hand_counts foreman_count(foreman *f, int who);

/* ---- errands ---- */

typedef struct errand_spec {
    const char *key;
    datum *func, *args; /* counted */
    datum *value;       /* known already: func and args are NULL */
    const char *type;   /* of value */
    bool part; /* of a task that may run again: value is kept as long as this may need it */
    size_t bytes;
    uint32_t nin;
    errand *const *in;
    double priority;    /* higher first */
    int retries;        /* below 0: not even when its worker dies */
    uint64_t only;      /* mask of workers; 0: any */
    bool loose;         /* other workers may do it when those cannot */
    const double *need; /* of each of MAX_RESOURCES; NULL: nothing */
} errand_spec;

/* Held by the caller. An errand of that key that is there already is given instead. NULL: closed.
 */
errand *foreman_submit(foreman *f, const errand_spec *spec);
errand *foreman_find(foreman *f, const char *name); /* held; NULL */
/* Held, all that somebody holds or needs; mem_free the array. */
errand **foreman_all(foreman *f, size_t *n);

/* How many errands there are of each state, by the kind that their keys tell ("inc" of
 * "inc-0a1b..."); the last of `cap` counts all that have no place of their own. */
typedef struct tally {
    char name[48];
    uint32_t n[NERRAND_STATE];
} tally;
size_t foreman_tally(foreman *f, tally *out, size_t cap);

errand *errand_hold(errand *e);
void errand_release(errand *e);          /* lets go of one hold */
void errand_forget_when_done(errand *e); /* holds it until then */
foreman *errand_foreman(const errand *e);
const char *errand_key(const errand *e);
uint64_t errand_id(const errand *e);

typedef struct errand_view {
    enum errand_state state;
    datum *value;       /* counted: NULL when it is not here */
    datum *error;       /* counted: the frozen exception; may be NULL */
    enum err_kind kind; /* of the error, and its text: mem_free */
    char *msg;
    const char *type; /* lives as long as the errand */
    size_t bytes;
    uint64_t where; /* mask of workers */
    int worker;     /* that runs it, or did; -1 */
    uint32_t nin;
    double begin, end; /* of the task, seconds since 1970 */
} errand_view;
void errand_look(errand *e, errand_view *out);
enum errand_state errand_state_of(errand *e);
double errand_ended(errand *e); /* seconds since 1970; 0: it has not, or had no task */
void errand_view_clear(errand_view *v);

/* Cancels them and what waits for them. force: even when others hold them. */
void foreman_cancel(foreman *f, errand *const *at, size_t n, bool force);
void foreman_retry(foreman *f, errand *const *at, size_t n); /* those that erred, from the root */

/* ---- for whoever drives a worker ---- */

typedef struct errand_run {
    errand *e; /* held */
    int worker;
    uint64_t attempt, id;
    datum *func, *args; /* counted */
    uint32_t nin;
    datum **in;      /* counted values; NULL: at some worker */
    uint64_t *in_id; /* sorted as submitted */
    double begin;
} errand_run;

/* seconds: how long to wait (negative: no limit).  False: nothing, or closed. */
bool foreman_take(foreman *f, int who, double seconds, errand_run *out);
/* The errand that gives input i of a run, held. */
errand *foreman_input(foreman *f, const errand_run *r, uint32_t i);
/* Each of these ends the run and clears it.  value is taken; NULL: it lies at the worker. */
void foreman_done(foreman *f, errand_run *r, datum *value, const char *type, size_t bytes);
void foreman_failed(foreman *f, errand_run *r, err *e); /* takes e */
void foreman_again(foreman *f, errand_run *r);          /* as if it had not been taken */
/* The same, because its input of that id is nowhere, whatever was known of it: it is made again. */
void foreman_missing(foreman *f, errand_run *r, uint64_t input);
/* Remote results: which are asked for (held; NULL: none), and what came (taken; NULL: lost). */
errand *foreman_wanted(foreman *f);
void foreman_deliver(foreman *f, errand *e, datum *value);
void foreman_spoil(foreman *f, errand *e, err *x); /* it cannot come: fails after all; takes x */

/* ---- waiting ---- */

/* Errands are handed back in the order in which they became memory, erred or cancelled. */
typedef struct watch watch;
watch *watch_new(foreman *f);
void watch_free(watch *w);
/* value: not before a result is here. */
void watch_add(watch *w, errand *e, bool value, uint64_t tag);
size_t watch_came(const watch *w); /* how many since the beginning */
/* Waits until n came; false: not within the time.  erred: or one failed. */
bool watch_wait(watch *w, size_t n, bool erred, double seconds);
bool watch_next(watch *w, uint64_t *tag); /* false: none is left of those that came */
