/* lang/introspect.c - the module _lang: what library modules (warnings, inspect, traceback, gc,
 * threading) must know of the interpreter itself. */
#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/ast_value.h"
#include "lang/builtins.h"
#include "lang/threads.h"
#include "lang/exc.h"
#include "lang/trace.h"
#include "lang/frame.h"
#include "lang/types/func.h"
#include "lang/types/weak.h"
#include "lang/vm.h"

/* ---- frames ---- */

static frame *frame_up(interp *in, int64_t depth)
{
    frame *f = in->frame;
    while (f && depth-- > 0) f = f->back;
    return f;
}

static uint32_t frame_line(const frame *f)
{
    return code_pos(f->link->code, frame_at(f)).line;
}

/* where(depth) -> (filename, line, globals) of the depth-th caller; None beyond the outermost */
static value where(interp *in, const value *arg)
{
    int64_t depth;
    if (!to_int64(in, arg[0], &depth)) return FAIL;
    frame *f = frame_up(in, depth);
    if (!f) return NONE;
    return v_obj(tuple_pack(in, 3, v_str(in, f->link->code->filename), v_int(frame_line(f)),
                            f->globals ? v_obj(obj_ref(f->globals)) : NONE));
}

/* frame_part(depth) -> (globals, locals, line, name, filename) or None */
static value frame_parts(interp *in, const value *arg)
{
    int64_t depth;
    if (!to_int64(in, arg[0], &depth)) return FAIL;
    frame *f = frame_up(in, depth);
    if (!f) return NONE;
    return v_obj(tuple_pack(in, 5, f->globals ? v_obj(obj_ref(f->globals)) : NONE,
                            frame_locals(in, f), v_int(frame_line(f)),
                            v_str(in, f->link->code->name), v_str(in, f->link->code->filename)));
}

/* ---- exceptions ---- */

static value exception_text(interp *in, const value *arg)
{
    char *s = exc_format(in, arg[0]);
    return s ? v_obj(str_take(in, s, strlen(s))) : FAIL;
}

/* traceback_rows(tb) -> [(filename, line, name, text, end_line, column, end_column)], outermost
 * first; text: what a traceback shows of it */
static value traceback_rows(interp *in, const value *arg)
{
    list *l = list_new(in, 0);
    traceback *t = (traceback *)(void *)as_obj(arg[0], &T_traceback);
    uint32_t same = 0; /* of t->more */
    for (; l && t; t = same++ < t->more ? t : (same = 0, t->next)) {
        const bytecode *c = t->link->code;
        pos p = code_pos(c, t->at);
        strbuf text = {0};
        trace_entry(in, &text, t);
        tuple *row = tuple_pack(in, 7, v_str(in, c->filename), v_int(p.line), v_str(in, c->name),
                                v_str(in, sb_text(&text)), v_int(p.end_line), v_int(p.col),
                                v_int(p.end_col));
        sb_clear(&text);
        if (!list_add(in, l, v_obj(row))) {
            obj_unref(in, l);
            return FAIL;
        }
    }
    return v_obj(l);
}

/* ---- source texts ---- */

static value source(interp *in, const value *arg)
{
    func *f = as_func(arg[0]);
    const bytecode *c = f ? f->link->code : NULL;
    return c && c->source ? v_obj(str_new(in, c->source, c->source_n)) : NONE;
}

/* The text a program without a file was read from, None if it is unknown. */
static value source_text(interp *in, const value *arg)
{
    value v = FAIL;
    if (in->sources && dict_get(in, in->sources, arg[0], &v) < 0) return FAIL;
    return is_fail(v) ? NONE : value_ref(v);
}

/* ---- memory and threads ---- */

static value collect(interp *in, const value *arg)
{
    (void)arg;
    return v_int(gc_collect(in));
}

static value enable(interp *in, const value *arg)
{
    int on = value_truth(in, arg[0]);
    if (on < 0) return FAIL;
    in->gc_off = !on;
    return NONE;
}

static value enabled(interp *in, const value *arg)
{
    (void)arg;
    return v_bool(!in->gc_off);
}

static value containers(interp *in, const value *arg)
{
    (void)arg;
    return v_int(in->ngc);
}

static value thread_id(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int((int64_t)pthread_self());
}

static value in_worker(interp *in, const value *arg)
{
    (void)arg;
    return v_bool(in->home);
}

static value module_kind(interp *in, const value *arg)
{
    str *name = as_str(arg[0]);
    return name ? v_int(import_kind(in, name->at))
                : throw(in, TypeError, "the name of a module is text");
}

static value quiet(interp *in, const value *arg)
{
    (void)in;
    type *t = (type *)(uintptr_t)as_type(arg[0]);
    if (t && t->flags & TYPE_HEAP) t->flags |= TYPE_QUIET;
    return value_ref(arg[0]);
}

// clang-format off
static const builtin functions[] = {
    {"syntax_tree(text, filename, mode, make, /)", syntax_tree, NULL},
    {"where(depth)", where, "(filename, line, globals) of a caller"},
    {"frame_parts(depth)", frame_parts, "(globals, locals, line, name, filename) of a caller"},
    {"exception_text(exc)", exception_text, "The traceback as it is printed"},
    {"traceback_rows(tb)", traceback_rows, "The places of a traceback."},
    {"source(function)", source, "The text of a function, if it was kept"},
    {"source_text(filename)", source_text, "The text of a program that is in no file"},
    {"collect()", collect, "Free unreachable cycles; how many objects they were"},
    {"enable(on)", enable, "Switch the automatic sweep for cycles"},
    {"enabled()", enabled, "Is the automatic sweep on?"},
    {"containers()", containers, "How many containers live"},
    {"thread_id()", thread_id, "A number of the running thread"},
    {"quiet(cls, /)", quiet, "Nobody sees when an instance of the class dies, if it holds nothing of which one would"},
    {"module_kind(name, /)", module_kind, "Does an import find it in the program? 1 yes, 2 a package."},
    {"in_worker()", in_worker, "Does this run in a worker of the pool?"},
    {0},
};
// clang-format on

const module_def lang_def = {
    .name = "_lang",
    .doc = "The interpreter as library modules see it.",
    .table = functions,
};

static bool open_weakref(interp *in, module *m)
{
    return module_put(in, m, "ref", v_type(&T_weakref));
}

const module_def thread_def = {
    .name = "_thread",
    .doc = "Threads of a program, one at a time.",
    .table = thread_table,
};

const module_def weakref_def = {
    .name = "_weakref",
    .doc = "Weak references.",
    .open = open_weakref,
};
