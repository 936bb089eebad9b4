/* lang/code.h - a compiled function: immutable bytecode, and its link into one interpreter.
 *
 * `code` is a datum: no objects in it, only texts and numbers, so that interpreters share it.
 * `link` holds what one interpreter makes of it: constants as values, interned names and
 * the inline caches.  Functions, frames and generators count their link. */
#pragma once

#include "engine/base/mem.h"
#include "lang/interp.h"

typedef struct insn { /* registers a b c: locals first, then temporaries */
    uint8_t op, x;
    uint16_t a, b, c;
} insn;

enum opcode {
#define OPCODE(name, roles, doc) I_##name,
#include "lang/opcode.def"
    NOPCODE
};

enum insn_role { /* of its fields: see opcode.def */
                 USE_A = 1,
                 USE_B = 2,
                 USE_C = 4,
                 DEF_A = 8,
                 DEF_B = 16,
                 DEF_C = 32,
                 JUMP_C = 64,   /* c is the distance of a jump */
                 JUMP_BC = 128, /* b and c are */
                 ENDS = 256,    /* does not go on with the next one */
                 ASK_A = 512,
                 ASK_B = 1024
};
extern const uint16_t insn_roles[NOPCODE];
enum { DIES_A = 16, DIES_B = 32 }; /* in x: the local is not read again */
enum { MOST_LOADS = 3 };           /* of a call that METHODC or GLOBALC begins */

enum konst_type {
    K_NONE,
    K_FALSE,
    K_TRUE,
    K_ELLIPSIS,
    K_INT,
    K_BIGINT,
    K_FLOAT,
    K_COMPLEX,
    K_STR,
    K_BYTES,
    K_TUPLE,
    K_FROZENSET
};
typedef struct konst {
    uint8_t type;
    size_t n; /* of s or items */
    union {
        int64_t i;
        double f;                  /* K_COMPLEX: imaginary part */
        const char *s;             /* K_BIGINT, K_STR, K_BYTES */
        const struct konst *items; /* K_TUPLE, K_FROZENSET */
    };
} konst;

typedef struct pos { /* of an instruction in the source */
    uint32_t line, end_line, col, end_col;
} pos;

typedef struct range { /* of the exception table; the first row that covers a place counts */
    uint32_t from, to, target;
    uint16_t depth; /* temporaries from this register on die */
    uint8_t kind;
} range;
enum range_kind {
    RANGE_CATCH,   /* continue at target */
    RANGE_RESTORE, /* an except clause is left: the frame's `handled` is in register depth */
};

enum code_flags {
    CODE_VARARGS = 1,
    CODE_VARKW = 2,
    CODE_GENERATOR = 4,
    CODE_COROUTINE = 8,
    CODE_ASYNC_GEN = 16,
    CODE_CLASS = 32, /* body of a class: names go through the namespace */
    CODE_MODULE = 64,
    CODE_HOME = 128,   /* writes globals or captured cells: must run where they live */
    CODE_SIMPLE = 256, /* only positional parameters, no generator: calls need no binding */
    CODE_NESTED = 512,
    CODE_CLASSCELL = 1024, /* a class body with a __class__ cell */
};

typedef struct bytecode {
    datum hdr;
    arena mem;
    const char *name, *qualname, *filename, *doc;
    size_t doc_n;
    const char *source; /* of a function: its text, for display and other processes; may be NULL */
    size_t source_n;
    uint32_t line;
    uint32_t flags;
    uint32_t argcount, posonly, kwonly; /* argcount counts the positional-only ones too */
    uint32_t nparam;                    /* with *args and **kwargs */
    uint32_t nlocal, nreg;              /* registers */
    uint32_t ninsn, nkonst, nsite, nsub, nrange, ncell, nfree;
    const insn *insn;
    const pos *pos; /* NULL: they are packed (lang/pack.h) */
    const char *packed_pos;
    const konst *konst;
    const struct name_text {
        const char *at;
        size_t n;
    } * site; /* a name per inline cache */
    const struct bytecode *const *sub;
    const range *range;
    const char **local;   /* names of the registers below nlocal */
    const uint16_t *cell; /* the locals that are cells */
    const char **free;
    int32_t self_class;  /* index in free of __class__, or -1 */
    uint16_t class_cell; /* of a class body: register of its __class__ cell */
} bytecode;

typedef struct site { /* inline cache of one instruction */
    str *name;
    const type *type;
    uint64_t version, version2;
    uint32_t hint;
    uint8_t how;
    value *at; /* of a global or builtin: its place, as long as that dict has the version */
    value val; /* borrowed */
} site;

struct link {
    bytecode *code; /* counted */
    interp *in;
    uint32_t rc;
    /* for calls: in bytes from the first register, the first temporary and the end */
    uint32_t call, temps, top; /* call: how many positional arguments need no binding */
    const insn *start;         /* one before the first instruction */
    value *k; /* the caches stand in front, the first one last; made for the first run, for most
                 functions never */
    link **sub;
    str *name, *qualname;
    str **param; /* interned names of the parameters that may be named; NULL: none has been yet */
};

link *code_link(interp *in, bytecode *c);        /* counted; NULL: exception */
link *link_sub(interp *in, link *l, uint32_t i); /* lends the link of sub code i */
void link_unref(interp *in, link *l);
void link_fill(interp *in, link *l);   /* constants and caches */
void link_params(interp *in, link *l); /* names of parameters */
static inline site *link_site(const link *l, uint32_t i)
{
    return (site *)(void *)l->k - 1 - i;
}
static inline link *link_ref(link *l)
{
    l->rc++;
    return l;
}
void code_unref(bytecode *c);
extern const datum_kind code_kind;
/* As bytes (code_wire.c): read by the very program that wrote it, or refused. */
bool code_save(const datum *d, struct wire_out *w, err *e);
void *code_load(struct wire_in *r, err *e);
static inline bytecode *as_bytecode(datum *d) /* compiled here or embedded */
{
    return d && d->kind->save == code_save ? (bytecode *)(void *)d : NULL;
}

/* The place of an instruction. */
pos code_pos(const bytecode *c, uint32_t at);
