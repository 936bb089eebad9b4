/* engine/base/stop.c - one flag a thread. */
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
