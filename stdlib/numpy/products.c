/* stdlib/numpy/products.c - numpy functions that multiply, factorise and transform: one block
 * operation each, arrays -> arrays.  Names with an underscore serve numpy.linalg and numpy.fft,
 * written in dsk. */
#include <string.h>

#include "engine/kernels/linalg.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

/* ---- products, factorisations, Fourier ---- */

ARRAY2(f_dot, array_result(in, long_dot(in, x, y, &e), &e))
ARRAY2(f_matmul, array_result(in, long_matmul(in, x, y, &e), &e))
ARRAY2(f_vdot, array_result(in, nd_vdot(x, y, &e), &e))
ARRAY2(f_inner, array_result(in, nd_inner(x, y, &e), &e))
static value f_correlate(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    str *mode = as_str(arg[2]);
    err e = {0};
    value r = y ? array_wrap(in, nd_correlate(x, y, mode ? mode->at[0] : 'v', &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(y);
    return r;
}

ARRAY1(f_inv, array_result(in, nd_inv(x, &e), &e))
ARRAY1(f_det, array_result(in, nd_det(x, &e), &e))
ARRAY1(f_cholesky, array_result(in, nd_cholesky(x, &e), &e))
ARRAY2(f_solve, array_result(in, nd_solve(x, y, &e), &e))

static int axis_list(interp *in, value v, int ndim, int *axes)
{
    int n;
    int64_t a[ND_MAXDIM];
    err e = {0};
    if (!to_shape(in, v, &n, a)) return -1;
    for (int i = 0; i < n; i++)
        if (!check_axis(a[i], ndim, &axes[i], &e)) return throw_err(in, &e), -1;
    return n;
}

/* _tensordot(a, b, axes_of_a, axes_of_b) */
static value f_tensordot(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    int xa[ND_MAXDIM], ya[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (y) {
        int n = axis_list(in, arg[2], x->ndim, xa),
            m = n < 0 ? -1 : axis_list(in, arg[3], y->ndim, ya);
        if (m >= 0 && n != m)
            throw(in, ValueError, "shape-mismatch for sum");
        else if (m >= 0)
            r = array_result(in, nd_tensordot(x, y, n, xa, ya, &e), &e);
    }
    datum_unref(x);
    datum_unref(y);
    return r;
}

/* [0, 1] as "ab", Ellipsis as "..." */
static bool add_labels(interp *in, value labels, strbuf *out)
{
    list *l = list_of(in, labels);
    bool ok = l != NULL;
    for (int64_t i = 0; ok && i < l->n; i++) {
        int64_t k;
        if (l->at[i].kind == V_OBJ && l->at[i].o->type == &T_ellipsis)
            sb_adds(out, "...");
        else if ((ok = to_int64(in, l->at[i], &k)))
            sb_addc(out, (char)(k < 26 ? 'a' + k : 'A' + k - 26));
        if (ok && (k < 0 || k >= 52))
            ok = THROW0(in, ValueError, "subscript is not within the valid range [0, 52)");
    }
    obj_unref(in, l);
    return ok;
}

/* einsum(x, [0, 1], y, [1, 2], [0, 2]) as subscripts and operands */
static bool sublists(interp *in, value first, tuple *rest, strbuf *text, list *operands)
{
    bool ok = true;
    int64_t n = rest->n + 1;
    for (int64_t i = 0; ok && i + 1 < n; i += 2) {
        if (i) sb_addc(text, ',');
        ok = list_append(in, operands, i ? rest->at[i - 1] : first) &&
             add_labels(in, rest->at[i], text);
    }
    if (!ok || n % 2 == 0) return ok;
    sb_adds(text, "->");
    return add_labels(in, rest->at[n - 2], text);
}

/* optimize=True with three operands and more: step by step, in the language.  None: not this way */
static value einsum_in_steps(interp *in, const char *subscripts, value of, value dtype)
{
    value m = interp_import(in, "numpy._numeric"), f = FAIL, r = FAIL;
    str *s = is_fail(m) ? NULL : str_new(in, subscripts, strlen(subscripts));
    if (s && value_findattr(in, m, "_einsum_in_steps", &f) == 1)
        r = value_call(in, f, (value[]){v_obj(s), of, dtype}, 3, NULL);
    obj_unref(in, s);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

static value f_einsum(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    blocks b;
    dtype_of want;
    strbuf text = {0};
    list *operands = NULL;
    value of = arg[1];
    if (!s) {
        operands = list_new(in, 4);
        if (!operands || !sublists(in, arg[0], as_tuple(arg[1]), &text, operands)) {
            obj_unref(in, operands);
            sb_clear(&text);
            return FAIL;
        }
        of = (value){.kind = V_OBJ, .o = &operands->hdr};
    }
    value r = FAIL;
    err e = {0};
    const char *subscripts = s ? s->at : sb_text(&text);
    int64_t count = operands ? operands->n : as_tuple(of)->n;
    bool steps = count > 2 && value_truth(in, arg[6]) == 1;
    if (steps) r = einsum_in_steps(in, subscripts, of, arg[3]);
    bool done = steps && !is_none(r);
    if (!done && to_dtype_or_none(in, arg[3], &want) && blocks_of(in, of, &b)) {
        r = array_result(in, nd_einsum(subscripts, b.n, (const nd *const *)b.at, want, &e), &e);
        blocks_clear(&b);
    }
    obj_unref(in, operands);
    sb_clear(&text);
    if (is_fail(r) || is_none(arg[2])) return r;
    bool ok = array_setitem(in, arg[2], ELLIPSIS, r);
    value_unref(in, r);
    return ok ? value_ref(arg[2]) : FAIL;
}

/* The blocks that a call among the arguments sets. */
static value pair(interp *in, bool ok, nd **a, nd **b, err *e)
{
    if (!ok) return throw_err(in, e);
    value v = array_result(in, *a, e), w = array_result(in, *b, e);
    return v_obj(tuple_pack(in, 2, v, w));
}

static value f_slogdet(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *s = NULL, *l = NULL;
    err e = {0};
    value r = x ? pair(in, nd_slogdet(x, &s, &l, &e), &s, &l, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_qr(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *q = NULL, *r = NULL;
    str *mode = as_str(arg[1]);
    err e = {0};
    if (!x) return FAIL;
    bool only_r = mode && str_is(mode, "r");
    char m = only_r                             ? 'R'
             : mode && str_is(mode, "complete") ? 'c'
             : mode && str_is(mode, "raw")      ? 'a'
                                                : 'r';
    bool ok = nd_qr(x, m, &q, &r, &e);
    datum_unref(x);
    if (ok && only_r) return datum_unref(q), array_wrap(in, r, &e);
    return pair(in, ok, &q, &r, &e);
}

static value f_svd(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *u = NULL, *s = NULL, *vt = NULL;
    bool uv = value_truth(in, arg[2]) == 1;
    err e = {0};
    if (!x) return FAIL;
    bool ok = nd_svd(x, value_truth(in, arg[1]) == 1, uv ? &u : NULL, &s, uv ? &vt : NULL, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    if (!uv) return array_wrap(in, s, &e);
    value a = array_wrap(in, u, &e), b = array_wrap(in, s, &e), c = array_wrap(in, vt, &e);
    return v_obj(tuple_pack(in, 3, a, b, c));
}

static value f_eig(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL, *v = NULL;
    err e = {0};
    value r = x ? pair(in, nd_eig(x, &w, &v, &e), &w, &v, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvals(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL;
    err e = {0};
    value r = !x ? FAIL : nd_eig(x, &w, NULL, &e) ? array_wrap(in, w, &e) : throw_err(in, &e);
    datum_unref(x);
    return r;
}

static char uplo(value v)
{
    str *s = as_str(v);
    return s && (s->at[0] == 'U' || s->at[0] == 'u') ? 'U' : 'L';
}

static value f_eigh(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL, *v = NULL;
    err e = {0};
    value r = x ? pair(in, nd_eigh(x, uplo(arg[1]), &w, &v, &e), &w, &v, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvalsh(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL;
    err e = {0};
    value r = !x                                       ? FAIL
              : nd_eigh(x, uplo(arg[1]), &w, NULL, &e) ? array_wrap(in, w, &e)
                                                       : throw_err(in, &e);
    datum_unref(x);
    return r;
}

static value f_lstsq(interp *in, const value *arg)
{
    nd *a = to_nd_any(in, arg[0]), *b = a ? to_nd_any(in, arg[1]) : NULL, *x = NULL, *res = NULL,
       *s = NULL;
    double rcond = -1;
    int64_t rank;
    err e = {0};
    value r = FAIL;
    if (b && (as_str(arg[2]) || is_none(arg[2]) || to_double(in, arg[2], &rcond))) {
        if (nd_lstsq(a, b, rcond, &x, &res, &rank, &s, &e)) {
            value v[3] = {array_wrap(in, x, &e), array_wrap(in, res, &e), array_wrap(in, s, &e)};
            r = v_obj(tuple_pack(in, 4, v[0], v[1], v_int(rank), v[2]));
        } else {
            throw_err(in, &e);
        }
    }
    datum_unref(a);
    datum_unref(b);
    return r;
}

static value f_lu(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *p = NULL, *l = NULL, *u = NULL;
    err e = {0};
    if (!x) return FAIL;
    bool ok = nd_lu(x, &p, &l, &u, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    value a = array_wrap(in, p, &e), b = array_wrap(in, l, &e), c = array_wrap(in, u, &e);
    return v_obj(tuple_pack(in, 3, a, b, c));
}

static value f_solve_triangular(interp *in, const value *arg)
{
    nd *a = to_nd_any(in, arg[0]), *b = a ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    value r = FAIL;
    if (b)
        r = array_wrap(in,
                       nd_solve_triangular(a, b, value_truth(in, arg[2]) == 1,
                                           value_truth(in, arg[3]) == 1,
                                           value_truth(in, arg[4]) == 1, &e),
                       &e);
    datum_unref(a);
    datum_unref(b);
    return r;
}

/* _fft(kind, a, n, axis, norm): kind as enum fft_kind */
static value f_fft(interp *in, const value *arg)
{
    int64_t kind, n = -1;
    int axis;
    str *norm = as_str(arg[4]);
    err e = {0};
    nd *x = to_nd_any(in, arg[1]);
    value r = FAIL;
    if (x && to_int64(in, arg[0], &kind) && (is_none(arg[2]) || to_int64(in, arg[2], &n)) &&
        to_axis(in, arg[3], x->ndim, &axis)) {
        if (!is_none(arg[2]) && n < 1)
            throw(in, ValueError, "Invalid number of FFT data points (%lld) specified.",
                  (long long)n);
        else
            r = array_wrap(
                in, nd_fft((enum fft_kind)kind, x, n, axis, norm ? norm->at[0] : 'b', &e), &e);
    }
    datum_unref(x);
    return r;
}

const builtin numpy_linalg_functions[] = {
    {"dot(a, b, out=None)", f_dot,
     "Product of two arrays: matrix product, or sum over last and second-to-last axes."},
    {"matmul(x1, x2, /)", f_matmul, "Matrix product of the last two axes."},
    {"vdot(a, b, /)", f_vdot, "Dot product of two vectors, the first conjugated."},
    {"inner(a, b, /)", f_inner, "Sum of products over the last axes."},
    {"_tensordot(a, b, axes_a, axes_b)", f_tensordot, NULL},
    {"einsum(subscripts, *operands, out=None, dtype=None, order='K', casting='safe', "
     "optimize=False)",
     f_einsum, "Einstein summation: einsum('ij,jk->ik', a, b)."},
    {"_correlate(a, v, mode)", f_correlate, NULL},
    {"_inv(a)", f_inv, NULL},
    {"_det(a)", f_det, NULL},
    {"_cholesky(a)", f_cholesky, NULL},
    {"_solve(a, b)", f_solve, NULL},
    {"_slogdet(a)", f_slogdet, NULL},
    {"_qr(a, mode)", f_qr, NULL},
    {"_svd(a, full, uv)", f_svd, NULL},
    {"_eig(a)", f_eig, NULL},
    {"_eigvals(a)", f_eigvals, NULL},
    {"_eigh(a, uplo)", f_eigh, NULL},
    {"_eigvalsh(a, uplo)", f_eigvalsh, NULL},
    {"_lstsq(a, b, rcond)", f_lstsq, NULL},
    {"_lu(a)", f_lu, NULL},
    {"_solve_triangular(a, b, lower, trans, unit)", f_solve_triangular, NULL},
    {"_fft(kind, a, n, axis, norm)", f_fft, NULL},
    {0},
};
