/* stdlib/dask/source.h - what from_array reads from. */
#pragma once

#include "stdlib/dask/bridge.h"

/* A source over an ndarray (read when the run starts), an HDF5 dataset, or anything that answers
 * x[slices].  `original`: Dask shows the object itself as a task of its own. */
source *source_of(interp *in, value x, hash128 *id, bool *original);
