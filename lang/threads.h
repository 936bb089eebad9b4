/* lang/threads.h - threads of a program (threading.Thread): one interpreter, one of them at a time.
 *
 * Each is a thread of the system with a C stack of its own, but only the holder of the baton runs;
 * it hands over when it waits, sleeps, ends, has run for a time slice, or leaves the interpreter to
 * compute in the engine.  What differs between threads (frames, the pending exception ...) moves in
 * and out of the interpreter with the baton, so that nothing else needs to know.  Work in parallel
 * is dask's. */
#pragma once

#include "lang/interp.h"

/* More than one: sleeping and safe points must give way. */
bool threads_several(const interp *in);
/* A safe point: gives way when the time slice is over.  False: exception. */
bool threads_give_way(interp *in);
/* Waits that long, the others run meanwhile.  False: exception. */
bool threads_sleep(interp *in, double seconds);
/* Is the running one the thread that Ctrl-C interrupts? */
bool threads_is_main(const interp *in);

/* The running thread goes on outside of the interpreter, of which it may touch nothing until it is
 * in again; the others run meanwhile.  NULL: it has no reason to, or must not, and is still in. */
typedef struct outside outside;
outside *threads_go_out(interp *in);
void threads_come_in(outside *o); /* waits for its turn; NULL: nothing */
/* Has it to come in and hear (threads_go_on) that it is to stop?  To be asked every some ms. */
bool threads_called_in(const outside *o);
/* False: it has been stopped, the exception is pending. */
bool threads_go_on(interp *in);

/* Who runs: a name for it. */
const void *threads_running(const interp *in);
/* Those that never ended unwind; called before the interpreter's objects die. */
void threads_close(interp *in);
void interp_adopt(interp *in);   /* interp_current() of this system thread (interp.c) */
void segments_close(interp *in); /* the register segments of the running thread (frame.c) */

extern const builtin thread_table[]; /* of the module _thread */
