/* tests/unit/check_gemm.c - large products against sums in extended precision. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/gemm.h"
#include "tests/unit/suite.h"

typedef struct shape {
    int64_t m, n, k;
} shape;

/* one of each rest: less than a tile, whole tiles, several blocks and runs */
static const shape shapes[] = {{96, 96, 96},   {97, 101, 103}, {120, 250, 341},
                               {8, 24, 1},     {1, 1, 700},    {1537, 25, 100},
                               {25, 481, 100}, {5, 1000, 9},   {200, 200, 1021}};
enum { NSHAPE = sizeof shapes / sizeof *shapes };

/* a matrix of `parts` doubles an element that lies in one of three ways */
typedef struct held {
    double *at;
    mat m;
} held;

static double number(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*seed >> 11) / 0x1p52 - 1;
}

static held matrix(int64_t rows, int64_t cols, int parts, int way, uint64_t seed)
{
    int64_t room = 3 * (rows + 2) * (cols + 2) * parts, unit = 8 * parts;
    held h = {.at = malloc((size_t)room * sizeof(double))};
    for (int64_t i = 0; i < room; i++) h.at[i] = number(&seed);
    h.m = (mat){(char *)h.at, rows, cols, cols * unit, unit};
    if (way == 1) h.m.rs = unit, h.m.cs = (rows + 1) * unit;
    if (way == 2) h.m.rs = 2 * (cols + 1) * unit, h.m.cs = -unit, h.m.at += (cols - 1) * unit;
    return h;
}

static double part_of(mat m, int64_t i, int64_t j, int part)
{
    double x;
    memcpy(&x, m.at + i * m.rs + j * m.cs + part * 8, sizeof x);
    return x;
}

/* element (i, j) of a @ b, and the sum of what is added without signs */
static long double element(mat a, mat b, int64_t i, int64_t j, int parts, int part,
                           long double *all)
{
    long double s = 0;
    *all = 0;
    for (int64_t k = 0; k < a.cols; k++)
        for (int p = 0; p < parts; p++) {
            int q = parts == 1 ? 0 : p ^ part;
            long double x = (long double)part_of(a, i, k, p) * part_of(b, k, j, q);
            *all += fabsl(x);
            s += p && q ? -x : x;
        }
    return s;
}

static held product(const shape *s, int parts, int ways, bool alone)
{
    held a = matrix(s->m, s->k, parts, ways % 3, 1), b = matrix(s->k, s->n, parts, ways / 3, 2);
    held c = matrix(s->m, s->n, parts, 0, 3);
    err e = {0};
    bool before = par_alone(alone);
    ck_assert(gemm_product(parts == 2 ? DT_complex128 : DT_float64, c.m, a.m, b.m, false, &e));
    par_alone(before);
    free(a.at);
    free(b.at);
    return c;
}

static void check_bound(int parts)
{
    const shape *s = &shapes[0];
    for (int i = 0; i < NSHAPE; i++, s++)
        for (int ways = 0; ways < 9; ways++) {
            held a = matrix(s->m, s->k, parts, ways % 3, 1);
            held b = matrix(s->k, s->n, parts, ways / 3, 2), c = product(s, parts, ways, i % 2);
            for (int64_t r = 0; r < s->m; r += 1 + s->m / 40)
                for (int64_t col = 0; col < s->n; col += 1 + s->n / 40)
                    for (int part = 0; part < parts; part++) {
                        long double all, want = element(a.m, b.m, r, col, parts, part, &all);
                        long double off = fabsl(want - part_of(c.m, r, col, part));
                        ck_assert_msg(off <= 350 * 0x1p-53L * all + 0x1p-1070L,
                                      "%ld x %ld x %ld, ways %d: (%ld, %ld) is off by %Lg",
                                      (long)s->m, (long)s->n, (long)s->k, ways, (long)r, (long)col,
                                      off);
                    }
            free(a.at);
            free(b.at);
            free(c.at);
        }
}

START_TEST(elements_are_within_the_stated_bound)
{
    check_bound(1);
}
END_TEST

START_TEST(complex_elements_are_too)
{
    check_bound(2);
}
END_TEST

START_TEST(bits_depend_neither_on_threads_nor_on_the_vectors)
{
    for (int parts = 1; parts <= 2; parts++)
        for (int i = 0; i < NSHAPE; i++) {
            size_t size = (size_t)(shapes[i].m * shapes[i].n * parts) * sizeof(double);
            held x = product(&shapes[i], parts, 0, true), y = product(&shapes[i], parts, 0, false);
            simd_limit(SIMD_AVX2);
            held z = product(&shapes[i], parts, 0, false);
            simd_limit(SIMD_AVX512);
            ck_assert_mem_eq(x.at, y.at, size);
            if (simd_level() > SIMD_BASE) ck_assert_mem_eq(x.at, z.at, size);
            free(x.at);
            free(y.at);
            free(z.at);
        }
}
END_TEST

START_TEST(half_of_a_square_has_the_bits_of_the_whole)
{
    held a = matrix(700, 345, 1, 0, 7), c = matrix(700, 700, 1, 0, 8),
         d = matrix(700, 700, 1, 0, 9);
    mat turned = {a.m.at, a.m.cols, a.m.rows, a.m.cs, a.m.rs};
    err e = {0};
    ck_assert(gemm_product(DT_float64, c.m, a.m, turned, false, &e));
    ck_assert(gemm_product(DT_float64, d.m, a.m, turned, true, &e));
    for (int64_t i = 0; i < 700; i++)
        for (int64_t j = i; j < 700; j++) {
            ck_assert(c.at[i * 700 + j] == c.at[j * 700 + i]);
            ck_assert(c.at[i * 700 + j] == d.at[i * 700 + j]);
        }
    free(a.at);
    free(c.at);
    free(d.at);
}
END_TEST

START_TEST(what_is_not_finite_reaches_its_row_and_column_only)
{
    held a = matrix(100, 100, 1, 0, 1), b = matrix(100, 100, 1, 0, 2),
         c = matrix(100, 100, 1, 0, 3);
    err e = {0};
    a.at[5 * 100 + 7] = NAN;
    b.at[9 * 100 + 99] = INFINITY;
    ck_assert(gemm_product(DT_float64, c.m, a.m, b.m, false, &e));
    for (int64_t i = 0; i < 100; i++)
        for (int64_t j = 0; j < 100; j++) {
            double x = c.at[i * 100 + j];
            ck_assert(i == 5 ? isnan(x) : j == 99 ? isinf(x) : isfinite(x));
        }
    free(a.at);
    free(b.at);
    free(c.at);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gemm");
    TCase *t = tcase_create("gemm");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, elements_are_within_the_stated_bound);
    tcase_add_test(t, complex_elements_are_too);
    tcase_add_test(t, bits_depend_neither_on_threads_nor_on_the_vectors);
    tcase_add_test(t, half_of_a_square_has_the_bits_of_the_whole);
    tcase_add_test(t, what_is_not_finite_reaches_its_row_and_column_only);
    suite_add_tcase(s, t);
    return suite_run(s);
}
