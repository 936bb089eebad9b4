/* engine/expr/several.h - several block functions of one block, called together. */
#pragma once

#include "engine/expr/tile.h"

/* (arguments of f[0]), (arguments of f[1]) ...: a tuple of what each of them gives. */
fn *fn_several(int n, const fn *const *f);
/* What f consists of: 1, itself, unless fn_several made it. part[] is borrowed. */
int fn_parts(const fn *f, const fn *part[RED_MOST]);
