/* lang/parser.h - text -> syntax tree. */
#pragma once

#include "engine/base/err.h"
#include "lang/ast.h"

enum parse_mode {
    PARSE_FILE, /* N_Module */
    PARSE_CELL, /* N_Interactive, of any number of statements; the REPL's mode */
    PARSE_EVAL, /* N_Expression */
};

/* Why a text is no program.  Texts live in the arena given to parse(). */
typedef struct syntax_error {
    enum err_kind kind; /* NO_ERR, SyntaxError, IndentationError, TabError, ... */
    const char *msg;
    const char *filename;
    /* As the attributes lineno, offset, end_lineno, end_offset of Python's SyntaxError: from 1,
     * offsets in characters; 0 or -1 where Python has them so. */
    int line, offset, end_line, end_offset;
    const char *text; /* the source line, with its newline if it has one; NULL: unknown */
    bool incomplete;  /* more lines might complete the program */
    bool py2;         /* no error: the cell was read with Python 2's print statement */
} syntax_error;

/* The tree, allocated in `a`, or NULL with *why filled.  n bytes of text; no NUL is needed after
 * them. filename is lent and only copied into *why. */
ast *parse(arena *a, const char *text, size_t n, const char *filename, enum parse_mode mode,
           syntax_error *why);

/* The lines `  File "x.dsk", line 1`, source, carets and `SyntaxError: ...` as Python prints them.
 */
void syntax_error_show(strbuf *out, const syntax_error *why);
