/* engine/plan/tiles.c - running a fused program piece by piece, so that what passes between its
 * steps stays in cache.
 *
 * A task qualifies when every step but the last is elementwise, makes its block from nothing, or
 * reads it, all blocks have one shape and lie in C order.  Then the block is a stream of pieces in
 * C order: an elementwise last step writes them into its result, a reduction folds them along
 * NumPy's own tree.  Whatever does not qualify runs step by step; the bits are the same. */
#include "engine/plan/tiles.h"

#include <string.h>

#include "engine/expr/reduceops.h"
#include "engine/expr/tile.h"
#include "engine/kernels/ops.h"

enum role { ELEMENTWISE, GENERATED, WHOLE, WINDOW };

enum { WINDOW_ELEMENTS = 1 << 17 }; /* of a source, read at once */

typedef struct flat_step {
    enum role role;
    nd *whole;          /* WHOLE: the block; WINDOW: some rows of it; owned */
    int64_t row0, rows; /* WINDOW: which */
    void *state;        /* GENERATED */
    nd *piece;          /* of the present range, owned */
    datum **in;         /* blocks of inputs that are not steps (borrowed), else NULL */
    int8_t *from;       /* which step an input is; -1: in[k] */
    bool scalar;        /* a block of one element stands for all */
} flat_step;

typedef struct flat_run {
    const task_run *r;
    const program *g;
    const task_view *view;
    const uint64_t *index;
    int first; /* the step whose pieces are the stream */
    int ndim;
    int64_t shape[GRID_MAXDIM], count;
    flat_step step[MAX_STEP];
} flat_run;

/* --- does it qualify? --- */

static bool step_shape(const program *g, const uint64_t *index, int s, int64_t *shape, int *ndim)
{
    const grid *gr = g->step[s]->grid;
    int64_t block[GRID_MAXDIM];
    if (!gr || index[s] >= gr->nblock) return false;
    grid_block(gr, index[s], block);
    grid_block_shape(gr, block, shape);
    *ndim = gr->ndim;
    for (int k = 0; k < gr->ndim; k++)
        if (shape[k] < 0) return false;
    return true;
}

static bool same_shape(const flat_run *f, int ndim, const int64_t *shape)
{
    return ndim == f->ndim && (!ndim || !memcmp(shape, f->shape, (size_t)ndim * sizeof *shape));
}

/* C order, gaps allowed between rows and elements repeated by zero steps not */
static bool flat_nd(const flat_run *f, const nd *x)
{
    if (x->ndim == 0) return true;
    if (!same_shape(f, x->ndim, nd_shape(x))) return false;
    if (nd_is_c(x)) return true;
    for (int k = 0; k < x->ndim; k++) /* one element for all */
        if (nd_strides(x)[k] != 0 && nd_shape(x)[k] != 1) return false;
    return true;
}

static bool step_inputs(flat_run *f, int s, uint32_t *next)
{
    const task_view *v = &f->view[s];
    flat_step *st = &f->step[s];
    const plan *p = f->r->p;
    const task *t = &p->task[f->r->t];
    st->in = arena_alloc(f->r->scratch, v->nin * sizeof *st->in + 1);
    st->from = arena_alloc(f->r->scratch, v->nin + 1);
    for (uint32_t k = 0; k < v->nin; k++) {
        st->from[k] = -1;
        for (uint32_t q = 1; q < f->g->nstep; q++)
            if (layer_same(f->g->step[q], v->in[k].of)) st->from[k] = (int8_t)q;
        if (st->from[k] < 0)
            st->in[k] =
                atomic_load_explicit(&p->out[p->in[t->in + (*next)++]], memory_order_relaxed);
    }
    return true;
}

static bool step_fits(flat_run *f, int s)
{
    int64_t shape[GRID_MAXDIM];
    int ndim;
    const task_view *v = &f->view[s];
    flat_step *st = &f->step[s];
    if (!v->f || !step_shape(f->g, f->index, s, shape, &ndim) || !same_shape(f, ndim, shape))
        return false;
    if (v->f->flags & FN_ELEMENTWISE) {
        st->role = ELEMENTWISE;
        for (uint32_t k = 0; k < v->narg; k++) {
            const lit *a = &v->arg[k];
            const nd *x = a->kind == LIT_DATUM                      ? as_nd(a->d)
                          : a->kind == LIT_IN && st->from[a->i] < 0 ? as_nd(st->in[a->i])
                                                                    : NULL;
            if (a->kind == LIT_IN && st->from[a->i] >= 0) continue;
            if (!x || !flat_nd(f, x)) return false;
        }
        return true;
    }
    const source *from = layer_source(f->g->by[s]);
    if (!from && (v->nin || !v->f->kind->tile)) return false;
    bool rows = from && from->kind->divisible && from->kind->fresh && !from->whole && f->ndim > 0;
    st->role = !from ? GENERATED : rows ? WINDOW : WHOLE;
    return true;
}

static bool fits(flat_run *f, int s0)
{
    uint32_t next = 0;
    for (uint32_t s = 0; s < f->g->nstep; s++) step_inputs(f, (int)s, &next);
    if (!step_shape(f->g, f->index, s0, f->shape, &f->ndim)) return false;
    f->count = shape_count(f->ndim, f->shape);
    f->first = s0;
    for (uint32_t s = (uint32_t)s0; s < f->g->nstep; s++)
        if (!step_fits(f, (int)s)) return false;
    return f->count > 0;
}

/* --- pieces --- */

static call step_call(const flat_run *f, int s)
{
    const task_view *v = &f->view[s];
    return (call){.nin = v->nin,
                  .narg = v->narg,
                  .arg = v->arg,
                  .in = f->step[s].in,
                  .of = f->g->by[s],
                  .index = f->index[s],
                  .worker = f->r->w,
                  .snap = &f->r->p->snap};
}

static nd *part_of(const nd *x, int64_t from, int64_t n)
{
    int64_t zero = 0, step = x->size;
    if (x->ndim == 0) return nd_ref(x);
    bool one = !nd_is_c(x);
    return nd_view(x->b, one ? x->at : x->at + from * step, nd_type(x), 1, &n, one ? &zero : &step);
}

static nd *generated(flat_run *f, int s, int64_t from, int64_t n, err *e)
{
    const task_view *v = &f->view[s];
    call c = step_call(f, s);
    return v->f->kind->tile->run(&(tile_call){.f = v->f, .c = &c, .state = f->step[s].state}, from,
                                 n, e);
}

static nd *piece(flat_run *f, int s, int64_t from, int64_t n, nd *into, err *e);

static nd *computed(flat_run *f, int s, int64_t from, int64_t n, nd *into, err *e)
{
    const task_view *v = &f->view[s];
    flat_step *st = &f->step[s];
    datum *in[MAX_STEP];
    lit arg[16];
    nd *made[MAX_STEP];
    uint32_t nmade = 0;
    nd *out = NULL;
    bool ok = v->nin <= 16 && v->narg <= 16;
    for (uint32_t k = 0; k < v->nin && ok; k++) {
        nd *x = st->from[k] >= 0 ? piece(f, st->from[k], from, n, NULL, e)
                                 : part_of((const nd *)st->in[k], from, n);
        ok = x != NULL;
        if (ok) in[k] = &(made[nmade++] = x)->hdr;
    }
    for (uint32_t k = 0; k < v->narg && ok; k++) {
        arg[k] = v->arg[k];
        const nd *x = arg[k].kind == LIT_DATUM ? as_nd(arg[k].d) : NULL;
        if (x && x->ndim) arg[k] = lit_datum(made[nmade++] = part_of(x, from, n));
    }
    if (ok) {
        call c = step_call(f, s);
        c.in = in;
        c.arg = arg;
        c.into = into;
        out = (nd *)fn_call(v->f, &c, e);
    }
    while (nmade) datum_unref(made[--nmade]);
    if (!out || out->ndim || f->ndim == 0) return out;
    nd *wide = nd_broadcast(out, 1, &n, e); /* all its inputs were numbers */
    datum_unref(out);
    return wide;
}

/* Rows are read some at a time: ranges come in order, so each row is read about once. */
static nd *windowed(flat_run *f, int s, int64_t from, int64_t n, err *e)
{
    flat_step *st = &f->step[s];
    int64_t row = 1, start[GRID_MAXDIM], count[GRID_MAXDIM];
    for (int k = 1; k < f->ndim; k++) row *= f->shape[k];
    int64_t first = from / row, last = (from + n + row - 1) / row;
    if (!st->whole || first < st->row0 || last > st->row0 + st->rows) {
        const lit *region = &f->view[s].arg[f->view[s].narg - 1];
        int64_t rows = WINDOW_ELEMENTS / row > last - first ? WINDOW_ELEMENTS / row : last - first;
        if (rows > f->shape[0] - first) rows = f->shape[0] - first;
        for (int k = 0; k < f->ndim; k++) {
            start[k] = region->item[k].slice.start;
            count[k] = f->shape[k];
        }
        start[0] += first;
        count[0] = rows;
        const source *src = layer_source(f->g->by[s]);
        for (uint32_t i = 0; i < f->r->p->snap.n; i++)
            if (f->r->p->snap.at[i].of == src) src = f->r->p->snap.at[i].now;
        datum_unref(st->whole);
        if (!(st->whole = src->kind->read(src, start, count, e))) return NULL;
        st->row0 = first;
        st->rows = rows;
    }
    int64_t step = st->whole->size;
    return nd_view(st->whole->b, st->whole->at + (from - st->row0 * row) * step, nd_type(st->whole),
                   1, &n, &step);
}

/* elements [from, from + n) of step s; shared by its readers while the range lasts */
static nd *piece(flat_run *f, int s, int64_t from, int64_t n, nd *into, err *e)
{
    flat_step *st = &f->step[s];
    if (st->piece) return nd_ref(st->piece);
    nd *x = st->role == WHOLE       ? part_of(st->whole, from, n)
            : st->role == WINDOW    ? windowed(f, s, from, n, e)
            : st->role == GENERATED ? generated(f, s, from, n, e)
                                    : computed(f, s, from, n, into, e);
    if (x && s != f->first) st->piece = nd_ref(x);
    return x;
}

static void range_done(flat_run *f)
{
    for (uint32_t s = 0; s < f->g->nstep; s++) f->step[s].piece = datum_unref(f->step[s].piece);
}

static nd *next_piece(void *ctx, int64_t from, int64_t n, err *e)
{
    flat_run *f = ctx;
    nd *x = piece(f, f->first, from, n, NULL, e);
    range_done(f);
    if (!x || x->ndim == 1) return x;
    nd *wide = nd_broadcast(x, 1, &n, e);
    datum_unref(x);
    return wide;
}

/* generators at their first element, whole blocks read */
static bool rewind_steps(void *ctx, err *e)
{
    flat_run *f = ctx;
    for (uint32_t s = (uint32_t)f->first; s < f->g->nstep; s++) {
        flat_step *st = &f->step[s];
        const task_view *v = &f->view[s];
        call c = step_call(f, (int)s);
        if (st->role == WHOLE && !st->whole) {
            TRY(st->whole = as_nd(fn_call(v->f, &c, e)));
            if (!flat_nd(f, st->whole)) return false; /* a region with gaps: step by step */
        }
        const tile_kind *k = v->f->kind->tile;
        if (st->role != GENERATED || !k->begin) continue;
        if (!st->state) st->state = mem_zero(k->state);
        TRY(k->begin(&(tile_call){.f = v->f, .c = &c, .state = st->state}, e));
    }
    return true;
}

static void flat_clear(flat_run *f)
{
    range_done(f);
    for (uint32_t s = 0; s < f->g->nstep; s++) {
        datum_unref(f->step[s].whole);
        mem_free(f->step[s].state);
    }
}

/* --- the two kinds of last step --- */

static nd *write_all(flat_run *f, err *e)
{
    dtype_of t = f->g->step[0]->type;
    int64_t step = t.size;
    nd *out = NULL;
    for (int64_t from = 0; from < f->count; from += TILE) {
        int64_t n = f->count - from < TILE ? f->count - from : TILE;
        nd *into = out ? nd_view(out->b, out->at + from * step, t, 1, &n, &step) : NULL;
        nd *x = piece(f, 0, from, n, into, e);
        range_done(f);
        if (x && !out) { /* the first piece tells the type that chunks really have */
            t = nd_type(x);
            step = t.size;
            out = nd_new(t, f->ndim, f->shape, e);
        }
        nd *to = out ? nd_view(out->b, out->at + from * step, t, 1, &n, &step) : NULL;
        bool ok = x && to && (x == into || nd_assign(to, x, 'u', NULL, e));
        datum_unref(to);
        datum_unref(into);
        datum_unref(x);
        if (!ok) return datum_unref(out);
    }
    return out;
}

static bool flat_task(flat_run *f, datum **out, err *e)
{
    const fn *last = f->view[0].f;
    *out = NULL;
    if (!last) return false;
    if (last->flags & FN_ELEMENTWISE) {
        if (!fits(f, 0) || f->count <= TILE) return false;
        if (!rewind_steps(f, e)) return false;
        *out = (datum *)write_all(f, e);
        return true;
    }
    if (f->view[0].nin != 1 || !layer_same(f->view[0].in[0].of, f->g->step[1]) || !fits(f, 1))
        return false;
    dtype_of t = f->g->step[1]->type;
    if (f->count <= TILE || !red_streams(last, f->ndim, f->shape, t)) return false;
    if (f->step[1].role == WHOLE || !rewind_steps(f, e)) return false;
    stream s = {.ndim = f->ndim,
                .count = f->count,
                .type = t,
                .ctx = f,
                .next = next_piece,
                .again = rewind_steps};
    memcpy(s.shape, f->shape, sizeof s.shape);
    *out = red_stream(last, &s, e);
    return true;
}

bool tiles_run(const task_run *r, const program *g, const task_view *view, const uint64_t *index,
               datum **out, err *e)
{
    flat_run *f = arena_alloc(r->scratch, sizeof *f);
    f->r = r;
    f->g = g;
    f->view = view;
    f->index = index;
    bool done = flat_task(f, out, e);
    flat_clear(f);
    return done || e->kind;
}
