/* engine/plan/fuse.c - a pass: layers that one other layer reads become steps of its program.
 *
 * Layer d joins layer c's program when nobody asks for d, every block of d is read by at most one
 * task of the program, and all readers of d are in that one program.  Then d's blocks need not be
 * results.  Several readers are allowed only where all of them work on the same block number. */
#include "engine/expr/bw.h"
#include "engine/plan/lower.h"

/* a task of l reads one block of this input, and no two tasks the same */
static bool reads_once(const bw_layer *l, const bw_input *in)
{
    const grid *g = l->base.grid;
    bool used[GRID_MAXDIM] = {0};
    for (int k = 0; k < in->ndim; k++) {
        if (in->from[k] < BW_FIRST) return false; /* a list of blocks */
        if (in->from[k] >= 0) used[in->from[k]] = true;
    }
    for (int i = 0; i < g->ndim; i++)
        if (!used[i] && g->ax[i]->nblock > 1) return false;
    return true;
}

static bool same_block(const bw_layer *l, const bw_input *in)
{
    if (in->ndim != l->base.grid->ndim) return false;
    for (int k = 0; k < in->ndim; k++)
        if (in->from[k] != k) return false;
    return true;
}

/* what l's tasks do with blocks of d */
typedef struct reading {
    uint32_t times; /* arguments that are d */
    bool once;      /* every block at most once per argument */
    bool same;      /* and it is the block of the task's own number */
} reading;

static reading how_read(const layer *l, const layer *d)
{
    reading r = {.once = true, .same = true};
    const bw_layer *b = as_bw(l);
    if (!b) {
        r.times = 1;
        r.once = l->flags & (LAYER_ONE_TO_ONE | LAYER_ONCE);
        r.same = l->flags & LAYER_ONE_TO_ONE;
        return r;
    }
    for (uint32_t k = 0; k < b->narg; k++) {
        if (!b->arg[k].of || !layer_same(b->arg[k].of, d)) continue;
        r.times++;
        r.once &= reads_once(b, &b->arg[k]);
        r.same &= same_block(b, &b->arg[k]);
    }
    return r;
}

/* tasks of our own operations; functions of the language are prepared task by task */
static bool is_native(const layer *l)
{
    if (as_bw(l)) return fn_is_native(as_bw(l)->f);
    arena a = {0};
    task_view v;
    bool ok = l->count > 0 && layer_task(l, 0, &a, &v, NULL) && v.f && fn_is_native(v.f);
    arena_clear(&a);
    return ok;
}

/* each task makes one block in its own right */
static bool may_join(const layer *l)
{
    if (!l->grid || !(as_bw(l) || l->flags & (LAYER_ONE_TO_ONE | LAYER_ONCE | LAYER_LEAF)))
        return false;
    return is_native(l);
}

static bool may_lead(const layer *l)
{
    return (as_bw(l) || l->flags & (LAYER_ONE_TO_ONE | LAYER_ONCE)) && is_native(l);
}

typedef struct joining {
    uint32_t readers, times, root;
    bool ok, same, once;
} joining;

static void read_by(nodes *s, joining *j, const node *c)
{
    (void)s;
    uint32_t root = c->root;
    if (j->readers && root != j->root) j->ok = false;
    j->root = root;
    j->readers++;
}

void pass_fuse(nodes *s, const plan_opts *o)
{
    if (o->keep_all || o->off & PASS_FUSE) return;
    joining *j = mem_zero(s->n * sizeof *j);
    for (uint32_t i = 0; i < s->n; i++) j[i] = (joining){.ok = true, .same = true, .once = true};
    for (uint32_t i = s->n; i-- > 0;) { /* dependents first */
        node *x = &s->at[i];
        joining *me = &j[i];
        bool many = me->readers > 1 || me->times > 1;
        node *root = me->readers ? &s->at[me->root] : NULL;
        if (root && me->ok && me->once && (!many || me->same) && !x->wanted &&
            root->nstep < MAX_STEP && may_lead(root->by) && may_join(x->by)) {
            x->root = me->root;
            x->same_index = me->same;
            root->nstep++;
        }
        for (uint32_t k = 0; k < x->by->ndep; k++) {
            node *d = nodes_find(s, x->by->dep[k]);
            joining *y = &j[d - s->at];
            reading r = how_read(x->by, d->of);
            read_by(s, y, x);
            y->times += r.times;
            y->once &= r.once;
            y->same &= r.same && (x->root == i || x->same_index);
        }
    }
    mem_free(j);
}
