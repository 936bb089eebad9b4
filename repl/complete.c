/* repl/complete.c - completion from live objects.
 *
 *     name          keywords, the user's names, builtin names
 *     f(x, na       likewise, and the names of f's arguments
 *     a.b.na        attributes; a.b is evaluated when it is names, dots and ['text'] or [0] alone
 *     'abc'.na      likewise, and other literals: 1.5.na, [1, 2].na
 *     d['ke, d[     the keys of a dict or of anything with keys(); d['a']['ke, d[['a', 'ke likewise
 *     'pa, open('pa paths
 *     %na           magics
 *     %run pa, !pa  paths
 *     import na, from a.b import na      modules, a level at a time, and their names */
#include "repl/complete.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/embedded.h"
#include "lang/lexer.h"
#include "lang/types/module.h"
#include "stdlib/stdlib.h"

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (signed char)c < 0;
}

static void add(words *w, const char *prefix, const char *name, size_t n, const char *suffix)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 32;
        w->at = mem_grow(w->at, w->cap * sizeof *w->at);
    }
    strbuf b = {0};
    sb_adds(&b, prefix);
    sb_add(&b, name, n);
    sb_adds(&b, suffix);
    w->at[w->n++] = sb_take(&b, NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_words(words *w)
{
    if (w->n == 0) return;
    qsort(w->at, w->n, sizeof *w->at, by_text);
    size_t kept = 1;
    for (size_t i = 1; i < w->n; i++) {
        if (strcmp(w->at[i], w->at[kept - 1]) == 0)
            mem_free(w->at[i]);
        else
            w->at[kept++] = w->at[i];
    }
    w->n = kept;
}

void words_clear(words *w)
{
    for (size_t i = 0; i < w->n; i++) mem_free(w->at[i]);
    mem_free(w->at);
    *w = (words){0};
}

/* ---- what stands before the cursor ---- */

/* Moves *i over one character of code, `quote` being the one that is open there. A string ends with
 * its line, and a comment is stepped over. */
static char past_char(const char *line, size_t end, size_t *i, char quote)
{
    const char c = line[(*i)++];
    if (c == '\n' || quote == c) return 0;
    if (quote) {
        *i += c == '\\' && *i < end;
        return quote;
    }
    if (c == '#')
        while (*i < end && line[*i] != '\n') ++*i;
    return c == '"' || c == '\'' ? c : 0;
}

/* The quote that is open at `end` of the line, and where its text begins; 0: none. */
static char open_quote(const char *line, size_t end, size_t *start)
{
    char quote = 0;
    for (size_t i = 0; i < end;) {
        const char before = quote;
        quote = past_char(line, end, &i, quote);
        if (quote && !before) *start = i;
    }
    return quote;
}

static size_t line_start(const char *text, size_t end)
{
    while (end > 0 && text[end - 1] != '\n') end--;
    return end;
}

/* Does the line with `end` begin with a command, or a magic, that takes paths? */
static bool takes_paths(const char *text, size_t end)
{
    static const char *const magics[] = {
        "cat", "cd",    "cp",    "edit", "less",  "ll",  "load", "ls",    "lx",       "more",
        "mv",  "pushd", "pycat", "rm",   "rmdir", "run", "save", "mkdir", "writefile"};
    const char *p = text + line_start(text, end);
    p += strspn(p, " \t");
    if (*p == '!') return true;
    if (*p != '%') return false;
    p += strspn(p, "%");
    const size_t n = strcspn(p, " \t\n");
    if (p + n >= text + end) return false; /* the name itself */
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (strlen(magics[i]) == n && strncmp(p, magics[i], n) == 0) return true;
    return false;
}

/* Where a subscript of a text or a whole number, which ends at `end`, begins; `end`: it is none. */
static size_t subscript_start(const char *line, size_t end)
{
    size_t i = end;
    if (i < 3 || line[i - 1] != ']') return end;
    const char quote = line[i - 2];
    i -= 2;
    if (quote == '"' || quote == '\'') {
        while (i > 0 && line[i - 1] != quote) i--;
        if (i-- == 0) return end;
    } else {
        i++;
        while (i > 0 && isdigit((unsigned char)line[i - 1])) i--;
        if (i > 0 && line[i - 1] == '-') i--;
        if (i == end - 1) return end;
    }
    return i > 0 && line[i - 1] == '[' ? i - 1 : end;
}

/* Names with dots and subscripts, that end at `end`: where they begin. */
static size_t dotted_start(const char *line, size_t end)
{
    for (;;) {
        while (end > 0 && (is_name(line[end - 1]) || line[end - 1] == '.')) end--;
        const size_t i = subscript_start(line, end);
        if (i == end) return end;
        end = i;
    }
}

/* A text in quotes that ends at `end`: where it begins; `end`: none does. */
static size_t quoted_start(const char *line, size_t end)
{
    const char quote = end ? line[end - 1] : 0;
    if (quote != '"' && quote != '\'') return end;
    size_t i = end - 1;
    while (i > 0 && line[i - 1] != quote && line[i - 1] != '\n') i--;
    return i > 0 && line[i - 1] == quote ? i - 1 : end;
}

/* The bracket that the one before `end` closes; `end`: none, or one of a call or a subscript. */
static size_t bracketed_start(const char *line, size_t end)
{
    size_t stack[64], n = 0, start = end;
    char quote = 0;
    for (size_t i = 0; i < end;) {
        const size_t at = i;
        const bool within = quote;
        quote = past_char(line, end, &i, quote);
        start = end;
        if (within || quote) continue;
        if (strchr("([{", line[at]) && n < 64) stack[n++] = at;
        if (strchr(")]}", line[at]) && n) start = stack[--n];
    }
    return start > 0 && (is_name(line[start - 1]) || strchr(")]}'\"", line[start - 1])) ? end
                                                                                        : start;
}

size_t complete_start(const char *line, size_t end)
{
    size_t start = end;
    if (takes_paths(line, end)) {
        for (start = end; start > 0 && !strchr(" \t\n!'\"", line[start - 1]);) start--;
        return start;
    }
    if (open_quote(line, end, &start)) return start;
    start = end;
    while (start > 0 && (is_name(line[start - 1]) || line[start - 1] == '.')) start--;
    if (start < end && line[start] == '.' && start > 0) {
        const size_t dot = start;
        start = dotted_start(line, dot);
        if (start == dot) start = quoted_start(line, dot);
        if (start == dot) start = bracketed_start(line, dot);
    }
    while (start > 0 && line[start - 1] == '%') start--;
    return start;
}

/* ---- names ---- */

static bool fits(const str *name, const char *prefix, size_t n)
{
    return name->nbyte >= n && memcmp(name->at, prefix, n) == 0;
}

static void add_names(words *w, const dict *names, const char *prefix, size_t n)
{
    value key, v;
    for (int64_t i = 0; dict_next(names, &i, &key, &v);) {
        const str *name = as_str(key);
        if (name && fits(name, prefix, n) && (n > 0 || name->at[0] != '_'))
            add(w, "", name->at, name->nbyte, "");
    }
}

static void complete_name(session *s, const char *prefix, size_t n, words *w)
{
    for (unsigned t = T_FALSE; t < T_LPAR; t++)
        if (token_table[t].n >= n && memcmp(token_table[t].text, prefix, n) == 0)
            add(w, "", token_table[t].text, token_table[t].n, "");
    add_names(w, interp_main(s->in), prefix, n);
    value builtins = interp_import(s->in, "builtins");
    value names = is_fail(builtins) ? FAIL : value_getattr_c(s->in, builtins, "__dict__");
    if (as_dict(names)) add_names(w, as_dict(names), prefix, n);
    value_unref(s->in, names);
    value_unref(s->in, builtins);
}

/* A global or a builtin; FAIL if there is none. */
static value global_value(session *s, const char *name)
{
    value v = value_ref(dict_peek(s->in, interp_main(s->in), name));
    if (!is_fail(v)) return v;
    value builtins = interp_import(s->in, "builtins");
    if (!is_fail(builtins)) v = value_getattr_c(s->in, builtins, name);
    value_unref(s->in, builtins);
    return v;
}

/* of[key] for what stands between p and the closing bracket: a text in quotes or a number */
static value item_of(session *s, value of, const char *p, const char *close)
{
    const bool text = *p == '"' || *p == '\'';
    value key =
        text ? v_obj(str_new(s->in, p + 1, (size_t)(close - p) - 2)) : v_int(strtol(p, NULL, 10));
    value v = value_getitem(s->in, of, key);
    value_unref(s->in, key);
    return v;
}

/* What a number or a display of literals is; a whole number with a dot behind it is a float, whose
 * attributes begin at the next. */
static value literal(session *s, const char *text, size_t n)
{
    if (strspn(text, "0123456789_") >= n) return FAIL;
    value m = interp_import(s->in, "ast"), source = v_obj(str_new(s->in, text, n));
    value v =
        is_fail(m) || is_fail(source) ? FAIL : call_method(s->in, m, "literal_eval", 1, source);
    value_unref(s->in, source);
    value_unref(s->in, m);
    return v;
}

/* The value of names with dots and subscripts, without running more than lookups; FAIL if it has
 * none. */
static value look_up(session *s, const char *name, size_t n)
{
    const char *end = name + n;
    value v = FAIL;
    if (n > 1 && (*name == '"' || *name == '\'')) return v_obj(str_new(s->in, name + 1, n - 2));
    if (n && strchr("([{0123456789", *name)) return literal(s, name, n);
    for (const char *p = name; p <= end;) {
        value next;
        const char *stop = p;
        if (p > name && p[-1] == '[') {
            if (*p == '"' || *p == '\'') stop = memchr(p + 1, *p, (size_t)(end - p - 1));
            stop = stop ? memchr(stop, ']', (size_t)(end - stop)) : NULL;
            next = stop ? item_of(s, v, p, stop) : FAIL;
            if (stop) stop++; /* behind it a dot, a bracket or the end */
        } else {
            while (stop < end && *stop != '.' && *stop != '[') stop++;
            char *part = mem_dupn(p, (size_t)(stop - p));
            next = p == name ? global_value(s, part) : value_getattr_c(s->in, v, part);
            mem_free(part);
        }
        value_unref(s->in, v);
        if (is_fail(v = next) || !stop) break;
        p = stop + 1;
    }
    return v;
}

/* A module that another one merely uses: `np` in numpy.linalg. */
static bool is_imported(session *s, value of, const str *name)
{
    const module *m = as_module(of);
    const module *in = m ? as_module(dict_peek(s->in, m->dict, name->at)) : NULL;
    return in && m->name && in->name && strncmp(in->name->at, m->name->at, m->name->nbyte) != 0;
}

static void add_dir(session *s, value of, const char *before, const char *prefix, size_t n,
                    words *w)
{
    value builtins = interp_import(s->in, "builtins");
    value names = is_fail(builtins) ? FAIL : call_method(s->in, builtins, "dir", 1, of);
    const list *l = as_list(names);
    for (int64_t i = 0; l && i < l->n; i++) {
        const str *name = as_str(l->at[i]);
        if (name && fits(name, prefix, n) && (n > 0 || name->at[0] != '_') &&
            !is_imported(s, of, name))
            add(w, before, name->at, name->nbyte, "");
    }
    value_unref(s->in, names);
    value_unref(s->in, builtins);
}

static void complete_attribute(session *s, const char *text, size_t n, words *w)
{
    size_t dot = n;
    while (text[dot - 1] != '.') dot--;
    value of = look_up(s, text, dot - 1);
    if (is_fail(of)) return;
    char *before = mem_dupn(text, dot);
    add_dir(s, of, before, text + dot, n - dot, w);
    mem_free(before);
    value_unref(s->in, of);
}

/* ---- arguments ---- */

/* The innermost '(' that is open at `end`, or NULL. */
static const char *open_call(const char *line, size_t end)
{
    const char *stack[64];
    int n = 0;
    char quote = 0;
    for (size_t i = 0; i < end;) {
        const char *p = line + i;
        const bool within = quote;
        quote = past_char(line, end, &i, quote);
        if (within || quote) continue;
        if (*p == '(' || *p == '[' || *p == '{') {
            if (n < 64) stack[n++] = p;
        } else if (n && (*p == ')' || *p == ']' || *p == '}')) {
            n--;
        }
    }
    return n && *stack[n - 1] == '(' ? stack[n - 1] : NULL;
}

static void complete_argument(session *s, const char *line, size_t start, size_t end, words *w)
{
    const char *paren = open_call(line, start);
    const size_t at = paren ? (size_t)(paren - line) : 0, name = dotted_start(line, at);
    if (name == at) return;
    value of = look_up(s, line + name, at - name);
    value m = is_fail(of) ? FAIL : interp_import(s->in, "dsk_shell");
    value names = is_fail(m) ? FAIL : call_method(s->in, m, "argument_names", 1, of);
    const list *l = as_list(names);
    for (int64_t i = 0; l && i < l->n; i++) {
        const str *arg = as_str(l->at[i]);
        if (arg && fits(arg, line + start, end - start)) add(w, "", arg->at, arg->nbyte, "=");
    }
    value_unref(s->in, names);
    value_unref(s->in, m);
    value_unref(s->in, of);
    if (throwing(s->in)) exc_clear(s->in);
}

/* ---- modules ---- */

/* A module of this name, as far as the level that is being typed; those that begin with _ are
 * parts of others. */
static void add_module(words *w, const char *name, const char *prefix, size_t n)
{
    if (strncmp(name, prefix, n) || name[0] == '_' || strstr(name, "._")) return;
    add(w, "", name, n + strcspn(name + n, "."), "");
}

static void complete_module(const char *prefix, size_t n, words *w)
{
    for (size_t i = 0; stdlib_modules[i]; i++) add_module(w, stdlib_modules[i]->name, prefix, n);
    for (size_t i = 0; i < nembedded_modules; i++)
        add_module(w, embedded_modules[i].name, prefix, n);
    DIR *d = opendir(".");
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || (strcmp(dot, ".py") && strcmp(dot, ".dsk"))) continue;
        char *name = mem_dupn(e->d_name, (size_t)(dot - e->d_name));
        if (!strchr(name, '.')) add_module(w, name, prefix, n);
        mem_free(name);
    }
    if (d) closedir(d);
}

/* "import x" and "from x": modules; "from a.b import x": what a.b holds.  False: neither. */
static bool complete_import(session *s, const char *line, size_t start, size_t end, words *w)
{
    const char *p = line + line_start(line, end);
    p += strspn(p, " \t");
    const bool from = strncmp(p, "from ", 5) == 0;
    if (!from && strncmp(p, "import ", 7) != 0) return false;
    const char *import = from ? strstr(p, " import ") : NULL;
    if (!import || import >= line + start) {
        complete_module(line + start, end - start, w);
        return true;
    }
    const char *name = p + 5 + strspn(p + 5, " \t");
    char *text = mem_dupn(name, (size_t)(import - name));
    value m = interp_import(s->in, text);
    if (!is_fail(m)) add_dir(s, m, "", line + start, end - start, w);
    value_unref(s->in, m);
    mem_free(text);
    return true;
}

/* ---- within quotes ---- */

static void complete_path(const char *text, size_t n, words *w)
{
    char *path = mem_dupn(text, n), *slash = strrchr(path, '/');
    char *folder = mem_dupn(path, slash ? (size_t)(slash - path) + 1 : 0);
    const char *name = slash ? slash + 1 : path;
    strbuf real = {0};
    if (folder[0] == '~' && folder[1] == '/' && getenv("HOME"))
        sb_addf(&real, "%s%s", getenv("HOME"), folder + 1);
    else
        sb_adds(&real, *folder ? folder : "./");
    DIR *d = opendir(sb_text(&real));
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, name, strlen(name)) || (e->d_name[0] == '.' && *name != '.'))
            continue;
        strbuf full = {0};
        struct stat st;
        sb_addf(&full, "%s%s", sb_text(&real), e->d_name);
        const bool is_folder = stat(sb_text(&full), &st) == 0 && S_ISDIR(st.st_mode);
        add(w, folder, e->d_name, strlen(e->d_name), is_folder ? "/" : "");
        sb_clear(&full);
    }
    if (d) closedir(d);
    sb_clear(&real);
    mem_free(folder);
    mem_free(path);
}

/* Of d[['a', 'b', : the end of d[, where the list of keys begins; else `end`. */
static size_t before_list(const char *line, size_t end)
{
    for (size_t i = end; i > 1;) {
        if (line[i - 1] == '[' && line[i - 2] == '[') return i - 1;
        if (line[i - 1] != ',') return end;
        for (i--; i > 0 && line[i - 1] == ' ';) i--;
        const size_t text = quoted_start(line, i);
        if (text == i) return end;
        for (i = text; i > 0 && line[i - 1] == ' ';) i--;
    }
    return end;
}

/* What `name[` asks the keys of, the bracket being the last character before `end`; FAIL: nothing.
 */
static value subscripted(session *s, const char *line, size_t end)
{
    while (end > 0 && line[end - 1] == ' ') end--;
    end = before_list(line, end);
    if (end == 0 || line[end - 1] != '[') return FAIL;
    const size_t name = dotted_start(line, end - 1);
    return name == end - 1 ? FAIL : look_up(s, line + name, end - 1 - name);
}

static list *keys_of(session *s, value of)
{
    value keys = call_method(s->in, of, "keys", 0);
    list *l = is_fail(keys) ? NULL : list_of(s->in, keys);
    value_unref(s->in, keys);
    if (throwing(s->in)) exc_clear(s->in);
    return l;
}

/* d['ke: the keys that are text.  False: the quote does not open a subscript of a name. */
static bool complete_key(session *s, const char *line, size_t start, size_t end, words *w)
{
    value of = subscripted(s, line, start - 1);
    if (is_fail(of)) return false;
    list *l = keys_of(s, of);
    if (as_dict(of)) /* a name in a file may go on with "/" */
        memcpy(w->after, (char[]){line[start - 1], ']', 0}, 3);
    for (int64_t k = 0; l && k < l->n; k++) {
        const str *key = as_str(l->at[k]);
        if (key && fits(key, line + start, end - start)) add(w, "", key->at, key->nbyte, "");
    }
    obj_unref(s->in, l);
    value_unref(s->in, of);
    return true;
}

/* d[, d[1: the keys that are text or whole numbers. */
static void complete_subscript(session *s, const char *line, size_t start, size_t end, words *w)
{
    value of = subscripted(s, line, start);
    list *l = is_fail(of) ? NULL : keys_of(s, of);
    for (int64_t k = 0; l && k < l->n; k++) {
        const bool simple = as_str(l->at[k]) || l->at[k].kind == V_INT;
        str *key = simple ? value_repr(s->in, l->at[k]) : NULL;
        if (key && fits(key, line + start, end - start)) add(w, "", key->at, key->nbyte, "]");
        obj_unref(s->in, key);
    }
    obj_unref(s->in, l);
    value_unref(s->in, of);
}

/* ---- magics ---- */

static void complete_magic(session *s, const char *text, size_t n, words *w)
{
    const size_t percents = strspn(text, "%");
    value m = interp_import(s->in, "dsk_shell");
    value table =
        is_fail(m) ? FAIL : value_getattr_c(s->in, m, percents > 1 ? "CELL_MAGICS" : "MAGICS");
    const list *l = as_list(table);
    for (int64_t i = 0; l && i < l->n; i++) {
        const str *name = as_str(l->at[i]);
        if (name && n >= percents && fits(name, text + percents, n - percents))
            add(w, percents > 1 ? "%%" : "%", name->at, name->nbyte, "");
    }
    value_unref(s->in, table);
    value_unref(s->in, m);
}

words complete(session *s, const char *line, size_t start, size_t end)
{
    words w = {0};
    const char *text = line + start;
    const size_t n = end - start;
    size_t quoted = 0;
    if (takes_paths(line, end)) {
        complete_path(text, n, &w);
    } else if (open_quote(line, end, &quoted)) {
        if (!complete_key(s, line, start, end, &w)) {
            complete_path(text, n, &w);
            if (w.n == 1 && w.at[0][strlen(w.at[0]) - 1] != '/') w.after[0] = line[quoted - 1];
        }
    } else if (*text == '%' && n) {
        complete_magic(s, text, n, &w);
    } else if (!complete_import(s, line, start, end, &w)) {
        if (memchr(text, '.', n))
            complete_attribute(s, text, n, &w);
        else {
            complete_subscript(s, line, start, end, &w);
            if (n || !w.n) {
                complete_argument(s, line, start, end, &w);
                complete_name(s, text, n, &w);
            }
        }
    }
    if (throwing(s->in)) exc_clear(s->in);
    sort_words(&w);
    return w;
}
