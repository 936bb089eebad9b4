/* engine/expr/reduceops.h - parameters of the block functions of tree reductions. */
#pragma once

#include "engine/data/grid.h"
#include "engine/graph/fn.h"
#include "engine/kernels/reduce.h"

enum red_step {
    RED_PLAIN,
    RED_MEAN_CHUNK,
    RED_MEAN_COMBINE,
    RED_MEAN_AGG,
    RED_MOMENT_CHUNK,
    RED_MOMENT_COMBINE,
    RED_MOMENT_AGG,
    RED_ARG_CHUNK,
    RED_ARG_COMBINE,
    RED_ARG_AGG,
    RED_TOPK,
    RED_TOPK_AGG,
    RED_ARGTOPK_PREPARE,
    RED_ARGTOPK,
    RED_ARGTOPK_AGG,
    RED_OTHER,
};

typedef struct red_fn {
    fn base;
    enum reduction_id id; /* plain and index reductions */
    uint32_t axes;
    uint64_t turn; /* means and moments: axes that nested lists stand for, see reduce_args; or 0 */
    bool keepdims, nan;
    bool skip_empty, flat_empty; /* empty blocks give empty results (of one axis) */
    bool ravel;                  /* index reduction over all axes: positions in the flat array */
    dtype_of want;
    int order; /* of a moment */
    double ddof;
    int64_t k; /* topk */
} red_fn;

extern const fn_field red_fields[];
/* parameters copied from `like` */
fn *fn_red(enum red_step step, const char *name, const red_fn *like);
int red_axes(const red_fn *r, int *out);        /* that the levels of nested lists stand for */
const fn_kind *fn_arg_kind(enum red_step step); /* argops.c */
enum red_step red_step_of(const fn *f);         /* RED_OTHER: none of these */
/* The parts of a mean (n, total) or of moments (total, n, M), taken. */
datum *red_pack(int n, nd *const *part);

/* --- the layers of a reduction (reduce.c), for passes --- */

/* What a chunk of argmin or argmax gives for a block of that shape: the extremes, their places in
 * the block, and where the block is (the call's argument 2).  (argops.c) */
datum *arg_found(const red_fn *r, nd *vals, nd *arg, int ndim, const int64_t *shape,
                 const lit *where, err *e);

typedef struct red_layer { /* a layer of one: every block by itself, or a level of the tree */
    bool blocks;
    bool ordered; /* the bits of a cell tell in which order it was added to */
    layer *in;    /* borrowed; it has a grid */
    const fn *f;
    uint32_t axes, dropped; /* of `in`: that fold; that the result has no more */
} red_layer;
bool red_layer_of(const layer *l, red_layer *out); /* false: it is none of NumPy's */
/* The same, whatever the function: axes and ordered are not said. */
bool red_tree_of(const layer *l, red_layer *out);
/* The same over `in`, which has fewer cells along the axes that stay.  Owned. */
layer *red_layer_again(const layer *l, const char *name, layer *in);
/* Of a step of NumPy's reductions, for blocks of type t; false: it is something else. */
bool fn_reduces(const fn *f, dtype_of t, uint32_t *axes, bool *ordered);
