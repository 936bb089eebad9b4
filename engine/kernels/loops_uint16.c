/* engine/kernels/loops_uint16.c - the integer loops of ufunc.def, for uint16. */
#include <stdint.h>

#define LOOP_DT     uint16
#define LOOP_T      uint16_t
#define LOOP_U      uint16_t
#define LOOP_SIGNED 0
#include "engine/kernels/loops_int.h"
