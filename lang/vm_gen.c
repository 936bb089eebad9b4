/* lang/vm_gen.c - frames of generators: resumed, finished, what a StopIteration inside becomes. */
#include "lang/exc.h"
#include "lang/profile.h"
#include "lang/types/gen.h"
#include "lang/vm.h"
#include "lang/words.h"

/* The frame of a generator ends: by return (value kept) or by exception. */
void gen_finish(interp *in, frame *f)
{
    gen *g = f->gen;
    const uint32_t n = f->link->code->nreg;
    frame_pop(in);
    items_free(in, g->regs, n * sizeof *g->regs);
    g->regs = NULL;
    g->state = GEN_DONE;
}

void gen_convert_stop(interp *in, const gen *g)
{
    bool async = g->hdr.type == &T_async_generator;
    if (!exc_is(in, StopIteration) && !(async && exc_is(in, StopAsyncIteration))) return;
    const char *what = g->hdr.type == &T_coroutine ? "coroutine"
                       : async                     ? "async generator"
                                                   : "generator";
    const char *name = exc_is(in, StopIteration) ? "StopIteration" : "StopAsyncIteration";
    value cause = exc_take(in);
    throw(in, RuntimeError, "%s raised %s", what, name);
    exc *x = as_exc(in->exc);
    if (x) {
        value_unref(in, x->cause);
        value_unref(in, x->context);
        x->cause = value_ref(cause);
        x->context = value_ref(cause);
        x->suppress = true;
    }
    value_unref(in, cause);
}

/* Puts a suspended generator on top, ready to continue with what is sent. False: exception. */
bool gen_resume(interp *in, gen *g, value send, unsigned flags)
{
    if (in->depth >= in->limit) {
        throw(in, RecursionError, "maximum recursion depth exceeded");
        return false;
    }
    frame *f = &g->f;
    f->back = in->frame;
    f->top = in->frame ? in->frame->top : stack_start(in);
    f->flags = (uint8_t)(FRAME_GEN | flags);
    if (g->state == GEN_SUSPENDED) {
        value *at = &f->r[f->ip->c], old = *at;
        *at = value_ref(send);
        value_unref(in, old);
    }
    g->state = GEN_RUNNING;
    in->frame = f;
    in->depth++;
    if (in->profile) profile_enter(in, f);
    return true;
}

bool gen_enter(interp *in, gen *g, value send)
{
    return gen_resume(in, g, send, FRAME_ENTRY);
}

void gen_skip_delegate(interp *in, gen *g)
{
    const insn *at = g->f.ip; /* SEND, YIELD, LOOP, then the result is taken */
    value old = take(&g->regs[at->b]);
    g->f.ip = at + 1;
    value_unref(in, old);
}
