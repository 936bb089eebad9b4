/* engine/kernels/loops_float64.c - the floating loops of ufunc.def, for float64. */
#define LOOP_DT   float64
#define LOOP_T    double
#define LOOP_BITS int64_t
#define LOOP_SUFFIX
#define POWERS    power_whole
#define RUN1      vmath64_run
#define RUN2      vmath64_run2
#define PAIRS_RUN pairs64_run
#define SUM_RUN   fold_sum_f64
#include "engine/kernels/loops_real.h"
