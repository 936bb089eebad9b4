/* lang/types/list.h - between list.c, list_methods.c and sort.c. */
#pragma once

#include "lang/types/iter.h"
#include "lang/types/seq.h"

extern const builtin list_table[];

bool list_reserve(interp *in, list *l, int64_t cap);
void list_trim(interp *in, list *l); /* gives room back after items have gone */
void list_clear(interp *in, list *l);
list *list_from(interp *in, const value *at, int64_t n); /* counts them */
/* Replaces items [lo, hi) by n others, which it counts. */
bool list_splice(interp *in, list *l, int64_t lo, int64_t hi, const value *from, int64_t n);
