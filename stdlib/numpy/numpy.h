/* stdlib/numpy/numpy.h - arrays of the language over the engine's blocks.
 *
 * An ndarray views a storage (one base array of one interpreter), which holds a counted
 * buffer.  Reading lends an `nd` that lives inside the ndarray; writing goes through
 * array_write(), which takes a private copy of the buffer first when anybody else
 * (a task, a capsule, a persisted chunk) counts it, and every view of the storage follows.
 *
 * Scalars (numpy.float64 ...) are V_SCALAR values with the dtype in aux, except the ones that do
 * not fit 8 bytes: complex128, str_ and bytes_ are objects of the layout of their Python bases. */
#pragma once

#include "engine/data/format.h"
#include "engine/data/nd.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/ufunc.h"
#include "lang/lang.h"

typedef struct storage {
    uint32_t rc; /* the array that holds it and its views, which keep that array alive */
    bool readonly;
    buf *b;      /* owned; the embedded nds of the views borrow it */
    bool frozen; /* seen by several interpreters: writing is trapped */
} storage;

typedef struct ndarray {
    obj hdr;
    storage *s;                /* its own, or that of base */
    storage own;               /* unless it is a view */
    ptrdiff_t offset;          /* of the first element in the buffer */
    bool readonly;             /* this view (flags.writeable) */
    uint8_t room;              /* axes that fit the embedded nd */
    obj *base;                 /* the ndarray that this is a view of, or NULL; owned */
    _Alignas(16) char block[]; /* the embedded nd, with its ext[] */
} ndarray;

extern const type T_ndarray, T_memmap, T_dtype, T_ufunc;

static inline ndarray *as_ndarray(value v)
{
    return (ndarray *)as_obj(v, &T_ndarray);
}

/* ---- array.c: arrays and blocks ---- */

/* Lends the block an array views; good until the array is written or dropped. */
const nd *array_peek(ndarray *a);
/* A counted, immutable block of the array's present content: no copy. */
nd *array_snapshot(ndarray *a);
/* The block to write into; NULL with ValueError "assignment destination is read-only". */
nd *array_write(interp *in, ndarray *a);
/* A new array of its own in C order, elements not set. */
ndarray *array_fresh(interp *in, dtype_of t, int ndim, const int64_t *shape);
/* A view of `of` that begins at a place in its memory. */
value array_view(interp *in, ndarray *of, char *at, int ndim, const int64_t *shape,
                 const int64_t *strides);
/* a takes on shape and memory of x: its own memory in another shape, or a fresh block. */
bool array_become(interp *in, ndarray *a, const nd *x);
/* A new array that owns (takes) the block; a block shared with others is copied at the first write.
 * NULL gives FAIL: `return array_wrap(in, nd_sum(..., &e), &e)` throws e. */
value array_wrap(interp *in, nd *x, err *e);
/* The same, but a view of `of` when x views its buffer. Takes x. */
value array_wrap_view(interp *in, nd *x, ndarray *of, err *e);
/* As array_wrap, but 0-d blocks become scalars, as NumPy's functions return them. */
value array_result(interp *in, nd *x, err *e);

/* ---- scalar.c: elements and values ---- */

/* The element as NumPy hands it out: x[0] */
value scalar_value(interp *in, dtype_of t, const void *element);
/* The element as Python has it: x.item() */
value scalar_item(interp *in, dtype_of t, const void *element);
/* Is v a number, bool, string or NumPy scalar that fits one element?  Writes it (at most 16 bytes;
 * strings only set t) and its dtype: a Python int is int64, else uint64, else object. */
bool scalar_element(interp *in, value v, dtype_of *t, void *element);
bool is_scalar(interp *in, value v); /* numpy.isscalar */
/* datetime.date, datetime and timedelta of the language as a datetime64[D or us] or
 * timedelta64[us]; false: it is none (or an exception). */
bool moment_element(interp *in, value v, dtype_of *t, int64_t *out);
value moment_item(interp *in, dtype_of t, int64_t v); /* and back; what has none is an int */
/* v converted to dtype t as one element, with NumPy's errors */
bool scalar_store(interp *in, value v, dtype_of t, void *element);
const type *scalar_type(enum dtype dt);  /* numpy.float64 ... */
bool scalar_open(interp *in, module *m); /* registers the types */
extern const cell_ops object_cells;
value cell_value(const objcell *c); /* borrowed value of an object cell */
objcell value_cell(value v);        /* counts v */

/* ---- dtype.c ---- */

value dtype_value(interp *in, dtype_of t);
/* 'f8', float, np.float64, dtype(...), None (keeps *out as the default); TypeError otherwise */
bool to_dtype(interp *in, value v, dtype_of *out);
/* A call that failed for its dtype: what function(arg...) of that module makes of it when it has
 * fields, else FAIL. */
value with_fields(interp *in, const char *home, const char *function, const value *arg, size_t n,
                  value dtype);
/* as to_dtype, with None giving DT_none */
bool to_dtype_or_none(interp *in, value v, dtype_of *out);

/* ---- convert.c: anything to a block ---- */

/* A block for any array-like; want.dt DT_none: discovered.  Owned (a snapshot of an array, so do
 * not write into it). */
nd *to_nd(interp *in, value v, dtype_of want);
static inline nd *to_nd_any(interp *in, value v)
{
    return to_nd(in, v, (dtype_of){.dt = DT_none});
}
/* Kernels do not convert objects: y (taken) as something that can be assigned to the target, and
 * blocks that are joined all as objects if one is. */
nd *nd_for(interp *in, nd *y, const nd *target);
bool nd_alike(interp *in, nd **x, int n);
bool warn_complex(interp *in, dtype_of from, dtype_of to); /* ComplexWarning, if there is cause */
bool warn_cast(interp *in, const nd *x, dtype_of to);      /* likewise, and what does not fit */
/* shape argument: int or sequence of ints */
bool to_shape(interp *in, value v, int *ndim, int64_t shape[ND_MAXDIM]);
tuple *shape_tuple(interp *in, int ndim, const int64_t *shape);
/* axis argument: None gives ALL_AXES; int or tuple of ints; AxisError, ValueError on duplicates */
bool to_axes(interp *in, value v, int ndim, uint32_t *axes);
bool to_axis(interp *in, value v, int ndim, int *axis);

/* ---- index.c ---- */

value array_getitem(interp *in, value self, value key);
bool array_setitem(interp *in, value self, value key, value v);
typedef struct index_list { /* parsed [..]; arrays are owned */
    int n;
    index_item item[ND_MAXDIM * 2];
} index_list;
bool index_parse(interp *in, value key, index_list *out);
void index_clear(index_list *l);

/* ---- ufunc.c ---- */

value ufunc_value(interp *in, const ufunc *f);
const ufunc *as_ufunc(value v);
/* f of the blocks, warnings under `name`; out may be NULL */
value ufunc_apply(interp *in, const ufunc *f, const char *name, nd *const *x, ndarray *out);

/* ---- operators.c ---- */

/* the operator slots of ndarray and of the scalars */
value array_binary(interp *in, enum binop op, value a, value b);
value array_reuse(interp *in, enum binop op, value a, value b, value into);
value array_inplace(interp *in, enum binop op, value self, value other);
value array_unary(interp *in, enum unop op, value v);
value array_compare(interp *in, enum cmpop op, value a, value b);
bool ufunc_open(interp *in, module *m); /* numpy.add ... */
bool warn_flags(interp *in, unsigned flags, const char *where);

/* ---- quick.c ---- */

/* Small contiguous arrays of one type, perhaps with a number: no promotion, no walk, no temporary
 * blocks.  False: not that simple; else *r is the result, FAIL with an exception. out as in
 * ufunc_apply. */
bool quick_binary(interp *in, const ufunc *f, const char *name, value a, value b, ndarray *out,
                  value *r);
bool quick_unary(interp *in, const ufunc *f, value a, value *r);
bool quick_reduce(interp *in, const reduction *r, value x, value *out); /* over all axes */

/* ---- scalar_math.c ---- */

/* Two numbers, one of them numpy.int64 or numpy.float64, without blocks: 1 done, 0 not such a
 * pair, -1 failed. */
int scalar_binary(interp *in, enum binop op, value a, value b, value *out);
int scalar_compare(enum cmpop op, value a, value b, value *out);
/* Warns when the sum, difference or product of two integer scalars does not fit the result. */
bool scalar_overflow(interp *in, enum binop op, value a, value b, value result);
extern const char *const scalar_names[NBINOP]; /* "scalar add" */

/* ---- the rest ---- */

enum { ARRAY_HOOKS = 10 }; /* rows at the front that scalars lack */
extern const builtin array_methods[];
value array_round(interp *in, const value *arg); /* __round__ */
value array_repr(interp *in, value self);
value array_str(interp *in, value self);
print_opts *numpy_print_opts(interp *in);
extern const builtin numpy_functions[];

/* object_products.c: products where one of two arrays holds objects, by the functions of
 * numpy._object_products. */
bool is_object_array(value array);
bool are_objects(const value *arg); /* one of the first two */
value object_product(interp *in, const char *name, const value *arg, size_t n);
/* the function `name` of numpy._object_folds */
value object_fold(interp *in, const char *name, const value *arg, size_t n);
