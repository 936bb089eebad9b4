/* engine/run/hands.c - which worker does which errand: queues by priority, choice, theft, and what
 * drivers of workers report (results.c: where the results are). */
#include "engine/run/foreman_impl.h"

#include <string.h>

#include "engine/base/str.h"

/* ---- heaps: higher priority first, then older ---- */

static bool before(const errand *a, const errand *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->seq < b->seq;
}

void heap_push(heap *h, errand *e)
{
    if (h->n == h->cap) h->at = mem_grow(h->at, (h->cap = h->cap ? h->cap * 2 : 16) * sizeof e);
    uint32_t i = h->n++;
    for (; i && before(e, h->at[(i - 1) / 2]); i = (i - 1) / 2) h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = e;
    e->rc++;
}

errand *heap_pop(heap *h)
{
    if (!h->n) return NULL;
    errand *top = h->at[0], *last = h->at[--h->n];
    uint32_t i = 0;
    for (;;) {
        uint32_t k = 2 * i + 1;
        if (k >= h->n) break;
        if (k + 1 < h->n && before(h->at[k + 1], h->at[k])) k++;
        if (!before(h->at[k], last)) break;
        h->at[i] = h->at[k];
        i = k;
    }
    if (h->n) h->at[i] = last;
    return top;
}

/* The first that is still to be done. */
static errand *pop_ready(heap *h)
{
    for (errand *e; (e = heap_pop(h)); errand_put(e))
        if (e->state == ERRAND_READY) return e;
    return NULL;
}

static bool may(const errand *e, int who)
{
    return !e->only || e->only >> who & 1;
}

/* ---- what tasks use up beside threads ---- */

/* Would e's needs be met if nothing (or what is used now) were taken from h? */
static bool suffices(const hand *h, const errand *e, bool now)
{
    for (int k = 0; e->need && k < MAX_RESOURCES; k++)
        if (e->need[k] > h->has[k] - (now ? h->used[k] : 0) + 1e-9) return false;
    return true;
}

static void use(hand *h, const errand *e, double times)
{
    for (int k = 0; e->need && k < MAX_RESOURCES; k++) h->used[k] += times * e->need[k];
}

/* The place in from->needy of the first that can run at h, bit `who`; -1: none. */
static int64_t first_needy(hand *from, const hand *h, int who)
{
    int64_t best = -1;
    for (uint32_t i = 0; i < from->needy.n; i++) {
        const errand *e = from->needy.at[i];
        if (e->state != ERRAND_READY) continue;
        if (!suffices(h, e, true) || !(e->loose || may(e, who))) continue;
        if (best < 0 || before(e, from->needy.at[best])) best = i;
    }
    return best;
}

static errand *take_needy(hand *from, int64_t i)
{
    errand *e = from->needy.at[i];
    from->needy.at[i] = from->needy.at[--from->needy.n];
    return e;
}

static void drop_stale(hand *h)
{
    for (uint32_t i = 0; i < h->needy.n;)
        if (h->needy.at[i]->state == ERRAND_READY)
            i++;
        else
            errand_put(take_needy(h, i));
}

/* To h's queue; needs are looked at when its turn comes. */
static void enqueue(hand *h, errand *e)
{
    heap *n = &h->needy;
    if (!e->need) {
        heap_push(&h->queue, e);
        return;
    }
    if (n->n == n->cap) n->at = mem_grow(n->at, (n->cap = n->cap ? n->cap * 2 : 16) * sizeof e);
    n->at[n->n++] = e;
    e->rc++;
}

/* ---- choice ---- */

static uint64_t bytes_missing(const errand *e, int who)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < e->nin; i++)
        if (!(e->in[i]->where >> who & 1)) n += e->in[i]->bytes;
    return n;
}

/* How long it would take until e runs there, about: a task in front counts as a millisecond, a
 * byte to be moved as a nanosecond. */
static double delay(const foreman *f, const errand *e, int who)
{
    const hand *h = &f->hand[who];
    int64_t queued = (int64_t)h->queue.n + h->needy.n;
    double ahead = (double)(h->running + queued) / h->nthread;
    if (h->running < h->nthread && !queued) ahead *= 0.5;
    return ahead * 1e-3 + 1e-9 * (double)bytes_missing(e, who);
}

static int choose(foreman *f, const errand *e, bool anyone)
{
    int best = -1;
    double least = 0;
    f->turn = f->nhand ? (f->turn + 1) % f->nhand : 0;
    for (int k = 0; k < f->nhand; k++) {
        int i = (f->turn + k) % f->nhand;
        if (f->hand[i].gone || !(anyone || may(e, i))) continue;
        if (!suffices(&f->hand[i], e, false)) continue;
        double d = delay(f, e, i);
        if (best < 0 || d < least) best = i, least = d;
    }
    return best;
}

void errand_ready(errand *e)
{
    foreman *f = e->of;
    e->state = ERRAND_READY;
    int i = choose(f, e, false);
    if (i < 0 && e->loose) i = choose(f, e, true);
    if (i < 0) {
        heap_push(&f->limbo, e);
        return;
    }
    hand *h = &f->hand[i];
    enqueue(h, e);
    if (h->running < h->nthread) {
        f->poke = true;
        pthread_cond_signal(&h->wake);
    }
}

void hands_replace(foreman *f)
{
    heap old = f->limbo;
    f->limbo = (heap){0};
    for (errand *e; (e = pop_ready(&old)); errand_put(e)) errand_ready(e);
    mem_free(old.at);
}

/* ---- workers come and go ---- */

int foreman_hire(foreman *f, int nthread)
{
    foreman_enter(f);
    int i = f->nhand < MAX_HANDS ? f->nhand++ : -1;
    if (i >= 0) {
        f->hand[i] = (hand){.nthread = nthread > 0 ? nthread : 1};
        cond_init(&f->hand[i].wake);
        hands_replace(f);
    }
    foreman_leave(f);
    return i;
}

void foreman_rehire(foreman *f, int who)
{
    foreman_enter(f);
    f->hand[who].gone = false;
    f->hand[who].running = 0;
    memset(f->hand[who].used, 0, sizeof f->hand[who].used);
    hands_replace(f);
    foreman_leave(f);
}

int foreman_resource(foreman *f, const char *name)
{
    int k = 0;
    foreman_enter(f);
    while (k < MAX_RESOURCES && f->resource[k] && strcmp(f->resource[k], name)) k++;
    if (k < MAX_RESOURCES && !f->resource[k]) f->resource[k] = mem_dup(name);
    foreman_leave(f);
    return k < MAX_RESOURCES ? k : -1;
}

void foreman_equip(foreman *f, int who, const double has[MAX_RESOURCES])
{
    foreman_enter(f);
    memcpy(f->hand[who].has, has, sizeof f->hand[who].has);
    hands_replace(f);
    f->poke = true;
    foreman_leave(f);
}

void foreman_forgive(foreman *f, int deaths)
{
    foreman_enter(f);
    f->most_deaths = deaths;
    foreman_leave(f);
}

static void lose(errand *e, int who, const char *how)
{
    if (e->state == ERRAND_PROCESSING && e->worker == who) {
        e->attempt = 0;
        if (++e->deaths > e->of->most_deaths || e->retries < 0) {
            err x = {0};
            if (e->retries < 0)
                err_set(&x, RuntimeError, "the worker was %s", how);
            else
                err_set(&x, RuntimeError, "KilledWorker");
            failure *why = failure_new(&x);
            errand_fail(e, why, e);
            foreman_trash(e->of, why);
        } else {
            e->state = ERRAND_RELEASED;
            errand_start(e);
        }
    } else if (e->state == ERRAND_MEMORY && e->where >> who & 1) {
        errand_lies(e, e->where & ~(1ull << who));
        if (e->where || e->value || !e->func) return;
        e->state = ERRAND_RELEASED;
        errand_start(e);
    }
}

/* Errands that wait count on what has been lost: they begin anew after it. */
static bool starved(const errand *e)
{
    if (e->state != ERRAND_READY) return false;
    for (uint32_t i = 0; i < e->nin; i++)
        if (e->in[i]->state != ERRAND_MEMORY) return true;
    return false;
}

typedef bool (*pick_fn)(const errand *e);

static bool any_errand(const errand *e)
{
    (void)e;
    return true;
}

/* Counted, oldest first (inputs are older than what they are for). */
static errand **picked(foreman *f, pick_fn pick, uint32_t *n)
{
    errand **all = mem_alloc((f->ntable + 1) * sizeof *all);
    *n = 0;
    for (uint32_t i = 0; i < f->cap; i++)
        for (errand *e = f->table[i]; e; e = e->chain)
            if (pick(e)) {
                e->rc++;
                all[(*n)++] = e;
            }
    return all;
}

void foreman_dismiss(foreman *f, int who, const char *how)
{
    hand *h = &f->hand[who];
    uint32_t n;
    foreman_enter(f);
    h->gone = true;
    for (errand *e; (e = pop_ready(&h->queue)); errand_put(e)) errand_ready(e);
    drop_stale(h);
    while (h->needy.n) {
        errand *e = take_needy(h, 0);
        errand_ready(e);
        errand_put(e);
    }
    if (how) {
        errand **all = picked(f, any_errand, &n);
        for (uint32_t i = 0; i < n; i++) lose(all[i], who, how);
        for (uint32_t i = 0; i < n; i++) errand_put(all[i]);
        mem_free(all);
        all = picked(f, starved, &n);
        for (uint32_t i = 0; i < n; i++) errand_start(all[i]);
        for (uint32_t i = 0; i < n; i++) errand_put(all[i]);
        mem_free(all);
        h->running = 0;
    }
    pthread_cond_broadcast(&h->wake);
    f->poke = true;
    foreman_leave(f);
}

void foreman_pause(foreman *f, int who)
{
    foreman_enter(f);
    f->hand[who].running--;
    f->poke = true;
    pthread_cond_signal(&f->hand[who].wake);
    foreman_leave(f);
}

void foreman_resume(foreman *f, int who)
{
    foreman_enter(f);
    f->hand[who].running++;
    foreman_leave(f);
}

int foreman_hands(foreman *f)
{
    foreman_enter(f);
    int n = f->nhand;
    foreman_leave(f);
    return n;
}

hand_counts foreman_count(foreman *f, int who)
{
    foreman_enter(f);
    const hand *h = &f->hand[who];
    hand_counts c = {h->running > 0 ? (uint32_t)h->running : 0, h->queue.n + h->needy.n, h->held,
                     h->bytes, h->gone};
    foreman_leave(f);
    return c;
}

/* ---- work ---- */

/* What needs more than a thread, and was meant for another that has less to give now. */
static errand *steal_needy(foreman *f, int thief)
{
    for (int i = 0; i < f->nhand; i++) {
        hand *h = &f->hand[i];
        int64_t at = i == thief ? -1 : first_needy(h, &f->hand[thief], thief);
        if (at >= 0 && !(suffices(h, h->needy.at[at], true) && h->running < h->nthread))
            return take_needy(h, at);
    }
    return NULL;
}

/* What waits at the busiest worker that has no hand free for it. */
static errand *steal(foreman *f, int thief)
{
    int from = -1;
    for (int i = 0; i < f->nhand; i++) {
        const hand *h = &f->hand[i];
        if (i == thief || !h->queue.n || h->running < h->nthread) continue;
        if (from < 0 || h->queue.n > f->hand[from].queue.n) from = i;
    }
    if (from < 0) return NULL;
    errand *e = pop_ready(&f->hand[from].queue);
    if (!e || may(e, thief) || e->loose) return e;
    heap_push(&f->hand[from].queue, e);
    errand_put(e);
    return NULL;
}

static errand *next_for(foreman *f, int who)
{
    hand *h = &f->hand[who];
    if (f->closed || h->gone || h->running >= h->nthread) return NULL;
    int64_t i = h->needy.n ? first_needy(h, h, who) : -1;
    if (i >= 0 && (!h->queue.n || before(h->needy.at[i], h->queue.at[0]))) return take_needy(h, i);
    errand *e = pop_ready(&h->queue);
    if (!e && i >= 0) return take_needy(h, i);
    if (!e) e = steal(f, who);
    return e ? e : steal_needy(f, who);
}

/* A run of e; its count in the queue passes to the run. */
static void start_run(foreman *f, errand *e, int who, errand_run *r)
{
    e->state = ERRAND_PROCESSING;
    e->worker = who;
    e->attempt = ++f->next_attempt;
    e->begin = clock_now();
    f->hand[who].running++;
    use(&f->hand[who], e, 1);
    *r = (errand_run){.e = e,
                      .worker = who,
                      .attempt = e->attempt,
                      .id = e->id,
                      .func = datum_ref(e->func),
                      .args = datum_ref(e->args),
                      .nin = e->nin,
                      .begin = e->begin};
    if (!e->nin) return;
    r->in = mem_alloc(e->nin * sizeof *r->in);
    r->in_id = mem_alloc(e->nin * sizeof *r->in_id);
    for (uint32_t i = 0; i < e->nin; i++) {
        r->in[i] = datum_ref(e->in[i]->value);
        r->in_id[i] = e->in[i]->id;
    }
}

bool foreman_take(foreman *f, int who, double seconds, errand_run *out)
{
    double until = seconds < 0 ? 0 : clock_mono() + seconds;
    errand *e;
    foreman_enter(f);
    while (!(e = next_for(f, who)) && !f->closed && seconds != 0) {
        if (until && clock_mono() >= until) break;
        cond_wait_until(&f->hand[who].wake, &f->lock, until);
    }
    if (e) start_run(f, e, who, out);
    foreman_leave(f);
    return e != NULL;
}

errand *foreman_input(foreman *f, const errand_run *r, uint32_t i)
{
    foreman_enter(f);
    errand *e = i < r->e->nin ? r->e->in[i] : NULL; /* NULL: it was cancelled meanwhile */
    if (e) {
        e->holds++;
        e->rc++;
    }
    foreman_leave(f);
    return e;
}

static void run_clear(errand_run *r)
{
    for (uint32_t i = 0; i < r->nin; i++) datum_unref(r->in[i]);
    datum_unref(r->func);
    datum_unref(r->args);
    mem_free(r->in);
    mem_free(r->in_id);
    *r = (errand_run){0};
}

/* Locks. Is r still what the errand waits for? */
static bool run_ends(errand_run *r)
{
    foreman *f = r->e->of;
    hand *h = &f->hand[r->worker];
    foreman_enter(f);
    h->running--;
    use(h, r->e, -1);
    drop_stale(h);
    if (h->queue.n || h->needy.n) pthread_cond_signal(&h->wake);
    f->poke = f->poke || f->remote;
    if (r->e->state != ERRAND_PROCESSING || r->e->attempt != r->attempt) return false;
    r->e->end = clock_now();
    return true;
}

static void run_over(errand_run *r)
{
    foreman *f = foreman_ref(r->e->of);
    errand_put(r->e);
    foreman_leave(f);
    foreman_unref(f);
    run_clear(r);
}

static void note(const errand_run *r, const failure *why)
{
    const errand *e = r->e;
    bool ok = !why;
    entry x = {.key = e->key, .type = ok ? e->type : NULL, .ok = ok, .worker = r->worker};
    x.begin = e->begin;
    x.end = e->end;
    x.bytes = ok ? e->bytes : 0;
    strbuf text = {0};
    if (why) sb_addf(&text, "%s: %s", err_name(why->e.kind), why->e.msg ? why->e.msg : "");
    x.why = why ? sb_take(&text, NULL) : NULL;
    ledger_add(&e->of->past, &x);
    mem_free(x.why);
}

void foreman_done(foreman *f, errand_run *r, datum *value, const char *type, size_t bytes)
{
    errand *e = r->e;
    if (!run_ends(r)) {
        foreman_trash(f, value);
        if (f->remote) foreman_note_drop(f, r->id);
    } else {
        mem_free(e->type);
        e->type = type ? mem_dup(type) : NULL;
        e->bytes = bytes;
        note(r, NULL);
        errand_lies(e, 1ull << r->worker);
        for (uint32_t i = 0; !(f->remote && value) && i < e->nin; i++) /* copies came along */
            if (e->in[i]->state == ERRAND_MEMORY)
                errand_lies(e->in[i], e->in[i]->where | 1ull << r->worker);
        errand_finish(e, value);
    }
    run_over(r);
}

void foreman_failed(foreman *f, errand_run *r, err *x)
{
    errand *e = r->e;
    if (!run_ends(r)) {
        err_clear(x);
    } else if (e->retries > 0) {
        err_clear(x);
        e->retries--;
        errand_ready(e);
    } else {
        failure *why = failure_new(x);
        note(r, why);
        errand_fail(e, why, e);
        foreman_trash(f, why);
    }
    run_over(r);
}

void foreman_again(foreman *f, errand_run *r)
{
    foreman_missing(f, r, 0);
}

/* An input that its workers do not have any more, although nobody said so. */
static void lose_input(const errand *e, uint64_t id)
{
    for (uint32_t i = 0; i < e->nin; i++) {
        errand *in = e->in[i];
        if (in->id != id || in->state != ERRAND_MEMORY || in->value) continue;
        errand_lies(in, 0);
        in->state = ERRAND_RELEASED;
        in->epoch++;
    }
}

void foreman_missing(foreman *f, errand_run *r, uint64_t input)
{
    (void)f;
    if (run_ends(r)) {
        if (input) lose_input(r->e, input);
        r->e->state = ERRAND_RELEASED;
        errand_start(r->e);
    }
    run_over(r);
}
