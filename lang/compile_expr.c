/* lang/compile_expr.c - expressions: displays, subscripts, f-strings, await and yield, and which
 * function compiles which kind. */
#include "lang/compile_impl.h"

unsigned expr_temp(unit *u, const ast *x)
{
    unsigned t = temp(u);
    u->top = t; /* the value itself may be computed in place */
    unsigned r = expr(u, x, (int)t);
    u->top = t + 1;
    if (u->top > u->max) u->max = u->top;
    return r;
}

unsigned stable(unit *u, const ast *x, const ast *next)
{
    (void)next;
    unsigned r = expr(u, x, ANY);
    if (is_temp(u, r) || !u->s->walrus) return r;
    unsigned t = temp(u);
    emit(u, I_MOVE, 0, r, 0, t);
    return t;
}

/* ---- displays ---- */

static bool has_star(ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]->kind == N_Starred) return true;
    }
    return false;
}

enum { AT_ONCE = 48 }; /* more items than this are added one by one */

/* Items with stars, or many: a list or set that grows. */
static unsigned grown(unit *u, const ast *x, ast_list l, enum opcode make, enum opcode add,
                      enum opcode extend)
{
    unsigned t = temp(u);
    u->at = x;
    emit(u, make, 0, t, 0, t);
    for (size_t i = 0; i < l.n; i++) {
        u->top = t + 1;
        const ast *e = l.at[i];
        bool star = e->kind == N_Starred;
        unsigned v = expr(u, star ? e->Starred.value : e, ANY);
        u->at = star ? e : x;
        emit(u, star ? extend : add, 0, t, v, 0);
    }
    u->top = t + 1;
    return t;
}

static unsigned items(unit *u, ast_list l)
{
    unsigned t = u->top;
    for (size_t i = 0; i < l.n; i++) expr_temp(u, l.at[i]);
    return t;
}

static unsigned finish(unit *u, unsigned t, int want)
{
    u->top = t + 1;
    if (u->top > u->max) u->max = u->top;
    unsigned r = settle(u, t, want);
    if (r != t) u->top = t;
    return r;
}

static unsigned list_display(unit *u, const ast *x, int want)
{
    ast_list l = x->List.elts;
    if (l.n > 8 && all_konst(l)) {
        konst *k = arena_alloc(&u->code->mem, l.n * sizeof *k);
        for (size_t i = 0; i < l.n; i++) konst_value(u, l.at[i], &k[i]);
        unsigned t = temp(u), v = temp(u);
        emit(u, I_LIST, 0, t, 0, t);
        load_konst(u, konst_of(u, (konst){.type = K_TUPLE, .n = l.n, .items = k}), v);
        emit(u, I_EXTEND, 0, t, v, 0);
        return finish(u, t, want);
    }
    if (l.n > AT_ONCE || has_star(l)) {
        return finish(u, grown(u, x, l, I_LIST, I_APPEND, I_EXTEND), want);
    }
    unsigned t = items(u, l);
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_LIST, 0, t, (unsigned)l.n, c);
    return c;
}

static unsigned tuple_display(unit *u, const ast *x, int want)
{
    ast_list l = x->Tuple.elts;
    if (may_be_konst(x)) return constant(u, x, want);
    if (l.n > AT_ONCE || has_star(l)) {
        unsigned t = grown(u, x, l, I_LIST, I_APPEND, I_EXTEND);
        emit(u, I_LISTTUPLE, 0, t, 0, t);
        return finish(u, t, want);
    }
    unsigned t = items(u, l);
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_TUPLE, 0, t, (unsigned)l.n, c);
    return c;
}

static unsigned set_display(unit *u, const ast *x, int want)
{
    ast_list l = x->Set.elts;
    bool konsts = l.n >= 3 && all_konst(l);
    if ((l.n > AT_ONCE && !konsts) || has_star(l)) {
        return finish(u, grown(u, x, l, I_SET, I_SETADD, I_SETEXT), want);
    }
    unsigned t = items(u, l);
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_SET, konsts, t, (unsigned)l.n, c);
    return c;
}

static unsigned dict_display(unit *u, const ast *x, int want)
{
    ast_list keys = x->Dict.keys, vals = x->Dict.values;
    bool grows = keys.n > AT_ONCE / 2;
    for (size_t i = 0; i < keys.n; i++) grows = grows || !keys.at[i];
    unsigned t = u->top;
    if (grows) {
        temp(u);
        u->at = x;
        emit(u, I_DICT, 0, t, 0, t);
    }
    for (size_t i = 0; i < keys.n; i++) {
        if (grows) u->top = t + 1;
        if (keys.at[i]) {
            unsigned k = expr_temp(u, keys.at[i]);
            expr_temp(u, vals.at[i]);
            u->at = x;
            if (grows) emit(u, I_DICTADD, 0, t, k, 0);
        } else {
            unsigned v = expr(u, vals.at[i], ANY);
            u->at = x;
            emit(u, I_DICTEXT, 0, t, v, 0);
        }
    }
    if (grows) return finish(u, t, want);
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_DICT, 0, t, (unsigned)keys.n, c);
    return c;
}

/* ---- text ---- */

static void formatted(unit *u, const ast *x)
{
    unsigned t = u->top;
    if (x->kind != N_FormattedValue) {
        expr_temp(u, x);
        return;
    }
    unsigned v = expr(u, x->FormattedValue.value, ANY), spec = NOREG;
    if (x->FormattedValue.format_spec) spec = expr(u, x->FormattedValue.format_spec, ANY);
    u->top = t;
    u->at = x;
    int conv = x->FormattedValue.conversion;
    emit(u, I_FORMAT, conv < 0 ? 0 : (unsigned)conv, v, spec, temp(u));
}

static unsigned joined(unit *u, const ast *x, int want)
{
    ast_list l = x->JoinedStr.values;
    unsigned t = u->top, n = 0;
    if (l.n == 0) {
        unsigned c = dest(u, want);
        load_konst(u, konst_str(u, ""), c);
        return c;
    }
    for (size_t i = 0; i < l.n; i++) {
        formatted(u, l.at[i]);
        if (++n < AT_ONCE) continue;
        u->at = x;
        emit(u, I_JOIN, 0, t, n, t);
        u->top = t + 1;
        n = 1;
    }
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_JOIN, 0, t, n, c);
    return c;
}

/* ---- attributes, subscripts ---- */

static unsigned attribute(unit *u, const ast *x, int want)
{
    uint32_t top = u->top;
    unsigned a = expr(u, x->Attribute.value, ANY);
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_ATTR, 0, a, site_of(u, mangle(u->c->mem, u->s->private_class, x->Attribute.attr.at)),
         c);
    return c;
}

static unsigned slice_expr(unit *u, const ast *x, int want)
{
    unsigned t = u->top;
    const ast *part[3] = {x->Slice.lower, x->Slice.upper, x->Slice.step};
    for (int i = 0; i < 3; i++) {
        if (part[i])
            expr_temp(u, part[i]);
        else
            load_konst(u, konst_of(u, (konst){.type = K_NONE}), temp(u));
    }
    u->top = t;
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_SLICE, 0, t, 0, c);
    return c;
}

static unsigned subscript(unit *u, const ast *x, int want)
{
    uint32_t top = u->top;
    const ast *key = x->Subscript.slice;
    unsigned a = stable(u, x->Subscript.value, key);
    konst k;
    int32_t index = may_be_konst(key) && konst_value(u, key, &k) ? (int32_t)konst_of(u, k) : -1;
    unsigned b = 0;
    if (index > 0xffff) index = -1;
    if (index < 0) b = expr(u, key, ANY);
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    if (index >= 0)
        emit(u, I_ITEMK, 0, a, (unsigned)index, c);
    else
        emit(u, I_ITEM, 0, a, b, c);
    return c;
}

/* ---- the rest ---- */

static unsigned named(unit *u, const ast *x, int want)
{
    const char *name = x->NamedExpr.target->Name.id.at;
    int reg = local_of(u, name);
    if (reg >= 0) {
        uint32_t top = u->top;
        expr(u, x->NamedExpr.value, reg);
        top_to(u, top);
        set_bound(u, reg, true);
        unsigned c = dest(u, want);
        emit(u, I_MOVE, 0, (unsigned)reg, 0, c);
        return c;
    }
    unsigned t = expr_temp(u, x->NamedExpr.value), copy = temp(u);
    u->at = x;
    emit(u, I_MOVE, 0, t, 0, copy);
    store_name(u, name, copy);
    return finish(u, t, want);
}

/* reg, reg+1: delegate to the iterator in reg, its result ends up in reg */
static void delegate(unit *u, unsigned reg)
{
    unsigned v = reg + 1;
    u->top = v;
    temp(u);
    load_konst(u, konst_of(u, (konst){.type = K_NONE}), v);
    uint32_t loop = here(u);
    uint32_t send = emit(u, I_SEND, 0, reg, v, 0);
    emit(u, I_YIELD, 1, v, reg, v);
    jump_back(u, loop);
    patch(u, send);
    emit(u, I_TAKE, 0, v, 0, reg);
    u->top = v;
}

void await_value(unit *u, unsigned reg, unsigned kind)
{
    emit(u, I_AWAIT, kind, reg, 0, reg);
    delegate(u, reg);
}

static unsigned yield(unit *u, const ast *x, int want)
{
    uint32_t top = u->top;
    unsigned a;
    if (x->Yield.value)
        a = expr(u, x->Yield.value, ANY);
    else
        load_konst(u, konst_of(u, (konst){.type = K_NONE}), a = temp(u));
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    emit(u, I_YIELD, 0, a, NOREG, c);
    return c;
}

static unsigned yield_from(unit *u, const ast *x, int want)
{
    unsigned t = expr_temp(u, x->kind == N_Await ? x->Await.value : x->YieldFrom.value);
    u->at = x;
    if (x->kind == N_Await)
        emit(u, I_AWAIT, 0, t, 0, t);
    else
        emit(u, I_YIELDITER, 0, t, 0, t);
    delegate(u, t);
    return finish(u, t, want);
}

unsigned expr(unit *u, const ast *x, int want)
{
    u->at = x;
    switch (x->kind) {
    case N_Constant: return constant(u, x, want);
    case N_Name: return load_name(u, x->Name.id.at, want);
    case N_BinOp: return binary(u, x, want);
    case N_UnaryOp: return unary(u, x, want);
    case N_Compare: return compare(u, x, want);
    case N_BoolOp: return bool_op(u, x, want);
    case N_IfExp: return if_exp(u, x, want);
    case N_Call: return call(u, x, want);
    case N_Attribute: return attribute(u, x, want);
    case N_Subscript: return subscript(u, x, want);
    case N_Slice: return slice_expr(u, x, want);
    case N_List: return list_display(u, x, want);
    case N_Tuple: return tuple_display(u, x, want);
    case N_Set: return set_display(u, x, want);
    case N_Dict: return dict_display(u, x, want);
    case N_JoinedStr: return joined(u, x, want);
    case N_FormattedValue: {
        unsigned t = u->top;
        formatted(u, x);
        return finish(u, t, want);
    }
    case N_NamedExpr: return named(u, x, want);
    case N_Lambda: return lambda(u, x, want);
    case N_ListComp:
    case N_SetComp:
    case N_DictComp:
    case N_GeneratorExp: return comprehension(u, x, want);
    case N_Yield: return yield(u, x, want);
    case N_YieldFrom:
    case N_Await: return yield_from(u, x, want);
    case N_Starred: fail_at(u, x, "can't use starred expression here"); return dest(u, want);
    default: fail_at(u, x, "invalid syntax"); return dest(u, want);
    }
}
