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

/* how often task k reads the result of task t */
static uint32_t times(const plan *p, const task *k, tid t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->nin; i++) n += p->in[k->in + i] == t;
    return n;
}

/* Is x, an input of task k, a whole buffer of our own that only the result of task t holds, and
 * only k will read? */
static bool sole(const plan *p, const task *k, tid t, const nd *x)
{
    const task *from = &p->task[t];
    size_t bytes = (size_t)nd_count(x) * x->size;
    if (bytes < WORTH || !(x->flags & ND_C) || !(x->b->flags & BUF_POOL)) return false;
    if (x->b->flags & ~(uint32_t)(BUF_POOL | BUF_COUNTED) || x->at != x->b->data ||
        buf_shared(x->b))
        return false;
    if (from->flags & TASK_WANTED) return false;
    return atomic_load_explicit(&from->uses, memory_order_acquire) == times(p, k, t) &&
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
    for (uint32_t k = 0; ok && k < n; k++) ok = !in[k]->ndim || how.arg[k].dt == in[k]->dtype;
    err_clear(&e);
    return ok;
}

/* The first n arguments, if all are arrays of numbers. */
static bool numbers_of(const task_view *v, datum *const *in, uint32_t n, const nd **x)
{
    const call c = {.in = in, .nin = v->nin};
    if (v->narg ? v->narg < n : v->nin < n) return false;
    for (uint32_t k = 0; k < n; k++) {
        const lit own = lit_in(k);
        x[k] = as_nd(arg_datum(&c, v->narg ? &v->arg[k] : &own));
        if (!x[k] || !dtype_is_number(x[k]->dtype)) return false;
    }
    return true;
}

nd *task_reusable(const task_run *r, const task_view *v, datum *const *in)
{
    const task *t = &r->p->task[r->t];
    const nd *x[UFUNC_MAXARG];
    dtype_of want;
    int out;
    if (r->p->prog[t->prog]->nstep != 1 || t->nin != v->nin) return NULL;
    const ufunc *f = v->f && v->f->flags & FN_ELEMENTWISE ? fn_as_ufunc(v->f, &want, &out) : NULL;
    if (!f || f->nout != 1 || !numbers_of(v, in, (uint32_t)f->nin, x)) return NULL;
    const uint32_t n = (uint32_t)f->nin;
    nd *seat = plan_seat(r->p, r->t);
    if (seat && fits(f, want, n, x, seat)) return seat;
    datum_unref(seat);
    for (uint32_t i = 0; i < v->nin; i++) {
        const nd *over = as_nd(in[i]);
        if (over && sole(r->p, t, r->p->in[t->in + i], over) && fits(f, want, n, x, over))
            return nd_ref((nd *)(uintptr_t)over);
    }
    return NULL;
}

/* the places in arrays that are put together of those items of t's tuple that are taken */
static void seat_items(const task_run *r, uint32_t n, nd **place)
{
    const plan *p = r->p;
    const task *t = &p->task[r->t];
    for (uint32_t k = 0; k < t->nsucc; k++) {
        const tid s = p->succ[t->succ + k];
        const program *g = p->prog[p->task[s].prog];
        task_view v;
        uint32_t i;
        err e = {0};
        if (!(p->task[s].flags & TASK_PLACED) || g->nstep != 1) continue;
        if (layer_task(g->by[0], p->task[s].index, r->scratch, &v, &e) && v.f &&
            fn_is_item(v.f, &i) && i < n && !place[i])
            place[i] = plan_seat(p, s);
        err_clear(&e);
    }
}

nd **task_places(const task_run *r, const task_view *v, datum *const *in, uint32_t *n)
{
    const task *t = &r->p->task[r->t];
    *n = v->f && v->f->kind->heirs < v->narg ? v->narg - v->f->kind->heirs : 0;
    if (!*n || !v->f->kind->heirs || r->p->prog[t->prog]->nstep != 1 || t->nin != v->nin)
        return NULL;
    nd **place = arena_alloc(r->scratch, *n * sizeof(nd *));
    memset(place, 0, *n * sizeof(nd *));
    seat_items(r, *n, place);
    for (uint32_t i = 0; i < *n; i++) {
        const lit *x = &v->arg[v->f->kind->heirs + i];
        const nd *over = x->kind == LIT_IN ? as_nd(in[x->i]) : NULL;
        if (!place[i] && over && sole(r->p, t, r->p->in[t->in + x->i], over))
            place[i] = nd_ref(over);
    }
    return place;
}

nd *task_input_over(const task_run *r, dtype_of t, int ndim, const int64_t *shape)
{
    const plan *p = r->p;
    const task *k = &p->task[r->t];
    for (uint32_t i = 0; i < k->nin; i++) {
        nd *x = as_nd(atomic_load_explicit(&p->out[p->in[k->in + i]], memory_order_relaxed));
        if (x && dtype_is_number(t.dt) && x->dtype == t.dt && x->size == t.size &&
            x->unit == t.unit && x->ndim == ndim &&
            !memcmp(shape, nd_shape(x), (size_t)ndim * sizeof *shape) &&
            sole(p, k, p->in[k->in + i], x))
            return nd_ref(x);
    }
    return NULL;
}
