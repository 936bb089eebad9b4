/* stdlib/numpy/quick.c - the short way for the small arrays that loops in user code make.
 *
 * Contiguous blocks, or every so many elements of one axis, of one type whose ufunc has a loop for
 * exactly that type: the loop runs straight into a new array.  Whatever is not that simple is left
 * to nd_map and nd_reduce, whose results these are bit for bit. */
#include "engine/kernels/fp.h"
#include "stdlib/numpy/numpy.h"

#include <string.h>

enum { QUICK_MOST = 8192 }; /* elements */

/* An operand: a block's memory, or one number that repeats. */
typedef struct source {
    const nd *x; /* NULL: a number */
    char *at;
    ptrdiff_t step;
    union {
        double d;
        int64_t i;
    } number;
} source;

static bool block_source(value v, source *s)
{
    if (v.kind != V_OBJ || v.o->type != &T_ndarray) return false;
    const nd *x = array_peek((ndarray *)v.o);
    if (x->dtype > DT_complex128 || nd_count(x) > QUICK_MOST || !x->ndim) return false;
    s->x = x;
    s->at = x->at;
    s->step = x->size;
    if (x->flags & ND_C) return true;
    s->step = nd_strides(x)[0];
    return x->ndim == 1 && s->step > 0;
}

/* A number that takes part in the type of the array beside it. */
static bool number_source(value v, enum dtype dt, source *s)
{
    s->x = NULL;
    s->at = (char *)&s->number;
    s->step = 0;
    int64_t i;
    if (v.kind == V_SCALAR && v.aux == DT_int64)
        memcpy(&i, &v.bits, 8);
    else if (v.kind == V_INT || v.kind == V_BOOL)
        i = v.i;
    else if (dt == DT_float64 && v.kind == V_FLOAT)
        return s->number.d = v.f, true;
    else if (dt == DT_float64 && v.kind == V_SCALAR && v.aux == DT_float64)
        return memcpy(&s->number.d, &v.bits, 8), true;
    else
        return false;
    if (dt == DT_int64) return s->number.i = i, true;
    s->number.d = (double)i;
    return dt == DT_float64;
}

static const ufunc_loop *loop_for(const ufunc *f, uint8_t dt)
{
    if (dt != DT_float64 && (f->id == U_power || f->id == U_float_power)) return NULL;
    if (dt == DT_bool && f->id != U_bitwise_and && f->id != U_bitwise_or && f->id != U_invert)
        return NULL;
    for (const ufunc_loop *l = f->loops; l->run; l++)
        if (l->arg[0] == dt && (f->nin == 1 || l->arg[1] == dt)) return l;
    return NULL;
}

static bool same_shape(const nd *x, const nd *y)
{
    return x->ndim == y->ndim && !memcmp(x->ext, y->ext, (size_t)x->ndim * sizeof(int64_t));
}

static bool run(interp *in, const ufunc *f, const ufunc_loop *l, const char *name, size_t n,
                char *const *p, const ptrdiff_t *steps)
{
    fp_clear();
    l->run(n, p, steps);
    unsigned flags = fp_reported(f, l->arg[0], fp_test());
    return !flags || warn_flags(in, flags, name);
}

bool quick_binary(interp *in, const ufunc *f, const char *name, value a, value b, ndarray *out,
                  value *r)
{
    source s[2];
    bool first = block_source(a, &s[0]), second = block_source(b, &s[1]);
    if (first && second) {
        if (s[0].x->dtype != s[1].x->dtype || !same_shape(s[0].x, s[1].x)) return false;
    } else if (first) {
        if (!number_source(b, (enum dtype)s[0].x->dtype, &s[1])) return false;
    } else if (!second || !number_source(a, (enum dtype)s[1].x->dtype, &s[0])) {
        return false;
    }
    const nd *x = first ? s[0].x : s[1].x;
    if (f->nin != 2 || f->nout != 1) return false;
    const ufunc_loop *l = loop_for(f, x->dtype);
    if (!l) return false;
    size_t n = (size_t)nd_count(x);
    ndarray *to = out;
    if (out) {
        const nd *y = array_peek(out);
        ndarray *other = (ndarray *)b.o;
        if (l->arg[2] != y->dtype || !same_shape(x, y) || !(y->flags & ND_C)) return false;
        if (second && other != out && other->s == out->s) return false; /* overlap */
        nd *own = array_write(in, out);
        if (!own) return *r = FAIL, true;
        if (first && a.o == &out->hdr) s[0].at = own->at;
        if (second && other == out) s[1].at = own->at;
    } else {
        to = array_fresh(in, dtype_plain((enum dtype)l->arg[2]), x->ndim, nd_shape(x));
        if (!to) return *r = FAIL, true;
    }
    const nd *y = array_peek(to);
    char *p[3] = {s[0].at, s[1].at, y->at};
    ptrdiff_t steps[3] = {s[0].step, s[1].step, (ptrdiff_t)y->size};
    bool ok = run(in, f, l, name, n, p, steps);
    *r = out ? value_ref((value){.kind = V_OBJ, .o = &out->hdr}) : v_obj(to);
    if (ok) return true;
    value_unref(in, *r);
    return *r = FAIL, true;
}

bool quick_unary(interp *in, const ufunc *f, value a, value *r)
{
    source s;
    if (f->nin != 1 || f->nout != 1) return false;
    if (a.kind == V_FLOAT || (a.kind == V_SCALAR && a.aux == DT_float64)) {
        const ufunc_loop *l = loop_for(f, DT_float64);
        double d, out;
        if (!l || l->arg[1] != DT_float64) return false;
        memcpy(&d, &a.bits, 8);
        char *p[2] = {(char *)&d, (char *)&out};
        if (!run(in, f, l, f->name, 1, p, (ptrdiff_t[]){8, 8})) return *r = FAIL, true;
        *r = (value){.kind = V_SCALAR, .aux = DT_float64};
        memcpy(&r->bits, &out, 8);
        return true;
    }
    if (!block_source(a, &s)) return false;
    const ufunc_loop *l = loop_for(f, s.x->dtype);
    if (!l) return false;
    ndarray *to = array_fresh(in, dtype_plain((enum dtype)l->arg[1]), s.x->ndim, nd_shape(s.x));
    if (!to) return *r = FAIL, true;
    const nd *y = array_peek(to);
    char *p[2] = {s.at, y->at};
    ptrdiff_t steps[2] = {s.step, (ptrdiff_t)y->size};
    *r = v_obj(to);
    if (run(in, f, l, f->name, (size_t)nd_count(y), p, steps)) return true;
    value_unref(in, *r);
    return *r = FAIL, true;
}

/* sum, prod, min, max and mean of float64; sum, prod, min and max of int64 */
bool quick_reduce(interp *in, const reduction *r, value v, value *out)
{
    source s;
    if (!block_source(v, &s) || !(s.x->flags & ND_C)) return false;
    if (s.x->dtype != DT_float64 && s.x->dtype != DT_int64) return false;
    bool mean = r == &reductions[R_mean] && s.x->dtype == DT_float64;
    const ufunc *f = mean ? &ufuncs[U_add] : r->fold;
    if (!mean && r != &reductions[R_sum] && r != &reductions[R_prod] && r != &reductions[R_min] &&
        r != &reductions[R_max])
        return false;
    size_t n = (size_t)nd_count(s.x);
    const ufunc_loop *l = loop_for(f, s.x->dtype);
    if (!l || !n) return false;
    bool whole = s.x->dtype == DT_int64, picks = f->identity == NO_IDENTITY;
    source acc = {0};
    if (picks)
        memcpy(&acc.number, s.at, 8), s.at += 8, n--;
    else if (whole)
        acc.number.i = f->identity == IDENTITY_1;
    else
        acc.number.d = f->identity == IDENTITY_1;
    char *p[3] = {(char *)&acc.number, s.at, (char *)&acc.number};
    if (!run(in, f, l, "reduce", n, p, (ptrdiff_t[]){0, 8, 0})) return *out = FAIL, true;
    if (mean) acc.number.d /= (double)n;
    *out = (value){.kind = V_SCALAR, .aux = whole ? DT_int64 : DT_float64};
    memcpy(&out->bits, &acc.number, 8);
    return true;
}
