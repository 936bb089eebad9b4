/* stdlib/futures/fleet.h - workers that are processes: one thread here hands them errands of a
 * foreman and tells it what they answer.  Results stay with them until they are asked for. */
#pragma once

#include "engine/run/foreman.h"
#include "lang/freeze.h"
#include "stdlib/dask/workers.h"

typedef struct fleet fleet;

/* Starts the processes.  NULL: *e. */
fleet *fleet_open(interp *home, foreman *f, const workers_opts *o, err *e);
bool fleet_add(fleet *t, err *e); /* one more */
void fleet_close(fleet *t);       /* ends them; on the thread of home */
void fleet_say(fleet *t);         /* home: writes what tasks printed */
int64_t fleet_pid(fleet *t, int who);
void fleet_kill(fleet *t, int who); /* ends a worker, which is replaced */
