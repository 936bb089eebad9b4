/* tests/unit/check_passes.c - each pass of the planner by itself: with it and without it, a result
 * has the same bits. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/kernels/ops.h"
#include "tests/unit/file_source.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};
static const dtype_of f8 = {.dt = DT_float64, .size = 8};

static const struct {
    const char *name;
    uint32_t bit;
} passes[] = {
#define PASS(NAME, name) {#name, PASS_##NAME},
    PLAN_PASSES(PASS)
#undef PASS
        {"every pass", PASS_ALL},
};

/* thirds and sevenths of 0, 1, 2 ... in disorder: sums round */
static nd *fractions(int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(f8, ndim, shape, &e);
    for (int64_t i = 0; i < nd_count(x); i++)
        ((double *)x->at)[i] = (double)((i * 7919) % 100003 - 300) / (i % 2 ? 3.0 : 7.0);
    return x;
}

static expr *array(bool file, int ndim, const int64_t *shape, const int64_t *chunk)
{
    err e = {0};
    nd *x = fractions(ndim, shape);
    grid *g = grid_even(ndim, shape, chunk);
    source *s;
    if (file) {
        file_source *f = mem_zero(sizeof *f);
        source_init(&f->base, &file_kind);
        f->x = nd_ref(x);
        s = &f->base;
    } else
        s = source_nd(x);
    expr *y = expr_array((label){0}, s, hash128_bytes(x->at, nd_bytes(x)), file, g, f8, &e);
    datum_unref(s);
    datum_unref(g);
    datum_unref(x);
    return y;
}

static expr *array2(bool file, int64_t m, int64_t n, int64_t cm, int64_t cn)
{
    return array(file, 2, (int64_t[]){m, n}, (int64_t[]){cm, cn});
}

static expr *rechunk(expr *x, int64_t cm, int64_t cn) /* takes x */
{
    err e = {0};
    int64_t shape[GRID_MAXDIM];
    expr_shape(x, shape);
    grid *g = grid_even(2, shape, (int64_t[]){cm, cn});
    expr *y = expr_rechunk(x, g, 0, 0, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    datum_unref(g);
    datum_unref(x);
    return y;
}

static expr *map2(enum ufunc_id id, expr *x, expr *y) /* takes both */
{
    err e = {0};
    expr *z = expr_map((label){0}, &ufuncs[id], 2, (term[]){{.x = x}, {.x = y}}, none, 0, &e);
    ck_assert_msg(z != NULL, "%s", e.msg);
    datum_unref(x);
    datum_unref(y);
    return z;
}

static expr *plus(expr *x, double by) /* takes x */
{
    err e = {0};
    nd *b = nd_scalar(DT_float64, &by);
    expr *z = expr_map((label){0}, &ufuncs[U_add], 2,
                       (term[]){{.x = x}, {.block = b, .weak = true}}, none, 0, &e);
    ck_assert_msg(z != NULL, "%s", e.msg);
    datum_unref(b);
    datum_unref(x);
    return z;
}

static expr *turned(expr *x) /* takes x */
{
    err e = {0};
    expr *y = expr_transpose((label){0}, x, NULL, &e);
    datum_unref(x);
    return y;
}

static expr *folded(const char *name, const expr *x, uint32_t axes)
{
    err e = {0};
    expr *y = expr_reduce(name, x, &(reduce_args){.axes = axes, .want = none}, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    return y;
}

/* All results at once, with every pass and with each one off, here and on a pool: the same bits as
 * with none. */
static void check_all(int n, expr *const *x, const char *what)
{
    err e = {0};
    nd *want[16], *got[16];
    pool *p = pool_new(2, false, NULL);
    const expr *const *all = (const expr *const *)x;
    ck_assert_msg(exprs_compute(n, all, NULL, &(plan_opts){.keep_all = true}, NULL, want, &e),
                  "%s: %s", what, e.msg);
    for (size_t w = 0; w <= sizeof passes / sizeof *passes; w++) {
        bool full = w == sizeof passes / sizeof *passes;
        plan_opts o = {.off = full ? 0 : passes[w].bit};
        bool ok = exprs_compute(n, all, w % 2 ? p : NULL, &o, NULL, got, &e);
        ck_assert_msg(ok, "%s without %s: %s", what, full ? "nothing" : passes[w].name, e.msg);
        for (int i = 0; i < n; i++) {
            nd *a = nd_contiguous(want[i], &e), *b = nd_contiguous(got[i], &e);
            ck_assert_msg(nd_same(a, b), "%s without %s: result %d has other bits", what,
                          full ? "nothing" : passes[w].name, i);
            datum_unref(a);
            datum_unref(b);
            datum_unref(got[i]);
        }
    }
    for (int i = 0; i < n; i++) datum_unref(want[i]);
    pool_free(p);
}

/* x itself and what reductions make of it (takes x) */
static void check_expr(expr *x, const char *what)
{
    static const char *const names[] = {"sum", "mean", "var", "max"};
    expr *all[16];
    int n = 0;
    check_all(1, &x, what);
    for (int i = 0; i < 4; i++) {
        all[n++] = folded(names[i], x, ALL_AXES);
        check_all(1, &all[n - 1], what);
        all[n++] = folded(names[i], x, 1);
        check_all(1, &all[n - 1], what);
        if (expr_ndim(x) > 1) {
            all[n++] = folded(names[i], x, 2);
            check_all(1, &all[n - 1], what);
        }
    }
    all[n++] = expr_ref(x);
    check_all(n, all, what);
    while (n) datum_unref(all[--n]);
    datum_unref(x);
}

static uint32_t tasks_of(const expr *x, uint32_t off)
{
    err e = {0};
    plan *p = plan_exprs(1, (const expr *const *)&x, &(plan_opts){.off = off}, &e);
    ck_assert_msg(p != NULL, "%s", e.msg);
    uint32_t n = p->ntask;
    plan_free(p);
    return n;
}

START_TEST(new_chunks_are_pasted_from_old_ones)
{
    for (int file = 0; file < 2; file++) {
        check_expr(rechunk(array2(file, 120, 90, 7, 90), 120, 11), "columns from rows");
        check_expr(rechunk(array2(file, 120, 90, 40, 30), 20, 10), "smaller blocks are views");
        check_expr(rechunk(array2(file, 120, 90, 13, 17), 17, 13), "unrelated cuts");
        check_expr(rechunk(rechunk(array2(file, 120, 90, 13, 17), 60, 90), 30, 41),
                   "parts of pasted blocks keep their gaps");
        check_expr(rechunk(plus(array2(file, 700, 500, 100, 100), 0.1), 350, 500), "large blocks");
    }
    expr *x = rechunk(array2(false, 120, 90, 1, 90), 120, 1);
    ck_assert_uint_eq(tasks_of(x, 0), 120 + 90);
    ck_assert_uint_gt(tasks_of(x, PASS_RECHUNK), 120 + 90);
    check_expr(x, "many pieces");
}
END_TEST

START_TEST(diamonds_and_turned_operands)
{
    for (int file = 0; file < 2; file++) {
        expr *x = array2(file, 300, 300, 100, 100);
        check_expr(map2(U_add, expr_ref(x), turned(expr_ref(x))), "x + x.T");
        expr *y = plus(expr_ref(x), 1), *z = map2(U_multiply, expr_ref(y), expr_ref(x));
        check_expr(map2(U_subtract, z, y), "(x + 1) * x - (x + 1)");
        check_expr(turned(plus(x, 0.3)), "(x + 0.3).T");
    }
    check_expr(
        map2(U_add, array2(true, 500, 900, 500, 900), turned(array2(true, 900, 500, 900, 500))),
        "one large block and one turned");
}
END_TEST

static index_item cut(int64_t start, int64_t stop, int64_t step)
{
    return (index_item){.kind = IDX_SLICE, .start = start, .stop = stop, .step = step};
}

static index_item at(int64_t i)
{
    return (index_item){.kind = IDX_INT, .start = i};
}

static expr *taken2(expr *x, index_item i, index_item j) /* takes x */
{
    err e = {0};
    expr *y = expr_index(x, 2, (expr_item[]){{.item = i}, {.item = j}}, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    datum_unref(x);
    return y;
}

static expr *taken1(expr *x, index_item i) /* takes x */
{
    err e = {0};
    expr *y = expr_index(x, 1, (expr_item[]){{.item = i}}, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    datum_unref(x);
    return y;
}

static const index_item added = {.kind = IDX_NEW};

static expr *joined(bool stack, int axis, expr *x, expr *y) /* takes both */
{
    err e = {0};
    const expr *both[] = {x, y};
    expr *z = stack ? expr_stack(2, both, axis, false, &e) : expr_concat(2, both, axis, false, &e);
    ck_assert_msg(z != NULL, "%s", e.msg);
    datum_unref(x);
    datum_unref(y);
    return z;
}

START_TEST(what_is_taken_of_a_result_is_taken_of_its_sources)
{
    nd *list = nd_new((dtype_of){.dt = DT_int64, .size = 8}, 1, &(int64_t){5}, NULL);
    memcpy(list->at, (int64_t[]){3, 250, 7, 7, 120}, 40);
    index_item some = {.kind = IDX_ARRAY, .array = list};
    const index_item ways[][2] = {
        {cut(10, 290, 3), cut(5, 260, 1)}, {cut(290, 10, -7), cut(0, 300, 1)},
        {at(123), cut(50, 250, 2)},        {cut(40, 41, 1), at(299)},
        {some, cut(17, 217, 4)},           {cut(0, 300, 1), some},
    };
    for (int file = 0; file < 2; file++)
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            index_item i = ways[w][0], j = ways[w][1];
            expr *x = array2(file, 300, 300, 100, 70), *r = array2(file, 1, 300, 1, 70);
            expr *row = array(file, 1, (int64_t[]){300}, (int64_t[]){70});
            check_expr(taken2(map2(U_add, expr_ref(x), turned(expr_ref(x))), i, j),
                       "(x + x.T)[..]");
            check_expr(taken2(plus(plus(expr_ref(x), 1), 2), i, j), "(x + 1 + 2)[..]");
            check_expr(taken2(map2(U_add, expr_ref(x), expr_ref(row)), i, j), "(x + row)[..]");
            check_expr(taken2(map2(U_multiply, expr_ref(x), expr_ref(r)), i, j), "(x * one)[..]");
            check_expr(taken2(turned(plus(expr_ref(x), 1)), i, j), "(x + 1).T[..]");
            check_expr(taken2(expr_ref(x), i, j), "x[..]");
            check_expr(taken2(rechunk(plus(expr_ref(x), 1), 45, 300), i, j), "rechunk[..]");
            expr *both = joined(false, 0, plus(expr_ref(x), 1), expr_ref(x));
            check_expr(taken2(both, i, j), "concatenate[..]");
            both = joined(false, 1, expr_ref(x), plus(expr_ref(x), 1));
            check_expr(taken2(both, i, j), "concatenate along 1 [..]");
            both = joined(true, 0, plus(expr_ref(row), 1), expr_ref(row));
            check_expr(taken2(both, at(1), cut(3, 200, 2)), "stack[1, ..]");
            both = joined(true, 1, plus(expr_ref(row), 1), expr_ref(row));
            check_expr(taken2(both, i, cut(0, 2, 1)), "stack[.., 0:2]");
            check_expr(taken2(plus(expr_ref(row), 1), added, i), "row[None, ..]");
            expr *wide = plus(array2(file, 300, 1, 100, 1), 1);
            both = expr_broadcast_to(wide, 2, (int64_t[]){300, 300}, NULL, NULL);
            datum_unref(wide);
            check_expr(taken2(both, i, j), "broadcast[..]");
            check_expr(taken1(taken2(plus(expr_ref(x), 1), cut(20, 280, 2), j), cut(5, 100, 3)),
                       "twice");
            datum_unref(x);
            datum_unref(r);
            datum_unref(row);
        }
    datum_unref(list);
}
END_TEST

START_TEST(what_is_taken_of_a_reduction_is_taken_of_what_is_reduced)
{
    static const char *const names[] = {"sum", "mean", "std", "max", "argmin", "nansum", "prod"};
    const int64_t shape[] = {40, 60, 50}, chunk[] = {20, 30, 50}, rows[] = {7, 60, 9};
    const index_item ways[][2] = {{at(33), cut(0, 50, 1)},      {cut(3, 4, 1), at(17)},
                                  {cut(5, 31, 7), at(20)},      {cut(0, 40, 1), cut(19, 21, 1)},
                                  {cut(39, 40, 1), at(49)},     {cut(30, 10, -3), cut(0, 9, 1)},
                                  {cut(0, 40, 1), cut(8, 9, 1)}};
    for (int file = 0; file < 2; file++)
        for (int axis = 0; axis < 3; axis++)
            for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
                expr *x = array(file, 3, shape, axis ? chunk : rows), *all[14];
                expr *y = plus(expr_ref(x), 0.1), *r = folded(names[k], y, axis_bit(axis));
                expr *t0 = file ? turned(expr_ref(y)) : NULL;
                expr *f = t0 ? folded(names[k], t0, axis_bit(axis)) : NULL;
                for (int w = 0; w < 7; w++) {
                    all[w] = taken2(expr_ref(r), ways[w][0], ways[w][1]);
                    check_all(1, &all[w], names[k]);
                }
                check_all(7, all, "all of them");
                if (f) {
                    expr *t = taken2(expr_ref(f), at(5), cut(3, 4, 1));
                    check_all(1, &t, "turned");
                    datum_unref(t);
                }
                for (int w = 0; w < 7; w++) datum_unref(all[w]);
                datum_unref(x);
                datum_unref(y);
                datum_unref(r);
                datum_unref(t0);
                datum_unref(f);
            }
}
END_TEST

static expr *shaped(const expr *x, int ndim, const int64_t *shape)
{
    err e = {0};
    expr *y = expr_reshape(x, ndim, shape, true, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    return y;
}

START_TEST(what_is_taken_of_a_reshape_is_taken_of_the_array)
{
    static const int64_t to[][4] = {
        {2400, 50}, {40, 3000}, {40, 6, 10, 50}, {8, 5, 60, 50}, {120000}};
    static const int ndim[] = {2, 2, 4, 4, 1};
    const int64_t shape[] = {40, 60, 50}, chunks[][3] = {{7, 60, 50}, {13, 20, 9}, {1, 1, 50}};
    const index_item ways[] = {
        at(0),          at(37),         cut(3, 4, 1),  cut(2, 5, 1),  cut(1, 39, 13),
        cut(38, 3, -5), cut(20, 40, 1), cut(0, 40, 2), cut(7, 40, 4), cut(1999, 2003, 1)};
    for (int file = 0; file < 2; file++)
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < 5; k++) {
                expr *x = plus(array(file, 3, shape, chunks[c]), 0.1);
                expr *y = shaped(x, ndim[k], to[k]);
                for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                    if (ways[w].kind == IDX_INT && ways[w].start >= to[k][0]) continue;
                    expr *part = taken1(expr_ref(y), ways[w]);
                    expr *all[] = {part, folded("sum", part, 1), folded("mean", part, ALL_AXES)};
                    check_all(3, all, "reshape[..]");
                    for (int i = 0; i < 3; i++) datum_unref(all[i]);
                }
                datum_unref(x);
                datum_unref(y);
            }
}
END_TEST

static void check_once(expr *x, uint32_t axes)
{
    static const char *const names[] = {"sum",     "mean",   "var", "std", "nansum",
                                        "nanmean", "nanvar", "max", "min", "nanmax",
                                        "any",     "all",    "prod"};
    enum { N = sizeof names / sizeof *names };
    expr *all[N];
    for (int i = 0; i < N; i++) all[i] = folded(names[i], x, axes);
    check_all(N, all, "all of them");
    for (int i = 0; i < N; i += 2) {
        expr *some[] = {all[i], all[7], all[8], all[(i + 3) % N]};
        check_all(4, some, "some of them");
        plan *p = plan_exprs(4, (const expr *const *)some, NULL, NULL);
        char *text = plan_text(p), *first = strstr(text, "add-");
        ck_assert(first && !strstr(first + 3, "add-")); /* one program */
        mem_free(text);
        plan_free(p);
    }
    for (int i = 0; i < N; i++) datum_unref(all[i]);
}

static expr *as_type(expr *x, enum dtype t) /* takes x */
{
    err e = {0};
    fn *f = fn_cast(dtype_plain(t), 'u');
    expr *y = expr_elemwise((label){0}, f, 1, &(term){.x = x}, dtype_plain(t), &e);
    datum_unref(f);
    datum_unref(x);
    return y;
}

START_TEST(reductions_of_one_array_go_over_it_once)
{
    for (int file = 0; file < 2; file++)
        for (uint32_t axes = 1; axes < 4; axes++) {
            expr *x = plus(array2(file, 300, 320, 150, 160), 0.1), *y;
            static const enum dtype types[] = {DT_float32, DT_int32, DT_bool, DT_complex64};
            check_once(x, axes);
            for (int k = 0; k < 4; k++) {
                static const char *const names[] = {"sum", "max",    "mean",  "min",
                                                    "any", "argmax", "argmin"};
                expr *all[7];
                y = as_type(expr_ref(x), types[k]);
                for (int i = 0; i < 7; i++) all[i] = folded(names[i], y, axes);
                check_all(7, all, "of another type");
                for (int i = 0; i < 7; i++) datum_unref(all[i]);
                datum_unref(y);
            }
            datum_unref(x);
        }
}
END_TEST

/* how many programs of the plan do it */
static int steps_of(const expr *x, uint32_t off, const char *what)
{
    plan *p = plan_exprs(1, (const expr *const *)&x, &(plan_opts){.off = off}, NULL);
    char *text = plan_text(p);
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    mem_free(text);
    plan_free(p);
    return n;
}

/* (x - x.mean()) / x.std(); takes x */
static expr *standardised(expr *x, uint32_t axes)
{
    err e = {0};
    reduce_args a = {.axes = axes, .keepdims = true, .want = none};
    expr *mean = expr_reduce("mean", x, &a, &e), *std = expr_reduce("std", x, &a, &e);
    ck_assert_msg(mean && std, "%s", e.msg);
    return map2(U_divide, map2(U_subtract, x, mean), std);
}

START_TEST(what_is_cheap_is_made_again_after_a_wait)
{
    for (int file = 0; file < 2; file++)
        for (uint32_t axes = 1; axes < 4; axes += 2) {
            expr *x = plus(array2(file, 1500, 1600, 500, 400), 0.1);
            expr *y = standardised(expr_ref(x), axes), *z = standardised(expr_ref(y), ALL_AXES);
            expr *all[] = {folded("sum", y, ALL_AXES), folded("max", z, 1), folded("sum", x, 2)};
            ck_assert_int_eq(steps_of(all[0], 0, "add-"), 2);
            ck_assert_int_eq(steps_of(all[0], PASS_AGAIN, "add-"), 1);
            check_all(1, all, "(x - x.mean()) / x.std()");
            check_all(3, all, "twice, and beside another sum");
            for (int i = 0; i < 3; i++) datum_unref(all[i]);
            datum_unref(x);
            datum_unref(y);
            datum_unref(z);
        }
}
END_TEST

START_TEST(tiny_generated_blocks_are_made_by_each_reader)
{
    err e = {0};
    grid *g = grid_even(1, (int64_t[]){7200}, (int64_t[]){1});
    expr *y, *x = expr_arange((label){0}, lit_int(3), lit_int(2), g, f8, &e);
    y = map2(U_add, standardised(expr_ref(x), ALL_AXES), expr_ref(x));
    ck_assert_uint_lt(tasks_of(y, 0), tasks_of(y, PASS_AGAIN));
    expr *all[] = {y, folded("sum", y, ALL_AXES), folded("sum", x, ALL_AXES)};
    check_all(3, all, "tiny blocks");
    for (int i = 0; i < 3; i++) datum_unref(all[i]);
    datum_unref(x);
    datum_unref(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("passes");
    TCase *t = tcase_create("passes");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, what_is_taken_of_a_result_is_taken_of_its_sources);
    tcase_add_test(t, what_is_taken_of_a_reduction_is_taken_of_what_is_reduced);
    tcase_add_test(t, what_is_taken_of_a_reshape_is_taken_of_the_array);
    tcase_add_test(t, reductions_of_one_array_go_over_it_once);
    tcase_add_test(t, what_is_cheap_is_made_again_after_a_wait);
    tcase_add_test(t, tiny_generated_blocks_are_made_by_each_reader);
    tcase_add_test(t, diamonds_and_turned_operands);
    tcase_add_test(t, new_chunks_are_pasted_from_old_ones);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
