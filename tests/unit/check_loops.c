/* tests/unit/check_loops.c - every loop of ufunc.def gives the same bits whatever the vectors, how
 * many elements there are, how far apart they are and where they begin. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/half.h"
#include "engine/kernels/ops.h"
#include "tests/unit/suite.h"
#include "tests/unit/ulps.h"

enum { MOST = 71, ROOM = MOST * 16 * 3 + 128 };

/* numbers of all kinds, cast to a type: small whole ones, fractions, large ones, no numbers */
static nd *numbers(enum dtype dt, uint64_t seed)
{
    static const double odd[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e300, 5e-324, 0.5};
    err e = {0};
    const int64_t n = MOST;
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e);
    for (int i = 0; i < MOST; i++) {
        const uint64_t u = random_next(&seed);
        const double unit = (double)(int64_t)u * 0x1p-63;
        const double kinds[] = {(double)(u % 7), unit, unit * 100, odd[u % 10]};
        ((double *)x->at)[i] = kinds[(u >> 40) % 4];
    }
    nd *y = nd_cast(x, dtype_plain(dt), 'u', &e);
    datum_unref(x);
    return y;
}

/* how the elements of all operands lie */
typedef struct layout {
    ptrdiff_t apart; /* in elements */
    size_t offset;   /* of the first, in elements, from a multiple of 64 bytes */
} layout;
static const layout layouts[] = {{1, 0}, {1, 1}, {1, 3}, {2, 0}, {3, 1}, {-1, 0}};

static char *first(char *room, size_t size, const layout *l)
{
    char *at = room + (64 - (size_t)room % 64) + l->offset * size;
    return l->apart < 0 ? at + (MOST - 1) * size : at;
}

static bool same_cell(enum dtype dt, const char *a, const char *b, size_t size)
{
    if (!memcmp(a, b, size)) return true;
    if (dt == DT_complex64)
        return same_cell(DT_float32, a, b, 4) && same_cell(DT_float32, a + 4, b + 4, 4);
    if (dt == DT_complex128)
        return same_cell(DT_float64, a, b, 8) && same_cell(DT_float64, a + 8, b + 8, 8);
    double x[2] = {0};
    float f[2];
    uint16_t h[2];
    if (dt == DT_float64)
        memcpy(&x[0], a, 8), memcpy(&x[1], b, 8);
    else if (dt == DT_float32)
        memcpy(&f[0], a, 4), memcpy(&f[1], b, 4), x[0] = (double)f[0], x[1] = (double)f[1];
    else if (dt == DT_float16)
        memcpy(&h[0], a, 2), memcpy(&h[1], b, 2), x[0] = half_to_double(h[0]),
                                                  x[1] = half_to_double(h[1]);
    return x[0] != x[0] && x[1] != x[1]; /* NaNs have signs that nobody sees */
}

typedef struct operands {
    int n;
    enum dtype dt[UFUNC_MAXARG];
    size_t size[UFUNC_MAXARG];
    nd *in[UFUNC_MAXARG];
    char *room[UFUNC_MAXARG];
} operands;

/* the first m elements in this layout; results are in the last rooms */
static void run(const ufunc *f, const ufunc_loop *l, operands *o, size_t m, const layout *how)
{
    char *p[UFUNC_MAXARG];
    ptrdiff_t step[UFUNC_MAXARG + 2] = {0};
    for (int k = 0; k < o->n; k++) {
        p[k] = first(o->room[k], o->size[k], how);
        step[k] = how->apart * (ptrdiff_t)o->size[k];
        for (size_t i = 0; k < f->nin && i < m; i++)
            memcpy(p[k] + (ptrdiff_t)i * step[k], o->in[k]->at + i * o->size[k], o->size[k]);
    }
    l->run(m, p, step);
}

static void compare(const ufunc *f, const ufunc_loop *l, operands *o)
{
    static char want[2][MOST * 16];
    simd_limit(SIMD_BASE);
    run(f, l, o, MOST, &layouts[0]);
    for (int k = 0; k < f->nout; k++)
        memcpy(want[k], first(o->room[f->nin + k], o->size[f->nin + k], &layouts[0]),
               MOST * o->size[f->nin + k]);
    for (int level = SIMD_BASE; level <= SIMD_AVX512; level++) {
        simd_limit((enum simd)level);
        for (size_t how = 0; how < sizeof layouts / sizeof *layouts; how++)
            for (size_t m = 0; m <= MOST; m += how ? 5 : 1) {
                run(f, l, o, m, &layouts[how]);
                for (size_t i = 0; i < m * f->nout; i++) {
                    const int k = f->nin + (int)(i / m);
                    const size_t at = i % m;
                    const char *got = first(o->room[k], o->size[k], &layouts[how]) +
                                      (ptrdiff_t)at * layouts[how].apart * (ptrdiff_t)o->size[k];
                    if (!same_cell(o->dt[k], want[k - f->nin] + at * o->size[k], got, o->size[k]))
                        ck_abort_msg("%s of %s, level %d, layout %zu: element %zu of %zu", f->name,
                                     dtypes[o->dt[0]].name, level, how, at, m);
                }
            }
    }
    simd_limit(SIMD_AVX512);
}

START_TEST(loops_give_the_same_bits_in_every_layout)
{
    const ufunc *f = &ufuncs[_i];
    for (const ufunc_loop *l = f->loops; l->run; l++) {
        operands o = {.n = f->nin + f->nout};
        bool plain = true;
        for (int k = 0; k < o.n; k++) plain &= l->arg[k] <= DT_complex128;
        if (!plain) continue; /* texts and times: sizes and units of their own */
        for (int k = 0; k < o.n; k++) {
            o.dt[k] = (enum dtype)l->arg[k];
            o.size[k] = dtype_plain(o.dt[k]).size;
            o.room[k] = malloc(ROOM);
            if (k < f->nin) o.in[k] = numbers(o.dt[k], (uint64_t)(_i * 4 + k));
        }
        compare(f, l, &o);
        for (int k = 0; k < o.n; k++) {
            free(o.room[k]);
            datum_unref(o.in[k]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loops");
    TCase *t = tcase_create("loops");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, loops_give_the_same_bits_in_every_layout, 0, NUFUNC);
    suite_add_tcase(s, t);
    return suite_run(s);
}
