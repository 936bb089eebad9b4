/* repl/complete.h - how a line could go on. */
#pragma once

#include "repl/session.h"

typedef struct words {
    char **at; /* owned, sorted, without doubles */
    size_t n, cap;
    char after[3]; /* what follows the word when it is the only one: a quote that ends, `']`; or ""
                    */
} words;

/* What may stand for line[start..end) instead of what stands there. */
words complete(session *s, const char *line, size_t start, size_t end);
/* Where the word that ends at `end` begins. */
size_t complete_start(const char *line, size_t end);
void words_clear(words *w);
