/* engine/base/datum.c - the last reference frees. */
#include "engine/base/datum.h"

void *datum_unref(void *p)
{
    datum *d = p;
    if (d && atomic_fetch_sub_explicit(&d->rc, 1, memory_order_acq_rel) == 1) d->kind->drop(d);
    return NULL;
}
