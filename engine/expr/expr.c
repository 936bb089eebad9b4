/* engine/expr/expr.c - the node itself, and helpers that every kind uses to build layers. */
#include "engine/expr/expr.h"

#include <string.h>

#include "engine/expr/build.h"

static void drop_expr(datum *d)
{
    expr *x = (expr *)d;
    datum_unref(x->of);
    datum_unref(x->chunks);
    datum_unref(x->meta);
    mem_free(x);
}

const datum_kind expr_datum = {.name = "expr", .drop = drop_expr};

static expr *expr_new(layer *of, grid *g, dtype_of t) /* takes of; counts g */
{
    expr *x = mem_zero(sizeof *x);
    datum_init(&x->hdr, &expr_datum);
    x->of = of;
    x->chunks = datum_ref(g);
    x->type = t;
    return x;
}

expr *expr_of_layer(layer *l)
{
    return l ? expr_new(l, l->grid, l->type) : NULL;
}

expr *expr_table(layer *l)
{
    return expr_of_layer(l);
}

expr *expr_with_meta(const expr *x, datum *meta)
{
    if (!x) return NULL;
    expr *y = expr_new(datum_ref(x->of), x->chunks, x->type);
    y->meta = datum_ref(meta);
    return y;
}

expr *expr_with_chunks(const expr *x, grid *g, err *e)
{
    if (!x || !g) return NULL;
    if (g->ndim != x->chunks->ndim || g->nblock != x->chunks->nblock)
        return err_set(e, ValueError, "%d chunks cannot stand for %d", (int)g->nblock,
                       (int)x->chunks->nblock);
    expr *y = expr_new(datum_ref(x->of), g, x->type);
    y->meta = datum_ref(x->meta);
    return y;
}

void expr_shape(const expr *x, int64_t shape[GRID_MAXDIM])
{
    grid_shape(x->chunks, shape);
}

char *expr_shape_text(const expr *x)
{
    strbuf b = {0};
    sb_addc(&b, '(');
    for (int i = 0; i < expr_ndim(x); i++) {
        int64_t n = x->chunks->ax[i]->extent;
        if (i) sb_adds(&b, ", ");
        if (n < 0)
            sb_adds(&b, "nan");
        else
            sb_addf(&b, "%lld", (long long)n);
    }
    sb_adds(&b, expr_ndim(x) == 1 ? ",)" : ")");
    return sb_take(&b, NULL);
}

/* --- names --- */

char *label_name(label l, token *t, const char *prefix)
{
    if (!l.name) return token_name(t, l.prefix ? l.prefix : prefix);
    sb_clear(&t->b);
    return mem_dup(l.name);
}

void token_expr(token *t, const expr *x)
{
    token_layer(t, x->of);
    token_grid(t, x->chunks);
}

void token_fn(token *t, const fn *f)
{
    if (f) token_add(t, &f->id, sizeof f->id);
}

void token_dtype(token *t, dtype_of d)
{
    token_int(t, d.dt | d.unit << 8 | (int64_t)d.size << 16);
}

/* --- layers of one task per block --- */

static bool block_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    const block_layer *b = (const block_layer *)l;
    (void)e;
    out->f = b->f;
    return b->args(b, i, a, out);
}

static void block_drop(layer *l)
{
    block_layer *b = (block_layer *)l;
    if (b->drop_param) b->drop_param(b->param);
    datum_unref(b->f);
    arena_clear(&b->mem);
}

static const layer_kind block_kind = {
    .name = "blocks", .task = block_task, .drop = block_drop, .one_fn = true};

const block_layer *as_block_layer(const layer *l)
{
    return l->kind == &block_kind ? (const block_layer *)l : NULL;
}

block_layer *block_layer_new(const char *name, fn *f, block_args args, grid *g, dtype_of t,
                             uint32_t ndep, layer *const *dep)
{
    if (!f) return NULL;
    block_layer *l = layer_new(sizeof *l, &block_kind, name, g, t, ndep, dep);
    l->f = f;
    l->args = args;
    return l;
}

/* --- broadcasting shapes --- */

static void *broadcast_error(int n, const expr *const *x, err *e)
{
    strbuf b = {0};
    for (int k = 0; k < n; k++) {
        char *s = expr_shape_text(x[k]);
        sb_addf(&b, k ? " %s" : "%s", s);
        mem_free(s);
    }
    err_set(e, ValueError, "operands could not be broadcast together with shapes %s", sb_text(&b));
    sb_clear(&b);
    return NULL;
}

bool shapes_broadcast(int n, const expr *const *x, int *ndim, int64_t *shape, err *e)
{
    *ndim = 0;
    for (int k = 0; k < n; k++)
        if (expr_ndim(x[k]) > *ndim) *ndim = expr_ndim(x[k]);
    for (int i = 0; i < *ndim; i++) { /* counted from the last axis */
        int64_t dim = 0;
        bool nan = false, zero = false;
        for (int k = 0; k < n; k++) {
            if (i >= expr_ndim(x[k])) continue;
            int64_t s = x[k]->chunks->ax[expr_ndim(x[k]) - 1 - i]->extent;
            nan |= s < 0;
            zero |= s == 0;
            if (s > dim) dim = s;
        }
        dim = nan ? -1 : zero ? 0 : dim;
        for (int k = 0; k < n; k++) {
            if (i >= expr_ndim(x[k])) continue;
            int64_t s = x[k]->chunks->ax[expr_ndim(x[k]) - 1 - i]->extent;
            if (s > 1 && s != dim) return broadcast_error(n, x, e);
        }
        shape[*ndim - 1 - i] = dim;
    }
    return true;
}

/* --- letters --- */

void letters_clear(letters *l)
{
    for (int i = 0; i < l->n; i++) datum_unref(l->ax[i]);
    l->n = 0;
}

cuts *letters_find(const letters *l, int letter)
{
    for (int i = 0; i < l->n; i++)
        if (l->letter[i] == letter) return l->ax[i];
    return NULL;
}

bool letters_set(letters *l, int letter, cuts *ax)
{
    for (int i = 0; i < l->n; i++)
        if (l->letter[i] == letter) {
            datum_ref(ax);
            datum_unref(l->ax[i]);
            l->ax[i] = ax;
            return true;
        }
    if (l->n == 2 * GRID_MAXDIM) return false;
    l->letter[l->n] = letter;
    l->ax[l->n++] = datum_ref(ax);
    return true;
}

static bool one_element(const cuts *a)
{
    return a->nblock == 1 && a->extent == 1;
}

/* the common cuts of one letter; a single chunk of length one yields to anything else */
static cuts *consolidate(int n, expr *const *x, const int *const *index, int letter, err *e)
{
    cuts *all[64];
    int nall = 0, nreal = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; x[k] && i < expr_ndim(x[k]); i++) {
            if (index[k][i] != letter || nall == 64) continue;
            cuts *a = x[k]->chunks->ax[i];
            if (one_element(a))
                all[nall++] = a;
            else { /* real ones first */
                all[nall++] = all[nreal];
                all[nreal++] = a;
            }
        }
    return cuts_common(nreal ? nreal : 1, all, e);
}

static bool same_cut(int n, expr *const *x, const int *const *index)
{
    const expr *first = NULL;
    const int *at = NULL;
    for (int k = 0; k < n; k++) {
        if (!x[k]) continue;
        if (!first) first = x[k], at = index[k];
        if (expr_ndim(x[k]) != expr_ndim(first) || !grid_eq(x[k]->chunks, first->chunks))
            return false;
        for (int i = 0; i < expr_ndim(first); i++)
            if (index[k][i] != at[i]) return false;
    }
    for (int i = 0; first && i < expr_ndim(first); i++)
        for (int j = 0; j < i; j++)
            if (at[i] == at[j]) return false;
    return true;
}

static bool align(expr **x, const int *index, const letters *l, err *e)
{
    cuts *ax[GRID_MAXDIM];
    int ndim = expr_ndim(*x);
    for (int i = 0; i < ndim; i++) {
        cuts *own = (*x)->chunks->ax[i], *want = letters_find(l, index[i]);
        ax[i] = own->extent > 1 ? datum_ref(want)
                : own->extent < 0 || (own->extent == 0 && own->nblock > 1)
                    ? datum_ref(own)
                    : cuts_even(own->extent, own->extent);
    }
    grid *g = grid_new(ndim, ax);
    for (int i = 0; i < ndim; i++) datum_unref(ax[i]);
    expr *y = grid_eq(g, (*x)->chunks) ? expr_ref(*x) : expr_rechunk(*x, g, 0, 0, e);
    datum_unref(g);
    if (!y) return false;
    datum_unref(*x);
    *x = y;
    return true;
}

bool unify(int n, expr **x, const int *const *index, letters *out, err *e)
{
    bool same = same_cut(n, x, index);
    for (int k = 0; k < n; k++)
        for (int i = 0; x[k] && i < expr_ndim(x[k]); i++) {
            if (letters_find(out, index[k][i])) continue;
            cuts *a =
                same ? datum_ref(x[k]->chunks->ax[i]) : consolidate(n, x, index, index[k][i], e);
            if (!a || !letters_set(out, index[k][i], a)) return datum_unref(a);
            datum_unref(a);
        }
    for (int k = 0; k < n && !same; k++)
        if (x[k]) TRY(align(&x[k], index[k], out, e));
    return true;
}

bool exprs_unify(int n, expr **x, const int *const *index, err *e)
{
    letters l = {0};
    bool ok = unify(n, x, index, &l, e);
    letters_clear(&l);
    return ok;
}
