/* engine/kernels/loops_uint32.c - the integer loops of ufunc.def, for uint32. */
#include <stdint.h>

#define LOOP_DT     uint32
#define LOOP_T      uint32_t
#define LOOP_U      uint32_t
#define LOOP_SIGNED 0
#include "engine/kernels/loops_int.h"
