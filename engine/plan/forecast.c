/* engine/plan/forecast.c - playing a plan through. */
#include "engine/plan/forecast.h"

#include <string.h>
#include <time.h>

#include "engine/base/stop.h"
#include "engine/plan/outline.h"

/* A byte of memory that the process did not have before, unless it is measured. */
static const double FRESH_NS = 0.3;

/* What the process takes for itself: for a task of the plan at most, code and stacks; LAPACK's
 * room; what holds a result. */
enum {
    TASK_BYTES = 240,
    SELF = 32 << 20,
    FACTOR = 24 << 20,
    RESULT_BYTES = 96,
    PIECES = 16 << 20, /* of what is merged, at a time */
    KEPT = 8           /* a part of so many: what data/buf.c keeps beside what is in use */
};

enum { MAX_THREAD = 256 };

typedef struct stack {
    tid *at;
    uint32_t n, cap, head;
} stack;

typedef struct state {
    const plan *p;
    costs *costs;
    outlines *outlines; /* NULL: no functions of the language */
    forecast *f;
    uint64_t budget, live, running, largest;
    uint64_t *chain, *before; /* bytes of a result with what it alone is made of, and without it */
    uint64_t total;           /* of the ends of all chains */
    uint32_t *waits, *uses;
    tid *owner;       /* whose memory a result looks into; NO_TASK: nobody's here */
    uint32_t *looks;  /* results that look into it */
    uint64_t *adds;   /* bytes of memory that a result that has begun takes */
    uint64_t *size;   /* that results may have, those too that no grid tells, */
    uint64_t *likely; /* and most likely have, views too; */
    bool less;        /* some are smaller than their grids say */
    bool uneven;      /* tasks take less or more time than expected */
    tid *leaf;
    uint32_t nleaf, next_leaf;
    int nthread;
    struct player {
        tid task;
        task_cost cost; /* of it, as it began */
        tid place;      /* the input that its result replaces */
        double until;
        stack own;
    } at[MAX_THREAD];
} state;

/* bytes that k is given, as grids say, and most likely */
static uint64_t inputs_bytes(const state *s, const task *k, uint64_t *likely)
{
    uint64_t sum = *likely = 0;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = s->p->in[k->in + i];
        sum += costs_of(s->costs, in).block;
        *likely += s->likely[in];
    }
    return sum;
}

/* What is given less than its grids say makes smaller copies of it, and picks less of it. */
static void made_of_less(const state *s, const task *k, task_cost *c)
{
    uint64_t likely, sum = inputs_bytes(s, k, &likely);
    if (likely >= sum) return;
    const double part = (double)likely / (double)sum;
    uint64_t picked = (uint64_t)((double)c->picked * part);
    c->extra -= c->copied - (uint64_t)((double)c->copied * part);
    if (c->picked && picked < c->likely) c->likely = picked;
}

/* What is merged: all of it where blocks have little in common, else as much as the largest.  How
 * much they have in common is told by how much is left of one. */
static void merged(const state *s, tid t, task_cost *c)
{
    const task *k = &s->p->task[t], *from = k;
    uint64_t sum = 0, most = 0;
    for (uint32_t i = 0; i < k->nin; i++) {
        uint64_t n = s->size[s->p->in[k->in + i]];
        sum += n;
        if (n > most) most = n;
    }
    while (from->nin && costs_of(s->costs, (tid)(from - s->p->task)).merges)
        from = &s->p->task[s->p->in[from->in]];
    const float leaves = s->p->leaves ? s->p->leaves[from->prog] : -1;
    const double apart = leaves < 0 ? 0.5 : leaves > 1 ? 1 : (double)leaves;
    c->out = most + (uint64_t)((double)(sum - most) * apart);
    if (k->nin == 1) { /* it is handed on */
        c->out = 0;
        c->seconds = 0;
    } else if (c->extra < PIECES && c->extra < sum)
        c->extra = sum < PIECES ? sum : PIECES;
}

/* the inputs of k together, as large as they most likely are; *most: the largest.  parts: of each
 * only what falls to one of its readers */
static uint64_t given_likely(const state *s, const task *k, bool parts, uint64_t *most)
{
    uint64_t sum = *most = 0;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = s->p->in[k->in + i];
        uint64_t n = s->likely[in] / (parts ? s->p->task[in].nsucc : 1);
        sum += n;
        if (n > *most) *most = n;
    }
    return sum;
}

/* Where no grid tells sizes, the result and what it takes go by what t is given. */
static void made_of_open(const state *s, const task *k, task_cost *c)
{
    uint64_t most, sum = given_likely(s, k, c->parts && !c->merges, &most),
                   out = c->streams ? sum : most;
    c->seconds += (double)sum * c->byte_seconds;
    if (s->p->prog[k->prog]->foreign) return;
    if (c->copies * sum > c->extra) c->extra = c->copies * sum;
    if (c->likely < c->out) out = (uint64_t)((double)out * (double)c->likely / (double)c->out);
    if (c->unknown && !c->merges && out > c->likely) c->likely = out;
}

/* What t will take, for all that is known: a mask may leave half; what is not known at all is about
 * as large as the blocks that are made of it. */
static task_cost expected(state *s, tid t)
{
    task_cost c = costs_of(s->costs, t);
    const task *k = &s->p->task[t];
    if (s->less) made_of_less(s, k, &c);
    if (c.times) made_of_open(s, k, &c);
    c.out = c.likely;
    if (c.merges) merged(s, t, &c);
    if (c.unknown && !c.out && !k->nin && k->nsucc)
        c.out = costs_of(s->costs, s->p->succ[k->succ]).largest;
    if (s->outlines && s->p->prog[k->prog]->foreign) outline_task(s->outlines, t, &c);
    if (c.extra > c.most) c.most = c.extra;
    return c;
}

static void push(stack *s, tid t)
{
    if (s->n == s->cap)
        s->at = mem_grow(s->at, (s->cap = s->cap ? 2 * s->cap : 32) * sizeof *s->at);
    s->at[s->n++] = t;
}

static tid pop(stack *s)
{
    return s->n > s->head ? s->at[--s->n] : NO_TASK;
}

static tid steal(state *s, int thief)
{
    for (int k = 1; k < s->nthread; k++) {
        stack *from = &s->at[(thief + k) % s->nthread].own;
        if (from->n > from->head) return from->at[from->head++];
    }
    return NO_TASK;
}

static tid find(state *s, int w)
{
    tid t = pop(&s->at[w].own);
    if (t == NO_TASK && s->next_leaf < s->nleaf) t = s->leaf[s->next_leaf++];
    return t == NO_TASK ? steal(s, w) : t;
}

/* --- memory --- */

static void note_peak(state *s)
{
    uint64_t now = s->live + s->running;
    if (now > s->budget) { /* what is needed last makes room */
        uint64_t over = now - s->budget;
        if (over > s->live) over = s->live;
        s->f->spilled += over;
        s->live -= over;
        now -= over;
    }
    if (now > s->f->peak) s->f->peak = now;
}

static void let_go(state *s, tid t)
{
    tid o = s->owner[t];
    if (o == NO_TASK || --s->looks[o]) return;
    uint64_t n = s->adds[o];
    s->live = s->live > n ? s->live - n : 0;
}

/* the input whose place the result of t takes (plan/reuse.c), or NO_TASK */
static tid replaced(const state *s, tid t, const task_cost *c)
{
    const task *k = &s->p->task[t];
    for (uint32_t i = 0; i < k->nin && c->reuses && c->out; i++) {
        tid in = s->p->in[k->in + i], o = s->owner[in];
        if (s->uses[in] != 1 || o != in || s->looks[o] != 1) continue;
        if (s->p->task[in].flags & (TASK_WANTED | TASK_DONE)) continue;
        if (costs_of(s->costs, in).out == c->out) return in;
    }
    return NO_TASK;
}

static void made(state *s, tid t, const task_cost *c, tid place)
{
    const task *k = &s->p->task[t];
    s->running -= c->out + c->extra;
    tid first = k->nin ? s->p->in[k->in] : NO_TASK;
    if (place != NO_TASK) first = place;
    s->owner[t] = c->out ? t : first == NO_TASK ? NO_TASK : s->owner[first];
    if (k->flags & TASK_PLACED || (!k->nsucc && !(k->flags & TASK_WANTED))) {
        s->owner[t] = NO_TASK;
        return;
    }
    if (s->owner[t] != NO_TASK) s->looks[s->owner[t]]++;
    s->adds[t] = c->out ? c->out + RESULT_BYTES : 0;
    s->live += s->adds[t];
}

/* --- tasks --- */

/* What a task is given: the results of a layer together, as when they are joined; of its own layer,
 * as in a factorisation step by step, they do not add up. */
static uint64_t given_bytes(const state *s, const task *k)
{
    uint64_t sum = 0, most = 0;
    bool one = true;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = s->p->in[k->in + i];
        one &= s->p->task[in].prog == s->p->task[s->p->in[k->in]].prog;
        one &= s->p->task[in].prog != k->prog;
        sum += s->size[in];
        if (s->size[in] > most) most = s->size[in];
    }
    return one ? sum : most;
}

/* An item of a tuple is counted with who took it; what nobody takes goes with the tuple. */
static void take_item(state *s, tid t, uint64_t bytes)
{
    const task *k = &s->p->task[t];
    tid o = k->nin ? s->owner[s->p->in[k->in]] : NO_TASK;
    if (o == NO_TASK) return;
    if (bytes > s->adds[o]) bytes = s->adds[o];
    s->adds[o] -= bytes;
    s->live = s->live > bytes ? s->live - bytes : 0;
}

/* For the bound: how much t, and what only t is made of, can be at once, in whatever order tasks
 * run. What only t reads is gone when t has ended: there is either the result of t or what it is
 * made of (both while t runs, which is counted with the running).  Who makes the last input of a
 * task that any thread may run goes on with it, so that this input does not lie about either. */
static void count_chain(state *s, tid t, uint64_t out)
{
    const task *k = &s->p->task[t];
    uint64_t given = 0, last = UINT64_MAX;
    bool all = k->nin && !(k->flags & TASK_HOME) && !s->p->prog[k->prog]->foreign;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = s->p->in[k->in + i];
        const task *from = &s->p->task[in];
        bool only = from->nsucc == 1 && !(from->flags & (TASK_WANTED | TASK_DONE));
        uint64_t less = s->chain[in] - s->before[in];
        all &= only;
        if (only) given += s->chain[in];
        if (less < last) last = less;
    }
    s->total -= given;
    if (all) given -= last;
    if (k->flags & TASK_PLACED) out = 0; /* its place is counted */
    s->before[t] = given;
    s->chain[t] = out > given ? out : given;
    s->total += s->chain[t];
}

/* bytes that the result most likely shows */
static uint64_t likely_of(const state *s, const task *k, const task_cost *c)
{
    uint64_t most;
    if (c->out) return c->unknown || c->out < c->block ? c->out : c->block;
    if (!c->times || !c->block) return c->block;
    given_likely(s, k, false, &most);
    return most;
}

/* Half to four times of it, about as expected on average: threads are held up, others work too. */
static double unevenly(tid t)
{
    static const double times[] = {0.5, 0.5, 0.6, 0.7, 0.8, 1, 1.2, 4};
    return times[(t * 2654435761u) >> 29];
}

static void begin(state *s, int w, tid t, double now)
{
    const task *k = &s->p->task[t];
    task_cost c = expected(s, t);
    uint64_t out = costs_of(s->costs, t).out > c.out ? costs_of(s->costs, t).out : c.out;
    tid place = replaced(s, t, &c);
    if (place != NO_TASK) c.out = 0;
    program_forecast *g = &s->f->prog[s->p->task[t].prog];
    if (!g->tasks++) g->first = t;
    g->read += c.read;
    g->made += c.out;
    g->seconds += c.seconds;
    if (c.out + c.extra > g->held) g->held = c.out + c.extra;
    s->f->read += c.read;
    s->f->made += c.out;
    count_chain(s, t, out);
    /* kernels may copy a block that lies badly */
    uint64_t given = given_bytes(s, k);
    if (!c.out && c.largest > given) c.largest = given; /* windows of a block are no more than it */
    uint64_t most = (c.out ? c.block : 0) + c.most + c.largest;
    s->likely[t] = likely_of(s, k, &c);
    s->size[t] = c.picked ? s->likely[t] : c.block;
    if (c.unknown) s->size[t] = given > c.out ? given : c.out;
    s->less |= s->likely[t] < c.block;
    if (c.unknown && 4 * given > most) most = 4 * given; /* joined, sorted, counted */
    if (most > s->largest) s->largest = most;
    if (c.moves) take_item(s, t, c.out);
    uint64_t had = s->f->peak, placed = k->flags & TASK_PLACED ? c.out : 0;
    if (placed && c.fills) c.out = 0; /* its place is counted */
    s->running += c.out + c.extra;
    note_peak(s);
    uint64_t fresh = placed > s->f->peak - had ? placed : s->f->peak - had;
    c.seconds += (double)fresh * FRESH_NS * 1e-9;
    s->f->fresh += (double)fresh * FRESH_NS * 1e-9 / s->nthread;
    s->at[w].task = t;
    s->at[w].cost = c;
    s->at[w].place = place;
    s->at[w].until = now + c.seconds * (s->uneven ? unevenly(t) : 1);
}

static void end(state *s, int w)
{
    tid t = s->at[w].task;
    const task *k = &s->p->task[t];
    made(s, t, &s->at[w].cost, s->at[w].place);
    for (uint32_t i = k->flags & TASK_PLACED ? 0 : k->nsucc; i-- > 0;)
        if (--s->waits[s->p->succ[k->succ + i]] == 0) push(&s->at[w].own, s->p->succ[k->succ + i]);
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = s->p->in[k->in + i];
        if (--s->uses[in] == 0 && !(s->p->task[in].flags & TASK_WANTED)) let_go(s, in);
    }
    s->at[w].task = NO_TASK;
}

static void play(state *s)
{
    enum { OFTEN = 4096 };
    double now = 0;
    for (uint32_t turn = 1; turn % OFTEN || !stop_asked(); turn++) {
        int next = -1;
        for (int w = 0; w < s->nthread; w++) {
            tid t = s->at[w].task == NO_TASK ? find(s, w) : NO_TASK;
            if (t != NO_TASK) begin(s, w, t, now);
            if (s->at[w].task != NO_TASK && (next < 0 || s->at[w].until < s->at[next].until))
                next = w;
        }
        if (next < 0) break;
        now = s->at[next].until;
        end(s, next);
    }
    s->f->seconds = now;
}

static void prepare(state *s)
{
    const plan *p = s->p;
    size_t n = (size_t)p->ntask + 1;
    s->waits = mem_alloc(n * sizeof *s->waits);
    s->uses = mem_alloc(n * sizeof *s->uses);
    s->owner = mem_alloc(n * sizeof *s->owner);
    s->looks = mem_zero(n * sizeof *s->looks);
    s->size = mem_zero(n * sizeof *s->size);
    s->likely = mem_zero(n * sizeof *s->likely);
    s->adds = mem_zero(n * sizeof *s->adds);
    s->chain = mem_zero(n * sizeof *s->chain);
    s->before = mem_zero(n * sizeof *s->before);
    s->leaf = mem_alloc(n * sizeof *s->leaf);
    for (tid t = 0; t < p->ntask; t++) {
        s->waits[t] = atomic_load((_Atomic uint32_t *)(uintptr_t)&p->task[t].waits);
        s->uses[t] = atomic_load((_Atomic uint32_t *)(uintptr_t)&p->task[t].uses);
        s->owner[t] = NO_TASK;
        if (!s->waits[t] && !(p->task[t].flags & TASK_DONE)) s->leaf[s->nleaf++] = t;
    }
    for (uint32_t k = 0; k < p->nwanted; k++)
        s->f->result += costs_of(s->costs, p->wanted[k]).block;
    s->live = places_bytes(p);
}

static uint64_t plan_size(const plan *p)
{
    return p->ntask * (sizeof *p->task + sizeof *p->out) + p->nin * 2 * sizeof *p->in +
           p->nwanted * sizeof *p->wanted;
}

static forecast played(const plan *p, int nthread, uint64_t budget, bool uneven)
{
    forecast f = {.nprog = p->nprog,
                  .prog = mem_zero((p->nprog + 1) * sizeof *f.prog),
                  .wanted = mem_zero(((size_t)p->nwanted + 1) * sizeof *f.wanted)};
    state *s = mem_zero(sizeof *s);
    s->p = p;
    s->f = &f;
    s->costs = costs_new(p);
    s->outlines = p->nforeign ? outlines_new(p) : NULL;
    s->budget = budget;
    s->uneven = uneven;
    s->nthread = nthread < 1 ? 1 : nthread > MAX_THREAD ? MAX_THREAD : nthread;
    for (int w = 0; w < s->nthread; w++) s->at[w].task = NO_TASK;
    prepare(s);
    note_peak(s);
    play(s);
    /* with blocks of other sizes that data/buf.c keeps */
    f.bound = places_bytes(p) + s->total + (uint64_t)s->nthread * s->largest + f.peak / KEPT;
    if (f.bound > budget) f.bound = budget;
    uint64_t own = outlines_factor(s->outlines) ? FACTOR : 0;
    f.own = own + plan_size(p);
    f.peak += f.own;
    f.bound += 2 * own + p->ntask * (uint64_t)TASK_BYTES + SELF;
    const uint64_t kept = f.peak / KEPT, left = budget > f.peak ? budget - f.peak : 0,
                   least = f.peak + (kept < left ? kept : left) + SELF;
    if (f.bound < least) f.bound = least;
    for (int w = 0; w < s->nthread; w++) mem_free(s->at[w].own.at);
    f.left = s->live;
    for (uint32_t k = 0; k < p->nwanted; k++) {
        tid t = p->wanted[k];
        f.wanted[k] = s->owner[t] == t ? s->adds[t] : s->size[t];
    }
    costs_free(s->costs);
    outlines_free(s->outlines);
    mem_free(s->adds);
    mem_free(s->waits);
    mem_free(s->uses);
    mem_free(s->owner);
    mem_free(s->looks);
    mem_free(s->size);
    mem_free(s->likely);
    mem_free(s->leaf);
    mem_free(s->chain);
    mem_free(s->before);
    mem_free(s);
    return f;
}

forecast plan_forecast(const plan *p, int nthread, uint64_t budget)
{
    return played(p, nthread, budget, false);
}

/* Threads do not take turns as regularly as that, so that more results may wait for others. */
forecast plan_expect(const plan *p, int nthread, uint64_t budget)
{
    enum { MANY = 1 << 16 };
    forecast f = played(p, nthread, budget, false);
    if (nthread < 2 || p->ntask > MANY) return f;
    forecast g = played(p, nthread, budget, true);
    f.peak = f.peak / 2 + g.peak / 2;
    if (g.bound > f.bound) f.bound = g.bound;
    if (g.spilled > f.spilled) f.spilled = g.spilled;
    forecast_clear(&g);
    return f;
}

void forecast_join(forecast *f, const plan *p, int n, const expr *const *x)
{
    uint32_t first = 0;
    uint64_t joined = 0, all = 0, most = 0;
    for (int i = 0; i < n; i++) {
        uint64_t bytes = 0, largest = 0;
        uint32_t end = first + (uint32_t)x[i]->chunks->nblock;
        bool whole = end - first < 2;
        for (uint32_t k = first; k < end; k++) {
            whole |= p->task[p->wanted[k]].flags & TASK_PLACED;
            bytes += f->wanted[k];
            if (f->wanted[k] > largest) largest = f->wanted[k];
        }
        all += bytes;
        if (!whole) joined += bytes;
        if (!whole && largest > most) most = largest;
        first = end;
    }
    f->bound += joined;
    /* a block goes when it is in its place, and that may be less than what it is copied to */
    uint64_t held = (f->left > all ? f->left : all) + f->own + most;
    if (held > f->peak) f->peak = held;
    f->seconds += (double)joined * FRESH_NS * 1e-9;
    f->fresh += (double)joined * FRESH_NS * 1e-9;
}

/* --- the machine --- */

static double chain_ns(void) /* of steps that wait for each other: of so many cycles anywhere */
{
    enum { STEPS = 2000 };
    struct timespec from, to;
    volatile uint64_t start = 1;
    uint64_t x = start;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < STEPS; i++) x = x * 6364136223846793005u ^ x >> 29;
    start = x;
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / STEPS;
}

/* Its host may have to find the memory first, which takes ten times as long: not all of it. */
static double fresh_ns(void)
{
    const double QUICK = 0.05, SLOW = 0.6;
    double ns = buf_fresh_ns();
    return ns < QUICK ? QUICK : ns > SLOW ? SLOW : ns;
}

void forecast_here(forecast *f)
{
    enum { TRIES = 5 };
    const double THERE = 1.04; /* where the figures of plan/cost.c were taken */
    double ns = chain_ns();
    for (int i = 1; i < TRIES; i++) {
        double again = chain_ns();
        if (again < ns) ns = again;
    }
    double fresh = f->fresh < f->seconds ? f->fresh : f->seconds;
    f->seconds = (f->seconds - fresh) * ns / THERE + fresh * fresh_ns() / FRESH_NS;
    for (uint32_t i = 0; i < f->nprog; i++) f->prog[i].seconds *= ns / THERE;
}

void forecast_clear(forecast *f)
{
    mem_free(f->prog);
    mem_free(f->wanted);
    f->prog = NULL;
    f->wanted = NULL;
}
