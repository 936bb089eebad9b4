/* engine/plan/lower.h - what the passes know of each layer, and how they put others in its place.
 *
 * A node stands for a layer that users see; `by` makes its blocks.  Passes never change a layer:
 * they answer with another that has the same blocks under the same numbers.  Two layers of one
 * name and kind are one node. */
#pragma once

#include "engine/plan/program.h"

typedef struct node { /* a layer that the wanted keys reach */
    const layer *of;  /* as its readers name it */
    const layer *by;  /* who makes its tasks: itself unless a pass says otherwise */
    uint32_t nreader; /* layers that read it */
    uint32_t root;    /* the node whose program it is a step of; itself: its own */
    uint32_t nstep;   /* roots: steps so far */
    uint32_t prog;    /* roots: in plan->prog; NO_PROG before */
    bool wanted;      /* some of its tasks are asked for: */
    uint64_t nwanted; /* how often */
    bool helpers;     /* even some that are no blocks: it stays as it is */
    bool same_index;  /* a step that works on the block its root works on */
    bool nested;      /* it begins a level of its root's program (nest.c) */
    tid *dense;       /* index -> tid, when the layer is small */
    struct tids *sparse;
    ref *same; /* the tasks that other tables hold as well: whose each is; else {0}. NULL: none */
} node;

#define NO_PROG UINT32_MAX

typedef struct nodes {
    uint32_t n, cap;
    node *at;       /* dependencies before dependents */
    uint32_t *slot; /* by name */
    uint32_t nslot;
} nodes;

node *nodes_find(const nodes *s, const layer *l);
/* l and all below it; `by` (or NULL) says who makes the tasks of the layers it knows */
void nodes_visit(nodes *s, const layer *l, const nodes *by);
void nodes_clear(nodes *s);

/* Nodes for the wanted keys after all rewriting passes; layers made on the way belong to p. */
bool nodes_build(nodes *s, plan *p, uint32_t n, const ref *want, const plan_opts *o, err *e);

/* Rewriting: node x is seen after its readers; all[] also holds what no longer has any (nreader 0).
 * The answer (owned) makes x's blocks from now on; NULL: as it is. */
typedef layer *(*rewrite)(const nodes *all, const node *x);
/* Is the block of x's dependency d seen by nobody else? */
static inline bool node_own(const node *d)
{
    return d->nreader == 1 && !d->wanted;
}
layer *rewrite_items(const nodes *all, const node *x);
layer *rewrite_slice(const nodes *all, const node *x);
layer *rewrite_share(const nodes *all, const node *x);
layer *rewrite_again(const nodes *all, const node *x);
layer *rewrite_together(const nodes *all, const node *x);
/* Does another reduction of the same blocks make what x makes, on the way? (share.c) */
bool node_is_shared(const nodes *all, const node *x);
layer *rewrite_lift(const nodes *all, const node *x);
layer *rewrite_scan(const nodes *all, const node *x);
layer *rewrite_mirror(const nodes *all, const node *x);
layer *rewrite_rechunk(const nodes *all, const node *x);
layer *rewrite_runs(const nodes *all, const node *x);

/* over the finished nodes */
void pass_fuse(nodes *s, const plan_opts *o);
void pass_nest(nodes *s, const plan_opts *o);
void pass_unite(nodes *s, uint32_t nwant, const ref *want, const plan_opts *o);

enum { PLAN_TASK = sizeof(task) + 32 }; /* bytes of one, with its edges and result */
bool plan_goes_on(uint32_t k, err *e);  /* In turn k of a loop over wanted keys: still wanted? */
bool plan_too_many(double n, err *e);   /* MemoryError: more than n tasks.  False. */

/* over the finished tasks */
void pass_order(plan *p);
/* Who follows whom, from the inputs of the tasks: when they are all there or were renumbered. */
void plan_link(plan *p);
