/* engine/plan/lower.c - wanted keys -> tasks.
 *
 * A depth-first walk from the wanted keys through the programs of their layers: what nobody needs
 * is never met (cull), and a task is numbered when its inputs are (young.c may know better).
 * Nothing recurses: chains of 10^5 tasks are normal. */
#include <string.h>

#include "engine/base/stop.h"
#include "engine/expr/bw.h"
#include "engine/expr/reduceops.h"
#include "engine/plan/lower.h"

/* --- index -> tid --- */

enum { DENSE_MAX = 1 << 22 };

enum { RUN = 16 }; /* neighbours stay neighbours: they are asked for one after the other */

typedef struct tids {
    uint64_t cap, n;
    struct {
        uint64_t i; /* of the run */
        tid *t;     /* RUN of them; NULL: the slot is free */
    } * at;
    arena runs;
} tids;

static uint64_t tids_slot(const tids *m, uint64_t which)
{
    uint64_t h = (which * 0x9e3779b97f4a7c15ull >> 20) & (m->cap - 1);
    while (m->at[h].t && m->at[h].i != which) h = (h + 1) & (m->cap - 1);
    return h;
}

static tid tid_get(const node *x, uint64_t i)
{
    if (x->dense) return x->dense[i];
    if (!x->sparse) return NO_TASK;
    const tid *at = x->sparse->at[tids_slot(x->sparse, i / RUN)].t;
    return at ? at[i % RUN] : NO_TASK;
}

static void tid_set(node *x, uint64_t i, tid t)
{
    if (x->by->count <= DENSE_MAX) {
        if (!x->dense) {
            x->dense = mem_alloc(x->by->count * sizeof *x->dense);
            memset(x->dense, 0xff, x->by->count * sizeof *x->dense);
        }
        x->dense[i] = t;
        return;
    }
    if (!x->sparse) x->sparse = mem_zero(sizeof *x->sparse);
    tids *m = x->sparse;
    if (2 * (m->n + 1) > m->cap) {
        tids old = *m;
        m->cap = old.cap ? 2 * old.cap : 1024;
        m->at = mem_zero(m->cap * sizeof *m->at);
        for (uint64_t k = 0; k < old.cap; k++)
            if (old.at[k].t) m->at[tids_slot(m, old.at[k].i)] = old.at[k];
        mem_free(old.at);
    }
    uint64_t h = tids_slot(m, i / RUN);
    if (!m->at[h].t) {
        m->n++;
        m->at[h].i = i / RUN;
        m->at[h].t = memset(arena_alloc(&m->runs, RUN * sizeof t), 0xff, RUN * sizeof t);
    }
    m->at[h].t[i % RUN] = t;
}

static void tids_free(nodes *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        mem_free(s->at[i].dense);
        mem_free(s->at[i].same);
        if (s->at[i].sparse) mem_free(s->at[i].sparse->at), arena_clear(&s->at[i].sparse->runs);
        mem_free(s->at[i].sparse);
    }
}

/* --- the walk --- */

typedef struct frame {
    uint32_t node;
    uint64_t index;
    uint32_t first, n, next; /* its inputs, in walk.ref */
    datum *value;
    bool alias;
} frame;

typedef struct walk {
    plan *p;
    nodes s;
    arena scratch;
    ref *ref;
    uint32_t nref, capref;
    frame *stack;
    size_t depth, capstack;
    size_t captask, capin;
    const plan_opts *opts;
    uint32_t nstep;   /* so far */
    bool united;      /* some tasks are held by several layers */
    uint64_t deepest; /* tasks there are: no chain of them is longer */
} walk;

/* Whose task it is, if other layers hold it as well. */
static ref owner_of(const walk *w, ref r)
{
    const node *x = w->united ? nodes_find(&w->s, r.of) : NULL;
    return x && x->same && r.i < x->of->count && x->same[r.i].of ? x->same[r.i] : r;
}

static bool push_ref(void *ctx, ref r)
{
    walk *w = ctx;
    if (w->nref == w->capref) {
        w->capref = w->capref ? 2 * w->capref : 256;
        w->ref = mem_grow(w->ref, w->capref * sizeof *w->ref);
    }
    w->ref[w->nref++] = owner_of(w, r);
    return true;
}

/* the program of a root: its steps, consumers first */
static program *make_program(walk *w, uint32_t root)
{
    node *x = &w->s.at[root];
    if (x->prog != NO_PROG) return w->p->prog[x->prog];
    const layer *step[MAX_STEP], *by[MAX_STEP];
    uint32_t n = 0, level[MAX_LEVEL], nlevel = 0;
    for (uint32_t i = root + 1; i-- > 0 && n < x->nstep;) {
        if (w->s.at[i].root != root) continue;
        if (w->s.at[i].nested) level[nlevel++] = n;
        step[n] = w->s.at[i].of;
        by[n++] = w->s.at[i].by;
    }
    plan *p = w->p;
    if (!(p->nprog & (p->nprog - 1)))
        p->prog = mem_grow(p->prog, (p->nprog ? 2 * p->nprog : 1) * sizeof *p->prog);
    x->prog = p->nprog;
    program *g = p->prog[p->nprog++] = program_new(n, step, by);
    for (uint32_t k = 0; k < nlevel; k++) program_add_level(g, level[k]);
    if (w->opts->off & PASS_TILE) g->tiles = false;
    if (w->opts->off & PASS_PIPE) g->pipes = false;
    return g;
}

/* Tells the fn of a task that it will be called. */
static void prepare(program *g, const task_view *v)
{
    if (!v->f) return;
    if (v->f->kind->prepare) v->f->kind->prepare(v->f, v);
    g->home |= (v->f->flags & FN_HOME) != 0;
    g->foreign |= !fn_is_native(v->f);
}

/* Of steps run as one only the first may be a function of the user. */
static bool prepare_first(program *g, const layer *l, uint64_t i, arena *scratch, err *e)
{
    task_view v;
    TRY(layer_task(l, i, scratch, &v, e));
    g->led = v.f && !fn_is_native(v.f) ? LED_FOREIGN : LED_NATIVE;
    prepare(g, &v);
    return true;
}

static bool open_frame(walk *w, ref r, err *e)
{
    node *x = nodes_find(&w->s, r.of);
    if (!x) return err_set(e, KeyError, "'%s' is not in the graph", r.of->name);
    if (r.i >= x->by->count)
        return err_set(e, KeyError, "'%s' has no task %llu", r.of->name, (unsigned long long)r.i);
    if (w->depth == w->capstack) {
        w->capstack = w->capstack ? 2 * w->capstack : 64;
        w->stack = mem_grow(w->stack, w->capstack * sizeof *w->stack);
    }
    frame f = {.node = (uint32_t)(x - w->s.at), .index = r.i, .first = w->nref};
    program *g = make_program(w, f.node);
    arena_reset(&w->scratch);
    if (g->nstep == 1 && !(g->closed && g->led == LED_NATIVE)) {
        task_view v;
        TRY(layer_task(x->by, r.i, &w->scratch, &v, e));
        f.value = v.value;
        f.alias = !v.value && !v.f;
        for (uint32_t k = 0; k < v.nin; k++) push_ref(w, v.in[k]);
        prepare(g, &v);
        g->led = v.f && fn_is_native(v.f) && !v.f->kind->prepare ? LED_NATIVE : LED_FOREIGN;
    } else if (g->nstep > 1) {
        if (g->led != LED_NATIVE) TRY(prepare_first(g, x->by, r.i, &w->scratch, e));
        if (!g->closed) TRY(program_inputs(g, r.i, &w->scratch, push_ref, w, e));
    }
    f.n = w->nref - f.first;
    w->stack[w->depth++] = f;
    return true;
}

uint64_t block_bytes(const layer *l, uint64_t i)
{
    int64_t block[GRID_MAXDIM];
    uint64_t n = l->type.size;
    if (!l->grid || i >= l->grid->nblock) return l->kind->bytes ? l->kind->bytes(l, i) : 0;
    grid_block(l->grid, i, block);
    for (int k = 0; k < l->grid->ndim; k++) {
        int64_t size = cuts_held(l->grid->ax[k], block[k]);
        n *= size < 0 ? 1 : (uint64_t)size;
    }
    return n;
}

static void *grown(void *p, size_t n, size_t *cap, size_t size)
{
    if (n <= *cap) return p;
    *cap = n < 64 ? 64 : 2 * n;
    return mem_grow(p, *cap * size);
}

/* all inputs have ids: the task gets its own */
static void close_frame(walk *w, const frame *f)
{
    plan *p = w->p;
    node *x = &w->s.at[f->node];
    const program *g = p->prog[x->prog];
    tid t = p->ntask;
    if (f->alias)
        t = tid_get(nodes_find(&w->s, w->ref[f->first].of), w->ref[f->first].i);
    else {
        size_t had = w->captask;
        p->task = grown(p->task, t + 1u, &w->captask, sizeof *p->task);
        if (w->captask != had) p->out = mem_grow((void *)p->out, w->captask * sizeof *p->out);
        p->in = grown(p->in, p->nin + f->n, &w->capin, sizeof *p->in);
        task *k = &p->task[t];
        *k = (task){.in = (uint32_t)p->nin, .nin = f->n, .prog = x->prog, .index = f->index};
        atomic_init(&k->waits, f->n);
        atomic_init(&k->uses, 0);
        atomic_init(&p->out[t], f->value ? datum_ref(f->value) : NULL);
        if (f->value) k->flags |= TASK_DONE;
        if (g->home) k->flags |= TASK_HOME;
        p->ndone += f->value != NULL;
        p->nhome += g->home;
        p->nforeign += g->foreign;
        p->bytes += block_bytes(x->of, f->index);
        p->inside += g->inside;
        for (uint32_t i = 0; i < f->n; i++) {
            ref r = w->ref[f->first + i];
            p->in[p->nin++] = tid_get(nodes_find(&w->s, r.of), r.i);
        }
        p->ntask++;
    }
    tid_set(x, f->index, t);
    w->nref = f->first;
}

bool plan_goes_on(uint32_t k, err *e)
{
    enum { OFTEN = 1 << 20 };
    return k % OFTEN != OFTEN - 1 || stop_check(e);
}

bool plan_too_many(double n, err *e)
{
    return err_set(e, MemoryError,
                   "more than %.0f tasks at once do not fit in memory; larger chunks make fewer",
                   n);
}

/* Between tasks: is the plan still wanted, and not too large? */
static bool goes_on(walk *w, err *e)
{
    enum { OFTEN = 1024 };
    const plan_opts *o = w->opts;
    tid n = w->p->ntask;
    if (n == NO_TASK - 1) return err_set(e, MemoryError, "too many tasks");
    if (++w->nstep % OFTEN) return true;
    if (o->goes_on && !o->goes_on(o->ctx)) return err_set(e, KeyboardInterrupt, "%s", "");
    if (!o->room || (uint64_t)n * PLAN_TASK < o->room) return true;
    return plan_too_many(n, e);
}

static bool walk_from(walk *w, ref want, err *e)
{
    node *x = nodes_find(&w->s, want.of);
    if (x && tid_get(x, want.i) != NO_TASK) return true;
    TRY(open_frame(w, want, e));
    while (w->depth) {
        frame *f = &w->stack[w->depth - 1];
        if (f->next == f->n) {
            frame done = *f;
            w->depth--;
            close_frame(w, &done);
            continue;
        }
        ref r = w->ref[f->first + f->next++];
        node *d = nodes_find(&w->s, r.of);
        if (!d || tid_get(d, r.i) == NO_TASK) TRY(open_frame(w, r, e));
        if (w->united && w->depth > w->deepest)
            return err_set(e, RuntimeError, "Cycle detected in Dask: %s", r.of->name);
        TRY(goes_on(w, e));
    }
    return true;
}

/* --- edges the other way --- */

/* In turn t of a loop over all tasks */
static bool stops(tid t)
{
    enum { OFTEN = 1 << 18 };
    return t % OFTEN == OFTEN - 1 && stop_asked();
}

static bool count_successors(plan *p, bool may_stop)
{
    for (tid t = 0; t < p->ntask; t++) p->task[t].nsucc = 0;
    for (tid t = 0; t < p->ntask; t++) {
        for (uint32_t k = 0; k < p->task[t].nin; k++) p->task[p->in[p->task[t].in + k]].nsucc++;
        if (may_stop && stops(t)) return false;
    }
    return true;
}

/* false: stopped half-way */
static bool link_tasks(plan *p, bool may_stop)
{
    TRY(count_successors(p, may_stop));
    uint32_t at = 0;
    for (tid t = 0; t < p->ntask; t++) {
        p->task[t].succ = at;
        at += p->task[t].nsucc;
        atomic_init(&p->task[t].uses, p->task[t].nsucc);
        atomic_init(&p->task[t].waits, p->task[t].nin);
        p->task[t].nsucc = 0;
        if (may_stop && stops(t)) return false;
    }
    mem_free(p->succ);
    p->succ = mem_alloc(((size_t)at + 1) * sizeof *p->succ);
    for (tid t = 0; t < p->ntask; t++) {
        for (uint32_t k = 0; k < p->task[t].nin; k++) {
            task *from = &p->task[p->in[p->task[t].in + k]];
            p->succ[from->succ + from->nsucc++] = t;
            if (from->flags & TASK_DONE) atomic_fetch_sub(&p->task[t].waits, 1);
        }
        if (may_stop && stops(t)) return false;
    }
    return true;
}

void plan_link(plan *p)
{
    link_tasks(p, false);
}

/* Do all tasks of l together read all blocks of its dependency d? */
static bool reads_all(const layer *l, const layer *d)
{
    red_layer r;
    const bw_layer *b = as_bw(l);
    if (!b) return l->flags & LAYER_ONE_TO_ONE || red_layer_of(l, &r);
    for (uint32_t k = 0; k < b->narg; k++) {
        const bw_input *in = &b->arg[k];
        bool all = in->of && layer_same(in->of, d);
        for (int i = 0; all && i < in->ndim; i++)
            all = in->from[i] != BW_FIRST || in->nblock[i] == 1;
        if (all) return true;
    }
    return false;
}

static bool is_alias(const layer *l)
{
    arena a = {0};
    task_view v;
    bool is = l->count && layer_task(l, 0, &a, &v, NULL) && !v.f && !v.value;
    arena_clear(&a);
    return is;
}

/* Tasks of the layers all of whose blocks are needed for sure. */
static double least_tasks(const nodes *s, uint32_t n, const ref *want)
{
    uint64_t *asked = mem_zero((s->n + 1) * sizeof *asked);
    const node *x = NULL;
    double total = 0;
    for (uint32_t k = 0; k < n && !stops(k); k++) {
        if (!x || x->of != want[k].of) x = nodes_find(s, want[k].of);
        asked[x - s->at]++;
    }
    for (uint32_t i = s->n; i-- > 0;) {
        const layer *l = s->at[i].by;
        if (!l->grid || asked[i] < l->grid->nblock) continue;
        if (s->at[i].root == i && !is_alias(l)) total += (double)l->grid->nblock;
        for (uint32_t k = 0; k < l->ndep; k++)
            if (l->dep[k]->grid && reads_all(l, l->dep[k]))
                asked[nodes_find(s, l->dep[k]) - s->at] = l->dep[k]->grid->nblock;
    }
    mem_free(asked);
    return total;
}

static bool lower(walk *w, uint32_t n, const ref *want, err *e)
{
    const plan_opts *o = w->opts;
    TRY(nodes_build(&w->s, w->p, n, want, o, e));
    pass_fuse(&w->s, o);
    pass_nest(&w->s, o);
    pass_unite(&w->s, n, want, o);
    for (uint32_t i = 0; i < w->s.n; i++) {
        w->united |= w->s.at[i].same != NULL;
        w->deepest += w->s.at[i].by->count;
    }
    double least = o->room ? least_tasks(&w->s, n, want) : 0;
    if (least * PLAN_TASK > (double)o->room) return plan_too_many(least, e);
    plan *p = w->p;
    p->wanted = mem_alloc((n + 1) * sizeof *p->wanted);
    for (uint32_t k = 0; k < n; k++) {
        ref r = owner_of(w, want[k]);
        TRY(goes_on(w, e) && walk_from(w, r, e));
        tid t = tid_get(nodes_find(&w->s, r.of), r.i);
        p->wanted[p->nwanted++] = t;
        p->task[t].flags |= TASK_WANTED;
    }
    if (!link_tasks(p, true)) {
        TRY(stop_check(e));
        link_tasks(p, false);
    }
    if (!(o->off & PASS_ORDER)) pass_order(p);
    return true;
}

plan *plan_refs(uint32_t n, const ref *want, const plan_opts *o, err *e)
{
    const plan_opts none = {0};
    plan *p = mem_zero(sizeof *p);
    atomic_init(&p->hold, 1);
    walk w = {.p = p, .opts = o ? o : &none};
    bool ok = lower(&w, n, want, e);
    tids_free(&w.s);
    nodes_clear(&w.s);
    arena_clear(&w.scratch);
    mem_free(w.ref);
    mem_free(w.stack);
    if (!ok) {
        plan_free(p);
        p = NULL;
    }
    return p;
}
