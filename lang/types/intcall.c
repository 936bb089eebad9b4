/* lang/types/intcall.c - arithmetic on huge ints, which may take minutes, aside. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/aside.h"

static const double LONG_NS = 30e6;

typedef struct bigcall {
    bigfn f;
    mpz_t out, in[3];
    bool given[3];
    unsigned long n;
} bigcall;

static mpz_srcptr operand(const bigcall *c, int i)
{
    return c->given[i] ? c->in[i] : NULL;
}

static void work(void *ctx)
{
    bigcall *c = ctx;
    c->f(c->out, operand(c, 0), operand(c, 1), operand(c, 2), c->n);
}

static void drop(void *ctx)
{
    bigcall *c = ctx;
    mpz_clear(c->out);
    for (int i = 0; i < 3; i++) mpz_clear(c->in[i]);
    mem_free(c);
}

static bool copy(interp *in, mpz_ptr to, mpz_srcptr from)
{
    size_t n = mpz_size(from);
    mp_limb_t *at = mpz_limbs_write(to, (mp_size_t)(n ? n : 1));
    bool ok = memory_copy(in, at, mpz_limbs_read(from), n * sizeof *at);
    mpz_limbs_finish(to, ok ? mpz_sgn(from) < 0 ? -(mp_size_t)n : (mp_size_t)n : 0);
    return ok;
}

bool int_call(interp *in, bigfn f, double nanoseconds, mpz_ptr out, mpz_srcptr a, mpz_srcptr b,
              mpz_srcptr c, unsigned long n)
{
    if (nanoseconds < LONG_NS) {
        f(out, a, b, c, n);
        return true;
    }
    bigcall *call = mem_zero(sizeof *call);
    call->f = f;
    call->n = n;
    mpz_init(call->out);
    mpz_srcptr given[3] = {a, b, c};
    bool ok = true;
    for (int i = 0; i < 3; i++) {
        mpz_init(call->in[i]);
        call->given[i] = given[i] != NULL;
        ok = ok && (!given[i] || copy(in, call->in[i], given[i]));
    }
    if (!ok) return drop(call), false;
    if (!interp_aside(in, work, drop, call)) return false;
    mpz_swap(out, call->out);
    drop(call);
    return true;
}

/* ---- text ---- */

typedef struct textcall {
    mpz_t z;
    char *text; /* owned */
    int base;
} textcall;

static void write_digits(void *ctx)
{
    textcall *c = ctx;
    mpz_get_str(c->text, c->base, c->z);
}

static void read_digits(void *ctx)
{
    textcall *c = ctx;
    mpz_set_str(c->z, c->text, c->base);
}

static void drop_text(void *ctx)
{
    textcall *c = ctx;
    mpz_clear(c->z);
    mem_free(c->text);
    mem_free(c);
}

enum { LONG_BITS = 1 << 20 }; /* more are converted aside */

bool int_write(interp *in, mpz_srcptr z, int base, char *out)
{
    if (mpz_sizeinbase(z, 2) < LONG_BITS) return mpz_get_str(out, base, z), true;
    textcall *c = mem_zero(sizeof *c);
    size_t room = mpz_sizeinbase(z, base) + 2;
    *c = (textcall){.text = mem_alloc(room), .base = base};
    mpz_init(c->z);
    if (!copy(in, c->z, z)) return drop_text(c), false;
    if (!interp_aside(in, write_digits, drop_text, c)) return false;
    bool ok = memory_copy(in, out, c->text, strlen(c->text) + 1);
    drop_text(c);
    return ok;
}

bool int_read(interp *in, mpz_ptr out, const char *s, size_t n, int base)
{
    if (n < LONG_BITS / 4) return mpz_init_set_str(out, s, base), true;
    textcall *c = mem_zero(sizeof *c);
    *c = (textcall){.text = mem_dupn(s, n), .base = base};
    mpz_init(c->z);
    if (!interp_aside(in, read_digits, drop_text, c)) return false;
    mpz_init(out);
    mpz_swap(out, c->z);
    drop_text(c);
    return true;
}
