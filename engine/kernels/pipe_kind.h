/* engine/kernels/pipe_kind.h - the stages of one type; included by pipe_stages.h with BITS (of a
 * lane) and CLASS (f, i or b) defined, which it undefines.
 *
 * V is the vector of the type (that of integers for bool), EACH the bytes of an element in memory,
 * p where the first element of the stage is. */

#define KIND          PASTE(CLASS, BITS)
#define LANES         PASTE(vector_i, BITS)
#define FLOATS        PASTE(vector_f, BITS)
#define COUNT         (VECTOR / (BITS / 8))
#define NAME(op, how) PASTE(KIND, PASTE(_, PASTE(op, PASTE(_, how))))

// clang-format off
#ifdef BOOLEAN
#define V            LANES
#define EACH         1
#define LOAD(k)      (PASTE(WIDEN_, BITS)(p + (k) * COUNT) != 0)
#define NUMBER(at)   ((V)((V){0} - (PASTE(number_i, BITS))(*(at) != 0)))
#define STORE(k, v)  PASTE(NARROW_, BITS)(p + (k) * COUNT, (LANES)(v))
#else
#define V            PASTE(vector_, KIND)
#define EACH         (BITS / 8)
#define LOAD(k)      (*(const PASTE(loose_, KIND) *)(p + (k) * VECTOR))
#define NUMBER(at)   (*(const PASTE(number_, KIND) *)(at) - (V){0})
#define STORE(k, v)  (*(PASTE(loose_, KIND) *)(p + (k) * VECTOR) = (V)(v))
#endif

/* --- operations --- */

#define DO_SELF(k, body)   { const V x = (V)r##k, y = x; (void)y; r##k = (vector)(body); }
#define DO_MEMORY(k, body) { const V x = (V)r##k, y = LOAD(k); r##k = (vector)(body); }
#define DO_NUMBER(k, body) { const V x = (V)r##k; r##k = (vector)(body); }
#define HERE               const char *p = s->at[0] + i * EACH;
#define ALL                const V y = NUMBER(s->at[0]);
#define ONE(name, body)    STAGE(NAME(name, self), , ALL8(DO_SELF, body))
#define TWO(name, body)                                                                            \
    STAGE(NAME(name, self), , ALL8(DO_SELF, body))                                                 \
    STAGE(NAME(name, memory), HERE, ALL8(DO_MEMORY, body))                                         \
    STAGE(NAME(name, number), ALL, ALL8(DO_NUMBER, body))
/* mended only where numbers leave the range */
#define DO_UNUSUAL(k, unused) bits |= UNUSUAL(r##k);
#define POWER(name, k)                                                                             \
    STAGE(NAME(name, self), vector_i64 bits = {0}; ALL8(DO_UNUSUAL, ),                              \
          if (ANY(bits, RARE_BITS)) { ALL8(DO_SELF, WHOLE(x, k, MEND)) }                              \
          else { ALL8(DO_SELF, WHOLE(x, k, AS_IT_IS)) })
#include "engine/kernels/pipe_class.h"

/* --- to and from memory --- */

#define DO_LOAD(k, unused)  r##k = (vector)LOAD(k);
#define DO_FILL(k, unused)  r##k = (vector)y;
#define DO_STORE(k, unused) STORE(k, r##k);
STAGE(NAME(load, memory), HERE, ALL8(DO_LOAD, ))
STAGE(NAME(load, number), ALL, ALL8(DO_FILL, ))
STAGE(NAME(store, memory), char *p = (char *)(uintptr_t)(s->at[0] + i * EACH);, ALL8(DO_STORE, ))
/* asks for what is read later, once: it need not stay in caches for that */
STAGE(NAME(ahead, memory), HERE p += (intptr_t)s->at[1];,
      for (int k = 0; k < 8 * COUNT * EACH; k += 64) __builtin_prefetch(p + k, 0, 0);)

#if defined(SUMS) && defined(REAL) && BITS == 64
/* partial sums of runs of 128 elements, each of two rounds */
STAGE(f64_sum_memory, V *t = (V *)(uintptr_t)(s->at[0] + i / 128 * sizeof(V));,
      *t = (i % 128 ? *t + r0 : r0) + r1 + r2 + r3 + r4 + r5 + r6 + r7;)
#elif defined(SUMS) && defined(REAL)
typedef float eight __attribute__((vector_size(32)));
#define LOW(x)  __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH(x) __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)
#define DO_SUM(k, unused) t = t + LOW((V)r##k) + HIGH((V)r##k);
STAGE(f32_sum_memory, eight t = -(eight){0};,
      ALL8(DO_SUM, ) *(eight *)(uintptr_t)(s->at[0] + i / 128 * sizeof t) = t;)
#elif defined(SUMS) && !defined(BOOLEAN) && BITS == 64
STAGE(i64_sum_memory, V *t = (V *)(uintptr_t)(s->at[0] + i / 64 % SUMS * sizeof(V));,
      *t += (((V)r0 + (V)r1) + ((V)r2 + (V)r3)) + (((V)r4 + (V)r5) + ((V)r6 + (V)r7));)
#endif
#if !defined(REAL) && !defined(BOOLEAN) && BITS == 64
#define DO_RAMP(k, unused) r##k = (vector)x, x += more;
STAGE(i64_ramp_self, const int64_t *q = (const int64_t *)(const void *)s->at[0];
      V x = *(const loose_i64 *)upto * q[1] + (q[0] + (int64_t)i * q[1]);
      const V more = COUNT * q[1] - (V){0};, ALL8(DO_RAMP, ))
#endif

#ifdef BOOLEAN /* bits are chosen, types do not matter */
#define WIDE_MEMORY(q, k) (*(const PASTE(loose_i, BITS) *)((q) + (k) * VECTOR))
#define WIDE_NUMBER(q, k) q
#define HERE_MEMORY(q, n) const char *q = s->at[n] + i * (BITS / 8);
#define HERE_NUMBER(q, n) const V q = *(const PASTE(number_i, BITS) *)s->at[n] - (V){0};
#define WHERE(name, A, B)                                                                          \
    STAGE(NAME(where, name), PASTE(HERE_, A)(a, 0) PASTE(HERE_, B)(b, 1), ALL8(DO_WHERE, A, B))
#define DO_WHERE(k, A, B)                                                                          \
    r##k = (vector)PICK((V)r##k, PASTE(WIDE_, A)(a, k), PASTE(WIDE_, B)(b, k));
WHERE(memory, MEMORY, MEMORY)
WHERE(number, NUMBER, MEMORY)
WHERE(self, MEMORY, NUMBER)
WHERE(both, NUMBER, NUMBER)
#endif

/* --- the table --- */

static pipe_any *const PASTE(table_, KIND)[NPIPE_OP][NPIPE_FORM] = {
#define ONE(name, body) [PIPE_##name] = {(pipe_any *)NAME(name, self)},
#define TWO(name, body) [PIPE_##name] = {(pipe_any *)NAME(name, memory), \
                                         (pipe_any *)NAME(name, number), (pipe_any *)NAME(name, self)},
#define POWER(name, k) ONE(name, )
#include "engine/kernels/pipe_class.h"
    [PIPE_load] = {(pipe_any *)NAME(load, memory), (pipe_any *)NAME(load, number)},
    [PIPE_store] = {(pipe_any *)NAME(store, memory)},
    [PIPE_ahead] = {(pipe_any *)NAME(ahead, memory)},
#if defined(SUMS) && !defined(BOOLEAN) && (defined(REAL) || BITS == 64)
    [PIPE_sum] = {(pipe_any *)NAME(sum, memory)},
#endif
#if !defined(REAL) && !defined(BOOLEAN) && BITS == 64
    [PIPE_ramp] = {(pipe_any *)NAME(ramp, self)},
#endif
#ifdef BOOLEAN
    [PIPE_where] = {(pipe_any *)NAME(where, memory), (pipe_any *)NAME(where, number),
                    (pipe_any *)NAME(where, self), (pipe_any *)NAME(where, both)},
#endif
};
// clang-format on

#undef KIND
#undef LANES
#undef FLOATS
#undef COUNT
#undef NAME
#undef V
#undef EACH
#undef LOAD
#undef NUMBER
#undef STORE
#undef DO_SELF
#undef DO_MEMORY
#undef DO_NUMBER
#undef DO_UNUSUAL
#undef HERE
#undef ALL
#undef DO_LOAD
#undef DO_FILL
#undef DO_STORE
#undef WIDE_MEMORY
#undef WIDE_NUMBER
#undef HERE_MEMORY
#undef HERE_NUMBER
#undef WHERE
#undef DO_WHERE
#undef BITS
#undef CLASS
#undef REAL
#undef BOOLEAN
