/* engine/expr/build.h - what the files of engine/expr share while building layers. */
#pragma once

#include "engine/expr/expr.h"

/* The layer's name by the rule of `label`; the token is empty afterwards. mem_free it. */
char *label_name(label l, token *t, const char *prefix);
void token_expr(token *t, const expr *x);
void token_fn(token *t, const fn *f);
void token_dtype(token *t, dtype_of d);

/* Which cuts a letter has, over all operands. */
typedef struct letters {
    int n;
    int letter[2 * GRID_MAXDIM];
    cuts *ax[2 * GRID_MAXDIM]; /* owned */
} letters;
void letters_clear(letters *l);
cuts *letters_find(const letters *l, int letter);   /* borrowed; NULL */
bool letters_set(letters *l, int letter, cuts *ax); /* counts ax */
/* exprs_unify that also tells the outcome; x[k] NULL: a literal */
bool unify(int n, expr **x, const int *const *index, letters *out, err *e);

/* NumPy's broadcast of shapes where -1 is nan; ValueError in Dask's words. */
bool shapes_broadcast(int n, const expr *const *x, int *ndim, int64_t *shape, err *e);

/* Joins a nested list of blocks (`x` with LIT_LIST levels) along axes[0], axes[1] ...; `pick`
 * chooses the block inside a pack (NULL: the input itself is the block). */
nd *join_lists(const call *c, const lit *x, int naxis, const int *axes, int pick, err *e);

/* One task per block of `g`, with f and per-block arguments made by `args`. */
typedef struct block_layer block_layer;
typedef bool (*block_args)(const block_layer *l, uint64_t i, arena *a, task_view *out);
struct block_layer {
    layer base;
    fn *f;
    block_args args;
    arena mem; /* of the parameters */
    const void *param;
    void (*drop_param)(const void *param);
    bool blockwise;
};
/* Takes f (NULL passes through as failure). deps are counted. */
block_layer *block_layer_new(const char *name, fn *f, block_args args, grid *g, dtype_of t,
                             uint32_t ndep, layer *const *dep);

const block_layer *as_block_layer(const layer *l); /* NULL: another kind */

/* (reshape.c) Block i of `of`, reshaped, is block i of g. */
layer *layer_reshaped(const char *name, layer *of, grid *g);
bool layer_is_reshaped(const layer *l);
/* (join.c) Blocks of `of` repeated along axes of one element, and along new ones in front. */
layer *layer_repeated(const char *name, layer *of, grid *g);
bool layer_is_repeated(const layer *l);

/* (stored.c) Blocks that persist() left; the layer lets go of them: nobody will read it again. */
bool layer_is_stored(const layer *l);
void stored_leave(layer *l);

/* a call's literal `i` as index items; arrays are borrowed from literals or inputs */
int items_of(const call *c, const lit *tuple, index_item out[2 * ND_MAXDIM], err *e);

/* (pick.c) What `region`, a tuple of slices and at most one ascending list, takes of a source of
 * type t and of g's shape: a fresh block. */
nd *source_pick(const source *s, const grid *g, const lit *region, dtype_of t, err *e);
bool region_is_box(const lit *region); /* without steps and lists */
/* The bytes that are read for it, and those of the largest box if it is not read in place. */
void source_pick_cost(const source *s, const lit *region, dtype_of t, uint64_t *read,
                      uint64_t *extra);

/* callables for this folder */
const ufunc *fn_as_ufunc(const fn *f, dtype_of *want, int *out); /* NULL: something else */
/* elementwise fns that are no ufunc */
enum fn_choice { FN_IS_OTHER, FN_IS_WHERE, FN_IS_CLIP, FN_IS_ROUND };
enum fn_choice fn_as_choice(const fn *f, int *decimals);
nd *round_scale(int decimals); /* what a rounding multiplies or divides by, a 0-d block */
bool fn_is_pow(const fn *f);
/* Results of a ufunc are cast to t, if they have another type. */
void fn_enforce(fn *f, dtype_of t);
dtype_of fn_enforced(const fn *f); /* or DT_none */
bool fn_is_part(const fn *f);
enum { PIECE_LITTLE = 8 }; /* a piece this many times smaller than its block is copied anyhow */
bool fn_is_piece(const fn *f);
/* what a call of such a fn shows, without the copy that it would make of it */
nd *part_view(const fn *f, const call *c, bool *copies, err *e);
/* A product of two blocks of two axes each: summed over axis `left` of the first and `right` of the
 * second, with an axis of one more in the result, `partial`.  (contract.c) */
typedef struct product_axes {
    int left, right, partial;
} product_axes;
bool fn_is_product(const fn *f, product_axes *out);
bool fn_adds_blocks(const fn *f, uint32_t *axes); /* partial products of matmul, along axes */
bool fn_is_transpose(const fn *f);
bool fn_is_cast(const fn *f, dtype_of *t);
bool fn_is_item(const fn *f, uint32_t *i); /* of a tuple */
fn *fn_literal(void);                      /* its argument is its result */
fn *fn_concat_all(int ndim);               /* nested lists, one level per axis */
fn *fn_broadcast(void);                    /* (x, shape) */
/* inner after the lists among its arguments are joined along axes[i][0 .. n[i]) */
fn *fn_joined(const fn *inner, uint32_t narg, const int *n, int (*axes)[GRID_MAXDIM]);
