/* stdlib/futures/team.c - threads that run errands, and their interpreters. */
#include "stdlib/futures/team.h"

#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/run/memory.h"
#include "lang/exc.h"
#include "stdlib/dask/parts.h"
#include "stdlib/dask/worker_link.h"
#include "stdlib/wire.h"

enum { KNOWN = 64 }; /* functions that a helper keeps thawed */

typedef struct known {
    datum *d; /* counted */
    value v;
} known;

struct helper {
    team *of;
    interp *in;
    int worker;
    pthread_t thread;
    strbuf said[2];
    errand_run *now;
    bool paused;
    unsigned settled; /* which setting of the team it has */
    known known[KNOWN];
    helper *next;
};

struct team {
    foreman *f;
    interp *home;
    pthread_mutex_t lock; /* of what follows */
    helper *helpers;
    strbuf said[2];
    datum *setting; /* sys.path, sys.argv, limits of home */
    _Atomic unsigned nsetting;
    size_t limit;          /* of all workers together, where it was given; 0: none */
    larder *larder;        /* home's: results that nobody uses may leave memory */
    _Atomic uint64_t most; /* bytes of them that stay */
    char *folder;          /* to spill to; NULL: the usual */
    errand_run **given;    /* team_run() */
    uint32_t first, ngiven, cap;
    int idle, naside;
    pthread_cond_t more;
    int running[MAX_HANDS], size[MAX_HANDS]; /* threads that may take errands, of each worker */
    _Atomic int closing;                     /* polled by what runs */
};

/* ---- what tasks print ---- */

static void flush(helper *h, int fd)
{
    strbuf *b = &h->said[fd];
    if (!b->n) return;
    pthread_mutex_lock(&h->of->lock);
    sb_add(&h->of->said[fd], b->at, b->n);
    pthread_mutex_unlock(&h->of->lock);
    b->n = 0;
}

static void hear(void *ctx, int fd, const char *s, size_t n)
{
    helper *h = ctx;
    strbuf *b = &h->said[fd == 2];
    sb_add(b, s, n);
    if (n && s[n - 1] == '\n') flush(h, fd == 2);
}

void team_say(team *t)
{
    const host *h = interp_host(t->home);
    for (int fd = 0; fd < 2; fd++) {
        pthread_mutex_lock(&t->lock);
        strbuf b = t->said[fd];
        t->said[fd] = (strbuf){0};
        pthread_mutex_unlock(&t->lock);
        if (b.n && h && h->write) h->write(h->ctx, fd + 1, b.at, b.n);
        sb_clear(&b);
    }
}

/* ---- how home is set up ---- */

/* As Dask's workers, those that are threads begin to spill at 60 % of what they may take. */
static void settle_memory(team *t)
{
    run_opts o = {0};
    value folder = FAIL;
    if (run_limits(t->home, &o, &folder)) {
        uint64_t most = o.limit ? o.limit : memory_default();
        if (t->limit && t->limit < most) most = t->limit;
        if (!t->larder) { /* before there are helpers */
            t->folder = o.spill ? mem_dup(o.spill) : NULL;
            t->larder = o.larder;
        }
        atomic_store(&t->most, most / 5 * 3);
        value_unref(t->home, folder);
    }
    if (!exc_is(t->home, KeyboardInterrupt))
        exc_clear(t->home); /* the run of a graph will say what is wrong with them */
}

datum *team_keeps(team *t, datum *d, bool lent)
{
    err e = {0};
    if (!d || !t->larder) return d;
    datum *kept = lent ? larder_lent(t->larder, d) : larder_block(t->larder, d);
    datum_unref(d);
    if (!larder_shrink(t->larder, atomic_load(&t->most), t->folder, &e))
        err_clear(&e); /* the disk is full: it stays in memory */
    return kept;
}

void team_settle(team *t)
{
    err e = {0};
    settle_memory(t);
    value stopped = exc_take(t->home);
    datum *d = greeting_setting(t->home, &e);
    if (e.kind == KeyboardInterrupt)
        throw_err(t->home, &e);
    else if (!is_fail(stopped))
        exc_raise(t->home, stopped);
    err_clear(&e);
    pthread_mutex_lock(&t->lock);
    datum *old = t->setting;
    t->setting = d;
    atomic_fetch_add(&t->nsetting, 1);
    pthread_mutex_unlock(&t->lock);
    datum_unref(old);
}

static void settle(helper *h)
{
    team *t = h->of;
    if (h->settled == atomic_load(&t->nsetting)) return;
    pthread_mutex_lock(&t->lock);
    datum *d = datum_ref(t->setting);
    h->settled = atomic_load(&t->nsetting);
    pthread_mutex_unlock(&t->lock);
    if (d) greeting_apply(h->in, d);
    datum_unref(d);
}

/* ---- a call ---- */

static value input(void *ctx, interp *in, uint64_t id)
{
    const errand_run *r = ctx;
    for (uint32_t i = 0; i < r->nin; i++)
        if (r->in_id[i] == id && r->in[i]) return value_of(in, r->in[i]);
    return throw(in, RuntimeError, "an input of the task is missing");
}

/* Borrowed: thawed once for all calls of this helper, as long as it is not crowded out. */
static value known_value(helper *h, datum *d)
{
    known *k = &h->known[((uintptr_t)d >> 6) % KNOWN];
    if (k->d == d) return k->v;
    value v = value_of(h->in, d);
    if (is_fail(v)) return FAIL;
    if (k->d) value_unref(h->in, k->v);
    datum_unref(k->d);
    *k = (known){datum_ref(d), v};
    return v;
}

static value call_errand(helper *h, errand_run *r)
{
    interp *in = h->in;
    thaw_inputs inputs = {r, input};
    value f = known_value(h, r->func);
    value a = is_fail(f) ? FAIL : thaw_with(in, as_capsule(r->args), &inputs);
    tuple *t = as_tuple(a);
    value_ref(f);
    value v =
        t && t->n == 2 ? call_with(in, f, t->at[0], is_none(t->at[1]) ? FAIL : t->at[1]) : FAIL;
    value_unref(in, f);
    value_unref(in, a);
    return v;
}

datum *result_pack(interp *in, value v, err *e)
{
    datum *d = datum_of(in, v);
    if (d && !as_live(d)) return d;
    datum_unref(d);
    return (datum *)freeze_copy(in, v, e);
}

char *type_text(interp *in, value v)
{
    const type *t = type_of(in, v);
    value cls = v_type(t), m;
    strbuf b = {0};
    if (value_findattr(in, cls, "__module__", &m) == 1) {
        str *s = as_str(m);
        if (s && !str_is(s, "builtins")) sb_addf(&b, "%s.", s->at);
        value_unref(in, m);
    }
    exc_clear(in);
    sb_adds(&b, t->name);
    value_unref(in, cls);
    return sb_take(&b, NULL);
}

static void hand_on(interp *in, err *e)
{
    value x = exc_handed_on(in, exc_take(in));
    throw_value(in, x);
    value_unref(in, x);
    exc_to_err(in, e);
}

/* distributed.Reschedule: the task wants to run once more, wherever. */
static bool is_reschedule(interp *in)
{
    value x = exc_take(in);
    bool is = !strcmp(type_of(in, x)->name, "Reschedule");
    throw_value(in, x);
    value_unref(in, x);
    return is;
}

static void run_errand(helper *h, errand_run *r)
{
    interp *in = h->in;
    err e = {0};
    h->now = r;
    settle(h);
    value v = call_errand(h, r);
    datum *d = is_fail(v) ? NULL : result_pack(in, v, &e);
    char *name = d ? type_text(in, v) : NULL;
    bool again = is_fail(v) && is_reschedule(in);
    if (is_fail(v)) hand_on(in, &e);
    value_unref(in, v);
    exc_clear(in);
    flush(h, 0);
    flush(h, 1);
    thaw_trim(in);
    d = team_keeps(h->of, d, false);
    if (h->paused) helper_resume(h);
    h->now = NULL;
    if (again) {
        err_clear(&e);
        foreman_again(h->of->f, r);
    } else if (d)
        foreman_done(h->of->f, r, d, name, datum_bytes(d));
    else
        foreman_failed(h->of->f, r, &e);
    mem_free(name);
}

/* ---- a thread's life ---- */

static bool stop_asked(void *ctx)
{
    return atomic_load(&((helper *)ctx)->of->closing);
}

static bool sit_down(helper *h)
{
    host of = {.ctx = h, .write = hear, .signal = &h->of->closing, .interrupted = stop_asked};
    h->in = interp_open_worker(h->of->home, &of);
    if (!h->in) return false;
    value_unref(h->in, interp_import(h->in, "_numpy")); /* its scalar types */
    exc_clear(h->in);
    return true;
}

static void stand_up(helper *h)
{
    for (int i = 0; i < KNOWN; i++)
        if (h->known[i].d) {
            value_unref(h->in, h->known[i].v);
            datum_unref(h->known[i].d);
        }
    if (h->in) interp_close(h->in);
}

/* ---- what others took ---- */

/* False: it is not to be had. */
static bool fetch_input(helper *h, errand_run *r, uint32_t i)
{
    errand *e = foreman_input(h->of->f, r, i);
    if (!e) return false;
    errand_view v;
    watch *w = watch_new(h->of->f);
    watch_add(w, e, true, 0);
    while (!watch_wait(w, 1, false, 0.02))
        if (atomic_load(&h->of->closing)) break;
    watch_free(w);
    errand_look(e, &v);
    r->in[i] = datum_ref(v.value);
    errand_view_clear(&v);
    errand_release(e);
    return r->in[i] != NULL;
}

static void run_given(helper *h, errand_run *r)
{
    bool ok = !atomic_load(&h->of->closing) && (h->in || sit_down(h));
    for (uint32_t i = 0; ok && i < r->nin; i++) ok = r->in[i] || fetch_input(h, r, i);
    if (ok)
        run_errand(h, r);
    else
        foreman_again(h->of->f, r);
    mem_free(r);
}

static errand_run *next_given(team *t)
{
    pthread_mutex_lock(&t->lock);
    t->idle++;
    while (t->first == t->ngiven && !atomic_load(&t->closing))
        pthread_cond_wait(&t->more, &t->lock);
    t->idle--;
    errand_run *r = t->first < t->ngiven ? t->given[t->first++] : NULL;
    if (t->first == t->ngiven) t->first = t->ngiven = 0;
    pthread_mutex_unlock(&t->lock);
    return r;
}

static void *run_aside(void *arg)
{
    helper *h = arg;
    for (errand_run *r; (r = next_given(h->of));) run_given(h, r);
    stand_up(h);
    return NULL;
}

/* with t->lock held */
static helper *start_thread(team *t, int who, void *(*life)(void *))
{
    helper *h = mem_zero(sizeof *h);
    h->of = t;
    h->worker = who;
    if (pthread_create(&h->thread, NULL, life, h)) {
        mem_free(h);
        return NULL;
    }
    h->next = t->helpers;
    t->helpers = h;
    return h;
}

void team_run(team *t, errand_run *r)
{
    enum { MOST_ASIDE = 8 };
    pthread_mutex_lock(&t->lock);
    if (t->ngiven == t->cap)
        t->given = mem_grow(t->given, (t->cap = t->cap ? t->cap * 2 : 16) * sizeof *t->given);
    t->given[t->ngiven++] = r;
    if (!t->idle && t->naside < MOST_ASIDE && start_thread(t, r->worker, run_aside)) t->naside++;
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
}

/* More threads than the worker may use at a time are there when tasks paused; those too many go. */
static bool is_spare(helper *h)
{
    team *t = h->of;
    pthread_mutex_lock(&t->lock);
    bool spare = t->running[h->worker] > t->size[h->worker] + 1;
    if (spare) t->running[h->worker]--;
    pthread_mutex_unlock(&t->lock);
    return spare;
}

static void *live_on(void *arg)
{
    helper *h = arg;
    errand_run r;
    bool spare = false;
    while (!spare && foreman_take(h->of->f, h->worker, -1, &r)) {
        if (h->in || sit_down(h)) {
            run_errand(h, &r);
        } else {
            err e = {0};
            err_set(&e, MemoryError, "no memory for one more interpreter");
            foreman_failed(h->of->f, &r, &e);
        }
        spare = is_spare(h);
    }
    stand_up(h);
    return NULL;
}

/* with t->lock held */
static void start(team *t, int who)
{
    if (start_thread(t, who, live_on)) t->running[who]++;
}

team *team_open(interp *home, foreman *f, size_t limit)
{
    team *t = mem_zero(sizeof *t);
    t->limit = limit;
    t->f = foreman_ref(f);
    t->home = home;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->more, NULL);
    team_settle(t);
    return t;
}

int team_add(team *t, int nthread)
{
    int who = foreman_hire(t->f, nthread);
    if (who < 0) return -1;
    pthread_mutex_lock(&t->lock);
    t->size[who] = nthread;
    for (int i = 0; i < nthread; i++) start(t, who);
    pthread_mutex_unlock(&t->lock);
    return who;
}

void team_close(team *t)
{
    if (!t) return;
    atomic_store(&t->closing, true);
    foreman_close(t->f);
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
    for (;;) {
        pthread_mutex_lock(&t->lock);
        helper *h = t->helpers;
        pthread_mutex_unlock(&t->lock);
        if (!h) break;
        pthread_join(h->thread, NULL);
        pthread_mutex_lock(&t->lock); /* it may have started another */
        helper **p = &t->helpers;
        while (*p != h) p = &(*p)->next;
        *p = h->next;
        pthread_mutex_unlock(&t->lock);
        sb_clear(&h->said[0]);
        sb_clear(&h->said[1]);
        mem_free(h);
    }
    team_say(t);
    pthread_cond_destroy(&t->more);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->given);
    mem_free(t->folder);
    datum_unref(t->setting);
    foreman_unref(t->f);
    mem_free(t);
}

/* ---- inside a task ---- */

helper *helper_of(interp *in)
{
    const host *h = interp_host(in);
    return h && h->write == hear ? h->ctx : NULL;
}

foreman *helper_foreman(const helper *h)
{
    return h->of->f;
}

int helper_worker(const helper *h)
{
    return h->worker;
}

errand *helper_errand(const helper *h)
{
    return h->now ? h->now->e : NULL;
}

bool helper_is_paused(const helper *h)
{
    return h->paused;
}

void helper_pause(helper *h)
{
    team *t = h->of;
    if (h->paused) return;
    h->paused = true;
    pthread_mutex_lock(&t->lock);
    if (--t->running[h->worker] < t->size[h->worker] && !atomic_load(&t->closing))
        start(t, h->worker);
    pthread_mutex_unlock(&t->lock);
    foreman_pause(t->f, h->worker);
}

void helper_resume(helper *h)
{
    team *t = h->of;
    if (!h->paused) return;
    h->paused = false;
    pthread_mutex_lock(&t->lock);
    t->running[h->worker]++;
    pthread_mutex_unlock(&t->lock);
    foreman_resume(t->f, h->worker);
}
