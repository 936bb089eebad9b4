/* engine/plan/items.c - a pass: of a tuple that a task makes, only the items that are taken.
 *
 * The tasks of a factorisation make several blocks, and each of their readers takes one.  Where no
 * reader that is left takes some of them (singular values without vectors, R without Q), the
 * function is asked for one that does not make those.  What it makes is the same. */
#include "engine/expr/build.h"
#include "engine/plan/lower.h"

enum { MANY = 4096, MANY_TASKS = 1 << 16, NO_ITEM = -1 };

/* The item that a task takes of its input k, and nothing else of it. */
static int item_taken(const task_view *v, uint32_t k)
{
    if (!v->f || !(v->f->flags & FN_ITEM) || v->narg != 2) return NO_ITEM;
    if (v->arg[0].kind != LIT_IN || v->arg[0].i != k || v->arg[1].kind != LIT_INT) return NO_ITEM;
    return v->arg[1].i >= 0 && v->arg[1].i < 64 ? (int)v->arg[1].i : NO_ITEM;
}

/* Adds to *set what the tasks of y take of those of x; false: more than items. */
static bool add_taken(const layer *y, const layer *x, uint64_t *set)
{
    arena a = {0};
    task_view v;
    bool ok = y->count <= MANY_TASKS;
    for (uint64_t i = 0; ok && i < y->count; i++) {
        arena_reset(&a);
        ok = layer_task(y, i, &a, &v, NULL);
        for (uint32_t k = 0; ok && k < v.nin; k++) {
            if (!layer_same(v.in[k].of, x)) continue;
            int item = item_taken(&v, k);
            ok = item != NO_ITEM;
            if (ok) *set |= (uint64_t)1 << item;
        }
    }
    arena_clear(&a);
    return ok;
}

static bool reads(const layer *y, const layer *x)
{
    for (uint32_t k = 0; k < y->ndep; k++)
        if (layer_same(y->dep[k], x)) return true;
    return false;
}

/* The items that are taken of x's tasks; 0: not known. */
static uint64_t items_taken(const nodes *all, const node *x)
{
    uint64_t set = 0;
    for (uint32_t i = 0; i < all->n; i++) {
        const node *y = &all->at[i];
        if (y == x || !(y->nreader || y->wanted) || !reads(y->by, x->of)) continue;
        if (!add_taken(y->by, x->of, &set)) return 0;
    }
    return set;
}

/* The one function that all tasks of l call, if it gives tuples; or NULL. */
static const fn *tuple_fn(const layer *l)
{
    arena a = {0};
    task_view v;
    const fn *f = NULL;
    bool ok = l->count > 0 && l->count <= MANY_TASKS;
    for (uint64_t i = 0; ok && i < l->count; i++) {
        arena_reset(&a);
        ok = layer_task(l, i, &a, &v, NULL) && v.f && v.f->kind->items && (!f || v.f == f);
        f = v.f;
        for (uint32_t k = 0; ok && k < v.nin; k++) ok = !layer_same(v.in[k].of, l);
    }
    arena_clear(&a);
    return ok ? f : NULL;
}

static bool args_of(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    if (!layer_task(l->param, i, a, out, NULL)) return false;
    out->f = l->f;
    return true;
}

static void drop_layer(const void *l)
{
    datum_unref((layer *)(uintptr_t)l);
}

layer *rewrite_items(const nodes *all, const node *x)
{
    if (x->wanted || x->by != x->of || all->n > MANY) return NULL;
    const fn *f = tuple_fn(x->of);
    uint64_t set = f ? items_taken(all, x) : 0;
    fn *some = set ? f->kind->items(f, set) : NULL;
    block_layer *l = block_layer_new(x->of->name, some, args_of, x->of->grid, x->of->type,
                                     x->of->ndep, x->of->dep);
    if (!l) return NULL;
    l->base.count = x->of->count;
    l->base.nhidden = x->of->nhidden;
    l->base.flags = x->of->flags;
    l->param = datum_ref((layer *)(uintptr_t)x->of);
    l->drop_param = drop_layer;
    return &l->base;
}
