/* stdlib/dask/parts.h - what dask.c joins into the modules _dask and _graph. */
#pragma once

#include "stdlib/dask/bridge.h"

value dask_token(interp *in, const value *arg); /* token.c */
value graph_get(interp *in, const value *arg);  /* graph.c */
