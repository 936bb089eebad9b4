/* engine/data/format_cell.c - the text of array elements, one row per kind of dtype.
 *
 * `prepare` looks over the visible elements for what they share (the width of numbers);
 * `add` writes one element. */
#include "engine/data/format_cell.h"

#include <string.h>

#include "engine/base/stop.h"

enum { OFTEN = 1 << 10 }; /* elements between two questions whether to go on */

/* ---- numbers ---- */

/* a mapped file need not have it aligned */
#define LOAD(T)                                                                                    \
    do {                                                                                           \
        T x;                                                                                       \
        memcpy(&x, at, sizeof x);                                                                  \
        return (int64_t)x;                                                                         \
    } while (0)

static int64_t load_int(enum dtype dt, const char *at)
{
    switch (dt) {
    case DT_int8: return *(const int8_t *)at;
    case DT_uint8: return *(const uint8_t *)at;
    case DT_int16: LOAD(int16_t);
    case DT_uint16: LOAD(uint16_t);
    case DT_int32: LOAD(int32_t);
    case DT_uint32: LOAD(uint32_t);
    default: LOAD(int64_t); /* uint64: the same bits */
    }
}

void cell_int(enum dtype dt, const char *at, int width, strbuf *out)
{
    int64_t v = load_int(dt, at);
    if (dt == DT_uint64)
        sb_addf(out, "%*llu", width, (unsigned long long)v);
    else
        sb_addf(out, "%*lld", width, (long long)v);
}

typedef struct widest { /* the greatest and least element, as sort keys */
    enum dtype dt;
    bool any, nat;
    int64_t max, min;
} widest;

static void widest_add(void *ctx, const char *at)
{
    widest *w = ctx;
    int64_t v = load_int(w->dt, at);
    if ((w->dt == DT_datetime64 || w->dt == DT_timedelta64) && v == INT64_MIN) {
        w->nat = true;
        return;
    }
    if (w->dt == DT_uint64) v ^= INT64_MIN; /* keeps the order of unsigned numbers */
    if (!w->any || v > w->max) w->max = v;
    if (!w->any || v < w->min) w->min = v;
    w->any = true;
}

static widest widest_of(const cell_format *c)
{
    widest w = {.dt = c->x->dtype};
    visible_each(c->x, c->edge, widest_add, &w);
    if (w.dt == DT_uint64) w.max ^= INT64_MIN, w.min ^= INT64_MIN;
    return w;
}

static bool prepare_int(cell_format *c, err *e)
{
    (void)e;
    widest w = widest_of(c);
    strbuf t = {0};
    const int64_t ends[2] = {w.max, w.min};
    for (int i = 0; i < 2 && w.any; i++) {
        t.n = 0;
        cell_int(c->x->dtype == DT_uint64 ? DT_uint64 : DT_int64, (const char *)&ends[i], 0, &t);
        if ((int)t.n > c->width) c->width = (int)t.n;
    }
    sb_clear(&t);
    return true;
}

static bool add_int_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    (void)e;
    cell_int(c->x->dtype, at, c->width, out);
    return true;
}

static bool add_bool_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    (void)e;
    sb_adds(out, !*at ? "False" : c->x->ndim ? " True" : "True");
    return true;
}

static bool prepare_float(cell_format *c, err *e)
{
    return float_format_init(&c->re, c, 0, c->o->floatmode, c->o->sign, e);
}

static bool add_float_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    (void)e;
    float_format_add(&c->re, c->o, cell_double(c->x->dtype, at), out);
    return true;
}

static bool prepare_complex(cell_format *c, err *e)
{
    bool legacy = c->o->legacy <= LEGACY_113;
    enum float_mode re = legacy ? FLOAT_maxprec_equal : c->o->floatmode;
    enum float_mode im = legacy ? FLOAT_maxprec : c->o->floatmode;
    return float_format_init(&c->re, c, 0, re, c->o->sign, e) &&
           float_format_init(&c->im, c, (int)c->x->size / 2, im, '+', e);
}

static bool add_complex_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    (void)e;
    float_format_add(&c->re, c->o, cell_double(c->x->dtype, at), out);
    float_format_add(&c->im, c->o, cell_double(c->x->dtype, at + c->x->size / 2), out);
    size_t n = out->n; /* the j stands before the blanks */
    while (out->at[n - 1] == ' ') n--;
    sb_addc(out, ' ');
    memmove(out->at + n + 1, out->at + n, out->n - n - 1);
    out->at[n] = 'j';
    return true;
}

/* ---- text, objects ---- */

void bytes_repr(const char *s, size_t n, strbuf *out)
{
    char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
    sb_addc(out, 'b');
    sb_addc(out, quote);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *at = c ? strchr("\tt\nn\rr", c) : NULL;
        if (c == '\\' || c == (unsigned char)quote)
            sb_addf(out, "\\%c", c);
        else if (at && c < ' ')
            sb_addf(out, "\\%c", at[1]);
        else if (c < ' ' || c >= 0x7f)
            sb_addf(out, "\\x%02x", c);
        else
            sb_addc(out, (char)c);
    }
    sb_addc(out, quote);
}

static void add_escaped(unsigned c, bool (*printable)(unsigned), strbuf *out)
{
    if (c == '\t' || c == '\n' || c == '\r')
        sb_addf(out, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : 'r');
    else if (c < ' ' || (c >= 0x7f && c <= 0xa0) || c == 0xad)
        sb_addf(out, "\\x%02x", c);
    else if (c < 0x7f || !printable || printable(c))
        sb_utf8(out, c);
    else
        sb_addf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void text_repr(const uint32_t *s, size_t n, bool (*printable)(unsigned), strbuf *out)
{
    bool single = false, twice = false;
    for (size_t i = 0; i < n; i++) single |= s[i] == '\'', twice |= s[i] == '"';
    char quote = single && !twice ? '"' : '\'';
    sb_addc(out, quote);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\' || s[i] == (unsigned char)quote)
            sb_addf(out, "\\%c", (char)s[i]);
        else
            add_escaped(s[i], printable, out);
    }
    sb_addc(out, quote);
}

static bool add_bytes_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    return scalar_text(nd_type(c->x), at, true, c->o, out, e);
}

static bool add_object_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    if (c->o->object) return c->o->object(c->o->ctx, at, false, out, e);
    return err_set(e, NotImplementedError, "no printer for the objects of this array");
}

/* ---- time ---- */

static void add_time(const cell_format *c, int64_t v, strbuf *out)
{
    strbuf t = {0};
    if (v == INT64_MIN)
        sb_adds(&t, "'NaT'");
    else if (c->x->dtype == DT_timedelta64)
        sb_addf(&t, "%lld", (long long)v);
    else {
        dtype_of d = nd_type(c->x);
        sb_addc(&t, '\'');
        scalar_text(d, &v, false, c->o, &t, NULL);
        sb_addc(&t, '\'');
    }
    sb_addf(out, "%*s", c->width, sb_text(&t));
    sb_clear(&t);
}

static bool prepare_time(cell_format *c, err *e)
{
    (void)e;
    bool plain = c->o->legacy <= LEGACY_113 && c->x->dtype == DT_datetime64;
    widest w = widest_of(c);
    strbuf t = {0};
    const int64_t ends[3] = {w.max, w.min, INT64_MIN};
    int width = 0;
    for (int i = w.any ? 0 : 2; i < 2 + w.nat; i++) {
        t.n = 0;
        add_time(c, ends[i], &t);
        if ((int)t.n > width) width = (int)t.n;
    }
    sb_clear(&t);
    c->width = plain ? 0 : width;
    return true;
}

static bool add_time_cell(const cell_format *c, const char *at, strbuf *out, err *e)
{
    (void)e;
    add_time(c, load_int(DT_int64, at), out);
    return true;
}

/* ---- by kind ---- */

typedef struct cell_kind {
    bool (*prepare)(cell_format *c, err *e);
    bool (*add)(const cell_format *c, const char *at, strbuf *out, err *e);
} cell_kind;

static const cell_kind kinds[128] = {
    ['b'] = {NULL, add_bool_cell},
    ['i'] = {prepare_int, add_int_cell},
    ['u'] = {prepare_int, add_int_cell},
    ['f'] = {prepare_float, add_float_cell},
    ['c'] = {prepare_complex, add_complex_cell},
    ['O'] = {NULL, add_object_cell},
    ['S'] = {NULL, add_bytes_cell},
    ['U'] = {NULL, add_bytes_cell},
    ['M'] = {prepare_time, add_time_cell},
    ['m'] = {prepare_time, add_time_cell},
};

bool cell_format_init(cell_format *c, const nd *x, const print_opts *o, int64_t edge, err *e)
{
    *c = (cell_format){.x = x, .o = o, .edge = edge};
    const cell_kind *k = &kinds[(int)dtypes[x->dtype].kind];
    return o->formatter || !k->prepare || (k->prepare(c, e) && stop_check(e));
}

bool cell_format_add(const cell_format *c, const char *at, strbuf *out, err *e)
{
    if (c->o->formatter) return c->o->formatter(c->o->ctx, c->x, at, out, e);
    return kinds[(int)dtypes[c->x->dtype].kind].add(c, at, out, e);
}

/* Ends early when stop_asked(). */
static void each_axis(const nd *x, int64_t edge, int axis, const char *at,
                      void (*f)(void *ctx, const char *at), void *ctx)
{
    if (axis == x->ndim) {
        f(ctx, at);
        return;
    }
    int64_t n = x->ext[axis], step = x->ext[x->ndim + axis];
    bool cut = edge > 0 && n > 2 * edge;
    for (int64_t i = 0; i < n; i++) {
        if (i % OFTEN == OFTEN - 1 && stop_asked()) return;
        if (cut && i == edge) i = n - edge;
        each_axis(x, edge, axis + 1, at + i * step, f, ctx);
    }
}

void visible_each(const nd *x, int64_t edge, void (*f)(void *ctx, const char *at), void *ctx)
{
    each_axis(x, edge, 0, x->at, f, ctx);
}
