/* lang/builtins.h - the namespace that every program starts with. */
#pragma once

#include "lang/lang.h"

/* Puts the functions, types, exceptions and constants of Python into d. */
bool builtins_open(interp *in, dict *d);

extern const builtin builtin_functions[];  /* builtins.c: what looks at one object */
extern const builtin builtin_reductions[]; /* builtins_fold.c: what runs over an iterable */
extern const builtin builtin_effects[];    /* builtins_io.c: what prints, reads, runs code */
extern const builtin builtin_async[];      /* types/anext.c */
extern const module_def sys_def, lang_def, thread_def, weakref_def; /* sys.c, introspect.c */
extern const module_def profile_def, signal_def;                    /* profile.c, signals.c */

extern const type T_enumerate, T_zip, T_map, T_filter; /* builtins_iter.c */
/* Is v a map over one iterator that may have more?  Then its function and that iterator, lent. */
bool map_of_one(value v, value *f, value *of);

/* sys.stdout, sys.stderr, sys.stdin as they are now: borrowed; FAIL: as the program found them */
value sys_stream(interp *in, const char *name);
/* Writes to a stream object, or to the host's fd when it is FAIL. */
bool stream_write(interp *in, value stream, int fd, const char *s, size_t n);
