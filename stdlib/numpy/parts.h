/* stdlib/numpy/parts.h - the tables that numpy.c joins into the module. */
#pragma once

#include "lang/lang.h"

module *numpy_module(interp *in); /* lends; NULL with an exception if numpy cannot be imported */

extern const builtin numpy_print_functions[], numpy_create_functions[], numpy_shape_functions[],
    numpy_sort_functions[], numpy_linalg_functions[], numpy_reduction_functions[];
value array_function_new(interp *in, value f); /* dispatch.c */
