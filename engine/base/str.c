/* engine/base/str.c - growing byte buffers. */
#include "engine/base/str.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"

static bool grow(strbuf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 32;
    while (cap < need) cap *= 2;
    char *at = !b->soft ? mem_grow(b->at, cap) : b->lost ? NULL : try_more(b->at, cap);
    if (!at) return b->lost = true, false;
    b->at = at;
    b->cap = cap;
    return true;
}

static inline bool reserve(strbuf *b, size_t more)
{
    size_t need = b->n + more + 1;
    return need <= b->cap || grow(b, need);
}

void sb_add(strbuf *b, const char *s, size_t n)
{
    if (!reserve(b, n)) return;
    if (n) memcpy(b->at + b->n, s, n);
    b->n += n;
    b->at[b->n] = 0;
}

void sb_adds(strbuf *b, const char *s)
{
    sb_add(b, s, strlen(s));
}

void sb_pad(strbuf *b, char c, size_t n)
{
    if (!reserve(b, n)) return;
    memset(b->at + b->n, c, n);
    b->n += n;
    b->at[b->n] = 0;
}

void sb_addv(strbuf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n > 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->at + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void sb_addf(strbuf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sb_addv(b, fmt, ap);
    va_end(ap);
}

void sb_utf8(strbuf *b, unsigned c)
{
    enum { MOST = 0x10ffff, REPLACEMENT = 0xfffd };
    if (c > MOST) c = REPLACEMENT; /* from damaged files: readers of UTF-8 rely on what is here */
    if (c < 0x80) {
        sb_addc(b, (char)c);
    } else if (c < 0x800) {
        sb_add(b, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
    } else if (c < 0x10000) {
        sb_add(b,
               (char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                        (char)(0x80 | (c & 0x3f))},
               3);
    } else {
        sb_add(b,
               (char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
                        (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))},
               4);
    }
}

const char *sb_text(const strbuf *b)
{
    return b->at ? b->at : "";
}

char *sb_take(strbuf *b, size_t *n)
{
    char *p = b->at ? b->at : mem_dup("");
    if (n) *n = b->n;
    *b = (strbuf){0};
    return p;
}

void sb_clear(strbuf *b)
{
    mem_free(b->at);
    *b = (strbuf){0};
}
