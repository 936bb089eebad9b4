/* stdlib/futures/team.h - workers that are threads of this process: they take errands from a
 * foreman and run them, each thread in an interpreter of its own.
 *
 * A task gets copies of its own, so that what it changes stays with it.  What it prints is kept
 * until home looks (team_say). */
#pragma once

#include "engine/run/foreman.h"
#include "lang/freeze.h"

typedef struct team team;

/* limit: bytes of results that all of them may have in memory; 0: as dask.config says */
team *team_open(interp *home, foreman *f, size_t limit);
/* One more worker: its number; -1: too many. */
int team_add(team *t, int nthread);
void team_settle(team *t); /* home: sys.path and its like are as they are now */
/* Stops what runs, joins the threads. On the thread of home. */
void team_close(team *t);
/* Runs what somebody else took (takes *r, which is mem_free()d): tasks that only this process can
 * run.  Inputs that lie elsewhere are fetched first. */
void team_run(team *t, errand_run *r);
/* What is to be held of a result, or (lent) of data that home still has; takes d.  What came before
 * it may leave memory, and it may later. */
datum *team_keeps(team *t, datum *d, bool lent);
void team_say(team *t); /* home: writes what tasks printed */

/* ---- inside a task ---- */

typedef struct helper helper; /* a thread of a worker */

helper *helper_of(interp *in); /* NULL: this interpreter is none's */
foreman *helper_foreman(const helper *h);
int helper_worker(const helper *h);
errand *helper_errand(const helper *h); /* what it runs, borrowed; NULL */
/* The task waits, or goes on: another may run in its place meanwhile. */
void helper_pause(helper *h);
void helper_resume(helper *h);
bool helper_is_paused(const helper *h);

/* ---- results ---- */

/* A value as a datum that any thread may read. NULL: *e. */
datum *result_pack(interp *in, value v, err *e);
/* The class as Dask says it: "int", "numpy.ndarray", "__main__.Foo". mem_free */
char *type_text(interp *in, value v);
