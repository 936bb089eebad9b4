/* engine/plan/forecast.h - how a plan will run: time and memory, by playing it through.
 *
 * Tasks take turns on so many workers exactly as in run/pool.c, with the sizes and times of
 * plan/cost.h; results live until their last reader is done. */
#pragma once

#include "engine/plan/cost.h"

typedef struct program_forecast { /* of all tasks of a program together */
    uint64_t tasks;
    tid first;
    uint64_t read, made, held; /* bytes: from sources; of results; what a task makes at most */
    double seconds;            /* of all tasks one after the other */
} program_forecast;

typedef struct forecast {
    uint64_t peak;                     /* bytes held at once */
    uint64_t bound;                    /* never more than that, in whatever order tasks run */
    uint64_t own;                      /* of the peak what is no block: the plan, libraries */
    uint64_t spilled;                  /* bytes that go to disk because of the budget */
    uint64_t read, made, result, left; /* left: held when all is done */
    double seconds, fresh; /* fresh: of the seconds, waiting for memory that the process is given */
    uint32_t nprog;
    uint64_t *wanted;       /* bytes of each wanted result; forecast_clear */
    program_forecast *prog; /* of each of the plan's; likewise */
} forecast;

/* Before plan_forecast, and where a plan may not fit: runs a few tasks that select by masks, to see
 * what they leave.  Takes some hundredths of a second at most, nearly always nothing. */
void plan_sample(plan *p);
/* After plan_place, before the run.  Ends early, with figures of a part, when stop_asked(). */
forecast plan_forecast(const plan *p, int nthread, uint64_t budget);
/* The same for those who want to know: the peak is what lies between such a play and one whose
 * tasks take irregular times. */
forecast plan_expect(const plan *p, int nthread, uint64_t budget);
/* Adds what it takes when the blocks of x[0 .. n), which are all that is wanted, become arrays. */
void forecast_join(forecast *f, const plan *p, int n, const expr *const *x);
/* Times as this machine will take, whose clock may be slower and whose memory has to be found: both
 * are measured, in a fraction of a millisecond. */
void forecast_here(forecast *f);
void forecast_clear(forecast *f);
