/* engine/io/hdf5_map.c - a dataset's properties and the places of its data, read once per version.
 */
#include "engine/io/hdf5_map.h"

#include <string.h>

#include "engine/base/mem.h"

enum {
    ASKED_MOST = 1 << 10, /* asking for the places of more chunks takes too long */
    TABLE_MOST = 1 << 22  /* no table for more chunks than this */
};

static void drop(datum *d)
{
    h5map *m = (h5map *)d;
    mem_free(m->fill);
    mem_free(m->table);
    buf_unref(m->cache);
    mem_free(m);
}

static size_t bytes(const datum *d)
{
    const h5map *m = (const h5map *)d;
    return m->cache ? m->cache->size : 0;
}

static const datum_kind map_kind = {.name = "HDF5 map", .drop = drop, .bytes = bytes};

void h5_map_unref(h5map *m)
{
    datum_unref(m);
}

/* --- reading the properties --- */

static bool read_extent(const h5_lib *h, hid_t id, h5info *out, err *e)
{
    hid_t space = h->Dget_space(id);
    if (space < 0) return h5_fail(h, e);
    hsize_t shape[ND_MAXDIM], most[ND_MAXDIM];
    out->empty = h->Sget_simple_extent_type(space) == H5S_NULL;
    out->ndim = h->Sget_simple_extent_ndims(space);
    h->Sget_simple_extent_dims(space, shape, most);
    for (int i = 0; i < out->ndim; i++) {
        out->shape[i] = (int64_t)shape[i];
        out->maxshape[i] = most[i] == H5S_UNLIMITED ? -1 : (int64_t)most[i];
    }
    h->Sclose(space);
    return true;
}

static void read_filters(const h5_lib *h, hid_t p, h5map *m)
{
    h5info *info = &m->info;
    int n = h->Pget_nfilters(p);
    for (int i = 0; i < n; i++) {
        unsigned flags, values[8] = {0}, config;
        size_t nvalues = 8;
        int f = h->Pget_filter2(p, (unsigned)i, &flags, &nvalues, values, 0, NULL, &config);
        info->shuffle |= f == H5Z_FILTER_SHUFFLE;
        info->fletcher32 |= f == H5Z_FILTER_FLETCHER32;
        if (f == H5Z_FILTER_DEFLATE) info->compression = "gzip", info->level = (int)values[0];
        if (f == H5Z_FILTER_SZIP) {
            info->compression = "szip";
            info->level = (int)values[1] | (values[0] & 4 ? H5_SZIP_EC : 0);
        }
        if (f == H5Z_FILTER_SCALEOFFSET) info->scaleoffset = (int)values[1];
        if (f == H5_LZF) info->compression = "lzf";
        if (i < H5_MAXFILTER) m->filter[i] = f;
        m->direct = m->direct && i < H5_MAXFILTER && h5_filter_known(f);
    }
    m->nfilter = n;
}

static void read_chunks(const h5_lib *h, hid_t p, h5map *m)
{
    hsize_t chunk[ND_MAXDIM];
    unsigned options = 0;
    m->layout = H5_CHUNKED;
    m->info.chunked = true;
    h->Pget_chunk(p, m->info.ndim, chunk);
    m->chunk_bytes = m->info.type.t.size;
    for (int i = 0; i < m->info.ndim; i++) {
        m->info.chunk[i] = (int64_t)chunk[i];
        m->chunk_bytes *= (size_t)chunk[i];
    }
    read_filters(h, p, m);
    h->Pget_chunk_opts(p, &options);
    m->direct = m->direct && options == 0;
}

static bool read_fill(const h5_lib *h, hid_t p, h5map *m, err *e)
{
    m->fill = mem_zero(m->info.type.t.size);
    H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
    h->Pfill_value_defined(p, &defined);
    if (m->info.type.text >= H5_VARIABLE || defined != H5D_FILL_VALUE_USER_DEFINED) return true;
    hid_t memory = h5_type_memory(h, &m->info.type, e);
    if (memory < 0) return false;
    bool ok = h->Pget_fill_value(p, memory, m->fill) >= 0 || h5_fail(h, e);
    h->Tclose(memory);
    return ok;
}

static bool read_type(const h5_lib *h, hid_t id, h5map *m, err *e)
{
    hid_t file = h->Dget_type(id);
    if (file < 0) return h5_fail(h, e);
    h5_type_read(h, file, &m->info.type);
    if (m->info.type.text == H5_OTHER) return h->Tclose(file), true;
    hid_t memory = h5_type_memory(h, &m->info.type, e);
    m->exact = memory >= 0 && m->info.type.text != H5_VARIABLE && h->Tequal(file, memory) > 0;
    if (memory >= 0) h->Tclose(memory);
    h->Tclose(file);
    return memory >= 0;
}

static bool has_userblock(const h5_lib *h, h5obj *d)
{
    hsize_t size = 0;
    hid_t p = h->Fget_create_plist(h5_file(d)->id);
    h->Pget_userblock(p, &size);
    h->Pclose(p);
    return size > 0;
}

static bool read_properties(const h5_lib *h, h5obj *d, h5map *m, err *e)
{
    TRY(read_extent(h, d->id, &m->info, e));
    TRY(read_type(h, d->id, m, e));
    hid_t p = h->Dget_create_plist(d->id);
    if (p < 0) return h5_fail(h, e);
    H5D_layout_t layout = h->Pget_layout(p);
    m->direct = !m->info.empty;
    m->info.scaleoffset = -1;
    if (layout == H5D_CHUNKED)
        read_chunks(h, p, m);
    else if (layout == H5D_CONTIGUOUS && h->Pget_external_count(p) == 0)
        m->layout = H5_CONTIGUOUS;
    m->info.is_virtual = layout == H5D_VIRTUAL;
    m->direct = m->direct && m->exact && m->layout != H5_ELSEWHERE && !has_userblock(h, d);
    bool ok = read_fill(h, p, m, e);
    h->Pclose(p);
    return ok;
}

/* More chunks than can be numbered are left to the library: extents cost nothing in a file. */
static void find_grid(h5map *m)
{
    int64_t n = 1;
    if (m->layout != H5_CHUNKED) return;
    for (int i = 0; i < m->info.ndim; i++) {
        int64_t shape = m->info.shape[i], c = m->info.chunk[i];
        m->grid[i] = shape / c + (shape % c != 0);
        m->direct = m->direct && !__builtin_mul_overflow(n, m->grid[i], &n);
    }
}

/* Whether the library's answers about such an index can be trusted: in arrays that leave room for
 * the chunks to come it counts as if they had none. */
static bool counts_right(const h5info *info, H5D_chunk_index_t kind)
{
    bool fixed = kind == H5D_CHUNK_IDX_FARRAY;
    if (!fixed && kind != H5D_CHUNK_IDX_EARRAY) return true;
    for (int i = 0; i < info->ndim; i++) {
        int64_t c = info->chunk[i], most = info->maxshape[i];
        if (most < 0 && i > 0) return false;
        if (i > 0 && (most + c - 1) / c != (info->shape[i] + c - 1) / c) return false;
    }
    return true;
}

static void choose_places(const h5_lib *h, h5obj *d, h5map *m)
{
    H5D_chunk_index_t kind = H5D_CHUNK_IDX_NTYPES;
    H5O_info_t info;
    m->places = H5_FETCHED;
    if (!m->direct || m->layout != H5_CHUNKED) return;
    int64_t n = shape_count(m->info.ndim, m->grid);
    if (h->Dget_chunk_index_type(d->id, &kind) < 0) return;
    if (n <= ASKED_MOST) {
        if (counts_right(&m->info, kind)) m->places = H5_ASKED;
    } else if (kind == H5D_CHUNK_IDX_BTREE && n <= TABLE_MOST &&
               h->Oget_info2(d->id, &info, H5O_INFO_BASIC) >= 0) {
        m->places = H5_TREE;
        m->object = info.addr;
    }
}

/* A fresh map; what cannot change is taken over from the last one. */
static h5map *make(const h5_lib *h, h5obj *d, const h5map *old, uint64_t version, err *e)
{
    h5map *m = mem_zero(sizeof *m);
    size_t kept = offsetof(h5map, version); /* not the count, which other threads change */
    if (old) memcpy((char *)m + kept, (const char *)old + kept, sizeof *m - kept);
    datum_init(&m->hdr, &map_kind);
    m->table = NULL;
    m->cache = NULL;
    m->cached = -1;
    m->fill = NULL;
    m->whole = (h5place){0};
    m->version = version;
    bool ok = old ? read_extent(h, d->id, &m->info, e) : read_properties(h, d, m, e);
    if (ok && old) m->fill = memcpy(mem_alloc(m->info.type.t.size), old->fill, m->info.type.t.size);
    if (!ok) return datum_unref(m);
    find_grid(m);
    choose_places(h, d, m);
    return m;
}

h5map *h5_map(h5obj *d, err *e)
{
    pthread_mutex_lock(&d->lock);
    uint64_t version = h5_version(d);
    if (!d->map || d->map->version != version || d->foreign) {
        const h5_lib *h = h5_enter(e);
        h5map *m = h ? make(h, d, d->map, version, e) : NULL;
        if (h) h5_leave();
        datum_unref(d->map);
        d->map = m;
    }
    h5map *m = datum_ref(d->map);
    pthread_mutex_unlock(&d->lock);
    return m;
}

/* --- places --- */

bool h5_map_whole(h5obj *d, h5map *m, h5place *out, err *e)
{
    bool ok = true;
    pthread_mutex_lock(&d->lock);
    if (!(m->whole.skipped & PLACE_KNOWN)) {
        const h5_lib *h = h5_enter(e);
        ok = h != NULL;
        if (h) {
            haddr_t at = h->Dget_offset(d->id);
            m->whole = (h5place){.address = at, .skipped = PLACE_KNOWN};
            h5_leave();
        }
    }
    *out = m->whole;
    pthread_mutex_unlock(&d->lock);
    return ok;
}

static bool ask_place(h5obj *d, const h5map *m, const int64_t *coord, h5place *out, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hsize_t at[ND_MAXDIM], size = 0;
    haddr_t address = HADDR_UNDEF;
    unsigned skipped = 0;
    for (int i = 0; i < m->info.ndim; i++) at[i] = (hsize_t)(coord[i] * m->info.chunk[i]);
    bool ok =
        h->Dget_chunk_info_by_coord(d->id, at, &skipped, &address, &size) >= 0 || h5_fail(h, e);
    h5_leave();
    *out = (h5place){.address = address, .size = (uint32_t)size, .skipped = skipped | PLACE_KNOWN};
    return ok;
}

bool h5_map_place(h5obj *d, h5map *m, int64_t index, const int64_t *coord, h5place *out, err *e)
{
    int64_t n = shape_count(m->info.ndim, m->grid);
    pthread_mutex_lock(&d->lock);
    if (!m->table && m->places == H5_ASKED) m->table = mem_zero((size_t)n * sizeof *m->table);
    if (!m->table) m->table = h5_tree_places(d->share->fd, m, m->object);
    bool ok = m->table != NULL;
    if (ok) {
        h5place *at = &m->table[index];
        if (!(at->skipped & PLACE_KNOWN)) ok = ask_place(d, m, coord, at, e);
        *out = *at;
    } else {
        m->places = H5_FETCHED;
    }
    pthread_mutex_unlock(&d->lock);
    return ok;
}

/* --- the parts of a region --- */

/* The region's elements along `axis` that lie in chunk number c; false if there are none. */
static bool overlap(const h5map *m, const h5region *r, int axis, int64_t c, h5part *p)
{
    int64_t chunk = m->info.chunk[axis], low = c * chunk, step = r->step[axis];
    int64_t high = low + chunk < m->info.shape[axis] ? low + chunk : m->info.shape[axis];
    int64_t start = r->start[axis];
    int64_t first = low > start ? (low - start + step - 1) / step : 0;
    int64_t last = high > start ? (high - 1 - start) / step : -1;
    if (last > r->count[axis] - 1) last = r->count[axis] - 1;
    p->coord[axis] = c;
    p->first[axis] = first;
    p->count[axis] = last - first + 1;
    p->start[axis] = start + first * step - low;
    return last >= first;
}

static int64_t first_chunk(const h5map *m, const h5region *r, int axis)
{
    return r->start[axis] / m->info.chunk[axis];
}

/* Goes to the next chunk along `axis` that holds elements; false at the end. */
static bool advance(const h5map *m, const h5region *r, int axis, h5part *p)
{
    int64_t last = r->start[axis] + (r->count[axis] - 1) * r->step[axis];
    for (int64_t c = p->coord[axis] + 1; c <= last / m->info.chunk[axis]; c++) {
        if (overlap(m, r, axis, c, p)) return true;
    }
    overlap(m, r, axis, first_chunk(m, r, axis), p);
    return false;
}

static void number(const h5map *m, h5part *p)
{
    p->index = 0;
    p->whole = true;
    for (int i = 0; i < m->info.ndim; i++) {
        int64_t left = m->info.shape[i] - p->coord[i] * m->info.chunk[i];
        p->index = p->index * m->grid[i] + p->coord[i];
        p->whole &= p->count[i] == (left < m->info.chunk[i] ? left : m->info.chunk[i]);
    }
}

bool h5_next_part(const h5map *m, const h5region *r, h5part *p)
{
    int ndim = m->info.ndim;
    if (p->index < 0) {
        if (shape_count(ndim, r->count) == 0) return false;
        for (int i = 0; i < ndim; i++) overlap(m, r, i, first_chunk(m, r, i), p);
        number(m, p);
        return true;
    }
    for (int i = ndim; i-- > 0;) {
        if (!advance(m, r, i, p)) continue;
        number(m, p);
        return true;
    }
    return false;
}
