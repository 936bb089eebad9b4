/* engine/kernels/shuffle.h - byte k of every element together, and back: what file formats do to
 * numbers before they compress them. */
#pragma once

#include <stddef.h>

/* n bytes of elements of `size` bytes; the rest of a broken element stays.  from and to do not
 * overlap. */
void bytes_shuffle(const char *from, char *to, size_t n, size_t size);
void bytes_unshuffle(const char *from, char *to, size_t n, size_t size);
