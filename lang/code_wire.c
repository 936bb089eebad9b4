/* lang/code_wire.c - bytecode as bytes.
 *
 * Instructions are written as they are: only a program with the same set of them may read them,
 * which a sum over their names tells.  The reader trusts the rest: messages carry a sum. */
#include <string.h>

#include "engine/base/wire.h"
#include "lang/code.h"
#include "lang/pack.h"

enum { MOST_DEPTH = 200 };

static uint64_t edition(void)
{
    static const char *const name[] = {
#define OPCODE(name, roles, doc) #name,
#include "lang/opcode.def"
    };
    uint64_t h = sizeof(bytecode) + sizeof(insn) * 1000 + K_FROZENSET;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        h = hash_bytes(name[i], strlen(name[i]), h);
    return h;
}

/* ---- writing ---- */

static void put_text(wire_out *w, const char *s)
{
    wire_text(w, s, s ? strlen(s) : 0);
}

static void put_konst(wire_out *w, const konst *k)
{
    wire_u8(w, k->type);
    wire_u64(w, k->n);
    switch (k->type) {
    case K_BIGINT:
    case K_STR:
    case K_BYTES: wire_bytes(w, k->s, k->n); break;
    case K_TUPLE:
    case K_FROZENSET:
        for (size_t i = 0; i < k->n; i++) put_konst(w, &k->items[i]);
        break;
    default: wire_u64(w, (uint64_t)k->i);
    }
}

static void put_places(wire_out *w, const bytecode *c)
{
    pos *all = c->pos ? NULL : mem_alloc((c->ninsn + 1) * sizeof *all);
    if (all) unpack_places(c->packed_pos, c->ninsn, all);
    wire_bytes(w, all ? all : c->pos, c->ninsn * sizeof *all);
    mem_free(all);
}

bool code_save(const datum *d, wire_out *w, err *e)
{
    const bytecode *c = (const bytecode *)(const void *)d;
    wire_u64(w, edition());
    put_text(w, c->name);
    put_text(w, c->qualname);
    put_text(w, c->filename);
    wire_text(w, c->doc, c->doc_n);
    wire_text(w, c->source, c->source_n);
    const uint32_t number[] = {c->line,   c->flags,  c->argcount, c->posonly, c->kwonly,
                               c->nparam, c->nlocal, c->nreg,     c->ninsn,   c->nkonst,
                               c->nsite,  c->nsub,   c->nrange,   c->ncell,   c->nfree};
    wire_bytes(w, number, sizeof number);
    wire_u32(w, (uint32_t)c->self_class);
    wire_u32(w, c->class_cell);
    wire_bytes(w, c->insn, c->ninsn * sizeof *c->insn);
    put_places(w, c);
    wire_bytes(w, c->range, c->nrange * sizeof *c->range);
    wire_bytes(w, c->cell, c->ncell * sizeof *c->cell);
    for (uint32_t i = 0; i < c->nkonst; i++) put_konst(w, &c->konst[i]);
    for (uint32_t i = 0; i < c->nsite; i++) wire_text(w, c->site[i].at, c->site[i].n);
    for (uint32_t i = 0; i < c->nlocal; i++) put_text(w, c->local[i]);
    for (uint32_t i = 0; i < c->nfree; i++) put_text(w, c->free[i]);
    for (uint32_t i = 0; i < c->nsub; i++)
        TRY(wire_datum(w, (datum *)(uintptr_t)&c->sub[i]->hdr, e));
    return true;
}

/* ---- reading ---- */

static const char *get_text(wire_in *r, arena *a, size_t *n)
{
    size_t k;
    const char *s = wire_get_text(r, &k);
    if (n) *n = k;
    return s ? arena_dup(a, s, k) : NULL;
}

static void *get_array(wire_in *r, arena *a, size_t n, size_t size)
{
    const char *s = n < UINT32_MAX ? wire_peek(r, n * size) : NULL;
    void *p = s ? arena_alloc(a, n * size + 1) : NULL;
    if (p) memcpy(p, s, n * size);
    return p;
}

static bool get_konst(wire_in *r, arena *a, konst *k, int depth)
{
    k->type = (uint8_t)wire_get_u8(r);
    k->n = wire_get_u64(r);
    if (r->bad || k->type > K_FROZENSET || depth > MOST_DEPTH) return false;
    if (k->type == K_BIGINT || k->type == K_STR || k->type == K_BYTES) {
        const char *s = wire_peek(r, k->n);
        k->s = s ? arena_dup(a, s, k->n) : NULL;
        return s != NULL;
    }
    if (k->type != K_TUPLE && k->type != K_FROZENSET) {
        k->i = (int64_t)wire_get_u64(r);
        return !r->bad;
    }
    if (k->n > (size_t)(r->end - r->p)) return false;
    konst *item = arena_alloc(a, k->n * sizeof *item + 1);
    k->items = item;
    for (size_t i = 0; i < k->n; i++) TRY(get_konst(r, a, &item[i], depth + 1));
    return true;
}

static bool get_numbers(wire_in *r, bytecode *c)
{
    uint32_t number[15];
    wire_get(r, number, sizeof number);
    uint32_t *to[] = {&c->line,   &c->flags,  &c->argcount, &c->posonly, &c->kwonly,
                      &c->nparam, &c->nlocal, &c->nreg,     &c->ninsn,   &c->nkonst,
                      &c->nsite,  &c->nsub,   &c->nrange,   &c->ncell,   &c->nfree};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) *to[i] = number[i];
    c->self_class = (int32_t)wire_get_u32(r);
    c->class_cell = (uint16_t)wire_get_u32(r);
    size_t left = (size_t)(r->end - r->p);
    return !r->bad && c->ninsn <= left && c->nkonst <= left && c->nsite <= left &&
           c->nsub <= left && c->nlocal <= left && c->nfree <= left && c->nlocal <= c->nreg &&
           c->nparam <= c->nlocal;
}

static bool get_names(wire_in *r, bytecode *c)
{
    struct name_text *names = arena_alloc(&c->mem, c->nsite * sizeof *names + 1);
    for (uint32_t i = 0; i < c->nsite; i++) {
        names[i].at = get_text(r, &c->mem, &names[i].n);
        if (!names[i].at) return false;
    }
    c->site = names;
    c->local = arena_alloc(&c->mem, c->nlocal * sizeof *c->local + 1);
    c->free = arena_alloc(&c->mem, c->nfree * sizeof *c->free + 1);
    for (uint32_t i = 0; i < c->nlocal; i++) c->local[i] = get_text(r, &c->mem, NULL);
    for (uint32_t i = 0; i < c->nfree; i++) c->free[i] = get_text(r, &c->mem, NULL);
    return !r->bad;
}

static bool get_subs(wire_in *r, bytecode *c, uint32_t n, err *e)
{
    const bytecode **sub = arena_alloc(&c->mem, n * sizeof *sub + 1);
    c->sub = sub;
    c->nsub = 0; /* how many are there to be let go of */
    for (uint32_t i = 0; i < n; i++) {
        datum *d;
        TRY(wire_get_datum(r, &d, e));
        sub[i] = as_bytecode(d);
        if (!sub[i]) return datum_unref(d), false;
        c->nsub++;
    }
    return true;
}

static bool get_code(wire_in *r, bytecode *c, err *e)
{
    if (wire_get_u64(r) != edition()) {
        err_set(e, ValueError, "functions of another version of this program cannot be read");
        return false;
    }
    arena *a = &c->mem;
    c->name = get_text(r, a, NULL);
    c->qualname = get_text(r, a, NULL);
    c->filename = get_text(r, a, NULL);
    c->doc = get_text(r, a, &c->doc_n);
    c->source = get_text(r, a, &c->source_n);
    bool ok = get_numbers(r, c);
    uint32_t nsub = c->nsub;
    c->nsub = 0;
    if (!ok || !c->name || !c->qualname || !c->filename) return false;
    c->insn = get_array(r, a, c->ninsn, sizeof *c->insn);
    c->pos = get_array(r, a, c->ninsn, sizeof *c->pos);
    c->range = get_array(r, a, c->nrange, sizeof *c->range);
    c->cell = get_array(r, a, c->ncell, sizeof *c->cell);
    if (!c->insn || !c->pos || !c->range || !c->cell) return false;
    for (uint32_t i = 0; i < c->ninsn; i++) TRY(c->insn[i].op < NOPCODE);
    konst *k = arena_alloc(a, c->nkonst * sizeof *k + 1);
    c->konst = k;
    for (uint32_t i = 0; i < c->nkonst; i++) TRY(get_konst(r, a, &k[i], 0));
    return get_names(r, c) && get_subs(r, c, nsub, e);
}

void *code_load(wire_in *r, err *e)
{
    bytecode *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &code_kind);
    if (get_code(r, c, e)) return c;
    if (!e->kind) wire_bad(r, e);
    datum_unref(c);
    return NULL;
}
