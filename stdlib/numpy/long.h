/* stdlib/numpy/long.h - operations of the engine that may take long enough for a Ctrl-C. */
#pragma once

#include "stdlib/numpy/numpy.h"

/* As the functions of the engine; NULL without a reason in e: KeyboardInterrupt is pending. */
typedef nd *(*long_op)(const nd *x, const nd *y, int axis, err *e);
nd *long_run(interp *in, long_op f, double ns, const nd *x, const nd *y, int axis, err *e);
nd *long_matmul(interp *in, const nd *x, const nd *y, err *e);
nd *long_dot(interp *in, const nd *x, const nd *y, err *e);
nd *long_sort(interp *in, const nd *x, int axis, err *e);
nd *long_argsort(interp *in, const nd *x, int axis, bool stable, err *e);
