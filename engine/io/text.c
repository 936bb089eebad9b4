/* engine/io/text.c - parsing and printing tables of numbers.
 *
 * Two passes over the text: the first counts rows and columns and checks that they agree, the
 * second converts, so nothing but the result is allocated. */
#include "engine/io/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "engine/kernels/half.h"

typedef struct cell {
    const char *at;
    size_t n;
} cell;

typedef struct lines {
    const table_format *f;
    const char *at, *end;
    int64_t number; /* of the line last taken, counted from 1 */
    int64_t rows;   /* taken so far that hold data */
} lines;

static lines lines_of(const char *text, size_t n, const table_format *f)
{
    lines s = {.f = f, .at = text, .end = text + n};
    for (int64_t i = 0; i < f->skip && s.at < s.end; i++, s.number++) {
        const char *stop = memchr(s.at, '\n', (size_t)(s.end - s.at));
        s.at = stop ? stop + 1 : s.end;
    }
    return s;
}

static cell trimmed(cell c)
{
    while (c.n && isspace((unsigned char)*c.at)) c.at++, c.n--;
    while (c.n && isspace((unsigned char)c.at[c.n - 1])) c.n--;
    return c;
}

/* The next line that is neither blank nor all comment, without its comment. */
static bool next_line(lines *s, cell *out)
{
    while (s->at < s->end && (s->f->max_rows < 0 || s->rows < s->f->max_rows)) {
        size_t left = (size_t)(s->end - s->at);
        const char *stop = memchr(s->at, '\n', left);
        cell line = {s->at, stop ? (size_t)(stop - s->at) : left};
        s->at = stop ? stop + 1 : s->end;
        s->number++;
        const char *comment = s->f->comment ? memchr(line.at, s->f->comment, line.n) : NULL;
        if (comment) line.n = (size_t)(comment - line.at);
        if (line.n && line.at[line.n - 1] == '\r') line.n--;
        if (trimmed(line).n == 0) continue;
        *out = line;
        s->rows++;
        return true;
    }
    return false;
}

/* Takes the next cell off a line; false at its end. */
static bool next_cell(const table_format *f, cell *line, cell *out)
{
    if (!line->at) return false;
    if (f->delimiter) {
        const char *stop = memchr(line->at, f->delimiter, line->n);
        *out = (cell){line->at, stop ? (size_t)(stop - line->at) : line->n};
        line->n = stop ? line->n - out->n - 1 : 0;
        line->at = stop ? stop + 1 : NULL;
        return true;
    }
    while (line->n && isspace((unsigned char)*line->at)) line->at++, line->n--;
    *out = (cell){line->at, 0};
    while (line->n && !isspace((unsigned char)*line->at)) line->at++, line->n--, out->n++;
    return out->n > 0;
}

static int64_t count_cells(const table_format *f, cell line)
{
    int64_t n = 0;
    for (cell c; next_cell(f, &line, &c);) n++;
    return n;
}

/* --- first pass --- */

typedef struct extent {
    int64_t rows, columns;
    size_t longest; /* bytes of a cell */
} extent;

static void *ragged(const extent *x, int64_t n, const lines *s, err *e)
{
    if (s->f->lenient) {
        return err_set(e, ValueError,
                       "Some errors were detected !\n    Line #%lld (got %lld columns instead of "
                       "%lld)",
                       (long long)s->number, (long long)n, (long long)x->columns);
    }
    return err_set(e, ValueError,
                   "the number of columns changed from %lld to %lld at row %lld; use `usecols` to "
                   "select a subset and avoid this error",
                   (long long)x->columns, (long long)n, (long long)s->rows);
}

static bool check_columns(const table_format *f, int64_t n, const lines *s, err *e)
{
    for (int64_t i = 0; i < f->ncolumns; i++) {
        int64_t c = f->columns[i];
        if (c >= -n && c < n) continue;
        return err_set(e, ValueError, "invalid column index %lld at row %lld with %lld columns",
                       (long long)c, (long long)s->rows, (long long)n);
    }
    return true;
}

static bool measure(const char *text, size_t size, const table_format *f, extent *out, err *e)
{
    lines s = lines_of(text, size, f);
    *out = (extent){.columns = -1};
    for (cell line; next_line(&s, &line); out->rows++) {
        int64_t n = count_cells(f, line);
        if (out->columns < 0) out->columns = n;
        if (f->columns)
            TRY(check_columns(f, n, &s, e));
        else if (n != out->columns)
            return ragged(out, n, &s, e);
        for (cell c; next_cell(f, &line, &c);) {
            if (c.n > out->longest) out->longest = c.n;
        }
    }
    if (f->columns) out->columns = f->ncolumns;
    if (out->columns < 0) out->columns = 1;
    return true;
}

/* --- one cell --- */

static bool parse_integer(cell c, int64_t *out)
{
    char text[32], *stop;
    if (c.n == 0 || c.n >= sizeof text) return false;
    memcpy(text, c.at, c.n);
    text[c.n] = 0;
    errno = 0;
    *out =
        text[0] == '-' || c.n < 19 ? strtoll(text, &stop, 10) : (int64_t)strtoull(text, &stop, 10);
    return stop == text + c.n && errno == 0;
}

/* a, bj or a+bj, perhaps in parentheses */
static bool parse_complex(cell c, double *re, double *im)
{
    if (c.n >= 2 && c.at[0] == '(' && c.at[c.n - 1] == ')') c.at++, c.n -= 2;
    *re = *im = 0;
    if (c.n == 0 || (c.at[c.n - 1] != 'j' && c.at[c.n - 1] != 'J')) {
        return float_parse(c.at, c.n, re);
    }
    c.n--;
    size_t cut = c.n; /* the last sign that is not an exponent's */
    while (cut > 0) {
        cut--;
        bool sign = c.at[cut] == '+' || c.at[cut] == '-';
        if (sign && (cut == 0 || !strchr("eE", c.at[cut - 1]))) break;
    }
    if (cut > 0 && !float_parse(c.at, cut, re)) return false;
    return float_parse(c.at + cut, c.n - cut, im);
}

static void store_integer(char *to, dtype_of t, int64_t v)
{
    if (t.dt == DT_bool)
        *to = v != 0;
    else
        memcpy(to, &v, t.size); /* the low bytes, as a C cast does */
}

static void store_float(char *to, dtype_of t, double re, double im)
{
    switch (t.dt) {
    case DT_float16: memcpy(to, &(uint16_t){double_to_half(re)}, 2); break;
    case DT_float32: memcpy(to, &(float){(float)re}, 4); break;
    case DT_complex64: memcpy(to, (float[]){(float)re, (float)im}, 8); break;
    case DT_complex128: memcpy(to, (double[]){re, im}, 16); break;
    default: memcpy(to, &re, 8);
    }
}

static bool parse_number(char *to, dtype_of t, cell c, double missing, bool lenient)
{
    double re, im = 0;
    int64_t v;
    c = trimmed(c);
    if (t.dt == DT_bool || dtype_is_int(t.dt)) {
        if (parse_integer(c, &v)) {
            store_integer(to, t, v);
            return true;
        }
        if (!lenient && !float_parse(c.at, c.n, &re)) return false;
        store_integer(to, t, (int64_t)(lenient ? missing : re));
        return true;
    }
    bool ok = dtype_is_complex(t.dt) ? parse_complex(c, &re, &im) : float_parse(c.at, c.n, &re);
    if (!ok && !lenient) return false;
    store_float(to, t, ok ? re : missing, ok ? im : 0);
    return true;
}

static void store_text(char *to, dtype_of t, cell c)
{
    memset(to, 0, t.size);
    if (t.dt == DT_bytes) {
        memcpy(to, c.at, c.n < t.size ? c.n : t.size);
        return;
    }
    uint32_t *out = (uint32_t *)to; /* UTF-8 to code points */
    for (size_t i = 0, k = 0; i < c.n && k < t.size / 4; k++) {
        uint8_t b = (uint8_t)c.at[i++];
        uint32_t v = b < 0x80 ? b : b < 0xe0 ? b & 31u : b < 0xf0 ? b & 15u : b & 7u;
        while (i < c.n && ((uint8_t)c.at[i] & 0xc0) == 0x80) v = v << 6 | ((uint8_t)c.at[i++] & 63);
        out[k] = v;
    }
}

/* --- second pass --- */

typedef struct parser {
    const table_format *f;
    nd *out;
    err *e;
    cell *cells; /* of one line, when columns are chosen */
    int64_t ncells;
} parser;

static bool parse_cell(parser *p, int64_t row, int64_t column, int64_t source, cell c)
{
    const nd *x = p->out;
    char *to = x->at + (row * nd_shape(x)[1] + column) * x->size;
    dtype_of t = nd_type(x);
    if (t.dt == DT_str || t.dt == DT_bytes) {
        store_text(to, t, c);
        return true;
    }
    if (parse_number(to, t, c, p->f->missing, p->f->lenient)) return true;
    char name[32];
    dtype_name(t, name);
    return err_set(p->e, ValueError,
                   "could not convert string '%.*s' to %s at row %lld, column %lld.", (int)c.n,
                   c.at, name, (long long)row, (long long)source + 1);
}

static bool parse_chosen(parser *p, int64_t row, cell line)
{
    int64_t n = count_cells(p->f, line);
    if (n > p->ncells) p->cells = mem_grow(p->cells, (size_t)n * sizeof *p->cells), p->ncells = n;
    for (int64_t i = 0; next_cell(p->f, &line, &p->cells[i]); i++) {
        if (i + 1 == n) break;
    }
    for (int64_t i = 0; i < p->f->ncolumns; i++) {
        int64_t c = p->f->columns[i];
        c = c < 0 ? c + n : c;
        TRY(parse_cell(p, row, i, c, p->cells[c]));
    }
    return true;
}

static bool parse_line(parser *p, int64_t row, cell line)
{
    if (p->f->columns) return parse_chosen(p, row, line);
    int64_t i = 0;
    for (cell c; next_cell(p->f, &line, &c); i++) TRY(parse_cell(p, row, i, i, c));
    return true;
}

nd *table_parse(const char *text, size_t n, const table_format *f, dtype_of t, err *e)
{
    extent x;
    TRY(measure(text, n, f, &x, e));
    if (t.dt == DT_bytes && t.size == 0) t.size = x.longest ? (uint32_t)x.longest : 1;
    if (t.dt == DT_str && t.size == 0) t.size = x.longest ? (uint32_t)x.longest * 4 : 4;
    if (t.dt >= DT_object && t.dt != DT_bytes && t.dt != DT_str) {
        return err_set(e, NotImplementedError, "reading text as dtype %s is not supported",
                       dtypes[t.dt].name);
    }
    parser p = {.f = f, .e = e};
    p.out = nd_new(t, 2, (int64_t[]){x.rows, x.columns}, e);
    if (!p.out) return NULL;
    lines s = lines_of(text, n, f);
    bool ok = true;
    for (cell line; ok && next_line(&s, &line);) ok = parse_line(&p, s.rows - 1, line);
    mem_free(p.cells);
    return ok ? p.out : datum_unref(p.out);
}

/* --- printing --- */

/* The conversion letter of a plain printf format around one number; 0 when it is anything else. */
static char conversion(const char *f)
{
    const char *p = strchr(f, '%');
    if (!p) return 0;
    p++;
    p += strspn(p, "-+ #0123456789.");
    char c = *p;
    return c && strchr("diuxXoeEfFgG", c) && !strchr(p, '%') ? c : 0;
}

static bool is_integer_letter(char c)
{
    return strchr("diuxXo", c) != NULL;
}

/* The element as a double or an integer, whichever it is. */
static bool load(const nd *x, const char *at, double *f, long long *i)
{
    *f = 0;
    *i = 0;
    switch (x->dtype) {
#define INTEGER(dt, T)                                                                             \
    case dt: {                                                                                     \
        T v;                                                                                       \
        memcpy(&v, at, sizeof v);                                                                  \
        *i = (long long)v;                                                                         \
        *f = (double)v;                                                                            \
        return true;                                                                               \
    }
        INTEGER(DT_bool, uint8_t)
        INTEGER(DT_int8, int8_t)
        INTEGER(DT_uint8, uint8_t)
        INTEGER(DT_int16, int16_t)
        INTEGER(DT_uint16, uint16_t)
        INTEGER(DT_int32, int32_t)
        INTEGER(DT_uint32, uint32_t)
        INTEGER(DT_int64, int64_t)
        INTEGER(DT_uint64, uint64_t)
#undef INTEGER
    case DT_float32: *f = *(const float *)at; break;
    case DT_float64: *f = *(const double *)at; break;
    default: return false;
    }
    *i = (long long)*f;
    return true;
}

static bool put_cell(strbuf *out, const char *format, char letter, const nd *x, const char *at,
                     err *e)
{
    double f;
    long long i;
    if (!load(x, at, &f, &i)) {
        return err_set(e, NotImplementedError, "writing dtype %s as text is not supported",
                       dtypes[x->dtype].name);
    }
    if (!is_integer_letter(letter)) {
        char text[512];
        int n = snprintf(text, sizeof text, format, f);
        if (n >= 0 && (size_t)n < sizeof text) sb_add(out, text, (size_t)n);
        return true;
    }
    const char *cut = strchr(format, '%') + 1; /* the letter follows the flags */
    cut += strspn(cut, "-+ #0123456789.");
    char wide[128], text[512];
    snprintf(wide, sizeof wide, "%.*sll%s", (int)(cut - format), format, cut);
    int n = snprintf(text, sizeof text, wide, i);
    if (n >= 0 && (size_t)n < sizeof text) sb_add(out, text, (size_t)n);
    return true;
}

bool table_format_rows(const nd *x, size_t nformats, const char *const *formats,
                       const char *delimiter, const char *newline, strbuf *out, err *e)
{
    for (size_t i = 0; i < nformats; i++) {
        if (!conversion(formats[i]) || strlen(formats[i]) > 100) {
            return err_set(e, NotImplementedError, "format '%s' is not supported", formats[i]);
        }
    }
    for (int64_t i = 0; i < nd_shape(x)[0]; i++) {
        for (int64_t j = 0; j < nd_shape(x)[1]; j++) {
            const char *f = formats[nformats == 1 ? 0 : j];
            const char *at = x->at + i * nd_strides(x)[0] + j * nd_strides(x)[1];
            if (j) sb_adds(out, delimiter);
            TRY(put_cell(out, f, conversion(f), x, at, e));
        }
        sb_adds(out, newline);
    }
    return true;
}
