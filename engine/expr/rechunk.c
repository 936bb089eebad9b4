/* engine/expr/rechunk.c - the same array, cut elsewhere.
 *
 * A rechunk layer holds, per axis, which pieces of which old blocks make each new block.  Blocks
 * and pieces are products over the axes, so tasks, keys and counts are arithmetic on prefix sums.
 * Task numbering: new blocks first, then "rechunk-split" tasks, which cut pieces that are not
 * whole old blocks. Dask numbers split keys over all pieces, whole ones included. */
#include <math.h>
#include <string.h>

#include "engine/base/stop.h"
#include "engine/expr/build.h"
#include "engine/expr/rechunk.h"

typedef struct part { /* of an old block, along one axis */
    int64_t block, start, stop;
    bool whole;
} part;

typedef struct crossing { /* one axis */
    int64_t nnew, npart, nwhole;
    part *part;
    int64_t *first;  /* nnew + 1: where a new block's parts begin */
    int64_t *wholes; /* npart + 1: whole parts before */
} crossing;

typedef struct rechunk_layer {
    layer base;
    fn *concat, *getitem;
    fn *alone; /* for a piece that is a new block: Dask copies what is a small part of the old one
                */
    char *split_name;
    grid *old;
    uint64_t npiece;
    crossing ax[GRID_MAXDIM];
} rechunk_layer;

/* --- building an axis --- */

typedef struct parts {
    part *at;
    int64_t n, cap;
} parts;

static void add_part(parts *p, part x)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->at = mem_grow(p->at, (size_t)p->cap * sizeof *p->at);
    }
    p->at[p->n++] = x;
}

/* the parts of old blocks that make [lo, hi) */
static void cross(parts *p, const cuts *old, int64_t lo, int64_t hi)
{
    if (lo == hi) {
        int64_t b = lo >= old->extent ? old->nblock - 1 : cuts_find(old, lo);
        int64_t at = lo - cuts_start(old, b);
        add_part(p, (part){b, at, at, cuts_size(old, b) == 0});
        return;
    }
    for (int64_t b = cuts_find(old, lo); lo < hi; b++) {
        int64_t start = cuts_start(old, b), n = cuts_size(old, b);
        if (n == 0 || start + n <= lo) continue;
        int64_t stop = start + n < hi ? start + n : hi;
        add_part(p, (part){b, lo - start, stop - start, lo == start && stop == start + n});
        lo = stop;
    }
}

static bool cross_axis(crossing *c, const cuts *old, const cuts *to, err *e)
{
    enum { OFTEN = 1 << 16 }; /* blocks between two questions whether anybody still waits */
    parts p = {0};
    bool ok = true;
    c->nnew = to->nblock;
    c->first = mem_alloc(((size_t)to->nblock + 1) * sizeof *c->first);
    for (int64_t i = 0; ok && i < to->nblock; i++) {
        if (i % OFTEN == OFTEN - 1) ok = stop_check(e);
        c->first[i] = p.n;
        if (cuts_known(to))
            cross(&p, old, cuts_start(to, i), cuts_start(to, i + 1));
        else
            add_part(&p, (part){i, 0, SLICE_NONE, false});
    }
    c->first[c->nnew] = c->npart = p.n;
    c->part = p.at;
    if (!ok) return false;
    c->wholes = mem_alloc(((size_t)p.n + 1) * sizeof *c->wholes);
    for (int64_t i = 0; i < p.n; i++) {
        c->wholes[i] = c->nwhole;
        c->nwhole += p.at[i].whole;
    }
    c->wholes[p.n] = c->nwhole;
    return true;
}

/* --- numbering pieces: new block after new block, C order within one --- */

typedef struct piece_at {
    int64_t block[GRID_MAXDIM]; /* new block */
    int64_t part[GRID_MAXDIM];  /* into crossing.part */
} piece_at;

static int64_t parts_of(const crossing *c, int64_t block)
{
    return c->first[block + 1] - c->first[block];
}

static int64_t wholes_of(const crossing *c, int64_t block)
{
    return c->wholes[c->first[block + 1]] - c->wholes[c->first[block]];
}

static uint64_t piece_number(const rechunk_layer *l, const piece_at *x)
{
    int ndim = l->base.grid->ndim;
    uint64_t before = 0, within = 0, factor = 1, rest = l->npiece;
    for (int k = 0; k < ndim; k++) {
        const crossing *c = &l->ax[k];
        rest = c->npart ? rest / (uint64_t)c->npart : 0;
        before += factor * (uint64_t)c->first[x->block[k]] * rest;
        factor *= (uint64_t)parts_of(c, x->block[k]);
    }
    for (int k = 0; k < ndim; k++) {
        const crossing *c = &l->ax[k];
        within = within * (uint64_t)parts_of(c, x->block[k]) +
                 (uint64_t)(x->part[k] - c->first[x->block[k]]);
    }
    return before + within;
}

/* whole pieces with a smaller number */
static uint64_t wholes_before(const rechunk_layer *l, const piece_at *x)
{
    int ndim = l->base.grid->ndim;
    uint64_t n = 0, factor = 1, total[GRID_MAXDIM + 1];
    total[ndim] = 1;
    for (int k = ndim; k-- > 0;) total[k] = total[k + 1] * (uint64_t)l->ax[k].nwhole;
    for (int k = 0; k < ndim; k++) {
        const crossing *c = &l->ax[k];
        n += factor * (uint64_t)c->wholes[c->first[x->block[k]]] * total[k + 1];
        factor *= (uint64_t)wholes_of(c, x->block[k]);
    }
    total[ndim] = 1;
    for (int k = ndim; k-- > 0;)
        total[k] = total[k + 1] * (uint64_t)wholes_of(&l->ax[k], x->block[k]);
    factor = 1;
    for (int k = 0; k < ndim; k++) {
        const crossing *c = &l->ax[k];
        uint64_t less = (uint64_t)(c->wholes[x->part[k]] - c->wholes[c->first[x->block[k]]]);
        n += factor * less * total[k + 1];
        factor *= c->part[x->part[k]].whole;
    }
    return n;
}

static int64_t last_at_most(const int64_t *first, int64_t n, int64_t x)
{
    int64_t lo = 0, hi = n;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (first[mid] <= x)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static void piece_decode(const rechunk_layer *l, uint64_t q, piece_at *x)
{
    int ndim = l->base.grid->ndim;
    uint64_t factor = 1, rest = l->npiece;
    for (int k = 0; k < ndim; k++) {
        const crossing *c = &l->ax[k];
        rest /= (uint64_t)c->npart;
        uint64_t unit = factor * rest;
        int64_t at = (int64_t)(q / unit);
        x->block[k] = last_at_most(c->first, c->nnew, at);
        q -= (uint64_t)c->first[x->block[k]] * unit;
        factor *= (uint64_t)parts_of(c, x->block[k]);
    }
    for (int k = ndim; k-- > 0;) {
        const crossing *c = &l->ax[k];
        uint64_t n = (uint64_t)parts_of(c, x->block[k]);
        x->part[k] = c->first[x->block[k]] + (int64_t)(q % n);
        q /= n;
    }
}

static bool is_whole(const rechunk_layer *l, const piece_at *x)
{
    for (int k = 0; k < l->base.grid->ndim; k++)
        if (!l->ax[k].part[x->part[k]].whole) return false;
    return true;
}

/* the r-th piece that is not whole */
static uint64_t split_piece(const rechunk_layer *l, uint64_t r, piece_at *x)
{
    uint64_t lo = r, hi = l->npiece - 1; /* splits up to and including q: q + 1 - wholes */
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        piece_decode(l, mid, x);
        if (mid + 1 - wholes_before(l, x) - is_whole(l, x) >= r + 1)
            hi = mid;
        else
            lo = mid + 1;
    }
    piece_decode(l, lo, x);
    return lo;
}

static uint64_t split_rank(const rechunk_layer *l, const piece_at *x)
{
    return piece_number(l, x) - wholes_before(l, x);
}

/* --- tasks --- */

static ref piece_ref(const rechunk_layer *l, const piece_at *x)
{
    int64_t old[GRID_MAXDIM];
    if (!is_whole(l, x)) return (ref){&l->base, l->base.grid->nblock + split_rank(l, x)};
    for (int k = 0; k < l->base.grid->ndim; k++) old[k] = l->ax[k].part[x->part[k]].block;
    return (ref){l->base.dep[0], grid_linear(l->old, old)};
}

typedef struct merging {
    const rechunk_layer *l;
    arena *a;
    piece_at x;
    ref *ref;
    uint32_t nref;
} merging;

static lit merge_lists(merging *m, int k)
{
    if (k == m->l->base.grid->ndim) {
        m->ref[m->nref] = piece_ref(m->l, &m->x);
        return lit_in(m->nref++);
    }
    const crossing *c = &m->l->ax[k];
    int64_t from = c->first[m->x.block[k]];
    uint32_t n = (uint32_t)parts_of(c, m->x.block[k]);
    lit *item = arena_alloc(m->a, n * sizeof *item + 1);
    for (uint32_t i = 0; i < n; i++) {
        m->x.part[k] = from + i;
        item[i] = merge_lists(m, k + 1);
    }
    return lit_items(LIT_LIST, n, item);
}

static void merge_task(const rechunk_layer *l, uint64_t i, arena *a, task_view *out)
{
    merging m = {.l = l, .a = a};
    uint64_t n = 1;
    grid_block(l->base.grid, i, m.x.block);
    for (int k = 0; k < l->base.grid->ndim; k++) n *= (uint64_t)parts_of(&l->ax[k], m.x.block[k]);
    m.ref = arena_alloc(a, n * sizeof(ref) + 1);
    lit *arg = arena_alloc(a, sizeof *arg);
    *arg = merge_lists(&m, 0);
    out->nin = m.nref;
    out->in = m.ref;
    if (n == 1) return; /* another name for one piece */
    out->f = l->concat;
    out->narg = 1;
    out->arg = arg;
}

static bool is_alone(const rechunk_layer *l, const piece_at *x)
{
    for (int k = 0; k < l->base.grid->ndim; k++)
        if (parts_of(&l->ax[k], x->block[k]) != 1) return false;
    return true;
}

static void split_task(const rechunk_layer *l, uint64_t r, arena *a, task_view *out)
{
    piece_at x;
    int64_t old[GRID_MAXDIM];
    int ndim = l->base.grid->ndim;
    split_piece(l, r, &x);
    lit *arg = arena_alloc(a, 2 * sizeof *arg), *item = arena_alloc(a, (size_t)ndim * sizeof *item);
    ref *in = arena_alloc(a, sizeof *in);
    for (int k = 0; k < ndim; k++) {
        const part *p = &l->ax[k].part[x.part[k]];
        old[k] = p->block;
        item[k] = lit_slice(p->start, p->stop, SLICE_NONE);
    }
    *in = (ref){l->base.dep[0], grid_linear(l->old, old)};
    arg[0] = lit_in(0);
    arg[1] = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    *out = (task_view){
        .f = is_alone(l, &x) ? l->alone : l->getitem, .narg = 2, .arg = arg, .nin = 1, .in = in};
}

static bool task_of(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const rechunk_layer *l = (const rechunk_layer *)base;
    (void)e;
    if (i < base->grid->nblock)
        merge_task(l, i, a, out);
    else
        split_task(l, i - base->grid->nblock, a, out);
    return true;
}

static void key_of(const layer *base, uint64_t i, key *out)
{
    const rechunk_layer *l = (const rechunk_layer *)base;
    piece_at x;
    if (i < base->grid->nblock) {
        out->name = base->name;
        out->n = base->grid->ndim;
        grid_block(base->grid, i, out->i);
        return;
    }
    out->name = l->split_name;
    out->n = 1;
    out->i[0] = (int64_t)split_piece(l, i - base->grid->nblock, &x);
}

static bool find(const layer *base, const key *k, uint64_t *i)
{
    const rechunk_layer *l = (const rechunk_layer *)base;
    piece_at x;
    if (!strcmp(k->name, l->split_name)) {
        if (k->n != 1 || k->i[0] < 0 || (uint64_t)k->i[0] >= l->npiece) return false;
        piece_decode(l, (uint64_t)k->i[0], &x);
        if (is_whole(l, &x)) return false;
        *i = base->grid->nblock + split_rank(l, &x);
        return true;
    }
    if (strcmp(k->name, base->name) || k->n != base->grid->ndim) return false;
    for (int a = 0; a < k->n; a++)
        if (k->i[a] < 0 || k->i[a] >= base->grid->ax[a]->nblock) return false;
    *i = grid_linear(base->grid, k->i);
    return true;
}

static void drop(layer *base)
{
    rechunk_layer *l = (rechunk_layer *)base;
    for (int k = 0; k < base->grid->ndim; k++) {
        mem_free(l->ax[k].part);
        mem_free(l->ax[k].first);
        mem_free(l->ax[k].wholes);
    }
    datum_unref(l->concat);
    datum_unref(l->getitem);
    datum_unref(l->alone);
    datum_unref(l->old);
    mem_free(l->split_name);
}

static const layer_kind rechunk_kind = {
    .name = "rechunk", .task = task_of, .key = key_of, .find = find, .drop = drop};

const grid *as_rechunk(const layer *l)
{
    return l->kind == &rechunk_kind ? ((const rechunk_layer *)l)->old : NULL;
}

static expr *one_step(const expr *x, grid *to, err *e)
{
    if (grid_count(x->chunks) == 0) return expr_full((label){0}, to, x->type, NULL, e);
    token t = {0}, s = {0};
    token_expr(&t, x);
    token_grid(&t, to);
    token_expr(&s, x);
    token_grid(&s, to);
    char *name = token_name(&t, "rechunk-merge");
    rechunk_layer *l = layer_new(sizeof *l, &rechunk_kind, name, to, x->type, 1, &x->of);
    strbuf split = {0};
    sb_addf(&split, "rechunk-split%s", name + strlen("rechunk-merge"));
    l->split_name = sb_take(&split, NULL);
    sb_clear(&s.b);
    mem_free(name);
    l->concat = fn_concat_all(to->ndim);
    l->getitem = fn_getitem();
    l->alone = fn_getitem_piece();
    l->old = datum_ref(x->chunks);
    l->npiece = 1;
    uint64_t whole = 1;
    for (int k = 0; k < to->ndim; k++) {
        if (!cross_axis(&l->ax[k], x->chunks->ax[k], to->ax[k], e)) return datum_unref(l);
        l->npiece *= (uint64_t)l->ax[k].npart;
        whole *= (uint64_t)l->ax[k].nwhole;
    }
    l->base.count = to->nblock + l->npiece - whole;
    return expr_of_layer(&l->base);
}

/* --- the front --- */

enum { MOST_BLOCKS = 1 << 26 }; /* along an axis: each is some 100 bytes of tables */

static bool check_shapes(const expr *x, const grid *to, err *e)
{
    const grid *g = x->chunks;
    for (int k = 0; k < to->ndim; k++)
        if (to->ax[k]->nblock > MOST_BLOCKS)
            return err_set(e, MemoryError,
                           "rechunk: %lld blocks along axis %d are too many, at most %d are",
                           (long long)to->ax[k]->nblock, k, MOST_BLOCKS);
    if (g->ndim != to->ndim)
        return err_set(e, ValueError, "Provided chunks are not consistent with shape");
    int64_t shape[GRID_MAXDIM];
    expr_shape(x, shape);
    TRY(grid_fills(to, shape, e));
    for (int k = 0; k < g->ndim; k++) {
        int64_t a = g->ax[k]->extent, b = to->ax[k]->extent;
        if ((a < 0 || b < 0) && !cuts_eq(g->ax[k], to->ax[k]))
            return err_set(e, ValueError,
                           "Chunks must be unchanging along unknown dimensions.\n\n"
                           "A possible solution:\n  x.compute_chunk_sizes()");
    }
    return true;
}

static bool all_zero(const grid *g)
{
    for (int k = 0; k < g->ndim; k++)
        if (g->ax[k]->extent != 0) return false;
    return g->ndim > 0;
}

expr *expr_rechunk(const expr *x, grid *to, int64_t threshold, int64_t limit, err *e)
{
    if (!x || !to) return NULL;
    if (all_zero(x->chunks) || grid_eq(x->chunks, to)) return expr_ref(x);
    if (!check_shapes(x, to, e)) return NULL;
    grid *step[MAX_RECHUNK_STEP];
    int n = rechunk_plan(x->chunks, to, x->type.size, threshold ? threshold : 4,
                         limit ? limit : CHUNK_LIMIT, step);
    expr *y = expr_ref(x);
    for (int i = 0; i < n; i++) {
        expr *z = y ? one_step(y, step[i], e) : NULL;
        datum_unref(y);
        y = z;
        datum_unref(step[i]);
    }
    if (y && x->meta) {
        expr *z = expr_with_meta(y, x->meta);
        datum_unref(y);
        y = z;
    }
    return y;
}
