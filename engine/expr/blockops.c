/* engine/expr/blockops.c - the callables of ordinary block operations.
 *
 * Each kind is a struct of parameters after the fn, a call that hands the blocks to the kernel,
 * and a constructor.  The kernels are the ones that eager arrays use. */
#include <math.h>
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

enum { MAX_IN = 64 };

/* the first n arguments as blocks; numbers of the language are 0-d blocks */
static bool blocks_of(const call *c, uint32_t n, const nd **out, err *e)
{
    if (c->narg < n)
        return err_set(e, TypeError, "the operation takes %u blocks but %u were given", n, c->narg);
    for (uint32_t i = 0; i < n; i++) TRY(out[i] = arg_nd(c, &c->arg[i], e));
    return true;
}

static fn *elementwise(void *made)
{
    fn *f = made;
    f->flags |= FN_ELEMENTWISE;
    return f;
}

/* --- ufuncs --- */

typedef struct ufunc_fn {
    fn base;
    const ufunc *f;
    dtype_of want;
    int out;
    int pow;           /* the operator **, not the function power */
    dtype_of enforced; /* what the result is cast to; or DT_none */
} ufunc_fn;

/* What a full reduction gives is a number in Dask, and powers of numbers are the C library's. NULL:
 * of other types, or there is something to warn of. */
static nd *number_pow(const nd *x, const nd *y)
{
    double a, b, r;
    if (x->ndim || y->ndim || x->dtype != DT_float64 || y->dtype != DT_float64) return NULL;
    memcpy(&a, x->at, sizeof a);
    memcpy(&b, y->at, sizeof b);
    return a > 0 && isfinite(r = pow(a, b)) && r > 0 ? nd_scalar(DT_float64, &r) : NULL;
}

static datum *ufunc_call(const fn *f, const call *c, err *e)
{
    const ufunc_fn *u = (const ufunc_fn *)f;
    const nd *in[UFUNC_MAXARG];
    nd *out[2] = {0};
    map_opts o = {.dtype = u->want};
    TRY(blocks_of(c, u->f->nin, in, e));
    if (c->into && u->f->nout == 1) o.out[0] = c->into;
    const ufunc *shorter = NULL;
    if (u->pow && in[0]->ndim) {
        operand exponent = operand_of(in[1]);
        shorter = ufunc_of_pow(nd_type(in[0]), &exponent);
    }
    if (u->pow && !c->into) out[0] = number_pow(in[0], in[1]);
    if (!out[0] && !nd_map(shorter ? shorter : u->f, in, &o, out, e)) return NULL;
    for (int i = 0; i < u->f->nout; i++)
        if (i != u->out) datum_unref(out[i]);
    nd *y = out[u->out];
    if (u->enforced.dt == DT_none || dtype_equal(nd_type(y), u->enforced)) return &y->hdr;
    nd *cast = nd_cast(y, u->enforced, 'u', e);
    datum_unref(y);
    return (datum *)cast;
}

static const fn_field ufunc_fields[] = {
    PARAM_ROW(ufunc_fn, f, ufuncs, NUFUNC),
    PARAM(ufunc_fn, want),
    PARAM(ufunc_fn, out),
    PARAM(ufunc_fn, pow),
    PARAM(ufunc_fn, enforced),
    {0},
};

static const fn_kind ufunc_kind = {.name = "ufunc",
                                   .version = 1,
                                   .size = sizeof(ufunc_fn),
                                   .fields = ufunc_fields,
                                   .call = ufunc_call};

fn *fn_ufunc(const ufunc *f, dtype_of want, int out, const char *name)
{
    ufunc_fn *u = fn_new(sizeof *u, &ufunc_kind, name ? name : f->name);
    u->f = f;
    u->want = want;
    u->out = out;
    u->enforced.dt = DT_none;
    if (f->nout == 1) u->base.flags = FN_ELEMENTWISE;
    if (f->nin == 1 && dtype_is_float(f->loops[0].arg[0])) u->base.ns = 0.7f; /* exp and its kin */
    if (f->id == U_power) u->base.ns = 3;
    int64_t param[] = {(int64_t)(f - ufuncs), want.dt, want.unit, want.size, out};
    fn_identify(&u->base, param, sizeof param);
    return &u->base;
}

fn *fn_pow(void)
{
    ufunc_fn *u = (ufunc_fn *)fn_ufunc(&ufuncs[U_power], (dtype_of){.dt = DT_none}, 0, NULL);
    u->pow = true;
    fn_identify(&u->base, "**", 2);
    return &u->base;
}

void fn_enforce(fn *f, dtype_of t)
{
    ufunc_fn *u = (ufunc_fn *)f;
    if (f->kind != &ufunc_kind) return;
    u->enforced = t;
    struct {
        hash128 id;
        int64_t to[4];
    } param = {f->id, {t.dt, t.unit, t.size, u->pow}};
    fn_identify(f, &param, sizeof param);
}

dtype_of fn_enforced(const fn *f)
{
    return f->kind == &ufunc_kind ? ((const ufunc_fn *)f)->enforced : (dtype_of){.dt = DT_none};
}

bool fn_is_pow(const fn *f)
{
    return f->kind == &ufunc_kind && ((const ufunc_fn *)f)->pow;
}

const ufunc *fn_as_ufunc(const fn *f, dtype_of *want, int *out)
{
    if (f->kind != &ufunc_kind) return NULL;
    const ufunc_fn *u = (const ufunc_fn *)f;
    *want = u->want;
    *out = u->out;
    return u->f;
}

/* --- casts --- */

typedef struct cast_fn {
    fn base;
    dtype_of t;
    char mode; /* casting rule, or the order of a view */
} cast_fn;

static fn *cast_new(const fn_kind *kind, const char *name, dtype_of t, char mode)
{
    cast_fn *f = fn_new(sizeof *f, kind, name);
    f->t = t;
    f->mode = mode;
    int64_t param[] = {t.dt, t.unit, t.size, mode};
    fn_identify(&f->base, param, sizeof param);
    return &f->base;
}

static datum *cast_call(const fn *f, const call *c, err *e)
{
    const cast_fn *k = (const cast_fn *)f;
    const nd *x;
    return blocks_of(c, 1, &x, e) ? (datum *)nd_cast(x, k->t, k->mode, e) : NULL;
}

static const fn_field cast_fields[] = {
    PARAMS_FROM(cast_fn, t),
    {0},
};

static const fn_kind cast_kind = {.name = "cast",
                                  .version = 1,
                                  .size = sizeof(cast_fn),
                                  .fields = cast_fields,
                                  .call = cast_call,
                                  .takes = "x"};

fn *fn_cast(dtype_of t, char casting)
{
    fn *f = cast_new(&cast_kind, "astype", t, casting);
    f->flags = FN_ELEMENTWISE;
    return f;
}

bool fn_is_cast(const fn *f, dtype_of *t)
{
    if (f->kind != &cast_kind) return false;
    *t = ((const cast_fn *)f)->t;
    return true;
}

static datum *view_call(const fn *f, const call *c, err *e)
{
    const cast_fn *k = (const cast_fn *)f;
    const nd *x;
    TRY(blocks_of(c, 1, &x, e));
    if (k->mode != 'F') {
        nd *flat = nd_contiguous(x, e);
        nd *out = flat ? nd_as_type(flat, k->t, e) : NULL;
        datum_unref(flat);
        return (datum *)out;
    }
    nd *turned = nd_transpose(x, NULL), *flat = nd_contiguous(turned, e);
    nd *viewed = flat ? nd_as_type(flat, k->t, e) : NULL;
    nd *out = viewed ? nd_transpose(viewed, NULL) : NULL;
    datum_unref(turned);
    datum_unref(flat);
    datum_unref(viewed);
    return (datum *)out;
}

static const fn_kind view_kind = {.name = "view",
                                  .version = 1,
                                  .size = sizeof(cast_fn),
                                  .fields = cast_fields,
                                  .call = view_call,
                                  .takes = "x",
                                  .cost = {.view = true}};

fn *fn_view(dtype_of t, char order)
{
    return cast_new(&view_kind, "view", t, order);
}

/* --- where --- */

static datum *where_call(const fn *f, const call *c, err *e)
{
    const nd *x[3];
    (void)f;
    return blocks_of(c, 3, x, e) ? (datum *)nd_where(x[0], x[1], x[2], e) : NULL;
}

static const fn_kind where_kind = {
    .name = "where", .version = 1, .size = sizeof(fn), .call = where_call};

fn *fn_where(void)
{
    return elementwise(fn_new(sizeof(fn), &where_kind, "where"));
}

/* --- a value out of a pack --- */

typedef struct item_fn {
    fn base;
    uint32_t i;
} item_fn;

static datum *item_call(const fn *f, const call *c, err *e)
{
    uint32_t i = ((const item_fn *)f)->i;
    pack *p = c->narg ? as_pack(arg_datum(c, &c->arg[0])) : NULL;
    if (p && i < p->n) return datum_ref(p->item[i]);
    return err_set(e, IndexError, "tuple index out of range");
}

static const fn_field item_fields[] = {
    PARAM(item_fn, i),
    {0},
};

static const fn_kind item_kind = {.name = "item",
                                  .version = 1,
                                  .size = sizeof(item_fn),
                                  .fields = item_fields,
                                  .call = item_call,
                                  .cost = {.view = true}};

fn *fn_item(uint32_t i)
{
    item_fn *f = fn_new(sizeof *f, &item_kind, "getitem");
    f->i = i;
    fn_identify(&f->base, &i, sizeof i);
    return &f->base;
}

bool fn_is_item(const fn *f, uint32_t *i)
{
    if (f->kind != &item_kind) return false;
    *i = ((const item_fn *)f)->i;
    return true;
}

/* --- a literal as a value --- */

static datum *literal_call(const fn *f, const call *c, err *e)
{
    (void)f;
    if (!c->narg) return err_set(e, TypeError, "no literal given");
    datum *d = arg_datum(c, &c->arg[0]);
    return d ? datum_ref(d) : &litbox_new(&c->arg[0])->hdr;
}

static const fn_kind literal_kind = {.name = "literal",
                                     .version = 1,
                                     .size = sizeof(fn),
                                     .call = literal_call,
                                     .cost = {.view = true}};

fn *fn_literal(void)
{
    return fn_new(sizeof(fn), &literal_kind, "identity");
}

/* --- clip, round --- */

/* (x, lo, hi); None for an absent bound */
static datum *clip_call(const fn *f, const call *c, err *e)
{
    const nd *x[3] = {0};
    (void)f;
    for (uint32_t i = 0; i < 3 && i < c->narg; i++)
        if (c->arg[i].kind != LIT_NONE && !(x[i] = arg_nd(c, &c->arg[i], e))) return NULL;
    if (x[1] && x[2]) {
        nd *out = NULL;
        nd_map(&ufuncs[U_clip], x, NULL, &out, e);
        return (datum *)out;
    }
    if (!x[1] && !x[2]) return err_set(e, ValueError, "One of max or min must be given");
    return (datum *)(x[1] ? nd_map2(U_maximum, x[0], x[1], e) : nd_map2(U_minimum, x[0], x[2], e));
}

static const fn_kind clip_kind = {
    .name = "clip", .version = 1, .size = sizeof(fn), .call = clip_call, .takes = "x*"};

fn *fn_clip(void)
{
    return elementwise(fn_new(sizeof(fn), &clip_kind, "clip"));
}

nd *round_scale(int decimals)
{
    double f = 1;
    for (int i = decimals < 0 ? -decimals : decimals; i > 0; i--) f *= 10;
    return nd_scalar(DT_float64, &f);
}

static datum *round_call(const fn *f, const call *c, err *e)
{
    int decimals = (int)((const item_fn *)f)->i;
    const nd *x;
    TRY(blocks_of(c, 1, &x, e));
    return (datum *)nd_round(x, decimals, e);
}

static const fn_kind round_kind = {.name = "round",
                                   .version = 1,
                                   .size = sizeof(item_fn),
                                   .fields = item_fields,
                                   .call = round_call,
                                   .takes = "x",
                                   .cost = {.copies = 2}};

fn *fn_round(int decimals)
{
    item_fn *f = fn_new(sizeof *f, &round_kind, "round_");
    f->i = (uint32_t)decimals;
    fn_identify(&f->base, &decimals, sizeof decimals);
    return elementwise(&f->base);
}

enum fn_choice fn_as_choice(const fn *f, int *decimals)
{
    if (f->kind == &where_kind) return FN_IS_WHERE;
    if (f->kind == &clip_kind) return FN_IS_CLIP;
    if (f->kind != &round_kind) return FN_IS_OTHER;
    *decimals = (int)((const item_fn *)f)->i;
    return FN_IS_ROUND;
}

const fn_kind *const blockops_kinds[] = {&ufunc_kind, &cast_kind,    &view_kind,
                                         &where_kind, &literal_kind, &clip_kind,
                                         &item_kind,  &round_kind,   NULL};
