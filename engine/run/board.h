/* engine/run/board.h - what tasks and programs share by name: a table of datums that anyone may
 * read, replace if nobody else did meanwhile, and watch for changes.  Locks, queues and variables
 * are made of it. */
#pragma once

#include "engine/base/datum.h"
#include "engine/base/err.h"

typedef struct board board; /* a datum */

board *board_new(void);
/* Counted; NULL: nothing. *version: of that entry, 0 when it never was. */
datum *board_get(board *b, const char *name, uint64_t *version);
/* Sets an entry (NULL: removes it) if its version is still the one given; counts d.  Its version
 * from now on; 0: it was another. */
uint64_t board_set(board *b, const char *name, datum *d, uint64_t version);
void board_clear(board *b);   /* removes all */
uint64_t board_now(board *b); /* changes when anything does */
/* Waits until it is no longer that; false: not within the time. */
bool board_wait(board *b, uint64_t now, double seconds);
/* mem_free the names and the array. */
char **board_names(board *b, size_t *n);
