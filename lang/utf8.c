/* lang/utf8.c - the lexer's view of text: characters and lines. */
#include <string.h>

#include "lang/lexer.h"

size_t utf8_length(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((uint8_t)s[i] & 0xc0) != 0x80;
    return count;
}

const char *utf8_next(const char *s, uint32_t *c)
{
    const uint8_t *p = (const uint8_t *)s;
    if (p[0] < 0x80) {
        *c = p[0];
        return s + 1;
    }
    if (p[0] < 0xe0) {
        *c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
        return s + 2;
    }
    if (p[0] < 0xf0) {
        *c = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
        return s + 3;
    }
    *c = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    return s + 4;
}

/* Length of the valid sequence at p (n > 0 bytes are there), or 0. */
static size_t sequence(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t lo, hi, second_lo, second_hi, n;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].lo || p[0] > forms[i].hi) continue;
        if (forms[i].n > n) return 0;
        if (forms[i].n > 1 && (p[1] < forms[i].second_lo || p[1] > forms[i].second_hi)) return 0;
        for (size_t k = 2; k < forms[i].n; k++)
            if ((p[k] & 0xc0) != 0x80) return 0;
        return forms[i].n;
    }
    return 0;
}

size_t utf8_bad(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        if (n - i >= 8 && (memcpy(&eight, s + i, 8), !(eight & 0x8080808080808080u))) {
            i += 8;
            continue;
        }
        size_t k = sequence((const uint8_t *)s + i, n - i);
        if (!k) return i;
        i += k;
    }
    return n;
}

const char *source_line(const char *text, size_t size, uint32_t line, size_t *n)
{
    const char *p = text, *end = text + size;
    for (; line > 1 && p < end; line--) {
        const char *q = memchr(p, '\n', (size_t)(end - p));
        p = q ? q + 1 : end;
    }
    const char *q = memchr(p, '\n', (size_t)(end - p));
    *n = (size_t)((q ? q + 1 : end) - p);
    return p;
}
