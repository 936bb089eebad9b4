/* engine/kernels/blas.h - OpenBLAS (with its LAPACK), opened on first use.
 *
 * blas_open answers the table of functions, or NULL when the library is missing or computes
 * wrongly here; products then fall back to own loops, factorisations fail with a sentence.
 * LAPACK functions are the Fortran ones: column-major, all arguments by address. */
#pragma once

#include <complex.h>
#include <stdbool.h>

typedef float _Complex c64;
typedef double _Complex c128;

enum { UPPER = 121, LOWER = 122, NON_UNIT = 131, LEFT = 141, RIGHT = 142 };
enum { ROW_MAJOR = 101, COLUMN_MAJOR = 102, NO_TRANS = 111, TRANS = 112, CONJ_TRANS = 113 };

typedef struct blas {
    void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                  float, float *, int);
    void (*dgemm)(int, int, int, int, int, int, double, const double *, int, const double *, int,
                  double, double *, int);
    void (*cgemm)(int, int, int, int, int, int, const void *, const void *, int, const void *, int,
                  const void *, void *, int);
    void (*zgemm)(int, int, int, int, int, int, const void *, const void *, int, const void *, int,
                  const void *, void *, int);
    void (*sgemv)(int, int, int, int, float, const float *, int, const float *, int, float, float *,
                  int);
    void (*dgemv)(int, int, int, int, double, const double *, int, const double *, int, double,
                  double *, int);
    void (*cgemv)(int, int, int, int, const void *, const void *, int, const void *, int,
                  const void *, void *, int);
    void (*zgemv)(int, int, int, int, const void *, const void *, int, const void *, int,
                  const void *, void *, int);
    float (*sdot)(int, const float *, int, const float *, int);
    double (*ddot)(int, const double *, int, const double *, int);
    void (*cdotu)(int, const void *, int, const void *, int, void *);
    void (*zdotu)(int, const void *, int, const void *, int, void *);
    void (*ssyrk)(int, int, int, int, int, float, const float *, int, float, float *, int);
    void (*dsyrk)(int, int, int, int, int, double, const double *, int, double, double *, int);
    void (*dtrsm)(int, int, int, int, int, int, int, double, const double *, int, double *, int);
    char *(*corename)(void);
    void (*set_threads)(int);
    int (*get_threads)(void);
} blas;

const blas *blas_open(void);
/* A function of LAPACK by its Fortran name ("dgesv_"); NULL: not there.  Any pointer type. */
typedef void (*lapack_function)(void);
lapack_function lapack_find(const char *name);

/* The library's own threads for a call of so many multiplications, if this thread may have them
 * (see par.h) and they are worth it; blas_narrow(what it answered) after the call. */
bool blas_widen(double work);
void blas_narrow(bool widened);

const char *blas_corename(void);
