/* engine/expr/stored.c - blocks that exist: what persist() leaves. */
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
