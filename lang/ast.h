/* lang/ast.h - the syntax tree: Python 3.11's own, node for node and name for name.
 *
 * A tree lives in one arena and dies with it, texts included.  A node is a header plus the
 * fields of its kind: `if (x->kind == N_BinOp) ... x->BinOp.left`.  Only the bytes of its own
 * kind are allocated, so never copy an ast by value.  Texts are UTF-8 and may contain NULs in
 * constants; identifiers are NFKC-normalised, NUL-terminated, and equal ones of one tree are the
 * same pointer.  A lone surrogate in a string literal is kept as its three-byte form. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

enum ast_kind {
    N_Constant,
#define AST(name, fields) N_##name,
#include "lang/ast.def"
    N_COUNT
};

enum ast_op {
#define OPERATOR(name, spelling) O_##name,
#include "lang/ast.def"
    O_COUNT
};

enum ast_ctx { CTX_LOAD, CTX_STORE, CTX_DEL };
enum ast_constant {
    C_NONE,
    C_FALSE,
    C_TRUE,
    C_ELLIPSIS,
    C_INT,
    C_BIGINT,
    C_FLOAT,
    C_IMAG,
    C_STR,
    C_BYTES
};

typedef struct ast ast;
typedef struct ast_text {
    const char *at;
    size_t n;
} ast_text;
typedef struct ast_list {
    ast **at;
    size_t n;
} ast_list;
typedef struct ast_texts {
    ast_text *at;
    size_t n;
} ast_texts;
typedef struct ast_ops {
    uint8_t *at; /* enum ast_op */
    size_t n;
} ast_ops;

struct ast {
    uint8_t kind;   /* enum ast_kind */
    uint8_t ctx;    /* enum ast_ctx */
    uint8_t parens; /* 1: written within its own parentheses (not part of the meaning) */
    /* line from 1, column from 0 in bytes of UTF-8, as lineno and col_offset; end exclusive */
    uint32_t line, col, end_line, end_col;
    union {
        struct {
            uint8_t type; /* enum ast_constant */
            bool u;       /* written u'...' */
            ast_text s;   /* C_STR and C_BYTES; C_BIGINT: digits with prefix 0x 0o 0b, no '_' */
            union {
                int64_t i; /* C_INT */
                double f;  /* C_FLOAT, C_IMAG */
            };
        } Constant;
#define NODE(f)  ast *f;
#define OPT(f)   ast *f;
#define LIST(f)  ast_list f;
#define HOLES(f) ast_list f;
#define TEXT(f)  ast_text f;
#define TEXTS(f) ast_texts f;
#define OP(f)    uint8_t f;
#define OPS(f)   ast_ops f;
#define INT(f)   int f;
/* a leading byte keeps the field-less Pass and Break legal */
#define AST(name, fields)                                                                          \
    struct {                                                                                       \
        uint8_t pad_;                                                                              \
        fields                                                                                     \
    } name;
#include "lang/ast.def"
#undef NODE
#undef OPT
#undef LIST
#undef HOLES
#undef TEXT
#undef TEXTS
#undef OP
#undef OPS
#undef INT
    };
};

/* Calls f for every field in order, with its type, its name and where it lies: for code that treats
 * all nodes alike.  A Constant has none. */
enum ast_field { F_NODE, F_OPT, F_LIST, F_HOLES, F_TEXT, F_TEXTS, F_OP, F_OPS, F_INT };
typedef void ast_visitor(void *data, enum ast_field type, const char *name, const void *at);
void ast_visit(const ast *x, ast_visitor *f, void *data);
/* Calls f for every child in order. */
void ast_each(const ast *x, void (*f)(void *data, const ast *child), void *data);

const char *ast_name(enum ast_kind kind); /* "BinOp" */
const char *ast_op_name(enum ast_op op);  /* "Add" */
const char *ast_op_text(enum ast_op op);  /* "+" */

ast *ast_new(arena *a, enum ast_kind kind);
/* Appends what ast.dump(x) says in Python; with positions each node ends in @line:col-line:col. */
void ast_dump(strbuf *out, const ast *x, bool positions);
