/* engine/expr/selection.c - what a getitem takes: of the whole array -> of each of its blocks.
 *
 * Slices are cut at block borders, in either direction; lists become runs of positions in one
 * block.  Two selections, one of what the other takes, are one selection. */
#include <string.h>

#include "engine/expr/index.h"
#include "engine/kernels/ops.h"

void selection_free(selection *s)
{
    if (!s) return;
    for (int i = 0; s->in && i < s->in->ndim; i++) {
        for (int64_t k = 0; k < s->ax[i].n; k++) datum_unref(s->ax[i].at[k].array);
        mem_free(s->ax[i].at);
    }
    datum_unref(s->in);
    mem_free(s);
}

/* --- pieces --- */

void axis_add(axis_pieces *a, piece p)
{
    if (a->n == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 8;
        a->at = mem_grow(a->at, (size_t)a->cap * sizeof *a->at);
    }
    a->at[a->n++] = p;
}

static int64_t floor_mod(int64_t x, int64_t m)
{
    int64_t r = x % m;
    return r && (r < 0) != (m < 0) ? r + m : r;
}

static void forward(axis_pieces *out, const cuts *a, int64_t start, int64_t stop, int64_t step)
{
    if (start >= stop || start >= a->extent) return;
    int64_t first = cuts_find(a, start), nblock = a->nblock;
    /* empty chunks before `start` are skipped, as bisect_right does */
    start -= cuts_start(a, first);
    stop -= cuts_start(a, first);
    for (int64_t i = first; i < nblock && stop > 0; i++) {
        int64_t n = cuts_size(a, i);
        if (start < n && stop > 0) {
            bool whole = start == 0 && stop >= n && step == 1;
            axis_add(out, (piece){.kind = whole ? PIECE_ALL : PIECE_SLICE,
                                  .block = i,
                                  .start = start,
                                  .stop = stop < n ? stop : n,
                                  .step = step,
                                  .size = ((stop < n ? stop : n) - start + step - 1) / step});
            start = floor_mod(start - n, step);
        } else
            start -= n;
        stop -= n;
    }
}

static void backward(axis_pieces *out, const cuts *a, int64_t start, int64_t stop, int64_t step)
{
    for (int64_t i = a->nblock; i-- > 0 && start > stop;) {
        int64_t lo = cuts_start(a, i), hi = lo + cuts_size(a, i);
        if (!(lo <= start && start < hi && start > stop)) continue;
        int64_t from = start - hi, to = lo - hi - 1 > stop - hi ? lo - hi - 1 : stop - hi;
        axis_add(out, (piece){.kind = PIECE_SLICE,
                              .block = i,
                              .start = from,
                              .stop = to,
                              .step = step,
                              .size = (from - to - step - 1) / -step});
        start = lo + floor_mod(start - (lo - 1), step) - 1;
    }
}

/* what a slice (already clipped by slice.indices) takes of each block */
static void slice_pieces(axis_pieces *out, const cuts *a, int64_t start, int64_t stop, int64_t step)
{
    if (step > 0 && step == 1 && start == 0 && stop >= a->extent) {
        out->all = true;
        return;
    }
    if (step > 0)
        forward(out, a, start, stop, step);
    else
        backward(out, a, start, stop, step);
    if (!out->n) axis_add(out, (piece){.kind = PIECE_SLICE, .start = 0, .stop = 0, .step = 1});
}

static nd *run_of(const int64_t *at, int64_t n, int64_t less)
{
    nd *x = nd_ints(n);
    for (int64_t i = 0; i < n; i++) ((int64_t *)x->at)[i] = at[i] - less;
    return x;
}

/* runs of indices that fall into one block, in the order given */
static bool list_pieces(axis_pieces *out, const cuts *a, const nd *index, err *e)
{
    nd *flat = nd_cast(index, dtype_plain(DT_int64), 'u', e);
    nd *c = flat ? nd_contiguous(flat, e) : NULL;
    datum_unref(flat);
    if (!c) return false;
    const int64_t *at = (const int64_t *)c->at;
    int64_t n = nd_count(c);
    for (int64_t i = 0, k; i < n; i = k) {
        int64_t b = cuts_find(a, at[i]), lo = cuts_start(a, b), hi = lo + cuts_size(a, b);
        for (k = i + 1; k < n && at[k] >= lo && at[k] < hi;) k++;
        nd *part = run_of(at + i, k - i, lo);
        axis_add(out, (piece){.kind = PIECE_ARRAY, .block = b, .array = part, .size = k - i});
    }
    datum_unref(c);
    return true;
}

bool axis_is_int(const axis_pieces *a)
{
    return !a->all && a->n == 1 && a->at[0].kind == PIECE_INT;
}

/* the extents along axis p of what is taken (or of the blocks that it is taken of) */
static cuts *piece_cuts(const axis_pieces *p, const cuts *in, bool parents)
{
    cuts_builder b = {0};
    if (p->all) return datum_ref((cuts *)(uintptr_t)in);
    for (int64_t i = 0; i < p->n; i++)
        cuts_add(&b, parents ? cuts_size(in, p->at[i].block) : p->at[i].size, 1);
    return cuts_build(&b);
}

static grid *grid_of(const selection *s, bool parents, int64_t *times)
{
    cuts *ax[2 * GRID_MAXDIM] = {0};
    int n = 0, k = 0;
    *times = 1;
    for (int i = 0; i < s->nitem; i++) {
        if (s->newaxis[i]) {
            ax[n++] = cuts_repeat(1, 1);
            continue;
        }
        const axis_pieces *p = &s->ax[k];
        const cuts *in = s->in->ax[k++];
        if (axis_is_int(p))
            *times *= cuts_size(in, p->at[0].block);
        else
            ax[n++] = piece_cuts(p, in, parents);
    }
    grid *g = grid_new(n, ax);
    while (n) datum_unref(ax[--n]);
    return g;
}

grid *selection_grid(const selection *s)
{
    int64_t times;
    return grid_of(s, false, &times);
}

grid *selection_parents(const selection *s, int64_t *times)
{
    return grid_of(s, true, times);
}

/* --- from normalised items to selections --- */

static void *unknown_error(const expr *x, err *e)
{
    char *shape = expr_shape_text(x);
    err_set(e, ValueError,
            "Arrays chunk sizes are unknown: %s\n\nA possible solution: "
            "https://docs.dask.org/en/latest/array-chunks.html#unknown-chunks\n"
            "Summary: to compute chunks sizes, use\n\n"
            "   x.compute_chunk_sizes()  # for Dask Array `x`\n"
            "   ddf.to_dask_array(lengths=True)  # for Dask DataFrame `ddf`",
            shape);
    mem_free(shape);
    return NULL;
}

/* Can all blocks between two elements be listed? */
static bool check_many(const cuts *a, int64_t from, int64_t to, err *e)
{
    enum { MOST = 1 << 26 };
    int64_t n = cuts_find(a, to) - cuts_find(a, from);
    return (n < MOST && n > -MOST) ||
           err_set(e, MemoryError,
                   "a slice over %lld chunks does not fit in memory; larger chunks make fewer",
                   (long long)(n < 0 ? 1 - n : n + 1));
}

static bool set_axis(axis_pieces *p, const expr *x, int k, const index_item *item, err *e)
{
    const cuts *a = x->chunks->ax[k];
    if (item_is_all(item)) return p->all = true;
    if (!cuts_known(a)) return unknown_error(x, e);
    if (item->kind == IDX_INT) {
        int64_t b = cuts_find(a, item->start);
        axis_add(p,
                 (piece){.kind = PIECE_INT, .block = b, .start = item->start - cuts_start(a, b)});
        return true;
    }
    if (item->kind == IDX_ARRAY) return list_pieces(p, a, item->array, e);
    int64_t start = item->start, stop = item->stop, step = item->step, n;
    TRY(slice_clip(a->extent, &start, &stop, &step, &n, e));
    bool all = step == 1 && start == 0 && stop >= a->extent;
    if (n && !all) TRY(check_many(a, start, start + (n - 1) * step, e));
    slice_pieces(p, a, start, stop, step);
    return true;
}

selection *selection_new(const expr *x, int n, const index_item *items, err *e)
{
    selection *s = mem_zero(sizeof *s);
    s->in = datum_ref(x->chunks);
    s->nitem = n;
    int k = 0;
    for (int i = 0; i < n; i++) {
        s->newaxis[i] = items[i].kind == IDX_NEW;
        if (!s->newaxis[i] && !set_axis(&s->ax[k], x, k, &items[i], e)) {
            selection_free(s);
            return NULL;
        }
        k += !s->newaxis[i];
    }
    return s;
}

/* --- from selections to selections --- */

selection *selection_all(const grid *g)
{
    selection *s = mem_zero(sizeof *s);
    s->in = datum_ref((grid *)(uintptr_t)g);
    s->nitem = g->ndim;
    for (int k = 0; k < g->ndim; k++) s->ax[k].all = true;
    return s;
}

static void copy_axis(axis_pieces *to, const axis_pieces *from)
{
    to->all = from->all;
    for (int64_t i = 0; i < from->n; i++) {
        piece p = from->at[i];
        p.array = datum_ref(p.array);
        axis_add(to, p);
    }
}

void axis_keep(axis_pieces *to, const axis_pieces *from)
{
    int64_t had = to->n;
    copy_axis(to, from);
    for (piece *p = to->at + had; p < to->at + to->n; p++)
        if (p->kind == PIECE_INT)
            *p = (piece){.kind = PIECE_SLICE,
                         .block = p->block,
                         .start = p->start,
                         .stop = p->start + 1,
                         .step = 1,
                         .size = 1};
}

selection *selection_copy(const selection *s)
{
    selection *t = selection_all(s->in);
    t->nitem = s->nitem;
    memcpy(t->newaxis, s->newaxis, sizeof t->newaxis);
    for (int k = 0; k < s->in->ndim; k++) copy_axis(&t->ax[k], &s->ax[k]);
    return t;
}

grid *selection_kept_grid(const selection *s)
{
    selection *t = selection_all(s->in);
    for (int k = 0; k < s->in->ndim; k++) axis_keep(&t->ax[k], &s->ax[k]);
    grid *g = selection_grid(t);
    selection_free(t);
    return g;
}

int64_t piece_first(const piece *p, int64_t n)
{
    return p->start < 0 ? p->start + n : p->start;
}

piece piece_slice(int64_t block, int64_t first, int64_t step, int64_t size, int64_t n)
{
    piece p = {.kind = PIECE_SLICE, .block = block, .step = 1};
    if (size < 1) return p;
    int64_t last = first + (size - 1) * step;
    p.size = size;
    p.step = step;
    p.start = step > 0 ? first : first - n; /* from the end, as before it there is no 0 */
    p.stop = step > 0 ? last + 1 : last - 1 - n;
    return p;
}

static nd *places_new(int64_t n, int64_t **at)
{
    nd *x = nd_ints(n);
    *at = (int64_t *)(void *)x->at;
    return x;
}

/* What `then` takes of what p takes of a block of n elements; of `size` those that p takes. */
static piece piece_through(const piece *then, const piece *p, int64_t n)
{
    int64_t *at, size = p->kind == PIECE_ALL ? n : p->size, first = piece_first(then, size);
    piece q = *p;
    if (then->kind == PIECE_ALL || p->kind == PIECE_ALL) {
        if (p->kind == PIECE_ALL) q = *then;
        q.block = p->block;
        q.array = datum_ref(q.array);
        return q;
    }
    if (p->kind == PIECE_SLICE) {
        int64_t start = piece_first(p, n), step = p->step;
        if (then->kind == PIECE_SLICE)
            return piece_slice(p->block, start + first * step, then->step * step, then->size, n);
        if (then->kind == PIECE_INT)
            return (piece){.kind = PIECE_INT, .block = p->block, .start = start + first * step};
        const int64_t *of = (const int64_t *)(const void *)then->array->at;
        q = (piece){.kind = PIECE_ARRAY, .block = p->block, .size = then->size};
        q.array = places_new(q.size, &at);
        for (int64_t i = 0; i < q.size; i++) at[i] = start + of[i] * step;
        return q;
    }
    const int64_t *from = (const int64_t *)(const void *)p->array->at;
    if (then->kind == PIECE_INT)
        return (piece){.kind = PIECE_INT, .block = p->block, .start = from[first]};
    if (then->size == 0) return piece_slice(p->block, 0, 1, 0, n);
    const int64_t *of = then->array ? (const int64_t *)(const void *)then->array->at : NULL;
    q.size = then->size;
    q.array = places_new(q.size, &at);
    for (int64_t i = 0; i < q.size; i++) at[i] = from[of ? of[i] : first + i * then->step];
    return q;
}

static void axis_through(axis_pieces *to, const axis_pieces *then, const axis_pieces *p,
                         const cuts *in)
{
    if (then->all || p->all) {
        copy_axis(to, then->all ? p : then);
        return;
    }
    for (int64_t i = 0; i < then->n; i++) {
        const piece *of = &p->at[then->at[i].block];
        axis_add(to, piece_through(&then->at[i], of, cuts_size(in, of->block)));
    }
}

bool axis_is_list(const axis_pieces *a)
{
    for (int64_t i = 0; i < a->n; i++)
        if (a->at[i].kind == PIECE_ARRAY) return true;
    return false;
}

bool selection_has_list(const selection *s)
{
    for (int k = 0; k < s->in->ndim; k++)
        if (axis_is_list(&s->ax[k])) return true;
    return false;
}

bool selection_is_once(const selection *s)
{
    for (int k = 0; k < s->in->ndim; k++) {
        const axis_pieces *a = &s->ax[k];
        int64_t way = a->n > 1 ? a->at[1].block - a->at[0].block : 1;
        for (int64_t i = 1; i < a->n; i++) {
            int64_t by = a->at[i].block - a->at[i - 1].block;
            if (!by || (by > 0) != (way > 0)) return false;
        }
    }
    return true;
}

/* One item of `then` after the other, with the axes that `first` drops or adds between them. */
typedef struct passage {
    const selection *then, *first;
    selection *out;
    int item, axis; /* of first: how far it is */
    bool ok;
} passage;

static void add_new_axis(passage *p)
{
    if (p->out->nitem < 2 * GRID_MAXDIM)
        p->out->newaxis[p->out->nitem++] = true;
    else
        p->ok = false;
}

static void skip_dropped(passage *p)
{
    const selection *f = p->first;
    for (; p->item < f->nitem && !f->newaxis[p->item] && axis_is_int(&f->ax[p->axis]); p->item++) {
        copy_axis(&p->out->ax[p->axis], &f->ax[p->axis]);
        p->out->newaxis[p->out->nitem++] = false;
        p->axis++;
    }
}

static void take_axis(passage *p, const axis_pieces *then)
{
    const selection *f = p->first;
    skip_dropped(p);
    if (f->newaxis[p->item++]) {
        if (axis_is_int(then)) return;
        p->ok &= then->all || (then->n == 1 && then->at[0].size == 1);
        add_new_axis(p);
        return;
    }
    axis_through(&p->out->ax[p->axis], then, &f->ax[p->axis], f->in->ax[p->axis]);
    p->out->newaxis[p->out->nitem++] = false;
    p->axis++;
}

selection *selection_through(const selection *then, const selection *first)
{
    passage p = {.then = then, .first = first, .out = mem_zero(sizeof *p.out), .ok = true};
    int axis = 0, lists = 0;
    p.out->in = datum_ref(first->in);
    for (int i = 0; i < then->nitem && p.ok && p.out->nitem + GRID_MAXDIM < 2 * GRID_MAXDIM; i++)
        if (then->newaxis[i])
            add_new_axis(&p);
        else
            take_axis(&p, &then->ax[axis++]);
    skip_dropped(&p);
    for (int k = 0; k < first->in->ndim; k++) lists += axis_is_list(&p.out->ax[k]);
    if (p.ok && lists < 2 && axis == then->in->ndim && p.axis == first->in->ndim) return p.out;
    selection_free(p.out);
    return NULL;
}
