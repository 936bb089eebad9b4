/* lang/types/error.c - exception classes: one type per row of err.def, one layout for all.
 *
 * What a class has beyond args (errno, value, lineno ...) stands in exc.field in the order of
 * its row in `kinds`. */
#include <errno.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/types/excgroup.h"

enum { NBASE = BaseException };

/* ---- fields ---- */

static const struct fields {
    enum err_kind kind;
    const char *name[EXC_FIELDS];
} kinds[] = {
    {StopIteration, {"value"}},
    {StopAsyncIteration, {NULL}},
    {SystemExit, {"code"}},
    {OSError, {"errno", "strerror", "filename", "filename2"}},
    {ImportError, {"msg", "name", "path"}},
    {AttributeError, {"name", "obj"}},
    {NameError, {"name"}},
    {SyntaxError,
     {"msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset",
      "print_file_and_line"}},
    {UnicodeDecodeError, {"encoding", "object", "start", "end", "reason"}},
    {UnicodeEncodeError, {"encoding", "object", "start", "end", "reason"}},
    {UnicodeTranslateError, {"object", "start", "end", "reason"}},
};
enum { NKINDS = sizeof kinds / sizeof *kinds };

static const struct fields *fields_of(const type *t)
{
    for (int i = 0; i < NKINDS; i++) {
        if (type_is_sub(t, exc_type(kinds[i].kind))) return &kinds[i];
    }
    return NULL;
}

static void set_field(interp *in, exc *x, int i, value v) /* counts v */
{
    value old = x->field[i];
    x->field[i] = value_ref(v);
    value_unref(in, old);
}

static int field_index(const struct fields *f, const str *name)
{
    for (int i = 0; f && i < EXC_FIELDS && f->name[i]; i++) {
        if (str_is(name, f->name[i])) return i;
    }
    return -1;
}

static void fill_oserror(interp *in, exc *x)
{
    tuple *a = x->args;
    if (a->n < 2 || a->n > 5) return;
    set_field(in, x, 0, a->at[0]);
    set_field(in, x, 1, a->at[1]);
    if (a->n < 3) return;
    set_field(in, x, 2, a->at[2]);
    if (a->n == 5) set_field(in, x, 3, a->at[4]);
    x->args = tuple_from(in, a->at, 2);
    if (!x->args) x->args = obj_ref(a);
    obj_unref(in, a);
}

static void fill_syntax(interp *in, exc *x)
{
    tuple *a = x->args;
    if (a->n > 0) set_field(in, x, 0, a->at[0]);
    tuple *info = a->n == 2 ? as_tuple(a->at[1]) : NULL;
    for (int64_t i = 0; info && i < info->n && i < 6; i++) {
        set_field(in, x, (int)i + 1, info->at[i]);
    }
}

void exc_fill(interp *in, exc *x, tuple *kwnames)
{
    (void)kwnames;
    switch (exc_kind(x->hdr.type)) {
    case SystemExit:
        if (x->args->n == 0) break;
        set_field(in, x, 0, x->args->n == 1 ? x->args->at[0] : v_obj(&x->args->hdr));
        break;
    case StopIteration:
        if (x->args->n) set_field(in, x, 0, x->args->at[0]);
        break;
    case SyntaxError:
    case IndentationError:
    case TabError: fill_syntax(in, x); break;
    case ImportError:
    case ModuleNotFoundError:
        if (x->args->n == 1) set_field(in, x, 0, x->args->at[0]);
        break;
    case UnicodeDecodeError:
    case UnicodeEncodeError:
        for (int i = 0; i < 5 && x->args->n == 5; i++) set_field(in, x, i, x->args->at[i]);
        break;
    case UnicodeTranslateError:
        for (int i = 0; i < 4 && x->args->n == 4; i++) set_field(in, x, i, x->args->at[i]);
        break;
    case ValueError:
    case TypeError:
    case KeyError:
    case IndexError:
    case RuntimeError: break;
    default:
        if (type_is_sub(x->hdr.type, exc_type(OSError))) fill_oserror(in, x);
    }
}

/* ---- making ---- */

/* OSError(2, ...) is a FileNotFoundError */
static const type *class_for(const type *cls, const value *arg, size_t npos)
{
    if (cls != exc_type(OSError) || npos < 2 || arg[0].kind != V_INT) return cls;
    return exc_type(err_of_errno((int)arg[0].i));
}

static bool take_keywords(interp *in, exc *x, const value *kw, tuple *kwnames)
{
    if (!kwnames) return true;
    const struct fields *f = fields_of(x->hdr.type);
    for (int64_t i = 0; kwnames && i < kwnames->n; i++) {
        str *name = as_str(kwnames->at[i]);
        int k = f && f->kind != OSError && f->kind != StopIteration && f->kind != SystemExit
                    ? field_index(f, name)
                    : -1;
        if (k < 0) {
            if (!f || f->kind == OSError || f->kind == StopIteration || f->kind == SystemExit) {
                throw(in, TypeError, "%s() takes no keyword arguments", x->hdr.type->name);
            } else {
                throw(in, TypeError, "'%s' is an invalid keyword argument for %s()", name->at,
                      x->hdr.type->name);
            }
            return false;
        }
        set_field(in, x, k, kw[i]);
    }
    return true;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (type_is_sub(cls, exc_type(BaseExceptionGroup))) {
        return group_make(in, cls, arg, npos, kwnames);
    }
    exc *x = obj_new(in, class_for(cls, arg, npos), 0);
    if (!x) return FAIL;
    x->args = tuple_from(in, arg, (int64_t)npos);
    if (!x->args) {
        obj_unref(in, x);
        return FAIL;
    }
    exc_fill(in, x, kwnames);
    if (!take_keywords(in, x, arg + npos, kwnames)) {
        obj_unref(in, x);
        return FAIL;
    }
    return v_obj(x);
}

static value init(interp *in, const value *arg)
{
    exc *x = as_exc(arg[0]);
    if (!x) return throw(in, TypeError, "descriptor '__init__' requires an exception");
    tuple *old = x->args;
    x->args = obj_ref(as_tuple(arg[1]));
    obj_unref(in, old);
    exc_fill(in, x, NULL);
    dict *kw = as_dict(arg[2]);
    value k, v;
    for (int64_t i = 0; kw && dict_next(kw, &i, &k, &v);) {
        int f = field_index(fields_of(x->hdr.type), as_str(k));
        if (f < 0)
            return throw(in, TypeError, "%s() takes no keyword arguments", x->hdr.type->name);
        set_field(in, x, f, v);
    }
    return NONE;
}

static void drop(interp *in, obj *o)
{
    exc *x = (exc *)(void *)o;
    obj_unref(in, x->args);
    value_unref(in, x->cause);
    value_unref(in, x->context);
    obj_unref(in, x->tb);
    for (int i = 0; i < EXC_FIELDS; i++) value_unref(in, x->field[i]);
}

static void visit(obj *o, visitor f, void *ctx)
{
    exc *x = (exc *)(void *)o;
    if (x->args) f((value){.kind = V_OBJ, .o = &x->args->hdr}, ctx);
    f(x->cause, ctx);
    f(x->context, ctx);
    if (x->tb) f((value){.kind = V_OBJ, .o = &x->tb->hdr}, ctx);
    for (int i = 0; i < EXC_FIELDS; i++) f(x->field[i], ctx);
}

/* ---- text ---- */

static str *os_text(interp *in, exc *x)
{
    str *s = NULL, *no = value_str(in, x->field[0]), *text = no ? value_str(in, x->field[1]) : NULL;
    str *file = NULL;
    if (text && is_fail(x->field[2]))
        s = str_fmt(in, "[Errno %s] %s", no->at, text->at);
    else if (text && (file = value_repr(in, x->field[2]))) {
        str *second =
            is_fail(x->field[3]) || is_none(x->field[3]) ? NULL : value_repr(in, x->field[3]);
        s = second ? str_fmt(in, "[Errno %s] %s: %s -> %s", no->at, text->at, file->at, second->at)
                   : str_fmt(in, "[Errno %s] %s: %s", no->at, text->at, file->at);
        obj_unref(in, second);
    }
    obj_unref(in, no);
    obj_unref(in, text);
    obj_unref(in, file);
    return s;
}

static str *syntax_text(interp *in, exc *x)
{
    str *msg = value_str(in, is_fail(x->field[0]) ? NONE : x->field[0]);
    str *file = as_str(x->field[1]);
    if (!msg || (!file && x->field[2].kind != V_INT)) return msg;
    const char *name = file ? strrchr(file->at, '/') : NULL;
    name = name ? name + 1 : file ? file->at : "";
    str *s = NULL;
    if (x->field[2].kind != V_INT)
        s = str_fmt(in, "%s (%s)", msg->at, name);
    else if (file)
        s = str_fmt(in, "%s (%s, line %lld)", msg->at, name, (long long)x->field[2].i);
    else
        s = str_fmt(in, "%s (line %lld)", msg->at, (long long)x->field[2].i);
    obj_unref(in, msg);
    return s;
}

/* The character as messages show it: \xe9, \u20ac, \U0001f600 */
static str *escaped(interp *in, const str *ch)
{
    unsigned cp = 0, n = (unsigned char)ch->at[0];
    int more = n < 0x80 ? 0 : n < 0xe0 ? 1 : n < 0xf0 ? 2 : 3;
    cp = more ? n & (0x3fu >> more) : n;
    for (int i = 1; i <= more; i++) cp = cp << 6 | ((unsigned char)ch->at[i] & 0x3f);
    if (cp < 0x100) return str_fmt(in, "\\x%02x", cp);
    return cp < 0x10000 ? str_fmt(in, "\\u%04x", cp) : str_fmt(in, "\\U%08x", cp);
}

/* field: object, start, end, reason; NULL with nothing pending when they are not as they should be
 */
static str *unicode_text(interp *in, const value *field, const char *before, bool decode)
{
    str *why = as_str(field[3]);
    if (!why || field[1].kind != V_INT || field[2].kind != V_INT) return NULL;
    long long from = field[1].i, to = field[2].i;
    const char *verb = decode ? "decode" : *before == '\'' ? "encode" : "translate";
    if (to - from != 1) {
        return str_fmt(in, "%scan't %s %s in position %lld-%lld: %s", before, verb,
                       decode ? "bytes" : "characters", from, to - 1, why->at);
    }
    value item = value_getitem(in, field[0], v_int(from));
    if (is_fail(item)) return NULL;
    str *s = NULL, *ch = as_str(item) ? escaped(in, as_str(item)) : NULL;
    if (decode) {
        s = str_fmt(in, "%scan't decode byte 0x%02llx in position %lld: %s", before,
                    (unsigned long long)item.i, from, why->at);
    } else if (ch) {
        s = str_fmt(in, "%scan't %s character '%s' in position %lld: %s", before, verb, ch->at,
                    from, why->at);
    }
    obj_unref(in, ch);
    value_unref(in, item);
    return s;
}

static str *codec_text(interp *in, exc *x, bool decode)
{
    str *codec = as_str(x->field[0]),
        *before = codec ? str_fmt(in, "'%s' codec ", codec->at) : NULL;
    str *s = before ? unicode_text(in, x->field + 1, before->at, decode) : NULL;
    obj_unref(in, before);
    return s;
}

static str *args_text(interp *in, exc *x)
{
    if (x->args->n == 0) return str_of(in, "");
    if (x->args->n == 1) return value_str(in, x->args->at[0]);
    return value_str(in, (value){.kind = V_OBJ, .o = &x->args->hdr});
}

static value tostr(interp *in, value self)
{
    exc *x = as_exc(self);
    str *s = NULL;
    enum err_kind kind = exc_kind(x->hdr.type);
    if (kind == KeyError && x->args->n == 1) return v_obj(value_repr(in, x->args->at[0]));
    if (kind == UnicodeDecodeError || kind == UnicodeEncodeError) {
        s = codec_text(in, x, kind == UnicodeDecodeError);
        if (s || throwing(in)) return v_obj(s);
    }
    if (kind == UnicodeTranslateError) {
        s = unicode_text(in, x->field, "", false);
        if (s || throwing(in)) return v_obj(s);
    }
    if (kind == SyntaxError || kind == IndentationError || kind == TabError) {
        return v_obj(syntax_text(in, x));
    }
    if ((kind == ImportError || kind == ModuleNotFoundError) && as_str(x->field[0])) {
        return value_ref(x->field[0]);
    }
    if (as_group(x)) return group_text(in, x);
    if (!is_fail(x->field[0]) && !is_fail(x->field[1]) &&
        type_is_sub(x->hdr.type, exc_type(OSError))) {
        return v_obj(os_text(in, x));
    }
    return v_obj(args_text(in, x));
}

str *exc_str(interp *in, exc *x)
{
    return value_str(in, (value){.kind = V_OBJ, .o = &x->hdr});
}

static value repr(interp *in, value self)
{
    exc *x = as_exc(self);
    const char *name = x->hdr.type->name;
    if (x->args->n == 1) {
        str *s = value_repr(in, x->args->at[0]);
        value r = s ? v_obj(str_fmt(in, "%s(%s)", name, s->at)) : FAIL;
        obj_unref(in, s);
        return r;
    }
    str *s = value_repr(in, (value){.kind = V_OBJ, .o = &x->args->hdr});
    value r = s ? v_obj(str_fmt(in, "%s%s", name, s->at)) : FAIL;
    obj_unref(in, s);
    return r;
}

/* ---- attributes ---- */

static value or_none(value v)
{
    return is_fail(v) ? NONE : value_ref(v);
}

static value get_args(interp *in, const value *arg)
{
    (void)in;
    return value_ref((value){.kind = V_OBJ, .o = &as_exc(arg[0])->args->hdr});
}

static value set_args(interp *in, const value *arg)
{
    if (is_fail(arg[1])) return throw(in, TypeError, "args may not be deleted");
    tuple *t = tuple_of(in, arg[1]);
    if (!t) return FAIL;
    obj_unref(in, as_exc(arg[0])->args);
    as_exc(arg[0])->args = t;
    return NONE;
}

static value get_cause(interp *in, const value *arg)
{
    (void)in;
    return or_none(as_exc(arg[0])->cause);
}

static value set_chain(interp *in, value *at, value v, const char *what)
{
    if (!is_fail(v) && !is_none(v) && !as_exc(v)) {
        return throw(in, TypeError, "exception %s must be None or derive from BaseException", what);
    }
    value old = *at;
    *at = is_none(v) ? FAIL : value_ref(v);
    value_unref(in, old);
    return NONE;
}

static value set_cause(interp *in, const value *arg)
{
    as_exc(arg[0])->suppress = true;
    return set_chain(in, &as_exc(arg[0])->cause, arg[1], "cause");
}

static value get_context(interp *in, const value *arg)
{
    (void)in;
    return or_none(as_exc(arg[0])->context);
}

static value set_context(interp *in, const value *arg)
{
    return set_chain(in, &as_exc(arg[0])->context, arg[1], "context");
}

static value get_suppress(interp *in, const value *arg)
{
    (void)in;
    return v_bool(as_exc(arg[0])->suppress);
}

static value set_suppress(interp *in, const value *arg)
{
    int t = value_truth(in, arg[1]);
    if (t < 0) return FAIL;
    as_exc(arg[0])->suppress = t;
    return NONE;
}

static value get_tb(interp *in, const value *arg)
{
    (void)in;
    traceback *tb = as_exc(arg[0])->tb;
    return tb ? v_obj(obj_ref(tb)) : NONE;
}

static value set_tb(interp *in, const value *arg)
{
    obj *tb = as_obj(arg[1], &T_traceback);
    if (!tb && !is_none(arg[1])) {
        return throw(in, TypeError, "__traceback__ must be a traceback or None");
    }
    exc *x = as_exc(arg[0]);
    traceback *old = x->tb;
    x->tb = obj_ref(tb);
    obj_unref(in, old);
    return NONE;
}

static value with_traceback(interp *in, const value *arg)
{
    value a[2] = {arg[0], arg[1]};
    if (is_fail(set_tb(in, a))) return FAIL;
    return value_ref(arg[0]);
}

static value add_note(interp *in, const value *arg)
{
    if (!as_str(arg[1])) {
        return throw(in, TypeError, "note must be a str, not '%s'", type_of(in, arg[1])->name);
    }
    dict *d = obj_dict(in, arg[0].o, true);
    value notes = FAIL;
    int found = d ? dict_get_str(in, d, in->name.__notes__, &notes) : -1;
    if (found < 0) return FAIL;
    if (!found) {
        if (!dict_put(in, d, "__notes__", v_obj(list_new(in, 1)))) return FAIL;
        notes = dict_peek(in, d, "__notes__");
    }
    list *l = as_list(notes);
    if (!l) return throw(in, TypeError, "Cannot add note: __notes__ is not a list");
    return list_append(in, l, arg[1]) ? NONE : FAIL;
}

#define FIELD(i)                                                                                   \
    static value get_field##i(interp *in, const value *arg)                                        \
    {                                                                                              \
        (void)in;                                                                                  \
        return or_none(as_exc(arg[0])->field[i]);                                                  \
    }                                                                                              \
    static value set_field##i(interp *in, const value *arg)                                        \
    {                                                                                              \
        set_field(in, as_exc(arg[0]), i, arg[1]);                                                  \
        return NONE;                                                                               \
    }
FIELD(0)
FIELD(1)
FIELD(2)
FIELD(3)
FIELD(4)
FIELD(5)
FIELD(6)
FIELD(7)

#define ROW(name, i)                                                                               \
    {"@property " name, get_field##i, NULL},                                                       \
    {                                                                                              \
        "@setter " name, set_field##i, NULL                                                        \
    }

static value setstate(interp *in, const value *arg)
{
    dict *d = obj_dict(in, arg[0].o, true);
    if (is_none(arg[1])) return NONE;
    if (!as_dict(arg[1])) return throw(in, TypeError, "state is not a dictionary");
    return d && dict_update(in, d, arg[1]) ? NONE : FAIL;
}

static const builtin base_table[] = {
    {"__setstate__(self, state, /)", setstate, NULL},
    {"__init__(self, /, *args, **kwargs)", init, NULL},
    {"with_traceback(self, tb, /)", with_traceback, NULL},
    {"add_note(self, note, /)", add_note, NULL},
    {"@property args", get_args, NULL},
    {"@setter args", set_args, NULL},
    {"@property __cause__", get_cause, NULL},
    {"@setter __cause__", set_cause, NULL},
    {"@property __context__", get_context, NULL},
    {"@setter __context__", set_context, NULL},
    {"@property __suppress_context__", get_suppress, NULL},
    {"@setter __suppress_context__", set_suppress, NULL},
    {"@property __traceback__", get_tb, NULL},
    {"@setter __traceback__", set_tb, NULL},
    {0},
};
static const builtin stop_table[] = {ROW("value", 0), {0}};
static const builtin exit_table[] = {ROW("code", 0), {0}};
static const builtin os_table[] = {
    ROW("errno", 0), ROW("strerror", 1), ROW("filename", 2), ROW("filename2", 3), {0}};
static const builtin import_table[] = {ROW("msg", 0), ROW("name", 1), ROW("path", 2), {0}};
static const builtin attribute_table[] = {ROW("name", 0), ROW("obj", 1), {0}};
static const builtin name_table[] = {ROW("name", 0), {0}};
static const builtin syntax_table[] = {ROW("msg", 0),
                                       ROW("filename", 1),
                                       ROW("lineno", 2),
                                       ROW("offset", 3),
                                       ROW("text", 4),
                                       ROW("end_lineno", 5),
                                       ROW("end_offset", 6),
                                       ROW("print_file_and_line", 7),
                                       {0}};
static const builtin unicode_table[] = {ROW("encoding", 0), ROW("object", 1), ROW("start", 2),
                                        ROW("end", 3),      ROW("reason", 4), {0}};

static const builtin translate_table[] = {
    ROW("object", 0), ROW("start", 1), ROW("end", 2), ROW("reason", 3), {0}};

const builtin *exc_table(const type *t)
{
    if (t < exc_type(BaseException) || t >= exc_type(BaseException) + (NERR - NBASE)) return NULL;
    switch (exc_kind(t)) {
    case BaseException: return base_table;
    case StopIteration: return stop_table;
    case SystemExit: return exit_table;
    case OSError: return os_table;
    case ImportError: return import_table;
    case AttributeError: return attribute_table;
    case NameError: return name_table;
    case SyntaxError: return syntax_table;
    case UnicodeDecodeError:
    case UnicodeEncodeError: return unicode_table;
    case UnicodeTranslateError: return translate_table;
    case BaseExceptionGroup: return group_table;
    default: return NULL;
    }
}

/* ---- the classes ---- */

#define EXC_SLOTS                                                                                  \
    .size = sizeof(exc), .flags = TYPE_BASE | TYPE_GC | TYPE_DICT, .drop = drop, .visit = visit,   \
    .make = make, .repr = repr, .tostr = tostr

static const type classes[NERR - NBASE] = {
    [0] = {TYPE_HEAD, .name = "BaseException", .module = "builtins", .base = NULL,
           .doc = "What every exception is", EXC_SLOTS},
#define ERR(n, b, m, d)                                                                            \
    [n - NBASE] = {TYPE_HEAD, .name = #n, .module = m, .doc = d, .base = &classes[b - NBASE],      \
                   EXC_SLOTS},
#define ERR2(n, b, b2, m, d)                                                                       \
    [n - NBASE] = {TYPE_HEAD,                                                                      \
                   .name = #n,                                                                     \
                   .module = m,                                                                    \
                   .doc = d,                                                                       \
                   .base = &classes[b - NBASE],                                                    \
                   .base2 = &classes[b2 - NBASE],                                                  \
                   EXC_SLOTS},
#include "engine/base/err.def"
#undef ERR
#undef ERR2
};

const type *exc_type(enum err_kind kind)
{
    return &classes[kind - NBASE];
}
