/* stdlib/dask/scratch.h - temporary files without names that processes share. */
#pragma once

#include "engine/base/datum.h"

/* A file that is open in every process that holds it, however it came there, and whose space comes
 * back with the last of them, however they end.  Bytes are added to its end, by all at a time, and
 * read from anywhere. */
extern const datum_kind scratch_kind;
