/* stdlib/numpy/files.c - .npy, .npz and tables of text: what numpy/_files.dsk is built on.
 *
 * A source is a path (str) or the bytes of a file. */
#include <stdio.h>

#include "engine/base/mem.h"
#include "engine/io/npy.h"
#include "engine/io/text.h"
#include "lang/types/bytes.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

static const char *path_of(interp *in, value v)
{
    str *s = as_str(v);
    return s ? s->at : THROW0(in, TypeError, "expected a path, not %s", type_of(in, v)->name);
}

static value f_kind(interp *in, const value *arg)
{
    size_t n;
    const char *at = bytes_peek(arg[0], &n);
    if (at) return v_int(npy_kind_of(at, n));
    const char *path = path_of(in, arg[0]);
    if (!path) return FAIL;
    char head[16];
    err e = {0};
    FILE *f = fopen(path, "rb");
    if (!f) {
        err_errno(&e, 2, path);
        return throw_err(in, &e);
    }
    n = fread(head, 1, sizeof head, f);
    fclose(f);
    return v_int(npy_kind_of(head, n));
}

static value f_save(interp *in, const value *arg)
{
    const char *path = path_of(in, arg[0]);
    nd *x = path ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    if (!x) return FAIL;
    bool ok = npy_save(path, x, &e);
    datum_unref(x);
    return ok ? NONE : throw_err(in, &e);
}

static value taken(interp *in, bool ok, strbuf *b, err *e)
{
    value v = ok ? v_obj(bytes_new(in, sb_text(b), b->n)) : throw_err(in, e);
    sb_clear(b);
    return v;
}

static value f_bytes(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    strbuf b = {0};
    err e = {0};
    if (!x) return FAIL;
    bool ok = npy_format(x, &b, &e);
    datum_unref(x);
    return taken(in, ok, &b, &e);
}

static value f_load(interp *in, const value *arg)
{
    const char *path = path_of(in, arg[0]);
    err e = {0};
    return path ? array_wrap(in, npy_load(path, &e), &e) : FAIL;
}

/* (array, bytes of the file that it took) */
static value f_parse(interp *in, const value *arg)
{
    size_t n;
    const char *at = bytes_peek(arg[0], &n);
    npy_head h;
    err e = {0};
    if (!at) return throw(in, TypeError, "expected bytes, not %s", type_of(in, arg[0])->name);
    if (!npy_head_parse(at, n, &h, &e)) return throw_err(in, &e);
    nd *x = npy_parse(at, n, &e);
    if (!x) return throw_err(in, &e);
    size_t used = h.at + (size_t)nd_bytes(x);
    return v_obj(tuple_pack(in, 2, array_wrap(in, x, &e), v_int((int64_t)used)));
}

/* ---- archives ---- */

typedef struct members {
    size_t n;
    const char **name;
    nd **x; /* owned */
    list *names, *arrays;
} members;

static void members_clear(interp *in, members *m)
{
    for (size_t i = 0; i < m->n; i++) datum_unref(m->x[i]);
    mem_free(m->x);
    mem_free((void *)m->name);
    obj_unref(in, m->names);
    obj_unref(in, m->arrays);
}

static bool members_of(interp *in, value names, value arrays, members *m)
{
    *m = (members){.names = list_of(in, names), .arrays = list_of(in, arrays)};
    bool ok = m->names && m->arrays;
    size_t n = ok ? (size_t)m->names->n : 0;
    m->name = mem_zero((n + 1) * sizeof *m->name);
    m->x = mem_zero((n + 1) * sizeof *m->x);
    for (size_t i = 0; ok && i < n; i++) {
        m->name[i] = path_of(in, m->names->at[i]);
        ok = m->name[i] && (m->x[i] = to_nd_any(in, m->arrays->at[i])) != NULL;
        m->n++;
    }
    if (!ok) members_clear(in, m);
    return ok;
}

static value f_savez(interp *in, const value *arg)
{
    const char *path = path_of(in, arg[0]);
    members m;
    err e = {0};
    if (!path || !members_of(in, arg[1], arg[2], &m)) return FAIL;
    bool ok = npz_save(path, m.n, m.name, (const nd *const *)m.x, value_truth(in, arg[3]) == 1, &e);
    members_clear(in, &m);
    return ok ? NONE : throw_err(in, &e);
}

static value f_npz_bytes(interp *in, const value *arg)
{
    members m;
    strbuf b = {0};
    err e = {0};
    if (!members_of(in, arg[0], arg[1], &m)) return FAIL;
    bool ok = npz_format(m.n, m.name, (const nd *const *)m.x, value_truth(in, arg[2]) == 1, &b, &e);
    members_clear(in, &m);
    return taken(in, ok, &b, &e);
}

static npz *archive(interp *in, value source)
{
    size_t n;
    const char *at = bytes_peek(source, &n), *path = at ? NULL : path_of(in, source);
    err e = {0};
    if (!at && !path) return NULL;
    npz *z = at ? npz_parse(at, n, &e) : npz_open(path, &e);
    if (!z) throw_err(in, &e);
    return z;
}

static value f_npz_names(interp *in, const value *arg)
{
    npz *z = archive(in, arg[0]);
    list *l = z ? list_new(in, (int64_t)npz_count(z)) : NULL;
    for (size_t i = 0; l && i < npz_count(z); i++)
        if (!list_add(in, l, v_str(in, npz_name(z, i)))) obj_unref(in, l), l = NULL;
    npz_close(z);
    return v_obj(l);
}

static value f_npz_read(interp *in, const value *arg)
{
    int64_t i;
    err e = {0};
    npz *z = to_int64(in, arg[1], &i) ? archive(in, arg[0]) : NULL;
    if (!z) return FAIL;
    value v = array_wrap(in, npz_read(z, (size_t)i, &e), &e);
    npz_close(z);
    return v;
}

/* ---- text ---- */

static int byte_of(value v)
{
    str *s = as_str(v);
    return s && s->nbyte ? (unsigned char)s->at[0] : 0;
}

/* arg: text dtype comments delimiter skip usecols max_rows */
static value parse_table(interp *in, const value *arg, table_format f)
{
    str *text = as_str(arg[0]);
    dtype_of t = dtype_plain(DT_float64);
    int n = 0;
    int64_t columns[ND_MAXDIM];
    int64_t *all = NULL;
    err e = {0};
    value r = FAIL;
    if (!text) return throw(in, TypeError, "expected text");
    f.comment = byte_of(arg[2]);
    f.delimiter = byte_of(arg[3]);
    if (!to_dtype(in, arg[1], &t) || !to_int64(in, arg[4], &f.skip) ||
        !to_int64(in, arg[6], &f.max_rows))
        return FAIL;
    list *l = is_none(arg[5]) ? NULL : list_of(in, arg[5]);
    bool ok = l || is_none(arg[5]);
    if (l) all = l->n <= ND_MAXDIM ? columns : mem_alloc((size_t)l->n * sizeof *all);
    for (n = 0; ok && l && n < l->n; n++) ok = to_int64(in, l->at[n], &all[n]);
    if (ok) {
        f.columns = all;
        f.ncolumns = l ? l->n : 0;
        r = array_wrap(in, table_parse(text->at, text->nbyte, &f, t, &e), &e);
    }
    if (all != columns) mem_free(all);
    obj_unref(in, l);
    return r;
}

static value f_loadtxt(interp *in, const value *arg)
{
    return parse_table(in, arg, (table_format){0});
}

static value f_genfromtxt(interp *in, const value *arg)
{
    table_format f = {.lenient = true};
    return to_double(in, arg[7], &f.missing) ? parse_table(in, arg, f) : FAIL;
}

const builtin numpy_file_functions[] = {
    {"_npy_kind(source)", f_kind, NULL},
    {"_save(path, x)", f_save, NULL},
    {"_npy_bytes(x)", f_bytes, NULL},
    {"_load(path)", f_load, NULL},
    {"_npy_parse(data)", f_parse, NULL},
    {"_savez(path, names, arrays, compressed)", f_savez, NULL},
    {"_npz_bytes(names, arrays, compressed)", f_npz_bytes, NULL},
    {"_npz_names(source)", f_npz_names, NULL},
    {"_npz_read(source, i)", f_npz_read, NULL},
    {"_loadtxt(text, dtype, comments, delimiter, skip, usecols, max_rows)", f_loadtxt, NULL},
    {"_genfromtxt(text, dtype, comments, delimiter, skip, usecols, max_rows, missing)",
     f_genfromtxt, NULL},
    {0},
};
