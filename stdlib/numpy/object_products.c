/* stdlib/numpy/object_products.c - products and statistics of arrays of objects are left to the
 * language, which multiplies and adds any of them. */
#include "stdlib/numpy/numpy.h"

bool is_object_array(value v)
{
    ndarray *a = as_ndarray(v);
    return a && array_peek(a)->dtype == DT_object;
}

bool are_objects(const value *arg)
{
    return is_object_array(arg[0]) || is_object_array(arg[1]);
}

static value call_home(interp *in, const char *home, const char *name, const value *arg, size_t n)
{
    value m = interp_import(in, home);
    value f = is_fail(m) ? FAIL : value_getattr_c(in, m, name);
    value r = is_fail(f) ? FAIL : value_call(in, f, arg, n, NULL);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

value object_product(interp *in, const char *name, const value *arg, size_t n)
{
    return call_home(in, "numpy._object_products", name, arg, n);
}

value object_fold(interp *in, const char *name, const value *arg, size_t n)
{
    return call_home(in, "numpy._object_folds", name, arg, n);
}
