/* tests/calls/shim.c - preloaded by tests/calls.sh: system calls that fail, or at which a worker
 * process is killed.
 *
 * KILL_PLAN="1:9,2:30": the first worker process to start is killed at the ninth call that reads or
 * writes, the second at the thirtieth; KILL_HALF: half of what is to go goes before.  Processes
 * count themselves in the file KILL_COUNT, and those killed leave a byte each in KILL_DONE.
 * NO_TMPFILE, NO_DIRECT, NO_MEMFD: what file systems and the system may refuse. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(f) ((__typeof__(&f))(uintptr_t)dlsym(RTLD_NEXT, #f))

static long last; /* the call that is not survived; 0: none */
static bool in_halves;
static _Atomic long calls;

/* How many bytes a file has when one more has been added. */
static long add_to(const char *name)
{
    const char *path = getenv(name);
    int fd = path ? REAL(open)(path, O_CREAT | O_WRONLY | O_APPEND, 0600) : -1;
    long n = fd < 0 || REAL(write)(fd, "x", 1) != 1 ? 0 : (long)lseek(fd, 0, SEEK_CUR);
    if (fd >= 0) close(fd);
    return n;
}

static bool is_worker(void)
{
    char line[4096];
    int fd = REAL(open)("/proc/self/cmdline", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : REAL(read)(fd, line, sizeof line);
    if (fd >= 0) close(fd);
    return n > 0 && memmem(line, (size_t)n, "\0--worker", 9);
}

__attribute__((constructor)) static void begin(void)
{
    const char *plan = getenv("KILL_PLAN");
    if (!plan || !is_worker()) return;
    long mine = add_to("KILL_COUNT");
    in_halves = getenv("KILL_HALF");
    while (*plan) {
        char *end;
        long who = strtol(plan, &end, 10), at = strtol(end + 1, &end, 10);
        if (who == mine) last = at;
        plan = *end ? end + 1 : end;
    }
}

static bool is_last(void)
{
    return last && ++calls == last;
}

static void die(void)
{
    add_to("KILL_DONE");
    kill(getpid(), SIGKILL);
}

#define CALL(type, f, parameters, whole, half)                                                     \
    type f parameters                                                                              \
    {                                                                                              \
        static __typeof__(&f) real;                                                                \
        if (!real) real = REAL(f);                                                                 \
        if (!is_last()) return real whole;                                                         \
        if (in_halves) real half;                                                                  \
        die();                                                                                     \
        return -1;                                                                                 \
    }

CALL(ssize_t, read, (int fd, void *at, size_t n), (fd, at, n), (fd, at, n / 2))
CALL(ssize_t, write, (int fd, const void *at, size_t n), (fd, at, n), (fd, at, n / 2))
CALL(ssize_t, pread, (int fd, void *at, size_t n, off_t to), (fd, at, n, to), (fd, at, n / 2, to))
CALL(ssize_t, pwrite, (int fd, const void *at, size_t n, off_t to), (fd, at, n, to),
     (fd, at, n / 2, to))
CALL(ssize_t, recv, (int fd, void *at, size_t n, int how), (fd, at, n, how), (fd, at, n / 2, how))
CALL(ssize_t, recvmsg, (int fd, struct msghdr *m, int how), (fd, m, how), (fd, m, how))

/* the first half of the bytes of a message */
static struct msghdr half_of(const struct msghdr *m, struct iovec *room, size_t most)
{
    struct msghdr h = *m;
    size_t left = 0;
    if (h.msg_iovlen > most) h.msg_iovlen = most;
    for (size_t i = 0; i < h.msg_iovlen; i++) left += m->msg_iov[i].iov_len;
    left /= 2;
    for (size_t i = 0; i < h.msg_iovlen; i++) {
        room[i] = m->msg_iov[i];
        if (room[i].iov_len > left) room[i].iov_len = left;
        left -= room[i].iov_len;
    }
    h.msg_iov = room;
    return h;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int how)
{
    struct iovec room[64];
    if (!is_last()) return REAL(sendmsg)(fd, m, how);
    struct msghdr h = half_of(m, room, 64);
    if (in_halves) REAL(sendmsg)(fd, &h, how);
    die();
    return -1;
}

static int refuse(int why)
{
    errno = why;
    return -1;
}

int open(const char *path, int how, ...)
{
    va_list more;
    va_start(more, how);
    mode_t mode = how & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if ((how & O_TMPFILE) == O_TMPFILE && getenv("NO_TMPFILE")) return refuse(EOPNOTSUPP);
    if (how & O_DIRECT && getenv("NO_DIRECT")) return refuse(EINVAL);
    return REAL(open)(path, how, mode);
}

int mkostemp(char *path, int how)
{
    if (how & O_DIRECT && getenv("NO_DIRECT")) return refuse(EINVAL);
    return REAL(mkostemp)(path, how);
}

int memfd_create(const char *name, unsigned how)
{
    return getenv("NO_MEMFD") ? refuse(ENFILE) : REAL(memfd_create)(name, how);
}
