/* engine/kernels/sort_complex.c - the order of complex numbers: by real part, then by imaginary.
 *
 * Real parts are keys; where some are equal, their imaginary parts order these.  Lanes with NaN
 * have an order of their own (less_complex, keys.c) and are left to others. */
#include "engine/kernels/sort_complex.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/index.h"
#include "engine/kernels/sort.h"

static dtype_of part_type(enum dtype t)
{
    return dtype_plain(t == DT_complex64 ? DT_float32 : DT_float64);
}

#define NO_NAN(T)                                                                                  \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const T *x = (const T *)(at + i * step);                                                   \
        bad |= (x[0] != x[0]) | (x[1] != x[1]);                                                    \
    }
static bool has_nan(dtype_of t, int64_t n, const char *at, ptrdiff_t step)
{
    int bad = 0;
    if (t.dt == DT_complex64)
        NO_NAN(float)
    else
        NO_NAN(double)
    return bad;
}

/* those of x in the order of their imaginary parts; answers whether some are equal */
static bool order_by_imaginary(const lane *v, keyed *x, keyed *room, int64_t n)
{
    const dtype_of t = part_type(v->t.dt);
    bool ties = false;
    for (int64_t i = 0; i < n; i++)
        keys_make(t, 1, v->at + x[i].index * v->step + t.size, 0, false, &x[i].key);
    keyed_order(x, room, n);
    for (int64_t i = 1; i < n; i++) ties |= x[i].key == x[i - 1].key;
    return ties;
}

bool complex_order(const lane *v, int64_t *index, int64_t n, bool *done, bool *ties, err *e)
{
    enum { SOME = 256 };
    *done = *ties = false;
    if (has_nan(v->t, n, v->at, v->step)) return true;
    keyed *x = try_room(2 * (size_t)n * sizeof *x, e);
    if (!x) return false;
    for (int64_t i = 0; i < n; i += SOME) {
        uint64_t key[SOME];
        const int64_t m = n - i < SOME ? n - i : SOME;
        keys_make(part_type(v->t.dt), m, v->at + i * v->step, v->step, false, key);
        for (int64_t k = 0; k < m; k++) x[i + k] = (keyed){key[k], i + k};
    }
    keyed_order(x, x + n, n);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && x[end].key == x[i].key;) end++;
        if (end - i < 2) continue;
        *ties |= order_by_imaginary(v, x + i, x + n, end - i);
    }
    for (int64_t i = 0; i < n; i++) index[i] = x[i].index;
    mem_free(x);
    *done = true;
    return true;
}

/* how many real parts are less, and how many are equal */
#define COUNT(T)                                                                                   \
    {                                                                                              \
        T to;                                                                                      \
        memcpy(&to, real, sizeof to);                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T re = *(const T *)(v->at + i * v->step);                                        \
            less += re < to;                                                                       \
            same += re == to;                                                                      \
        }                                                                                          \
    }
#define COLLECT(T)                                                                                 \
    {                                                                                              \
        T to;                                                                                      \
        memcpy(&to, real, sizeof to);                                                              \
        for (int64_t i = 0, k = 0; k < same; i++)                                                  \
            if (*(const T *)(v->at + i * v->step) == to) x[k++].index = i;                         \
    }
/* the element that comes kth: its real part is that of `real` */
static bool find_kth(const lane *v, int64_t n, int64_t kth, const char *real, char *out, err *e)
{
    enum { FEW = 8 };
    keyed few[FEW] = {{0}}, *x = few;
    int64_t less = 0, same = 0;
    if (v->t.dt == DT_complex64)
        COUNT(float)
    else
        COUNT(double)
    if (same > FEW / 2 && !(x = try_room(2 * (size_t)same * sizeof *x, e))) return false;
    if (v->t.dt == DT_complex64)
        COLLECT(float)
    else
        COLLECT(double)
    if (same > 1) order_by_imaginary(v, x, x + same, same);
    memcpy(out, v->at + x[kth - less].index * v->step, v->t.size);
    if (x != few) mem_free(x);
    return true;
}

bool complex_kths(const nd *x, const nd *places, nd **out, err *e)
{
    enum { MOST = 4 };
    const dtype_of t = nd_type(x);
    const int axis = x->ndim - 1, many = (int)nd_count(places);
    const int64_t n = nd_shape(x)[axis], rows = n ? nd_count(x) / n : 0;
    const int64_t *kth = (const int64_t *)places->at;
    lane v = {.t = t, .step = nd_strides(x)[axis]};
    *out = NULL;
    if (many > MOST) return true;
    for (int64_t i = 0; i < rows; i++)
        if (has_nan(t, n, x->at + lane_offset(x, axis, i), v.step)) return true;
    nd *re = nd_view(x->b, x->at, part_type(t.dt), x->ndim, nd_shape(x), nd_strides(x));
    nd *found = re ? nd_kth(re, places, e) : NULL;
    nd *r = found ? nd_new(t, x->ndim, nd_shape(found), e) : NULL;
    bool ok = r != NULL;
    for (int64_t i = 0; ok && i < rows * many; i++) {
        v.at = x->at + lane_offset(x, axis, i / many);
        ok = find_kth(&v, n, kth[i % many], found->at + i * found->size, r->at + i * t.size, e);
    }
    datum_unref(re);
    datum_unref(found);
    if (!ok) r = datum_unref(r);
    *out = r;
    return ok;
}
