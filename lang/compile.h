/* lang/compile.h - syntax tree -> bytecode; needs no interpreter. */
#pragma once

#include "lang/code.h"
#include "lang/parser.h"

enum compile_flags {
    COMPILE_ECHO = 1,      /* the value of a last expression statement is the cell's */
    COMPILE_AWAIT = 2,     /* await at the top level makes the module a coroutine */
    COMPILE_NAMESPACE = 4, /* names go through a namespace that is not the globals (exec) */
    COMPILE_EVAL = 8,      /* an expression: its value is returned */
    COMPILE_ALONE = 16,    /* a program: nobody reads its names but itself */
};
typedef struct doubt { /* a SyntaxWarning */
    uint32_t line;
    const char *text;
    struct doubt *next;
} doubt;
doubt *doubts_find(arena *mem, const ast *tree); /* in the order of the text; lives in mem */

/* NULL: *why says what is wrong. `mem` holds temporaries and the texts of *why. */
bytecode *compile(arena *mem, const ast *tree, const char *filename, unsigned flags,
                  syntax_error *why);
