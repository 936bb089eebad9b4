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
};

typedef struct red_fn {
    fn base;
    enum reduction_id id; /* plain and index reductions */
    uint32_t axes;
    bool keepdims, nan;
    bool skip_empty, flat_empty; /* empty blocks give empty results (of one axis) */
    bool ravel;                  /* index reduction over all axes: positions in the flat array */
    dtype_of want;
    int order; /* of a moment */
    double ddof;
    int64_t k; /* topk */
} red_fn;

/* A block that is made piece by piece, in C order: elements [from, from + n), 1-d. */
typedef struct stream {
    int ndim;
    int64_t shape[GRID_MAXDIM], count;
    dtype_of type;
    void *ctx;
    nd *(*next)(void *ctx, int64_t from, int64_t n, err *e);
    bool (*again)(void *ctx, err *e); /* from the start; NULL: each piece only once */
} stream;
enum { TILE = 1 << 15 }; /* elements of a piece, at most; stays in the second-level cache */
/* Can f's first argument be such a stream of type t?  Then red_stream gives the very bits that the
 * call on the whole block gives. */
bool red_streams(const fn *f, int ndim, const int64_t *shape, dtype_of t);
datum *red_stream(const fn *f, const stream *s, err *e);

/* parameters copied from `like` */
fn *fn_red(enum red_step step, const char *name, const red_fn *like);
const red_fn *fn_as_plain_reduce(const fn *f);
const fn_kind *fn_arg_kind(enum red_step step); /* argops.c */
