/* engine/expr/scan.h - the inside of running sums, for the pass that runs them side by side. */
#pragma once

#include "engine/expr/expr.h"

/* A sequential scan by one of our own functions: of the blocks of `of`, into type t. */
typedef struct scan_parts {
    layer *of, *scanned; /* borrowed; the layer of each block's own scan */
    const scan *s;
    int axis;
    dtype_of t;
} scan_parts;
bool scan_layer_parts(const layer *l, scan_parts *out);

/* (block ...): the last values of their scans, along the axis */
fn *fn_scan_last(const scan_parts *p);
/* ([carry,] last values): what comes before each block, and behind the last one */
fn *fn_scan_carry(const scan_parts *p);
/* (is the first block the first of all?, carry, block ...): a tuple of the blocks of the scan */
fn *fn_scan_join(const scan_parts *p);
