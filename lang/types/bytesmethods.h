/* lang/types/bytesmethods.h - between bytes.c, bytesmethods.c and bytearray.c. */
#pragma once

#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/strmethods.h"

extern const builtin bytes_table[];     /* bytesmethods.c */
extern const builtin bytearray_table[]; /* bytearray.c */

/* What both types have, as rows: X(signature, function, doc) */
// clang-format off
#define BYTES_METHODS                                                                              \
    {"decode(self, /, encoding='utf-8', errors='strict')", bytes_decode_method,                    \
     "Decode the bytes using the codec registered for encoding."},                                 \
    {"@classmethod fromhex(cls, string, /)", bytes_fromhex,                                        \
     "Create bytes from a string of hexadecimal numbers."},                                        \
    {"hex(self, /, sep=<unset>, bytes_per_sep=1)", bytes_hex,                                      \
     "Create a string of hexadecimal numbers from the bytes."},                                    \
    {"find(self, sub, start=None, end=None, /)", bytes_find, "Lowest index of sub, or -1."},       \
    {"rfind(self, sub, start=None, end=None, /)", bytes_rfind, "Highest index of sub, or -1."},    \
    {"index(self, sub, start=None, end=None, /)", bytes_index, "Lowest index of sub."},            \
    {"rindex(self, sub, start=None, end=None, /)", bytes_rindex, "Highest index of sub."},         \
    {"count(self, sub, start=None, end=None, /)", bytes_count,                                     \
     "Return the number of non-overlapping occurrences of sub."},                                  \
    {"startswith(self, prefix, start=None, end=None, /)", bytes_startswith,                        \
     "Return True if it starts with the specified prefix."},                                       \
    {"endswith(self, suffix, start=None, end=None, /)", bytes_endswith,                            \
     "Return True if it ends with the specified suffix."},                                         \
    {"removeprefix(self, prefix, /)", bytes_removeprefix, "Without the prefix, if present."},      \
    {"removesuffix(self, suffix, /)", bytes_removesuffix, "Without the suffix, if present."},      \
    {"join(self, iterable, /)", bytes_join, "Concatenate any number of bytes objects."},           \
    {"split(self, /, sep=None, maxsplit=-1)", bytes_split, "Cut into a list of sections."},        \
    {"rsplit(self, /, sep=None, maxsplit=-1)", bytes_rsplit, "Cut, starting at the end."},         \
    {"splitlines(self, /, keepends=False)", bytes_splitlines, "Return a list of the lines."},      \
    {"partition(self, sep, /)", bytes_partition, "Cut into three parts at the first sep."},        \
    {"rpartition(self, sep, /)", bytes_rpartition, "Cut into three parts at the last sep."},       \
    {"replace(self, old, new, count=-1, /)", bytes_replace,                                        \
     "Return a copy with all occurrences of old replaced by new."},                                \
    {"strip(self, bytes=None, /)", bytes_strip, "Without leading and trailing bytes."},            \
    {"lstrip(self, bytes=None, /)", bytes_lstrip, "Without leading bytes."},                       \
    {"rstrip(self, bytes=None, /)", bytes_rstrip, "Without trailing bytes."},                      \
    {"translate(self, table, /, delete=<unset>)", bytes_translate,                                     \
     "Return a copy with each character mapped by the given translation table."},                  \
    {"@staticmethod maketrans(frm, to, /)", bytes_maketrans,                                       \
     "Return a translation table usable for translate()."},                                        \
    {"upper(self, /)", bytes_upper, "All ASCII characters upper case."},                           \
    {"lower(self, /)", bytes_lower, "All ASCII characters lower case."},                           \
    {"title(self, /)", bytes_title, "Words start with upper case."},                               \
    {"capitalize(self, /)", bytes_capitalize, "First character upper case, the rest lower."},      \
    {"swapcase(self, /)", bytes_swapcase, "Upper case to lower and the reverse."},                 \
    {"center(self, width, fillchar=<unset>, /)", bytes_center, "Centered in a field of width."},      \
    {"ljust(self, width, fillchar=<unset>, /)", bytes_ljust, "Left-justified."},                      \
    {"rjust(self, width, fillchar=<unset>, /)", bytes_rjust, "Right-justified."},                     \
    {"zfill(self, width, /)", bytes_zfill, "Padded with zeros on the left."},                      \
    {"expandtabs(self, /, tabsize=8)", bytes_expandtabs, "Tabs expanded to blanks."},              \
    {"isalnum(self, /)", bytes_isalnum, "Are all characters alphanumeric?"},                       \
    {"isalpha(self, /)", bytes_isalpha, "Are all characters letters?"},                            \
    {"isascii(self, /)", bytes_isascii, "Are all characters ASCII?"},                              \
    {"isdigit(self, /)", bytes_isdigit, "Are all characters digits?"},                             \
    {"islower(self, /)", bytes_islower, "Is everything lower case?"},                              \
    {"isspace(self, /)", bytes_isspace, "Are all characters blanks?"},                             \
    {"istitle(self, /)", bytes_istitle, "Is it title-cased?"},                                     \
    {"isupper(self, /)", bytes_isupper, "Is everything upper case?"}
// clang-format on

/* clang-format off */
#define X(NAME) value bytes_##NAME(interp *in, const value *arg);
X(fromhex)
X(hex) X(find) X(rfind) X(index) X(rindex) X(count) X(startswith) X(endswith) X(removeprefix)
    X(removesuffix) X(join) X(split) X(rsplit) X(splitlines) X(partition) X(rpartition) X(replace)
    X(strip) X(lstrip) X(rstrip) X(translate) X(maketrans) X(upper) X(lower) X(title)
    X(capitalize) X(swapcase) X(center) X(ljust) X(rjust) X(zfill) X(expandtabs) X(isalnum)
    X(isalpha) X(isascii) X(isdigit) X(islower) X(isspace) X(istitle) X(isupper)
#undef X
    /* clang-format on */

    /* bytes, or a bytearray when model is one; s NULL: zeroed */
    value bytes_like(interp *in, value model, const char *s, size_t n);
bool byte_of(interp *in, value v, unsigned char *out, const char *why);
bool bytearray_resize(interp *in, bytearray *b, size_t n);
bool bytearray_resizable(interp *in, const bytearray *b); /* false: BufferError, it is viewed */
value bytearray_inplace(interp *in, enum binop op, value self, value other);
bool bytearray_setitem(interp *in, value self, value key, value v);
