/* stdlib/wire.c - values as bytes: the module _wire, under pickle and cloudpickle. */
#include "stdlib/wire.h"

#include <string.h>

#include "engine/data/nd_wire.h"
#include "engine/expr/expr.h"
#include "engine/expr/kinds.h"
#include "engine/expr/seeds.h"
#include "engine/graph/fn_wire.h"
#include "lang/freeze.h"
#include "lang/types/bytes.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/dask/scratch.h"
#include "stdlib/h5py/h5py.h"
#include "stdlib/stdlib.h"

const datum_kind *const wire_kinds[] = {
    &nd_kind,      &capsule_kind, &code_kind,  &litbox_kind,  &pack_kind,
    &live_kind,    &fn_datum,     &cuts_kind,  &grid_kind,    &seeds_kind,
    &source_datum, &h5_kind,      &claim_kind, &scratch_kind, NULL,
};

static const fn_kind *find_fn(const char *name, uint32_t version)
{
    const fn_kind *k = &callable_kind;
    if (strcmp(name, k->name) == 0 && version == k->version) return k;
    return expr_fn_kind(name, version);
}

static source *find_source(datum *of, err *e)
{
    if (of->kind == &h5_kind) return h5_source_of((h5obj *)(void *)of);
    return err_set(e, ValueError, "an array cannot be read from '%s'", of->kind->name);
}

const wire_names wire_found = {find_fn, find_source};

datum *value_pack(interp *in, value v, err *e)
{
    datum *d = datum_of(in, v);
    if (!d || (!as_live(d) && !as_fn(d) && d->kind->save)) return d;
    datum_unref(d);
    return (datum *)freeze_copy(in, v, e);
}

static bool made_again(interp *in, const type *t, value x)
{
    value cls = v_type(t), base = v_type(exc_type(Exception)), own = FAIL, plain = FAIL;
    bool custom = value_findattr(in, cls, "__reduce__", &own) == 1 &&
                  value_findattr(in, base, "__reduce__", &plain) == 1 && !value_same(own, plain);
    value args = custom ? FAIL : value_getattr_c(in, x, "args");
    value again = is_fail(args) ? FAIL : call_with(in, cls, args, FAIL);
    bool ok = custom || !is_fail(again);
    value all[] = {cls, base, own, plain, args, again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) value_unref(in, all[i]);
    exc_clear(in);
    return ok;
}

value exc_handed_on(interp *in, value x)
{
    const type *t = type_of(in, x);
    err e = {0};
    if (!(t->flags & TYPE_HEAP)) return x;
    datum *d = made_again(in, t, x) ? (datum *)freeze_copy(in, x, &e) : NULL;
    err_clear(&e);
    if (d) return datum_unref(d), x;
    str *s = value_repr(in, x);
    value shown = exc_new(in, Exception, s ? s->at : t->name);
    obj_unref(in, s);
    exc_clear(in);
    value_unref(in, x);
    return shown;
}

value value_unpack(interp *in, datum *d)
{
    return value_of(in, d);
}

char *value_to_bytes(interp *in, value v, size_t *n, err *e)
{
    datum *d = value_pack(in, v, e);
    wire_out w = {.sums = true};
    char *out = d && wire_datum(&w, d, e) ? wire_joined(&w, n, e) : NULL;
    wire_out_clear(&w);
    datum_unref(d);
    return out;
}

value value_from_bytes(interp *in, const void *p, size_t n)
{
    err e = {0};
    size_t used;
    wire_in r;
    datum *d = NULL;
    wire_in_init(&r, wire_kinds, &buf_room);
    r.extra = &wire_found;
    bool ok = wire_feed(&r, p, n, &used, &e) && wire_get_datum(&r, &d, &e);
    if (ok && !d) wire_bad(&r, &e);
    wire_in_clear(&r);
    value v = d && !e.kind ? value_unpack(in, d) : throw_err(in, &e);
    datum_unref(d);
    return v;
}

/* ---- the module ---- */

static value dumps(interp *in, const value *arg)
{
    err e = {0};
    size_t n;
    char *s = value_to_bytes(in, arg[0], &n, &e);
    if (!s) return throw_err(in, &e);
    value v = v_obj(bytes_new(in, s, n));
    mem_free(s);
    return v;
}

static value loads(interp *in, const value *arg)
{
    size_t n;
    const char *s = bytes_peek(arg[0], &n);
    if (!s)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, arg[0]));
    return value_from_bytes(in, s, n);
}

static const builtin table[] = {
    {"dumps(value, /)", dumps, "The value as bytes; functions and classes by value."},
    {"loads(data, /)", loads, "The value again."},
    {0},
};

const module_def wire_def = {.name = "_wire", .doc = "Values as bytes.", .table = table};
