/* stdlib/numpy/mapped.h - numpy.memmap: what differs from other arrays. */
#pragma once

#include "stdlib/numpy/numpy.h"

extern const builtin memmap_methods[];
value memmap_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames);
extern const builtin numpy_map_functions[];
