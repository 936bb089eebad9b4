/* lang/signals.h - handlers of signals that a program gives (signal.signal).
 *
 * What the system calls only notes the number; the handlers run between two instructions of the
 * main thread, where it waits, and while it waits for tasks.  Signals without a handler of the
 * program's are the host's and the system's: a Ctrl-C is none of this, until it has one. */
#pragma once

#include "lang/lang.h"

/* Has the program handlers?  Then who waits for something must look for signals now and then. */
bool signals_listened(const interp *in);
/* Has one come that a handler waits for? */
bool signals_pending(const interp *in);
/* What is not 0 when one has come, or a Ctrl-C; NULL: there are no handlers. */
const _Atomic int *signals_flag(const interp *in);
/* Runs the handlers of what has come; false: one has raised. */
bool signals_run(interp *in);
void signals_close(interp *in);

/* Of the interpreter, which signals.c cannot look into beside the system's headers (sleep.c): does
 * the main thread of the program run, and may it run handlers?  And: look for signals soon. */
bool signals_at_home(const interp *in);
void signals_look(interp *in);
