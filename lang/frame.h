/* lang/frame.h - a function in progress: registers on a heap stack, never on the C stack.
 *
 * Every register owns what it holds; a dead temporary holds no object, nor does anything above
 * the newest frame. So a new frame makes only its locals unbound, an exception that leaves one
 * releases all of its registers, and a return the locals and the temporaries alive there.
 *
 * A frame that nobody uses has no flags, no `handled` and no `ns`. */
#pragma once

#include "lang/code.h"

enum frame_flags {
    FRAME_ENTRY = 1,    /* returning from it leaves vm_run */
    FRAME_INIT = 2,     /* an __init__: its caller gets `self` */
    FRAME_GEN = 4,      /* belongs to a generator: its registers live in there */
    FRAME_FN = 8,       /* counts its function */
    FRAME_SEGMENT = 16, /* opened a segment of registers */
    FRAME_THROW = 32,   /* continues by raising what is pending */
    FRAME_LINK = 64,    /* counts its link: the function has another by now */
    FRAME_NOTED = 128,  /* a profile wants to know when it ends */
};

struct func;
struct gen;

struct frame {
    const insn *ip; /* the instruction in progress */
    value *r;       /* registers */
    value *temps;   /* the registers after the locals */
    value *top;     /* where the registers of a callee may begin */
    link *link;
    const value *k;  /* link->k */
    struct func *fn; /* NULL: module or class body */
    dict *globals;
    tuple *closure;
    frame *back;
    value handled;   /* the exception whose except clause runs; FAIL */
    value ns;        /* namespace of a class body, or of a module whose names are not its globals */
    value self;      /* FRAME_INIT: the instance */
    struct gen *gen; /* FRAME_GEN */
    value *old_end;  /* FRAME_SEGMENT: end of the segment before */
    uint16_t dst;    /* register of the caller that gets the result */
    uint8_t flags;
};

/* Continues in->frame, which is flagged FRAME_ENTRY, to its end (or a generator's yield). */
value vm_run(interp *in);
/* A frame on top of in->frame.  r: where its registers are (arguments in place), or NULL for a
 * fresh place. False: RecursionError or MemoryError; nothing was taken. */
frame *frame_push(interp *in, link *l, value *r, uint32_t nargs);
/* A frame on top of in->frame for a call of p, whose arguments it takes: the last ones named. NULL:
 * exception. */
frame *frame_bound(interp *in, struct func *p, value *arg, size_t npos, tuple *names);
/* The same for the Python __init__ of a new instance of cls; its class or nothing is in the place
 * before the arguments. NULL with nothing pending: it takes more than that, and nothing is done. */
frame *frame_init(interp *in, klass *cls, value *arg, size_t npos, tuple *names);
void frame_pop(interp *in);     /* releases the registers of in->frame */
value *stack_start(interp *in); /* of the newest segment; NULL: none yet */
void registers_clear(interp *in, value *r, uint32_t from, uint32_t to);

/* Runs the code of a module (ns FAIL) or class body. */
value code_run(interp *in, link *l, dict *globals, value ns, tuple *closure);
dict *frame_globals(interp *in);                /* lends, NULL when nothing runs */
value frame_locals(interp *in, frame *f);       /* the dict locals() gives, owned */
static inline uint32_t frame_at(const frame *f) /* index of the instruction in progress */
{
    return (uint32_t)(f->ip - f->link->code->insn);
}
