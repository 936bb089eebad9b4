/* stdlib/columns/columns.c - the module _columns: what pandas needs of whole columns. */
#include "stdlib/columns/columns.h"

#include <string.h>

#include "stdlib/stdlib.h"

nd *objects_new(interp *in, int64_t n)
{
    err e = {0};
    buf *b = buf_objects((size_t)n, &object_cells, &e);
    if (!b) return throw_err(in, &e), NULL;
    nd *x = nd_view(b, b->data, dtype_plain(DT_object), 1, &n, NULL);
    buf_unref(b);
    return x;
}

nd *objects_arg(interp *in, value v)
{
    ndarray *a = as_ndarray(v);
    nd *x = a ? array_snapshot(a) : NULL;
    if (x && x->ndim == 1 && x->dtype == DT_object) return x;
    datum_unref(x);
    return THROW0(in, TypeError, "an array of objects along one axis is needed, not %s",
                  type_said(in, v));
}

nd *line_arg(interp *in, value v, enum dtype dt)
{
    ndarray *a = as_ndarray(v);
    nd *x = a ? array_snapshot(a) : NULL;
    err e = {0};
    nd *y = x && x->ndim == 1 && x->dtype == dt ? nd_contiguous(x, &e) : NULL;
    datum_unref(x);
    if (y) return y;
    if (e.kind) return throw_err(in, &e), NULL;
    return THROW0(in, TypeError, "an array of %s along one axis is needed, not %s",
                  dt == DT_float64 ? "float64" : "int64", type_said(in, v));
}

bool is_missing(interp *in, value v)
{
    if (v.kind == V_NONE) return true;
    if (v.kind == V_FLOAT) return v.f != v.f;
    if (v.kind == V_INT || v.kind == V_BOOL || as_str(v)) return false;
    if (v.kind == V_OBJ) return !strcmp(type_of(in, v)->name, "NaTType");
    dtype_of t;
    _Alignas(16) char element[16];
    if (!scalar_element(in, v, &t, element)) return false;
    value item = scalar_item(in, t, element);
    bool is = item.kind == V_FLOAT && item.f != item.f;
    value_unref(in, item);
    return is;
}

value columns_missing(interp *in, const value *arg)
{
    nd *x = objects_arg(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    int64_t n = nd_shape(x)[0];
    nd *y = nd_new(dtype_plain(DT_bool), 1, &n, &e);
    bool ok = true;
    for (int64_t i = 0; y && ok && i < n; i++) {
        ((bool *)y->at)[i] = is_missing(in, cell_at(x, i));
        ok = i % OFTEN != OFTEN - 1 || check_interrupt(in);
    }
    datum_unref(x);
    if (!ok) y = datum_unref(y);
    return ok ? array_wrap(in, y, &e) : FAIL;
}

static const builtin table[] = {
    {"factorize(values, /)", columns_factorize,
     "(codes, uniques): the place of each object of an array among the different ones, which are a "
     "list\nin order of appearance; -1 where it is missing."},
    {"isna(values, /)", columns_missing, "True where an object of an array is None, nan or NaT."},
    {"record(text, sep, quote, blank, at, /)", columns_record,
     "(cells, end): the texts of the line of a table that begins at a byte, and where it ends;\n"
     "None for cells: there is none, or it ends within quotes\nfrom line -1 - end on."},
    {"read(text, sep, quote, blank, at, width, nrows, wanted, /)", columns_read,
     "(columns, end, rows) of lines of a table, from byte `at`, nrows of them at most (-1: all).\n"
     "wanted has (place, holes, kind) for each column: kind 'O' keeps texts as they are, else a "
     "column holds\nints, floats or bools if all of its cells do; cells in holes are missing. A "
     "line of more than width\ncells gives (None, number of the line, cells); text that ends "
     "within quotes (None, row, 0)."},
    {"write(columns, sep, missing, /)", columns_write,
     "The text of a table: columns are arrays of one length; what is missing is shown as such."},
    {"moments(texts, /)", columns_moments,
     "Nanoseconds since 1970 of dates and times in ISO 8601, as int64 (NaT where one is missing);\n"
     "None if any is written otherwise."},
    {"group(values, codes, count, how, ddof, /)", columns_group,
     "The 'sum', 'mean' or 'var' of the float64 values of each of count groups; code -1: in none."},
    {"running(values, codes, count, /)", columns_running,
     "Of each row the sum of its group so far, itself included; nan where there is no value."},
    {"window(values, start, stop, how, least, ddof, /)", columns_window,
     "The 'sum', 'mean' or 'var' of the float64 values from start[i] to stop[i], where there are "
     "`least`\nof them that are no nan."},
    {"weighted(values, alpha, adjust, ignore_na, least, variance, bias, /)", columns_weighted,
     "Means (or variances) of float64 values whose weights fall off by 1 - alpha a row."},
    {"joint(x, y, /)", columns_joint,
     "(n, xy, xx, yy): rows where both have a value, and the sums of products of deviations."},
    {0},
};

const module_def columns_def = {
    .name = "_columns",
    .doc = "Columns of tables.",
    .table = table,
};
