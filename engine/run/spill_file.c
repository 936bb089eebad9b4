/* engine/run/spill_file.c - a file without a name, written and read in large pieces. */
#include "engine/run/spill_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/data/share.h"

#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2
#endif
#ifndef O_DIRECT
#define O_DIRECT 0
#endif

enum { PIECE = 1 << 20, AT_ONCE = 8 << 20 };

struct spill {
    _Atomic uint32_t rc;
    int fd;
    _Atomic uint64_t end, written;
    char *dir;
};

/* --- the file --- */

spill *spill_on(int fd)
{
    spill *s = mem_zero(sizeof *s);
    atomic_init(&s->rc, 1);
    s->fd = fd;
    return s;
}

spill *spill_open(const char *dir, err *e)
{
    const char *const usual[] = {"/var/tmp", "/tmp", "."}, *in = dir;
    int fd = -1;
    for (size_t i = 0; i < sizeof usual / sizeof *usual && fd < 0; i++) {
        in = dir ? dir : usual[i];
        fd = share_nameless(in, O_DIRECT);
        if (fd < 0 && errno == EINVAL) fd = share_nameless(in, 0);
        if (dir) break;
    }
    if (fd < 0)
        return err_set(e, OSError, "[Errno %d] %s: no place for a temporary file in '%s'", errno,
                       strerror(errno), dir ? dir : "/var/tmp");
    spill *s = spill_on(fd);
    s->dir = mem_dup(in);
    return s;
}

spill *spill_ref(spill *s)
{
    atomic_fetch_add(&s->rc, 1);
    return s;
}

void spill_unref(spill *s)
{
    if (!s || atomic_fetch_sub(&s->rc, 1) != 1) return;
    close(s->fd);
    mem_free(s->dir);
    mem_free(s);
}

uint64_t spill_bytes(const spill *s)
{
    return atomic_load((_Atomic uint64_t *)(uintptr_t)&s->written);
}

uint64_t spill_place(spill *s, uint64_t n)
{
    return atomic_fetch_add(&s->end, page_up(n));
}

void spill_give_back(spill *s, uint64_t at, uint64_t n)
{
    if (n &&
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)page_up(n)))
        errno = 0; /* a file system without holes: the space comes back with the file */
}

static void *write_failed(const spill *s, size_t n, err *e)
{
    return err_set(e, OSError,
                   "[Errno %d] %s: results did not fit into memory and were being moved to a "
                   "temporary file in '%s', %.1f MiB so far and %.1f MiB more at once; "
                   "dask.config.set(temporary_directory=...) chooses another disk, "
                   "dask.config.set(memory_limit=...) another limit",
                   errno, strerror(errno), s->dir ? s->dir : "?", (double)spill_bytes(s) / 1048576,
                   (double)n / 1048576);
}

/* The file system takes only what lies as its disk wants it: through its cache, then. */
static bool try_cached(const spill *s)
{
    int how = errno == EINVAL ? fcntl(s->fd, F_GETFL) : -1;
    return how >= 0 && how & O_DIRECT && !fcntl(s->fd, F_SETFL, how & ~O_DIRECT);
}

static bool write_all(spill *s, const char *at, size_t n, uint64_t offset, err *e)
{
    while (n) {
        TRY(stop_check(e));
        ssize_t k = pwrite(s->fd, at, n < AT_ONCE ? n : AT_ONCE, (off_t)offset);
        if (k < 0 && (errno == EINTR || try_cached(s))) continue;
        if (k == 0) errno = ENOSPC;
        if (k <= 0) return write_failed(s, n, e);
        atomic_fetch_add_explicit(&s->written, (uint64_t)k, memory_order_relaxed);
        at += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

static bool read_all(const spill *s, char *at, size_t n, uint64_t offset, err *e)
{
    while (n) {
        TRY(stop_check(e));
        ssize_t k = pread(s->fd, at, n < AT_ONCE ? n : AT_ONCE, (off_t)offset);
        if (k < 0 && (errno == EINTR || try_cached(s))) continue;
        if (k <= 0)
            return err_set(e, OSError, "[Errno %d] %s: reading back from the temporary file",
                           k ? errno : EIO, strerror(k ? errno : EIO));
        at += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

static bool is_paged(const void *p)
{
    return !((uintptr_t)p & (SPILL_PAGE - 1));
}

static char *new_piece(void **room, err *e)
{
    *room = try_alloc(PIECE + SPILL_PAGE, e);
    return *room ? (char *)(uintptr_t)page_up((uintptr_t)*room) : NULL;
}

/* --- out --- */

bool spill_out_begin(spill_out *o, spill *s, uint64_t at, err *e)
{
    *o = (spill_out){.s = s, .at = at};
    return (o->piece = new_piece(&o->room, e)) != NULL;
}

static bool flush(spill_out *o, err *e)
{
    TRY(write_all(o->s, o->piece, o->have, o->at, e));
    o->at += o->have;
    o->have = 0;
    return true;
}

/* whole pages of memory need no copy */
static bool put_bytes(spill_out *o, const char *from, size_t n, err *e)
{
    size_t whole = n - n % SPILL_PAGE;
    if (!o->have && whole >= PIECE && is_paged(from)) {
        TRY(write_all(o->s, from, whole, o->at, e));
        o->at += whole;
        from += whole;
        n -= whole;
    }
    while (n) {
        size_t k = PIECE - o->have < n ? PIECE - o->have : n;
        memcpy(o->piece + o->have, from, k);
        o->have += k;
        from += k;
        n -= k;
        if (o->have == PIECE) TRY(flush(o, e));
    }
    return true;
}

bool spill_put(spill_out *o, const char *from, int64_t n, int64_t step, size_t size, err *e)
{
    const int64_t one[1] = {(int64_t)size};
    if (step == one[0]) return put_bytes(o, from, (size_t)n * size, e);
    bool even = o->have % size == 0 && PIECE % size == 0;
    while (n) {
        int64_t k = even ? (int64_t)((PIECE - o->have) / size) : 1;
        if (k > n) k = n;
        if (even) {
            strided_copy(1, &k, o->piece + o->have, one, from, &step, size, NULL);
            o->have += (size_t)k * size;
            if (o->have == PIECE) TRY(flush(o, e));
        } else
            TRY(put_bytes(o, from, size, e));
        from += k * step;
        n -= k;
    }
    return true;
}

bool spill_put_page(spill_out *o, err *e)
{
    size_t to = page_up(o->have);
    memset(o->piece + o->have, 0, to - o->have);
    o->have = to;
    return to < PIECE || flush(o, e);
}

bool spill_out_end(spill_out *o, bool ok, err *e)
{
    ok = ok && spill_put_page(o, e) && flush(o, e);
    mem_free(o->room);
    return ok;
}

/* --- in --- */

bool spill_in_begin(spill_in *i, spill *s, err *e)
{
    *i = (spill_in){.s = s};
    return (i->piece = new_piece(&i->room, e)) != NULL;
}

void spill_in_end(spill_in *i)
{
    mem_free(i->room);
}

/* the piece holds the byte at `at`: how many from there on */
static size_t held(const spill_in *i, uint64_t at)
{
    return at >= i->at && at < i->at + i->have ? (size_t)(i->at + i->have - at) : 0;
}

/* from the page of `at` on, as far as is asked for and fits */
static bool fill(spill_in *i, uint64_t at, uint64_t want, err *e)
{
    uint64_t end = at + want > i->until ? at + want : i->until;
    i->at = at & ~(uint64_t)(SPILL_PAGE - 1);
    i->have = 0;
    size_t n = page_up(end) - i->at < PIECE ? (size_t)(page_up(end) - i->at) : PIECE;
    TRY(read_all(i->s, i->piece, n, i->at, e));
    i->have = n;
    return true;
}

static bool get_bytes(spill_in *i, uint64_t at, char *to, size_t n, err *e)
{
    while (n) {
        size_t k = held(i, at), whole = n - n % SPILL_PAGE;
        if (!k && whole >= PIECE && is_paged(to) && at % SPILL_PAGE == 0) {
            TRY(read_all(i->s, to, whole, at, e));
            k = whole;
        } else {
            if (!k) TRY(fill(i, at, n, e));
            k = held(i, at) < n ? held(i, at) : n;
            memcpy(to, i->piece + (at - i->at), k);
        }
        at += k;
        to += k;
        n -= k;
    }
    return true;
}

bool spill_get(spill_in *i, uint64_t at, char *to, int64_t n, int64_t step, size_t size, err *e)
{
    const int64_t one[1] = {(int64_t)size};
    if (step == one[0]) return get_bytes(i, at, to, (size_t)n * size, e);
    while (n) {
        int64_t k = (int64_t)(held(i, at) / size);
        if (k > n) k = n;
        if (k)
            strided_copy(1, &k, to, &step, i->piece + (at - i->at), one, size, NULL);
        else {
            k = 1;
            uint64_t until = i->until;
            if (i->until < at + (uint64_t)n * size) i->until = at + (uint64_t)n * size;
            TRY(get_bytes(i, at, to, size, e));
            i->until = until;
        }
        at += (uint64_t)k * size;
        to += k * step;
        n -= k;
    }
    return true;
}
