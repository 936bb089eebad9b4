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

/* What a getitem layer in one step takes of its dependency's blocks; NULL: another layer. */
const selection *as_getitem(const layer *l);
/* The layer that takes it, by f (taken: fn_getitem or fn_getitem_part). Takes s; once: no block
 * twice. */
layer *layer_getitem(const char *name, layer *of, fn *f, selection *s, dtype_of t, bool once);

selection *selection_new(const expr *x, int n, const index_item *items, err *e);
void selection_free(selection *s);
grid *selection_grid(const selection *s); /* of the result */

/* items normalised: one per axis, new axes between them */
expr *index_plain(const expr *x, int n, index_item *items, err *e);
/* lazy.c: x indexed along one axis by an int expr; masks */
expr *index_by_ints(const expr *x, const expr *index, int axis, err *e);
expr *index_by_mask(const expr *x, const expr *mask, err *e);
expr *index_by_masks(const expr *x, int n, const expr *const *mask, err *e); /* NULL: all */
