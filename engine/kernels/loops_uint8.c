/* engine/kernels/loops_uint8.c - the integer loops of ufunc.def, for uint8. */
#include <stdint.h>

#define LOOP_DT     uint8
#define LOOP_T      uint8_t
#define LOOP_U      uint8_t
#define LOOP_SIGNED 0
#include "engine/kernels/loops_int.h"
