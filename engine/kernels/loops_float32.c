/* engine/kernels/loops_float32.c - the floating loops of ufunc.def, for float32. */
#define LOOP_DT     float32
#define LOOP_T      float
#define LOOP_BITS   int32_t
#define LOOP_SUFFIX f
#define POWERS      power_whole_f32
#define RUN1        vmath32_run
#define RUN2        vmath32_run2
#define PAIRS_RUN   pairs32_run
#define SUM_RUN     fold_sum_f32
#include "engine/kernels/loops_real.h"
