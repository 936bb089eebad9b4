/* engine/io/hdf5_dataset.c - making datasets, their properties, their extent. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5_map.h"

/* --- the shape of chunks --- */

/* h5py's rule: halve the axes in turn until a chunk has about 16 KiB, more for large data. */
bool h5_guess_chunk(int ndim, const int64_t *shape, size_t size, int64_t *chunk, err *e)
{
    enum { BASE = 16 * 1024, LEAST = 8 * 1024, MOST = 1024 * 1024 };
    if (ndim == 0) return err_set(e, ValueError, "Chunks not allowed for scalar datasets.");
    double c[ND_MAXDIM], total = (double)size;
    for (int i = 0; i < ndim; i++) {
        c[i] = shape[i] ? (double)shape[i] : 1024;
        total *= c[i];
    }
    double target = BASE * exp2(log10(total / MOST));
    target = target > MOST ? MOST : target < LEAST ? LEAST : target;
    for (int k = 0;; k++) {
        double count = 1;
        for (int i = 0; i < ndim; i++) count *= c[i];
        double bytes = count * (double)size;
        bool near = bytes < target || fabs(bytes - target) / target < 0.5;
        if ((near && bytes < MOST) || count == 1) break;
        c[k % ndim] = ceil(c[k % ndim] / 2);
    }
    for (int i = 0; i < ndim; i++) chunk[i] = (int64_t)c[i];
    return true;
}

/* --- checks before creating: h5py's, in its order --- */

static bool check_chunk_size(const h5spec *s, err *e)
{
    int n = s->maxshape ? s->nmax : s->ndim;
    const int64_t *most = s->maxshape ? s->maxshape : s->shape;
    for (int i = 0; i < s->nchunks && i < n; i++) {
        if (most[i] < 0 || s->chunks[i] <= most[i]) continue;
        char chunk[1024], shape[1024];
        shape_text(s->nchunks, s->chunks, chunk, sizeof chunk);
        shape_text(s->ndim, s->shape, shape, sizeof shape);
        return err_set(e, ValueError,
                       "Chunk shape must not be greater than data shape in any dimension. "
                       "%s is not compatible with %s",
                       chunk, shape);
    }
    return true;
}

static bool wants_chunks(const h5spec *s)
{
    return s->guess || s->chunks || s->maxshape || s->compression || s->shuffle || s->fletcher32 ||
           s->scaleoffset;
}

static bool check_filters(const h5spec *s, err *e)
{
    const char *c = s->compression;
    if (!c) return true;
    if (strcmp(c, "gzip") != 0 && strcmp(c, "lzf") != 0 && strcmp(c, "szip") != 0) {
        return err_set(e, ValueError, "Compression filter \"%s\" is unavailable", c);
    }
    if (strcmp(c, "gzip") == 0 && (s->level < -1 || s->level > 9)) {
        return err_set(e, ValueError, "GZIP setting must be an integer from 0-9, not %d", s->level);
    }
    return true;
}

static bool check_scalar(const h5spec *s, err *e)
{
    const char *what = s->empty ? "Empty" : "Scalar";
    if (s->guess || s->chunks || s->compression || s->shuffle || s->fletcher32) {
        return err_set(e, TypeError, "%s datasets don't support chunk/filter options", what);
    }
    if (s->maxshape && s->nmax)
        return err_set(e, TypeError, "%s datasets cannot be extended", what);
    return true;
}

static bool check_spec(const h5spec *s, err *e)
{
    if (s->empty || s->ndim == 0) return check_scalar(s, e);
    if (s->chunks && s->nchunks != s->ndim) {
        return err_set(e, ValueError, "\"chunks\" must have same rank as dataset shape");
    }
    if (s->maxshape && s->nmax != s->ndim) {
        return err_set(e, ValueError, "\"maxshape\" must have same rank as dataset shape");
    }
    TRY(check_filters(s, e));
    for (int i = 0; i < s->ndim; i++) {
        if (s->shape[i] < 0) {
            return err_set(e, OverflowError, "can't convert negative value to hsize_t");
        }
    }
    return true;
}

/* --- creating --- */

static bool set_filters(const h5_lib *h, hid_t p, const h5spec *s, const int64_t *chunk)
{
    H5Z_SO_scale_type_t how = dtype_is_float(s->type.t.dt) ? H5Z_SO_FLOAT_DSCALE : H5Z_SO_INT;
    bool ok = !s->scaleoffset || h->Pset_scaleoffset(p, how, s->scaleoffset - 1) >= 0;
    ok = ok && (!s->shuffle || h->Pset_shuffle(p) >= 0);
    if (s->compression && s->compression[0] == 's') {
        unsigned mask = s->level & H5_SZIP_EC ? H5_SZIP_EC_OPTION_MASK : H5_SZIP_NN_OPTION_MASK;
        ok = ok && h->Pset_szip(p, mask, (unsigned)s->level & (H5_SZIP_EC - 1)) >= 0;
    } else if (s->compression && s->compression[0] == 'g') {
        ok = ok && h->Pset_deflate(p, s->level < 0 ? 4 : (unsigned)s->level) >= 0;
    } else if (s->compression) {
        size_t bytes = s->type.text == H5_VARIABLE ? 16 : s->type.t.size;
        for (int i = 0; i < s->ndim; i++) bytes *= (size_t)chunk[i];
        unsigned values[3] = {4, 0x105, (unsigned)bytes};
        ok = ok && h->Pset_filter(p, H5_LZF, H5Z_FLAG_OPTIONAL, 3, values) >= 0;
    }
    return ok && (!s->fletcher32 || h->Pset_fletcher32(p) >= 0);
}

static bool set_chunks(const h5_lib *h, hid_t p, const h5spec *s, err *e)
{
    int64_t chunk[ND_MAXDIM];
    size_t size = s->type.text == H5_VARIABLE ? 16 : s->type.t.size;
    if (s->chunks)
        memcpy(chunk, s->chunks, (size_t)s->ndim * sizeof *chunk);
    else
        TRY(h5_guess_chunk(s->ndim, s->shape, size, chunk, e));
    hsize_t c[ND_MAXDIM];
    for (int i = 0; i < s->ndim; i++) {
        if (chunk[i] < 0) {
            return err_set(e, OverflowError, "can't convert negative value to hsize_t");
        }
        c[i] = (hsize_t)chunk[i];
    }
    /* filled when allocated: otherwise a resize may show old bytes */
    bool ok = h->Pset_chunk(p, s->ndim, c) >= 0 && h->Pset_fill_time(p, H5D_FILL_TIME_ALLOC) >= 0 &&
              set_filters(h, p, s, chunk);
    return ok || h5_fail(h, e);
}

static bool set_fill(const h5_lib *h, hid_t p, const nd *fill, err *e)
{
    h5type t = h5_type_of(nd_type(fill));
    hid_t memory = h5_type_memory(h, &t, e);
    if (memory < 0) return false;
    bool ok = h->Pset_fill_value(p, memory, fill->at) >= 0 || h5_fail(h, e);
    h->Tclose(memory);
    return ok;
}

static hid_t region_space(const h5_lib *h, int ndim, const int64_t *shape, const int64_t *start,
                          const int64_t *step, const int64_t *count)
{
    hsize_t to[4][ND_MAXDIM];
    const int64_t *from[4] = {shape, start, step, count};
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < ndim; i++) to[k][i] = (hsize_t)from[k][i];
    hid_t id = h->Screate_simple(ndim, to[0], NULL);
    if (id >= 0 && h->Sselect_hyperslab(id, H5S_SELECT_SET, to[1], to[2], to[3], NULL) < 0) {
        h->Sclose(id);
        return -1;
    }
    return id;
}

static bool set_part(const h5_lib *h, hid_t p, const h5spec *s, const h5virtual *v, err *e)
{
    hid_t there = region_space(h, s->ndim, s->shape, v->start, v->step, v->count);
    hid_t here = region_space(h, v->ndim, v->shape, v->from, v->by, v->of);
    bool ok = there >= 0 && here >= 0 && h->Pset_virtual(p, there, v->file, v->name, here) >= 0;
    if (!ok) h5_fail(h, e);
    if (there >= 0) h->Sclose(there);
    if (here >= 0) h->Sclose(here);
    return ok;
}

static hid_t make_plist(const h5_lib *h, const h5spec *s, err *e)
{
    hid_t p = h->Pcreate(h->P_CLS_DATASET_CREATE_ID);
    bool ok = !wants_chunks(s) || s->ndim == 0 || s->empty || set_chunks(h, p, s, e);
    for (size_t i = 0; ok && i < s->npart; i++) ok = set_part(h, p, s, &s->parts[i], e);
    if (ok && s->fill) ok = set_fill(h, p, s->fill, e);
    h->Pset_obj_track_times(p, false);
    unsigned order = s->track_order ? H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED : 0;
    h->Pset_attr_creation_order(p, order);
    if (ok) return p;
    h->Pclose(p);
    return -1;
}

static hid_t make_space(const h5_lib *h, const h5spec *s, err *e)
{
    hsize_t shape[ND_MAXDIM], most[ND_MAXDIM];
    for (int i = 0; i < s->ndim; i++) {
        shape[i] = (hsize_t)s->shape[i];
        int64_t m = s->maxshape ? s->maxshape[i] : s->shape[i];
        most[i] = m < 0 ? H5S_UNLIMITED : (hsize_t)m;
    }
    hid_t id = s->empty       ? h->Screate(H5S_NULL)
               : s->ndim == 0 ? h->Screate(H5S_SCALAR)
                              : h->Screate_simple(s->ndim, shape, s->maxshape ? most : NULL);
    if (id < 0) h5_fail(h, e);
    return id;
}

static h5obj *create(const h5_lib *h, h5obj *at, const char *name, const h5spec *s, err *e)
{
    h5obj *x = NULL;
    hid_t type = s->members ? h5_type_compound(h, s, e)
                 : s->names ? h5_type_enum(h, s, e)
                            : h5_type_make(h, &s->type, e);
    hid_t p = type < 0 ? -1 : make_plist(h, s, e);
    hid_t space = p < 0 ? -1 : make_space(h, s, e);
    if (space >= 0) {
        hid_t links = h5_link_plist(h, name ? name : "");
        hid_t id = name ? h->Dcreate2(at->id, name, type, space, links, p, H5P_DEFAULT)
                        : h->Dcreate_anon(at->id, type, space, p, H5P_DEFAULT);
        x = h5_wrap(h, h5_file(at), id, e);
        h->Pclose(links);
        h->Sclose(space);
    }
    if (p >= 0) h->Pclose(p);
    if (type >= 0) h->Tclose(type);
    return x;
}

h5obj *h5_create(h5obj *at, const char *name, const h5spec *s, err *e)
{
    if (s->chunks && !s->empty && s->ndim) TRY(check_chunk_size(s, e));
    TRY(check_spec(s, e));
    h5obj *x = NULL;
    h5_write_begin(at);
    const h5_lib *h = h5_enter(e);
    if (h) {
        x = create(h, at, name, s, e);
        h5_leave();
    }
    h5_write_end(at);
    return x;
}

/* --- properties --- */

bool h5_info(h5obj *d, h5info *out, err *e)
{
    h5map *m = h5_map(d, e);
    if (!m) return false;
    *out = m->info;
    h5_map_unref(m);
    return true;
}

bool h5_is_packed(h5obj *d)
{
    err e = {0};
    h5map *m = h5_map(d, &e);
    bool packed = m && m->nfilter > 0;
    err_clear(&e);
    h5_map_unref(m);
    return packed;
}

nd *h5_fill(h5obj *d, err *e)
{
    h5map *m = h5_map(d, e);
    if (!m) return NULL;
    bool text = m->info.type.text == H5_VARIABLE;
    dtype_of t = text ? (dtype_of){.dt = DT_bytes, .size = 1} : m->info.type.t;
    t.swapped = false;
    nd *x = nd_zero(t, 0, NULL, e);
    if (x && !text) memcpy(x->at, m->fill, t.size);
    h5_map_unref(m);
    return x;
}

int64_t h5_storage_size(h5obj *d, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return -1;
    int64_t n = h->Iis_valid(d->id) > 0 ? (int64_t)h->Dget_storage_size(d->id) : -1;
    if (n < 0) {
        h->Dget_storage_size(d->id);
        h5_fail(h, e);
    }
    h5_leave();
    return n;
}

static bool set_extent(h5obj *d, const hsize_t *shape, err *e)
{
    h5_write_begin(d);
    const h5_lib *h = h5_enter(e);
    bool ok = h && (h->Dset_extent(d->id, shape) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    h5_write_end(d);
    return ok;
}

bool h5_resize(h5obj *d, int ndim, const int64_t *shape, err *e)
{
    h5info info;
    hsize_t size[ND_MAXDIM];
    TRY(h5_info(d, &info, e));
    if (!info.chunked) return err_set(e, TypeError, "Only chunked datasets can be resized");
    if (ndim != info.ndim) {
        return err_set(e, TypeError, "New shape length (%d) must match dataset rank (%d)", ndim,
                       info.ndim);
    }
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) {
            return err_set(e, OverflowError, "can't convert negative value to hsize_t");
        }
        size[i] = (hsize_t)shape[i];
    }
    return set_extent(d, size, e);
}

/* --- virtual datasets --- */

typedef ssize_t (*name_fn)(hid_t p, size_t index, char *name, size_t size);

static char *part_name(name_fn ask, hid_t p, size_t i)
{
    ssize_t n = ask(p, i, NULL, 0);
    char *name = mem_zero((size_t)(n > 0 ? n : 0) + 1);
    if (n > 0) ask(p, i, name, (size_t)n + 1);
    return name;
}

char **h5_virtual_sources(h5obj *d, size_t *n, err *e)
{
    *n = 0;
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    size_t count = 0;
    hid_t p = h->Dget_create_plist(d->id);
    bool ok = p >= 0 && h->Pget_virtual_count(p, &count) >= 0;
    char **names = ok ? mem_alloc((2 * count + 1) * sizeof *names) : h5_fail(h, e);
    for (size_t i = 0; ok && i < count; i++) {
        names[(*n)++] = part_name(h->Pget_virtual_filename, p, i);
        names[(*n)++] = part_name(h->Pget_virtual_dsetname, p, i);
    }
    if (p >= 0) h->Pclose(p);
    h5_leave();
    return names;
}

/* --- types under names --- */

h5obj *h5_commit(h5obj *at, const char *name, const h5type *t, err *e)
{
    h5obj *x = NULL;
    h5_write_begin(at);
    const h5_lib *h = h5_enter(e);
    hid_t id = h ? h5_type_make(h, t, e) : -1;
    if (id >= 0) {
        hid_t links = h5_link_plist(h, name);
        bool ok = h->Tcommit2(at->id, name, id, links, H5P_DEFAULT, H5P_DEFAULT) >= 0;
        h->Pclose(links);
        if (ok)
            x = h5_wrap(h, h5_file(at), id, e);
        else
            h5_fail(h, e), h->Tclose(id);
    }
    if (h) h5_leave();
    h5_write_end(at);
    return x;
}

bool h5_type_of_named(h5obj *type, h5type *out, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    bool ok = h->Tget_class(type->id) != H5T_NO_CLASS || h5_fail(h, e);
    if (ok) h5_type_read(h, type->id, out);
    h5_leave();
    return ok;
}
