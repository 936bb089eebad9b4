/* stdlib/numpy/bitgen.h - numpy.random's objects: seed sequences, bit generators, and the two
 * classes that draw from one. */
#pragma once

#include "engine/kernels/random.h"
#include "stdlib/numpy/numpy.h"

typedef struct seedseq { /* SeedSequence */
    obj hdr;
    value entropy, key; /* as given; None became a big int; key: a tuple of ints */
    int64_t spawned;
    seed_seq s;
} seedseq;

typedef struct bitgen { /* MT19937, PCG64 ... */
    obj hdr;
    rng g;
    value entropy; /* what it was seeded with: an int or ints, a SeedSequence, or None */
} bitgen;

typedef struct drawer { /* Generator, RandomState */
    obj hdr;
    bitgen *of; /* owned */
} drawer;

extern const type T_SeedSequence, T_BitGenerator, T_RandomState, T_Generator;
extern const type *const bitgen_types[NRNG];

static inline bitgen *as_bitgen(value v)
{
    return (bitgen *)as_obj(v, &T_BitGenerator);
}

/* A new bit generator of a kind, seeded with None, ints, or a SeedSequence. */
bitgen *bitgen_new(interp *in, enum rng_kind kind, value seed);
/* RandomState.seed(): None, an int below 2**32, or such ints. */
bool bitgen_seed_legacy(interp *in, bitgen *b, value seed);
value bitgen_state(interp *in, bitgen *b); /* the dict of the `state` attribute */
bool bitgen_set_state(interp *in, bitgen *b, value state);
