/* lang/types/set_impl.h - between set.c and set_type.c. */
#pragma once

#include "lang/types/dict_impl.h"

set *set_alloc(interp *in, const type *t); /* empty, of a set class */
int set_find_hashed(interp *in, set *s, value key, uint64_t hash);
bool set_add_hashed(interp *in, set *s, value key, uint64_t hash);
int set_discard_hashed(interp *in, set *s, value key, uint64_t hash);
bool set_each(interp *in, value iterable, bool (*f)(interp *, set *, value, uint64_t), set *s);
void set_clear(interp *in, set *s);
value set_pop(interp *in, set *s);
/* into the empty set r */
bool set_intersect(interp *in, set *r, set *s, value with);
bool set_difference(interp *in, set *r, set *s, value other);
/* s -= from, s ^= with */
bool set_subtract(interp *in, set *s, value from);
bool set_toggle(interp *in, set *s, value with);
int set_is_subset(interp *in, set *a, set *b); /* 1 0 -1 */
void set_swap(set *a, set *b);                 /* their members */
