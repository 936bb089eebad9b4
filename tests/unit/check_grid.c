/* tests/unit/check_grid.c - chunk grids: what users write becomes what Dask makes of it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/data/grid.h"
#include "tests/unit/suite.h"

/* "a" auto, "w" whole axis, "s5" size, "l2,2" list, "l100*3" run: axes apart by blanks.  The
 * result: blocks x first size + last size where it differs, or the error. Recorded from Dask. */
typedef struct row {
    const char *chunks;
    int64_t shape[4];
    int ndim;
    int64_t limit;
    enum dtype dt;
    const char *previous, *want;
} row;

// clang-format off
static const row rows[] = {
    {"s3", {10}, 1, 0, DT_float64, "",
     "4x3+1"},
    {"s2 s2", {5, 6}, 2, 0, DT_float64, "",
     "3x2+1 3x2"},
    {"w s2", {5, 6}, 2, 0, DT_float64, "",
     "1x5 3x2"},
    {"a", {20}, 1, 5, DT_uint8, "",
     "4x5"},
    {"a a", {10000, 10000}, 2, 0, DT_float64, "",
     "3x4096+1808 3x4096+1808"},
    {"a s100", {10000, 10000}, 2, 0, DT_float64, "",
     "1x10000 100x100"},
    {"a w", {20000, 300}, 2, 0, DT_float32, "",
     "1x20000 1x300"},
    {"a", {1000}, 1, 0, DT_float64, "",
     "1x1000"},
    {"a a a", {1000, 2000, 3000}, 3, 0, DT_float64, "",
     "4x255+235 8x255+215 12x255+195"},
    {"a a a", {10, 20000, 30000}, 3, 0, DT_float64, "",
     "1x10 16x1295+575 24x1295+215"},
    {"l3,3", {10}, 1, 0, DT_float64, "",
     "ValueError: Chunks do not add up to shape. Got chunks=((3, 3),), shape=(10,)"},
    {"s2 s2 s2", {4, 4}, 2, 0, DT_float64, "",
     "ValueError: Chunks and shape must be of the same length/dimension. Got chunks=(2, 2, 2), shape=(4, 4)"},
    {"l2,2 l3,3", {4, 4}, 2, 0, DT_float64, "",
     "ValueError: Chunks do not add up to shape. Got chunks=((2, 2), (3, 3)), shape=(4, 4)"},
    {"l4", {4, 4}, 2, 0, DT_float64, "",
     "ValueError: Chunks and shape must be of the same length/dimension. Got chunks=((4,),), shape=(4, 4)"},
    {"s0", {0}, 1, 0, DT_float64, "",
     "1x0"},
    {"s5", {0}, 1, 0, DT_float64, "",
     "1x0"},
    {"l", {0}, 1, 0, DT_float64, "",
     "ValueError: Empty tuples are not allowed in chunks. Express zero length dimensions with 0(s) in chunks"},
    {"a a", {10000, 10000}, 2, 0, DT_float64, "l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000 l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000",
     "3x4000+2000 3x4000+2000"},
    {"a a", {10000, 10000}, 2, 1000000, DT_float64, "l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000 l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000",
     "29x353+116 29x353+116"},
    {"a w", {10000, 10000}, 2, 0, DT_float64, "l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000 l1000,1000,1000,1000,1000,1000,1000,1000,1000,1000",
     "10x1000 1x10000"},
    {"a l5000,5000", {10000, 10000}, 2, 0, DT_float64, "l100*100 l1000*10",
     "4x3300+100 2x5000"},
    {"a a", {12345, 777}, 2, 50000, DT_float32, "l345*35,270*1 l77*10,7*1",
     "52x239+156 15x52+49"},
    {"a", {1000}, 1, 800, DT_float64, "l10*100",
     "10x100"},
    {"a", {1000}, 1, 800, DT_float64, "l999,1",
     "10x100"},
    {"a a", {0, 10}, 2, 0, DT_float64, "",
     "1x0 1x10"},
    {"a a", {5, 5}, 2, 40, DT_float64, "",
     "3x2+1 3x2+1"},
    {"a", {1000000000}, 1, 0, DT_int64, "",
     "60x16777216+10144256"},
    {"a a", {1000000, 3}, 2, 0, DT_float64, "",
     "1x1000000 1x3"},
    {"a a a a", {100, 100, 100, 100}, 4, 0, DT_complex128, "",
     "2x53+47 2x53+47 2x53+47 2x53+47"},
    {"a a", {30000, 30000}, 2, 0, DT_float64, "l300*100 l30000*1",
     "100x300 1x30000"},
    {"s1000", {1000000}, 1, 0, DT_float64, "",
     "1000x1000"},
    {"s7", {3}, 1, 0, DT_float64, "",
     "1x3"},
};
// clang-format on

static int parse(const char *s, chunk_spec *out, int64_t lists[][512])
{
    int n = 0;
    while (*s) {
        char *end = (char *)(size_t)s + 1;
        chunk_spec *c = &out[n];
        *c = (chunk_spec){.form = *s == 'a'   ? CHUNK_AUTO
                                  : *s == 'w' ? CHUNK_ALL
                                  : *s == 's' ? CHUNK_SIZE
                                              : CHUNK_LIST,
                          .list = lists[n]};
        if (*s == 's') c->size = strtoll(s + 1, &end, 10);
        while (*s == 'l' && *end && *end != ' ') {
            int64_t size = strtoll(end, &end, 10), times = 1;
            if (*end == '*') times = strtoll(end + 1, &end, 10);
            while (times--) lists[n][c->n++] = size;
            if (*end == ',') end++;
        }
        n++;
        s = *end == ' ' ? end + 1 : end;
    }
    return n;
}

static grid *previous_of(const row *r)
{
    int64_t lists[4][512];
    chunk_spec c[4];
    cuts *ax[4];
    if (!*r->previous) return NULL;
    int n = parse(r->previous, c, lists);
    for (int i = 0; i < n; i++) ax[i] = cuts_of(c[i].n, c[i].list);
    grid *g = grid_new(n, ax);
    while (n) datum_unref(ax[--n]);
    return g;
}

START_TEST(chunks_are_normalised_as_in_dask)
{
    const row *r = &rows[_i];
    int64_t lists[4][512];
    chunk_spec c[4];
    err e = {0};
    strbuf b = {0};
    int n = parse(r->chunks, c, lists);
    grid *p = previous_of(r);
    grid *g = grid_normalize(n, c, r->ndim, r->shape, r->limit, dtype_plain(r->dt), p, &e);
    if (!g) sb_addf(&b, "%s: %s", err_name(e.kind), e.msg);
    for (int i = 0; g && i < g->ndim; i++) {
        int64_t first = cuts_size(g->ax[i], 0), last = cuts_size(g->ax[i], g->ax[i]->nblock - 1);
        sb_addf(&b, "%s%lldx%lld", i ? " " : "", (long long)g->ax[i]->nblock, (long long)first);
        if (last != first) sb_addf(&b, "+%lld", (long long)last);
    }
    ck_assert_str_eq(sb_text(&b), r->want);
    sb_clear(&b);
    err_clear(&e);
    datum_unref(g);
    datum_unref(p);
}
END_TEST

START_TEST(equal_chunks_are_one_run)
{
    cuts *a = cuts_even(1000000000000, 1000);
    ck_assert_uint_eq(a->nrun, 1);
    ck_assert_int_eq(a->nblock, 1000000000);
    ck_assert_int_eq(cuts_find(a, 999999999999), 999999999);
    ck_assert_int_eq(cuts_start(a, 7), 7000);
    datum_unref(a);
}
END_TEST

START_TEST(starts_and_finds_agree)
{
    cuts *a = cuts_of(8, (int64_t[]){3, 3, 0, 5, 1, 1, 1, 4});
    ck_assert_int_eq(a->extent, 18);
    ck_assert_int_eq(a->largest, 5);
    for (int64_t b = 0; b < a->nblock; b++)
        for (int64_t i = 0; i < cuts_size(a, b); i++)
            ck_assert_int_eq(cuts_find(a, cuts_start(a, b) + i), b);
    ck_assert_int_eq(cuts_start(a, 8), 18);
    datum_unref(a);
}
END_TEST

START_TEST(common_cuts_refine_all)
{
    err e = {0};
    cuts *a = cuts_of(2, (int64_t[]){5, 2}), *b = cuts_of(2, (int64_t[]){4, 3});
    cuts *one = cuts_of(1, (int64_t[]){7}), *nan = cuts_of(2, (int64_t[]){-1, -1});
    cuts *c = cuts_common(3, (cuts *[]){a, b, one}, &e);
    char *s = cuts_text(c);
    ck_assert_str_eq(s, "(4, 1, 2)");
    mem_free(s);
    ck_assert(!cuts_common(2, (cuts *[]){a, nan}, &e));
    ck_assert_str_eq(e.msg, "Arrays' chunk sizes ({(nan, nan), (5, 2)}) are unknown.\n\n"
                            "A possible solution:\n  x.compute_chunk_sizes()");
    err_clear(&e);
    datum_unref(a);
    datum_unref(b);
    datum_unref(c);
    datum_unref(one);
    datum_unref(nan);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("grid");
    TCase *t = tcase_create("grid");
    tcase_add_loop_test(t, chunks_are_normalised_as_in_dask, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, equal_chunks_are_one_run);
    tcase_add_test(t, starts_and_finds_agree);
    tcase_add_test(t, common_cuts_refine_all);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
