/* engine/kernels/round.c - numpy.around: a block and a number of decimals -> a block of the same
 * type.
 *
 * Numbers are multiplied, made whole and divided, in their own type, with the errors of that;
 * complex numbers part by part. */
#include <math.h>

#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

/* f of x (and y), written over x */
static bool apply(enum ufunc_id f, nd *x, const nd *y, err *e)
{
    map_opts o = OPTS_NONE;
    nd *out[2] = {0};
    o.out[0] = x;
    bool ok = nd_map(&ufuncs[f], (const nd *const[]){x, y}, &o, out, e);
    datum_unref(out[0]);
    return ok;
}

static nd *power_of_ten(const nd *x, int64_t decimals, err *e)
{
    double p = pow(10, (double)(decimals < 0 ? -decimals : decimals));
    nd *wide = nd_scalar(DT_float64, &p);
    if (dtype_is_int(x->dtype) || x->dtype == DT_bool) return wide;
    nd *ten = nd_cast(wide, nd_type(x), 'u', e);
    datum_unref(wide);
    return ten;
}

static nd *round_parts(const nd *x, int64_t decimals, err *e)
{
    nd *out = nd_new_like(x, nd_type(x), e);
    for (int k = 0; out && k < 2; k++) {
        nd *from = k ? nd_imag(x, e) : nd_real(x), *to = k ? nd_imag(out, e) : nd_real(out);
        nd *part = nd_round(from, decimals, e);
        bool ok = part && nd_assign(to, part, 'u', NULL, e);
        datum_unref(part);
        datum_unref(from);
        datum_unref(to);
        if (!ok) datum_unref(out), out = NULL;
    }
    return out;
}

nd *nd_round(const nd *x, int64_t decimals, err *e)
{
    bool whole = dtype_is_int(x->dtype) || x->dtype == DT_bool;
    if (whole && decimals >= 0) return nd_ref(x);
    if (decimals == 0) return nd_map1(U_rint, x, e);
    if (dtype_is_complex(x->dtype)) return round_parts(x, decimals, e);
    enum ufunc_id there = decimals < 0 ? U_divide : U_multiply;
    enum ufunc_id back = decimals < 0 ? U_multiply : U_divide;
    nd *ten = power_of_ten(x, decimals, e);
    nd *scaled = ten ? nd_map2(there, x, ten, e) : NULL;
    bool ok = scaled && apply(U_rint, scaled, NULL, e) && apply(back, scaled, ten, e);
    nd *out = ok ? nd_cast(scaled, nd_type(x), 'u', e) : NULL;
    datum_unref(ten);
    datum_unref(scaled);
    return out;
}
