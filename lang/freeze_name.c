/* lang/freeze_name.c - what goes by name: functions, classes and objects that a module of the
 * library holds are looked up again where they arrive. */
#include <string.h>

#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/module.h"

static bool is_library(interp *in, const char *name, module **out)
{
    value v = name ? dict_peek(in, in->modules, name) : FAIL;
    module *m = v.kind == V_OBJ && v.o->type == &T_module ? (module *)(void *)v.o : NULL;
    *out = m;
    return m && m->dict != in->main && is_fail(dict_peek(in, m->dict, "__file__"));
}

/* Other processes import the user's modules, too, but for the program itself. */
static bool goes_by_name(freezer *f, const char *name, module **out)
{
    return is_library(f->in, name, out) || (f->copy && *out && (*out)->dict != f->in->main);
}

/* Follows a.b.c from a module: borrowed; FAIL: not there. */
static value follow(interp *in, module *m, const char *path)
{
    value v = OBJ(m);
    value_ref(v);
    while (*path && !is_fail(v)) {
        size_t n = strcspn(path, ".");
        str *s = str_intern(in, path, n);
        value next = s ? value_getattr(in, v, s) : FAIL;
        obj_unref(in, s);
        value_unref(in, v);
        v = next;
        path += n + (path[n] == '.');
    }
    if (is_fail(v)) exc_clear(in);
    return v;
}

module *freeze_module_of(freezer *f, dict *ns)
{
    module *m;
    str *name = as_str(dict_peek(f->in, ns, "__name__"));
    return name && goes_by_name(f, name->at, &m) && m->dict == ns ? m : NULL;
}

bool freeze_named(freezer *f, value v, const char *home, const char *path)
{
    module *m;
    if (!home || !path || strchr(path, '<') || !goes_by_name(f, home, &m)) return false;
    value found = follow(f->in, m, path);
    bool same = value_same(found, v);
    value_unref(f->in, found);
    if (!same) return false;
    freeze_byte(f, RK_NAMED);
    freeze_text(f, home, strlen(home));
    freeze_text(f, path, strlen(path));
    return true;
}

bool freeze_is_library(interp *in, const char *name)
{
    module *m;
    return is_library(in, name, &m);
}

/* The next module of the library that is loaded. */
static module *next_library(interp *in, int64_t *i, str **name)
{
    value k, v;
    while (dict_next(in->modules, i, &k, &v)) {
        module *m;
        *name = as_str(k);
        if (*name && is_library(in, (*name)->at, &m)) return m;
    }
    return NULL;
}

bool freeze_held(freezer *f, value v, str *under)
{
    str *home;
    value held;
    module *m;
    for (int64_t i = 0; (m = next_library(f->in, &i, &home));) {
        if (dict_get_str(f->in, m->dict, under, &held) != 1 || !value_same(held, v)) continue;
        return freeze_named(f, v, home->at, under->at);
    }
    return false;
}

bool freeze_found(freezer *f, value v)
{
    str *home;
    value k, held;
    module *m;
    value types = interp_import(f->in, "types"); /* has names for what nobody else has */
    value_unref(f->in, types);
    exc_clear(f->in);
    for (int64_t i = 0; (m = next_library(f->in, &i, &home));) {
        for (int64_t j = 0; dict_next(m->dict, &j, &k, &held);) {
            if (!value_same(held, v) || !as_str(k)) continue;
            if (freeze_named(f, v, home->at, as_str(k)->at)) return true;
        }
    }
    return false;
}

/* What a module of the library holds under a name, whatever it is. */
bool freeze_by_name(freezer *f, obj *o)
{
    value v = {.kind = V_OBJ, .o = o}, name = FAIL, home = FAIL;
    int has = value_findattr(f->in, v, "__name__", &name);
    if (has == 1 && value_findattr(f->in, v, "__module__", &home) < 0) has = -1;
    if (has < 0) exc_clear(f->in);
    const char *m = as_str(home) ? as_str(home)->at : o->type->module;
    bool ok = has == 1 && as_str(name) && freeze_named(f, v, m, as_str(name)->at);
    value_unref(f->in, name);
    value_unref(f->in, home);
    return ok || freeze_found(f, v);
}
