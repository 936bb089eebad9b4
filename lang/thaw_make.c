/* lang/thaw_make.c - the record of an object -> the object: whole when nothing in it can refer back
 * to it, else empty. */
#include <string.h>

#include "lang/code.h"
#include "lang/exc.h"
#include "lang/thaw_impl.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

static value by_name(thawer *t)
{
    size_t n;
    const char *s = thaw_text(t, &n);
    char *home = mem_dupn(s, n);
    s = thaw_text(t, &n);
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
    str *name = thaw_obj(t, &T_str), *qualname = thaw_obj(t, &T_str);
    tuple *bases = thaw_obj(t, &T_tuple);
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
    uint32_t id = thaw_u32(t);
    if (!c || id >= c->nobj) return FAIL;
    if (c->home == t->in) return value_ref(c->origin[id]);
    thawed *other = thaw_shared(t->in, c); /* from one worker to the next */
    return other ? value_ref(other->at[id]) : FAIL;
}

/* What is made from here on is whole at once. */
value thaw_whole_value(thawer *t)
{
    t->eager++;
    value v = thaw_value(t);
    t->eager--;
    return v;
}

static value make_reduced(thawer *t)
{
    value make = thaw_whole_value(t), args = thaw_whole_value(t), r = FAIL;
    if (throwing(t->in) || !as_tuple(args))
        thaw_damaged(t);
    else
        r = call_with(t->in, make, args, FAIL);
    value_unref(t->in, make);
    value_unref(t->in, args);
    return r;
}

bool thaw_fill_reduced(thawer *t, value v)
{
    value part[REDUCED_PARTS] = {v};
    thaw_skip(t);
    thaw_skip(t);
    bool plain = true;
    for (int i = 2; i < REDUCED_PARTS; i++) {
        part[i] = thaw_whole_value(t);
        plain = plain && is_none(part[i]);
    }
    bool ok = !throwing(t->in);
    if (ok && !plain) {
        value copy = interp_import(t->in, "copy");
        value r = is_fail(copy) ? FAIL
                                : call_method(t->in, copy, "_restore", 5, v, part[2], part[3],
                                              part[4], part[5]);
        ok = !is_fail(r);
        value_unref(t->in, r);
        value_unref(t->in, copy);
    }
    for (int i = 2; i < REDUCED_PARTS; i++) value_unref(t->in, part[i]);
    return ok;
}

/* A member of an Enum that is here already, or FAIL. */
static value known_member(thawer *t)
{
    value cls = thaw_value(t), v, found = FAIL;
    str *name = thaw_obj(t, &T_str);
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
    thaw_skip(t); /* the instance dict */
    value v = FAIL;
    bool exact = !(ct->flags & TYPE_HEAP);
    switch (kind) {
    case RK_STR: {
        const char *s = thaw_text(t, &n);
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
        n = thaw_u32(t);
        if (!thaw_is_there(t, n)) break;
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

/* Objects whose record is their bytes. */
static value make_plain(thawer *t, unsigned kind)
{
    interp *in = t->in;
    size_t n;
    const char *s;
    switch ((enum record_kind)kind) {
    case RK_BYTES: s = thaw_text(t, &n); return v_obj(bytes_new(in, s, n));
    case RK_BYTEARRAY: {
        s = thaw_text(t, &n);
        value b = v_obj(bytes_new(in, s, n)), v = T_bytearray.make(in, &T_bytearray, &b, 1, NULL);
        value_unref(in, b);
        return v;
    }
    case RK_BIGINT: {
        s = thaw_text(t, &n);
        char *z = mem_dupn(s, n);
        value v = int_parse(in, z, n, 16);
        mem_free(z);
        return v;
    }
    default: {
        double c[2];
        thaw_bytes(t, c, sizeof c);
        return v_complex(in, c[0], c[1]);
    }
    }
}

/* Objects that are made from other values, which cannot refer back to them. */
static value make_of_values(thawer *t, unsigned kind)
{
    interp *in = t->in;
    switch ((enum record_kind)kind) {
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
        str *name = thaw_obj(t, &T_str);
        value v = name && !is_fail(on) ? value_getattr(in, on, name) : FAIL;
        value_unref(in, on);
        obj_unref(in, name);
        return v;
    }
    case RK_MEMBER: {
        value owner = thaw_value(t);
        str *name = thaw_obj(t, &T_str);
        value v = name && as_type(owner) ? member_new(in, as_type(owner), name) : FAIL;
        value_unref(in, owner);
        obj_unref(in, name);
        return v;
    }
    default: {
        value cls = thaw_value(t);
        const type *p = as_type(cls);
        thaw_skip(t);
        value v = p && p->cross ? v_obj(p->cross->load(t, p)) : FAIL;
        value_unref(in, cls);
        return v;
    }
    }
}

static value make_type(thawer *t)
{
    const type *p;
    if (t->c->portable) return FAIL;
    thaw_bytes(t, &p, sizeof p);
    return v_type(p);
}

static value make_core(thawer *t)
{
    const size_t n = thaw_byte(t);
    for (size_t i = 0; core_types[i]; i++)
        if (i == n) return v_type(core_types[i]);
    return FAIL;
}

static value make_input(thawer *t)
{
    uint64_t input;
    thaw_bytes(t, &input, sizeof input);
    return t->inputs ? t->inputs->get(t->inputs->ctx, t->in, input) : input_value(t->in, input);
}

static value make_module(thawer *t)
{
    size_t n;
    const char *s = thaw_text(t, &n);
    char *name = mem_dupn(s, n);
    value m = interp_import(t->in, name);
    mem_free(name);
    return m;
}

static value make_code(thawer *t)
{
    bytecode *code = as_bytecode(thaw_datum(t));
    link *l = code ? code_link(t->in, code) : NULL;
    value v = l ? code_value(t->in, l) : FAIL;
    link_unref(t->in, l);
    return v;
}

value thaw_make(thawer *t, uint32_t id)
{
    interp *in = t->in;
    unsigned kind = thaw_byte(t);
    if (kind == RK_ENUM) {
        value member = known_member(t);
        if (!is_fail(member)) t->filled[id] = DONE;
        if (!is_fail(member) || throwing(in)) return member;
        kind = thaw_byte(t);
    }
    switch ((enum record_kind)kind) {
    case RK_BYTES:
    case RK_BYTEARRAY:
    case RK_BIGINT:
    case RK_COMPLEX: return make_plain(t, kind);
    case RK_SLICE:
    case RK_RANGE:
    case RK_GETATTR:
    case RK_MEMBER:
    case RK_CROSS: return make_of_values(t, kind);
    case RK_TYPE: return make_type(t);
    case RK_CORE: return make_core(t);
    case RK_REDUCE: return make_reduced(t);
    case RK_INPUT: return make_input(t);
    case RK_MODULE: return make_module(t);
    case RK_NAMED: return by_name(t);
    case RK_ORIGIN: return make_origin(t);
    case RK_CLASS: return make_class(t, id);
    case RK_CELL: return v_obj(cell_new(in, FAIL));
    case RK_FUNC: return v_obj(obj_new(in, &T_function, 0));
    case RK_METHOD: return v_obj(obj_new(in, &T_method, 0));
    case RK_WRAPPER: return v_obj(obj_new(in, thaw_byte(t) ? &T_classmethod : &T_staticmethod, 0));
    case RK_PROPERTY: return v_obj(obj_new(in, &T_property, 0));
    case RK_GLOBALS: return v_obj(dict_new(in));
    case RK_CODE: return make_code(t);
    default: return make_payload(t, kind);
    }
}
