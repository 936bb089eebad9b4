/* engine/base/stop.c - one flag a thread, and one of the process: there is one prompt. */
#include "engine/base/stop.h"

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
