/* engine/expr/index.h - what a getitem takes of each block, shared by the files that index. */
#pragma once

#include "engine/expr/expr.h"

enum piece_kind { PIECE_ALL, PIECE_SLICE, PIECE_INT, PIECE_ARRAY };

typedef struct piece { /* of one block, along one axis */
    enum piece_kind kind;
    int64_t block, start, stop, step, size;
    nd *array; /* owned */
} piece;

typedef struct axis_pieces {
    bool all; /* every block, whole */
    int64_t n, cap;
    piece *at; /* in output order */
} axis_pieces;

typedef struct selection {
    grid *in;
    int nitem; /* axes of `in` and new axes, in order */
    bool newaxis[2 * GRID_MAXDIM];
    axis_pieces ax[GRID_MAXDIM];
} selection;

void axis_add(axis_pieces *a, piece p); /* takes p.array */

/* What Dask's step takes a part of: blocks[of the result] x times elements.  If the part is half of
 * that or less it is copied, else it is a view. */
typedef struct part_sizes {
    grid *blocks; /* owned */
    int64_t times;
} part_sizes;

/* What a getitem layer in one step takes of its dependency's blocks; NULL: another layer. */
const selection *as_getitem(const layer *l);
/* The whole blocks that x.blocks[...] names again; NULL: another layer. */
const selection *as_blocks(const layer *l);
/* The layer that takes it, by f (taken: fn_getitem or fn_getitem_part). Takes s; once: no block
 * twice. */
layer *layer_getitem(const char *name, layer *of, fn *f, selection *s, dtype_of t, bool once);

/* Of a step of Dask's (counted; grids must be known); {0}: it is none. */
part_sizes layer_part_sizes(const layer *l);
/* A view, or a copy in C order, as it is decided by `whole` (taken; so is s). */
layer *layer_getitem_part(const char *name, layer *of, selection *s, part_sizes whole, dtype_of t);
/* One that takes slices, then a list, as two layers (owned); NULL: another layer. */
layer *layer_getitem_steps(const layer *l);

/* --- selections (selection.c) --- */

selection *selection_new(const expr *x, int n, const index_item *items, err *e);
selection *selection_all(const grid *g);
selection *selection_copy(const selection *s);
void selection_free(selection *s);
grid *selection_grid(const selection *s);      /* of the result */
grid *selection_kept_grid(const selection *s); /* with axes of integers kept, without new ones */
/* The blocks that those of the result are parts of, without the axes that integers drop; these make
 * them *times as large. */
grid *selection_parents(const selection *s, int64_t *times);
/* What `then` takes of what `first` takes; NULL: no single selection does (two lists).  Grids must
 * be known. */
selection *selection_through(const selection *then, const selection *first);
/* Adds copies; integers become slices of one element. */
void axis_keep(axis_pieces *to, const axis_pieces *from);
bool axis_is_int(const axis_pieces *a);
bool axis_is_list(const axis_pieces *a);
bool selection_has_list(const selection *s);
bool selection_is_once(const selection *s);     /* for sure no block is read by two tasks */
int64_t piece_first(const piece *p, int64_t n); /* of a block of n elements */
/* `size` elements of a block of n, from `first` on */
piece piece_slice(int64_t block, int64_t first, int64_t step, int64_t size, int64_t n);

static inline bool item_is_all(const index_item *x)
{
    return x->kind == IDX_SLICE && x->start == SLICE_NONE && x->stop == SLICE_NONE &&
           x->step == SLICE_NONE;
}

/* items normalised: one per axis, new axes between them */
expr *index_plain(const expr *x, int n, index_item *items, err *e);
/* lazy.c: x indexed along one axis by an int expr; masks */
expr *index_by_ints(const expr *x, const expr *index, int axis, err *e);
expr *index_by_mask(const expr *x, const expr *mask, err *e);
expr *index_by_masks(const expr *x, int n, const expr *const *mask, err *e); /* NULL: all */
