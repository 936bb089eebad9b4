/* stdlib/numpy/numpy.c - the module: joins its tables.  What these do not have is written in dsk
 * (stdlib/dsk/numpy). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lang/types/func.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/mapped.h"
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
static bool put_table(interp *in, module *m, const builtin *row, value home)
{
    for (; row->sig; row++) {
        char name[64];
        const char *from = row->sig + (row->sig[0] == '@' ? strcspn(row->sig, " ") + 1 : 0);
        size_t n = strcspn(from, "(");
        snprintf(name, sizeof name, "%.*s", (int)n, from);
        value f = cfunc_new(in, row, FAIL);
        if (!is_fail(f)) as_cfunction(f)->module = "numpy";
        bool plain = name[0] == '_' || is_fail(home);
        value a = is_fail(f) || plain ? f : array_function_new(in, f, home);
        if (!plain) value_unref(in, f);
        TRY(module_put(in, m, name, a));
    }
    return true;
}

static value make_array_function(interp *in, const value *arg)
{
    return array_function_new(in, arg[0], arg[1]);
}

static value import_part(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    return s ? interp_import(in, s->at) : throw(in, TypeError, "module name must be a str");
}

static value part_defines(interp *in, const value *arg)
{
    str *m = as_str(arg[0]), *name = as_str(arg[1]);
    return m && name ? v_bool(embedded_defines(m->at, name->at))
                     : throw(in, TypeError, "names of modules and functions must be str");
}

static const builtin own_table[] = {
    {"_import(name, /)", import_part, "The module of that dotted name."},
    {"_defines(module, name, /)", part_defines,
     "Does an embedded module define a function or class of that name?  Imports nothing."},
    {"_overridable(function, module='numpy', /)", make_array_function,
     "Lets other array types take over a function written in dsk."},
    {0},
};

/* The default of parameters that were not given: numpy._NoValue. */
static value no_value_repr(interp *in, value self)
{
    (void)self;
    return v_str(in, "<no value>");
}
static const type T_no_value = {
    TYPE_HEAD,           .name = "_NoValueType",  .module = "numpy",
    .size = sizeof(obj), .flags = TYPE_IMMUTABLE, .repr = no_value_repr};

static bool put_constants(interp *in, module *m)
{
    static const struct {
        const char *name;
        double x;
    } row[] = {{"pi", 3.14159265358979323846},
               {"e", 2.71828182845904523536},
               {"euler_gamma", 0.57721566490153286061},
               {"nan", NAN},
               {"NaN", NAN},
               {"NAN", NAN},
               {"inf", INFINITY},
               {"Inf", INFINITY},
               {"PINF", INFINITY},
               {"NINF", -INFINITY}};
    static const enum err_kind errors[] = {AxisError, LinAlgError, ComplexWarning,
                                           VisibleDeprecationWarning};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        TRY(module_put(in, m, row[i].name, v_float(row[i].x)));
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        TRY(module_put_type(in, m, exc_type(errors[i])));
    return module_put(in, m, "newaxis", NONE) &&
           module_put(in, m, "_NoValue", v_obj(obj_new(in, &T_no_value, 0)));
}

static bool numpy_open(interp *in, module *m)
{
    static const builtin *const open[] = {numpy_like_functions,      numpy_shape_functions,
                                          numpy_sort_functions,      numpy_linalg_functions,
                                          numpy_reduction_functions, numpy_method_functions};
    static const builtin *const plain[] = {
        numpy_print_functions, numpy_create_functions, numpy_type_functions, numpy_file_functions,
        numpy_map_functions,   numpy_error_functions,  numpy_step_functions};
    TRY(scalar_open(in, m));
    TRY(ufunc_open(in, m));
    value home = v_str(in, "numpy");
    bool ok = !is_fail(home);
    for (size_t i = 0; ok && i < sizeof open / sizeof *open; i++)
        ok = put_table(in, m, open[i], home);
    for (size_t i = 0; ok && i < sizeof plain / sizeof *plain; i++)
        ok = put_table(in, m, plain[i], FAIL);
    value_unref(in, home);
    return ok && put_constants(in, m) && module_put_type(in, m, &T_ndarray) &&
           module_put_type(in, m, &T_memmap) && module_put_type(in, m, &T_dtype) &&
           module_put_type(in, m, &T_ufunc);
}

const module_def numpy_def = {"_numpy", "The part of numpy that is written in C.", own_table,
                              numpy_open};
