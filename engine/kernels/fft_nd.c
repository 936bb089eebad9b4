/* engine/kernels/fft_nd.c - Fourier transforms along an axis of a block.
 *
 * Each lane along the axis is copied into a scratch row (cut or padded with zeros), transformed,
 * and copied out; the plan serves all lanes.  Computed in double, as NumPy. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/fft.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"
#include "engine/kernels/room.h"

typedef struct job {
    enum fft_kind kind;
    const nd *x; /* complex128 or float64 */
    nd *out;
    int axis;
    int64_t n;
    double scale;
    fft_plan c;
    rfft_plan r;
    bool real; /* r serves */
    cpx *row;  /* n complex, or n doubles */
} job;

/* the lane's elements into the row: complex, or real parts */
static void load(const job *j, const char *from, int64_t step, int64_t have, bool complex_in)
{
    int64_t m = have < j->n ? have : j->n;
    memset(j->row, 0, (size_t)j->n * sizeof *j->row);
    for (int64_t i = 0; i < m; i++)
        if (complex_in)
            memcpy(&j->row[i], from + i * step, sizeof(cpx));
        else
            j->row[i].r = *(const double *)(from + i * step);
}

static void store(const job *j, char *to, int64_t step, int64_t count, bool complex_out)
{
    for (int64_t i = 0; i < count; i++)
        if (complex_out)
            memcpy(to + i * step, &j->row[i], sizeof(cpx));
        else
            *(double *)(to + i * step) = j->row[i].r;
}

static void lane_rfft(const job *j, const char *from, int64_t fs, int64_t have, char *to,
                      int64_t ts)
{
    int64_t n = j->n, m = have < n ? have : n;
    if (!j->real) {
        load(j, from, fs, have, false);
        fft_complex(&j->c, j->row, true, j->scale);
        store(j, to, ts, n / 2 + 1, true);
        return;
    }
    double *v = (double *)j->row;
    memset(v, 0, (size_t)n * sizeof *v);
    for (int64_t i = 0; i < m; i++) v[i] = *(const double *)(from + i * fs);
    rfft_forward(&j->r, v, j->scale);
    for (int64_t k = 0; k <= n / 2; k++) {
        cpx z = {k ? v[2 * k - 1] : v[0], k && 2 * k < n ? v[2 * k] : 0};
        memcpy(to + k * ts, &z, sizeof z);
    }
}

static void lane_irfft(const job *j, const char *from, int64_t fs, int64_t have, char *to,
                       int64_t ts)
{
    int64_t n = j->n, half = n / 2 + 1, m = have < half ? have : half;
    cpx *row = j->row;
    memset(row, 0, (size_t)n * sizeof *row);
    for (int64_t k = 0; k < m; k++) memcpy(&row[k], from + k * fs, sizeof *row);
    if (j->real) {
        double *v = (double *)row; /* packed in place: v[2k-1], v[2k] lie before row[k] */
        double first = row[0].r;
        for (int64_t k = 1; k < half; k++) {
            cpx z = row[k];
            v[2 * k - 1] = z.r;
            if (2 * k < n) v[2 * k] = z.i;
        }
        v[0] = first;
        rfft_backward(&j->r, v, j->scale);
        for (int64_t i = 0; i < n; i++) *(double *)(to + i * ts) = v[i];
        return;
    }
    row[0].i = 0;
    for (int64_t k = 1; 2 * k <= n; k++) {
        if (2 * k == n) row[k].i = 0;
        row[n - k] = (cpx){row[k].r, 2 * k == n ? 0 : -row[k].i};
    }
    fft_complex(&j->c, row, false, j->scale);
    store(j, to, ts, n, false);
}

static void lane(const job *j, const char *from, int64_t fs, int64_t have, char *to, int64_t ts)
{
    if (j->kind == RFFT)
        lane_rfft(j, from, fs, have, to, ts);
    else if (j->kind == IRFFT)
        lane_irfft(j, from, fs, have, to, ts);
    else {
        load(j, from, fs, have, true);
        fft_complex(&j->c, j->row, j->kind == FFT, j->scale);
        store(j, to, ts, j->n, true);
    }
}

static void each_lane(const job *j)
{
    const nd *x = j->x;
    nd *y = j->out;
    int64_t index[ND_MAXDIM] = {0}, have = nd_shape(x)[j->axis];
    int64_t fs = nd_strides(x)[j->axis], ts = nd_strides(y)[j->axis];
    int64_t out = nd_shape(y)[j->axis], lanes = out ? nd_count(y) / out : 0;
    char *from = x->at, *to = y->at;
    for (int64_t k = 0; k < lanes; k++) {
        lane(j, from, fs, have, to, ts);
        for (int i = x->ndim; i-- > 0;) {
            if (i == j->axis) continue;
            from += nd_strides(x)[i];
            to += nd_strides(y)[i];
            if (++index[i] < nd_shape(x)[i]) break;
            from -= nd_shape(x)[i] * nd_strides(x)[i];
            to -= nd_shape(x)[i] * nd_strides(y)[i];
            index[i] = 0;
        }
    }
}

static double scale_of(enum fft_kind kind, int64_t n, char norm)
{
    bool inverse = kind == IFFT || kind == IRFFT;
    if (norm == 'o') return 1 / sqrt((double)n);
    bool divides = norm == 'f' ? !inverse : inverse;
    return divides ? 1 / (double)n : 1;
}

static nd *transform(enum fft_kind kind, const nd *x, int64_t n, int axis, char norm, err *e)
{
    bool real_in = kind == RFFT, real_out = kind == IRFFT;
    int64_t shape[ND_MAXDIM];
    if (n < 1)
        return err_set(e, ValueError, "Invalid number of FFT data points (%ld) specified.",
                       (long)n);
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[axis] = real_in ? n / 2 + 1 : n;
    job j = {.kind = kind, .axis = axis, .n = n, .scale = scale_of(kind, n, norm)};
    nd *in = nd_cast(x, dtype_plain(real_in ? DT_float64 : DT_complex128), 'u', e), *out = NULL;
    j.real = (real_in || real_out) && rfft_possible(n);
    bool ok = in && (j.real ? rfft_plan_init(&j.r, n, e) : fft_plan_init(&j.c, n, e));
    j.row = ok ? room_alloc((size_t)n * sizeof *j.row + 16, e) : NULL;
    if (j.row) out = nd_new(dtype_plain(real_out ? DT_float64 : DT_complex128), x->ndim, shape, e);
    j.x = in;
    j.out = out;
    if (out) each_lane(&j);
    room_free(j.row);
    fft_plan_clear(&j.c);
    rfft_plan_clear(&j.r);
    datum_unref(in);
    return out;
}

static nd *conjugated(nd *x, err *e)
{
    nd *y = x ? nd_map1(U_conjugate, x, e) : NULL;
    datum_unref(x);
    return y;
}

static char swapped(char norm)
{
    return norm == 'b' ? 'f' : norm == 'f' ? 'b' : norm;
}

nd *nd_fft(enum fft_kind kind, const nd *x, int64_t n, int axis, char norm, err *e)
{
    bool halved = kind == IRFFT || kind == HFFT;
    if (x->ndim == 0) return err_set(e, IndexError, "tuple index out of range");
    if (n == -1) n = halved ? 2 * (nd_shape(x)[axis] - 1) : nd_shape(x)[axis];
    if (kind == HFFT) { /* the conjugate's inverse, with the other scale */
        nd *c = nd_map1(U_conjugate, x, e);
        nd *y = c ? transform(IRFFT, c, n, axis, swapped(norm), e) : NULL;
        datum_unref(c);
        return y;
    }
    if (kind == IHFFT) return conjugated(transform(RFFT, x, n, axis, swapped(norm), e), e);
    if (kind == RFFT && dtype_is_complex(x->dtype)) {
        nd *re = nd_real(x), *y = transform(RFFT, re, n, axis, norm, e);
        datum_unref(re);
        return y;
    }
    return transform(kind, x, n, axis, norm, e);
}
