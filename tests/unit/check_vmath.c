/* tests/unit/check_vmath.c - how far the vector functions are from the truth, over all arguments.
 *
 * Where the vectors overflow before the result does, libm answers: 2 ulp there.
 * The reference is the next wider type: long double for double, double for float.  The bounds are
 * those that SLEEF states (1.0 ulp, met to a hundredth); our own functions (elementary.h) stay
 * below 0.8 ulp for doubles of everyday size, 0.53 for floats; half an ulp and a bit for whole
 * powers. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/power.h"
#include "engine/kernels/ufunc.h"
#include "engine/kernels/vmath.h"
#include "tests/unit/suite.h"

enum { COUNT = 60000 };

#define LONG(name, c)     [V_##name] = c##l,
#define DOUBLE(name, c)   [V_##name] = c,
#define UFUNC_ID(name, c) [V_##name] = U_##name,
static long double (*const exact[])(long double) = {VECTOR_MATH_FUNCTIONS(LONG)};
static double (*const wide[])(double) = {VECTOR_MATH_FUNCTIONS(DOUBLE)};
static const enum ufunc_id ids[] = {VECTOR_MATH_FUNCTIONS(UFUNC_ID)};

static uint64_t next(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

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
    uint64_t bits = next(s);
    double d;
    memcpy(&d, &bits, sizeof d);
    if (i % 3 == 0) return d;
    double unit = (double)(int64_t)bits * 0x1p-63;
    if (i % 3 == 1) return unit * (i % 2 ? 8 : 1000);
    return edges[bits >> 33 & 15] * (1 + unit * (i % 2 ? 0x1p-48 : 0x1p-10));
}

/* |got - want| in units of the last place of want */
static double error64(double got, long double want)
{
    if (isnan(got) && isnan(want)) return 0;
    if ((double)want == got) return 0;
    if (!isfinite(got) && fabsl(want) >= 0x1.fffffffffffff8p1023L) return 0;
    int e;
    frexpl(want, &e);
    long double ulp = ldexpl(1, e - 53 > -1074 ? e - 53 : -1074);
    return (double)(fabsl((long double)got - want) / ulp);
}

static double error32(float got, double want)
{
    if (isnan(got) && isnan(want)) return 0;
    if ((float)want == got) return 0;
    int e;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, e - 24 > -149 ? e - 24 : -149);
}

static double bound(int id, double x, double overflow, double own)
{
    if ((id == V_sinh || id == V_cosh) && fabs(x) > overflow) return 2;
    return id < V_sin ? own : 1.01; /* SLEEF's begin there */
}

static loop find(enum ufunc_id id, enum dtype dt)
{
    for (const ufunc_loop *l = ufuncs[id].loops; l->run; l++)
        if (l->arg[0] == dt && l->arg[1] == dt) return l->run;
    return NULL;
}

START_TEST(functions_of_doubles_are_within_an_ulp)
{
    uint64_t s = (uint64_t)_i;
    double *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y), worst = 0, at = 0;
    for (int i = 0; i < COUNT; i++) x[i] = sample(&s, i);
    find(ids[_i], DT_float64)(COUNT, (char *[]){(char *)x, (char *)y},
                              (ptrdiff_t[]){sizeof *x, sizeof *y});
    for (int i = 0; i < COUNT; i++) {
        double e = error64(y[i], exact[_i](x[i])) /
                   bound(_i, x[i], 709, fabs(x[i]) > 0x1p-1000 && fabs(x[i]) < 700 ? 0.8 : 1.01);
        if (e > worst) worst = e, at = x[i];
    }
    ck_assert_msg(worst <= 1, "%s(%a) is off by %.3f times the bound", ufuncs[ids[_i]].name, at,
                  worst);
    free(x);
    free(y);
}
END_TEST

START_TEST(functions_of_floats_are_within_an_ulp)
{
    uint64_t s = (uint64_t)_i;
    float *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y);
    double worst = 0, at = 0;
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = (uint32_t)(next(&s) >> 32);
        memcpy(&x[i], &bits, sizeof bits);
        if (i % 2) x[i] = (float)sample(&s, i);
    }
    find(ids[_i], DT_float32)(COUNT, (char *[]){(char *)x, (char *)y},
                              (ptrdiff_t[]){sizeof *x, sizeof *y});
    for (int i = 0; i < COUNT; i++) {
        double e = error32(y[i], wide[_i]((double)x[i])) / bound(_i, (double)x[i], 88, 0.53);
        if (e > worst) worst = e, at = (double)x[i];
    }
    ck_assert_msg(worst <= 1, "%s(%a) is off by %.3f times the bound", ufuncs[ids[_i]].name, at,
                  worst);
    free(x);
    free(y);
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
    find(ids2[_i], DT_float64)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
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
    find(ids2[_i], DT_float32)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
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
    find(_i ? U_fmod : U_hypot, DT_float64)(COUNT, (char *[]){(char *)x, (char *)y, (char *)r},
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

int main(void)
{
    Suite *s = suite_create("vmath");
    TCase *t = tcase_create("vmath");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, functions_of_doubles_are_within_an_ulp, 0, NVMATH);
    tcase_add_loop_test(t, functions_of_floats_are_within_an_ulp, 0, NVMATH);
    tcase_add_loop_test(t, pairs_of_doubles_are_within_an_ulp, 0, NVMATH2);
    tcase_add_loop_test(t, pairs_of_floats_are_within_an_ulp, 0, NVMATH2);
    tcase_add_loop_test(t, hypot_and_fmod_of_vectors_are_those_of_libm, 0, 2);
    tcase_add_loop_test(t, whole_powers_are_rounded_right_but_for_a_hair, 2, 9);
    suite_add_tcase(s, t);
    return suite_run(s);
}
