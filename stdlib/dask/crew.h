/* stdlib/dask/crew.h - user functions on worker threads.
 *
 * A pool whose workers each have an interpreter of their own.  Values reach it frozen:
 * `live_freeze` takes what a task holds when its plan is made, so that workers see the state of
 * that moment.  What cannot be frozen, or tries to write to something frozen, runs again in the
 * home interpreter.
 *
 * A crew of processes (scheduler="processes") is the same pool, but each seat has a worker process
 * of its own: calls of the language go there as bytes and come back, operations of the engine stay
 * on the seat's thread, where the blocks are.  Nothing of it runs at home; what cannot travel is an
 * error, as in Dask. */
#pragma once

#include "lang/freeze.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/dask/worker_link.h"

typedef struct crew crew;
typedef struct seat { /* one worker's place */
    interp *in;
    crew *of;
    worker *w;
    strbuf said[2]; /* what the task printed so far: out and err */
    process away;   /* of a crew of processes: in is NULL then */
} seat;

crew *crew_new(interp *home, int n, bool processes); /* NULL: pending */
void crew_free(crew *c);                             /* joins the workers */
pool *crew_pool(crew *c);
void crew_stop(crew *c, bool stop); /* home: what workers run in the language ends, or may go on */
void crew_say(crew *c);             /* home: writes what workers printed */

bool crew_has_said(crew *c); /* on any thread: is there something to write? */
/* The one of its kind that a run of the running thread of the program is to have: what another
 * thread has taken is not shared, as in Dask. NULL: pending. */
crew *crew_take(crew *c);
void crew_leave(crew *c); /* the run has ended */

/* The seat of the worker that makes a call; NULL: the calling thread itself. */
seat *seat_of(const call *c);
/* Are calls copied to processes? */
bool crew_copies(const crew *c);
/* For the processes of a crew: what they are told when they start; has the run been stopped? */
datum *crew_setting(const crew *c);
bool crew_stopped(const crew *c);
/* One call ended its process again and again.  Asking at home forgets it. */
void crew_broken(crew *c);
bool crew_was_broken(crew *c);
/* The call goes to the seat's process, where f is called (crew_away.c).  *c->go_home when an input
 * exists at home only. */
datum *seat_call_away(seat *s, const fn *f, const call *c, err *e);
/* After a task: its prints are kept (to be written by home), or forgotten. */
void seat_done(seat *s, bool keep);

/* Runs code of the language for a call on a worker; what cannot be done there goes home. */
typedef value (*seat_fn)(interp *in, const call *c, const void *ctx);
datum *seat_run(seat *s, const call *c, seat_fn f, const void *ctx, err *e);

/* A new run: live values are frozen again when next asked, for threads or as copies. */
void live_new_run(interp *in, bool copies);
/* While workers run, what they may look at stays. */
void live_runs_begin(interp *in);
void live_runs_end(interp *in);
/* What collects the live values that workers let go of.  Who keeps workers holds it (owned) until
 * they have ended, so that it is emptied after them. */
obj *live_attic(interp *in);
/* Freezes a live value once a run, at home; what cannot cross stays without a capsule. */
void live_freeze(interp *in, datum *d);

/* ---- run.c ---- */

/* The workers for n (0: default), kept by the interpreter. NULL: pending. */
crew *crew_of(interp *in, int64_t n, bool processes);
