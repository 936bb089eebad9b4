/* stdlib/dask/foreign.c - operations of the engine on blocks that are not plain arrays.
 *
 * A masked array (or whatever a function of the user gave) stays a live value.  An operation that
 * meets one among its inputs is not run by its kernel: its name and arguments go to
 * dask.array.foreign, which calls what the value itself understands. */
#include "engine/base/mem.h"
#include "engine/expr/build.h"
#include "stdlib/dask/crew.h"
#include "stdlib/numpy/numpy.h"

/* the arguments of a call as a tuple */
static value arguments(interp *in, const call *c)
{
    value *keys = mem_zero((c->nin + 1) * sizeof(value));
    bool ok = true;
    for (uint32_t k = 0; ok && k < c->nin; k++) ok = !is_fail(keys[k] = value_of(in, c->in[k]));
    uint32_t n = c->narg ? c->narg : c->nin;
    tuple *t = ok ? tuple_new(in, n) : NULL;
    ok = t != NULL;
    for (uint32_t k = 0; ok && k < n; k++) {
        value v = c->narg ? value_of_lit(in, &c->arg[k], keys) : value_ref(keys[k]);
        ok = !is_fail(v);
        if (ok) t->at[k] = v;
    }
    for (uint32_t k = 0; k < c->nin; k++) value_unref(in, keys[k]);
    mem_free(keys);
    if (ok) return v_obj(t);
    obj_unref(in, t);
    return FAIL;
}

static value apply(interp *in, const call *c, const void *function)
{
    const fn *f = function;
    dtype_of t = {.dt = DT_none}, want;
    int out = 0;
    const ufunc *u = fn_as_ufunc(f, &want, &out);
    fn_is_cast(f, &t);
    value home = interp_import(in, "dask.array.foreign");
    value args = is_fail(home) ? FAIL : arguments(in, c);
    value name = v_str(in, u ? u->name : f->name);
    value dtype = t.dt == DT_none ? NONE : dtype_value(in, t);
    value r = FAIL;
    if (!is_fail(args) && !is_fail(name) && !is_fail(dtype))
        r = call_method(in, home, "apply", 5, name, args, v_bool(u != NULL), dtype, v_int(out));
    value_unref(in, dtype);
    value_unref(in, name);
    value_unref(in, args);
    value_unref(in, home);
    return r;
}

void *live_apply(const void *function, const void *called, void *error)
{
    const call *c = called;
    err *e = error;
    seat *s = seat_of(c);
    if (s && c->go_home && crew_copies(s->of)) return seat_call_away(s, function, c, e);
    if (s && c->go_home) return seat_run(s, c, apply, function, e);
    interp *in = interp_current();
    if (!in && c->go_home) return *c->go_home = true, NULL; /* others have it now */
    if (!in)
        return err_set(e, RuntimeError, "%s: no interpreter on this thread",
                       ((const fn *)function)->name);
    value r = apply(in, c, function);
    datum *d = is_fail(r) ? NULL : datum_of(in, r);
    value_unref(in, r);
    if (!d) exc_to_err(in, e);
    return d;
}

void *capsule_apply(const void *function, const void *called, void *error)
{
    return live_apply(function, called, error);
}
