/* engine/plan/outline.h - what tasks give, by the shapes of what they are given.
 *
 * Graphs of functions have no grids; but the functions of libraries are known by their names
 * (FN_LIBRARY), and what they make of blocks of some shape: a forecast that plays a plan through
 * asks, task by task, and learns sizes, memory and time of factorisations step by step. */
#pragma once

#include "engine/plan/cost.h"

typedef struct outlines outlines;

outlines *outlines_new(const plan *p);
void outlines_free(outlines *o);
/* Of t, whose inputs were asked before: corrects what *c says of it, where its function is known.
 * False: it is not known, *c is as it was. */
bool outline_task(outlines *o, tid t, task_cost *c);
/* Has a function been asked for that takes a library with memory of its own? */
bool outlines_factor(const outlines *o);
