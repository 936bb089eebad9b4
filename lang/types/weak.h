/* lang/types/weak.h - weak references: know an object without keeping it alive. */
#pragma once

#include "lang/interp.h"

typedef struct weak {
    obj hdr;
    obj *to; /* NULL: it died */
    value callback;
    struct weak *next; /* of the same object */
} weak;

extern const type T_weakref;

value weak_new(interp *in, value to, value callback);
void weak_clear(interp *in, obj *o); /* o dies */
