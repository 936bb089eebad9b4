/* engine/kernels/loops_int16.c - the integer loops of ufunc.def, for int16. */
#include <stdint.h>

#define LOOP_DT     int16
#define LOOP_T      int16_t
#define LOOP_U      uint16_t
#define LOOP_SIGNED 1
#include "engine/kernels/loops_int.h"
