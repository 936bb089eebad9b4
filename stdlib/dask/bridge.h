/* stdlib/dask/bridge.h - between the language and the lazy engine.
 *
 * A lazy array is an object with a counted expr; what tasks exchange are datums.  Values become
 * datums and back here: arrays share their buffer, everything else is frozen into a capsule, or
 * stays live as long as it does not leave its interpreter (`live`).
 *
 * Functions of the user are `callable` fns: they hold the live function of the interpreter that
 * built the graph; a run freezes it when it starts, so that workers call the state of that moment.
 */
#pragma once

#include "engine/expr/expr.h"
#include "engine/run/run.h"
#include "lang/lang.h"

typedef struct lazy { /* the C part of dask.array.Array */
    obj hdr;
    expr *x;
} lazy;

extern const type T_lazy;

static inline lazy *as_lazy(value v)
{
    return (lazy *)as_obj(v, &T_lazy);
}
/* The expr of an Array, borrowed; TypeError naming the type otherwise. */
expr *peek_expr(interp *in, value v);
/* A new Array that takes x; NULL throws e. */
value wrap_expr(interp *in, expr *x, err *e);

module *dask_module(interp *in); /* lends _dask */

/* ---- values.c: values and datums ---- */

/* A value that stays in its interpreter, as a datum.  Only that interpreter may look inside; the
 * last reference may be dropped on any thread. */
typedef struct live {
    datum hdr;
    interp *home;
    value v;
    datum *_Atomic capsule; /* its frozen form during a run, or NULL */
    char *_Atomic why; /* it cannot travel to another process; NULL: it can, or nobody has tried */
} live;
extern const datum_kind live_kind;
datum *live_new(interp *in, value v); /* counts v */
static inline live *as_live(datum *d)
{
    return d && d->kind == &live_kind ? (live *)d : NULL;
}

/* What a task takes: an array's block, or a live value. */
datum *datum_of(interp *in, value v);
/* The same for what a function of the user gets: an array stays the very array. */
datum *datum_kept(interp *in, value v);
/* A datum as a value of this interpreter. */
value value_of(interp *in, datum *d);
/* A literal of a task, shown to the user; inputs come from keys[] (tuples), when given. */
value value_of_lit(interp *in, const lit *x, const value *keys);
/* The same for the call itself: tasks within the task are run. */
value value_of_arg(interp *in, const lit *x, const value *keys);
typedef struct held { /* datums to unref later */
    datum **at;
    size_t n, cap;
    bool keep; /* arrays among literals stay the arrays they are: the task may write to them */
} held;
/* The other way; what the literal refers to is kept by h. */
bool lit_of(interp *in, value v, arena *a, lit *out, held *h);
void held_add(held *h, datum *d); /* takes d */
void held_clear(held *h);

/* Values dropped on other threads wait here for their interpreter. */
void live_sweep(interp *in);

/* ---- foreign.c: operations of the engine on blocks that are live values ---- */
void *live_apply(const void *fn, const void *call, void *err);

/* ---- callable.c: functions of the user as fns ---- */

extern const fn_kind callable_kind;
/* Does a task call a function of the program that runs, or hand one to a function of a library? */
bool call_is_yours(interp *in, const task_view *v);
/* A fn that calls f(*args, **kwargs); kwargs FAIL or a dict of extra keyword arguments. */
fn *fn_callable(interp *in, value f, value kwargs);
extern const type T_fn;
/* A fn of the engine as a function of the language: what stands in dict(x.dask). */
value fn_value(interp *in, const fn *f);
const fn *as_fn_value(value v);

/* ---- layer.c ---- */
value layer_value(interp *in, const layer *l);
const layer *as_layer_value(value v);
const type *layer_type(bool by_index);
value key_value(interp *in, const key *k);
bool graph_fits(interp *in, uint64_t ntask); /* as a dict, or MemoryError */
bool key_of(interp *in, value v, key *out);  /* false without exception: not of that form */

/* ---- args.c: what users write ---- */

/* chunks=... for a shape; `previous` guides auto.  NULL: pending. */
grid *to_grid(interp *in, value chunks, int ndim, const int64_t *shape, dtype_of t,
              const grid *previous);
/* The same with a limit of bytes for "auto" instead of the configured one. */
grid *to_grid_within(interp *in, value chunks, int ndim, const int64_t *shape, dtype_of t,
                     const grid *previous, int64_t limit);
value chunks_value(interp *in, const grid *g);
cuts *cuts_of_value(interp *in, value v); /* an int, or a sequence of sizes (nan: unknown) */
/* An operand of an elementwise operation. Blocks are owned by the caller: term_clear. */
bool term_of(interp *in, value v, term *out);
void term_clear(term *t);
label label_of(value prefix, value name);
/* A list or tuple of Arrays as exprs, borrowed; mem_free the array. NULL: pending. */
const expr **exprs_of(interp *in, value seq, int *n);

/* ---- the tables of dask.c ---- */

extern const builtin dask_build_functions[], dask_fold_functions[], dask_index_functions[];
extern const builtin dask_move_functions[], dask_blockwise_functions[], dask_run_functions[];
