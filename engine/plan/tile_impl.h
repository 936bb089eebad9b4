/* engine/plan/tile_impl.h - what tile_code.c and tile_pipe.c share: a program's loops. */
#pragma once

#include "engine/kernels/cast.h"
#include "engine/kernels/pipe.h"
#include "engine/plan/tile_code.h"

enum { TILE_LINE = 64 }; /* bytes that memory sends together */

enum op_kind { OP_MAP, OP_CAST, OP_FILL, OP_WINDOW };

typedef struct tile_pipe tile_pipe;

struct tile_op {
    enum op_kind kind;
    int nin;        /* operands before the result */
    const ufunc *f; /* OP_MAP: NULL for a choice (where) */
    loop run;
    cast_loop cast;
    tile_operand arg[UFUNC_MAXARG];
    int step; /* OP_FILL, OP_WINDOW */
    tile_call gen;
    call call;
    int turn;        /* which of the loops it is */
    tile_pipe *pipe; /* does the work of this one and the next */
};

/* Part of a source, read ahead.  Elements [from, until) of the block lie at its register. */
struct tile_window {
    int64_t from, until;
    const source *of; /* or */
    const nd *x;
    dtype_of t;
    int64_t start[GRID_MAXDIM]; /* of the block in the source */
    int axis;                   /* units are whole below this axis ... */
    int64_t unit, units, most;  /* ... of so many elements; in all; in a window */
    buf *b;
};

/* A chain of stages in place of some loops, for as many elements as fill registers; the loops
 * do the rest. */
struct tile_pipe {
    int first, last; /* of the loops */
    size_t lane;
    int n;                          /* stages */
    struct pipe_stage *stage;       /* one more: the end */
    const tile_operand *(*from)[2]; /* of each stage, or NULL */
    bool asks;                      /* for memory, early */
    /* the first stage makes start + i * by, from the element it is at */
    bool ramp;
    int64_t start, by, now[2];
    struct pipe_stage *sum; /* the same stages, with a sum at the end; or NULL */
    int kind;               /* of the sum */
    char *room;
};

/* Where element from + done of the block is, of a piece that begins at `from`. */
static inline char *tile_element(const tile_operand *a, int64_t from, int64_t done)
{
    if (a->place == TILE_REGISTER) return a->at + done * a->step;
    if (a->place != TILE_BLOCK) return a->at;
    int64_t i = from + done;
    if (a->window) i -= a->window->from;
    if (a->inner == INT64_MAX) return a->at + i * a->step;
    return a->at + i / a->inner * a->row + i % a->inner * a->step;
}

/* how many elements from i on lie in one row */
static inline int64_t tile_in_row(const tile_operand *a, int64_t i, int64_t n)
{
    if (a->inner == INT64_MAX) return n;
    int64_t left = a->inner - i % a->inner;
    return left < n ? left : n;
}

/* Is a, an operand of loop `op`, a block in memory that no loop before it reads? */
bool tile_read_first(const tile_code *c, int op, const tile_operand *a);
/* Elements [from + done, from + done + n) by one loop. */
bool tile_loop(const tile_op *o, int64_t from, int64_t done, int64_t n, err *e);
/* (tile_pipe.c) */
/* room: PIPE_ROOM bytes, aligned as vectors are */
void tile_find_pipes(tile_code *c, char *room);
/* of TILE elements, which are not stored */
void tile_pipe_sum(tile_pipe *p, int64_t from, int64_t n, void *out);
bool tile_pipe_run(const tile_code *c, tile_pipe *p, int64_t from, int64_t n, err *e);
