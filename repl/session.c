/* repl/session.c - running cells.
 *
 * cell text -> Python (cell.c) -> interp_run -> echo (show.c).  In, Out, _ and _n are ordinary
 * names of the user's namespace; a user who rebinds them keeps his own. */
#include "repl/session.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/code.h"
#include "lang/exc.h"
#include "lang/parser.h"
#include "repl/cell.h"
#include "repl/host.h"
#include "repl/show.h"

/* ---- exceptions ---- */

/* What `raise SystemExit(v)` asks for: None is 0, an int itself, else it is printed and 1. */
static int exit_status(interp *in, value raised)
{
    value code = value_getattr_c(in, raised, "code");
    int status = 1;
    if (is_fail(code)) {
        exc_clear(in);
    } else if (is_none(code)) {
        status = 0;
    } else if (code.kind == V_INT || code.kind == V_BOOL) {
        status = (int)(code.i & 0xff);
    } else {
        str *text = value_str(in, code);
        if (text) {
            host_write(2, text->at, text->nbyte);
            host_puts(2, "\n");
        }
        obj_unref(in, text);
    }
    value_unref(in, code);
    return status;
}

/* A magic that was called wrongly: one line, no traceback. */
static void show_usage(interp *in, value raised)
{
    str *text = value_str(in, raised);
    host_puts(2, "UsageError: ");
    if (text) host_write(2, text->at, text->nbyte);
    host_puts(2, "\n");
    obj_unref(in, text);
}

static bool is_own(const traceback *t)
{
    return strncmp(t->link->code->filename, "<dsk>/", 6) == 0;
}

/* Takes the frames of the library out of a traceback: what the user wrote stays. */
static void hide_own_frames(interp *in, exc *x)
{
    for (traceback **t = x ? &x->tb : NULL; t && *t;) {
        if (!is_own(*t)) {
            t = &(*t)->next;
            continue;
        }
        traceback *own = *t;
        *t = obj_ref(own->next);
        obj_unref(in, own);
    }
}

/* Millions of lines would take minutes to show: takes out the middle of a very long traceback. How
 * many entries went. */
static long cut_middle(interp *in, exc *x)
{
    enum { MOST = 20000, KEPT = 1000 };
    long n = 0;
    traceback *rest = NULL; /* KEPT entries from the end: one pass, memory is slow */
    for (traceback *t = x ? x->tb : NULL; t; t = t->next)
        if (++n >= KEPT) rest = rest ? rest->next : x->tb;
    if (n <= MOST) return 0;
    traceback *last = x->tb;
    for (long i = 1; i < KEPT; i++) last = last->next;
    traceback *gone = last->next;
    last->next = obj_ref(rest);
    obj_unref(in, gone);
    return n - 2 * KEPT;
}

static void set_last(interp *in, value sys, const char *name, value v)
{
    str *s = str_of(in, name);
    if (s && !is_fail(sys)) value_setattr(in, sys, s, v);
    obj_unref(in, s);
}

/* sys.last_value, which %tb shows once more */
static void remember_error(interp *in, value raised)
{
    value sys = interp_import(in, "sys");
    value trace = is_fail(sys) ? FAIL : value_getattr_c(in, raised, "__traceback__");
    value kind = v_type(type_of(in, raised));
    if (!is_fail(trace)) {
        set_last(in, sys, "last_type", kind);
        set_last(in, sys, "last_value", raised);
        set_last(in, sys, "last_traceback", trace);
    }
    value_unref(in, kind);
    value_unref(in, trace);
    value_unref(in, sys);
    if (throwing(in)) exc_clear(in);
}

enum outcome session_report(interp *in, int *status)
{
    const bool exits = exc_is(in, SystemExit);
    value raised = exc_take(in);
    if (exits) {
        *status = exit_status(in, raised);
    } else if (strcmp(type_of(in, raised)->name, "UsageError") == 0) {
        show_usage(in, raised);
    } else {
        const long cut = cut_middle(in, as_exc(raised));
        hide_own_frames(in, as_exc(raised));
        remember_error(in, raised);
        char *text = exc_text(in, raised);
        host_puts(2, text ? text : "an exception that cannot be shown\n");
        mem_free(text);
        if (cut) {
            char note[96];
            snprintf(note, sizeof note, "note: %ld entries in the middle are not shown\n", cut);
            host_puts(2, note);
        }
    }
    exc_clear(in);
    value_unref(in, raised);
    return exits ? CELL_EXIT : CELL_FAILED;
}

/* ---- the namespace ---- */

static bool put_ref(session *s, const char *name, value v)
{
    return dict_put(s->in, interp_main(s->in), name, value_ref(v));
}

/* The names of what was typed: _i3 is this cell; _i, _ii, _iii are those before it. */
static void remember_input(session *s, const char *text)
{
    static const char *const before[] = {"_i", "_ii", "_iii"};
    char name[24];
    snprintf(name, sizeof name, "_i%d", s->number);
    value typed = v_str(s->in, text);
    for (int64_t k = 0; k < 3 && k < s->inputs->n; k++)
        put_ref(s, before[k], s->inputs->at[s->inputs->n - 1 - k]);
    put_ref(s, name, typed);
    list_add(s->in, s->inputs, typed);
    if (throwing(s->in)) exc_clear(s->in);
}

enum { MAX_KEPT = 512 << 20 }; /* bytes of an array that Out holds on to */

/* v, or its text when v is an array so big that nobody expects the prompt to keep it. Owned. */
static value to_keep(session *s, value v)
{
    value size = FAIL;
    if (v.kind != V_OBJ || strcmp(v.o->type->name, "ndarray") != 0) return value_ref(v);
    if (value_findattr(s->in, v, "nbytes", &size) <= 0) {
        exc_clear(s->in);
        return value_ref(v);
    }
    const bool big = size.kind == V_INT && size.i > MAX_KEPT;
    value_unref(s->in, size);
    str *text = big ? value_repr(s->in, v) : NULL;
    if (!text) return value_ref(v);
    char note[128];
    snprintf(note, sizeof note,
             "note: _ and Out[%d] keep the text of this array, not its %lld MiB\n", s->number,
             (long long)(size.i >> 20));
    host_puts(2, note);
    return v_obj(text);
}

/* The names of what came out: _, __, ___, _3, Out[3]. */
static void remember_output(session *s, value shown)
{
    value v = to_keep(s, shown);
    dict *ns = interp_main(s->in);
    value last = dict_peek(s->in, ns, "_"), before = dict_peek(s->in, ns, "__");
    if (!is_fail(before)) put_ref(s, "___", before);
    if (!is_fail(last)) put_ref(s, "__", last);
    put_ref(s, "_", v);
    char name[24];
    snprintf(name, sizeof name, "_%d", s->number);
    put_ref(s, name, v);
    dict_set(s->in, s->outputs, v_int(s->number), v);
    value_unref(s->in, v);
    if (throwing(s->in)) exc_clear(s->in);
}

static value get_ipython(interp *in, const value *arg)
{
    (void)arg;
    value m = interp_import(in, "dsk_shell");
    value shell = is_fail(m) ? FAIL : value_getattr_c(in, m, "shell");
    value_unref(in, m);
    return shell;
}

static void add_details(interp *in, value v, strbuf *out);

/* display(x, y): each as the echo of a cell shows it */
static value display(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    for (int64_t i = 0; t && i < t->n; i++) {
        strbuf out = {0};
        bool ok = show_value(in, t->at[i], 80, &out);
        if (ok) {
            add_details(in, t->at[i], &out);
            sb_addc(&out, '\n');
            host_write(1, out.at, out.n);
        }
        sb_clear(&out);
        if (!ok) return FAIL;
    }
    return NONE;
}

static const builtin names[] = {
    {"get_ipython()", get_ipython, "The shell that magics and commands go to."},
    {"display(*objects)", display, "Shows values as the echo of a cell does."},
    {0},
};

bool session_open(session *s, interp *in, bool prompts)
{
    s->in = in;
    s->number = 1;
    s->prompts = prompts;
    if (!(s->inputs = list_new(in, 0)) || !(s->outputs = dict_new(in))) return false;
    dict *ns = interp_main(in);
    list_add(in, s->inputs, v_str(in, ""));
    return put_ref(s, "In", v_obj(s->inputs)) && put_ref(s, "_ih", v_obj(s->inputs)) &&
           put_ref(s, "Out", v_obj(s->outputs)) && put_ref(s, "_oh", v_obj(s->outputs)) &&
           dict_put(in, ns, "_", v_str(in, "")) && dict_put(in, ns, "__", v_str(in, "")) &&
           dict_put(in, ns, "___", v_str(in, "")) &&
           dict_put(in, ns, "get_ipython", cfunc_new(in, &names[0], FAIL)) &&
           dict_put(in, ns, "display", cfunc_new(in, &names[1], FAIL));
}

void session_close(session *s)
{
    obj_unref(s->in, s->inputs);
    obj_unref(s->in, s->outputs);
    *s = (session){0};
}

/* ---- what kind of text it is ---- */

typedef struct verdict {
    bool ok, incomplete, py2, block; /* block: its last statement has an indented body */
} verdict;

static bool has_block(const ast *x)
{
    switch (x->kind) {
    case N_FunctionDef:
    case N_AsyncFunctionDef:
    case N_ClassDef:
    case N_For:
    case N_AsyncFor:
    case N_While:
    case N_If:
    case N_With:
    case N_AsyncWith:
    case N_Match:
    case N_Try:
    case N_TryStar: return true;
    default: return false;
    }
}

static verdict judge(const char *text)
{
    arena a = {0};
    syntax_error why;
    ast *x = parse(&a, text, strlen(text), "<cell>", PARSE_CELL, &why);
    verdict v = {.ok = x != NULL, .incomplete = !x && why.incomplete, .py2 = why.py2};
    if (x && x->Interactive.body.n) {
        const ast *last = x->Interactive.body.at[x->Interactive.body.n - 1];
        v.block = has_block(last) && last->end_line > last->line;
    }
    arena_clear(&a);
    return v;
}

/* The last line, its newline aside, is empty or blanks. */
static bool ends_blank(const char *text, size_t n)
{
    if (n && text[n - 1] == '\n') n--;
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    return n == 0 || text[n - 1] == '\n';
}

bool session_wants_more(const char *text)
{
    const size_t n = strlen(text);
    cell c = cell_read(text);
    bool more;
    if (c.magic) {
        more = !ends_blank(text, n);
    } else {
        verdict v = judge(c.text);
        more = v.incomplete || (v.ok && v.block && !ends_blank(text, n));
    }
    cell_clear(&c);
    return more;
}

/* ---- running ---- */

/* What a lazy value shows beyond its repr.  Values of builtin types have nothing to add. */
static void add_details(interp *in, value v, strbuf *out)
{
    const type *t = type_of(in, v);
    if (v.kind != V_OBJ || !t->module || strcmp(t->module, "builtins") == 0) return;
    value m = interp_import(in, "dsk_shell");
    value text = is_fail(m) ? FAIL : call_method(in, m, "details", 1, v);
    if (as_str(text) && as_str(text)->nbyte) {
        sb_addc(out, '\n');
        sb_add(out, as_str(text)->at, as_str(text)->nbyte);
    }
    value_unref(in, text);
    value_unref(in, m);
    if (throwing(in)) exc_clear(in);
}

/* A float in the form that %precision asks for; false: there is none. */
static bool show_float(session *s, value v, strbuf *out)
{
    value shell = get_ipython(s->in, NULL);
    value form = is_fail(shell) ? FAIL : value_getattr_c(s->in, shell, "float_format");
    value text = as_str(form) ? value_binary(s->in, OP_MOD, form, v) : FAIL;
    if (as_str(text)) sb_add(out, as_str(text)->at, as_str(text)->nbyte);
    const bool shown = as_str(text) != NULL;
    value_unref(s->in, text);
    value_unref(s->in, form);
    value_unref(s->in, shell);
    if (throwing(s->in)) exc_clear(s->in);
    return shown;
}

static bool echo(session *s, value v)
{
    strbuf out = {0};
    bool ok = (v.kind == V_FLOAT && show_float(s, v, &out)) || show_value(s->in, v, 80, &out);
    if (ok) {
        remember_output(s, v);
        if (s->prompts) {
            char label[48];
            snprintf(label, sizeof label,
                     s->color ? "\033[31mOut[%d]:\033[0m " : "Out[%d]: ", s->number);
            host_puts(1, label);
            if (memchr(sb_text(&out), '\n', out.n)) host_puts(1, "\n");
        }
        add_details(s->in, v, &out);
        sb_addc(&out, '\n');
        host_write(1, out.at, out.n);
    }
    sb_clear(&out);
    return ok;
}

/* Names that Python 2 has and Python 3 lacks, for a cell that prints as Python 2 does. */
static void welcome_py2(session *s)
{
    dict *ns = interp_main(s->in);
    if (is_fail(dict_peek(s->in, ns, "xrange")))
        dict_put(s->in, ns, "xrange", value_ref(v_type(&T_range)));
    if (s->noted_py2) return;
    s->noted_py2 = true;
    host_puts(2, "note: read as Python 2 (print statement); in Python 3 it is print(...)\n");
}

static value run_magic(session *s, const cell *c)
{
    value shell = get_ipython(s->in, NULL);
    if (is_fail(shell)) return FAIL;
    value name = v_str(s->in, c->magic), args = v_str(s->in, c->args), body = v_str(s->in, c->text);
    value out = FAIL;
    if (!is_fail(name) && !is_fail(args) && !is_fail(body))
        out = call_method(s->in, shell, "run_cell_magic", 3, name, args, body);
    value_unref(s->in, name), value_unref(s->in, args), value_unref(s->in, body);
    value_unref(s->in, shell);
    return out;
}

static bool run_python(session *s, const cell *c, value *out)
{
    char name[32];
    snprintf(name, sizeof name, "<cell %d>", s->number);
    if (judge(c->text).py2) welcome_py2(s);
    return interp_run(s->in, c->text, strlen(c->text), name, 'c', interp_main(s->in), out);
}

static bool is_word(const char *text, const char *word)
{
    text += strspn(text, " \t\n");
    const size_t n = strlen(word);
    return strncmp(text, word, n) == 0 && text[n + strspn(text + n, " \t\n")] == 0;
}

enum outcome session_run(session *s, const char *text)
{
    if (is_word(text, "exit") || is_word(text, "quit")) {
        s->status = 0;
        return CELL_EXIT;
    }
    if (text[strspn(text, " \t\n")] == 0) return CELL_OK;
    cell c = cell_read(is_word(text, "help") ? "?" : text);
    value out = FAIL;
    char *typed = cell_strip_prompts(text);
    size_t n = strlen(typed);
    while (n && typed[n - 1] == '\n') typed[--n] = 0;
    remember_input(s, typed);
    mem_free(typed);
    host_interrupted(); /* a Ctrl-C of before is forgotten */
    while (interp_tidy(s->in)) continue;
    bool ok = c.magic ? !is_fail(out = run_magic(s, &c)) : run_python(s, &c, &out);
    if (ok && !is_fail(out) && !is_none(out) && !c.silent) ok = echo(s, out);
    value_unref(s->in, out);
    enum outcome outcome = ok ? CELL_OK : session_report(s->in, &s->status);
    cell_clear(&c);
    s->number++;
    return outcome;
}
