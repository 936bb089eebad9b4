/* stdlib/dask/args.c - what users write (chunks=, operands, names) as the engine wants it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/numpy/numpy.h"

label label_of(value prefix, value name)
{
    str *p = as_str(prefix), *n = as_str(name);
    return (label){.prefix = p ? p->at : NULL, .name = n ? n->at : NULL};
}

/* ---- chunks ---- */

/* "128MiB", "1e6 B" in bytes; -1: not a size */
static int64_t parse_bytes(const char *s)
{
    static const struct {
        const char *unit;
        double k;
    } units[] = {{"kib", 1024.0},
                 {"mib", 1048576.0},
                 {"gib", 1073741824.0},
                 {"tib", 1099511627776.0},
                 {"kb", 1e3},
                 {"mb", 1e6},
                 {"gb", 1e9},
                 {"tb", 1e12},
                 {"k", 1e3},
                 {"m", 1e6},
                 {"g", 1e9},
                 {"b", 1},
                 {"", 1}};
    char *end;
    double n = strtod(s, &end);
    if (end == s) n = 1;
    while (*end == ' ') end++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcasecmp(end, units[i].unit)) return (int64_t)(n * units[i].k);
    return -1;
}

/* dask.utils says what is wrong with a text that is no size, or reads what is rarely written. */
static bool rare_size(interp *in, value v, int64_t *out)
{
    value utils = interp_import(in, "dask.utils");
    value bytes = is_fail(utils) ? FAIL : call_method(in, utils, "parse_bytes", 1, v);
    const bool ok = !is_fail(bytes) && to_int64(in, bytes, out);
    value_unref(in, bytes);
    value_unref(in, utils);
    if (!ok || *out > 0) return ok;
    return THROW0(in, ValueError, "chunks='%s': a size in bytes is positive", as_str(v)->at);
}

static bool size_of(interp *in, value v, int64_t *out)
{
    double d;
    if (v.kind == V_FLOAT || v.kind == V_SCALAR) {
        if (!to_double(in, v, &d)) return false;
        if (isnan(d)) return *out = -1, true;
        return *out = (int64_t)d, true;
    }
    return to_int64(in, v, out);
}

static bool spec_of(interp *in, value v, arena *a, chunk_spec *out)
{
    str *s = as_str(v);
    *out = (chunk_spec){.form = CHUNK_ALL};
    if (is_none(v)) return true;
    if (s && str_is(s, "auto")) return out->form = CHUNK_AUTO, true;
    if (s) {
        out->form = CHUNK_BYTES;
        out->size = parse_bytes(s->at);
        return out->size > 0 || rare_size(in, v, &out->size);
    }
    list *l = as_list(v);
    tuple *t = as_tuple(v);
    if (l || t) {
        int64_t n = l ? l->n : t->n, *sizes = arena_alloc(a, (size_t)(n + 1) * sizeof *sizes);
        for (int64_t i = 0; i < n; i++) TRY(size_of(in, l ? l->at[i] : t->at[i], &sizes[i]));
        *out = (chunk_spec){.form = CHUNK_LIST, .n = n, .list = sizes};
        return true;
    }
    out->form = CHUNK_SIZE;
    TRY(size_of(in, v, &out->size));
    if (out->size == -1) out->form = CHUNK_ALL;
    return true;
}

static bool all_numbers(const value *at, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (at[i].kind != V_INT && at[i].kind != V_FLOAT && at[i].kind != V_SCALAR) return false;
    return true;
}

static void spec_of_cuts(const cuts *c, arena *a, chunk_spec *out)
{
    int64_t *sizes = arena_alloc(a, (size_t)(c->nblock + 1) * sizeof *sizes);
    for (int64_t i = 0; i < c->nblock; i++) sizes[i] = cuts_size(c, i);
    *out = (chunk_spec){.form = CHUNK_LIST, .n = c->nblock, .list = sizes};
}

/* dict: axis -> spec; axes that are not in it stay as they are, or are one chunk */
static bool specs_of_dict(interp *in, dict *d, int ndim, const grid *previous, arena *a,
                          chunk_spec *spec)
{
    for (int i = 0; i < ndim; i++) {
        value v;
        int found = dict_get(in, d, v_int(i), &v);
        if (found == 0) found = dict_get(in, d, v_int(i - ndim), &v);
        if (found < 0) return false;
        if (found && !is_none(v))
            TRY(spec_of(in, v, a, &spec[i]));
        else if (previous)
            spec_of_cuts(previous->ax[i], a, &spec[i]);
        else
            spec[i] = (chunk_spec){.form = CHUNK_ALL};
    }
    return true;
}

static int64_t configured_limit(interp *in)
{
    value config = interp_import(in, "dask.config");
    if (is_fail(config)) return exc_clear(in), 0;
    value name = v_str(in, "array.chunk-size");
    value v = is_fail(name) ? FAIL : call_method(in, config, "get", 1, name);
    str *s = as_str(v);
    int64_t limit = s ? parse_bytes(s->at) : v.kind == V_INT ? v.i : 0;
    value_unref(in, name);
    value_unref(in, v);
    value_unref(in, config);
    exc_clear(in);
    return limit > 0 ? limit : 0;
}

grid *to_grid(interp *in, value chunks, int ndim, const int64_t *shape, dtype_of t,
              const grid *previous)
{
    return to_grid_within(in, chunks, ndim, shape, t, previous, configured_limit(in));
}

grid *to_grid_within(interp *in, value chunks, int ndim, const int64_t *shape, dtype_of t,
                     const grid *previous, int64_t limit)
{
    arena a = {0};
    chunk_spec *spec = arena_alloc(&a, GRID_MAXDIM * sizeof *spec);
    tuple *tp = as_tuple(chunks);
    list *l = as_list(chunks);
    dict *d = as_dict(chunks);
    const value *at = tp ? tp->at : l ? l->at : NULL;
    int64_t n = tp ? tp->n : l ? l->n : 0;
    int nspec = ndim;
    bool ok = true;
    if (d) {
        ok = specs_of_dict(in, d, ndim, previous, &a, spec);
    } else if (at && ndim == 1 && n > 1 && all_numbers(at, n)) {
        ok = spec_of(in, chunks, &a, &spec[0]);
    } else if (at) {
        nspec = (int)(n < GRID_MAXDIM ? n : GRID_MAXDIM);
        for (int i = 0; ok && i < nspec; i++) {
            if (is_none(at[i]) && previous && i < previous->ndim)
                spec_of_cuts(previous->ax[i], &a, &spec[i]);
            else
                ok = spec_of(in, at[i], &a, &spec[i]);
        }
    } else {
        for (int i = 0; ok && i < ndim; i++) ok = spec_of(in, chunks, &a, &spec[i]);
    }
    err e = {0};
    for (int i = 0; i < nspec; i++)
        if (spec[i].form == CHUNK_BYTES) limit = 0; /* the user gave one */
    grid *g = ok ? grid_normalize(nspec, spec, ndim, shape, limit, t, previous, &e) : NULL;
    arena_clear(&a);
    if (ok && !g) throw_err(in, &e);
    return g;
}

static value cuts_value(interp *in, const cuts *c)
{
    tuple *t = tuple_new(in, c->nblock);
    int64_t at = 0;
    for (uint32_t r = 0; t && r < c->nrun; r++)
        for (int64_t i = 0; i < c->run[r].count; i++)
            t->at[at++] = c->run[r].size < 0 ? v_float(NAN) : v_int(c->run[r].size);
    return v_obj(t);
}

value chunks_value(interp *in, const grid *g)
{
    tuple *t = tuple_new(in, g->ndim);
    for (int i = 0; t && i < g->ndim; i++) {
        value v = cuts_value(in, g->ax[i]);
        if (is_fail(v)) return obj_unref(in, t), FAIL;
        t->at[i] = v;
    }
    return v_obj(t);
}

cuts *cuts_of_value(interp *in, value v)
{
    list *l = as_list(v);
    tuple *t = as_tuple(v);
    int64_t n = l ? l->n : t ? t->n : 1;
    int64_t *size = mem_zero(sizeof *size * (size_t)(n + 1));
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        value s = l ? l->at[i] : t ? t->at[i] : v;
        double d;
        ok = s.kind == V_INT ? (size[i] = s.i, true)
                             : to_double(in, s, &d) && (size[i] = d != d ? -1 : (int64_t)d, true);
    }
    cuts *c = ok ? cuts_of(n, size) : NULL;
    mem_free(size);
    return c;
}

/* ---- operands ---- */

bool term_of(interp *in, value v, term *out)
{
    *out = (term){0};
    lazy *l = as_lazy(v);
    if (l) return out->x = l->x, true;
    nd *x = to_nd_any(in, v);
    if (!x) return false;
    out->block = x;
    out->weak = v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL ||
                (v.kind == V_OBJ && (v.o->type == &T_complex || v.o->type == &T_int));
    return true;
}

void term_clear(term *t)
{
    datum_unref((void *)(uintptr_t)t->block);
    datum_unref(t->other);
    *t = (term){0};
}

const expr **exprs_of(interp *in, value seq, int *n)
{
    list *l = as_list(seq);
    tuple *t = as_tuple(seq);
    *n = (int)(l ? l->n : t ? t->n : 0);
    const expr **x = mem_zero(sizeof *x * (size_t)(*n + 1));
    for (int i = 0; i < *n; i++)
        if (!(x[i] = peek_expr(in, l ? l->at[i] : t->at[i]))) {
            mem_free(x);
            return NULL;
        }
    return x;
}
