/* lang/module.c - module objects, and the modules that an interpreter begins and ends with.
 *
 * An embedded module runs only its body; its top-level defs compile when they are first asked
 * for, as an attribute or as a global name (module_define). */
#include "lang/types/module.h"

#include <string.h>

#include "lang/builtins.h"
#include "lang/frame.h"
#include "lang/pack.h"
#include "lang/run.h"
#include "lang/types/dunder.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- module objects ---- */

module *module_new(interp *in, const char *name)
{
    module *m = obj_new(in, &T_module, 0);
    if (!m) return NULL;
    m->name = str_of(in, name);
    m->dict = dict_new(in);
    bool ok = m->name && m->dict && dict_put(in, m->dict, "__name__", v_obj(obj_ref(m->name))) &&
              dict_put(in, m->dict, "__doc__", NONE) &&
              dict_put(in, m->dict, "__package__", NONE) &&
              dict_put(in, m->dict, "__loader__", NONE) && dict_put(in, m->dict, "__spec__", NONE);
    if (ok) return m;
    obj_unref(in, m);
    return NULL;
}

dict *module_dict(module *m)
{
    return m->dict;
}

bool module_put(interp *in, module *m, const char *name, value v)
{
    return dict_put(in, m->dict, name, v);
}

bool module_put_type(interp *in, module *m, const type *t)
{
    return dict_put(in, m->dict, t->name, v_type(t));
}

/* ---- defs of embedded modules ---- */

static const embedded_def *find_def(const embedded_module *e, const char *name)
{
    for (const embedded_def *d = e->defs; d && d->name; d++) {
        if (strcmp(d->name, name) != 0) continue;
        const embedded_def *last = d;
        while ((++d)->name) {
            if (strcmp(d->name, name) == 0) last = d;
        }
        return last;
    }
    return NULL;
}

/* Runs a code of an embedded module in its namespace. */
bool module_run(interp *in, module *m, uint32_t code)
{
    return run_code_in(in, unpack_code(m->lazy->pack, code), m->dict);
}

static int define_in(interp *in, module *m, const char *name)
{
    const embedded_def *d = m->lazy ? find_def(m->lazy, name) : NULL;
    if (!d) return 0;
    frame *f = in->frame; /* what a decorator does must not see the caller's names */
    bool ok = module_run(in, m, d->code);
    in->frame = f;
    if (!ok) return -1;
    return !is_fail(dict_peek(in, m->dict, name));
}

int module_define(interp *in, dict *globals, str *name)
{
    str *own = as_str(dict_peek(in, globals, "__name__"));
    module *m = own ? as_module(dict_peek(in, in->modules, own->at)) : NULL;
    return m && m->dict == globals ? define_in(in, m, name->at) : 0;
}

bool module_define_all(interp *in, module *m)
{
    for (const embedded_def *d = m->lazy ? m->lazy->defs : NULL; d && d->name; d++) {
        if (is_fail(dict_peek(in, m->dict, d->name)) && define_in(in, m, d->name) < 0) return false;
    }
    return true;
}

/* names and what is defined only when it is asked for */
static bool add_lazy_names(interp *in, const module *m, list *names)
{
    bool ok = true;
    for (const embedded_def *d = m->lazy ? m->lazy->defs : NULL; ok && d && d->name; d++) {
        if (is_fail(dict_peek(in, m->dict, d->name))) ok = list_add(in, names, v_str(in, d->name));
    }
    return ok;
}

list *module_dir(interp *in, module *m)
{
    str *name = str_of(in, "__dir__");
    if (name && m->lazy && is_fail(dict_peek(in, m->dict, name->at)))
        module_define(in, m->dict, name);
    obj_unref(in, name);
    value hook = throwing(in) ? FAIL : dict_peek(in, m->dict, "__dir__");
    value own = is_fail(hook) ? FAIL : call_n(in, hook, 0);
    list *names = is_fail(own) ? NULL : list_of(in, own);
    value_unref(in, own);
    if (!names || add_lazy_names(in, m, names)) return names;
    obj_unref(in, names);
    return NULL;
}

/* ---- the type ---- */

static value getattr(interp *in, value self, str *name)
{
    module *m = as_module(self);
    value v;
    int r = dict_get_str(in, m->dict, name, &v);
    if (r == 1) return value_ref(v);
    if (r == 0) r = define_in(in, m, name->at);
    if (r < 0) return FAIL;
    if (r == 1 && dict_get_str(in, m->dict, name, &v) == 1) return value_ref(v);
    if (!is_fail(type_lookup(in, &T_module, name))) return generic_getattr(in, self, name);
    if (define_in(in, m, in->name.__getattr__->at) < 0) return FAIL;
    r = dict_get_str(in, m->dict, in->name.__getattr__, &v);
    if (r == 0 && define_in(in, m, "__getattr__") == 1)
        r = dict_get_str(in, m->dict, in->name.__getattr__, &v);
    if (r == 1) return call_n(in, v, 1, OBJ(name));
    str *own = as_str(dict_peek(in, m->dict, "__name__"));
    return throw_attribute(in, self, name, "module '%s' has no attribute '%s'",
                           own ? own->at : "?");
}

static bool setattr(interp *in, value self, str *name, value v)
{
    module *m = as_module(self);
    if (self.o->flags & OBJ_FROZEN) {
        trap(in, self.o);
        return false;
    }
    if (!is_fail(v)) return dict_set_str(in, m->dict, name, v);
    int r = dict_del(in, m->dict, OBJ(name));
    if (r == 0) throw_attribute(in, self, name, "module '%s' has no attribute '%s'", m->name->at);
    return r == 1;
}

static void drop(interp *in, obj *o)
{
    obj_unref(in, ((module *)(void *)o)->dict);
    obj_unref(in, ((module *)(void *)o)->name);
}

static void visit(obj *o, visitor f, void *ctx)
{
    if (((module *)(void *)o)->dict) f(OBJ(((module *)(void *)o)->dict), ctx);
}

static value repr(interp *in, value self)
{
    module *m = as_module(self);
    str *file = as_str(dict_peek(in, m->dict, "__file__"));
    if (file) return v_obj(str_fmt(in, "<module '%s' from '%s'>", m->name->at, file->at));
    return v_obj(str_fmt(in, "<module '%s' (built-in)>", m->name->at));
}

static value dir(interp *in, value self)
{
    module *m = as_module(self);
    list *l = list_new(in, 0);
    value k, v;
    bool ok = l != NULL;
    for (int64_t i = 0; ok && dict_next(m->dict, &i, &k, &v);) ok = list_append(in, l, k);
    ok = ok && add_lazy_names(in, m, l);
    if (ok && list_sort(in, l, FAIL, false)) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    value a[2];
    if (!args_bind(in, "module(name, doc=None)", arg, npos, kwnames, a, 2)) return FAIL;
    module *m = as_str(a[0]) ? module_new(in, as_str(a[0])->at) : NULL;
    if (m)
        dict_put(in, m->dict, "__doc__", value_ref(a[1]));
    else if (!throwing(in))
        throw(in, TypeError, "module() argument 'name' must be str");
    args_clear(in, a, 2);
    return v_obj(m);
}

const type T_module = {
    TYPE_HEAD,
    .name = "module",
    .module = "builtins",
    .size = sizeof(module),
    .flags = TYPE_GC,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .getattr = getattr,
    .setattr = setattr,
    .dir = dir,
    .hash = object_hash,
    .compare = object_compare,
};

/* ---- opening ---- */

static bool put_module(interp *in, const char *name, dict *d)
{
    module *m = module_new(in, name);
    if (!m) return false;
    if (d) {
        obj_unref(in, m->dict);
        m->dict = obj_ref(d);
    }
    return dict_put(in, in->modules, name, v_obj(m));
}

bool modules_open(interp *in)
{
    in->modules = dict_new(in);
    in->builtins = dict_new(in);
    in->path = list_new(in, 0);
    in->build_class = cfunc_new(in, &build_class_row, FAIL);
    if (!in->modules || !in->builtins || !in->path || is_fail(in->build_class)) return false;
    if (!builtins_open(in, in->builtins) || !put_module(in, "builtins", in->builtins) ||
        !dict_put(in, in->builtins, "__name__", v_str(in, "builtins")) ||
        !dict_put(in, in->builtins, "__build_class__", value_ref(in->build_class)) ||
        !put_module(in, "__main__", NULL)) {
        return false;
    }
    in->main = obj_ref(as_module(dict_peek(in, in->modules, "__main__"))->dict);
    return dict_put(in, in->main, "__annotations__", v_obj(dict_new(in))) &&
           dict_put(in, in->main, "__builtins__",
                    value_ref(dict_peek(in, in->modules, "builtins")));
}

/* What modules hold dies first, while the language still works; __main__ before the others. */
void modules_close(interp *in)
{
    if (in->main) dict_clear(in, in->main);
    value k, v;
    in->sure++;
    list *l = in->modules ? list_new(in, 0) : NULL;
    for (int64_t i = 0; l && dict_next(in->modules, &i, &k, &v);) list_append(in, l, v);
    in->sure--;
    if (in->modules) dict_clear(in, in->modules);
    for (int64_t i = l ? l->n : 0; i-- > 0;) {
        module *m = as_module(l->at[i]);
        if (m && m->dict != in->builtins) dict_clear(in, m->dict);
    }
    obj_unref(in, l);
    if (in->begun) dict_clear(in, in->begun);
    obj_unref(in, in->begun);
    in->begun = NULL;
    value_unref(in, in->build_class);
    in->build_class = FAIL;
    if (in->builtins) dict_clear(in, in->builtins);
    obj_unref(in, in->main);
    obj_unref(in, in->builtins);
    obj_unref(in, in->modules);
    obj_unref(in, in->path);
    obj_unref(in, in->argv);
    obj_unref(in, in->warned);
    obj_unref(in, in->filters);
    obj_unref(in, in->sources);
    in->main = in->builtins = in->modules = in->warned = in->sources = NULL;
    in->path = in->argv = in->filters = NULL;
}

dict *interp_main(interp *in)
{
    return in->main;
}

void interp_set_argv(interp *in, int argc, char **argv)
{
    if (!in->argv && !(in->argv = list_new(in, argc))) return;
    for (int i = 0; i < argc; i++) list_add(in, in->argv, v_str(in, argv[i]));
}
