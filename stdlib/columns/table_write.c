/* stdlib/columns/table_write.c - columns to lines of text, as csv.writer would write their rows. */
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "stdlib/columns/columns.h"

typedef struct writer {
    interp *in;
    strbuf out;
    char sep;
    str *missing;
    bool alone; /* one column: an empty cell would be an empty line */
} writer;

static void add_text(writer *w, const char *s, size_t n)
{
    bool quoted = !n && w->alone;
    for (size_t i = 0; i < n && !quoted; i++)
        quoted = s[i] == w->sep || s[i] == '"' || s[i] == '\n';
    if (quoted) sb_addc(&w->out, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"') sb_addc(&w->out, '"');
        sb_addc(&w->out, s[i]);
    }
    if (quoted) sb_addc(&w->out, '"');
}

static void add_missing(writer *w)
{
    add_text(w, w->missing->at, w->missing->nbyte);
}

static bool add_value(writer *w, value v)
{
    str *s = as_str(v);
    if (s) return add_text(w, s->at, s->nbyte), true;
    if (is_missing(w->in, v)) return add_missing(w), true;
    str *text = value_str(w->in, v);
    if (text) add_text(w, text->at, text->nbyte);
    obj_unref(w->in, text);
    return text;
}

static bool add_cell(writer *w, const nd *x, int64_t i)
{
    const char *p = x->at + i * nd_strides(x)[0];
    double d;
    switch (x->dtype) {
    case DT_int64:
        sb_addf(&w->out, "%lld", (long long)*(const int64_t *)(const void *)p);
        return true;
    case DT_float64:
        d = *(const double *)(const void *)p;
        if (d != d)
            add_missing(w);
        else
            float_repr(&w->out, d, 64);
        return true;
    case DT_bool: sb_adds(&w->out, *p ? "True" : "False"); return true;
    case DT_object: return add_value(w, cell_value((const objcell *)(const void *)p));
    default: break;
    }
    value v = scalar_item(w->in, nd_type(x), p);
    bool ok = !is_fail(v) && add_value(w, v);
    value_unref(w->in, v);
    return ok;
}

static bool write_lines(writer *w, nd *const *x, int64_t n, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < n; k++) {
            if (k) sb_addc(&w->out, w->sep);
            if (!add_cell(w, x[k], i)) return false;
        }
        sb_addc(&w->out, '\n');
        if (i % (OFTEN / 16) == 0 && !check_interrupt(w->in)) return false;
    }
    return true;
}

/* the columns as blocks, or NULL */
static bool blocks_of(interp *in, const list *l, nd **x, int64_t *rows)
{
    for (int64_t k = 0; k < l->n; k++) {
        ndarray *a = as_ndarray(l->at[k]);
        x[k] = a ? array_snapshot(a) : NULL;
        if (!x[k] || x[k]->ndim != 1)
            return throw(in, TypeError, "column %lld is no array of one axis", (long long)k), false;
        int64_t n = nd_shape(x[k])[0];
        if (k && n != *rows)
            return throw(in, ValueError, "column %lld has %lld rows, others %lld", (long long)k,
                         (long long)n, (long long)*rows),
                   false;
        *rows = n;
    }
    return true;
}

value columns_write(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    str *sep = as_str(arg[1]), *missing = as_str(arg[2]);
    if (!l || !sep || sep->nbyte != 1 || !missing)
        return throw(in, TypeError, "a list of columns, a separator of one byte and a text");
    writer w = {
        .in = in, .out = {.soft = true}, .sep = sep->at[0], .missing = missing, .alone = l->n == 1};
    nd **x = mem_zero(((size_t)l->n + 1) * sizeof *x);
    int64_t rows = 0;
    bool ok = blocks_of(in, l, x, &rows) && write_lines(&w, x, l->n, rows);
    for (int64_t k = 0; k < l->n; k++) datum_unref(x[k]);
    mem_free(x);
    value v = ok ? v_obj(str_built(in, &w.out)) : FAIL;
    sb_clear(&w.out);
    return v;
}
