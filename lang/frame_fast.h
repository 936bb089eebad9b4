/* lang/frame_fast.h - the usual push and pop of a frame, inlined into the loop; the unusual (a
 * function's first run, a new segment, the recursion limit) stays in frame.c: for that, push_frame
 * and push_call return NULL with nothing done and nothing pending. */
#pragma once

#include "lang/frame.h"
#include "lang/types/func.h"

/* l has run before. */
static inline __attribute__((always_inline)) frame *push_frame(interp *in, frame *back, link *l,
                                                               value *at, uint32_t nargs)
{
    frame *f = in->spare_frames;
    value *temps = (value *)((uintptr_t)at + l->temps), *top = (value *)((uintptr_t)at + l->top);
    if (!f || in->depth >= in->quick_limit || top > in->stack_end) return NULL;
    in->spare_frames = f->back;
    for (value *v = at + nargs; v < temps; v++) v->kind = V_FAIL;
    in->depth++;
    f->ip = l->start;
    f->r = at;
    f->temps = temps;
    f->top = top;
    f->link = l;
    f->k = l->k;
    f->back = back;
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

/* A frame for a call of p with n positional arguments of f's own, which the usual function takes
 * where they are. */
static inline __attribute__((always_inline)) frame *push_call(interp *in, frame *f, func *p,
                                                              value *arg, uint32_t n)
{
    link *l = p->link;
    if (n != l->call || f->flags & FRAME_GEN) return NULL;
    frame *to = push_frame(in, f, l, arg, n);
    return to ? of_function(to, p) : NULL;
}

static __attribute__((noinline)) void registers_drop(interp *in, value *v, const value *end)
{
    for (; v < end; v++) {
        if (v->kind != V_OBJ) continue;
        obj *o = v->o;
        v->kind = V_FAIL;
        if (!(o->flags & OBJ_FROZEN) && --o->rc == 0) obj_free(in, o);
    }
}

/* The end of a plain frame (no flags, no handler), which returns: what it has in its first n
 * registers dies, the others hold no object. */
static inline __attribute__((always_inline)) void pop_frame(interp *in, frame *f, uint32_t n)
{
    for (value *v = f->r, *end = v + n; v < end; v++) {
        if (v->kind != V_OBJ) continue;
        registers_drop(in, v, end);
        break;
    }
    in->frame = f->back;
    in->depth--;
    f->back = in->spare_frames;
    in->spare_frames = f;
}
