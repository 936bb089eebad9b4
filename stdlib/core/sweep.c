/* stdlib/core/sweep.c - the module _sweep: private folders that disappear with their process.
 *
 * However it ends: another process, this program again, waits for the lock that the owner has on
 * the folder, gets it when the system takes it from the dead, and removes the folder.  It is in a
 * session of its own, so that what ends the owner's does not reach it.  Should it be killed, too,
 * the next owner of such a folder finds it without a lock.
 *
 * In a folder, a link to a file in /dev/shm stands for that file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "stdlib/stdlib.h"

static const char prefix[] = "dsk-private-", memory[] = "/dev/shm/";

/* ---- removing ---- */

static int remove_one(const char *path, const struct stat *s, int what, struct FTW *at)
{
    (void)s, (void)at;
    char target[256];
    ssize_t n = what == FTW_SL ? readlink(path, target, sizeof target - 1) : -1;
    target[n > 0 ? n : 0] = 0;
    if (strncmp(target, memory, strlen(memory)) == 0) unlink(target);
    remove(path);
    return 0;
}

static void remove_all(const char *path)
{
    enum { OPEN_AT_ONCE = 16 };
    nftw(path, remove_one, OPEN_AT_ONCE, FTW_DEPTH | FTW_PHYS);
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Has the lock a folder that is still there? */
static bool is_there(int fd)
{
    struct stat s;
    return !fstat(fd, &s) && s.st_nlink > 0;
}

void sweep_after(const char *path)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    int fd = open_folder(path), got;
    if (fd < 0 || chdir("/")) return;
    do got = flock(fd, LOCK_EX);
    while (got && errno == EINTR);
    if (!got && is_there(fd)) remove_all(path);
}

/* What the dead have left, and who waited for it, too. */
static void sweep_left(const char *base)
{
    DIR *d = opendir(base);
    for (struct dirent *row; d && (row = readdir(d));) {
        if (strncmp(row->d_name, prefix, strlen(prefix)) != 0) continue;
        strbuf b = {0};
        sb_addf(&b, "%s/%s", base, row->d_name);
        int fd = open_folder(sb_text(&b));
        if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) remove_all(sb_text(&b));
        if (fd >= 0) close(fd);
        sb_clear(&b);
    }
    if (d) closedir(d);
}

/* ---- making ---- */

/* 0: there is none; the folder goes at exit, then, or when it is found. */
static pid_t start_sweeper(char *path)
{
    extern char **environ;
    char name[] = "dsk", flag[] = "--sweep";
    char *argv[] = {name, flag, path, NULL};
    pid_t pid = 0;
    posix_spawnattr_t how;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    if (posix_spawn(&pid, "/proc/self/exe", &actions, &how, argv, environ)) pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&how);
    return pid;
}

/* A folder with our lock on it: its descriptor; -1: errno.  Who sweeps may have been faster. */
static int make_locked(strbuf *path, const char *base, bool *locked)
{
    for (int i = 0; i < 100; i++) {
        sb_clear(path);
        sb_addf(path, "%s/%sXXXXXX", base, prefix);
        if (!mkdtemp(path->at)) return -1;
        int fd = open_folder(sb_text(path));
        *locked = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
        if (fd >= 0 && is_there(fd) && (*locked || errno != EWOULDBLOCK)) return fd;
        if (fd >= 0) close(fd);
    }
    errno = EEXIST;
    return -1;
}

static value new_folder(interp *in, const value *arg)
{
    str *base = as_str(arg[0]);
    if (!base) return throw(in, TypeError, "a folder is a str, not '%s'", type_said(in, arg[0]));
    sweep_left(base->at);
    strbuf path = {0};
    bool locked;
    int fd = make_locked(&path, base->at, &locked);
    if (fd < 0) {
        err e = {0};
        err_errno(&e, errno, base->at);
        sb_clear(&path);
        return throw_err(in, &e);
    }
    const pid_t pid = locked ? start_sweeper(path.at) : 0;
    value v = v_obj(tuple_pack(in, 2, v_str(in, sb_text(&path)), v_int(pid)));
    sb_clear(&path);
    return v; /* the descriptor stays: with it goes the lock */
}

static value end_folder(interp *in, const value *arg)
{
    str *path = as_str(arg[0]);
    int64_t pid;
    if (!path) return throw(in, TypeError, "a path is a str, not '%s'", type_said(in, arg[0]));
    if (!to_int64(in, arg[1], &pid)) return FAIL;
    remove_all(path->at);
    if (pid <= 0) return NONE;
    kill((pid_t)pid, SIGKILL);
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) continue;
    return NONE;
}

static const builtin table[] = {
    {"new_folder(base, /)", new_folder, "A private folder, and the process that sweeps it."},
    {"end_folder(path, sweeper, /)", end_folder, "Removes it now."},
    {0},
};

const module_def sweep_def = {
    .name = "_sweep", .doc = "Folders that disappear with their process.", .table = table};
