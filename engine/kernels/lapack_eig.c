/* engine/kernels/lapack_eig.c - singular values, eigenvalues, least squares, LU, triangles. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/blas.h"
#include "engine/kernels/lapack_parts.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

/* --- symmetric eigenvalues
 * -------------------------------------------------------------------------------- */

typedef void (*syevd)(char *job, char *uplo, int *n, void *a, int *lda, void *w, void *work,
                      int *lwork, int *iwork, int *liwork, int *info);
typedef void (*heevd)(char *job, char *uplo, int *n, void *a, int *lda, void *w, void *work,
                      int *lwork, void *rwork, int *lrwork, int *iwork, int *liwork, int *info);

typedef struct sym_job {
    kind k;
    lapack_function run;
    char job, uplo;
    int n, info;
} sym_job;

static void sym_call(sym_job *j, void *a, void *w, void *work, int lwork, void *rwork, int lrwork,
                     int *iwork, int liwork)
{
    int lda = max_int(j->n, 1);
    if (j->k.is_complex)
        ((heevd)j->run)(&j->job, &j->uplo, &j->n, a, &lda, w, work, &lwork, rwork, &lrwork, iwork,
                        &liwork, &j->info);
    else
        ((syevd)j->run)(&j->job, &j->uplo, &j->n, a, &lda, w, work, &lwork, iwork, &liwork,
                        &j->info);
}

bool nd_eigh(const nd *a, char uplo, nd **w, nd **v, err *e)
{
    if (kind_is_single(a, NULL)) {
        nd *wide = kind_widen(a, e);
        bool done = wide && nd_eigh(wide, uplo, w, v, e);
        datum_unref(wide);
        return done && kind_narrow(w, e) && (!v || kind_narrow(v, e));
    }
    sym_job j = {.job = v ? 'V' : 'N', .uplo = uplo};
    *w = NULL;
    if (v) *v = NULL;
    TRY(check_square(a, e) && kind_of(a, NULL, &j.k, e));
    j.n = (int)rows_of(a);
    j.run = lapack_named(&j.k, j.k.is_complex ? "heevd_" : "syevd_", e);
    if (!j.run) return false;
    double qw[2] = {1}, qr[2] = {1};
    int qi = 1;
    sym_call(&j, qw, qw, qw, -1, qr, -1, &qi, -1);
    int lwork = work_size(&j.k, qw), lrwork = j.k.is_complex ? work_size(&j.k, qr) : 1;
    int liwork = max_int(qi, 1);
    size_t n = (size_t)j.n, size = j.k.t.size, real = j.k.real.size;
    char *room = room_alloc((n * n + (size_t)lwork) * size + (n + (size_t)lrwork) * real +
                                (size_t)liwork * sizeof(int) + 64,
                            e);
    nd *p = room ? prepared(a, j.k.t, e) : NULL,
       *nw = p ? stack_new(a, j.k.real, 1, j.n, 0, e) : NULL;
    nd *nv = nw && v ? stack_new(a, j.k.t, 2, j.n, j.n, e) : NULL;
    bool ok = nw && (nv || !v);
    char *work = room + n * n * size, *values = work + (size_t)lwork * size;
    char *rwork = values + n * real;
    int *iwork = (int *)(rwork + (size_t)lrwork * real);
    int64_t count = ok && n ? stack_count(a) : 0;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; ok && i < count; i++) {
        to_columns(room, j.n, nth(p, i, (int64_t)(n * n)), j.n, j.n, size);
        sym_call(&j, room, values, work, lwork, rwork, lrwork, iwork, liwork);
        if (j.info > 0) ok = err_set(e, LinAlgError, "Eigenvalues did not converge");
        memcpy(nth(nw, i, j.n), values, n * real);
        if (v) to_rows(nth(nv, i, (int64_t)(n * n)), room, j.n, j.n, j.n, size);
    }
    blas_narrow(widened);
    room_free(room);
    datum_unref(p);
    if (!ok) nw = datum_unref(nw), nv = datum_unref(nv);
    *w = nw;
    if (v) *v = nv;
    return ok;
}

/* --- general eigenvalues
 * ------------------------------------------------------------------------------------ */

typedef void (*geev_real)(char *jl, char *jr, int *n, void *a, int *lda, void *wr, void *wi,
                          void *vl, int *ldvl, void *vr, int *ldvr, void *work, int *lwork,
                          int *info);
typedef void (*geev_complex)(char *jl, char *jr, int *n, void *a, int *lda, void *w, void *vl,
                             int *ldvl, void *vr, int *ldvr, void *work, int *lwork, void *rwork,
                             int *info);

typedef struct eig_job {
    kind k;
    lapack_function run;
    char right;
    int n, info;
    char *a, *w, *v, *work, *rwork;
} eig_job;

static void eig_call(eig_job *j, void *work, int lwork)
{
    char none = 'N';
    int lda = max_int(j->n, 1);
    if (j->k.is_complex)
        ((geev_complex)j->run)(&none, &j->right, &j->n, j->a, &lda, j->w, NULL, &lda, j->v, &lda,
                               work, &lwork, j->rwork, &j->info);
    else
        ((geev_real)j->run)(&none, &j->right, &j->n, j->a, &lda, j->w,
                            j->w + (size_t)j->n * j->k.t.size, NULL, &lda, j->v, &lda, work, &lwork,
                            &j->info);
}

static double real_at(const kind *k, const char *at, size_t i)
{
    return k->real.dt == DT_float32 ? (double)((const float *)at)[i] : ((const double *)at)[i];
}

/* Real LAPACK results as complex ones: pairs of columns are real and imaginary parts. */
static void join_pairs(const eig_job *j, dtype_of ct, char *w, char *v)
{
    size_t n = (size_t)j->n;
    const char *wi = j->w + n * j->k.t.size;
    for (size_t i = 0; i < n; i++)
        put_number(ct, w + i * ct.size, real_at(&j->k, j->w, i), real_at(&j->k, wi, i));
    for (size_t c = 0; v && c < n; c++) {
        double im = real_at(&j->k, wi, c);
        bool pair = im != 0 && c + 1 < n;
        for (size_t r = 0; r < n; r++) {
            double x = real_at(&j->k, j->v, c * n + r);
            double y = pair ? real_at(&j->k, j->v, (c + 1) * n + r) : 0;
            put_number(ct, v + (r * n + c) * ct.size, x, y);
            if (pair) put_number(ct, v + (r * n + c + 1) * ct.size, x, -y);
        }
        c += pair;
    }
}

/* real parts when every eigenvalue of a real stack is real; takes x */
static nd *real_part(nd *x, err *e)
{
    nd *re = nd_real(x), *c = nd_copy(re, e);
    datum_unref(re);
    datum_unref(x);
    return c;
}

static bool all_real(const nd *w, const kind *k)
{
    int64_t n = nd_count(w);
    for (int64_t i = 0; i < n; i++)
        if (real_at(k, w->at, (size_t)(2 * i + 1)) != 0) return false;
    return true;
}

bool nd_eig(const nd *a, nd **w, nd **v, err *e)
{
    if (kind_is_single(a, NULL)) {
        nd *wide = kind_widen(a, e);
        bool done = wide && nd_eig(wide, w, v, e);
        datum_unref(wide);
        return done && kind_narrow(w, e) && (!v || kind_narrow(v, e));
    }
    eig_job j = {.right = v ? 'V' : 'N'};
    *w = NULL;
    if (v) *v = NULL;
    TRY(check_square(a, e) && kind_of(a, NULL, &j.k, e) && all_finite(a, e));
    j.n = (int)rows_of(a);
    j.run = lapack_named(&j.k, "geev_", e);
    if (!j.run) return false;
    dtype_of ct = dtype_plain(j.k.real.dt == DT_float32 ? DT_complex64 : DT_complex128);
    size_t n = (size_t)j.n, size = j.k.t.size;
    j.a = room_alloc((2 * n * n + 2 * n) * size + 2 * n * j.k.real.size + 64, e);
    if (!j.a) return false;
    j.v = j.a + n * n * size;
    j.w = j.v + n * n * size;
    j.rwork = j.w + 2 * n * size;
    double ask[2] = {1};
    eig_call(&j, ask, -1);
    int lwork = work_size(&j.k, ask);
    j.work = room_alloc((size_t)lwork * size, e);
    nd *p = j.work ? prepared(a, j.k.t, e) : NULL, *nw = p ? stack_new(a, ct, 1, j.n, 0, e) : NULL;
    nd *nv = nw && v ? stack_new(a, ct, 2, j.n, j.n, e) : NULL;
    bool ok = nw && (nv || !v);
    int64_t count = ok && n ? stack_count(a) : 0;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; ok && i < count; i++) {
        char *tw = nth(nw, i, j.n), *tv = v ? nth(nv, i, (int64_t)(n * n)) : NULL;
        to_columns(j.a, j.n, nth(p, i, (int64_t)(n * n)), j.n, j.n, size);
        eig_call(&j, j.work, lwork);
        if (j.info > 0) ok = err_set(e, LinAlgError, "Eigenvalues did not converge");
        if (!j.k.is_complex)
            join_pairs(&j, ct, tw, tv);
        else {
            memcpy(tw, j.w, n * size);
            if (tv) to_rows(tv, j.v, j.n, j.n, j.n, size);
        }
    }
    blas_narrow(widened);
    room_free(j.a);
    room_free(j.work);
    datum_unref(p);
    if (ok && !j.k.is_complex && all_real(nw, &j.k)) {
        nw = real_part(nw, e);
        if (v) nv = real_part(nv, e);
        ok = nw && (nv || !v);
    }
    if (!ok) nw = datum_unref(nw), nv = datum_unref(nv);
    *w = nw;
    if (v) *v = nv;
    return ok;
}

/* --- least squares
 * -------------------------------------------------------------------------------------------- */

typedef void (*gelsd_real)(int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb, void *s,
                           void *rcond, int *rank, void *work, int *lwork, int *iwork, int *info);
typedef void (*gelsd_complex)(int *m, int *n, int *nrhs, void *a, int *lda, void *b, int *ldb,
                              void *s, void *rcond, int *rank, void *work, int *lwork, void *rwork,
                              int *iwork, int *info);

typedef struct lstsq_job {
    kind k;
    lapack_function run;
    int m, n, nrhs, rank, info;
    double rcond;
    char *a, *b, *s;
} lstsq_job;

static void lstsq_call(lstsq_job *j, void *work, int lwork, void *rwork, int *iwork)
{
    int lda = max_int(j->m, 1), ldb = max_int(max_int(j->m, j->n), 1);
    if (j->k.is_complex)
        ((gelsd_complex)j->run)(&j->m, &j->n, &j->nrhs, j->a, &lda, j->b, &ldb, j->s, &j->rcond,
                                &j->rank, work, &lwork, rwork, iwork, &j->info);
    else
        ((gelsd_real)j->run)(&j->m, &j->n, &j->nrhs, j->a, &lda, j->b, &ldb, j->s, &j->rcond,
                             &j->rank, work, &lwork, iwork, &j->info);
}

/* sums of |.|^2 below row n of every column */
static nd *residuals_of(const lstsq_job *j, dtype_of real, err *e)
{
    int64_t none = 0, m = j->nrhs;
    bool given = j->rank == j->n && j->m > j->n;
    nd *r = nd_new(real, 1, given ? &m : &none, e);
    int ldb = max_int(j->m, j->n), parts = j->k.is_complex ? 2 : 1;
    for (int c = 0; r && given && c < j->nrhs; c++) {
        double sum = 0;
        for (int i = parts * j->n; i < parts * j->m; i++) {
            double x = ((double *)j->b)[(size_t)c * (size_t)ldb * (size_t)parts + (size_t)i];
            sum += x * x;
        }
        put_number(real, r->at + (size_t)c * real.size, sum, 0);
    }
    return r;
}

/* What there is to do, and in which type the results are asked for; reports shapes that do not
 * fit. */
static bool lstsq_plan(lstsq_job *j, const nd *a, const nd *b, double rcond, kind *asked, err *e)
{
    if (a->ndim != 2 || b->ndim > 2 || b->ndim < 1)
        return err_set(e, LinAlgError, "%d-dimensional array given. Array must be two-dimensional",
                       a->ndim != 2 ? a->ndim : b->ndim);
    if (nd_shape(a)[0] != nd_shape(b)[0]) return err_set(e, LinAlgError, "Incompatible dimensions");
    TRY(kind_of(a, b, asked, e));
    const bool paired = asked->is_complex; /* always in double */
    j->k = (kind){paired ? 'z' : 'd', dtype_plain(paired ? DT_complex128 : DT_float64),
                  dtype_plain(DT_float64), paired};
    j->m = (int)nd_shape(a)[0];
    j->n = (int)nd_shape(a)[1];
    j->nrhs = b->ndim == 1 ? 1 : (int)nd_shape(b)[1];
    j->rcond = rcond < 0 ? DBL_EPSILON * max_int(j->m, j->n) : rcond;
    j->run = lapack_named(&j->k, "gelsd_", e);
    return j->run != NULL;
}

bool nd_lstsq(const nd *a, const nd *b, double rcond, nd **x, nd **residuals, int64_t *rank, nd **s,
              err *e)
{
    lstsq_job j = {0};
    kind asked;
    *x = *residuals = *s = NULL;
    TRY(lstsq_plan(&j, a, b, rcond, &asked, e));
    const bool vector = b->ndim == 1, paired = asked.is_complex;
    size_t m = (size_t)j.m, n = (size_t)j.n, r = (size_t)j.nrhs, big = m > n ? m : n;
    size_t small = m < n ? m : n, size = j.k.t.size;
    j.a = room_alloc((m * n + big * r) * size + small * 8 + 64, e);
    if (!j.a) return false;
    j.b = j.a + m * n * size;
    j.s = j.b + big * r * size;
    double ask[2] = {1}, askr[2] = {1};
    int aski = 1;
    lstsq_call(&j, ask, -1, askr, &aski);
    int lwork = work_size(&j.k, ask);
    size_t lr = paired ? (size_t)work_size(&j.k, askr) : 1, li = (size_t)max_int(aski, 1);
    char *work = room_alloc((size_t)lwork * size + lr * 8 + li * sizeof(int) + 64, e);
    nd *pa = work ? prepared(a, j.k.t, e) : NULL, *pb = pa ? prepared(b, j.k.t, e) : NULL;
    nd *wide = pb ? (vector ? nd_expand(pb, 1) : nd_ref(pb)) : NULL;
    bool ok = wide != NULL;
    if (ok && small && r) {
        to_columns(j.a, j.m, pa->at, j.m, j.n, size);
        memset(j.b, 0, big * r * size);
        to_columns(j.b, (int64_t)big, pb->at, j.m, j.nrhs, size);
        char *rwork = work + (size_t)lwork * size;
        bool widened = blas_widen(stack_work(a));
        lstsq_call(&j, work, lwork, rwork, (int *)(rwork + lr * 8));
        blas_narrow(widened);
        if (j.info > 0)
            ok = err_set(e, LinAlgError, "SVD did not converge in Linear Least Squares");
    }
    int64_t xs[2] = {j.n, j.nrhs}, ss = (int64_t)small;
    nd *nx = ok ? nd_zero(j.k.t, 2, xs, e) : NULL, *ns = nx ? nd_new(j.k.real, 1, &ss, e) : NULL;
    if (ns) {
        if (small && r) to_rows(nx->at, j.b, (int64_t)big, j.n, j.nrhs, size);
        memcpy(ns->at, j.s, small * 8);
        nd *thin = vector ? nd_squeeze(nx, 2) : nd_ref(nx);
        *x = nd_cast(thin, asked.t, 'u', e);
        *s = nd_cast(ns, asked.real, 'u', e);
        *residuals = residuals_of(&j, asked.real, e);
        *rank = j.rank;
        datum_unref(thin);
    }
    ok = *x && *s && *residuals;
    room_free(j.a);
    room_free(work);
    datum_unref(pa);
    datum_unref(pb);
    datum_unref(wide);
    datum_unref(nx);
    datum_unref(ns);
    return ok;
}

/* --- LU and triangles
 * --------------------------------------------------------------------------------------------- */

typedef void (*getrf)(int *m, int *n, void *a, int *lda, int *ipiv, int *info);
typedef void (*trtrs)(char *uplo, char *trans, char *diag, int *n, int *nrhs, void *a, int *lda,
                      void *b, int *ldb, int *info);

static void put_one(dtype_of t, char *at)
{
    put_number(t, at, 1, 0);
}

bool nd_lu(const nd *a, nd **p, nd **l, nd **u, err *e)
{
    kind k;
    *p = *l = *u = NULL;
    if (a->ndim != 2) return err_set(e, ValueError, "expected matrix");
    TRY(kind_of(a, NULL, &k, e));
    int m = (int)rows_of(a), n = (int)cols_of(a), small = m < n ? m : n, lda = max_int(m, 1), info;
    getrf run = (getrf)lapack_named(&k, "getrf_", e);
    size_t size = k.t.size, bytes = (size_t)m * (size_t)n * size;
    nd *in = run ? prepared(a, k.t, e) : NULL;
    char *lu = in ? room_alloc(bytes + 2 * (size_t)lda * sizeof(int) + 16, e) : NULL;
    if (lu) {
        int64_t ps[2] = {m, m}, ls[2] = {m, small}, us[2] = {small, n};
        *p = nd_zero(k.real, 2, ps, e);
        *l = nd_zero(k.t, 2, ls, e);
        *u = nd_zero(k.t, 2, us, e);
    }
    bool ok = *p && *l && *u;
    if (ok && small) {
        int *pivot = (int *)(lu + bytes), *row = pivot + lda;
        to_columns(lu, m, in->at, m, n, size);
        bool widened = blas_widen(stack_work(a));
        run(&m, &n, lu, &lda, pivot, &info);
        blas_narrow(widened);
        for (int i = 0; i < m; i++) row[i] = i;
        for (int i = 0; i < small; i++) {
            int t = row[i];
            row[i] = row[pivot[i] - 1];
            row[pivot[i] - 1] = t;
        }
        for (int i = 0; i < m; i++)
            put_one(k.real, (*p)->at + ((size_t)row[i] * (size_t)m + (size_t)i) * k.real.size);
        for (int i = 0; i < m; i++)
            for (int c = 0; c < n; c++) {
                const char *from = lu + ((size_t)c * (size_t)m + (size_t)i) * size;
                if (c < i && c < small)
                    memcpy((*l)->at + (size_t)(i * small + c) * size, from, size);
                if (c >= i)
                    memcpy((*u)->at + ((size_t)i * (size_t)n + (size_t)c) * size, from, size);
            }
        for (int i = 0; i < small; i++) put_one(k.t, (*l)->at + (size_t)(i * small + i) * size);
    }
    room_free(lu);
    datum_unref(in);
    if (!ok) *p = datum_unref(*p), *l = datum_unref(*l), *u = datum_unref(*u);
    return ok;
}

/* A copy of x, a vector or matrix, by columns; room_free() it. */
static char *columns_of(const nd *x, const kind *k, err *e)
{
    int m = (int)nd_shape(x)[0], n = x->ndim > 1 ? (int)nd_shape(x)[1] : 1;
    nd *in = prepared(x, k->t, e);
    char *to = in ? room_alloc((size_t)m * (size_t)n * k->t.size + 16, e) : NULL;
    if (to) to_columns(to, m, in->at, m, n, k->t.size);
    datum_unref(in);
    return to;
}

nd *nd_solve_triangular(const nd *a, const nd *b, bool lower, bool trans, bool unit, err *e)
{
    kind k;
    TRY(check_square(a, e) && kind_of(a, b, &k, e));
    if (a->ndim != 2 || b->ndim < 1 || b->ndim > 2 || nd_shape(b)[0] != rows_of(a))
        return err_set(e, ValueError, "shapes of a and b are incompatible");
    bool vector = b->ndim == 1;
    int n = (int)rows_of(a), nrhs = vector ? 1 : (int)nd_shape(b)[1], lda = max_int(n, 1), info = 0;
    char uplo = lower ? 'L' : 'U', tr = trans ? 'T' : 'N', diag = unit ? 'U' : 'N';
    trtrs run = (trtrs)lapack_named(&k, "trtrs_", e);
    size_t size = k.t.size;
    char *of_a = run ? columns_of(a, &k, e) : NULL, *of_b = of_a ? columns_of(b, &k, e) : NULL;
    bool ok = of_b != NULL;
    if (ok && n && nrhs) {
        bool widened = blas_widen((double)n * n * nrhs / 2);
        run(&uplo, &tr, &diag, &n, &nrhs, of_a, &lda, of_b, &lda, &info);
        blas_narrow(widened);
        if (info > 0)
            ok = err_set(e, LinAlgError, "singular matrix: resolution failed at diagonal %d",
                         info - 1);
    }
    room_free(of_a); /* before the result is there, too */
    nd *x = ok ? nd_new(k.t, b->ndim, nd_shape(b), e) : NULL;
    if (x && n && nrhs) to_rows(x->at, of_b, n, n, nrhs, size);
    room_free(of_b);
    return x;
}
