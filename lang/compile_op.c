/* lang/compile_op.c - operators, comparisons, conditions, and expressions that are constants. */
#include "lang/compile_impl.h"

/* ---- constants ---- */

static bool is_number(const ast *x)
{
    return x->kind == N_Constant && (x->Constant.type == C_INT || x->Constant.type == C_FLOAT);
}

/* The constant value of x, looking through minus signs and tuples. */
bool konst_value(unit *u, const ast *x, konst *k)
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

bool may_be_konst(const ast *x)
{
    if (x->kind == N_Constant) return true;
    if (x->kind == N_UnaryOp) return x->UnaryOp.op == O_USub && is_number(x->UnaryOp.operand);
    if (x->kind != N_Tuple || x->ctx != CTX_LOAD) return false;
    for (size_t i = 0; i < x->Tuple.elts.n; i++) {
        if (!may_be_konst(x->Tuple.elts.at[i])) return false;
    }
    return true;
}

bool all_konst(ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (!l.at[i] || !may_be_konst(l.at[i])) return false;
    }
    return true;
}

unsigned constant(unit *u, const ast *x, int want)
{
    konst k;
    konst_value(u, x, &k);
    unsigned c = dest(u, want);
    load_konst(u, konst_of(u, k), c);
    return c;
}

/* A number usable as a K operand: its index, else -1. */
int number_operand(unit *u, const ast *x)
{
    if (!is_number(x)) return -1;
    uint32_t k = konst_ast(u, x);
    return k <= 0xffff ? (int)k : -1;
}

/* A constant that an instruction can hold itself: a small int. */
static bool is_small(unit *u, unsigned k)
{
    const konst *at = &VEC_AT(&u->konst, konst)[k];
    return at->type == K_INT && at->i >= INT16_MIN && at->i <= INT16_MAX;
}

static unsigned small(unit *u, unsigned k)
{
    return (uint16_t)(int16_t)VEC_AT(&u->konst, konst)[k].i;
}

/* ---- operators ---- */

static const int8_t binops[O_COUNT] = {
    [O_Add] = OP_ADD,           [O_Sub] = OP_SUB,  [O_Mult] = OP_MUL,   [O_MatMult] = OP_MATMUL,
    [O_Div] = OP_TRUEDIV,       [O_Mod] = OP_MOD,  [O_Pow] = OP_POW,    [O_LShift] = OP_LSHIFT,
    [O_RShift] = OP_RSHIFT,     [O_BitOr] = OP_OR, [O_BitXor] = OP_XOR, [O_BitAnd] = OP_AND,
    [O_FloorDiv] = OP_FLOORDIV,
};

void emit_binary(unit *u, enum ast_op op, unsigned inplace, unsigned a, unsigned b, bool k,
                 unsigned c)
{
    enum opcode i = k ? I_BINK : I_BIN;
    unsigned x = inplace;
    if (k && is_small(u, b) && (op == O_Add || op == O_Sub)) {
        emit(u, op == O_Add ? I_ADDI : I_SUBI, x, a, small(u, b), c);
        return;
    }
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

unsigned binary(unit *u, const ast *x, int want)
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

unsigned unary(unit *u, const ast *x, int want)
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

unsigned compare(unit *u, const ast *x, int want)
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

unsigned bool_op(unit *u, const ast *x, int want)
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

unsigned if_exp(unit *u, const ast *x, int want)
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
        unsigned ints = (unsigned)(sense ? cmp : OP_GE - cmp); /* as the instructions are ordered */
        if (k < 0)
            add_jump(u, jumps, emit(u, (enum opcode)(I_JLT + ints), bits, a, b, 0));
        else if (is_small(u, b))
            add_jump(u, jumps, emit(u, (enum opcode)(I_JLTI + ints), bits, a, small(u, b), 0));
        else
            add_jump(u, jumps, emit(u, I_JCMPK, bits, a, b, 0));
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
