/* lang/compile.c - the compiler's base: emitting instructions, constants, names, units.
 *
 * A unit becomes one bytecode, whose tables are copied from the vectors into its own arena when
 * the unit is closed. */
#include "lang/compile.h"

#include <stdarg.h>
#include <stdio.h>

#include "lang/compile_impl.h"

void *vec_add(arena *mem, vec *v, size_t size)
{
    if (v->n == v->cap) {
        uint32_t cap = v->cap ? v->cap * 2 : 8;
        void *at = arena_alloc(mem, cap * size);
        if (v->n) memcpy(at, v->at, v->n * size);
        v->at = at;
        v->cap = cap;
    }
    return (char *)v->at + v->n++ * size;
}

bool fail_at(unit *u, const ast *at, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    syntax_at(u->c->why, u->c->mem, u->c->filename, at, "%s", sb_text(&b));
    sb_clear(&b);
    return false;
}

/* ---- instructions ---- */

uint32_t here(unit *u)
{
    return u->insn.n;
}

uint32_t emit(unit *u, enum opcode op, unsigned x, unsigned a, unsigned b, unsigned c)
{
    *VEC_ADD(u, &u->insn, insn) =
        (insn){(uint8_t)op, (uint8_t)x, (uint16_t)a, (uint16_t)b, (uint16_t)c};
    const ast *at = u->at;
    pos *p = VEC_ADD(u, &u->pos, pos);
    if (at) *p = (pos){at->line, at->end_line, at->col, at->end_col};
    return u->insn.n - 1;
}

void emit_return(unit *u, enum opcode op, unsigned a)
{
    emit(u, op, 0, a, u->top, 0);
}

uint32_t emit_jump(unit *u, enum opcode op, unsigned x, unsigned a)
{
    return emit(u, op, x, a, 0, 0);
}

static void set_jump(unit *u, uint32_t at, uint32_t to)
{
    insn *i = &VEC_AT(&u->insn, insn)[at];
    int32_t d = (int32_t)to - (int32_t)at;
    if (!(insn_roles[i->op] & JUMP_C)) {
        i->b = (uint16_t)(uint32_t)d;
        i->c = (uint16_t)((uint32_t)d >> 16);
    } else if (d >= INT16_MIN && d <= INT16_MAX)
        i->c = (uint16_t)(int16_t)d;
    else if (u->at)
        fail_at(u, u->at, "a block of statements is too large");
}

void patch(unit *u, uint32_t at)
{
    set_jump(u, at, here(u));
}

void patch_all(unit *u, const vec *jumps)
{
    for (uint32_t i = 0; i < jumps->n; i++) patch(u, VEC_AT(jumps, uint32_t)[i]);
}

void add_jump(unit *u, vec *jumps, uint32_t at)
{
    *VEC_ADD(u, jumps, uint32_t) = at;
}

void jump_back(unit *u, uint32_t to)
{
    set_jump(u, emit_jump(u, I_LOOP, 0, 0), to);
}

uint16_t temp(unit *u)
{
    if (u->top >= 0xff00) fail_at(u, u->at ? u->at : u->s->node, "too many values at once");
    uint32_t t = u->top++;
    if (u->top > u->max) u->max = u->top;
    return (uint16_t)t;
}

void top_to(unit *u, uint32_t top)
{
    u->top = top;
}

unsigned dest(unit *u, int want)
{
    return want == ANY ? temp(u) : (unsigned)want;
}

unsigned settle(unit *u, unsigned reg, int want)
{
    if (want == ANY || (unsigned)want == reg) return reg;
    emit(u, is_temp(u, reg) ? I_TAKE : I_MOVE, 0, reg, 0, (unsigned)want);
    return (unsigned)want;
}

/* ---- constants and caches ---- */

static bool same_konst(const konst *a, const konst *b)
{
    if (a->type != b->type || a->n != b->n) return false;
    switch (a->type) {
    case K_BIGINT:
    case K_STR:
    case K_BYTES: return memcmp(a->s, b->s, a->n) == 0;
    case K_TUPLE:
    case K_FROZENSET:
        for (size_t i = 0; i < a->n; i++) {
            if (!same_konst(&a->items[i], &b->items[i])) return false;
        }
        return true;
    default: return a->i == b->i; /* floats by their bits: 0.0 and -0.0 differ */
    }
}

uint32_t konst_of(unit *u, konst k)
{
    uint32_t n = u->konst.n;
    for (uint32_t i = n; i-- > 0 && n - i < 400;) {
        if (same_konst(&VEC_AT(&u->konst, konst)[i], &k)) return i;
    }
    *VEC_ADD(u, &u->konst, konst) = k;
    return n;
}

uint32_t konst_str(unit *u, const char *s)
{
    size_t n = strlen(s);
    return konst_of(u, (konst){.type = K_STR, .n = n, .s = arena_dup(&u->code->mem, s, n)});
}

static const uint8_t konst_types[] = {
    [C_NONE] = K_NONE, [C_FALSE] = K_FALSE,   [C_TRUE] = K_TRUE,   [C_ELLIPSIS] = K_ELLIPSIS,
    [C_INT] = K_INT,   [C_BIGINT] = K_BIGINT, [C_FLOAT] = K_FLOAT, [C_IMAG] = K_COMPLEX,
    [C_STR] = K_STR,   [C_BYTES] = K_BYTES,
};

konst konst_make(unit *u, const ast *x)
{
    konst k = {.type = konst_types[x->Constant.type]};
    if (k.type == K_STR || k.type == K_BYTES || k.type == K_BIGINT) {
        k.n = x->Constant.s.n;
        k.s = arena_dup(&u->code->mem, x->Constant.s.at, k.n);
    } else if (k.type == K_FLOAT || k.type == K_COMPLEX)
        k.f = x->Constant.f;
    else if (k.type == K_INT)
        k.i = x->Constant.i;
    return k;
}

uint32_t konst_ast(unit *u, const ast *x)
{
    return konst_of(u, konst_make(u, x));
}

void load_konst(unit *u, uint32_t k, unsigned reg)
{
    emit(u, I_LOADK, 0, k & 0xffff, k >> 16, reg);
}

uint16_t site_of(unit *u, const char *name)
{
    typedef struct name_text site_name;
    uint32_t n = u->site.n;
    if (n >= 60000) { /* share: correct, only slower */
        for (uint32_t i = 0; i < n; i++) {
            if (strcmp(VEC_AT(&u->site, site_name)[i].at, name) == 0) return (uint16_t)i;
        }
        if (n >= 65500) fail_at(u, u->at ? u->at : u->s->node, "too many names");
    }
    size_t len = strlen(name);
    *VEC_ADD(u, &u->site, site_name) = (site_name){arena_dup(&u->code->mem, name, len), len};
    return (uint16_t)n;
}

/* ---- names ---- */

static bool is_function(const unit *u)
{
    return u->s->kind == SCOPE_FUNCTION || u->s->kind == SCOPE_COMP;
}

enum place { IN_LOCAL, IN_CELL, IN_FREE, IN_GLOBAL, IN_NAMESPACE, IN_CLASS_FREE };

static enum place place_of(unit *u, const char *name, symbol **out)
{
    symbol *y = *out = scope_find(u->s, name);
    uint32_t f = y ? y->flags : 0;
    if (f & SYM_GLOBAL) return IN_GLOBAL;
    if (is_function(u)) {
        if (f & SYM_FREE) return IN_FREE;
        if (f & SYM_CELL) return IN_CELL;
        return f & SYM_BOUND ? IN_LOCAL : IN_GLOBAL;
    }
    if (u->s->kind == SCOPE_CLASS) {
        return f & SYM_FREE && (f & SYM_NONLOCAL) ? IN_FREE
               : f & SYM_FREE && !(f & SYM_BOUND) ? IN_CLASS_FREE
                                                  : IN_NAMESPACE;
    }
    return u->c->flags & COMPILE_NAMESPACE ? IN_NAMESPACE : IN_GLOBAL;
}

static const char *mangled(unit *u, const char *name)
{
    return mangle(u->c->mem, u->s->private_class, name);
}

int local_of(unit *u, const char *name)
{
    symbol *y;
    return place_of(u, mangled(u, name), &y) == IN_LOCAL ? y->reg : -1;
}

void set_bound(unit *u, int reg, bool yes)
{
    if (reg >= 0 && (uint32_t)reg < u->nlocal && u->bound[reg] != 2) u->bound[reg] = yes;
}

uint8_t *save_bound(unit *u)
{
    uint8_t *b = arena_alloc(u->c->mem, u->nlocal + 1);
    memcpy(b, u->bound, u->nlocal);
    return b;
}

void restore_bound(unit *u, const uint8_t *b)
{
    memcpy(u->bound, b, u->nlocal);
}

void meet_bound(unit *u, const uint8_t *b)
{
    for (uint32_t i = 0; i < u->nlocal; i++) {
        if (u->bound[i] == 1 && b[i] == 0) u->bound[i] = 0;
    }
}

unsigned load_name(unit *u, const char *name, int want)
{
    symbol *y;
    name = mangled(u, name);
    switch (place_of(u, name, &y)) {
    case IN_LOCAL:
        if (u->bound[y->reg] != 1) emit(u, I_CHECK, 0, (unsigned)y->reg, 0, 0);
        if (want == ANY) return (unsigned)y->reg;
        if (want != y->reg) emit(u, I_MOVE, 0, (unsigned)y->reg, 0, (unsigned)want);
        return (unsigned)want;
    case IN_CELL: emit(u, I_DEREF, 0, (unsigned)y->reg, 0, dest(u, want)); break;
    case IN_FREE: emit(u, I_FREE, 0, (unsigned)y->free, 0, dest(u, want)); break;
    case IN_CLASS_FREE:
        emit(u, I_CLASSFREE, 0, (unsigned)y->free, site_of(u, name), dest(u, want));
        break;
    case IN_GLOBAL: emit(u, I_GLOBAL, 0, 0, site_of(u, name), dest(u, want)); break;
    case IN_NAMESPACE: emit(u, I_NAME, 0, 0, site_of(u, name), dest(u, want)); break;
    }
    return VEC_AT(&u->insn, insn)[u->insn.n - 1].c;
}

void store_name(unit *u, const char *name, unsigned reg)
{
    symbol *y;
    name = mangled(u, name);
    switch (place_of(u, name, &y)) {
    case IN_LOCAL:
        if ((unsigned)y->reg != reg) {
            emit(u, is_temp(u, reg) ? I_TAKE : I_MOVE, 0, reg, 0, (unsigned)y->reg);
        }
        set_bound(u, y->reg, true);
        break;
    case IN_CELL: emit(u, I_SETDEREF, 0, (unsigned)y->reg, reg, 0); break;
    case IN_FREE: emit(u, I_SETFREE, 0, (unsigned)y->free, reg, 0); break;
    case IN_GLOBAL: emit(u, I_SETGLOBAL, 0, reg, site_of(u, name), 0); break;
    case IN_CLASS_FREE:
    case IN_NAMESPACE: emit(u, I_SETNAME, 0, reg, site_of(u, name), 0); break;
    }
}

void delete_name(unit *u, const char *name)
{
    symbol *y;
    name = mangled(u, name);
    switch (place_of(u, name, &y)) {
    case IN_LOCAL: emit(u, I_UNBIND, 0, (unsigned)y->reg, 0, 0); break;
    case IN_CELL: emit(u, I_DELDEREF, 0, (unsigned)y->reg, 0, 0); break;
    case IN_FREE: emit(u, I_DELFREE, 0, (unsigned)y->free, 0, 0); break;
    case IN_GLOBAL: emit(u, I_DELGLOBAL, 0, 0, site_of(u, name), 0); break;
    case IN_CLASS_FREE:
    case IN_NAMESPACE: emit(u, I_DELNAME, 0, 0, site_of(u, name), 0); break;
    }
}

/* ---- units ---- */

static void drop_code(datum *d)
{
    bytecode *c = (bytecode *)d;
    for (uint32_t i = 0; i < c->nsub; i++) datum_unref((void *)(uintptr_t)c->sub[i]);
    arena mem = c->mem;
    arena_clear(&mem);
    mem_free(c);
}

const datum_kind code_kind = {
    .name = "code", .drop = drop_code, .save = code_save, .load = code_load};

void code_unref(bytecode *c)
{
    datum_unref(c);
}

static const char *qualname(unit *u, const char *name)
{
    unit *o = u->outer;
    if (!o || o->s->kind == SCOPE_MODULE) return name;
    symbol *y = scope_find(o->s, name);
    if (y && y->flags & SYM_GLOBAL) return name;
    strbuf b = {0};
    sb_addf(&b, "%s.%s%s", o->code->qualname, o->s->kind == SCOPE_CLASS ? "" : "<locals>.", name);
    const char *s = arena_dup(&u->code->mem, sb_text(&b), b.n);
    sb_clear(&b);
    return s;
}

static void number_names(unit *u)
{
    for (uint32_t i = 0; i < u->s->n; i++) {
        symbol *y = u->s->sym[i];
        if (y->flags & SYM_FREE) {
            y->free = (int)u->nfree++;
            *VEC_ADD(u, &u->free_names, const char *) = y->name;
        }
    }
    if (!is_function(u)) return;
    for (uint32_t i = 0; i < u->s->n; i++) { /* parameters have their registers */
        symbol *y = u->s->sym[i];
        if (!(y->flags & SYM_BOUND) || y->flags & (SYM_GLOBAL | SYM_FREE) || y->reg >= 0) continue;
        y->reg = (int)u->nlocal++;
    }
}

unit *unit_open(compiler *c, unit *outer, scope *s, const char *name)
{
    unit *u = ARENA_NEW(c->mem, unit);
    bytecode *b = mem_zero(sizeof *b);
    datum_init(&b->hdr, &code_kind);
    *u = (unit){.c = c, .outer = outer, .s = s, .code = b, .at = s->node};
    for (uint32_t i = 0; i < s->n; i++) s->sym[i]->reg = -1; /* a finally body is compiled twice */
    b->name = arena_dup(&b->mem, name, strlen(name));
    b->qualname = arena_dup(&b->mem, qualname(u, name), strlen(qualname(u, name)));
    b->filename = arena_dup(&b->mem, c->filename, strlen(c->filename));
    b->line = s->node->line ? s->node->line : 1;
    b->self_class = -1;
    if (s->kind == SCOPE_CLASS) b->flags |= CODE_CLASS;
    if (s->kind == SCOPE_MODULE) b->flags |= CODE_MODULE;
    if (s->writes_outside) b->flags |= CODE_HOME;
    return u;
}

static void add_param(unit *u, const char *name)
{
    symbol *y = scope_find(u->s, mangled(u, name));
    y->reg = (int)u->nlocal++;
    u->nparam++;
}

/* Registers and prologue. args NULL: none (.0 of comprehensions is one). */
void unit_params(unit *u, const ast *args)
{
    bytecode *b = u->code;
    if (args) {
        for (size_t i = 0; i < args->arguments.posonlyargs.n; i++)
            add_param(u, args->arguments.posonlyargs.at[i]->arg.arg.at);
        b->posonly = u->nparam;
        for (size_t i = 0; i < args->arguments.args.n; i++)
            add_param(u, args->arguments.args.at[i]->arg.arg.at);
        b->argcount = u->nparam;
        for (size_t i = 0; i < args->arguments.kwonlyargs.n; i++)
            add_param(u, args->arguments.kwonlyargs.at[i]->arg.arg.at);
        b->kwonly = u->nparam - b->argcount;
        if (args->arguments.vararg) {
            add_param(u, args->arguments.vararg->arg.arg.at);
            b->flags |= CODE_VARARGS;
        }
        if (args->arguments.kwarg) {
            add_param(u, args->arguments.kwarg->arg.arg.at);
            b->flags |= CODE_VARKW;
        }
    } else if (u->s->kind == SCOPE_COMP) {
        add_param(u, ".0");
        b->argcount = 1;
    }
    number_names(u);
    if (u->s->kind == SCOPE_CLASS && u->s->class_cell) {
        b->flags |= CODE_CLASSCELL;
        b->class_cell = (uint16_t)u->nlocal++;
    }
    u->top = u->max = u->nlocal;
    u->bound = arena_alloc(u->c->mem, u->nlocal + 1);
    for (uint32_t i = 0; i < u->nparam; i++) u->bound[i] = 1;
    for (uint32_t i = 0; i < u->s->n && is_function(u); i++) {
        symbol *y = u->s->sym[i];
        if (y->reg < 0 || y->flags & (SYM_GLOBAL | SYM_FREE)) continue;
        if (y->flags & SYM_DEL) u->bound[y->reg] = 2; /* never sure */
        if (y->flags & SYM_CELL) {
            emit(u, I_CELL, 0, (unsigned)y->reg, 0, 0);
            *VEC_ADD(u, &u->cells, uint16_t) = (uint16_t)y->reg;
        }
    }
    if (b->flags & CODE_CLASSCELL) emit(u, I_CELL, 0, b->class_cell, 0, 0);
    bool gen = u->s->generator || u->s->coroutine;
    if (gen) {
        b->flags |= u->s->generator && u->s->coroutine ? CODE_ASYNC_GEN
                    : u->s->coroutine                  ? CODE_COROUTINE
                                                       : CODE_GENERATOR;
        emit(u, I_GENERATOR, 0, 0, 0, 0);
    }
    if (!gen && b->argcount == u->nparam) b->flags |= CODE_SIMPLE;
}

static const void *moved(bytecode *b, const vec *v, size_t size)
{
    if (v->n == 0) return NULL;
    void *p = arena_alloc(&b->mem, v->n * size);
    memcpy(p, v->at, v->n * size);
    return p;
}

static const char **texts(bytecode *b, const vec *v)
{
    const char **out = arena_alloc(&b->mem, (v->n + 1) * sizeof *out);
    for (uint32_t i = 0; i < v->n; i++) {
        const char *s = VEC_AT(v, const char *)[i];
        out[i] = arena_dup(&b->mem, s, strlen(s));
    }
    return out;
}

bytecode *unit_close(unit *u)
{
    bytecode *b = u->code;
    vec names = {0};
    for (uint32_t i = 0; i < u->nlocal; i++) *VEC_ADD(u, &names, const char *) = "__class__";
    for (uint32_t i = 0; i < u->s->n && is_function(u); i++) {
        symbol *y = u->s->sym[i];
        if (y->reg >= 0) VEC_AT(&names, const char *)[y->reg] = y->name;
    }
    for (uint32_t i = 0; i < u->free_names.n; i++) {
        if (strcmp(VEC_AT(&u->free_names, const char *)[i], "__class__") == 0)
            b->self_class = (int32_t)i;
    }
    mark_last_locals(u);
    mark_loaded_calls(u);
    b->local = texts(b, &names);
    b->free = texts(b, &u->free_names);
    b->nfree = u->nfree;
    b->nlocal = u->nlocal;
    b->nreg = u->max + 1;
    b->nparam = u->nparam;
    b->ninsn = u->insn.n;
    b->nkonst = u->konst.n;
    b->nsite = u->site.n;
    b->nsub = u->sub.n;
    b->nrange = u->range.n;
    b->ncell = u->cells.n;
    b->insn = moved(b, &u->insn, sizeof(insn));
    b->pos = moved(b, &u->pos, sizeof(pos));
    b->konst = moved(b, &u->konst, sizeof(konst));
    b->site = (void *)(uintptr_t)moved(b, &u->site, sizeof(struct name_text));
    b->sub = (const bytecode *const *)moved(b, &u->sub, sizeof(bytecode *));
    b->range = moved(b, &u->range, sizeof(range));
    b->cell = moved(b, &u->cells, sizeof(uint16_t));
    return b;
}

/* ---- the whole tree ---- */

static void module_body(unit *u, const ast *tree)
{
    if (tree->kind == N_Expression) {
        emit_return(u, I_RETURN, expr(u, tree->Expression.body, ANY));
        return;
    }
    ast_list body = tree->kind == N_Module ? tree->Module.body : tree->Interactive.body;
    const ast *doc = tree->kind == N_Module ? docstring(body) : NULL;
    if (u->s->has_annotations) emit(u, I_ANNOT, 0, 0, 0, 0);
    if (doc) {
        u->at = doc;
        unsigned t = temp(u);
        load_konst(u, konst_ast(u, doc), t);
        store_name(u, "__doc__", t);
        top_to(u, t);
    }
    if (u->c->flags & COMPILE_ECHO && body.n && body.at[body.n - 1]->kind == N_Expr) {
        u->last = body.at[body.n - 1];
    }
    statements(u, body);
    emit_return(u, I_RETURNK, konst_of(u, (konst){.type = K_NONE}));
}

bytecode *compile(arena *mem, const ast *tree, const char *filename, unsigned flags,
                  syntax_error *why)
{
    compiler c = {.mem = mem, .why = why, .filename = filename, .flags = flags};
    c.table = (symtab){
        .mem = mem, .why = why, .filename = filename, .top_await = (flags & COMPILE_AWAIT) != 0};
    annotations_to_text(&c, tree);
    if (!symtab_build(&c.table, tree)) return NULL;
    c.watched = watched_by(tree);
    unit *u = unit_open(&c, NULL, c.table.top, "<module>");
    unit_params(u, NULL);
    module_body(u, tree);
    if (flags & COMPILE_ALONE && why->kind == NO_ERR) mark_last_names(u);
    bytecode *b = unit_close(u);
    if (why->kind == NO_ERR) return b;
    code_unref(b);
    return NULL;
}
