/* engine/run/advice.c - chunks that would fit, when a plan does not.
 *
 * Blocks are as large as those of the arrays that they come from, or as a rechunk on the way makes
 * them: these chunks are what a user can choose.  They are cut along axes that are cut already,
 * because many operations want the others whole (a transform along an axis, a tall QR). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/expr/rechunk.h"
#include "engine/run/memory.h"

enum { MANY = 512 /* layers looked at */ };

typedef struct origin { /* whose chunks are to be other ones */
    const layer *seen[MANY];
    uint32_t nseen;
    bool square; /* something on the way wants square blocks */
    const layer *best;
    double bytes;
} origin;

static double largest_block(const layer *l, const grid *g)
{
    double n = (double)l->type.size;
    for (int k = 0; k < g->ndim; k++) n *= (double)(g->ax[k]->largest > 0 ? g->ax[k]->largest : 1);
    return n;
}

static bool enlarges(const layer *l)
{
    const grid *from = as_rechunk(l);
    return from && largest_block(l, l->grid) > largest_block(l, from);
}

static bool wants_square(const layer *l)
{
    enum { FEW = 16 }; /* tasks that make a block of the diagonal are among the first */
    arena a = {0};
    task_view v = {0};
    bool is = false;
    for (uint64_t i = 0; !is && i < l->count && i < FEW; i++)
        is = layer_task(l, i, &a, &v, NULL) && v.f && v.f->flags & FN_SQUARE;
    arena_clear(&a);
    return is;
}

static void look(origin *o, const layer *l)
{
    for (uint32_t i = 0; i < o->nseen; i++)
        if (o->seen[i] == l) return;
    if (o->nseen == MANY) return;
    o->seen[o->nseen++] = l;
    o->square |= wants_square(l);
    if (l->ndep && !enlarges(l)) {
        for (uint32_t k = 0; k < l->ndep; k++) look(o, l->dep[k]);
        return;
    }
    double bytes = l->grid && grid_known(l->grid) && l->grid->ndim ? largest_block(l, l->grid) : 0;
    if (bytes <= o->bytes) return;
    o->bytes = bytes;
    o->best = l;
}

/* Axes that are better left alone: those that are whole, while others are not; of a block that is
 * all there is, those that a rechunk has made whole, else all but the first: rows stay whole. */
static uint32_t whole_axes(const layer *l)
{
    const grid *g = l->grid, *from = enlarges(l) ? as_rechunk(l) : NULL;
    uint32_t axes = 0, all = (uint32_t)((1ull << g->ndim) - 1), made = 0;
    for (int k = 0; k < g->ndim; k++) {
        if (g->ax[k]->nblock == 1) axes |= axis_bit(k);
        if (from && from->ax[k]->nblock > 1) made |= axis_bit(k);
    }
    if (axes != all) return axes;
    return made && made != all ? made : all & ~1u;
}

/* Cuts blocks to a `times`th, the longest axis first. */
static void cut(const layer *l, double times, bool square, int64_t *shape)
{
    const grid *g = l->grid;
    uint32_t keep = square ? 0 : whole_axes(l);
    if (square) times = exp2(2 * ceil(log2(times) / 2)); /* both axes alike */
    for (int k = 0; k < g->ndim; k++) shape[k] = g->ax[k]->largest;
    while (times > 1) {
        int longest = -1;
        for (int k = 0; k < g->ndim; k++)
            if (!(keep & axis_bit(k)) && shape[k] > 1 && (longest < 0 || shape[k] > shape[longest]))
                longest = k;
        if (longest < 0 && !keep) return;
        if (longest < 0) {
            keep = 0;
            continue;
        }
        int64_t half = (shape[longest] + 1) / 2;
        times *= (double)half / (double)shape[longest];
        shape[longest] = half;
    }
}

/* May a rechunk have chosen its chunks itself, by the size that "auto" stands for? */
static bool may_be_auto(const layer *l)
{
    const double usual = 128 << 20;
    return enlarges(l) && largest_block(l, l->grid) <= usual;
}

double origin_bytes(const layer *l)
{
    origin *o = mem_zero(sizeof *o);
    look(o, l);
    double bytes = o->bytes;
    mem_free(o);
    return bytes;
}

void plan_advice(const layer *cause, double times, char *out, size_t size)
{
    origin *o = mem_zero(sizeof *o);
    int64_t shape[GRID_MAXDIM];
    char text[200], name[64];
    double bytes;
    look(o, cause);
    const layer *l = o->best;
    bool square = o->square && l && l->grid->ndim == 2;
    mem_free(o);
    if (!l) {
        snprintf(out, size, "smaller chunks would fit");
        return;
    }
    cut(l, times, square, shape);
    shape_text(l->grid->ndim, shape, text, sizeof text);
    layer_short_name(l, name);
    bytes = (double)l->type.size;
    for (int k = 0; k < l->grid->ndim; k++) bytes *= (double)shape[k];
    int n = snprintf(out, size, "chunks=%s of '%s' would fit", text, name);
    if (may_be_auto(l) && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n,
                 " (where \"auto\" chose them: dask.config.set({\"array.chunk-size\": %.0f}))",
                 bytes);
}
