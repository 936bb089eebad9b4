/* engine/kernels/skinny.c - a large matrix times a few columns.
 *
 * BLAS packs both sides of a product, which pays when each element is used often.  With few columns
 * it costs more than the arithmetic: here the large side is read once, as it lies, and only the
 * few columns are copied, into rows that are whole vectors.  Sums run along the depth in order,
 * whatever the number of threads.  Rows are too short for a processor to see a stream in them: what
 * comes next is asked for early, which a loop over a matrix that lies in no cache gains a sixth by.
 */
#include "engine/kernels/skinny.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/simd.h"

enum {
    PAD = 8,     /* rows of the small side are multiples of it */
    WIDEST = 24, /* and at most so long */
    DEEP = 8,    /* steps along the depth at a time */
    LINE = 8,    /* numbers in a line of the cache */
    TILE = 512,  /* rows of the result that stay in the cache */
    LARGE = 256, /* rows and depth from which it pays */
};

typedef struct side { /* out (rows x width) = x @ y */
    const char *x;
    int64_t step, rows,
        depth;       /* bytes from one row of x to the next; or, turned, along the depth */
    const double *y; /* depth x width */
    double *out;
    int64_t width;
} side;

typedef double wide __attribute__((vector_size(64), aligned(8), may_alias));
typedef double narrow __attribute__((vector_size(32), aligned(8), may_alias));

/* The rows of x are contiguous: ROWS of them at a time, against COUNT vectors of y, so that all
 * sums stay in registers. */
#define ALONG(name, vec, ROWS, MOST)                                                               \
    SIMD_ALWAYS void name(const side *s, int count)                                                \
    {                                                                                              \
        const vec *all = (const vec *)s->y;                                                        \
        for (int64_t i = 0; i < s->rows; i += ROWS) {                                              \
            const double *row[ROWS], *next[ROWS];                                                  \
            vec sum[ROWS][MOST] = {0};                                                             \
            for (int r = 0; r < ROWS; r++) {                                                       \
                row[r] = row_at(s, i + r);                                                         \
                next[r] = row_at(s, i + ROWS + r);                                                 \
            }                                                                                      \
            for (int64_t first = 0; first < s->depth; first += LINE) {                             \
                const int64_t end = first + LINE < s->depth ? first + LINE : s->depth;             \
                for (int r = 0; r < ROWS; r++) __builtin_prefetch(next[r] + first);                \
                for (int64_t j = first; j < end; j++)                                              \
                    for (int v = 0; v < count; v++) {                                              \
                        const vec y = all[j * count + v];                                          \
                        for (int r = 0; r < ROWS; r++) sum[r][v] += row[r][j] * y;                 \
                    }                                                                              \
            }                                                                                      \
            for (int r = 0; r < ROWS && i + r < s->rows; r++)                                      \
                for (int v = 0; v < count; v++) ((vec *)s->out)[(i + r) * count + v] = sum[r][v];  \
        }                                                                                          \
    }

/* row i of x; beyond the end the last once more */
SIMD_ALWAYS const double *row_at(const side *s, int64_t i)
{
    return (const double *)(s->x + (i < s->rows ? i : s->rows - 1) * s->step);
}

ALONG(along_wide, wide, 8, 3)
ALONG(along_narrow, narrow, 2, 6) /* AVX2 has 16 registers */

/* The columns of x are contiguous: `deep` steps along the depth at a time, one vector of y each.
 * The steps after these are asked for meanwhile, a few with every vector. */
#define ACROSS(name, vec)                                                                          \
    SIMD_ALWAYS void name(const side *s, int64_t j, int deep)                                      \
    {                                                                                              \
        const int64_t count = s->width / (int64_t)(sizeof(vec) / sizeof(double));                  \
        const int64_t some = (DEEP + count - 1) / count;                                           \
        const int64_t left = s->depth - j - deep < DEEP ? s->depth - j - deep : DEEP;              \
        for (int64_t v = 0; v < count; v++) {                                                      \
            const double *x[DEEP];                                                                 \
            vec y[DEEP];                                                                           \
            for (int r = 0; r < deep; r++) {                                                       \
                x[r] = (const double *)(s->x + (j + r) * s->step);                                 \
                y[r] = ((const vec *)s->y)[(j + r) * count + v];                                   \
            }                                                                                      \
            for (int64_t first = 0; first < s->rows; first += LINE) {                              \
                const int64_t end = first + LINE < s->rows ? first + LINE : s->rows;               \
                for (int64_t r = some * v; r < some * (v + 1) && r < left; r++)                    \
                    __builtin_prefetch(s->x + (j + deep + r) * s->step +                           \
                                       first * (int64_t)sizeof(double));                           \
                for (int64_t i = first; i < end; i++) {                                            \
                    vec sum = ((vec *)s->out)[i * count + v];                                      \
                    for (int r = 0; r < deep; r++) sum += x[r][i] * y[r];                          \
                    ((vec *)s->out)[i * count + v] = sum;                                          \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
ACROSS(across_wide, wide)
ACROSS(across_narrow, narrow)

SIMD_KERNEL(static, multiply, (const side *s, bool wider), (s, wider))
{
    switch (s->width / PAD + (wider ? WIDEST / PAD : 0)) { /* widths that the compiler knows */
    case 1: along_narrow(s, 2); return;
    case 2: along_narrow(s, 4); return;
    case 3: along_narrow(s, 6); return;
    case 4: along_wide(s, 1); return;
    case 5: along_wide(s, 2); return;
    default: along_wide(s, 3); return;
    }
}

SIMD_KERNEL(static, multiply_turned, (const side *s, bool wider), (s, wider))
{
    int64_t j = 0;
    memset(s->out, 0, (size_t)(s->rows * s->width) * sizeof *s->out);
    for (; wider && j + DEEP <= s->depth; j += DEEP) across_wide(s, j, DEEP);
    for (; j + DEEP <= s->depth; j += DEEP) across_narrow(s, j, DEEP);
    for (; j < s->depth; j++) across_narrow(s, j, 1);
}

typedef struct job {
    mat c, x;
    const double *y;
    int64_t width;
    bool turned;
} job;

static void run_tile(void *arg, int64_t tile)
{
    const job *w = arg;
    int64_t first = tile * TILE, n = w->c.rows - first < TILE ? w->c.rows - first : TILE;
    double *out = mem_alloc((size_t)(n * w->width) * sizeof *out);
    const side s = {.x = w->x.at + first * w->x.rs,
                    .step = w->turned ? w->x.cs : w->x.rs,
                    .rows = n,
                    .depth = w->x.cols,
                    .y = w->y,
                    .out = out,
                    .width = w->width};
    (w->turned ? multiply_turned : multiply)(&s, simd_level() == SIMD_AVX512);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < w->c.cols; k++)
            memcpy(w->c.at + (first + i) * w->c.rs + k * w->c.cs, &out[i * w->width + k],
                   sizeof *out);
    mem_free(out);
}

static mat turn(mat m)
{
    return (mat){m.at, m.cols, m.rows, m.cs, m.rs};
}

bool skinny_product(mat c, mat a, mat b)
{
    if (c.rows < c.cols) { /* c.T = b.T @ a.T */
        mat t = turn(a);
        a = turn(b);
        b = t;
        c = turn(c);
    }
    bool turned = a.cs != sizeof(double);
    if (c.cols < 2 || c.cols > WIDEST || c.rows < LARGE || a.cols < LARGE) return false;
    if (turned && a.rs != sizeof(double)) return false;
    if ((turned ? a.cs : a.rs) % (int64_t)sizeof(double) || (uintptr_t)a.at % sizeof(double))
        return false;
    int64_t width = (c.cols + PAD - 1) / PAD * PAD;
    double *y = mem_zero((size_t)(a.cols * width) * sizeof *y);
    for (int64_t j = 0; j < a.cols; j++)
        for (int64_t k = 0; k < c.cols; k++)
            memcpy(&y[j * width + k], b.at + j * b.rs + k * b.cs, sizeof *y);
    job w = {.c = c, .x = a, .y = y, .width = width, .turned = turned};
    par_for((c.rows + TILE - 1) / TILE, run_tile, &w);
    mem_free(y);
    return true;
}
