/* repl/shell.c - the C part of the module dsk_shell: running text, the clock of the processor,
 * commands of the system shell. */
#include "repl/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lexer.h"
#include "repl/cell.h"
#include "repl/host.h"
#include "repl/line.h"

/* Runs statements in the user's namespace; the value of a last expression, or None. */
static value run(interp *in, const value *arg)
{
    const str *text = as_str(arg[0]), *name = as_str(arg[1]);
    dict *ns = is_none(arg[2]) ? interp_main(in) : as_dict(arg[2]);
    if (!text || !name || !ns) return throw(in, TypeError, "run(str, str, dict)");
    cell c = cell_read(text->at);
    value out = FAIL;
    bool ok = interp_run(in, c.text, strlen(c.text), name->at, 'c', ns, &out);
    if (ok && (c.silent || is_fail(out))) {
        value_unref(in, out);
        out = NONE;
    }
    cell_clear(&c);
    return ok ? out : FAIL;
}

static value run_file(interp *in, const value *arg)
{
    const str *path = as_str(arg[0]);
    dict *ns = as_dict(arg[1]);
    size_t n;
    if (!path || !ns) return throw(in, TypeError, "run_file(str, dict)");
    char *text = host_read_file(path->at, &n);
    if (!text) {
        err e = {0};
        err_errno(&e, errno, path->at);
        return throw_err(in, &e);
    }
    bool ok = interp_run(in, text, n, path->at, 'f', ns, NULL);
    mem_free(text);
    return ok ? NONE : FAIL;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static value cpu(interp *in, const value *arg)
{
    (void)arg;
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return v_obj(tuple_pack(in, 2, v_float(seconds(r.ru_utime)), v_float(seconds(r.ru_stime))));
}

static int status_of(int wait_status)
{
    if (WIFSIGNALED(wait_status)) return -WTERMSIG(wait_status);
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

static value command(interp *in, const value *arg)
{
    const str *text = as_str(arg[0]);
    if (!text) return throw(in, TypeError, "a command is a str");
    host_flush();
    int status = system(text->at); /* ignores Ctrl-C here while the command has it */
    return v_int(status_of(status));
}

static value output(interp *in, const value *arg)
{
    const str *text = as_str(arg[0]);
    if (!text) return throw(in, TypeError, "a command is a str");
    host_flush();
    FILE *f = popen(text->at, "r");
    if (!f) {
        err e = {0};
        err_errno(&e, errno, NULL);
        return throw_err(in, &e);
    }
    strbuf b = {0};
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) sb_add(&b, block, n);
    pclose(f);
    if (utf8_bad(sb_text(&b), b.n) != b.n) {
        sb_clear(&b);
        return throw(in, ValueError, "the output of the command is not UTF-8 text");
    }
    value out = v_obj(str_new(in, sb_text(&b), b.n));
    sb_clear(&b);
    return out;
}

static value columns(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(host_width());
}

static value indent(interp *in, const value *arg)
{
    const str *text = as_str(arg[0]);
    if (!text || arg[1].kind != V_INT) return throw(in, TypeError, "indent(str, int)");
    char *out = cell_indent(text->at, (int)arg[1].i);
    value v = v_str(in, out);
    mem_free(out);
    return v;
}

static value user_ns(interp *in, const value *arg)
{
    (void)arg;
    return v_obj(obj_ref(interp_main(in)));
}

static value prefill(interp *in, const value *arg)
{
    const str *text = as_str(arg[0]);
    return text ? v_bool(line_prefill(text->at)) : throw(in, TypeError, "prefill(str)");
}

static value set_argv(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    if (!l) return throw(in, TypeError, "argv is a list");
    char **argv = mem_zero((size_t)(l->n + 1) * sizeof *argv);
    bool ok = true;
    for (int64_t i = 0; i < l->n; i++) {
        if (as_str(l->at[i]))
            argv[i] = as_str(l->at[i])->at;
        else
            ok = false;
    }
    if (ok) interp_set_argv(in, (int)l->n, argv);
    mem_free(argv);
    return ok ? NONE : throw(in, TypeError, "argv is a list of str");
}

static const builtin table[] = {
    {"run(text, name='<magic>', ns=None)", run, "Run statements; the value of a last expression."},
    {"run_file(path, ns)", run_file, "Run a file in a namespace."},
    {"cpu()", cpu, "Processor time of this process: (user, system) in seconds."},
    {"command(text)", command, "Run a command of the system shell; its exit status."},
    {"output(text)", output, "What a command of the system shell writes to its stdout."},
    {"columns()", columns, "Width of the terminal."},
    {"indent(text, by)", indent, "Indent the lines of a program, not those of its strings."},
    {"user_ns()", user_ns, "The namespace of the prompt."},
    {"prefill(text)", prefill, "Text that the next cell begins with; False without a prompt."},
    {"set_argv(argv)", set_argv, "Set sys.argv."},
    {0},
};

const module_def shell_def = {
    .name = "_dsk_shell", .doc = "What dsk_shell needs of the process.", .table = table};
