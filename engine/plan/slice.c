/* engine/plan/slice.c - a pass: what is taken of a result is taken of what the result is made of.
 *
 * A getitem whose array nobody else reads moves below elementwise operations, transposes,
 * reductions, concatenations, stacks and rechunks, and ends at a source, which then reads that
 * region only. Elements are the same ones, and axes keep their order in memory, so sums keep their
 * bits. Selections speak of blocks: integers become slices of one element below, and the axis is
 * dropped (or a new one added) by a view on top. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/index.h"
#include "engine/expr/join.h"
#include "engine/expr/rechunk.h"
#include "engine/plan/slice.h"

/* --- selections --- */

char *name_below(const char *prefix, const layer *l, const selection *s)
{
    token t = {0};
    token_layer(&t, l);
    for (int k = 0; k < s->in->ndim; k++) {
        const axis_pieces *a = &s->ax[k];
        token_int(&t, a->all ? -1 : a->n);
        for (int64_t i = 0; i < a->n; i++) {
            const piece *p = &a->at[i];
            const int64_t at[] = {p->kind, p->block, p->start, p->stop, p->step, p->size};
            token_add(&t, at, sizeof at);
            if (p->array) token_add(&t, p->array->at, nd_bytes(p->array));
        }
    }
    return token_name(&t, prefix);
}

static bool takes_all(const selection *s)
{
    for (int k = 0; k < s->in->ndim; k++)
        if (!s->ax[k].all) return false;
    return true;
}

layer *taken(layer *l, selection *s)
{
    bool once = selection_is_once(s);
    if (takes_all(s)) {
        selection_free(s);
        return datum_ref(l);
    }
    char *name = name_below("getitem", l, s);
    layer *y = layer_getitem(name, l, fn_getitem(), s, l->type, once);
    mem_free(name);
    return y;
}

static part_sizes keep_sizes(const taking *x)
{
    return (part_sizes){x->whole.blocks ? datum_ref(x->whole.blocks) : NULL, x->whole.times};
}

layer *shaped(const taking *x, layer *l)
{
    const selection *s = x->s;
    bool same = !x->whole.blocks;
    selection *t = selection_all(l->grid);
    t->nitem = s->nitem;
    memcpy(t->newaxis, s->newaxis, sizeof t->newaxis);
    for (int i = 0; i < s->nitem; i++) same &= !s->newaxis[i];
    for (int k = 0; k < s->in->ndim; k++) {
        if (!axis_is_int(&s->ax[k])) continue;
        same = t->ax[k].all = false;
        axis_add(&t->ax[k], (piece){.kind = PIECE_INT});
    }
    if (same) {
        selection_free(t);
        return l;
    }
    layer *y = x->whole.blocks ? layer_getitem_part(x->as->name, l, t, keep_sizes(x), l->type)
                               : layer_getitem(x->as->name, l, fn_getitem(), t, l->type, true);
    datum_unref(l);
    return y;
}

/* --- do blocks lie in memory in C order for sure? --- */

static bool full_size(const bw_layer *b, const bw_input *in)
{
    const grid *g = in->of->grid, *out = b->base.grid;
    if (!g || g->ndim != out->ndim) return false;
    for (int k = 0; k < g->ndim; k++)
        if (in->from[k] != k || !cuts_eq(g->ax[k], out->ax[k])) return false;
    return true;
}

/* one operand in C order decides */
static bool bw_c_order(const bw_layer *b, int depth)
{
    for (uint32_t k = 0; k < b->narg && b->f->flags & FN_ELEMENTWISE; k++)
        if (b->arg[k].of && full_size(b, &b->arg[k]) && c_order(b->arg[k].of, depth)) return true;
    return false;
}

static bool stored_c_order(const layer *l)
{
    bool ok = l->count <= 4096;
    arena a = {0};
    for (uint64_t i = 0; i < l->count && ok; i++) {
        task_view v;
        ok = layer_task(l, i, &a, &v, NULL) && v.value;
        const nd *x = ok && v.value->kind->fetch ? (const nd *)v.value : as_nd(ok ? v.value : NULL);
        ok = x && nd_in_c_order(x);
        arena_reset(&a);
    }
    arena_clear(&a);
    return ok;
}

/* makes blocks from nothing, not of one repeated element */
static bool makes_c_order(const layer *l)
{
    static const char *const kinds[] = {"draw", "draw_with", "arange", "eye"};
    arena a = {0};
    task_view v;
    bool ok = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        ok |= layer_task(l, 0, &a, &v, NULL) && v.f && !strcmp(v.f->kind->name, kinds[i]);
    arena_clear(&a);
    return ok;
}

/* A list along an axis that is not the first moves that axis to the front in memory. */
static bool takes_in_order(const selection *s)
{
    for (int k = 1; k < s->in->ndim; k++)
        if (axis_is_list(&s->ax[k])) return false;
    return true;
}

bool c_order(const layer *l, int depth)
{
    const source *s = layer_source(l);
    if (!l->grid || l->foreign || !depth--) return false;
    if (l->grid->ndim < 2) return true;
    if (s) return s->kind->read_into || (s->kind->c_order && s->kind->c_order(s));
    if (as_bw(l)) return bw_c_order(as_bw(l), depth);
    if (as_getitem(l) && !takes_in_order(as_getitem(l))) return false;
    if (as_rechunk(l) || as_getitem(l)) return c_order(l->dep[0], depth);
    if (!l->ndep && l->count) return stored_c_order(l) || makes_c_order(l);
    bool ok = as_join(l) != NULL;
    for (uint32_t i = 0; i < l->ndep && ok; i++) ok = c_order(l->dep[i], depth);
    return ok;
}

/* --- below elementwise operations and transposes --- */

/* Does b's block lie as each of its arguments does, whatever is taken of them? */
static bool lies_alike(const bw_layer *b)
{
    for (uint32_t k = 0; k < b->narg; k++)
        if (b->arg[k].of && b->arg[k].ndim > 1 &&
            !(full_size(b, &b->arg[k]) && c_order(b->arg[k].of, 8)))
            return false;
    return !fn_is_transpose(b->f);
}

static bool may_pass(const bw_layer *b, const selection *s)
{
    bool turn = fn_is_transpose(b->f);
    if (selection_has_list(s) && !lies_alike(b)) return false;
    if (b->nsummed || !fn_is_native(b->f)) return false;
    if (!turn && !(b->f->flags & FN_ELEMENTWISE)) return false;
    for (uint32_t k = 0; k < b->narg; k++) {
        const bw_input *in = &b->arg[k];
        const nd *x = in->of || in->literal.kind != LIT_DATUM ? NULL : as_nd(in->literal.d);
        if (x && x->ndim) return false;
        if (!in->of) continue;
        const grid *g = in->of->grid, *out = b->base.grid;
        if (!g || g->ndim != in->ndim || !grid_known(g)) return false;
        for (int j = 0; j < in->ndim; j++) {
            int o = in->from[j];
            if (!turn && o >= 0 && o != out->ndim - in->ndim + j) return false;
            bool repeated = g->ax[j]->extent == 1;
            if (!repeated && (o < 0 || !cuts_eq(g->ax[j], out->ax[o]))) return false;
        }
    }
    return true;
}

static selection *of_input(const bw_layer *b, const bw_input *in, const selection *s)
{
    selection *t = selection_all(in->of->grid);
    for (int j = 0; j < in->ndim; j++) {
        int o = in->from[j];
        if (o < 0 || !cuts_eq(in->of->grid->ax[j], b->base.grid->ax[o])) continue;
        axis_keep(&t->ax[j], &s->ax[o]);
    }
    return t;
}

static layer *below_elementwise(const taking *x, const bw_layer *b)
{
    const selection *s = x->s;
    layer *of[64] = {0};
    if (b->narg > 64 || !may_pass(b, s)) return NULL;
    for (uint32_t k = 0; k < b->narg; k++)
        if (b->arg[k].of) of[k] = taken(b->arg[k].of, of_input(b, &b->arg[k], s));
    grid *g = selection_kept_grid(s);
    char *name = name_below(b->f->name, &b->base, s);
    layer *y = bw_again(b, name, of, g, -1);
    mem_free(name);
    datum_unref(g);
    for (uint32_t k = 0; k < b->narg; k++) datum_unref(of[k]);
    return shaped(x, y);
}

/* --- below concatenations and stacks --- */

typedef struct parts {
    uint32_t n;
    layer **at;
    const grid **grids;
} parts;

static void add_part(parts *p, layer *l) /* takes l */
{
    p->at = mem_grow(p->at, (p->n + 1) * sizeof *p->at);
    p->grids = mem_grow((void *)p->grids, (p->n + 1) * sizeof *p->grids);
    p->grids[p->n] = l->grid;
    p->at[p->n++] = l;
}

static uint32_t part_at(const join_layer *j, int64_t block)
{
    uint32_t lo = 0, hi = j->n;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (j->first[mid] <= block)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* pieces [i, k) of the joined axis, which lie in one part */
static layer *of_part(const join_layer *j, const selection *s, uint32_t part, int64_t i, int64_t k)
{
    layer *l = (layer *)(uintptr_t)j->part[part];
    selection *t = selection_all(l->grid);
    for (int d = 0; d < s->in->ndim; d++) {
        if (d != j->axis) {
            axis_keep(&t->ax[j->getitem && d > j->axis ? d - 1 : d], &s->ax[d]);
            continue;
        }
        if (j->getitem) continue;
        t->ax[d].all = false;
        for (int64_t q = i; q < k; q++) {
            piece p = s->ax[d].at[q];
            p.block -= j->first[part];
            axis_keep(&t->ax[d], &(axis_pieces){.n = 1, .at = &p});
        }
    }
    return taken(l, t);
}

static bool parts_known(const join_layer *j)
{
    for (uint32_t i = 0; i < j->n; i++)
        if (!j->part[i]->grid || !grid_eq(j->part[i]->grid, j->part_grid[i])) return false;
    return true;
}

/* Is every piece one element?  (An empty slice or a list along the axis of a stack is not.) */
static bool takes_ones(const axis_pieces *a)
{
    for (int64_t i = 0; i < a->n; i++)
        if (a->at[i].kind == PIECE_ARRAY || (a->at[i].kind != PIECE_INT && a->at[i].size != 1))
            return false;
    return true;
}

static layer *below_join(const taking *x, const join_layer *j)
{
    const selection *s = x->s;
    parts p = {0};
    const axis_pieces *a = &s->ax[j->axis];
    if (!parts_known(j) || (j->getitem && !takes_ones(a))) return NULL;
    for (int64_t i = 0, k; i < a->n; i = k) {
        uint32_t part = part_at(j, a->at[i].block);
        for (k = i + 1; k < a->n && !j->getitem && part_at(j, a->at[k].block) == part;) k++;
        add_part(&p, of_part(j, s, part, i, k));
    }
    for (uint32_t i = 0; a->all && i < j->n; i++) {
        layer *l = (layer *)(uintptr_t)j->part[i];
        selection *t = selection_all(l->grid);
        for (int d = 0; d < s->in->ndim; d++)
            if (d != j->axis) axis_keep(&t->ax[j->getitem && d > j->axis ? d - 1 : d], &s->ax[d]);
        add_part(&p, taken(l, t));
    }
    grid *g = selection_kept_grid(s);
    char *name = name_below(j->getitem ? "stack" : "concatenate", &j->base, s);
    layer *y = p.n == 1 && !j->getitem ? datum_ref(p.at[0])
                                       : layer_join(name, p.n, p.at, p.grids, j->axis,
                                                    j->getitem != NULL, g, j->base.type);
    mem_free(name);
    datum_unref(g);
    for (uint32_t i = 0; i < p.n; i++) datum_unref(p.at[i]);
    mem_free(p.at);
    mem_free((void *)p.grids);
    return shaped(x, y);
}

/* --- below a rechunk --- */

/* other names for l's blocks: a layer whose tasks read each other cannot stand for another */
static bool renamed_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    ref *in = arena_alloc(a, sizeof *in);
    (void)e;
    *in = (ref){l->dep[0], i};
    *out = (task_view){.nin = 1, .in = in};
    return true;
}

static const layer_kind renamed_kind = {.name = "renamed", .task = renamed_task};

static layer *renamed(const layer *as, layer *l)
{
    return layer_new(sizeof(layer), &renamed_kind, as->name, l->grid, l->type, 1, &l);
}

/* what the pieces of an axis take of the whole axis; false: no slice */
static bool global_slice(const axis_pieces *a, const cuts *c, index_item *out)
{
    int64_t n = 0, step = 1, first = 0;
    *out = (index_item){
        .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};
    if (a->all) return true;
    for (int64_t i = 0; i < a->n; i++) {
        const piece *p = &a->at[i];
        if (p->kind == PIECE_ARRAY || (p->kind == PIECE_SLICE && p->step < 1)) return false;
        if (p->kind == PIECE_SLICE) step = p->step;
    }
    for (int64_t i = 0; i < a->n; i++) { /* rows of a reshape may leave gaps between them */
        const piece *p = &a->at[i];
        int64_t at = cuts_start(c, p->block) + (p->kind == PIECE_ALL ? 0 : p->start);
        if (p->kind == PIECE_INT && p->start < 0) at += cuts_size(c, p->block);
        if (!n) first = at;
        if (p->size != 0 && at != first + n * step) return false;
        if (p->size > 1 && (p->kind == PIECE_ALL ? 1 : p->step) != step) return false;
        n += p->kind == PIECE_INT ? 1 : p->size;
    }
    if (!n) return false;
    *out = (index_item){
        .kind = IDX_SLICE, .start = first, .stop = first + (n - 1) * step + 1, .step = step};
    return true;
}

static layer *below_rechunk(const taking *x, const layer *l)
{
    const selection *s = x->s;
    const grid *old = as_rechunk(l);
    index_item item[GRID_MAXDIM];
    err e = {0};
    layer *from = l->dep[0], *y = NULL;
    if (!grid_known(old) || !from->grid || !grid_eq(from->grid, old)) return NULL;
    for (int k = 0; k < old->ndim; k++)
        if (!global_slice(&s->ax[k], l->grid->ax[k], &item[k])) return NULL;
    expr whole = {.of = from, .chunks = from->grid, .type = from->type};
    selection *t = selection_new(&whole, old->ndim, item, &e);
    layer *part = t ? taken(from, t) : NULL;
    expr *small = part ? expr_of_layer(part) : NULL; /* takes part */
    grid *g = selection_kept_grid(s);
    expr *z = small ? expr_rechunk(small, g, 0, 0, &e) : NULL;
    if (z) y = datum_ref(z->of);
    datum_unref(z);
    datum_unref(small);
    datum_unref(g);
    err_clear(&e);
    if (!y) return NULL;
    layer *named = renamed(x->as, y);
    datum_unref(y);
    return shaped(x, named);
}

/* May a step of Dask's copy what it takes?  What is half of a block or less. */
static bool may_copy(const layer *l, const selection *s)
{
    arena a = {0};
    task_view v;
    double least = 1;
    bool part = layer_task(l, 0, &a, &v, NULL) && v.f && fn_is_part(v.f);
    bool stands = part && v.narg > 2; /* for another */
    arena_clear(&a);
    if (stands) return true;
    for (int k = 0; k < s->in->ndim; k++) {
        double axis = 1;
        for (int64_t i = 0; i < s->ax[k].n; i++) {
            const piece *p = &s->ax[k].at[i];
            double n = (double)cuts_size(s->in->ax[k], p->block);
            double ratio = (p->kind == PIECE_INT ? 1 : (double)p->size) / (n > 0 ? n : 1);
            if (ratio < axis) axis = ratio;
        }
        least *= axis;
    }
    return part && least <= 0.5;
}

/* --- below another getitem, to the source --- */

/* what x takes of what `first` (of the only dependency of l) takes */
static layer *below_selection(const taking *x, const layer *l, const selection *first)
{
    selection *s = selection_through(x->s, first);
    if (!s) return NULL;
    layer *from = l->dep[0], *y = NULL;
    if (selection_has_list(s)) { /* NumPy counts numbers beside a list as lists */
        selection *kept = selection_all(s->in);
        for (int k = 0; k < s->in->ndim; k++) axis_keep(&kept->ax[k], &s->ax[k]);
        y = shaped(&(taking){x->as, s, x->whole}, taken(from, kept));
        selection_free(s);
    } else if (x->whole.blocks)
        y = layer_getitem_part(x->as->name, from, s, keep_sizes(x), l->type);
    else
        y = layer_getitem(x->as->name, from, fn_getitem(), s, l->type, selection_is_once(s));
    return y;
}

static layer *below_getitem(const taking *x, const layer *l)
{
    const selection *first = as_getitem(l);
    bool straight = takes_in_order(first) && (selection_has_list(first) || c_order(l->dep[0], 8));
    if (!grid_known(first->in) || (!straight && may_copy(l, first))) return NULL;
    return below_selection(x, l, first);
}

static layer *below_source(const taking *x, layer *l)
{
    selection *then;
    char *name = name_below("getter", l, x->s);
    layer *y = region_new(name, l, x->s, &then), *z = y;
    mem_free(name);
    if (y && then) {
        z = taken(y, then);
        datum_unref(y);
    }
    return z ? shaped(x, z) : NULL;
}

static layer *below_others(const nodes *all, const taking *x, layer *l)
{
    const selection *blocks = as_blocks(l);
    if (blocks) return grid_known(blocks->in) ? below_selection(x, l, blocks) : NULL;
    if (layer_is_reshaped(l)) return below_reshape(x, l);
    if (layer_is_repeated(l)) return below_repeat(x, l);
    layer *y = below_reduction(all, x, l);
    return y ? y : below_source(x, l);
}

/* is anything left out? */
static bool narrows(const selection *s)
{
    for (int k = 0; k < s->in->ndim; k++)
        if (!s->ax[k].all && s->in->ax[k]->extent != 1) return true;
    return false;
}

/* Do all who read d take parts of it, which are no more than all of it together? */
static bool parts_only(const nodes *all, const node *d)
{
    enum { MANY = 1024 };
    double share = 0;
    for (uint32_t i = 0; i < all->n && all->n <= MANY && share <= 1; i++) {
        const node *y = &all->at[i];
        bool reads = false;
        for (uint32_t k = 0; k < y->by->ndep && (y->nreader || y->wanted); k++)
            reads |= layer_same(y->by->dep[k], d->of);
        const selection *s = reads ? as_getitem(y->by) : NULL;
        if (reads) share += s && grid_known(s->in) ? region_share(s) : 2;
    }
    return all->n <= MANY && share <= 1;
}

/* Is d's block seen by nobody else, or cheap to read once more? */
static bool may_split(const nodes *all, const node *d, const selection *s)
{
    const source *from = layer_source(d->by);
    if (node_own(d)) return true;
    if (!from && !d->wanted && d->by->ndep) return parts_only(all, d);
    if (!from || d->wanted || (from->kind->read_into && (from->whole || !from->kind->divisible)))
        return false;
    return region_share(s) * (double)d->nreader <= 1;
}

layer *rewrite_slice(const nodes *all, const node *x)
{
    const selection *s = as_getitem(x->by);
    const node *d = s ? nodes_find(all, x->by->dep[0]) : NULL;
    if (!s) return layer_getitem_steps(x->by);
    if (!d || d->by->foreign || !d->by->grid || !grid_known(s->in)) return NULL;
    if (!narrows(s) || !may_split(all, d, s) || !grid_eq(d->by->grid, s->in)) return NULL;
    layer *l = (layer *)(uintptr_t)d->by;
    taking t = {.as = x->of, .s = s};
    bool straight = selection_has_list(s) ? takes_in_order(s) : c_order(l, 8);
    if (!straight && may_copy(x->by, s)) t.whole = layer_part_sizes(x->by);
    layer *y = as_bw(l)        ? below_elementwise(&t, as_bw(l))
               : as_join(l)    ? below_join(&t, as_join(l))
               : as_rechunk(l) ? below_rechunk(&t, l)
               : as_getitem(l) ? below_getitem(&t, l)
                               : below_others(all, &t, l);
    datum_unref(t.whole.blocks);
    return y;
}
