/* engine/expr/reshape.c - other shapes, same elements in C order.
 *
 * Axes are matched from the last to the first, merged or split evenly; a rechunk first makes every
 * input block exactly one output block. */
#include <stdio.h>
#include <string.h>

#include "engine/expr/build.h"

typedef struct shapes {
    int nin, nout;
    int64_t in[GRID_MAXDIM], out[GRID_MAXDIM];
    cuts *incut[GRID_MAXDIM], *outcut[GRID_MAXDIM]; /* decided, owned */
} shapes;

static void shapes_clear(shapes *s)
{
    for (int i = 0; i < s->nin; i++) datum_unref(s->incut[i]);
    for (int i = 0; i < s->nout; i++) datum_unref(s->outcut[i]);
}

static void put(cuts **at, cuts *a) /* takes a */
{
    datum_unref(*at);
    *at = a;
}

static void *uneven(err *e)
{
    return err_set(e, NotImplementedError,
                   "\nDask's reshape only supports operations that merge or split existing "
                   "dimensions\nevenly. For example:\n\n"
                   ">>> x = da.ones((6, 5, 4), chunks=(3, 2, 2))\n"
                   ">>> x.reshape((3, 2, 5, 4))  # supported, splits 6 into 3 & 2\n"
                   ">>> x.reshape((30, 4))       # supported, merges 6 & 5 into 30\n"
                   ">>> x.reshape((4, 5, 6))     # unsupported, existing dimensions split "
                   "unevenly\n\n"
                   "To work around this you may call reshape in multiple passes, or (if your "
                   "data\nis small enough) call ``compute`` first and handle reshaping in "
                   "``numpy``\ndirectly.\n");
}

static int64_t product(const int64_t *shape, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i <= to; i++) n *= shape[i];
    return n;
}

/* each chunk cut into about `factor` parts */
static cuts *expand(const cuts *a, int64_t factor)
{
    cuts_builder b = {0};
    if (factor == 1) return datum_ref((cuts *)(uintptr_t)a);
    for (int64_t i = 0; i < a->nblock; i++) {
        int64_t x = cuts_size(a, i);
        double part = (double)x / (double)factor;
        if (part < 1) part = 1;
        while ((double)x >= 2 * part) {
            cuts_add(&b, (int64_t)part, 1);
            x -= (int64_t)part;
        }
        cuts_add(&b, x, x != 0);
    }
    return cuts_build(&b);
}

/* chunks moved to multiples of `factor` */
static cuts *contract(const cuts *a, int64_t factor)
{
    cuts_builder b = {0};
    int64_t rest = 0;
    for (int64_t i = 0; i < a->nblock; i++) {
        int64_t n = cuts_size(a, i) + rest, good = n / factor * factor;
        rest = n % factor;
        cuts_add(&b, good, good != 0);
    }
    return cuts_build(&b);
}

static cuts *scaled(const cuts *a, int64_t times, int64_t over)
{
    cuts_builder b = {0};
    for (uint32_t r = 0; r < a->nrun; r++)
        cuts_add(&b, a->run[r].size * times / over, a->run[r].count);
    return cuts_build(&b);
}

static cuts *repeated(const cuts *a, int64_t times)
{
    cuts_builder b = {0};
    for (int64_t k = 0; k < times; k++)
        for (uint32_t r = 0; r < a->nrun; r++) cuts_add(&b, a->run[r].size, a->run[r].count);
    return cuts_build(&b);
}

/* in[left..ii] become out[oi]; answers left, -1: impossible */
static int merge_axes(shapes *s, const grid *g, int ii, int oi)
{
    int left = ii - 1;
    while (left >= 0 && product(s->in, left, ii) < s->out[oi]) left--;
    if (left < 0 || product(s->in, left, ii) != s->out[oi]) return -1;
    bool ones = true;
    for (int i = 0; i < ii; i++) ones &= g->ax[i]->nblock == s->in[i];
    if (ones) { /* leading axes in chunks of one: blocks only move */
        int64_t times = 1;
        for (int i = left; i < ii; i++) times *= g->ax[i]->nblock;
        for (int i = 0; i <= ii; i++) put(&s->incut[i], datum_ref(g->ax[i]));
        put(&s->outcut[oi], repeated(g->ax[ii], times));
        return left;
    }
    int64_t blocks = 1;
    for (int i = left + 1; i <= ii; i++) {
        put(&s->incut[i], cuts_repeat(1, s->in[i]));
        blocks *= g->ax[i]->nblock;
    }
    put(&s->incut[left], expand(g->ax[left], blocks));
    put(&s->outcut[oi], scaled(s->incut[left], product(s->in, left + 1, ii), 1));
    return left;
}

/* in[ii] becomes out[left..oi]; answers left, -1: impossible */
static int split_axis(shapes *s, const grid *g, int ii, int oi)
{
    int left = oi - 1;
    while (left >= 0 && product(s->out, left, oi) < s->in[ii]) left--;
    if (left < 0 || product(s->out, left, oi) != s->in[ii]) return -1;
    int64_t cs = product(s->out, left + 1, oi);
    put(&s->incut[ii], contract(g->ax[ii], cs));
    for (int i = left + 1; i <= oi; i++) put(&s->outcut[i], cuts_repeat(1, s->out[i]));
    put(&s->outcut[left], scaled(s->incut[ii], 1, cs));
    return left;
}

static bool match(shapes *s, const grid *g, err *e)
{
    int ii = s->nin - 1, oi = s->nout - 1;
    while (ii >= 0 || oi >= 0) {
        int i = ii >= 0 ? ii : s->nin - 1, o = oi >= 0 ? oi : s->nout - 1;
        int64_t din = s->in[i], dout = s->out[o];
        if (din == dout && ii >= 0 && oi >= 0) {
            put(&s->incut[ii], datum_ref(g->ax[ii]));
            put(&s->outcut[oi], datum_ref(g->ax[ii]));
            ii--;
            oi--;
        } else if (din == 1 && ii >= 0)
            put(&s->incut[ii--], cuts_repeat(1, 1));
        else if (dout == 1 && oi >= 0)
            put(&s->outcut[oi--], cuts_repeat(1, 1));
        else if (ii < 0 || oi < 0)
            return uneven(e);
        else {
            int left = din < dout ? merge_axes(s, g, ii, oi) : split_axis(s, g, ii, oi);
            if (left < 0) return uneven(e);
            if (din < dout)
                oi--, ii = left - 1;
            else
                oi = left - 1, ii--;
        }
    }
    return true;
}

/* --- the layer: block i of the input, reshaped, is block i --- */

static bool reshape_args(const block_layer *l, uint64_t i, arena *a, task_view *out)
{
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    const grid *g = l->base.grid;
    grid_block(g, i, block);
    grid_block_shape(g, block, shape);
    lit *arg = arena_alloc(a, 2 * sizeof *arg);
    ref *in = arena_alloc(a, sizeof *in);
    *in = (ref){l->base.dep[0], i};
    arg[0] = lit_in(0);
    arg[1] = lit_ints(a, g->ndim, shape);
    *out = (task_view){.f = l->f, .narg = 2, .arg = arg, .nin = 1, .in = in};
    return true;
}

layer *layer_reshaped(const char *name, layer *of, grid *g)
{
    block_layer *l = block_layer_new(name, fn_reshape(0, NULL), reshape_args, g, of->type, 1, &of);
    l->base.flags = LAYER_ONE_TO_ONE;
    return &l->base;
}

bool layer_is_reshaped(const layer *l)
{
    const block_layer *b = as_block_layer(l);
    return b && b->args == reshape_args;
}

static expr *reshape_layer(const expr *x, const char *name, grid *g)
{
    return expr_of_layer(layer_reshaped(name, x->of, g));
}

static expr *by_rechunk(const expr *x, int ndim, const int64_t *shape, const char *name, err *e)
{
    shapes s = {.nin = expr_ndim(x), .nout = ndim};
    expr_shape(x, s.in);
    memcpy(s.out, shape, (size_t)ndim * sizeof *shape);
    expr *y = NULL;
    if (match(&s, x->chunks, e)) {
        grid *in = grid_new(s.nin, s.incut), *out = grid_new(s.nout, s.outcut);
        expr *cut = expr_rechunk(x, in, 0, 0, e);
        y = cut ? reshape_layer(cut, name, out) : NULL;
        datum_unref(cut);
        datum_unref(in);
        datum_unref(out);
    }
    shapes_clear(&s);
    return y;
}

/* the leading axes in chunks of one, so that merging them only moves blocks */
static expr *loosened(const expr *x, int n, err *e)
{
    cuts *ax[GRID_MAXDIM];
    for (int i = 0; i < expr_ndim(x); i++)
        ax[i] = i < n ? cuts_repeat(x->chunks->ax[i]->extent, 1) : datum_ref(x->chunks->ax[i]);
    grid *g = grid_new(expr_ndim(x), ax);
    for (int i = 0; i < expr_ndim(x); i++) datum_unref(ax[i]);
    expr *y = expr_rechunk(x, g, 0, 0, e);
    datum_unref(g);
    return y;
}

expr *expr_reshape(const expr *x, int ndim, const int64_t *want, bool merge_chunks, err *e)
{
    if (!x) return NULL;
    int64_t shape[GRID_MAXDIM], known = 1, size = grid_count(x->chunks);
    int open = -1;
    for (int i = 0; i < ndim; i++) {
        shape[i] = want[i];
        if (want[i] >= 0) {
            known *= want[i];
            continue;
        }
        if (open >= 0) return err_set(e, ValueError, "can only specify one unknown dimension");
        open = i;
    }
    if (open >= 0 && ndim == 1 && expr_ndim(x) == 1) return expr_ref(x);
    if (size < 0) {
        char *text = expr_shape_text(x);
        err_set(e, ValueError,
                "Array chunk size or shape is unknown. shape: %s\n\n"
                "Possible solution with x.compute_chunk_sizes()",
                text);
        mem_free(text);
        return NULL;
    }
    if (open >= 0) shape[open] = known ? size / known : 0;
    if (open >= 0 && known && size % known) {
        char text[64];
        snprintf(text, sizeof text, "%.17g", (double)size / (double)known);
        return err_set(e, IndexError, "Bad index.  Must be integer-like: %s", text);
    }
    if (product(shape, 0, ndim - 1) != size)
        return err_set(e, ValueError, "total size of new array must be unchanged");
    bool same = ndim == expr_ndim(x);
    for (int i = 0; i < ndim && same; i++) same = shape[i] == x->chunks->ax[i]->extent;
    if (same) return expr_ref(x);
    token t = {0};
    token_expr(&t, x);
    token_add(&t, shape, (size_t)ndim * sizeof *shape);
    token_int(&t, merge_chunks);
    char *name = token_name(&t, "reshape");
    expr *y = NULL;
    if (x->chunks->nblock == 1) {
        grid *g = grid_one(ndim, shape);
        y = reshape_layer(x, name, g);
        datum_unref(g);
    } else if (!merge_chunks && expr_ndim(x) > ndim) {
        expr *loose = loosened(x, expr_ndim(x) - ndim, e);
        y = loose ? by_rechunk(loose, ndim, shape, name, e) : NULL;
        datum_unref(loose);
    } else
        y = by_rechunk(x, ndim, shape, name, e);
    mem_free(name);
    return y;
}
