/* lang/profile.c - counts and times of functions in progress (profile.h).
 *
 * A row per code, found by hashing its address; a row knows from which rows it was called. The
 * frames in progress stand on a stack of their own. Frames that were there before the profile
 * began are not on it; those that are still there at its end are taken as ended then. */
#include <time.h>

#include "engine/base/mem.h"
#include "lang/builtins.h"
#include "lang/exc.h"
#include "lang/profile.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"

typedef struct tally {
    int64_t calls, outer; /* outer: not from within itself */
    int64_t own, total;   /* nanoseconds */
    uint32_t level;       /* how many of it are in progress */
    uint32_t caller;      /* of an edge: the row it is for */
} tally;

typedef struct row {
    bytecode *code; /* counted */
    tally all;
    tally *from; /* a tally for each caller */
    uint32_t nfrom, cap;
} row;

typedef struct running {
    const frame *f;
    uint32_t row, edge;    /* edge: index in `from`; NOBODY: no caller */
    int64_t since, inside; /* inside: what its callees took */
} running;

static const uint32_t NOBODY = UINT32_MAX;

struct profile {
    row *rows;
    uint32_t n, cap;
    uint32_t *slot; /* rows by address of code, open addressing; row + 1, 0 is empty */
    uint32_t nslot;
    running *stack;
    uint32_t depth, room;
};

typedef struct profile profile;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- rows ---- */

static uint32_t *slot_of(const profile *p, const bytecode *code)
{
    uint32_t i = (uint32_t)(((uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> 32);
    for (;; i++) {
        uint32_t *s = &p->slot[i & (p->nslot - 1)];
        if (!*s || p->rows[*s - 1].code == code) return s;
    }
}

static void slots_grow(profile *p)
{
    mem_free(p->slot);
    p->nslot = p->nslot ? p->nslot * 2 : 256;
    p->slot = mem_zero(p->nslot * sizeof *p->slot);
    for (uint32_t i = 0; i < p->n; i++) *slot_of(p, p->rows[i].code) = i + 1;
}

static uint32_t row_of(profile *p, bytecode *code)
{
    if (p->n * 2 >= p->nslot) slots_grow(p);
    uint32_t *s = slot_of(p, code);
    if (*s) return *s - 1;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 128;
        p->rows = mem_grow(p->rows, p->cap * sizeof *p->rows);
    }
    p->rows[p->n] = (row){.code = datum_ref(code)};
    return (*s = ++p->n) - 1;
}

static uint32_t edge_of(row *r, uint32_t caller)
{
    for (uint32_t i = 0; i < r->nfrom; i++)
        if (r->from[i].caller == caller) return i;
    if (r->nfrom == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->from = mem_grow(r->from, r->cap * sizeof *r->from);
    }
    r->from[r->nfrom] = (tally){.caller = caller};
    return r->nfrom++;
}

static void tally_end(tally *t, int64_t own, int64_t total)
{
    t->calls++;
    t->own += own;
    if (--t->level) return;
    t->outer++;
    t->total += total;
}

/* ---- frames ---- */

void profile_enter(interp *in, frame *f)
{
    profile *p = in->profile;
    if (p->depth == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->stack = mem_grow(p->stack, p->room * sizeof *p->stack);
    }
    running *to = &p->stack[p->depth];
    *to = (running){.f = f, .row = row_of(p, f->link->code), .edge = NOBODY};
    row *r = &p->rows[to->row];
    if (p->depth) {
        to->edge = edge_of(r, to[-1].row);
        r->from[to->edge].level++;
    }
    r->all.level++;
    f->flags |= FRAME_NOTED;
    p->depth++;
    to->since = now();
}

static void top_end(profile *p, int64_t at)
{
    const running *top = &p->stack[--p->depth];
    int64_t total = at - top->since, own = total - top->inside;
    row *r = &p->rows[top->row];
    tally_end(&r->all, own, total);
    if (top->edge != NOBODY) tally_end(&r->from[top->edge], own, total);
    if (p->depth) p->stack[p->depth - 1].inside += total;
}

void profile_leave(interp *in, frame *f)
{
    profile *p = in->profile;
    f->flags &= (uint8_t)~FRAME_NOTED;
    if (!p) return;
    uint32_t at = p->depth;
    while (at && p->stack[at - 1].f != f) at--;
    if (!at) return; /* from before it began */
    int64_t t = now();
    while (p->depth >= at) top_end(p, t); /* those above it belong to other threads */
}

/* ---- begin and end ---- */

static void profile_free(profile *p)
{
    for (uint32_t i = 0; p && i < p->n; i++) {
        datum_unref(p->rows[i].code);
        mem_free(p->rows[i].from);
    }
    if (!p) return;
    mem_free(p->rows);
    mem_free(p->slot);
    mem_free(p->stack);
    mem_free(p);
}

static profile *profile_off(interp *in)
{
    profile *p = in->profile;
    in->profile = NULL;
    in->quick_limit = in->limit;
    return p;
}

void profile_start(interp *in)
{
    profile_free(profile_off(in));
    in->profile = mem_zero(sizeof *in->profile);
    in->quick_limit = 0;
}

void profile_close(interp *in)
{
    profile_free(profile_off(in));
}

static value seconds(int64_t ns)
{
    return v_float((double)ns * 1e-9);
}

/* Takes v. */
static void add(interp *in, list *l, value v)
{
    if (!is_fail(v)) list_append(in, l, v);
    value_unref(in, v);
}

static value callers(interp *in, const row *r)
{
    list *l = list_new(in, 0);
    for (uint32_t i = 0; l && i < r->nfrom; i++) {
        const tally *t = &r->from[i];
        add(in, l,
            v_obj(tuple_pack(in, 5, v_int(t->caller), v_int(t->calls), v_int(t->outer),
                             seconds(t->own), seconds(t->total))));
    }
    return v_obj(l);
}

static value shown(interp *in, const row *r)
{
    const bytecode *c = r->code;
    const tally *t = &r->all;
    return v_obj(tuple_pack(in, 8, v_str(in, c->filename ? c->filename : ""), v_int(c->line),
                            v_str(in, c->name), v_int(t->calls), v_int(t->outer), seconds(t->own),
                            seconds(t->total), callers(in, r)));
}

value profile_stop(interp *in)
{
    profile *p = profile_off(in);
    int64_t t = now();
    while (p && p->depth) top_end(p, t);
    list *l = list_new(in, 0);
    for (uint32_t i = 0; p && l && i < p->n; i++) add(in, l, shown(in, &p->rows[i]));
    profile_free(p);
    return v_obj(l);
}

/* ---- the module _profile ---- */

static value m_start(interp *in, const value *arg)
{
    (void)arg;
    profile_start(in);
    return NONE;
}

static value m_stop(interp *in, const value *arg)
{
    (void)arg;
    return profile_stop(in);
}

static const builtin functions[] = {
    {"start()", m_start, "Begins to count and time the functions that are called."},
    {"stop()", m_stop, "Ends that: rows of (file, line, name, calls, ...)."},
    {0},
};

const module_def profile_def = {
    .name = "_profile",
    .doc = "Which functions ran, how often and how long.",
    .table = functions,
};
