/* engine/base/mem.h - memory.
 *
 * mem_* is for small, fixed-size nodes and never fails (it stops the program
 * with a sentence when the machine is out of memory).  Whatever a user's sizes
 * can exhaust goes through try_* and reports MemoryError in an err.
 * An arena is freed whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

void *mem_alloc(size_t n);         /* uninitialised */
void *mem_zero(size_t n);          /* zeroed */
void *mem_grow(void *p, size_t n); /* realloc */
/* While somebody is in haste (stop.h) large blocks wait; mem_tidy() gives a piece of them back and
 * answers whether there is more. */
bool mem_tidy(void);
void mem_free(void *p);                  /* NULL is fine */
char *mem_dup(const char *s);            /* copy of a C string */
char *mem_dupn(const char *s, size_t n); /* copy of n bytes, NUL added */

void *try_alloc(size_t n, err *e);
void *try_zero(size_t n, err *e);
void *try_grow(void *p, size_t n, err *e); /* p is untouched on failure */
void *try_more(void *p, size_t n);         /* the same, which says nothing */
void *try_room(size_t n, err *e); /* try_alloc, which counts as what a task makes (mem_may_take) */

/* Who runs a task may watch what its thread takes.  `room` is asked when n bytes more are to be
 * taken, and answers how many may follow before it is asked again; 0 and *e: there is no room. */
typedef struct mem_watch {
    void *ctx;
    size_t (*room)(void *ctx, size_t n, err *e);
} mem_watch;
mem_watch mem_watch_set(mem_watch w); /* of this thread, {0}: none; what it was */
/* Asked by what holds as much as a user's data: objects, capsules.  False: MemoryError. */
bool mem_may_take(size_t n, err *e);
/* Why memory was not to be had: ": memory_limit ..." when that was refused, else "". */
const char *mem_reason(void);
/* Is the process near what it may take?  Then what is kept for later is given back. */
bool mem_is_tight(void);
void mem_set_tight(bool tight);

#ifdef DSK_SANITIZE /* builds for tests only */
/* The n-th try_* from now on fails, once; 0: none. */
void mem_fail(int64_t n);
/* After so many, the first try_* of each site fails: of each chain of so many calls. */
void mem_fail_sites(int calls, int64_t after);
int64_t mem_tries(void); /* since mem_fail */
/* They are counted there: in memory, say, that outlives the process. */
void mem_tries_at(_Atomic int64_t *count);
#endif

/* a * b, or false and MemoryError when it overflows */
bool size_mul(size_t a, size_t b, size_t *out, err *e);

typedef struct arena {
    struct arena_block *head;
    char *at, *end;
    size_t used;
} arena; /* {0} is an empty arena */

void *arena_alloc(arena *a, size_t n); /* zeroed, 16-byte aligned */
char *arena_dup(arena *a, const char *s, size_t n);
void arena_clear(arena *a);
void arena_reset(arena *a); /* empty, but keeps a block for the next use */
#define ARENA_NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
