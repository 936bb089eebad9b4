/* engine/io/hdf5_member.c - compounds: what members they have, and one of them at a time in and
 * out.
 *
 * The library moves a member of the elements of a region and leaves the others alone.  Members are
 * of plain types, texts, and arrays of plain types. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5_lib.h"

/* --- the type --- */

hid_t h5_type_compound(const h5_lib *h, const h5spec *s, err *e)
{
    hid_t id = h->Tcreate(H5T_COMPOUND, s->type.t.size);
    bool ok = id >= 0;
    for (size_t i = 0; ok && i < s->nmember; i++) {
        const h5member *m = &s->members[i];
        hid_t part = m->type.nsub ? h5_type_memory(h, &m->type, e) : h5_type_make(h, &m->type, e);
        if (part < 0) return h->Tclose(id), -1;
        ok = h->Tinsert(id, m->name, m->offset, part) >= 0;
        h->Tclose(part);
    }
    if (ok) return id;
    h5_fail(h, e);
    if (id >= 0) h->Tclose(id);
    return -1;
}

/* A member that is an array of something that can be moved. */
static void read_array(const h5_lib *h, hid_t member, h5type *out)
{
    hsize_t n[H5S_MAX_RANK];
    h5type part;
    int ndim = h->Tget_array_ndims(member);
    hid_t base = h->Tget_super(member);
    h5_type_read(h, base, &part);
    h->Tclose(base);
    if (ndim < 1 || ndim > H5_MAXSUB || part.text >= H5_VARIABLE ||
        h->Tget_array_dims2(member, n) < 0)
        return;
    *out = part;
    out->nsub = (uint8_t)ndim;
    for (int i = 0; i < ndim; i++) out->sub[i] = (uint32_t)n[i];
}

void h5_type_members(const h5_lib *h, hid_t id, size_t *n, h5member **out)
{
    *n = 0, *out = NULL;
    int count = h->Tget_class(id) == H5T_COMPOUND ? h->Tget_nmembers(id) : 0;
    if (count > 0) *out = mem_zero((size_t)count * sizeof **out);
    for (int i = 0; i < count; i++) {
        h5member *m = &(*out)[(*n)++];
        hid_t member = h->Tget_member_type(id, (unsigned)i);
        m->name = h->Tget_member_name(id, (unsigned)i);
        m->offset = h->Tget_member_offset(id, (unsigned)i);
        h5_type_read(h, member, &m->type);
        if (h->Tget_class(member) == H5T_ARRAY) read_array(h, member, &m->type);
        h->Tclose(member);
    }
}

bool h5_members(h5obj *d, size_t *n, h5member **out, err *e)
{
    *n = 0, *out = NULL;
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hid_t id = h->Dget_type(d->id);
    bool ok = id >= 0 || h5_fail(h, e);
    if (ok) h5_type_members(h, id, n, out);
    if (id >= 0) h->Tclose(id);
    h5_leave();
    return ok;
}

void h5_members_free(h5member *m, size_t n)
{
    for (size_t i = 0; i < n; i++) free(m[i].name); /* the library allocates them with malloc */
    mem_free(m);
}

/* --- elements --- */

/* The type of a member, and the shape of a region (r NULL: all) with the member's own behind it. */
typedef struct picked {
    h5type type;
    int ndim, nsub;
    int64_t shape[2 * ND_MAXDIM];
} picked;

static bool pick(h5obj *d, const h5region *r, const char *name, picked *p, err *e)
{
    h5info info;
    size_t n, i = 0;
    h5member *m;
    if (!h5_info(d, &info, e) || !h5_members(d, &n, &m, e)) return false;
    while (i < n && (!m[i].name || strcmp(m[i].name, name))) i++;
    bool ok = i < n;
    if (ok) {
        p->type = m[i].type;
        p->type.t.swapped = false;
    }
    h5_members_free(m, n);
    if (!ok) return err_set(e, ValueError, "Field %s does not appear in this type.", name);
    p->ndim = r ? r->ndim : info.ndim;
    p->nsub = p->type.nsub;
    memcpy(p->shape, r ? r->count : info.shape, (size_t)p->ndim * sizeof *p->shape);
    for (int k = 0; k < p->nsub; k++) p->shape[p->ndim + k] = p->type.sub[k];
    if (p->type.text != H5_OTHER && p->ndim + p->nsub <= ND_MAXDIM) return true;
    return err_set(e, NotImplementedError, "HDF5 %s types are not supported within compounds",
                   p->type.other ? p->type.other : "array");
}

nd *h5_read_field(h5obj *d, const h5region *r, const char *name, err *e)
{
    picked p;
    if (!pick(d, r, name, &p, e)) return NULL;
    if (p.type.text == H5_VARIABLE)
        return err_set(e, TypeError, "variable-length text cannot be read into a block");
    nd *x = nd_new(p.type.t, p.ndim + p.nsub, p.shape, e);
    if (x && nd_count(x) && !h5_move_raw(d, r, &p.type, name, false, x->at, e)) x = datum_unref(x);
    return x;
}

bool h5_read_field_texts(h5obj *d, const h5region *r, const char *name, h5texts *out, err *e)
{
    picked p;
    *out = (h5texts){0};
    TRY(pick(d, r, name, &p, e));
    size_t n = (size_t)shape_count(p.ndim, p.shape), bytes;
    TRY(size_mul(n + 1, sizeof(char *), &bytes, e));
    char **text = try_zero(bytes, e);
    if (!text) return false;
    bool ok = (n == 0 || h5_move_raw(d, r, &p.type, name, false, text, e)) &&
              h5_texts_take(out, n, text, e);
    for (size_t i = 0; i < n; i++) free(text[i]); /* the library allocates them with malloc */
    mem_free(text);
    return ok;
}

bool h5_write_field(h5obj *d, const h5region *r, const char *name, const nd *x, err *e)
{
    picked p;
    TRY(pick(d, r, name, &p, e));
    if (!nd_count(x)) return true;
    nd *flat = nd_contiguous(x, e);
    if (!flat) return false;
    h5type t = h5_type_of(nd_type(x));
    t.utf8 = p.type.utf8;
    t.nsub = p.type.nsub;
    memcpy(t.sub, p.type.sub, sizeof t.sub);
    h5_write_begin(d);
    bool ok = h5_move_raw(d, r, &t, name, true, flat->at, e);
    h5_write_end(d);
    datum_unref(flat);
    return ok;
}

bool h5_write_field_texts(h5obj *d, const h5region *r, const char *name, const h5texts *x, err *e)
{
    picked p;
    TRY(pick(d, r, name, &p, e));
    if (!x->n) return true;
    char **text = h5_texts_pointers(x, e);
    if (!text) return false;
    h5_write_begin(d);
    bool ok = h5_move_raw(d, r, &p.type, name, true, text, e);
    h5_write_end(d);
    mem_free(text);
    return ok;
}
