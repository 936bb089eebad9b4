/* engine/kernels/loops_bool.c - the bool loops of ufunc.def; bools are bytes of 0 or 1. */
#include <math.h>

#include "engine/kernels/loops.h"

#undef bool /* the dtype's name, not a macro, in what follows */
#define LOOP_DT  bool
#define LOOP_MEM uint8_t
#define LOOP_T   uint8_t
#define LD(p)    (*(const uint8_t *)(p))
#define ST(p, v) (*(uint8_t *)(p) = (uint8_t)(v))

// clang-format off
#define B1(name, res, body) LOOP1(name, ST, 1, body)
#define B2(name, res, body) LOOP2(name, ST, 1, FOLD_SEQ(body), body)
#define B3(name, res, body) LOOP3(name, body)
#include "engine/kernels/ufunc_rows.h"
// clang-format on
