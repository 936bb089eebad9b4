/* engine/expr/contract.c - products: every pair of chunks multiplied, partial products summed.
 *
 * As in Dask the summed axis stays as an axis of one per block, and a tree reduction adds. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"

/* --- tensordot --- */

typedef struct dot_fn {
    fn base;
    int n, left[GRID_MAXDIM], right[GRID_MAXDIM];
    dtype_of want; /* of sums */
} dot_fn;

static nd *insert_ones(nd *x, int n, const int *axes) /* takes x; axes ascending */
{
    for (int i = 0; i < n && x; i++) {
        nd *y = nd_expand(x, axes[i]);
        datum_unref(x);
        x = y;
    }
    return x;
}

static void sort_ints(int n, int *x)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && x[k - 1] > x[k]; k--) {
            int t = x[k];
            x[k] = x[k - 1];
            x[k - 1] = t;
        }
}

static datum *tensordot_call(const fn *f, const call *c, err *e)
{
    const dot_fn *d = (const dot_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e), *y = x ? arg_nd(c, &c->arg[1], e) : NULL;
    if (!y) return NULL;
    int sorted[GRID_MAXDIM];
    memcpy(sorted, d->left, sizeof sorted);
    sort_ints(d->n, sorted);
    return (datum *)insert_ones(nd_tensordot(x, y, d->n, d->left, d->right, e), d->n, sorted);
}

static const fn_field dot_fields[] = {
    PARAMS_FROM(dot_fn, n),
    {0},
};

static const fn_kind tensordot_kind = {.name = "tensordot",
                                       .version = 1,
                                       .size = sizeof(dot_fn),
                                       .fields = dot_fields,
                                       .call = tensordot_call,
                                       .takes = "xx",
                                       .cost = {.maybe = 2, .product = true}};

static expr *add_up(const expr *x, uint32_t axes, int64_t split_every, err *e)
{
    return expr_reduce(
        "sum", x, &(reduce_args){.axes = axes, .want = {.dt = DT_none}, .split_every = split_every},
        e);
}

expr *expr_tensordot(const expr *x, const expr *y, int n, const int *xaxes, const int *yaxes,
                     err *e)
{
    if (!x || !y) return NULL;
    int xn = expr_ndim(x), yn = expr_ndim(y), xl[GRID_MAXDIM], yl[GRID_MAXDIM];
    int out[2 * GRID_MAXDIM], nout = 0, adjust[GRID_MAXDIM];
    cuts *ones[GRID_MAXDIM];
    uint32_t axes = 0;
    dtype_of t;
    if (!dtype_promote(x->type, y->type, &t, e)) return NULL;
    dot_fn *f = fn_new(sizeof *f, &tensordot_kind, "_tensordot");
    f->n = n;
    for (int i = 0; i < xn; i++) out[nout++] = xl[i] = i;
    for (int i = 0; i < yn; i++) yl[i] = xn + i;
    for (int i = 0; i < n; i++) {
        f->left[i] = xaxes[i];
        f->right[i] = yaxes[i];
        yl[yaxes[i]] = xaxes[i];
        adjust[i] = xaxes[i];
        axes |= axis_bit(xaxes[i]);
    }
    for (int i = 0; i < yn; i++)
        if (yl[i] == xn + i) out[nout++] = yl[i];
    fn_identify(&f->base, f->left, sizeof f->left + sizeof f->right);
    for (int i = 0; i < n; i++) {
        if (f->base.rank[0].lo <= xaxes[i]) fn_ranks(&f->base, 0, xaxes[i] + 1, GRID_MAXDIM / 2);
        if (f->base.rank[1].lo <= yaxes[i]) fn_ranks(&f->base, 1, yaxes[i] + 1, GRID_MAXDIM / 2);
    }
    bw_arg arg[] = {{.x = x, .index = xl}, {.x = y, .index = yl}};
    expr *p = NULL;
    if (nout > GRID_MAXDIM)
        err_set(e, ValueError, "too many dimensions");
    else {
        /* the common cuts decide how many partial products there are */
        expr *both[2] = {expr_ref(x), expr_ref(y)};
        letters l = {0};
        if (unify(2, both, (const int *const[]){xl, yl}, &l, e)) {
            for (int i = 0; i < n; i++)
                ones[i] = cuts_repeat(letters_find(&l, adjust[i])->nblock, 1);
            arg[0].x = both[0];
            arg[1].x = both[1];
            p = expr_blockwise(&(blockwise){.l = {.prefix = "tensordot"},
                                            .f = &f->base,
                                            .type = t,
                                            .nout = nout,
                                            .out = out,
                                            .narg = 2,
                                            .arg = arg,
                                            .nadjust = n,
                                            .adjust_letter = adjust,
                                            .adjust_axis = ones},
                               e);
            for (int i = 0; i < n; i++) datum_unref(ones[i]);
        }
        letters_clear(&l);
        datum_unref(both[0]);
        datum_unref(both[1]);
    }
    datum_unref(f);
    expr *z = p ? add_up(p, axes, 0, e) : NULL;
    datum_unref(p);
    return z;
}

/* --- matmul --- */

static datum *matmul_call(const fn *f, const call *c, err *e)
{
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e), *y = x ? arg_nd(c, &c->arg[1], e) : NULL;
    nd *p = y ? nd_matmul(x, y, e) : NULL;
    if (p && !p->ndim) {
        err_set(e, ValueError, "matmul of blocks needs a block of two axes");
        p = datum_unref(p);
    }
    return p ? (datum *)insert_ones(p, 1, (int[]){p->ndim - 1}) : NULL;
}

/* a list of equal blocks added one after the other */
static datum *chunk_sum_call(const fn *f, const call *c, err *e)
{
    const dot_fn *d = (const dot_fn *)f;
    const lit *x = &c->arg[0];
    uint32_t n = x->kind == LIT_LIST ? x->n : 1;
    nd *sum = arg_nd(c, x->kind == LIT_LIST ? &x->item[0] : x, e);
    sum = sum ? nd_ref(sum) : NULL;
    for (uint32_t i = 1; i < n && sum; i++) {
        nd *out[2] = {0};
        map_opts o = {.dtype = d->want};
        const nd *in[] = {sum, arg_nd(c, &x->item[i], e)};
        if (in[1]) nd_map(&ufuncs[U_add], in, &o, out, e);
        datum_unref(sum);
        sum = out[0];
    }
    if (!sum || !d->n) return (datum *)sum; /* n: drop the axis */
    nd *out = nd_squeeze(sum, axis_bit(d->left[0]));
    datum_unref(sum);
    return (datum *)out;
}

static const fn_kind matmul_kind = {.name = "matmul",
                                    .version = 1,
                                    .size = sizeof(fn),
                                    .call = matmul_call,
                                    .takes = "xx",
                                    .cost = {.maybe = 2, .product = true}};
static const fn_kind chunk_sum_kind = {.name = "chunk_sum",
                                       .version = 1,
                                       .size = sizeof(dot_fn),
                                       .fields = dot_fields,
                                       .call = chunk_sum_call,
                                       .takes = "X"};

bool fn_is_product(const fn *f, product_axes *out)
{
    const dot_fn *d = (const dot_fn *)f;
    bool dot = f->kind == &tensordot_kind && d->n == 1;
    *out = dot ? (product_axes){d->left[0], d->right[0], d->left[0]} : (product_axes){1, 0, 1};
    return dot || f->kind == &matmul_kind;
}

bool fn_adds_blocks(const fn *f, uint32_t *axes)
{
    if (f->kind != &chunk_sum_kind) return false;
    *axes = axis_bit(((const dot_fn *)f)->left[0]);
    return true;
}

static fn *chunk_sum(int axis, bool squeeze, dtype_of t)
{
    dot_fn *f = fn_new(sizeof *f, &chunk_sum_kind, "_chunk_sum");
    f->n = squeeze;
    f->left[0] = axis;
    f->want = t;
    const int64_t param[] = {axis, squeeze, t.dt, t.size};
    fn_identify(&f->base, param, sizeof param);
    return &f->base;
}

static const index_item colon = {
    .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};

/* x with axis `at` (of length one) dropped; takes x */
static expr *squeezed(expr *x, int at, err *e)
{
    expr_item item[GRID_MAXDIM];
    if (!x) return NULL;
    for (int i = 0; i < expr_ndim(x); i++) {
        item[i].lazy = NULL;
        item[i].item = i == at ? (index_item){.kind = IDX_INT} : colon;
    }
    expr *y = expr_index(x, expr_ndim(x), item, e);
    datum_unref(x);
    return y;
}

/* x with `n` new axes in front, or one at `at` when n is 0 */
static expr *widened(const expr *x, int n, int at, err *e)
{
    expr_item item[2 * GRID_MAXDIM];
    int k = 0;
    for (int i = 0; i < n; i++) item[k++] = (expr_item){.item = {.kind = IDX_NEW}};
    for (int i = 0; i <= expr_ndim(x); i++) {
        if (!n && i == at) item[k++] = (expr_item){.item = {.kind = IDX_NEW}};
        if (i < expr_ndim(x)) item[k++] = (expr_item){.item = colon};
    }
    return expr_index(x, k, item, e);
}

static expr *sum_products(expr *p, err *e) /* takes p */
{
    int axis = expr_ndim(p) - 2;
    dtype_of t;
    expr *y = NULL;
    if (p->chunks->ax[axis]->extent == 1) return squeezed(p, axis, e);
    if (reduce_resolve(&reductions[R_sum], p->type, (dtype_of){.dt = DT_none}, &t, e)) {
        fn *keep = chunk_sum(axis, false, t), *last = chunk_sum(axis, true, t);
        y = expr_reduce_tree(&(reduce_tree){.x = p,
                                            .axes = axis_bit(axis),
                                            .type = t,
                                            .chunk = keep,
                                            .combine = keep,
                                            .aggregate = last,
                                            .lists = true},
                             e);
        datum_unref(keep);
        datum_unref(last);
    }
    datum_unref(p);
    return y;
}

static expr *products(const expr *x, const expr *y, err *e)
{
    int n = expr_ndim(x), out[GRID_MAXDIM + 1], xl[GRID_MAXDIM], yl[GRID_MAXDIM];
    for (int i = 0; i <= n; i++) out[i] = i;
    for (int i = 0; i < n; i++) xl[i] = yl[i] = i;
    yl[n - 2] = n - 1;
    yl[n - 1] = n;
    operand type[] = {{.t = x->type}, {.t = y->type}};
    dtype_of t;
    expr *both[2] = {expr_ref(x), expr_ref(y)}, *p = NULL;
    letters l = {0};
    if (result_type(2, type, &t, e) && unify(2, both, (const int *const[]){xl, yl}, &l, e)) {
        fn *f = fn_new(sizeof *f, &matmul_kind, "_matmul");
        cuts *ones = cuts_repeat(letters_find(&l, n - 1)->nblock, 1);
        bw_arg arg[] = {{.x = both[0], .index = xl}, {.x = both[1], .index = yl}};
        p = expr_blockwise(&(blockwise){.l = {.prefix = "matmul"},
                                        .f = f,
                                        .type = t,
                                        .nout = n + 1,
                                        .out = out,
                                        .narg = 2,
                                        .arg = arg,
                                        .nadjust = 1,
                                        .adjust_letter = &xl[n - 1],
                                        .adjust_axis = &ones},
                           e);
        datum_unref(ones);
        datum_unref(f);
    }
    letters_clear(&l);
    datum_unref(both[0]);
    datum_unref(both[1]);
    return p;
}

expr *expr_matmul(const expr *x, const expr *y, err *e)
{
    if (!x || !y) return NULL;
    if (!expr_ndim(x) || !expr_ndim(y))
        return err_set(e, ValueError, "`matmul` does not support scalars.");
    bool row = expr_ndim(x) == 1, column = expr_ndim(y) == 1;
    expr *a = row ? widened(x, 1, 0, e) : expr_ref(x);
    expr *b = column ? widened(y, 0, 1, e) : expr_ref(y);
    if (a && b && expr_ndim(a) != expr_ndim(b)) {
        expr **low = expr_ndim(a) < expr_ndim(b) ? &a : &b, *high = low == &a ? b : a;
        expr *wide = widened(*low, expr_ndim(high) - expr_ndim(*low), 0, e);
        datum_unref(*low);
        *low = wide;
    }
    expr *p = a && b ? products(a, b, e) : NULL;
    datum_unref(a);
    datum_unref(b);
    p = p ? sum_products(p, e) : NULL;
    if (row && p) p = squeezed(p, expr_ndim(p) - 2, e);
    if (column && p) p = squeezed(p, expr_ndim(p) - 1, e);
    return p;
}

/* --- einsum --- */

typedef struct einsum_fn {
    fn base;
    char *subscripts;
    dtype_of want;
    int nsum;
} einsum_fn;

static void einsum_drop(fn *f)
{
    mem_free(((einsum_fn *)f)->subscripts);
}

static datum *einsum_call(const fn *f, const call *c, err *e)
{
    const einsum_fn *k = (const einsum_fn *)f;
    const nd *x[GRID_MAXDIM];
    if (c->narg > GRID_MAXDIM) return err_set(e, ValueError, "too many operands: %u", c->narg);
    for (uint32_t i = 0; i < c->narg; i++)
        if (!(x[i] = arg_nd(c, &c->arg[i], e))) return NULL;
    nd *y = nd_einsum(k->subscripts, (int)c->narg, x, k->want, e);
    for (uint32_t i = 0; i < c->narg && y; i++)
        if (y->b == x[i]->b && 2 * nd_count(y) <= nd_count(x[i])) { /* the block can go */
            nd *own = nd_copy(y, e);
            datum_unref(y);
            y = own;
            break;
        }
    for (int i = 0; i < k->nsum && y; i++) y = insert_ones(y, 1, (int[]){y->ndim});
    return (datum *)y;
}

static const fn_field einsum_fields[] = {
    PARAM_TEXT(einsum_fn, subscripts),
    PARAM(einsum_fn, want),
    PARAM(einsum_fn, nsum),
    {0},
};

static const fn_kind einsum_kind = {.name = "einsum",
                                    .version = 1,
                                    .size = sizeof(einsum_fn),
                                    .fields = einsum_fields,
                                    .call = einsum_call,
                                    .takes = "x+",
                                    .drop = einsum_drop,
                                    .cost = {.maybe = 3, .ns = 5, .product = true}};

typedef struct einsum {
    int n, nout, nsum;
    int index[GRID_MAXDIM][GRID_MAXDIM];
    int out[2 * GRID_MAXDIM]; /* output letters, then summed ones */
} einsum;

enum { DOTS = 1000 }; /* letters of the ellipsis' axes, counted from the right */

static bool parse_operand(const char **s, const expr *x, int *index, int *dots, err *e)
{
    int n = 0, ndim = expr_ndim(x), named = 0;
    for (const char *p = *s; *p && *p != ',' && *p != '-'; p++) named += *p != '.' && *p != ' ';
    for (; **s && **s != ',' && **s != '-'; (*s)++) {
        if (**s == ' ') continue;
        if (**s == '.') {
            *s += 2;
            for (int k = ndim - named; k-- > 0 && n < ndim;) index[n++] = DOTS + k;
            if (ndim - named > *dots) *dots = ndim - named;
        } else if (n < GRID_MAXDIM)
            index[n++] = **s;
    }
    if (n == ndim) return true;
    return err_set(e, ValueError,
                   "einstein sum subscripts string contains too %s subscripts for operand",
                   n > ndim ? "many" : "few");
}

static int count_letter(const einsum *s, const expr *const *x, int letter)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < expr_ndim(x[i]); k++) n += s->index[i][k] == letter;
    return n;
}

static bool has(const int *at, int n, int letter)
{
    for (int i = 0; i < n; i++)
        if (at[i] == letter) return true;
    return false;
}

static bool parse(const char *s, int n, const expr *const *x, einsum *out, err *e)
{
    int dots = 0;
    out->n = n;
    for (int i = 0; i < n; i++) {
        if (i && *s++ != ',')
            return err_set(e, ValueError,
                           "fewer operands provided to einstein sum function than "
                           "specified in the subscripts string");
        TRY(parse_operand(&s, x[i], out->index[i], &dots, e));
    }
    if (*s == '-' && s[1] == '>') {
        for (s += 2; *s; s++) {
            if (*s == ' ') continue;
            if (*s == '.') {
                s += 2;
                for (int k = dots; k-- > 0;) out->out[out->nout++] = DOTS + k;
            } else
                out->out[out->nout++] = *s;
        }
    } else {
        for (int k = dots; k-- > 0;) out->out[out->nout++] = DOTS + k;
        for (int c = 'A'; c <= 'z'; c++)
            if (count_letter(out, x, c) == 1) out->out[out->nout++] = c;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < expr_ndim(x[i]); k++)
            if (!has(out->out, out->nout + out->nsum, out->index[i][k]))
                out->out[out->nout + out->nsum++] = out->index[i][k];
    if (out->nout + out->nsum <= GRID_MAXDIM) return true;
    return err_set(e, ValueError, "too many subscripts in einsum");
}

expr *expr_einsum(const char *subscripts, int n, const expr *const *x, dtype_of want, err *e)
{
    einsum s = {0};
    operand type[GRID_MAXDIM];
    dtype_of t = want;
    for (int i = 0; i < n; i++) {
        if (!x[i]) return NULL;
        type[i] = (operand){.t = x[i]->type};
    }
    if (!parse(subscripts, n, x, &s, e)) return NULL;
    if (want.dt == DT_none && !result_type(n, type, &t, e)) return NULL;
    expr *in[GRID_MAXDIM], *y = NULL;
    const int *index[GRID_MAXDIM];
    letters l = {0};
    for (int i = 0; i < n; i++) {
        in[i] = expr_ref(x[i]);
        index[i] = s.index[i];
    }
    if (unify(n, in, index, &l, e)) {
        einsum_fn *f = fn_new(sizeof *f, &einsum_kind, "chunk_einsum");
        f->subscripts = mem_dup(subscripts);
        f->want = want;
        f->nsum = s.nsum;
        fn_identify(&f->base, subscripts, strlen(subscripts));
        bw_arg arg[GRID_MAXDIM];
        cuts *ones[GRID_MAXDIM];
        for (int i = 0; i < n; i++) arg[i] = (bw_arg){.x = in[i], .index = index[i]};
        for (int i = 0; i < s.nsum; i++)
            ones[i] = cuts_repeat(letters_find(&l, s.out[s.nout + i])->nblock, 1);
        y = expr_blockwise(&(blockwise){.f = &f->base,
                                        .type = t,
                                        .nout = s.nout + s.nsum,
                                        .out = s.out,
                                        .narg = n,
                                        .arg = arg,
                                        .nadjust = s.nsum,
                                        .adjust_letter = s.out + s.nout,
                                        .adjust_axis = ones},
                           e);
        for (int i = 0; i < s.nsum; i++) datum_unref(ones[i]);
        datum_unref(f);
    }
    letters_clear(&l);
    for (int i = 0; i < n; i++) datum_unref(in[i]);
    if (!y || !s.nsum) return y;
    uint32_t axes = 0;
    for (int i = 0; i < s.nsum; i++) axes |= axis_bit(s.nout + i);
    expr *z = add_up(y, axes, 0, e);
    datum_unref(y);
    return z;
}

const fn_kind *const contract_kinds[] = {&tensordot_kind, &chunk_sum_kind, &matmul_kind,
                                         &einsum_kind, NULL};
