/* lang/types/iter_fast.h - what iter_next() does, inlined for walks over lists and ranges, for the
 * loops in C that do little else. */
#pragma once

#include "lang/types/seq.h"
#include "lang/words.h"

value next_of_any(interp *in, value it); /* items.c */

/* The next item, owned; FAIL at the end, or with an exception. */
WORDS value next_item(interp *in, value it)
{
    const type *t = it.kind == V_OBJ && !safe_point_due(in) ? it.o->type : NULL;
    if (t == &T_list_iter) {
        list_iter *x = (list_iter *)(void *)it.o;
        if (x->of && x->i < x->of->n) return ref_at(&x->of->at[x->i++]);
    } else if (t == &T_range_iter) {
        range_iter *x = (range_iter *)(void *)it.o;
        if (x->left > 0) {
            int64_t at = x->at;
            x->left--;
            x->at = (int64_t)((uint64_t)at + (uint64_t)x->step);
            return v_int(at);
        }
    }
    return next_of_any(in, it);
}
