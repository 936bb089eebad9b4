/* engine/expr/join.c - several arrays as one: concatenate, stack; and one as a larger: broadcast.
 *
 * Concatenating gives blocks second names; no data moves until somebody asks. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/join.h"

enum { MAX_JOIN = 1 << 20 };

static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const join_layer *l = (const join_layer *)base;
    int64_t block[GRID_MAXDIM], from[GRID_MAXDIM];
    int ndim = base->grid->ndim, k = 0;
    (void)e;
    grid_block(base->grid, i, block);
    int64_t at = block[l->axis], lo = 0, hi = l->n;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (l->first[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    ref *in = arena_alloc(a, sizeof *in);
    for (int d = 0; d < ndim; d++) {
        if (d != l->axis)
            from[k++] = block[d];
        else if (!l->getitem)
            from[k++] = at - l->first[lo];
    }
    *in = (ref){l->part[lo], grid_linear(l->part_grid[lo], from)};
    out->in = in;
    out->nin = 1;
    if (!l->getitem) return true;
    lit *arg = arena_alloc(a, 2 * sizeof *arg), *item = arena_alloc(a, (size_t)ndim * sizeof *item);
    for (int d = 0; d < ndim; d++)
        item[d] =
            d == l->axis ? (lit){.kind = LIT_NONE} : lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE);
    arg[0] = lit_in(0);
    arg[1] = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    out->f = l->getitem;
    out->narg = 2;
    out->arg = arg;
    return true;
}

static void drop(layer *base)
{
    join_layer *l = (join_layer *)base;
    for (uint32_t i = 0; i < l->n; i++) datum_unref((grid *)(uintptr_t)l->part_grid[i]);
    datum_unref(l->getitem);
    mem_free(l->part);
    mem_free(l->part_grid);
    mem_free(l->first);
}

static const layer_kind join_kind = {.name = "join", .task = task_of, .drop = drop};

const join_layer *as_join(const layer *l)
{
    return l->kind == &join_kind ? (const join_layer *)l : NULL;
}

layer *layer_join(const char *name, uint32_t n, layer *const *part, const grid *const *part_grid,
                  int axis, bool stack, grid *g, dtype_of t)
{
    join_layer *l = layer_new(sizeof *l, &join_kind, name, g, t, n, part);
    if (l->base.ndep == n) l->base.flags |= LAYER_ONCE;
    if (n > 1) l->base.flags |= LAYER_APART;
    l->axis = axis;
    l->n = n;
    l->getitem = stack ? fn_getitem() : NULL;
    l->part = mem_alloc(n * sizeof *l->part);
    l->part_grid = mem_alloc(n * sizeof *l->part_grid);
    l->first = mem_zero((n + 1) * sizeof *l->first);
    for (uint32_t i = 0; i < n; i++) {
        l->part[i] = part[i];
        l->part_grid[i] = datum_ref((grid *)(uintptr_t)part_grid[i]);
        l->first[i + 1] = l->first[i] + (stack ? 1 : part_grid[i]->ax[axis]->nblock);
    }
    return &l->base;
}

static expr *join_parts(const char *prefix, uint32_t n, expr *const *x, int axis, bool stack,
                        grid *g)
{
    token t = {0};
    token_int(&t, axis);
    layer **dep = mem_alloc(n * sizeof *dep);
    const grid **grids = mem_alloc(n * sizeof *grids);
    for (uint32_t i = 0; i < n; i++) {
        token_expr(&t, x[i]);
        dep[i] = x[i]->of;
        grids[i] = x[i]->chunks;
    }
    char *name = token_name(&t, prefix);
    layer *l = layer_join(name, n, dep, grids, axis, stack, g, x[0]->type);
    mem_free(dep);
    mem_free((void *)grids);
    mem_free(name);
    return expr_of_layer(l);
}

/* --- operands: one dtype, no empty ones --- */

static expr *as_type(const expr *x, dtype_of t, err *e)
{
    if (dtype_equal(x->type, t)) return expr_ref(x);
    fn *f = fn_cast(t, 'u');
    expr *y = expr_elemwise((label){0}, f, 1, &(term){.x = x}, t, e);
    datum_unref(f);
    return y;
}

static bool common_type(int n, const expr *const *x, dtype_of *t, err *e)
{
    *t = x[0]->type;
    for (int i = 1; i < n; i++) TRY(dtype_promote(*t, x[i]->type, t, e));
    return true;
}

/* in[0 .. answer): owned; 0: failed */
static uint32_t operands(int n, const expr *const *x, expr **out, err *e)
{
    dtype_of t;
    uint32_t k = 0;
    bool full = false;
    for (int i = 0; i < n; i++)
        if (!x[i]) return 0;
    if (!common_type(n, x, &t, e)) return 0;
    for (int i = 0; i < n; i++) full |= grid_count(x[i]->chunks) != 0;
    for (int i = 0; i < n; i++) {
        if (full && grid_count(x[i]->chunks) == 0) continue;
        expr *y = as_type(x[i], t, e);
        if (!y) {
            while (k) datum_unref(out[--k]);
            return 0;
        }
        out[k++] = y;
    }
    return k;
}

static bool same_shape(const expr *a, const expr *b, int but)
{
    if (expr_ndim(a) != expr_ndim(b)) return false;
    for (int i = 0; i < expr_ndim(a); i++) {
        int64_t m = a->chunks->ax[i]->extent, n = b->chunks->ax[i]->extent;
        if (i != but && (m != n || m < 0)) return false;
    }
    return true;
}

static void *misaligned(uint32_t n, expr *const *x, err *e)
{
    strbuf b = {0};
    char *s = expr_shape_text(x[0]);
    for (int i = 0; i < expr_ndim(x[0]); i++)
        if (x[0]->chunks->ax[i]->extent < 0) {
            err_set(e, ValueError,
                    "Tried to concatenate arrays with unknown shape %s.\n\nTwo solutions:\n"
                    "  1. Force concatenation pass allow_unknown_chunksizes=True.\n"
                    "  2. Compute shapes with [x.compute_chunk_sizes() for x in seq]",
                    s);
            break;
        }
    mem_free(s);
    for (uint32_t i = 0; i < n; i++) {
        s = expr_shape_text(x[i]);
        sb_addf(&b, i ? ", %s" : "%s", s);
        mem_free(s);
    }
    err_set(e, ValueError, "('Shapes do not align: %%s', [%s])", sb_text(&b));
    sb_clear(&b);
    return NULL;
}

/* Equal cuts along every axis but `own` (-1: all). Any number of operands. */
static bool align(uint32_t n, expr **x, int ndim, int own, err *e)
{
    cuts *common[GRID_MAXDIM] = {0}, **all = mem_alloc(n * sizeof *all);
    bool ok = true;
    for (int d = 0; d < ndim && ok; d++) {
        if (d == own) continue;
        for (uint32_t i = 0; i < n; i++) all[i] = x[i]->chunks->ax[d];
        ok = (common[d] = cuts_common((int)n, all, e)) != NULL;
    }
    for (uint32_t i = 0; i < n && ok; i++) {
        cuts *ax[GRID_MAXDIM];
        for (int d = 0; d < ndim; d++)
            ax[d] = d == own || x[i]->chunks->ax[d]->extent <= 1 ? x[i]->chunks->ax[d] : common[d];
        grid *g = grid_new(ndim, ax);
        expr *y = expr_rechunk(x[i], g, 0, 0, e);
        datum_unref(g);
        ok = y != NULL;
        if (ok) datum_unref(x[i]), x[i] = y;
    }
    for (int d = 0; d < ndim; d++) datum_unref(common[d]);
    mem_free(all);
    return ok;
}

static grid *joined_grid(uint32_t n, expr *const *x, int axis)
{
    cuts_builder b = {0};
    cuts *ax[GRID_MAXDIM] = {0};
    const grid *g = x[0]->chunks;
    for (uint32_t i = 0; i < n; i++) {
        const cuts *c = x[i]->chunks->ax[axis];
        for (uint32_t r = 0; r < c->nrun; r++) cuts_add(&b, c->run[r].size, c->run[r].count);
    }
    for (int d = 0; d < g->ndim; d++) ax[d] = d == axis ? cuts_build(&b) : datum_ref(g->ax[d]);
    grid *out = grid_new(g->ndim, ax);
    for (int d = 0; d < g->ndim; d++) datum_unref(ax[d]);
    return out;
}

static expr *concat_parts(uint32_t n, expr **part, int axis, bool unknown, err *e)
{
    for (uint32_t i = 1; i < n && !unknown; i++)
        if (!same_shape(part[0], part[i], axis)) return misaligned(n, part, e);
    if (!align(n, part, expr_ndim(part[0]), axis, e)) return NULL;
    grid *g = joined_grid(n, part, axis);
    expr *y = join_parts("concatenate", n, part, axis, false, g);
    datum_unref(g);
    return y;
}

expr *expr_concat(int n, const expr *const *x, int axis, bool allow_unknown, err *e)
{
    if (n < 1) return err_set(e, ValueError, "Need array(s) to concatenate");
    if (n > MAX_JOIN) return err_set(e, ValueError, "too many arrays to concatenate");
    if (!x[0]) return NULL;
    int ndim = expr_ndim(x[0]);
    if (axis < 0) axis += ndim;
    if (axis >= ndim || axis < 0)
        return err_set(e, ValueError,
                       "Axis must be less than than number of dimensions\n"
                       "Data has %d dimensions, but got axis=%d",
                       ndim, axis);
    expr **part = mem_alloc((size_t)n * sizeof *part), *y = NULL;
    uint32_t k = operands(n, x, part, e);
    if (k == 1)
        y = expr_ref(part[0]);
    else if (k)
        y = concat_parts(k, part, axis, allow_unknown, e);
    while (k) datum_unref(part[--k]);
    mem_free(part);
    return y;
}

/* --- stack --- */

static bool check_stack(int n, const expr *const *x, bool unknown, err *e)
{
    for (int i = 0; i < n; i++) {
        if (!x[i]) return false;
        if (i == 0 || unknown || same_shape(x[0], x[i], -1)) continue;
        char *a = expr_shape_text(x[0]), *b = expr_shape_text(x[i]);
        err_set(e, ValueError,
                "Stacked arrays must have the same shape. The first array had shape %s, while "
                "array %d has shape %s.",
                a, i + 1, b);
        mem_free(a);
        mem_free(b);
        return false;
    }
    return true;
}

static grid *stacked_grid(const grid *g, int axis, int64_t n)
{
    cuts *ax[GRID_MAXDIM], *one = cuts_repeat(n, 1);
    for (int d = 0; d <= g->ndim; d++) ax[d] = d == axis ? one : g->ax[d > axis ? d - 1 : d];
    grid *out = grid_new(g->ndim + 1, ax);
    datum_unref(one);
    return out;
}

expr *expr_stack(int n, const expr *const *x, int axis, bool allow_unknown, err *e)
{
    if (n < 1) return err_set(e, ValueError, "Need array(s) to stack");
    if (n > MAX_JOIN) return err_set(e, ValueError, "too many arrays to stack");
    if (!check_stack(n, x, allow_unknown, e)) return NULL;
    int ndim = expr_ndim(x[0]);
    if (axis < -ndim - 1 || axis > ndim)
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d", axis,
                       ndim + 1);
    if (axis < 0) axis += ndim + 1;
    expr **part = mem_alloc((size_t)n * sizeof *part), *y = NULL;
    uint32_t k = operands(n, x, part, e);
    if (k && align(k, part, ndim, -1, e)) {
        grid *g = stacked_grid(part[0]->chunks, axis, k);
        y = join_parts("stack", k, part, axis, true, g);
        datum_unref(g);
    }
    while (k) datum_unref(part[--k]);
    mem_free(part);
    return y;
}

/* --- broadcast --- */

static bool broadcast_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    const grid *g = l->base.grid, *old = l->param;
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM], from[GRID_MAXDIM];
    grid_block(g, i, block);
    grid_block_shape(g, block, shape);
    for (int d = 0; d < old->ndim; d++) {
        bool one = old->ax[d]->nblock == 1 && old->ax[d]->extent == 1;
        from[d] = one ? 0 : block[g->ndim - old->ndim + d];
    }
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *in = (ref){l->base.dep[0], grid_linear(old, from)};
    arg[0] = lit_in(0);
    arg[1] = lit_ints(a, g->ndim, shape);
    *out = (task_view){.f = l->f, .narg = 2, .arg = arg, .nin = 1, .in = in};
    return true;
}

static void drop_grid_param(const void *p)
{
    datum_unref((datum *)(uintptr_t)p);
}

static void shape_text_of(int ndim, const int64_t *shape, strbuf *b)
{
    sb_addc(b, '(');
    for (int i = 0; i < ndim; i++) sb_addf(b, i ? ", %lld" : "%lld", (long long)shape[i]);
    sb_adds(b, ndim == 1 ? ",)" : ")");
}

static void *cannot_broadcast(const expr *x, int ndim, const int64_t *shape, err *e)
{
    strbuf b = {0};
    char *old = expr_shape_text(x);
    shape_text_of(ndim, shape, &b);
    err_set(e, ValueError, "cannot broadcast shape %s to shape %s", old, sb_text(&b));
    sb_clear(&b);
    mem_free(old);
    return NULL;
}

static grid *broadcast_grid(const expr *x, int ndim, const int64_t *shape)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int extra = ndim - expr_ndim(x);
    for (int i = 0; i < ndim; i++) {
        cuts *old = i < extra ? NULL : x->chunks->ax[i - extra];
        ax[i] =
            old && (old->extent > 1 || old->extent < 0) ? datum_ref(old) : cuts_repeat(1, shape[i]);
    }
    grid *g = grid_new(ndim, ax);
    for (int i = 0; i < ndim; i++) datum_unref(ax[i]);
    return g;
}

static bool check_cuts(const expr *x, const grid *g, err *e)
{
    int extra = g->ndim - expr_ndim(x);
    for (int i = 0; i < expr_ndim(x); i++) {
        const cuts *old = x->chunks->ax[i];
        if (cuts_eq(old, g->ax[i + extra]) || (old->nblock == 1 && old->extent == 1)) continue;
        char *a = grid_text(x->chunks), *b = grid_text(g);
        err_set(e, ValueError,
                "cannot broadcast chunks %s to chunks %s: new chunks must either be along a new "
                "dimension or a dimension of size 1",
                a, b);
        mem_free(a);
        mem_free(b);
        return false;
    }
    return true;
}

layer *layer_repeated(const char *name, layer *of, grid *g)
{
    block_layer *l = block_layer_new(name, fn_broadcast(), broadcast_args, g, of->type, 1, &of);
    l->param = datum_ref(of->grid);
    l->drop_param = drop_grid_param;
    return &l->base;
}

bool layer_is_repeated(const layer *l)
{
    const block_layer *b = as_block_layer(l);
    return b && b->args == broadcast_args;
}

expr *expr_broadcast_to(const expr *x, int ndim, const int64_t *shape, grid *chunks, err *e)
{
    if (!x) return NULL;
    int extra = ndim - expr_ndim(x);
    bool same = extra == 0;
    if (extra < 0) return cannot_broadcast(x, ndim, shape, e);
    for (int i = 0; i < expr_ndim(x); i++) {
        int64_t old = x->chunks->ax[i]->extent;
        same &= old == shape[i + extra];
        if (old != 1 && old != shape[i + extra]) return cannot_broadcast(x, ndim, shape, e);
    }
    if (same && !chunks) return expr_ref(x);
    grid *g = chunks ? datum_ref(chunks) : broadcast_grid(x, ndim, shape);
    expr *y = NULL;
    if (check_cuts(x, g, e)) {
        token t = {0};
        token_expr(&t, x);
        token_grid(&t, g);
        char *name = token_name(&t, "broadcast_to");
        y = expr_of_layer(layer_repeated(name, x->of, g));
        mem_free(name);
    }
    datum_unref(g);
    return y;
}
