/* engine/kernels/join.c - joining, repeating and choosing between blocks. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/data/walk.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/select.h"
#include "engine/kernels/ufunc.h"

static bool common_type(int n, const nd *const *x, dtype_of want, dtype_of *out, err *e)
{
    *out = want;
    if (want.dt != DT_none) return true;
    *out = nd_type(x[0]);
    for (int i = 1; i < n; i++) TRY(dtype_promote(*out, nd_type(x[i]), out, e));
    return true;
}

static bool check_joinable(int n, const nd *const *x, int axis, err *e)
{
    if (n == 0) return err_set(e, ValueError, "need at least one array to concatenate");
    if (x[0]->ndim == 0)
        return err_set(e, ValueError, "zero-dimensional arrays cannot be concatenated");
    if (axis < 0 || axis >= x[0]->ndim)
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d", axis,
                       x[0]->ndim);
    for (int k = 1; k < n; k++) {
        if (x[k]->ndim != x[0]->ndim)
            return err_set(
                e, ValueError,
                "all the input arrays must have same number of dimensions, but the array "
                "at index 0 has %d dimension(s) and the array at index %d has %d "
                "dimension(s)",
                x[0]->ndim, k, x[k]->ndim);
        for (int i = 0; i < x[0]->ndim; i++)
            if (i != axis && nd_shape(x[k])[i] != nd_shape(x[0])[i])
                return err_set(e, ValueError,
                               "all the input array dimensions except for the concatenation axis "
                               "must match exactly, but along dimension %d, the array at index 0 "
                               "has size %ld and the array at index %d has size %ld",
                               i, (long)nd_shape(x[0])[i], k, (long)nd_shape(x[k])[i]);
    }
    return true;
}

/* Are all parts of this type, in C order, one after the other in the result? */
static bool follow_on(int n, const nd *const *x, int axis, dtype_of t)
{
    if (t.dt > DT_complex128) return false;
    for (int i = 0; i < axis; i++)
        if (nd_shape(x[0])[i] != 1) return false;
    for (int k = 0; k < n; k++)
        if (x[k]->dtype != t.dt || !(x[k]->flags & ND_C)) return false;
    return true;
}

nd *nd_concat(int n, const nd *const *x, int axis, dtype_of want, err *e)
{
    enum { AT_ONCE = 1 << 22 }; /* bytes: between two looks whether to go on */
    dtype_of t;
    int64_t shape[ND_MAXDIM], at = 0;
    TRY(check_joinable(n, x, axis, e) && common_type(n, x, want, &t, e));
    memcpy(shape, nd_shape(x[0]), (size_t)x[0]->ndim * sizeof *shape);
    for (int k = 1; k < n; k++) shape[axis] += nd_shape(x[k])[axis];
    nd *y = nd_new_as(n, x, t, shape, e);
    if (y && follow_on(n, x, axis, t)) {
        char *to = y->at;
        for (int k = 0; y && k < n; k++)
            for (size_t i = 0, size = nd_bytes(x[k]), part; y && i < size; i += part, to += part) {
                part = size - i < AT_ONCE ? size - i : AT_ONCE;
                memcpy(to, x[k]->at + i, part);
                if (size > AT_ONCE && !stop_check(e)) y = datum_unref(y);
            }
        return y;
    }
    for (int k = 0; y && k < n; k++) {
        int64_t len = nd_shape(x[k])[axis];
        nd *part = nd_slice(y, axis, at, len, 1);
        if (!nd_assign(part, x[k], 'u', NULL, e)) y = datum_unref(y);
        datum_unref(part);
        at += len;
    }
    return y;
}

nd *nd_stack(int n, const nd *const *x, int axis, err *e)
{
    if (n == 0) return err_set(e, ValueError, "need at least one array to stack");
    for (int k = 1; k < n; k++)
        if (x[k]->ndim != x[0]->ndim ||
            memcmp(nd_shape(x[k]), nd_shape(x[0]), (size_t)x[0]->ndim * sizeof(int64_t)))
            return err_set(e, ValueError, "all input arrays must have the same shape");
    nd **wide = mem_zero((size_t)n * sizeof *wide);
    for (int k = 0; k < n; k++) wide[k] = nd_expand(x[k], axis);
    dtype_of none = {.dt = DT_none};
    nd *y = nd_concat(n, (const nd *const *)wide, axis, none, e);
    for (int k = 0; k < n; k++) datum_unref(wide[k]);
    mem_free(wide);
    return y;
}

/* n items of `size` bytes, each k times in a row; of a constant size this is fast */
static inline void write_each(char *to, const char *at, int64_t n, size_t size, int64_t k)
{
    for (int64_t i = 0; i < n; i++, at += size)
        for (int64_t q = 0; q < k; q++, to += size) memcpy(to, at, size);
}

static void write_alike(char *to, const char *at, int64_t n, size_t size, int64_t k)
{
    switch (size) {
    case 1:
        for (int64_t i = 0; i < n; i++, to += k) memset(to, at[i], (size_t)k);
        break;
    case 2: write_each(to, at, n, 2, k); break;
    case 4: write_each(to, at, n, 4, k); break;
    case 8: write_each(to, at, n, 8, k); break;
    case 16: write_each(to, at, n, 16, k); break;
    default: write_each(to, at, n, size, k);
    }
}

/* Would a list of places be of a size with the result? */
static bool lists_much(const nd *x, int axis)
{
    enum { MUCH = 64 }; /* bytes of a place's items */
    const int64_t n = nd_shape(x)[axis];
    return nd_count(x) && dtype_is_number(x->dtype) && x->flags & ND_C &&
           nd_bytes(x) / (size_t)n <= MUCH;
}

/* All items of x k times each, without such a list; x is short along all other axes. */
static nd *repeat_alike(const nd *x, int64_t k, int axis, err *e)
{
    enum { AT_ONCE = 1 << 18 }; /* items: between two looks whether to go on */
    int64_t shape[ND_MAXDIM], n = nd_shape(x)[axis], outer = 1;
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    if (__builtin_mul_overflow(n, k, &shape[axis]))
        return err_set(e, ValueError, "array is too big: %ld items %ld times each", (long)n,
                       (long)k);
    for (int i = 0; i < axis; i++) outer *= shape[i];
    nd *y = nd_new(nd_type(x), x->ndim, shape, e);
    const size_t size = y ? nd_bytes(x) / (size_t)(n * outer) : 0;
    for (int64_t i = 0, part; y && i < n * outer; i += part) {
        const int64_t most = k > AT_ONCE ? 1 : AT_ONCE / (k ? k : 1);
        part = n * outer - i < most ? n * outer - i : most;
        write_alike(y->at + (size_t)(i * k) * size, x->at + (size_t)i * size, part, size, k);
        if (part == most && !stop_check(e)) y = datum_unref(y);
    }
    return y;
}

nd *nd_repeat(const nd *x, const nd *counts, int axis, err *e)
{
    int64_t n = nd_shape(x)[axis], total = 0, m = nd_count(counts);
    if (m != 1 && m != n)
        return err_set(e, ValueError,
                       "operands could not be broadcast together with shape (%ld,) (%ld,)", (long)n,
                       (long)m);
    nd *ints = nd_cast(counts, dtype_plain(DT_int64), 's', e),
       *c = ints ? nd_contiguous(ints, e) : NULL;
    datum_unref(ints);
    if (!c) return NULL;
    const int64_t *each = (const int64_t *)c->at;
    bool ok = true;
    if (m == 1 && each[0] >= 0 && lists_much(x, axis)) {
        nd *y = repeat_alike(x, each[0], axis, e);
        datum_unref(c);
        return y;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t k = each[m == 1 ? 0 : i];
        if (k < 0) ok = err_set(e, ValueError, "repeats may not contain negative values.");
        total += k;
    }
    nd *at = ok ? nd_new(dtype_plain(DT_int64), 1, &total, e) : NULL;
    for (int64_t i = 0, j = 0; at && i < n; i++)
        for (int64_t k = each[m == 1 ? 0 : i]; k > 0; k--) ((int64_t *)at->at)[j++] = i;
    datum_unref(c);
    nd *y = at ? nd_take(x, at, axis, 'r', e) : NULL;
    datum_unref(at);
    return y;
}

/* a (r0, n0, r1, n1 ...) view with stride 0 on the repeats, copied and reshaped */
nd *nd_tile(const nd *x, int n, const int64_t *reps, err *e)
{
    int ndim = n > x->ndim ? n : x->ndim;
    int64_t shape[ND_MAXDIM], wide[2 * ND_MAXDIM], strides[2 * ND_MAXDIM];
    if (2 * ndim > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, 2 * ndim);
    for (int i = 0; i < ndim; i++) {
        int xi = i - (ndim - x->ndim), ri = i - (ndim - n);
        int64_t rep = ri >= 0 ? reps[ri] : 1, len = xi >= 0 ? nd_shape(x)[xi] : 1;
        wide[2 * i] = rep;
        strides[2 * i] = 0;
        wide[2 * i + 1] = len;
        strides[2 * i + 1] = xi >= 0 ? nd_strides(x)[xi] : 0;
        shape[i] = rep * len;
    }
    nd *view = nd_view(x->b, x->at, nd_type(x), 2 * ndim, wide, strides);
    nd *copy = nd_copy(view, e), *y = copy ? nd_reshape(copy, ndim, shape, e) : NULL;
    datum_unref(view);
    datum_unref(copy);
    return y;
}

nd *nd_roll(const nd *x, int64_t shift, int axis, err *e)
{
    int64_t n = nd_shape(x)[axis];
    nd *y = nd_new_like(x, nd_type(x), e);
    if (!y || n == 0) return y;
    shift = (shift % n + n) % n;
    nd *from[2] = {nd_slice(x, axis, 0, n - shift, 1), nd_slice(x, axis, n - shift, shift, 1)};
    nd *to[2] = {nd_slice(y, axis, shift, n - shift, 1), nd_slice(y, axis, 0, shift, 1)};
    for (int k = 0; k < 2; k++) {
        nd_copy_into(to[k], from[k]);
        datum_unref(to[k]);
        datum_unref(from[k]);
    }
    return y;
}

static nd *new_choice(dtype_of t, int ndim, const int64_t *shape, const nd *const *of, err *e)
{
    walk w;
    walk_init(&w, ndim, shape);
    for (int k = 0; k < 3; k++) walk_add_nd(&w, of[k]);
    walk_sort(&w);
    return walk_new(&w, t, ndim, shape, e);
}

static bool choose(nd *out, const nd *truth, const nd *x, const nd *y, err *e)
{
    dtype_of t = nd_type(out);
    if (!dtype_is_number(t.dt))
        return nd_assign(out, y, 'u', NULL, e) && nd_assign(out, x, 'u', truth, e);
    nd *a = nd_cast(x, t, 'u', e), *b = a ? nd_cast(y, t, 'u', e) : NULL;
    bool ok = b && nd_select(out, truth, a, b, e);
    datum_unref(a);
    datum_unref(b);
    return ok;
}

nd *nd_where(const nd *cond, const nd *x, const nd *y, err *e)
{
    operand both[2] = {operand_of(x), operand_of(y)};
    dtype_of t;
    int ndim;
    int64_t shape[ND_MAXDIM];
    TRY(shape_broadcast(3, (const nd *const[]){cond, x, y}, &ndim, shape, e));
    TRY(result_type(2, both, &t, e));
    nd *truth = nd_cast(cond, dtype_plain(DT_bool), 'u', e),
       *out = truth ? new_choice(t, ndim, shape, (const nd *[]){truth, x, y}, e) : NULL;
    bool ok = out && choose(out, truth, x, y, e);
    datum_unref(truth);
    return ok ? out : datum_unref(out);
}
