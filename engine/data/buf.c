/* engine/data/buf.c - counted byte buffers.
 *
 * Small buffers lie behind their header in one allocation.  Large ones come from a pool of mapped
 * blocks that are kept when freed: fresh page faults cost more than most kernels.  Blocks of 2 MiB
 * and more are aligned for huge pages, and have them unless the machine is seen to be slow in
 * finding some or the last one would lie mostly unused.  Free blocks are kept in one list per size
 * class (a quarter of a power of two), each under its own lock; beyond the limit they go back to
 * the system.  What is in use and what is kept together stay within the bound: kept blocks yield to
 * new ones. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/data/nd.h"

enum {
    POOL_LEAST = 64 * 1024, /* 2^16: below, malloc keeps what is freed */
    HUGE = 2 * 1024 * 1024,
    NCLASS = 4 * 27, /* up to 2^24 times POOL_LEAST */
    ALIGN = 64,
    HUGE_SLOW = 2 * 1000 * 1000, /* ns; clearing 2 MiB takes a tenth of this */
    DOUBT_LEAST = 16 * HUGE,
    DOUBT_MOST = 512 * HUGE,
};

typedef struct block { /* a free block; lives in its first bytes */
    struct block *next;
    size_t size; /* of those that go back to the system later */
} block;

typedef struct shelf {
    pthread_mutex_t lock;
    block *head;
} shelf;

/* The one process-wide state of the engine: memory that nobody uses. */
static struct {
    shelf shelf[NCLASS];
    shelf late; /* what goes back to the system when nobody waits for the prompt */
    _Atomic size_t kept, limit, bound, most;
    _Alignas(64) _Atomic size_t live; /* in large buffers */
    _Atomic size_t peak;
    _Atomic bool is_short, any_late, ebbs;
    pthread_mutex_t at_wall; /* of wall and nasking */
    buf_wall wall;
    int nasking; /* who are asking it for room */
    _Atomic size_t wall_most;
    _Atomic int64_t plain, doubt; /* fresh bytes that get small pages: now, after the next doubt */
} pool = {.doubt = DOUBT_LEAST,
          .limit = (size_t)1 << 30,
          .bound = SIZE_MAX,
          .wall_most = SIZE_MAX,
          .most = SIZE_MAX}; /* a zeroed pthread mutex is an open one */

static size_t class_size(int k)
{
    size_t base = (size_t)POOL_LEAST << (k / 4);
    return base + base / 4 * (size_t)(k % 4);
}

/* How much of a block of `room` bytes gets huge pages when `size` of them are wanted: a page that
 * is touched is all there, so a last one that nearly nothing needs would make the process larger
 * than what it is known to hold. */
static size_t huge_part(size_t size, size_t room)
{
    size_t up = (size + HUGE - 1) & ~(size_t)(HUGE - 1);
    return up <= room && up - size <= size / 8 ? up : size & ~(size_t)(HUGE - 1);
}

/* the smallest class that holds size, or -1: too large to keep */
static int class_of(size_t size)
{
    int log = 63 - __builtin_clzll(size | 1), k = (log - 16) * 4;
    if (k < 0) k = 0;
    while (k < NCLASS && class_size(k) < size) k++;
    return k < NCLASS ? k : -1;
}

/* of this thread alone: that others had the processor meanwhile says nothing of the machine */
static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

/* One page, or several on average; a late one among them is chance. */
static bool pages_come_quickly(char *at, size_t size)
{
    enum { MANY = 32, TRIES = 4 };
    const int tries = size >= MANY * (size_t)HUGE ? TRIES : 1;
    int64_t start = now_ns();
    for (int i = 1; i <= tries; i++, at += HUGE) {
        *(volatile char *)at = 0;
        if (now_ns() - start < (int64_t)i * HUGE_SLOW) return true;
    }
    return false;
}

/* A virtual machine whose host has taken back what it did not use gets huge pages ten times slower
 * than small ones, which it has at hand.  So the first page of each fresh block is timed; where
 * it comes late, this block and some more do without, before another is tried. */
static void ask_huge_pages(char *at, size_t size)
{
    if (!size) return;
    const int64_t bytes = (int64_t)size;
    if (atomic_load_explicit(&pool.plain, memory_order_relaxed) > 0) {
        atomic_fetch_sub_explicit(&pool.plain, bytes, memory_order_relaxed);
        madvise(at, size, MADV_NOHUGEPAGE);
        return;
    }
    madvise(at, size, MADV_HUGEPAGE);
    if (pages_come_quickly(at, size)) {
        atomic_store_explicit(&pool.doubt, DOUBT_LEAST, memory_order_relaxed);
        return;
    }
    madvise(at, size, MADV_NOHUGEPAGE);
    int64_t n = atomic_load_explicit(&pool.doubt, memory_order_relaxed);
    atomic_store_explicit(&pool.plain, n - bytes, memory_order_relaxed);
    atomic_store_explicit(&pool.doubt, n < DOUBT_MOST ? 4 * n : n, memory_order_relaxed);
}

static inline bool any_late(void)
{
    return atomic_load_explicit(&pool.any_late, memory_order_relaxed);
}

static void *map_pages(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *map_block(size_t want, size_t size)
{
    size_t extra = size >= HUGE ? HUGE : 0;
    while (any_late() && !in_haste()) buf_pool_tidy();
    char *p = map_pages(size + extra);
    while (p == MAP_FAILED && any_late()) {
        buf_pool_tidy();
        p = map_pages(size + extra);
    }
    if (p == MAP_FAILED) return NULL;
    if (!extra) return p;
    char *at = (char *)(((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    if (at > p) munmap(p, (size_t)(at - p));
    if (p + extra > at) munmap(at + size, (size_t)(p + extra - at));
    size_t huge = huge_part(want, size);
    if (huge < size) madvise(at + huge, size - huge, MADV_NOHUGEPAGE);
    ask_huge_pages(at, huge);
    return at;
}

static double clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double buf_fresh_ns(void)
{
    enum { SIZE = 2 * HUGE, PAGE = 4096 };
    double from = clock_ns();
    char *at = map_block(SIZE, SIZE);
    if (!at) return 0;
    for (size_t i = 0; i < SIZE; i += PAGE) *(volatile char *)(at + i) = 0;
    double ns = (clock_ns() - from) / SIZE;
    munmap(at, SIZE);
    return ns;
}

static void unmap_block(void *at, size_t size)
{
    enum { LONG = 32 << 20 };
    if (size < LONG || !in_haste()) {
        munmap(at, size);
        return;
    }
    block *p = at;
    pthread_mutex_lock(&pool.late.lock);
    *p = (block){.next = pool.late.head, .size = size};
    pool.late.head = p;
    atomic_store(&pool.any_late, true);
    pthread_mutex_unlock(&pool.late.lock);
}

/* One of the largest kept blocks goes back to the system; false: none is left. */
static bool ebb(void);

bool buf_pool_tidy(void)
{
    enum { PIECE = 64 << 20 };
    if (!any_late() && atomic_load_explicit(&pool.ebbs, memory_order_relaxed)) return ebb();
    pthread_mutex_lock(&pool.late.lock);
    block *p = pool.late.head, *rest = NULL;
    const size_t size = p ? p->size : 0, some = size < PIECE ? size : PIECE;
    if (p) pool.late.head = p->next;
    if (size > some) { /* its header moves from the end that goes to the one that stays */
        rest = (block *)(void *)((char *)p + some);
        *rest = (block){.next = pool.late.head, .size = size - some};
        pool.late.head = rest;
    }
    const bool more = pool.late.head;
    atomic_store(&pool.any_late, more);
    pthread_mutex_unlock(&pool.late.lock);
    if (p) munmap(p, some);
    return more || atomic_load_explicit(&pool.ebbs, memory_order_relaxed);
}

void buf_pool_ebb(void)
{
    atomic_store(&pool.ebbs, true);
}

void buf_pool_give_up(void)
{
    buf_pool_ebb();
    while (buf_pool_tidy()) continue;
}

/* kept blocks go back to the system, the largest first, until `bytes` at most are left */
static void trim(size_t bytes);

/* For a fresh block: what is kept for blocks of other sizes must stay small beside what is in use,
 * so that the process is about as large as what it holds. */
static void make_room(size_t size)
{
    enum { SPARE = 12 << 20 };
    size_t most = SPARE + atomic_load_explicit(&pool.peak, memory_order_relaxed) / 8;
    if (buf_pool_kept() > most) trim(most);
    size_t bound = atomic_load_explicit(&pool.bound, memory_order_relaxed);
    size_t live = atomic_load_explicit(&pool.live, memory_order_relaxed) + size;
    if (live + buf_pool_kept() > bound) trim(live < bound ? bound - live : 0);
}

void buf_pool_clear(void)
{
    trim(0);
}

void buf_pool_settle(void)
{
    make_room(0);
}

static void *take_kept(int k)
{
    shelf *s = &pool.shelf[k];
    pthread_mutex_lock(&s->lock);
    block *p = s->head;
    if (p) s->head = p->next;
    pthread_mutex_unlock(&s->lock);
    if (p) atomic_fetch_sub_explicit(&pool.kept, class_size(k), memory_order_relaxed);
    return p;
}

static void keep_block(int k, void *at)
{
    size_t size = class_size(k);
    size_t kept = atomic_fetch_add_explicit(&pool.kept, size, memory_order_relaxed) + size;
    if (kept > atomic_load_explicit(&pool.limit, memory_order_relaxed) ||
        kept + buf_live() > atomic_load_explicit(&pool.bound, memory_order_relaxed)) {
        atomic_fetch_sub_explicit(&pool.kept, size, memory_order_relaxed);
        unmap_block(at, size);
        return;
    }
    shelf *s = &pool.shelf[k];
    block *p = at;
    pthread_mutex_lock(&s->lock);
    p->next = s->head;
    s->head = p;
    pthread_mutex_unlock(&s->lock);
}

size_t buf_pool_kept(void)
{
    return atomic_load_explicit(&pool.kept, memory_order_relaxed);
}

size_t buf_live(void)
{
    return atomic_load_explicit(&pool.live, memory_order_relaxed);
}

size_t buf_peak(bool restart)
{
    size_t peak = atomic_load(&pool.peak);
    if (restart) atomic_store(&pool.peak, buf_live());
    return peak;
}

/* What the thread has made since the restart, less what it has freed, and the most of it. */
static _Thread_local struct {
    ptrdiff_t held, most;
} meter;

size_t buf_metered(bool restart)
{
    size_t most = (size_t)meter.most;
    if (restart) meter.held = meter.most = 0;
    return most;
}

static void count_live(size_t size)
{
    meter.held += (ptrdiff_t)size;
    if (meter.held > meter.most) meter.most = meter.held;
    size_t live = atomic_fetch_add_explicit(&pool.live, size, memory_order_relaxed) + size;
    size_t peak = atomic_load_explicit(&pool.peak, memory_order_relaxed);
    while (live > peak && !atomic_compare_exchange_weak(&pool.peak, &peak, live)) continue;
}

void buf_count(buf *b)
{
    b->flags |= BUF_COUNTED;
    count_live(b->size);
}

void buf_pool_bound(size_t bytes)
{
    atomic_store(&pool.bound, bytes);
    make_room(0);
}

size_t buf_pool_most(void)
{
    return atomic_load_explicit(&pool.bound, memory_order_relaxed);
}

void buf_set_most(size_t bytes)
{
    atomic_store(&pool.most, bytes);
}

size_t buf_most(void)
{
    return atomic_load_explicit(&pool.most, memory_order_relaxed);
}

void buf_set_short(bool is)
{
    atomic_store(&pool.is_short, is);
}

bool buf_is_short(void)
{
    return atomic_load_explicit(&pool.is_short, memory_order_relaxed);
}

size_t buf_pool_limit(size_t bytes)
{
    size_t was = atomic_exchange(&pool.limit, bytes);
    trim(bytes);
    return was;
}

static void trim(size_t bytes)
{
    for (int k = NCLASS; k-- > 0;) {
        while (buf_pool_kept() > bytes) {
            void *p = take_kept(k);
            if (!p) break;
            unmap_block(p, class_size(k));
        }
    }
}

static bool ebb(void)
{
    for (int k = NCLASS; k-- > 0;) {
        void *p = take_kept(k);
        if (!p) continue;
        unmap_block(p, class_size(k));
        return true;
    }
    atomic_store(&pool.ebbs, false);
    malloc_trim(0); /* what lay between the blocks of other kinds, too */
    return false;
}

static void release_block(buf *b)
{
    int k = class_of(b->size);
    if (k >= 0)
        keep_block(k, b->data);
    else
        unmap_block(b->data, (b->size + HUGE - 1) & ~(size_t)(HUGE - 1));
}

static void *fresh_block(int k, size_t size)
{
    size_t room = k >= 0 ? class_size(k) : (size + HUGE - 1) & ~(size_t)(HUGE - 1);
    if (k >= 0) make_room(room);
    return map_block(size, room);
}

bool buf_fits(size_t size)
{
    size_t most = buf_wall_most(), live = buf_live();
    return live <= most && size <= most - live;
}

size_t buf_wall_most(void)
{
    return atomic_load_explicit(&pool.wall_most, memory_order_relaxed);
}

bool buf_set_wall(const buf_wall *w, const void *ctx)
{
    pthread_mutex_lock(&pool.at_wall);
    bool mine = !pool.wall.room || pool.wall.ctx == ctx;
    if (mine) {
        pool.wall = w ? *w : (buf_wall){0};
        atomic_store(&pool.wall_most, w ? w->most : SIZE_MAX);
    }
    while (mine && !w && pool.nasking) {
        pthread_mutex_unlock(&pool.at_wall);
        sched_yield();
        pthread_mutex_lock(&pool.at_wall);
    }
    pthread_mutex_unlock(&pool.at_wall);
    return mine;
}

static bool ask_for_room(size_t size)
{
    if (buf_fits(size)) return true;
    pthread_mutex_lock(&pool.at_wall);
    buf_wall w = pool.wall;
    pool.nasking += w.room != NULL;
    pthread_mutex_unlock(&pool.at_wall);
    if (!w.room) return true;
    bool ok = w.room(w.ctx, size);
    pthread_mutex_lock(&pool.at_wall);
    pool.nasking--;
    pthread_mutex_unlock(&pool.at_wall);
    return ok;
}

static bool clear(char *at, size_t size, err *e)
{
    enum { PIECE = 32 << 20 }; /* a few milliseconds */
    for (size_t done = 0; done < size; done += PIECE) {
        TRY(stop_check(e));
        memset(at + done, 0, size - done < PIECE ? size - done : PIECE);
    }
    return true;
}

static buf *new_large(size_t size, bool zero, err *e)
{
    if (!ask_for_room(size))
        return err_set(e, MemoryError,
                       "cannot allocate %zu bytes beside %zu in use: memory_limit leaves no more; "
                       "smaller chunks or partitions need less",
                       size, buf_live());
    int k = class_of(size);
    void *kept = k >= 0 ? take_kept(k) : NULL;
    if (!kept && !mem_may_take(size, e)) return NULL;
    void *at = kept ? kept : fresh_block(k, size);
    if (!at) return err_nomem(e, size);
    buf *b = buf_wrap(at, size, release_block, NULL);
    b->flags = BUF_POOL;
    return zero && kept && !clear(at, size, e) ? buf_unref(b) : b;
}

/* A block of small_room(size) bytes as a buffer whose bytes lie behind its header. */
static buf *small_buf(buf *b, size_t size)
{
    char *at = (char *)(((uintptr_t)(b + 1) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    *b = (buf){.rc = 1, .data = at, .size = size};
    return b;
}

static size_t small_room(size_t size)
{
    return sizeof(buf) + ALIGN + size;
}

static buf *new_small(size_t size, bool zero, err *e)
{
    buf *b = zero ? try_zero(small_room(size), e) : try_alloc(small_room(size), e);
    return b ? small_buf(b, size) : NULL;
}

buf *buf_few(size_t size)
{
    return small_buf(mem_alloc(small_room(size)), size);
}

static buf *new_buf(size_t size, bool zero, err *e)
{
#ifdef DSK_SANITIZE
    if (size > (size_t)1 << 38) return err_nomem(e, size); /* the sanitizer's malloc would abort */
#endif
    if (size > PTRDIFF_MAX / 2) return err_nomem(e, size);
#ifndef DSK_SANITIZE
    buf *b = size >= POOL_LEAST ? new_large(size, zero, e) : new_small(size, zero, e);
#else
    (void)new_large;
    buf *b = new_small(size, zero, e);
#endif
    return b;
}

static buf *counted(buf *b)
{
    if (b && b->size >= POOL_LEAST) buf_count(b);
    return b;
}

buf *buf_new(size_t size, err *e)
{
    return counted(new_buf(size, false, e));
}

buf *buf_zero(size_t size, err *e)
{
    return counted(new_buf(size, true, e));
}

buf *buf_growing(size_t size, err *e)
{
    return new_buf(size, false, e);
}

buf *buf_wrap(void *data, size_t size, void (*release)(buf *), void *owner)
{
    buf *b = mem_alloc(sizeof *b);
    *b = (buf){.rc = 1, .data = data, .size = size, .release = release, .owner = owner};
    return b;
}

/* --- buffers that rise: `owner` is how much is mapped ------------------------------------------
 */

#ifndef DSK_SANITIZE
static void release_rising(buf *b)
{
    unmap_block(b->data, (size_t)(uintptr_t)b->owner);
}
#endif

buf *buf_rising(size_t most, err *e)
{
    if (most > PTRDIFF_MAX / 2) return err_nomem(e, most);
#ifdef DSK_SANITIZE
    buf *b = new_small(most, false, e);
    if (b) b->size = 0;
#else
    size_t room = (most + HUGE - 1) & ~(size_t)(HUGE - 1);
    char *at = map_pages(room + HUGE);
    if (at == MAP_FAILED) return err_nomem(e, most);
    char *from = (char *)(((uintptr_t)at + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    if (from > at) munmap(at, (size_t)(from - at));
    if (at + HUGE > from) munmap(from + room, (size_t)(at + HUGE - from));
    madvise(from, room, MADV_NOHUGEPAGE);
    buf *b = buf_wrap(from, 0, release_rising, (void *)(uintptr_t)room);
#endif
    if (b) b->flags |= BUF_COUNTED;
    return b;
}

bool buf_raise(buf *b, size_t size, err *e)
{
    const size_t was = b->size, mask = HUGE - 1;
    if (size <= was) return true;
    if (!ask_for_room(size - was)) return err_nomem(e, size);
    make_room(size - was);
    count_live(size - was);
    b->size = size;
#ifndef DSK_SANITIZE
    const size_t from = (was + mask) & ~mask, to = size & ~mask;
    if (to > from) ask_huge_pages(b->data + from, to - from);
#else
    (void)mask;
#endif
    return true;
}

void buf_close(buf *b, size_t size)
{
    atomic_fetch_sub_explicit(&pool.live, b->size - size, memory_order_relaxed);
    meter.held -= (ptrdiff_t)(b->size - size);
    b->size = size;
#ifndef DSK_SANITIZE
    const size_t page = 4096, all = (size_t)(uintptr_t)b->owner;
    const size_t stays = size < page ? page : (size + page - 1) & ~(page - 1);
    if (all > stays) munmap(b->data + stays, all - stays);
    b->owner = (void *)(uintptr_t)(stays < all ? stays : all);
#endif
}

/* --- objects: cells know how to be copied and dropped -------------------------------------- */

void buf_hold(buf *b, const cell_ops *ops)
{
    if (!b->owner) b->owner = (void *)(uintptr_t)ops;
}

buf *buf_objects(size_t count, const cell_ops *ops, err *e)
{
    size_t bytes;
    if (!size_mul(count, sizeof(objcell), &bytes, e)) return NULL;
    buf *b = buf_zero(bytes, e);
    if (!b) return NULL;
    b->flags |= BUF_OBJECTS;
    b->owner = (void *)(uintptr_t)ops;
    return b;
}

static void drop_cells(buf *b)
{
    const cell_ops *ops = b->owner;
    if (!ops) return;
    objcell *c = (objcell *)b->data;
    for (size_t i = 0; i < b->size / sizeof *c; i++)
        if (c[i].w[0] | c[i].w[1]) ops->drop(&c[i]);
}

void buf_free(buf *b)
{
    if (b->release) b->release(b);
    mem_free(b);
}

void *buf_unref(buf *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->rc, 1, memory_order_acq_rel) != 1) return NULL;
    if (b->flags & BUF_COUNTED) {
        atomic_fetch_sub_explicit(&pool.live, b->size, memory_order_relaxed);
        meter.held -= (ptrdiff_t)b->size;
    }
    if (b->flags & BUF_OBJECTS) {
        const cell_ops *ops = b->owner;
        if (ops && ops->later && ops->later(b)) return NULL;
        drop_cells(b);
    }
    buf_free(b);
    return NULL;
}
