/* lang/types/memitem.c - elements of a memoryview: bytes <-> values, by the one-letter format. */
#include <math.h>
#include <string.h>

#include "lang/types/bytes.h"
#include "lang/types/memview.h"

/* code, C type, lowest, highest value: the integers */
// clang-format off
#define INTEGERS(X)                                                                                \
    X('b', int8_t)  X('B', uint8_t)  X('h', int16_t) X('H', uint16_t) X('i', int32_t)              \
    X('I', uint32_t) X('l', int64_t) X('L', uint64_t) X('q', int64_t) X('Q', uint64_t)             \
    X('n', int64_t) X('N', uint64_t) X('P', uint64_t)
// clang-format on

/* The letter, behind a '@' that changes nothing; 0: a format of another kind. */
static char letter(const char *format)
{
    if (*format == '@') format++;
    return format[0] && !format[1] ? format[0] : 0;
}

int64_t element_size(const char *format)
{
    switch (letter(format)) {
#define X_SIZE(code, T)                                                                            \
    case code: return sizeof(T);
        INTEGERS(X_SIZE)
    case 'c':
    case '?': return 1;
    case 'e': return 2;
    case 'f': return 4;
    case 'd': return 8;
    default: return 0;
    }
}

static double half(uint16_t h)
{
    int e = h >> 10 & 31;
    double m = h & 0x3ff, r = e == 31  ? (m != 0 ? NAN : INFINITY)
                              : e == 0 ? ldexp(m, -24)
                                       : ldexp(1024 + m, e - 25);
    return h & 0x8000 ? -r : r;
}

static value of_int64_t(interp *in, int64_t i)
{
    (void)in;
    return v_int(i);
}

#define of_int8_t   of_int64_t
#define of_uint8_t  of_int64_t
#define of_int16_t  of_int64_t
#define of_uint16_t of_int64_t
#define of_int32_t  of_int64_t
#define of_uint32_t of_int64_t
#define of_uint64_t int_from_u64

value element_get(interp *in, const char *format, const char *at)
{
    uint16_t h;
    float f;
    double d;
    switch (letter(format)) {
#define X_GET(code, T)                                                                             \
    case code: {                                                                                   \
        T x;                                                                                       \
        memcpy(&x, at, sizeof x);                                                                  \
        return of_##T(in, x);                                                                      \
    }
        INTEGERS(X_GET)
    case 'c': return v_obj(bytes_new(in, at, 1));
    case '?': return v_bool(*at != 0);
    case 'e': memcpy(&h, at, sizeof h); return v_float(half(h));
    case 'f': memcpy(&f, at, sizeof f); return v_float(f);
    case 'd': memcpy(&d, at, sizeof d); return v_float(d);
    default: return throw(in, NotImplementedError, "memoryview: format %s not supported", format);
    }
}

static bool bad(interp *in, enum err_kind kind, const char *format)
{
    throw(in, kind, "memoryview: invalid %s for format '%s'", kind == TypeError ? "type" : "value",
          format);
    return false;
}

/* v as 64 bits, when it is an int between the bounds of so many bytes. */
static bool integer(interp *in, const char *format, value v, bool is_signed, int64_t width,
                    uint64_t *out)
{
    value n;
    int found = int_index(in, v, &n);
    if (found <= 0) return found == 0 && bad(in, TypeError, format);
    bool fits = false;
    if (n.kind == V_INT) {
        *out = (uint64_t)n.i;
        int64_t high = n.i >> (8 * width - 1);
        fits = is_signed ? high == 0 || high == -1
                         : n.i >= 0 && (width == 8 || n.i >> (8 * width) == 0);
    } else if (!is_signed && width == 8) {
        intview w;
        mpz_srcptr z = intview_of(&w, n);
        fits = mpz_sgn(z) >= 0 && mpz_sizeinbase(z, 2) <= 64;
        *out = mpz_get_ui(z);
    }
    value_unref(in, n);
    return fits || bad(in, ValueError, format);
}

static bool real(interp *in, const char *format, value v, double *out)
{
    if (to_double(in, v, out)) return true;
    if (!exc_is(in, TypeError)) return false;
    exc_clear(in);
    return bad(in, TypeError, format);
}

bool element_set(interp *in, const char *format, char *at, value v)
{
    double d;
    float f;
    size_t n;
    const char *s;
    int t;
    switch (letter(format)) {
#define X_SET(code, T)                                                                             \
    case code: {                                                                                   \
        uint64_t u;                                                                                \
        if (!integer(in, format, v, strchr("bhilqn", code) != NULL, sizeof(T), &u)) return false;  \
        T x = (T)u;                                                                                \
        memcpy(at, &x, sizeof x);                                                                  \
        return true;                                                                               \
    }
        INTEGERS(X_SET)
    case 'c':
        s = as_bytes(v) ? bytes_peek(v, &n) : NULL;
        if (!s || n != 1) return bad(in, s ? ValueError : TypeError, format);
        *at = *s;
        return true;
    case '?':
        if ((t = value_truth(in, v)) < 0) return false;
        *at = (char)t;
        return true;
    case 'f':
        if (!real(in, format, v, &d)) return false;
        f = (float)d;
        if (isinf(f) && !isinf(d)) return bad(in, ValueError, format);
        memcpy(at, &f, sizeof f);
        return true;
    case 'd':
        if (!real(in, format, v, &d)) return false;
        memcpy(at, &d, sizeof d);
        return true;
    default:
        throw(in, NotImplementedError, "memoryview: format %s not supported", format);
        return false;
    }
}
