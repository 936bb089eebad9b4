/* stdlib/numpy/objects.c - arrays of objects: what kernels do for numbers, through the language.
 *
 * Every function takes blocks of any type, of which at least one holds objects; elements are
 * handed to Python's operators one at a time. */
#include "stdlib/numpy/objects.h"

#include <string.h>

#include "engine/kernels/sort.h"

enum how {
    BINARY = 1,
    UNARY,
    COMPARE,
    PICK,  /* one of the two, by a comparison */
    LOGIC, /* and, or: one of the two, by truth */
    NOT,
    SQUARE,
    RECIPROCAL,
    SIGN,
    NEVER /* no loop for objects */
};

static const struct {
    uint8_t how, op;
} rows[NUFUNC] = {
    [U_add] = {BINARY, OP_ADD},
    [U_subtract] = {BINARY, OP_SUB},
    [U_multiply] = {BINARY, OP_MUL},
    [U_divide] = {BINARY, OP_TRUEDIV},
    [U_floor_divide] = {BINARY, OP_FLOORDIV},
    [U_remainder] = {BINARY, OP_MOD},
    [U_fmod] = {BINARY, OP_MOD},
    [U_divmod] = {BINARY, OP_DIVMOD},
    [U_power] = {BINARY, OP_POW},
    [U_float_power] = {BINARY, OP_POW},
    [U_bitwise_and] = {BINARY, OP_AND},
    [U_bitwise_or] = {BINARY, OP_OR},
    [U_bitwise_xor] = {BINARY, OP_XOR},
    [U_left_shift] = {BINARY, OP_LSHIFT},
    [U_right_shift] = {BINARY, OP_RSHIFT},
    [U_negative] = {UNARY, OP_NEG},
    [U_positive] = {UNARY, OP_POS},
    [U_absolute] = {UNARY, OP_ABS},
    [U_invert] = {UNARY, OP_INVERT},
    [U_floor] = {UNARY, OP_FLOOR},
    [U_ceil] = {UNARY, OP_CEIL},
    [U_trunc] = {UNARY, OP_TRUNC},
    [U_less] = {COMPARE, OP_LT},
    [U_less_equal] = {COMPARE, OP_LE},
    [U_equal] = {COMPARE, OP_EQ},
    [U_not_equal] = {COMPARE, OP_NE},
    [U_greater] = {COMPARE, OP_GT},
    [U_greater_equal] = {COMPARE, OP_GE},
    [U_minimum] = {PICK, OP_LE},
    [U_maximum] = {PICK, OP_GE},
    [U_fmin] = {PICK, OP_LE},
    [U_fmax] = {PICK, OP_GE},
    [U_logical_and] = {LOGIC, 0},
    [U_logical_or] = {LOGIC, 1},
    [U_logical_not] = {NOT, 0},
    [U_square] = {SQUARE, 0},
    [U_reciprocal] = {RECIPROCAL, 0},
    [U_sign] = {SIGN, 0},
    [U_isnan] = {NEVER, 0},
    [U_isinf] = {NEVER, 0},
    [U_isfinite] = {NEVER, 0},
    [U_isnat] = {NEVER, 0},
    [U_signbit] = {NEVER, 0},
    [U_copysign] = {NEVER, 0},
    [U_nextafter] = {NEVER, 0},
    [U_spacing] = {NEVER, 0},
    [U_modf] = {NEVER, 0},
    [U_frexp] = {NEVER, 0},
    [U_ldexp] = {NEVER, 0},
    [U_heaviside] = {NEVER, 0},
    [U_logaddexp] = {NEVER, 0},
    [U_logaddexp2] = {NEVER, 0},
};

static int compare_truth(interp *in, enum cmpop op, value a, value b)
{
    value r = value_compare(in, op, a, b);
    int yes = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return yes;
}

static value picked(int yes, value a, value b)
{
    return yes < 0 ? FAIL : value_ref(yes ? a : b);
}

static value sign(interp *in, value a)
{
    int below = compare_truth(in, OP_LT, a, v_int(0));
    int above = below ? 0 : compare_truth(in, OP_GT, a, v_int(0));
    return below < 0 || above < 0 ? FAIL : v_int(below ? -1 : above);
}

/* numpy.sqrt of objects calls their method sqrt. */
static value own_method(interp *in, const ufunc *f, value a, value b)
{
    value method;
    int found = value_findattr(in, a, f->name, &method);
    if (found < 0) return FAIL;
    if (!found)
        return throw(in, TypeError,
                     "loop of ufunc does not support argument 0 of type %s which has no callable "
                     "%s method",
                     type_of(in, a)->name, f->name);
    value r = f->nin == 2 ? call_n(in, method, 1, b) : call_n(in, method, 0);
    value_unref(in, method);
    return r;
}

static value object_element(interp *in, const ufunc *f, value a, value b)
{
    uint8_t op = rows[f->id].op;
    switch (rows[f->id].how) {
    case BINARY: return value_binary(in, op, a, b);
    case UNARY: return value_unary(in, op, a);
    case COMPARE: return value_compare(in, op, a, b);
    case PICK: return picked(compare_truth(in, op, a, b), a, b);
    case LOGIC: {
        int yes = value_truth(in, a);
        return picked(yes < 0 ? yes : yes == op, a, b);
    }
    case NOT: {
        int yes = value_truth(in, a);
        return yes < 0 ? FAIL : v_bool(!yes);
    }
    case SQUARE: return value_binary(in, OP_MUL, a, a);
    case RECIPROCAL: return value_binary(in, OP_TRUEDIV, v_float(1), a);
    case SIGN: return sign(in, a);
    default: return own_method(in, f, a, b);
    }
}

static bool check_loop(interp *in, const ufunc *f)
{
    if (rows[f->id].how != NEVER) return true;
    return THROW0(in, TypeError,
                  "ufunc '%s' not supported for the input types, and the inputs could not be "
                  "safely coerced to any supported types according to the casting rule ''safe''",
                  f->name);
}

/* ---- blocks of objects ---- */

static nd *object_block(int ndim, const int64_t *shape, err *e)
{
    buf *b = buf_objects((size_t)shape_count(ndim, shape), &object_cells, e);
    nd *x = b ? nd_view(b, b->data, dtype_plain(DT_object), ndim, shape, NULL) : NULL;
    buf_unref(b);
    return x;
}

static void put_cell(nd *x, int64_t i, value v) /* takes v */
{
    memcpy(x->at + i * x->size, &v, sizeof v); /* the cell was empty */
}

static value item_at(interp *in, const nd *x, int64_t i)
{
    enum { OFTEN = 4096 };
    if (i % OFTEN == OFTEN - 1 && !check_interrupt(in)) return FAIL;
    return scalar_item(in, nd_type(x), x->at + i * x->size);
}

nd *object_kept(interp *in, const nd *x, const nd *mask)
{
    err e = {0};
    nd *from = nd_contiguous(x, &e), *y = from ? object_block(x->ndim, nd_shape(x), &e) : NULL;
    if (!y) throw_err(in, &e);
    for (int64_t i = 0, n = y ? nd_count(x) : 0; y && i < n; i++) {
        value v = mask && mask->at[i] ? item_at(in, from, i) : v_int(0);
        if (is_fail(v)) {
            y = datum_unref(y);
            break;
        }
        put_cell(y, i, v);
    }
    datum_unref(from);
    return y;
}

nd *object_cast(interp *in, const nd *x)
{
    err e = {0};
    nd *from = nd_contiguous(x, &e), *y = from ? object_block(x->ndim, nd_shape(x), &e) : NULL;
    if (!y) throw_err(in, &e);
    for (int64_t i = 0, n = y ? nd_count(x) : 0; y && i < n; i++) {
        value v = item_at(in, from, i);
        if (is_fail(v))
            y = datum_unref(y);
        else
            put_cell(y, i, v);
    }
    datum_unref(from);
    return y;
}

/* ---- elementwise ---- */

static nd *as_bools(interp *in, const nd *x)
{
    err e = {0};
    nd *y = nd_new(dtype_plain(DT_bool), x->ndim, nd_shape(x), &e);
    if (!y) throw_err(in, &e);
    for (int64_t i = 0, n = nd_count(x); y && i < n; i++) {
        int yes = value_truth(in, cell_value((const objcell *)(void *)x->at + i));
        if (yes < 0) return datum_unref(y);
        y->at[i] = (char)yes;
    }
    return y;
}

/* Is there a character that is no blank? */
static bool text_says(const nd *x, const char *at)
{
    for (uint32_t i = 0; i < x->size; i += x->dtype == DT_str ? 4 : 1) {
        uint32_t c = (unsigned char)at[i];
        if (x->dtype == DT_str) memcpy(&c, at + i, 4);
        if (c && c != ' ' && (c < 9 || c > 13)) return true;
    }
    return false;
}

nd *nd_truths(interp *in, const nd *x)
{
    if (x->dtype != DT_object && x->dtype != DT_str && x->dtype != DT_bytes) return nd_ref(x);
    err e = {0};
    nd *flat = nd_contiguous(x, &e), *y = NULL;
    if (flat && x->dtype == DT_object)
        y = as_bools(in, flat);
    else if (flat && (y = nd_new(dtype_plain(DT_bool), x->ndim, nd_shape(x), &e)))
        for (int64_t i = 0, n = nd_count(flat); i < n; i++)
            y->at[i] = text_says(flat, flat->at + i * flat->size);
    if (!y && e.kind) throw_err(in, &e);
    datum_unref(flat);
    return y;
}

static nd *run(interp *in, const ufunc *f, nd *const *part, int n, int ndim, const int64_t *shape)
{
    err e = {0};
    nd *y = object_block(ndim, shape, &e);
    if (!y) return throw_err(in, &e), NULL;
    for (int64_t i = 0, count = nd_count(y); i < count; i++) {
        value a = item_at(in, part[0], i), b = n > 1 ? item_at(in, part[1], i) : NONE;
        value r = is_fail(a) || is_fail(b) ? FAIL : object_element(in, f, a, b);
        value_unref(in, a);
        value_unref(in, b);
        if (is_fail(r)) return datum_unref(y);
        put_cell(y, i, r);
    }
    return y;
}

/* divmod: the halves of the tuples */
static bool split_pairs(interp *in, const nd *x, nd *out[2])
{
    err e = {0};
    for (int k = 0; k < 2; k++) {
        out[k] = object_block(x->ndim, nd_shape(x), &e);
        if (!out[k]) return throw_err(in, &e), false;
        for (int64_t i = 0, n = nd_count(x); i < n; i++) {
            tuple *t = as_tuple(cell_value((const objcell *)(void *)x->at + i));
            put_cell(out[k], i, t && t->n > k ? value_ref(t->at[k]) : NONE);
        }
    }
    return true;
}

bool object_map(interp *in, const ufunc *f, nd *const *x, nd *out[2])
{
    int ndim, n = f->nin;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    nd *part[3] = {0};
    if (n > 2)
        return THROW0(in, NotImplementedError, "numpy.%s of objects is not supported", f->name);
    if (!check_loop(in, f)) return false;
    bool ok = shape_broadcast(n, (const nd *const *)x, &ndim, shape, &e);
    for (int i = 0; ok && i < n; i++) {
        nd *wide = nd_broadcast(x[i], ndim, shape, &e);
        part[i] = wide ? nd_contiguous(wide, &e) : NULL;
        datum_unref(wide);
        ok = part[i] != NULL;
    }
    if (!ok) throw_err(in, &e);
    nd *y = ok ? run(in, f, part, n, ndim, shape) : NULL;
    for (int i = 0; i < n; i++) datum_unref(part[i]);
    if (!y) return false;
    out[0] = y;
    if (rows[f->id].how == COMPARE || rows[f->id].how == NOT) {
        out[0] = as_bools(in, y);
        datum_unref(y);
    } else if (f->nout == 2) {
        ok = split_pairs(in, y, out);
        datum_unref(y);
        return ok;
    }
    return out[0] != NULL;
}

/* ---- folding and running along axes ---- */

/* x with the axes of the set at its end, flattened: (outer, inner) */
static nd *rows_of(const nd *x, uint32_t axes, err *e)
{
    int perm[ND_MAXDIM], k = 0;
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < x->ndim; i++)
        if (!(axes & axis_bit(i))) perm[k++] = i, outer *= nd_shape(x)[i];
    for (int i = 0; i < x->ndim; i++)
        if (axes & axis_bit(i)) perm[k++] = i, inner *= nd_shape(x)[i];
    nd *t = nd_transpose(x, perm), *c = nd_contiguous(t, e);
    datum_unref(t);
    nd *r = c ? nd_reshape(c, 2, (int64_t[]){outer, inner}, e) : NULL;
    datum_unref(c);
    return r;
}

static value fold(interp *in, const ufunc *f, const nd *x, int64_t first, int64_t n, value start)
{
    int64_t i = 0;
    value acc = start;
    if (is_fail(acc)) {
        if (n == 0 && f->identity == NO_IDENTITY)
            return throw(in, ValueError,
                         "zero-size array to reduction operation %s which has no identity",
                         f->name);
        if (n == 0) return v_int(f->identity == IDENTITY_1);
        acc = item_at(in, x, first + i++);
    } else {
        value_ref(acc);
    }
    for (; i < n && !is_fail(acc); i++) {
        value item = item_at(in, x, first + i);
        value next = is_fail(item) ? FAIL : object_element(in, f, acc, item);
        value_unref(in, item);
        value_unref(in, acc);
        acc = next;
    }
    return acc;
}

static nd *reduced_shape(nd *flat, const nd *x, uint32_t axes, bool keep, err *e)
{
    int64_t shape[ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!(axes & axis_bit(i)))
            shape[n++] = nd_shape(x)[i];
        else if (keep)
            shape[n++] = 1;
    nd *r = flat ? nd_reshape(flat, n, shape, e) : NULL;
    datum_unref(flat);
    return r;
}

nd *object_reduce(interp *in, const ufunc *f, const nd *x, uint32_t axes, bool keep, value start)
{
    err e = {0};
    if (!check_loop(in, f)) return NULL;
    nd *r = rows_of(x, axes, &e), *y = NULL;
    if (r) y = object_block(1, nd_shape(r), &e);
    if (!y) throw_err(in, &e);
    for (int64_t i = 0; y && i < nd_shape(r)[0]; i++) {
        value v = fold(in, f, r, i * nd_shape(r)[1], nd_shape(r)[1], start);
        if (is_fail(v))
            y = datum_unref(y);
        else
            put_cell(y, i, v);
    }
    datum_unref(r);
    nd *out = y ? reduced_shape(y, x, axes, keep, &e) : NULL;
    if (y && !out) throw_err(in, &e);
    return out;
}

nd *object_argpick(interp *in, bool most, const nd *x, uint32_t axes, bool keep)
{
    err e = {0};
    nd *r = rows_of(x, axes, &e), *y = r ? nd_new(dtype_plain(DT_int64), 1, nd_shape(r), &e) : NULL;
    if (!y) throw_err(in, &e);
    int64_t n = r ? nd_shape(r)[1] : 0;
    if (y && !n && nd_shape(r)[0]) {
        throw(in, ValueError, "attempt to get %s of an empty sequence", most ? "argmax" : "argmin");
        y = datum_unref(y);
    }
    for (int64_t i = 0; y && i < nd_shape(r)[0]; i++) {
        int64_t best = 0;
        for (int64_t k = 1; y && k < n; k++) {
            value a = item_at(in, r, i * n + k), b = item_at(in, r, i * n + best);
            bool ok = !is_fail(a) && !is_fail(b);
            int yes = ok ? compare_truth(in, most ? OP_GT : OP_LT, a, b) : -1;
            value_unref(in, a);
            value_unref(in, b);
            if (yes < 0) y = datum_unref(y);
            if (yes > 0) best = k;
        }
        if (y) ((int64_t *)(void *)y->at)[i] = best;
    }
    datum_unref(r);
    return y ? reduced_shape(y, x, axes, keep, &e) : NULL;
}

/* A result with the rows of `r` back on their axis. */
static nd *rows_back(nd *y, const nd *x, int axis, err *e)
{
    int64_t shape[ND_MAXDIM];
    int perm[ND_MAXDIM], k = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != axis) shape[k++] = nd_shape(x)[i];
    shape[k] = nd_shape(x)[axis];
    for (int i = 0; i < x->ndim; i++) perm[i] = i < axis ? i : i == axis ? x->ndim - 1 : i - 1;
    nd *wide = nd_reshape(y, x->ndim, shape, e), *t = wide ? nd_transpose(wide, perm) : NULL;
    nd *r = t ? nd_copy(t, e) : NULL;
    datum_unref(y);
    datum_unref(wide);
    datum_unref(t);
    return r;
}

nd *object_accumulate(interp *in, const ufunc *f, const nd *x, int axis)
{
    err e = {0};
    if (!check_loop(in, f)) return NULL;
    nd *r = rows_of(x, axis_bit(axis), &e), *y = r ? object_block(2, nd_shape(r), &e) : NULL;
    if (!y) throw_err(in, &e);
    int64_t n = r ? nd_shape(r)[1] : 0;
    for (int64_t i = 0, count = y ? nd_count(r) : 0; y && i < count; i++) {
        value item = item_at(in, r, i), v = item;
        if (i % n && !is_fail(item)) {
            v = object_element(in, f, cell_value((const objcell *)(void *)y->at + i - 1), item);
            value_unref(in, item);
        }
        if (is_fail(v))
            y = datum_unref(y);
        else
            put_cell(y, i, v);
    }
    datum_unref(r);
    nd *out = y ? rows_back(y, x, axis, &e) : NULL;
    if (y && !out) throw_err(in, &e);
    return out;
}

/* ---- order ---- */

/* The indices that sort n items from `first` on, or the items: a list. */
static list *sorted_row(interp *in, const nd *r, int64_t first, int64_t n, bool indices)
{
    list *l = list_new(in, n);
    for (int64_t i = 0; l && i < n; i++) {
        value v = item_at(in, r, first + i);
        if (indices) v = v_obj(tuple_pack(in, 2, v, v_int(i))); /* equal ones keep their order */
        if (!list_add(in, l, v)) obj_unref(in, l), l = NULL;
    }
    if (l && list_sort(in, l, FAIL, false)) return l;
    obj_unref(in, l);
    return NULL;
}

static bool is_below(interp *in, value a, value b, bool *below)
{
    value v = value_compare(in, OP_LT, a, b);
    int yes = is_fail(v) ? -1 : value_truth(in, v);
    value_unref(in, v);
    *below = yes > 0;
    return yes >= 0;
}

/* Places that a stable sort gave of n items of a row (l: item, place), as NumPy's quicksort leaves
 * them: it sorts what numbers of the same order would be. */
static bool shuffle_ties(interp *in, const list *l, int64_t n, int64_t *place)
{
    err e = {0};
    nd *rank = nd_new(dtype_plain(DT_int64), 1, &n, &e), *order = NULL;
    bool ok = rank, ties = false;
    for (int64_t k = 0, at = 0; ok && k < n; k++) {
        const value *item = as_tuple(l->at[k])->at;
        bool above = !k;
        if (k) ok = is_below(in, as_tuple(l->at[k - 1])->at[0], item[0], &above);
        ties |= !above;
        at += above;
        ((int64_t *)(void *)rank->at)[item[1].i] = at;
    }
    if (ok && ties) {
        order = nd_argsort(rank, 0, false, &e);
        if (order) memcpy(place, order->at, (size_t)n * sizeof *place);
    }
    ok = ok && (order || !ties);
    if (e.kind) throw_err(in, &e);
    datum_unref(rank);
    datum_unref(order);
    return ok;
}

nd *object_sort(interp *in, const nd *x, int axis, bool indices, bool stable)
{
    err e = {0};
    nd *r = rows_of(x, axis_bit(axis), &e), *y = NULL;
    if (r && indices) y = nd_new(dtype_plain(DT_int64), 2, nd_shape(r), &e);
    if (r && !indices) y = object_block(2, nd_shape(r), &e);
    if (!y) throw_err(in, &e);
    int64_t n = r ? nd_shape(r)[1] : 0;
    for (int64_t i = 0; y && i < nd_shape(r)[0]; i++) {
        list *l = sorted_row(in, r, i * n, n, indices);
        int64_t *place = indices ? (int64_t *)(void *)y->at + i * n : NULL;
        for (int64_t k = 0; l && k < n; k++) {
            if (indices)
                place[k] = as_tuple(l->at[k])->at[1].i;
            else
                put_cell(y, i * n + k, value_ref(l->at[k]));
        }
        if (!l || (indices && !stable && !shuffle_ties(in, l, n, place))) y = datum_unref(y);
        obj_unref(in, l);
    }
    datum_unref(r);
    nd *out = y ? rows_back(y, x, axis, &e) : NULL;
    if (y && !out) throw_err(in, &e);
    return out;
}
