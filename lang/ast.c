/* lang/ast.c - nodes as data: sizes, fields, and how Python's ast.dump shows them. */
#include "lang/ast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} kinds[N_COUNT] = {
    [N_Constant] = {"Constant", offsetof(ast, Constant) + sizeof(((ast *)0)->Constant)},
#define AST(name, fields) [N_##name] = {#name, offsetof(ast, name) + sizeof(((ast *)0)->name)},
#include "lang/ast.def"
};

static const struct {
    const char *name, *text;
} operators[O_COUNT] = {
#define OPERATOR(name, spelling) [O_##name] = {#name, spelling},
#include "lang/ast.def"
};

const char *ast_name(enum ast_kind kind)
{
    return kinds[kind].name;
}

const char *ast_op_name(enum ast_op op)
{
    return operators[op].name;
}

const char *ast_op_text(enum ast_op op)
{
    return operators[op].text;
}

ast *ast_new(arena *a, enum ast_kind kind)
{
    ast *x = arena_alloc(a, kinds[kind].size);
    x->kind = (uint8_t)kind;
    return x;
}

// clang-format off
#define NODE(f)  visit(data, F_NODE, #f, &at->f);
#define OPT(f)   visit(data, F_OPT, #f, &at->f);
#define LIST(f)  visit(data, F_LIST, #f, &at->f);
#define HOLES(f) visit(data, F_HOLES, #f, &at->f);
#define TEXT(f)  visit(data, F_TEXT, #f, &at->f);
#define TEXTS(f) visit(data, F_TEXTS, #f, &at->f);
#define OP(f)    visit(data, F_OP, #f, &at->f);
#define OPS(f)   visit(data, F_OPS, #f, &at->f);
#define INT(f)   visit(data, F_INT, #f, &at->f);
#define AST(name, fields)                                                  \
    static void visit_##name(const ast *x, ast_visitor *visit, void *data) \
    {                                                                      \
        const __typeof__(x->name) *at = &x->name;                          \
        (void)at, (void)visit, (void)data;                                 \
        fields                                                             \
    }
#include "lang/ast.def"
// clang-format on

void ast_visit(const ast *x, ast_visitor *f, void *data)
{
    static void (*const table[N_COUNT])(const ast *, ast_visitor *, void *) = {
#define AST(name, fields) [N_##name] = visit_##name,
#include "lang/ast.def"
    };
    if (x->kind != N_Constant) table[x->kind](x, f, data);
}

typedef struct each {
    void (*f)(void *data, const ast *child);
    void *data;
} each;

static void each_field(void *data, enum ast_field type, const char *name, const void *at)
{
    (void)name;
    const each *e = data;
    if (type == F_NODE || type == F_OPT) {
        const ast *child = *(ast *const *)at;
        if (child) e->f(e->data, child);
    } else if (type == F_LIST || type == F_HOLES) {
        const ast_list *list = at;
        for (size_t i = 0; i < list->n; i++)
            if (list->at[i]) e->f(e->data, list->at[i]);
    }
}

void ast_each(const ast *x, void (*f)(void *data, const ast *child), void *data)
{
    ast_visit(x, each_field, &(each){f, data});
}

/* ---- dump ---- */

typedef struct dump {
    strbuf *out;
    bool positions, first;
} dump;

static void dump_quoted(strbuf *out, const char *s, size_t n, bool bytes)
{
    const char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
    sb_addc(out, quote);
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)s[i];
        if (c == (unsigned char)quote || c == '\\')
            sb_addf(out, "\\%c", c);
        else if (c == '\n')
            sb_adds(out, "\\n");
        else if (c == '\r')
            sb_adds(out, "\\r");
        else if (c == '\t')
            sb_adds(out, "\\t");
        else if (c < 32 || c == 127 || (bytes && c > 127))
            sb_addf(out, "\\x%02x", c);
        else
            sb_addc(out, (char)c);
    }
    sb_addc(out, quote);
}

static void dump_float(strbuf *out, double f)
{
    char text[40];
    if (isinf(f)) {
        sb_adds(out, "1e309");
        return;
    }
    for (int digits = 1; digits < 18; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, f);
        if (strtod(text, NULL) == f) break;
    }
    sb_adds(out, text);
}

static void dump_constant(strbuf *out, const ast *x)
{
    static const char *const fixed[] = {
        [C_NONE] = "None", [C_FALSE] = "False", [C_TRUE] = "True", [C_ELLIPSIS] = "Ellipsis"};
    const ast_text s = x->Constant.s;
    sb_adds(out, "value=");
    switch (x->Constant.type) {
    case C_INT: sb_addf(out, "%lld", (long long)x->Constant.i); break;
    case C_BIGINT: sb_add(out, s.at, s.n); break;
    case C_FLOAT: dump_float(out, x->Constant.f); break;
    case C_IMAG:
        dump_float(out, x->Constant.f);
        sb_addc(out, 'j');
        break;
    case C_BYTES: sb_addc(out, 'b'); /* fall through */
    case C_STR: dump_quoted(out, s.at, s.n, x->Constant.type == C_BYTES); break;
    default: sb_adds(out, fixed[x->Constant.type]);
    }
    if (x->Constant.u) sb_adds(out, ", kind='u'");
}

static void dump_list(dump *d, const ast_list *list)
{
    sb_addc(d->out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i) sb_adds(d->out, ", ");
        if (list->at[i])
            ast_dump(d->out, list->at[i], d->positions);
        else
            sb_adds(d->out, "None");
    }
    sb_addc(d->out, ']');
}

static void dump_field(void *data, enum ast_field type, const char *name, const void *at)
{
    dump *d = data;
    if (type == F_OPT && !*(ast *const *)at) return;
    if (type == F_TEXT && !((const ast_text *)at)->at) return;
    sb_addf(d->out, "%s%s=", d->first ? "" : ", ", name);
    d->first = false;
    const ast_texts *texts = at;
    const ast_ops *ops = at;
    switch (type) {
    case F_NODE:
    case F_OPT: ast_dump(d->out, *(ast *const *)at, d->positions); break;
    case F_LIST:
    case F_HOLES: dump_list(d, at); break;
    case F_TEXT: sb_addf(d->out, "'%s'", ((const ast_text *)at)->at); break;
    case F_TEXTS:
        sb_addc(d->out, '[');
        for (size_t i = 0; i < texts->n; i++)
            sb_addf(d->out, "%s'%s'", i ? ", " : "", texts->at[i].at);
        sb_addc(d->out, ']');
        break;
    case F_OP: sb_addf(d->out, "%s()", operators[*(const uint8_t *)at].name); break;
    case F_OPS:
        sb_addc(d->out, '[');
        for (size_t i = 0; i < ops->n; i++)
            sb_addf(d->out, "%s%s()", i ? ", " : "", operators[ops->at[i]].name);
        sb_addc(d->out, ']');
        break;
    case F_INT: sb_addf(d->out, "%d", *(const int *)at); break;
    }
}

static bool has_context(const ast *x)
{
    return x->kind == N_Name || x->kind == N_Attribute || x->kind == N_Subscript ||
           x->kind == N_Starred || x->kind == N_List || x->kind == N_Tuple;
}

void ast_dump(strbuf *out, const ast *x, bool positions)
{
    static const char *const contexts[] = {"Load", "Store", "Del"};
    dump d = {out, positions, true};
    sb_addf(out, "%s(", kinds[x->kind].name);
    if (x->kind == N_Constant) {
        dump_constant(out, x);
        d.first = false;
    }
    ast_visit(x, dump_field, &d);
    if (has_context(x)) sb_addf(out, "%sctx=%s()", d.first ? "" : ", ", contexts[x->ctx]);
    if (positions && x->line)
        sb_addf(out, "%s@%u:%u-%u:%u", d.first ? "" : ", ", x->line, x->col, x->end_line,
                x->end_col);
    sb_addc(out, ')');
}
