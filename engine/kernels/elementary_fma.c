/* engine/kernels/elementary_fma.c - elementary functions in vectors of 16 bytes. */
#include "engine/kernels/elementary.h"

#ifdef HAS_ELEMENTARY
#include <immintrin.h>

#define VECTOR               16
#define LEVEL                elementary_fma
#define FMA(x, y, z)         ((V)_mm_fmadd_pd((x), (y), (z)))
#define FMS(x, y, z)         ((V)_mm_fmsub_pd((x), (y), (z)))
#define ROOT(x)              ((V)_mm_sqrt_pd(x))
#define IF_BELOW(a, b, x, y) ((V)_mm_blendv_pd(y, x, COMPARE(a, b)))
#define COMPARE(a, b)        _mm_cmplt_pd(a, b)
#define LOOK_UP(table, i)    ((V){(table)[(i)[0] & 15], (table)[(i)[1] & 15]})
#define SMALLER(a, b)        ((V)_mm_min_pd(a, b)) /* b if one is NaN */
#define LARGER(a, b)         ((V)_mm_max_pd(a, b))
#define IF_LESS(a, b, x, y)  ((V)_mm_blendv_pd(y, x, (V)_mm_cmpgt_epi64((__m128i)(b), (__m128i)(a))))
#define SCALED(x, k, n)      times_power(x, n)
#define SOME_BELOW(a, b)     (_mm_movemask_pd(COMPARE(a, b)) != 0)
#include "engine/kernels/elementary_core.h"
#include "engine/kernels/elementary_double.h"
#include "engine/kernels/elementary_single.h"
#include "engine/kernels/elementary_rows.h"
#endif
