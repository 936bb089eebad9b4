/* lang/compile_try.c - try, with, and leaving them: rows of the exception table and the code of
 * `finally` repeated on every way out. */
#include "lang/compile_impl.h"

typedef struct span {
    uint32_t from, to;
} span;

#define NONE_K(u) konst_of((u), (konst){.type = K_NONE})

void open_block(unit *u, block *b, enum block_kind kind)
{
    *b = (block){.kind = kind, .outer = u->block, .reg = -1, .start = here(u), .at = u->at};
    u->block = b;
}

void close_span(unit *u, block *b)
{
    if (here(u) > b->start) *VEC_ADD(u, &b->spans, span) = (span){b->start, here(u)};
    b->start = here(u);
}

void close_block(unit *u, block *b)
{
    close_span(u, b);
    u->block = b->outer;
}

void add_ranges(unit *u, block *b, enum range_kind kind, uint32_t target, unsigned depth)
{
    for (uint32_t i = 0; i < b->spans.n; i++) {
        span s = VEC_AT(&b->spans, span)[i];
        *VEC_ADD(u, &u->range, range) =
            (range){s.from, s.to, target, (uint16_t)depth, (uint8_t)kind};
    }
}

static void clear_name(unit *u, const char *name)
{
    uint32_t top = u->top;
    unsigned t = temp(u);
    load_konst(u, NONE_K(u), t);
    store_name(u, name, t);
    delete_name(u, name);
    top_to(u, top);
}

static void call_exit(unit *u, block *b)
{
    uint32_t top = u->top;
    u->at = b->at;
    unsigned t = temp(u);
    emit(u, I_EXIT, b->async ? 2 : 0, (unsigned)b->reg, 0, t);
    if (b->async) await_value(u, t, 2);
    emit(u, I_DROP, 0, t, 0, 0);
    top_to(u, top);
}

/* Code for leaving every block inside down_to (NULL: the function). */
void leave_blocks(unit *u, block *down_to, bool jumps)
{
    block *inner = u->block;
    for (block *b = inner; b && b != down_to; b = b->outer) {
        close_span(u, b);
        u->block = b->outer;
        switch (b->kind) {
        case B_FINALLY: {
            uint8_t *bound = save_bound(u);
            statements(u, b->final);
            restore_bound(u, bound);
            break;
        }
        case B_HANDLER: emit(u, I_UNHANDLE, 0, (unsigned)b->reg, 0, 0); break;
        case B_NAME: clear_name(u, b->name); break;
        case B_WITH: call_exit(u, b); break;
        case B_DROP:
            if (jumps) emit(u, I_DROP, 0, (unsigned)b->reg, 0, 0);
            break;
        case B_LOOP: /* a return leaves its iterator to the frame's end */
        case B_TRY:
        case B_STAR: break;
        }
    }
    u->block = inner;
}

/* ---- handlers ---- */

/* Enters a handler at `here` for the ranges of b; gives its first register. */
static unsigned enter_handler(unit *u, block *b, block *handler, unsigned depth)
{
    add_ranges(u, b, RANGE_CATCH, here(u), depth);
    top_to(u, depth);
    unsigned h = temp(u);
    temp(u);
    emit(u, I_HANDLE, 0, h, 0, 0);
    open_block(u, handler, B_HANDLER);
    handler->reg = (int)h;
    return h;
}

static void leave_handler(unit *u, block *handler)
{
    emit(u, I_RERAISE, 0, (unsigned)handler->reg + 1, 0, 0);
    close_block(u, handler);
    add_ranges(u, handler, RANGE_RESTORE, 0, (unsigned)handler->reg);
}

static void named_handler(unit *u, const ast *x, unsigned h)
{
    uint32_t top = u->top;
    const char *name = x->ExceptHandler.name.at;
    unsigned v = temp(u);
    emit(u, I_MOVE, 0, h + 1, 0, v);
    store_name(u, name, v);
    top_to(u, top);
    block b, again;
    open_block(u, &b, B_NAME);
    b.name = name;
    statements(u, x->ExceptHandler.body);
    close_block(u, &b);
    u->at = x;
    clear_name(u, name);
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    enter_handler(u, &b, &again, top);
    clear_name(u, name);
    leave_handler(u, &again);
    patch(u, end);
    top_to(u, top);
}

static void handlers(unit *u, const ast *x, block *body, vec *ends)
{
    unsigned depth = u->top;
    block handler;
    uint8_t *bound = save_bound(u);
    u->at = x->Try.handlers.at[0];
    unsigned h = enter_handler(u, body, &handler, depth);
    for (size_t i = 0; i < x->Try.handlers.n; i++) {
        const ast *e = x->Try.handlers.at[i];
        uint32_t next = 0;
        u->at = e;
        if (e->ExceptHandler.type) {
            unsigned t = expr_temp(u, e->ExceptHandler.type);
            u->at = e->ExceptHandler.type;
            (void)t;
            next = emit_jump(u, I_JNOMATCH, 0, h + 1);
            top_to(u, h + 2);
        } else if (i + 1 < x->Try.handlers.n)
            fail_at(u, e, "default 'except:' must be last");
        if (e->ExceptHandler.name.at)
            named_handler(u, e, h);
        else
            statements(u, e->ExceptHandler.body);
        restore_bound(u, bound);
        emit(u, I_UNHANDLE, 0, h, 0, 0);
        add_jump(u, ends, emit_jump(u, I_JMP, 0, 0));
        if (e->ExceptHandler.type) patch(u, next);
    }
    u->at = x->Try.handlers.at[x->Try.handlers.n - 1];
    leave_handler(u, &handler);
    top_to(u, depth);
}

static uint32_t jump_none(unit *u, unsigned kept)
{
    uint32_t top = u->top;
    u->top = kept + 1;
    unsigned t = temp(u);
    emit(u, I_MOVE, 0, kept, 0, t);
    top_to(u, top);
    return emit_jump(u, I_JNONE, 0, t);
}

/* What a clause raises joins the list; the group that was handled stays so. */
static void star_raised(unit *u, block *body, const char *name, unsigned raised)
{
    uint32_t top = u->top;
    block handler;
    unsigned h = enter_handler(u, body, &handler, top);
    if (name) clear_name(u, name);
    emit(u, I_APPEND, KEEP, raised, h + 1, 0);
    emit(u, I_UNHANDLE, 0, h, 0, 0);
    close_block(u, &handler);
    top_to(u, top);
}

static void star_clause(unit *u, const ast *e, unsigned rest)
{
    const char *name = e->ExceptHandler.name.at;
    uint32_t top = u->top;
    block b;
    u->at = e;
    unsigned m = expr_temp(u, e->ExceptHandler.type);
    u->at = e->ExceptHandler.type;
    emit(u, I_EGMATCH, 0, rest, m, m);
    uint32_t next = jump_none(u, m);
    if (name)
        store_name(u, name, m);
    else
        emit(u, I_DROP, 0, m, 0, 0);
    top_to(u, top);
    open_block(u, &b, B_STAR);
    statements(u, e->ExceptHandler.body);
    close_block(u, &b);
    if (name) clear_name(u, name);
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    star_raised(u, &b, name, rest + 1);
    patch(u, end);
    patch(u, next);
}

/* Registers: what was handled, what was raised, what no clause has taken yet, the list of what
 * clauses raised. */
static void star_handlers(unit *u, const ast *x, block *body)
{
    unsigned depth = u->top;
    block handler;
    uint8_t *bound = save_bound(u);
    u->at = x->Try.handlers.at[0];
    unsigned h = enter_handler(u, body, &handler, depth), rest = temp(u), raised = temp(u);
    emit(u, I_MOVE, 0, h + 1, 0, rest);
    emit(u, I_LIST, 0, raised, 0, raised);
    for (size_t i = 0; i < x->Try.handlers.n; i++) {
        star_clause(u, x->Try.handlers.at[i], rest);
        restore_bound(u, bound);
    }
    emit(u, I_APPEND, 0, raised, rest, 0);
    emit(u, I_EGLEFT, KEEP, h + 1, raised, rest);
    close_block(u, &handler);
    add_ranges(u, &handler, RANGE_RESTORE, 0, h);
    emit(u, I_UNHANDLE, 0, h, 0, 0);
    uint32_t done = jump_none(u, rest);
    emit(u, I_RERAISE, 0, rest, 0, 0);
    patch(u, done);
    top_to(u, depth);
}

static void try_except(unit *u, const ast *x)
{
    if (x->Try.handlers.n == 0) {
        statements(u, x->Try.body);
        return;
    }
    block b;
    vec ends = {0};
    uint8_t *bound = save_bound(u);
    open_block(u, &b, B_TRY);
    statements(u, x->Try.body);
    close_block(u, &b);
    statements(u, x->Try.orelse);
    add_jump(u, &ends, emit_jump(u, I_JMP, 0, 0));
    restore_bound(u, bound);
    if (x->kind == N_TryStar)
        star_handlers(u, x, &b);
    else
        handlers(u, x, &b, &ends);
    patch_all(u, &ends);
    restore_bound(u, bound);
}

void try_stmt(unit *u, const ast *x)
{
    if (x->Try.finalbody.n == 0) {
        try_except(u, x);
        return;
    }
    unsigned depth = u->top;
    uint8_t *bound = save_bound(u);
    block b, handler;
    open_block(u, &b, B_FINALLY);
    b.final = x->Try.finalbody;
    try_except(u, x);
    close_block(u, &b);
    restore_bound(u, bound);
    statements(u, x->Try.finalbody);
    uint8_t *after = save_bound(u);
    restore_bound(u, bound);
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    enter_handler(u, &b, &handler, depth);
    statements(u, x->Try.finalbody);
    u->at = x;
    leave_handler(u, &handler);
    patch(u, end);
    top_to(u, depth);
    restore_bound(u, after);
}

/* ---- with ---- */

static void with_handler(unit *u, block *b)
{
    block handler;
    unsigned depth = (unsigned)b->reg + 1;
    u->at = b->at;
    unsigned h = enter_handler(u, b, &handler, depth), t = temp(u);
    emit(u, I_EXIT, b->async ? 3 : 1, (unsigned)b->reg, h + 1, t);
    if (b->async) await_value(u, t, 2);
    uint32_t quiet = emit_jump(u, I_JT, 0, t);
    leave_handler(u, &handler);
    patch(u, quiet);
    emit(u, I_UNHANDLE, 0, h, 0, 0);
}

void with_stmt(unit *u, const ast *x, size_t i)
{
    bool async = x->kind == N_AsyncWith;
    ast_list with = async ? x->AsyncWith.items : x->With.items;
    if (i == with.n) {
        statements(u, async ? x->AsyncWith.body : x->With.body);
        return;
    }
    const ast *item = with.at[i];
    unsigned m = expr_temp(u, item->withitem.context_expr), v = temp(u);
    u->at = item->withitem.context_expr;
    emit(u, I_WITH, async, m, 0, 0);
    if (async) await_value(u, v, 1);
    u->top = v + 1;
    block b;
    uint8_t *bound = save_bound(u);
    open_block(u, &b, B_WITH);
    b.reg = (int)m;
    b.async = async;
    if (item->withitem.optional_vars)
        store(u, item->withitem.optional_vars, v);
    else
        emit(u, I_DROP, 0, v, 0, 0);
    top_to(u, v);
    with_stmt(u, x, i + 1);
    close_block(u, &b);
    call_exit(u, &b);
    uint32_t end = emit_jump(u, I_JMP, 0, 0);
    uint8_t *after = save_bound(u);
    with_handler(u, &b);
    restore_bound(u, bound);
    (void)after;
    patch(u, end);
    top_to(u, m);
}
