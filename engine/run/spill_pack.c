/* engine/run/spill_pack.c - results of tasks, moved to the temporary file: blocks, and packs of
 * them.
 *
 * A pack away from memory is a pack again, the large items of which are spilled blocks: who takes
 * one item of it (expr/fold.h) fetches no other. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/graph/fn.h"
#include "engine/run/spill.h"

enum { LEAST = 1 << 16 }; /* bytes of an item worth a place in the file */

static const pack *pack_of(const datum *d)
{
    return as_pack((datum *)(uintptr_t)d);
}

static bool is_large(const datum *item)
{
    const nd *x = as_nd(item);
    return x && x->b->size >= LEAST;
}

/* Does nobody else hold that item? */
static bool is_sole(const datum *item)
{
    return atomic_load(&item->rc) == 1 && !buf_shared(as_nd(item)->b);
}

bool spill_takes_result(const datum *d)
{
    const pack *p = d ? pack_of(d) : NULL;
    bool any = false;
    if (!p) return spill_takes(as_nd(d));
    for (uint32_t i = 0; i < p->n; i++) {
        if (!is_large(p->item[i])) continue;
        if (!is_sole(p->item[i]) || !spill_takes(as_nd(p->item[i]))) return false;
        any = true;
    }
    return any;
}

datum *spill_result(spill *s, const datum *d, const grid *tiles, err *e)
{
    const pack *p = pack_of(d);
    if (!p) return spill_block(s, as_nd(d), tiles, e);
    datum **item = mem_zero((p->n + 1) * sizeof *item);
    bool ok = true;
    for (uint32_t i = 0; i < p->n && ok; i++) {
        bool goes = is_large(p->item[i]);
        item[i] = goes ? spill_block(s, as_nd(p->item[i]), NULL, e) : datum_ref(p->item[i]);
        ok = item[i] != NULL;
    }
    datum *away = ok ? &pack_new(p->n, p->name, item)->hdr : NULL;
    for (uint32_t i = 0; i < p->n && !ok; i++) datum_unref(item[i]);
    mem_free(item);
    return away;
}

bool is_away(const datum *d)
{
    const pack *p = d ? pack_of(d) : NULL;
    for (uint32_t i = 0; p && i < p->n; i++)
        if (is_spilled(p->item[i])) return true;
    return is_spilled(d);
}

uint64_t away_room(const datum *d)
{
    const pack *p = pack_of(d);
    uint64_t n = p ? 0 : nd_bytes((const nd *)d);
    for (uint32_t i = 0; p && i < p->n; i++)
        if (is_spilled(p->item[i])) n += nd_bytes((const nd *)p->item[i]);
    return n;
}

datum *away_fetch(const datum *d, err *e)
{
    const pack *p = pack_of(d);
    if (!p) return d->kind->fetch(d, e);
    datum **item = mem_zero((p->n + 1) * sizeof *item);
    bool ok = true;
    for (uint32_t i = 0; i < p->n && ok; i++) {
        const datum *at = p->item[i];
        item[i] = is_spilled(at) ? at->kind->fetch(at, e) : datum_ref(p->item[i]);
        ok = item[i] != NULL;
    }
    datum *here = ok ? &pack_new(p->n, p->name, item)->hdr : NULL;
    for (uint32_t i = 0; i < p->n && !ok; i++) datum_unref(item[i]);
    mem_free(item);
    return here;
}

/* Bytes of the buffer that item i looks into, once for all items that share it, and not when
 * others hold it, too. */
static uint64_t item_holds(const pack *p, uint32_t i)
{
    const nd *x = as_nd(p->item[i]);
    uint32_t same = 0;
    if (!x) return datum_bytes(p->item[i]);
    for (uint32_t k = 0; k < p->n; k++) {
        const nd *y = as_nd(p->item[k]);
        if (!y || y->b != x->b) continue;
        if (k < i) return 0;
        same++;
    }
    return atomic_load(&x->b->rc) > same ? 0 : x->b->size;
}

uint64_t result_holds(const datum *d)
{
    const pack *p = d ? pack_of(d) : NULL;
    const nd *x = as_nd(d);
    uint64_t n = 0;
    if (x) return buf_shared(x->b) ? 0 : x->b->size;
    if (!p) return datum_bytes(d);
    for (uint32_t i = 0; i < p->n; i++) n += item_holds(p, i);
    return n;
}
