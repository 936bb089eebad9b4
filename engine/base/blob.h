/* engine/base/blob.h - bytes as a datum of their own, so that they may be shared, or kept elsewhere
 * than what is made of them. */
#pragma once

#include "engine/base/datum.h"

typedef struct blob {
    datum hdr;
    char *at;
    size_t n;
    void *owner; /* of the bytes; NULL: they are from mem_alloc() */
    void (*drop)(void *owner);
} blob;

extern const datum_kind blob_kind;

blob *blob_new(char *at, size_t n, void *owner, void (*drop)(void *owner)); /* takes both */
static inline blob *as_blob(datum *d) /* NULL: something else */
{
    return d && d->kind == &blob_kind ? (blob *)(void *)d : NULL;
}
