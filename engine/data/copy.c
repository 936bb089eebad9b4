/* engine/data/copy.c - strided copies of elements of one type.
 *
 * Strategy: axes ordered and merged, so equal layouts become one memcpy; a run is copied by a loop
 * for its element size; where source and target disagree on the innermost axis (a transpose), the
 * two inner axes go in blocks that stay in cache, or through registers (turn.c).  Object cells are
 * counted one by one. */
#include <stdlib.h>
#include <string.h>

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

#define RUN(T)                                                                                     \
    static void run_##T(int64_t n, char *d, int64_t ds, const char *s, int64_t ss, size_t size)    \
    {                                                                                              \
        (void)size;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v;                                                                                   \
            memcpy(&v, s + i * ss, sizeof v);                                                      \
            memcpy(d + i * ds, &v, sizeof v);                                                      \
        }                                                                                          \
    }
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

void nd_swap_bytes(char *at, size_t n, dtype_of t)
{
    size_t unit = t.dt == DT_str          ? 4
                  : t.dt == DT_complex64  ? 4
                  : t.dt == DT_complex128 ? 8
                  : t.dt == DT_bytes      ? 1
                                          : t.size;
    for (; n >= unit; n -= unit, at += unit) {
        for (size_t i = 0; i < unit / 2; i++) {
            char c = at[i];
            at[i] = at[unit - 1 - i];
            at[unit - 1 - i] = c;
        }
    }
}
