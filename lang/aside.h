/* lang/aside.h - long library calls that Ctrl-C need not wait for. */
#pragma once

#include "lang/lang.h"

/* Runs work(ctx) on another thread while this one waits for it and other threads of the program
 * have the interpreter.  True: it has ended.  False:
 * KeyboardInterrupt is pending, the work goes on alone and drop(ctx) follows it.  ctx must own all
 * that the work touches, and nothing of an interpreter.  In a worker: a plain call.  Worth it only
 * for what takes tens of milliseconds. */
bool interp_aside(interp *in, void (*work)(void *ctx), void (*drop)(void *ctx), void *ctx);

/* Did any go on alone?  Then the process must not run exit handlers, which take away what the
 * libraries that still work stand on. */
bool interp_left_asides(const interp *in);

/* One function of GMP: out from a, b, c and n, as far as it uses them. */
typedef void (*bigfn)(mpz_ptr out, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n);
/* Calls f, aside when it is expected to take long; operands that f does not use are NULL. */
bool int_call(interp *in, bigfn f, double nanoseconds, mpz_ptr out, mpz_srcptr a, mpz_srcptr b,
              mpz_srcptr c, unsigned long n);

/* The digits of z into out, which has room for them; out, uninitialised before, from n digits. */
bool int_write(interp *in, mpz_srcptr z, int base, char *out);
bool int_read(interp *in, mpz_ptr out, const char *s, size_t n, int base);
