/* stdlib/dask/worker_hands.c - the threads of a worker process: each has an interpreter of its own,
 * runs one task after the other and says what became of it. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/graph/fn_wire.h"
#include "stdlib/dask/worker_impl.h"
#include "stdlib/dask/workers.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/stdlib.h"

typedef struct hand { /* a task thread */
    server *s;
    interp *in;
    strbuf said[2];
    double flushed;
    uint64_t id; /* of its task */
    bool left;   /* the task has seceded */
    bool spare;  /* it stands in for tasks that ask */
    bool soon;   /* it has told that it is free in a moment */
    int asking;  /* threads of its task that wait for answers */
    int lent;    /* how many other tasks may run in its place */
    idmap kept;  /* functions, thawed once: value * by number */
    job *now;
} hand;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
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
        server_post(h->s, &w);
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

static void free_soon(hand *h)
{
    if (!h->soon) job_soon(h->s, h->spare);
    h->soon = true;
}

/* What is left of a task may ask, too, when it goes. */
static void not_free_soon(hand *h)
{
    if (h->soon) job_not_soon(h->s, h->spare);
    h->soon = false;
}

/* What an exception that cannot travel says can; it stays of its kind when there is only no memory
 * for more. */
static datum *pack_plain(interp *in, value x, enum err_kind why)
{
    err e = {0};
    str *s = value_str(in, x);
    exc_clear(in);
    enum err_kind kind = why == MemoryError ? exc_kind(type_of(in, x)) : RuntimeError;
    value plain = exc_new(in, kind, s ? s->at : "an exception that cannot travel");
    datum *c = is_fail(plain) ? NULL : (datum *)freeze_copy(in, plain, &e);
    exc_clear(in);
    err_clear(&e);
    value_unref(in, plain);
    obj_unref(in, s);
    return c;
}

static bool write_failure(wire_out *w, uint64_t id, enum err_kind kind, const char *text, datum *c)
{
    err e = {0};
    wire_u8(w, MSG_FAILED);
    wire_u64(w, id);
    wire_u8(w, kind);
    wire_text(w, text, strlen(text));
    bool ok = wire_datum(w, c, &e);
    err_clear(&e);
    return ok;
}

static void post_failure(hand *h, uint64_t id)
{
    interp *in = h->in;
    if (exc_is(in, SystemExit)) leave(h);
    value x = exc_take(in);
    if (!h->now->is_call) x = exc_handed_on(in, x);
    enum err_kind kind = exc_kind(type_of(in, x));
    char *text = exc_text(in, x);
    exc_clear(in);
    err e = {0};
    datum *c = (datum *)freeze_copy(in, x, &e);
    if (!c) c = pack_plain(in, x, e.kind);
    err_clear(&e);
    flush_said(h);
    const char *said =
        c && text ? text : "no memory to say more of what failed in a worker process";
    wire_out w = {0};
    if (!write_failure(&w, id, kind, said, c)) {
        wire_out_clear(&w);
        write_failure(&w, id, kind, said, NULL);
    }
    free_soon(h);
    server_post(h->s, &w);
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

typedef struct done {
    uint64_t id;
    const char *cls;
    size_t bytes;
    double begin, end;
} done;

static bool write_done(wire_out *w, const done *x, datum *d)
{
    err e = {0};
    double when[2] = {x->begin, x->end};
    wire_u8(w, MSG_DONE);
    wire_u64(w, x->id);
    wire_text(w, x->cls, strlen(x->cls));
    wire_u64(w, x->bytes);
    wire_bytes(w, when, sizeof when);
    bool ok = wire_datum(w, d, &e);
    err_clear(&e);
    return ok;
}

/* Small results go along: to ask for them would take longer than to send them. */
static void post_done(hand *h, const done *x, datum *d)
{
    enum { SMALL = 256 };
    wire_out w = {0};
    if (x->bytes > SMALL || as_live(d)) d = NULL;
    if (!write_done(&w, x, d)) {
        wire_out_clear(&w);
        write_done(&w, x, NULL);
    }
    flush_said(h);
    free_soon(h);
    server_post(h->s, &w);
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
        done x = {j->id, type_said(in, r), datum_bytes(d), begin, seconds(CLOCK_REALTIME)};
        server_keep(h->s, j->id, datum_ref(d));
        post_done(h, &x, d);
        datum_unref(d);
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
        server_post(h->s, &w);
    else {
        wire_out_clear(&w);
        if (!throwing(in)) throw_err(in, &e);
        err_clear(&e);
        post_failure(h, j->id);
    }
    datum_unref(out);
}

/* sys.path, sys.argv and limits as at home; the scalar types of arrays. */
static bool settle(hand *h)
{
    value types = greeting_apply(h->in, h->s->setting) ? interp_import(h->in, "_numpy") : FAIL;
    value_unref(h->in, types);
    exc_clear(h->in);
    return !is_fail(types);
}

/* Returns only if there is no memory for an interpreter. */
static void work_on(server *s, bool spare)
{
    hand *h = mem_zero(sizeof *h);
    h->s = s;
    h->spare = spare;
    host outside = {.ctx = h, .write = hear};
    h->in = interp_open(&outside, h->s->modules);
    if (!h->in || !settle(h)) {
        if (h->in) interp_close(h->in);
        mem_free(h);
        return;
    }
    interp_on_sleep(h->in, nap);
    for (;;) {
        h->now = job_next(h->s, spare, h->soon);
        h->soon = false;
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

/* Another process takes the place of one that has no memory to begin. */
void *hand_main(void *s)
{
    work_on(s, false);
    _exit(1);
}

static void *spare_main(void *s)
{
    work_on(s, true);
    job_no_spare(s);
    return NULL;
}

bool hand_spare(server *s)
{
    pthread_t t;
    if (pthread_create(&t, NULL, spare_main, s)) return false;
    pthread_detach(t);
    return true;
}

/* ---- inside a task ---- */

int worker_number(interp *in, const char **name)
{
    hand *h = hand_of(in);
    if (h && name) *name = h->s->name;
    return h ? h->s->number : -1;
}

static bool has_come(server *s, const ask *a)
{
    pthread_mutex_lock(&s->lock);
    bool there = a->there;
    pthread_mutex_unlock(&s->lock);
    return there;
}

/* Other threads of the task, if it has some, run meanwhile. */
static void await(interp *in, server *s, ask *a)
{
    double step = 0;
    while (interp_several(in) && !has_come(s, a) && interp_rest(in, &step)) continue;
    pthread_mutex_lock(&s->lock);
    while (!a->there) pthread_cond_wait(&s->answered, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void ask_over(server *s, ask *a)
{
    pthread_mutex_lock(&s->lock);
    for (ask **p = &s->asks; *p; p = &(*p)->next) {
        if (*p != a) continue;
        *p = a->next;
        break;
    }
    pthread_mutex_unlock(&s->lock);
}

/* While a task waits, or has seceded, the scheduler may send another: somebody must be there for
 * it. */
static void lend(hand *h, int more)
{
    if (h->s->alone) return;
    h->asking += more;
    int due = h->asking > h->left ? h->asking : h->left;
    for (; h->lent < due; h->lent++) job_lend(h->s);
    for (; h->lent > due; h->lent--) job_unlend(h->s);
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
    not_free_soon(h);
    lend(h, 1);
    wire_out w = {0};
    wire_u8(&w, MSG_ASKS);
    wire_u64(&w, h->id);
    wire_u64(&w, a.no);
    bool asked = wire_datum(&w, d, &e);
    if (asked) server_post(h->s, &w);
    wire_out_clear(&w);
    datum_unref(d);
    if (asked) await(in, h->s, &a);
    ask_over(h->s, &a);
    lend(h, -1);
    if (!asked) return throw_err(in, &e);
    if (!a.answer) return throw(in, MemoryError, "no memory for the scheduler's answer to a task");
    value v = value_of(in, a.answer);
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
