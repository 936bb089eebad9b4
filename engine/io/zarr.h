/* engine/io/zarr.h - arrays in the files of a folder, one for each chunk (Zarr's format, version
 * 2).
 *
 * What the folder's .zarray says is given by the caller, who parsed it.  A chunk that has no file
 * is all fill value; chunks at the edges are stored whole.  A chunk is replaced by renaming, so
 * that readers see the old or the new one.  Any number of threads may read and write; two writers
 * of parts of one chunk wait for each other. */
#pragma once

#include "engine/io/codec.h"

typedef struct zarr zarr; /* a datum */

typedef struct zarr_spec {
    dtype_of t; /* `swapped`: the files hold the other byte order */
    int ndim;
    int64_t shape[ND_MAXDIM], chunk[ND_MAXDIM];
    bool fortran;   /* order of the elements within a chunk */
    char separator; /* of a chunk's numbers in its file's name: '.' or '/' */
    codec codec;
    const nd *fill; /* 0-d of type t; NULL: zero */
} zarr_spec;

/* Copies what it is given. ValueError for chunks that are not positive. */
zarr *zarr_new(const char *path, const zarr_spec *s, err *e);
const zarr_spec *zarr_about(const zarr *z);
const char *zarr_path(const zarr *z); /* the folder */

/* count elements from start with a step >= 1 along each axis; ValueError outside of the shape */
typedef struct zarr_region {
    const int64_t *start, *step, *count;
} zarr_region;
/* A new block in C order and native byte order. */
nd *zarr_read(zarr *z, const zarr_region *r, err *e);
/* The same into a block that is the caller's to write: shape `count`, any strides. */
bool zarr_read_into(zarr *z, const zarr_region *r, const nd *out, err *e);
/* x: shape `count`, any strides, of the array's type. */
bool zarr_write(zarr *z, const zarr_region *r, const nd *x, err *e);
