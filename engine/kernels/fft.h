/* engine/kernels/fft.h - one-dimensional transforms of a given length, on contiguous doubles. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

typedef struct cpx {
    double r, i;
} cpx;

enum { FFT_MAXFACTOR = 64 };

typedef struct fft_plan {
    int64_t n;
    int64_t factor[FFT_MAXFACTOR];
    cpx *tw[FFT_MAXFACTOR];   /* twiddles of each pass */
    cpx *root[FFT_MAXFACTOR]; /* the factor's own roots of unity, for factors above 11 */
    int nfactor;
    cpx *room; /* owned: all the twiddles, then n for the passes */
    cpx *work;
    struct fft_plan
        *inner; /* lengths with large primes: a convolution of this length (Bluestein) */
    cpx *chirp, *chirpf, *conv;
} fft_plan;

/* Is a transform of length n made of three that are twice as long?  It takes their memory. */
bool fft_wants_convolution(int64_t n);
bool fft_plan_init(fft_plan *p, int64_t n, err *e);
void fft_plan_clear(fft_plan *p);
/* in place; forward: exp(-2 pi i jk / n); every element times scale */
void fft_complex(const fft_plan *p, cpx *c, bool forward, double scale);

/* Real transforms, possible for lengths of factors 2, 3, 4 and 5.  Packed order: r0 r1 i1 r2 i2 ...
 */
typedef struct rfft_plan {
    int64_t n;
    int64_t factor[FFT_MAXFACTOR];
    double *tw[FFT_MAXFACTOR];
    int nfactor;
    double *room, *work;
} rfft_plan;
bool rfft_possible(int64_t n);
bool rfft_plan_init(rfft_plan *p, int64_t n, err *e);
void rfft_plan_clear(rfft_plan *p);
void rfft_forward(const rfft_plan *p, double *c, double scale);
void rfft_backward(const rfft_plan *p, double *c, double scale);

/* roots[k] = exp(2 pi i k / n) for k in [0, count), each the nearest double */
bool fft_roots(int64_t n, int64_t count, cpx *roots, err *e);
/* n as factors 4, then 2 (moved to the front), 3, 5 ...; their number */
int fft_factors(int64_t n, int64_t *factor);
