/* lang/types/str.h - text: UTF-8 inside, code points outside.
 *
 * Lone surrogates, which Python allows, are kept as their three-byte pattern; only encode()
 * refuses them. */
#pragma once

#include "lang/type.h"

struct str {
    obj hdr;
    uint64_t hash;       /* 0: not computed yet */
    size_t nbyte, nchar; /* equal: pure ASCII */
    char at[];           /* NUL-terminated */
};

str *str_new(interp *in, const char *s, size_t nbyte); /* valid UTF-8; NULL + MemoryError */
str *str_of(interp *in, const char *s);                /* from a C string */
str *str_fmt(interp *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
str *str_take(interp *in, char *s, size_t nbyte); /* from a mem_* buffer, which it frees */
struct strbuf;
/* The text of a soft buffer, which is empty then; NULL + MemoryError, also when it was lost. */
str *str_built(interp *in, struct strbuf *b);
/* The one object of an interpreter for this text (identifiers, attribute names). Owned. */
str *str_intern(interp *in, const char *s, size_t nbyte);
bool str_is(const str *s, const char *text);
bool str_eq(const str *a, const str *b);
uint64_t str_hash(str *s);
size_t str_offset(const str *s, size_t i); /* byte offset of code point i (0 <= i <= nchar) */

/* nbyte bytes to be filled in by the caller (the NUL is there). A size that no machine has is a
 * MemoryError. */
str *str_alloc(interp *in, size_t nbyte, size_t nchar);
str *str_char(interp *in, uint32_t codepoint);
str *str_part(interp *in, str *s, size_t from, size_t to); /* bytes [from, to) */
str *str_cut(interp *in, str *s, size_t i, size_t j);      /* code points [i, j) */
str *str_concat(interp *in, str *a, str *b);
str *str_quote(interp *in, const str *s);       /* repr */
str *value_ascii(interp *in, value v);          /* ascii(v) */
size_t utf8_count(const char *s, size_t nbyte); /* code points */

/* The code point at p, whose text is valid; its length in bytes. */
static inline size_t utf8_get(const char *s, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80) return *cp = p[0], 1;
    if (p[0] < 0xe0) return *cp = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu), 2;
    if (p[0] < 0xf0) {
        return *cp = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu), 3;
    }
    *cp = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    return 4;
}
static inline size_t utf8_put(char *s, uint32_t cp) /* at most 4 bytes */
{
    if (cp < 0x80) return s[0] = (char)cp, 1;
    if (cp < 0x800) return s[0] = (char)(0xc0 | cp >> 6), s[1] = (char)(0x80 | (cp & 0x3f)), 2;
    if (cp < 0x10000) {
        s[0] = (char)(0xe0 | cp >> 12), s[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        return s[2] = (char)(0x80 | (cp & 0x3f)), 3;
    }
    s[0] = (char)(0xf0 | cp >> 18), s[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    s[2] = (char)(0x80 | (cp >> 6 & 0x3f)), s[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}
static inline bool str_ascii(const str *s)
{
    return s->nbyte == s->nchar;
}

static inline value v_str(interp *in, const char *s)
{
    return v_obj(str_of(in, s));
}
static inline str *as_str(value v) /* NULL when it is not a str */
{
    return (str *)as_obj(v, &T_str);
}
