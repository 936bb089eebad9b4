/* stdlib/core/pickle_read.c - the bytes of pickle as values; `other` (stdlib/dsk/pickle) is called
 * for the letters of what is no plain data.  And the module _pickle. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "lang/types/dict.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"
#include "stdlib/core/pickle.h"

typedef struct reader {
    obj hdr;
    value other, error, data; /* error: raised when bytes are missing; data: what `at` is in */
    const char *at, *end;
    list *seen;
} reader;

static value get(interp *in, reader *r);

static value truncated(interp *in, const reader *r)
{
    value text = v_str(in, "pickle data was truncated");
    value e = is_fail(text) ? FAIL : value_call(in, r->error, &text, 1, NULL);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, text), value_unref(in, e);
    return FAIL;
}

static bool get_size(interp *in, reader *r, size_t each, size_t *out)
{
    uint64_t n = 0;
    if (r->end - r->at < 8) return truncated(in, r), false;
    for (int i = 0; i < 8; i++) n |= (uint64_t)(unsigned char)r->at[i] << 8 * i;
    r->at += 8;
    if (n > (uint64_t)(r->end - r->at) / each) return truncated(in, r), false;
    *out = (size_t)n;
    return true;
}

static const char *get_raw(interp *in, reader *r, size_t *n)
{
    if (!get_size(in, r, 1, n)) return NULL;
    const char *s = r->at;
    r->at += *n;
    return s;
}

/* Gives a value the next number, and back. */
static value kept(interp *in, reader *r, value v)
{
    if (!is_fail(v) && list_append(in, r->seen, v)) return v;
    value_unref(in, v);
    return FAIL;
}

static value get_int(interp *in, reader *r)
{
    size_t n;
    const char *s = get_raw(in, r, &n);
    uint64_t u = s && n && s[n - 1] < 0 ? ~UINT64_C(0) : 0;
    if (!s) return FAIL;
    if (n > 8) { /* int.from_bytes(data, 'little', signed=True) */
        value name = v_str(in, "signed"), data = v_obj(bytes_new(in, s, n));
        value f = value_getattr_c(in, v_type(&T_int), "from_bytes");
        tuple *kw = tuple_pack(in, 1, name);
        value arg[] = {data, v_str(in, "little"), v_bool(true)};
        value v = kw && !is_fail(f) && !is_fail(data) ? value_call(in, f, arg, 2, kw) : FAIL;
        value_unref(in, f), value_unref(in, data), value_unref(in, arg[1]), obj_unref(in, kw);
        return v;
    }
    for (size_t i = n; i--;) u = u << 8 | (unsigned char)s[i];
    return v_int((int64_t)u);
}

static value get_float(interp *in, reader *r)
{
    double f;
    if (r->end - r->at < (ptrdiff_t)sizeof f) return truncated(in, r);
    memcpy(&f, r->at, sizeof f);
    r->at += sizeof f;
    return v_float(f);
}

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0) return false;
    return true;
}

static value get_str(interp *in, reader *r)
{
    size_t n;
    const char *s = get_raw(in, r, &n);
    if (!s) return FAIL;
    if (is_ascii(s, n)) return v_obj(str_new(in, s, n));
    value data = v_obj(bytes_new(in, s, n)), code = v_str(in, "utf-8"),
          how = v_str(in, "surrogatepass");
    value v = is_fail(data) || is_fail(code) || is_fail(how)
                  ? FAIL
                  : call_method(in, data, "decode", 2, code, how);
    value_unref(in, data), value_unref(in, code), value_unref(in, how);
    return v;
}

static value get_bytes(interp *in, reader *r, bool array)
{
    size_t n;
    const char *s = get_raw(in, r, &n);
    if (!s) return FAIL;
    return array ? v_obj(bytearray_new(in, s, n)) : v_obj(bytes_new(in, s, n));
}

/* ---- containers ---- */

static value get_list(interp *in, reader *r)
{
    size_t n;
    if (!get_size(in, r, 1, &n)) return FAIL;
    value v = kept(in, r, v_obj(list_new(in, (int64_t)n)));
    for (size_t i = 0; i < n && !is_fail(v); i++)
        if (!goes_on(in, i) || !list_add(in, as_list(v), get(in, r))) value_unref(in, v), v = FAIL;
    return v;
}

static bool get_pair(interp *in, reader *r, dict *d)
{
    value k = get(in, r), v = is_fail(k) ? FAIL : get(in, r);
    bool ok = !is_fail(v) && dict_set(in, d, k, v);
    value_unref(in, k), value_unref(in, v);
    return ok;
}

static value get_dict(interp *in, reader *r)
{
    size_t n;
    if (!get_size(in, r, 2, &n)) return FAIL;
    value v = kept(in, r, v_obj(dict_new(in)));
    for (size_t i = 0; i < n && !is_fail(v); i++)
        if (!goes_on(in, i) || !get_pair(in, r, as_dict(v))) value_unref(in, v), v = FAIL;
    return v;
}

static bool get_members(interp *in, reader *r, set *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        value v = get(in, r);
        bool ok = !is_fail(v) && goes_on(in, i) && set_add(in, s, v);
        value_unref(in, v);
        if (!ok) return false;
    }
    return true;
}

static value get_set(interp *in, reader *r, bool frozen)
{
    size_t n;
    if (!get_size(in, r, 1, &n)) return FAIL;
    set *s = set_new(in, frozen);
    value v = frozen ? v_obj(s) : kept(in, r, v_obj(s));
    if (is_fail(v) || get_members(in, r, s, n)) return v;
    value_unref(in, v);
    return FAIL;
}

static value get_tuple(interp *in, reader *r)
{
    size_t n;
    tuple *t = get_size(in, r, 1, &n) ? tuple_new(in, (int64_t)n) : NULL;
    for (size_t i = 0; t && i < n; i++) {
        value v = goes_on(in, i) ? get(in, r) : FAIL;
        if (is_fail(v))
            obj_unref(in, t), t = NULL;
        else
            t->at[i] = v;
    }
    return v_obj(t);
}

static value get_again(interp *in, reader *r)
{
    uint64_t n = 0;
    if (r->end - r->at < 8) return truncated(in, r);
    for (int i = 0; i < 8; i++) n |= (uint64_t)(unsigned char)r->at[i] << 8 * i;
    r->at += 8;
    if (n < (uint64_t)r->seen->n) return value_ref(r->seen->at[n]);
    return throw(in, ValueError, "memo value %llu not found", (unsigned long long)n);
}

static value numbered(interp *in, reader *r, value v)
{
    if (is_fail(v) || r->at == r->end)
        return value_unref(in, v), throwing(in) ? FAIL : truncated(in, r);
    char letter = *r->at++;
    if (letter == P_NEW) return kept(in, r, v);
    if (letter != P_OLD) return v; /* '?', as was once written: made twice */
    value_unref(in, v);
    return get_again(in, r);
}

static value get_other(interp *in, reader *r, const char *letter)
{
    value arg[] = {{.kind = V_OBJ, .o = &r->hdr}, v_obj(bytes_new(in, letter, 1))};
    value v = is_fail(arg[1]) ? FAIL : value_call(in, r->other, arg, 2, NULL);
    value_unref(in, arg[1]);
    return v;
}

static value get_deep(interp *in, reader *r, const char *letter)
{
    if (!check_stack(in)) return FAIL;
    switch (*letter) {
    case P_LIST: return get_list(in, r);
    case P_DICT: return get_dict(in, r);
    case P_SET: return get_set(in, r, false);
    case P_TUPLE: return numbered(in, r, get_tuple(in, r));
    case P_FROZENSET: return numbered(in, r, get_set(in, r, true));
    default: return get_other(in, r, letter);
    }
}

static value get(interp *in, reader *r)
{
    if (r->at == r->end) return throw(in, EOFError, "Ran out of input");
    const char *letter = r->at++;
    switch (*letter) {
    case P_NONE: return NONE;
    case P_TRUE:
    case P_FALSE: return v_bool(*letter == P_TRUE);
    case P_INT: return get_int(in, r);
    case P_FLOAT: return get_float(in, r);
    case P_STR: return kept(in, r, get_str(in, r));
    case P_BYTES:
    case P_BYTEARRAY: return kept(in, r, get_bytes(in, r, *letter == P_BYTEARRAY));
    case P_AGAIN: return get_again(in, r);
    default: return get_deep(in, r, letter);
    }
}

/* ---- for `other` ---- */

static reader *reader_of(value v)
{
    return (reader *)(void *)v.o;
}

static value method_get(interp *in, const value *arg)
{
    return get(in, reader_of(arg[0]));
}

static value method_raw(interp *in, const value *arg)
{
    return get_bytes(in, reader_of(arg[0]), false);
}

static value method_keep(interp *in, const value *arg)
{
    return kept(in, reader_of(arg[0]), value_ref(arg[1]));
}

static value method_reserve(interp *in, const value *arg)
{
    reader *r = reader_of(arg[0]);
    return list_append(in, r->seen, NONE) ? v_int(r->seen->n - 1) : FAIL;
}

static value method_place(interp *in, const value *arg)
{
    reader *r = reader_of(arg[0]);
    int64_t i = arg[1].kind == V_INT ? arg[1].i : -1;
    if (i < 0 || i >= r->seen->n) return throw(in, IndexError, "no such place: %lld", (long long)i);
    value old = r->seen->at[i];
    r->seen->at[i] = value_ref(arg[2]);
    value_unref(in, old);
    return NONE;
}

static void drop(interp *in, obj *o)
{
    reader *r = (reader *)(void *)o;
    value_unref(in, r->other);
    value_unref(in, r->error);
    value_unref(in, r->data);
    obj_unref(in, r->seen);
}

static const builtin reader_table[] = {
    {"get(self, /)", method_get, "The next value."},
    {"raw(self, /)", method_raw, "How many bytes, and these."},
    {"keep(self, value, /)", method_keep, "The value, which gets the next number."},
    {"reserve(self, /)", method_reserve, "The next number, for place()."},
    {"place(self, number, value, /)", method_place, "What the number stands for."},
    {0},
};

const type T_pickle_reader = {
    TYPE_HEAD,
    .name = "Reader",
    .module = "_pickle",
    .size = sizeof(reader),
    .table = reader_table,
    .drop = drop,
};

value pickle_read(interp *in, const value *arg)
{
    size_t n;
    int64_t start;
    const char *s =
        arg[0].kind == V_OBJ && arg[0].o->type == &T_bytes ? bytes_peek(arg[0], &n) : NULL;
    if (!s) return throw(in, TypeError, "bytes are wanted, not '%s'", type_of(in, arg[0])->name);
    if (!to_int64(in, arg[1], &start)) return FAIL;
    if (start < 0 || start > (int64_t)n)
        return throw(in, ValueError, "no such place in %zu bytes: %lld", n, (long long)start);
    reader *r = obj_new(in, &T_pickle_reader, 0);
    if (!r) return FAIL;
    r->data = value_ref(arg[0]);
    r->other = value_ref(arg[2]);
    r->error = value_ref(arg[3]);
    r->at = s + start;
    r->end = s + n;
    r->seen = list_new(in, 0);
    value v = r->seen ? get(in, r) : FAIL;
    obj_unref(in, r);
    return v;
}

static const builtin functions[] = {
    {"dumps(value, other, /)", pickle_write,
     "The value as bytes; other(writer, x) writes what is no plain data."},
    {"loads(data, start, other, error, /)", pickle_read,
     "The value of bytes from start on; other(reader, letter) reads what is no plain data, and "
     "error(text) is raised when bytes are missing."},
    {0},
};

const module_def pickle_def = {
    .name = "_pickle", .doc = "Plain data as bytes and back.", .table = functions};
