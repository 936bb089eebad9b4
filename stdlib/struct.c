/* stdlib/struct.c - the module _struct: values <-> packed bytes (struct.dsk is struct). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/stdlib.h"

typedef struct item { /* one format character */
    char code;
    size_t count, size, align;
} item;

typedef struct layout {
    const char *p;
    bool native, big; /* native: sizes of C with alignment */
    size_t at;        /* offset so far */
} layout;

static value raise(interp *in, const char *why)
{
    value mod = interp_import(in, "struct"), cls = FAIL;
    if (!is_fail(mod)) cls = value_getattr_c(in, mod, "error");
    value msg = v_str(in, why), e = is_fail(cls) ? FAIL : call_n(in, cls, 1, msg);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    value_unref(in, msg);
    value_unref(in, cls);
    value_unref(in, mod);
    return FAIL;
}

static value raise_fmt(interp *in, const char *format, long long a, long long b)
{
    char why[120];
    snprintf(why, sizeof why, format, a, b);
    return raise(in, why);
}

static layout layout_open(const char *format)
{
    layout l = {.p = format, .native = true};
    switch (*format) {
    case '<': l.native = false; break;
    case '>':
    case '!': l.native = false, l.big = true; break;
    case '=': l.native = false; break;
    case '@': break;
    default: return l;
    }
    l.p++;
    return l;
}

static size_t size_of(char code, bool native)
{
    switch (code) {
    case 'x':
    case 'c':
    case 'b':
    case 'B':
    case '?':
    case 's':
    case 'p': return 1;
    case 'h':
    case 'H':
    case 'e': return 2;
    case 'i':
    case 'I':
    case 'f': return 4;
    case 'l':
    case 'L': return native ? 8 : 4;
    case 'q':
    case 'Q':
    case 'd': return 8;
    case 'n':
    case 'N':
    case 'P': return native ? 8 : 0;
    default: return 0;
    }
}

/* 1 an item, 0 the end, -1 failed */
static int layout_next(interp *in, layout *l, item *it)
{
    while (*l->p == ' ' || (*l->p >= 9 && *l->p <= 13)) l->p++;
    if (!*l->p) return 0;
    size_t count = 1;
    if (*l->p >= '0' && *l->p <= '9') {
        for (count = 0; *l->p >= '0' && *l->p <= '9'; l->p++) {
            if (count > (size_t)1 << 40) return raise(in, "overflow in item count"), -1;
            count = count * 10 + (size_t)(*l->p - '0');
        }
        if (!*l->p) return raise(in, "repeat count given without format specifier"), -1;
    }
    *it = (item){.code = *l->p++, .count = count};
    it->size = size_of(it->code, l->native);
    if (!it->size) return raise(in, "bad char in struct format"), -1;
    if (l->native && it->size > 1) l->at = (l->at + it->size - 1) / it->size * it->size;
    return 1;
}

/* A format as text, str or bytes. */
static const char *format_text(interp *in, value v)
{
    size_t n;
    const char *s = as_str(v) ? as_str(v)->at : bytes_peek(v, &n);
    if (s) return s;
    throw(in, TypeError, "Struct() argument 1 must be a str or bytes object, not %s",
          type_said(in, v));
    return NULL;
}

/* How many bytes and values a format describes; false: it is none. */
static bool measure(interp *in, const char *format, size_t *size, int64_t *values)
{
    layout l = layout_open(format);
    item it;
    int more;
    int64_t n = 0;
    while ((more = layout_next(in, &l, &it)) > 0) {
        l.at += it.count * it.size;
        n += it.code == 'x' ? 0 : it.code == 's' || it.code == 'p' ? 1 : (int64_t)it.count;
    }
    *size = l.at;
    *values = n;
    return more == 0;
}

static value calcsize(interp *in, const value *arg)
{
    const char *format = format_text(in, arg[0]);
    size_t size;
    int64_t n;
    if (!format || !measure(in, format, &size, &n)) return FAIL;
    return v_int((int64_t)size);
}

/* ---- half floats ---- */

static double from_half(uint16_t h)
{
    int e = h >> 10 & 31;
    double m = h & 0x3ff, r = e == 31  ? (m != 0 ? NAN : INFINITY)
                              : e == 0 ? ldexp(m, -24)
                                       : ldexp(1024 + m, e - 25);
    return h & 0x8000 ? -r : r;
}

static bool to_half(double x, uint16_t *out)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    x = fabs(x);
    if (isnan(x)) return *out = sign | 0x7e00, true;
    if (isinf(x)) return *out = sign | 0x7c00, true;
    if (x == 0) return *out = sign, true;
    int e;
    frexp(x, &e);
    if (e < -13) e = -13; /* subnormal */
    double m = nearbyint(ldexp(x, 11 - e));
    if (m >= 2048) m /= 2, e++;
    if (e > 16) return false;
    *out = (uint16_t)(sign | (m < 1024 ? (int)m : (e + 14) << 10 | ((int)m - 1024)));
    return true;
}

/* ---- packing ---- */

static inline void put(char *p, uint64_t bits, size_t size, bool big)
{
    if (big) bits = __builtin_bswap64(bits) >> (64 - 8 * size);
    memcpy(p, &bits, size); /* the machine's order is little */
}

static bool is_signed(char code)
{
    return code >= 'a'; /* bhilqn against BHILQNP */
}

static bool wrong_int(interp *in, const item *it, const layout *l)
{
    char why[120];
    const int bits = (int)it->size * 8;
    if (is_signed(it->code)) {
        snprintf(why, sizeof why, "'%c' format requires %lld <= number <= %lld", it->code,
                 (long long)(INT64_MIN >> (64 - bits)), (long long)(INT64_MAX >> (64 - bits)));
    } else {
        snprintf(why, sizeof why, "'%c' format requires 0 <= number <= %llu", it->code,
                 (unsigned long long)(UINT64_MAX >> (64 - bits)));
    }
    if (it->code == 'b') snprintf(why, sizeof why, "byte format requires -128 <= number <= 127");
    if (it->code == 'B') snprintf(why, sizeof why, "ubyte format requires 0 <= number <= 255");
    if (it->code == 'q' || it->code == 'Q') snprintf(why, sizeof why, "int too large to convert");
    if (l->native && it->size > 2) snprintf(why, sizeof why, "argument out of range");
    if (l->native && it->code == 'h') {
        snprintf(why, sizeof why, "short format requires (-32767 -1) <= number <= 32767");
    }
    if (l->native && it->code == 'H') {
        snprintf(why, sizeof why, "ushort format requires 0 <= number <= 65535");
    }
    return raise(in, why), false;
}

static bool pack_int(interp *in, char *p, const item *it, const layout *l, value v)
{
    value n;
    int found = int_index(in, v, &n);
    if (found < 0) return false;
    if (!found) return raise(in, "required argument is not an integer"), false;
    const int bits = (int)it->size * 8;
    bool fits = n.kind == V_INT && (bits == 64            ? is_signed(it->code) || n.i >= 0
                                    : is_signed(it->code) ? n.i >> (bits - 1) == n.i >> 63
                                                          : n.i >> bits == 0);
    uint64_t u = n.kind == V_INT ? (uint64_t)n.i : 0;
    if (n.kind != V_INT && bits == 64 && !is_signed(it->code)) {
        intview w;
        mpz_srcptr z = intview_of(&w, n);
        fits = mpz_sgn(z) > 0 && mpz_size(z) == 1;
        u = mpz_get_ui(z);
    }
    value_unref(in, n);
    return fits ? put(p, u, it->size, l->big), true : wrong_int(in, it, l);
}

static bool pack_float(interp *in, char *p, const item *it, const layout *l, value v)
{
    double x;
    if (v.kind == V_FLOAT)
        x = v.f;
    else if (!to_double(in, v, &x)) {
        if (!exc_is(in, TypeError)) return false;
        exc_clear(in);
        return raise(in, "required argument is not a float"), false;
    }
    uint64_t bits = 0;
    if (it->code == 'd')
        memcpy(&bits, &x, 8);
    else if (it->code == 'f') {
        float f = (float)x;
        if (isinf(f) && !isinf(x) && !l->native) {
            throw(in, OverflowError, "float too large to pack with f format");
            return false;
        }
        memcpy(&bits, &f, 4);
    } else {
        uint16_t h;
        if (!to_half(x, &h)) {
            throw(in, OverflowError, "float too large to pack with e format");
            return false;
        }
        bits = h;
    }
    return put(p, bits, it->size, l->big), true;
}

static bool pack_bytes(interp *in, char *p, const item *it, value v)
{
    size_t n, room = it->count, head = it->code == 'p';
    const char *s = bytes_peek(v, &n);
    if (!s) {
        char why[60];
        snprintf(why, sizeof why, "argument for '%c' must be a bytes object", it->code);
        return raise(in, why), false;
    }
    if (head && room) {
        room--;
        if (n > room) n = room;
        *p++ = (char)(n > 255 ? 255 : n);
    }
    if (n > room) n = room;
    if (n) memcpy(p, s, n);
    return true;
}

/* Where p points, all is 0. */
static bool pack_one(interp *in, char *p, const item *it, const layout *l, value v)
{
    size_t n;
    switch (it->code) {
    case 's':
    case 'p': return pack_bytes(in, p, it, v);
    case 'c': {
        const char *s = bytes_peek(v, &n);
        if (!s || n != 1) {
            return raise(in, "char format requires a bytes object of length 1"), false;
        }
        return *p = *s, true;
    }
    case '?': {
        int t = value_truth(in, v);
        return *p = t > 0, t >= 0;
    }
    case 'e':
    case 'f':
    case 'd': return pack_float(in, p, it, l, v);
    default: return pack_int(in, p, it, l, v);
    }
}

/* pack(format, *values) */
static value pack(interp *in, const value *arg)
{
    const char *format = format_text(in, arg[0]);
    tuple *t = as_tuple(arg[1]);
    size_t size;
    int64_t n;
    if (!format || !measure(in, format, &size, &n)) return FAIL;
    if (n != t->n) {
        return raise_fmt(in, "pack expected %lld items for packing (got %lld)", (long long)n,
                         (long long)t->n);
    }
    bytes *out = bytes_new(in, NULL, size);
    if (!out) return FAIL;
    layout l = layout_open(format);
    item it;
    bool ok = true;
    for (int64_t next = 0; ok && layout_next(in, &l, &it) > 0; l.at += it.count * it.size) {
        size_t times = it.code == 'x' ? 0 : it.code == 's' || it.code == 'p' ? 1 : it.count;
        for (size_t i = 0; ok && i < times; i++) {
            ok = goes_on(in, i) &&
                 pack_one(in, out->at + l.at + i * it.size, &it, &l, t->at[next++]);
        }
    }
    if (ok) return v_obj(out);
    obj_unref(in, out);
    return FAIL;
}

/* ---- unpacking ---- */

static value unpack_one(interp *in, const item *it, bool big, const char *s)
{
    uint64_t bits = 0;
    double d;
    float f;
    if (it->code == 'c') return v_obj(bytes_new(in, s, 1));
    if (it->code == '?') return v_bool(*s != 0);
    memcpy(&bits, s, it->size);
    if (big) bits = __builtin_bswap64(bits) >> (64 - 8 * it->size);
    switch (it->code) {
    case 'd': memcpy(&d, &bits, 8); return v_float(d);
    case 'f': memcpy(&f, &bits, 4); return v_float(f);
    case 'e': return v_float(from_half((uint16_t)bits));
    default: break;
    }
    if (is_signed(it->code)) {
        int up = 64 - 8 * (int)it->size;
        return v_int((int64_t)(bits << up) >> up);
    }
    return int_from_u64(in, bits);
}

static value unpack_text(interp *in, const item *it, const char *p)
{
    size_t room = it->count;
    if (it->code == 's') return v_obj(bytes_new(in, p, room));
    size_t len = room ? (unsigned char)*p : 0;
    if (room && len > room - 1) len = room - 1;
    return v_obj(bytes_new(in, p + (room > 0), len));
}

/* n values from where s points: all that the format wants are there. */
static value unpack_at(interp *in, const char *format, const char *s, int64_t n)
{
    tuple *t = tuple_new(in, n);
    layout l = layout_open(format);
    item it;
    int64_t next = 0;
    bool ok = t != NULL;
    for (; ok && layout_next(in, &l, &it) > 0; l.at += it.count * it.size) {
        const char *p = s + l.at;
        if (it.code == 'x') continue;
        const bool text = it.code == 's' || it.code == 'p';
        for (size_t i = 0; ok && i < (text ? 1 : it.count); i++) {
            value v = text ? unpack_text(in, &it, p) : unpack_one(in, &it, l.big, p + i * it.size);
            ok = !is_fail(v) && goes_on(in, i);
            if (!is_fail(v)) t->at[next++] = v;
        }
    }
    if (ok) return v_obj(t);
    obj_unref(in, t);
    return FAIL;
}

static const char *buffer_of(interp *in, value v, size_t *n)
{
    const char *s = buffer_peek(in, v, n);
    if (!s && !throwing(in)) {
        throw(in, TypeError, "a bytes-like object is required, not '%s'", type_said(in, v));
    }
    return s;
}

/* unpack(format, buffer) */
static value unpack(interp *in, const value *arg)
{
    const char *format = format_text(in, arg[0]);
    size_t size, have;
    int64_t n;
    if (!format || !measure(in, format, &size, &n)) return FAIL;
    const char *s = buffer_of(in, arg[1], &have);
    if (!s) return FAIL;
    if (have != size) {
        return raise_fmt(in, "unpack requires a buffer of %lld bytes", (long long)size, 0ll);
    }
    return unpack_at(in, format, s, n);
}

/* unpack_from(format, buffer, offset) */
static value unpack_from(interp *in, const value *arg)
{
    const char *format = format_text(in, arg[0]);
    size_t size, have;
    int64_t n, at;
    if (!format || !measure(in, format, &size, &n) || !to_int64(in, arg[2], &at)) return FAIL;
    const char *s = buffer_of(in, arg[1], &have);
    if (!s) return FAIL;
    if (at < 0 && at + (int64_t)size > 0) {
        return raise_fmt(in, "not enough data to unpack %lld bytes at offset %lld", (long long)size,
                         (long long)at);
    }
    if (at < 0 && (at += (int64_t)have) < 0) {
        return raise_fmt(in, "offset %lld out of range for %lld-byte buffer",
                         (long long)at - (long long)have, (long long)have);
    }
    if ((int64_t)have - at >= (int64_t)size) return unpack_at(in, format, s + at, n);
    char why[200];
    snprintf(why, sizeof why,
             "unpack_from requires a buffer of at least %lld bytes for unpacking %lld bytes at "
             "offset %lld (actual buffer size is %lld)",
             (long long)size + (long long)at, (long long)size, (long long)at, (long long)have);
    return raise(in, why);
}

static const builtin table[] = {
    {"calcsize(format, /)", calcsize, "How many bytes the format describes."},
    {"pack(format, /, *values)", pack, "The values as bytes, laid out as the format says."},
    {"unpack(format, buffer, /)", unpack,
     "The values that the bytes hold, as a tuple; there must be as many bytes as the format "
     "describes."},
    {"unpack_from(format, /, buffer, offset=0)", unpack_from,
     "Return a tuple containing values unpacked from the buffer, starting at offset."},
    {0},
};

const module_def struct_def = {.name = "_struct", .doc = "Packed bytes.", .table = table};
