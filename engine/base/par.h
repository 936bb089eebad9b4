/* engine/base/par.h - loops of one thread with which other processors may help.
 *
 * A thread that is one of several (a worker of a pool, a thread that waits for a pool) works alone:
 * there a par_for is a plain loop, and so it is while another thread has the helpers.  Every other
 * thread shares its turns with helpers that are started when first needed and sleep in between.
 * Turns run in any order and side by side, so they write to different places; what they compute
 * must not depend on the number of threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* f(arg, i) for every i in [0, n).  Returns when all are done. */
void par_for(int64_t n, void (*f)(void *arg, int64_t i), void *arg);

/* How many threads a par_for of this thread has at best. */
int par_width(void);

/* From now on this thread works alone (or not); answers what it did before. */
bool par_alone(bool alone);

/* The helpers' processors for somebody else's threads (those of a library) until par_release:
 * answers how many, the caller's own included.  1: nobody is free, and nothing is to be released.
 */
int par_claim(void);
void par_release(void);

/* The processors that this process may use. */
int cpu_count(void);
