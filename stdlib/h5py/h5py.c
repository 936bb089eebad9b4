/* stdlib/h5py/h5py.c - the module _h5py: handles, files, groups and links. */
#include "stdlib/h5py/h5py.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/freeze.h"
#include "stdlib/stdlib.h"

/* ---- handles ---- */

static void handle_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((handle *)o)->x);
}

/* Any thread may use an open object. */
static bool handle_save(freezer *f, obj *o)
{
    freeze_datum(f, (datum *)(void *)((handle *)o)->x);
    return true;
}

static obj *handle_load(thawer *t, const type *cls)
{
    handle *h = obj_new(thawer_interp(t), cls, 0);
    if (h) h->x = datum_ref(thaw_datum(t));
    return (obj *)h;
}

static const crossing handle_cross = {handle_save, handle_load};

const type T_handle = {TYPE_HEAD,           .name = "Handle",
                       .module = "_h5py",   .size = sizeof(handle),
                       .drop = handle_drop, .cross = &handle_cross};

h5obj *peek_h5(interp *in, value v)
{
    handle *h = (handle *)as_obj(v, &T_handle);
    if (h) return h->x;
    return THROW0(in, TypeError, "an HDF5 object is needed, not '%s'", type_of(in, v)->name);
}

value wrap_h5(interp *in, h5obj *x, err *e)
{
    if (!x) return throw_err(in, e);
    handle *h = obj_new(in, &T_handle, 0);
    if (!h) return datum_unref(x), FAIL;
    h->x = x;
    return v_obj(h);
}

const char *peek_text(interp *in, value v)
{
    str *s = as_str(v);
    if (s) return s->at;
    return THROW0(in, TypeError, "expected str, got %s", type_of(in, v)->name);
}

value done_or_throw(interp *in, bool ok, err *e)
{
    return ok ? NONE : throw_err(in, e);
}

static value count_or_throw(interp *in, int64_t n, err *e)
{
    return n < 0 ? throw_err(in, e) : v_int(n);
}

static value yes_or_throw(interp *in, int yes, err *e)
{
    return yes < 0 ? throw_err(in, e) : v_bool(yes);
}

value names_list(interp *in, char **names, size_t n, err *e)
{
    if (!names) return throw_err(in, e);
    list *l = list_new(in, (int64_t)n);
    bool ok = l != NULL;
    for (size_t i = 0; ok && i < n; i++) ok = list_add(in, l, v_str(in, names[i]));
    h5_names_free(names, n);
    if (ok) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

/* ---- files ---- */

static value f_open(interp *in, const value *arg)
{
    const char *path = peek_text(in, arg[0]), *mode = path ? peek_text(in, arg[1]) : NULL;
    int64_t block, low, high;
    err e = {0};
    if (!mode || !to_int64(in, arg[2], &block) || !to_int64(in, arg[5], &low) ||
        !to_int64(in, arg[6], &high))
        return FAIL;
    h5opening how = {.userblock = block,
                     .track_order = value_truth(in, arg[3]) == 1,
                     .swmr = value_truth(in, arg[4]) == 1,
                     .low = (int)low,
                     .high = (int)high};
    return wrap_h5(in, long_open(in, path, mode, &how, &e), &e);
}

/* about(file): (userblock, swmr, low, high) */
static value f_about(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5opening how;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_about(x, &how, &e)) return throw_err(in, &e);
    return v_obj(
        tuple_pack(in, 4, v_int(how.userblock), v_bool(how.swmr), v_int(how.low), v_int(how.high)));
}

static value f_start_swmr(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? done_or_throw(in, h5_start_swmr(x, &e), &e) : FAIL;
}

static value f_close(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    const bool hurry = as_obj(exc_handled(in), exc_type(KeyboardInterrupt)) != NULL;
    if (x && hurry) return h5_close_soon(x), NONE;
    return x ? done_or_throw(in, long_close(in, x, &e), &e) : FAIL;
}

static value f_flush(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? done_or_throw(in, h5_flush(x, &e), &e) : FAIL;
}

static value f_is_open(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    return x ? v_bool(h5_is_open(x)) : FAIL;
}

static value f_is_writable(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    return x ? v_bool(h5_is_writable(x)) : FAIL;
}

static value f_path(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    return x ? v_str(in, h5_path(x)) : FAIL;
}

static value f_file(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? wrap_h5(in, datum_ref(h5_file(x)), &e) : FAIL;
}

static value f_kind(interp *in, const value *arg)
{
    static const char *const names[] = {"file", "group", "dataset", "type"};
    h5obj *x = peek_h5(in, arg[0]);
    return x ? v_str(in, names[h5_what(x)]) : FAIL;
}

static value f_name(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    char *name = x ? h5_name(x, &e) : NULL;
    if (!x) return FAIL;
    if (!name) return throw_err(in, &e);
    value r = *name ? v_str(in, name) : NONE;
    mem_free(name);
    return r;
}

static value f_key(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    uint64_t k[2];
    err e = {0};
    if (!x) return FAIL;
    if (!h5_key(x, k, &e)) return throw_err(in, &e);
    return v_obj(tuple_pack(in, 2, int_from_u64(in, k[0]), int_from_u64(in, k[1])));
}

/* ---- groups ---- */

/* the object and the name that most functions begin with */
static bool begin(interp *in, const value *arg, h5obj **x, const char **name)
{
    *x = peek_h5(in, arg[0]);
    *name = *x ? peek_text(in, arg[1]) : NULL;
    return *name != NULL;
}

static value f_child(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    return begin(in, arg, &x, &name) ? wrap_h5(in, h5_child(x, name, &e), &e) : FAIL;
}

static value f_create_group(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    if (is_none(arg[1]) && (x = peek_h5(in, arg[0])))
        return wrap_h5(in, h5_create_anonymous(x, &e), &e);
    if (!begin(in, arg, &x, &name)) return FAIL;
    return wrap_h5(in, h5_create_group(x, name, value_truth(in, arg[2]) == 1, &e), &e);
}

static value f_contains(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    return begin(in, arg, &x, &name) ? yes_or_throw(in, h5_contains(x, name, &e), &e) : FAIL;
}

static value f_count(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? count_or_throw(in, h5_count(x, &e), &e) : FAIL;
}

static value f_names(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    size_t n = 0;
    err e = {0};
    if (!x) return FAIL;
    char **names = h5_names(x, &n, &e);
    return names_list(in, names, n, &e);
}

static value f_delete(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    return begin(in, arg, &x, &name) ? done_or_throw(in, h5_delete(x, name, &e), &e) : FAIL;
}

static value f_move(interp *in, const value *arg)
{
    h5obj *x;
    const char *from, *to;
    err e = {0};
    if (!begin(in, arg, &x, &from) || !(to = peek_text(in, arg[2]))) return FAIL;
    return done_or_throw(in, h5_move(x, from, to, &e), &e);
}

static value f_copy(interp *in, const value *arg)
{
    h5obj *x, *y;
    const char *from, *to;
    err e = {0};
    int64_t how;
    if (!begin(in, arg, &x, &from) || !begin(in, arg + 2, &y, &to) || !to_int64(in, arg[4], &how))
        return FAIL;
    return done_or_throw(in, h5_copy(x, from, y, to, (unsigned)how, &e), &e);
}

/* ---- links ---- */

/* (kind, path, file) */
static value f_link(interp *in, const value *arg)
{
    static const char *const kinds[] = {"hard", "soft", "external"};
    h5obj *x;
    const char *name;
    err e = {0};
    h5link l = {0};
    if (!begin(in, arg, &x, &name)) return FAIL;
    if (!h5_link_get(x, name, &l, &e)) return throw_err(in, &e);
    value r = v_obj(tuple_pack(in, 3, v_str(in, kinds[l.kind]), l.path ? v_str(in, l.path) : NONE,
                               l.file ? v_str(in, l.file) : NONE));
    h5_link_clear(&l);
    return r;
}

static value f_link_hard(interp *in, const value *arg)
{
    h5obj *x, *to;
    const char *name;
    err e = {0};
    if (!begin(in, arg, &x, &name) || !(to = peek_h5(in, arg[2]))) return FAIL;
    return done_or_throw(in, h5_link_hard(x, name, to, &e), &e);
}

static value f_link_soft(interp *in, const value *arg)
{
    h5obj *x;
    const char *name, *path;
    err e = {0};
    if (!begin(in, arg, &x, &name) || !(path = peek_text(in, arg[2]))) return FAIL;
    return done_or_throw(in, h5_link_soft(x, name, path, &e), &e);
}

static value f_link_external(interp *in, const value *arg)
{
    h5obj *x;
    const char *name, *file, *path;
    err e = {0};
    if (!begin(in, arg, &x, &name) || !(file = peek_text(in, arg[2])) ||
        !(path = peek_text(in, arg[3])))
        return FAIL;
    return done_or_throw(in, h5_link_external(x, name, file, path, &e), &e);
}

/* ---- the module ---- */

static const builtin table[] = {
    {"open(path, mode, userblock=0, track_order=False, swmr=False, low=0, high=2)", f_open, NULL},
    {"about(file)", f_about, NULL},
    {"start_swmr(file)", f_start_swmr, NULL},
    {"close(file)", f_close, NULL},
    {"flush(x)", f_flush, NULL},
    {"is_open(x)", f_is_open, NULL},
    {"is_writable(x)", f_is_writable, NULL},
    {"path(x)", f_path, "The path that the file of x was opened by."},
    {"file(x)", f_file, NULL},
    {"kind(x)", f_kind, "'file', 'group', 'dataset' or 'type'."},
    {"name(x)", f_name, "Absolute path in the file, or None."},
    {"key(x)", f_key, "Equal for handles of one object."},
    {"child(group, name)", f_child, NULL},
    {"create_group(group, name, track_order)", f_create_group, NULL},
    {"contains(group, name)", f_contains, NULL},
    {"count(group)", f_count, NULL},
    {"names(group)", f_names, NULL},
    {"delete(group, name)", f_delete, NULL},
    {"move(group, source, to)", f_move, NULL},
    {"copy(group, source, to_group, to, flags=0)", f_copy, NULL},
    {"link(group, name)", f_link, NULL},
    {"link_hard(group, name, target)", f_link_hard, NULL},
    {"link_soft(group, name, path)", f_link_soft, NULL},
    {"link_external(group, name, file, path)", f_link_external, NULL},
    {0},
};

static bool put_rows(interp *in, module *m, const builtin *row)
{
    for (; row->sig; row++) {
        char name[64];
        size_t n = strcspn(row->sig, "(");
        if (n >= sizeof name) n = sizeof name - 1;
        memcpy(name, row->sig, n);
        name[n] = 0;
        TRY(module_put(in, m, name, cfunc_new(in, row, FAIL)));
    }
    return true;
}

static bool open_module(interp *in, module *m)
{
    return put_rows(in, m, h5_dataset_functions) && put_rows(in, m, h5_chunk_functions) &&
           put_rows(in, m, h5_cell_functions) && put_rows(in, m, h5_attr_functions) &&
           put_rows(in, m, h5_lazy_functions) && module_put_type(in, m, &T_handle);
}

const module_def h5py_def = {"_h5py", "The part of h5py that is written in C.", table, open_module};
