/* stdlib/re.c - the module _re: compiled patterns and matches, on PCRE2 (stdlib/dsk/re.dsk is the
 * rest of re).
 *
 * Offsets are bytes inside and become code points when asked for.  A match keeps its text.
 * Over 600 lines: pattern and match look into each other. */
#include "lang/freeze.h"
#include "stdlib/re_parts.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "lang/types/iter.h"
#include "stdlib/stdlib.h"

/* ---- subjects ---- */

static const char *text_of(value v, size_t *n, bool *ascii)
{
    str *s = as_str(v);
    if (!s) return *ascii = true, bytes_peek(v, n);
    *ascii = str_ascii(s);
    return *n = s->nbyte, s->at;
}

static size_t clamp(const subject *s, int64_t i)
{
    if (i <= 0) return 0;
    if (s->ascii) return (size_t)i < s->n ? (size_t)i : s->n;
    str *t = as_str(s->v);
    return (size_t)i < t->nchar ? str_offset(t, (size_t)i) : s->n;
}

bool subject_of(interp *in, const pattern *p, value v, value pos, value endpos, subject *s)
{
    int64_t i, j;
    s->v = v;
    s->at = text_of(v, &s->n, &s->ascii);
    if (!s->at) {
        throw(in, TypeError, "expected string or bytes-like object, got '%s'", type_said(in, v));
        return false;
    }
    bool text = as_str(v);
    if (text != (as_str(p->source) != NULL)) {
        throw(in, TypeError, "cannot use a %s pattern on a %s object", text ? "bytes" : "string",
              text ? "string" : "bytes-like");
        return false;
    }
    if (!to_index_clamped(in, pos, &i) || !to_index_clamped(in, endpos, &j)) return false;
    s->from = clamp(s, i);
    s->to = clamp(s, j);
    return true;
}

/* ---- PCRE2's code ---- */

static uint32_t pcre_options(const pattern *p)
{
    uint32_t o = PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_CIRCUMFLEX;
    if (as_str(p->source)) o |= PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_MATCH_INVALID_UTF;
    if (p->flags & RE_UNICODE) o |= PCRE2_UCP;
    if (p->flags & RE_IGNORECASE) o |= PCRE2_CASELESS;
    if (p->flags & RE_MULTILINE) o |= PCRE2_MULTILINE;
    if (p->flags & RE_DOTALL) o |= PCRE2_DOTALL;
    if (p->flags & RE_VERBOSE) o |= PCRE2_EXTENDED;
    return o;
}

/* PCRE2's compiled code of 10.42 and before gives up too soon where what comes before a repeat may
 * be of several lengths: ((?:ab|a)a*b on "ab").  Patterns with that shape, or nearly. */
static bool may_give_up(const strbuf *text)
{
    bool branches = false, repeats = false;
    const char *p = sb_text(text), *end = p + text->n;
    for (; p < end; p++) {
        const char next = p + 1 < end ? p[1] : 0;
        repeats |= *p == '*' || *p == '+' || (*p == ',' && next == '}');
        branches |=
            *p == '|' || (*p == '(' && next == '?') || (*p == ')' && next && strchr("?*+{", next));
    }
    return branches && repeats;
}

static pcre2_code *compile_text(const pattern *p, uint32_t options, int *why)
{
    PCRE2_SIZE at;
    options |= PCRE2_USE_OFFSET_LIMIT;
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    if (c) pcre2_set_newline(c, PCRE2_NEWLINE_LF);
    options |= pcre_options(p);
    strbuf b = {0}; /* the first attempt gives up after some hundredths of a second */
    if (!(options & PCRE2_AUTO_CALLOUT)) sb_adds(&b, "(*LIMIT_MATCH=2000000)");
    /* the first letter of (?=a)x*a is looked for, and then one more */
    if (strstr(sb_text(&p->text), "(?=")) options |= PCRE2_NO_START_OPTIMIZE;
    if (may_give_up(&p->text)) sb_adds(&b, "(?(DEFINE)(*SKIP))"); /* never met: it goes back */
    sb_add(&b, sb_text(&p->text), p->text.n);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)sb_text(&b), b.n, options, why, &at, c);
    pcre2_compile_context_free(c);
    sb_clear(&b);
    if (code) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* works without, only slower */
    return code;
}

/* ---- matching ---- */

#define PLACED ((uint32_t)(PCRE2_ANCHORED | PCRE2_ENDANCHORED))

static int listen(pcre2_callout_block *b, void *in)
{
    (void)b;
    return check_interrupt(in) ? 0 : PCRE2_ERROR_CALLOUT;
}

/* The first attempt gave up after some millions of steps: as many as it takes, listening for
 * Ctrl-C at every item of the pattern. */
static int match_patiently(interp *in, pattern *p, const subject *s, size_t from, size_t most,
                           uint32_t options, pcre2_match_data *data)
{
    int why, n = PCRE2_ERROR_NOMEMORY;
    pcre2_match_context *c = pcre2_match_context_create(NULL);
    p->heavy = true;
    if (!p->patient) p->patient = compile_text(p, PCRE2_AUTO_CALLOUT, &why);
    if (c && p->patient) {
        pcre2_set_match_limit(c, UINT32_MAX);
        pcre2_set_depth_limit(c, UINT32_MAX);
        pcre2_set_heap_limit(c, UINT32_MAX);
        pcre2_set_callout(c, listen, in);
        pcre2_set_offset_limit(c, most);
        n = pcre2_match(p->patient, (PCRE2_SPTR)s->at, s->to, from, options, data, c);
        if (n == PCRE2_ERROR_JIT_STACKLIMIT)
            n = pcre2_match(p->patient, (PCRE2_SPTR)s->at, s->to, from, options | PCRE2_NO_JIT,
                            data, c);
    }
    pcre2_match_context_free(c);
    return n;
}

static int no_match(interp *in, int code)
{
    if (code == PCRE2_ERROR_NOMATCH) return 0;
    if (code == PCRE2_ERROR_CALLOUT) return -1; /* KeyboardInterrupt */
    if (code == PCRE2_ERROR_NOMEMORY) return throw_nomem(in), -1;
    char text[120];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return THROWN(in, RuntimeError, "regular expression: %s", text);
}

/* Without the compiled code, which has a small stack: each step takes longer, so there are fewer in
 * the first attempt. */
static int match_slowly(pattern *p, const subject *s, size_t from, size_t most, uint32_t options,
                        pcre2_match_data *data)
{
    enum { STEPS = 250000 };
    p->heavy = true;
    if (!p->slow) {
        if (!(p->slow = pcre2_match_context_create(NULL))) return PCRE2_ERROR_NOMEMORY;
        pcre2_set_match_limit(p->slow, STEPS);
    }
    pcre2_set_offset_limit(p->slow, most);
    return pcre2_match(p->code, (PCRE2_SPTR)s->at, s->to, from, options | PCRE2_NO_JIT, data,
                       p->slow);
}

/* Told of a place only when it is to match, PCRE2 leaves its compiled code aside. */
static const pcre2_code *code_for(pattern *p, uint32_t options)
{
    int why;
    if (!(options & PLACED)) return p->code;
    pcre2_code **own = &p->placed[(options & PCRE2_ENDANCHORED) != 0];
    if (!*own) *own = compile_text(p, options & PLACED, &why);
    return *own ? *own : p->code;
}

/* A match that begins in from .. most. */
static int match_within(interp *in, pattern *p, const subject *s, size_t from, size_t most,
                        uint32_t options, pcre2_match_data *data)
{
    if (most != PCRE2_UNSET && !p->pace && !(p->pace = pcre2_match_context_create(NULL)))
        return PCRE2_ERROR_NOMEMORY;
    if (p->pace) pcre2_set_offset_limit(p->pace, most);
    const pcre2_code *code = code_for(p, options);
    int n = pcre2_match(code, (PCRE2_SPTR)s->at, s->to, from,
                        code == p->code ? options : options & ~PLACED, data, p->pace);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT) n = match_slowly(p, s, from, most, options, data);
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT)
        n = match_patiently(in, p, s, from, most, options, data);
    return n;
}

/* A long text is searched piece by piece, listening for Ctrl-C in between. */
static int search(interp *in, pattern *p, const subject *s, size_t from, uint32_t options,
                  pcre2_match_data *data)
{
    enum { PIECE = 1 << 16 };
    while (s->to - from > PIECE && !(options & PCRE2_ANCHORED)) {
        size_t next = from + PIECE;
        while (next < s->to && (s->at[next] & 0xc0) == 0x80) next++;
        int n = match_within(in, p, s, from, next - 1, options, data);
        if (n != PCRE2_ERROR_NOMATCH) return n;
        if (!check_interrupt(in)) return PCRE2_ERROR_CALLOUT;
        options &= ~(uint32_t)PCRE2_NOTEMPTY_ATSTART;
        from = next;
    }
    return match_within(in, p, s, from, PCRE2_UNSET, options, data);
}

static void *take(size_t n, void *ctx)
{
    (void)ctx;
    err e = {0};
    void *at = try_alloc(n, &e);
    err_clear(&e);
    return at;
}

static void give_back(void *at, void *ctx)
{
    (void)ctx;
    mem_free(at);
}

static pcre2_match_data *data_take(pattern *p)
{
    pcre2_match_data *data = p->spare;
    p->spare = NULL; /* a callout may begin another match */
    if (data) return data;
    if (!p->own) p->own = pcre2_general_context_create(take, give_back, NULL);
    return pcre2_match_data_create_from_pattern(p->code, p->own);
}

static void data_leave(pattern *p, pcre2_match_data *data)
{
    if (p->spare || p->heavy)
        pcre2_match_data_free(data);
    else
        p->spare = data;
    p->heavy = false;
}

int pattern_match(interp *in, pattern *p, const subject *s, size_t from, uint32_t options,
                  match **out)
{
    if (from > s->to) return 0;
    pcre2_match_data *data = data_take(p);
    if (!data) return throw_nomem(in), -1;
    int n = search(in, p, s, from, options | PCRE2_NO_UTF_CHECK, data);
    if (n < 0) {
        data_leave(p, data);
        return no_match(in, n);
    }
    size_t count = 2 * ((size_t)p->ngroup + 1);
    match *m = obj_new(in, &T_match, count * sizeof *m->at);
    if (m) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
        m->at = (size_t *)(void *)(m + 1);
        for (size_t i = 0; i < count; i++) m->at[i] = i < 2 * (size_t)n ? at[i] : SIZE_MAX;
        m->re = obj_ref(p);
        m->text = value_ref(s->v);
        m->pos = s->from;
        m->endpos = s->to;
    }
    data_leave(p, data);
    *out = m;
    return m ? 1 : -1;
}

int pattern_next(interp *in, pattern *p, const subject *s, const match *last, match **out)
{
    if (!last) return pattern_match(in, p, s, s->from, 0, out);
    bool was_empty = last->at[0] == last->at[1];
    return pattern_match(in, p, s, last->at[1], was_empty ? PCRE2_NOTEMPTY_ATSTART : 0, out);
}

/* ---- compiling ---- */

static bool compile_code(interp *in, pattern *p)
{
    int code;
    p->code = compile_text(p, 0, &code);
    if (p->code) return true;
    char why[160];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    if (code == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH || strstr(why, "lookbehind")) {
        value mod = interp_import(in, "re"), cls = FAIL;
        if (!is_fail(mod)) cls = value_getattr_c(in, mod, "error");
        value msg = v_str(in, "look-behind requires fixed-width pattern");
        value e = is_fail(cls) ? FAIL : call_n(in, cls, 2, msg, p->source);
        if (!is_fail(e)) throw_value(in, e);
        value_unref(in, e);
        value_unref(in, msg);
        value_unref(in, cls);
        value_unref(in, mod);
        return false;
    }
    re_error(in, p->source, 0, "%s", why);
    return false;
}

static bool check_flags(interp *in, value source, uint32_t *flags)
{
    if (as_str(source)) {
        if (*flags & RE_LOCALE) {
            throw(in, ValueError, "cannot use LOCALE flag with a str pattern");
            return false;
        }
        if ((*flags & RE_ASCII) && (*flags & RE_UNICODE)) {
            throw(in, ValueError, "ASCII and UNICODE flags are incompatible");
            return false;
        }
        if (!(*flags & RE_ASCII)) *flags |= RE_UNICODE;
    } else if (*flags & RE_UNICODE) {
        throw(in, ValueError, "cannot use UNICODE flag with a bytes pattern");
        return false;
    }
    return true;
}

/* compile(pattern, flags) -> Pattern */
static value compile(interp *in, const value *arg)
{
    size_t n;
    bool ascii;
    int64_t flags;
    const char *s = text_of(arg[0], &n, &ascii);
    if (!s) return throw(in, TypeError, "first argument must be string or compiled pattern");
    if (!to_int64(in, arg[1], &flags)) return FAIL;
    pattern *p = obj_new(in, &T_pattern, 0);
    if (!p) return FAIL;
    p->source = value_ref(arg[0]);
    translation *t = mem_zero(sizeof *t);
    t->flags = (uint32_t)flags;
    bool ok = re_translate(in, arg[0], s, n, t);
    p->flags = t->flags;
    p->text = t->out;
    t->out = (strbuf){0};
    ok = ok && check_flags(in, arg[0], &p->flags) && compile_code(in, p);
    p->ngroup = t->ngroup;
    p->name = mem_zero((t->ngroup + 1) * sizeof *p->name);
    p->closes = mem_zero((t->ngroup + 1) * sizeof *p->closes);
    for (uint32_t i = 1; i <= t->ngroup; i++) {
        p->name[i] = t->name[i];
        p->closes[i] = t->closes[i];
        t->name[i] = NULL;
    }
    translation_clear(t);
    mem_free(t);
    if (ok) return v_obj(p);
    obj_unref(in, p);
    return FAIL;
}

static void pattern_drop(interp *in, obj *o)
{
    pattern *p = (pattern *)o;
    value_unref(in, p->source);
    if (p->code) pcre2_code_free(p->code);
    if (p->patient) pcre2_code_free(p->patient);
    for (int i = 0; i < 2; i++) pcre2_code_free(p->placed[i]);
    pcre2_match_data_free(p->spare);
    pcre2_match_context_free(p->pace);
    pcre2_match_context_free(p->slow);
    pcre2_general_context_free(p->own);
    sb_clear(&p->text);
    for (uint32_t i = 0; p->name && i <= p->ngroup; i++) mem_free(p->name[i]);
    mem_free(p->name);
    mem_free(p->closes);
}

/* ---- Pattern ---- */

static pattern *self_pattern(const value *arg)
{
    return (pattern *)arg[0].o;
}

static value find(interp *in, const value *arg, uint32_t options)
{
    subject s;
    match *m;
    pattern *p = self_pattern(arg);
    if (!subject_of(in, p, arg[1], arg[2], arg[3], &s)) return FAIL;
    int found = pattern_match(in, p, &s, s.from, options, &m);
    return found < 0 ? FAIL : found ? v_obj(m) : NONE;
}

static value method_match(interp *in, const value *arg)
{
    return find(in, arg, PCRE2_ANCHORED);
}

static value method_fullmatch(interp *in, const value *arg)
{
    return find(in, arg, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

static value method_search(interp *in, const value *arg)
{
    return find(in, arg, 0);
}

value match_part(interp *in, const match *m, size_t from, size_t to)
{
    str *s = as_str(m->text);
    if (s) return v_obj(str_part(in, s, from, to));
    size_t n;
    return v_obj(bytes_new(in, bytes_peek(m->text, &n) + from, to - from));
}

value match_group(interp *in, const match *m, uint32_t i, value unset)
{
    if (m->at[2 * i] == SIZE_MAX) return value_ref(unset);
    return match_part(in, m, m->at[2 * i], m->at[2 * i + 1]);
}

/* Walks all matches; each(...) false stops with an exception. */
static bool every_match(interp *in, const value *arg,
                        bool (*each)(interp *in, const match *m, list *out), list *out)
{
    subject s;
    pattern *p = self_pattern(arg);
    match *last = NULL, *m;
    if (!subject_of(in, p, arg[1], arg[2], arg[3], &s)) return false;
    int found;
    while ((found = pattern_next(in, p, &s, last, &m)) > 0) {
        obj_unref(in, last);
        last = m;
        if (!each(in, m, out) || !check_interrupt(in)) {
            found = -1;
            break;
        }
    }
    obj_unref(in, last);
    return found == 0;
}

static value group_or_empty(interp *in, const match *m, uint32_t i)
{
    return m->at[2 * i] == SIZE_MAX ? match_part(in, m, 0, 0) : match_group(in, m, i, NONE);
}

static bool add_found(interp *in, const match *m, list *out)
{
    uint32_t n = m->re->ngroup;
    if (n <= 1) return list_add(in, out, group_or_empty(in, m, n));
    tuple *t = tuple_new(in, n);
    bool ok = t != NULL;
    for (uint32_t i = 1; ok && i <= n; i++) {
        value v = group_or_empty(in, m, i);
        if (is_fail(v))
            ok = false;
        else
            t->at[i - 1] = v;
    }
    if (ok) return list_add(in, out, v_obj(t));
    obj_unref(in, t);
    return false;
}

static value method_findall(interp *in, const value *arg)
{
    list *l = list_new(in, 0);
    if (l && every_match(in, arg, add_found, l)) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

static value method_split(interp *in, const value *arg)
{
    subject s;
    pattern *p = self_pattern(arg);
    int64_t max, n = 0;
    match *last = NULL, *m;
    if (!subject_of(in, p, arg[1], v_int(0), v_int(INT64_MAX), &s)) return FAIL;
    if (!to_int64(in, arg[2], &max)) return FAIL;
    list *l = list_new(in, 0);
    size_t done = 0;
    bool ok = l != NULL;
    match whole = {.re = p, .text = s.v};
    while (ok && (max <= 0 || n < max)) {
        int found = pattern_next(in, p, &s, last, &m);
        ok = found >= 0;
        if (found <= 0) break;
        obj_unref(in, last);
        last = m;
        ok = list_add(in, l, match_part(in, m, done, m->at[0]));
        for (uint32_t i = 1; ok && i <= p->ngroup; i++) {
            ok = list_add(in, l, match_group(in, m, i, NONE));
        }
        done = m->at[1];
        n++;
    }
    obj_unref(in, last);
    if (ok && list_add(in, l, match_part(in, &whole, done, s.n))) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

static value method_sub(interp *in, const value *arg)
{
    int64_t n;
    return re_sub(in, self_pattern(arg), arg[1], arg[2], arg[3], &n);
}

static value method_subn(interp *in, const value *arg)
{
    int64_t n = 0;
    value v = re_sub(in, self_pattern(arg), arg[1], arg[2], arg[3], &n);
    return v_obj(tuple_pack(in, 2, v, v_int(n)));
}

/* finditer: matches one by one */
typedef struct finder {
    obj hdr;
    pattern *re;
    match *last;
    subject s; /* counts its value */
    bool done;
} finder;

static void finder_drop(interp *in, obj *o)
{
    finder *f = (finder *)o;
    obj_unref(in, f->re);
    obj_unref(in, f->last);
    value_unref(in, f->s.v);
}

static value finder_next(interp *in, value self)
{
    finder *f = (finder *)self.o;
    match *m;
    if (f->done) return FAIL;
    int found = pattern_next(in, f->re, &f->s, f->last, &m);
    f->done = found <= 0;
    if (f->done) return FAIL;
    obj_unref(in, f->last);
    f->last = obj_ref(m);
    return v_obj(m);
}

static const type T_finder = {
    TYPE_HEAD,           .name = "callable_iterator", .module = "builtins", .size = sizeof(finder),
    .drop = finder_drop, .iter = iter_self,           .next = finder_next,
};

static value method_finditer(interp *in, const value *arg)
{
    subject s;
    if (!subject_of(in, self_pattern(arg), arg[1], arg[2], arg[3], &s)) return FAIL;
    finder *f = obj_new(in, &T_finder, 0);
    if (!f) return FAIL;
    f->re = obj_ref(arg[0].o);
    f->s = s;
    value_ref(s.v);
    return v_obj(f);
}

static value pattern_source(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_pattern(arg)->source);
}

static value pattern_flags(interp *in, const value *arg)
{
    (void)in;
    return v_int(self_pattern(arg)->flags);
}

static value pattern_groups(interp *in, const value *arg)
{
    (void)in;
    return v_int(self_pattern(arg)->ngroup);
}

static value pattern_groupindex(interp *in, const value *arg)
{
    pattern *p = self_pattern(arg);
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 1; ok && i <= p->ngroup; i++) {
        if (p->name[i]) ok = dict_put(in, d, p->name[i], v_int(i));
    }
    if (ok && !d->n) return v_obj(d);
    value view = ok ? mapping_proxy_new(in, v_obj(d)) : FAIL;
    obj_unref(in, d);
    return view;
}

static value pattern_copy(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[0]);
}

// clang-format off
static const struct { uint32_t flag; const char *name; } flag_names[] = {
    {RE_IGNORECASE, "re.IGNORECASE"}, {RE_LOCALE, "re.LOCALE"}, {RE_MULTILINE, "re.MULTILINE"},
    {RE_DOTALL, "re.DOTALL"}, {RE_UNICODE, "re.UNICODE"}, {RE_VERBOSE, "re.VERBOSE"},
    {RE_DEBUG, "re.DEBUG"}, {RE_ASCII, "re.ASCII"},
};
// clang-format on

static value pattern_repr(interp *in, value self)
{
    pattern *p = (pattern *)self.o;
    uint32_t flags = p->flags;
    if (as_str(p->source) && (flags & (RE_LOCALE | RE_UNICODE | RE_ASCII)) == RE_UNICODE) {
        flags &= ~(uint32_t)RE_UNICODE;
    }
    str *shown = value_repr(in, p->source);
    if (!shown) return FAIL;
    strbuf b = {0};
    sb_addf(&b, "re.compile(%.*s", (int)str_offset(shown, shown->nchar < 200 ? shown->nchar : 200),
            shown->at);
    obj_unref(in, shown);
    bool first = true;
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++) {
        if (!(flags & flag_names[i].flag)) continue;
        sb_addf(&b, "%s%s", first ? ", " : "|", flag_names[i].name);
        first = false;
    }
    sb_addc(&b, ')');
    size_t n;
    char *text = sb_take(&b, &n);
    return v_obj(str_take(in, text, n));
}

static bool pattern_hash(interp *in, value self, uint64_t *out)
{
    pattern *p = (pattern *)self.o;
    if (!value_hash(in, p->source, out)) return false;
    *out ^= p->flags;
    return true;
}

static value pattern_compare(interp *in, enum cmpop op, value self, value other)
{
    pattern *a = (pattern *)self.o, *b = (pattern *)as_obj(other, &T_pattern);
    if (!b || (op != OP_EQ && op != OP_NE)) return value_ref(NOTIMPL);
    int same = a->flags == b->flags ? value_eq(in, a->source, b->source) : 0;
    return same < 0 ? FAIL : v_bool(same == (op == OP_EQ));
}

#define RANGE "string, pos=0, endpos=9223372036854775807)"
static const builtin pattern_table[] = {
    {"match(self, /, " RANGE, method_match, "The Match that begins at pos, or None."},
    {"fullmatch(self, /, " RANGE, method_fullmatch,
     "The Match of everything from pos to endpos, or None."},
    {"search(self, /, " RANGE, method_search, "The first Match from pos on, or None."},
    {"findall(self, /, " RANGE, method_findall,
     "The matches in string: as texts, with a group as that group's text, with more as tuples."},
    {"finditer(self, /, " RANGE, method_finditer,
     "The matches in string as Match objects, one after the other."},
    {"split(self, /, string, maxsplit=0)", method_split,
     "The pieces of string between matches, and the groups of these."},
    {"sub(self, /, repl, string, count=0)", method_sub,
     "string with its matches, from the left, replaced by a text or by what a function of the "
     "Match returns."},
    {"subn(self, /, repl, string, count=0)", method_subn,
     "As sub, with the number of replacements: (string, number)."},
    {"__copy__(self, /)", pattern_copy, NULL},
    {"__deepcopy__(self, memo, /)", pattern_copy, NULL},
    {"@property pattern", pattern_source, "The text of the pattern."},
    {"@property flags", pattern_flags, "What was said about how to match."},
    {"@property groups", pattern_groups, "How many groups there are."},
    {"@property groupindex", pattern_groupindex, "The numbers of the groups that have names."},
    {0},
};

/* Compiled again on the other side. */
static bool pattern_save(freezer *f, obj *o)
{
    pattern *p = (pattern *)(void *)o;
    freeze_value(f, p->source);
    freeze_value(f, v_int(p->flags));
    return true;
}

static obj *pattern_load(thawer *t, const type *cls)
{
    (void)cls;
    interp *in = thawer_interp(t);
    value source = thaw_value(t), flags = thaw_value(t), re = interp_import(in, "re");
    value p = is_fail(re) ? FAIL : call_method(in, re, "compile", 2, source, flags);
    value_unref(in, source);
    value_unref(in, re);
    return p.kind == V_OBJ ? p.o : NULL;
}

static const crossing pattern_cross = {pattern_save, pattern_load};

const type T_pattern = {
    TYPE_HEAD,
    .cross = &pattern_cross,
    .name = "Pattern",
    .module = "re",
    .doc = "A pattern that is ready to match.",
    .size = sizeof(pattern),
    .flags = TYPE_IMMUTABLE,
    .table = pattern_table,
    .drop = pattern_drop,
    .repr = pattern_repr,
    .hash = pattern_hash,
    .compare = pattern_compare,
};

static bool open_re(interp *in, module *m)
{
    return module_put_type(in, m, &T_pattern) && module_put_type(in, m, &T_match);
}

static const builtin table[] = {
    {"compile(pattern, flags=0, /)", compile, "Compile a pattern."},
    {0},
};

const module_def re_def = {
    .name = "_re",
    .doc = "Regular expressions: compiled patterns and matches.",
    .table = table,
    .open = open_re,
};
