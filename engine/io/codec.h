/* engine/io/codec.h - compressors of chunks, under the names that numcodecs gives them.
 *
 * zlib and gzip are linked; zstd, lz4 and blosc are opened when first asked for (OSError names the
 * library that is missing).  All calls work on the calling thread and may run side by side. */
#pragma once

#include "engine/data/nd.h"

typedef struct codec_kind codec_kind;

typedef struct codec {
    const codec_kind *kind; /* NULL: bytes as they are */
    int level;              /* lz4: its acceleration */
    int shuffle;            /* blosc: 0 no, 1 bytes, 2 bits, -1 by the element's size */
    size_t block;           /* blosc: 0 for its own choice */
    char inner[16];         /* blosc: "lz4", "zstd", "zlib", "blosclz", "lz4hc", "snappy" */
} codec;

/* Sets out->kind only. ValueError "codec not available: 'x'". */
bool codec_find(const char *name, codec *out, err *e);
/* n bytes of elements of `size` bytes, packed into *made bytes of a new buffer. */
buf *codec_pack(const codec *c, size_t size, const char *from, size_t n, size_t *made, err *e);
/* Exactly `want` bytes come out of the n at `from`; RuntimeError when they do not. */
bool codec_unpack(const codec *c, const char *from, size_t n, char *to, size_t want, err *e);
/* All that is packed in n bytes, whatever its size (numcodecs' decode). */
buf *codec_unpack_all(const codec *c, const char *from, size_t n, size_t *made, err *e);
