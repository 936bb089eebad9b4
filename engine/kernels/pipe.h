/* engine/kernels/pipe.h - chains of elementwise operations that stay in registers.
 *
 * A chain is an array of stages: each does one operation to the elements in eight vector registers
 * and jumps to the next; the last returns.  Between two stages nothing goes through memory, and a
 * chain that reads a block computes while memory sends what comes next.  Stages work on lanes of
 * one width: bool among them, which in memory is bytes, takes lanes as wide as the others'.
 * Written once for vectors of any size (pipe_stages.h), compiled for each kind of processor. */
#pragma once

#include "engine/kernels/ufunc.h"

enum pipe_op {
    PIPE_none,
#define OPERATION(name, mirror) PIPE_##name,
#define EXTRA(name, mirror)     PIPE_##name,
#include "engine/kernels/pipe_rows.h"
    NPIPE_OP
};

/* types by width of lane */
#define PIPE_KINDS(KIND)                                                                           \
    KIND(f64, float64, 8)                                                                          \
    KIND(i64, int64, 8)                                                                            \
    KIND(b64, bool, 8)                                                                             \
    KIND(f32, float32, 4)                                                                          \
    KIND(i32, int32, 4)                                                                            \
    KIND(b32, bool, 4)
enum pipe_kind {
#define KIND(kind, dtype, lane) PIPE_##kind,
    PIPE_KINDS(KIND)
#undef KIND
        NPIPE_KIND
};

/* where the second operand is */
enum pipe_form { PIPE_MEMORY, PIPE_NUMBER, PIPE_SELF, NPIPE_FORM = 4 };

typedef void pipe_any(void); /* functions of pipe_stages.h, whose type depends on the processor */
typedef struct pipe_stage {
    pipe_any *run;     /* NULL after the last */
    const char *at[2]; /* of element 0 of the operands in memory; of the numbers */
} pipe_stage;

/* -1: none */
int pipe_kind_of(enum dtype t, size_t lane);
/* what does f to elements of type t: PIPE_none */
enum pipe_op pipe_op_of(const ufunc *f);
enum pipe_op pipe_mirror(enum pipe_op op);
enum pipe_op pipe_power(int k); /* x ** k for k of 2 to 8 */
/* NULL: there is none.  Of an operation of one operand: form 0.  `where` has the choice in the
 * registers and its kind is bool; form: PIPE_MEMORY or PIPE_NUMBER of at[0] + 2 * that of at[1].
 * `ahead` asks for what is at[1] bytes on.  `ramp` makes at[0][0] + i * at[0][1], int64.  Some
 * processors have no `sum`: see pipe_sum. */
pipe_any *pipe_find(enum pipe_op op, enum pipe_kind kind, int form);
/* of the stage after the last */
pipe_any *pipe_end(size_t lane);
enum { PIPE_AHEAD = 8192 }; /* bytes: some 200 ns of a processor's share of memory */
/* Elements that go through the stages at one go. */
size_t pipe_step(size_t lane);
/* Elements [0, n), n a multiple of pipe_step(lane), through s[0] ... s[stages], the end. */
void pipe_run(pipe_stage *s, int stages, size_t n, size_t lane);
/* The same of n elements, a multiple of FOLD_QUARTER and at most FOLD_BLOCK; the last stage is
 * `sum` with at[0] == room; out[], of the kind, are the sums of quarters as fold.h gives them; of
 * integers *out is that of all. */
enum { PIPE_ROOM = 4096 };
void pipe_sum(pipe_stage *s, int stages, enum pipe_kind kind, size_t n, char *room, void *out);
