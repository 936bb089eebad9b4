/* stdlib/dask/figures.c - what the latest runs took: kept by the names of what was computed, so
 * that explain() can tell without another run.  Noting costs a few reads of counters. */
#include "engine/base/mem.h"
#include "engine/io/box.h"
#include "engine/run/memory.h"
#include "stdlib/dask/parts.h"

enum { MANY = 128 }; /* runs that are remembered */

enum { CLOCK, LIVE, READ, WRITTEN, NFIGURE };

static void look(double now[NFIGURE], bool restart)
{
    now[CLOCK] = run_clock();
    now[LIVE] = restart ? (double)buf_live() : (double)buf_peak(false);
    now[READ] = (double)files_moved(false);
    now[WRITTEN] = (double)files_moved(true);
    if (restart) buf_peak(true);
}

/* begin_run(): where the counters are */
value figures_begin(interp *in, const value *arg)
{
    (void)arg;
    double now[NFIGURE];
    tuple *t = tuple_new(in, NFIGURE);
    look(now, true);
    for (int k = 0; t && k < NFIGURE; k++) t->at[k] = v_float(now[k]);
    return v_obj(t);
}

static bool add_name(interp *in, strbuf *b, value c)
{
    lazy *x = as_lazy(c);
    if (x) {
        sb_addf(b, "%s\n", x->x->of->name);
        return true;
    }
    value v = value_getattr_c(in, c, "key");
    bool ok = as_str(v) != NULL;
    if (ok) sb_addf(b, "%s\n", as_str(v)->at);
    value_unref(in, v);
    exc_clear(in);
    return ok;
}

/* what stands for these collections; NULL: nothing does */
static str *names_of(interp *in, value collections)
{
    strbuf b = {0};
    list *l = as_list(collections);
    bool ok = l != NULL;
    for (int64_t i = 0; ok && i < l->n; i++) ok = add_name(in, &b, l->at[i]);
    str *s = ok ? as_str(v_str(in, sb_text(&b))) : NULL;
    sb_clear(&b);
    return s;
}

static dict *kept(interp *in)
{
    module *m = dask_module(in);
    value v = m ? dict_peek(in, module_dict(m), "_figures") : FAIL;
    if (as_dict(v) || !m) return as_dict(v);
    return module_put(in, m, "_figures", v_obj(dict_new(in)))
               ? as_dict(dict_peek(in, module_dict(m), "_figures"))
               : NULL;
}

static dict *difference(interp *in, const tuple *begun)
{
    static const char *const name[NFIGURE] = {"seconds", "peak", "read", "written"};
    double now[NFIGURE];
    dict *d = dict_new(in);
    look(now, false);
    for (int k = 0; d && k < NFIGURE; k++) {
        double x = now[k] - begun->at[k].f;
        if (x < 0) x = 0;
        value v = k == CLOCK ? v_float(x) : v_int((int64_t)x);
        if (!dict_put(in, d, name[k], v)) return obj_unref(in, d), NULL;
    }
    return d;
}

/* end_run(begun, collections): they were computed since */
value figures_end(interp *in, const value *arg)
{
    const tuple *begun = as_tuple(arg[0]);
    str *names = names_of(in, arg[1]);
    dict *all = names ? kept(in) : NULL, *d = all ? difference(in, begun) : NULL;
    bool ok = d || !throwing(in);
    if (d && all->used >= MANY) ok = !is_fail(call_method(in, v_obj(all), "clear", 0));
    if (d) ok = ok && dict_set(in, all, v_obj(names), v_obj(d));
    obj_unref(in, d);
    obj_unref(in, names);
    return ok ? NONE : FAIL;
}

/* last_run(collections): a dict, or None when they were not computed yet */
value figures_of(interp *in, const value *arg)
{
    str *names = names_of(in, arg[0]);
    dict *all = names ? kept(in) : NULL;
    value v = all ? dict_peek(in, all, names->at) : FAIL;
    obj_unref(in, names);
    if (throwing(in)) return FAIL;
    return is_fail(v) ? NONE : value_ref(v);
}
