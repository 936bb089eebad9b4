/* lang/thaw.c - capsule -> values: objects are made on demand, empty first and filled after, so
 * that cycles close; tables that hash their keys are filled last. */
#include <string.h>

#include "lang/code.h"
#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

/* What has been done for an object: its own values, its table; WHOLE: the same for all that it
 * refers to (but for cycles). */
enum { OWN = 1, TABLE = 2, WHOLE = 4, DONE = OWN | TABLE | WHOLE };

struct thawer {
    interp *in;
    capsule *c;
    thawed *t;
    const char *p, *end; /* reading here */
    uint8_t *filled;
    const thaw_inputs *inputs;
    int depth;
    int eager; /* what is made now must be whole at once: code will look at it */
    bool frozen;
};

interp *thawer_interp(thawer *t)
{
    return t->in;
}

bool thaw_is_shared(const thawer *t)
{
    return t->frozen;
}

/* ---- reading ---- */

/* Capsules that came as bytes may say anything: reading ends at their end. */
static bool damaged(thawer *t)
{
    if (!throwing(t->in)) throw(t->in, ValueError, "the data is damaged or was truncated");
    t->p = t->end;
    return false;
}

static bool is_there(thawer *t, size_t n)
{
    return (size_t)(t->end - t->p) >= n || damaged(t);
}

void thaw_bytes(thawer *t, void *p, size_t n)
{
    if (!is_there(t, n)) {
        memset(p, 0, n);
        return;
    }
    memcpy(p, t->p, n);
    t->p += n;
}

static unsigned get_byte(thawer *t)
{
    return is_there(t, 1) ? (unsigned char)*t->p++ : 0;
}

static uint32_t get_u32(thawer *t)
{
    uint32_t u;
    thaw_bytes(t, &u, sizeof u);
    return u;
}

static const char *get_text(thawer *t, size_t *n)
{
    *n = get_u32(t);
    if (!is_there(t, *n)) *n = 0;
    const char *s = t->p;
    t->p += *n;
    return s;
}

datum *thaw_datum(thawer *t)
{
    uint32_t i = get_u32(t);
    if (i < t->c->nheld && t->c->held[i]) return t->c->held[i];
    damaged(t);
    return NULL;
}

static value shell(thawer *t, uint32_t id); /* lends */

value thaw_value(thawer *t)
{
    value v = FAIL;
    switch (get_byte(t)) {
    case VT_NONE: return NONE;
    case VT_BOOL: return v_bool(get_byte(t));
    case VT_INT:
        thaw_bytes(t, &v.i, 8);
        v.kind = V_INT;
        return v;
    case VT_FLOAT:
        thaw_bytes(t, &v.i, 8);
        v.kind = V_FLOAT;
        return v;
    case VT_SCALAR:
        v.aux = get_u32(t);
        thaw_bytes(t, &v.i, 8);
        v.kind = V_SCALAR;
        return v;
    case VT_NOTIMPL: return NOTIMPL;
    case VT_ELLIPSIS: return ELLIPSIS;
    case VT_OBJ: return value_ref(shell(t, get_u32(t)));
    default: return FAIL;
    }
}

/* An object of that very layout: owned; NULL: none. */
static void *get_obj(thawer *t, const type *of)
{
    value v = thaw_value(t);
    if (v.kind != V_OBJ) return NULL;
    if (obj_isa(v.o, of)) return v.o;
    damaged(t);
    value_unref(t->in, v);
    return NULL;
}

/* Passes over a value without making it. */
static void skip_value(thawer *t)
{
    static const uint8_t size[] = {[VT_BOOL] = 1,    [VT_INT] = 8, [VT_FLOAT] = 8,
                                   [VT_SCALAR] = 12, [VT_OBJ] = 4, [VT_ELLIPSIS] = 0};
    unsigned tag = get_byte(t);
    size_t n = tag < sizeof size ? size[tag] : 0;
    if (is_there(t, n)) t->p += n;
}

/* ---- empty objects ---- */

static value by_name(thawer *t)
{
    size_t n;
    const char *s = get_text(t, &n);
    char *home = mem_dupn(s, n);
    s = get_text(t, &n);
    char *path = mem_dupn(s, n);
    value v = interp_import(t->in, home);
    for (char *p = path; *p && !is_fail(v);) {
        size_t k = strcspn(p, ".");
        str *name = str_intern(t->in, p, k);
        value next = value_getattr(t->in, v, name);
        obj_unref(t->in, name);
        value_unref(t->in, v);
        v = next;
        p += k + (p[k] == '.');
    }
    mem_free(home);
    mem_free(path);
    return v;
}

/* The class that this one is, when the interpreter has it: it went out from here, or came before.
 */
static klass *known_class(thawer *t, const uint64_t *id)
{
    if (t->frozen || !(id[0] | id[1])) return NULL;
    klass *k = t->in->klasses;
    while (k && (k->id[0] != id[0] || k->id[1] != id[1] || k->t.hdr.flags & OBJ_FROZEN))
        k = k->next;
    return k;
}

static value make_class(thawer *t, uint32_t object)
{
    uint64_t id[2];
    thaw_bytes(t, id, sizeof id);
    klass *k = known_class(t, id);
    if (k) {
        t->filled[object] = DONE;
        return value_ref(OBJ(&k->t));
    }
    value meta = thaw_value(t);
    str *name = get_obj(t, &T_str), *qualname = get_obj(t, &T_str);
    tuple *bases = get_obj(t, &T_tuple);
    bool ok = as_type(meta) && name && qualname && bases && bases->n;
    for (int64_t i = 0; ok && i < bases->n; i++) ok = as_type(bases->at[i]);
    if (ok) k = klass_restore(t->in, as_type(meta), name, qualname, bases);
    if (k && !t->frozen) memcpy(k->id, id, sizeof id);
    value_unref(t->in, meta);
    obj_unref(t->in, name);
    obj_unref(t->in, qualname);
    obj_unref(t->in, bases);
    return v_obj(k);
}

static value make_origin(thawer *t)
{
    capsule *c = as_capsule(thaw_datum(t));
    uint32_t id = get_u32(t);
    if (!c || id >= c->nobj) return FAIL;
    if (c->home == t->in) return value_ref(c->origin[id]);
    thawed *other = thaw_shared(t->in, c); /* from one worker to the next */
    return other ? value_ref(other->at[id]) : FAIL;
}

/* What is made from here on is whole at once. */
static value whole_value(thawer *t)
{
    t->eager++;
    value v = thaw_value(t);
    t->eager--;
    return v;
}

static value make_reduced(thawer *t)
{
    value make = whole_value(t), args = whole_value(t), r = FAIL;
    tuple *a = as_tuple(args);
    if (throwing(t->in) || !a) {
        damaged(t);
    } else if (!is_none(make)) {
        r = call_with(t->in, make, args, FAIL);
    } else if (a->n) {
        value new_ = value_getattr(t->in, a->at[0], t->in->name.__new__);
        r = is_fail(new_) ? FAIL : call_with(t->in, new_, args, FAIL);
        value_unref(t->in, new_);
    }
    value_unref(t->in, make);
    value_unref(t->in, args);
    return r;
}

static bool fill_reduced(thawer *t, value v)
{
    value make = whole_value(t);
    value_unref(t->in, whole_value(t));
    value state = whole_value(t), items = whole_value(t), pairs = whole_value(t);
    bool ok = !throwing(t->in);
    if (ok && !(is_none(state) && is_none(items) && is_none(pairs))) {
        value copy = interp_import(t->in, "copy");
        value r = is_fail(copy)
                      ? FAIL
                      : call_method(t->in, copy, "_restore", 5, v, make, state, items, pairs);
        ok = !is_fail(r);
        value_unref(t->in, r);
        value_unref(t->in, copy);
    }
    value_unref(t->in, make);
    value_unref(t->in, state);
    value_unref(t->in, items);
    value_unref(t->in, pairs);
    return ok;
}

/* A member of an Enum that is here already, or FAIL. */
static value known_member(thawer *t)
{
    value cls = thaw_value(t), v, found = FAIL;
    str *name = get_obj(t, &T_str);
    klass *k = as_type(cls) ? as_klass(as_type(cls)) : NULL;
    dict *members = k && name ? as_dict(dict_peek(t->in, k->dict, "_member_map_")) : NULL;
    if (members && dict_get_str(t->in, members, name, &v) == 1) found = value_ref(v);
    obj_unref(t->in, name);
    value_unref(t->in, cls);
    return found;
}

/* The builtin type whose layout a record of this kind has. */
static bool fits(const type *ct, unsigned kind)
{
    static const type *const base[] = {
        [RK_STR] = &T_str, [RK_TUPLE] = &T_tuple, [RK_LIST] = &T_list, [RK_DICT] = &T_dict};
    if (kind == RK_SET) return type_is_sub(ct, &T_set) || type_is_sub(ct, &T_frozenset);
    if (kind == RK_EXC) return type_is_sub(ct, exc_type(BaseException));
    if (kind == RK_BOXED)
        return type_is_sub(ct, &T_int) || type_is_sub(ct, &T_float) || type_is_sub(ct, &T_bool);
    if (kind == RK_PLAIN)
        return ct == &T_object || (as_klass(ct) && as_klass(ct)->native == &T_object);
    return kind < sizeof base / sizeof *base && base[kind] && type_is_sub(ct, base[kind]);
}

static value make_payload(thawer *t, unsigned kind)
{
    interp *in = t->in;
    value cls = thaw_value(t);
    const type *ct = as_type(cls);
    size_t n;
    if (!ct || !fits(ct, kind)) {
        value_unref(in, cls);
        return FAIL;
    }
    skip_value(t); /* the instance dict */
    value v = FAIL;
    bool exact = !(ct->flags & TYPE_HEAP);
    switch (kind) {
    case RK_STR: {
        const char *s = get_text(t, &n);
        if (exact)
            v = v_obj(str_new(in, s, n));
        else {
            value text = v_obj(str_new(in, s, n));
            v = T_str.make(in, ct, &text, 1, NULL);
            value_unref(in, text);
        }
        break;
    }
    case RK_TUPLE:
        n = get_u32(t);
        if (!is_there(t, n)) break;
        if (exact)
            v = v_obj(tuple_new(in, (int64_t)n));
        else {
            value items = v_obj(tuple_new(in, (int64_t)n));
            v = T_tuple.make(in, ct, &items, 1, NULL);
            value_unref(in, items);
        }
        break;
    case RK_LIST: v = exact ? v_obj(list_new(in, 0)) : v_obj(obj_new(in, ct, 0)); break;
    case RK_DICT: v = exact ? v_obj(dict_new(in)) : T_dict.make(in, ct, NULL, 0, NULL); break;
    case RK_SET:
        if (exact)
            v = v_obj(set_new(in, ct == &T_frozenset));
        else
            v = v_obj(obj_new(in, ct, 0));
        break;
    case RK_BOXED: {
        boxed *b = obj_new(in, ct, 0);
        if (b) b->v = thaw_value(t);
        v = v_obj(b);
        break;
    }
    default: v = v_obj(obj_new(in, ct, 0));
    }
    value_unref(in, cls);
    return v;
}

static value make(thawer *t, uint32_t id)
{
    interp *in = t->in;
    size_t n;
    const char *s;
    unsigned kind = get_byte(t);
    if (kind == RK_ENUM) {
        value member = known_member(t);
        if (!is_fail(member)) t->filled[id] = DONE;
        if (!is_fail(member) || throwing(in)) return member;
        kind = get_byte(t);
    }
    switch ((enum record_kind)kind) {
    case RK_BYTES: s = get_text(t, &n); return v_obj(bytes_new(in, s, n));
    case RK_BYTEARRAY: {
        s = get_text(t, &n);
        value b = v_obj(bytes_new(in, s, n)), v = T_bytearray.make(in, &T_bytearray, &b, 1, NULL);
        value_unref(in, b);
        return v;
    }
    case RK_BIGINT: {
        s = get_text(t, &n);
        char *z = mem_dupn(s, n);
        value v = int_parse(in, z, n, 16);
        mem_free(z);
        return v;
    }
    case RK_COMPLEX: {
        double c[2];
        thaw_bytes(t, c, sizeof c);
        return v_complex(in, c[0], c[1]);
    }
    case RK_TYPE: {
        const type *p;
        if (t->c->portable) return FAIL;
        thaw_bytes(t, &p, sizeof p);
        return v_type(p);
    }
    case RK_CORE:
        n = get_byte(t);
        for (size_t i = 0; core_types[i]; i++)
            if (i == n) return v_type(core_types[i]);
        return FAIL;
    case RK_REDUCE: return make_reduced(t);
    case RK_INPUT: {
        uint64_t input;
        thaw_bytes(t, &input, sizeof input);
        return t->inputs ? t->inputs->get(t->inputs->ctx, in, input) : input_value(in, input);
    }
    case RK_MODULE: {
        s = get_text(t, &n);
        char *name = mem_dupn(s, n);
        value m = interp_import(in, name);
        mem_free(name);
        return m;
    }
    case RK_NAMED: return by_name(t);
    case RK_ORIGIN: return make_origin(t);
    case RK_CLASS: return make_class(t, id);
    case RK_CELL: return v_obj(cell_new(in, FAIL));
    case RK_FUNC: return v_obj(obj_new(in, &T_function, 0));
    case RK_METHOD: return v_obj(obj_new(in, &T_method, 0));
    case RK_WRAPPER: return v_obj(obj_new(in, get_byte(t) ? &T_classmethod : &T_staticmethod, 0));
    case RK_PROPERTY: return v_obj(obj_new(in, &T_property, 0));
    case RK_GLOBALS: return v_obj(dict_new(in));
    case RK_SLICE:
    case RK_RANGE: {
        value v[3] = {thaw_value(t), thaw_value(t), thaw_value(t)};
        value made = kind == RK_SLICE ? slice_new(in, v[0], v[1], v[2])
                                      : T_range.make(in, &T_range, v, 3, NULL);
        for (int i = 0; i < 3; i++) value_unref(in, v[i]);
        return made;
    }
    case RK_GETATTR: {
        value on = thaw_value(t);
        str *name = get_obj(t, &T_str);
        value v = name && !is_fail(on) ? value_getattr(in, on, name) : FAIL;
        value_unref(in, on);
        obj_unref(in, name);
        return v;
    }
    case RK_CODE: {
        bytecode *code = as_bytecode(thaw_datum(t));
        link *l = code ? code_link(in, code) : NULL;
        value v = l ? code_value(in, l) : FAIL;
        link_unref(in, l);
        return v;
    }
    case RK_MEMBER: {
        value owner = thaw_value(t);
        str *name = get_obj(t, &T_str);
        value v = name && as_type(owner) ? member_new(in, as_type(owner), name) : FAIL;
        value_unref(in, owner);
        obj_unref(in, name);
        return v;
    }
    case RK_CROSS: {
        value cls = thaw_value(t);
        const type *p = as_type(cls);
        skip_value(t);
        value v = p && p->cross ? v_obj(p->cross->load(t, p)) : FAIL;
        value_unref(in, cls);
        return v;
    }
    default: return make_payload(t, kind);
    }
}

/* Of a member of an Enum: of its instance. */
static unsigned kind_at(const thawer *t, uint32_t id)
{
    return (unsigned char)t->c->text[t->c->off[id]];
}

static bool seek(thawer *t, uint32_t id)
{
    if (id >= t->c->nobj || t->c->off[id] >= t->c->n) return damaged(t);
    t->p = t->c->text + t->c->off[id];
    return true;
}

/* To what stands behind the kind: the kind. */
static unsigned enter(thawer *t, uint32_t id)
{
    seek(t, id);
    unsigned kind = get_byte(t);
    if (kind != RK_ENUM) return kind;
    skip_value(t);
    skip_value(t);
    return get_byte(t);
}

/* A tuple is filled as soon as it is made: keys and bases are read from it. */
static void fill_tuple(thawer *t, uint32_t id)
{
    tuple *x = as_tuple(t->t->at[id]);
    bool again = t->filled[id] & OWN;
    enter(t, id);
    skip_value(t);
    skip_value(t);
    uint32_t n = get_u32(t);
    t->filled[id] |= t->eager ? DONE : OWN;
    for (uint32_t i = 0; x && i < n && i < x->n && !throwing(t->in); i++) {
        value v = thaw_value(t);
        if (again || is_fail(v))
            value_unref(t->in, v);
        else
            x->at[i] = v;
    }
}

static bool fill(thawer *t, uint32_t id);
static bool fill_table(thawer *t, uint32_t id);

static void pass(thawer *t)
{
    value_unref(t->in, thaw_value(t));
}

/* Makes whole what a filled object refers to. */
static void walk(thawer *t, uint32_t id)
{
    unsigned kind = enter(t, id);
    switch ((enum record_kind)kind) {
    case RK_METHOD: pass(t); /* fall through */
    case RK_CELL: pass(t); break;
    case RK_PLAIN:
    case RK_LIST:
    case RK_DICT:
    case RK_SET:
    case RK_STR:
    case RK_BOXED:
        skip_value(t);
        pass(t);
        for (uint32_t n = kind == RK_LIST ? get_u32(t) : 0; n && !throwing(t->in); n--) pass(t);
        break;
    default: break;
    }
}

static void make_whole(thawer *t, uint32_t id)
{
    uint8_t had = t->filled[id];
    t->filled[id] = DONE;
    if (had & OWN)
        walk(t, id);
    else
        fill(t, id);
    if (!(had & TABLE)) fill_table(t, id);
}

static value lost(thawer *t)
{
    damaged(t);
    return FAIL;
}

static value shell(thawer *t, uint32_t id)
{
    if (id >= t->c->nobj) return lost(t);
    value *at = &t->t->at[id];
    bool whole = !t->eager || t->filled[id] & WHOLE;
    if (throwing(t->in) || (!is_fail(*at) && whole)) return *at;
    if (++t->depth > 5000 || !check_stack(t->in)) {
        if (!throwing(t->in)) throw(t->in, RecursionError, "too many objects within each other");
        return FAIL;
    }
    const char *back = t->p;
    if (is_fail(*at) && seek(t, id)) {
        value v = make(t, id);
        if (is_fail(v) && !throwing(t->in)) damaged(t);
        if (throwing(t->in) || !is_fail(*at))
            value_unref(t->in, v); /* made meanwhile, in a cycle */
        else
            *at = v;
    }
    if (!throwing(t->in) && !is_fail(*at)) {
        if (kind_at(t, id) == RK_TUPLE && (t->eager || !(t->filled[id] & OWN)))
            fill_tuple(t, id);
        else if (t->eager && !(t->filled[id] & WHOLE))
            make_whole(t, id);
    }
    t->p = back;
    t->depth--;
    return *at;
}

/* ---- filling ---- */

/* A dict, or the one of a module. */
static dict *get_namespace(thawer *t)
{
    value v = thaw_value(t);
    dict *d = as_dict(v);
    if (d) return d;
    if (v.kind == V_OBJ && v.o->type == &T_module)
        d = obj_ref(((module *)(void *)v.o)->dict);
    else
        damaged(t);
    value_unref(t->in, v);
    return d;
}

static void fill_func(thawer *t, func *f)
{
    interp *in = t->in;
    bytecode *c = as_bytecode(thaw_datum(t));
    f->link = c ? code_link(in, c) : NULL;
    f->globals = get_namespace(t);
    f->defaults = get_obj(t, &T_tuple);
    f->kwdefaults = get_obj(t, &T_dict);
    f->closure = get_obj(t, &T_tuple);
    f->annotations = get_obj(t, &T_dict);
    f->name = get_obj(t, &T_str);
    f->qualname = get_obj(t, &T_str);
    f->doc = thaw_value(t);
    f->module = thaw_value(t);
    obj_head(&f->hdr)->dict = get_obj(t, &T_dict);
}

static void fill_class(thawer *t, klass *k)
{
    uint64_t id[2];
    thaw_bytes(t, id, sizeof id);
    skip_value(t);
    skip_value(t);
    skip_value(t);
    skip_value(t);
    dict *d = get_obj(t, &T_dict);
    if (d) {
        obj_unref(t->in, k->dict);
        k->dict = d;
    }
    k->sealed = get_byte(t);
}

static void fill_traceback(thawer *t, exc *x)
{
    traceback **to = &x->tb;
    for (uint32_t n = get_u32(t); n && !throwing(t->in); n--) {
        bytecode *c = as_bytecode(thaw_datum(t));
        uint32_t at = get_u32(t);
        link *l = c ? code_link(t->in, c) : NULL;
        traceback *tb = l ? obj_new(t->in, &T_traceback, 0) : NULL;
        if (!tb) {
            link_unref(t->in, l);
            return;
        }
        tb->link = l;
        tb->at = at;
        tb->globals = obj_ref(t->in->main);
        *to = tb;
        to = &tb->next;
    }
}

static void fill_exc(thawer *t, exc *x)
{
    get_u32(t);
    x->args = get_obj(t, &T_tuple);
    x->cause = thaw_value(t);
    x->context = thaw_value(t);
    x->suppress = get_byte(t);
    for (int i = 0; i < EXC_FIELDS; i++) x->field[i] = thaw_value(t);
    fill_traceback(t, x);
}

static void fill_property(thawer *t, property *p)
{
    p->name = get_obj(t, &T_str);
    p->get = thaw_value(t);
    p->set = thaw_value(t);
    p->del = thaw_value(t);
    p->doc = thaw_value(t);
}

static void fill_instance(thawer *t, unsigned kind, value v)
{
    skip_value(t);
    dict *own = get_obj(t, &T_dict);
    if (v.o->flags & OBJ_DICT)
        obj_head(v.o)->dict = own;
    else
        obj_unref(t->in, own);
    if (kind == RK_EXC) fill_exc(t, (exc *)(void *)v.o);
    if (kind != RK_LIST) return;
    uint32_t n = get_u32(t);
    for (uint32_t i = 0; i < n && !throwing(t->in); i++) {
        value item = thaw_value(t);
        if (!is_fail(item)) list_add(t->in, (list *)(void *)v.o, item);
    }
}

/* First what hashes nothing. */
static bool fill(thawer *t, uint32_t id)
{
    value v = t->t->at[id];
    unsigned kind = enter(t, id);
    switch ((enum record_kind)kind) {
    case RK_CELL: ((cell *)(void *)v.o)->v = thaw_value(t); break;
    case RK_FUNC: fill_func(t, (func *)(void *)v.o); break;
    case RK_METHOD:
        ((method *)(void *)v.o)->f = thaw_value(t);
        ((method *)(void *)v.o)->self = thaw_value(t);
        break;
    case RK_WRAPPER:
        get_byte(t);
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
    case RK_REDUCE: return fill_reduced(t, v);
    default: break;
    }
    return !throwing(t->in);
}

enum { MOST_NAMES = 200 };

/* Then dicts and sets, keys before what is keyed by them being of no concern any more. */
static bool fill_table(thawer *t, uint32_t id)
{
    value v = t->t->at[id];
    unsigned kind = enter(t, id);
    if (kind != RK_DICT && kind != RK_SET && kind != RK_GLOBALS) return true;
    if (kind != RK_GLOBALS) {
        skip_value(t);
        skip_value(t);
    }
    uint32_t n = get_u32(t);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        value k = whole_value(t); /* it may be hashed by code of the user */
        if (is_fail(k)) return damaged(t);
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

static void finish_classes(thawer *t)
{
    for (uint32_t i = 0; i < t->c->nobj; i++) {
        if (kind_at(t, i) != RK_CLASS) continue;
        klass *k = as_type(t->t->at[i]) ? as_klass(as_type(t->t->at[i])) : NULL;
        if (k) klass_changed(t->in, k);
    }
}

static bool can_change(unsigned kind)
{
    switch ((enum record_kind)kind) {
    case RK_PLAIN:
    case RK_EXC:
    case RK_LIST:
    case RK_DICT:
    case RK_SET:
    case RK_BYTEARRAY:
    case RK_CELL:
    case RK_FUNC:
    case RK_CLASS:
    case RK_GLOBALS:
    case RK_CROSS:
    case RK_PROPERTY: return true;
    default: return false;
    }
}

static bool has_identity(unsigned kind)
{
    return can_change(kind) || kind == RK_METHOD || kind == RK_TUPLE || kind == RK_STR;
}

static bool build(thawer *t, bool frozen)
{
    capsule *c = t->c;
    bool ok = true;
    for (uint32_t i = 0; ok && i < c->nobj; i++) ok = !is_fail(shell(t, i)) && !throwing(t->in);
    for (uint32_t i = 0; ok && i < c->nobj; i++) {
        bool now = !(t->filled[i] & OWN);
        t->filled[i] |= OWN;
        ok = !now || fill(t, i);
    }
    for (uint32_t i = 0; ok && i < c->nobj; i++) {
        bool now = !(t->filled[i] & TABLE);
        t->filled[i] |= TABLE;
        ok = !now || fill_table(t, i);
    }
    if (ok) finish_classes(t);
    t->p = c->text + c->root;
    t->t->root = ok ? thaw_value(t) : FAIL;
    for (uint32_t i = 0; ok && frozen && i < c->nobj; i++) {
        unsigned kind = kind_at(t, i);
        obj *o = t->t->at[i].kind == V_OBJ ? t->t->at[i].o : NULL;
        if (!o || o->flags & OBJ_FROZEN) continue;
        if (has_identity(kind)) origin_add(t->in, o, c, i);
        t->t->own[i] = can_change(kind);
        if (t->t->own[i]) o->flags |= OBJ_FROZEN;
    }
    return ok && !throwing(t->in);
}

thawed *thaw_build(interp *in, capsule *c, bool frozen, const thaw_inputs *inputs)
{
    if (!c->text) {
        throw(in, RuntimeError, "an exception that cannot leave its thread");
        return NULL;
    }
    thawed *made = mem_zero(sizeof *made);
    made->c = datum_ref(c);
    made->at = mem_zero((c->nobj + 1) * sizeof *made->at);
    made->own = mem_zero((c->nobj + 1) * sizeof *made->own);
    thawer t = {.in = in,
                .c = c,
                .t = made,
                .p = c->text,
                .end = c->text + c->n,
                .filled = mem_zero(c->nobj + 1),
                .inputs = inputs,
                .frozen = frozen};
    frame *f = in->frame;
    bool ok = build(&t, frozen);
    in->frame = f;
    mem_free(t.filled);
    if (ok) return made;
    thawed_free(in, made);
    return NULL;
}

void thawed_free(interp *in, thawed *t)
{
    uint32_t n = t->c->nobj;
    for (uint32_t i = 0; i < n; i++) /* what we marked counts again */
        if (t->own[i]) t->at[i].o->flags &= (uint16_t)~OBJ_FROZEN;
    value_unref(in, t->root);
    for (uint32_t i = 0; i < n; i++) value_unref(in, t->at[i]);
    mem_free(t->at);
    mem_free(t->own);
    datum_unref(t->c);
    mem_free(t);
}
