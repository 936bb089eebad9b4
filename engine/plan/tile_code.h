/* engine/plan/tile_code.h - the elementwise part of one task, made ready to run on pieces.
 *
 * Steps first .. nstep - 1 of a program (consumers first) become a list of loops over registers:
 * buffers of one piece that the next loop finds in the L1 cache.  Everything that depends on types
 * is decided once per task; running a piece allocates nothing. */
#pragma once

#include "engine/expr/tile.h"
#include "engine/plan/program.h"

enum tile_place {
    TILE_NOWHERE,
    TILE_FIXED,    /* one element for all */
    TILE_BLOCK,    /* a block in memory: rows of `inner` elements, `row` bytes apart */
    TILE_REGISTER, /* the piece itself */
};

typedef struct tile_operand {
    enum tile_place place;
    dtype_of t;
    char *at;
    ptrdiff_t step, row;
    int64_t inner;
    int reg;                          /* TILE_REGISTER */
    _Alignas(16) char own[16];        /* TILE_FIXED after a cast (at is NULL) */
    const struct tile_window *window; /* TILE_BLOCK: a part of it, which moves */
    bool turned;                      /* in memory its axes are not in C order */
} tile_operand;

typedef struct tile_op tile_op;
typedef struct tile_window tile_window;

typedef struct tile_code {
    const task_run *r;
    const program *g;
    const task_view *view;
    const uint64_t *index;
    datum *const *const *in;   /* of each step: inputs that are no steps (borrowed), else NULL */
    const int8_t *const *from; /* of each step: the step that input is, or -1 */
    int first;                 /* nstep: the value is that of `resident` */
    const nd *resident;        /* borrowed */
    int ndim;
    int64_t shape[GRID_MAXDIM], count;
    /* private */
    tile_op *op;
    int nop, maxop;
    unsigned npiece;
    const tile_operand **ahead; /* blocks whose next piece is fetched while this one is worked on */
    int nahead, nloop;          /* loops take turns at that */
    tile_operand *value;        /* of each step; of `resident` */
    int *uses;
    struct tile_pipe *sums; /* what makes the result, if that can be added up */
    int nreg, nfree, *free;
    uint8_t *width; /* of each register: bytes of an element */
    buf *registers;
    nd **held; /* blocks that operands lie in */
    int nheld;
    tile_window *window;
    const nd **shown; /* of steps that are views: what they show, held */
} tile_code;

/* c is zeroed, the public part filled in.  False, without an error: these steps do not lend
 * themselves; with one: it failed.  tile_clear in any case. */
bool tile_compile(tile_code *c, err *e);
void tile_clear(tile_code *c);
/* The type of step `first` as it really is. */
dtype_of tile_type(const tile_code *c);
/* Is every element of x, a contiguous block, read with the element of the result at its place? */
bool tile_reads_straight(const tile_code *c, const nd *x);
/* The result as contiguous elements of type t: in a piece, or straight into `out`, which
 * tile_takes(). */
bool tile_takes(const nd *out);
bool tile_deliver(tile_code *c, dtype_of t, nd *out, err *e);
/* Generators to their first element. */
bool tile_rewind(tile_code *c, err *e);
/* Elements [from, from + n), n <= TILE_MOST, after tile_deliver; KeyboardInterrupt when the run
 * was stopped. */
const char *tile_run(tile_code *c, int64_t from, int64_t n, err *e);
/* After tile_deliver: are pieces part of a block in memory? */
bool tile_lies(const tile_code *c);
/* After tile_deliver: the elements that it can add up at one go, see stream. */
int64_t tile_sums(const tile_code *c);
bool tile_sum(tile_code *c, int64_t from, int64_t n, void *out, err *e);
