/* tests/unit/check_layers.c - the logical graph: every kind of layer counts its tasks right, finds
 * its own keys, reads only tasks that exist, and has the size and name Dask gives it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};
static const dtype_of f8 = {.dt = DT_float64, .size = 8};

static expr *full(int ndim, const int64_t *shape, const int64_t *chunk)
{
    err e = {0};
    grid *g = grid_even(ndim, shape, chunk);
    nd *one = nd_scalar(DT_float64, &(double){1});
    expr *x = expr_full((label){.prefix = "ones_like"}, g, f8, one, &e);
    datum_unref(one);
    datum_unref(g);
    return x;
}

static expr *square(int64_t n, int64_t c)
{
    return full(2, (int64_t[]){n, n}, (int64_t[]){c, c});
}

static expr *range(int64_t n, int64_t c)
{
    err e = {0};
    grid *g = grid_even(1, &n, &c);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), &e);
    datum_unref(g);
    return x;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* the contract of every layer kind */
static void check_layer(const layer *l)
{
    char **text = malloc((l->count + 1) * sizeof *text);
    for (uint64_t i = 0; i < l->count; i++) {
        key k;
        uint64_t back = UINT64_MAX;
        arena a = {0};
        task_view v;
        err e = {0};
        layer_key(l, i, &k);
        text[i] = key_text(&k);
        ck_assert_msg(layer_find(l, &k, &back), "%s: %s is not found", l->kind->name, text[i]);
        ck_assert_msg(back == i, "%s: %s is found at %llu, not %llu", l->kind->name, text[i],
                      (unsigned long long)back, (unsigned long long)i);
        ck_assert_msg(layer_task(l, i, &a, &v, &e), "%s", e.msg);
        for (uint32_t n = 0; n < v.nin; n++) {
            ck_assert(v.in[n].i < v.in[n].of->count);
            bool known = v.in[n].of == l;
            for (uint32_t d = 0; d < l->ndep; d++) known |= l->dep[d] == v.in[n].of;
            ck_assert_msg(known, "%s reads a layer it does not name", l->name);
        }
        arena_clear(&a);
    }
    qsort(text, l->count, sizeof *text, by_text);
    for (uint64_t i = 1; i < l->count; i++)
        ck_assert_msg(strcmp(text[i - 1], text[i]), "%s twice", text[i]);
    for (uint64_t i = 0; i < l->count; i++) mem_free(text[i]);
    free(text);
}

/* len(x.dask), "prefix=count" of each layer sorted by name, and the contract; takes x */
static void check_graph(expr *x, err *e, uint64_t total, const char *name)
{
    ck_assert_msg(x != NULL, "%s: %s", name, e->msg);
    layers l = layers_of(1, &x->of);
    for (uint32_t i = 0; i < l.n; i++) check_layer(l.at[i]);
    if (layers_count(&l) != total)
        for (uint32_t i = 0; i < l.n; i++)
            printf("  %s %llu\n", l.at[i]->name, (unsigned long long)l.at[i]->count);
    ck_assert_msg(layers_count(&l) == total, "%s: %llu tasks, not %llu", name,
                  (unsigned long long)layers_count(&l), (unsigned long long)total);
    size_t n = strlen(name);
    ck_assert_msg(!strncmp(expr_name(x), name, n) && expr_name(x)[n] == '-', "%s is not %s",
                  expr_name(x), name);
    layers_clear(&l);
    datum_unref(x);
}

static expr *reduce(const char *name, const expr *x, uint32_t axes)
{
    err e = {0};
    expr *y = expr_reduce(name, x, &(reduce_args){.axes = axes, .want = none}, &e);
    ck_assert_msg(y != NULL, "%s: %s", name, e.msg);
    return y;
}

START_TEST(reductions_have_dasks_layers)
{
    static const struct {
        const char *name, *prefix;
        int64_t n, c;
        uint32_t axes;
        uint64_t total;
    } rows[] = {
        {"sum", "sum-aggregate", 4, 2, ALL_AXES, 9},
        {"mean", "mean_agg-aggregate", 4, 2, 1, 10},
        {"std", "_sqrt", 4, 2, ALL_AXES, 10},
        {"var", "var-aggregate", 4, 2, ALL_AXES, 9},
        {"max", "amax-aggregate", 4, 2, ALL_AXES, 9},
        {"argmax", "arg_agg-aggregate", 4, 2, 1, 10},
        {"argmin", "arg_agg-aggregate", 4, 2, ALL_AXES, 9},
        {"sum", "sum-aggregate", 20, 1, ALL_AXES, 939},
        {"mean", "mean_agg-aggregate", 20, 1, 1, 960},
        {"std", "_sqrt", 20, 1, 1, 980},
        {"argmax", "arg_agg-aggregate", 20, 1, 1, 960},
        {"nanmean", "mean_agg-aggregate", 4, 2, ALL_AXES, 9},
        {"moment", "moment_agg-aggregate", 4, 2, ALL_AXES, 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        err e = {0};
        expr *x = square(rows[i].n, rows[i].c);
        check_graph(reduce(rows[i].name, x, rows[i].axes), &e, rows[i].total, rows[i].prefix);
        datum_unref(x);
    }
    err e = {0};
    expr *x = range(1000000000, 1000000);
    check_graph(reduce("sum", x, ALL_AXES), &e, 2334, "sum-aggregate");
    datum_unref(x);
}
END_TEST

static term lazy(const expr *x)
{
    return (term){.x = x};
}

START_TEST(the_workshop_pipeline_has_430_tasks)
{
    err e = {0};
    expr *x = square(100, 10), *t = expr_transpose((label){0}, x, NULL, &e);
    expr *y = expr_map((label){0}, &ufuncs[U_add], 2, (term[]){lazy(x), lazy(t)}, none, 0, &e);
    expr_item item[2] = {
        {.item = {.kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = 2}},
        {.item = {.kind = IDX_SLICE, .start = 50, .stop = SLICE_NONE, .step = SLICE_NONE}}};
    expr *z = expr_index(y, 2, item, &e);
    expr *m = reduce("mean", z, 2);
    layers l = layers_of(1, &m->of);
    ck_assert_uint_eq(l.n, 7);
    layers_clear(&l);
    check_graph(m, &e, 430, "mean_agg-aggregate");
    datum_unref(x);
    datum_unref(t);
    datum_unref(y);
    datum_unref(z);
}
END_TEST

static expr_item slice(int64_t a, int64_t b, int64_t s)
{
    return (expr_item){.item = {.kind = IDX_SLICE, .start = a, .stop = b, .step = s}};
}

START_TEST(indexing_has_dasks_layers)
{
    err e = {0};
    const int64_t no = SLICE_NONE;
    expr *x = square(4, 2), *i = range(4, 2);
    expr_item at = {.item = {.kind = IDX_INT, .start = 1}}, newaxis = {.item = {.kind = IDX_NEW}};
    check_graph(expr_index(x, 2, (expr_item[]){slice(no, no, 2), slice(1, no, no)}, &e), &e, 8,
                "getitem");
    check_graph(expr_index(x, 1, &at, &e), &e, 6, "getitem");
    check_graph(expr_index(x, 1, &newaxis, &e), &e, 8, "getitem");
    check_graph(expr_index(x, 1, (expr_item[]){slice(no, no, -1)}, &e), &e, 8, "getitem");
    int64_t pick[3] = {0, 3, 1};
    buf *b = buf_wrap(pick, sizeof pick, NULL, NULL);
    nd *list = nd_view(b, (char *)pick, dtype_plain(DT_int64), 1, &(int64_t){3}, NULL);
    buf_unref(b);
    expr *taken = expr_take(x, list, 0, &e);
    char *chunks = grid_text(taken->chunks);
    ck_assert_str_eq(chunks, "((1, 1, 1), (2, 2))");
    mem_free(chunks);
    check_graph(taken, &e, 10, "getitem");
    expr_item mixed[2] = {{.item = {.kind = IDX_ARRAY, .array = list}}, slice(1, no, no)};
    check_graph(expr_index(x, 2, mixed, &e), &e, 4 + 4 + 6, "getitem");
    expr *part = expr_index(i, 1, (expr_item[]){slice(1, 3, no)}, &e);
    expr_item by = {.lazy = part};
    check_graph(expr_index(i, 1, &by, &e), &e, 12, "slice_with_int_dask_array_aggregate");
    nd *zero = nd_scalar(DT_int64, &(int64_t){0});
    expr *mask = expr_map((label){.prefix = "gt"}, &ufuncs[U_greater], 2,
                          (term[]){lazy(x), {.block = zero, .weak = true}}, none, 0, &e);
    expr_item where = {.lazy = mask};
    check_graph(expr_index(x, 1, &where, &e), &e, 48, "getitem");
    datum_unref(list);
    datum_unref(part);
    datum_unref(zero);
    datum_unref(mask);
    datum_unref(x);
    datum_unref(i);
}
END_TEST

START_TEST(moving_has_dasks_layers)
{
    err e = {0};
    expr *x = square(4, 2), *long_ = full(2, (int64_t[]){100, 100}, (int64_t[]){1, 100});
    grid *three = grid_even(2, (int64_t[]){4, 4}, (int64_t[]){3, 3});
    grid *columns = grid_even(2, (int64_t[]){100, 100}, (int64_t[]){100, 1});
    check_graph(expr_rechunk(x, three, 0, 0, &e), &e, 16, "rechunk-merge");
    check_graph(expr_rechunk(long_, columns, 0, 0, &e), &e, 301, "rechunk-merge");
    check_graph(expr_reshape(x, 1, (int64_t[]){16}, true, &e), &e, 20, "reshape");
    check_graph(expr_reshape(x, 3, (int64_t[]){4, 2, 2}, true, &e), &e, 8, "reshape");
    check_graph(expr_reshape(x, 2, (int64_t[]){16, 1}, true, &e), &e, 20, "reshape");
    const expr *two[] = {x, x};
    check_graph(expr_concat(2, two, 0, false, &e), &e, 12, "concatenate");
    check_graph(expr_stack(2, two, 0, false, &e), &e, 12, "stack");
    check_graph(expr_scan((label){0}, &scans[S_cumsum], x, 0, none, 's', &e), &e, 16, "cumsum");
    check_graph(expr_scan((label){0}, &scans[S_cumsum], x, 0, none, 'b', &e), &e, 12, "cumsum");
    expr *i = range(4, 2);
    check_graph(expr_topk((label){0}, i, 2, 0, 0, false, &e), &e, 5, "topk_aggregate-aggregate");
    check_graph(expr_topk((label){0}, i, 2, 0, 0, true, &e), &e, 9, "argtopk_aggregate-aggregate");
    expr_item at = {.item = {.kind = IDX_INT}};
    expr *row = expr_index(x, 1, &at, &e);
    check_graph(expr_broadcast_to(row, 2, (int64_t[]){3, 4}, NULL, &e), &e, 8, "broadcast_to");
    datum_unref(row);
    datum_unref(i);
    datum_unref(x);
    datum_unref(long_);
    datum_unref(three);
    datum_unref(columns);
}
END_TEST

START_TEST(assignment_neighbours_and_points_have_dasks_layers)
{
    err e = {0};
    expr *x = square(4, 2);
    nd *one = nd_scalar(DT_float64, &(double){1});
    expr_item first = {.item = {.kind = IDX_INT}};
    check_graph(expr_setitem(x, 1, &first, &(term){.block = one}, &e), &e, 9, "setitem");
    boundary edge[2] = {{.kind = EDGE_REFLECT}, {.kind = EDGE_REFLECT}};
    int64_t depth[4] = {1, 1, 1, 1};
    expr *wide = expr_overlap(x, depth, edge, &e);
    ck_assert_msg(wide != NULL, "%s", e.msg);
    expr *narrow = expr_trim(wide, depth, edge, &e);
    ck_assert_msg(narrow != NULL && grid_eq(narrow->chunks, x->chunks), "%s", e.msg);
    check_graph(expr_ref(wide), &e, 160, "getitem");
    check_graph(narrow, &e, 168, "_trim");
    int64_t rows[2] = {0, 1}, columns[2] = {2, 3}, n = 2;
    buf *rb = buf_wrap(rows, sizeof rows, NULL, NULL), *cb = buf_wrap(columns, 16, NULL, NULL);
    nd *r = nd_view(rb, (char *)rows, dtype_plain(DT_int64), 1, &n, NULL);
    nd *c = nd_view(cb, (char *)columns, dtype_plain(DT_int64), 1, &n, NULL);
    index_item points[2] = {{.kind = IDX_ARRAY, .array = r}, {.kind = IDX_ARRAY, .array = c}};
    check_graph(expr_vindex(x, 2, points, &e), &e, 6, "vindex-merge");
    index_item block = {.kind = IDX_INT};
    check_graph(expr_blocks(x, 1, &block, &e), &e, 6, "blocks");
    datum_unref(one);
    datum_unref(wide);
    datum_unref(r);
    datum_unref(c);
    buf_unref(rb);
    buf_unref(cb);
    datum_unref(x);
}
END_TEST

START_TEST(huge_grids_cost_nothing)
{
    expr *x = range(1000000000000, 1000);
    ck_assert_uint_eq(x->chunks->nblock, 1000000000);
    expr *y = reduce("sum", x, ALL_AXES);
    layers l = layers_of(1, &y->of);
    ck_assert_uint_eq(layers_count(&l), 2333333337);
    layers_clear(&l);
    datum_unref(x);
    datum_unref(y);
}
END_TEST

START_TEST(long_chains_are_released_without_recursion)
{
    err e = {0};
    expr *x = range(4, 2);
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    for (int i = 0; i < 100000; i++) {
        expr *y = expr_map((label){0}, &ufuncs[U_add], 2,
                           (term[]){lazy(x), {.block = one, .weak = true}}, none, 0, &e);
        datum_unref(x);
        x = y;
    }
    layers l = layers_of(1, &x->of);
    ck_assert_uint_eq(l.n, 100001);
    layers_clear(&l);
    datum_unref(x);
    datum_unref(one);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("layers");
    TCase *t = tcase_create("layers");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, reductions_have_dasks_layers);
    tcase_add_test(t, the_workshop_pipeline_has_430_tasks);
    tcase_add_test(t, indexing_has_dasks_layers);
    tcase_add_test(t, moving_has_dasks_layers);
    tcase_add_test(t, assignment_neighbours_and_points_have_dasks_layers);
    tcase_add_test(t, huge_grids_cost_nothing);
    tcase_add_test(t, long_chains_are_released_without_recursion);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
