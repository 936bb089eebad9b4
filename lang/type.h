/* lang/type.h - a type: one table of slots.
 *
 * Builtin types are `const type T_name`, shared by all interpreters; user classes
 * are heap objects that begin with a type (struct klass) whose slots call the
 * dunder methods.  A slot left NULL means "not supported", and the generic
 * operations (lang.h) phrase the error.
 *
 * Slots borrow their arguments and return owned results. */
#pragma once

#include "lang/value.h"

typedef struct str str;
typedef struct tuple tuple;
typedef struct dict dict;

// clang-format off
enum binop {
    OP_ADD, OP_SUB, OP_MUL, OP_TRUEDIV, OP_FLOORDIV, OP_MOD, OP_POW, OP_MATMUL,
    OP_LSHIFT, OP_RSHIFT, OP_AND, OP_OR, OP_XOR, OP_DIVMOD, NBINOP
};
enum unop {
    OP_NEG, OP_POS, OP_INVERT, OP_ABS,
    /* conversions: __int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__ __ceil__ */
    OP_INT, OP_FLOAT, OP_COMPLEX, OP_INDEX, OP_ROUND, OP_TRUNC, OP_FLOOR, OP_CEIL, NUNOP
};
enum cmpop { OP_LT, OP_LE, OP_EQ, OP_NE, OP_GT, OP_GE, NCMPOP };
// clang-format on

/* A function of C.  arg[] is complete and in the order of the signature: positional,
 * keyword and defaults are bound; `*args` is one tuple, `**kwargs` one dict. A parameter whose
 * default is written `<unset>` and which was not given arrives as FAIL. */
typedef value (*cfunc)(interp *in, const value *arg);

/* One row of a type's or module's table.  `sig` is Python's own syntax and is all
 * there is to arity, defaults, keywords and help():
 *   "pop(self, index=-1, /)"           method (or module function)
 *   "@classmethod fromkeys(cls, iterable, value=None, /)"
 *   "@staticmethod maketrans(x, y=<unset>, z=<unset>, /)"
 *   "@property shape"                  getter, arg[0] = self
 *   "@setter shape"                    arg[0] = self, arg[1] = the new value (FAIL: del)
 *   "@def full(shape, fill_value)"     what Python has in Python: messages are as for a def
 *   "@numpy zeros(shape, dtype=None)"  what NumPy has in C: messages are those of its parser
 * Defaults are literals: numbers, strings, None, True, False, () or <unset>. */
typedef struct builtin {
    const char *sig;
    cfunc fn;
    const char *doc;
} builtin;

enum type_flags {
    TYPE_HEAP = 1, /* a user class */
    TYPE_BASE = 2, /* user classes may derive from it */
    TYPE_IMMUTABLE =
        4,           /* instances never change and hold only such: they cross threads as they are */
    TYPE_NODICT = 8, /* instances of this heap class have no dict (__slots__) */
    TYPE_GC = 16,    /* a container: instances are swept for cycles; has `visit` */
    TYPE_DICT = 32,  /* instances of this builtin type have a dict, as functions do */
    TYPE_SEQUENCE = 64, /* sequence patterns may match it (beside list and tuple) */
    TYPE_MAPPING = 128, /* mapping patterns may match it (beside dict) */
    TYPE_QUIET = 256,   /* nobody sees when an instance dies (value_quiet in lang.h); as for
                           TYPE_BASE, its subclasses have to say so themselves */
    TYPE_CLAIMS = 512,  /* its __class__ is another type, which isinstance() believes */
};

typedef void (*visitor)(value v, void *ctx);
struct buffer_view;
struct freezer;
struct thawer;
/* How instances of a builtin type cross threads (lang/freeze.h): save writes what load reads. */
typedef struct crossing {
    bool (*save)(struct freezer *f, obj *o); /* false: an exception is pending */
    obj *(*load)(struct thawer *t, const type *cls);
} crossing;

struct type {
    obj hdr;            /* a type is an object of type `type`; builtin ones are OBJ_FROZEN */
    const char *name;   /* "int", "ndarray" */
    const char *module; /* "builtins", "numpy" */
    const char *doc;
    const type *base, *base2; /* NULL: object.  User classes: see klass.mro */
    uint32_t size;            /* bytes of an instance */
    uint32_t flags;
    const builtin *table; /* methods and properties; ends with {0}; may be NULL */
    /* the names that the slots unary and binary serve, " add neg "; NULL: all of them */
    const char *operators;

    /* life */
    void (*drop)(interp *in, obj *o); /* unref what it holds; the core frees o itself */
    void (*visit)(obj *o, visitor visit, void *ctx); /* every value it holds (cycle sweep) */
    /* TYPE_QUIET: is this one so? As value_quiet; NULL: all are */
    bool (*quiet)(const obj *o, int depth);
    const crossing *cross; /* NULL: the rules of lang/freeze.c, or it stays where it is */

    /* protocol */
    value (*make)(interp *in, const type *cls, const value *arg, size_t npos,
                  tuple *kwnames);                      /* cls(...) */
    value (*repr)(interp *in, value self);              /* a str */
    value (*tostr)(interp *in, value self);             /* a str; NULL: repr */
    value (*format)(interp *in, value self, str *spec); /* a str; NULL: str when spec is empty */
    bool (*hash)(interp *in, value self, uint64_t *out);
    int (*truth)(interp *in, value self);      /* 1, 0, -1 failed; NULL: length, else true */
    int64_t (*length)(interp *in, value self); /* -1 failed */
    value (*compare)(interp *in, enum cmpop op, value self, value other); /* may give NOTIMPL */
    value (*unary)(interp *in, enum unop op, value self);                 /* may give NOTIMPL */
    /* self is a when this type is a's, b when it is b's (reflected): look at both. May give NOTIMPL
     */
    value (*binary)(interp *in, enum binop op, value a, value b);
    value (*inplace)(interp *in, enum binop op, value self,
                     value other); /* NULL or NOTIMPL: binary */
    /* binary, where `into` (a or b) is a temporary that nobody else counts: the result may be made
     * in its place.  NULL or NOTIMPL: binary */
    value (*reuse)(interp *in, enum binop op, value a, value b, value into);
    value (*getitem)(interp *in, value self, value key);
    bool (*setitem)(interp *in, value self, value key, value v); /* v FAIL: del self[key] */
    int (*contains)(interp *in, value self, value item);         /* 1 0 -1; NULL: iterate */
    value (*iter)(interp *in, value self);
    value (*next)(interp *in, value self); /* FAIL without a pending exception: exhausted */
    value (*getattr)(interp *in, value self, str *name); /* NULL: generic (type, then dict) */
    bool (*setattr)(interp *in, value self, str *name, value v); /* v FAIL: del; NULL: generic */
    value (*call)(interp *in, value self, const value *arg, size_t npos, tuple *kwnames);
    /* descriptors: `inst` FAIL when looked up on the class itself */
    value (*get)(interp *in, value self, value inst, const type *owner);
    bool (*set)(interp *in, value self, value inst, value v);
    value (*enter)(interp *in, value self); /* with: __enter__, __exit__(exc or None) */
    value (*exit)(interp *in, value self, value exc);
    value (*dir)(interp *in, value self); /* NULL: generic */
    /* its memory (types/memview.h), for writing if so asked; in is NULL where reading cannot fail
     */
    bool (*buffer)(interp *in, value self, bool write, struct buffer_view *out);
};

extern const type T_object, T_type, T_none, T_ellipsis, T_notimplemented;
extern const type T_bool, T_int, T_float, T_complex, T_str, T_bytes, T_bytearray;
extern const type T_list, T_tuple, T_dict, T_set, T_frozenset, T_range, T_slice;
extern const type T_function, T_cfunction, T_method, T_module, T_cell, T_code, T_generator;
extern const type T_coroutine, T_async_generator, T_frame, T_traceback;
extern const type T_property, T_staticmethod, T_classmethod, T_super;

/* head of every `const type` definition: {TYPE_HEAD, .name = ...} */
#define TYPE_HEAD .hdr = {.type = &T_type, .rc = 1, .flags = OBJ_FROZEN}

bool obj_isa(const obj *o, const type *t); /* its class or a subclass of t */
static inline obj *as_obj(value v,
                          const type *t) /* v as an instance of t or a subclass, else NULL */
{
    return v.kind == V_OBJ && (v.o->type == t || obj_isa(v.o, t)) ? v.o : NULL;
}
