/* engine/plan/program.h - what a task runs: one layer's step, or several fused into one.
 *
 * Steps stand consumers first.  A task is the first step's index; the other steps' indices follow
 * from the inputs of the steps before them, and a step's inputs are either other steps or, in
 * order, the task's inputs. */
#pragma once

#include "engine/plan/plan.h"

enum { MAX_STEP = 64, MAX_LEVEL = 8 };

enum led { LED_UNKNOWN, LED_NATIVE, LED_FOREIGN }; /* by what the first of several steps calls */

struct program {
    uint32_t nstep;
    bool home, foreign;
    uint8_t led;
    bool tiles;    /* may run piece by piece (tiles.c) */
    bool pipes;    /* ... and loops in registers (tile_pipe.c) */
    double inside; /* elements of the largest block that passes between its steps */
    bool closed;   /* its steps read nothing but each other: tasks have no inputs */
    /* Levels (nest.c): where each begins; the last is level[nlevel - 1] .. nstep - 1. Those before
     * it have one step, which reads several blocks of the next: its steps run for each of them. */
    uint32_t nlevel, level[MAX_LEVEL];
    const layer **by;    /* who makes the tasks: step[s] unless a pass put another in its place */
    const layer *step[]; /* the layers that users see, whose blocks the tasks make */
};

program *program_new(uint32_t nstep, const layer *const *step, const layer *const *by);
void program_add_level(program *p, uint32_t first);
void program_free(program *p);
/* The calls that a task consists of: view[s] and index[s] of each step that is known[s]; of what
 * runs several times, one. */
typedef struct stepset {
    task_view view[MAX_STEP];
    uint64_t index[MAX_STEP];
    bool known[MAX_STEP];
} stepset;
bool program_look(const program *p, uint64_t index, stepset *x, arena *a, err *e);
/* Which step l is; -1: none, or the first. */
int program_step(const program *p, const layer *l);
/* Calls `use` for each input of task `index`, in order, that is not another step's result. */
bool program_inputs(const program *p, uint64_t index, arena *scratch, bool (*use)(void *ctx, ref r),
                    void *ctx, err *e);

/* How one task is run. */
typedef struct task_run {
    const plan *p;
    tid t;
    worker *w;
    arena *scratch;          /* reset by the caller */
    bool *go_home;           /* see call.go_home; NULL: this is the calling thread */
    const _Atomic int *stop; /* becomes nonzero when the result is not wanted any more; or NULL */
    /* On the calling thread: long tasks call it now and then; false: stop.  Or NULL. */
    bool (*poll)(void *ctx);
    void *ctx;
} task_run;
datum *task_call(const task_run *r, err *e);
/* Where the result of an elementwise task of one step may be written: its place in the array that
 * is wanted, or over an input; or NULL.  Owned.  (reuse.c) */
nd *task_reusable(const task_run *r, const task_view *v, datum *const *in);
/* Where each of the n items of a tuple of blocks (fn_kind.heirs) may be written, likewise: NULL or
 * owned; in the scratch arena.  NULL: nowhere. */
nd **task_places(const task_run *r, const task_view *v, datum *const *in, uint32_t *n);
/* An input of that type and shape that nobody reads but this task and nobody else holds: the result
 * may be written over it by who reads every element before it writes there.  Owned, or NULL. */
nd *task_input_over(const task_run *r, dtype_of t, int ndim, const int64_t *shape);
