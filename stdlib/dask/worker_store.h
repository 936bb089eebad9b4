/* stdlib/dask/worker_store.h - the results that a worker process holds: datums by number.
 *
 * Blocks of more than a part of the memory that the process may use lie on disk, the oldest first;
 * a task that takes such a block gets it back into memory for itself.  Any thread may call. */
#pragma once

#include <pthread.h>

#include "engine/run/spill.h"
#include "stdlib/dask/worker_link.h"

typedef struct store {
    pthread_mutex_t lock; /* of what follows; nothing else is taken under it */
    idmap held;           /* datums, counted */
    size_t limit, heavy;  /* bytes: the process may use (0: any); of blocks that lie in memory */
    spill *disk;          /* NULL: not yet */
} store;

void store_init(store *s);
void store_keep(store *s, uint64_t id, datum *d); /* takes d; what was there goes */
datum *store_get(store *s, uint64_t id);          /* counted: as it lies; NULL */
void store_drop(store *s, uint64_t id);
/* What is there, to be sent: counted, in memory, from now on in memory that others may map.  NULL:
 * it is not there, or *e. */
datum *store_lend(store *s, uint64_t id, err *e);
/* The inputs of a task, from now on in memory: how much came back is added to *bytes, and to be
 * said by store_done() when the task is over. */
bool store_fetch(store *s, datum **input, uint32_t n, size_t *bytes, err *e);
void store_done(store *s, size_t bytes);
