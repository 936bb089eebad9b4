/* stdlib/dask/foreign.c - operations of the engine on blocks that are not plain arrays.
 *
 * A masked array (or whatever a function of the user gave) stays a live value.  An operation that
 * meets one among its inputs is not run by its kernel: its name and arguments go to
 * dask.array.foreign, which calls what the value itself understands. */
#include "engine/base/mem.h"
#include "engine/expr/build.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/numpy/numpy.h"

static interp *home_of(const call *c)
{
    for (uint32_t k = 0; k < c->nin; k++) {
        live *l = as_live(c->in[k]);
        if (l) return l->home;
    }
    return NULL;
}

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

static value keywords(interp *in, const fn *f)
{
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 0; ok && i < f->nbound; i++)
        ok = dict_put(in, d, f->bound[i].name, value_of_lit(in, &f->bound[i].value, NULL));
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

void *live_apply(const void *function, const void *called, void *error)
{
    const fn *f = function;
    const call *c = called;
    err *e = error;
    interp *in = home_of(c);
    if (!in || in != interp_current()) {
        if (c->go_home) return *c->go_home = true, NULL;
        return err_set(e, RuntimeError, "%s: this block belongs to another thread", f->name);
    }
    dtype_of t = {.dt = DT_none}, want;
    int out = 0;
    const ufunc *u = fn_as_ufunc(f, &want, &out);
    fn_is_cast(f, &t);
    value home = interp_import(in, "dask.array.foreign");
    value args = is_fail(home) ? FAIL : arguments(in, c);
    value kwargs = is_fail(args) ? FAIL : keywords(in, f);
    value name = v_str(in, u ? u->name : f->name);
    value dtype = t.dt == DT_none ? NONE : dtype_value(in, t);
    value r = FAIL;
    if (!is_fail(kwargs) && !is_fail(name) && !is_fail(dtype))
        r = call_method(in, home, "apply", 6, name, args, kwargs, v_bool(u != NULL), dtype,
                        v_int(out));
    value_unref(in, dtype);
    value_unref(in, name);
    value_unref(in, kwargs);
    value_unref(in, args);
    value_unref(in, home);
    datum *d = is_fail(r) ? NULL : datum_of(in, r);
    value_unref(in, r);
    if (!d) exc_to_err(in, e);
    return d;
}
