/* engine/plan/tile_code.c - steps -> loops over pieces.
 *
 * Types are chosen exactly as nd_map would for the whole block.  An operand of another type than
 * its loop's gets a cast before it; a number is cast once.  Blocks that broadcast or have gaps
 * between their rows are operands too: a loop over a piece is cut where a row ends.  Over 600
 * lines: making a program and running it share its private layout. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/select.h"
#include "engine/plan/tile_impl.h"

enum {
    WINDOW = 1 << 15, /* elements of a source, read at once */
    PART = 512        /* of a piece, between two looks ahead */
};

static tile_op *add_op(tile_code *c, enum op_kind kind, int step)
{
    if (c->nop == c->maxop) return NULL;
    tile_op *o = &c->op[c->nop++];
    o->kind = kind;
    o->step = step;
    return o;
}

/* --- registers --- */

/* Of elements of one size for good: a chain writes into some while it still reads others. */
static tile_operand new_register(tile_code *c, dtype_of t)
{
    int reg = -1;
    for (int i = c->nfree; i-- > 0 && reg < 0;) {
        if (c->width[c->free[i]] != t.size) continue;
        reg = c->free[i];
        c->free[i] = c->free[--c->nfree];
    }
    if (reg < 0) c->width[reg = c->nreg++] = (uint8_t)t.size;
    return (tile_operand){
        .place = TILE_REGISTER, .t = t, .step = t.size, .reg = reg, .inner = INT64_MAX};
}

/* one reader of the step's value has been compiled */
static void used(tile_code *c, int step)
{
    const tile_operand *v = &c->value[step];
    if (--c->uses[step] == 0 && v->place == TILE_REGISTER) c->free[c->nfree++] = v->reg;
}

/* --- operands --- */

static void hold(tile_code *c, const nd *x)
{
    c->held[c->nheld++] = nd_ref(x);
}

/* x, which broadcasts to the block's shape, as rows; false: it has more than two levels */
static bool block_operand(const tile_code *c, const nd *x, tile_operand *out)
{
    int64_t step[2] = {0}, extent[2] = {1, 1};
    int level = -1, skip = c->ndim - x->ndim;
    if (skip < 0) return false;
    for (int i = c->ndim; i-- > 0;) {
        int64_t n = c->shape[i], s = 0;
        if (i >= skip && nd_shape(x)[i - skip] != 1) {
            if (nd_shape(x)[i - skip] != n) return false;
            s = nd_strides(x)[i - skip];
        }
        if (n == 1) continue;
        if (level >= 0 && s == step[level] * extent[level]) {
            extent[level] *= n;
            continue;
        }
        if (++level == 2) return false;
        step[level] = s;
        extent[level] = n;
    }
    /* blocks whose elements NumPy would visit in another order than C's go another way */
    if (step[0] < 0 || step[1] < 0 || (step[1] && step[1] < step[0])) return false;
    *out = (tile_operand){.place = TILE_BLOCK, .t = nd_type(x), .at = x->at};
    out->step = level >= 0 ? step[0] : 0;
    out->inner = level == 1 ? extent[0] : INT64_MAX;
    out->row = level == 1 ? step[1] : 0;
    if (level <= 0 && out->step == 0) out->place = TILE_FIXED;
    return true;
}

static bool add_nd(tile_code *c, const nd *x, tile_operand *out)
{
    if (!dtype_is_number(x->dtype) || c->nheld == c->maxop) return false;
    TRY(block_operand(c, x, out));
    hold(c, x);
    return true;
}

/* the value in another type */
static bool add_cast(tile_code *c, tile_operand *v, dtype_of to, err *e)
{
    cast_loop cast = cast_find(to, v->t, e);
    if (!cast) return false;
    if (v->place == TILE_FIXED) {
        _Alignas(16) char from[16];
        memcpy(from, v->at ? v->at : v->own, v->t.size);
        TRY(cast(1, v->own, to.size, from, v->t.size, to, v->t, e));
        v->t = to;
        v->at = NULL;
        return true;
    }
    tile_op *o = add_op(c, OP_CAST, -1);
    if (!o) return false;
    o->nin = 1;
    o->cast = cast;
    o->arg[0] = *v;
    o->arg[1] = *v = new_register(c, to);
    return true;
}

/* --- steps --- */

static call step_call(const tile_code *c, int s)
{
    const task_view *v = &c->view[s];
    return (call){.nin = v->nin,
                  .narg = v->narg,
                  .arg = v->arg,
                  .in = c->in[s],
                  .of = c->g->by[s],
                  .index = c->index[s],
                  .worker = c->r->w,
                  .go_home = c->r->go_home,
                  .snap = &c->r->p->snap};
}

/* an input of a loop */
typedef struct input {
    tile_operand v;
    operand kind;
    int reader; /* the step that it is, or -1 */
    bool ours;  /* a register that nobody else reads */
} input;

static bool block_input(tile_code *c, const nd *x, input *in)
{
    *in = (input){.kind = operand_of(x), .reader = -1};
    return add_nd(c, x, &in->v);
}

/* argument k of step s */
static bool argument(tile_code *c, int s, uint32_t k, input *in)
{
    const lit *a = &c->view[s].arg[k];
    if (a->kind == LIT_IN && c->from[s][a->i] >= 0) {
        *in = (input){.reader = c->from[s][a->i]};
        in->v = c->value[in->reader];
        in->kind.t = in->v.t;
        return in->v.place != TILE_NOWHERE;
    }
    const nd *x = a->kind == LIT_DATUM ? as_nd(a->d)
                  : a->kind == LIT_IN  ? as_nd(c->in[s][a->i])
                                       : NULL;
    return x && block_input(c, x, in);
}

/* what a loop has produced, as the input of the next loop of its step */
static input made_input(const tile_operand *v)
{
    return (input){.v = *v, .kind.t = v->t, .reader = -1, .ours = v->place == TILE_REGISTER};
}

/* integers have no reciprocals: only numbers that say so are let through */
static bool power_is_safe(const ufunc *f, const ufunc_plan *p, const operand *y)
{
    if (f->id != U_power || dtypes[p->arg[1].dt].kind != 'i' || dtypes[y->t.dt].kind != 'i')
        return true;
    return y->scalar && y->value && !(((const char *)y->value)[y->t.size - 1] & 0x80);
}

/* Turned operands do not decide how the result lies in memory when one in C order is there. */
static bool lies_in_c_order(const input *in, int n)
{
    bool turned = false, straight = false;
    for (int k = 0; k < n; k++) {
        const tile_operand *a = &in[k].v;
        turned |= a->turned;
        straight |=
            a->place == TILE_REGISTER || (a->place == TILE_BLOCK && !a->turned && a->step > 0 &&
                                          (a->inner == INT64_MAX || a->row > 0));
    }
    return straight || !turned;
}

/* The input in another type. */
static bool as_type(tile_code *c, input *in, dtype_of to, err *e)
{
    if (in->v.t.dt == to.dt) return true;
    tile_operand before = in->v;
    bool ours = in->ours;
    TRY(add_cast(c, &in->v, to, e));
    in->ours = in->v.place == TILE_REGISTER;
    if (ours) c->free[c->nfree++] = before.reg;
    return true;
}

/* A loop over n inputs that have the types they need; *out: its result of type t.  f: what it
 * does, if that is a ufunc. */
static bool add_loop(tile_code *c, int s, const ufunc *f, loop body, int n, const input *in,
                     dtype_of t, tile_operand *out)
{
    tile_op *o = add_op(c, OP_MAP, s);
    if (!o) return false;
    o->nin = n;
    o->f = f;
    o->run = body;
    /* the result may take the place of an operand that nobody reads again, if it is as wide */
    bool in_place = true;
    for (int k = 0; k < n; k++) {
        o->arg[k] = in[k].v;
        in_place &= in[k].v.t.size == t.size;
    }
    if (!in_place) o->arg[n] = *out = new_register(c, t);
    for (int k = 0; k < n; k++) {
        if (in[k].reader >= 0) used(c, in[k].reader);
        if (in[k].ours) c->free[c->nfree++] = in[k].v.reg;
    }
    if (in_place) o->arg[n] = *out = new_register(c, t);
    return true;
}

static bool add_ufunc(tile_code *c, int s, const ufunc *f, dtype_of want, input *in,
                      tile_operand *out, err *e)
{
    operand kind[UFUNC_MAXARG];
    ufunc_plan types;
    TRY(lies_in_c_order(in, f->nin));
    for (int k = 0; k < f->nin; k++) kind[k] = in[k].kind;
    TRY(ufunc_resolve(f, kind, want, 0, &types, e));
    for (int k = 0; k <= f->nin; k++) TRY(dtype_is_number(types.arg[k].dt));
    if (f->nin > 1 && !power_is_safe(f, &types, &kind[1])) return false;
    for (int k = 0; k < f->nin; k++) TRY(as_type(c, &in[k], types.arg[k], e));
    return add_loop(c, s, f, types.run, f->nin, in, types.arg[f->nin], out);
}

static bool add_map(tile_code *c, int s, const ufunc *f, dtype_of want, err *e)
{
    input in[UFUNC_MAXARG];
    if (f->nout != 1 || c->view[s].narg < f->nin) return false;
    for (int k = 0; k < f->nin; k++) TRY(argument(c, s, (uint32_t)k, &in[k]));
    const ufunc *shorter = fn_is_pow(c->view[s].f) ? ufunc_of_pow(in[0].v.t, &in[1].kind) : NULL;
    TRY(add_ufunc(c, s, shorter ? shorter : f, want, in, &c->value[s], e));
    dtype_of to = fn_enforced(c->view[s].f);
    return to.dt == DT_none || to.dt == c->value[s].t.dt || add_cast(c, &c->value[s], to, e);
}

static bool add_astype(tile_code *c, int s, dtype_of to, err *e)
{
    input in;
    TRY(dtype_is_number(to.dt) && argument(c, s, 0, &in) && !in.v.turned);
    TRY(add_cast(c, &in.v, to, e));
    c->value[s] = in.v;
    if (in.reader >= 0) used(c, in.reader);
    return true;
}

static bool add_where(tile_code *c, int s, err *e)
{
    input in[3];
    dtype_of t;
    TRY(c->view[s].narg == 3);
    for (int k = 0; k < 3; k++) TRY(argument(c, s, (uint32_t)k, &in[k]));
    operand both[2] = {in[1].kind, in[2].kind};
    TRY(lies_in_c_order(in, 3) && result_type(2, both, &t, e) && dtype_is_number(t.dt));
    TRY(as_type(c, &in[0], dtype_plain(DT_bool), e) && as_type(c, &in[1], t, e) &&
        as_type(c, &in[2], t, e));
    return add_loop(c, s, NULL, select_loop(t.size), 3, in, t, &c->value[s]);
}

/* (x, lo, hi): one ufunc for each way that bounds may be missing */
static bool add_clip(tile_code *c, int s, err *e)
{
    static const enum ufunc_id by[2][2] = {{NUFUNC, U_minimum}, {U_maximum, U_clip}};
    input in[3];
    uint32_t n = 0, narg = c->view[s].narg;
    bool has[3] = {false};
    for (uint32_t k = 0; k < 3 && k < narg; k++) {
        has[k] = c->view[s].arg[k].kind != LIT_NONE;
        if (has[k]) TRY(argument(c, s, k, &in[n++]));
    }
    enum ufunc_id id = by[has[1]][has[2]];
    if (narg > 3 || !has[0] || id == NUFUNC) return false;
    return add_ufunc(c, s, &ufuncs[id], (dtype_of){.dt = DT_none}, in, &c->value[s], e);
}

static bool add_round(tile_code *c, int s, int decimals, err *e)
{
    input in[2];
    tile_operand *v = &c->value[s];
    dtype_of none = {.dt = DT_none};
    TRY(argument(c, s, 0, &in[0]));
    dtype_of t = in[0].v.t;
    if (!dtype_is_float(t.dt)) return false;
    if (decimals == 0) return add_ufunc(c, s, &ufuncs[U_rint], none, in, v, e);
    enum ufunc_id there = decimals < 0 ? U_divide : U_multiply;
    enum ufunc_id back = decimals < 0 ? U_multiply : U_divide;
    nd *scale = round_scale(decimals);
    bool ok = block_input(c, scale, &in[1]) && add_ufunc(c, s, &ufuncs[there], none, in, v, e);
    if (ok) {
        in[0] = made_input(v);
        ok = add_ufunc(c, s, &ufuncs[U_rint], none, in, v, e);
    }
    if (ok) {
        in[0] = made_input(v);
        ok = block_input(c, scale, &in[1]) && add_ufunc(c, s, &ufuncs[back], none, in, v, e);
    }
    datum_unref(scale);
    if (!ok || v->t.dt == t.dt) return ok;
    in[0] = made_input(v);
    ok = as_type(c, &in[0], t, e);
    *v = in[0].v;
    return ok;
}

static bool add_generator(tile_code *c, int s)
{
    const task_view *v = &c->view[s];
    const tile_kind *k = v->f->kind->tile;
    dtype_of t = c->g->by[s]->type;
    if (v->nin || !dtype_is_number(t.dt)) return false;
    tile_call gen = {.f = v->f};
    if (k->value) {
        const nd *x = k->value(&gen);
        return x->dtype == t.dt && add_nd(c, x, &c->value[s]);
    }
    tile_op *o = add_op(c, OP_FILL, s);
    if (!o) return false;
    o->call = step_call(c, s);
    o->gen = gen;
    o->gen.c = &o->call;
    o->gen.state = k->state ? arena_alloc(c->r->scratch, k->state) : NULL;
    o->arg[0] = c->value[s] = new_register(c, t);
    return true;
}

/* --- sources --- */

static const source *source_at_run(const tile_code *c, const source *s)
{
    const snapshots *snap = &c->r->p->snap;
    for (uint32_t i = 0; i < snap->n; i++)
        if (snap->at[i].of == s) return snap->at[i].now;
    return s;
}

/* Reads go along whole units: as many trailing axes as fit into a window. */
static bool open_window(tile_code *c, int s, dtype_of t, err *e)
{
    tile_window *w = &c->window[s];
    w->t = t;
    w->unit = 1;
    for (w->axis = c->ndim - 1; w->axis > 0; w->axis--) {
        if (w->unit * c->shape[w->axis] > WINDOW) break;
        w->unit *= c->shape[w->axis];
    }
    w->units = c->count / w->unit;
    w->most = WINDOW / w->unit;
    if (w->most * w->unit < TILE_MOST) return false;
    w->b = buf_new((size_t)(w->most + TILE_MOST / w->unit + 2) * (size_t)w->unit * t.size, e);
    tile_op *o = w->b ? add_op(c, OP_WINDOW, s) : NULL;
    if (!o) return false;
    c->value[s] = (tile_operand){.place = TILE_BLOCK,
                                 .t = t,
                                 .at = w->b->data,
                                 .step = t.size,
                                 .inner = INT64_MAX,
                                 .window = w};
    return true;
}

static bool add_window(tile_code *c, int s, const source *src, err *e)
{
    tile_window *w = &c->window[s];
    const task_view *v = &c->view[s];
    const lit *region = v->narg ? &v->arg[v->narg - 1] : NULL;
    if (!region_is_box(region) || (int)region->n != c->ndim) return false;
    w->of = source_at_run(c, src);
    for (int i = 0; i < c->ndim; i++) w->start[i] = region->item[i].slice.start;
    return open_window(c, s, c->g->by[s]->type, e);
}

/* a box of a block that lies otherwise, in C order */
static void gather(const nd *x, const int64_t *start, const int64_t *count, char *to)
{
    int64_t own[GRID_MAXDIM];
    const char *at = x->at;
    strides_c(x->ndim, count, x->size, own);
    for (int i = 0; i < x->ndim; i++) at += start[i] * nd_strides(x)[i];
    strided_copy(x->ndim, count, to, own, at, nd_strides(x), x->size, NULL);
}

/* units [from, from + n): a box for each stretch along the axis */
static bool read_units(tile_code *c, tile_window *w, int64_t from, int64_t n, char *to, err *e)
{
    int64_t along = c->shape[w->axis];
    while (n > 0) {
        int64_t start[GRID_MAXDIM], count[GRID_MAXDIM], rest = from / along, at = from % along;
        int64_t part = along - at < n ? along - at : n;
        for (int i = c->ndim; i-- > 0;) {
            start[i] = w->start[i];
            count[i] = i > w->axis ? c->shape[i] : i == w->axis ? part : 1;
            if (i == w->axis) start[i] += at;
            if (i < w->axis) start[i] += rest % c->shape[i], rest /= c->shape[i];
        }
        if (w->x)
            gather(w->x, start, count, to);
        else {
            nd *out = nd_view(w->b, to, w->t, c->ndim, count, NULL);
            bool ok = w->of->kind->read_into(w->of, start, count, out, e);
            datum_unref(out);
            if (!ok) return false;
        }
        to += part * w->unit * w->t.size;
        from += part;
        n -= part;
    }
    return true;
}

/* Ranges come in order: what a range shares with the window before is moved to the front. */
static bool window_holds(tile_code *c, const tile_op *o, int64_t from, int64_t n, err *e)
{
    tile_window *w = &c->window[o->step];
    size_t size = w->t.size;
    if (from >= w->from && from + n <= w->until) return true;
    int64_t first = from / w->unit, begin = first * w->unit;
    if (from >= w->from && from < w->until) {
        memmove(w->b->data, w->b->data + (size_t)(from - w->from) * size,
                (size_t)(w->until - from) * size);
        first = w->until / w->unit;
        begin = from;
    }
    int64_t units = (from + n + w->unit - 1) / w->unit - first;
    if (units < w->most) units = w->most;
    if (units > w->units - first) units = w->units - first;
    w->until = 0; /* nothing, if reading fails */
    TRY(read_units(c, w, first, units, w->b->data + (size_t)(first * w->unit - begin) * size, e));
    w->from = begin;
    w->until = (first + units) * w->unit;
    return true;
}

static bool add_source(tile_code *c, int s, const source *src, err *e)
{
    dtype_of t = c->g->by[s]->type;
    if (!dtype_is_number(t.dt)) return false;
    if (src->kind->divisible && src->kind->read_into && !src->whole && c->ndim) {
        if (add_window(c, s, src, e) || e->kind) return !e->kind;
    }
    call k = step_call(c, s);
    datum *d = fn_call(c->view[s].f, &k, e);
    bool ok = as_nd(d) && add_nd(c, as_nd(d), &c->value[s]);
    datum_unref(d);
    return ok;
}

/* --- views of blocks that are there --- */

static bool is_view(const tile_code *c, int s)
{
    return c->view[s].f && c->view[s].f->flags & FN_VIEW && c->view[s].nin == 1;
}

/* Is it read by views only?  Its own shape does not matter then. */
static bool under_view(const tile_code *c, int s)
{
    bool under = false;
    for (int q = 0; q < s; q++)
        for (uint32_t k = 0; k < c->view[q].nin; k++)
            if (c->from[q][k] == s) {
                if (!is_view(c, q)) return false;
                under = true;
            }
    return under;
}

static nd *look_through(tile_code *c, int s, err *e)
{
    int from = c->from[s][0];
    const nd *x = from < 0 ? as_nd(c->in[s][0]) : c->shown[from];
    if (!x) return NULL;
    datum *in[1] = {(datum *)(uintptr_t)x};
    call k = step_call(c, s);
    bool copies = false;
    k.in = in;
    nd *y = fn_is_part(c->view[s].f) ? part_view(c->view[s].f, &k, &copies, e)
                                     : as_nd(fn_call(c->view[s].f, &k, e));
    return copies && !nd_in_c_order(y) ? datum_unref(y) : y;
}

/* the block that views show parts of */
static bool show_source(tile_code *c, int s, err *e)
{
    if (c->nheld + 1 >= c->maxop) return false;
    call k = step_call(c, s);
    nd *x = as_nd(fn_call(c->view[s].f, &k, e));
    if (x) c->held[c->nheld++] = x;
    return (c->shown[s] = x) != NULL;
}

static bool add_view(tile_code *c, int s, err *e)
{
    if (c->nheld + 1 >= c->maxop) return false;
    nd *x = look_through(c, s, e);
    if (!x) return false;
    c->shown[s] = x;
    c->held[c->nheld++] = x; /* ours from here on */
    if (under_view(c, s)) return true;
    if (!dtype_is_number(x->dtype) || x->ndim != c->ndim ||
        memcmp(nd_shape(x), c->shape, (size_t)c->ndim * sizeof *c->shape))
        return false;
    if (block_operand(c, x, &c->value[s])) return true;
    c->window[s].x = x;
    if (!open_window(c, s, nd_type(x), e)) return false;
    c->value[s].turned = !nd_in_c_order(x);
    return true;
}

/* --- all of it --- */

static bool step_fits(const tile_code *c, int s)
{
    const grid *g = c->g->by[s]->grid;
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    if (!c->view[s].f || !g || c->index[s] >= g->nblock || g->ndim != c->ndim) return false;
    grid_block(g, c->index[s], block);
    grid_block_shape(g, block, shape);
    return !c->ndim || !memcmp(shape, c->shape, (size_t)c->ndim * sizeof *shape);
}

static bool add_step(tile_code *c, int s, err *e)
{
    dtype_of t;
    int out;
    const fn *f = c->view[s].f;
    const source *src = layer_source(c->g->by[s]);
    if (is_view(c, s)) return add_view(c, s, e);
    if (under_view(c, s)) return src && show_source(c, s, e);
    if (src) return add_source(c, s, src, e);
    if (f->kind->tile) return add_generator(c, s);
    if (!(f->flags & FN_ELEMENTWISE)) return false;
    const ufunc *u = fn_as_ufunc(f, &t, &out);
    if (u) return add_map(c, s, u, t, e);
    switch (fn_as_choice(f, &out)) {
    case FN_IS_WHERE: return add_where(c, s, e);
    case FN_IS_CLIP: return add_clip(c, s, e);
    case FN_IS_ROUND: return add_round(c, s, out, e);
    default: return fn_is_cast(f, &t) && add_astype(c, s, t, e);
    }
}

bool tile_compile(tile_code *c, err *e)
{
    int n = (int)c->g->nstep;
    arena *a = c->r->scratch;
    c->maxop = 2 * UFUNC_MAXARG * n + 1; /* up to three loops, and casts of their operands */
    c->op = arena_alloc(a, (size_t)c->maxop * sizeof *c->op);
    c->held = arena_alloc(a, (size_t)c->maxop * sizeof *c->held);
    c->free = arena_alloc(a, (size_t)c->maxop * sizeof *c->free);
    c->width = arena_alloc(a, (size_t)c->maxop * sizeof *c->width);
    c->value = arena_alloc(a, (size_t)(n + 1) * sizeof *c->value);
    c->uses = arena_alloc(a, (size_t)(n + 1) * sizeof *c->uses);
    c->window = arena_alloc(a, (size_t)n * sizeof *c->window);
    c->ahead = arena_alloc(a, (size_t)c->maxop * UFUNC_MAXARG * sizeof *c->ahead);
    if (c->first == n) return add_nd(c, c->resident, &c->value[n]);
    c->shown = arena_alloc(a, (size_t)n * sizeof *c->shown);
    for (int s = c->first; s < n; s++) {
        TRY(under_view(c, s) || step_fits(c, s));
        for (uint32_t k = 0; k < c->view[s].narg; k++) {
            const lit *x = &c->view[s].arg[k];
            if (x->kind == LIT_IN && c->from[s][x->i] >= 0) c->uses[c->from[s][x->i]]++;
        }
    }
    c->uses[c->first]++; /* the result */
    for (int s = n; s-- > c->first;) TRY(add_step(c, s, e));
    return true;
}

dtype_of tile_type(const tile_code *c)
{
    return c->value[c->first].t;
}

static bool is_flat(const tile_operand *v)
{
    return v->place == TILE_REGISTER ||
           (v->place == TILE_BLOCK && v->step == (ptrdiff_t)v->t.size && v->inner == INT64_MAX);
}

/* rows of one length, all equally far apart */
bool tile_takes(const nd *out)
{
    const int64_t *shape = nd_shape(out), *step = nd_strides(out);
    int n = out->ndim;
    if (out->flags & ND_C) return true;
    if (n < 2 || step[n - 1] != out->size) return false;
    for (int k = 0; k + 2 < n; k++)
        if (step[k] != step[k + 1] * shape[k + 1]) return false;
    return true;
}

static tile_operand whole_of(const nd *out)
{
    tile_operand v = {.place = TILE_BLOCK,
                      .t = nd_type(out),
                      .at = out->at,
                      .step = out->size,
                      .inner = INT64_MAX};
    if (out->flags & ND_C) return v;
    v.inner = nd_shape(out)[out->ndim - 1];
    v.row = nd_strides(out)[out->ndim - 2];
    return v;
}

static bool straight(const tile_operand *a, const nd *x)
{
    const char *end = x->at + nd_bytes(x);
    return a->place != TILE_BLOCK || a->at < x->at || a->at >= end ||
           (a->at == x->at && !a->window && is_flat(a));
}

bool tile_reads_straight(const tile_code *c, const nd *x)
{
    bool all = straight(&c->value[c->first], x);
    for (int i = 0; i < c->nop; i++)
        for (int k = 0; k < c->op[i].nin; k++) all &= straight(&c->op[i].arg[k], x);
    return all;
}

/* A loop whose result is the value of `first` writes to `out` itself. */
static bool last_writes(tile_code *c, const nd *out)
{
    tile_operand *v = &c->value[c->first];
    tile_op *o = c->nop ? &c->op[c->nop - 1] : NULL;
    if (!o || v->place != TILE_REGISTER || o->kind > OP_CAST) return false;
    tile_operand *r = &o->arg[o->nin];
    if (r->place != TILE_REGISTER || r->reg != v->reg) return false;
    *r = *v = whole_of(out);
    return true;
}

/* Blocks that loops read in long runs.  While a piece is worked on in cache, memory would rest:
 * the next piece is asked for meanwhile, a few lines at a time.  (Pipes ask for themselves.) */
static void find_ahead(tile_code *c)
{
    c->nahead = c->nloop = 0;
    if (c->nop < 2) return; /* a single loop is as fast as memory */
    for (int i = 0; i < c->nop; i++) {
        if (c->op[i].pipe) {
            i = c->op[i].pipe->last;
            continue;
        }
        if (c->op[i].kind <= OP_CAST) c->op[i].turn = c->nloop++;
        for (int k = 0; k < c->op[i].nin; k++) {
            const tile_operand *a = &c->op[i].arg[k];
            bool known = !tile_read_first(c, i, a);
            for (int q = 0; q < c->nahead; q++) known |= c->ahead[q]->at == a->at;
            if (!known) c->ahead[c->nahead++] = a;
        }
    }
}

bool tile_deliver(tile_code *c, dtype_of t, nd *out, err *e)
{
    tile_operand *v = &c->value[c->first];
    if (out && t.dt == v->t.dt && last_writes(c, out)) out = NULL;
    if (out || t.dt != v->t.dt || !is_flat(v)) {
        tile_op *o = add_op(c, OP_CAST, -1);
        cast_loop cast = cast_find(t, v->t, e);
        if (!o || !cast) return false;
        o->nin = 1;
        o->cast = cast;
        o->arg[0] = *v;
        *v = out ? whole_of(out) : new_register(c, t);
        o->arg[1] = *v;
    }
    size_t size = TILE_MOST * sizeof(double) + 512; /* not a multiple of a page apart */
    for (int i = 0; i < c->nop; i++)
        for (int k = 0; k <= c->op[i].nin; k++)
            if (c->op[i].arg[k].t.size > sizeof(double)) size = TILE_MOST * 16 + 512;
    c->registers = buf_new(size * (size_t)c->nreg + PIPE_ROOM, e);
    if (!c->registers) return false;
    for (int i = 0; i < c->nop; i++)
        for (int k = 0; k <= c->op[i].nin; k++) {
            tile_operand *a = &c->op[i].arg[k];
            if (a->place == TILE_REGISTER) a->at = c->registers->data + (size_t)a->reg * size;
            if (a->place == TILE_FIXED && !a->at) a->at = a->own;
        }
    if (v->place == TILE_REGISTER) v->at = c->registers->data + (size_t)v->reg * size;
    if (c->g->pipes) tile_find_pipes(c, c->registers->data + size * (size_t)c->nreg);
    find_ahead(c);
    return true;
}

void tile_clear(tile_code *c)
{
    for (int i = 0; i < c->nheld; i++) datum_unref(c->held[i]);
    for (uint32_t s = 0; c->window && s < c->g->nstep; s++) buf_unref(c->window[s].b);
    buf_unref(c->registers);
}

bool tile_rewind(tile_code *c, err *e)
{
    for (int i = 0; i < c->nop; i++) {
        tile_op *o = &c->op[i];
        const tile_kind *k = o->kind == OP_FILL ? o->gen.f->kind->tile : NULL;
        if (k && k->begin) TRY(k->begin(&o->gen, e));
        if (o->kind == OP_WINDOW) c->window[o->step].from = c->window[o->step].until = 0;
    }
    return true;
}

/* --- running --- */

/* elements [done, n) of a piece */
bool tile_loop(const tile_op *o, int64_t from, int64_t done, int64_t n, err *e)
{
    char *p[UFUNC_MAXARG];
    ptrdiff_t step[UFUNC_MAXARG + 2] = {0};
    n += done;
    while (done < n) {
        int64_t m = n - done;
        for (int k = 0; k <= o->nin; k++) m = tile_in_row(&o->arg[k], from + done, m);
        for (int k = 0; k <= o->nin; k++) {
            step[k] = o->arg[k].place == TILE_FIXED ? 0 : o->arg[k].step;
            p[k] = tile_element(&o->arg[k], from, done);
        }
        if (o->kind == OP_MAP)
            o->run((size_t)m, p, step);
        else
            TRY(o->cast((size_t)m, p[1], step[1], p[0], step[0], o->arg[1].t, o->arg[0].t, e));
        done += m;
    }
    return true;
}

/* lines [turn, turn + 1) of `turns` of the piece after [from, from + n) */
static void fetch_ahead(const tile_code *c, int64_t from, int64_t n, int64_t turn, int64_t turns)
{
    int64_t next = from + n;
    if (c->count - next < n) n = c->count - next;
    int64_t begin = next + n * turn / turns, end = next + n * (turn + 1) / turns;
    for (int k = 0; k < c->nahead; k++) {
        const tile_operand *a = c->ahead[k];
        for (int64_t i = begin, m; i < end; i += m) {
            m = tile_in_row(a, i, end - i);
            const char *at = tile_element(a, i, 0), *to = at + m * a->step;
            for (; at < to; at += TILE_LINE) __builtin_prefetch(at, 0, 2);
        }
    }
}

/* A loop in parts, between which the next piece is fetched. */
static bool run_parts(const tile_code *c, int op, int64_t from, int64_t n, err *e)
{
    int64_t parts = (n + PART - 1) / PART;
    for (int64_t k = 0; k < parts; k++) {
        int64_t at = k * PART, m = n - at < PART ? n - at : PART;
        fetch_ahead(c, from, n, c->op[op].turn * parts + k, c->nloop * parts);
        TRY(tile_loop(&c->op[op], from, at, m, e));
    }
    return true;
}

static bool run_op(tile_code *c, int op, int64_t from, int64_t n, err *e)
{
    const tile_op *o = &c->op[op];
    switch (o->kind) {
    case OP_FILL: return o->gen.f->kind->tile->fill(&o->gen, from, n, o->arg[0].at, e);
    case OP_WINDOW: return window_holds(c, o, from, n, e);
    default: return c->nahead ? run_parts(c, op, from, n, e) : tile_loop(o, from, 0, n, e);
    }
}

/* A worker is told by a flag; the calling thread asks, every 64 pieces or so. */
static bool goes_on(tile_code *c)
{
    const task_run *r = c->r;
    if (r->stop && atomic_load_explicit(r->stop, memory_order_relaxed)) return false;
    return !r->poll || (++c->npiece & 63) != 0 || r->poll(r->ctx);
}

/* loops [0, until) of a piece */
static bool run_until(tile_code *c, int until, int64_t from, int64_t n, err *e)
{
    if (!goes_on(c)) return err_set(e, KeyboardInterrupt, "%s", "");
    for (int i = 0; i < until; i++) {
        tile_pipe *p = c->op[i].pipe;
        TRY(p ? tile_pipe_run(c, p, from, n, e) : run_op(c, i, from, n, e));
        if (p) i = p->last;
    }
    return true;
}

bool tile_lies(const tile_code *c)
{
    return c->nop == 0;
}

int64_t tile_sums(const tile_code *c)
{
    if (!c->sums) return 0;
    /* loops before it work in L1; and memory sends a little slower to longer pieces */
    return c->sums->first || c->sums->asks ? TILE : TILE_MOST;
}

bool tile_sum(tile_code *c, int64_t from, int64_t n, void *out, err *e)
{
    TRY(run_until(c, c->sums->first, from, n, e));
    tile_pipe_sum(c->sums, from, n, out);
    return true;
}

const char *tile_run(tile_code *c, int64_t from, int64_t n, err *e)
{
    TRY(run_until(c, c->nop, from, n, e));
    return tile_element(&c->value[c->first], from, 0);
}
