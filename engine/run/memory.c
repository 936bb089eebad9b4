/* engine/run/memory.c - who may run, and what has to leave.
 *
 * Memory belongs to buffers, and several results may look into one: the results of a buffer are a
 * group, and a buffer is free when its whole group has been spilled or used up.  A group whose
 * buffer somebody else holds too (an array of the user's) costs nothing and stays.
 *
 *     budget >= live (groups in memory) + running (reserved by tasks that have begun)
 *
 * One lock guards everything; it is not held while a task runs or bytes move. */
#include "engine/run/memory_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- life --- */

static void init(memory *m)
{
    pthread_condattr_t a;
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&m->change, &a);
    pthread_condattr_destroy(&a);
}

memory *memory_new(plan *p, uint64_t budget, uint64_t held, bool near, const run_opts *o)
{
    memory *m = mem_zero(sizeof *m);
    init(m);
    m->p = p;
    m->costs = costs_new(p);
    m->dir = o->spill ? mem_dup(o->spill) : NULL;
    m->kept = o->larder;
    m->held = o->larder ? held : 0;
    m->budget = budget;
    m->near = near;
    m->keeps = o->keeps;
    if (near) buf_set_short(true);
    m->least = budget >> 12 < LEAST ? budget >> 12 : LEAST;
    m->unused = NO_GROUP;
    for (int i = 0; i < NBUCKET; i++) m->bucket[i] = NO_GROUP;
    m->at = mem_zero(((size_t)p->ntask + 1) * sizeof *m->at);
    for (tid t = 0; t < p->ntask; t++) {
        m->at[t].group = NO_GROUP;
        m->nleft += !(p->task[t].flags & TASK_DONE);
        if (p->task[t].flags & TASK_DONE && is_away(atomic_load(&p->out[t]))) m->at[t].where = AWAY;
    }
    return m;
}

bool memory_is_near(const memory *m)
{
    return m && m->near;
}

void memory_free(memory *m)
{
    if (!m) return;
    buf_set_wall(NULL, m);
    if (m->near) buf_set_short(false);
    mem_set_tight(false);
    for (tid t = 0; t < m->p->ntask; t++) datum_unref(m->at[t].copy);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->change);
    costs_free(m->costs);
    spill_unref(m->file);
    mem_free(m->dir);
    mem_free(m->group);
    mem_free(m->at);
    mem_free(m);
}

/* --- what leaves --- */

/* the first task that will read t: tasks are numbered by priority */
static tid next_reader(memory *m, tid t)
{
    slot *s = &m->at[t];
    const task *k = &m->p->task[t];
    while (s->next < k->nsucc && m->at[m->p->succ[k->succ + s->next]].done) s->next++;
    if (s->next < k->nsucc) return m->p->succ[k->succ + s->next];
    return k->flags & TASK_WANTED ? NO_TASK : 0;
}

typedef struct victim {
    int32_t group;
    tid when;
} victim;

static int by_latest(const void *a, const void *b)
{
    const victim *x = a, *y = b;
    if (x->when != y->when) return x->when < y->when ? 1 : -1;
    return x->group < y->group ? -1 : 1;
}

static bool may_leave(memory *m, const group *g, tid *when)
{
    if (!group_may_idle(g) || !g->nresult || g->bytes < m->least) return false;
    if (g->of && atomic_load(&((buf *)(uintptr_t)g->of)->rc) > g->nresult) return false;
    *when = NO_TASK;
    for (tid t = g->first; t != NO_TASK; t = m->at[t].sibling) {
        if (!spill_takes_result(atomic_load(&m->p->out[t]))) return false;
        if (g->parts && m->p->task[t].flags & TASK_WANTED) return false; /* seen by who asked */
        tid reader = next_reader(m, t);
        if (reader < *when) *when = reader;
    }
    return true;
}

/* groups to spill: those needed last, about `bytes` of them; mem_free it */
static int32_t *choose(memory *m, uint64_t bytes, uint32_t *n)
{
    victim *all = mem_alloc(((size_t)m->ngroup + 1) * sizeof *all);
    uint32_t have = 0;
    uint64_t sum = 0;
    for (int32_t i = 0; i < m->ngroup; i++)
        if (may_leave(m, &m->group[i], &all[have].when)) all[have++].group = i;
    qsort(all, have, sizeof *all, by_latest);
    int32_t *chosen = mem_alloc((have + 1) * sizeof *chosen);
    for (*n = 0; *n < have && sum < bytes; (*n)++) {
        group *g = &m->group[chosen[*n] = all[*n].group];
        group_count_idle(m, g, -1);
        g->leaving = true;
        m->leaving += g->bytes;
        sum += g->bytes;
        for (tid t = g->first; t != NO_TASK; t = m->at[t].sibling) m->at[t].where = LEAVING;
    }
    mem_free(all);
    return chosen;
}

/* How its first reader will cut t's result, or NULL. */
static grid *tiles_of(const plan *p, tid t, tid reader, arena *a)
{
    const task *k = &p->task[reader];
    const program *g = p->prog[k->prog];
    task_view v = {0};
    err e = {0};
    arena_reset(a);
    if (g->nstep != 1 || !layer_task(g->by[0], k->index, a, &v, &e)) {
        err_clear(&e);
        return NULL;
    }
    if (!v.f || !v.f->kind->tiles || v.nin != k->nin) return NULL;
    for (uint32_t i = 0; i < k->nin; i++)
        if (p->in[k->in + i] == t) return v.f->kind->tiles(v.f, v.in[i].i);
    return NULL;
}

static datum *write_result(memory *m, tid t, tid reader, err *e)
{
    if (m->at[t].copy) return m->at[t].copy;
    arena a = {0};
    grid *tiles = reader < m->p->ntask ? tiles_of(m->p, t, reader, &a) : NULL;
    datum *away = spill_result(m->file, atomic_load(&m->p->out[t]), tiles, e);
    datum_unref(tiles);
    arena_clear(&a);
    return away;
}

static void gone(memory *m, uint64_t bytes)
{
    m->running -= bytes;
    m->leaving -= bytes;
}

/* without the lock: nobody touches results that are leaving */
static bool write_group(memory *m, int32_t i, err *e)
{
    pthread_mutex_lock(&m->lock);
    uint32_t n = m->group[i].nresult, have = 0;
    tid *t = mem_alloc(2 * n * sizeof *t), *reader = t + n;
    for (tid s = m->group[i].first; s != NO_TASK; s = m->at[s].sibling) t[have++] = s;
    for (uint32_t k = 0; k < n; k++) reader[k] = next_reader(m, t[k]);
    bool open = m->file || (m->file = spill_open(m->dir, e));
    pthread_mutex_unlock(&m->lock);
    bool ok = open;
    datum **away = mem_zero(n * sizeof *away);
    for (uint32_t k = 0; k < n && ok; k++)
        ok = (away[k] = write_result(m, t[k], reader[k], e)) != NULL;
    pthread_mutex_lock(&m->lock);
    group *g = &m->group[i];
    uint64_t going = ok ? g->bytes : 0;
    m->leaving -= g->bytes - going;
    g->leaving = false;
    m->running += going; /* until it is really gone */
    group_count_idle(m, g, 1);
    for (uint32_t k = 0; k < n; k++) {
        m->at[t[k]].where = HERE;
        if (!ok && away[k] == m->at[t[k]].copy) away[k] = NULL;
        if (!ok) continue;
        result_remove(m, t[k]);
        m->at[t[k]].where = AWAY;
        m->at[t[k]].copy = NULL;
        datum *was = atomic_exchange(&m->p->out[t[k]], away[k]);
        away[k] = was;
    }
    pthread_mutex_unlock(&m->lock);
    for (uint32_t k = 0; k < n; k++) datum_unref(away[k]);
    pthread_mutex_lock(&m->lock);
    gone(m, going);
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
    mem_free(away);
    mem_free(t);
    return ok;
}

bool memory_spill(memory *m, uint64_t bytes, err *e)
{
    uint32_t n;
    if (bytes < m->budget / 16) bytes = m->budget / 16;
    int32_t *chosen = choose(m, bytes, &n);
    bool ok = n > 0;
    pthread_mutex_unlock(&m->lock);
    for (uint32_t i = 0; i < n; i++) ok &= write_group(m, chosen[i], e);
    mem_free(chosen);
    pthread_mutex_lock(&m->lock);
    return ok;
}

bool memory_take_kept(memory *m, uint64_t bytes, err *e)
{
    if (!m->held) return false;
    if (bytes < m->budget / 16) bytes = m->budget / 16;
    pthread_mutex_unlock(&m->lock);
    uint64_t now = larder_here(m->kept); /* blocks may have died meanwhile */
    if (now >= m->held && larder_shrink(m->kept, now > bytes ? now - bytes : 0, m->dir, e))
        now = larder_here(m->kept);
    pthread_mutex_lock(&m->lock);
    uint64_t less = m->held > now ? m->held - now : 0;
    m->held -= less;
    m->budget += less;
    return less && !e->kind;
}

/* --- who may run --- */

void memory_wait(memory *m)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += WAIT_MS * 1000000;
    if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&m->change, &m->lock, &ts);
}

static uint64_t size_now(const datum *d) /* of a result, here or not */
{
    return is_away(d) ? away_room(d) : as_nd(d) ? nd_bytes(as_nd(d)) : datum_bytes(d);
}

typedef struct demand {
    uint64_t own, fetch; /* bytes: to reserve; of inputs to fetch */
    bool streams, unsettled;
    bool gives; /* all it does is let go of its inputs */
} demand;

static demand demand_of(memory *m, tid t)
{
    const task *k = &m->p->task[t];
    task_cost c = costs_of(m->costs, t);
    demand d = {.own = c.out + c.most, .streams = c.streams};
    uint64_t largest = 0, given = 0;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = m->p->in[k->in + i];
        const slot *s = &m->at[in];
        if (c.times && s->where != NOWHERE) {
            uint64_t n = size_now(atomic_load(&m->p->out[in])), readers = m->p->task[in].nsucc;
            given += c.merges ? n : c.parts ? 4 * n / readers : c.times * n;
        }
        d.unsettled |= s->where == LEAVING || s->where == COMING;
        if (s->where != AWAY) continue;
        uint64_t n = away_room(atomic_load(&m->p->out[in]));
        d.fetch += n;
        if (n > largest) largest = n;
    }
    if (given > d.own) d.own = given;
    if (c.unknown && !k->nin && 2 * m->seen > d.own) d.own = 2 * m->seen; /* and a copy */
    d.gives = k->nin && !d.own && !d.fetch;
    if (d.streams) {
        uint64_t part = 2 * c.out / (k->nin ? k->nin : 1);
        d.own += c.parts && part < largest ? part : largest;
        d.fetch = 0;
    }
    return d;
}

bool memory_admits(memory *m, tid t)
{
    pthread_mutex_lock(&m->lock);
    demand d = demand_of(m, t);
    uint64_t must = m->live - m->idle - m->leaving + m->running + d.own;
    bool ok = !m->nrunning || must <= m->budget;
    pthread_mutex_unlock(&m->lock);
    return ok;
}

/* What a task is given has to be there together, unless it fetches for itself. */
static bool inputs_fit(memory *m, tid t, err *e)
{
    const task *k = &m->p->task[t];
    uint64_t sum = 0;
    if (costs_of(m->costs, t).streams) return true;
    for (uint32_t i = 0; i < k->nin; i++) {
        const datum *d = atomic_load(&m->p->out[m->p->in[k->in + i]]);
        sum += size_now(d);
    }
    return sum <= m->budget || task_is_too_large(m->p, t, sum, m->budget, e);
}

/* with the lock */
static bool make_room(memory *m, tid t, demand *d, _Atomic int *stop, err *e)
{
    enum { PATIENCE = 1000 / WAIT_MS }; /* a claim may be with somebody who sleeps */
    const task *k = &m->p->task[t];
    int waited = 0;
    while (!atomic_load_explicit(stop, memory_order_acquire)) {
        if (m->nalone) {
            memory_wait(m);
            continue;
        }
        *d = demand_of(m, t);
        uint64_t need = m->live + m->running + m->other + d->own + d->fetch;
        if (!d->unsettled && (d->gives || need <= m->budget)) return true;
        uint64_t over = need > m->budget ? need - m->budget : 0;
        if (over > m->leaving) {
            if (!d->streams) inputs_pin(m, k, true); /* it would have to fetch its own again */
            bool some = memory_spill(m, over - m->leaving, e);
            if (!d->streams) inputs_pin(m, k, false);
            if (e->kind) return false;
            if (some) continue;
            if (memory_take_kept(m, over, e)) continue;
            if (e->kind) return false;
            bool alone = !m->nrunning && !m->leaving && (!m->nclaimed || waited > PATIENCE);
            if (alone && !d->unsettled) return inputs_fit(m, t, e);
        }
        memory_wait(m);
        waited++;
    }
    return false;
}

static bool fetch(memory *m, tid t, err *e)
{
    datum *away = atomic_load(&m->p->out[t]);
    datum *d = away_fetch(away, e);
    pthread_mutex_lock(&m->lock);
    m->running -= away_room(away);
    if (d) {
        atomic_store(&m->p->out[t], d);
        result_add(m, t, d);
        m->at[t].copy = away; /* a join may be reading it, and t may have to leave again */
    } else
        m->at[t].where = AWAY;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
    return d != NULL;
}

void memory_claim(memory *m, tid t)
{
    pthread_mutex_lock(&m->lock);
    if (!m->at[t].claimed) {
        inputs_pin(m, &m->p->task[t], true);
        m->nclaimed++;
    }
    m->at[t].claimed = true;
    pthread_mutex_unlock(&m->lock);
}

/* with the lock: inputs that are away and that t will fetch; mem_free it */
static tid *announce(memory *m, const task *k, uint32_t *n)
{
    tid *coming = mem_alloc(((size_t)k->nin + 1) * sizeof *coming);
    *n = 0;
    for (uint32_t i = 0; i < k->nin; i++) {
        tid in = m->p->in[k->in + i];
        if (m->at[in].where != AWAY) continue;
        m->at[in].where = COMING;
        m->running += away_room(atomic_load(&m->p->out[in]));
        coming[(*n)++] = in;
    }
    return coming;
}

/* takes coming */
static bool fetch_all(memory *m, tid *coming, uint32_t n, err *e)
{
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) { /* all of them: others wait for what is announced */
        err mine = {0};
        if (fetch(m, coming[i], &mine)) continue;
        err_move(e, &mine);
        ok = false;
    }
    mem_free(coming);
    return ok;
}

/* There was no room for an input that has to come back: as a task that runs again. */
static bool fetch_alone(memory *m, tid t, _Atomic int *stop, err *e)
{
    uint32_t n;
    if (!memory_wait_alone(m, stop)) return false;
    pthread_mutex_lock(&m->lock);
    tid *coming = announce(m, &m->p->task[t], &n);
    pthread_mutex_unlock(&m->lock);
    return fetch_all(m, coming, n, e);
}

bool memory_enter(memory *m, tid t, uint64_t *reserved, _Atomic int *stop, err *e)
{
    const task *k = &m->p->task[t];
    demand d;
    uint32_t n = 0;
    pthread_mutex_lock(&m->lock);
    if (m->at[t].claimed) {
        inputs_pin(m, k, false);
        m->nclaimed--;
        pthread_cond_broadcast(&m->change);
    }
    m->at[t].claimed = false;
    bool ok = make_room(m, t, &d, stop, e);
    if (!ok) {
        pthread_mutex_unlock(&m->lock);
        return false;
    }
    inputs_pin(m, k, true);
    tid *coming = d.fetch ? announce(m, k, &n) : NULL;
    *reserved = d.own;
    m->running += d.own;
    if (m->running > m->most) m->most = m->running;
    m->nrunning++;
    memory_note_peak(m);
    pthread_mutex_unlock(&m->lock);
    memory_watch(m, true);
    ok = fetch_all(m, coming, n, e);
    if (!ok && e->kind == MemoryError && memory_may_repeat(m, t, reserved)) {
        err_clear(e);
        ok = fetch_alone(m, t, stop, e);
    }
    if (ok) return true;
    memory_made(m, t, *reserved, NULL, e);
    memory_leave(m, t);
    return false;
}

datum *memory_compact(memory *m, tid t, datum *out)
{
    enum { SMALL = 4 }; /* a fourth */
    const nd *x = as_nd(out);
    const task *k = &m->p->task[t];
    bool last = k->flags & TASK_WANTED && !k->nsucc; /* no kernel will see how it lies */
    if (!x) return datum_bytes(out) < m->least ? out : result_apart(out);
    if (!m->near || x->b->size < m->least || nd_bytes(x) > x->b->size / SMALL) return out;
    if (!nd_is_c(x) && !last) return out;
    pthread_mutex_lock(&m->lock);
    int32_t i = group_find(m, x->b);
    bool ours = i != NO_GROUP && m->group[i].bytes;
    pthread_mutex_unlock(&m->lock);
    err e = {0};
    nd *copy = ours ? nd_copy(x, &e) : NULL;
    err_clear(&e);
    if (!copy) return out;
    datum_unref(out);
    return &copy->hdr;
}

/* Bytes of the result of t, a function of the user's, as its grid announces them, which it need not
 * heed. */
static uint64_t announced_bytes(memory *m, tid t)
{
    const program *g = m->p->prog[m->p->task[t].prog];
    const task_cost c = costs_of(m->costs, t);
    return (g->foreign || g->step[0]->foreign) && !c.selects ? c.block : 0;
}

/* with the lock: the first results have the sizes that grids announce, which are too much. */
static bool will_be_too_much(memory *m, tid t, uint64_t is)
{
    enum { SOME = 8 };
    const uint64_t said = announced_bytes(m, t);
    if (!said) return false;
    m->nas_said += is == said;
    m->other_sizes |= is != said;
    if (m->nas_said != SOME || m->other_sizes) return false;
    for (uint32_t k = 0; k < m->p->nwanted; k++)
        m->announced += announced_bytes(m, m->p->wanted[k]);
    return m->announced > m->budget + m->held;
}

/* with the lock: t's result stays to the end. False: it is not counted yet, and too much. */
static bool add_wanted(memory *m, tid t, const datum *out)
{
    uint64_t known = result_bytes(m->p, m->costs, t), is = size_now(out);
    const nd *x = as_nd(out);
    if (will_be_too_much(m, t, x ? nd_bytes(x) : is)) return false;
    if (x && !buf_shared(x->b)) is = x->b->size;
    if (is <= known) return true;
    m->live += is - known;
    m->surplus += is - known;
    memory_note_peak(m);
    uint64_t room =
        m->nleft ? m->most < m->budget / 8 ? m->most : m->budget / 8 : 0; /* for tasks */
    err e = {0};
    while (m->surplus > m->budget - room && memory_take_kept(m, m->surplus, &e)) continue;
    err_clear(&e);
    return m->surplus <= m->budget - room;
}

bool memory_made(memory *m, tid t, uint64_t reserved, const datum *out, err *e)
{
    bool wanted = m->p->task[t].flags & TASK_WANTED, ok = true;
    pthread_mutex_lock(&m->lock);
    m->running -= reserved;
    m->nleft -= out && !m->at[t].done;
    m->at[t].done = out != NULL;
    uint64_t live = m->live;
    if (out && wanted && !m->keeps)
        ok = add_wanted(m, t, out);
    else if (out)
        result_add(m, t, out);
    live = m->live - live;
    if (out && live > m->seen && costs_of(m->costs, t).unknown) m->seen = live;
    if (out && !as_nd(out)) ok &= memory_look_around(m);
    pthread_mutex_unlock(&m->lock);
    return ok || results_are_too_large(m->p, t, m->announced, m->budget, e);
}

uint64_t memory_drop(memory *m, tid t)
{
    pthread_mutex_lock(&m->lock);
    uint64_t live = m->live;
    if (m->at[t].group != NO_GROUP) result_remove(m, t);
    m->at[t].where = NOWHERE;
    datum *copy = m->at[t].copy;
    m->at[t].copy = NULL;
    live -= m->live;
    m->running += live;
    m->leaving += live;
    pthread_mutex_unlock(&m->lock);
    datum_unref(copy);
    return live;
}

void memory_dropped(memory *m, tid t, uint64_t bytes)
{
    pthread_mutex_lock(&m->lock);
    gone(m, bytes);
    result_heirs(m, t);
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
}

void memory_leave(memory *m, tid t)
{
    memory_watch(m, false);
    pthread_mutex_lock(&m->lock);
    inputs_pin(m, &m->p->task[t], false);
    m->nrunning--;
    m->nalone -= m->at[t].alone;
    m->at[t].alone = false;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
}

memory_use memory_report(memory *m)
{
    pthread_mutex_lock(&m->lock);
    memory_use u = {m->budget, m->peak, m->file ? spill_bytes(m->file) : 0};
    pthread_mutex_unlock(&m->lock);
    return u;
}
