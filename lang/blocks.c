/* lang/blocks.c - where objects lie: small blocks in chunks that an interpreter keeps, large ones
 * by themselves.
 *
 * What a task makes is not known before it makes it.  Whoever runs tasks is asked (mem.h) before a
 * chunk or a large block is taken: a large block is refused at once, small ones go on to the next
 * safe point, where MemoryError is raised.  A chunk goes back to the system when all that was in it
 * is free; that is looked for when many chunks have been taken since the last time. */
#include <string.h>
#include <sys/mman.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/interp.h"

typedef struct chunk { /* at a multiple of its size */
    struct chunk *next;
    const pool *of;
    char *end;   /* of its blocks, once it is full */
    size_t free; /* bytes, while they are counted */
} chunk;

_Static_assert(sizeof(chunk) % POOL_STEP == 0, "blocks lie at multiples of POOL_STEP");

void no_room(interp *in)
{
    if (!throwing(in)) throw(in, MemoryError, "%s", "");
}

static bool may_have(interp *in, size_t n)
{
    err e = {0};
    if (mem_may_take(n, &e)) return true;
    throw_err(in, &e);
    return false;
}

void *block_big(interp *in, size_t n, bool zero)
{
    err e = {0};
    if (in->sure) return zero ? mem_zero(n) : mem_alloc(n);
    if (!may_have(in, n)) return NULL;
    void *p = zero ? try_zero(n, &e) : try_alloc(n, &e);
    err_clear(&e);
    return p;
}

void *block_grow(interp *in, void *p, size_t had, size_t want)
{
    err e = {0};
    if (in->sure) return mem_grow(p, want);
    void *q = want <= had || may_have(in, want - had) ? try_grow(p, want ? want : 1, &e) : NULL;
    err_clear(&e);
    if (!q) no_room(in);
    return q;
}

/* Small blocks cannot be refused where they are made. */
static void ask_for(interp *in, size_t n)
{
    err e = {0};
    if (in->sure || in->starved || mem_may_take(n, &e)) return;
    in->starved = mem_dup(e.msg);
    err_clear(&e);
    safe_point_ask(in);
}

bool blocks_suffice(interp *in)
{
    char *text = in->starved;
    if (!text || in->sure) return true;
    in->starved = NULL;
    throw(in, MemoryError, "%s", text);
    mem_free(text);
    return false;
}

#ifndef DSK_SANITIZE
static void *map_chunk(void)
{
    const size_t twice = 2 * (size_t)POOL_CHUNK;
    char *p = mmap(NULL, twice, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return mem_alloc(twice); /* which says so */
    const size_t before = -(uintptr_t)p & (POOL_CHUNK - 1);
    if (before) munmap(p, before);
    munmap(p + before + POOL_CHUNK, POOL_CHUNK - before);
    return p + before;
}

void *block_more(interp *in, size_t n)
{
    if (n > POOL_MAX) return block_big(in, n, false);
    pool *p = &in->pool;
    n = (n + POOL_STEP - 1) / POOL_STEP * POOL_STEP;
    if ((size_t)(p->end - p->at) < n) {
        ask_for(in, POOL_CHUNK);
        chunk *c = map_chunk();
        if (p->chunks) ((chunk *)p->chunks)->end = p->at;
        *c = (chunk){.next = p->chunks, .of = p};
        p->chunks = c;
        p->nchunk++;
        p->at = (char *)(c + 1);
        p->end = (char *)c + POOL_CHUNK;
    }
    void *at = p->at;
    p->at += n;
    return at;
}

static inline chunk *chunk_of(void *block)
{
    return (chunk *)((uintptr_t)block & ~(uintptr_t)(POOL_CHUNK - 1));
}

static inline bool is_unused(const pool *p, const chunk *c)
{
    return c->of == p && c->free == (size_t)(c->end - (const char *)(c + 1));
}

static void count_free(pool *p)
{
    for (chunk *c = p->chunks; c; c = c->next) c->free = 0;
    for (size_t k = 1; k <= POOL_MAX / POOL_STEP; k++)
        for (void *b = p->free[k]; b; memcpy(&b, b, sizeof b))
            if (chunk_of(b)->of == p) chunk_of(b)->free += k * POOL_STEP;
    chunk *now = p->chunks; /* blocks are still taken from it */
    if (now) now->free = SIZE_MAX;
}

/* Blocks of chunks that go leave the lists. */
static void forget_unused(pool *p)
{
    for (size_t k = 1; k <= POOL_MAX / POOL_STEP; k++) {
        void *first = NULL, *last = NULL, *next;
        for (void *b = p->free[k]; b; b = next) {
            memcpy(&next, b, sizeof next);
            if (is_unused(p, chunk_of(b))) continue;
            if (last)
                memcpy(last, &b, sizeof b);
            else
                first = b;
            last = b;
        }
        if (last) memset(last, 0, sizeof(void *));
        p->free[k] = first;
    }
}

static void release_unused(pool *p)
{
    for (chunk *c = p->chunks, *next, *kept = NULL; c; c = next) {
        next = c->next;
        if (!is_unused(p, c)) {
            kept = c; /* the first one stays */
            continue;
        }
        kept->next = next;
        munmap(c, POOL_CHUNK);
        p->nchunk--;
    }
}

void interp_trim(interp *in)
{
    enum { MANY = 64 << 20, FEW = 8 << 20 };
    pool *p = &in->pool;
    const size_t least = (mem_is_tight() ? FEW : MANY) / POOL_CHUNK;
    if (p->nchunk < least || p->nchunk - p->nlooked < least) return;
    count_free(p);
    forget_unused(p);
    release_unused(p);
    p->nlooked = p->nchunk;
}

void blocks_close(interp *in)
{
    for (chunk *c = in->pool.chunks, *next; c; c = next) {
        next = c->next;
        munmap(c, POOL_CHUNK);
    }
    mem_free(in->starved);
}
#else
void *block_more(interp *in, size_t n)
{
    if (n > POOL_MAX) return block_big(in, n, false);
    ask_for(in, n);
    return mem_alloc(n);
}

void interp_trim(interp *in)
{
    (void)in;
}

void blocks_close(interp *in)
{
    mem_free(in->starved);
}
#endif
