/* engine/expr/stored.c - blocks that exist: what persist() leaves. */
#include <assert.h>
#include <string.h>

#include "engine/expr/build.h"

typedef struct stored_layer {
    layer base;
    datum **block;
} stored_layer;

static bool task_of(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)a;
    (void)e;
    out->value = ((const stored_layer *)l)->block[i];
    return true;
}

static void drop(layer *l)
{
    stored_layer *s = (stored_layer *)l;
    for (uint64_t i = 0; i < l->count; i++) datum_unref(s->block[i]);
    mem_free(s->block);
}

static const layer_kind stored_kind = {.name = "stored", .task = task_of, .drop = drop};

bool layer_is_stored(const layer *l)
{
    return l->kind == &stored_kind;
}

/* --- blocks that were given away --- */

static void husk_drop(datum *d)
{
    mem_free(d);
}

static datum *husk_fetch(const datum *d, void *e)
{
    (void)d;
    return err_set(e, RuntimeError, "this block went with the run that was the last to read it");
}

/* what is left of a block: its dtype and shape, by which plans are measured */
static const datum_kind husk_kind = {.name = "ndarray", .drop = husk_drop, .fetch = husk_fetch};

static datum *husk_of(const nd *x)
{
    const size_t axes = 2 * (size_t)x->ndim * sizeof(int64_t);
    nd *h = mem_zero(sizeof *h + axes);
    datum_init(&h->hdr, &husk_kind);
    h->dtype = x->dtype;
    h->ndim = x->ndim;
    h->unit = x->unit;
    h->size = x->size;
    memcpy(h->ext, x->ext, axes);
    return &h->hdr;
}

void stored_leave(layer *l)
{
    assert(layer_is_stored(l));
    stored_layer *s = (stored_layer *)l;
    for (uint64_t i = 0; i < l->count; i++) {
        datum *d = s->block[i];
        if (!as_nd(d) && !d->kind->fetch) continue;
        s->block[i] = husk_of((const nd *)d);
        datum_unref(d);
    }
}

expr *expr_stored(const expr *x, datum *const *block)
{
    if (!x) return NULL;
    stored_layer *l = layer_new(sizeof *l, &stored_kind, expr_name(x), x->chunks, x->type, 0, NULL);
    l->block = mem_alloc((l->base.count + 1) * sizeof *l->block);
    for (uint64_t i = 0; i < l->base.count; i++) l->block[i] = datum_ref(block[i]);
    expr *y = expr_of_layer(&l->base);
    y->meta = datum_ref(x->meta);
    return y;
}
