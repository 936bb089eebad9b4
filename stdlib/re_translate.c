/* stdlib/re_translate.c - Python's regular expression syntax -> PCRE2's, one pass.
 *
 * Nearly everything is the same text.  Rewritten: \Z, \v, \uXXXX, [ inside sets, {,n}, flags that
 * PCRE2 lacks.  What Python refuses and PCRE2 would take (\Q, (*VERB), [[:alpha:]], a**) is
 * refused here with Python's message. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "stdlib/re_parts.h"

typedef struct scan {
    interp *in;
    value source;
    const char *s;
    size_t i, n;
    translation *t;
    bool bytes;
    uint16_t nclosed;
    bool can_repeat, repeated; /* the last item may take a quantifier; has one */
    struct open {
        size_t at;
        uint32_t group, flags;
    } * open;
    size_t nopen, cap;
} scan;

static bool bad(scan *c, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

value re_error(interp *in, value source, size_t byte, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    str *s = as_str(source);
    size_t pos = s ? utf8_count(s->at, byte) : byte;
    value mod = interp_import(in, "re"), cls = FAIL;
    if (!is_fail(mod)) cls = value_getattr_c(in, mod, "error");
    value msg = v_str(in, sb_text(&b));
    sb_clear(&b);
    value e = is_fail(cls) ? FAIL : call_n(in, cls, 3, msg, source, v_int((int64_t)pos));
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    value_unref(in, msg);
    value_unref(in, cls);
    value_unref(in, mod);
    return FAIL;
}

static bool bad(scan *c, size_t at, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    re_error(c->in, c->source, at, "%s", sb_text(&b));
    sb_clear(&b);
    return false;
}

void translation_clear(translation *t)
{
    sb_clear(&t->out);
    for (uint32_t i = 0; i <= t->ngroup; i++) mem_free(t->name[i]);
}

static int peek(const scan *c, size_t k)
{
    return c->i + k < c->n ? (unsigned char)c->s[c->i + k] : -1;
}

static void copy(scan *c, size_t n)
{
    sb_add(&c->t->out, c->s + c->i, n);
    c->i += n;
}

static void item(scan *c)
{
    c->can_repeat = true;
    c->repeated = false;
}

/* ---- escapes ---- */

static bool hex_escape(scan *c, size_t start, size_t digits)
{
    uint32_t cp = 0;
    for (size_t k = 0; k < digits; k++) {
        int d = c->i + 2 + k < c->n ? (unsigned char)c->s[c->i + 2 + k] : 0;
        if (!isxdigit(d)) {
            return bad(c, start, "incomplete escape %.*s", (int)(2 + k), c->s + start);
        }
        cp = cp * 16 + (uint32_t)(isdigit(d) ? d - '0' : (d | 32) - 'a' + 10);
    }
    if (cp > 0x10ffff) return bad(c, start, "bad escape %.*s", (int)(2 + digits), c->s + start);
    sb_addf(&c->t->out, "\\x{%x}", cp);
    c->i += 2 + digits;
    return true;
}

static bool number_escape(scan *c, bool in_set)
{
    size_t start = c->i, k = 1;
    int octal = 0;
    while (k < 4 && isdigit(peek(c, k)) && peek(c, k) < '8')
        octal = octal * 8 + peek(c, k) - '0', k++;
    if (peek(c, 1) == '0' || in_set || k == 4) {
        if (k == 1) return bad(c, start, "bad escape \\%c", peek(c, 1));
        if (octal > 0377) {
            return bad(c, start, "octal escape value \\%.*s outside of range 0-0o377", 3,
                       c->s + start + 1);
        }
        if (peek(c, 1) == '0' && k == 4) { /* at most two digits after the zero */
            octal = (peek(c, 2) - '0') * 8 + peek(c, 3) - '0';
        }
        sb_addf(&c->t->out, "\\x{%x}", (unsigned)octal);
        c->i += k;
        return true;
    }
    int group = peek(c, 1) - '0';
    k = 2;
    if (isdigit(peek(c, 2))) group = group * 10 + peek(c, 2) - '0', k = 3;
    if ((uint32_t)group > c->t->ngroup) {
        return bad(c, start + 1, "invalid group reference %d", group);
    }
    for (size_t o = 0; o < c->nopen; o++) {
        if (c->open[o].group == (uint32_t)group)
            return bad(c, start, "cannot refer to an open group");
    }
    sb_addf(&c->t->out, "\\g{%d}", group);
    c->i += k;
    return true;
}

static bool escape(scan *c, bool in_set)
{
    size_t start = c->i;
    int e = peek(c, 1);
    if (e < 0) return bad(c, start, "bad escape (end of pattern)");
    if (isdigit(e)) return number_escape(c, in_set);
    if (e == 'x') return hex_escape(c, start, 2);
    if (!c->bytes && e == 'u') return hex_escape(c, start, 4);
    if (!c->bytes && e == 'U') return hex_escape(c, start, 8);
    const char *to = NULL;
    switch (e) {
    case 'a': to = "\\x07"; break;
    case 'v': to = "\\x0b"; break;
    case 'Z': to = in_set ? NULL : "\\z"; break;
    case 'b': to = in_set ? "\\x08" : "\\b"; break;
    case 'A': to = in_set ? NULL : "\\A"; break;
    case 'B': to = in_set ? NULL : "\\B"; break;
    default:
        if (!isalpha(e) || strchr("dDsSwWfnrt", e)) {
            if (e >= 0x80) { /* a character beyond ASCII stands for itself */
                c->i++;
                return true;
            }
            return copy(c, 2), true;
        }
    }
    if (!to) return bad(c, start, "bad escape \\%c", e);
    sb_adds(&c->t->out, to);
    c->i += 2;
    return true;
}

/* ---- [sets] ---- */

/* One member; *cp its code point, -1 for a class like \d. */
static bool set_member(scan *c, long *cp)
{
    uint32_t u;
    size_t out = c->t->out.n;
    if (c->s[c->i] != '\\') {
        size_t len = c->bytes ? (u = (unsigned char)c->s[c->i], 1) : utf8_get(c->s + c->i, &u);
        *cp = (long)u;
        if (strchr("[&~|-", (int)u) && u && u < 128) sb_addc(&c->t->out, '\\');
        return copy(c, len), true;
    }
    int e = peek(c, 1);
    if (!escape(c, true)) return false;
    const char *text = c->t->out.at + out;
    *cp = e > 0 && strchr("dDsSwW", e) ? -1
          : !strncmp(text, "\\x{", 3)  ? strtol(text + 3, NULL, 16)
          : !strncmp(text, "\\x", 2)   ? strtol(text + 2, NULL, 16)
          : e == 'n'                   ? '\n'
          : e == 't'                   ? '\t'
          : e == 'r'                   ? '\r'
          : e == 'f'                   ? '\f'
                                       : e;
    return true;
}

static bool char_set(scan *c)
{
    size_t start = c->i;
    copy(c, 1);
    if (peek(c, 0) == '^') copy(c, 1);
    for (bool first = true;; first = false) {
        if (c->i >= c->n) return bad(c, start, "unterminated character set");
        if (c->s[c->i] == ']' && !first) break;
        size_t from = c->i;
        long lo, hi;
        if (c->s[c->i] == ']')
            sb_adds(&c->t->out, "\\]"), c->i++, lo = ']';
        else if (!set_member(c, &lo))
            return false;
        if (peek(c, 0) != '-' || peek(c, 1) == ']' || peek(c, 1) < 0) continue;
        copy(c, 1);
        if (!set_member(c, &hi)) return false;
        if (lo < 0 || hi < 0 || hi < lo) {
            return bad(c, from, "bad character range %.*s", (int)(c->i - from), c->s + from);
        }
    }
    copy(c, 1);
    return item(c), true;
}

/* ---- groups ---- */

static void push(scan *c, size_t at, uint32_t group)
{
    if (c->nopen == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->open = mem_grow(c->open, c->cap * sizeof *c->open);
    }
    c->open[c->nopen++] = (struct open){at, group, c->t->flags};
    c->can_repeat = c->repeated = false;
}

static bool new_group(scan *c, size_t at, const char *name, size_t n)
{
    translation *t = c->t;
    if (t->ngroup == MAX_GROUPS) return bad(c, at, "too many groups");
    t->name[++t->ngroup] = name ? mem_dupn(name, n) : NULL;
    push(c, at, t->ngroup);
    return true;
}

static int group_named(const translation *t, const char *name, size_t n)
{
    for (uint32_t i = 1; i <= t->ngroup; i++) {
        if (t->name[i] && strlen(t->name[i]) == n && !memcmp(t->name[i], name, n)) return (int)i;
    }
    return 0;
}

static bool check_name(scan *c, const char *name, size_t n, size_t at)
{
    if (n == 0) return bad(c, at, "missing group name");
    bool ok = !isdigit((unsigned char)*name);
    for (size_t k = 0; k < n; k++) {
        ok = ok && (isalnum((unsigned char)name[k]) || name[k] == '_' || (name[k] & 0x80));
    }
    return ok || bad(c, at, "bad character in group name '%.*s'", (int)n, name);
}

/* The name up to the terminator at c->i; leaves c->i behind it. */
static bool scan_name(scan *c, char end, const char **name, size_t *n)
{
    size_t from = c->i;
    while (c->i < c->n && c->s[c->i] != end) c->i++;
    if (c->i == from) return bad(c, from, "missing group name");
    if (c->i >= c->n) return bad(c, from, "missing %c, unterminated name", end);
    *name = c->s + from;
    *n = c->i++ - from;
    return true;
}

static bool named_group(scan *c, size_t at)
{
    const char *name;
    size_t n, start;
    int next = peek(c, 3);
    if (next == '<') {
        c->i += 4;
        start = c->i;
        if (!scan_name(c, '>', &name, &n) || !check_name(c, name, n, start)) return false;
        int was = group_named(c->t, name, n);
        if (was) {
            return bad(c, start, "redefinition of group name '%.*s' as group %u; was group %d",
                       (int)n, name, c->t->ngroup + 1, was);
        }
        sb_addf(&c->t->out, "(");
        return new_group(c, at, name, n);
    }
    if (next == '=') {
        c->i += 4;
        start = c->i;
        if (!scan_name(c, ')', &name, &n) || !check_name(c, name, n, start)) return false;
        int group = group_named(c->t, name, n);
        if (!group) return bad(c, start, "unknown group name '%.*s'", (int)n, name);
        sb_addf(&c->t->out, "\\g{%d}", group);
        return item(c), true;
    }
    if (next < 0) return bad(c, c->n, "unexpected end of pattern");
    return bad(c, at + 1, "unknown extension ?P%c", next);
}

static uint32_t flag_of(int c)
{
    switch (c) {
    case 'i': return RE_IGNORECASE;
    case 'L': return RE_LOCALE;
    case 'm': return RE_MULTILINE;
    case 's': return RE_DOTALL;
    case 'u': return RE_UNICODE;
    case 'x': return RE_VERBOSE;
    case 'a': return RE_ASCII;
    default: return 0;
    }
}

/* (?ims) at the start, (?i-m:...) anywhere */
static bool inline_flags(scan *c, size_t at)
{
    uint32_t on = 0, off = 0, *to = &on;
    for (c->i += 2;; c->i++) {
        int ch = peek(c, 0);
        if (ch == '-' && to == &on) {
            to = &off;
            continue;
        }
        uint32_t flag = ch < 0 ? 0 : flag_of(ch);
        if (!flag) break;
        *to |= flag;
    }
    int ch = peek(c, 0);
    bool minus = to == &off;
    const char *missing = !minus ? "missing -, : or )" : off ? "missing :" : "missing flag";
    if (ch < 0) return bad(c, c->n, "%s", missing);
    if (ch == ')' && !minus) {
        if (at != 0) return bad(c, at, "global flags not at the start of the expression");
        c->i++;
        c->t->flags |= on;
        return true;
    }
    if (ch != ':' || (minus && !off)) {
        return bad(c, c->i, "%s", isalpha(ch) ? "unknown flag" : missing);
    }
    c->i++;
    sb_adds(&c->t->out, "(?");
    for (const char *f = "imsx"; *f; f++) {
        if (on & flag_of(*f)) sb_addc(&c->t->out, *f);
    }
    if (off) sb_addc(&c->t->out, '-');
    for (const char *f = "imsx"; *f; f++) {
        if (off & flag_of(*f)) sb_addc(&c->t->out, *f);
    }
    sb_addc(&c->t->out, ':');
    push(c, at, 0);
    c->t->flags = (c->t->flags | on) & ~off;
    return true;
}

static bool conditional(scan *c, size_t at)
{
    const char *name;
    size_t n, start = c->i + 3;
    c->i = start;
    if (!scan_name(c, ')', &name, &n)) return false;
    int group = isdigit((unsigned char)*name) ? atoi(name) : group_named(c->t, name, n);
    if (!group || (uint32_t)group > c->t->ngroup) {
        return isdigit((unsigned char)*name)
                   ? bad(c, start, "invalid group reference %d", group)
                   : bad(c, start, "unknown group name '%.*s'", (int)n, name);
    }
    sb_addf(&c->t->out, "(?(%d)", group);
    push(c, at, 0);
    return true;
}

static bool group(scan *c)
{
    size_t at = c->i;
    int next = peek(c, 1), third = peek(c, 2);
    if (next != '?') {
        copy(c, 1);
        return new_group(c, at, NULL, 0);
    }
    if (third < 0) return bad(c, c->n, "unexpected end of pattern");
    if (third == 'P') return named_group(c, at);
    if (third == '#') {
        while (c->i < c->n && c->s[c->i] != ')') c->i++;
        if (c->i >= c->n) return bad(c, at, "missing ), unterminated comment");
        return c->i++, true;
    }
    if (third == '(') return conditional(c, at);
    if (flag_of(third) || third == '-') return inline_flags(c, at);
    size_t len = strchr(":=!>", third) ? 3 : 0;
    if (third == '<') {
        int fourth = peek(c, 3);
        if (fourth < 0) return bad(c, c->n, "unexpected end of pattern");
        if (fourth != '=' && fourth != '!') return bad(c, at + 1, "unknown extension ?<%c", fourth);
        len = 4;
    }
    if (!len) return bad(c, at + 1, "unknown extension ?%c", third);
    copy(c, len);
    push(c, at, 0);
    return true;
}

static bool group_end(scan *c)
{
    if (!c->nopen) return bad(c, c->i, "unbalanced parenthesis");
    struct open *o = &c->open[--c->nopen];
    if (o->group) c->t->closes[o->group] = ++c->nclosed;
    c->t->flags = o->flags;
    copy(c, 1);
    return item(c), true;
}

/* ---- quantifiers ---- */

/* {m}, {m,}, {,n}, {m,n}: its length, 0 when the brace is just a brace */
static size_t braces(const scan *c, long *lo, long *hi)
{
    size_t k = 1;
    bool any = false, comma = false;
    for (*lo = 0; isdigit(peek(c, k)) && k < 16; k++) *lo = *lo * 10 + peek(c, k) - '0', any = true;
    *hi = *lo;
    if (peek(c, k) == ',') {
        comma = true;
        k++;
        *hi = -1;
        for (long v = 0; isdigit(peek(c, k)) && k < 32; k++)
            *hi = v = v * 10 + peek(c, k) - '0', any = true;
    }
    return (any || comma) && peek(c, k) == '}' ? k + 1 : 0;
}

static bool quantifier(scan *c, size_t len, long lo, long hi)
{
    size_t at = c->i;
    if (c->repeated) return bad(c, at, "multiple repeat");
    if (!c->can_repeat) return bad(c, at, "nothing to repeat");
    if (len > 1 && hi >= 0 && hi < lo) {
        return bad(c, at + 1, "min repeat greater than max repeat");
    }
    if (len > 1) {
        if (lo >= 4294967295 || hi >= 4294967295) {
            throw(c->in, OverflowError, "the repetition number is too large");
            return false;
        }
        if (lo > 65535 || hi > 65535) {
            return bad(c, at, "more than 65535 repetitions are not supported");
        }
        c->i += len;
        if (hi < 0)
            sb_addf(&c->t->out, "{%ld,}", lo);
        else
            sb_addf(&c->t->out, "{%ld,%ld}", lo, hi);
    } else
        copy(c, 1);
    if (peek(c, 0) == '?' || peek(c, 0) == '+') copy(c, 1);
    c->repeated = true;
    return true;
}

/* ---- the pattern ---- */

static bool one(scan *c)
{
    long lo = 0, hi = 0;
    size_t len;
    int ch = (unsigned char)c->s[c->i];
    if ((c->t->flags & RE_VERBOSE) && (isspace(ch) || ch == '#')) {
        if (ch == '#') {
            while (c->i < c->n && c->s[c->i] != '\n') c->i++;
        } else
            c->i++;
        return true;
    }
    switch (ch) {
    case '\\':
        if (!escape(c, false)) return false;
        return item(c), true;
    case '[': return char_set(c);
    case '(': return group(c);
    case ')': return group_end(c);
    case '*':
    case '+':
    case '?': return quantifier(c, 1, 0, 0);
    case '{':
        if ((len = braces(c, &lo, &hi))) return quantifier(c, len, lo, hi);
        sb_adds(&c->t->out, "\\{");
        c->i++;
        return item(c), true;
    case '|':
        copy(c, 1);
        c->can_repeat = c->repeated = false;
        return true;
    case '^':
    case '$': copy(c, 1); return item(c), true;
    case '#':
        sb_adds(&c->t->out, "\\#");
        c->i++;
        return item(c), true;
    case 0:
        sb_adds(&c->t->out, "\\x{0}");
        c->i++;
        return item(c), true;
    default: break;
    }
    uint32_t cp;
    copy(c, c->bytes ? 1 : utf8_get(c->s + c->i, &cp));
    return item(c), true;
}

bool re_translate(interp *in, value source, const char *s, size_t n, translation *t)
{
    scan c = {.in = in, .source = source, .s = s, .n = n, .t = t, .bytes = !as_str(source)};
    bool ok = true;
    while (ok && c.i < n) ok = one(&c);
    if (ok && c.nopen) {
        ok = bad(&c, c.open[c.nopen - 1].at, "missing ), unterminated subpattern");
    }
    mem_free(c.open);
    return ok;
}
