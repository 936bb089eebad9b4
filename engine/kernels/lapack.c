/* engine/kernels/lapack.c - solving, factorising and eigenvalues on stacks of matrices.
 *
 * Each function walks the leading axes; one matrix at a time is copied column-major into scratch,
 * given to LAPACK, and copied out.  Computed in double, rounded for single precision input;
 * a failed factorisation is a LinAlgError in NumPy's words. */
#include <math.h>
#include <string.h>

#include "engine/kernels/blas.h"
#include "engine/kernels/lapack_parts.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

/* --- solve, inv
 * ------------------------------------------------------------------------------------ */

typedef void (*gesv)(int *n, int *nrhs, void *a, int *lda, int *ipiv, void *b, int *ldb, int *info);

/* x = a^-1 b for every matrix; b NULL: the identity.  b is a stack of n x m. */
static nd *solve_stack(const kind *k, const nd *a, const nd *b, int64_t m, err *e)
{
    int n = (int)rows_of(a), nrhs = (int)m, lda = max_int(n, 1), info = 0;
    gesv run = (gesv)lapack_named(k, "gesv_", e);
    nd *x = run ? stack_new(a, k->t, 2, n, m, e) : NULL;
    size_t size = k->t.size;
    char *room = x ? room_alloc((size_t)n * (size_t)n * size + (size_t)n * (size_t)m * size +
                                    (size_t)n * sizeof(int) + 16,
                                e)
                   : NULL;
    bool ok = room != NULL;
    char *fb = room + (size_t)n * (size_t)n * size;
    int *pivot = (int *)(fb + (size_t)n * (size_t)m * size);
    int64_t count = ok ? stack_count(a) : 0;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; ok && i < count && n && m; i++) {
        to_columns(room, n, nth(a, i, (int64_t)n * n), n, n, size);
        if (b)
            to_columns(fb, n, nth(b, i, n * m), n, m, size);
        else
            set_identity(k, fb, n);
        run(&n, &nrhs, room, &lda, pivot, fb, &lda, &info);
        if (info > 0)
            ok = err_set(e, LinAlgError, "Singular matrix");
        else
            to_rows(nth(x, i, n * m), fb, n, n, m, size);
    }
    blas_narrow(widened);
    room_free(room);
    return ok ? x : datum_unref(x);
}

static nd *in_double(nd *(*f)(const nd *, err *), const nd *a, err *e)
{
    nd *w = kind_widen(a, e), *x = w ? f(w, e) : NULL;
    datum_unref(w);
    return kind_narrow(&x, e) ? x : NULL;
}

nd *nd_inv(const nd *a, err *e)
{
    if (kind_is_single(a, NULL)) return in_double(nd_inv, a, e);
    kind k;
    TRY(check_square(a, e) && kind_of(a, NULL, &k, e));
    nd *p = prepared(a, k.t, e), *x = p ? solve_stack(&k, p, NULL, rows_of(p), e) : NULL;
    datum_unref(p);
    return x;
}

/* x with its leading axes broadcast to those of shape (nlead of them), contiguous */
static nd *spread_stack(const nd *x, int nlead, const int64_t *lead, err *e)
{
    int64_t shape[ND_MAXDIM];
    memcpy(shape, lead, (size_t)nlead * sizeof *shape);
    shape[nlead] = rows_of(x);
    shape[nlead + 1] = cols_of(x);
    nd *wide = nd_broadcast(x, nlead + 2, shape, e), *c = wide ? nd_contiguous(wide, e) : NULL;
    datum_unref(wide);
    return c;
}

/* the common leading axes of two stacks */
static bool common_lead(const nd *a, const nd *b, int *n, int64_t *lead, err *e)
{
    nd *la = nd_view(a->b, a->at, nd_type(a), a->ndim - 2, nd_shape(a), nd_strides(a));
    nd *lb = nd_view(b->b, b->at, nd_type(b), b->ndim - 2, nd_shape(b), nd_strides(b));
    bool ok = shape_broadcast(2, (const nd *const[]){la, lb}, n, lead, e);
    datum_unref(la);
    datum_unref(lb);
    return ok;
}

nd *nd_solve(const nd *a, const nd *b, err *e)
{
    if (kind_is_single(a, b)) {
        nd *wa = kind_widen(a, e), *wb = wa ? kind_widen(b, e) : NULL;
        nd *x = wb ? nd_solve(wa, wb, e) : NULL;
        datum_unref(wa);
        datum_unref(wb);
        return kind_narrow(&x, e) ? x : NULL;
    }
    kind k;
    TRY(check_square(a, e) && kind_of(a, b, &k, e));
    bool vector = b->ndim == a->ndim - 1;
    int64_t lead[ND_MAXDIM], nb = vector ? nd_shape(b)[b->ndim - 1] : b->ndim > 1 ? rows_of(b) : -1;
    int nlead;
    if (nb != rows_of(a))
        return err_set(e, ValueError,
                       "solve%s: Input operand 1 has a mismatch in its core dimension 0, with "
                       "gufunc signature (m,m),(m%s)->(m%s) (size %ld is different from %ld)",
                       vector ? "1" : "", vector ? "" : ",n", vector ? "" : ",n", (long)nb,
                       (long)rows_of(a));
    nd *pa = prepared(a, k.t, e), *pb = pa ? prepared(b, k.t, e) : NULL, *x = NULL;
    nd *wb = pb ? (vector ? nd_expand(pb, pb->ndim) : nd_ref(pb)) : NULL, *sa = NULL, *sb = NULL;
    if (wb && common_lead(pa, wb, &nlead, lead, e)) sa = spread_stack(pa, nlead, lead, e);
    if (sa) sb = spread_stack(wb, nlead, lead, e);
    if (sb) x = solve_stack(&k, sa, sb, cols_of(sb), e);
    if (x && vector) {
        nd *thin = nd_squeeze(x, (uint32_t)1 << (x->ndim - 1));
        datum_unref(x);
        x = thin;
    }
    datum_unref(pa);
    datum_unref(pb);
    datum_unref(wb);
    datum_unref(sa);
    datum_unref(sb);
    return x;
}

/* --- determinants
 * ------------------------------------------------------------------------------------ */

typedef void (*getrf)(int *m, int *n, void *a, int *lda, int *ipiv, int *info);

/* NumPy's slogdet: the sign (or phase) and the sum of logs along the diagonal of U */
static void sign_and_log(const kind *k, const char *lu, int n, const int *pivot, bool singular,
                         double sign[2], double *log_abs)
{
    sign[0] = 1;
    sign[1] = 0;
    *log_abs = 0;
    for (int i = 0; i < n; i++)
        if (pivot[i] != i + 1) sign[0] = -sign[0];
    if (singular) {
        sign[0] = 0;
        *log_abs = -INFINITY;
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *d = lu + (size_t)i * (size_t)(n + 1) * k->t.size;
        bool single = k->real.dt == DT_float32;
        double re = single ? (double)((const float *)d)[0] : ((const double *)d)[0], im = 0, size;
        if (k->is_complex) im = single ? (double)((const float *)d)[1] : ((const double *)d)[1];
        size = k->is_complex ? hypot(re, im) : fabs(re);
        double pr = k->is_complex ? re / size : re < 0 ? -1 : 1, pi = k->is_complex ? im / size : 0;
        double sr = sign[0] * pr - sign[1] * pi;
        sign[1] = sign[0] * pi + sign[1] * pr;
        sign[0] = sr;
        *log_abs += single ? (double)logf((float)size) : log(size);
        if (single) *log_abs = (double)(float)*log_abs;
    }
}

bool nd_slogdet(const nd *a, nd **sign, nd **logdet, err *e)
{
    if (kind_is_single(a, NULL)) {
        nd *w = kind_widen(a, e);
        bool done = w && nd_slogdet(w, sign, logdet, e);
        datum_unref(w);
        return done && kind_narrow(sign, e) && kind_narrow(logdet, e);
    }
    kind k;
    TRY(check_square(a, e) && kind_of(a, NULL, &k, e));
    int n = (int)rows_of(a), lda = max_int(n, 1), info = 0;
    getrf run = (getrf)lapack_named(&k, "getrf_", e);
    nd *p = run ? prepared(a, k.t, e) : NULL;
    *sign = p ? stack_new(a, k.t, 0, 0, 0, e) : NULL;
    *logdet = *sign ? stack_new(a, k.real, 0, 0, 0, e) : NULL;
    size_t bytes = (size_t)n * (size_t)n * k.t.size;
    char *room = *logdet ? room_alloc(bytes + (size_t)n * sizeof(int) + 16, e) : NULL;
    int *pivot = (int *)(room + bytes);
    int64_t count = room ? stack_count(a) : 0;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; i < count; i++) {
        double s[2], l;
        info = 0;
        to_columns(room, n, nth(p, i, (int64_t)n * n), n, n, k.t.size);
        if (n) run(&n, &n, room, &lda, pivot, &info);
        sign_and_log(&k, room, n, pivot, info > 0, s, &l);
        put_number(k.t, nth(*sign, i, 1), s[0], s[1]);
        put_number(k.real, nth(*logdet, i, 1), l, 0);
    }
    blas_narrow(widened);
    room_free(room);
    datum_unref(p);
    if (room) return true;
    *sign = datum_unref(*sign);
    *logdet = datum_unref(*logdet);
    return false;
}

nd *nd_det(const nd *a, err *e)
{
    if (kind_is_single(a, NULL)) return in_double(nd_det, a, e);
    nd *sign, *logdet;
    TRY(nd_slogdet(a, &sign, &logdet, e));
    nd *size = nd_new(nd_type(logdet), logdet->ndim, nd_shape(logdet), e), *det = NULL;
    int64_t n = size ? nd_count(size) : 0;
    for (int64_t i = 0; i < n; i++)
        if (size->dtype == DT_float32)
            ((float *)size->at)[i] = expf(((float *)logdet->at)[i]);
        else
            ((double *)size->at)[i] = exp(((double *)logdet->at)[i]);
    if (size) det = nd_map2(U_multiply, sign, size, e);
    datum_unref(sign);
    datum_unref(logdet);
    datum_unref(size);
    return det;
}

/* --- cholesky
 * ------------------------------------------------------------------------------------------ */

typedef void (*potrf)(char *uplo, int *n, void *a, int *lda, int *info);

nd *nd_cholesky(const nd *a, err *e)
{
    if (kind_is_single(a, NULL)) return in_double(nd_cholesky, a, e);
    kind k;
    TRY(check_square(a, e) && kind_of(a, NULL, &k, e));
    int n = (int)rows_of(a), lda = max_int(n, 1), info = 0;
    char lower = 'L';
    size_t size = k.t.size;
    potrf run = (potrf)lapack_named(&k, "potrf_", e);
    nd *p = run ? prepared(a, k.t, e) : NULL, *x = p ? stack_new(a, k.t, 2, n, n, e) : NULL;
    char *room = x ? room_alloc((size_t)n * (size_t)n * size + 16, e) : NULL;
    bool ok = room != NULL;
    int64_t count = ok && n ? stack_count(a) : 0;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; ok && i < count; i++) {
        to_columns(room, n, nth(p, i, (int64_t)n * n), n, n, size);
        run(&lower, &n, room, &lda, &info);
        if (info > 0) ok = err_set(e, LinAlgError, "Matrix is not positive definite");
        for (int c = 1; c < n; c++)
            memset(room + (size_t)c * (size_t)n * size, 0, (size_t)c * size);
        to_rows(nth(x, i, (int64_t)n * n), room, n, n, n, size);
    }
    blas_narrow(widened);
    room_free(room);
    datum_unref(p);
    return ok ? x : datum_unref(x);
}
