/* stdlib/dask/graph.c - get(dsk, keys): hand-written graphs.
 *
 * The dict of keys to tasks is copied once; an entry's place in the copy is the number of its node.
 * A node lists, for every leaf of its task in order, the node that the leaf names, so that nothing
 * is looked up a second time when the task runs.  Nodes run in Dask's order, so that results die
 * young; a value is dropped as soon as its last consumer has run.  Keys may be any hashable
 * values. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/interp.h"
#include "engine/run/memory.h"
#include "stdlib/dask/crew.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

/* In the place of the number of a node: a leaf that is data; a list of nothing but data, whose
 * items are not leaves; any other list, whose leaves follow. */
enum { NO_NODE = INT32_MAX - 2, PLAIN_LIST, MIXED_LIST };

typedef struct node {
    value result;         /* owned; FAIL: not computed */
    uint32_t first, nref; /* its leaves in graph.ref */
    uint32_t uses;        /* consumers left, and one for being wanted */
    uint8_t state;        /* 0 new, 1 being visited, 2 done */
    bool wanted;
} node;

typedef struct graph {
    interp *in;
    dict *of; /* owned: the graph as a dict of our own, without gaps */
    node *at;
    uint32_t n;
    uint32_t kinds; /* of keys: a bit for each enum key_kind */
    uint32_t *ref;  /* of all nodes */
    size_t nref, cap;
    uint32_t *order; /* numbers in the order of execution */
    uint32_t norder;
} graph;

static void graph_clear(graph *g)
{
    for (uint32_t i = 0; i < g->n; i++) value_unref(g->in, g->at[i].result);
    mem_free(g->at);
    mem_free(g->ref);
    mem_free(g->order);
    obj_unref(g->in, g->of);
}

static value what_of(const graph *g, uint32_t i) /* task, list, alias or data; borrowed */
{
    return g->of->entry[i].val;
}

static bool is_task(interp *in, value v)
{
    tuple *t = v.kind == V_OBJ && v.o->type == &T_tuple ? (tuple *)v.o : NULL;
    return t && t->n > 0 && value_callable(in, t->at[0]);
}

/* ---- loading ---- */

/* The number of the key v: 1 found, 0 not a key, -1 failed. */
static int find(const graph *g, value v, uint32_t *id)
{
    if (!may_be_key(g->kinds, v)) return 0;
    if (v.kind == V_OBJ) {
        const type *t = v.o->type;
        if (t == &T_list || t == &T_dict || t == &T_set || t == &T_ndarray || !t->hash) return 0;
    }
    uint64_t hash;
    int64_t at;
    int found = value_hash(g->in, v, &hash) ? dict_find(g->in, g->of, v, hash, &at) : -1;
    if (found < 0 && exc_is(g->in, TypeError)) { /* unhashable: plain data */
        exc_clear(g->in);
        return 0;
    }
    if (found > 0) *id = (uint32_t)at;
    return found;
}

static void add_ref(graph *g, node *x, uint32_t id)
{
    if (g->nref == g->cap)
        g->ref = mem_grow(g->ref, (g->cap = g->cap ? 2 * g->cap : 64) * sizeof *g->ref);
    g->ref[g->nref++] = id;
    x->nref++;
    if (id < NO_NODE) g->at[id].uses++;
}

/* Is the list free of tasks, lists and keys?  -1 failed */
static int is_plain_list(const graph *g, const list *l)
{
    uint32_t id;
    int found = 0;
    for (int64_t i = 0; i < l->n && !found; i++) {
        value v = l->at[i];
        if (v.kind == V_OBJ && (v.o->type == &T_list || is_task(g->in, v))) return 0;
        found = find(g, v, &id);
    }
    return found < 0 ? -1 : !found;
}

/* Every leaf of v becomes a ref of x. */
static bool collect(graph *g, node *x, value v)
{
    list *l = v.kind == V_OBJ && v.o->type == &T_list ? (list *)v.o : NULL;
    if (l) {
        int plain = check_stack(g->in) ? is_plain_list(g, l) : -1;
        if (plain >= 0) add_ref(g, x, plain ? PLAIN_LIST : MIXED_LIST);
        for (int64_t i = 0; plain == 0 && i < l->n; i++) TRY(collect(g, x, l->at[i]));
        return plain >= 0;
    }
    if (is_task(g->in, v)) {
        tuple *t = (tuple *)v.o;
        TRY(check_stack(g->in));
        for (int64_t i = 1; i < t->n; i++) TRY(collect(g, x, t->at[i]));
        return true;
    }
    uint32_t id = NO_NODE;
    int found = find(g, v, &id);
    if (found >= 0) add_ref(g, x, found ? id : NO_NODE);
    return found >= 0;
}

/* dsk: any mapping */
static dict *plain_dict(interp *in, value dsk)
{
    if (dsk.kind == V_OBJ && dsk.o->type == &T_dict) return dict_copy(in, (dict *)dsk.o);
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
    dict *own = as_dict(d), *whole = own;
    if (own && (own->n != own->used || own->hdr.rc > 1)) {
        whole = dict_copy(in, own);
        obj_unref(in, own);
    } else if (!own && !is_fail(d)) {
        throw(in, TypeError, "a graph must be a mapping, not '%s'", type_of(in, d)->name);
        value_unref(in, d);
    }
    return whole;
}

static bool load(graph *g, value dsk)
{
    TRY(g->of = plain_dict(g->in, dsk));
    if (g->of->n >= NO_NODE) return throw(g->in, MemoryError, "%s", ""), false;
    g->at = mem_zero(sizeof *g->at * (size_t)(g->of->n + 1));
    g->n = (uint32_t)g->of->n;
    for (uint32_t i = 0; i < g->n; i++) g->kinds |= key_kind(g->of->entry[i].key);
    for (uint32_t i = 0; i < g->n; i++) {
        g->at[i].first = (uint32_t)g->nref;
        TRY(goes_on(g->in, i) && collect(g, &g->at[i], what_of(g, i)));
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

/* ---- order ---- */

typedef struct links { /* each node's inputs, or its readers, in a row */
    uint32_t *first, *at;
} links;

static void links_clear(links *l)
{
    mem_free(l->first);
    mem_free(l->at);
}

/* inputs, each once */
static links inputs_of(const graph *g)
{
    links l = {mem_alloc(sizeof *l.first * ((size_t)g->n + 1)),
               mem_alloc(sizeof *l.at * (g->nref + 1))};
    uint32_t *last = mem_alloc(sizeof *last * ((size_t)g->n + 1)), n = 0;
    memset(last, 0xff, sizeof *last * g->n);
    for (uint32_t i = 0; i < g->n; i++) {
        l.first[i] = n;
        for (uint32_t k = 0; k < g->at[i].nref; k++) {
            uint32_t d = g->ref[g->at[i].first + k];
            if (d >= NO_NODE || last[d] == i) continue;
            last[d] = i;
            l.at[n++] = d;
        }
    }
    l.first[g->n] = n;
    mem_free(last);
    return l;
}

/* readers of each node, by priority; at[] lists the nodes by priority */
static links readers_of(const graph *g, const links *in, const uint32_t *at)
{
    uint32_t n = in->first[g->n], *end = mem_zero(sizeof *end * ((size_t)g->n + 2));
    links l = {end, mem_alloc(sizeof *l.at * ((size_t)n + 1))};
    for (uint32_t k = 0; k < n; k++) end[in->at[k] + 2]++;
    for (uint32_t i = 0; i < g->n; i++) end[i + 2] += end[i + 1];
    for (uint32_t i = 0; i < g->n; i++)
        for (uint32_t k = in->first[at[i]]; k < in->first[at[i] + 1]; k++)
            l.at[end[in->at[k] + 1]++] = at[i];
    return l;
}

static bool has_task(interp *in, value v)
{
    const list *l = as_list(v);
    bool yes = !l && is_task(in, v);
    for (int64_t i = 0; l && i < l->n && !yes; i++) yes = has_task(in, l->at[i]);
    return yes;
}

static bool is_data(const graph *g, uint32_t i)
{
    const node *x = &g->at[i];
    for (uint32_t k = 0; k < x->nref; k++)
        if (g->ref[x->first + k] < NO_NODE) return false;
    return !has_task(g->in, what_of(g, i));
}

/* Data first, then tasks as Dask's scheduler takes them: of those that are ready the latest, by
 * priority. */
static void list_order(graph *g, const links *in, const uint32_t *rank)
{
    size_t n = (size_t)g->n + 1;
    uint32_t *at = mem_alloc(sizeof *at * n), *stack = mem_alloc(sizeof *stack * n),
             *left = mem_alloc(sizeof *left * n), top = 0;
    for (uint32_t i = 0; i < g->n; i++) at[rank[i]] = i;
    links up = readers_of(g, in, at);
    for (uint32_t i = 0; i < g->n; i++) left[i] = in->first[i + 1] - in->first[i];
    for (uint32_t i = 0; i < g->n; i++) {
        if (!is_data(g, i)) continue;
        g->order[g->norder++] = i;
        left[i] = UINT32_MAX; /* not to be run */
        for (uint32_t k = up.first[i]; k < up.first[i + 1]; k++) left[up.at[k]]--;
    }
    for (uint32_t i = g->n; i-- > 0;)
        if (!left[at[i]]) stack[top++] = at[i];
    while (top) {
        uint32_t t = g->order[g->norder++] = stack[--top];
        for (uint32_t k = up.first[t + 1]; k-- > up.first[t];)
            if (!--left[up.at[k]]) stack[top++] = up.at[k];
    }
    links_clear(&up);
    mem_free(at);
    mem_free(stack);
    mem_free(left);
}

static bool sort(graph *g)
{
    uint32_t *rank = mem_alloc(sizeof *rank * ((size_t)g->n + 1));
    links in = inputs_of(g);
    g->order = mem_alloc(sizeof *g->order * ((size_t)g->n + 1));
    bool ok = order_keys(g->in, g->of, in.first, in.at, rank);
    if (ok) list_order(g, &in, rank);
    links_clear(&in);
    mem_free(rank);
    return ok || (!throwing(g->in) && cycle_error(g));
}

/* ---- execution in this interpreter ---- */

typedef struct leaves { /* of a task, in order */
    graph *g;
    const uint32_t *at, *end;
} leaves;

static value execute(leaves *l, value v);

static value execute_list(leaves *l, const list *from)
{
    uint32_t how = l->at < l->end ? *l->at++ : NO_NODE;
    if (how == PLAIN_LIST) return v_obj(list_of(l->g->in, v_obj((list *)(uintptr_t)from)));
    list *made = list_new(l->g->in, from->n);
    for (int64_t i = 0; made && i < from->n; i++)
        if (!list_add(l->g->in, made, execute(l, from->at[i])))
            return obj_unref(l->g->in, made), FAIL;
    return v_obj(made);
}

static value execute_task(leaves *l, const tuple *t)
{
    enum { FEW = 8 };
    interp *in = l->g->in;
    value few[FEW], *arg = t->n - 1 <= FEW ? few : mem_alloc(sizeof *arg * (size_t)t->n);
    int64_t n = 0;
    while (n < t->n - 1 && !is_fail(arg[n] = execute(l, t->at[n + 1]))) n++;
    value r = n == t->n - 1 ? value_call(in, t->at[0], arg, (size_t)n, NULL) : FAIL;
    for (int64_t i = 0; i < n; i++) value_unref(in, arg[i]);
    if (arg != few) mem_free(arg);
    return r;
}

static value execute(leaves *l, value v)
{
    interp *in = l->g->in;
    if (v.kind == V_OBJ && v.o->type == &T_list)
        return check_stack(in) ? execute_list(l, (list *)v.o) : FAIL;
    if (is_task(in, v)) return check_stack(in) ? execute_task(l, (tuple *)v.o) : FAIL;
    uint32_t id = l->at < l->end ? *l->at++ : NO_NODE;
    if (id >= NO_NODE) return value_ref(v);
    value r = l->g->at[id].result;
    if (is_fail(r)) return throw(in, RuntimeError, "a list in the graph was changed by a task");
    return value_ref(r);
}

static value execute_node(graph *g, uint32_t i)
{
    const node *x = &g->at[i];
    leaves l = {g, g->ref + x->first, g->ref + x->first + x->nref};
    return execute(&l, what_of(g, i));
}

static void release(graph *g, uint32_t id)
{
    if (id >= NO_NODE || --g->at[id].uses) return;
    node *x = &g->at[id];
    value_unref(g->in, x->result);
    x->result = FAIL;
}

/* Up to this many tasks workers are asked at once; more are tried here first, for they are mostly
 * small. */
enum { FEW_TASKS = 1000, MANY_TRACED = 1 << 17 };

/* Is what remains worth the way to the workers? Asked now and then: after `done` tasks in `spent`.
 */
static bool worth_sharing(uint32_t done, double spent)
{
    return spent > 0.01 && spent / done > 2e-5;
}

/* Do the results so far come near what a run may take?  *most: found once, when there is much. */
static bool is_near_limit(interp *in, uint64_t *most)
{
    enum { MUCH = 16 << 20 };
    if (buf_live() < MUCH) return false;
    if (!*most) {
        run_opts o = {0};
        value folder;
        if (!run_limits(in, &o, &folder)) return exc_clear(in), false;
        value_unref(in, folder);
        *most = (o.limit ? o.limit : memory_default()) / 4;
    }
    return buf_live() > *most;
}

/* *at: the place in the order to begin with, and where it ended: early when the rest is better
 * shared (shareable), or has to be run with an eye on memory. */
static bool run_here(graph *g, uint32_t *at, bool shareable)
{
    uint64_t most = 0;
    double begin = run_clock();
    for (uint32_t i = *at; i < g->norder; i++) {
        if (shareable && i % 32 == 31 && worth_sharing(i + 1, run_clock() - begin))
            return *at = i, true;
        if (is_near_limit(g->in, &most)) return *at = i, true;
        node *x = &g->at[g->order[i]];
        TRY(check_interrupt(g->in));
        if (is_fail(x->result)) x->result = execute_node(g, g->order[i]);
        if (is_fail(x->result)) return false;
        for (uint32_t d = 0; d < x->nref; d++) release(g, g->ref[x->first + d]);
    }
    *at = g->norder;
    return true;
}

/* ---- execution by workers ---- */

/* All tasks are to run, but only what was asked for is kept. */
static void want_only(const graph *g, plan *pl, const ref *want)
{
    for (uint32_t i = 0; i < pl->nwanted; i++) pl->task[pl->wanted[i]].flags &= ~TASK_WANTED;
    for (uint32_t i = 0; i < pl->nwanted; i++)
        if (g->at[want[i].i].wanted) pl->task[pl->wanted[i]].flags |= TASK_WANTED;
}

/* Results become values of the program; none of them is there twice for long. */
static bool take_results(graph *g, plan *pl, uint32_t n, const ref *want)
{
    bool ok = true;
    uint64_t *again = plan_again(pl, 0, n);
    results_watch w;
    if (!limit_begin(g->in, &w)) return mem_free(again), false;
    for (uint32_t i = 0; ok && i < n; i++) {
        node *x = &g->at[want[i].i];
        if (x->wanted && is_fail(x->result))
            ok = !is_fail(x->result = value_of(g->in, plan_result(pl, i)));
        if (ok) plan_forget(pl, i, again);
    }
    results_watch_end(&w);
    mem_free(again);
    return ok;
}

/* Runs everything from `at` on in the order of the graph, in parallel. */
static bool run_shared(graph *g, uint32_t at, crew *c)
{
    value *what = mem_alloc(sizeof *what * (size_t)(g->n + 1)),
          *result = mem_alloc(sizeof *result * (size_t)(g->n + 1));
    ref *want = mem_alloc(sizeof *want * (size_t)(g->n + 1));
    for (uint32_t i = 0; i < g->n; i++) {
        what[i] = what_of(g, i);
        result[i] = g->at[i].result;
    }
    for (uint32_t i = 0; i < at; i++) /* done, and nobody needs it any more */
        if (is_fail(result[g->order[i]])) result[g->order[i]] = NONE;
    err e = {0};
    plan_opts po = plan_settings(g->in);
    po.keep_all = true;
    po.off |= PASS_ORDER; /* they have theirs */
    live_new_run(g->in, crew_copies(c));
    layer *l = layer_of_nodes(g->in, g->of, what, result);
    uint32_t n = 0;
    for (uint32_t i = at; l && i < g->norder; i++) want[n++] = (ref){l, g->order[i]};
    plan *pl = l ? plan_refs(n, want, &po, &e) : NULL;
    if (l && !pl) throw_err(g->in, &e);
    if (pl) want_only(g, pl, want);
    task_event *ev =
        pl && pl->ntask <= MANY_TRACED ? mem_zero(((size_t)pl->ntask + 1) * sizeof *ev) : NULL;
    bool ok = pl && run_plan_with(g->in, pl, c, &(run_opts){.trace = ev});
    if (ok && ev) graph_learn(g->in, pl, g->of, ev);
    mem_free(ev);
    ok = ok && take_results(g, pl, n, want);
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
        for (int64_t i = 0; i < l->n; i++) TRY(goes_on(g->in, (size_t)i) && want(g, l->at[i]));
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
        t->at[i] = goes_on(g->in, (size_t)i) ? results(g, l->at[i]) : FAIL;
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
    ok = ok && workers_of(in, arg[2], arg[3], &workers);
    bool threads = how && !str_is(how, "sync");
    uint32_t at = 0;
    bool away = how && str_is(how, "processes");
    if (ok && !away && !(threads && g.n <= FEW_TASKS)) ok = run_here(&g, &at, threads);
    if (ok && at < g.norder) {
        crew *c = threads ? crew_of(in, workers, away) : NULL;
        ok = (c || !threads) && run_shared(&g, at, c);
    }
    if (ok) r = results(&g, arg[1]);
    graph_clear(&g);
    return r;
}
