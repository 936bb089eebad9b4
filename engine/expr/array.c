/* engine/expr/array.c - arrays read region by region from something that exists: from_array. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/graph/fn_wire.h"
#include "engine/kernels/ops.h"

static const fn_kind read_kind;

static void drop_source(datum *d)
{
    source *s = (source *)d;
    if (s->kind->drop) s->kind->drop(s);
    mem_free(s);
}

/* A source travels as its block, or as the thing it reads (source_kind.of). */
static bool save_source(const datum *d, wire_out *w, err *e)
{
    const source *s = (const source *)(const void *)d;
    const nd *x = source_peek(s);
    if (x) return wire_datum(w, (datum *)(uintptr_t)&x->hdr, e);
    datum *of = s->kind->of ? s->kind->of(s) : NULL;
    if (of) return wire_datum(w, of, e);
    err_set(e, TypeError, "cannot pickle the source '%s' of an array", s->kind->name);
    return false;
}

static void *load_source(wire_in *r, err *e)
{
    const wire_names *names = r->extra;
    datum *d;
    if (!wire_get_datum(r, &d, e)) return NULL;
    nd *x = as_nd(d);
    source *s = x ? source_nd(x) : d && names ? names->source(d, e) : NULL;
    datum_unref(d);
    return s ? s : wire_bad(r, e);
}

const datum_kind source_datum = {
    .name = "source", .drop = drop_source, .save = save_source, .load = load_source};

void source_init(source *s, const source_kind *kind)
{
    datum_init(&s->hdr, &source_datum);
    s->kind = kind;
}

/* --- a block as a source --- */

typedef struct nd_source {
    source base;
    nd *x;
} nd_source;

static nd *nd_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    const nd *x = ((const nd_source *)s)->x;
    ptrdiff_t offset = 0;
    (void)e;
    for (int i = 0; i < x->ndim; i++) offset += start[i] * nd_strides(x)[i];
    return nd_view(x->b, x->at + offset, nd_type(x), x->ndim, count, nd_strides(x));
}

static void nd_drop(source *s)
{
    datum_unref(((nd_source *)s)->x);
}

static bool nd_c_order(const source *s)
{
    return nd_in_c_order(((const nd_source *)s)->x);
}

static const source_kind nd_source_kind = {
    .name = "block", .read = nd_read, .drop = nd_drop, .c_order = nd_c_order, .divisible = true};

source *source_nd(const nd *x)
{
    nd_source *s = mem_zero(sizeof *s);
    source_init(&s->base, &nd_source_kind);
    s->x = nd_ref(x);
    return &s->base;
}

const nd *source_peek(const source *s)
{
    return s->kind == &nd_source_kind ? ((const nd_source *)s)->x : NULL;
}

/* --- reading a region --- */

typedef struct read_fn {
    fn base;
    source *s;
    grid *g; /* of the whole */
} read_fn;

static const source *source_now(const call *c, const source *s)
{
    for (uint32_t i = 0; c->snap && i < c->snap->n; i++)
        if (c->snap->at[i].of == s) return c->snap->at[i].now;
    return s;
}

static bool gives_objects(const source *s)
{
    const nd *x = source_peek(s);
    if (!x && s->kind->of) x = as_nd(s->kind->of(s));
    return x && x->dtype == DT_object;
}

/* A live array that the run did not foresee can be read at home only, and objects. */
static bool must_go_home(const call *c, const source *s, const source *now)
{
    return c->go_home && ((now == s && s->kind->snapshot) || gives_objects(now));
}

/* one end of a slice of n elements */
static int64_t bound(int64_t at, int64_t n, int64_t missing)
{
    if (at == INT64_MIN) return missing;
    if (at < 0) at += n;
    return at < 0 ? 0 : at > n ? n : at;
}

/* Has it steps, or a list? */
static bool has_gaps(const lit *region)
{
    for (uint32_t i = 0; i < region->n; i++) {
        const lit *x = &region->item[i];
        if (x->kind == LIT_DATUM || (x->kind == LIT_SLICE && x->slice.step > 1)) return true;
    }
    return false;
}

/* ([original,] (slice, ...)); plans also ask ([original,] dtype, region with gaps) */
static datum *read_call(const fn *f, const call *c, err *e)
{
    const source *given = ((const read_fn *)f)->s, *s = source_now(c, given);
    if (must_go_home(c, given, s)) return *c->go_home = true, NULL;
    const lit *region = c->narg ? &c->arg[c->narg - 1] : NULL;
    int64_t start[GRID_MAXDIM], count[GRID_MAXDIM];
    if (!region || region->kind != LIT_TUPLE || region->n > GRID_MAXDIM)
        return err_set(e, TypeError, "'%s' takes a tuple of slices", f->name);
    const grid *g = ((const read_fn *)f)->g;
    if ((int)region->n != g->ndim)
        return err_set(e, IndexError, "%u slices do not fit an array of %d axes", region->n,
                       g->ndim);
    if (has_gaps(region) && c->narg > 1 && c->arg[c->narg - 2].kind == LIT_DTYPE)
        return (datum *)source_pick(s, g, region, c->arg[c->narg - 2].t, e);
    for (uint32_t i = 0; i < region->n; i++) {
        const lit *x = &region->item[i];
        int64_t n = g->ax[i]->extent;
        if (x->kind != LIT_SLICE || (x->slice.step != INT64_MIN && x->slice.step != 1))
            return err_set(e, TypeError, "'%s' takes a tuple of slices", f->name);
        start[i] = bound(x->slice.start, n, 0);
        count[i] = bound(x->slice.stop, n, n) - start[i];
        if (count[i] < 0) count[i] = 0;
    }
    return (datum *)s->kind->read(s, start, count, e);
}

static void read_drop(fn *f)
{
    datum_unref(((read_fn *)f)->s);
    datum_unref(((read_fn *)f)->g);
}

static fn *read_settle(const fn *f, err *e);

static const fn_field read_fields[] = {
    PARAM_DATUM(read_fn, s),
    PARAM_DATUM(read_fn, g),
    {0},
};

static const fn_kind read_kind = {.name = "read",
                                  .version = 1,
                                  .size = sizeof(read_fn),
                                  .fields = read_fields,
                                  .call = read_call,
                                  .drop = read_drop,
                                  .settle = read_settle};

static fn *read_settle(const fn *f, err *e)
{
    source *s = ((const read_fn *)f)->s;
    if (!s->kind->snapshot) return datum_ref((fn *)(uintptr_t)f);
    source *now = s->kind->snapshot(s, e);
    if (!now) return NULL;
    read_fn *r = fn_new(sizeof *r, &read_kind, f->name);
    r->s = now;
    r->g = datum_ref(((const read_fn *)f)->g);
    r->base.id = f->id;
    r->base.flags = f->flags;
    return &r->base;
}

/* A layer of a single task that is data, under a bare string: "original-array-<hash>". */
typedef struct value_layer {
    layer base;
    datum *value;
} value_layer;

static bool value_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)i;
    (void)a;
    (void)e;
    out->value = ((const value_layer *)l)->value;
    return true;
}

static void value_key(const layer *l, uint64_t i, key *out)
{
    (void)i;
    out->name = l->name;
    out->n = -1;
}

static bool value_find(const layer *l, const key *k, uint64_t *i)
{
    *i = 0;
    return k->n < 0 && !strcmp(k->name, l->name);
}

static void value_drop(layer *l)
{
    datum_unref(((value_layer *)l)->value);
}

static const layer_kind value_kind = {
    .name = "value", .task = value_task, .key = value_key, .find = value_find, .drop = value_drop};

static layer *original_layer(const char *name, datum *value, dtype_of t)
{
    strbuf b = {0};
    sb_addf(&b, "original-%s", name);
    value_layer *l = layer_new(sizeof *l, &value_kind, sb_text(&b), NULL, t, 0, NULL);
    sb_clear(&b);
    l->base.count = 1;
    l->value = datum_ref(value);
    return &l->base;
}

static bool region_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t block[GRID_MAXDIM];
    const grid *g = l->base.grid;
    grid_block(g, i, block);
    lit *arg = arena_alloc(a, 2 * sizeof *arg), *item = arena_alloc(a, g->ndim * sizeof *item + 1);
    for (int k = 0; k < g->ndim; k++)
        item[k] = lit_slice(cuts_start(g->ax[k], block[k]), cuts_start(g->ax[k], block[k] + 1),
                            INT64_MIN);
    uint32_t n = 0;
    if (l->base.ndep) {
        ref *in = arena_alloc(a, sizeof *in);
        *in = (ref){l->base.dep[0], 0};
        out->in = in;
        out->nin = 1;
        arg[n++] = lit_in(0);
    } else if (l->param)
        arg[n++] = lit_datum(l->param);
    arg[n++] = lit_items(LIT_TUPLE, g->ndim, item);
    out->arg = arg;
    out->narg = n;
    return true;
}

static char *array_name(label l, hash128 token_of, const grid *g)
{
    token t = {0};
    token_add(&t, &token_of, sizeof token_of);
    token_grid(&t, g);
    return label_name(l, &t, "array");
}

expr *expr_array(label l, source *s, hash128 content, bool original, grid *g, dtype_of t, err *e)
{
    (void)e;
    if (!s || !g) return NULL;
    char *name = array_name(l, content, g);
    read_fn *f = fn_new(sizeof *f, &read_kind, "getter");
    f->s = datum_ref(s);
    f->g = datum_ref(g);
    if (s->kind->home) f->base.flags = FN_HOME | FN_FOREIGN;
    layer *first = original ? original_layer(name, &s->hdr, t) : NULL;
    block_layer *b = block_layer_new(name, &f->base, region_args, g, t, original ? 1 : 0, &first);
    b->base.flags = original ? LAYER_BLOCKWISE | LAYER_LEAF : LAYER_DATA | LAYER_LEAF;
    datum_unref(first);
    mem_free(name);
    return expr_of_layer(&b->base);
}

bool region_is_box(const lit *region)
{
    bool ok = region && region->kind == LIT_TUPLE;
    for (uint32_t i = 0; ok && i < region->n; i++) ok = region->item[i].kind == LIT_SLICE;
    return ok && !has_gaps(region);
}

source *layer_source(const layer *l)
{
    uint64_t none = 0;
    arena a = {0};
    task_view v;
    source *s = NULL;
    if (l->count && l->grid && layer_task(l, none, &a, &v, NULL) && v.f && v.f->kind == &read_kind)
        s = ((const read_fn *)v.f)->s;
    arena_clear(&a);
    return s;
}

expr *expr_constant(const nd *x)
{
    strbuf b = {0};
    nd *flat = nd_contiguous(x, NULL);
    lit_hash(&b, &(lit){.kind = LIT_DATUM, .d = flat ? &flat->hdr : (datum *)(uintptr_t)x});
    sb_add(&b, (const char *)nd_strides(x), x->ndim * sizeof(int64_t));
    hash128 h = hash128_bytes(b.at, b.n);
    sb_clear(&b);
    datum_unref(flat);
    grid *g = grid_one(x->ndim, nd_shape(x));
    source *s = source_nd(x);
    expr *y = expr_array((label){0}, s, h, false, g, nd_type(x), NULL);
    datum_unref(s);
    datum_unref(g);
    return y;
}

const fn_kind *const array_kinds[] = {&read_kind, NULL};
