/* stdlib/dask/source.h - what from_array reads from. */
#pragma once

#include "stdlib/dask/bridge.h"

/* A source over an ndarray (read when the run starts), an HDF5 dataset, or anything that answers
 * x[slices].  `original`: Dask shows the object itself as a task of its own. */
source *source_of(interp *in, value x, hash128 *id, bool *original);
/* The source behind an object that has one (`_dsk_source` of HDF5 datasets), counted; NULL: none.
 */
source *source_registered(interp *in, value v, hash128 *id);
typedef struct source_obj { /* how a module of the language hands a source over */
    obj hdr;
    source *s;
    hash128 id;
} source_obj;
extern const type T_source;
value source_value(interp *in, source *s); /* counts s */
typedef struct sink_obj { /* the same for what arrays are stored into (`_dsk_sink`) */
    obj hdr;
    sink *s;
} sink_obj;
extern const type T_sink;
value array_sink_of(interp *in, const value *arg); /* of an ndarray; None: not possible */
