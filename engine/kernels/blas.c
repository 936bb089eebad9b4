/* engine/kernels/blas.c - opening OpenBLAS.
 *
 * The kernels are chosen by the library when it loads, from OPENBLAS_CORETYPE if that is set: on
 * processors newer than the library its own guess can be twenty years old.  Then, unless the user
 * chose, it is loaded again with the newest family this processor has by name; and a small
 * product is compared with our own before the library is trusted.
 *
 * The library's own threads would fight with a pool's: every call computes on the thread that
 * makes it, unless that thread has the other processors for itself and widens the library. */
#include "engine/kernels/blas.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/par.h"

/* Process-wide because the library is: written once under `once`. */
static struct {
    pthread_once_t once;
    void *library;
    bool usable;
    int limit; /* of its threads: what it would use by itself, OPENBLAS_NUM_THREADS if that is set
                */
    blas f;
} state = {.once = PTHREAD_ONCE_INIT};

/* the newest family of kernels that this processor runs; NULL: nothing better than a guess */
static const char *best_core(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

static bool is_old(const char *core)
{
    static const char *const old[] = {"Prescott", "Core2",     "Penryn", "Dunnington", "Nehalem",
                                      "Atom",     "Northwood", "Katmai", "Generic"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (!strcasecmp(core, old[i])) return true;
    return false;
}

/* dlsym answers data pointers; the union makes a function of one without a cast ISO C forbids */
lapack_function lapack_find(const char *name)
{
    union {
        void *p;
        lapack_function f;
    } u = {NULL};
    if (blas_open()) u.p = dlsym(state.library, name);
    return u.f;
}

static bool load(void)
{
    struct {
        const char *name;
        void *slot;
    } const wanted[] = {
        {"cblas_sgemm", &state.f.sgemm},
        {"cblas_dgemm", &state.f.dgemm},
        {"cblas_cgemm", &state.f.cgemm},
        {"cblas_zgemm", &state.f.zgemm},
        {"cblas_sgemv", &state.f.sgemv},
        {"cblas_dgemv", &state.f.dgemv},
        {"cblas_cgemv", &state.f.cgemv},
        {"cblas_zgemv", &state.f.zgemv},
        {"cblas_sdot", &state.f.sdot},
        {"cblas_ddot", &state.f.ddot},
        {"cblas_cdotu_sub", &state.f.cdotu},
        {"cblas_zdotu_sub", &state.f.zdotu},
        {"openblas_get_corename", &state.f.corename},
        {"cblas_ssyrk", &state.f.ssyrk},
        {"cblas_dsyrk", &state.f.dsyrk},
        {"cblas_dtrsm", &state.f.dtrsm},
        {"openblas_set_num_threads", &state.f.set_threads},
        {"openblas_get_num_threads", &state.f.get_threads},
    };
    state.library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!state.library) return false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *p = dlsym(state.library, wanted[i].name);
        if (!p) return false;
        memcpy(wanted[i].slot, &p, sizeof p);
    }
    return true;
}

/* a product of uneven sizes against the plain triple loop */
static bool agrees(void)
{
    enum { M = 37, N = 29, K = 41 };
    double a[M * K], b[K * N], c[M * N], worst = 0;
    for (int i = 0; i < M * K; i++) a[i] = (double)((i * 37) % 101) / 101 - 0.5;
    for (int i = 0; i < K * N; i++) b[i] = (double)((i * 53) % 97) / 97 - 0.5;
    state.f.dgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, M, N, K, 1, a, K, b, N, 0, c, N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double s = 0;
            for (int k = 0; k < K; k++) s += a[i * K + k] * b[k * N + j];
            worst = fmax(worst, fabs(s - c[i * N + j]));
        }
    return worst < 1e-13;
}

static void open_once(void)
{
    state.usable = load();
    if (!state.usable) return;
    const char *best = best_core();
    if (best && is_old(state.f.corename()) && !getenv("OPENBLAS_CORETYPE")) {
        dlclose(state.library); /* the name is only read when the library loads */
        setenv("OPENBLAS_CORETYPE", best, 0);
        state.usable = load();
        if (!state.usable) return;
    }
    state.limit = state.f.get_threads();
    state.f.set_threads(1);
    state.usable = agrees();
}

const blas *blas_open(void)
{
    pthread_once(&state.once, open_once);
    return state.usable ? &state.f : NULL;
}

const char *blas_corename(void)
{
    const blas *b = blas_open();
    return b ? b->corename() : NULL;
}

bool blas_widen(double work)
{
    const blas *b = work > 2e7 && par_width() > 1 ? blas_open() : NULL;
    if (!b || state.limit < 2) return false;
    int n = par_claim();
    if (n > 1) b->set_threads(n < state.limit ? n : state.limit);
    return n > 1;
}

void blas_narrow(bool widened)
{
    if (!widened) return;
    state.f.set_threads(1);
    par_release();
}
