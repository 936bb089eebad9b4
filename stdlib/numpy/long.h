/* stdlib/numpy/long.h - operations of the engine that may take long enough for a Ctrl-C. */
#pragma once

#include "lang/threads.h"
#include "stdlib/numpy/numpy.h"

enum { LONG_OUT = 4 };

typedef struct long_job {
    int nin;
    const nd *in[ND_MAXDIM]; /* borrowed */
    nd *out[LONG_OUT];       /* owned; set by the work */
    int64_t n[2 * ND_MAXDIM + 1];
    double d;
    char *text; /* borrowed, or NULL */
} long_job;

typedef bool (*long_work)(long_job *j, err *e);
/* Does f; where it is expected to take long (ns), so that Ctrl-C need not wait for it. False
 * without a reason in e: KeyboardInterrupt is pending. */
bool long_do(interp *in, long_work f, double ns, long_job *j, err *e);

/* The first result, or NULL. */
nd *long_one(interp *in, long_work f, double ns, long_job *j, err *e);
/* The same for an operation of one operand or, unless y is NULL, two. */
nd *long_two(interp *in, long_work f, double ns, const nd *x, const nd *y, err *e);
double long_sort_ns(const nd *x);                 /* of putting all elements in order */
double long_factor_ns(const nd *x, double times); /* of so many factorisations of every matrix */

/* Work with one result of one or two operands. */
#define LONG1(name, call)                                                                          \
    static bool name(long_job *j, err *e)                                                          \
    {                                                                                              \
        const nd *x = j->in[0], *y = j->in[1];                                                     \
        (void)y;                                                                                   \
        return (j->out[0] = call) != NULL;                                                         \
    }

/* What takes some ms and ends by itself when it is asked to: done here, while other threads of the
 * program have the interpreter.  Between the two, operands[] are to be worked on, and nothing of
 * the interpreter. */
typedef struct apart {
    outside *out;
    int n;
    const nd *operands[4];
    bool own; /* operands are views of our own */
} apart;
void apart_begin(interp *in, apart *a, int n, const nd *const *x); /* at most 4 */
void apart_end(apart *a);

/* As the functions of the engine. */
nd *long_matmul(interp *in, const nd *x, const nd *y, err *e);
nd *long_dot(interp *in, const nd *x, const nd *y, err *e);
nd *long_sort(interp *in, const nd *x, int axis, err *e);
nd *long_argsort(interp *in, const nd *x, int axis, bool stable, err *e);
