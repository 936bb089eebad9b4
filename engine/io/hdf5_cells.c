/* engine/io/hdf5_cells.c - elements that point elsewhere: references to objects, sequences.
 *
 * The library moves references as addresses and sequences as lengths and pointers; outside they
 * are open objects and blocks. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5_lib.h"

void h5_cells_clear(h5cells *c)
{
    size_t nobject = c->start && c->objects ? c->start[c->n] : 0;
    for (size_t i = 0; i < nobject; i++) datum_unref(c->objects[i]);
    for (size_t i = 0; c->arrays && i < c->n; i++) datum_unref(c->arrays[i]);
    mem_free(c->objects);
    mem_free(c->arrays);
    mem_free(c->start);
    *c = (h5cells){0};
}

size_t h5_cell_size(const h5type *t)
{
    return t->special == H5_REFERENCE ? sizeof(hobj_ref_t) : sizeof(hvl_t);
}

/* --- to the file --- */

static bool refer(const h5_lib *h, h5obj *x, hobj_ref_t *out, err *e)
{
    *out = 0;
    return !x || h->Rcreate(out, x->id, ".", H5R_OBJECT, -1) >= 0 || h5_fail(h, e);
}

/* The addresses of all objects stand behind the cells. */
static void *raw_references(const h5_lib *h, const h5type *t, const h5cells *c, err *e)
{
    size_t total = c->start[c->n], head = t->special == H5_REFERENCES ? c->n * sizeof(hvl_t) : 0;
    char *raw = try_alloc(head + total * sizeof(hobj_ref_t) + 1, e);
    hobj_ref_t *at = (hobj_ref_t *)(void *)(raw + head);
    bool ok = raw != NULL;
    for (size_t i = 0; ok && i < total; i++) ok = refer(h, c->objects[i], &at[i], e);
    for (size_t i = 0; ok && head && i < c->n; i++)
        ((hvl_t *)(void *)raw)[i] = (hvl_t){c->start[i + 1] - c->start[i], at + c->start[i]};
    if (ok) return raw;
    mem_free(raw);
    return NULL;
}

void *h5_cells_raw(const h5_lib *h, const h5type *t, const h5cells *c, err *e)
{
    if (t->special != H5_SEQUENCE) return raw_references(h, t, c, e);
    hvl_t *raw = try_alloc((c->n + 1) * sizeof *raw, e);
    for (size_t i = 0; raw && i < c->n; i++)
        raw[i] = (hvl_t){(size_t)nd_count(c->arrays[i]), c->arrays[i]->at};
    return raw;
}

/* --- from the file --- */

static h5obj *object_of(const h5_lib *h, h5obj *at, const hobj_ref_t *ref)
{
    static const hobj_ref_t none = 0;
    err e = {0};
    if (!memcmp(ref, &none, sizeof none)) return NULL;
    hid_t id = h->Rdereference2(at->id, H5P_DEFAULT, H5R_OBJECT, ref);
    h5obj *x = h5_wrap(h, h5_file(at), id, &e);
    err_clear(&e); /* it refers to what is gone: to nothing */
    return x;
}

static bool take_references(const h5_lib *h, h5obj *at, const h5type *t, const void *raw,
                            h5cells *out, err *e)
{
    const hvl_t *lists = t->special == H5_REFERENCES ? raw : NULL;
    size_t total = 0;
    for (size_t i = 0; i < out->n; i++) {
        out->start[i] = total;
        total += lists ? lists[i].len : 1;
    }
    out->start[out->n] = total;
    out->objects = try_zero((total + 1) * sizeof *out->objects, e);
    if (!out->objects) return false;
    for (size_t i = 0; i < out->n; i++) {
        const hobj_ref_t *from = lists ? lists[i].p : (const hobj_ref_t *)raw + i;
        size_t n = out->start[i + 1] - out->start[i];
        for (size_t k = 0; k < n; k++) out->objects[out->start[i] + k] = object_of(h, at, from + k);
    }
    return true;
}

static bool take_sequences(const h5type *t, const hvl_t *raw, h5cells *out, err *e)
{
    out->arrays = try_zero((out->n + 1) * sizeof *out->arrays, e);
    if (!out->arrays) return false;
    for (size_t i = 0; i < out->n; i++) {
        int64_t n = (int64_t)raw[i].len;
        nd *x = out->arrays[i] = nd_new(t->base, 1, &n, e);
        if (!x) return false;
        if (n) memcpy(x->at, raw[i].p, (size_t)n * x->size);
    }
    return true;
}

bool h5_cells_take(const h5_lib *h, h5obj *at, const h5type *t, size_t n, void *raw, h5cells *out,
                   err *e)
{
    *out = (h5cells){.n = n, .start = try_zero((n + 1) * sizeof *out->start, e)};
    bool ok = out->start && (t->special == H5_SEQUENCE ? take_sequences(t, raw, out, e)
                                                       : take_references(h, at, t, raw, out, e));
    for (size_t i = 0; t->special != H5_REFERENCE && i < n; i++) free(((hvl_t *)raw)[i].p);
    if (!ok) h5_cells_clear(out);
    return ok;
}

/* --- of datasets --- */

static size_t cells_in(const h5info *info, const h5region *r)
{
    return (size_t)shape_count(r ? r->ndim : info->ndim, r ? r->count : info->shape);
}

bool h5_read_cells(h5obj *d, const h5region *r, h5cells *out, err *e)
{
    h5info info;
    *out = (h5cells){0};
    TRY(h5_info(d, &info, e));
    size_t n = cells_in(&info, r), bytes;
    TRY(size_mul(n + 1, h5_cell_size(&info.type), &bytes, e));
    void *raw = try_zero(bytes, e);
    bool ok = raw && h5_move_raw(d, r, &info.type, NULL, false, raw, e);
    const h5_lib *h = ok ? h5_enter(e) : NULL;
    ok = h && h5_cells_take(h, d, &info.type, n, raw, out, e);
    if (h) h5_leave();
    mem_free(raw);
    return ok;
}

bool h5_write_cells(h5obj *d, const h5region *r, const h5cells *x, err *e)
{
    h5info info;
    TRY(h5_info(d, &info, e));
    if (x->n != cells_in(&info, r))
        return err_set(e, ValueError, "%zu cells for %zu elements", x->n, cells_in(&info, r));
    const h5_lib *h = h5_enter(e);
    void *raw = h ? h5_cells_raw(h, &info.type, x, e) : NULL;
    if (h) h5_leave();
    if (!raw) return false;
    h5_write_begin(d);
    bool ok = h5_move_raw(d, r, &info.type, NULL, true, raw, e);
    h5_write_end(d);
    mem_free(raw);
    return ok;
}
