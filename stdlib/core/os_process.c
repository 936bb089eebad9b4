/* stdlib/core/os_process.c - child processes: started, fed, waited for, ended; the part of _os
 * behind subprocess. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/builtins.h"
#include "lang/types/bytes.h"
#include "lang/types/file.h"
#include "stdlib/core/os_parts.h"

static char **to_argv(interp *in, value v)
{
    list *l = list_of(in, v);
    if (!l) return NULL;
    char **a = mem_zero(((size_t)l->n + 1) * sizeof *a);
    for (int64_t i = 0; i < l->n; i++) {
        str *s;
        if (!path_text(in, l->at[i], &s)) break;
        a[i] = mem_dup(s->at);
        obj_unref(in, s);
    }
    obj_unref(in, l);
    return a;
}

static void free_argv(char **a)
{
    for (char **p = a; p && *p; p++) mem_free(*p);
    mem_free(a);
}

/* What the child does with fd: -1 inherits, -2 is /dev/null, else a descriptor of ours. */
static void redirect(posix_spawn_file_actions_t *fa, int fd, int64_t from)
{
    if (from == -2)
        posix_spawn_file_actions_addopen(fa, fd, "/dev/null", fd ? O_WRONLY : O_RDONLY, 0);
    else if (from >= 0)
        posix_spawn_file_actions_adddup2(fa, (int)from, fd);
}

/* spawn(argv, env or None, cwd or None, stdin, stdout, stderr) -> pid */
value os_spawn(interp *in, const value *arg)
{
    posix_spawn_file_actions_t fa;
    pid_t pid;
    str *cwd = NULL;
    char **argv = to_argv(in, arg[0]);
    char **env = !argv || is_none(arg[1]) ? NULL : to_argv(in, arg[1]);
    if (throwing(in) || !argv[0] || (!is_none(arg[2]) && !path_text(in, arg[2], &cwd))) {
        free_argv(argv);
        free_argv(env);
        return throwing(in) ? FAIL : throw(in, IndexError, "list index out of range");
    }
    posix_spawn_file_actions_init(&fa);
    for (int fd = 0; fd < 3; fd++) redirect(&fa, fd, arg[3 + fd].i);
    if (cwd) posix_spawn_file_actions_addchdir_np(&fa, cwd->at);
    int code = posix_spawnp(&pid, argv[0], &fa, NULL, argv, env ? env : environ);
    posix_spawn_file_actions_destroy(&fa);
    value name = v_str(in, argv[0]);
    free_argv(argv);
    free_argv(env);
    obj_unref(in, cwd);
    value r = code ? throw_errno(in, code, name) : v_int(pid);
    value_unref(in, name);
    return r;
}

/* waitpid(pid, block) -> the exit code (negative: the signal), None while it runs */
value os_wait(interp *in, const value *arg)
{
    int status;
    bool block = arg[1].i;
    double step = 0;
    for (;;) {
        bool several = interp_several(in);
        pid_t r = waitpid((pid_t)arg[0].i, &status, block && !several ? 0 : WNOHANG);
        if (r == 0 && block && several && interp_rest(in, &step)) continue;
        if (r == 0) return throwing(in) ? FAIL : NONE;
        if (r > 0) break;
        if (errno != EINTR) return throw_errno(in, errno, FAIL);
        if (!check_interrupt(in)) return FAIL;
    }
    return v_int(WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
}

value os_kill(interp *in, const value *arg)
{
    int64_t pid, sig;
    if (!to_int64(in, arg[0], &pid) || !to_int64(in, arg[1], &sig)) return FAIL;
    /* to end oneself: by the thread that calls, so that it does not go on before the end comes */
    struct sigaction how = {0};
    bool own = pid == (int64_t)getpid() && sig && !sigaction((int)sig, NULL, &how) &&
               how.sa_handler == SIG_DFL;
    return os_done(in, own ? raise((int)sig) : kill((pid_t)pid, (int)sig), FAIL);
}

value os_pipe(interp *in, const value *arg)
{
    int fd[2];
    (void)arg;
    if (pipe2(fd, O_CLOEXEC)) return throw_errno(in, errno, FAIL);
    return v_obj(tuple_pack(in, 2, v_int(fd[0]), v_int(fd[1])));
}

typedef struct pump { /* communicate(): what still goes in, what has come out */
    const char *send;
    size_t left;
    strbuf got[2];
    struct pollfd fd[3]; /* stdin, stdout, stderr of the child; fd -1: done */
} pump;

static void pump_once(pump *p)
{
    char buf[65536];
    if (p->fd[0].fd >= 0 && p->fd[0].revents) {
        ssize_t k = write(p->fd[0].fd, p->send, p->left < 4096 ? p->left : 4096);
        if (k > 0) p->send += k, p->left -= (size_t)k;
        if (k < 0 || !p->left) {
            close(p->fd[0].fd);
            p->fd[0].fd = -1;
        }
    }
    for (int i = 1; i < 3; i++) {
        if (p->fd[i].fd < 0 || !p->fd[i].revents) continue;
        ssize_t k = read(p->fd[i].fd, buf, sizeof buf);
        if (k > 0)
            sb_add(&p->got[i - 1], buf, (size_t)k);
        else if (k == 0 || errno != EINTR) {
            close(p->fd[i].fd);
            p->fd[i].fd = -1;
        }
    }
}

/* communicate(stdin fd, stdout fd, stderr fd, input bytes, seconds or -1) -> (out, err, in time);
 * closes the descriptors; -1 for one that is no pipe */
value os_communicate(interp *in, const value *arg)
{
    pump p = {0};
    double limit;
    if (!to_double(in, arg[4], &limit)) return FAIL;
    struct timespec now, start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    p.send = bytes_peek(arg[3], &p.left);
    for (int i = 0; i < 3; i++) p.fd[i] = (struct pollfd){(int)arg[i].i, i ? POLLIN : POLLOUT, 0};
    if (!p.left && p.fd[0].fd >= 0) {
        close(p.fd[0].fd);
        p.fd[0].fd = -1;
    }
    bool in_time = true;
    double step = 0;
    while (in_time && (p.fd[0].fd >= 0 || p.fd[1].fd >= 0 || p.fd[2].fd >= 0)) {
        bool several = interp_several(in);
        if (poll(p.fd, 3, several ? 0 : 100) > 0)
            pump_once(&p), step = 0;
        else if (several && !interp_rest(in, &step))
            break;
        if (!check_interrupt(in)) break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double spent =
            (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
        in_time = limit < 0 || spent < limit;
    }
    for (int i = 0; i < 3; i++)
        if (p.fd[i].fd >= 0) close(p.fd[i].fd);
    value r = throwing(in)
                  ? FAIL
                  : v_obj(tuple_pack(in, 3, v_obj(bytes_new(in, sb_text(&p.got[0]), p.got[0].n)),
                                     v_obj(bytes_new(in, sb_text(&p.got[1]), p.got[1].n)),
                                     v_bool(in_time)));
    sb_clear(&p.got[0]);
    sb_clear(&p.got[1]);
    return r;
}

value os_system(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    if (!s) return throw(in, TypeError, "system() argument 1 must be str");
    return v_int(system(s->at));
}
