/* engine/run/spill_pack.c - results of tasks, moved to the temporary file: blocks, and what is made
 * of parts (datum_kind.part): packs of blocks, values of the language.
 *
 * Such a thing away from memory is one of its kind again, the large parts of which are spilled: who
 * takes one item of a pack (expr/fold.h) fetches no other. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/blob.h"
#include "engine/base/mem.h"
#include "engine/data/nd_wire.h"
#include "engine/graph/fn.h"
#include "engine/run/spill.h"

enum { LEAST = 1 << 13 }; /* bytes of a part worth a place in the file: two pages */

static uint32_t count_parts(const datum *d)
{
    uint32_t n = 0;
    while (datum_part(d, n)) n++;
    return n;
}

/* --- bytes: spilled as a block of them --- */

typedef struct away_bytes {
    datum hdr;
    datum *in; /* the spilled block */
} away_bytes;

static void drop_bytes(datum *d)
{
    datum_unref(((away_bytes *)(void *)d)->in);
    mem_free(d);
}

static const datum_kind bytes_kind = {.name = "spilled bytes", .drop = drop_bytes};

static const away_bytes *as_away_bytes(const datum *d)
{
    return d && d->kind == &bytes_kind ? (const away_bytes *)(const void *)d : NULL;
}

static datum *spill_bytes_of(spill *s, const blob *x, err *e)
{
    const int64_t n = (int64_t)x->n, step = 1;
    buf *b = buf_wrap(x->at, x->n, NULL, NULL);
    nd *as = b ? nd_view(b, b->data, dtype_plain(DT_uint8), 1, &n, &step) : NULL;
    datum *in = as ? spill_block(s, as, NULL, e) : NULL;
    datum_unref(as);
    if (b) buf_unref(b);
    if (!in) return NULL;
    away_bytes *a = mem_zero(sizeof *a);
    datum_init(&a->hdr, &bytes_kind);
    a->in = in;
    return &a->hdr;
}

static datum *fetch_bytes(const away_bytes *a, err *e)
{
    nd *x = as_nd(a->in->kind->fetch(a->in, e));
    if (!x) return NULL;
    datum *d = &blob_new(x->at, nd_bytes(x), buf_ref(x->b), buf_room.drop)->hdr;
    datum_unref(x);
    return d;
}

/* --- parts --- */

static bool is_large(const datum *part)
{
    const nd *x = as_nd(part);
    return (x ? x->b->size : datum_bytes(part)) >= LEAST;
}

/* How many parts of d look into that buffer? */
static uint32_t sharing(const datum *d, const buf *b)
{
    uint32_t n = 0;
    const datum *part;
    for (uint32_t i = 0; (part = datum_part(d, i)); i++) n += as_nd(part) && as_nd(part)->b == b;
    return n;
}

/* Can that part of d go?  What two values share is written for both: none of them could go while
 * the other is there. */
static bool takes_part(const datum *d, const datum *part)
{
    const nd *x = as_nd(part);
    if (atomic_load(&part->rc) > 1) return false;
    if (x && !spill_takes(x)) return false;
    if (x) return d->kind != &pack_kind || atomic_load(&x->b->rc) <= sharing(d, x->b);
    return part->kind == &blob_kind || spill_takes_result(part);
}

/* Is that worth it: is most of what d holds its own? */
bool spill_takes_result(const datum *d)
{
    const datum *part;
    uint64_t goes = 0, stays = 0;
    if (!d || !d->kind->part) return spill_takes(as_nd(d));
    for (uint32_t i = 0; (part = datum_part(d, i)); i++) {
        if (!is_large(part)) continue;
        bool takes = takes_part(d, part);
        uint64_t n = as_nd(part) ? nd_bytes(as_nd(part)) : takes ? datum_bytes(part) : 0;
        *(takes ? &goes : &stays) += n;
    }
    return goes > stays;
}

static datum *spill_part(void *file, const datum *d, datum *part, err *e)
{
    spill *s = file;

    if (!is_large(part) || !takes_part(d, part)) return datum_ref(part);
    return as_blob(part) ? spill_bytes_of(s, as_blob(part), e) : spill_result(s, part, NULL, e);
}

static datum *fetch_part(void *ctx, const datum *d, datum *part, err *e)
{
    (void)ctx, (void)d;

    if (as_away_bytes(part)) return fetch_bytes(as_away_bytes(part), e);
    return is_away(part) ? away_fetch(part, e) : datum_ref(part);
}

/* d with what `change` makes of its parts. */
typedef datum *(*changer)(void *ctx, const datum *d, datum *part, err *e);

static datum *changed(const datum *d, changer change, void *ctx, err *e)
{
    uint32_t n = count_parts(d);
    datum **part = mem_zero((n + 1) * sizeof *part);
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++)
        ok = (part[i] = change(ctx, d, datum_part(d, i), e)) != NULL;
    datum *made = ok ? d->kind->with(d, part) : NULL;
    for (uint32_t i = 0; i < n && !ok; i++) datum_unref(part[i]);
    mem_free(part);
    return made;
}

datum *spill_result(spill *s, const datum *d, const grid *tiles, err *e)
{
    return as_nd(d) ? spill_block(s, as_nd(d), tiles, e) : changed(d, spill_part, s, e);
}

bool is_away(const datum *d)
{
    const datum *part;
    for (uint32_t i = 0; (part = datum_part(d, i)); i++)
        if (as_away_bytes(part) || is_away(part)) return true;
    return is_spilled(d);
}

uint64_t away_room(const datum *d)
{
    const datum *part;
    uint64_t n = is_spilled(d) ? nd_bytes((const nd *)d) : 0;
    for (uint32_t i = 0; (part = datum_part(d, i)); i++)
        n += away_room(as_away_bytes(part) ? as_away_bytes(part)->in : part);
    return n;
}

datum *away_fetch(const datum *d, err *e)
{
    return is_spilled(d) ? d->kind->fetch(d, e) : changed(d, fetch_part, NULL, e);
}

/* --- what is held --- */

static int by_buffer(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)(*(const nd *const *)a)->b, y = (uintptr_t)(*(const nd *const *)b)->b;
    return (x > y) - (x < y);
}

/* Bytes of the buffers that those parts of d look into, each once.  Who else holds one is another
 * result for a pack, which counts it; for a value most likely one that ends first. */
static uint64_t buffers_held(const datum *d, const nd **part, uint32_t n)
{
    uint64_t sum = 0;
    qsort(part, n, sizeof *part, by_buffer);
    for (uint32_t i = 0, end; i < n; i = end) {
        const buf *b = part[i]->b;
        uint64_t most = 0;
        for (end = i; end < n && part[end]->b == b; end++)
            if (nd_bytes(part[end]) > most) most = nd_bytes(part[end]);
        bool alone = atomic_load(&b->rc) <= end - i;
        sum += alone ? b->size : d->kind == &pack_kind ? 0 : most;
    }
    return sum;
}

uint64_t result_holds(const datum *d)
{
    const nd *x = as_nd(d);
    const datum *part;
    uint64_t sum = 0;
    uint32_t n = 0;
    if (x) return buf_shared(x->b) ? 0 : x->b->size;
    if (!d || !d->kind->part || !datum_part(d, 0)) return datum_bytes(d);
    const nd **large = mem_alloc((count_parts(d) + 1) * sizeof *large);
    for (uint32_t i = 0; (part = datum_part(d, i)); i++) {
        if (!as_nd(part))
            sum += atomic_load(&part->rc) > 1 ? 0 : result_holds(part);
        else if (is_large(part))
            large[n++] = as_nd(part);
        else
            sum += nd_bytes(as_nd(part));
    }
    sum += buffers_held(d, large, n);
    mem_free(large);
    return sum;
}

/* --- parts of their own --- */

/* A small part of a block that would stay in memory for it is copied; of those with more axes only
 * what lies as the copy will. */
static datum *own_part(void *ctx, const datum *d, datum *part, err *e)
{
    const nd *x = as_nd(part);
    (void)ctx, (void)d;
    if (!x || x->b->size < LEAST || nd_bytes(x) > x->b->size / 2 || !spill_takes(x) || !nd_is_c(x))
        return datum_ref(part);
    return (datum *)nd_copy(x, e);
}

datum *result_apart(datum *d)
{
    err e = {0};
    if (!datum_part(d, 0)) return d;
    datum *own = changed(d, own_part, NULL, &e);
    err_clear(&e);
    if (!own) return d;
    datum_unref(d);
    return own;
}
