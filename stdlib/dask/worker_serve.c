/* stdlib/dask/worker_serve.c - the life of a worker process.
 *
 * The main thread reads messages: it hands tasks to the task threads, keeps results and answers
 * what is asked about them, also while tasks run; when the other end closes it returns and the
 * process ends.  Each task thread has an interpreter of its own.  Tasks wait until their inputs are
 * here. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/graph/fn_wire.h"
#include "stdlib/dask/worker_impl.h"
#include "stdlib/stdlib.h"

/* Nobody hears us any more: the reader notices, too. */
void server_post(server *s, wire_out *w)
{
    err e = {0};
    pthread_mutex_lock(&s->out);
    link_send(s->fd, w, &e);
    pthread_mutex_unlock(&s->out);
    err_clear(&e);
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

/* The other end counts on what it has sent to be here.  Without memory for it this worker is of no
 * use: another takes its place, and what it had runs again. */
static void leave_short_of_memory(const err *e)
{
    if (e->kind == MemoryError) _exit(1);
}

static bool read_run(server *s, wire_in *r, job *j, err *e)
{
    datum *func;
    j->funcno = wire_get_u64(r);
    if (!wire_get_datum(r, &func, e)) return leave_short_of_memory(e), false;
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
    wire_u8(&w, e->kind ? e->kind : RuntimeError);
    const char *text = e->kind ? e->msg : "a task could not be read";
    wire_text(&w, text, strlen(text));
    wire_datum(&w, NULL, NULL);
    server_post(s, &w);
    err_clear(e);
}

static void read_job(server *s, wire_in *r, bool is_call)
{
    err e = {0};
    job *j = mem_zero(sizeof *j);
    j->id = wire_get_u64(r);
    if (!is_call) mem_free(wire_get_string(r));
    if (is_call ? read_call(r, j, &e) : read_run(s, r, j, &e)) {
        job_add(s, j);
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
    if (!wire_get_datum(r, &d, &e)) _exit(1); /* tasks here would wait for it for ever */
    if (d) server_keep(s, id, d);
}

/* The value of a result, or why not; false: half a datum is none. */
static bool write_value(wire_out *w, uint64_t id, datum *d, err *e)
{
    const char *why = e->kind ? e->msg : "";
    wire_u8(w, MSG_VALUE);
    wire_u64(w, id);
    wire_u8(w, e->kind);
    wire_text(w, why, strlen(why));
    return wire_datum(w, d, e);
}

static void fetch(server *s, uint64_t id)
{
    err e = {0};
    datum *d = store_lend(&s->held, id, &e);
    wire_out w = {0};
    if (!write_value(&w, id, d, &e)) {
        wire_out_clear(&w);
        write_value(&w, id, NULL, &e);
    }
    server_post(s, &w);
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

static void cancel(server *s, uint64_t id)
{
    if (!job_cancel(s, id)) return;
    wire_out w = {0};
    wire_u8(&w, MSG_CANCEL);
    wire_u64(&w, id);
    server_post(s, &w);
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
    pthread_cond_init(&s.work_spare, NULL);
    pthread_cond_init(&s.answered, NULL);
    signal(SIGINT, SIG_IGN);          /* Ctrl-C is for who started us */
    prctl(PR_SET_NAME, "dsk-worker"); /* exec by /proc/self/exe has named it exe */
    close_range((unsigned)fd + 1, ~0u, 0);
    if (!begin(&s)) return;
    wire_out w = {0};
    wire_u8(&w, MSG_UP);
    wire_u64(&w, (uint64_t)getpid());
    server_post(&s, &w);
    wire_in r;
    err e = {0};
    while (link_receive(fd, &r, &e) == 1) {
        take_message(&s, &r);
        wire_in_clear(&r);
    }
    err_clear(&e);
}
