/* engine/io/hdf5_transfer.c - regions in and out of blocks: the short way where there is one, else
 * through the library, which converts the elements.
 *
 * No more memory than the block itself is used: a block that is not laid out in C order goes
 * through the library in slabs of at most 4 MiB. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/io/box.h"
#include "engine/io/hdf5_map.h"

enum {
    SLAB = 4 << 20,
    OWN_WAY_FROM = 1 << 20 /* plain chunks larger than the library's cache are written raw */
};

/* --- regions --- */

typedef struct box { /* a region with its arrays */
    h5region r;
    int64_t start[ND_MAXDIM], step[ND_MAXDIM], count[ND_MAXDIM];
} box;

static const h5region *all_of(const h5info *info, box *b)
{
    for (int i = 0; i < info->ndim; i++) {
        b->start[i] = 0;
        b->step[i] = 1;
        b->count[i] = info->shape[i];
    }
    b->r = (h5region){.ndim = info->ndim, .start = b->start, .step = b->step, .count = b->count};
    return &b->r;
}

static bool check_region(const h5info *info, const h5region *r, err *e)
{
    if (r->ndim != info->ndim) {
        return err_set(e, TypeError, "%d indexing arguments for %d dimensions", r->ndim,
                       info->ndim);
    }
    for (int i = 0; i < r->ndim; i++) {
        int64_t last = r->start[i] + (r->count[i] - 1) * r->step[i];
        if (r->step[i] < 1) {
            return err_set(e, ValueError, "Step must be >= 1 (got %lld)", (long long)r->step[i]);
        }
        if (r->count[i] && (r->start[i] < 0 || last >= info->shape[i])) {
            return err_set(e, IndexError, "Index (%lld) out of range for (0-%lld)",
                           (long long)(r->start[i] < 0 ? r->start[i] : last),
                           (long long)info->shape[i] - 1);
        }
    }
    return true;
}

/* The dataset's description and the region meant by `r`. */
static const h5region *prepare(h5obj *d, const h5region *r, h5info *info, box *b, err *e)
{
    TRY(h5_info(d, info, e));
    if (info->empty) return err_set(e, TypeError, "an empty dataset has no elements to select");
    if (!r) return all_of(info, b);
    return check_region(info, r, e) ? r : NULL;
}

static bool is_void(const h5region *r)
{
    return shape_count(r->ndim, r->count) == 0;
}

/* --- through the library --- */

/* Selects the region in the file and describes the block; both closed by close_spaces. */
typedef struct spaces {
    hid_t file, memory;
} spaces;

static spaces open_spaces(const h5_lib *h, hid_t id, const h5region *r)
{
    hsize_t start[ND_MAXDIM], step[ND_MAXDIM], count[ND_MAXDIM];
    if (r->ndim == 0) return (spaces){H5S_ALL, H5S_ALL};
    for (int i = 0; i < r->ndim; i++) {
        start[i] = (hsize_t)r->start[i];
        step[i] = (hsize_t)r->step[i];
        count[i] = (hsize_t)r->count[i];
    }
    spaces s = {h->Dget_space(id), h->Screate_simple(r->ndim, count, NULL)};
    if (s.file >= 0) h->Sselect_hyperslab(s.file, H5S_SELECT_SET, start, step, count, NULL);
    return s;
}

static void close_spaces(const h5_lib *h, spaces s)
{
    if (s.file > 0) h->Sclose(s.file);
    if (s.memory > 0) h->Sclose(s.memory);
}

typedef struct transfer {
    h5obj *d;
    h5type type;        /* of the elements in memory */
    const char *field;  /* the member that they are, of a compound; NULL: all of it */
    const h5info *info; /* of the dataset, or NULL */
    bool write;
    err *e;
} transfer;

static hid_t memory_type(const h5_lib *h, const transfer *t)
{
    hid_t id = h5_type_memory(h, &t->type, t->e);
    if (id >= 0 && !t->field && t->write && dtype_is_int(t->type.t.dt)) {
        hid_t file = h->Dget_type(t->d->id);
        id = h5_memory_enum(h, file, id);
        h->Tclose(file);
    }
    if (id < 0 || !t->field) return id;
    hid_t whole = h->Tcreate(H5T_COMPOUND, h->Tget_size(id));
    h->Tinsert(whole, t->field, 0, id);
    h->Tclose(id);
    return whole;
}

/* `data`: the region's elements, end to end. */
static bool move(const transfer *t, const h5region *r, void *data)
{
    const h5_lib *h = h5_enter(t->e);
    if (!h) return false;
    hid_t id = t->d->id, memory = memory_type(h, t);
    spaces s = {-1, -1};
    bool ok = memory >= 0;
    if (ok) {
        s = open_spaces(h, id, r);
        ok = s.file >= 0 || h5_fail(h, t->e);
    }
    if (ok) {
        if (r) file_moved(t->write, (size_t)shape_count(r->ndim, r->count) * t->type.t.size);
        herr_t status = t->write ? h->Dwrite(id, memory, s.memory, s.file, H5P_DEFAULT, data)
                                 : h->Dread(id, memory, s.memory, s.file, H5P_DEFAULT, data);
        ok = status >= 0 || h5_fail(h, t->e);
    }
    close_spaces(h, s);
    if (memory >= 0) h->Tclose(memory);
    h5_leave();
    return ok;
}

enum { PIECE = 1 << 13 }; /* elements at once, where it does */

/* Does it take the library long for its size?  Texts go one by one, as do chunks. */
static bool is_slow(const h5info *info)
{
    enum { FEW = 1024 };
    return info && info->ndim &&
           (info->type.text == H5_VARIABLE ||
            (info->chunked && shape_count(info->ndim, info->chunk) < FEW));
}

/* `data`, elements of `size` bytes end to end, in pieces of whole chunks along the first axis,
 * listening for a stop in between. */
static bool move_pieces(const transfer *t, const h5region *r, char *data, size_t size)
{
    int64_t start[ND_MAXDIM], count[ND_MAXDIM], n = r->count[0], k;
    memcpy(start, r->start, (size_t)r->ndim * sizeof *start);
    memcpy(count, r->count, (size_t)r->ndim * sizeof *count);
    const h5region piece = {.ndim = r->ndim, .start = start, .step = r->step, .count = count};
    const int64_t inner = shape_count(r->ndim, r->count) / n, step = r->step[0],
                  rows = inner < PIECE ? PIECE / inner : 1,
                  chunk = t->info->chunked ? t->info->chunk[0] : 1;
    for (int64_t i = 0; i < n; i += k) {
        start[0] = r->start[0] + i * step;
        const int64_t end = (start[0] + rows * step + chunk - 1) / chunk * chunk;
        k = (end - start[0] + step - 1) / step;
        if (k > n - i) k = n - i;
        count[0] = k;
        TRY(stop_check(t->e) && move(t, &piece, data + (size_t)(i * inner) * size));
    }
    return true;
}

static bool move_all(const transfer *t, const h5region *r, void *data, size_t size)
{
    return is_slow(t->info) ? move_pieces(t, r, data, size) : move(t, r, data);
}

bool h5_move_raw(h5obj *d, const h5region *r, const h5type *type, const char *field, bool write,
                 void *data, err *e)
{
    h5info info;
    box b;
    TRY(r = prepare(d, r, &info, &b, e));
    transfer t = {.d = d, .type = *type, .field = field, .write = write, .e = e};
    return is_void(r) || move(&t, r, data);
}

/* --- blocks not in C order: slab by slab along the first axis that is small enough --- */

typedef struct slabs {
    const transfer *t;
    const nd *x;
    box b;
    char *buffer;
    size_t most; /* bytes at once */
} slabs;

static bool move_slab(slabs *s, char *at)
{
    int64_t strides[ND_MAXDIM];
    int ndim = s->b.r.ndim;
    strides_c(ndim, s->b.count, s->x->size, strides);
    if (s->t->write) {
        strided_copy(ndim, s->b.count, s->buffer, strides, at, nd_strides(s->x), s->x->size, NULL);
        return move(s->t, &s->b.r, s->buffer);
    }
    TRY(move(s->t, &s->b.r, s->buffer));
    strided_copy(ndim, s->b.count, at, nd_strides(s->x), s->buffer, strides, s->x->size, NULL);
    return true;
}

static bool move_axis(slabs *s, int axis, char *at)
{
    int64_t n = s->b.count[axis], start = s->b.start[axis];
    size_t inner = s->x->size;
    for (int i = axis + 1; i < s->b.r.ndim; i++) inner *= (size_t)s->b.count[i];
    int64_t k = inner >= s->most ? 1 : (int64_t)(s->most / inner);
    bool ok = true;
    for (int64_t i = 0; i < n && ok; i += k) {
        if (i && !(ok = stop_check(s->t->e))) break;
        s->b.count[axis] = n - i < k ? n - i : k;
        s->b.start[axis] = start + i * s->b.step[axis];
        char *slab = at + i * nd_strides(s->x)[axis];
        bool split = inner > s->most && axis + 1 < s->b.r.ndim;
        ok = split ? move_axis(s, axis + 1, slab) : move_slab(s, slab);
    }
    s->b.count[axis] = n;
    s->b.start[axis] = start;
    return ok;
}

static bool move_block(const transfer *t, const h5region *r, const nd *x)
{
    if (nd_is_c(x)) return move_all(t, r, x->at, x->size);
    slabs s = {.t = t, .x = x};
    size_t bytes = (size_t)r->ndim * sizeof *r->start;
    memcpy(s.b.start, r->start, bytes);
    memcpy(s.b.step, r->step, bytes);
    memcpy(s.b.count, r->count, bytes);
    s.b.r = (h5region){.ndim = r->ndim, .start = s.b.start, .step = s.b.step, .count = s.b.count};
    s.most = is_slow(t->info) ? (size_t)PIECE * x->size : SLAB;
    s.buffer = try_alloc(s.most + x->size, t->e);
    bool ok = s.buffer && move_axis(&s, 0, x->at);
    mem_free(s.buffer);
    return ok;
}

/* --- reading --- */

static bool check_not_text(const h5info *info, err *e)
{
    if (info->type.text == H5_OTHER)
        return err_set(e, NotImplementedError, "HDF5 %s types are not supported", info->type.other);
    if (info->type.text != H5_VARIABLE) return true;
    return err_set(e, TypeError, "variable-length text cannot be read into a block");
}

bool h5_read_into(h5obj *d, const h5region *r, const nd *out, err *e)
{
    h5info info;
    box b;
    r = prepare(d, r, &info, &b, e);
    if (!r || !check_not_text(&info, e)) return false;
    if (is_void(r) || h5_read_direct(d, r, out)) return true;
    TRY(stop_check(e));
    transfer t = {.d = d, .type = h5_type_of(nd_type(out)), .info = &info, .e = e};
    if (info.type.text) t.type.utf8 = info.type.utf8;
    return move_block(&t, r, out);
}

nd *h5_read(h5obj *d, const h5region *r, err *e)
{
    h5info info;
    box b;
    r = prepare(d, r, &info, &b, e);
    if (!r || !check_not_text(&info, e)) return NULL;
    dtype_of t = info.type.t;
    t.swapped = false;
    nd *x = nd_new(t, r->ndim, r->count, e);
    if (x && !h5_read_into(d, r, x, e)) x = datum_unref(x);
    return x;
}

static bool read_pointers(h5obj *d, const h5region *r, const h5info *info, h5texts *out, err *e)
{
    size_t n = (size_t)shape_count(r->ndim, r->count), bytes;
    TRY(size_mul(n + 1, sizeof(char *), &bytes, e));
    char **text = try_zero(bytes, e);
    if (!text) return false;
    transfer t = {.d = d, .type = info->type, .info = info, .e = e};
    bool ok = (n == 0 || move_all(&t, r, text, sizeof *text)) && h5_texts_take(out, n, text, e);
    for (size_t i = 0; i < n; i++) free(text[i]); /* the library allocates them with malloc */
    mem_free(text);
    return ok;
}

bool h5_read_texts(h5obj *d, const h5region *r, h5texts *out, err *e)
{
    h5info info;
    box b;
    *out = (h5texts){0};
    r = prepare(d, r, &info, &b, e);
    if (!r) return false;
    if (info.type.text == H5_VARIABLE) return read_pointers(d, r, &info, out, e);
    return err_set(e, TypeError, "dataset does not hold variable-length text");
}

bool h5_write_texts(h5obj *d, const h5region *r, const h5texts *x, err *e)
{
    h5info info;
    box b;
    r = prepare(d, r, &info, &b, e);
    if (!r) return false;
    if (is_void(r)) return true;
    char **text = h5_texts_pointers(x, e);
    if (!text) return false;
    h5_write_begin(d);
    transfer t = {
        .d = d, .type = h5_type_text(info.type.utf8), .info = &info, .write = true, .e = e};
    bool ok = move_all(&t, r, text, sizeof *text);
    h5_write_end(d);
    mem_free(text);
    return ok;
}

/* --- writing --- */

static bool write_library(h5obj *d, const h5info *info, const h5type *type, const h5region *r,
                          const nd *x, err *e)
{
    transfer t = {.d = d, .type = *type, .info = info, .write = true, .e = e};
    h5_write_begin(d);
    bool ok = move_block(&t, r, x);
    h5_write_end(d);
    return ok;
}

/* Whether packing chunks here pays: the elements need no conversion, there is something to pack
 * (or chunks are large), and at least one chunk is written whole.  A chunk that is the whole
 * dataset is left to the library, which may overwrite its own memory (1.10, newer file format) when
 * it is replaced raw. */
static bool own_way(const h5map *m, const h5region *r, const nd *x)
{
    if (!m->exact || !m->direct || m->layout != H5_CHUNKED) return false;
    if (shape_count(m->info.ndim, m->grid) < 2) return false;
    if (x->dtype != m->info.type.t.dt || x->size != m->info.type.t.size) return false;
    if (!m->nfilter && m->chunk_bytes <= OWN_WAY_FROM) return false;
    for (int i = 0; i < r->ndim; i++) {
        int64_t c = m->info.chunk[i], end = r->start[i] + r->count[i];
        int64_t low = (r->start[i] + c - 1) / c * c;
        if (r->step[i] != 1 || (low + c > end && (end != m->info.shape[i] || low >= end))) {
            return false;
        }
    }
    return r->ndim > 0;
}

/* A view of the part's elements of x. */
static nd *part_view(const nd *x, const h5part *p)
{
    char *at = x->at;
    for (int i = 0; i < x->ndim; i++) at += p->first[i] * nd_strides(x)[i];
    return nd_view(x->b, at, nd_type(x), x->ndim, p->count, nd_strides(x));
}

/* The bytes of a whole chunk: x's own when they lie so, else a copy, filled beyond the edge. */
static char *chunk_bytes(const h5map *m, const nd *x, char *copy)
{
    bool inside = true;
    for (int i = 0; i < x->ndim; i++) inside &= nd_shape(x)[i] == m->info.chunk[i];
    if (inside && nd_is_c(x)) return x->at;
    int64_t strides[ND_MAXDIM];
    strides_c(x->ndim, m->info.chunk, x->size, strides);
    if (!inside) box_fill(x->ndim, m->info.chunk, x->size, copy, strides, m->fill);
    strided_copy(x->ndim, nd_shape(x), copy, strides, x->at, nd_strides(x), x->size, NULL);
    return copy;
}

/* The bytes of chunk number `index` in the file; 0: it is not there. */
static size_t stored(const h5_lib *h, h5obj *d, const h5map *m, int64_t index)
{
    hsize_t offset[ND_MAXDIM], size = 0;
    for (int i = m->info.ndim; i-- > 0; index /= m->grid[i])
        offset[i] = (hsize_t)(index % m->grid[i] * m->info.chunk[i]);
    return h->Dget_chunk_storage_size(d->id, offset, &size) >= 0 ? (size_t)size : 0;
}

/* The library remembers where it last found a chunk and does not notice that a raw one has taken
 * that place, until it finds another one: its number, -1 if there is none near. */
static int64_t other_chunk(const h5_lib *h, h5obj *d, const h5map *m, int64_t index)
{
    int64_t n = shape_count(m->info.ndim, m->grid);
    const int64_t near[] = {index - 1, index + 1, 0, n - 1};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (near[i] >= 0 && near[i] < n && near[i] != index && stored(h, d, m, near[i]))
            return near[i];
    return -1;
}

typedef struct raw_chunk {
    const char *at;
    size_t n;
    uint32_t skipped;
    bool refused; /* left to the library: it replaces the only one, or a filter was left out, which
                     the library does not notice either */
} raw_chunk;

static bool write_raw(h5obj *d, const h5map *m, const h5part *p, raw_chunk *c, err *e)
{
    hsize_t offset[ND_MAXDIM];
    for (int i = 0; i < m->info.ndim; i++) offset[i] = (hsize_t)(p->coord[i] * m->info.chunk[i]);
    h5_write_begin(d);
    const h5_lib *h = h5_enter(e);
    bool replaces = h && stored(h, d, m, p->index) > 0, ok = h != NULL;
    int64_t other = replaces ? other_chunk(h, d, m, p->index) : -1;
    c->refused = c->skipped || (replaces && other < 0);
    if (ok && !c->refused) {
        ok = h->Dwrite_chunk(d->id, H5P_DEFAULT, c->skipped, offset, c->n, c->at) >= 0 ||
             h5_fail(h, e);
        if (other >= 0) stored(h, d, m, other);
        file_moved(true, c->n);
    }
    if (h) h5_leave();
    h5_write_end(d);
    return ok;
}

/* Through the library: the part's elements. */
static bool write_within(h5obj *d, const h5map *m, const h5part *p, const int64_t *step,
                         const nd *x, err *e)
{
    int64_t start[ND_MAXDIM];
    for (int i = 0; i < x->ndim; i++) start[i] = p->coord[i] * m->info.chunk[i] + p->start[i];
    h5region part = {.ndim = x->ndim, .start = start, .step = step, .count = p->count};
    return write_library(d, &m->info, &m->info.type, &part, x, e);
}

/* x is all of the chunk that is inside the shape. */
static bool write_chunk(h5obj *d, const h5map *m, const h5region *r, const h5part *p, const nd *x,
                        char *copy, err *e)
{
    raw_chunk c = {.n = m->chunk_bytes};
    char *chunk = chunk_bytes(m, x, copy);
    char *packed = m->nfilter ? h5_pack(m, chunk, &c.n, &c.skipped) : chunk;
    if (!packed) return err_nomem(e, c.n);
    c.at = packed;
    bool ok = write_raw(d, m, p, &c, e);
    if (packed != chunk) free(packed);
    return ok && c.refused ? write_within(d, m, p, r->step, x, e) : ok;
}

static bool write_part(h5obj *d, const h5map *m, const h5region *r, const h5part *p, const nd *x,
                       char *copy, err *e)
{
    nd *v = part_view(x, p);
    bool ok = p->whole ? write_chunk(d, m, r, p, v, copy, e) : write_within(d, m, p, r->step, v, e);
    datum_unref(v);
    return ok;
}

static bool write_parts(h5obj *d, const h5map *m, const h5region *r, const nd *x, err *e)
{
    buf *copy = buf_new(m->chunk_bytes, e); /* counted, and given back at once */
    bool ok = copy != NULL;
    for (h5part p = {.index = -1}; ok && h5_next_part(m, r, &p);) {
        ok = stop_check(e) && write_part(d, m, r, &p, x, copy->data, e);
    }
    buf_unref(copy);
    return ok;
}

bool h5_write(h5obj *d, const h5region *r, const nd *x, err *e)
{
    h5info info;
    box b;
    r = prepare(d, r, &info, &b, e);
    if (!r) return false;
    if (is_void(r)) return true;
    h5map *m = h5_is_open(d) ? h5_map(d, e) : NULL;
    bool ok;
    if (m && own_way(m, r, x) && h5_is_writable(d)) {
        ok = write_parts(d, m, r, x, e);
    } else {
        h5type t = h5_type_of(nd_type(x));
        if (info.type.text == H5_FIXED) t.utf8 = info.type.utf8;
        ok = write_library(d, &info, &t, r, x, e);
    }
    if (ok) file_let_go(d->share->fd, nd_bytes(x));
    h5_map_unref(m);
    return ok;
}
