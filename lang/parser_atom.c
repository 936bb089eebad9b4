/* lang/parser_atom.c - names, literals, displays, comprehensions, and what may follow them. */
#include "lang/parser_impl.h"

#include <errno.h>
#include <stdlib.h>

static ast *parse_constant(parser *p, enum ast_constant kind)
{
    const token *start = tok(p);
    advance(p);
    ast *x = node_at(p, N_Constant, start);
    x->Constant.type = (uint8_t)kind;
    return x;
}

static ast *parse_name(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *x = node_at(p, N_Name, start);
    x->Name.id = name_text(p, start);
    return x;
}

/* ---- numbers ---- */

static bool set_int(parser *p, ast *x, const char *digits, size_t n)
{
    int base = 10;
    if (n > 2 && digits[0] == '0') {
        switch (digits[1] | 32) {
        case 'x': base = 16; break;
        case 'o': base = 8; break;
        case 'b': base = 2; break;
        default: break;
        }
    }
    errno = 0;
    long long i = strtoll(base == 10 ? digits : digits + 2, NULL, base);
    x->Constant.type = errno ? C_BIGINT : C_INT;
    if (!errno) {
        x->Constant.i = i;
    } else if (base == 10 && n > 4300) {
        complain(p, SyntaxError, span_of(p, x),
                 "Exceeds the limit (4300 digits) for integer string conversion: value has %zu "
                 "digits; use sys.set_int_max_str_digits() to increase the limit - Consider "
                 "hexadecimal for huge integer literals to avoid decimal conversion limits.",
                 n);
        return false;
    } else {
        x->Constant.s = (ast_text){digits, n};
    }
    return true;
}

ast *parse_number(parser *p)
{
    const token *t = tok(p);
    ast *x = parse_constant(p, C_INT);
    char *digits = arena_alloc(p->arena, t->end - t->at + 1u);
    size_t n = 0;
    bool real = false;
    const char *s = p->t.text + t->at, *end = p->t.text + t->end;
    const bool radix = s[0] == '0' && end - s > 1 && strchr("xXoObB", s[1]);
    for (; s < end; s++) {
        if (*s == '_') continue;
        if (!radix && (*s == '.' || (*s | 32) == 'e')) real = true;
        digits[n++] = *s;
    }
    const bool imaginary = (digits[n - 1] | 32) == 'j';
    if (!real && !imaginary) return set_int(p, x, digits, n) ? x : NULL;
    x->Constant.type = imaginary ? C_IMAG : C_FLOAT;
    x->Constant.f = strtod(digits, NULL);
    return x;
}

/* ---- comprehensions ---- */

/* for_if_clause: ['async'] 'for' star_targets 'in' disjunction ('if' disjunction)* */
static ast *parse_generator(parser *p)
{
    ast *x = node_at(p, N_comprehension, tok(p));
    x->line = 0; /* Python gives it no position */
    x->comprehension.is_async = take(p, T_ASYNC);
    if (!need(p, T_FOR)) return NULL;
    if (!(x->comprehension.target = parse_for_targets(p)) || !need(p, T_IN)) return NULL;
    if (!(x->comprehension.iter = parse_binary(p, P_OR))) return NULL;
    size_t mark = p->nstack;
    while (take(p, T_IF)) {
        ast *test = parse_binary(p, P_OR);
        if (!test) return NULL;
        push(p, test);
    }
    x->comprehension.ifs = pop_list(p, mark);
    return x;
}

static bool at_generator(const parser *p)
{
    return at(p, T_FOR) || (at(p, T_ASYNC) && peek(p) == T_FOR);
}

bool parse_generators(parser *p, ast_list *out)
{
    size_t mark = p->nstack;
    while (at_generator(p)) {
        ast *g = parse_generator(p);
        if (!g) return false;
        push(p, g);
    }
    miss(p);
    *out = pop_list(p, mark);
    return true;
}

/* The rest of a comprehension whose element has been read, through the closing token. */
static ast *parse_comprehension(parser *p, enum ast_kind kind, ast *elt, const token *start,
                                enum token_type close)
{
    ast_list generators;
    if (elt->kind == N_Starred) {
        if (hinting(p) && parse_generators(p, &generators))
            complain(p, SyntaxError, span_of(p, elt),
                     "iterable unpacking cannot be used in comprehension");
        return miss(p);
    }
    if (!parse_generators(p, &generators) || !need(p, close)) return NULL;
    ast *x = node_at(p, kind, start);
    x->ListComp.elt = elt;
    x->ListComp.generators = generators;
    return x;
}

/* ---- displays ---- */

/* [a, b for c in d]: with hints on only */
static void *hint_comprehension(parser *p, size_t mark)
{
    if (!hinting(p) || !at_generator(p) || p->nstack == mark) return miss(p);
    span s = span_of(p, p->stack[mark]);
    s = p->nstack - mark > 1 ? span_join(s, span_of(p, p->stack[p->nstack - 1]))
                             : span_join(s, span_token(&p->t.at[p->i - 1]));
    ast_list ignored;
    return parse_generators(p, &ignored)
               ? complain(p, SyntaxError, s,
                          "did you forget parentheses around the comprehension target?")
               : NULL;
}

/* The rest of a list or set display, the first element read and its closing token known. */
static bool parse_elements(parser *p, ast *first, enum token_type close, ast_list *out)
{
    size_t mark = p->nstack;
    push(p, first);
    while (take(p, T_COMMA) && !at(p, close)) {
        if (at_generator(p)) return hint_comprehension(p, mark);
        ast *x = parse_named_star(p);
        if (!x) return false;
        push(p, x);
    }
    if (at_generator(p)) return hint_comprehension(p, mark);
    if (!need(p, close)) return false;
    *out = pop_list(p, mark);
    return true;
}

static ast *parse_list(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast_list elts = {0};
    if (!take(p, T_RSQB)) {
        ast *first = parse_named_star(p);
        if (!first) return NULL;
        if (at_generator(p)) return parse_comprehension(p, N_ListComp, first, start, T_RSQB);
        if (!parse_elements(p, first, T_RSQB, &elts)) return NULL;
    }
    ast *x = node_at(p, N_List, start);
    x->List.elts = elts;
    return x;
}

static bool hint_pair(parser *p, const ast *key)
{
    if (!hinting(p)) return false;
    if (!at(p, T_COLON)) {
        span s = span_of(p, key);
        s.col = (uint32_t)(s.end_col - 1);
        s.line = s.end_line;
        s.end_col = -1;
        complain(p, SyntaxError, s, "':' expected after dictionary key");
        return false;
    }
    const token *colon = tok(p);
    advance(p);
    const token *star = tok(p);
    if (at(p, T_COMMA) || at(p, T_RBRACE)) {
        complain(p, SyntaxError, span_token(colon),
                 "expression expected after dictionary key and ':'");
    } else if (take(p, T_STAR) && parse_binary(p, P_BITOR)) {
        miss(p);
        complain(p, SyntaxError, span_to_here(p, span_token(star)),
                 "cannot use a starred expression in a dictionary value");
    }
    return false;
}

/* double_starred_kvpair: '**' bitwise_or | expression ':' expression; pushes key and value */
static bool parse_pair(parser *p)
{
    ast *key = NULL, *value;
    if (take(p, T_POW)) {
        value = parse_binary(p, P_BITOR);
    } else {
        const bool quiet = p->quiet;
        p->quiet = true; /* what stands beside a key is missing its ':' rather than a comma */
        key = parse_expr(p);
        p->quiet = quiet;
        if (!key) return miss(p);
        if (!at(p, T_COLON)) {
            miss(p);
            return hint_pair(p, key);
        }
        if (peek(p) == T_STAR || peek(p) == T_COMMA || peek(p) == T_RBRACE) {
            if (p->i + 1 > p->far) p->far = p->i + 1;
            return hint_pair(p, key);
        }
        advance(p);
        value = parse_expr(p);
    }
    if (!value) return false;
    push(p, key);
    push(p, value);
    return true;
}

static ast *parse_dict_comp(parser *p, const token *start, ast *key, ast *value)
{
    const bool unpack = !key;
    ast_list generators;
    if (!parse_generators(p, &generators) || !need(p, T_RBRACE)) return NULL;
    if (unpack) {
        if (hinting(p))
            complain(p, SyntaxError, span_token(start + 1),
                     "dict unpacking cannot be used in dict comprehension");
        return miss(p);
    }
    ast *x = node_at(p, N_DictComp, start);
    x->DictComp.key = key;
    x->DictComp.value = value;
    x->DictComp.generators = generators;
    return x;
}

/* The rest of a dict display; the first pair is on the stack. */
static ast *parse_dict(parser *p, const token *start, size_t mark)
{
    if (p->nstack > mark && at_generator(p)) {
        ast *value = p->stack[mark + 1], *key = p->stack[mark];
        p->nstack = mark;
        return parse_dict_comp(p, start, key, value);
    }
    while (p->nstack > mark && take(p, T_COMMA) && !at(p, T_RBRACE))
        if (!parse_pair(p)) return NULL;
    if (!need(p, T_RBRACE)) return NULL;
    ast *x = node_at(p, N_Dict, start);
    size_t n = (p->nstack - mark) / 2;
    x->Dict.keys = (ast_list){arena_alloc(p->arena, n * sizeof(ast *)), n};
    x->Dict.values = (ast_list){arena_alloc(p->arena, n * sizeof(ast *)), n};
    for (size_t i = 0; i < n; i++) {
        x->Dict.keys.at[i] = p->stack[mark + 2 * i];
        x->Dict.values.at[i] = p->stack[mark + 2 * i + 1];
    }
    p->nstack = mark;
    return x;
}

/* dict | set | dictcomp | setcomp */
static ast *parse_brace(parser *p)
{
    const token *start = tok(p);
    const size_t mark = p->nstack;
    advance(p);
    if (at(p, T_RBRACE)) return parse_dict(p, start, mark);
    if (at(p, T_POW)) return parse_pair(p) ? parse_dict(p, start, mark) : NULL;
    ast *first = parse_named_star(p);
    if (!first) return NULL;
    if (at(p, T_COLON) && first->kind != N_Starred && first->kind != N_NamedExpr) {
        if (hinting(p) && (peek(p) == T_STAR || peek(p) == T_COMMA || peek(p) == T_RBRACE))
            return hint_pair(p, first), NULL;
        advance(p);
        ast *value = parse_expr(p);
        if (!value) return NULL;
        push(p, first);
        push(p, value);
        return parse_dict(p, start, mark);
    }
    if (at_generator(p)) return parse_comprehension(p, N_SetComp, first, start, T_RBRACE);
    ast_list elts;
    if (!parse_elements(p, first, T_RBRACE, &elts)) return NULL;
    ast *x = node_at(p, N_Set, start);
    x->Set.elts = elts;
    return x;
}

static void *hint_group(parser *p, const token *start, const ast *x)
{
    if (!hinting(p)) return NULL;
    if (x)
        complain(p, SyntaxError, span_of(p, x), "cannot use starred expression here");
    else if (take(p, T_POW) && parse_expr(p) && at(p, T_RPAR))
        complain(p, SyntaxError, span_token(start + 1),
                 "cannot use double starred expression here");
    return NULL;
}

/* tuple | group | genexp */
static ast *parse_paren(parser *p)
{
    const token *start = tok(p);
    advance(p);
    ast *x;
    if (take(p, T_RPAR)) return node_at(p, N_Tuple, start);
    if (at(p, T_POW)) return hint_group(p, start, NULL), miss(p);
    if (at(p, T_YIELD)) {
        x = parse_yield(p);
        if (!x || !need(p, T_RPAR)) return NULL;
        x->parens = 1;
        return x;
    }
    if (!(x = parse_named_star(p))) return NULL;
    if (at_generator(p)) return parse_comprehension(p, N_GeneratorExp, x, start, T_RPAR);
    if (!at(p, T_COMMA)) {
        if (x->kind == N_Starred) {
            if (at(p, T_RPAR)) hint_group(p, start, x);
            return miss(p);
        }
        if (!need(p, T_RPAR)) return NULL;
        x->parens = 1;
        return x;
    }
    x = parse_comma_list(p, x, parse_named_star, start);
    if (!x || !need(p, T_RPAR)) return NULL;
    x->parens = 1;
    return node_end(p, x);
}

static ast *parse_atom(parser *p)
{
    switch (type(p)) {
    case T_NAME: return parse_name(p);
    case T_NUMBER: return parse_number(p);
    case T_STRING: return parse_strings(p);
    case T_LPAR: return parse_paren(p);
    case T_LSQB: return parse_list(p);
    case T_LBRACE: return parse_brace(p);
    case T_NONE: return parse_constant(p, C_NONE);
    case T_TRUE: return parse_constant(p, C_TRUE);
    case T_FALSE: return parse_constant(p, C_FALSE);
    case T_ELLIPSIS: return parse_constant(p, C_ELLIPSIS);
    default: return miss(p);
    }
}

/* ---- primaries ---- */

/* slice: [expression] ':' [expression] [':' [expression]] | named_expression | starred */
static ast *parse_slice(parser *p)
{
    const token *start = tok(p);
    ast *lower = NULL, *upper = NULL, *step = NULL;
    if (at(p, T_STAR)) return parse_named_star(p);
    if (!at(p, T_COLON)) {
        if (!(lower = parse_named(p))) return NULL;
        if (!at(p, T_COLON) || lower->kind == N_NamedExpr) return lower;
    }
    advance(p);
    if (expr_may_start(type(p)) && !(upper = parse_expr(p))) return NULL;
    if (take(p, T_COLON) && expr_may_start(type(p)) && !(step = parse_expr(p))) return NULL;
    ast *x = node_at(p, N_Slice, start);
    x->Slice.lower = lower;
    x->Slice.upper = upper;
    x->Slice.step = step;
    return x;
}

/* slices: slice !',' | slice (',' slice)* [','], a Tuple */
static ast *parse_slices(parser *p)
{
    const token *start = tok(p);
    size_t mark = p->nstack;
    ast *first = parse_slice(p);
    if (!first) return NULL;
    if (!at(p, T_COMMA) && first->kind != N_Starred) return first;
    push(p, first);
    while (take(p, T_COMMA) && !at(p, T_RSQB)) {
        ast *x = parse_slice(p);
        if (!x) return NULL;
        push(p, x);
    }
    ast *x = node_at(p, N_Tuple, start);
    x->Tuple.elts = pop_list(p, mark);
    return x;
}

static ast *parse_subscript(parser *p, ast *value, const token *start)
{
    advance(p);
    ast *slice = parse_slices(p);
    if (!slice || !need(p, T_RSQB)) return NULL;
    ast *x = node_at(p, N_Subscript, start);
    x->Subscript.value = value;
    x->Subscript.slice = slice;
    return x;
}

static ast *parse_attribute(parser *p, ast *value, const token *start)
{
    advance(p);
    const token *name = tok(p);
    if (!need(p, T_NAME)) return NULL;
    ast *x = node_at(p, N_Attribute, start);
    x->Attribute.value = value;
    x->Attribute.attr = name_text(p, name);
    return x;
}

static ast *parse_call(parser *p, ast *func, const token *start)
{
    advance(p);
    ast_list args, keywords;
    if (!parse_call_args(p, &args, &keywords)) return NULL;
    ast *x = node_at(p, N_Call, start);
    x->Call.func = func;
    x->Call.args = args;
    x->Call.keywords = keywords;
    return x;
}

/* primary: atom ('.' NAME | '(' [args] ')' | '[' slices ']')* */
ast *parse_primary(parser *p)
{
    const token *start = tok(p);
    const int depth = p->depth;
    ast *x = parse_atom(p);
    while (x) {
        const enum token_type t = type(p);
        if (t != T_DOT && t != T_LPAR && t != T_LSQB) break;
        const uint32_t from = p->i;
        ast *more = NULL;
        if (!deepen(p)) {
        } else if (t == T_DOT) {
            more = parse_attribute(p, x, start);
        } else if (t == T_LPAR) {
            more = parse_call(p, x, start);
        } else {
            more = parse_subscript(p, x, start);
        }
        if (!more && back_off(p, from)) break;
        x = more;
    }
    p->depth = depth;
    return failed(p) ? NULL : x;
}
