/* engine/kernels/product.c - dot, matmul, tensordot, vdot, inner.
 *
 * Everything comes down to one 2-d product c += a @ b on strided operands.  Floats and complex
 * numbers whose rows or columns are contiguous go to BLAS as they lie; other layouts are copied
 * once; integers, bools and halves use a blocked loop of our own. */
#include <stdio.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/str.h"
#include "engine/base/simd.h"
#include "engine/data/turn.h"
#include "engine/kernels/blas.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/half.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/skinny.h"
#include "engine/kernels/ufunc.h"

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

static void blas_dot(const blas *f, enum dtype d, mat c, mat a, mat b, int64_t size)
{
    int n = (int)a.cols, sa = (int)(a.cs / size), sb = (int)(b.rs / size);
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
}

typedef struct gemm { /* c = a @ b by BLAS: how a and b lie */
    const blas *f;
    enum dtype d;
    mat c, a, b;
    int ta, lda, tb, ldb;
    bool by_rows;  /* panels are rows of c, else columns */
    int64_t panel; /* so many of them */
} gemm;

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

static void blas_gemm(const gemm *g)
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
        if (n == 1 && g->c.rs == 8 && g->b.rs == 8 && tb)
            f->dgemv(ROW_MAJOR, ta, ta == NO_TRANS ? m : k, ta == NO_TRANS ? k : m, 1, x, g->lda, y,
                     1, 0, z, 1);
        else
            f->dgemm(ROW_MAJOR, ta, tb, m, n, k, 1, x, g->lda, y, g->ldb, 0, z, ldc);
        break;
    case DT_complex64:
        f->cgemm(ROW_MAJOR, ta, tb, m, n, k, one32, x, g->lda, y, g->ldb, zero32, z, ldc);
        break;
    default: f->zgemm(ROW_MAJOR, ta, tb, m, n, k, one, x, g->lda, y, g->ldb, zero, z, ldc); break;
    }
}

static void gemm_panel(void *arg, int64_t i)
{
    gemm g = *(const gemm *)arg;
    mat *side = g.by_rows ? &g.a : &g.b;
    int64_t *n = g.by_rows ? &g.c.rows : &g.c.cols, first = i * g.panel;
    if (*n - first > g.panel)
        *n = g.panel;
    else
        *n -= first;
    g.c.at += first * (g.by_rows ? g.c.rs : g.c.cs);
    side->at += first * (g.by_rows ? side->rs : side->cs);
    *(g.by_rows ? &side->rows : &side->cols) = *n;
    blas_gemm(&g);
}

/* Is it c = a @ a.T? */
static bool is_square(mat c, mat a, mat b)
{
    return a.at == b.at && a.rs == b.cs && a.cs == b.rs && c.rows == c.cols;
}

/* c = a @ a.T: half of it, then its mirror image.  False: not such a product. */
static bool blas_square(const gemm *g)
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

/* Large products are cut into panels of c; on one thread there is one. */
static void blas_product(gemm *g)
{
    if (blas_square(g)) return;
    double work = (double)g->c.rows * (double)g->c.cols * (double)g->a.cols;
    int64_t width = work > 4e6 ? par_width() : 1;
    g->by_rows = g->c.rows >= g->c.cols;
    int64_t n = g->by_rows ? g->c.rows : g->c.cols;
    g->panel = (n + width - 1) / width;
    if (g->panel < 64) g->panel = n < 64 ? n : 64;
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

/* c (contiguous) = a @ b, all of type t */
static bool multiply(dtype_of t, mat c, mat a, mat b, err *e)
{
    if (c.rows == 0 || c.cols == 0) return true;
    if (a.cols == 0) {
        clear(c, t);
        return true;
    }
    if (t.dt == DT_float64 && skinny_product(c, a, b)) return true;
    if (gemm_fits(t.dt, c, a, b)) {
        bool half = t.dt == DT_float64 && is_square(c, a, b);
        if (!gemm_product(t.dt, c, a, b, half, e)) return false;
        if (half) mirror(c.at, c.rows, t.size);
        return true;
    }
    const blas *f =
        by_blas(t.dt) && a.cols <= INT32_MAX && c.rows <= INT32_MAX && c.cols <= INT32_MAX
            ? blas_open()
            : NULL;
    if (!f) {
        clear(c, t);
        own[t.dt](c, a, b);
        return true;
    }
    int64_t size = t.size;
    bool strides_fit = a.cs % size == 0 && b.rs % size == 0 && a.cs >= 0 && b.rs >= 0 &&
                       a.cs / size <= INT32_MAX && b.rs / size <= INT32_MAX;
    if (c.rows == 1 && c.cols == 1 && strides_fit) {
        blas_dot(f, t.dt, c, a, b, size);
        return true;
    }
    nd *pa = NULL, *pb = NULL;
    int lda = 0, ldb = 0, ta = layout(a, size, &lda), tb = layout(b, size, &ldb);
    bool ok = true;
    if (!ta) ok = pack(&a, t, &pa, e), ta = layout(a, size, &lda);
    if (ok && !tb) ok = pack(&b, t, &pb, e), tb = layout(b, size, &ldb);
    if (ok)
        blas_product(&(gemm){
            .f = f, .d = t.dt, .c = c, .a = a, .b = b, .ta = ta, .lda = lda, .tb = tb, .ldb = ldb});
    datum_unref(pa);
    datum_unref(pb);
    return ok;
}

/* --- types
 * ---------------------------------------------------------------------------------------- */

typedef struct pair {
    nd *x, *y;   /* owned, of type t */
    dtype_of t;  /* the type of the product's loop: float32 for halves */
    dtype_of to; /* of the result */
} pair;

static void pair_clear(pair *p)
{
    datum_unref(p->x);
    datum_unref(p->y);
}

static bool pair_init(pair *p, const nd *x, const nd *y, const char *what, err *e)
{
    operand both[2] = {operand_of(x), operand_of(y)};
    *p = (pair){0};
    TRY(result_type(2, both, &p->to, e));
    p->t = p->to.dt == DT_float16 ? dtype_plain(DT_float32) : p->to;
    if (!own[p->t.dt])
        return err_set(e, TypeError, "%s: no product of arrays of type %s", what,
                       dtypes[p->to.dt].name);
    p->x = nd_cast(x, p->t, 'u', e);
    p->y = p->x ? nd_cast(y, p->t, 'u', e) : NULL;
    if (p->y) return true;
    pair_clear(p);
    return false;
}

/* the result in its type; takes r */
static nd *finish(const pair *p, nd *r, err *e)
{
    if (!r || p->to.dt == p->t.dt) return r;
    nd *y = nd_cast(r, p->to, 'u', e);
    datum_unref(r);
    return y;
}

/* --- 2-d views of n-d operands
 * ---------------------------------------------------------------------- */

/* x (n-d) as rows x cols, its first `lead` axes making the rows */
static nd *fold_axes(const nd *x, int lead, err *e)
{
    int64_t shape[2] = {shape_count(lead, nd_shape(x)),
                        shape_count(x->ndim - lead, nd_shape(x) + lead)};
    return nd_reshape(x, 2, shape, e);
}

static mat mat_of(const nd *x)
{
    return (mat){x->at, nd_shape(x)[0], nd_shape(x)[1], nd_strides(x)[0], nd_strides(x)[1]};
}

static nd *product_2d(const pair *p, const nd *x, const nd *y, err *e)
{
    int64_t shape[2] = {nd_shape(x)[0], nd_shape(y)[1]};
    nd *r = nd_new(p->t, 2, shape, e);
    if (r && !multiply(p->t, mat_of(r), mat_of(x), mat_of(y), e)) r = datum_unref(r);
    return r;
}

/* Sums over the last axis of x and the first of y (2-d blocks), then gives the result its shape. */
static nd *contract(const pair *p, const nd *x, const nd *y, int ndim, const int64_t *shape, err *e)
{
    nd *flat = product_2d(p, x, y, e), *r = flat ? nd_reshape(flat, ndim, shape, e) : NULL;
    datum_unref(flat);
    return finish(p, r, e);
}

static void *not_aligned(const nd *x, const nd *y, int xa, int ya, err *e)
{
    strbuf b = {0};
    const nd *both[2] = {x, y};
    sb_adds(&b, "shapes ");
    for (int k = 0; k < 2; k++) {
        sb_addc(&b, '(');
        for (int i = 0; i < both[k]->ndim; i++)
            sb_addf(&b,
                    both[k]->ndim == 1 ? "%ld,"
                    : i                ? ",%ld"
                                       : "%ld",
                    (long)nd_shape(both[k])[i]);
        sb_adds(&b, k ? ")" : ") and ");
    }
    err_set(e, ValueError, "%s not aligned: %ld (dim %d) != %ld (dim %d)", sb_text(&b),
            (long)nd_shape(x)[xa], xa, (long)nd_shape(y)[ya], ya);
    sb_clear(&b);
    return NULL;
}

/* x with `axis` moved to the end (last) or to the front */
static nd *move_axis(const nd *x, int axis, bool last)
{
    int perm[ND_MAXDIM], n = 0;
    if (!last) perm[n++] = axis;
    for (int i = 0; i < x->ndim; i++)
        if (i != axis) perm[n++] = i;
    if (last) perm[n++] = axis;
    return nd_transpose(x, perm);
}

/* sum over axis xa of x and ya of y; the other axes follow in order */
static nd *sum_product(const nd *x, const nd *y, int xa, int ya, const char *what, err *e)
{
    if (nd_shape(x)[xa] != nd_shape(y)[ya]) return not_aligned(x, y, xa, ya, e);
    int64_t shape[2 * ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != xa) shape[n++] = nd_shape(x)[i];
    for (int i = 0; i < y->ndim; i++)
        if (i != ya) shape[n++] = nd_shape(y)[i];
    if (n > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, n);
    pair p;
    TRY(pair_init(&p, x, y, what, e));
    nd *xm = move_axis(p.x, xa, true), *ym = move_axis(p.y, ya, false), *r = NULL;
    nd *x2 = fold_axes(xm, xm->ndim - 1, e), *y2 = x2 ? fold_axes(ym, 1, e) : NULL;
    if (y2) r = contract(&p, x2, y2, n, shape, e);
    datum_unref(xm);
    datum_unref(ym);
    datum_unref(x2);
    datum_unref(y2);
    pair_clear(&p);
    return r;
}

/* A product with a 0-d block: its type counts as that of an array. */
static nd *scale(const nd *x, const nd *y, err *e)
{
    dtype_of t;
    TRY(dtype_promote(nd_type(x), nd_type(y), &t, e));
    nd *a = nd_cast(x, t, 'u', e), *b = a ? nd_cast(y, t, 'u', e) : NULL;
    nd *r = b ? nd_map2(U_multiply, a, b, e) : NULL;
    datum_unref(a);
    datum_unref(b);
    return r;
}

nd *nd_dot(const nd *x, const nd *y, err *e)
{
    if (x->ndim == 0 || y->ndim == 0) return scale(x, y, e);
    return sum_product(x, y, x->ndim - 1, y->ndim == 1 ? 0 : y->ndim - 2, "dot", e);
}

nd *nd_inner(const nd *x, const nd *y, err *e)
{
    if (x->ndim == 0 || y->ndim == 0) return scale(x, y, e);
    return sum_product(x, y, x->ndim - 1, y->ndim - 1, "inner", e);
}

nd *nd_vdot(const nd *x, const nd *y, err *e)
{
    nd *fx = nd_ravel(x, 'C', e), *fy = fx ? nd_ravel(y, 'C', e) : NULL, *r = NULL;
    nd *cx = fy ? (dtype_is_complex(x->dtype) ? nd_map1(U_conjugate, fx, e) : nd_ref(fx)) : NULL;
    if (cx && nd_count(fx) != nd_count(fy))
        err_set(e, ValueError, "cannot reshape array of size %ld into shape (%ld,)",
                (long)nd_count(fy), (long)nd_count(fx));
    else if (cx)
        r = nd_dot(cx, fy, e);
    datum_unref(fx);
    datum_unref(fy);
    datum_unref(cx);
    return r;
}

nd *nd_tensordot(const nd *x, const nd *y, int n, const int *xaxes, const int *yaxes, err *e)
{
    int px[ND_MAXDIM], py[ND_MAXDIM], nx = 0, ny = 0;
    int64_t shape[2 * ND_MAXDIM];
    uint32_t xs = 0, ys = 0;
    for (int k = 0; k < n; k++) {
        if (nd_shape(x)[xaxes[k]] != nd_shape(y)[yaxes[k]])
            return err_set(e, ValueError, "shape-mismatch for sum");
        xs |= (uint32_t)1 << xaxes[k];
        ys |= (uint32_t)1 << yaxes[k];
    }
    for (int i = 0; i < x->ndim; i++)
        if (!(xs >> i & 1)) shape[nx] = nd_shape(x)[i], px[nx++] = i;
    int kept = nx;
    for (int k = 0; k < n; k++) px[nx++] = xaxes[k], py[ny++] = yaxes[k];
    int out = kept;
    for (int i = 0; i < y->ndim; i++)
        if (!(ys >> i & 1)) shape[out++] = nd_shape(y)[i], py[ny++] = i;
    if (out > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, out);
    pair p;
    TRY(pair_init(&p, x, y, "tensordot", e));
    nd *xm = nd_transpose(p.x, px), *ym = nd_transpose(p.y, py), *r = NULL;
    nd *x2 = fold_axes(xm, kept, e), *y2 = x2 ? fold_axes(ym, n, e) : NULL;
    if (y2) r = contract(&p, x2, y2, out, shape, e);
    datum_unref(xm);
    datum_unref(ym);
    datum_unref(x2);
    datum_unref(y2);
    pair_clear(&p);
    return r;
}

/* --- matmul: stacks of matrices
 * ----------------------------------------------------------------------- */

static void *matmul_size(int64_t got, int64_t want, err *e)
{
    return err_set(e, ValueError,
                   "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc "
                   "signature (n?,k),(k,m?)->(n?,m?) (size %ld is different from %ld)",
                   (long)got, (long)want);
}

/* the broadcast shape of the leading axes */
static bool stack_shape(const nd *x, const nd *y, int *ndim, int64_t *shape, err *e)
{
    int nx = x->ndim - 2, ny = y->ndim - 2, n = nx > ny ? nx : ny;
    *ndim = n;
    for (int i = 0; i < n; i++) {
        int xi = i - (n - nx), yi = i - (n - ny);
        int64_t a = xi >= 0 ? nd_shape(x)[xi] : 1, b = yi >= 0 ? nd_shape(y)[yi] : 1;
        if (a != b && a != 1 && b != 1) {
            strbuf t = {0};
            const nd *both[2] = {x, y};
            for (int k = 0; k < 2; k++) {
                for (int pass = 0; pass < 2; pass++) {
                    sb_adds(&t, pass ? ")->(" : "(");
                    int m = both[k]->ndim - (pass ? 2 : 0);
                    for (int j = 0; j < m; j++)
                        sb_addf(&t, j ? ",%ld" : "%ld", (long)nd_shape(both[k])[j]);
                    if (pass) sb_adds(&t, m ? ",newaxis,newaxis) " : "newaxis,newaxis) ");
                }
            }
            err_set(e, ValueError,
                    "operands could not be broadcast together with remapped shapes "
                    "[original->remapped]: %s and requested shape (%ld,%ld)",
                    sb_text(&t), (long)nd_shape(x)[x->ndim - 2], (long)nd_shape(y)[y->ndim - 1]);
            sb_clear(&t);
            return false;
        }
        shape[i] = a == 1 ? b : a;
    }
    return true;
}

static bool multiply_stack(const pair *p, const nd *x, const nd *y, nd *r, int nlead, err *e)
{
    int64_t sx[ND_MAXDIM] = {0}, sy[ND_MAXDIM] = {0}, index[ND_MAXDIM] = {0};
    int dx = nlead - (x->ndim - 2), dy = nlead - (y->ndim - 2);
    for (int i = 0; i < nlead; i++) {
        if (i >= dx && nd_shape(x)[i - dx] != 1) sx[i] = nd_strides(x)[i - dx];
        if (i >= dy && nd_shape(y)[i - dy] != 1) sy[i] = nd_strides(y)[i - dy];
    }
    const int64_t *xe = nd_shape(x) + x->ndim - 2, *xs = nd_strides(x) + x->ndim - 2;
    const int64_t *ye = nd_shape(y) + y->ndim - 2, *ys = nd_strides(y) + y->ndim - 2;
    const int64_t *rs = nd_strides(r) + nlead;
    mat a = {x->at, xe[0], xe[1], xs[0], xs[1]}, b = {y->at, ye[0], ye[1], ys[0], ys[1]};
    mat c = {r->at, xe[0], ye[1], rs[0], rs[1]};
    if (nd_count(r) == 0) return true;
    for (;;) {
        TRY(multiply(p->t, c, a, b, e));
        int i = nlead;
        while (i-- > 0) {
            int64_t n = nd_shape(r)[i];
            a.at += sx[i], b.at += sy[i], c.at += nd_strides(r)[i];
            if (++index[i] < n) break;
            a.at -= n * sx[i], b.at -= n * sy[i], c.at -= n * nd_strides(r)[i];
            index[i] = 0;
        }
        if (i < 0) return true;
    }
}

nd *nd_matmul(const nd *x, const nd *y, err *e)
{
    for (int k = 0; k < 2; k++)
        if ((k ? y : x)->ndim == 0)
            return err_set(
                e, ValueError,
                "matmul: Input operand %d does not have enough dimensions (has 0, gufunc "
                "core with signature (n?,k),(k,m?)->(n?,m?) requires 1)",
                k);
    bool vx = x->ndim == 1, vy = y->ndim == 1;
    int64_t shape[ND_MAXDIM], kx = nd_shape(x)[x->ndim - 1], ky = nd_shape(y)[vy ? 0 : y->ndim - 2];
    int nlead;
    if (kx != ky) return matmul_size(ky, kx, e);
    pair p;
    TRY(pair_init(&p, x, y, "matmul", e));
    nd *wx = vx ? nd_expand(p.x, 0) : nd_ref(p.x), *wy = vy ? nd_expand(p.y, 1) : nd_ref(p.y);
    nd *r = NULL;
    if (stack_shape(wx, wy, &nlead, shape, e)) {
        shape[nlead] = nd_shape(wx)[wx->ndim - 2];
        shape[nlead + 1] = nd_shape(wy)[wy->ndim - 1];
        r = nd_new(p.t, nlead + 2, shape, e);
        if (r && !multiply_stack(&p, wx, wy, r, nlead, e)) r = datum_unref(r);
    }
    datum_unref(wx);
    datum_unref(wy);
    if (r && (vx || vy)) {
        nd *thin = nd_squeeze(r, (vx ? (uint32_t)1 << nlead : 0) | (vy ? (uint32_t)2 << nlead : 0));
        datum_unref(r);
        r = thin;
    }
    r = finish(&p, r, e);
    pair_clear(&p);
    return r;
}
