/* engine/plan/cost.h - what a task will take: memory and time, before it runs.
 *
 * From the grids and the fn_cost of its steps; blocks of unknown size count as small.  Figures of
 * tasks of one program and one block size are looked up, not found again. */
#pragma once

#include "engine/plan/program.h"

/* a flop of a product, of one core */
#define FLOP_NS 0.0125

typedef struct task_cost {
    uint64_t out;     /* bytes that the result adds to memory; 0: it looks into its first input */
    uint64_t likely;  /* of out, for all that can be guessed: a mask may leave half */
    uint64_t block;   /* bytes of the result's elements, 0: it is not a block */
    uint64_t picked;  /* it has no more bytes than those, which it is given; 0: it may */
    uint64_t extra;   /* that are needed meanwhile, */
    uint64_t copied;  /* copies of what it is given among them, */
    uint64_t most;    /* and at most */
    uint64_t largest; /* block that it touches, fused ones too */
    uint64_t read;    /* from files and arrays that are there */
    double seconds;   /* on one thread */
    bool unknown;     /* no grid tells the size of the result: about that of its inputs */
    uint8_t times;    /* it needs about so often its inputs' sizes, which no grid tells; or 0 */
    uint8_t copies;   /* of these, meanwhile; */
    double byte_seconds; /* and takes so long for a byte of them */
    bool streams;        /* inputs may come one at a time, */
    bool merges;         /* the result has no more bytes than what it is given */
    bool reuses;         /* the result may take the place of an input of the same size */
    bool fills;          /* the result is written where it will stay, when that is known */
    bool moves;          /* the result is an item of its input, which only passes on */
    bool selects; /* the result is what a computed index picks: block is the most it may be */
    bool parts;   /* and only what is used of them */
} task_cost;

typedef struct costs costs; /* used by one thread at a time */

costs *costs_new(const plan *p);
void costs_free(costs *c);
task_cost costs_of(costs *c, tid t);
/* The largest block of a layer, of the smallest number of elements that it may have; 0: it has no
 * blocks, or they take no memory of their own (views, constants). */
uint64_t layer_block_max(const layer *l);
