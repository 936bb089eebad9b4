/* stdlib/wire.h - values as bytes: what may stand in messages, and values in one piece. */
#pragma once

#include "engine/base/wire.h"
#include "engine/graph/fn_wire.h"
#include "lang/lang.h"

extern const datum_kind claim_kind;          /* stdlib/futures/futures.c: a future, by its key */
extern const datum_kind *const wire_kinds[]; /* all that may be read; ends with NULL */
extern const wire_names wire_found;          /* operations and sources: wire_in.extra */

/* A value as a datum that may go anywhere (__reduce__ and its kin count).  NULL: *e (TypeError, as
 * pickle says it). */
datum *value_pack(interp *in, value v, err *e);
/* An exception as those get it who ask for the result of a task (takes x): one of a user's class
 * that cannot be made again from its args is an Exception that shows it, as in Dask. */
value exc_handed_on(interp *in, value x);
/* A copy of one's own, of any datum that came out. */
value value_unpack(interp *in, datum *d);
/* The same as bytes: mem_free(); NULL: *e. */
char *value_to_bytes(interp *in, value v, size_t *n, err *e);
value value_from_bytes(interp *in, const void *p, size_t n);
