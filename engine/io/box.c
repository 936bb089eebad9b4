/* engine/io/box.c - boxes of elements, from a file into memory.
 *
 * Reading from a file: the trailing axes that are taken whole make one run of bytes.  A long run
 * goes straight into its place; short ones are served from a window read ahead, when the gaps
 * between them are small enough that reading over them costs less than a call each. */
#include "engine/io/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/stop.h"

enum {
    WINDOW = 1 << 20,  /* read ahead at most this */
    GAP = 16 << 10,    /* read over gaps up to this */
    DIRECT = 128 << 10 /* longer runs need no window */
};

bool box_is_c(int ndim, const int64_t *count, size_t size, const int64_t *strides)
{
    int64_t s = (int64_t)size;
    for (int i = ndim; i-- > 0; s *= count[i]) {
        if (count[i] != 1 && strides[i] != s) return false;
    }
    return true;
}

void box_fill(int ndim, const int64_t *count, size_t size, char *to, const int64_t *to_strides,
              const char *element)
{
    static const int64_t repeat[ND_MAXDIM] = {0};
    bool zero = true;
    for (size_t i = 0; i < size; i++) zero = zero && element[i] == 0;
    if (zero && box_is_c(ndim, count, size, to_strides)) {
        memset(to, 0, (size_t)shape_count(ndim, count) * size);
    } else {
        strided_copy(ndim, count, to, to_strides, element, repeat, size, NULL);
    }
}

/* --- file to memory --- */

/* Process-wide because files are. */
static _Atomic uint64_t moved[2];

void file_moved(bool written, size_t n)
{
    atomic_fetch_add_explicit(&moved[written], n, memory_order_relaxed);
}

uint64_t files_moved(bool written)
{
    return atomic_load_explicit(&moved[written], memory_order_relaxed);
}

bool file_read_at(int fd, void *to, size_t n, off_t at)
{
    enum { AT_ONCE = 8 << 20 };
    file_moved(false, n);
    for (char *p = to; n > 0;) {
        ssize_t k = pread(fd, p, n < AT_ONCE ? n : AT_ONCE, at);
        if (k < 0 && errno == EINTR && !stop_asked()) continue;
        if (k > 0 && n > AT_ONCE && stop_asked()) {
            errno = EINTR;
            return false;
        }
        if (k <= 0) return false;
        p += k;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

void file_let_go(int fd, size_t n)
{
    enum { LEAST = 1 << 20 };
    if (n < LEAST || !buf_is_short()) return;
    int was = errno; /* what was being put on the disk is waited for, the new is begun */
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    errno = was;
}

typedef struct reader {
    const file_array *a;
    const int64_t *step, *count, *to_strides;
    int64_t strides[ND_MAXDIM]; /* from one element taken to the next, in the file */
    int run;                    /* axes from here on are one run */
    size_t run_size;            /* its bytes, those stepped over included */
    bool straight;              /* a run is laid out in memory as it is in the file */
    bool dense;                 /* gaps between runs are small */
    off_t end;                  /* of the last element */
    char *window;
    off_t from, until; /* what the window holds */
} reader;

static size_t span(const reader *r, int axis)
{
    size_t n = r->a->size;
    for (int i = axis; i < r->a->ndim; i++) n += (size_t)((r->count[i] - 1) * r->strides[i]);
    return n;
}

/* The first axis from which on the elements taken lie close together: no gap over GAP. */
static int run_axis(const reader *r)
{
    int axis = r->a->ndim;
    while (axis > 0) {
        size_t gap = (size_t)r->strides[axis - 1] - span(r, axis);
        if (r->count[axis - 1] > 1 && gap > GAP) break;
        axis--;
        if (span(r, axis) > WINDOW && gap > 0) return axis + 1;
    }
    return axis;
}

/* Whether axes from `axis` on are gapless in the file and in memory. */
static bool is_straight(const reader *r, int axis)
{
    int n = r->a->ndim - axis;
    return box_is_c(n, r->count + axis, r->a->size, r->strides + axis) &&
           box_is_c(n, r->count + axis, r->a->size, r->to_strides + axis);
}

static const char *window_get(reader *r, off_t at, size_t n)
{
    if (at < r->from || at + (off_t)n > r->until) {
        off_t want = r->dense ? at + WINDOW : at + (off_t)n;
        if (want > r->end) want = r->end;
        if (!file_read_at(r->a->fd, r->window, (size_t)(want - at), at)) return NULL;
        r->from = at;
        r->until = want;
    }
    return r->window + (at - r->from);
}

static bool read_run(reader *r, char *to, off_t at)
{
    if (r->straight && r->run_size >= DIRECT) return file_read_at(r->a->fd, to, r->run_size, at);
    const char *from = window_get(r, at, r->run_size);
    if (!from) return false;
    strided_copy(r->a->ndim - r->run, r->count + r->run, to, r->to_strides + r->run, from,
                 r->strides + r->run, r->a->size, NULL);
    return true;
}

static bool read_axis(reader *r, int axis, char *to, off_t at)
{
    if (axis == r->run) return read_run(r, to, at);
    for (int64_t i = 0; i < r->count[axis]; i++) {
        TRY(read_axis(r, axis + 1, to + i * r->to_strides[axis], at + i * r->strides[axis]));
    }
    return true;
}

bool box_read(const file_array *a, const int64_t *start, const int64_t *step, const int64_t *count,
              char *to, const int64_t *to_strides)
{
    reader r = {.a = a, .step = step, .count = count, .to_strides = to_strides, .until = -1};
    if (shape_count(a->ndim, count) == 0) return true;
    off_t at = a->base;
    strides_c(a->ndim, a->shape, (int64_t)a->size, r.strides);
    for (int i = 0; i < a->ndim; i++) {
        at += start[i] * r.strides[i];
        r.strides[i] *= step[i];
    }
    r.end = at + (off_t)span(&r, 0);
    r.run = run_axis(&r);
    /* whole runs too large for the window are only read when they go straight into place */
    while (!(r.straight = is_straight(&r, r.run)) && span(&r, r.run) > WINDOW) r.run++;
    r.run_size = span(&r, r.run);
    r.dense = r.run > 0 && r.strides[r.run - 1] - (int64_t)r.run_size <= GAP;
    r.window = r.straight && r.run_size >= DIRECT ? NULL : malloc(WINDOW);
    bool ok = (r.window || r.straight) && read_axis(&r, 0, to, at);
    free(r.window);
    return ok;
}
