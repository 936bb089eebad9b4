/* stdlib/core/os.c - _os: the system calls behind os, os.path, shutil and subprocess, one function
 * each; stdlib/dsk/os builds the modules on them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/aside.h"
#include "lang/builtins.h"
#include "lang/types/bytes.h"
#include "lang/types/file.h"
#include "lang/types/record.h"
#include "stdlib/core/os_parts.h"

/* ---- paths ---- */

value os_done(interp *in, int failed, value path)
{
    return failed ? throw_errno(in, errno, path) : NONE;
}

#define ON_PATH(name, call)                                                                        \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        str *path;                                                                                 \
        if (!path_text(in, arg[0], &path)) return FAIL;                                            \
        value r = os_done(in, call, arg[0]);                                                       \
        obj_unref(in, path);                                                                       \
        return r;                                                                                  \
    }
/* Much data takes long to let go of: Ctrl-C need not wait for it. */
typedef struct removal {
    char *path;
    int code;
} removal;

static void remove_it(void *ctx)
{
    removal *r = ctx;
    r->code = unlink(r->path) ? errno : 0;
}

static void removal_drop(void *ctx)
{
    removal *r = ctx;
    mem_free(r->path);
    mem_free(r);
}

static value os_unlink(interp *in, const value *arg)
{
    enum { MUCH = 64 << 20 };
    struct stat st;
    str *path;
    if (!path_text(in, arg[0], &path)) return FAIL;
    removal *r = mem_alloc(sizeof *r);
    *r = (removal){.path = mem_dup(path->at)};
    obj_unref(in, path);
    if (lstat(r->path, &st) || !S_ISREG(st.st_mode) || st.st_size < MUCH || st.st_nlink > 1)
        remove_it(r);
    else if (!interp_aside(in, remove_it, removal_drop, r))
        return FAIL;
    value v = NONE;
    if (r->code) v = throw_errno(in, r->code, arg[0]);
    removal_drop(r);
    return v;
}

ON_PATH(os_rmdir, rmdir(path->at))
ON_PATH(os_chdir, chdir(path->at))
ON_PATH(os_mkdir, mkdir(path->at, (mode_t)arg[1].i))
ON_PATH(os_chmod, chmod(path->at, (mode_t)arg[1].i))

/* OSError(code, text, a, None, b): the message names both */
static value throw_errno_of_two(interp *in, int code, value a, value b)
{
    value text = v_str(in, strerror(code)), cls = v_type(exc_type(err_of_errno(code)));
    value e = is_fail(text) ? FAIL : call_n(in, cls, 5, v_int(code), text, a, NONE, b);
    value_unref(in, text);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    return FAIL;
}

#define ON_PATHS(name, call)                                                                       \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        str *a, *b;                                                                                \
        if (!path_text(in, arg[0], &a)) return FAIL;                                               \
        if (!path_text(in, arg[1], &b)) {                                                          \
            obj_unref(in, a);                                                                      \
            return FAIL;                                                                           \
        }                                                                                          \
        value r = (call) ? throw_errno_of_two(in, errno, arg[0], arg[1]) : NONE;                   \
        obj_unref(in, a);                                                                          \
        obj_unref(in, b);                                                                          \
        return r;                                                                                  \
    }
ON_PATHS(os_rename, rename(a->at, b->at))
ON_PATHS(os_symlink, symlink(a->at, b->at))
ON_PATHS(os_link, link(a->at, b->at))

static value os_getcwd(interp *in, const value *arg)
{
    (void)arg;
    char *s = getcwd(NULL, 0);
    value v = s ? v_str(in, s) : throw_errno(in, errno, FAIL);
    free(s); // NOLINT: getcwd's own
    return v;
}

static value os_readlink(interp *in, const value *arg)
{
    str *path;
    char buf[4096];
    if (!path_text(in, arg[0], &path)) return FAIL;
    ssize_t n = readlink(path->at, buf, sizeof buf);
    obj_unref(in, path);
    return n < 0 ? throw_errno(in, errno, arg[0]) : v_obj(str_new(in, buf, (size_t)n));
}

static value os_access(interp *in, const value *arg)
{
    str *path;
    int64_t mode;
    if (!to_int64(in, arg[1], &mode) || !path_text(in, arg[0], &path)) return FAIL;
    bool ok = !access(path->at, (int)mode);
    obj_unref(in, path);
    return v_bool(ok);
}

static value os_listdir(interp *in, const value *arg)
{
    str *path;
    if (!path_text(in, arg[0], &path)) return FAIL;
    DIR *d = opendir(path->at);
    int code = errno;
    obj_unref(in, path);
    if (!d) return throw_errno(in, code, arg[0]);
    list *l = list_new(in, 0);
    for (struct dirent *e; l && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (!list_add(in, l, v_str(in, e->d_name))) {
            obj_unref(in, l);
            l = NULL;
        }
    }
    closedir(d);
    return v_obj(l);
}

// clang-format off
static const builtin stat_rows[] = {
    RECORD_FIELD(0, "st_mode", "its kind and who may do what"), RECORD_FIELD(1, "st_ino", "inode"),
    RECORD_FIELD(2, "st_dev", "device"), RECORD_FIELD(3, "st_nlink", "how many names it has"),
    RECORD_FIELD(4, "st_uid", "whose it is"), RECORD_FIELD(5, "st_gid", "whose group it is of"),
    RECORD_FIELD(6, "st_size", "how many bytes it has"),
    RECORD_FIELD(7, "st_atime", "when it was last read"),
    RECORD_FIELD(8, "st_mtime", "when it was last written"),
    RECORD_FIELD(9, "st_ctime", "when what is known of it changed"), {0},
};
static const builtin volume_rows[] = {
    RECORD_FIELD(0, "f_bsize", NULL), RECORD_FIELD(1, "f_frsize", NULL),
    RECORD_FIELD(2, "f_blocks", NULL), RECORD_FIELD(3, "f_bfree", NULL),
    RECORD_FIELD(4, "f_bavail", NULL), RECORD_FIELD(5, "f_files", NULL),
    RECORD_FIELD(6, "f_ffree", NULL), RECORD_FIELD(7, "f_favail", NULL),
    RECORD_FIELD(8, "f_flag", NULL), RECORD_FIELD(9, "f_namemax", NULL), {0},
};
static const builtin uname_rows[] = {
    RECORD_FIELD(0, "sysname", NULL), RECORD_FIELD(1, "nodename", NULL),
    RECORD_FIELD(2, "release", NULL), RECORD_FIELD(3, "version", NULL),
    RECORD_FIELD(4, "machine", NULL), {0},
};
static const builtin terminal_rows[] = {
    RECORD_FIELD(0, "columns", "how many characters a line has"),
    RECORD_FIELD(1, "lines", "how many lines there are"), {0},
};
static const builtin times_rows[] = {
    RECORD_FIELD(0, "user", NULL), RECORD_FIELD(1, "system", NULL),
    RECORD_FIELD(2, "children_user", NULL), RECORD_FIELD(3, "children_system", NULL),
    RECORD_FIELD(4, "elapsed", NULL), {0},
};
// clang-format on

static const type T_times = {RECORD, .name = "times_result", .module = "posix",
                             .table = times_rows};
static const type T_stat = {RECORD, .name = "stat_result", .module = "os", .table = stat_rows};
static const type T_volume = {RECORD, .name = "statvfs_result", .module = "os",
                              .table = volume_rows};
static const type T_uname = {RECORD, .name = "uname_result", .module = "posix",
                             .table = uname_rows};
static const type T_terminal = {RECORD, .name = "terminal_size", .module = "os",
                                .table = terminal_rows};

static value seconds(struct timespec t)
{
    return v_float((double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
}

static value os_stat(interp *in, const value *arg)
{
    struct stat s;
    int follow = value_truth(in, arg[1]), r;
    if (arg[0].kind == V_INT)
        r = fstat((int)arg[0].i, &s);
    else {
        str *path;
        if (!path_text(in, arg[0], &path)) return FAIL;
        r = follow ? stat(path->at, &s) : lstat(path->at, &s);
        obj_unref(in, path);
    }
    if (r) return throw_errno(in, errno, arg[0]);
    return record_new(in, &T_stat, 10, v_int(s.st_mode), v_int((int64_t)s.st_ino),
                      v_int((int64_t)s.st_dev), v_int((int64_t)s.st_nlink), v_int(s.st_uid),
                      v_int(s.st_gid), v_int(s.st_size), seconds(s.st_atim), seconds(s.st_mtim),
                      seconds(s.st_ctim));
}

static value os_statvfs(interp *in, const value *arg)
{
    struct statvfs s;
    int r;
    if (arg[0].kind == V_INT)
        r = fstatvfs((int)arg[0].i, &s);
    else {
        str *path;
        if (!path_text(in, arg[0], &path)) return FAIL;
        r = statvfs(path->at, &s);
        obj_unref(in, path);
    }
    if (r) return throw_errno(in, errno, arg[0]);
    const unsigned long v[10] = {s.f_bsize, s.f_frsize, s.f_blocks, s.f_bfree, s.f_bavail,
                                 s.f_files, s.f_ffree,  s.f_favail, s.f_flag,  s.f_namemax};
    value i[10];
    for (int k = 0; k < 10; k++) i[k] = v_int((int64_t)v[k]);
    return record_new(in, &T_volume, 10, i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8],
                      i[9]);
}

/* times: seconds, or nanoseconds if arg[2] */
static value os_utime(interp *in, const value *arg)
{
    str *path;
    struct timespec t[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    tuple *times = as_tuple(arg[1]);
    bool nano = value_truth(in, arg[2]) == 1;
    for (int i = 0; times && i < 2; i++) {
        double s;
        int64_t ns;
        if (nano) {
            if (!to_int64(in, times->at[i], &ns)) return FAIL;
            t[i].tv_nsec = (long)((ns % 1000000000 + 1000000000) % 1000000000);
            t[i].tv_sec = (time_t)((ns - t[i].tv_nsec) / 1000000000);
            continue;
        }
        if (!to_double(in, times->at[i], &s)) return FAIL;
        t[i].tv_sec = (time_t)s;
        t[i].tv_nsec = (long)((s - (double)t[i].tv_sec) * 1e9);
    }
    if (!path_text(in, arg[0], &path)) return FAIL;
    value r = os_done(in, utimensat(AT_FDCWD, path->at, t, 0), arg[0]);
    obj_unref(in, path);
    return r;
}

static value os_realpath(interp *in, const value *arg)
{
    str *path;
    if (!path_text(in, arg[0], &path)) return FAIL;
    char *s = realpath(path->at, NULL);
    value v = s ? v_str(in, s) : NONE;
    free(s); // NOLINT: realpath's own
    obj_unref(in, path);
    return v;
}

/* ---- the process and the machine ---- */

static value os_getpid(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(getpid());
}

static value os_getppid(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(getppid());
}

static value os_getuid(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(getuid());
}

static value os_cpu_count(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(sysconf(_SC_NPROCESSORS_ONLN));
}

static value os_uname(interp *in, const value *arg)
{
    struct utsname u;
    (void)arg;
    if (uname(&u)) return throw_errno(in, errno, FAIL);
    return record_new(in, &T_uname, 5, v_str(in, u.sysname), v_str(in, u.nodename),
                      v_str(in, u.release), v_str(in, u.version), v_str(in, u.machine));
}

static value os_terminal(interp *in, const value *arg)
{
    struct winsize w = {0};
    if (ioctl((int)arg[0].i, TIOCGWINSZ, &w)) return throw_errno(in, errno, FAIL);
    return record_new(in, &T_terminal, 2, v_int(w.ws_col), v_int(w.ws_row));
}

static value os_make_terminal(interp *in, const value *arg)
{
    return record_new(in, &T_terminal, 2, value_ref(arg[0]), value_ref(arg[1]));
}

static value os_getloadavg(interp *in, const value *arg)
{
    double a[3];
    (void)arg;
    if (getloadavg(a, 3) != 3) return throw(in, OSError, "Load averages are unobtainable");
    return v_obj(tuple_pack(in, 3, v_float(a[0]), v_float(a[1]), v_float(a[2])));
}

static value os_times(interp *in, const value *arg)
{
    struct tms t;
    clock_t now = times(&t);
    double tick = (double)sysconf(_SC_CLK_TCK);
    (void)arg;
    if (now == (clock_t)-1) return throw_errno(in, errno, FAIL);
    return record_new(in, &T_times, 5, v_float((double)t.tms_utime / tick),
                      v_float((double)t.tms_stime / tick), v_float((double)t.tms_cutime / tick),
                      v_float((double)t.tms_cstime / tick), v_float((double)now / tick));
}

static value os_urandom(interp *in, const value *arg)
{
    enum { STEP = 1 << 20 };
    int64_t n;
    if (!to_int64(in, arg[0], &n)) return FAIL;
    if (n < 0) return throw(in, ValueError, "negative argument not allowed");
    bytes *b = bytes_new(in, NULL, (size_t)n);
    int fd = b ? open("/dev/urandom", O_RDONLY | O_CLOEXEC) : -1;
    bool ok = true;
    for (ssize_t at = 0, k; ok && fd >= 0 && at < n; at += k) {
        if ((k = read(fd, b->at + at, n - at < STEP ? (size_t)(n - at) : STEP)) <= 0) break;
        ok = check_interrupt(in);
    }
    if (fd >= 0) close(fd);
    if (ok) return v_obj(b);
    obj_unref(in, b);
    return FAIL;
}

static value os_environ(interp *in, const value *arg)
{
    (void)arg;
    dict *d = dict_new(in);
    for (char **e = environ; d && *e; e++) {
        char *eq = strchr(*e, '=');
        if (!eq) continue;
        str *k = str_new(in, *e, (size_t)(eq - *e));
        value v = v_str(in, eq + 1);
        bool ok = k && !is_fail(v) && dict_set_str(in, d, k, v);
        obj_unref(in, k);
        value_unref(in, v);
        if (!ok) exc_clear(in); /* what is no UTF-8 is left out */
    }
    return v_obj(d);
}

static value os_putenv(interp *in, const value *arg)
{
    str *k = as_str(arg[0]), *v = as_str(arg[1]);
    if (!k) return throw(in, TypeError, "str expected, not %s", type_of(in, arg[0])->name);
    return os_done(in, v ? setenv(k->at, v->at, 1) : unsetenv(k->at), FAIL);
}

static value os_strerror(interp *in, const value *arg)
{
    int64_t code;
    return to_int64(in, arg[0], &code) ? v_str(in, strerror((int)code)) : FAIL;
}

/* ---- descriptors ---- */

static value os_close(interp *in, const value *arg)
{
    return os_done(in, close((int)arg[0].i), FAIL);
}

static value os_dup(interp *in, const value *arg)
{
    int fd = fcntl((int)arg[0].i, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? throw_errno(in, errno, FAIL) : v_int(fd);
}

static value os_open(interp *in, const value *arg)
{
    str *path;
    int64_t flags, mode;
    if (!to_int64(in, arg[1], &flags) || !to_int64(in, arg[2], &mode)) return FAIL;
    if (!path_text(in, arg[0], &path)) return FAIL;
    int fd = open(path->at, (int)flags | O_CLOEXEC, (mode_t)mode);
    obj_unref(in, path);
    return fd < 0 ? throw_errno(in, errno, arg[0]) : v_int(fd);
}

static value os_read(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    if (!interp_await_fd(in, (int)arg[0].i, POLLIN)) return FAIL;
    char *buf = lang_grow(in, NULL, n, 1);
    if (!buf) return FAIL;
    ssize_t k = read((int)arg[0].i, buf, (size_t)n);
    value v = k < 0 ? throw_errno(in, errno, FAIL) : v_obj(bytes_new(in, buf, (size_t)k));
    mem_free(buf);
    return v;
}

static value os_write(interp *in, const value *arg)
{
    size_t n;
    const char *s = bytes_peek(arg[1], &n);
    if (!s)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[1])->name);
    ssize_t k = write((int)arg[0].i, s, n);
    return k < 0 ? throw_errno(in, errno, FAIL) : v_int(k);
}

static value os_isatty(interp *in, const value *arg)
{
    (void)in;
    return v_bool(isatty((int)arg[0].i));
}

// clang-format off
static const builtin functions[] = {
    {"getcwd()", os_getcwd, "The current folder."},
    {"chdir(path)", os_chdir, "Makes path the current folder."},
    {"listdir(path='.')", os_listdir,
     "The names in a folder, in no order."},
    {"mkdir(path, mode=511)", os_mkdir, "Makes a folder."},
    {"rmdir(path)", os_rmdir, "Removes an empty folder."},
    {"unlink(path)", os_unlink, "Removes a file."},
    {"remove(path)", os_unlink, "Removes a file."},
    {"rename(src, dst)", os_rename, "Gives a file or folder another name."},
    {"replace(src, dst)", os_rename, "Gives a file or folder another name, in place of what has "
                                     "it."},
    {"symlink(src, dst)", os_symlink, "Makes dst a link to src."},
    {"link(src, dst)", os_link, "Gives a file one more name."},
    {"readlink(path)", os_readlink, "Where a link leads."},
    {"chmod(path, mode)", os_chmod, "Says who may read, write and run a file."},
    {"access(path, mode)", os_access, "Whether the user may reach, read, write or run the file."},
    {"_stat(path, follow)", os_stat, NULL},
    {"statvfs(path)", os_statvfs, "What is known of the file system that path is on."},
    {"_utime(path, times, ns)", os_utime, NULL},
    {"_realpath(path)", os_realpath, NULL},
    {"getpid()", os_getpid, "The number of this process."},
    {"getppid()", os_getppid, "The number of the process that started this one."},
    {"getuid()", os_getuid, "The number of the user."},
    {"cpu_count()", os_cpu_count, "How many processors the machine has."},
    {"uname()", os_uname, "What the system calls itself: sysname, nodename, release, version, "
                          "machine."},
    {"get_terminal_size(fd=1, /)", os_terminal, "Columns and lines of the terminal."},
    {"_terminal_size(columns, lines)", os_make_terminal, NULL},
    {"times()", os_times, "Seconds of the processor: this process's, its children's, and the time."},
    {"sysconf(name, /)", os_sysconf, "A size or limit of the system."},
    {"confstr(name, /)", os_confstr, "What the system says of itself."},
    {"getloadavg()", os_getloadavg, "How many processes wanted to run: over 1, 5 and 15 minutes."},
    {"urandom(size, /)", os_urandom, "So many bytes that nobody can foresee."},
    {"_environ()", os_environ, NULL},
    {"_putenv(name, value)", os_putenv, NULL},
    {"strerror(code, /)", os_strerror, "What an error number means."},
    {"open(path, flags, mode=511)", os_open, "Opens a file; returns its descriptor."},
    {"dup(fd, /)", os_dup, "Another descriptor of the same file."},
    {"close(fd)", os_close, "Gives a descriptor back."},
    {"read(fd, length, /)", os_read, "Up to n bytes from a descriptor."},
    {"write(fd, data, /)", os_write, "Writes bytes to a descriptor; returns how many it took."},
    {"isatty(fd, /)", os_isatty, "Whether the descriptor is a terminal."},
    {"pipe()", os_pipe, "(where to read, where to write): two ends of a pipe."},
    {"kill(pid, signal, /)", os_kill, "Sends a signal to a process."},
    {"system(command)", os_system, "Runs a line of the shell; its status."},
    {"_spawn(argv, env, cwd, stdin, stdout, stderr)", os_spawn, NULL},
    {"_wait(pid, block)", os_wait, NULL},
    {"_communicate(stdin, stdout, stderr, input, timeout)", os_communicate, NULL},
    {0},
};
static const struct { const char *name; int value; } constants[] = {
    {"O_RDONLY", O_RDONLY}, {"O_WRONLY", O_WRONLY}, {"O_RDWR", O_RDWR}, {"O_CREAT", O_CREAT},
    {"O_EXCL", O_EXCL}, {"O_TRUNC", O_TRUNC}, {"O_APPEND", O_APPEND}, {"O_NONBLOCK", O_NONBLOCK},
    {"F_OK", F_OK}, {"R_OK", R_OK}, {"W_OK", W_OK}, {"X_OK", X_OK},
};
// clang-format on

static bool open_os(interp *in, module *m)
{
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (!module_put(in, m, constants[i].name, v_int(constants[i].value))) return false;
    return module_put_type(in, m, &T_stat) && module_put_type(in, m, &T_terminal) &&
           module_put_type(in, m, &T_times) && module_put_type(in, m, &T_uname) &&
           module_put_type(in, m, &T_volume) && os_put_names(in, m);
}

const module_def os_def = {
    .name = "_os",
    .doc = "System calls.",
    .table = functions,
    .open = open_os,
};
