/* engine/plan/order_impl.h - what order.c and its measures share. */
#pragma once

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/plan/order.h"

#define NOBODY UINT32_MAX

__extension__ typedef __int128 part_of; /* products of counts of paths */

typedef struct ids {
    uint32_t *at;
    size_t n, cap;
} ids;

typedef struct pool { /* dependents of one task with one part */
    part_of part;
    size_t seq, first, n; /* in walk.pooled */
} pool;

typedef struct pools {
    pool *at;
    size_t n, cap;
} pools;

typedef struct metric { /* of the results above a task that nobody reads */
    int64_t waiting;    /* paths to them, with their tasks */
    int64_t least, most;
    uint32_t low, high; /* steps to them */
} metric;

typedef struct walk {
    const order_graph *g;
    uint32_t *number, done;
    uint32_t *above, *above_first, *nabove; /* dependents, those not yet dealt with */
    uint32_t *needed;                       /* dependencies not yet numbered */
    int64_t *total;
    metric *m;
    part_of *part;
    bool *seen;    /* was a goal or on the way to one */
    uint32_t root; /* the only result of all, which says nothing about where to go; or NOBODY */
    ids cells, seg;
    ids singles, spare; /* may run at once; will free their parent */
    uint32_t *parent;   /* of singles; NOBODY: is none */
    ids found, below, chosen;
    uint32_t *stamp, now; /* found: each once */
    pools soon, later, outer;
    ids pooled;
    size_t seq;
    ids starts;
    bool sorted;
    uint32_t item;
    bool detour;  /* what is placed comes from singles */
    bool follow;  /* an empty stack goes on with the best dependent */
    bool stopped; /* nobody waits for the order any more */
} walk;

static inline void ids_add(ids *v, uint32_t x)
{
    if (v->n == v->cap)
        v->at = mem_grow(v->at, (v->cap = v->cap ? 2 * v->cap : 64) * sizeof *v->at);
    v->at[v->n++] = x;
}

/* In turn k of a loop over many tasks */
static inline bool walk_goes_on(walk *w, size_t k)
{
    enum { OFTEN = 1 << 12 };
    if (k % OFTEN == OFTEN - 1 && stop_asked()) w->stopped = true;
    return !w->stopped;
}

static inline uint32_t *above_of(const walk *w, uint32_t t)
{
    return w->above + w->above_first[t];
}

static inline uint32_t nbelow(const walk *w, uint32_t t)
{
    return w->g->first[t + 1] - w->g->first[t];
}

/* order_measure.c: above, needed, total, m, part, root; false: there is a cycle, or stopped */
bool walk_measure(walk *w);
/* what stands first, for qsort_r over numbers of tasks with the walk as context */
#define WALK_SORTS(X)                                                                              \
    X(start)  /* what to begin with: high and narrow */                                            \
    X(above)  /* dependents: what holds little, and is far from its result */                      \
    X(below)  /* dependencies: where most work is, short and narrow */                             \
    X(inputs) /* results: those of most inputs */                                                  \
    X(part)   /* by part alone */
#define X(name) int by_##name(const void *x, const void *y, void *walk);
WALK_SORTS(X)
#undef X
#define BY(a, b)                                                                                   \
    if ((a) != (b)) return (a) < (b) ? -1 : 1
