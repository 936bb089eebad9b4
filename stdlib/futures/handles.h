/* stdlib/futures/handles.h - objects of the language over schedulers and errands. */
#pragma once

#include "engine/run/foreman.h"
#include "lang/freeze.h"
#include "stdlib/futures/team.h"

typedef struct future {
    obj hdr;
    errand *e; /* held; NULL: released */
    double at; /* clock_worked() of the thread that made it */
} future;

extern const type T_future, T_watch, T_office;

static inline future *as_future(value v)
{
    return (future *)as_obj(v, &T_future);
}
/* Takes the hold of e (NULL throws). */
value future_new(interp *in, const type *cls, errand *e);
errand *peek_errand(interp *in, value v);

/* ---- office.c ---- */
extern const builtin office_functions[];
/* A view of a scheduler that belongs to somebody else. */
value office_of(interp *in, foreman *f);
void note_wait(interp *in); /* it knows all that has happened until now */
/* When it last knew all: seconds since 1970; 1e300 where nothing is kept back. */
double last_wait(interp *in);
/* Waits until came(ctx, seconds), which waits as long as it may, says so; seconds below 0: no
 * limit. Meanwhile what tasks print appears, other threads of the program run, and another task may
 * take the place of the one that waits.  False: it did not come in time, or an exception. */
bool wait_outside(interp *in, bool (*came)(void *ctx, double seconds), void *ctx, double seconds);
double clock_seconds(void); /* since 1970 */
double clock_worked(void);  /* seconds of a processor that this thread has used */
void teams_say(interp *in); /* writes what tasks of all clusters of this interpreter printed */
