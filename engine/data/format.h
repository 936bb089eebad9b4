/* engine/data/format.h - blocks to text, byte for byte as NumPy 1.24 prints arrays.
 *
 * nd_array2string lays out; nd_repr adds "array(", dtype= and shape=; nd_str is what print shows.
 * Elements that only the language can print (objects, a user's formatter, the repr of
 * text with rare characters) go through hooks. */
#pragma once

#include "engine/base/str.h"
#include "engine/data/nd.h"

enum float_mode { FLOAT_maxprec, FLOAT_maxprec_equal, FLOAT_fixed, FLOAT_unique };
enum { LEGACY_113 = 113, LEGACY_121 = 121, LEGACY_none = 0x7fffffff };

typedef struct print_opts { /* numpy.get_printoptions(); start from print_opts_default */
    int precision;          /* -1: None */
    int64_t threshold, edgeitems, linewidth;
    bool suppress;
    char sign; /* '-', '+', ' ' */
    uint8_t floatmode;
    int legacy;
    const char *nanstr, *infstr; /* borrowed */
    /* hooks; each may be NULL */
    void *ctx;
    /* An object cell: repr as arrays show it ("list([1, 2])"), or str() when `str`. */
    bool (*object)(void *ctx, const void *cell, bool str, strbuf *out, err *e);
    /* The user's formatter for this dtype; replaces the text of every element. */
    bool (*formatter)(void *ctx, const nd *x, const void *element, strbuf *out, err *e);
    /* Whether repr shows a code point beyond ASCII as itself; NULL: always. */
    bool (*printable)(unsigned codepoint);
} print_opts;

extern const print_opts print_opts_default;

/* array2string(x, separator, prefix, suffix): widths of prefix and suffix only. */
bool nd_array2string(const nd *x, const print_opts *o, const char *separator, int64_t prefix_width,
                     int64_t suffix_width, strbuf *out, err *e);
/* "name([1, 2, 3], dtype=int32)"; name is "array" for plain arrays. */
bool nd_repr(const nd *x, const print_opts *o, const char *name, strbuf *out, err *e);
/* "[1 2 3]"; of a 0-d array the str of its scalar */
bool nd_str(const nd *x, const print_opts *o, strbuf *out, err *e);
/* str or repr of one element as NumPy's scalar type shows it: 0.1, (1+2j), True, 'a', b'a',
 * numpy.datetime64('2020-01-01'). */
bool scalar_text(dtype_of t, const void *element, bool repr, const print_opts *o, strbuf *out,
                 err *e);
/* What dtype=... says in a repr: int32, '<U5', object, 'datetime64[D]' */
void dtype_short_repr(dtype_of t, strbuf *out);
/* Python's repr of the bytes, and of UTF-32 text. */
void bytes_repr(const char *s, size_t n, strbuf *out);
void text_repr(const uint32_t *s, size_t n, bool (*printable)(unsigned), strbuf *out);
