/* engine/plan/cost_step.c - memory and time of one step of a task. */
#include "engine/plan/cost_step.h"

#include <math.h>
#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/reduceops.h"

/* One core's figures: a simple loop over elements in cache, a byte of a block, of one that no cache
 * holds, a byte of a file, plain or to be unpacked. */
static const double LOOP_NS = 0.08, BYTE_NS = 0.025, FAR_NS = 0.06, FILE_NS = 0.3, PACKED_NS = 1;

enum { CACHE = 24 << 20 };

bool index_picks(const lit *x) /* an index with an array or list: the result is a copy */
{
    if (x->kind == LIT_DATUM || x->kind == LIT_LIST || x->kind == LIT_IN) return true;
    for (uint32_t i = 0; x->kind == LIT_TUPLE && i < x->n; i++)
        if (index_picks(&x->item[i])) return true;
    return false;
}

static bool is_computed(const lit *x) /* an index that comes from another task */
{
    if (x->kind == LIT_IN) return true;
    for (uint32_t i = 0; x->kind == LIT_TUPLE && i < x->n; i++)
        if (is_computed(&x->item[i])) return true;
    return false;
}

/* Takes elements of a block by an index that is known when it runs. */
bool step_selects(const task_view *v)
{
    if (!v->f || v->f->kind->cost.exact ||
        !(v->f->kind->cost.view ? v->narg == 2 : v->f->kind->cost.picks))
        return false;
    for (uint32_t k = 1; k < v->narg; k++)
        if (is_computed(&v->arg[k])) return true;
    return false;
}

const source *step_resident(const layer *l)
{
    const source *s = l->flags & LAYER_LEAF ? layer_source(l) : NULL;
    return s && !s->kind->read_into ? s : NULL;
}

uint64_t block_elements(const layer *l, uint64_t i)
{
    return l->type.size ? block_bytes(l, i) / l->type.size : 0;
}

/* Rows of the block that is read, all of their length. */
static bool is_rows(const layer *l, uint64_t i, const task_view *v)
{
    const grid *to = l->grid, *from = v->nin ? v->in[0].of->grid : NULL;
    int64_t where[GRID_MAXDIM], shape[GRID_MAXDIM], whole[GRID_MAXDIM];
    if (!to || !from || to->ndim != from->ndim || i >= to->nblock || v->in[0].i >= from->nblock)
        return false;
    grid_block(to, i, where);
    grid_block_shape(to, where, shape);
    grid_block(from, v->in[0].i, where);
    grid_block_shape(from, where, whole);
    for (int k = 1; k < to->ndim; k++)
        if (shape[k] != whole[k]) return false;
    return true;
}

/* A small part of a block that is read for it alone is copied, so that the block can go. */
bool step_is_copied_part(const layer *l, uint64_t i, const task_view *v)
{
    if (!fn_is_part(v->f)) return false;
    const int64_t n = (int64_t)block_elements(l, i);
    const int64_t all = v->nin ? (int64_t)block_elements(v->in[0].of, v->in[0].i) : 0;
    if (fn_is_piece(v->f) && n > all / PIECE_LITTLE && is_rows(l, i, v)) return false;
    if (v->narg > 2) return v->arg[2].i >= 2 * n; /* -1: never */
    return v->nin && all >= 2 * n;
}

bool step_is_view(const layer *l, uint64_t i, const task_view *v)
{
    if (!v->f) return true;
    if (step_resident(l)) return true;
    if (v->f->kind->cost.nothing) return true;
    if (!v->f->kind->cost.view && !(v->f->flags & FN_VIEW)) return false;
    for (uint32_t k = 1; k < v->narg; k++)
        if (index_picks(&v->arg[k])) return false;
    return !step_is_copied_part(l, i, v);
}

/* of all inputs together */
uint64_t step_given(const task_view *v)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < v->nin; k++) n += block_bytes(v->in[k].of, v->in[k].i);
    return n;
}

/* of the blocks in a list, and how many they are */
static uint64_t listed(const task_view *v, const lit *x, uint32_t *n)
{
    uint64_t bytes = 0;
    if (x->kind == LIT_IN) {
        ++*n;
        bytes = block_bytes(v->in[x->i].of, v->in[x->i].i);
    }
    for (uint32_t i = 0; lit_has_items(x) && i < x->n; i++) bytes += listed(v, &x->item[i], n);
    return bytes;
}

/* Inputs that are joined, as one block, and what is made of it: those of a list, if there is one.
 */
uint64_t step_joined(const task_view *v)
{
    uint64_t times = v->f->kind->cost.joined, bytes = 0;
    bool lists = false;
    if (v->nin < 2 && !times) return 0;
    for (uint32_t i = 0; i < v->narg; i++) {
        uint32_t n = 0;
        uint64_t all = v->arg[i].kind == LIT_LIST ? listed(v, &v->arg[i], &n) : 0;
        lists |= v->arg[i].kind == LIT_LIST;
        if (n > 1 || times) bytes += all;
    }
    return (lists ? bytes : step_given(v)) * (times ? times : 1);
}

/* the largest input's bytes, and the elements of all */
uint64_t step_largest(const task_view *v, uint64_t *total)
{
    uint64_t largest = 0;
    *total = 0;
    for (uint32_t k = 0; k < v->nin; k++) {
        uint64_t n = block_bytes(v->in[k].of, v->in[k].i);
        if (n > largest) largest = n;
        *total += block_elements(v->in[k].of, v->in[k].i);
    }
    return largest;
}

/* What a step reads of its source, and needs meanwhile. */
uint64_t step_reads(const layer *l, uint64_t i, const task_view *v, uint64_t *extra)
{
    uint64_t read = block_bytes(l, i);
    const source *s = l->flags & LAYER_LEAF && v->narg ? layer_source(l) : NULL;
    const lit *region = s ? &v->arg[v->narg - 1] : NULL;
    *extra = 0;
    if (!s) return 0;
    if (region->kind == LIT_TUPLE && !region_is_box(region))
        source_pick_cost(s, region, l->type, &read, extra);
    return read;
}

/* --- time --- */

/* A product runs at its full speed when none of its three extents is short. */
static double product_seconds(const layer *l, uint64_t i, const task_view *v)
{
    const double SHORT = 32;
    double a = (double)block_elements(v->in[0].of, v->in[0].i),
           b = (double)block_elements(v->in[1].of, v->in[1].i), out = (double)block_elements(l, i),
           multiplied = sqrt(a * b * out), most = a > b ? a : b;
    if (out > most) most = out;
    double least = most ? multiplied / most : 1;
    return (2 * multiplied * FLOP_NS * (1 + SHORT / (least > 1 ? least : 1)) +
            (a + b + out) * 8 * BYTE_NS) *
           1e-9;
}

/* x ** 2 and the like, which are something simpler */
static bool is_short_power(const task_view *v)
{
    dtype_of t;
    int out;
    const nd *by = v->narg == 2 && v->arg[1].kind == LIT_DATUM ? as_nd(v->arg[1].d) : NULL;
    const ufunc *f = by && v->nin == 1 ? fn_as_ufunc(v->f, &t, &out) : NULL;
    if (!f || f->id != U_power) return false;
    operand exponent = operand_of(by);
    return ufunc_of_pow(v->in[0].of->type, &exponent) != NULL;
}

static double step_ns(const task_view *v)
{
    const float kind = v->f->kind->cost.ns;
    return v->f->ns > 0 ? (double)v->f->ns : kind > 0 ? (double)kind : LOOP_NS;
}

double step_byte_seconds(const task_view *v)
{
    const size_t size = v->nin ? v->in[0].of->type.size : 0;
    if (!v->f || v->f->kind->cost.nothing) return 0;
    return (step_ns(v) / (double)(size ? size : 8) + 2 * BYTE_NS) * 1e-9;
}

double step_seconds(const layer *l, uint64_t i, const task_view *v, bool in_cache)
{
    uint64_t total, out = block_elements(l, i), bytes = block_bytes(l, i);
    if (!v->f) return 0;
    step_largest(v, &total);
    if (step_is_view(l, i, v) && !step_resident(l)) return 0;
    const fn_cost *c = &v->f->kind->cost;
    uint64_t box, read = step_reads(l, i, v, &box);
    if (read) {
        double ns = layer_source(l)->whole ? PACKED_NS : FILE_NS;
        return step_resident(l) ? 0 : (double)(read + box / 4) * ns * 1e-9;
    }
    if (c->product && v->nin >= 2) return product_seconds(l, i, v);
    uint64_t given = c->joins ? total : total / (v->nin ? v->nin : 1);
    double n = (double)(given > out ? given : out);
    uint64_t moved = step_given(v);
    if (c->view || c->parts) { /* picks elements: what it leaves is not touched */
        n = (double)out;
        moved = bytes;
    }
    double ns = step_ns(v);
    if (v->f->flags & FN_FOREIGN) n = n > 1 ? n : 1;
    if (is_short_power(v)) ns = LOOP_NS;
    double byte_ns = in_cache ? 0 : bytes + moved > CACHE ? FAR_NS : BYTE_NS;
    return (n * ns + (double)(bytes + moved) * byte_ns) * 1e-9;
}
