/* engine/plan/region.c - a layer that reads parts of a source's blocks.
 *
 * What is taken of a block is read in ascending order, each element once; a list or a slice from
 * behind is taken of that.  A source that reads into a fresh block skips what lies between (steps,
 * lists: expr/pick.c); one that is in memory shows a box, of which the rest is taken. */
#include "engine/plan/region.h"

#include <stdlib.h>
#include <string.h>

#include "engine/expr/build.h"

typedef struct region_layer {
    layer base;
    layer *of;       /* reads them whole */
    selection *pick; /* slices forward, at most one ascending list */
    nd **list;       /* of the axis with lists: their places in the source */
    int64_t nlist;
} region_layer;

static lit item_of(const region_layer *l, const piece *p, int64_t i, int64_t start)
{
    if (p->kind == PIECE_ARRAY) return lit_datum(l->list[i]);
    return lit_slice(start + p->start, start + p->stop, p->step > 1 ? p->step : INT64_MIN);
}

static bool region_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const region_layer *l = (const region_layer *)base;
    int64_t block[GRID_MAXDIM], from[GRID_MAXDIM];
    int ndim = base->grid->ndim;
    grid_block(base->grid, i, block);
    for (int k = 0; k < ndim; k++)
        from[k] = l->pick->ax[k].all ? block[k] : l->pick->ax[k].at[block[k]].block;
    TRY(layer_task(l->of, grid_linear(l->pick->in, from), a, out, e));
    lit *arg = arena_alloc(a, (out->narg + 1) * sizeof *arg);
    lit *item = arena_alloc(a, (size_t)ndim * sizeof *item + 1);
    const lit *region = &out->arg[out->narg - 1];
    for (int k = 0; k < ndim; k++) {
        const axis_pieces *p = &l->pick->ax[k];
        item[k] = region->item[k];
        if (p->all || p->at[block[k]].kind == PIECE_ALL) continue;
        item[k] = item_of(l, &p->at[block[k]], block[k], region->item[k].slice.start);
    }
    memcpy(arg, out->arg, out->narg * sizeof *arg);
    lit boxed = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    out->arg = arg;
    if (!region_is_box(&boxed)) arg[out->narg++ - 1] = lit_dtype(base->type);
    arg[out->narg - 1] = boxed;
    return true;
}

static void region_drop(layer *base)
{
    region_layer *l = (region_layer *)base;
    datum_unref(l->of);
    selection_free(l->pick);
    for (int64_t i = 0; i < l->nlist; i++) datum_unref(l->list[i]);
    mem_free(l->list);
}

static const layer_kind region_kind = {
    .name = "region", .task = region_task, .drop = region_drop, .one_fn = true};

/* --- what to read, and what to take of that --- */

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t place_in(const int64_t *at, int64_t n, int64_t x)
{
    int64_t lo = 0;
    for (int64_t hi = n; lo < hi;) {
        int64_t mid = lo + (hi - lo) / 2;
        if (at[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* the positions of a list, to be changed */
static nd *copy_of(const piece *p)
{
    nd *x = nd_ints(p->size);
    memcpy(x->at, p->array->at, (size_t)p->size * sizeof(int64_t));
    return x;
}

/* A list: its positions ascending, each once (or the span of them); then where each of them is. */
static void split_list(const piece *p, int64_t n, bool gaps, piece *read, piece *then)
{
    const int64_t *of = (const int64_t *)(const void *)p->array->at;
    nd *sorted = copy_of(p), *where = nd_ints(p->size);
    int64_t *at = (int64_t *)(void *)sorted->at, m = 0;
    qsort(at, (size_t)p->size, sizeof *at, ascending);
    for (int64_t i = 0; i < p->size; i++)
        if (!m || at[i] != at[m - 1]) at[m++] = at[i];
    bool dense = at[m - 1] - at[0] == m - 1;
    for (int64_t i = 0; i < p->size; i++)
        ((int64_t *)(void *)where->at)[i] = gaps ? place_in(at, m, of[i]) : of[i] - at[0];
    *then = (piece){.kind = PIECE_ARRAY, .array = where, .size = p->size};
    if (dense || !gaps) {
        *read = piece_slice(p->block, at[0], 1, at[m - 1] + 1 - at[0], n);
    } else {
        *read = (piece){.kind = PIECE_ARRAY, .block = p->block, .size = m};
        read->array = nd_view(sorted->b, sorted->at, nd_type(sorted), 1, &m, NULL);
    }
    datum_unref(sorted);
}

static void split_slice(const piece *p, int64_t n, bool gaps, piece *read, piece *then)
{
    int64_t first = piece_first(p, n), step = p->kind == PIECE_INT ? 1 : p->step;
    int64_t size = p->kind == PIECE_INT ? 1 : p->size, last = first + (size - 1) * step;
    int64_t lo = step > 0 ? first : last, by = step > 0 ? step : -step, span = by * (size - 1) + 1;
    *read = gaps ? piece_slice(p->block, lo, by, size, n) : piece_slice(p->block, lo, 1, span, n);
    *then = (piece){.kind = PIECE_ALL, .size = read->size};
    if (gaps && step > 0) return;
    int64_t skip = gaps ? step / by : step, from = step > 0 ? 0 : read->size - 1;
    if (skip != 1) *then = piece_slice(0, from, skip, size, read->size);
}

static bool is_empty(const axis_pieces *a)
{
    for (int64_t i = 0; i < a->n; i++)
        if (a->at[i].kind != PIECE_INT && a->at[i].size == 0) return true;
    return false;
}

static void split_axis(const axis_pieces *p, const cuts *in, bool gaps, axis_pieces *read,
                       axis_pieces *then)
{
    bool changes = false;
    read->all = p->all;
    for (int64_t i = 0; i < p->n; i++) {
        const piece *q = &p->at[i];
        piece r = *q, t = {.kind = PIECE_ALL, .size = q->size};
        int64_t n = cuts_size(in, q->block);
        if (q->kind == PIECE_ARRAY)
            split_list(q, n, gaps, &r, &t);
        else if (q->kind != PIECE_ALL)
            split_slice(q, n, gaps, &r, &t);
        t.block = i;
        changes |= t.kind != PIECE_ALL;
        axis_add(read, r);
        axis_add(then, t);
    }
    then->all = !changes;
    if (!changes) then->n = 0;
}

double region_share(const selection *s)
{
    double share = 1;
    for (int k = 0; k < s->in->ndim; k++) {
        double whole = 0, taken = 0;
        for (int64_t i = 0; i < s->ax[k].n; i++) {
            piece read, then;
            const piece *p = &s->ax[k].at[i];
            int64_t n = cuts_size(s->in->ax[k], p->block);
            if (p->kind == PIECE_ARRAY)
                split_list(p, n, false, &read, &then);
            else if (p->kind != PIECE_ALL)
                split_slice(p, n, false, &read, &then);
            whole += (double)n;
            taken += p->kind == PIECE_ALL ? (double)n : (double)read.size;
            if (p->kind == PIECE_ARRAY) datum_unref(then.array);
        }
        if (whole > 0) share *= taken / whole;
    }
    return share;
}

/* --- the layer --- */

/* the places in the source of the lists of axis k */
static bool find_lists(region_layer *l, int k)
{
    const axis_pieces *p = &l->pick->ax[k];
    arena a = {0};
    l->list = mem_zero((size_t)p->n * sizeof(nd *));
    l->nlist = p->n;
    bool ok = true;
    for (int64_t i = 0; i < p->n && ok; i++) {
        int64_t block[GRID_MAXDIM] = {0};
        task_view v;
        block[k] = p->at[i].block;
        arena_reset(&a);
        ok = layer_task(l->of, grid_linear(l->pick->in, block), &a, &v, NULL);
        if (!ok || p->at[i].kind != PIECE_ARRAY) continue;
        int64_t start = v.arg[v.narg - 1].item[k].slice.start;
        l->list[i] = copy_of(&p->at[i]);
        for (int64_t q = 0; q < p->at[i].size; q++) ((int64_t *)(void *)l->list[i]->at)[q] += start;
    }
    arena_clear(&a);
    return ok;
}

static int64_t places(const piece *p, int64_t n)
{
    piece read, then;
    if (p->kind != PIECE_ARRAY) return p->kind == PIECE_INT ? 1 : p->size;
    split_list(p, n, true, &read, &then);
    datum_unref(read.array);
    datum_unref(then.array);
    return read.size;
}

/* Worth it?  Blocks in memory are shown as they are: only a small part of them is another matter.
 */
static bool reads_less(const selection *s, const source *from)
{
    bool less = false;
    for (int k = 0; k < s->in->ndim; k++) {
        const axis_pieces *p = &s->ax[k];
        if (is_empty(p)) return false;
        for (int64_t i = 0; i < p->n && !less; i++) {
            int64_t n = cuts_size(s->in->ax[k], p->at[i].block);
            less = p->at[i].kind != PIECE_ALL && places(&p->at[i], n) < n;
        }
    }
    return less && (from->kind->read_into || region_share(s) <= 0.75);
}

static layer *region_made(const char *name, layer *l, const selection *s, bool gaps,
                          selection **then)
{
    bool rest = false, ok = true;
    selection *read = selection_all(s->in), *t = selection_all(s->in);
    for (int k = 0; k < s->in->ndim; k++) {
        split_axis(&s->ax[k], s->in->ax[k], gaps, &read->ax[k], &t->ax[k]);
        rest |= !t->ax[k].all;
    }
    grid *g = selection_grid(read);
    region_layer *y = layer_new(sizeof *y, &region_kind, name, g, l->type, l->ndep, l->dep);
    y->base.flags = l->flags;
    y->of = datum_ref(l);
    y->pick = read;
    for (int k = 0; k < s->in->ndim; k++)
        if (axis_is_list(&read->ax[k])) ok = find_lists(y, k);
    datum_unref(t->in);
    t->in = g;
    if (rest && ok)
        *then = t;
    else
        selection_free(t);
    return ok ? &y->base : datum_unref(y);
}

layer *region_new(const char *name, layer *l, const selection *s, selection **then)
{
    const source *from = layer_source(l);
    *then = NULL;
    if (!from || from->kind->home || !reads_less(s, from)) return NULL;
    bool gaps = from->kind->read_into != NULL;
    const region_layer *r = l->kind == &region_kind ? (const region_layer *)l : NULL;
    if (!r) return region_made(name, l, s, gaps, then);
    selection *both = selection_through(s, r->pick);
    layer *y = both ? region_made(name, r->of, both, gaps, then) : NULL;
    selection_free(both);
    return y;
}
