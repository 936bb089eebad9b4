/* engine/data/format.c - the layout of arrays: brackets, rows, wrapped lines, "...".
 *
 * A row is built line by line: a word that does not fit starts a new line, indented below the
 * opening bracket.  NumPy 1.13's rules (legacy) differ in the widths compared and in how "..."
 * is separated; they are kept byte for byte. */
#include "engine/data/format.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/stop.h"
#include "engine/data/format_cell.h"

const print_opts print_opts_default = {
    .precision = 8,
    .threshold = 1000,
    .edgeitems = 3,
    .linewidth = 75,
    .sign = '-',
    .floatmode = FLOAT_maxprec,
    .legacy = LEGACY_none,
    .nanstr = "nan",
    .infstr = "inf",
};

size_t text_columns(const char *s, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++) columns += (s[i] & 0xc0) != 0x80;
    return columns;
}

typedef struct layout {
    cell_format cell;
    const char *separator;
    size_t separator_n, separator_core; /* without the blanks at its end */
    int64_t edge;                       /* -1: no summary */
    bool legacy;
    err *e;
} layout;

/* One row under way: finished lines in `out`, the current one in `line`. */
typedef struct row {
    const layout *l;
    strbuf out, line, word;
    int64_t indent, width;
    uint64_t ncell;
} row;

static size_t trimmed(const char *s, size_t n)
{
    while (n && strchr(" \t\n\r\v\f", s[n - 1])) n--;
    return n;
}

static int64_t line_columns(const row *r)
{
    return (int64_t)text_columns(sb_text(&r->line), r->line.n);
}

static void row_break(row *r, int64_t indent)
{
    sb_add(&r->out, sb_text(&r->line), trimmed(sb_text(&r->line), r->line.n));
    sb_addc(&r->out, '\n');
    r->line.n = 0;
    sb_pad(&r->line, ' ', (size_t)indent);
}

static void row_word(row *r, const char *word, size_t n)
{
    int64_t have = line_columns(r);
    bool wrap = have + (int64_t)text_columns(word, n) > r->width;
    if (!r->l->legacy && have <= r->indent) wrap = false; /* it would not help */
    if (wrap) row_break(r, r->indent);
    sb_add(&r->line, word, n);
}

/* The next line of s[*at..n), without its end. */
static bool next_line(const char *s, size_t n, size_t *at, const char **line, size_t *len)
{
    if (*at >= n) return false;
    size_t i = *at;
    while (i < n && s[i] != '\n' && s[i] != '\r') i++;
    *line = s + *at;
    *len = i - *at;
    *at = i + 1 + (i + 1 < n && s[i] == '\r' && s[i + 1] == '\n');
    return true;
}

/* A word of several lines (an array inside an array) keeps its shape. */
static void row_block(row *r, const char *word, size_t n)
{
    const char *line;
    size_t at = 0, len = 0, last = 0, most = 0, lines = 0;
    while (next_line(word, n, &at, &line, &len)) {
        last = text_columns(line, len);
        if (last > most) most = last;
        lines++;
    }
    if (lines <= 1 || r->l->legacy) {
        row_word(r, word, n);
        return;
    }
    int64_t have = line_columns(r), indent = have;
    if (have + (int64_t)most > r->width && have > r->indent) {
        row_break(r, r->indent);
        indent = r->indent;
    }
    at = 0;
    for (bool first = true; next_line(word, n, &at, &line, &len); first = false) {
        if (!first) row_break(r, indent);
        sb_add(&r->line, line, len);
    }
    sb_pad(&r->line, ' ', most - last);
}

static bool row_cell(row *r, const char *at)
{
    enum { OFTEN = 1 << 10 };
    if (++r->ncell % OFTEN == 0) TRY(stop_check(r->l->e));
    r->word.n = 0;
    if (!cell_format_add(&r->l->cell, at, &r->word, r->l->e)) return false;
    row_block(r, sb_text(&r->word), r->word.n);
    return true;
}

static void row_separator(row *r)
{
    sb_add(&r->line, r->l->separator, r->l->separator_n);
}

/* Items shown before and after the "...". */
static bool summary_of(const layout *l, int64_t n, int64_t *head, int64_t *tail)
{
    bool cut = l->edge >= 0 && n > 2 * l->edge;
    *head = cut ? l->edge : 0;
    *tail = cut ? l->edge : n;
    return cut;
}

static bool row_fill(row *r, const char *at, int64_t n, int64_t step)
{
    int64_t head, tail, width = r->width;
    bool cut = summary_of(r->l, n, &head, &tail);
    size_t core = r->l->separator_core;
    r->width = width - (int64_t)(r->l->legacy || core > 1 ? core : 1);
    for (int64_t i = 0; i < head; i++) {
        TRY(row_cell(r, at + i * step));
        row_separator(r);
    }
    if (cut) {
        row_word(r, "...", 3);
        r->l->legacy ? sb_adds(&r->line, ", ") : row_separator(r);
    }
    for (int64_t i = tail; i > 1; i--) {
        TRY(row_cell(r, at + (n - i) * step));
        row_separator(r);
    }
    if (r->l->legacy) r->width = width;
    TRY(row_cell(r, at + (n - 1) * step));
    sb_add(&r->out, sb_text(&r->line), r->line.n);
    return true;
}

static bool layout_row(const layout *l, const char *at, int64_t n, int64_t step, int64_t indent,
                       int64_t width, strbuf *out)
{
    row r = {.l = l, .indent = indent, .width = width};
    sb_pad(&r.line, ' ', (size_t)indent);
    bool ok = row_fill(&r, at, n, step);
    if (ok) sb_add(out, r.out.at + indent, r.out.n - (size_t)indent);
    sb_clear(&r.out);
    sb_clear(&r.line);
    sb_clear(&r.word);
    return ok;
}

static bool layout_axis(const layout *l, int axis, const char *at, int64_t indent, int64_t width,
                        strbuf *out);

static bool layout_planes(const layout *l, int axis, const char *at, int64_t indent, int64_t width,
                          strbuf *out)
{
    const nd *x = l->cell.x;
    int64_t n = x->ext[axis], step = x->ext[x->ndim + axis], head, tail;
    bool cut = summary_of(l, n, &head, &tail);
    int64_t inner = l->legacy ? width : width - 1;
    size_t newlines = (size_t)(x->ndim - axis - 1);
    int64_t left = head + (cut ? 1 : 0) + (tail > 1 ? tail : 1); /* entries to come */
    for (int64_t i = 0; left > 0; left--, i++) {
        if (i) sb_pad(out, ' ', (size_t)indent);
        TRY(stop_check(l->e));
        bool dots = cut && i == head;
        int64_t k = i < head ? i : n - left;
        if (dots)
            sb_adds(out, "...");
        else
            TRY(layout_axis(l, axis + 1, at + k * step, indent + 1, inner, out));
        if (left == 1) break;
        if (dots && l->legacy) {
            sb_adds(out, ", \n");
            continue;
        }
        sb_add(out, l->separator, l->separator_core);
        sb_pad(out, '\n', newlines);
    }
    return true;
}

static bool layout_axis(const layout *l, int axis, const char *at, int64_t indent, int64_t width,
                        strbuf *out)
{
    const nd *x = l->cell.x;
    if (axis == x->ndim) return cell_format_add(&l->cell, at, out, l->e);
    sb_addc(out, '[');
    if (axis == x->ndim - 1)
        TRY(layout_row(l, at, x->ext[axis], x->ext[x->ndim + axis], indent, width, out));
    else
        TRY(layout_planes(l, axis, at, indent, width, out));
    sb_addc(out, ']');
    return true;
}

/* What NumPy 1.13 showed for a 0-d array: Python's own value. */
static bool item_text(const nd *x, const print_opts *o, bool repr, strbuf *out, err *e)
{
    print_opts now = *o;
    now.legacy = LEGACY_none;
    enum dtype dt = x->dtype;
    if (dtype_is_float(dt)) {
        float_repr(out, cell_double(dt, x->at), 64);
        return true;
    }
    if (dtype_is_complex(dt)) {
        complex_repr(out, cell_double(dt, x->at), cell_double(dt, x->at + x->size / 2), 64);
        return true;
    }
    return scalar_text(nd_type(x), x->at, repr, &now, out, e);
}

bool nd_array2string(const nd *x, const print_opts *o, const char *separator, int64_t prefix_width,
                     int64_t suffix_width, strbuf *out, err *e)
{
    bool legacy = o->legacy <= LEGACY_113;
    if (legacy && !x->ndim) return item_text(x, o, true, out, e);
    if (!nd_count(x)) {
        sb_adds(out, "[]");
        return true;
    }
    size_t n = strlen(separator);
    int64_t edge = nd_count(x) > o->threshold ? o->edgeitems : -1;
    layout l = {.separator = separator,
                .separator_n = n,
                .separator_core = trimmed(separator, n),
                .edge = edge,
                .legacy = legacy,
                .e = e};
    TRY(cell_format_init(&l.cell, x, o, edge, e));
    int64_t width = legacy ? o->linewidth : o->linewidth - suffix_width;
    return layout_axis(&l, 0, x->at, 1 + prefix_width, width, out);
}

static bool dtype_is_implied(const nd *x, const print_opts *o)
{
    if (x->dtype == DT_bool) return o->legacy > LEGACY_113;
    return x->dtype == DT_int64 || x->dtype == DT_float64 || x->dtype == DT_complex128;
}

static bool add_body(const nd *x, const print_opts *o, int64_t prefix, strbuf *out, err *e)
{
    if (nd_count(x) || (x->ndim == 1 && !x->ext[0]))
        return nd_array2string(x, o, ", ", prefix, 1, out, e);
    char shape[ND_MAXDIM * 24];
    shape_text(x->ndim, nd_shape(x), shape, sizeof shape);
    sb_addf(out, "[], shape=%s", shape);
    return true;
}

bool nd_repr(const nd *x, const print_opts *o, const char *name, strbuf *out, err *e)
{
    bool legacy = o->legacy <= LEGACY_113, bare = dtype_is_implied(x, o) && nd_count(x);
    strbuf body = {0}, dtype = {0};
    sb_addf(&body, "%s(", name);
    int64_t prefix = (int64_t)body.n;
    if (!add_body(x, o, prefix, &body, e)) {
        sb_clear(&body);
        return false;
    }
    sb_addc(&body, bare ? ')' : ',');
    if (!bare) {
        sb_adds(&dtype, "dtype=");
        dtype_short_repr(nd_type(x), &dtype);
        sb_addc(&dtype, ')');
        const char *newline = strrchr(body.at, '\n'), *last = newline ? newline + 1 : body.at;
        bool flexible = x->dtype == DT_str || x->dtype == DT_bytes;
        int64_t columns = (int64_t)(text_columns(last, strlen(last)) + dtype.n + 1);
        bool wrap = legacy ? flexible : columns > o->linewidth;
        sb_addc(&body, wrap ? '\n' : ' ');
        if (wrap) sb_pad(&body, ' ', (size_t)prefix);
        sb_add(&body, dtype.at, dtype.n);
    }
    sb_add(out, body.at, body.n);
    sb_clear(&body);
    sb_clear(&dtype);
    return true;
}

bool nd_str(const nd *x, const print_opts *o, strbuf *out, err *e)
{
    if (x->ndim) return nd_array2string(x, o, " ", 0, 0, out, e);
    if (o->legacy <= LEGACY_113) return item_text(x, o, false, out, e);
    return scalar_text(nd_type(x), x->at, false, o, out, e);
}
