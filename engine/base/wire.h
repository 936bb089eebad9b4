/* engine/base/wire.h - datums as bytes: on sockets, in files, in pickles.
 *
 * A message is a header, a table of segments, a body, then the segments.  The body holds numbers,
 * texts and datums, each datum once (a later mention is its number); big buffers are segments,
 * which are neither copied when written nor when read.  There are no pointers in it, and a sum
 * over header, table and body (and over segments in what may lie in files): what is cut off or
 * altered is refused.  Byte order and layouts are this machine's; `WIRE_VERSION` counts changes.
 *
 * A kind of datum that may travel has `save` and `load` in its datum_kind. */
#pragma once

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"

enum { WIRE_VERSION = 2, WIRE_ALIGN = 64 };

/* ---- writing ---- */

typedef struct wire_seg {
    const char *at;
    size_t n;
    datum *hold;  /* counted: keeps it alive */
    void *owner;  /* of these bytes, as a wire_room makes them; NULL: none */
    bool outside; /* it does not stand in the message: whoever carries that brings it, too */
} wire_seg;

typedef struct wire_out {
    strbuf body;
    wire_seg *seg;
    uint32_t nseg, cap_seg;
    datum **memo; /* borrowed: they live as long as what was given */
    uint32_t nmemo, cap_memo;
    bool sums; /* of segments, too */
} wire_out;    /* {0} is empty */

void wire_bytes(wire_out *w, const void *p, size_t n);
void wire_u8(wire_out *w, unsigned u);
void wire_u32(wire_out *w, uint32_t u);
void wire_u64(wire_out *w, uint64_t u);
void wire_text(wire_out *w, const char *s, size_t n); /* NULL is told from "" */
void wire_segment(wire_out *w, const void *p, size_t n, datum *hold, void *owner);
bool wire_datum(wire_out *w, datum *d, err *e); /* may be NULL; false: TypeError, cannot travel */
void wire_out_clear(wire_out *w);

typedef struct wire_piece { /* as struct iovec */
    const void *at;
    size_t n;
} wire_piece;
/* The finished message in pieces: mem_free the array; what they refer to is w's.  head: owned by
 * the caller. */
wire_piece *wire_pieces(wire_out *w, strbuf *head, uint32_t *n);
char *wire_joined(wire_out *w, size_t *n, err *e); /* in one; mem_free() */

/* ---- reading ---- */

/* Where segments go. */
typedef struct wire_room {
    void *(*make)(size_t n, char **at, err *e);
    void (*drop)(void *owner);
} wire_room;

typedef struct wire_place {
    void *owner;
    char *at;
    size_t n;
    uint64_t sum;
    bool outside;
} wire_place;

/* What came beside a message: the segments outside it, in their order. */
typedef struct wire_carrier {
    void *(*take)(struct wire_carrier *c, size_t n, char **at, err *e); /* as room->make */
    void (*free)(struct wire_carrier *c);
} wire_carrier;

typedef struct wire_in {
    const datum_kind *const *kinds; /* that may occur; ends with NULL */
    const wire_room *room;
    const void *extra;     /* for the kinds: what else there is to find by name */
    wire_carrier *carrier; /* owned; NULL: segments outside are damage */
    char *head;            /* header, table and body */
    const char *p, *end;
    wire_place *seg;
    uint32_t nseg;
    datum **memo; /* counted */
    uint32_t nmemo, cap_memo;
    bool bad;
    int depth;
    /* where the next bytes of the message go */
    int stage;
    char *to;
    size_t want, total, nhead;
    char pad[WIRE_ALIGN];
} wire_in;

void wire_in_init(wire_in *r, const datum_kind *const *kinds, const wire_room *room);
void wire_in_clear(wire_in *r);
/* Feeding it: r->want bytes are to be put at r->to; after each such portion wire_step().  want
 * becomes 0 when the message is whole.  False: *e (ValueError: damaged; MemoryError). */
bool wire_step(wire_in *r, err *e);
/* All of it from memory: more bytes may follow, *used says where. */
bool wire_feed(wire_in *r, const void *p, size_t n, size_t *used, err *e);

/* Values that are not there are zero, and r->bad. */
void wire_get(wire_in *r, void *p, size_t n);
unsigned wire_get_u8(wire_in *r);
uint32_t wire_get_u32(wire_in *r);
uint64_t wire_get_u64(wire_in *r);
const char *wire_get_text(wire_in *r, size_t *n); /* lends; not terminated; NULL: was NULL */
char *wire_get_string(wire_in *r);                /* a copy with NUL: mem_free(); or NULL */
const char *wire_peek(wire_in *r, size_t n);      /* lends n bytes; NULL: not there */
/* Moves the next segment out: the owner that room->make gave; NULL: none. */
void *wire_take_segment(wire_in *r, char **at, size_t *n);
/* Owned; NULL without an error: was NULL.  False: *e. */
bool wire_get_datum(wire_in *r, datum **out, err *e);
void *wire_bad(wire_in *r, err *e); /* ValueError: the bytes are damaged; NULL */
