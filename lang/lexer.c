/* lang/lexer.c - text -> tokens: lines, indentation, brackets, names, strings, operators.
 *
 * One pass over the text, which ends with a NUL that no line contains.  Layout follows Python: a
 * stack of indents measured twice (tabs to 8 and to 1, which must agree), no layout inside
 * brackets.  Numbers are cut by number.c. */
#include "lang/lexer_impl.h"

#include <stdarg.h>
#include <string.h>

#include "engine/base/stop.h"
#include "lang/types/ucd.h"

const token_info token_table[T_COUNT] = {
#define TOKEN(name, spelling, prec, op) [T_##name] = {spelling, sizeof(spelling) - 1, prec, op},
#include "lang/token.def"
};

static unsigned word_slot(const char *s, size_t n)
{
    return ((uint8_t)s[0] * 7u + (uint8_t)s[n - 1] * 9u + (uint8_t)s[1] * 2u + (unsigned)n) & 255;
}

void lexicon_init(lexicon *x)
{
    *x = (lexicon){{0}, {0}};
    for (unsigned t = T_FALSE; t < T_COUNT; t++) {
        const token_info *row = &token_table[t];
        if (t < T_LPAR) {
            unsigned slot = word_slot(row->text, row->n);
            while (x->keyword[slot]) slot = (slot + 1) & 255;
            x->keyword[slot] = (uint8_t)t;
        } else if (!x->first[(uint8_t)row->text[0]]) {
            x->first[(uint8_t)row->text[0]] = (uint8_t)t;
        }
    }
}

static enum token_type keyword(const lexicon *x, const char *s, size_t n)
{
    if (n < 2 || n > 8) return T_NAME;
    for (unsigned slot = word_slot(s, n); x->keyword[slot]; slot = (slot + 1) & 255) {
        const token_info *row = &token_table[x->keyword[slot]];
        if (row->n == n && !memcmp(row->text, s, n)) return x->keyword[slot];
    }
    return T_NAME;
}

/* ---- failing ---- */

bool lex_fail(lexer *lx, uint32_t end_offset, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    int offset = (int)utf8_length(lx->line_start, (size_t)(lx->at - lx->line_start));
    *lx->why =
        (syntax_error){.kind = SyntaxError,
                       .msg = arena_dup(lx->arena, sb_text(&b), b.n),
                       .text = arena_dup(lx->arena, lx->line_start, strcspn(lx->line_start, "\n")),
                       .line = (int)lx->line,
                       .end_line = (int)lx->line,
                       .offset = offset,
                       .end_offset = end_offset ? (int)end_offset : offset};
    sb_clear(&b);
    lx->out->stop = LEX_SAID;
    return false;
}

static bool lex_stopped(lexer *lx)
{
    *lx->why = (syntax_error){.kind = KeyboardInterrupt, .msg = ""};
    lx->out->stop = LEX_SAID;
    return false;
}

static bool stop(lexer *lx, enum lex_stop reason)
{
    lx->out->stop = reason;
    return false;
}

/* ---- tokens ---- */

static token *push(lexer *lx, enum token_type type, const char *from)
{
    tokens *out = lx->out;
    if (out->n == lx->cap) {
        lx->cap *= 2;
        out->at = mem_grow(out->at, lx->cap * sizeof(token));
    }
    token *t = &out->at[out->n++];
    *t = (token){.type = (uint8_t)type,
                 .level = (uint8_t)lx->level,
                 .at = (uint32_t)(from - lx->text),
                 .end = (uint32_t)(lx->at - lx->text),
                 .line = lx->line,
                 .col = (uint32_t)(from - lx->line_start),
                 .end_line = lx->line,
                 .end_col = (uint32_t)(lx->at - lx->line_start)};
    return t;
}

/* After the newline at `at`. */
static void next_line(lexer *lx)
{
    lx->line++;
    lx->line_start = lx->at;
}

static bool lex_other(lexer *lx, const char *from, const char *bad, uint32_t c)
{
    const bool printable = cp_is_printable(c);
    if (c < 128 && printable) {
        lx->at = from + 1;
        push(lx, T_UNKNOWN, from);
        return true;
    }
    lx->at = utf8_next(bad, &c);
    if (!printable) return lex_fail(lx, 0, "invalid non-printable character U+%04X", c);
    return lex_fail(lx, 0, "invalid character '%.*s' (U+%04X)", (int)(lx->at - bad), bad, c);
}

static bool lex_name(lexer *lx)
{
    const char *from = lx->at, *p = from;
    bool ascii = true;
    while (is_word(*p)) ascii &= (signed char)*p++ >= 0;
    if (!ascii) {
        for (const char *q = from, *next; q < p; q = next) {
            uint32_t c;
            next = utf8_next(q, &c);
            if (!(q == from ? cp_is_id_start(c) : cp_is_id_continue(c)))
                return lex_other(lx, from, q, c);
        }
    }
    lx->at = p;
    push(lx, ascii ? keyword(lx->words, from, (size_t)(p - from)) : T_NAME, from);
    return true;
}

/* 3 prefix letters at most, in any case: r b u f br rb fr rf; the quote follows, or it is a name.
 */
static const char *string_quote(const char *p)
{
    static const char *const prefixes[] = {"r", "b", "u", "f", "br", "rb", "fr", "rf"};
    char low[3] = {0};
    size_t n = 0;
    while (n < 3 && *p != '"' && *p != '\'') low[n++] = (char)(*p++ | 32);
    if (n == 0) return p;
    for (size_t i = 0; n < 3 && i < sizeof prefixes / sizeof *prefixes; i++)
        if (strlen(prefixes[i]) == n && !memcmp(prefixes[i], low, n)) return p;
    return NULL;
}

static bool unterminated(lexer *lx, const token *start, const char *line_start, bool triple)
{
    uint32_t line = lx->line - (*lx->at == 0 && lx->at > lx->text && lx->at == lx->line_start &&
                                lx->line > start->line);
    lx->line = start->line;
    lx->line_start = line_start;
    lx->at = lx->text + start->at + 1;
    lx->out->n--;
    lex_fail(lx, 0, "unterminated %sstring literal (detected at line %u)",
             triple ? "triple-quoted " : "", line);
    lx->why->incomplete = triple;
    return false;
}

static bool lex_string(lexer *lx, const char *quote)
{
    const char *from = lx->at, *line_start = lx->line_start;
    const char q = *quote;
    const bool triple = quote[1] == q && quote[2] == q;
    push(lx, T_STRING, from);
    size_t self = lx->out->n - 1;
    for (lx->at = quote + (triple ? 3 : 1);;) {
        const char *p = lx->at;
        while (*p != q && *p != '\\' && *p != '\n' && *p) p++;
        lx->at = p;
        if (*p == '\\' && p[1])
            lx->at = ++p;
        else if (*p == q && (!triple || (p[1] == q && p[2] == q)))
            break;
        else if (!*p || (*p == '\n' && !triple))
            return unterminated(lx, &lx->out->at[self], line_start, triple);
        lx->at++;
        if (*p == '\n') next_line(lx);
    }
    lx->at += triple ? 3 : 1;
    token *t = &lx->out->at[self];
    t->end = (uint32_t)(lx->at - lx->text);
    t->end_line = lx->line;
    t->end_col = (uint32_t)(lx->at - lx->line_start);
    return true;
}

static bool open_bracket(lexer *lx, char c)
{
    if (lx->level == MAX_BRACKETS) {
        lx->at++;
        return lex_fail(lx, 0, "too many nested parentheses");
    }
    lx->bracket[lx->level++] = (struct bracket){c, lx->line, (uint32_t)(lx->at - lx->line_start)};
    return true;
}

static bool close_bracket(lexer *lx, char c)
{
    lx->at++;
    if (lx->level == 0) return lex_fail(lx, 0, "unmatched '%c'", c);
    struct bracket b = lx->bracket[--lx->level];
    lx->at--;
    if ((b.c == '(' && c == ')') || (b.c != '(' && c == b.c + 2)) return true;
    lx->at++;
    if (b.line != lx->line)
        return lex_fail(
            lx, 0, "closing parenthesis '%c' does not match opening parenthesis '%c' on line %u", c,
            b.c, b.line);
    return lex_fail(lx, 0, "closing parenthesis '%c' does not match opening parenthesis '%c'", c,
                    b.c);
}

static bool lex_operator(lexer *lx)
{
    const char *from = lx->at, c = *from;
    unsigned t = (signed char)c < 0 ? 0 : lx->words->first[(uint8_t)c];
    for (; t && t < T_COUNT && token_table[t].text[0] == c; t++) {
        const token_info *row = &token_table[t];
        if (memcmp(from, row->text, row->n)) continue;
        if (strchr("([{", c) && !open_bracket(lx, c)) return false;
        if (strchr(")]}", c) && !close_bracket(lx, c)) return false;
        lx->at += row->n;
        push(lx, t, from);
        return true;
    }
    return lex_other(lx, from, from, (uint8_t)c);
}

static bool continuation(lexer *lx)
{
    lx->at++;
    if (*lx->at != '\n') {
        if (!*lx->at) return stop(lx, LEX_EOF);
        lx->at++;
        return stop(lx, LEX_CONTINUATION);
    }
    lx->at++;
    next_line(lx);
    return *lx->at ? true : stop(lx, LEX_EOF);
}

/* ---- lines ---- */

static bool indent_error(lexer *lx, enum lex_stop why)
{
    const char *p = lx->at;
    while (*p && *p != '\n') p++;
    lx->at = p;
    return stop(lx, why);
}

/* The tokens between the last line's indentation and this one's. */
static bool lex_layout(lexer *lx, unsigned col, unsigned alt)
{
    struct indent *top = &lx->indent[lx->nindent - 1];
    if (col == top->col) return alt == top->alt ? true : indent_error(lx, LEX_TABS);
    if (col > top->col) {
        if (lx->nindent == MAX_INDENT) return indent_error(lx, LEX_DEEP);
        if (alt <= top->alt) return indent_error(lx, LEX_TABS);
        lx->indent[lx->nindent++] = (struct indent){col, alt};
        push(lx, T_INDENT, lx->at);
        return true;
    }
    unsigned dedents = 0;
    for (; lx->nindent > 1 && col < lx->indent[lx->nindent - 1].col; lx->nindent--) dedents++;
    top = &lx->indent[lx->nindent - 1];
    if (col != top->col) return indent_error(lx, LEX_DEDENT);
    if (alt != top->alt) return indent_error(lx, LEX_TABS);
    while (dedents--) push(lx, T_DEDENT, lx->at);
    return true;
}

/* Reads indentation; lines without code leave no trace.  True with `at` at code or at the end. */
static bool lex_line_start(lexer *lx)
{
    for (;;) {
        unsigned col = 0, alt = 0;
        const char *p = lx->at;
        for (;; p++) {
            if (*p == ' ')
                col++, alt++;
            else if (*p == '\t')
                col = (col / 8 + 1) * 8, alt++;
            else if (*p == '\f')
                col = alt = 0;
            else
                break;
        }
        if (*p == '#')
            while (*p && *p != '\n') p++;
        lx->at = p;
        if (*p == '\\' && p[1] == '\n') { /* the indentation that counts is the first line's */
            if (!continuation(lx)) return false;
            while (*lx->at == ' ' || *lx->at == '\t') lx->at++;
            return lex_layout(lx, col, alt);
        }
        if (!*p) return true;
        if (*p != '\n') return lex_layout(lx, col, alt);
        lx->at++;
        next_line(lx);
    }
}

/* The token reaches from the last blank, before a comment, to the newline, without it. */
static bool lex_newline(lexer *lx, const char *from)
{
    if (lx->level == 0) {
        push(lx, T_NEWLINE, from);
        lx->line_begins = true;
    }
    lx->at++;
    next_line(lx);
    return true;
}

static bool lex_token(lexer *lx)
{
    const char c = *lx->at;
    if (c == '\\') return continuation(lx);
    if (c == '"' || c == '\'') return lex_string(lx, lx->at);
    if (is_word_start(c)) {
        const char *quote = NULL;
        char low = (char)(c | 32);
        if (low == 'r' || low == 'b' || low == 'u' || low == 'f') quote = string_quote(lx->at);
        return quote ? lex_string(lx, quote) : lex_name(lx);
    }
    if (is_digit(c) || (c == '.' && is_digit(lx->at[1]))) {
        const char *from = lx->at;
        if (!lex_number(lx)) return false;
        push(lx, T_NUMBER, from);
        return true;
    }
    return lex_operator(lx);
}

/* At the end of the text: the newline that the last line lacks, the open indents.  These stand
 * behind the newline of the last line, not on a line of their own. */
static bool lex_end(lexer *lx, const char *from)
{
    if (lx->level > 0) return stop(lx, LEX_EOF);
    tokens *out = lx->out;
    uint32_t col = (uint32_t)(lx->at - lx->line_start) + 1;
    if (lx->line_start < lx->at) {
        if (out->n && out->at[out->n - 1].type > T_DEDENT) push(lx, T_NEWLINE, from);
    } else if (lx->line > 1) {
        const char *p = lx->at - 1;
        while (p > lx->text && p[-1] != '\n') p--;
        col = (uint32_t)(lx->at - p);
        lx->line--;
    }
    for (; lx->nindent > 1; lx->nindent--) push(lx, T_DEDENT, lx->at)->col = col;
    push(lx, T_END, lx->at)->col = col;
    return true;
}

static bool lex_all(lexer *lx)
{
    for (;;) {
        if (lx->line_begins) {
            lx->line_begins = false;
            if (!lex_line_start(lx)) return false;
        }
        const char *p = lx->at;
        while (*p == ' ' || *p == '\t' || *p == '\f') p++;
        const char *from = p;
        if (*p == '#')
            while (*p && *p != '\n') p++;
        lx->at = p;
        if (stop_asked()) return lex_stopped(lx);
        if (!*p) return lex_end(lx, from);
        if (*p == '\n' ? !lex_newline(lx, from) : !lex_token(lx)) return false;
    }
}

void lex(tokens *out, const lexicon *words, arena *a, const char *text, size_t size,
         syntax_error *why)
{
    lexer lx = {.text = text,
                .at = text,
                .line_start = text,
                .line = 1,
                .nindent = 1,
                .line_begins = true,
                .words = words,
                .arena = a,
                .out = out,
                .why = why,
                .cap = size / 4 + 16};
    *out = (tokens){.at = mem_alloc(lx.cap * sizeof(token)), .text = text, .size = size};
    if (!lex_all(&lx)) push(&lx, T_ERROR, lx.at);
    out->stop_line = lx.line;
    out->stop_col = (uint32_t)(lx.at - lx.line_start);
    if (!lx.level) return;
    out->open = lx.bracket[lx.level - 1].c;
    out->open_line = lx.bracket[lx.level - 1].line;
    out->open_col = lx.bracket[lx.level - 1].col;
}

void tokens_clear(tokens *t)
{
    mem_free(t->at);
    *t = (tokens){0};
}
