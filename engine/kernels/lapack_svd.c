/* engine/kernels/lapack_svd.c - singular values of stacks of matrices.
 *
 * A single real matrix is made smaller first: a tall or wide one by QR (as LAPACK does, but
 * qr_tall.c is faster), one whose last rows are no more than rounding by leaving them out: they
 * add zeros to the singular values, and unit vectors to U. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/lapack_parts.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/qr_tall.h"

typedef void (*gesdd_real)(char *job, int *m, int *n, void *a, int *lda, void *s, void *u, int *ldu,
                           void *vt, int *ldvt, void *work, int *lwork, int *iwork, int *info);
typedef void (*gesdd_complex)(char *job, int *m, int *n, void *a, int *lda, void *s, void *u,
                              int *ldu, void *vt, int *ldvt, void *work, int *lwork, void *rwork,
                              int *iwork, int *info);

typedef struct svd_job {
    kind k;
    lapack_function run;
    char job;
    int m, n, small, ucols, vrows, lwork, info;
    char *a, *s, *u, *vt, *work, *rwork;
    int *iwork;
} svd_job;

static void svd_call(svd_job *j, void *work, int *lwork)
{
    int lda = max_int(j->m, 1), ldv = max_int(j->vrows, 1);
    if (j->k.is_complex)
        ((gesdd_complex)j->run)(&j->job, &j->m, &j->n, j->a, &lda, j->s, j->u, &lda, j->vt, &ldv,
                                work, lwork, j->rwork, j->iwork, &j->info);
    else
        ((gesdd_real)j->run)(&j->job, &j->m, &j->n, j->a, &lda, j->s, j->u, &lda, j->vt, &ldv, work,
                             lwork, j->iwork, &j->info);
}

static bool svd_init(svd_job *j, const nd *a, bool full, bool vectors, err *e)
{
    TRY(kind_of(a, NULL, &j->k, e));
    j->m = (int)rows_of(a);
    j->n = (int)cols_of(a);
    j->small = j->m < j->n ? j->m : j->n;
    j->job = !vectors ? 'N' : full ? 'A' : 'S';
    j->ucols = !vectors ? 0 : full ? j->m : j->small;
    j->vrows = !vectors ? 1 : full ? j->n : j->small;
    j->run = lapack_named(&j->k, "gesdd_", e);
    if (!j->run) return false;
    size_t m = (size_t)j->m, n = (size_t)j->n, k = (size_t)j->small, big = m > n ? m : n;
    size_t size = j->k.t.size, real = j->k.real.size;
    size_t elements = m * n + m * (size_t)j->ucols + (size_t)j->vrows * n;
    size_t reals =
        k + (j->k.is_complex
                 ? k * (5 * k + 7 > 2 * big + 2 * k + 1 ? 5 * k + 7 : 2 * big + 2 * k + 1)
                 : 0);
    j->a = room_alloc(elements * size + reals * real + 8 * k * sizeof(int) + 64, e);
    if (!j->a) return false;
    j->u = j->a + m * n * size;
    j->vt = j->u + m * (size_t)j->ucols * size;
    j->s = j->vt + (size_t)j->vrows * n * size;
    j->rwork = j->s + k * real;
    j->iwork = (int *)(j->rwork + (reals - k) * real);
    int ask = -1;
    double w[2] = {1};
    svd_call(j, w, &ask);
    j->lwork = work_size(&j->k, w);
    j->work = room_alloc((size_t)j->lwork * size, e);
    return j->work != NULL;
}

/* every matrix of a stack by LAPACK */
static bool svd_stack(const nd *a, bool full, nd **u, nd **s, nd **vt, err *e)
{
    svd_job j = {0};
    bool vectors = u && vt, ok;
    ok = svd_init(&j, a, full, vectors, e);
    nd *p = ok ? prepared(a, j.k.t, e) : NULL;
    nd *ns = p ? stack_new(a, j.k.real, 1, j.small, 0, e) : NULL, *nu = NULL, *nv = NULL;
    if (ns && vectors) nu = stack_new(a, j.k.t, 2, j.m, j.ucols, e);
    if (nu) nv = stack_new(a, j.k.t, 2, j.vrows, j.n, e);
    ok = ns && (nv || !vectors);
    int64_t count = ok ? stack_count(a) : 0;
    size_t size = j.k.t.size;
    bool widened = blas_widen(stack_work(a));
    for (int64_t i = 0; ok && i < count; i++) {
        to_columns(j.a, j.m, nth(p, i, (int64_t)j.m * j.n), j.m, j.n, size);
        size_t parts = (size_t)j.m * (size_t)j.n * (j.k.is_complex ? 2 : 1);
        unsigned flushed = flush_begin(far_from_denormal(j.a, parts));
        if (j.small)
            svd_call(&j, j.work, &j.lwork);
        else if (vectors) {
            set_identity(&j.k, j.u, j.ucols);
            set_identity(&j.k, j.vt, j.vrows);
        }
        flush_end(flushed);
        if (j.info) ok = err_set(e, LinAlgError, "SVD did not converge");
        memcpy(nth(ns, i, j.small), j.s, (size_t)j.small * j.k.real.size);
        if (!vectors) continue;
        to_rows(nth(nu, i, (int64_t)j.m * j.ucols), j.u, j.m, j.m, j.ucols, size);
        to_rows(nth(nv, i, (int64_t)j.vrows * j.n), j.vt, j.vrows, j.vrows, j.n, size);
    }
    blas_narrow(widened);
    room_free(j.a);
    room_free(j.work);
    datum_unref(p);
    if (!ok) ns = datum_unref(ns), nu = datum_unref(nu), nv = datum_unref(nv);
    *s = ns;
    if (vectors) *u = nu, *vt = nv;
    return ok;
}

/* --- smaller matrices first ---------------------------------------------------------------------
 */

static bool svd_matrix(const nd *a, bool full, nd **u, nd **s, nd **vt, err *e);

/* a = q r, r = ur s vt: u = q ur.  wide: of the transposed. 1: done; 0: not this way; -1: failed */
static int svd_by_qr(const nd *a, bool wide, nd **u, nd **s, nd **vt, err *e)
{
    nd *turned = wide ? nd_transpose(a, (int[]){1, 0}) : NULL;
    nd *tall = turned ? nd_contiguous(turned, e) : nd_ref((nd *)(uintptr_t)a);
    datum_unref(turned);
    if (!tall) return -1;
    int64_t m = rows_of(tall), n = cols_of(tall), square[2] = {n, n};
    nd *q = u ? nd_new_like(tall, nd_type(tall), e) : NULL;
    nd *r = q || !u ? nd_new(nd_type(tall), 2, square, e) : NULL, *inner = NULL, *outer = NULL;
    int done = r ? 0 : -1;
    bool ok =
        r && qr_tall((const double *)tall->at, m, n, q ? (double *)q->at : NULL, (double *)r->at);
    datum_unref(tall);
    if (ok) {
        nd *middle = wide ? nd_transpose(r, (int[]){1, 0}) : nd_ref(r);
        nd **ui = u ? (wide ? u : &inner) : NULL, **vi = u ? (wide ? &inner : vt) : NULL;
        nd *c = nd_contiguous(middle, e);
        ok = c && svd_matrix(c, false, ui, s, vi, e);
        datum_unref(middle);
        datum_unref(c);
        done = ok ? 1 : -1;
    }
    if (done == 1 && u) {
        nd *qt = wide ? nd_transpose(q, (int[]){1, 0}) : NULL;
        outer = wide ? nd_matmul(inner, qt, e) : nd_matmul(q, inner, e);
        *(wide ? vt : u) = outer;
        datum_unref(qt);
        if (!outer) done = -1;
    }
    datum_unref(q);
    datum_unref(r);
    datum_unref(inner);
    return done;
}

/* how many rows stand above the rounding of the whole matrix */
static int64_t rows_above_noise(const nd *a)
{
    int64_t m = rows_of(a), n = cols_of(a), r = m;
    const double *x = (const double *)a->at;
    double all = 0, below = 0;
    for (int64_t i = 0; i < m * n; i++) all += x[i] * x[i];
    double limit = 16 * DBL_EPSILON * DBL_EPSILON * (double)m * all;
    if (!(all > 1e-280 && isfinite(all))) return m;
    for (; r > 0; r--) {
        for (int64_t j = 0; j < n; j++) below += x[(r - 1) * n + j] * x[(r - 1) * n + j];
        if (below > limit) break;
    }
    return r;
}

/* x in the upper left corner of m x n zeros, ones down the diagonal that begins below its corner */
static nd *bordered(const nd *x, int64_t m, int64_t n, err *e)
{
    int64_t shape[2] = {m, n}, rows = rows_of(x), cols = cols_of(x);
    nd *y = nd_zero(nd_type(x), 2, shape, e);
    if (!y) return NULL;
    double *to = (double *)y->at;
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * n, x->at + i * cols * 8, (size_t)cols * sizeof *to);
    for (int64_t i = 0; cols + i < n && rows + i < m; i++) to[(rows + i) * n + cols + i] = 1;
    return y;
}

/* takes x; its first n */
static nd *first_of(nd *x, int64_t n, err *e)
{
    nd *part = x ? nd_slice(x, 0, 0, n, 1) : NULL, *y = part ? nd_contiguous(part, e) : NULL;
    datum_unref(part);
    datum_unref(x);
    return y;
}

/* the decomposition of the first r rows, completed */
static bool svd_without_noise(const nd *a, int64_t r, bool full, nd **u, nd **s, nd **vt, err *e)
{
    int64_t m = rows_of(a), n = cols_of(a), k = m < n ? m : n;
    nd *top = nd_slice(a, 0, 0, r, 1), *few = NULL, *ut = NULL;
    bool ok = svd_stack(top, u && (full || k > r), u ? &ut : NULL, &few, vt, e);
    datum_unref(top);
    *s = ok ? nd_zero(nd_type(few), 1, &k, e) : NULL;
    if (*s) memcpy((*s)->at, few->at, (size_t)nd_count(few) * few->size);
    ok = *s != NULL;
    if (ok && u) {
        *u = bordered(ut, m, full ? m : k, e);
        if (!full) *vt = first_of(*vt, k, e);
        ok = *u && *vt;
    }
    datum_unref(few);
    datum_unref(ut);
    return ok;
}

/* a: real, C contiguous */
static bool svd_matrix(const nd *a, bool full, nd **u, nd **s, nd **vt, err *e)
{
    int64_t m = rows_of(a), n = cols_of(a);
    bool tall = qr_is_tall(m, n), wide = qr_is_tall(n, m);
    if ((tall || wide) && (!full || !u)) {
        int done = svd_by_qr(a, wide, u, s, vt, e);
        if (done) return done > 0;
    }
    int64_t r = m >= 64 && n >= 64 ? rows_above_noise(a) : m;
    if (r > 0 && r <= m / 2) return svd_without_noise(a, r, full, u, s, vt, e);
    return svd_stack(a, full, u, s, vt, e);
}

bool nd_svd(const nd *a, bool full, nd **u, nd **s, nd **vt, err *e)
{
    if (kind_is_single(a, NULL)) {
        nd *wide = kind_widen(a, e);
        bool done = wide && nd_svd(wide, full, u, s, vt, e);
        datum_unref(wide);
        return done && kind_narrow(s, e) &&
               (!u || !vt || (kind_narrow(u, e) && kind_narrow(vt, e)));
    }
    kind k;
    if (!u || !vt) u = vt = NULL;
    *s = NULL;
    if (u) *u = *vt = NULL;
    TRY(check_2d(a, e) && kind_of(a, NULL, &k, e));
    if (a->ndim > 2 || k.is_complex) return svd_stack(a, full, u, s, vt, e);
    nd *p = prepared(a, k.t, e);
    bool ok = p && svd_matrix(p, full, u, s, vt, e);
    datum_unref(p);
    if (ok) return true;
    *s = datum_unref(*s);
    if (u) *u = datum_unref(*u), *vt = datum_unref(*vt);
    return false;
}
