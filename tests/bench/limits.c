/* tests/bench/limits.c - what this machine can do at most, on all its processors together:
 * GB read from memory and written to it per second, thousand million floating operations (as fused
 * multiply-adds) and exponentials per second.  `run` compiles it for the machine it is on. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef double lanes __attribute__((vector_size(64), aligned(8), may_alias));
typedef long whole __attribute__((vector_size(64), aligned(8)));

enum { MAX_THREAD = 256, AHEAD = 8, REPEAT = 5, SHARE = 1 << 24 }; /* doubles of a thread */

typedef struct part {
    double *x, result;
    void (*work)(struct part *p);
    pthread_barrier_t *start;
} part;

/* all of them, so that none need not be computed */
static double total(const lanes *v, int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < 8; i++) sum += v[k][i];
    return sum;
}

static void read_all(part *p)
{
    lanes sum[AHEAD] = {{0}};
    for (long i = 0; i < SHARE; i += 8 * AHEAD)
        for (int k = 0; k < AHEAD; k++) sum[k] += *(lanes *)(p->x + i + 8 * k);
    p->result += total(sum, AHEAD);
}

static void fill_all(part *p)
{
#if defined(__SSE2__)
    for (long i = 0; i < SHARE; i += 2) _mm_stream_pd(p->x + i, _mm_set1_pd(1.0));
#else
    for (long i = 0; i < SHARE; i++) p->x[i] = 1.0;
#endif
}

static void multiply_add(part *p)
{
    lanes sum[12] = {{0}}, a = sum[0] + p->x[0], b = sum[0] + 0.999;
    for (long i = 0; i < SHARE / 8; i++)
        for (int k = 0; k < 12; k++) sum[k] = sum[k] * b + a;
    p->result += total(sum, 12);
}

/* e^x for moderate x: a power of two times the series of what remains */
static lanes exponential(lanes x)
{
    const lanes magic = (lanes){0} + 0x1.8p52;
    lanes n = x * 1.4426950408889634 + magic, r, y = (lanes){0} + 1 / 479001600.0;
    whole scale = (whole)n << 52;
    n -= magic;
    r = x - n * 0.693147180369123816490 - n * 1.90821492927058770002e-10;
    static const double over[] = {
        1 / 39916800.0, 1 / 3628800.0, 1 / 362880.0, 1 / 40320.0, 1 / 5040.0, 1 / 720.0,
        1 / 120.0,      1 / 24.0,      1 / 6.0,      1 / 2.0,     1,          1};
    for (int k = 0; k < 12; k++) y = y * r + over[k];
    return (lanes)((whole)y + scale);
}

static void exponentials(part *p)
{
    enum { PIECE = 2048 }; /* stays in the cache */
    for (long i = 0; i < SHARE; i += PIECE)
        for (long k = 0; k < PIECE; k += 8) {
            lanes *v = (lanes *)(p->x + k);
            *v = exponential(*v * 0.5);
        }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *thread_main(void *arg)
{
    part *p = arg;
    pthread_barrier_wait(p->start);
    p->work(p);
    return NULL;
}

/* seconds of the best of some turns of all threads */
static double fastest(part *parts, int n, void (*work)(part *p))
{
    double best = INFINITY;
    for (int turn = 0; turn < REPEAT; turn++) {
        pthread_t thread[MAX_THREAD];
        pthread_barrier_t start;
        pthread_barrier_init(&start, NULL, (unsigned)n + 1);
        for (int i = 0; i < n; i++) {
            parts[i].work = work;
            parts[i].start = &start;
            if (pthread_create(&thread[i], NULL, thread_main, &parts[i])) exit(1);
        }
        double from = now();
        pthread_barrier_wait(&start);
        for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
        double t = now() - from;
        best = t < best ? t : best;
        pthread_barrier_destroy(&start);
    }
    return best;
}

int main(void)
{
    cpu_set_t set;
    static part parts[MAX_THREAD];
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    if (n > MAX_THREAD) n = MAX_THREAD;
    for (int i = 0; i < n; i++) {
        parts[i].x = aligned_alloc(1 << 21, SHARE * sizeof(double));
        if (!parts[i].x) return 1;
        for (long k = 0; k < SHARE; k++) parts[i].x[k] = 0.5;
    }
    double all = 1e-9 * SHARE * n;
    printf("read %.2f\n", 8 * all / fastest(parts, n, read_all));
    printf("fill %.2f\n", 8 * all / fastest(parts, n, fill_all));
    printf("fma %.2f\n", 2 * 12 * all / fastest(parts, n, multiply_add));
    printf("exp %.3f\n", all / fastest(parts, n, exponentials));
    return parts[0].result == 42;
}
