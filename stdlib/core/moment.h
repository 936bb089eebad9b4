/* stdlib/core/moment.h - between clock.c and moment.c. */
#pragma once

#include "stdlib/stdlib.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

extern const type T_moment, T_span;

bool moment_when(value v, int64_t *when); /* false: v is no moment */
/* make(cls, kind, when, tzinfo, fold, /), lasting(cls, us, /) */
value moment_make(interp *in, const value *arg);
value span_make(interp *in, const value *arg);
