/* engine/plan/together.c - a pass: reductions of one array are made in step.
 *
 * Block functions of reductions that read the same blocks become one layer, which gives tuples, and
 * each of them takes its item.  The blocks have one reader left: they fuse with it, and its folds,
 * over whatever axes, take each piece while it is in cache (expr/stream.c). */
#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/reduceops.h"
#include "engine/expr/several.h"
#include "engine/plan/lower.h"

enum { MANY = 4096 }; /* layers, beyond which nobody looks for company */

/* The reduction that makes block i of block i of its only input, or NULL. */
static const red_fn *chunk_fn(const layer *l)
{
    const bw_layer *b = as_bw(l);
    const block_layer *a = as_block_layer(l);
    if (a && l->ndep == 1 && a->f && a->f->kind == fn_arg_kind(RED_ARG_CHUNK))
        return (const red_fn *)a->f;
    if (!b || !b->plain || b->narg != 1 || !b->arg[0].of) return NULL;
    switch (red_step_of(b->f)) {
    case RED_PLAIN:
    case RED_MEAN_CHUNK:
    case RED_MOMENT_CHUNK: return (const red_fn *)b->f;
    default: return NULL;
    }
}

static layer *read_by(const layer *l)
{
    return l->dep[0];
}

/* Are the blocks of `of` cut into pieces at all, and do pieces of them do for the reduction? */
static bool may_stream(const layer *of, const red_fn *r)
{
    int64_t block[GRID_MAXDIM] = {0}, shape[GRID_MAXDIM];
    dtype_of as;
    if (!of->grid || !grid_known(of->grid) || !of->grid->nblock) return false;
    grid_block_shape(of->grid, block, shape);
    return shape_count(of->grid->ndim, shape) >= TILE_LEAST &&
           red_streams(&r->base, of->grid->ndim, shape, of->type, &as);
}

/* --- the layer of all --- */

typedef struct company {
    layer base;
    fn *f;
    int n;
    layer *at[RED_MOST]; /* as users see them */
} company;

static bool company_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const company *c = (const company *)base;
    lit *arg = arena_alloc(a, (size_t)c->n * sizeof *arg);
    task_view one;
    for (int k = 0; k < c->n; k++) {
        TRY(layer_task(c->at[k], i, a, &one, e));
        arg[k] = lit_items(LIT_TUPLE, one.narg, one.arg);
    }
    *out = (task_view){.f = c->f, .narg = (uint32_t)c->n, .arg = arg, .nin = 1, .in = one.in};
    return true;
}

static void company_drop(layer *base)
{
    company *c = (company *)base;
    datum_unref(c->f);
    for (int k = 0; k < c->n; k++) datum_unref(c->at[k]);
}

static const layer_kind company_kind = {
    .name = "together", .task = company_task, .drop = company_drop, .one_fn = true};

/* the one of the largest blocks, which stands for all where bytes are counted */
static const layer *largest_of(int n, layer *const *at)
{
    const layer *largest = at[0];
    double most = -1;
    for (int k = 0; k < n; k++) {
        int64_t block[GRID_MAXDIM] = {0}, shape[GRID_MAXDIM];
        grid_block_shape(at[k]->grid, block, shape);
        double bytes = (double)shape_count(at[k]->grid->ndim, shape) * at[k]->type.size;
        if (bytes <= most) continue;
        most = bytes;
        largest = at[k];
    }
    return largest;
}

static company *company_new(int n, layer *const *at)
{
    const fn *f[RED_MOST];
    token t = {0};
    for (int k = 0; k < n; k++) {
        token_layer(&t, at[k]);
        f[k] = &chunk_fn(at[k])->base;
    }
    fn *together = fn_several(n, f);
    char *name = token_name(&t, together->name);
    layer *of = read_by(at[0]);
    const layer *as = largest_of(n, at);
    company *c = layer_new(sizeof *c, &company_kind, name, as->grid, as->type, 1, &of);
    mem_free(name);
    c->base.flags = LAYER_ONE_TO_ONE;
    c->f = together;
    for (c->n = 0; c->n < n; c->n++) c->at[c->n] = datum_ref(at[c->n]);
    return c;
}

/* --- the item of one --- */

typedef struct item_layer {
    layer base;
    fn *f;
    int64_t i;
} item_layer;

static bool item_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    const item_layer *l = (const item_layer *)base;
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    arg[0] = lit_in(0);
    arg[1] = lit_int(l->i);
    *in = (ref){base->dep[0], i};
    *out = (task_view){.f = l->f, .narg = 2, .arg = arg, .nin = 1, .in = in};
    return true;
}

static void item_drop(layer *base)
{
    datum_unref(((item_layer *)base)->f);
}

static const layer_kind item_kind = {
    .name = "item", .task = item_task, .drop = item_drop, .one_fn = true};

static layer *item_new(const layer *l, company *all, int i)
{
    layer *dep = &all->base;
    item_layer *y = layer_new(sizeof *y, &item_kind, l->name, l->grid, l->type, 1, &dep);
    y->base.flags = LAYER_ONE_TO_ONE;
    y->f = fn_item((uint32_t)i);
    y->i = i;
    return &y->base;
}

/* --- the pass --- */

static int place_in(const company *c, const layer *l)
{
    for (int k = 0; k < c->n; k++)
        if (layer_same(c->at[k], l)) return k;
    return -1;
}

/* One that another member led to, or NULL.  Borrowed. */
static company *company_of(const nodes *all, const layer *l)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const layer *by = all->at[i].by;
        if (by->kind == &company_kind && place_in((const company *)by, l) >= 0)
            return (company *)(uintptr_t)by;
    }
    return NULL;
}

static bool is_alive(const node *x)
{
    return x->nreader || x->wanted;
}

/* All that read what x reads. */
static int find_members(const nodes *all, const node *x, layer **at)
{
    const layer *of = read_by(x->of);
    int n = 0;
    for (uint32_t i = 0; i < all->n && n < RED_MOST; i++) {
        const node *y = &all->at[i];
        const red_fn *q = y->by == y->of && is_alive(y) ? chunk_fn(y->of) : NULL;
        if (!q || !layer_same(read_by(y->of), of)) continue;
        if (y->helpers || !may_stream(of, q) || node_is_shared(all, y)) continue;
        at[n++] = (layer *)(uintptr_t)y->of;
    }
    return n;
}

layer *rewrite_together(const nodes *all, const node *x)
{
    const red_fn *r = x->by == x->of && all->n <= MANY ? chunk_fn(x->of) : NULL;
    layer *at[RED_MOST];
    const node *d = r ? nodes_find(all, read_by(x->of)) : NULL;
    if (!d || d->of->foreign || !may_stream(d->of, r)) return NULL;
    company *c = company_of(all, x->of);
    if (c) return item_new(x->of, c, place_in(c, x->of));
    int n = d->nreader > 1 && !node_is_shared(all, x) ? find_members(all, x, at) : 0;
    if (n < 2) return NULL;
    c = company_new(n, at);
    int place = place_in(c, x->of);
    layer *y = place < 0 ? NULL : item_new(x->of, c, place);
    datum_unref(&c->base);
    return y;
}
