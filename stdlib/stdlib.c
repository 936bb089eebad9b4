/* stdlib/stdlib.c - the table of modules written in C.  A module may have a part in dsk beside it
 * (stdlib/dsk/NAME.dsk), which imports its C part as _NAME. */
#include "stdlib/stdlib.h"

#include "lang/builtins.h"

/* clang-format off */
const module_def *const stdlib_modules[] = {
    &sys_def,
    &lang_def,
    &thread_def,
    &weakref_def,
    &profile_def,
    &signal_def,
    &itertools_def,
    &operator_def,
    &functools_def,
    &collections_def,
    &heapq_def,
    &bisect_def,
    &io_def,
    &os_def,
    &resource_def,
    &sweep_def,
    &math_def,
    &struct_def,
    &cmath_def,
    &unicodedata_def,
    &re_def,
    &json_def,
    &time_def,
    &clock_def,
    &pickle_def,
    &hashlib_def,
    &zlib_def,
    &archive_def,
    &binascii_def,
    &random_def,
    &decimal_def,
    &numpy_def,
    &numpy_random_def,
    &dask_def,
    &graph_def,
    &h5py_def,
    &wire_def,
    &scratch_def,
    &columns_def,
    &futures_def,
    &zarr_def,
    NULL,
};
/* clang-format on */
