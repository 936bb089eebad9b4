/* stdlib/dask/workers_proc.c - worker processes behind the face of workers.h.
 *
 * All sockets are non-blocking: calls queue parcels and send what goes at once, the thread that
 * polls sends the rest and turns what comes into events.  Results that a task needs elsewhere are
 * fetched from a worker that holds them and put to the one that lacks them; the task itself waits
 * there.
 *
 * Over 600 lines: all messages to and from the workers share their queues and the results held. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "stdlib/dask/worker_link.h"
#include "stdlib/dask/workers.h"

typedef struct sent { /* a task that a worker has */
    work_id id;
    bool dropped; /* nobody wants its result any more */
    uint32_t nin;
    work_id in[];
} sent;

typedef struct proc {
    process p;
    bool dead;
    wire_in in;
    parcel *out, *last;
    idmap funcs; /* by address: the datum, counted, whose number the worker knows */
    idmap tasks; /* sent, by id */
} proc;

typedef struct result { /* where a result is */
    uint32_t n, cap;
    int *at;
} result;

typedef struct wanted { /* of a fetch under way */
    work_id id;
    int from, to; /* to: a worker, or -1: who called workers_fetch() */
    struct wanted *next;
} wanted;

typedef struct queued {
    work_event ev;
    struct queued *next;
} queued;

typedef struct procs {
    workers base;
    pthread_mutex_t lock; /* of everything */
    int wake;             /* eventfd */
    bool woken, polling;
    workers_opts o;
    char *name;
    datum *setting;
    proc **at; /* base.n */
    idmap results;
    wanted *wanted;
    queued *events, *newest;
} procs;

static procs *as_procs(workers *w)
{
    return (procs *)(void *)w;
}

void work_event_clear(work_event *ev)
{
    datum_unref(ev->value);
    mem_free(ev->text);
    *ev = (work_event){0};
}

/* ---- events ---- */

static work_event *add_event(procs *w, enum work_what what, int who, work_id id)
{
    queued *q = mem_zero(sizeof *q);
    q->ev.what = what;
    q->ev.worker = who;
    q->ev.id = id;
    if (w->events)
        w->newest->next = q;
    else
        w->events = q;
    w->newest = q;
    return &q->ev;
}

static void set_text(work_event *ev, const char *s, size_t n)
{
    ev->text = mem_dupn(s ? s : "", s ? n : 0);
    ev->ntext = s ? n : 0;
}

static void ring(procs *w)
{
    uint64_t one = 1;
    if (w->polling && write(w->wake, &one, sizeof one) < 0) return; /* full: it rings already */
}

/* ---- who holds what ---- */

static bool holds(const result *r, int who)
{
    for (uint32_t i = 0; r && i < r->n; i++)
        if (r->at[i] == who) return true;
    return false;
}

static void now_at(procs *w, work_id id, int who)
{
    result *r = idmap_get(&w->results, id);
    if (!r) idmap_put(&w->results, id, r = mem_zero(sizeof *r));
    if (holds(r, who)) return;
    if (r->n == r->cap) r->at = mem_grow(r->at, (r->cap = r->cap * 2 + 1) * sizeof *r->at);
    r->at[r->n++] = who;
}

static void result_free(result *r)
{
    if (!r) return;
    mem_free(r->at);
    mem_free(r);
}

static void no_longer_at(procs *w, int who)
{
    work_id id;
    void *at;
    for (size_t i = 0; idmap_next(&w->results, &i, &id, &at);) {
        result *r = at;
        for (uint32_t k = 0; k < r->n; k++)
            if (r->at[k] == who) r->at[k--] = r->at[--r->n];
        if (!r->n) result_free(idmap_put(&w->results, id, NULL));
    }
}

/* A worker from which to have a result: -1 none.  The last to get it: so copies spread. */
static int holder(const procs *w, work_id id)
{
    const result *r = idmap_get(&w->results, id);
    for (uint32_t i = r ? r->n : 0; i-- > 0;)
        if (!w->at[r->at[i]]->dead) return r->at[i];
    return -1;
}

/* ---- sending ---- */

static void worker_lost(procs *w, int who);

static bool flush(procs *w, int who)
{
    proc *p = w->at[who];
    while (p->out && !p->dead) {
        int sent_all = parcel_send(p->p.fd, p->out);
        if (sent_all == 0) return true;
        parcel *next = p->out->next;
        parcel_free(p->out);
        p->out = next;
        if (sent_all < 0) return false;
    }
    return true;
}

/* A death that sending meets is told by the reader, in its turn. */
static void post(procs *w, int who, wire_out *out)
{
    proc *p = w->at[who];
    if (p->dead) {
        wire_out_clear(out);
        return;
    }
    parcel *x = parcel_new(out);
    if (p->out)
        p->last->next = x;
    else
        p->out = x;
    p->last = x;
    if (p->out == x) flush(w, who);
    if (p->out) ring(w);
}

static void post_id(procs *w, int who, enum message what, work_id id)
{
    wire_out out = {0};
    wire_u8(&out, what);
    wire_u64(&out, id);
    post(w, who, &out);
}

/* ---- life and death ---- */

static bool start(procs *w, int who, err *e)
{
    proc *p = w->at[who];
    if (!process_start(&p->p, true, e)) return false;
    p->dead = false;
    link_reader(&p->in);
    char name[128];
    snprintf(name, sizeof name, "%s-%d", w->name, who);
    int nthread = w->o.nthread > 0 ? w->o.nthread : 1;
    greeting g = {who, nthread, w->o.fresh, w->o.alone, w->o.limit, name, w->setting};
    wire_out out = {0};
    greeting_write(&g, &out, e);
    post(w, who, &out);
    return true;
}

static void forget_all(proc *p)
{
    uint64_t id;
    void *at;
    for (size_t i = 0; idmap_next(&p->funcs, &i, &id, &at);) datum_unref(at);
    for (size_t i = 0; idmap_next(&p->tasks, &i, &id, &at);) mem_free(at);
    idmap_clear(&p->funcs);
    idmap_clear(&p->tasks);
    for (parcel *next; p->out; p->out = next) {
        next = p->out->next;
        parcel_free(p->out);
    }
    wire_in_clear(&p->in);
}

/* A result will not come: its fetcher is told, tasks that wait for it elsewhere cannot run. */
static void give_up(procs *w, work_id id, int to)
{
    if (to < 0) {
        add_event(w, WORK_VALUE, -1, id);
        return;
    }
    proc *p = w->at[to];
    uint64_t task_id;
    void *at;
    for (size_t i = 0; idmap_next(&p->tasks, &i, &task_id, &at);) {
        sent *t = at;
        bool needs = false;
        for (uint32_t k = 0; k < t->nin; k++) needs = needs || t->in[k] == id;
        if (!needs) continue;
        if (!t->dropped) add_event(w, WORK_MISSING, to, t->id)->other = id;
        post_id(w, to, MSG_CANCEL, t->id);
        mem_free(idmap_put(&p->tasks, task_id, NULL));
    }
}

static void ask_for(procs *w, work_id id, int to)
{
    int from = holder(w, id);
    if (from < 0) {
        give_up(w, id, to);
        return;
    }
    bool asked = false; /* one answer serves all */
    for (wanted *x = w->wanted; x; x = x->next) {
        if (x->id != id) continue;
        if (x->to == to) return;
        asked = true;
        from = x->from;
    }
    wanted *x = mem_alloc(sizeof *x);
    *x = (wanted){id, from, to, w->wanted};
    w->wanted = x;
    if (!asked) post_id(w, from, MSG_FETCH, id);
}

static void worker_lost(procs *w, int who)
{
    proc *p = w->at[who];
    if (p->dead) return;
    p->dead = true;
    int64_t pid = p->p.pid;
    char why[64];
    process_end(&p->p, why);
    forget_all(p);
    no_longer_at(w, who);
    work_event *ev = add_event(w, WORKER_DIED, who, 0);
    ev->pid = pid;
    set_text(ev, why, strlen(why));
    wanted *all = w->wanted;
    w->wanted = NULL;
    for (wanted *x = all, *next; x; x = next) {
        next = x->next;
        if (x->to == who) {
            mem_free(x);
        } else if (x->from == who) {
            ask_for(w, x->id, x->to);
            mem_free(x);
        } else {
            x->next = w->wanted;
            w->wanted = x;
        }
    }
}

/* ---- what comes ---- */

static void put_to(procs *w, int who, work_id id, datum *d)
{
    wire_out out = {0};
    err e = {0};
    wire_u8(&out, MSG_PUT);
    wire_u64(&out, id);
    if (wire_datum(&out, d, &e)) {
        post(w, who, &out);
        now_at(w, id, who);
    } else {
        wire_out_clear(&out);
        err_clear(&e);
    }
}

static void got_value(procs *w, int who, wire_in *r)
{
    err e = {0};
    work_id id = wire_get_u64(r);
    wire_get_u8(r);
    datum *d = NULL;
    wire_get_datum(r, &d, &e);
    size_t n;
    const char *why = wire_get_text(r, &n);
    for (wanted **at = &w->wanted; *at;) {
        wanted *x = *at;
        if (x->id != id || x->from != who) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        if (x->to >= 0 && d && idmap_get(&w->results, id)) {
            put_to(w, x->to, id, d);
        } else if (x->to >= 0) {
            give_up(w, id, x->to);
            at = &w->wanted;
        } else {
            work_event *ev = add_event(w, WORK_VALUE, who, id);
            ev->value = datum_ref(d);
            set_text(ev, why, n);
        }
        mem_free(x);
    }
    datum_unref(d);
    err_clear(&e);
}

/* A task has ended: is somebody interested? */
static bool task_over(procs *w, int who, work_id id)
{
    sent *t = idmap_put(&w->at[who]->tasks, id, NULL);
    bool wants = t && !t->dropped;
    mem_free(t);
    return wants;
}

static void got_done(procs *w, int who, wire_in *r)
{
    work_id id = wire_get_u64(r);
    if (!task_over(w, who, id)) {
        post_id(w, who, MSG_DROP, id);
        return;
    }
    size_t n;
    const char *cls = wire_get_text(r, &n);
    work_event *ev = add_event(w, WORK_DONE, who, id);
    if (n >= sizeof ev->type) n = sizeof ev->type - 1;
    if (cls) memcpy(ev->type, cls, n);
    ev->bytes = wire_get_u64(r);
    wire_get(r, &ev->begin, sizeof ev->begin);
    wire_get(r, &ev->end, sizeof ev->end);
    err e = {0};
    wire_get_datum(r, &ev->value, &e);
    err_clear(&e);
    now_at(w, id, who);
}

static void got_datum(procs *w, int who, wire_in *r, enum work_what what)
{
    err e = {0};
    work_id id = wire_get_u64(r);
    if (what == WORK_FAILED && !task_over(w, who, id)) return;
    work_event *ev = add_event(w, what, who, id);
    if (what == WORK_ASKS) ev->other = wire_get_u64(r);
    wire_get_datum(r, &ev->value, &e);
    size_t n = 0;
    const char *text = what == WORK_FAILED ? wire_get_text(r, &n) : NULL;
    set_text(ev, text, n);
    err_clear(&e);
}

static void got_said(procs *w, int who, wire_in *r)
{
    work_event *ev = add_event(w, WORK_SAID, who, wire_get_u64(r));
    ev->other = wire_get_u64(r);
    size_t n;
    const char *text = wire_get_text(r, &n);
    set_text(ev, text, n);
}

static void take_message(procs *w, int who, wire_in *r)
{
    switch ((enum message)wire_get_u8(r)) {
    case MSG_UP: add_event(w, WORKER_UP, who, 0)->pid = (int64_t)wire_get_u64(r); break;
    case MSG_DONE: got_done(w, who, r); break;
    case MSG_CANCEL: task_over(w, who, wire_get_u64(r)); break;
    case MSG_FAILED: got_datum(w, who, r, WORK_FAILED); break;
    case MSG_VALUE: got_value(w, who, r); break;
    case MSG_SAID: got_said(w, who, r); break;
    case MSG_ASKS: got_datum(w, who, r, WORK_ASKS); break;
    default: break;
    }
}

/* All messages that are there. */
static void read_from(procs *w, int who)
{
    proc *p = w->at[who];
    err e = {0};
    while (!p->dead) {
        int got = link_read(p->p.fd, &p->in, &e);
        if (got == 0) return;
        if (got < 0) {
            err_clear(&e);
            worker_lost(w, who);
            return;
        }
        take_message(w, who, &p->in);
        if (p->dead) return;
        wire_in_clear(&p->in);
        link_reader(&p->in);
    }
}

/* ---- polling ---- */

static bool take_event(procs *w, work_event *ev)
{
    queued *q = w->events;
    if (!q) return false;
    w->events = q->next;
    *ev = q->ev;
    mem_free(q);
    return true;
}

/* One wait for all of them, with the lock let go meanwhile. */
static void wait_once(procs *w, int timeout_ms)
{
    int n = w->base.n;
    struct pollfd *fd = mem_zero((size_t)(n + 1) * sizeof *fd);
    fd[n] = (struct pollfd){w->wake, POLLIN, 0};
    for (int i = 0; i < n; i++) {
        proc *p = w->at[i];
        fd[i].fd = p->dead ? -1 : p->p.fd;
        fd[i].events = (short)(POLLIN | (p->out ? POLLOUT : 0));
    }
    w->polling = true;
    pthread_mutex_unlock(&w->lock);
    poll(fd, (nfds_t)n + 1, timeout_ms);
    pthread_mutex_lock(&w->lock);
    w->polling = false;
    uint64_t count;
    if (fd[n].revents && read(w->wake, &count, sizeof count) < 0) fd[n].revents = 0;
    for (int i = 0; i < n; i++) {
        if (!fd[i].revents || w->at[i]->dead || w->at[i]->p.fd != fd[i].fd) continue;
        if (fd[i].revents & POLLOUT) flush(w, i);
        if (fd[i].revents & ~POLLOUT) read_from(w, i);
    }
    mem_free(fd);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool procs_poll(workers *base, int timeout_ms, work_event *ev)
{
    procs *w = as_procs(base);
    *ev = (work_event){0};
    int64_t end = now_ms() + timeout_ms;
    pthread_mutex_lock(&w->lock);
    bool found;
    while (!(found = take_event(w, ev)) && !w->woken) {
        int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
        if (timeout_ms >= 0 && left < 0) left = 0;
        wait_once(w, (int)left);
        if (left == 0 && !w->events) break;
    }
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return found;
}

static void procs_wake(workers *base)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    ring(w);
    pthread_mutex_unlock(&w->lock);
}

/* ---- calls ---- */

static bool alive(procs *w, int who, err *e)
{
    if (who >= 0 && who < w->base.n && !w->at[who]->dead) return true;
    err_set(e, ConnectionError, "worker %d is gone", who);
    return false;
}

/* The number of a function at a worker; the function itself goes along once. */
static bool write_func(proc *p, datum *func, wire_out *out, err *e)
{
    uint64_t no = (uint64_t)(uintptr_t)func;
    datum *known = idmap_get(&p->funcs, no);
    wire_u64(out, no);
    if (!wire_datum(out, known ? NULL : func, e)) return false;
    if (!known) idmap_put(&p->funcs, no, datum_ref(func)); /* held: its address stays its own */
    return true;
}

static bool procs_send(workers *base, int who, const work *t, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    wire_out out = {0};
    wire_u8(&out, MSG_RUN);
    wire_u64(&out, t->id);
    wire_text(&out, t->key, t->key ? strlen(t->key) : 0);
    bool here = alive(w, who, e), ok = here && write_func(w->at[who], t->func, &out, e);
    if (ok && !wire_datum(&out, t->args, e)) { /* nothing is sent: the function neither */
        datum_unref(idmap_put(&w->at[who]->funcs, (uint64_t)(uintptr_t)t->func, NULL));
        ok = false;
    }
    if (ok) {
        wire_u32(&out, t->nin);
        wire_bytes(&out, t->in, t->nin * sizeof *t->in);
        sent *s = mem_zero(sizeof *s + t->nin * sizeof *s->in);
        s->id = t->id;
        s->nin = t->nin;
        if (t->nin) memcpy(s->in, t->in, t->nin * sizeof *s->in);
        mem_free(idmap_put(&w->at[who]->tasks, t->id, s));
        post(w, who, &out);
        for (uint32_t i = 0; i < t->nin; i++)
            if (!holds(idmap_get(&w->results, t->in[i]), who)) ask_for(w, t->in[i], who);
        if (w->events) ring(w);
    }
    wire_out_clear(&out);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static bool procs_put(workers *base, int who, work_id id, datum *v, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    wire_out out = {0};
    wire_u8(&out, MSG_PUT);
    wire_u64(&out, id);
    bool ok = alive(w, who, e) && wire_datum(&out, v, e);
    if (ok) {
        post(w, who, &out);
        now_at(w, id, who);
    }
    wire_out_clear(&out);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static bool procs_fetch(workers *base, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    bool ok = holder(w, id) >= 0;
    if (ok) ask_for(w, id, -1);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static void procs_drop(workers *base, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    result *r = idmap_put(&w->results, id, NULL);
    for (uint32_t i = 0; r && i < r->n; i++) post_id(w, r->at[i], MSG_DROP, id);
    result_free(r);
    pthread_mutex_unlock(&w->lock);
}

static bool procs_holds(workers *base, int who, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    bool is = holds(idmap_get(&w->results, id), who);
    pthread_mutex_unlock(&w->lock);
    return is;
}

static void procs_cancel(workers *base, int who, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    sent *t = who >= 0 && who < base->n ? idmap_get(&w->at[who]->tasks, id) : NULL;
    if (t) {
        t->dropped = true; /* it may run already */
        post_id(w, who, MSG_CANCEL, id);
    }
    pthread_mutex_unlock(&w->lock);
}

static void procs_kill(workers *base, int who, int sig)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    if (who >= 0 && who < base->n && !w->at[who]->dead) kill((pid_t)w->at[who]->p.pid, sig);
    pthread_mutex_unlock(&w->lock);
}

static bool procs_restart(workers *base, int who, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    bool ok = who >= 0 && who < base->n;
    if (!ok) err_set(e, ValueError, "there is no worker %d", who);
    if (ok && !w->at[who]->dead) worker_lost(w, who);
    ok = ok && start(w, who, e);
    ring(w);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

/* With the lock held, or before anybody else knows w. */
static int add(procs *w, err *e)
{
    int who = w->base.n;
    w->at = mem_grow(w->at, (size_t)(who + 1) * sizeof *w->at);
    proc *p = w->at[who] = mem_zero(sizeof *p);
    p->dead = true;
    if (!start(w, who, e)) return mem_free(p), -1;
    w->base.n++;
    return who;
}

static int procs_add(workers *base, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    int who = add(w, e);
    ring(w);
    pthread_mutex_unlock(&w->lock);
    return who;
}

static bool procs_answer(workers *base, int who, uint64_t ask, datum *v, bool raised, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    wire_out out = {0};
    wire_u8(&out, MSG_ANSWER);
    wire_u64(&out, ask);
    wire_u8(&out, raised);
    bool ok = alive(w, who, e) && wire_datum(&out, v, e);
    if (ok) post(w, who, &out);
    wire_out_clear(&out);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static int64_t procs_pid(workers *base, int who)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    int64_t pid = who >= 0 && who < base->n ? w->at[who]->p.pid : 0;
    pthread_mutex_unlock(&w->lock);
    return pid;
}

static int64_t procs_memory(workers *base, int who)
{
    int64_t pid = procs_pid(base, who);
    return pid ? process_memory(pid) : -1;
}

/* ---- opening and closing ---- */

static void procs_close(workers *base)
{
    procs *w = as_procs(base);
    for (int i = 0; i < base->n; i++) {
        if (w->at[i]->dead) continue;
        process_end(&w->at[i]->p, NULL);
        forget_all(w->at[i]);
    }
    for (int i = 0; i < base->n; i++) mem_free(w->at[i]);
    uint64_t id;
    void *at;
    for (size_t i = 0; idmap_next(&w->results, &i, &id, &at);) result_free(at);
    idmap_clear(&w->results);
    for (wanted *next; w->wanted; w->wanted = next) {
        next = w->wanted->next;
        mem_free(w->wanted);
    }
    for (work_event ev; take_event(w, &ev);) work_event_clear(&ev);
    close(w->wake);
    pthread_mutex_destroy(&w->lock);
    datum_unref(w->setting);
    mem_free(w->name);
    mem_free(w->at);
    mem_free(w);
}

static const workers_kind processes = {
    .name = "processes",
    .close = procs_close,
    .send = procs_send,
    .put = procs_put,
    .fetch = procs_fetch,
    .drop = procs_drop,
    .holds = procs_holds,
    .poll = procs_poll,
    .wake = procs_wake,
    .cancel = procs_cancel,
    .kill = procs_kill,
    .restart = procs_restart,
    .add = procs_add,
    .answer = procs_answer,
    .pid = procs_pid,
    .memory = procs_memory,
};

workers *workers_open_processes(interp *home, const workers_opts *o, err *e)
{
    datum *setting = greeting_setting(home, e);
    if (!setting) return NULL;
    procs *w = mem_zero(sizeof *w);
    w->base.kind = &processes;
    w->o = *o;
    w->name = mem_dup(o->name ? o->name : "worker");
    w->setting = setting;
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&w->lock, NULL);
    for (int i = 0; i < o->n; i++) {
        if (add(w, e) >= 0) continue;
        procs_close(&w->base);
        return NULL;
    }
    return &w->base;
}
