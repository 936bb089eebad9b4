/* lang/sys.c - the module sys: what a program may know of and change in its interpreter. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/builtins.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/types/bytes.h"
#include "lang/types/file.h"
#include "lang/types/func.h"
#include "lang/types/record.h"

// clang-format off
static const builtin version_rows[] = {
    RECORD_FIELD(0, "major", "Major release number"),
    RECORD_FIELD(1, "minor", "Minor release number"),
    RECORD_FIELD(2, "micro", "Patch release number"),
    RECORD_FIELD(3, "releaselevel", "'alpha', 'beta', 'candidate', or 'final'"),
    RECORD_FIELD(4, "serial", "Serial release number"),
    {0},
};
static const builtin float_rows[] = {
    RECORD_FIELD(0, "max", NULL), RECORD_FIELD(1, "max_exp", NULL),
    RECORD_FIELD(2, "max_10_exp", NULL), RECORD_FIELD(3, "min", NULL),
    RECORD_FIELD(4, "min_exp", NULL), RECORD_FIELD(5, "min_10_exp", NULL),
    RECORD_FIELD(6, "dig", NULL), RECORD_FIELD(7, "mant_dig", NULL),
    RECORD_FIELD(8, "epsilon", NULL), RECORD_FIELD(9, "radix", NULL),
    RECORD_FIELD(10, "rounds", NULL), {0},
};
static const builtin int_rows[] = {
    RECORD_FIELD(0, "bits_per_digit", NULL), RECORD_FIELD(1, "sizeof_digit", NULL),
    RECORD_FIELD(2, "default_max_str_digits", NULL),
    RECORD_FIELD(3, "str_digits_check_threshold", NULL), {0},
};
static const builtin hash_rows[] = {
    RECORD_FIELD(0, "width", NULL), RECORD_FIELD(1, "modulus", NULL), RECORD_FIELD(2, "inf", NULL),
    RECORD_FIELD(3, "nan", NULL), RECORD_FIELD(4, "imag", NULL),
    RECORD_FIELD(5, "algorithm", NULL), {0},
};
// clang-format on

static const builtin implementation_rows[] = {
    RECORD_FIELD(0, "name", NULL),
    RECORD_FIELD(1, "cache_tag", NULL),
    RECORD_FIELD(2, "version", NULL),
    RECORD_FIELD(3, "hexversion", NULL),
    {0},
};
static const builtin flags_rows[] = {
    RECORD_FIELD(0, "debug", NULL),
    RECORD_FIELD(1, "optimize", NULL),
    RECORD_FIELD(2, "interactive", NULL),
    RECORD_FIELD(3, "verbose", NULL),
    RECORD_FIELD(4, "hash_randomization", NULL),
    {0},
};
static const builtin frame_rows[] = {
    RECORD_FIELD(0, "f_globals", NULL), RECORD_FIELD(1, "f_locals", NULL),
    RECORD_FIELD(2, "f_lineno", NULL),  RECORD_FIELD(3, "f_code", NULL),
    RECORD_FIELD(4, "f_back", NULL),    {0},
};

static const type T_implementation = {RECORD, .name = "implementation", .module = "sys",
                                      .table = implementation_rows};
static const type T_flags = {RECORD, .name = "flags", .module = "sys", .table = flags_rows};
static const type T_frame_record = {RECORD, .name = "frame", .module = "builtins",
                                    .table = frame_rows};
static const type T_version = {RECORD, .name = "version_info", .module = "sys",
                               .table = version_rows};
static const type T_float_info = {RECORD, .name = "float_info", .module = "sys",
                                  .table = float_rows};
static const type T_int_info = {RECORD, .name = "int_info", .module = "sys", .table = int_rows};
static const type T_hash_info = {RECORD, .name = "hash_info", .module = "sys", .table = hash_rows};

static value version_info(interp *in)
{
    return record_new(in, &T_version, 5, v_int(3), v_int(11), v_int(2), v_str(in, "final"),
                      v_int(0));
}

static value float_info(interp *in)
{
    return record_new(in, &T_float_info, 11, v_float(DBL_MAX), v_int(DBL_MAX_EXP),
                      v_int(DBL_MAX_10_EXP), v_float(DBL_MIN), v_int(DBL_MIN_EXP),
                      v_int(DBL_MIN_10_EXP), v_int(DBL_DIG), v_int(DBL_MANT_DIG),
                      v_float(DBL_EPSILON), v_int(FLT_RADIX), v_int(1));
}

/* ---- functions ---- */

static value leave(interp *in, const value *arg)
{
    value e = call_n(in, v_type(exc_type(SystemExit)), is_fail(arg[0]) ? 0 : 1, arg[0]);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    return FAIL;
}

static value exc_info(interp *in, const value *arg)
{
    (void)arg;
    value v = exc_handled(in);
    exc *x = as_exc(v);
    if (!x) return v_obj(tuple_pack(in, 3, NONE, NONE, NONE));
    value tb = x->tb ? v_obj(obj_ref(x->tb)) : NONE;
    return v_obj(tuple_pack(in, 3, v_type(v.o->type), value_ref(v), tb));
}

/* The frame as it is now, with those that called it. */
static value frame_record(interp *in, frame *f)
{
    if (!f) return NONE;
    if (!check_stack(in)) return FAIL;
    return record_new(in, &T_frame_record, 5, f->globals ? v_obj(obj_ref(f->globals)) : NONE,
                      frame_locals(in, f), v_int(code_pos(f->link->code, frame_at(f)).line),
                      code_value(in, f->link), frame_record(in, f->back));
}

static value getframe(interp *in, const value *arg)
{
    int64_t depth;
    if (!to_int64(in, arg[0], &depth)) return FAIL;
    frame *f = in->frame;
    for (; f && depth > 0; depth--) f = f->back;
    return f ? frame_record(in, f) : throw(in, ValueError, "call stack is not deep enough");
}

static value getrecursionlimit(interp *in, const value *arg)
{
    (void)arg;
    return v_int(in->limit);
}

static value setrecursionlimit(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[0], &n)) return FAIL;
    if (n < 1) return throw(in, ValueError, "recursion limit must be greater or equal than 1");
    if (n <= in->depth)
        return throw(in, RecursionError,
                     "cannot set the recursion limit to %lld at the recursion depth %d: the limit "
                     "is too low",
                     (long long)n, in->depth);
    in->limit = n > INT32_MAX ? INT32_MAX : (int32_t)n;
    if (!in->profile) in->quick_limit = in->limit;
    return NONE;
}

enum { DIGITS = 4300, DIGITS_MIN = 640 };

static value get_digits(interp *in, const value *arg)
{
    (void)arg;
    return v_int(in->digit_limit < 0 ? 0 : in->digit_limit ? in->digit_limit : DIGITS);
}

static value set_digits(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[0], &n)) return FAIL;
    if (n && n < DIGITS_MIN)
        return throw(in, ValueError, "maxdigits must be 0 or larger than %d", DIGITS_MIN);
    in->digit_limit = n ? (int32_t)n : -1;
    return NONE;
}

static int64_t text_size(const str *s)
{
    uint32_t top = 0, c;
    for (const char *p = s->at; p<s->at + s->nbyte; p += utf8_get(p, &c), top = c> top ? c : top) {
    }
    int64_t n = (int64_t)s->nchar;
    return top < 128 ? 49 + n : top < 256 ? 73 + n : top < 65536 ? 74 + 2 * n : 76 + 4 * n;
}

static int64_t dict_size(const dict *d)
{
    int64_t log2 = 3;
    bool text = true;
    value k;
    if (!d->n) return 64;
    while (((int64_t)1 << log2) * 2 / 3 < d->n) log2++;
    for (int64_t i = 0; dict_next(d, &i, &k, NULL);) text = text && as_str(k);
    int64_t slots = (int64_t)1 << log2, usable = slots * 2 / 3;
    return 96 + slots * (log2 < 8 ? 1 : log2 < 16 ? 2 : 4) + usable * (text ? 16 : 24);
}

static int64_t int_size(value v)
{
    if (v.kind == V_OBJ)
        return 24 + 4 * (int64_t)((mpz_sizeinbase(((bigint *)v.o)->z, 2) + 29) / 30);
    uint64_t u = v.i < 0 ? -(uint64_t)v.i : (uint64_t)v.i;
    return 24 + 4 * (u >> 60 ? 3 : u >> 30 ? 2 : 1);
}

/* CPython's own sizes: what programs print to compare containers. -1: not one of these */
static int64_t size_of(value v)
{
    if (is_none(v)) return 16;
    if (v.kind == V_FLOAT) return 24;
    if (v.kind == V_INT || v.kind == V_BOOL) return int_size(v);
    if (v.kind != V_OBJ) return -1;
    const type *t = v.o->type;
    const set *s = as_set(v);
    size_t n;
    if (t == &T_int) return int_size(v);
    if (t == &T_str) return text_size((str *)v.o);
    if (t == &T_list) return 56 + 8 * ((list *)v.o)->cap;
    if (t == &T_tuple) return 40 + 8 * ((tuple *)v.o)->n;
    if (t == &T_dict) return dict_size((dict *)v.o);
    if (t == &T_set || t == &T_frozenset)
        return s->mask < 8 ? 216 : 216 + 16 * ((int64_t)s->mask + 1);
    if (t == &T_bytes) return bytes_peek(v, &n) ? 33 + (int64_t)n : -1;
    return t == &T_range ? 48 : t == &T_complex ? 32 : t == &T_function ? 152 : -1;
}

static value getsizeof(interp *in, const value *arg)
{
    value f;
    int64_t n = size_of(arg[0]);
    if (n >= 0) return v_int(n);
    int has = value_findattr(in, arg[0], "__sizeof__", &f);
    if (has <= 0) return has ? FAIL : v_int(type_of(in, arg[0])->size);
    value r = call_n(in, f, 0);
    value_unref(in, f);
    bool gc = arg[0].kind == V_OBJ && arg[0].o->flags & OBJ_GC; /* the head in front counts */
    return r.kind == V_INT && gc ? v_int(r.i + 16) : r;
}

static value getrefcount(interp *in, const value *arg)
{
    (void)in;
    return v_int(arg[0].kind == V_OBJ ? (int64_t)arg[0].o->rc + 1 : 1000000000);
}

static value intern(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    if (!s)
        return throw(in, TypeError, "intern() argument must be str, not %s",
                     type_of(in, arg[0])->name);
    return v_obj(str_intern(in, s->at, s->nbyte));
}

static value utf8(interp *in, const value *arg)
{
    (void)arg;
    return v_str(in, "utf-8");
}

static value no(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_bool(false);
}

static const builtin functions[] = {
    {"exit(status=<unset>, /)", leave, "Ends the program: raises SystemExit(status)."},
    {"exc_info()", exc_info,
     "(type, value, traceback) of the exception that is being handled, or three times None."},
    {"_getframe(depth=0, /)", getframe, "The frame that runs, or one depth calls further out."},
    {"getrecursionlimit()", getrecursionlimit, "How deep calls may be."},
    {"setrecursionlimit(limit, /)", setrecursionlimit,
     "Set the maximum depth of calls of Python functions."},
    {"get_int_max_str_digits()", get_digits,
     "How many digits int() and str() take; 0 is no bound."},
    {"set_int_max_str_digits(maxdigits)", set_digits,
     "Sets how many digits int() and str() take; 0 is no bound."},
    {"getsizeof(object, default=<unset>)", getsizeof, "How many bytes an object takes up."},
    {"getrefcount(object, /)", getrefcount, "From how many places an object is held."},
    {"intern(string, /)", intern, "The one string of this text that all share."},
    {"getdefaultencoding()", utf8, "Return the current default encoding."},
    {"getfilesystemencoding()", utf8, "Return the encoding used for file names."},
    {"is_finalizing()", no, "Is the program on its way out?"},
    {0},
};

/* ---- constants ---- */

static bool put_str(interp *in, module *m, const char *name, const char *text)
{
    return module_put(in, m, name, v_str(in, text));
}

static bool put_streams(interp *in, module *m)
{
    static const char *const name[] = {"stdin", "stdout", "stderr"};
    static const char *const shown[] = {"<stdin>", "<stdout>", "<stderr>"};
    for (int fd = 0; fd < 3; fd++) {
        value f = file_std(in, fd, shown[fd]);
        char original[32];
        snprintf(original, sizeof original, "__%s__", name[fd]);
        if (!module_put(in, m, original, value_ref(f)) || !module_put(in, m, name[fd], f))
            return false;
    }
    return true;
}

static bool put_interpreter(interp *in, module *m)
{
    if (!in->argv && !(in->argv = list_new(in, 0))) return false;
    if (!in->argv->n && !list_add(in, in->argv, v_str(in, ""))) return false;
    if (!in->path && !(in->path = list_new(in, 0))) return false;
    return module_put(in, m, "modules", v_obj(obj_ref(in->modules))) &&
           module_put(in, m, "argv", v_obj(obj_ref(in->argv))) &&
           module_put(in, m, "path", v_obj(obj_ref(in->path)));
}

static value module_names(interp *in)
{
    tuple *t = tuple_pack(in, 3, v_str(in, "builtins"), v_str(in, "sys"), v_str(in, "itertools"));
    return v_obj(t);
}

static bool put_records(interp *in, module *m)
{
    return module_put(in, m, "version_info", version_info(in)) &&
           module_put(in, m, "float_info", float_info(in)) &&
           module_put(in, m, "int_info",
                      record_new(in, &T_int_info, 4, v_int(30), v_int(4), v_int(DIGITS),
                                 v_int(DIGITS_MIN))) &&
           module_put(in, m, "hash_info",
                      record_new(in, &T_hash_info, 6, v_int(64), v_int(((int64_t)1 << 61) - 1),
                                 v_int(314159), v_int(0), v_int(1000003), v_str(in, "siphash13")));
}

static bool put_about(interp *in, module *m)
{
    return module_put(in, m, "implementation",
                      record_new(in, &T_implementation, 4, v_str(in, "dsk"), v_str(in, "dsk"),
                                 version_info(in), v_int(0x030b02f0))) &&
           module_put(
               in, m, "flags",
               record_new(in, &T_flags, 5, v_int(0), v_int(0), v_int(0), v_int(0), v_int(0)));
}

static bool open_sys(interp *in, module *m)
{
    return put_about(in, m) && put_interpreter(in, m) && put_streams(in, m) && put_records(in, m) &&
           put_str(in, m, "version", "3.11.2 (dsk " DSK_VERSION ") [GCC " __VERSION__ "]") &&
           put_str(in, m, "platform", "linux") && put_str(in, m, "byteorder", "little") &&
           put_str(in, m, "executable", "/proc/self/exe") && put_str(in, m, "prefix", "/usr") &&
           put_str(in, m, "exec_prefix", "/usr") && put_str(in, m, "base_prefix", "/usr") &&
           put_str(in, m, "float_repr_style", "short") &&
           put_str(in, m, "copyright", "dsk " DSK_VERSION) && put_str(in, m, "ps1", ">>> ") &&
           put_str(in, m, "ps2", "... ") && module_put(in, m, "maxsize", v_int(INT64_MAX)) &&
           module_put(in, m, "maxunicode", v_int(0x10ffff)) &&
           module_put(in, m, "hexversion", v_int(0x030b02f0)) &&
           module_put(in, m, "api_version", v_int(1013)) &&
           module_put(in, m, "dont_write_bytecode", v_bool(true)) &&
           module_put(in, m, "warnoptions", v_obj(list_new(in, 0))) &&
           module_put(in, m, "builtin_module_names", module_names(in));
}

const module_def sys_def = {
    .name = "sys",
    .doc = "What the program knows about itself: arguments, path, modules, streams, limits.",
    .table = functions,
    .open = open_sys,
};
