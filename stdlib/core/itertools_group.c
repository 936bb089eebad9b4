/* stdlib/core/itertools_group.c - groupby and tee: iterators that share one source. */
#include "stdlib/core/itertools.h"

/* ---- groupby: x is an item read ahead, idx unused; the key of the group in turn is in pool ----
 */

typedef struct group { /* one group: ends when the parent's key changes or it moves on */
    obj hdr;
    lazy *of;
    value key;
    int64_t serial;
} group;

static const type T_group;

static value groupby_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "groupby(iterable, key=None)", arg, npos, kwnames, a, 2)) return FAIL;
    value z = lazy_over(in, cls, a[0], a[1]);
    args_clear(in, a, 2);
    return z;
}

/* Reads the next item and its key: pool = (key, item), NULL at the end. */
static int group_advance(interp *in, lazy *z)
{
    value v;
    int r = iter_next(in, z->it, &v);
    obj_unref(in, z->pool);
    z->pool = NULL;
    if (r <= 0) return r;
    value key = is_none(z->f) ? value_ref(v) : value_call(in, z->f, &v, 1, NULL);
    z->pool = is_fail(key) ? (value_unref(in, v), NULL) : tuple_pack(in, 2, key, v);
    return z->pool ? 1 : -1;
}

static value groupby_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    z->i++; /* the group handed out before is over */
    for (;;) {
        if (!z->pool && (z->done || group_advance(in, z) <= 0)) {
            z->done = true;
            return FAIL;
        }
        int same = is_fail(z->x) ? 0 : value_eq(in, z->pool->at[0], z->x);
        if (same < 0) return FAIL;
        if (!same) break;
        obj_unref(in, z->pool);
        z->pool = NULL;
    }
    value_unref(in, lazy_keep(in, &z->x, value_ref(z->pool->at[0])));
    group *g = obj_new(in, &T_group, 0);
    if (!g) return FAIL;
    g->of = obj_ref(z);
    g->key = value_ref(z->x);
    g->serial = z->i;
    return v_obj(tuple_pack(in, 2, value_ref(z->x), v_obj(g)));
}

static value group_next(interp *in, value self)
{
    group *g = (group *)self.o;
    lazy *z = g->of;
    if (g->serial != z->i) return FAIL;
    if (!z->pool && (z->done || group_advance(in, z) <= 0)) {
        z->done = true;
        return FAIL;
    }
    if (value_eq(in, z->pool->at[0], g->key) <= 0) return FAIL;
    value v = value_ref(z->pool->at[1]);
    obj_unref(in, z->pool);
    z->pool = NULL;
    return v;
}

static void group_drop(interp *in, obj *o)
{
    group *g = (group *)o;
    obj_unref(in, g->of);
    value_unref(in, g->key);
}

static void group_visit(obj *o, visitor f, void *ctx)
{
    group *g = (group *)o;
    if (g->of) f((value){.kind = V_OBJ, .o = &g->of->hdr}, ctx);
    f(g->key, ctx);
}

/* ---- tee: a chain of nodes, grown by whichever copy comes first ---- */

typedef struct tee_node {
    obj hdr;
    value v;
    struct tee_node *next; /* NULL: not read yet */
} tee_node;

typedef struct tee {
    obj hdr;
    value it;
    tee_node *at; /* the item before the one to come */
} tee;

static void node_drop(interp *in, obj *o)
{
    tee_node *n = (tee_node *)o;
    value_unref(in, n->v);
    obj_unref(in, n->next);
}

static const type T_tee_node = {
    TYPE_HEAD,         .name = "_tee_dataobject", .module = "itertools", .size = sizeof(tee_node),
    .drop = node_drop,
};

static void tee_drop(interp *in, obj *o)
{
    tee *t = (tee *)o;
    value_unref(in, t->it);
    obj_unref(in, t->at);
}

static value tee_next(interp *in, value self)
{
    tee *t = (tee *)self.o;
    value v;
    if (!t->at->next) {
        if (iter_next(in, t->it, &v) <= 0) return FAIL;
        tee_node *n = obj_new(in, &T_tee_node, 0);
        if (!n) return FAIL;
        n->v = v;
        t->at->next = n;
    }
    tee_node *before = t->at;
    t->at = obj_ref(before->next);
    obj_unref(in, before);
    return value_ref(t->at->v);
}

static const type T_tee;

static value tee_new(interp *in, value it, tee_node *at)
{
    tee *t = obj_new(in, &T_tee, 0);
    if (!t) return FAIL;
    t->it = value_ref(it);
    t->at = obj_ref(at);
    return v_obj(t);
}

static value tee_copy(interp *in, const value *arg)
{
    tee *t = (tee *)arg[0].o;
    return tee_new(in, t->it, t->at);
}

value tee_function(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    if (n < 0) return throw(in, ValueError, "n must be >= 0");
    tuple *r = tuple_new(in, n);
    value it = r ? value_iter(in, arg[0]) : FAIL;
    tee_node *head = is_fail(it) ? NULL : obj_new(in, &T_tee_node, 0);
    bool ok = head;
    for (int64_t i = 0; ok && i < n; i++) {
        value t = it.o->type == &T_tee ? tee_new(in, ((tee *)it.o)->it, ((tee *)it.o)->at)
                                       : tee_new(in, it, head);
        ok = !is_fail(t);
        if (ok) r->at[i] = t;
    }
    obj_unref(in, head);
    value_unref(in, it);
    if (ok) return v_obj(r);
    obj_unref(in, r);
    return FAIL;
}

// clang-format off
static const builtin tee_table[] = {
    {"__copy__(self, /)", tee_copy, "Another one at the same place."}, {0}};

static const type T_tee = {
    TYPE_HEAD, .name = "_tee", .module = "itertools", .size = sizeof(tee), .table = tee_table,
    .drop = tee_drop, .iter = iter_self, .next = tee_next};
static const type T_group = {
    TYPE_HEAD, .name = "_grouper", .module = "itertools", .size = sizeof(group), .flags = TYPE_GC,
    .drop = group_drop, .visit = group_visit, .iter = iter_self, .next = group_next};
const type T_groupby = {
    LAZY, .name = "groupby", .make = groupby_make, .next = groupby_next,
    .doc = "Pairs of a key and the run of neighbours that have it."};
// clang-format on
