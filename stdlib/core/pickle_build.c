/* stdlib/core/pickle_build.c - what the instructions of a pickle make of other values: calls,
 * instances and their state, and what is added to containers. */
#include <string.h>

#include "stdlib/core/pickle_read.h"

/* ---- calls ---- */

static value called(interp *in, value f, value args, value kwargs)
{
    value v = is_fail(f) || is_fail(args) ? FAIL : call_with(in, f, args, kwargs);
    value_unref(in, f), value_unref(in, args);
    return v;
}

static value reduced(interp *in, reader *r)
{
    value args = pickle_pop(in, r), f = is_fail(args) ? FAIL : pickle_pop(in, r);
    return called(in, f, args, FAIL);
}

/* cls.__new__(cls, *args, **kwargs): takes both, lends kwargs. */
static value new_object(interp *in, reader *r, value cls, value args, value kwargs, const char *op)
{
    value v = FAIL;
    tuple *t = as_tuple(args);
    if (is_fail(cls) || is_fail(args)) {
        ;
    } else if (!as_type(cls)) {
        pickle_wrong(in, r, "%s class argument must be a type, not %s", op, type_of(in, cls)->name);
    } else if (!t) {
        pickle_wrong(in, r, "%s expected an arg tuple, got %s", op, type_of(in, args)->name);
    } else {
        tuple *all = tuple_new(in, t->n + 1);
        for (int64_t i = 0; all && i <= t->n; i++) all->at[i] = value_ref(i ? t->at[i - 1] : cls);
        value f = all ? value_getattr(in, cls, in->name.__new__) : FAIL;
        if (!is_fail(f)) v = call_with(in, f, v_obj(all), kwargs);
        value_unref(in, f);
        obj_unref(in, all);
    }
    value_unref(in, cls), value_unref(in, args);
    return v;
}

static value new_from_stack(interp *in, reader *r, bool keywords)
{
    value kwargs = keywords ? pickle_pop(in, r) : FAIL, args = FAIL, cls = FAIL, v = FAIL;
    if (!keywords || !is_fail(kwargs)) args = pickle_pop(in, r);
    if (!is_fail(args)) cls = pickle_pop(in, r);
    if (keywords && !is_fail(cls) && !as_dict(kwargs)) {
        pickle_wrong(in, r, "NEWOBJ_EX kwargs argument must be a dict, not %s",
                     type_of(in, kwargs)->name);
        value_unref(in, cls), value_unref(in, args);
    } else {
        v = new_object(in, r, cls, args, kwargs, keywords ? "NEWOBJ_EX" : "NEWOBJ");
    }
    value_unref(in, kwargs);
    return v;
}

/* As protocol 0 makes instances: the class, then what it is called with. */
static value instance(interp *in, reader *r)
{
    int64_t from = pickle_marked(in, r);
    if (from < 0) return FAIL;
    if (from >= r->stack->n) return pickle_wrong(in, r, "unpickling stack underflow");
    value args = pickle_tuple(in, r, from + 1), cls = is_fail(args) ? FAIL : pickle_pop(in, r);
    return called(in, cls, args, FAIL);
}

static value list_marked(interp *in, reader *r)
{
    value t = pickle_tuple(in, r, pickle_marked(in, r));
    value v = is_fail(t) ? FAIL : call_n(in, v_type(&T_list), 1, t);
    value_unref(in, t);
    return v;
}

static value dict_marked(interp *in, reader *r)
{
    value v = pickle_tuple(in, r, pickle_marked(in, r));
    tuple *t = as_tuple(v);
    dict *d = t ? dict_new(in) : NULL;
    bool ok = d;
    if (ok && t->n % 2) ok = (pickle_wrong(in, r, "odd number of items for DICT"), false);
    for (int64_t i = 0; ok && i + 1 < t->n; i += 2) ok = dict_set(in, d, t->at[i], t->at[i + 1]);
    value_unref(in, v);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static value frozenset_marked(interp *in, reader *r)
{
    value t = pickle_tuple(in, r, pickle_marked(in, r));
    value v = is_fail(t) ? FAIL : call_n(in, v_type(&T_frozenset), 1, t);
    value_unref(in, t);
    return v;
}

value pickle_built(interp *in, reader *r, int code)
{
    switch (code) {
    case P_REDUCE: return reduced(in, r);
    case P_NEWOBJ: return new_from_stack(in, r, false);
    case P_NEWOBJ_EX: return new_from_stack(in, r, true);
    case P_OBJ: return instance(in, r);
    case P_LIST: return list_marked(in, r);
    case P_DICT: return dict_marked(in, r);
    case P_FROZENSET: return frozenset_marked(in, r);
    default: return FAIL;
    }
}

/* ---- more for what is on the stack ---- */

/* Has x a method of that name?  Owned; FAIL: none, or raised. */
static value method_of(interp *in, value x, const char *name)
{
    value v;
    return value_findattr(in, x, name, &v) == 1 ? v : FAIL;
}

static bool added_by_method(interp *in, value x, const char *name, const tuple *items)
{
    value f = value_getattr_c(in, x, name);
    bool ok = !is_fail(f);
    for (int64_t i = 0; ok && i < items->n; i++) {
        value v = call_n(in, f, 1, items->at[i]);
        ok = !is_fail(v);
        value_unref(in, v);
    }
    value_unref(in, f);
    return ok;
}

static bool append(interp *in, value x, tuple *items)
{
    if (x.kind == V_OBJ && x.o->type == &T_list) {
        for (int64_t i = 0; i < items->n; i++)
            if (!list_append(in, as_list(x), items->at[i])) return false;
        return true;
    }
    value extend = method_of(in, x, "extend");
    if (is_fail(extend)) return !throwing(in) && added_by_method(in, x, "append", items);
    value v = call_n(in, extend, 1, (value){.kind = V_OBJ, .o = &items->hdr});
    value_unref(in, extend), value_unref(in, v);
    return !is_fail(v);
}

static bool set_items(interp *in, reader *r, value x, const tuple *items)
{
    bool plain = x.kind == V_OBJ && x.o->type == &T_dict;
    if (items->n % 2) return pickle_wrong(in, r, "odd number of items for SETITEMS"), false;
    for (int64_t i = 0; i < items->n; i += 2)
        if (!(plain ? dict_set(in, as_dict(x), items->at[i], items->at[i + 1])
                    : value_setitem(in, x, items->at[i], items->at[i + 1])))
            return false;
    return true;
}

static bool add_items(interp *in, value x, const tuple *items)
{
    if (x.kind != V_OBJ || x.o->type != &T_set) return added_by_method(in, x, "add", items);
    for (int64_t i = 0; i < items->n; i++)
        if (!set_add(in, (set *)(void *)x.o, items->at[i])) return false;
    return true;
}

/* ---- state ---- */

/* The attributes of an instance's dict; their names interned, for caches want them so. */
static bool put_attributes(interp *in, value x, const dict *state)
{
    value own = value_getattr_c(in, x, "__dict__"), k, v;
    bool ok = !is_fail(own);
    for (int64_t i = 0; ok && dict_next(state, &i, &k, &v);) {
        value name =
            as_str(k) ? v_obj(str_intern(in, as_str(k)->at, as_str(k)->nbyte)) : value_ref(k);
        ok = !is_fail(name) &&
             (as_dict(own) ? dict_set(in, as_dict(own), name, v) : value_setitem(in, own, name, v));
        value_unref(in, name);
    }
    value_unref(in, own);
    return ok;
}

static bool put_slots(interp *in, reader *r, value x, value slots)
{
    dict *d = as_dict(slots);
    value k, v;
    if (!d) return pickle_wrong(in, r, "slot state is not a dictionary"), false;
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        if (!as_str(k)) return throw(in, TypeError, "attribute name must be string"), false;
        if (!value_setattr(in, x, as_str(k), v)) return false;
    }
    return true;
}

/* Of what cannot be changed `other` makes something else, which takes its place. */
static bool replace(interp *in, reader *r, value x, value state)
{
    tuple *both = tuple_pack(in, 2, value_ref(x), value_ref(state));
    value made = both ? pickle_asked(in, r, P_BUILD, v_obj(both)) : FAIL;
    if (is_fail(made)) return false;
    for (int64_t i = r->memo->n; i--;) {
        if (!value_same(r->memo->at[i], x)) continue;
        value_unref(in, r->memo->at[i]);
        r->memo->at[i] = value_ref(made);
        break;
    }
    value old = pickle_pop(in, r);
    value_unref(in, old);
    return pickle_push(in, r, made);
}

static bool build(interp *in, reader *r, value x, value state)
{
    value setter = method_of(in, x, "__setstate__"), slots = NONE;
    if (!is_fail(setter)) {
        value v = call_n(in, setter, 1, state);
        value_unref(in, setter), value_unref(in, v);
        return !is_fail(v);
    }
    if (throwing(in)) return false;
    tuple *t = as_tuple(state);
    if (t && t->n == 2) {
        state = t->at[0];
        slots = t->at[1];
    }
    if (!is_none(state) && !as_dict(state)) return replace(in, r, x, state);
    return (is_none(state) || put_attributes(in, x, as_dict(state))) &&
           (is_none(slots) || put_slots(in, r, x, slots));
}

/* ---- */

/* The last n values, or those behind the mark. */
static value taken(interp *in, reader *r, int code)
{
    if (code == P_APPEND) return pickle_tuple(in, r, r->stack->n - 1);
    if (code == P_SETITEM) return pickle_tuple(in, r, r->stack->n - 2);
    return pickle_tuple(in, r, pickle_marked(in, r));
}

bool pickle_grow(interp *in, reader *r, int code)
{
    value items = code == P_BUILD ? pickle_pop(in, r) : taken(in, r, code), x;
    if (is_fail(items)) return false;
    x = value_ref(pickle_top(in, r));
    bool ok = !is_fail(x);
    if (!ok)
        ;
    else if (code == P_BUILD)
        ok = build(in, r, x, items);
    else if (code == P_APPEND || code == P_APPENDS)
        ok = append(in, x, as_tuple(items));
    else if (code == P_ADDITEMS)
        ok = add_items(in, x, as_tuple(items));
    else
        ok = set_items(in, r, x, as_tuple(items));
    value_unref(in, x), value_unref(in, items);
    return ok;
}
