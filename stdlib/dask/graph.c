/* stdlib/dask/graph.c - get(dsk, keys): hand-written graphs.
 *
 * A dict of keys to tasks becomes numbered nodes: ids maps keys to numbers, every node knows which
 * others it mentions.  Nodes run in depth-first postorder, so that results die young; a value is
 * dropped as soon as its last consumer has run.  Keys may be any hashable values. */
#include <time.h>

#include "engine/base/mem.h"
#include "stdlib/dask/crew.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

typedef struct node {
    value what;           /* borrowed from the dict: task, list, alias or data */
    value result;         /* owned; FAIL: not computed */
    uint32_t first, ndep; /* its dependencies in graph.dep */
    uint32_t uses;        /* consumers left, and one for being wanted */
    uint8_t state;        /* 0 new, 1 being visited, 2 done */
    bool wanted;
} node;

typedef struct graph {
    interp *in;
    dict *of;  /* owned: the graph as a plain dict */
    dict *ids; /* owned: key -> number */
    node *at;
    uint32_t n;
    uint32_t *dep; /* of all nodes */
    size_t ndep, cap;
    uint32_t *order; /* numbers in the order of execution */
    uint32_t norder;
} graph;

static void graph_clear(graph *g)
{
    for (uint32_t i = 0; i < g->n; i++) value_unref(g->in, g->at[i].result);
    mem_free(g->at);
    mem_free(g->dep);
    mem_free(g->order);
    obj_unref(g->in, g->ids);
    obj_unref(g->in, g->of);
}

static bool is_task(interp *in, value v)
{
    tuple *t = v.kind == V_OBJ && v.o->type == &T_tuple ? (tuple *)v.o : NULL;
    return t && t->n > 0 && value_callable(in, t->at[0]);
}

/* The number of the key v: 1 found, 0 not a key, -1 failed. */
static int find(graph *g, value v, uint32_t *id)
{
    if (v.kind == V_NONE && g->n == 0) return 0;
    if (v.kind == V_OBJ) {
        const type *t = v.o->type;
        if (t == &T_list || t == &T_dict || t == &T_set || t == &T_ndarray || !t->hash) return 0;
    }
    value at;
    int found = dict_get(g->in, g->ids, v, &at);
    if (found < 0 && exc_is(g->in, TypeError)) { /* unhashable: plain data */
        exc_clear(g->in);
        return 0;
    }
    if (found > 0) *id = (uint32_t)at.i;
    return found;
}

static void add_dep(graph *g, node *x, uint32_t id)
{
    if (g->ndep == g->cap)
        g->dep = mem_grow(g->dep, (g->cap = g->cap ? 2 * g->cap : 64) * sizeof *g->dep);
    g->dep[g->ndep++] = id;
    x->ndep++;
}

/* Every key that v mentions becomes a dependency of x. */
static bool collect(graph *g, node *x, value v)
{
    const value *at = NULL;
    int64_t n = 0;
    if (!check_stack(g->in)) return false;
    if (v.kind == V_OBJ && v.o->type == &T_list) {
        at = ((list *)v.o)->at;
        n = ((list *)v.o)->n;
    } else if (is_task(g->in, v)) {
        at = ((tuple *)v.o)->at + 1;
        n = ((tuple *)v.o)->n - 1;
    } else {
        uint32_t id;
        int found = find(g, v, &id);
        if (found > 0) add_dep(g, x, id);
        return found >= 0;
    }
    for (int64_t i = 0; i < n; i++) TRY(collect(g, x, at[i]));
    return true;
}

/* dsk: any mapping */
static dict *plain_dict(interp *in, value dsk)
{
    if (dsk.kind == V_OBJ && dsk.o->type == &T_dict) return obj_ref(dsk.o);
    value to_dict;
    int found = value_findattr(in, dsk, "to_dict", &to_dict);
    if (found < 0) return NULL;
    value d;
    if (found) {
        d = call_n(in, to_dict, 0);
        value_unref(in, to_dict);
    } else {
        d = call_n(in, v_type(&T_dict), 1, dsk);
    }
    return is_fail(d) ? NULL : (dict *)d.o;
}

static bool load(graph *g, value dsk)
{
    value k, v;
    uint32_t n = 0;
    g->of = plain_dict(g->in, dsk);
    TRY(g->of && (g->ids = dict_new(g->in)));
    g->at = mem_zero(sizeof *g->at * (size_t)(g->of->n + 1));
    for (int64_t i = 0; dict_next(g->of, &i, &k, &v);) {
        TRY(dict_set(g->in, g->ids, k, v_int(n)));
        g->at[n++].what = v;
    }
    g->n = n;
    for (uint32_t i = 0; i < n; i++) {
        node *x = &g->at[i];
        x->first = (uint32_t)g->ndep;
        TRY(collect(g, x, x->what));
        for (uint32_t d = 0; d < x->ndep; d++) g->at[g->dep[x->first + d]].uses++;
    }
    return true;
}

static bool cycle_error(graph *g)
{
    value core = interp_import(g->in, "dask.core");
    value all = is_fail(core) ? FAIL : v_obj(list_of(g->in, v_obj(g->of)));
    value path = is_fail(all) ? FAIL : call_method(g->in, core, "getcycle", 2, v_obj(g->of), all);
    strbuf b = {0};
    list *l = as_list(path);
    for (int64_t i = 0; l && i < l->n; i++) {
        str *s = value_str(g->in, l->at[i]);
        if (s) sb_addf(&b, "\n  -> %s", s->at);
        obj_unref(g->in, s);
    }
    if (l) throw(g->in, RuntimeError, "Cycle detected between the following keys:%s", sb_text(&b));
    sb_clear(&b);
    value_unref(g->in, path);
    value_unref(g->in, all);
    value_unref(g->in, core);
    return false;
}

/* Depth-first postorder from every node that nobody needs; what is left is a cycle. */
static bool sort(graph *g)
{
    uint32_t *stack = mem_alloc(sizeof *stack * (size_t)(g->n + 1)),
             *next = mem_zero(sizeof *next * (size_t)(g->n + 1));
    g->order = mem_alloc(sizeof *g->order * (size_t)(g->n + 1));
    bool ok = true;
    for (uint32_t root = 0; ok && root < g->n; root++) {
        if (g->at[root].uses || g->at[root].state) continue;
        uint32_t top = 0;
        stack[top++] = root;
        g->at[root].state = 1;
        while (ok && top) {
            node *x = &g->at[stack[top - 1]];
            if (next[stack[top - 1]] < x->ndep) {
                uint32_t d = g->dep[x->first + next[stack[top - 1]]++];
                if (g->at[d].state == 1) ok = false;
                if (g->at[d].state) continue;
                g->at[d].state = 1;
                stack[top++] = d;
            } else {
                x->state = 2;
                g->order[g->norder++] = stack[--top];
            }
        }
    }
    mem_free(stack);
    mem_free(next);
    return ok && g->norder == g->n ? true : cycle_error(g);
}

/* ---- execution in this interpreter ---- */

static value execute(graph *g, value v);

static value execute_list(graph *g, const list *from)
{
    list *l = list_new(g->in, from->n);
    for (int64_t i = 0; l && i < from->n; i++)
        if (!list_add(g->in, l, execute(g, from->at[i]))) return obj_unref(g->in, l), FAIL;
    return v_obj(l);
}

static value execute_task(graph *g, const tuple *t)
{
    enum { FEW = 8 };
    value few[FEW], *arg = t->n - 1 <= FEW ? few : mem_alloc(sizeof *arg * (size_t)t->n);
    int64_t n = 0;
    while (n < t->n - 1 && !is_fail(arg[n] = execute(g, t->at[n + 1]))) n++;
    value r = n == t->n - 1 ? value_call(g->in, t->at[0], arg, (size_t)n, NULL) : FAIL;
    for (int64_t i = 0; i < n; i++) value_unref(g->in, arg[i]);
    if (arg != few) mem_free(arg);
    return r;
}

static value execute(graph *g, value v)
{
    if (!check_stack(g->in)) return FAIL;
    if (v.kind == V_OBJ && v.o->type == &T_list) return execute_list(g, (list *)v.o);
    if (is_task(g->in, v)) return execute_task(g, (tuple *)v.o);
    uint32_t id;
    int found = find(g, v, &id);
    if (found < 0) return FAIL;
    return value_ref(found ? g->at[id].result : v);
}

static void release(graph *g, uint32_t id)
{
    node *x = &g->at[id];
    if (--x->uses) return;
    value_unref(g->in, x->result);
    x->result = FAIL;
}

/* Up to this many tasks workers are asked at once; more are tried here first, for they are mostly
 * small. */
enum { FEW_TASKS = 1000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Is what remains worth the way to the workers? Asked now and then: after `done` tasks in `spent`.
 */
static bool worth_sharing(uint32_t done, double spent)
{
    return spent > 0.01 && spent / done > 2e-5;
}

/* *at: the place in the order to begin with, and where it ended. shareable: may stop early. */
static bool run_here(graph *g, uint32_t *at, bool shareable)
{
    double begin = seconds();
    for (uint32_t i = *at; i < g->norder; i++) {
        if (shareable && i % 32 == 31 && worth_sharing(i + 1, seconds() - begin))
            return *at = i, true;
        node *x = &g->at[g->order[i]];
        TRY(check_interrupt(g->in));
        if (is_fail(x->result)) x->result = execute(g, x->what);
        if (is_fail(x->result)) return false;
        for (uint32_t d = 0; d < x->ndep; d++) release(g, g->dep[x->first + d]);
    }
    *at = g->norder;
    return true;
}

/* ---- execution by workers ---- */

/* Runs everything from `at` on in the order of the graph, in parallel. */
static bool run_shared(graph *g, uint32_t at, crew *c)
{
    value *what = mem_alloc(sizeof *what * (size_t)(g->n + 1)),
          *result = mem_alloc(sizeof *result * (size_t)(g->n + 1));
    ref *want = mem_alloc(sizeof *want * (size_t)(g->n + 1));
    for (uint32_t i = 0; i < g->n; i++) {
        what[i] = g->at[i].what;
        result[i] = g->at[i].result;
    }
    for (uint32_t i = 0; i < at; i++) /* done, and nobody needs it any more */
        if (is_fail(result[g->order[i]])) result[g->order[i]] = NONE;
    err e = {0};
    plan_opts po = {.keep_all = true};
    live_new_run(g->in);
    layer *l = layer_of_nodes(g->in, g->ids, g->n, what, result);
    uint32_t n = 0;
    for (uint32_t i = at; l && i < g->norder; i++) want[n++] = (ref){l, g->order[i]};
    plan *pl = l ? plan_refs(n, want, &po, &e) : NULL;
    if (l && !pl) throw_err(g->in, &e);
    bool ok = pl && run_plan(g->in, pl, c);
    for (uint32_t i = 0; ok && i < n; i++) {
        node *x = &g->at[want[i].i];
        if (x->wanted && is_fail(x->result))
            ok = !is_fail(x->result = value_of(g->in, plan_result(pl, i)));
    }
    if (pl) plan_free(pl);
    datum_unref(l);
    mem_free(what);
    mem_free(result);
    mem_free(want);
    return ok;
}

/* ---- wanted keys ---- */

static bool want(graph *g, value keys)
{
    list *l = as_list(keys);
    if (l) {
        for (int64_t i = 0; i < l->n; i++) TRY(want(g, l->at[i]));
        return true;
    }
    uint32_t id;
    int found = find(g, keys, &id);
    if (found == 0) throw_key(g->in, keys);
    if (found <= 0) return false;
    g->at[id].uses++;
    g->at[id].wanted = true;
    return true;
}

static value results(graph *g, value keys)
{
    list *l = as_list(keys);
    uint32_t id;
    if (!l) return find(g, keys, &id) > 0 ? value_ref(g->at[id].result) : FAIL;
    tuple *t = tuple_new(g->in, l->n);
    for (int64_t i = 0; t && i < l->n; i++) {
        t->at[i] = results(g, l->at[i]);
        if (is_fail(t->at[i])) return t->at[i] = NONE, obj_unref(g->in, t), FAIL;
    }
    return v_obj(t);
}

static bool preset(graph *g, dict *cache)
{
    value k, v;
    for (int64_t i = 0; dict_next(cache, &i, &k, &v);) {
        uint32_t id;
        int found = find(g, k, &id);
        if (found < 0) return false;
        if (found && is_fail(g->at[id].result)) g->at[id].result = value_ref(v);
    }
    return true;
}

/* get(dsk, keys, scheduler, num_workers, cache) */
value graph_get(interp *in, const value *arg)
{
    graph g = {.in = in};
    dict *cache = as_dict(arg[4]);
    value r = FAIL;
    bool ok = load(&g, arg[0]) && sort(&g) && want(&g, arg[1]) && (!cache || preset(&g, cache));
    str *how = as_str(arg[2]);
    int64_t workers = 0;
    if (ok && !is_none(arg[3])) ok = to_int64(in, arg[3], &workers);
    bool threads = how && !str_is(how, "sync");
    uint32_t at = 0;
    if (ok && !(threads && g.n <= FEW_TASKS)) ok = run_here(&g, &at, threads);
    if (ok && at < g.norder) {
        crew *c = crew_of(in, workers);
        ok = c && run_shared(&g, at, c);
    }
    if (ok) r = results(&g, arg[1]);
    graph_clear(&g);
    return r;
}
