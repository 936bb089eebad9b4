/* lang/signals.c - which signals have come, and the call that runs their handlers.
 *
 * Signals belong to the process, so what has come is kept here once, for the one interpreter that
 * has set handlers.  While there are any, that one asks `came` at its safe points rather than the
 * host's flag: a Ctrl-C that is the host's passes through here and sets both.  Calls of the system
 * are restarted: who waits for long looks for signals by itself (interp_several). */
#include "lang/signals.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "lang/builtins.h"
#include "lang/types/file.h"

enum { NSIGNAL = 65 };
enum how { BY_DEFAULT, IGNORED, HANDLED, AS_BEFORE };

static _Atomic int came;                     /* look */
static _Atomic uint64_t pending;             /* bit n: signal n has come (64 is bit 0) */
static _Atomic uint64_t handled;             /* those with a handler of the program's */
static value on_call;                        /* what runs the handler of a number: owned */
static _Atomic(interp *) owner;              /* who runs them; NULL: nobody has set one */
static struct sigaction before_all[NSIGNAL]; /* as the host has set them up */
static bool known[NSIGNAL];                  /* is before_all[n] filled? */

static uint64_t bit(int number)
{
    return (uint64_t)1 << (number % 64);
}

static void on_signal(int number)
{
    atomic_fetch_or(&pending, bit(number));
    atomic_store(&came, 1);
}

/* A Ctrl-C that is the host's, while other signals have handlers. */
static void on_interrupt(int number)
{
    before_all[SIGINT].sa_handler(number);
    atomic_store(&came, 1);
}

bool signals_listened(const interp *in)
{
    return atomic_load_explicit(&owner, memory_order_relaxed) == in;
}

bool signals_pending(const interp *in)
{
    return signals_listened(in) && atomic_load_explicit(&pending, memory_order_relaxed);
}

const _Atomic int *signals_flag(const interp *in)
{
    return signals_listened(in) ? &came : NULL;
}

bool signals_run(interp *in)
{
    if (!signals_listened(in) || !signals_at_home(in)) return true;
    atomic_store(&came, 0);
    uint64_t now = atomic_exchange(&pending, 0);
    for (int n = 1; now && n < NSIGNAL; n++) {
        if (!(now & bit(n))) continue;
        now &= ~bit(n);
        value r = call_n(in, on_call, 1, v_int(n));
        value_unref(in, r);
        if (is_fail(r)) {
            if (now) { /* the others wait until that is dealt with */
                atomic_fetch_or(&pending, now);
                atomic_store(&came, 1);
            }
            return false;
        }
    }
    return true;
}

static bool act(int number, enum how how)
{
    struct sigaction a = {.sa_flags = SA_RESTART};
    const bool shared = number == SIGINT && how == AS_BEFORE && atomic_load(&owner);
    if (how == AS_BEFORE) a = before_all[number];
    if (how == BY_DEFAULT) a.sa_handler = SIG_DFL;
    if (how == IGNORED) a.sa_handler = SIG_IGN;
    if (how == HANDLED) a.sa_handler = on_signal;
    if (shared && a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN) a.sa_handler = on_interrupt;
    return sigaction(number, &a, NULL) == 0;
}

static bool learn(int number)
{
    if (!known[number]) known[number] = sigaction(number, NULL, &before_all[number]) == 0;
    return known[number];
}

static void forget_all(void)
{
    for (int n = 1; n < NSIGNAL; n++)
        if (atomic_load(&handled) & bit(n)) sigaction(n, &before_all[n], NULL);
    if (known[SIGINT]) sigaction(SIGINT, &before_all[SIGINT], NULL);
    atomic_store(&handled, 0);
    atomic_store(&pending, 0);
}

void signals_close(interp *in)
{
    if (!signals_listened(in)) return;
    forget_all();
    atomic_store(&owner, NULL);
    signals_look(in);
    value_unref(in, on_call);
    on_call = FAIL;
}

/* The first handler: from now on safe points look here. */
static bool own(interp *in, value call)
{
    if (signals_listened(in)) return true;
    interp *nobody = NULL;
    if (!atomic_compare_exchange_strong(&owner, &nobody, in)) {
        throw(in, ValueError, "signal only works in main thread of the main interpreter");
        return false;
    }
    on_call = value_ref(call);
    learn(SIGINT);
    act(SIGINT, AS_BEFORE);
    signals_look(in);
    return true;
}

static value set_action(interp *in, const value *arg)
{
    int64_t n, as;
    if (!to_int64(in, arg[0], &n) || !to_int64(in, arg[1], &as)) return FAIL;
    const enum how how = (enum how)as;
    if (!signals_at_home(in)) {
        return throw(in, ValueError, "signal only works in main thread of the main interpreter");
    }
    if (n < 1 || n >= NSIGNAL) return throw(in, ValueError, "signal number out of range");
    if (!learn((int)n) || (how == HANDLED && !own(in, arg[2]))) {
        return throwing(in) ? FAIL : throw_errno(in, errno, FAIL);
    }
    if (!act((int)n, how)) return throw_errno(in, errno, FAIL);
    if (how == HANDLED)
        atomic_fetch_or(&handled, bit((int)n));
    else
        atomic_fetch_and(&handled, ~bit((int)n));
    return NONE;
}

/* ---- timers ---- */

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static struct timeval as_time(double s)
{
    const double whole = floor(s);
    return (struct timeval){(time_t)whole, (suseconds_t)((s - whole) * 1e6)};
}

static value both(interp *in, struct itimerval t)
{
    return v_obj(
        tuple_pack(in, 2, v_float(seconds_of(t.it_value)), v_float(seconds_of(t.it_interval))));
}

/* (seconds left, interval); signal.ItimerError is made of the OSError in dsk */
static value set_timer(interp *in, const value *arg)
{
    int64_t which;
    double first, again;
    struct itimerval t, was;
    if (!to_int64(in, arg[0], &which) || !to_double(in, arg[1], &first) ||
        !to_double(in, arg[2], &again)) {
        return FAIL;
    }
    if (!(first < 1e9 && again < 1e9 && first > -1e9 && again > -1e9))
        errno = EINVAL;
    else {
        t = (struct itimerval){as_time(again), as_time(first)};
        if (first > 0 && !t.it_value.tv_sec && !t.it_value.tv_usec) t.it_value.tv_usec = 1;
        if (!setitimer((__itimer_which_t)which, &t, &was)) return both(in, was);
    }
    return throw_errno(in, errno, FAIL);
}

static value get_timer(interp *in, const value *arg)
{
    int64_t which;
    struct itimerval t;
    if (!to_int64(in, arg[0], &which)) return FAIL;
    if (getitimer((__itimer_which_t)which, &t)) return throw_errno(in, errno, FAIL);
    return both(in, t);
}

static value set_alarm(interp *in, const value *arg)
{
    int64_t seconds;
    if (!to_int64(in, arg[0], &seconds)) return FAIL;
    return v_int(alarm((unsigned)seconds));
}

static value run_now(interp *in, const value *arg)
{
    (void)arg;
    return signals_run(in) ? NONE : FAIL;
}

static const builtin table[] = {
    {"act(number, how, call, /)", set_action,
     "0 the system's, 1 nothing, 2 call(number), 3 what it was at the beginning"},
    {"setitimer(which, seconds, interval, /)", set_timer, NULL},
    {"getitimer(which, /)", get_timer, NULL},
    {"alarm(seconds, /)", set_alarm, "Seconds that were left."},
    {"run()", run_now, "Runs the handlers of what has come."},
    {0},
};

const module_def signal_def = {
    .name = "_signal", .doc = "Handlers of signals, timers.", .table = table};
