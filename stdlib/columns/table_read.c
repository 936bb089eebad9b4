/* stdlib/columns/table_read.c - lines of cells to columns of numbers, bools and texts.
 *
 * Two passes: one finds where cells begin (cells.c would need quotes, blank lines and all ends of
 * lines in mind; nobody else does), one converts column by column.  What a column holds is tried in
 * the order int64, uint64, float64, bool, text: the first that takes all of its cells. */
#include "stdlib/columns/columns.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "lang/types/dict.h"

/* --- the text, and where its cells begin --- */

enum { ABSENT = 0 }; /* a line with fewer cells; else 1 + 2 * place + quoted */

typedef struct source {
    const char *at, *end; /* *end is 0 */
    char sep, quote;
    bool skips_blank; /* lines */
    bool stops[256];  /* characters that may end a cell */
} source;

typedef struct grid_of_cells {
    buf *b;         /* what holds them: memory of the pool, which is there already */
    uint64_t *cell; /* of each line nslot ones: those of the columns that are wanted */
    size_t cap;
    int64_t width, nslot, rows;
    int64_t most;  /* rows that are to be read; -1: all */
    int64_t *slot; /* of each of width columns; -1: nobody wants it */
} cells;

typedef struct trouble { /* what is wrong with the text */
    bool is;
    int64_t line, cells;
} trouble;

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

static const char *after_line(const source *s, const char *p)
{
    if (p < s->end && *p == '\r')
        p++;
    else if (p < s->end && *p == '\n')
        return p + 1;
    return p < s->end && *p == '\n' ? p + 1 : p;
}

/* behind the cell that begins at p; NULL: its quotes are never closed */
static const char *after_cell(const source *s, const char *p)
{
    if (p < s->end && *p == s->quote) {
        for (;;) {
            p = memchr(p + 1, s->quote, (size_t)(s->end - p - 1));
            if (!p) return NULL;
            if (++p == s->end || *p != s->quote) break;
        }
    }
    for (;; p++) {
        while (!s->stops[(unsigned char)*p]) p++;
        if (*p || p == s->end || !s->sep) return p; /* else a zero byte within a cell */
    }
}

/* Is there nothing on the line but blanks?  Then *next is behind it. */
static bool blank_line(const source *s, const char *p, const char **next)
{
    while (p < s->end && (*p == ' ' || *p == '\t') && *p != s->sep) p++;
    if (p < s->end && !ends_line(*p)) return false;
    *next = after_line(s, p);
    return true;
}

static uint64_t cell_code(const source *s, const char *text, const char *p)
{
    return 1 + 2 * (uint64_t)(p - text) + (p < s->end && *p == s->quote);
}

/* --- the text of one cell: what is behind a zero byte does not count --- */

typedef struct reader {
    const source *s;
    const char *text;
    strbuf plain; /* of a cell in quotes */
} reader;

static const char *unquoted(reader *r, const char *p, const char *end, size_t *n)
{
    const char quote = r->s->quote;
    r->plain.n = 0;
    for (p++; p < end; p++) { /* two quotes are one; a single one is the last that means anything */
        if (*p == quote && (p + 1 == end || p[1] != quote)) break;
        p += *p == quote;
        sb_addc(&r->plain, *p);
    }
    if (p < end) sb_add(&r->plain, p + 1, (size_t)(end - p - 1));
    *n = strnlen(sb_text(&r->plain), r->plain.n);
    return sb_text(&r->plain);
}

static const char *cell_text(reader *r, uint64_t code, size_t *n)
{
    *n = 0;
    if (code == ABSENT) return "";
    const char *p = r->text + (code - 1) / 2, *end = p;
    if ((code - 1) & 1) return unquoted(r, p, after_cell(r->s, p), n);
    while (end < r->s->end && *end && *end != r->s->sep && !ends_line(*end)) end++;
    *n = (size_t)(end - p);
    return p;
}

/* --- which texts mean that there is nothing --- */

typedef struct holes {
    set *of; /* NULL: none */
    bool first[256], length[64];
    bool empty, longer, numbers; /* some are written as numbers are */
} holes;

static bool holes_of(interp *in, value v, holes *h)
{
    *h = (holes){.of = (set *)as_obj(v, &T_frozenset)};
    if (!h->of) h->of = (set *)as_obj(v, &T_set);
    if (!h->of) return throw(in, TypeError, "holes must be a set"), false;
    for (uint64_t i = 0; h->of->at && i <= h->of->mask; i++) {
        str *s = as_str(h->of->at[i].key);
        if (!s) continue;
        double number;
        h->empty |= !s->nbyte;
        h->numbers |= table_plain_float(s->at, s->at + s->nbyte, '\n', (char *)&number);
        h->first[(unsigned char)s->at[0]] = true;
        if (s->nbyte < 64)
            h->length[s->nbyte] = true;
        else
            h->longer = true;
    }
    return true;
}

static bool is_hole(const holes *h, const char *p, size_t n)
{
    if (!n) return h->empty;
    if (!h->first[(unsigned char)*p] || !(n < 64 ? h->length[n] : h->longer)) return false;
    for (uint64_t i = 0; i <= h->of->mask; i++) {
        str *s = as_str(h->of->at[i].key);
        if (s && s->nbyte == n && !memcmp(s->at, p, n)) return true;
    }
    return false;
}

/* --- columns --- */

typedef struct column {
    interp *in;
    reader *r;
    const cells *c;
    int64_t slot;
    holes holes;
    int64_t missing;
} column;

static uint64_t code_at(const column *x, int64_t row)
{
    return x->c->cell[row * x->c->nslot + x->slot];
}

static const char *at_row(const column *x, int64_t row, size_t *n, bool *hole)
{
    const char *p = cell_text(x->r, code_at(x, row), n);
    *hole = is_hole(&x->holes, p, *n);
    return p;
}

/* Each takes all cells into a fresh array, or stops at the first that is something else. */
typedef enum number (*taker)(column *x, int64_t row, const char *p, size_t n, bool hole, char *to);

static enum number take_int(column *x, int64_t row, const char *p, size_t n, bool hole, char *to)
{
    x->missing += hole;
    return hole ? IS_NUMBER : table_int(p, n, (int64_t *)(void *)to + row);
}

static enum number take_uint(column *x, int64_t row, const char *p, size_t n, bool hole, char *to)
{
    x->missing += hole;
    return hole ? IS_NUMBER : table_uint(p, n, (uint64_t *)(void *)to + row);
}

static enum number take_float(column *x, int64_t row, const char *p, size_t n, bool hole, char *to)
{
    double *d = (double *)(void *)to + row;
    (void)x;
    if (!hole) return table_float(p, n, d);
    *d = NAN;
    return IS_NUMBER;
}

static int truth_of(const char *p, size_t n)
{
    if (n == 4 && !strncasecmp(p, "true", 4)) return 1;
    return n == 5 && !strncasecmp(p, "false", 5) ? 0 : -1;
}

/* Bools with holes are objects in the end: 2 stands for a hole. */
static enum number take_bool(column *x, int64_t row, const char *p, size_t n, bool hole, char *to)
{
    int is = hole ? 2 : truth_of(p, n);
    x->missing += hole;
    to[row] = (char)is;
    return is < 0 ? IS_TEXT : IS_NUMBER;
}

/* Most cells are numbers without more about them: their ends need not be looked for. */
typedef bool (*plain_taker)(const char *p, const char *end, char sep, char *to);

static bool take_plain(const column *x, plain_taker f, int64_t row, char *to)
{
    const uint64_t code = code_at(x, row);
    if (code == ABSENT || (code - 1) & 1) return false;
    return f(x->r->text + (code - 1) / 2, x->r->s->end, x->r->s->sep, to);
}

static plain_taker plain_of(const column *x, taker f)
{
    if (x->holes.numbers || strchr("+-.0123456789", x->r->s->sep)) return NULL;
    return f == take_int ? table_plain_int : f == take_float ? table_plain_float : NULL;
}

static nd *taken_by(column *x, taker f, enum dtype dt, enum number *end, err *e)
{
    nd *y = nd_new(dtype_plain(dt), 1, &x->c->rows, e);
    const plain_taker plain = plain_of(x, f);
    *end = IS_NUMBER;
    x->missing = 0;
    for (int64_t i = 0; y && i < x->c->rows && *end == IS_NUMBER; i++) {
        if (plain && take_plain(x, plain, i, y->at + 8 * i)) continue;
        size_t n;
        bool hole;
        const char *p = at_row(x, i, &n, &hole);
        *end = f(x, i, p, n, hole, y->at);
        if (i % OFTEN == OFTEN - 1 && !check_interrupt(x->in)) *end = IS_TEXT;
    }
    return *end == IS_NUMBER ? y : datum_unref(y);
}

static nd *bools_with_holes(column *x, nd *bools)
{
    nd *y = objects_new(x->in, x->c->rows);
    for (int64_t i = 0; y && i < x->c->rows; i++) {
        char is = bools->at[i];
        cells_of(y)[i] = value_cell(is == 2 ? v_float(NAN) : v_bool(is));
    }
    datum_unref(bools);
    return y;
}

/* Texts met lately, by their bytes: a column often has few different ones, and each is one object.
 */
typedef struct recent {
    str *at[1 << 10];
} recent;

static value text_of(interp *in, recent *known, const char *p, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    str **place = &known->at[(h ^ h >> 20) & 1023];
    if (*place && (*place)->nbyte == n && !memcmp((*place)->at, p, n))
        return value_ref(v_obj(*place));
    value v = v_obj(str_new(in, p, n));
    if (is_fail(v)) return v;
    obj_unref(in, *place);
    *place = obj_ref(v.o);
    return v;
}

static nd *texts(column *x)
{
    recent *known = mem_zero(sizeof *known);
    nd *y = objects_new(x->in, x->c->rows);
    bool ok = y;
    for (int64_t i = 0; ok && i < x->c->rows; i++) {
        size_t n;
        bool hole;
        const char *p = at_row(x, i, &n, &hole);
        value v = hole ? v_float(NAN) : text_of(x->in, known, p, n);
        ok = !is_fail(v) && (i % OFTEN != OFTEN - 1 || check_interrupt(x->in));
        if (!is_fail(v)) memcpy(&cells_of(y)[i], &v, sizeof v);
    }
    for (int i = 0; i < 1 << 10; i++) obj_unref(x->in, known->at[i]);
    mem_free(known);
    return ok ? y : datum_unref(y);
}

static nd *column_read(column *x, bool as_text)
{
    static const struct {
        taker take;
        enum dtype dt;
    } tries[] = {{take_int, DT_int64}, {take_float, DT_float64}, {take_bool, DT_bool}};
    err e = {0};
    for (int k = 0; k < 3 && !as_text && x->c->rows; k++) {
        enum number end;
        nd *y = taken_by(x, tries[k].take, tries[k].dt, &end, &e);
        if (!k && end == IS_TOO_LARGE) {
            y = taken_by(x, take_uint, DT_uint64, &end, &e);
            as_text = end == IS_TOO_LARGE || x->missing;
        }
        if (tries[k].dt == DT_int64 && x->missing) y = datum_unref(y); /* no ints with holes */
        if (e.kind) throw_err(x->in, &e);
        if (throwing(x->in)) return NULL;
        if (y) return x->missing ? bools_with_holes(x, y) : y;
    }
    return texts(x);
}

/* --- the arguments --- */

/* A str, or bytes that are ASCII. */
static const char *text_arg(value v, size_t *n)
{
    str *t = as_str(v);
    bytes *b = as_bytes(v);
    *n = t ? t->nbyte : b ? (size_t)b->n : 0;
    return t ? t->at : b ? (const char *)b->at : NULL;
}

static bool source_of(interp *in, const value *arg, source *s, const char **text)
{
    str *sep = as_str(arg[1]), *quote = as_str(arg[2]);
    size_t n;
    int64_t at;
    const char *t = text_arg(arg[0], &n);
    if (!t || !sep || sep->nbyte != 1 || !quote || quote->nbyte != 1)
        return throw(in, TypeError, "text, and a separator and a quote of one byte"), false;
    if (!to_int64(in, arg[4], &at)) return false;
    if (at < 0 || (uint64_t)at > n)
        return throw(in, ValueError, "the table does not begin at byte %lld of %zu", (long long)at,
                     n),
               false;
    *text = t;
    *s = (source){.at = t + at,
                  .end = t + n,
                  .sep = sep->at[0],
                  .quote = quote->at[0],
                  .skips_blank = value_truth(in, arg[3]) > 0};
    s->stops[(unsigned char)s->sep] = s->stops['\n'] = s->stops['\r'] = s->stops[0] = true;
    return true;
}

static const char *first_line(const source *s)
{
    const char *p = s->at;
    while (s->skips_blank && p < s->end && blank_line(s, p, &p)) continue;
    return p;
}

/* how many lines there are before `start`; those within quotes are none */
static int64_t lines_before(const source *s, const char *text, const char *start)
{
    int64_t n = 0;
    for (const char *p = text; p < start; n++) {
        while ((p = after_cell(s, p)) && p < start && *p == s->sep) p++;
        if (!p) break;
        p = after_line(s, p);
    }
    return n;
}

value columns_record(interp *in, const value *arg)
{
    source s;
    reader r = {.s = &s};
    if (!source_of(in, arg, &s, &r.text)) return FAIL;
    const char *p = first_line(&s), *const start = p;
    list *l = p < s.end ? list_new(in, 0) : NULL;
    bool ok = l || p == s.end, open = false;
    while (l && ok) {
        size_t n;
        const char *end = after_cell(&s, p);
        open = !end;
        if (open) break;
        const char *text = cell_text(&r, cell_code(&s, r.text, p), &n);
        ok = list_add(in, l, v_obj(str_new(in, text, n)));
        p = end;
        if (p == s.end || *p != s.sep) break;
        p++;
    }
    sb_clear(&r.plain);
    if (!ok || open) obj_unref(in, l);
    if (!ok) return FAIL;
    if (open) return v_obj(tuple_pack(in, 2, NONE, v_int(-1 - lines_before(&s, r.text, start))));
    return v_obj(tuple_pack(in, 2, l ? v_obj(l) : NONE, v_int(after_line(&s, p) - r.text)));
}

/* --- all of it --- */

static bool make_room(interp *in, cells *c, size_t need)
{
    const size_t cap = need < 1024 ? 1024 : need;
    err e = {0};
    buf *b = buf_new(cap * sizeof *c->cell, &e);
    if (!b) return throw_err(in, &e), false;
    if (c->cap) memcpy(b->data, c->cell, c->cap * sizeof *c->cell);
    buf_unref(c->b);
    c->b = b;
    c->cell = (uint64_t *)(void *)b->data;
    c->cap = cap;
    return true;
}

/* How many cells there may be, if all lines are like this one. */
static size_t foreseen(const source *s, const char *p, const cells *c)
{
    const char *end = p;
    while (end < s->end && !ends_line(*end)) end++;
    double lines = (double)(s->end - p) / (double)(end + 1 - p) * 1.05;
    if (c->most >= 0 && lines > (double)(c->most - c->rows)) lines = (double)(c->most - c->rows);
    return (size_t)(lines * (double)c->nslot) + 1;
}

static bool add_line(interp *in, const source *s, const char *p, cells *c)
{
    const size_t need = (size_t)((c->rows + 1) * c->nslot);
    if (need > c->cap && !make_room(in, c, need + c->cap / 2 + foreseen(s, p, c))) return false;
    for (int64_t i = 0; i < c->nslot; i++) c->cell[c->rows * c->nslot + i] = ABSENT;
    c->rows++;
    return true;
}

/* Where the lines end, from s->at on; *bad says why they do not. */
static const char *find_cells(interp *in, const source *s, const char *text, cells *c, trouble *bad)
{
    const char *p = s->at;
    while (p < s->end && (c->most < 0 || c->rows < c->most) && !bad->is) {
        if (s->skips_blank && blank_line(s, p, &p)) continue;
        if (!add_line(in, s, p, c)) return NULL;
        uint64_t *cell = c->cell + (c->rows - 1) * c->nslot;
        int64_t k = 0;
        const char *start = p;
        for (;; p++, k++) {
            if (k < c->width && c->slot[k] >= 0) cell[c->slot[k]] = cell_code(s, text, p);
            const char *end = after_cell(s, p);
            if (!end) *bad = (trouble){true, lines_before(s, text, start), 0};
            p = end ? end : s->end;
            if (p == s->end || *p != s->sep) break;
        }
        if (!bad->is && k >= c->width)
            *bad = (trouble){true, lines_before(s, text, start) + 1, k + 1};
        p = after_line(s, p);
        if (c->rows % OFTEN == 0 && !check_interrupt(in)) return NULL;
    }
    return p;
}

/* Which columns are wanted: (place, holes, kind) for each. */
static bool slots_of(interp *in, cells *c, list *want)
{
    for (int64_t i = 0; i < c->width; i++) c->slot[i] = -1;
    for (int64_t i = 0; i < want->n; i++) {
        tuple *t = as_tuple(want->at[i]);
        int64_t place;
        if (!t || t->n != 3) {
            throw(in, TypeError, "(place, holes, kind) for each column");
            return false;
        }
        if (!to_int64(in, t->at[0], &place)) return false;
        if (place < 0 || place >= c->width) {
            throw(in, ValueError, "column %lld of %lld", (long long)place, (long long)c->width);
            return false;
        }
        if (c->slot[place] < 0) c->slot[place] = c->nslot++;
    }
    return true;
}

static value read_column(interp *in, reader *r, const cells *c, const tuple *want)
{
    column x = {.in = in, .r = r, .c = c};
    int64_t place;
    if (!to_int64(in, want->at[0], &place) || !holes_of(in, want->at[1], &x.holes)) return FAIL;
    x.slot = c->slot[place];
    nd *y = column_read(&x, !is_none(want->at[2]));
    err e = {0};
    return y ? array_wrap(in, y, &e) : FAIL;
}

static value read_columns(interp *in, reader *r, const cells *c, const list *want)
{
    list *out = list_new(in, want->n);
    for (int64_t i = 0; out && i < want->n; i++) {
        if (list_add(in, out, read_column(in, r, c, as_tuple(want->at[i])))) continue;
        obj_unref(in, out);
        out = NULL;
    }
    return v_obj(out);
}

value columns_read(interp *in, const value *arg)
{
    source s;
    reader r = {.s = &s};
    cells c = {0};
    trouble bad = {0};
    if (!source_of(in, arg, &s, &r.text)) return FAIL;
    if (!to_int64(in, arg[5], &c.width) || !to_int64(in, arg[6], &c.most)) return FAIL;
    if (c.width < 1) return throw(in, ValueError, "a table of %lld columns", (long long)c.width);
    list *want = as_list(arg[7]);
    if (!want) return throw(in, TypeError, "wanted must be a list, not %s", type_said(in, arg[7]));
    c.slot = mem_alloc((size_t)c.width * sizeof *c.slot);
    const char *end = slots_of(in, &c, want) ? find_cells(in, &s, r.text, &c, &bad) : NULL;
    value out = FAIL;
    if (end && bad.is)
        out = v_obj(tuple_pack(in, 3, NONE, v_int(bad.line), v_int(bad.cells)));
    else if (end)
        out = v_obj(
            tuple_pack(in, 3, read_columns(in, &r, &c, want), v_int(end - r.text), v_int(c.rows)));
    buf_unref(c.b);
    mem_free(c.slot);
    sb_clear(&r.plain);
    return out;
}
