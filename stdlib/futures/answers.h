/* stdlib/futures/answers.h - questions of tasks in other processes to their scheduler: submit, look
 * up, wait.  What they mean is in stdlib/dsk/distributed/remote.dsk; one thread, with an
 * interpreter of its own made at the first question, answers them in turn. */
#pragma once

#include "engine/run/foreman.h"
#include "lang/freeze.h"
#include "stdlib/dask/workers.h"

typedef struct answers answers;

/* lend: a task that waits for its answer gives up its place meanwhile. */
answers *answers_open(interp *home, foreman *f, workers *w, bool lend);
void answers_close(answers *a);
void answers_ask(answers *a, int who, uint64_t ask, datum *question);
/* Tries those again that could not be answered yet: are any left? */
bool answers_check(answers *a);
void answers_forget(answers *a, int who); /* that worker is dead */
