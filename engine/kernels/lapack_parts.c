/* engine/kernels/lapack_parts.c - types, stacks and layouts for the LAPACK files. */
#include "engine/kernels/lapack_parts.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

/* --- types and names ---------------------------------------------------------------------------
 */

bool kind_is_single(const nd *a, const nd *b)
{
    dtype_of t = nd_type(a);
    err none = {0};
    if (b && !dtype_promote(t, nd_type(b), &t, &none)) err_clear(&none);
    return t.dt == DT_float32 || t.dt == DT_complex64;
}

nd *kind_widen(const nd *a, err *e)
{
    return nd_cast(a, dtype_plain(dtype_is_complex(a->dtype) ? DT_complex128 : DT_float64), 'u', e);
}

bool kind_narrow(nd **x, err *e)
{
    if (!*x) return false;
    nd *y =
        nd_cast(*x, dtype_plain(dtype_is_complex((*x)->dtype) ? DT_complex64 : DT_float32), 'u', e);
    datum_unref(*x);
    *x = y;
    return y != NULL;
}

bool kind_of(const nd *a, const nd *b, kind *k, err *e)
{
    dtype_of t = nd_type(a);
    if (b) TRY(dtype_promote(t, nd_type(b), &t, e));
    if (t.dt <= DT_uint64) t = dtype_plain(DT_float64);
    switch (t.dt) {
    case DT_float32: *k = (kind){'s', t, t, false}; break;
    case DT_float64: *k = (kind){'d', t, t, false}; break;
    case DT_complex64: *k = (kind){'c', t, dtype_plain(DT_float32), true}; break;
    case DT_complex128: *k = (kind){'z', t, dtype_plain(DT_float64), true}; break;
    default:
        return err_set(e, TypeError, "array type %s is unsupported in linalg", dtypes[t.dt].name);
    }
    return true;
}

lapack_function lapack_named(const kind *k, const char *name, err *e)
{
    char full[16] = {k->letter};
    strncpy(full + 1, name, sizeof full - 2);
    lapack_function f = lapack_find(full);
    if (!f)
        err_set(e, NotImplementedError, "LAPACK (libopenblas) could not be opened for %s", name);
    return f;
}

bool check_2d(const nd *a, err *e)
{
    if (a->ndim >= 2) return true;
    return err_set(e, LinAlgError,
                   "%d-dimensional array given. Array must be at least two-dimensional", a->ndim);
}

bool check_square(const nd *a, err *e)
{
    TRY(check_2d(a, e));
    if (rows_of(a) == cols_of(a)) return true;
    return err_set(e, LinAlgError, "Last 2 dimensions of the array must be square");
}

/* --- stacks
 * --------------------------------------------------------------------------------------- */

/* the leading axes of a, then two more extents (ndim - 2 + extra axes) */
nd *stack_new(const nd *a, dtype_of t, int extra, int64_t m, int64_t n, err *e)
{
    int64_t shape[ND_MAXDIM];
    int lead = a->ndim - 2;
    memcpy(shape, nd_shape(a), (size_t)lead * sizeof *shape);
    if (extra > 0) shape[lead] = m;
    if (extra > 1) shape[lead + 1] = n;
    return nd_new(t, lead + extra, shape, e);
}

int64_t stack_count(const nd *a)
{
    return shape_count(a->ndim - 2, nd_shape(a));
}

double stack_work(const nd *a)
{
    int64_t m = rows_of(a), n = cols_of(a);
    return (double)nd_count(a) * (double)(m < n ? m : n);
}

/* m x n row-major <-> column-major with leading dimension ld */
enum { ROOM_HEAD = 64 }; /* before the room: its buffer */

void *room_alloc(size_t bytes, err *e)
{
    buf *b = bytes < SIZE_MAX - ROOM_HEAD ? buf_new(bytes + ROOM_HEAD, e) : err_nomem(e, bytes);
    if (!b) return NULL;
    memcpy(b->data, &b, sizeof b);
    return b->data + ROOM_HEAD;
}

void room_free(void *room)
{
    buf *b = NULL;
    if (room) memcpy(&b, (char *)room - ROOM_HEAD, sizeof b);
    buf_unref(b);
}

void to_columns(char *to, int64_t ld, const char *from, int64_t m, int64_t n, size_t size)
{
    int64_t shape[2] = {m, n}, ts[2] = {(int64_t)size, ld * (int64_t)size};
    int64_t fs[2] = {n * (int64_t)size, (int64_t)size};
    strided_copy(2, shape, to, ts, from, fs, size, NULL);
}

void to_rows(char *to, const char *from, int64_t ld, int64_t m, int64_t n, size_t size)
{
    int64_t shape[2] = {m, n}, fs[2] = {(int64_t)size, ld * (int64_t)size};
    int64_t ts[2] = {n * (int64_t)size, (int64_t)size};
    strided_copy(2, shape, to, ts, from, fs, size, NULL);
}

/* a in type t, C contiguous */
nd *prepared(const nd *a, dtype_of t, err *e)
{
    nd *cast = nd_cast(a, t, 'u', e), *c = cast ? nd_contiguous(cast, e) : NULL;
    datum_unref(cast);
    return c;
}

bool all_finite(const nd *a, err *e)
{
    nd *f = nd_map1(U_isfinite, a, e);
    bool ok = f != NULL;
    int64_t n = f ? nd_count(f) : 0;
    nd *c = f ? nd_contiguous(f, e) : NULL;
    for (int64_t i = 0; c && i < n; i++) ok &= c->at[i] != 0;
    if (f && !ok) err_set(e, LinAlgError, "Array must not contain infs or NaNs");
    datum_unref(f);
    datum_unref(c);
    return ok;
}

#if defined(__x86_64__)
unsigned flush_begin(bool may)
{
    unsigned before = __builtin_ia32_stmxcsr();
    if (may) __builtin_ia32_ldmxcsr(before | 0x8040); /* flush results, denormals are zero */
    return before;
}

void flush_end(unsigned before)
{
    unsigned flags = __builtin_ia32_stmxcsr() & 0x3f;
    __builtin_ia32_ldmxcsr(before | flags);
}
#else
unsigned flush_begin(bool may)
{
    return may;
}

void flush_end(unsigned before)
{
    (void)before;
}
#endif

bool far_from_denormal(const void *x, size_t n)
{
    const double *v = x;
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fabs(v[i]) > most ? fabs(v[i]) : most;
    return most > 1e-140;
}

/* the optimal workspace that a query left in w */
int work_size(const kind *k, const void *w)
{
    double v = k->real.dt == DT_float32 ? (double)*(const float *)w : *(const double *)w;
    return max_int((int)v, 1);
}

void set_identity(const kind *k, char *at, int64_t n)
{
    memset(at, 0, (size_t)(n * n) * k->t.size);
    for (int64_t i = 0; i < n; i++) {
        char *d = at + i * (n + 1) * k->t.size;
        if (k->real.dt == DT_float32)
            *(float *)d = 1;
        else
            *(double *)d = 1;
    }
}

void put_number(dtype_of t, char *at, double re, double im)
{
    switch (t.dt) {
    case DT_float32: *(float *)at = (float)re; break;
    case DT_float64: *(double *)at = re; break;
    case DT_complex64: ((float *)at)[0] = (float)re, ((float *)at)[1] = (float)im; break;
    default: ((double *)at)[0] = re, ((double *)at)[1] = im; break;
    }
}
