#include "engine/kernels/sort.h"
__attribute__((weak)) nd *nd_topk(const nd *x, int64_t k, int axis, err *e){(void)x;(void)k;(void)axis;return err_set(e,NotImplementedError,"stub");}
__attribute__((weak)) nd *nd_argtopk(const nd *x, int64_t k, int axis, err *e){(void)x;(void)k;(void)axis;return err_set(e,NotImplementedError,"stub");}
