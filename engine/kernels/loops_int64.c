/* engine/kernels/loops_int64.c - the integer loops of ufunc.def, for int64. */
#include <stdint.h>

#define LOOP_DT     int64
#define LOOP_T      int64_t
#define LOOP_U      uint64_t
#define LOOP_SIGNED 1
#include "engine/kernels/loops_int.h"
