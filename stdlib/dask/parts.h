/* stdlib/dask/parts.h - what dask.c joins into the modules _dask and _graph. */
#pragma once

#include "stdlib/dask/bridge.h"

plan_opts plan_settings(interp *in); /* planning.c */
/* limits.c: memory; *keep holds the folder's name until the run is over */
bool run_limits(interp *in, run_opts *o, value *keep);
struct results_watch;
bool limit_begin(interp *in, struct results_watch *w); /* false: pending */
value within_limit(interp *in, const value *arg);
/* run.c */
typedef struct crew crew;
/* What num_workers= says; 0: nothing, or nothing that this scheduler heeds. */
bool workers_of(interp *in, value scheduler, value v, int64_t *n);
bool native_scheduler(interp *in, value scheduler, value workers, crew **c);
const expr **all_exprs(value seq, int *n);
/* The plan of all of x, with room for results (copies: for processes); what it gave, as a list. */
plan *plan_results(interp *in, int n, const expr *const *x, bool copies, err *e);
value run_results(interp *in, plan *pl, int n, const expr *const *x);
/* more: what to note, and whether results may stay on disk; the rest is set here */
bool run_plan_with(interp *in, plan *pl, crew *c, const run_opts *more);
/* What the results of persist() belong to; NULL: an error. Borrowed. */
larder *larder_of(interp *in);
/* explain.c */
value explain_plan(interp *in, const value *arg);
value memory_usage(interp *in, const value *arg);
value memory_limit(interp *in, const value *arg);
value dask_token(interp *in, const value *arg); /* token.c */
/* figures.c */
value figures_begin(interp *in, const value *arg);
value figures_end(interp *in, const value *arg);
value figures_of(interp *in, const value *arg);
/* learned.c: what the tasks of a graph took, whose node is task->index; events in any order */
void graph_learn(interp *in, const plan *pl, const dict *of, const task_event *ev);
value graph_learned(interp *in, const value *arg);
value block_bytes_of(interp *in, const value *arg);
value graph_get(interp *in, const value *arg); /* graph.c */
value text_hash(interp *in, const value *arg); /* text_hash.c */
/* key_order.c: Dask's priorities of the n entries of a dict without gaps (engine/plan/order.h);
 * false: there is a cycle, or KeyboardInterrupt is pending */
bool order_keys(interp *in, dict *of, const uint32_t *first, const uint32_t *dep, uint32_t *rank);
value graph_order(interp *in, const value *arg);
/* node.c */
const type *node_type(void);
value node_is_collection(interp *in, const value *arg);
value node_unpack(interp *in, const value *arg);
value node_of_task(interp *in, const value *arg);
value node_of_object(interp *in, const value *arg);
value node_of_call(interp *in, const value *arg);
value node_gather(interp *in, const value *arg);
/* table.c */
grid *grid_of_chunks(interp *in, value chunks);
value table_array(interp *in, const value *arg);
value graph_array(interp *in, const value *arg);
value table_layer(interp *in, const value *arg);
value normalized_chunks(interp *in, const value *arg);
value copy_array(interp *in, const value *arg);
/* random.c */
value new_stream(interp *in, const value *arg);
value draw_dist(interp *in, const value *arg);
value draw_integers(interp *in, const value *arg);
value draw_choice(interp *in, const value *arg);
value draw_order(interp *in, const value *arg);
value draw_words(interp *in, const value *arg);
/* A graph without gaps as one layer of the engine: entry i of `of` is node i; its task is what[i],
 * or it is the value result[i] where that is not FAIL.  NULL: pending. */
layer *layer_of_nodes(interp *in, dict *of, const value *what, const value *result);

/* Kinds of keys: values of different kinds are never equal, but for those of the last. */
enum key_kind { KEY_NONE = 1, KEY_NUMBER = 2, KEY_STR = 4, KEY_TUPLE = 8, KEY_OTHER = 16 };

static inline enum key_kind key_kind(value v)
{
    if (v.kind == V_NONE) return KEY_NONE;
    if (v.kind != V_OBJ) return KEY_NUMBER;
    if (v.o->type == &T_str) return KEY_STR;
    return v.o->type == &T_tuple ? KEY_TUPLE : KEY_OTHER;
}

/* Can v be a key of a graph that has keys of these kinds? */
static inline bool may_be_key(uint32_t kinds, value v)
{
    enum key_kind kind = key_kind(v);
    return kind == KEY_OTHER || (kinds & (kind | KEY_OTHER));
}
