/* lang/thaw_impl.h - what thaw.c (reading, and in which order), thaw_make.c (objects, still empty)
 * and thaw_fill.c (what they hold) share. */
#pragma once

#include "lang/freeze_impl.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

/* What has been done for an object: its own values, its table; WHOLE: the same for all that it
 * refers to (but for cycles). */
enum { OWN = 1, TABLE = 2, WHOLE = 4, DONE = OWN | TABLE | WHOLE };

struct thawer {
    interp *in;
    capsule *c;
    thawed *t;
    const char *p, *end; /* reading here */
    uint8_t *filled;
    const thaw_inputs *inputs;
    int depth;
    int eager; /* what is made now must be whole at once: code will look at it */
    bool frozen;
};

/* ---- thaw.c: reading; what is damaged reads as zeros ---- */
bool thaw_damaged(thawer *t);
bool thaw_is_there(thawer *t, size_t n);
unsigned thaw_byte(thawer *t);
uint32_t thaw_u32(thawer *t);
const char *thaw_text(thawer *t, size_t *n);
void *thaw_obj(thawer *t, const type *of);
void thaw_skip(thawer *t);
/* The kind of object `id`, behind which the place is then. */
unsigned thaw_enter(thawer *t, uint32_t id);

/* ---- thaw_make.c ---- */
/* The object whose record is here, empty where others may refer to it. */
value thaw_make(thawer *t, uint32_t id);
value thaw_whole_value(thawer *t);
bool thaw_fill_reduced(thawer *t, value v);

/* ---- thaw_fill.c: its own values, then its table of keys ---- */
bool thaw_fill(thawer *t, uint32_t id);
bool thaw_fill_table(thawer *t, uint32_t id);
