/* engine/io/mapped.h - parts of files as memory. */
#pragma once

#include "engine/base/hash.h"
#include "engine/data/nd.h"

enum map_how {
    MAP_TO_READ,
    MAP_TO_WRITE, /* what is written gets into the file, */
    MAP_TO_MAKE,  /* which was made for it */
    MAP_TO_COPY   /* may be written, the file stays as it is */
};

/* `bytes` bytes of a file from `offset` on; ValueError when it has not so many, or for none. */
buf *file_map(const char *path, enum map_how how, uint64_t offset, size_t bytes, err *e);
/* The same for elements of t: those of foreign byte order are copied (to write to the file itself
 * is NotImplementedError then). */
buf *file_map_native(const char *path, enum map_how how, uint64_t offset, size_t bytes, dtype_of t,
                     err *e);
typedef struct mapping {
    char *path, *at; /* owned; the pages */
    size_t size;
    uint64_t offset;
    enum map_how how;
    _Atomic size_t used; /* bytes, since its pages were let go of */
} mapping;
const mapping *mapping_of(const buf *b); /* NULL: not by file_map */
/* What was written is in the file, on the disk, when this returns. */
bool file_map_flush(buf *b, err *e);
/* So many bytes of b were read or written (b need not be mapped): where memory is bounded, pages do
 * not stay mapped for ever. */
void file_map_used(buf *b, size_t bytes);
void file_map_let_go(const buf *b); /* now */
/* Of a file that only is read: which one it is, as of now; false: not such a buffer. */
bool file_map_id(const buf *b, hash128 *out);
