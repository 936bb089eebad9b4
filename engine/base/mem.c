/* engine/base/mem.c - allocation and arenas. */
#include "engine/base/mem.h"

#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/base/stop.h"

enum { ARENA_FIRST = 1008, ARENA_BLOCK = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(16) char at[];
};

static void *checked(void *p, size_t n)
{
    if (p) return p;
    fprintf(stderr, "dsk: out of memory (%zu bytes)\n", n);
    abort();
}

void *mem_alloc(size_t n)
{
    return checked(malloc(n ? n : 1), n);
}

void *mem_zero(size_t n)
{
    return checked(calloc(1, n ? n : 1), n);
}

void *mem_grow(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1), n);
}

/* ---- what is given back later: a gigabyte takes the system a tenth of a second ---- */

enum { LATE = 256 << 10 }; /* bytes: smaller blocks go at once */

typedef struct late {
    struct late *next;
    size_t left; /* bytes that are not given back yet */
} late;

static _Atomic(late *) waiting;

static void wait_in(late *p)
{
    p->next = atomic_load(&waiting);
    while (!atomic_compare_exchange_weak(&waiting, &p->next, p)) continue;
}

bool mem_tidy(void)
{
    enum { PIECE = 64 << 20, PAGE = 4096 };
    size_t room = PIECE; /* what may go now */
    for (late *p = atomic_exchange(&waiting, NULL), *next; p; p = next) {
        next = p->next;
        if (p->left <= room) {
            room -= p->left;
            free(p);
        } else if (room < LATE) {
            wait_in(p);
        } else {
            const uintptr_t page = PAGE, to = ((uintptr_t)p + p->left) & ~(page - 1);
            p->left -= room;
            const uintptr_t from = ((uintptr_t)p + p->left + page - 1) & ~(page - 1);
            madvise((void *)from, to - from, MADV_DONTNEED);
            wait_in(p);
            room = 0;
        }
    }
    return atomic_load(&waiting) != NULL;
}

static void free_large(void *p)
{
    while (!in_haste() && mem_tidy()) continue;
    size_t n = in_haste() ? malloc_usable_size(p) : 0;
    if (n < LATE) {
        free(p);
        return;
    }
    late *x = p;
    x->left = n;
    wait_in(x);
}

void mem_free(void *p)
{
    if (p && (in_haste() || atomic_load_explicit(&waiting, memory_order_relaxed)))
        free_large(p);
    else
        free(p);
}

char *mem_dupn(const char *s, size_t n)
{
    char *p = mem_alloc(n + 1);
    if (n) memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *mem_dup(const char *s)
{
    return mem_dupn(s, strlen(s));
}

#ifdef DSK_SANITIZE
enum { SITES = 1 << 16, CALLS = 64 };

static struct { /* process-wide, as memory is */
    _Atomic int64_t own, *tries, at;
    _Atomic int calls;             /* of which a site is made; 0: allocations are counted */
    _Atomic uint64_t sites[SITES]; /* that have failed: hashes, from where these say */
} fault = {.tries = &fault.own};

void mem_tries_at(_Atomic int64_t *count)
{
    fault.tries = count;
}

void mem_fail(int64_t n)
{
    *fault.tries = 0;
    fault.calls = 0;
    fault.at = n;
}

void mem_fail_sites(int calls, int64_t after)
{
    mem_fail(after);
    fault.calls = calls < CALLS ? calls : CALLS;
}

int64_t mem_tries(void)
{
    return *fault.tries;
}

/* Whether who calls has not been here before by the same calls. */
static bool first_here(int calls)
{
    enum { OWN = 3 }; /* this one, may_have and try_* */
    void *at[CALLS + OWN];
    const int n = backtrace(at, calls + OWN);
    uint64_t h = 0xcbf29ce484222325;
    for (int i = 0; i < n; i++) h = (h ^ (uintptr_t)at[i]) * 0x9e3779b97f4a7c15, h ^= h >> 29;
    for (uint64_t i = 0; i < SITES; i++) {
        uint64_t old = 0;
        if (atomic_compare_exchange_strong(&fault.sites[(h + i) % SITES], &old, h)) return true;
        if (old == h) return false;
    }
    return false; /* full */
}

static bool may_have(size_t n)
{
    if (n > PTRDIFF_MAX) return false;
    const int64_t i = ++*fault.tries;
    return fault.calls ? i <= fault.at || !first_here(fault.calls) : i != fault.at;
}
#else
static bool may_have(size_t n)
{
    return n <= PTRDIFF_MAX;
}
#endif

/* ---- what is watched ---- */

static _Thread_local struct {
    mem_watch w;
    size_t taken, next; /* since it was asked; when it is asked again */
    bool refused;       /* the last time */
} watched;
static _Atomic bool tight;

mem_watch mem_watch_set(mem_watch w)
{
    mem_watch was = watched.w;
    watched.w = w;
    watched.taken = watched.next = 0;
    return was;
}

bool mem_may_take(size_t n, err *e)
{
    enum { STEP = 1 << 20 };
    if (!watched.w.room) return true;
    if (__builtin_add_overflow(watched.taken, n, &watched.taken)) watched.taken = SIZE_MAX;
    if (watched.taken < STEP || watched.taken < watched.next) return true;
    mem_watch w = watched.w;
    watched.w = (mem_watch){0}; /* what makes room takes none */
    watched.next = w.room(w.ctx, watched.taken, e);
    watched.w = w;
    watched.taken = 0;
    watched.refused = !watched.next;
    return watched.next > 0;
}

const char *mem_reason(void)
{
    return watched.w.room && watched.refused
               ? ": memory_limit leaves no more; smaller chunks or partitions need less"
               : "";
}

bool mem_is_tight(void)
{
    return atomic_load_explicit(&tight, memory_order_relaxed);
}

void mem_set_tight(bool now)
{
    atomic_store_explicit(&tight, now, memory_order_relaxed);
}

void *try_alloc(size_t n, err *e)
{
    void *p = may_have(n) ? malloc(n ? n : 1) : NULL;
    return p ? p : err_nomem(e, n);
}

void *try_zero(size_t n, err *e)
{
    void *p = may_have(n) ? calloc(1, n ? n : 1) : NULL;
    return p ? p : err_nomem(e, n);
}

void *try_grow(void *p, size_t n, err *e)
{
    void *q = try_more(p, n);
    return q ? q : err_nomem(e, n);
}

void *try_more(void *p, size_t n)
{
    return may_have(n) ? realloc(p, n ? n : 1) : NULL;
}

void *try_room(size_t n, err *e)
{
#ifndef DSK_SANITIZE /* which keeps what was freed: the size of the process says little */
    enum { MUCH = 1 << 20 };
    if (n >= MUCH && !mem_may_take(n, e)) return NULL;
#endif
    return try_alloc(n, e);
}

bool size_mul(size_t a, size_t b, size_t *out, err *e)
{
    if (!__builtin_mul_overflow(a, b, out) && *out <= PTRDIFF_MAX) return true;
    return err_set(e, MemoryError, "cannot allocate %zu items of %zu bytes", a, b);
}

void *arena_alloc(arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->at) < n) {
        size_t size = a->used < ARENA_FIRST ? ARENA_FIRST : a->used; /* doubles up to a limit */
        if (size > ARENA_BLOCK) size = ARENA_BLOCK;
        if (size < n) size = n;
        struct arena_block *b = mem_alloc(sizeof *b + size);
        b->next = a->head;
        b->size = size;
        a->head = b;
        a->at = b->at;
        a->end = b->at + size;
    }
    void *p = a->at;
    a->at += n;
    a->used += n;
    return memset(p, 0, n);
}

char *arena_dup(arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

void arena_clear(arena *a)
{
    for (struct arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (arena){0};
}

void arena_reset(arena *a)
{
    struct arena_block *keep = a->head;
    if (!keep) return;
    for (struct arena_block *b = keep->next, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    keep->next = NULL;
    *a = (arena){.head = keep, .at = keep->at, .end = keep->at + keep->size};
}
