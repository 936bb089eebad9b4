/* lang/interp.c - opening and closing interpreters; the table of interned names. */
#include "lang/interp.h"

#include <string.h>
#include <sys/resource.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "lang/bin.h"
#include "lang/freeze_impl.h"
#include "lang/profile.h"
#include "lang/signals.h"
#include "lang/threads.h"
#include "lang/types/dunder.h"

/* ---- interned names ---- */

str *intern_find(interp *in, str *s)
{
    if (s->hdr.flags & OBJ_NAME) return s;
    uint64_t h = str_hash(s);
    size_t mask = in->intern_cap - 1, i = h & mask;
    while (in->intern[i] && (in->intern[i]->hash != h || !str_eq(in->intern[i], s)))
        i = (i + 1) & mask;
    return in->intern[i];
}

static void intern_close(interp *in)
{
    for (size_t i = 0; i < in->intern_cap; i++) obj_unref(in, in->intern[i]);
    mem_free(in->intern);
    in->intern = NULL;
}

/* ---- the C stack ---- */

enum { C_MARGIN = 192 * 1024 };

static void measure_stack(interp *in)
{
    char *here = __builtin_frame_address(0);
    struct rlimit r = {0};
    size_t size = 1 << 20;
    if (!in->home && getrlimit(RLIMIT_STACK, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
        size = r.rlim_cur;
    } else if (!in->home)
        size = 8 << 20;
    if (size > (64u << 20)) size = 64u << 20;
    in->c_limit = here - (size - (size > 4 * C_MARGIN ? C_MARGIN : size / 4));
}

bool check_stack(interp *in)
{
    char *here = __builtin_frame_address(0);
    if (here > in->c_limit) return true;
    throw(in, RecursionError, "maximum recursion depth exceeded");
    return false;
}

void hurry(interp *in)
{
    if (in->home || in->patient) return;
    in->haste = true;
    haste_begin();
    safe_point_ask(in);
}

bool check_interrupt(interp *in)
{
    const host *h = &in->host;
    if (in->starved && !blocks_suffice(in)) return false;
    if (!threads_is_main(in)) return true;
    if (!h->signal || !atomic_load_explicit(h->signal, memory_order_relaxed)) return true;
    if (!h->interrupted(h->ctx)) return true;
    hurry(in);
    throw(in, KeyboardInterrupt, "%s", "");
    if (in->exc.kind == V_OBJ) in->struck = in->exc.o;
    return false;
}

enum { PIECE = 4 << 20 }; /* some milliseconds, where the memory is fresh */

bool memory_copy(interp *in, void *to, const void *from, size_t n)
{
    char *p = to;
    const char *q = from;
    for (; n > PIECE; n -= PIECE, p += PIECE, q += PIECE) {
        memcpy(p, q, PIECE);
        if (!check_interrupt(in)) return false;
    }
    if (n) memcpy(p, q, n);
    return true;
}

bool memory_fill(interp *in, void *to, char c, size_t n)
{
    char *p = to;
    for (; n > PIECE; n -= PIECE, p += PIECE) {
        memset(p, c, PIECE);
        if (!check_interrupt(in)) return false;
    }
    if (n) memset(p, c, n);
    return true;
}

/* ---- life ---- */

/* Which interpreter runs on this thread: the one exception to "no globals", for callbacks from
 * libraries and the engine that carry no context. */
static _Thread_local interp *current;

interp *interp_current(void)
{
    return current;
}

void interp_adopt(interp *in)
{
    current = in;
}

static bool names_open(interp *in)
{
    if (!(in->empty = str_new(in, "", 0))) return false;
#define X_OPEN(n)                                                                                  \
    if (!(in->name.n = str_intern(in, #n, strlen(#n)))) return false;
    LANG_NAMES(X_OPEN)
#undef X_OPEN
    return true;
}

static void names_close(interp *in)
{
    obj_unref(in, in->empty);
#define X_CLOSE(n) obj_unref(in, in->name.n);
    LANG_NAMES(X_CLOSE)
#undef X_CLOSE
}

interp *interp_open(const host *h, const module_def *const *modules)
{
    interp *in = mem_zero(sizeof *in);
    if (h) in->host = *h;
    in->defs = modules;
    in->outer = current;
    current = in;
    in->limit = in->quick_limit = 1000;
    in->exc = FAIL;
    gc_open(in);
    measure_stack(in);
    if (!names_open(in) || !dunders_open(in) || !modules_open(in)) {
        interp_close(in);
        return NULL;
    }
    return in;
}

/* What the program registered with atexit, last first. */
static void run_at_exit(interp *in)
{
    value m = in->modules ? dict_peek(in, in->modules, "atexit") : FAIL;
    if (is_fail(m)) return;
    value r = call_method(in, m, "_run_exitfuncs", 0);
    value_unref(in, r);
    exc_clear(in);
}

void interp_close(interp *in)
{
    in->struck = NULL;
    exc_clear(in);
    in->haste = false;
    haste_end();
    run_at_exit(in);
    in->patient = true;
    bin_empty(in);
    threads_close(in);
    signals_close(in);
    value_unref(in, in->echo);
    value_unref(in, in->stop);
    value_unref(in, in->arithmetic);
    modules_close(in);
    gc_collect(in);
    crossings_close(in);
    gc_collect(in);
    types_close(in);
    gc_collect(in);
    links_close(in);
    sigs_close(in);
    names_close(in);
    dunders_close(in);
    intern_close(in);
    gc_close(in);
    frames_close(in);
    profile_close(in);
    if (current == in) current = in->outer;
    mem_free(in);
}

const host *interp_host(interp *in)
{
    return &in->host;
}

value *interp_arithmetic(interp *in)
{
    return &in->arithmetic;
}

void interp_scalar_type(interp *in, uint32_t aux, const type *t)
{
    in->scalar[aux] = t;
}
