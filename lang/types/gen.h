/* lang/types/gen.h - between gen.c and vm.c. */
#pragma once

#include "lang/types/func.h"

extern const type T_async_step;

/* Puts a generator that is new or suspended on top, to be run by vm_run. */
bool gen_enter(interp *in, gen *g, value send);
/* Moves past the SEND loop it stands in; the next value sent is the result. */
void gen_skip_delegate(interp *in, gen *g);
void gen_end(interp *in, gen *g); /* releases the registers of one that does not run */
bool gen_close(interp *in, gen *g);
int async_step(interp *in, value self, value sent, value *out);
void throw_stop(interp *in, value v); /* StopIteration(v); takes v */
/* Is StopIteration pending? Then *out gets its value, and nothing is pending any more. */
bool stop_value(interp *in, value *out);
void stop_keep(interp *in,
               value v); /* an iterator ends with a value: for whoever wants it. Takes v */
void stop_clear(interp *in);
