/* stdlib/dask/crew.h - user functions on worker threads.
 *
 * A pool whose workers each have an interpreter of their own.  Values reach it frozen:
 * `live_freeze` takes what a task holds when its plan is made, so that workers see the state of
 * that moment.  What cannot be frozen, or tries to write to something frozen, runs again in the
 * home interpreter. */
#pragma once

#include "lang/freeze.h"
#include "stdlib/dask/bridge.h"

typedef struct crew crew;
typedef struct seat { /* one worker's place */
    interp *in;
    crew *of;
    worker *w;
    strbuf said[2]; /* what the task printed so far: out and err */
} seat;

crew *crew_new(interp *home, int n);
void crew_free(crew *c); /* joins the workers */
pool *crew_pool(crew *c);
void crew_stop(crew *c, bool stop); /* home: what workers run in the language ends, or may go on */
void crew_say(crew *c);             /* home: writes what workers printed */

/* The seat of the worker that makes a call; NULL: the calling thread itself. */
seat *seat_of(const call *c);
/* After a task: its prints are kept (to be written by home), or forgotten. */
void seat_done(seat *s, bool keep);

/* Runs code of the language for a call on a worker; what cannot be done there goes home. */
typedef value (*seat_fn)(interp *in, const call *c, const void *ctx);
datum *seat_run(seat *s, const call *c, seat_fn f, const void *ctx, err *e);

/* A new run: live values are frozen again when next asked. */
void live_new_run(interp *in);
/* What collects the live values that workers let go of.  Who keeps workers holds it (owned) until
 * they have ended, so that it is emptied after them. */
obj *live_attic(interp *in);
/* Freezes a live value once a run, at home; what cannot cross stays without a capsule. */
void live_freeze(interp *in, datum *d);

/* ---- run.c ---- */

/* The workers for n (0: default), kept by the interpreter. NULL: pending. */
crew *crew_of(interp *in, int64_t n);
/* Runs a plan with c's workers, or on this thread (NULL).  False: pending. */
bool run_plan(interp *in, plan *pl, crew *c);
