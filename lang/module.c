/* lang/module.c - modules: written in C, embedded in the program, or files on sys.path; import.
 *
 * An embedded module runs only its body; its top-level defs compile when they are first asked
 * for, as an attribute or as a global name (module_define). */
#include "lang/types/module.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/builtins.h"
#include "lang/compile.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/pack.h"
#include "lang/run.h"
#include "lang/trace.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

static module *as_module(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_module ? (module *)(void *)v.o : NULL;
}

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
static bool run_part(interp *in, module *m, uint32_t code)
{
    return run_code_in(in, unpack_code(m->lazy->pack, code), m->dict);
}

static int define_in(interp *in, module *m, const char *name)
{
    const embedded_def *d = m->lazy ? find_def(m->lazy, name) : NULL;
    if (!d) return 0;
    frame *f = in->frame; /* what a decorator does must not see the caller's names */
    bool ok = run_part(in, m, d->code);
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

static bool define_all(interp *in, module *m)
{
    for (const embedded_def *d = m->lazy ? m->lazy->defs : NULL; d && d->name; d++) {
        if (is_fail(dict_peek(in, m->dict, d->name)) && define_in(in, m, d->name) < 0) return false;
    }
    return true;
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
    for (const embedded_def *d = m->lazy ? m->lazy->defs : NULL; ok && d && d->name; d++) {
        if (is_fail(dict_peek(in, m->dict, d->name))) ok = list_add(in, l, v_str(in, d->name));
    }
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

static bool is_package(interp *in, const char *name)
{
    size_t n = strlen(name);
    for (const module_def *const *d = in->defs; d && *d; d++) {
        if (strncmp((*d)->name, name, n) == 0 && (*d)->name[n] == '.') return true;
    }
    const embedded_module *e = find_embedded(name);
    return e && e->package;
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
    static const char *const shapes[] = {"%s%s%s.dsk", "%s%s%s.py", "%s%s%s/__init__.dsk",
                                         "%s%s%s/__init__.py"};
    for (int i = 0; i < 4; i++) {
        strbuf b = {0};
        const char *sep = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
        sb_addf(&b,
                i == 0   ? "%s%s%s.dsk"
                : i == 1 ? "%s%s%s.py"
                : i == 2 ? "%s%s%s/__init__.dsk"
                         : "%s%s%s/__init__.py",
                dir, sep, name);
        (void)shapes;
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
        return e && !run_part(in, m, e->body) ? -1 : 1;
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

static value load(interp *in, const char *name, value parent)
{
    module *m = module_new(in, name);
    if (!m || !dict_put(in, in->modules, name, v_obj(obj_ref(m)))) {
        obj_unref(in, m);
        return FAIL;
    }
    int r = fill(in, m, name, parent);
    if (r == 1) return v_obj(m);
    value pending = exc_take(in), key = v_str(in, name);
    dict_del(in, in->modules, key);
    value_unref(in, key);
    obj_unref(in, m);
    in->exc = pending;
    if (r < 0) return FAIL;
    str *up = as_module(parent) ? as_module(parent)->name : NULL;
    bool package = up && !is_fail(dict_peek(in, as_module(parent)->dict, "__path__"));
    return not_found(in, name, up && !package ? up->at : NULL);
}

value interp_import(interp *in, const char *name)
{
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
    if (!is_fail(m) && as_module(parent) &&
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
    } else if (m && define_all(in, m))
        names = list_of(in, OBJ(m->dict));
    bool ok = names != NULL;
    for (int64_t i = 0; ok && i < names->n; i++) {
        str *s = as_str(names->at[i]);
        if (s && (r || s->at[0] != '_')) ok = star_name(in, f, v, s);
    }
    obj_unref(in, names);
    return ok;
}

/* ---- class statements ---- */

/* Bases that are no classes say what stands for them (__mro_entries__). Owned. */
static tuple *real_bases(interp *in, tuple *bases)
{
    list *l = NULL;
    for (int64_t i = 0; i < bases->n; i++) {
        value b = bases->at[i], f, r;
        int has = as_type(b) ? 0 : value_findattr(in, b, "__mro_entries__", &f);
        if (has < 0) goto failed;
        if (!has) {
            if (l && !list_append(in, l, b)) goto failed;
            continue;
        }
        if (!l && !(l = list_new(in, 0))) goto failed;
        for (int64_t j = 0; j < i && l->n < i; j++) list_append(in, l, bases->at[j]);
        r = call_n(in, f, 1, OBJ(bases));
        value_unref(in, f);
        bool ok = !is_fail(r) && list_extend(in, l, r);
        value_unref(in, r);
        if (!ok) goto failed;
    }
    if (!l) return obj_ref(bases);
    tuple *t = tuple_from(in, l->at, l->n);
    obj_unref(in, l);
    return t;
failed:
    obj_unref(in, l);
    return NULL;
}

static value prepare(interp *in, value meta, value name, tuple *bases, dict *kw)
{
    if (meta.kind == V_OBJ && meta.o == &T_type.hdr) return v_obj(dict_new(in));
    value f;
    int has = value_findattr(in, meta, "__prepare__", &f);
    if (has <= 0) return has < 0 ? FAIL : v_obj(dict_new(in));
    tuple *args = tuple_pack(in, 2, value_ref(name), v_obj(obj_ref(bases)));
    value ns = args ? call_with(in, f, OBJ(args), OBJ(kw)) : FAIL;
    obj_unref(in, args);
    value_unref(in, f);
    return ns;
}

static value build_class(interp *in, const value *arg)
{
    func *fn = as_func(arg[0]);
    if (!fn) return throw(in, TypeError, "__build_class__: func must be a function");
    tuple *bases = real_bases(in, as_tuple(arg[2]));
    if (!bases) return FAIL;
    value meta = arg[3];
    if (is_fail(meta)) meta = (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&T_type.hdr};
    const type *mt = as_type(meta);
    if (mt) mt = metaclass_of(in, mt, bases);
    value ns = FAIL, done = FAIL, cls = FAIL;
    if (mt) meta = (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&mt->hdr};
    if (!throwing(in)) ns = prepare(in, meta, arg[1], bases, as_dict(arg[4]));
    if (!is_fail(ns)) done = code_run(in, fn->link, fn->globals, ns, fn->closure);
    tuple *args = is_fail(done)
                      ? NULL
                      : tuple_pack(in, 3, value_ref(arg[1]), v_obj(obj_ref(bases)), value_ref(ns));
    if (args) cls = call_with(in, meta, OBJ(args), arg[4]);
    if (!is_fail(cls) && bases != as_tuple(arg[2]) && as_klass(as_type(cls))) {
        dict_put(in, as_klass(as_type(cls))->dict, "__orig_bases__", value_ref(arg[2]));
    }
    obj_unref(in, args);
    value_unref(in, done);
    value_unref(in, ns);
    obj_unref(in, bases);
    return cls;
}

static const builtin build_row = {
    "__build_class__(func, name, /, *bases, metaclass=<unset>, **kwds)", build_class, NULL};

value build_class_function(interp *in)
{
    return value_ref(in->build_class);
}

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
    in->build_class = cfunc_new(in, &build_row, FAIL);
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
    list *l = in->modules ? list_new(in, 0) : NULL;
    for (int64_t i = 0; l && dict_next(in->modules, &i, &k, &v);) list_append(in, l, v);
    if (in->modules) dict_clear(in, in->modules);
    for (int64_t i = l ? l->n : 0; i-- > 0;) {
        module *m = as_module(l->at[i]);
        if (m && m->dict != in->builtins) dict_clear(in, m->dict);
    }
    obj_unref(in, l);
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
