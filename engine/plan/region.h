/* engine/plan/region.h - reads of parts of a source's blocks. */
#pragma once

#include "engine/expr/index.h"

/* A layer (owned) that reads what s takes of the blocks of l, which read theirs from a source: no
 * more than needed as far as the source can skip the rest.  *then (owned, NULL: all): what is to be
 * taken of its blocks.  NULL: whole blocks are read as well. */
layer *region_new(const char *name, layer *l, const selection *s, selection **then);
/* The part of the blocks touched that lies between the first and the last element taken. */
double region_share(const selection *s);
