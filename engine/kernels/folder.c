/* engine/kernels/folder.c - pieces of elements into cells: see folder.h. */
#include "engine/kernels/folder.h"

#include <string.h>

#include "engine/kernels/reduce.h"

/* --- which axes fold --- */

/* Axes of extent 1 do not matter.  *folds: the innermost one does. */
static int merged_axes(uint32_t axes, int ndim, const int64_t *shape, int64_t *extent, bool *folds)
{
    int n = 0;
    bool was = false;
    for (int i = ndim; i-- > 0;) {
        if (shape[i] == 1) continue;
        bool now = (axes & axis_bit(i)) != 0;
        if (!n) *folds = now;
        if (n && now == was)
            extent[n - 1] *= shape[i];
        else
            extent[n++] = shape[i];
        was = now;
    }
    return n;
}

/* OVER_ROWS: the outer axis of a stretch folds; OVER_RUNS: the inner one. */
folding folding_of(uint32_t axes, int ndim, const int64_t *shape)
{
    folding f = {.cells = 1, .length = 1, .total = 1};
    int64_t extent[FOLD_MAXDIM], cells = 1;
    bool runs = false;
    int n = merged_axes(axes, ndim, shape, extent, &runs);
    if (n < 1 + !runs) return f;
    f.over = n == 1 ? OVER_ALL : runs ? OVER_RUNS : OVER_ROWS;
    f.length = runs ? extent[0] : extent[1];
    if (n > 1) cells = f.cells = runs ? extent[1] : extent[0];
    f.total = f.length;
    for (int i = 2; i < n; i++) {
        bool folds = i % 2 ? !runs : runs;
        f.outer[f.nouter] = extent[i];
        f.step[f.nouter++] = folds ? 0 : cells;
        *(folds ? &f.total : &cells) *= extent[i];
    }
    return f;
}

int64_t folding_cell(const folding *f, int64_t i, bool *begins)
{
    int64_t cell = 0;
    *begins = true;
    for (int k = 0; k < f->nouter; k++) {
        int64_t at = i % f->outer[k];
        i /= f->outer[k];
        cell += at * f->step[k];
        if (at && !f->step[k]) *begins = false;
    }
    return cell;
}

/* --- one fold --- */

static bool is_single(const folder *k)
{
    return k->type.dt == DT_float32;
}

loop folder_loop(const ufunc *f, dtype_of t)
{
    ufunc_plan plan;
    err e = {0};
    operand in[] = {{.t = t}, {.t = t}};
    bool ok = ufunc_resolve(f, in, (dtype_of){.dt = DT_none}, 0, &plan, &e);
    err_clear(&e);
    for (int i = 0; i < 3 && ok; i++) ok = plan.arg[i].dt == t.dt;
    return ok ? plan.run : NULL;
}

folder folder_of(const ufunc *f, loop run, dtype_of t)
{
    bool sums = f->id == U_add, real = t.dt == DT_float64 || t.dt == DT_float32;
    return (folder){.type = t,
                    .run = run,
                    .sums = sums,
                    .pairs = sums && real,
                    .first = f->identity == NO_IDENTITY,
                    .any_size = !sums || t.dt <= DT_uint64};
}

static double single_sum(folder *k, const float *x, size_t n, int64_t cell, int64_t *valid)
{
    const float *u = k->u;
    if (k->u && k->wide) {
        square_distances_f32(k->room, x, (const double *)k->u + cell, 0, n);
        return (double)fold_sum_f32(k->room, n);
    }
    if (u) return (double)(k->nan ? fold_nansquares_f32 : fold_squares_f32)(x, n, u[cell]);
    return (double)(k->nan ? fold_nansum_f32(x, n, valid) : fold_sum_f32(x, n));
}

double folder_sum(folder *k, const char *at, size_t n, int64_t cell)
{
    int64_t valid = 0;
    const double *x = (const double *)(const void *)at, *u = k->u;
    double r;
    if (is_single(k))
        r = single_sum(k, (const float *)(const void *)at, n, cell, &valid);
    else if (u)
        r = (k->nan ? fold_nansquares_f64 : fold_squares_f64)(x, n, u[cell]);
    else
        r = k->nan ? fold_nansum_f64(x, n, &valid) : fold_sum_f64(x, n);
    if (k->valid) k->valid[cell] += (double)valid;
    return r;
}

void folder_add(folder *k, int64_t cell, double sum)
{
    char *at = k->acc + cell * (int64_t)k->type.size;
    if (is_single(k))
        *(float *)(void *)at += (float)sum;
    else
        *(double *)(void *)at += sum;
}

bool folder_takes(const folder *k, dtype_of from)
{
    return k->sums && !k->u && !k->valid && fold_is_whole(from.dt, k->type.dt);
}

void folder_whole(folder *k, int64_t cell, dtype_of from, const char *at, size_t n)
{
    char *acc = k->acc + cell * (int64_t)k->type.size;
    if (k->pairs)
        folder_add(k, cell, fold_whole_f64(from.dt, at, n));
    else
        *(uint64_t *)(void *)acc += (uint64_t)fold_whole(from.dt, at, n);
}

void folder_piece(folder *k, int64_t cell, const char *at, size_t n, bool begins)
{
    if (k->pairs) {
        folder_add(k, cell, folder_sum(k, at, n, cell));
        return;
    }
    ptrdiff_t size = k->type.size;
    char *acc = k->acc + cell * size;
    if (begins && k->first) memcpy(acc, at, (size_t)size);
    k->run(n, (char *[]){acc, (char *)(uintptr_t)at, acc}, (ptrdiff_t[]){0, size, 0, size, size});
}

void folder_runs(folder *k, int64_t cell, const char *at, size_t n, size_t length, bool begins)
{
    size_t size = k->type.size;
    bool plain = k->pairs && !k->nan && !k->valid && !k->wide;
    if (!plain || length >= FOLD_SHORT)
        for (size_t i = 0; i < n; i++, at += length * size)
            folder_piece(k, cell + (int64_t)i, at, length, begins);
    else if (is_single(k))
        fold_short_f32((float *)(void *)k->acc + cell, (const float *)(const void *)at,
                       k->u ? (const float *)k->u + cell : NULL, n, length);
    else
        fold_short_f64((double *)(void *)k->acc + cell, (const double *)(const void *)at,
                       k->u ? (const double *)k->u + cell : NULL, n, length);
}

static void single_rows(folder *k, int64_t cell, const float *x, size_t n, size_t rows)
{
    float *acc = (float *)(void *)k->acc + cell;
    const float *u = k->u ? (const float *)k->u + cell : NULL;
    if (k->u && k->wide)
        for (size_t i = 0; i < rows; i++, x += n) {
            square_distances_f32(k->room, x, (const double *)k->u + cell, 1, n);
            fold_row_sum_f32(acc, k->room, n, 1);
        }
    else if (u)
        (k->nan ? fold_row_nansquares_f32 : fold_row_squares_f32)(acc, x, u, n, rows);
    else if (k->nan)
        fold_row_nansum_f32(acc, k->valid + cell, x, n, rows);
    else
        fold_row_sum_f32(acc, x, n, rows);
}

static void double_rows(folder *k, int64_t cell, const double *x, size_t n, size_t rows)
{
    double *acc = (double *)(void *)k->acc + cell;
    const double *u = k->u ? (const double *)k->u + cell : NULL;
    if (u)
        (k->nan ? fold_row_nansquares_f64 : fold_row_squares_f64)(acc, x, u, n, rows);
    else if (k->nan)
        fold_row_nansum_f64(acc, k->valid + cell, x, n, rows);
    else
        fold_row_sum_f64(acc, x, n, rows);
}

void folder_rows(folder *k, int64_t cell, const char *at, size_t n, size_t rows, bool begins)
{
    ptrdiff_t size = k->type.size;
    if (k->pairs && is_single(k))
        single_rows(k, cell, (const float *)(const void *)at, n, rows);
    else if (k->pairs)
        double_rows(k, cell, (const double *)(const void *)at, n, rows);
    for (size_t i = 0; i < rows && !k->pairs; i++) {
        char *acc = k->acc + cell * size, *row = (char *)(uintptr_t)at + (ptrdiff_t)(i * n) * size;
        if (begins && i == 0 && k->first) memcpy(acc, row, n * (size_t)size);
        k->run(n, (char *[]){acc, row, acc}, (ptrdiff_t[]){size, size, size, size, size});
    }
}
