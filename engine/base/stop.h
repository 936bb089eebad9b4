/* engine/base/stop.h - does anybody still wait for what this thread computes?
 *
 * Long loops ask now and then.  The flag belongs to whoever waits: a run of tasks for its workers,
 * the terminal's Ctrl-C for the main thread. */
#pragma once

#include <stdatomic.h>

#include "engine/base/err.h"

/* From now on this thread's long operations end early (KeyboardInterrupt) while *flag is not 0;
 * NULL: never. */
void stop_listen(const _Atomic int *flag);
bool stop_asked(void);
/* False and KeyboardInterrupt when it is. */
bool stop_check(err *e);

/* Somebody waits for the prompt (or no longer): what takes long to give back is given back later.
 * Of the process; may be called by a signal handler. */
void haste_begin(void);
void haste_end(void);
bool in_haste(void);
/* In haste x is left to a quiet moment, in which some(x) is called, again as long as it says that
 * there is more.  False: nobody is in haste. */
bool haste_leave(bool (*some)(void *x), void *x);
/* Does a piece of what was left.  False: that was all. */
bool haste_tidy(void);
