/* lang/compile_expr.c - expressions: operators, displays, subscripts, f-strings, assignment
 * targets. */
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

/* ---- constants ---- */

static bool is_number(const ast *x)
{
    return x->kind == N_Constant && (x->Constant.type == C_INT || x->Constant.type == C_FLOAT);
}

/* The constant value of x, looking through minus signs and tuples. */
static bool konst_value(unit *u, const ast *x, konst *k)
{
    if (x->kind == N_Constant) {
        *k = konst_make(u, x);
        return true;
    }
    if (x->kind == N_UnaryOp && x->UnaryOp.op == O_USub && is_number(x->UnaryOp.operand)) {
        const ast *n = x->UnaryOp.operand;
        if (n->Constant.type == C_INT && n->Constant.i != INT64_MIN) {
            *k = (konst){.type = K_INT, .i = -n->Constant.i};
            return true;
        }
        *k = (konst){.type = K_FLOAT, .f = -n->Constant.f};
        return n->Constant.type == C_FLOAT;
    }
    if (x->kind != N_Tuple) return false;
    konst *items = arena_alloc(&u->code->mem, (x->Tuple.elts.n + 1) * sizeof *items);
    for (size_t i = 0; i < x->Tuple.elts.n; i++) {
        if (!konst_value(u, x->Tuple.elts.at[i], &items[i])) return false;
    }
    *k = (konst){.type = K_TUPLE, .n = x->Tuple.elts.n, .items = items};
    return true;
}

static bool may_be_konst(const ast *x)
{
    if (x->kind == N_Constant) return true;
    if (x->kind == N_UnaryOp) return x->UnaryOp.op == O_USub && is_number(x->UnaryOp.operand);
    if (x->kind != N_Tuple || x->ctx != CTX_LOAD) return false;
    for (size_t i = 0; i < x->Tuple.elts.n; i++) {
        if (!may_be_konst(x->Tuple.elts.at[i])) return false;
    }
    return true;
}

static bool all_konst(ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (!l.at[i] || !may_be_konst(l.at[i])) return false;
    }
    return true;
}

static unsigned constant(unit *u, const ast *x, int want)
{
    konst k;
    konst_value(u, x, &k);
    unsigned c = dest(u, want);
    load_konst(u, konst_of(u, k), c);
    return c;
}

/* A number usable as a K operand: its index, else -1. */
static int number_operand(unit *u, const ast *x)
{
    if (!is_number(x)) return -1;
    uint32_t k = konst_ast(u, x);
    return k <= 0xffff ? (int)k : -1;
}

/* ---- operators ---- */

static const int8_t binops[O_COUNT] = {
    [O_Add] = OP_ADD,           [O_Sub] = OP_SUB,  [O_Mult] = OP_MUL,   [O_MatMult] = OP_MATMUL,
    [O_Div] = OP_TRUEDIV,       [O_Mod] = OP_MOD,  [O_Pow] = OP_POW,    [O_LShift] = OP_LSHIFT,
    [O_RShift] = OP_RSHIFT,     [O_BitOr] = OP_OR, [O_BitXor] = OP_XOR, [O_BitAnd] = OP_AND,
    [O_FloorDiv] = OP_FLOORDIV,
};

int binop_of(enum ast_op op)
{
    return binops[op];
}

static void emit_binary(unit *u, enum ast_op op, unsigned inplace, unsigned a, unsigned b, bool k,
                        unsigned c)
{
    enum opcode i = k ? I_BINK : I_BIN;
    unsigned x = inplace;
    switch (op) {
    case O_Add: i = k ? I_ADDK : I_ADD; break;
    case O_Sub: i = k ? I_SUBK : I_SUB; break;
    case O_Mult: i = k ? I_MULK : I_MUL; break;
    case O_Mod:
        if (k)
            i = I_MODK;
        else
            x |= OP_MOD;
        break;
    case O_FloorDiv:
        if (k)
            i = I_FLOORDIVK;
        else
            x |= OP_FLOORDIV;
        break;
    default: x |= (unsigned)binops[op];
    }
    emit(u, i, x, a, b, c);
}

static unsigned binary(unit *u, const ast *x, int want)
{
    uint32_t top = u->top;
    unsigned a = stable(u, x->BinOp.left, x->BinOp.right);
    int k = number_operand(u, x->BinOp.right);
    unsigned b = k >= 0 ? (unsigned)k : expr(u, x->BinOp.right, ANY);
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    emit_binary(u, x->BinOp.op, 0, a, b, k >= 0, c);
    return c;
}

static unsigned unary(unit *u, const ast *x, int want)
{
    static const uint8_t ops[O_COUNT] = {
        [O_Invert] = OP_INVERT, [O_UAdd] = OP_POS, [O_USub] = OP_NEG};
    if (may_be_konst(x)) return constant(u, x, want);
    uint32_t top = u->top;
    unsigned a = expr(u, x->UnaryOp.operand, ANY);
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    if (x->UnaryOp.op == O_Not)
        emit(u, I_NOT, 0, a, 0, c);
    else
        emit(u, I_UNARY, ops[x->UnaryOp.op], a, 0, c);
    return c;
}

static int cmpop_of(enum ast_op op)
{
    switch (op) {
    case O_Lt: return OP_LT;
    case O_LtE: return OP_LE;
    case O_Eq: return OP_EQ;
    case O_NotEq: return OP_NE;
    case O_Gt: return OP_GT;
    case O_GtE: return OP_GE;
    default: return -1;
    }
}

/* c = a op b, for any comparison */
static void emit_compare(unit *u, enum ast_op op, unsigned a, unsigned b, unsigned c)
{
    int cmp = cmpop_of(op);
    if (cmp >= 0)
        emit(u, I_CMP, (unsigned)cmp, a, b, c);
    else if (op == O_Is || op == O_IsNot)
        emit(u, I_IS, op == O_IsNot, a, b, c);
    else
        emit(u, I_IN, op == O_NotIn, a, b, c);
}

/* The right side of `in`: a display of constants is a constant itself. */
static unsigned container(unit *u, enum ast_op op, const ast *x, int want)
{
    ast_list l = x->kind == N_List ? x->List.elts : x->kind == N_Set ? x->Set.elts : (ast_list){0};
    if ((op != O_In && op != O_NotIn) || l.n == 0 || !all_konst(l)) return expr(u, x, want);
    konst *items = arena_alloc(&u->code->mem, l.n * sizeof *items);
    for (size_t i = 0; i < l.n; i++) konst_value(u, l.at[i], &items[i]);
    konst k = {.type = x->kind == N_Set ? K_FROZENSET : K_TUPLE, .n = l.n, .items = items};
    unsigned c = dest(u, want);
    load_konst(u, konst_of(u, k), c);
    return c;
}

static unsigned compare_chain(unit *u, const ast *x, int want)
{
    size_t n = x->Compare.ops.n;
    vec falses = {0};
    unsigned t = expr_temp(u, x->Compare.left);
    for (size_t i = 0; i < n; i++) {
        u->top = t + 1;
        enum ast_op op = (enum ast_op)x->Compare.ops.at[i];
        unsigned b = temp(u);
        u->top = b;
        container(u, op, x->Compare.comparators.at[i], (int)b);
        u->top = b + 1;
        u->at = x;
        if (i + 1 == n) {
            emit_compare(u, op, t, b, t);
            break;
        }
        unsigned copy = temp(u);
        emit(u, I_MOVE, 0, b, 0, copy);
        emit_compare(u, op, t, copy, t);
        add_jump(u, &falses, emit_jump(u, I_JFK, 0, t));
        emit(u, I_TAKE, 0, b, 0, t);
    }
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    patch_all(u, &falses);
    emit(u, I_DROP, 0, t + 1, 0, 0);
    patch(u, end);
    u->top = t + 1;
    unsigned r = settle(u, t, want);
    if (r != t) u->top = t;
    return r;
}

static unsigned compare(unit *u, const ast *x, int want)
{
    if (x->Compare.ops.n > 1) return compare_chain(u, x, want);
    uint32_t top = u->top;
    enum ast_op op = (enum ast_op)x->Compare.ops.at[0];
    const ast *right = x->Compare.comparators.at[0];
    unsigned a = stable(u, x->Compare.left, right);
    int k = cmpop_of(op) >= 0 ? number_operand(u, right) : -1;
    unsigned b = k >= 0 ? 0 : container(u, op, right, ANY);
    top_to(u, top);
    u->at = x;
    unsigned c = dest(u, want);
    if (k >= 0)
        emit(u, I_CMPK, (unsigned)cmpop_of(op), a, (unsigned)k, c);
    else
        emit_compare(u, op, a, b, c);
    return c;
}

static unsigned bool_op(unit *u, const ast *x, int want)
{
    vec ends = {0};
    ast_list l = x->BoolOp.values;
    uint8_t *bound = NULL;
    unsigned t = u->top;
    for (size_t i = 0; i < l.n; i++) {
        u->top = t;
        expr_temp(u, l.at[i]);
        if (i == 0 && u->s->walrus) bound = save_bound(u);
        u->at = x;
        if (i + 1 < l.n)
            add_jump(u, &ends, emit_jump(u, x->BoolOp.op == O_Or ? I_JTK : I_JFK, 0, t));
    }
    if (bound) restore_bound(u, bound);
    patch_all(u, &ends);
    unsigned r = settle(u, t, want);
    if (r != t) u->top = t;
    return r;
}

static unsigned if_exp(unit *u, const ast *x, int want)
{
    vec otherwise = {0};
    jump_if(u, x->IfExp.test, false, &otherwise);
    uint8_t *bound = u->s->walrus ? save_bound(u) : NULL;
    unsigned t = u->top;
    bool own = want == ANY;
    if (own)
        expr_temp(u, x->IfExp.body);
    else
        expr(u, x->IfExp.body, want);
    u->top = t;
    if (bound) restore_bound(u, bound);
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    patch_all(u, &otherwise);
    if (own)
        expr_temp(u, x->IfExp.orelse);
    else
        expr(u, x->IfExp.orelse, want);
    if (bound) restore_bound(u, bound);
    patch(u, end);
    return own ? t : (unsigned)want;
}

/* ---- conditions ---- */

static bool is_none_constant(const ast *x)
{
    return x->kind == N_Constant && x->Constant.type == C_NONE;
}

static void jump_compare(unit *u, const ast *x, bool sense, vec *jumps)
{
    uint32_t top = u->top;
    enum ast_op op = (enum ast_op)x->Compare.ops.at[0];
    const ast *right = x->Compare.comparators.at[0];
    unsigned a = stable(u, x->Compare.left, right);
    int cmp = cmpop_of(op), k = cmp >= 0 ? number_operand(u, right) : -1;
    if ((op == O_Is || op == O_IsNot) && is_none_constant(right)) {
        u->at = x;
        top_to(u, top);
        add_jump(u, jumps, emit_jump(u, I_JNONE, (op == O_IsNot) == sense, a));
        return;
    }
    unsigned b = k >= 0 ? (unsigned)k : container(u, op, right, ANY);
    top_to(u, top);
    u->at = x;
    if (cmp >= 0) {
        unsigned bits = (unsigned)cmp | (sense ? 128 : 0);
        add_jump(u, jumps, emit(u, k >= 0 ? I_JCMPK : I_JCMP, bits, a, b, 0));
        return;
    }
    unsigned c = temp(u);
    emit_compare(u, op, a, b, c);
    add_jump(u, jumps, emit_jump(u, sense ? I_JT : I_JF, 0, c));
    top_to(u, top);
}

static void jump_bool_op(unit *u, const ast *x, bool sense, vec *jumps)
{
    ast_list l = x->BoolOp.values;
    bool is_or = x->BoolOp.op == O_Or;
    if (is_or == sense) { /* any of them decides */
        for (size_t i = 0; i < l.n; i++) jump_if(u, l.at[i], sense, jumps);
        return;
    }
    vec past = {0};
    for (size_t i = 0; i + 1 < l.n; i++) jump_if(u, l.at[i], !sense, &past);
    jump_if(u, l.at[l.n - 1], sense, jumps);
    patch_all(u, &past);
}

void jump_if(unit *u, const ast *x, bool sense, vec *jumps)
{
    uint8_t *bound = u->s->walrus && x->kind == N_BoolOp ? save_bound(u) : NULL;
    if (x->kind == N_UnaryOp && x->UnaryOp.op == O_Not) {
        jump_if(u, x->UnaryOp.operand, !sense, jumps);
    } else if (x->kind == N_BoolOp) {
        jump_bool_op(u, x, sense, jumps);
        restore_bound(u, bound ? bound : u->bound);
    } else if (x->kind == N_Compare && x->Compare.ops.n == 1)
        jump_compare(u, x, sense, jumps);
    else {
        uint32_t top = u->top;
        unsigned a = expr(u, x, ANY);
        top_to(u, top);
        u->at = x;
        add_jump(u, jumps, emit_jump(u, sense ? I_JT : I_JF, 0, a));
    }
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

/* ---- targets ---- */

/* Registers of the targets when they are locals that follow one another, else -1. */
static int run_of_locals(unit *u, ast_list l)
{
    int first = -1;
    for (size_t i = 0; i < l.n; i++) {
        int r = l.at[i]->kind == N_Name ? local_of(u, l.at[i]->Name.id.at) : -1;
        if (r < 0 || (i && r != first + (int)i)) return -1;
        if (i == 0) first = r;
    }
    return first;
}

static void store_items(unit *u, const ast *at, ast_list l, unsigned reg)
{
    int star = -1;
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]->kind != N_Starred) continue;
        if (star >= 0) fail_at(u, at, "multiple starred expressions in assignment");
        star = (int)i;
    }
    uint32_t top = u->top;
    u->at = at;
    int run = star < 0 ? run_of_locals(u, l) : -1;
    if (run >= 0 && l.n) {
        emit(u, I_UNPACK, 0, reg, (unsigned)l.n, (unsigned)run);
        for (size_t i = 0; i < l.n; i++) set_bound(u, run + (int)i, true);
        return;
    }
    unsigned t = u->top;
    for (size_t i = 0; i < l.n; i++) temp(u);
    if (star >= 0) {
        size_t after = l.n - (size_t)star - 1;
        if (star > 255 || after > 255)
            fail_at(u, at, "too many expressions in star-unpacking assignment");
        emit(u, I_UNPACKX, 0, reg, (unsigned)star | (unsigned)after << 8, t);
    } else
        emit(u, I_UNPACK, 0, reg, (unsigned)l.n, t);
    for (size_t i = 0; i < l.n; i++) {
        const ast *e = l.at[i];
        store(u, e->kind == N_Starred ? e->Starred.value : e, t + (unsigned)i);
    }
    top_to(u, top);
}

void store(unit *u, const ast *x, unsigned reg)
{
    uint32_t top = u->top;
    u->at = x;
    switch (x->kind) {
    case N_Name: store_name(u, x->Name.id.at, reg); break;
    case N_Attribute: {
        unsigned a = expr(u, x->Attribute.value, ANY);
        u->at = x;
        const char *name = mangle(u->c->mem, u->s->private_class, x->Attribute.attr.at);
        emit(u, I_SETATTR, 0, a, site_of(u, name), reg);
        break;
    }
    case N_Subscript: {
        unsigned a = stable(u, x->Subscript.value, x->Subscript.slice);
        unsigned b = expr(u, x->Subscript.slice, ANY);
        u->at = x;
        emit(u, I_SETITEM, 0, a, b, reg);
        break;
    }
    case N_Tuple: store_items(u, x, x->Tuple.elts, reg); break;
    case N_List: store_items(u, x, x->List.elts, reg); break;
    case N_Starred: fail_at(u, x, "starred assignment target must be in a list or tuple"); break;
    default: fail_at(u, x, "cannot assign to this"); break;
    }
    top_to(u, top);
}

static void del_all(unit *u, ast_list l)
{
    for (size_t i = 0; i < l.n; i++) del(u, l.at[i]);
}

void del(unit *u, const ast *x)
{
    uint32_t top = u->top;
    u->at = x;
    switch (x->kind) {
    case N_Name: delete_name(u, x->Name.id.at); break;
    case N_Attribute: {
        unsigned a = expr(u, x->Attribute.value, ANY);
        u->at = x;
        emit(u, I_DELATTR, 0, a,
             site_of(u, mangle(u->c->mem, u->s->private_class, x->Attribute.attr.at)), 0);
        break;
    }
    case N_Subscript: {
        unsigned a = stable(u, x->Subscript.value, x->Subscript.slice);
        unsigned b = expr(u, x->Subscript.slice, ANY);
        u->at = x;
        emit(u, I_DELITEM, 0, a, b, 0);
        break;
    }
    case N_Tuple: del_all(u, x->Tuple.elts); break;
    case N_List: del_all(u, x->List.elts); break;
    default: fail_at(u, x, "cannot delete this"); break;
    }
    top_to(u, top);
}

/* x += v: the target's parts are evaluated once */
void augment(unit *u, const ast *x)
{
    const ast *t = x->AugAssign.target, *v = x->AugAssign.value;
    uint32_t top = u->top;
    unsigned base = NOREG, key = NOREG, old;
    uint16_t name = 0;
    u->at = t;
    if (t->kind == N_Name)
        old = load_name(u, t->Name.id.at, ANY);
    else if (t->kind == N_Attribute) {
        base = stable(u, t->Attribute.value, v);
        name = site_of(u, mangle(u->c->mem, u->s->private_class, t->Attribute.attr.at));
        u->at = t;
        emit(u, I_ATTR, KEEP, base, name, old = temp(u));
    } else {
        base = stable(u, t->Subscript.value, t->Subscript.slice);
        key = stable(u, t->Subscript.slice, v);
        u->at = t;
        emit(u, I_ITEM, KEEP, base, key, old = temp(u));
    }
    if (t->kind == N_Name && u->s->walrus && !is_temp(u, old)) {
        unsigned copy = temp(u);
        emit(u, I_MOVE, 0, old, 0, copy);
        old = copy;
    }
    int k = number_operand(u, v);
    unsigned b = k >= 0 ? (unsigned)k : expr(u, v, ANY);
    u->at = x;
    int local = t->kind == N_Name ? local_of(u, t->Name.id.at) : -1;
    unsigned c = local >= 0 ? (unsigned)local : is_temp(u, old) ? old : temp(u);
    emit_binary(u, x->AugAssign.op, INPLACE, old, b, k >= 0, c);
    u->at = t;
    if (t->kind == N_Attribute)
        emit(u, I_SETATTR, 0, base,
             site_of(u, mangle(u->c->mem, u->s->private_class, t->Attribute.attr.at)), c);
    else if (t->kind == N_Subscript)
        emit(u, I_SETITEM, 0, base, key, c);
    else if (local < 0)
        store_name(u, t->Name.id.at, c);
    top_to(u, top);
}
