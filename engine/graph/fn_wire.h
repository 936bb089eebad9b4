/* engine/graph/fn_wire.h - literals, packs and block operations on the wire. */
#pragma once

#include "engine/base/wire.h"
#include "engine/graph/fn.h"

bool lit_save(const lit *x, wire_out *w, err *e);
/* Texts and items in the arena, datums counted; lit_release(out) in any case. */
bool lit_load(wire_in *r, arena *a, lit *out, err *e);

bool litbox_save(const datum *d, wire_out *w, err *e);
void *litbox_load(wire_in *r, err *e);
bool pack_save(const datum *d, wire_out *w, err *e);
void *pack_load(wire_in *r, err *e);
/* What readers have to find: wire_in.extra is one of these. */
typedef struct wire_names {
    const fn_kind *(*fn)(const char *name, uint32_t version);
    struct source *(*source)(datum *of, err *e); /* that reads this (engine/expr/array.c) */
} wire_names;
bool fn_save(const datum *d, wire_out *w, err *e);
void *fn_load(wire_in *r, err *e);
