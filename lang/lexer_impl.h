/* lang/lexer_impl.h - what lexer.c and number.c share. */
#pragma once

#include "lang/lexer.h"

struct bracket {
    char c;
    uint32_t line, col;
};
struct indent {
    unsigned col, alt; /* tabs counted to the next multiple of 8; as one */
};

typedef struct lexer {
    const char *text, *at, *line_start;
    uint32_t line;
    int level, nindent;
    bool line_begins;
    const lexicon *words;
    arena *arena;
    tokens *out;
    syntax_error *why;
    size_t cap; /* of out->at */
    struct bracket bracket[MAX_BRACKETS];
    struct indent indent[MAX_INDENT];
} lexer;

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
/* Anything beyond ASCII may belong to a name until it is looked at closely. */
static inline bool is_word_start(char c)
{
    return (unsigned char)((c | 32) - 'a') < 26 || c == '_' || (signed char)c < 0;
}
static inline bool is_word(char c)
{
    return is_word_start(c) || is_digit(c);
}

/* Records a SyntaxError that ends just before `at`, as Python's tokenizer words it; false.
 * end_offset 0: the same offset. */
bool lex_fail(lexer *lx, uint32_t end_offset, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Moves `at` behind the number there. */
bool lex_number(lexer *lx);
