/* stdlib/dask/key_order.c - Dask's priorities for the keys of a graph: engine/plan/order.h, where
 * keys decide between equals. */
#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/plan/order.h"
#include "stdlib/dask/parts.h"

typedef struct keys {
    interp *in;
    dict *of; /* without gaps: entry i is task i */
} keys;

static bool less_as_text(interp *in, value a, value b)
{
    str *x = value_str(in, a), *y = x ? value_str(in, b) : NULL;
    value r = y ? value_compare(in, OP_LT, v_obj(x), v_obj(y)) : FAIL;
    obj_unref(in, x);
    obj_unref(in, y);
    if (is_fail(r)) exc_clear(in);
    return r.kind == V_BOOL && r.i;
}

/* as values, when they can be compared, else as text */
static bool key_less(void *ctx, uint32_t a, uint32_t b)
{
    const keys *k = ctx;
    interp *in = k->in;
    if (stop_asked()) return a < b; /* whose exception was just cleared: it will be raised again */
    value x = k->of->entry[a].key, y = k->of->entry[b].key;
    value r = value_compare(in, OP_LT, x, y);
    int yes = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    if (yes >= 0) return yes;
    exc_clear(in);
    return less_as_text(in, x, y);
}

bool order_keys(interp *in, dict *of, const uint32_t *first, const uint32_t *dep, uint32_t *rank)
{
    keys k = {in, of};
    order_graph g = {(uint32_t)of->n, first, dep, key_less, &k};
    if (order_find(&g, rank)) return true;
    err e = {0};
    if (!stop_check(&e)) throw_err(in, &e);
    return false;
}

typedef struct edges {
    uint32_t *first, *dep;
    size_t n, cap;
} edges;

static bool add_edges(interp *in, dict *of, value needs, edges *e)
{
    value it = value_iter(in, needs), v;
    int more = is_fail(it) ? -1 : 1;
    while (more > 0 && (more = iter_next(in, it, &v)) > 0) {
        uint64_t hash;
        int64_t at = 0;
        int found = value_hash(in, v, &hash) ? dict_find(in, of, v, hash, &at) : -1;
        if (found == 0) throw_key(in, v);
        value_unref(in, v);
        if (found <= 0) more = -1;
        if (e->n == e->cap) e->dep = mem_grow(e->dep, (e->cap = 2 * e->cap + 64) * sizeof *e->dep);
        e->dep[e->n++] = (uint32_t)at;
    }
    value_unref(in, it);
    return !more;
}

/* order(dependencies): {key: priority}; None: there is a cycle */
value graph_order(interp *in, const value *arg)
{
    dict *of = as_dict(arg[0]) ? dict_copy(in, as_dict(arg[0])) : NULL, *out = NULL;
    if (!of) return throw(in, TypeError, "dependencies must be a dict");
    edges e = {.first = mem_zero(((size_t)of->n + 1) * sizeof *e.first)};
    uint32_t *rank = mem_alloc(((size_t)of->n + 1) * sizeof *rank);
    bool ok = true;
    for (int64_t i = 0; ok && i < of->n; i++) {
        ok = add_edges(in, of, of->entry[i].val, &e);
        e.first[i + 1] = (uint32_t)e.n;
    }
    value r = FAIL;
    if (ok && !order_keys(in, of, e.first, e.dep, rank))
        r = throwing(in) ? FAIL : NONE;
    else if (ok && (out = dict_new(in))) {
        uint32_t *at = mem_alloc(((size_t)of->n + 1) * sizeof *at); /* in order of priority */
        for (int64_t i = 0; i < of->n; i++) at[rank[i]] = (uint32_t)i;
        for (int64_t i = 0; ok && i < of->n; i++)
            ok = dict_set(in, out, of->entry[at[i]].key, v_int(i));
        mem_free(at);
        r = ok ? v_obj(out) : FAIL;
        if (!ok) obj_unref(in, out);
    }
    mem_free(e.first);
    mem_free(e.dep);
    mem_free(rank);
    obj_unref(in, of);
    return r;
}
