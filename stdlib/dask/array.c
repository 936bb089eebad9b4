/* stdlib/dask/array.c - the C part of dask.array.Array: an expr, its attributes and operators.
 *
 * The class that users see is written in dsk (dask/array/core.dsk) and derives from this one; it
 * registers itself, so that everything built here is an instance of it. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/freeze.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/numpy/numpy.h"

module *dask_module(interp *in)
{
    value v = interp_import(in, "_dask");
    module *m = (module *)(void *)as_obj(v, &T_module);
    value_unref(in, v); /* sys.modules holds it */
    return m;
}

static const type *array_class(interp *in)
{
    module *m = dask_module(in);
    if (!m) return NULL;
    value v = dict_peek(in, module_dict(m), "_class");
    if (is_fail(v)) { /* the class is in dsk: importing it registers it */
        value core = interp_import(in, "dask.array.core");
        value cls = is_fail(core) ? FAIL : value_getattr_c(in, core, "Array");
        value_unref(in, core);
        if (is_fail(cls) || !module_put(in, m, "_class", cls)) return NULL;
        v = dict_peek(in, module_dict(m), "_class");
        type *t = (type *)(uintptr_t)as_type(v);
        if (t) t->flags |= TYPE_QUIET;
    }
    return as_type(v);
}

/* v; what dask.annotate says about what is built now is noted for it. */
static value noted(interp *in, value v)
{
    value f = dict_peek(in, module_dict(dask_module(in)), "_noting");
    if (is_fail(f) || is_none(f)) return v;
    value same = call_n(in, f, 1, v);
    value_unref(in, v);
    return same;
}

value wrap_expr(interp *in, expr *x, err *e)
{
    if (!x) return e->kind ? throw_err(in, e) : FAIL;
    const type *t = array_class(in);
    lazy *l = t ? obj_new(in, t, 0) : NULL;
    if (!l) return datum_unref(x), FAIL;
    l->x = x;
    return noted(in, v_obj(l));
}

expr *peek_expr(interp *in, value v)
{
    lazy *l = as_lazy(v);
    return l ? l->x
             : THROW0(in, TypeError, "expected a dask array, got '%s'", type_of(in, v)->name);
}

static void lazy_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((lazy *)o)->x);
}

static bool lazy_quiet(const obj *o, int depth) /* blocks of its own kind: numbers */
{
    (void)depth;
    return !((const lazy *)(const void *)o)->x->of->foreign;
}

static expr *of(const value *arg)
{
    return ((lazy *)arg[0].o)->x;
}

/* ---- attributes ---- */

static value extent_value(int64_t n)
{
    return n < 0 ? v_float(NAN) : v_int(n);
}

static value get_shape(interp *in, const value *arg)
{
    expr *x = of(arg);
    int64_t shape[GRID_MAXDIM];
    expr_shape(x, shape);
    tuple *t = tuple_new(in, expr_ndim(x));
    for (int i = 0; t && i < expr_ndim(x); i++) t->at[i] = extent_value(shape[i]);
    return v_obj(t);
}

static value get_chunks(interp *in, const value *arg)
{
    return chunks_value(in, of(arg)->chunks);
}

static value get_dtype(interp *in, const value *arg)
{
    return dtype_value(in, of(arg)->type);
}

static value get_name(interp *in, const value *arg)
{
    return v_str(in, expr_name(of(arg)));
}

static value get_ndim(interp *in, const value *arg)
{
    (void)in;
    return v_int(expr_ndim(of(arg)));
}

static value get_numblocks(interp *in, const value *arg)
{
    grid *g = of(arg)->chunks;
    tuple *t = tuple_new(in, g->ndim);
    for (int i = 0; t && i < g->ndim; i++) t->at[i] = v_int(g->ax[i]->nblock);
    return v_obj(t);
}

static value get_npartitions(interp *in, const value *arg)
{
    (void)in;
    return v_int((int64_t)of(arg)->chunks->nblock);
}

static value get_chunksize(interp *in, const value *arg)
{
    grid *g = of(arg)->chunks;
    tuple *t = tuple_new(in, g->ndim);
    for (int i = 0; t && i < g->ndim; i++) t->at[i] = extent_value(g->ax[i]->largest);
    return v_obj(t);
}

static value get_size(interp *in, const value *arg)
{
    (void)in;
    return extent_value(grid_count(of(arg)->chunks));
}

/* of one element as users know it: an object is a pointer */
static int64_t seen_size(const expr *x)
{
    return x->type.dt == DT_object ? (int64_t)sizeof(void *) : x->type.size;
}

static value get_itemsize(interp *in, const value *arg)
{
    (void)in;
    return v_int(seen_size(of(arg)));
}

static value get_nbytes(interp *in, const value *arg)
{
    (void)in;
    int64_t n = grid_count(of(arg)->chunks);
    return n < 0 ? v_float(NAN) : v_int(n * seen_size(of(arg)));
}

static value m_layers(interp *in, const value *arg)
{
    layer *root = of(arg)->of;
    layers all = layers_of(1, &root);
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 0; ok && i < all.n; i++)
        ok = dict_put(in, d, all.at[i]->name, layer_value(in, all.at[i]));
    layers_clear(&all);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static value m_layer_deps(interp *in, const value *arg)
{
    layer *root = of(arg)->of;
    layers all = layers_of(1, &root);
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 0; ok && i < all.n; i++) {
        set *s = set_new(in, false);
        for (uint32_t k = 0; s && ok && k < all.at[i]->ndep; k++) {
            value name = v_str(in, all.at[i]->dep[k]->name);
            ok = !is_fail(name) && set_add(in, s, name);
            value_unref(in, name);
        }
        if (s && ok)
            ok = dict_put(in, d, all.at[i]->name, v_obj(s));
        else
            ok = (obj_unref(in, s), false);
    }
    layers_clear(&all);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static value m_counts(interp *in, const value *arg)
{
    layer *root = of(arg)->of;
    layers all = layers_of(1, &root);
    value v = v_obj(tuple_pack(in, 2, v_int((int64_t)layers_count(&all)), v_int(all.n)));
    layers_clear(&all);
    return v;
}

/* nested lists of keys, as __dask_keys__ wants */
static value nested_keys(interp *in, const expr *x, int axis, int64_t *block)
{
    grid *g = x->chunks;
    if (axis == g->ndim) {
        key k = {.name = expr_name(x), .n = g->ndim};
        if (!check_interrupt(in)) return FAIL;
        memcpy(k.i, block, sizeof *block * g->ndim);
        return key_value(in, &k);
    }
    list *l = list_new(in, g->ax[axis]->nblock);
    for (block[axis] = 0; l && block[axis] < g->ax[axis]->nblock; block[axis]++)
        if (!list_add(in, l, nested_keys(in, x, axis + 1, block))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

static value m_keys(interp *in, const value *arg)
{
    int64_t block[GRID_MAXDIM];
    if (!graph_fits(in, of(arg)->chunks->nblock)) return FAIL;
    value v = nested_keys(in, of(arg), 0, block);
    if (expr_ndim(of(arg)) || is_fail(v)) return v;
    list *l = list_new(in, 1); /* Dask wraps the only key of a 0-d array */
    if (l && list_add(in, l, v)) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

static value get_foreign(interp *in, const value *arg)
{
    (void)in;
    return v_bool(((lazy *)arg[0].o)->x->of->foreign);
}

static value lazy_repr(interp *in, value self)
{
    expr *x = ((lazy *)self.o)->x;
    const char *dash = strrchr(expr_name(x), '-');
    size_t n = dash ? (size_t)(dash - expr_name(x)) : strlen(expr_name(x));
    char *shape = expr_shape_text(x), dt[32];
    dtype_name(x->type, dt);
    value chunk = get_chunksize(in, &self);
    str *c = is_fail(chunk) ? NULL : value_repr(in, chunk);
    str *s =
        c ? str_fmt(in, "dask.array<%.*s, shape=%s, dtype=%s, chunksize=%s, chunktype=numpy.%s>",
                    (int)n, expr_name(x), shape, dt, c->at,
                    x->of->foreign ? "MaskedArray" : "ndarray")
          : NULL;
    mem_free(shape);
    obj_unref(in, c);
    value_unref(in, chunk);
    return v_obj(s);
}

static int64_t lazy_length(interp *in, value self)
{
    expr *x = ((lazy *)self.o)->x;
    if (expr_ndim(x) == 0) return THROWN(in, TypeError, "len() of unsized object");
    if (x->chunks->ax[0]->extent < 0)
        return THROWN(
            in, ValueError,
            "Cannot call len() on object with unknown chunk size.\n\nA possible solution: "
            "https://docs.dask.org/en/latest/array-chunks.html#unknown-chunks\nSummary: to compute "
            "chunks sizes, use\n\n   x.compute_chunk_sizes()  # for Dask Array `x`\n   "
            "ddf.to_dask_array(lengths=True)  # for Dask DataFrame `ddf`");
    return x->chunks->ax[0]->extent;
}

/* ---- operators ---- */

/* Names as Dask gives them: Python's operator names. */
static const struct {
    enum ufunc_id id;
    const char *prefix;
} binary_ops[NBINOP] =
    {
        [OP_ADD] = {U_add, "add"},
        [OP_SUB] = {U_subtract, "sub"},
        [OP_MUL] = {U_multiply, "mul"},
        [OP_TRUEDIV] = {U_divide, "truediv"},
        [OP_FLOORDIV] = {U_floor_divide, "floordiv"},
        [OP_MOD] = {U_remainder, "mod"},
        [OP_POW] = {U_power, "pow"},
        [OP_LSHIFT] = {U_left_shift, "lshift"},
        [OP_RSHIFT] = {U_right_shift, "rshift"},
        [OP_AND] = {U_bitwise_and, "and_"},
        [OP_OR] = {U_bitwise_or, "or_"},
        [OP_XOR] = {U_bitwise_xor, "xor"},
        [OP_DIVMOD] = {U_divmod, "divmod"},
},
  compare_ops[NCMPOP] =
      {
          [OP_LT] = {U_less, "lt"},    [OP_LE] = {U_less_equal, "le"},
          [OP_EQ] = {U_equal, "eq"},   [OP_NE] = {U_not_equal, "ne"},
          [OP_GT] = {U_greater, "gt"}, [OP_GE] = {U_greater_equal, "ge"},
},
  unary_ops[] = {
      [OP_NEG] = {U_negative, "neg"},
      [OP_POS] = {U_positive, "pos"},
      [OP_INVERT] = {U_invert, "invert"},
      [OP_ABS] = {U_absolute, "abs"},
};

/* Other lazy collections and things that are no operands answer the reflected operator. */
static bool is_operand(value v)
{
    if (v.kind == V_NONE) return false;
    if (v.kind != V_OBJ) return true;
    if (as_lazy(v) || as_ndarray(v) || as_list(v) || as_tuple(v)) return true;
    return !(v.o->type->flags & TYPE_HEAP) && !as_dict(v) && !as_set(v);
}

/* An operator has no say about types that its function does not take: Python then names both. */
static bool untyped(err *e)
{
    bool yes = e->kind == TypeError || e->kind == UFuncTypeError;
    if (yes) err_clear(e);
    return yes;
}

static bool has_objects(value v)
{
    lazy *l = as_lazy(v);
    return l ? l->x->type.dt == DT_object : is_object_array(v);
}

/* What objects do is theirs to say: blocks go to Python's operator, or to the ufunc `name`. */
static value by_blocks(interp *in, const char *how, const char *name, value a, value b)
{
    value home = interp_import(in, "dask.array._mapping");
    value s = is_fail(home) ? FAIL : v_str(in, name);
    value r = is_fail(s) ? FAIL : call_method(in, home, how, is_fail(b) ? 2 : 3, s, a, b);
    value_unref(in, s);
    value_unref(in, home);
    return r;
}

static value by_objects(interp *in, const char *name, value a, value b)
{
    return by_blocks(in, "operate", name, a, b);
}

static value map2(interp *in, enum ufunc_id id, const char *prefix, value a, value b)
{
    bool objects = has_objects(a) || has_objects(b);
    if (objects && (is_none(a) || is_none(b) || (is_operand(a) && is_operand(b))))
        return by_objects(in, prefix, a, b);
    if (!is_operand(a) || !is_operand(b)) return NOTIMPL;
    term t[2] = {{0}, {0}};
    err e = {0};
    value r = FAIL;
    if (term_of(in, a, &t[0]) && term_of(in, b, &t[1])) {
        if (id == U_divmod) {
            expr *q = expr_map((label){.prefix = prefix}, &ufuncs[id], 2, t,
                               (dtype_of){.dt = DT_none}, 0, &e);
            expr *m = q ? expr_map((label){.prefix = prefix}, &ufuncs[id], 2, t,
                                   (dtype_of){.dt = DT_none}, 1, &e)
                        : NULL;
            if (!m) datum_unref(q);
            if (m) {
                value v = wrap_expr(in, q, &e), w = wrap_expr(in, m, &e);
                r = v_obj(tuple_pack(in, 2, v, w));
            } else {
                throw_err(in, &e);
            }
        } else {
            label l = {.prefix = prefix};
            expr *x = id == U_power
                          ? expr_pow(l, t, &e)
                          : expr_map(l, &ufuncs[id], 2, t, (dtype_of){.dt = DT_none}, 0, &e);
            r = !x && untyped(&e) ? NOTIMPL : wrap_expr(in, x, &e);
        }
    }
    term_clear(&t[0]);
    term_clear(&t[1]);
    return r;
}

/* NumPy's own operators come here as ufuncs, and name the result so */
static bool is_numpys(value v)
{
    return v.kind == V_SCALAR || as_ndarray(v);
}

static value lazy_binary(interp *in, enum binop op, value a, value b)
{
    if (op == OP_MATMUL) {
        if (!is_operand(a) || !is_operand(b)) return NOTIMPL;
        value m = interp_import(in, "dask.array");
        value r = is_fail(m) ? FAIL : call_method(in, m, "matmul", 2, a, b);
        value_unref(in, m);
        return r;
    }
    enum ufunc_id id = binary_ops[op].id;
    return map2(in, id, is_numpys(a) ? ufuncs[id].name : binary_ops[op].prefix, a, b);
}

static value lazy_compare(interp *in, enum cmpop op, value a, value b)
{
    value r = map2(in, compare_ops[op].id, compare_ops[op].prefix, a, b);
    const bool equality = op == OP_EQ || op == OP_NE;
    if (!equality || !is_notimpl(r)) return r;
    if (!(is_none(a) || is_operand(a)) || !(is_none(b) || is_operand(b))) return r;
    return by_blocks(in, "compare", compare_ops[op].prefix, a, b); /* types that are never equal */
}

/* int(x), float(x) ... compute, as Dask does */
static value converted(interp *in, enum unop op, value v)
{
    expr *x = ((lazy *)v.o)->x;
    if (op == OP_INDEX && (expr_ndim(x) || !dtype_is_int((enum dtype)x->type.dt))) return NOTIMPL;
    int64_t n = grid_count(x->chunks);
    if (n > 1)
        return throw(in, TypeError, "Only length-1 arrays can be converted to Python scalars");
    value r = call_method(in, v, "compute", 0);
    value s = is_fail(r) ? FAIL : value_unary(in, op, r);
    value_unref(in, r);
    return s;
}

static value lazy_unary(interp *in, enum unop op, value v)
{
    if (op > OP_ABS) return op == OP_ROUND ? NOTIMPL : converted(in, op, v);
    if (has_objects(v)) return by_objects(in, unary_ops[op].prefix, v, FAIL);
    term t = {.x = ((lazy *)v.o)->x};
    err e = {0};
    expr *y = expr_map((label){.prefix = unary_ops[op].prefix}, &ufuncs[unary_ops[op].id], 1, &t,
                       (dtype_of){.dt = DT_none}, 0, &e);
    return !y && untyped(&e) ? NOTIMPL : wrap_expr(in, y, &e);
}

static int lazy_truth(interp *in, value self)
{
    int64_t n = grid_count(((lazy *)self.o)->x->chunks);
    if (n > 1)
        return THROWN(in, ValueError,
                      "The truth value of a Array is ambiguous. Use a.any() or a.all().");
    value r = call_method(in, self, "compute", 0);
    int yes = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return yes;
}

static bool lazy_hash(interp *in, value self, uint64_t *out)
{
    (void)in, (void)self, (void)out;
    return THROW0(in, TypeError, "unhashable type: 'Array'");
}

static value get_true_name(interp *in, const value *arg)
{
    const char *name = expr_name(of(arg)), *dash = strrchr(name, '-');
    return v_obj(str_new(in, name, dash ? (size_t)(dash - name) : strlen(name)));
}

/* _edges(axis, blocks): where blocks begin */
static value m_edges(interp *in, const value *arg)
{
    expr *x = of(arg);
    int64_t axis, block;
    list *l = as_list(arg[2]), *out = l ? list_new(in, l->n) : NULL;
    bool ok = out && to_int64(in, arg[1], &axis);
    ok = ok && axis >= 0 && axis < expr_ndim(x);
    for (int64_t i = 0; ok && i < l->n; i++) {
        const cuts *c = x->chunks->ax[axis];
        ok = to_int64(in, l->at[i], &block) && block >= 0 && block <= c->nblock;
        int64_t at = !ok                 ? 0
                     : block < c->nblock ? cuts_start(c, block)
                     : block             ? cuts_start(c, block - 1) + cuts_size(c, block - 1)
                                         : 0;
        ok = ok && list_add(in, out, v_int(at));
    }
    if (ok) return v_obj(out);
    obj_unref(in, out);
    return throwing(in) ? FAIL : throw(in, IndexError, "_edges: no such axis or block");
}

static const builtin lazy_table[] = {
    {"@property shape", get_shape, "Extent along each axis; nan where unknown."},
    {"@property chunks", get_chunks, "Chunk sizes along each axis, a tuple of tuples."},
    {"@property chunksize", get_chunksize, "The largest chunk along each axis."},
    {"@property numblocks", get_numblocks, "Number of chunks along each axis."},
    {"@property npartitions", get_npartitions, "Number of chunks."},
    {"@property dtype", get_dtype, "Type of the elements."},
    {"@property _foreign", get_foreign, "Are its blocks things of the language?"},
    {"@property name", get_name, "The name of the last layer: the first part of every key."},
    {"@property _name", get_name, NULL},
    {"@property _prefix", get_true_name, NULL},
    {"@property ndim", get_ndim, "Number of axes."},
    {"@property size", get_size, "Number of elements; nan when unknown."},
    {"@property itemsize", get_itemsize, "Bytes of one element."},
    {"@property nbytes", get_nbytes, "Bytes of all elements; nan when unknown."},
    {"_layers(self)", m_layers, NULL},
    {"_layer_dependencies(self)", m_layer_deps, NULL},
    {"_edges(self, axis, blocks)", m_edges, NULL},
    {"_counts(self)", m_counts, "(tasks, layers)"},
    {"__dask_keys__(self)", m_keys, "Nested lists of the keys of the chunks."},
    {0},
};

static bool lazy_save(freezer *f, obj *o)
{
    freeze_datum(f, &((lazy *)(void *)o)->x->hdr);
    return true;
}

static obj *lazy_load(thawer *t, const type *cls)
{
    lazy *l = obj_new(thawer_interp(t), cls, 0);
    datum *d = thaw_datum(t);
    if (l) l->x = datum_ref(d);
    return (obj *)(void *)l;
}

static const crossing lazy_cross = {lazy_save, lazy_load};

const type T_lazy = {
    TYPE_HEAD,
    .cross = &lazy_cross,
    .name = "Array",
    .module = "dask.array.core",
    .doc = "A lazy, chunked array.",
    .size = sizeof(lazy),
    .flags = TYPE_BASE,
    .table = lazy_table,
    .drop = lazy_drop,
    .quiet = lazy_quiet,
    .repr = lazy_repr,
    .hash = lazy_hash,
    .truth = lazy_truth,
    .length = lazy_length,
    .compare = lazy_compare,
    .unary = lazy_unary,
    .binary = lazy_binary,
};
