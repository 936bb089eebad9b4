/* stdlib/dask/node.c - the C part of dask.delayed.Delayed: one task, and the nodes that it reads.
 *
 * A node points at its inputs and copies nothing, so that adding one costs the same however large
 * the graph is; `gather` walks from wanted nodes to a dict of tasks when something is computed.
 * Nodes made from finished graphs hold those instead of a task.  Nothing here recurses along
 * nodes. */
#include "engine/base/mem.h"
#include "lang/freeze.h"
#include "lang/types/func.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

typedef struct node {
    obj hdr;
    value key;           /* None: made when first asked for */
    value graph;         /* a finished graph, or None */
    value task;          /* FAIL: there is only the graph */
    value needs;         /* a tuple of nodes, or None */
    value length, layer; /* None: not given */
    value pure, nout;    /* what a wrapped function hands on to the results of its calls */
    value prefix;        /* of the keys of its calls; None: not asked for yet */
} node;

static const type T_node;

static node *as_node(value v)
{
    return (node *)(void *)as_obj(v, &T_node);
}

/* ---- life ---- */

static void fields(node *x, void (*f)(value *v, void *ctx), void *ctx)
{
    value *all[] = {&x->key,   &x->graph, &x->task, &x->needs, &x->length,
                    &x->layer, &x->pure,  &x->nout, &x->prefix};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) f(all[i], ctx);
}

static void clear_field(value *v, void *ctx)
{
    value old = *v;
    *v = NONE;
    value_unref(ctx, old);
}

static void node_drop(interp *in, obj *o)
{
    fields((node *)(void *)o, clear_field, in);
}

typedef struct visiting {
    visitor f;
    void *ctx;
} visiting;

static void visit_field(value *v, void *ctx)
{
    visiting *to = ctx;
    if (v->kind == V_OBJ) to->f(*v, to->ctx);
}

static void node_visit(obj *o, visitor f, void *ctx)
{
    fields((node *)(void *)o, visit_field, &(visiting){f, ctx});
}

static void save_field(value *v, void *ctx)
{
    freeze_value(ctx, is_fail(*v) ? NONE : *v);
}

static bool node_save(freezer *f, obj *o)
{
    node *x = (node *)(void *)o;
    bool has_task = !is_fail(x->task);
    freeze_bytes(f, &has_task, sizeof has_task);
    fields(x, save_field, f);
    return true;
}

static void load_field(value *v, void *ctx)
{
    *v = thaw_value(ctx);
}

static obj *node_load(thawer *t, const type *cls)
{
    node *x = obj_new(thawer_interp(t), cls, 0);
    bool has_task;
    if (!x) return NULL;
    thaw_bytes(t, &has_task, sizeof has_task);
    fields(x, load_field, t);
    if (!has_task) x->task = FAIL;
    return &x->hdr;
}

static const crossing node_cross = {node_save, node_load};

static node *node_new(interp *in, const type *cls)
{
    node *x = obj_new(in, cls, 0);
    if (!x) return NULL;
    x->key = x->graph = x->needs = x->length = x->layer = x->pure = x->nout = x->prefix = NONE;
    return x;
}

static value node_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)arg, (void)npos, (void)kwnames; /* __init__ takes them */
    return v_obj(node_new(in, cls));
}

/* ---- attributes ---- */

static node *self_of(const value *arg)
{
    return (node *)(void *)arg[0].o;
}

static value get_key(interp *in, const value *arg)
{
    node *x = self_of(arg);
    if (is_none(x->key)) {
        value made = call_method(in, arg[0], "_make_key", 0);
        if (is_fail(made)) return FAIL;
        value_unref(in, x->key);
        x->key = made;
    }
    return value_ref(x->key);
}

static value get_layer(interp *in, const value *arg)
{
    value own = self_of(arg)->layer;
    return is_none(own) ? get_key(in, arg) : value_ref(own);
}

static value set_field(interp *in, value *at, value v)
{
    if (is_fail(v)) return throw(in, AttributeError, "can't delete attribute");
    value old = *at;
    *at = value_ref(v);
    value_unref(in, old);
    return NONE;
}

#define FIELD(name)                                                                                \
    static value get_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        value v = self_of(arg)->name;                                                              \
        (void)in;                                                                                  \
        return is_fail(v) ? NONE : value_ref(v);                                                   \
    }                                                                                              \
    static value set_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        return set_field(in, &self_of(arg)->name, arg[1]);                                         \
    }
FIELD(graph)
FIELD(task)
FIELD(needs)
FIELD(length)
FIELD(pure)
FIELD(nout)

static value set_key(interp *in, const value *arg)
{
    return set_field(in, &self_of(arg)->key, arg[1]);
}

static value set_layer(interp *in, const value *arg)
{
    return set_field(in, &self_of(arg)->layer, arg[1]);
}

static value has_task(interp *in, const value *arg)
{
    (void)in;
    return v_bool(!is_fail(self_of(arg)->task));
}

static bool node_hash(interp *in, value self, uint64_t *out)
{
    value k = get_key(in, &self);
    bool ok = !is_fail(k) && value_hash(in, k, out);
    value_unref(in, k);
    return ok;
}

static const builtin node_table[] = {
    {"@property key", get_key, "The key of its task."},
    {"@property _key", get_key, NULL},
    {"@setter _key", set_key, NULL},
    {"@property _dask", get_graph, NULL},
    {"@setter _dask", set_graph, NULL},
    {"@property _layer", get_layer, NULL},
    {"@setter _layer", set_layer, NULL},
    {"@property _length", get_length, NULL},
    {"@setter _length", set_length, NULL},
    {"@property _task", get_task, NULL},
    {"@setter _task", set_task, NULL},
    {"@property _has_task", has_task, NULL},
    {"@property _needs", get_needs, NULL},
    {"@setter _needs", set_needs, NULL},
    {"@property _pure", get_pure, NULL},
    {"@setter _pure", set_pure, NULL},
    {"@property _nout", get_nout, NULL},
    {"@setter _nout", set_nout, NULL},
    {0},
};

static const type T_node = {
    TYPE_HEAD,
    .cross = &node_cross,
    .name = "Node",
    .module = "_graph",
    .doc = "One task of a graph, and the nodes that it reads.",
    .size = sizeof(node),
    .flags = TYPE_BASE | TYPE_GC,
    .table = node_table,
    .make = node_make,
    .drop = node_drop,
    .visit = node_visit,
    .hash = node_hash,
};

const type *node_type(void)
{
    return &T_node;
}

/* ---- what is a collection ---- */

/* 1 yes, 0 no, -1 failed.  Among types of C only lazy arrays are. */
static int is_collection(interp *in, value v)
{
    if (v.kind != V_OBJ || as_type(v)) return 0;
    if (as_node(v) || as_lazy(v)) return 1;
    if (!(v.o->type->flags & TYPE_HEAP)) return 0;
    value f;
    int found = value_findattr(in, v, "__dask_graph__", &f);
    if (found <= 0) return found;
    value graph = is_none(f) ? NONE : call_n(in, f, 0);
    value_unref(in, f);
    bool none = is_none(graph);
    value_unref(in, graph);
    return is_fail(graph) ? -1 : !none;
}

value node_is_collection(interp *in, const value *arg)
{
    int r = is_collection(in, arg[0]);
    return r < 0 ? FAIL : v_bool(r);
}

/* ---- arguments with collections among them, as tasks ---- */

typedef struct found { /* nodes, each once, in the order in which they turn up */
    interp *in;
    list *nodes;
    set *seen; /* of addresses, once there are many */
} found;

enum { FEW = 16 };

static bool add_found(found *f, value v)
{
    list *l = f->nodes;
    if (!f->seen && l->n < FEW) {
        for (int64_t i = 0; i < l->n; i++)
            if (l->at[i].o == v.o) return true;
        return list_append(f->in, l, v);
    }
    if (!f->seen) {
        TRY(f->seen = set_new(f->in, false));
        for (int64_t i = 0; i < l->n; i++)
            TRY(set_add(f->in, f->seen, v_int((int64_t)(intptr_t)l->at[i].o)));
    }
    value address = v_int((int64_t)(intptr_t)v.o);
    int had = set_contains(f->in, f->seen, address);
    if (had) return had > 0;
    return set_add(f->in, f->seen, address) && list_append(f->in, l, v);
}

static value unpack(found *f, value v);

/* (kind, [parts ...]), or the list of the parts */
static value unpack_items(found *f, const type *kind, const value *at, int64_t n)
{
    list *l = list_new(f->in, n);
    for (int64_t i = 0; l && i < n; i++)
        if (!list_add(f->in, l, unpack(f, at[i]))) return obj_unref(f->in, l), FAIL;
    return kind ? v_obj(tuple_pack(f->in, 2, value_ref(v_type(kind)), v_obj(l))) : v_obj(l);
}

static value unpack_members(found *f, const type *kind, value v)
{
    list *l = list_of(f->in, v);
    value r = l ? unpack_items(f, kind, l->at, l->n) : FAIL;
    obj_unref(f->in, l);
    return r;
}

static value unpack_dict(found *f, dict *d)
{
    list *pairs = list_new(f->in, d->n);
    value k, v;
    for (int64_t i = 0; pairs && dict_next(d, &i, &k, &v);) {
        value pair[2] = {k, v};
        if (!list_add(f->in, pairs, unpack_items(f, NULL, pair, 2)))
            return obj_unref(f->in, pairs), FAIL;
    }
    return v_obj(tuple_pack(f->in, 2, value_ref(v_type(&T_dict)), v_obj(pairs)));
}

/* what the part in dsk has a rule for: other collections, iterators, slices, dataclasses */
static value unpack_other(found *f, value v)
{
    value m = interp_import(f->in, "dask.delayed");
    value pair = is_fail(m) ? FAIL : call_method(f->in, m, "_unpack_other", 1, v);
    value_unref(f->in, m);
    tuple *t = as_tuple(pair), *nodes = t && t->n == 2 ? as_tuple(t->at[1]) : NULL;
    bool ok = nodes != NULL;
    for (int64_t i = 0; ok && i < nodes->n; i++) ok = add_found(f, nodes->at[i]);
    value r = ok ? value_ref(t->at[0]) : FAIL;
    value_unref(f->in, pair);
    return r;
}

static value unpack(found *f, value v)
{
    if (v.kind != V_OBJ) return value_ref(v);
    const type *t = v.o->type;
    if (as_node(v)) return add_found(f, v) ? get_key(f->in, &v) : FAIL;
    if (t == &T_str || t == &T_function || t == &T_bytes || t == &T_cfunction) return value_ref(v);
    if (!check_stack(f->in)) return FAIL;
    if (t == &T_list) return unpack_items(f, NULL, ((list *)v.o)->at, ((list *)v.o)->n);
    if (t == &T_tuple) return unpack_items(f, t, ((tuple *)v.o)->at, ((tuple *)v.o)->n);
    if (t == &T_set) return unpack_members(f, t, v);
    if (t == &T_dict) return unpack_dict(f, (dict *)v.o);
    bool plain = !(t->flags & TYPE_HEAP) && !t->next && t != &T_slice && !as_lazy(v);
    return plain ? value_ref(v) : unpack_other(f, v);
}

static bool found_open(found *f, interp *in)
{
    *f = (found){.in = in, .nodes = list_new(in, 4)};
    return f->nodes != NULL;
}

static void found_clear(found *f)
{
    obj_unref(f->in, f->nodes);
    obj_unref(f->in, f->seen);
}

static tuple *found_tuple(const found *f)
{
    return tuple_from(f->in, f->nodes->at, f->nodes->n);
}

/* unpack(x): (task, nodes) */
value node_unpack(interp *in, const value *arg)
{
    found f;
    if (!found_open(&f, in)) return FAIL;
    value made = unpack(&f, arg[0]);
    value r =
        is_fail(made) ? FAIL : v_obj(tuple_pack(in, 2, value_ref(made), v_obj(found_tuple(&f))));
    value_unref(in, made);
    found_clear(&f);
    return r;
}

/* ---- making nodes ---- */

static const type *class_of(interp *in, value cls)
{
    const type *t = as_type(cls);
    if (t && type_is_sub(t, &T_node)) return t;
    return THROW0(in, TypeError, "a class derived from _graph.Node is needed");
}

/* node(cls, key, task, needs, length) */
value node_of_task(interp *in, const value *arg)
{
    const type *t = class_of(in, arg[0]);
    node *x = t ? node_new(in, t) : NULL;
    if (!x) return FAIL;
    x->key = value_ref(arg[1]);
    x->task = value_ref(arg[2]);
    x->needs = value_ref(arg[3]);
    x->length = value_ref(arg[4]);
    return v_obj(x);
}

/* leaf(cls, obj, key, pure, nout) */
value node_of_object(interp *in, const value *arg)
{
    const type *t = class_of(in, arg[0]);
    node *x = t ? node_new(in, t) : NULL;
    if (!x) return FAIL;
    x->task = value_ref(arg[1]);
    x->key = value_ref(arg[2]);
    x->pure = value_ref(arg[3]);
    x->nout = value_ref(arg[4]);
    return v_obj(x);
}

static bool know_prefix(interp *in, node *x)
{
    if (!is_none(x->prefix)) return true;
    func *f = as_func(x->task);
    value name;
    if (f && f->name && f->name->at[0] != '<') {
        name = value_ref(v_obj(f->name));
    } else {
        value m = interp_import(in, "dask.utils");
        name = is_fail(m) ? FAIL : call_method(in, m, "funcname", 1, x->task);
        value_unref(in, m);
    }
    if (!as_str(name)) return value_unref(in, name), false;
    x->prefix = name;
    return true;
}

/* call(cls, leaf, args): the node of a call that is a task of its own */
value node_of_call(interp *in, const value *arg)
{
    const type *t = class_of(in, arg[0]);
    node *f = as_node(arg[1]);
    tuple *args = as_tuple(arg[2]);
    if (!t || !f || !args || !know_prefix(in, f)) return FAIL;
    found all;
    tuple *made = tuple_new(in, args->n + 1);
    if (!made || !found_open(&all, in)) return obj_unref(in, made), FAIL;
    made->at[0] = value_ref(f->task);
    bool ok = true;
    for (int64_t i = 0; ok && i < args->n; i++) {
        value part = unpack(&all, args->at[i]);
        ok = !is_fail(part);
        if (ok) made->at[i + 1] = part;
    }
    node *x = ok ? node_new(in, t) : NULL;
    if (x) {
        char *name = unique_name(as_str(f->prefix)->at);
        x->key = v_str(in, name);
        mem_free(name);
        x->task = value_ref(v_obj(made));
        x->needs = v_obj(found_tuple(&all));
        x->length = value_ref(f->nout);
    }
    obj_unref(in, made);
    found_clear(&all);
    if (x && (is_fail(x->key) || is_fail(x->needs))) return obj_unref(in, x), FAIL;
    return v_obj(x);
}

/* ---- the graph below some nodes ---- */

/* Another node of a key that is known: its task counts from now on, once. */
static int replaces(interp *in, set *known, value had, const node *x)
{
    if (had.kind != V_OBJ || x->task.kind != V_OBJ || had.o == x->task.o) return 0;
    value was = v_int((int64_t)(intptr_t)had.o), is = v_int((int64_t)(intptr_t)x->task.o);
    int have = set_contains(in, known, is);
    if (have) return have < 0 ? -1 : 0;
    return set_add(in, known, was) && set_add(in, known, is) ? 1 : -1;
}

/* gather(nodes): (dict of tasks, list of the nodes that have a finished graph instead) */
value node_gather(interp *in, const value *arg)
{
    list *todo = list_of(in, arg[0]);
    dict *out = dict_new(in);
    list *rest = list_new(in, 0);
    set *seen = set_new(in, false); /* addresses: of rest, of tasks of keys with several */
    bool ok = todo && out && rest && seen;
    while (ok && todo->n) {
        value v = todo->at[--todo->n];
        node *x = as_node(v);
        value k = x ? get_key(in, &v) : throw(in, TypeError, "gather: not a node"), had;
        int known = is_fail(k) ? -1 : dict_get(in, out, k, &had);
        if (known > 0 && !is_fail(x->task)) {
            int other = replaces(in, seen, had, x);
            known = other < 0 ? -1 : !other;
        }
        ok = known >= 0;
        if (ok && !known && !is_fail(x->task)) {
            tuple *needs = as_tuple(x->needs);
            ok = dict_set(in, out, k, x->task);
            for (int64_t i = needs ? needs->n : 0; ok && i-- > 0;)
                ok = list_append(in, todo, needs->at[i]);
        } else if (ok && !known) {
            value address = v_int((int64_t)(intptr_t)x);
            int have = set_contains(in, seen, address);
            ok = have >= 0 && (have || (set_add(in, seen, address) && list_append(in, rest, v)));
        }
        value_unref(in, k);
        value_unref(in, v);
    }
    obj_unref(in, todo);
    obj_unref(in, seen);
    if (ok) return v_obj(tuple_pack(in, 2, v_obj(out), v_obj(rest)));
    obj_unref(in, out);
    obj_unref(in, rest);
    return FAIL;
}
