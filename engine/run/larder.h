/* engine/run/larder.h - results that outlive their run: what persist() leaves.
 *
 * A kept block is a datum that begins like the nd it stands for (datum_kind.fetch).  It is in
 * memory, on disk or both, and moves while nobody looks: a run that begins takes what it finds, and
 * has blocks that were used longest ago leave memory first when it needs the room. */
#pragma once

#include "engine/data/nd.h"

typedef struct larder larder;

larder *larder_new(void);
void larder_unref(larder *k); /* its blocks live on */

/* A result of a run, in memory or on disk, as what is to be held of it: itself when it cannot or
 * need not go to disk. Owned. */
datum *larder_block(larder *k, datum *result);
/* The same for what others hold now, who will let go of it, perhaps: till then it stays. */
datum *larder_lent(larder *k, datum *result);
bool is_kept(const datum *d);
/* Where it is now: its nd, or what fetches it from disk. Owned. */
datum *kept_now(datum *d);
/* Bytes of kept blocks in memory. */
uint64_t larder_here(larder *k);
/* No more than so many stay there, or as many as others hold too. OSError: the disk is full. */
bool larder_shrink(larder *k, uint64_t bytes, const char *dir, err *e);
