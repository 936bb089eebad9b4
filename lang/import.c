/* lang/import.c - import: modules written in C, embedded in the program, or files on sys.path. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/builtins.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/run.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/module.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- finding modules ---- */

static const module_def *find_c(interp *in, const char *name)
{
    if (strcmp(name, "sys") == 0) return &sys_def;
    for (const module_def *const *d = in->defs; d && *d; d++) {
        if (strcmp((*d)->name, name) == 0) return *d;
    }
    return NULL;
}

static const embedded_module *find_embedded(const char *name)
{
    size_t lo = 0, hi = nembedded_modules;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = strcmp(name, embedded_modules[mid].name);
        if (c == 0) return &embedded_modules[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

bool embedded_defines(const char *of, const char *name)
{
    const embedded_module *e = find_embedded(of);
    for (const embedded_def *d = e ? e->defs : NULL; d && d->name; d++)
        if (strcmp(d->name, name) == 0) return true;
    return false;
}

static bool is_package(interp *in, const char *name)
{
    size_t n = strlen(name);
    for (const module_def *const *d = in->defs; d && *d; d++) {
        if (strncmp((*d)->name, name, n) == 0 && (*d)->name[n] == '.') return true;
    }
    const embedded_module *e = find_embedded(name);
    return e && e->package;
}

int import_kind(interp *in, const char *name)
{
    if (is_package(in, name)) return 2;
    return find_c(in, name) || find_embedded(name) ? 1 : 0;
}

static bool add_rows(interp *in, module *m, const module_def *d)
{
    for (const builtin *row = d->table; row && row->sig; row++) {
        value f = cfunc_new(in, row, FAIL);
        if (is_fail(f)) return false;
        as_cfunction(f)->module = d->name;
        bool ok = dict_set_str(in, m->dict, as_cfunction(f)->name, f);
        value_unref(in, f);
        if (!ok) return false;
    }
    return true;
}

/* ---- files ---- */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* dir/name.dsk, dir/name.py, dir/name/__init__.*: the path (mem_*), NULL: none */
static char *try_dir(const char *dir, const char *name, bool *package)
{
    for (int i = 0; i < 4; i++) {
        strbuf b = {0};
        const char *sep = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
        sb_addf(&b,
                i == 0   ? "%s%s%s.dsk"
                : i == 1 ? "%s%s%s.py"
                : i == 2 ? "%s%s%s/__init__.dsk"
                         : "%s%s%s/__init__.py",
                dir, sep, name);
        *package = i >= 2;
        if (is_file(sb_text(&b))) return sb_take(&b, NULL);
        sb_clear(&b);
    }
    return NULL;
}

static char *find_file(interp *in, list *path, const char *leaf, bool *package)
{
    for (int64_t i = 0; path && i < path->n; i++) {
        str *dir = as_str(path->at[i]);
        char *found = dir ? try_dir(dir->at, leaf, package) : NULL;
        if (found) return found;
    }
    (void)in;
    return NULL;
}

static bool run_file(interp *in, module *m, const char *path, bool package)
{
    if (!dict_put(in, m->dict, "__file__", v_str(in, path))) return false;
    if (package) {
        list *l = list_new(in, 1);
        const char *slash = strrchr(path, '/');
        if (!l || !list_add(in, l, v_obj(str_new(in, path, (size_t)(slash - path)))) ||
            !dict_put(in, m->dict, "__path__", v_obj(l))) {
            return false;
        }
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        throw(in, ImportError, "cannot read '%s'", path);
        return false;
    }
    strbuf b = {0};
    char chunk[8192];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) sb_add(&b, chunk, n);
    fclose(f);
    bool ok = run_text(in, sb_text(&b), b.n, path, m->dict);
    sb_clear(&b);
    return ok;
}

/* ---- import ---- */

static bool set_package(interp *in, module *m, const char *name, bool package)
{
    const char *dot = strrchr(name, '.');
    size_t n = package ? strlen(name) : dot ? (size_t)(dot - name) : 0;
    if (!dict_put(in, m->dict, "__package__", v_obj(str_new(in, name, n)))) return false;
    return !package || dict_put(in, m->dict, "__path__", v_obj(list_new(in, 0)));
}

static value not_found(interp *in, const char *name, const char *not_package)
{
    if (not_package) {
        throw(in, ModuleNotFoundError, "No module named '%s'; '%s' is not a package", name,
              not_package);
    } else
        throw(in, ModuleNotFoundError, "No module named '%s'", name);
    exc *x = as_exc(in->exc);
    if (x && exc_is(in, ModuleNotFoundError)) {
        value_unref(in, x->field[1]);
        x->field[1] = v_str(in, name);
    }
    return FAIL;
}

/* Fills a new module that stands in sys.modules already. 1 done, 0 there is none, -1 failed */
static int fill(interp *in, module *m, const char *name, value parent)
{
    const module_def *c = find_c(in, name);
    const embedded_module *e = find_embedded(name);
    if (c || e || is_package(in, name)) {
        if (!set_package(in, m, name, is_package(in, name))) return -1;
        if (c && c->doc && !dict_put(in, m->dict, "__doc__", v_str(in, c->doc))) return -1;
        if (c && (!add_rows(in, m, c) || (c->open && !c->open(in, m)))) return -1;
        m->lazy = e;
        return e && !module_run(in, m, e->body) ? -1 : 1;
    }
    module *p = as_module(parent);
    list *path = p ? as_list(dict_peek(in, p->dict, "__path__")) : in->path;
    const char *dot = strrchr(name, '.');
    bool package;
    char *file = find_file(in, path, dot ? dot + 1 : name, &package);
    if (!file) return 0;
    bool ok = set_package(in, m, name, package) && run_file(in, m, file, package);
    mem_free(file);
    return ok ? 1 : -1;
}

/* Others may have taken functions out of a module of the library before it failed: these find in
 * its namespace what they need, so the next attempt fills the same one. */
static module *begun_before(interp *in, const char *name)
{
    str *key = in->begun ? str_of(in, name) : NULL;
    value m = key ? dict_pop(in, in->begun, v_obj(key)) : FAIL;
    obj_unref(in, key);
    return as_module(m);
}

static void begun_keep(interp *in, module *m, const char *name)
{
    in->sure++;
    if (!in->begun) in->begun = dict_new(in);
    if (m->lazy && in->begun) dict_put(in, in->begun, name, v_obj(obj_ref(m)));
    in->sure--;
}

static value load(interp *in, const char *name, value parent)
{
    module *m = begun_before(in, name);
    if (!m) m = module_new(in, name);
    if (!m || !dict_put(in, in->modules, name, v_obj(obj_ref(m)))) {
        obj_unref(in, m);
        return FAIL;
    }
    int r = fill(in, m, name, parent);
    if (r == 1) return v_obj(m);
    value pending = exc_take(in), key = v_str(in, name);
    dict_del(in, in->modules, key);
    value_unref(in, key);
    if (r < 0) begun_keep(in, m, name);
    obj_unref(in, m);
    in->exc = pending;
    if (r < 0) return FAIL;
    str *up = as_module(parent) ? as_module(parent)->name : NULL;
    bool package = up && !is_fail(dict_peek(in, as_module(parent)->dict, "__path__"));
    return not_found(in, name, up && !package ? up->at : NULL);
}

/* Does a package of the library have something else under the name of its module?  It puts that
 * there when it begins in Python, where the module has been loaded before: dask.array.gufunc is a
 * class, and a module to import from. */
static bool kept(interp *in, const module *package, const char *name)
{
    value v = package->lazy ? dict_peek(in, package->dict, name) : FAIL;
    return !is_fail(v) && !as_module(v);
}

value interp_import(interp *in, const char *name)
{
    if (!in->modules) return throw(in, ImportError, "%s: the interpreter is closing", name);
    value m = dict_peek(in, in->modules, name);
    if (is_none(m))
        return throw(in, ModuleNotFoundError, "import of %s halted; None in sys.modules", name);
    if (!is_fail(m)) return value_ref(m);
    if (!check_stack(in)) return FAIL;
    const char *dot = strrchr(name, '.');
    value parent = FAIL;
    if (dot) {
        char *up = mem_dupn(name, (size_t)(dot - name));
        parent = interp_import(in, up);
        mem_free(up);
        if (is_fail(parent)) return FAIL;
        m = dict_peek(in, in->modules, name);
    }
    m = is_fail(m) ? load(in, name, parent) : value_ref(m);
    if (!is_fail(m) && as_module(parent) && !kept(in, as_module(parent), dot + 1) &&
        !dict_put(in, as_module(parent)->dict, dot + 1, value_ref(m))) {
        value_unref(in, m);
        m = FAIL;
    }
    value_unref(in, parent);
    return m;
}

/* The absolute name of `from ..x import`: NULL: exception */
static char *absolute(interp *in, frame *f, const char *name, int64_t level)
{
    str *p = as_str(dict_peek(in, f->globals, "__package__"));
    if (!p) {
        p = as_str(dict_peek(in, f->globals, "__name__"));
        if (p && is_fail(dict_peek(in, f->globals, "__path__"))) level++;
        if (p && level > 1 && !strchr(p->at, '.')) p = NULL;
    }
    size_t n = p ? p->nbyte : 0;
    if (n == 0)
        return THROW0(in, ImportError, "attempted relative import with no known parent package");
    for (; level > 1; level--) {
        while (n > 0 && p->at[n - 1] != '.') n--;
        if (n == 0)
            return THROW0(in, ImportError, "attempted relative import beyond top-level package");
        n--;
    }
    strbuf b = {0};
    sb_add(&b, p->at, n);
    if (*name) sb_addf(&b, ".%s", name);
    return sb_take(&b, NULL);
}

value import_name(interp *in, frame *f, str *name, value names, int64_t level, bool leaf)
{
    char *full = level ? absolute(in, f, name->at, level) : mem_dup(name->at);
    if (!full) return FAIL;
    value m = interp_import(in, full);
    if (!is_fail(m) && is_none(names) && !leaf && strchr(full, '.')) {
        value_unref(in, m);
        full[strcspn(full, ".")] = 0;
        m = interp_import(in, full);
    }
    mem_free(full);
    return m;
}

value import_from(interp *in, value v, str *name)
{
    value found;
    int r = value_findattr(in, v, name->at, &found);
    if (r) return r < 0 ? FAIL : found;
    module *m = as_module(v);
    str *own = m ? as_str(dict_peek(in, m->dict, "__name__")) : NULL;
    if (own && !is_fail(dict_peek(in, m->dict, "__path__"))) {
        strbuf b = {0};
        sb_addf(&b, "%s.%s", own->at, name->at);
        found = interp_import(in, sb_text(&b));
        bool absent = is_fail(found) && exc_is(in, ModuleNotFoundError);
        str *missing = absent ? as_str(as_exc(in->exc)->field[1]) : NULL;
        absent = missing && str_is(missing, sb_text(&b));
        sb_clear(&b);
        if (!is_fail(found)) return found;
        if (!absent) return FAIL;
        exc_clear(in);
    }
    str *file = m ? as_str(dict_peek(in, m->dict, "__file__")) : NULL;
    throw(in, ImportError, "cannot import name '%s' from '%s' (%s)", name->at,
          own ? own->at : "<unknown module name>", file ? file->at : "unknown location");
    exc *x = as_exc(in->exc);
    if (x && own && exc_is(in, ImportError)) x->field[1] = v_obj(obj_ref(own));
    return FAIL;
}

static bool star_name(interp *in, frame *f, value m, str *name)
{
    value v = value_getattr(in, m, name);
    bool ok = !is_fail(v) && (is_fail(f->ns) ? dict_set_str(in, f->globals, name, v)
                                             : value_setitem(in, f->ns, OBJ(name), v));
    value_unref(in, v);
    return ok;
}

/* What a star takes from a module without `__all__`.  A library module that finds names when they
 * are asked for says in `__dir__` which those are. */
static list *public_names(interp *in, module *m)
{
    list *names = m->lazy ? module_dir(in, m) : NULL;
    if (names || throwing(in)) return names;
    return module_define_all(in, m) ? list_of(in, OBJ(m->dict)) : NULL;
}

bool import_star(interp *in, frame *f, value v)
{
    module *m = as_module(v);
    value all;
    int r = value_findattr(in, v, "__all__", &all);
    if (r < 0) return false;
    list *names = NULL;
    if (r) {
        names = list_of(in, all);
        value_unref(in, all);
    } else if (m)
        names = public_names(in, m);
    bool ok = names != NULL;
    for (int64_t i = 0; ok && i < names->n; i++) {
        str *s = as_str(names->at[i]);
        if (s && (r || s->at[0] != '_')) ok = star_name(in, f, v, s);
    }
    obj_unref(in, names);
    return ok;
}
