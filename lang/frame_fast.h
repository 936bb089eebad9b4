/* lang/frame_fast.h - the usual push and pop of a frame, inlined into the loop; the unusual (a
 * function's first run, a new segment, the recursion limit) stays in frame.c. */
#pragma once

#include "lang/frame.h"
#include "lang/types/func.h"

static inline __attribute__((always_inline)) frame *push_frame(interp *in, link *l, value *r,
                                                               uint32_t nargs)
{
    uint32_t nreg = l->code->nreg, nlocal = l->code->nlocal;
    frame *f = in->spare_frames, *back = in->frame;
    value *at = r ? r : back->top;
    if (!f || !l->k || in->depth >= in->limit || in->stack_end - at < (ptrdiff_t)nreg) {
        return frame_push(in, l, r, nargs);
    }
    in->spare_frames = f->back;
    for (uint32_t i = nargs; i < nlocal; i++) at[i].kind = V_FAIL;
    in->depth++;
    f->ip = l->code->insn - 1;
    f->r = at;
    f->top = at + nreg;
    f->link = l;
    f->k = l->k;
    f->nlocal = (uint16_t)nlocal;
    f->back = back;
    f->handled.kind = V_FAIL;
    f->ns.kind = V_FAIL;
    f->flags = 0;
    in->frame = f;
    return f;
}

static inline __attribute__((always_inline)) frame *of_function(frame *f, func *p)
{
    f->fn = p;
    f->globals = p->globals;
    f->closure = p->closure;
    return f;
}

/* A frame for a call of p that binds its arguments. NULL: exception. */
static inline frame *push_bound(interp *in, func *p, value *arg, size_t npos, tuple *names)
{
    frame *f = in->frame, *to = push_frame(in, p->link, NULL, 0);
    if (!to) return NULL;
    in->frame = f; /* errors of binding belong to the caller */
    bool ok = func_bind(in, p, to->r, arg, npos, names);
    in->frame = to;
    if (ok) return of_function(to, p);
    frame_pop(in);
    return NULL;
}

/* The same for n positional arguments, which the usual function takes where they are. */
static inline __attribute__((always_inline)) frame *push_call(interp *in, func *p, value *arg,
                                                              uint32_t n)
{
    const bytecode *c = p->link->code;
    if (!(c->flags & CODE_SIMPLE) || n != c->argcount || in->frame->flags & FRAME_GEN)
        return push_bound(in, p, arg, n, NULL);
    frame *to = push_frame(in, p->link, arg, n);
    return to ? of_function(to, p) : NULL;
}

/* The end of a plain frame (no flags, no handler), which returns: what it has in its first n
 * registers dies, the others hold no object. */
static inline __attribute__((always_inline)) void pop_frame(interp *in, frame *f, uint32_t n)
{
    for (value *v = f->r, *end = v + n; v < end; v++) {
        if (v->kind != V_OBJ) continue;
        obj *o = v->o;
        v->kind = V_FAIL;
        if (!(o->flags & OBJ_FROZEN) && --o->rc == 0) obj_free(in, o);
    }
    in->frame = f->back;
    in->depth--;
    f->back = in->spare_frames;
    in->spare_frames = f;
}
