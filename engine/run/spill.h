/* engine/run/spill.h - blocks moved from memory into a temporary file.
 *
 * The file has no name from the start, so that it disappears with the process whatever happens.
 * A spilled block is a datum that stands for the nd it was: same type, shape and layout, so that
 * kernels find the very same loops and give the very same bits; the space in the file is given
 * back when it is dropped.  Any thread may do anything here. */
#pragma once

#include "engine/data/grid.h"
#include "engine/data/nd.h"

typedef struct spill spill;

/* In `dir`; NULL: where temporary files go. */
spill *spill_open(const char *dir, err *e);
spill *spill_on(int fd);    /* takes the descriptor: for tests of what happens when writing fails */
void spill_unref(spill *s); /* blocks that are left keep the file */
/* Can x be spilled at all?  (objects cannot) */
bool spill_takes(const nd *x);
/* x as a datum whose kind has a `fetch`; x is as it was.  OSError when the disk is full.  `tiles`:
 * how readers will cut it, a grid over x, or NULL. */
datum *spill_block(spill *s, const nd *x, const grid *tiles, err *e);
uint64_t spill_bytes(const spill *s); /* written so far */
bool is_spilled(const datum *d);

/* --- spill_pack.c: results of tasks: blocks, and what is made of parts (datum_kind.part) --- */

/* Bytes that go when d goes: nobody else holds the buffers that they are in. */
uint64_t result_holds(const datum *d);
bool spill_takes_result(const datum *d);
datum *spill_result(spill *s, const datum *d, const grid *tiles, err *e);
bool is_away(const datum *d);              /* spilled, or with such parts */
uint64_t away_room(const datum *d);        /* bytes that fetching it takes */
datum *away_fetch(const datum *d, err *e); /* as it was */
/* d (taken) or the same with parts that look into no larger blocks of others'. */
datum *result_apart(datum *d);
