/* engine/expr/pick.c - regions with gaps: every tenth row, a list of rows.
 *
 * A region of a source is a slice or a list of positions (ascending) along each axis.  Boxes
 * without large gaps are read, what is wanted of each goes to its place in a fresh block in C
 * order.  A source that is not cheap to read in small pieces is read as one box. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

enum { GAP_LEAST = 1 << 14 }; /* bytes that are rather left out than read with the rest */

typedef struct stretch { /* wanted positions [i, i + n) of an axis, read as one */
    int64_t i, n;
} stretch;

typedef struct wanted { /* along one axis */
    int64_t n, first, step;
    const int64_t *at; /* of a list */
    stretch *run;
    int64_t nrun;
} wanted;

static int64_t position(const wanted *w, int64_t i)
{
    return w->at ? w->at[i] : w->first + i * w->step;
}

static bool wanted_of(wanted *w, const lit *x)
{
    *w = (wanted){.step = 1};
    if (x->kind == LIT_SLICE) {
        int64_t n = x->slice.stop - x->slice.start;
        w->first = x->slice.start;
        if (x->slice.step != INT64_MIN) w->step = x->slice.step;
        if (w->step < 1) return false;
        w->n = n > 0 ? (n + w->step - 1) / w->step : 0;
        return true;
    }
    const nd *list = x->kind == LIT_DATUM ? as_nd(x->d) : NULL;
    if (!list || list->dtype != DT_int64 || list->ndim != 1 || !nd_is_c(list)) return false;
    w->at = (const int64_t *)(const void *)list->at;
    w->n = nd_count(list);
    for (int64_t i = 0; i < w->n; i++)
        if (w->at[i] < (i ? w->at[i - 1] + 1 : 0)) return false;
    return true;
}

/* Runs between gaps of `least` positions or more. */
static void cut_runs(wanted *w, int64_t least)
{
    int64_t cap = 0;
    for (int64_t i = 0; i < w->n; i++) {
        bool begins = i == 0 || position(w, i) - position(w, i - 1) > least;
        if (begins && w->nrun == cap)
            w->run = mem_grow(w->run, (cap = 2 * cap + 4) * sizeof(stretch));
        if (begins) w->run[w->nrun++] = (stretch){i, 0};
        w->run[w->nrun - 1].n++;
    }
}

typedef struct picking {
    const source *s;
    int ndim;
    wanted w[GRID_MAXDIM];
    dtype_of t;
    nd *out;
    err *e;
} picking;

/* the box of run at[k] along each axis */
static bool read_box(picking *p, const int64_t *at)
{
    int64_t start[GRID_MAXDIM], count[GRID_MAXDIM], shape[GRID_MAXDIM], offset = 0;
    index_item item[GRID_MAXDIM];
    bool all = true;
    for (int k = 0; k < p->ndim; k++) {
        const wanted *w = &p->w[k];
        stretch r = w->run[at[k]];
        start[k] = position(w, r.i);
        count[k] = position(w, r.i + r.n - 1) + 1 - start[k];
        shape[k] = r.n;
        all &= r.n == count[k];
        item[k] = (index_item){.kind = IDX_SLICE, .start = 0, .stop = count[k], .step = w->step};
        if (w->at) item[k].step = 1;
        offset += r.i * nd_strides(p->out)[k];
    }
    nd *to = nd_view(p->out->b, p->out->at + offset, p->t, p->ndim, shape, nd_strides(p->out));
    if (all && p->s->kind->read_into && nd_is_c(to)) {
        bool ok = p->s->kind->read_into(p->s, start, count, to, p->e);
        datum_unref(to);
        return ok;
    }
    nd *box = p->s->kind->read(p->s, start, count, p->e), *list = NULL;
    for (int k = 0; k < p->ndim; k++) {
        const wanted *w = &p->w[k];
        if (!w->at || shape[k] == count[k]) continue;
        list = nd_new(dtype_plain(DT_int64), 1, &shape[k], p->e);
        for (int64_t i = 0; list && i < shape[k]; i++)
            ((int64_t *)(void *)list->at)[i] = w->at[w->run[at[k]].i + i] - start[k];
        item[k] = (index_item){.kind = IDX_ARRAY, .array = list};
    }
    nd *part = box ? nd_index(box, item, p->ndim, p->e) : NULL;
    if (part) nd_copy_into(to, part);
    datum_unref(part);
    datum_unref(list);
    datum_unref(box);
    datum_unref(to);
    return part != NULL;
}

static bool next_box(const picking *p, int64_t *at)
{
    for (int k = p->ndim; k-- > 0;) {
        if (++at[k] < p->w[k].nrun) return true;
        at[k] = 0;
    }
    return false;
}

static bool read_boxes(picking *p)
{
    int64_t at[GRID_MAXDIM] = {0}, shape[GRID_MAXDIM], row = p->t.size;
    for (int k = p->ndim; k-- > 0;) {
        wanted *w = &p->w[k];
        int64_t least = GAP_LEAST / row + 1;
        shape[k] = w->n;
        cut_runs(w, p->s->whole || !p->s->kind->divisible ? INT64_MAX : least);
        if (w->n) row *= position(w, w->n - 1) + 1 - position(w, 0);
    }
    p->out = nd_new(p->t, p->ndim, shape, p->e);
    if (!p->out) return false;
    if (nd_count(p->out) == 0) return true;
    do TRY(read_box(p, at));
    while (next_box(p, at));
    return true;
}

nd *source_pick(const source *s, const grid *g, const lit *region, dtype_of t, err *e)
{
    picking p = {.s = s, .ndim = (int)region->n, .t = t, .e = e};
    bool ok = true;
    int lists = 0;
    for (int k = 0; k < p.ndim && ok; k++) {
        ok = wanted_of(&p.w[k], &region->item[k]);
        lists += p.w[k].at != NULL;
        ok = ok && (!p.w[k].n || position(&p.w[k], p.w[k].n - 1) < g->ax[k]->extent);
    }
    if (!ok || lists > 1)
        return err_set(e, TypeError, "a region takes slices within an array, and at most one list");
    ok = read_boxes(&p);
    for (int k = 0; k < p.ndim; k++) mem_free(p.w[k].run);
    return ok ? p.out : datum_unref(p.out);
}

void source_pick_cost(const source *s, const lit *region, dtype_of t, uint64_t *read,
                      uint64_t *extra)
{
    bool less = false;
    uint64_t box = t.size, row = t.size;
    *read = t.size;
    for (int k = (int)region->n; k-- > 0;) {
        wanted w;
        if (!wanted_of(&w, &region->item[k]) || !w.n) continue;
        cut_runs(&w, s->whole || !s->kind->divisible ? INT64_MAX : GAP_LEAST / (int64_t)row + 1);
        int64_t all = 0, most = 0;
        for (int64_t i = 0; i < w.nrun; i++) {
            int64_t n = position(&w, w.run[i].i + w.run[i].n - 1) + 1 - position(&w, w.run[i].i);
            all += n;
            if (n > most) most = n;
        }
        less |= all > w.n;
        row *= (uint64_t)(position(&w, w.n - 1) + 1 - position(&w, 0));
        *read *= (uint64_t)all;
        box *= (uint64_t)most;
        mem_free(w.run);
    }
    *extra = less ? box : 0;
}
