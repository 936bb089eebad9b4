/* engine/plan/reuse.c - a result written where it will stay, or in the place of an input that
 * nobody else will look at.
 *
 * A block of the array that is being put together is written there.  Else an elementwise task
 * whose large input has no consumer left but this task, and no other holder, writes its result
 * over it: no fresh pages, and one block less in memory at a time. */
#include <stdatomic.h>
#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ufunc.h"
#include "engine/plan/program.h"

enum { WORTH = 1 << 16 }; /* bytes; smaller blocks come from malloc, which keeps them warm */

/* Is x a whole buffer of our own, held by the task's input alone? */
static bool sole(const plan *p, tid t, const nd *x)
{
    const task *from = &p->task[t];
    size_t bytes = (size_t)nd_count(x) * x->size;
    if (bytes < WORTH || !(x->flags & ND_C) || !(x->b->flags & BUF_POOL)) return false;
    if (x->b->flags & ~(uint32_t)(BUF_POOL | BUF_COUNTED) || x->at != x->b->data ||
        buf_shared(x->b))
        return false;
    if (from->flags & (TASK_WANTED | TASK_DONE)) return false;
    return atomic_load_explicit(&from->uses, memory_order_acquire) == 1 &&
           atomic_load_explicit(&((nd *)(uintptr_t)x)->hdr.rc, memory_order_acquire) == 1;
}

/* Has the result the type and shape of x? */
static bool fits(const ufunc *f, dtype_of want, uint32_t n, const nd *const *in, const nd *x)
{
    operand of[UFUNC_MAXARG];
    ufunc_plan how;
    err e = {0};
    int ndim;
    int64_t shape[ND_MAXDIM];
    for (uint32_t k = 0; k < n; k++) of[k] = operand_of(in[k]);
    bool ok = shape_broadcast((int)n, in, &ndim, shape, &e) &&
              ufunc_resolve(f, of, want, 's', &how, &e) && how.arg[n].dt == x->dtype &&
              how.arg[n].size == x->size && how.arg[n].unit == x->unit && ndim == x->ndim &&
              !memcmp(shape, nd_shape(x), (size_t)ndim * sizeof *shape);
    for (uint32_t k = 0; ok && k < n; k++) ok = how.arg[k].dt == in[k]->dtype;
    err_clear(&e);
    return ok;
}

nd *task_reusable(const task_run *r, const task_view *v, datum *const *in)
{
    const task *t = &r->p->task[r->t];
    const nd *x[UFUNC_MAXARG];
    dtype_of want;
    int out;
    if (r->p->prog[t->prog]->nstep != 1) return NULL;
    const ufunc *f = v->f && v->f->flags & FN_ELEMENTWISE ? fn_as_ufunc(v->f, &want, &out) : NULL;
    if (!f || f->nout != 1 || f->nin != (int)v->nin || t->nin != v->nin) return NULL;
    for (uint32_t k = 0; k < v->nin; k++) {
        x[k] = as_nd(in[k]);
        if (!x[k] || !dtype_is_number(x[k]->dtype)) return NULL;
    }
    nd *seat = plan_seat(r->p, r->t);
    if (seat && fits(f, want, v->nin, x, seat)) return seat;
    datum_unref(seat);
    for (uint32_t k = 0; k < v->nin; k++)
        if (sole(r->p, r->p->in[t->in + k], x[k]) && fits(f, want, v->nin, x, x[k]))
            return nd_ref((nd *)(uintptr_t)x[k]);
    return NULL;
}
