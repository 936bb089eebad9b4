/* lang/types/excgroup.c - BaseExceptionGroup and ExceptionGroup: trees of exceptions, parted by
 * type or by a function; and what `except*` does with them.
 *
 * A part of a group is made by its own derive() and keeps traceback, cause, context and notes. */
#include "lang/types/excgroup.h"

#include "lang/frame.h"
#include "lang/types/alias.h"
#include "lang/types/klass.h"
#include "lang/vm.h"

#define EXC_VALUE(x) ((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)(x)})

tuple *as_group(const exc *x)
{
    return type_is_sub(x->hdr.type, exc_type(BaseExceptionGroup))
               ? as_tuple(x->field[GROUP_MEMBERS])
               : NULL;
}

/* ---- making ---- */

static bool is_plain(value v)
{
    return as_obj(v, exc_type(Exception)) != NULL;
}

static bool check_members(interp *in, const tuple *all, bool *plain)
{
    *plain = true;
    if (all->n == 0) {
        throw(in, ValueError, "second argument (exceptions) must be a non-empty sequence");
        return false;
    }
    for (int64_t i = 0; i < all->n; i++) {
        if (!as_exc(all->at[i])) {
            throw(in, ValueError, "Item %lld of second argument (exceptions) is not an exception",
                  (long long)i);
            return false;
        }
        *plain = *plain && is_plain(all->at[i]);
    }
    return true;
}

/* The class that is made: a group of Exceptions only is an ExceptionGroup. NULL: it may not be. */
static const type *class_of(interp *in, const type *cls, bool plain)
{
    const type *base = exc_type(BaseExceptionGroup), *group = exc_type(ExceptionGroup);
    if (cls == base) return plain ? group : base;
    if (plain || !type_is_sub(cls, exc_type(Exception))) return cls;
    if (cls == group)
        throw(in, TypeError, "Cannot nest BaseExceptions in an ExceptionGroup");
    else
        throw(in, TypeError, "Cannot nest BaseExceptions in '%s'", cls->name);
    return NULL;
}

static bool check_call(interp *in, const value *arg, size_t npos, tuple *kwnames)
{
    const char *name = "BaseExceptionGroup.__new__()";
    if (kwnames && kwnames->n) {
        throw(in, TypeError, "%s takes no keyword arguments", name);
    } else if (npos != 2) {
        throw(in, TypeError, "%s takes exactly 2 arguments (%d given)", name, (int)npos);
    } else if (!as_str(arg[0])) {
        throw(in, TypeError, "%s argument 1 must be str, not %s", name, type_said(in, arg[0]));
    } else if (!type_of(in, arg[1])->getitem || as_dict(arg[1])) {
        throw(in, TypeError, "second argument (exceptions) must be a sequence");
    } else
        return true;
    return false;
}

value group_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (!check_call(in, arg, npos, kwnames)) return FAIL;
    tuple *all = tuple_of(in, arg[1]);
    bool plain;
    if (all && check_members(in, all, &plain) && (cls = class_of(in, cls, plain))) {
        exc *x = obj_new(in, cls, 0);
        if (x && (x->args = tuple_from(in, arg, 2))) {
            x->field[GROUP_MESSAGE] = value_ref(arg[0]);
            x->field[GROUP_MEMBERS] = v_obj(all);
            return EXC_VALUE(x);
        }
        obj_unref(in, x);
    }
    obj_unref(in, all);
    return FAIL;
}

static value group_of(interp *in, value message, value all)
{
    value arg[2] = {message, all};
    return group_make(in, exc_type(BaseExceptionGroup), arg, 2, NULL);
}

value group_text(interp *in, const exc *x)
{
    str *s = value_str(in, x->field[GROUP_MESSAGE]);
    int64_t n = as_group(x)->n;
    value r =
        s ? v_obj(str_fmt(in, "%s (%lld sub-exception%s)", s->at, (long long)n, n > 1 ? "s" : ""))
          : FAIL;
    obj_unref(in, s);
    return r;
}

/* ---- parting ---- */

typedef struct condition {
    value types; /* one class or a tuple of them; FAIL: f */
    value f;
} condition;

typedef struct parts { /* owned; NONE: empty, FAIL: not asked for */
    value match, rest;
} parts;

static bool is_types(value v)
{
    tuple *t = as_tuple(v);
    if (!t) return is_exc_class(v);
    for (int64_t i = 0; i < t->n; i++) {
        if (!is_exc_class(t->at[i])) return false;
    }
    return true;
}

static bool condition_of(interp *in, value v, condition *c)
{
    *c = (condition){.types = FAIL, .f = FAIL};
    if (is_types(v))
        c->types = v;
    else if (value_callable(in, v) && !as_type(v))
        c->f = v;
    else {
        throw(in, TypeError, "expected a function, exception type or tuple of exception types");
        return false;
    }
    return true;
}

static value notes_of(interp *in, const exc *x)
{
    dict *d = obj_dict(in, (obj *)(uintptr_t)&x->hdr, false);
    return d ? dict_peek(in, d, "__notes__") : FAIL;
}

/* Was one parted from the other, or from the same group? */
static bool same_origin(interp *in, const exc *a, const exc *b)
{
    value m = notes_of(in, a), n = notes_of(in, b);
    bool notes = is_fail(m) && is_fail(n);
    list *l = as_list(m), *k = as_list(n);
    if (l && k && l->n == k->n) {
        notes = true;
        for (int64_t i = 0; i < l->n; i++) notes = notes && value_same(l->at[i], k->at[i]);
    }
    return notes && a->tb == b->tb && value_same(a->cause, b->cause) &&
           value_same(a->context, b->context);
}

static int holds(interp *in, const condition *c, value v)
{
    if (!is_fail(c->types)) return exc_fits(in, v, c->types);
    value r = call_n(in, c->f, 1, v);
    int t = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return t;
}

static void copy_chain(interp *in, const exc *from, exc *to)
{
    value old[2] = {to->cause, to->context};
    traceback *tb = to->tb;
    to->tb = obj_ref(from->tb);
    to->cause = value_ref(from->cause);
    to->context = value_ref(from->context);
    to->suppress = from->suppress;
    value_unref(in, old[0]);
    value_unref(in, old[1]);
    obj_unref(in, tb);
}

static bool copy_notes(interp *in, const exc *from, exc *to)
{
    value notes = notes_of(in, from);
    if (is_fail(notes) || !as_list(notes)) return true;
    dict *d = obj_dict(in, &to->hdr, true);
    return d && dict_put(in, d, "__notes__", v_obj(list_of(in, notes)));
}

/* A group like x of some of its members, made by its derive(). None for none. */
static value subset(interp *in, exc *x, list *some)
{
    if (some->n == 0) return NONE;
    value r = call_method(in, EXC_VALUE(x), "derive", 1, (value){.kind = V_OBJ, .o = &some->hdr});
    if (is_fail(r)) return FAIL;
    exc *y = as_exc(r);
    if (!y || !as_group(y)) {
        throw(in, TypeError, "derive must return an instance of BaseExceptionGroup");
    } else {
        copy_chain(in, x, y);
        if (copy_notes(in, x, y)) return r;
    }
    value_unref(in, r);
    return FAIL;
}

static bool part(interp *in, value v, const condition *c, parts *out);

static bool add_part(interp *in, list *l, value v) /* takes v */
{
    if (is_none(v) || is_fail(v)) return true;
    return list_add(in, l, v);
}

static bool part_members(interp *in, exc *x, const condition *c, parts *out)
{
    list *match = list_new(in, 0), *rest = list_new(in, 0);
    tuple *all = as_group(x);
    bool ok = match && rest && check_stack(in);
    for (int64_t i = 0; ok && i < all->n; i++) {
        parts p;
        ok = part(in, all->at[i], c, &p);
        if (!ok) break;
        ok = add_part(in, match, p.match);
        ok = add_part(in, rest, p.rest) && ok;
    }
    *out = (parts){FAIL, FAIL};
    if (ok) {
        out->match = subset(in, x, match);
        out->rest = is_fail(out->match) ? FAIL : subset(in, x, rest);
        ok = !is_fail(out->rest);
        if (!ok) value_unref(in, out->match);
    }
    obj_unref(in, match);
    obj_unref(in, rest);
    return ok;
}

static bool part(interp *in, value v, const condition *c, parts *out)
{
    int t = holds(in, c, v);
    if (t < 0) return false;
    exc *x = as_exc(v);
    if (t)
        *out = (parts){value_ref(v), NONE};
    else if (!as_group(x))
        *out = (parts){NONE, value_ref(v)};
    else
        return part_members(in, x, c, out);
    return true;
}

/* ---- methods ---- */

static value derive(interp *in, const value *arg)
{
    return group_of(in, as_exc(arg[0])->field[GROUP_MESSAGE], arg[1]);
}

static value split(interp *in, const value *arg)
{
    condition c;
    parts p;
    if (!condition_of(in, arg[1], &c) || !part(in, arg[0], &c, &p)) return FAIL;
    return v_obj(tuple_pack(in, 2, p.match, p.rest));
}

static value subgroup(interp *in, const value *arg)
{
    condition c;
    parts p;
    if (!condition_of(in, arg[1], &c) || !part(in, arg[0], &c, &p)) return FAIL;
    value_unref(in, p.rest);
    return p.match;
}

static value group_init(interp *in, const value *arg)
{
    if (as_dict(arg[2])->n) {
        return throw(in, TypeError, "BaseExceptionGroup() takes no keyword arguments");
    }
    exc *x = as_exc(arg[0]);
    tuple *old = x->args;
    x->args = obj_ref(as_tuple(arg[1]));
    obj_unref(in, old);
    return NONE;
}

static value get_message(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_exc(arg[0])->field[GROUP_MESSAGE]);
}

static value get_members(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_exc(arg[0])->field[GROUP_MEMBERS]);
}

static value read_only(interp *in, const value *arg)
{
    (void)arg;
    return throw(in, AttributeError, "readonly attribute");
}

const builtin group_table[] = {
    CLASS_GETITEM,
    {"__init__(self, /, *args, **kwargs)", group_init, NULL},
    {"derive(self, excs, /)", derive, NULL},
    {"split(self, condition, /)", split, NULL},
    {"subgroup(self, condition, /)", subgroup, NULL},
    {"@property message", get_message, "exception message"},
    {"@setter message", read_only, NULL},
    {"@property exceptions", get_members, "nested exceptions"},
    {"@setter exceptions", read_only, NULL},
    {0},
};

/* ---- except* ---- */

static bool check_types(interp *in, value types)
{
    tuple *t = as_tuple(types);
    const value *at = t ? t->at : &types;
    for (int64_t i = 0, n = t ? t->n : 1; i < n; i++) {
        if (!is_exc_class(at[i])) {
            throw(in, TypeError,
                  "catching classes that do not inherit from BaseException is not allowed");
            return false;
        }
        if (type_is_sub(as_type(at[i]), exc_type(BaseExceptionGroup))) {
            throw(in, TypeError,
                  "catching ExceptionGroup with except* is not allowed. Use except instead.");
            return false;
        }
    }
    return true;
}

/* An exception that was raised alone is caught as a group of one. */
static value alone(interp *in, value v)
{
    value all = v_obj(tuple_from(in, &v, 1)), message = v_str(in, "");
    value g = is_fail(all) || is_fail(message) ? FAIL : group_of(in, message, all);
    value_unref(in, all);
    value_unref(in, message);
    return g;
}

value group_match(interp *in, frame *f, value *rest, value types)
{
    condition c = {.types = types, .f = FAIL};
    parts p;
    if (!check_types(in, types)) return FAIL;
    if (is_none(*rest)) return NONE;
    if (!part(in, *rest, &c, &p)) return FAIL;
    if (!is_none(p.match) && !as_group(as_exc(p.match))) {
        value g = alone(in, p.match);
        value_unref(in, p.match);
        p.match = g;
    }
    if (is_fail(p.match)) {
        value_unref(in, p.rest);
        return FAIL;
    }
    value before = *rest, old = f->handled;
    *rest = p.rest;
    value_unref(in, before);
    if (is_none(p.match)) return NONE;
    f->handled = value_ref(p.match);
    value_unref(in, old);
    return p.match;
}

static bool collect_leaves(interp *in, const exc *x, list *leaves)
{
    tuple *all = as_group(x);
    for (int64_t i = 0; all && i < all->n; i++) {
        if (!collect_leaves(in, as_exc(all->at[i]), leaves)) return false;
    }
    return all || list_append(in, leaves, EXC_VALUE(x));
}

static value is_kept(interp *in, const value *arg)
{
    list *leaves = as_list(arg[0]);
    for (int64_t i = 0; i < leaves->n; i++) {
        if (value_same(leaves->at[i], arg[1])) return v_bool(true);
    }
    (void)in;
    return v_bool(false);
}

/* Those members of the group that are in one of the parts, in its own form. */
static value merge(interp *in, exc *group, list *leaves)
{
    static const builtin row = {"is_kept(self, x, /)", is_kept, NULL};
    if (leaves->n == 0) return NONE;
    condition c = {.types = FAIL};
    c.f = cfunc_new(in, &row, (value){.kind = V_OBJ, .o = &leaves->hdr});
    parts p = {FAIL, FAIL};
    if (!is_fail(c.f) && part(in, EXC_VALUE(group), &c, &p)) value_unref(in, p.rest);
    value_unref(in, c.f);
    return p.match;
}

/* Parts of `caught` that were left or raised again go to leaves, what is new to raised. */
static bool sort_left(interp *in, exc *caught, list *left, list *leaves, list *raised)
{
    for (int64_t i = 0; i < left->n; i++) {
        exc *x = as_exc(left->at[i]);
        if (!x) continue;
        bool again = as_group(x) && same_origin(in, x, caught);
        if (again ? !collect_leaves(in, x, leaves) : !list_append(in, raised, left->at[i]))
            return false;
    }
    return true;
}

static value group_of_raised(interp *in, list *raised)
{
    value message = v_str(in, "");
    value g = group_of(in, message, (value){.kind = V_OBJ, .o = &raised->hdr});
    value_unref(in, message);
    return g;
}

value group_left(interp *in, value caught, list *left)
{
    exc *x = as_exc(caught);
    if (!as_group(x)) return left->n ? value_ref(left->at[0]) : NONE;
    list *leaves = list_new(in, 0), *raised = list_new(in, 0);
    value r = FAIL;
    if (leaves && raised && sort_left(in, x, left, leaves, raised)) {
        value again = merge(in, x, leaves);
        if (raised->n == 0 || is_fail(again))
            r = again;
        else if (is_none(again) || list_add(in, raised, again))
            r = group_of_raised(in, raised);
    }
    obj_unref(in, leaves);
    obj_unref(in, raised);
    return r;
}
