/* engine/kernels/lapack_qr.c - QR of stacks of matrices.
 *
 * Tall real matrices go to qr_tall.c.  Others are factorised by LAPACK, in panels that double in
 * width; what is left below a panel is looked at, and when every column of it is no more than the
 * rounding that the column has met, the factorisation ends there: R keeps those remains, and the
 * columns of Q that belong to them are any that complete a basis.  A matrix of low rank costs
 * little, and none of LAPACK's time goes into denormal numbers. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/lapack_parts.h"
#include "engine/kernels/qr_tall.h"

typedef void (*geqrf)(int *m, int *n, void *a, int *lda, void *tau, void *work, int *lwork,
                      int *info);
typedef void (*orgqr)(int *m, int *n, int *k, void *a, int *lda, void *tau, void *work, int *lwork,
                      int *info);
typedef void (*ormqr)(char *side, char *trans, int *m, int *n, int *k, void *a, int *lda, void *tau,
                      void *c, int *ldc, void *work, int *lwork, int *info);

/* Columns of the first panel (more than the 32 that LAPACK applies at a time: fewer it applies one
 * by one), and of a matrix that is cut into panels. */
enum { PANEL = 40, WORTH = 64 };

typedef struct qr_job {
    kind k;
    geqrf factor;
    orgqr expand;
    ormqr apply;
    int m, n, small, cols, lwork; /* cols: of q */
    char *a, *tau, *work;         /* m x max(n, cols), small, lwork */
    double *size;                 /* of each column */
} qr_job;

static bool qr_init(qr_job *j, const nd *a, char mode, err *e)
{
    TRY(kind_of(a, NULL, &j->k, e));
    j->m = (int)rows_of(a);
    j->n = (int)cols_of(a);
    j->small = j->m < j->n ? j->m : j->n;
    j->cols = mode == 'c' ? j->m : j->small;
    j->factor = (geqrf)lapack_named(&j->k, "geqrf_", e);
    j->expand = (orgqr)lapack_named(&j->k, j->k.is_complex ? "ungqr_" : "orgqr_", e);
    j->apply = (ormqr)lapack_named(&j->k, j->k.is_complex ? "unmqr_" : "ormqr_", e);
    if (!j->factor || !j->expand || !j->apply) return false;
    int wide = max_int(j->n, j->cols), lda = max_int(j->m, 1), ask = -1, info;
    double w1[2] = {1}, w2[2] = {1};
    j->factor(&j->m, &j->n, w1, &lda, w1, w1, &ask, &info);
    if (j->cols) j->expand(&j->m, &j->cols, &j->small, w2, &lda, w2, w2, &ask, &info);
    j->lwork = max_int(max_int(work_size(&j->k, w1), work_size(&j->k, w2)), max_int(j->n, j->cols));
    if (j->small >=
        WORTH) { /* the room for applying does not depend on the number of reflections */
        char left = 'L', trans = 'T';
        if (j->k.is_complex) trans = 'C';
        int most = max_int(j->n, j->cols);
        j->apply(&left, &trans, &j->m, &most, &j->small, w1, &lda, w1, w1, &lda, w2, &ask, &info);
        j->lwork = max_int(j->lwork, work_size(&j->k, w2));
    }
    size_t size = j->k.t.size, am = (size_t)j->m * (size_t)wide, sm = (size_t)j->small;
    j->a = room_alloc((am + sm + (size_t)j->lwork) * size + (size_t)j->n * sizeof(double) + 16, e);
    j->tau = j->a + am * size;
    j->work = j->tau + sm * size;
    j->size = (double *)(j->work + (size_t)j->lwork * size);
    return j->a != NULL;
}

/* the upper triangle of the factored matrix, rows x n, row-major */
static void take_r(const qr_job *j, char *to, int rows)
{
    size_t size = j->k.t.size;
    to_rows(to, j->a, j->m, rows, j->n, size);
    for (int i = 1; i < rows; i++)
        memset(to + (size_t)i * (size_t)j->n * size, 0, (size_t)(i < j->n ? i : j->n) * size);
}

/* of the rows from `row` on, each column: its Euclidean length */
static double column_size(const qr_job *j, int row, int col)
{
    size_t parts = j->k.is_complex ? 2 : 1;
    const double *x = (const double *)j->a + ((size_t)col * (size_t)j->m + (size_t)row) * parts;
    double sum[4] = {0};
    size_t n = (size_t)(j->m - row) * parts, i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) sum[k] += x[i + (size_t)k] * x[i + (size_t)k];
    for (; i < n; i++) sum[0] += x[i] * x[i];
    return sqrt(sum[0] + sum[1] + sum[2] + sum[3]);
}

/* Is all that is left from place (k, k) on rounding?  Columns near the ends of what a double can
 * hold are never judged. */
static bool only_noise(const qr_job *j, int k)
{
    double slack = 4 * sqrt((double)j->m) * DBL_EPSILON;
    for (int c = k; c < j->n; c++)
        if (!(column_size(j, k, c) <= slack * j->size[c] && j->size[c] > 1e-140)) return false;
    return true;
}

/* Factorises j->a; the answer is the number of reflections made: the others are identities. */
static int factor_panels(qr_job *j)
{
    int lda = max_int(j->m, 1), info = 0;
    char left = 'L', trans = j->k.is_complex ? 'C' : 'T';
    bool large = true; /* all columns but those of zeros */
    for (int c = 0; c < j->n; c++) {
        j->size[c] = column_size(j, 0, c);
        large &= j->size[c] > 1e-140 || j->size[c] == 0;
    }
    unsigned flushed = flush_begin(large);
    int made = j->small;
    for (int at = 0, width = PANEL; at < j->small; width = at) {
        int rows = j->m - at, cols = j->small - at < 2 * width ? j->small - at : width;
        int rest = j->n - at - cols;
        size_t size = j->k.t.size;
        char *a = j->a + (size_t)at * (size_t)(j->m + 1) * size, *tau = j->tau + (size_t)at * size;
        char *right = a + (size_t)cols * (size_t)j->m * size;
        j->factor(&rows, &cols, a, &lda, tau, j->work, &j->lwork, &info);
        if (rest > 0)
            j->apply(&left, &trans, &rows, &rest, &cols, a, &lda, tau, right, &lda, j->work,
                     &j->lwork, &info);
        at += cols;
        if (rest > 0 && at < j->small && only_noise(j, at)) {
            made = at;
            break;
        }
    }
    flush_end(flushed);
    return made;
}

/* Q of few reflections, applied to columns of the identity: LAPACK makes it one by one.  False: no
 * room for them. */
static bool expand_few(qr_job *j, int made, char *q)
{
    int lda = max_int(j->m, 1), info = 0;
    char left = 'L', none = 'N';
    size_t size = j->k.t.size;
    err e = {0};
    char *c = room_alloc((size_t)j->m * (size_t)j->cols * size, &e);
    err_clear(&e);
    if (!c) return false;
    memset(c, 0, (size_t)j->m * (size_t)j->cols * size);
    for (int i = 0; i < j->cols; i++)
        put_number(j->k.t, c + (size_t)i * (size_t)(j->m + 1) * size, 1, 0);
    j->apply(&left, &none, &j->m, &j->cols, &made, j->a, &lda, j->tau, c, &lda, j->work, &j->lwork,
             &info);
    to_rows(q, c, j->m, j->m, j->cols, size);
    room_free(c);
    return true;
}

static void qr_one(qr_job *j, const char *from, char mode, char *q, char *r)
{
    int lda = max_int(j->m, 1), info = 0;
    size_t size = j->k.t.size;
    to_columns(j->a, j->m, from, j->m, j->n, size);
    int made = j->small;
    if (j->small >= WORTH && mode != 'a')
        made = factor_panels(j);
    else if (j->small)
        j->factor(&j->m, &j->n, j->a, &lda, j->tau, j->work, &j->lwork, &info);
    if (mode == 'a') { /* raw: h transposed, tau */
        memcpy(q, j->a, (size_t)j->m * (size_t)j->n * size);
        memcpy(r, j->tau, (size_t)j->small * size);
        return;
    }
    take_r(j, r, mode == 'c' ? j->m : j->small);
    if (mode == 'R') return;
    if (made < j->small && expand_few(j, made, q)) return;
    if (j->small == 0)
        set_identity(&j->k, j->a, j->cols);
    else
        j->expand(&j->m, &j->cols, &made, j->a, &lda, j->tau, j->work, &j->lwork, &info);
    to_rows(q, j->a, j->m, j->m, j->cols, size);
}

bool nd_qr(const nd *a, char mode, nd **q, nd **r, err *e)
{
    if (kind_is_single(a, NULL)) {
        nd *w = kind_widen(a, e);
        bool done = w && nd_qr(w, mode, q, r, e);
        datum_unref(w);
        return done && kind_narrow(r, e) && (!q || !*q || kind_narrow(q, e));
    }
    qr_job j = {0};
    *r = NULL;
    if (q) *q = NULL;
    TRY(check_2d(a, e) && qr_init(&j, a, mode, e));
    nd *p = prepared(a, j.k.t, e);
    int64_t qm = mode == 'a' ? j.n : j.m, qn = mode == 'a' ? j.m : j.cols;
    int64_t rm = mode == 'c' ? j.m : j.small;
    nd *nq = p && mode != 'R' ? stack_new(a, j.k.t, 2, qm, qn, e) : NULL, *nr = NULL;
    if (p && (nq || mode == 'R'))
        nr = mode == 'a' ? stack_new(a, j.k.t, 1, j.small, 0, e)
                         : stack_new(a, j.k.t, 2, rm, j.n, e);
    int64_t count = nr ? stack_count(a) : 0;
    bool tall = (mode == 'r' || mode == 'R') && !j.k.is_complex && qr_is_tall(j.m, j.n);
    for (int64_t i = 0; i < count; i++) {
        char *from = nth(p, i, (int64_t)j.m * j.n), *to = nq ? nth(nq, i, qm * qn) : NULL;
        char *r_to = nth(nr, i, mode == 'a' ? j.small : rm * j.n);
        if (tall && qr_tall((double *)from, j.m, j.n, (double *)to, (double *)r_to)) continue;
        bool widened = blas_widen(stack_work(a) / (double)count);
        qr_one(&j, from, mode, to, r_to);
        blas_narrow(widened);
    }
    room_free(j.a);
    datum_unref(p);
    if (!nr)
        datum_unref(nq);
    else if (q)
        *q = nq;
    else
        datum_unref(nq);
    *r = nr;
    return nr != NULL;
}
