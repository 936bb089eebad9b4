/* lang/number.c - number literals: where they end, and what is wrong with them.
 *
 * Each scan_* leaves `at` behind what it read.  On failure `at` stands where Python reports. */
#include "lang/lexer_impl.h"

#include <string.h>

/* digits, single underscores between them */
static bool scan_decimal(lexer *lx)
{
    for (;;) {
        while (is_digit(*lx->at)) lx->at++;
        if (*lx->at != '_') return true;
        lx->at++;
        if (!is_digit(*lx->at)) return lex_fail(lx, 0, "invalid decimal literal");
    }
}

/* `1if x else y` is accepted: a word that may follow a number may touch it. */
static bool scan_end(lexer *lx, const char *kind)
{
    static const char *const may_touch[] = {"and", "else", "for", "if", "in", "is", "or", "not"};
    if (!is_word(*lx->at)) return true;
    for (size_t i = 0; i < sizeof may_touch / sizeof *may_touch; i++) {
        const size_t n = strlen(may_touch[i]);
        const bool loose = may_touch[i][0] == 'i'; /* `1iffy` too is read as 1 if fy */
        if (!strncmp(lx->at, may_touch[i], n) && (loose || !is_word(lx->at[n]))) return true;
    }
    return lex_fail(lx, 0, "invalid %s literal", kind);
}

static bool radix_digit(char c, int radix)
{
    if (radix == 16) return is_digit(c) || (unsigned char)((c | 32) - 'a') < 6;
    return c >= '0' && c < '0' + radix;
}

static bool bad_digit(lexer *lx, const char *kind)
{
    char c = *lx->at++;
    return lex_fail(lx, 0, "invalid digit '%c' in %s literal", c, kind);
}

static bool scan_radix(lexer *lx, int radix, const char *kind)
{
    lx->at += 2;
    do {
        if (*lx->at == '_') lx->at++;
        if (!radix_digit(*lx->at, radix)) {
            if (is_digit(*lx->at)) return bad_digit(lx, kind);
            return lex_fail(lx, 0, "invalid %s literal", kind);
        }
        while (radix_digit(*lx->at, radix)) lx->at++;
    } while (*lx->at == '_');
    if (is_digit(*lx->at)) return bad_digit(lx, kind);
    return scan_end(lx, kind);
}

/* What may follow the whole part; *plain tells that nothing did. */
static bool scan_fraction(lexer *lx, bool *plain)
{
    const char *from = lx->at;
    if (*lx->at == '.') {
        lx->at++;
        if (is_digit(*lx->at) && !scan_decimal(lx)) return false;
    }
    if ((*lx->at | 32) == 'e') {
        const char *e = lx->at++;
        if (*lx->at == '+' || *lx->at == '-') {
            lx->at++;
            if (!is_digit(*lx->at)) return lex_fail(lx, 0, "invalid decimal literal");
        }
        if (!is_digit(*lx->at)) {
            lx->at = e;
            *plain = e == from;
            return scan_end(lx, "decimal");
        }
        if (!scan_decimal(lx)) return false;
    }
    if ((*lx->at | 32) == 'j') {
        lx->at++;
        *plain = false;
        return scan_end(lx, "imaginary");
    }
    *plain = lx->at == from;
    return scan_end(lx, "decimal");
}

bool lex_number(lexer *lx)
{
    const char *from = lx->at, *nonzero = NULL;
    if (*from == '0') {
        switch (from[1] | 32) {
        case 'x': return scan_radix(lx, 16, "hexadecimal");
        case 'o': return scan_radix(lx, 8, "octal");
        case 'b': return scan_radix(lx, 2, "binary");
        default: break;
        }
        const char *p = from;
        while (*p == '0' || (*p == '_' && is_digit(p[1]))) p++;
        if (is_digit(*p)) nonzero = p + 1;
    }
    bool plain;
    if (*from != '.' && !scan_decimal(lx)) return false;
    const char *whole = lx->at;
    if (nonzero && *whole != '.' && (*whole | 32) != 'e' && (*whole | 32) != 'j') {
        lx->at = from + 1;
        return lex_fail(lx,
                        (uint32_t)utf8_length(lx->line_start, (size_t)(nonzero - lx->line_start)),
                        "leading zeros in decimal integer literals are not permitted; "
                        "use an 0o prefix for octal integers");
    }
    return scan_fraction(lx, &plain);
}
