/* stdlib/numpy/subclass.h - classes derived from ndarray, and other classes that take part.
 *
 * An instance of a user's class over ndarray is an ndarray whose class is a heap type: views,
 * copies and results of functions of it are of its class, and pass __array_finalize__.  A class of
 * another kind takes part by __array_ufunc__, __array_wrap__ and __array_priority__. */
#pragma once

#include "lang/lang.h"
#include "stdlib/numpy/numpy.h"

/* of a class of the language, an array or not */
static inline bool is_heap(value v)
{
    return v.kind == V_OBJ && v.o->type->flags & TYPE_HEAP;
}

static inline bool is_subarray(value v)
{
    return is_heap(v) && as_ndarray(v);
}

/* What the class of v has for that name, unless it is ndarray's own: borrowed, FAIL: nothing. */
value own_hook(interp *in, value v, const char *name);
/* The class's __array_finalize__ of a new array, made from `from` (None: from nothing). */
bool array_finalize(interp *in, ndarray *a, value from);
/* A view of a as that class, which derives from ndarray or is it. */
value array_as(interp *in, const type *cls, ndarray *a);
/* a's memory (its own, or the view that it is) as an array of the class of `like`. */
value array_typed(interp *in, value like, ndarray *a);
/* r (taken), computed from `like` alone, as what the class of `like` makes of results. */
value array_kept(interp *in, value like, value r);
/* The same of a result of several arrays: one of them, by priority, gives the class. */
value array_kept_of(interp *in, const value *arg, size_t n, value r);
/* The same for a list of arrays, where only a priority above ndarray's counts. */
value array_kept_joined(interp *in, value arrays, value r);
/* Which of the operands the result of a ufunc is made for: by priority; FAIL: none, an array. */
value wrapping_of(interp *in, const value *arg, size_t n);
/* The result r (taken) of a ufunc called with arg, given to the operand it is made for. */
value array_wrapped(interp *in, value called, const value *arg, size_t n, value r);
/* a op b where one is of a user's class: FAIL without an exception when nothing about it is
 * special; `into`: an operator in place */
value subclass_binary(interp *in, const ufunc *f, value a, value b, const char *reflected,
                      bool into);

value array_get_data(interp *in, const value *arg);
value array_get_priority(interp *in, const value *arg);
value array_hook_reduce(interp *in, const value *arg);
value array_hook_setstate(interp *in, const value *arg);
value array_hook_deepcopy(interp *in, const value *arg);
value array_hook_finalize(interp *in, const value *arg);
value array_hook_wrap(interp *in, const value *arg);
value array_hook_prepare(interp *in, const value *arg);
value array_hook_ufunc(interp *in, const value *arg);
value array_hook_function(interp *in, const value *arg);

/* A method or function of one array whose arrays are of that array's class: keeps_x runs x. */
#define KEEPS(name)                                                                                \
    static value keeps_##name(interp *in, const value *arg)                                        \
    {                                                                                              \
        value r = name(in, arg);                                                                   \
        return is_subarray(arg[0]) && as_ndarray(r) ? array_kept(in, arg[0], r) : r;               \
    }
