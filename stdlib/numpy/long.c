/* stdlib/numpy/long.c - products and sorts of large blocks, aside: Ctrl-C need not wait. */
#include "stdlib/numpy/long.h"

#include <math.h>

#include "engine/base/mem.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/sort.h"
#include "lang/aside.h"

static const double LONG_NS = 40e6;

typedef struct long_call { /* owns views of its operands and what came of them */
    long_op f;
    nd *x, *y, *out;
    int axis;
    err e;
} long_call;

static nd *own_view(const nd *x)
{
    return x ? nd_view(x->b, x->at, nd_type(x), x->ndim, nd_shape(x), nd_strides(x)) : NULL;
}

static void work(void *ctx)
{
    long_call *c = ctx;
    c->out = c->f(c->x, c->y, c->axis, &c->e);
}

static void drop(void *ctx)
{
    long_call *c = ctx;
    datum_unref(c->x);
    datum_unref(c->y);
    datum_unref(c->out);
    err_clear(&c->e);
    mem_free(c);
}

nd *long_run(interp *in, long_op f, double ns, const nd *x, const nd *y, int axis, err *e)
{
    if (ns < LONG_NS || x->dtype == DT_object || (y && y->dtype == DT_object))
        return f(x, y, axis, e);
    long_call *c = mem_zero(sizeof *c);
    *c = (long_call){.f = f, .x = own_view(x), .y = own_view(y), .axis = axis};
    if (!interp_aside(in, work, drop, c)) return NULL;
    nd *out = c->out;
    c->out = NULL;
    err_move(e, &c->e);
    drop(c);
    return out;
}

/* ---- what takes long ---- */

static nd *matmul(const nd *x, const nd *y, int axis, err *e)
{
    (void)axis;
    return nd_matmul(x, y, e);
}

static nd *dot(const nd *x, const nd *y, int axis, err *e)
{
    (void)axis;
    return nd_dot(x, y, e);
}

static nd *sort(const nd *x, const nd *y, int axis, err *e)
{
    (void)y;
    return nd_sort(x, axis, e);
}

static nd *argsort(const nd *x, const nd *y, int axis, err *e)
{
    (void)y;
    return nd_argsort(x, axis, false, e);
}

static nd *argsort_stable(const nd *x, const nd *y, int axis, err *e)
{
    (void)y;
    return nd_argsort(x, axis, true, e);
}

/* A multiply and add for every element of x and every column of y. */
static double product_ns(const nd *x, const nd *y)
{
    double columns = y->ndim > 1 ? (double)nd_shape(y)[y->ndim - 1] : 1;
    bool fast = x->dtype == DT_float64 || x->dtype == DT_float32;
    return (double)nd_count(x) * columns * (fast ? 0.1 : 2);
}

nd *long_matmul(interp *in, const nd *x, const nd *y, err *e)
{
    return long_run(in, matmul, product_ns(x, y), x, y, 0, e);
}

nd *long_dot(interp *in, const nd *x, const nd *y, err *e)
{
    return long_run(in, dot, product_ns(x, y), x, y, 0, e);
}

static double sort_ns(const nd *x)
{
    double n = (double)nd_count(x);
    return n > 1 ? n * log2(n) : 0;
}

nd *long_sort(interp *in, const nd *x, int axis, err *e)
{
    return long_run(in, sort, sort_ns(x), x, NULL, axis, e);
}

nd *long_argsort(interp *in, const nd *x, int axis, bool stable, err *e)
{
    return long_run(in, stable ? argsort_stable : argsort, sort_ns(x), x, NULL, axis, e);
}
