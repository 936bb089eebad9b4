/* lang/compile_doubt.c - what is no mistake in the grammar but cannot be meant: `x is 1`, a call of
 * a literal, an assertion of a tuple. */
#include "lang/compile.h"

#include <string.h>

typedef struct search {
    arena *mem;
    doubt *first, **last;
    uint32_t line;
} search;

static void add(search *s, const ast *at, const char *fmt, const char *a, const char *b)
{
    doubt *d = ARENA_NEW(s->mem, doubt);
    strbuf text = {0};
    sb_addf(&text, fmt, a, b);
    d->line = at->line;
    d->text = arena_dup(s->mem, sb_text(&text), text.n);
    sb_clear(&text);
    *s->last = d;
    s->last = &d->next;
}

static const char *constant_type(const ast *x)
{
    static const char *const names[] = {
        [C_NONE] = "NoneType", [C_FALSE] = "bool", [C_TRUE] = "bool",   [C_ELLIPSIS] = "ellipsis",
        [C_INT] = "int",       [C_BIGINT] = "int", [C_FLOAT] = "float", [C_IMAG] = "complex",
        [C_STR] = "str",       [C_BYTES] = "bytes"};
    return names[x->Constant.type];
}

/* The class of what the expression gives, when it can be seen; else NULL. */
static const char *type_seen(const ast *x)
{
    switch (x->kind) {
    case N_Constant: return constant_type(x);
    case N_Tuple: return "tuple";
    case N_List:
    case N_ListComp: return "list";
    case N_Dict:
    case N_DictComp: return "dict";
    case N_Set:
    case N_SetComp: return "set";
    case N_GeneratorExp: return "generator";
    case N_Lambda: return "function";
    case N_JoinedStr: return "str";
    default: return NULL;
    }
}

static bool is_number(const ast *x)
{
    return x->kind == N_Constant && x->Constant.type >= C_INT && x->Constant.type <= C_IMAG;
}

/* A constant other than None, True, False and ...: `is` says nothing about it. */
static bool is_literal(const ast *x)
{
    if (x->kind == N_UnaryOp) return x->UnaryOp.op == O_USub && is_number(x->UnaryOp.operand);
    if (x->kind == N_Constant) return x->Constant.type > C_ELLIPSIS;
    if (x->kind != N_Tuple) return false;
    for (size_t i = 0; i < x->Tuple.elts.n; i++) {
        const ast *e = x->Tuple.elts.at[i];
        if (e->kind != N_Constant && !is_literal(e)) return false;
    }
    return true;
}

static void look_at_compare(search *s, const ast *x)
{
    const ast *left = x->Compare.left;
    for (size_t i = 0; i < x->Compare.ops.n; i++) {
        const ast *right = x->Compare.comparators.at[i];
        const int op = x->Compare.ops.at[i];
        if ((op == O_Is || op == O_IsNot) && (is_literal(left) || is_literal(right))) {
            add(s, x, "\"%s\" with a literal. Did you mean \"%s\"?", op == O_Is ? "is" : "is not",
                op == O_Is ? "==" : "!=");
            return;
        }
        left = right;
    }
}

static void look_at_call(search *s, const ast *x)
{
    const ast *f = x->Call.func;
    const char *said = f->kind == N_Lambda ? NULL : type_seen(f);
    if (said) add(s, f, "'%s' object is not callable; perhaps you missed a comma?%s", said, "");
}

static bool has_no_items(const ast *x)
{
    if (x->kind == N_Constant) return x->Constant.type != C_STR && x->Constant.type != C_BYTES;
    return x->kind == N_Set || x->kind == N_SetComp || x->kind == N_GeneratorExp ||
           x->kind == N_Lambda;
}

static bool has_numbered_items(const ast *x)
{
    if (x->kind == N_Constant) return x->Constant.type == C_STR || x->Constant.type == C_BYTES;
    return x->kind == N_Tuple || x->kind == N_List || x->kind == N_ListComp ||
           x->kind == N_JoinedStr;
}

static void look_at_subscript(search *s, const ast *x)
{
    const ast *of = x->Subscript.value;
    const char *said = type_seen(of), *key = type_seen(x->Subscript.slice);
    if (x->ctx != CTX_LOAD || !said) return;
    if (has_no_items(of))
        add(s, of, "'%s' object is not subscriptable; perhaps you missed a comma?%s", said, "");
    else if (key && strcmp(key, "int") && strcmp(key, "bool") && has_numbered_items(of))
        add(s, of, "%s indices must be integers or slices, not %s; perhaps you missed a comma?",
            said, key);
}

static void look_at(void *data, const ast *x)
{
    search *s = data;
    switch (x->kind) {
    case N_Compare: look_at_compare(s, x); break;
    case N_Call: look_at_call(s, x); break;
    case N_Subscript: look_at_subscript(s, x); break;
    case N_Assert:
        if (x->Assert.test->kind == N_Tuple && x->Assert.test->Tuple.elts.n)
            add(s, x, "assertion is always true, perhaps remove parentheses?%s%s", "", "");
        break;
    default: break;
    }
    ast_each(x, look_at, s);
}

doubt *doubts_find(arena *mem, const ast *tree)
{
    search s = {.mem = mem};
    s.last = &s.first;
    ast_each(tree, look_at, &s);
    return s.first;
}
