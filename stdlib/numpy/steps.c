/* stdlib/numpy/steps.c - the inner steps of numpy functions that are written in dsk: what would be
 * a loop over elements there is one call here. */
#include <stdio.h>
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

/* The element that `which` names of all choices, in the type they have in common. */
static nd *choose(interp *in, const nd *which, const blocks *b, char mode, err *e)
{
    enum { MOST = 32 };
    operand op[MOST];
    dtype_of t;
    if (b->n < 1 || b->n > MOST)
        return THROW0(in, ValueError, "Need at least 0 and at most %d array objects.", MOST);
    for (int i = 0; i < b->n; i++) op[i] = operand_of(b->at[i]);
    TRY(result_type(b->n, op, &t, e));
    if (t.dt == DT_object && !nd_alike(in, b->at, b->n)) return NULL;
    for (int i = 0; t.dt != DT_object && i < b->n; i++) {
        nd *y = nd_cast(b->at[i], t, 'u', e);
        TRY(y);
        datum_unref(b->at[i]);
        b->at[i] = y;
    }
    return nd_choose(which, b->n, (const nd *const *)b->at, mode, e);
}

/* choose(which, choices, out, mode) */
value ndarray_choose(interp *in, const value *arg)
{
    nd *which = to_nd_any(in, arg[0]);
    blocks b = {0};
    err e = {0};
    str *mode = as_str(arg[3]);
    if (!which || !blocks_of(in, arg[1], &b)) {
        datum_unref(which);
        return FAIL;
    }
    nd *y = choose(in, which, &b, mode ? mode->at[0] : 'r', &e);
    value r = y || e.kind ? array_result(in, y, &e) : FAIL;
    blocks_clear(&b);
    datum_unref(which);
    if (is_none(arg[2]) || is_fail(r)) return r;
    bool stored = array_setitem(in, arg[2], ELLIPSIS, r);
    value_unref(in, r);
    return stored ? value_ref(arg[2]) : FAIL;
}

/* _interp(x, xp, fp, left, right): left and right None for the ends' values */
static value f_interp(interp *in, const value *arg)
{
    dtype_of real = dtype_plain(DT_float64);
    nd *x = to_nd(in, arg[0], real), *xp = x ? to_nd(in, arg[1], real) : NULL,
       *fp = xp ? to_nd_any(in, arg[2]) : NULL;
    double end[2][2];
    err e = {0};
    bool ok = fp != NULL;
    for (int k = 0; ok && k < 2; k++) {
        const char *last = fp->at + (k ? (nd_shape(fp)[0] - 1) * nd_strides(fp)[0] : 0);
        nd *v = is_none(arg[3 + k]) ? NULL : to_nd(in, arg[3 + k], nd_type(fp));
        ok = v || is_none(arg[3 + k]);
        if (ok) memcpy(end[k], v ? v->at : last, fp->size);
        datum_unref(v);
    }
    value r = ok ? array_result(in, nd_interp(x, xp, fp, end[0], end[1], &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(xp);
    datum_unref(fp);
    return r;
}

ARRAY1(f_packbits, array_wrap(in, nd_packbits(x, value_truth(in, arg[1]) == 1, &e), &e))
ARRAY1(f_unpackbits,
       array_wrap(in, nd_unpackbits(x, arg[1].i, value_truth(in, arg[2]) == 1, &e), &e))

/* What is called for each tuple of cells: a function, or a method of the first. */
typedef struct callee {
    value f; /* borrowed; FAIL: the method */
    str *name;
} callee;

static bool method_of(interp *in, callee *c, value self, const type **of)
{
    if (!c->name || type_of(in, self) == *of) return true;
    *of = type_of(in, self);
    c->f = type_lookup(in, *of, c->name);
    if (!is_fail(c->f)) return true;
    return THROW0(in, AttributeError, "'%s' object has no attribute '%s'", (*of)->name,
                  c->name->at);
}

/* Results in `to`; false with an exception. */
static bool call_cells(interp *in, const blocks *b, callee c, int64_t count, list *to)
{
    value *v = mem_alloc((size_t)b->n * sizeof *v);
    const type *of = NULL;
    bool ok = true;
    for (int64_t i = 0; ok && i < count; i++) {
        int made = 0;
        for (; ok && made < b->n; made++) {
            const nd *x = b->at[made];
            v[made] = scalar_item(in, nd_type(x), x->at + i * x->size);
            ok = !is_fail(v[made]);
        }
        ok = ok && method_of(in, &c, v[0], &of) &&
             list_add(in, to, value_call(in, c.f, v, (size_t)b->n, NULL));
        for (int k = 0; k < made; k++) value_unref(in, v[k]);
        if (i % 1024 == 1023) ok = ok && check_interrupt(in);
    }
    mem_free(v);
    return ok;
}

/* _each_method(name, arrays): the method of every element of the first array, with the elements of
 * the others as arguments; _each_call(function, arrays): the function of the elements of all.
 * Broadcast; a list in C order. */
static value f_each(interp *in, const value *arg)
{
    blocks b = {0};
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    callee c = {.f = arg[0], .name = as_str(arg[0])};
    if (!blocks_of(in, arg[1], &b)) return FAIL;
    bool ok = shape_broadcast(b.n, (const nd *const *)b.at, &ndim, shape, &e);
    for (int i = 0; ok && i < b.n; i++) {
        nd *wide = nd_broadcast(b.at[i], ndim, shape, &e),
           *x = wide ? nd_contiguous(wide, &e) : NULL;
        datum_unref(wide);
        datum_unref(b.at[i]);
        ok = (b.at[i] = x) != NULL;
    }
    if (!ok) throw_err(in, &e);
    list *l = ok ? list_new(in, 0) : NULL;
    if (l && !call_cells(in, &b, c, shape_count(ndim, shape), l)) {
        obj_unref(in, l);
        l = NULL;
    }
    blocks_clear(&b);
    return l ? v_obj(l) : FAIL;
}

/* Clears the white space (ASCII's) at the end of a cell of n units of `size` bytes; false: none.
 * cell NULL: only asks. */
static bool strip_cell(const char *from, char *cell, uint32_t n, uint32_t size)
{
    bool found = false;
    for (uint32_t last = 0; n > 0; n--) {
        memcpy(&last, from + (n - 1) * size, size);
        if (last && last != ' ' && (last < 9 || last > 13)) break;
        found |= last != 0;
        if (cell) memset(cell + (n - 1) * size, 0, size);
    }
    return found;
}

/* _bare(a): texts without white space at their ends; a itself where there is none */
static value f_bare(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    nd *flat = x ? nd_contiguous(x, &e) : NULL, *own = NULL;
    datum_unref(x);
    if (!flat) return e.kind ? throw_err(in, &e) : FAIL;
    uint32_t unit = flat->dtype == DT_str ? 4 : 1, n = flat->size / unit;
    bool found = false;
    int64_t count = flat->dtype == DT_str || flat->dtype == DT_bytes ? nd_count(flat) : 0;
    for (int64_t i = 0; !found && i < count; i++)
        found = strip_cell(flat->at + i * flat->size, NULL, n, unit);
    if (found) own = nd_copy(flat, &e);
    for (int64_t i = 0; own && i < count; i++)
        strip_cell(own->at + i * own->size, own->at + i * own->size, n, unit);
    datum_unref(flat);
    return found ? array_wrap(in, own, &e) : value_ref(arg[0]);
}

/* _objects(items): the items of a list as they are, sequences too */
static value f_objects(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    dtype_of t = dtype_plain(DT_object);
    err e = {0};
    buf *b = buf_objects((size_t)l->n, &object_cells, &e);
    nd *x = b ? nd_view(b, b->data, t, 1, &l->n, NULL) : NULL;
    bool ok = x != NULL;
    buf_unref(b);
    for (int64_t i = 0; ok && i < l->n; i++)
        ok = scalar_store(in, l->at[i], t, x->at + i * x->size);
    if (ok || e.kind) return array_wrap(in, x, &e);
    datum_unref(x);
    return FAIL;
}

const builtin numpy_step_functions[] = {
    {"_interp(x, xp, fp, left, right)", f_interp, NULL},
    {"_packbits(a, big)", f_packbits, NULL},
    {"_unpackbits(a, count, big)", f_unpackbits, NULL},
    {"_each_method(name, arrays)", f_each, NULL},
    {"_each_call(function, arrays)", f_each, NULL},
    {"_objects(items)", f_objects, NULL},
    {"_bare(a)", f_bare, NULL},
    {0},
};
