/* stdlib/dask/scratch.c - files without names: the module _scratch.
 *
 * A process has each of them once, however often it gets it: its own opening of it, so that where
 * an append ended is known.  What travels is a buffer that stands for the file
 * (engine/data/share.h). */
#include "stdlib/dask/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/data/nd_wire.h"
#include "engine/data/share.h"
#include "lang/freeze.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/stdlib.h"
#include "stdlib/wire.h"

enum { AT_ONCE = 1 << 30 }; /* the system takes less than 2 GiB */

typedef struct scratch {
    datum hdr;
    buf *stands; /* for the file, on its way */
    int fd;      /* appends; this process's own */
    dev_t dev;
    ino_t ino;
    pthread_mutex_t adding;
    struct scratch *next;
} scratch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static scratch *open_here;

/* ---- the files of this process ---- */

static void forget(scratch *s)
{
    scratch **at = &open_here;
    while (*at && *at != s) at = &(*at)->next;
    if (*at) *at = s->next;
}

static void scratch_drop(datum *d)
{
    scratch *s = (scratch *)(void *)d;
    pthread_mutex_lock(&lock);
    forget(s);
    pthread_mutex_unlock(&lock);
    pthread_mutex_destroy(&s->adding);
    if (s->fd >= 0) close(s->fd);
    buf_unref(s->stands);
    mem_free(s);
}

/* With the lock held: one more holder, unless the last has just gone. */
static bool hold(scratch *s)
{
    uint32_t n = atomic_load(&s->hdr.rc);
    while (n && !atomic_compare_exchange_weak(&s->hdr.rc, &n, n + 1)) continue;
    return n != 0;
}

static scratch *find(const struct stat *of)
{
    scratch *s = open_here;
    while (s && (s->ino != of->st_ino || s->dev != of->st_dev || !hold(s))) s = s->next;
    return s;
}

static scratch *open_own(buf *stands, const struct stat *of, err *e)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", share_peek(stands, stands->data, stands->size));
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (fd < 0) return err_errno(e, errno, path);
    scratch *s = mem_zero(sizeof *s);
    datum_init(&s->hdr, &scratch_kind);
    s->stands = buf_ref(stands);
    s->fd = fd;
    s->dev = of->st_dev;
    s->ino = of->st_ino;
    pthread_mutex_init(&s->adding, NULL);
    s->next = open_here;
    return open_here = s;
}

/* Takes what stands for a file (may be NULL, with *e). */
static scratch *scratch_of(buf *stands, err *e)
{
    if (!stands) return NULL;
    struct stat of;
    int fd = share_peek(stands, stands->data, stands->size);
    scratch *s = NULL;
    if (fd < 0 || fstat(fd, &of))
        err_set(e, OSError, "a temporary file did not arrive");
    else {
        pthread_mutex_lock(&lock);
        s = find(&of);
        if (!s) s = open_own(stands, &of, e);
        pthread_mutex_unlock(&lock);
    }
    buf_unref(stands);
    return s;
}

static bool scratch_save(const datum *d, wire_out *w, err *e)
{
    (void)e;
    const scratch *s = (const scratch *)(const void *)d;
    wire_segment(w, s->stands->data, s->stands->size, (datum *)(uintptr_t)d, s->stands);
    return true;
}

static void *scratch_load(wire_in *r, err *e)
{
    char *at;
    size_t n;
    buf *b = r->room == &buf_room ? wire_take_segment(r, &at, &n) : NULL;
    return b ? scratch_of(b, e) : wire_bad(r, e);
}

const datum_kind scratch_kind = {
    .name = "scratch", .drop = scratch_drop, .save = scratch_save, .load = scratch_load};

/* ---- bytes ---- */

/* All of it in one piece, wherever others write: half a piece is written again.  -1: errno. */
static int64_t append(scratch *s, const char *p, size_t n)
{
    pthread_mutex_lock(&s->adding);
    ssize_t k = -1;
    do k = write(s->fd, p, n);
    while (k < 0 ? errno == EINTR : (size_t)k < n);
    off_t end = k < 0 ? -1 : lseek(s->fd, 0, SEEK_CUR);
    pthread_mutex_unlock(&s->adding);
    return end < 0 ? -1 : (int64_t)end - (int64_t)n;
}

static bool read_at(const scratch *s, char *to, size_t n, int64_t at, err *e)
{
    while (n) {
        ssize_t k = pread(s->fd, to, n < AT_ONCE ? n : AT_ONCE, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return err_errno(e, k ? errno : EIO, NULL);
        to += k;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---- the type ---- */

typedef struct file {
    obj hdr;
    scratch *s; /* counted */
} file;

static bool file_save(freezer *f, obj *o)
{
    freeze_datum(f, &((file *)o)->s->hdr);
    return true;
}

static obj *file_load(thawer *t, const type *cls)
{
    datum *d = thaw_datum(t);
    file *x = d && d->kind == &scratch_kind ? obj_new(thawer_interp(t), cls, 0) : NULL;
    if (x) x->s = datum_ref(d);
    return (obj *)x;
}

static void file_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((file *)o)->s);
}

static scratch *self(const value *arg)
{
    return ((file *)arg[0].o)->s;
}

/* The folder is told by the system: files that came from elsewhere have no other name here. */
static value append_failed(interp *in, const scratch *s, size_t n, int why)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", s->fd);
    ssize_t k = readlink(link, path, sizeof path - 1);
    path[k > 0 ? k : 0] = 0;
    char *end = strrchr(path, '/');
    if (end) *end = 0;
    struct stat is;
    double have = fstat(s->fd, &is) ? 0 : (double)is.st_size;
    err e = {0};
    err_set(&e, OSError,
            "[Errno %d] %s: groups were being written to a temporary file in '%s', %.1f MiB so far "
            "and %zu bytes more at once; dask.config.set(temporary_directory=...) chooses another "
            "disk",
            why, strerror(why), end ? path : "?", have / 1048576, n);
    return throw_err(in, &e);
}

static value f_append(interp *in, const value *arg)
{
    size_t n;
    const char *p = buffer_peek(in, arg[1], &n);
    if (!p)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, arg[1]));
    if (n > AT_ONCE)
        return throw(in, ValueError, "%zu bytes at once are too many, %d go", n, AT_ONCE);
    int64_t at = append(self(arg), p, n);
    return at >= 0 ? v_int(at) : append_failed(in, self(arg), n, errno);
}

static value f_read(interp *in, const value *arg)
{
    int64_t at, n;
    err e = {0};
    if (!to_int64(in, arg[1], &at) || !to_int64(in, arg[2], &n)) return FAIL;
    struct stat is;
    if (fstat(self(arg)->fd, &is) || at < 0 || n < 0 || n > is.st_size - at)
        return throw(in, ValueError, "the file has no %lld bytes at %lld", (long long)n,
                     (long long)at);
    bytes *b = bytes_new(in, NULL, (size_t)n);
    if (b && !read_at(self(arg), b->at, (size_t)n, at, &e)) {
        obj_unref(in, b);
        return throw_err(in, &e);
    }
    return v_obj(b);
}

static value f_name(interp *in, const value *arg)
{
    const scratch *s = self(arg);
    return v_obj(str_fmt(in, "%llx:%llx", (unsigned long long)s->dev, (unsigned long long)s->ino));
}

static const builtin file_table[] = {
    {"append(self, data, /)", f_append, "Adds bytes to the end; returns where they lie."},
    {"read(self, at, n, /)", f_read, "The n bytes at a place."},
    {"@property name", f_name, "The same for the same file only, as long as it is open."},
    {0},
};

static const crossing file_cross = {file_save, file_load};

static const type T_file = {
    TYPE_HEAD,
    .name = "File",
    .module = "_scratch",
    .doc = "A temporary file without a name, which goes to other processes with what holds it.",
    .size = sizeof(file),
    .table = file_table,
    .cross = &file_cross,
    .drop = file_drop,
};

static value file_in(interp *in, const value *arg)
{
    str *dir = as_str(arg[0]);
    if (!dir) return throw(in, TypeError, "a folder is a str, not '%s'", type_said(in, arg[0]));
    err e = {0};
    int fd = share_nameless(dir->at, 0);
    if (fd < 0) err_errno(&e, errno, dir->at);
    scratch *s = fd < 0 ? NULL : scratch_of(share_file(fd, &e), &e);
    file *x = s ? obj_new(in, &T_file, 0) : NULL;
    if (x) {
        x->s = s;
        return v_obj(x);
    }
    datum_unref(s);
    return e.kind ? throw_err(in, &e) : FAIL;
}

static const builtin table[] = {
    {"open(folder, /)", file_in, "A new file in a folder."},
    {0},
};

static bool scratch_open(interp *in, module *m)
{
    return module_put_type(in, m, &T_file);
}

const module_def scratch_def = {"_scratch", "Temporary files that processes share.", table,
                                scratch_open};
