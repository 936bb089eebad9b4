/* tests/unit/check_pipe.c - loops that run as one, in registers, give the bits that they give one
 * by one: random programs over all types, at every vector width. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/engine.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/pipe.h"
#include "tests/unit/suite.h"

enum { NPROGRAM = 480, NSTEP = 9, POOL = 64 };

static const dtype_of none = {.dt = DT_none};

/* splitmix64 */
static uint64_t draw(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z >> 33;
}

/* of the dtype, special values among them */
static nd *values(enum dtype t, int ndim, const int64_t *shape, uint64_t *s)
{
    static const double odd[] = {0, -0.0, 1, -1, 2, INFINITY, -INFINITY, NAN, 1e-310, 1e308};
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_float64), ndim, shape, &e);
    bool whole = t != DT_float64 && t != DT_float32;
    for (int64_t i = 0; i < nd_count(x); i++) {
        uint64_t r = draw(s);
        double v = ((double)(int64_t)(r % 2000) - 1000) / (whole ? 1 : 37.0);
        if (r % 16 == 0 && !whole) v = odd[r / 16 % 10];
        ((double *)x->at)[i] = v;
    }
    nd *y = nd_cast(x, dtype_plain(t), 'u', &e);
    datum_unref(x);
    return y;
}

static expr *lazy(nd *x, int64_t rows) /* takes x */
{
    err e = {0};
    int64_t size[2] = {nd_shape(x)[0] == 1 || x->ndim == 1 ? nd_shape(x)[0] : rows, 0};
    if (x->ndim == 2) size[1] = nd_shape(x)[1];
    if (x->ndim == 1 && nd_shape(x)[0] > rows) size[0] = rows;
    grid *g = grid_even(x->ndim, nd_shape(x), size);
    source *s = source_nd(x);
    expr *y =
        expr_array((label){0}, s, hash128_bytes(x->at, nd_bytes(x)), false, g, nd_type(x), &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    datum_unref(s);
    datum_unref(g);
    datum_unref(x);
    return y;
}

/* what there is to choose operands from */
typedef struct pool_of {
    int n;
    expr *x[POOL];
} pool_of;

/* arrays of some types; rows, columns and single elements that broadcast to them */
static void add_sources(pool_of *p, const int64_t *shape, int ndim, uint64_t *s)
{
    static const enum dtype wide[] = {DT_float64, DT_float64, DT_int64, DT_bool};
    static const enum dtype narrow[] = {DT_float32, DT_float32, DT_int32, DT_bool};
    static const enum dtype mixed[] = {DT_float64, DT_float32, DT_uint8, DT_int32};
    const enum dtype *const sets[] = {wide, narrow, wide, narrow, mixed},
                            *types = sets[draw(s) % 5];
    int64_t rows = ndim == 1 ? 10007 : (shape[0] + 1) / 2;
    for (int i = 0; i < 4; i++)
        p->x[p->n++] = lazy(values(types[draw(s) % 4], ndim, shape, s), rows);
    if (ndim == 1) {
        err e = {0};
        grid *g = grid_even(1, shape, &rows);
        lit from = lit_int((int64_t)(draw(s) % 100) - 50), by = lit_int((int64_t)(draw(s) % 7) - 3);
        expr *x = expr_arange((label){0}, from, by, g, dtype_plain(DT_int64), &e);
        ck_assert_msg(x != NULL, "%s", e.msg);
        p->x[p->n++] = x;
        datum_unref(g);
        return;
    }
    p->x[p->n++] = lazy(values(types[0], 1, &shape[1], s), shape[1]);
    p->x[p->n++] = lazy(values(types[0], 2, (int64_t[]){shape[0], 1}, s), rows);
}

/* an operand: mostly what was made last; sometimes a number (*own) */
static term operand_from(const pool_of *p, nd **own, uint64_t *s)
{
    uint64_t r = draw(s);
    *own = NULL;
    if (r % 5 == 0) {
        double v = r / 5 % 2 ? (double)(int64_t)(r / 10 % 9) : (double)(r / 10 % 64) / 7 - 4;
        *own = r / 5 % 2 ? nd_scalar(DT_int64, &(int64_t){(int64_t)v}) : nd_scalar(DT_float64, &v);
        return (term){.block = *own, .weak = true};
    }
    int back = r % 3 ? 3 : p->n;
    return (term){.x = p->x[p->n - 1 - (int)(r / 5 % (uint64_t)back)]};
}

/* one more operation, if these operands have one */
static void add_step(pool_of *p, uint64_t *s)
{
    static const enum dtype to[] = {DT_bool, DT_int64, DT_float64, DT_float32, DT_int32};
    err e = {0};
    nd *made[3];
    term x[3];
    for (int k = 0; k < 3; k++) x[k] = operand_from(p, &made[k], s);
    if (!x[0].x) x[0] = (term){.x = p->x[p->n - 1]};
    expr *y = NULL;
    uint64_t way = draw(s) % 8;
    if (way == 0) {
        fn *f = fn_where();
        operand in[2];
        dtype_of t;
        for (int k = 0; k < 2; k++)
            in[k] = x[k + 1].x ? (operand){.t = x[k + 1].x->type} : operand_of(made[k + 1]);
        if (result_type(2, in, &t, &e)) y = expr_elemwise((label){0}, f, 3, x, t, &e);
        datum_unref(f);
    } else if (way == 1) {
        dtype_of t = dtype_plain(to[draw(s) % 5]);
        fn *f = fn_cast(t, 'u');
        y = expr_elemwise((label){0}, f, 1, x, t, &e);
        datum_unref(f);
    } else if (way == 2) {
        datum_unref(made[1]);
        made[1] = nd_scalar(DT_int64, &(int64_t){2 + (int64_t)(draw(s) % 7)});
        x[1] = (term){.block = made[1], .weak = true};
        y = expr_map((label){0}, &ufuncs[U_power], 2, x, none, 0, &e);
    } else {
        const ufunc *f = &ufuncs[draw(s) % NUFUNC];
        for (int i = 0; i < 8 && (!pipe_op_of(f) || f->nout > 1);
             i++) /* mostly those with stages */
            f = &ufuncs[draw(s) % NUFUNC];
        if (way == 3) f = &ufuncs[U_clip];
        if (f->nout == 1 && f->id != U_power) y = expr_map((label){0}, f, f->nin, x, none, 0, &e);
    }
    err_clear(&e);
    for (int k = 0; k < 3; k++) datum_unref(made[k]);
    if (y) p->x[p->n++] = y;
}

/* NaN have signs and payloads, which depend on the order of operands */
static nd *without_nan(nd *x) /* takes x */
{
    err e = {0};
    nd *y = nd_copy(x, &e);
    for (int64_t i = 0; i < nd_count(y); i++) {
        if (y->dtype == DT_float64 && isnan(((double *)y->at)[i])) ((double *)y->at)[i] = NAN;
        if (y->dtype == DT_float32 && isnan(((float *)y->at)[i])) ((float *)y->at)[i] = NAN;
    }
    datum_unref(x);
    return y;
}

static nd *result(const expr *x, uint32_t off)
{
    err e = {0};
    nd *y = NULL;
    bool ok = exprs_compute(1, &x, NULL, &(plan_opts){.off = off}, NULL, &y, &e);
    ck_assert_msg(ok, "%s", e.msg);
    return without_nan(y);
}

static void check_same(const expr *x, int nth, const char *what)
{
    if (x->type.dt >= DT_complex64) return;
    nd *want = result(x, PASS_PIPE);
    for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
        simd_limit((enum simd)level);
        nd *got = result(x, 0);
        ck_assert_msg(nd_same(want, got), "program %d, width %d: %s has other bits", nth, level,
                      what);
        datum_unref(got);
    }
    simd_limit(SIMD_AVX512);
    datum_unref(want);
}

START_TEST(random_programs_give_the_bits_of_their_loops)
{
    static const char *const folds[] = {"sum", "mean", "var", "max", "any"};
    static const int64_t shapes[][2] = {{20011, 0}, {201, 97}, {601, 31}, {9, 2001}};
    for (int nth = _i; nth < NPROGRAM; nth += 4) {
        uint64_t s = (uint64_t)nth + 1;
        pool_of p = {0};
        const int64_t *shape = shapes[nth % 4];
        add_sources(&p, shape, shape[1] ? 2 : 1, &s);
        for (int i = 0; i < NSTEP; i++) add_step(&p, &s);
        const expr *last = p.x[p.n - 1];
        check_same(last, nth, "the result");
        const char *name = folds[nth / 4 % 5];
        err e = {0};
        expr *y = expr_reduce(name, last,
                              &(reduce_args){.axes = nth % 8 < 4 ? ALL_AXES : 1, .want = none}, &e);
        if (y) check_same(y, nth, name);
        err_clear(&e);
        datum_unref(y);
        while (p.n) datum_unref(p.x[--p.n]);
    }
}
END_TEST

START_TEST(every_stage_has_its_mirror)
{
    for (int op = 1; op < NPIPE_OP; op++)
        for (int kind = 0; kind < NPIPE_KIND; kind++) {
            enum pipe_op turned = pipe_mirror((enum pipe_op)op);
            bool two = pipe_find((enum pipe_op)op, (enum pipe_kind)kind, PIPE_SELF) != NULL;
            if (!two || op == PIPE_where) continue;
            ck_assert_int_ne(turned, PIPE_none);
            ck_assert_int_eq(pipe_mirror(turned), op);
            for (int form = 0; form <= PIPE_SELF; form++)
                ck_assert(pipe_find(turned, (enum pipe_kind)kind, form));
        }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pipe");
    TCase *t = tcase_create("pipe");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, random_programs_give_the_bits_of_their_loops, 0, 4);
    tcase_add_test(t, every_stage_has_its_mirror);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
