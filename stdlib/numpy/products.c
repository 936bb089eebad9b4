/* stdlib/numpy/products.c - numpy functions that multiply, factorise and transform: one block
 * operation each, arrays -> arrays.  Names with an underscore serve numpy.linalg and numpy.fft,
 * written in dsk.  Over 600 lines: a function is a row of a table and a few lines. */
#include <string.h>

#include "engine/kernels/linalg.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/numpy/subclass.h"

/* ---- products, factorisations, Fourier ---- */

/* r, which is taken, as the value; or put into out, an array that has been checked.  number: one
 * without axes is answered as one */
static value product_result(interp *in, nd *r, value out, bool number, err *e)
{
    if (is_none(out)) return array_result(in, r, e);
    nd *to = r ? array_write(in, as_ndarray(out)) : NULL;
    bool ok = to && nd_assign(to, r, 'u', NULL, e);
    datum_unref(r);
    if (!ok) return e->kind ? throw_err(in, e) : FAIL;
    return to->ndim || !number ? value_ref(out) : array_result(in, nd_ref(to), e);
}

/* dot casts nothing and copies nothing: the target is what it would have made */
static bool check_dot_out(interp *in, const nd *r, value out)
{
    ndarray *a = as_ndarray(out);
    const nd *to = a ? array_peek(a) : NULL;
    if (is_none(out)) return true;
    if (!to) return THROW0(in, TypeError, "'out' must be an array");
    if (to->ndim != r->ndim || to->dtype != r->dtype || !nd_is_c(to))
        return THROW0(in, ValueError,
                      "output array is not acceptable (must have the right datatype, number of "
                      "dimensions, and be a C-Array)");
    if (!to->ndim || !memcmp(nd_shape(to), nd_shape(r), (size_t)r->ndim * sizeof(int64_t)))
        return true;
    return THROW0(in, ValueError, "output array has wrong dimensions");
}

static value dot_of(interp *in, const value *arg)
{
    if (are_objects(arg)) return object_product(in, "dot", arg, 2);
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    nd *r = y ? long_dot(in, x, y, &e) : NULL;
    value v = FAIL;
    if (r && !check_dot_out(in, r, arg[2]))
        datum_unref(r);
    else if (y)
        v = r ? product_result(in, r, arg[2], true, &e) : array_result(in, NULL, &e);
    datum_unref(x);
    datum_unref(y);
    return v;
}

value ndarray_dot(interp *in, const value *arg)
{
    value r = dot_of(in, arg);
    return is_none(arg[2]) && as_ndarray(r) ? array_kept_of(in, arg, 2, r) : r;
}

/* Does a product of such a shape go into the target?  Its last axes are as long, the others may
 * repeat it. */
static bool check_matmul_out(interp *in, const nd *x, const nd *y, const nd *r, const nd *to,
                             char casting)
{
    int core = (x->ndim > 1) + (y->ndim > 1);
    char is[200], was[200];
    for (int k = 1; k <= core; k++) {
        int64_t n = k <= to->ndim ? nd_shape(to)[to->ndim - k] : -1;
        if (n == nd_shape(r)[r->ndim - k]) continue;
        if (n < 0)
            return THROW0(
                in, ValueError,
                "matmul: Output operand 0 does not have enough dimensions (has %d, gufunc "
                "core with signature (n?,k),(k,m?)->(n?,m?) requires %d)",
                to->ndim, core);
        return THROW0(
            in, ValueError,
            "matmul: Output operand 0 has a mismatch in its core dimension %d, with gufunc "
            "signature (n?,k),(k,m?)->(n?,m?) (size %lld is different from %lld)",
            core - k, (long long)n, (long long)nd_shape(r)[r->ndim - k]);
    }
    err e = {0};
    nd *wide = nd_broadcast(r, to->ndim, nd_shape(to), &e);
    err_clear(&e);
    if (!wide) {
        shape_text(to->ndim - core, nd_shape(to), is, sizeof is);
        shape_text(r->ndim - core, nd_shape(r), was, sizeof was);
        return THROW0(in, ValueError,
                      "non-broadcastable output operand with shape %s doesn't match the broadcast "
                      "shape %s",
                      is, was);
    }
    datum_unref(wide);
    if (dtype_can_cast(nd_type(r), nd_type(to), casting)) return true;
    const ufunc matmul = {.name = "matmul"};
    ufunc_cast_error(&matmul, "output", nd_type(r), nd_type(to), casting, &e);
    throw_err(in, &e);
    return false;
}
/* (out,) or out: an array, or None; FAIL: neither */
static value matmul_target(interp *in, value out)
{
    const tuple *t = as_tuple(out);
    if (t && t->n == 1) out = t->at[0];
    if (is_none(out) || as_ndarray(out)) return out;
    return throw(in, TypeError, "return arrays must be of ArrayType");
}

/* x, which is taken, in the type that is asked for, if any */
static nd *as_wanted(nd *x, dtype_of t, char casting, err *e)
{
    if (!x || t.dt == DT_none) return x;
    nd *y = nd_cast(x, t, casting, e);
    datum_unref(x);
    return y;
}

/* (x1, x2, out, casting, order, dtype, subok) */
static value matmul_of(interp *in, const value *arg)
{
    if (are_objects(arg)) return object_product(in, "matmul", arg, 2);
    dtype_of t = {.dt = DT_none};
    value out = matmul_target(in, arg[2]), v = FAIL;
    char casting = casting_of(arg[3], 'k');
    if (is_fail(out) || !to_dtype_or_none(in, arg[5], &t)) return FAIL;
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    bool given = y != NULL;
    if (given) x = as_wanted(x, t, casting, &e), y = as_wanted(y, t, casting, &e);
    nd *r = x && y ? long_matmul(in, x, y, &e) : NULL;
    const nd *to = r && !is_none(out) ? array_peek(as_ndarray(out)) : NULL;
    if (to && !check_matmul_out(in, x, y, r, to, casting))
        datum_unref(r);
    else if (given)
        v = r ? product_result(in, r, out, false, &e) : array_result(in, NULL, &e);
    datum_unref(x);
    datum_unref(y);
    return v;
}

static value f_matmul(interp *in, const value *arg)
{
    value r = matmul_of(in, arg);
    return is_none(arg[2]) ? array_kept_of(in, arg, 2, r) : r;
}

ARRAY2(plain_vdot, array_result(in, nd_vdot(x, y, &e), &e))
ARRAY2(plain_inner, array_result(in, nd_inner(x, y, &e), &e))
static value f_vdot(interp *in, const value *arg)
{
    return are_objects(arg) ? object_product(in, "vdot", arg, 2) : plain_vdot(in, arg);
}
static value f_inner(interp *in, const value *arg)
{
    value r = are_objects(arg) ? object_product(in, "inner", arg, 2) : plain_inner(in, arg);
    return as_ndarray(r) ? array_kept_of(in, arg, 2, r) : r;
}
LONG1(work_correlate, nd_correlate(x, y, (char)j->n[0], e))
static value f_correlate(interp *in, const value *arg)
{
    if (are_objects(arg)) return object_product(in, "_correlate", arg, 3);
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    str *mode = as_str(arg[2]);
    err e = {0};
    long_job j = {.nin = 2, .in = {x, y}, .n = {mode ? mode->at[0] : 'v'}};
    double ns = y ? 0.3 * (double)nd_count(x) * (double)nd_count(y) : 0;
    value r = !y                                        ? FAIL
              : long_do(in, work_correlate, ns, &j, &e) ? array_wrap(in, j.out[0], &e)
                                                        : throw_err(in, &e);
    datum_unref(x);
    datum_unref(y);
    return r;
}

LONG1(work_inv, nd_inv(x, e))
LONG1(work_det, nd_det(x, e))
LONG1(work_cholesky, nd_cholesky(x, e))
LONG1(work_solve, nd_solve(x, y, e))
ARRAY1(f_inv, array_result(in, long_two(in, work_inv, long_factor_ns(x, 2), x, NULL, &e), &e))
ARRAY1(f_det, array_result(in, long_two(in, work_det, long_factor_ns(x, 1), x, NULL, &e), &e))
ARRAY1(f_cholesky,
       array_result(in, long_two(in, work_cholesky, long_factor_ns(x, 1), x, NULL, &e), &e))
ARRAY2(f_solve, array_result(in, long_two(in, work_solve, long_factor_ns(x, 2), x, y, &e), &e))

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

static bool work_tensordot(long_job *j, err *e)
{
    int n = (int)j->n[0], axes[2 * ND_MAXDIM];
    for (int i = 0; i < 2 * n; i++) axes[i] = (int)j->n[1 + i];
    return (j->out[0] = nd_tensordot(j->in[0], j->in[1], n, axes, axes + n, e)) != NULL;
}

static nd *long_tensordot(interp *in, const nd *x, const nd *y, int n, const int *xa, const int *ya,
                          err *e)
{
    long_job j = {.nin = 2, .in = {x, y}, .n = {n}};
    double ns = 0.1 * (double)nd_count(x) * (double)nd_count(y);
    for (int i = 0; i < n; i++) {
        j.n[1 + i] = xa[i];
        j.n[1 + n + i] = ya[i];
        if (nd_shape(y)[ya[i]]) ns /= (double)nd_shape(y)[ya[i]];
    }
    return long_do(in, work_tensordot, ns, &j, e) ? j.out[0] : NULL;
}

/* _tensordot(a, b, axes_of_a, axes_of_b) */
static value f_tensordot(interp *in, const value *arg)
{
    if (are_objects(arg)) return object_product(in, "_tensordot", arg, 4);
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
            r = array_result(in, long_tensordot(in, x, y, n, xa, ya, &e), &e);
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
    value m = interp_import(in, "numpy._einsum"), f = FAIL, r = FAIL;
    str *s = is_fail(m) ? NULL : str_new(in, subscripts, strlen(subscripts));
    if (s && value_findattr(in, m, "_einsum_in_steps", &f) == 1)
        r = value_call(in, f, (value[]){v_obj(s), of, dtype}, 3, NULL);
    obj_unref(in, s);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

static bool work_einsum(long_job *j, err *e)
{
    dtype_of want = {.dt = (uint8_t)j->n[0], .unit = (uint8_t)j->n[1], .size = (uint32_t)j->n[2]};
    return (j->out[0] = nd_einsum(j->text, j->nin, j->in, want, e)) != NULL;
}

/* Once for every combination of the letters' values. */
static double einsum_ns(const char *s, const blocks *b)
{
    double ns = 1;
    uint64_t seen[2] = {0};
    int k = 0, axis = 0;
    for (; *s && *s != '-' && k < b->n; s++) {
        if (*s == ',') k++, axis = 0;
        if (*s == '.') return (double)nd_count(b->at[0]) * 100; /* "...": a guess */
        if (*s == ',' || *s == ' ' || (signed char)*s < 0 || axis >= b->at[k]->ndim) continue;
        if (!(seen[*s >> 6] >> (*s & 63) & 1)) ns *= (double)nd_shape(b->at[k])[axis];
        seen[*s >> 6] |= 1ull << (*s & 63);
        axis++;
    }
    return ns * 0.5;
}

static nd *long_einsum(interp *in, const char *subscripts, const blocks *b, dtype_of want, err *e)
{
    if (b->n > ND_MAXDIM) return nd_einsum(subscripts, b->n, (const nd *const *)b->at, want, e);
    long_job j = {.nin = b->n, .n = {want.dt, want.unit, want.size}};
    char *text = mem_dup(subscripts);
    j.text = text;
    for (int i = 0; i < b->n; i++) j.in[i] = b->at[i];
    bool ok = long_do(in, work_einsum, einsum_ns(subscripts, b), &j, e);
    mem_free(text);
    return ok ? j.out[0] : NULL;
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
        r = array_result(in, long_einsum(in, subscripts, &b, want, &e), &e);
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

static bool work_slogdet(long_job *j, err *e)
{
    return nd_slogdet(j->in[0], &j->out[0], &j->out[1], e);
}

static bool work_qr(long_job *j, err *e)
{
    return nd_qr(j->in[0], (char)j->n[0], &j->out[0], &j->out[1], e);
}

static bool work_svd(long_job *j, err *e)
{
    bool uv = j->n[1];
    return nd_svd(j->in[0], j->n[0], uv ? &j->out[0] : NULL, &j->out[1], uv ? &j->out[2] : NULL, e);
}

static bool work_eig(long_job *j, err *e)
{
    return nd_eig(j->in[0], &j->out[0], j->n[0] ? &j->out[1] : NULL, e);
}

static bool work_eigh(long_job *j, err *e)
{
    return nd_eigh(j->in[0], (char)j->n[1], &j->out[0], j->n[0] ? &j->out[1] : NULL, e);
}

static bool work_lstsq(long_job *j, err *e)
{
    return nd_lstsq(j->in[0], j->in[1], j->d, &j->out[0], &j->out[1], &j->n[0], &j->out[2], e);
}

static bool work_lu(long_job *j, err *e)
{
    return nd_lu(j->in[0], &j->out[0], &j->out[1], &j->out[2], e);
}

static value f_slogdet(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    long_job j = {.nin = 1, .in = {x}};
    value r = x ? pair(in, long_do(in, work_slogdet, long_factor_ns(x, 1), &j, &e), &j.out[0],
                       &j.out[1], &e)
                : FAIL;
    datum_unref(x);
    return r;
}

static value f_qr(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    str *mode = as_str(arg[1]);
    err e = {0};
    if (!x) return FAIL;
    bool only_r = mode && str_is(mode, "r");
    char m = only_r                             ? 'R'
             : mode && str_is(mode, "complete") ? 'c'
             : mode && str_is(mode, "raw")      ? 'a'
                                                : 'r';
    long_job j = {.nin = 1, .in = {x}, .n = {m}};
    bool ok = long_do(in, work_qr, long_factor_ns(x, 4), &j, &e);
    datum_unref(x);
    if (ok && only_r) return datum_unref(j.out[0]), array_wrap(in, j.out[1], &e);
    return pair(in, ok, &j.out[0], &j.out[1], &e);
}

static value f_svd(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    bool uv = value_truth(in, arg[2]) == 1;
    err e = {0};
    if (!x) return FAIL;
    long_job j = {.nin = 1, .in = {x}, .n = {value_truth(in, arg[1]) == 1, uv}};
    bool ok = long_do(in, work_svd, long_factor_ns(x, 20), &j, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    if (!uv) return array_wrap(in, j.out[1], &e);
    value a = array_wrap(in, j.out[0], &e), b = array_wrap(in, j.out[1], &e),
          c = array_wrap(in, j.out[2], &e);
    return v_obj(tuple_pack(in, 3, a, b, c));
}

static value f_eig(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    long_job j = {.nin = 1, .in = {x}, .n = {true}};
    value r =
        x ? pair(in, long_do(in, work_eig, long_factor_ns(x, 25), &j, &e), &j.out[0], &j.out[1], &e)
          : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvals(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    long_job j = {.nin = 1, .in = {x}};
    value r = !x                                                     ? FAIL
              : long_do(in, work_eig, long_factor_ns(x, 10), &j, &e) ? array_wrap(in, j.out[0], &e)
                                                                     : throw_err(in, &e);
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
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    long_job j = {.nin = 1, .in = {x}, .n = {true, uplo(arg[1])}};
    value r = x ? pair(in, long_do(in, work_eigh, long_factor_ns(x, 10), &j, &e), &j.out[0],
                       &j.out[1], &e)
                : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvalsh(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    long_job j = {.nin = 1, .in = {x}, .n = {false, uplo(arg[1])}};
    value r = !x                                                     ? FAIL
              : long_do(in, work_eigh, long_factor_ns(x, 4), &j, &e) ? array_wrap(in, j.out[0], &e)
                                                                     : throw_err(in, &e);
    datum_unref(x);
    return r;
}

static value f_lstsq(interp *in, const value *arg)
{
    nd *a = to_nd_any(in, arg[0]), *b = a ? to_nd_any(in, arg[1]) : NULL;
    double rcond = -1;
    err e = {0};
    value r = FAIL;
    if (b && (as_str(arg[2]) || is_none(arg[2]) || to_double(in, arg[2], &rcond))) {
        long_job j = {.nin = 2, .in = {a, b}, .d = rcond};
        if (long_do(in, work_lstsq, long_factor_ns(a, 20), &j, &e)) {
            value v[3] = {array_wrap(in, j.out[0], &e), array_wrap(in, j.out[1], &e),
                          array_wrap(in, j.out[2], &e)};
            r = v_obj(tuple_pack(in, 4, v[0], v[1], v_int(j.n[0]), v[2]));
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
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    if (!x) return FAIL;
    long_job j = {.nin = 1, .in = {x}};
    bool ok = long_do(in, work_lu, long_factor_ns(x, 2), &j, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    value a = array_wrap(in, j.out[0], &e), b = array_wrap(in, j.out[1], &e),
          c = array_wrap(in, j.out[2], &e);
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

LONG1(work_fft, nd_fft((enum fft_kind)j->n[0], x, j->n[1], (int)j->n[2], (char)j->n[3], e))

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
        else {
            long_job j = {.nin = 1, .in = {x}, .n = {kind, n, axis, norm ? norm->at[0] : 'b'}};
            bool ok = long_do(in, work_fft, (double)nd_count(x) * 20, &j, &e);
            r = ok ? array_wrap(in, j.out[0], &e) : throw_err(in, &e);
        }
    }
    datum_unref(x);
    return r;
}

const builtin numpy_linalg_functions[] = {
    {"@def dot(a, b, out=None)", ndarray_dot,
     "Product of two arrays: matrix product, or sum over last and second-to-last axes."},
    {"matmul(x1, x2, /, out=None, *, casting='same_kind', order='K', dtype=None, subok=True)",
     f_matmul, "Matrix product of the last two axes."},
    {"@def vdot(a, b, /)", f_vdot, "Dot product of two vectors, the first conjugated."},
    {"@def inner(a, b, /)", f_inner, "Sum of products over the last axes."},
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
