/* stdlib/dask/worker_serve.c - the life of a worker process.
 *
 * The main thread reads messages: it hands tasks to the task threads, keeps results and answers
 * what is asked about them, also while tasks run; when the other end closes it returns and the
 * process ends.  Each task thread has an interpreter of its own.  Tasks wait until their inputs are
 * here. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/graph/fn_wire.h"
#include "lang/freeze.h"
#include "stdlib/dask/worker_link.h"
#include "stdlib/dask/worker_store.h"
#include "stdlib/dask/workers.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/stdlib.h"

typedef struct job { /* of RUN: args; of CALL: a fn, literals, inputs */
    uint64_t id;
    bool is_call;
    uint64_t funcno;
    datum *func, *args;
    uint32_t nin, narg;
    uint64_t *in;  /* RUN: which results */
    datum **input; /* counted */
    lit *arg;
    arena mem;
    struct job *next;
} job;

typedef struct ask { /* a question on its way */
    uint64_t no;
    datum *answer;
    bool raised, there;
    struct ask *next;
} ask;

typedef struct server {
    int fd, number, nthread;
    bool fresh, alone;
    char *name;
    datum *setting;
    const module_def *const *modules;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work, answered;
    job *ready, *last, *waiting;
    idmap func; /* datums, counted */
    store held;
    ask *asks;
    uint64_t nask;
    int idle;            /* task threads that wait for a job */
    pthread_mutex_t out; /* of the socket, in that direction */
} server;

typedef struct hand { /* a task thread */
    server *s;
    interp *in;
    strbuf said[2];
    double flushed;
    uint64_t id; /* of its task */
    bool left;   /* the task has seceded */
    idmap kept;  /* functions, thawed once: value * by number */
    job *now;
} hand;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Nobody hears us any more: the reader notices, too. */
static void post(server *s, wire_out *w)
{
    err e = {0};
    pthread_mutex_lock(&s->out);
    link_send(s->fd, w, &e);
    pthread_mutex_unlock(&s->out);
    err_clear(&e);
}

/* ---- prints ---- */

static void flush_said(hand *h)
{
    for (int fd = 0; fd < 2; fd++) {
        if (!h->said[fd].n) continue;
        wire_out w = {0};
        wire_u8(&w, MSG_SAID);
        wire_u64(&w, h->id);
        wire_u64(&w, (uint64_t)fd + 1);
        wire_text(&w, h->said[fd].at, h->said[fd].n);
        h->said[fd].n = 0;
        post(h->s, &w);
    }
    h->flushed = seconds(CLOCK_MONOTONIC);
}

static void hear(void *ctx, int fd, const char *s, size_t n)
{
    enum { ENOUGH = 1 << 16 };
    hand *h = ctx;
    if (h->said[fd != 2].n) flush_said(h); /* in the order written */
    sb_add(&h->said[fd == 2], s, n);
    bool due = h->said[fd == 2].n > ENOUGH || seconds(CLOCK_MONOTONIC) - h->flushed > 0.1;
    if (!n || due) flush_said(h);
}

static bool nap(interp *in, double time)
{
    flush_said(interp_host(in)->ctx);
    interp_on_sleep(in, NULL);
    bool ok = interp_sleep(in, time);
    interp_on_sleep(in, nap);
    return ok;
}

static hand *hand_of(interp *in)
{
    const host *h = interp_host(in);
    return h && h->write == hear ? h->ctx : NULL;
}

/* ---- jobs ---- */

static void job_free(job *j)
{
    for (uint32_t i = 0; j->input && i < j->nin; i++) datum_unref(j->input[i]);
    for (uint32_t i = 0; j->arg && i < j->narg; i++) lit_release(&j->arg[i]);
    datum_unref(j->func);
    datum_unref(j->args);
    mem_free(j->in);
    mem_free(j->input);
    arena_clear(&j->mem);
    mem_free(j);
}

/* With the lock held: all inputs are here, and now the job's. */
static bool gather(server *s, job *j)
{
    for (uint32_t i = 0; !j->is_call && i < j->nin; i++)
        if (!j->input[i]) j->input[i] = store_get(&s->held, j->in[i]);
    for (uint32_t i = 0; !j->is_call && i < j->nin; i++)
        if (!j->input[i]) return false;
    return true;
}

static void push(server *s, job *j)
{
    j->next = NULL;
    if (s->ready)
        s->last->next = j;
    else
        s->ready = j;
    s->last = j;
    pthread_cond_signal(&s->work);
}

static void add_job(server *s, job *j)
{
    pthread_mutex_lock(&s->lock);
    if (gather(s, j)) {
        push(s, j);
    } else {
        j->next = s->waiting;
        s->waiting = j;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Something has come: which jobs had waited for it?  In the order in which they were sent. */
static void wake_jobs(server *s)
{
    job *left = NULL, *go = NULL;
    for (job *j = s->waiting, *next; j; j = next) {
        next = j->next;
        job **to = gather(s, j) ? &go : &left;
        j->next = *to;
        *to = j;
    }
    s->waiting = NULL;
    for (job *j = left, *next; j; j = next) {
        next = j->next;
        j->next = s->waiting;
        s->waiting = j;
    }
    for (job *j = go, *next; j;
         j = next) { /* the list stood newest first, so this is oldest first */
        next = j->next;
        push(s, j);
    }
}

static job *unlink_job(job **at, uint64_t id)
{
    for (; *at; at = &(*at)->next) {
        job *j = *at;
        if (j->id != id || j->is_call) continue;
        *at = j->next;
        return j;
    }
    return NULL;
}

static void cancel(server *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    job *j = unlink_job(&s->ready, id);
    if (!j) j = unlink_job(&s->waiting, id);
    for (s->last = s->ready; s->last && s->last->next;) s->last = s->last->next;
    pthread_mutex_unlock(&s->lock);
    if (!j) return; /* it runs, or has run */
    job_free(j);
    wire_out w = {0};
    wire_u8(&w, MSG_CANCEL);
    wire_u64(&w, id);
    post(s, &w);
}

/* ---- running ---- */

static value input_of(void *ctx, interp *in, uint64_t id)
{
    const job *j = ctx;
    for (uint32_t i = 0; i < j->nin; i++)
        if (j->in[i] == id) return value_of(in, j->input[i]);
    return throw(in, KeyError, "the result %llu", (unsigned long long)id);
}

/* A function is the same object from task to task, unless each task wants its own. */
static value function_of(hand *h, const job *j)
{
    value *known = h->s->fresh ? NULL : idmap_get(&h->kept, j->funcno);
    if (known) return value_ref(*known);
    value f = value_of(h->in, j->func);
    if (h->s->fresh || is_fail(f)) return f;
    known = mem_alloc(sizeof *known);
    *known = value_ref(f);
    idmap_put(&h->kept, j->funcno, known);
    return f;
}

static value run_function(hand *h, job *j)
{
    interp *in = h->in;
    thaw_inputs inputs = {j, input_of};
    capsule *c = as_capsule(j->args);
    value f = function_of(h, j), r = FAIL;
    value both = is_fail(f) || !c ? FAIL : thaw_with(in, c, &inputs);
    tuple *t = as_tuple(both);
    if (t && t->n == 2) r = call_with(in, f, t->at[0], is_none(t->at[1]) ? FAIL : t->at[1]);
    if (is_fail(r) && !throwing(in)) throw(in, TypeError, "the arguments of a task are damaged");
    value_unref(in, both);
    value_unref(in, f);
    return r;
}

/* os._exit() in a task ends its worker. */
static void leave(hand *h)
{
    value x = exc_take(h->in), code;
    int64_t status = 0;
    if (value_findattr(h->in, x, "code", &code) == 1 && code.kind != V_NONE)
        status = code.kind == V_INT ? code.i : 1;
    flush_said(h);
    _exit((int)status);
}

static void post_failure(hand *h, uint64_t id)
{
    interp *in = h->in;
    if (exc_is(in, SystemExit)) leave(h);
    value x = exc_take(in);
    if (!h->now->is_call) x = exc_handed_on(in, x);
    char *text = exc_text(in, x);
    err e = {0};
    datum *c = (datum *)freeze_copy(in, x, &e);
    err_clear(&e);
    if (!c) { /* it cannot travel: what it says can */
        str *s = value_str(in, x);
        exc_clear(in);
        value plain = exc_new(in, RuntimeError, s ? s->at : "an exception that cannot travel");
        c = (datum *)freeze_copy(in, plain, &e);
        err_clear(&e);
        value_unref(in, plain);
        obj_unref(in, s);
    }
    flush_said(h);
    wire_out w = {0};
    wire_u8(&w, MSG_FAILED);
    wire_u64(&w, id);
    wire_datum(&w, c, &e);
    wire_text(&w, text, text ? strlen(text) : 0);
    post(h->s, &w);
    datum_unref(c);
    mem_free(text);
    value_unref(in, x);
    exc_clear(in);
}

/* The scheduler counts on every task to end at its place. */
static void come_back(hand *h)
{
    value pending = throwing(h->in) ? exc_take(h->in) : FAIL;
    tuple *t = tuple_pack(h->in, 2, v_str(h->in, "rejoin"), v_int(h->s->number));
    h->left = false;
    if (t) value_unref(h->in, workers_ask(h->in, v_obj(t)));
    obj_unref(h->in, t);
    exc_clear(h->in);
    if (is_fail(pending)) return;
    throw_value(h->in, pending);
    value_unref(h->in, pending);
}

/* Takes d. */
static void keep(server *s, uint64_t id, datum *d)
{
    store_keep(&s->held, id, d);
    pthread_mutex_lock(&s->lock);
    wake_jobs(s);
    pthread_mutex_unlock(&s->lock);
}

static datum *pack_result(interp *in, value r)
{
    err e = {0};
    datum *d = value_pack(in, r, &e);
    if (!d) { /* it stays here, as long as nobody else wants it */
        d = live_new(in, r);
        if (d && e.kind) as_live(d)->why = mem_dup(e.msg);
    }
    err_clear(&e);
    return d;
}

static void post_done(hand *h, uint64_t id, const char *cls, size_t bytes, double begin)
{
    wire_out w = {0};
    wire_u8(&w, MSG_DONE);
    wire_u64(&w, id);
    wire_text(&w, cls, strlen(cls));
    wire_u64(&w, bytes);
    double when[2] = {begin, seconds(CLOCK_REALTIME)};
    wire_bytes(&w, when, sizeof when);
    flush_said(h);
    post(h->s, &w);
}

static void run_task(hand *h, job *j)
{
    interp *in = h->in;
    err e = {0};
    size_t back = 0;
    double begin = seconds(CLOCK_REALTIME);
    bool here = store_fetch(&h->s->held, j->input, j->nin, &back, &e);
    value r = here ? run_function(h, j) : throw_err(in, &e);
    if (h->left) come_back(h);
    if (is_fail(r)) {
        post_failure(h, j->id);
    } else {
        datum *d = pack_result(in, r);
        size_t bytes = datum_bytes(d);
        keep(h->s, j->id, d);
        post_done(h, j->id, type_said(in, r), bytes, begin);
        value_unref(in, r);
    }
    store_done(&h->s->held, back);
}

static void run_call(hand *h, job *j)
{
    interp *in = h->in;
    err e = {0};
    call c = {.in = j->input, .nin = j->nin, .arg = j->arg, .narg = j->narg};
    datum *d = fn_call(as_fn(j->func), &c, &e);
    datum *out = d;
    if (d && (as_live(d) || !d->kind->save)) {
        value v = value_of(in, d);
        out = is_fail(v) ? NULL : value_pack(in, v, &e);
        value_unref(in, v);
        datum_unref(d);
    }
    wire_out w = {0};
    wire_u8(&w, MSG_RESULT);
    wire_u64(&w, j->id);
    bool ok = out && wire_datum(&w, out, &e);
    flush_said(h);
    if (ok)
        post(h->s, &w);
    else {
        wire_out_clear(&w);
        if (!throwing(in)) throw_err(in, &e);
        err_clear(&e);
        post_failure(h, j->id);
    }
    datum_unref(out);
}

static job *next_job(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->idle++;
    while (!s->ready) pthread_cond_wait(&s->work, &s->lock);
    s->idle--;
    job *j = s->ready;
    s->ready = j->next;
    pthread_mutex_unlock(&s->lock);
    return j;
}

/* sys.path, sys.argv and limits as at home. */
static void settle(hand *h)
{
    greeting_apply(h->in, h->s->setting);
    value_unref(h->in, interp_import(h->in, "_numpy")); /* its scalar types */
    exc_clear(h->in);
}

/* Returns only with the process. */
static void *hand_main(void *arg)
{
    hand *h = mem_zero(sizeof *h);
    h->s = arg;
    host outside = {.ctx = h, .write = hear};
    h->in = interp_open(&outside, h->s->modules);
    if (!h->in) return NULL;
    interp_on_sleep(h->in, nap);
    settle(h);
    for (;;) {
        h->now = next_job(h->s);
        h->id = h->now->id;
        if (h->now->is_call)
            run_call(h, h->now);
        else
            run_task(h, h->now);
        job_free(h->now);
        h->now = NULL;
        live_sweep(h->in);
    }
}

/* ---- inside a task ---- */

int worker_number(interp *in, const char **name)
{
    hand *h = hand_of(in);
    if (h && name) *name = h->s->name;
    return h ? h->s->number : -1;
}

static void await(server *s, ask *a)
{
    pthread_mutex_lock(&s->lock);
    while (!a->there) pthread_cond_wait(&s->answered, &s->lock);
    for (ask **p = &s->asks; *p; p = &(*p)->next) {
        if (*p != a) continue;
        *p = a->next;
        break;
    }
    pthread_mutex_unlock(&s->lock);
}

/* While a task waits, the scheduler may send another: somebody must be there for it. */
static void lend_a_hand(server *s)
{
    pthread_t t;
    pthread_mutex_lock(&s->lock);
    bool enough = s->idle > 0;
    pthread_mutex_unlock(&s->lock);
    if (!enough && !pthread_create(&t, NULL, hand_main, s)) pthread_detach(t);
}

value workers_ask(interp *in, value question)
{
    hand *h = hand_of(in);
    if (!h) return throw(in, ValueError, "no worker found");
    err e = {0};
    datum *d = value_pack(in, question, &e);
    if (!d) return throw_err(in, &e);
    ask a = {0};
    pthread_mutex_lock(&h->s->lock);
    a.no = ++h->s->nask;
    a.next = h->s->asks;
    h->s->asks = &a;
    pthread_mutex_unlock(&h->s->lock);
    flush_said(h);
    if (!h->s->alone) lend_a_hand(h->s);
    wire_out w = {0};
    wire_u8(&w, MSG_ASKS);
    wire_u64(&w, h->id);
    wire_u64(&w, a.no);
    wire_datum(&w, d, &e);
    post(h->s, &w);
    datum_unref(d);
    await(h->s, &a);
    value v = a.answer ? value_of(in, a.answer) : NONE;
    datum_unref(a.answer);
    if (!a.raised || is_fail(v)) return v;
    throw_value(in, v);
    value_unref(in, v);
    return FAIL;
}

bool worker_leaves(interp *in, bool leaves)
{
    hand *h = hand_of(in);
    if (!h || h->left == leaves) return false;
    h->left = leaves;
    return true;
}

/* ---- reading ---- */

static bool read_hello(server *s, wire_in *r, err *e)
{
    s->number = (int)wire_get_u32(r);
    s->nthread = (int)wire_get_u32(r);
    s->fresh = wire_get_u8(r);
    s->alone = wire_get_u8(r);
    s->held.limit = wire_get_u64(r);
    s->name = wire_get_string(r);
    return wire_get_datum(r, &s->setting, e) && s->name;
}

static bool read_run(server *s, wire_in *r, job *j, err *e)
{
    datum *func;
    j->funcno = wire_get_u64(r);
    TRY(wire_get_datum(r, &func, e));
    pthread_mutex_lock(&s->lock);
    if (func) datum_unref(idmap_put(&s->func, j->funcno, func));
    j->func = datum_ref(idmap_get(&s->func, j->funcno));
    pthread_mutex_unlock(&s->lock);
    TRY(wire_get_datum(r, &j->args, e));
    uint32_t n = wire_get_u32(r);
    j->in = mem_alloc(n * sizeof *j->in + 1);
    j->input = mem_zero(n * sizeof *j->input + 1);
    j->nin = n;
    wire_get(r, j->in, n * sizeof *j->in);
    return j->func && j->args;
}

static bool read_call(wire_in *r, job *j, err *e)
{
    j->is_call = true;
    TRY(wire_get_datum(r, &j->func, e));
    uint32_t n = wire_get_u32(r);
    j->arg = arena_alloc(&j->mem, n * sizeof(lit) + 1);
    for (uint32_t i = 0; i < n; i++) {
        TRY(lit_load(r, &j->mem, &j->arg[i], e));
        j->narg = i + 1;
    }
    n = wire_get_u32(r);
    j->input = mem_zero(n * sizeof *j->input + 1);
    for (uint32_t i = 0; i < n; i++) {
        TRY(wire_get_datum(r, &j->input[i], e));
        j->nin = i + 1;
    }
    return as_fn(j->func) != NULL;
}

/* A task that cannot be read fails as one that cannot run. */
static void refuse(server *s, uint64_t id, err *e)
{
    wire_out w = {0};
    wire_u8(&w, MSG_FAILED);
    wire_u64(&w, id);
    wire_datum(&w, NULL, NULL);
    const char *text = e->kind ? e->msg : "a task could not be read";
    wire_text(&w, text, strlen(text));
    post(s, &w);
    err_clear(e);
}

static void read_job(server *s, wire_in *r, bool is_call)
{
    err e = {0};
    job *j = mem_zero(sizeof *j);
    j->id = wire_get_u64(r);
    if (!is_call) mem_free(wire_get_string(r));
    if (is_call ? read_call(r, j, &e) : read_run(s, r, j, &e)) {
        add_job(s, j);
        return;
    }
    refuse(s, j->id, &e);
    job_free(j);
}

static void read_value(server *s, wire_in *r)
{
    err e = {0};
    datum *d;
    uint64_t id = wire_get_u64(r);
    if (wire_get_datum(r, &d, &e) && d) keep(s, id, d);
    err_clear(&e);
}

static void fetch(server *s, uint64_t id)
{
    err e = {0};
    datum *d = store_lend(&s->held, id, &e);
    wire_out w = {0};
    wire_u8(&w, MSG_VALUE);
    wire_u64(&w, id);
    wire_out body = {0};
    bool ok = d && wire_datum(&body, d, &e); /* tried first: half a datum is none */
    wire_out_clear(&body);
    wire_u8(&w, ok);
    wire_datum(&w, ok ? d : NULL, NULL);
    const char *why = e.kind ? e.msg : "";
    wire_text(&w, why, strlen(why));
    post(s, &w);
    err_clear(&e);
    datum_unref(d);
}

static void take_answer(server *s, wire_in *r)
{
    err e = {0};
    uint64_t no = wire_get_u64(r);
    bool raised = wire_get_u8(r);
    datum *d;
    if (!wire_get_datum(r, &d, &e)) err_clear(&e);
    pthread_mutex_lock(&s->lock);
    ask *a = s->asks;
    while (a && a->no != no) a = a->next;
    if (a) {
        a->answer = d;
        a->raised = raised;
        a->there = true;
        pthread_cond_broadcast(&s->answered);
    }
    pthread_mutex_unlock(&s->lock);
    if (!a) datum_unref(d);
}

static void forget(server *s, uint64_t funcno)
{
    pthread_mutex_lock(&s->lock);
    datum *d = idmap_put(&s->func, funcno, NULL);
    pthread_mutex_unlock(&s->lock);
    datum_unref(d);
}

static void take_message(server *s, wire_in *r)
{
    switch ((enum message)wire_get_u8(r)) {
    case MSG_RUN: read_job(s, r, false); break;
    case MSG_CALL: read_job(s, r, true); break;
    case MSG_PUT: read_value(s, r); break;
    case MSG_FETCH: fetch(s, wire_get_u64(r)); break;
    case MSG_DROP: store_drop(&s->held, wire_get_u64(r)); break;
    case MSG_FORGET: forget(s, wire_get_u64(r)); break;
    case MSG_CANCEL: cancel(s, wire_get_u64(r)); break;
    case MSG_ANSWER: take_answer(s, r); break;
    default: break;
    }
}

/* The number of a thread's interpreters grows with what it is asked for, not beyond reason. */
static bool begin(server *s)
{
    enum { MOST_THREADS = 256 };
    wire_in r;
    err e = {0};
    bool ok = link_receive(s->fd, &r, &e) == 1;
    ok = ok && wire_get_u8(&r) == MSG_HELLO && read_hello(s, &r, &e);
    wire_in_clear(&r);
    err_clear(&e);
    for (int i = 0; ok && i < s->nthread && i < MOST_THREADS; i++) {
        pthread_t t;
        ok = pthread_create(&t, NULL, hand_main, s) == 0;
        if (ok) pthread_detach(t);
    }
    return ok;
}

/* ---- who started us ---- */

enum { ORPHANED = SIGUSR2 };

static pid_t starter(int fd)
{
    struct ucred who;
    socklen_t n = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) ? 0 : who.pid;
}

/* Sent when the thread that started us ends, too: only with its process we are orphans. */
static void orphaned(int sig)
{
    (void)sig;
    int was = errno;
    if (getppid() != starter(WORKER_FD)) _exit(1);
    errno = was;
}

/* The closed socket tells the reader; this also ends a task that keeps every processor busy, and
 * does not wait for a result that is being sent.  False: it is dead already. */
static bool end_with_starter(int fd)
{
    struct sigaction act = {.sa_handler = orphaned, .sa_flags = SA_RESTART};
    sigaction(ORPHANED, &act, NULL);
    prctl(PR_SET_PDEATHSIG, ORPHANED);
    return getppid() == starter(fd);
}

void worker_serve(int fd, const module_def *const *modules)
{
    server s = {.fd = fd, .modules = modules};
    if (!end_with_starter(fd)) return;
    store_init(&s.held);
    pthread_mutex_init(&s.lock, NULL);
    pthread_mutex_init(&s.out, NULL);
    pthread_cond_init(&s.work, NULL);
    pthread_cond_init(&s.answered, NULL);
    signal(SIGINT, SIG_IGN);          /* Ctrl-C is for who started us */
    prctl(PR_SET_NAME, "dsk-worker"); /* exec by /proc/self/exe has named it exe */
    close_range((unsigned)fd + 1, ~0u, 0);
    if (!begin(&s)) return;
    wire_out w = {0};
    wire_u8(&w, MSG_UP);
    wire_u64(&w, (uint64_t)getpid());
    post(&s, &w);
    wire_in r;
    err e = {0};
    while (link_receive(fd, &r, &e) == 1) {
        take_message(&s, &r);
        wire_in_clear(&r);
    }
    err_clear(&e);
}
