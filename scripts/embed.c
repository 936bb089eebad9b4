/* scripts/embed.c - build tool: embed OUT.c ROOT FILE.dsk... writes one C file that holds every
 * module's text, its index of top-level definitions, and the code of each of them and of the rest
 * (see lang/embedded.h).  A syntax error in the library stops the build.
 *
 * The scanner knows just enough of the language to find where a top-level statement starts:
 * strings, comments, brackets and backslash continuation. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/compile.h"
#include "lang/pack.h"

typedef struct text {
    char *at;
    size_t n;
} text;

typedef struct def {
    uint32_t code;
    char name[128];
} def;

typedef struct module {
    char name[256];
    text source;
    packer pack;
    uint32_t body;
    def *defs;
    size_t ndef;
    bool package;
} module;

static void stop(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("embed: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static text file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) stop("cannot read %s", path);
    fseek(f, 0, SEEK_END);
    text t = {.n = (size_t)ftell(f)};
    rewind(f);
    t.at = calloc(1, t.n + 4);
    if (!t.at || fread(t.at, 1, t.n, f) != t.n) stop("cannot read %s", path);
    fclose(f);
    if (t.n && t.at[t.n - 1] != '\n') t.at[t.n++] = '\n';
    return t;
}

/* ROOT/dask/array/__init__.dsk -> "dask.array" */
static void module_name(module *m, const char *root, const char *path)
{
    size_t skip = strlen(root);
    if (strncmp(path, root, skip) != 0 || path[skip] != '/') stop("%s is not below %s", path, root);
    snprintf(m->name, sizeof m->name, "%s", path + skip + 1);
    char *dot = strrchr(m->name, '.');
    if (dot) *dot = 0;
    char *init = strstr(m->name, "/__init__");
    m->package = init != NULL;
    if (init) *init = 0;
    for (char *p = m->name; *p; p++) {
        if (*p == '/') *p = '.';
    }
}

/* The end of the string literal that starts at the quote p. */
static const char *string_end(const char *p)
{
    char q = *p;
    bool triple = p[1] == q && p[2] == q;
    p += triple ? 3 : 1;
    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (!triple && (*p == q || *p == '\n'))
            return p + 1;
        else if (triple && *p == q && p[1] == q && p[2] == q)
            return p + 3;
    }
    return p;
}

/* The start of the logical line after the one at p. */
static const char *logical_end(const char *p)
{
    int depth = 0;
    while (*p) {
        char c = *p;
        if (c == '"' || c == '\'') {
            p = string_end(p);
            continue;
        }
        if (c == '#') {
            p += strcspn(p, "\n");
            continue;
        }
        if (strchr("([{", c)) depth++;
        if (strchr(")]}", c)) depth--;
        if (c == '\\' && p[1]) p++;
        p++;
        if (c == '\n' && depth <= 0) break;
    }
    return p;
}

/* The name when the line at p is `def NAME`, `class NAME` or `async def NAME`. */
static bool definition_name(const char *p, char *name, size_t size)
{
    static const char *const words[] = {"def ", "class ", "async def "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (strncmp(p, words[i], n) != 0) continue;
        p += n + strspn(p + n, " ");
        snprintf(name, size, "%.*s", (int)strcspn(p, " (:[\t\n"), p);
        return true;
    }
    return false;
}

static bool is_blank(const char *p)
{
    p += strspn(p, " \t\f\r");
    return *p == '\n' || *p == '#';
}

static size_t count_lines(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++) n += *from == '\n';
    return n;
}

/* One past the indented suite that follows p; blank lines and comments after it are not its. */
static const char *suite_end(const char *p)
{
    const char *end = p;
    while (*p && (is_blank(p) || *p == ' ' || *p == '\t')) {
        bool blank = is_blank(p);
        p = blank ? p + strcspn(p, "\n") + 1 : logical_end(p);
        if (!blank) end = p;
    }
    return end;
}

/* Compiles text (n bytes) that starts on a line of a module's file. */
static uint32_t compile_part(module *m, const char *from, size_t n, size_t line)
{
    strbuf padded = {0}, path = {0}, shown = {0};
    sb_adds(&path, "<dsk>/");
    for (const char *p = m->name; *p; p++) sb_addc(&path, *p == '.' ? '/' : *p);
    sb_adds(&path, ".dsk");
    sb_pad(&padded, '\n', line - 1);
    sb_add(&padded, from, n);
    arena a = {0};
    syntax_error why = {0};
    ast *tree = parse(&a, sb_text(&padded), padded.n, sb_text(&path), PARSE_FILE, &why);
    if (tree) why = (syntax_error){0};
    bytecode *c = tree ? compile(&a, tree, sb_text(&path), 0, &why) : NULL;
    if (!c) {
        syntax_error_show(&shown, &why);
        stop("%s", sb_text(&shown));
    }
    uint32_t at = pack_code(&m->pack, c);
    code_unref(c);
    arena_clear(&a);
    sb_clear(&padded);
    sb_clear(&path);
    return at;
}

/* Top-level definitions become codes of their own; of the body only their newlines stay. */
static void module_scan(module *m)
{
    const char *s = m->source.at, *p = s;
    strbuf body = {0};
    pack_open(&m->pack);
    while (*p) {
        const char *start = p, *q = p;
        def d = {0};
        while (*q == '@') q = logical_end(q);
        if (!definition_name(q, d.name, sizeof d.name)) {
            p = is_blank(p) ? p + strcspn(p, "\n") + 1 : logical_end(q);
            sb_add(&body, start, (size_t)(p - start));
            continue;
        }
        p = suite_end(logical_end(q));
        d.code = compile_part(m, start, (size_t)(p - start), 1 + count_lines(s, start));
        m->defs = realloc(m->defs, (m->ndef + 1) * sizeof d);
        m->defs[m->ndef++] = d;
        sb_pad(&body, '\n', count_lines(start, p));
    }
    m->body = compile_part(m, sb_text(&body), body.n, 1);
    sb_clear(&body);
}

static void write_text(FILE *out, text t)
{
    fputs("\"", out);
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c == '\n')
            fputs(t.at[i + 1] == '\n' || i + 1 == t.n ? "\\n" : "\\n\"\n\"", out);
        else if (c == '"' || c == '\\' || c == '?')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            fprintf(out, "\\%03o", c);
        else
            fputc(c, out);
    }
    fputs("\"", out);
}

/* Bytes as a literal; an octal escape is as short as the byte after it permits. */
static void write_bytes(FILE *out, const strbuf *b)
{
    for (size_t i = 0; i < b->n; i++) {
        unsigned char c = (unsigned char)b->at[i];
        bool last = i % 64 == 63 || i + 1 == b->n;
        if (i % 64 == 0) fputs("\n    \"", out);
        if (c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '?')
            fputc(c, out);
        else
            fprintf(out, !last && b->at[i + 1] >= '0' && b->at[i + 1] <= '9' ? "\\%03o" : "\\%o",
                    c);
        if (last) fputc('"', out);
    }
}

static void write_module(FILE *out, const module *m, size_t k)
{
    fprintf(out, "static const char source%zu[] =\n", k);
    write_text(out, m->source);
    fprintf(out, ";\nstatic const _Alignas(8) char pack%zu[] =", k);
    write_bytes(out, &m->pack.out);
    fprintf(out, ";\nstatic const embedded_def defs%zu[] = {\n", k);
    for (size_t i = 0; i < m->ndef; i++) {
        fprintf(out, "    {\"%s\", %u},\n", m->defs[i].name, m->defs[i].code);
    }
    fputs("    {0},\n};\n", out);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const module *)a)->name, ((const module *)b)->name);
}

/* A module is a package also when another one's name lies below it. */
static void find_packages(module *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(m[i].name);
        for (size_t j = 0; j < n; j++) {
            if (strncmp(m[i].name, m[j].name, k) == 0 && m[j].name[k] == '.') m[i].package = true;
        }
        if (i && strcmp(m[i - 1].name, m[i].name) == 0) stop("two files for %s", m[i].name);
    }
}

static void write_all(FILE *out, const module *m, size_t n)
{
    fputs("/* generated by scripts/embed.c from stdlib/dsk */\n#include \"lang/embedded.h\"\n",
          out);
    for (size_t i = 0; i < n; i++) write_module(out, &m[i], i);
    fputs("const embedded_module embedded_modules[] = {\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "    {\"%s\", source%zu, %zu, defs%zu, %zu, %d, pack%zu, %u},\n", m[i].name, i,
                m[i].source.n, i, m[i].ndef, m[i].package, i, m[i].body);
    }
    fprintf(out, "    {0},\n};\nconst size_t nembedded_modules = %zu;\n", n);
}

int main(int argc, char **argv)
{
    if (argc < 3) stop("usage: embed OUT.c ROOT FILE.dsk...");
    size_t n = (size_t)argc - 3;
    module *m = calloc(n + 1, sizeof *m);
    for (size_t i = 0; i < n; i++) {
        module_name(&m[i], argv[2], argv[i + 3]);
        m[i].source = file_read(argv[i + 3]);
        module_scan(&m[i]);
    }
    qsort(m, n, sizeof *m, by_name);
    find_packages(m, n);
    FILE *out = fopen(argv[1], "w");
    if (!out) stop("cannot write %s", argv[1]);
    write_all(out, m, n);
    if (fclose(out) != 0) stop("cannot write %s", argv[1]);
    for (size_t i = 0; i < n; i++) {
        free(m[i].source.at);
        free(m[i].defs);
        pack_clear(&m[i].pack);
    }
    free(m);
    return 0;
}
