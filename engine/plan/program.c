/* engine/plan/program.c - running a task: its steps' arguments made on the spot, blocks passed
 * from step to step without ever becoming results of the plan. */
#include "engine/plan/program.h"
#include "engine/expr/tile.h"
#include "engine/plan/tiles.h"

#include <math.h>
#include <string.h>

static bool is_closed(const program *p)
{
    for (uint32_t s = 0; s < p->nstep; s++)
        for (uint32_t d = 0; d < p->by[s]->ndep; d++) {
            bool inside = false;
            for (uint32_t k = 1; k < p->nstep && !inside; k++)
                inside = layer_same(p->by[s]->dep[d], p->step[k]);
            if (!inside) return false;
        }
    return true;
}

static double elements(const grid *g)
{
    double n = 1;
    for (int k = 0; g && k < g->ndim; k++)
        n *= g->ax[k]->largest < 0 ? INFINITY : (double)g->ax[k]->largest;
    return g ? n : 0;
}

/* Of the largest block that a step makes, or that the only step reads: those of no more than a
 * piece are run whole. */
static double largest(const program *p)
{
    double most = p->nstep == 1 && p->by[0]->ndep == 1 ? elements(p->by[0]->dep[0]->grid) : 0;
    for (uint32_t s = 0; s < p->nstep; s++) most = fmax(most, elements(p->step[s]->grid));
    return most;
}

program *program_new(uint32_t nstep, const layer *const *step, const layer *const *by)
{
    program *p = mem_zero(sizeof *p + 2 * nstep * sizeof *step);
    p->nstep = nstep;
    p->by = p->step + nstep;
    memcpy(p->step, step, nstep * sizeof *step);
    memcpy(p->by, by, nstep * sizeof *by);
    p->closed = nstep > 1 ? is_closed(p) : !p->by[0]->ndep && p->by[0]->kind->one_fn;
    p->tiles = largest(p) > TILE;
    p->pipes = true;
    if (nstep > 1) p->inside = largest(p);
    p->nlevel = 1;
    return p;
}

void program_add_level(program *p, uint32_t first)
{
    p->level[p->nlevel++] = first;
}

void program_free(program *p)
{
    mem_free(p);
}

int program_step(const program *p, const layer *l)
{
    for (uint32_t s = 1; s < p->nstep; s++)
        if (layer_same(p->step[s], l)) return (int)s;
    return -1;
}

/* the view of step s, and the indices of the steps it reads */
static bool look(const program *p, stepset *x, uint32_t s, arena *a, err *e)
{
    task_view *v = &x->view[s];
    TRY(layer_task(p->by[s], x->index[s], a, v, e));
    for (uint32_t k = 0; k < v->nin && p->nstep > 1; k++) {
        int to = program_step(p, v->in[k].of);
        if (to < 0) continue;
        x->index[to] = v->in[k].i;
        x->known[to] = true;
    }
    return true;
}

static bool look_from(const program *p, uint32_t top, uint64_t index, stepset *x, arena *a, err *e)
{
    memset(x->known, 0, p->nstep * sizeof *x->known);
    x->index[top] = index;
    x->known[top] = true;
    for (uint32_t s = top; s < p->nstep; s++)
        if (x->known[s]) TRY(look(p, x, s, a, e));
    return true;
}

bool program_look(const program *p, uint64_t index, stepset *x, arena *a, err *e)
{
    return look_from(p, 0, index, x, a, e);
}

bool program_inputs(const program *p, uint64_t index, arena *scratch, bool (*use)(void *ctx, ref r),
                    void *ctx, err *e)
{
    stepset x;
    TRY(program_look(p, index, &x, scratch, e));
    for (uint32_t s = 0; s < p->nstep; s++)
        for (uint32_t k = 0; x.known[s] && k < x.view[s].nin; k++)
            if (program_step(p, x.view[s].in[k].of) < 0) TRY(use(ctx, x.view[s].in[k]));
    return true;
}

static datum *call_view(const task_run *r, const layer *of, uint64_t index, const task_view *v,
                        datum *const *in, err *e)
{
    if (v->value) return datum_ref(v->value);
    if (!v->f) return datum_ref(in[0]);
    uint32_t nplace = 0;
    nd **place = v->f->kind->heirs ? task_places(r, v, in, &nplace) : NULL;
    call c = {.in = in,
              .nin = v->nin,
              .narg = v->narg,
              .arg = v->arg,
              .of = of,
              .index = index,
              .worker = r->w,
              .into = task_reusable(r, v, in),
              .places = place,
              .go_home = r->go_home,
              .snap = &r->p->snap};
    datum *out = fn_call(v->f, &c, e);
    datum_unref(c.into);
    for (uint32_t i = 0; i < nplace && place; i++) datum_unref(place[i]);
    /* what a function gave although something in it failed is not to be relied on */
    if (out && e->kind) out = datum_unref(out);
    if (!out && !e->kind && !(r->go_home && *r->go_home))
        err_set(e, SystemError, "'%s' failed without saying why", v->f->name);
    return out;
}

/* inputs of step s: results of later steps, else the plan's, taken in order from *next */
static datum **gather(const task_run *r, const program *g, const task_view *v, datum *const *reg,
                      uint32_t *next)
{
    const plan *p = r->p;
    const task *t = &p->task[r->t];
    datum **in = arena_alloc(r->scratch, v->nin * sizeof *in + 1);
    for (uint32_t k = 0; k < v->nin; k++) {
        int s = g->nstep > 1 ? program_step(g, v->in[k].of) : -1;
        in[k] = s >= 0
                    ? reg[s]
                    : atomic_load_explicit(&p->out[p->in[t->in + (*next)++]], memory_order_relaxed);
    }
    return in;
}

/* the blocks that step s was the last to read: no step before it does */
static void drop_read(const program *g, const stepset *x, uint32_t s, datum **reg)
{
    for (uint32_t k = 0; k < x->view[s].nin; k++) {
        int q = program_step(g, x->view[s].in[k].of);
        bool again = q < 0;
        for (uint32_t b = 0; b < s && !again; b++)
            for (uint32_t i = 0; x->known[b] && i < x->view[b].nin && !again; i++)
                again = layer_same(x->view[b].in[i].of, x->view[s].in[k].of);
        if (!again) reg[q] = datum_unref(reg[q]);
    }
}

/* Steps `top` and after it: the block of `top`. */
static datum *run_steps(const task_run *r, const program *g, uint32_t top, stepset *x, err *e)
{
    datum *reg[MAX_STEP] = {0}, **in[MAX_STEP];
    uint32_t first[MAX_STEP], next = 0;
    for (uint32_t s = top; s < g->nstep; s++) { /* where each step's own inputs begin */
        first[s] = next;
        for (uint32_t k = 0; x->known[s] && k < x->view[s].nin; k++)
            next += program_step(g, x->view[s].in[k].of) < 0;
    }
    bool ok = true;
    for (uint32_t s = g->nstep; s-- > top && ok;) {
        if (!x->known[s]) continue;
        in[s] = gather(r, g, &x->view[s], reg, &first[s]);
        reg[s] = call_view(r, g->by[s], x->index[s], &x->view[s], in[s], e);
        ok = reg[s] != NULL;
        drop_read(g, x, s, reg);
    }
    for (uint32_t s = top + 1; s < g->nstep; s++) datum_unref(reg[s]);
    return reg[top];
}

/* Block `index` of the first step of a level.  Levels are few: it may recurse. */
static datum *run_level(const task_run *r, const program *g, uint32_t k, uint64_t index, err *e)
{
    const uint32_t s = g->level[k];
    if (k + 1 == g->nlevel) {
        stepset x;
        TRY(look_from(g, s, index, &x, r->scratch, e));
        return run_steps(r, g, s, &x, e);
    }
    task_view v;
    TRY(layer_task(g->by[s], index, r->scratch, &v, e));
    datum **in = arena_alloc(r->scratch, v.nin * sizeof *in + 1), *out = NULL;
    uint32_t have = 0;
    while (have < v.nin && (in[have] = run_level(r, g, k + 1, v.in[have].i, e))) have++;
    if (have == v.nin) out = call_view(r, g->by[s], index, &v, in, e);
    while (have) datum_unref(in[--have]);
    return out;
}

datum *task_call(const task_run *r, err *e)
{
    const task *t = &r->p->task[r->t];
    const program *g = r->p->prog[t->prog];
    stepset x;
    if (g->nstep == 1) {
        uint32_t next = 0;
        datum *whole;
        task_view v;
        TRY(layer_task(g->by[0], t->index, r->scratch, &v, e));
        if (g->tiles && v.f && red_prefers_stream(v.f) && tiles_run(r, g, &v, &t->index, &whole, e))
            return whole;
        return call_view(r, g->by[0], t->index, &v, gather(r, g, &v, NULL, &next), e);
    }
    if (g->nlevel > 1) return run_level(r, g, 0, t->index, e);
    TRY(program_look(g, t->index, &x, r->scratch, e));
    datum *out;
    bool all = true;
    for (uint32_t s = 0; s < g->nstep; s++) all &= x.known[s];
    if (g->tiles && all && tiles_run(r, g, x.view, x.index, &out, e)) return out;
    return run_steps(r, g, 0, &x, e);
}
