/* engine/plan/lower.h - what the passes know of each layer. */
#pragma once

#include "engine/plan/program.h"

typedef struct node { /* a layer that the wanted keys reach */
    const layer *of;
    uint32_t root;   /* the node whose program it is a step of; itself: its own */
    uint32_t nstep;  /* roots: steps so far */
    uint32_t prog;   /* roots: in plan->prog; NO_PROG before */
    bool wanted;     /* some of its tasks are asked for */
    bool same_index; /* a step that works on the block its root works on */
    tid *dense;      /* index -> tid, when the layer is small */
    struct tids *sparse;
} node;

#define NO_PROG UINT32_MAX

typedef struct nodes {
    uint32_t n, cap;
    node *at;       /* dependencies before dependents */
    uint32_t *slot; /* by address of the layer */
    uint32_t nslot;
} nodes;

node *nodes_find(const nodes *s, const layer *l);
/* passes over the nodes, see plan.c */
void pass_fuse(nodes *s, const plan_opts *o);
