/* engine/run/deque.c - a worker's ready tasks: a ring under a spin lock held for a few
 * instructions. Uncontended it costs less than a fence-based deque, and checkers understand it. */
#include <sched.h>
#include <string.h>

#include "engine/run/pool.h"

static void lock(deque *d)
{
    for (int tries = 0; atomic_flag_test_and_set_explicit(&d->lock, memory_order_acquire); tries++)
        if (tries < 64)
            __builtin_ia32_pause();
        else
            sched_yield(); /* its holder may have lost the processor */
}

static void unlock(deque *d)
{
    atomic_flag_clear_explicit(&d->lock, memory_order_release);
}

static void grow(deque *d)
{
    uint32_t cap = d->cap ? 2 * d->cap : 64, n = d->tail - d->head;
    tid *at = mem_alloc(cap * sizeof *at);
    for (uint32_t i = 0; i < n; i++) at[i] = d->at[(d->head + i) & (d->cap - 1)];
    mem_free(d->at);
    d->at = at;
    d->cap = cap;
    d->head = 0;
    d->tail = n;
}

void deque_push(deque *d, tid t)
{
    lock(d);
    if (d->tail - d->head == d->cap) grow(d);
    d->at[d->tail++ & (d->cap - 1)] = t;
    atomic_store_explicit(&d->n, d->tail - d->head, memory_order_relaxed);
    unlock(d);
}

tid deque_pop(deque *d)
{
    tid t = NO_TASK;
    if (!atomic_load_explicit(&d->n, memory_order_relaxed)) return t;
    lock(d);
    if (d->tail != d->head) t = d->at[--d->tail & (d->cap - 1)];
    atomic_store_explicit(&d->n, d->tail - d->head, memory_order_relaxed);
    unlock(d);
    return t;
}

void deque_clear(deque *d)
{
    lock(d);
    mem_free(d->at);
    d->at = NULL;
    d->cap = d->head = d->tail = 0;
    atomic_store_explicit(&d->n, 0, memory_order_relaxed);
    unlock(d);
}

tid deque_steal(deque *d, const worker *thief)
{
    tid t = NO_TASK;
    if (!atomic_load_explicit(&d->n, memory_order_relaxed)) return t;
    lock(d); /* what a later job pushed comes with the news that the thief is lost */
    if (d->tail != d->head && !atomic_load_explicit(&thief->lost, memory_order_relaxed))
        t = d->at[d->head++ & (d->cap - 1)];
    atomic_store_explicit(&d->n, d->tail - d->head, memory_order_relaxed);
    unlock(d);
    return t;
}
