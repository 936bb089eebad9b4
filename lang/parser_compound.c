/* lang/parser_compound.c - statements with blocks: if, loops, with, try, def, class. */
#include "lang/parser_impl.h"

/* ':' before a block; a line that ends without one is told so */
static bool need_colon(parser *p)
{
    if (take(p, T_COLON)) return true;
    if (at(p, T_NEWLINE) && hinting(p)) complain_here(p, SyntaxError, "expected ':'");
    return miss(p);
}

/* ['else' ':' block] */
static bool parse_else(parser *p, ast_list *out)
{
    const token *start = tok(p);
    *out = (ast_list){0};
    if (!take(p, T_ELSE)) return true;
    return force(p, T_COLON) && parse_block(p, out, "'else' statement", start->line);
}

/* 'if' named_expression ':' block ('elif' ... | else_block); the chain is read in a loop */
static ast *parse_if_stmt(parser *p)
{
    ast *first = NULL, *above = NULL;
    const int depth = p->depth;
    size_t mark = p->nstack;
    do {
        const token *start = tok(p);
        const char *after = at(p, T_IF) ? "'if' statement" : "'elif' statement";
        advance(p);
        ast *x = node_at(p, N_If, start);
        if (!deepen(p) || !(x->If.test = parse_named(p)) || !need_colon(p) ||
            !parse_block(p, &x->If.body, after, start->line))
            return NULL;
        push(p, x);
        if (above) {
            above->If.orelse.at = arena_alloc(p->arena, sizeof(ast *));
            above->If.orelse.at[0] = x;
            above->If.orelse.n = 1;
        } else {
            first = x;
        }
        above = x;
    } while (at(p, T_ELIF));
    p->depth = depth;
    if (!parse_else(p, &above->If.orelse)) return NULL;
    while (p->nstack > mark) node_end(p, p->stack[--p->nstack]);
    return first;
}

/* 'while' named_expression ':' block [else_block] */
static ast *parse_while(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *x = node_at(p, N_While, start);
    if (!(x->While.test = parse_named(p)) || !need_colon(p)) return NULL;
    if (!parse_block(p, &x->While.body, "'while' statement", start->line)) return NULL;
    return parse_else(p, &x->While.orelse) ? node_end(p, x) : NULL;
}

/* ['async'] 'for' star_targets 'in' star_expressions ':' block [else_block] */
static ast *parse_for(parser *p, const token *start)
{
    const uint32_t line = tok(p)->line;
    ast *x = node_at(p, start->type == T_ASYNC ? N_AsyncFor : N_For, start);
    advance(p);
    if (!(x->For.target = parse_for_targets(p)) || !need(p, T_IN)) return NULL;
    if (!(x->For.iter = parse_exprs(p)) || !need_colon(p)) return NULL;
    if (!parse_block(p, &x->For.body, "'for' statement", line)) return NULL;
    return parse_else(p, &x->For.orelse) ? node_end(p, x) : NULL;
}

/* ---- with ---- */

static bool follows_item(const parser *p)
{
    return at(p, T_COMMA) || at(p, T_RPAR) || at(p, T_COLON);
}

/* star_target of a with_item */
static ast *parse_as_target(parser *p)
{
    const uint32_t i = p->i, last = p->last;
    const bool quiet = p->quiet;
    p->quiet = true;
    ast *x = parse_target(p);
    p->quiet = quiet;
    if (x && (follows_item(p) || at(p, T_NEWLINE))) return x;
    if (!hinting(p)) return miss(p);
    rewind_to(p, i, last);
    x = parse_expr(p);
    if (x && follows_item(p)) hint_target(p, x, false, false);
    return miss(p);
}

/* with_item: expression ['as' star_target] */
static bool parse_with_item(parser *p)
{
    ast *x = ast_new(p->arena, N_withitem);
    if (!(x->withitem.context_expr = parse_expr(p))) return false;
    if (take(p, T_AS) && !(x->withitem.optional_vars = parse_as_target(p))) return false;
    push(p, x);
    return true;
}

/* '(' with_item (',' with_item)* [','] ')' ':' */
static bool parse_with_parens(parser *p)
{
    if (!take(p, T_LPAR)) return false;
    do {
        if (!parse_with_item(p)) return false;
    } while (take(p, T_COMMA) && !at(p, T_RPAR));
    if (!need(p, T_RPAR)) return false;
    if (at(p, T_NEWLINE) && hinting(p)) complain_here(p, SyntaxError, "expected ':'");
    return need(p, T_COLON);
}

/* ['async'] 'with' items ':' block */
static ast *parse_with(parser *p, const token *start)
{
    const uint32_t line = tok(p)->line;
    ast *x = node_at(p, start->type == T_ASYNC ? N_AsyncWith : N_With, start);
    advance(p);
    const size_t mark = p->nstack;
    const uint32_t i = p->i, last = p->last;
    const int nest = p->nest, depth = p->depth;
    if (!parse_with_parens(p)) {
        if (failed(p)) return NULL;
        p->nstack = mark;
        p->nest = nest;
        p->depth = depth;
        rewind_to(p, i, last);
        do {
            if (!parse_with_item(p)) return NULL;
        } while (take(p, T_COMMA));
        if (!need_colon(p)) return NULL;
    }
    x->With.items = pop_list(p, mark);
    if (!parse_block(p, &x->With.body, "'with' statement", line)) return NULL;
    return node_end(p, x);
}

/* ---- try ---- */

static void *hint_except(parser *p, const ast *first)
{
    if (!hinting(p)) return miss(p);
    if (take(p, T_COMMA) && parse_exprs(p)) {
        if (take(p, T_AS)) take(p, T_NAME);
        miss(p);
        span s = span_to_here(p, span_of(p, first));
        if (at(p, T_COLON))
            complain(p, SyntaxError, s, "multiple exception types must be parenthesized");
    }
    return miss(p);
}

/* 'except' ['*'] [expression ['as' NAME]] ':' block */
static ast *parse_except(parser *p, bool *star)
{
    const token *start = tok(p);
    advance(p);
    *star = take(p, T_STAR);
    ast *x = node_at(p, N_ExceptHandler, start);
    if (*star && (at(p, T_NEWLINE) || at(p, T_COLON))) {
        miss(p);
        if (hinting(p)) complain_here(p, SyntaxError, "expected one or more exception types");
        return NULL;
    }
    if (!at(p, T_COLON) && !at(p, T_NEWLINE)) {
        if (!(x->ExceptHandler.type = parse_expr(p))) return NULL;
        if (at(p, T_COMMA)) return hint_except(p, x->ExceptHandler.type);
        if (take(p, T_AS)) {
            const token *t = tok(p);
            if (!need(p, T_NAME)) return NULL;
            x->ExceptHandler.name = name_text(p, t);
        }
    }
    if (!need_colon(p)) return NULL;
    const char *after = *star ? "'except*' statement" : "'except' statement";
    if (!parse_block(p, &x->ExceptHandler.body, after, start->line)) return NULL;
    return node_end(p, x);
}

static bool parse_handlers(parser *p, ast *x)
{
    size_t mark = p->nstack;
    bool star;
    while (at(p, T_EXCEPT)) {
        const token *start = tok(p);
        ast *handler = parse_except(p, &star);
        if (!handler) return false;
        const enum ast_kind kind = star ? N_TryStar : N_Try;
        if (p->nstack > mark && kind != x->kind) {
            if (hinting(p))
                complain(p, SyntaxError, span_join(span_token(start), span_token(start + star)),
                         "cannot have both 'except' and 'except*' on the same 'try'");
            return miss(p);
        }
        x->kind = (uint8_t)kind;
        push(p, handler);
    }
    x->Try.handlers = pop_list(p, mark);
    return true;
}

/* 'try' ':' block except_block* [else_block] [finally_block] */
static ast *parse_try(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *x = node_at(p, N_Try, start);
    if (!force(p, T_COLON)) return NULL;
    if (!parse_block(p, &x->Try.body, "'try' statement", start->line)) return NULL;
    if (!at(p, T_EXCEPT) && !at(p, T_FINALLY)) {
        miss(p);
        if (hinting(p)) complain_here(p, SyntaxError, "expected 'except' or 'finally' block");
        return NULL;
    }
    if (!parse_handlers(p, x)) return NULL;
    if (x->Try.handlers.n && !parse_else(p, &x->Try.orelse)) return NULL;
    const token *finally = tok(p);
    if (take(p, T_FINALLY) &&
        (!force(p, T_COLON) ||
         !parse_block(p, &x->Try.finalbody, "'finally' statement", finally->line)))
        return NULL;
    return node_end(p, x);
}

/* ---- definitions ---- */

/* 'def' NAME '(' [params] ')' ['->' expression] ':' block */
static ast *parse_def(parser *p, const token *start, ast_list decorators)
{
    const uint32_t line = tok(p)->line;
    ast *x = node_at(p, start->type == T_ASYNC ? N_AsyncFunctionDef : N_FunctionDef, start);
    advance(p);
    const token *name = tok(p);
    if (!need(p, T_NAME) || !force(p, T_LPAR)) return NULL;
    x->FunctionDef.name = name_text(p, name);
    x->FunctionDef.decorator_list = decorators;
    if (!(x->FunctionDef.args = parse_params(p, T_RPAR)) || !need(p, T_RPAR)) return NULL;
    if (at(p, T_ARROW) && peek(p) != T_COLON) {
        advance(p);
        if (!(x->FunctionDef.returns = parse_expr(p))) return NULL;
    }
    if (!force(p, T_COLON)) return NULL;
    if (!parse_block(p, &x->FunctionDef.body, "function definition", line)) return NULL;
    return node_end(p, x);
}

/* 'class' NAME ['(' [arguments] ')'] ':' block */
static ast *parse_class(parser *p, ast_list decorators)
{
    const token *start = tok(p);
    advance(p);
    ast *x = node_at(p, N_ClassDef, start);
    const token *name = tok(p);
    if (!need(p, T_NAME)) return NULL;
    x->ClassDef.name = name_text(p, name);
    x->ClassDef.decorator_list = decorators;
    if (take(p, T_LPAR) && !parse_call_args(p, &x->ClassDef.bases, &x->ClassDef.keywords))
        return NULL;
    if (!need_colon(p)) return NULL;
    if (!parse_block(p, &x->ClassDef.body, "class definition", start->line)) return NULL;
    return node_end(p, x);
}

/* decorators: ('@' named_expression NEWLINE)+ */
static ast *parse_decorated(parser *p)
{
    size_t mark = p->nstack;
    while (take(p, T_AT)) {
        ast *x = parse_named(p);
        if (!x || !need(p, T_NEWLINE)) return NULL;
        push(p, x);
    }
    ast_list decorators = pop_list(p, mark);
    const token *start = tok(p);
    if (at(p, T_CLASS)) return parse_class(p, decorators);
    if (at(p, T_ASYNC)) advance(p);
    return at(p, T_DEF) ? parse_def(p, start, decorators) : miss(p);
}

static ast *parse_async(parser *p)
{
    const token *start = tok(p);
    advance(p);
    switch (type(p)) {
    case T_DEF: return parse_def(p, start, (ast_list){0});
    case T_FOR: return parse_for(p, start);
    case T_WITH: return parse_with(p, start);
    default: return miss(p);
    }
}

ast *parse_compound(parser *p)
{
    switch (type(p)) {
    case T_IF: return parse_if_stmt(p);
    case T_WHILE: return parse_while(p);
    case T_FOR: return parse_for(p, tok(p));
    case T_WITH: return parse_with(p, tok(p));
    case T_TRY: return parse_try(p);
    case T_DEF: return parse_def(p, tok(p), (ast_list){0});
    case T_CLASS: return parse_class(p, (ast_list){0});
    case T_AT: return parse_decorated(p);
    default: return parse_async(p);
    }
}
