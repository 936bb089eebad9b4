/* stdlib/stdlib.h - every module written in C, one row each in stdlib.c. */
#pragma once

#include "lang/lang.h"

extern const module_def *const stdlib_modules[]; /* ends with NULL: what interp_open wants */

extern const module_def itertools_def, operator_def, functools_def, collections_def;
extern const module_def heapq_def, bisect_def, io_def, os_def, resource_def, sweep_def;
extern const module_def math_def;
extern const module_def struct_def;
extern const module_def cmath_def;
extern const module_def unicodedata_def;
extern const module_def re_def;
extern const module_def json_def;
extern const module_def time_def, clock_def, pickle_def;
extern const module_def hashlib_def;
extern const module_def zlib_def, archive_def;
extern const module_def binascii_def;
extern const module_def random_def, decimal_def;
extern const module_def numpy_def, numpy_random_def;
extern const module_def dask_def, graph_def;
extern const module_def h5py_def, zarr_def;
extern const module_def wire_def, scratch_def;
extern const module_def columns_def;
extern const module_def futures_def;

/* What `dsk --worker FD` does (stdlib/dask/worker_serve.c); returns when the other end closes: the
 * process then ends at once, whatever its threads do. */
void worker_serve(int fd, const module_def *const *modules);

/* What `dsk --sweep FOLDER` does (stdlib/core/sweep.c): removes a private folder of the process
 * that started it, when that has ended. */
void sweep_after(const char *path);
