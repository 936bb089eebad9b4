/* tests/unit/check_sweep.c - elementary functions over the whole domain of their types.
 *
 * Every float16 goes through every function.  Of float32 an ordinary run takes numbers from each
 * of the 512 kinds of sign and exponent, its ends included; `check_sweep --every [NAME]` takes all
 * of the 2^32 (a few minutes a function) and prints the worst error of each.  The bounds are those
 * of vmath.h; the reference is the function of doubles in libm. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/vmath.h"
#include "tests/unit/suite.h"
#include "tests/unit/ulps.h"

enum { BLOCK = 4096 };

typedef struct function {
    const char *name;
    enum ufunc_id id;
    double (*wide)(double);
    float (*libm)(float);
    double bound;
} function;
#define ROW(name, c, single, double_) {#name, U_##name, c, c##f, single},
static const function functions[] = {VECTOR_MATH_BOUNDS(ROW)};
#undef ROW
enum { NFUNCTION = sizeof functions / sizeof *functions };

typedef struct worst {
    double error;
    float at, got;
} worst;

/* the floats of these bits and what a function makes of them */
static void examine(const function *f, size_t n, const uint32_t *bits, worst *w)
{
    float x[BLOCK], y[BLOCK];
    memcpy(x, bits, n * sizeof *x);
    find_loop(f->id, DT_float32)(n, (char *[]){(char *)x, (char *)y},
                                 (ptrdiff_t[]){sizeof *x, sizeof *y});
    for (size_t i = 0; i < n; i++) {
        const double e = error32(y[i], f->wide((double)x[i]));
        if (e > w->error) *w = (worst){e, x[i], y[i]};
    }
}

static void examine_run(const function *f, uint64_t first, uint64_t end, worst *w)
{
    uint32_t bits[BLOCK];
    for (uint64_t at = first; at < end; at += BLOCK) {
        const size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        for (size_t i = 0; i < n; i++) bits[i] = (uint32_t)(at + i);
        examine(f, n, bits, w);
    }
}

START_TEST(floats_of_every_exponent_are_within_the_bound)
{
    enum { EDGE = 64, SOME = 1024 };
    const function *f = &functions[_i];
    worst w = {0};
    uint64_t s = (uint64_t)_i;
    uint32_t bits[2 * EDGE + SOME];
    for (uint32_t kind = 0; kind < 512; kind++) {
        size_t n = 0;
        for (uint32_t i = 0; i < EDGE; i++) bits[n++] = kind << 23 | i;
        for (uint32_t i = 0; i < EDGE; i++) bits[n++] = kind << 23 | (0x7fffff - i);
        while (n < 2 * EDGE + SOME) bits[n++] = kind << 23 | (uint32_t)(random_next(&s) >> 41);
        examine(f, n, bits, &w);
    }
    ck_assert_msg(w.error <= f->bound, "%s(%a) is %a: %.4f ulp", f->name, (double)w.at,
                  (double)w.got, w.error);
}
END_TEST

/* All floats, of all functions or of one; how many are off by too much. */
static int every(const char *name)
{
    int bad = 0;
    for (int k = 0; k < NFUNCTION; k++) {
        const function *f = &functions[k];
        worst w = {0};
        if (name && strcmp(name, f->name)) continue;
        examine_run(f, 0, (uint64_t)1 << 32, &w);
        bad += w.error > f->bound;
        printf("%-8s %.4f ulp at %a (bound %.3f)\n", f->name, w.error, (double)w.at, f->bound);
        fflush(stdout);
    }
    return bad;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--every")) return every(argc > 2 ? argv[2] : NULL) != 0;
    Suite *s = suite_create("sweep");
    TCase *t = tcase_create("sweep");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, floats_of_every_exponent_are_within_the_bound, 0, NFUNCTION);
    suite_add_tcase(s, t);
    return suite_run(s);
}
