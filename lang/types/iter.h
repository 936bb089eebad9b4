/* lang/types/iter.h - iterators over anything that can be indexed, forwards and backwards. */
#pragma once

#include "lang/type.h"

extern const type T_seq_iter, T_callable_iter, T_reversed, T_list_reverse_iter;

value iter_self(interp *in, value self); /* the iter slot of every iterator */
value seq_iter_new(interp *in, value seq);
/* Steps of[n - 1] ... of[0] by indexing; t is T_reversed or a type shaped like it. */
value reversed_new(interp *in, value of, int64_t n, const type *t);
value callable_iter_new(interp *in, value f, value sentinel); /* iter(f, sentinel) */
