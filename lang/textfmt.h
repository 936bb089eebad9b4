/* lang/textfmt.h - formatting: format(), str.format(), the % operator. */
#pragma once

#include "lang/type.h"

/* `format` slots. An empty spec is str(self). */
value text_format_str(interp *in, value self, str *spec);
value text_format_int(interp *in, value self, str *spec);
value text_format_bool(interp *in, value self, str *spec);
value text_format_float(interp *in, value self, str *spec);
value text_format_complex(interp *in, value self, str *spec);

/* s % args; bytes: s is the text whose code points are the bytes of b"..." % args, and so is what
 * comes of it */
value percent_format(interp *in, str *s, value args, bool bytes);
/* s.format(*args, **kwargs); args NULL: s.format_map(kwargs) */
value format_text(interp *in, str *s, tuple *args, value kwargs);

/* ---- between the files that format ---- */

struct strbuf;

/* [[fill]align][sign][z][#][0][width][grouping][.precision][type] */
typedef struct format_spec {
    uint32_t fill, type;     /* type 0: none was given */
    char align, sign, group; /* 0: none was given; group ',' or '_' */
    bool alt, no_neg_zero, fill_given, align_given;
    int64_t width, precision; /* -1: none was given */
} format_spec;

bool format_spec_parse(interp *in, str *text, const char *type_name, uint32_t default_type,
                       char default_align, format_spec *out);
value format_unknown(interp *in, uint32_t code, const char *type_name);

/* The digits of a finite or infinite x without its sign: 'e' 'f' 'g' 'r' and their capitals.
 * dot0: what looks like an int gets ".0".  False: MemoryError. */
bool float_digits(interp *in, struct strbuf *b, double x, char code, int64_t precision, bool alt,
                  bool dot0);
/* One real number by its spec, without padding to the width unless zeros are asked for. */
typedef struct number_parts {
    char sign;          /* 0: none */
    const char *prefix; /* "0x" ... */
    const char *digits; /* integer digits, to be grouped */
    size_t ndigits;
    const char *rest; /* point, fraction, exponent, percent sign */
    size_t nrest;
} number_parts;
value number_layout(interp *in, const number_parts *p, const format_spec *f);
/* Can text of this width be made at all?  False: MemoryError. */
bool check_width(interp *in, int64_t width);
