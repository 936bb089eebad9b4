/* lang/parser_expr.c - expressions made of operators, and lists of them.
 *
 * Binary operators are climbed by the precedences of token.def; what binds tighter (unary
 * operators, power) and looser (conditional, lambda, walrus, commas) has a function each. */
#include "lang/parser_impl.h"

/* Can an expression begin with this token? */
bool expr_may_start(enum token_type t)
{
    switch (t) {
    case T_NAME:
    case T_NUMBER:
    case T_STRING:
    case T_FALSE:
    case T_NONE:
    case T_TRUE:
    case T_AWAIT:
    case T_LAMBDA:
    case T_NOT:
    case T_LPAR:
    case T_LSQB:
    case T_LBRACE:
    case T_PLUS:
    case T_MINUS:
    case T_TILDE:
    case T_ELLIPSIS: return true;
    default: return false;
    }
}

/* await_primary: ['await'] primary */
static ast *parse_await(parser *p)
{
    const token *start = tok(p);
    if (!take(p, T_AWAIT)) return parse_primary(p);
    ast *value = parse_primary(p);
    if (!value) return NULL;
    ast *x = node_at(p, N_Await, start);
    x->Await.value = value;
    return x;
}

static ast *parse_unary(parser *p);

/* power: await_primary ['**' factor] */
static ast *parse_power(parser *p)
{
    const token *start = tok(p);
    ast *base = parse_await(p);
    const uint32_t op = p->i;
    if (!base || !take(p, T_POW)) return base;
    ast *exponent = enter(p) ? parse_unary(p) : NULL;
    leave(p);
    if (!exponent) return back_off(p, op) ? base : NULL;
    ast *x = node_at(p, N_BinOp, start);
    x->BinOp.left = base;
    x->BinOp.op = O_Pow;
    x->BinOp.right = exponent;
    return x;
}

static ast *parse_prefix(parser *p, enum ast_op op, ast *(*operand)(parser *))
{
    const token *start = tok(p);
    advance(p);
    ast *value = enter(p) ? operand(p) : NULL;
    leave(p);
    if (!value) return NULL;
    ast *x = node_at(p, N_UnaryOp, start);
    x->UnaryOp.op = (uint8_t)op;
    x->UnaryOp.operand = value;
    return x;
}

/* factor: ('+' | '-' | '~') factor | power */
static ast *parse_unary(parser *p)
{
    switch (type(p)) {
    case T_PLUS: return parse_prefix(p, O_UAdd, parse_unary);
    case T_MINUS: return parse_prefix(p, O_USub, parse_unary);
    case T_TILDE: return parse_prefix(p, O_Invert, parse_unary);
    default: return parse_power(p);
    }
}

static ast *parse_not(parser *p)
{
    return parse_binary(p, P_NOT);
}

static ast *parse_operand(parser *p, int min)
{
    return min <= P_NOT && at(p, T_NOT) ? parse_prefix(p, O_Not, parse_not) : parse_unary(p);
}

/* disjunction, conjunction: three and more operands of one operator are one node */
static ast *parse_bool(parser *p, ast *left, const token *start)
{
    const enum token_type t = type(p);
    size_t mark = p->nstack;
    push(p, left);
    while (at(p, t)) {
        const uint32_t op = p->i;
        advance(p);
        ast *right = parse_binary(p, token_table[t].prec + 1);
        if (right)
            push(p, right);
        else if (!back_off(p, op))
            return NULL;
        else
            break;
    }
    if (p->nstack == mark + 1) return p->stack[--p->nstack];
    ast *x = node_at(p, N_BoolOp, start);
    x->BoolOp.op = token_table[t].op;
    x->BoolOp.values = pop_list(p, mark);
    return x;
}

/* One comparison operator, or false with nothing taken. */
static bool take_comparison(parser *p, uint8_t *op)
{
    const token_info *row = &token_table[type(p)];
    if (row->prec != P_CMP) return false;
    if (at(p, T_NOT) && peek(p) != T_IN) {
        if (p->i + 1 > p->far) p->far = p->i + 1;
        return false;
    }
    *op = row->op;
    if (at(p, T_NOT)) advance(p);
    advance(p);
    if (*op == O_Is && take(p, T_NOT)) *op = O_IsNot;
    return true;
}

static ast *parse_compare(parser *p, ast *left, const token *start)
{
    size_t mark = p->nstack, n = 0, cap = 4;
    uint8_t few[4], *ops = few, op;
    for (uint32_t from; from = p->i, take_comparison(p, &op);) {
        if (n == cap) { /* rare: the old array stays in the arena */
            uint8_t *more = arena_alloc(p->arena, cap *= 4);
            ops = memcpy(more, ops, n);
        }
        ast *right = parse_binary(p, P_CMP + 1);
        if (!right && back_off(p, from)) break;
        if (!right) return NULL;
        ops[n++] = op;
        push(p, right);
    }
    if (n == 0) return left;
    ast *x = node_at(p, N_Compare, start);
    x->Compare.left = left;
    x->Compare.ops.at = (uint8_t *)arena_dup(p->arena, (char *)ops, n);
    x->Compare.ops.n = n;
    x->Compare.comparators = pop_list(p, mark);
    return x;
}

ast *parse_binary(parser *p, int min)
{
    const token *start = tok(p);
    const int depth = p->depth;
    ast *left = parse_operand(p, min);
    while (left) {
        const enum token_type t = type(p);
        const token_info *row = &token_table[t];
        if (row->prec < min || row->prec < P_OR) break;
        const uint32_t op = p->i;
        if (row->prec <= P_AND) {
            left = parse_bool(p, left, start);
            if (at(p, t)) break; /* backed off */
        } else if (row->prec == P_CMP) {
            left = parse_compare(p, left, start);
            if (token_table[type(p)].prec == P_CMP) break; /* backed off, or a lone 'not' */
        } else {
            advance(p);
            ast *right = deepen(p) ? parse_binary(p, row->prec + 1) : NULL;
            if (!right && back_off(p, op)) break;
            if (!right) {
                left = NULL;
            } else {
                ast *x = node_at(p, N_BinOp, start);
                x->BinOp.left = left;
                x->BinOp.op = row->op;
                x->BinOp.right = right;
                left = x;
            }
        }
    }
    p->depth = depth;
    if (at(p, T_ERROR)) miss(p);
    return left;
}

/* The part of a conditional expression from its 'if'. */
static ast *parse_if(parser *p, ast *body, const token *start)
{
    advance(p);
    ast *test = parse_binary(p, P_OR);
    if (!test) return NULL;
    if (!at(p, T_ELSE) && !at(p, T_COLON) && hinting(p))
        complain(p, SyntaxError, span_join(span_of(p, body), span_of(p, test)),
                 "expected 'else' after 'if' expression");
    if (!need(p, T_ELSE)) return NULL;
    ast *orelse = parse_expr(p);
    if (!orelse) return NULL;
    ast *x = node_at(p, N_IfExp, start);
    x->IfExp.test = test;
    x->IfExp.body = body;
    x->IfExp.orelse = orelse;
    return x;
}

/* expression: disjunction ['if' disjunction 'else' expression] | lambdef */
ast *parse_expr(parser *p)
{
    ast *x = NULL;
    const token *start = tok(p);
    if (!enter(p) || (p->hints && p->budget-- <= 0)) {
        miss(p);
    } else if (at(p, T_LAMBDA)) {
        x = parse_lambda(p);
    } else {
        x = parse_binary(p, P_OR);
        if (x && hinting(p)) hint_expr(p, x, start);
        const uint32_t before = p->i;
        if (x && at(p, T_IF)) {
            ast *whole = parse_if(p, x, start);
            x = whole || !back_off(p, before) ? whole : x;
        }
    }
    leave(p);
    return failed(p) ? NULL : x;
}

/* named_expression: NAME ':=' expression | expression !':=' */
ast *parse_named(parser *p)
{
    const token *start = tok(p);
    if (start->type == T_NAME && peek(p) == T_WALRUS) {
        advance(p);
        ast *name = node_at(p, N_Name, start);
        name->Name.id = name_text(p, start);
        name->ctx = CTX_STORE;
        advance(p);
        ast *value = parse_expr(p);
        if (!value) return NULL;
        ast *x = node_at(p, N_NamedExpr, start);
        x->NamedExpr.target = name;
        x->NamedExpr.value = value;
        return x;
    }
    ast *x = parse_expr(p);
    if (x && hinting(p)) hint_named(p, x);
    if (x && at(p, T_WALRUS)) return miss(p);
    return failed(p) ? NULL : x;
}

/* '*' bitwise_or */
static ast *parse_starred(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *value = parse_binary(p, P_BITOR);
    if (!value) return NULL;
    ast *x = node_at(p, N_Starred, start);
    x->Starred.value = value;
    return x;
}

ast *parse_named_star(parser *p)
{
    return at(p, T_STAR) ? parse_starred(p) : parse_named(p);
}

static ast *parse_expr_star(parser *p)
{
    return at(p, T_STAR) ? parse_starred(p) : parse_expr(p);
}

static bool item_may_start(enum token_type t)
{
    return t == T_STAR || expr_may_start(t);
}

/* first (',' item)* [','], a Tuple if there is a comma */
ast *parse_comma_list(parser *p, ast *first, ast *(*item)(parser *), const token *start)
{
    if (!at(p, T_COMMA)) return first;
    size_t mark = p->nstack;
    push(p, first);
    while (take(p, T_COMMA) && item_may_start(type(p))) {
        ast *x = item(p);
        if (!x) return NULL;
        push(p, x);
    }
    miss(p);
    ast *tuple = node_at(p, N_Tuple, start);
    tuple->Tuple.elts = pop_list(p, mark);
    return tuple;
}

/* star_expressions */
ast *parse_exprs(parser *p)
{
    const token *start = tok(p);
    ast *first = parse_expr_star(p);
    return first ? parse_comma_list(p, first, parse_expr_star, start) : NULL;
}

/* yield_expr: 'yield' 'from' expression | 'yield' [star_expressions] */
ast *parse_yield(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *value = NULL, *x;
    if (take(p, T_FROM)) {
        value = parse_expr(p);
        if (!value) return NULL;
        x = node_at(p, N_YieldFrom, start);
        x->YieldFrom.value = value;
        return x;
    }
    if (item_may_start(type(p)) && !(value = parse_exprs(p))) return NULL;
    miss(p);
    x = node_at(p, N_Yield, start);
    x->Yield.value = value;
    return x;
}

ast *parse_yield_or_exprs(parser *p)
{
    return at(p, T_YIELD) ? parse_yield(p) : parse_exprs(p);
}

/* ---- targets ---- */

/* star_target, in store context */
ast *parse_target(parser *p)
{
    ast *x = at(p, T_STAR) ? parse_starred(p) : parse_binary(p, P_BITOR);
    if (!x) return NULL;
    return set_context(x, CTX_STORE) ? x : miss(p);
}

/* star_targets: stops before what is no operand */
ast *parse_targets(parser *p)
{
    const token *start = tok(p);
    ast *first = parse_target(p);
    if (!first) return NULL;
    ast *x = parse_comma_list(p, first, parse_target, start);
    if (x && x->kind == N_Tuple) x->ctx = CTX_STORE;
    return x;
}

/* star_targets before 'in' */
ast *parse_for_targets(parser *p)
{
    const uint32_t i = p->i, last = p->last;
    const bool quiet = p->quiet;
    p->quiet = true;
    ast *x = parse_targets(p);
    p->quiet = quiet;
    if (x && at(p, T_IN)) return x;
    if (!hinting(p)) return miss(p);
    rewind_to(p, i, last);
    if ((x = parse_exprs(p))) hint_target(p, x, false, true);
    return miss(p);
}

bool set_context(ast *x, enum ast_ctx ctx)
{
    switch (x->kind) {
    case N_Starred:
        if (ctx == CTX_DEL || !set_context(x->Starred.value, ctx)) return false;
        break;
    case N_List:
    case N_Tuple:
        for (size_t i = 0; i < x->Tuple.elts.n; i++)
            if (!set_context(x->Tuple.elts.at[i], ctx)) return false;
        break;
    case N_Name:
    case N_Attribute:
    case N_Subscript: break;
    default: return false;
    }
    x->ctx = (uint8_t)ctx;
    return true;
}
