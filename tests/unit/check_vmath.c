/* tests/unit/check_vmath.c - how far the vector functions of doubles, and of pairs, are from the
 * truth.
 *
 * The reference is the next wider type: long double for double, double for float.  The bounds of
 * functions are those of vmath.h (`check_vmath --worst` prints what they are made of); pairs stay
 * below 1.01 ulp, half an ulp and a bit for whole powers.  Of float32 and float16 see
 * check_sweep.c. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/power.h"
#include "engine/kernels/ufunc.h"
#include "engine/kernels/vmath.h"
#include "tests/unit/suite.h"
#include "tests/unit/ulps.h"

enum { COUNT = 60000 };

/* Any bits; numbers of everyday size; numbers near the edges of domains. */
static double sample(uint64_t *s, int i)
{
    static const double edges[] = {0,
                                   1,
                                   -1,
                                   0.5,
                                   2,
                                   10,
                                   709.78,
                                   -745.1,
                                   1024,
                                   3.14159265358979312,
                                   1.5707963267948966,
                                   355,
                                   1e16,
                                   1e300,
                                   1e-300,
                                   5e-324};
    uint64_t bits = random_next(s);
    double d;
    memcpy(&d, &bits, sizeof d);
    if (i % 3 == 0) return d;
    double unit = (double)(int64_t)bits * 0x1p-63;
    if (i % 3 == 1) return unit * (i % 2 ? 8 : 1000);
    return edges[bits >> 33 & 15] * (1 + unit * (i % 2 ? 0x1p-48 : 0x1p-10));
}

static double of_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* Where functions are hard: both ends of each of the 4096 kinds of sign and exponent, and some
 * between; near multiples of a quarter turn; near 1; samples. */
enum { ENDS = 8, SOME = 40, KINDS = 4096, HARD = 40000, ALL = KINDS * SOME + 2 * HARD + COUNT };

static void arguments(uint64_t s, double x[ALL])
{
    size_t n = 0;
    for (uint64_t kind = 0; kind < KINDS; kind++)
        for (uint64_t i = 0; i < SOME; i++) {
            const uint64_t most = ((uint64_t)1 << 52) - 1, any = random_next(&s) & most;
            const uint64_t low = i < ENDS ? i : i < 2 * ENDS ? most - (i - ENDS) : any;
            x[n++] = of_bits(kind << 52 | low);
        }
    for (int i = 0; i < HARD; i++) {
        const uint64_t turns = random_next(&s) >> (i % 63 + 1);
        const double near = (double)((long double)turns * 1.57079632679489661923132169163975144L);
        uint64_t bits;
        memcpy(&bits, &near, sizeof bits);
        x[n++] = (i % 2 ? -1 : 1) * of_bits(bits + (uint64_t)(i / 2 % 5) - (turns != 0) * 2);
    }
    for (int i = 0; i < HARD; i++) {
        const double unit = (double)(int64_t)random_next(&s) * 0x1p-63;
        x[n++] = (i % 2 ? -1 : 1) * (1 + ldexp(unit, -(i / 2 % 54)));
    }
    for (int i = 0; i < COUNT; i++) x[n++] = sample(&s, i);
}

typedef struct function {
    const char *name;
    enum ufunc_id id;
    long double (*exact)(long double);
    double bound;
} function;
#define ROW(name, c, single, double_) {#name, U_##name, c##l, double_},
static const function functions[] = {VECTOR_MATH_BOUNDS(ROW)};

/* the worst error, and where */
static double worst_error(const function *f, double *at)
{
    double *x = malloc(ALL * sizeof *x), *y = malloc(ALL * sizeof *y), worst = 0;
    arguments((uint64_t)f->id, x);
    find_loop(f->id, DT_float64)(ALL, (char *[]){(char *)x, (char *)y},
                                 (ptrdiff_t[]){sizeof *x, sizeof *y});
    for (int i = 0; i < ALL; i++) {
        const double e = error64(y[i], f->exact((long double)x[i]));
        if (e > worst) worst = e, *at = x[i];
    }
    free(x);
    free(y);
    return worst;
}

START_TEST(doubles_of_every_exponent_are_within_the_bound)
{
    const function *f = &functions[_i];
    double at = 0, worst = worst_error(f, &at);
    ck_assert_msg(worst <= f->bound, "%s(%a) is off by %.4f ulp", f->name, at, worst);
}
END_TEST

#define LONG2(name, c)     [V2_##name] = c##l,
#define DOUBLE2(name, c)   [V2_##name] = c,
#define UFUNC_ID2(name, c) [V2_##name] = U_##name,
static long double (*const exact2[])(long double, long double) = {VECTOR_MATH_PAIRS(LONG2)};
static double (*const wide2[])(double, double) = {VECTOR_MATH_PAIRS(DOUBLE2)};
static const enum ufunc_id ids2[] = {VECTOR_MATH_PAIRS(UFUNC_ID2)};

START_TEST(pairs_of_doubles_are_within_an_ulp)
{
    uint64_t s = (uint64_t)_i;
    double *x = malloc(3 * COUNT * sizeof *x), *y = x + COUNT, *r = y + COUNT, worst = 0;
    int at = 0;
    for (int i = 0; i < COUNT; i++) x[i] = sample(&s, i), y[i] = sample(&s, i / 3);
    find_loop(ids2[_i], DT_float64)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
                                    (ptrdiff_t[]){sizeof *x, sizeof *x, sizeof *x});
    for (int i = 0; i < COUNT; i++) {
        double e = error64(r[i], exact2[_i](x[i], y[i]));
        if (e > worst) worst = e, at = i;
    }
    ck_assert_msg(worst <= 1.01, "%s(%a, %a) is off by %.3f ulp", ufuncs[ids2[_i]].name, x[at],
                  y[at], worst);
    free(x);
}
END_TEST

START_TEST(pairs_of_floats_are_within_an_ulp)
{
    uint64_t s = (uint64_t)_i;
    float *x = malloc(3 * COUNT * sizeof *x), *y = x + COUNT, *r = y + COUNT;
    double worst = 0;
    int at = 0;
    for (int i = 0; i < COUNT; i++) x[i] = (float)sample(&s, i), y[i] = (float)sample(&s, i / 3);
    find_loop(ids2[_i], DT_float32)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
                                    (ptrdiff_t[]){sizeof *x, sizeof *x, sizeof *x});
    for (int i = 0; i < COUNT; i++) {
        double e = error32(r[i], wide2[_i]((double)x[i], (double)y[i]));
        if (e > worst) worst = e, at = i;
    }
    ck_assert_msg(worst <= 1.01, "%s(%a, %a) is off by %.3f ulp", ufuncs[ids2[_i]].name,
                  (double)x[at], (double)y[at], worst);
    free(x);
}
END_TEST

START_TEST(hypot_and_fmod_of_vectors_are_those_of_libm)
{
    uint64_t s = (uint64_t)_i;
    double *x = malloc(3 * COUNT * sizeof *x), *y = x + COUNT, *r = y + COUNT;
    const ptrdiff_t u = sizeof *x;
    for (int i = 0; i < COUNT; i++) x[i] = sample(&s, i), y[i] = sample(&s, i / 3);
    find_loop(_i ? U_fmod : U_hypot, DT_float64)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
                                                 (ptrdiff_t[]){u, u, u});
    for (int i = 0; i < COUNT; i++) {
        double want = _i ? fmod(x[i], y[i]) : hypot(x[i], y[i]);
        ck_assert_msg(error64(r[i], (long double)want) == 0, "of %a and %a: %a, not %a", x[i], y[i],
                      r[i], want);
    }
    free(x);
}
END_TEST

START_TEST(whole_powers_are_rounded_right_but_for_a_hair)
{
    uint64_t s = 7;
    double *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y), worst = 0, at = 0;
    for (int i = 0; i < COUNT; i++) x[i] = sample(&s, i);
    power_whole(COUNT, x, _i, y);
    for (int i = 0; i < COUNT; i++) {
        long double want = x[i];
        for (int k = 1; k < _i; k++) want *= x[i];
        bool tiny = fabsl(want) < 0x1p-960L; /* products that lose bits on the way */
        double e = tiny ? 0 : error64(y[i], want);
        if (e > worst) worst = e, at = x[i];
    }
    ck_assert_msg(worst <= 0.51, "%a ** %d is off by %.3f ulp", at, _i, worst);
    free(x);
    free(y);
}
END_TEST

int main(int argc, char **argv)
{
    for (int k = 0; argc > 1 && !strcmp(argv[1], "--worst") && k < NVMATH; k++) {
        double at = 0, worst = worst_error(&functions[k], &at);
        printf("%-8s %.4f ulp at %a (bound %.3f)\n", functions[k].name, worst, at,
               functions[k].bound);
    }
    if (argc > 1) return 0;
    Suite *s = suite_create("vmath");
    TCase *t = tcase_create("vmath");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, doubles_of_every_exponent_are_within_the_bound, 0, NVMATH);
    tcase_add_loop_test(t, pairs_of_doubles_are_within_an_ulp, 0, NVMATH2);
    tcase_add_loop_test(t, pairs_of_floats_are_within_an_ulp, 0, NVMATH2);
    tcase_add_loop_test(t, hypot_and_fmod_of_vectors_are_those_of_libm, 0, 2);
    tcase_add_loop_test(t, whole_powers_are_rounded_right_but_for_a_hair, 2, 9);
    suite_add_tcase(s, t);
    return suite_run(s);
}
