/* engine/kernels/linalg.h - products, factorisations, Fourier transforms.
 *
 * BLAS and LAPACK are opened on first use (nothing is linked), so start-up stays cheap.
 * Floats and complex numbers go to BLAS, integers and bools to own loops.  Stacks of matrices:
 * every function works on the last two axes.  LinAlgError in NumPy's words. */
#pragma once

#include "engine/data/nd.h"

nd *nd_dot(const nd *x, const nd *y, err *e);    /* numpy.dot */
nd *nd_matmul(const nd *x, const nd *y, err *e); /* the @ operator */
nd *nd_vdot(const nd *x, const nd *y, err *e);
nd *nd_inner(const nd *x, const nd *y, err *e);
/* axes of x and of y to be summed over, n of each */
nd *nd_tensordot(const nd *x, const nd *y, int n, const int *xaxes, const int *yaxes, err *e);
/* "ij,jk->ik", implicit output and ellipsis as NumPy */
nd *nd_einsum(const char *subscripts, int n, const nd *const *x, dtype_of want, err *e);

/* numpy.correlate of 1-d blocks (y is not conjugated); mode: 'v'alid, 's'ame, 'f'ull */
nd *nd_correlate(const nd *x, const nd *y, char mode, err *e);

nd *nd_inv(const nd *a, err *e);
nd *nd_solve(const nd *a, const nd *b, err *e);
nd *nd_det(const nd *a, err *e);
bool nd_slogdet(const nd *a, nd **sign, nd **logdet, err *e);
nd *nd_cholesky(const nd *a, err *e); /* lower */
/* mode: 'r'educed, 'c'omplete, 'R' only r (q NULL) , 'a' raw (q: h, r: tau) */
bool nd_qr(const nd *a, char mode, nd **q, nd **r, err *e);
/* u and vt may be NULL: values only */
bool nd_svd(const nd *a, bool full, nd **u, nd **s, nd **vt, err *e);
bool nd_eig(const nd *a, nd **w, nd **v, err *e);             /* v NULL: values only */
bool nd_eigh(const nd *a, char uplo, nd **w, nd **v, err *e); /* v NULL: values only */
/* rank in *rank; rcond < 0: machine precision times max(m, n) */
bool nd_lstsq(const nd *a, const nd *b, double rcond, nd **x, nd **residuals, int64_t *rank, nd **s,
              err *e);
/* scipy.linalg.lu: a = p @ l @ u */
bool nd_lu(const nd *a, nd **p, nd **l, nd **u, err *e);
nd *nd_solve_triangular(const nd *a, const nd *b, bool lower, bool trans, bool unit, err *e);

/* One axis; n == -1: the length of x (hfft, irfft: 2 * (length - 1)); norm: 'b'ackward, 'o'rtho,
 * 'f'orward. */
enum fft_kind { FFT, IFFT, RFFT, IRFFT, HFFT, IHFFT };
nd *nd_fft(enum fft_kind kind, const nd *x, int64_t n, int axis, char norm, err *e);

/* Which BLAS kernels run, e.g. "SkylakeX"; NULL when the library cannot be opened. */
const char *blas_corename(void);
