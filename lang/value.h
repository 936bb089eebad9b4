/* lang/value.h - what a name holds: a 16-byte tagged value, and the header of heap objects.
 *
 * Ints that fit int64, floats, bools, None and NumPy scalars live in the value
 * itself; everything else is a counted obj.  Counts are plain: an obj belongs to
 * one interpreter, unless OBJ_FROZEN, when it is immutable, uncounted and lives as
 * long as the capsule (or the program) that holds it.
 *
 * Failure is the value FAIL, with the exception pending in the interpreter. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct interp interp;
typedef struct type type;
typedef struct obj obj;

enum vkind { V_FAIL, V_NONE, V_BOOL, V_INT, V_FLOAT, V_SCALAR, V_OBJ };

typedef struct value {
    uint32_t kind;
    uint32_t aux; /* of V_SCALAR: which scalar type (the low byte), and what its owner adds */
    union {
        int64_t i;     /* V_INT, V_BOOL (0 or 1) */
        double f;      /* V_FLOAT */
        uint64_t bits; /* V_SCALAR: the element's bytes */
        obj *o;        /* V_OBJ */
    };
} value;

enum obj_flags {
    OBJ_FROZEN = 1, /* immutable, shared between interpreters, never counted */
    OBJ_GC = 2,     /* a container: on its interpreter's list for the cycle sweep */
    OBJ_DICT = 4,   /* has an instance dict in its prefix (instances of user classes) */
    OBJ_DEAD = 8,   /* its __del__ has run */
    OBJ_NAME = 16,  /* an interned str: lives as long as the interpreter */
    OBJ_FLAT = 64,  /* holds nothing, whatever its type may hold else */
    OBJ_KEPT = 32,  /* dead, but what it holds is dropped later (lang/bin.h) */
};

struct obj { /* 16 bytes; what may stand in front of it: lang/gc.c */
    const type *type;
    uint32_t rc;
    uint16_t flags, gc; /* gc: size of its block, for lang/gc.c */
};

#define FAIL ((value){0})
#define NONE ((value){.kind = V_NONE})

static inline value v_bool(bool b)
{
    return (value){.kind = V_BOOL, .i = b};
}
static inline value v_int(int64_t i)
{
    return (value){.kind = V_INT, .i = i};
}
static inline value v_float(double f)
{
    return (value){.kind = V_FLOAT, .f = f};
}
/* Takes the caller's reference. NULL gives FAIL, so that `return v_obj(list_new(...))` works. */
static inline value v_obj(void *o)
{
    return o ? (value){.kind = V_OBJ, .o = (obj *)o} : FAIL;
}
static inline bool is_fail(value v)
{
    return v.kind == V_FAIL;
}
static inline bool is_none(value v)
{
    return v.kind == V_NONE;
}

static inline value value_ref(value v)
{
    if (v.kind == V_OBJ && !(v.o->flags & OBJ_FROZEN)) v.o->rc++;
    return v;
}
static inline void *obj_ref(void *p)
{
    obj *o = (obj *)p;
    if (o && !(o->flags & OBJ_FROZEN)) o->rc++;
    return p;
}
void obj_free(interp *in, obj *o); /* the count has reached zero */
static inline void value_unref(interp *in, value v)
{
    if (v.kind == V_OBJ && !(v.o->flags & OBJ_FROZEN) && --v.o->rc == 0) obj_free(in, v.o);
}
static inline void obj_unref(interp *in, void *p) /* NULL is fine */
{
    obj *o = (obj *)p;
    if (o && !(o->flags & OBJ_FROZEN) && --o->rc == 0) obj_free(in, o);
}
