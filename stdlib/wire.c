/* stdlib/wire.c - values as bytes: the module _wire, under pickle and cloudpickle. */
#include "stdlib/wire.h"

#include "engine/data/nd_wire.h"
#include "engine/graph/fn_wire.h"
#include "lang/freeze.h"
#include "lang/types/bytes.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/stdlib.h"

const datum_kind *const wire_kinds[] = {
    &nd_kind,   &capsule_kind, &code_kind,  &litbox_kind, &pack_kind,
    &live_kind, &fn_datum,     &claim_kind, NULL,
};

const fn_kind *const wire_fns[] = {&callable_kind, NULL};

datum *value_pack(interp *in, value v, err *e)
{
    datum *d = datum_of(in, v);
    if (!d || (!as_live(d) && !as_fn(d) && d->kind->save)) return d;
    datum_unref(d);
    return (datum *)freeze_copy(in, v, e);
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
    r.extra = wire_fns;
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
