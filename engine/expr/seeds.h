/* engine/expr/seeds.h - the seeds of random blocks: 624 words each, one after another from a parent
 * generator, as dask.utils.random_state_data has them.
 *
 * Block i's words are where the parent was i states later.  Of many blocks only every STRIDE-th
 * state is kept; those between are made again when somebody asks, a stride at a time. */
#pragma once

#include "engine/base/hash.h"
#include "engine/kernels/random.h"

typedef struct seeds seeds; /* a datum; any thread may ask */

extern const datum_kind seeds_kind;

/* For n blocks; the parent (an MT19937) goes past them. */
seeds *seeds_new(rng *parent, uint64_t n, err *e);
uint64_t seeds_count(const seeds *s);
/* Of everything that decides the words. */
hash128 seeds_hash(const seeds *s);
/* The generator of block i < seeds_count(). */
void seeds_start(const seeds *s, uint64_t i, rng *g);
