/* engine/kernels/gemm.c - products of large matrices, from what a core can hold.
 *
 * The method of Goto and van de Geijn (Anatomy of high-performance matrix multiplication, 2008),
 * in the loops of BLIS (Van Zee and van de Geijn, 2015).  A tile of c stays in registers while
 * one column of a strip of a meets one row of a strip of b, step by step along the depth.  Both
 * are packed first, so that the strips are read in order: a strip of a stays in the L1 cache
 * while it meets each strip of a block of b, which stays in the L2 cache; the whole of a's block
 * stays in the L3 cache.
 *
 * A complex product is a real one (Van Zee, Implementing high-performance complex matrix
 * multiplication via the 1m method, 2020): a row of a as it lies, re im re im, times a b of twice
 * the size, whose row re im is followed by the row -im re.  Only packing knows.
 *
 * Every element of c is summed in the order of the depth with fused multiply-adds, in runs whose
 * length depends on the depth alone.  So the bits are the same for any number of threads and any
 * width of vectors, and a @ a.T is symmetric to the last bit.  The error of an element is at most
 * (run + number of runs) * 2^-53 * sum |a| |b|, which is smaller than that of a plain loop.
 *
 * Compiled with contraction of a * b + c: see CMakeLists.txt. */
#include "engine/kernels/gemm.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/base/stop.h"
#include "engine/kernels/room.h"

enum {
    WIDE_ROWS = 8,    /* a tile with vectors of 8: 24 of 32 registers */
    WIDE_COLS = 24,   /* */
    NARROW_ROWS = 4,  /* with vectors of 4: 12 of 16 */
    NARROW_COLS = 12, /* */
    RUN = 340,        /* depth at a time: 8 * RUN doubles fill less than half of L1 */
    ACROSS = 240,     /* columns of b at a time: ACROSS * RUN doubles, less than most of L2 */
    DOWN = 1536,      /* rows of a at a time: some of L3 */
    AHEAD_A = 64,     /* steps of the depth between asking for a line and its use */
    AHEAD_B = 8,
    TOGETHER = 16, /* rows of b packed before the next strip has its turn */
};

typedef double wide __attribute__((vector_size(64), aligned(8), may_alias));
typedef double narrow __attribute__((vector_size(32), aligned(8), may_alias));

typedef struct tile {
    int64_t depth, step; /* step: doubles from one row of c to the next */
    const double *a, *b;
    double *c;
    bool adds; /* to what c has */
} tile;

#define TILE(name, vec, ROWS)                                                                      \
    SIMD_ALWAYS void name(const tile *t)                                                           \
    {                                                                                              \
        enum { LANES = sizeof(vec) / sizeof(double), COLS = 3 * LANES };                           \
        const double *a = t->a, *b = t->b;                                                         \
        vec s[ROWS][3] = {0};                                                                      \
        for (int i = 0; i < ROWS; i++)                                                             \
            for (int j = 0; j < COLS; j += 8) __builtin_prefetch(t->c + i * t->step + j, 1);       \
        for (int64_t k = 0; k < t->depth; k++, a += ROWS, b += COLS) {                             \
            const vec x = *(const vec *)b, y = *(const vec *)(b + LANES),                          \
                      z = *(const vec *)(b + 2 * LANES);                                           \
            __builtin_prefetch(a + AHEAD_A * ROWS);                                                \
            for (int j = 0; j < COLS; j += 8) __builtin_prefetch(b + AHEAD_B * COLS + j);          \
            _Pragma("GCC unroll 8") for (int i = 0; i < ROWS; i++)                                 \
            {                                                                                      \
                s[i][0] += a[i] * x;                                                               \
                s[i][1] += a[i] * y;                                                               \
                s[i][2] += a[i] * z;                                                               \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 8") for (int i = 0; i < ROWS; i++)                                     \
            _Pragma("GCC unroll 3") for (int j = 0; j < 3; j++)                                    \
        {                                                                                          \
            vec *to = (vec *)(t->c + i * t->step + j * LANES);                                     \
            if (t->adds) s[i][j] += *to;                                                           \
            *to = s[i][j];                                                                         \
        }                                                                                          \
    }
TILE(tile_wide, wide, WIDE_ROWS)
TILE(tile_narrow, narrow, NARROW_ROWS)

SIMD_KERNEL(static, run_tile, (const tile *t, bool is_wide), (t, is_wide))
{
    if (is_wide)
        tile_wide(t);
    else
        tile_narrow(t);
}

/* --- packing --- */

typedef struct strip { /* part of a matrix, to be written step by step of its depth */
    const char *from;
    int64_t across, along; /* bytes from one of its lines to the next, and along the depth */
    int64_t lines, depth;
    int width; /* doubles a step, beyond the lines: zeros */
} strip;

static inline double read_at(const char *p)
{
    double x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* four steps of four lines whose depth is contiguous */
SIMD_ALWAYS void turn_square(const char *from, int64_t across, double *to, int width)
{
    narrow r[4], t[4];
    for (int i = 0; i < 4; i++) r[i] = *(const narrow *)(from + i * across);
    t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 2, 6);
    t[1] = __builtin_shufflevector(r[0], r[1], 1, 5, 3, 7);
    t[2] = __builtin_shufflevector(r[2], r[3], 0, 4, 2, 6);
    t[3] = __builtin_shufflevector(r[2], r[3], 1, 5, 3, 7);
    *(narrow *)to = __builtin_shufflevector(t[0], t[2], 0, 1, 4, 5);
    *(narrow *)(to + width) = __builtin_shufflevector(t[1], t[3], 0, 1, 4, 5);
    *(narrow *)(to + 2 * width) = __builtin_shufflevector(t[0], t[2], 2, 3, 6, 7);
    *(narrow *)(to + 3 * width) = __builtin_shufflevector(t[1], t[3], 2, 3, 6, 7);
}

SIMD_KERNEL(static, pack_real, (const strip *s, double *to), (s, to))
{
    const char *from = s->from;
    int64_t k = 0, unit = sizeof(double);
    if (s->lines == s->width && s->across == unit)
        for (; k < s->depth; k++, to += s->width)
            for (int i = 0; i < s->width; i += 4)
                *(narrow *)(to + i) = *(const narrow *)(from + k * s->along + i * unit);
    if (s->lines == s->width && s->along == unit)
        for (; k + 4 <= s->depth; k += 4, to += 4 * s->width)
            for (int i = 0; i < s->width; i += 4) {
                const char *square = from + i * s->across + k * unit;
                turn_square(square, s->across, to + i, s->width);
                for (int line = s->width; line < s->width + 4; line++) /* of the next strip */
                    __builtin_prefetch(square + line * s->across);
            }
    for (; k < s->depth; k++, to += s->width) {
        for (int64_t i = 0; i < s->lines; i++) to[i] = read_at(from + i * s->across + k * s->along);
        for (int64_t i = s->lines; i < s->width; i++) to[i] = 0;
    }
}

/* the rows of a complex a: two steps each, the real parts and the imaginary ones */
SIMD_KERNEL(static, pack_rows, (const strip *s, double *to), (s, to))
{
    for (int64_t k = 0; k < s->depth; k++, to += 2 * s->width)
        for (int64_t i = 0; i < s->width; i++) {
            const char *p = s->from + i * s->across + k * s->along;
            to[i] = i < s->lines ? read_at(p) : 0;
            to[s->width + i] = i < s->lines ? read_at(p + sizeof(double)) : 0;
        }
}

/* the columns of a complex b: the steps re im re im ... and -im re -im re ... */
SIMD_KERNEL(static, pack_columns, (const strip *s, double *to), (s, to))
{
    for (int64_t k = 0; k < s->depth; k++, to += 2 * s->width)
        for (int64_t i = 0; 2 * i < s->width; i++) {
            const char *p = s->from + i * s->across + k * s->along;
            double re = i < s->lines ? read_at(p) : 0;
            double im = i < s->lines ? read_at(p + sizeof(double)) : 0;
            double *next = to + s->width + 2 * i;
            to[2 * i] = re, to[2 * i + 1] = im;
            next[0] = -im, next[1] = re;
        }
}

/* --- the loops --- */

typedef struct work {
    mat c, a, b;
    int parts; /* doubles an element: 1 or 2 */
    bool half, is_wide;
    int rows, cols; /* of a tile, in doubles */
    int64_t across; /* columns of b at a time, a multiple of the tile's */
    int64_t run, down;
    int64_t first; /* of half a square: the row that c begins with */
    double *room_a, *room_b;
} work;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* n in equal pieces of at most `most`, each a multiple of `unit` */
static int64_t piece(int64_t n, int64_t most, int64_t unit)
{
    int64_t count = (n + most - 1) / most, each = (n + count - 1) / count;
    return (each + unit - 1) / unit * unit;
}

static void pack_a(const work *w, int64_t row, int64_t rows, int64_t k, int64_t depth)
{
    double *to = w->room_a;
    for (int64_t i = 0; i < rows; i += w->rows, to += w->rows * depth * w->parts) {
        const strip s = {.from = w->a.at + (row + i) * w->a.rs + k * w->a.cs,
                         .across = w->a.rs,
                         .along = w->a.cs,
                         .lines = least(rows - i, w->rows),
                         .depth = depth,
                         .width = w->rows};
        (w->parts == 2 ? pack_rows : pack_real)(&s, to);
    }
}

/* Strips whose rows are contiguous take turns, so that each row is read in longer pieces. */
static void pack_b(const work *w, int64_t col, int64_t cols, int64_t k, int64_t depth)
{
    int64_t unit = w->cols / w->parts;
    int64_t together = w->b.rs == (int64_t)sizeof(double) ? depth : TOGETHER;
    for (int64_t d = 0; d < depth; d += together)
        for (int64_t j = 0; j < cols; j += unit) {
            const strip s = {.from = w->b.at + (k + d) * w->b.rs + (col + j) * w->b.cs,
                             .across = w->b.cs,
                             .along = w->b.rs,
                             .lines = least(cols - j, unit),
                             .depth = least(depth - d, together),
                             .width = w->cols};
            (w->parts == 2 ? pack_columns : pack_real)(&s, w->room_b + (j * depth + d * unit) *
                                                                           w->parts * w->parts);
        }
}

/* a tile that c has only a part of */
static void run_edge(const work *w, tile t, int64_t rows, int64_t cols)
{
    double own[WIDE_ROWS * WIDE_COLS], *to = t.c;
    int64_t step = t.step;
    bool adds = t.adds;
    t.c = own, t.step = w->cols, t.adds = false;
    run_tile(&t, w->is_wide);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double x = own[i * w->cols + j], *at = to + i * step + j;
            *at = adds ? *at + x : x;
        }
}

/* what is packed of a times what is packed of b: from (row, col) of c */
static void run_block(const work *w, int64_t row, int64_t rows, int64_t col, int64_t cols,
                      int64_t depth, bool adds)
{
    for (int64_t i = 0; i < rows; i += w->rows)
        for (int64_t j = 0; j < cols * w->parts; j += w->cols) {
            if (w->half && col + j + w->cols <= w->first + row + i) continue;
            int64_t in_rows = least(rows - i, w->rows), in_cols = cols * w->parts - j;
            tile t = {.depth = depth * w->parts,
                      .step = w->c.rs / (int64_t)sizeof(double),
                      .a = w->room_a + i * depth * w->parts,
                      .b = w->room_b + j * depth * w->parts,
                      .c = (double *)(w->c.at + (row + i) * w->c.rs + col * w->c.cs) + j,
                      .adds = adds};
            if (in_rows == w->rows && in_cols >= w->cols)
                run_tile(&t, w->is_wide);
            else
                run_edge(w, t, in_rows, least(in_cols, w->cols));
        }
}

/* False: nobody waits any more. */
static bool run_work(const work *w)
{
    for (int64_t i = 0; i < w->c.rows; i += w->down) {
        int64_t rows = least(w->c.rows - i, w->down);
        for (int64_t k = 0; k < w->a.cols; k += w->run) {
            int64_t depth = least(w->a.cols - k, w->run);
            pack_a(w, i, rows, k, depth);
            for (int64_t j = 0; j < w->c.cols; j += w->across) {
                int64_t cols = least(w->c.cols - j, w->across);
                if (w->half && j + cols <= w->first + i) continue;
                if (stop_asked()) return false;
                pack_b(w, j, cols, k, depth);
                run_block(w, i, rows, j, cols, depth, k > 0);
            }
        }
    }
    return true;
}

/* --- threads --- */

typedef struct job {
    work w;
    bool by_rows;
    int64_t count; /* pieces of c */
    char *room;
    size_t each; /* bytes of it for a piece */
    _Atomic bool stopped;
} job;

/* where piece i of n begins; of half a square each has as much of the triangle */
static int64_t piece_start(const job *j, int64_t i)
{
    int64_t n = j->by_rows ? j->w.c.rows : j->w.c.cols, unit = j->by_rows ? j->w.rows : j->w.cols;
    double part = (double)i / (double)j->count;
    if (j->w.half) part = 1 - sqrt(1 - part);
    return i == j->count ? n : (int64_t)(part * (double)n) / unit * unit;
}

static void run_piece(void *arg, int64_t i)
{
    job *j = arg;
    int64_t first = piece_start(j, i), n = piece_start(j, i + 1) - first;
    work w = j->w;
    mat *side = j->by_rows ? &w.a : &w.b;
    w.room_a = (double *)(j->room + j->each * (size_t)i);
    w.room_b = w.room_a + w.run * w.parts * ((w.down + w.rows - 1) / w.rows * w.rows);
    w.c.at += first * (j->by_rows ? w.c.rs : w.c.cs);
    side->at += first * (j->by_rows ? side->rs : side->cs);
    *(j->by_rows ? &w.c.rows : &w.c.cols) = n;
    w.first = w.half ? first : 0;
    if (!run_work(&w)) atomic_store(&j->stopped, true);
}

bool gemm_product(enum dtype d, mat c, mat a, mat b, bool half, err *e)
{
    bool is_wide = simd_level() == SIMD_AVX512;
    int parts = d == DT_complex128 ? 2 : 1;
    work w = {.c = c,
              .a = a,
              .b = b,
              .parts = parts,
              .half = half,
              .is_wide = is_wide,
              .rows = is_wide ? WIDE_ROWS : NARROW_ROWS,
              .cols = is_wide ? WIDE_COLS : NARROW_COLS};
    job j = {.by_rows = half || c.rows >= c.cols, .count = par_width()};
    w.run = piece(a.cols, RUN / parts, 1);
    w.down = piece(c.rows, DOWN, w.rows);
    w.across = piece(c.cols, ACROSS / parts, w.cols / parts);
    j.each = (size_t)(w.run * parts * (w.down + w.across * parts)) * sizeof(double);
    j.each = (j.each + 4095) & ~(size_t)4095;
    j.w = w;
    j.room = room_alloc(j.each * (size_t)j.count, e);
    if (!j.room) return false;
    par_for(j.count, run_piece, &j);
    room_free(j.room);
    return !j.stopped || stop_check(e);
}

bool gemm_takes(enum dtype d, int64_t rows, int64_t cols, int64_t depth)
{
    enum { SIDE = 96, DEEP = 96, WORK = 30 * 1000 * 1000 };
    if (d != DT_float64 && d != DT_complex128) return false;
    if (simd_level() < SIMD_AVX2 || rows < SIDE || cols < SIDE || depth < DEEP) return false;
    return (double)rows * (double)cols * (double)depth >= WORK;
}

bool gemm_fits(enum dtype d, mat c, mat a, mat b)
{
    uintptr_t all = (uintptr_t)c.at | (uintptr_t)a.at | (uintptr_t)b.at;
    if (all % sizeof(double) || c.rs % (int64_t)sizeof(double)) return false;
    return gemm_takes(d, c.rows, c.cols, a.cols);
}
