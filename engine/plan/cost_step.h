/* engine/plan/cost_step.h - what plan/cost.c asks of one step: block i of layer l, which v makes.
 */
#pragma once

#include "engine/plan/cost.h"

uint64_t block_elements(const layer *l, uint64_t i);
/* An index with an array or list: the result is a copy. */
bool index_picks(const lit *x);
/* A small part of a block that is read for it alone is copied, so that the block can go. */
bool step_is_copied_part(const layer *l, uint64_t i, const task_view *v);
/* Does the result look into the first input, or into memory that is there anyway? */
bool step_is_view(const layer *l, uint64_t i, const task_view *v);
/* Takes elements of a block by an index that is known when it runs. */
bool step_selects(const task_view *v);
/* The array in memory that the step shows a part of, or NULL. */
const source *step_resident(const layer *l);

/* Bytes: of all inputs together; of the largest, and the elements of all; of those that are joined
 * first and of what is made of them; read from a source, and needed meanwhile. */
uint64_t step_given(const task_view *v);
uint64_t step_largest(const task_view *v, uint64_t *elements);
uint64_t step_joined(const task_view *v);
uint64_t step_reads(const layer *l, uint64_t i, const task_view *v, uint64_t *extra);

/* turned[s]: does the block of step s lie otherwise than in C order?  given: the same of the task's
 * inputs, in their order. */
void steps_turned(const program *g, const stepset *x, const bool *given, uint32_t ngiven,
                  bool *turned);

/* On one thread; in_cache: what goes from step to step stays there. */
double step_seconds(const layer *l, uint64_t i, const task_view *v, bool in_cache);
/* For a byte of its inputs, where no grid tells how many they are. */
double step_byte_seconds(const task_view *v);
