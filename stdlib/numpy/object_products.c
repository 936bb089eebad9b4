/* stdlib/numpy/object_products.c - products of arrays of objects are left to the language, which
 * multiplies and adds any of them. */
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

value object_product(interp *in, const char *name, const value *arg, size_t n)
{
    value m = interp_import(in, "numpy._object_products");
    value f = is_fail(m) ? FAIL : value_getattr_c(in, m, name);
    value r = is_fail(f) ? FAIL : value_call(in, f, arg, n, NULL);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}
