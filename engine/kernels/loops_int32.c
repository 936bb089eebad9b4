/* engine/kernels/loops_int32.c - the integer loops of ufunc.def, for int32. */
#include <stdint.h>

#define LOOP_DT     int32
#define LOOP_T      int32_t
#define LOOP_U      uint32_t
#define LOOP_SIGNED 1
#include "engine/kernels/loops_int.h"
