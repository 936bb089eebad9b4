/* engine/plan/cost.c - memory and time of tasks, from sizes and the operations' own words. */
#include "engine/plan/cost.h"

#include <math.h>
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/fold.h"
#include "engine/expr/reduceops.h"
#include "engine/expr/tile.h"

/* One core's figures: a simple loop over elements in cache, a byte of a block, of one that no cache
 * holds, a byte of a file, plain or to be unpacked, what surrounds a task. */
static const double LOOP_NS = 0.08, BYTE_NS = 0.025, FAR_NS = 0.06, FILE_NS = 0.3, PACKED_NS = 1,
                    TASK_NS = 600, FOREIGN_NS = 5000;

enum {
    PIECE = TILE_MOST * 8,
    WINDOW = 1 << 20,
    CACHE = 24 << 20,
    KEPT = 16 /* costs of a program's tasks */
};

typedef struct entry {
    struct entry *next;
    const fn *f; /* of a program whose tasks may call different ones */
    bool helper;
    uint32_t nin;
    uint64_t block, first; /* bytes of the result, and of the block of that number that it reads */
    task_cost cost;
} entry;

struct costs {
    const plan *p;
    arena scratch, mem;
    stepset steps;
    entry *at[]; /* of each program */
};

costs *costs_new(const plan *p)
{
    costs *c = mem_zero(sizeof *c + p->nprog * sizeof c->at[0]);
    c->p = p;
    return c;
}

void costs_free(costs *c)
{
    if (!c) return;
    arena_clear(&c->scratch);
    arena_clear(&c->mem);
    mem_free(c);
}

/* --- one step --- */

static bool picks(const lit *x) /* an index with an array or list: the result is a copy */
{
    if (x->kind == LIT_DATUM || x->kind == LIT_LIST || x->kind == LIT_IN) return true;
    for (uint32_t i = 0; x->kind == LIT_TUPLE && i < x->n; i++)
        if (picks(&x->item[i])) return true;
    return false;
}

static bool is_computed(const lit *x) /* an index that comes from another task */
{
    if (x->kind == LIT_IN) return true;
    for (uint32_t i = 0; x->kind == LIT_TUPLE && i < x->n; i++)
        if (is_computed(&x->item[i])) return true;
    return false;
}

/* Takes elements of a block by an index that is known when it runs. */
static bool selects(const task_view *v)
{
    if (!v->f || v->f->kind->cost.exact ||
        !(v->f->kind->cost.view ? v->narg == 2 : v->f->kind->cost.picks))
        return false;
    for (uint32_t k = 1; k < v->narg; k++)
        if (is_computed(&v->arg[k])) return true;
    return false;
}

static const source *resident(const layer *l)
{
    const source *s = l->flags & LAYER_LEAF ? layer_source(l) : NULL;
    return s && !s->kind->read_into ? s : NULL;
}

static uint64_t elements(const layer *l, uint64_t i)
{
    return l->type.size ? block_bytes(l, i) / l->type.size : 0;
}

/* Rows of the block that is read, all of their length. */
static bool is_rows(const layer *l, uint64_t i, const task_view *v)
{
    const grid *to = l->grid, *from = v->nin ? v->in[0].of->grid : NULL;
    int64_t where[GRID_MAXDIM], shape[GRID_MAXDIM], whole[GRID_MAXDIM];
    if (!to || !from || to->ndim != from->ndim || i >= to->nblock || v->in[0].i >= from->nblock)
        return false;
    grid_block(to, i, where);
    grid_block_shape(to, where, shape);
    grid_block(from, v->in[0].i, where);
    grid_block_shape(from, where, whole);
    for (int k = 1; k < to->ndim; k++)
        if (shape[k] != whole[k]) return false;
    return true;
}

/* A small part of a block that is read for it alone is copied, so that the block can go. */
static bool is_copied_part(const layer *l, uint64_t i, const task_view *v)
{
    if (!fn_is_part(v->f)) return false;
    const int64_t n = (int64_t)elements(l, i);
    const int64_t all = v->nin ? (int64_t)elements(v->in[0].of, v->in[0].i) : 0;
    if (fn_is_piece(v->f) && n > all / PIECE_LITTLE && is_rows(l, i, v)) return false;
    if (v->narg > 2) return v->arg[2].i >= 2 * n; /* -1: never */
    return v->nin && all >= 2 * n;
}

static bool gives_view(const layer *l, uint64_t i, const task_view *v)
{
    if (!v->f) return true;
    if (resident(l)) return true;
    if (v->f->kind->cost.nothing) return true;
    if (!v->f->kind->cost.view && !(v->f->flags & FN_VIEW)) return false;
    for (uint32_t k = 1; k < v->narg; k++)
        if (picks(&v->arg[k])) return false;
    return !is_copied_part(l, i, v);
}

/* of all inputs together */
static uint64_t given_to(const task_view *v)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < v->nin; k++) n += block_bytes(v->in[k].of, v->in[k].i);
    return n;
}

/* of the blocks in a list, and how many they are */
static uint64_t listed(const task_view *v, const lit *x, uint32_t *n)
{
    uint64_t bytes = 0;
    if (x->kind == LIT_IN) {
        ++*n;
        bytes = block_bytes(v->in[x->i].of, v->in[x->i].i);
    }
    for (uint32_t i = 0; lit_has_items(x) && i < x->n; i++) bytes += listed(v, &x->item[i], n);
    return bytes;
}

/* Inputs that are joined, as one block, and what is made of it: those of a list, if there is one.
 */
static uint64_t joined_bytes(const task_view *v)
{
    uint64_t times = v->f->kind->cost.joined, bytes = 0;
    bool lists = false;
    if (v->nin < 2 && !times) return 0;
    for (uint32_t i = 0; i < v->narg; i++) {
        uint32_t n = 0;
        uint64_t all = v->arg[i].kind == LIT_LIST ? listed(v, &v->arg[i], &n) : 0;
        lists |= v->arg[i].kind == LIT_LIST;
        if (n > 1 || times) bytes += all;
    }
    return (lists ? bytes : given_to(v)) * (times ? times : 1);
}

/* the largest input's bytes, and the elements of all */
static uint64_t inputs_of(const task_view *v, uint64_t *total)
{
    uint64_t largest = 0;
    *total = 0;
    for (uint32_t k = 0; k < v->nin; k++) {
        uint64_t n = block_bytes(v->in[k].of, v->in[k].i);
        if (n > largest) largest = n;
        *total += elements(v->in[k].of, v->in[k].i);
    }
    return largest;
}

/* What a step reads of its source, and needs meanwhile. */
static uint64_t source_bytes(const layer *l, uint64_t i, const task_view *v, uint64_t *extra)
{
    uint64_t read = block_bytes(l, i);
    const source *s = l->flags & LAYER_LEAF && v->narg ? layer_source(l) : NULL;
    const lit *region = s ? &v->arg[v->narg - 1] : NULL;
    *extra = 0;
    if (!s) return 0;
    if (region->kind == LIT_TUPLE && !region_is_box(region))
        source_pick_cost(s, region, l->type, &read, extra);
    return read;
}

/* A product runs at its full speed when none of its three extents is short. */
static double product_seconds(const layer *l, uint64_t i, const task_view *v)
{
    const double SHORT = 32;
    double a = (double)elements(v->in[0].of, v->in[0].i),
           b = (double)elements(v->in[1].of, v->in[1].i), out = (double)elements(l, i),
           multiplied = sqrt(a * b * out), most = a > b ? a : b;
    if (out > most) most = out;
    double least = most ? multiplied / most : 1;
    return (2 * multiplied * FLOP_NS * (1 + SHORT / (least > 1 ? least : 1)) +
            (a + b + out) * 8 * BYTE_NS) *
           1e-9;
}

/* x ** 2 and the like, which are something simpler */
static bool is_short_power(const task_view *v)
{
    dtype_of t;
    int out;
    const nd *by = v->narg == 2 && v->arg[1].kind == LIT_DATUM ? as_nd(v->arg[1].d) : NULL;
    const ufunc *f = by && v->nin == 1 ? fn_as_ufunc(v->f, &t, &out) : NULL;
    if (!f || f->id != U_power) return false;
    operand exponent = operand_of(by);
    return ufunc_of_pow(v->in[0].of->type, &exponent) != NULL;
}

static double step_seconds(const layer *l, uint64_t i, const task_view *v, bool in_cache)
{
    uint64_t total, out = elements(l, i), bytes = block_bytes(l, i);
    if (!v->f) return 0;
    inputs_of(v, &total);
    if (gives_view(l, i, v) && !resident(l)) return 0;
    const fn_cost *c = &v->f->kind->cost;
    uint64_t box, read = source_bytes(l, i, v, &box);
    if (read) {
        double ns = layer_source(l)->whole ? PACKED_NS : FILE_NS;
        return resident(l) ? 0 : (double)(read + box / 4) * ns * 1e-9;
    }
    if (c->product && v->nin >= 2) return product_seconds(l, i, v);
    uint64_t given = c->joins && !c->folds ? total : total / (v->nin ? v->nin : 1);
    double n = (double)(given > out ? given : out);
    uint64_t moved = given_to(v);
    if (c->view) { /* picks elements: what it leaves is not touched */
        n = (double)out;
        moved = bytes;
    }
    double ns = v->f->ns > 0 ? (double)v->f->ns : c->ns > 0 ? (double)c->ns : LOOP_NS;
    if (v->f->flags & FN_FOREIGN) n = n > 1 ? n : 1;
    if (is_short_power(v)) ns = LOOP_NS;
    double byte_ns = in_cache ? 0 : bytes + moved > CACHE ? FAR_NS : BYTE_NS;
    return (n * ns + (double)(bytes + moved) * byte_ns) * 1e-9;
}

/* --- a task --- */

/* What tile_code.c makes loops of. */
static bool compiles(const fn *f)
{
    dtype_of t;
    int out;
    return f->flags & FN_ELEMENTWISE &&
           (fn_as_ufunc(f, &t, &out) || fn_is_cast(f, &t) || fn_as_choice(f, &out));
}

static bool shows(const task_view *v) /* a view of the one block that it is given */
{
    return v->f && v->f->flags & FN_VIEW && v->nin == 1 && !(v->f->flags & FN_FOREIGN);
}

/* Is step s read by views only?  It is made whole then, whatever its shape. */
static bool is_shown(const program *g, const stepset *x, uint32_t s)
{
    bool shown = false;
    for (uint32_t q = 0; q < s; q++)
        for (uint32_t k = 0; x->known[q] && k < x->view[q].nin; k++) {
            if (program_step(g, x->view[q].in[k].of) != (int)s) continue;
            if (!shows(&x->view[q])) return false;
            shown = true;
        }
    return shown;
}

/* Does step s take part in pieces of so many elements?  As tile_code.c has it. */
static bool joins_in(const program *g, const stepset *x, uint32_t s, uint64_t block)
{
    const fn *f = x->view[s].f;
    if (!x->known[s] || !f) return false;
    bool from = layer_source(g->by[s]), shown = is_shown(g, x, s);
    if (shows(&x->view[s])) {
        for (uint32_t k = 1; k < x->view[s].narg; k++)
            if (picks(&x->view[s].arg[k])) return false;
        if (is_copied_part(g->by[s], x->index[s], &x->view[s])) return false;
    } else if (shown) {
        return from;
    } else if (!from && !(f->kind->tile && !x->view[s].nin) && !compiles(f)) {
        return false;
    }
    return shown || elements(g->by[s], x->index[s]) == block;
}

/* Will it run piece by piece?  The same question as in tiles.c, without the blocks. */
static bool tiled(const program *g, const stepset *x, uint32_t *first)
{
    const fn *last = x->view[0].f;
    if (!g->tiles || g->nstep < 2 || !last) return false;
    *first = last->flags & FN_ELEMENTWISE ? 0 : 1;
    uint64_t block = elements(g->by[*first], x->index[*first]);
    if (*first && x->view[0].nin != 1) return false;
    for (uint32_t s = *first; s < g->nstep; s++)
        if (!joins_in(g, x, s, block)) return false;
    if (*first) {
        const grid *gr = g->by[1]->grid;
        int64_t where[GRID_MAXDIM], shape[GRID_MAXDIM];
        grid_block(gr, x->index[1], where);
        grid_block_shape(gr, where, shape);
        dtype_of as[RED_MOST];
        if (!red_streams(last, gr->ndim, shape, g->by[1]->type, as)) return false;
    }
    return block >= TILE_LEAST;
}

static uint64_t tiled_extra(const program *g, const stepset *x, uint32_t first)
{
    uint64_t n = 0;
    for (uint32_t s = first; s < g->nstep; s++) {
        const source *from = layer_source(g->by[s]);
        bool rows = from && from->kind->divisible && from->kind->read_into && !from->whole &&
                    !is_shown(g, x, s);
        if (!from)
            n += PIECE;
        else if (!resident(g->by[s])) {
            uint64_t box;
            source_bytes(g->by[s], x->index[s], &x->view[s], &box);
            n += box + (rows && !box ? WINDOW : block_bytes(g->by[s], x->index[s]));
        }
    }
    return n;
}

static uint64_t result_blocks(const fn *f)
{
    return (f->kind->cost.items ? f->kind->cost.items : 1u) + f->items;
}

/* The step whose block the result is, seen as it may be; -1: it is an input of the task. */
static int result_step(const program *g, const stepset *x)
{
    int s = 0;
    while (s >= 0 && x->known[s] && gives_view(g->by[s], x->index[s], &x->view[s])) {
        if (!x->view[s].nin) return -1;
        int from = program_step(g, x->view[s].in[0].of);
        s = from > 0 ? from : -1;
    }
    return s;
}

static bool folds(const task_view *v)
{
    return v->f && v->f->kind->cost.folds && fn_folds(v->f, v);
}

/* All that the task is given is folded. */
static bool inputs_fold(const program *g, const stepset *x)
{
    bool any = false;
    for (uint32_t s = 0; s < g->nstep; s++)
        for (uint32_t k = 0; x->known[s] && k < x->view[s].nin; k++) {
            if (program_step(g, x->view[s].in[k].of) >= 0) continue;
            if (!folds(&x->view[s])) return false;
            any = true;
            break;
        }
    return any;
}

/* Is the first block that v reads larger than all that it is made of, as moving windows are?  They
 * do not lie in the order in which a reduction wants them. */
static bool reads_windows(const task_view *v, arena *a)
{
    task_view w = {0};
    err e = {0};
    if (!v->nin || !layer_task(v->in[0].of, v->in[0].i, a, &w, &e)) {
        err_clear(&e);
        return false;
    }
    uint64_t n = w.nin ? given_to(&w) : 0;
    return n && block_bytes(v->in[0].of, v->in[0].i) > n;
}

/* Step by step: a block lives until its last reader is done.  That of `result` is not counted.
 * *copied: what of it are copies of inputs. */
static uint64_t stepped_extra(costs *c, const program *g, const stepset *x, int result,
                              uint64_t *copied)
{
    uint64_t size[MAX_STEP] = {0}, live = 0, peak = 0;
    int last[MAX_STEP];
    for (uint32_t q = 0; q < g->nstep; q++) last[q] = 0;
    for (uint32_t s = g->nstep; s-- > 0;)
        for (uint32_t k = 0; x->known[s] && k < x->view[s].nin; k++) {
            int q = program_step(g, x->view[s].in[k].of);
            if (q > 0) last[q] = (int)s;
        }
    for (uint32_t s = g->nstep; s-- > 0;) {
        uint64_t total, largest, box;
        if (!x->known[s]) continue;
        largest = inputs_of(&x->view[s], &total);
        if (!largest) largest = block_bytes(g->by[s], x->index[s]); /* inputs of unknown size */
        const fn *f = x->view[s].f;
        uint64_t given =
            f && f->kind->cost.joins && x->view[s].nin > 1 ? given_to(&x->view[s]) : largest;
        uint64_t copies = f ? (uint64_t)(f->kind->cost.copies + f->copies) * given : 0;
        if (f && g->tiles && g->nstep == 1 && red_prefers_stream(f) &&
            !reads_windows(&x->view[s], &c->scratch))
            copies = 0;
        if ((int)s != result && !gives_view(g->by[s], x->index[s], &x->view[s]))
            size[s] = block_bytes(g->by[s], x->index[s]);
        if (f && f->kind->cost.joins)
            copies += folds(&x->view[s])
                          ? largest * (f->kind->cost.joined ? f->kind->cost.joined : 1u)
                          : joined_bytes(&x->view[s]);
        source_bytes(g->by[s], x->index[s], &x->view[s], &box);
        live += size[s];
        if (live + copies + box > peak) {
            peak = live + copies + box;
            *copied = copies;
        }
        for (uint32_t q = s + 1; q < g->nstep; q++)
            if (last[q] == (int)s && x->known[q] && !x->view[s].f->kind->cost.view)
                live -= size[q], size[q] = 0;
    }
    return peak;
}

/* Blocks of about the size of all that the task is given, which it makes of inputs whose size no
 * grid tells; 0: the grids tell. */
static uint8_t blocks_like_inputs(const program *g, const stepset *x)
{
    bool open = false;
    uint32_t n = 0;
    for (uint32_t s = 0; s < g->nstep; s++) {
        for (uint32_t k = 0; x->known[s] && k < x->view[s].nin && !open; k++) {
            const layer *of = x->view[s].in[k].of;
            open = of->grid && x->view[s].in[k].i < of->grid->nblock && !grid_known(of->grid);
        }
        const fn *f = x->known[s] ? x->view[s].f : NULL;
        if (f && !gives_view(g->by[s], x->index[s], &x->view[s]))
            n += 1u + f->kind->cost.copies + f->copies;
    }
    return !open ? 0 : n < 4 ? (uint8_t)n : 4;
}

/* What the result's bytes come from, when it has no more of them: what the last step is given. */
static uint64_t picked_bytes(const task_view *v)
{
    if (!v->f || !v->f->kind->cost.picks) return 0;
    for (uint32_t k = 0; k < v->nin; k++)
        if (!v->in[k].of->grid || !grid_known(v->in[k].of->grid)) return 0;
    return given_to(v);
}

/* leaves: what tasks of the program were seen to leave; below 0: none was seen, half perhaps */
static uint64_t likely_bytes(const task_cost *k, const program *g, const fn *top, float leaves)
{
    if (top && top->share) return k->out / top->share;
    if (g->foreign || !(k->unknown || k->selects)) return k->out;
    return leaves < 0 ? k->out / 2 : (uint64_t)((double)k->out * (double)leaves);
}

static task_cost find_cost(costs *c, uint32_t prog, uint64_t index)
{
    const program *g = c->p->prog[prog];
    task_cost k = {.block = block_bytes(g->by[0], index)};
    stepset *x = &c->steps;
    err e = {0};
    arena_reset(&c->scratch);
    memset(x->known, 0, g->nstep * sizeof *x->known);
    if (!program_look(g, index, x, &c->scratch, &e)) {
        err_clear(&e);
        return k;
    }
    uint32_t first = 0;
    bool pieces = tiled(g, x, &first), view = gives_view(g->by[0], index, &x->view[0]);
    bool nothing = x->view[0].f && x->view[0].f->kind->cost.nothing;
    int result = result_step(g, x);
    k.out = result < 0 ? 0 : block_bytes(g->by[result], x->index[result]);
    if (result >= 0 && x->view[result].f) k.out *= result_blocks(x->view[result].f);
    if (nothing) k.out = k.block = 0;
    k.extra =
        pieces ? tiled_extra(g, x, first) : stepped_extra(c, g, x, nothing ? 0 : result, &k.copied);
    const grid *gr = g->by[0]->grid;
    bool is_block = gr && index < gr->nblock;
    const grid *shown =
        view && result > 0 ? g->by[result]->grid : NULL; /* a step of its own makes it */
    k.unknown = view ? shown && !grid_known(shown)
                     : (is_block ? !grid_known(gr) : !k.block) &&
                           !(x->view[0].f && x->view[0].f->kind->cost.nothing);
    k.most = k.extra;
    k.times = blocks_like_inputs(g, x);
    if (k.unknown && !k.times) k.times = 1;
    if (k.times && g->foreign && k.times < 3) k.times++; /* what surrounds the call that gives it */
    for (uint32_t s = 0; s < g->nstep; s++) {
        uint64_t total;
        const fn *f = x->known[s] ? x->view[s].f : NULL;
        if (!f) continue;
        uint64_t in = inputs_of(&x->view[s], &total), own = block_bytes(g->by[s], x->index[s]);
        if (gives_view(g->by[s], x->index[s], &x->view[s])) own = 0; /* who reads it counts it */
        if (!(f->flags & FN_FOREIGN) && reads_windows(&x->view[s], &c->scratch)) in = 0;
        k.most += (uint64_t)(f->kind->cost.maybe + f->maybe) * in;
        if (in > k.largest) k.largest = in;
        if (own > k.largest) k.largest = own;
    }
    /* what is taken of its blocks: no more, most likely */
    const fn *top = x->view[0].f, *maker = result > 0 ? x->view[result].f : top;
    if (k.unknown) k.out = k.largest * (maker ? result_blocks(maker) : 1);
    k.streams = (g->nstep == 1 && top && top->kind->cost.streams) || inputs_fold(g, x);
    k.selects = selects(&x->view[0]);
    k.picked = picked_bytes(&x->view[0]);
    if (k.picked && k.picked < k.out) k.out = k.picked;
    k.likely = likely_bytes(&k, g, top, c->p->leaves ? c->p->leaves[prog] : -1);
    dtype_of want;
    int which;
    k.reuses = g->nstep == 1 && x->view[0].f && x->view[0].f->flags & FN_ELEMENTWISE &&
               fn_as_ufunc(x->view[0].f, &want, &which);
    k.parts = k.streams && top && top->kind->cost.parts;
    k.merges = g->nstep == 1 && top && top->kind->cost.merges;
    k.seconds = (g->foreign ? FOREIGN_NS : TASK_NS) * 1e-9;
    uint64_t turns = 1; /* how often the steps of a level run */
    for (uint32_t s = 0, level = 1; s < g->nstep; s++) {
        if (!x->known[s]) continue;
        if (level < g->nlevel && s == g->level[level]) {
            turns *= x->view[g->level[level++ - 1]].nin;
            k.seconds += (double)turns * TASK_NS * 1e-9;
        }
        k.seconds += (double)turns * step_seconds(g->by[s], x->index[s], &x->view[s], pieces);
        uint64_t box;
        k.read += turns * source_bytes(g->by[s], x->index[s], &x->view[s], &box);
    }
    return k;
}

/* Tasks of one layer may call different functions: a sort's do all it takes, and a piece that is
 * one whole block is not pasted. */
static const fn *called(costs *c, const program *g, uint64_t index)
{
    task_view v = {0};
    err e = {0};
    if (g->nstep > 1 || as_bw(g->by[0]) || g->by[0]->kind->one_fn) return NULL;
    arena_reset(&c->scratch);
    if (layer_task(g->by[0], index, &c->scratch, &v, &e)) return v.f;
    err_clear(&e);
    return NULL;
}

static uint64_t first_bytes(const layer *l, uint64_t i)
{
    const layer *d = l->ndep ? l->dep[0] : NULL;
    return d && d->grid && l->grid && d->grid->nblock == l->grid->nblock ? block_bytes(d, i) : 0;
}

task_cost costs_of(costs *c, tid t)
{
    const task *k = &c->p->task[t];
    const program *g = c->p->prog[k->prog];
    const layer *l = g->by[0];
    bool helper = !l->grid || k->index >= l->grid->nblock;
    const fn *f = called(c, g, k->index);
    uint64_t block = block_bytes(l, k->index), first = first_bytes(l, k->index);
    entry *x = c->at[k->prog], *spare = NULL;
    for (int n = 0; x; x = x->next, n++) {
        if (x->f == f && x->helper == helper && x->nin == k->nin && x->block == block &&
            x->first == first)
            return x->cost;
        if (n >= KEPT) spare = x;
    }
    if (!spare) {
        spare = ARENA_NEW(&c->mem, entry);
        spare->next = c->at[k->prog];
        c->at[k->prog] = spare;
    }
    *spare = (entry){spare->next, f, helper, k->nin, block, first, find_cost(c, k->prog, k->index)};
    return spare->cost;
}

uint64_t layer_block_max(const layer *l)
{
    arena a = {0};
    task_view v;
    uint64_t n = l->type.size;
    if (!l->grid || !l->grid->nblock) return 0;
    for (int k = 0; k < l->grid->ndim; k++) {
        int64_t size = cuts_held_most(l->grid->ax[k]);
        if (size >= 0 && __builtin_mul_overflow(n, (uint64_t)size, &n)) n = UINT64_MAX / 4;
    }
    if (n < WINDOW) return n;
    if (!layer_task(l, 0, &a, &v, NULL) || gives_view(l, 0, &v)) n = 0;
    arena_clear(&a);
    return n;
}
