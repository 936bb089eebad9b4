/* engine/expr/map.c - elementwise operations: broadcast, infer the dtype, one blockwise layer. */
#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

enum { MAX_TERM = 32 };

typedef struct terms {
    int n, nlazy;
    expr *x[MAX_TERM]; /* owned; NULL: a literal */
    lit literal[MAX_TERM];
    int index[MAX_TERM][GRID_MAXDIM]; /* letters count axes from the right, as Dask's elemwise */
} terms;

static void terms_clear(terms *t)
{
    for (int i = 0; i < t->n; i++) datum_unref(t->x[i]);
}

static bool terms_init(terms *t, int n, const term *x, err *e)
{
    if (n > MAX_TERM) return err_set(e, ValueError, "at most %d operands, not %d", MAX_TERM, n);
    for (; t->n < n; t->n++) {
        int i = t->n;
        const nd *block = x[i].block;
        t->x[i] = NULL;
        if (x[i].x)
            t->x[i] = expr_ref(x[i].x);
        else if (block && block->ndim > 0)
            TRY(t->x[i] = expr_constant(block));
        else if (block || x[i].other) {
            t->literal[i] = lit_datum(block ? &block->hdr : x[i].other);
            t->literal[i].n = x[i].weak;
        } else
            return false; /* an operand that failed */
        for (int k = 0; t->x[i] && k < expr_ndim(t->x[i]); k++)
            t->index[i][k] = expr_ndim(t->x[i]) - 1 - k;
        t->nlazy += t->x[i] != NULL;
    }
    return true;
}

static expr *terms_map(label l, const fn *f, terms *t, dtype_of type, err *e)
{
    const expr *lazy[MAX_TERM];
    bw_arg arg[MAX_TERM];
    int64_t shape[GRID_MAXDIM];
    int n = 0, ndim = 0, out[GRID_MAXDIM];
    for (int i = 0; i < t->n; i++) {
        arg[i] = (bw_arg){.x = t->x[i], .literal = t->literal[i], .index = t->index[i]};
        if (t->x[i]) lazy[n++] = t->x[i];
    }
    if (!shapes_broadcast(n, lazy, &ndim, shape, e)) return NULL;
    for (int i = 0; i < ndim; i++) out[i] = ndim - 1 - i;
    return expr_blockwise(
        &(blockwise){
            .l = l, .f = f, .type = type, .nout = ndim, .out = out, .narg = t->n, .arg = arg},
        e);
}

expr *expr_elemwise(label l, const fn *f, int n, const term *x, dtype_of t, err *e)
{
    terms w = {0};
    expr *y = f && terms_init(&w, n, x, e) ? terms_map(l, f, &w, t, e) : NULL;
    terms_clear(&w);
    return y;
}

/* NumPy's result dtype; lazy 0-d arrays count as arrays, their value is not known; or (numbers) as
 * numbers that any type holds */
static bool map_type(const ufunc *f, const terms *t, dtype_of want, int out, bool numbers,
                     dtype_of *type, err *e)
{
    static const char zero[64];
    operand in[UFUNC_MAXARG];
    ufunc_plan plan;
    if (t->n != f->nin)
        return err_set(e, TypeError,
                       "%s() takes from %d to %d positional arguments but %d were given", f->name,
                       f->nin, f->nin + f->nout, t->n);
    for (int i = 0; i < t->n; i++) {
        const nd *b = t->x[i] ? NULL : as_nd(t->literal[i].d);
        if (t->x[i]) in[i] = (operand){.t = t->x[i]->type};
        if (numbers && t->x[i] && !expr_ndim(t->x[i]) && t->x[i]->type.size <= sizeof zero) {
            in[i].scalar = true;
            in[i].value = zero;
        }
        if (t->x[i]) continue;
        in[i] = b ? operand_of(b) : (operand){.t = dtype_plain(DT_object), .scalar = true};
    }
    TRY(ufunc_resolve(f, in, want, 0, &plan, e));
    *type = plan.arg[f->nin + out];
    return true;
}

/* May blocks have another type than is announced?  Those without axes are numbers to NumPy, and of
 * little weight beside arrays. */
static bool may_differ(const ufunc *f, const terms *t, dtype_of want, int out, dtype_of type)
{
    bool any = false;
    dtype_of least;
    err e = {0};
    for (int i = 0; i < t->n; i++) any |= t->x[i] && !expr_ndim(t->x[i]);
    bool same = !any || (map_type(f, t, want, out, true, &least, &e) && dtype_equal(least, type));
    err_clear(&e);
    return !same;
}

/* takes body: what runs f */
static expr *map_by(label l, const ufunc *f, fn *body, int n, const term *x, dtype_of want, int out,
                    err *e)
{
    terms w = {0};
    dtype_of type;
    expr *y = NULL;
    if (terms_init(&w, n, x, e) && map_type(f, &w, want, out, false, &type, e)) {
        if (may_differ(f, &w, want, out, type)) fn_enforce(body, type);
        y = terms_map(l, body, &w, type, e);
    }
    datum_unref(body);
    terms_clear(&w);
    return y;
}

expr *expr_map(label l, const ufunc *f, int n, const term *x, dtype_of want, int out, err *e)
{
    return map_by(l, f, fn_ufunc(f, want, out, NULL), n, x, want, out, e);
}

expr *expr_pow(label l, const term x[2], err *e)
{
    return map_by(l, &ufuncs[U_power], fn_pow(), 2, x, (dtype_of){.dt = DT_none}, 0, e);
}
