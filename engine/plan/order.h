/* engine/plan/order.h - in which order tasks run when several could.
 *
 * Dask's order exactly: small goals (results that need little) with big steps (what has most work
 * behind it first), so that few results are held at once.  It knows tasks as numbers only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct order_graph {
    uint32_t n;
    const uint32_t *first; /* n + 1: dependencies of task t are dep[first[t]] .. */
    const uint32_t *dep;   /* each once */
    /* Does a stand before b when nothing else tells?  NULL: the smaller number. */
    bool (*less)(void *ctx, uint32_t a, uint32_t b);
    void *ctx;
} order_graph;

/* number[t] becomes the priority of task t, 0 first. False: the graph has a cycle, or stop_asked().
 */
bool order_find(const order_graph *g, uint32_t *number);
