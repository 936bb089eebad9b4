/* lang/parser_string.c - string tokens -> constants and f-strings.
 *
 * Adjacent literals join.  An expression within an f-string is cut out, put in parentheses and
 * parsed by a parser of its own, whose positions are shifted to where the expression stands. */
#include "lang/parser_impl.h"
#include "lang/types/uniname.h"

#include "lang/lexer_impl.h"

/* One literal: its prefix and the text between the quotes. */
typedef struct literal {
    const char *at, *end;
    const token *t;
    bool raw, bytes, format, u;
} literal;

/* The value being put together from all of them. */
typedef struct joined {
    strbuf text; /* the constant piece under construction */
    size_t mark; /* finished pieces are on the parser's stack */
    const token *first;
    bool bytes, format, u;
} joined;

static literal cut_literal(const parser *p, const token *t)
{
    literal l = {.at = p->t.text + t->at, .end = p->t.text + t->end, .t = t};
    for (; *l.at != '"' && *l.at != '\''; l.at++) {
        const char c = (char)(*l.at | 32);
        l.raw |= c == 'r';
        l.bytes |= c == 'b';
        l.format |= c == 'f';
        l.u |= *l.at == 'u';
    }
    const size_t quotes = l.end - l.at >= 6 && l.at[1] == l.at[0] && l.at[2] == l.at[0] ? 3 : 1;
    l.at += quotes;
    l.end -= quotes;
    return l;
}

/* ---- escapes ---- */

static int hex_value(char c)
{
    if (is_digit(c)) return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Where Python counts an error to be: it has first made \UXXXXXXXX of what is not ASCII. */
static size_t codec_position(const char *from, const char *at)
{
    size_t chars = utf8_length(from, (size_t)(at - from)), n = (size_t)(at - from), plain = 0;
    for (size_t i = 0; i < n; i++) plain += (signed char)from[i] >= 0;
    return plain + (chars - plain) * 10;
}

static bool bad_escape(parser *p, const char *from, const char *at, const char *end,
                       const char *what)
{
    complain_here(
        p, SyntaxError,
        "(unicode error) 'unicodeescape' codec can't decode bytes in position %zu-%zu: %s",
        codec_position(from, at), codec_position(from, end) - 1, what);
    return false;
}

/* \xXX \uXXXX \UXXXXXXXX: *s behind the letter */
static bool decode_hex(parser *p, strbuf *out, const char *from, const char **s, const char *end,
                       bool bytes)
{
    const char *start = *s - 2;
    const char letter = (*s)[-1];
    const int want = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
    uint32_t c = 0;
    int n = 0;
    for (; n < want && *s < end && hex_value(**s) >= 0; n++, (*s)++)
        c = c << 4 | (uint32_t)hex_value(**s);
    if (n < want && bytes) {
        complain_here(p, SyntaxError, "(value error) invalid \\x escape at position %td",
                      start - from);
        return false;
    }
    if (n < want)
        return bad_escape(p, from, start, *s,
                          want == 2   ? "truncated \\xXX escape"
                          : want == 4 ? "truncated \\uXXXX escape"
                                      : "truncated \\UXXXXXXXX escape");
    if (c > 0x10ffff) return bad_escape(p, from, start, *s, "illegal Unicode character");
    if (bytes)
        sb_addc(out, (char)c);
    else
        sb_utf8(out, c);
    return true;
}

/* \N{NAME}: *s behind the N */
static bool decode_name(parser *p, strbuf *out, const char *from, const char **s, const char *end)
{
    const char *start = *s - 2, *name = *s + 1;
    const char *close = *s < end && **s == '{' ? memchr(*s, '}', (size_t)(end - *s)) : NULL;
    if (!close || close == name) {
        const char *stop = close ? close : *s < end && **s == '{' ? end : *s;
        return bad_escape(p, from, start, stop, "malformed \\N character escape");
    }
    int64_t cp = uniname_find(name, (size_t)(close - name));
    if (cp < 0 && !uniname_known()) {
        complain_here(p, SyntaxError,
                      "the names of characters need the library libunistring.so.2: "
                      "write the code point as \\u or \\U");
        return false;
    }
    if (cp < 0) return bad_escape(p, from, start, close + 1, "unknown Unicode character name");
    sb_utf8(out, (unsigned)cp);
    *s = close + 1;
    return true;
}

static bool decode_escape(parser *p, strbuf *out, const char *from, const char **s, const char *end,
                          bool bytes)
{
    static const char letters[] = "abfnrtv\\'\"", means[] = "\a\b\f\n\r\t\v\\'\"";
    const char c = *(*s)++;
    const char *simple = strchr(letters, c);
    if (c == '\n') return true;
    if (c && simple) {
        sb_addc(out, means[simple - letters]);
        return true;
    }
    if (c >= '0' && c <= '7') {
        unsigned value = (unsigned)(c - '0');
        for (int i = 0; i < 2 && *s < end && **s >= '0' && **s <= '7'; i++)
            value = value * 8 + (unsigned)(*(*s)++ - '0');
        if (bytes)
            sb_addc(out, (char)value);
        else
            sb_utf8(out, value);
        return true;
    }
    if (c == 'x' || (!bytes && (c == 'u' || c == 'U')))
        return decode_hex(p, out, from, s, end, bytes);
    if (c == 'N' && !bytes) return decode_name(p, out, from, s, end);
    sb_addc(out, '\\');
    sb_addc(out, c);
    return true;
}

/* Appends the value of the characters from..end. */
static bool decode(parser *p, strbuf *out, const char *from, const char *end, bool raw, bool bytes)
{
    for (const char *s = from; s < end;) {
        const char *plain = raw ? NULL : memchr(s, '\\', (size_t)(end - s));
        if (!plain) plain = end;
        sb_add(out, s, (size_t)(plain - s));
        s = plain;
        if (s < end) {
            s++;
            if (!decode_escape(p, out, from, &s, end, bytes)) return false;
        }
    }
    return true;
}

/* ---- nodes: the pieces of an f-string all stand where the whole does ---- */

static ast *make_constant(parser *p, const joined *j, enum ast_constant kind, const strbuf *text)
{
    ast *x = node_at(p, N_Constant, j->first);
    x->Constant.type = (uint8_t)kind;
    x->Constant.u = j->u;
    x->Constant.s = (ast_text){arena_dup(p->arena, sb_text(text), text->n), text->n};
    return x;
}

static void end_piece(parser *p, joined *j)
{
    if (j->text.n) push(p, make_constant(p, j, C_STR, &j->text));
    sb_clear(&j->text);
}

/* ---- f-strings ---- */

static bool parse_format(parser *p, joined *j, const literal *l, const char **s, int level);

typedef struct nesting {
    char quote, open[MAX_BRACKETS];
    int depth;
    bool triple;
} nesting;

static bool is_triple(const char *s, const char *end)
{
    return s + 2 < end && s[1] == s[0] && s[2] == s[0];
}

static bool close_nested(parser *p, nesting *n, char c)
{
    if (n->depth == 0) {
        complain_here(p, SyntaxError, "f-string: unmatched '%c'", c);
        return false;
    }
    const char open = n->open[--n->depth];
    if ((open == '(' && c == ')') || (open != '(' && c == open + 2)) return true;
    complain_here(p, SyntaxError,
                  "f-string: closing parenthesis '%c' does not match opening parenthesis '%c'", c,
                  open);
    return false;
}

/* One character of an expression: 1 go on, 0 the expression ends here, -1 failed. */
static int scan_char(parser *p, nesting *n, const char **s, const char *end)
{
    const char c = **s, next = *s + 1 < end ? (*s)[1] : 0;
    const char *message = NULL;
    if (c == '\\') {
        message = "f-string expression part cannot include a backslash";
    } else if (n->quote) {
        if (c != n->quote || (n->triple && !is_triple(*s, end))) return 1;
        if (n->triple) *s += 2;
        n->quote = 0;
    } else if (c == '"' || c == '\'') {
        n->quote = c;
        n->triple = is_triple(*s, end);
        if (n->triple) *s += 2;
    } else if (c == '#') {
        message = "f-string expression part cannot include '#'";
    } else if (c == '(' || c == '[' || c == '{') {
        if (n->depth == MAX_BRACKETS)
            message = "f-string: too many nested parenthesis";
        else
            n->open[n->depth++] = c;
    } else if (n->depth == 0 && strchr("!:}=<>", c)) {
        if (next == '=' && strchr("!=<>", c))
            (*s)++;
        else if (c != '<' && c != '>')
            return 0;
    } else if (c == ')' || c == ']' || c == '}') {
        return close_nested(p, n, c) ? 1 : -1;
    }
    if (message) complain_here(p, SyntaxError, "%s", message);
    return message ? -1 : 1;
}

/* Moves *s behind the expression that begins there. */
static bool scan_expr(parser *p, const char **s, const char *end)
{
    nesting n = {0};
    for (; *s < end; (*s)++) {
        int more = scan_char(p, &n, s, end);
        if (more < 0) return false;
        if (more == 0) return true;
    }
    if (n.quote)
        complain_here(p, SyntaxError, "f-string: unterminated string");
    else if (n.depth)
        complain_here(p, SyntaxError, "f-string: unmatched '%c'", n.open[n.depth - 1]);
    else
        complain_here(p, SyntaxError, "f-string: expecting '}'");
    return false;
}

static bool is_blank(const char *from, const char *end)
{
    while (from < end && strchr(" \t\n\f", *from)) from++;
    return from == end;
}

/* Line and column of a place within a token, shifted as all positions are. */
static void locate(const parser *p, const token *t, const char *at, uint32_t *line, int32_t *col)
{
    const char *start = p->t.text + t->at, *line_start = NULL;
    *line = t->line;
    for (const char *s = start; s < at; s++) {
        if (*s != '\n') continue;
        (*line)++;
        line_start = s + 1;
    }
    *col = line_start ? (int32_t)(at - line_start) : (int32_t)(t->col + (at - start));
    if (*line == 1) *col += p->col0;
    *line += p->line0;
}

static ast *parse_expression(parser *p, const literal *l, const char *from, const char *end)
{
    if (is_blank(from, end)) {
        if (*end == '!' || *end == ':' || *end == '=')
            return complain_here(p, SyntaxError, "f-string: expression required before '%c'", *end);
        return complain_here(p, SyntaxError, "f-string: empty expression not allowed");
    }
    strbuf b = {0};
    sb_addc(&b, '(');
    sb_add(&b, from, (size_t)(end - from));
    sb_addc(&b, ')');
    uint32_t line;
    int32_t col;
    locate(p, l->t, from, &line, &col);
    ast *x = parse_inside(p, sb_text(&b), b.n, line, col - 1);
    sb_clear(&b);
    return x;
}

static bool expecting_brace(parser *p)
{
    complain_here(p, SyntaxError, "f-string: expecting '}'");
    return false;
}

/* ['!' ('s' | 'r' | 'a')] */
static bool parse_conversion(parser *p, const char **s, const char *end, int *conversion)
{
    *conversion = -1;
    if (**s != '!') return true;
    if (++*s >= end) return expecting_brace(p);
    *conversion = *(*s)++;
    if (strchr("sra", *conversion)) return true;
    complain_here(p, SyntaxError,
                  "f-string: invalid conversion character: expected 's', 'r', or 'a'");
    return false;
}

/* [':' format_spec] '}' */
static bool parse_spec(parser *p, joined *j, const literal *l, const char **s, int level,
                       ast **spec)
{
    *spec = NULL;
    if (*s < l->end && **s == ':') {
        joined inner = {.mark = p->nstack, .first = j->first, .u = j->u};
        ++*s;
        bool ok = *s < l->end ? parse_format(p, &inner, l, s, level + 1) : expecting_brace(p);
        end_piece(p, &inner);
        if (!ok) return false;
        *spec = node_at(p, N_JoinedStr, j->first);
        (*spec)->JoinedStr.values = pop_list(p, inner.mark);
    }
    if (*s >= l->end || **s != '}') return expecting_brace(p);
    ++*s;
    return true;
}

/* '{' expression ['='] [conversion] [spec] '}' */
static bool parse_replacement(parser *p, joined *j, const literal *l, const char **s, int level)
{
    if (level >= 2) {
        complain_here(p, SyntaxError, "f-string: expressions nested too deeply");
        return false;
    }
    const char *from = ++*s;
    if (!scan_expr(p, s, l->end)) return false;
    ast *value = parse_expression(p, l, from, *s), *spec;
    if (!value) return false;
    const bool debug = **s == '=';
    if (debug) {
        do ++*s;
        while (*s < l->end && strchr(" \t\n\r\f\v", **s));
        if (*s >= l->end) return expecting_brace(p);
        sb_add(&j->text, from, (size_t)(*s - from));
    }
    int conversion;
    if (!parse_conversion(p, s, l->end, &conversion)) return false;
    end_piece(p, j);
    if (!parse_spec(p, j, l, s, level, &spec)) return false;
    ast *x = node_at(p, N_FormattedValue, j->first);
    x->FormattedValue.value = value;
    x->FormattedValue.conversion = debug && !spec && conversion < 0 ? 'r' : conversion;
    x->FormattedValue.format_spec = spec;
    push(p, x);
    return true;
}

/* Moves *s to the next brace that matters, or past the first of a doubled one. */
static bool scan_plain(parser *p, const literal *l, const char **s, int level, bool *doubled)
{
    *doubled = false;
    while (*s < l->end) {
        const char c = **s;
        if (c == '\\' && !l->raw && *s + 1 < l->end) {
            const bool named = (*s)[1] == 'N' && *s + 2 < l->end && (*s)[2] == '{';
            *s += (*s)[1] == '{' || (*s)[1] == '}' ? 1 : 2;
            if (named)
                while (*s < l->end && *(*s)++ != '}') {
                }
            continue;
        }
        if (c == '{' || c == '}') {
            if (level == 0 && *s + 1 < l->end && (*s)[1] == c) {
                ++*s;
                return *doubled = true;
            }
            if (level == 0 && c == '}') {
                complain_here(p, SyntaxError, "f-string: single '}' is not allowed");
                return false;
            }
            return true;
        }
        ++*s;
    }
    return true;
}

/* The text of an f-string (level 0), or of a format spec, which ends before its '}'. */
static bool parse_format(parser *p, joined *j, const literal *l, const char **s, int level)
{
    while (*s < l->end) {
        const char *from = *s;
        bool doubled;
        if (!scan_plain(p, l, s, level, &doubled)) return false;
        if (!decode(p, &j->text, from, *s, l->raw, false)) return false;
        if (doubled)
            ++*s;
        else if (*s < l->end && **s == '}')
            return true;
        else if (*s < l->end && !parse_replacement(p, j, l, s, level))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool add_literal(parser *p, joined *j, const literal *l)
{
    if (l->bytes) {
        if (utf8_length(l->at, (size_t)(l->end - l->at)) != (size_t)(l->end - l->at)) {
            complain_here(p, SyntaxError, "bytes can only contain ASCII literal characters");
            return false;
        }
    }
    const char *s = l->at;
    if (l->t != j->first && l->bytes != j->bytes) {
        complain_here(p, SyntaxError, "cannot mix bytes and nonbytes literals");
        return false;
    }
    j->bytes = l->bytes;
    j->format |= l->format;
    return l->format ? parse_format(p, j, l, &s, 0)
                     : decode(p, &j->text, l->at, l->end, l->raw, l->bytes);
}

/* strings: STRING+ */
ast *parse_strings(parser *p)
{
    const token *first = tok(p);
    joined j = {.mark = p->nstack, .first = first, .u = p->t.text[first->at] == 'u'};
    while (at(p, T_STRING)) advance(p);
    bool ok = true;
    for (const token *t = first; ok && t < tok(p); t++) {
        literal l = cut_literal(p, t);
        ok = add_literal(p, &j, &l);
    }
    ast *x = NULL;
    if (ok && j.format) {
        end_piece(p, &j);
        x = node_at(p, N_JoinedStr, first);
        x->JoinedStr.values = pop_list(p, j.mark);
    } else if (ok) {
        x = make_constant(p, &j, j.bytes ? C_BYTES : C_STR, &j.text);
    }
    sb_clear(&j.text);
    return x;
}
