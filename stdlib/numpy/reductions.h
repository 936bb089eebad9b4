/* stdlib/numpy/reductions.h - the reductions and scans as rows for the tables of methods and
 * functions.
 *
 * BOTH and FUNCTIONS list the reductions with the letter of their argument list (SIG_x is its text,
 * FORM_x reads it); the tables instantiate them. */
#pragma once

#include "lang/type.h"

#define SIG_A(self)                                                                                \
    "(" self ", axis=None, dtype=None, out=None, keepdims=False, initial=<unset>, where=True)"
#define SIG_B(self) "(" self ", axis=None, out=None, keepdims=False, initial=<unset>, where=True)"
#define SIG_C(self) "(" self ", axis=None, out=None, keepdims=False, *, where=True)"
#define SIG_D(self) "(" self ", axis=None, dtype=None, out=None, keepdims=False, *, where=True)"
#define SIG_E(self)                                                                                \
    "(" self ", axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True)"
#define SIG_F(self) "(" self ", axis=None, out=None, *, keepdims=False)"
#define SIG_G(self) "(" self ", axis=None, *, keepdims=False)"

/* clang-format off */
#define BOTH(X)                                                                                    \
    X(sum, A) X(prod, A) X(min, B) X(max, B) X(any, C) X(all, C) X(mean, D) X(var, E)              \
    X(std, E) X(argmin, F) X(argmax, F) X(ptp, F)
#define FUNCTIONS(X)                                                                               \
    X(count_nonzero, G) X(nansum, A) X(nanprod, A) X(nanmin, B) X(nanmax, B) X(nanmean, D)         \
    X(nanvar, E) X(nanstd, E) X(nanargmin, F) X(nanargmax, F)
/* clang-format on */

#define SIG_SCAN(self)    "(" self ", axis=None, dtype=None, out=None)"
#define SCAN_BOTH(X)      X(cumsum) X(cumprod)
#define SCAN_FUNCTIONS(X) X(nancumsum) X(nancumprod)

#define DECLARE(name, form) value array_reduce_##name(interp *in, const value *arg);
#define DECLARE_SCAN(name)  value array_scan_##name(interp *in, const value *arg);
// clang-format off
BOTH(DECLARE)
FUNCTIONS(DECLARE)
SCAN_BOTH(DECLARE_SCAN)
SCAN_FUNCTIONS(DECLARE_SCAN)
#undef DECLARE
#undef DECLARE_SCAN

/* the docs of the rows, where the tables are */
#define REDUCE(name, run, resolve, fold, doc) static const char doc_##name[] __attribute__((unused)) = doc;
#include "engine/kernels/reduce.def"
#undef REDUCE
#define SCAN(name, fold, skip_nan, doc) static const char doc_##name[] __attribute__((unused)) = doc;
#include "engine/kernels/scan.def"
#undef SCAN
#define REDUCE_METHOD(name, form) {#name SIG_##form("self"), array_reduce_##name, doc_##name},
#define REDUCE_FUNCTION(name, form) {"@def " #name SIG_##form("a"), array_reduce_##name, doc_##name},
#define SCAN_METHOD(name) {#name SIG_SCAN("self"), array_scan_##name, doc_##name},
#define SCAN_FUNCTION(name) {"@def " #name SIG_SCAN("a"), array_scan_##name, doc_##name},
// clang-format on
