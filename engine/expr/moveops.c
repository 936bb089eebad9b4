/* engine/expr/moveops.c - callables that move elements: join, index, transpose, reshape. */
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/base/wire.h"
#include "engine/expr/build.h"
#include "engine/kernels/ops.h"

/* --- nested lists of blocks --- */

static nd *picked(const call *c, const lit *x, int pick, err *e)
{
    datum *d = arg_datum(c, x);
    pack *p = as_pack(d);
    if (p && pick >= 0 && (uint32_t)pick < p->n) d = p->item[pick];
    nd *a = as_nd(d);
    if (a) return nd_ref(a);
    if (d && d->kind->fetch) return as_nd(d->kind->fetch(d, e));
    return err_set(e, TypeError, "a block operation needs an array, not '%s'",
                   d ? d->kind->name : "a literal");
}

nd *join_lists(const call *c, const lit *x, int naxis, const int *axes, int pick, err *e)
{
    if (x->kind != LIT_LIST) return picked(c, x, pick, e);
    if (!naxis && x->n) return join_lists(c, &x->item[0], 0, axes, pick, e);
    nd *stack_room[32], **part = x->n <= 32 ? stack_room : mem_alloc(x->n * sizeof *part);
    uint32_t n = 0;
    nd *out = NULL;
    while (n < x->n && (part[n] = join_lists(c, &x->item[n], naxis - 1, axes + 1, pick, e))) n++;
    if (n == x->n)
        out = n == 1 ? nd_ref(part[0])
                     : nd_concat((int)n, (const nd *const *)part, axes[0],
                                 (dtype_of){.dt = DT_none}, e);
    for (uint32_t i = 0; i < n; i++) datum_unref(part[i]);
    if (part != stack_room) mem_free(part);
    return out;
}

/* The same in one go: the result is made once, and every block is put in its place and let go of
 * before the next one is fetched.  Blocks that are kept elsewhere are never in memory together. */
typedef struct joint {
    const call *c;
    int naxis;
    const int *axes;
    nd *out;
    dtype_of type;
    uint32_t n; /* blocks */
} joint;

/* as much of a block as is known without it */
static const nd *outline(const joint *j, const lit *x)
{
    const datum *d = arg_datum(j->c, x);
    return d && d->kind->fetch ? (const nd *)d : as_nd(d);
}

static bool survey(joint *j, const lit *x, const nd **first)
{
    for (uint32_t i = 0; x->kind == LIT_LIST && i < x->n; i++)
        if (!survey(j, &x->item[i], first)) return false;
    if (x->kind == LIT_LIST) return x->n > 0;
    const nd *b = outline(j, x);
    err e = {0};
    if (!b || b->dtype == DT_object || (*first && b->ndim != (*first)->ndim)) return false;
    if (!*first) {
        *first = b;
        j->type = nd_type(b);
    } else if (!dtype_promote(j->type, nd_type(b), &j->type, &e)) {
        err_clear(&e);
        return false;
    }
    j->n++;
    return true;
}

static bool joint_shape(const joint *j, const lit *x, int64_t *shape)
{
    for (int k = 0; k < j->naxis; k++, x = &x->item[0]) {
        shape[j->axes[k]] = 0;
        if (x->kind != LIT_LIST) return false;
        for (uint32_t i = 0; i < x->n; i++) {
            const lit *leaf = &x->item[i];
            while (leaf->kind == LIT_LIST) leaf = &leaf->item[0];
            shape[j->axes[k]] += nd_shape(outline(j, leaf))[j->axes[k]];
        }
    }
    return x->kind != LIT_LIST;
}

/* puts the blocks of x at `at`; *size: what the first one takes along the axis of this level */
static bool put_blocks(const joint *j, int level, const lit *x, int64_t *at, int64_t *size, err *e)
{
    if (level < j->naxis) {
        int axis = j->axes[level];
        int64_t begin = at[axis], n = 0;
        if (x->kind != LIT_LIST) return false;
        for (uint32_t i = 0; i < x->n; i++, at[axis] += n)
            TRY(put_blocks(j, level + 1, &x->item[i], at, size, e) && ((n = size[axis]), true));
        at[axis] = begin;
        return true;
    }
    const nd *b = outline(j, x);
    if (!b) return false;
    ptrdiff_t offset = 0;
    for (int k = 0; k < b->ndim; k++) {
        size[k] = nd_shape(b)[k];
        if (at[k] + size[k] > nd_shape(j->out)[k]) return false;
        offset += at[k] * nd_strides(j->out)[k];
    }
    nd *to = nd_view(j->out->b, j->out->at + offset, j->type, b->ndim, size, nd_strides(j->out));
    nd *from = picked(j->c, x, -1, e);
    bool ok = from && nd_assign(to, from, 'u', NULL, e);
    datum_unref(from);
    datum_unref(to);
    return ok;
}

/* blocks of every level must fill the result */
static bool fills(const joint *j, const lit *x, int64_t *elements)
{
    for (uint32_t i = 0; x->kind == LIT_LIST && i < x->n; i++) fills(j, &x->item[i], elements);
    if (x->kind != LIT_LIST) *elements += nd_count(outline(j, x));
    return *elements == nd_count(j->out);
}

/* One axis: as NumPy's concatenate has it; several: Dask fills an array in C order. */
static nd *joint_new(const joint *j, const lit *x, int ndim, const int64_t *shape, err *e)
{
    if (j->naxis != 1) return nd_new(j->type, ndim, shape, e);
    const nd **part = mem_alloc(x->n * sizeof *part);
    for (uint32_t i = 0; i < x->n; i++) part[i] = outline(j, &x->item[i]);
    nd *out = nd_new_as((int)x->n, part, j->type, shape, e);
    mem_free(part);
    return out;
}

static nd *join_all(const call *c, const lit *x, int naxis, const int *axes, err *e)
{
    joint j = {.c = c, .naxis = naxis, .axes = axes};
    const nd *first = NULL;
    int64_t shape[GRID_MAXDIM], at[GRID_MAXDIM] = {0}, size[GRID_MAXDIM], elements = 0;
    bool whole = survey(&j, x, &first) && j.n > 1;
    for (int k = 0; k < naxis && whole; k++) whole = axes[k] < first->ndim;
    if (whole) memcpy(shape, nd_shape(first), first->ndim * sizeof *shape);
    if (!whole || !joint_shape(&j, x, shape)) return join_lists(c, x, naxis, axes, -1, e);
    TRY(j.out = joint_new(&j, x, first->ndim, shape, e));
    if (fills(&j, x, &elements) && put_blocks(&j, 0, x, at, size, e)) return j.out;
    datum_unref(j.out);
    return e->kind ? NULL : join_lists(c, x, naxis, axes, -1, e); /* which says what is wrong */
}

typedef struct axes_fn { /* axes, a permutation or a shape */
    fn base;
    int n;
    int64_t at[GRID_MAXDIM];
} axes_fn;

static fn *axes_new(const fn_kind *kind, const char *name, int n, const int64_t *at)
{
    axes_fn *f = fn_new(sizeof *f, kind, name);
    f->n = n;
    if (n) memcpy(f->at, at, (size_t)n * sizeof *at);
    fn_identify(&f->base, f->at, (size_t)n * sizeof *at);
    return &f->base;
}

/* nested lists, one level per axis: Dask's concatenate3 */
static datum *concat_call(const fn *f, const call *c, err *e)
{
    const axes_fn *k = (const axes_fn *)f;
    int axes[GRID_MAXDIM];
    for (int i = 0; i < k->n; i++) axes[i] = (int)k->at[i];
    if (!c->narg || !k->n) return err_set(e, ValueError, "need at least one array to concatenate");
    if (c->arg[0].kind == LIT_LIST) return (datum *)join_all(c, &c->arg[0], k->n, axes, e);
    lit all = lit_items(LIT_LIST, c->narg, c->arg);
    return (datum *)join_all(c, &all, k->n, axes, e);
}

static const fn_field axes_fields[] = {
    PARAMS_FROM(axes_fn, n),
    {0},
};

static const fn_kind concat_kind = {.name = "concatenate",
                                    .version = 1,
                                    .size = sizeof(axes_fn),
                                    .fields = axes_fields,
                                    .call = concat_call,
                                    .takes = "X+",
                                    .cost = {.streams = true}};

fn *fn_concat_all(int ndim)
{
    int64_t axes[GRID_MAXDIM];
    for (int i = 0; i < ndim; i++) axes[i] = i;
    return axes_new(&concat_kind, "concatenate3", ndim, axes);
}

/* --- index --- */

static bool item_of(const call *c, const lit *x, index_item *out, err *e)
{
    switch (x->kind) {
    case LIT_INT: *out = (index_item){.kind = IDX_INT, .start = x->i}; return true;
    case LIT_NONE: *out = (index_item){.kind = IDX_NEW}; return true;
    case LIT_SLICE:
        *out = (index_item){.kind = IDX_SLICE,
                            .start = x->slice.start,
                            .stop = x->slice.stop,
                            .step = x->slice.step};
        return true;
    default:
        *out = (index_item){.kind = IDX_ARRAY, .array = arg_nd(c, x, e)};
        return out->array != NULL;
    }
}

int items_of(const call *c, const lit *tuple, index_item out[2 * ND_MAXDIM], err *e)
{
    if (tuple->kind != LIT_TUPLE) return item_of(c, tuple, out, e) ? 1 : -1;
    if (tuple->n > 2 * ND_MAXDIM) {
        err_set(e, IndexError, "too many indices: %u", tuple->n);
        return -1;
    }
    for (uint32_t i = 0; i < tuple->n; i++)
        if (!item_of(c, &tuple->item[i], &out[i], e)) return -1;
    return (int)tuple->n;
}

static datum *getitem_call(const fn *f, const call *c, err *e)
{
    index_item items[2 * ND_MAXDIM];
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    int n = x ? items_of(c, &c->arg[1], items, e) : -1;
    return n < 0 ? NULL : (datum *)nd_index(x, items, n, e);
}

static const fn_kind getitem_kind = {.name = "getitem",
                                     .version = 1,
                                     .size = sizeof(fn),
                                     .call = getitem_call,
                                     .takes = "xk",
                                     .cost = {.view = true}};

/* Is it NumPy's view of a copy, in which the axis of a list, which is another than the first, has
 * been put back where it belongs? */
static bool is_put_back(const lit *index)
{
    bool behind = false;
    for (uint32_t i = 0; index->kind == LIT_TUPLE && i < index->n; i++) {
        const lit *x = &index->item[i];
        if (x->kind == LIT_DATUM || x->kind == LIT_LIST || x->kind == LIT_IN) return behind;
        behind |= x->kind != LIT_INT;
    }
    return false;
}

nd *part_view(const fn *f, const call *c, bool *copies, err *e)
{
    nd *x = arg_nd(c, &c->arg[0], e), *y = (nd *)getitem_call(f, c, e);
    int64_t whole = x && c->narg > 2 ? c->arg[2].i : x ? nd_count(x) : 0;
    *copies = y && (y->b == x->b || is_put_back(&c->arg[1])) && whole >= 2 * nd_count(y);
    return y;
}

static datum *part_call(const fn *f, const call *c, err *e)
{
    bool copies;
    nd *y = part_view(f, c, &copies, e);
    if (!y || !copies) return (datum *)y;
    nd *own = nd_copy(y, e);
    datum_unref(y);
    return (datum *)own;
}

static const fn_kind part_kind = {.name = "getitem_part",
                                  .version = 1,
                                  .call = part_call,
                                  .takes = "xki?",
                                  .cost = {.view = true}};

/* The same where the rest of x is wanted too: what lies in C order already may stay a view, unless
 * it is so little that the block would stay for nothing. */
static datum *piece_call(const fn *f, const call *c, err *e)
{
    bool copies;
    nd *y = part_view(f, c, &copies, e);
    if (!y || !copies) return (datum *)y;
    const nd *x = arg_nd(c, &c->arg[0], e); /* called by hand, it may be no input but a constant */
    bool little = x && nd_count(y) <= nd_count(x) / PIECE_LITTLE;
    if (y->flags & ND_C && !little) return (datum *)y;
    nd *own = nd_copy(y, e);
    datum_unref(y);
    return (datum *)own;
}

static const fn_kind piece_kind = {.name = "getitem_piece",
                                   .version = 1,
                                   .size = sizeof(fn),
                                   .call = piece_call,
                                   .takes = "xki?",
                                   .cost = {.view = true}};

static fn *view_fn(const fn_kind *kind)
{
    fn *f = fn_new(sizeof(fn), kind, "getitem");
    f->flags |= FN_VIEW;
    return f;
}

fn *fn_getitem(void)
{
    return view_fn(&getitem_kind);
}

fn *fn_getitem_part(void)
{
    return view_fn(&part_kind);
}

fn *fn_getitem_piece(void)
{
    return view_fn(&piece_kind);
}

bool fn_is_piece(const fn *f)
{
    return f->kind == &piece_kind;
}

bool fn_is_part(const fn *f)
{
    return f->kind == &part_kind || f->kind == &piece_kind;
}

/* --- axes and shapes --- */

static datum *transpose_call(const fn *f, const call *c, err *e)
{
    const axes_fn *k = (const axes_fn *)f;
    int perm[GRID_MAXDIM];
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x) return NULL;
    for (int i = 0; i < k->n; i++) perm[i] = (int)k->at[i];
    return (datum *)nd_transpose(x, perm);
}

static const fn_kind transpose_kind = {.name = "transpose",
                                       .version = 1,
                                       .size = sizeof(axes_fn),
                                       .fields = axes_fields,
                                       .call = transpose_call,
                                       .takes = "x",
                                       .cost = {.view = true}};

fn *fn_transpose(int ndim, const int *perm)
{
    int64_t at[GRID_MAXDIM];
    for (int i = 0; i < ndim; i++) at[i] = perm[i];
    fn *f = axes_new(&transpose_kind, "transpose", ndim, at);
    fn_ranks(f, 0, ndim, ndim);
    f->flags |= FN_VIEW;
    return f;
}

bool fn_is_transpose(const fn *f)
{
    return f->kind == &transpose_kind;
}

/* the shape is the second argument when there is one */
static datum *reshape_call(const fn *f, const call *c, err *e)
{
    const axes_fn *k = (const axes_fn *)f;
    int64_t shape[GRID_MAXDIM];
    int ndim = k->n;
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x) return NULL;
    memcpy(shape, k->at, (size_t)ndim * sizeof *shape);
    if (c->narg > 1) {
        ndim = (int)c->arg[1].n;
        for (int i = 0; i < ndim; i++) shape[i] = c->arg[1].item[i].i;
    }
    return (datum *)nd_reshape(x, ndim, shape, e);
}

static const fn_kind reshape_kind = {.name = "reshape",
                                     .version = 1,
                                     .size = sizeof(axes_fn),
                                     .fields = axes_fields,
                                     .call = reshape_call,
                                     .takes = "xs?",
                                     .cost = {.view = true}};

fn *fn_reshape(int ndim, const int64_t *shape)
{
    return axes_new(&reshape_kind, "reshape", ndim, shape);
}

static datum *broadcast_call(const fn *f, const call *c, err *e)
{
    int64_t shape[GRID_MAXDIM];
    nd *x = arg_nd(c, &c->arg[0], e);
    (void)f;
    if (!x) return NULL;
    for (uint32_t i = 0; i < c->arg[1].n; i++) shape[i] = c->arg[1].item[i].i;
    return (datum *)nd_broadcast(x, (int)c->arg[1].n, shape, e);
}

static const fn_kind broadcast_kind = {.name = "broadcast_to",
                                       .version = 1,
                                       .size = sizeof(fn),
                                       .call = broadcast_call,
                                       .takes = "xs",
                                       .cost = {.view = true}};

fn *fn_broadcast(void)
{
    fn *f = fn_new(sizeof(fn), &broadcast_kind, "broadcast_to");
    f->flags |= FN_VIEW;
    return f;
}

/* --- joining lists before another function --- */

typedef struct joined_fn {
    fn base;
    fn *inner;
    uint32_t narg;
    struct joined_arg {
        int n, axes[GRID_MAXDIM];
    } * arg;
} joined_fn;

static datum *joined_call(const fn *f, const call *c, err *e)
{
    const joined_fn *j = (const joined_fn *)f;
    lit arg[64];
    nd *made[64];
    uint32_t n = c->narg < 64 ? c->narg : 64, k = 0;
    datum *out = NULL;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        arg[i] = c->arg[i];
        if (arg[i].kind != LIT_LIST || i >= j->narg) continue;
        nd *x = join_lists(c, &arg[i], j->arg[i].n, j->arg[i].axes, -1, e);
        ok = x != NULL;
        if (ok) arg[i] = lit_datum(made[k++] = x);
    }
    if (ok) {
        call d = *c;
        d.arg = arg;
        d.narg = n;
        out = fn_call(j->inner, &d, e);
    }
    while (k) datum_unref(made[--k]);
    return out;
}

static void joined_drop(fn *f)
{
    datum_unref(((joined_fn *)f)->inner);
    mem_free(((joined_fn *)f)->arg);
}

static bool joined_save(const fn *f, wire_out *w, err *e)
{
    const joined_fn *j = (const joined_fn *)f;
    wire_u32(w, j->narg);
    wire_bytes(w, j->arg, j->narg * sizeof *j->arg);
    return wire_datum(w, &j->inner->hdr, e);
}

static bool joined_load(fn *f, wire_in *r, err *e)
{
    joined_fn *j = (joined_fn *)f;
    datum *d;
    j->narg = wire_get_u32(r);
    const char *s = wire_peek(r, j->narg * sizeof *j->arg);
    if (!s) return false;
    j->arg = mem_alloc(j->narg * sizeof *j->arg + 1);
    memcpy(j->arg, s, j->narg * sizeof *j->arg);
    if (!wire_get_datum(r, &d, e)) return false;
    j->inner = as_fn(d);
    if (!j->inner) datum_unref(d);
    return j->inner != NULL;
}

static void joined_prepare(const fn *f, const struct task_view *v)
{
    const fn *inner = ((const joined_fn *)f)->inner;
    if (inner->kind->prepare) inner->kind->prepare(inner, v);
}

static const fn_kind joined_kind = {.name = "joined",
                                    .version = 1,
                                    .size = sizeof(joined_fn),
                                    .save = joined_save,
                                    .load = joined_load,
                                    .call = joined_call,
                                    .drop = joined_drop,
                                    .prepare = joined_prepare,
                                    .cost = {.joins = true}};

fn *fn_joined(const fn *inner, uint32_t narg, const int *n, int (*axes)[GRID_MAXDIM])
{
    joined_fn *j = fn_new(sizeof *j, &joined_kind, inner->name);
    j->arg = mem_alloc(narg * sizeof *j->arg + 1);
    j->inner = datum_ref((fn *)(uintptr_t)inner);
    j->narg = narg;
    for (uint32_t i = 0; i < narg; i++) {
        j->arg[i].n = n[i];
        memcpy(j->arg[i].axes, axes[i], sizeof axes[i]);
    }
    j->base.flags = inner->flags;
    fn_identify(&j->base, &inner->id, sizeof inner->id);
    return &j->base;
}

const fn_kind *const moveops_kinds[] = {
    &concat_kind,    &transpose_kind, &reshape_kind, &getitem_kind,
    &broadcast_kind, &joined_kind,    &piece_kind,   NULL};
