/* lang/types/strcase.c - str: case mappings by Unicode's full rules, and the is...() questions. */
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/types/strmethods.h"
#include "lang/types/ucd.h"

enum { SIGMA = 0x3a3, FINAL_SIGMA = 0x3c2, SMALL_SIGMA = 0x3c3 };

static str *self_str(const value *arg)
{
    return (str *)arg[0].o;
}

static bool cased(uint32_t cp)
{
    return cp_is_lower(cp) || cp_is_upper(cp) || cp_is_title(cp);
}

static size_t step_back(const char *s, size_t at)
{
    do at--;
    while (((unsigned char)s[at] & 0xc0) == 0x80);
    return at;
}

/* A capital sigma ends a word: a cased letter before it and none after, ignorable ones aside. */
static bool sigma_is_final(const str *s, size_t at)
{
    uint32_t cp = 0;
    bool before = false;
    for (size_t i = at; i > 0;) {
        i = step_back(s->at, i);
        utf8_get(s->at + i, &cp);
        if (cp_is_case_ignorable(cp)) continue;
        before = cased(cp);
        break;
    }
    if (!before) return false;
    for (size_t i = at + 2; i < s->nbyte;) {
        i += utf8_get(s->at + i, &cp);
        if (!cp_is_case_ignorable(cp)) return !cased(cp);
    }
    return true;
}

static int lower_at(const str *s, size_t at, uint32_t cp, uint32_t out[3])
{
    if (cp != SIGMA) return cp_lower(cp, out);
    out[0] = sigma_is_final(s, at) ? FINAL_SIGMA : SMALL_SIGMA;
    return 1;
}

enum letter_case { UPPER, LOWER, FOLD, TITLE, CAPITAL, SWAP };

static int map_one(const str *s, size_t at, uint32_t cp, enum letter_case to, bool in_word,
                   uint32_t out[3])
{
    switch (to) {
    case UPPER: return cp_upper(cp, out);
    case LOWER: return lower_at(s, at, cp, out);
    case FOLD: return cp_fold(cp, out);
    case SWAP:
        if (cp_is_upper(cp)) return lower_at(s, at, cp, out);
        if (cp_is_lower(cp)) return cp_upper(cp, out);
        return out[0] = cp, 1;
    default: return in_word ? lower_at(s, at, cp, out) : cp_title(cp, out);
    }
}

static value map_ascii(interp *in, const str *s, enum letter_case to)
{
    str *r = str_alloc(in, s->nbyte, s->nchar);
    if (!r) return FAIL;
    unsigned char first = to == UPPER ? 'a' : 'A';
    enum { PIECE = 1 << 20 };
    for (size_t from = 0, end; from < s->nbyte; from = end) {
        if (from && !goes_on(in, from)) return obj_unref(in, r), FAIL;
        end = s->nbyte - from < PIECE ? s->nbyte : from + PIECE;
        for (size_t i = from; i < end; i++) {
            unsigned char c = (unsigned char)s->at[i];
            r->at[i] = (char)((unsigned char)(c - first) < 26 ? c ^ 32 : c);
        }
    }
    return v_obj(r);
}

static value map_case(interp *in, const str *s, enum letter_case to)
{
    if (str_ascii(s) && (to == UPPER || to == LOWER || to == FOLD)) return map_ascii(in, s, to);
    enum { GROWTH = 3 }; /* no mapping needs more bytes than three times what it replaces */
    err e = {0};
    char *out = try_alloc(GROWTH * s->nbyte + 1, &e);
    if (!out) return err_clear(&e), throw_nomem(in);
    bool in_word = false;
    uint32_t cp, to_cp[3];
    size_t n = 0;
    for (size_t i = 0, turn = 0, len; i < s->nbyte; i += len) {
        if (!goes_on(in, turn++)) return mem_free(out), FAIL;
        len = utf8_get(s->at + i, &cp);
        int count = map_one(s, i, cp, to, in_word, to_cp);
        for (int k = 0; k < count; k++) n += utf8_put(out + n, to_cp[k]);
        if (to >= TITLE) in_word = to == CAPITAL || cased(cp);
    }
    return v_obj(str_take(in, out, n));
}

#define CASE_METHOD(NAME, TO)                                                                      \
    value NAME(interp *in, const value *arg)                                                       \
    {                                                                                              \
        return map_case(in, self_str(arg), TO);                                                    \
    }
CASE_METHOD(str_upper, UPPER)
CASE_METHOD(str_lower, LOWER)
CASE_METHOD(str_casefold, FOLD)
CASE_METHOD(str_title, TITLE)
CASE_METHOD(str_capitalize, CAPITAL)
CASE_METHOD(str_swapcase, SWAP)

/* ---- questions ---- */

static value every(interp *in, const str *s, bool (*is)(uint32_t))
{
    uint32_t cp;
    for (size_t i = 0, turn = 0; i < s->nbyte;) {
        if (!goes_on(in, turn++)) return FAIL;
        i += utf8_get(s->at + i, &cp);
        if (!is(cp)) return v_bool(false);
    }
    return v_bool(true);
}

static bool is_decimal(uint32_t cp)
{
    return cp_decimal(cp) >= 0;
}

static bool is_alnum(uint32_t cp)
{
    return cp_is_alpha(cp) || cp_is_numeric(cp) || cp_is_digit(cp);
}

#define EVERY_METHOD(NAME, IS, EMPTY)                                                              \
    value NAME(interp *in, const value *arg)                                                       \
    {                                                                                              \
        const str *s = self_str(arg);                                                              \
        return s->nbyte ? every(in, s, IS) : v_bool(EMPTY);                                        \
    }
EVERY_METHOD(str_isalpha, cp_is_alpha, false)
EVERY_METHOD(str_isdecimal, is_decimal, false)
EVERY_METHOD(str_isdigit, cp_is_digit, false)
EVERY_METHOD(str_isnumeric, cp_is_numeric, false)
EVERY_METHOD(str_isalnum, is_alnum, false)
EVERY_METHOD(str_isspace, cp_is_space, false)
EVERY_METHOD(str_isprintable, cp_is_printable, true)

value str_isascii(interp *in, const value *arg)
{
    (void)in;
    return v_bool(str_ascii(self_str(arg)));
}

value str_isidentifier(interp *in, const value *arg)
{
    const str *s = self_str(arg);
    uint32_t cp;
    if (!s->nbyte) return v_bool(false);
    size_t i = utf8_get(s->at, &cp);
    bool ok = cp_is_id_start(cp);
    for (size_t turn = 0; ok && i < s->nbyte; turn++) {
        if (!goes_on(in, turn)) return FAIL;
        i += utf8_get(s->at + i, &cp);
        ok = cp_is_id_continue(cp);
    }
    return v_bool(ok);
}

/* At least one letter of the wanted case, none of the other. */
static value one_case(interp *in, const str *s, bool (*want)(uint32_t), bool (*other)(uint32_t))
{
    bool found = false;
    uint32_t cp;
    for (size_t i = 0, turn = 0; i < s->nbyte;) {
        if (!goes_on(in, turn++)) return FAIL;
        i += utf8_get(s->at + i, &cp);
        if (other(cp) || cp_is_title(cp)) return v_bool(false);
        found = found || want(cp);
    }
    return v_bool(found);
}

value str_islower(interp *in, const value *arg)
{
    return one_case(in, self_str(arg), cp_is_lower, cp_is_upper);
}

value str_isupper(interp *in, const value *arg)
{
    return one_case(in, self_str(arg), cp_is_upper, cp_is_lower);
}

value str_istitle(interp *in, const value *arg)
{
    const str *s = self_str(arg);
    bool found = false, in_word = false;
    uint32_t cp;
    for (size_t i = 0, turn = 0; i < s->nbyte;) {
        if (!goes_on(in, turn++)) return FAIL;
        i += utf8_get(s->at + i, &cp);
        bool upper = cp_is_upper(cp) || cp_is_title(cp), lower = cp_is_lower(cp);
        if ((upper && in_word) || (lower && !in_word)) return v_bool(false);
        in_word = upper || lower;
        found = found || in_word;
    }
    return v_bool(found);
}
