/* lang/types/bytes.h - bytes: immutable raw data. */
#pragma once

#include "lang/type.h"

typedef struct bytes {
    obj hdr;
    uint64_t hash; /* 0: not computed yet */
    size_t n;
    char at[]; /* n bytes and a NUL */
} bytes;

bytes *bytes_new(interp *in, const char *s, size_t n); /* s NULL: zeroed, for the caller to fill */
/* The bytes of a bytes (or bytearray) value, lent; NULL when it is neither. */
const char *bytes_peek(value v, size_t *n);
static inline bytes *as_bytes(value v)
{
    return (bytes *)as_obj(v, &T_bytes);
}
