/* engine/kernels/keys.h - elements as keys: unsigned numbers that order as the elements do.
 *
 * Integers are shifted, floats have their bits turned, NaN is the largest.  `exact` keys tell -0
 * from 0 and can be turned back; the others compare as < does.  Complex numbers and text have no
 * such key and are compared as they are. */
#pragma once

#include "engine/data/nd.h"

static inline bool has_keys(enum dtype d)
{
    return d <= DT_float64 || d >= DT_datetime64;
}
/* n elements of type t, step bytes apart, into keys */
void keys_make(dtype_of t, int64_t n, const char *at, ptrdiff_t step, bool exact, uint64_t *key);
/* exact keys back to elements */
void keys_undo(dtype_of t, int64_t n, const uint64_t *key, char *at, ptrdiff_t step);
/* the same of many elements, with the help of other processors */
void keys_make_many(dtype_of t, int64_t n, const char *at, ptrdiff_t step, bool exact,
                    uint64_t *key);
void keys_undo_many(dtype_of t, int64_t n, const uint64_t *key, char *at, ptrdiff_t step);
/* Sorts keys; scratch holds n too.  (radix.c) */
void keys_sort(uint64_t *key, uint64_t *scratch, int64_t n);
typedef struct keyed {
    uint64_t key;
    int64_t index;
} keyed;
void keyed_order(keyed *x, keyed *scratch, int64_t n); /* stable; no scratch for 16 or less */
/* ties where a median-of-three quicksort with runs of 16 leaves them, as NumPy's */
void keyed_order_as_numpy(keyed *x, int64_t n);

/* How two elements i, j of one lane compare; either by key or by the elements themselves. */
typedef struct lane {
    const uint64_t *key; /* NULL: compare elements */
    const char *at;
    ptrdiff_t step;
    dtype_of t;
} lane;
/* how far lane i of x, along an axis, begins from its first element */
ptrdiff_t lane_offset(const nd *x, int axis, int64_t i);
bool lane_less_slow(const lane *v, int64_t i, int64_t j);
static inline bool lane_less(const lane *v, int64_t i, int64_t j)
{
    return v->key ? v->key[i] < v->key[j] : lane_less_slow(v, i, j);
}

/* Orders index[0..n) by the lane: stable; or, of a lane without keys, as keyed_order_as_numpy
 * does; or only the kth element. */
bool lane_sort_stable(const lane *v, int64_t *index, int64_t n, err *e);
void lane_quicksort(const lane *v, int64_t *index, int64_t n);

enum { MAX_PIVOTS = 50 };
typedef struct pivots {
    int64_t at[MAX_PIVOTS];
    int n;
} pivots;
void lane_select(const lane *v, int64_t *index, int64_t n, int64_t kth, bool inexact, pivots *p);
/* the same on keys themselves, which move, alone or with positions */
void keys_select(uint64_t *key, int64_t n, int64_t kth, bool inexact, pivots *p);
void keyed_select_place(keyed *x, int64_t n, int64_t kth, bool inexact, pivots *p);
