/* stdlib/columns/columns.h - what data frames do with whole columns: texts in tables to arrays and
 * back, values to codes.
 *
 * FAIL, NULL or false: an exception is pending. */
#pragma once

#include "stdlib/numpy/numpy.h"

enum { OFTEN = 1 << 16 }; /* cells between two looks for a Ctrl-C */

/* An array of n objects, all None; NULL: MemoryError.  cells_of() lends where they are. */
nd *objects_new(interp *in, int64_t n);
static inline objcell *cells_of(nd *x)
{
    return (objcell *)(void *)x->at;
}
static inline value cell_at(const nd *x, int64_t i)
{
    return cell_value((const objcell *)(const void *)(x->at + i * nd_strides(x)[0]));
}
/* The array of one axis that v is, of objects, as it is now; else TypeError. Owned. */
nd *objects_arg(interp *in, value v);
/* The array of one axis that v is, of float64 or int64, in one piece; else TypeError.  Owned. */
nd *line_arg(interp *in, value v, enum dtype dt);
/* nan, None or NaT */
bool is_missing(interp *in, value v);

/* ---- table_number.c: numbers as tables have them ---- */

enum number { IS_NUMBER, IS_TEXT, IS_TOO_LARGE };
enum number table_int(const char *s, size_t n, int64_t *out);
enum number table_uint(const char *s, size_t n, uint64_t *out);
enum number table_float(const char *s, size_t n, double *out);
/* A number of few digits that ends before sep, an end of line or end, and has nothing else about
 * it; false: something else, which may still be a number.  sep is no part of numbers. */
bool table_plain_int(const char *p, const char *end, char sep, char *to);   /* int64 */
bool table_plain_float(const char *p, const char *end, char sep, char *to); /* double */

/* ---- functions of the module, a file each ---- */

value columns_factorize(interp *in, const value *arg);
value columns_missing(interp *in, const value *arg);
value columns_record(interp *in, const value *arg);
value columns_read(interp *in, const value *arg);
value columns_write(interp *in, const value *arg);
value columns_moments(interp *in, const value *arg);
value columns_group(interp *in, const value *arg);
value columns_running(interp *in, const value *arg);
value columns_window(interp *in, const value *arg);
value columns_weighted(interp *in, const value *arg);
value columns_joint(interp *in, const value *arg);
