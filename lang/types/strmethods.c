/* lang/types/strmethods.c - str: searching, trimming, padding, and the table of all methods. */
#include "lang/interp.h"
#include "lang/types/strmethods.h"

#include <string.h>

#include "engine/base/find.h"
#include "lang/textfmt.h"
#include "lang/types/ucd.h"

static str *self_str(const value *arg)
{
    return (str *)arg[0].o;
}

/* ---- searching ---- */

/* s[start:end] as bytes; false: an exception.  Past the end: from > to. */
static bool bounds(interp *in, const str *s, value start, value end, size_t *from, size_t *to)
{
    int64_t n = (int64_t)s->nchar, i = 0, j = n;
    if (!is_none(start) && !to_slice_index(in, start, &i)) return false;
    if (!is_none(end) && !to_slice_index(in, end, &j)) return false;
    if (i < 0) i = i + n < 0 ? 0 : i + n;
    if (j < 0) j = j + n < 0 ? 0 : j + n;
    if (j > n) j = n;
    *to = str_offset(s, (size_t)j);
    *from = i > j ? *to + 1 : str_offset(s, (size_t)i);
    return true;
}

/* -2 an exception, -1 nowhere, else the byte offset */
static int64_t find(interp *in, const value *arg, bool last)
{
    str *s = self_str(arg), *what = check_str(in, arg[1], NULL);
    size_t from, to;
    if (!what || !bounds(in, s, arg[2], arg[3], &from, &to)) return -2;
    if (from > to) return -1;
    const char *hit = last ? find_last(s->at + from, to - from, what->at, what->nbyte)
                           : memory_find(s->at + from, to - from, what->at, what->nbyte);
    return hit ? hit - s->at : -1;
}

static value find_value(interp *in, const value *arg, bool last, bool must)
{
    int64_t at = find(in, arg, last);
    if (at == -2) return FAIL;
    if (at < 0) return must ? throw(in, ValueError, "substring not found") : v_int(-1);
    str *s = self_str(arg);
    return v_int(str_ascii(s) ? at : (int64_t)utf8_count(s->at, (size_t)at));
}

static value method_find(interp *in, const value *arg)
{
    return find_value(in, arg, false, false);
}

static value method_rfind(interp *in, const value *arg)
{
    return find_value(in, arg, true, false);
}

static value method_index(interp *in, const value *arg)
{
    return find_value(in, arg, false, true);
}

static value method_rindex(interp *in, const value *arg)
{
    return find_value(in, arg, true, true);
}

static value method_count(interp *in, const value *arg)
{
    str *s = self_str(arg), *what = check_str(in, arg[1], NULL);
    size_t from, to;
    if (!what || !bounds(in, s, arg[2], arg[3], &from, &to)) return FAIL;
    if (from > to) return v_int(0);
    if (!what->nbyte) return v_int((int64_t)utf8_count(s->at + from, to - from) + 1);
    int64_t n = count_hits(in, s->at + from, s->at + to, what, SIZE_MAX);
    return n < 0 ? FAIL : v_int(n);
}

static bool matches(const str *s, size_t from, size_t to, const str *what, bool tail)
{
    if (from > to || what->nbyte > to - from) return false;
    return !memcmp(s->at + (tail ? to - what->nbyte : from), what->at, what->nbyte);
}

static value starts_or_ends(interp *in, const value *arg, bool tail)
{
    const char *name = tail ? "endswith" : "startswith";
    str *s = self_str(arg), *what = as_str(arg[1]);
    tuple *t = as_tuple(arg[1]);
    size_t from, to;
    if (!what && !t) {
        return throw(in, TypeError, "%s first arg must be str or a tuple of str, not %s", name,
                     type_said(in, arg[1]));
    }
    if (!bounds(in, s, arg[2], arg[3], &from, &to)) return FAIL;
    if (what) return v_bool(matches(s, from, to, what, tail));
    for (int64_t i = 0; i < t->n; i++) {
        what = as_str(t->at[i]);
        if (!what) {
            return throw(in, TypeError, "tuple for %s must only contain str, not %s", name,
                         type_said(in, t->at[i]));
        }
        if (matches(s, from, to, what, tail)) return v_bool(true);
    }
    return v_bool(false);
}

static value method_startswith(interp *in, const value *arg)
{
    return starts_or_ends(in, arg, false);
}

static value method_endswith(interp *in, const value *arg)
{
    return starts_or_ends(in, arg, true);
}

static value method_removeprefix(interp *in, const value *arg)
{
    str *s = self_str(arg), *what = check_str(in, arg[1], "removeprefix() argument");
    if (!what) return FAIL;
    bool has = matches(s, 0, s->nbyte, what, false);
    return v_obj(str_part(in, s, has ? what->nbyte : 0, s->nbyte));
}

static value method_removesuffix(interp *in, const value *arg)
{
    str *s = self_str(arg), *what = check_str(in, arg[1], "removesuffix() argument");
    if (!what) return FAIL;
    bool has = matches(s, 0, s->nbyte, what, true);
    return v_obj(str_part(in, s, 0, has ? s->nbyte - what->nbyte : s->nbyte));
}

/* ---- trimming ---- */

static bool in_set(const str *drop, const char *at, size_t len, uint32_t cp)
{
    return drop ? memory_find(drop->at, drop->nbyte, at, len) != NULL : cp_is_space(cp);
}

enum { LEFT = 1, RIGHT = 2 };

static value strip(interp *in, const value *arg, int sides, const char *name)
{
    str *s = self_str(arg), *drop = NULL;
    if (!is_none(arg[1]) && !(drop = as_str(arg[1]))) {
        return throw(in, TypeError, "%s arg must be None or str", name);
    }
    size_t from = 0, to = s->nbyte, len;
    uint32_t cp;
    while ((sides & LEFT) && from < to) {
        len = utf8_get(s->at + from, &cp);
        if (!in_set(drop, s->at + from, len, cp)) break;
        if (!goes_on(in, from)) return FAIL;
        from += len;
    }
    while ((sides & RIGHT) && to > from) {
        size_t at = to;
        do at--;
        while (((unsigned char)s->at[at] & 0xc0) == 0x80);
        len = utf8_get(s->at + at, &cp);
        if (!in_set(drop, s->at + at, len, cp)) break;
        if (!goes_on(in, at)) return FAIL;
        to = at;
    }
    return v_obj(str_part(in, s, from, to));
}

static value method_strip(interp *in, const value *arg)
{
    return strip(in, arg, LEFT | RIGHT, "strip");
}

static value method_lstrip(interp *in, const value *arg)
{
    return strip(in, arg, LEFT, "lstrip");
}

static value method_rstrip(interp *in, const value *arg)
{
    return strip(in, arg, RIGHT, "rstrip");
}

/* ---- padding ---- */

value str_padded(interp *in, str *s, int64_t left, int64_t right, uint32_t fill)
{
    char at[4];
    size_t len = utf8_put(at, fill), n = (size_t)left + (size_t)right, extra;
    if (n == 0) return v_obj(str_part(in, s, 0, s->nbyte));
    if (__builtin_mul_overflow(n, len, &extra)) return throw_nomem(in);
    str *out = str_alloc(in, s->nbyte + extra, s->nchar + n);
    if (!out) return FAIL;
    char *p = out->at;
    for (int64_t i = 0; i < left + right; i++) {
        if (i == left) p = mempcpy(p, s->at, s->nbyte);
        p = mempcpy(p, at, len);
        if (!goes_on(in, (size_t)i)) return obj_unref(in, out), FAIL;
    }
    if (!right) memcpy(p, s->at, s->nbyte);
    return v_obj(out);
}

static bool fill_char(interp *in, value v, uint32_t *cp)
{
    str *s = as_str(v);
    if (!s) {
        throw(in, TypeError, "The fill character must be a unicode character, not %s",
              type_said(in, v));
        return false;
    }
    if (s->nchar != 1) {
        throw(in, TypeError, "The fill character must be exactly one character long");
        return false;
    }
    utf8_get(s->at, cp);
    return true;
}

static value justify(interp *in, const value *arg, int sides)
{
    str *s = self_str(arg);
    int64_t width;
    uint32_t fill;
    if (!to_int64(in, arg[1], &width) || !fill_char(in, arg[2], &fill)) return FAIL;
    int64_t pad = width - (int64_t)s->nchar, left = 0;
    if (pad <= 0) return v_obj(str_part(in, s, 0, s->nbyte));
    if (sides == LEFT)
        left = pad;
    else if (sides == (LEFT | RIGHT))
        left = pad / 2 + (pad & width & 1);
    return str_padded(in, s, left, pad - left, fill);
}

static value method_center(interp *in, const value *arg)
{
    return justify(in, arg, LEFT | RIGHT);
}

static value method_ljust(interp *in, const value *arg)
{
    return justify(in, arg, RIGHT);
}

static value method_rjust(interp *in, const value *arg)
{
    return justify(in, arg, LEFT);
}

static value method_zfill(interp *in, const value *arg)
{
    str *s = self_str(arg);
    int64_t width;
    if (!to_int64(in, arg[1], &width)) return FAIL;
    int64_t pad = width - (int64_t)s->nchar;
    value v = str_padded(in, s, pad > 0 ? pad : 0, 0, '0');
    if (is_fail(v) || pad <= 0 || !s->nbyte || (s->at[0] != '+' && s->at[0] != '-')) return v;
    str *out = (str *)v.o;
    out->at[0] = s->at[0]; /* the sign goes first */
    out->at[pad] = '0';
    return v;
}

/* ---- formatting ---- */

static value method_format(interp *in, const value *arg)
{
    return format_text(in, self_str(arg), as_tuple(arg[1]), arg[2]);
}

static value method_format_map(interp *in, const value *arg)
{
    return format_text(in, self_str(arg), NULL, arg[1]);
}

static value method_dunder_format(interp *in, const value *arg)
{
    str *spec = check_str(in, arg[1], "__format__() argument");
    return spec ? text_format_str(in, arg[0], spec) : FAIL;
}

static value method_sizeof(interp *in, const value *arg)
{
    (void)in;
    str *s = self_str(arg);
    if (str_ascii(s)) return v_int((int64_t)s->nbyte + 49);
    uint32_t cp, max = 0;
    for (size_t i = 0; i < s->nbyte;) {
        i += utf8_get(s->at + i, &cp);
        if (cp > max) max = cp;
    }
    int64_t n = (int64_t)s->nchar + 1;
    return v_int(max < 256 ? 72 + n : max < 65536 ? 74 - 2 + 2 * n : 76 - 4 + 4 * n);
}

static value method_getnewargs(interp *in, const value *arg)
{
    str *s = self_str(arg);
    return v_obj(tuple_pack(in, 1, v_obj(str_part(in, s, 0, s->nbyte))));
}

#define WHERE "sub, start=None, end=None, /)"

const builtin str_table[] = {
    {"capitalize(self, /)", str_capitalize, "The first letter large, the others small."},
    {"casefold(self, /)", str_casefold,
     "The string with differences of capitals and small letters removed, for comparing."},
    {"center(self, width, fillchar=' ', /)", method_center,
     "As long as width, filled up on both sides."},
    {"count(self, " WHERE, method_count,
     "How often sub occurs, without overlap, between start and end."},
    {"encode(self, /, encoding='utf-8', errors='strict')", str_encode, "The string as bytes."},
    {"endswith(self, suffix, start=None, end=None, /)", method_endswith,
     "Whether the string ends with the suffix, or one of a tuple of them."},
    {"expandtabs(self, /, tabsize=8)", str_expandtabs,
     "The string with tabs replaced by blanks up to the next column of tabsize."},
    {"find(self, " WHERE, method_find, "Where sub occurs first between start and end, or -1."},
    {"format(self, /, *args, **kwargs)", method_format,
     "The string with its {fields} filled in from the arguments."},
    {"format_map(self, mapping, /)", method_format_map,
     "The string with its {fields} filled in from a mapping."},
    {"index(self, " WHERE, method_index,
     "Where sub occurs first between start and end; ValueError when nowhere."},
    {"isalnum(self, /)", str_isalnum, "Whether there are letters and digits only, and some."},
    {"isalpha(self, /)", str_isalpha, "Whether there are letters only, and some."},
    {"isascii(self, /)", str_isascii, "Whether all code points are below 128."},
    {"isdecimal(self, /)", str_isdecimal, "Whether there are decimal digits only, and some."},
    {"isdigit(self, /)", str_isdigit, "Whether there are digits only, raised ones too, and some."},
    {"isidentifier(self, /)", str_isidentifier, "Whether the string may be a name."},
    {"islower(self, /)", str_islower, "Whether there are letters, and none is a capital."},
    {"isnumeric(self, /)", str_isnumeric,
     "Whether all characters stand for numbers, and there "
     "are some."},
    {"isprintable(self, /)", str_isprintable, "Return True if the string is printable."},
    {"isspace(self, /)", str_isspace, "Whether there are blanks only, and some."},
    {"istitle(self, /)", str_istitle,
     "Whether words have a capital first and small letters after "
     "it."},
    {"isupper(self, /)", str_isupper, "Whether there are letters, and none is small."},
    {"join(self, iterable, /)", str_join,
     "The strings one after the other, this one between them."},
    {"ljust(self, width, fillchar=' ', /)", method_ljust,
     "The string with as many fill characters behind it as make the width."},
    {"lower(self, /)", str_lower, "The string in small letters."},
    {"lstrip(self, chars=None, /)", method_lstrip,
     "The string without the blanks, or the characters given, at its start."},
    {"@staticmethod maketrans(x, y=<unset>, z=<unset>, /)", str_maketrans,
     "What translate() takes: of a dict, or of two strings of equal length and one of what to "
     "drop."},
    {"partition(self, sep, /)", str_partition,
     "What is before the first separator, the separator, and what is behind it."},
    {"removeprefix(self, prefix, /)", method_removeprefix,
     "The string without the prefix, if it has it."},
    {"removesuffix(self, suffix, /)", method_removesuffix,
     "The string without the suffix, if it has it."},
    {"replace(self, old, new, count=-1, /)", str_replace,
     "The string with old replaced by new, everywhere or the first count times."},
    {"rfind(self, " WHERE, method_rfind, "Where sub occurs last between start and end, or -1."},
    {"rindex(self, " WHERE, method_rindex,
     "Where sub occurs last between start and end; ValueError when nowhere."},
    {"rjust(self, width, fillchar=' ', /)", method_rjust,
     "The string with as many fill characters before it as make the width."},
    {"rpartition(self, sep, /)", str_rpartition,
     "What is before the last separator, the separator, and what is behind it."},
    {"rsplit(self, /, sep=None, maxsplit=-1)", str_rsplit,
     "The pieces between separators, or between blanks; cuts are counted from the right."},
    {"rstrip(self, chars=None, /)", method_rstrip,
     "The string without the blanks, or the characters given, at its end."},
    {"split(self, /, sep=None, maxsplit=-1)", str_split,
     "The pieces between separators, or between blanks; cuts are counted from the left."},
    {"splitlines(self, /, keepends=False)", str_splitlines,
     "The lines, without their ends or with them."},
    {"startswith(self, prefix, start=None, end=None, /)", method_startswith,
     "Whether the string starts with the prefix, or one of a tuple of them."},
    {"strip(self, chars=None, /)", method_strip,
     "The string without the blanks, or the characters given, at both ends."},
    {"swapcase(self, /)", str_swapcase, "The string with capitals and small letters exchanged."},
    {"title(self, /)", str_title, "The string with a capital at the start of every word."},
    {"translate(self, table, /)", str_translate,
     "The string with characters replaced as a table of code points says."},
    {"upper(self, /)", str_upper, "The string in capitals."},
    {"zfill(self, width, /)", method_zfill,
     "The string with zeros, behind its sign, that make the width."},
    {"__format__(self, format_spec, /)", method_dunder_format,
     "The string as a format says: fill, alignment, width, how much of it."},
    {"__getnewargs__(self, /)", method_getnewargs, NULL},
    {"__sizeof__(self, /)", method_sizeof, "The bytes that the string takes in memory."},
    {0},
};
