/* lang/bin.h - what dies while somebody waits for the prompt: dropped in pieces, later.
 *
 * After a Ctrl-C, until the prompt is there or the program has handled it, the interpreter is in
 * haste: large containers leave what they held here, and objects that die within others wait for
 * their turn.  Safe points, the prompt and sweeps go on with it. */
#pragma once

#include "lang/interp.h"

typedef struct pile {      /* items that a container has let go of */
    char *next;            /* the item to be dropped next */
    ptrdiff_t step;        /* from it to the one after */
    int64_t n;             /* items left */
    uint32_t from, nvalue; /* where in an item its values are, and how many */
    void *block;           /* what to free in the end */
    size_t bytes;          /* for items_free, unless: */
    void (*end)(void *block);
    obj *owner; /* the items lie in this object, which goes with them; NULL: in the block */
} pile;

enum { PILE_LEAST = 4096 };

/* Drops everything in a pile of PILE_LEAST items or more, now or later. */
void pile_drop(interp *in, pile p);

/* Drops some of what waits, when there is time: false: nothing is left, or there is none. */
bool bin_some(interp *in);
bool bin_empty(interp *in); /* all of it; false: interrupted */
bool bin_waits(const interp *in);

/* Has somebody pressed Ctrl-C who still waits for the prompt? */
static inline bool hurries(const interp *in)
{
    if (in->haste) return true;
    if (in->home || in->patient || !in->host.signal) return false;
    return atomic_load_explicit(in->host.signal, memory_order_relaxed);
}

/* ---- gc.c ---- */

void obj_unlist(interp *in, obj *o);  /* the sweep shall not meet it */
void obj_release(interp *in, obj *o); /* gives the memory back */
void trash_some(interp *in);
void relink_some(interp *in);
bool sweep_some(interp *in); /* false: it is over */
