/* stdlib/core/pickle_write.c - plain data as the bytes of pickle; `other` (stdlib/dsk/pickle) is
 * called for whatever is no plain data, and writes it with the writer's methods. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "lang/types/dict.h"
#include "lang/types/num.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"
#include "stdlib/core/pickle.h"

typedef struct writer {
    obj hdr;
    strbuf out;
    value other;
    /* What has been written, by its number; slot: a hash table of these, 1 more than each */
    value *seen;
    uint32_t *slot;
    int64_t nseen, cap, nslot;
} writer;

static bool put(interp *in, writer *w, value v);

/* ---- what has been written ---- */

static int64_t slot_of(const writer *w, const obj *o)
{
    uint64_t at = (uint64_t)(uintptr_t)o >> 4;
    int64_t i = (int64_t)((at ^ at >> 15) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (w->nslot - 1);
    while (w->slot[i] && w->seen[w->slot[i] - 1].o != o) i = (i + 1) & (w->nslot - 1);
    return i;
}

static int64_t number_of(const writer *w, const obj *o) /* -1: none */
{
    return w->nslot ? (int64_t)w->slot[slot_of(w, o)] - 1 : -1;
}

static bool more_room(interp *in, writer *w)
{
    int64_t cap = w->cap ? 2 * w->cap : 32;
    value *seen = lang_grow(in, w->seen, cap, sizeof *seen);
    if (!seen) return false;
    w->seen = seen;
    uint32_t *slot = lang_grow(in, NULL, 2 * cap, sizeof *slot);
    if (!slot) return false;
    memset(slot, 0, (size_t)(2 * cap) * sizeof *slot);
    mem_free(w->slot);
    w->slot = slot;
    w->cap = cap;
    w->nslot = 2 * cap;
    for (int64_t i = 0; i < w->nseen; i++)
        if (w->seen[i].kind == V_OBJ) slot[slot_of(w, w->seen[i].o)] = (uint32_t)i + 1;
    return true;
}

/* What is remembered again goes by its last number: the reader counts it again, too. */
static bool remember(interp *in, writer *w, value v)
{
    if (w->nseen == w->cap && !more_room(in, w)) return false;
    w->seen[w->nseen++] = value_ref(v);
    if (v.kind == V_OBJ) w->slot[slot_of(w, v.o)] = (uint32_t)w->nseen;
    return true;
}

/* ---- parts ---- */

static void put_size(writer *w, uint64_t n)
{
    char b[8];
    for (int i = 0; i < 8; i++) b[i] = (char)(n >> 8 * i);
    sb_add(&w->out, b, sizeof b);
}

static bool put_raw(writer *w, char letter, const char *s, size_t n)
{
    sb_addc(&w->out, letter);
    put_size(w, n);
    sb_add(&w->out, s, n);
    return true;
}

static bool put_int(writer *w, int64_t i)
{
    char b[9] = {0};
    int bits = i ? 64 - __builtin_clzll(i < 0 ? -(uint64_t)i : (uint64_t)i) : 0;
    for (int k = 0; k < 8; k++) b[k] = (char)((uint64_t)i >> 8 * k);
    b[8] = i < 0 ? (char)0xff : 0;
    return put_raw(w, P_INT, b, (size_t)(bits / 8 + 1));
}

static bool put_float(writer *w, double f)
{
    sb_addc(&w->out, P_FLOAT);
    sb_add(&w->out, (const char *)&f, sizeof f);
    return true;
}

/* ---- containers ---- */

static bool changed(interp *in, const char *what)
{
    throw(in, RuntimeError, "%s changed size during iteration", what);
    return false;
}

static bool put_list(interp *in, writer *w, list *l)
{
    int64_t n = l->n;
    sb_addc(&w->out, P_LIST);
    put_size(w, (uint64_t)n);
    for (int64_t i = 0; i < n; i++) {
        if (l->n != n) return changed(in, "list");
        value item = value_ref(l->at[i]);
        bool ok = goes_on(in, (size_t)i) && put(in, w, item);
        value_unref(in, item);
        if (!ok) return false;
    }
    return true;
}

static bool put_dict(interp *in, writer *w, dict *d)
{
    int64_t n = d->n, done = 0;
    value k, v;
    sb_addc(&w->out, P_DICT);
    put_size(w, (uint64_t)n);
    for (int64_t i = 0; dict_next(d, &i, &k, &v); done++) {
        if (d->n != n || done == n) return changed(in, "dictionary");
        value_ref(k), value_ref(v);
        bool ok = goes_on(in, (size_t)i) && put(in, w, k) && put(in, w, v);
        value_unref(in, k), value_unref(in, v);
        if (!ok) return false;
    }
    return done == n || changed(in, "dictionary");
}

static bool put_tuple(interp *in, writer *w, char letter, const tuple *t)
{
    sb_addc(&w->out, letter);
    put_size(w, (uint64_t)t->n);
    for (int64_t i = 0; i < t->n; i++)
        if (!goes_on(in, (size_t)i) || !put(in, w, t->at[i])) return false;
    return true;
}

/* tuple and frozenset come after their items: one that holds itself was written among these. */
static bool put_fixed(interp *in, writer *w, char letter, const tuple *items, value self)
{
    if (!put_tuple(in, w, letter, items)) return false;
    int64_t number = number_of(w, self.o);
    sb_addc(&w->out, number >= 0 ? P_OLD : P_NEW);
    if (number < 0) return remember(in, w, self);
    return put_size(w, (uint64_t)number), true;
}

static bool put_set(interp *in, writer *w, value v)
{
    tuple *t = tuple_of(in, v);
    bool ok = t && (v.o->type == &T_set ? remember(in, w, v) && put_tuple(in, w, P_SET, t)
                                        : put_fixed(in, w, P_FROZENSET, t, v));
    obj_unref(in, t);
    return ok;
}

static bool put_other(interp *in, writer *w, value v)
{
    value arg[] = {{.kind = V_OBJ, .o = &w->hdr}, v};
    value r = value_call(in, w->other, arg, 2, NULL);
    value_unref(in, r);
    return !is_fail(r);
}

static bool put_bytes(interp *in, writer *w, char letter, value v)
{
    size_t n;
    const char *s = bytes_peek(v, &n);
    return remember(in, w, v) && put_raw(w, letter, s, n);
}

static bool put_object(interp *in, writer *w, value v)
{
    const type *t = v.o->type;
    int64_t number = number_of(w, v.o);
    if (number >= 0) {
        sb_addc(&w->out, P_AGAIN);
        return put_size(w, (uint64_t)number), true;
    }
    if (t == &T_str) {
        const str *s = (const str *)(const void *)v.o;
        return remember(in, w, v) && put_raw(w, P_STR, s->at, s->nbyte);
    }
    if (t == &T_bytes) return put_bytes(in, w, P_BYTES, v);
    if (t == &T_bytearray) return put_bytes(in, w, P_BYTEARRAY, v);
    if (!check_stack(in)) return false;
    if (t == &T_tuple) return put_fixed(in, w, P_TUPLE, as_tuple(v), v);
    if (t == &T_list) return remember(in, w, v) && put_list(in, w, as_list(v));
    if (t == &T_dict) return remember(in, w, v) && put_dict(in, w, as_dict(v));
    if (t == &T_set || t == &T_frozenset) return put_set(in, w, v);
    return put_other(in, w, v);
}

static bool put(interp *in, writer *w, value v)
{
    switch (v.kind) {
    case V_NONE: return sb_addc(&w->out, P_NONE), true;
    case V_BOOL: return sb_addc(&w->out, v.i ? P_TRUE : P_FALSE), true;
    case V_INT: return put_int(w, v.i);
    case V_FLOAT: return put_float(w, v.f);
    case V_OBJ: return put_object(in, w, v);
    default: return put_other(in, w, v);
    }
}

/* ---- for `other` ---- */

static writer *writer_of(value v)
{
    return (writer *)(void *)v.o;
}

static value method_put(interp *in, const value *arg)
{
    return put(in, writer_of(arg[0]), arg[1]) ? NONE : FAIL;
}

static value method_remember(interp *in, const value *arg)
{
    return remember(in, writer_of(arg[0]), arg[1]) ? NONE : FAIL;
}

static bool letter_of(interp *in, value v, char *out)
{
    size_t n = 0;
    const char *s = bytes_peek(v, &n);
    if (s && n == 1) return *out = *s, true;
    throw(in, TypeError, "a letter is one byte, not %s of %zu", type_of(in, v)->name, n);
    return false;
}

static value method_letter(interp *in, const value *arg)
{
    char c;
    if (!letter_of(in, arg[1], &c)) return FAIL;
    return sb_addc(&writer_of(arg[0])->out, c), NONE;
}

static value method_raw(interp *in, const value *arg)
{
    char c;
    size_t n;
    if (!letter_of(in, arg[1], &c)) return FAIL;
    const char *s = bytes_peek(arg[2], &n);
    if (!s)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[2])->name);
    return put_raw(writer_of(arg[0]), c, s, n), NONE;
}

static void drop(interp *in, obj *o)
{
    writer *w = (writer *)(void *)o;
    sb_clear(&w->out);
    value_unref(in, w->other);
    for (int64_t i = 0; i < w->nseen; i++) value_unref(in, w->seen[i]);
    mem_free(w->seen);
    mem_free(w->slot);
}

static const builtin writer_table[] = {
    {"put(self, value, /)", method_put, "Writes a value."},
    {"remember(self, value, /)", method_remember, "Gives the value the next number."},
    {"letter(self, letter, /)", method_letter, "Writes one byte."},
    {"raw(self, letter, data, /)", method_raw, "Writes a letter, how many bytes, and these."},
    {0},
};

const type T_pickle_writer = {
    TYPE_HEAD,
    .name = "Writer",
    .module = "_pickle",
    .size = sizeof(writer),
    .table = writer_table,
    .drop = drop,
};

value pickle_write(interp *in, const value *arg)
{
    writer *w = obj_new(in, &T_pickle_writer, 0);
    if (!w) return FAIL;
    w->other = value_ref(arg[1]);
    value v = put(in, w, arg[0]) ? v_obj(bytes_new(in, sb_text(&w->out), w->out.n)) : FAIL;
    obj_unref(in, w);
    return v;
}
