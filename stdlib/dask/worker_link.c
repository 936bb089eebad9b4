/* stdlib/dask/worker_link.c - messages over a socket, and the processes at its other end. */
#include "stdlib/dask/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/data/nd_wire.h"
#include "engine/data/share.h"
#include "lang/freeze.h"

enum { MOST_PIECES = 64, MOST_FDS = 250 }; /* the system passes on 253 at a time */

/* ---- out ---- */

static int shared_already(const wire_seg *s)
{
    return s->n < SHARE_LEAST ? -1 : share_peek(s->owner, s->at, s->n);
}

/* Large segments: memory that holds them already goes as it is (a file has to), others are copied
 * into some, as long as there is any and room for those. */
static void pack_memory(parcel *p)
{
    uint32_t held = 0;
    bool room = true;
    for (uint32_t i = 0; i < p->w.nseg; i++) held += shared_already(&p->w.seg[i]) >= 0;
    for (uint32_t i = 0; i < p->w.nseg && p->nfd < MOST_FDS; i++) {
        wire_seg *s = &p->w.seg[i];
        if (s->n < SHARE_LEAST) continue;
        int fd = shared_already(s);
        bool own = fd < 0;
        if (own && room && p->nfd + held < MOST_FDS) fd = share_copy(s->at, s->n);
        room = room && fd >= 0;
        if (fd < 0) continue;
        held -= !own;
        p->fd = mem_grow(p->fd, (p->nfd + 1) * sizeof *p->fd);
        p->own = mem_grow(p->own, (p->nfd + 1) * sizeof *p->own);
        p->fd[p->nfd] = fd;
        p->own[p->nfd++] = own;
        s->outside = true;
        if (!own) continue;
        s->hold = datum_unref(s->hold); /* the copy is enough */
    }
}

parcel *parcel_new(wire_out *w)
{
    parcel *p = mem_zero(sizeof *p);
    p->w = *w;
    *w = (wire_out){0};
    pack_memory(p);
    p->piece = wire_pieces(&p->w, &p->head, &p->n);
    return p;
}

static void unpack_memory(parcel *p)
{
    for (uint32_t i = 0; i < p->nfd; i++)
        if (p->own[i]) close(p->fd[i]);
    mem_free(p->fd);
    mem_free(p->own);
    p->fd = NULL;
    p->own = NULL;
    p->nfd = 0;
}

void parcel_free(parcel *p)
{
    unpack_memory(p);
    wire_out_clear(&p->w);
    sb_clear(&p->head);
    mem_free(p->piece);
    mem_free(p);
}

static void advance(parcel *p, size_t n)
{
    p->sent += n;
    while (p->at < p->n && p->sent >= p->piece[p->at].n) p->sent -= p->piece[p->at++].n;
}

typedef union fd_room {
    struct cmsghdr align;
    char at[CMSG_SPACE(MOST_FDS * sizeof(int))];
} fd_room;

static void attach(struct msghdr *m, fd_room *room, const int *fd, uint32_t n)
{
    m->msg_control = room->at;
    m->msg_controllen = CMSG_SPACE(n * sizeof *fd);
    memset(room->at, 0, m->msg_controllen);
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    *c = (struct cmsghdr){CMSG_LEN(n * sizeof *fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
}

int parcel_send(int fd, parcel *p)
{
    while (p->at < p->n) {
        struct iovec v[MOST_PIECES];
        size_t k = 0;
        for (uint32_t i = p->at; i < p->n && k < MOST_PIECES; i++, k++) {
            size_t skip = i == p->at ? p->sent : 0;
            v[k].iov_base = (char *)(uintptr_t)p->piece[i].at + skip;
            v[k].iov_len = p->piece[i].n - skip;
        }
        struct msghdr m = {.msg_iov = v, .msg_iovlen = k};
        fd_room room;
        if (p->nfd) attach(&m, &room, p->fd, p->nfd);
        ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (n > 0) unpack_memory(p); /* they have gone */
        if (n >= 0)
            advance(p, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            return -1;
    }
    return 1;
}

bool link_send(int fd, wire_out *w, err *e)
{
    parcel *p = parcel_new(w);
    int sent = parcel_send(fd, p);
    while (sent == 0) {
        struct pollfd wait = {fd, POLLOUT, 0};
        poll(&wait, 1, -1);
        sent = parcel_send(fd, p);
    }
    parcel_free(p);
    if (sent < 0) err_set(e, ConnectionError, "the worker process is gone");
    return sent > 0;
}

/* ---- in ---- */

typedef struct luggage { /* memory that came with a message */
    wire_carrier base;
    uint32_t n, at;
    int fd[MOST_FDS];
} luggage;

static void *take_memory(wire_carrier *c, size_t n, char **at, err *e)
{
    luggage *l = (luggage *)(void *)c;
    if (l->at == l->n) return NULL;
    buf *b = share_open(l->fd[l->at++], n, e);
    if (b) *at = b->data;
    return b;
}

static void luggage_free(wire_carrier *c)
{
    luggage *l = (luggage *)(void *)c;
    while (l->at < l->n) close(l->fd[l->at++]);
    mem_free(l);
}

static void load(wire_in *r, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        luggage *l = mem_zero(sizeof *l);
        l->base = (wire_carrier){take_memory, luggage_free};
        l->n = (uint32_t)(n < MOST_FDS ? n : MOST_FDS);
        memcpy(l->fd, CMSG_DATA(c), l->n * sizeof *l->fd);
        if (r->carrier) luggage_free(r->carrier);
        r->carrier = &l->base;
    }
}

/* Memory comes with the first byte of a message only. */
static ssize_t receive(int fd, wire_in *r)
{
    if (r->to != r->pad || r->head) return recv(fd, r->to, r->want, 0);
    fd_room room;
    struct iovec v = {r->to, r->want};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = room.at, .msg_controllen = sizeof room.at};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (n > 0) load(r, &m);
    return n;
}

int link_read(int fd, wire_in *r, err *e)
{
    while (r->want) {
        ssize_t n = receive(fd, r);
        if (n == 0) return -1;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        r->to += n;
        r->want -= (size_t)n;
        if (!r->want && !wire_step(r, e)) return -1;
    }
    return 1;
}

void link_reader(wire_in *r)
{
    wire_in_init(r, wire_kinds, &buf_room);
    r->extra = &wire_found;
}

int link_receive(int fd, wire_in *r, err *e)
{
    link_reader(r);
    int got = link_read(fd, r, e);
    while (got == 0) {
        struct pollfd wait = {fd, POLLIN, 0};
        poll(&wait, 1, -1);
        got = link_read(fd, r, e);
    }
    if (got < 0) wire_in_clear(r);
    return got > 0 ? 1 : e->kind ? -1 : 0;
}

/* ---- processes ---- */

/* exec of this very program: no lock that another thread holds, no open file comes along.  SIGINT
 * is blocked until the worker ignores it: Ctrl-C is for who started it. */
static int spawn(int fd, pid_t *pid)
{
    extern char **environ;
    char name[] = "dsk", flag[] = "--worker", number[] = "3";
    char *argv[] = {name, flag, number, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, WORKER_FD);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &blocked);
    int failed = posix_spawn(pid, "/proc/self/exe", &actions, &how, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&how);
    return failed;
}

bool process_start(process *p, bool nonblocking, err *e)
{
    int end[2];
    *p = (process){.fd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end)) {
        err_errno(e, errno, NULL);
        return false;
    }
    /* dup2 to the same number would leave it to be closed on exec */
    int theirs = end[1] == WORKER_FD ? fcntl(end[1], F_DUPFD_CLOEXEC, WORKER_FD + 1) : end[1];
    if (theirs != end[1]) close(end[1]);
    pid_t pid;
    int failed = theirs < 0 ? errno : spawn(theirs, &pid);
    if (theirs >= 0) close(theirs);
    if (failed) {
        close(end[0]);
        err_set(e, OSError, "a worker process could not be started: %s", strerror(failed));
        return false;
    }
    if (nonblocking) fcntl(end[0], F_SETFL, O_NONBLOCK);
    *p = (process){pid, end[0]};
    return true;
}

void process_end(process *p, char why[64])
{
    int status = 0;
    if (why) why[0] = 0;
    if (!p->pid) return;
    close(p->fd);
    kill((pid_t)p->pid, SIGKILL);
    while (waitpid((pid_t)p->pid, &status, 0) < 0 && errno == EINTR) continue;
    if (why && WIFSIGNALED(status))
        snprintf(why, 64, "killed by signal %d", WTERMSIG(status));
    else if (why)
        snprintf(why, 64, "exited with status %d", WEXITSTATUS(status));
    *p = (process){.fd = -1};
}

static bool read_about(int64_t pid, const char *what, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static int64_t line_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoll(at + strlen(name), NULL, 10) * 1024 : 0;
}

int64_t process_owned(int64_t pid)
{
    char text[4096];
    if (!read_about(pid, "status", text, sizeof text)) return -1;
    return line_of(text, "\nRssAnon:") + line_of(text, "\nRssShmem:");
}

int64_t process_memory(int64_t pid)
{
    char text[128];
    long long size, resident;
    if (!read_about(pid, "statm", text, sizeof text)) return -1;
    if (sscanf(text, "%lld %lld", &size, &resident) != 2) return -1;
    return resident * (int64_t)sysconf(_SC_PAGESIZE);
}

/* ---- the greeting ---- */

datum *greeting_setting(interp *home, err *e)
{
    value sys = interp_import(home, "sys");
    dict *d = dict_new(home);
    bool ok = !is_fail(sys) && d && dict_put(home, d, "path", value_getattr_c(home, sys, "path")) &&
              dict_put(home, d, "argv", value_getattr_c(home, sys, "argv")) &&
              dict_put(home, d, "limit", call_method(home, sys, "getrecursionlimit", 0));
    datum *c = ok ? (datum *)freeze_copy(home, v_obj(d), e) : NULL;
    if (!ok) exc_to_err(home, e);
    obj_unref(home, d);
    value_unref(home, sys);
    return c;
}

bool greeting_apply(interp *in, datum *setting)
{
    value sys = interp_import(in, "sys"), v = value_unpack(in, setting);
    dict *d = as_dict(v);
    for (int i = 0; d && i < 2; i++) { /* the lists stay the lists that the language looks at */
        const char *name = i ? "argv" : "path";
        value at = value_getattr_c(in, sys, name);
        value_unref(in, call_method(in, at, "clear", 0));
        value_unref(in, call_method(in, at, "extend", 1, dict_peek(in, d, name)));
        value_unref(in, at);
    }
    if (d) value_unref(in, call_method(in, sys, "setrecursionlimit", 1, dict_peek(in, d, "limit")));
    const bool ok = d && !throwing(in);
    exc_clear(in);
    value_unref(in, v);
    value_unref(in, sys);
    return ok;
}

bool greeting_write(const greeting *g, wire_out *w, err *e)
{
    wire_u8(w, MSG_HELLO);
    wire_u32(w, (uint32_t)g->number);
    wire_u32(w, (uint32_t)g->nthread);
    wire_u8(w, g->fresh);
    wire_u8(w, g->alone);
    wire_u64(w, g->limit);
    wire_text(w, g->name, strlen(g->name));
    return wire_datum(w, g->setting, e);
}
