/* lang/types/bytes.h - bytes: immutable raw data; bytearray: the same, growing. */
#pragma once

#include "lang/type.h"

typedef struct bytes {
    obj hdr;
    uint64_t hash; /* 0: not computed yet */
    size_t n;
    char at[]; /* n bytes and a NUL */
} bytes;

typedef struct bytearray {
    obj hdr;
    size_t n, cap;
    size_t views; /* memoryviews of it: it keeps its size */
    char *at;     /* owned, NUL after n bytes; NULL while empty */
} bytearray;

struct strbuf;
/* As str_built(). */
bytes *bytes_built(interp *in, struct strbuf *b);
bytes *bytes_new(interp *in, const char *s, size_t n); /* s NULL: zeroed, for the caller to fill */
bytearray *bytearray_new(interp *in, const char *s, size_t n);
/* The bytes of a bytes (or bytearray) value, lent; NULL when it is neither. */
const char *bytes_peek(value v, size_t *n);
/* What bytes(v) gives for a bytes-like object or an iterable of ints. */
bytes *bytes_of(interp *in, value v);
/* Each byte a code point. */
str *str_from_latin1(interp *in, const char *s, size_t n);
/* The text of encoded bytes; encoding NULL: utf-8, errors NULL: strict. */
str *bytes_decode(interp *in, const char *s, size_t n, const char *encoding, const char *errors);
bytes *str_encoded(interp *in, str *s, const char *encoding, const char *errors);
/* "b'...'" */
value bytes_quote(interp *in, const char *s, size_t n, const char *before, const char *after);

static inline bytes *as_bytes(value v)
{
    return (bytes *)as_obj(v, &T_bytes);
}
static inline bytearray *as_bytearray(value v)
{
    return (bytearray *)as_obj(v, &T_bytearray);
}
