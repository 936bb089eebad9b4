/* engine/plan/cost.c - memory and time of tasks, from sizes and the operations' own words. */
#include "engine/plan/cost.h"

#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/fold.h"
#include "engine/expr/reduceops.h"
#include "engine/expr/tile.h"
#include "engine/plan/cost_step.h"

/* what surrounds a task */
static const double TASK_NS = 600, FOREIGN_NS = 5000;

enum {
    PIECE = TILE_MOST * 8,
    WINDOW = 1 << 20,
    KEPT = 16 /* costs of a program's tasks */
};

typedef struct entry {
    struct entry *next;
    const fn *f; /* of a program whose tasks may call different ones */
    bool helper;
    uint32_t nin;
    uint64_t known;        /* steps, one bit each, where tasks of a program differ in them */
    uint64_t block, first; /* bytes of the result, and of the block of that number that it reads */
    task_cost cost;
} entry;

struct costs {
    const plan *p;
    arena scratch, mem;
    stepset steps;
    bool *given; /* does each input of the task lie turned? */
    uint32_t capgiven;
    struct of_program {
        entry *at;
        bool turned; /* do its blocks lie otherwise than in C order? */
        bool mixed;  /* tasks have different steps: some read one of several arrays */
    } of[];
};

costs *costs_new(const plan *p)
{
    costs *c = mem_zero(sizeof *c + p->nprog * sizeof c->of[0]);
    c->p = p;
    return c;
}

void costs_free(costs *c)
{
    if (!c) return;
    arena_clear(&c->scratch);
    arena_clear(&c->mem);
    mem_free(c->given);
    mem_free(c);
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
static bool joins_in(const program *g, const stepset *x, uint32_t s, uint64_t block, bool turned)
{
    const fn *f = x->view[s].f;
    if (!x->known[s] || !f) return false;
    bool from = layer_source(g->by[s]), shown = is_shown(g, x, s);
    if (shows(&x->view[s])) {
        for (uint32_t k = 1; k < x->view[s].narg; k++)
            if (index_picks(&x->view[s].arg[k])) return false;
        if (step_is_copied_part(g->by[s], x->index[s], &x->view[s])) return false;
    } else if (shown) {
        return from;
    } else if (!from && !(f->kind->tile && !x->view[s].nin) && (!compiles(f) || turned)) {
        return false;
    }
    return shown || block_elements(g->by[s], x->index[s]) == block;
}

/* Will it run piece by piece?  The same question as in tiles.c, without the blocks. */
static bool tiled(const program *g, const stepset *x, const bool *turned, uint32_t *first)
{
    const fn *last = x->view[0].f;
    if (!g->tiles || g->nstep < 2 || !last) return false;
    *first = last->flags & FN_ELEMENTWISE ? 0 : 1;
    uint64_t block = block_elements(g->by[*first], x->index[*first]);
    if (*first && (x->view[0].nin != 1 || turned[1])) return false;
    for (uint32_t s = *first; s < g->nstep; s++)
        if (!joins_in(g, x, s, block, turned[s])) return false;
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
        else if (!step_resident(g->by[s])) {
            uint64_t box;
            step_reads(g->by[s], x->index[s], &x->view[s], &box);
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
    while (s >= 0 && x->known[s] && step_is_view(g->by[s], x->index[s], &x->view[s])) {
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
    uint64_t n = w.nin ? step_given(&w) : 0;
    return n && block_bytes(v->in[0].of, v->in[0].i) > n;
}

/* Does a single reduction take its block, which lies in C order unless `turned`, piece by piece? */
static bool takes_pieces(const program *g, const stepset *x, bool turned)
{
    const fn *f = x->view[0].f;
    return f && g->tiles && g->nstep == 1 && red_prefers_stream(f) && !turned;
}

/* The step after which the block of each is not needed any more, by views of it neither. */
static void last_readers(const program *g, const stepset *x, uint32_t *last)
{
    for (uint32_t q = 0; q < g->nstep; q++) last[q] = q;
    for (uint32_t s = 0; s < g->nstep; s++) {
        if (!x->known[s]) continue;
        const bool view = step_is_view(g->by[s], x->index[s], &x->view[s]);
        for (uint32_t k = 0; k < x->view[s].nin; k++) {
            int q = program_step(g, x->view[s].in[k].of);
            const uint32_t until = view ? last[s] : s;
            if (q > 0 && until < last[q]) last[q] = until;
        }
    }
}

/* Step by step: a block lives until its last reader is done.  What is needed beside that of step
 * `result`, which is there from that step on and has `out` bytes.
 * turned: so lies what a single step is given.  *copied: what of it are copies of inputs. */
static uint64_t stepped_extra(costs *c, const program *g, const stepset *x, int result,
                              uint64_t out, bool turned, uint64_t *copied)
{
    uint64_t size[MAX_STEP] = {0}, live = 0, peak = 0;
    uint32_t last[MAX_STEP];
    last_readers(g, x, last);
    for (uint32_t s = g->nstep; s-- > 0;) {
        uint64_t total, largest, box;
        if (!x->known[s]) continue;
        largest = step_largest(&x->view[s], &total);
        if (!largest) largest = block_bytes(g->by[s], x->index[s]); /* inputs of unknown size */
        const fn *f = x->view[s].f;
        uint64_t given =
            f && f->kind->cost.joins && x->view[s].nin > 1 ? step_given(&x->view[s]) : largest;
        uint64_t copies = f ? (uint64_t)(f->kind->cost.copies + f->copies) * given : 0;
        if (takes_pieces(g, x, turned) && !reads_windows(&x->view[s], &c->scratch)) copies = 0;
        if ((int)s != result && !step_is_view(g->by[s], x->index[s], &x->view[s]))
            size[s] = block_bytes(g->by[s], x->index[s]);
        if (f && f->kind->cost.joins)
            copies += folds(&x->view[s])
                          ? largest * f->kind->cost.joined /* the result is added up in its place */
                          : step_joined(&x->view[s]);
        step_reads(g->by[s], x->index[s], &x->view[s], &box);
        live += size[s];
        uint64_t now = live + copies + box + ((int)s <= result ? out : 0);
        if (now > peak) {
            peak = now;
            *copied = copies;
        }
        for (uint32_t q = s + 1; q < g->nstep; q++)
            if (last[q] == s && x->known[q] && !x->view[s].f->kind->cost.view)
                live -= size[q], size[q] = 0;
    }
    return peak > out ? peak - out : 0;
}

static bool reads_open(const task_view *v) /* blocks whose size no grid tells */
{
    for (uint32_t k = 0; k < v->nin; k++) {
        const layer *of = v->in[k].of;
        if (of->grid && v->in[k].i < of->grid->nblock && !grid_known(of->grid)) return true;
    }
    return false;
}

/* Of blocks of about the size of all that the task is given, where no grid tells that: how many it
 * makes, copies among them, and how long it takes for a byte. */
static void like_inputs(const program *g, const stepset *x, bool turned, task_cost *k)
{
    const bool streams = takes_pieces(g, x, turned);
    bool open = false;
    uint32_t n = 0, copies = 0;
    double seconds = 0;
    for (uint32_t s = 0; s < g->nstep; s++) {
        const fn *f = x->known[s] ? x->view[s].f : NULL;
        if (!f) continue;
        const bool is = reads_open(&x->view[s]);
        open |= is;
        if (step_is_view(g->by[s], x->index[s], &x->view[s])) continue;
        n += 1u + f->kind->cost.copies + f->copies;
        if (!is || (s == 0 && streams)) continue;
        copies += f->kind->cost.copies + f->copies;
        seconds += step_byte_seconds(&x->view[s]);
    }
    if (!open) return;
    k->times = n < 4 ? (uint8_t)n : 4;
    k->copies = copies < 4 ? (uint8_t)copies : 4;
    k->byte_seconds = seconds;
}

/* What the result's bytes come from, when it has no more of them: what the last step is given. */
static uint64_t picked_bytes(const task_view *v)
{
    if (!v->f || !v->f->kind->cost.picks) return 0;
    for (uint32_t k = 0; k < v->nin; k++)
        if (!v->in[k].of->grid || !grid_known(v->in[k].of->grid)) return 0;
    return step_given(v);
}

/* leaves: what tasks of the program were seen to leave; below 0: none was seen, half perhaps */
static uint64_t likely_bytes(const task_cost *k, const program *g, const fn *top, float leaves)
{
    if (top && top->share) return k->out / top->share;
    if (g->foreign || !(k->unknown || k->selects)) return k->out;
    return leaves < 0 ? k->out / 2 : (uint64_t)((double)k->out * (double)leaves);
}

/* the inputs of t, into c->given */
static uint32_t given_turned(costs *c, tid t)
{
    const plan *p = c->p;
    const task *k = &p->task[t];
    if (k->nin > c->capgiven)
        c->given = mem_grow(c->given, (c->capgiven = 2 * k->nin) * sizeof *c->given);
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = p->in[k->in + i];
        const bool done = p->task[in].flags & TASK_DONE;
        const nd *x = done ? as_nd(atomic_load(&p->out[in])) : NULL;
        c->given[i] = done ? x && !nd_in_c_order(x) : c->of[p->task[in].prog].turned;
    }
    return k->nin;
}

/* Is every block read with the element of the result at its place? */
static bool reads_straight(const program *g, const stepset *x)
{
    for (uint32_t s = 0; s < g->nstep; s++)
        if (x->known[s] && shows(&x->view[s])) return false;
    return true;
}

/* Does a block lie in the whole array as rows at equal distances (tile_takes)? */
static bool lies_in_rows(const grid *g)
{
    if (!g) return false;
    for (int k = 1; k + 1 < g->ndim; k++)
        if (g->ax[k]->nblock > 1) return false;
    return true;
}

/* Do the tasks of the program read one of several arrays each? */
static bool is_mixed(const program *g, const stepset *x)
{
    for (uint32_t s = 0; s < g->nstep && g->nstep > 1; s++)
        if (!x->known[s] || x->view[s].nin < g->by[s]->ndep) return true;
    return false;
}

static task_cost find_cost(costs *c, tid t)
{
    const uint32_t prog = c->p->task[t].prog;
    const uint64_t index = c->p->task[t].index;
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
    bool turned[MAX_STEP];
    const uint32_t ngiven = given_turned(c, t); /* which may move c->given */
    steps_turned(g, x, c->given, ngiven, turned);
    c->of[prog].turned = turned[0];
    c->of[prog].mixed = is_mixed(g, x);
    bool pieces = tiled(g, x, turned, &first), view = step_is_view(g->by[0], index, &x->view[0]);
    bool nothing = x->view[0].f && x->view[0].f->kind->cost.nothing;
    int result = result_step(g, x);
    k.out = result < 0 ? 0 : block_bytes(g->by[result], x->index[result]);
    if (result >= 0 && x->view[result].f) k.out *= result_blocks(x->view[result].f);
    if (nothing) k.out = k.block = 0;
    const bool given = c->p->task[t].nin && c->given[0];
    k.extra = pieces ? tiled_extra(g, x, first)
                     : stepped_extra(c, g, x, nothing ? 0 : result, k.out, given, &k.copied);
    const grid *gr = g->by[0]->grid;
    bool is_block = gr && index < gr->nblock;
    const grid *shown =
        view && result > 0 ? g->by[result]->grid : NULL; /* a step of its own makes it */
    k.unknown = view ? shown && !grid_known(shown)
                     : (is_block ? !grid_known(gr) : !k.block) &&
                           !(x->view[0].f && x->view[0].f->kind->cost.nothing);
    k.most = k.extra;
    like_inputs(g, x, given, &k);
    if (k.unknown && !k.times) k.times = 1;
    if (k.times && g->foreign && k.times < 3) k.times++; /* what surrounds the call that gives it */
    for (uint32_t s = 0; s < g->nstep; s++) {
        uint64_t total;
        const fn *f = x->known[s] ? x->view[s].f : NULL;
        if (!f) continue;
        uint64_t in = step_largest(&x->view[s], &total), own = block_bytes(g->by[s], x->index[s]);
        if (step_is_view(g->by[s], x->index[s], &x->view[s])) own = 0; /* who reads it counts it */
        if (!(f->flags & FN_FOREIGN) && reads_windows(&x->view[s], &c->scratch)) in = 0;
        k.most += (uint64_t)(f->kind->cost.maybe + f->maybe) * in;
        if (in > k.largest) k.largest = in;
        if (own > k.largest) k.largest = own;
    }
    /* what is taken of its blocks: no more, most likely */
    const fn *top = x->view[0].f, *maker = result > 0 ? x->view[result].f : top;
    if (k.unknown) k.out = k.largest * (maker ? result_blocks(maker) : 1);
    k.streams = (g->nstep == 1 && top && top->kind->cost.streams) || inputs_fold(g, x);
    k.selects = step_selects(&x->view[0]);
    k.picked = picked_bytes(&x->view[0]);
    if (k.picked && k.picked < k.out) k.out = k.picked;
    k.likely = likely_bytes(&k, g, top, c->p->leaves ? c->p->leaves[prog] : -1);
    dtype_of want;
    int which;
    k.reuses = g->nstep == 1 && x->view[0].f && x->view[0].f->flags & FN_ELEMENTWISE &&
               fn_as_ufunc(x->view[0].f, &want, &which);
    k.fills = k.reuses || (pieces && !first && lies_in_rows(gr));
    k.reuses |= pieces && !first && reads_straight(g, x);
    k.reuses &= !turned[0];
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
        k.read += turns * step_reads(g->by[s], x->index[s], &x->view[s], &box);
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

/* Which steps does the task have? One bit each. */
static uint64_t steps_of(costs *c, const program *g, uint64_t index)
{
    uint64_t known = 0;
    arena_reset(&c->scratch);
    memset(c->steps.known, 0, g->nstep * sizeof *c->steps.known);
    err e = {0};
    if (!program_look(g, index, &c->steps, &c->scratch, &e)) {
        err_clear(&e);
        return 0;
    }
    for (uint32_t s = 0; s < g->nstep; s++) known |= (uint64_t)c->steps.known[s] << s % 64;
    return known;
}

task_cost costs_of(costs *c, tid t)
{
    const task *k = &c->p->task[t];
    const program *g = c->p->prog[k->prog];
    const layer *l = g->by[0];
    bool helper = !l->grid || k->index >= l->grid->nblock;
    const fn *f = called(c, g, k->index);
    uint64_t block = block_bytes(l, k->index), first = first_bytes(l, k->index);
    uint64_t known = c->of[k->prog].mixed ? steps_of(c, g, k->index) : 0;
    entry *x = c->of[k->prog].at, *spare = NULL;
    for (int n = 0; x; x = x->next, n++) {
        if (x->f == f && x->helper == helper && x->nin == k->nin && x->block == block &&
            x->first == first && x->known == known)
            return x->cost;
        if (n >= KEPT) spare = x;
    }
    if (!spare) {
        spare = ARENA_NEW(&c->mem, entry);
        spare->next = c->of[k->prog].at;
        c->of[k->prog].at = spare;
    }
    task_cost cost = find_cost(c, t);
    if (c->of[k->prog].mixed && !known) known = steps_of(c, g, k->index);
    *spare = (entry){spare->next, f, helper, k->nin, known, block, first, cost};
    return cost;
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
    if (!layer_task(l, 0, &a, &v, NULL) || step_is_view(l, 0, &v)) n = 0;
    arena_clear(&a);
    return n;
}
