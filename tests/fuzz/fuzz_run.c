/* Any text is run or is an error: lexer, parser, compiler, machine, the library written in dsk.
 *
 *     tests/fuzz/run fuzz_run 600
 *
 * No files, no processes, no modules of C but sys; so many steps, then everything unwinds. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/interp.h"

enum { STEPS = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct limits {
    interp *in;
    int left;
} limits;

static void discard(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

/* Asked on every back-edge and return.  The end is one that no handler catches. */
static bool count_step(void *ctx)
{
    limits *l = ctx;
    if (l->left-- > 0) return false;
    l->in->trapped = true;
    return true;
}

static void forbid(interp *in, const char *name)
{
    value key = v_str(in, name);
    dict_del(in, in->builtins, key);
    value_unref(in, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const _Atomic int ask = 1;
    static const module_def *const none[] = {NULL};
    if (n == 0) return 0;
    limits l = {.left = STEPS};
    host h = {.ctx = &l, .write = discard, .signal = &ask, .interrupted = count_step};
    interp *in = l.in = interp_open(&h, none);
    if (!in) return 0;
    forbid(in, "open");
    char mode = "fce"[data[0] % 3];
    value echo = FAIL;
    bool ok =
        interp_run(in, (const char *)data + 1, n - 1, "fuzz.dsk", mode, interp_main(in), &echo);
    in->trapped = false;
    l.left = STEPS;
    if (!ok) {
        value x = exc_take(in);
        char *text = is_fail(x) ? NULL : exc_text(in, x);
        mem_free(text);
        value_unref(in, x);
    } else
        value_unref(in, echo);
    in->trapped = false;
    l.left = STEPS;
    interp_close(in);
    return 0;
}
