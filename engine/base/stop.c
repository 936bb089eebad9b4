/* engine/base/stop.c - one flag a thread, and one of the process: there is one prompt. */
#include "engine/base/stop.h"

#include "engine/base/mem.h"

static _Thread_local const _Atomic int *listened;

void stop_listen(const _Atomic int *flag)
{
    listened = flag;
}

bool stop_asked(void)
{
    return listened && atomic_load_explicit(listened, memory_order_relaxed);
}

bool stop_check(err *e)
{
    return !stop_asked() || err_set(e, KeyboardInterrupt, "%s", "");
}

static _Atomic bool haste;

void haste_begin(void)
{
    atomic_store(&haste, true);
}

void haste_end(void)
{
    if (in_haste()) atomic_store(&haste, false);
}

bool in_haste(void)
{
    return atomic_load_explicit(&haste, memory_order_relaxed);
}

typedef struct chore {
    struct chore *next;
    bool (*some)(void *x);
    void *x;
} chore;

static _Atomic(chore *) chores;

static void add_chore(chore *c)
{
    c->next = atomic_load(&chores);
    while (!atomic_compare_exchange_weak(&chores, &c->next, c)) continue;
}

bool haste_leave(bool (*some)(void *x), void *x)
{
    if (!in_haste()) return false;
    chore *c = mem_alloc(sizeof *c);
    *c = (chore){.some = some, .x = x};
    add_chore(c);
    return true;
}

bool haste_tidy(void)
{
    if (!atomic_load_explicit(&chores, memory_order_relaxed)) return false;
    chore *c = atomic_exchange(&chores, NULL), *next = c ? c->next : NULL;
    if (!c) return false;
    while (next) { /* one at a time */
        chore *q = next;
        next = q->next;
        add_chore(q);
    }
    if (c->some(c->x))
        add_chore(c);
    else
        mem_free(c);
    return atomic_load(&chores) != NULL;
}
