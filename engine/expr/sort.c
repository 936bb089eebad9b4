/* engine/expr/sort.c - a 1-d array in ascending order, in pieces of any number.
 *
 * Chunks are sorted into runs; evenly spaced samples of all runs tell between which elements of
 * each run every border of the result must lie (windows); from these few elements the border is
 * found exactly; and each piece of the result is gathered from all runs and merged by sorting.  So
 * every element is moved to disk and back once at most, whatever its value: elements are ordered
 * by value, run and place in the run, in which order there are no equal ones.  No task holds more
 * than a few chunks at a time; of runs that had to be spilled parts are read. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/parts.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

enum {
    PER_PIECE = 32,      /* samples of a run for each piece */
    FEW = 64,            /* runs; of more, */
    RUN_BYTES = 16 << 20 /* small chunks are put together up to this */
};

static nd *ints(int64_t n, err *e)
{
    return nd_new(dtype_plain(DT_int64), 1, &n, e);
}

static int64_t *elements(const nd *x)
{
    return (int64_t *)(void *)x->at;
}

/* --- runs, and parts of them wherever they are kept --- */

/* (chunks): all of them, sorted */
static datum *run_call(const fn *f, const call *c, err *e)
{
    const nd **x = mem_alloc(c->nin * sizeof *x);
    bool ok = true;
    (void)f;
    for (uint32_t i = 0; i < c->nin && ok; i++) ok = (x[i] = arg_nd(c, &c->arg[i], e)) != NULL;
    nd *all = !ok           ? NULL
              : c->nin == 1 ? nd_ref((nd *)(uintptr_t)x[0])
                            : nd_concat((int)c->nin, x, 0, (dtype_of){.dt = DT_none}, e);
    nd *out = all ? nd_sort(all, 0, e) : NULL;
    datum_unref(all);
    mem_free((void *)x);
    return (datum *)out;
}

/* as much of input k as is known without it */
static const nd *outline(const call *c, uint32_t k, err *e)
{
    const nd *x = part_outline(c->in[k]);
    return x ? x : err_set(e, TypeError, "a sorted run is a '%s'", c->in[k]->kind->name);
}

/* all of input k; owned */
static nd *whole(const call *c, uint32_t k, err *e)
{
    return outline(c, k, e) ? part_whole(c->in[k], e) : NULL;
}

static nd *part_of(const call *c, uint32_t k, int64_t from, int64_t n, err *e)
{
    return part_fetch(c->in[k], from, n, e);
}

/* Which elements of a run of n are its samples. */
typedef struct spacing {
    int64_t from, step, count;
} spacing;

static spacing spacing_of(int64_t n, int64_t most)
{
    int64_t step = n > most ? n / most : 1, from = step / 2;
    return (spacing){from, step, n > from ? (n - from + step - 1) / step : 0};
}

/* (run, most samples): copied */
static datum *sample_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e);
    (void)f;
    if (!x) return NULL;
    spacing s = spacing_of(nd_shape(x)[0], c->arg[1].i);
    nd *some = nd_slice(x, 0, s.from, s.count, s.step), *out = nd_copy(some, e);
    datum_unref(some);
    return (datum *)out;
}

/* --- windows ---
 *
 * Before sample t, in the order of all samples, stand in each run at least the elements up to its
 * last sample before t (low), and at most those before its first sample from t on (high). */

typedef struct survey {
    int64_t nrun, npiece, nsample;
    const int64_t *order; /* of all samples, run after run */
    int32_t *owner;       /* whose sample that is */
    int64_t *first;       /* where a run's samples begin */
    int64_t *size;        /* of the run */
    spacing *at;
    int64_t *low, *high, sum_low, sum_high;
    int64_t *rank, *below, *above; /* of each border: its rank, samples that bound it */
} survey;

static void survey_start(survey *s)
{
    s->sum_low = s->sum_high = 0;
    for (int64_t i = 0; i < s->nrun; i++) {
        s->low[i] = 0;
        s->high[i] = s->at[i].count ? s->at[i].from : s->size[i];
        s->sum_high += s->high[i];
    }
}

static void survey_pass(survey *s, int64_t t)
{
    int64_t which = s->order[t], i = s->owner[which], q = which - s->first[i];
    const spacing *a = &s->at[i];
    int64_t low = a->from + q * a->step + 1;
    int64_t high = q + 1 < a->count ? a->from + (q + 1) * a->step : s->size[i];
    s->sum_low += low - s->low[i];
    s->sum_high += high - s->high[i];
    s->low[i] = low;
    s->high[i] = high;
}

static void find_bounds(survey *s)
{
    for (int64_t j = 0; j <= s->npiece; j++) s->below[j] = -1;
    for (int64_t j = 0; j <= s->npiece; j++) s->above[j] = s->nsample;
    int64_t a = 0, b = 0;
    survey_start(s);
    for (int64_t t = 0; t < s->nsample; t++) {
        while (a <= s->npiece && s->sum_high > s->rank[a]) s->below[a++] = t - 1;
        while (b <= s->npiece && s->sum_low >= s->rank[b]) s->above[b++] = t;
        survey_pass(s, t);
    }
    while (a <= s->npiece) s->below[a++] = s->nsample - 1;
}

/* out: for each border its rank, low of each run, high of each run */
static void write_windows(survey *s, int64_t *out)
{
    int64_t row = 2 * s->nrun + 1, a = 0, b = 0;
    find_bounds(s);
    for (int64_t j = 0; j <= s->npiece; j++) out[j * row] = s->rank[j];
    for (; a <= s->npiece && s->below[a] < 0; a++)
        memset(out + a * row + 1, 0, (size_t)s->nrun * sizeof *out);
    survey_start(s);
    for (int64_t t = 0; t <= s->nsample; t++) {
        for (; a <= s->npiece && s->below[a] == t; a++)
            memcpy(out + a * row + 1, s->low, (size_t)s->nrun * sizeof *out);
        for (; b <= s->npiece && s->above[b] == t; b++)
            memcpy(out + b * row + 1 + s->nrun, s->high, (size_t)s->nrun * sizeof *out);
        if (t < s->nsample) survey_pass(s, t);
    }
}

static bool survey_runs(survey *s, const call *c, int64_t most, err *e)
{
    int64_t total = 0;
    for (int64_t i = 0; i < s->nrun; i++) {
        const nd *x = outline(c, (uint32_t)(s->nrun + i), e);
        TRY(x);
        s->size[i] = nd_shape(x)[0];
        s->at[i] = spacing_of(s->size[i], most);
        s->first[i] = s->nsample;
        s->nsample += s->at[i].count;
        total += s->size[i];
    }
    for (int64_t j = 0; j <= s->npiece && s->rank[s->npiece] < 0; j++)
        s->rank[j] = (int64_t)((double)total * (double)j / (double)s->npiece);
    s->rank[s->npiece] = total;
    return true;
}

static nd *all_samples(const survey *s, const call *c, err *e)
{
    nd **x = mem_zero((size_t)s->nrun * sizeof *x), *all = NULL;
    int64_t n = 0;
    while (n < s->nrun && (x[n] = whole(c, (uint32_t)n, e))) n++;
    if (n == s->nrun)
        all = nd_concat((int)n, (const nd *const *)x, 0, (dtype_of){.dt = DT_none}, e);
    while (n) datum_unref(x[--n]);
    mem_free(x);
    return all;
}

/* (samples of each run, runs, ranks of the borders or an even split, most samples of a run) */
static datum *windows_call(const fn *f, const call *c, err *e)
{
    arena a = {0};
    const lit *ranks = &c->arg[c->nin];
    survey s = {.nrun = c->nin / 2, .npiece = ranks->n - 1};
    size_t nrun = (size_t)s.nrun, nborder = ranks->n;
    (void)f;
    s.size = arena_alloc(&a, 3 * nrun * sizeof *s.size);
    s.low = s.size + nrun;
    s.high = s.low + nrun;
    s.first = arena_alloc(&a, nrun * sizeof *s.first);
    s.at = arena_alloc(&a, nrun * sizeof *s.at);
    s.rank = arena_alloc(&a, 3 * nborder * sizeof *s.rank);
    s.below = s.rank + nborder;
    s.above = s.below + nborder;
    for (uint32_t j = 0; j < nborder; j++) s.rank[j] = ranks->item[j].i;
    nd *all = survey_runs(&s, c, c->arg[c->nin + 1].i, e) ? all_samples(&s, c, e) : NULL;
    nd *order = all ? nd_argsort(all, 0, true, e) : NULL;
    nd *out = order ? ints((int64_t)nborder * (2 * s.nrun + 1), e) : NULL;
    if (out) {
        s.order = elements(order);
        s.owner = arena_alloc(&a, ((size_t)s.nsample + 1) * sizeof *s.owner);
        for (int64_t i = 0; i < s.nrun; i++)
            for (int64_t q = 0; q < s.at[i].count; q++) s.owner[s.first[i] + q] = (int32_t)i;
        write_windows(&s, elements(out));
    }
    datum_unref(order);
    datum_unref(all);
    arena_clear(&a);
    return (datum *)out;
}

/* --- borders --- */

/* the first `take` of what the windows hold, in order: how many of each run, added to place */
static bool take_first(nd *const *part, int64_t nrun, int64_t take, int64_t *place, err *e)
{
    nd *all = nd_concat((int)nrun, (const nd *const *)part, 0, (dtype_of){.dt = DT_none}, e);
    nd *order = all ? nd_argsort(all, 0, true, e) : NULL;
    int32_t *owner = order ? try_alloc(((size_t)nd_count(all) + 1) * sizeof *owner, e) : NULL;
    int64_t at = 0;
    for (int64_t i = 0; i < nrun && owner; i++)
        for (int64_t q = 0; q < nd_shape(part[i])[0]; q++) owner[at++] = (int32_t)i;
    for (int64_t t = 0; t < take && owner; t++) place[owner[elements(order)[t]]]++;
    bool ok = owner != NULL;
    mem_free(owner);
    datum_unref(order);
    datum_unref(all);
    return ok;
}

/* (windows, runs, j): where border j cuts each run */
static datum *border_call(const fn *f, const call *c, err *e)
{
    nd *w = whole(c, 0, e);
    int64_t nrun = c->nin - 1, have = 0;
    (void)f;
    if (!w) return NULL;
    const int64_t *row = elements(w) + c->arg[c->nin].i * (2 * nrun + 1), *low = row + 1;
    const int64_t *high = low + nrun;
    int64_t take = row[0];
    for (int64_t i = 0; i < nrun; i++) take -= low[i];
    nd *out = ints(nrun, e), **part = mem_zero((size_t)nrun * sizeof *part);
    bool ok = out != NULL;
    if (ok) memcpy(elements(out), low, (size_t)nrun * sizeof *low);
    for (; have < nrun && ok && take; have += ok)
        ok = (part[have] = part_of(c, (uint32_t)have + 1, low[have], high[have] - low[have], e));
    if (ok && take) ok = take_first(part, nrun, take, elements(out), e);
    for (int64_t i = 0; i < have; i++) datum_unref(part[i]);
    mem_free(part);
    datum_unref(w);
    if (!ok) out = datum_unref(out);
    return (datum *)out;
}

/* --- pieces --- */

static bool gather(const call *c, const int64_t *lo, const int64_t *hi, nd *all, err *e)
{
    int64_t at = 0;
    for (uint32_t i = 0; i + 2 < c->nin; i++) {
        int64_t n = hi[i] - lo[i];
        if (!n) continue;
        nd *from = part_of(c, i + 2, lo[i], n, e), *to = nd_slice(all, 0, at, n, 1);
        bool ok = from && nd_assign(to, from, 'u', NULL, e);
        datum_unref(from);
        datum_unref(to);
        TRY(ok);
        at += n;
    }
    return true;
}

/* (border, next border, runs): what lies between them */
static datum *merge_call(const fn *f, const call *c, err *e)
{
    nd *lo = whole(c, 0, e), *hi = whole(c, 1, e), *all = NULL, *out = NULL;
    const nd *first = outline(c, 2, e);
    int64_t n = 0;
    (void)f;
    if (lo && hi && first) {
        for (uint32_t i = 0; i + 2 < c->nin; i++) n += elements(hi)[i] - elements(lo)[i];
        all = nd_new(nd_type(first), 1, &n, e);
    }
    if (all && gather(c, elements(lo), elements(hi), all, e)) out = nd_sort(all, 0, e);
    datum_unref(all);
    datum_unref(lo);
    datum_unref(hi);
    return (datum *)out;
}

/* (piece, start, size): one of its chunks, a view */
static datum *chunk_call(const fn *f, const call *c, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e);
    (void)f;
    return x ? (datum *)nd_slice(x, 0, c->arg[1].i, c->arg[2].i, 1) : NULL;
}

static const fn_kind run_kind = {
    .name = "sort_run", .version = 1, .call = run_call, .cost = {.ns = 8}};
static const fn_kind sample_kind = {
    .name = "sort_sample", .version = 2, .call = sample_call, .cost = {.nothing = true}};
static const fn_kind windows_kind = {.name = "sort_windows",
                                     .version = 1,
                                     .call = windows_call,
                                     .cost = {.nothing = true, .streams = true, .parts = true}};
static const fn_kind border_kind = {.name = "sort_border",
                                    .version = 1,
                                    .call = border_call,
                                    .cost = {.nothing = true, .streams = true, .parts = true}};
static const fn_kind merge_kind = {.name = "sort_merge",
                                   .version = 1,
                                   .call = merge_call,
                                   .cost = {.streams = true, .parts = true, .copies = 2, .ns = 8}};
static const fn_kind chunk_kind = {
    .name = "sort_chunk", .version = 1, .call = chunk_call, .cost = {.view = true}};

/* --- the graph --- */

typedef struct sorting {
    const expr *x;
    graph_builder *b;
    const char *hash;
    int64_t n, each, nrun; /* chunks; in a run, and in a piece; runs, and pieces */
    ref *run, *border;
} sorting;

/* a helper task's key: ("sort-WHAT-<hash>", i) */
static ref helper(sorting *s, const char *what, int64_t i)
{
    strbuf b = {0};
    sb_addf(&b, "sort-%s-%s", what, s->hash);
    uint64_t id = graph_add_key(s->b, sb_text(&b), i < 0 ? 0 : 1, &i);
    sb_clear(&b);
    return (ref){NULL, id};
}

/* one task of f(in..., literals...) */
static void set(sorting *s, ref to, const fn *f, uint32_t nin, const ref *in, uint32_t nlit,
                const lit *literal)
{
    lit *arg = mem_alloc((nin + nlit) * sizeof *arg);
    for (uint32_t k = 0; k < nin; k++) arg[k] = lit_in(k);
    for (uint32_t k = 0; k < nlit; k++) arg[nin + k] = literal[k];
    graph_set_task(s->b, to.i, f, nin + nlit, arg, nin, in);
    mem_free(arg);
}

/* a helper that gives as much as the chunks [k, to) */
static void set_size(sorting *s, ref r, int64_t k, int64_t to)
{
    const cuts *a = s->x->chunks->ax[0];
    int64_t n = 0;
    for (; k < to; k++) n += cuts_size(a, k);
    graph_set_bytes(s->b, r.i, (uint64_t)n * s->x->type.size);
}

static int64_t chunk_after(const sorting *s, int64_t piece)
{
    int64_t k = (piece + 1) * s->each;
    return k < s->n ? k : s->n;
}

static void run_tasks(sorting *s, const fn *sort, const fn *sample, const fn *windows, bool known)
{
    uint32_t r = (uint32_t)s->nrun;
    const lit most = lit_int(PER_PIECE * s->nrun);
    ref *in = mem_alloc((2 * r + (size_t)s->each) * sizeof *in);
    for (int64_t i = 0; i < s->nrun; i++) {
        uint32_t n = 0;
        for (int64_t k = i * s->each; k < chunk_after(s, i); k++)
            in[n++] = (ref){s->x->of, (uint64_t)k};
        s->run[i] = helper(s, "run", i);
        set(s, s->run[i], sort, n, in, 0, NULL);
        if (known) set_size(s, s->run[i], i * s->each, chunk_after(s, i));
    }
    for (int64_t i = 0; i < s->nrun; i++) {
        in[i] = helper(s, "sample", i);
        in[r + i] = s->run[i];
        set(s, in[i], sample, 1, &s->run[i], 1, &most);
    }
    lit *rank = mem_alloc((r + 1) * sizeof *rank);
    for (int64_t j = 0; j <= s->nrun; j++)
        rank[j] = lit_int(known ? cuts_start(s->x->chunks->ax[0], chunk_after(s, j - 1)) : -1);
    s->border[0] = helper(s, "windows", -1);
    set(s, s->border[0], windows, 2 * r, in, 2, (lit[]){lit_items(LIT_LIST, r + 1, rank), most});
    mem_free(rank);
    mem_free(in);
}

static void piece_tasks(sorting *s, const fn *border, const fn *merge, const fn *chunk)
{
    uint32_t r = (uint32_t)s->nrun;
    const cuts *a = s->x->chunks->ax[0];
    ref *in = mem_alloc((r + 2) * sizeof *in);
    in[0] = s->border[0];
    memcpy(in + 1, s->run, r * sizeof *in);
    for (int64_t j = 0; j <= s->nrun; j++) {
        s->border[j] = helper(s, "border", j);
        set(s, s->border[j], border, r + 1, in, 1, (lit[]){lit_int(j)});
    }
    memcpy(in + 2, s->run, r * sizeof *in);
    for (int64_t j = 0; j < s->nrun; j++) {
        ref piece = s->each > 1 ? helper(s, "merge", j) : (ref){NULL, (uint64_t)j};
        in[0] = s->border[j];
        in[1] = s->border[j + 1];
        set(s, piece, merge, r + 2, in, 0, NULL);
        if (s->each > 1) set_size(s, piece, j * s->each, chunk_after(s, j));
        for (int64_t k = j * s->each; k < chunk_after(s, j) && s->each > 1; k++)
            set(s, (ref){NULL, (uint64_t)k}, chunk, 1, &piece, 2,
                (lit[]){lit_int(cuts_start(a, k) - cuts_start(a, j * s->each)),
                        lit_int(cuts_size(a, k))});
    }
    mem_free(in);
}

/* Chunks in a run: many small ones would be as many small parts of each piece. */
static int64_t chunks_together(const expr *x)
{
    const cuts *a = x->chunks->ax[0];
    int64_t n = (int64_t)x->chunks->nblock, bytes = a->largest * (int64_t)x->type.size;
    int64_t fit = bytes > 0 ? RUN_BYTES / bytes : 1, few = (n + FEW - 1) / FEW;
    return fit < 1 ? 1 : fit < few ? fit : few;
}

static void all_tasks(sorting *s, bool known)
{
    const fn_kind *const kind[] = {&run_kind,    &sample_kind, &windows_kind,
                                   &border_kind, &merge_kind,  &chunk_kind};
    fn *f[sizeof kind / sizeof *kind];
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++)
        f[k] = fn_new(sizeof(fn), kind[k], kind[k]->name);
    s->each = known ? chunks_together(s->x) : 1;
    s->nrun = (s->n + s->each - 1) / s->each;
    /* with the radix sort's room; chunks that are sorted together are joined first */
    f[0]->copies = (uint8_t)(s->each > 1 ? s->each < 100 ? 2 * s->each : 200 : 1);
    s->run = mem_alloc((size_t)s->nrun * sizeof *s->run);
    s->border = mem_alloc((size_t)(s->nrun + 1) * sizeof *s->border);
    for (int64_t j = 0; j < s->n; j++) graph_add_key(s->b, NULL, 1, &j);
    run_tasks(s, f[0], f[1], f[2], known);
    piece_tasks(s, f[3], f[4], f[5]);
    for (size_t k = 0; k < sizeof f / sizeof *f; k++) datum_unref(f[k]);
    mem_free(s->run);
    mem_free(s->border);
}

expr *expr_sort(const expr *x, err *e)
{
    if (!x) return NULL;
    if (expr_ndim(x) != 1)
        return err_set(e, ValueError, "sort takes an array of one dimension, not %d", expr_ndim(x));
    if (x->type.dt == DT_object)
        return err_set(e, NotImplementedError, "sort: lazy arrays of objects are not supported");
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
    s.hash = name + strlen("sort-");
    if (s.n == 1) {
        fn *f = fn_new(sizeof *f, &run_kind, "sort");
        graph_add_key(s.b, NULL, 1, (int64_t[]){0});
        set(&s, (ref){0}, f, 1, &(ref){x->of, 0}, 0, NULL);
        datum_unref(f);
    } else
        all_tasks(&s, known);
    mem_free(name);
    layer *l = graph_build(s.b, g, x->type, e);
    datum_unref(g);
    return l ? expr_table(l) : NULL;
}
