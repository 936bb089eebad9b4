/* engine/expr/store.c - sinks: every block written to its place. */
#include "engine/expr/build.h"

static void drop_sink(datum *d)
{
    sink *s = (sink *)d;
    if (s->kind->drop) s->kind->drop(s);
    mem_free(s);
}

const datum_kind sink_datum = {.name = "sink", .drop = drop_sink};

void sink_init(sink *s, const sink_kind *kind)
{
    datum_init(&s->hdr, &sink_datum);
    s->kind = kind;
}

typedef struct store_fn {
    fn base;
    sink *to;
} store_fn;

/* (block, sink, start of the region): writes it, yields None */
static datum *store_call(const fn *f, const call *c, err *e)
{
    sink *to = ((const store_fn *)f)->to;
    nd *x = arg_nd(c, &c->arg[0], e);
    int64_t start[GRID_MAXDIM];
    if (!x) return NULL;
    if (c->arg[2].n != x->ndim)
        return err_set(e, ValueError, "a block of %d axes does not fit a place of %u", x->ndim,
                       c->arg[2].n);
    for (uint32_t i = 0; i < c->arg[2].n; i++) start[i] = c->arg[2].item[i].i;
    if (!to->kind->write(to, start, x, e)) return NULL;
    return &litbox_new(&(lit){.kind = LIT_NONE})->hdr;
}

static void store_drop(fn *f)
{
    datum_unref(((store_fn *)f)->to);
}

static const fn_kind store_kind = {.name = "store",
                                   .version = 1,
                                   .call = store_call,
                                   .drop = store_drop,
                                   .takes = "x.s",
                                   .cost = {.nothing = true}};

static bool store_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    const grid *g = l->base.grid;
    const int64_t *offset = l->param;
    int64_t block[GRID_MAXDIM], start[GRID_MAXDIM];
    grid_block(g, i, block);
    grid_block_start(g, block, start);
    for (int k = 0; k < g->ndim; k++) start[k] += offset[k];
    lit *arg = arena_alloc(a, 3 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *in = (ref){l->base.dep[0], i};
    arg[0] = lit_in(0);
    arg[1] = lit_datum(((const store_fn *)l->f)->to);
    arg[2] = lit_ints(a, g->ndim, start);
    *out = (task_view){.f = l->f, .narg = 3, .arg = arg, .nin = 1, .in = in};
    return true;
}

expr *expr_store(const expr *x, sink *to, const int64_t *offset, err *e)
{
    if (!x || !to) return NULL;
    if (!grid_known(x->chunks))
        return err_set(e, ValueError, "Arrays chunk sizes are unknown: they cannot be stored");
    store_fn *f = fn_new(sizeof *f, &store_kind, "store_chunk");
    f->to = datum_ref(to);
    f->base.flags = FN_IMPURE;
    f->base.copies = to->copies > 1; /* packed bytes are there for sure */
    f->base.maybe = to->copies > 1 ? to->copies - 1 : to->copies;
    char *name = unique_token("store-map");
    block_layer *l = block_layer_new(name, &f->base, store_args, x->chunks, x->type, 1, &x->of);
    mem_free(name);
    int64_t *at = arena_alloc(&l->mem, GRID_MAXDIM * sizeof *at);
    for (int k = 0; k < expr_ndim(x); k++) at[k] = offset ? offset[k] : 0;
    l->param = at;
    l->base.flags = LAYER_ONE_TO_ONE;
    return expr_of_layer(&l->base);
}
