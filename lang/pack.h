/* lang/pack.h - bytecode as bytes at rest: the library is compiled when the program is built.
 *
 * A pack holds the codes of one module and the texts that they share.  Everything in it is found
 * by offsets from its start, which is aligned to 8 bytes: it lies in the program's constant data,
 * and instructions and texts are used where they are. */
#pragma once

#include "engine/base/str.h"
#include "lang/code.h"

typedef struct packer {
    strbuf out;
    struct packed_text *texts; /* those written already, for sharing */
    uint32_t ntexts, cap;
} packer;

void pack_open(packer *p);
void pack_clear(packer *p);
/* Appends a code and those inside it; where it stands in the pack. */
uint32_t pack_code(packer *p, const bytecode *c);

/* The code that stands at an offset; it refers to the pack. Counted. */
bytecode *unpack_code(const char *pack, uint32_t at);
/* The place of one instruction, out of the packed places of a code. */
pos unpack_pos(const char *packed, uint32_t at);
void unpack_places(const char *packed, uint32_t n, pos *out); /* of the first n */
