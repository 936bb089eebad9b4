/* engine/plan/tile_pipe.c - loops of a tile program -> chains that stay in registers.
 *
 * A run of loops whose lanes are of one width becomes one pipe (kernels/pipe.h).  The registers of
 * the processor hold the result of the loop before; an operand that is something else comes from
 * memory, and a result that a later loop reads from there is stored.  Elements that do not fill
 * the registers, at the end of a piece or of a row, go through the loops: the bits are the same. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/pipe.h"
#include "engine/kernels/power.h"
#include "engine/plan/tile_impl.h"

enum {
    STAGES = 8,   /* of a loop, at most */
    LEAST_ROW = 4 /* times what fills the registers: shorter rows are left to loops */
};

bool tile_read_first(const tile_code *c, int op, const tile_operand *a)
{
    if (a->place != TILE_BLOCK || a->window || !a->step) return false;
    if (a->inner < TILE_LINE / (int64_t)a->t.size) return false;
    for (int i = 0; i < op; i++)
        for (int k = 0; k < c->op[i].nin; k++)
            if (c->op[i].arg[k].at == a->at) return false;
    return true;
}

/* --- which loops --- */

static bool is_number(const tile_operand *a)
{
    return a->place == TILE_FIXED || (a->place == TILE_BLOCK && a->step == 0);
}

static bool has_form(const tile_operand *a, size_t lane)
{
    if (a->place == TILE_BLOCK && a->inner < (int64_t)(LEAST_ROW * pipe_step(lane))) return false;
    return is_number(a) || a->step == (ptrdiff_t)a->t.size;
}

/* the one float that an operand is; else 0 */
static double number_of(const tile_operand *a)
{
    double x = 0;
    float f = 0;
    if (a->place != TILE_FIXED) return 0;
    if (a->t.dt == DT_float64) memcpy(&x, a->at, sizeof x);
    if (a->t.dt == DT_float32) memcpy(&f, a->at, sizeof f);
    return a->t.dt == DT_float32 ? (double)f : x;
}

/* x ** k with k one small number */
static int whole_exponent(const tile_op *o)
{
    double k = number_of(&o->arg[1]);
    return power_is_whole(k) ? (int)k : 0;
}

static enum pipe_op cast_op(const tile_op *o)
{
    enum dtype to = o->arg[1].t.dt;
    if (to == o->arg[0].t.dt) return PIPE_positive;
    if (to == DT_bool) return PIPE_to_bool;
    return to == DT_float64 || to == DT_float32 ? PIPE_to_float : PIPE_to_int;
}

/* *nin: operands that it has as a stage */
static enum pipe_op op_of(const tile_op *o, int *nin)
{
    *nin = o->nin;
    if (o->kind == OP_CAST) return cast_op(o);
    if (o->kind == OP_FILL) return o->gen.f->kind->tile->ramp ? PIPE_ramp : PIPE_none;
    if (o->kind != OP_MAP) return PIPE_none;
    if (!o->f) return PIPE_where;
    if (o->f->id == U_clip) return PIPE_maximum; /* and then the minimum */
    if (o->f->id != U_power) return pipe_op_of(o->f);
    *nin = 1;
    int k = whole_exponent(o);
    return k ? pipe_power(k) : PIPE_none;
}

/* Lanes as wide as this suit all operands; *any: every width does. */
static bool lanes_of(const tile_op *o, size_t *lane, bool *any)
{
    *any = true;
    for (int k = 0; k <= o->nin; k++) {
        const dtype_of *t = &o->arg[k].t;
        if (t->dt == DT_bool) continue;
        if (!*any && *lane != t->size) return false;
        *lane = t->size;
        *any = false;
    }
    return *any || *lane == 4 || *lane == 8;
}

static bool is_stage(const tile_op *o, size_t lane)
{
    int nin;
    enum pipe_op op = op_of(o, &nin);
    int kind = op ? pipe_kind_of(o->arg[0].t.dt, lane) : -1;
    if (kind < 0 || !pipe_find(op, (enum pipe_kind)kind, 0)) return false;
    for (int k = 0; k <= o->nin; k++)
        if (pipe_kind_of(o->arg[k].t.dt, lane) < 0 || !has_form(&o->arg[k], lane)) return false;
    if (op == PIPE_ramp) return o->gen.f->kind->tile->ramp(&o->gen, &(int64_t){0}, &(int64_t){0});
    return op != PIPE_where || o->arg[1].t.dt != DT_bool;
}

/* the last of the loops from `first` on that go together, first - 1: none */
static int run_of_loops(const tile_code *c, int first, size_t *lane)
{
    bool open = true; /* only bool so far */
    int i = first;
    *lane = 8;
    for (; i < c->nop; i++) {
        size_t its = 0;
        bool any;
        if (!lanes_of(&c->op[i], &its, &any)) break;
        if (!any && !open && its != *lane) break;
        if (i > first && c->op[i].kind == OP_FILL) break; /* ramps are the first of a pipe */
        if (!is_stage(&c->op[i], any ? *lane : its)) break;
        if (any) continue;
        *lane = its;
        open = false;
    }
    return open ? first - 1 : i - 1;
}

/* --- stages --- */

typedef struct chain {
    const tile_code *c;
    tile_pipe *p;
    const tile_operand *held; /* what is in the processor's registers; NULL: nothing */
} chain;

static bool same(const tile_operand *a, const tile_operand *b)
{
    if (!a || !b || a->place != b->place) return false;
    if (a->place == TILE_REGISTER) return a->reg == b->reg;
    return a->place == TILE_BLOCK && a->at == b->at && a->step == b->step && a->row == b->row &&
           a->inner == b->inner;
}

static void add_stage(chain *x, enum pipe_op op, dtype_of t, int form, const tile_operand *a,
                      const tile_operand *b)
{
    tile_pipe *p = x->p;
    enum pipe_kind kind = (enum pipe_kind)pipe_kind_of(t.dt, p->lane);
    p->stage[p->n].run = pipe_find(op, kind, form);
    p->from[p->n][0] = a;
    p->from[p->n++][1] = b;
}

static int form_of(const tile_operand *a)
{
    return is_number(a) ? PIPE_NUMBER : PIPE_MEMORY;
}

/* how far on in memory that is which is read PIPE_AHEAD bytes later: in a later row, if need be */
static int64_t distance(const tile_operand *a)
{
    if (a->inner == INT64_MAX) return PIPE_AHEAD;
    const int64_t bytes = a->inner * (int64_t)a->t.size;
    return (PIPE_AHEAD + bytes / 2) / bytes ? (PIPE_AHEAD + bytes / 2) / bytes * a->row
                                            : PIPE_AHEAD;
}

/* what lies in memory, not in a cache, is asked for early */
static void ask(chain *x, int op, const tile_operand *a)
{
    if (!tile_read_first(x->c, op, a)) return;
    x->p->asks = true;
    x->p->stage[x->p->n].at[1] = (const char *)(intptr_t)distance(a);
    add_stage(x, PIPE_ahead, a->t, PIPE_MEMORY, a, NULL);
}

static void hold(chain *x, int op, const tile_operand *a)
{
    if (same(x->held, a)) return;
    ask(x, op, a);
    add_stage(x, PIPE_load, a->t, form_of(a), a, NULL);
    x->held = a;
}

static void add_pair(chain *x, int i, enum pipe_op op, const tile_operand *a, const tile_operand *b)
{
    bool turn = same(x->held, b) || (!same(x->held, a) && is_number(a));
    if (same(a, b)) {
        hold(x, i, a);
        add_stage(x, op, a->t, PIPE_SELF, NULL, NULL);
        return;
    }
    if (turn) {
        const tile_operand *first = a;
        a = b;
        b = first;
        op = pipe_mirror(op);
    }
    hold(x, i, a);
    if (op == PIPE_multiply && number_of(b) == 2) { /* products are the scarcer */
        add_stage(x, PIPE_add, a->t, PIPE_SELF, NULL, NULL);
        return;
    }
    ask(x, i, b);
    add_stage(x, op, a->t, form_of(b), b, NULL);
}

static void add_choice(chain *x, int i, const tile_operand *a)
{
    hold(x, i, &a[0]);
    ask(x, i, &a[1]);
    ask(x, i, &a[2]);
    add_stage(x, PIPE_where, a[0].t, form_of(&a[1]) + 2 * form_of(&a[2]), &a[1], &a[2]);
}

/* (x, low, high) */
static void add_clip(chain *x, int i, const tile_operand *a)
{
    hold(x, i, &a[0]);
    for (int k = 1; k < 3; k++) {
        ask(x, i, &a[k]);
        add_stage(x, k == 1 ? PIPE_maximum : PIPE_minimum, a[0].t, form_of(&a[k]), &a[k], NULL);
    }
}

/* Does loop i find its operand in the registers where the one before it leaves it, and nowhere
 * else? */
static bool takes_held(const tile_op *o, const tile_operand *held)
{
    if (o->nin < 3) return true;
    return same(&o->arg[0], held) && !same(&o->arg[1], held) && !same(&o->arg[2], held);
}

/* Is the result of loop i looked for in memory? */
static bool is_read_later(const tile_code *c, const tile_pipe *p, int i)
{
    const tile_operand *r = &c->op[i].arg[c->op[i].nin];
    if (r->place != TILE_REGISTER) return true;
    for (int k = i + 1; k < c->nop; k++) {
        const tile_op *o = &c->op[k];
        bool reads = false;
        for (int q = 0; q < o->nin; q++) reads |= same(&o->arg[q], r);
        if (reads && (k > i + 1 || k > p->last || !takes_held(o, r))) return true;
        if (same(&o->arg[o->nin], r)) return false;
    }
    return same(&c->value[c->first], r);
}

static void add_op(chain *x, int i)
{
    int nin;
    const tile_op *o = &x->c->op[i];
    const tile_operand *a = o->arg, *r = &a[o->nin];
    enum pipe_op op = op_of(o, &nin);
    if (op == PIPE_where)
        add_choice(x, i, a);
    else if (op == PIPE_ramp) {
        x->p->ramp = o->gen.f->kind->tile->ramp(&o->gen, &x->p->start, &x->p->by);
        add_stage(x, op, a[0].t, 0, NULL, NULL);
    } else if (nin == 3)
        add_clip(x, i, a);
    else if (nin == 2)
        add_pair(x, i, op, &a[0], &a[1]);
    else {
        hold(x, i, &a[0]);
        add_stage(x, op, a[0].t, 0, NULL, NULL);
    }
    x->held = r;
    if (is_read_later(x->c, x->p, i)) add_stage(x, PIPE_store, r->t, PIPE_MEMORY, r, NULL);
}

static tile_pipe *pipe_of(const tile_code *c, int first, int last, size_t lane)
{
    arena *a = c->r->scratch;
    tile_pipe *p = arena_alloc(a, sizeof *p);
    size_t most = (size_t)(last - first + 1) * STAGES + 1;
    *p = (tile_pipe){.first = first, .last = last, .lane = lane};
    p->stage = arena_alloc(a, most * sizeof *p->stage);
    p->from = arena_alloc(a, most * sizeof *p->from);
    chain x = {.c = c, .p = p};
    for (int i = first; i <= last; i++) add_op(&x, i);
    p->stage[p->n].run = pipe_end(p->lane);
    return p;
}

/* A loop by itself gains only from being asked for early, or when it repeats one element. */
static bool is_worth(const tile_code *c, int first, int last)
{
    const tile_op *o = &c->op[first];
    bool reads = false, numbers = true;
    for (int k = 0; k < o->nin; k++) {
        reads |= tile_read_first(c, first, &o->arg[k]);
        numbers &= is_number(&o->arg[k]);
    }
    return last > first || reads || numbers;
}

/* The pipe that makes the result gets another end. */
static void find_sum(tile_code *c, tile_pipe *p, char *room)
{
    const tile_operand *v = &c->value[c->first];
    int kind = pipe_kind_of(v->t.dt, p->lane);
    pipe_any *end = kind < 0 ? NULL : pipe_find(PIPE_sum, (enum pipe_kind)kind, 0);
    if (!end || v->place != TILE_REGISTER || !same(p->from[p->n - 1][0], v)) return;
    for (int s = 0; s < p->n; s++)
        for (int k = 0; k < 2; k++) {
            const tile_operand *a = p->from[s][k];
            if (a && a->place == TILE_BLOCK && a->inner != INT64_MAX) return; /* has rows */
        }
    p->sum = arena_alloc(c->r->scratch, (size_t)(p->n + 1) * sizeof *p->sum);
    p->sum[p->n - 1] = (pipe_stage){.run = end, .at = {room}};
    p->sum[p->n].run = pipe_end(p->lane);
    p->kind = kind;
    p->room = room;
    c->sums = p;
}

void tile_find_pipes(tile_code *c, char *room)
{
    for (int i = 0; i < c->nop; i++) {
        size_t lane;
        int last = run_of_loops(c, i, &lane);
        if (last < i || !is_worth(c, i, last)) continue;
        tile_pipe *p = c->op[i].pipe = pipe_of(c, i, last, lane);
        if (last == c->nop - 1) find_sum(c, p, room);
        i = last;
    }
}

/* --- running --- */

/* The operands of the stages to element from + done; *n: as many as lie in one row. */
static void set_operands(tile_pipe *p, int64_t from, int64_t done, int64_t *n)
{
    for (int s = 0; s < p->n; s++)
        for (int k = 0; k < 2; k++) {
            const tile_operand *a = p->from[s][k];
            if (!a) continue;
            p->stage[s].at[k] = tile_element(a, from, done);
            *n = tile_in_row(a, from + done, *n);
        }
    if (!p->ramp) return;
    p->now[0] = (int64_t)((uint64_t)p->start + (uint64_t)(from + done) * (uint64_t)p->by);
    p->now[1] = p->by;
    p->stage[0].at[0] = (const char *)p->now;
}

void tile_pipe_sum(tile_pipe *p, int64_t from, int64_t n, void *out)
{
    set_operands(p, from, 0, &n);
    memcpy(p->sum, p->stage, (size_t)(p->n - 1) * sizeof *p->sum);
    pipe_sum(p->sum, p->n, (enum pipe_kind)p->kind, (size_t)n, p->room, out);
}

/* by loops, in order */
static bool run_rest(const tile_code *c, const tile_pipe *p, int64_t from, int64_t done, int64_t n,
                     err *e)
{
    for (int i = p->first; i <= p->last && n > 0; i++) {
        const tile_op *o = &c->op[i];
        if (o->kind == OP_FILL)
            TRY(o->gen.f->kind->tile->fill(&o->gen, from + done, n,
                                           tile_element(&o->arg[0], from, done), e));
        else
            TRY(tile_loop(o, from, done, n, e));
    }
    return true;
}

bool tile_pipe_run(const tile_code *c, tile_pipe *p, int64_t from, int64_t n, err *e)
{
    int64_t step = (int64_t)pipe_step(p->lane);
    for (int64_t done = 0, m; done < n; done += m) {
        m = n - done;
        set_operands(p, from, done, &m);
        int64_t whole = m - m % step;
        pipe_run(p->stage, p->n, (size_t)whole, p->lane);
        TRY(run_rest(c, p, from, done + whole, m - whole, e));
    }
    return true;
}
