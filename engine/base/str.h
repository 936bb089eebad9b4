/* engine/base/str.h - text under construction: a growing byte buffer, always NUL-terminated. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct strbuf {
    char *at; /* owned; NULL while empty */
    size_t n, cap;
    bool soft; /* there may be too little memory for it: what is added then is lost, */
    bool lost; /* and who takes the text looks here.  Else the program ends */
} strbuf;      /* {0} is empty */

void sb_add(strbuf *b, const char *s, size_t n);
void sb_adds(strbuf *b, const char *s);
static inline void sb_addc(strbuf *b, char c)
{
    if (b->n + 1 >= b->cap) {
        sb_add(b, &c, 1);
        return;
    }
    b->at[b->n++] = c;
    b->at[b->n] = 0;
}
void sb_pad(strbuf *b, char c, size_t n); /* n times c */
void sb_addf(strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sb_addv(strbuf *b, const char *fmt, va_list ap);
void sb_utf8(strbuf *b, unsigned codepoint);
const char *sb_text(const strbuf *b); /* lends; "" when empty */
char *sb_take(strbuf *b, size_t *n);  /* moves the text out (mem_free it); b is empty again */
void sb_clear(strbuf *b);
