/* lang/trace_exc.c - an exception as text: its chain, its traceback, its message, its notes; a
 * group as the tree of what it holds.
 *
 * Inside a group every line has a margin. As CPython's own printer does, further lines of a
 * message have none; the traceback module gives them theirs (hints off). */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/lexer.h"
#include "lang/parser.h"
#include "lang/trace.h"
#include "lang/types/dunder.h"
#include "lang/types/excgroup.h"

enum { MOST_CHAINED = 64, MOST_SHOWN = 15, DEEPEST = 10 }; /* of a group: shown, nested */

typedef struct printer {
    interp *in;
    strbuf *out;
    bool hints;
    int depth;       /* of groups: 0 outside */
    bool need_close; /* the last one of a group draws the line below */
} printer;

/* ---- margins ---- */

static void add_indent(printer *p, const char *margin)
{
    for (int i = 0; i < p->depth; i++) sb_adds(p->out, "  ");
    if (p->depth) sb_adds(p->out, margin);
}

/* Every line of text has the margin; all: those after the first too. */
static void add_text(printer *p, const char *text, size_t n, bool all)
{
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end && (all || n - at == 1) ? (size_t)(end - text) + 1 - at : n - at;
        add_indent(p, "| ");
        sb_add(p->out, text + at, len);
        at += len;
    }
}

static void add_line(printer *p, const char *text)
{
    add_text(p, text, strlen(text), true);
}

static void add_all(printer *p, strbuf *b, bool all)
{
    add_text(p, sb_text(b), b->n, all);
    sb_clear(b);
}

/* ---- one exception ---- */

static void add_syntax_place(interp *in, strbuf *out, exc *x)
{
    str *file = as_str(x->field[1]), *text = as_str(x->field[4]);
    if (x->field[2].kind != V_INT) return;
    syntax_error e = {.kind = NO_ERR,
                      .filename = file ? file->at : "<string>",
                      .line = (int)x->field[2].i,
                      .offset = x->field[3].kind == V_INT ? (int)x->field[3].i : 0,
                      .end_line = x->field[5].kind == V_INT ? (int)x->field[5].i : 0,
                      .end_offset = x->field[6].kind == V_INT ? (int)x->field[6].i : 0,
                      .text = text ? text->at : NULL};
    char *line = text ? NULL : trace_line(in, e.filename, (uint32_t)e.line);
    if (line) e.text = line;
    syntax_error_show(out, &e);
    mem_free(line);
}

static void add_message(interp *in, strbuf *out, exc *x, bool hints)
{
    str *name = type_fullname(in, x->hdr.type);
    value pending = exc_take(in);
    bool syntax = type_is_sub(x->hdr.type, exc_type(SyntaxError));
    str *s = syntax && as_str(x->field[0]) ? obj_ref(as_str(x->field[0])) : exc_str(in, x);
    const char *full = name ? name->at : "";
    if (strncmp(full, "__main__.", 9) == 0) full += 9;
    sb_adds(out, full);
    if (!s) {
        exc_clear(in);
        sb_adds(out, ": <exception str() failed>");
    } else if (s->nbyte) {
        sb_adds(out, ": ");
        sb_add(out, s->at, s->nbyte);
    }
    obj_unref(in, s);
    obj_unref(in, name);
    if (hints) trace_suggestion(in, out, x);
    sb_addc(out, '\n');
    in->exc = pending;
}

static void add_notes(interp *in, strbuf *out, exc *x)
{
    dict *d = obj_dict(in, &x->hdr, false);
    list *l = d ? as_list(dict_peek(in, d, "__notes__")) : NULL;
    for (int64_t i = 0; l && i < l->n; i++) {
        str *s = value_str(in, l->at[i]);
        if (!s)
            exc_clear(in);
        else {
            sb_add(out, s->at, s->nbyte);
            sb_addc(out, '\n');
        }
        obj_unref(in, s);
    }
}

static void add_one(printer *p, exc *x)
{
    interp *in = p->in;
    strbuf b = {0};
    if (x->tb) {
        bool group = as_group(x) != NULL;
        add_indent(p, group && p->depth == 1 ? "+ " : "| ");
        sb_adds(p->out, group ? "Exception Group Traceback (most recent call last):\n"
                              : "Traceback (most recent call last):\n");
        trace_list(in, &b, x->tb);
    }
    if (type_is_sub(x->hdr.type, exc_type(SyntaxError))) add_syntax_place(in, &b, x);
    add_all(p, &b, true);
    add_message(in, &b, x, p->hints);
    add_all(p, &b, !p->hints);
    add_notes(in, &b, x);
    add_all(p, &b, true);
}

/* ---- groups ---- */

static void add_chain(printer *p, exc *x);

static void add_member(printer *p, tuple *all, int64_t i)
{
    strbuf b = {0};
    if (i < MOST_SHOWN) {
        add_chain(p, as_exc(all->at[i]));
        return;
    }
    long long left = all->n - i;
    sb_addf(&b, "and %lld more exception%s\n", left, left > 1 ? "s" : "");
    add_all(p, &b, true);
}

static void add_group(printer *p, exc *x)
{
    tuple *all = as_group(x);
    if (p->depth > DEEPEST) {
        add_line(p, "... (max_group_depth is 10)\n");
        return;
    }
    bool top = p->depth == 0;
    p->depth += top;
    add_one(p, x);
    p->need_close = false;
    int64_t n = all->n > MOST_SHOWN ? MOST_SHOWN + 1 : all->n;
    for (int64_t i = 0; i < n; i++) {
        if (i == n - 1) p->need_close = true;
        add_indent(p, i ? "  " : "+-");
        if (i < MOST_SHOWN)
            sb_addf(p->out, "+---------------- %d ----------------\n", (int)i + 1);
        else
            sb_adds(p->out, "+---------------- ... ----------------\n");
        p->depth++;
        add_member(p, all, i);
        if (i == n - 1 && p->need_close) {
            add_indent(p, "+------------------------------------\n");
            p->need_close = false;
        }
        p->depth--;
    }
    p->depth -= top;
}

/* ---- chains ---- */

static void add_any(printer *p, exc *x)
{
    if (as_group(x))
        add_group(p, x);
    else
        add_one(p, x);
}

static void add_chain(printer *p, exc *x)
{
    exc *chain[MOST_CHAINED];
    int n = 0;
    bool close = p->need_close;
    for (exc *y = x; y && n < MOST_CHAINED;) { /* newest first */
        bool seen = false;
        for (int i = 0; i < n; i++) seen = seen || chain[i] == y;
        if (seen) break;
        chain[n++] = y;
        y = as_exc(y->cause) ? as_exc(y->cause) : y->suppress ? NULL : as_exc(y->context);
    }
    while (n-- > 0) {
        p->need_close = n == 0 && close;
        add_any(p, chain[n]);
        if (n == 0) break;
        add_line(p, "\n");
        add_line(p, as_exc(chain[n - 1]->cause)
                        ? "The above exception was the direct cause of the following exception:\n"
                        : "During handling of the above exception, another exception occurred:\n");
        add_line(p, "\n");
    }
}

void trace_exc(interp *in, strbuf *out, exc *x, bool hints)
{
    add_chain(&(printer){.in = in, .out = out, .hints = hints}, x);
}

static char *text_of(interp *in, value v, bool hints)
{
    strbuf b = {0};
    exc *x = as_exc(v);
    value pending = exc_take(in);
    if (x) trace_exc(in, &b, x, hints);
    exc_clear(in);
    in->exc = pending;
    return b.at ? sb_take(&b, NULL) : mem_dup("");
}

char *exc_text(interp *in, value v)
{
    return text_of(in, v, true);
}

char *exc_format(interp *in, value v)
{
    return text_of(in, v, false);
}
