/* engine/expr/rechunk_plan.c - intermediate steps of a rechunk, by Dask's rules.
 *
 * A direct rechunk may need (old blocks x new blocks) tasks.  Passes of merging towards the target
 * (within the memory limit) and, when that limit is hit, of splitting keep the graph small. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/expr/rechunk.h"

typedef struct cut_set { /* one per axis, owned */
    int ndim;
    cuts *ax[GRID_MAXDIM];
} cut_set;

static void set_axis(cut_set *s, int k, cuts *a) /* takes a */
{
    datum_unref(s->ax[k]);
    s->ax[k] = a;
}

static cut_set set_copy(int ndim, cuts *const *ax)
{
    cut_set s = {.ndim = ndim};
    for (int k = 0; k < ndim; k++) s.ax[k] = datum_ref(ax[k]);
    return s;
}

static void set_clear(cut_set *s)
{
    for (int k = 0; k < s->ndim; k++) datum_unref(s->ax[k]);
}

static bool set_eq(const cut_set *a, cuts *const *b)
{
    for (int k = 0; k < a->ndim; k++)
        if (!cuts_eq(a->ax[k], b[k])) return false;
    return true;
}

static double graph_size(const cut_set *s, const grid *to)
{
    double n = 1;
    for (int k = 0; k < s->ndim; k++)
        n *= (double)(cuts_eq(s->ax[k], to->ax[k]) ? s->ax[k]->nblock
                                                   : s->ax[k]->nblock + to->ax[k]->nblock - 1);
    return n;
}

static double largest_block(int ndim, cuts *const *ax)
{
    double n = 1;
    for (int k = 0; k < ndim; k++) n *= (double)ax[k]->largest;
    return n;
}

/* every chunk cut into nearly equal pieces of at most `width` */
static cuts *divide(const cuts *a, int64_t width)
{
    cuts_builder b = {0};
    for (int64_t i = 0; i < a->nblock; i++) {
        int64_t c = cuts_size(a, i), n = (int64_t)ceil((double)c / (double)width);
        for (int64_t k = 0; k < n; k++) {
            int64_t size = c / (n - k);
            cuts_add(&b, size, 1);
            c -= size;
        }
    }
    return cuts_build(&b);
}

/* --- merging neighbours until at most `n` remain --- */

typedef struct pair {
    int64_t width, i, j;
} pair;

static bool before(const pair *a, const pair *b)
{
    if (a->width != b->width) return a->width < b->width;
    return a->i != b->i ? a->i < b->i : a->j < b->j;
}

static void sift_down(pair *h, int64_t n, int64_t i)
{
    for (int64_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && before(&h[c + 1], &h[c])) c++;
        if (!before(&h[c], &h[i])) return;
        pair t = h[i];
        h[i] = h[c];
        h[c] = t;
    }
}

static cuts *merge_equal(int64_t w, int64_t n, int64_t most)
{
    int64_t total = n * w, width = w * (total / most / w), adjust = (total - most * width) / w;
    cuts_builder b = {0};
    cuts_add(&b, width + w, adjust);
    cuts_add(&b, width, most - adjust);
    return cuts_build(&b);
}

static cuts *merge_to(const cuts *a, int64_t most)
{
    int64_t n = a->nblock, left = n - most;
    if (n <= most) return datum_ref((cuts *)(uintptr_t)a);
    if (a->nrun == 1) return merge_equal(a->run[0].size, n, most);
    int64_t *size = mem_alloc((size_t)n * sizeof *size), nheap = n - 1;
    pair *heap = mem_alloc((size_t)n * sizeof *heap);
    for (int64_t i = 0; i < n; i++) size[i] = cuts_size(a, i);
    for (int64_t i = 0; i < nheap; i++) heap[i] = (pair){size[i] + size[i + 1], i, i + 1};
    for (int64_t i = nheap / 2; i-- > 0;) sift_down(heap, nheap, i);
    while (left > 0 && nheap) {
        pair *top = &heap[0];
        if (size[top->j] == 0) { /* merged away meanwhile */
            while (size[top->j] == 0) top->j++;
            top->width = size[top->i] + size[top->j];
        } else if (size[top->i] + size[top->j] != top->width)
            top->width = size[top->i] + size[top->j];
        else {
            size[top->i] = 0;
            size[top->j] = top->width;
            left--;
            heap[0] = heap[--nheap];
        }
        sift_down(heap, nheap, 0);
    }
    cuts_builder b = {0};
    for (int64_t i = 0; i < n; i++)
        if (size[i]) cuts_add(&b, size[i], 1);
    mem_free(size);
    mem_free(heap);
    return cuts_build(&b);
}

/* --- the passes --- */

typedef struct candidate {
    int k;
    double key;
} candidate;

static int by_key(const void *x, const void *y)
{
    const candidate *a = x, *b = y;
    return a->key != b->key ? (a->key > b->key) - (a->key < b->key) : a->k - b->k;
}

static int candidates(const cut_set *s, const grid *to, candidate *c)
{
    int n = 0;
    for (int k = 0; k < s->ndim; k++) {
        double graph = (double)to->ax[k]->nblock / (double)s->ax[k]->nblock;
        double width = (double)(s->ax[k]->largest ? s->ax[k]->largest : 1);
        double block = (double)to->ax[k]->largest / width;
        if (graph > 1.0) continue;
        if (block == 1) block = 1 + 1e-9;
        c[n++] = (candidate){k, block > 0 ? log(graph) / log(block) : 0};
    }
    qsort(c, (size_t)n, sizeof *c, by_key);
    return n;
}

/* merges axes towards the target; true: the memory limit was in the way */
static bool merge_pass(cut_set *s, const grid *to, double limit)
{
    candidate c[GRID_MAXDIM];
    int n = candidates(s, to, c);
    double largest = largest_block(s->ndim, s->ax);
    cuts *old[GRID_MAXDIM];
    bool hit = false;
    for (int k = 0; k < s->ndim; k++) old[k] = datum_ref(s->ax[k]);
    for (int i = 0; i < n; i++) {
        int k = c[i].k;
        double width = (double)old[k]->largest;
        double grown = floor(largest * (double)to->ax[k]->largest / (width != 0 ? width : 1));
        if (grown <= limit) {
            set_axis(s, k, datum_ref(to->ax[k]));
            largest = grown;
            continue;
        }
        int64_t most = (int64_t)(limit * width / largest);
        cuts *finer = divide(to->ax[k], most > 0 ? most : 1);
        if (finer->nblock <= old[k]->nblock) {
            largest = floor(largest * (double)finer->largest / width);
            set_axis(s, k, datum_ref(finer));
        }
        datum_unref(finer);
        hit = true;
    }
    for (int k = 0; k < s->ndim; k++) datum_unref(old[k]);
    return hit;
}

static void split_pass(cut_set *s, const grid *to, double limit)
{
    cut_set old = set_copy(s->ndim, s->ax);
    for (int k = 0; k < s->ndim; k++) {
        double size = graph_size(s, to);
        if (size > limit) break;
        if (old.ax[k]->nblock > to->ax[k]->nblock) continue;
        cuts *c = merge_to(to->ax[k], (int64_t)((double)old.ax[k]->nblock * limit / size));
        if (c->nblock >= old.ax[k]->nblock && c->largest <= old.ax[k]->largest)
            set_axis(s, k, datum_ref(c));
        datum_unref(c);
    }
    set_clear(&old);
}

static bool trivial(const grid *old, const grid *to)
{
    if (to->ndim <= 1) return true;
    for (int k = 0; k < to->ndim; k++)
        if (!to->ax[k]->nblock || !cuts_known(old->ax[k])) return true;
    return false;
}

static grid *grid_of(const cut_set *s)
{
    return grid_new(s->ndim, s->ax);
}

int rechunk_plan(grid *old, grid *to, size_t itemsize, int64_t threshold, int64_t limit,
                 grid *step[MAX_RECHUNK_STEP])
{
    int n = 0;
    cut_set now = set_copy(to->ndim, old->ax);
    double bytes = (double)limit / (double)(itemsize ? itemsize : 1);
    double enough = (double)threshold * ((double)old->nblock + (double)to->nblock);
    bytes = fmax(bytes, fmax(largest_block(old->ndim, old->ax), largest_block(to->ndim, to->ax)));
    for (bool first = true; !trivial(old, to) && n < MAX_RECHUNK_STEP - 1; first = false) {
        double size = graph_size(&now, to);
        if (size < enough) break;
        cut_set next = set_copy(now.ndim, now.ax);
        if (!first) split_pass(&next, to, size * (double)threshold);
        bool hit = merge_pass(&next, to, bytes);
        bool same = set_eq(&next, now.ax);
        if ((same && !first) || set_eq(&next, to->ax)) {
            set_clear(&next);
            break;
        }
        if (!same) step[n++] = grid_of(&next);
        set_clear(&now);
        now = next;
        if (!hit) break;
    }
    set_clear(&now);
    step[n++] = datum_ref(to);
    return n;
}

/* --- balance=True --- */
