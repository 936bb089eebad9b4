/* lang/types/seq.h - list and tuple. */
#pragma once

#include "lang/type.h"

typedef struct list {
    obj hdr;
    int64_t n, cap;
    value *at;
} list;

struct tuple {
    obj hdr;
    int64_t n;
    value at[];
};

list *list_new(interp *in, int64_t cap);
bool list_append(interp *in, list *l, value v); /* counts v */
bool list_add(interp *in, list *l, value v);    /* takes v, even when it fails; FAIL fails */
bool list_extend(interp *in, list *l, value iterable);
list *list_of(interp *in, value iterable);                    /* a new list */
bool list_sort(interp *in, list *l, value key, bool reverse); /* stable; key FAIL or NONE: none */

tuple *tuple_new(interp *in, int64_t n); /* filled with None */
tuple *tuple_of(interp *in, value iterable);
/* tuple_pack(in, 2, a, b): takes the values; any FAIL releases the others and gives NULL */
tuple *tuple_pack(interp *in, int n, ...);
tuple *tuple_from(interp *in, const value *at, int64_t n); /* counts them */

static inline list *as_list(value v)
{
    return (list *)as_obj(v, &T_list);
}
static inline tuple *as_tuple(value v)
{
    return (tuple *)as_obj(v, &T_tuple);
}
