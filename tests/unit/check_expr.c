/* tests/unit/check_expr.c - values: every lazy operation gives what the eager kernel gives on the
 * whole array, with and without the passes of the planner, here and on a pool. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"
#include "tests/unit/file_source.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};
static const dtype_of i8 = {.dt = DT_int64, .size = 8};
static const dtype_of f8 = {.dt = DT_float64, .size = 8};

/* 0, 1, 2 ... with some disorder, in the given shape */
static nd *numbers(dtype_of t, int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(i8, ndim, shape, &e);
    for (int64_t i = 0; i < nd_count(x); i++) ((int64_t *)x->at)[i] = (i * 7919) % 1009 - 300;
    nd *y = nd_cast(x, t, 'u', &e);
    datum_unref(x);
    return y;
}

static expr *lazy(const nd *x, int64_t c)
{
    err e = {0};
    int64_t size[GRID_MAXDIM];
    for (int i = 0; i < x->ndim; i++) size[i] = c;
    grid *g = grid_even(x->ndim, nd_shape(x), size);
    source *s = source_nd(x);
    expr *y =
        expr_array((label){0}, s, hash128_bytes(x->at, nd_bytes(x)), false, g, nd_type(x), &e);
    datum_unref(s);
    datum_unref(g);
    return y;
}

/* y (taken) gives `want` (taken) however it is run */
static void check_value(expr *y, nd *want, err *e, const char *what)
{
    ck_assert_msg(y != NULL, "%s: %s", what, e->msg);
    ck_assert_msg(want != NULL, "%s: %s", what, e->msg);
    const plan_opts ways[] = {{0}, {.keep_all = true}, {.off = PASS_ALL}};
    pool *p = pool_new(2, false, NULL);
    for (int w = 0; w < 4; w++) {
        nd *out = NULL;
        const expr *all[] = {y};
        bool ok = exprs_compute(1, all, w == 3 ? p : NULL, w < 3 ? &ways[w] : NULL, NULL, &out, e);
        ck_assert_msg(ok, "%s, way %d: %s", what, w, e->msg);
        nd *a = nd_contiguous(out, e), *b = nd_contiguous(want, e);
        ck_assert_msg(nd_same(a, b), "%s, way %d: other values", what, w);
        if (grid_known(y->chunks)) {
            int64_t shape[GRID_MAXDIM];
            expr_shape(y, shape);
            ck_assert(!memcmp(shape, nd_shape(out), out->ndim * sizeof *shape));
            ck_assert_int_eq(out->dtype, y->type.dt);
        }
        datum_unref(a);
        datum_unref(b);
        datum_unref(out);
    }
    pool_free(p);
    datum_unref(y);
    datum_unref(want);
}

static const int64_t no = SLICE_NONE;

static expr_item at(int64_t i)
{
    return (expr_item){.item = {.kind = IDX_INT, .start = i}};
}

static expr_item slice(int64_t a, int64_t b, int64_t s)
{
    return (expr_item){.item = {.kind = IDX_SLICE, .start = a, .stop = b, .step = s}};
}

static expr_item newaxis(void)
{
    return (expr_item){.item = {.kind = IDX_NEW}};
}

static nd *ints(int64_t n, const int64_t *v)
{
    nd *x = nd_new(i8, 1, &n, NULL);
    memcpy(x->at, v, (size_t)n * 8);
    return x;
}

static void check_index(const nd *a, int n, const expr_item *items, const char *what)
{
    index_item plain[16];
    for (int i = 0; i < n; i++) plain[i] = items[i].item;
    for (int64_t c = 1; c < 8; c += 2) {
        err e = {0};
        expr *x = lazy(a, c);
        check_value(expr_index(x, n, items, &e), nd_index(a, plain, n, &e), &e, what);
        datum_unref(x);
    }
}

START_TEST(basic_indexing)
{
    nd *a = numbers(f8, 2, (int64_t[]){7, 11});
    for (int64_t start = -8; start < 9; start += 3)
        for (int64_t stop = -8; stop < 10; stop += 2)
            for (int64_t step = -3; step < 4; step++) {
                if (!step || (step < 0 && start < -7)) continue; /* there Dask differs */
                expr_item s = slice(start, stop, step);
                check_index(a, 1, &s, "slice");
            }
    check_index(a, 2, (expr_item[]){at(-1), slice(no, no, -2)}, "int, reversed");
    check_index(a, 3, (expr_item[]){slice(2, no, no), newaxis(), at(3)}, "newaxis");
    check_index(a, 3, (expr_item[]){newaxis(), at(2), newaxis()}, "newaxes");
    check_index(a, 2, (expr_item[]){{.item = {.kind = IDX_ELLIPSIS}}, at(4)}, "ellipsis");
    datum_unref(a);
}
END_TEST

START_TEST(fancy_indexing)
{
    nd *a = numbers(f8, 2, (int64_t[]){7, 11});
    nd *l = ints(6, (int64_t[]){0, 6, 5, -1, 3, 3});
    expr_item list = {.item = {.kind = IDX_ARRAY, .array = l}};
    check_index(a, 1, &list, "list");
    check_index(a, 2, (expr_item[]){slice(no, no, no), list}, "second axis");
    check_index(a, 2, (expr_item[]){list, slice(1, 9, 2)}, "list and slice");
    check_index(a, 2, (expr_item[]){at(2), list}, "int and list");
    err e = {0};
    expr *x = lazy(a, 3), *i = lazy(l, 2);
    expr_item by = {.lazy = i};
    check_value(expr_index(x, 1, &by, &e), nd_take(a, l, 0, 'r', &e), &e, "lazy ints");
    check_value(expr_index(x, 2, (expr_item[]){slice(no, no, no), by}, &e),
                nd_take(a, l, 1, 'r', &e), &e, "lazy ints, second axis");
    nd *zero = nd_scalar(DT_int64, &(int64_t){0}), *m = nd_map2(U_greater, a, zero, &e);
    expr *mask = lazy(m, 3);
    expr_item where = {.lazy = mask};
    check_value(expr_index(x, 1, &where, &e), nd_mask(a, m, &e), &e, "mask");
    datum_unref(a);
    datum_unref(l);
    datum_unref(x);
    datum_unref(i);
    datum_unref(zero);
    datum_unref(m);
    datum_unref(mask);
}
END_TEST

START_TEST(rechunk_reshape_join)
{
    err e = {0};
    nd *a = numbers(i8, 2, (int64_t[]){12, 10});
    expr *x = lazy(a, 4);
    static const int64_t cuts_of[][2] = {{3, 3}, {12, 1}, {1, 10}, {5, 7}, {12, 10}};
    for (int i = 0; i < 5; i++) {
        grid *g = grid_even(2, nd_shape(a), cuts_of[i]);
        check_value(expr_rechunk(x, g, 0, 0, &e), nd_ref(a), &e, "rechunk");
        check_value(expr_rechunk(x, g, 1, 64, &e), nd_ref(a), &e, "rechunk in steps");
        datum_unref(g);
    }
    static const int64_t shapes[][4] = {{120},   {12, 2, 5}, {3, 4, 10},
                                        {60, 2}, {2, 60},    {4, 3, 5, 2}};
    static const int dims[] = {1, 3, 3, 2, 2, 4};
    for (int i = 0; i < 6; i++) {
        expr *y = expr_reshape(x, dims[i], shapes[i], true, &e);
        if (!y) { /* uneven: Dask refuses too */
            ck_assert_int_eq(e.kind, NotImplementedError);
            err_clear(&e);
            continue;
        }
        check_value(y, nd_reshape(a, dims[i], shapes[i], &e), &e, "reshape");
    }
    nd *b = numbers(f8, 2, (int64_t[]){3, 10});
    expr *y = lazy(b, 3);
    check_value(expr_concat(2, (const expr *[]){x, y}, 0, false, &e),
                nd_concat(2, (const nd *[]){a, b}, 0, none, &e), &e, "concatenate");
    check_value(expr_stack(2, (const expr *[]){x, x}, 1, false, &e),
                nd_stack(2, (const nd *[]){a, a}, 1, &e), &e, "stack");
    check_value(expr_transpose((label){0}, x, NULL, &e), nd_transpose(a, NULL), &e, "transpose");
    check_value(expr_broadcast_to(x, 3, (int64_t[]){2, 12, 10}, NULL, &e),
                nd_broadcast(a, 3, (int64_t[]){2, 12, 10}, &e), &e, "broadcast_to");
    datum_unref(a);
    datum_unref(b);
    datum_unref(x);
    datum_unref(y);
}
END_TEST

START_TEST(reductions_on_one_chunk_are_numpys)
{
    static const char *const names[] = {"sum",    "prod",   "min",      "max",    "any",
                                        "all",    "mean",   "nansum",   "nanmin", "nanmean",
                                        "argmin", "argmax", "nanargmax"};
    err e = {0};
    nd *a = numbers(f8, 3, (int64_t[]){5, 6, 7});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (uint32_t axes = 1; axes < 16; axes++) {
            bool arg = strstr(names[i], "arg") != NULL;
            uint32_t use = axes == 15 ? ALL_AXES : axes;
            if (axes > 7 && axes < 15) continue;
            if (arg && axes != 15 && (axes & (axes - 1))) continue;
            for (int64_t c = 2; c < 9; c += 5) {
                if (!arg && c < 7 && strcmp(names[i], "min") && strcmp(names[i], "any")) continue;
                expr *x = lazy(a, c);
                reduce_args r = {.axes = use, .want = none, .keepdims = axes & 1};
                nd *want = nd_reduce(reduction_find(names[i]), a, use, r.keepdims, none, NULL, &e);
                check_value(expr_reduce(names[i], x, &r, &e), want, &e, names[i]);
                datum_unref(x);
            }
        }
    datum_unref(a);
}
END_TEST

/* sums of small integers are exact whatever the order */
START_TEST(reductions_over_many_chunks)
{
    err e = {0};
    nd *a = numbers(i8, 2, (int64_t[]){40, 30});
    for (int64_t c = 1; c < 20; c += 6)
        for (uint32_t axes = 1; axes < 4; axes++) {
            expr *x = lazy(a, c);
            reduce_args r = {.axes = axes, .want = none, .split_every = c == 7 ? 3 : 0};
            check_value(expr_reduce("sum", x, &r, &e),
                        nd_reduce(&reductions[R_sum], a, axes, false, none, NULL, &e), &e, "sum");
            check_value(expr_reduce("max", x, &r, &e),
                        nd_reduce(&reductions[R_max], a, axes, false, none, NULL, &e), &e, "max");
            datum_unref(x);
        }
    datum_unref(a);
}
END_TEST

START_TEST(running_sums)
{
    err e = {0};
    nd *a = numbers(i8, 2, (int64_t[]){9, 13});
    for (int64_t c = 1; c < 14; c += 3)
        for (int axis = 0; axis < 2; axis++)
            for (int m = 0; m < 2; m++) {
                expr *x = lazy(a, c);
                check_value(
                    expr_scan((label){0}, &scans[S_cumsum], x, axis, none, m ? 'b' : 's', &e),
                    nd_scan(&scans[S_cumsum], a, axis, none, NULL, &e), &e, "cumsum");
                datum_unref(x);
            }
    datum_unref(a);
}
END_TEST

START_TEST(assignment)
{
    err e = {0};
    nd *l = ints(3, (int64_t[]){4, 0, 5}), *five = nd_scalar(DT_int64, &(int64_t){5});
    nd *row = numbers(i8, 1, (int64_t[]){4}), *three = numbers(i8, 2, (int64_t[]){3, 8});
    nd *mask = nd_zero(dtype_plain(DT_bool), 1, (int64_t[]){8}, &e);
    mask->at[1] = mask->at[6] = 1;
    const struct {
        int n;
        expr_item item[2];
        const nd *value;
    } rows[] = {
        {1, {at(2)}, five},
        {2, {slice(1, 5, 2), slice(no, no, no)}, five},
        {2, {slice(no, no, no), slice(0, no, 2)}, row},
        {2, {at(-1), slice(7, no, -2)}, row},
        {1, {{.item = {.kind = IDX_ARRAY, .array = l}}}, three},
        {2, {slice(no, no, no), {.item = {.kind = IDX_ARRAY, .array = mask}}}, five},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int64_t c = 1; c < 8; c += 2) {
            nd *a = numbers(i8, 2, (int64_t[]){6, 8}), *b = nd_copy(a, &e);
            index_item plain[2] = {rows[i].item[0].item, rows[i].item[1].item};
            expr *x = lazy(a, c);
            ck_assert(nd_index_assign(b, plain, rows[i].n, rows[i].value, &e));
            check_value(
                expr_setitem(x, rows[i].n, rows[i].item, &(term){.block = rows[i].value}, &e), b,
                &e, "setitem");
            datum_unref(x);
            datum_unref(a);
        }
    datum_unref(l);
    datum_unref(five);
    datum_unref(row);
    datum_unref(three);
    datum_unref(mask);
}
END_TEST

START_TEST(overlap_then_trim_is_the_identity)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){9, 10}), *seven = nd_scalar(DT_int64, &(int64_t){7});
    for (int kind = EDGE_NONE; kind <= EDGE_VALUE; kind++) {
        boundary edge[2] = {{(enum boundary_kind)kind, seven}, {(enum boundary_kind)kind, seven}};
        int64_t depth[4] = {1, 1, 2, 2};
        expr *x = lazy(a, 4), *y = expr_overlap(x, depth, edge, &e);
        ck_assert_msg(y != NULL, "%s", e.msg);
        check_value(expr_trim(y, depth, edge, &e), nd_ref(a), &e, "overlap");
        datum_unref(x);
        datum_unref(y);
    }
    datum_unref(a);
    datum_unref(seven);
}
END_TEST

START_TEST(points_and_blocks)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){6, 8});
    nd *r = ints(5, (int64_t[]){0, 5, -1, 2, 2}), *c = ints(5, (int64_t[]){7, 0, 3, 3, -2});
    index_item both[2] = {{.kind = IDX_ARRAY, .array = r}, {.kind = IDX_ARRAY, .array = c}};
    index_item one[2] = {{.kind = IDX_SLICE, .start = no, .stop = no, .step = no}, both[1]};
    expr *x = lazy(a, 3);
    check_value(expr_vindex(x, 2, both, &e), nd_index(a, both, 2, &e), &e, "vindex");
    nd *columns = nd_index(a, one, 2, &e);
    check_value(expr_vindex(x, 2, one, &e), nd_transpose(columns, NULL), &e, "vindex of one axis");
    index_item last = {.kind = IDX_INT, .start = -1};
    check_value(expr_blocks(x, 1, &last, &e), nd_slice(a, 0, 3, 3, 1), &e, "blocks");
    datum_unref(columns);
    datum_unref(a);
    datum_unref(r);
    datum_unref(c);
    datum_unref(x);
}
END_TEST

static expr *binary(enum ufunc_id f, const expr *x, const expr *y)
{
    err e = {0};
    expr *z = expr_map((label){0}, &ufuncs[f], 2, (term[]){{.x = x}, {.x = y}}, none, 0, &e);
    ck_assert_msg(z != NULL, "%s", e.msg);
    return z;
}

START_TEST(fused_programs_with_shared_and_broadcast_inputs)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){6, 6}), *b = numbers(f8, 1, (int64_t[]){6});
    expr *x = lazy(a, 2), *v = lazy(b, 3);
    expr *s = binary(U_add, x, x), *t = expr_transpose((label){0}, s, NULL, &e);
    expr *p = binary(U_multiply, s, t), *q = binary(U_subtract, p, v), *r = binary(U_add, q, s);
    nd *ns = nd_map2(U_add, a, a, &e), *nt = nd_transpose(ns, NULL);
    nd *np = nd_map2(U_multiply, ns, nt, &e), *nq = nd_map2(U_subtract, np, b, &e);
    check_value(expr_ref(r), nd_map2(U_add, nq, ns, &e), &e, "shared inputs");
    expr *all[] = {x, v, s, t, p, q, r};
    nd *any[] = {a, b, ns, nt, np, nq};
    for (int i = 0; i < 7; i++) datum_unref(all[i]);
    for (int i = 0; i < 6; i++) datum_unref(any[i]);
}
END_TEST

/* pieces of large blocks must not change a bit */
START_TEST(pieces_of_large_blocks_give_the_same_bits)
{
    static const char *const names[] = {"sum", "mean", "std", "max", "min", "any"};
    err e = {0};
    static const int64_t shapes[][2] = {{100003, 1}, {401, 397}, {3, 40000}};
    const enum dtype types[] = {DT_float64, DT_float32, DT_int32};
    for (int k = 0; k < 9; k++) {
        nd *a = numbers(dtype_plain(types[k / 3]), 2, shapes[k % 3]);
        nd *third = nd_scalar(DT_float64, &(double){1 / 3.0});
        expr *x = lazy(a, 50000);
        expr *y = expr_map((label){0}, &ufuncs[U_multiply], 2,
                           (term[]){{.x = x}, {.block = third, .weak = true}}, none, 0, &e);
        nd *whole = nd_map2(U_multiply, a, third, &e);
        check_value(expr_ref(y), nd_ref(whole), &e, "elementwise");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            expr *z = expr_reduce(names[i], y, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
            nd *want = NULL; /* step by step, without pieces */
            const expr *all[] = {z};
            ck_assert(exprs_compute(1, all, NULL, &(plan_opts){.off = PASS_TILE}, NULL, &want, &e));
            check_value(z, want, &e, names[i]);
        }
        datum_unref(a);
        datum_unref(third);
        datum_unref(whole);
        datum_unref(x);
        datum_unref(y);
    }
}
END_TEST

/* y (borrowed) reduced along the axes gives what it gives step by step */
static void check_reduced(const expr *y, const char *name, uint32_t axes, const char *what)
{
    err e = {0};
    char text[80];
    expr *z = expr_reduce(name, y, &(reduce_args){.axes = axes, .want = none}, &e);
    const expr *all[] = {z};
    nd *want = NULL;
    snprintf(text, sizeof text, "%s: %s, axes %x", what, name, axes);
    ck_assert_msg(z != NULL, "%s: %s", text, e.msg);
    ck_assert(exprs_compute(1, all, NULL, &(plan_opts){.off = PASS_TILE}, NULL, &want, &e));
    check_value(z, want, &e, text);
}

static const char *const folds[] = {"sum", "prod",   "min",    "max",     "any",    "mean",
                                    "std", "nansum", "nanmin", "nanmean", "nanvar", "all"};
enum { NFOLD = sizeof folds / sizeof *folds };

START_TEST(pieces_fold_along_any_axes_with_the_same_bits)
{
    static const struct {
        int ndim;
        int64_t shape[3], chunk;
    } grids[] = {{3, {40, 50, 60}, 1000}, {2, {3, 40000}, 30000},  {2, {9000, 5}, 5000},
                 {2, {900, 300}, 170},    {3, {300, 1, 200}, 250}, {1, {100003}, 50000},
                 {3, {11, 1000, 7}, 500}};
    const enum dtype types[] = {DT_float64, DT_float32, DT_int32, DT_bool, DT_complex128};
    int g = _i % 7, t = _i / 7;
    err e = {0};
    nd *a = numbers(dtype_plain(types[t]), grids[g].ndim, grids[g].shape);
    nd *third = nd_scalar(DT_float64, &(double){1 / 3.0});
    expr *x = lazy(a, grids[g].chunk);
    expr *y = types[t] == DT_bool
                  ? expr_map((label){0}, &ufuncs[U_logical_not], 1, &(term){.x = x}, none, 0, &e)
                  : expr_map((label){0}, &ufuncs[U_multiply], 2,
                             (term[]){{.x = x}, {.block = third, .weak = true}}, none, 0, &e);
    for (int k = 0; k < NFOLD; k++) {
        bool order = types[t] == DT_complex128 && (k == 2 || k == 3 || k >= 6);
        for (uint32_t axes = 1; axes < 1u << grids[g].ndim && !order; axes++)
            check_reduced(y, folds[k], axes, "computed");
        if (!order) check_reduced(x, folds[k], 1, "as it lies");
    }
    datum_unref(a);
    datum_unref(third);
    datum_unref(x);
    datum_unref(y);
}
END_TEST

/* NaN here and there, one whole column of them; blocks in memory, computed and read */
START_TEST(pieces_with_nan_give_the_same_bits)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){500, 120});
    for (int64_t i = 0; i < nd_count(a); i++)
        if (i % 11 == 0 || i % 120 == 7) ((double *)a->at)[i] = (double)NAN;
    expr *x = lazy(a, 300), *y = binary(U_add, x, x);
    expr *z = expr_map((label){0}, &ufuncs[U_square], 1, &(term){.x = x}, none, 0, &e);
    for (int k = 0; k < NFOLD; k++)
        for (uint32_t axes = 1; axes < 4; axes++) {
            check_reduced(x, folds[k], axes, "as it lies");
            check_reduced(y, folds[k], axes, "doubled");
            check_reduced(z, folds[k], axes, "squares");
        }
    datum_unref(a);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
}
END_TEST

/* rows, columns, numbers and whole blocks in one chain; gaps between rows; Fortran order */
START_TEST(pieces_take_operands_of_all_layouts)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){300, 200}), *b = numbers(f8, 1, (int64_t[]){200});
    nd *d = numbers(dtype_plain(DT_int16), 2, (int64_t[]){300, 1});
    nd *f = nd_copy_order(a, 'F', &e);
    expr *x = lazy(a, 180), *row = lazy(b, 180), *column = lazy(d, 180), *turned = lazy(f, 180);
    expr *p = binary(U_add, x, row), *q = binary(U_multiply, p, column);
    expr *r = binary(U_subtract, q, turned), *s = binary(U_add, row, column);
    expr *t = binary(U_divide, turned, row);
    expr *all[] = {q, r, s, t, x, row, column, turned, p};
    for (int i = 0; i < 4; i++) {
        const expr *one[] = {all[i]};
        nd *want = NULL;
        ck_assert(exprs_compute(1, one, NULL, &(plan_opts){.off = PASS_TILE}, NULL, &want, &e));
        check_value(expr_ref(all[i]), want, &e, "layouts");
        for (uint32_t axes = 1; axes < 4; axes++) {
            check_reduced(all[i], "sum", axes, "layouts");
            check_reduced(all[i], "std", axes, "layouts");
        }
    }
    for (int i = 0; i < 9; i++) datum_unref(all[i]);
    nd *blocks[] = {a, b, d, f};
    for (int i = 0; i < 4; i++) datum_unref(blocks[i]);
}
END_TEST

START_TEST(files_are_read_by_rows_with_the_same_bits)
{
    err e = {0};
    nd *a = numbers(f8, 2, (int64_t[]){700, 1001}),
       *third = nd_scalar(DT_float64, &(double){1 / 3.0});
    nd *b = nd_map2(U_multiply, a, third, &e);
    file_source *f = mem_zero(sizeof *f);
    source_init(&f->base, &file_kind);
    f->x = b;
    grid *g = grid_even(2, nd_shape(b), (int64_t[]){300, 600});
    expr *x = expr_array((label){0}, &f->base, (hash128){1, 2}, true, g, f8, &e);
    for (int i = 0; i < NFOLD; i++)
        for (uint32_t axes = 1; axes < 4; axes++) check_reduced(x, folds[i], axes, "file");
    datum_unref(a);
    datum_unref(third);
    datum_unref(f);
    datum_unref(g);
    datum_unref(x);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("expr");
    TCase *t = tcase_create("expr");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, basic_indexing);
    tcase_add_test(t, fancy_indexing);
    tcase_add_test(t, rechunk_reshape_join);
    tcase_add_test(t, reductions_on_one_chunk_are_numpys);
    tcase_add_test(t, reductions_over_many_chunks);
    tcase_add_test(t, running_sums);
    tcase_add_test(t, assignment);
    tcase_add_test(t, overlap_then_trim_is_the_identity);
    tcase_add_test(t, points_and_blocks);
    tcase_add_test(t, fused_programs_with_shared_and_broadcast_inputs);
    tcase_add_test(t, files_are_read_by_rows_with_the_same_bits);
    tcase_add_test(t, pieces_of_large_blocks_give_the_same_bits);
    tcase_add_loop_test(t, pieces_fold_along_any_axes_with_the_same_bits, 0, 35);
    tcase_add_test(t, pieces_with_nan_give_the_same_bits);
    tcase_add_test(t, pieces_take_operands_of_all_layouts);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
