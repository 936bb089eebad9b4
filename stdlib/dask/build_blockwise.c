/* stdlib/dask/build_blockwise.c - the primitives that build lazy arrays, as functions of the module
 * _dask: functions that get blocks brought together by index letters. */
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

/* one letter for each distinct index label */
typedef struct letters {
    dict *of;
} letters;

static bool letter(interp *in, letters *l, value sym, int *out)
{
    value v;
    int found = dict_get(in, l->of, sym, &v);
    if (found == 0) {
        v = v_int(l->of->n);
        if (!dict_set(in, l->of, sym, v)) return false;
    }
    *out = (int)v.i;
    return found >= 0;
}

/* letters of "ij" or ('i', 'j') in the arena; NULL on failure */
static int *index_letters(interp *in, letters *l, value index, arena *a, int *n)
{
    list *items = list_of(in, index);
    if (!items) return NULL;
    int *out = arena_alloc(a, sizeof *out * (size_t)(items->n + 1));
    *n = (int)items->n;
    for (int i = 0; out && i < *n; i++)
        if (!letter(in, l, items->at[i], &out[i])) out = NULL;
    obj_unref(in, items);
    return out;
}

/* a dict label -> sizes as parallel arrays of letters and cuts */
static bool letter_cuts(interp *in, letters *l, value v, arena *a, int *n, const int **letter_out,
                        cuts ***cuts_out)
{
    dict *d = as_dict(v);
    *n = 0;
    if (!d) return true;
    int *ls = arena_alloc(a, sizeof *ls * (size_t)(d->n + 1));
    cuts **cs = arena_alloc(a, sizeof *cs * (size_t)(d->n + 1));
    *letter_out = ls;
    *cuts_out = cs;
    value k, sizes;
    for (int64_t i = 0; dict_next(d, &i, &k, &sizes);) {
        if (!letter(in, l, k, &ls[*n]) || !(cs[*n] = cuts_of_value(in, sizes))) return false;
        (*n)++;
    }
    return true;
}

/* blockwise(function, out_index, args, dtype, prefix, name, concatenate, align, new_axes,
 * adjust_chunks, kwargs, materialized): args is a list of (array or literal, index or None) */
static value b_blockwise(interp *in, const value *arg)
{
    arena a = {0};
    held h = {0};
    err e = {0};
    letters l = {dict_new(in)};
    blockwise b = {.l = label_of(arg[4], arg[5]), .type = dtype_plain(DT_float64)};
    cuts **fresh = NULL, **adjusted = NULL;
    list *pairs = list_of(in, arg[2]);
    bool ok = l.of && pairs && to_dtype(in, arg[3], &b.type);
    bw_arg *at = arena_alloc(&a, sizeof *at * (size_t)((pairs ? pairs->n : 0) + 1));
    b.out = ok ? index_letters(in, &l, arg[1], &a, &b.nout) : NULL;
    ok = ok && b.out;
    for (int64_t i = 0; ok && i < pairs->n; i++) {
        tuple *p = as_tuple(pairs->at[i]);
        int n;
        if (is_none(p->at[1])) {
            ok = lit_of(in, p->at[0], &a, &at[i].literal, &h);
        } else {
            at[i].x = peek_expr(in, p->at[0]);
            ok = at[i].x && (at[i].index = index_letters(in, &l, p->at[1], &a, &n)) != NULL;
            if (ok && n != expr_ndim(at[i].x))
                ok = THROW0(
                    in, ValueError,
                    "Index string does not match array dimension. Got %d letters for %d axes", n,
                    expr_ndim(at[i].x));
        }
    }
    b.narg = pairs ? (int)pairs->n : 0;
    b.arg = at;
    b.concatenate = value_truth(in, arg[6]) == 1 ? BW_CONCATENATE : BW_LISTS;
    b.no_align = value_truth(in, arg[7]) == 0;
    b.materialized = value_truth(in, arg[11]) == 1;
    ok = ok && letter_cuts(in, &l, arg[8], &a, &b.nnew, &b.new_letter, &fresh) &&
         letter_cuts(in, &l, arg[9], &a, &b.nadjust, &b.adjust_letter, &adjusted);
    b.new_axis = fresh;
    b.adjust_axis = adjusted;
    fn *f = ok ? fn_callable(in, arg[0], is_none(arg[10]) ? FAIL : arg[10]) : NULL;
    b.f = f;
    value r = f ? wrap_expr(in, expr_blockwise(&b, &e), &e) : FAIL;
    datum_unref(f);
    for (int i = 0; i < b.nnew; i++) datum_unref(fresh[i]);
    for (int i = 0; i < b.nadjust; i++) datum_unref(adjusted[i]);
    obj_unref(in, pairs);
    obj_unref(in, l.of);
    held_clear(&h);
    arena_clear(&a);
    return r;
}

/* by_block(name, function, args, chunks, dtype, blockwise): arrays among the args stand for
 * their block; gather(name, function, args, chunks, dtype, merge, run): for the list of all of them
 */
static value by_block_of(interp *in, const value *arg, value merge, int64_t most, bool shown)
{
    arena a = {0};
    held h = {0};
    err e = {0};
    value r = FAIL;
    list *args = list_of(in, arg[2]);
    str *name = as_str(arg[0]);
    by_block b = {.type = dtype_plain(DT_float64), .blockwise = shown};
    bool ok = args && name && to_dtype(in, arg[4], &b.type);
    struct block_arg *at = arena_alloc(&a, sizeof *at * (size_t)((args ? args->n : 0) + 1));
    for (int64_t i = 0; ok && i < args->n; i++) {
        lazy *x = as_lazy(args->at[i]);
        at[i].x = x ? x->x : NULL;
        ok = x || lit_of(in, args->at[i], &a, &at[i].literal, &h);
    }
    b.narg = args ? (int)args->n : 0;
    b.arg = at;
    b.chunks = ok ? grid_of_chunks(in, arg[3]) : NULL;
    fn *f = b.chunks ? fn_callable(in, arg[1], FAIL) : NULL;
    fn *m = f && !is_none(merge) ? fn_callable(in, merge, FAIL) : NULL;
    b.f = f;
    b.name = name ? name->at : NULL;
    if (f && (m || is_none(merge)))
        r = wrap_expr(in, most ? expr_gather(&b, m, (uint64_t)most, &e) : expr_by_block(&b, &e),
                      &e);
    datum_unref(f);
    datum_unref(m);
    datum_unref(b.chunks);
    obj_unref(in, args);
    held_clear(&h);
    arena_clear(&a);
    return r;
}

static value b_by_block(interp *in, const value *arg)
{
    return by_block_of(in, arg, NONE, 0, value_truth(in, arg[5]) == 1);
}

static value b_gather(interp *in, const value *arg)
{
    int64_t most;
    if (!to_int64(in, arg[6], &most)) return FAIL;
    return by_block_of(in, arg, arg[5], most < 1 ? 1 : most, false);
}

/* block_ids(prefix, function or None, chunks) : an array whose blocks are f((i, j ...)) */
static value b_block_ids(interp *in, const value *arg)
{
    expr *like = peek_expr(in, arg[2]);
    fn *f = like && !is_none(arg[1]) ? fn_callable(in, arg[1], FAIL) : NULL;
    err e = {0};
    value r = like && !throwing(in)
                  ? wrap_expr(in, expr_block_ids(label_of(arg[0], NONE), f, like->chunks, &e), &e)
                  : FAIL;
    datum_unref(f);
    return r;
}

/* unify(arrays, indices): the arrays with equal chunks along equal letters */
static value b_unify(interp *in, const value *arg)
{
    int n;
    arena a = {0};
    letters l = {dict_new(in)};
    const expr **x = l.of ? exprs_of(in, arg[0], &n) : NULL;
    list *idx = x ? list_of(in, arg[1]) : NULL;
    const int **index = arena_alloc(&a, sizeof *index * (size_t)((x ? n : 0) + 1));
    bool ok = idx != NULL;
    for (int i = 0; ok && i < n; i++) {
        int m;
        ok = (index[i] = index_letters(in, &l, idx->at[i], &a, &m)) != NULL;
    }
    err e = {0};
    value r = FAIL;
    if (ok) {
        expr **y = arena_alloc(&a, sizeof *y * (size_t)(n + 1));
        for (int i = 0; i < n; i++) y[i] = expr_ref(x[i]);
        bool done = exprs_unify(n, y, index, &e);
        list *out = list_new(in, n);
        for (int i = 0; i < n; i++) {
            if (done && out)
                done = list_add(in, out, wrap_expr(in, y[i], &e));
            else
                datum_unref(y[i]);
        }
        if (done)
            r = v_obj(out);
        else
            obj_unref(in, out), e.kind ? (void)throw_err(in, &e) : (void)0;
    }
    obj_unref(in, idx);
    mem_free(x);
    obj_unref(in, l.of);
    arena_clear(&a);
    return r;
}

const builtin dask_blockwise_functions[] = {
    {"blockwise(function, out_index, args, dtype, prefix=None, name=None, concatenate=False, "
     "align=True, "
     "new_axes=None, adjust_chunks=None, kwargs=None, materialized=False)",
     b_blockwise, NULL},
    {"by_block(name, function, args, chunks, dtype, blockwise=False)", b_by_block, NULL},
    {"gather(name, function, args, chunks, dtype, merge=None, run=256)", b_gather, NULL},
    {"block_ids(prefix, function, like)", b_block_ids, NULL},
    {"unify(arrays, indices)", b_unify, NULL},
    {0},
};
