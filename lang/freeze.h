/* lang/freeze.h - values across threads: freeze makes a capsule, thaw a value of it elsewhere.
 *
 * A capsule is an immutable datum: records of every object that can be reached from a root, code
 * and buffers by reference.  At home thawing gives the originals.  Elsewhere `thaw` builds the
 * objects once for each interpreter and marks them OBJ_FROZEN: writing to one of them is
 * trapped, nothing handles that, and the caller runs the task again at home.  What a worker
 * returns is frozen in turn; whatever in it came from home is the original there. */
#pragma once

#include "engine/base/datum.h"
#include "lang/lang.h"

typedef struct capsule capsule;

extern const datum_kind capsule_kind, code_kind; /* for readers of bytes */
capsule *as_capsule(datum *d);                   /* NULL: something else */
/* What an operation of the engine does with a capsule among its inputs: whoever links the engine
 * with lang defines it. */
void *capsule_apply(const void *fn, const void *call, void *err) __attribute__((weak));
/* NULL: *e (TypeError) names what cannot cross; MemoryError: a watch (mem.h) had no room. */
capsule *freeze(interp *in, value root, err *e);
/* The same as pickle does it, for other processes: __reduce__ and its kin count, modules of users
 * go by name, and nothing in it remembers where it came from.  NULL: *e says what cannot travel. */
capsule *freeze_copy(interp *in, value root, err *e);
/* Must everything in it run at home: does code write globals or captured variables? */
bool capsule_is_home_only(const capsule *c);
/* Owned (uncounted elsewhere than at home): shared by all calls of this interpreter. */
value thaw(interp *in, capsule *c);
/* A copy that may be written to: for results that come home. */
value thaw_owned(interp *in, capsule *c);
/* What input_value() stood for in the frozen value: owned; FAIL: pending. */
typedef struct thaw_inputs {
    void *ctx;
    value (*get)(void *ctx, interp *in, uint64_t id);
} thaw_inputs;
value thaw_with(interp *in, capsule *c, const thaw_inputs *inputs); /* a copy of one's own */
/* Stands for something that only the reader of a capsule has. */
value input_value(interp *in, uint64_t id);
/* Lets go of what capsules nobody else holds left in this interpreter; between tasks. */
void thaw_trim(interp *in);

/* An interpreter for a worker of `home`: its modules, sys.path and limits. h: where prints go. */
interp *interp_open_worker(interp *home, const host *h);
/* Was a write to a frozen object tried? Then what runs was cut short; asking forgets it. */
bool interp_trapped(interp *in);

/* ---- for `cross` of types ---- */

typedef struct freezer freezer;
typedef struct thawer thawer;

void freeze_bytes(freezer *f, const void *p, size_t n);
void freeze_value(freezer *f, value v);
void freeze_datum(freezer *f, datum *d); /* counts d */
interp *freezer_interp(freezer *f);
bool freezer_copies(const freezer *f); /* for another process */

void thaw_bytes(thawer *t, void *p, size_t n);
value thaw_value(thawer *t);  /* owned; containers among them may still be empty */
datum *thaw_datum(thawer *t); /* lends */
interp *thawer_interp(thawer *t);
bool thaw_is_shared(const thawer *t); /* for many calls, not a copy of one's own */
