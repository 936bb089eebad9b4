/* engine/kernels/scan_blocks.c - blocks that follow one another along an axis: their last running
 * values, and, when it is known what came before each, all of them.
 *
 * The rows of several blocks go abreast, as those of one array do (scan.c); several axes are folded
 * down their columns.  What has no loops of its own is scanned block by block. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/kernels/abreast.h"
#include "engine/kernels/ops.h"

enum { LARGE = 1 << 22 /* bytes that do not stay in a cache anyhow */ };

typedef struct blocks_job {
    const scan *s;
    int n, axis;
    const nd *const *x;
    dtype_of t;
    const nd *carry; /* n values along the axis or more; the first is not used if `first` */
    bool first;      /* the first block has nothing before it */
    nd **out;        /* of each block; NULL: only the last values are wanted, */
    nd *last;        /* n along the axis */
    const abreast_loops *loops;
    int64_t outer, inner;
} blocks_job;

static bool is_float(dtype_of t)
{
    return t.dt >= DT_float16 && t.dt <= DT_complex128;
}

/* value b along the axis of `outer` o of an array of n of them there */
static int64_t value_at(const blocks_job *j, const nd *values, int64_t o, int64_t b)
{
    return (o * nd_shape(values)[j->axis] + b) * j->inner * values->size;
}

/* --- rows --- */

static bool flush(blocks_job *j, abreast *a, char *const *last, err *e)
{
    TRY(abreast_run(a, e));
    for (int k = 0; k < a->n && !j->out; k++) memcpy(last[k], &a->row[k].last, (size_t)j->t.size);
    a->n = 0;
    return true;
}

static void add_row(const blocks_job *j, abreast *a, int b, int64_t o)
{
    const nd *x = j->x[b];
    const int64_t n = nd_shape(x)[j->axis];
    int k = a->n++;
    a->row[k].from = x->at + o * n * x->size;
    a->row[k].n = n;
    a->row[k].to = j->out ? j->out[b]->at + o * n * j->t.size : NULL;
    a->row[k].carry = abreast_neutral(j->loops);
    if (j->out && !(j->first && !b))
        memcpy(&a->row[k].carry, j->carry->at + value_at(j, j->carry, o, b), (size_t)j->t.size);
}

static bool run_rows(blocks_job *j, err *e)
{
    const dtype_of in = nd_type(j->x[0]);
    abreast a = {
        .loops = j->loops, .in = in, .t = j->t, .skip_nan = j->s->skip_nan && is_float(in)};
    char *last[ABREAST];
    int64_t bytes = 0;
    bool ok = true;
    if (in.dt != j->t.dt) TRY((a.cast = cast_find(j->t, in, e)));
    for (int b = 0; b < j->n && j->out; b++)
        bytes += j->out[b]->at == j->x[b]->at ? -LARGE : (int64_t)nd_bytes(j->out[b]);
    a.past = bytes >= LARGE;
    for (int b = 0; b < j->n && ok; b++)
        for (int64_t o = 0; o < j->outer && ok; o++) {
            if (!j->out) last[a.n] = j->last->at + value_at(j, j->last, o, b);
            add_row(j, &a, b, o);
            if (a.n == ABREAST) ok = flush(j, &a, last, e);
        }
    return ok && (!a.n || flush(j, &a, last, e));
}

/* --- columns --- */

static bool run_columns(blocks_job *j, err *e)
{
    const int64_t line = j->inner * j->t.size;
    char *state = j->out ? try_alloc((size_t)line, e) : NULL;
    bool ok = !j->out || state;
    for (int b = 0; b < j->n && ok; b++) {
        nd *x = nd_cast(j->x[b], j->t, 'u', e); /* itself, mostly */
        const int64_t n = nd_shape(j->x[b])[j->axis];
        ok = x != NULL;
        for (int64_t o = 0; o < j->outer && ok; o++) {
            downward d = {.n = n,
                          .width = j->inner,
                          .from_step = line,
                          .to_step = line,
                          .from = x->at + o * n * line,
                          .last = state};
            if (j->out) {
                d.to = j->out[b]->at + o * n * line;
                if (b || !j->first) d.carry = j->carry->at + value_at(j, j->carry, o, b);
            } else
                d.last = j->last->at + value_at(j, j->last, o, b);
            downward_run(j->loops, &d);
        }
        ok = ok && stop_check(e);
        datum_unref(x);
    }
    mem_free(state);
    return ok;
}

/* --- block by block --- */

static bool one_block(blocks_job *j, int b, err *e)
{
    nd *y = nd_scan(j->s, j->x[b], j->axis, j->t, NULL, e), *out = NULL;
    if (!y) return false;
    const int64_t n = nd_shape(y)[j->axis];
    bool merged = j->out && (b || !j->first), ok = true;
    if (!j->out) {
        nd *to = nd_slice(j->last, j->axis, b, 1, 1), *from = nd_slice(y, j->axis, n - 1, 1, 1);
        ok = nd_assign(to, from, 'u', NULL, e);
        datum_unref(to);
        datum_unref(from);
    } else if (merged) {
        nd *c = nd_slice(j->carry, j->axis, b, 1, 1);
        out = nd_map2(j->s->fold, c, y, e);
        datum_unref(c);
        ok = out != NULL;
    } else
        out = nd_ref(y);
    if (j->out) {
        datum_unref(j->out[b]);
        j->out[b] = out;
    }
    datum_unref(y);
    return ok;
}

/* --- the front --- */

/* Do the loops take it as it lies? */
static bool is_plain(const blocks_job *j)
{
    if (!j->loops || j->x[0]->dtype > DT_complex128) return false;
    for (int b = 0; b < j->n; b++)
        if (!nd_is_c(j->x[b]) || j->x[b]->dtype != j->x[0]->dtype) return false;
    return j->inner == 1 || !j->s->skip_nan || !is_float(nd_type(j->x[0]));
}

static bool check_blocks(blocks_job *j, err *e)
{
    const nd *x = j->x[0];
    for (int b = 0; b < j->n; b++) {
        bool alike = j->x[b]->ndim == x->ndim && j->axis < x->ndim;
        for (int k = 0; k < x->ndim && alike; k++)
            alike =
                k == j->axis ? nd_shape(j->x[b])[k] > 0 : nd_shape(j->x[b])[k] == nd_shape(x)[k];
        if (!alike)
            return err_set(e, ValueError, "block %d does not follow the others along axis %d", b,
                           j->axis);
    }
    j->outer = j->inner = 1;
    for (int k = 0; k < j->axis; k++) j->outer *= nd_shape(x)[k];
    for (int k = j->axis + 1; k < x->ndim; k++) j->inner *= nd_shape(x)[k];
    j->loops = abreast_find(j->s->fold, j->t.dt);
    return true;
}

static bool run(blocks_job *j, err *e)
{
    if (is_plain(j)) return j->inner == 1 ? run_rows(j, e) : run_columns(j, e);
    for (int b = 0; b < j->n; b++) TRY(one_block(j, b, e));
    return true;
}

nd *nd_scan_last(const scan *s, int n, const nd *const *x, int axis, dtype_of t, err *e)
{
    blocks_job j = {.s = s, .n = n, .axis = axis, .x = x, .t = t};
    int64_t shape[ND_MAXDIM];
    TRY(check_blocks(&j, e));
    memcpy(shape, nd_shape(x[0]), (size_t)x[0]->ndim * sizeof *shape);
    shape[axis] = n;
    TRY((j.last = nd_new(t, x[0]->ndim, shape, e)));
    return run(&j, e) ? j.last : datum_unref(j.last);
}

/* a block of its own, or the one that was offered */
static nd *place_of(const blocks_job *j, int b, err *e)
{
    nd *to = j->out[b];
    const nd *x = j->x[b];
    if (to && nd_is_c(to) && to->dtype == j->t.dt && to->ndim == x->ndim &&
        !memcmp(nd_shape(to), nd_shape(x), (size_t)x->ndim * sizeof(int64_t)))
        return nd_ref(to);
    return nd_new(j->t, x->ndim, nd_shape(x), e);
}

static bool check_carry(const blocks_job *j, err *e)
{
    const nd *c = j->carry, *x = j->x[0];
    bool ok = c->ndim == x->ndim && c->dtype == j->t.dt && nd_is_c(c);
    for (int k = 0; k < x->ndim && ok; k++)
        ok = k == j->axis ? nd_shape(c)[k] >= j->n : nd_shape(c)[k] == nd_shape(x)[k];
    return ok || err_set(e, ValueError, "%s: not a carry of %d blocks", j->s->name, j->n);
}

bool nd_scan_join(const scan *s, int n, const nd *const *x, int axis, dtype_of t, const nd *carry,
                  bool first, nd **out, err *e)
{
    blocks_job j = {
        .s = s, .n = n, .axis = axis, .x = x, .t = t, .carry = carry, .first = first, .out = out};
    bool ok = check_blocks(&j, e) && check_carry(&j, e);
    const bool plain = ok && is_plain(&j);
    for (int b = 0; b < n; b++) {
        out[b] = plain && ok ? place_of(&j, b, e) : NULL;
        ok = ok && (out[b] || !plain);
    }
    if (ok && run(&j, e)) return true;
    for (int b = 0; b < n; b++) out[b] = datum_unref(out[b]);
    return false;
}
