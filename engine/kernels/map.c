/* engine/kernels/map.c - nd_map: one elementwise operation on whole blocks.
 *
 * Strategy: broadcast, put the axes in memory order, run the loop along merged inner runs.  An
 * operand of another type than the loop's is cast in tiles that stay in the L1 cache (a single
 * repeated element once); a target of another type receives its tile by a cast back.  A mask cuts
 * runs where it changes.  A target that overlaps an input in another layout gets a copy of it.
 * Large operations of a thread that is nobody's worker are shared out along one axis. */
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/data/walk.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

enum { TILE = 2048 }; /* elements; the operand after the last argument of the walk is the mask */

typedef struct job {
    const ufunc *f;
    ufunc_plan plan;
    int narg;
    dtype_of type[UFUNC_MAXARG];  /* of the operands in memory */
    cast_loop cast[UFUNC_MAXARG]; /* NULL: no cast needed */
    char *tile[UFUNC_MAXARG];     /* room for TILE elements of the loop's type */
    bool masked;
    err *e;
    walk w;
} job;

enum {
    LONG = 1 << 18, /* elements: between two looks whether to go on */
    LARGE = 1 << 21 /* bytes of operands: worth waking helpers for */
};

/* --- running -------------------------------------------------------------------------------- */

/* n <= TILE elements, casting what must be cast */
static bool run_tile(job *j, size_t n, char *const *at, const ptrdiff_t *step)
{
    char *p[UFUNC_MAXARG];
    ptrdiff_t s[UFUNC_MAXARG + 2] = {0};
    int nin = j->f->nin;
    for (int k = 0; k < j->narg; k++) {
        p[k] = at[k];
        s[k] = step[k];
        if (!j->cast[k]) continue;
        p[k] = j->tile[k];
        s[k] = (ptrdiff_t)j->plan.arg[k].size;
        if (k >= nin) continue;
        bool one = step[k] == 0;
        if (one) s[k] = 0;
        TRY(j->cast[k](one ? 1 : n, p[k], (ptrdiff_t)j->plan.arg[k].size, at[k], step[k],
                       j->plan.arg[k], j->type[k], j->e));
    }
    if (j->narg == 3) s[3] = (ptrdiff_t)j->type[0].size, s[4] = (ptrdiff_t)j->type[1].size;
    j->plan.run(n, p, s);
    for (int k = nin; k < j->narg; k++)
        if (j->cast[k])
            TRY(j->cast[k](n, at[k], step[k], p[k], (ptrdiff_t)j->plan.arg[k].size, j->type[k],
                           j->plan.arg[k], j->e));
    return true;
}

static bool run_span(job *j, size_t n, char *const *at, const ptrdiff_t *step)
{
    bool casts = false;
    for (int k = 0; k < j->narg; k++) casts |= j->cast[k] != NULL;
    size_t most = casts ? TILE : LONG;
    if (n <= most) return run_tile(j, n, at, step);
    char *p[UFUNC_MAXARG];
    for (size_t i = 0; i < n; i += most) {
        for (int k = 0; k < j->narg; k++) p[k] = at[k] + (ptrdiff_t)i * step[k];
        TRY(stop_check(j->e) && run_tile(j, n - i < most ? n - i : most, p, step));
    }
    return true;
}

/* the stretches of the run where the mask is true */
static bool run_masked(job *j, size_t n, char *const *at, const ptrdiff_t *step, const char *mask,
                       ptrdiff_t mstep)
{
    char *p[UFUNC_MAXARG];
    for (size_t i = 0; i < n;) {
        size_t first = i;
        bool on = mask[(ptrdiff_t)i * mstep] != 0;
        while (i < n && (mask[(ptrdiff_t)i * mstep] != 0) == on) i++;
        if (!on) continue;
        for (int k = 0; k < j->narg; k++) p[k] = at[k] + (ptrdiff_t)first * step[k];
        TRY(run_span(j, i - first, p, step));
    }
    return true;
}

static bool run_all(job *j)
{
    walk *w = &j->w;
    if (w->count == 0) return true;
    ptrdiff_t step[UFUNC_MAXARG + 2] = {0};
    for (int k = 0; k < j->narg; k++) step[k] = w->step[k][0];
    size_t n = (size_t)w->shape[0], done = 0;
    do {
        if ((done += n) > LONG) {
            TRY(stop_check(j->e));
            done = 0;
        }
        if (j->masked)
            TRY(run_masked(j, n, w->at, step, w->at[j->narg], w->step[j->narg][0]));
        else
            TRY(run_span(j, n, w->at, step));
    } while (walk_next(w));
    return true;
}

/* --- preparing ------------------------------------------------------------------------------ */

static bool same_type(dtype_of a, dtype_of b)
{
    bool text = a.dt == DT_str || a.dt == DT_bytes;
    return dtype_equal(a, b) || (text && a.dt == b.dt);
}

static bool plan_casts(job *j, char *room)
{
    for (int k = 0; k < j->narg; k++) {
        if (same_type(j->type[k], j->plan.arg[k])) continue;
        bool in = k < j->f->nin;
        dtype_of to = in ? j->plan.arg[k] : j->type[k], from = in ? j->type[k] : j->plan.arg[k];
        j->cast[k] = cast_find(to, from, j->e);
        if (!j->cast[k]) return false;
        j->tile[k] = room + (size_t)k * TILE * 16;
    }
    return true;
}

/* --- sharing out ---------------------------------------------------------------------------- */

typedef struct share {
    const job *j;
    int axis;
    int64_t length, turns; /* of the axis; it is cut into so many parts */
    bool casts;
    _Atomic bool failed;
    _Atomic unsigned flags;
} share;

/* The outermost axis that is long enough, else the longest; -1: a target does not move along it. */
static int axis_to_share(const job *j, int64_t turns)
{
    const walk *w = &j->w;
    int axis = 0;
    for (int i = 0; i < w->ndim; i++)
        if (w->shape[i] >= turns || w->shape[i] > w->shape[axis]) axis = i;
    for (int k = j->f->nin; k < j->narg; k++)
        if (w->step[k][axis] == 0) return -1;
    return axis;
}

static bool casts_any(const job *j)
{
    bool any = false;
    for (int k = 0; k < j->narg; k++) any |= j->cast[k] != NULL;
    return any;
}

static void run_turn(void *arg, int64_t i)
{
    share *s = arg;
    int64_t from = s->length * i / s->turns, to = s->length * (i + 1) / s->turns;
    err e = {0};
    job j = *s->j;
    j.e = &e;
    char *room = s->casts ? try_alloc((size_t)j.narg * TILE * 16, &e) : NULL;
    for (int k = 0; k < j.narg; k++)
        if (j.cast[k]) j.tile[k] = room + (size_t)k * TILE * 16;
    for (int k = 0; k < j.w.nop; k++) j.w.at[k] += from * j.w.step[k][s->axis];
    j.w.shape[s->axis] = to - from;
    bool ok = !atomic_load_explicit(&s->failed, memory_order_relaxed) && (room || !s->casts);
    unsigned before = fp_test();
    fp_clear();
    ok = ok && run_all(&j);
    atomic_fetch_or_explicit(&s->flags, fp_test(), memory_order_relaxed);
    fp_raise(before);
    mem_free(room);
    if (!ok && !atomic_exchange(&s->failed, true) && e.kind)
        *s->j->e = e; /* the first to fail says why */
    else
        err_clear(&e);
}

static bool run_shared(job *j)
{
    int64_t bytes = 0;
    for (int k = 0; k < j->narg; k++) bytes += j->w.count * (int64_t)j->plan.arg[k].size;
    int width = bytes < LARGE ? 1 : par_width();
    share s = {.j = j, .turns = j->w.count / LONG, .casts = casts_any(j)};
    if (s.turns < 4 * width) s.turns = 4 * width;
    s.axis = width > 1 ? axis_to_share(j, s.turns) : -1;
    for (int k = 0; k < j->narg; k++) /* text and objects stay here */
        if (j->plan.arg[k].dt > DT_complex128 || j->type[k].dt > DT_complex128) s.axis = -1;
    if (s.axis < 0) return run_all(j);
    s.length = j->w.shape[s.axis];
    if (s.turns > s.length) s.turns = s.length;
    par_for(s.turns, run_turn, &s);
    fp_raise(s.flags);
    return !s.failed;
}

/* ValueError: the inputs do not fit together, or not into the target */
static bool find_shape(const ufunc *f, const nd *const in[], const map_opts *o, int *ndim,
                       int64_t *shape, err *e)
{
    const nd *all[UFUNC_MAXARG + 3] = {NULL};
    int n = 0;
    for (int k = 0; k < f->nin; k++) all[n++] = in[k];
    for (int k = 0; k < f->nout; k++)
        if (o->out[k]) all[n++] = o->out[k];
    if (o->where) all[n++] = o->where;
    TRY(shape_broadcast(n, all, ndim, shape, e));
    for (int k = 0; k < f->nout; k++) {
        const nd *t = o->out[k];
        if (!t) continue;
        if (t->ndim == *ndim && !memcmp(nd_shape(t), shape, (size_t)*ndim * sizeof *shape))
            continue;
        strbuf b = {0};
        sb_adds(&b, "non-broadcastable output operand with shape (");
        for (int i = 0; i < t->ndim; i++)
            sb_addf(&b, t->ndim == 1 ? "%ld," : i ? ",%ld" : "%ld", (long)nd_shape(t)[i]);
        sb_adds(&b, ") doesn't match the broadcast shape (");
        for (int i = 0; i < *ndim; i++)
            sb_addf(&b, *ndim == 1 ? "%ld," : i ? ",%ld" : "%ld", (long)shape[i]);
        sb_addc(&b, ')');
        err_set(e, ValueError, "%s", sb_text(&b));
        sb_clear(&b);
        return false;
    }
    return true;
}

/* one layout exactly: element i of the one is element i of the other */
static bool same_layout(const nd *a, const nd *b)
{
    return a->at == b->at && a->ndim == b->ndim && a->size == b->size &&
           !memcmp(a->ext, b->ext, 2 * (size_t)a->ndim * sizeof *a->ext);
}

/* Inputs that a write to a target would disturb are replaced by copies. */
static bool guard_overlap(const ufunc *f, const nd *const in[], const map_opts *o, nd *copies[],
                          const nd *use[], err *e)
{
    for (int k = 0; k < f->nin; k++) {
        use[k] = in[k];
        for (int t = 0; t < f->nout; t++) {
            if (!o->out[t] || copies[k] || !nd_overlaps(in[k], o->out[t])) continue;
            if (same_layout(in[k], o->out[t]) && f->nout == 1) continue;
            copies[k] = nd_copy(in[k], e);
            if (!copies[k]) return false;
            use[k] = copies[k];
        }
    }
    return true;
}

static bool check_targets(job *j, const map_opts *o)
{
    for (int k = 0; k < j->f->nout; k++) {
        if (!o->out[k]) continue;
        dtype_of from = j->plan.arg[j->f->nin + k], to = nd_type(o->out[k]);
        char casting = o->casting ? o->casting : 'k';
        if (!dtype_can_cast(from, to, casting))
            return ufunc_cast_error(j->f, "output", from, to, casting, j->e);
    }
    return true;
}

/* integers have no reciprocals */
static bool check_power(const job *j, const nd *y)
{
    dtype_of t = j->plan.arg[1];
    if (j->f->id != U_power || dtypes[t.dt].kind != 'i' || dtypes[y->dtype].kind != 'i')
        return true;
    bool ok = true;
    walk w;
    walk_init(&w, y->ndim, nd_shape(y));
    walk_add_nd(&w, y);
    walk_order(&w);
    if (w.count == 0) return true;
    do {
        for (int64_t i = 0; i < w.shape[0]; i++) { /* the sign is in the last byte */
            const char *at = w.at[0] + i * w.step[0][0];
            ok &= (at[y->size - 1] & 0x80) == 0;
        }
    } while (walk_next(&w));
    if (ok) return true;
    return err_set(j->e, ValueError, "Integers to negative integer powers are not allowed.");
}

static bool make_results(job *j, const nd *const use[], const map_opts *o, int ndim,
                         const int64_t *shape, nd *out[])
{
    walk order;
    walk_init(&order, ndim, shape);
    for (int k = 0; k < j->f->nin; k++) walk_add_nd(&order, use[k]);
    walk_sort(&order);
    for (int k = 0; k < j->f->nout; k++) {
        out[k] = o->out[k] ? nd_ref(o->out[k])
                           : walk_new(&order, j->plan.arg[j->f->nin + k], ndim, shape, j->e);
        if (!out[k]) return false;
    }
    return true;
}

static bool map_prepared(job *j, const nd *const use[], const map_opts *o, int ndim,
                         const int64_t *shape, nd *const out[])
{
    int nin = j->f->nin;
    walk_init(&j->w, ndim, shape);
    for (int k = 0; k < j->narg; k++) {
        const nd *x = k < nin ? use[k] : out[k - nin];
        j->type[k] = nd_type(x);
        walk_add_nd(&j->w, x);
    }
    j->masked = o->where != NULL;
    if (j->masked) walk_add_nd(&j->w, o->where);
    walk_order(&j->w);
    bool casts = false;
    for (int k = 0; k < j->narg; k++) casts |= !same_type(j->type[k], j->plan.arg[k]);
    char *room = casts ? try_alloc((size_t)j->narg * TILE * 16, j->e) : NULL;
    bool ok = (!casts || room) && plan_casts(j, room) && run_shared(j);
    mem_free(room);
    return ok;
}

/* a single element, or one that is repeated by strides of zero */
static bool one_element(const nd *x)
{
    for (int i = 0; i < x->ndim; i++)
        if (nd_strides(x)[i] && nd_shape(x)[i] != 1) return false;
    return nd_count(x) > 0;
}

/* One operand of a run over whole C-ordered blocks: false when it needs a walk.  A single element
 * is cast to `cell`. */
static bool flat_operand(job *j, int k, const nd *x, int ndim, const int64_t *shape, char *cell,
                         char **at, ptrdiff_t *step)
{
    bool same = same_type(nd_type(x), j->plan.arg[k]);
    *at = x->at;
    *step = (ptrdiff_t)x->size;
    if (one_element(x)) {
        cast_loop run = same ? NULL : cast_find(j->plan.arg[k], nd_type(x), j->e);
        *step = 0;
        if (same) return true;
        *at = cell;
        return run && run(1, cell, 16, x->at, 0, j->plan.arg[k], nd_type(x), j->e);
    }
    return same && x->flags & ND_C && x->ndim == ndim &&
           !memcmp(nd_shape(x), shape, (size_t)ndim * sizeof *shape);
}

static bool run_flat(job *j, size_t n, char *const *at, const ptrdiff_t *step)
{
    if (n < LONG / 4) {
        if (n) j->plan.run(n, at, step);
        return true;
    }
    j->w = (walk){.ndim = 1, .nop = j->narg, .count = (int64_t)n, .shape = {(int64_t)n}};
    for (int k = 0; k < j->narg; k++) {
        j->w.at[k] = at[k];
        j->w.step[k][0] = step[k];
        j->type[k] = j->plan.arg[k];
    }
    return run_shared(j);
}

/* The target is as a fresh result would be, and no input lies elsewhere in it. */
static bool flat_target(const job *j, const nd *to, const nd *const in[], int ndim,
                        const int64_t *shape)
{
    if (!dtype_equal(nd_type(to), j->plan.arg[j->f->nin]) || !(to->flags & ND_C)) return false;
    if (to->ndim != ndim || memcmp(nd_shape(to), shape, (size_t)ndim * sizeof *shape)) return false;
    for (int k = 0; k < j->f->nin; k++)
        if (nd_overlaps(in[k], to) && !same_layout(in[k], to)) return false;
    return true;
}

/* The common case, without a walk: inputs of the result's shape in C order or single elements, the
 * result a fresh one or a target like it.  False without an error: not that case. */
static bool map_flat(job *j, const nd *const in[], nd *to, int ndim, const int64_t *shape,
                     nd *out[])
{
    char cell[UFUNC_MAXARG][16], *at[UFUNC_MAXARG];
    ptrdiff_t step[UFUNC_MAXARG + 2] = {0};
    int nin = j->f->nin;
    if (j->f->nout != 1 || j->f->id == U_power) return false;
    for (int k = 0; k < nin; k++)
        if (in[k]->dtype > DT_complex128 || j->plan.arg[k].dt > DT_complex128 ||
            !flat_operand(j, k, in[k], ndim, shape, cell[k], &at[k], &step[k]))
            return false;
    if (j->plan.arg[nin].dt > DT_complex128) return false;
    if (to && !flat_target(j, to, in, ndim, shape)) return false;
    nd *r = to ? nd_ref(to) : nd_new(j->plan.arg[nin], ndim, shape, j->e);
    if (!r) return false;
    at[nin] = r->at;
    step[nin] = (ptrdiff_t)r->size;
    if (j->narg == 3)
        step[3] = (ptrdiff_t)j->plan.arg[0].size, step[4] = (ptrdiff_t)j->plan.arg[1].size;
    if (!run_flat(j, (size_t)nd_count(r), at, step)) {
        datum_unref(r);
        return false;
    }
    out[0] = r;
    return true;
}

bool nd_map(const ufunc *f, const nd *const in[], map_opts *o, nd *out[], err *e)
{
    map_opts none = OPTS_NONE;
    if (!o) o = &none;
    job j; /* its walk is for who walks */
    memset(&j, 0, offsetof(job, w));
    j.f = f, j.narg = f->nin + f->nout, j.e = e;
    operand kinds[UFUNC_MAXARG];
    const nd *use[UFUNC_MAXARG] = {NULL};
    nd *copies[UFUNC_MAXARG] = {NULL};
    int64_t shape[ND_MAXDIM];
    int ndim;
    for (int k = 0; k < f->nin; k++) kinds[k] = operand_of(in[k]);
    for (int k = 0; k < f->nout; k++) out[k] = NULL;
    TRY(ufunc_resolve(f, kinds, o->dtype, o->casting, &j.plan, e));
    TRY(check_targets(&j, o) && find_shape(f, in, o, &ndim, shape, e));
    if (!o->where) {
        fp_clear();
        bool done = map_flat(&j, in, o->out[0], ndim, shape, out);
        if (done) o->flags |= fp_reported(f, in[0]->dtype, fp_test());
        if (done || e->kind) return done;
    }
    bool ok = (f->nin < 2 || check_power(&j, in[1])) && guard_overlap(f, in, o, copies, use, e) &&
              make_results(&j, use, o, ndim, shape, out);
    if (ok) {
        fp_clear();
        ok = map_prepared(&j, use, o, ndim, shape, out);
        o->flags |= fp_reported(f, in[0]->dtype, fp_test());
    }
    for (int k = 0; k < f->nin; k++) datum_unref(copies[k]);
    if (!ok)
        for (int k = 0; k < f->nout; k++) out[k] = datum_unref(out[k]);
    return ok;
}

nd *nd_map1(enum ufunc_id id, const nd *x, err *e)
{
    nd *out[2] = {NULL};
    const nd *in[] = {x};
    return nd_map(&ufuncs[id], in, NULL, out, e) ? out[0] : NULL;
}

nd *nd_map2(enum ufunc_id id, const nd *x, const nd *y, err *e)
{
    nd *out[2] = {NULL};
    const nd *in[] = {x, y};
    return nd_map(&ufuncs[id], in, NULL, out, e) ? out[0] : NULL;
}
