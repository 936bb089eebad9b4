/* engine/kernels/random.h - NumPy's distributions over an rng: the table, and drawing blocks.
 *
 * `old` chooses between the two families: false draws as numpy.random.Generator, true as
 * RandomState, whose algorithms are frozen.  Both are equal to NumPy 1.24 bit for bit.
 * A size is (ndim, shape); ndim -1 stands for None: the shape of the parameters together.
 * An rng is written by every draw; blocks are the caller's. */
#pragma once

#include "engine/data/nd.h"
#include "engine/kernels/rng.h"

typedef union number {
    double d;
    int64_t i;
} number;

typedef enum constraint { /* of a parameter; ValueError in NumPy's words */
                          ANY,
                          NON_NEGATIVE,
                          POSITIVE,
                          IN_0_1,     /* [0, 1] */
                          ABOVE_0_1,  /* (0, 1] */
                          BELOW_1,    /* [0, 1) */
                          ABOVE_1,    /* > 1 */
                          AT_LEAST_1, /* >= 1 */
                          POISSON,    /* [0, about 2^63) */
} constraint;

enum { RANDOM_MAXPARAM = 3 };

typedef struct dist_param {
    const char *name;
    bool required, whole; /* whole: an int64 */
    double value;         /* default, when not required */
    constraint check, check_old;
} dist_param;

/* SINGLE: Generator draws float32 too (dtype=) */
enum dist_flags { ONLY_NEW = 1, ONLY_OLD = 2, SINGLE = 4, NEW_SINGLE = ONLY_NEW | SINGLE };

typedef struct distribution {
    const char *name, *doc;
    uint8_t flags, nparam;
    enum dtype dtype; /* DT_float64 or DT_int64 */
    dist_param param[RANDOM_MAXPARAM];
    void (*fill[2])(rng *g, const number *p, size_t n, void *out); /* new, old */
    bool (*check)(const number *p, bool old, bool array, err *e);  /* of all together, or NULL */
} distribution;

enum dist_id {
#define DIST(name, ...) DIST_##name,
#include "engine/kernels/random.def"
#undef DIST
    NDIST
};
extern const distribution distributions[NDIST];
/* By NumPy's name (random_sample, ranf and sample are `random`); NULL when there is none. */
const distribution *distribution_find(const char *name, bool old);

/* param[0 .. d->nparam): any numeric blocks, broadcast together; NULL: the default.
 * dt: DT_none, or DT_float32 for SINGLE rows. */
nd *random_draw(rng *g, bool old, const distribution *d, const nd *const *param, enum dtype dt,
                int ndim, const int64_t *shape, err *e);
/* ValueError in NumPy's words unless p[0 .. d->nparam) are possible parameters. array: they come
 * from arrays (the words differ). */
bool random_check(const distribution *d, bool old, const number *p, bool array, err *e);
/* n draws with checked parameters, into elements of d->dtype: what a lazy chunk does */
void random_fill(rng *g, bool old, const distribution *d, const number *p, size_t n, void *out);

/* ---- whole numbers in a range ---- */

__extension__ typedef __int128 rng_i128;

/* Generator.integers / RandomState.randint(low, high) with numbers: bounds may exceed 64 bits
 * (an error then).  closed: high itself may be drawn.  dt: bool or any integer type. */
nd *random_integers(rng *g, bool old, enum dtype dt, rng_i128 low, rng_i128 high, bool closed,
                    int ndim, const int64_t *shape, err *e);
/* ... with arrays of bounds (int64 or uint64 blocks after a cast; others are cast to int64) */
nd *random_integers_between(rng *g, bool old, enum dtype dt, const nd *low, const nd *high,
                            bool closed, int ndim, const int64_t *shape, err *e);

/* ---- order and choice ---- */

/* The swaps of shuffle(): i from n - 1 down to 1 with a partner at or below it. */
void random_shuffle(rng *g, int64_t n, void (*swap)(void *ctx, int64_t i, int64_t j), void *ctx);
/* x[permuted indices] along an axis is shuffle(); order[0..n) is overwritten with 0..n shuffled */
void random_order(rng *g, int64_t n, int64_t *order);
/* The same exchanges among n cells in a row; false: none, no such size (1, 2, 4, 8, 16). */
bool random_shuffle_cells(rng *g, int64_t n, uint32_t size, void *cells);
nd *random_permutation(rng *g, int64_t n, err *e); /* permutation(n), int64 */
/* choice: int64 indices below `population`, of shape `size`; p: float64 weights (1-d) or NULL.
 * `shuffle` matters to Generator without replacement only. */
nd *random_choice(rng *g, bool old, int64_t population, const nd *p, bool replace, bool shuffle,
                  int ndim, const int64_t *shape, err *e);

/* ---- several numbers at a time: the last axis of the result is that of pvals / alpha ---- */

nd *random_multinomial(rng *g, bool old, const nd *n, const nd *pvals, int ndim,
                       const int64_t *shape, err *e);
nd *random_dirichlet(rng *g, bool old, const nd *alpha, int ndim, const int64_t *shape, err *e);
