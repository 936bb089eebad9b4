/* engine/kernels/fold.h - sums of contiguous runs in NumPy's order of additions.
 *
 * Pairwise: runs of at most 128 elements into 8 partial sums, halves (a multiple of 8) above.
 * The 8 partial sums are one vector, and a run of 1024 is 8 independent ones, so the order costs
 * nothing: the bits are those of the scalar loop at every vector width. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NumPy's loop adds a long run in blocks of this many, each summed pairwise. */
enum { FOLD_BLOCK = 8192, FOLD_QUARTER = FOLD_BLOCK / 4 };

double fold_sum_f64(const double *x, size_t n);
float fold_sum_f32(const float *x, size_t n);
/* of FOLD_QUARTER elements, given the 8 partial sums of each of their runs of 128 */
double fold_runs_f64(const double *runs);
float fold_runs_f32(const float *runs);
/* of (x[i] - u)^2, each operation rounded */
double fold_squares_f64(const double *x, size_t n, double u);
float fold_squares_f32(const float *x, size_t n, float u);
/* of the elements that are not NaN, 0 in place of those that are; *valid counts the former */
double fold_nansum_f64(const double *x, size_t n, int64_t *valid);
float fold_nansum_f32(const float *x, size_t n, int64_t *valid);
double fold_nansquares_f64(const double *x, size_t n, double u);
float fold_nansquares_f32(const float *x, size_t n, float u);

double fold_sum_i64(const int64_t *x, size_t n); /* of each as a double */

/* Of n <= FOLD_BLOCK whole numbers of type `from` as they lie in memory, as type `to`, a sum's.
 * Those of at most 4 bytes add up exactly, so the order does not matter. */
bool fold_is_whole(int from, int to);
int64_t fold_whole(int from, const void *x, size_t n);
double fold_whole_f64(int from, const void *x, size_t n);

/* (x[i] - u[i * step])^2 as float64, rounded; step 0: one u for all */
void square_distances_f32(float *out, const float *x, const double *u, int step, size_t n);

/* acc[i] += the sum of the i-th run of `length` < 8 elements; with u, of their (x - u[i])^2 */
enum { FOLD_SHORT = 8 };
void fold_short_f64(double *acc, const double *x, const double *u, size_t n, size_t length);
void fold_short_f32(float *acc, const float *x, const float *u, size_t n, size_t length);

/* Cell by cell: acc[i] += x[i] for `rows` rows of n elements, one after the other, and so on;
 * valid[i] counts. */
void fold_row_sum_f64(double *acc, const double *x, size_t n, size_t rows);
void fold_row_sum_f32(float *acc, const float *x, size_t n, size_t rows);
void fold_row_squares_f64(double *acc, const double *x, const double *u, size_t n, size_t rows);
void fold_row_squares_f32(float *acc, const float *x, const float *u, size_t n, size_t rows);
void fold_row_nansum_f64(double *acc, double *valid, const double *x, size_t n, size_t rows);
void fold_row_nansum_f32(float *acc, double *valid, const float *x, size_t n, size_t rows);
void fold_row_nansquares_f64(double *acc, const double *x, const double *u, size_t n, size_t rows);
void fold_row_nansquares_f32(float *acc, const float *x, const float *u, size_t n, size_t rows);
