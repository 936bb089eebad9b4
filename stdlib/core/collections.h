/* stdlib/core/collections.h - between deque.c, counting.c, distinct.c and collections.c. */
#pragma once

#include "lang/lang.h"

extern const type T_deque;
value count_elements(interp *in, const value *arg); /* counting.c */
value distinct_items(interp *in, const value *arg); /* distinct.c */
