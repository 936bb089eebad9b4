/* engine/kernels/loops_complex64.c - the complex loops of ufunc.def, for complex64. */
#define LOOP_DT     complex64
#define LOOP_T      float _Complex
#define LOOP_R      float
#define LOOP_SUFFIX f
#include "engine/kernels/loops_complex.h"
