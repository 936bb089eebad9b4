/* engine/plan/mirror.c - a pass: of x @ x.T only the blocks on and above the diagonal are computed.
 *
 * Block (j, i) of such a product is the transpose of block (i, j).  To the last bit, where both
 * come from our own product of large blocks (kernels/gemm.c), and so do the sums of their partial
 * products, which are added in the same order.  Blocks below the diagonal become transposed
 * copies. */
#include "engine/expr/build.h"
#include "engine/expr/bw.h"
#include "engine/expr/reduceops.h"
#include "engine/kernels/gemm.h"
#include "engine/plan/lower.h"

/* --- the blocks that are computed --- */

typedef struct half {
    layer base;
    layer *of; /* what users see, and whose tasks these are */
} half;

static bool half_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    return layer_task(((const half *)l)->of, i, a, out, e);
}

static void half_drop(layer *l)
{
    datum_unref(((half *)l)->of);
}

static const layer_kind half_kind = {
    .name = "half", .task = half_task, .drop = half_drop, .one_fn = true};

static layer *half_new(const layer *of)
{
    half *h = layer_new(sizeof *h, &half_kind, of->name, of->grid, of->type, of->ndep, of->dep);
    h->base.flags = of->flags;
    h->of = datum_ref((layer *)(uintptr_t)of);
    return &h->base;
}

/* --- all of them --- */

static datum *turn_call(const fn *f, const call *c, err *e)
{
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e), *view = x ? nd_transpose(x, NULL) : NULL;
    nd *y = view ? nd_contiguous(view, e) : NULL;
    datum_unref(view);
    return (datum *)y;
}

static const fn_kind turn_kind = {
    .name = "mirror", .version = 1, .call = turn_call, .takes = "x", .cost = {.copies = 0}};

typedef struct mirror {
    layer base;
    fn *f;
} mirror;

static bool mirror_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    (void)e;
    uint64_t n = (uint64_t)l->grid->ax[1]->nblock, row = i / n, col = i % n;
    lit *arg = arena_alloc(a, sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *arg = lit_in(0);
    *in = (ref){l->dep[0], row <= col ? i : col * n + row};
    *out = (task_view){.narg = 1, .arg = arg, .nin = 1, .in = in};
    if (row > col) out->f = ((const mirror *)l)->f;
    return true;
}

static void mirror_drop(layer *l)
{
    datum_unref(((mirror *)l)->f);
}

static const layer_kind mirror_kind = {.name = "mirror", .task = mirror_task, .drop = mirror_drop};

static layer *mirror_new(const layer *of)
{
    layer *computed = half_new(of);
    token t = {0};
    token_layer(&t, of);
    char *name = token_name(&t, "mirror");
    mirror *m = layer_new(sizeof *m, &mirror_kind, name, of->grid, of->type, 1, &computed);
    mem_free(name);
    datum_unref(computed);
    m->f = fn_new(sizeof *m->f, &turn_kind, "mirror");
    return &m->base;
}

/* --- where --- */

typedef struct side { /* of a product: an array of two axes, of which one is summed over */
    const layer *of;
    int kept;
} side;

/* what is under transposes */
static bool side_of(const bw_input *in, int summed, side *out)
{
    const layer *l = in->of;
    int kept = 1 - summed;
    if (!l || !l->grid || l->grid->ndim != 2) return false;
    for (const bw_layer *t; (t = as_bw(l)) && fn_is_transpose(t->f) && t->arg[0].of;) {
        if (t->arg[0].from[0] == 1) kept = 1 - kept;
        l = t->arg[0].of;
    }
    *out = (side){l, kept};
    return true;
}

/* The layer of partial products whose sums l has, and the axes that l sums over; or NULL. */
static const bw_layer *summed_products(const layer *l, product_axes *p)
{
    uint32_t axes = 0;
    int level = 0;
    red_layer r;
    for (; red_tree_of(l, &r); l = r.in, level++) {
        uint32_t more = 0;
        bool ordered;
        if (!fn_reduces(r.f, l->type, &more, &ordered) && !fn_adds_blocks(r.f, &more)) break;
        if (axes && more != axes) return NULL;
        axes = more;
    }
    const bw_layer *b = as_bw(l);
    bool ok = level && b && b->narg == 2 && fn_is_product(b->f, p) && l->grid->ndim == 3 &&
              axes == axis_bit(p->partial);
    return ok ? b : NULL;
}

static int64_t least_block(const cuts *a)
{
    int64_t least = a->nblock ? a->run[0].size : 0;
    for (uint32_t i = 1; i < a->nrun; i++)
        if (a->run[i].size < least) least = a->run[i].size;
    return least;
}

static bool is_square(const layer *l)
{
    const grid *g = l->grid;
    if (!g || g->ndim != 2 || l->count != g->nblock || l->type.dt != DT_float64) return false;
    if (!grid_known(g) || g->nblock < 2 || !cuts_eq(g->ax[0], g->ax[1])) return false;
    product_axes p;
    side x, y;
    const bw_layer *b = summed_products(l, &p);
    if (!b || !side_of(&b->arg[0], p.left, &x) || !side_of(&b->arg[1], p.right, &y)) return false;
    if (!layer_same(x.of, y.of) || x.kept != y.kept || x.of->type.dt != DT_float64) return false;
    const cuts *rows = b->arg[0].of->grid->ax[1 - p.left], *deep = b->arg[0].of->grid->ax[p.left];
    int64_t n = least_block(rows);
    return gemm_takes(DT_float64, n, n, least_block(deep));
}

layer *rewrite_mirror(const nodes *all, const node *x)
{
    (void)all;
    return x->by == x->of && is_square(x->of) ? mirror_new(x->of) : NULL;
}
