/* engine/kernels/reduce_stats.c - means, variances and the variants that skip NaN.
 *
 * Each is the composition NumPy makes of sum, subtract, multiply and divide, in the same types,
 * so the bits agree: moments are two-pass, a division goes through the type that NumPy's would. */
#include <math.h>
#include <string.h>

#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce_parts.h"

static const dtype_of no_type = {.dt = DT_none};

/* --- small words ------------------------------------------------------------------------------ */

static nd *scalar_int(int64_t v)
{
    return nd_scalar(DT_int64, &v);
}

static nd *scalar_float(double v)
{
    return nd_scalar(DT_float64, &v);
}

/* target = f(x, y), any casts; false: failed.  y NULL for one input. */
static bool map_into(enum ufunc_id id, const nd *x, const nd *y, nd *target, err *e)
{
    map_opts m = OPTS_NONE;
    nd *out[2];
    m.out[0] = target;
    m.casting = 'u';
    if (!nd_map(&ufuncs[id], (const nd *const[]){x, y}, &m, out, e)) return false;
    datum_unref(out[0]);
    return true;
}

static nd *sum(const nd *x, uint32_t axes, bool keepdims, dtype_of t, const nd *where, err *e)
{
    reduce_opts o = {.where = where};
    return nd_ufunc_reduce(&ufuncs[U_add], x, axes, keepdims, t, &o, e);
}

/* moves `flag`s raised inside up to the caller's options */
static void tell(reduce_opts *o, unsigned flag)
{
    if (o) o->flags |= flag;
}

static nd *deliver(nd *r, reduce_opts *o, err *e)
{
    if (!r || !o || !o->out) return r;
    bool ok = nd_assign(o->out, r, 'u', NULL, e);
    datum_unref(r);
    return ok ? nd_ref(o->out) : NULL;
}

static bool any_true(const nd *x, err *e)
{
    reduce_opts o = {0};
    nd *r = nd_ufunc_reduce(&ufuncs[U_logical_or], x, ALL_AXES, false, no_type, &o, e);
    bool yes = r && *(bool *)r->at;
    datum_unref(r);
    return yes;
}

/* How many elements each result is made of: a 0-d block, or one of the result's shape when a mask
 * decides. */
static nd *item_count(const nd *x, uint32_t axes, bool keepdims, const nd *where, err *e)
{
    if (!where) return scalar_int(folded_count(x, axes));
    nd *mask = nd_broadcast(where, x->ndim, nd_shape(x), e);
    nd *n = mask ? sum(mask, axes, keepdims, dtype_plain(DT_int64), NULL, e) : NULL;
    datum_unref(mask);
    return n;
}

/* --- mean --------------------------------------------------------------------------------------
 */

bool type_mean(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    (void)r;
    if (in.dt > DT_complex128 && in.dt != DT_timedelta64) { /* what their sum says */
        ufunc_plan plan;
        operand both[2] = {{.t = in}, {.t = in}};
        if (!ufunc_resolve(&ufuncs[U_add], both, (dtype_of){.dt = DT_none}, 0, &plan, e))
            return false;
        return err_set(e, TypeError, "cannot take the mean of %s", dtypes[in.dt].name);
    }
    *out = want.dt != DT_none ? want : in.dt <= DT_uint64 ? dtype_plain(DT_float64) : in;
    return true;
}

static nd *divide_counts(nd *total, const nd *count, err *e)
{
    return map_into(U_divide, total, count, total, e) ? total : datum_unref(total);
}

nd *reduce_mean(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                reduce_opts *o, err *e)
{
    dtype_of result, inner;
    const nd *where = o ? o->where : NULL;
    TRY(type_mean(r, nd_type(x), want, &result, e));
    inner = result;
    if (want.dt == DT_none && x->dtype == DT_float16) inner = dtype_plain(DT_float32);
    nd *count = item_count(x, axes, keepdims, where, e);
    if (!count) return NULL;
    if (!where && *(int64_t *)count->at == 0) tell(o, WARN_MEAN_EMPTY | FP_INVALID);
    nd *total = sum(x, axes, keepdims, inner, where, e);
    if (total) total = divide_counts(total, count, e);
    datum_unref(count);
    if (total && inner.dt != result.dt) {
        nd *narrow = nd_cast(total, result, 'u', e);
        datum_unref(total);
        total = narrow;
    }
    return deliver(total, o, e);
}

/* --- var and std --------------------------------------------------------------------------------
 */

bool type_var(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    TRY(type_mean(r, in, want, out, e));
    if (dtype_is_complex(out->dt))
        *out = dtype_plain(out->dt == DT_complex64 ? DT_float32 : DT_float64);
    return true;
}

/* |d|^2 in place; for complex numbers a view of the real parts */
static nd *square_parts(nd *d, err *e)
{
    if (!dtype_is_complex(d->dtype)) return map_into(U_multiply, d, d, d, e) ? d : datum_unref(d);
    nd *re = nd_real(d), *im = nd_imag(d, e);
    bool ok = map_into(U_multiply, re, re, re, e) && map_into(U_multiply, im, im, im, e) &&
              map_into(U_add, re, im, re, e);
    datum_unref(im);
    datum_unref(d);
    return ok ? re : datum_unref(re);
}

/* x - mean, a fresh block */
static nd *deviations(const nd *x, uint32_t axes, dtype_of inner, const nd *where, err *e)
{
    nd *count = item_count(x, axes, true, where, e);
    nd *mean = count ? sum(x, axes, true, inner, where, e) : NULL;
    if (mean) mean = divide_counts(mean, count, e);
    nd *d = mean ? nd_map2(U_subtract, x, mean, e) : NULL;
    datum_unref(count);
    datum_unref(mean);
    return d;
}

/* max(count - ddof, 0) */
static nd *freedom(nd *count, double ddof, err *e)
{
    nd *k = ddof == rint(ddof) ? scalar_int((int64_t)ddof) : scalar_float(ddof),
       *zero = scalar_int(0);
    nd *n = nd_map2(U_subtract, count, k, e), *m = n ? nd_map2(U_maximum, n, zero, e) : NULL;
    datum_unref(k);
    datum_unref(zero);
    datum_unref(n);
    datum_unref(count);
    return m;
}

/* Are sums of x and of its squared distances those of memory_sum, in type t? */
static bool sums_in_memory(const nd *x, uint32_t axes, dtype_of t)
{
    bool ints = x->dtype <= DT_uint64;
    if (t.dt != DT_float64 && (t.dt != DT_float32 || ints)) return false;
    return (ints || x->dtype == t.dt || x->dtype == DT_float32) && memory_folds(x, axes, t);
}

/* the sum of |x - mean|^2 */
static nd *sum_of_squares(const nd *x, uint32_t axes, bool keepdims, dtype_of inner,
                          const nd *where, err *e)
{
    dtype_of t = inner.dt == DT_none ? nd_type(x) : inner;
    if (!where && sums_in_memory(x, axes, t)) {
        nd *mean = sum(x, axes, true, t, NULL, e),
           *n = mean ? item_count(x, axes, true, NULL, e) : NULL;
        if (mean) mean = n ? divide_counts(mean, n, e) : datum_unref(mean);
        nd *out = mean ? memory_sum(x, axes, keepdims, t, mean, false, NULL, e) : NULL;
        datum_unref(n);
        datum_unref(mean);
        return out;
    }
    nd *d = deviations(x, axes, inner, where, e);
    if (d) d = square_parts(d, e);
    if (d && dtype_is_complex(x->dtype)) inner = nd_type(d);
    nd *total = d ? sum(d, axes, keepdims, inner, where, e) : NULL;
    datum_unref(d);
    return total;
}

nd *reduce_var(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
               reduce_opts *o, err *e)
{
    dtype_of result, inner = want;
    const nd *where = o ? o->where : NULL;
    double ddof = o ? o->ddof : 0;
    TRY(type_var(r, nd_type(x), want, &result, e));
    if (want.dt == DT_none && x->dtype <= DT_uint64) inner = dtype_plain(DT_float64);
    if (!where && ddof >= (double)folded_count(x, axes)) tell(o, WARN_DDOF | FP_INVALID);
    nd *total = sum_of_squares(x, axes, keepdims, inner, where, e);
    nd *n = total ? item_count(x, axes, keepdims, where, e) : NULL;
    if (n) n = freedom(n, ddof, e);
    if (total) total = n ? divide_counts(total, n, e) : datum_unref(total);
    datum_unref(n);
    return deliver(total, o, e);
}

/* the root of a variance in its own type */
static nd *root(nd *v, reduce_opts *o, err *e)
{
    if (!v) return NULL;
    if (!map_into(U_sqrt, v, NULL, v, e)) return datum_unref(v);
    return deliver(v, o, e);
}

nd *reduce_std(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
               reduce_opts *o, err *e)
{
    reduce_opts inner = o ? *o : (reduce_opts){0};
    inner.out = NULL;
    nd *v = reduce_var(r, x, axes, keepdims, want, &inner, e);
    tell(o, inner.flags);
    return root(v, o, e);
}

/* --- skipping NaN --------------------------------------------------------------------------------
 */

static bool may_hold_nan(const nd *x)
{
    return x->dtype >= DT_float16 && x->dtype <= DT_complex128;
}

/* A copy of x with `value` for NaN; *mask is true where they were. */
static nd *replace_nan(const nd *x, double value, nd **mask, err *e)
{
    nd *y = NULL, *v = scalar_float(value);
    *mask = nd_map1(U_isnan, x, e);
    if (*mask) y = nd_copy_order(x, 'K', e);
    if (y && !nd_assign(y, v, 'u', *mask, e)) y = datum_unref(y);
    datum_unref(v);
    if (!y) *mask = datum_unref(*mask);
    return y;
}

/* sums of x in its own type by memory_sum */
static bool skips_in_memory(const nd *x, uint32_t axes, dtype_of want)
{
    return (want.dt == DT_none || want.dt == x->dtype) && sums_in_memory(x, axes, nd_type(x));
}

nd *reduce_nanplain(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                    reduce_opts *o, err *e)
{
    if (!may_hold_nan(x)) return nd_ufunc_reduce(r->fold, x, axes, keepdims, want, o, e);
    bool plain = !o || (!o->where && !o->initial && !o->out);
    if (plain && r->fold->id == U_add && skips_in_memory(x, axes, want))
        return memory_sum(x, axes, keepdims, nd_type(x), NULL, true, NULL, e);
    nd *mask, *y = replace_nan(x, r->fold->id == U_multiply, &mask, e);
    if (!y) return NULL;
    nd *out = nd_ufunc_reduce(r->fold, y, axes, keepdims, want, o, e);
    datum_unref(mask);
    datum_unref(y);
    return out;
}

nd *reduce_nanminmax(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                     reduce_opts *o, err *e)
{
    nd *out = nd_ufunc_reduce(r->fold, x, axes, keepdims, want, o, e);
    if (out && may_hold_nan(x)) {
        nd *bad = nd_map1(U_isnan, out, e);
        if (bad && any_true(bad, e)) tell(o, WARN_ALL_NAN);
        datum_unref(bad);
    }
    return out;
}

/* elements that are not NaN */
static nd *valid_count(const nd *mask, uint32_t axes, bool keepdims, err *e)
{
    nd *valid = nd_map1(U_logical_not, mask, e);
    nd *n = valid ? sum(valid, axes, keepdims, dtype_plain(DT_int64), NULL, e) : NULL;
    datum_unref(valid);
    return n;
}

/* The sum of what is not NaN, and (axes kept or not, as in the result) how many that are. */
static nd *valid_sum(const nd *x, uint32_t axes, bool keepdims, dtype_of want, nd **n, err *e)
{
    nd *mask, *y, *total = NULL, *kept = NULL;
    if (skips_in_memory(x, axes, want)) {
        total = memory_sum(x, axes, keepdims, nd_type(x), NULL, true, &kept, e);
        nd *shaped = !total ? NULL : keepdims ? nd_ref(kept) : nd_squeeze(kept, axes);
        if (shaped) *n = nd_cast(shaped, dtype_plain(DT_int64), 'u', e);
        datum_unref(shaped);
        datum_unref(kept);
    } else if ((y = replace_nan(x, 0, &mask, e))) {
        *n = valid_count(mask, axes, keepdims, e);
        total = *n ? sum(y, axes, keepdims, want, NULL, e) : NULL;
        datum_unref(mask);
        datum_unref(y);
    }
    return *n ? total : datum_unref(total);
}

nd *reduce_nanmean(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                   reduce_opts *o, err *e)
{
    if (!may_hold_nan(x)) return reduce_mean(r, x, axes, keepdims, want, o, e);
    nd *n = NULL, *total = valid_sum(x, axes, keepdims, want, &n, e);
    if (total) total = divide_counts(total, n, e);
    nd *empty = total ? nd_map1(U_logical_not, n, e) : NULL;
    if (empty && any_true(empty, e)) tell(o, WARN_NANMEAN_EMPTY);
    datum_unref(empty);
    datum_unref(n);
    return deliver(total, o, e);
}

/* |y - avg|^2 in place, 0 where masked */
static nd *masked_squares(nd *y, const nd *avg, const nd *mask, err *e)
{
    nd *zero = scalar_int(0);
    bool ok = map_into(U_subtract, y, avg, y, e) && nd_assign(y, zero, 'u', mask, e);
    datum_unref(zero);
    return ok ? square_parts(y, e) : datum_unref(y);
}

static bool all_finite(const nd *x, err *e)
{
    nd *finite = nd_map1(U_isfinite, x, e), *all = NULL;
    if (finite)
        all = nd_ufunc_reduce(&ufuncs[U_logical_and], finite, ALL_AXES, false, no_type, NULL, e);
    bool yes = all && *(bool *)all->at;
    datum_unref(finite);
    datum_unref(all);
    return yes;
}

/* The sum of |x - mean|^2 over what is not NaN and, axes kept, how many that are.  In memory only
 * where no distance is NaN itself, as those from an infinite mean are. */
static nd *valid_squares(const nd *x, uint32_t axes, bool keepdims, dtype_of want, nd **n, err *e)
{
    nd *avg = NULL, *mask, *y, *total = NULL;
    if (skips_in_memory(x, axes, want)) {
        avg = valid_sum(x, axes, true, want, n, e);
        if (avg) avg = divide_counts(avg, *n, e);
        if (!avg) return NULL;
        if (all_finite(avg, e))
            total = memory_sum(x, axes, keepdims, nd_type(x), avg, true, NULL, e);
        datum_unref(avg);
        if (total || e->kind) return total;
        *n = datum_unref(*n);
    }
    if (!(y = replace_nan(x, 0, &mask, e))) return NULL;
    *n = valid_count(mask, axes, true, e);
    avg = *n ? sum(y, axes, true, want, NULL, e) : NULL;
    if (avg) avg = divide_counts(avg, *n, e);
    y = avg ? masked_squares(y, avg, mask, e) : datum_unref(y);
    if (y && dtype_is_complex(x->dtype) && want.dt != DT_none) want = nd_type(y);
    if (y) total = sum(y, axes, keepdims, want, NULL, e);
    datum_unref(avg);
    datum_unref(mask);
    datum_unref(y);
    return total;
}

nd *reduce_nanvar(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                  reduce_opts *o, err *e)
{
    if (!may_hold_nan(x)) return reduce_var(r, x, axes, keepdims, want, o, e);
    nd *n = NULL, *left = NULL, *var = valid_squares(x, axes, keepdims, want, &n, e);
    if (var) {
        nd *shaped = keepdims ? nd_ref(n) : nd_squeeze(n, axes);
        nd *k = scalar_float(o ? o->ddof : 0);
        left = shaped ? nd_map2(U_subtract, shaped, k, e) : NULL;
        datum_unref(shaped);
        datum_unref(k);
    }
    if (var) var = left ? divide_counts(var, left, e) : datum_unref(var);
    nd *zero = scalar_int(0), *bad = var ? nd_map2(U_less_equal, left, zero, e) : NULL;
    if (bad && any_true(bad, e)) {
        nd *nan = scalar_float((double)NAN);
        tell(o, WARN_NANDDOF);
        if (!nd_assign(var, nan, 'u', bad, e)) var = datum_unref(var);
        datum_unref(nan);
    }
    datum_unref(zero);
    datum_unref(bad);
    if (e->kind != NO_ERR) var = datum_unref(var);
    datum_unref(left);
    datum_unref(n);
    return deliver(var, o, e);
}

nd *reduce_nanstd(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                  reduce_opts *o, err *e)
{
    reduce_opts inner = o ? *o : (reduce_opts){0};
    inner.out = NULL;
    nd *v = reduce_nanvar(r, x, axes, keepdims, want, &inner, e);
    tell(o, inner.flags);
    return root(v, o, e);
}

/* --- counting ------------------------------------------------------------------------------------
 */

bool type_index(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    (void)r;
    (void)in;
    (void)want;
    (void)e;
    *out = dtype_plain(DT_int64);
    return true;
}

nd *reduce_count(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                 reduce_opts *o, err *e)
{
    (void)want;
    if (axes == axes_of(x, ALL_AXES) && !keepdims && (!o || (!o->where && !o->out))) {
        int64_t all = nd_count_nonzero(x, e);
        return all < 0 ? NULL : scalar_int(all);
    }
    nd *truth = nd_cast(x, dtype_plain(DT_bool), 'u', e);
    nd *n =
        truth ? nd_ufunc_reduce(r->fold, truth, axes, keepdims, dtype_plain(DT_int64), o, e) : NULL;
    datum_unref(truth);
    return n;
}
