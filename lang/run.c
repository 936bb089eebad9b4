/* lang/run.c - running source text: files, cells, expressions; syntax errors as exceptions. */
#include "lang/run.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/compile.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/lexer.h"
#include "lang/trace.h"

/* Text of a source that may not be UTF-8: each foreign byte becomes U+FFFD. */
static value text_or_none(interp *in, const char *s)
{
    if (!s) return NONE;
    size_t n = strlen(s), good;
    strbuf b = {0};
    for (; (good = utf8_bad(s, n)) < n; s += good + 1, n -= good + 1) {
        sb_add(&b, s, good);
        sb_adds(&b, "\xef\xbf\xbd");
    }
    sb_add(&b, s, n);
    value v = v_obj(str_new(in, sb_text(&b), b.n));
    sb_clear(&b);
    return v;
}

static void throw_syntax(interp *in, const syntax_error *e)
{
    value place =
        v_obj(tuple_pack(in, 6, text_or_none(in, e->filename), v_int(e->line), v_int(e->offset),
                         text_or_none(in, e->text), v_int(e->end_line), v_int(e->end_offset)));
    value msg = text_or_none(in, e->msg ? e->msg : "invalid syntax");
    const type *t = exc_type(e->kind);
    int nargs = type_is_sub(t, exc_type(SyntaxError)) ? 2 : 1; /* RecursionError has no place */
    value x = is_fail(place) || is_fail(msg) ? FAIL : call_n(in, v_type(t), nargs, msg, place);
    value_unref(in, place);
    value_unref(in, msg);
    if (!is_fail(x)) exc_raise(in, x);
}

/* Is the text to be seen with what the compiler has to say? As in Python, where it reads the file
 * again: not that of `-c`, of stdin or of compile(). */
static bool shows_text(interp *in, const char *filename, char mode)
{
    char *line = mode == 'c' ? NULL : trace_line(in, filename, 1);
    bool yes = mode == 'c' || line;
    mem_free(line);
    return yes;
}

/* The compiler knows places, not lines: fills in the text of the line. */
static void add_line(arena *a, syntax_error *e, const char *text, size_t n)
{
    const char *p = text, *end = text + n;
    for (int line = 1; line < e->line && p; line++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (p) p++;
    }
    if (e->text || !p || p >= end) return;
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    e->text = arena_dup(a, p, (size_t)((stop ? stop + 1 : end) - p));
}

/* Warns of what looks strange. One that is an error becomes a SyntaxError there. */
static bool warn_of(interp *in, arena *a, const ast *tree, const char *filename, syntax_error *why)
{
    for (doubt *d = doubts_find(a, tree); d; d = d->next) {
        if (warn_at(in, SyntaxWarning, filename, d->line, d->text)) continue;
        if (!exc_is(in, SyntaxWarning)) return false;
        exc_clear(in);
        *why = (syntax_error){.kind = SyntaxError,
                              .msg = d->text,
                              .filename = filename,
                              .line = (int)d->line,
                              .end_line = (int)d->line,
                              .offset = 1,
                              .end_offset = 1};
        return false;
    }
    return true;
}

bytecode *compile_text(interp *in, const char *text, size_t n, const char *filename, char mode,
                       unsigned flags)
{
    arena a = {0};
    syntax_error why = {0};
    enum parse_mode how = mode == 'e' ? PARSE_EVAL : mode == 'c' ? PARSE_CELL : PARSE_FILE;
    if (mode == 'c') flags |= COMPILE_ECHO | COMPILE_AWAIT;
    if (mode == 's') flags |= COMPILE_ALONE;
    ast *tree = parse(&a, text, n, filename, how, &why);
    if (tree) why = (syntax_error){0};
    bytecode *c = tree ? compile(&a, tree, filename, flags, &why) : NULL;
    if (c && !warn_of(in, &a, tree, filename, &why)) {
        code_unref(c);
        c = NULL;
    }
    if (why.kind == KeyboardInterrupt) {
        throw_err(in, &(err){.kind = KeyboardInterrupt});
    } else if (!c && !throwing(in)) {
        if (!tree || shows_text(in, filename, mode)) add_line(&a, &why, text, n);
        throw_syntax(in, &why);
    }
    arena_clear(&a);
    return c;
}

static value run_code(interp *in, bytecode *c, dict *globals, value ns)
{
    link *l = code_link(in, c);
    code_unref(c);
    value v = l ? code_run(in, l, globals, ns, NULL) : FAIL;
    link_unref(in, l);
    return v;
}

bool run_code_in(interp *in, bytecode *c, dict *globals)
{
    value v = run_code(in, c, globals, FAIL);
    value_unref(in, v);
    return !is_fail(v);
}

bool run_text(interp *in, const char *text, size_t n, const char *filename, dict *globals)
{
    bytecode *c = compile_text(in, text, n, filename, 'f', 0);
    return c && run_code_in(in, c, globals);
}

/* A cell with await at its top level gave a coroutine: run it to its end. */
static value finish(interp *in, value v)
{
    if (v.kind != V_OBJ || v.o->type != &T_coroutine) return v;
    value m = interp_import(in, "asyncio");
    value r = is_fail(m) ? FAIL : call_method(in, m, "run", 1, v);
    value_unref(in, m);
    value_unref(in, v);
    return r;
}

bool interp_run(interp *in, const char *text, size_t n, const char *filename, char mode,
                dict *globals, value *echo)
{
    if (echo) *echo = FAIL;
    if (mode == 'c' && !source_add(in, filename, text, n)) return false;
    bytecode *c = compile_text(in, text, n, filename, mode, 0);
    if (!c) return false;
    value outer = in->echo;
    in->echo = FAIL;
    value v = run_code(in, c, globals, FAIL);
    if (mode == 'c' && !is_fail(v)) v = finish(in, v);
    value last = in->echo;
    in->echo = outer;
    bool ok = !is_fail(v);
    frames_give_back(in);
    value wanted = mode == 'e' ? v : last;
    value_unref(in, mode == 'e' ? last : v);
    if (echo && ok)
        *echo = wanted;
    else
        value_unref(in, wanted);
    return ok;
}
