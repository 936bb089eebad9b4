/* stdlib/hash_algos.h - message digests: MD5, SHA-1, SHA-2. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_MAX = 64, BLOCK_MAX = 128 };

typedef struct digest {
    const struct digest_algo *algo;
    uint64_t h[8];  /* 32-bit words for all but SHA-384 and SHA-512 */
    uint64_t total; /* bytes taken so far */
    unsigned char block[BLOCK_MAX];
    size_t n; /* of block */
} digest;

typedef struct digest_algo {
    const char *name;
    size_t size, block;
    uint64_t start[8];
    void (*mix)(uint64_t h[8], const unsigned char *block);
} digest_algo;

const digest_algo *digest_algo_named(const char *name); /* NULL: unknown */
extern const digest_algo digest_algos[];                /* ends with a NULL name */
void digest_open(digest *d, const digest_algo *a);
void digest_add(digest *d, const void *p, size_t n);
void digest_end(digest *d, unsigned char out[DIGEST_MAX]); /* d is used up */
