/* engine/expr/byblock.c - a function of each block and one of all blocks: tasks by arithmetic where
 * index letters say too much.
 *
 * by_block: task i is f(arguments), where an array stands for its block i, whatever its axes are,
 * or for its only block. gather: the only task is f(arguments), where one argument is the list of
 * all blocks of an array. The plan may gather runs of them first with `merge`, which makes of
 * several blocks what f takes as one (plan/runs.c). */
#include "engine/expr/gather.h"

#include <string.h>

/* --- a function of each block --- */

typedef struct each_layer {
    layer base;
    fn *f;
    uint32_t narg, nin;
    lit *arg;   /* inputs numbered in order: */
    layer **of; /* dependencies, with those that are read twice */
    arena mem;
} each_layer;

static bool each_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const each_layer *l = (const each_layer *)base;
    (void)e;
    ref *in = arena_alloc(a, l->nin * sizeof *in + 1);
    for (uint32_t k = 0; k < l->nin; k++)
        in[k] = (ref){l->of[k], l->of[k]->grid->nblock == 1 ? 0 : i};
    *out = (task_view){.f = l->f, .narg = l->narg, .arg = l->arg, .nin = l->nin, .in = in};
    return true;
}

static void each_drop(layer *base)
{
    each_layer *l = (each_layer *)base;
    datum_unref(l->f);
    for (uint32_t i = 0; i < l->narg; i++) lit_release(&l->arg[i]);
    arena_clear(&l->mem);
}

static const layer_kind each_kind = {
    .name = "each block", .task = each_task, .drop = each_drop, .one_fn = true};

/* *each: none of the arrays has a single block for many */
static bool check_counts(const by_block *b, bool *each, err *e)
{
    *each = true;
    for (int i = 0; i < b->narg; i++) {
        const expr *x = b->arg[i].x;
        if (!x || x->chunks->nblock == b->chunks->nblock) continue;
        *each = false;
        if (x->chunks->nblock != 1)
            return err_set(e, ValueError, "%llu blocks cannot be made of %llu one by one",
                           (unsigned long long)b->chunks->nblock,
                           (unsigned long long)x->chunks->nblock);
    }
    return true;
}

expr *expr_by_block(const by_block *b, err *e)
{
    bool each;
    TRY(check_counts(b, &each, e));
    layer **dep = mem_alloc(((size_t)b->narg + 1) * sizeof *dep);
    uint32_t n = 0;
    for (int i = 0; i < b->narg; i++)
        if (b->arg[i].x) dep[n++] = b->arg[i].x->of;
    each_layer *l = layer_new(sizeof *l, &each_kind, b->name, b->chunks, b->type, n, dep);
    l->of = arena_alloc(&l->mem, n * sizeof *l->of + 1);
    memcpy(l->of, dep, n * sizeof *dep);
    mem_free(dep);
    l->base.flags = (each ? LAYER_ONE_TO_ONE : 0) | (b->blockwise ? LAYER_BLOCKWISE : 0);
    l->f = datum_ref((fn *)(uintptr_t)b->f);
    l->narg = (uint32_t)b->narg;
    l->arg = arena_alloc(&l->mem, l->narg * sizeof *l->arg + 1);
    for (uint32_t i = 0; i < l->narg; i++)
        l->arg[i] = b->arg[i].x ? lit_in(l->nin++) : lit_copy(&l->mem, &b->arg[i].literal);
    return expr_of_layer(&l->base);
}

/* --- a function of all blocks --- */

static bool gather_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const gather_layer *l = (const gather_layer *)base;
    (void)e;
    uint64_t from = i * l->most, n = base->dep[0]->grid->nblock - from;
    if (l->most && n > l->most) n = l->most;
    ref *in = arena_alloc(a, n * sizeof *in + 1);
    lit *item = arena_alloc(a, n * sizeof *item + 1);
    lit *arg = arena_alloc(a, l->narg * sizeof *arg);
    for (uint64_t k = 0; k < n; k++) {
        in[k] = (ref){base->dep[0], from + k};
        item[k] = lit_in((int64_t)k);
    }
    for (uint32_t k = 0; k < l->narg; k++)
        arg[k] = k == l->at ? lit_items(LIT_LIST, (uint32_t)n, item) : l->arg[k];
    *out = (task_view){.f = l->f, .narg = l->narg, .arg = arg, .nin = (uint32_t)n, .in = in};
    return true;
}

static void gather_drop(layer *base)
{
    gather_layer *l = (gather_layer *)base;
    datum_unref(l->f);
    datum_unref(l->merge);
    for (uint32_t i = 0; i < l->narg; i++)
        if (i != l->at) lit_release(&l->arg[i]);
    arena_clear(&l->mem);
}

static const layer_kind gather_kind = {
    .name = "gather", .task = gather_task, .drop = gather_drop, .one_fn = true};

const gather_layer *as_gather(const layer *l)
{
    return l->kind == &gather_kind ? (const gather_layer *)l : NULL;
}

static gather_layer *gather_new(const char *name, const fn *f, const fn *merge, grid *g, dtype_of t,
                                layer *of)
{
    gather_layer *l = layer_new(sizeof *l, &gather_kind, name, g, t, 1, &of);
    l->f = datum_ref((fn *)(uintptr_t)f);
    l->merge = datum_ref((fn *)(uintptr_t)merge);
    return l;
}

expr *expr_gather(const by_block *b, const fn *merge, uint64_t most, err *e)
{
    int at = 0;
    while (at < b->narg && !b->arg[at].x) at++;
    if (at == b->narg || b->chunks->nblock != 1)
        return err_set(e, ValueError, "one block is gathered from those of an array");
    gather_layer *l = gather_new(b->name, b->f, merge, b->chunks, b->type, b->arg[at].x->of);
    l->at = (uint32_t)at;
    l->run = most;
    l->narg = (uint32_t)b->narg;
    l->arg = arena_alloc(&l->mem, l->narg * sizeof *l->arg);
    for (uint32_t i = 0; i < l->narg; i++)
        if (i != l->at) l->arg[i] = lit_copy(&l->mem, &b->arg[i].literal);
    return expr_of_layer(&l->base);
}

layer *gather_runs(const gather_layer *l, uint64_t most, grid *g)
{
    token t = {0};
    token_layer(&t, &l->base);
    token_layer(&t, l->base.dep[0]);
    token_int(&t, (int64_t)most);
    char *name = token_name(&t, l->merge->name);
    gather_layer *r = gather_new(name, l->merge, NULL, g, l->base.dep[0]->type, l->base.dep[0]);
    mem_free(name);
    r->most = most;
    r->narg = 1;
    r->arg = arena_alloc(&r->mem, sizeof *r->arg);
    return &r->base;
}

layer *gather_again(const gather_layer *l, layer *of)
{
    gather_layer *r = gather_new(l->base.name, l->f, l->merge, l->base.grid, l->base.type, of);
    r->at = l->at;
    r->run = l->run;
    r->narg = l->narg;
    r->arg = arena_alloc(&r->mem, l->narg * sizeof *r->arg);
    for (uint32_t i = 0; i < l->narg; i++)
        if (i != l->at) r->arg[i] = lit_copy(&r->mem, &l->arg[i]);
    return &r->base;
}
