/* engine/graph/fn_wire.c - literals, packs and block operations as bytes. */
#include <string.h>

#include "engine/graph/fn_wire.h"

enum { MOST_DEPTH = 200 };

static bool items_save(const lit *x, wire_out *w, err *e)
{
    wire_u32(w, x->n);
    for (uint32_t i = 0; i < x->n; i++) TRY(lit_save(&x->item[i], w, e));
    return true;
}

bool lit_save(const lit *x, wire_out *w, err *e)
{
    wire_u8(w, x->kind);
    switch ((enum lit_kind)x->kind) {
    case LIT_NONE: return true;
    case LIT_BOOL:
    case LIT_INT:
    case LIT_FLOAT:
    case LIT_IN: return wire_u64(w, (uint64_t)x->i), true;
    case LIT_STR: return wire_text(w, x->s, strlen(x->s)), true;
    case LIT_DTYPE: return wire_bytes(w, &x->t, sizeof x->t), true;
    case LIT_SLICE: return wire_bytes(w, &x->slice, sizeof x->slice), true;
    case LIT_LIST:
    case LIT_TUPLE:
    case LIT_CALL: return items_save(x, w, e);
    case LIT_DATUM: return wire_u32(w, x->n), wire_datum(w, x->d, e);
    }
    return true;
}

static bool items_load(wire_in *r, arena *a, lit *out, err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > (size_t)(r->end - r->p)) return wire_bad(r, e), false; /* a byte each at least */
    lit *item = arena_alloc(a, n * sizeof(lit) + 1);
    out->item = item;
    bool ok = r->depth++ < MOST_DEPTH;
    for (uint32_t i = 0; ok && i < n; i++) {
        ok = lit_load(r, a, &item[i], e);
        out->n = i + 1; /* what is there, even when the rest fails */
    }
    r->depth--;
    return ok || (wire_bad(r, e), false);
}

bool lit_load(wire_in *r, arena *a, lit *out, err *e)
{
    *out = (lit){.kind = (uint8_t)wire_get_u8(r)};
    size_t n;
    const char *s;
    switch ((enum lit_kind)out->kind) {
    case LIT_NONE: break;
    case LIT_BOOL:
    case LIT_INT:
    case LIT_FLOAT:
    case LIT_IN: out->i = (int64_t)wire_get_u64(r); break;
    case LIT_STR:
        s = wire_get_text(r, &n);
        if (s) out->s = arena_dup(a, s, n);
        break;
    case LIT_DTYPE:
        wire_get(r, &out->t, sizeof out->t);
        if (out->t.dt >= NDTYPE && out->t.dt != DT_none) r->bad = true;
        break;
    case LIT_SLICE: wire_get(r, &out->slice, sizeof out->slice); break;
    case LIT_LIST:
    case LIT_TUPLE:
    case LIT_CALL: return items_load(r, a, out, e);
    case LIT_DATUM:
        out->n = wire_get_u32(r);
        if (!wire_get_datum(r, &out->d, e)) {
            out->kind = LIT_NONE;
            return false;
        }
        if (!out->d) r->bad = true;
        break;
    default: r->bad = true;
    }
    if (out->kind == LIT_STR && !out->s) r->bad = true;
    if (!r->bad) return true;
    if (out->kind > LIT_IN || (out->kind == LIT_DATUM && !out->d)) out->kind = LIT_NONE;
    return wire_bad(r, e), false;
}

bool litbox_save(const datum *d, wire_out *w, err *e)
{
    return lit_save(&((const litbox *)(const void *)d)->value, w, e);
}

void *litbox_load(wire_in *r, err *e)
{
    arena a = {0};
    lit x;
    litbox *b = lit_load(r, &a, &x, e) ? litbox_new(&x) : NULL;
    lit_release(&x);
    arena_clear(&a);
    return b;
}

bool pack_save(const datum *d, wire_out *w, err *e)
{
    const pack *p = (const pack *)(const void *)d;
    wire_u32(w, p->n);
    wire_u8(w, p->name != NULL);
    for (uint32_t i = 0; p->name && i < p->n; i++) wire_text(w, p->name[i], strlen(p->name[i]));
    for (uint32_t i = 0; i < p->n; i++) TRY(wire_datum(w, p->item[i], e));
    return true;
}

/* The names lie behind the items, in the same memory. */
static pack *pack_room(uint32_t n, bool named, wire_in *r)
{
    size_t size = sizeof(pack) + n * sizeof(datum *), text = 0;
    const char *back = r->p;
    for (uint32_t i = 0; named && i < n; i++) {
        size_t k;
        wire_get_text(r, &k);
        text += k + 1;
    }
    r->p = back;
    if (r->bad) return NULL;
    pack *p = mem_zero(size + (named ? n * sizeof(char *) + text : 0));
    datum_init(&p->hdr, &pack_kind);
    const char **name = (const char **)(void *)((char *)p + size);
    char *at = (char *)(name + n);
    for (uint32_t i = 0; named && i < n; i++) {
        size_t k;
        const char *s = wire_get_text(r, &k);
        if (s) memcpy(at, s, k);
        name[i] = at;
        at += k + 1;
    }
    p->name = named ? name : NULL;
    return p;
}

void *pack_load(wire_in *r, err *e)
{
    uint32_t n = wire_get_u32(r);
    bool named = wire_get_u8(r);
    if (n > (size_t)(r->end - r->p)) return wire_bad(r, e);
    pack *p = pack_room(n, named, r);
    for (uint32_t i = 0; p && i < n; i++) {
        bool ok = wire_get_datum(r, &p->item[i], e) && p->item[i];
        p->n = i + ok;
        if (ok) continue;
        datum_unref(p);
        return NULL;
    }
    return p;
}

/* ---- the parameters of fns ---- */

static void *member(const fn *f, const fn_field *p)
{
    return (char *)(uintptr_t)f + p->at;
}

static bool save_field(const fn *f, const fn_field *p, wire_out *w, err *e)
{
    void *at = member(f, p);
    const char *s;
    switch (p->kind) {
    case FIELD_RAW: wire_bytes(w, at, p->size); return true;
    case FIELD_COUNTED: return wire_datum(w, *(datum **)at, e);
    case FIELD_STRING:
        s = *(char **)at;
        wire_text(w, s, s ? strlen(s) : 0);
        return true;
    case FIELD_IN:
        s = *(const char **)at;
        wire_u32(w, s ? (uint32_t)((size_t)(s - (const char *)p->row) / p->step) : UINT32_MAX);
        return true;
    case FIELD_END: break;
    }
    return true;
}

static bool load_field(fn *f, const fn_field *p, wire_in *r, err *e)
{
    void *at = member(f, p);
    uint32_t i;
    switch (p->kind) {
    case FIELD_RAW: wire_get(r, at, p->size); break;
    case FIELD_COUNTED: return wire_get_datum(r, at, e);
    case FIELD_STRING: *(char **)at = wire_get_string(r); break;
    case FIELD_IN:
        i = wire_get_u32(r);
        if (i != UINT32_MAX && i >= p->n) return false;
        if (i != UINT32_MAX) *(const char **)at = (const char *)p->row + (size_t)i * p->step;
        break;
    case FIELD_END: break;
    }
    return !r->bad;
}

static bool save_fields(const fn *f, wire_out *w, err *e)
{
    for (const fn_field *p = f->kind->fields; p && p->kind; p++) TRY(save_field(f, p, w, e));
    return !f->kind->save || f->kind->save(f, w, e);
}

static bool load_fields(fn *f, wire_in *r, err *e)
{
    for (const fn_field *p = f->kind->fields; p && p->kind; p++) TRY(load_field(f, p, r, e));
    return !f->kind->load || f->kind->load(f, r, e);
}

/* ---- fns: the name of the kind, how the user sees it, what is bound, its own parameters ---- */

bool fn_save(const datum *d, wire_out *w, err *e)
{
    const fn *f = (const fn *)(const void *)d;
    const fn_kind *k = f->kind;
    if (!k->size) {
        err_set(e, TypeError, "the operation '%s' cannot run in another process", f->name);
        return false;
    }
    wire_text(w, k->name, strlen(k->name));
    wire_u32(w, k->version);
    wire_text(w, f->name, strlen(f->name));
    wire_bytes(w, &f->id, sizeof f->id);
    wire_u32(w, f->flags);
    wire_bytes(w, &f->ns, sizeof f->ns);
    wire_bytes(w, f->rank, sizeof f->rank);
    return save_fields(f, w, e);
}

static const fn_kind *kind_of(wire_in *r, err *e)
{
    char *name = wire_get_string(r);
    uint32_t version = wire_get_u32(r);
    const wire_names *names = r->extra;
    const fn_kind *k = name && names ? names->fn(name, version) : NULL;
    if (name && !k)
        err_set(e, ValueError, "there is no operation '%s' of version %u here", name, version);
    mem_free(name);
    return k ? k : wire_bad(r, e);
}

void *fn_load(wire_in *r, err *e)
{
    const fn_kind *k = kind_of(r, e);
    char *name = k ? wire_get_string(r) : NULL;
    if (!name) return k ? wire_bad(r, e) : NULL;
    fn *f = fn_new(k->size, k, name);
    mem_free(name);
    hash128 id;
    wire_get(r, &id, sizeof id);
    f->flags = wire_get_u32(r);
    wire_get(r, &f->ns, sizeof f->ns);
    wire_get(r, f->rank, sizeof f->rank);
    bool ok = load_fields(f, r, e) && !r->bad;
    f->id = id;
    if (ok) return f;
    datum_unref(f);
    return e->kind ? NULL : wire_bad(r, e);
}
