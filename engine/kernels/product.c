/* engine/kernels/product.c - dot, matmul, tensordot, vdot, inner.
 *
 * Everything comes down to 2-d products on strided operands (multiply.c): axes are moved and folded
 * until that is what is left. */
#include <stdio.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/multiply.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

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
    if (!mat_has_product(p->t.dt))
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
    if (r && !mat_multiply(p->t, mat_of(r), mat_of(x), mat_of(y), e)) r = datum_unref(r);
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

typedef struct stack {
    dtype_of t;
    mat a, b, c; /* the first of each */
    blas_job g;  /* if it lies: all of them alike */
    bool lies;
    int nlead;
    const int64_t *shape;
    int64_t sa[ND_MAXDIM], sb[ND_MAXDIM], sc[ND_MAXDIM]; /* bytes from one to the next */
    int64_t count, piece;
} stack;

/* the products [first, last) */
static bool run_stack(const stack *s, int64_t first, int64_t last, err *e)
{
    enum { OFTEN = 4096 };
    int64_t index[ND_MAXDIM];
    mat a = s->a, b = s->b, c = s->c;
    blas_job g = s->g;
    int64_t left = first;
    for (int k = s->nlead; k-- > 0; left /= s->shape[k]) {
        index[k] = left % s->shape[k];
        a.at += index[k] * s->sa[k], b.at += index[k] * s->sb[k], c.at += index[k] * s->sc[k];
    }
    for (int64_t i = first; i < last; i++) {
        g.a.at = a.at, g.b.at = b.at, g.c.at = c.at;
        if (s->lies)
            blas_job_run(&g);
        else
            TRY(mat_multiply(s->t, c, a, b, e));
        if (i % OFTEN == 0) TRY(stop_check(e));
        for (int k = s->nlead; k-- > 0; index[k] = 0) {
            int64_t n = s->shape[k];
            a.at += s->sa[k], b.at += s->sb[k], c.at += s->sc[k];
            if (++index[k] < n) break;
            a.at -= n * s->sa[k], b.at -= n * s->sb[k], c.at -= n * s->sc[k];
        }
    }
    return true;
}

static void run_stack_piece(void *arg, int64_t i)
{
    const stack *s = arg;
    int64_t first = i * s->piece, last = first + s->piece;
    err e = {0}; /* only that nobody waits: the caller sees that too */
    run_stack(s, first, last < s->count ? last : s->count, &e);
    err_clear(&e);
}

static bool multiply_stack(const pair *p, const nd *x, const nd *y, nd *r, int nlead, err *e)
{
    const int64_t *xe = nd_shape(x) + x->ndim - 2, *xs = nd_strides(x) + x->ndim - 2;
    const int64_t *ye = nd_shape(y) + y->ndim - 2, *ys = nd_strides(y) + y->ndim - 2;
    const int64_t *rs = nd_strides(r) + nlead;
    stack s = {.t = p->t,
               .a = {x->at, xe[0], xe[1], xs[0], xs[1]},
               .b = {y->at, ye[0], ye[1], ys[0], ys[1]},
               .c = {r->at, xe[0], ye[1], rs[0], rs[1]},
               .nlead = nlead,
               .shape = nd_shape(r),
               .count = shape_count(nlead, nd_shape(r))};
    int dx = nlead - (x->ndim - 2), dy = nlead - (y->ndim - 2);
    for (int i = 0; i < nlead; i++) {
        if (i >= dx && nd_shape(x)[i - dx] != 1) s.sa[i] = nd_strides(x)[i - dx];
        if (i >= dy && nd_shape(y)[i - dy] != 1) s.sb[i] = nd_strides(y)[i - dy];
        s.sc[i] = nd_strides(r)[i];
    }
    if (nd_count(r) == 0) return true;
    s.lies =
        s.a.cols > 0 && !mat_is_large(s.c, s.a.cols) && blas_job_init(p->t, s.c, s.a, s.b, &s.g);
    double work = (double)nd_count(r) * (double)s.a.cols;
    int64_t width = s.lies && s.count > 1 && work > 4e6 ? 4 * par_width() : 1;
    if (width < 8) return run_stack(&s, 0, s.count, e); /* one thread */
    s.piece = (s.count + width - 1) / width;
    par_for((s.count + s.piece - 1) / s.piece, run_stack_piece, &s);
    return stop_check(e);
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
