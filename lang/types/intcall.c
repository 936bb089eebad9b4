/* lang/types/intcall.c - arithmetic on huge ints, which may take minutes, aside. */
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
    for (int i = 0; i < 3; i++) {
        mpz_init(call->in[i]);
        call->given[i] = given[i] != NULL;
        if (given[i]) mpz_set(call->in[i], given[i]);
    }
    if (!interp_aside(in, work, drop, call)) return false;
    mpz_swap(out, call->out);
    drop(call);
    return true;
}
