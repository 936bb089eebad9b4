/* lang/parser_impl.h - what the files of the parser share.
 *
 * Recursive descent, one function per production, returning NULL when the text does not fit.  A
 * text that fails is parsed a second time with `hints` on: then the functions also look for the
 * well-known mistakes and say what is wrong with them (parser_hint.c).  The first sentence
 * recorded in *why wins, and from then on everything returns NULL. */
#pragma once

#include <string.h>

#include "lang/lexer.h"

typedef struct parser {
    arena *arena;
    const lexicon *words;
    const char *filename;
    syntax_error *why;
    const syntax_error *token_error; /* what the lexer has to say */
    tokens t;
    uint32_t i;    /* the current token */
    uint32_t far;  /* the furthest token that was looked at when something did not fit */
    uint32_t last; /* the last token taken that is not layout */
    bool hints, py2;
    int budget;  /* with hints: how many more expressions to read */
    bool quiet;  /* with hints: do not look for mistakes just now */
    bool inside; /* an expression within an f-string */
    int nest;    /* functions of the parser waiting for one another */
    int depth;   /* of the tree above; more than nest, because a + b + c nests to the left */
    ast **stack; /* owned; items of lists being read */
    size_t nstack, cap;
    struct names *names;
    /* Where the text stands in the file, for an expression within an f-string: added to every
     * line, and to the columns of the first. */
    uint32_t line0;
    int32_t col0;
} parser;

/* No tree is deeper than MAX_DEPTH: whoever walks one recursively can rely on it. */
enum {
    MAX_DEPTH = 3000,
    MAX_NEST = 600,
    HINTS = 20000
}; /* a second attempt may read what it reads several times over */

/* ---- tokens ---- */

static inline const token *tok(const parser *p)
{
    return &p->t.at[p->i];
}
static inline enum token_type type(const parser *p)
{
    return p->t.at[p->i].type;
}
static inline bool at(const parser *p, enum token_type t)
{
    return p->t.at[p->i].type == t;
}
static inline void advance(parser *p)
{
    if (p->t.at[p->i].type > T_DEDENT) p->last = p->i;
    p->i++;
}
static inline bool take(parser *p, enum token_type t)
{
    if (!at(p, t)) return false;
    advance(p);
    return true;
}
/* The token after the current one. */
static inline enum token_type peek(const parser *p)
{
    return type(p) <= T_ERROR && p->i + 1 >= p->t.n ? T_END : p->t.at[p->i + 1].type;
}
static inline bool word_is(const parser *p, const char *word)
{
    const token *t = tok(p);
    return t->type == T_NAME && t->end - t->at == strlen(word) &&
           !memcmp(p->t.text + t->at, word, t->end - t->at);
}
static inline bool failed(const parser *p)
{
    return p->why->kind != NO_ERR;
}
static inline bool hinting(const parser *p)
{
    return p->hints && !p->quiet && p->budget > 0 && !failed(p);
}

/* Always NULL; notes how far we came. */
void *miss(parser *p);
/* take() or miss(). */
bool need(parser *p, enum token_type t);
/* take() or the error "expected 'x'". */
bool force(parser *p, enum token_type t);
/* One more level, or the error that there are too many; to be left either way. */
bool enter(parser *p);
static inline void leave(parser *p)
{
    p->nest--;
    p->depth--;
}
/* One more level of tree alone; whoever calls it restores p->depth. */
bool deepen(parser *p);
void rewind_to(parser *p, uint32_t i, uint32_t last);
/* With hints on, an operand that does not fit ends the expression before its operator, so that
 * mistakes there are seen: true, and p stands at token i again. */
bool back_off(parser *p, uint32_t i);

/* ---- errors: all return NULL ---- */

typedef struct span {
    uint32_t line, col, end_line;
    int32_t end_col; /* -2: unknown */
} span;
span span_of(const parser *p, const ast *x);
span span_token(const token *t);
span span_join(span a, span b);
span span_to_here(const parser *p, span a); /* to the last character read, as Python counts then */
void *complain(parser *p, enum err_kind kind, span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* At the furthest token looked at. */
void *complain_here(parser *p, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- nodes ---- */

ast *node_at(parser *p, enum ast_kind kind, const token *start);
ast *node_end(parser *p, ast *x); /* ends x with the last token taken */
ast_text name_text(parser *p, const token *t);
void push(parser *p, ast *x);
ast_list pop_list(parser *p, size_t from);

/* ---- productions ---- */

ast *parse_expr(parser *p);            /* expression */
ast *parse_exprs(parser *p);           /* star_expressions: a, *b */
ast *parse_named(parser *p);           /* named_expression: x := e */
ast *parse_named_star(parser *p);      /* star_named_expression */
ast *parse_binary(parser *p, int min); /* operators binding at least so tightly */
ast *parse_yield(parser *p);           /* yield_expr */
ast *parse_yield_or_exprs(parser *p);
ast *parse_comma_list(parser *p, ast *first, ast *(*item)(parser *), const token *start);
bool parse_generators(parser *p, ast_list *out); /* for_if_clauses */
ast *parse_primary(parser *p);
bool parse_call_args(parser *p, ast_list *args, ast_list *keywords); /* behind the '(' */
ast *parse_params(parser *p, enum token_type end); /* T_RPAR: of a def; T_COLON: of a lambda */
ast *parse_lambda(parser *p);
ast *parse_targets(parser *p); /* star_targets, in store context */
ast *parse_for_targets(parser *p);
ast *parse_target(parser *p); /* one of them */
ast *parse_strings(parser *p);
ast *parse_number(parser *p);
bool parse_statements(parser *p, enum token_type end); /* pushes them */
bool parse_block(parser *p, ast_list *out, const char *after, uint32_t line);
ast *parse_match(parser *p);
ast *parse_compound(parser *p);
/* An expression cut out of an f-string, standing at line:col of the file. */
ast *parse_inside(parser *outer, const char *text, size_t n, uint32_t line, int32_t col);
bool expr_may_start(enum token_type t);

bool set_context(ast *x, enum ast_ctx ctx); /* false: x cannot be a target */

/* ---- mistakes (with hints on); NULL or false, always ---- */

void *hint_expr(parser *p, ast *left, const token *start);
void *hint_named(parser *p, const ast *left);
void *hint_assign(parser *p, const token *start);
void *hint_target(parser *p, const ast *x, bool del, bool in_for);
const ast *bad_target(const ast *x, bool del, bool in_for);
const char *describe(const ast *x); /* "function call" */
