/* lang/sleep.c - waiting: whoever runs the interpreter may take it over (a worker that gives up
 * its thread meanwhile); else the thread sleeps here and Ctrl-C wakes it. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <time.h>

#include "lang/signals.h"
#include "lang/threads.h"

void interp_on_sleep(interp *in, sleep_hook f)
{
    in->on_sleep = f;
}

bool interp_sleep(interp *in, double seconds)
{
    enum { SLICE_NS = 20000000 };
    if (in->on_sleep) return in->on_sleep(in, seconds);
    if (threads_several(in)) return threads_sleep(in, seconds);
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    double whole = floor(seconds);
    end.tv_sec += (time_t)whole;
    end.tv_nsec += (long)((seconds - whole) * 1e9);
    if (end.tv_nsec >= 1000000000) end.tv_sec++, end.tv_nsec -= 1000000000;
    for (;;) {
        if (!check_interrupt(in) || !signals_run(in)) return false;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double left = (double)(end.tv_sec - now.tv_sec) * 1e9 + (double)(end.tv_nsec - now.tv_nsec);
        if (left <= 0) return true;
        struct timespec step = {.tv_nsec = left < SLICE_NS ? (long)left : SLICE_NS};
        nanosleep(&step, NULL);
    }
}

bool interp_several(const interp *in)
{
    return threads_several(in) || signals_listened(in);
}

bool signals_at_home(const interp *in)
{
    return !in->home && threads_is_main(in);
}

void signals_look(interp *in)
{
    safe_point_ask(in);
}

bool interp_attend(interp *in)
{
    return !signals_pending(in) || signals_run(in);
}

bool interp_rest(interp *in, double *step)
{
    const double first = 1e-4, last = 10e-3;
    *step = *step > 0 ? fmin(2 * *step, last) : first;
    return threads_several(in) ? threads_sleep(in, *step) : interp_sleep(in, *step);
}

bool interp_await_fd(interp *in, int fd, int events)
{
    struct pollfd at = {fd, (short)events, 0};
    double step = 0;
    while (fd >= 0 && interp_several(in) && poll(&at, 1, 0) == 0)
        if (!interp_rest(in, &step)) return false;
    return true;
}
