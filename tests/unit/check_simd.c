/* tests/unit/check_simd.c - the same bits at every vector width and for any number of threads, and
 * NumPy's where it has its own. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/engine.h"
#include "engine/kernels/ops.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};
static const dtype_of f8 = {.dt = DT_float64, .size = 8};

/* in [-1/3, 1/3), from a generator that is easy to repeat */
static nd *fractions(int64_t n)
{
    err e = {0};
    nd *x = nd_new(f8, 1, &n, &e);
    uint64_t s = 1;
    for (int64_t i = 0; i < n; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        ((double *)x->at)[i] = ((double)(int64_t)(s >> 23) * 0x1p-40 - 1) / 3;
    }
    return x;
}

/* everything that is folded or mapped below, in one row of bytes */
typedef struct digest {
    uint64_t n, h;
} digest;

static void take(digest *d, const nd *x)
{
    const unsigned char *p = (const unsigned char *)x->at;
    for (size_t i = 0; i < nd_bytes(x); i++) d->h = (d->h ^ p[i]) * 0x100000001b3u;
    d->n += nd_bytes(x);
}

static void take_all(digest *d, enum dtype dt, int64_t n)
{
    static const enum reduction_id folds[] = {R_sum, R_mean, R_var, R_nansum, R_max, R_min, R_prod};
    err e = {0};
    nd *x = fractions(n), *y = nd_cast(x, dtype_plain(dt), 'u', &e);
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        nd *r = nd_reduce(&reductions[folds[i]], y, ALL_AXES, false, none, NULL, &e);
        ck_assert(r != NULL);
        take(d, r);
        datum_unref(r);
    }
    for (int id = 0; id < NUFUNC; id++) {
        const nd *in[] = {y, y, y};
        nd *out[2] = {NULL};
        err not = {0};
        bool ok = nd_map(&ufuncs[id], in, NULL, out, &not );
        for (int k = 0; ok && k < ufuncs[id].nout; k++) {
            nd *one = nd_copy(out[k], &e);
            for (int64_t i = 0; dt == DT_float64 && out[k]->dtype == dt && i < n; i++)
                if (isnan(((double *)one->at)[i])) ((double *)one->at)[i] = 0; /* signs of NaN */
            for (int64_t i = 0; dt == DT_float32 && out[k]->dtype == dt && i < n; i++)
                if (isnan(((float *)one->at)[i])) ((float *)one->at)[i] = 0;
            take(d, one);
            datum_unref(one);
            datum_unref(out[k]);
        }
        err_clear(&not );
    }
    datum_unref(x);
    datum_unref(y);
}

START_TEST(all_loops_give_the_same_bits_at_every_width)
{
    static const enum dtype types[] = {DT_float64, DT_float32, DT_int32, DT_uint8, DT_int64};
    static const int64_t sizes[] = {1, 7, 129, 1000, 8193, 20011};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
            digest d[3] = {{0}};
            for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
                simd_limit((enum simd)level);
                take_all(&d[level], types[t], sizes[n]);
            }
            simd_limit(SIMD_AVX512);
            for (int level = SIMD_AVX2; level <= SIMD_AVX512; level++)
                ck_assert_msg(d[level].n == d[0].n && d[level].h == d[0].h,
                              "type %d, %ld elements, level %d", types[t], (long)sizes[n], level);
        }
}
END_TEST

/* what NumPy 1.24 and Dask 2022.12 find for the same numbers */
typedef struct known {
    const char *name;
    double whole, chunked; /* of one block; of blocks of 100000 */
} known;
static const known values[] = {
#include "fold_cases.def"
};

enum { COUNT = 1234567, CHUNK = 100000 };

static double fold(const expr *x, const char *name, pool *p)
{
    err e = {0};
    nd *out = NULL;
    expr *y = expr_reduce(name, x, &(reduce_args){.axes = ALL_AXES, .want = none}, &e);
    const expr *all[] = {y};
    ck_assert_msg(exprs_compute(1, all, p, NULL, NULL, &out, &e), "%s", e.msg);
    double r = *(double *)out->at;
    datum_unref(out);
    datum_unref(y);
    return r;
}

static expr *blocks(const nd *x, int64_t chunk)
{
    err e = {0};
    grid *g = grid_even(1, nd_shape(x), &chunk);
    source *s = source_nd(x);
    expr *y = expr_array((label){0}, s, (hash128){1, (uint64_t)chunk}, false, g, f8, &e);
    datum_unref(s);
    datum_unref(g);
    return y;
}

START_TEST(folds_are_numpys_for_any_number_of_threads_and_width)
{
    nd *x = fractions(COUNT);
    expr *one = blocks(x, COUNT), *many = blocks(x, CHUNK);
    for (int level = SIMD_BASE; level <= SIMD_AVX512; level++)
        for (int n = 1; n <= 8; n *= 2) {
            simd_limit((enum simd)level);
            pool *p = pool_new(n, true, NULL);
            for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
                double w = fold(one, values[k].name, p), c = fold(many, values[k].name, p);
                ck_assert_msg(w == values[k].whole, "%s: %a", values[k].name, w);
                ck_assert_msg(c == values[k].chunked, "%s of chunks: %a", values[k].name, c);
            }
            pool_free(p);
        }
    simd_limit(SIMD_AVX512);
    datum_unref(one);
    datum_unref(many);
    datum_unref(x);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("simd");
    TCase *t = tcase_create("simd");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, all_loops_give_the_same_bits_at_every_width);
    tcase_add_test(t, folds_are_numpys_for_any_number_of_threads_and_width);
    suite_add_tcase(s, t);
    return suite_run(s);
}
