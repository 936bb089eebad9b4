/* lang/types/func.h - functions, methods, cells, generators: what calls are made of. */
#pragma once

#include "lang/frame.h"

typedef struct cell {
    obj hdr;
    value v;
} cell;

typedef struct func {
    obj hdr;
    link *link;
    dict *globals;
    tuple *defaults, *closure; /* NULL: none */
    dict *kwdefaults, *annotations;
    str *name, *qualname;
    value doc, module;
} func;

typedef struct method { /* a function bound to its first argument */
    obj hdr;
    value f, self;
} method;

struct sig;
typedef struct cfunction {
    obj hdr;
    const builtin *row;
    const struct sig *sig; /* NULL: not parsed yet */
    value self;            /* FAIL: unbound, or a plain function */
    const type *owner;     /* of a method */
    str *name;
    const char *module;
    unsigned plain; /* 1 + n: takes n positional arguments as they come, the first, if it has an
                       owner, an instance of that; 0: not so simple, or not known yet */
} cfunction;

typedef struct slotmethod { /* int.__add__: a slot under its dunder name */
    obj hdr;
    const struct dunder *row;
    const type *owner;
    value self; /* FAIL: unbound */
} slotmethod;

typedef struct getset { /* an attribute computed by C */
    obj hdr;
    const builtin *get, *set;
    const type *owner;
    str *name;
} getset;

typedef struct wrapper { /* staticmethod, classmethod */
    obj hdr;
    value f;
} wrapper;

typedef struct property {
    obj hdr;
    value get, set, del, doc;
    str *name;
} property;

typedef struct gen {
    obj hdr;
    frame f;
    value *regs;
    func *fn; /* NULL: code of a module */
    dict *globals;
    str *name, *qualname;
    uint8_t state; /* GEN_NEW ... */
    bool closing;
} gen;
enum gen_state { GEN_NEW, GEN_SUSPENDED, GEN_RUNNING, GEN_DONE };

extern const type T_slotmethod, T_getset;

cell *cell_new(interp *in, value v);                /* takes v */
func *func_new(interp *in, link *l, dict *globals); /* counts both */
value method_new(interp *in, value f, value self);  /* counts both */
/* One item: 1 yielded, 0 returned (out: its value), -1 raised. `send` is borrowed. */
int gen_send(interp *in, gen *g, value send, value *out);
value gen_throw(interp *in, value g, value exc); /* takes exc, an instance */
gen *gen_new(interp *in, func *fn, frame *f);    /* moves the registers of f out; pops it */

static inline func *as_func(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_function ? (func *)v.o : NULL;
}
static inline cfunction *as_cfunction(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_cfunction ? (cfunction *)v.o : NULL;
}
static inline gen *as_gen(value v)
{
    return v.kind == V_OBJ && (v.o->type == &T_generator || v.o->type == &T_coroutine) ? (gen *)v.o
                                                                                       : NULL;
}

/* ---- binding (call.c) ---- */

typedef struct sig {                         /* a signature text, parsed */
    uint16_t nparam, npos, posonly, nkwonly; /* nparam: all, with * and ** */
    uint16_t required;                       /* leading parameters without a default */
    int16_t star, kwargs;                    /* index of the parameter, -1 */
    bool simple;                             /* neither star nor keywords-only */
    bool optional;                           /* all keywords-only have defaults */
    char kind;                               /* 'm'ethod or function, 'c'lass, 's'tatic, 'p', 'w' */
    str *fname, *qual;                       /* name; "list.append", NULL: just the name */
    str **name;
    value *dflt; /* FAIL: none; UNSET (a V_FAIL with aux 1): <unset> */
    bool *has_default;
} sig;

const sig *sig_of(interp *in, const builtin *row);
const sig *sig_of_text(interp *in, const void *key, const char *text);
value cfunction_call(interp *in, cfunction *f, const value *arg, size_t npos, tuple *kwnames);
/* Puts the arguments of a call into r[0 .. nlocal): takes the values of arg[], which may be
 * r itself. False: exception; the arguments and the registers are released. */
bool func_bind(interp *in, func *f, value *r, value *arg, size_t npos, tuple *kwnames);
value func_call(interp *in, func *f, const value *arg, size_t npos, tuple *kwnames);

value code_value(interp *in, link *l); /* the code object */
link *code_of_value(value v);          /* lends; NULL: no code object */
const char *dunder_name(const slotmethod *m);
bool is_member(value v); /* an attribute of __slots__ */
