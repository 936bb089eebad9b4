/* engine/io/hdf5_attr.c - attributes of files, groups and datasets. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/io/hdf5_lib.h"

void h5_value_clear(h5value *v)
{
    datum_unref(v->x);
    h5_texts_clear(&v->texts);
    h5_cells_clear(&v->cells);
    h5_members_free(v->members, v->nmember);
    *v = (h5value){0};
}

int64_t h5_attr_count(h5obj *x, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return -1;
    H5O_info_t info;
    bool ok = h->Oget_info2(x->id, &info, H5O_INFO_NUM_ATTRS) >= 0 || h5_fail(h, e);
    h5_leave();
    return ok ? (int64_t)info.num_attrs : -1;
}

int h5_attr_contains(h5obj *x, const char *name, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return -1;
    int found = h->Aexists(x->id, name);
    if (found < 0) h5_fail(h, e);
    h5_leave();
    return found < 0 ? -1 : found > 0;
}

/* --- reading --- */

static bool read_shape(const h5_lib *h, hid_t attr, h5value *out, err *e)
{
    hsize_t shape[ND_MAXDIM];
    hid_t space = h->Aget_space(attr);
    if (space < 0) return h5_fail(h, e);
    out->empty = h->Sget_simple_extent_type(space) == H5S_NULL;
    out->ndim = h->Sget_simple_extent_dims(space, shape, NULL);
    for (int i = 0; i < out->ndim; i++) out->shape[i] = (int64_t)shape[i];
    h->Sclose(space);
    if (out->ndim >= 0) return true;
    out->ndim = 0;
    return h5_fail(h, e) != NULL;
}

static bool read_text(const h5_lib *h, hid_t attr, hid_t memory, h5value *out, err *e)
{
    size_t n = (size_t)shape_count(out->ndim, out->shape), bytes;
    TRY(size_mul(n + 1, sizeof(char *), &bytes, e));
    char **text = try_zero(bytes, e);
    if (!text) return false;
    bool ok = n == 0 || h->Aread(attr, memory, text) >= 0 || h5_fail(h, e);
    ok = ok && h5_texts_take(&out->texts, n, text, e);
    for (size_t i = 0; i < n; i++) free(text[i]); /* the library allocates them with malloc */
    mem_free(text);
    return ok;
}

static bool read_cells(const h5_lib *h, h5obj *x, hid_t attr, hid_t memory, h5value *out, err *e)
{
    size_t n = (size_t)shape_count(out->ndim, out->shape), bytes;
    TRY(size_mul(n + 1, h5_cell_size(&out->type), &bytes, e));
    void *raw = try_zero(bytes, e);
    bool ok = raw && (n == 0 || h->Aread(attr, memory, raw) >= 0 || h5_fail(h, e)) &&
              h5_cells_take(h, x, &out->type, n, raw, &out->cells, e);
    mem_free(raw);
    return ok;
}

/* Compounds whose members are of fixed size: their bytes, in the order of the file. */
static bool read_compounds(const h5_lib *h, hid_t attr, hid_t type, h5value *out, err *e)
{
    h5_type_members(h, type, &out->nmember, &out->members);
    h5spec s = {.type = out->type, .members = out->members, .nmember = out->nmember};
    for (size_t i = 0; i < out->nmember; i++) {
        const h5type *t = &out->members[i].type;
        if (t->text >= H5_VARIABLE)
            return err_set(e, NotImplementedError,
                           "HDF5 %s types are not supported within the compounds of attributes",
                           t->other ? t->other : "variable-length text");
    }
    hid_t memory = h5_type_compound(h, &s, e);
    if (memory < 0) return false;
    out->x = nd_zero(out->type.t, out->ndim, out->shape, e);
    bool ok = out->x &&
              (nd_count(out->x) == 0 || h->Aread(attr, memory, out->x->at) >= 0 || h5_fail(h, e));
    h->Tclose(memory);
    return ok;
}

static bool read_value(const h5_lib *h, h5obj *x, hid_t attr, h5value *out, err *e)
{
    TRY(read_shape(h, attr, out, e));
    hid_t type = h->Aget_type(attr);
    if (type < 0) return h5_fail(h, e) != NULL;
    h5_type_read(h, type, &out->type);
    if (out->type.other && !out->type.special && !out->empty &&
        h->Tget_class(type) == H5T_COMPOUND) {
        bool done = read_compounds(h, attr, type, out, e);
        h->Tclose(type);
        return done;
    }
    hid_t memory = h5_type_read(h, type, &out->type) ? h5_type_memory(h, &out->type, e) : -1;
    bool ok = memory >= 0;
    if (ok && !out->empty && out->type.text == H5_VARIABLE) {
        ok = read_text(h, attr, memory, out, e);
    } else if (ok && !out->empty && out->type.special) {
        ok = read_cells(h, x, attr, memory, out, e);
    } else if (ok && !out->empty) {
        dtype_of t = out->type.t;
        t.swapped = false;
        out->x = nd_new(t, out->ndim, out->shape, e);
        ok = out->x &&
             (nd_count(out->x) == 0 || h->Aread(attr, memory, out->x->at) >= 0 || h5_fail(h, e));
    }
    if (memory >= 0) h->Tclose(memory);
    h->Tclose(type);
    return ok;
}

bool h5_attr_get(h5obj *x, const char *name, h5value *out, err *e)
{
    *out = (h5value){0};
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hid_t attr = h->Aopen_by_name(x->id, ".", name, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attr >= 0 ? read_value(h, x, attr, out, e) : h5_fail(h, e) != NULL;
    if (attr >= 0) h->Aclose(attr);
    h5_leave();
    if (!ok) h5_value_clear(out);
    return ok;
}

/* --- writing --- */

static bool write_value(const h5_lib *h, hid_t attr, hid_t memory, const h5value *v, err *e)
{
    if (v->empty) return true;
    if (v->type.special) {
        void *raw = h5_cells_raw(h, &v->type, &v->cells, e);
        bool ok = raw && (v->cells.n == 0 || h->Awrite(attr, memory, raw) >= 0 || h5_fail(h, e));
        mem_free(raw);
        return ok;
    }
    if (v->type.text != H5_VARIABLE) {
        nd *x = nd_contiguous(v->x, e);
        bool ok = x && (nd_count(x) == 0 || h->Awrite(attr, memory, x->at) >= 0 || h5_fail(h, e));
        datum_unref(x);
        return ok;
    }
    char **text = h5_texts_pointers(&v->texts, e);
    bool ok = text && (v->texts.n == 0 || h->Awrite(attr, memory, text) >= 0 || h5_fail(h, e));
    mem_free(text);
    return ok;
}

static hid_t make_space(const h5_lib *h, const h5value *v)
{
    hsize_t shape[ND_MAXDIM];
    for (int i = 0; i < v->ndim; i++) shape[i] = (hsize_t)v->shape[i];
    return v->empty       ? h->Screate(H5S_NULL)
           : v->ndim == 0 ? h->Screate(H5S_SCALAR)
                          : h->Screate_simple(v->ndim, shape, NULL);
}

/* The compound as memory has it: native, whatever the order in the file. */
static hid_t native_compound(const h5_lib *h, const h5spec *s, err *e)
{
    h5member *m = mem_zero(s->nmember * sizeof *m);
    h5spec native = *s;
    memcpy(m, s->members, s->nmember * sizeof *m);
    for (size_t i = 0; i < s->nmember; i++) m[i].type.t.swapped = false;
    native.members = m;
    hid_t id = h5_type_compound(h, &native, e);
    mem_free(m);
    return id;
}

static bool create(const h5_lib *h, hid_t at, const char *name, const h5value *v, err *e)
{
    h5spec s = {.type = v->type, .members = v->members, .nmember = v->nmember};
    hid_t type = v->members ? h5_type_compound(h, &s, e) : h5_type_make(h, &v->type, e);
    hid_t memory = type < 0     ? -1
                   : v->members ? native_compound(h, &s, e)
                                : h5_type_memory(h, &v->type, e);
    if (type >= 0 && memory < 0) h->Tclose(type);
    if (type < 0 || memory < 0) return false;
    hid_t space = make_space(h, v);
    hid_t attr = space < 0 ? -1
                           : h->Acreate_by_name(at, ".", name, type, space, H5P_DEFAULT,
                                                H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attr >= 0 ? write_value(h, attr, memory, v, e) : h5_fail(h, e) != NULL;
    if (attr >= 0) h->Aclose(attr);
    if (attr >= 0 && !ok) h->Adelete(at, name);
    if (space >= 0) h->Sclose(space);
    h->Tclose(memory);
    h->Tclose(type);
    return ok;
}

/* The new attribute takes the name; until it has it, the old one waits under another, whose it is
 * again when that fails. */
static bool swap(const h5_lib *h, hid_t at, const char *made, const char *name, const char *kept)
{
    if (h->Arename(at, name, kept) < 0) return false;
    if (h->Arename(at, made, name) < 0) {
        h->Arename(at, kept, name);
        return false;
    }
    h->Adelete(at, kept);
    return true;
}

/* An attribute cannot be overwritten: the new one is made beside it, then takes its name. */
static bool replace(const h5_lib *h, hid_t at, const char *name, const h5value *v, err *e)
{
    strbuf made = {0}, kept = {0};
    sb_addf(&made, "%s (being replaced)", name);
    sb_addf(&kept, "%s (old, being replaced)", name);
    h->Adelete(at, sb_text(&made)); /* both left by a crash: rarely there */
    h->Adelete(at, sb_text(&kept));
    bool ok = create(h, at, sb_text(&made), v, e);
    if (ok && !swap(h, at, sb_text(&made), name, sb_text(&kept))) {
        ok = h5_fail(h, e);
        h->Adelete(at, sb_text(&made));
    }
    sb_clear(&made);
    sb_clear(&kept);
    return ok;
}

bool h5_attr_set(h5obj *x, const char *name, const h5value *v, err *e)
{
    h5_write_begin(x);
    const h5_lib *h = h5_enter(e);
    bool ok = false;
    if (h) {
        int there = h->Aexists(x->id, name);
        ok = there < 0   ? h5_fail(h, e) != NULL
             : there > 0 ? replace(h, x->id, name, v, e)
                         : create(h, x->id, name, v, e);
        h5_leave();
    }
    h5_write_end(x);
    return ok;
}

bool h5_attr_delete(h5obj *x, const char *name, err *e)
{
    h5_write_begin(x);
    const h5_lib *h = h5_enter(e);
    bool ok = h && (h->Adelete_by_name(x->id, ".", name, H5P_DEFAULT) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    h5_write_end(x);
    return ok;
}
