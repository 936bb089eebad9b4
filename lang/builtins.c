/* lang/builtins.c - builtin functions that look at one object; and the namespace itself. */
#include "lang/builtins.h"

#include <string.h>

#include "engine/base/str.h"
#include "lang/frame.h"
#include "lang/interp.h"
#include "lang/types/alias.h"
#include "lang/types/iter.h"
#include "lang/types/klass.h"
#include "lang/types/memview.h"
#include "lang/types/module.h"

/* ---- values ---- */

static value id(interp *in, const value *arg)
{
    value v = arg[0];
    if (v.kind == V_OBJ) return v_int((int64_t)(intptr_t)v.o);
    uint64_t h = (v.bits ^ v.bits >> 29) * 0x9E3779B97F4A7C15u + v.kind;
    (void)in;
    return v_int((int64_t)(h >> 17 & 0x7fffffffffff0));
}

static value hash(interp *in, const value *arg)
{
    uint64_t h;
    return value_hash(in, arg[0], &h) ? v_int((int64_t)h) : FAIL;
}

static value repr(interp *in, const value *arg)
{
    return v_obj(value_repr(in, arg[0]));
}

/* One code point from valid UTF-8. */
static unsigned next_char(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    int n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    unsigned c = n == 1 ? *p : *p & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++) c = c << 6 | (p[i] & 0x3f);
    *s += n;
    return c;
}

static value ascii(interp *in, const value *arg)
{
    str *s = value_repr(in, arg[0]);
    if (!s || s->nbyte == s->nchar) return v_obj(s);
    strbuf b = {0};
    for (const char *p = s->at, *end = s->at + s->nbyte; p < end;) {
        unsigned c = next_char(&p);
        if (c < 128)
            sb_addc(&b, (char)c);
        else
            sb_addf(&b, c < 256 ? "\\x%02x" : c < 65536 ? "\\u%04x" : "\\U%08x", c);
    }
    obj_unref(in, s);
    size_t n;
    char *text = sb_take(&b, &n);
    return v_obj(str_take(in, text, n));
}

static value format(interp *in, const value *arg)
{
    str *spec = as_str(arg[1]);
    if (!spec)
        return throw(in, TypeError, "format() argument 2 must be str, not %s",
                     type_of(in, arg[1])->name);
    return v_obj(value_format(in, arg[0], spec));
}

static value len(interp *in, const value *arg)
{
    int64_t n = value_len(in, arg[0]);
    return n < 0 ? FAIL : v_int(n);
}

static value callable(interp *in, const value *arg)
{
    return v_bool(value_callable(in, arg[0]));
}

/* ---- numbers and characters ---- */

/* "-0x1f": 2 to the power `shift` is the base that `letter` stands for. */
static value digits_of(interp *in, int64_t i, char letter, unsigned shift)
{
    char text[72], *p = text + sizeof text;
    uint64_t u = i < 0 ? -(uint64_t)i : (uint64_t)i;
    *--p = '\0';
    do {
        *--p = "0123456789abcdef"[u & ((1u << shift) - 1)];
        u >>= shift;
    } while (u);
    *--p = letter;
    *--p = '0';
    if (i < 0) *--p = '-';
    return v_str(in, p);
}

static value int_text(interp *in, value v, const char *spec, unsigned shift)
{
    if (v.kind == V_INT) return digits_of(in, v.i, spec[1], shift);
    value i = value_unary(in, OP_INDEX, v);
    if (is_fail(i)) return FAIL;
    if (is_bigint(i)) {
        str *text = int_bits_text(in, i, shift, spec[1]);
        value_unref(in, i);
        return v_obj(text);
    }
    str *f = str_of(in, spec);
    str *s = f ? value_format(in, i, f) : NULL;
    obj_unref(in, f);
    value_unref(in, i);
    return v_obj(s);
}

static value bin(interp *in, const value *arg)
{
    return int_text(in, arg[0], "#b", 1);
}

static value oct(interp *in, const value *arg)
{
    return int_text(in, arg[0], "#o", 3);
}

static value hex(interp *in, const value *arg)
{
    return int_text(in, arg[0], "#x", 4);
}

static value chr(interp *in, const value *arg)
{
    int64_t c;
    if (!to_int64(in, arg[0], &c)) return FAIL;
    if (c < 0 || c > 0x10ffff) return throw(in, ValueError, "chr() arg not in range(0x110000)");
    return v_obj(str_char(in, (uint32_t)c));
}

static value ord(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    int64_t n;
    if (s && s->nchar == 1) {
        const char *p = s->at;
        return v_int(next_char(&p));
    }
    if (s)
        n = (int64_t)s->nchar;
    else if (as_obj(arg[0], &T_bytes) || as_obj(arg[0], &T_bytearray)) {
        if ((n = value_len(in, arg[0])) == 1) return value_getitem(in, arg[0], v_int(0));
    } else
        return throw(in, TypeError, "ord() expected string of length 1, but %s found",
                     type_of(in, arg[0])->name);
    return throw(in, TypeError, "ord() expected a character, but string of length %lld found",
                 (long long)n);
}

/* ---- classes ---- */

typedef int (*class_test)(interp *in, value v, value cls);

/* f for a class, or any of a tuple or union of them: 1 0 -1 */
static int any_class(interp *in, value v, value cls, class_test f, const char *complaint)
{
    tuple *t = as_tuple(cls);
    if (!t) t = union_args(cls);
    if (!t) return f(in, v, cls);
    if (!check_stack(in)) return -1;
    for (int64_t i = 0; i < t->n; i++) {
        int r = any_class(in, v, t->at[i], f, complaint);
        if (r) return r;
    }
    return 0;
}

/* What the method of cls's own class answers: 1 0 -1 */
static int ask_class(interp *in, value v, value cls, str *method, const char *complaint)
{
    value hook = type_lookup(in, type_of(in, cls), method);
    if (is_fail(hook)) return THROWN(in, TypeError, "%s", complaint);
    value_ref(hook);
    value r = call_n(in, hook, 2, cls, v);
    value_unref(in, hook);
    int yes = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return yes;
}

static const char INSTANCE_COMPLAINT[] =
    "isinstance() arg 2 must be a type, a tuple of types, or a union";
static const char SUBCLASS_COMPLAINT[] =
    "issubclass() arg 2 must be a class, a tuple of classes, or a union";

/* Does v say with a __class__ of its own that it is one of those? */
static int claims(interp *in, value v, const type *t)
{
    if (v.kind != V_OBJ || !(v.o->type->flags & (TYPE_HEAP | TYPE_CLAIMS))) return 0;
    value own = type_lookup(in, v.o->type, in->name.__class__);
    if (value_same(own, type_lookup(in, &T_object, in->name.__class__))) return 0;
    value said = value_getattr(in, v, in->name.__class__);
    if (is_fail(said)) return -1;
    int yes = as_type(said) && type_is_sub(as_type(said), t);
    value_unref(in, said);
    return yes;
}

static int is_instance(interp *in, value v, value cls)
{
    const type *t = as_type(cls);
    if (t && type_of(in, v) == t) return 1;
    if (t && cls.o->type == &T_type) return value_isa(in, v, t) ? 1 : claims(in, v, t);
    return ask_class(in, v, cls, in->name.__instancecheck__, INSTANCE_COMPLAINT);
}

static int is_subclass(interp *in, value v, value cls)
{
    const type *t = as_type(cls);
    if (t && cls.o->type == &T_type && as_type(v)) return type_is_sub(as_type(v), t);
    return ask_class(in, v, cls, in->name.__subclasscheck__, SUBCLASS_COMPLAINT);
}

static value isinstance(interp *in, const value *arg)
{
    int r = any_class(in, arg[0], arg[1], is_instance, INSTANCE_COMPLAINT);
    return r < 0 ? FAIL : v_bool(r);
}

static value issubclass(interp *in, const value *arg)
{
    if (!as_type(arg[0])) return throw(in, TypeError, "issubclass() arg 1 must be a class");
    int r = any_class(in, arg[0], arg[1], is_subclass, SUBCLASS_COMPLAINT);
    return r < 0 ? FAIL : v_bool(r);
}

/* ---- attributes ---- */

static str *attribute_name(interp *in, value v, const char *f)
{
    str *s = as_str(v);
    if (!s) throw(in, TypeError, "attribute name must be string, not '%s'", type_of(in, v)->name);
    (void)f;
    return s;
}

static value getattr(interp *in, const value *arg)
{
    str *name = attribute_name(in, arg[1], "getattr");
    if (!name) return FAIL;
    if (is_fail(arg[2])) return value_getattr(in, arg[0], name);
    value v;
    int have = value_lookattr(in, arg[0], name, &v);
    return have ? v : value_ref(arg[2]);
}

static value setattr(interp *in, const value *arg)
{
    str *name = attribute_name(in, arg[1], "setattr");
    return name && value_setattr(in, arg[0], name, arg[2]) ? NONE : FAIL;
}

static value delattr(interp *in, const value *arg)
{
    str *name = attribute_name(in, arg[1], "delattr");
    return name && value_setattr(in, arg[0], name, FAIL) ? NONE : FAIL;
}

static value hasattr(interp *in, const value *arg)
{
    str *name = attribute_name(in, arg[1], "hasattr");
    if (!name) return FAIL;
    value v;
    int have = value_lookattr(in, arg[0], name, &v);
    if (have > 0) value_unref(in, v);
    return have < 0 ? FAIL : v_bool(have > 0);
}

/* What dir() shows where the type has no rule of its own: of a module only what is in it. */
static value names_of(interp *in, value v)
{
    module *m = as_module(v);
    return v_obj(m ? list_of(in, (value){.kind = V_OBJ, .o = &m->dict->hdr}) : object_dir(in, v));
}

list *value_dir(interp *in, value v)
{
    const type *t = type_of(in, v);
    module *m = as_module(v);
    list *own = m ? module_dir(in, m) : NULL;
    if (!own && throwing(in)) return NULL;
    value names = own          ? v_obj(own)
                  : is_fail(v) ? frame_locals(in, in->frame)
                  : t->dir     ? t->dir(in, v)
                               : names_of(in, v);
    list *l = is_fail(names) ? NULL : list_of(in, names);
    value_unref(in, names);
    if (l && list_sort(in, l, NONE, false)) return l;
    obj_unref(in, l);
    return NULL;
}

static value dir(interp *in, const value *arg)
{
    return v_obj(value_dir(in, arg[0]));
}

static value vars(interp *in, const value *arg)
{
    value d;
    if (is_fail(arg[0])) return frame_locals(in, in->frame);
    int has = value_findattr(in, arg[0], "__dict__", &d);
    if (has > 0) return d;
    return has < 0 ? FAIL : throw(in, TypeError, "vars() argument must have __dict__ attribute");
}

static value globals(interp *in, const value *arg)
{
    (void)arg;
    dict *d = frame_globals(in);
    return d ? v_obj(obj_ref(d)) : v_obj(dict_new(in));
}

static value locals(interp *in, const value *arg)
{
    (void)arg;
    return frame_locals(in, in->frame);
}

/* ---- iterators ---- */

static value iter(interp *in, const value *arg)
{
    if (is_fail(arg[1])) return value_iter(in, arg[0]);
    if (!value_callable(in, arg[0])) return throw(in, TypeError, "iter(v, w): v must be callable");
    return callable_iter_new(in, arg[0], arg[1]);
}

static value next(interp *in, const value *arg)
{
    if (is_fail(arg[1])) return next_or_stop(in, arg[0]);
    value v;
    int r = iter_next(in, arg[0], &v);
    return r ? v : value_ref(arg[1]);
}

// clang-format off
const builtin builtin_functions[] = {
    {"id(obj, /)", id,
     "A number that no other living object has."},
    {"hash(obj, /)", hash,
     "The number by which dicts and sets find the object; equal objects have the same one."},
    {"repr(obj, /)", repr,
     "The object as text for programmers: where it can be, as the source that makes it."},
    {"ascii(obj, /)", ascii,
     "repr(obj) with what is not ASCII written as \\x, \\u or \\U."},
    {"format(value, format_spec='', /)", format,
     "The value as text, in the way that the format and the value's type say."},
    {"len(obj, /)", len, "How many items the object has."},
    {"callable(obj, /)", callable,
     "Whether the object may be called: functions, classes, instances with __call__."},
    {"bin(number, /)", bin,
     "The int in binary digits: bin(10) is '0b1010'."},
    {"oct(number, /)", oct,
     "The int in octal digits: oct(10) is '0o12'."},
    {"hex(number, /)", hex,
     "The int in hexadecimal digits: hex(10) is '0xa'."},
    {"chr(i, /)", chr,
     "The character of a code point, from 0 to 0x10ffff."},
    {"ord(c, /)", ord, "The code point of a character."},
    {"isinstance(obj, class_or_tuple, /)", isinstance,
     "Whether the object is an instance of the class, or of one of a tuple of classes."},
    {"issubclass(cls, class_or_tuple, /)", issubclass,
     "Whether the class is, or inherits from, the other, or one of a tuple of classes."},
    {"getattr(object, name, default=<unset>, /)", getattr,
     "The attribute of that name, as object.name; the default where there is none."},
    {"setattr(obj, name, value, /)", setattr,
     "Sets an attribute by its name: obj.name = value."},
    {"delattr(obj, name, /)", delattr,
     "Deletes an attribute by its name: del obj.name."},
    {"hasattr(obj, name, /)", hasattr,
     "Whether getattr(obj, name) finds something."},
    {"dir(object=<unset>, /)", dir,
     "Show attributes of an object: its own and those of its class; names in scope without one."},
    {"vars(object=<unset>, /)", vars,
     "The names and values of an object, module or class: its __dict__; without one, locals()."},
    {"globals()", globals,
     "The names of this module, in the dict that holds them."},
    {"locals()", locals,
     "The names of this function, as a dict; of the module or class body outside functions."},
    {"iter(object, sentinel=<unset>, /)", iter,
     "An iterator over an object, or over what calls of it return until that equals the sentinel."},
    {"next(iterator, default=<unset>, /)", next,
     "The next item of an iterator; at its end the default, or StopIteration."},
    {0},
};
// clang-format on

/* ---- the namespace ---- */

static const type *const builtin_types[] = {
    &T_object,      &T_type,       &T_bool,      &T_int,       &T_float,    &T_complex,
    &T_str,         &T_bytes,      &T_bytearray, &T_list,      &T_tuple,    &T_dict,
    &T_set,         &T_frozenset,  &T_range,     &T_slice,     &T_property, &T_staticmethod,
    &T_classmethod, &T_super,      &T_reversed,  &T_enumerate, &T_zip,      &T_map,
    &T_filter,      &T_memoryview,
};

static bool put_functions(interp *in, dict *d, const builtin *row)
{
    for (; row->sig; row++) {
        str *name = str_intern(in, row->sig, strcspn(row->sig, "("));
        value f = name ? cfunc_new(in, row, FAIL) : FAIL;
        bool ok = !is_fail(f) && dict_set_str(in, d, name, f);
        value_unref(in, f);
        obj_unref(in, name);
        if (!ok) return false;
    }
    return true;
}

static bool put_exceptions(interp *in, dict *d)
{
    for (int k = BaseException; k < NERR; k++) {
        const type *t = exc_type((enum err_kind)k);
        if (!strcmp(t->module, "builtins") && !dict_put(in, d, t->name, v_type(t))) return false;
    }
    return dict_put(in, d, "IOError", v_type(exc_type(OSError))) &&
           dict_put(in, d, "EnvironmentError", v_type(exc_type(OSError)));
}

bool builtins_open(interp *in, dict *d)
{
    for (size_t i = 0; i < sizeof builtin_types / sizeof *builtin_types; i++)
        if (!dict_put(in, d, builtin_types[i]->name, v_type(builtin_types[i]))) return false;
    return put_functions(in, d, builtin_functions) && put_functions(in, d, builtin_reductions) &&
           put_functions(in, d, builtin_effects) && put_functions(in, d, builtin_async) &&
           put_exceptions(in, d) && dict_put(in, d, "NotImplemented", value_ref(NOTIMPL)) &&
           dict_put(in, d, "Ellipsis", value_ref(ELLIPSIS)) && dict_put(in, d, "None", NONE) &&
           dict_put(in, d, "True", v_bool(true)) && dict_put(in, d, "False", v_bool(false)) &&
           dict_put(in, d, "__debug__", v_bool(true)) &&
           dict_put(in, d, "__name__", v_str(in, "builtins")) &&
           dict_put(in, d, "__doc__", v_str(in, "What every program finds without an import."));
}
