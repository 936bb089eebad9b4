/* engine/io/hdf5_map.h - where a dataset's data lies in its file (private to io/hdf5*).
 *
 * A map describes one state of the file (`version`); when the file has been written since, a
 * fresh one takes its place.  All but the table and the cache is constant. */
#pragma once

#include "engine/io/hdf5_lib.h"

enum h5_layout { H5_ELSEWHERE, H5_CONTIGUOUS, H5_CHUNKED };
enum { H5_MAXFILTER = 6 };

/* How a chunk's place is found: each by asking the library, all in the file's own tree, or not at
 * all: the library fetches the packed bytes.  Asking walks over all chunks, so it is for few; and
 * version 1.10 answers wrongly for the newer indices of datasets that are to grow. */
enum h5_places { H5_ASKED, H5_TREE, H5_FETCHED };
#define PLACE_KNOWN (1u << 31)

typedef struct h5place {
    uint64_t address; /* UINT64_MAX: nothing was written, all is fill value */
    uint32_t size;    /* bytes in the file */
    uint32_t skipped; /* bit i: filter i was not applied; top bit: place is known */
} h5place;

typedef struct h5map {
    datum hdr;
    uint64_t version;
    h5info info;
    bool exact;  /* the file holds the bytes of native blocks */
    bool direct; /* layout and filters are ones that hdf5_read.c knows */
    enum h5_layout layout;
    _Atomic uint8_t
        places;      /* enum h5_places; H5_TREE becomes H5_FETCHED if there is no such tree */
    uint64_t object; /* H5_TREE: the address of the dataset's header */
    int nfilter;
    int filter[H5_MAXFILTER]; /* H5Z_FILTER_*, in the order of writing */
    size_t chunk_bytes;
    int64_t grid[ND_MAXDIM]; /* chunks along each axis */
    char *fill;              /* owned; one element */
    /* under the dataset's lock: */
    h5place *table; /* owned; by chunk number, made on demand */
    h5place whole;  /* of contiguous data */
    int64_t cached; /* the chunk kept unpacked; -1: none */
    buf *cache;     /* counted */
} h5map;

h5map *h5_map(h5obj *dataset, err *e);
/* The place of chunk number `index` at `coord` (in chunks).  False, perhaps with nothing recorded:
 * not to be had. */
bool h5_map_place(h5obj *d, h5map *m, int64_t index, const int64_t *coord, h5place *out, err *e);
/* hdf5_tree.c: the table of all places (owned: mem_free); NULL: the tree is not as expected. */
h5place *h5_tree_places(int fd, h5map *m, uint64_t object);
bool h5_map_whole(h5obj *d, h5map *m, h5place *out, err *e);

/* --- filters (hdf5_filter.c): between a chunk and its bytes in the file --- */

bool h5_filter_known(int filter);
/* Unpacks n bytes of `raw` (destroyed) into `to`, exactly m->chunk_bytes.  False: damaged. */
bool h5_unpack(const h5map *m, uint32_t skipped, char *raw, size_t n, char *to);
/* Packs a chunk.  *out is `chunk` itself or owned by the caller (free); NULL when out of memory. */
char *h5_pack(const h5map *m, char *chunk, size_t *n, uint32_t *skipped);

/* --- walking the chunks that a region touches --- */

typedef struct h5part {
    int64_t index;                              /* chunk number */
    int64_t coord[ND_MAXDIM];                   /* in chunks */
    int64_t first[ND_MAXDIM], count[ND_MAXDIM]; /* of the region's elements */
    int64_t start[ND_MAXDIM];                   /* within the chunk */
    bool whole;                                 /* all of the chunk inside the shape */
} h5part;

/* Starts (p->index = -1 before) or goes on; false at the end. */
bool h5_next_part(const h5map *m, const h5region *r, h5part *p);
