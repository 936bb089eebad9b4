/* lang/types/dunder.c - the slots of user classes (k_*): each calls the dunder method; and the
 * table that ties names, slots and the wrappers of slotmethod.c together.
 *
 * A user class starts with the slots of its builtin base; klass_fill replaces those for which
 * a class of the MRO that the user wrote has the method. */
#include "lang/types/dunder.h"

#include <stddef.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/func.h"
#include "lang/types/gen.h"
#include "lang/types/klass.h"

/* Calls the class's method for a name. *found false: there is none (or it is None). */
static value call_dunder(interp *in, value self, enum dunder_id id, const value *arg, int n,
                         bool *found)
{
    value f = type_lookup(in, type_of(in, self), in->dunder[id]);
    *found = !is_fail(f) && !is_none(f);
    if (!*found) return FAIL;
    value all[4] = {self};
    if (n) memcpy(all + 1, arg, (size_t)n * sizeof *arg);
    if (as_func(f)) {
        value_ref(f);
        value r = func_call(in, as_func(f), all, (size_t)n + 1, NULL);
        value_unref(in, f);
        return r;
    }
    const type *t = type_of(in, f);
    if (!t->get) return value_call(in, f, arg, (size_t)n, NULL);
    value m = t->get(in, f, self, type_of(in, self));
    value r = is_fail(m) ? FAIL : value_call(in, m, arg, (size_t)n, NULL);
    value_unref(in, m);
    return r;
}

#define CALL0(id)       call_dunder(in, self, D_##id, NULL, 0, &found)
#define CALL1(id, a)    call_dunder(in, self, D_##id, (value[]){a}, 1, &found)
#define CALL2(id, a, b) call_dunder(in, self, D_##id, (value[]){a, b}, 2, &found)
#define OBJ(p)          ((value){.kind = V_OBJ, .o = &(p)->hdr})

static value k_repr(interp *in, value self)
{
    bool found;
    value v = CALL0(REPR);
    return found ? v : object_repr(in, self);
}

static value k_str(interp *in, value self)
{
    bool found;
    value v = CALL0(STR);
    return found ? v : v_obj(value_repr(in, self));
}

static value k_format(interp *in, value self, str *spec)
{
    bool found;
    return CALL1(FORMAT, OBJ(spec));
}

static bool k_hash(interp *in, value self, uint64_t *out)
{
    bool found;
    value v = CALL0(HASH);
    if (!found) {
        throw(in, TypeError, "unhashable type: '%s'", type_of(in, self)->name);
        return false;
    }
    if (is_fail(v)) return false;
    bool ok = is_int(v);
    if (!ok)
        throw(in, TypeError, "__hash__ method should return an integer");
    else if (v.kind == V_INT) /* as it is; -1 is no hash */
        *out = (uint64_t)(v.i == -1 ? -2 : v.i);
    else
        ok = value_hash(in, v, out);
    value_unref(in, v);
    return ok;
}

static int k_bool(interp *in, value self)
{
    bool found;
    value v = CALL0(BOOL);
    if (!found) {
        if (!type_of(in, self)->length) return 1;
        int64_t n = type_of(in, self)->length(in, self);
        return n < 0 ? -1 : n != 0;
    }
    if (is_fail(v)) return -1;
    if (v.kind == V_BOOL) return (int)v.i;
    throw(in, TypeError, "__bool__ should return bool, returned %s", type_of(in, v)->name);
    value_unref(in, v);
    return -1;
}

static int64_t k_len(interp *in, value self)
{
    bool found;
    value v = CALL0(LEN);
    if (!found)
        return THROWN(in, TypeError, "object of type '%s' has no len()", type_of(in, self)->name);
    if (is_fail(v)) return -1;
    int64_t n = -1;
    if (to_int64(in, v, &n) && n < 0) {
        throw(in, ValueError, "__len__() should return >= 0");
        n = -1;
    } else if (throwing(in))
        n = -1;
    value_unref(in, v);
    return n;
}

static value k_compare(interp *in, enum cmpop op, value self, value other)
{
    bool found;
    value v = call_dunder(in, self, (enum dunder_id)(D_LT + op), &other, 1, &found);
    return found ? v : NOTIMPL;
}

static value k_unary(interp *in, enum unop op, value self)
{
    bool found;
    value v = call_dunder(in, self, (enum dunder_id)(D_NEG + op), NULL, 0, &found);
    return found ? v : NOTIMPL;
}

static value try_binary(interp *in, value self, int id, value other)
{
    bool found;
    value v = call_dunder(in, self, (enum dunder_id)id, &other, 1, &found);
    return found ? v : NOTIMPL;
}

static value k_binary(interp *in, enum binop op, value a, value b)
{
    const type *ta = type_of(in, a), *tb = type_of(in, b);
    int id = D_ADD + 2 * (int)op;
    bool left = ta->binary == k_binary, right = tb->binary == k_binary && ta != tb;
    if (left && right && type_is_sub(tb, ta)) { /* the subclass goes first */
        value m = type_lookup(in, tb, in->dunder[id + 1]),
              n = type_lookup(in, ta, in->dunder[id + 1]);
        if (!is_fail(m) && !value_same(m, n)) {
            value r = try_binary(in, b, id + 1, a);
            if (!is_notimpl(r)) return r;
            right = false;
        }
    }
    value r = left ? try_binary(in, a, id, b) : NOTIMPL;
    return is_notimpl(r) && right ? try_binary(in, b, id + 1, a) : r;
}

static value k_inplace(interp *in, enum binop op, value self, value other)
{
    return try_binary(in, self, D_IADD + (int)op, other);
}

static value k_getitem(interp *in, value self, value key)
{
    bool found;
    value v = CALL1(GETITEM, key);
    if (!found) throw(in, TypeError, "'%s' object is not subscriptable", type_of(in, self)->name);
    return v;
}

static bool k_setitem(interp *in, value self, value key, value to)
{
    bool found;
    value v = is_fail(to) ? CALL1(DELITEM, key) : CALL2(SETITEM, key, to);
    if (!found) {
        throw(in, TypeError, "'%s' object does%s support item %s", type_of(in, self)->name,
              is_fail(to) ? "n't" : " not", is_fail(to) ? "deletion" : "assignment");
    }
    if (is_fail(v)) return false;
    value_unref(in, v);
    return true;
}

static int k_contains(interp *in, value self, value item)
{
    bool found;
    value v = CALL1(CONTAINS, item);
    if (!found)
        throw(in, TypeError, "argument of type '%s' is not iterable", type_of(in, self)->name);
    if (is_fail(v)) return -1;
    int r = value_truth(in, v);
    value_unref(in, v);
    return r;
}

static value k_iter(interp *in, value self)
{
    bool found;
    value v = CALL0(ITER);
    if (!found) return throw(in, TypeError, "'%s' object is not iterable", type_of(in, self)->name);
    if (is_fail(v) || type_of(in, v)->next) return v;
    throw(in, TypeError, "iter() returned non-iterator of type '%s'", type_of(in, v)->name);
    value_unref(in, v);
    return FAIL;
}

static value k_next(interp *in, value self)
{
    bool found;
    value v = CALL0(NEXT);
    if (!found) throw(in, TypeError, "'%s' object is not an iterator", type_of(in, self)->name);
    value last;
    if (is_fail(v) && stop_value(in, &last)) stop_keep(in, last);
    return v;
}

/* __getattribute__, then __getattr__ when it raised AttributeError */
static value k_getattr(interp *in, value self, str *name)
{
    klass *k = as_klass(type_of(in, self));
    value r, n = OBJ(name);
    if (!is_fail(k->getattribute)) {
        bool found;
        r = CALL1(GETATTRIBUTE, n);
    } else {
        const type *t = k->native;
        r = t->getattr ? t->getattr(in, self, name) : generic_getattr(in, self, name);
    }
    if (!is_fail(r) || is_fail(k->getattr) || !exc_is(in, AttributeError)) return r;
    exc_clear(in);
    bool found;
    return CALL1(GETATTR, n);
}

static bool k_setattr(interp *in, value self, str *name, value to)
{
    bool found;
    value v = is_fail(to) ? CALL1(DELATTR, OBJ(name)) : CALL2(SETATTR, OBJ(name), to);
    if (is_fail(v)) return false;
    value_unref(in, v);
    return true;
}

static value k_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    value f = type_lookup(in, type_of(in, self), in->dunder[D_CALL]);
    if (is_fail(f))
        return throw(in, TypeError, "'%s' object is not callable", type_of(in, self)->name);
    const type *t = type_of(in, f);
    value m = t->get ? t->get(in, f, self, type_of(in, self)) : value_ref(f);
    value r = is_fail(m) ? FAIL : value_call(in, m, arg, npos, kwnames);
    value_unref(in, m);
    return r;
}

static value k_get(interp *in, value self, value inst, const type *owner)
{
    bool found;
    value t = owner ? v_type(owner) : NONE;
    value v = CALL2(GET, is_fail(inst) ? NONE : inst, t);
    value_unref(in, t);
    return found ? v : value_ref(self);
}

static bool k_set(interp *in, value self, value inst, value to)
{
    bool found;
    value v = is_fail(to) ? CALL1(DELETE, inst) : CALL2(SET, inst, to);
    if (!found) throw(in, AttributeError, is_fail(to) ? "__delete__" : "__set__");
    if (is_fail(v)) return false;
    value_unref(in, v);
    return true;
}

static value k_enter(interp *in, value self)
{
    bool found;
    value v = CALL0(ENTER);
    if (!found) {
        throw(in, TypeError, "'%s' object does not support the context manager protocol",
              type_of(in, self)->name);
    }
    return v;
}

static value k_exit(interp *in, value self, value x)
{
    bool found;
    exc *e = as_exc(x);
    value arg[3] = {NONE, NONE, NONE};
    if (e) {
        arg[0] = v_type(e->hdr.type);
        arg[1] = x;
        arg[2] = e->tb ? OBJ(e->tb) : NONE;
    }
    value v = call_dunder(in, self, D_EXIT, arg, 3, &found);
    if (e) value_unref(in, arg[0]);
    if (!found) {
        throw(in, TypeError,
              "'%s' object does not support the context manager protocol (missed "
              "__exit__ method)",
              type_of(in, self)->name);
    }
    return v;
}

static value k_dir(interp *in, value self)
{
    bool found;
    return CALL0(DIR);
}

/* ---- the table ---- */

typedef void (*any_fn)(void);
const dunder dunders[NDUNDER] = {
#define DUNDER(id, n, s, o, lo, hi, w, k)                                                          \
    [D_##id] = {.name = n,                                                                         \
                .slot = offsetof(type, s),                                                         \
                .op = o,                                                                           \
                .min = lo,                                                                         \
                .max = hi,                                                                         \
                .call = w,                                                                         \
                .fill = (any_fn)k},
#include "lang/types/dunder.def"
};

/* The ids of names that klass_fill looks for: those of the table, then what calls and ends. */
enum { ID_INIT = NDUNDER, ID_NEW, ID_DEL, NID, ID_NONE = NID };

/* A table from interned name to id, so that the names of a class body are sorted in one pass. */
struct dunder_ids {
    struct {
        const str *name;
        int id;
    } slot[256];
};
enum { NIDSLOT = sizeof((struct dunder_ids *)0)->slot / sizeof((struct dunder_ids *)0)->slot[0] };
_Static_assert(NID <= NIDSLOT / 2, "the table of dunder names wants more slots");

static size_t id_slot(const struct dunder_ids *ids, const str *name)
{
    uintptr_t at = (uintptr_t)name;
    size_t i = (at >> 4 ^ at >> 12) % NIDSLOT;
    while (ids->slot[i].name && ids->slot[i].name != name) i = (i + 1) % NIDSLOT;
    return i;
}

static int id_of(interp *in, str *name)
{
    if (name->at[0] != '_' || name->at[1] != '_') return ID_NONE;
    const str *own = name->hdr.flags & OBJ_NAME ? name : intern_find(in, name);
    size_t i = own ? id_slot(in->dunder_ids, own) : 0;
    return own && in->dunder_ids->slot[i].name ? in->dunder_ids->slot[i].id : ID_NONE;
}

bool dunders_open(interp *in)
{
    in->dunder = mem_zero(NDUNDER * sizeof *in->dunder);
    in->dunder_ids = mem_zero(sizeof *in->dunder_ids);
    for (int i = 0; i < NDUNDER; i++) {
        in->dunder[i] = str_intern(in, dunders[i].name, strlen(dunders[i].name));
        if (!in->dunder[i]) return false;
    }
    str *const more[] = {in->name.__init__, in->name.__new__, in->name.__del__};
    for (int i = 0; i < NID; i++) {
        const str *name = i < NDUNDER ? in->dunder[i] : more[i - NDUNDER];
        size_t at = id_slot(in->dunder_ids, name);
        in->dunder_ids->slot[at].name = name;
        in->dunder_ids->slot[at].id = i;
    }
    return true;
}

void dunders_close(interp *in)
{
    for (int i = 0; in->dunder && i < NDUNDER; i++) obj_unref(in, in->dunder[i]);
    mem_free(in->dunder);
    mem_free(in->dunder_ids);
    in->dunder = NULL;
    in->dunder_ids = NULL;
}

/* Does a builtin class that comes before the nth of the MRO have the name? */
static bool native_before(interp *in, const klass *k, uint32_t n, str *name)
{
    value v;
    for (uint32_t i = 0; i < n; i++) {
        if (!as_klass(k->mro[i]) && dict_get_str(in, type_attrs(in, k->mro[i]), name, &v) == 1)
            return true;
    }
    return false;
}

/* For each id the value k's MRO gives when a user class (not a builtin one) has it, else FAIL. */
static void gather(interp *in, const klass *k, value own[NID])
{
    bool seen[NID] = {0};
    for (int i = 0; i < NID; i++) own[i] = FAIL;
    for (uint32_t n = 0; n < k->nmro; n++) {
        const klass *c = as_klass(k->mro[n]);
        value key, v;
        for (int64_t i = 0; c && dict_next(c->dict, &i, &key, &v);) {
            str *name = as_str(key);
            int id = name ? id_of(in, name) : ID_NONE;
            if (id == ID_NONE || seen[id]) continue;
            seen[id] = true;
            if (!native_before(in, k, n, name)) own[id] = v;
        }
    }
}

void klass_fill(interp *in, klass *k)
{
    const type *native = k->native;
    for (int i = 0; i < NDUNDER; i++) { /* the builtin base's slots, then the user's */
        memcpy((char *)&k->t + dunders[i].slot, (const char *)native + dunders[i].slot,
               sizeof(any_fn));
    }
    k->t.make = native->make;
    value own[NID];
    gather(in, k, own);
    for (int i = 0; i < NDUNDER; i++) {
        value v = own[i];
        if (is_fail(v)) continue;
        any_fn f = is_none(v) && i != D_HASH ? NULL : dunders[i].fill;
        if (i == D_ITER && is_none(v)) f = NULL;
        memcpy((char *)&k->t + dunders[i].slot, &f, sizeof f);
    }
    bool own_len = k->t.length == k_len, own_bool = k->t.truth == k_bool;
    if (own_len && !own_bool) k->t.truth = NULL;
    k->init = own[ID_INIT];
    if (is_fail(k->init) && has_init_row(native) && !type_is_sub(native, exc_type(BaseException)))
        k->init = type_lookup(in, native, in->name.__init__);
    k->new_ = own[ID_NEW];
    k->del = own[ID_DEL];
    k->getattribute = own[D_GETATTRIBUTE];
    k->getattr = own[D_GETATTR];
    /* another builtin base may bring a slot the layout base lacks */
    if (!k->t.hash && native == &T_object) k->t.hash = object_hash;
}
