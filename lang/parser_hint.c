/* lang/parser_hint.c - what is wrong with a text that does not parse.
 *
 * Called on the second attempt, from the place of the production concerned.  Python looks for the
 * same mistakes in the same order, so that the first one found is the one it reports. */
#include "lang/parser_impl.h"

/* An operand of comparisons, or what binds tighter? */
static bool is_bitwise_or(const ast *x)
{
    if (x->parens) return true;
    return x->kind != N_Compare && x->kind != N_BoolOp && x->kind != N_IfExp &&
           x->kind != N_Lambda && x->kind != N_Starred && x->kind != N_NamedExpr &&
           !(x->kind == N_UnaryOp && x->UnaryOp.op == O_Not) &&
           !(x->kind == N_Tuple && x->Tuple.elts.n > 0);
}

static bool spells(const parser *p, const token *t, const char *word)
{
    return t->type == T_NAME && t->end - t->at == strlen(word) &&
           !memcmp(p->t.text + t->at, word, strlen(word));
}

static bool is_legacy(const parser *p, const token *t)
{
    return spells(p, t, "print") || spells(p, t, "exec");
}

/* Python compares only as much as was written: `c` counts as the beginning of `case`. */
static bool is_soft_keyword(const parser *p, const token *t)
{
    const size_t n = t->end - t->at;
    const char *s = p->t.text + t->at;
    return t->type == T_NAME && ((n <= 5 && !strncmp("match", s, n)) ||
                                 (n <= 4 && !strncmp("case", s, n)) || (n == 1 && *s == '_'));
}

static const token *last_taken(const parser *p)
{
    return &p->t.at[p->i - 1];
}

/* Two operands side by side within brackets; print without parentheses. */
void *hint_expr(parser *p, ast *left, const token *start)
{
    const uint32_t i = p->i, last = p->last;
    const bool name_string = start->type == T_NAME && start[1].type == T_STRING;
    if (!name_string && !is_soft_keyword(p, start) && expr_may_start(type(p))) {
        p->quiet = true;
        ast *right = parse_expr(p);
        p->quiet = false;
        const bool legacy = left->kind == N_Name && is_legacy(p, start) && !left->parens;
        if (right && !legacy && last_taken(p)->level)
            complain(p, SyntaxError, span_join(span_of(p, left), span_of(p, right)),
                     "invalid syntax. Perhaps you forgot a comma?");
        rewind_to(p, i, last);
    }
    if (failed(p) || start->type != T_NAME || start[1].type == T_LPAR) return NULL;
    p->i = (uint32_t)(start - p->t.at) + 1;
    ast *rest = expr_may_start(type(p)) || at(p, T_STAR) ? parse_exprs(p) : NULL;
    const int n = (int)(start->end - start->at);
    const char *word = p->t.text + start->at;
    if (rest && is_legacy(p, start))
        complain(p, SyntaxError, span_join(span_token(start), span_of(p, rest)),
                 "Missing parentheses in call to '%.*s'. Did you mean %.*s(...)?", n, word, n,
                 word);
    rewind_to(p, i, last);
    return NULL;
}

/* Does the text of x begin with a display, a tuple, or a constant that has a name? */
static bool begins_with_display(const ast *x)
{
    for (;;) {
        if (x->parens) return x->kind == N_Tuple;
        switch (x->kind) {
        case N_BinOp: x = x->BinOp.left; break;
        case N_Attribute: x = x->Attribute.value; break;
        case N_Subscript: x = x->Subscript.value; break;
        case N_Call: x = x->Call.func; break;
        case N_List:
        case N_Tuple:
        case N_GeneratorExp: return true;
        case N_Constant: return x->Constant.type <= C_TRUE;
        default: return false;
        }
    }
}

/* `=` or `:=` behind an expression that it cannot follow. */
void *hint_named(parser *p, const ast *left)
{
    const uint32_t i = p->i, last = p->last;
    if (take(p, T_WALRUS)) {
        if (parse_expr(p))
            complain(p, SyntaxError, span_of(p, left), "cannot use assignment expressions with %s",
                     describe(left));
        rewind_to(p, i, last);
    } else if (at(p, T_ASSIGN) && is_bitwise_or(left)) {
        const bool name = left->kind == N_Name && !left->parens;
        if (!name && begins_with_display(left)) return NULL;
        advance(p);
        ast *right = parse_binary(p, P_BITOR);
        const bool fits = right && !at(p, T_ASSIGN) && !at(p, T_WALRUS);
        if (fits && name)
            complain(p, SyntaxError, span_join(span_of(p, left), span_of(p, right)),
                     "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
        else if (fits)
            complain(p, SyntaxError, span_of(p, left),
                     "cannot assign to %s here. Maybe you meant '==' instead of '='?",
                     describe(left));
        rewind_to(p, i, last);
    }
    return NULL;
}

static void *hint_annotation(parser *p, const ast *x, const ast *first)
{
    advance(p);
    if (!parse_expr(p)) return NULL;
    if (x->kind == N_Tuple || x->kind == N_List)
        return complain(p, SyntaxError, span_of(p, x->parens || x->kind == N_List ? x : first),
                        "only single target (not %s) can be annotated", describe(x));
    return complain(p, SyntaxError, span_of(p, x), "illegal target for annotation");
}

/* A statement from `start` that should be an assignment, an annotation or an update, and is not. */
void *hint_assign(parser *p, const token *start)
{
    const uint32_t i = p->i, last = p->last;
    rewind_to(p, (uint32_t)(start - p->t.at), last);
    const size_t mark = p->nstack;
    if (!at(p, T_YIELD)) {
        ast *first = parse_named_star(p);
        if (first) parse_comma_list(p, first, parse_named_star, start);
    }
    p->nstack = mark;
    rewind_to(p, (uint32_t)(start - p->t.at), last);
    while (!failed(p)) {
        const bool yields = at(p, T_YIELD);
        ast *x = parse_yield_or_exprs(p);
        if (!x) break;
        if (at(p, T_ASSIGN)) {
            if (yields)
                complain(p, SyntaxError, span_of(p, x),
                         "assignment to yield expression not possible");
            else if (!set_context(x, CTX_STORE))
                hint_target(p, x, false, false);
        } else if (at(p, T_COLON) && !yields) {
            hint_annotation(p, x, x->kind == N_Tuple && x->Tuple.elts.n ? x->Tuple.elts.at[0] : x);
        } else if (token_table[type(p)].prec == P_AUG && !yields) {
            advance(p);
            if (parse_yield_or_exprs(p))
                complain(p, SyntaxError, span_of(p, x),
                         "'%s' is an illegal expression for augmented assignment", describe(x));
        }
        if (!take(p, T_ASSIGN)) break;
    }
    rewind_to(p, i, last);
    return NULL;
}

void *hint_target(parser *p, const ast *x, bool del, bool in_for)
{
    const ast *bad = bad_target(x, del, in_for);
    if (bad)
        complain(p, SyntaxError, span_of(p, bad), "cannot %s %s", del ? "delete" : "assign to",
                 describe(bad));
    return NULL;
}

/* The part of x that keeps it from being a target, or NULL. */
const ast *bad_target(const ast *x, bool del, bool in_for)
{
    switch (x->kind) {
    case N_List:
    case N_Tuple:
        for (size_t i = 0; i < x->Tuple.elts.n; i++) {
            const ast *bad = bad_target(x->Tuple.elts.at[i], del, in_for);
            if (bad) return bad;
        }
        return NULL;
    case N_Starred: return del ? x : bad_target(x->Starred.value, del, in_for);
    case N_Compare:
        if (!in_for) return x;
        return x->Compare.ops.at[0] == O_In ? bad_target(x->Compare.left, del, in_for) : NULL;
    case N_Name:
    case N_Attribute:
    case N_Subscript: return NULL;
    default: return x;
    }
}

const char *describe(const ast *x)
{
    static const char *const constants[] = {
        [C_NONE] = "None", [C_FALSE] = "False", [C_TRUE] = "True", [C_ELLIPSIS] = "ellipsis"};
    static const char *const kinds[N_COUNT] = {
        [N_Attribute] = "attribute",
        [N_Subscript] = "subscript",
        [N_Starred] = "starred",
        [N_Name] = "name",
        [N_List] = "list",
        [N_Tuple] = "tuple",
        [N_Lambda] = "lambda",
        [N_Call] = "function call",
        [N_BoolOp] = "expression",
        [N_BinOp] = "expression",
        [N_UnaryOp] = "expression",
        [N_GeneratorExp] = "generator expression",
        [N_Yield] = "yield expression",
        [N_YieldFrom] = "yield expression",
        [N_Await] = "await expression",
        [N_ListComp] = "list comprehension",
        [N_SetComp] = "set comprehension",
        [N_DictComp] = "dict comprehension",
        [N_Dict] = "dict literal",
        [N_Set] = "set display",
        [N_JoinedStr] = "f-string expression",
        [N_FormattedValue] = "f-string expression",
        [N_Compare] = "comparison",
        [N_IfExp] = "conditional expression",
        [N_NamedExpr] = "named expression",
    };
    if (x->kind == N_Constant)
        return x->Constant.type <= C_ELLIPSIS ? constants[x->Constant.type] : "literal";
    return kinds[x->kind] ? kinds[x->kind] : "expression";
}
