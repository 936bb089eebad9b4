/* stdlib/stdlib.c - the table of modules written in C.  A module may have a part in dsk beside it
 * (stdlib/dsk/NAME.dsk), which imports its C part as _NAME. */
#include "stdlib/stdlib.h"

const module_def *const stdlib_modules[] = {
    &math_def,
    &re_def,
    &numpy_def,
    &dask_def,
    &graph_def,
    NULL,
};
