/* engine/expr/blockwise.c - one task per output block, its inputs found by index letters.
 *
 * The layer keeps, for every axis of every input, which output axis or which summed letter its
 * block number comes from: tasks are made from that by arithmetic. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"

/* --- tasks --- */

/* block number along axis k of an input, given output block and summed letters */
static int64_t block_at(const bw_input *in, int k, const int64_t *out, const int64_t *sum)
{
    int from = in->from[k];
    return from == BW_FIRST ? 0 : from >= 0 ? out[from] : sum[BW_SUMMED(from)];
}

uint64_t bw_block(const bw_input *in, const int64_t *out, const int64_t *sum)
{
    uint64_t i = 0;
    for (int k = 0; k < in->ndim; k++)
        i = i * (uint64_t)in->nblock[k] + (uint64_t)block_at(in, k, out, sum);
    return i;
}

typedef struct filling {
    const bw_layer *l;
    const bw_input *in;
    arena *a;
    ref *ref;
    uint32_t nref;
    int64_t out[GRID_MAXDIM], sum[GRID_MAXDIM];
} filling;

/* nested lists over the summed letters of an input, in the order of its axes */
static lit fill_lists(filling *f, int k)
{
    while (k < f->in->ndim && f->in->from[k] >= BW_FIRST) k++;
    if (k == f->in->ndim) {
        f->ref[f->nref] = (ref){f->in->of, bw_block(f->in, f->out, f->sum)};
        return lit_in(f->nref++);
    }
    int s = BW_SUMMED(f->in->from[k]);
    uint32_t n = (uint32_t)f->l->nsum[s];
    lit *item = arena_alloc(f->a, n * sizeof(lit));
    int64_t keep = f->sum[s];
    for (uint32_t i = 0; i < n; i++) {
        f->sum[s] = f->in->nblock[k] == 1 ? 0 : i;
        item[i] = fill_lists(f, k + 1);
    }
    f->sum[s] = keep;
    return lit_items(LIT_LIST, n, item);
}

static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const bw_layer *l = (const bw_layer *)base;
    (void)e;
    lit *arg = arena_alloc(a, l->narg * sizeof(lit) + 1);
    filling f = {.l = l, .a = a, .ref = arena_alloc(a, l->nref * sizeof(ref) + 1)};
    grid_block(base->grid, i, f.out);
    for (uint32_t k = 0; k < l->narg; k++) {
        f.in = &l->arg[k];
        arg[k] = f.in->of ? fill_lists(&f, 0) : f.in->literal;
    }
    *out = (task_view){.f = l->f, .narg = l->narg, .arg = arg, .nin = f.nref, .in = f.ref};
    return true;
}

static void drop(layer *base)
{
    bw_layer *l = (bw_layer *)base;
    datum_unref(l->f);
    for (uint32_t i = 0; i < l->narg; i++) lit_release(&l->arg[i].literal);
    arena_clear(&l->mem);
}

static const layer_kind bw_kind = {.name = "blockwise", .task = task_of, .drop = drop};

const bw_layer *as_bw(const layer *l)
{
    return l->kind == &bw_kind ? (const bw_layer *)l : NULL;
}

/* for a result with one axis more */
static void raise_input(bw_input *in, int axis)
{
    bool own = in->of->grid->ndim > in->ndim;
    for (int i = 0; i < in->ndim; i++) in->from[i] = (int16_t)(in->from[i] + (in->from[i] >= axis));
    if (!own) return;
    for (int i = in->ndim++; i > axis; i--) in->from[i] = in->from[i - 1];
    in->from[axis] = (int16_t)axis;
}

layer *bw_again(const bw_layer *l, const char *name, layer *const *of, grid *g, int axis)
{
    layer **dep = mem_alloc((l->narg + 1) * sizeof *dep);
    uint32_t ndep = 0;
    for (uint32_t k = 0; k < l->narg; k++)
        if (of[k]) dep[ndep++] = of[k];
    bw_layer *n = layer_new(sizeof *n, &bw_kind, name, g, l->base.type, ndep, dep);
    mem_free(dep);
    n->base.flags = l->base.flags;
    n->f = datum_ref(l->f);
    n->narg = l->narg;
    n->nref = l->nref;
    n->nsummed = l->nsummed;
    n->plain = l->plain;
    memcpy(n->nsum, l->nsum, sizeof n->nsum);
    n->arg = arena_alloc(&n->mem, l->narg * sizeof *n->arg + 1);
    for (uint32_t k = 0; k < l->narg; k++) {
        bw_input *in = &n->arg[k];
        *in = l->arg[k];
        in->of = of[k];
        if (!of[k]) {
            in->literal = lit_copy(&n->mem, &l->arg[k].literal);
            continue;
        }
        if (axis >= 0) raise_input(in, axis);
        for (int i = 0; i < in->ndim; i++) {
            in->nblock[i] = of[k]->grid->ax[i]->nblock;
            if (in->from[i] >= 0 && in->nblock[i] == 1 && g->ax[in->from[i]]->nblock != 1)
                in->from[i] = BW_FIRST;
            n->plain &= in->from[i] == i;
        }
    }
    return &n->base;
}

/* --- building --- */

static int find(int n, const int *letter, int x)
{
    for (int i = 0; i < n; i++)
        if (letter[i] == x) return i;
    return -1;
}

typedef struct building {
    const blockwise *b;
    letters cut;
    expr *x[64];
    const int *index[64];
    int nsum, sum[GRID_MAXDIM]; /* letters that are not in the output */
} building;

static void building_clear(building *w)
{
    for (int i = 0; i < w->b->narg; i++) datum_unref(w->x[i]);
    letters_clear(&w->cut);
}

/* Has every input as many blocks along a letter as the others, or one? */
static bool check_blocks(const building *w, err *e)
{
    for (int i = 0; i < w->b->narg; i++)
        for (int k = 0; w->x[i] && k < expr_ndim(w->x[i]); k++) {
            int64_t n = w->x[i]->chunks->ax[k]->nblock;
            int64_t all = letters_find(&w->cut, w->index[i][k])->nblock;
            if (n != 1 && n != all)
                return err_set(e, ValueError,
                               "Shapes do not align: axis %d of operand %d has %lld blocks, "
                               "not %lld as others have",
                               k, i, (long long)n, (long long)all);
        }
    return true;
}

static bool collect(building *w, err *e)
{
    const blockwise *b = w->b;
    if (b->narg > 64) return err_set(e, ValueError, "at most 64 operands, not %d", b->narg);
    for (int i = 0; i < b->narg; i++) {
        w->x[i] = expr_ref(b->arg[i].x);
        w->index[i] = b->arg[i].index;
    }
    if (b->no_align) {
        for (int i = 0; i < b->narg; i++)
            for (int k = 0; w->x[i] && k < expr_ndim(w->x[i]); k++) {
                cuts *old = letters_find(&w->cut, w->index[i][k]), *a = w->x[i]->chunks->ax[k];
                if (!old || a->nblock > old->nblock ||
                    (a->nblock == old->nblock && a->extent > old->extent))
                    letters_set(&w->cut, w->index[i][k], a);
            }
    } else
        TRY(unify(b->narg, w->x, w->index, &w->cut, e));
    for (int i = 0; i < b->nnew; i++) letters_set(&w->cut, b->new_letter[i], b->new_axis[i]);
    for (int i = 0; i < w->cut.n; i++) {
        int letter = w->cut.letter[i];
        if (find(b->nout, b->out, letter) >= 0) continue;
        if (w->nsum == GRID_MAXDIM) return err_set(e, ValueError, "too many index letters");
        w->sum[w->nsum++] = letter;
    }
    return check_blocks(w, e);
}

static grid *out_grid(building *w, err *e)
{
    const blockwise *b = w->b;
    cuts *ax[GRID_MAXDIM];
    for (int i = 0; i < b->nout; i++) {
        int k = find(b->nadjust, b->adjust_letter, b->out[i]);
        ax[i] = k >= 0 ? b->adjust_axis[k] : letters_find(&w->cut, b->out[i]);
        if (!ax[i])
            return err_set(e, ValueError, "no operand and no new axis has output index %d",
                           b->out[i]);
    }
    return grid_new(b->nout, ax);
}

static uint32_t count_refs(const bw_input *in, const int64_t *nsum)
{
    uint32_t n = 1;
    for (int k = 0; k < in->ndim; k++)
        if (in->from[k] < BW_FIRST) n *= (uint32_t)nsum[BW_SUMMED(in->from[k])];
    return n;
}

static void set_input(const building *w, bw_layer *l, int i)
{
    bw_input *in = &l->arg[i];
    const blockwise *b = w->b;
    if (!w->x[i]) {
        in->literal = lit_copy(&l->mem, &b->arg[i].literal);
        return;
    }
    in->of = w->x[i]->of;
    in->ndim = expr_ndim(w->x[i]);
    l->plain &= in->ndim == b->nout;
    for (int k = 0; k < in->ndim; k++) {
        in->nblock[k] = w->x[i]->chunks->ax[k]->nblock;
        int out = find(b->nout, b->out, w->index[i][k]);
        int64_t total = letters_find(&w->cut, w->index[i][k])->nblock;
        in->from[k] = (int16_t)(out < 0 ? BW_SUM(find(w->nsum, w->sum, w->index[i][k]))
                                : in->nblock[k] == 1 && total != 1 ? BW_FIRST
                                                                   : out);
        l->plain &= in->from[k] == k;
    }
    l->nref += count_refs(in, l->nsum);
}

/* lists are joined along the summed axes before f sees them */
static fn *join_first(const building *w)
{
    const blockwise *b = w->b;
    int n[64] = {0}, axes[64][GRID_MAXDIM] = {{0}};
    if (b->concatenate != BW_CONCATENATE || !w->nsum) return datum_ref((fn *)(uintptr_t)b->f);
    for (int i = 0; i < b->narg; i++)
        for (int k = 0; w->x[i] && k < expr_ndim(w->x[i]); k++)
            if (find(w->nsum, w->sum, w->index[i][k]) >= 0) axes[i][n[i]++] = k;
    return fn_joined(b->f, (uint32_t)b->narg, n, axes);
}

static char *bw_name(const building *w, const grid *g)
{
    const blockwise *b = w->b;
    token t = {0};
    token_text(&t, "blockwise");
    token_fn(&t, b->f);
    token_dtype(&t, b->type);
    token_add(&t, b->out, (size_t)b->nout * sizeof *b->out);
    token_grid(&t, g);
    for (int i = 0; i < b->narg; i++) {
        token_int(&t, i);
        if (!w->x[i]) {
            token_lit(&t, &b->arg[i].literal);
            continue;
        }
        token_expr(&t, b->arg[i].x);
        token_add(&t, w->index[i], (size_t)expr_ndim(w->x[i]) * sizeof *w->index[i]);
    }
    const char *prefix = b->f->name;
    while (*prefix == '_') prefix++;
    if (!(b->f->flags & FN_IMPURE)) return label_name(b->l, &t, prefix);
    sb_clear(&t.b);
    return b->l.name ? mem_dup(b->l.name) : unique_token(b->l.prefix ? b->l.prefix : prefix);
}

static expr *finish(building *w, err *e)
{
    const blockwise *b = w->b;
    grid *g = out_grid(w, e);
    if (!g) return NULL;
    layer *dep[64];
    uint32_t ndep = 0;
    for (int other = 0; other < 2; other++)
        for (int i = 0; i < b->narg; i++)
            if (w->x[i] && other == !(w->x[i]->of->flags & LAYER_PLACE)) dep[ndep++] = w->x[i]->of;
    char *name = bw_name(w, g);
    bw_layer *l = layer_new(sizeof *l, &bw_kind, name, g, b->type, ndep, dep);
    mem_free(name);
    datum_unref(g);
    l->base.flags = (b->materialized ? 0 : LAYER_BLOCKWISE) | (ndep > 1 ? LAYER_APART : 0);
    l->f = join_first(w);
    l->narg = (uint32_t)b->narg;
    l->plain = true;
    l->nsummed = w->nsum;
    for (int i = 0; i < w->nsum; i++) l->nsum[i] = letters_find(&w->cut, w->sum[i])->nblock;
    l->arg = arena_alloc(&l->mem, (size_t)b->narg * sizeof *l->arg + 1);
    for (int i = 0; i < b->narg; i++) set_input(w, l, i);
    return expr_of_layer(&l->base);
}

expr *expr_blockwise(const blockwise *b, err *e)
{
    building w = {.b = b};
    expr *out = collect(&w, e) ? finish(&w, e) : NULL;
    building_clear(&w);
    return out;
}

expr *expr_transpose(label l, const expr *x, const int *perm, err *e)
{
    if (!x) return NULL;
    int ndim = expr_ndim(x), in[GRID_MAXDIM], out[GRID_MAXDIM], rev[GRID_MAXDIM];
    bool same = true;
    for (int i = 0; i < ndim; i++) {
        in[i] = i;
        rev[i] = ndim - 1 - i;
        out[i] = perm ? perm[i] : rev[i];
        same &= out[i] == i;
    }
    if (same && !l.name && !l.prefix) return expr_ref(x);
    fn *f = fn_transpose(ndim, out);
    expr *y = expr_blockwise(&(blockwise){.l = l,
                                          .f = f,
                                          .type = x->type,
                                          .nout = ndim,
                                          .out = out,
                                          .narg = 1,
                                          .arg = &(bw_arg){.x = x, .index = in}},
                             e);
    datum_unref(f);
    return y;
}

/* --- block numbers as values --- */

static bool id_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t block[GRID_MAXDIM];
    lit *arg = arena_alloc(a, sizeof *arg);
    grid_block(l->base.grid, i, block);
    *arg = lit_ints(a, l->base.grid->ndim, block);
    out->narg = 1;
    out->arg = arg;
    return true;
}

expr *expr_block_ids(label l, const fn *f, grid *g, err *e)
{
    token t = {0};
    (void)e;
    token_grid(&t, g);
    token_fn(&t, f);
    char *name = label_name(l, &t, f ? "block-info" : "block-id");
    fn *body = f ? datum_ref((fn *)(uintptr_t)f) : fn_literal();
    block_layer *b =
        block_layer_new(name, body, id_args, g, (dtype_of){.dt = DT_object, .size = 16}, 0, NULL);
    mem_free(name);
    b->base.flags |= LAYER_DATA | LAYER_PLACE;
    return expr_of_layer(&b->base);
}
