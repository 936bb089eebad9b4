/* lang/capsule_wire.c - capsules as bytes: their records as they are (many of them as segments,
 * which nobody copies), what they hold by its kind.  A capsule that was read has no home: everybody
 * gets copies.  thaw.c checks what it reads. */
#include <string.h>

#include "engine/base/blob.h"
#include "engine/base/wire.h"
#include "lang/freeze_impl.h"

enum { SMALL = 16 * 1024 }; /* bytes that stand in the body */

static void save_part(wire_out *w, datum *d, size_t n)
{
    const blob *b = as_blob(d);
    if (n <= SMALL)
        wire_bytes(w, b->at, n);
    else
        wire_segment(w, b->at, n, d, b->owner);
}

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
    save_part(w, c->held_off, c->nobj * sizeof *c->off);
    save_part(w, c->held_text, c->n);
    for (uint32_t i = 0; i < c->nheld; i++) TRY(wire_datum(w, c->held[i], e));
    return true;
}

/* n bytes of a part: lent by their owner, or a copy.  NULL: not there. */
static datum *load_part(wire_in *r, size_t n)
{
    char *at;
    size_t have;
    if (n <= SMALL) {
        const char *p = wire_peek(r, n);
        return p ? &blob_new(mem_dupn(p, n), n, NULL, NULL)->hdr : NULL;
    }
    void *owner = wire_take_segment(r, &at, &have);
    if (!owner) return NULL;
    datum *d = &blob_new(at, have, owner, r->room->drop)->hdr;
    return have == n ? d : datum_unref(d);
}

static capsule *read_records(wire_in *r, size_t n, uint32_t nobj)
{
    capsule *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &capsule_kind);
    c->portable = true;
    c->n = n;
    datum *off = load_part(r, nobj * sizeof *c->off);
    capsule_lies(c, off ? load_part(r, n) : NULL, off);
    c->nobj = nobj;
    c->root_home = FAIL;
    return c->text ? c : datum_unref(c);
}

void *capsule_load(wire_in *r, err *e)
{
    uint64_t n = wire_get_u64(r);
    uint32_t nobj = wire_get_u32(r), nheld = wire_get_u32(r);
    uint64_t root = wire_get_u64(r);
    bool home_only = wire_get_u8(r);
    size_t left = (size_t)(r->end - r->p);
    if (r->bad || nheld > left || root >= n) return wire_bad(r, e);
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
