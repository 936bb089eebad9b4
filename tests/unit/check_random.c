/* tests/unit/check_random.c - random streams, against hashes of what NumPy draws. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/expr/seeds.h"
#include "tests/unit/suite.h"

static const uint64_t FNV_START = 0xcbf29ce484222325u;

static uint64_t fnv(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3u;
    return h;
}

static rng seeded(bool old, uint32_t seed)
{
    rng g;
    seed_seq s = seed_seq_of(1, &seed, 0, NULL);
    if (old)
        rng_seed_legacy(&g, seed);
    else
        rng_seed(&g, RNG_PCG64, &s);
    return g;
}

/* hashes x and drops it */
static uint64_t take(uint64_t h, nd *x)
{
    ck_assert_ptr_nonnull(x);
    h = fnv(h, x->at, nd_bytes(x));
    datum_unref(x);
    return h;
}

typedef struct draw_sample {
    bool old;
    enum dist_id dist;
    double p[3];
    uint64_t hash;
} draw_sample;

typedef struct range_sample {
    bool old;
    enum dtype dt;
    rng_i128 low, high;
    uint64_t hash;
} range_sample;

#define INTEGERS(old, dt, low, high, hash)
#define DRAW(old, name, a, b, c, hash) {old, DIST_##name, {a, b, c}, hash},
static const draw_sample draws[] = {
#include "random_cases.def"
};
#undef INTEGERS
#undef DRAW
#define INTEGERS(old, dt, low, high, hash) {old, DT_##dt, low, high, hash},
#define DRAW(old, name, a, b, c, hash)
static const range_sample ranges[] = {
#include "random_cases.def"
};

START_TEST(distributions_draw_what_numpy_draws)
{
    const draw_sample *s = &draws[_i];
    const distribution *d = &distributions[s->dist];
    rng g = seeded(s->old, 12345);
    const nd *param[RANDOM_MAXPARAM] = {0};
    for (int i = 0; i < d->nparam; i++) param[i] = nd_scalar(DT_float64, &s->p[i]);
    err e = {0};
    const int64_t n = 700;
    uint64_t h = take(FNV_START, random_draw(&g, s->old, d, param, DT_none, 1, &n, &e));
    ck_assert_msg(h == s->hash, "%s%s", s->old ? "RandomState." : "Generator.", d->name);
    for (int i = 0; i < d->nparam; i++) datum_unref((void *)(uintptr_t)param[i]);
}
END_TEST

START_TEST(integers_are_bounded_as_in_numpy)
{
    const range_sample *s = &ranges[_i];
    rng g = seeded(s->old, 12345);
    err e = {0};
    const int64_t n = 701;
    nd *x = random_integers(&g, s->old, s->dt, s->low, s->high, false, 1, &n, &e);
    ck_assert_msg(take(FNV_START, x) == s->hash, "%s", dtypes[s->dt].name);
}
END_TEST

static nd *numbers(int n, const double *x)
{
    const int64_t shape = n;
    err e = {0};
    nd *r = nd_new(dtype_plain(DT_float64), 1, &shape, &e);
    memcpy(r->at, x, (size_t)n * sizeof *x);
    return r;
}

static uint64_t mixed_picks(rng *g, bool old)
{
    const int64_t sizes[] = {7, 9, 3, 2};
    const int64_t twenty = 20;
    nd *p = numbers(4, (double[]){.1, .2, .3, .4}), *alpha = numbers(3, (double[]){1, 2, 3});
    nd *n = nd_scalar(DT_int64, &twenty);
    err e = {0};
    uint64_t h = take(FNV_START, random_permutation(g, 50, &e));
    h = take(h, random_choice(g, old, 20, NULL, true, true, 1, &sizes[0], &e));
    h = take(h, random_choice(g, old, 20, NULL, false, true, 1, &sizes[0], &e));
    h = take(h, random_choice(g, old, 4, p, true, true, 1, &sizes[1], &e));
    h = take(h, random_choice(g, old, 4, p, false, true, 1, &sizes[2], &e));
    h = take(h, random_multinomial(g, old, n, p, 1, &sizes[2], &e));
    h = take(h, random_dirichlet(g, old, alpha, 1, &sizes[3], &e));
    datum_unref(p);
    datum_unref(alpha);
    datum_unref(n);
    return h;
}

START_TEST(choices_and_vectors_agree)
{
    rng g = seeded(true, 7);
    ck_assert(mixed_picks(&g, true) == 0xbb3540641c41c6ed);
    g = seeded(false, 7);
    uint64_t h = mixed_picks(&g, false);
    err e = {0};
    const int64_t n = 900, two = 2;
    nd *small = numbers(3, (double[]){.05, .01, .02});
    h = take(h, random_choice(&g, false, 20000, NULL, false, true, 1, &n, &e));
    h = take(h, random_dirichlet(&g, false, small, 1, &two, &e));
    datum_unref(small);
    ck_assert(h == 0x0e74cde16670c1d3);
}
END_TEST

START_TEST(every_generator_is_seeded_as_in_numpy)
{
    const uint64_t hashes[NRNG] = {
        [RNG_MT19937] = 0x39edbb3770680aa0,   [RNG_PCG64] = 0x349e662a264b3892,
        [RNG_PCG64DXSM] = 0xc1fa8ae5efe1fadc, [RNG_PHILOX] = 0xb766a694c6bec540,
        [RNG_SFC64] = 0xd6942a376bb89211,
    };
    const uint32_t entropy[] = {1, 5, 256}, key = 3; /* [1, 2**40 + 5], spawn_key=(3,) */
    seed_seq s = seed_seq_of(3, entropy, 1, &key);
    rng g;
    rng_seed(&g, (enum rng_kind)_i, &s);
    uint64_t h = FNV_START;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next64(&g);
        h = fnv(h, &x, sizeof x);
    }
    ck_assert_msg(h == hashes[_i], "%s", rng_names[_i]);
}
END_TEST

START_TEST(chunks_are_seeded_as_dask_does)
{
    rng parent = seeded(true, 5), chunk;
    seeds *s = seeds_new(&parent, 3, NULL);
    seeds_start(s, 2, &chunk);
    double x[1000];
    rng_doubles(&chunk, 1000, x);
    ck_assert(fnv(FNV_START, x, sizeof x) == 0x282565dca887278b);
    rng_seed_legacy_array(&chunk, 3, (uint32_t[]){1, 2, 3});
    rng_doubles(&chunk, 10, x);
    ck_assert(fnv(FNV_START, x, 10 * sizeof *x) == 0x6ab7d9d987538075);
    datum_unref(s);
}
END_TEST

START_TEST(seeds_that_are_not_kept_are_made_again)
{
    enum { MANY = 5000 };
    const uint64_t at[] = {4999, 0, 63, 64, 4095, 4096, 1, 700, 2000, 3000, 65, 4998};
    for (int skip = 0; skip < 700; skip += 233) { /* words that the parent has given before */
        rng parent = seeded(true, 7), plain = parent, chunk, same;
        uint32_t *words = malloc(MANY * MT_WORDS * sizeof *words);
        for (int i = 0; i < skip; i++) ck_assert(rng_next32(&parent) == rng_next32(&plain));
        rng_bytes(&plain, MANY * MT_WORDS * sizeof *words, words);
        seeds *s = seeds_new(&parent, MANY, NULL);
        ck_assert(datum_bytes((datum *)s) < MANY * MT_WORDS * sizeof *words / 32);
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            seeds_start(s, at[i], &chunk);
            rng_seed_legacy_array(&same, MT_WORDS, words + MT_WORDS * at[i]);
            ck_assert(rng_next64(&chunk) == rng_next64(&same));
        }
        ck_assert(rng_next64(&parent) == rng_next64(&plain));
        datum_unref(s);
        free(words);
    }
}
END_TEST

START_TEST(blocks_equal_single_draws)
{
    const number p[RANDOM_MAXPARAM] = {{.d = 1}, {.d = 2}};
    const enum dist_id fast[] = {DIST_random, DIST_uniform, DIST_standard_normal, DIST_normal};
    for (int old = 0; old < 2; old++)
        for (int k = 0; k < 4; k++) {
            double x[1501], y[1501];
            rng a = seeded(old, 3), b = a;
            rng_next32(&a), rng_next32(&b); /* pairs of words straddle blocks */
            random_fill(&a, old, &distributions[fast[k]], p, 1501, x);
            for (int i = 0; i < 1501; i++)
                random_fill(&b, old, &distributions[fast[k]], p, 1, &y[i]);
            ck_assert_mem_eq(x, y, sizeof x);
            ck_assert(rng_double(&a) == rng_double(&b));
        }
}
END_TEST

START_TEST(impossible_parameters_are_refused_in_numpys_words)
{
    rng g = seeded(false, 1);
    err e = {0};
    const double minus = -1;
    const nd *param[RANDOM_MAXPARAM] = {NULL, nd_scalar(DT_float64, &minus)};
    ck_assert_ptr_null(
        random_draw(&g, false, &distributions[DIST_normal], param, DT_none, -1, NULL, &e));
    ck_assert_int_eq(e.kind, ValueError);
    ck_assert_str_eq(e.msg, "scale < 0");
    err_clear(&e);
    ck_assert_ptr_null(random_integers(&g, false, DT_int8, 0, 300, false, -1, NULL, &e));
    ck_assert_str_eq(e.msg, "high is out of bounds for int8");
    err_clear(&e);
    datum_unref((void *)(uintptr_t)param[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("random");
    TCase *c = tcase_create("random");
    tcase_add_loop_test(c, distributions_draw_what_numpy_draws, 0,
                        (int)(sizeof draws / sizeof *draws));
    tcase_add_loop_test(c, integers_are_bounded_as_in_numpy, 0,
                        (int)(sizeof ranges / sizeof *ranges));
    tcase_add_test(c, choices_and_vectors_agree);
    tcase_add_loop_test(c, every_generator_is_seeded_as_in_numpy, 0, NRNG);
    tcase_add_test(c, chunks_are_seeded_as_dask_does);
    tcase_add_test(c, seeds_that_are_not_kept_are_made_again);
    tcase_add_test(c, blocks_equal_single_draws);
    tcase_add_test(c, impossible_parameters_are_refused_in_numpys_words);
    suite_add_tcase(s, c);
    return suite_run(s);
}
