/* lang/compile_last.c - where values are read for the last time: a pass over finished bytecode.
 *
 * Backward dataflow over basic blocks, with the rows of the exception table as edges.  The
 * variables are the locals of a function, or the names of a program's own module.  An instruction
 * that reads one which nobody reads again is marked: MOVE becomes LAST, GLOBAL becomes LASTGLOBAL,
 * others get DIES_A or DIES_B.  When it runs, a value whose end nobody sees (value_quiet) leaves
 * the variable; None stays, so that `del` finds something. */
#include "engine/base/hash.h"
#include "lang/compile_impl.h"

enum { MOST_INSNS = 30000, MOST_BITS = 1 << 23, NONE_AT = -1 };

typedef struct place { /* a name */
    const char *name;
    int32_t number; /* of its variable, or NONE_AT */
    bool taken;     /* other code uses it, at any time */
} place;

typedef struct names { /* open addressing */
    place *at;
    uint32_t cap;
    const bytecode **runs; /* the comprehension that an instruction calls, or NULL */
    const int32_t *of;     /* the variable of each site, or NONE_AT */
} names;

const uint16_t insn_roles[NOPCODE] = {
#define OPCODE(name, roles, doc) roles,
#include "lang/opcode.def"
};

typedef struct flow {
    insn *at;
    const range *range;
    uint32_t n, nrange, nvar, nword, nblock;
    const names *names; /* of a module; NULL: the variables are locals */
    uint32_t *start;    /* of blocks, and the end */
    int32_t *block;     /* that begins at an instruction, or NONE_AT */
    int32_t *handler;   /* of a block: the block where exceptions continue, or NONE_AT */
    uint64_t *in;       /* nword for each block: what is alive where it begins */
} flow;

static bool has(const uint64_t *bits, uint32_t v)
{
    return bits[v / 64] >> v % 64 & 1;
}

static void add(uint64_t *bits, uint32_t v)
{
    bits[v / 64] |= (uint64_t)1 << v % 64;
}

static void cut(uint64_t *bits, uint32_t v)
{
    bits[v / 64] &= ~((uint64_t)1 << v % 64);
}

static void add_all(const flow *f, uint64_t *bits, const uint64_t *more)
{
    for (uint32_t k = 0; k < f->nword; k++) bits[k] |= more[k];
}

static uint64_t *alive_in(const flow *f, int32_t number)
{
    return f->in + (size_t)number * f->nword;
}

/* ---- blocks ---- */

static int32_t jump_target(const insn *i, uint32_t at)
{
    const unsigned roles = insn_roles[i->op];
    if (roles & JUMP_C) return (int32_t)at + (int16_t)i->c;
    if (roles & JUMP_BC) return (int32_t)at + (int32_t)((uint32_t)i->b | (uint32_t)i->c << 16);
    return NONE_AT;
}

static void begin_at(flow *f, int64_t at)
{
    if (at >= 0 && at < f->n) f->block[at] = 0;
}

static int32_t handler_at(const flow *f, uint32_t at)
{
    for (uint32_t i = 0; i < f->nrange; i++) {
        const range *g = &f->range[i];
        if (at >= g->from && at < g->to && g->kind == RANGE_CATCH) return f->block[g->target];
    }
    return NONE_AT;
}

static void find_blocks(flow *f, arena *mem)
{
    for (uint32_t i = 0; i < f->n; i++) f->block[i] = NONE_AT;
    begin_at(f, 0);
    for (uint32_t i = 0; i < f->n; i++) {
        int32_t to = jump_target(&f->at[i], i);
        if (to >= 0) begin_at(f, to);
        if (to >= 0 || insn_roles[f->at[i].op] & ENDS) begin_at(f, (int64_t)i + 1);
    }
    for (uint32_t i = 0; i < f->nrange; i++) {
        const range *g = &f->range[i];
        begin_at(f, g->from);
        begin_at(f, g->to);
        if (g->kind == RANGE_CATCH) begin_at(f, g->target);
    }
    f->start = arena_alloc(mem, ((size_t)f->n + 1) * sizeof *f->start);
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->block[i] == NONE_AT) continue;
        f->block[i] = (int32_t)f->nblock;
        f->start[f->nblock++] = i;
    }
    f->start[f->nblock] = f->n;
    f->handler = arena_alloc(mem, f->nblock * sizeof *f->handler);
    for (uint32_t b = 0; b < f->nblock; b++) f->handler[b] = handler_at(f, f->start[b]);
}

/* ---- what an instruction reads and writes ---- */

/* as bits A, B, C of roles: those of its registers that are variables */
static unsigned locals_of(const flow *f, const insn *i, unsigned roles)
{
    return roles & ((i->a < f->nvar ? USE_A | DEF_A : 0u) | (i->b < f->nvar ? USE_B | DEF_B : 0u) |
                    (i->c < f->nvar ? USE_C | DEF_C : 0u));
}

static place *place_of(const names *all, const char *name)
{
    uint32_t i = (uint32_t)hash_bytes(name, strlen(name), 0);
    for (i &= all->cap - 1; all->at[i].name && strcmp(all->at[i].name, name) != 0;)
        i = (i + 1) & (all->cap - 1);
    return &all->at[i];
}

static bool reads_global(uint8_t op)
{
    return op == I_GLOBAL || op == I_GLOBALC;
}

static bool is_name_op(uint8_t op)
{
    return reads_global(op) || op == I_LASTGLOBAL || op == I_SETGLOBAL || op == I_DELGLOBAL ||
           op == I_NAME || op == I_SETNAME || op == I_DELNAME || op == I_CLASSFREE;
}

/* A comprehension runs where it stands: it reads names there. */
static void read_in(const names *all, const bytecode *c, uint64_t *alive)
{
    for (uint32_t i = 0; i < c->ninsn; i++) {
        const place *p =
            reads_global(c->insn[i].op) ? place_of(all, c->site[c->insn[i].b].at) : NULL;
        if (p && p->number >= 0) add(alive, (uint32_t)p->number);
    }
    for (uint32_t i = 0; i < c->nsub; i++) read_in(all, c->sub[i], alive);
}

static void names_before(const flow *f, const insn *i, uint64_t *alive)
{
    const bytecode *run = f->names->runs[i - f->at];
    if (run) read_in(f->names, run, alive);
    if (!is_name_op(i->op)) return;
    const int32_t v = f->names->of[i->b];
    if (v < 0) return;
    if (i->op == I_SETGLOBAL || i->op == I_DELGLOBAL)
        cut(alive, (uint32_t)v);
    else
        add(alive, (uint32_t)v);
}

static void locals_before(const flow *f, const insn *i, uint64_t *alive)
{
    const unsigned roles = locals_of(f, i, insn_roles[i->op]);
    if (i->op == I_UNPACK)
        for (uint32_t k = 0; k < i->b && i->c + k < f->nvar; k++) cut(alive, i->c + k);
    if (roles & DEF_A) cut(alive, i->a);
    if (roles & DEF_B && i->op != I_NEXT) cut(alive, i->b); /* NEXT: see alive_after() */
    if (roles & DEF_C) cut(alive, i->c);
    if (roles & USE_A) add(alive, i->a);
    if (roles & USE_B) add(alive, i->b);
    if (roles & USE_C) add(alive, i->c);
}

static void before(const flow *f, const insn *i, uint64_t *alive)
{
    if (f->names)
        names_before(f, i, alive);
    else
        locals_before(f, i, alive);
}

/* What is alive behind the last instruction of a block. */
static void alive_after(const flow *f, uint32_t b, uint64_t *alive)
{
    const uint32_t last = f->start[b + 1] - 1;
    const insn *i = &f->at[last];
    const int32_t to = jump_target(i, last);
    memset(alive, 0, f->nword * sizeof *alive);
    if (!(insn_roles[i->op] & ENDS) && b + 1 < f->nblock)
        add_all(f, alive, alive_in(f, (int32_t)b + 1));
    if (i->op == I_NEXT && !f->names && i->b < f->nvar) cut(alive, i->b); /* on this way only */
    if (to >= 0) add_all(f, alive, alive_in(f, f->block[to]));
}

static void solve(flow *f, uint64_t *alive)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t b = f->nblock; b-- > 0;) {
            alive_after(f, b, alive);
            for (uint32_t i = f->start[b + 1]; i-- > f->start[b];) before(f, &f->at[i], alive);
            if (f->handler[b] >= 0) add_all(f, alive, alive_in(f, f->handler[b]));
            uint64_t *in = alive_in(f, (int32_t)b);
            if (memcmp(in, alive, f->nword * sizeof *in) == 0) continue;
            memcpy(in, alive, f->nword * sizeof *in);
            changed = true;
        }
    }
}

/* ---- marking ---- */

static bool replaced(const insn *i, unsigned reg) /* by the result, without having changed itself */
{
    return insn_roles[i->op] & DEF_C && i->c == reg && !(i->x & INPLACE);
}

/* alive: behind the instruction, and in its handler; caught: in the handler */
static void mark_local(const flow *f, insn *i, const uint64_t *alive, const uint64_t *caught)
{
    const unsigned roles = locals_of(f, i, insn_roles[i->op]), may = insn_roles[i->op];
    const bool a = roles & USE_A && (replaced(i, i->a) ? !caught || !has(caught, i->a)
                                                       : !has(alive, i->a) && i->c != i->a);
    if (i->op == I_MOVE) {
        if (a && i->c != i->a) i->op = I_LAST;
        return;
    }
    if (a && may & ASK_A) i->x |= DIES_A;
    if (!(may & ASK_B) || !(roles & USE_B) || i->b == i->a) return;
    if (replaced(i, i->b) ? !caught || !has(caught, i->b) : !has(alive, i->b)) i->x |= DIES_B;
}

static void mark_name(const flow *f, insn *i, const uint64_t *alive)
{
    const int32_t v = i->op == I_GLOBAL ? f->names->of[i->b] : NONE_AT;
    if (v >= 0 && !has(alive, (uint32_t)v)) i->op = I_LASTGLOBAL;
}

static void mark(const flow *f, uint64_t *alive)
{
    for (uint32_t b = 0; b < f->nblock; b++) {
        const uint64_t *caught = f->handler[b] >= 0 ? alive_in(f, f->handler[b]) : NULL;
        alive_after(f, b, alive);
        for (uint32_t i = f->start[b + 1]; i-- > f->start[b];) {
            if (caught) add_all(f, alive, caught);
            if (f->names)
                mark_name(f, &f->at[i], alive);
            else
                mark_local(f, &f->at[i], alive, caught);
            before(f, &f->at[i], alive);
        }
    }
}

static void find_last(unit *u, uint32_t nvar, const names *all)
{
    arena *mem = u->c->mem;
    flow f = {.at = u->insn.at, .n = u->insn.n, .nvar = nvar, .nword = (nvar + 63) / 64};
    if (!nvar || f.n > MOST_INSNS || u->c->why->kind != NO_ERR) return;
    f.names = all;
    f.range = u->range.at;
    f.nrange = u->range.n;
    f.block = arena_alloc(mem, f.n * sizeof *f.block);
    find_blocks(&f, mem);
    if ((uint64_t)f.nblock * f.nword * 64 > MOST_BITS) return;
    f.in = arena_alloc(mem, (size_t)f.nblock * f.nword * sizeof *f.in);
    uint64_t *alive = arena_alloc(mem, f.nword * sizeof *alive);
    solve(&f, alive);
    mark(&f, alive);
}

/* ---- locals ---- */

void mark_last_locals(unit *u)
{
    if (u->c->watched & WATCHES_LOCALS || u->s->kind == SCOPE_MODULE || u->s->kind == SCOPE_CLASS)
        return;
    bool first = false; /* super() reads the first parameter */
    for (uint32_t i = 0; i < u->site.n; i++) {
        const char *name = VEC_AT(&u->site, struct name_text)[i].at;
        if (watches_here(name)) return;
        first = first || strcmp(name, "super") == 0;
    }
    if (!first) find_last(u, u->nlocal, NULL);
}

/* ---- names of the program ---- */

/* Is it run at once, and nothing that it makes runs later? */
static bool runs_in_place(const bytecode *c)
{
    static const char *const kinds[] = {"<listcomp>", "<setcomp>", "<dictcomp>"};
    bool yes = false;
    for (int k = 0; k < 3; k++) yes = yes || strcmp(c->name, kinds[k]) == 0;
    yes = yes && !(c->flags & (CODE_GENERATOR | CODE_COROUTINE | CODE_ASYNC_GEN));
    for (uint32_t i = 0; i < c->nsub; i++) yes = yes && runs_in_place(c->sub[i]);
    return yes;
}

/* Names that c uses; of a comprehension only those that it binds. */
static void take_names(const names *all, const bytecode *c, bool in_place)
{
    for (uint32_t i = 0; i < c->ninsn; i++)
        if (is_name_op(c->insn[i].op) && !(in_place && reads_global(c->insn[i].op)))
            place_of(all, c->site[c->insn[i].b].at)->taken = true;
    for (uint32_t i = 0; i < c->nsub; i++) take_names(all, c->sub[i], in_place);
}

/* FUNC makes the function of a comprehension, the next CALL of its register calls it. */
static void find_runs(const names *all, const insn *at, uint32_t n, bytecode *const *subs)
{
    for (uint32_t i = 0; i < n; i++) {
        const bytecode *c = at[i].op == I_FUNC ? subs[at[i].a] : NULL;
        const bool in_place = c && runs_in_place(c);
        if (c) take_names(all, c, in_place);
        uint32_t call = i + 1;
        while (in_place && call < n && !(at[call].op == I_CALL && at[call].a == at[i].c)) call++;
        if (in_place && call < n) all->runs[call] = c;
    }
}

static void add_names(const names *all, const insn *at, uint32_t n, const struct name_text *text)
{
    for (uint32_t i = 0; i < n; i++) {
        if (at[i].op != I_SETGLOBAL) continue;
        const char *name = text[at[i].b].at;
        *place_of(all, name) = (place){.name = name, .taken = strncmp(name, "__", 2) == 0};
    }
}

void mark_last_names(unit *u)
{
    arena *mem = u->c->mem;
    const uint32_t nsite = u->site.n;
    uint32_t nvar = 0;
    names all = {.cap = 64};
    if (u->c->watched) return;
    while (all.cap < 2 * nsite) all.cap *= 2;
    all.at = arena_alloc(mem, all.cap * sizeof *all.at);
    all.runs = arena_alloc(mem, u->insn.n * sizeof *all.runs);
    add_names(&all, u->insn.at, u->insn.n, u->site.at);
    find_runs(&all, u->insn.at, u->insn.n, u->sub.at);
    for (uint32_t i = 0; i < all.cap; i++)
        all.at[i].number = all.at[i].name && !all.at[i].taken ? (int32_t)nvar++ : NONE_AT;
    int32_t *of = arena_alloc(mem, (nsite + 1) * sizeof *of);
    for (uint32_t i = 0; i < nsite; i++)
        of[i] = place_of(&all, VEC_AT(&u->site, struct name_text)[i].at)->number;
    all.of = of;
    find_last(u, nvar, &all);
}
