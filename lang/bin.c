/* lang/bin.c - what dies while somebody waits for the prompt: dropped in pieces, later.
 *
 * What waits: the ring of containers after a sweep that was stopped (until it is whole, nobody can
 * leave it), objects that died within others (gc.c: trash), piles of items, and the garbage that
 * a sweep has found.  That goes last: its objects may be in the others. */
#include "lang/bin.h"

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "lang/exc.h"

static void drop_some(interp *in, pile *p)
{
    int64_t k = p->n < PILE_LEAST ? p->n : PILE_LEAST;
    p->n -= k;
    for (; k; k--, p->next += p->step) {
        value *v = (value *)(void *)(p->next + p->from);
        for (uint32_t i = 0; i < p->nvalue; i++) value_unref(in, v[i]);
    }
}

static void pile_end(interp *in, const pile *p)
{
    if (p->end)
        p->end(p->block);
    else
        items_free(in, p->block, p->bytes);
}

static void keep(interp *in, const pile *p)
{
    if (in->nbin == in->bin_cap) {
        in->bin_cap = in->bin_cap ? in->bin_cap * 2 : 16;
        in->bin = mem_grow(in->bin, in->bin_cap * sizeof *in->bin);
    }
    in->bin[in->nbin++] = *p;
    safe_point_ask(in);
}

void pile_drop(interp *in, pile p)
{
    while (!hurries(in)) {
        drop_some(in, &p);
        if (p.n) continue;
        pile_end(in, &p);
        return;
    }
    if (p.owner && !(p.owner->flags & OBJ_KEPT)) {
        p.owner->flags |= OBJ_KEPT;
        obj_unlist(in, p.owner);
    }
    keep(in, &p);
}

bool values_leave(interp *in, value *at, int64_t n, void (*end)(void *block), void *block)
{
    if (n < PILE_LEAST) return false;
    pile_drop(in, (pile){.next = (char *)at,
                         .step = sizeof *at,
                         .n = n,
                         .nvalue = 1,
                         .end = end,
                         .block = block});
    return true;
}

void values_drop(interp *in, value *at, int64_t n)
{
    if (values_leave(in, at, n, mem_free, at)) return;
    for (int64_t i = 0; i < n; i++) value_unref(in, at[i]);
    mem_free(at);
}

static void pile_some(interp *in)
{
    pile p = in->bin[--in->nbin];
    drop_some(in, &p);
    if (p.n) {
        keep(in, &p);
    } else if (p.owner) {
        p.owner->flags &= (uint16_t)~OBJ_KEPT;
        obj_release(in, p.owner);
    } else {
        pile_end(in, &p);
    }
}

bool bin_waits(const interp *in)
{
    return in->relink || in->nbin || in->ntrash || in->sweep;
}

bool bin_some(interp *in)
{
    if (hurries(in) || in->freeing || in->in_sweep) return false;
    if (in->relink)
        relink_some(in);
    else if (in->ntrash)
        trash_some(in);
    else if (in->nbin)
        pile_some(in);
    else
        return in->sweep && sweep_some(in);
    return bin_waits(in);
}

bool bin_empty(interp *in)
{
    while (bin_some(in)) continue;
    return !bin_waits(in);
}

void haste_over(interp *in)
{
    if (!is_fail(exc_handled(in))) return;
    in->haste = false;
    if (in->freeing || !bin_empty(in)) return;
    while (!in_haste() && haste_tidy()) continue;
}

bool interp_tidy(interp *in)
{
    in->haste = false;
    if (!hurries(in)) haste_end();
    return bin_some(in) || (!in_haste() && haste_tidy());
}
