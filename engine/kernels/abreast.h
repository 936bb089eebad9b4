/* engine/kernels/abreast.h - running sums and products of several rows side by side.
 *
 * A running sum must wait for the addition before it, but not for those of other rows.  Every row
 * is folded strictly in its order, so results do not depend on how many go together. */
#pragma once

#include "engine/kernels/cast.h"
#include "engine/kernels/scan.h"

enum { ABREAST = 8 };

typedef struct abreast_loops abreast_loops; /* of one fold and type */
/* NULL: the type has no loops here. */
const abreast_loops *abreast_find(enum ufunc_id fold, enum dtype d);

/* n rows of contiguous elements; rows may differ in length, and `to` may be `from`. */
typedef struct abreast {
    const abreast_loops *loops;
    int n; /* at most ABREAST */
    struct {
        const char *from;
        char *to; /* of all rows or none: only the last of each is wanted */
        int64_t n;
        int64_t last, carry; /* bits of an element: see below */
    } row[ABREAST];
    bool past; /* write around the caches: nobody reads the result soon */
    bool skip_nan;
    cast_loop cast; /* elements are to be cast first; or NULL */
    dtype_of in, t; /* what they are, and what is folded */
} abreast;

/* to[i] = carry op (from[0] op from[1] ... op from[i]); `last` becomes what stands in the inner
 * brackets for the last i.  Leaves `last` alone for a row without elements.  False:
 * KeyboardInterrupt. */
bool abreast_run(abreast *a, err *e);
/* The carry that changes nothing, whatever it is combined with. */
int64_t abreast_neutral(const abreast_loops *l);

/* One row of n elements, with no carry.  For long ones, and for short ones, several of which are on
 * the way at once in any processor that runs ahead.  False: KeyboardInterrupt. */
bool abreast_one(const abreast_loops *l, int64_t n, const char *from, char *to, err *e);

/* n lines of `width` elements each, `step` bytes from one to the next, down the lines. `carry` and
 * `last` have width elements; carry NULL: none; to NULL: only last is wanted. */
typedef struct downward {
    int64_t n, width, from_step, to_step;
    const char *from;
    char *to;
    const char *carry;
    char *last; /* where they are gathered, too */
} downward;
void downward_run(const abreast_loops *l, const downward *d);
