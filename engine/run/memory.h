/* engine/run/memory.h - keeping a run within its budget of bytes.
 *
 * Every task asks before it begins: what it will need (plan/cost.h) is reserved, inputs that were
 * spilled are fetched, and while there is no room, results that are needed last go to the spill
 * file and tasks wait.  One task at least always runs.  Runs that cannot come near the budget have
 * no memory object, and pay nothing. */
#pragma once

#include "engine/base/mem.h"
#include "engine/plan/cost.h"
#include "engine/run/run.h"

typedef struct memory memory;

/* `budget`: bytes of arrays that tasks may hold and make; `near`: the run may come near it, so what
 * is begun is finished first; `held`: what earlier runs left, beside the budget, which makes room
 * when nothing else can.  Of o: where to spill, whether wanted results are spilled, too. */
memory *memory_new(plan *p, uint64_t budget, uint64_t held, bool near, const run_opts *o);
/* More arrays than that are not made while m is there: who tries waits for room, or MemoryError.
 * Nor do tasks make more objects of the language when the process is larger than its limit. */
void memory_wall(memory *m, uint64_t bytes, uint64_t limit);
bool memory_is_near(const memory *m);
void memory_free(memory *m);

/* May a task that nobody waits for yet begin, rather than what is ready be finished first? */
bool memory_admits(memory *m, tid t);
/* t is what the caller does next: its inputs stay until it enters. */
void memory_claim(memory *m, tid t);
/* Before t runs; *reserved goes to memory_made.  Its inputs stay where they are until
 * memory_leave.  False: *stop was set (no error), or spilling failed. */
bool memory_enter(memory *m, tid t, uint64_t *reserved, _Atomic int *stop, err *e);
/* What t has made, or a copy of it where it is a small part of a block that would stay for it. */
datum *memory_compact(memory *m, tid t, datum *out);
/* t has run; out (borrowed) is its result in plan->out, or NULL.  False and MemoryError: the run's
 * own results are larger than anybody could know, too large. */
bool memory_made(memory *m, tid t, uint64_t reserved, const datum *out, err *e);
/* Nobody needs t's result any more; before it is taken out.  What it answers stays counted until
 * the result is gone. */
uint64_t memory_drop(memory *m, tid t);
void memory_dropped(memory *m, tid t, uint64_t bytes);
void memory_leave(memory *m, tid t);
/* t, which has entered, failed: true when that may be because others had the room that it needs.
 * It lets go of what it made, */
bool memory_may_repeat(memory *m, tid t, uint64_t *reserved);
/* and waits until it runs alone.  False: *stop was set. */
bool memory_wait_alone(memory *m, _Atomic int *stop);

/* While the results of a run become objects of the program, on the thread that does it: they are
 * refused when the process is too large for its limit (0: the usual one). */
typedef struct results_watch {
    uint64_t limit, ceiling;
    double trimmed;
    mem_watch outer;
} results_watch;
void results_watch_begin(results_watch *w, uint64_t limit);
void results_watch_end(results_watch *w);

typedef struct memory_use {
    uint64_t budget, peak, spilled; /* bytes; the most results and reservations together */
} memory_use;
memory_use memory_report(memory *m);

/* --- limit.c --- */

/* Are there kept blocks (larder.h) among its inputs? */
bool reads_kept(const plan *p);
/* *out: what watches over the memory of a run of p, or NULL: there is plenty. False: it cannot be
 * run, the error says why. */
bool run_watch(plan *p, int nthread, const run_opts *o, memory **out, err *e);

/* --- fits.c --- */

/* The whole process as the system counts it; 0: unknown. */
uint64_t memory_resident(void);
uint64_t memory_own(void); /* without what it maps of files */
/* The largest it has been since the restart. */
void memory_restart_peak(void);
uint64_t memory_peak_resident(void);
uint64_t memory_default(void); /* 60 % of the machine's */
/* What such a limit of the process leaves for arrays now, with those that are kept; never so little
 * that small things cannot be done. */
uint64_t run_budget(uint64_t limit, uint64_t kept);
/* More than the run can hold at any time, roughly and quickly. */
uint64_t plan_at_most(const plan *p, int nthread);
/* False and MemoryError, naming sizes and what would help, when no order of execution fits.
 * *room: what is left of the budget beside the results, unless they may go to disk (`keeps`). */
bool plan_fits(const plan *p, uint64_t budget, int nthread, bool keeps, uint64_t *room, err *e);
/* MemoryError: all that task t reads are `need` bytes.  False. */
bool task_is_too_large(const plan *p, tid t, uint64_t need, uint64_t budget, err *e);
/* MemoryError: wanted results, t's among them, are more than `budget` already, or will be so many
 * bytes (0: nobody knows).  False. */
bool results_are_too_large(const plan *p, tid t, uint64_t bytes, uint64_t budget, err *e);
/* "random_sample" of "random_sample-0123..." */
void layer_short_name(const layer *l, char out[64]);
/* What plan_fits counts for a wanted result. */
uint64_t result_bytes(const plan *p, costs *c, tid t);

const char *size_text(uint64_t n, char out[32]); /* "1.5 GiB"; out */

/* --- unknown.c --- */

/* Tries some blocks (plan_sample) if it depends on sizes that no grid tells whether p fits. */
void plan_look(plan *p, uint64_t budget, bool keeps);
/* False and MemoryError: so many bytes and what is sure of the wanted results that no grid tells.
 */
bool open_results_fit(const plan *p, costs *c, uint64_t known, uint64_t budget, err *e);
/* Blocks that are merged may be too much together, which only the run will tell: out says so. */
bool plan_may_fail(const plan *p, uint64_t budget, char *out, size_t size);

/* --- advice.c --- */

/* Bytes of the largest blocks of what l is made of. */
double origin_bytes(const layer *l);

/* "chunks=(500, 32000) of 'x' would fit": blocks of what `cause` is made of, cut to a `times`th. */
void plan_advice(const layer *cause, double times, char *out, size_t size);
