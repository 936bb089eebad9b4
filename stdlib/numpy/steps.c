/* stdlib/numpy/steps.c - the inner steps of numpy functions that are written in dsk: what would be
 * a loop over elements there is one call here. */
#include <stdio.h>
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

/* The element that `which` names of all choices, in the type they have in common. */
static nd *choose(interp *in, const nd *which, const blocks *b, char mode, err *e)
{
    enum { MOST = 32 };
    operand op[MOST];
    dtype_of t;
    if (b->n < 1 || b->n > MOST)
        return THROW0(in, ValueError, "Need at least 0 and at most %d array objects.", MOST);
    for (int i = 0; i < b->n; i++) op[i] = operand_of(b->at[i]);
    TRY(result_type(b->n, op, &t, e));
    for (int i = 0; i < b->n; i++) {
        nd *y = nd_cast(b->at[i], t, 'u', e);
        TRY(y);
        datum_unref(b->at[i]);
        b->at[i] = y;
    }
    return nd_choose(which, b->n, (const nd *const *)b->at, mode, e);
}

/* choose(which, choices, out, mode) */
value ndarray_choose(interp *in, const value *arg)
{
    nd *which = to_nd_any(in, arg[0]);
    blocks b = {0};
    err e = {0};
    str *mode = as_str(arg[3]);
    if (!which || !blocks_of(in, arg[1], &b)) {
        datum_unref(which);
        return FAIL;
    }
    nd *y = choose(in, which, &b, mode ? mode->at[0] : 'r', &e);
    value r = y || e.kind ? array_result(in, y, &e) : FAIL;
    blocks_clear(&b);
    datum_unref(which);
    if (is_none(arg[2]) || is_fail(r)) return r;
    bool stored = array_setitem(in, arg[2], ELLIPSIS, r);
    value_unref(in, r);
    return stored ? value_ref(arg[2]) : FAIL;
}

/* _interp(x, xp, fp, left, right): left and right None for the ends' values */
static value f_interp(interp *in, const value *arg)
{
    dtype_of real = dtype_plain(DT_float64);
    nd *x = to_nd(in, arg[0], real), *xp = x ? to_nd(in, arg[1], real) : NULL,
       *fp = xp ? to_nd_any(in, arg[2]) : NULL;
    double end[2][2];
    err e = {0};
    bool ok = fp != NULL;
    for (int k = 0; ok && k < 2; k++) {
        const char *last = fp->at + (k ? (nd_shape(fp)[0] - 1) * nd_strides(fp)[0] : 0);
        nd *v = is_none(arg[3 + k]) ? NULL : to_nd(in, arg[3 + k], nd_type(fp));
        ok = v || is_none(arg[3 + k]);
        if (ok) memcpy(end[k], v ? v->at : last, fp->size);
        datum_unref(v);
    }
    value r = ok ? array_result(in, nd_interp(x, xp, fp, end[0], end[1], &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(xp);
    datum_unref(fp);
    return r;
}

ARRAY1(f_packbits, array_wrap(in, nd_packbits(x, value_truth(in, arg[1]) == 1, &e), &e))
ARRAY1(f_unpackbits,
       array_wrap(in, nd_unpackbits(x, arg[1].i, value_truth(in, arg[2]) == 1, &e), &e))

/* One call of the method for each tuple of cells; false with an exception. */
static bool call_cells(interp *in, const blocks *b, str *name, int64_t count, list *to)
{
    enum { MOST = 8 };
    value v[MOST] = {{0}}, f = FAIL;
    const type *of = NULL;
    bool ok = true;
    for (int64_t i = 0; ok && i < count; i++) {
        int made = 0;
        for (; ok && made < b->n; made++) {
            v[made] =
                scalar_item(in, nd_type(b->at[made]), b->at[made]->at + i * b->at[made]->size);
            ok = !is_fail(v[made]);
        }
        if (ok && type_of(in, v[0]) != of) f = type_lookup(in, of = type_of(in, v[0]), name);
        if (ok && is_fail(f)) ok = (throw(in, AttributeError, "no method %s", name->at), false);
        value r = ok ? value_call(in, f, v, (size_t)b->n, NULL) : FAIL;
        ok = !is_fail(r) && list_add(in, to, r);
        for (int k = 0; k < made; k++) value_unref(in, v[k]);
        if (i % 1024 == 1023) ok = ok && check_interrupt(in);
    }
    return ok;
}

/* _each_method(name, arrays): the method of every element of the first array, with the elements of
 * the others as arguments, broadcast: a list in C order */
static value f_each_method(interp *in, const value *arg)
{
    blocks b = {0};
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    str *name = as_str(arg[0]);
    if (!name || !blocks_of(in, arg[1], &b)) return FAIL;
    bool ok = shape_broadcast(b.n, (const nd *const *)b.at, &ndim, shape, &e);
    for (int i = 0; ok && i < b.n; i++) {
        nd *wide = nd_broadcast(b.at[i], ndim, shape, &e),
           *x = wide ? nd_contiguous(wide, &e) : NULL;
        datum_unref(wide);
        datum_unref(b.at[i]);
        ok = (b.at[i] = x) != NULL;
    }
    if (!ok) throw_err(in, &e);
    list *l = ok ? list_new(in, 0) : NULL;
    if (l && !call_cells(in, &b, name, shape_count(ndim, shape), l)) {
        obj_unref(in, l);
        l = NULL;
    }
    blocks_clear(&b);
    return l ? v_obj(l) : FAIL;
}

const builtin numpy_step_functions[] = {
    {"_interp(x, xp, fp, left, right)", f_interp, NULL},
    {"_packbits(a, big)", f_packbits, NULL},
    {"_unpackbits(a, count, big)", f_unpackbits, NULL},
    {"_each_method(name, arrays)", f_each_method, NULL},
    {0},
};
