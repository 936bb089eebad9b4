/* repl/progress.c - [######    ] | 60% Completed |  1.2 s, on stderr, gone when it is done. */
#include "repl/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 40, BESIDE = 35 };   /* the bar; what stands beside it, and a column to spare */
static const double PATIENCE = 0.5; /* seconds without a bar */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Of the bar, on a terminal that may be narrow: a line that breaks cannot be drawn over. */
static int bar_width(void)
{
    struct winsize w = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return WIDTH;
    return w.ws_col >= WIDTH + BESIDE ? WIDTH : w.ws_col > BESIDE ? w.ws_col - BESIDE : 0;
}

static void draw(uint64_t done, uint64_t total, double elapsed)
{
    char bar[WIDTH + 1];
    const int width = bar_width(), full = (int)(done * (unsigned)width / total);
    memset(bar, '#', (size_t)full);
    memset(bar + full, ' ', (size_t)(width - full));
    bar[width] = 0;
    const int percent = (int)(done * 100 / total);
    if (width)
        fprintf(stderr, "\r[%s] | %3d%% Completed | %5.1f s", bar, percent, elapsed);
    else
        fprintf(stderr, "\r%3d%%", percent);
    fflush(stderr);
}

void progress_update(progress *p, uint64_t done, uint64_t total)
{
    if (done >= total || total == 0) {
        if (p->shown) fprintf(stderr, "\r%*s\r", bar_width() ? bar_width() + BESIDE - 1 : 4, "");
        *p = (progress){0};
        return;
    }
    const double t = now();
    if (p->start == 0) p->start = t;
    if (t - p->start < PATIENCE || !isatty(STDERR_FILENO)) return;
    p->shown = true;
    draw(done, total, t - p->start);
}
