/* engine/data/nd.h - blocks: strided arrays over counted buffers.
 *
 * A buf is bytes.  An nd is an immutable datum viewing a buf with dtype, shape and
 * strides; it is what kernels read and tasks exchange.  An nd is filled by whoever
 * made it before anybody else sees it, and never written afterwards (the language's
 * ndarray owns the copy-on-write rule, see stdlib/ndarray). Strides are in bytes.
 * The shape is ext[0..ndim), the strides ext[ndim..2*ndim). */
#pragma once

#include "engine/base/datum.h"
#include "engine/data/dtype.h"

enum { ND_MAXDIM = 32 };

enum buf_flags {
    BUF_POOL = 1,    /* from the reusing chunk pool */
    BUF_MMAP = 2,    /* mapped file */
    BUF_OBJECTS = 4, /* holds objcells: release() drops them */
    BUF_READONLY = 8,
    BUF_COUNTED = 16, /* in buf_live() */
};

typedef struct buf {
    _Atomic uint32_t rc;
    uint32_t flags;
    char *data;
    size_t size;
    void (*release)(struct buf *b); /* frees data (not b); NULL: data is borrowed for ever */
    void *owner;
} buf;

buf *buf_new(size_t size, err *e);  /* uninitialised, 64-byte aligned; large ones from the pool */
buf *buf_zero(size_t size, err *e); /* zeroed (fresh pages are not touched) */
/* as buf_new, for what is filled bit by bit while other things go; who filled it counts it */
buf *buf_growing(size_t size, err *e);
buf *buf_wrap(void *data, size_t size, void (*release)(buf *), void *owner);
/* Of no bytes yet: it grows where it is, up to `most`, and takes (and counts) only what it has
 * grown to.  buf_raise: to `size` bytes, or MemoryError; buf_close: it has that size for good. */
buf *buf_rising(size_t most, err *e);
bool buf_raise(buf *b, size_t size, err *e);
void buf_close(buf *b, size_t size);
void buf_count(buf *b);    /* in buf_live(), until it is freed */
buf *buf_few(size_t size); /* for sizes that the program fixes: never fails */
static inline buf *buf_ref(buf *b)
{
    atomic_fetch_add_explicit(&b->rc, 1, memory_order_relaxed);
    return b;
}
void *buf_unref(buf *b); /* NULL is fine; always NULL */
static inline bool buf_shared(const buf *b)
{
    return atomic_load_explicit(&((buf *)(uintptr_t)b)->rc, memory_order_acquire) > 1;
}

/* How the cells of an object buffer are counted: whoever knows what they hold says so.  A cell of
 * zero bytes holds nothing and is never passed to these.  A BUF_OBJECTS buf has its cell_ops in
 * `owner` (NULL until the first cell is stored). */
typedef struct cell_ops {
    objcell (*copy)(objcell c); /* the same value, counted */
    void (*drop)(objcell *c);
    /* takes a dead buffer over and frees it when it has dropped the cells; false: not now */
    bool (*later)(buf *b);
} cell_ops;
void buf_free(buf *b);                                       /* its cells are dropped already */
buf *buf_objects(size_t count, const cell_ops *ops, err *e); /* empty cells */
void buf_hold(buf *b, const cell_ops *ops);                  /* sets the ops if there are none */
static inline const cell_ops *buf_cells(const buf *b)
{
    return b->flags & BUF_OBJECTS ? b->owner : NULL;
}

/* Free large blocks are kept for reuse up to this many bytes (1 GiB unless set). */
size_t buf_pool_limit(size_t bytes); /* what it was */
size_t buf_pool_kept(void);
/* Measured: nanoseconds for a byte of memory that the process did not have before; 0: there is
 * none.
 */
double buf_fresh_ns(void);
/* Lets go of what is kept beyond a share of what is in use; a fresh buffer does so too. */
void buf_pool_settle(void);
void buf_pool_clear(void); /* nothing is kept */
/* What was freed in haste goes back to the system, some of it at a time; false: that was all. */
bool buf_pool_tidy(void);
/* From now on that holds for all that is kept, until nothing is: somebody gave up what needed it.
 */
void buf_pool_ebb(void);
/* The same, and at once: after work that was given up, by the thread that ends it. */
void buf_pool_give_up(void);
/* They are given back to the system when they and what is in use would exceed `bytes` together. */
void buf_pool_bound(size_t bytes);
size_t buf_pool_most(void);      /* the bound, SIZE_MAX: none */
void buf_set_most(size_t bytes); /* one array takes no more: larger ones are refused */
size_t buf_most(void);
/* Who is asked before a large buffer is made that brings what is in use above `most`: true: there
 * is room for it now.  NULL: nobody (when ctx had it).  False: somebody else is asked already. */
typedef struct buf_wall {
    void *ctx;
    bool (*room)(void *ctx, size_t size);
    size_t most;
} buf_wall;
bool buf_set_wall(const buf_wall *w, const void *ctx);
bool buf_fits(size_t size); /* below the wall? */
size_t buf_wall_most(void); /* SIZE_MAX: there is none */
/* Whether what is being computed comes near what it may take: memory is worth some time then. */
void buf_set_short(bool is);
bool buf_is_short(void);
/* Bytes in use now, in buffers of 64 KiB and more; the most there were since the last restart. */
size_t buf_live(void);
size_t buf_peak(bool restart);
/* The most that this thread has made of them since its last restart, less what it has freed. */
size_t buf_metered(bool restart);

enum nd_flags { ND_C = 1, ND_F = 2 }; /* contiguous in C / Fortran order (both when ndim <= 1) */

typedef struct nd {
    datum hdr;
    buf *b;
    char *at; /* first element */
    uint8_t dtype, ndim, unit;
    uint8_t flags;
    uint32_t size; /* bytes of an element */
    int64_t ext[]; /* shape, then strides */
} nd;

extern const datum_kind nd_kind;

/* The flags of such a layout. */
uint8_t nd_layout(int ndim, const int64_t *shape, const int64_t *strides, int64_t size);

static inline const int64_t *nd_shape(const nd *x)
{
    return x->ext;
}
static inline const int64_t *nd_strides(const nd *x)
{
    return x->ext + x->ndim;
}
static inline dtype_of nd_type(const nd *x)
{
    return (dtype_of){.dt = x->dtype, .unit = x->unit, .size = x->size};
}
static inline nd *nd_ref(const nd *x)
{
    return datum_ref((void *)(uintptr_t)x);
}

/* New C-ordered blocks. ValueError on negative extents, MemoryError (numpy's sentence: "Unable to
 * allocate 7.28 TiB for an array with shape (...) and data type float64") when too large. */
nd *nd_new(dtype_of t, int ndim, const int64_t *shape, err *e);
nd *nd_zero(dtype_of t, int ndim, const int64_t *shape, err *e);
/* That MemoryError, of an array that takes `bytes`.  NULL. */
void *nd_too_large(dtype_of t, int ndim, const int64_t *shape, double bytes, err *e);
nd *nd_growing(dtype_of t, int ndim, const int64_t *shape, err *e); /* see buf_growing */
/* A view on b: takes nothing (counts b). strides NULL: C order. */
nd *nd_view(buf *b, char *at, dtype_of t, int ndim, const int64_t *shape, const int64_t *strides);
nd *nd_scalar(enum dtype dt, const void *element); /* 0-d */
nd *nd_ints(int64_t n); /* of int64, for the bookkeeping of plans: never fails, as mem_alloc */

int64_t nd_count(const nd *x); /* number of elements */
int64_t shape_count(int ndim, const int64_t *shape);
static inline size_t nd_bytes(const nd *x)
{
    return (size_t)nd_count(x) * x->size;
}
bool nd_is_c(const nd *x);
bool nd_in_c_order(const nd *x); /* every axis steps further than the next one; gaps allowed */
nd *nd_contiguous(const nd *x, err *e); /* x itself (counted) when C contiguous, else a copy */
nd *nd_copy(const nd *x, err *e);       /* always fresh, C order */
/* Copies elements of equal type between blocks of one shape; dst is the caller's to write, the
 * two do not overlap. */
void nd_copy_into(nd *dst, const nd *src);
/* The same; false: KeyboardInterrupt, and dst is of no use. */
bool nd_fill_from(nd *dst, const nd *src, err *e);
/* The same on raw strides: size bytes an element, ops for object cells (else NULL). */
void strided_copy(int ndim, const int64_t *shape, char *dst, const int64_t *dstep, const char *src,
                  const int64_t *sstep, size_t size, const cell_ops *ops);
/* n bytes of elements of foreign byte order are turned where they lie. */
void nd_swap_bytes(char *at, size_t n, dtype_of t);
/* NumPy's broadcast: false + ValueError "operands could not be broadcast together with shapes (10,)
 * (5,) " */
bool shape_broadcast(int n, const nd *const *x, int *ndim, int64_t shape[ND_MAXDIM], err *e);
nd *nd_broadcast(const nd *x, int ndim, const int64_t *shape, err *e); /* a view with 0 strides */
nd *nd_transpose(const nd *x, const int *perm);                        /* a view; NULL: reversed */
nd *nd_reshape(const nd *x, int ndim, const int64_t *shape,
               err *e); /* view if possible, else copy */
/* Strides for C (or Fortran) order into out[ndim]. */
void strides_c(int ndim, const int64_t *shape, int64_t size, int64_t *out);
void strides_f(int ndim, const int64_t *shape, int64_t size, int64_t *out);
/* One extent of -1 in shape is found from count; ValueError in NumPy's words. */
bool shape_resolve(int64_t count, int ndim, const int64_t *shape, int64_t *out, err *e);
/* "(3, 4)", "(3,)", "()" */
void shape_text(int ndim, const int64_t *shape, char *out, size_t n);
void shape_text_tight(int ndim, const int64_t *shape, char *out, size_t n); /* "(3,4)", "(3,)" */
