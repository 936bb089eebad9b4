/* lang/vm_fast.h - arithmetic, comparisons and truth of the usual operands, inlined into the loop.
 */
#pragma once

#include <math.h>

#include "lang/vm.h"
#include "lang/words.h"

/* The value of a variable that nobody reads again, owned: moved when its end is quiet. */
static inline value last_at(value *p)
{
    value v = value_at(p);
    if (v.kind != V_OBJ) return v;
    if (v.o->type->flags & TYPE_QUIET && value_quiet(v, QUIET_DEPTH))
        TAG(p) = V_NONE;
    else
        value_ref(v);
    return v;
}

/* A variable that nobody reads again lets go of its value when that is quiet. */
static inline void let_die(interp *in, value *p)
{
    if (p->kind != V_OBJ || !(p->o->type->flags & TYPE_QUIET) ||
        !value_quiet(value_at(p), QUIET_DEPTH))
        return;
    value_unref(in, last_at(p));
}

#define BOTH(a, b, k) ((((a).kind ^ (k)) | ((b).kind ^ (k))) == 0)

/* Two floats, or a float and an int that is exactly one. */
static inline bool both_floats(value a, value b, double *x, double *y)
{
    if (BOTH(a, b, V_FLOAT)) {
        *x = a.f;
        *y = b.f;
        return true;
    }
    if (a.kind == V_FLOAT && b.kind == V_INT) {
        *x = a.f;
        *y = (double)b.i;
        return true;
    }
    if (a.kind == V_INT && b.kind == V_FLOAT) {
        *x = (double)a.i;
        *y = b.f;
        return true;
    }
    return false;
}

/* spent: see value_binary_spent() */
static inline value binary_slow(interp *in, unsigned x, enum binop op, value a, value b,
                                unsigned spent)
{
    if (op == OP_ADD && BOTH(a, b, V_OBJ) && a.o->type == &T_str && b.o->type == &T_str) {
        return v_obj(str_concat(in, (str *)a.o, (str *)b.o));
    }
    if (x & 128) return value_inplace(in, op, a, b);
    return a.kind == V_OBJ || b.kind == V_OBJ ? value_binary_spent(in, op, a, b, spent)
                                              : value_binary(in, op, a, b);
}

static inline int compare_ints(unsigned op, int64_t a, int64_t b)
{
    switch (op) {
    case OP_LT: return a < b;
    case OP_LE: return a <= b;
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_GT: return a > b;
    default: return a >= b;
    }
}

static inline int compare_floats(unsigned op, double a, double b)
{
    switch (op) {
    case OP_LT: return a < b;
    case OP_LE: return a <= b;
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_GT: return a > b;
    default: return a >= b;
    }
}

/* Truth of a comparison: 1, 0, -1 failed. */
static __attribute__((unused)) int compare_truth(interp *in, unsigned op, value a, value b)
{
    if (BOTH(a, b, V_INT)) return compare_ints(op, a.i, b.i);
    if (BOTH(a, b, V_FLOAT)) return compare_floats(op, a.f, b.f);
    double x, y; /* an int so small is a float exactly, and a float so small below any other int */
    if (both_floats(a, b, &x, &y) && fabs(x) < 0x1p52) return compare_floats(op, x, y);
    if (BOTH(a, b, V_OBJ) && a.o->type == &T_str && b.o->type == &T_str &&
        (op == OP_EQ || op == OP_NE)) {
        return str_eq((str *)a.o, (str *)b.o) == (op == OP_EQ);
    }
    value v = value_compare(in, (enum cmpop)op, a, b);
    if (v.kind == V_BOOL) return (int)v.i;
    if (v.kind == V_FAIL) return -1;
    int t = value_truth(in, v);
    value_unref(in, v);
    return t;
}

static inline int truth(interp *in, value v)
{
    if (v.kind == V_BOOL || v.kind == V_INT) return v.i != 0;
    if (v.kind == V_OBJ && v.o->type == &T_list) return ((list *)v.o)->n != 0;
    return v.kind == V_NONE ? 0 : value_truth(in, v);
}
