/* lang/vm_name.c - global names, names of class bodies, and what to say when one is missing. */
#include <string.h>

#include "lang/types/module.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

static value throw_name(interp *in, str *name)
{
    throw(in, NameError, "name '%s' is not defined", name->at);
    exc *x = as_exc(in->exc);
    if (x && exc_is(in, NameError)) x->field[0] = v_obj(obj_ref(name));
    return FAIL;
}

static value builtin_load(interp *in, site *s, dict *globals)
{
    int64_t at;
    int found = dict_find(in, in->builtins, OBJ(s->name), str_hash(s->name), &at);
    if (found < 0) return FAIL;
    if (!found) return throw_name(in, s->name);
    s->how = SITE_BUILTIN;
    s->version = globals->version;
    s->version2 = in->builtins->version;
    s->at = &in->builtins->entry[at].val;
    return value_ref(*s->at);
}

value global_load(interp *in, site *s, frame *f)
{
    int64_t at;
    dict *g = f->globals;
    int found = dict_find(in, g, OBJ(s->name), str_hash(s->name), &at);
    if (found == 0) {
        found = module_define(in, g, s->name); /* a def of the library that nobody used yet */
        if (found > 0) found = dict_find(in, g, OBJ(s->name), str_hash(s->name), &at);
    }
    if (found < 0) return FAIL;
    if (!found) return builtin_load(in, s, g);
    s->how = SITE_GLOBAL;
    s->version = g->version;
    s->at = &g->entry[at].val;
    return value_ref(*s->at);
}

bool global_store(interp *in, site *s, frame *f, value v)
{
    dict *g = f->globals;
    if (g->hdr.flags & OBJ_FROZEN) {
        trap(in, &g->hdr);
        value_unref(in, v);
        return false;
    }
    bool ok = dict_set_str(in, g, s->name, v);
    value_unref(in, v);
    int64_t at;
    if (ok && dict_find(in, g, OBJ(s->name), str_hash(s->name), &at) == 1) {
        s->how = SITE_GLOBAL;
        s->version = g->version;
        s->at = &g->entry[at].val;
    }
    return ok;
}

bool global_delete(interp *in, site *s, frame *f)
{
    int r = dict_del(in, f->globals, OBJ(s->name));
    if (r == 0) throw_name(in, s->name);
    return r == 1;
}

/* ---- class bodies and exec with a namespace ---- */

static int from_namespace(interp *in, value ns, str *name, value *out)
{
    dict *d = ns.kind == V_OBJ && ns.o->type == &T_dict ? (dict *)(void *)ns.o : NULL;
    if (d) {
        int r = dict_get_str(in, d, name, out);
        if (r == 1) value_ref(*out);
        return r;
    }
    *out = value_getitem(in, ns, OBJ(name));
    if (!is_fail(*out)) return 1;
    if (!exc_is(in, KeyError)) return -1;
    exc_clear(in);
    return 0;
}

value name_load(interp *in, site *s, frame *f, bool in_free, uint32_t free_index)
{
    value v;
    int r = is_fail(f->ns) ? 0 : from_namespace(in, f->ns, s->name, &v);
    if (r) return r < 0 ? FAIL : v;
    if (in_free) {
        v = ((cell *)(void *)f->closure->at[free_index].o)->v;
        if (is_fail(v)) throw_empty_cell(in, s->name->at, true);
        return value_ref(v);
    }
    return global_load(in, s, f);
}

bool name_store(interp *in, site *s, frame *f, value v)
{
    if (is_fail(f->ns)) {
        if (is_fail(v)) return global_delete(in, s, f);
        return global_store(in, s, f, value_ref(v));
    }
    dict *d = as_dict(f->ns);
    if (!d || d->hdr.type != &T_dict) return value_setitem(in, f->ns, OBJ(s->name), v);
    if (!is_fail(v)) return dict_set_str(in, d, s->name, v);
    int r = dict_del(in, d, OBJ(s->name));
    if (r == 0) throw_name(in, s->name);
    return r == 1;
}

void throw_unbound(interp *in, frame *f, uint32_t reg)
{
    throw(in, UnboundLocalError,
          "cannot access local variable '%s' where it is not associated with a value",
          f->link->code->local[reg]);
}

void throw_empty_cell(interp *in, const char *name, bool free)
{
    if (!free) {
        throw(in, UnboundLocalError,
              "cannot access local variable '%s' where it is not associated with a value", name);
        return;
    }
    throw(in, NameError,
          "cannot access free variable '%s' where it is not associated with a value in enclosing "
          "scope",
          name);
}

bool setup_annotations(interp *in, frame *f)
{
    value ns = is_fail(f->ns) ? OBJ(f->globals) : f->ns, v;
    int has = from_namespace(in, ns, in->name.__annotations__, &v);
    if (has) {
        if (has > 0) value_unref(in, v);
        return has > 0;
    }
    v = v_obj(dict_new(in));
    bool ok = !is_fail(v) && value_setitem(in, ns, OBJ(in->name.__annotations__), v);
    value_unref(in, v);
    return ok;
}
