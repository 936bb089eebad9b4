/* engine/expr/index.c - x[...]: slices, integers, new axes, one list of integers, lazy indices.
 *
 * A getitem layer keeps, for every axis of x, its pieces in output order: which block, and what is
 * taken of it.  Tasks are products of pieces.  A list beside slices takes two steps in one layer,
 * as in Dask: helper tasks "slice-<hash>" first, then the list. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/index.h"
#include "engine/kernels/ops.h"

/* --- the layer --- */

typedef struct index_layer {
    layer base;
    fn *getitem;
    selection *pick;   /* what the blocks of the layer do */
    selection *before; /* what the helper tasks do, or NULL */
    char *helper_name;
    uint64_t nhelper;
    part_sizes whole; /* of what it stands for a part of; or {0} */
} index_layer;

static lit piece_lit(const piece *p)
{
    switch (p->kind) {
    case PIECE_INT: return lit_int(p->start);
    case PIECE_ARRAY: return lit_datum(p->array);
    case PIECE_ALL: return lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE);
    default: return lit_slice(p->start, p->stop, p->step);
    }
}

/* the task of `block` (of the selection's output) */
static void select_task(const selection *s, const layer *of, uint64_t first, const int64_t *block,
                        arena *a, task_view *out)
{
    int64_t from[GRID_MAXDIM];
    lit *item = arena_alloc(a, (size_t)s->nitem * sizeof *item + 1);
    int o = 0, k = 0;
    for (int i = 0; i < s->nitem; i++) {
        if (s->newaxis[i]) {
            item[i] = (lit){.kind = LIT_NONE};
            o++;
            continue;
        }
        const axis_pieces *p = &s->ax[k];
        bool dropped = p->n == 1 && p->at[0].kind == PIECE_INT;
        int64_t b = dropped ? 0 : block[o++];
        if (p->all) {
            from[k++] = b;
            item[i] = lit_slice(SLICE_NONE, SLICE_NONE, SLICE_NONE);
            continue;
        }
        from[k++] = p->at[b].block;
        item[i] = piece_lit(&p->at[b]);
    }
    lit *arg = arena_alloc(a, 3 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *in = (ref){of, first + grid_linear(s->in, from)};
    arg[0] = lit_in(0);
    arg[1] = lit_items(LIT_TUPLE, (uint32_t)s->nitem, item);
    out->narg = 2;
    out->nin = 1;
    out->arg = arg;
    out->in = in;
}

static int64_t elements_of(const part_sizes *p, const int64_t *block)
{
    int64_t n = p->times;
    for (int k = 0; k < p->blocks->ndim; k++) n *= cuts_size(p->blocks->ax[k], block[k]);
    return n;
}

static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const index_layer *l = (const index_layer *)base;
    int64_t block[GRID_MAXDIM];
    uint64_t nblock = base->grid->nblock;
    (void)e;
    out->f = l->getitem;
    if (i < nblock) {
        grid_block(base->grid, i, block);
        select_task(l->pick, l->before ? base : base->dep[0], l->before ? nblock : 0, block, a,
                    out);
        if (!l->whole.blocks) return true;
        ((lit *)(uintptr_t)out->arg)[2] = lit_int(elements_of(&l->whole, block));
        out->narg = 3;
    } else {
        grid_block(l->pick->in, i - nblock, block);
        select_task(l->before, base->dep[0], 0, block, a, out);
    }
    return true;
}

static void key_of(const layer *base, uint64_t i, key *out)
{
    const index_layer *l = (const index_layer *)base;
    uint64_t nblock = base->grid->nblock;
    const grid *g = i < nblock ? base->grid : l->pick->in;
    out->name = i < nblock ? base->name : l->helper_name;
    out->n = g->ndim;
    grid_block(g, i < nblock ? i : i - nblock, out->i);
}

static bool find(const layer *base, const key *k, uint64_t *i)
{
    const index_layer *l = (const index_layer *)base;
    bool helper = l->helper_name && !strcmp(k->name, l->helper_name);
    const grid *g = helper ? l->pick->in : base->grid;
    if ((!helper && strcmp(k->name, base->name)) || k->n != g->ndim) return false;
    for (int a = 0; a < k->n; a++)
        if (k->i[a] < 0 || k->i[a] >= g->ax[a]->nblock) return false;
    *i = grid_linear(g, k->i) + (helper ? base->grid->nblock : 0);
    return true;
}

static void drop(layer *base)
{
    index_layer *l = (index_layer *)base;
    datum_unref(l->getitem);
    selection_free(l->pick);
    selection_free(l->before);
    datum_unref(l->whole.blocks);
    mem_free(l->helper_name);
}

static const layer_kind index_kind = {
    .name = "getitem", .task = task_of, .key = key_of, .find = find, .drop = drop};

static void token_items(token *t, int n, const index_item *items)
{
    for (int i = 0; i < n; i++) {
        token_int(t, items[i].kind);
        if (items[i].kind == IDX_ARRAY)
            token_lit(t, &(lit){.kind = LIT_DATUM, .d = (datum *)(uintptr_t)items[i].array});
        token_int(t, items[i].start);
        token_int(t, items[i].stop);
        token_int(t, items[i].step);
    }
}

const selection *as_getitem(const layer *l)
{
    const index_layer *x = l->kind == &index_kind ? (const index_layer *)l : NULL;
    return x && !x->before ? x->pick : NULL;
}

layer *layer_getitem(const char *name, layer *of, fn *f, selection *s, dtype_of t, bool once)
{
    grid *g = selection_grid(s);
    index_layer *l = layer_new(sizeof *l, &index_kind, name, g, t, 1, &of);
    datum_unref(g);
    l->getitem = f;
    l->pick = s;
    if (once) l->base.flags |= LAYER_ONCE;
    return &l->base;
}

part_sizes layer_part_sizes(const layer *l)
{
    const index_layer *x = (const index_layer *)l;
    const selection *s = as_getitem(l);
    part_sizes p = {0};
    if (!s || !fn_is_part(x->getitem)) return p;
    p = x->whole;
    if (p.blocks) datum_ref(p.blocks);
    if (!p.blocks) p.blocks = selection_parents(s, &p.times);
    return p;
}

layer *layer_getitem_part(const char *name, layer *of, selection *s, part_sizes whole, dtype_of t)
{
    index_layer *l =
        (index_layer *)layer_getitem(name, of, fn_getitem_part(), s, t, selection_is_once(s));
    l->whole = whole;
    return &l->base;
}

layer *layer_getitem_steps(const layer *l)
{
    const index_layer *x = l->kind == &index_kind ? (const index_layer *)l : NULL;
    if (!x || !x->before || !grid_known(x->before->in)) return NULL;
    layer *first = layer_getitem(x->helper_name, l->dep[0], fn_getitem_part(),
                                 selection_copy(x->before), l->type, true);
    layer *y = layer_getitem(l->name, first, fn_getitem_part(), selection_copy(x->pick), l->type,
                             selection_is_once(x->pick));
    datum_unref(first);
    return y;
}

/* Takes the selections. */
static expr *index_expr(const expr *x, selection *pick, selection *before, const char *name,
                        bool once)
{
    index_layer *l =
        (index_layer *)layer_getitem(name, x->of, fn_getitem_part(), pick, x->type, once);
    l->before = before;
    if (before) {
        token t = {0};
        token_text(&t, name);
        l->helper_name = token_name(&t, "slice");
        l->nhelper = pick->in->nblock;
        l->base.count += l->nhelper;
    }
    return expr_of_layer(&l->base);
}

/* A list beside other slices: slices and integers first, then the list. */
static expr *index_mixed(const expr *x, int n, const index_item *items, const char *name, err *e)
{
    index_item first[2 * GRID_MAXDIM], then[2 * GRID_MAXDIM];
    int nf = 0, nt = 0;
    const index_item colon = {
        .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};
    for (int i = 0; i < n; i++) {
        bool list = items[i].kind == IDX_ARRAY;
        if (items[i].kind != IDX_NEW) first[nf++] = list ? colon : items[i];
        if (items[i].kind == IDX_NEW || list)
            then[nt++] = items[i];
        else if (items[i].kind == IDX_SLICE)
            then[nt++] = colon;
    }
    selection *before = selection_new(x, nf, first, e);
    if (!before) return NULL;
    grid *g = selection_grid(before);
    expr middle = {.chunks = g};
    selection *pick = selection_new(&middle, nt, then, e);
    datum_unref(g);
    if (!pick) {
        selection_free(before);
        return NULL;
    }
    return index_expr(x, pick, before, name, false);
}

/* items: one per axis of x plus new axes, normalised; at most one list */
expr *index_plain(const expr *x, int n, index_item *items, err *e)
{
    int list = -1, others = 0;
    bool all = true;
    for (int i = 0; i < n; i++) {
        all &= item_is_all(&items[i]);
        if (items[i].kind == IDX_ARRAY) {
            if (list >= 0)
                return err_set(e, NotImplementedError, "Don't yet support nd fancy indexing");
            list = i;
        } else
            others += items[i].kind != IDX_NEW && !item_is_all(&items[i]);
    }
    if (all) return expr_ref(x);
    if (list >= 0 && nd_count(items[list].array) == 0) {
        items[list] = (index_item){.kind = IDX_SLICE, .start = 0, .stop = 0, .step = 1};
        list = -1;
    }
    token t = {0};
    token_expr(&t, x);
    token_items(&t, n, items);
    char *name = token_name(&t, "getitem");
    expr *y = NULL;
    if (list >= 0 && others)
        y = index_mixed(x, n, items, name, e);
    else {
        selection *s = selection_new(x, n, items, e);
        if (s) y = index_expr(x, s, NULL, name, list < 0);
    }
    mem_free(name);
    return y;
}

expr *expr_take(const expr *x, const nd *indices, int axis, err *e)
{
    expr_item item[GRID_MAXDIM];
    if (!x) return NULL;
    for (int i = 0; i < expr_ndim(x); i++)
        item[i] = (expr_item){
            .item = {
                .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE}};
    item[axis].item = (index_item){.kind = IDX_ARRAY, .array = indices};
    return expr_index(x, axis + 1, item, e);
}

/* --- x.blocks --- */

static bool block_pick(axis_pieces *p, const cuts *a, int k, const index_item *item, err *e)
{
    int64_t start = item->start, stop = item->stop, step = item->step, n;
    if (item_is_all(item)) return p->all = true;
    if (item->kind == IDX_INT) {
        int64_t i = start < 0 ? start + a->nblock : start;
        if (i < 0 || i >= a->nblock)
            return err_set(e, IndexError, "Index %lld is out of bounds for axis %d with size %lld",
                           (long long)start, k, (long long)a->nblock);
        axis_add(p, (piece){.kind = PIECE_ALL, .block = i, .size = cuts_size(a, i)});
        return true;
    }
    if (item->kind == IDX_ARRAY) {
        nd *list = nd_cast(item->array, dtype_plain(DT_int64), 'u', e);
        nd *c = list ? nd_contiguous(list, e) : NULL;
        bool ok = c != NULL;
        for (int64_t j = 0; ok && j < nd_count(c); j++) {
            index_item one = {.kind = IDX_INT, .start = ((const int64_t *)c->at)[j]};
            ok = block_pick(p, a, k, &one, e);
        }
        datum_unref(list);
        datum_unref(c);
        return ok;
    }
    TRY(slice_clip(a->nblock, &start, &stop, &step, &n, e));
    for (int64_t j = 0; j < n; j++)
        axis_add(p, (piece){.kind = PIECE_ALL,
                            .block = start + j * step,
                            .size = cuts_size(a, start + j * step)});
    return true;
}

/* aliases: each task is another name for a block of x */
typedef struct blocks_layer {
    layer base;
    selection *pick;
} blocks_layer;

static bool blocks_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    int64_t block[GRID_MAXDIM];
    (void)e;
    grid_block(base->grid, i, block);
    select_task(((const blocks_layer *)base)->pick, base->dep[0], 0, block, a, out);
    out->narg = 0;
    out->f = NULL;
    return true;
}

static void blocks_drop(layer *base)
{
    selection_free(((blocks_layer *)base)->pick);
}

static const layer_kind blocks_kind = {.name = "blocks", .task = blocks_task, .drop = blocks_drop};

const selection *as_blocks(const layer *l)
{
    return l->kind == &blocks_kind ? ((const blocks_layer *)l)->pick : NULL;
}

expr *expr_blocks(const expr *x, int n, const index_item *items, err *e)
{
    if (!x) return NULL;
    if (n > expr_ndim(x)) return err_set(e, IndexError, "Too many indices for array");
    selection *s = mem_zero(sizeof *s);
    s->in = datum_ref(x->chunks);
    s->nitem = expr_ndim(x);
    bool ok = true;
    for (int i = 0; i < s->nitem && ok; i++) {
        if (i >= n)
            s->ax[i].all = true;
        else
            ok = block_pick(&s->ax[i], x->chunks->ax[i], i, &items[i], e);
    }
    if (!ok) {
        selection_free(s);
        return NULL;
    }
    token t = {0};
    token_expr(&t, x);
    token_items(&t, n, items);
    char *name = token_name(&t, "blocks");
    grid *g = selection_grid(s);
    blocks_layer *l = layer_new(sizeof *l, &blocks_kind, name, g, x->type, 1, &x->of);
    l->pick = s;
    datum_unref(g);
    mem_free(name);
    return expr_of_layer(&l->base);
}
