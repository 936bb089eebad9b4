/* stdlib/numpy/long.c - operations on large blocks, aside: Ctrl-C need not wait. */
#include "stdlib/numpy/long.h"

#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/sort.h"
#include "lang/aside.h"

static const double LONG_NS = 10e6; /* a thread of its own costs 0.05e6 */

typedef struct long_call { /* owns views of its operands and what came of them */
    long_work f;
    long_job j;
    bool ok;
    err e;
} long_call;

static nd *own_view(const nd *x)
{
    return x ? nd_view(x->b, x->at, nd_type(x), x->ndim, nd_shape(x), nd_strides(x)) : NULL;
}

static void work(void *ctx)
{
    long_call *c = ctx;
    c->ok = c->f(&c->j, &c->e);
}

static void drop(void *ctx)
{
    long_call *c = ctx;
    for (int i = 0; i < c->j.nin; i++) datum_unref((void *)(uintptr_t)c->j.in[i]);
    for (int i = 0; i < LONG_OUT; i++) datum_unref(c->j.out[i]);
    mem_free(c->j.text);
    err_clear(&c->e);
    mem_free(c);
}

/* The program has gone on without it: what it held is not to be kept for reuse. */
static void give_up(void *ctx)
{
    drop(ctx);
    buf_pool_give_up();
}

static bool has_objects(const long_job *j)
{
    for (int i = 0; i < j->nin; i++)
        if (j->in[i]->dtype == DT_object) return true;
    return false;
}

bool long_do(interp *in, long_work f, double ns, long_job *j, err *e)
{
    if (ns < LONG_NS || has_objects(j)) return f(j, e);
    long_call *c = mem_zero(sizeof *c);
    *c = (long_call){.f = f, .j = *j};
    for (int i = 0; i < j->nin; i++) c->j.in[i] = own_view(j->in[i]);
    c->j.text = j->text ? mem_dup(j->text) : NULL;
    if (!interp_aside(in, work, give_up, c)) return false;
    for (int i = 0; i < LONG_OUT; i++) {
        j->out[i] = c->j.out[i];
        c->j.out[i] = NULL;
    }
    memcpy(j->n, c->j.n, sizeof j->n);
    bool ok = c->ok;
    err_move(e, &c->e);
    drop(c);
    return ok;
}

nd *long_one(interp *in, long_work f, double ns, long_job *j, err *e)
{
    return long_do(in, f, ns, j, e) ? j->out[0] : NULL;
}

/* ---- done here, beside other threads ---- */

static bool is_much(int n, const nd *const *x)
{
    enum { MUCH = 1 << 18 }; /* elements: handing over takes 0.1 ms */
    bool much = false;
    for (int i = 0; i < n; i++) {
        if (x[i]->dtype == DT_object) return false;
        much |= nd_count(x[i]) >= MUCH;
    }
    return much;
}

void apart_begin(interp *in, apart *a, int n, const nd *const *x)
{
    *a = (apart){.n = n};
    a->own = threads_several(in) && is_much(n, x);
    for (int i = 0; i < n; i++) a->operands[i] = a->own ? own_view(x[i]) : x[i];
    if (a->own) a->out = threads_go_out(in);
}

void apart_end(apart *a)
{
    threads_come_in(a->out);
    for (int i = 0; a->own && i < a->n; i++) datum_unref((void *)(uintptr_t)a->operands[i]);
}

/* ---- what takes long ---- */

LONG1(matmul, nd_matmul(x, y, e))
LONG1(dot, nd_dot(x, y, e))
LONG1(sort, nd_sort(x, (int)j->n[0], e))
LONG1(argsort, nd_argsort(x, (int)j->n[0], j->n[1], e))

/* A multiply and add for every element of x and every column of y. */
static double product_ns(const nd *x, const nd *y)
{
    double columns = y->ndim > 1 ? (double)nd_shape(y)[y->ndim - 1] : 1;
    bool fast = x->dtype == DT_float64 || x->dtype == DT_float32;
    return (double)nd_count(x) * columns * (fast ? 0.1 : 2);
}

nd *long_matmul(interp *in, const nd *x, const nd *y, err *e)
{
    long_job j = {.nin = 2, .in = {x, y}};
    return long_one(in, matmul, product_ns(x, y), &j, e);
}

nd *long_dot(interp *in, const nd *x, const nd *y, err *e)
{
    long_job j = {.nin = 2, .in = {x, y}};
    return long_one(in, dot, product_ns(x, y), &j, e);
}

double long_sort_ns(const nd *x)
{
    const double NO_KEYS = 20; /* compared one with another, not as numbers */
    double n = (double)nd_count(x);
    return n > 1 ? n * log2(n) * (has_keys(x->dtype) ? 1 : NO_KEYS) : 0;
}

nd *long_sort(interp *in, const nd *x, int axis, err *e)
{
    long_job j = {.nin = 1, .in = {x}, .n = {axis}};
    return long_one(in, sort, long_sort_ns(x), &j, e);
}

nd *long_argsort(interp *in, const nd *x, int axis, bool stable, err *e)
{
    long_job j = {.nin = 1, .in = {x}, .n = {axis, stable}};
    return long_one(in, argsort, long_sort_ns(x), &j, e);
}

/* Of a matrix, or a stack of them: so many operations on each element for each of a row. */
double long_factor_ns(const nd *x, double times)
{
    const double AROUND = 1000; /* a small matrix takes no less */
    double n = x->ndim ? (double)nd_shape(x)[x->ndim - 1] : 1;
    return (double)nd_count(x) * (n * times * 0.05 + (n ? AROUND / (n * n) : 0));
}

nd *long_two(interp *in, long_work f, double ns, const nd *x, const nd *y, err *e)
{
    return long_one(in, f, ns, &(long_job){.nin = y ? 2 : 1, .in = {x, y}}, e);
}
