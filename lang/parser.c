/* lang/parser.c - the parser's entry, its tokens, nodes and errors.
 *
 * The productions are in parser_expr.c, parser_atom.c, parser_param.c, parser_string.c,
 * parser_stmt.c and parser_match.c. */
#include "lang/parser_impl.h"

#include <stdarg.h>
#include <utf8proc.h>

#include "engine/base/hash.h"
#include "engine/base/stop.h"

/* ---- tokens ---- */

static void say_unreadable(parser *p);

void *miss(parser *p)
{
    if (p->i > p->far) p->far = p->i;
    if (at(p, T_ERROR) && !failed(p)) say_unreadable(p);
    return NULL;
}

bool need(parser *p, enum token_type t)
{
    if (take(p, t)) return true;
    miss(p);
    return false;
}

bool force(parser *p, enum token_type t)
{
    if (take(p, t)) return true;
    miss(p);
    if (at(p, T_ERROR)) return false;
    complain(p, SyntaxError, span_token(tok(p)), "expected '%s'", token_table[t].text);
    return false;
}

static bool too_deep(parser *p)
{
    if (stop_asked())
        complain_here(p, KeyboardInterrupt, "%s", "");
    else if (p->hints)
        p->budget = 0; /* it was not too deep for the first attempt */
    else
        complain_here(p, RecursionError, "maximum recursion depth exceeded during compilation");
    return false;
}

bool enter(parser *p)
{
    p->nest++;
    p->depth++;
    return (p->nest <= MAX_NEST && p->depth <= MAX_DEPTH && !stop_asked()) || too_deep(p);
}

bool deepen(parser *p)
{
    return ++p->depth <= MAX_DEPTH || too_deep(p);
}

void rewind_to(parser *p, uint32_t i, uint32_t last)
{
    miss(p);
    p->i = i;
    p->last = last;
}

bool back_off(parser *p, uint32_t i)
{
    if (!p->hints || failed(p)) return false;
    rewind_to(p, i, i - 1);
    return true;
}

/* ---- errors ---- */

span span_of(const parser *p, const ast *x)
{
    span s = {x->line - p->line0, x->col, x->end_line - p->line0, (int32_t)x->end_col};
    if (s.line == 1) s.col = (uint32_t)((int32_t)s.col - p->col0);
    if (s.end_line == 1) s.end_col -= p->col0;
    return s;
}

span span_token(const token *t)
{
    return (span){t->line, t->col, t->end_line, (int32_t)t->end_col};
}

span span_join(span a, span b)
{
    return (span){a.line, a.col, b.end_line, b.end_col};
}

span span_to_here(const parser *p, span a)
{
    const token *far = &p->t.at[p->far];
    return (span){a.line, a.col, far->end_line, (int32_t)far->end_col - 1};
}

/* Offset in characters of a byte column of a line, which may be that of another line. */
static int char_offset(const tokens *t, uint32_t line, int32_t col)
{
    size_t n;
    const char *s = source_line(t->text, t->size, line, &n);
    if (col < 0) return col;
    size_t in = (size_t)col < n ? (size_t)col : n;
    return (int)utf8_length(s, in) + ((size_t)col > n);
}

static void *complain_v(parser *p, enum err_kind kind, span s, const char *fmt, va_list ap)
{
    if (failed(p)) return NULL;
    strbuf b = {0};
    if (p->inside) sb_adds(&b, "f-string: ");
    sb_addv(&b, fmt, ap);
    *p->why = (syntax_error){.kind = kind,
                             .msg = arena_dup(p->arena, sb_text(&b), b.n),
                             .line = (int)s.line,
                             .offset = char_offset(&p->t, s.line, (int32_t)s.col) + 1,
                             .end_line = (int)s.end_line,
                             .end_offset = char_offset(&p->t, s.line, s.end_col) + 1};
    sb_clear(&b);
    return NULL;
}

void *complain(parser *p, enum err_kind kind, span s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain_v(p, kind, s, fmt, ap);
    va_end(ap);
    return NULL;
}

/* Layout tokens have no extent: Python then reports the place where its reading stands. */
static span span_here(const parser *p)
{
    const token *t = &p->t.at[p->far];
    span s = span_token(t);
    if (t->type != T_END && t->type != T_INDENT && t->type != T_DEDENT) return s;
    s.col--;
    s.end_col = -2;
    return s;
}

void *complain_here(parser *p, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    miss(p);
    if (p->t.at[p->far].type != T_ERROR) complain_v(p, kind, span_here(p), fmt, ap);
    va_end(ap);
    return NULL;
}

/* ---- names ---- */

/* Every identifier of a tree once. */
typedef struct names {
    ast_text *slot;
    size_t cap, used;
} names;

static void names_grow(names *t)
{
    names old = *t;
    t->cap = old.cap ? old.cap * 2 : 256;
    t->slot = mem_zero(t->cap * sizeof *t->slot);
    for (size_t i = 0; i < old.cap; i++) {
        if (!old.slot[i].at) continue;
        size_t k = hash_bytes(old.slot[i].at, old.slot[i].n, 0) & (t->cap - 1);
        while (t->slot[k].at) k = (k + 1) & (t->cap - 1);
        t->slot[k] = old.slot[i];
    }
    mem_free(old.slot);
}

static ast_text intern(parser *p, const char *s, size_t n)
{
    names *t = p->names;
    if (t->used * 2 >= t->cap) names_grow(t);
    size_t k = hash_bytes(s, n, 0) & (t->cap - 1);
    for (; t->slot[k].at; k = (k + 1) & (t->cap - 1))
        if (t->slot[k].n == n && !memcmp(t->slot[k].at, s, n)) return t->slot[k];
    t->used++;
    return t->slot[k] = (ast_text){arena_dup(p->arena, s, n), n};
}

ast_text name_text(parser *p, const token *t)
{
    const char *s = p->t.text + t->at;
    size_t n = t->end - t->at;
    if (utf8_length(s, n) == n) return intern(p, s, n);
    utf8proc_uint8_t *flat = NULL;
    utf8proc_ssize_t m = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &flat,
                                      UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE);
    ast_text out = m < 0 ? intern(p, s, n) : intern(p, (const char *)flat, (size_t)m);
    free(flat);
    return out;
}

/* ---- nodes ---- */

ast *node_at(parser *p, enum ast_kind kind, const token *t)
{
    ast *x = ast_new(p->arena, kind);
    x->line = t->line + p->line0;
    x->col = t->line == 1 ? (uint32_t)((int32_t)t->col + p->col0) : t->col;
    return node_end(p, x);
}

ast *node_end(parser *p, ast *x)
{
    const token *t = &p->t.at[p->last];
    x->end_line = t->end_line + p->line0;
    x->end_col = t->end_line == 1 ? (uint32_t)((int32_t)t->end_col + p->col0) : t->end_col;
    return x;
}

void push(parser *p, ast *x)
{
    if (p->nstack == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->stack = mem_grow(p->stack, p->cap * sizeof *p->stack);
    }
    p->stack[p->nstack++] = x;
}

ast_list pop_list(parser *p, size_t from)
{
    ast_list list = {NULL, p->nstack - from};
    if (list.n) {
        list.at = arena_alloc(p->arena, list.n * sizeof *list.at);
        memcpy(list.at, p->stack + from, list.n * sizeof *list.at);
    }
    p->nstack = from;
    return list;
}

/* ---- the whole ---- */

/* file: [statements] END;  eval: expressions NEWLINE* END;  in an f-string: expressions END */
static ast *parse_root(parser *p, enum parse_mode mode)
{
    const token *start = tok(p);
    ast *root;
    if (mode == PARSE_EVAL) {
        ast *body = p->inside ? parse_yield_or_exprs(p) : parse_exprs(p);
        if (!body) return NULL;
        while (take(p, T_NEWLINE)) {
        }
        if (!at(p, T_END)) return miss(p);
        root = node_at(p, N_Expression, start);
        root->Expression.body = body;
        return root;
    }
    if (!parse_statements(p, T_END)) return NULL;
    if (!at(p, T_END)) return miss(p);
    root = ast_new(p->arena, mode == PARSE_CELL ? N_Interactive : N_Module);
    root->Module.body = pop_list(p, 0);
    return root;
}

static void say_unclosed(parser *p)
{
    span s = {p->t.open_line, p->t.open_col, p->t.open_line, -1};
    complain(p, SyntaxError, s, "'%c' was never closed", p->t.open);
}

/* The parser came to the place where no token could be read. */
static void say_unreadable(parser *p)
{
    const tokens *t = &p->t;
    span s = {t->stop_line, 0, t->stop_line, -1};
    switch (t->stop) {
    case LEX_SAID: *p->why = *p->token_error; break;
    case LEX_EOF:
        if (t->open) {
            say_unclosed(p);
            return;
        }
        s.col = t->stop_col;
        s.end_col = -2;
        complain(p, SyntaxError, s, "unexpected EOF while parsing");
        break;
    case LEX_DEDENT:
        s.col = t->stop_col;
        s.end_col = -2;
        complain(p, IndentationError, s, "unindent does not match any outer indentation level");
        break;
    case LEX_TABS:
        complain(p, TabError, s, "inconsistent use of tabs and spaces in indentation");
        break;
    case LEX_DEEP: complain(p, IndentationError, s, "too many levels of indentation"); break;
    case LEX_CONTINUATION:
        s.col = t->stop_col - 1;
        complain(p, SyntaxError, s, "unexpected character after line continuation character");
        break;
    case LEX_OK: break;
    }
}

/* What is wrong with a token further on goes before what is wrong with the order of these. */
static void look_ahead(parser *p)
{
    if (p->t.stop == LEX_SAID) {
        *p->why = *p->token_error;
    } else if (p->t.stop != LEX_OK && p->t.open && p->t.at[p->far].line > p->t.open_line) {
        *p->why = (syntax_error){0};
        say_unclosed(p);
    }
}

/* Settles what to say about a text that could not be parsed; `first` is how far the first attempt
 * came. */
static void say_why(parser *p, uint32_t first)
{
    const token *t = &p->t.at[first];
    const bool said = failed(p);
    if (!said && (t->type == T_INDENT || t->type == T_DEDENT)) {
        p->far = first;
        complain_here(p, IndentationError, "unexpected %sindent", t->type == T_INDENT ? "" : "un");
        return;
    }
    if (!said) complain(p, SyntaxError, span_token(t), "invalid syntax");
    if (!said || p->t.stop == LEX_OK || p->t.stop == LEX_SAID || p->t.stop == LEX_EOF)
        look_ahead(p);
}

static ast *parse_tokens(parser *p, enum parse_mode mode)
{
    ast *root = parse_root(p, mode);
    if (root) return root;
    uint32_t far = p->far;
    if (!failed(p)) {
        p->hints = true;
        p->budget = HINTS + 4 * (int)p->t.n;
        p->i = p->last = 0;
        p->nstack = 0;
        p->depth = p->nest = 0;
        parse_root(p, mode);
        p->hints = false;
    }
    const token *t = &p->t.at[far];
    while (t->type == T_DEDENT) t++; /* the end closes the blocks that are open */
    const bool ends = t->type == T_END || (t->type == T_ERROR && p->t.stop == LEX_EOF);
    say_why(p, far);
    p->why->incomplete |= ends;
    return NULL;
}

ast *parse_inside(parser *outer, const char *text, size_t n, uint32_t line, int32_t col)
{
    if (outer->nest >= MAX_NEST) return enter(outer), leave(outer), NULL;
    char *copy = arena_alloc(outer->arena, n + 4);
    memcpy(copy, text, n);
    parser p = {.arena = outer->arena,
                .words = outer->words,
                .why = outer->why,
                .names = outer->names,
                .inside = true,
                .nest = outer->nest + 1,
                .depth = outer->depth + 1,
                .line0 = line - 1,
                .col0 = col};
    syntax_error token_error = {0};
    p.token_error = &token_error;
    lex(&p.t, p.words, p.arena, copy, n, &token_error);
    ast *root = parse_tokens(&p, PARSE_EVAL);
    if (!root && !outer->why->text) {
        size_t width;
        const char *s = source_line(copy, n, (uint32_t)p.why->line, &width);
        strbuf b = {0};
        sb_add(&b, s, width);
        if (width && s[width - 1] != '\n') sb_addc(&b, '\n');
        p.why->text = arena_dup(p.arena, sb_text(&b), b.n);
        sb_clear(&b);
    }
    tokens_clear(&p.t);
    mem_free(p.stack);
    return root ? root->Expression.body : NULL;
}

/* ---- the text ---- */

/* A copy with \n alone between lines and NULs behind, without a byte order mark. */
static char *normalise(arena *a, const char *text, size_t *n)
{
    char *out = arena_alloc(a, *n + 4);
    if (*n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text += 3;
        *n -= 3;
    }
    if (!*n || !memchr(text, '\r', *n)) {
        if (*n) memcpy(out, text, *n);
        return out;
    }
    size_t m = 0;
    for (size_t i = 0; i < *n; i++) {
        if (text[i] == '\r' && i + 1 < *n && text[i + 1] == '\n') continue;
        out[m++] = text[i] == '\r' ? '\n' : text[i];
    }
    *n = m;
    return out;
}

static void *refuse(arena *a, syntax_error *why, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void *refuse(arena *a, syntax_error *why, enum err_kind kind, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    why->kind = kind;
    why->msg = arena_dup(a, sb_text(&b), b.n);
    sb_clear(&b);
    return NULL;
}

static bool check_text(arena *a, const char *text, size_t n, const char *filename,
                       syntax_error *why)
{
    if (n > INT32_MAX / 2) return refuse(a, why, OverflowError, "source code of %zu bytes", n);
    if (n && memchr(text, 0, n))
        return refuse(a, why, ValueError, "source code string cannot contain null bytes");
    const size_t bad = utf8_bad(text, n);
    if (bad == n) return true;
    size_t line = 1;
    for (size_t i = 0; i < bad; i++) line += text[i] == '\n';
    return refuse(a, why, SyntaxError,
                  "Non-UTF-8 code starting with '\\x%02x' in file %s on line %zu, but no encoding "
                  "declared; see https://peps.python.org/pep-0263/ for details",
                  (uint8_t)text[bad], filename, line);
}

/* The line the error is in, for the traceback; what is no expression ends with a newline. */
static void add_source(arena *a, const char *text, size_t n, enum parse_mode mode,
                       syntax_error *why)
{
    if (why->text || why->line <= 0) return;
    size_t width;
    const char *s = source_line(text, n, (uint32_t)why->line, &width);
    const bool end = mode != PARSE_EVAL && (width == 0 || s[width - 1] != '\n');
    char *line = arena_alloc(a, width + 2);
    memcpy(line, s, width);
    if (end) line[width] = '\n';
    why->text = line;
}

ast *parse(arena *a, const char *text, size_t n, const char *filename, enum parse_mode mode,
           syntax_error *why)
{
    *why = (syntax_error){0};
    const char *name = arena_dup(a, filename, strlen(filename));
    ast *root = NULL;
    if (check_text(a, text, n, name, why)) {
        const char *copy = normalise(a, text, &n);
        lexicon words;
        lexicon_init(&words);
        names table = {0};
        parser p = {.arena = a, .words = &words, .why = why, .names = &table};
        syntax_error token_error = {0};
        p.token_error = &token_error;
        lex(&p.t, &words, a, copy, n, &token_error);
        root = parse_tokens(&p, mode);
        if (!root && mode == PARSE_CELL && why->kind == SyntaxError && !p.t.stop) {
            syntax_error first = *why;
            *why = (syntax_error){0};
            p.py2 = true;
            p.i = p.last = p.far = 0;
            p.nstack = 0;
            p.nest = p.depth = 0;
            root = parse_root(&p, mode);
            if (!root) *why = first;
        }
        tokens_clear(&p.t);
        mem_free(p.stack);
        mem_free(table.slot);
        add_source(a, copy, n, mode, why);
    }
    why->filename = name;
    return root;
}

/* ---- showing ---- */

/* The carets below the source line, as Python places them. */
static void show_carets(strbuf *out, const syntax_error *why, const char *line, size_t skipped)
{
    const int width = (int)utf8_length(line, strcspn(line, "\n"));
    int start = why->offset - 1 - (int)skipped, end = why->end_offset - 1 - (int)skipped;
    if (why->end_line != why->line || why->end_offset <= 0) end = start + 1;
    if (why->end_line > why->line) end = width;
    if (start < 0) return;
    if (start > width) start = width;
    if (end <= start) end = start + 1;
    sb_pad(out, ' ', 4);
    const char *s = line;
    for (int i = 0; i < start; i++) {
        uint32_t c = ' ';
        if (*s && *s != '\n') s = utf8_next(s, &c);
        sb_addc(out, c == '\t' ? '\t' : ' ');
    }
    sb_pad(out, '^', (size_t)(end - start));
    sb_addc(out, '\n');
}

void syntax_error_show(strbuf *out, const syntax_error *why)
{
    if (why->line > 0) {
        sb_addf(out, "  File \"%s\", line %d\n", why->filename, why->line);
        if (why->text) {
            const char *s = why->text;
            while (*s == ' ' || *s == '\t' || *s == '\f') s++;
            sb_addf(out, "    %.*s\n", (int)strcspn(s, "\n"), s);
            if (why->offset > 0) show_carets(out, why, s, (size_t)(s - why->text));
        }
    }
    if (why->kind != NO_ERR) sb_addf(out, "%s: %s\n", err_name(why->kind), why->msg);
}
