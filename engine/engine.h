/* engine/engine.h - the face of the engine: what stdlib includes.
 *
 * Build exprs (expr/expr.h), plan and run them (plan/plan.h, run/run.h), look at their logical
 * graph (graph/layer.h).  Arrays and their kernels: data/, kernels/. */
#pragma once

#include "engine/expr/expr.h"
#include "engine/graph/layer.h"
#include "engine/plan/plan.h"
#include "engine/run/run.h"
