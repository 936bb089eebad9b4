/* lang/types/slotmethod.c - builtin slots as attributes: int.__add__, super().__setattr__.
 *
 * The other direction of dunder.c: a name is called, the slot of the builtin type answers. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/klass.h"

#define UNUSED (void)d, (void)owner, (void)arg, (void)n, (void)kwnames

static value done(bool ok)
{
    return ok ? NONE : FAIL;
}

static str *name_arg(interp *in, value v)
{
    str *s = as_str(v);
    if (!s) throw(in, TypeError, "attribute name must be string, not '%s'", type_of(in, v)->name);
    return s;
}

WRAPPER(w_repr)
{
    UNUSED;
    return owner->repr(in, arg[0]);
}

WRAPPER(w_str)
{
    UNUSED;
    return owner->tostr ? owner->tostr(in, arg[0]) : v_obj(value_repr(in, arg[0]));
}

WRAPPER(w_format)
{
    UNUSED;
    str *spec = as_str(arg[1]);
    if (!spec)
        return throw(in, TypeError, "__format__() argument must be str, not %s",
                     type_of(in, arg[1])->name);
    if (owner->format) return owner->format(in, arg[0], spec);
    if (spec->nbyte == 0) return v_obj(value_str(in, arg[0]));
    return throw(in, TypeError, "unsupported format string passed to %s.__format__",
                 type_said(in, arg[0]));
}

WRAPPER(w_hash)
{
    UNUSED;
    uint64_t h;
    if (!owner->hash) return throw(in, TypeError, "unhashable type: '%s'", owner->name);
    return owner->hash(in, arg[0], &h) ? v_int((int64_t)h) : FAIL;
}

WRAPPER(w_bool)
{
    UNUSED;
    int t = owner->truth ? owner->truth(in, arg[0]) : value_truth(in, arg[0]);
    return t < 0 ? FAIL : v_bool(t);
}

WRAPPER(w_len)
{
    UNUSED;
    int64_t len = owner->length(in, arg[0]);
    return len < 0 ? FAIL : v_int(len);
}

WRAPPER(w_compare)
{
    UNUSED;
    return owner->compare(in, (enum cmpop)d->op, arg[0], arg[1]);
}

WRAPPER(w_unary)
{
    UNUSED;
    if (n == 2) return call_method(in, arg[0], d->name, 1, arg[1]);
    return owner->unary(in, (enum unop)d->op, arg[0]);
}

WRAPPER(w_binary)
{
    UNUSED;
    return owner->binary(in, (enum binop)d->op, arg[0], arg[1]);
}

WRAPPER(w_rbinary)
{
    UNUSED;
    return owner->binary(in, (enum binop)d->op, arg[1], arg[0]);
}

WRAPPER(w_inplace)
{
    UNUSED;
    return owner->inplace(in, (enum binop)d->op, arg[0], arg[1]);
}

WRAPPER(w_getitem)
{
    UNUSED;
    return owner->getitem(in, arg[0], arg[1]);
}

WRAPPER(w_setitem)
{
    UNUSED;
    return done(owner->setitem(in, arg[0], arg[1], d->op ? FAIL : arg[2]));
}

WRAPPER(w_contains)
{
    UNUSED;
    int r = owner->contains(in, arg[0], arg[1]);
    return r < 0 ? FAIL : v_bool(r);
}

WRAPPER(w_iter)
{
    UNUSED;
    return owner->iter(in, arg[0]);
}

WRAPPER(w_next)
{
    UNUSED;
    return next_or_stop(in, arg[0]);
}

WRAPPER(w_getattr)
{
    UNUSED;
    str *s = name_arg(in, arg[1]);
    if (!s) return FAIL;
    return owner->getattr ? owner->getattr(in, arg[0], s) : generic_getattr(in, arg[0], s);
}

WRAPPER(w_setattr)
{
    UNUSED;
    str *s = name_arg(in, arg[1]);
    if (!s) return FAIL;
    value to = d->op ? FAIL : arg[2];
    return done(owner->setattr ? owner->setattr(in, arg[0], s, to)
                               : generic_setattr(in, arg[0], s, to));
}

WRAPPER(w_call)
{
    UNUSED;
    int64_t nkw = kwnames ? kwnames->n : 0;
    return owner->call(in, arg[0], arg + 1, (size_t)(n - 1 - nkw), kwnames);
}

WRAPPER(w_get)
{
    UNUSED;
    const type *t = n > 2 ? as_type(arg[2]) : NULL;
    return owner->get(in, arg[0], is_none(arg[1]) ? FAIL : arg[1], t);
}

WRAPPER(w_set)
{
    UNUSED;
    return done(owner->set(in, arg[0], arg[1], d->op ? FAIL : arg[2]));
}

WRAPPER(w_enter)
{
    UNUSED;
    return owner->enter(in, arg[0]);
}

WRAPPER(w_exit)
{
    UNUSED;
    return owner->exit(in, arg[0], n > 2 ? arg[2] : NONE);
}

WRAPPER(w_dir)
{
    UNUSED;
    if (owner->dir) return owner->dir(in, arg[0]);
    return v_obj(object_dir(in, arg[0]));
}

/* ---- which rows a builtin type shows ---- */

/* Types whose unary, binary and in-place slots serve only some names. */
static const struct {
    const type *t;
    const char *names;
} served[] = {
    {&T_int, " neg pos invert abs int float index round trunc floor ceil add sub mul truediv "
             "floordiv mod pow lshift rshift and or xor divmod "},
    {&T_bool, " and or xor invert "},
    {&T_float, " neg pos abs int float round trunc floor ceil add sub mul truediv floordiv mod "
               "pow divmod "},
    {&T_complex, " neg pos abs complex add sub mul truediv pow "},
    {&T_str, " add mul mod "},
    {&T_bytes, " add mul mod "},
    {&T_bytearray, " add mul mod iadd imul "},
    {&T_dict_keys, " sub and or xor "},
    {&T_dict_items, " sub and or xor "},
    {&T_list, " add mul iadd imul "},
    {&T_tuple, " add mul "},
    {&T_dict, " or ior "},
    {&T_set, " sub and or xor isub iand ior ixor "},
    {&T_frozenset, " sub and or xor "},
    {&T_type, " or "},
};

static const char *names_served(const type *t) /* NULL: all that its slots are for */
{
    for (size_t k = 0; k < sizeof served / sizeof *served; k++)
        if (served[k].t == t) return served[k].names;
    return t->operators;
}

static bool serves(const type *t, int i)
{
    const dunder *d = &dunders[i];
    void (*slot)(void);
    memcpy(&slot, (const char *)t + d->slot, sizeof slot);
    if (i == D_GETATTR) return false;
    if (t == &T_object) {
        return i == D_REPR || i == D_STR || i == D_FORMAT || i == D_HASH ||
               (i >= D_LT && i <= D_GE) || i == D_GETATTRIBUTE || i == D_SETATTR ||
               i == D_DELATTR || i == D_DIR;
    }
    if (i == D_BOOL && t->length && t != &T_int && t != &T_range) return false;
    if (!slot) return false;
    bool numeric = d->slot == dunders[D_NEG].slot || d->slot == dunders[D_ADD].slot ||
                   d->slot == dunders[D_IADD].slot;
    const char *name = d->name + 2, *at = numeric ? names_served(t) : NULL;
    if (!at) return true;
    if (d->call == w_rbinary) {
        if (t == &T_list || t == &T_str || t == &T_tuple || t == &T_bytes || t == &T_bytearray)
            return i == D_RMUL || (i == D_RMOD && t != &T_list && t != &T_tuple);
        name++;
    }
    size_t n = strlen(name) - 2;
    while ((at = strchr(at, ' ')) && *++at) {
        if (strncmp(at, name, n) == 0 && at[n] == ' ') return true;
    }
    return false;
}

static value slotmethod_new(interp *in, const dunder *d, const type *owner, value self)
{
    slotmethod *m = obj_new(in, &T_slotmethod, 0);
    if (!m) return FAIL;
    m->row = d;
    m->owner = owner;
    m->self = value_ref(self);
    return v_obj(m);
}

/* Does it make its objects by a __new__ of a user's? */
static bool made_by_users(interp *in, const klass *k)
{
    if (is_fail(k->new_)) return false;
    for (const klass *c = k; c; c = c->bases->n ? as_klass(as_type(c->bases->at[0])) : NULL)
        if (!is_fail(dict_peek(in, c->dict, "__new__")))
            return is_fail(dict_peek(in, c->dict, "__tp_prefix__"));
    return false;
}

/* The nearest class to cls that does not. */
static const type *maker_of(interp *in, const type *cls)
{
    const klass *k = as_klass(cls);
    for (; k && k->bases->n && made_by_users(in, k); k = as_klass(cls))
        cls = as_type(k->bases->at[0]);
    return cls;
}

static value new_call(interp *in, const dunder *d, const type *owner, const value *arg, int n,
                      tuple *kwnames)
{
    (void)d;
    const type *cls = n > 0 ? as_type(arg[0]) : NULL;
    if (!cls)
        return throw(in, TypeError, "%s.__new__(X): X is not a type object (%s)", owner->name,
                     n > 0 ? type_of(in, arg[0])->name : "nothing");
    if (!type_is_sub(cls, owner)) {
        return throw(in, TypeError, "%s.__new__(%s): %s is not a subtype of %s", owner->name,
                     cls->name, cls->name, owner->name);
    }
    klass *k = as_klass(cls);
    const type *native = k ? k->native : cls;
    if (owner == &T_object && native != &T_object) {
        const type *safe = maker_of(in, cls);
        return throw(in, TypeError,
                     "object.__new__(" TYPE_FMT ") is not safe, use " TYPE_FMT ".__new__()",
                     TYPE_ARG(cls), TYPE_ARG(safe));
    }
    if (!native->make) return throw(in, TypeError, "cannot create '%s' instances", native->name);
    int64_t nkw = kwnames ? kwnames->n : 0;
    if (native == &T_object && k) return object_new(in, cls, n > 1);
    return native->make(in, cls, arg + 1, (size_t)(n - 1 - nkw), kwnames);
}

static value init_call(interp *in, const dunder *d, const type *owner, const value *arg, int n,
                       tuple *kwnames)
{
    (void)d, (void)kwnames;
    klass *k = as_klass(type_of(in, arg[0]));
    if (n > 1 && owner == &T_object && k && (!is_fail(k->init) || is_fail(k->new_)) &&
        k->native == &T_object) {
        return throw(in, TypeError,
                     "object.__init__() takes exactly one argument (the instance to "
                     "initialize)");
    }
    return NONE;
}

static const dunder new_row = {.name = "__new__", .max = 999, .call = new_call};
static const dunder init_row = {.name = "__init__", .max = 999, .call = init_call};

static bool add_slot(interp *in, dict *d, const dunder *row, const type *t)
{
    value m = slotmethod_new(in, row, t, FAIL);
    return dict_put(in, d, row->name, m);
}

bool dunder_rows(interp *in, dict *d, const type *t)
{
    for (int i = 0; i < NDUNDER; i++) {
        if (serves(t, i) && !add_slot(in, d, &dunders[i], t)) return false;
    }
    if (t->compare && !t->hash && t != &T_object && !dict_put(in, d, "__hash__", NONE))
        return false;
    if (t->make && !add_slot(in, d, &new_row, t)) return false;
    if (t == &T_object && !add_slot(in, d, &init_row, t)) return false;
    return dict_put(in, d, "__doc__", t->doc ? v_str(in, t->doc) : NONE);
}

/* ---- the type ---- */

static value sm_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    slotmethod *m = (slotmethod *)(void *)self.o;
    const dunder *d = m->row;
    size_t nkw = kwnames ? (size_t)kwnames->n : 0, all = npos + nkw;
    value few[8], *a = all < 7 ? few : mem_alloc((all + 1) * sizeof *a);
    bool bound = !is_fail(m->self);
    if (bound) a[0] = m->self;
    if (all) memcpy(a + bound, arg, all * sizeof *a);
    int n = (int)(all + bound), given = n - 1;
    value r = FAIL;
    if (n == 0) {
        throw(in, TypeError,
              d == &new_row ? "%s.%s(): not enough arguments"
                            : "descriptor '%s' of '%s' object needs an argument",
              d == &new_row ? m->owner->name : d->name, d == &new_row ? d->name : m->owner->name);
    } else if (d != &new_row && !value_isa(in, a[0], m->owner)) {
        throw(in, TypeError, "descriptor '%s' requires a '%s' object but received a '%s'", d->name,
              m->owner->name, type_of(in, a[0])->name);
    } else if (kwnames && d->max < 999) {
        throw(in, TypeError, "wrapper %s() takes no keyword arguments", d->name);
    } else if (given < d->min || given > d->max) {
        throw(in, TypeError, "expected %d argument%s, got %d", d->min, d->min == 1 ? "" : "s",
              given);
    } else
        r = d->call(in, d, m->owner, a, n, kwnames);
    if (a != few) mem_free(a);
    return r;
}

static value sm_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    slotmethod *m = (slotmethod *)(void *)self.o;
    if (is_fail(inst) || m->row == &new_row || !is_fail(m->self)) return value_ref(self);
    return slotmethod_new(in, m->row, m->owner, inst);
}

static value sm_repr(interp *in, value self)
{
    slotmethod *m = (slotmethod *)(void *)self.o;
    if (m->row == &new_row) {
        return v_obj(
            str_fmt(in, "<built-in method __new__ of type object at %p>", (const void *)m->owner));
    }
    if (is_fail(m->self)) {
        return v_obj(
            str_fmt(in, "<slot wrapper '%s' of '%s' objects>", m->row->name, m->owner->name));
    }
    return v_obj(str_fmt(in, "<method-wrapper '%s' of %s object at %p>", m->row->name,
                         type_of(in, m->self)->name, (void *)m->self.o));
}

const char *dunder_name(const slotmethod *m)
{
    return m->row->name;
}

static value sm_name(interp *in, const value *arg)
{
    return v_str(in, ((slotmethod *)(void *)arg[0].o)->row->name);
}

static value sm_qualname(interp *in, const value *arg)
{
    slotmethod *m = (slotmethod *)(void *)arg[0].o;
    return v_obj(str_fmt(in, "%s.%s", m->owner->name, m->row->name));
}

static value sm_self(interp *in, const value *arg)
{
    slotmethod *m = (slotmethod *)(void *)arg[0].o;
    (void)in;
    return is_fail(m->self) ? v_type(m->owner) : value_ref(m->self);
}

static const builtin sm_table[] = {
    {"@property __name__", sm_name, NULL},
    {"@property __qualname__", sm_qualname, NULL},
    {"@property __self__", sm_self, NULL},
    {0},
};

static void sm_drop(interp *in, obj *o)
{
    value_unref(in, ((slotmethod *)(void *)o)->self);
}

static void sm_visit(obj *o, visitor f, void *ctx)
{
    f(((slotmethod *)(void *)o)->self, ctx);
}

const type T_slotmethod = {
    TYPE_HEAD,
    .name = "wrapper_descriptor",
    .module = "builtins",
    .size = sizeof(slotmethod),
    .flags = TYPE_GC,
    .table = sm_table,
    .drop = sm_drop,
    .visit = sm_visit,
    .repr = sm_repr,
    .call = sm_call,
    .get = sm_get,
    .hash = object_hash,
    .compare = object_compare,
};
