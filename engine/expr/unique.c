/* engine/expr/unique.c - the distinct elements of a block, and of several blocks' distinct
 * elements.
 *
 * What blocks have is sorted, so it is put together from front to back: some of each is read, all
 * that is not above the least of the last elements read is merged, and so on.  Of blocks that are
 * not in memory parts are read, and the result grows as it is filled: merging takes the result and
 * little more, however large the blocks are.
 *
 * A block's distinct elements are a pack of "values" and what else was asked for; or the values
 * alone. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/kinds.h"
#include "engine/expr/parts.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

enum { VALUES, INDEX, COUNTS, NCOLUMN, MOST_ITEMS = NCOLUMN + 1 };

typedef struct unique_fn {
    fn base;
    uint32_t want; /* of enum unique_want */
    uint32_t bare; /* the values alone */
} unique_fn;

static unsigned want_of(const fn *f)
{
    return ((const unique_fn *)f)->want;
}

static bool has(unsigned want, int column)
{
    return column == VALUES || want & (column == INDEX ? UNIQUE_INDEX : UNIQUE_COUNTS);
}

/* Where a column is in a pack; NCOLUMN: how many elements it was made of, for positions. */
static uint32_t item_of(unsigned want, int column)
{
    uint32_t at = 0;
    for (int k = 0; k < column; k++) at += has(want, k);
    return at;
}

/* takes the columns */
static datum *pack_of(unsigned want, nd *const column[NCOLUMN], int64_t size)
{
    static const char *const names[][MOST_ITEMS] = {
        {"values"},
        {"values", "index", "size"},
        {"values", "counts"},
        {"values", "index", "counts", "size"},
    };
    const int which = !!(want & UNIQUE_INDEX) + 2 * !!(want & UNIQUE_COUNTS);
    datum *item[MOST_ITEMS];
    uint32_t n = 0;
    for (int k = 0; k < NCOLUMN; k++)
        if (has(want, k)) item[n++] = &column[k]->hdr;
    if (want & UNIQUE_INDEX) item[n++] = &nd_scalar(DT_int64, &size)->hdr;
    return &pack_new(n, names[which], item)->hdr;
}

/* --- of one block --- */

static datum *block_call(const fn *f, const call *c, err *e)
{
    const nd *x = c->narg ? arg_nd(c, &c->arg[0], e) : NULL;
    unique_parts u;
    if (!x || !nd_unique(x, want_of(f), &u, e)) return NULL;
    nd *const column[NCOLUMN] = {u.values, u.index, u.counts};
    return pack_of(want_of(f), column, nd_count(x));
}

/* --- of several --- */

typedef struct given {
    const datum *of;
    int64_t n, at, base;      /* elements; read so far; where its positions begin */
    nd *part[NCOLUMN], *last; /* what of it is to be merged next, and of that the last value */
} given;

typedef struct merger {
    unsigned want;
    bool in_parts;
    int64_t nrun, room; /* elements of each that are read at once */
    int64_t total, size, done;
    given *run;
    nd **piece;       /* room for one of each run */
    nd *out[NCOLUMN]; /* what is done; while it rises: of the last elements that there may be */
    buf *rising[NCOLUMN];
    dtype_of type[NCOLUMN];
} merger;

static const datum *column_of(const merger *m, const given *r, int column)
{
    return as_nd(r->of) || !datum_part(r->of, 0) ? r->of
                                                 : datum_part(r->of, item_of(m->want, column));
}

/* As much of it as is known without it. */
static const nd *outline(const datum *d, err *e)
{
    const nd *x = part_outline(d);
    if (x && x->ndim == 1) return x;
    return err_set(e, TypeError, "distinct elements are arrays of one dimension, not '%s'",
                   d ? d->kind->name : "nothing");
}

static bool open_run(merger *m, given *r, bool first, err *e)
{
    const nd *x = outline(column_of(m, r, VALUES), e);
    TRY(x);
    r->n = nd_shape(x)[0];
    r->base = m->size;
    if (first) m->type[VALUES] = nd_type(x);
    m->in_parts &= x->dtype != DT_object && x->dtype == m->type[VALUES].dt &&
                   x->size == m->type[VALUES].size && x->unit == m->type[VALUES].unit;
    for (int k = INDEX; k < NCOLUMN; k++)
        if (has(m->want, k)) {
            const nd *y = outline(column_of(m, r, k), e);
            TRY(y);
            if (nd_shape(y)[0] != r->n)
                return err_set(e, ValueError, "%lld distinct elements have %lld counts",
                               (long long)r->n, (long long)nd_shape(y)[0]);
        }
    const nd *size =
        m->want & UNIQUE_INDEX ? as_nd(datum_part(r->of, item_of(m->want, NCOLUMN))) : NULL;
    if (m->want & UNIQUE_INDEX && !(size && size->dtype == DT_int64))
        return err_set(e, TypeError, "positions need the sizes of their blocks");
    m->size += size ? *(const int64_t *)(const void *)size->at : 0;
    m->total += r->n;
    return true;
}

/* The next elements of those runs that have none. */
static bool read_on(merger *m, err *e)
{
    for (given *r = m->run; r < m->run + m->nrun; r++) {
        if (r->part[VALUES] || r->at == r->n) continue;
        int64_t n = m->in_parts && r->n - r->at > m->room ? m->room : r->n - r->at;
        for (int k = 0; k < NCOLUMN; k++)
            if (has(m->want, k)) TRY(r->part[k] = part_fetch(column_of(m, r, k), r->at, n, e));
        r->at += n;
    }
    return true;
}

/* *out: what is to be merged now: up to there.  NULL: all that is left. */
static bool find_pivot(merger *m, nd **out, err *e)
{
    int n = 0;
    *out = NULL;
    for (given *r = m->run; r < m->run + m->nrun; r++)
        if (r->at < r->n)
            m->piece[n++] = nd_slice(r->part[VALUES], 0, nd_shape(r->part[VALUES])[0] - 1, 1, 1);
    if (!n) return true;
    nd *last = nd_concat(n, (const nd *const *)m->piece, 0, (dtype_of){.dt = DT_none}, e);
    nd *sorted = last ? nd_sort(last, 0, e) : NULL;
    if (sorted) *out = nd_slice(sorted, 0, 0, 1, 1);
    while (n) datum_unref(m->piece[--n]);
    datum_unref(last);
    datum_unref(sorted);
    return *out != NULL;
}

/* *n: how many of its elements are not above the pivot. */
static bool count_below(const given *r, const nd *pivot, int64_t *n, err *e)
{
    *n = nd_shape(r->part[VALUES])[0];
    if (!pivot) return true;
    nd *at = nd_searchsorted(r->part[VALUES], pivot, true, NULL, e);
    TRY(at);
    *n = *(const int64_t *)(const void *)at->at;
    datum_unref(at);
    return true;
}

/* The first n of a run's elements: column k of them in front of piece[], the rest stays. */
static nd *take_front(given *r, int k, int64_t n)
{
    nd *x = r->part[k], *front = nd_slice(x, 0, 0, n, 1);
    int64_t all = nd_shape(x)[0];
    r->part[k] = n < all ? nd_slice(x, 0, n, all - n, 1) : NULL;
    datum_unref(x);
    return front;
}

/* --- what is merged --- */

static void *too_many(const merger *m, int64_t n, err *e)
{
    char type[32];
    dtype_name(m->type[VALUES], type);
    return err_set(e, MemoryError,
                   "more than %lld distinct elements of %s do not fit beside %.0f MiB in use: "
                   "memory_limit leaves no more; count or reduce them by block, or raise "
                   "dask.config.set(memory_limit=...)",
                   (long long)n, type, (double)(buf_live() >> 20));
}

/* Room for n elements more of column k, which are at the answer. */
static char *rise(merger *m, int k, int64_t n, err *e)
{
    enum { STEP = 16 << 20 };
    const size_t size = m->type[k].size, most = (size_t)m->total * size,
                 need = (size_t)(m->done + n) * size, step = (need + STEP - 1) / STEP * STEP;
    err own = {0};
    if (!m->rising[k]) m->rising[k] = buf_rising(most, &own);
    if (m->rising[k] && buf_raise(m->rising[k], step < most ? step : most, &own))
        return m->rising[k]->data + (size_t)m->done * size;
    err_clear(&own);
    return too_many(m, m->done, e);
}

/* Takes the columns, which come behind those that are done. */
static bool append(merger *m, nd *column[NCOLUMN], err *e)
{
    int64_t n = nd_shape(column[VALUES])[0];
    bool ok = true;
    for (int k = 0; k < NCOLUMN; k++) {
        if (!has(m->want, k)) continue;
        if (!m->in_parts) {
            m->out[k] = column[k];
            continue;
        }
        char *at = ok ? rise(m, k, n, e) : NULL;
        nd *flat = at ? nd_contiguous(column[k], e) : NULL;
        ok = flat != NULL;
        if (ok) memcpy(at, flat->at, nd_bytes(flat));
        datum_unref(flat);
        datum_unref(column[k]);
    }
    m->done += n;
    return ok;
}

/* counts add up, positions are the first there is */
static bool join_numbers(merger *m, const nd *group, const nd *all, int k, nd *out)
{
    const int64_t *at = (const int64_t *)(const void *)group->at;
    const int64_t *x = (const int64_t *)(const void *)all->at;
    int64_t *to = (int64_t *)(void *)out->at, n = nd_count(all);
    for (int64_t i = 0; i < nd_count(out); i++) to[i] = k == INDEX ? m->size : 0;
    for (int64_t i = 0; i < n; i++)
        to[at[i]] = k == COUNTS ? to[at[i]] + x[i] : x[i] < to[at[i]] ? x[i] : to[at[i]];
    return true;
}

/* all[]: the columns of several runs one after the other */
static bool unite(merger *m, nd *const all[NCOLUMN], nd *column[NCOLUMN], err *e)
{
    unique_parts u;
    bool ok = nd_unique(all[VALUES], m->want ? UNIQUE_INDEX | UNIQUE_INVERSE : 0, &u, e);
    TRY(ok);
    column[VALUES] = nd_ref(u.values);
    for (int k = INDEX; k < NCOLUMN && ok; k++) {
        if (!has(m->want, k)) continue;
        nd *flat = nd_contiguous(all[k], e);
        column[k] = flat ? nd_new(dtype_plain(DT_int64), 1, nd_shape(u.values), e) : NULL;
        ok = column[k] && join_numbers(m, u.inverse, flat, k, column[k]);
        datum_unref(flat);
    }
    unique_clear(&u);
    for (int k = 0; k < NCOLUMN && !ok; k++) column[k] = datum_unref(column[k]);
    return ok;
}

/* positions count from the first run on */
static nd *moved(nd *x, int64_t base, err *e)
{
    if (!x || !base) return x;
    nd *y = nd_copy(x, e);
    for (int64_t i = 0; y && i < nd_count(y); i++) ((int64_t *)(void *)y->at)[i] += base;
    datum_unref(x);
    return y;
}

static nd *front_of_all(merger *m, int k, const int64_t *take, int *n, err *e)
{
    nd *all = NULL;
    bool ok = true;
    *n = 0;
    for (int64_t i = 0; i < m->nrun && ok; i++) {
        given *r = &m->run[i];
        if (!take[i]) continue;
        nd *x = take_front(r, k, take[i]);
        ok = (m->piece[*n] = k == INDEX ? moved(x, r->base, e) : x) != NULL;
        *n += ok;
    }
    if (ok && *n)
        all = *n == 1 ? nd_ref(m->piece[0])
                      : nd_concat(*n, (const nd *const *)m->piece, 0, (dtype_of){.dt = DT_none}, e);
    for (int i = 0; i < *n; i++) datum_unref(m->piece[i]);
    return all;
}

static bool merge_up_to(merger *m, const nd *pivot, int64_t *take, err *e)
{
    nd *all[NCOLUMN] = {0}, *column[NCOLUMN] = {0};
    bool ok = true;
    int n = 0;
    for (int64_t i = 0; i < m->nrun && ok; i++) {
        take[i] = 0;
        if (m->run[i].part[VALUES]) ok = count_below(&m->run[i], pivot, &take[i], e);
    }
    for (int k = 0; k < NCOLUMN && ok; k++)
        if (has(m->want, k)) ok = (all[k] = front_of_all(m, k, take, &n, e)) != NULL;
    if (ok && n == 1) /* distinct as they are */
        for (int k = 0; k < NCOLUMN; k++) column[k] = nd_ref(all[k]);
    else if (ok)
        ok = unite(m, all, column, e);
    for (int k = 0; k < NCOLUMN; k++) datum_unref(all[k]);
    return ok && append(m, column, e);
}

static bool any_left(const merger *m)
{
    for (int64_t i = 0; i < m->nrun; i++)
        if (m->run[i].part[VALUES] || m->run[i].at < m->run[i].n) return true;
    return false;
}

/* All that there is may be read at once. */
static bool at_once(const merger *m)
{
    for (int64_t i = 0; i < m->nrun; i++)
        if (m->run[i].n > m->room) return false;
    return true;
}

static bool merge_all(merger *m, err *e)
{
    int64_t *take = mem_alloc(((size_t)m->nrun + 1) * sizeof *take);
    bool ok = true;
    while (ok && any_left(m)) {
        nd *pivot = NULL;
        ok = read_on(m, e) && find_pivot(m, &pivot, e) && merge_up_to(m, pivot, take, e);
        datum_unref(pivot);
    }
    mem_free(take);
    return ok;
}

/* out[k]: the columns as they are in the end */
static bool finish(merger *m, err *e)
{
    for (int k = 0; k < NCOLUMN; k++) {
        if (!has(m->want, k) || m->out[k]) continue;
        if (m->rising[k]) {
            buf_close(m->rising[k], (size_t)m->done * m->type[k].size);
            m->out[k] = nd_view(m->rising[k], m->rising[k]->data, m->type[k], 1, &m->done, NULL);
        } else { /* there is nothing */
            m->out[k] = nd_new(m->type[k], 1, &m->done, e);
        }
        TRY(m->out[k]);
    }
    return true;
}

static void merger_clear(merger *m)
{
    for (int64_t i = 0; i < m->nrun; i++)
        for (int k = 0; k < NCOLUMN; k++) datum_unref(m->run[i].part[k]);
    for (int k = 0; k < NCOLUMN; k++) {
        datum_unref(m->out[k]);
        if (m->rising[k]) buf_unref(m->rising[k]);
    }
    mem_free(m->run);
    mem_free(m->piece);
}

/* Bytes to merge at once, beside the result, which takes `all` in the end. */
static int64_t at_most(int64_t all, int64_t least, int64_t most)
{
    enum { COPIES = 8 }; /* orders, groups */
    const size_t wall = buf_wall_most(), used = buf_live() + (size_t)all;
    if (wall == SIZE_MAX) return most;
    const int64_t n = wall > used ? (int64_t)((wall - used) / COPIES) : 0;
    return n < least ? least : n > most ? most : n;
}

static bool open_runs(merger *m, const call *c, const lit *list, err *e)
{
    enum { MUCH = 16 << 20, LITTLE = 4 << 20, LEAST = 1 << 12 }; /* bytes of all, elements of one */
    m->in_parts = true;
    for (int k = INDEX; k < NCOLUMN; k++) m->type[k] = dtype_plain(DT_int64);
    for (int64_t i = 0; i < m->nrun; i++) {
        m->run[i].of = arg_datum(c, &list->item[i]);
        TRY(open_run(m, &m->run[i], i == 0, e));
    }
    int64_t row = m->type[VALUES].size;
    for (int k = INDEX; k < NCOLUMN; k++) row += has(m->want, k) ? 8 : 0;
    m->room = at_most(m->total * row, LITTLE, MUCH) / (row ? row : 1) / m->nrun;
    if (m->room < LEAST) m->room = LEAST;
    m->in_parts &= m->nrun > 1 && !at_once(m);
    return true;
}

/* ([the distinct elements of each]) */
static datum *merge_call(const fn *f, const call *c, err *e)
{
    const lit *list = c->narg ? &c->arg[0] : NULL;
    if (!list || list->kind != LIT_LIST || !list->n)
        return err_set(e, TypeError, "%s takes a list of distinct elements", f->name);
    merger m = {.want = want_of(f), .nrun = list->n};
    m.run = mem_zero((size_t)m.nrun * sizeof *m.run);
    m.piece = mem_alloc((size_t)m.nrun * sizeof(nd *));
    datum *out = NULL;
    if (open_runs(&m, c, list, e) && merge_all(&m, e) && finish(&m, e)) {
        nd *column[NCOLUMN] = {nd_ref(m.out[VALUES]), nd_ref(m.out[INDEX]), nd_ref(m.out[COUNTS])};
        out = ((const unique_fn *)f)->bare ? &column[VALUES]->hdr : pack_of(m.want, column, m.size);
    }
    merger_clear(&m);
    return out;
}

/* (pack, "values"): an item of it */
static datum *item_call(const fn *f, const call *c, err *e)
{
    const pack *p = c->narg == 2 ? as_pack(arg_datum(c, &c->arg[0])) : NULL;
    if (!p || !p->name || c->arg[1].kind != LIT_STR)
        return err_set(e, TypeError, "%s takes distinct elements and a name", f->name);
    for (uint32_t i = 0; i < p->n; i++)
        if (!strcmp(p->name[i], c->arg[1].s)) return datum_ref(p->item[i]);
    return err_set(e, KeyError, "'%s'", c->arg[1].s);
}

static const fn_field fields[] = {PARAM(unique_fn, want), PARAM(unique_fn, bare), {0}};
static const fn_kind block_kind = {.name = "unique_block",
                                   .version = 1,
                                   .size = sizeof(unique_fn),
                                   .fields = fields,
                                   .call = block_call,
                                   .takes = "x",
                                   .cost = {.maybe = 1, .ns = 8}};
static const fn_kind merge_kind = {
    .name = "unique_merge",
    .version = 1,
    .size = sizeof(unique_fn),
    .fields = fields,
    .call = merge_call,
    .cost = {.streams = true, .parts = true, .merges = true, .ns = 6}};

static const fn_kind item_kind = {.name = "unique_item",
                                  .version = 1,
                                  .size = sizeof(fn),
                                  .call = item_call,
                                  .cost = {.view = true}};

static fn *make(const fn_kind *kind, const char *name, unsigned want, bool bare)
{
    unique_fn *f = fn_new(sizeof *f, kind, name);
    f->want = want & (UNIQUE_INDEX | UNIQUE_COUNTS);
    f->bare = bare;
    f->base.maybe = (uint8_t)(f->want ? 4 : 0); /* orders; small whole numbers need none */
    f->base.items = (uint8_t)(!!(want & UNIQUE_INDEX) + !!(want & UNIQUE_COUNTS));
    fn_identify(&f->base, &f->want, 2 * sizeof f->want);
    return &f->base;
}

fn *fn_unique(unsigned want)
{
    return make(&block_kind, "unique_internal", want, false);
}

fn *fn_unique_merge(unsigned want, bool bare)
{
    return make(&merge_kind, bare ? "distinct" : "unique_merge", want, bare);
}

fn *fn_unique_item(void)
{
    return fn_new(sizeof(fn), &item_kind, "getitem");
}

const fn_kind *const unique_kinds[] = {&block_kind, &merge_kind, &item_kind, NULL};
