/* stdlib/struct.c - the module _struct: values <-> packed bytes (stdlib/dsk/struct.dsk is struct).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
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

static value calcsize(interp *in, const value *arg)
{
    str *format = as_str(arg[0]);
    if (!format) return throw(in, TypeError, "Struct() argument 1 must be a str or bytes object");
    layout l = layout_open(format->at);
    item it;
    int more;
    int64_t n = 0;
    while ((more = layout_next(in, &l, &it)) > 0) {
        l.at += it.count * it.size;
        n += it.code == 'x' ? 0 : it.code == 's' || it.code == 'p' ? 1 : (int64_t)it.count;
    }
    return more < 0 ? FAIL : v_obj(tuple_pack(in, 2, v_int((int64_t)l.at), v_int(n)));
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

static void put(strbuf *b, uint64_t bits, size_t size, bool big)
{
    for (size_t i = 0; i < size; i++) sb_addc(b, (char)(bits >> 8 * (big ? size - 1 - i : i)));
}

static bool pack_int(interp *in, strbuf *b, const item *it, const layout *l, value v)
{
    value n;
    int found = int_index(in, v, &n);
    if (found < 0) return false;
    if (!found) return raise(in, "required argument is not an integer"), false;
    bool is_signed = strchr("bhilqn", it->code) != NULL;
    int bits = (int)it->size * 8;
    intview w;
    mpz_srcptr z = intview_of(&w, n);
    size_t need = mpz_sizeinbase(z, 2);
    mpz_t low;
    mpz_init(low);
    mpz_fdiv_r_2exp(low, z, 64);
    uint64_t u = mpz_get_ui(low);
    mpz_clear(low);
    bool fits = is_signed ? (int)need < bits || (mpz_sgn(z) < 0 && (int)need == bits &&
                                                 mpz_scan1(z, 0) == (mp_bitcnt_t)(bits - 1))
                          : mpz_sgn(z) >= 0 && (int)need <= bits;
    value_unref(in, n);
    if (fits) return put(b, u, it->size, l->big), true;
    char why[120];
    if (is_signed) {
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

static bool pack_float(interp *in, strbuf *b, const item *it, const layout *l, value v)
{
    double x;
    if (!to_double(in, v, &x)) {
        if (!exc_is(in, TypeError)) return false;
        exc_clear(in);
        return raise(in, "required argument is not a float"), false;
    }
    uint64_t bits = 0;
    if (it->code == 'd')
        memcpy(&bits, &x, 8);
    else if (it->code == 'f') {
        float f = (float)x;
        uint32_t u;
        if (isinf(f) && !isinf(x) && !l->native) {
            throw(in, OverflowError, "float too large to pack with f format");
            return false;
        }
        memcpy(&u, &f, 4);
        bits = u;
    } else {
        uint16_t h;
        if (!to_half(x, &h)) {
            throw(in, OverflowError, "float too large to pack with e format");
            return false;
        }
        bits = h;
    }
    return put(b, bits, it->size, l->big), true;
}

static bool pack_bytes(interp *in, strbuf *b, const item *it, value v)
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
        sb_addc(b, (char)(n > 255 ? 255 : n));
    }
    if (n > room) n = room;
    sb_add(b, s, n);
    sb_pad(b, 0, room - n);
    return true;
}

static bool pack_one(interp *in, strbuf *b, const item *it, const layout *l, value v)
{
    size_t n;
    switch (it->code) {
    case 's':
    case 'p': return pack_bytes(in, b, it, v);
    case 'c': {
        const char *s = bytes_peek(v, &n);
        if (!s || n != 1) {
            return raise(in, "char format requires a bytes object of length 1"), false;
        }
        return sb_addc(b, *s), true;
    }
    case '?': {
        int t = value_truth(in, v);
        return t >= 0 && (sb_addc(b, (char)t), true);
    }
    case 'e':
    case 'f':
    case 'd': return pack_float(in, b, it, l, v);
    default: return pack_int(in, b, it, l, v);
    }
}

/* pack(format, values) */
static value pack(interp *in, const value *arg)
{
    str *format = as_str(arg[0]);
    tuple *t = as_tuple(arg[1]);
    if (!format || !t) return throw(in, TypeError, "pack(format, values)");
    layout l = layout_open(format->at);
    strbuf b = {0};
    item it;
    int more;
    int64_t next = 0;
    while ((more = layout_next(in, &l, &it)) > 0) {
        sb_pad(&b, 0, l.at - b.n);
        if (it.code == 'x') sb_pad(&b, 0, it.count);
        size_t times = it.code == 'x' ? 0 : it.code == 's' || it.code == 'p' ? 1 : it.count;
        for (size_t i = 0; i < times && more > 0; i++) {
            if (next >= t->n) {
                raise(in, "not enough items");
                more = -1;
            } else if (!pack_one(in, &b, &it, &l, t->at[next++]))
                more = -1;
        }
        if (more < 0) break;
        l.at = b.n;
    }
    value v = more < 0 ? FAIL : v_obj(bytes_new(in, sb_text(&b), b.n));
    sb_clear(&b);
    return v;
}

/* ---- unpacking ---- */

static value unpack_one(interp *in, const item *it, bool big, const unsigned char *s)
{
    uint64_t bits = 0;
    double d;
    float f;
    uint32_t u;
    if (it->code == 'c') return v_obj(bytes_new(in, (const char *)s, 1));
    if (it->code == '?') return v_bool(*s != 0);
    for (size_t i = 0; i < it->size; i++) {
        bits |= (uint64_t)s[big ? it->size - 1 - i : i] << 8 * i;
    }
    switch (it->code) {
    case 'd': memcpy(&d, &bits, 8); return v_float(d);
    case 'f':
        u = (uint32_t)bits;
        memcpy(&f, &u, 4);
        return v_float(f);
    case 'e': return v_float(from_half((uint16_t)bits));
    default: break;
    }
    if (strchr("bhilqn", it->code)) {
        int up = 64 - 8 * (int)it->size;
        return v_int((int64_t)(bits << up) >> up);
    }
    return int_from_u64(in, bits);
}

/* unpack(format, buffer, offset): a list; the buffer is known to be long enough */
static value unpack(interp *in, const value *arg)
{
    str *format = as_str(arg[0]);
    size_t n;
    int64_t start;
    const char *s = buffer_peek(in, arg[1], &n);
    if (!format || !s) {
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, arg[1]));
    }
    if (!to_int64(in, arg[2], &start)) return FAIL;
    layout l = layout_open(format->at);
    list *out = list_new(in, 0);
    item it;
    int more = 0;
    while (out && (more = layout_next(in, &l, &it)) > 0) {
        const char *p = s + start + l.at;
        size_t room = it.count;
        if (start < 0 || (size_t)start + l.at + it.count * it.size > n) {
            raise(in, "buffer is too small");
            more = -1;
            break;
        }
        if (it.code == 's') {
            if (!list_add(in, out, v_obj(bytes_new(in, p, room)))) more = -1;
        } else if (it.code == 'p') {
            size_t len = room ? (unsigned char)*p : 0;
            if (room && len > room - 1) len = room - 1;
            if (!list_add(in, out, v_obj(bytes_new(in, p + (room > 0), len)))) more = -1;
        } else if (it.code != 'x') {
            for (size_t i = 0; i < it.count && more > 0; i++) {
                value v = unpack_one(in, &it, l.big, (const unsigned char *)p + i * it.size);
                if (!list_add(in, out, v)) more = -1;
            }
        }
        if (more < 0) break;
        l.at += it.count * it.size;
    }
    if (out && more == 0) return v_obj(out);
    obj_unref(in, out);
    return FAIL;
}

static const builtin table[] = {
    {"calcsize(format, /)", calcsize, "(bytes, number of values)"},
    {"pack(format, values, /)", pack, NULL},
    {"unpack(format, buffer, offset, /)", unpack, NULL},
    {0},
};

const module_def struct_def = {.name = "_struct", .doc = "Packed bytes.", .table = table};
