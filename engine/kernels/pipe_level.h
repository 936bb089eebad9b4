/* engine/kernels/pipe_level.h - what pipe.c knows of the stages for one kind of processor. */
#pragma once

#include "engine/kernels/pipe.h"

enum { PIPE_SUMS = 4, PIPE_LANES = 8 * PIPE_SUMS }; /* sums of int64 that go on side by side */

typedef struct pipe_level {
    size_t bytes; /* of a vector */
    pipe_any *(*find)(enum pipe_op op, enum pipe_kind kind, int form);
    pipe_any *(*end)(size_t lane);
    void (*run)(const pipe_stage *s, size_t n, size_t step);
} pipe_level;

extern const pipe_level pipe_base, pipe_avx2, pipe_avx512;

#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#define PIPE_LEVELS 3
#else
#define PIPE_LEVELS 1
#endif
