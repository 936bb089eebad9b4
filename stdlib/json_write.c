/* stdlib/json_write.c - the module _json: values -> JSON text (json_read.c is the way back,
 * stdlib/dsk/json.dsk what users import). */
#include <math.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "stdlib/json_parts.h"
#include "stdlib/stdlib.h"

typedef struct writer {
    interp *in;
    strbuf out;
    value fallback;                   /* default(o) */
    str *indent, *item_sep, *key_sep; /* indent NULL: one line */
    bool skip_keys, ascii, circular, allow_nan, sort_keys;
    const obj **open; /* containers being written, to find cycles */
    size_t nopen, cap;
} writer;

static bool write_value(writer *w, value v);

/* ---- strings ---- */

static void add_escaped(strbuf *b, uint32_t cp)
{
    if (cp >= 0x10000) {
        sb_addf(b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
    } else
        sb_addf(b, "\\u%04x", cp);
}

bool json_quote(interp *in, strbuf *b, const str *s, bool ascii)
{
    static const char special[] = "\"\\\n\r\t\f\b";
    sb_addc(b, '"');
    size_t plain = 0; /* written up to here */
    for (size_t i = 0, turn = 0, len; i < s->nbyte; i += len) {
        uint32_t cp;
        if (!goes_on(in, turn++)) return false;
        len = utf8_get(s->at + i, &cp);
        if (cp >= ' ' && cp != '"' && cp != '\\' && (cp < 127 || !ascii)) continue;
        sb_add(b, s->at + plain, i - plain);
        plain = i + len;
        const char *hit = cp && cp < 128 ? strchr(special, (int)cp) : NULL;
        if (hit)
            sb_addc(b, '\\'), sb_addc(b, "\"\\nrtfb"[hit - special]);
        else
            add_escaped(b, cp);
    }
    sb_add(b, s->at + plain, s->nbyte - plain);
    sb_addc(b, '"');
    return true;
}

/* ---- numbers ---- */

static bool write_float(writer *w, double x)
{
    if (isfinite(x)) return float_repr(&w->out, x, 64), true;
    if (!w->allow_nan) {
        throw(w->in, ValueError, "Out of range float values are not JSON compliant");
        return false;
    }
    sb_adds(&w->out, isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
    return true;
}

static bool write_int(writer *w, value plain)
{
    char *s = int_digits(w->in, plain, 10);
    if (s) sb_adds(&w->out, s);
    mem_free(s);
    return s != NULL;
}

/* ---- containers ---- */

static void newline(writer *w)
{
    if (!w->indent) return;
    sb_addc(&w->out, '\n');
    for (size_t i = 0; i < w->nopen; i++) sb_add(&w->out, w->indent->at, w->indent->nbyte);
}

static bool enter(writer *w, const obj *o)
{
    for (size_t i = 0; w->circular && i < w->nopen; i++) {
        if (w->open[i] == o) {
            throw(w->in, ValueError, "Circular reference detected");
            return false;
        }
    }
    if (!check_stack(w->in)) return false;
    if (w->nopen == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 32;
        w->open = mem_grow(w->open, w->cap * sizeof *w->open);
    }
    w->open[w->nopen++] = o;
    return true;
}

static bool write_items(writer *w, const obj *o, const value *const *at, const int64_t *n)
{
    if (*n == 0) return sb_adds(&w->out, "[]"), true;
    if (!enter(w, o)) return false;
    sb_addc(&w->out, '[');
    for (int64_t i = 0; i < *n; i++) {
        if (i) sb_add(&w->out, w->item_sep->at, w->item_sep->nbyte);
        newline(w);
        value item = value_ref((*at)[i]);
        bool ok = goes_on(w->in, (size_t)i) && write_value(w, item);
        value_unref(w->in, item);
        if (!ok) return false;
    }
    w->nopen--;
    newline(w);
    sb_addc(&w->out, ']');
    return true;
}

/* 1 written, 0 skipped, -1 failed */
/* a float, or a scalar of a class that is one (numpy.float64) */
static bool any_float(interp *in, value v, double *x)
{
    return float_plain(v, x) ||
           (v.kind == V_SCALAR && type_is_sub(type_of(in, v), &T_float) && to_double(in, v, x));
}

static int write_key(writer *w, value k, bool first)
{
    double x;
    value n;
    bool known = as_str(k) || any_float(w->in, k, &x) || int_plain(k, &n) || is_none(k);
    if (!known && w->skip_keys) return 0;
    if (!known) {
        return THROWN(w->in, TypeError, "keys must be str, int, float, bool or None, not %s",
                      type_said(w->in, k));
    }
    if (!first) sb_add(&w->out, w->item_sep->at, w->item_sep->nbyte);
    newline(w);
    if (as_str(k)) {
        if (!json_quote(w->in, &w->out, as_str(k), w->ascii)) return -1;
    } else {
        sb_addc(&w->out, '"');
        if (!write_value(w, k)) return -1;
        sb_addc(&w->out, '"');
    }
    sb_add(&w->out, w->key_sep->at, w->key_sep->nbyte);
    return 1;
}

static list *sorted_items(interp *in, dict *d)
{
    list *l = list_new(in, d->n);
    value k, v;
    bool ok = l != NULL;
    for (int64_t i = 0; ok && dict_next(d, &i, &k, &v);) {
        ok = list_add(in, l, v_obj(tuple_pack(in, 2, value_ref(k), value_ref(v))));
    }
    if (ok && list_sort(in, l, FAIL, false)) return l;
    obj_unref(in, l);
    return NULL;
}

static bool write_pair(writer *w, value k, value v, bool *first)
{
    value_ref(k);
    value_ref(v);
    int written = write_key(w, k, *first);
    if (written > 0) *first = false;
    bool ok = written >= 0 && (written == 0 || write_value(w, v));
    value_unref(w->in, k);
    value_unref(w->in, v);
    return ok;
}

static bool write_dict(writer *w, dict *d)
{
    if (d->n == 0) return sb_adds(&w->out, "{}"), true;
    if (!enter(w, &d->hdr)) return false;
    bool first = true, ok = true;
    sb_addc(&w->out, '{');
    if (w->sort_keys) {
        list *l = sorted_items(w->in, d);
        ok = l != NULL;
        for (int64_t i = 0; ok && i < l->n; i++) {
            tuple *t = as_tuple(l->at[i]);
            ok = write_pair(w, t->at[0], t->at[1], &first);
        }
        obj_unref(w->in, l);
    } else {
        value k, v;
        for (int64_t i = 0; ok && dict_next(d, &i, &k, &v);)
            ok = goes_on(w->in, (size_t)i) && write_pair(w, k, v, &first);
    }
    if (!ok) return false;
    w->nopen--;
    newline(w);
    sb_addc(&w->out, '}');
    return true;
}

static bool write_other(writer *w, value v)
{
    if (v.kind == V_OBJ && !enter(w, v.o)) return false;
    size_t depth = w->nopen;
    value to = call_n(w->in, w->fallback, 1, v);
    bool ok = false;
    if (v.kind == V_OBJ) w->nopen = depth - 1; /* indentation does not count it ... */
    if (!is_fail(to)) {
        const obj *self = v.kind == V_OBJ ? v.o : NULL;
        if (w->circular && self && to.kind == V_OBJ && to.o == self) {
            throw(w->in, ValueError, "Circular reference detected");
        } else
            ok = check_stack(w->in) && write_value(w, to);
    }
    value_unref(w->in, to);
    return ok;
}

static bool write_value(writer *w, value v)
{
    double x;
    value n;
    switch (v.kind) {
    case V_NONE: sb_adds(&w->out, "null"); return true;
    case V_BOOL: sb_adds(&w->out, v.i ? "true" : "false"); return true;
    case V_INT: return write_int(w, v);
    case V_FLOAT: return write_float(w, v.f);
    default: break;
    }
    list *l = as_list(v);
    tuple *t = as_tuple(v);
    dict *d = as_dict(v);
    if (as_str(v)) return json_quote(w->in, &w->out, as_str(v), w->ascii);
    if (l) return write_items(w, &l->hdr, (const value *const *)&l->at, &l->n);
    if (t) {
        const value *at = t->at;
        return write_items(w, &t->hdr, &at, &t->n);
    }
    if (d) return write_dict(w, d);
    if (int_plain(v, &n)) return write_int(w, n);
    if (any_float(w->in, v, &x)) return write_float(w, x);
    return write_other(w, v);
}

/* dumps(obj, default, indent, item_sep, key_sep, skipkeys, ensure_ascii, check_circular,
 * allow_nan, sort_keys) */
static value dumps(interp *in, const value *arg)
{
    writer w = {.in = in,
                .out = {.soft = true},
                .fallback = arg[1],
                .indent = as_str(arg[2]),
                .item_sep = as_str(arg[3]),
                .key_sep = as_str(arg[4])};
    bool *const flag[] = {&w.skip_keys, &w.ascii, &w.circular, &w.allow_nan, &w.sort_keys};
    for (int i = 0; i < 5; i++) *flag[i] = value_truth(in, arg[5 + i]) > 0;
    if (!w.item_sep || !w.key_sep) return throw(in, TypeError, "separators must be strings");
    bool ok = write_value(&w, arg[0]);
    mem_free(w.open);
    if (ok) return v_obj(str_built(in, &w.out));
    sb_clear(&w.out);
    return FAIL;
}

static value quote(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    if (!s) {
        return throw(in, TypeError, "first argument must be a string, not %s",
                     type_said(in, arg[0]));
    }
    strbuf b = {.soft = true};
    if (!json_quote(in, &b, s, value_truth(in, arg[1]) > 0)) return sb_clear(&b), FAIL;
    return v_obj(str_built(in, &b));
}

static const builtin table[] = {
    {"dumps(obj, default, indent, item_sep, key_sep, skipkeys, ensure_ascii, check_circular, "
     "allow_nan, sort_keys, /)",
     dumps, NULL},
    {"quote(s, ascii=True, /)", quote, NULL},
    {"scan(s, pos, hooks, fail, /)", json_scan,
     "The value at pos and where it ends; fail(message, s, pos) is raised for bad text."},
    {"whole(s, hooks, fail, /)", json_whole, "The value that all of s stands for."},
    {0},
};

const module_def json_def = {.name = "_json", .doc = "JSON text.", .table = table};
