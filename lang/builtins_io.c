/* lang/builtins_io.c - builtins that print, read, open files or run code. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/builtins.h"
#include "lang/interp.h"
#include "lang/run.h"
#include "lang/threads.h"
#include "lang/types/file.h"

/* ---- streams ---- */

value sys_stream(interp *in, const char *name)
{
    value sys = in->modules ? dict_peek(in, in->modules, "sys") : FAIL;
    if (sys.kind != V_OBJ || sys.o->type != &T_module) return FAIL;
    return dict_peek(in, module_dict((module *)(void *)sys.o), name);
}

bool stream_write(interp *in, value stream, int fd, const char *s, size_t n)
{
    file *f = as_file(stream);
    if (is_fail(stream) || (f && f->host && f->fd >= 0 && f->text)) {
        if (f) fd = f->host;
        enum { AT_ONCE = 64 * 1024 };
        for (size_t piece; in->host.write && n; s += piece, n -= piece) {
            piece = n < AT_ONCE ? n : AT_ONCE;
            in->host.write(in->host.ctx, fd, s, piece);
            if (n > AT_ONCE && !check_interrupt(in)) return false;
        }
        return true;
    }
    value text = v_obj(str_new(in, s, n));
    value r = is_fail(text) ? FAIL : call_method(in, stream, "write", 1, text);
    value_unref(in, text);
    value_unref(in, r);
    return !is_fail(r);
}

/* ---- print and input ---- */

/* sep or end: its text, the default for None; NULL: TypeError */
static const char *separator(interp *in, value v, const char *name, const char *dflt, size_t *n)
{
    str *s = as_str(v);
    *n = s ? s->nbyte : 1;
    if (s) return s->at;
    if (is_none(v)) return dflt;
    return THROW0(in, TypeError, "%s must be None or a string, not %s", name, type_of(in, v)->name);
}

static value print(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    size_t nsep, nend;
    const char *sep = separator(in, arg[1], "sep", " ", &nsep);
    const char *end = sep ? separator(in, arg[2], "end", "\n", &nend) : NULL;
    if (!end) return FAIL;
    value to = is_none(arg[3]) ? sys_stream(in, "stdout") : arg[3];
    if (is_none(to)) return NONE;
    strbuf b = {0};
    for (int64_t i = 0; i < t->n; i++) {
        str *s = value_str(in, t->at[i]);
        if (!s) {
            if (b.n) { /* what came before has been written */
                value pending = exc_take(in);
                stream_write(in, to, 1, sb_text(&b), b.n);
                exc_clear(in);
                throw_value(in, pending);
                value_unref(in, pending);
            }
            sb_clear(&b);
            return FAIL;
        }
        sb_add(&b, s->at, s->nbyte);
        obj_unref(in, s);
        if (i + 1 < t->n) sb_add(&b, sep, nsep);
    }
    sb_add(&b, end, nend);
    value_ref(to);
    bool ok = stream_write(in, to, 1, sb_text(&b), b.n);
    sb_clear(&b);
    int flush = ok ? value_truth(in, arg[4]) : -1;
    if (flush > 0 && !is_fail(to)) {
        value r = call_method(in, to, "flush", 0);
        if (is_fail(r)) flush = -1;
        value_unref(in, r);
    }
    value_unref(in, to);
    return flush < 0 ? FAIL : NONE;
}

/* input() from a stdin that the program has replaced */
static value input_from(interp *in, value stream, str *prompt)
{
    if (prompt && !stream_write(in, sys_stream(in, "stdout"), 1, prompt->at, prompt->nbyte))
        return FAIL;
    value line = call_method(in, stream, "readline", 0);
    str *s = as_str(line);
    if (is_fail(line)) return FAIL;
    value r = !s          ? throw(in, TypeError, "object.readline() returned non-string")
              : !s->nbyte ? throw(in, EOFError, "EOF when reading a line")
              : s->at[s->nbyte - 1] == '\n' ? v_obj(str_new(in, s->at, s->nbyte - 1))
                                            : value_ref(line);
    value_unref(in, line);
    return r;
}

static value input(interp *in, const value *arg)
{
    str *prompt = is_fail(arg[0]) ? NULL : value_str(in, arg[0]);
    if (!prompt && !is_fail(arg[0])) return FAIL;
    value stream = sys_stream(in, "stdin"), r;
    file *f = as_file(stream);
    bool replaced = !is_fail(stream) && !(f && f->keep_fd && f->fd == 0);
    if (replaced || !in->host.ask)
        r = is_fail(stream) ? throw(in, EOFError, "EOF when reading a line")
                            : input_from(in, stream, prompt);
    else {
        outside *out = threads_go_out(in);
        char *line = in->host.ask(in->host.ctx, prompt ? prompt->at : "");
        threads_come_in(out);
        if (!check_interrupt(in)) {
            mem_free(line);
            r = FAIL;
        } else
            r = line ? v_obj(str_take(in, line, strlen(line)))
                     : throw(in, EOFError, "EOF when reading a line");
    }
    obj_unref(in, prompt);
    return r;
}

/* ---- files ---- */

static bool optional_str(interp *in, value v, const char *name, str **out)
{
    *out = as_str(v);
    if (*out || is_none(v)) return true;
    throw(in, TypeError, "open() argument '%s' must be str or None, not %s", name,
          type_of(in, v)->name);
    return false;
}

static value open_builtin(interp *in, const value *arg)
{
    str *mode = as_str(arg[1]), *encoding, *errors;
    if (!mode)
        return throw(in, TypeError, "open() argument 'mode' must be str, not %s",
                     type_of(in, arg[1])->name);
    if (!optional_str(in, arg[3], "encoding", &encoding) ||
        !optional_str(in, arg[4], "errors", &errors))
        return FAIL;
    int closefd = value_truth(in, arg[6]);
    return closefd < 0 ? FAIL : file_open(in, arg[0], mode, encoding, errors, arg[5], closefd);
}

/* ---- modules, help ---- */

static value import(interp *in, const value *arg)
{
    str *name = as_str(arg[0]);
    if (!name) return throw(in, TypeError, "__import__() argument 1 must be str");
    value m = interp_import(in, name->at);
    const char *dot = strchr(name->at, '.');
    int named = is_fail(m) ? -1 : value_truth(in, arg[3]);
    if (named || !dot) return m;
    value_unref(in, m); /* "a.b" without a fromlist is a */
    str *head = str_new(in, name->at, (size_t)(dot - name->at));
    m = head ? interp_import(in, head->at) : FAIL;
    obj_unref(in, head);
    return m;
}

/* ---- leaving, help ---- */

static value call_library(interp *in, const char *module_name, const char *f, value v)
{
    value m = interp_import(in, module_name);
    value fn = is_fail(m) ? FAIL : value_getattr_c(in, m, f);
    value r = is_fail(fn) ? FAIL : is_fail(v) ? call_n(in, fn, 0) : call_n(in, fn, 1, v);
    value_unref(in, m);
    value_unref(in, fn);
    return r;
}

static value help(interp *in, const value *arg)
{
    return call_library(in, "pydoc", "help", arg[0]);
}

static value breakpoint(interp *in, const value *arg)
{
    (void)arg;
    return throw(in, NotImplementedError, "breakpoint(): there is no debugger");
}

static value leave(interp *in, const value *arg)
{
    value e = call_n(in, v_type(exc_type(SystemExit)), 1, arg[0]);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    return FAIL;
}

// clang-format off
const builtin builtin_effects[] = {
    {"print(*args, sep=' ', end='\\n', file=None, flush=False)", print,
     "Writes the values as text to file (sys.stdout), sep between them and end behind; flush "
     "sends them on at once."},
    {"input(prompt=<unset>, /)", input,
     "A line of the standard input, without its end; the prompt is printed first."},
    {"open(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, "
     "opener=None)", open_builtin, "A file, ready to be read or written; OSError when it cannot "
                                   "be opened."},
    {"exec(source, globals=None, locals=None, /)", code_exec,
     "Runs source text or code in these namespaces."},
    {"eval(source, globals=None, locals=None, /)", code_eval,
     "The value of an expression, text or code, in these namespaces."},
    {"compile(source, filename, mode, flags=0, dont_inherit=False, optimize=-1)", code_compile,
     "Source text as code for exec() and eval()."},
    {"__import__(name, globals=None, locals=None, fromlist=(), level=0)", import,
     "What the import statement calls."},
    {"help(object=<unset>, /)", help, "Show what is known about an object."},
    {"breakpoint(*args, **kws)", breakpoint, "There is no debugger here."},
    {"exit(code=None)", leave, "Leave the program."},
    {"quit(code=None)", leave, "Leave the program."},
    {0},
};
// clang-format on
