/* stdlib/numpy/print.c - repr and str of arrays, set_printoptions and array2string.
 *
 * Options live in the module's namespace as a capsule-like object, one for each interpreter. */
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

typedef struct options {
    obj hdr;
    print_opts o;
    value nanstr, infstr, formatter; /* owned; what o points into */
} options;

static void options_drop(interp *in, obj *o)
{
    options *p = (options *)o;
    value_unref(in, p->nanstr);
    value_unref(in, p->infstr);
    value_unref(in, p->formatter);
}

static const type T_options = {TYPE_HEAD, .name = "printoptions", .module = "numpy",
                               .size = sizeof(options), .drop = options_drop};

static bool object_text(void *ctx, const void *cell, bool as_str, strbuf *out, err *e)
{
    interp *in = ctx;
    value v = cell_value(cell);
    str *s = as_str ? value_str(in, v) : value_repr(in, v);
    if (!s) return exc_to_err(in, e), false;
    bool wrap = !as_str && (v.kind == V_OBJ) && (v.o->type == &T_list);
    if (wrap) sb_adds(out, "list(");
    sb_add(out, s->at, s->nbyte);
    if (wrap) sb_addc(out, ')');
    obj_unref(in, s);
    return true;
}

static options *find_options(interp *in)
{
    module *m = numpy_module(in);
    value v = m ? dict_peek(in, module_dict(m), "_printoptions") : FAIL;
    options *p = (options *)as_obj(v, &T_options);
    if (p || !m) return p;
    p = obj_new(in, &T_options, 0);
    if (!p) return NULL;
    p->o = print_opts_default;
    p->o.ctx = in;
    p->o.object = object_text;
    p->formatter = p->nanstr = p->infstr = NONE;
    if (!module_put(in, m, "_printoptions", v_obj(p))) return NULL;
    return p;
}

print_opts *numpy_print_opts(interp *in)
{
    options *p = find_options(in);
    return p ? &p->o : NULL;
}

value array_repr(interp *in, value self)
{
    strbuf b = {0};
    err e = {0};
    print_opts *o = numpy_print_opts(in);
    const char *name = self.o->type == &T_ndarray ? "array" : self.o->type->name;
    bool ok = o && nd_repr(array_peek(as_ndarray(self)), o, name, &b, &e);
    value v = ok ? v_obj(str_new(in, sb_text(&b), b.n)) : e.kind ? throw_err(in, &e) : FAIL;
    sb_clear(&b);
    return v;
}

value array_str(interp *in, value self)
{
    strbuf b = {0};
    err e = {0};
    print_opts *o = numpy_print_opts(in);
    bool ok = o && nd_str(array_peek(as_ndarray(self)), o, &b, &e);
    value v = ok ? v_obj(str_new(in, sb_text(&b), b.n)) : e.kind ? throw_err(in, &e) : FAIL;
    sb_clear(&b);
    return v;
}

/* ---- options ---- */

static bool user_format(void *ctx, const nd *x, const void *element, strbuf *out, err *e)
{
    interp *in = ctx;
    options *p = find_options(in);
    static const struct {
        const char *name, *kinds;
    } key[] = {{"bool", "b"},        {"int", "iu"},         {"timedelta", "m"},
               {"datetime", "M"},    {"float", "f"},        {"complexfloat", "c"},
               {"object", "O"},      {"numpystr", "SU"},    {"int_kind", "iu"},
               {"float_kind", "f"},  {"complex_kind", "c"}, {"str_kind", "SU"},
               {"all", "biufcOSUmM"}};
    dict *d = p ? as_dict(p->formatter) : NULL;
    value f = FAIL;
    char kind = dtypes[x->dtype].kind;
    for (size_t i = 0; d && i < sizeof key / sizeof *key && is_fail(f); i++)
        if (strchr(key[i].kinds, kind)) f = dict_peek(in, d, key[i].name);
    value item = scalar_value(in, nd_type(x), element);
    str *s = NULL;
    if (is_fail(f)) {
        s = is_fail(item) ? NULL : value_str(in, item);
    } else {
        value r = is_fail(item) ? FAIL : call_n(in, f, 1, item);
        s = is_fail(r) ? NULL : value_str(in, r);
        value_unref(in, r);
    }
    value_unref(in, item);
    if (!s) return exc_to_err(in, e), false;
    sb_add(out, s->at, s->nbyte);
    obj_unref(in, s);
    return true;
}

static bool set_int(interp *in, value v, int64_t *to)
{
    if (is_none(v) || is_fail(v)) return true;
    if (v.kind == V_FLOAT || v.kind == V_SCALAR) {
        double d;
        if (!to_double(in, v, &d)) return false;
        *to = d >= 9.2e18 ? INT64_MAX : (int64_t)d;
        return true;
    }
    return to_index_clamped(in, v, to);
}

static bool set_string(interp *in, value v, value *keep, const char **to)
{
    if (is_none(v)) return true;
    str *s = as_str(v);
    if (!s) return THROW0(in, TypeError, "expected a str, got '%s'", type_of(in, v)->name);
    value_unref(in, *keep);
    *keep = value_ref(v);
    *to = s->at;
    return true;
}

static bool set_mode(interp *in, value v, print_opts *o)
{
    static const char *const names[] = {"maxprec", "maxprec_equal", "fixed", "unique"};
    str *s = as_str(v);
    if (is_none(v)) return true;
    for (uint8_t i = 0; s && i < 4; i++)
        if (str_is(s, names[i])) return o->floatmode = i, true;
    return THROW0(
        in, ValueError,
        "floatmode option must be one of 'fixed', 'unique', 'maxprec', or 'maxprec_equal'");
}

/* arg: precision threshold edgeitems linewidth suppress nanstr infstr formatter sign floatmode
 * legacy */
static bool set_options(interp *in, options *p, const value *arg)
{
    print_opts *o = &p->o;
    int64_t precision = o->precision;
    TRY(set_int(in, arg[0], &precision));
    o->precision = (int)precision;
    TRY(set_int(in, arg[1], &o->threshold));
    TRY(set_int(in, arg[2], &o->edgeitems));
    TRY(set_int(in, arg[3], &o->linewidth));
    if (!is_none(arg[4])) o->suppress = value_truth(in, arg[4]) == 1;
    TRY(set_string(in, arg[5], &p->nanstr, &o->nanstr));
    TRY(set_string(in, arg[6], &p->infstr, &o->infstr));
    value_unref(in, p->formatter);
    p->formatter = value_ref(arg[7]);
    o->formatter = is_none(arg[7]) ? NULL : user_format;
    str *sign = as_str(arg[8]);
    if (sign && sign->nbyte) o->sign = sign->at[0];
    TRY(set_mode(in, arg[9], o));
    str *legacy = as_str(arg[10]);
    if (legacy && str_is(legacy, "1.13")) {
        o->legacy = LEGACY_113;
    } else if (legacy && str_is(legacy, "1.21")) {
        o->legacy = LEGACY_121;
    } else if (arg[10].kind == V_BOOL && !arg[10].i) {
        o->legacy = LEGACY_none;
    } else if (!is_none(arg[10])) {
        return THROW0(in, ValueError,
                      "legacy printing option can currently only be '1.13', '1.21', or `False`");
    }
    return true;
}

static value set_printoptions(interp *in, const value *arg)
{
    options *p = find_options(in);
    return p && set_options(in, p, arg) ? NONE : FAIL;
}

static value get_printoptions(interp *in, const value *arg)
{
    static const char *const modes[] = {"maxprec", "maxprec_equal", "fixed", "unique"};
    (void)arg;
    options *p = find_options(in);
    dict *d = p ? dict_new(in) : NULL;
    if (!d) return FAIL;
    const print_opts *o = &p->o;
    bool ok = dict_put(in, d, "edgeitems", v_int(o->edgeitems)) &&
              dict_put(in, d, "threshold", v_int(o->threshold)) &&
              dict_put(in, d, "floatmode", v_str(in, modes[o->floatmode])) &&
              dict_put(in, d, "precision", o->precision < 0 ? NONE : v_int(o->precision)) &&
              dict_put(in, d, "suppress", v_bool(o->suppress)) &&
              dict_put(in, d, "linewidth", v_int(o->linewidth)) &&
              dict_put(in, d, "nanstr", v_str(in, o->nanstr)) &&
              dict_put(in, d, "infstr", v_str(in, o->infstr)) &&
              dict_put(in, d, "sign", v_obj(str_new(in, &o->sign, 1))) &&
              dict_put(in, d, "formatter", value_ref(p->formatter)) &&
              dict_put(in, d, "legacy",
                       o->legacy == LEGACY_113   ? v_str(in, "1.13")
                       : o->legacy == LEGACY_121 ? v_str(in, "1.21")
                                                 : v_bool(false));
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static int64_t text_width(value v)
{
    str *s = as_str(v);
    return s ? (int64_t)s->nchar : 0;
}

/* arg: a max_line_width precision suppress_small separator prefix style formatter threshold
 *      edgeitems sign floatmode suffix legacy */
static value array2string(interp *in, const value *arg)
{
    options *now = find_options(in), *p = obj_new(in, &T_options, 0);
    if (!now || !p) return FAIL;
    p->o = now->o;
    p->nanstr = value_ref(now->nanstr);
    p->infstr = value_ref(now->infstr);
    p->formatter = NONE;
    value opts[11] = {arg[2], arg[8], arg[9],  arg[1],  arg[3], NONE,
                      NONE,   arg[7], arg[10], arg[11], arg[13]};
    nd *x = to_nd_any(in, arg[0]);
    strbuf b = {0};
    err e = {0};
    value v = FAIL;
    value before = value_ref(now->formatter);
    str *sep = as_str(arg[4]);
    if (x && set_options(in, p, opts)) {
        value_unref(in, now->formatter); /* the hook reads the module's formatter */
        now->formatter = value_ref(p->formatter);
        if (nd_array2string(x, &p->o, sep ? sep->at : " ", text_width(arg[5]), text_width(arg[12]),
                            &b, &e))
            v = v_obj(str_new(in, sb_text(&b), b.n));
        else
            throw_err(in, &e);
        value_unref(in, now->formatter);
        now->formatter = value_ref(before);
    }
    value_unref(in, before);
    sb_clear(&b);
    datum_unref(x);
    obj_unref(in, p);
    return v;
}

/* ---- one number ---- */

static bool style_of(interp *in, value x, float_style *s, double *d)
{
    dtype_of t = dtype_plain(DT_float64);
    _Alignas(16) char element[16];
    if (scalar_element(in, x, &t, element) && (t.dt == DT_float32 || t.dt == DT_float16))
        *s = float_style_plain(t.dt == DT_float32 ? 32 : 16);
    else
        *s = float_style_plain(64);
    exc_clear(in);
    return to_double(in, x, d);
}

static bool optional_int(interp *in, value v, int *to)
{
    int64_t i;
    if (is_none(v)) return true;
    TRY(to_int64(in, v, &i));
    *to = (int)i;
    return true;
}

static value spelled(interp *in, strbuf *b)
{
    value v = v_obj(str_new(in, sb_text(b), b->n));
    sb_clear(b);
    return v;
}

/* arg: x precision unique fractional trim sign pad_left pad_right min_digits */
static value format_positional(interp *in, const value *arg)
{
    float_style s;
    double d;
    strbuf b = {0};
    if (!style_of(in, arg[0], &s, &d) || !optional_int(in, arg[1], &s.precision) ||
        !optional_int(in, arg[6], &s.pad_left) || !optional_int(in, arg[7], &s.pad_right) ||
        !optional_int(in, arg[8], &s.min_digits))
        return FAIL;
    str *trim = as_str(arg[4]);
    s.unique = value_truth(in, arg[2]) == 1;
    s.total = value_truth(in, arg[3]) != 1;
    s.trim = trim && trim->nbyte ? trim->at[0] : 'k';
    s.plus = value_truth(in, arg[5]) == 1;
    float_positional(&b, d, &s);
    return spelled(in, &b);
}

/* arg: x precision unique trim sign pad_left exp_digits min_digits */
static value format_scientific(interp *in, const value *arg)
{
    float_style s;
    double d;
    strbuf b = {0};
    if (!style_of(in, arg[0], &s, &d) || !optional_int(in, arg[1], &s.precision) ||
        !optional_int(in, arg[5], &s.pad_left) || !optional_int(in, arg[6], &s.exp_digits) ||
        !optional_int(in, arg[7], &s.min_digits))
        return FAIL;
    str *trim = as_str(arg[3]);
    s.unique = value_truth(in, arg[2]) == 1;
    s.trim = trim && trim->nbyte ? trim->at[0] : 'k';
    s.plus = value_truth(in, arg[4]) == 1;
    float_scientific(&b, d, &s);
    return spelled(in, &b);
}

const builtin numpy_print_functions[] = {
    {"@def format_float_positional(x, precision=None, unique=True, fractional=True, trim='k', "
     "sign=False, pad_left=None, pad_right=None, min_digits=None)",
     format_positional, "A number as text, without an exponent."},
    {"@def format_float_scientific(x, precision=None, unique=True, trim='k', sign=False, "
     "pad_left=None, exp_digits=None, min_digits=None)",
     format_scientific, "A number as text, with an exponent."},
    {"@def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, "
     "suppress=None, nanstr=None, "
     "infstr=None, formatter=None, sign=None, floatmode=None, *, legacy=None)",
     set_printoptions, "Sets how arrays are printed."},
    {"@def get_printoptions()", get_printoptions, "The options for printing arrays, as a dict."},
    {"@def array2string(a, max_line_width=None, precision=None, suppress_small=None, separator=' "
     "', "
     "prefix='', "
     "style=None, formatter=None, threshold=None, edgeitems=None, sign=None, floatmode=None, "
     "suffix='', legacy=None)",
     array2string, "An array as text."},
    {0},
};
