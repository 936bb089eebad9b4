/* stdlib/dask/layer.c - a layer of the engine as a mapping of keys to tasks.
 *
 * len, membership and single tasks cost nothing per task; dict(layer) makes them all. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/expr/bw.h"
#include "engine/run/memory.h"
#include "stdlib/dask/bridge.h"

typedef struct layer_obj {
    obj hdr;
    layer *l;
} layer_obj;

static const type T_blockwise, T_table;

value layer_value(interp *in, const layer *l)
{
    layer_obj *o = obj_new(in, l->flags & LAYER_BLOCKWISE ? &T_blockwise : &T_table, 0);
    if (o) o->l = datum_ref((void *)(uintptr_t)l);
    return v_obj(o);
}

const layer *as_layer_value(value v)
{
    obj *o = as_obj(v, &T_blockwise);
    if (!o) o = as_obj(v, &T_table);
    return o ? ((layer_obj *)o)->l : NULL;
}

static void layer_obj_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((layer_obj *)o)->l);
}

/* ---- keys ---- */

value key_value(interp *in, const key *k)
{
    if (k->n < 0) return v_str(in, k->name);
    int64_t first = k->sub ? 2 : 1;
    tuple *t = tuple_new(in, k->n + first);
    if (!t) return FAIL;
    t->at[0] = v_str(in, k->name);
    if (k->sub) t->at[1] = v_str(in, k->sub);
    for (int i = 0; i < k->n; i++) t->at[i + first] = v_int(k->i[i]);
    return v_obj(t);
}

bool key_of(interp *in, value v, key *out)
{
    (void)in;
    str *s = as_str(v);
    if (s) return *out = (key){.name = s->at, .n = -1}, true;
    tuple *t = as_tuple(v);
    if (!t || t->n < 1 || t->n > GRID_MAXDIM || !(s = as_str(t->at[0]))) return false;
    str *sub = t->n > 1 ? as_str(t->at[1]) : NULL;
    int first = sub ? 2 : 1;
    *out = (key){.name = s->at, .sub = sub ? sub->at : NULL, .n = (int)t->n - first};
    for (int i = 0; i < out->n; i++) {
        if (t->at[i + first].kind != V_INT) return false;
        out->i[i] = t->at[i + first].i;
    }
    return true;
}

static bool find(interp *in, const layer *l, value v, uint64_t *i)
{
    key k;
    return key_of(in, v, &k) && layer_find(l, &k, i);
}

/* ---- tasks ---- */

static value task_value(interp *in, const layer *l, uint64_t i);

/* An input of a task: its key, or the task itself when that is a part of this one. */
static value input_value(interp *in, const layer *l, ref r)
{
    key name;
    if (r.of == l && r.i >= layer_shown(l)) return task_value(in, l, r.i);
    layer_key(r.of, r.i, &name);
    return key_value(in, &name);
}

/* A block of an array that is in memory: users see the block itself. */
static value block_value(interp *in, const layer *l, uint64_t i)
{
    err e = {0};
    datum *d = layer_run(l, i, 0, NULL, &e);
    value v = d ? value_of(in, d) : throw_err(in, &e);
    datum_unref(d);
    return v;
}

static value task_value(interp *in, const layer *l, uint64_t i)
{
    arena a = {0};
    task_view t;
    err e = {0};
    if (l->flags & LAYER_DATA) return block_value(in, l, i);
    if (!layer_task(l, i, &a, &t, &e)) {
        arena_clear(&a);
        return throw_err(in, &e);
    }
    value *keys = mem_zero((t.nin + 1) * sizeof(value));
    bool ok = true;
    for (uint32_t k = 0; ok && k < t.nin; k++) ok = !is_fail(keys[k] = input_value(in, l, t.in[k]));
    value r = FAIL;
    if (ok && t.value) {
        r = value_of(in, t.value);
    } else if (ok && !t.f) {
        r = value_ref(keys[0]);
    } else if (ok) {
        uint32_t n = t.narg ? t.narg : t.nin;
        tuple *made = tuple_new(in, n + 1);
        if (made) made->at[0] = fn_value(in, t.f);
        ok = made && !is_fail(made->at[0]);
        for (uint32_t k = 0; ok && k < n; k++) {
            value v = t.narg ? value_of_lit(in, &t.arg[k], keys) : value_ref(keys[k]);
            ok = !is_fail(v);
            if (ok) made->at[k + 1] = v;
        }
        if (ok)
            r = v_obj(made);
        else
            obj_unref(in, made);
    }
    for (uint32_t k = 0; k < t.nin; k++) value_unref(in, keys[k]);
    mem_free(keys);
    arena_clear(&a);
    return r;
}

/* ---- the mapping ---- */

static const layer *of(value self)
{
    return ((layer_obj *)self.o)->l;
}

static int64_t l_length(interp *in, value self)
{
    (void)in;
    return (int64_t)layer_shown(of(self));
}

static value l_getitem(interp *in, value self, value name)
{
    uint64_t i;
    if (!find(in, of(self), name, &i)) return throw_key(in, name);
    return task_value(in, of(self), i);
}

static int l_contains(interp *in, value self, value name)
{
    uint64_t i;
    return find(in, of(self), name, &i);
}

static value nth_key(interp *in, const layer *l, uint64_t i)
{
    key k;
    layer_key(l, i, &k);
    return key_value(in, &k);
}

typedef struct key_iter {
    obj hdr;
    layer *l;
    uint64_t at;
} key_iter;

static void iter_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((key_iter *)o)->l);
}

static value iter_self(interp *in, value self)
{
    (void)in;
    return value_ref(self);
}

static value iter_step(interp *in, value self)
{
    key_iter *it = (key_iter *)self.o;
    return it->at < layer_shown(it->l) ? nth_key(in, it->l, it->at++) : FAIL;
}

static const type T_key_iter = {
    TYPE_HEAD,         .name = "dict_keyiterator", .module = "builtins", .size = sizeof(key_iter),
    .drop = iter_drop, .iter = iter_self,          .next = iter_step};

static value l_iter(interp *in, value self)
{
    key_iter *it = obj_new(in, &T_key_iter, 0);
    if (it) it->l = datum_ref((void *)(uintptr_t)of(self));
    return v_obj(it);
}

static value m_get(interp *in, const value *arg)
{
    uint64_t i;
    return find(in, of(arg[0]), arg[1], &i) ? task_value(in, of(arg[0]), i) : value_ref(arg[2]);
}

/* Some bytes a task: what would be far too much is refused before it begins. */
bool graph_fits(interp *in, uint64_t ntask)
{
    enum { TASK = 300 };
    uint64_t room = memory_default();
    if (ntask < 1 << 20 || ntask < room / TASK) return true;
    throw(in, MemoryError,
          "a dict of %llu tasks would take about %.3g GiB, and %.3g GiB may be used; layers and "
          "single tasks can be asked for",
          (unsigned long long)ntask, (double)ntask * TASK / (1 << 30), (double)room / (1 << 30));
    return false;
}

static dict *as_plain_dict(interp *in, const layer *l)
{
    dict *d = graph_fits(in, layer_shown(l)) ? dict_new(in) : NULL;
    for (uint64_t i = 0; d && i < layer_shown(l); i++) {
        value k = nth_key(in, l, i), v = is_fail(k) ? FAIL : task_value(in, l, i);
        bool ok = !is_fail(v) && dict_set(in, d, k, v) && check_interrupt(in);
        value_unref(in, k);
        value_unref(in, v);
        if (!ok) {
            obj_unref(in, d);
            return NULL;
        }
    }
    return d;
}

static value m_mapping(interp *in, const value *arg)
{
    return v_obj(as_plain_dict(in, of(arg[0])));
}

static value through_dict(interp *in, value self, const char *method)
{
    dict *d = as_plain_dict(in, of(self));
    value r = d ? call_method(in, v_obj(d), method, 0) : FAIL;
    obj_unref(in, d);
    return r;
}

static value m_keys(interp *in, const value *arg)
{
    const layer *l = of(arg[0]);
    dict *d = graph_fits(in, layer_shown(l)) ? dict_new(in) : NULL;
    bool ok = d != NULL;
    for (uint64_t i = 0; ok && i < layer_shown(l); i++) {
        value k = nth_key(in, l, i);
        ok = !is_fail(k) && dict_set(in, d, k, NONE) && check_interrupt(in);
        value_unref(in, k);
    }
    value r = ok ? call_method(in, v_obj(d), "keys", 0) : FAIL;
    obj_unref(in, d);
    return r;
}

static value m_values(interp *in, const value *arg)
{
    return through_dict(in, arg[0], "values");
}

static value m_items(interp *in, const value *arg)
{
    return through_dict(in, arg[0], "items");
}

static value m_false(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_bool(false);
}

static value m_output_keys(interp *in, const value *arg)
{
    const layer *l = of(arg[0]);
    set *s = graph_fits(in, layer_shown(l)) ? set_new(in, false) : NULL;
    for (uint64_t i = 0; s && i < layer_shown(l); i++) {
        value k = nth_key(in, l, i);
        bool ok = !is_fail(k) && set_add(in, s, k) && check_interrupt(in);
        value_unref(in, k);
        if (!ok) return obj_unref(in, s), FAIL;
    }
    return v_obj(s);
}

/* The keys that a task reads, with those that its parts read. */
static bool add_dependencies(interp *in, const layer *l, uint64_t i, set *s, err *e)
{
    arena a = {0};
    task_view t;
    bool ok = layer_task(l, i, &a, &t, e);
    for (uint32_t k = 0; ok && k < t.nin; k++) {
        if (t.in[k].of == l && t.in[k].i >= layer_shown(l)) {
            ok = add_dependencies(in, l, t.in[k].i, s, e);
            continue;
        }
        value dep = nth_key(in, t.in[k].of, t.in[k].i);
        ok = !is_fail(dep) && set_add(in, s, dep);
        value_unref(in, dep);
    }
    arena_clear(&a);
    return ok;
}

/* get_dependencies(key, all_keys): the keys that the task of `key` reads */
static value m_dependencies(interp *in, const value *arg)
{
    uint64_t i;
    const layer *l = of(arg[0]);
    if (!find(in, l, arg[1], &i)) return throw_key(in, arg[1]);
    err e = {0};
    set *s = set_new(in, false);
    if (s && add_dependencies(in, l, i, s, &e)) return v_obj(s);
    obj_unref(in, s);
    return e.kind ? throw_err(in, &e) : FAIL;
}

static value m_name(interp *in, const value *arg)
{
    return v_str(in, of(arg[0])->name);
}

static value m_none(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

static value m_annotations(interp *in, const value *arg)
{
    value noted = dict_peek(in, module_dict(dask_module(in)), "_noted"), v;
    if (!as_dict(noted)) return NONE;
    value name = m_name(in, arg);
    int found = is_fail(name) ? -1 : dict_get(in, as_dict(noted), name, &v);
    value_unref(in, name);
    return found < 0 ? FAIL : found ? value_ref(v) : NONE;
}

/* Which axis of the layer's blocks each axis of an input's blocks goes with: a tuple of ints, < 0:
 * none (-1 the only block, else summed over). */
static value letters_of(interp *in, const int16_t *from, int n)
{
    tuple *t = tuple_new(in, n);
    for (int i = 0; t && i < n; i++) t->at[i] = v_int(from ? from[i] : i);
    return v_obj(t);
}

/* A list of (name of the layer, letters) for each input that is one; None when the layer is not
 * of that kind. */
static value m_indices(interp *in, const value *arg)
{
    const layer *l = of(arg[0]);
    const bw_layer *b = as_bw(l);
    if (!(l->flags & LAYER_BLOCKWISE) || (!b && l->ndep && !(l->flags & LAYER_ONE_TO_ONE)))
        return NONE;
    list *out = list_new(in, l->ndep);
    bool ok = out != NULL;
    for (uint32_t i = 0; ok && i < (b ? b->narg : l->ndep); i++) {
        const layer *d = b ? b->arg[i].of : l->dep[i];
        if (!d) continue;
        value letters = b         ? letters_of(in, b->arg[i].from, b->arg[i].ndim)
                        : d->grid ? letters_of(in, NULL, d->grid->ndim)
                                  : letters_of(in, NULL, 0);
        ok = list_add(in, out, v_obj(tuple_pack(in, 2, v_str(in, d->name), letters)));
    }
    return ok ? v_obj(out) : (obj_unref(in, out), FAIL);
}

static const builtin layer_table[] = {
    {"get(self, key, default=None, /)", m_get, "The task of a key, or default."},
    {"keys(self)", m_keys, "All keys."},
    {"values(self)", m_values, "All tasks."},
    {"items(self)", m_items, "All keys with their tasks."},
    {"is_materialized(self)", m_false, "False: tasks are made when asked for."},
    {"get_output_keys(self)", m_output_keys, "All keys, as a set."},
    {"get_dependencies(self, key, all_hlg_keys=None)", m_dependencies,
     "The keys that a task reads, as a set."},
    {"@property mapping", m_mapping, "All tasks, as a dict."},
    {"@property _indices", m_indices, NULL},
    {"@property name", m_name, "The name of the layer."},
    {"@property annotations", m_annotations, "What dask.annotate said about its tasks, or None."},
    {"@property collection_annotations", m_none, "None."},
    {0},
};

static value l_repr(interp *in, value self)
{
    const layer *l = of(self);
    if (l->flags & LAYER_BLOCKWISE) return v_obj(str_fmt(in, "Blockwise<%s>", l->name));
    return v_obj(
        str_fmt(in, "<dask.highlevelgraph.MaterializedLayer object at %p>", (void *)self.o));
}

static value l_compare(interp *in, enum cmpop op, value self, value other)
{
    if ((op != OP_EQ && op != OP_NE) || !as_dict(other)) return NOTIMPL;
    dict *d = as_plain_dict(in, of(self));
    value r = d ? value_compare(in, op, v_obj(d), other) : FAIL;
    obj_unref(in, d);
    return r;
}

#define LAYER_TYPE(var, text, of_module)                                                           \
    static const type var = {                                                                      \
        TYPE_HEAD,                                                                                 \
        .name = text,                                                                              \
        .module = of_module,                                                                       \
        .doc = "The tasks of one operation on an array: a mapping of keys to tasks, made on "      \
               "demand.",                                                                          \
        .size = sizeof(layer_obj),                                                                 \
        .table = layer_table,                                                                      \
        .drop = layer_obj_drop,                                                                    \
        .repr = l_repr,                                                                            \
        .length = l_length,                                                                        \
        .getitem = l_getitem,                                                                      \
        .contains = l_contains,                                                                    \
        .iter = l_iter,                                                                            \
        .compare = l_compare,                                                                      \
    };
LAYER_TYPE(T_blockwise, "Blockwise", "dask.blockwise")
LAYER_TYPE(T_table, "MaterializedLayer", "dask.highlevelgraph")

/* Blockwise, and what shows as a dict */
const type *layer_type(bool by_index)
{
    return by_index ? &T_blockwise : &T_table;
}
