/* stdlib/core/tally.h - how often texts occur, counted on their bytes.
 *
 * A table of pieces of text that need not be objects.  It keeps the order of first sight, and owns
 * copies of what it has seen.  Nothing here fails: memory is the only thing that can run out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/base/mem.h"

/* A text of up to 16 bytes is in the entry itself, padded with zeros; of a longer one there is a
 * pointer to its copy, and a second hash. */
typedef struct tally_entry {
    uint64_t key[2];
    uint32_t n, hash; /* n: its bytes; 0: a free entry */
    int64_t count;
} tally_entry;

typedef struct tally {
    tally_entry *slot; /* a power of two of them */
    uint32_t *order;   /* slots by first sight */
    size_t n, cap;
    arena text;
} tally;

/* Counts a text of n > 0 bytes at s, of which `room` >= n can be read. */
void tally_add(tally *t, const char *s, size_t n, size_t room);
/* The i-th text: its n bytes and how often it was there. */
const char *tally_get(const tally *t, size_t i, size_t *n, int64_t *count);
void tally_clear(tally *t); /* empty and usable again */
