/* engine/data/dtype.h - element types: names, sizes, promotion.
 *
 * A dtype is one byte; what it cannot say (the length of <U and S strings, the
 * unit of a datetime) travels beside it in `dtype_of.size` / `.unit`.  Of other types
 * `unit` is a note that file formats leave (enum dtype_note). */
#pragma once

#include <complex.h>

#include "engine/base/err.h"

typedef struct objcell { /* one element of an object array; stdlib knows what it holds */
    uint64_t w[2];
} objcell;

enum dtype {
#define DTYPE(name, T, kind, code, size, doc) DT_##name,
#include "engine/data/dtype.def"
#undef DTYPE
    NDTYPE,
    DT_none = 255 /* no dtype given */
};

typedef struct dtype_info {
    const char *name, *doc;
    char kind, code;
    uint8_t size, align;
} dtype_info;

extern const dtype_info dtypes[NDTYPE];

/* A dtype with its element size: 8 for int64, 4*n for <Un.  `unit`: that of a datetime or
 * timedelta (see datetime.h), else 0. */
enum { DTYPE_GENERIC = 14 }; /* no unit given */
typedef struct dtype_of {
    uint8_t dt, unit;
    bool swapped; /* foreign byte order: only file formats and views meet it */
    uint32_t size;
} dtype_of;

static inline dtype_of dtype_plain(enum dtype dt)
{
    return (dtype_of){.dt = (uint8_t)dt,
                      .unit = dt >= DT_datetime64 ? DTYPE_GENERIC : 0,
                      .size = dtypes[dt].size};
}

/* What a file format notes: how the text of object and S dtypes is encoded, or that a number's byte
 * order was spelt out (repr then shows it).  It makes no difference to anything else. */
enum dtype_note {
    TEXT_NONE,
    TEXT_UTF8,
    TEXT_ASCII,
    NOTE_ORDER,
    NOTE_REFERENCE,  /* objects: references to objects of a file */
    NOTE_REFERENCES, /* sequences of them */
    NOTE_SEQUENCE    /* + dtype: sequences of any length */
};

static inline bool dtype_equal(dtype_of a, dtype_of b)
{
    return a.dt == b.dt && a.size == b.size && (a.unit == b.unit || a.dt < DT_datetime64);
}

/* Parses 'float64', 'f8', '<f8', 'int', 'U10', 'S5', 'd', '?', 'datetime64[D]' ...; TypeError
 * "data type 'x' not understood" otherwise. */
bool dtype_parse(const char *s, dtype_of *out, err *e);
/* "float64", "<U5", "|S3", "object" as NumPy's str(dtype); and "<f8" as dtype.str */
void dtype_name(dtype_of d, char out[32]);
void dtype_str(dtype_of d, char out[32]);

/* NumPy's promotion of two array dtypes (result_type without values).  False, TypeError, if none.
 */
bool dtype_promote(dtype_of a, dtype_of b, dtype_of *out, err *e);
/* numpy.can_cast(from, to, casting): 'n'o 'e'quiv 's'afe 'k' same_kind 'u'nsafe */
bool dtype_can_cast(dtype_of from, dtype_of to, char casting);

static inline bool dtype_is_int(enum dtype d)
{
    return d >= DT_int8 && d <= DT_uint64;
}
static inline bool dtype_is_float(enum dtype d)
{
    return d >= DT_float16 && d <= DT_float64;
}
static inline bool dtype_is_complex(enum dtype d)
{
    return d == DT_complex64 || d == DT_complex128;
}
static inline bool dtype_is_number(enum dtype d)
{
    return d <= DT_complex128;
}
