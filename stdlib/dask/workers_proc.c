/* stdlib/dask/workers_proc.c - worker processes behind the face of workers.h.
 *
 * All sockets are non-blocking: calls queue parcels and send what goes at once, the thread that
 * polls sends the rest and turns what comes into events. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "stdlib/dask/procs.h"

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

/* ---- polling ---- */

static bool procs_take_event(procs *w, work_event *ev)
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
        if (fd[i].revents & POLLOUT) procs_flush(w, i);
        if (fd[i].revents & ~POLLOUT) procs_read(w, i);
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
    while (!(found = procs_take_event(w, ev)) && !w->woken) {
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
    procs_ring(w);
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
        procs_post(w, who, &out);
        for (uint32_t i = 0; i < t->nin; i++)
            if (!result_is_at(idmap_get(&w->results, t->in[i]), who))
                procs_ask_for(w, t->in[i], who);
        if (w->events) procs_ring(w);
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
        procs_post(w, who, &out);
        procs_now_at(w, id, who);
    }
    wire_out_clear(&out);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static bool procs_fetch(workers *base, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    bool ok = procs_holder(w, id) >= 0;
    if (ok) procs_ask_for(w, id, -1);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static void procs_drop(workers *base, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    result *r = idmap_put(&w->results, id, NULL);
    for (uint32_t i = 0; r && i < r->n; i++) procs_post_id(w, r->at[i], MSG_DROP, id);
    result_free(r);
    pthread_mutex_unlock(&w->lock);
}

static bool procs_holds(workers *base, int who, work_id id)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    bool is = result_is_at(idmap_get(&w->results, id), who);
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
        procs_post_id(w, who, MSG_CANCEL, id);
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
    if (ok && !w->at[who]->dead) procs_lost(w, who);
    ok = ok && procs_start(w, who, e);
    procs_ring(w);
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
    if (!procs_start(w, who, e)) return mem_free(p), -1;
    w->base.n++;
    return who;
}

static int procs_add(workers *base, err *e)
{
    procs *w = as_procs(base);
    pthread_mutex_lock(&w->lock);
    int who = add(w, e);
    procs_ring(w);
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
    if (ok) procs_post(w, who, &out);
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
        proc_forget(w->at[i]);
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
    for (work_event ev; procs_take_event(w, &ev);) work_event_clear(&ev);
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
