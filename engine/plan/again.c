/* engine/plan/again.c - a pass: what is cheap to make is made again, not kept for long.
 *
 * In (x - x.mean()) / x.std() the blocks of x are read, all of them are waited for, and they are
 * read once more: kept in memory meanwhile, each element costs more than a short chain of loops
 * does, and the array may not even fit.  Where what is read on both sides of such a wait comes out
 * of generators, arrays in memory or plain files by elementwise operations, the later reader gets
 * a copy of that chain, which fuses with it.  Recursion is as deep as MANY and MOST let it. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/tile.h"
#include "engine/plan/lower.h"

enum {
    MANY = 1024,      /* layers, beyond which nobody looks */
    MOST = 24,        /* layers of a chain */
    LARGE = 16 << 20, /* bytes of an array, below which it stays in cache anyhow */
    SMALL = 16        /* what has so much fewer elements is kept */
};
static const double KEEP_NS = 0.5, /* a byte: fresh memory, written and read */
    LOOP_NS = 0.4, FILE_NS = 0.4;

/* --- a layer under another name --- */

typedef struct same_layer {
    layer base;
    layer *of;
} same_layer;

static bool same_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    return layer_task(((const same_layer *)l)->of, i, a, out, e);
}

static void same_drop(layer *l)
{
    datum_unref(((same_layer *)l)->of);
}

static const layer_kind same_kind = {.name = "again", .task = same_task, .drop = same_drop},
                        same_one_kind = {.name = "again, one function",
                                         .task = same_task,
                                         .drop = same_drop,
                                         .one_fn = true};

static layer *same_new(const char *name, layer *l)
{
    same_layer *y = layer_new(sizeof *y, l->kind->one_fn ? &same_one_kind : &same_kind, name,
                              l->grid, l->type, l->ndep, l->dep);
    y->base.flags = l->flags;
    y->of = datum_ref(l);
    return &y->base;
}

/* --- one that reads other layers --- */

typedef struct redirect_layer {
    layer base; /* its dependencies are those that are read instead, one for one */
    layer *of;
} redirect_layer;

static bool redirect_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const layer *of = ((const redirect_layer *)base)->of;
    TRY(layer_task(of, i, a, out, e));
    ref *in = arena_alloc(a, out->nin * sizeof *in + 1);
    for (uint32_t k = 0; k < out->nin; k++) {
        in[k] = out->in[k];
        for (uint32_t d = 0; d < of->ndep; d++)
            if (layer_same(of->dep[d], in[k].of)) in[k].of = base->dep[d];
    }
    out->in = in;
    return true;
}

static void redirect_drop(layer *l)
{
    datum_unref(((redirect_layer *)l)->of);
}

static const layer_kind redirect_kind = {
    .name = "redirect", .task = redirect_task, .drop = redirect_drop};

static layer *redirect_new(layer *l, layer *const *dep)
{
    redirect_layer *y =
        layer_new(sizeof *y, &redirect_kind, l->name, l->grid, l->type, l->ndep, dep);
    y->base.flags = l->flags;
    y->base.count = l->count;
    y->base.nhidden = l->nhidden;
    y->of = datum_ref(l);
    return &y->base;
}

/* --- what a chain costs --- */

typedef struct chain {
    const nodes *all;
    const layer *top;
    const layer *at[MOST];
    int n;
    double ns; /* an element */
} chain;

static double count_of(const layer *l)
{
    double n = 1;
    for (int k = 0; l->grid && k < l->grid->ndim; k++) n *= (double)l->grid->ax[k]->extent;
    return l->grid ? n : 0;
}

static const layer *made_by(const chain *c, const layer *l)
{
    const node *x = nodes_find(c->all, l);
    return x ? x->by : l;
}

static const fn *leaf_fn(const layer *l)
{
    arena a = {0};
    task_view v;
    const fn *f = !l->ndep && layer_task(l, 0, &a, &v, NULL) && v.f && !v.nin ? v.f : NULL;
    arena_clear(&a);
    return f;
}

enum leaf { LEAF_NONE, LEAF_SHOWN, LEAF_MADE };

/* Does it read or generate its blocks, and what does an element cost? */
static enum leaf leaf_of(const layer *l, double *ns)
{
    const source *s = l->flags & LAYER_LEAF ? layer_source(l) : NULL;
    const fn *f = s || !l->kind->one_fn ? NULL : leaf_fn(l);
    *ns = 0;
    if (s && !s->kind->read_into) return s->kind->home ? LEAF_NONE : LEAF_SHOWN;
    if (s) {
        *ns = FILE_NS * (double)l->type.size;
        return s->kind->divisible && !s->whole ? LEAF_MADE : LEAF_NONE;
    }
    if (!f || !f->kind->tile || !fn_is_native(f)) return LEAF_NONE;
    *ns = f->ns > 0 ? (double)f->ns : f->kind->cost.ns > 0 ? (double)f->kind->cost.ns : LOOP_NS;
    return LEAF_MADE;
}

static bool same_block(const bw_layer *b, const bw_input *in)
{
    if (in->ndim != b->base.grid->ndim) return false;
    for (int k = 0; k < in->ndim; k++)
        if (in->from[k] != k) return false;
    return true;
}

static bool listed(const chain *c, const layer *l)
{
    for (int i = 0; i < c->n; i++)
        if (layer_same(c->at[i], l)) return true;
    return false;
}

/* Adds l (as readers name it) and what it is made of; false: not so. */
static bool add_chain(chain *c, const layer *l)
{
    double ns;
    const layer *by = made_by(c, l);
    const bw_layer *b = as_bw(by);
    if (count_of(l) * SMALL <= count_of(c->top)) return true;
    if (listed(c, l)) return true;
    if (c->n == MOST || !l->grid || !grid_known(l->grid) || l->foreign) return false;
    enum leaf leaf = b ? LEAF_NONE : leaf_of(by, &ns);
    if (leaf == LEAF_SHOWN) return true;
    c->at[c->n++] = l;
    if (leaf == LEAF_MADE) {
        c->ns += ns;
        return true;
    }
    if (!b || !fn_is_native(b->f) || !(b->f->flags & FN_ELEMENTWISE)) return false;
    c->ns += b->f->ns > 0 ? (double)b->f->ns : LOOP_NS;
    for (uint32_t k = 0; k < b->narg; k++) {
        const layer *d = b->arg[k].of;
        if (!d) continue;
        if (count_of(d) * SMALL > count_of(c->top) && !same_block(b, &b->arg[k])) return false;
        TRY(add_chain(c, d));
    }
    return true;
}

static bool is_cheap(chain *c)
{
    const layer *l = c->top;
    double bytes = (double)l->type.size;
    int64_t block[GRID_MAXDIM] = {0}, shape[GRID_MAXDIM];
    if (!l->grid || !grid_known(l->grid) || !l->grid->nblock) return false;
    if (count_of(l) * bytes < LARGE) return false;
    grid_block_shape(l->grid, block, shape);
    return shape_count(l->grid->ndim, shape) >= TILE_LEAST && add_chain(c, l) && c->n &&
           c->ns <= KEEP_NS * bytes;
}

/* --- the copy --- */

static layer *copy_of(const nodes *all, const layer *top, const layer *l, bool always);

static layer *copy_bw(const nodes *all, const layer *top, const layer *l, const bw_layer *b,
                      const char *name)
{
    layer *of[UFUNC_MAXARG] = {0};
    if (b->narg > UFUNC_MAXARG) return NULL;
    for (uint32_t k = 0; k < b->narg; k++)
        if (b->arg[k].of) of[k] = copy_of(all, top, b->arg[k].of, false);
    layer *y = bw_again(b, name, of, l->grid, -1);
    for (uint32_t k = 0; k < b->narg; k++) datum_unref(of[k]);
    return y;
}

/* Owned; l itself (counted) where there is nothing to make, unless always. */
static layer *copy_of(const nodes *all, const layer *top, const layer *l, bool always)
{
    double ns;
    const node *x = nodes_find(all, l);
    layer *by = (layer *)(uintptr_t)(x ? x->by : l), *y = NULL;
    if (l != top && count_of(l) * SMALL <= count_of(top)) return datum_ref((layer *)(uintptr_t)l);
    if (!always && !as_bw(by) && leaf_of(by, &ns) == LEAF_SHOWN)
        return datum_ref((layer *)(uintptr_t)l);
    token t = {0};
    token_layer(&t, l);
    const char *dash = strrchr(l->name, '-');
    strbuf prefix = {0};
    sb_add(&prefix, l->name, dash ? (size_t)(dash - l->name) : strlen(l->name));
    char *text = sb_take(&prefix, NULL), *name = token_name(&t, text);
    y = as_bw(by) ? copy_bw(all, top, l, as_bw(by), name) : same_new(name, by);
    mem_free(name);
    mem_free(text);
    return y ? y : datum_ref((layer *)(uintptr_t)l);
}

/* --- is it waited for? --- */

enum { SEEN = 1, SEEN_AFTER = 2 };

typedef struct search {
    const nodes *all;
    const layer *of; /* whose other readers are looked for */
    uint8_t *seen;
} search;

static bool reads(const layer *y, const layer *d)
{
    for (uint32_t k = 0; k < y->ndep; k++)
        if (layer_same(y->dep[k], d)) return true;
    return false;
}

/* Does l, or what it is made of, read it before many blocks became few? */
static bool waits(search *s, const layer *l, bool after)
{
    const node *x = nodes_find(s->all, l);
    uint32_t i = x ? (uint32_t)(x - s->all->at) : 0;
    uint8_t bit = after ? SEEN | SEEN_AFTER : SEEN;
    if (!x || (s->seen[i] & bit) == bit) return false;
    s->seen[i] |= bit;
    if (after && reads(x->by, s->of)) return true;
    for (uint32_t k = 0; k < x->by->ndep; k++) {
        const layer *d = x->by->dep[k];
        if (layer_same(d, s->of)) continue;
        if (waits(s, d, after || d->count > x->by->count)) return true;
    }
    return false;
}

/* Does `by`, which reads d, wait for blocks of l that others read before? */
static bool is_waited_for(const nodes *all, const layer *by, const layer *d, const layer *l)
{
    search s = {all, l, mem_zero(all->n + 1u)};
    bool found = false;
    for (uint32_t k = 0; k < by->ndep && !found; k++) {
        const layer *other = by->dep[k];
        if (!layer_same(other, d) && !layer_same(other, l))
            found = waits(&s, other, other->count > by->count);
    }
    mem_free(s.seen);
    return found;
}

/* --- the pass --- */

/* Is a task that makes a block of d worth less than what surrounds it? */
static bool is_tiny(const layer *d)
{
    enum { ELEMENTS = 256, TASKS = 4096 };
    double ns, n = 1;
    if (!d->grid || !grid_known(d->grid) || d->count < TASKS) return false;
    for (int k = 0; k < d->grid->ndim; k++) n *= (double)d->grid->ax[k]->largest;
    return n <= ELEMENTS && leaf_of(d, &ns) != LEAF_NONE && ns <= 1;
}

/* Should the reader make the blocks of d itself? */
static bool makes_again(const nodes *all, const layer *by, const layer *l)
{
    const node *d = nodes_find(all, l);
    chain c = {.all = all, .top = l};
    if (!d || d->wanted || d->helpers || layer_same(by, l)) return false;
    if (as_bw(by) && d->nreader > 1 && is_tiny(d->by)) return true;
    if (by->ndep < 2 || !is_cheap(&c)) return false;
    for (int i = 0; i < c.n; i++) {
        const node *m = nodes_find(all, c.at[i]);
        if (!m || m->nreader < 2 || m->wanted) continue;
        if (is_waited_for(all, by, l, m->of)) return true;
    }
    return false;
}

static layer *bw_reading(const bw_layer *b, const char *name, layer *const *dep)
{
    layer *of[UFUNC_MAXARG] = {0};
    for (uint32_t k = 0; k < b->narg; k++)
        for (uint32_t d = 0; d < b->base.ndep && b->arg[k].of; d++)
            if (layer_same(b->base.dep[d], b->arg[k].of)) of[k] = dep[d];
    return bw_again(b, name, of, b->base.grid, -1);
}

layer *rewrite_again(const nodes *all, const node *x)
{
    layer *by = (layer *)(uintptr_t)x->by, *dep[MOST], *y = NULL;
    const bw_layer *b = as_bw(by);
    bool any = false;
    if (!by->ndep || by->ndep > MOST || all->n > MANY || (b && b->narg > UFUNC_MAXARG)) return NULL;
    for (uint32_t k = 0; k < by->ndep; k++) {
        bool makes = makes_again(all, by, by->dep[k]);
        dep[k] = makes ? copy_of(all, by->dep[k], by->dep[k], true) : datum_ref(by->dep[k]);
        any |= makes;
    }
    if (any) y = b ? bw_reading(b, x->of->name, dep) : redirect_new(by, dep);
    for (uint32_t k = 0; k < by->ndep; k++) datum_unref(dep[k]);
    return y;
}
