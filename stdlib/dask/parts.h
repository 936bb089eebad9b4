/* stdlib/dask/parts.h - what dask.c joins into the modules _dask and _graph. */
#pragma once

#include "stdlib/dask/bridge.h"

plan_opts plan_settings(interp *in);            /* planning.c */
value dask_token(interp *in, const value *arg); /* token.c */
value graph_get(interp *in, const value *arg);  /* graph.c */
/* table.c */
value table_array(interp *in, const value *arg);
value graph_array(interp *in, const value *arg);
value normalized_chunks(interp *in, const value *arg);
value copy_array(interp *in, const value *arg);
value explain_array(interp *in, const value *arg);
/* random.c */
value new_stream(interp *in, const value *arg);
value draw_dist(interp *in, const value *arg);
value draw_integers(interp *in, const value *arg);
value draw_choice(interp *in, const value *arg);
value draw_order(interp *in, const value *arg);
/* Numbered nodes as one layer of the engine: node i is what[i], or the value result[i] where that
 * is not FAIL; ids: key -> number.  NULL: pending. */
layer *layer_of_nodes(interp *in, dict *ids, uint32_t n, const value *what, const value *result);
