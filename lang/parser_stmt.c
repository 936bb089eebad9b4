/* lang/parser_stmt.c - simple statements, and the lines and blocks they stand in. */
#include "lang/parser_impl.h"

static bool ends_statement(const parser *p)
{
    return at(p, T_NEWLINE) || at(p, T_SEMI) || at(p, T_END);
}

/* ---- assignments ---- */

static ast *parse_assign(parser *p, ast *first, const token *start)
{
    size_t mark = p->nstack;
    ast *value = first;
    while (at(p, T_ASSIGN)) {
        if (value->kind == N_Yield || value->kind == N_YieldFrom ||
            !set_context(value, CTX_STORE)) {
            if (hinting(p)) hint_assign(p, start);
            return miss(p);
        }
        push(p, value);
        advance(p);
        if (!(value = parse_yield_or_exprs(p))) return NULL;
    }
    ast *x = node_at(p, N_Assign, start);
    x->Assign.targets = pop_list(p, mark);
    x->Assign.value = value;
    return x;
}

static bool is_single_target(const ast *x)
{
    return x->kind == N_Name || x->kind == N_Attribute || x->kind == N_Subscript;
}

static ast *parse_aug_assign(parser *p, ast *target, const token *start)
{
    if (!is_single_target(target)) {
        if (hinting(p)) hint_assign(p, start);
        return miss(p);
    }
    set_context(target, CTX_STORE);
    const enum token_type op = type(p);
    advance(p);
    ast *value = parse_yield_or_exprs(p);
    if (!value) return NULL;
    ast *x = node_at(p, N_AugAssign, start);
    x->AugAssign.target = target;
    x->AugAssign.op = token_table[op].op;
    x->AugAssign.value = value;
    return x;
}

static ast *parse_ann_assign(parser *p, ast *target, const token *start)
{
    if (!is_single_target(target)) {
        if (hinting(p)) hint_assign(p, start);
        return miss(p);
    }
    set_context(target, CTX_STORE);
    advance(p);
    ast *annotation = parse_expr(p), *value = NULL;
    if (!annotation) return NULL;
    if (take(p, T_ASSIGN) && !(value = parse_yield_or_exprs(p))) return NULL;
    ast *x = node_at(p, N_AnnAssign, start);
    x->AnnAssign.target = target;
    x->AnnAssign.annotation = annotation;
    x->AnnAssign.value = value;
    x->AnnAssign.simple = target->kind == N_Name && !target->parens;
    return x;
}

/* assignment | star_expressions */
static ast *parse_expr_stmt(parser *p)
{
    const token *start = tok(p);
    ast *e = parse_yield_or_exprs(p);
    if (!e) return NULL;
    if (at(p, T_ASSIGN)) return parse_assign(p, e, start);
    if (token_table[type(p)].prec == P_AUG) return parse_aug_assign(p, e, start);
    if (at(p, T_COLON) && e->kind != N_Yield) return parse_ann_assign(p, e, start);
    ast *x = node_at(p, N_Expr, start);
    x->Expr.value = e;
    return x;
}

/* ---- Python 2's print ---- */

static ast *synthetic_name(parser *p, const token *t)
{
    ast *x = node_at(p, N_Name, t);
    x->Name.id = name_text(p, t);
    return x;
}

static ast *add_keyword(parser *p, const char *name, ast *value)
{
    ast *k = ast_new(p->arena, N_keyword);
    k->keyword.arg = (ast_text){arena_dup(p->arena, name, strlen(name)), strlen(name)};
    k->keyword.value = value;
    return k;
}

/* Is this `print` the statement, not a call or a name in an expression? */
static bool at_print_statement(parser *p)
{
    if (!p->py2 || !word_is(p, "print")) return false;
    const enum token_type next = peek(p);
    if (next == T_LPAR) { /* print (a), b and print (a) % b; print(a, b) alone is a call */
        uint32_t i = p->i + 1;
        while (p->t.at[i].level > tok(p)->level) i++;
        const enum token_type after = p->t.at[i + 1].type;
        return after != T_NEWLINE && after != T_SEMI && after != T_END;
    }
    return next == T_RSHIFT || next == T_NEWLINE || next == T_SEMI || next == T_END ||
           expr_may_start(next);
}

/* 'print' ['>>' expression [',']] [expression (',' expression)* [',']]
 * becomes the call it stands for: a comma at the end is end=' '. */
static ast *parse_print(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *func = synthetic_name(p, start), *keyword[2];
    size_t mark = p->nstack, n = 0;
    bool comma = false;
    if (take(p, T_RSHIFT)) {
        ast *file = parse_expr(p);
        if (!file) return NULL;
        keyword[n++] = add_keyword(p, "file", file);
        if (!ends_statement(p) && !need(p, T_COMMA)) return NULL;
    }
    while (!ends_statement(p)) {
        ast *x = parse_expr(p);
        if (!x) return NULL;
        push(p, x);
        comma = take(p, T_COMMA);
        if (!comma && !ends_statement(p)) return miss(p);
    }
    if (comma) {
        ast *space = node_at(p, N_Constant, start);
        space->Constant.type = C_STR;
        space->Constant.s = (ast_text){" ", 1};
        keyword[n++] = add_keyword(p, "end", space);
    }
    ast *call = node_at(p, N_Call, start), *x = node_at(p, N_Expr, start);
    call->Call.func = func;
    call->Call.args = pop_list(p, mark);
    for (size_t i = 0; i < n; i++) push(p, keyword[i]);
    call->Call.keywords = pop_list(p, mark);
    x->Expr.value = call;
    p->why->py2 = true;
    return x;
}

/* ---- statements with a keyword ---- */

static ast *parse_flow(parser *p, enum ast_kind kind)
{
    const token *start = tok(p);
    advance(p);
    return node_at(p, kind, start);
}

/* 'return' [star_expressions] */
static ast *parse_return(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *value = NULL;
    if (!ends_statement(p) && !(value = parse_exprs(p))) return NULL;
    ast *x = node_at(p, N_Return, start);
    x->Return.value = value;
    return x;
}

/* 'raise' [expression ['from' expression]] */
static ast *parse_raise(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *exc = NULL, *cause = NULL;
    if (!ends_statement(p)) {
        if (!(exc = parse_expr(p))) return NULL;
        if (take(p, T_FROM) && !(cause = parse_expr(p))) return NULL;
    }
    ast *x = node_at(p, N_Raise, start);
    x->Raise.exc = exc;
    x->Raise.cause = cause;
    return x;
}

/* 'assert' expression [',' expression] */
static ast *parse_assert(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *test = parse_expr(p), *msg = NULL;
    if (!test) return NULL;
    if (take(p, T_COMMA) && !(msg = parse_expr(p))) return NULL;
    ast *x = node_at(p, N_Assert, start);
    x->Assert.test = test;
    x->Assert.msg = msg;
    return x;
}

/* 'del' del_targets */
static ast *parse_del(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *e = parse_exprs(p);
    if (!e) return NULL;
    if (hinting(p)) hint_target(p, e, true, false);
    if (!ends_statement(p) || !set_context(e, CTX_DEL)) return miss(p);
    ast *x = node_at(p, N_Delete, start);
    if (e->kind == N_Tuple && !e->parens) {
        x->Delete.targets = e->Tuple.elts;
    } else {
        push(p, e);
        x->Delete.targets = pop_list(p, p->nstack - 1);
    }
    return x;
}

/* ('global' | 'nonlocal') NAME (',' NAME)* */
static ast *parse_scope(parser *p, enum ast_kind kind)
{
    const token *start = tok(p);
    size_t n = 0;
    do {
        advance(p);
        if (!need(p, T_NAME)) return NULL;
        n++;
    } while (at(p, T_COMMA));
    ast *x = node_at(p, kind, start);
    x->Global.names.at = arena_alloc(p->arena, n * sizeof(ast_text));
    x->Global.names.n = n;
    for (size_t i = 0; i < n; i++) x->Global.names.at[i] = name_text(p, start + 1 + 2 * i);
    return x;
}

/* dotted_name: NAME ('.' NAME)*, as one text without blanks */
static bool parse_dotted(parser *p, ast_text *out)
{
    const token *start = tok(p);
    if (!need(p, T_NAME)) return false;
    if (!at(p, T_DOT)) {
        *out = name_text(p, start);
        return true;
    }
    strbuf b = {0};
    ast_text part = name_text(p, start);
    sb_add(&b, part.at, part.n);
    while (take(p, T_DOT)) {
        const token *t = tok(p);
        if (!need(p, T_NAME)) {
            sb_clear(&b);
            return false;
        }
        part = name_text(p, t);
        sb_addc(&b, '.');
        sb_add(&b, part.at, part.n);
    }
    *out = (ast_text){arena_dup(p->arena, sb_text(&b), b.n), b.n};
    sb_clear(&b);
    return true;
}

/* name ['as' NAME] */
static bool parse_alias(parser *p, bool dotted)
{
    const token *start = tok(p);
    ast_text name = {0}, as = {0};
    if (dotted) {
        if (!parse_dotted(p, &name)) return false;
    } else {
        if (!need(p, T_NAME)) return false;
        name = name_text(p, start);
    }
    if (take(p, T_AS)) {
        const token *t = tok(p);
        if (!need(p, T_NAME)) return false;
        as = name_text(p, t);
    }
    ast *x = node_at(p, N_alias, start);
    x->alias.name = name;
    x->alias.asname = as;
    push(p, x);
    return true;
}

/* 'import' dotted_as_name (',' dotted_as_name)* */
static ast *parse_import(parser *p)
{
    const token *start = tok(p);
    size_t mark = p->nstack;
    do {
        advance(p);
        if (!parse_alias(p, true)) return NULL;
    } while (at(p, T_COMMA));
    ast *x = node_at(p, N_Import, start);
    x->Import.names = pop_list(p, mark);
    return x;
}

/* import_from_targets: '(' names [','] ')' | names | '*' */
static bool parse_from_names(parser *p)
{
    if (at(p, T_STAR)) {
        ast *x = node_at(p, N_alias, tok(p));
        const token *star = tok(p);
        advance(p);
        x = node_at(p, N_alias, star);
        x->alias.name = (ast_text){"*", 1};
        push(p, x);
        return true;
    }
    const bool parens = take(p, T_LPAR);
    for (;;) {
        if (!parse_alias(p, false)) return false;
        if (!take(p, T_COMMA)) break;
        if (parens && at(p, T_RPAR)) break;
        if (!parens && at(p, T_NEWLINE)) {
            if (hinting(p))
                complain_here(p, SyntaxError,
                              "trailing comma not allowed without surrounding parentheses");
            return miss(p);
        }
    }
    return !parens || need(p, T_RPAR);
}

/* 'from' ('.' | '...')* [dotted_name] 'import' targets */
static ast *parse_from(parser *p)
{
    const token *start = tok(p);
    advance(p);
    int level = 0;
    ast_text module = {0};
    for (;; advance(p)) {
        if (at(p, T_DOT))
            level++;
        else if (at(p, T_ELLIPSIS))
            level += 3;
        else
            break;
    }
    if ((level == 0 || at(p, T_NAME)) && !parse_dotted(p, &module)) return NULL;
    size_t mark = p->nstack;
    if (!need(p, T_IMPORT) || !parse_from_names(p)) return NULL;
    ast *x = node_at(p, N_ImportFrom, start);
    x->ImportFrom.module = module;
    x->ImportFrom.level = level;
    x->ImportFrom.names = pop_list(p, mark);
    return x;
}

static ast *parse_simple(parser *p)
{
    switch (type(p)) {
    case T_RETURN: return parse_return(p);
    case T_IMPORT: return parse_import(p);
    case T_FROM: return parse_from(p);
    case T_RAISE: return parse_raise(p);
    case T_PASS: return parse_flow(p, N_Pass);
    case T_BREAK: return parse_flow(p, N_Break);
    case T_CONTINUE: return parse_flow(p, N_Continue);
    case T_DEL: return parse_del(p);
    case T_ASSERT: return parse_assert(p);
    case T_GLOBAL: return parse_scope(p, N_Global);
    case T_NONLOCAL: return parse_scope(p, N_Nonlocal);
    default: return at_print_statement(p) ? parse_print(p) : parse_expr_stmt(p);
    }
}

/* ---- lines and blocks ---- */

/* simple_stmts: simple_stmt (';' simple_stmt)* [';'] NEWLINE */
static bool parse_simple_line(parser *p)
{
    do {
        ast *x = parse_simple(p);
        if (!x || failed(p)) return false;
        push(p, x);
    } while (take(p, T_SEMI) && !at(p, T_NEWLINE));
    return need(p, T_NEWLINE);
}

static bool starts_compound(const parser *p)
{
    switch (type(p)) {
    case T_IF:
    case T_FOR:
    case T_WHILE:
    case T_DEF:
    case T_CLASS:
    case T_TRY:
    case T_WITH:
    case T_AT:
    case T_ASYNC: return true;
    default: return false;
    }
}

static bool parse_statement(parser *p)
{
    if (word_is(p, "match")) {
        ast *x = parse_match(p);
        if (failed(p)) return false;
        if (x) {
            push(p, x);
            return true;
        }
    }
    if (!starts_compound(p)) return parse_simple_line(p);
    ast *x = enter(p) ? parse_compound(p) : NULL;
    leave(p);
    if (!x || failed(p)) return false;
    push(p, x);
    return true;
}

bool parse_statements(parser *p, enum token_type end)
{
    while (!at(p, end))
        if (!parse_statement(p)) return false;
    return true;
}

/* block: NEWLINE INDENT statements DEDENT | simple_stmts; `after`: "'if' statement" */
bool parse_block(parser *p, ast_list *out, const char *after, uint32_t line)
{
    size_t mark = p->nstack;
    if (!take(p, T_NEWLINE)) {
        if (!parse_simple_line(p)) return false;
    } else {
        if (!at(p, T_INDENT)) {
            miss(p);
            if (hinting(p))
                complain_here(p, IndentationError, "expected an indented block after %s on line %u",
                              after, line);
            return false;
        }
        advance(p);
        if (!parse_statements(p, T_DEDENT)) return false;
        advance(p);
    }
    *out = pop_list(p, mark);
    return true;
}
