/* engine/data/format_scalar.c - str and repr of single elements, as NumPy's scalar types. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/datetime.h"
#include "engine/data/format_cell.h"

/* NumPy 1.13 printed scalars with so many significant digits: repr, str. */
static void add_legacy(double x, int width, bool repr, bool plus, bool point, strbuf *out)
{
    int digits = width == 64 ? (repr ? 17 : 12) : (repr ? 8 : 6);
    size_t start = out->n;
    if (plus && (isnan(x) || !signbit(x))) sb_addc(out, '+');
    if (!isfinite(x)) {
        sb_adds(out, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
        return;
    }
    sb_addf(out, "%.*g", digits, x);
    if (point && !strpbrk(out->at + start, ".e")) sb_adds(out, ".0");
}

static void add_float(double x, int width, bool repr, const print_opts *o, strbuf *out)
{
    if (o->legacy <= LEGACY_113)
        add_legacy(x, width, repr, false, true, out);
    else
        float_repr(out, x, width);
}

static void add_complex(const char *at, enum dtype dt, bool repr, const print_opts *o, strbuf *out)
{
    int width = float_width(dt);
    double re = cell_double(dt, at), im = cell_double(dt, at + dtypes[dt].size / 2);
    if (o->legacy > LEGACY_113) {
        complex_repr(out, re, im, width);
        return;
    }
    bool alone = re == 0 && !signbit(re);
    if (!alone) {
        sb_addc(out, '(');
        add_legacy(re, width, repr, false, false, out);
    }
    add_legacy(im, width, repr, !alone, false, out);
    if (!isfinite(im)) sb_addc(out, '*');
    sb_adds(out, alone ? "j" : "j)");
}

static bool add_text(dtype_of t, const char *at, bool repr, const print_opts *o, strbuf *out)
{
    size_t n = t.size / 4;
    uint32_t small[64], *s = n <= 64 ? small : mem_alloc(n * 4);
    memcpy(s, at, n * 4);
    while (n && !s[n - 1]) n--;
    if (repr)
        text_repr(s, n, o->printable, out);
    else
        for (size_t i = 0; i < n; i++) sb_utf8(out, s[i]);
    if (s != small) mem_free(s);
    return true;
}

static bool add_bytes(dtype_of t, const char *at, strbuf *out)
{
    size_t n = t.size;
    while (n && !at[n - 1]) n--;
    bytes_repr(at, n, out);
    return true;
}

static bool add_time(dtype_of t, int64_t v, bool repr, strbuf *out)
{
    bool duration = t.dt == DT_timedelta64;
    if (!repr) {
        (duration ? timedelta_text : datetime_text)(out, v, t.unit);
    } else {
        bool bare = duration ? t.unit == UNIT_generic : t.unit != UNIT_h;
        sb_addf(out, "numpy.%s(", dtypes[t.dt].name);
        if (duration && v != NAT) {
            sb_addf(out, "%lld", (long long)v);
        } else {
            sb_addc(out, '\'');
            datetime_text(out, v, t.unit);
            sb_addc(out, '\'');
        }
        if (!bare) sb_addf(out, ",'%s'", date_unit_name(t.unit));
        sb_addc(out, ')');
    }
    return true;
}

bool scalar_text(dtype_of t, const void *element, bool repr, const print_opts *o, strbuf *out,
                 err *e)
{
    const char *at = element;
    int64_t v;
    switch (dtypes[t.dt].kind) {
    case 'b': sb_adds(out, *at ? "True" : "False"); return true;
    case 'i':
    case 'u': cell_int(t.dt, at, 0, out); return true;
    case 'f': add_float(cell_double(t.dt, at), float_width(t.dt), repr, o, out); return true;
    case 'c': add_complex(at, t.dt, repr, o, out); return true;
    case 'S': return add_bytes(t, at, out);
    case 'U': return add_text(t, at, repr, o, out);
    case 'M':
    case 'm': memcpy(&v, at, sizeof v); return add_time(t, v, repr, out);
    default: break;
    }
    if (o->object) return o->object(o->ctx, element, !repr, out, e);
    return err_set(e, NotImplementedError, "no printer for the objects of this array");
}

void dtype_short_repr(dtype_of t, strbuf *out)
{
    char name[32];
    t.swapped = false;
    dtype_name(t, name);
    bool quoted = strpbrk(name, "<>|[") != NULL;
    sb_addf(out, quoted ? "'%s'" : "%s", name);
}
