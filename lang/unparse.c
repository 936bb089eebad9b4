/* lang/unparse.c - an expression back into text, as ast.unparse writes it; annotations that
 * `from __future__ import annotations` keeps as text. */
#include <inttypes.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "lang/compile_impl.h"

/* How tightly an expression binds; one that stands where something tighter is needed gets
 * parentheses. */
enum level {
    TUPLE,
    TEST,
    OR,
    AND,
    NOT,
    COMPARISON,
    BIT_OR,
    BIT_XOR,
    BIT_AND,
    SHIFT,
    SUM,
    TERM,
    FACTOR,
    POWER,
    AWAIT,
    ATOM
};

static const uint8_t op_level[O_COUNT] = {
    [O_Add] = SUM,        [O_Sub] = SUM,      [O_Mult] = TERM,     [O_MatMult] = TERM,
    [O_Div] = TERM,       [O_Mod] = TERM,     [O_FloorDiv] = TERM, [O_Pow] = POWER,
    [O_LShift] = SHIFT,   [O_RShift] = SHIFT, [O_BitOr] = BIT_OR,  [O_BitXor] = BIT_XOR,
    [O_BitAnd] = BIT_AND, [O_And] = AND,      [O_Or] = OR,         [O_Not] = NOT,
    [O_Invert] = FACTOR,  [O_UAdd] = FACTOR,  [O_USub] = FACTOR,
};

/* False: a kind of expression that has no place in an annotation. */
static bool write_expr(strbuf *b, const ast *x, enum level need);

static bool write_list(strbuf *b, ast_list items)
{
    bool ok = true;
    for (size_t i = 0; ok && i < items.n; i++) {
        if (i) sb_adds(b, ", ");
        ok = write_expr(b, items.at[i], TEST);
    }
    return ok;
}

static void write_quoted(strbuf *b, ast_text s)
{
    char q = memchr(s.at, '\'', s.n) && !memchr(s.at, '"', s.n) ? '"' : '\'';
    sb_addc(b, q);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == q || c == '\\')
            sb_addf(b, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            sb_adds(b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c < ' ' || c == 127)
            sb_addf(b, "\\x%02x", c);
        else
            sb_addc(b, (char)c);
    }
    sb_addc(b, q);
}

static bool write_constant(strbuf *b, const ast *x)
{
    static const char *const words[] = {
        [C_NONE] = "None", [C_FALSE] = "False", [C_TRUE] = "True", [C_ELLIPSIS] = "..."};
    switch ((enum ast_constant)x->Constant.type) {
    case C_INT: sb_addf(b, "%" PRId64, x->Constant.i); break;
    case C_BIGINT: sb_add(b, x->Constant.s.at, x->Constant.s.n); break;
    case C_FLOAT: float_repr(b, x->Constant.f, 64); break;
    case C_IMAG: complex_repr(b, 0.0, x->Constant.f, 64); break;
    case C_BYTES: sb_addc(b, 'b'); /* fall through */
    case C_STR: write_quoted(b, x->Constant.s); break;
    default: sb_adds(b, words[x->Constant.type]); break;
    }
    return true;
}

static bool write_binary(strbuf *b, const ast *x, enum level own)
{
    bool power = x->BinOp.op == O_Pow;
    bool ok = write_expr(b, x->BinOp.left, power ? own + 1 : own);
    sb_addf(b, " %s ", ast_op_text(x->BinOp.op));
    return ok && write_expr(b, x->BinOp.right, power ? own : own + 1);
}

static bool write_bool(strbuf *b, const ast *x, enum level own)
{
    bool ok = true;
    for (size_t i = 0; ok && i < x->BoolOp.values.n; i++) {
        if (i) sb_addf(b, " %s ", ast_op_text(x->BoolOp.op));
        ok = write_expr(b, x->BoolOp.values.at[i], own + 1);
    }
    return ok;
}

static bool write_comparison(strbuf *b, const ast *x)
{
    bool ok = write_expr(b, x->Compare.left, COMPARISON + 1);
    for (size_t i = 0; ok && i < x->Compare.ops.n; i++) {
        sb_addf(b, " %s ", ast_op_text(x->Compare.ops.at[i]));
        ok = write_expr(b, x->Compare.comparators.at[i], COMPARISON + 1);
    }
    return ok;
}

static bool write_slice(strbuf *b, const ast *x)
{
    bool ok = !x->Slice.lower || write_expr(b, x->Slice.lower, TEST);
    sb_addc(b, ':');
    ok = ok && (!x->Slice.upper || write_expr(b, x->Slice.upper, TEST));
    if (x->Slice.step) sb_addc(b, ':');
    return ok && (!x->Slice.step || write_expr(b, x->Slice.step, TEST));
}

static bool write_subscript(strbuf *b, const ast *x)
{
    bool ok = write_expr(b, x->Subscript.value, ATOM);
    sb_addc(b, '[');
    ok = ok && write_expr(b, x->Subscript.slice, TUPLE);
    sb_addc(b, ']');
    return ok;
}

static bool write_call(strbuf *b, const ast *x)
{
    bool ok = write_expr(b, x->Call.func, ATOM);
    sb_addc(b, '(');
    ok = ok && write_list(b, x->Call.args);
    for (size_t i = 0; ok && i < x->Call.keywords.n; i++) {
        const ast *k = x->Call.keywords.at[i];
        if (i || x->Call.args.n) sb_adds(b, ", ");
        sb_adds(b, k->keyword.arg.at ? k->keyword.arg.at : "**");
        if (k->keyword.arg.at) sb_addc(b, '=');
        ok = write_expr(b, k->keyword.value, TEST);
    }
    sb_addc(b, ')');
    return ok;
}

static bool write_dict(strbuf *b, const ast *x)
{
    bool ok = true;
    sb_addc(b, '{');
    for (size_t i = 0; ok && i < x->Dict.values.n; i++) {
        const ast *key = x->Dict.keys.at[i];
        if (i) sb_adds(b, ", ");
        if (!key) sb_adds(b, "**");
        ok = !key || write_expr(b, key, TEST);
        if (key) sb_adds(b, ": ");
        ok = ok && write_expr(b, x->Dict.values.at[i], key ? TEST : BIT_OR);
    }
    sb_addc(b, '}');
    return ok;
}

static bool write_choice(strbuf *b, const ast *x)
{
    bool ok = write_expr(b, x->IfExp.body, TEST + 1);
    sb_adds(b, " if ");
    ok = ok && write_expr(b, x->IfExp.test, TEST + 1);
    sb_adds(b, " else ");
    return ok && write_expr(b, x->IfExp.orelse, TEST);
}

static bool write_tuple(strbuf *b, const ast *x)
{
    bool ok = write_list(b, x->Tuple.elts);
    if (x->Tuple.elts.n == 1) sb_addc(b, ',');
    return ok;
}

static enum level level_of(const ast *x)
{
    switch ((enum ast_kind)x->kind) {
    case N_Tuple: return x->Tuple.elts.n ? TUPLE : ATOM;
    case N_IfExp: return TEST;
    case N_BoolOp: return op_level[x->BoolOp.op];
    case N_Compare: return COMPARISON;
    case N_BinOp: return op_level[x->BinOp.op];
    case N_UnaryOp: return op_level[x->UnaryOp.op];
    default: return ATOM;
    }
}

static bool write_bare(strbuf *b, const ast *x, enum level own)
{
    bool ok;
    switch ((enum ast_kind)x->kind) {
    case N_Constant: return write_constant(b, x);
    case N_Name: return sb_adds(b, x->Name.id.at), true;
    case N_Attribute:
        ok = write_expr(b, x->Attribute.value, ATOM);
        sb_addf(b, ".%s", x->Attribute.attr.at);
        return ok;
    case N_Subscript: return write_subscript(b, x);
    case N_Slice: return write_slice(b, x);
    case N_Call: return write_call(b, x);
    case N_BinOp: return write_binary(b, x, own);
    case N_UnaryOp:
        sb_addf(b, "%s%s", ast_op_text(x->UnaryOp.op), x->UnaryOp.op == O_Not ? " " : "");
        return write_expr(b, x->UnaryOp.operand, own);
    case N_BoolOp: return write_bool(b, x, own);
    case N_Compare: return write_comparison(b, x);
    case N_IfExp: return write_choice(b, x);
    case N_Tuple: return x->Tuple.elts.n ? write_tuple(b, x) : (sb_adds(b, "()"), true);
    case N_Starred: return sb_addc(b, '*'), write_expr(b, x->Starred.value, BIT_OR);
    case N_List:
    case N_Set:
        sb_addc(b, x->kind == N_List ? '[' : '{');
        ok = write_list(b, x->kind == N_List ? x->List.elts : x->Set.elts);
        sb_addc(b, x->kind == N_List ? ']' : '}');
        return ok;
    case N_Dict: return write_dict(b, x);
    default: return false;
    }
}

static bool write_expr(strbuf *b, const ast *x, enum level need)
{
    enum level own = level_of(x);
    if (own < need) sb_addc(b, '(');
    bool ok = write_bare(b, x, own);
    if (own < need) sb_addc(b, ')');
    return ok;
}

const char *expr_text(arena *mem, const ast *x)
{
    strbuf b = {0};
    write_expr(&b, x, TEST);
    const char *s = arena_dup(mem, sb_text(&b), b.n);
    sb_clear(&b);
    return s;
}

/* ---- annotations ---- */

static void to_text(compiler *c, ast **at)
{
    if (!*at) return;
    strbuf b = {0};
    if (write_expr(&b, *at, TEST)) {
        ast *k = ast_new(c->mem, N_Constant);
        k->line = (*at)->line;
        k->col = (*at)->col;
        k->end_line = (*at)->end_line;
        k->end_col = (*at)->end_col;
        k->Constant.type = C_STR;
        k->Constant.s = (ast_text){arena_dup(c->mem, sb_text(&b), b.n), b.n};
        *at = k;
    } else
        syntax_at(c->why, c->mem, c->filename, *at,
                  "this kind of expression cannot be kept as the text of an annotation");
    sb_clear(&b);
}

static void visit(void *data, const ast *child)
{
    ast *x = (ast *)(uintptr_t)child;
    switch ((enum ast_kind)x->kind) {
    case N_FunctionDef: to_text(data, &x->FunctionDef.returns); break;
    case N_AsyncFunctionDef: to_text(data, &x->AsyncFunctionDef.returns); break;
    case N_AnnAssign: to_text(data, &x->AnnAssign.annotation); break;
    case N_arg: to_text(data, &x->arg.annotation); break;
    default: break;
    }
    ast_each(x, visit, data);
}

static bool is_asked_for(const ast *tree)
{
    ast_list body = tree->kind == N_Module        ? tree->Module.body
                    : tree->kind == N_Interactive ? tree->Interactive.body
                                                  : (ast_list){0};
    for (size_t i = 0; i < body.n; i++) {
        const ast *x = body.at[i];
        if (x->kind == N_Expr && x->Expr.value->kind == N_Constant) continue; /* the docstring */
        if (!is_future(x)) return false;
        for (size_t j = 0; j < x->ImportFrom.names.n; j++) {
            if (strcmp(x->ImportFrom.names.at[j]->alias.name.at, "annotations") == 0) return true;
        }
    }
    return false;
}

void annotations_to_text(compiler *c, const ast *tree)
{
    if (is_asked_for(tree)) ast_each(tree, visit, c);
}
