/* stdlib/dask/planning.c - how the planner works: what stops it, and which passes it runs:
 * dask.config's "dsk.plan.NAME" settings.
 *
 * Absent or true: it runs.  `dask.config.set({"dsk.plan": False})` leaves all of them out. */
#include "engine/run/memory.h"
#include "stdlib/dask/parts.h"

static const struct {
    const char *name;
    enum plan_pass pass;
} passes[] = {
#define PASS(NAME, name) {#name, PASS_##NAME},
    PLAN_PASSES(PASS)
#undef PASS
};

static bool is_off(interp *in, value v)
{
    return !is_fail(v) && value_truth(in, v) == 0;
}

static bool still_wanted(void *ctx)
{
    const host *h = interp_host(ctx);
    return !(h && h->interrupted && h->interrupted(h->ctx));
}

plan_opts plan_settings(interp *in)
{
    plan_opts o = {.goes_on = still_wanted, .ctx = in};
    run_opts limits = {0};
    value folder = FAIL;
    if (run_limits(in, &limits, &folder)) value_unref(in, folder);
    exc_clear(in); /* the run will say what is wrong with them */
    o.room = limits.limit ? limits.limit / 4 * 3 : memory_default();
    value m = interp_import(in, "dask.config");
    value config = is_fail(m) ? FAIL : value_getattr_c(in, m, "config");
    dict *all = is_fail(config) ? NULL : as_dict(config);
    value ours = all ? dict_peek(in, all, "dsk") : FAIL;
    dict *dsk = is_fail(ours) ? NULL : as_dict(ours);
    value under = dsk ? dict_peek(in, dsk, "plan") : FAIL;
    dict *each = is_fail(under) ? NULL : as_dict(under);
    if (!each && is_off(in, under)) o.off = PASS_ALL;
    for (size_t i = 0; each && i < sizeof passes / sizeof *passes; i++)
        if (is_off(in, dict_peek(in, each, passes[i].name))) o.off |= passes[i].pass;
    exc_clear(in);
    value_unref(in, config);
    value_unref(in, m);
    return o;
}
