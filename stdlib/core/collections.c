/* stdlib/core/collections.c - the C parts of collections: the fields of namedtuple.  deque and the
 * counting loop of Counter have their own files, the rest is stdlib/dsk/collections. */
#include "stdlib/core/collections.h"

#include "lang/freeze.h"
#include "lang/types/dict.h"
#include "stdlib/stdlib.h"

/* ---- the fields of namedtuple ---- */

typedef struct tuplegetter {
    obj hdr;
    int64_t i;
    value doc;
} tuplegetter;

static const type T_tuplegetter;

static value getter_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value a[2];
    int64_t i;
    (void)cls;
    if (!args_bind(in, "_tuplegetter(index, doc, /)", arg, npos, kwnames, a, 2)) return FAIL;
    tuplegetter *g = to_int64(in, a[0], &i) ? obj_new(in, &T_tuplegetter, 0) : NULL;
    if (g) {
        g->i = i;
        g->doc = value_ref(a[1]);
    }
    args_clear(in, a, 2);
    return v_obj(g);
}

static void getter_drop(interp *in, obj *o)
{
    value_unref(in, ((tuplegetter *)o)->doc);
}

static value getter_get(interp *in, value self, value inst, const type *owner)
{
    tuplegetter *g = (tuplegetter *)self.o;
    tuple *t = as_tuple(inst);
    (void)owner;
    if (is_fail(inst) || is_none(inst)) return value_ref(self);
    if (!t)
        return throw(
            in, TypeError,
            "descriptor for index '%lld' for tuple subclasses doesn't apply to '%s' object",
            (long long)g->i, type_of(in, inst)->name);
    return g->i < t->n ? value_ref(t->at[g->i]) : throw(in, IndexError, "tuple index out of range");
}

static bool getter_set(interp *in, value self, value inst, value v)
{
    (void)self, (void)inst;
    throw(in, AttributeError, is_fail(v) ? "can't delete attribute" : "can't set attribute");
    return false;
}

static value getter_doc(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((tuplegetter *)arg[0].o)->doc);
}

static value getter_set_doc(interp *in, const value *arg)
{
    tuplegetter *g = (tuplegetter *)arg[0].o;
    value old = g->doc;
    g->doc = value_ref(arg[1]);
    value_unref(in, old);
    return NONE;
}

static const builtin getter_table[] = {
    {"@property __doc__", getter_doc, NULL}, {"@setter __doc__", getter_set_doc, NULL}, {0}};

static bool getter_save(freezer *f, obj *o)
{
    tuplegetter *g = (tuplegetter *)(void *)o;
    freeze_bytes(f, &g->i, sizeof g->i);
    freeze_value(f, g->doc);
    return true;
}

static obj *getter_load(thawer *t, const type *cls)
{
    tuplegetter *g = obj_new(thawer_interp(t), cls, 0);
    if (!g) return NULL;
    thaw_bytes(t, &g->i, sizeof g->i);
    g->doc = thaw_value(t);
    return &g->hdr;
}

static const crossing getter_cross = {getter_save, getter_load};

static const type T_tuplegetter = {
    TYPE_HEAD,
    .cross = &getter_cross,
    .name = "_tuplegetter",
    .module = "collections",
    .size = sizeof(tuplegetter),
    .table = getter_table,
    .drop = getter_drop,
    .make = getter_make,
    .get = getter_get,
    .set = getter_set,
};

/* ---- the ends of OrderedDict ---- */

static dict *dict_arg(interp *in, value v)
{
    dict *d = as_dict(v);
    if (!d) throw(in, TypeError, "a dict is wanted, not '%s'", type_of(in, v)->name);
    return d;
}

static value to_end(interp *in, const value *arg)
{
    uint64_t hash;
    int64_t i;
    dict *d = dict_arg(in, arg[0]);
    if (!d || !value_hash(in, arg[1], &hash)) return FAIL;
    int found = dict_find(in, d, arg[1], hash, &i);
    if (found <= 0) return found ? FAIL : throw_key(in, arg[1]);
    if (i == d->used - 1) return NONE;
    value key, val;
    if (!dict_pop_at(in, d, i, &key, &val)) return FAIL;
    bool ok = dict_set_hashed(in, d, key, hash, val);
    value_unref(in, key), value_unref(in, val);
    return ok ? NONE : FAIL;
}

static value first_out(interp *in, const value *arg)
{
    int64_t i = 0;
    value key, val;
    dict *d = dict_arg(in, arg[0]);
    if (!d) return FAIL;
    if (!dict_next(d, &i, &key, &val)) return throw_key(in, NONE);
    if (!dict_pop_at(in, d, i - 1, &key, &val)) return FAIL;
    return v_obj(tuple_pack(in, 2, key, val));
}

static const builtin functions[] = {
    {"_to_end(mapping, key, /)", to_end, "Moves a key that is there to the end of a dict."},
    {"_first_out(mapping, /)", first_out, "Takes the first pair out of a dict."},
    {"_count_elements(mapping, iterable, /)", count_elements,
     "Adds how often each element occurs to the counts in a mapping."},
    {"_distinct(parts, key, /)", distinct_items,
     "A list of the items of all parts, those with the same key(item) once."},
    {0},
};

static bool open_collections(interp *in, module *m)
{
    return module_put_type(in, m, &T_deque) && module_put_type(in, m, &T_tuplegetter);
}

const module_def collections_def = {
    .name = "_collections",
    .doc = "High performance data structures.",
    .table = functions,
    .open = open_collections,
};
