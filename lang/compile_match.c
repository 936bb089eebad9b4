/* lang/compile_match.c - the match statement: each pattern is a test that jumps out when the
 * subject does not fit; names are bound as they match. */
#include "lang/compile_impl.h"

#define NONE_K(u) konst_of((u), (konst){.type = K_NONE})

static void pattern(unit *u, const ast *p, unsigned subject, vec *no);

static unsigned copy(unit *u, unsigned reg)
{
    unsigned t = temp(u);
    emit(u, I_MOVE, 0, reg, 0, t);
    return t;
}

static void bind(unit *u, ast_text name, unsigned subject)
{
    uint32_t top = u->top;
    unsigned t = copy(u, subject);
    store_name(u, name.at, t);
    top_to(u, top);
}

static void equals(unit *u, const ast *p, unsigned subject, vec *no)
{
    uint32_t top = u->top;
    unsigned a = copy(u, subject), b = expr_temp(u, p->MatchValue.value);
    u->at = p;
    emit(u, I_CMP, OP_EQ, a, b, a);
    add_jump(u, no, emit_jump(u, I_JF, 0, a));
    top_to(u, top);
}

static void singleton(unit *u, const ast *p, unsigned subject, vec *no)
{
    uint32_t top = u->top;
    unsigned a = copy(u, subject), b = expr_temp(u, p->MatchSingleton.value);
    emit(u, I_IS, 0, a, b, a);
    add_jump(u, no, emit_jump(u, I_JF, 0, a));
    top_to(u, top);
}

static void sequence(unit *u, const ast *p, unsigned subject, vec *no)
{
    ast_list l = p->MatchSequence.patterns;
    uint32_t top = u->top;
    int star = -1;
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]->kind != N_MatchStar) continue;
        star = (int)i;
    }
    unsigned t = temp(u);
    emit(u, I_MATCHSEQ, 0, subject, 0, t);
    add_jump(u, no, emit_jump(u, I_JF, 0, t));
    emit(u, I_LEN, 0, subject, 0, t);
    uint32_t n = konst_of(u, (konst){.type = K_INT, .i = (int64_t)l.n - (star >= 0)});
    emit(u, I_CMPK, star >= 0 ? OP_GE : OP_EQ, t, n, t);
    add_jump(u, no, emit_jump(u, I_JF, 0, t));
    u->top = t;
    unsigned src = copy(u, subject), first = u->top;
    for (size_t i = 0; i < l.n; i++) temp(u);
    if (star >= 0) {
        emit(u, I_UNPACKX, 0, src, (unsigned)star | (unsigned)(l.n - (size_t)star - 1) << 8, first);
    } else
        emit(u, I_UNPACK, 0, src, (unsigned)l.n, first);
    vec bad = {0};
    for (size_t i = 0; i < l.n; i++) {
        const ast *q = l.at[i];
        unsigned v = first + (unsigned)i;
        u->top = first + (unsigned)l.n;
        if (q->kind == N_MatchStar) {
            if (q->MatchStar.name.at) bind(u, q->MatchStar.name, v);
        } else
            pattern(u, q, v, &bad);
    }
    uint32_t fine = bad.n ? emit_jump(u, I_JMP, 0, 0) : 0;
    if (bad.n) {
        patch_all(u, &bad);
        for (size_t i = 0; i < l.n; i++) emit(u, I_DROP, 0, first + (unsigned)i, 0, 0);
        add_jump(u, no, emit_jump(u, I_JMP, 0, 0));
        patch(u, fine);
    }
    for (size_t i = 0; i < l.n; i++) emit(u, I_DROP, 0, first + (unsigned)i, 0, 0);
    top_to(u, top);
}

/* The tuple of values in t, or None: its items against patterns. */
static void attributes(unit *u, const ast *const *pats, size_t n, unsigned t, vec *no)
{
    unsigned copy_t = copy(u, t);
    uint32_t some = emit_jump(u, I_JNONE, 1, copy_t);
    emit(u, I_DROP, 0, t, 0, 0);
    add_jump(u, no, emit_jump(u, I_JMP, 0, 0));
    patch(u, some);
    u->top = t + 1;
    unsigned first = u->top;
    for (size_t i = 0; i < n; i++) temp(u);
    emit(u, I_UNPACK, 0, t, (unsigned)n, first);
    vec bad = {0};
    for (size_t i = 0; i < n; i++) {
        u->top = first + (unsigned)n;
        pattern(u, pats[i], first + (unsigned)i, &bad);
    }
    uint32_t fine = bad.n ? emit_jump(u, I_JMP, 0, 0) : 0;
    if (bad.n) {
        patch_all(u, &bad);
        for (size_t i = 0; i < n; i++) emit(u, I_DROP, 0, first + (unsigned)i, 0, 0);
        add_jump(u, no, emit_jump(u, I_JMP, 0, 0));
        patch(u, fine);
    }
    for (size_t i = 0; i < n; i++) emit(u, I_DROP, 0, first + (unsigned)i, 0, 0);
}

static void mapping(unit *u, const ast *p, unsigned subject, vec *no)
{
    uint32_t top = u->top;
    ast_list keys = p->MatchMapping.keys;
    unsigned t = temp(u);
    emit(u, I_MATCHMAP, 0, subject, 0, t);
    add_jump(u, no, emit_jump(u, I_JF, 0, t));
    if (keys.n) {
        u->top = t;
        for (size_t i = 0; i < keys.n; i++) expr_temp(u, keys.at[i]);
        u->at = p;
        emit(u, I_TUPLE, 0, t, (unsigned)keys.n, t);
        emit(u, I_MATCHKEYS, 0, subject, t, t);
        u->top = t + 1;
        attributes(u, (const ast *const *)p->MatchMapping.patterns.at, keys.n, t, no);
    }
    if (p->MatchMapping.rest.at) {
        u->top = t;
        for (size_t i = 0; i < keys.n; i++) expr_temp(u, keys.at[i]);
        u->at = p;
        u->top = t + 1;
        emit(u, I_TUPLE, 0, t, (unsigned)keys.n, t);
        emit(u, I_MATCHREST, 0, subject, t, t);
        store_name(u, p->MatchMapping.rest.at, t);
    }
    top_to(u, top);
}

static void class_pattern(unit *u, const ast *p, unsigned subject, vec *no)
{
    uint32_t top = u->top;
    ast_list args = p->MatchClass.patterns, kw = p->MatchClass.kwd_patterns;
    size_t n = args.n + kw.n;
    unsigned t = expr_temp(u, p->MatchClass.cls);
    konst *names = arena_alloc(&u->code->mem, (kw.n + 1) * sizeof *names);
    for (size_t i = 0; i < kw.n; i++) {
        ast_text s = p->MatchClass.kwd_attrs.at[i];
        names[i] = (konst){.type = K_STR, .n = s.n, .s = arena_dup(&u->code->mem, s.at, s.n)};
    }
    load_konst(u, konst_of(u, (konst){.type = K_TUPLE, .n = kw.n, .items = names}), temp(u));
    u->at = p;
    emit(u, I_MATCHCLASS, (unsigned)args.n, subject, t, t);
    u->top = t + 1;
    const ast **all = arena_alloc(u->c->mem, (n + 1) * sizeof *all);
    for (size_t i = 0; i < n; i++) all[i] = i < args.n ? args.at[i] : kw.at[i - args.n];
    attributes(u, all, n, t, no);
    top_to(u, top);
}

static void either(unit *u, const ast *p, unsigned subject, vec *no)
{
    ast_list l = p->MatchOr.patterns;
    vec yes = {0};
    for (size_t i = 0; i < l.n; i++) {
        vec next = {0};
        bool last = i + 1 == l.n;
        pattern(u, l.at[i], subject, last ? no : &next);
        if (last) break;
        add_jump(u, &yes, emit_jump(u, I_JMP, 0, 0));
        patch_all(u, &next);
    }
    patch_all(u, &yes);
}

static void pattern(unit *u, const ast *p, unsigned subject, vec *no)
{
    u->at = p;
    switch (p->kind) {
    case N_MatchValue: equals(u, p, subject, no); break;
    case N_MatchSingleton: singleton(u, p, subject, no); break;
    case N_MatchSequence: sequence(u, p, subject, no); break;
    case N_MatchMapping: mapping(u, p, subject, no); break;
    case N_MatchClass: class_pattern(u, p, subject, no); break;
    case N_MatchOr: either(u, p, subject, no); break;
    case N_MatchAs:
        if (p->MatchAs.pattern) pattern(u, p->MatchAs.pattern, subject, no);
        if (p->MatchAs.name.at) bind(u, p->MatchAs.name, subject);
        break;
    default: fail_at(u, p, "invalid pattern");
    }
}

void match_stmt(unit *u, const ast *x)
{
    unsigned s = expr_temp(u, x->Match.subject);
    uint8_t *bound = save_bound(u);
    vec ends = {0};
    block b;
    open_block(u, &b, B_DROP);
    b.reg = (int)s;
    for (size_t i = 0; i < x->Match.cases.n; i++) {
        const ast *c = x->Match.cases.at[i];
        vec no = {0};
        const bool last = i + 1 == x->Match.cases.n || c->match_case.guard;
        if (!check_pattern(u, c->match_case.pattern, last)) break;
        u->top = s + 1;
        pattern(u, c->match_case.pattern, s, &no);
        if (c->match_case.guard) jump_if(u, c->match_case.guard, false, &no);
        statements(u, c->match_case.body);
        restore_bound(u, bound);
        add_jump(u, &ends, emit_jump(u, I_JMP, 0, 0));
        patch_all(u, &no);
    }
    patch_all(u, &ends);
    u->block = b.outer;
    u->at = x;
    emit(u, I_DROP, 0, s, 0, 0);
    u->top = s;
}
