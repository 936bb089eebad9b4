/* engine/data/nd_wire.h - blocks on the wire: what nd_kind refers to, and memory for readers. */
#pragma once

#include "engine/base/wire.h"

extern const wire_room buf_room; /* segments are bufs */
bool nd_save(const datum *d, wire_out *w, err *e);
void *nd_load(wire_in *r, err *e);
