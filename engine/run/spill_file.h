/* engine/run/spill_file.h - the temporary file itself: places in it, streams of bytes to and from
 * it.
 *
 * Where the system allows it, bytes go past its cache: they are needed once, and the memory that
 * they would take there belongs to somebody else.  Memory, offsets and lengths must then be
 * multiples of a page, so that streams copy what is not, piece by piece. */
#pragma once

#include "engine/run/spill.h"

enum { SPILL_PAGE = 4096 };

static inline uint64_t page_up(uint64_t n)
{
    return (n + SPILL_PAGE - 1) & ~(uint64_t)(SPILL_PAGE - 1);
}

spill *spill_ref(spill *s);
/* Where n bytes may be put: the beginning of a page, and these pages belong to the caller. */
uint64_t spill_place(spill *s, uint64_t n);
void spill_give_back(spill *s, uint64_t at, uint64_t n); /* whole pages */

/* Bytes one after another from `at` on.  One thread; begin, put ..., end. */
typedef struct spill_out {
    spill *s;
    void *room;
    char *piece;
    uint64_t at; /* in the file, of the piece */
    size_t have;
} spill_out;
bool spill_out_begin(spill_out *o, spill *s, uint64_t at, err *e);
/* n elements, `step` bytes apart */
bool spill_put(spill_out *o, const char *from, int64_t n, int64_t step, size_t size, err *e);
bool spill_put_page(spill_out *o, err *e); /* goes on at the beginning of a page */
bool spill_out_end(spill_out *o, bool ok, err *e);

/* Bytes of [at, ...) in rising order; `until`: what lies before it will probably be asked for. */
typedef struct spill_in {
    spill *s;
    void *room;
    char *piece;
    uint64_t at, until;
    size_t have;
} spill_in;
bool spill_in_begin(spill_in *i, spill *s, err *e);
bool spill_get(spill_in *i, uint64_t at, char *to, int64_t n, int64_t step, size_t size, err *e);
void spill_in_end(spill_in *i);
