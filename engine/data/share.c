/* engine/data/share.c - sealed memory files as buffers. */
#include "engine/data/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static bool write_all(int fd, const char *at, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = pwrite(fd, at + done, n - done, (off_t)done);
        if (k > 0)
            done += (size_t)k;
        else if (k == 0 || errno != EINTR)
            return false;
    }
    return true;
}

int share_copy(const void *at, size_t n)
{
    int fd = memfd_create("dsk-block", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    if (write_all(fd, at, n) && fcntl(fd, F_ADD_SEALS, SEALS) == 0) return fd;
    close(fd);
    return -1;
}

/* Descriptors are numbered from below: those for files and sockets must not run out. */
static bool too_many(int fd)
{
    struct rlimit most;
    return getrlimit(RLIMIT_NOFILE, &most) || (rlim_t)fd >= most.rlim_cur / 4 * 3;
}

static void forget(buf *b)
{
    munmap(b->data, b->size);
    if (b->owner) close((int)(intptr_t)b->owner - 1);
}

static bool is_whole(int fd, const struct stat *s, size_t n)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS && (size_t)s->st_size == n;
}

/* As share_file() makes them: nobody else can have opened it to make it shorter. */
static bool is_file(const struct stat *s, size_t n)
{
    return n == SHARE_LEAST && S_ISREG(s->st_mode) && s->st_nlink == 0 && (size_t)s->st_size >= n;
}

/* Where no more can be mapped: a copy. */
static buf *read_all(int fd, size_t n, err *e)
{
    buf *b = buf_new(n, e);
    for (size_t done = 0; b && done < n;) {
        ssize_t k = pread(fd, b->data + done, n - done, (off_t)done);
        if (k <= 0) {
            err_set(e, OSError, "shared memory cannot be read");
            return buf_unref(b);
        }
        done += (size_t)k;
    }
    return b;
}

buf *share_open(int fd, size_t n, err *e)
{
    struct stat s;
    bool stat_ok = !fstat(fd, &s), whole = stat_ok && is_whole(fd, &s, n);
    if (!whole && !(stat_ok && is_file(&s, n))) {
        close(fd);
        return err_set(e, ValueError, "the data is damaged or was truncated");
    }
    void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    buf *b;
    if (at == MAP_FAILED) {
        b = read_all(fd, n, e);
        close(fd);
        return b;
    }
    bool keep = !whole || !too_many(fd); /* a file is of no use without */
    if (!keep) close(fd);
    b = buf_wrap(at, n, forget, keep ? (void *)(intptr_t)(fd + 1) : NULL);
    buf_count(b);
    return b;
}

int share_nameless(const char *dir, int how)
{
#ifdef O_TMPFILE
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL | how, 0600);
    if (fd >= 0) return fd;
#endif
    strbuf b = {0};
    sb_addf(&b, "%s/dsk-spill-XXXXXX", dir);
    char *name = sb_take(&b, NULL);
    int named = mkostemp(name, O_CLOEXEC | how), why = errno;
    if (named >= 0 || why == EINVAL) unlink(name); /* some refuse what they have created */
    mem_free(name);
    errno = why;
    return named;
}

buf *share_file(int fd, err *e)
{
    if (fd >= 0 && !ftruncate(fd, SHARE_LEAST)) return share_open(fd, SHARE_LEAST, e);
    err_errno(e, errno, NULL);
    if (fd >= 0) close(fd);
    return NULL;
}

int share_peek(const buf *b, const void *at, size_t n)
{
    if (!b || b->release != forget || !b->owner || b->data != at || b->size != n) return -1;
    return (int)(intptr_t)b->owner - 1;
}

nd *nd_share(nd *x)
{
    size_t n = nd_bytes(x);
    bool right = x->flags & (ND_C | ND_F) && !(x->b->flags & BUF_OBJECTS);
    if (!right || n < SHARE_LEAST || share_peek(x->b, x->at, n) >= 0) return nd_ref(x);
    err e = {0};
    int fd = share_copy(x->at, n);
    buf *b = fd < 0 ? NULL : share_open(fd, n, &e);
    err_clear(&e);
    if (!b) return nd_ref(x);
    nd *y = nd_view(b, b->data, nd_type(x), x->ndim, nd_shape(x), nd_strides(x));
    buf_unref(b);
    return y;
}
