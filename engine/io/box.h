/* engine/io/box.h - n-dimensional boxes of elements, in memory and in files.
 *
 * A box is `count` elements along each of `ndim` axes; strides are in bytes and may be anything. */
#pragma once

#include <sys/types.h>

#include "engine/data/nd.h"

/* Sets every element of the box to the one at `element`. */
void box_fill(int ndim, const int64_t *count, size_t size, char *to, const int64_t *to_strides,
              const char *element);
/* Whether the strides are those of C order (axes of extent 1 do not matter). */
bool box_is_c(int ndim, const int64_t *count, size_t size, const int64_t *strides);

/* An array in a file, C order, `shape` elements of `size` bytes from byte `base` on. */
typedef struct file_array {
    int fd;
    off_t base;
    int ndim;
    const int64_t *shape;
    size_t size;
} file_array;

/* Reads count elements from start with step into `to`.  False, with nothing recorded but errno,
 * when the file ends early or cannot be read.  Needs no memory but a window of at most 1 MiB. */
bool box_read(const file_array *a, const int64_t *start, const int64_t *step, const int64_t *count,
              char *to, const int64_t *to_strides);
/* Bytes moved from and to files since the program began: told by whoever moves them. */
void file_moved(bool written, size_t n);
uint64_t files_moved(bool written);
/* Reads exactly n bytes. */
bool file_read_at(int fd, void *to, size_t n, off_t at);
/* n bytes were written to the file and nobody is about to read them: where memory is short
 * (buf_is_short), the system's cache need not hold them. */
void file_let_go(int fd, size_t n);
