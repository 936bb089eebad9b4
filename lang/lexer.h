/* lang/lexer.h - text -> tokens.
 *
 * A whole text is cut at once into an array that ends with T_END, or with T_ERROR at the first
 * place that no token can begin.  Tokens refer to the text by offset. */
#pragma once

#include "lang/parser.h"

enum token_type {
    T_END,
    T_NEWLINE,
    T_INDENT,
    T_DEDENT, /* up to here: layout */
    T_ERROR,
    T_UNKNOWN, /* one printable character that begins no token: $ ? ! */
    T_NAME,
    T_NUMBER,
    T_STRING,
#define TOKEN(name, spelling, prec, op) T_##name,
#include "lang/token.def"
    T_COUNT
};

enum precedence {
    P_NONE,
    P_AUG,
    P_OR,
    P_AND,
    P_NOT,
    P_CMP,
    P_BITOR,
    P_XOR,
    P_BITAND,
    P_SHIFT,
    P_SUM,
    P_TERM,
    P_UNARY,
    P_POW,
};

typedef struct token_info {
    const char *text;
    uint8_t n, prec, op;
} token_info;
extern const token_info token_table[T_COUNT];

typedef struct token {
    uint8_t type;
    uint8_t level;    /* brackets open after this token */
    uint32_t at, end; /* offsets into the text */
    uint32_t line, col, end_line, end_col;
} token;

/* Where to look up what a character or a word begins; made once, read by every lexer. */
typedef struct lexicon {
    uint8_t first[128];   /* first token row beginning with this character, or 0 */
    uint8_t keyword[256]; /* by word_slot(); 0 is none */
} lexicon;
void lexicon_init(lexicon *x);

/* Why the array ends with T_ERROR.  LEX_SAID: *why is complete; the others are told by the parser,
 * which knows more. */
enum lex_stop { LEX_OK, LEX_SAID, LEX_EOF, LEX_DEDENT, LEX_TABS, LEX_DEEP, LEX_CONTINUATION };

typedef struct tokens {
    token *at; /* owned; tokens_clear */
    size_t n;
    const char *text; /* lent: NUL-terminated, lines end with \n */
    size_t size;
    enum lex_stop stop;
    uint32_t stop_line, stop_col; /* where reading stopped */
    char open;                    /* innermost bracket open at the end, 0: none */
    uint32_t open_line, open_col;
} tokens;

enum { MAX_BRACKETS = 200, MAX_INDENT = 100 };

/* Fills *out.  `bracketed`: the text is one expression in parentheses, part of an f-string. */
void lex(tokens *out, const lexicon *words, arena *a, const char *text, size_t size,
         syntax_error *why);
void tokens_clear(tokens *t);

/* The source line `line` (from 1) of text, with its newline; *n its length. */
const char *source_line(const char *text, size_t size, uint32_t line, size_t *n);
/* Characters in n bytes of UTF-8. */
size_t utf8_length(const char *s, size_t n);
/* Decodes one character; *c is its code point.  The text is valid UTF-8. */
const char *utf8_next(const char *s, uint32_t *c);
/* Offset of the first byte that is not valid UTF-8, or n. */
size_t utf8_bad(const char *s, size_t n);
