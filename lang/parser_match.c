/* lang/parser_match.c - the match statement and its patterns.
 *
 * `match`, `case` and `_` are ordinary names elsewhere: a line that begins with match is tried as
 * a statement first, and read again as an expression when it is none. */
#include "lang/parser_impl.h"

static ast *parse_pattern(parser *p);
static ast *parse_or_pattern(parser *p);

static ast *simple_pattern(parser *p, enum ast_kind kind, const token *start, ast *value)
{
    ast *x = node_at(p, kind, start);
    x->MatchValue.value = value;
    return x;
}

/* signed_number ['+' | '-' imaginary] */
static ast *parse_number_pattern(parser *p)
{
    const token *start = tok(p);
    const bool minus = take(p, T_MINUS);
    if (!at(p, T_NUMBER)) return miss(p);
    ast *x = parse_number(p);
    if (x && minus) {
        ast *negative = node_at(p, N_UnaryOp, start);
        negative->UnaryOp.op = O_USub;
        negative->UnaryOp.operand = x;
        x = negative;
    }
    if (!x || (!at(p, T_PLUS) && !at(p, T_MINUS))) return x;
    const enum ast_op op = at(p, T_PLUS) ? O_Add : O_Sub;
    advance(p);
    if (!at(p, T_NUMBER)) return miss(p);
    ast *right = parse_number(p);
    if (!right) return NULL;
    if (right->Constant.type != C_IMAG)
        return complain(p, SyntaxError, span_of(p, right),
                        "imaginary number required in complex literal");
    ast *sum = node_at(p, N_BinOp, start);
    sum->BinOp.left = x;
    sum->BinOp.op = (uint8_t)op;
    sum->BinOp.right = right;
    return sum;
}

/* NAME ('.' NAME)* */
static ast *parse_dotted_name(parser *p)
{
    const token *start = tok(p);
    if (!need(p, T_NAME)) return NULL;
    ast *x = node_at(p, N_Name, start);
    x->Name.id = name_text(p, start);
    while (take(p, T_DOT)) {
        const token *t = tok(p);
        if (!need(p, T_NAME)) return NULL;
        ast *attribute = node_at(p, N_Attribute, start);
        attribute->Attribute.value = x;
        attribute->Attribute.attr = name_text(p, t);
        x = attribute;
    }
    return x;
}

static ast *capture(parser *p, enum ast_kind kind, const token *start, const token *name)
{
    ast *x = node_at(p, kind, start);
    ast_text id = name_text(p, name);
    if (strcmp(id.at, "_") == 0) return x;
    if (kind == N_MatchStar)
        x->MatchStar.name = id;
    else
        x->MatchAs.name = id;
    return x;
}

static ast *parse_star_pattern(parser *p)
{
    const token *start = tok(p);
    if (!take(p, T_STAR)) return parse_pattern(p);
    const token *name = tok(p);
    return need(p, T_NAME) ? capture(p, N_MatchStar, start, name) : NULL;
}

/* Pushes patterns up to `close`; *comma tells that one was seen. */
static bool parse_pattern_items(parser *p, enum token_type close, bool *comma)
{
    *comma = false;
    while (!at(p, close)) {
        ast *x = parse_star_pattern(p);
        if (!x) return false;
        push(p, x);
        if (!take(p, T_COMMA)) break;
        *comma = true;
    }
    return close == T_COLON || need(p, close);
}

/* '[' patterns ']' | '(' patterns ')' | '(' pattern ')' */
static ast *parse_sequence_pattern(parser *p, enum token_type close)
{
    const token *start = tok(p);
    size_t mark = p->nstack;
    bool comma;
    advance(p);
    if (!parse_pattern_items(p, close, &comma)) return NULL;
    if (close == T_RPAR && !comma && p->nstack == mark + 1 && p->stack[mark]->kind != N_MatchStar)
        return p->stack[--p->nstack];
    ast *x = node_at(p, N_MatchSequence, start);
    x->MatchSequence.patterns = pop_list(p, mark);
    return x;
}

static ast *parse_mapping_key(parser *p)
{
    if (at(p, T_NUMBER) || at(p, T_MINUS)) return parse_number_pattern(p);
    if (at(p, T_STRING)) return parse_strings(p);
    if (at(p, T_NONE) || at(p, T_TRUE) || at(p, T_FALSE)) return parse_primary(p);
    ast *x = parse_dotted_name(p);
    return x && x->kind == N_Name ? miss(p) : x;
}

/* '{' (key ':' pattern | '**' NAME) (',' ...)* [','] '}' */
static ast *parse_mapping_pattern(parser *p)
{
    const token *start = tok(p), *rest = NULL;
    size_t mark = p->nstack, n = 0;
    advance(p);
    while (!at(p, T_RBRACE) && !rest) {
        if (take(p, T_POW)) {
            rest = tok(p);
            if (!need(p, T_NAME)) return NULL;
        } else {
            ast *key = parse_mapping_key(p);
            ast *pattern = key && need(p, T_COLON) ? parse_pattern(p) : NULL;
            if (!pattern) return NULL;
            push(p, key);
            push(p, pattern);
            n++;
        }
        if (!take(p, T_COMMA)) break;
    }
    if (!need(p, T_RBRACE)) return NULL;
    ast *x = node_at(p, N_MatchMapping, start);
    x->MatchMapping.keys = (ast_list){arena_alloc(p->arena, n * sizeof(ast *)), n};
    x->MatchMapping.patterns = (ast_list){arena_alloc(p->arena, n * sizeof(ast *)), n};
    for (size_t i = 0; i < n; i++) {
        x->MatchMapping.keys.at[i] = p->stack[mark + 2 * i];
        x->MatchMapping.patterns.at[i] = p->stack[mark + 2 * i + 1];
    }
    p->nstack = mark;
    if (rest) x->MatchMapping.rest = name_text(p, rest);
    return x;
}

/* name_or_attr '(' [patterns] [NAME '=' pattern ...] ')' */
static ast *parse_class_pattern(parser *p, ast *cls, const token *start)
{
    ast_text *names = NULL;
    size_t mark = p->nstack, n = 0, cap = 0;
    ast_list positional = {0};
    advance(p);
    while (!at(p, T_RPAR)) {
        const token *name = tok(p);
        const bool keyword = at(p, T_NAME) && peek(p) == T_ASSIGN;
        if (keyword) {
            if (n == 0) positional = pop_list(p, mark);
            if (n == cap) {
                ast_text *more = arena_alloc(p->arena, (cap = cap * 2 + 4) * sizeof *more);
                if (n) memcpy(more, names, n * sizeof *more);
                names = more;
            }
            names[n++] = name_text(p, name);
            p->i += 2;
        }
        ast *pattern = parse_pattern(p);
        if (!pattern) return NULL;
        if (!keyword && n)
            return hinting(p) ? complain(p, SyntaxError, span_of(p, pattern),
                                         "positional patterns follow keyword patterns")
                              : miss(p);
        push(p, pattern);
        if (!take(p, T_COMMA)) break;
    }
    if (!need(p, T_RPAR)) return NULL;
    ast *x = node_at(p, N_MatchClass, start);
    ast_list rest = pop_list(p, mark);
    x->MatchClass.cls = cls;
    x->MatchClass.patterns = n ? positional : rest;
    if (n) x->MatchClass.kwd_patterns = rest;
    x->MatchClass.kwd_attrs = (ast_texts){names, n};
    return x;
}

/* closed_pattern */
static ast *parse_closed_pattern(parser *p)
{
    const token *start = tok(p);
    ast *x;
    switch (type(p)) {
    case T_NUMBER:
    case T_MINUS:
        x = parse_number_pattern(p);
        return x ? simple_pattern(p, N_MatchValue, start, x) : NULL;
    case T_STRING:
        x = parse_strings(p);
        if (x && x->kind == N_JoinedStr)
            return complain(p, SyntaxError, span_of(p, x),
                            "patterns may only match literals and attribute lookups");
        return x ? simple_pattern(p, N_MatchValue, start, x) : NULL;
    case T_NONE:
    case T_TRUE:
    case T_FALSE:
        x = node_at(p, N_Constant, start);
        x->Constant.type = start->type == T_NONE   ? C_NONE
                           : start->type == T_TRUE ? C_TRUE
                                                   : C_FALSE;
        advance(p);
        node_end(p, x);
        return simple_pattern(p, N_MatchSingleton, start, x);
    case T_LSQB: return parse_sequence_pattern(p, T_RSQB);
    case T_LPAR: return parse_sequence_pattern(p, T_RPAR);
    case T_LBRACE: return parse_mapping_pattern(p);
    case T_NAME: break;
    default: return miss(p);
    }
    if (!(x = parse_dotted_name(p))) return NULL;
    if (at(p, T_LPAR)) return parse_class_pattern(p, x, start);
    if (x->kind == N_Attribute) return simple_pattern(p, N_MatchValue, start, x);
    return capture(p, N_MatchAs, start, start);
}

/* or_pattern: closed_pattern ('|' closed_pattern)* */
static ast *parse_or_pattern(parser *p)
{
    const token *start = tok(p);
    ast *first = parse_closed_pattern(p);
    if (!first || !at(p, T_BITOR)) return first;
    size_t mark = p->nstack;
    push(p, first);
    while (take(p, T_BITOR)) {
        ast *x = parse_closed_pattern(p);
        if (!x) return NULL;
        push(p, x);
    }
    ast *x = node_at(p, N_MatchOr, start);
    x->MatchOr.patterns = pop_list(p, mark);
    return x;
}

/* pattern: or_pattern ['as' NAME] */
static ast *parse_as_pattern(parser *p)
{
    const token *start = tok(p);
    ast *pattern = parse_or_pattern(p);
    if (!pattern || !take(p, T_AS)) return pattern;
    const token *name = tok(p);
    if (word_is(p, "_") && hinting(p))
        return complain(p, SyntaxError, span_token(name), "cannot use '_' as a target");
    if (!at(p, T_NAME) && hinting(p)) {
        ast *wrong = parse_expr(p);
        return wrong ? complain(p, SyntaxError, span_of(p, wrong), "invalid pattern target")
                     : miss(p);
    }
    if (word_is(p, "_") || !need(p, T_NAME)) return miss(p);
    ast *x = node_at(p, N_MatchAs, start);
    x->MatchAs.pattern = pattern;
    x->MatchAs.name = name_text(p, name);
    return x;
}

static ast *parse_pattern(parser *p)
{
    ast *x = enter(p) ? parse_as_pattern(p) : NULL;
    leave(p);
    return x;
}

/* patterns: open_sequence_pattern | pattern */
static ast *parse_patterns(parser *p)
{
    const token *start = tok(p);
    size_t mark = p->nstack;
    ast *first = parse_star_pattern(p);
    if (!first || (first->kind != N_MatchStar && !at(p, T_COMMA))) return first;
    push(p, first);
    bool comma;
    if (!need(p, T_COMMA)) return NULL;
    while (!at(p, T_COLON) && !at(p, T_IF)) {
        ast *x = parse_star_pattern(p);
        if (!x) return NULL;
        push(p, x);
        if (!(comma = take(p, T_COMMA))) break;
    }
    ast *x = node_at(p, N_MatchSequence, start);
    x->MatchSequence.patterns = pop_list(p, mark);
    return x;
}

/* "case" patterns ['if' named_expression] ':' block */
static ast *parse_case(parser *p)
{
    const token *start = tok(p);
    ast *x = ast_new(p->arena, N_match_case);
    advance(p);
    if (!(x->match_case.pattern = parse_patterns(p))) return NULL;
    if (take(p, T_IF) && !(x->match_case.guard = parse_named(p))) return NULL;
    if (at(p, T_NEWLINE) && hinting(p)) complain_here(p, SyntaxError, "expected ':'");
    if (!need(p, T_COLON)) return NULL;
    if (!parse_block(p, &x->match_case.body, "'case' statement", start->line)) return NULL;
    return x;
}

static ast *parse_subject(parser *p)
{
    const token *start = tok(p);
    ast *first = parse_named_star(p);
    if (!first || (first->kind == N_Starred && !at(p, T_COMMA))) return NULL;
    return parse_comma_list(p, first, parse_named_star, start);
}

static ast *parse_match_stmt(parser *p)
{
    const token *start = tok(p);
    ast *x = node_at(p, N_Match, start);
    advance(p);
    if (!expr_may_start(type(p)) && !at(p, T_STAR)) return miss(p);
    if (!(x->Match.subject = parse_subject(p))) return NULL;
    if (at(p, T_NEWLINE) && hinting(p)) complain_here(p, SyntaxError, "expected ':'");
    if (!need(p, T_COLON) || !need(p, T_NEWLINE)) return NULL;
    if (!at(p, T_INDENT)) {
        miss(p);
        if (hinting(p))
            complain_here(p, IndentationError,
                          "expected an indented block after 'match' statement on line %u",
                          start->line);
        return NULL;
    }
    advance(p);
    size_t mark = p->nstack;
    while (word_is(p, "case")) {
        ast *c = parse_case(p);
        if (!c) return NULL;
        push(p, c);
    }
    if (p->nstack == mark || !need(p, T_DEDENT)) return miss(p);
    x->Match.cases = pop_list(p, mark);
    return node_end(p, x);
}

/* The statement at `match`, or NULL with nothing taken. */
ast *parse_match(parser *p)
{
    const uint32_t i = p->i, last = p->last;
    const size_t mark = p->nstack;
    const int nest = p->nest, depth = p->depth;
    ast *x = enter(p) ? parse_match_stmt(p) : NULL;
    p->nest = nest;
    p->depth = depth;
    if (x) return x;
    p->nstack = mark;
    rewind_to(p, i, last);
    return NULL;
}
