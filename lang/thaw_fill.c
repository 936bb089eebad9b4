/* lang/thaw_fill.c - the record of an object -> what the empty object holds. */
#include <string.h>

#include "lang/code.h"
#include "lang/exc.h"
#include "lang/thaw_impl.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/list.h"
#include "lang/types/module.h"

/* A dict, or the one of a module. */
static dict *get_namespace(thawer *t)
{
    value v = thaw_value(t);
    dict *d = as_dict(v);
    if (d) return d;
    if (v.kind == V_OBJ && v.o->type == &T_module)
        d = obj_ref(((module *)(void *)v.o)->dict);
    else
        thaw_damaged(t);
    value_unref(t->in, v);
    return d;
}

static void fill_func(thawer *t, func *f)
{
    interp *in = t->in;
    bytecode *c = as_bytecode(thaw_datum(t));
    f->link = c ? code_link(in, c) : NULL;
    f->globals = get_namespace(t);
    f->defaults = thaw_obj(t, &T_tuple);
    f->kwdefaults = thaw_obj(t, &T_dict);
    f->closure = thaw_obj(t, &T_tuple);
    f->annotations = thaw_obj(t, &T_dict);
    f->name = thaw_obj(t, &T_str);
    f->qualname = thaw_obj(t, &T_str);
    f->doc = thaw_value(t);
    f->module = thaw_value(t);
    obj_head(&f->hdr)->dict = thaw_obj(t, &T_dict);
}

static void fill_class(thawer *t, klass *k)
{
    uint64_t id[2];
    thaw_bytes(t, id, sizeof id);
    thaw_skip(t);
    thaw_skip(t);
    thaw_skip(t);
    thaw_skip(t);
    dict *d = thaw_obj(t, &T_dict);
    if (d) {
        obj_unref(t->in, k->dict);
        k->dict = d;
    }
    k->sealed = thaw_byte(t);
}

static void fill_traceback(thawer *t, exc *x)
{
    traceback **to = &x->tb;
    for (uint32_t n = thaw_u32(t); n && !throwing(t->in); n--) {
        bytecode *c = as_bytecode(thaw_datum(t));
        uint32_t at = thaw_u32(t), more = thaw_u32(t);
        link *l = c ? code_link(t->in, c) : NULL;
        traceback *tb = l ? obj_new(t->in, &T_traceback, 0) : NULL;
        if (!tb) {
            link_unref(t->in, l);
            return;
        }
        tb->link = l;
        tb->at = at;
        tb->more = more;
        tb->globals = obj_ref(t->in->main);
        *to = tb;
        to = &tb->next;
    }
}

static void fill_exc(thawer *t, exc *x)
{
    thaw_u32(t);
    x->args = thaw_obj(t, &T_tuple);
    x->cause = thaw_value(t);
    x->context = thaw_value(t);
    x->suppress = thaw_byte(t);
    for (int i = 0; i < EXC_FIELDS; i++) x->field[i] = thaw_value(t);
    fill_traceback(t, x);
}

static void fill_property(thawer *t, property *p)
{
    p->name = thaw_obj(t, &T_str);
    p->get = thaw_value(t);
    p->set = thaw_value(t);
    p->del = thaw_value(t);
    p->doc = thaw_value(t);
}

static void fill_instance(thawer *t, unsigned kind, value v)
{
    thaw_skip(t);
    dict *own = thaw_obj(t, &T_dict);
    if (own && v.o->flags & OBJ_DICT && !obj_head(v.o)->dict) /* else its type made it one */
        obj_head(v.o)->dict = own;
    else
        obj_unref(t->in, own);
    if (kind == RK_EXC) fill_exc(t, (exc *)(void *)v.o);
    if (kind != RK_LIST) return;
    uint32_t n = thaw_u32(t);
    if (!thaw_is_there(t, n) || !list_reserve(t->in, (list *)(void *)v.o, n)) return;
    for (uint32_t i = 0; i < n && !throwing(t->in); i++) {
        value item = thaw_value(t);
        if (!is_fail(item)) list_add(t->in, (list *)(void *)v.o, item);
    }
}

/* First what hashes nothing. */
bool thaw_fill(thawer *t, uint32_t id)
{
    value v = t->t->at[id];
    unsigned kind = thaw_enter(t, id);
    switch ((enum record_kind)kind) {
    case RK_CELL: ((cell *)(void *)v.o)->v = thaw_value(t); break;
    case RK_FUNC: fill_func(t, (func *)(void *)v.o); break;
    case RK_METHOD:
        ((method *)(void *)v.o)->f = thaw_value(t);
        ((method *)(void *)v.o)->self = thaw_value(t);
        break;
    case RK_WRAPPER:
        thaw_byte(t);
        ((wrapper *)(void *)v.o)->f = thaw_value(t);
        break;
    case RK_PROPERTY: fill_property(t, (property *)(void *)v.o); break;
    case RK_CLASS: fill_class(t, (klass *)(void *)v.o); break;
    case RK_CROSS:
    case RK_PLAIN:
    case RK_EXC:
    case RK_LIST:
    case RK_DICT:
    case RK_SET:
    case RK_STR:
    case RK_BOXED: fill_instance(t, kind, v); break;
    case RK_REDUCE: return thaw_fill_reduced(t, v);
    default: break;
    }
    return !throwing(t->in);
}

enum { MOST_NAMES = 200 };

/* Then dicts and sets, keys before what is keyed by them being of no concern any more. */
bool thaw_fill_table(thawer *t, uint32_t id)
{
    value v = t->t->at[id];
    unsigned kind = thaw_enter(t, id);
    if (kind != RK_DICT && kind != RK_SET && kind != RK_GLOBALS) return true;
    if (kind != RK_GLOBALS) {
        thaw_skip(t);
        thaw_skip(t);
    }
    uint32_t n = thaw_u32(t);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        value k = thaw_whole_value(t); /* it may be hashed by code of the user */
        if (is_fail(k)) return thaw_damaged(t);
        if (as_str(k) &&
            n <= MOST_NAMES) { /* likely attribute names: caches want the interned ones */
            value s = v_obj(str_intern(t->in, as_str(k)->at, as_str(k)->nbyte));
            value_unref(t->in, k);
            k = s;
        }
        if (kind == RK_SET)
            ok = set_add(t->in, (set *)(void *)v.o, k);
        else {
            value item = thaw_value(t);
            ok = !is_fail(item) && dict_set(t->in, (dict *)(void *)v.o, k, item);
            value_unref(t->in, item);
        }
        value_unref(t->in, k);
    }
    return ok;
}
