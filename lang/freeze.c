/* lang/freeze.c - value -> capsule: records of all objects that can be reached, breadth first.
 *
 * Functions take along the globals they name, transitively; functions and classes of library
 * modules go by name.  What is tied to its interpreter (iterators, open files) cannot cross.
 * freeze_write.c writes the values in a record. */
#include <string.h>

#include "engine/base/blob.h"
#include "lang/code.h"
#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

/* ---- functions ---- */

static globals *globals_of(freezer *f, dict *d)
{
    for (uint32_t i = 0; i < f->ng; i++) {
        if (f->g[i].d == d) return &f->g[i];
    }
    f->g = mem_grow(f->g, (f->ng + 1) * sizeof *f->g);
    globals *g = &f->g[f->ng++];
    *g = (globals){.id = freeze_id(f, &d->hdr), .d = d, .names = dict_new(f->in)};
    dict_put(f->in, g->names, "__name__", v_bool(true));
    return g;
}

static void name_globals(freezer *f, uint32_t gi, const bytecode *c)
{
    if (c->flags & CODE_HOME) f->home_only = true;
    for (uint32_t i = 0; i < c->ninsn; i++) {
        uint8_t op = c->insn[i].op;
        if (op != I_GLOBAL && op != I_GLOBALC && op != I_NAME) continue;
        const char *name = c->site[c->insn[i].b].at;
        str *s = str_intern(f->in, name, strlen(name));
        value v;
        if (s && dict_get_str(f->in, f->g[gi].names, s, &v) == 0) {
            dict_set_str(f->in, f->g[gi].names, s, v_bool(true));
            f->g[gi].changed = true;
        }
        obj_unref(f->in, s);
    }
    for (uint32_t i = 0; i < c->nsub; i++) name_globals(f, gi, c->sub[i]);
}

static bool code_is_home(const bytecode *c)
{
    bool is = c->flags & CODE_HOME;
    for (uint32_t i = 0; i < c->nsub; i++) is = is || code_is_home(c->sub[i]);
    return is;
}

static bool save_func(freezer *f, func *fn)
{
    str *home = as_str(fn->module);
    if (freeze_named(f, OBJ(fn), home ? home->at : NULL, fn->qualname->at)) return true;
    if (home && freeze_is_library(f->in, home->at) && freeze_found(f, OBJ(fn))) return true;
    freeze_byte(f, RK_FUNC);
    freeze_datum(f, &fn->link->code->hdr);
    module *m = freeze_module_of(f, fn->globals);
    if (m) { /* there it is in the module's namespace, too */
        freeze_obj(f, m);
        if (code_is_home(fn->link->code)) f->home_only = true;
    } else {
        globals *g = globals_of(f, fn->globals);
        name_globals(f, (uint32_t)(g - f->g), fn->link->code);
        freeze_obj(f, fn->globals);
    }
    freeze_obj(f, fn->defaults);
    freeze_obj(f, fn->kwdefaults);
    freeze_obj(f, fn->closure);
    freeze_obj(f, fn->annotations);
    freeze_obj(f, fn->name);
    freeze_obj(f, fn->qualname);
    freeze_value(f, fn->doc);
    freeze_value(f, fn->module);
    freeze_obj(f, obj_dict(f->in, &fn->hdr, false));
    return true;
}

static bool save_cfunc(freezer *f, cfunction *c)
{
    const char *home = c->module ? c->module : "builtins";
    bool plain = is_fail(c->self) && !c->owner;
    if (plain && freeze_named(f, OBJ(c), home, c->name->at)) return true;
    if (!c->owner && freeze_held(f, OBJ(c), c->name)) return true; /* random.choice */
    if (!plain) { /* a method of something: found again by its name */
        freeze_byte(f, RK_GETATTR);
        freeze_value(f, is_fail(c->self) ? class_value(c->owner) : c->self);
        freeze_obj(f, c->name);
        return true;
    }
    return freeze_found(f, OBJ(c)) || freeze_refuse(f, &c->hdr);
}

/* ---- containers and instances ---- */

/* Is there room for what has been written since this was last asked? */
static bool goes_on_in(freezer *f, uint64_t k)
{
    enum { OFTEN = 1 << 12 };
    err e = {0};
    if (k % OFTEN || f->out.n <= f->asked || f->in->sure) return true;
    const size_t more = f->out.n - f->asked;
    f->asked = f->out.n;
    if (mem_may_take(more, &e)) return true;
    throw_err(f->in, &e);
    return false;
}

static bool save_items(freezer *f, const value *at, int64_t n)
{
    freeze_u32(f, (uint32_t)n);
    for (int64_t i = 0; i < n; i++) {
        freeze_item(f, at[i]);
        TRY(goes_on_in(f, (uint64_t)i));
    }
    return true;
}

static bool save_dict(freezer *f, const dict *d)
{
    value k, v;
    freeze_u32(f, (uint32_t)d->n);
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        freeze_item(f, k);
        freeze_item(f, v);
        TRY(goes_on_in(f, (uint64_t)i));
    }
    return true;
}

static bool save_set(freezer *f, const set *s)
{
    freeze_u32(f, (uint32_t)s->n);
    for (uint64_t i = 0; s->at && i <= s->mask; i++) {
        if (!is_fail(s->at[i].key)) freeze_item(f, s->at[i].key);
        TRY(goes_on_in(f, i));
    }
    return true;
}

/* Where it came from: the code objects, so that a traceback shows them elsewhere, too. */
static void save_traceback(freezer *f, const traceback *tb)
{
    uint32_t n = 0;
    for (const traceback *t = tb; t; t = t->next) n++;
    freeze_u32(f, n);
    for (; tb; tb = tb->next) {
        freeze_datum(f, &tb->link->code->hdr);
        freeze_u32(f, tb->at);
        freeze_u32(f, tb->more);
    }
}

static void save_exc(freezer *f, exc *x)
{
    freeze_u32(f, (uint32_t)exc_kind(x->hdr.type));
    freeze_obj(f, x->args);
    freeze_value(f, x->cause);
    freeze_value(f, x->context);
    freeze_byte(f, x->suppress);
    for (int i = 0; i < EXC_FIELDS; i++) freeze_value(f, x->field[i]);
    save_traceback(f, x->tb);
}

/* The payload that the builtin type `native` gives an object. */
static bool save_payload(freezer *f, obj *o, const type *native)
{
    if (native == &T_list)
        return save_items(f, ((list *)(void *)o)->at, ((list *)(void *)o)->n);
    else if (native == &T_tuple)
        return save_items(f, ((tuple *)(void *)o)->at, ((tuple *)(void *)o)->n);
    else if (native == &T_dict)
        return save_dict(f, (dict *)(void *)o);
    else if (native == &T_set || native == &T_frozenset)
        return save_set(f, (set *)(void *)o);
    else if (native == &T_str)
        freeze_text(f, ((str *)(void *)o)->at, ((str *)(void *)o)->nbyte);
    else if (native == &T_int || native == &T_float || native == &T_bool) {
        freeze_value(f, ((boxed *)(void *)o)->v);
    } else if (native == &T_object)
        return true;
    else if (type_is_sub(native, exc_type(BaseException)))
        save_exc(f, (exc *)(void *)o);
    else
        return freeze_refuse(f, o);
    return true;
}

static int payload_kind(const type *native)
{
    if (native == &T_list) return RK_LIST;
    if (native == &T_tuple) return RK_TUPLE;
    if (native == &T_dict) return RK_DICT;
    if (native == &T_set || native == &T_frozenset) return RK_SET;
    if (native == &T_str) return RK_STR;
    if (native == &T_int || native == &T_float || native == &T_bool) return RK_BOXED;
    if (native == &T_object) return RK_PLAIN;
    return type_is_sub(native, exc_type(BaseException)) ? RK_EXC : -1;
}

/* Instances of user classes, and the plain containers. */

static bool save_instance(freezer *f, obj *o)
{
    klass *k = as_klass(o->type);
    const type *native = k ? k->native : o->type;
    int kind = payload_kind(native);
    bool member = freeze_member(f, o);
    int reduced = member ? 0 : freeze_reduced(f, o);
    if (reduced) return reduced > 0;
    if (kind < 0) return freeze_by_name(f, o) || freeze_refuse(f, o);
    freeze_byte(f, (unsigned)kind);
    freeze_value(f, class_value(o->type));
    freeze_obj(f, o->flags & OBJ_DICT ? obj_head(o)->dict : NULL);
    return save_payload(f, o, native);
}

static bool save_bytes(freezer *f, obj *o, unsigned kind)
{
    size_t n;
    const char *s = bytes_peek((value){.kind = V_OBJ, .o = o}, &n);
    freeze_byte(f, kind);
    freeze_text(f, s, n);
    return true;
}

static bool save_bigint(freezer *f, obj *o)
{
    char *s = mpz_get_str(NULL, 16, ((bigint *)(void *)o)->z);
    freeze_byte(f, RK_BIGINT);
    freeze_text(f, s, strlen(s));
    void (*free_fn)(void *, size_t);
    mp_get_memory_functions(NULL, NULL, &free_fn);
    free_fn(s, strlen(s) + 1);
    return true;
}

static bool save_values(freezer *f, unsigned kind, const value *v, int n)
{
    freeze_byte(f, kind);
    for (int i = 0; i < n; i++) freeze_value(f, v[i]);
    return true;
}

static bool save_module(freezer *f, module *m)
{
    freeze_byte(f, RK_MODULE);
    freeze_text(f, m->name->at, m->name->nbyte);
    return true;
}

static bool save_complex(freezer *f, const cplx *c)
{
    freeze_byte(f, RK_COMPLEX);
    sb_add(&f->out, (const char *)&c->re, sizeof(double));
    sb_add(&f->out, (const char *)&c->im, sizeof(double));
    return true;
}

static bool save_origin(freezer *f, const origin *o)
{
    freeze_byte(f, RK_ORIGIN);
    freeze_datum(f, &o->c->hdr);
    freeze_u32(f, o->id);
    return true;
}

static bool save_globals(freezer *f, const globals *g)
{
    value k, v, unused;
    uint32_t n = 0;
    for (int64_t i = 0; dict_next(g->names, &i, &k, &unused);)
        n += dict_get(f->in, g->d, k, &v) == 1;
    freeze_byte(f, RK_GLOBALS);
    freeze_u32(f, n);
    for (int64_t i = 0; dict_next(g->names, &i, &k, &unused);) {
        if (dict_get(f->in, g->d, k, &v) != 1) continue;
        freeze_value(f, k);
        freeze_value(f, v);
    }
    return true;
}

static bool save_cross(freezer *f, obj *o)
{
    int reduced = freeze_reduced(f, o);
    if (reduced) return reduced > 0;
    freeze_byte(f, RK_CROSS);
    freeze_value(f, class_value(o->type));
    freeze_obj(f, o->flags & OBJ_DICT ? obj_head(o)->dict : NULL);
    return o->type->cross->save(f, o);
}

/* Is it data that an earlier task made?  A result that took it from there would hold all that the
 * earlier one gave: it gets it for itself; arrays share their buffers. */
static bool lends_out(const freezer *f, const capsule *c, const type *t)
{
    if (!f->in->home || f->copy || c->home) return false;
    const klass *k = as_klass(t);
    return t->cross || (k ? k->native == &T_object : payload_kind(t) >= 0 && t != &T_object);
}

static bool save(freezer *f, obj *o)
{
    const type *t = o->type;
    const origin *from = o->flags & OBJ_FROZEN ? origin_find(f->in, o) : NULL;
    if (from && !lends_out(f, from->c, t)) return save_origin(f, from);
    if (t == &T_input) {
        freeze_byte(f, RK_INPUT);
        freeze_bytes(f, &((input_obj *)(void *)o)->id, sizeof(uint64_t));
        return true;
    }
    if (as_type((value){.kind = V_OBJ, .o = o}))
        return freeze_class(f, (const type *)(const void *)o);
    if (t->cross) return save_cross(f, o);
    if (t == &T_function) return save_func(f, (func *)(void *)o);
    if (t == &T_cfunction) return save_cfunc(f, (cfunction *)(void *)o);
    if (t == &T_module) return save_module(f, (module *)(void *)o);
    if (t == &T_bytes) return save_bytes(f, o, RK_BYTES);
    if (t == &T_bytearray) return save_bytes(f, o, RK_BYTEARRAY);
    if (t == &T_int) return save_bigint(f, o);
    if (t == &T_complex) return save_complex(f, (cplx *)(void *)o);
    if (t == &T_cell) return save_values(f, RK_CELL, &((cell *)(void *)o)->v, 1);
    if (t == &T_method) return save_values(f, RK_METHOD, &((method *)(void *)o)->f, 2);
    if (t == &T_slice) return save_values(f, RK_SLICE, &((slice *)(void *)o)->start, 3);
    if (t == &T_range) return save_values(f, RK_RANGE, &((range_obj *)(void *)o)->start, 3);
    if (t == &T_staticmethod || t == &T_classmethod) {
        freeze_byte(f, RK_WRAPPER);
        freeze_byte(f, t == &T_classmethod);
        freeze_value(f, ((wrapper *)(void *)o)->f);
        return true;
    }
    if (t == &T_property) {
        property *p = (property *)(void *)o;
        freeze_byte(f, RK_PROPERTY);
        freeze_obj(f, p->name);
        freeze_value(f, p->get);
        freeze_value(f, p->set);
        freeze_value(f, p->del);
        freeze_value(f, p->doc);
        return true;
    }
    if (t == &T_slotmethod) {
        slotmethod *m = (slotmethod *)(void *)o;
        freeze_byte(f, RK_GETATTR);
        freeze_value(f, is_fail(m->self) ? class_value(m->owner) : m->self);
        str *name = str_intern(f->in, dunder_name(m), strlen(dunder_name(m)));
        freeze_obj(f, name);
        obj_unref(f->in, name);
        return name != NULL;
    }
    if (t == &T_code) {
        freeze_byte(f, RK_CODE);
        freeze_datum(f, &code_of_value((value){.kind = V_OBJ, .o = o})->code->hdr);
        return true;
    }
    if (is_member((value){.kind = V_OBJ, .o = o})) {
        freeze_byte(f, RK_MEMBER);
        freeze_value(f, class_value(((getset *)(void *)o)->owner));
        freeze_obj(f, ((getset *)(void *)o)->name);
        return true;
    }
    return save_instance(f, o);
}

static const globals *is_globals(const freezer *f, uint32_t id)
{
    for (uint32_t i = 0; i < f->ng; i++) {
        if (f->g[i].id == id) return &f->g[i];
    }
    return NULL;
}

/* Everything reachable: objects, then what the globals that functions name bring along. */
static bool save_all(freezer *f)
{
    bool more = true;
    while (more) {
        for (; f->done < f->nobj; f->done++) {
            if (is_globals(f, f->done)) continue;
            f->off[f->done] = f->out.n;
            if (!save(f, f->obj[f->done]) || !goes_on_in(f, f->done)) return false;
        }
        more = false;
        for (uint32_t i = 0; i < f->ng; i++) {
            if (!f->g[i].changed && f->off[f->g[i].id]) continue;
            f->g[i].changed = false;
            f->off[f->g[i].id] = f->out.n; /* a later record replaces an earlier one */
            save_globals(f, &f->g[i]);
            more = true;
        }
    }
    return true;
}

static void freezer_clear(freezer *f, bool all)
{
    for (uint32_t i = 0; i < f->ng; i++) obj_unref(f->in, f->g[i].names);
    mem_free(f->g);
    mem_free(f->memo);
    if (!all) return;
    for (uint32_t i = 0; i < f->nobj; i++) obj_unref(f->in, f->obj[i]);
    for (uint32_t i = 0; i < f->nheld; i++) datum_unref(f->held[i]);
    mem_free(f->obj);
    mem_free(f->off);
    mem_free(f->held);
    sb_clear(&f->out);
}

static capsule *freeze_as(interp *in, value root, bool copy, err *e)
{
    freezer f = {.in = in, .copy = copy};
    value pending = exc_take(in);
    freeze_byte(&f, 0); /* offset 0 means: no record yet */
    freeze_value(&f, root);
    if (!save_all(&f)) {
        exc *x = as_exc(in->exc);
        str *s = x ? exc_str(in, x) : NULL;
        const enum err_kind why = x ? exc_kind(x->hdr.type) : TypeError;
        enum err_kind kind = copy || why == MemoryError ? why : TypeError;
        err_set(e, kind, "%s", s ? s->at : "a value cannot be passed to another thread");
        obj_unref(in, s);
        exc_clear(in);
        in->exc = pending;
        freezer_clear(&f, true);
        return NULL;
    }
    in->exc = pending;
    capsule *c = capsule_new(in);
    char *text = sb_take(&f.out, &c->n);
    c->nobj = f.nobj;
    capsule_lies(c, &blob_new(text, c->n, NULL, NULL)->hdr,
                 &blob_new((char *)f.off, f.nobj * sizeof *f.off, NULL, NULL)->hdr);
    c->root = 1;
    c->held = f.held;
    c->nheld = f.nheld;
    c->home_only = f.home_only;
    c->portable = !f.pointers;
    if (in->home || copy) { /* what a worker made is copied everywhere, there too */
        c->home = NULL;
        for (uint32_t i = 0; i < f.nobj; i++) obj_unref(in, f.obj[i]);
    } else {
        c->root_home = value_ref(root);
        c->origin = mem_alloc((f.nobj + 1) * sizeof *c->origin);
        for (uint32_t i = 0; i < f.nobj; i++) c->origin[i] = (value){.kind = V_OBJ, .o = f.obj[i]};
    }
    mem_free(f.obj);
    freezer_clear(&f, false);
    return c;
}

capsule *freeze(interp *in, value root, err *e)
{
    return freeze_as(in, root, false, e);
}

capsule *freeze_copy(interp *in, value root, err *e)
{
    return freeze_as(in, root, true, e);
}
