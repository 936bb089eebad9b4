/* engine/plan/scan.c - a pass: running sums and products of blocks that are there, side by side.
 *
 * As users see it, each block is scanned, a chain of tasks carries the total so far, and each block
 * is combined with what came before it: every element is written twice.  Where the blocks are in
 * memory anyhow, they are read twice instead.  First only what the scan of each block ends with is
 * found, of several blocks at once, since a sum waits for the one before it but not for those of
 * other blocks.  From those come the carries.  Then the same blocks are scanned again and combined
 * with their carries as they are written, in the place of the blocks if nobody else looks at them.
 * Every operation has the operands that it has in the graph. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/scan.h"
#include "engine/kernels/abreast.h"
#include "engine/plan/lower.h"

enum {
    MANY = 4096,
    MANY_TASKS = 1 << 16,
    FEW_BLOCKS = 4,
    HELD = 1 << 28 /* bytes of a group whose blocks need not stay */
};

/* Blocks in a row along the axis, in groups; the groups are blocks of a coarser grid. */
typedef struct group_layer {
    layer base;
    fn *f, *item[ABREAST]; /* what its tasks call, or those of each block of a group */
    grid *blocks;
    int axis;
    int64_t row, groups; /* blocks along the axis, and groups of them */
} group_layer;

/* --- which blocks are in which group --- */

static int64_t first_of(const group_layer *l, int64_t group)
{
    int64_t each = l->row / l->groups, more = l->row % l->groups;
    return group * each + (group < more ? group : more);
}

static int64_t group_of(const group_layer *l, int64_t block)
{
    int64_t each = l->row / l->groups, more = l->row % l->groups, large = more * (each + 1);
    return block < large ? block / (each + 1) : more + (block - large) / each;
}

/* block `at` along the axis of the row of blocks that the group at where[] is in */
static ref block_ref(const group_layer *l, const layer *of, const int64_t *where, int64_t at)
{
    int64_t b[GRID_MAXDIM];
    memcpy(b, where, (size_t)l->blocks->ndim * sizeof *b);
    b[l->axis] = at;
    return (ref){of, grid_linear(l->blocks, b)};
}

/* the same groups: one after another along the axis, of so many elements each */
static grid *group_grid(const group_layer *l, bool whole)
{
    cuts *ax[GRID_MAXDIM];
    int64_t *size = mem_alloc((size_t)l->groups * sizeof *size);
    const cuts *along = l->blocks->ax[l->axis];
    for (int64_t g = 0; g < l->groups; g++) {
        int64_t from = first_of(l, g), to = first_of(l, g + 1);
        size[g] = whole ? cuts_start(along, to) - cuts_start(along, from) : to - from;
    }
    memcpy(ax, l->blocks->ax, (size_t)l->blocks->ndim * sizeof *ax);
    ax[l->axis] = cuts_of(l->groups, size);
    grid *g = grid_new(l->blocks->ndim, ax);
    datum_unref(ax[l->axis]);
    mem_free(size);
    return g;
}

/* --- their tasks --- */

/* what the scans of a group's blocks end with; nobody asks for that of the last block of all */
static bool last_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    const group_layer *l = (const group_layer *)base;
    int64_t where[GRID_MAXDIM];
    grid_block(base->grid, i, where);
    const int64_t group = where[l->axis], first = first_of(l, group);
    int64_t n = first_of(l, group + 1) - first;
    if (group + 1 == l->groups && n > 1) n--;
    ref *in = arena_alloc(a, (size_t)n * sizeof *in);
    lit *arg = arena_alloc(a, (size_t)n * sizeof *arg);
    for (int64_t k = 0; k < n; k++) {
        in[k] = block_ref(l, base->dep[0], where, first + k);
        arg[k] = lit_in(k);
    }
    *out = (task_view){.f = l->f, .narg = (uint32_t)n, .arg = arg, .nin = (uint32_t)n, .in = in};
    return true;
}

/* what comes before each of them, from the group before */
static bool carry_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    const group_layer *l = (const group_layer *)base;
    int64_t where[GRID_MAXDIM];
    uint32_t n = 0;
    grid_block(base->grid, i, where);
    ref *in = arena_alloc(a, 2 * sizeof *in);
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    arg[0] = lit_in(0);
    arg[1] = lit_in(1);
    if (where[l->axis]-- > 0) in[n++] = (ref){base, grid_linear(base->grid, where)};
    in[n++] = (ref){base->dep[0], i};
    *out = (task_view){.f = l->f, .narg = n, .arg = arg, .nin = n, .in = in};
    return true;
}

/* a tuple of its blocks */
static bool join_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    const group_layer *l = (const group_layer *)base;
    int64_t where[GRID_MAXDIM];
    grid_block(base->grid, i, where);
    const int64_t group = where[l->axis], first = first_of(l, group),
                  n = first_of(l, group + 1) - first;
    ref *in = arena_alloc(a, (size_t)(n + 1) * sizeof *in);
    lit *arg = arena_alloc(a, (size_t)(n + 2) * sizeof *arg);
    arg[0] = lit_int(group == 0);
    arg[1] = lit_in(0);
    in[0] = (ref){base->dep[0], i};
    for (int64_t k = 0; k < n; k++) {
        in[1 + k] = block_ref(l, base->dep[1], where, first + k);
        arg[2 + k] = lit_in(1 + k);
    }
    *out = (task_view){
        .f = l->f, .narg = (uint32_t)n + 2, .arg = arg, .nin = (uint32_t)n + 1, .in = in};
    return true;
}

static bool item_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    const group_layer *l = (const group_layer *)base;
    int64_t where[GRID_MAXDIM];
    grid_block(base->grid, i, where);
    const int64_t block = where[l->axis], group = group_of(l, block);
    where[l->axis] = group;
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    arg[0] = lit_in(0);
    arg[1] = lit_int(block - first_of(l, group));
    *in = (ref){base->dep[0], grid_linear(base->dep[0]->grid, where)};
    *out = (task_view){
        .f = l->item[block - first_of(l, group)], .narg = 2, .arg = arg, .nin = 1, .in = in};
    return true;
}

static void group_drop(layer *base)
{
    group_layer *l = (group_layer *)base;
    datum_unref(l->f);
    for (int i = 0; i < ABREAST; i++) datum_unref(l->item[i]);
    datum_unref(l->blocks);
}

static const layer_kind last_kind = {
    .name = "scan last", .task = last_task, .drop = group_drop, .one_fn = true};
static const layer_kind carry_kind = {
    .name = "scan carry", .task = carry_task, .drop = group_drop, .one_fn = true};
static const layer_kind join_kind = {
    .name = "scan join", .task = join_task, .drop = group_drop, .one_fn = true};
static const layer_kind item_kind = {.name = "scan item", .task = item_task, .drop = group_drop};

/* Takes g and f (NULL: those of items). */
static layer *group_new(const layer_kind *kind, const group_layer *like, fn *f, grid *g,
                        const layer *as, uint32_t ndep, layer *const *dep)
{
    token t = {0};
    token_layer(&t, as);
    char *name = token_name(&t, kind->name);
    group_layer *l = layer_new(sizeof *l, kind, f ? name : as->name, g, as->type, ndep, dep);
    mem_free(name);
    datum_unref(g);
    l->f = f;
    for (uint32_t i = 0; i < ABREAST && !f; i++) l->item[i] = fn_item(i);
    l->blocks = datum_ref(like->blocks);
    l->axis = like->axis;
    l->row = like->row;
    l->groups = like->groups;
    return &l->base;
}

static layer *side_by_side(const layer *of, const scan_parts *p, int64_t groups)
{
    const group_layer like = {.blocks = of->grid,
                              .axis = p->axis,
                              .row = of->grid->ax[p->axis]->nblock,
                              .groups = groups};
    layer *last = group_new(&last_kind, &like, fn_scan_last(p), group_grid(&like, false), of, 1,
                            (layer *[]){p->of});
    layer *carry = group_new(&carry_kind, &like, fn_scan_carry(p), group_grid(&like, false), of, 1,
                             (layer *[]){last});
    layer *join = group_new(&join_kind, &like, fn_scan_join(p), group_grid(&like, true), of, 2,
                            (layer *[]){carry, p->of});
    layer *items = group_new(&item_kind, &like, NULL, datum_ref(of->grid), of, 1, &join);
    datum_unref(last);
    datum_unref(carry);
    datum_unref(join);
    return items;
}

/* --- where --- */

/* 0: not worth it */
static int64_t groups_for(const node *x, int axis)
{
    const grid *g = x->of->grid;
    double rows = 1, across = 1;
    const int64_t n = g->ax[axis]->nblock;
    for (int k = 0; k < axis; k++) rows *= (double)g->ax[k]->largest;
    for (int k = axis + 1; k < g->ndim; k++) across *= (double)g->ax[k]->largest;
    if (across > 1 || rows >= ABREAST) return n > 1 ? n : 0;
    int64_t each = ABREAST / (int64_t)rows;
    const double block = rows * (double)g->ax[axis]->largest * x->of->type.size;
    if (!x->wanted && block * (double)each > HELD) each = (int64_t)(HELD / block);
    if (n < FEW_BLOCKS || each * (int64_t)rows < FEW_BLOCKS) return 0;
    const int64_t groups = (n + each - 1) / each;
    return groups + groups % 2; /* for an even number of hands */
}

static bool no_block_is_empty(const grid *g)
{
    for (int k = 0; k < g->ndim; k++)
        for (uint32_t r = 0; r < g->ax[k]->nrun; r++)
            if (g->ax[k]->run[r].size < 1) return false;
    return true;
}

/* A block, or what stands for one and has its outline, that is in memory and of type t */
static bool is_near(const datum *d, dtype_of t)
{
    if (!d || !(as_nd(d) || (d->kind->fetch && d->kind->is_near && d->kind->is_near(d))))
        return false;
    return ((const nd *)d)->dtype == t.dt;
}

/* Are its blocks stored, of the type they should have, and none of them on disk?  Those are read
 * once at a time. */
static bool is_at_hand(const layer *l)
{
    arena a = {0};
    task_view v;
    bool ok = layer_is_stored(l) && l->count <= MANY_TASKS;
    for (uint64_t i = 0; ok && i < l->count; i++)
        ok = layer_task(l, i, &a, &v, NULL) && is_near(v.value, l->type);
    arena_clear(&a);
    return ok;
}

/* Will its blocks be in memory, whoever reads them? */
static bool is_there(const nodes *all, const layer *l)
{
    const node *x = nodes_find(all, l);
    const source *s = x->by->flags & LAYER_LEAF ? layer_source(x->by) : NULL;
    scan_parts p;
    if (s) return !s->kind->read_into && !s->kind->home;
    return is_at_hand(x->by) || x->by->kind == &item_kind ||
           (scan_layer_parts(x->by, &p) && is_there(all, p.of));
}

static bool reads(const layer *y, const layer *x)
{
    for (uint32_t k = 0; k < y->ndep; k++)
        if (layer_same(y->dep[k], x)) return true;
    return false;
}

/* Marks the blocks of x that the tasks of y read; answers how many were not marked before. */
static uint64_t mark_read(const layer *y, const layer *x, bool *read)
{
    arena a = {0};
    task_view v;
    uint64_t fresh = 0;
    for (uint64_t i = 0; i < y->count && i < MANY_TASKS; i++) {
        arena_reset(&a);
        if (!layer_task(y, i, &a, &v, NULL)) break;
        for (uint32_t k = 0; k < v.nin; k++) {
            if (!layer_same(v.in[k].of, x) || v.in[k].i >= x->grid->nblock) continue;
            fresh += !read[v.in[k].i];
            read[v.in[k].i] = true;
        }
    }
    arena_clear(&a);
    return fresh;
}

/* Are nearly all blocks asked for?  To give a few, fewer than all need be combined. */
static bool is_read_whole(const nodes *all, const node *x)
{
    const uint64_t n = x->of->grid->nblock;
    uint64_t met = x->nwanted;
    if (met >= n - n / 8) return true;
    bool *read = n <= MANY_TASKS ? mem_zero(n * sizeof *read) : NULL;
    met = 0;
    for (uint32_t i = 0; i < all->n && read; i++) {
        const node *y = &all->at[i];
        if (y != x && (y->nreader || y->wanted) && reads(y->by, x->of))
            met += mark_read(y->by, x->of, read);
    }
    mem_free(read);
    return met >= n - n / 8;
}

layer *rewrite_scan(const nodes *all, const node *x)
{
    scan_parts p;
    if (x->by != x->of || all->n > MANY || !scan_layer_parts(x->of, &p)) return NULL;
    const node *scanned = nodes_find(all, p.scanned);
    if (!node_own(scanned) || scanned->by != scanned->of) return NULL;
    const grid *g = x->of->grid;
    if (!grid_known(g) || !no_block_is_empty(g) || !abreast_find(p.s->fold, p.t.dt)) return NULL;
    if (p.of->foreign || !p.of->grid || !grid_eq(p.of->grid, g) || !is_there(all, p.of))
        return NULL;
    int64_t groups = groups_for(x, p.axis);
    return groups && is_read_whole(all, x) ? side_by_side(x->of, &p, groups) : NULL;
}
