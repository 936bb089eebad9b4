/* engine/plan/plan.h - from wanted keys to tasks in an array.
 *
 * layers -> culled, fused, ordered tasks.  A task id's order is its priority: results that die
 * young are adjacent.  A plan is made by one thread, run once, and freed whole. */
#pragma once

#include "engine/expr/expr.h"

typedef uint32_t tid;
#define NO_TASK UINT32_MAX

enum task_flags { TASK_HOME = 1, TASK_WANTED = 2, TASK_DONE = 4, TASK_PLACED = 8 };

typedef struct task {
    _Atomic uint32_t waits, uses; /* inputs missing; consumers left */
    uint32_t succ, nsucc;         /* plan->succ */
    uint32_t in, nin;             /* plan->in */
    uint32_t prog, flags;
    uint32_t place; /* TASK_PLACED: the block's number */
    uint64_t index; /* in the program's layer */
} task;

typedef struct program program; /* one per (fused) layer, see plan/program.h */

/* What the planner does to the graph, each by itself; `dask.config.set({"dsk.plan.NAME": False})`
 * leaves one out, "dsk.plan": False all of them.  Results have the same bits either way. */
#define PLAN_PASSES(PASS)                                                                          \
    PASS(FUSE, fuse)         /* layers become steps of one program per block */                    \
    PASS(TILE, tile)         /* programs run piece by piece, in cache */                           \
    PASS(PIPE, pipe)         /* their loops run as one, in registers */                            \
    PASS(SLICE, slice)       /* what is taken of a result is taken of what it is made of */        \
    PASS(ITEMS, items)       /* of tuples, only the items that are taken are made */               \
    PASS(SHARE, share)       /* sums come out of the means and variances beside them */            \
    PASS(TOGETHER, together) /* reductions of one array are made in step */                        \
    PASS(LIFT, lift)         /* arrays are joined before, not after the same operation on each */  \
    PASS(MIRROR, mirror)     /* blocks of x @ x.T below the diagonal are turned copies */          \
    PASS(SCAN, scan)         /* running sums of blocks that are there are made side by side */     \
    PASS(AGAIN, again)       /* what is cheap is made again, not kept while a sum is waited for */ \
    PASS(RECHUNK, rechunk)   /* pieces are copied straight into their new block */                 \
    PASS(UNITE, unite)       /* equal keys of graphs written by hand are one task */               \
    PASS(INHERIT, inherit)   /* stored blocks that nobody else reaches die with their readers */   \
    PASS(RUNS, runs)         /* what reads very many blocks at once reads them in runs */          \
    PASS(NEST, nest)         /* very small blocks are made by the task that adds them up */        \
    PASS(ORDER, order)       /* tasks are numbered so that results die young */
enum plan_pass_bit {
#define PASS(NAME, name) PASS_##NAME##_BIT,
    PLAN_PASSES(PASS)
#undef PASS
};
enum plan_pass {
#define PASS(NAME, name) PASS_##NAME = 1 << PASS_##NAME##_BIT,
    PLAN_PASSES(PASS)
#undef PASS
        PASS_REWRITE = PASS_ITEMS | PASS_SHARE | PASS_TOGETHER | PASS_LIFT | PASS_MIRROR |
                       PASS_SCAN | PASS_AGAIN | PASS_SLICE | PASS_RUNS |
                       PASS_RECHUNK, /* those that put other layers in place of some */
    PASS_ALL = 0x1ffff
};

typedef struct plan_opts {
    uint32_t off;  /* passes not to run (plan_pass bits) */
    bool keep_all; /* no fusion: every task is one key (callbacks, hand-written graphs) */
    uint64_t room; /* bytes that the plan itself may take (MemoryError); 0: any */
    bool (*goes_on)(void *ctx); /* asked now and then; false: stop (KeyboardInterrupt). Or NULL */
    void *ctx;
} plan_opts;

typedef struct plan {
    _Atomic uint32_t hold; /* who still uses it: the maker, and workers running its tasks */
    tid ntask;
    uint32_t nprog;
    task *task;
    tid *succ, *in;
    uint64_t nin;
    datum *_Atomic *out; /* results */
    program **prog;
    float *leaves; /* of each program: what its tasks leave of the blocks that they select from,
                      below 0: not known; or NULL (sample.c) */
    float *surely; /* the same: nearly all tasks together leave more than that, if those that were
                      seen are like the others; 0: nobody knows */
    tid *wanted;   /* of each wanted ref, in order; duplicates allowed */
    uint32_t nwanted;
    uint32_t nhome;    /* tasks that only the calling thread may run */
    uint32_t nforeign; /* tasks that call functions of the language */
    uint32_t ndone;    /* tasks that were data from the start */
    layer **held;      /* roots, counted */
    uint32_t nheld;
    snapshots snap;      /* eager sources, taken at the start of the run */
    struct place *place; /* results that blocks are copied into as they are made */
    uint32_t nplace;
    double inside;  /* elements of blocks that are no results: program.inside of all tasks */
    uint64_t bytes; /* of all results together, as far as grids tell */
} plan;

/* All blocks of several exprs. */
plan *plan_exprs(int n, const expr *const *x, const plan_opts *o, err *e);
/* Any keys. */
plan *plan_refs(uint32_t n, const ref *want, const plan_opts *o, err *e);
void plan_free(plan *p);
/* Layers of stored blocks that a run may take for itself. */
typedef struct estate {
    uint32_t n;
    layer **at; /* counted */
} estate;
/* Before planning: the stored layers that can be reached only from exprs that nobody will look at
 * after the run and that have no other holder. */
estate estate_of(int n, const expr *const *dying);
/* After planning, when it is sure that the plan will run: it alone holds their blocks then.
 * (Whoever makes the plan asks whether PASS_INHERIT is off.) */
void estate_inherit(estate *s);
void estate_clear(estate *s);
/* Before the run: the blocks wanted[first ...] of x that no task reads will be put into one array
 * while they are made, by the workers, and freed; plan_join() then has little to do.  Does nothing
 * when x does not lend itself to it. */
void plan_place(plan *p, uint32_t first, const expr *x);
/* What plan_place began: called with a block by whoever made it; the block, or (owned, instead of
 * it) its place in the array. */
datum *plan_put(plan *p, tid t, datum *block);
/* Where in the array the result of a TASK_PLACED task goes, whose maker may write it there itself;
 * else NULL. */
nd *plan_seat(const plan *p, tid t);
/* Where a block of an array of those chunks is. */
nd *place_view(nd *whole, const grid *g, uint64_t block);
/* The array of plan_place with the blocks of all TASK_PLACED tasks in it, or NULL. Borrowed. all:
 * these are all of its blocks. */
nd *plan_placed(const plan *p, uint32_t first, bool *all);
uint64_t places_bytes(const plan *p); /* of all such arrays */
void places_free(plan *p);            /* by plan_free() */
/* Bytes of block i of l as its grid has it, unknown sizes as 1, or of a task that is no block as
 * who built it has told (graph_set_bytes); 0: not known. */
uint64_t block_bytes(const layer *l, uint64_t i);
/* The result of wanted[k]; borrowed. Present after a successful run. */
datum *plan_result(const plan *p, uint32_t k);
/* A bit for each task that is several of wanted[first .. first + n), as the edges of a padded array
 * are; mem_free it. */
uint64_t *plan_again(const plan *p, uint32_t first, uint64_t n);
/* Nobody needs the result of wanted[k] any more, unless it is wanted again. */
void plan_forget(plan *p, uint32_t k, const uint64_t *again);
/* What will run, one line a program: for explain() and tests.  mem_free it. */
char *plan_text(const plan *p);
