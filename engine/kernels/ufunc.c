/* engine/kernels/ufunc.c - the table of elementwise operations, made from ufunc.def.
 *
 * All loops stand in one list; those of a ufunc are neighbours, ended by an empty row, and the
 * enumerators below find where each begins. */
#include "engine/kernels/ufunc.h"

#include <string.h>

// clang-format off
/* every row of every type, by the column's set of types */
#define EACH_INT(F, ...)   F(int8, __VA_ARGS__) F(uint8, __VA_ARGS__) F(int16, __VA_ARGS__) F(uint16, __VA_ARGS__) \
                           F(int32, __VA_ARGS__) F(uint32, __VA_ARGS__) F(int64, __VA_ARGS__) F(uint64, __VA_ARGS__)
#define EACH_FLOAT(F, ...) F(float16, __VA_ARGS__) F(float32, __VA_ARGS__) F(float64, __VA_ARGS__)
#define EACH_CPLX(F, ...)  F(complex64, __VA_ARGS__) F(complex128, __VA_ARGS__)

/* declarations */
#define DECLARE(dt, name)          void loop_##name##_##dt(size_t, char *const *, const ptrdiff_t *);
#define OWN(name, fn, a, b, c, d)  void loop_##fn(size_t, char *const *, const ptrdiff_t *);
#define B1(name, res, body) DECLARE(bool, name)
#define B2(name, res, body) DECLARE(bool, name)
#define B3(name, res, body) DECLARE(bool, name)
#define I1(name, res, body) EACH_INT(DECLARE, name)
#define I2(name, res, body) EACH_INT(DECLARE, name)
#define I3(name, res, body) EACH_INT(DECLARE, name)
#define F1(name, res, body) EACH_FLOAT(DECLARE, name)
#define F2(name, res, body) EACH_FLOAT(DECLARE, name)
#define F3(name, res, body) EACH_FLOAT(DECLARE, name)
#define FM(name, condition) EACH_FLOAT(DECLARE, name)
#define V1(name, res, body) EACH_FLOAT(DECLARE, name)
#define E2(name, res, body) EACH_FLOAT(DECLARE, name)
#define C1(name, res, body) EACH_CPLX(DECLARE, name)
#define C2(name, res, body) EACH_CPLX(DECLARE, name)
#define C3(name, res, body) EACH_CPLX(DECLARE, name)
#include "engine/kernels/ufunc_rows.h"

/* where each ufunc's loops begin */
enum {
#define UFUNC(name, nin, nout, identity, doc) END_BEFORE_##name, START_##name, BACK_##name = START_##name - 1,
#define COUNT(dt, name, k)                    AT_##name##_##dt##k,
#define OWN(name, fn, a, b, c, d)             AT_own_##name##_##fn##_##a##_##b,
#define B1(name, res, body) COUNT(bool, name, 1)
#define B2(name, res, body) COUNT(bool, name, 2)
#define B3(name, res, body) COUNT(bool, name, 3)
#define I1(name, res, body) EACH_INT(COUNT, name, 1)
#define I2(name, res, body) EACH_INT(COUNT, name, 2)
#define I3(name, res, body) EACH_INT(COUNT, name, 3)
#define F1(name, res, body) EACH_FLOAT(COUNT, name, 1)
#define F2(name, res, body) EACH_FLOAT(COUNT, name, 2)
#define F3(name, res, body) EACH_FLOAT(COUNT, name, 3)
#define FM(name, condition) EACH_FLOAT(COUNT, name, 4)
#define V1(name, res, body) EACH_FLOAT(COUNT, name, 5)
#define E2(name, res, body) EACH_FLOAT(COUNT, name, 5)
#define C1(name, res, body) EACH_CPLX(COUNT, name, 1)
#define C2(name, res, body) EACH_CPLX(COUNT, name, 2)
#define C3(name, res, body) EACH_CPLX(COUNT, name, 3)
#include "engine/kernels/ufunc_rows.h"
    NLOOP
};

/* the loops; result types by the column `res` */
#define RESULT_SAME(dt)      dt
#define RESULT_FLOOR(dt)     dt
#define RESULT_REST(dt)      dt
#define RESULT_ANY(dt)       dt
#define RESULT_BOOL(dt)      DT_bool
#define RESULT_REAL(dt)      REAL_##dt
#define REAL_DT_complex64    DT_float32
#define REAL_DT_complex128   DT_float64
#define ROW1(dt, name, res)  {{DT_##dt, RESULT_##res(DT_##dt)}, loop_##name##_##dt},
#define ROW2(dt, name, res)  {{DT_##dt, DT_##dt, RESULT_##res(DT_##dt)}, loop_##name##_##dt},
#define ROW3(dt, name, res)  {{DT_##dt, DT_##dt, DT_##dt, DT_##dt}, loop_##name##_##dt},
static const ufunc_loop loops[NLOOP + 1] = {
#define UFUNC(name, nin, nout, identity, doc) {{0}, NULL},
#define OWN(name, fn, a, b, c, d) {{DT_##a, DT_##b, DT_##c, DT_##d}, loop_##fn},
#define B1(name, res, body) ROW1(bool, name, res)
#define B2(name, res, body) ROW2(bool, name, res)
#define B3(name, res, body) ROW3(bool, name, res)
#define I1(name, res, body) EACH_INT(ROW1, name, res)
#define I2(name, res, body) EACH_INT(ROW2, name, res)
#define I3(name, res, body) EACH_INT(ROW3, name, res)
#define F1(name, res, body) EACH_FLOAT(ROW1, name, res)
#define F2(name, res, body) EACH_FLOAT(ROW2, name, res)
#define F3(name, res, body) EACH_FLOAT(ROW3, name, res)
#define FM(name, condition) EACH_FLOAT(ROW2, name, SAME)
#define V1(name, res, body) EACH_FLOAT(ROW1, name, res)
#define E2(name, res, body) EACH_FLOAT(ROW2, name, res)
#define C1(name, res, body) EACH_CPLX(ROW1, name, res)
#define C2(name, res, body) EACH_CPLX(ROW2, name, res)
#define C3(name, res, body) EACH_CPLX(ROW3, name, res)
#include "engine/kernels/ufunc_rows.h"
    {{0}, NULL},
};

const ufunc ufuncs[NUFUNC] = {
#define UFUNC(name, nin, nout, identity, doc) {#name, doc, nin, nout, identity, U_##name, loops + START_##name},
#include "engine/kernels/ufunc_rows.h"
};

const ufunc_alias ufunc_aliases[] = {
#define ALIAS(name, of) {#name, U_##of},
#include "engine/kernels/ufunc_rows.h"
    {NULL, 0},
};
// clang-format on

const ufunc *ufunc_find(const char *name)
{
    for (int i = 0; i < NUFUNC; i++)
        if (!strcmp(ufuncs[i].name, name)) return &ufuncs[i];
    for (const ufunc_alias *a = ufunc_aliases; a->name; a++)
        if (!strcmp(a->name, name)) return &ufuncs[a->of];
    return NULL;
}

const char *fp_flag_text(unsigned flag)
{
    switch (flag) {
    case FP_DIVIDE: return "divide by zero";
    case FP_OVER: return "overflow";
    case FP_UNDER: return "underflow";
    default: return "invalid value";
    }
}

unsigned fp_reported(const ufunc *f, enum dtype t, unsigned raised)
{
    raised &= ~(unsigned)FP_UNDER;
    switch (f->id) {
    case U_less:
    case U_less_equal:
    case U_greater:
    case U_greater_equal:
    case U_sign: return dtype_is_complex(t) ? raised : raised & ~(unsigned)FP_INVALID;
    case U_maximum:
    case U_minimum:
    case U_fmax:
    case U_fmin:
    case U_heaviside:
    case U_absolute: return raised & ~(unsigned)FP_INVALID;
    case U_isnan:
    case U_isinf:
    case U_isfinite:
    case U_logical_not: /* of halves the bits are asked: no NaN is a signal */
        return t == DT_float16 ? raised & ~(unsigned)FP_INVALID : raised;
    default: return raised;
    }
}
