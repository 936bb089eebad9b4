/* lang/parser_param.c - arguments of calls, parameters of functions. */
#include "lang/parser_impl.h"

/* ---- arguments ---- */

typedef struct call {
    size_t args, keywords; /* marks: positional on the stack; keywords kept apart */
    ast **keyword;
    size_t n, cap;
    bool unpacked; /* a ** was seen */
} call;

static void add_keyword(parser *p, call *c, ast *k)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 4;
        ast **more = arena_alloc(p->arena, c->cap * sizeof *more);
        if (c->n) memcpy(more, c->keyword, c->n * sizeof *more);
        c->keyword = more;
    }
    c->keyword[c->n++] = k;
}

/* NAME '=' expression | '**' expression */
static bool parse_keyword(parser *p, call *c)
{
    const token *start = tok(p);
    const bool unpack = take(p, T_POW);
    if (!unpack) p->i += 2;
    ast *value = parse_expr(p);
    if (!value) return false;
    if (!unpack && at(p, T_FOR) && hinting(p))
        complain(p, SyntaxError, span_join(span_token(start), span_token(start + 1)),
                 "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
    ast *k = node_at(p, N_keyword, start);
    if (!unpack) k->keyword.arg = name_text(p, start);
    k->keyword.value = value;
    add_keyword(p, c, k);
    c->unpacked |= unpack;
    return !failed(p);
}

static bool at_for(const parser *p)
{
    return at(p, T_FOR) || (at(p, T_ASYNC) && peek(p) == T_FOR);
}

/* An argument that is a generator: alone it needs no parentheses. */
static bool parse_bare_generator(parser *p, ast *elt, const token *start, bool alone)
{
    ast_list generators;
    if (!parse_generators(p, &generators)) return false;
    if (!alone || !at(p, T_RPAR)) {
        if (hinting(p) && (!alone || at(p, T_COMMA)))
            complain(p, SyntaxError, span_join(span_token(start), span_token(&p->t.at[p->last])),
                     "Generator expression must be parenthesized");
        return miss(p);
    }
    advance(p);
    ast *x = node_at(p, N_GeneratorExp, start - 1);
    x->GeneratorExp.elt = elt;
    x->GeneratorExp.generators = generators;
    push(p, x);
    return true;
}

/* f(a.b=1), f(True=1): with hints on */
static bool hint_keyword(parser *p, const token *start, const ast *value)
{
    if (!hinting(p)) return miss(p);
    span s = span_join(span_of(p, value), span_token(tok(p)));
    if (start->type == T_TRUE || start->type == T_FALSE || start->type == T_NONE)
        complain(p, SyntaxError, s, "cannot assign to %s", token_table[start->type].text);
    else
        complain(p, SyntaxError, s,
                 "expression cannot contain assignment, perhaps you meant \"==\"?");
    return false;
}

static bool parse_star_arg(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *value = parse_expr(p);
    if (!value) return false;
    ast *x = node_at(p, N_Starred, start);
    x->Starred.value = value;
    push(p, x);
    return true;
}

static bool parse_arg(parser *p, call *c)
{
    const token *start = tok(p);
    if (at(p, T_POW) || (at(p, T_NAME) && peek(p) == T_ASSIGN)) return parse_keyword(p, c);
    if (at(p, T_STAR)) return parse_star_arg(p);
    const bool quiet = p->quiet, walrus = at(p, T_NAME) && peek(p) == T_WALRUS;
    ast *x = walrus ? parse_named(p) : parse_expr(p);
    p->quiet = quiet;
    if (!x) return false;
    if (at(p, T_ASSIGN)) return hint_keyword(p, start, x);
    if (at(p, T_WALRUS)) return miss(p);
    push(p, x);
    return true;
}

/* What may not follow a keyword. */
static bool hint_order(parser *p, const call *c, const token *first, bool star)
{
    if (!hinting(p)) return miss(p);
    if (star) {
        complain(p, SyntaxError, span_join(span_token(first), span_token(tok(p) - 3)),
                 "iterable argument unpacking follows keyword argument unpacking");
        return false;
    }
    while (take(p, T_COMMA) && !at(p, T_RPAR)) {
        call rest = {0};
        if (!parse_arg(p, &rest)) return false;
    }
    complain_here(p, SyntaxError, "positional argument follows keyword argument%s",
                  c->unpacked ? " unpacking" : "");
    return false;
}

/* [args] ')' */
bool parse_call_args(parser *p, ast_list *args, ast_list *keywords)
{
    const token *first = tok(p);
    const size_t mark = p->nstack;
    call c = {0};
    while (!take(p, T_RPAR)) {
        const token *start = tok(p);
        const size_t before = p->nstack, keys = c.n;
        if (start->type == T_STAR && c.unpacked) {
            advance(p);
            return hint_order(p, &c, first, true);
        }
        if (!parse_arg(p, &c)) return false;
        if (at_for(p) && p->nstack > before && start->type != T_STAR) {
            ast *elt = p->stack[--p->nstack];
            if (!parse_bare_generator(p, elt, start, start == first)) return false;
            break;
        }
        if (keys && p->nstack > before && start->type != T_STAR)
            return hint_order(p, &c, first, false);
        if (!at(p, T_RPAR) && !need(p, T_COMMA)) return false;
    }
    *args = pop_list(p, mark);
    *keywords = (ast_list){c.keyword, c.n};
    return true;
}

/* ---- parameters ---- */

/* Where the reading of a parameter list stands. */
typedef struct params {
    ast *x;
    enum token_type end; /* T_RPAR, T_COLON of a lambda */
    ast_list defaults;
    size_t cap[4];
    bool slash, star, named; /* seen: '/', '*', a name behind a bare '*' */
    const token *bare;       /* a '*' without a name */
} params;

enum { L_POS, L_ARGS, L_KWONLY, L_DEFAULTS };

static void list_add(parser *p, ast_list *list, size_t *cap, ast *x)
{
    if (list->n == *cap) {
        *cap = *cap ? *cap * 2 : 4;
        ast **more = arena_alloc(p->arena, *cap * sizeof *more);
        if (list->n) memcpy(more, list->at, list->n * sizeof *more);
        list->at = more;
    }
    list->at[list->n++] = x;
}

/* param: NAME [':' expression]; *args may be annotated with *Ts */
static ast *parse_param(parser *p, const params *q, bool star)
{
    const token *start = tok(p);
    if (!need(p, T_NAME)) return NULL;
    ast *x = node_at(p, N_arg, start);
    x->arg.arg = name_text(p, start);
    if (q->end == T_RPAR && take(p, T_COLON)) {
        x->arg.annotation = star ? parse_named_star(p) : parse_expr(p);
        if (!x->arg.annotation) return NULL;
        node_end(p, x);
    }
    return x;
}

static void *hint_here(parser *p, const token *t, const char *message)
{
    if (hinting(p)) complain(p, SyntaxError, span_token(t), "%s", message);
    return miss(p);
}

/* '/' */
static bool parse_slash(parser *p, params *q)
{
    const token *t = tok(p);
    ast *x = q->x;
    if (q->slash) return hint_here(p, t, "/ may appear only once");
    if (q->star) return hint_here(p, t, "/ must be ahead of *");
    if (x->arguments.args.n == 0) return hint_here(p, t, "at least one argument must precede /");
    advance(p);
    if (at(p, T_STAR)) return hint_here(p, tok(p), "expected comma between / and *");
    x->arguments.posonlyargs = x->arguments.args;
    x->arguments.args = (ast_list){0};
    q->cap[L_POS] = q->cap[L_ARGS];
    q->cap[L_ARGS] = 0;
    return q->slash = true;
}

/* '*' [param] */
static bool parse_star_param(parser *p, params *q)
{
    const token *t = tok(p);
    if (q->star) return hint_here(p, t, "* argument may appear only once");
    q->star = true;
    advance(p);
    if (at(p, T_COMMA)) {
        q->bare = t;
        return true;
    }
    if (at(p, q->end)) {
        miss(p);
        if (q->end == T_COLON) t = tok(p);
        return hint_here(p, t, "named arguments must follow bare *");
    }
    q->x->arguments.vararg = parse_param(p, q, true);
    if (q->x->arguments.vararg && at(p, T_ASSIGN))
        return hint_here(p, tok(p), "var-positional argument cannot have default value");
    return q->x->arguments.vararg;
}

/* '**' param, the last */
static bool parse_kwarg(parser *p, params *q)
{
    if (q->bare && !q->named) {
        advance(p);
        miss(p);
        return hint_here(p, q->bare, "named arguments must follow bare *");
    }
    advance(p);
    if (!(q->x->arguments.kwarg = parse_param(p, q, false))) return false;
    if (at(p, T_ASSIGN))
        return hint_here(p, tok(p), "var-keyword argument cannot have default value");
    if (take(p, T_COMMA) && !at(p, q->end))
        return hint_here(p, tok(p), "arguments cannot follow var-keyword argument");
    return true;
}

/* def f((a, b)): with hints on */
static bool hint_parenthesized(parser *p, const params *q)
{
    const token *open = tok(p);
    if (!hinting(p)) return miss(p);
    advance(p);
    while (take(p, T_NAME) && take(p, T_COMMA)) {
    }
    if (at(p, T_RPAR))
        complain(p, SyntaxError, span_join(span_token(open), span_token(tok(p))),
                 q->end == T_RPAR ? "Function parameters cannot be parenthesized"
                                  : "Lambda expression parameters cannot be parenthesized");
    return miss(p);
}

/* param ['=' expression] */
static bool parse_plain_param(parser *p, params *q)
{
    const token *start = tok(p);
    if (start->type == T_LPAR) return hint_parenthesized(p, q);
    ast *arg = parse_param(p, q, false), *value = NULL;
    if (!arg) return false;
    const token *equals = tok(p);
    if (take(p, T_ASSIGN)) {
        if (at(p, T_COMMA) || at(p, T_RPAR))
            return hint_here(p, equals, "expected default value expression");
        if (!(value = parse_expr(p))) return false;
    }
    ast *x = q->x;
    if (q->star) {
        q->named = true;
        size_t cap = q->cap[L_KWONLY];
        list_add(p, &x->arguments.kwonlyargs, &q->cap[L_KWONLY], arg);
        list_add(p, &x->arguments.kw_defaults, &cap, value);
        return true;
    }
    if (!value && x->arguments.defaults.n) {
        miss(p);
        if (!at(p, T_COMMA) && !at(p, q->end)) return false;
        return hint_here(p, start, "non-default argument follows default argument");
    }
    list_add(p, &x->arguments.args, &q->cap[L_ARGS], arg);
    if (value) list_add(p, &x->arguments.defaults, &q->cap[L_DEFAULTS], value);
    return true;
}

/* parameters | lambda_parameters, up to `end`, which is not taken */
ast *parse_params(parser *p, enum token_type end)
{
    params q = {.x = ast_new(p->arena, N_arguments), .end = end};
    while (!at(p, end)) {
        bool ok;
        if (at(p, T_SLASH))
            ok = parse_slash(p, &q);
        else if (at(p, T_STAR))
            ok = parse_star_param(p, &q);
        else if (at(p, T_POW))
            ok = parse_kwarg(p, &q);
        else
            ok = parse_plain_param(p, &q);
        if (!ok) return NULL;
        if (q.x->arguments.kwarg) break;
        if (!at(p, end) && !need(p, T_COMMA)) return NULL;
    }
    if (q.bare && !q.named) return hint_here(p, q.bare, "named arguments must follow bare *");
    return q.x;
}

/* lambdef: 'lambda' [lambda_params] ':' expression */
ast *parse_lambda(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *args = parse_params(p, T_COLON);
    if (!args || !need(p, T_COLON)) return NULL;
    ast *body = parse_expr(p);
    if (!body) return NULL;
    ast *x = node_at(p, N_Lambda, start);
    x->Lambda.args = args;
    x->Lambda.body = body;
    return x;
}
