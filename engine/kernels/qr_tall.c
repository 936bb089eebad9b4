/* engine/kernels/qr_tall.c - QR of tall real matrices by products alone.
 *
 * LAPACK's factorisation of a tall matrix waits for memory: it works column by column.  Here the
 * Cholesky factor of A.T A is R, twice: A = Q1 R1, Q1 = Q R2, R = R2 R1 (CholeskyQR2: Yamamoto,
 * Nakatsukasa, Yanagisawa and Fukaya 2015).  The first Q1 need not be orthogonal, the second is as
 * good as Householder's whenever Q1.T Q1 is near I; that is looked at, and what fails is LAPACK's
 * work.  Signs are those of Householder's reflections, read off the head of Q by elimination
 * (Ballard, Demmel, Grigori, Jacquelin, Nguyen and Solomonik 2014).
 *
 * Rows are taken in blocks that stay in the cache, blocks in groups with a sum each: the result
 * does not depend on the number of threads. */
#include "engine/kernels/qr_tall.h"

#include <math.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/kernels/lapack_parts.h"

typedef void (*potrf)(char *uplo, int *n, void *a, int *lda, int *info);

enum { GROUPS = 16 };

typedef struct tall {
    const blas *f;
    const double *a;
    double *q, *room; /* q NULL: blocks of Q1 are forgotten, in room (one for each group) */
    int64_t m;
    int n, block, ngroup;
    const double *r; /* of this pass: its inverse is applied to the right */
    double *sum;     /* n x n for each group */
    int pass;
} tall;

static void block_of(const tall *t, int64_t group, int64_t *row, int64_t *end)
{
    int64_t blocks = (t->m + t->block - 1) / t->block;
    *row = group * blocks / t->ngroup * t->block;
    *end = (group + 1) * blocks / t->ngroup * t->block;
    if (*end > t->m) *end = t->m;
}

/* pass 0: sum = A.T A; 1: Q = A / r, sum = Q.T Q; 2: Q = Q / r */
static void run_group(void *arg, int64_t group)
{
    const tall *t = arg;
    int64_t row, end;
    int n = t->n;
    double *sum = t->sum + group * n * n;
    block_of(t, group, &row, &end);
    if (t->pass < 2) memset(sum, 0, (size_t)n * (size_t)n * sizeof *sum);
    for (int rows; row < end; row += rows) {
        rows = end - row < t->block ? (int)(end - row) : t->block;
        const double *a = t->a + row * n;
        double *q = t->q ? t->q + row * n : t->room + group * t->block * n;
        if (t->pass == 1) memcpy(q, a, (size_t)rows * (size_t)n * sizeof *q);
        if (t->pass > 0)
            t->f->dtrsm(ROW_MAJOR, RIGHT, UPPER, NO_TRANS, NON_UNIT, rows, n, 1, t->r, n, q, n);
        if (t->pass < 2)
            t->f->dsyrk(ROW_MAJOR, UPPER, TRANS, n, rows, 1, t->pass ? q : a, n, 1, sum, n);
    }
}

static void run_pass(tall *t, int pass, const double *r)
{
    t->pass = pass;
    t->r = r;
    par_for(t->ngroup, run_group, t);
    for (int g = 1; pass < 2 && g < t->ngroup; g++)
        for (int64_t i = 0; i < (int64_t)t->n * t->n; i++)
            t->sum[i] += t->sum[(int64_t)g * t->n * t->n + i];
}

/* the upper triangle of sum -> its Cholesky factor in r, zeros below */
static bool factor(const tall *t, potrf run, double *r)
{
    int n = t->n, info = 0;
    char uplo = 'L'; /* the upper triangle by rows is the lower one by columns */
    memcpy(r, t->sum, (size_t)n * (size_t)n * sizeof *r);
    run(&uplo, &n, r, &n, &info);
    for (int i = 1; i < n; i++) memset(r + (size_t)i * (size_t)n, 0, (size_t)i * sizeof *r);
    return info == 0;
}

/* false also for NaN */
static bool near_identity(const double *g, int n)
{
    double off = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) {
            double d = g[i * n + j] - (i == j);
            off += d * d;
        }
    return off < 0.01;
}

/* The sign of each row of R that Householder's reflections give, from the head w (n x n, lost) of
 * a Q whose R has a positive diagonal.  False: a column may be finished before its turn, where
 * LAPACK reflects nothing. */
static bool signs_of(double *w, int n, double *sign)
{
    for (int k = 0; k < n; k++) {
        double *p = w + (size_t)k * (size_t)n;
        if (!(fabs(p[k]) < 1 - 1e-10)) return false;
        sign[k] = p[k] < 0 ? 1 : -1;
        p[k] -= sign[k];
        for (int i = k + 1; i < n; i++) {
            double *q = w + (size_t)i * (size_t)n, f = q[k] / p[k];
            for (int j = k + 1; j < n; j++) q[j] -= f * p[j];
        }
    }
    return true;
}

/* r = diag(sign) r2 r1; r2 gets the signs too */
static void join_factors(int n, const double *r1, double *r2, const double *sign, double *r)
{
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) r2[i * n + j] *= sign[i];
    memset(r, 0, (size_t)n * (size_t)n * sizeof *r);
    for (int i = 0; i < n; i++)
        for (int k = i; k < n; k++)
            for (int j = k; j < n; j++) r[i * n + j] += r2[i * n + k] * r1[k * n + j];
}

/* A glance: are the first columns of some rows independent?  No means: leave it to LAPACK. */
static bool looks_full(const tall *t, potrf run)
{
    enum { COLUMNS = 32, ROWS = 4 * COLUMNS };
    double x[ROWS * COLUMNS], g[COLUMNS * COLUMNS];
    int c = t->n < COLUMNS ? t->n : COLUMNS, rows = t->m < ROWS ? (int)t->m : ROWS, info = 0;
    int64_t gap = t->m / rows;
    char uplo = 'L';
    for (int i = 0; i < rows; i++) memcpy(x + i * c, t->a + i * gap * t->n, (size_t)c * sizeof *x);
    t->f->dsyrk(ROW_MAJOR, UPPER, TRANS, c, rows, 1, x, c, 0, g, c);
    double size[COLUMNS];
    for (int i = 0; i < c; i++) size[i] = g[i * c + i];
    run(&uplo, &c, g, &c, &info);
    for (int i = 0; i < c && info == 0; i++)
        if (!(g[i * c + i] * g[i * c + i] > 1e-14 * size[i])) return false;
    return info == 0;
}

bool qr_is_tall(int64_t m, int64_t n)
{
    return n >= 4 && n <= 4096 && m >= 2 * n && m * n >= 1 << 14;
}

bool qr_tall(const double *a, int64_t m, int64_t n, double *q, double *r)
{
    const blas *f = blas_open();
    potrf run = (potrf)lapack_find("dpotrf_");
    tall t = {.f = f, .a = a, .q = q, .m = m, .n = (int)n, .block = (int)(1 + (48 << 10) / n)};
    if (!f || !run || !looks_full(&t, run)) return false;
    if (t.block < n) t.block = (int)n; /* the head lies in the first block */
    int64_t blocks = (m + t.block - 1) / t.block, square = n * n;
    t.ngroup = blocks < GROUPS ? (int)blocks : GROUPS;
    int64_t scratch = q ? 0 : (int64_t)t.ngroup * t.block * n;
    err none = {0};
    double *all = room_alloc((size_t)((t.ngroup + 3) * square + n + scratch) * sizeof *all, &none);
    err_clear(&none);
    if (!all) return false;
    double *r1 = all + t.ngroup * square, *r2 = r1 + square, *head = r2 + square;
    double *sign = head + square;
    t.sum = all;
    t.room = q ? NULL : sign + n;
    run_pass(&t, 0, NULL);
    bool ok = factor(&t, run, r1);
    if (ok) run_pass(&t, 1, r1);
    ok = ok && near_identity(t.sum, t.n) && factor(&t, run, r2);
    if (ok) {
        memcpy(head, q ? q : a, (size_t)square * sizeof *head);
        int k = t.n;
        if (!q) f->dtrsm(ROW_MAJOR, RIGHT, UPPER, NO_TRANS, NON_UNIT, k, k, 1, r1, k, head, k);
        f->dtrsm(ROW_MAJOR, RIGHT, UPPER, NO_TRANS, NON_UNIT, k, k, 1, r2, k, head, k);
        ok = signs_of(head, k, sign);
    }
    if (ok) {
        join_factors(t.n, r1, r2, sign, r);
        if (q) run_pass(&t, 2, r2);
    }
    room_free(all);
    return ok;
}
