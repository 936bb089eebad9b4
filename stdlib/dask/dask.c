/* stdlib/dask/dask.c - the modules _dask (lazy arrays) and _graph (what all collections share). */
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/stdlib.h"

static bool put_rows(interp *in, module *m, const builtin *row)
{
    for (; row->sig; row++) {
        char name[64];
        size_t n = 0;
        while (row->sig[n] && row->sig[n] != '(' && n < sizeof name - 1) {
            name[n] = row->sig[n];
            n++;
        }
        name[n] = 0;
        TRY(module_put(in, m, name, cfunc_new(in, row, FAIL)));
    }
    return true;
}

static const builtin dask_table[] = {
    {"table(name, tasks, chunks, dtype, dependencies)", table_array, NULL},
    {"graph(name, dsk, chunks, dtype)", graph_array, NULL},
    {"layer(name, tasks)", table_layer, NULL},
    {"normalize_chunks(chunks, shape, limit, dtype, previous)", normalized_chunks, NULL},
    {"copy(x)", copy_array, NULL},
    {"stream(seed)", new_stream, NULL},
    {"shuffled(stream, n)", draw_order, NULL},
    {"words(stream, n)", draw_words, NULL},
    {"draw(stream, distribution, parameters, size, chunks, prefix)", draw_dist, NULL},
    {"draw_integers(stream, low, high, dtype, size, chunks)", draw_integers, NULL},
    {"draw_choice(stream, population, weights, replace, size, chunks)", draw_choice, NULL},
    {0},
};

static bool dask_open(interp *in, module *m)
{
    static const builtin *const parts[] = {dask_build_functions, dask_fold_functions,
                                           dask_index_functions, dask_move_functions,
                                           dask_blockwise_functions};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(put_rows(in, m, parts[i]));
    return module_put_type(in, m, &T_lazy) && module_put_type(in, m, &T_fn);
}

const module_def dask_def = {"_dask", "Lazy arrays: the part that is written in C.", dask_table,
                             dask_open};

static value uuid4(interp *in, const value *arg)
{
    (void)arg;
    char *name = unique_name("");
    value v = v_str(in, name + 1);
    mem_free(name);
    return v;
}

/* What many may read at once: a write to it would make its task run again in the main interpreter.
 */
static value frozen(interp *in, const value *arg)
{
    (void)in;
    return v_bool(arg[0].kind == V_OBJ && arg[0].o->flags & OBJ_FROZEN);
}

static value fits(interp *in, const value *arg)
{
    int64_t n;
    return to_int64(in, arg[0], &n) && graph_fits(in, (uint64_t)n) ? NONE : FAIL;
}

static const builtin graph_table[] = {
    {"get(dsk, keys, scheduler, num_workers=None, cache=None, /)", graph_get,
     "Computes keys of a graph."},
    {"order(dependencies, /)", graph_order,
     "Priorities of keys as a dict; None: there is a cycle."},
    {"text_hash(x, /)", text_hash, "hash(x), with texts hashed the same everywhere."},
    {"token(x, /)", dask_token, "32 hex digits from the content of a value."},
    {"explain(collections, scheduler, num_workers, run)", explain_plan, NULL},
    {"usage(restart)", memory_usage,
     "Bytes of arrays now, at most since the restart, of the process at most."},
    {"begin_run()", figures_begin, NULL},
    {"end_run(begun, collections, /)", figures_end, "Keeps what the run took."},
    {"last_run(collections, /)", figures_of, "What their last run took, or None."},
    {"memory_limit()", memory_limit, "Bytes that the process may have."},
    {"within_limit(make, /)", within_limit, "make(), whose result must not exceed memory_limit."},
    {"learned()", graph_learned, "What tasks took by their names: (tasks, seconds, bytes)."},
    {"block_bytes(layer, key, /)", block_bytes_of, "Bytes of a block of a lazy array, or None."},
    {"uuid4()", uuid4, "A random UUID, as text."},
    {"frozen(x, /)", frozen, "Is x shared by interpreters, so that nobody may write to it?"},
    {"fits(ntask, /)", fits, "MemoryError when a dict of so many tasks is too large."},
    {"is_collection(x, /)", node_is_collection, "Is x a lazy collection?"},
    {"unpack(x, /)", node_unpack, "(task, nodes): x with keys in the place of collections."},
    {"node(cls, key, task, needs, length, /)", node_of_task, NULL},
    {"leaf(cls, obj, key, pure, nout, /)", node_of_object, NULL},
    {"call(cls, leaf, args, /)", node_of_call, NULL},
    {"gather(nodes, /)", node_gather,
     "The tasks that nodes stand on, and nodes with other graphs."},
    {0},
};

static bool graph_open(interp *in, module *m)
{
    return put_rows(in, m, dask_run_functions) && module_put_type(in, m, node_type()) &&
           module_put_type(in, m, layer_type(true)) && module_put_type(in, m, layer_type(false));
}

const module_def graph_def = {"_graph", "Graphs: what all collections share, in C.", graph_table,
                              graph_open};
