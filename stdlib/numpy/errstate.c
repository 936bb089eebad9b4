/* stdlib/numpy/errstate.c - what becomes of floating-point exceptions: seterr, geterr, and the
 * warnings of ufuncs and reductions.
 *
 * The modes live in the module's namespace, one object for each interpreter, made when first set:
 * without it the defaults hold. */
#include "engine/kernels/reduce.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

enum mode { MODE_ignore, MODE_warn, MODE_raise, MODE_call, MODE_print, MODE_log, NMODE };
static const char *const mode_names[NMODE] = {"ignore", "warn", "raise", "call", "print", "log"};

static const struct {
    const char *name;
    unsigned flag;
    enum mode otherwise;
} kinds[] = {{"divide", FP_DIVIDE, MODE_warn},
             {"over", FP_OVER, MODE_warn},
             {"under", FP_UNDER, MODE_ignore},
             {"invalid", FP_INVALID, MODE_warn}};
enum { NKIND = sizeof kinds / sizeof *kinds };

typedef struct errmodes {
    obj hdr;
    enum mode mode[NKIND];
    value call; /* owned */
} errmodes;

static void errmodes_drop(interp *in, obj *o)
{
    value_unref(in, ((errmodes *)o)->call);
}

static const type T_errmodes = {TYPE_HEAD, .name = "errmodes", .module = "numpy",
                                .size = sizeof(errmodes), .drop = errmodes_drop};

static errmodes *peek_modes(interp *in)
{
    module *m = numpy_module(in);
    return m ? (errmodes *)as_obj(dict_peek(in, module_dict(m), "_errmodes"), &T_errmodes) : NULL;
}

static errmodes *make_modes(interp *in)
{
    errmodes *p = peek_modes(in);
    if (p || throwing(in)) return p;
    p = obj_new(in, &T_errmodes, 0);
    if (!p) return NULL;
    for (int i = 0; i < NKIND; i++) p->mode[i] = kinds[i].otherwise;
    p->call = NONE;
    module *m = numpy_module(in);
    return m && module_put(in, m, "_errmodes", v_obj(p)) ? p : NULL;
}

static value as_dict_of_modes(interp *in, const errmodes *p)
{
    dict *d = dict_new(in);
    for (int i = 0; d && i < NKIND; i++)
        if (!dict_put(in, d, kinds[i].name, v_str(in, mode_names[p->mode[i]])))
            return obj_unref(in, d), FAIL;
    return v_obj(d);
}

static value f_geterr(interp *in, const value *arg)
{
    (void)arg;
    errmodes *p = make_modes(in);
    return p ? as_dict_of_modes(in, p) : FAIL;
}

static bool set_mode(interp *in, value v, enum mode *out)
{
    str *s = as_str(v);
    if (is_none(v)) return true;
    for (int i = 0; s && i < NMODE; i++)
        if (str_is(s, mode_names[i])) return *out = (enum mode)i, true;
    str *r = value_repr(in, v);
    if (r) throw_key(in, v);
    obj_unref(in, r);
    return false;
}

/* arg: all divide over under invalid */
static value f_seterr(interp *in, const value *arg)
{
    errmodes *p = make_modes(in);
    value before = p ? as_dict_of_modes(in, p) : FAIL;
    if (is_fail(before)) return FAIL;
    bool ok = true;
    for (int i = 0; ok && i < NKIND; i++) {
        ok = set_mode(in, arg[0], &p->mode[i]);
        ok = ok && set_mode(in, arg[1 + i], &p->mode[i]);
    }
    if (ok) return before;
    value_unref(in, before);
    return FAIL;
}

static value f_geterrcall(interp *in, const value *arg)
{
    (void)arg;
    errmodes *p = make_modes(in);
    return p ? value_ref(p->call) : FAIL;
}

static value f_seterrcall(interp *in, const value *arg)
{
    errmodes *p = make_modes(in);
    if (!p) return FAIL;
    value old = p->call;
    p->call = value_ref(arg[0]);
    return old;
}

static bool report(interp *in, enum mode mode, value call, unsigned flag, const char *where)
{
    switch (mode) {
    case MODE_warn:
        return warn(in, RuntimeWarning, "%s encountered in %s", fp_flag_text(flag), where);
    case MODE_raise:
        return THROW0(in, FloatingPointError, "%s encountered in %s", fp_flag_text(flag), where);
    case MODE_print: {
        str *s = str_fmt(in, "Warning: %s encountered in %s\n", fp_flag_text(flag), where);
        if (s) interp_host(in)->write(interp_host(in)->ctx, 2, s->at, s->nbyte);
        obj_unref(in, s);
        return s != NULL;
    }
    case MODE_call: {
        value text = v_str(in, fp_flag_text(flag));
        value r = is_fail(text) ? FAIL : call_n(in, call, 2, text, v_int((int64_t)flag));
        value_unref(in, text);
        value_unref(in, r);
        return !is_fail(r);
    }
    default: return true;
    }
}

bool warn_flags(interp *in, unsigned flags, const char *where)
{
    if (!flags) return true;
    errmodes *p = peek_modes(in);
    for (int i = 0; i < NKIND; i++)
        if (flags & kinds[i].flag && !report(in, p ? p->mode[i] : kinds[i].otherwise,
                                             p ? p->call : NONE, kinds[i].flag, where))
            return false;
    for (unsigned f = WARN_MEAN_EMPTY; f <= WARN_NANDDOF; f <<= 1)
        if (flags & f && !warn(in, RuntimeWarning, "%s", reduce_warning_text(f))) return false;
    return true;
}

const builtin numpy_error_functions[] = {
    {"@def seterr(all=None, divide=None, over=None, under=None, invalid=None)", f_seterr,
     "Sets what becomes of floating-point exceptions; gives the settings before."},
    {"@def geterr()", f_geterr, "What becomes of floating-point exceptions, a dict."},
    {"seterrcall(func)", f_seterrcall, "Sets the function that mode 'call' calls."},
    {"geterrcall()", f_geterrcall, "The function that mode 'call' calls."},
    {0},
};
