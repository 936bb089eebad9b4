/* engine/expr/reduce.c - reductions over chunks: one layer per level of Dask's tree.
 *
 * A chunk layer reduces every block, combine layers join up to split_every blocks along each
 * reduced axis, an aggregate layer makes the result.  Values depend on this tree and on nothing
 * else.  Over 600 lines: the levels of the tree share the layers' private parameters. */
#include <math.h>
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/reduceops.h"

/* --- one level of the tree --- */

typedef struct tree_layer {
    layer base;
    fn *f;
    const layer *in; /* = dep[0] */
    grid *in_grid;
    bool keepdims;
    int64_t split[GRID_MAXDIM]; /* blocks joined along the axis; 0: not reduced */
} tree_layer;

typedef struct group {
    const tree_layer *l;
    arena *a;
    ref *ref;
    uint32_t nref;
    int64_t from[GRID_MAXDIM], to[GRID_MAXDIM], at[GRID_MAXDIM];
} group;

static lit group_lists(group *g, int k)
{
    int ndim = g->l->in_grid->ndim;
    while (k < ndim && !g->l->split[k]) k++;
    if (k == ndim) {
        g->ref[g->nref] = (ref){g->l->in, grid_linear(g->l->in_grid, g->at)};
        return lit_in(g->nref++);
    }
    uint32_t n = (uint32_t)(g->to[k] - g->from[k]);
    lit *item = arena_alloc(g->a, n * sizeof(lit) + 1);
    if (k == ndim - 1) { /* neighbours */
        g->at[k] = g->from[k];
        uint64_t first = grid_linear(g->l->in_grid, g->at);
        for (uint32_t i = 0; i < n; i++) {
            g->ref[g->nref] = (ref){g->l->in, first + i};
            item[i] = lit_in(g->nref++);
        }
    } else
        for (uint32_t i = 0; i < n; i++) {
            g->at[k] = g->from[k] + i;
            item[i] = group_lists(g, k + 1);
        }
    return lit_items(LIT_LIST, n, item);
}

static bool tree_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const tree_layer *l = (const tree_layer *)base;
    (void)e;
    int64_t block[GRID_MAXDIM];
    group g = {.l = l, .a = a};
    uint64_t n = 1;
    int o = 0;
    grid_block(base->grid, i, block);
    for (int k = 0; k < l->in_grid->ndim; k++) {
        if (!l->split[k]) {
            g.at[k] = block[o++];
            continue;
        }
        int64_t part = l->keepdims ? block[o++] : 0, total = l->in_grid->ax[k]->nblock;
        g.from[k] = part * l->split[k];
        g.to[k] = g.from[k] + l->split[k] < total ? g.from[k] + l->split[k] : total;
        n *= (uint64_t)(g.to[k] - g.from[k]);
    }
    g.ref = arena_alloc(a, n * sizeof(ref) + 1);
    lit *arg = arena_alloc(a, sizeof *arg);
    *arg = group_lists(&g, 0);
    *out = (task_view){.f = l->f, .narg = 1, .arg = arg, .nin = g.nref, .in = g.ref};
    return true;
}

static void tree_drop(layer *base)
{
    tree_layer *l = (tree_layer *)base;
    datum_unref(l->f);
    datum_unref(l->in_grid);
}

static const layer_kind tree_kind = {
    .name = "tree", .task = tree_task, .drop = tree_drop, .one_fn = true};

/* the grid after one level */
static grid *level_grid(const grid *g, const int64_t *split, bool keepdims, int64_t size)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int n = 0;
    for (int i = 0; i < g->ndim; i++) {
        if (!split[i])
            ax[n++] = datum_ref(g->ax[i]);
        else if (keepdims)
            ax[n++] = cuts_announced((g->ax[i]->nblock + split[i] - 1) / split[i], size,
                                     (split[i] < g->ax[i]->nblock ? split[i] : g->ax[i]->nblock) *
                                         cuts_held_most(g->ax[i]));
    }
    grid *out = grid_new(n, ax);
    while (n) datum_unref(ax[--n]);
    return out;
}

/* the grid of the same level over `in`, whose reduced axes are the old ones */
static grid *grid_over(const tree_layer *l, const grid *in)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int n = 0;
    for (int k = 0; k < in->ndim; k++) {
        if (l->split[k] && !l->keepdims) continue;
        ax[n] = l->split[k] ? l->base.grid->ax[n] : in->ax[k];
        n++;
    }
    return grid_new(n, ax);
}

static expr *level(label l, const char *prefix, const expr *x, const fn *f, const int64_t *split,
                   bool keepdims, int64_t size, dtype_of type)
{
    token t = {0};
    token_expr(&t, x);
    token_fn(&t, f);
    token_add(&t, split, (size_t)expr_ndim(x) * sizeof *split);
    token_int(&t, keepdims);
    token_dtype(&t, type);
    char *name = label_name(l, &t, prefix);
    grid *g = level_grid(x->chunks, split, keepdims, size);
    tree_layer *k = layer_new(sizeof *k, &tree_kind, name, g, type, 1, &x->of);
    k->f = datum_ref((fn *)(uintptr_t)f);
    k->in = x->of;
    k->in_grid = datum_ref(x->chunks);
    k->keepdims = keepdims;
    memcpy(k->split, split, (size_t)expr_ndim(x) * sizeof *split);
    datum_unref(g);
    mem_free(name);
    return expr_of_layer(&k->base);
}

/* --- the whole tree --- */

static int axis_count(uint32_t axes, int ndim)
{
    int n = 0;
    for (int i = 0; i < ndim; i++) n += (axes & axis_bit(i)) != 0;
    return n;
}

static void split_sizes(const reduce_tree *r, int ndim, int64_t *split)
{
    int naxis = axis_count(r->axes, ndim);
    int64_t every = r->split_every > 0 ? r->split_every : 4;
    int64_t n = (int64_t)pow((double)every, 1.0 / (naxis ? naxis : 1));
    for (int i = 0; i < ndim; i++)
        split[i] = !(r->axes & axis_bit(i)) ? 0
                   : r->split_axis          ? (r->split_axis[i] ? r->split_axis[i] : 2)
                   : n < 2                  ? 2
                                            : n;
}

static int tree_depth(const grid *g, const int64_t *split)
{
    int depth = 1;
    for (int i = 0; i < g->ndim; i++) {
        if (split[i] < 2) continue;
        int d = (int)ceil(log((double)g->ax[i]->nblock) / log((double)split[i]));
        if (d > depth) depth = d;
    }
    return depth;
}

static const char *with(strbuf *b, const char *prefix, const char *suffix)
{
    sb_clear(b);
    sb_addf(b, "%s%s", prefix, suffix);
    return sb_text(b);
}

static expr *climb(const reduce_tree *r, expr *x) /* takes x */
{
    int64_t split[GRID_MAXDIM];
    strbuf b = {0};
    const fn *combine = r->combine ? r->combine : r->aggregate;
    const char *part = r->combine_prefix ? r->combine_prefix : combine->name;
    const char *whole = r->l.prefix ? r->l.prefix : r->aggregate->name;
    int64_t size = r->output_size ? r->output_size : 1;
    split_sizes(r, expr_ndim(x), split);
    for (int d = tree_depth(x->chunks, split); d > 1; d--) {
        expr *y =
            level((label){0}, with(&b, part, "-partial"), x, combine, split, true, size, r->type);
        datum_unref(x);
        x = y;
    }
    if (!r->keepdims) size = 1;
    expr *y = level((label){.name = r->l.name}, with(&b, whole, "-aggregate"), x, r->aggregate,
                    split, r->keepdims, size, r->type);
    datum_unref(x);
    sb_clear(&b);
    return y;
}

/* every block reduced by itself */
static expr *chunk_layer(const reduce_tree *r, err *e)
{
    int ndim = expr_ndim(r->x), letter[GRID_MAXDIM], nadjust = 0, adjust[GRID_MAXDIM];
    cuts *ax[GRID_MAXDIM] = {0};
    for (int i = 0; i < ndim; i++) {
        letter[i] = i;
        if (!(r->axes & axis_bit(i))) continue;
        adjust[nadjust] = i;
        ax[nadjust++] =
            cuts_announced(r->x->chunks->ax[i]->nblock, r->output_size ? r->output_size : 1,
                           cuts_held_most(r->x->chunks->ax[i]));
    }
    expr *w = NULL;
    int64_t shape[GRID_MAXDIM];
    expr_shape(r->x, shape);
    if (r->weights) w = expr_broadcast_to(r->weights, ndim, shape, NULL, e);
    bw_arg arg[2] = {{.x = r->x, .index = letter}, {.x = w, .index = letter}};
    const char *prefix = r->chunk_prefix ? r->chunk_prefix : r->chunk->name;
    while (*prefix == '_') prefix++;
    expr *y = NULL;
    if (!r->weights || w)
        y = expr_blockwise(&(blockwise){.l = {.prefix = prefix},
                                        .f = r->chunk,
                                        .type = r->type,
                                        .nout = ndim,
                                        .out = letter,
                                        .narg = w ? 2 : 1,
                                        .arg = arg,
                                        .nadjust = nadjust,
                                        .adjust_letter = adjust,
                                        .adjust_axis = ax},
                           e);
    while (nadjust) datum_unref(ax[--nadjust]);
    datum_unref(w);
    return y;
}

expr *expr_reduce_tree(const reduce_tree *r, err *e)
{
    if (!r->x || !r->aggregate) return NULL;
    expr *x = r->chunk ? chunk_layer(r, e) : expr_ref(r->x);
    if (!x) return NULL;
    if (r->lists) return climb(r, x);
    /* blocks are joined along the reduced axes before combine and aggregate see them */
    int n[1] = {0}, axes[1][GRID_MAXDIM] = {{0}};
    for (int i = 0; i < expr_ndim(r->x); i++)
        if (r->axes & axis_bit(i)) axes[0][n[0]++] = i;
    reduce_tree joined = *r;
    fn *agg = fn_joined(r->aggregate, 1, n, axes);
    fn *com = r->combine ? fn_joined(r->combine, 1, n, axes) : NULL;
    joined.aggregate = agg;
    joined.combine = com;
    expr *y = climb(&joined, x);
    datum_unref(agg);
    datum_unref(com);
    return y;
}

/* --- the reductions of NumPy --- */

enum family { PLAIN, MEAN, MOMENT, ARG };

typedef struct row {
    const char *name;
    enum family family;
    enum reduction_id chunk, aggregate;
    const char *chunk_name, *aggregate_name;
    bool own_combine; /* combine is the chunk function, not the aggregate */
    bool same_type;   /* result dtype is the operand's */
    bool nan;
    enum { EMPTY_ERROR, EMPTY_KEEP, EMPTY_FLAT } empty;
} row;

static const row rows[] = {
    {"sum", PLAIN, R_sum, R_sum, "sum", "sum", .empty = EMPTY_ERROR},
    {"prod", PLAIN, R_prod, R_prod, "prod", "prod", .empty = EMPTY_ERROR},
    {"min", PLAIN, R_min, R_min, "chunk_min", "amin", .own_combine = true, .same_type = true,
     .empty = EMPTY_KEEP},
    {"max", PLAIN, R_max, R_max, "chunk_max", "amax", .own_combine = true, .same_type = true,
     .empty = EMPTY_KEEP},
    {"any", PLAIN, R_any, R_any, "any", "any", .empty = EMPTY_ERROR},
    {"all", PLAIN, R_all, R_all, "all", "all", .empty = EMPTY_ERROR},
    {"nansum", PLAIN, R_nansum, R_sum, "nansum", "sum", .nan = true},
    {"nanprod", PLAIN, R_nanprod, R_prod, "nanprod", "prod", .nan = true},
    {"nanmin", PLAIN, R_nanmin, R_nanmin, "_nanmin_skip", "_nanmin_skip", .same_type = true,
     .empty = EMPTY_FLAT},
    {"nanmax", PLAIN, R_nanmax, R_nanmax, "_nanmax_skip", "_nanmax_skip", .same_type = true,
     .empty = EMPTY_FLAT},
    {"mean", MEAN, R_mean, R_mean, "mean_chunk", "mean_agg", .nan = false},
    {"nanmean", MEAN, R_mean, R_mean, "mean_chunk", "mean_agg", .nan = true},
    {"var", MOMENT, R_var, R_var, "var", "var", .nan = false},
    {"nanvar", MOMENT, R_var, R_var, "moment_chunk", "moment_agg", .nan = true},
    {"moment", MOMENT, R_var, R_var, "moment_chunk", "moment_agg", .nan = false},
    {"argmin", ARG, R_argmin, R_argmin, "arg_chunk", "arg_agg", .nan = false},
    {"argmax", ARG, R_argmax, R_argmax, "arg_chunk", "arg_agg", .nan = false},
    {"nanargmin", ARG, R_nanargmin, R_nanargmin, "arg_chunk", "nanarg_agg", .nan = true},
    {"nanargmax", ARG, R_nanargmax, R_nanargmax, "arg_chunk", "nanarg_agg", .nan = true},
};

static const row *row_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

static bool row_type(const row *w, const expr *x, const reduce_args *a, dtype_of *t, err *e)
{
    *t = x->type;
    if (w->same_type) return true;
    return reduce_resolve(&reductions[w->chunk], x->type, a->want, t, e);
}

/* Of blocks that do not come in pieces: distances from the mean are float64 whatever the elements
 * are, and NaN are replaced in a copy. */
static int more_copies(const row *w, dtype_of of)
{
    enum { COPIES = 2, WIDE = sizeof(double) }; /* moment_chunk's */
    const int times = w->family == MOMENT && of.size && of.size < WIDE ? WIDE / of.size : 1;
    const bool sums =
        w->family == MEAN || w->family == MOMENT || w->chunk == R_nansum || w->chunk == R_nanprod;
    return COPIES * (times - 1) + (w->nan && sums && of.dt >= DT_float16 ? times : 0);
}

/* steps and type of the partial results, per family */
static void row_fns(const row *w, const reduce_args *a, uint32_t axes, dtype_of type, fn *out[3])
{
    static const enum red_step steps[][3] = {
        [PLAIN] = {RED_PLAIN, RED_PLAIN, RED_PLAIN},
        [MEAN] = {RED_MEAN_CHUNK, RED_MEAN_COMBINE, RED_MEAN_AGG},
        [MOMENT] = {RED_MOMENT_CHUNK, RED_MOMENT_COMBINE, RED_MOMENT_AGG},
        [ARG] = {RED_ARG_CHUNK, RED_ARG_COMBINE, RED_ARG_AGG},
    };
    static const char *const combine_names[] = {[PLAIN] = NULL,
                                                [MEAN] = "mean_combine",
                                                [MOMENT] = "moment_combine",
                                                [ARG] = "arg_combine"};
    const enum red_step *s = steps[w->family];
    bool typed = !w->same_type && w->family != ARG;
    red_fn r = {.id = w->chunk,
                .axes = axes,
                .keepdims = true,
                .nan = w->nan,
                .ddof = a->ddof,
                .order = w->family == MOMENT && a->order ? a->order : 2,
                .skip_empty = w->empty != EMPTY_ERROR,
                .flat_empty = w->empty == EMPTY_FLAT,
                .want = typed ? type : (dtype_of){.dt = DT_none}};
    out[0] = fn_red(s[0], w->chunk_name, &r);
    red_fn c = r;
    if (!w->own_combine) c.id = w->aggregate;
    if (w->family == MOMENT) c.want = dtype_plain(DT_float64);
    if (w->family == MEAN || w->family == MOMENT) c.turn = r.turn = a->turn;
    out[1] = fn_red(s[1],
                    combine_names[w->family] ? combine_names[w->family]
                    : w->own_combine         ? w->chunk_name
                                             : w->aggregate_name,
                    &c);
    r.id = w->aggregate;
    r.keepdims = a->keepdims;
    r.skip_empty = w->empty == EMPTY_FLAT;
    out[2] = fn_red(s[2], w->aggregate_name, &r);
}

static bool check_sizes(const row *w, const expr *x, err *e)
{
    if (w->empty != EMPTY_FLAT) return true;
    int64_t n = grid_count(x->chunks);
    if (n < 0)
        return err_set(e, ValueError,
                       "Arrays chunk sizes are unknown. \n\nA possible solution: "
                       "https://docs.dask.org/en/latest/array-chunks.html#unknown-chunks\n"
                       "Summary: to compute chunks sizes, use\n\n"
                       "   x.compute_chunk_sizes()  # for Dask Array `x`\n"
                       "   ddf.to_dask_array(lengths=True)  # for Dask DataFrame `ddf`");
    if (n == 0)
        return err_set(e, ValueError,
                       "zero-size array to reduction operation %s which has no identity",
                       w->chunk == R_nanmin ? "fmin" : "fmax");
    return true;
}

static expr *reduce_arg(const row *w, const expr *x, const reduce_args *a, uint32_t axes, err *e);

static expr *square_root(expr *x, label l, dtype_of want, err *e) /* takes x */
{
    if (!x) return NULL;
    if (!l.prefix) l.prefix = "_sqrt";
    expr *y = expr_map(l, &ufuncs[U_sqrt], 1, &(term){.x = x}, (dtype_of){.dt = DT_none}, 0, e);
    datum_unref(x);
    if (!y || want.dt == DT_none || want.dt == y->type.dt) return y;
    fn *cast = fn_cast(want, 'u');
    expr *z = expr_elemwise((label){0}, cast, 1, &(term){.x = y}, want, e);
    datum_unref(cast);
    datum_unref(y);
    return z;
}

expr *expr_reduce(const char *name, const expr *x, const reduce_args *a, err *e)
{
    if (!x) return NULL;
    bool root = !strcmp(name, "std") || !strcmp(name, "nanstd");
    if (root) {
        reduce_args plain = *a;
        plain.l = (label){0};
        return square_root(expr_reduce(*name == 's' ? "var" : "nanvar", x, &plain, e), a->l,
                           a->want, e);
    }
    const row *w = row_find(name);
    dtype_of type;
    if (!w) return err_set(e, NotImplementedError, "no reduction is called '%s'", name);
    uint32_t axes = a->axes & (uint32_t)((1ull << expr_ndim(x)) - 1);
    if (w->family == ARG) return reduce_arg(w, x, a, axes, e);
    if (!check_sizes(w, x, e) || !row_type(w, x, a, &type, e)) return NULL;
    fn *f[3];
    row_fns(w, a, axes, type, f);
    f[0]->copies = (uint8_t)(f[0]->copies + more_copies(w, x->type));
    bool named = !strcmp(name, "var");
    reduce_tree r = {.l = a->l,
                     .x = x,
                     .axes = axes,
                     .keepdims = a->keepdims,
                     .type = type,
                     .chunk = f[0],
                     .combine = f[1],
                     .aggregate = f[2],
                     .lists = true,
                     .combine_prefix = named ? "var" : NULL,
                     .split_every = a->split_every,
                     .split_axis = a->split_axis};
    expr *y = expr_reduce_tree(&r, e);
    for (int i = 0; i < 3; i++) datum_unref(f[i]);
    return y;
}

/* --- index reductions --- */

typedef struct arg_param {
    bool ravel;
    int axis;
    uint32_t axes;
} arg_param;

/* (x, axes, offset info) */
static bool arg_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    const arg_param *p = l->param;
    const grid *g = l->base.dep[0]->grid;
    int64_t block[GRID_MAXDIM], start[GRID_MAXDIM], shape[GRID_MAXDIM], axes[GRID_MAXDIM];
    int n = 0;
    grid_block(g, i, block);
    grid_block_start(g, block, start);
    grid_shape(g, shape);
    for (int k = 0; k < g->ndim; k++)
        if (p->axes & axis_bit(k)) axes[n++] = k;
    lit *arg = arena_alloc(a, 3 * sizeof *arg), *pair = arena_alloc(a, 2 * sizeof *pair);
    ref *in = arena_alloc(a, sizeof *in);
    *in = (ref){l->base.dep[0], i};
    arg[0] = lit_in(0);
    arg[1] = lit_ints(a, n, axes);
    pair[0] = lit_ints(a, g->ndim, start);
    pair[1] = lit_ints(a, g->ndim, shape);
    arg[2] = p->ravel ? lit_items(LIT_TUPLE, 2, pair) : lit_int(start[p->axis]);
    *out = (task_view){.f = l->f, .narg = 3, .arg = arg, .nin = 1, .in = in};
    return true;
}

static expr *arg_chunks(const expr *x, const red_fn *r, const arg_param *p)
{
    token t = {0};
    token_expr(&t, x);
    token_fn(&t, &r->base);
    char *name = token_name(&t, "arg-reduce");
    cuts *ax[GRID_MAXDIM] = {0};
    for (int i = 0; i < expr_ndim(x); i++)
        ax[i] = p->axes & axis_bit(i) ? cuts_repeat(x->chunks->ax[i]->nblock, 1)
                                      : datum_ref(x->chunks->ax[i]);
    grid *g = grid_new(expr_ndim(x), ax);
    for (int i = 0; i < expr_ndim(x); i++) datum_unref(ax[i]);
    block_layer *l = block_layer_new(name, datum_ref((fn *)(uintptr_t)r), arg_args, g,
                                     dtype_plain(DT_int64), 1, &x->of);
    l->base.flags = LAYER_ONE_TO_ONE;
    l->param = memcpy(arena_alloc(&l->mem, sizeof *p), p, sizeof *p);
    datum_unref(g);
    mem_free(name);
    return expr_of_layer(&l->base);
}

/* --- again, over less --- */

bool red_tree_of(const layer *l, red_layer *out)
{
    const bw_layer *b = as_bw(l);
    const block_layer *a = as_block_layer(l);
    *out = (red_layer){.blocks = l->kind != &tree_kind};
    if (!out->blocks) {
        const tree_layer *t = (const tree_layer *)l;
        for (int k = 0; k < t->in_grid->ndim && !t->keepdims; k++)
            if (t->split[k]) out->dropped |= axis_bit(k);
        out->f = t->f;
    } else if (b && b->plain && b->narg == 1 && b->arg[0].of)
        out->f = b->f;
    else if (a && a->args == arg_args)
        out->f = a->f;
    else
        return false;
    out->in = l->dep[0];
    return out->in->grid != NULL;
}

bool red_layer_of(const layer *l, red_layer *out)
{
    return red_tree_of(l, out) && fn_reduces(out->f, out->in->type, &out->axes, &out->ordered);
}

layer *red_layer_again(const layer *l, const char *name, layer *in)
{
    const bw_layer *b = as_bw(l);
    layer *y;
    if (l->kind == &tree_kind) {
        const tree_layer *old = (const tree_layer *)l;
        grid *g = grid_over(old, in->grid);
        tree_layer *t = layer_new(sizeof *t, &tree_kind, name, g, l->type, 1, &in);
        t->f = datum_ref(old->f);
        t->in = in;
        t->in_grid = datum_ref(in->grid);
        t->keepdims = old->keepdims;
        memcpy(t->split, old->split, sizeof t->split);
        datum_unref(g);
        return &t->base;
    }
    cuts *ax[GRID_MAXDIM];
    const grid *old = (b ? b->arg[0].of : l->dep[0])->grid;
    for (int k = 0; k < old->ndim; k++)
        ax[k] = cuts_eq(old->ax[k], l->grid->ax[k]) ? in->grid->ax[k] : l->grid->ax[k];
    grid *g = grid_new(old->ndim, ax);
    if (b)
        y = bw_again(b, name, &in, g, -1);
    else {
        const block_layer *a = as_block_layer(l);
        block_layer *n = block_layer_new(name, datum_ref(a->f), arg_args, g, l->type, 1, &in);
        n->base.flags = l->flags;
        n->param = memcpy(arena_alloc(&n->mem, sizeof(arg_param)), a->param, sizeof(arg_param));
        y = &n->base;
    }
    datum_unref(g);
    return y;
}

static bool check_known(const expr *x, uint32_t axes, err *e)
{
    for (int i = 0; i < expr_ndim(x); i++)
        if (axes & axis_bit(i) && x->chunks->ax[i]->nblock > 1 && !cuts_known(x->chunks->ax[i]))
            return err_set(e, ValueError,
                           "Arg-reductions do not work with arrays that have unknown chunksizes. "
                           "At some point in your computation this array lost chunking "
                           "information.\n\nA possible solution is with \n"
                           "  x.compute_chunk_sizes()");
    return true;
}

static expr *reduce_arg(const row *w, const expr *x, const reduce_args *a, uint32_t axes, err *e)
{
    int ndim = expr_ndim(x);
    if (!check_known(x, axes, e)) return NULL;
    bool ravel = ndim <= 1 || axis_count(axes, ndim) == ndim;
    red_fn r = {.id = w->chunk,
                .axes = axes,
                .ravel = ravel,
                .keepdims = a->keepdims,
                .want = {.dt = DT_none}};
    fn *chunk = fn_red(RED_ARG_CHUNK, w->chunk_name, &r);
    fn *combine = fn_red(RED_ARG_COMBINE, "arg_combine", &r);
    fn *agg = fn_red(RED_ARG_AGG, w->aggregate_name, &r);
    arg_param p = {.ravel = ravel, .axes = axes, .axis = axes ? __builtin_ctz(axes) : 0};
    reduce_tree t = {.l = a->l,
                     .x = x,
                     .axes = axes,
                     .keepdims = a->keepdims,
                     .type = dtype_plain(DT_int64),
                     .combine = combine,
                     .aggregate = agg,
                     .lists = true,
                     .split_every = a->split_every,
                     .split_axis = a->split_axis};
    expr *y = climb(&t, arg_chunks(x, (const red_fn *)chunk, &p));
    datum_unref(chunk);
    datum_unref(combine);
    datum_unref(agg);
    return y;
}

/* --- topk --- */

static expr *with_positions(const expr *x, int axis, err *e)
{
    int ndim = expr_ndim(x), letter[GRID_MAXDIM];
    grid *g = grid_new(1, &x->chunks->ax[axis]);
    token t = {0};
    token_text(&t, "positions"); /* not the name of the same range elsewhere: Dask counts both */
    token_grid(&t, g);
    char *name = token_name(&t, "arange");
    expr *i =
        expr_arange((label){.name = name}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), e);
    mem_free(name);
    datum_unref(g);
    fn *f = fn_red(RED_ARGTOPK_PREPARE, "argtopk_preprocess",
                   &(red_fn){.axes = axis_bit(axis), .want = {.dt = DT_none}});
    expr_item items[GRID_MAXDIM];
    for (int k = 0; k < ndim; k++) {
        letter[k] = k;
        items[k].item = k == axis ? (index_item){.kind = IDX_SLICE,
                                                 .start = SLICE_NONE,
                                                 .stop = SLICE_NONE,
                                                 .step = SLICE_NONE}
                                  : (index_item){.kind = IDX_NEW};
        items[k].lazy = NULL;
    }
    expr *wide = i && ndim > 1 ? expr_index(i, ndim, items, e) : expr_ref(i);
    bw_arg arg[2] = {{.x = x, .index = letter}, {.x = wide, .index = letter}};
    expr *y = NULL;
    if (wide)
        y = expr_blockwise(&(blockwise){.f = f,
                                        .type = dtype_plain(DT_object),
                                        .nout = ndim,
                                        .out = letter,
                                        .narg = 2,
                                        .arg = arg},
                           e);
    datum_unref(wide);
    datum_unref(i);
    datum_unref(f);
    return y;
}

expr *expr_topk(label l, const expr *x, int64_t k, int axis, int64_t split_every, bool arg, err *e)
{
    if (!x) return NULL;
    int64_t many = k < 0 ? -k : k;
    red_fn r = {
        .axes = axis_bit(axis), .k = k, .keepdims = true, .want = {.dt = DT_none}, .order = (int)k};
    fn *chunk = fn_red(arg ? RED_ARGTOPK : RED_TOPK, arg ? "argtopk" : "topk", &r);
    fn *agg = fn_red(arg ? RED_ARGTOPK_AGG : RED_TOPK_AGG,
                     arg ? "argtopk_aggregate" : "topk_aggregate", &r);
    expr *in = arg ? with_positions(x, axis, e) : expr_ref(x);
    if (many > x->chunks->ax[axis]->largest / 16) chunk->copies = arg ? 3 : 1; /* kernels/topk.c */
    if (many > x->chunks->ax[axis]->largest / 128) chunk->ns = 8;
    if (chunk->copies) chunk->ns = arg ? 35 : 25;
    agg->copies = 1;
    reduce_tree t = {.l = l,
                     .x = in,
                     .axes = axis_bit(axis),
                     .keepdims = true,
                     .type = arg ? dtype_plain(DT_int64) : x->type,
                     .chunk = chunk,
                     .combine = chunk,
                     .aggregate = agg,
                     .lists = true,
                     .split_every = split_every,
                     .output_size = many};
    expr *y = in ? expr_reduce_tree(&t, e) : NULL;
    datum_unref(in);
    datum_unref(chunk);
    datum_unref(agg);
    return y;
}
