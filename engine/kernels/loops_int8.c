/* engine/kernels/loops_int8.c - the integer loops of ufunc.def, for int8. */
#include <stdint.h>

#define LOOP_DT     int8
#define LOOP_T      int8_t
#define LOOP_U      uint8_t
#define LOOP_SIGNED 1
#include "engine/kernels/loops_int.h"
