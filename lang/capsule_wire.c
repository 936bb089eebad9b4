/* lang/capsule_wire.c - capsules as bytes: their records as they are, what they hold by its kind.
 * A capsule that was read has no home: everybody gets copies.  thaw.c checks what it reads. */
#include <string.h>

#include "engine/base/wire.h"
#include "lang/freeze_impl.h"

bool capsule_save(const datum *d, wire_out *w, err *e)
{
    const capsule *c = (const capsule *)(const void *)d;
    if (!c->text || !c->portable) {
        err_set(e, TypeError, "a value of this thread cannot be pickled");
        return false;
    }
    wire_u64(w, c->n);
    wire_u32(w, c->nobj);
    wire_u32(w, c->nheld);
    wire_u64(w, c->root);
    wire_u8(w, c->home_only);
    wire_bytes(w, c->off, c->nobj * sizeof *c->off);
    wire_bytes(w, c->text, c->n);
    for (uint32_t i = 0; i < c->nheld; i++) TRY(wire_datum(w, c->held[i], e));
    return true;
}

static capsule *read_records(wire_in *r, size_t n, uint32_t nobj)
{
    const char *off = wire_peek(r, nobj * sizeof(uint64_t));
    const char *text = off ? wire_peek(r, n) : NULL;
    if (!text) return NULL;
    capsule *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &capsule_kind);
    c->portable = true;
    c->n = n;
    c->nobj = nobj;
    c->off = mem_alloc(nobj * sizeof *c->off + 1);
    c->text = mem_dupn(text, n);
    memcpy(c->off, off, nobj * sizeof *c->off);
    c->root_home = FAIL;
    return c;
}

void *capsule_load(wire_in *r, err *e)
{
    uint64_t n = wire_get_u64(r);
    uint32_t nobj = wire_get_u32(r), nheld = wire_get_u32(r);
    uint64_t root = wire_get_u64(r);
    bool home_only = wire_get_u8(r);
    size_t left = (size_t)(r->end - r->p);
    if (r->bad || n > left || nobj > left / 8 || nheld > left || root >= n) return wire_bad(r, e);
    capsule *c = read_records(r, n, nobj);
    if (!c) return wire_bad(r, e);
    c->root = root;
    c->home_only = home_only;
    c->held = mem_zero((nheld + 1) * sizeof *c->held);
    for (; c->nheld < nheld; c->nheld++) {
        if (wire_get_datum(r, &c->held[c->nheld], e)) continue;
        datum_unref(c);
        return NULL;
    }
    return c;
}
