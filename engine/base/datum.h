/* engine/base/datum.h - a counted, immutable thing that may cross threads.
 *
 * Whatever a task may take or yield is a datum: an array block, a frozen value
 * of the language, a code object, an expr, an open file.  The count is atomic;
 * the content never changes once a second thread can see it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct datum datum;
struct wire_out;
struct wire_in;
struct err;

typedef struct datum_kind {
    const char *name;
    void (*drop)(datum *d);         /* releases what d holds, and d itself */
    size_t (*bytes)(const datum *); /* memory held by its content; NULL: negligible */
    /* What a block operation does with such a thing among its inputs (fn, call and err of
     * engine/graph/fn.h; an owned datum or NULL).  NULL: it sees for itself. */
    void *(*apply)(const void *fn, const void *call, void *err);
    /* How it travels (engine/base/wire.h): false and an error when it cannot.  NULL: not at all. */
    bool (*save)(const datum *d, struct wire_out *w, struct err *e);
    void *(*load)(struct wire_in *r, struct err *e); /* an owned datum */
    /* Something that stands for another datum, kept elsewhere: fetches it (owned; NULL and the err
     * when that fails).  NULL: it is what it is. */
    datum *(*fetch)(const datum *d, void *err);
    /* Would fetch() find it in memory, as things are now?  NULL: hardly. */
    bool (*is_near)(const datum *d);
    /* The same for a part of a block: n[k] elements from from[k] on along each axis. */
    datum *(*fetch_part)(const datum *d, const int64_t *from, const int64_t *n, void *err);
    /* Something made of datums that may be kept elsewhere, each by itself: lends the i-th, NULL
     * after the last; makes the same with others in their places, all of which it takes. */
    datum *(*part)(const datum *d, uint32_t i);
    datum *(*with)(const datum *d, datum *const *part);
} datum_kind;

struct datum {
    const datum_kind *kind;
    _Atomic uint32_t rc;
};

static inline void datum_init(datum *d, const datum_kind *kind)
{
    d->kind = kind;
    atomic_init(&d->rc, 1);
}

static inline void *datum_ref(void *p)
{
    if (p) atomic_fetch_add_explicit(&((datum *)p)->rc, 1, memory_order_relaxed);
    return p;
}

/* Always NULL, so that `x = datum_unref(x)` leaves no dangling name.  NULL is fine. */
void *datum_unref(void *p);
static inline size_t datum_bytes(const datum *d)
{
    return d && d->kind->bytes ? d->kind->bytes(d) : 0;
}

/* The i-th of what d is made of, borrowed; NULL: it has no more. */
static inline datum *datum_part(const datum *d, uint32_t i)
{
    return d && d->kind->part ? d->kind->part(d, i) : NULL;
}
