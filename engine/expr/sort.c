/* engine/expr/sort.c - a 1-d array in ascending order, in pieces of any number.
 *
 * Every chunk is sorted; samples of all of them give splitters; what lies between two splitters is
 * gathered from all chunks and merged by sorting; and these parts, whose sizes only the data tell,
 * are cut into chunks of the sizes that the array had.  Equal elements, of which there may be more
 * than a chunk holds, are dealt out evenly.  No task holds more than a few chunks at a time, and
 * what is gathered or cut is fetched piece by piece when it had to be spilled. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

static nd *ints(int64_t n, err *e)
{
    return nd_new(dtype_plain(DT_int64), 1, &n, e);
}

static int64_t *elements(const nd *x)
{
    return (int64_t *)(void *)x->at;
}

/* --- block functions --- */

static nd *sorted(const nd *x, err *e)
{
    return nd_sort(x, 0, e);
}

/* (sorted block, number of samples): evenly spaced ones, copied */
static datum *sample_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e);
    (void)f;
    if (!x) return NULL;
    int64_t n = nd_shape(x)[0], k = c->arg[1].i, step = n > k ? n / k : 1;
    int64_t from = step / 2, count = n > from ? (n - from + step - 1) / step : 0;
    nd *some = nd_slice(x, 0, from, count, step), *out = nd_copy(some, e);
    datum_unref(some);
    return (datum *)out;
}

/* (all samples, number of parts): one splitter less */
static datum *splitters_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e), *all = x ? nd_sort(x, 0, e) : NULL;
    (void)f;
    if (!all) return NULL;
    int64_t n = nd_shape(all)[0], parts = c->arg[1].i, want = n ? parts - 1 : 0;
    nd *at = ints(want, e), *out = NULL;
    for (int64_t j = 0; at && j < want; j++) elements(at)[j] = (j + 1) * n / parts;
    if (at) out = nd_take(all, at, 0, 'c', e);
    datum_unref(at);
    datum_unref(all);
    return (datum *)out;
}

/* Where a run of equal splitters cuts the elements equal to them. */
static void deal(const int64_t *left, const int64_t *right, int64_t n, int64_t *out)
{
    for (int64_t j = 0; j < n;) {
        int64_t same = 1;
        while (j + same < n && left[j + same] == left[j] && right[j + same] == right[j]) same++;
        bool ties = right[j] > left[j] && same > 1;
        for (int64_t q = 0; q < same; q++)
            out[j + q] = left[j] + (ties ? (right[j] - left[j]) * (q + 1) / (same + 1) : 0);
        j += same;
    }
}

/* (sorted block, splitters, number of parts): where each part begins, and the end */
static datum *places_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e), *s = x ? arg_nd(c, &c->arg[1], e) : NULL;
    (void)f;
    if (!s) return NULL;
    int64_t parts = c->arg[2].i, n = nd_shape(s)[0];
    nd *left = nd_searchsorted(x, s, false, NULL, e);
    nd *right = left ? nd_searchsorted(x, s, true, NULL, e) : NULL;
    nd *out = right ? ints(parts + 1, e) : NULL;
    if (out) {
        int64_t *at = elements(out);
        at[0] = 0;
        deal(elements(left), elements(right), n, at + 1);
        for (int64_t j = n + 1; j <= parts; j++) at[j] = nd_shape(x)[0];
    }
    datum_unref(left);
    datum_unref(right);
    return (datum *)out;
}

/* (sorted block, its places, j): part j, a view */
static datum *part_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e), *at = x ? arg_nd(c, &c->arg[1], e) : NULL;
    (void)f;
    if (!at) return NULL;
    const int64_t *p = elements(at) + c->arg[2].i;
    return (datum *)nd_slice(x, 0, p[0], p[1] - p[0], 1);
}

/* (start, stop, parts in order): elements start .. stop of them all */
static datum *cut_call(const fn *f, const call *c, err *e)
{
    int64_t start = c->arg[0].i, stop = c->arg[1].i, n = stop - start, before = 0;
    nd *out = NULL;
    (void)f;
    for (uint32_t k = 0; k < c->nin; k++) {
        const datum *d = c->in[k];
        const nd *x = d->kind->fetch_part ? (const nd *)d : as_nd(d);
        if (!x) return err_set(e, TypeError, "a sorted part is a '%s'", d->kind->name);
        if (!out && !(out = nd_new(nd_type(x), 1, &n, e))) return NULL;
        int64_t size = nd_shape(x)[0], lo = start > before ? start - before : 0;
        int64_t hi = stop - before < size ? stop - before : size, count = hi - lo;
        if (count > 0) {
            nd *to = nd_slice(out, 0, before + lo - start, count, 1);
            nd *from = d->kind->fetch_part ? as_nd(d->kind->fetch_part(d, &lo, &count, e))
                                           : nd_slice(x, 0, lo, count, 1);
            bool ok = from && nd_assign(to, from, 'u', NULL, e);
            datum_unref(from);
            datum_unref(to);
            if (!ok) return datum_unref(out);
        }
        before += size;
    }
    return (datum *)out;
}

static const fn_kind sample_kind = {
    .name = "sort_sample", .version = 1, .call = sample_call, .cost = {.nothing = true}};
static const fn_kind splitters_kind = {
    .name = "sort_splitters", .version = 1, .call = splitters_call, .cost = {.nothing = true}};
static const fn_kind places_kind = {
    .name = "sort_places", .version = 1, .call = places_call, .cost = {.nothing = true}};
static const fn_kind part_kind = {
    .name = "sort_part", .version = 1, .call = part_call, .cost = {.view = true}};
static const fn_kind cut_kind = {
    .name = "sort_cut", .version = 1, .call = cut_call, .cost = {.streams = true, .parts = true}};

/* --- the graph --- */

typedef struct sorting {
    const expr *x;
    graph_builder *b;
    int64_t n; /* chunks, and parts */
} sorting;

/* a helper task's key: ("sort-WHAT-<hash>", i, j) */
static uint64_t helper(sorting *s, const char *what, const char *hash, int n, const int64_t *i)
{
    strbuf b = {0};
    sb_addf(&b, "sort-%s-%s", what, hash);
    uint64_t id = graph_add_key(s->b, sb_text(&b), n, i);
    sb_clear(&b);
    return id;
}

static fn *plain_fn(const fn_kind *kind)
{
    return fn_new(sizeof(fn), kind, kind->name);
}

/* one task of f(in..., literals...) */
static void set(sorting *s, uint64_t id, const fn *f, uint32_t nin, const ref *in, uint32_t nlit,
                const lit *literal)
{
    lit *arg = mem_alloc((nin + nlit) * sizeof *arg);
    for (uint32_t k = 0; k < nin; k++) arg[k] = lit_in(k);
    for (uint32_t k = 0; k < nlit; k++) arg[nin + k] = literal[k];
    graph_set_task(s->b, id, f, nin + nlit, arg, nin, in);
    mem_free(arg);
}

static void cut_task(sorting *s, uint64_t id, const fn *f, const ref *part, int64_t j)
{
    const cuts *a = s->x->chunks->ax[0];
    uint32_t n = (uint32_t)s->n;
    lit *arg = mem_alloc((n + 2) * sizeof *arg);
    arg[0] = lit_int(cuts_start(a, j));
    arg[1] = lit_int(cuts_start(a, j) + cuts_size(a, j));
    for (uint32_t k = 0; k < n; k++) arg[k + 2] = lit_in(k);
    graph_set_task(s->b, id, f, n + 2, arg, n, part);
    mem_free(arg);
}

static void all_tasks(sorting *s, const char *hash, bool cut)
{
    enum { PER_PART = 32 };
    const int64_t n = s->n;
    ref *own = mem_alloc((size_t)n * sizeof *own), *at = mem_alloc((size_t)n * sizeof *at),
        *in = mem_alloc((size_t)n * sizeof *in);
    fn *sort = fn_block1("sort", sorted), *concat = fn_concat(0), *sample = plain_fn(&sample_kind),
       *split = plain_fn(&splitters_kind), *places = plain_fn(&places_kind),
       *part = plain_fn(&part_kind), *chop = plain_fn(&cut_kind);
    for (int64_t j = 0; j < n; j++) graph_add_key(s->b, NULL, 1, &j);
    for (int64_t i = 0; i < n; i++) {
        own[i] = (ref){NULL, helper(s, "chunk", hash, 1, &i)};
        set(s, own[i].i, sort, 1, &(ref){s->x->of, (uint64_t)i}, 0, NULL);
        in[i] = (ref){NULL, helper(s, "sample", hash, 1, &i)};
        set(s, in[i].i, sample, 1, &own[i], 1, (lit[]){lit_int(PER_PART * n)});
    }
    ref joined = {NULL, helper(s, "samples", hash, 0, NULL)},
        splitters = {NULL, helper(s, "splitters", hash, 0, NULL)};
    set(s, joined.i, concat, (uint32_t)n, in, 0, NULL);
    set(s, splitters.i, split, 1, &joined, 1, (lit[]){lit_int(n)});
    for (int64_t i = 0; i < n; i++) {
        at[i] = (ref){NULL, helper(s, "places", hash, 1, &i)};
        set(s, at[i].i, places, 2, (ref[]){own[i], splitters}, 1, (lit[]){lit_int(n)});
    }
    ref *merged = mem_alloc((size_t)n * sizeof *merged);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < n; i++) {
            in[i] = (ref){NULL, helper(s, "part", hash, 2, (int64_t[]){j, i})};
            set(s, in[i].i, part, 2, (ref[]){own[i], at[i]}, 1, (lit[]){lit_int(j)});
        }
        ref gathered = {NULL, helper(s, "gather", hash, 1, &j)};
        set(s, gathered.i, concat, (uint32_t)n, in, 0, NULL);
        merged[j] = (ref){NULL, cut ? helper(s, "merge", hash, 1, &j) : (uint64_t)j};
        set(s, merged[j].i, sort, 1, &gathered, 0, NULL);
    }
    for (int64_t j = 0; j < n && cut; j++) cut_task(s, (uint64_t)j, chop, merged, j);
    fn *const made[] = {sort, concat, sample, split, places, part, chop};
    for (size_t k = 0; k < sizeof made / sizeof *made; k++) datum_unref(made[k]);
    mem_free(merged);
    mem_free(own);
    mem_free(at);
    mem_free(in);
}

expr *expr_sort(const expr *x, err *e)
{
    if (!x) return NULL;
    if (expr_ndim(x) != 1)
        return err_set(e, ValueError, "sort takes an array of one dimension, not %d", expr_ndim(x));
    if (x->type.dt == DT_object)
        return err_set(e, NotImplementedError, "sort of an array of objects");
    bool known = grid_known(x->chunks);
    grid *g = known ? datum_ref(x->chunks) : NULL;
    if (!known) {
        cuts *open = cuts_repeat((int64_t)x->chunks->nblock, -1);
        g = grid_new(1, &open);
        datum_unref(open);
    }
    token t = {0};
    token_expr(&t, x);
    char *name = token_name(&t, "sort");
    sorting s = {.x = x, .b = graph_builder_new(name), .n = (int64_t)x->chunks->nblock};
    if (s.n == 1) {
        fn *f = fn_block1("sort", sorted);
        graph_add_key(s.b, NULL, 1, (int64_t[]){0});
        set(&s, 0, f, 1, &(ref){x->of, 0}, 0, NULL);
        datum_unref(f);
    } else
        all_tasks(&s, name + strlen("sort-"), known);
    mem_free(name);
    layer *l = graph_build(s.b, g, x->type, e);
    datum_unref(g);
    return l ? expr_table(l) : NULL;
}
