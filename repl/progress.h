/* repl/progress.h - a bar on the terminal while a computation takes long. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct progress { /* {0}: nothing is running */
    double start;         /* seconds; 0: not running */
    bool shown;
} progress;

/* done of total tasks are finished; done == total takes the bar away. */
void progress_update(progress *p, uint64_t done, uint64_t total);
