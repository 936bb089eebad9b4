/* engine/data/grid.c - chunk sizes along axes, and blocks of grids.
 *
 * Lookups are binary searches over runs: nothing here is proportional to the number of blocks. */
#include "engine/data/grid.h"

#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/base/wire.h"

static void drop_axis(datum *d)
{
    mem_free(d);
}

static bool save_axis(const datum *d, wire_out *w, err *e)
{
    const cuts *a = (const cuts *)(const void *)d;
    (void)e;
    wire_u32(w, a->nrun);
    wire_bytes(w, a->run, a->nrun * sizeof(run));
    return true;
}

static void *load_axis(wire_in *r, err *e)
{
    uint32_t n = wire_get_u32(r);
    const char *s = wire_peek(r, n * sizeof(run));
    if (!s) return wire_bad(r, e);
    cuts_builder b = {0};
    for (uint32_t i = 0; i < n; i++) {
        run x;
        memcpy(&x, s + i * sizeof x, sizeof x);
        if (x.count < 0 || x.size < -1) return mem_free(b.run), wire_bad(r, e);
        cuts_add(&b, x.size, x.count);
    }
    return cuts_build(&b);
}

const datum_kind cuts_kind = {
    .name = "axis", .drop = drop_axis, .save = save_axis, .load = load_axis};

/* --- building --- */

void cuts_add(cuts_builder *b, int64_t size, int64_t count)
{
    if (!count) return;
    if (b->n && b->run[b->n - 1].size == size) {
        b->run[b->n - 1].count += count;
        return;
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 8;
        b->run = mem_grow(b->run, (size_t)b->cap * sizeof(run));
    }
    b->run[b->n++] = (run){size, count};
}

cuts *cuts_build(cuts_builder *b)
{
    size_t n = (size_t)b->n;
    cuts *a = mem_zero(sizeof(cuts) + n * (sizeof(run) + 2 * sizeof(int64_t)));
    datum_init(&a->hdr, &cuts_kind);
    a->nrun = (uint32_t)n;
    if (n) memcpy(a->run, b->run, n * sizeof(run));
    int64_t *block = (int64_t *)(a->run + n), *start = block + n;
    for (size_t i = 0; i < n; i++) {
        run r = b->run[i];
        block[i] = a->nblock;
        start[i] = a->extent;
        a->nblock += r.count;
        if (r.size < 0 || a->extent < 0)
            a->extent = a->largest = -1;
        else {
            a->extent += r.size * r.count;
            if (r.size > a->largest) a->largest = r.size;
        }
    }
    a->block = block;
    a->start = start;
    mem_free(b->run);
    *b = (cuts_builder){0};
    return a;
}

cuts *cuts_new(int64_t n, const run *runs)
{
    cuts_builder b = {0};
    for (int64_t i = 0; i < n; i++) cuts_add(&b, runs[i].size, runs[i].count);
    return cuts_build(&b);
}

cuts *cuts_of(int64_t n, const int64_t *sizes)
{
    cuts_builder b = {0};
    for (int64_t i = 0; i < n; i++) cuts_add(&b, sizes[i], 1);
    return cuts_build(&b);
}

cuts *cuts_repeat(int64_t count, int64_t size)
{
    return cuts_new(1, &(run){size, count});
}

cuts *cuts_announced(int64_t count, int64_t size, int64_t most)
{
    cuts *a = cuts_repeat(count, size);
    if (most > 0 && most < size) a->most = most;
    return a;
}

cuts *cuts_even(int64_t extent, int64_t size)
{
    cuts_builder b = {0};
    if (extent <= 0 || size <= 0)
        cuts_add(&b, extent, 1);
    else {
        cuts_add(&b, size, extent / size);
        if (extent % size) cuts_add(&b, extent % size, 1);
    }
    return cuts_build(&b);
}

/* --- asking --- */

/* the last run whose `first` is at most x */
static uint32_t run_at(const cuts *a, const int64_t *first, int64_t x)
{
    uint32_t lo = 0, hi = a->nrun;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (first[mid] <= x)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

int64_t cuts_size(const cuts *a, int64_t block)
{
    return a->run[run_at(a, a->block, block)].size;
}

static int64_t held(const cuts *a, int64_t size)
{
    return a->most && a->most < size ? a->most : size;
}

int64_t cuts_held(const cuts *a, int64_t block)
{
    return held(a, cuts_size(a, block));
}

int64_t cuts_held_most(const cuts *a)
{
    return held(a, a->largest);
}

int64_t cuts_start(const cuts *a, int64_t block)
{
    if (!a->nrun) return 0;
    uint32_t r = run_at(a, a->block, block);
    return a->start[r] + (block - a->block[r]) * a->run[r].size;
}

int64_t cuts_find(const cuts *a, int64_t element)
{
    uint32_t r = run_at(a, a->start, element);
    int64_t size = a->run[r].size;
    return size > 0 ? a->block[r] + (element - a->start[r]) / size : a->block[r];
}

bool cuts_eq(const cuts *a, const cuts *b)
{
    if (a == b) return true;
    return a->nrun == b->nrun && !memcmp(a->run, b->run, a->nrun * sizeof(run));
}

/* --- grids --- */

static void drop_grid(datum *d)
{
    grid *g = (grid *)d;
    for (int i = 0; i < g->ndim; i++) datum_unref(g->ax[i]);
    mem_free(g);
}

static bool save_grid(const datum *d, wire_out *w, err *e)
{
    const grid *g = (const grid *)(const void *)d;
    wire_u8(w, g->ndim);
    for (int i = 0; i < g->ndim; i++) TRY(wire_datum(w, &g->ax[i]->hdr, e));
    return true;
}

static void *load_grid(wire_in *r, err *e)
{
    int n = (int)wire_get_u8(r), have = 0;
    cuts *ax[GRID_MAXDIM] = {0};
    datum *d;
    bool ok = n <= GRID_MAXDIM;
    for (; ok && have < n; have += ok) {
        ok = wire_get_datum(r, &d, e) && d && d->kind == &cuts_kind;
        if (ok)
            ax[have] = (cuts *)(void *)d;
        else
            datum_unref(d);
    }
    grid *g = ok ? grid_new(n, ax) : NULL;
    while (have) datum_unref(ax[--have]);
    return g ? g : wire_bad(r, e);
}

const datum_kind grid_kind = {
    .name = "grid", .drop = drop_grid, .save = save_grid, .load = load_grid};

grid *grid_new(int ndim, cuts *const *ax)
{
    grid *g = mem_zero(sizeof(grid) + (size_t)ndim * sizeof(cuts *));
    datum_init(&g->hdr, &grid_kind);
    g->ndim = (uint8_t)ndim;
    g->nblock = 1;
    for (int i = 0; i < ndim; i++) {
        g->ax[i] = datum_ref(ax[i]);
        g->nblock *= (uint64_t)ax[i]->nblock;
    }
    return g;
}

grid *grid_even(int ndim, const int64_t *shape, const int64_t *size)
{
    cuts *ax[GRID_MAXDIM] = {0};
    for (int i = 0; i < ndim; i++) ax[i] = cuts_even(shape[i], size[i]);
    grid *g = grid_new(ndim, ax);
    for (int i = 0; i < ndim; i++) datum_unref(ax[i]);
    return g;
}

grid *grid_one(int ndim, const int64_t *shape)
{
    return grid_even(ndim, shape, shape);
}

bool grid_eq(const grid *a, const grid *b)
{
    if (a == b) return true;
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (!cuts_eq(a->ax[i], b->ax[i])) return false;
    return true;
}

bool grid_known(const grid *g)
{
    for (int i = 0; i < g->ndim; i++)
        if (!cuts_known(g->ax[i])) return false;
    return true;
}

bool grid_exact(const grid *g)
{
    for (int i = 0; i < g->ndim; i++)
        if (!cuts_known(g->ax[i]) || g->ax[i]->most) return false;
    return true;
}

void grid_shape(const grid *g, int64_t *shape)
{
    for (int i = 0; i < g->ndim; i++) shape[i] = g->ax[i]->extent;
}

int64_t grid_count(const grid *g)
{
    int64_t n = 1;
    for (int i = 0; i < g->ndim; i++) {
        if (g->ax[i]->extent < 0) return -1;
        n *= g->ax[i]->extent;
    }
    return n;
}

void grid_block(const grid *g, uint64_t linear, int64_t *block)
{
    for (int i = g->ndim; i-- > 0;) {
        uint64_t n = (uint64_t)g->ax[i]->nblock;
        bool fits = linear < n; /* always along the first axis: divisions are slow */
        block[i] = (int64_t)(n == 1 ? 0 : fits ? linear : linear % n);
        linear = n == 1 ? linear : fits ? 0 : linear / n;
    }
}

uint64_t grid_linear(const grid *g, const int64_t *block)
{
    uint64_t k = 0;
    for (int i = 0; i < g->ndim; i++) k = k * (uint64_t)g->ax[i]->nblock + (uint64_t)block[i];
    return k;
}

void grid_block_shape(const grid *g, const int64_t *block, int64_t *shape)
{
    for (int i = 0; i < g->ndim; i++) shape[i] = cuts_size(g->ax[i], block[i]);
}

void grid_block_start(const grid *g, const int64_t *block, int64_t *start)
{
    for (int i = 0; i < g->ndim; i++) start[i] = cuts_start(g->ax[i], block[i]);
}

static void add_axis_text(strbuf *b, const cuts *a)
{
    sb_addc(b, '(');
    for (uint32_t r = 0; r < a->nrun; r++)
        for (int64_t k = 0; k < a->run[r].count; k++) {
            if (r || k) sb_adds(b, ", ");
            if (a->run[r].size < 0)
                sb_adds(b, "nan");
            else
                sb_addf(b, "%lld", (long long)a->run[r].size);
        }
    sb_adds(b, a->nblock == 1 ? ",)" : ")");
}

char *cuts_text(const cuts *a)
{
    strbuf b = {0};
    add_axis_text(&b, a);
    return sb_take(&b, NULL);
}

char *grid_text(const grid *g)
{
    strbuf b = {0};
    sb_addc(&b, '(');
    for (int i = 0; i < g->ndim; i++) {
        if (i) sb_adds(&b, ", ");
        add_axis_text(&b, g->ax[i]);
    }
    sb_adds(&b, g->ndim == 1 ? ",)" : ")");
    return sb_take(&b, NULL);
}

uint64_t grid_hash(const grid *g)
{
    uint64_t h = g->ndim;
    for (int i = 0; i < g->ndim; i++)
        h = hash_bytes(g->ax[i]->run, g->ax[i]->nrun * sizeof(run), h + 1);
    return h;
}
