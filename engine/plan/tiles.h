/* engine/plan/tiles.h - fused programs run piece by piece. */
#pragma once

#include "engine/plan/program.h"

/* False: this task does not qualify, nothing has happened.  True: *out is the result, or NULL and
 * the error. */
bool tiles_run(const task_run *r, const program *g, const task_view *view, const uint64_t *index,
               datum **out, err *e);
