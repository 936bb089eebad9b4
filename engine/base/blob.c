/* engine/base/blob.c - bytes as a datum. */
#include "engine/base/blob.h"

#include "engine/base/mem.h"

static void drop(datum *d)
{
    blob *b = (blob *)(void *)d;
    if (b->owner)
        b->drop(b->owner);
    else
        mem_free(b->at);
    mem_free(b);
}

static size_t bytes(const datum *d)
{
    return ((const blob *)(const void *)d)->n;
}

const datum_kind blob_kind = {.name = "bytes in memory", .drop = drop, .bytes = bytes};

blob *blob_new(char *at, size_t n, void *owner, void (*owner_drop)(void *owner))
{
    blob *b = mem_zero(sizeof *b);
    datum_init(&b->hdr, &blob_kind);
    b->at = at;
    b->n = n;
    b->owner = owner;
    b->drop = owner_drop;
    return b;
}
