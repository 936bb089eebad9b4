/* engine/plan/nest.c - a pass: very small blocks are made by the task that adds them up.
 *
 * A task costs about as much as some hundred elements do.  Where chunks are as small as that, and a
 * level of a reduction's tree is all that reads the blocks of a program without inputs, each task
 * of that level makes the few blocks that it joins itself, one after the other, and so do the next
 * levels, as long as enough tasks are left for every worker.  The blocks and the order in which
 * they are joined stay what they were. */
#include "engine/expr/reduceops.h"
#include "engine/plan/lower.h"

enum {
    ELEMENTS = 256, /* of a block, at most */
    BLOCKS = 256,   /* that a task makes, at most */
    TASKS = 1024    /* that are left, at least */
};

static bool is_native(const layer *l)
{
    arena a = {0};
    task_view v;
    bool is = layer_task(l, 0, &a, &v, NULL) && v.f && fn_is_native(v.f);
    arena_clear(&a);
    return is;
}

static bool is_tiny(const grid *g)
{
    double n = 1;
    if (!g || !grid_known(g)) return false;
    for (int k = 0; k < g->ndim; k++) n *= (double)g->ax[k]->largest;
    return n <= ELEMENTS;
}

/* Do the steps of that root read nothing but each other, and make tiny blocks? */
static bool stands_alone(const nodes *s, uint32_t root)
{
    for (uint32_t i = 0; i <= root; i++) {
        const node *x = &s->at[i];
        if (x->root != root) continue;
        if (!is_tiny(x->by->grid)) return false;
        for (uint32_t k = 0; k < x->by->ndep; k++)
            if (nodes_find(s, x->by->dep[k])->root != root) return false;
    }
    return true;
}

/* c is a level of a tree: may its tasks make the blocks that they read? */
static bool takes_in(const nodes *s, const node *c, const node *d)
{
    const uint32_t i = (uint32_t)(d - s->at);
    if (d->root != i || d->nreader != 1 || d->wanted || d->nstep < 2) return false;
    if (c->nstep + d->nstep > MAX_STEP || !is_tiny(c->by->grid)) return false;
    const uint64_t n = c->by->grid->nblock, of = d->of->count;
    return d->by->grid && d->by->grid->nblock == of && n >= TASKS && c->by->count == n &&
           is_native(c->by) && is_native(d->by) && stands_alone(s, i);
}

void pass_nest(nodes *s, const plan_opts *o)
{
    if (o->keep_all || o->off & (PASS_FUSE | PASS_NEST) || !s->n) return;
    uint64_t *blocks = mem_alloc(s->n * sizeof *blocks); /* that a task makes */
    uint32_t *levels = mem_alloc(s->n * sizeof *levels);
    for (uint32_t i = 0; i < s->n; i++) { /* dependencies first */
        node *c = &s->at[i];
        red_layer r;
        blocks[i] = levels[i] = 1;
        if (c->root != i || c->nstep != 1 || !red_tree_of(c->by, &r) || r.blocks) continue;
        const node *d = nodes_find(s, r.in);
        const uint32_t at = (uint32_t)(d - s->at);
        if (levels[at] == MAX_LEVEL || !takes_in(s, c, d)) continue;
        const uint64_t n = c->by->grid->nblock, each = (d->of->count + n - 1) / n;
        if (each * blocks[at] > BLOCKS) continue;
        blocks[i] = each * blocks[at];
        levels[i] = levels[at] + 1;
        c->nstep += d->nstep;
        s->at[at].nested = true;
        for (uint32_t k = 0; k <= at; k++)
            if (s->at[k].root == at) s->at[k].root = i;
    }
    mem_free(levels);
    mem_free(blocks);
}
