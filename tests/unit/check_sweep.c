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
#include "engine/kernels/fp.h"
#include "engine/kernels/half.h"
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

/* --- halves --------------------------------------------------------------------------------- */

static float minus(float x)
{
    return -x;
}

static float square(float x)
{
    return x * x;
}

typedef struct plain {
    const char *name;
    enum ufunc_id id;
    float (*of)(float);
} plain;
#define PLAIN(name, c)   {#name, U_##name, c},
#define VECTORS(name, c) PLAIN(name, c##f)
static const plain unary[] = {VECTOR_MATH_FUNCTIONS(VECTORS) PLAIN(sqrt, sqrtf) PLAIN(rint, rintf)
                                  PLAIN(floor, floorf) PLAIN(ceil, ceilf) PLAIN(trunc, truncf)
                                      PLAIN(fabs, fabsf) PLAIN(absolute, fabsf)
                                          PLAIN(negative, minus) PLAIN(square, square)};

static bool same_half(uint16_t a, uint16_t b)
{
    const bool nan = (a & 0x7fff) > 0x7c00 && (b & 0x7fff) > 0x7c00;
    return a == b || nan;
}

enum { REPORTED = FP_DIVIDE | FP_OVER | FP_INVALID };

static bool is_signal(uint16_t h)
{
    return (h & 0x7fff) > 0x7c00 && !(h & 0x200);
}

START_TEST(all_halves_are_the_floats_of_libm_rounded_with_its_flags)
{
    const plain *f = &unary[_i];
    const loop run = find_loop(f->id, DT_float16);
    static uint16_t x[65536], y[65536];
    for (uint32_t i = 0; i < 65536; i++) x[i] = (uint16_t)i;
    run(65536, (char *[]){(char *)x, (char *)y}, (ptrdiff_t[]){2, 2});
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t alone;
        fp_clear();
        const uint16_t want = float_to_half(f->of(half_to_float(x[i])));
        const unsigned flags = fp_test() & REPORTED;
        fp_clear();
        run(1, (char *[]){(char *)&x[i], (char *)&alone}, (ptrdiff_t[]){2, 2});
        const unsigned raised = fp_test() & REPORTED;
        if (!same_half(want, y[i]) || !same_half(want, alone))
            ck_abort_msg("%s of half %04x is %04x and %04x, not %04x", f->name, i, y[i], alone,
                         want);
        if (raised != flags && !is_signal(x[i]))
            ck_abort_msg("%s of half %04x raises %u, not %u", f->name, i, raised, flags);
    }
}
END_TEST

/* Python's quotient and remainder of floats */
static float remains(float x, float y)
{
    const float r = fmodf(x, y);
    if (y == 0 || r != r) return r;
    if (r == 0) return copysignf(0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

static float divides(float x, float y)
{
    const float r = fmodf(x, y);
    if (y == 0) return x / y;
    if (r != r) return r;
    float q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return copysignf(0, x / y);
    const float down = floorf(q);
    return q - down > 0.5F ? down + 1 : down;
}

static float sum(float x, float y)
{
    return x + y;
}

static float product(float x, float y)
{
    return x * y;
}

static float ratio(float x, float y)
{
    return x / y;
}

typedef struct plain2 {
    const char *name;
    enum ufunc_id id;
    float (*of)(float, float);
} plain2;
static const plain2 binary[] = {
    PLAIN(add, sum) PLAIN(multiply, product) PLAIN(divide, ratio) PLAIN(power, powf)
        PLAIN(arctan2, atan2f) PLAIN(hypot, hypotf) PLAIN(fmod, fmodf) PLAIN(remainder, remains)
            PLAIN(floor_divide, divides) PLAIN(copysign, copysignf)};

/* of both signs and every exponent, near the ends and the middle */
enum { HALVES = 64 * 16 };
static void fill(uint16_t x[HALVES])
{
    static const uint16_t ends[16] = {0,     1,     2,     3,     0xff,  0x100, 0x101, 0x1ff,
                                      0x200, 0x201, 0x2aa, 0x300, 0x3fc, 0x3fd, 0x3fe, 0x3ff};
    for (int i = 0; i < HALVES; i++) {
        x[i] = (uint16_t)(i / 16 << 10 | ends[i % 16]);
        if (is_signal(x[i])) x[i] |= 0x200; /* these would raise flags wherever they are moved */
    }
}

START_TEST(pairs_of_halves_are_the_floats_of_libm_rounded_with_its_flags)
{
    const plain2 *f = &binary[_i];
    const loop run = find_loop(f->id, DT_float16);
    uint16_t x[HALVES], y[HALVES];
    fill(x);
    for (int i = 0; i < HALVES; i++) {
        unsigned want_flags = 0;
        fp_clear();
        run(HALVES, (char *[]){(char *)&x[i], (char *)x, (char *)y}, (ptrdiff_t[]){0, 2, 2});
        const unsigned raised = fp_test() & REPORTED;
        for (int k = 0; k < HALVES; k++) {
            fp_clear();
            const uint16_t want = float_to_half(f->of(half_to_float(x[i]), half_to_float(x[k])));
            want_flags |= fp_test() & REPORTED;
            if (!same_half(want, y[k]))
                ck_abort_msg("%s(%04x, %04x) is %04x, not %04x", f->name, x[i], x[k], y[k], want);
        }
        ck_assert_msg(raised == want_flags, "%s(%04x, all) raises %u, not %u", f->name, x[i],
                      raised, want_flags);
    }
}
END_TEST

START_TEST(the_next_half_is_next)
{
    uint16_t x[HALVES], y[HALVES];
    fill(x);
    for (int i = 0; i < HALVES; i++) {
        find_loop(U_nextafter, DT_float16)(HALVES, (char *[]){(char *)&x[i], (char *)x, (char *)y},
                                           (ptrdiff_t[]){0, 2, 2});
        const float from = half_to_float(x[i]);
        for (int k = 0; k < HALVES; k++) {
            const float to = half_to_float(x[k]), next = half_to_float(y[k]);
            const int steps = abs((int)(y[k] & 0x7fff) - (int)(x[i] & 0x7fff));
            const bool ok = from != from || to != to ? next != next
                            : from == to             ? y[k] == x[i]
                            : from < to              ? next > from && next <= to && steps == 1
                                                     : next < from && next >= to && steps == 1;
            if (!ok) ck_abort_msg("%04x to %04x: %04x", x[i], x[k], y[k]);
        }
    }
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
    tcase_add_loop_test(t, all_halves_are_the_floats_of_libm_rounded_with_its_flags, 0,
                        sizeof unary / sizeof *unary);
    tcase_add_loop_test(t, pairs_of_halves_are_the_floats_of_libm_rounded_with_its_flags, 0,
                        sizeof binary / sizeof *binary);
    tcase_add_test(t, the_next_half_is_next);
    suite_add_tcase(s, t);
    return suite_run(s);
}
