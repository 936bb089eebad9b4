/* engine/kernels/pipe_base.c - the stages of pipe_stages.h in vectors of 16 bytes, for any
 * processor. */
#define VECTOR  16
#define LEVEL   pipe_base
#define SQRT(x) root(x)
#define root(x)                                                                                    \
    __extension__({                                                                                \
        V y_ = (x);                                                                                \
        for (int q = 0; q < COUNT; q++) y_[q] = (PASTE(number_, KIND))sqrt((double)y_[q]);         \
        y_;                                                                                        \
    })
/* bytes of bool <-> lanes */
#define WIDEN_64(at)       WIDEN(at, few_64, vector_i64)
#define WIDEN_32(at)       WIDEN(at, few_32, vector_i32)
#define NARROW_64(at, v)   NARROW(at, v, few_64)
#define NARROW_32(at, v)   NARROW(at, v, few_32)
#define WIDEN(at, FEW, T)  __builtin_convertvector(*(const FEW *)(at), T)
#define NARROW(at, v, FEW) (*(FEW *)(at) = __builtin_convertvector(v, FEW) & 1)
#include <stdint.h>

typedef int8_t few_64 __attribute__((vector_size(VECTOR / 8), aligned(1), may_alias));
typedef int8_t few_32 __attribute__((vector_size(VECTOR / 4), aligned(1), may_alias));
#include "engine/kernels/pipe_stages.h"
