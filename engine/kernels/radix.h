/* engine/kernels/radix.h - sorting large lanes of elements that have keys. */
#pragma once

#include "engine/data/nd.h"

/* Is a lane long enough? */
bool radix_is_large(dtype_of t, int64_t n);
/* n elements, step bytes apart, in order into `to` (contiguous, apart from `from`): NaN and NaT
 * last, -0 before 0.  Uses the processors that par.h has to offer. */
bool radix_sort(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *to, err *e);
/* The same of small lanes of four bytes an element, any steps; room: 2 n halves. */
void halves_sort(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *to,
                 ptrdiff_t to_step, uint32_t *room);
/* Their positions in order (int64, order_step bytes apart), those of equal elements as they come;
 * *ties: there are equal elements. */
bool radix_order(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *order,
                 ptrdiff_t order_step, bool *ties, err *e);
/* What stands at the places kth[0 .. nkth), ascending, of the sorted lane; t has 4 bytes or 8. */
bool radix_select(dtype_of t, int64_t n, const char *from, ptrdiff_t step, const int64_t *kth,
                  int nkth, char *out, err *e);
