/* lang/frame.h - a function in progress: registers on a heap stack, never on the C stack.
 *
 * Every register owns what it holds; a dead temporary holds no object. So leaving a frame,
 * by return or by exception, means releasing all of its registers. */
#pragma once

#include "lang/code.h"

enum frame_flags {
    FRAME_ENTRY = 1, /* returning from it leaves vm_run */
    FRAME_INIT = 2,  /* an __init__: its caller gets `self` */
    FRAME_GEN = 4,   /* belongs to a generator: its registers live in there */
    FRAME_NEXT = 8,  /* a generator resumed by NEXT or SEND: exhaustion jumps */
};

struct func;
struct gen;

struct frame {
    const insn *ip;  /* the instruction in progress */
    value *r;        /* registers */
    link *link;
    struct func *fn; /* counted by whoever called; NULL: module or class body without closure */
    dict *globals;
    dict *locals;    /* namespace of a class or module body; NULL in functions */
    value names;     /* class body whose namespace is not a plain dict */
    tuple *closure;
    value handled;   /* the exception whose except clause runs; FAIL */
    frame *back;
    value self;      /* FRAME_INIT: the instance */
    struct gen *gen; /* FRAME_GEN */
    uint16_t dst;    /* register of the caller that gets the result */
    uint8_t flags;
    value *top_end;  /* end of the segment before this frame, when it opened a new one */
};

/* Runs f, which is in->frame and flagged FRAME_ENTRY, to its end. */
value vm_run(interp *in);
/* A new frame on top with nreg registers at r (or a new place when NULL), not yet linked. */
frame *frame_push(interp *in, link *l, value *r);
void frame_pop(interp *in); /* releases the registers of in->frame */

/* Runs the code of a module or class body. ns may be any mapping value for class bodies. */
value code_run(interp *in, link *l, dict *globals, value ns, tuple *closure);
dict *frame_globals(interp *in);        /* lends, NULL when nothing runs */
value frame_locals(interp *in, frame *f); /* the dict locals() gives */
uint32_t frame_at(const frame *f);      /* index of the instruction in progress */
