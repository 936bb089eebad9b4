/* lang/builtins_code.c - exec, eval, compile: text or code objects in given namespaces. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/compile.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/run.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* The text of a str or bytes; false: neither. */
static bool source_text(value v, const char **s, size_t *n)
{
    str *text = as_str(v);
    *s = text ? text->at : bytes_peek(v, n);
    if (text) *n = text->nbyte;
    return *s != NULL;
}

static link *compile_source(interp *in, value v, const char *f, const char *filename, char mode,
                            unsigned flags)
{
    const char *s;
    size_t n;
    if (!source_text(v, &s, &n)) {
        return THROW0(in, TypeError, "%s() arg 1 must be a string, bytes or code object", f);
    }
    if (memchr(s, 0, n))
        return THROW0(in, ValueError, "source code string cannot contain null bytes");
    for (; mode == 'e' && n && (*s == ' ' || *s == '\t'); n--) s++;
    bytecode *c = compile_text(in, s, n, filename, mode, flags);
    link *l = c ? code_link(in, c) : NULL;
    code_unref(c);
    return l;
}

/* Where code runs that was given these arguments. *made is owned, or FAIL. */
static bool find_places(interp *in, const char *f, const value *arg, dict **globals, value *ns,
                        value *made)
{
    *made = *ns = FAIL;
    *globals = as_dict(arg[1]);
    value locals = arg[2];
    if (!is_none(arg[1]) && !*globals) {
        throw(in, TypeError, "%s() globals must be a dict, not %s", f, type_of(in, arg[1])->name);
        return false;
    }
    if (!*globals) {
        *globals = in->frame ? in->frame->globals : interp_main(in);
        if (is_none(locals) && in->frame) locals = *made = frame_locals(in, in->frame);
        if (is_fail(locals)) return false;
    }
    if (!is_none(locals) && as_dict(locals) != *globals) {
        if (!type_of(in, locals)->getitem) {
            throw(in, TypeError, "locals must be a mapping or None, not %s",
                  type_of(in, locals)->name);
            return false;
        }
        *ns = locals;
    }
    if (!is_fail(dict_peek(in, *globals, "__builtins__"))) return true;
    return dict_put(in, *globals, "__builtins__",
                    value_ref(dict_peek(in, in->modules, "builtins")));
}

static value run_in(interp *in, const value *arg, const char *f, char mode)
{
    dict *globals;
    value ns, made;
    if (!find_places(in, f, arg, &globals, &ns, &made)) return FAIL;
    link *l = code_of_value(arg[0]);
    unsigned flags = is_fail(ns) ? 0 : COMPILE_NAMESPACE;
    if (l)
        link_ref(l);
    else
        l = compile_source(in, arg[0], f, "<string>", mode, flags);
    value v = FAIL;
    if (l && l->code->nfree) {
        throw(in, TypeError, "code object passed to %s() may not contain free variables", f);
    } else if (l)
        v = code_run(in, l, globals, ns, NULL);
    link_unref(in, l);
    value_unref(in, made);
    return v;
}

value code_exec(interp *in, const value *arg)
{
    value v = run_in(in, arg, "exec", 'f');
    value_unref(in, v);
    return is_fail(v) ? FAIL : NONE;
}

value code_eval(interp *in, const value *arg)
{
    return run_in(in, arg, "eval", 'e');
}

value code_compile(interp *in, const value *arg)
{
    str *mode = as_str(arg[2]), *name = as_str(arg[1]);
    if (!mode) return throw(in, TypeError, "compile() argument 'mode' must be str");
    if (!name) return throw(in, TypeError, "compile() argument 'filename' must be str");
    char m = str_is(mode, "exec")     ? 'f'
             : str_is(mode, "eval")   ? 'e'
             : str_is(mode, "single") ? 'f'
                                      : 0;
    if (!m) return throw(in, ValueError, "compile() mode must be 'exec', 'eval' or 'single'");
    if (code_of_value(arg[0])) return value_ref(arg[0]);
    link *l = compile_source(in, arg[0], "compile", name->at, m, COMPILE_NAMESPACE);
    value v = l ? code_value(in, l) : FAIL;
    link_unref(in, l);
    return v;
}
