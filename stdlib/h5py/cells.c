/* stdlib/h5py/cells.c - references and sequences: elements that are handles, arrays, lists. */
#include "engine/base/mem.h"
#include "stdlib/h5py/h5py.h"

/* ---- from the file ---- */

static value handle_value(interp *in, h5obj *x)
{
    err e = {0};
    return x ? wrap_h5(in, datum_ref(x), &e) : NONE;
}

static value cell_value_of(interp *in, const h5type *t, const h5cells *c, size_t i)
{
    err e = {0};
    if (t->special == H5_SEQUENCE) return array_wrap(in, datum_ref(c->arrays[i]), &e);
    if (t->special == H5_REFERENCE) return handle_value(in, c->objects[c->start[i]]);
    list *l = list_new(in, 0);
    for (size_t k = c->start[i]; l && k < c->start[i + 1]; k++)
        if (!list_add(in, l, handle_value(in, c->objects[k]))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

value cells_value(interp *in, const h5type *t, const h5cells *c)
{
    list *l = list_new(in, (int64_t)c->n);
    for (size_t i = 0; l && i < c->n; i++)
        if (!list_add(in, l, cell_value_of(in, t, c, i))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

/* ---- to the file ---- */

static bool add_object(interp *in, value v, h5cells *out)
{
    h5obj *x = is_none(v) ? NULL : peek_h5(in, v);
    size_t n = out->start[out->n + 1];
    if (!x && !is_none(v)) return false;
    out->objects = mem_grow(out->objects, (n + 1) * sizeof *out->objects);
    out->objects[n] = datum_ref(x);
    out->start[out->n + 1] = n + 1;
    return true;
}

/* One more cell: start[out->n + 1] is where it ends, so far. */
static bool add_cell(interp *in, const h5type *t, value v, h5cells *out)
{
    if (t->special == H5_REFERENCE) return add_object(in, v, out);
    if (t->special == H5_REFERENCES) {
        list *l = list_of(in, v);
        bool ok = l != NULL;
        for (int64_t i = 0; ok && i < l->n; i++) ok = add_object(in, l->at[i], out);
        obj_unref(in, l);
        return ok;
    }
    err e = {0};
    nd *x = to_nd(in, v, t->base), *flat = x ? nd_contiguous(x, &e) : NULL;
    datum_unref(x);
    if (x && !flat) return throw_err(in, &e), false;
    out->arrays[out->n] = flat;
    return flat != NULL;
}

bool cells_from(interp *in, const h5type *t, value cells, h5cells *out)
{
    list *l = list_of(in, cells);
    *out = (h5cells){0};
    if (!l) return false;
    out->start = mem_zero(((size_t)l->n + 2) * sizeof *out->start);
    out->arrays = t->special == H5_SEQUENCE ? mem_zero(((size_t)l->n + 1) * sizeof(nd *)) : NULL;
    bool ok = true;
    for (int64_t i = 0; ok && i < l->n; i++) {
        out->start[out->n + 1] = out->start[out->n];
        ok = add_cell(in, t, l->at[i], out);
        out->n++; /* what a cell that failed has is cleared, too */
    }
    obj_unref(in, l);
    if (!ok) h5_cells_clear(out);
    return ok;
}

/* ---- functions ---- */

typedef struct wanted { /* what the first arguments of both functions say */
    h5obj *of;
    region where;
    h5info info;
} wanted;

static bool wanted_of(interp *in, const value *arg, wanted *w)
{
    err e = {0};
    w->of = peek_h5(in, arg[0]);
    if (!w->of || !region_of(in, arg + 1, &w->where)) return false;
    if (h5_info(w->of, &w->info, &e)) return true;
    throw_err(in, &e);
    return false;
}

static value c_read(interp *in, const value *arg)
{
    wanted w;
    h5cells c;
    err e = {0};
    if (!wanted_of(in, arg, &w)) return FAIL;
    if (!h5_read_cells(w.of, w.where.p, &c, &e)) return throw_err(in, &e);
    value v = cells_value(in, &w.info.type, &c);
    h5_cells_clear(&c);
    return v;
}

static value c_write(interp *in, const value *arg)
{
    wanted w;
    h5cells c;
    err e = {0};
    if (!wanted_of(in, arg, &w) || !cells_from(in, &w.info.type, arg[4], &c)) return FAIL;
    bool ok = h5_write_cells(w.of, w.where.p, &c, &e);
    h5_cells_clear(&c);
    return done_or_throw(in, ok, &e);
}

/* special(dtype): None, 'reference', 'references', or the dtype that sequences are of */
static value c_special(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[0], &t)) return FAIL;
    if (t.dt != DT_object || t.unit < NOTE_REFERENCE) return NONE;
    if (t.unit == NOTE_REFERENCE) return v_str(in, "reference");
    if (t.unit == NOTE_REFERENCES) return v_str(in, "references");
    return dtype_value(in, dtype_plain((enum dtype)(t.unit - NOTE_SEQUENCE)));
}

/* special_dtype(of): of references (None), of sequences of a dtype, of references ('references') */
static value c_special_dtype(interp *in, const value *arg)
{
    dtype_of r = dtype_plain(DT_object), t = dtype_plain(DT_float64);
    if (is_none(arg[0]) || as_str(arg[0])) {
        r.unit = is_none(arg[0]) ? NOTE_REFERENCE : NOTE_REFERENCES;
        return dtype_value(in, r);
    }
    if (!to_dtype(in, arg[0], &t)) return FAIL;
    if (t.dt > DT_float64) /* complex numbers, texts */
        return throw(in, NotImplementedError, "sequences of this type are not supported in HDF5");
    r.unit = (uint8_t)(NOTE_SEQUENCE + t.dt);
    return dtype_value(in, r);
}

const builtin h5_cell_functions[] = {
    {"read_cells(dataset, start=None, step=None, count=None)", c_read, NULL},
    {"write_cells(dataset, start, step, count, cells)", c_write, NULL},
    {"special(dtype)", c_special, NULL},
    {"special_dtype(of)", c_special_dtype, NULL},
    {0},
};
