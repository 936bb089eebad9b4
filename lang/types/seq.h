/* lang/types/seq.h - list, tuple, range, and what all sequences share. */
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

/* The result tuple of an iterator that makes one per step: *last again, emptied, when nobody else
 * holds it any more, else a new one. Owned; *last keeps a reference of its own. */
tuple *tuple_again(interp *in, tuple **last, int64_t n);

static inline list *as_list(value v)
{
    return (list *)as_obj(v, &T_list);
}
static inline tuple *as_tuple(value v)
{
    return (tuple *)as_obj(v, &T_tuple);
}

typedef struct range_obj { /* four ints, big ones too; len is derived */
    obj hdr;
    value start, stop, step, len;
} range_obj;

static inline range_obj *as_range(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_range ? (range_obj *)v.o : NULL;
}

/* ---- the iterators a loop meets most, open so that the VM may step them in place ---- */

typedef struct list_iter {
    obj hdr;
    list *of; /* NULL: exhausted */
    int64_t i;
} list_iter;

typedef struct tuple_iter {
    obj hdr;
    tuple *of; /* NULL: exhausted */
    int64_t i;
} tuple_iter;

typedef struct range_iter { /* at, at + step, ... : left of them */
    obj hdr;
    int64_t at, step, left;
} range_iter;

extern const type T_list_iter, T_tuple_iter, T_range_iter;

/* ---- shared by sequences ---- */

/* An int, or whatever has __index__: 1 done, 0 it is no index (nothing pending), -1 failed
 * (IndexError: cannot fit 'int' into an index-sized integer). */
int index_of(interp *in, value v, int64_t *out);
/* key as an offset into n items, negative from the end.  False: TypeError "NAME indices must be
 * integers or slices, not str", IndexError "NAME WHAT out of range". */
bool check_index(interp *in, value key, const int64_t *len, const char *name, const char *what,
                 int64_t *out);
/* Around a container's repr: 1 go on, 0 it is already being shown (print its [...]), -1 failed. */
int repr_enter(interp *in, obj *o);
void repr_leave(interp *in, obj *o);
/* Every mutator asks first: frozen objects are shared between interpreters and never change. */
value trap(interp *in, obj *o); /* raises */
static inline bool check_mutable(interp *in, obj *o)
{
    return !(o->flags & OBJ_FROZEN) || (trap(in, o), false);
}
/* check_stack with CPython's ending: "maximum recursion depth exceeded in comparison" */
bool check_depth(interp *in, const char *doing);
/* Compares as sequences do: == on items, then op on the first pair that differs.  Items are read
 * through pointers because an __eq__ may change a list meanwhile. */
value seq_compare(interp *in, enum cmpop op, value *const *a, const int64_t *n, value *const *b,
                  const int64_t *m);
/* Offset of the first item equal to v in [from, to), -1 none, -2 failed. */
int64_t seq_find(interp *in, value *const *at, const int64_t *n, value v, int64_t from, int64_t to);
/* "[1, 2]" with the given brackets; one_comma: "(1,)" */
value seq_repr(interp *in, value *const *at, const int64_t *n, const char *open, const char *close,
               bool one_comma);
/* n items, every step-th, counted, to where nothing is yet: how many, fewer than n when interrupted
 */
int64_t items_copy(interp *in, value *to, const value *from, int64_t n, int64_t step);
void *lang_grow(interp *in, void *p, int64_t count, size_t size); /* realloc; p kept on failure */
