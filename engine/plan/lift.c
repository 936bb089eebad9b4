/* engine/plan/lift.c - a pass: an operation on each of several arrays that are then joined becomes
 * the same operation on the arrays joined.
 *
 * concatenate([f(a), f(b), ...]) is f(concatenate([a, b, ...])) for an elementwise f, and likewise
 * stack: the same blocks, each made by the same call.  What reads them can then be one step with
 * f, however many arrays there are; joining sources moves nothing.  Arguments that differ from
 * array to array are joined; those that are the same everywhere stay, where they do not follow
 * the joined axis. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/join.h"
#include "engine/plan/lower.h"

/* --- are the parts alike? --- */

static hash128 operation(const bw_layer *b)
{
    token t = {0};
    token_fn(&t, b->f);
    token_dtype(&t, b->base.type);
    for (uint32_t k = 0; k < b->narg; k++) {
        token_int(&t, b->arg[k].of ? b->arg[k].ndim : -1);
        if (!b->arg[k].of) token_lit(&t, &b->arg[k].literal);
    }
    char *name = token_name(&t, "");
    hash128 h = hash128_bytes(name, strlen(name));
    mem_free(name);
    return h;
}

static bool is_elementwise(const bw_layer *b)
{
    return b && b->f->flags & FN_ELEMENTWISE && fn_is_native(b->f) && !b->nsummed &&
           !fn_is_transpose(b->f) && b->base.grid;
}

static bool parts_alike(const nodes *all, const join_layer *j)
{
    const bw_layer *first = as_bw(nodes_find(all, j->part[0])->by);
    if (!is_elementwise(first)) return false;
    hash128 op = operation(first);
    for (uint32_t i = 0; i < j->n; i++) {
        const node *x = nodes_find(all, j->part[i]);
        const bw_layer *b = as_bw(x->by);
        if (!node_own(x) || !is_elementwise(b) || b->narg != first->narg) return false;
        if (!grid_eq(j->part_grid[i], b->base.grid) || !grid_known(b->base.grid)) return false;
        if (i && !hash128_eq(op, operation(b))) return false;
    }
    return true;
}

/* --- their arguments --- */

static const bw_input *input(const nodes *all, const join_layer *j, uint32_t part, uint32_t k)
{
    return &as_bw(nodes_find(all, j->part[part])->by)->arg[k];
}

static bool is_same(const nodes *all, const join_layer *j, uint32_t k)
{
    const bw_input *in = input(all, j, 0, k);
    for (uint32_t i = 1; i < j->n; i++)
        if (!layer_same(input(all, j, i, k)->of, in->of)) return false;
    for (int d = 0; d < in->ndim; d++) {
        if (in->from[d] == j->axis && !j->getitem) return false;
        if (in->from[d] < j->axis && j->getitem) return false; /* the axis would come in between */
    }
    return in->of->grid != NULL;
}

/* Does the argument follow the part along the joined axis, and look alike in all along others? */
static bool may_be_joined(const nodes *all, const join_layer *j, uint32_t k)
{
    const grid *g = input(all, j, 0, k)->of->grid;
    for (uint32_t i = 0; i < j->n; i++) {
        const bw_input *in = input(all, j, i, k);
        const grid *own = in->of->grid, *part = j->part_grid[i];
        if (!own || !grid_known(own) || in->ndim != part->ndim || own->ndim != in->ndim)
            return false;
        if (!dtype_equal(in->of->type, input(all, j, 0, k)->of->type) || in->of->foreign)
            return false;
        for (int d = 0; d < in->ndim; d++) {
            bool joined = d == j->axis && !j->getitem, repeated = own->ax[d]->extent == 1;
            if (in->from[d] != d && !(repeated && in->from[d] == BW_FIRST)) return false;
            if (!cuts_eq(own->ax[d], part->ax[d]) && (joined || !repeated)) return false;
            if (!joined && !cuts_eq(own->ax[d], g->ax[d])) return false;
        }
    }
    return true;
}

/* a name like that of the operation which l is */
static char *name_like(const layer *l, token *t)
{
    const char *end = strrchr(l->name, '-');
    char *prefix = end ? mem_dupn(l->name, (size_t)(end - l->name)) : mem_dup(l->name);
    char *name = token_name(t, prefix);
    mem_free(prefix);
    return name;
}

static layer *joined(const nodes *all, const join_layer *j, uint32_t k)
{
    const layer *first = input(all, j, 0, k)->of;
    const grid *g = j->base.grid;
    layer **part = mem_alloc(j->n * sizeof *part);
    const grid **grids = mem_alloc(j->n * sizeof *grids);
    cuts *ax[GRID_MAXDIM];
    token t = {0};
    token_layer(&t, &j->base);
    token_int(&t, j->axis);
    for (uint32_t i = 0; i < j->n; i++) {
        part[i] = input(all, j, i, k)->of;
        grids[i] = part[i]->grid;
        token_layer(&t, part[i]);
    }
    for (int d = 0, from = 0; d < g->ndim; d++) {
        bool own = d != j->axis || !j->getitem;
        ax[d] = d == j->axis ? g->ax[d] : first->grid->ax[from];
        from += own;
    }
    grid *whole = grid_new(g->ndim, ax);
    bool made = as_bw(nodes_find(all, first)->by) != NULL;
    char *name = made ? name_like(first, &t) : token_name(&t, j->getitem ? "stack" : "concatenate");
    layer *l = layer_join(name, j->n, part, grids, j->axis, j->getitem != NULL, whole, first->type);
    mem_free(name);
    datum_unref(whole);
    mem_free((void *)grids);
    mem_free(part);
    return l;
}

layer *rewrite_lift(const nodes *all, const node *x)
{
    enum { MOST = 64 };
    const join_layer *j = as_join(x->by);
    layer *of[MOST] = {0};
    if (!j || j->n < 2 || j->n != x->by->ndep || !x->by->grid || !parts_alike(all, j)) return NULL;
    const bw_layer *b = as_bw(nodes_find(all, j->part[0])->by);
    bool ok = b->narg <= MOST;
    for (uint32_t k = 0; k < b->narg && ok; k++)
        ok = !b->arg[k].of || is_same(all, j, k) || may_be_joined(all, j, k);
    if (!ok) return NULL;
    for (uint32_t k = 0; k < b->narg; k++)
        if (b->arg[k].of) of[k] = is_same(all, j, k) ? datum_ref(b->arg[k].of) : joined(all, j, k);
    token t = {0};
    token_layer(&t, x->by);
    char *name = name_like(j->part[0], &t);
    layer *y = bw_again(b, name, of, x->by->grid, j->getitem ? j->axis : -1);
    mem_free(name);
    for (uint32_t k = 0; k < b->narg; k++) datum_unref(of[k]);
    return y;
}
