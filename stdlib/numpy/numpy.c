/* stdlib/numpy/numpy.c - the module: joins its tables.  What these do not have is written in dsk
 * (stdlib/dsk/numpy). */
#include <math.h>

#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/stdlib.h"

module *numpy_module(interp *in)
{
    value v = interp_import(in, "_numpy");
    module *m = (module *)(void *)as_obj(v, &T_module);
    value_unref(in, v); /* sys.modules holds it */
    return m;
}

/* Functions that other array types may take over. */
static bool put_table(interp *in, module *m, const builtin *row)
{
    for (; row->sig; row++) {
        char name[64];
        size_t n = 0;
        while (row->sig[n] && row->sig[n] != '(' && n < sizeof name - 1) {
            name[n] = row->sig[n];
            n++;
        }
        name[n] = 0;
        value f = cfunc_new(in, row, FAIL);
        value a = is_fail(f) ? FAIL : array_function_new(in, f);
        value_unref(in, f);
        TRY(module_put(in, m, name, a));
    }
    return true;
}

static value make_array_function(interp *in, const value *arg)
{
    return array_function_new(in, arg[0]);
}

static const builtin own_table[] = {
    {"_overridable(function, /)", make_array_function,
     "Lets other array types take over a function written in dsk."},
    {0},
};

static bool numpy_open(interp *in, module *m)
{
    static const builtin *const tables[] = {numpy_print_functions,  numpy_create_functions,
                                            numpy_shape_functions,  numpy_sort_functions,
                                            numpy_linalg_functions, numpy_reduction_functions};
    TRY(scalar_open(in, m));
    TRY(ufunc_open(in, m));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) TRY(put_table(in, m, tables[i]));
    return module_put_type(in, m, &T_ndarray) && module_put_type(in, m, &T_dtype) &&
           module_put_type(in, m, &T_ufunc) &&
           module_put(in, m, "pi", v_float(3.14159265358979323846)) &&
           module_put(in, m, "e", v_float(2.71828182845904523536)) &&
           module_put(in, m, "euler_gamma", v_float(0.57721566490153286061)) &&
           module_put(in, m, "nan", v_float(NAN)) && module_put(in, m, "NaN", v_float(NAN)) &&
           module_put(in, m, "inf", v_float(INFINITY)) &&
           module_put(in, m, "Inf", v_float(INFINITY)) &&
           module_put(in, m, "PINF", v_float(INFINITY)) &&
           module_put(in, m, "NINF", v_float(-INFINITY)) && module_put(in, m, "newaxis", NONE);
}

const module_def numpy_def = {"_numpy", "The part of numpy that is written in C.", own_table,
                              numpy_open};
