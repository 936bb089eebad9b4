/* lang/call.c - calls: signatures of C functions parsed once, arguments bound to parameters.
 *
 * func_bind (Python functions) and args_bind (C functions) share the shape of the problem but
 * not the words of their errors: those are CPython's of either kind.  Over 600 lines: they differ
 * in little else, and who reads one wants the other beside it. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

/* ---- signature texts ---- */

typedef struct sig_row { /* an entry of in->sigs */
    const void *key;
    sig s;
} sig_row;

static const value UNSET = {.kind = V_FAIL, .aux = 1};

static const char *skip(const char *p)
{
    return p + strspn(p, " \n");
}

/* The end of a default: the comma or parenthesis outside brackets and quotes. */
static const char *default_end(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        if (*p == '\'' || *p == '"') {
            char q = *p++;
            while (*p && *p != q) p += *p == '\\' && p[1] ? 2 : 1;
            if (!*p) break;
        } else if (strchr("([{<", *p))
            depth++;
        else if (strchr(")]}>", *p) && depth-- == 0)
            break;
        else if (*p == ',' && depth == 0)
            break;
    }
    return p;
}

static value default_value(interp *in, const char *s, size_t n)
{
    while (n && s[n - 1] == ' ') n--;
    if (n == 7 && memcmp(s, "<unset>", 7) == 0) return UNSET;
    if (n == 4 && memcmp(s, "None", 4) == 0) return NONE;
    if (n == 4 && memcmp(s, "True", 4) == 0) return v_bool(true);
    if (n == 5 && memcmp(s, "False", 5) == 0) return v_bool(false);
    if (n == 2 && memcmp(s, "()", 2) == 0) return v_obj(tuple_new(in, 0));
    if (n >= 2 && (*s == '\'' || *s == '"')) {
        strbuf b = {0};
        for (size_t i = 1; i + 1 < n; i++) {
            char c = s[i];
            if (c == '\\' && i + 2 < n) c = s[++i] == 'n' ? '\n' : s[i] == 't' ? '\t' : s[i];
            sb_addc(&b, c);
        }
        value v = v_obj(str_intern(in, sb_text(&b), b.n));
        sb_clear(&b);
        return v;
    }
    char *end;
    long long i = strtoll(s, &end, 10);
    if (end == s + n) return v_int(i);
    double f = strtod(s, &end);
    if (end == s + n) return v_float(f);
    return UNSET;
}

enum { MAX_PARAM = 64 };

/* "@property name", "name(": what kind of thing it is, and its name; gives what follows. */
static const char *sig_head(interp *in, sig *s, const char *p)
{
    s->kind = 'm';
    if (*p == '@') {
        s->kind = p[1] == 'p'   ? 'p'
                  : p[1] == 'c' ? 'c'
                  : p[1] == 'd' ? 'd' /* its errors are those of a def */
                  : p[1] == 'n'
                      ? 'n' /* those of NumPy's parser of arguments, which counts from 0 */
                  : p[2] == 't' ? 's'
                                : 'w';
        p = skip(p + strcspn(p, " "));
    }
    const size_t n = strcspn(p, "( ");
    s->fname = str_intern(in, p, n);
    p = skip(p + n);
    return *p == '(' ? skip(p + 1) : p;
}

static void sig_parse(interp *in, sig *s, const char *p)
{
    str *name[MAX_PARAM];
    value dflt[MAX_PARAM];
    bool has[MAX_PARAM];
    s->star = s->kwargs = -1;
    s->optional = true;
    p = sig_head(in, s, p);
    bool kwonly = false;
    while (*p && *p != ')' && s->nparam < MAX_PARAM) {
        if (*p == '/') {
            s->posonly = s->nparam;
            p = skip(p + 1);
        } else if (*p == '*' && p[1] != '*' && (p[1] == ',' || p[1] == ' ')) {
            kwonly = true;
            p = skip(p + 1);
        } else {
            uint16_t i = s->nparam++;
            bool star = *p == '*' && p[1] != '*', kw = *p == '*' && p[1] == '*';
            p += kw ? 2 : star;
            const size_t n = strcspn(p, " ,=)");
            name[i] = str_intern(in, p, n);
            p = skip(p + n);
            dflt[i] = UNSET;
            has[i] = false;
            if (*p == '=') {
                const char *end = default_end(p = skip(p + 1));
                dflt[i] = default_value(in, p, (size_t)(end - p));
                has[i] = true;
                p = end;
            }
            if (star)
                s->star = (int16_t)i, kwonly = true;
            else if (kw)
                s->kwargs = (int16_t)i;
            else if (kwonly) {
                s->nkwonly++;
                if (!has[i]) s->optional = false;
            } else {
                s->npos++;
                if (!has[i]) s->required = s->npos;
            }
        }
        if (*p == ',') p = skip(p + 1);
    }
    s->simple = s->star < 0 && s->kwargs < 0 && s->nkwonly == 0;
    s->name = mem_alloc((s->nparam + 1u) * sizeof *s->name);
    s->dflt = mem_alloc((s->nparam + 1u) * sizeof *s->dflt);
    s->has_default = mem_alloc(s->nparam + 1u);
    memcpy(s->name, name, s->nparam * sizeof *name);
    memcpy(s->dflt, dflt, s->nparam * sizeof *dflt);
    memcpy(s->has_default, has, s->nparam);
}

static uint32_t sig_slot(const interp *in, const void *key)
{
    uint32_t i = (uint32_t)((uintptr_t)key >> 3) * 2654435761u;
    for (i &= in->sigs_cap - 1; in->sigs[i] && in->sigs[i]->key != key;) {
        i = (i + 1) & (in->sigs_cap - 1);
    }
    return i;
}

const sig *sig_of_text(interp *in, const void *key, const char *text)
{
    if ((in->nsigs + 1) * 2 > in->sigs_cap) {
        sig_row **old = in->sigs;
        uint32_t n = in->sigs_cap;
        in->sigs_cap = n ? n * 2 : 64;
        in->sigs = mem_zero(in->sigs_cap * sizeof *in->sigs);
        for (uint32_t i = 0; i < n; i++) {
            if (old[i]) in->sigs[sig_slot(in, old[i]->key)] = old[i];
        }
        mem_free(old);
    }
    uint32_t i = sig_slot(in, key);
    if (!in->sigs[i]) {
        in->nsigs++;
        in->sigs[i] = mem_zero(sizeof(sig_row));
        in->sigs[i]->key = key;
        sig_parse(in, &in->sigs[i]->s, text);
    }
    return &in->sigs[i]->s;
}

const sig *sig_of(interp *in, const builtin *row)
{
    return sig_of_text(in, row, row->sig);
}

void sigs_close(interp *in)
{
    for (uint32_t i = 0; i < in->sigs_cap; i++) {
        sig_row *r = in->sigs[i];
        if (!r) continue;
        for (int j = 0; j < r->s.nparam; j++) {
            obj_unref(in, r->s.name[j]);
            value_unref(in, r->s.dflt[j]);
        }
        obj_unref(in, r->s.fname);
        obj_unref(in, r->s.qual);
        mem_free(r->s.name);
        mem_free(r->s.dflt);
        mem_free(r->s.has_default);
        mem_free(r);
    }
    mem_free(in->sigs);
    in->sigs = NULL;
    in->sigs_cap = in->nsigs = 0;
}

/* ---- binding to a signature ---- */

/* How many parameters the user cannot see: self of methods. */
static int hidden(const sig *s)
{
    return s->nparam &&
           (str_is(s->name[0], "self") || (s->kind == 'c' && str_is(s->name[0], "cls")));
}

static bool all_positional(const sig *s)
{
    return s->posonly == s->npos && s->nkwonly == 0 && s->kwargs < 0;
}

/* "@def": a function that Python has in Python, with the messages of such. */
static bool def_too_many(interp *in, const sig *s, size_t npos)
{
    bool plural = s->npos != 1 || s->required != s->npos;
    strbuf takes = {0};
    if (s->required == s->npos)
        sb_addf(&takes, "%d", s->npos);
    else
        sb_addf(&takes, "from %d to %d", s->required, s->npos);
    throw(in, TypeError, "%s() takes %s positional argument%s but %zu %s given", s->fname->at,
          sb_text(&takes), plural ? "s" : "", npos, npos == 1 ? "was" : "were");
    sb_clear(&takes);
    return false;
}

static bool def_too_few(interp *in, const sig *s, const bool *given)
{
    strbuf names = {0};
    int n = 0, left = 0;
    for (int i = 0; i < s->npos; i++) n += !given[i] && !s->has_default[i];
    left = n;
    for (int i = 0; i < s->npos; i++) {
        if (given[i] || s->has_default[i]) continue;
        const char *sep = left == n ? "" : left > 1 ? ", " : n == 2 ? " and " : ", and ";
        sb_addf(&names, "%s'%s'", sep, s->name[i]->at);
        left--;
    }
    throw(in, TypeError, "%s() missing %d required positional argument%s: %s", s->fname->at, n,
          n == 1 ? "" : "s", sb_text(&names));
    sb_clear(&names);
    return false;
}

static bool too_many(interp *in, const sig *s, size_t npos)
{
    if (s->kind == 'd' || s->kind == 'n') return def_too_many(in, s, npos);
    int h = hidden(s), max = s->npos - h, min = s->required - h;
    long long given = (long long)npos - h;
    const char *name = s->fname->at, *full = s->qual ? s->qual->at : name;
    if (max == 0 && all_positional(s)) {
        throw(in, TypeError, "%s() takes no arguments (%lld given)", full, given);
    } else if (max == 0) {
        throw(in, TypeError, "%s() takes no positional arguments", name);
    } else if (max == 1 && min == 1 && all_positional(s)) {
        throw(in, TypeError, "%s() takes exactly one argument (%lld given)", full, given);
    } else if (all_positional(s)) {
        throw(in, TypeError, "%s expected %s%d argument%s, got %lld", name,
              min == max ? "" : "at most ", max, max == 1 ? "" : "s", given);
    } else {
        int all =
            max + s->nkwonly; /* more than there are parameters at all, or only too many here */
        bool here = given <= all;
        int most = here ? max : all;
        throw(in, TypeError, "%s() takes %s %d %sargument%s (%lld given)", name,
              min == most ? "exactly" : "at most", most, here ? "positional " : "",
              most == 1 ? "" : "s", given);
    }
    return false;
}

static bool too_few(interp *in, const sig *s, int missing, size_t npos)
{
    int h = hidden(s), max = s->npos - h, min = s->required - h;
    long long given = (long long)npos - h;
    const char *name = s->fname->at, *full = s->qual ? s->qual->at : name;
    if (given < 0) {
        throw(in, TypeError, "unbound method %s() needs an argument", name);
    } else if (missing >= s->npos) {
        throw(in, TypeError, "%s() missing required keyword-only argument: '%s'", name,
              s->name[missing]->at);
    } else if (max == 1 && min == 1 && all_positional(s)) {
        throw(in, TypeError, "%s() takes exactly one argument (%lld given)", full, given);
    } else if (missing < s->posonly && !all_positional(s)) {
        int most = s->posonly - h;
        throw(in, TypeError, "%s() takes %s %d positional argument%s (%lld given)", name,
              most < max || s->star >= 0 ? "at least" : "exactly", min, min == 1 ? "" : "s", given);
    } else if (missing < s->posonly) {
        throw(in, TypeError, "%s expected %s%d argument%s, got %lld", name,
              min == max && s->star < 0 ? "" : "at least ", min, min == 1 ? "" : "s", given);
    } else {
        throw(in, TypeError, "%s() missing required argument '%s' (pos %d)", name,
              s->name[missing]->at, missing + (s->kind == 'n' ? 0 : 1) - h);
    }
    return false;
}

static bool bind_keyword(interp *in, const sig *s, str *key, value v, value *out, bool *given,
                         dict *extra)
{
    for (int i = s->posonly; i < s->nparam; i++) {
        if (i == s->star || i == s->kwargs || !str_eq(s->name[i], key)) continue;
        if (given[i] && s->kind == 'd') {
            throw(in, TypeError, "%s() got multiple values for argument '%s'", s->fname->at,
                  key->at);
            return false;
        }
        if (given[i]) {
            throw(in, TypeError, "argument for %s() given by name ('%s') and position (%d)",
                  s->fname->at, key->at, i + 1 - hidden(s));
            return false;
        }
        given[i] = true;
        out[i] = value_ref(v);
        return true;
    }
    if (extra) return dict_set_str(in, extra, key, v);
    if (s->kind == 'd' || s->kind == 'n') {
        throw(in, TypeError, "%s() got an unexpected keyword argument '%s'", s->fname->at, key->at);
    } else if (all_positional(s) || s->nparam == 0) {
        throw(in, TypeError, "%s() takes no keyword arguments",
              s->qual ? s->qual->at : s->fname->at);
    } else {
        throw(in, TypeError, "'%s' is an invalid keyword argument for %s()", key->at, s->fname->at);
    }
    return false;
}

static bool bind_named(interp *in, const sig *s, const value *arg, size_t npos, tuple *kwnames,
                       value *out)
{
    bool given[MAX_PARAM] = {0};
    size_t n = npos < s->npos ? npos : s->npos;
    for (size_t i = 0; i < n; i++) {
        out[i] = value_ref(arg[i]);
        given[i] = true;
    }
    if (npos > n && s->star < 0) return too_many(in, s, npos);
    dict *extra = NULL;
    if (s->star >= 0) {
        out[s->star] = v_obj(tuple_from(in, arg + n, (int64_t)(npos - n)));
        if (is_fail(out[s->star])) return false;
    }
    if (s->kwargs >= 0) {
        out[s->kwargs] = v_obj(extra = dict_new(in));
        if (!extra) return false;
    }
    for (int64_t i = 0; kwnames && i < kwnames->n; i++) {
        if (!bind_keyword(in, s, as_str(kwnames->at[i]), arg[npos + (size_t)i], out, given,
                          extra)) {
            return false;
        }
    }
    for (int i = 0; i < s->nparam; i++) {
        if (given[i] || i == s->star || i == s->kwargs) continue;
        if (!s->has_default[i] && s->kind == 'd') return def_too_few(in, s, given);
        if (!s->has_default[i]) return too_few(in, s, i, npos);
        out[i] = value_ref(s->dflt[i]);
        out[i].aux = s->dflt[i].kind == V_FAIL ? 0 : out[i].aux;
    }
    return true;
}

/* The defaults of the parameters from i on, not counted. */
static inline void fill_defaults(const sig *s, size_t i, value *out)
{
    for (; i < s->nparam; i++) {
        out[i] = s->dflt[i];
        if (out[i].kind == V_FAIL) out[i].aux = 0;
    }
}

/* Positional arguments and defaults, not counted. */
static inline void bind_plain(const sig *s, const value *arg, size_t npos, value *out)
{
    if (npos) memcpy(out, arg, npos * sizeof *arg);
    fill_defaults(s, npos, out);
}

/* Positional arguments for parameters that need no more: nothing to be said. */
static bool plain_arguments(const sig *s, size_t npos, tuple *kwnames)
{
    return !kwnames && s->star < 0 && s->kwargs < 0 && npos <= s->npos && npos >= s->required &&
           (!s->nkwonly || s->optional);
}

static bool sig_bind(interp *in, const sig *s, const value *arg, size_t npos, tuple *kwnames,
                     value *out)
{
    if (plain_arguments(s, npos, kwnames)) {
        bind_plain(s, arg, npos, out);
        for (int i = 0; i < s->nparam; i++) value_ref(out[i]);
        return true;
    }
    for (int i = 0; i < s->nparam; i++) out[i] = FAIL;
    if (bind_named(in, s, arg, npos, kwnames, out)) return true;
    args_clear(in, out, s->nparam);
    return false;
}

bool args_bind(interp *in, const char *text, const value *arg, size_t npos, tuple *kwnames,
               value *out, size_t nout)
{
    const sig *s = sig_of_text(in, text, text);
    for (size_t i = s->nparam; i < nout; i++) out[i] = FAIL;
    return sig_bind(in, s, arg, npos, kwnames, out);
}

void args_clear(interp *in, value *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        value_unref(in, out[i]);
        out[i] = FAIL;
    }
}

/* ---- C functions ---- */

static bool check_owner(interp *in, const cfunction *f, const value *arg, size_t npos)
{
    if (!f->owner || f->sig->kind != 'm') return true;
    if (npos == 0) {
        throw(in, TypeError, "unbound method %s.%s() needs an argument", f->owner->name,
              f->name->at);
        return false;
    }
    if (value_isa(in, arg[0], f->owner)) return true;
    throw(in, TypeError, "descriptor '%s' for '%s' objects doesn't apply to a '%s' object",
          f->name->at, f->owner->name, type_of(in, arg[0])->name);
    return false;
}

/* Only positional arguments, the last ones for *args: nothing needs counting but the tuple. */
static value call_star(interp *in, cfunction *f, const value *arg, size_t npos, value *out)
{
    const sig *s = f->sig;
    size_t n = npos < s->npos ? npos : s->npos;
    fill_defaults(s, 0, out);
    memcpy(out, arg, n * sizeof *arg);
    tuple *rest = tuple_from(in, arg + n, (int64_t)(npos - n));
    dict *kw = rest && s->kwargs >= 0 ? dict_new(in) : NULL;
    value r = FAIL;
    for (int i = s->npos; i < s->nparam; i++) {
        if (i == s->star || i == s->kwargs || s->has_default[i]) continue;
        too_few(in, s, i, npos);
        goto done;
    }
    out[s->star] = v_obj(rest);
    if (s->kwargs >= 0) out[s->kwargs] = v_obj(kw);
    if (rest && (kw || s->kwargs < 0)) r = f->row->fn(in, out);
done:
    obj_unref(in, rest);
    obj_unref(in, kw);
    return r;
}

static value call_bound(interp *in, cfunction *f, const value *arg, size_t npos, tuple *kwnames)
{
    const sig *s = f->sig;
    if (!check_owner(in, f, arg, npos)) return FAIL;
    if (s->simple && !kwnames && npos == s->npos) return f->row->fn(in, arg);
    value out[MAX_PARAM];
    if (plain_arguments(s, npos, kwnames)) {
        bind_plain(s, arg, npos, out);
        return f->row->fn(in, out);
    }
    if (!kwnames && s->star >= 0 && s->nkwonly <= 8 && npos >= s->required) {
        return call_star(in, f, arg, npos, out);
    }
    if (!sig_bind(in, s, arg, npos, kwnames, out)) return FAIL;
    value r = f->row->fn(in, out);
    args_clear(in, out, s->nparam);
    return r;
}

static void set_sig(interp *in, cfunction *f)
{
    sig *s = (sig *)(uintptr_t)sig_of(in, f->row);
    const char *home = f->owner ? f->owner->name : f->module;
    if (!s->qual && home) s->qual = str_fmt(in, "%s.%s", home, s->fname->at);
    if (!s->qual) exc_clear(in);
    f->sig = s;
    if (s->simple && is_fail(f->self) && (s->kind == 'm' || !f->owner)) f->plain = s->npos + 1u;
}

value cfunction_call(interp *in, cfunction *f, const value *arg, size_t npos, tuple *kwnames)
{
    const sig *s = f->sig;
    if (s && s->simple && npos == s->npos && !kwnames && is_fail(f->self) &&
        (s->kind != 'm' || !f->owner ||
         (npos && arg[0].kind == V_OBJ && arg[0].o->type == f->owner))) {
        return f->row->fn(in, arg); /* as nearly always */
    }
    if (!s) set_sig(in, f);
    if (is_fail(f->self)) return call_bound(in, f, arg, npos, kwnames);
    size_t all = npos + (kwnames ? (size_t)kwnames->n : 0);
    value few[8], *a = all < 8 ? few : mem_alloc((all + 1) * sizeof *a);
    a[0] = f->self;
    if (all) memcpy(a + 1, arg, all * sizeof *a);
    value r = call_bound(in, f, a, npos + 1, kwnames);
    if (a != few) mem_free(a);
    return r;
}

/* ---- calls in general ---- */

value value_call(interp *in, value f, const value *arg, size_t npos, tuple *kwnames)
{
    func *fn = as_func(f);
    if (fn) return func_call(in, fn, arg, npos, kwnames);
    cfunction *c = as_cfunction(f);
    if (c) return cfunction_call(in, c, arg, npos, kwnames);
    const type *t = type_of(in, f);
    if (!t->call) return throw(in, TypeError, "'" TYPE_FMT "' object is not callable", TYPE_ARG(t));
    if (!check_stack(in)) return FAIL;
    return t->call(in, f, arg, npos, kwnames);
}

value call_n(interp *in, value f, int n, ...)
{
    value arg[16];
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n && i < 16; i++) arg[i] = va_arg(ap, value);
    va_end(ap);
    return value_call(in, f, arg, (size_t)n, NULL);
}

value call_method(interp *in, value self, const char *name, int n, ...)
{
    value arg[16];
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n && i < 16; i++) arg[i] = va_arg(ap, value);
    va_end(ap);
    value f = value_getattr_c(in, self, name);
    if (is_fail(f)) return FAIL;
    value r = value_call(in, f, arg, (size_t)n, NULL);
    value_unref(in, f);
    return r;
}

/* The mapping after ** as a dict: itself, or a copy. */
static dict *keyword_dict(interp *in, value f, value kwargs)
{
    dict *d = as_dict(kwargs);
    if (d) return obj_ref(d);
    d = dict_new(in);
    value keys;
    int has = value_findattr(in, kwargs, "keys", &keys);
    if (has == 1) value_unref(in, keys);
    if (has == 0) {
        str *name = callable_name(in, f);
        throw(in, TypeError, "%s argument after ** must be a mapping, not %s", name ? name->at : "",
              type_of(in, kwargs)->name);
        obj_unref(in, name);
    }
    if (has != 1 || !d || !dict_update(in, d, kwargs)) {
        obj_unref(in, d);
        return NULL;
    }
    return d;
}

static value call_spread(interp *in, value f, tuple *t, dict *kw)
{
    if (!kw || kw->n == 0) return value_call(in, f, t->at, (size_t)t->n, NULL);
    tuple *names = tuple_new(in, kw->n);
    value *arg = mem_alloc((size_t)(t->n + kw->n) * sizeof *arg), k, v, r = FAIL;
    memcpy(arg, t->at, (size_t)t->n * sizeof *arg);
    int64_t j = 0;
    bool ok = names != NULL;
    for (int64_t i = 0; ok && dict_next(kw, &i, &k, &v);) {
        ok = as_str(k) != NULL;
        if (!ok) throw(in, TypeError, "keywords must be strings");
        names->at[j] = value_ref(k);
        arg[t->n + j++] = value_ref(v);
    }
    if (ok) r = value_call(in, f, arg, (size_t)t->n, names);
    for (int64_t i = 0; i < j; i++) value_unref(in, arg[t->n + i]);
    mem_free(arg);
    obj_unref(in, names);
    return r;
}

value call_with(interp *in, value f, value args, value kwargs)
{
    tuple *t = as_tuple(args);
    if (t)
        obj_ref(t);
    else
        t = tuple_of(in, args);
    if (!t) return FAIL;
    dict *d = is_fail(kwargs) || is_none(kwargs) ? NULL : keyword_dict(in, f, kwargs);
    value r = d || is_fail(kwargs) || is_none(kwargs) ? call_spread(in, f, t, d) : FAIL;
    obj_unref(in, d);
    obj_unref(in, t);
    return r;
}
