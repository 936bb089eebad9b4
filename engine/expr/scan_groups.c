/* engine/expr/scan_groups.c - running sums of several blocks together (plan/scan.c). */
#include <stdio.h>
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/scan.h"
#include "engine/kernels/ops.h"

enum { MOST = 64 }; /* blocks of one call */

typedef struct group_fn {
    fn base;
    const scan *s;
    int axis;
    dtype_of t;
} group_fn;

/* the blocks among the arguments, from the first on */
static int blocks_from(const call *c, uint32_t first, const nd **x, err *e)
{
    uint32_t n = c->narg > first ? c->narg - first : 0;
    if (!n || n > MOST)
        return (int)(intptr_t)err_set(e, TypeError, "1 to %d blocks are needed, not %u", MOST, n);
    for (uint32_t k = 0; k < n; k++) TRY((x[k] = arg_nd(c, &c->arg[first + k], e)));
    return (int)n;
}

static datum *last_call(const fn *f, const call *c, err *e)
{
    const group_fn *g = (const group_fn *)f;
    const nd *x[MOST];
    int n = blocks_from(c, 0, x, e);
    return n ? (datum *)nd_scan_last(g->s, n, x, g->axis, g->t, e) : NULL;
}

/* where the carries begin: the last one of the group before, or the number that changes nothing */
static nd *carry_begins(const group_fn *g, const nd *before, const nd *like, err *e)
{
    int64_t shape[ND_MAXDIM], neutral = g->s->fold == U_multiply;
    if (before) {
        int64_t n = nd_shape(before)[g->axis];
        return nd_slice(before, g->axis, n ? n - 1 : 0, n ? 1 : 0, 1);
    }
    nd *value = nd_scalar(DT_int64, &neutral);
    memcpy(shape, nd_shape(like), (size_t)like->ndim * sizeof *shape);
    shape[g->axis] = 1;
    nd *out = nd_full(g->t, like->ndim, shape, value, e);
    datum_unref(value);
    return out;
}

static datum *carry_call(const fn *f, const call *c, err *e)
{
    const group_fn *g = (const group_fn *)f;
    const nd *x[MOST];
    int n = blocks_from(c, 0, x, e);
    if (!n) return NULL;
    const nd *last = x[n - 1];
    if (g->axis >= last->ndim || (n > 1 && g->axis >= x[0]->ndim))
        return err_set(e, IndexError, "axis %d is out of bounds for a block of %d axes", g->axis,
                       last->ndim);
    nd *begin = carry_begins(g, n > 1 ? x[0] : NULL, last, e);
    nd *all = begin
                  ? nd_concat(2, (const nd *[]){begin, last}, g->axis, (dtype_of){.dt = DT_none}, e)
                  : NULL;
    nd *out = all ? nd_accumulate(&ufuncs[g->s->fold], all, g->axis, g->t, NULL, e) : NULL;
    nd *ordered = out ? nd_contiguous(out, e) : NULL;
    datum_unref(begin);
    datum_unref(all);
    datum_unref(out);
    return (datum *)ordered;
}

static datum *join_call(const fn *f, const call *c, err *e)
{
    const group_fn *g = (const group_fn *)f;
    const nd *x[MOST];
    nd *out[MOST] = {0};
    if (c->narg < 3) return err_set(e, TypeError, "a number, a carry and blocks are needed");
    nd *carry = arg_nd(c, &c->arg[1], e);
    int n = carry ? blocks_from(c, 2, x, e) : 0;
    if (!n) return NULL;
    for (int k = 0; k < n && c->places; k++) out[k] = c->places[k];
    if (!nd_scan_join(g->s, n, x, g->axis, g->t, carry, c->arg[0].i, out, e)) return NULL;
    datum *item[MOST];
    for (int k = 0; k < n; k++) item[k] = &out[k]->hdr;
    return &pack_new((uint32_t)n, NULL, item)->hdr;
}

static const fn_field group_fields[] = {
    PARAM_ROW(group_fn, s, scans, NSCAN),
    PARAM(group_fn, axis),
    PARAM(group_fn, t),
    {0},
};

static const fn_kind last_kind = {.name = "scan_last",
                                  .version = 1,
                                  .size = sizeof(group_fn),
                                  .fields = group_fields,
                                  .call = last_call,
                                  .takes = "x+",
                                  .cost = {.nothing = true, .ns = 0.2f}};
static const fn_kind group_carry_kind = {.name = "scan_carries",
                                         .version = 1,
                                         .size = sizeof(group_fn),
                                         .fields = group_fields,
                                         .call = carry_call,
                                         .takes = "x+",
                                         .cost = {.nothing = true}};
static const fn_kind join_kind = {.name = "scan_join",
                                  .version = 1,
                                  .size = sizeof(group_fn),
                                  .fields = group_fields,
                                  .call = join_call,
                                  .takes = "ix+",
                                  .heirs = 2,
                                  .cost = {.ns = 0.2f}};

static fn *group_new(const fn_kind *kind, const scan_parts *p, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s %s", p->s->name, what);
    group_fn *g = fn_new(sizeof *g, kind, name);
    g->s = p->s;
    g->axis = p->axis;
    g->t = p->t;
    int64_t param[] = {p->s - scans, p->axis, p->t.dt, p->t.size};
    fn_identify(&g->base, param, sizeof param);
    return &g->base;
}

fn *fn_scan_last(const scan_parts *p)
{
    return group_new(&last_kind, p, "last");
}

fn *fn_scan_carry(const scan_parts *p)
{
    return group_new(&group_carry_kind, p, "carry");
}

fn *fn_scan_join(const scan_parts *p)
{
    return group_new(&join_kind, p, "join");
}

const fn_kind *const scan_groups_kinds[] = {&last_kind, &group_carry_kind, &join_kind, NULL};
