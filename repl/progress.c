/* repl/progress.c - [######    ] | 60% Completed |  1.2 s, on stderr, gone when it is done. */
#include "repl/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 40 };
static const double PATIENCE = 0.5; /* seconds without a bar */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void draw(uint64_t done, uint64_t total, double elapsed)
{
    char bar[WIDTH + 1];
    const int full = (int)(done * WIDTH / total);
    memset(bar, '#', (size_t)full);
    memset(bar + full, ' ', (size_t)(WIDTH - full));
    bar[WIDTH] = 0;
    fprintf(stderr, "\r[%s] | %3d%% Completed | %5.1f s", bar, (int)(done * 100 / total), elapsed);
    fflush(stderr);
}

void progress_update(progress *p, uint64_t done, uint64_t total)
{
    if (done >= total || total == 0) {
        if (p->shown) fprintf(stderr, "\r%*s\r", WIDTH + 40, "");
        *p = (progress){0};
        return;
    }
    const double t = now();
    if (p->start == 0) p->start = t;
    if (t - p->start < PATIENCE || !isatty(STDERR_FILENO)) return;
    p->shown = true;
    draw(done, total, t - p->start);
}
