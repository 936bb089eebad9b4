/* lang/types/strmethods.h - between the files of str: the method table and its pieces. */
#pragma once

#include "lang/lang.h"

extern const builtin str_table[]; /* strmethods.c */

/* strcase.c: case mappings and the is...() questions */
value str_upper(interp *in, const value *arg);
value str_lower(interp *in, const value *arg);
value str_casefold(interp *in, const value *arg);
value str_title(interp *in, const value *arg);
value str_capitalize(interp *in, const value *arg);
value str_swapcase(interp *in, const value *arg);
value str_isalpha(interp *in, const value *arg);
value str_isdecimal(interp *in, const value *arg);
value str_isdigit(interp *in, const value *arg);
value str_isnumeric(interp *in, const value *arg);
value str_isalnum(interp *in, const value *arg);
value str_isspace(interp *in, const value *arg);
value str_isprintable(interp *in, const value *arg);
value str_isascii(interp *in, const value *arg);
value str_isidentifier(interp *in, const value *arg);
value str_islower(interp *in, const value *arg);
value str_isupper(interp *in, const value *arg);
value str_istitle(interp *in, const value *arg);

/* strsplit.c: cutting and joining */
value str_split(interp *in, const value *arg);
value str_rsplit(interp *in, const value *arg);
value str_splitlines(interp *in, const value *arg);
value str_partition(interp *in, const value *arg);
value str_rpartition(interp *in, const value *arg);
value str_join(interp *in, const value *arg);
value str_replace(interp *in, const value *arg);
value str_translate(interp *in, const value *arg);
value str_maketrans(interp *in, const value *arg);
value str_expandtabs(interp *in, const value *arg);

/* The last place of what in s, NULL: nowhere. memmem from the right. */
const char *find_last(const char *s, size_t n, const char *what, size_t m);
/* How often `what` occurs, up to max; -1: interrupted. */
int64_t count_hits(interp *in, const char *at, const char *end, const str *what, size_t max);
/* "must be str, not int" when v is no str; who is put in front when it is not NULL */
str *check_str(interp *in, value v, const char *who);

/* left and right times fill around s */
value str_padded(interp *in, str *s, int64_t left, int64_t right, uint32_t fill);

/* codec.c */
value str_encode(interp *in, const value *arg);
value str_decode_value(interp *in, value bytes, value encoding, value errors);
value bytes_decode_method(interp *in, const value *arg);
