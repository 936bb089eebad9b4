/* engine/plan/slice.c - a pass: what is taken of a result is taken of what the result is made of.
 *
 * A getitem whose array nobody else reads moves below elementwise operations, transposes,
 * concatenations, stacks and rechunks, and ends at a source, which then reads that region only.
 * Elements are the same ones, and axes keep their order in memory, so sums keep their bits.
 * Selections speak of blocks: integers become slices of one element below, and the axis is dropped
 * (or a new one added) by a view on top. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/index.h"
#include "engine/expr/join.h"
#include "engine/expr/rechunk.h"
#include "engine/plan/lower.h"

/* --- selections --- */

static selection *all_of(const grid *g)
{
    selection *s = mem_zero(sizeof *s);
    s->in = datum_ref((grid *)(uintptr_t)g);
    s->nitem = g->ndim;
    for (int k = 0; k < g->ndim; k++) s->ax[k].all = true;
    return s;
}

static void copy_piece(axis_pieces *to, piece p)
{
    if (p.kind == PIECE_INT)
        p = (piece){.kind = PIECE_SLICE,
                    .block = p.block,
                    .start = p.start,
                    .stop = p.start + 1,
                    .step = 1,
                    .size = 1};
    p.array = datum_ref(p.array);
    axis_add(to, p);
}

static void copy_axis(axis_pieces *to, const axis_pieces *from)
{
    to->all = from->all;
    for (int64_t i = 0; i < from->n; i++) copy_piece(to, from->at[i]);
}

static bool is_int(const axis_pieces *a)
{
    return !a->all && a->n == 1 && a->at[0].kind == PIECE_INT;
}

static char *name_below(const char *prefix, const layer *l, const selection *s)
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

/* what s (taken) takes of l; l itself (counted) if that is all */
static layer *taken(layer *l, selection *s)
{
    bool once = true;
    if (takes_all(s)) {
        selection_free(s);
        return datum_ref(l);
    }
    for (int k = 0; k < s->in->ndim; k++)
        for (int64_t i = 0; i < s->ax[k].n; i++) once &= s->ax[k].at[i].kind != PIECE_ARRAY;
    char *name = name_below("getitem", l, s);
    layer *y = layer_getitem(name, l, fn_getitem(), s, l->type, once);
    mem_free(name);
    return y;
}

/* axes that s drops are dropped of l (taken), new ones added */
static layer *shaped(const layer *as, const selection *s, layer *l)
{
    selection *t = all_of(l->grid);
    bool same = true;
    t->nitem = s->nitem;
    memcpy(t->newaxis, s->newaxis, sizeof t->newaxis);
    for (int i = 0; i < s->nitem; i++) same &= !s->newaxis[i];
    for (int k = 0; k < s->in->ndim; k++) {
        if (!is_int(&s->ax[k])) continue;
        same = t->ax[k].all = false;
        axis_add(&t->ax[k], (piece){.kind = PIECE_INT});
    }
    if (same) {
        selection_free(t);
        return l;
    }
    layer *y = layer_getitem(as->name, l, fn_getitem(), t, l->type, true);
    datum_unref(l);
    return y;
}

/* the grid of what s takes, with axes of integers kept and without new ones */
static grid *kept_grid(const selection *s)
{
    selection t = {.in = s->in, .nitem = s->in->ndim};
    for (int k = 0; k < s->in->ndim; k++) copy_axis(&t.ax[k], &s->ax[k]);
    grid *g = selection_grid(&t);
    for (int k = 0; k < s->in->ndim; k++) {
        for (int64_t i = 0; i < t.ax[k].n; i++) datum_unref(t.ax[k].at[i].array);
        mem_free(t.ax[k].at);
    }
    return g;
}

/* --- do blocks lie in memory in C order for sure? --- */

static bool c_order(const layer *l, int depth);

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
        ok = layer_task(l, i, &a, &v, NULL) && v.value && as_nd(v.value) &&
             nd_in_c_order(as_nd(v.value));
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

static bool c_order(const layer *l, int depth)
{
    const source *s = layer_source(l);
    if (!l->grid || l->foreign || !depth--) return false;
    if (l->grid->ndim < 2) return true;
    if (s) return s->kind->read_into || (s->kind->c_order && s->kind->c_order(s));
    if (as_bw(l)) return bw_c_order(as_bw(l), depth);
    if (as_rechunk(l) || as_getitem(l)) return c_order(l->dep[0], depth);
    if (!l->ndep && l->count) return stored_c_order(l) || makes_c_order(l);
    bool ok = as_join(l) != NULL;
    for (uint32_t i = 0; i < l->ndep && ok; i++) ok = c_order(l->dep[i], depth);
    return ok;
}

/* --- below elementwise operations and transposes --- */

static bool may_pass(const bw_layer *b)
{
    bool turn = fn_is_transpose(b->f);
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
    selection *t = all_of(in->of->grid);
    for (int j = 0; j < in->ndim; j++) {
        int o = in->from[j];
        if (o < 0 || !cuts_eq(in->of->grid->ax[j], b->base.grid->ax[o])) continue;
        copy_axis(&t->ax[j], &s->ax[o]);
    }
    return t;
}

static layer *below_elementwise(const layer *as, const selection *s, const bw_layer *b)
{
    layer *of[64] = {0};
    if (b->narg > 64 || !may_pass(b)) return NULL;
    for (uint32_t k = 0; k < b->narg; k++)
        if (b->arg[k].of) of[k] = taken(b->arg[k].of, of_input(b, &b->arg[k], s));
    grid *g = kept_grid(s);
    char *name = name_below(b->f->name, &b->base, s);
    layer *y = bw_again(b, name, of, g);
    mem_free(name);
    datum_unref(g);
    for (uint32_t k = 0; k < b->narg; k++) datum_unref(of[k]);
    return shaped(as, s, y);
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
    selection *t = all_of(l->grid);
    for (int d = 0; d < s->in->ndim; d++) {
        if (d != j->axis) {
            copy_axis(&t->ax[j->getitem && d > j->axis ? d - 1 : d], &s->ax[d]);
            continue;
        }
        if (j->getitem) continue;
        t->ax[d].all = false;
        for (int64_t q = i; q < k; q++) {
            piece p = s->ax[d].at[q];
            p.block -= j->first[part];
            copy_piece(&t->ax[d], p);
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

static layer *below_join(const layer *as, const selection *s, const join_layer *j)
{
    parts p = {0};
    const axis_pieces *a = &s->ax[j->axis];
    if (!parts_known(j)) return NULL;
    for (int64_t i = 0, k; i < a->n; i = k) {
        uint32_t part = part_at(j, a->at[i].block);
        for (k = i + 1; k < a->n && !j->getitem && part_at(j, a->at[k].block) == part;) k++;
        add_part(&p, of_part(j, s, part, i, k));
    }
    for (uint32_t i = 0; a->all && i < j->n; i++) {
        layer *l = (layer *)(uintptr_t)j->part[i];
        selection *t = all_of(l->grid);
        for (int d = 0; d < s->in->ndim; d++)
            if (d != j->axis) copy_axis(&t->ax[j->getitem && d > j->axis ? d - 1 : d], &s->ax[d]);
        add_part(&p, taken(l, t));
    }
    grid *g = kept_grid(s);
    char *name = name_below(j->getitem ? "stack" : "concatenate", &j->base, s);
    layer *y = p.n == 1 && !j->getitem ? datum_ref(p.at[0])
                                       : layer_join(name, p.n, p.at, p.grids, j->axis,
                                                    j->getitem != NULL, g, j->base.type);
    mem_free(name);
    datum_unref(g);
    for (uint32_t i = 0; i < p.n; i++) datum_unref(p.at[i]);
    mem_free(p.at);
    mem_free((void *)p.grids);
    return shaped(as, s, y);
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

static const layer_kind renamed_kind = {"renamed", renamed_task, NULL, NULL, NULL};

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
        n += p->kind == PIECE_INT ? 1 : p->size;
    }
    if (!n) return false;
    first = cuts_start(c, a->at[0].block) + (a->at[0].kind == PIECE_ALL ? 0 : a->at[0].start);
    *out = (index_item){
        .kind = IDX_SLICE, .start = first, .stop = first + (n - 1) * step + 1, .step = step};
    return true;
}

static layer *below_rechunk(const layer *as, const selection *s, const layer *l)
{
    const grid *old = as_rechunk(l);
    index_item item[GRID_MAXDIM];
    err e = {0};
    layer *from = l->dep[0], *y = NULL;
    if (!grid_known(old) || !from->grid || !grid_eq(from->grid, old)) return NULL;
    for (int k = 0; k < old->ndim; k++)
        if (!global_slice(&s->ax[k], l->grid->ax[k], &item[k])) return NULL;
    expr x = {.of = from, .chunks = from->grid, .type = from->type};
    selection *t = selection_new(&x, old->ndim, item, &e);
    layer *part = t ? taken(from, t) : NULL;
    expr *small = part ? expr_of_layer(part) : NULL; /* takes part */
    grid *g = kept_grid(s);
    expr *z = small ? expr_rechunk(small, g, 0, 0, &e) : NULL;
    if (z) y = datum_ref(z->of);
    datum_unref(z);
    datum_unref(small);
    datum_unref(g);
    err_clear(&e);
    if (!y) return NULL;
    layer *named = renamed(as, y);
    datum_unref(y);
    return shaped(as, s, named);
}

/* --- to the source --- */

typedef struct region_layer { /* reads of a source's blocks, or of parts of them */
    layer base;
    layer *of;       /* reads them whole */
    selection *pick; /* slices of step 1 */
} region_layer;

static bool region_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const region_layer *l = (const region_layer *)base;
    int64_t block[GRID_MAXDIM], from[GRID_MAXDIM];
    int ndim = base->grid->ndim;
    const grid *in = l->pick->in;
    grid_block(base->grid, i, block);
    for (int k = 0; k < ndim; k++)
        from[k] = l->pick->ax[k].all ? block[k] : l->pick->ax[k].at[block[k]].block;
    TRY(layer_task(l->of, grid_linear(in, from), a, out, e));
    lit *arg = arena_alloc(a, out->narg * sizeof *arg);
    lit *item = arena_alloc(a, (size_t)ndim * sizeof *item + 1);
    memcpy(arg, out->arg, out->narg * sizeof *arg);
    const lit *region = &arg[out->narg - 1];
    for (int k = 0; k < ndim; k++) {
        const axis_pieces *p = &l->pick->ax[k];
        item[k] = region->item[k];
        if (p->all || p->at[block[k]].kind == PIECE_ALL) continue;
        item[k] = lit_slice(region->item[k].slice.start + p->at[block[k]].start,
                            region->item[k].slice.start + p->at[block[k]].stop, INT64_MIN);
    }
    arg[out->narg - 1] = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    out->arg = arg;
    return true;
}

static void region_drop(layer *base)
{
    region_layer *l = (region_layer *)base;
    datum_unref(l->of);
    selection_free(l->pick);
}

static const layer_kind region_kind = {"region", region_task, NULL, NULL, region_drop};

/* the smallest span that holds the piece, and where the piece lies in it */
static bool bounds_of(const piece *p, piece *span, piece *within)
{
    *span = *within = *p;
    if (p->kind == PIECE_ALL) return true;
    if (p->kind == PIECE_ARRAY || p->step < 1) return false;
    int64_t last = p->start + (p->size - 1) * p->step;
    if (p->kind == PIECE_INT) last = p->start;
    if (p->size == 0 && p->kind != PIECE_INT) return false;
    *span = (piece){.kind = PIECE_SLICE,
                    .block = p->block,
                    .start = p->start,
                    .stop = last + 1,
                    .step = 1,
                    .size = last + 1 - p->start};
    *within = (piece){.kind = PIECE_SLICE,
                      .start = 0,
                      .stop = span->size,
                      .step = p->kind == PIECE_INT ? 1 : p->step,
                      .size = p->kind == PIECE_INT ? 1 : p->size};
    return true;
}

/* Splits s into what to read and what to take of that; false: whole blocks would be read. */
static bool split(const selection *s, selection *read, selection *then, bool *steps)
{
    bool less = *steps = false;
    for (int k = 0; k < s->in->ndim; k++) {
        read->ax[k].all = then->ax[k].all = s->ax[k].all;
        for (int64_t i = 0; i < s->ax[k].n; i++) {
            piece span, within;
            if (!bounds_of(&s->ax[k].at[i], &span, &within)) return false;
            within.block = i;
            less |= span.kind == PIECE_SLICE && span.size < cuts_size(s->in->ax[k], span.block);
            *steps |= within.kind == PIECE_SLICE && within.step > 1;
            axis_add(&read->ax[k], span);
            axis_add(&then->ax[k], within);
        }
    }
    return less;
}

static layer *below_source(const layer *as, const selection *s, layer *l)
{
    const source *from = layer_source(l);
    if (!from || !from->kind->divisible || !from->kind->read_into || from->whole ||
        !grid_known(s->in))
        return NULL;
    selection *read = all_of(s->in), *then = all_of(s->in);
    bool steps;
    if (!split(s, read, then, &steps)) {
        selection_free(read);
        selection_free(then);
        return NULL;
    }
    grid *g = selection_grid(read);
    char *name = name_below("getter", l, read);
    region_layer *y = layer_new(sizeof *y, &region_kind, name, g, l->type, l->ndep, l->dep);
    mem_free(name);
    y->base.flags = l->flags;
    y->of = datum_ref(l);
    y->pick = read;
    datum_unref(then->in);
    then->in = g;
    layer *z = &y->base;
    if (steps) {
        z = taken(&y->base, then);
        datum_unref(y);
    } else
        selection_free(then);
    return shaped(as, s, z);
}

/* is anything left out? */
static bool narrows(const selection *s)
{
    for (int k = 0; k < s->in->ndim; k++)
        if (!s->ax[k].all && s->in->ax[k]->extent != 1) return true;
    return false;
}

/* May a step of Dask's copy what it takes?  What is half of a block or less. */
static bool may_copy(const layer *l, const selection *s)
{
    arena a = {0};
    task_view v;
    double least = 1;
    bool part = layer_task(l, 0, &a, &v, NULL) && v.f && fn_is_part(v.f);
    arena_clear(&a);
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

layer *rewrite_slice(const nodes *all, const node *x)
{
    const selection *s = as_getitem(x->by);
    const node *d = s ? nodes_find(all, x->by->dep[0]) : NULL;
    if (!d || !node_own(d) || d->by->foreign || !d->by->grid || !grid_known(s->in)) return NULL;
    if (!narrows(s) || (may_copy(x->by, s) && !c_order(d->by, 8))) return NULL;
    layer *l = (layer *)(uintptr_t)d->by;
    if (!grid_eq(l->grid, s->in)) return NULL;
    if (as_bw(l)) return below_elementwise(x->of, s, as_bw(l));
    if (as_join(l)) return below_join(x->of, s, as_join(l));
    if (as_rechunk(l)) return below_rechunk(x->of, s, l);
    return below_source(x->of, s, l);
}
