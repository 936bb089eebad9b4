/* lang/compile_stmt.c - statements: assignments, loops, imports, jumps. */
#include "engine/base/stop.h"
#include "lang/compile_impl.h"

#define NONE_K(u) konst_of((u), (konst){.type = K_NONE})

/* ---- assignments ---- */

static bool plain_items(ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]->kind == N_Starred) return false;
    }
    return true;
}

/* a, b = b, a without a tuple between */
static bool assign_pairwise(unit *u, const ast *target, const ast *v)
{
    if (target->kind != N_Tuple || v->kind != N_Tuple) return false;
    ast_list to = target->Tuple.elts, from = v->Tuple.elts;
    if (to.n != from.n || to.n > 4 || !plain_items(to) || !plain_items(from)) return false;
    unsigned t = u->top;
    for (size_t i = 0; i < from.n; i++) expr_temp(u, from.at[i]);
    for (size_t i = 0; i < to.n; i++) store(u, to.at[i], t + (unsigned)i);
    u->top = t;
    return true;
}

static void assign(unit *u, const ast *x)
{
    uint32_t top = u->top;
    ast_list targets = x->Assign.targets;
    const ast *first = targets.at[0], *v = x->Assign.value;
    if (targets.n == 1 && first->kind == N_Name) {
        int reg = local_of(u, first->Name.id.at);
        if (reg >= 0) {
            expr(u, v, reg);
            set_bound(u, reg, true);
            top_to(u, top);
            return;
        }
    }
    if (targets.n == 1 && assign_pairwise(u, first, v)) return;
    unsigned r = targets.n > 1 ? expr_temp(u, v) : expr(u, v, ANY);
    for (size_t i = 0; i < targets.n; i++) {
        unsigned from = r;
        if (i + 1 < targets.n) {
            u->at = x;
            emit(u, I_MOVE, 0, r, 0, from = temp(u));
        }
        store(u, targets.at[i], from);
        top_to(u, i + 1 < targets.n ? r + 1 : top);
    }
    top_to(u, top);
}

static void annotate(unit *u, const ast *x)
{
    uint32_t top = u->top;
    const ast *t = x->AnnAssign.target;
    if (x->AnnAssign.value) {
        int reg = t->kind == N_Name ? local_of(u, t->Name.id.at) : -1;
        unsigned v = expr(u, x->AnnAssign.value, reg >= 0 ? reg : ANY);
        if (reg >= 0)
            set_bound(u, reg, true);
        else
            store(u, t, v);
        top_to(u, top);
    }
    bool function = u->s->kind == SCOPE_FUNCTION;
    if (t->kind != N_Name || !x->AnnAssign.simple || function) return;
    u->at = x;
    unsigned v = expr_temp(u, x->AnnAssign.annotation), d = temp(u), k = temp(u);
    u->at = x;
    emit(u, u->s->kind == SCOPE_CLASS ? I_NAME : I_GLOBAL, 0, 0, site_of(u, "__annotations__"), d);
    load_konst(u, konst_str(u, mangle(u->c->mem, u->s->private_class, t->Name.id.at)), k);
    emit(u, I_SETITEM, 0, d, k, v);
    top_to(u, top);
}

/* ---- loops ---- */

static void loop_end(unit *u, block *b, ast_list orelse, const uint8_t *bound)
{
    u->block = b->outer;
    restore_bound(u, bound);
    statements(u, orelse);
    restore_bound(u, bound);
    patch_all(u, &b->breaks);
}

static void while_stmt(unit *u, const ast *x)
{
    vec done = {0};
    block b = {.kind = B_LOOP, .outer = u->block, .reg = -1, .top_of_loop = here(u)};
    const ast *test = x->While.test;
    bool forever = test->kind == N_Constant && (test->Constant.type == C_TRUE ||
                                                (test->Constant.type == C_INT && test->Constant.i));
    u->block = &b;
    if (!forever) jump_if(u, test, false, &done);
    uint8_t *bound = save_bound(u);
    statements(u, x->While.body);
    u->at = forever ? x : test;
    jump_back(u, b.top_of_loop);
    patch_all(u, &done);
    loop_end(u, &b, x->While.orelse, bound);
}

static void for_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    const ast *target = x->For.target;
    unsigned it = expr_temp(u, x->For.iter);
    u->at = x->For.iter;
    emit(u, I_ITER, 0, it, 0, it);
    uint8_t *bound = save_bound(u);
    block b = {.kind = B_LOOP, .outer = u->block, .reg = (int)it, .top_of_loop = here(u)};
    u->block = &b;
    int r = target->kind == N_Name ? local_of(u, target->Name.id.at) : -1;
    unsigned v = r >= 0 ? (unsigned)r : temp(u);
    u->at = x->For.iter;
    uint32_t next = emit(u, I_NEXT, 0, it, v, 0);
    if (r >= 0)
        set_bound(u, r, true);
    else
        store(u, target, v);
    top_to(u, it + 1);
    statements(u, x->For.body);
    if (x->For.body.at[x->For.body.n - 1]->kind == N_Pass)
        u->at = x->For.body.at[x->For.body.n - 1];
    jump_back(u, b.top_of_loop);
    patch(u, next);
    top_to(u, top);
    loop_end(u, &b, x->For.orelse, bound);
}

static void async_for(unit *u, const ast *x)
{
    uint32_t top = u->top;
    unsigned it = expr_temp(u, x->AsyncFor.iter);
    u->at = x->AsyncFor.iter;
    emit(u, I_AITER, 0, it, 0, it);
    uint8_t *bound = save_bound(u);
    block b = {.kind = B_LOOP, .outer = u->block, .reg = (int)it, .top_of_loop = here(u)}, t;
    u->block = &b;
    open_block(u, &t, B_TRY);
    unsigned v = temp(u);
    emit(u, I_ANEXT, 0, it, 0, v);
    await_value(u, v, 0);
    close_block(u, &t);
    store(u, x->AsyncFor.target, v);
    top_to(u, it + 1);
    statements(u, x->AsyncFor.body);
    jump_back(u, b.top_of_loop);
    add_ranges(u, &t, RANGE_CATCH, here(u), it + 1);
    top_to(u, it + 1);
    unsigned h = temp(u);
    temp(u);
    u->at = x->AsyncFor.iter;
    emit(u, I_HANDLE, 0, h, 0, 0);
    patch(u, emit(u, I_ENDASYNC, 0, h, it, 0));
    top_to(u, top);
    loop_end(u, &b, x->AsyncFor.orelse, bound);
}

static block *loop_of(unit *u)
{
    block *b = u->block;
    while (b && b->kind != B_LOOP) b = b->outer;
    return b;
}

/* What leave_blocks() closed begins again behind the jump. */
static void reopen(unit *u, const block *down_to)
{
    for (block *b = u->block; b && b != down_to; b = b->outer) b->start = here(u);
}

/* Nothing jumps out of an except* clause (down_to NULL: out of the function). */
static bool check_star(unit *u, const ast *x, const block *down_to)
{
    for (block *b = u->block; b && b != down_to; b = b->outer) {
        if (b->kind != B_STAR) continue;
        return fail_at(u, x, "'break', 'continue' and 'return' cannot appear in an except* block");
    }
    return true;
}

static void break_stmt(unit *u, const ast *x)
{
    block *loop = loop_of(u);
    if (!loop) {
        fail_at(u, x, "'break' outside loop");
        return;
    }
    if (!check_star(u, x, loop)) return;
    leave_blocks(u, loop, true);
    u->at = x;
    if (loop->reg >= 0) emit(u, I_DROP, 0, (unsigned)loop->reg, 0, 0);
    add_jump(u, &loop->breaks, emit_jump(u, I_JMP, 0, 0));
    reopen(u, loop);
}

static void continue_stmt(unit *u, const ast *x)
{
    block *loop = loop_of(u);
    if (!loop) {
        fail_at(u, x, "'continue' not properly in loop");
        return;
    }
    if (!check_star(u, x, loop)) return;
    leave_blocks(u, loop, true);
    u->at = x;
    jump_back(u, loop->top_of_loop);
    reopen(u, loop);
}

static bool cleans_up(unit *u)
{
    for (block *b = u->block; b; b = b->outer) {
        if (b->kind == B_FINALLY || b->kind == B_WITH || b->kind == B_NAME) return true;
    }
    return false;
}

static void return_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    if (u->s->kind != SCOPE_FUNCTION) {
        fail_at(u, x, "'return' outside function");
        return;
    }
    if (x->Return.value && u->s->generator && u->s->coroutine) {
        fail_at(u, x, "'return' with value in async generator");
        return;
    }
    const ast *v = x->Return.value;
    if (!check_star(u, v && v->kind == N_Constant && v->line == x->line ? v : x, NULL)) return;
    if (!v || v->kind == N_Constant) {
        uint32_t k = v ? konst_ast(u, v) : NONE_K(u);
        if (k <= 0xffff) {
            leave_blocks(u, NULL, false);
            u->at = x;
            emit_return(u, I_RETURNK, k);
            reopen(u, NULL);
            return;
        }
    }
    unsigned r = cleans_up(u) ? expr_temp(u, v) : expr(u, v, ANY);
    leave_blocks(u, NULL, false);
    u->at = x;
    emit_return(u, I_RETURN, r);
    reopen(u, NULL);
    top_to(u, top);
}

/* ---- other statements ---- */

static void if_stmt(unit *u, const ast *x)
{
    vec otherwise = {0};
    jump_if(u, x->If.test, false, &otherwise);
    uint8_t *before = save_bound(u);
    statements(u, x->If.body);
    if (x->If.orelse.n == 0) {
        restore_bound(u, before);
        patch_all(u, &otherwise);
        return;
    }
    uint8_t *after = save_bound(u);
    restore_bound(u, before);
    u->at = x;
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    patch_all(u, &otherwise);
    statements(u, x->If.orelse);
    meet_bound(u, after);
    patch(u, end);
}

static void raise_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    unsigned a = 0, b = 0, n = 0;
    if (x->Raise.exc) a = expr_temp(u, x->Raise.exc), n = 1;
    if (x->Raise.cause) b = expr_temp(u, x->Raise.cause), n = 2;
    u->at = x;
    emit(u, I_RAISE, n, a, b, 0);
    top_to(u, top);
}

static void assert_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    vec fine = {0};
    jump_if(u, x->Assert.test, true, &fine);
    u->at = x->Assert.test;
    unsigned t = temp(u);
    emit(u, I_ASSERTERR, 0, 0, 0, t);
    if (x->Assert.msg) {
        expr_temp(u, x->Assert.msg);
        u->at = x->Assert.test;
        emit(u, I_CALL, 0, t, 1, t);
    }
    emit(u, I_RAISE, 1, t, 0, 0);
    patch_all(u, &fine);
    top_to(u, top);
}

static void emit_import(unit *u, const char *name, int level, ast_list names, unsigned x,
                        unsigned c)
{
    unsigned t = u->top;
    load_konst(u, konst_of(u, (konst){.type = K_INT, .i = level}), temp(u));
    konst k = {.type = K_NONE};
    if (names.n) {
        konst *items = arena_alloc(&u->code->mem, names.n * sizeof *items);
        for (size_t i = 0; i < names.n; i++) {
            ast_text s = names.at[i]->alias.name;
            items[i] = (konst){.type = K_STR, .n = s.n, .s = arena_dup(&u->code->mem, s.at, s.n)};
        }
        k = (konst){.type = K_TUPLE, .n = names.n, .items = items};
    }
    load_konst(u, konst_of(u, k), temp(u));
    emit(u, I_IMPORT, x, t, site_of(u, name), c);
    u->top = t;
}

static void import_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    for (size_t i = 0; i < x->Import.names.n; i++) {
        ast_text name = x->Import.names.at[i]->alias.name, as = x->Import.names.at[i]->alias.asname;
        u->at = x;
        unsigned t = u->top;
        emit_import(u, name.at, 0, (ast_list){0}, as.at != NULL, t);
        temp(u);
        const char *first = arena_dup(u->c->mem, name.at, strcspn(name.at, "."));
        store_name(u, as.at ? as.at : first, t);
        top_to(u, top);
    }
}

bool is_future(const ast *x)
{
    return x->kind == N_ImportFrom && x->ImportFrom.level == 0 && x->ImportFrom.module.at &&
           strcmp(x->ImportFrom.module.at, "__future__") == 0;
}

static bool check_future(unit *u, const ast *x)
{
    static const char *const known[] = {"nested_scopes",
                                        "generators",
                                        "division",
                                        "absolute_import",
                                        "with_statement",
                                        "print_function",
                                        "unicode_literals",
                                        "barry_as_FLUFL",
                                        "generator_stop",
                                        "annotations",
                                        NULL};
    if (u->c->started) {
        return fail_at(u, x, "from __future__ imports must occur at the beginning of the file");
    }
    for (size_t i = 0; i < x->ImportFrom.names.n; i++) {
        const char *name = x->ImportFrom.names.at[i]->alias.name.at;
        int k = 0;
        while (known[k] && strcmp(known[k], name) != 0) k++;
        if (known[k]) continue;
        if (strcmp(name, "braces") == 0) return fail_at(u, x, "not a chance");
        return fail_at(u, x, "future feature %s is not defined", name);
    }
    return true;
}

static void import_from(unit *u, const ast *x)
{
    uint32_t top = u->top;
    const char *from = x->ImportFrom.module.at ? x->ImportFrom.module.at : "";
    ast_list names = x->ImportFrom.names;
    if (is_future(x)) {
        check_future(u, x);
        return;
    }
    unsigned t = u->top;
    emit_import(u, from, x->ImportFrom.level, names, 0, t);
    temp(u);
    if (names.n == 1 && strcmp(names.at[0]->alias.name.at, "*") == 0) {
        emit(u, I_IMPORTSTAR, 0, t, 0, 0);
        top_to(u, top);
        return;
    }
    for (size_t i = 0; i < names.n; i++) {
        ast_text name = names.at[i]->alias.name, as = names.at[i]->alias.asname;
        unsigned v = temp(u);
        emit(u, I_IMPORTFROM, KEEP, t, site_of(u, name.at), v);
        store_name(u, as.at ? as.at : name.at, v);
        top_to(u, v);
    }
    emit(u, I_DROP, 0, t, 0, 0);
    top_to(u, top);
}

static void expr_stmt(unit *u, const ast *x)
{
    uint32_t top = u->top;
    const ast *v = x->Expr.value;
    if (v->kind == N_Constant && x != u->last) return;
    unsigned r = expr(u, v, ANY);
    u->at = x;
    if (x == u->last)
        emit(u, I_ECHO, 0, r, 0, 0);
    else if (is_temp(u, r))
        emit(u, I_DROP, 0, r, 0, 0);
    top_to(u, top);
}

static void statement(unit *u, const ast *x)
{
    u->at = x;
    if (!u->c->started && !is_future(x)) {
        u->c->started = x->kind != N_Expr || x->Expr.value->kind != N_Constant;
    }
    switch (x->kind) {
    case N_Expr: expr_stmt(u, x); break;
    case N_Assign: assign(u, x); break;
    case N_AugAssign: augment(u, x); break;
    case N_AnnAssign: annotate(u, x); break;
    case N_If: if_stmt(u, x); break;
    case N_For: for_stmt(u, x); break;
    case N_AsyncFor: async_for(u, x); break;
    case N_While: while_stmt(u, x); break;
    case N_Break: break_stmt(u, x); break;
    case N_Continue: continue_stmt(u, x); break;
    case N_Return: return_stmt(u, x); break;
    case N_FunctionDef:
    case N_AsyncFunctionDef: function_def(u, x); break;
    case N_ClassDef: class_def(u, x); break;
    case N_Try:
    case N_TryStar: try_stmt(u, x); break;
    case N_With: with_stmt(u, x, 0); break;
    case N_AsyncWith: with_stmt(u, x, 0); break;
    case N_Raise: raise_stmt(u, x); break;
    case N_Assert: assert_stmt(u, x); break;
    case N_Delete:
        for (size_t i = 0; i < x->Delete.targets.n; i++) del(u, x->Delete.targets.at[i]);
        break;
    case N_Import: import_stmt(u, x); break;
    case N_ImportFrom: import_from(u, x); break;
    case N_Match: match_stmt(u, x); break;
    case N_Global:
    case N_Nonlocal:
    case N_Pass: break;
    default: fail_at(u, x, "invalid syntax");
    }
}

void statements(unit *u, ast_list body)
{
    for (size_t i = 0; i < body.n && u->c->why->kind == NO_ERR; i++) {
        if (stop_asked()) *u->c->why = (syntax_error){.kind = KeyboardInterrupt, .msg = ""};
        statement(u, body.at[i]);
    }
}
