/* stdlib/dask/limits.c - how much memory a run may take, and where it spills: dask.config's
 * "memory-limit" (bytes, "512MB", "2GiB", or a share of the machine's as 0.5) and
 * "temporary-directory", else TMPDIR. */
#include "engine/run/memory.h"
#include "stdlib/dask/parts.h"

static value setting(interp *in, dict *config, const char *name, const char *twin)
{
    value v = dict_peek(in, config, name);
    return is_fail(v) || is_none(v) ? dict_peek(in, config, twin) : v;
}

static bool limit_of(interp *in, value v, uint64_t *out)
{
    int64_t n = 0;
    if (is_fail(v) || is_none(v)) return true;
    if (v.kind == V_FLOAT && v.f > 0 && v.f <= 1) {
        *out = (uint64_t)((double)memory_default() / 0.6 * v.f);
        return true;
    }
    value utils = interp_import(in, "dask.utils");
    value bytes = is_fail(utils) ? FAIL : call_method(in, utils, "parse_bytes", 1, v);
    bool ok = !is_fail(bytes) && to_int64(in, bytes, &n);
    value_unref(in, bytes);
    value_unref(in, utils);
    *out = (uint64_t)n;
    if (!ok || n > 0) return ok;
    throw(in, ValueError, "memory_limit must be positive, not %lld", (long long)n);
    return false;
}

static value temporary_folder(interp *in)
{
    value os = interp_import(in, "os");
    value all = is_fail(os) ? FAIL : value_getattr_c(in, os, "environ");
    value name = v_str(in, "TMPDIR");
    value v = is_fail(all) ? FAIL : call_method(in, all, "get", 1, name);
    value_unref(in, name);
    value_unref(in, all);
    value_unref(in, os);
    return v;
}

bool run_limits(interp *in, run_opts *o, value *keep)
{
    value m = interp_import(in, "dask.config");
    value config = is_fail(m) ? FAIL : value_getattr_c(in, m, "config");
    dict *all = is_fail(config) ? NULL : as_dict(config);
    o->larder = larder_of(in);
    bool ok = o->larder && all &&
              limit_of(in, setting(in, all, "memory-limit", "memory_limit"), &o->limit);
    *keep = FAIL;
    if (ok) {
        value dir = setting(in, all, "temporary-directory", "temporary_directory");
        *keep = as_str(dir) ? value_ref(dir) : temporary_folder(in);
        ok = !is_fail(*keep);
    }
    if (ok && as_str(*keep) && *as_str(*keep)->at) o->spill = as_str(*keep)->at;
    value_unref(in, config);
    value_unref(in, m);
    return ok;
}

bool limit_begin(interp *in, results_watch *w)
{
    run_opts o = {0};
    value folder;
    if (!run_limits(in, &o, &folder)) return false;
    value_unref(in, folder);
    results_watch_begin(w, o.limit);
    return true;
}

/* within_limit(make) */
value within_limit(interp *in, const value *arg)
{
    results_watch w;
    if (!limit_begin(in, &w)) return FAIL;
    value r = call_n(in, arg[0], 0);
    results_watch_end(&w);
    return r;
}
