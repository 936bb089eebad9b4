/* repl/cell.c - prompts off, magics into calls. */
#include "repl/cell.h"

#include <ctype.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (signed char)c < 0;
}

static size_t line_length(const char *s)
{
    return strcspn(s, "\n");
}

static const char *next_line(const char *s)
{
    s += line_length(s);
    return *s ? s + 1 : s;
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* ---- prompts ---- */

/* "In [12]: " or "Out[12]: ": its length, or 0 */
static size_t numbered_prompt(const char *s, const char *word)
{
    const char *p = s;
    if (!begins(p, word)) return 0;
    p += strlen(word);
    if (!isdigit((unsigned char)*p)) return 0;
    while (isdigit((unsigned char)*p)) p++;
    if (!begins(p, "]:")) return 0;
    p += 2;
    return (size_t)(p + (*p == ' ') - s);
}

/* "   ...: ", as wide as the prompt was */
static size_t continued_prompt(const char *s)
{
    const char *p = skip_blanks(s);
    if (!begins(p, "...:")) return 0;
    p += 4;
    return (size_t)(p + (*p == ' ') - s);
}

static size_t python_prompt(const char *s, const char *word)
{
    const char *p = skip_blanks(s);
    if (!begins(p, word)) return 0;
    p += 3;
    if (*p && *p != ' ' && *p != '\n') return 0;
    return (size_t)(p + (*p == ' ') - s);
}

/* How many characters of the line are prompt; *drop: the line is output, not input. */
static size_t prompt_length(const char *s, bool python, bool *output, bool *drop)
{
    size_t n;
    *drop = false;
    if (python) {
        n = python_prompt(s, ">>>");
        if (!n) n = python_prompt(s, "...");
        *drop = !n;
        return n;
    }
    if ((n = numbered_prompt(s, "In [")) || (n = continued_prompt(s))) {
        *output = false;
        return n;
    }
    if (numbered_prompt(s, "Out[")) *output = true;
    *drop = *output;
    return 0;
}

char *cell_strip_prompts(const char *text)
{
    const char *first = text;
    while (*first && *skip_blanks(first) == '\n') first = next_line(first);
    const bool python = python_prompt(first, ">>>") > 0;
    if (!python && !numbered_prompt(skip_blanks(first), "In [")) return mem_dup(text);
    strbuf out = {0};
    bool output = false;
    for (const char *s = first; *s; s = next_line(s)) {
        bool drop;
        const char *line = !python && numbered_prompt(skip_blanks(s), "In [") ? skip_blanks(s) : s;
        size_t n = prompt_length(line, python, &output, &drop);
        if (drop) continue;
        sb_add(&out, line + n, line_length(line + n));
        sb_addc(&out, '\n');
    }
    return sb_take(&out, NULL);
}

/* ---- what a line is within ---- */

static const char *scan_string(scan *s, const char *p)
{
    for (; *p && *p != '\n'; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            if (*p == '\n') break;
        } else if (*p == s->quote && (!s->triple || (p[1] == *p && p[2] == *p))) {
            p += s->triple ? 3 : 1;
            s->quote = 0;
            return p;
        }
    }
    if (!s->triple && !(*p == '\n' && p[-1] == '\\')) s->quote = 0; /* not closed: an error */
    return p;
}

const char *scan_line(scan *s, const char *p)
{
    s->continued = false;
    while (*p && *p != '\n') {
        if (s->quote) {
            p = scan_string(s, p);
        } else if (*p == '#') {
            p += line_length(p);
        } else if (*p == '"' || *p == '\'') {
            s->last = s->quote = *p;
            s->triple = p[1] == *p && p[2] == *p;
            p = scan_string(s, p + (s->triple ? 3 : 1));
        } else if (*p == '\\' && p[1] == '\n') {
            s->continued = true;
            p++;
        } else {
            if (strchr("([{", *p)) s->depth++;
            if (strchr(")]}", *p) && s->depth) s->depth--;
            if (!isspace((unsigned char)*p)) s->last = *p;
            p++;
        }
    }
    return *p ? p + 1 : p;
}

char *cell_indent(const char *text, int by)
{
    strbuf out = {0};
    scan s = {0};
    for (const char *line = text; *line;) {
        if (!s.quote && *skip_blanks(line) != '\n') sb_pad(&out, ' ', (size_t)by);
        const char *next = scan_line(&s, line);
        sb_add(&out, line, (size_t)(next - line));
        line = next;
    }
    return sb_take(&out, NULL);
}

/* ---- magics ---- */

static void add_quoted(strbuf *out, const char *s, size_t n)
{
    sb_addc(out, '\'');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\' || s[i] == '\'') sb_addc(out, '\\');
        sb_addc(out, s[i]);
    }
    sb_addc(out, '\'');
}

static size_t trimmed(const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[n - 1])) n--;
    return n;
}

static void add_call(strbuf *out, const char *method, const char *name, size_t n, const char *args,
                     size_t m)
{
    sb_addf(out, "get_ipython().%s(", method);
    if (name) {
        add_quoted(out, name, n);
        sb_adds(out, ", ");
    }
    add_quoted(out, args, trimmed(args, m));
    sb_addc(out, ')');
}

/* %name args | !command | !!command; `value`: the call stands where a value is wanted */
static bool add_escape(strbuf *out, const char *p, size_t n, bool value)
{
    if (*p == '!' && n > 1) {
        const bool twice = p[1] == '!';
        const char *command = skip_blanks(p + 1 + twice);
        add_call(out, twice || value ? "getoutput" : "system", NULL, 0, command,
                 n - (size_t)(command - p));
        return true;
    }
    if (*p != '%' || n < 2 || !is_name(p[1])) return false;
    const char *name = p + 1, *end = name;
    while (is_name(*end)) end++;
    const char *args = skip_blanks(end);
    if (args > p + n) args = p + n;
    add_call(out, "run_line_magic", name, (size_t)(end - name), args, n - (size_t)(args - p));
    return true;
}

/* name? name?? ?name ??name; alone ? and ??: what there is */
static bool add_help(strbuf *out, const char *p, size_t n)
{
    n = trimmed(p, n);
    size_t before = 0, after = 0;
    while (before < n && p[before] == '?') before++;
    while (after < n - before && p[n - 1 - after] == '?') after++;
    if (before == n && (n == 1 || n == 2)) {
        add_call(out, "run_line_magic", "quickref", 8, "", 0);
        return true;
    }
    if (!before == !after || before > 2 || after > 2) return false;
    const char *name = skip_blanks(p + before);
    size_t m = trimmed(name, n - after - (size_t)(name - p));
    for (size_t i = 0; i < m; i++)
        if (!is_name(name[i]) && !strchr(".%*[]'\"", name[i])) return false;
    if (m == 0) return false;
    add_call(out, "run_line_magic", before + after == 2 ? "pinfo2" : "pinfo",
             before + after == 2 ? 6 : 5, name, m);
    return true;
}

/* The `=` of `target = %magic` or `target = !command`, or NULL. */
static const char *assigned_escape(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && (is_name(p[i]) || strchr(" \t,.[]", p[i]))) i++;
    if (i == 0 || i >= n || p[i] != '=' || (i + 1 < n && p[i + 1] == '=')) return NULL;
    const char *value = skip_blanks(p + i + 1);
    return value < p + n && (*value == '%' || *value == '!') && value[1] != '=' ? value : NULL;
}

/* Rewrites one line that begins outside everything; false: it is Python. */
static bool add_magic(strbuf *out, const char *line)
{
    const char *p = skip_blanks(line);
    size_t n = line_length(p), mark = out->n;
    sb_add(out, line, (size_t)(p - line));
    const char *value = assigned_escape(p, n);
    if (value) {
        sb_add(out, p, (size_t)(value - p));
        if (add_escape(out, value, n - (size_t)(value - p), true)) return true;
    } else if ((*p == '%' && add_help(out, p, n)) || add_escape(out, p, n, false) ||
               add_help(out, p, n)) {
        return true;
    }
    out->n = mark;
    if (out->at) out->at[mark] = 0;
    return false;
}

static void read_cell_magic(cell *c, const char *text)
{
    const char *name = text + 2, *end = name;
    while (is_name(*end)) end++;
    const char *args = skip_blanks(end);
    c->magic = mem_dupn(name, (size_t)(end - name));
    c->args = mem_dupn(args, trimmed(args, line_length(args)));
    c->text = mem_dup(next_line(text));
}

/* %%name ..., and not %%name? */
static bool is_cell_magic(const char *p)
{
    if (p[0] != '%' || p[1] != '%' || !is_name(p[2])) return false;
    for (p += 2; is_name(*p);) p++;
    return *p != '?';
}

/* Text that was copied out of a block: without the indentation of its first line. */
static void take_indentation(char *text)
{
    const char *first = text;
    while (*first && *skip_blanks(first) == '\n') first = next_line(first);
    const size_t by = (size_t)(skip_blanks(first) - first);
    if (by == 0) return;
    char *indent = mem_dupn(first, by), *to = text;
    for (const char *line = text, *next; *line; line = next) {
        next = next_line(line);
        if (strncmp(line, indent, by) == 0) line += by;
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = 0;
    mem_free(indent);
}

cell cell_read(const char *typed)
{
    cell c = {0};
    char *text = cell_strip_prompts(typed);
    take_indentation(text);
    const char *first = text + strspn(text, " \t\n");
    if (is_cell_magic(first)) {
        read_cell_magic(&c, first);
        mem_free(text);
        return c;
    }
    strbuf out = {0};
    scan s = {0};
    for (const char *line = text; *line;) {
        if (scan_outside(&s) && add_magic(&out, line)) {
            line += line_length(line);
            s.last = 0;
        } else {
            const char *next = scan_line(&s, line);
            sb_add(&out, line, (size_t)(next - line));
            line = next;
            continue;
        }
        if (*line) sb_addc(&out, *line++);
    }
    c.silent = s.last == ';';
    c.text = sb_take(&out, NULL);
    mem_free(text);
    return c;
}

void cell_clear(cell *c)
{
    mem_free(c->text);
    mem_free(c->magic);
    mem_free(c->args);
    *c = (cell){0};
}
