/* stdlib/re_sub.c - replacing: templates with \1 and \g<name>, Pattern.sub. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "stdlib/re_parts.h"

/* ---- templates ---- */

typedef struct scan {
    interp *in;
    pattern *p;
    value source;
    const char *s;
    size_t i, n, text_from;
    re_template *t;
} scan;

static bool add_group(scan *c, int group, size_t at)
{
    re_template *t = c->t;
    if (group < 0 || (uint32_t)group > c->p->ngroup) {
        re_error(c->in, c->source, at, "invalid group reference %d", group);
        return false;
    }
    t->part = mem_grow(t->part, (t->npart + 1) * sizeof *t->part);
    t->part[t->npart++] = (struct template_part){group, c->text_from, t->text.n - c->text_from};
    c->text_from = t->text.n;
    return true;
}

static bool group_by_name(scan *c)
{
    size_t from = c->i + 3;
    if (c->i + 2 >= c->n || c->s[c->i + 2] != '<') {
        re_error(c->in, c->source, c->i + 2, "missing <");
        return false;
    }
    const char *end = memchr(c->s + from, '>', c->n - from);
    if (!end) {
        re_error(c->in, c->source, from,
                 from < c->n ? "missing >, unterminated name" : "missing group name");
        return false;
    }
    size_t n = (size_t)(end - (c->s + from));
    if (!n) {
        re_error(c->in, c->source, from, "missing group name");
        return false;
    }
    char *name = mem_dupn(c->s + from, n);
    bool number = strspn(name, "0123456789") == n;
    bool word = !isdigit((unsigned char)*name);
    for (size_t k = 0; k < n; k++) {
        word = word && (isalnum((unsigned char)name[k]) || name[k] == '_' || (name[k] & 0x80));
    }
    int group = number ? atoi(name) : pattern_group_named(c->p, name);
    bool ok = false;
    if (!number && !word) {
        re_error(c->in, c->source, from, "bad character in group name '%s'", name);
    } else if (!number && group < 0) {
        throw(c->in, IndexError, "unknown group name '%s'", name);
    } else
        ok = add_group(c, group, from);
    mem_free(name);
    c->i = from + n + 1;
    return ok;
}

static bool octal(const scan *c, size_t k)
{
    return c->i + k < c->n && c->s[c->i + k] >= '0' && c->s[c->i + k] < '8';
}

static bool add_octal(scan *c, size_t first, size_t n)
{
    unsigned code = 0;
    char at[4];
    for (size_t k = 0; k < n; k++) code = code * 8 + (unsigned)(c->s[c->i + first + k] - '0');
    if (code > 0377) {
        re_error(c->in, c->source, c->i, "octal escape value \\%.*s outside of range 0-0o377",
                 (int)n, c->s + c->i + first);
        return false;
    }
    if (as_str(c->source))
        sb_add(&c->t->text, at, utf8_put(at, code));
    else
        sb_addc(&c->t->text, (char)code);
    c->i += first + n;
    return true;
}

static bool escape(scan *c)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    if (c->i + 1 >= c->n) {
        re_error(c->in, c->source, c->i, "bad escape (end of pattern)");
        return false;
    }
    char e = c->s[c->i + 1];
    if (e == 'g') return group_by_name(c);
    if (e == '0') return add_octal(c, 1, 1 + octal(c, 2) + (octal(c, 2) && octal(c, 3)));
    if (isdigit((unsigned char)e)) {
        if (octal(c, 1) && octal(c, 2) && octal(c, 3)) return add_octal(c, 1, 3);
        size_t at = c->i + 1;
        int group = e - '0';
        c->i += 2;
        if (c->i < c->n && isdigit((unsigned char)c->s[c->i]))
            group = group * 10 + c->s[c->i++] - '0';
        return add_group(c, group, at);
    }
    const char *hit = strchr(from, e);
    if (!hit && isalpha((unsigned char)e)) {
        re_error(c->in, c->source, c->i, "bad escape \\%c", e);
        return false;
    }
    if (hit)
        sb_addc(&c->t->text, to[hit - from]);
    else
        sb_add(&c->t->text, c->s + c->i, 2);
    c->i += 2;
    return true;
}

bool template_parse(interp *in, pattern *p, value source, re_template *t)
{
    *t = (re_template){0};
    scan c = {.in = in, .p = p, .source = source, .t = t};
    if (as_str(source))
        c.s = as_str(source)->at, c.n = as_str(source)->nbyte;
    else
        c.s = bytes_peek(source, &c.n);
    if (!c.s) {
        throw(in, TypeError, "decoding to str: need a bytes-like object, %s found",
              type_said(in, source));
        return false;
    }
    while (c.i < c.n) {
        const char *hit = memchr(c.s + c.i, '\\', c.n - c.i);
        size_t to = hit ? (size_t)(hit - c.s) : c.n;
        sb_add(&t->text, c.s + c.i, to - c.i);
        c.i = to;
        if (hit && !escape(&c)) {
            template_clear(t);
            return false;
        }
    }
    t->part = mem_grow(t->part, (t->npart + 1) * sizeof *t->part);
    t->part[t->npart++] = (struct template_part){-1, c.text_from, t->text.n - c.text_from};
    return true;
}

void template_clear(re_template *t)
{
    mem_free(t->part);
    sb_clear(&t->text);
    *t = (re_template){0};
}

void template_fill(const re_template *t, const match *m, strbuf *out)
{
    size_t n;
    const char *s = as_str(m->text) ? as_str(m->text)->at : bytes_peek(m->text, &n);
    for (size_t i = 0; i < t->npart; i++) {
        const struct template_part *p = &t->part[i];
        sb_add(out, sb_text(&t->text) + p->from, p->len);
        if (p->group < 0 || m->at[2 * p->group] == SIZE_MAX) continue;
        sb_add(out, s + m->at[2 * p->group], m->at[2 * p->group + 1] - m->at[2 * p->group]);
    }
}

/* ---- sub ---- */

static bool add_called(interp *in, value f, match *m, strbuf *out)
{
    value v = call_n(in, f, 1, v_obj(m));
    if (is_fail(v)) return false;
    size_t n;
    const char *s = bytes_peek(v, &n);
    if (as_str(v)) s = as_str(v)->at, n = as_str(v)->nbyte;
    bool fits = s && (as_str(v) != NULL) == (as_str(m->text) != NULL);
    if (fits)
        sb_add(out, s, n);
    else if (!is_none(v)) {
        throw(in, TypeError, "sequence item 0: expected %s, %s found",
              as_str(m->text) ? "str instance" : "a bytes-like object", type_said(in, v));
    }
    value_unref(in, v);
    return !throwing(in);
}

value re_sub(interp *in, pattern *p, value repl, value text, value count, int64_t *n)
{
    subject s;
    int64_t max;
    re_template t = {0};
    if (!subject_of(in, p, text, v_int(0), v_int(INT64_MAX), &s) || !to_int64(in, count, &max)) {
        return FAIL;
    }
    bool call = value_callable(in, repl);
    if (!call && !template_parse(in, p, repl, &t)) return FAIL;
    strbuf out = {.soft = true};
    match *last = NULL, *m;
    size_t done = 0;
    bool ok = true;
    for (*n = 0; ok && (max <= 0 || *n < max); ++*n) {
        int found = pattern_next(in, p, &s, last, &m);
        ok = found >= 0 && check_interrupt(in);
        if (found <= 0) break;
        obj_unref(in, last);
        last = m;
        sb_add(&out, s.at + done, m->at[0] - done);
        if (call)
            ok = ok && add_called(in, repl, m, &out);
        else
            template_fill(&t, m, &out);
        done = m->at[1];
    }
    obj_unref(in, last);
    template_clear(&t);
    if (ok) sb_add(&out, s.at + done, s.n - done);
    value v = FAIL;
    if (ok && *n == 0)
        v = value_ref(text);
    else if (ok)
        v = as_str(text) ? v_obj(str_built(in, &out)) : v_obj(bytes_built(in, &out));
    sb_clear(&out);
    return v;
}
