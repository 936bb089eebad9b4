/* lang/types/str.h - text: UTF-8 inside, code points outside. */
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
/* The one object of an interpreter for this text (identifiers, attribute names). Owned. */
str *str_intern(interp *in, const char *s, size_t nbyte);
bool str_is(const str *s, const char *text);
bool str_eq(const str *a, const str *b);
uint64_t str_hash(str *s);
size_t str_offset(const str *s, size_t i); /* byte offset of code point i (0 <= i <= nchar) */
static inline value v_str(interp *in, const char *s)
{
    return v_obj(str_of(in, s));
}
static inline str *as_str(value v) /* NULL when it is not a str */
{
    return (str *)as_obj(v, &T_str);
}
