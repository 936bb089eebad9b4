/* engine/io/mapped.c - parts of files as memory.
 *
 * The buffer begins at any byte; the mapping, which begins at a page before it, belongs to it. */
#include "engine/io/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"

static void unmap(buf *b)
{
    mapping *m = b->owner;
    munmap(m->at, m->size);
    mem_free(m->path);
    mem_free(m);
}

static bool writes(enum map_how how)
{
    return how == MAP_TO_WRITE || how == MAP_TO_MAKE;
}

static void *map_pages(int fd, const char *path, enum map_how how, uint64_t offset, size_t bytes,
                       err *e)
{
    const int may = how == MAP_TO_READ ? PROT_READ : PROT_READ | PROT_WRITE;
    struct stat st;
    if (fstat(fd, &st) != 0) return err_errno(e, errno, path);
    const uint64_t size = (uint64_t)st.st_size;
    size_t before = offset % (uint64_t)sysconf(_SC_PAGESIZE), all = bytes + before;
    if (!all && !size) return err_set(e, ValueError, "cannot mmap an empty file");
    if (offset > size || bytes > size - offset)
        return err_set(e, ValueError, "mmap length is greater than file size");
    if (!all) all = size;
    char *at = mmap(NULL, all, may, how == MAP_TO_COPY ? MAP_PRIVATE : MAP_SHARED, fd,
                    (off_t)(offset - before));
    if (at == MAP_FAILED) return err_errno(e, errno, path);
    mapping *m = mem_zero(sizeof *m);
    *m = (mapping){.path = mem_dup(path), .at = at, .size = all, .offset = offset, .how = how};
    buf *b = buf_wrap(at + before, bytes, unmap, m);
    b->flags |= BUF_MMAP | (how == MAP_TO_READ ? BUF_READONLY : 0);
    return b;
}

buf *file_map(const char *path, enum map_how how, uint64_t offset, size_t bytes, err *e)
{
    int fd = open(path, (writes(how) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return err_errno(e, errno, path);
    buf *b = map_pages(fd, path, how, offset, bytes, e);
    close(fd);
    return b;
}

buf *file_map_native(const char *path, enum map_how how, uint64_t offset, size_t bytes, dtype_of t,
                     err *e)
{
    if (t.swapped && writes(how))
        return err_set(e, NotImplementedError,
                       "files of foreign byte order can be mapped for reading only (mode 'r' or "
                       "'c'), not with mode '%s'",
                       how == MAP_TO_WRITE ? "r+" : "w+");
    buf *b = file_map(path, how, offset, bytes, e);
    if (!b || !t.swapped) return b;
    buf *copy = buf_new(bytes, e);
    if (copy) {
        memcpy(copy->data, b->data, bytes);
        nd_swap_bytes(copy->data, bytes, t);
        copy->flags |= how == MAP_TO_READ ? BUF_READONLY : 0;
    }
    buf_unref(b);
    return copy;
}

const mapping *mapping_of(const buf *b)
{
    return b->release == unmap ? b->owner : NULL;
}

bool file_map_flush(buf *b, err *e)
{
    const mapping *m = mapping_of(b);
    if (!m || !writes(m->how) || msync(m->at, m->size, MS_SYNC) == 0) return true;
    return err_errno(e, errno, m->path);
}

void file_map_used(buf *b, size_t bytes)
{
    mapping *m = b->release == unmap ? b->owner : NULL;
    if (!m || m->how == MAP_TO_COPY) return;
    size_t used = atomic_fetch_add(&m->used, bytes) + bytes;
    if (used < buf_pool_most() / 16) return;
    atomic_store(&m->used, 0);
    file_map_let_go(b);
}

void file_map_let_go(const buf *b)
{
    const mapping *m = mapping_of(b);
    if (m && m->how != MAP_TO_COPY) madvise(m->at, m->size, MADV_DONTNEED);
}

bool file_map_id(const buf *b, hash128 *out)
{
    const mapping *m = mapping_of(b);
    struct stat st;
    if (!m || m->how != MAP_TO_READ || stat(m->path, &st) != 0) return false;
    const int64_t about[] = {(int64_t)st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                             (int64_t)st.st_size, (int64_t)m->offset};
    *out = hash128_bytes(about, sizeof about);
    return true;
}
