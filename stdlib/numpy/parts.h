/* stdlib/numpy/parts.h - the tables that numpy.c joins into the module. */
#pragma once

#include "lang/lang.h"

module *numpy_module(interp *in); /* lends; NULL with an exception if numpy cannot be imported */

/* functions that other array types may take over, and those they may not */
extern const builtin numpy_like_functions[], numpy_shape_functions[], numpy_sort_functions[],
    numpy_linalg_functions[], numpy_reduction_functions[], numpy_method_functions[];
extern const builtin numpy_print_functions[], numpy_create_functions[], numpy_type_functions[],
    numpy_file_functions[], numpy_error_functions[], numpy_step_functions[];
/* dispatch.c; home: what its __module__ says */
value array_function_new(interp *in, value f, value home);
/* such a function (or any other) on plain arrays: f(*args, **kwargs), nobody takes over */
value array_function_run(interp *in, value f, value args, value kwargs);
