/* engine/plan/cost_turned.c - which blocks do not lie in C order, as far as their steps tell.
 *
 * What is computed from a turned block element by element lies as it does, is made step by step
 * rather than in pieces (NumPy works in the order of memory), and reductions copy it. */
#include "engine/expr/build.h"
#include "engine/plan/cost_step.h"

/* Does an index turn an axis round? */
static bool goes_back(const lit *x)
{
    if (x->kind == LIT_SLICE) return x->slice.step < 0 && x->slice.step != INT64_MIN;
    for (uint32_t i = 0; x->kind == LIT_TUPLE && i < x->n; i++)
        if (goes_back(&x->item[i])) return true;
    return false;
}

typedef struct look {
    const program *g;
    const stepset *x;
    const bool *given; /* of the task's inputs, */
    uint32_t ngiven;   /* as many as are known */
    bool *turned;
} look;

/* input k of a step; next: how many of the task's inputs come before it */
static bool input_turned(const look *q, uint32_t s, uint32_t k, uint32_t next)
{
    int from = program_step(q->g, q->x->view[s].in[k].of);
    return from >= 0 ? q->turned[from] : next < q->ngiven && q->given[next];
}

/* Element by element: as its inputs lie, unless one of the result's size lies straight. */
static bool follows(const look *q, uint32_t s, uint32_t next)
{
    const task_view *v = &q->x->view[s];
    uint64_t n = block_elements(q->g->by[s], q->x->index[s]);
    bool turned = false;
    for (uint32_t k = 0; k < v->nin; k++) {
        bool is = input_turned(q, s, k, next);
        turned |= is;
        if (!is && block_elements(v->in[k].of, v->in[k].i) == n) return false;
        next += program_step(q->g, v->in[k].of) < 0;
    }
    return turned;
}

static bool is_turned(const look *q, uint32_t s, uint32_t next)
{
    const task_view *v = &q->x->view[s];
    if (!v->f) return v->nin && input_turned(q, s, 0, next);
    if (v->f->flags & FN_ELEMENTWISE) return follows(q, s, next);
    if (!v->nin || !step_is_view(q->g->by[s], q->x->index[s], v)) return false;
    if (fn_is_transpose(v->f)) return q->g->by[s]->grid->ndim != 2 || !input_turned(q, s, 0, next);
    for (uint32_t k = 1; k < v->narg; k++)
        if (goes_back(&v->arg[k])) return true;
    return input_turned(q, s, 0, next);
}

void steps_turned(const program *g, const stepset *x, const bool *given, uint32_t ngiven,
                  bool *turned)
{
    look q = {g, x, given, g->nlevel > 1 ? 0 : ngiven, turned};
    uint32_t before[MAX_STEP], n = 0;
    for (uint32_t s = 0; s < g->nstep; s++) { /* inputs are numbered along the steps */
        before[s] = n;
        for (uint32_t k = 0; x->known[s] && k < x->view[s].nin; k++)
            n += program_step(g, x->view[s].in[k].of) < 0;
    }
    for (uint32_t s = g->nstep; s-- > 0;) turned[s] = x->known[s] && is_turned(&q, s, before[s]);
}
