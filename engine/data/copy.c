/* engine/data/copy.c - strided copies of elements of one type.
 *
 * Strategy: axes ordered and merged, so equal layouts become one memcpy; a run is copied by a loop
 * for its element size; where source and target disagree on the innermost axis (a transpose), the
 * two inner axes go in blocks that stay in cache, or through registers (turn.c).  Object cells are
 * counted one by one. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/data/turn.h"
#include "engine/data/walk.h"

enum {
    ALONG = 128, /* of a block: its columns are a cache line wide */
    ACROSS = 8,
    NEAR = 64 /* bytes between columns that share lines, or nearly do */
};

typedef void (*run_copy)(int64_t n, char *d, int64_t ds, const char *s, int64_t ss, size_t size);

typedef struct pair16 {
    uint64_t w[2];
} pair16;

/* n bytes that repeat the first `size` (at `to`): what is there doubles until it is a good piece.
 */
static void repeat_bytes(char *to, size_t size, size_t n)
{
    enum { PIECE = 16384 };
    size_t have = size;
    for (; have < n && have < PIECE; have *= 2)
        memcpy(to + have, to, have < n - have ? have : n - have);
    for (size_t at = have; at < n; at += have) memcpy(to + at, to, have < n - at ? have : n - at);
}

/* one value everywhere, backwards, a contiguous target: each its own loop */
#define RUN(T)                                                                                     \
    static void run_##T(int64_t n, char *d, int64_t ds, const char *s, int64_t ss, size_t size)    \
    {                                                                                              \
        const int64_t u = sizeof(T);                                                               \
        T v;                                                                                       \
        (void)size;                                                                                \
        if (n && ss == 0 && ds == u) {                                                             \
            MOVE(T, d, s);                                                                         \
            repeat_bytes(d, sizeof(T), (size_t)n * sizeof(T));                                     \
        } else if (ss == -u && ds == u) {                                                          \
            for (int64_t i = 0; i < n; i++) MOVE(T, d + i * u, s - i * u);                         \
        } else if (ds == u) {                                                                      \
            for (int64_t i = 0; i < n; i++) MOVE(T, d + i * u, s + i * ss);                        \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) MOVE(T, d + i * ds, s + i * ss);                       \
        }                                                                                          \
    }
#define MOVE(T, to, from)                                                                          \
    do {                                                                                           \
        memcpy(&v, from, sizeof(T));                                                               \
        memcpy(to, &v, sizeof(T));                                                                 \
    } while (0)
RUN(uint8_t)
RUN(uint16_t)
RUN(uint32_t)
RUN(uint64_t)
RUN(pair16)

static void run_any(int64_t n, char *d, int64_t ds, const char *s, int64_t ss, size_t size)
{
    for (int64_t i = 0; i < n; i++) memcpy(d + i * ds, s + i * ss, size);
}

static run_copy run_for(size_t size)
{
    switch (size) {
    case 1: return run_uint8_t;
    case 2: return run_uint16_t;
    case 4: return run_uint32_t;
    case 8: return run_uint64_t;
    case 16: return run_pair16;
    default: return run_any;
    }
}

static void copy_cells(walk *w, const cell_ops *ops)
{
    do {
        for (int64_t i = 0; i < w->shape[0]; i++) {
            objcell *d = (objcell *)(w->at[0] + i * w->step[0][0]), old = *d;
            objcell c = *(const objcell *)(w->at[1] + i * w->step[1][0]);
            *d = c.w[0] | c.w[1] ? ops->copy(c) : c;
            if (old.w[0] | old.w[1]) ops->drop(&old);
        }
    } while (walk_next(w));
}

/* both inner axes in blocks: neither side is contiguous along the other's run */
static void copy_blocks(walk *w, run_copy run, size_t size)
{
    int64_t n = w->shape[0], m = w->shape[1];
    const int64_t *ds = w->step[0], *ss = w->step[1];
    bool plane = ds[0] == (int64_t)size && llabs(ss[1]) <= NEAR;
    do {
        turning from = {w->at[1], ss[0], ss[1]};
        if (plane && turn_plane(size, n, m, w->at[0], ds[1], &from)) continue;
        for (int64_t j0 = 0; j0 < m; j0 += ACROSS)
            for (int64_t i0 = 0; i0 < n; i0 += ALONG) {
                int64_t jn = j0 + ACROSS < m ? j0 + ACROSS : m,
                        in = n - i0 < ALONG ? n - i0 : ALONG;
                const char *next = w->at[1] + (i0 + ALONG) * ss[0] + j0 * ss[1];
                for (int64_t i = 0; i < in; i++) __builtin_prefetch(next + i * ss[0]);
                for (int64_t j = j0; j < jn; j++)
                    run(in, w->at[0] + i0 * ds[0] + j * ds[1], ds[0],
                        w->at[1] + i0 * ss[0] + j * ss[1], ss[0], size);
            }
    } while (walk_next_from(w, 2));
}

static void copy_runs(walk *w, run_copy run, size_t size)
{
    int64_t n = w->shape[0], ds = w->step[0][0], ss = w->step[1][0];
    bool flat = ds == (int64_t)size && ss == (int64_t)size;
    do {
        if (flat)
            memcpy(w->at[0], w->at[1], (size_t)n * size);
        else
            run(n, w->at[0], ds, w->at[1], ss, size);
    } while (walk_next(w));
}

void strided_copy(int ndim, const int64_t *shape, char *dst, const int64_t *dstep, const char *src,
                  const int64_t *sstep, size_t size, const cell_ops *ops)
{
    walk w;
    walk_init(&w, ndim, shape);
    if (w.count == 0 || size == 0) return;
    walk_add(&w, dst, dstep);
    walk_add(&w, (char *)(uintptr_t)src, sstep);
    walk_order(&w);
    if (ops) {
        copy_cells(&w, ops);
        return;
    }
    bool crossed = w.ndim >= 2 && w.shape[0] > 8 && w.shape[1] > 8 && w.step[1][1] != 0 &&
                   llabs(w.step[1][1]) < llabs(w.step[1][0]);
    if (crossed)
        copy_blocks(&w, run_for(size), size);
    else
        copy_runs(&w, run_for(size), size);
}

#define SWAP(T, swap)                                                                              \
    SIMD_KERNEL(static, swap_##T, (char *at, size_t n), (at, n))                                   \
    {                                                                                              \
        for (size_t i = 0; i + sizeof(T) <= n; i += sizeof(T)) {                                   \
            T x;                                                                                   \
            memcpy(&x, at + i, sizeof x);                                                          \
            x = swap(x);                                                                           \
            memcpy(at + i, &x, sizeof x);                                                          \
        }                                                                                          \
    }
SWAP(uint16_t, __builtin_bswap16)
SWAP(uint32_t, __builtin_bswap32)
SWAP(uint64_t, __builtin_bswap64)

void nd_swap_bytes(char *at, size_t n, dtype_of t)
{
    size_t unit = t.dt == DT_str          ? 4
                  : t.dt == DT_complex64  ? 4
                  : t.dt == DT_complex128 ? 8
                  : t.dt == DT_bytes      ? 1
                                          : t.size;
    switch (unit) {
    case 2: swap_uint16_t(at, n); return;
    case 4: swap_uint32_t(at, n); return;
    case 8: swap_uint64_t(at, n); return;
    default: return;
    }
}
