/* engine/expr/random.c - arrays of random numbers, one stream per block as in Dask.
 *
 * Seeds are drawn from the parent when the expr is built; a block's numbers depend on nothing
 * else, so chunks may be made in any order, twice, or tile by tile. */
#include <string.h>

#include "engine/base/wire.h"
#include "engine/expr/build.h"
#include "engine/expr/kinds.h"
#include "engine/expr/seeds.h"
#include "engine/expr/tile.h"
#include "engine/kernels/ops.h"

typedef struct draw_fn {
    fn base;
    drawing d; /* operands cleared: they come as arguments */
    seeds *seed;
    bool plain; /* all parameters are numbers: p */
    number p[RANDOM_MAXPARAM];
} draw_fn;

static void draw_drop(fn *f)
{
    datum_unref(((draw_fn *)f)->seed);
}

enum { DRAW_FROM = 1, DRAW_WEIGHTS = 2 }; /* what comes as arguments */

static bool draw_save(const fn *f, wire_out *w, err *e)
{
    const draw_fn *k = (const draw_fn *)f;
    (void)e;
    wire_u8(w, (k->d.from ? DRAW_FROM : 0) | (k->d.weights ? DRAW_WEIGHTS : 0));
    return true;
}

/* Only whether they are there is asked of them. */
static bool draw_load(fn *f, wire_in *r, err *e)
{
    static const expr some;
    draw_fn *k = (draw_fn *)f;
    unsigned with = wire_get_u8(r);
    (void)e;
    if (with & DRAW_FROM) k->d.from = &some;
    if (with & DRAW_WEIGHTS) k->d.weights = &some;
    return k->seed != NULL && (k->d.dist || k->d.kind != DRAW_DIST);
}

static nd *draw_choice(const draw_fn *k, rng *g, const call *c, int ndim, const int64_t *shape,
                       err *e)
{
    const drawing *d = &k->d;
    uint32_t at = 2;
    nd *from = NULL, *p = NULL;
    if (d->from && !(from = arg_nd(c, &c->arg[at++], e))) return NULL;
    if (d->weights && !(p = arg_nd(c, &c->arg[at++], e))) return NULL;
    nd *i = random_choice(g, d->old, d->population, p, d->replace, true, ndim, shape, e);
    if (!i || !from) return i;
    nd *out = nd_take(from, i, 0, 'r', e);
    datum_unref(i);
    return out;
}

/* the part of a whole parameter block that belongs to this chunk, or the chunk itself */
static nd *param_part(const call *c, const lit *x, const int64_t *start, const int64_t *shape,
                      err *e)
{
    nd *a = arg_nd(c, x, e);
    if (!a || x->kind == LIT_IN || a->ndim == 0) return a ? nd_ref(a) : NULL;
    ptrdiff_t offset = 0;
    for (int i = 0; i < a->ndim; i++) offset += start[i] * nd_strides(a)[i];
    return nd_view(a->b, a->at + offset, nd_type(a), a->ndim, shape, nd_strides(a));
}

static nd *draw_dist(const draw_fn *k, rng *g, const call *c, int ndim, const int64_t *shape,
                     err *e)
{
    const drawing *d = &k->d;
    nd *param[RANDOM_MAXPARAM] = {0}, *out = NULL;
    int64_t block[GRID_MAXDIM], start[GRID_MAXDIM];
    int n = 0;
    if (!c->of || c->narg < 2 + (uint32_t)d->nparam)
        return err_set(e, TypeError, "random numbers with parameters are drawn in their graph");
    grid_block(c->of->grid, c->index, block);
    grid_block_start(c->of->grid, block, start);
    while (n < d->nparam && (param[n] = param_part(c, &c->arg[2 + n], start, shape, e))) n++;
    if (n == d->nparam)
        out = random_draw(g, d->old, d->dist, (const nd *const *)param,
                          d->type.dt == DT_float32 ? DT_float32 : DT_none, ndim, shape, e);
    while (n) datum_unref(param[--n]);
    return out;
}

/* (block number, shape, parameters...) */
static datum *draw_call(const fn *f, const call *c, err *e)
{
    const draw_fn *k = (const draw_fn *)f;
    const drawing *d = &k->d;
    int64_t shape[GRID_MAXDIM];
    int ndim = (int)c->arg[1].n;
    for (int i = 0; i < ndim; i++) shape[i] = c->arg[1].item[i].i;
    rng g;
    nd *out = NULL;
    if ((uint64_t)c->arg[0].i >= seeds_count(k->seed))
        return err_set(e, IndexError, "there is no block %lld", (long long)c->arg[0].i);
    seeds_start(k->seed, (uint64_t)c->arg[0].i, &g);
    if (d->kind == DRAW_CHOICE)
        out = draw_choice(k, &g, c, ndim, shape, e);
    else if (d->kind == DRAW_INTEGERS)
        out = random_integers(&g, d->old, d->type.dt, d->low, d->high, d->closed, ndim, shape, e);
    else if (k->plain && d->type.dt == d->dist->dtype) {
        out = nd_new(d->type, ndim, shape, e);
        if (out) random_fill(&g, d->old, d->dist, k->p, (size_t)nd_count(out), out->at);
    } else
        out = draw_dist(k, &g, c, ndim, shape, e);
    return (datum *)out;
}

static bool draw_begin(const tile_call *t, err *e)
{
    const draw_fn *k = (const draw_fn *)t->f;
    (void)e;
    if (k->d.type.dt != k->d.dist->dtype) return false;
    seeds_start(k->seed, (uint64_t)t->c->arg[0].i, t->state);
    return true;
}

static bool draw_tile(const tile_call *t, int64_t from, int64_t n, void *out, err *e)
{
    const draw_fn *k = (const draw_fn *)t->f;
    (void)from;
    (void)e;
    random_fill(t->state, k->d.old, k->d.dist, k->p, (size_t)n, out);
    return true;
}

static const tile_kind draw_tiles = {.state = sizeof(rng), .begin = draw_begin, .fill = draw_tile};
/* only plain draws can be made piece by piece */
static const fn_field draw_fields[] = {
    PARAM(draw_fn, d.kind),
    PARAM(draw_fn, d.old),
    PARAM_ROW(draw_fn, d.dist, distributions, NDIST),
    PARAM(draw_fn, d.nparam),
    PARAM(draw_fn, d.type),
    PARAM(draw_fn, d.low),
    PARAM(draw_fn, d.high),
    PARAM(draw_fn, d.closed),
    PARAM(draw_fn, d.population),
    PARAM(draw_fn, d.replace),
    PARAM_DATUM(draw_fn, seed),
    PARAM(draw_fn, plain),
    PARAM(draw_fn, p),
    {0},
};

/* Of a number, on one thread: uniform ones are the generator's own words, vectors of them. */
static float draw_ns(const drawing *d)
{
    if (d->kind != DRAW_DIST) return 4;
    switch ((enum dist_id)(d->dist - distributions)) {
    case DIST_random:
    case DIST_uniform: return 0.4f;
    case DIST_normal:
    case DIST_standard_normal:
    case DIST_exponential:
    case DIST_standard_exponential: return 5;
    default: return 25;
    }
}

static const fn_kind plain_kind = {.name = "draw",
                                   .version = 1,
                                   .size = sizeof(draw_fn),
                                   .fields = draw_fields,
                                   .save = draw_save,
                                   .load = draw_load,
                                   .call = draw_call,
                                   .takes = "is*",
                                   .cost = {.ns = 3},
                                   .drop = draw_drop,
                                   .tile = &draw_tiles};
static const fn_kind draw_kind_of = {.name = "draw_with",
                                     .version = 1,
                                     .size = sizeof(draw_fn),
                                     .fields = draw_fields,
                                     .save = draw_save,
                                     .load = draw_load,
                                     .call = draw_call,
                                     .takes = "is*",
                                     .drop = draw_drop};

/* --- the layer --- */

typedef struct draw_param {
    int n;
    lit literal[RANDOM_MAXPARAM + 2];
    const layer *of[RANDOM_MAXPARAM + 2]; /* an input; NULL: the literal */
    bool whole[RANDOM_MAXPARAM + 2];      /* the input is one block for all */
} draw_param;

static bool draw_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    const draw_param *p = l->param;
    const grid *g = l->base.grid;
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    grid_block(g, i, block);
    grid_block_shape(g, block, shape);
    lit *arg = arena_alloc(a, (size_t)(2 + p->n) * sizeof *arg);
    ref *in = arena_alloc(a, (size_t)p->n * sizeof *in + 1);
    arg[0] = lit_int((int64_t)i);
    arg[1] = lit_ints(a, g->ndim, shape);
    for (int k = 0; k < p->n; k++) {
        if (!p->of[k]) {
            arg[2 + k] = p->literal[k];
            continue;
        }
        arg[2 + k] = lit_in(out->nin);
        in[out->nin++] = (ref){p->of[k], p->whole[k] ? 0 : i};
    }
    out->narg = (uint32_t)(2 + p->n);
    out->arg = arg;
    out->in = in;
    return true;
}

static void drop_param(const void *q)
{
    const draw_param *p = q;
    for (int i = 0; i < p->n; i++) lit_release(&p->literal[i]);
}

/* a parameter of one dimension or more, brought to the result's shape and chunks */
static bool spread(const term *x, grid *g, expr **lazy, nd **block, err *e)
{
    int64_t shape[GRID_MAXDIM];
    grid_shape(g, shape);
    if (!x->x) return (*block = nd_broadcast(x->block, g->ndim, shape, e)) != NULL;
    expr *wide = expr_broadcast_to(x->x, g->ndim, shape, NULL, e);
    *lazy = wide ? expr_rechunk(wide, g, 0, 0, e) : NULL;
    datum_unref(wide);
    return *lazy != NULL;
}

static bool number_of(const nd *x, const distribution *d, int i, number *out, err *e)
{
    nd *c = nd_cast(x, dtype_plain(d->param[i].whole ? DT_int64 : DT_float64), 'u', e);
    if (!c) return false;
    memcpy(out, c->at, 8);
    return !datum_unref(c);
}

typedef struct making {
    const drawing *d;
    draw_param p;
    expr *lazy[RANDOM_MAXPARAM + 2]; /* owned */
    int nlazy;
    bool plain;
    number at[RANDOM_MAXPARAM];
} making;

static bool take_params(making *m, grid *g, err *e)
{
    const drawing *d = m->d;
    m->plain = d->kind == DRAW_DIST;
    for (int i = 0; i < d->nparam && d->kind == DRAW_DIST; i++) {
        const term *x = &d->param[i];
        bool scalar = !x->x && x->block && x->block->ndim == 0;
        m->p.n = i + 1;
        if (scalar) {
            m->p.literal[i] = lit_datum(nd_ref(x->block));
            m->p.literal[i].n = x->weak;
            TRY(number_of(x->block, d->dist, i, &m->at[i], e));
            continue;
        }
        expr *lazy = NULL;
        nd *block = NULL;
        m->plain = false;
        TRY(spread(x, g, &lazy, &block, e));
        if (block) m->p.literal[i] = lit_datum(block);
        if (lazy) {
            m->p.of[i] = lazy->of;
            m->lazy[m->nlazy++] = lazy;
        }
    }
    const expr *whole[] = {d->from, d->weights};
    for (int i = 0; i < 2 && d->kind == DRAW_CHOICE; i++) {
        if (!whole[i]) continue;
        m->p.of[m->p.n] = whole[i]->of;
        m->p.whole[m->p.n++] = true;
        m->lazy[m->nlazy++] = expr_ref(whole[i]);
    }
    return true;
}

static expr *make(making *m, rng *parent, grid *g, err *e)
{
    const drawing *d = m->d;
    seeds *s = seeds_new(parent, g->nblock, e);
    if (!s) return NULL;
    const char *prefix = d->l.prefix                ? d->l.prefix
                         : d->kind == DRAW_DIST     ? d->dist->name
                         : d->kind == DRAW_INTEGERS ? "randint"
                                                    : "da.random.choice";
    draw_fn *f = fn_new(sizeof *f, m->plain ? &plain_kind : &draw_kind_of, prefix);
    f->base.ns = draw_ns(d);
    f->d = *d;
    f->seed = s;
    f->plain = m->plain;
    memcpy(f->p, m->at, sizeof f->p);
    hash128 h = seeds_hash(s);
    fn_identify(&f->base, &h, sizeof h);
    token t = {0};
    token_fn(&t, &f->base);
    token_grid(&t, g);
    token_add(&t, m->at, sizeof m->at);
    layer *dep[RANDOM_MAXPARAM + 2];
    for (int i = 0; i < m->nlazy; i++) {
        dep[i] = m->lazy[i]->of;
        token_expr(&t, m->lazy[i]);
    }
    char *name = label_name(d->l, &t, prefix);
    block_layer *l =
        block_layer_new(name, &f->base, draw_args, g, d->type, (uint32_t)m->nlazy, dep);
    mem_free(name);
    if (!m->nlazy) l->base.flags = LAYER_LEAF;
    draw_param *p = arena_alloc(&l->mem, sizeof *p);
    *p = m->p;
    l->param = p;
    l->drop_param = drop_param;
    m->p.n = 0; /* moved */
    return expr_of_layer(&l->base);
}

expr *expr_random(const drawing *d, rng *parent, grid *g, err *e)
{
    if (!g) return NULL;
    making m = {.d = d};
    expr *y = take_params(&m, g, e) ? make(&m, parent, g, e) : NULL;
    drop_param(&m.p);
    for (int i = 0; i < m.nlazy; i++) datum_unref(m.lazy[i]);
    return y;
}

const fn_kind *const random_kinds[] = {&plain_kind, &draw_kind_of, NULL};
