/* stdlib/dask/table.c - graphs of the language as layers of the engine.
 *
 * A mapping becomes one table layer; a HighLevelGraph one for each of its layers that is not the
 * engine's already.  Nested tasks become tasks without a key; keys that are not (name, int ...)
 * stay findable here only, through `where`. */
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

typedef struct intake {
    interp *in;
    dict *where;   /* key -> number of its layer << 40 | id */
    dict *nodes;   /* keys whose places are the ids of layer 0; or NULL */
    layer **layer; /* finished ones, owned; NULL: being built */
    size_t nlayer, cap;
    graph_builder *b; /* of the layer being built */
    struct known {    /* callables of the language met so far: each is frozen once a run */
        obj *what;    /* held by f */
        fn *f;        /* owned */
    } * known;
    uint32_t nknown, capknown; /* a power of two of slots */
    uint32_t kinds;            /* of the keys in `nodes` */
    bool keep; /* only functions of the user read its data: arrays stay the arrays they are */
} intake;

enum { ID_BITS = 40 };

static void import_clear(intake *m)
{
    for (size_t i = 0; i < m->nlayer; i++) datum_unref(m->layer[i]);
    mem_free(m->layer);
    obj_unref(m->in, m->where);
    graph_builder_free(m->b);
    for (uint32_t i = 0; i < m->capknown; i++) datum_unref(m->known[i].f);
    mem_free(m->known);
}

/* ---- functions ---- */

static struct known *known_at(const intake *m, const obj *what)
{
    uint64_t h = ((uint64_t)(uintptr_t)what >> 4) * 0x9e3779b97f4a7c15ull;
    uint32_t i = (uint32_t)(h >> 32) & (m->capknown - 1);
    while (m->known[i].f && m->known[i].what != what) i = (i + 1) & (m->capknown - 1);
    return &m->known[i];
}

static void know_more(intake *m)
{
    intake old = *m;
    m->capknown = old.capknown ? 2 * old.capknown : 16;
    m->known = mem_zero(m->capknown * sizeof *m->known);
    for (uint32_t i = 0; i < old.capknown; i++)
        if (old.known[i].f) *known_at(m, old.known[i].what) = old.known[i];
    mem_free(old.known);
}

/* The fn of a callable, the same one for all its tasks. Borrowed. */
static fn *function_of(intake *m, value f)
{
    if (2 * (m->nknown + 1) > m->capknown) know_more(m);
    struct known *k = known_at(m, f.o);
    if (k->f) return k->f;
    k->f = fn_callable(m->in, f, FAIL);
    if (!k->f) return NULL;
    k->what = f.o;
    m->nknown++;
    return k->f;
}

static size_t add_layer(intake *m, layer *l)
{
    if (m->nlayer == m->cap)
        m->layer = mem_grow(m->layer, (m->cap = m->cap ? 2 * m->cap : 8) * sizeof *m->layer);
    m->layer[m->nlayer] = l;
    return m->nlayer++;
}

/* 1 and *out: v is a key; 0: plain data; -1 failed */
static int find_key(intake *m, value v, ref *out)
{
    if (m->nodes && !may_be_key(m->kinds, v)) return 0;
    if (v.kind == V_OBJ) {
        const type *t = v.o->type;
        if (t == &T_list || t == &T_dict || t == &T_set || t == &T_ndarray || !t->hash) return 0;
    }
    value at = FAIL;
    uint64_t hash;
    int64_t place;
    int found = !value_hash(m->in, v, &hash) ? -1
                : m->nodes                   ? dict_find(m->in, m->nodes, v, hash, &place)
                                             : dict_get(m->in, m->where, v, &at);
    if (found > 0 && m->nodes) at = v_int(place);
    if (found < 0 && exc_is(m->in, TypeError)) {
        exc_clear(m->in);
        return 0;
    }
    if (found > 0) {
        *out = (ref){m->layer[at.i >> ID_BITS], (uint64_t)at.i & (((uint64_t)1 << ID_BITS) - 1)};
        return 1;
    }
    key k;
    if (found < 0 || !key_of(m->in, v, &k)) return found;
    for (size_t i = 0; i < m->nlayer; i++) {
        uint64_t id;
        const layer *l = m->layer[i];
        bool may = l && (l->flags & LAYER_MIXED || !strcmp(l->name, k.name));
        if (may && layer_find(l, &k, &id)) return *out = (ref){l, id}, 1;
    }
    return 0;
}

typedef struct job { /* one task being translated */
    arena mem;
    held held;
    ref *in;
    uint32_t nin, cap;
    uint32_t *slot; /* of many inputs: their number + 1, by hash; 0: free.  2 * cap of them */
} job;

static uint32_t *input_slot(const job *j, ref r)
{
    uint64_t h = ((uint64_t)(uintptr_t)r.of >> 4 ^ r.i * 0xff51afd7ed558ccdull);
    uint32_t mask = 2 * j->cap - 1, i = (uint32_t)(h * 0x9e3779b97f4a7c15ull >> 32) & mask;
    while (j->slot[i] && (j->in[j->slot[i] - 1].of != r.of || j->in[j->slot[i] - 1].i != r.i))
        i = (i + 1) & mask;
    return &j->slot[i];
}

static void more_inputs(job *j)
{
    enum { FEW = 16 };
    j->cap = j->cap ? 2 * j->cap : 8;
    j->in = mem_grow(j->in, j->cap * sizeof *j->in);
    if (j->cap <= FEW) return;
    mem_free(j->slot);
    j->slot = mem_zero(2 * (size_t)j->cap * sizeof *j->slot);
    for (uint32_t i = 0; i < j->nin; i++) *input_slot(j, j->in[i]) = i + 1;
}

static int64_t add_input(job *j, ref r)
{
    uint32_t *at = j->slot ? input_slot(j, r) : NULL;
    if (at && *at) return *at - 1;
    for (uint32_t i = 0; i < j->nin && !at; i++)
        if (j->in[i].of == r.of && j->in[i].i == r.i) return i;
    if (j->nin == j->cap) {
        more_inputs(j);
        at = j->slot ? input_slot(j, r) : NULL;
    }
    j->in[j->nin] = r;
    if (at) *at = j->nin + 1;
    return j->nin++;
}

static bool is_task(interp *in, value v)
{
    tuple *t = v.kind == V_OBJ && v.o->type == &T_tuple ? (tuple *)v.o : NULL;
    return t && t->n > 0 && value_callable(in, t->at[0]);
}

static bool translate(intake *m, uint64_t id, value v);

static bool argument(intake *m, job *j, value v, lit *out);

static bool is_users_task(interp *in, value v)
{
    return is_task(in, v) && !as_fn_value(((tuple *)v.o)->at[0]);
}

/* Is the list long, and free of tasks, lists and keys?  -1 failed */
static int is_long_data(intake *m, const list *l)
{
    enum { LONG = 32 };
    ref r;
    int found = l->n < LONG;
    for (int64_t i = 0; i < l->n && !found; i++) {
        value v = l->at[i];
        found =
            v.kind == V_OBJ && (v.o->type == &T_list || is_task(m->in, v)) ? 1 : find_key(m, v, &r);
    }
    return found < 0 ? -1 : !found;
}

/* A list of its own for whoever reads it, made from one that is kept as it is. */
static bool list_argument(intake *m, job *j, list *l, lit *out)
{
    lit *item = arena_alloc(&j->mem, 2 * sizeof *item);
    fn *f = function_of(m, v_type(&T_list));
    datum *d = f ? live_new(m->in, v_obj(l)) : NULL;
    if (!d) return false;
    held_add(&j->held, datum_ref(f));
    held_add(&j->held, d);
    item[0] = lit_datum(f);
    item[1] = lit_datum(d);
    *out = lit_items(LIT_CALL, 2, item);
    return true;
}

/* A task within a task of functions of the user: one call makes both, as in Dask, so that what the
 * inner one gives (an iterator, say) need not travel. */
static bool inner_call(intake *m, job *j, const tuple *t, lit *out)
{
    lit *item = arena_alloc(&j->mem, sizeof *item * (size_t)t->n);
    fn *f = function_of(m, t->at[0]);
    if (!f) return false;
    held_add(&j->held, datum_ref(f));
    item[0] = lit_datum(f);
    for (int64_t i = 1; i < t->n; i++) TRY(argument(m, j, t->at[i], &item[i]));
    *out = lit_items(LIT_CALL, (uint32_t)t->n, item);
    return true;
}

static bool argument(intake *m, job *j, value v, lit *out)
{
    ref r;
    int found = find_key(m, v, &r);
    if (found < 0 || !check_stack(m->in)) return false;
    if (!found && is_users_task(m->in, v) && j->held.keep)
        return inner_call(m, j, (tuple *)v.o, out);
    if (!found && is_task(m->in, v)) {
        r = (ref){NULL, graph_add_part(m->b)};
        TRY(translate(m, r.i, v));
        found = 1;
    }
    if (found) return *out = lit_in(add_input(j, r)), true;
    list *l = v.kind == V_OBJ && v.o->type == &T_list ? (list *)v.o : NULL;
    if (!l) return lit_of(m->in, v, &j->mem, out, &j->held);
    int data = j->held.keep ? is_long_data(m, l) : 0;
    if (data) return data > 0 && list_argument(m, j, l, out);
    lit *item = arena_alloc(&j->mem, sizeof *item * (size_t)(l->n + 1));
    for (int64_t i = 0; i < l->n; i++) TRY(argument(m, j, l->at[i], &item[i]));
    *out = lit_items(LIT_LIST, (uint32_t)l->n, item);
    return true;
}

static bool translate_call(intake *m, uint64_t id, value f, const value *at, int64_t n)
{
    job j = {.held.keep = !as_fn_value(f)};
    lit *arg = arena_alloc(&j.mem, sizeof *arg * (size_t)(n + 1));
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) ok = argument(m, &j, at[i], &arg[i]);
    fn *g = ok ? function_of(m, f) : NULL;
    if (g) graph_set_task(m->b, id, g, (uint32_t)n, arg, j.nin, j.in);
    held_clear(&j.held);
    mem_free(j.in);
    mem_free(j.slot);
    arena_clear(&j.mem);
    return g != NULL;
}

static bool translate(intake *m, uint64_t id, value v)
{
    ref r;
    if (is_task(m->in, v)) {
        tuple *t = (tuple *)v.o;
        return translate_call(m, id, t->at[0], t->at + 1, t->n - 1);
    }
    list *l = v.kind == V_OBJ && v.o->type == &T_list ? (list *)v.o : NULL;
    int data = l && m->keep ? is_long_data(m, l) : 0;
    if (data < 0) return false;
    if (l && !data) return translate_call(m, id, v_type(&T_list), &v, 1);
    int found = data ? 0 : find_key(m, v, &r);
    if (found < 0) return false;
    if (found) return graph_set_alias(m->b, id, r), true;
    datum *d = m->keep ? datum_kept(m->in, v) : datum_of(m->in, v);
    if (d) graph_set_value(m->b, id, d);
    datum_unref(d);
    return d != NULL;
}

static uint64_t new_key(intake *m, const char *name, value k)
{
    key form;
    if (!key_of(m->in, k, &form) || form.sub) return graph_add_key(m->b, NULL, -2, NULL);
    return graph_add_key(m->b, strcmp(form.name, name) ? form.name : NULL, form.n, form.i);
}

/* The blocks of g first, then every other key of d. */
static bool number_keys(intake *m, const char *name, dict *d, const grid *g, int64_t tag)
{
    value k, v;
    for (uint64_t i = 0; g && i < g->nblock; i++) {
        key form = {.name = name, .n = g->ndim};
        grid_block(g, i, form.i);
        value block = key_value(m->in, &form);
        int found = is_fail(block) ? -1 : dict_get(m->in, d, block, &v);
        if (found == 0) throw_key(m->in, block);
        bool ok =
            found > 0 && dict_set(m->in, m->where, block,
                                  v_int(tag | (int64_t)graph_add_key(m->b, NULL, form.n, form.i)));
        value_unref(m->in, block);
        if (!ok) return false;
    }
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        value known;
        int found = dict_get(m->in, m->where, k, &known);
        if (found < 0) return false;
        if (found && known.i >> ID_BITS == tag >> ID_BITS) continue;
        TRY(dict_set(m->in, m->where, k, v_int(tag | (int64_t)new_key(m, name, k))));
    }
    return true;
}

/* One mapping as one layer; its number, or -1. */
static int64_t import_dict(intake *m, const char *name, dict *d, grid *g, dtype_of t)
{
    value k, v, at;
    int64_t nth = (int64_t)add_layer(m, NULL), tag = nth << ID_BITS;
    m->b = graph_builder_new(name);
    bool ok = number_keys(m, name, d, g, tag);
    for (int64_t i = 0; ok && dict_next(d, &i, &k, &v);) {
        ok = dict_get(m->in, m->where, k, &at) > 0;
        if (ok) ok = translate(m, (uint64_t)at.i & (((uint64_t)1 << ID_BITS) - 1), v);
    }
    if (!ok) return -1;
    err e = {0};
    graph_builder *b = m->b;
    m->b = NULL;
    m->layer[nth] = graph_build(b, g, t, &e);
    if (!m->layer[nth]) return throw_err(m->in, &e), -1;
    return nth;
}

static bool is_native_task(value v)
{
    tuple *t = v.kind == V_OBJ && v.o->type == &T_tuple ? (tuple *)v.o : NULL;
    return t && t->n > 0 && as_fn_value(t->at[0]);
}

layer *layer_of_nodes(interp *in, dict *of, const value *what, const value *result)
{
    intake m = {.in = in, .nodes = of};
    uint32_t n = (uint32_t)of->n;
    for (uint32_t i = 0; i < n; i++) m.kinds |= key_kind(of->entry[i].key);
    add_layer(&m, NULL);
    m.b = graph_builder_new("graph");
    bool ok = true;
    m.keep = true;
    for (uint32_t i = 0; m.keep && i < n; i++) m.keep = !is_native_task(what[i]);
    for (uint32_t i = 0; i < n; i++) graph_add_key(m.b, NULL, -2, NULL);
    for (uint32_t i = 0; ok && i < n; i++) {
        if (is_fail(result[i])) {
            ok = translate(&m, i, what[i]);
            continue;
        }
        datum *d = m.keep ? datum_kept(in, result[i]) : datum_of(in, result[i]);
        ok = d != NULL;
        if (d) graph_set_value(m.b, i, d);
        datum_unref(d);
    }
    layer *l = NULL;
    if (ok) {
        err e = {0};
        graph_builder *b = m.b;
        m.b = NULL;
        l = graph_build(b, NULL, dtype_plain(DT_object), &e);
        if (!l) throw_err(in, &e);
    }
    import_clear(&m);
    return l;
}

static dict *dict_of(interp *in, value mapping)
{
    if (mapping.kind == V_OBJ && mapping.o->type == &T_dict) return obj_ref(mapping.o);
    value d = call_n(in, v_type(&T_dict), 1, mapping);
    return is_fail(d) ? NULL : (dict *)d.o;
}

/* Imports a graph (HighLevelGraph or mapping). The layer called `name` (or, in a plain mapping, all
 * of it) gets the grid. Answers the number of that layer, -1 failed, -2 there is none. */
static int64_t import_graph(intake *m, value graph, const char *name, grid *g, dtype_of t)
{
    value parts, order = FAIL;
    int found = value_findattr(m->in, graph, "layers", &parts);
    if (found < 0) return -1;
    if (!found) {
        dict *d = dict_of(m->in, graph);
        int64_t n = d ? import_dict(m, name, d, g, t) : -1;
        obj_unref(m->in, d);
        return n;
    }
    int64_t top = -2;
    order = call_method(m->in, graph, "_toposort_layers", 0);
    list *names = as_list(order);
    bool ok = names != NULL;
    for (int64_t i = 0; ok && i < names->n; i++) {
        str *s = value_str(m->in, names->at[i]);
        value l = s ? value_getitem(m->in, parts, names->at[i]) : FAIL;
        const layer *known = as_layer_value(l);
        bool wanted = s && str_is(s, name);
        int64_t n = -1;
        size_t have = 0;
        while (s && have < m->nlayer && strcmp(m->layer[have]->name, s->at)) have++;
        if (s && have < m->nlayer) {
            n = (int64_t)have;
        } else if (known) {
            n = (int64_t)add_layer(m, datum_ref((void *)(uintptr_t)known));
        } else if (!is_fail(l)) {
            dict *d = dict_of(m->in, l);
            n = d ? import_dict(m, s->at, d, wanted ? g : NULL, t) : -1;
            obj_unref(m->in, d);
        }
        ok = n >= 0;
        if (ok && wanted) top = n;
        value_unref(m->in, l);
        obj_unref(m->in, s);
    }
    value_unref(m->in, order);
    value_unref(m->in, parts);
    return ok ? top : -1;
}

static bool import_open(intake *m, interp *in)
{
    *m = (intake){.in = in};
    return (m->where = dict_new(in)) != NULL;
}

grid *grid_of_chunks(interp *in, value chunks)
{
    tuple *t = as_tuple(chunks);
    int64_t shape[GRID_MAXDIM];
    cuts *ax[GRID_MAXDIM];
    int n = 0;
    (void)shape;
    for (; t && n < t->n && n < GRID_MAXDIM; n++)
        if (!(ax[n] = cuts_of_value(in, t->at[n]))) break;
    grid *g = t && n == t->n ? grid_new(n, ax) : NULL;
    for (int i = 0; i < n; i++) datum_unref(ax[i]);
    if (!g && !throwing(in)) throw(in, TypeError, "chunks must be a tuple of tuples");
    return g;
}

static value top_array(interp *in, intake *m, int64_t top, const char *name)
{
    err e = {0};
    if (top == -2) return throw(in, ValueError, "the graph has no layer '%s'", name);
    if (top < 0) return FAIL;
    layer *l = m->layer[top];
    if (!l->grid) return throw(in, ValueError, "the layer '%s' is not that of an array", name);
    return wrap_expr(in, expr_of_layer(datum_ref(l)), &e);
}

/* table(name, tasks, chunks, dtype, dependencies): an Array whose layer is a dict over the keys of
 * collections */
value table_array(interp *in, const value *arg)
{
    intake m;
    dtype_of t = dtype_plain(DT_float64);
    str *name = as_str(arg[0]);
    dict *d = as_dict(arg[1]);
    list *deps = as_list(arg[4]);
    if (!name || !d || !deps)
        return throw(in, TypeError, "table(): a name, a dict and a list are needed");
    if (!to_dtype(in, arg[3], &t)) return FAIL;
    grid *g = grid_of_chunks(in, arg[2]);
    bool ok = g && import_open(&m, in);
    if (!ok) return datum_unref(g), FAIL;
    for (int64_t i = 0; ok && i < deps->n; i++) {
        lazy *l = as_lazy(deps->at[i]);
        if (l) {
            add_layer(&m, datum_ref(l->x->of));
            continue;
        }
        value graph = call_method(in, deps->at[i], "__dask_graph__", 0);
        ok = !is_fail(graph) && import_graph(&m, graph, "", NULL, t) != -1;
        value_unref(in, graph);
    }
    int64_t top = ok ? import_dict(&m, name->at, d, g, t) : -1;
    value r = top_array(in, &m, top, name->at);
    import_clear(&m);
    datum_unref(g);
    return r;
}

static bool reaches(layer *from, const layer *to)
{
    layers all = layers_of(1, &from);
    bool found = false;
    for (uint32_t i = 0; i < all.n; i++) found = found || all.at[i] == to;
    layers_clear(&all);
    return found;
}

/* What else is in the graph shows beside the array, as in Dask; what needs the array cannot. */
static void keep_others(intake *m, layer *top)
{
    layer **also = mem_zero((m->nlayer + 1) * sizeof(layer *));
    uint32_t n = 0;
    for (size_t i = 0; i < m->nlayer; i++)
        if (m->layer[i] && !reaches(top, m->layer[i]) && !reaches(m->layer[i], top))
            also[n++] = m->layer[i];
    if (n) layer_also(top, n, also);
    mem_free(also);
}

/* graph(name, dsk, chunks, dtype): an Array over a finished graph */
value graph_array(interp *in, const value *arg)
{
    intake m;
    dtype_of t = dtype_plain(DT_float64);
    str *name = as_str(arg[0]);
    if (!name)
        return throw(in, TypeError, "the name of an array must be a str, not '%s'",
                     type_of(in, arg[0])->name);
    if (!to_dtype(in, arg[3], &t)) return FAIL;
    grid *g = grid_of_chunks(in, arg[2]);
    if (!g || !import_open(&m, in)) return datum_unref(g), FAIL;
    int64_t top = import_graph(&m, arg[1], name->at, g, t);
    if (top >= 0 && atomic_load(&m.layer[top]->hdr.rc) == 1) keep_others(&m, m.layer[top]);
    value r = top_array(in, &m, top, name->at);
    import_clear(&m);
    datum_unref(g);
    return r;
}

/* layer(name, tasks): a dict as the layer of a graph, which several collections may be made of */
value table_layer(interp *in, const value *arg)
{
    intake m;
    str *name = as_str(arg[0]);
    dict *d = as_dict(arg[1]);
    if (!name || !d) return throw(in, TypeError, "layer(): a name and a dict are needed");
    if (!import_open(&m, in)) return FAIL;
    int64_t n = import_dict(&m, name->at, d, NULL, dtype_plain(DT_object));
    value r = n < 0 ? FAIL : layer_value(in, m.layer[n]);
    import_clear(&m);
    return r;
}

/* normalize_chunks(chunks, shape, limit, dtype, previous) */
value normalized_chunks(interp *in, const value *arg)
{
    int n;
    int64_t shape[GRID_MAXDIM];
    dtype_of t = dtype_plain(DT_float64);
    tuple *s = as_tuple(arg[1]);
    if (!s || s->n > GRID_MAXDIM || !to_dtype(in, arg[3], &t)) return FAIL;
    for (n = 0; n < s->n; n++) {
        double d;
        if (s->at[n].kind == V_INT)
            shape[n] = s->at[n].i;
        else if (!to_double(in, s->at[n], &d))
            return FAIL;
        else
            shape[n] = d != d ? -1 : (int64_t)d;
    }
    grid *before = is_none(arg[4]) ? NULL : grid_of_chunks(in, arg[4]);
    int64_t limit = 0;
    if (!is_none(arg[2]) && !to_int64(in, arg[2], &limit)) return datum_unref(before), FAIL;
    grid *g = throwing(in) ? NULL
              : limit      ? to_grid_within(in, arg[0], n, shape, t, before, limit)
                           : to_grid(in, arg[0], n, shape, t, before);
    value v = g ? chunks_value(in, g) : FAIL;
    datum_unref(before);
    datum_unref(g);
    return v;
}

/* copy(x): an Array of its own over the same expr */
value copy_array(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    err e = {0};
    return x ? wrap_expr(in, expr_ref(x), &e) : FAIL;
}
