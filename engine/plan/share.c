/* engine/plan/share.c - a pass: several reductions of one array go over it once.
 *
 * The block function of a variance sums its block on the way, that of a mean too.  Where the same
 * blocks are also summed or averaged over the same axes in the same type, those take that sum: it
 * is the same fold, bit for bit.  So the array has one reader left, and fuses with it. */
#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/reduceops.h"
#include "engine/kernels/ops.h"
#include "engine/plan/lower.h"

enum { MANY = 4096 }; /* layers, beyond which nobody looks for company */

/* The block function of a reduction that makes block i of block i of its only input, or NULL. */
static const red_fn *chunk_fn(const layer *l)
{
    const bw_layer *b = as_bw(l);
    if (!b || !b->plain || b->narg != 1 || !b->arg[0].of) return NULL;
    const red_fn *r = (const red_fn *)b->f;
    switch (red_step_of(b->f)) {
    case RED_PLAIN: return (r->id == R_sum || r->id == R_nansum) && r->keepdims ? r : NULL;
    case RED_MEAN_CHUNK:
    case RED_MOMENT_CHUNK: return r;
    default: return NULL;
    }
}

static int rank(const red_fn *r)
{
    enum red_step s = red_step_of(&r->base);
    return s == RED_PLAIN ? 0 : s == RED_MEAN_CHUNK ? 1 : 2;
}

static bool skips_nan(const red_fn *r)
{
    return rank(r) ? r->nan : r->id == R_nansum;
}

/* Does r sum what s sums, and more? */
static bool covers(const red_fn *r, const red_fn *s, int ndim)
{
    uint32_t axes = (uint32_t)((1ull << ndim) - 1);
    return rank(r) > rank(s) && (r->axes & axes) == (s->axes & axes) && r->want.dt == s->want.dt &&
           r->want.dt != DT_none && skips_nan(r) == skips_nan(s);
}

/* --- the sum out of what the other made --- */

typedef struct out_fn {
    fn base;
    bool mean;     /* what a mean wants: (n, total); else the total */
    dtype_of want; /* of n */
} out_fn;

static datum *out_call(const fn *f, const call *c, err *e)
{
    const out_fn *o = (const out_fn *)f;
    const pack *p = c->nin ? as_pack(c->in[0]) : NULL;
    if (!p || p->n < 2) return err_set(e, TypeError, "a mean or a moment is needed");
    int total = p->n == 2; /* (n, total) of a mean, (total, n, M) of a moment */
    if (!o->mean) return datum_ref(p->item[total]);
    nd *n = nd_cast(as_nd(p->item[1 - total]), o->want, 'u', e);
    return n ? red_pack(2, (nd *[]){n, nd_ref(as_nd(p->item[total]))}) : NULL;
}

static const fn_kind out_kind = {.name = "shared_sum", .version = 1, .call = out_call};

static bool out_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    lit *arg = arena_alloc(a, sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *arg = lit_in(0);
    *in = (ref){l->base.dep[0], i};
    *out = (task_view){.f = l->f, .narg = 1, .arg = arg, .nin = 1, .in = in};
    return true;
}

/* The layer that sums what x sums, and more; or NULL. */
static const layer *company(const nodes *all, const node *x)
{
    const red_fn *s = chunk_fn(x->of), *r = NULL;
    if (!s || all->n > MANY) return NULL;
    const layer *of = as_bw(x->of)->arg[0].of, *with = NULL;
    if (nodes_find(all, of)->nreader < 2 || !of->grid) return NULL;
    for (uint32_t i = 0; i < all->n && !with; i++) {
        const node *y = &all->at[i];
        if (y == x || !(y->nreader || y->wanted)) continue;
        if (!(r = chunk_fn(y->of)) || !layer_same(as_bw(y->of)->arg[0].of, of)) continue;
        if (covers(r, s, of->grid->ndim)) with = y->of;
    }
    return with;
}

bool node_is_shared(const nodes *all, const node *x)
{
    return company(all, x) != NULL;
}

layer *rewrite_share(const nodes *all, const node *x)
{
    const layer *with = x->by == x->of ? company(all, x) : NULL;
    if (!with) return NULL;
    const red_fn *s = chunk_fn(x->of);
    out_fn *f = fn_new(sizeof *f, &out_kind, s->base.name);
    f->mean = rank(s) == 1;
    f->want = s->want;
    block_layer *l = block_layer_new(x->of->name, &f->base, out_args, x->of->grid, x->of->type, 1,
                                     (layer *[]){(layer *)(uintptr_t)with});
    l->base.flags = LAYER_ONE_TO_ONE;
    return &l->base;
}
