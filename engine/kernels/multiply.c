/* engine/kernels/multiply.c - c = a @ b for matrices with any strides.
 *
 * Large products of doubles are our own (gemm.c, skinny.c).  Other floats and complex numbers whose
 * rows or columns are contiguous go to BLAS as they lie, a product with one row or column as a
 * vector's; other layouts are copied once; integers, bools and halves use a loop of our own. */
#include "engine/kernels/multiply.h"

#include <string.h>

#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/data/turn.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/ops.h"

// clang-format off
#pragma push_macro("bool")
#undef bool
/* c = a @ b, c zeroed; the innermost loop runs along rows of b and c, or along the one column of b,
 * and vectorises */
#define OWN_PRODUCT(dt, T, S, LD, MUL, ADD)                                                        \
    SIMD_KERNEL(static, product_##dt, (mat c, mat a, mat b), (c, a, b))                            \
    {                                                                                              \
        for (int64_t i = 0; c.cols == 1 && i < c.rows; i++) {                                      \
            const char *x = a.at + i * a.rs, *y = b.at;                                            \
            S sum = 0;                                                                             \
            if (a.cs == sizeof(T) && b.rs == sizeof(T)) {                                          \
                const T *p = (const T *)x, *q = (const T *)y;                                      \
                for (int64_t k = 0; k < a.cols; k++) sum = (S)(sum ADD (LD(p[k]) MUL LD(q[k])));   \
            } else for (int64_t k = 0; k < a.cols; k++, x += a.cs, y += b.rs)                      \
                sum = (S)(sum ADD (LD(*(const T *)x) MUL LD(*(const T *)y)));                      \
            *(S *)(c.at + i * c.rs) = sum;                                                         \
        }                                                                                          \
        if (c.cols == 1) return;                                                                   \
        for (int64_t i = 0; i < c.rows; i++)                                                       \
            for (int64_t k = 0; k < a.cols; k++) {                                                 \
                const S x = LD(*(const T *)(a.at + i * a.rs + k * a.cs));                          \
                char *to = c.at + i * c.rs; const char *from = b.at + k * b.rs;                    \
                if (c.cs == sizeof(S) && b.cs == sizeof(T)) {                                      \
                    S *restrict d = (S *)to; const T *s = (const T *)from;                         \
                    for (int64_t j = 0; j < c.cols; j++) d[j] = (S)(d[j] ADD (x MUL LD(s[j])));    \
                } else for (int64_t j = 0; j < c.cols; j++, to += c.cs, from += b.cs)              \
                    *(S *)to = (S)(*(S *)to ADD (x MUL LD(*(const T *)from)));                     \
            }                                                                                      \
    }
OWN_PRODUCT(bool, uint8_t, uint8_t, , &, |)
OWN_PRODUCT(int8, int8_t, int8_t, , *, +)       OWN_PRODUCT(uint8, uint8_t, uint8_t, , *, +)
OWN_PRODUCT(int16, int16_t, int16_t, , *, +)    OWN_PRODUCT(uint16, uint16_t, uint16_t, , *, +)
OWN_PRODUCT(int32, int32_t, int32_t, , *, +)    OWN_PRODUCT(uint32, uint32_t, uint32_t, , *, +)
OWN_PRODUCT(int64, int64_t, int64_t, , *, +)    OWN_PRODUCT(uint64, uint64_t, uint64_t, , *, +)
OWN_PRODUCT(float32, float, float, , *, +)      OWN_PRODUCT(float64, double, double, , *, +)
OWN_PRODUCT(complex64, float _Complex, float _Complex, , *, +)
OWN_PRODUCT(complex128, double _Complex, double _Complex, , *, +)
typedef void (*own_product)(mat c, mat a, mat b);
static const own_product own[NDTYPE] = {
    [DT_bool] = product_bool, [DT_int8] = product_int8, [DT_uint8] = product_uint8,
    [DT_int16] = product_int16, [DT_uint16] = product_uint16, [DT_int32] = product_int32,
    [DT_uint32] = product_uint32, [DT_int64] = product_int64, [DT_uint64] = product_uint64,
    [DT_float32] = product_float32, [DT_float64] = product_float64,
    [DT_complex64] = product_complex64, [DT_complex128] = product_complex128,
    [DT_datetime64] = NULL, [DT_timedelta64] = product_int64};
#pragma pop_macro("bool")
// clang-format on

static bool by_blas(enum dtype d)
{
    return d == DT_float32 || d == DT_float64 || dtype_is_complex(d);
}

/* how BLAS may read m: NO_TRANS with leading dimension *ld, TRANS, or 0: not as it lies */
static int layout(mat m, int64_t size, int *ld)
{
    int64_t r = m.rs / size, c = m.cs / size;
    if (m.rs % size || m.cs % size) return 0;
    if ((c == 1 || m.cols == 1) && (r >= m.cols || m.rows == 1) && r >= 0 && r <= INT32_MAX) {
        *ld = (int)(m.rows == 1 || r < m.cols ? (m.cols > 1 ? m.cols : 1) : r);
        return c == 1 || m.cols == 1 ? NO_TRANS : 0;
    }
    if ((r == 1 || m.rows == 1) && (c >= m.rows || m.cols == 1) && c >= 0 && c <= INT32_MAX) {
        *ld = (int)(m.cols == 1 || c < m.rows ? (m.rows > 1 ? m.rows : 1) : c);
        return TRANS;
    }
    return 0;
}

/* False: not with these strides. */
static bool blas_dot(const blas *f, enum dtype d, mat c, mat a, mat b, int64_t size)
{
    bool fits = a.cs % size == 0 && b.rs % size == 0 && a.cs >= 0 && b.rs >= 0 &&
                a.cs / size <= INT32_MAX && b.rs / size <= INT32_MAX;
    int n = (int)a.cols, sa = (int)(a.cs / size), sb = (int)(b.rs / size);
    if (!fits) return false;
    switch (d) {
    case DT_float32:
        *(float *)c.at = f->sdot(n, (const float *)a.at, sa, (const float *)b.at, sb);
        break;
    case DT_float64:
        *(double *)c.at = f->ddot(n, (const double *)a.at, sa, (const double *)b.at, sb);
        break;
    case DT_complex64: f->cdotu(n, a.at, sa, b.at, sb, c.at); break;
    default: f->zdotu(n, a.at, sa, b.at, sb, c.at); break;
    }
    return true;
}

/* the lower triangle of a square becomes its upper one's mirror image, strip by strip */
static void mirror(char *at, int64_t n, int64_t size)
{
    enum { STRIP = 32 };
    const int64_t row = n * size;
    for (int64_t i = 0; i < n; i += STRIP) {
        int64_t rows = n - i < STRIP ? n - i : STRIP;
        turn_plane((size_t)size, i, rows, at + i * row, row,
                   &(turning){.at = at + i * size, .step = row, .across = size});
        for (int64_t r = i; r < i + rows; r++)
            for (int64_t c = i; c < r; c++)
                memcpy(at + r * row + c * size, at + c * row + r * size, (size_t)size);
    }
}

/* A matrix times one column, or one row times a matrix: read once, as it lies. */
static void blas_gemv(const blas_job *g)
{
    bool column = g->c.cols == 1;
    const mat *m = column ? &g->a : &g->b, *v = column ? &g->b : &g->a;
    bool blas_job_init = (column ? g->ta : g->tb) == NO_TRANS; /* m, not its transpose, has rows */
    int64_t size = dtypes[g->d].size, rows = blas_job_init ? m->rows : m->cols;
    int trans = blas_job_init == column ? NO_TRANS : TRANS, ld = column ? g->lda : g->ldb;
    int r = (int)rows, c = (int)(blas_job_init ? m->cols : m->rows);
    int64_t step = (column ? v->rs : v->cs) / size;
    int n = (int)(g->a.cols == 1 ? 1 : step);
    const float one32[2] = {1, 0}, zero32[2] = {0, 0};
    const double one[2] = {1, 0}, zero[2] = {0, 0};
    const blas *f = g->f;
    void *x = m->at, *y = v->at, *z = g->c.at;
    switch (g->d) {
    case DT_float32: f->sgemv(ROW_MAJOR, trans, r, c, 1, x, ld, y, n, 0, z, 1); break;
    case DT_float64: f->dgemv(ROW_MAJOR, trans, r, c, 1, x, ld, y, n, 0, z, 1); break;
    case DT_complex64: f->cgemv(ROW_MAJOR, trans, r, c, one32, x, ld, y, n, zero32, z, 1); break;
    default: f->zgemv(ROW_MAJOR, trans, r, c, one, x, ld, y, n, zero, z, 1); break;
    }
}

static void blas_gemm(const blas_job *g)
{
    int m = (int)g->c.rows, n = (int)g->c.cols, k = (int)g->a.cols;
    int ldc = (int)(g->c.rs / dtypes[g->d].size), ta = g->ta, tb = g->tb;
    const float one32[2] = {1, 0}, zero32[2] = {0, 0};
    const double one[2] = {1, 0}, zero[2] = {0, 0};
    const blas *f = g->f;
    void *x = g->a.at, *y = g->b.at, *z = g->c.at;
    switch (g->d) {
    case DT_float32:
        f->sgemm(ROW_MAJOR, ta, tb, m, n, k, 1, x, g->lda, y, g->ldb, 0, z, ldc);
        break;
    case DT_float64:
        f->dgemm(ROW_MAJOR, ta, tb, m, n, k, 1, x, g->lda, y, g->ldb, 0, z, ldc);
        break;
    case DT_complex64:
        f->cgemm(ROW_MAJOR, ta, tb, m, n, k, one32, x, g->lda, y, g->ldb, zero32, z, ldc);
        break;
    default: f->zgemm(ROW_MAJOR, ta, tb, m, n, k, one, x, g->lda, y, g->ldb, zero, z, ldc); break;
    }
}

static bool is_vector(const mat *c)
{
    return c->rows == 1 || c->cols == 1;
}

static void gemm_panel(void *arg, int64_t i)
{
    blas_job g = *(const blas_job *)arg;
    mat *side = g.by_rows ? &g.a : &g.b;
    int64_t *n = g.by_rows ? &g.c.rows : &g.c.cols, first = i * g.panel;
    if (*n - first > g.panel)
        *n = g.panel;
    else
        *n -= first;
    g.c.at += first * (g.by_rows ? g.c.rs : g.c.cs);
    side->at += first * (g.by_rows ? side->rs : side->cs);
    *(g.by_rows ? &side->rows : &side->cols) = *n;
    (is_vector(&g.c) ? blas_gemv : blas_gemm)(&g);
}

/* Is it c = a @ a.T? */
static bool is_square(mat c, mat a, mat b)
{
    return a.at == b.at && a.rs == b.cs && a.cs == b.rs && c.rows == c.cols;
}

/* c = a @ a.T: half of it, then its mirror image.  False: not such a product. */
static bool blas_square(const blas_job *g)
{
    const mat *a = &g->a, *b = &g->b;
    int n = (int)g->c.rows, k = (int)a->cols, ldc = (int)g->c.cols;
    if (!is_square(g->c, *a, *b) || n < 32) return false;
    if (g->ta == g->tb || g->lda != g->ldb) return false;
    if (g->d != DT_float64 && g->d != DT_float32) return false;
    bool widened = blas_widen(0.5 * n * (double)n * k);
    if (g->d == DT_float64)
        g->f->dsyrk(ROW_MAJOR, UPPER, g->ta, n, k, 1, (void *)a->at, g->lda, 0, (void *)g->c.at,
                    ldc);
    else
        g->f->ssyrk(ROW_MAJOR, UPPER, g->ta, n, k, 1, (void *)a->at, g->lda, 0, (void *)g->c.at,
                    ldc);
    blas_narrow(widened);
    mirror(g->c.at, n, dtypes[g->d].size);
    return true;
}

void blas_job_run(blas_job *g)
{
    enum { UNIT = 16 }; /* what the library's kernels do together stays together */
    if (blas_square(g)) return;
    double work = (double)g->c.rows * (double)g->c.cols * (double)g->a.cols;
    int64_t width = work > 4e6 ? par_width() : 1;
    if (width == 1) {
        (is_vector(&g->c) ? blas_gemv : blas_gemm)(g);
        return;
    }
    g->by_rows = g->c.rows >= g->c.cols;
    int64_t n = g->by_rows ? g->c.rows : g->c.cols;
    g->panel = (n + width - 1) / width;
    g->panel = g->panel < 64 ? 64 : (g->panel + UNIT - 1) / UNIT * UNIT;
    par_for((n + g->panel - 1) / g->panel, gemm_panel, g);
}

/* a contiguous copy of m, in *held */
static bool pack(mat *m, dtype_of t, nd **held, err *e)
{
    int64_t shape[2] = {m->rows, m->cols}, from[2] = {m->rs, m->cs}, to[2];
    *held = nd_new(t, 2, shape, e);
    if (!*held) return false;
    strides_c(2, shape, t.size, to);
    strided_copy(2, shape, (*held)->at, to, m->at, from, t.size, NULL);
    m->at = (*held)->at;
    m->rs = to[0];
    m->cs = to[1];
    return true;
}

static void clear(mat c, dtype_of t)
{
    memset(c.at, 0, (size_t)(c.rows * c.cols * t.size));
}

/* how a and b lie: g->ta and g->tb, 0 where BLAS cannot read it */
static void enter(blas_job *g, mat c, mat a, mat b, int64_t size)
{
    g->c = c, g->a = a, g->b = b;
    g->ta = layout(a, size, &g->lda);
    g->tb = layout(b, size, &g->ldb);
}

bool blas_job_init(dtype_of t, mat c, mat a, mat b, blas_job *g)
{
    bool takes = by_blas(t.dt) && a.cols <= INT32_MAX && c.rows <= INT32_MAX && c.cols <= INT32_MAX;
    *g = (blas_job){.f = takes ? blas_open() : NULL, .d = t.dt};
    if (!g->f) return false;
    enter(g, c, a, b, t.size);
    return g->ta && g->tb && (c.rows > 1 || c.cols > 1);
}

bool mat_is_large(mat c, int64_t depth)
{
    enum { LARGE = 96 };
    return depth >= LARGE && (c.rows >= LARGE || c.cols >= LARGE);
}

bool mat_multiply(dtype_of t, mat c, mat a, mat b, err *e)
{
    if (c.rows == 0 || c.cols == 0) return true;
    if (a.cols == 0) {
        clear(c, t);
        return true;
    }
    bool large = mat_is_large(c, a.cols);
    if (large && t.dt == DT_float64 && skinny_product(c, a, b)) return true;
    if (large && gemm_fits(t.dt, c, a, b)) {
        bool half = t.dt == DT_float64 && is_square(c, a, b);
        if (!gemm_product(t.dt, c, a, b, half, e)) return false;
        if (half) mirror(c.at, c.rows, t.size);
        return true;
    }
    blas_job g;
    if (blas_job_init(t, c, a, b, &g)) {
        blas_job_run(&g);
        return true;
    }
    if (!g.f) {
        clear(c, t);
        own[t.dt](c, a, b);
        return true;
    }
    if (c.rows == 1 && c.cols == 1 && blas_dot(g.f, t.dt, c, a, b, t.size)) return true;
    nd *pa = NULL, *pb = NULL;
    bool ok = (g.ta || pack(&a, t, &pa, e)) && (g.tb || pack(&b, t, &pb, e));
    if (ok) {
        enter(&g, c, a, b, t.size);
        blas_job_run(&g);
    }
    datum_unref(pa);
    datum_unref(pb);
    return ok;
}

bool mat_has_product(enum dtype d)
{
    return own[d] != NULL;
}
