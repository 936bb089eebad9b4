/* engine/data/walk.h - visiting several strided operands of one shape together.
 *
 * Axes are put in NumPy's iteration order (smallest strides innermost, C order where the operands
 * disagree) and merged where memory allows, so a contiguous n-d block is one run.  Axis 0 of a
 * walk is the innermost.  Use: walk_init, walk_add for every operand, walk_order, then
 *     do { run(w.shape[0], w.at, steps w.step[k][0]) } while (walk_next(&w));
 * A walk of no elements has count 0 and must not be run. */
#pragma once

#include "engine/data/nd.h"

enum { WALK_MAXOP = 8 };

typedef struct walk {
    int ndim, nop;
    int64_t count; /* elements */
    int64_t shape[ND_MAXDIM];
    int64_t step[WALK_MAXOP][ND_MAXDIM];
    char *at[WALK_MAXOP];
    int axis[ND_MAXDIM]; /* the original axis of each, before merging */
    int64_t index[ND_MAXDIM];
} walk;

void walk_init(walk *w, int ndim, const int64_t *shape);
/* strides in C order of axes, for all axes of the shape */
void walk_add(walk *w, char *at, const int64_t *strides);
/* broadcasts x to the shape of the walk (it must fit) */
void walk_add_nd(walk *w, const nd *x);
/* strides in C order of axes, added after walk_sort: does not take part in the order */
void walk_add_sorted(walk *w, char *at, const int64_t *strides);
void walk_sort(walk *w);  /* axis order by strides */
void walk_merge(walk *w); /* merges neighbouring axes */
static inline void walk_order(walk *w)
{
    walk_sort(w);
    walk_merge(w);
}

/* A fresh block whose axes lie in memory in the order of a sorted walk (NumPy's order 'K'). */
nd *walk_new(const walk *sorted, dtype_of t, int ndim, const int64_t *shape, err *e);

/* Moves every operand to the next inner run; false after the last (and rewound then). */
bool walk_next(walk *w);
/* the same from axis `first` on, for callers that run two inner axes themselves */
bool walk_next_from(walk *w, int first);
