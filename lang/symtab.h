/* lang/symtab.h - which scope every name belongs to: local, cell, free or global. */
#pragma once

#include "lang/ast.h"
#include "lang/parser.h"

enum symbol_flags {
    SYM_PARAM = 1,
    SYM_BOUND = 2, /* assigned here */
    SYM_USED = 4,
    SYM_GLOBAL = 8, /* declared so */
    SYM_NONLOCAL = 16,
    SYM_CELL = 32, /* bound here, used by an inner function */
    SYM_FREE = 64, /* bound by an enclosing function */
    SYM_DEL = 128, /* may become unbound again */
    SYM_ANNOT = 256,
};

typedef struct symbol {
    const char *name;
    uint32_t flags;
    const ast *declared; /* by this global or nonlocal statement */
    int reg;             /* register when local or cell; index in free */
    int free;
} symbol;

enum scope_kind { SCOPE_MODULE, SCOPE_FUNCTION, SCOPE_CLASS, SCOPE_COMP };

typedef struct scope {
    enum scope_kind kind;
    const ast *node;
    struct scope *parent;
    symbol **sym; /* in order of appearance */
    uint32_t n, cap;
    symbol **index; /* hashed, cap_index slots */
    uint32_t cap_index;
    const char *private_class; /* for __name mangling */
    bool generator, coroutine, walrus, class_cell, nested, has_annotations;
    int in_iterable;     /* inside what a comprehension iterates over */
    bool writes_outside; /* stores to globals or to captured variables */
    struct scope *next;  /* all of them, by node */
} scope;

typedef struct symtab {
    arena *mem;
    scope *scopes[1024]; /* hashed by node */
    scope *top;
    syntax_error *why;
    bool failed;
    bool top_await; /* await is fine at the top level (cells) */
    const char *filename;
} symtab;

/* Fills the table for a tree; false: why is filled. */
bool symtab_build(symtab *t, const ast *root);
scope *symtab_scope(const symtab *t, const ast *node);
symbol *scope_find(const scope *s, const char *name);
/* __name inside class C is _C__name */
const char *mangle(arena *mem, const char *private_class, const char *name);
/* Records a SyntaxError at a node. Always false. */
bool syntax_at(syntax_error *why, arena *mem, const char *filename, const ast *at, const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));
