/* engine/kernels/loops_uint64.c - the integer loops of ufunc.def, for uint64. */
#include <stdint.h>

#define LOOP_DT     uint64
#define LOOP_T      uint64_t
#define LOOP_U      uint64_t
#define LOOP_SIGNED 0
#include "engine/kernels/loops_int.h"
