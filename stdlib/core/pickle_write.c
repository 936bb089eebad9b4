/* stdlib/core/pickle_write.c - plain data as a pickle of any protocol, byte for byte CPython's;
 * `other` (stdlib/dsk/pickle) is called for whatever is no plain data, and writes it with the
 * writer's methods. */
#include <stdio.h>
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

enum { BATCH = 1000, FRAME_LEAST = 4, FRAME_MOST = 64 * 1024, FRAME_HEAD = 9 };

typedef struct writer {
    obj hdr;
    strbuf out;
    /* of dump(): other(writer, x); None, or gives the id of what is kept elsewhere */
    value other, persistent;
    int proto;
    bool framing;
    size_t frame; /* where the open frame's head is + 1; 0: none */
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

static bool remember(interp *in, writer *w, value v)
{
    if (w->nseen == w->cap && !more_room(in, w)) return false;
    w->seen[w->nseen++] = value_ref(v);
    if (v.kind == V_OBJ) w->slot[slot_of(w, v.o)] = (uint32_t)w->nseen;
    return true;
}

/* ---- bytes, in frames from protocol 4 on ---- */

static void little(char *to, uint64_t u, int n)
{
    for (int i = 0; i < n; i++) to[i] = (char)(u >> 8 * i);
}

static inline void add(writer *w, const char *s, size_t n)
{
    if (w->framing && !w->frame) {
        w->frame = w->out.n + 1;
        sb_pad(&w->out, 0, FRAME_HEAD);
    }
    if (w->out.n + n >= w->out.cap) {
        sb_add(&w->out, s, n);
        return;
    }
    memcpy(w->out.at + w->out.n, s, n);
    w->out.n += n;
    w->out.at[w->out.n] = 0;
}

static bool op(writer *w, int code)
{
    if (w->framing && !w->frame) {
        char c = (char)code;
        add(w, &c, 1);
    } else {
        sb_addc(&w->out, (char)code);
    }
    return true;
}

/* A frame of less than four bytes is not worth its head. */
static void close_frame(writer *w)
{
    if (!w->frame || w->out.lost) return;
    size_t head = w->frame - 1, n = w->out.n - head - FRAME_HEAD;
    if (n >= FRAME_LEAST) {
        w->out.at[head] = (char)P_FRAME;
        little(w->out.at + head + 1, n, 8);
    } else {
        memmove(w->out.at + head, w->out.at + head + FRAME_HEAD, n);
        w->out.n = head + n;
    }
    w->frame = 0;
}

static void between_values(writer *w)
{
    if (w->frame && w->out.n - (w->frame - 1) - FRAME_HEAD >= FRAME_MOST) close_frame(w);
}

static inline bool op_number(writer *w, int code, uint64_t u, int n)
{
    char b[9] = {(char)code};
    little(b + 1, u, n);
    add(w, b, (size_t)n + 1);
    return true;
}

/* A head and the bytes, which lie outside of frames when they are many. */
static bool op_bytes(writer *w, int code, int width, const char *s, size_t n)
{
    bool apart = n >= FRAME_MOST, framing = w->framing;
    if (apart) {
        close_frame(w);
        w->framing = false;
    }
    op_number(w, code, n, width);
    add(w, s, n);
    w->framing = framing;
    return true;
}

static bool op_text(writer *w, int code, const char *s)
{
    op(w, code);
    add(w, s, strlen(s));
    return op(w, '\n');
}

static bool put_memo(interp *in, writer *w, value v)
{
    char text[24];
    uint64_t i = (uint64_t)w->nseen;
    if (w->proto >= 4)
        op(w, P_MEMOIZE);
    else if (w->proto > 0)
        op_number(w, i < 256 ? P_BINPUT : P_LONG_BINPUT, i, i < 256 ? 1 : 4);
    else {
        snprintf(text, sizeof text, "%llu", (unsigned long long)i);
        op_text(w, P_PUT, text);
    }
    return remember(in, w, v);
}

static bool get_memo(writer *w, int64_t i)
{
    char text[24];
    if (w->proto > 0)
        return op_number(w, i < 256 ? P_BINGET : P_LONG_BINGET, (uint64_t)i, i < 256 ? 1 : 4);
    snprintf(text, sizeof text, "%lld", (long long)i);
    return op_text(w, P_GET, text);
}

/* ---- numbers and texts ---- */

static bool put_long_text(interp *in, writer *w, value v, int code, const char *after)
{
    str *s = value_repr(in, v);
    if (!s) return false;
    op(w, code);
    add(w, s->at, s->nbyte);
    add(w, after, strlen(after));
    obj_unref(in, s);
    return true;
}

static bool put_long(interp *in, writer *w, value v)
{
    if (w->proto < 2) return put_long_text(in, w, v, P_LONG, "L\n");
    mpz_t z;
    if (v.kind == V_INT) {
        mpz_init_set_si(z, (long)v.i);
    } else {
        mpz_init_set(z, ((bigint *)(void *)v.o)->z);
    }
    /* two's complement, low bytes first; one byte more for the sign where it needs one */
    bool negative = mpz_sgn(z) < 0;
    if (negative) mpz_com(z, z);
    size_t n = (mpz_sizeinbase(z, 2) + 8) / 8, got = 0;
    if (mpz_sgn(z) == 0) n = 1;
    char *b = mem_zero(n);
    mpz_export(b, &got, -1, 1, 0, 0, z);
    for (size_t i = 0; negative && i < n; i++) b[i] = (char)~b[i];
    mpz_clear(z);
    op_number(w, n < 256 ? P_LONG1 : P_LONG4, n, n < 256 ? 1 : 4);
    add(w, b, n);
    mem_free(b);
    return true;
}

static bool put_int(interp *in, writer *w, int64_t i)
{
    if (i < INT32_MIN || i > INT32_MAX) return put_long(in, w, v_int(i));
    if (w->proto == 0) return put_long_text(in, w, v_int(i), P_INT, "\n");
    if (i >= 0 && i < 256) return op_number(w, P_BININT1, (uint64_t)i, 1);
    if (i >= 0 && i < 65536) return op_number(w, P_BININT2, (uint64_t)i, 2);
    return op_number(w, P_BININT, (uint64_t)i, 4);
}

static bool put_bool(writer *w, bool b)
{
    if (w->proto >= 2) return op(w, b ? P_NEWTRUE : P_NEWFALSE);
    return op_text(w, P_INT, b ? "01" : "00");
}

static bool put_float(interp *in, writer *w, double f)
{
    if (w->proto == 0) return put_long_text(in, w, v_float(f), P_FLOAT, "\n");
    uint64_t u;
    memcpy(&u, &f, sizeof u);
    return op_number(w, P_BINFLOAT, __builtin_bswap64(u), 8);
}

/* As raw-unicode-escape has it, with what would end the line escaped as well. */
static void add_escaped(writer *w, const char *s, size_t n)
{
    strbuf b = {0};
    for (size_t i = 0; i < n;) {
        unsigned c = (unsigned char)s[i++];
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        if (more) c &= 0x3fu >> more;
        for (; more && i < n; more--) c = c << 6 | ((unsigned char)s[i++] & 0x3f);
        if (c >= 0x10000)
            sb_addf(&b, "\\U%08x", c);
        else if (c >= 256 || c == '\\' || c == 0 || c == '\n' || c == '\r' || c == 0x1a)
            sb_addf(&b, "\\u%04x", c);
        else
            sb_addc(&b, (char)c);
    }
    add(w, sb_text(&b), b.n);
    sb_clear(&b);
}

static bool put_str(interp *in, writer *w, value v)
{
    const str *s = (const str *)(const void *)v.o;
    size_t n = s->nbyte;
    if (w->proto == 0) {
        op(w, P_UNICODE);
        add_escaped(w, s->at, n);
        op(w, '\n');
    } else if (w->proto >= 4 && n < 256) {
        op_bytes(w, P_SHORT_BINUNICODE, 1, s->at, n);
    } else if (n <= UINT32_MAX) {
        op_bytes(w, P_BINUNICODE, 4, s->at, n);
    } else if (w->proto >= 4) {
        op_bytes(w, P_BINUNICODE8, 8, s->at, n);
    } else {
        throw(in, OverflowError,
              "serializing a string larger than 4 GiB requires pickle protocol 4 or higher");
        return false;
    }
    return put_memo(in, w, v);
}

static bool put_bytes(interp *in, writer *w, value v)
{
    size_t n;
    const char *s = bytes_peek(v, &n);
    if (n < 256)
        op_bytes(w, P_SHORT_BINBYTES, 1, s, n);
    else if (n <= UINT32_MAX)
        op_bytes(w, P_BINBYTES, 4, s, n);
    else
        op_bytes(w, P_BINBYTES8, 8, s, n);
    return put_memo(in, w, v);
}

static bool put_bytearray(interp *in, writer *w, value v)
{
    size_t n;
    const char *s = bytes_peek(v, &n);
    op_bytes(w, P_BYTEARRAY8, 8, s, n);
    return put_memo(in, w, v);
}

/* ---- containers ---- */

static bool changed(interp *in, const char *what)
{
    throw(in, RuntimeError, "%s changed size during iteration", what);
    return false;
}

static bool put_counted(interp *in, writer *w, value v)
{
    value_ref(v);
    bool ok = put(in, w, v);
    value_unref(in, v);
    return ok;
}

/* From the ith on at most `most` items of a list, which may change meanwhile. */
static bool put_items(interp *in, writer *w, const list *l, int64_t *i, int64_t most)
{
    for (; most && *i < l->n; ++*i, most--)
        if (!goes_on(in, (size_t)*i) || !put_counted(in, w, l->at[*i])) return false;
    return true;
}

static bool put_list(interp *in, writer *w, list *l, value self)
{
    if (w->proto > 0) {
        op(w, P_EMPTY_LIST);
    } else {
        op(w, P_MARK);
        op(w, P_LIST);
    }
    if (!put_memo(in, w, self)) return false;
    for (int64_t i = 0; i < l->n;) {
        bool one = w->proto == 0 || (l->n == 1 && i == 0);
        if (!one) op(w, P_MARK);
        if (!put_items(in, w, l, &i, one ? 1 : BATCH)) return false;
        op(w, one ? P_APPEND : P_APPENDS);
    }
    return true;
}

static bool put_pair(interp *in, writer *w, value k, value v)
{
    value_ref(k), value_ref(v);
    bool ok = put(in, w, k) && put(in, w, v);
    value_unref(in, k), value_unref(in, v);
    return ok;
}

/* At most `most` pairs from place *i on; their number, or -1. */
static int64_t put_pairs(interp *in, writer *w, dict *d, int64_t *i, int64_t most)
{
    const int64_t n = d->n;
    int64_t done = 0;
    value k, v;
    while (done < most && dict_next(d, i, &k, &v)) {
        if (!goes_on(in, (size_t)*i) || !put_pair(in, w, k, v)) return -1;
        if (d->n != n) return changed(in, "dictionary"), -1;
        done++;
    }
    return done;
}

static bool put_dict(interp *in, writer *w, dict *d, value self)
{
    if (w->proto > 0) {
        op(w, P_EMPTY_DICT);
    } else {
        op(w, P_MARK);
        op(w, P_DICT);
    }
    if (!put_memo(in, w, self)) return false;
    const bool single = w->proto == 0 || d->n == 1;
    int64_t i = 0, left = d->n, most = single ? 1 : BATCH, done = left ? most : 0;
    while (done == most && (!single || left-- > 0)) {
        if (!single) op(w, P_MARK);
        done = put_pairs(in, w, d, &i, most);
        if (done < 0) return false;
        op(w, single ? P_SETITEM : P_SETITEMS);
    }
    return true;
}

/* What was reached within its own items has been written there: these go, and it is taken. */
static bool taken_back(writer *w, value self, int64_t n)
{
    int64_t number = number_of(w, self.o);
    if (number < 0) return false;
    for (int64_t i = 0; i < n; i++) op(w, P_POP);
    return get_memo(w, number);
}

static bool put_tuple(interp *in, writer *w, const tuple *t, value self)
{
    if (t->n == 0 && w->proto > 0) return op(w, P_EMPTY_TUPLE);
    const bool small = t->n && t->n <= 3 && w->proto >= 2;
    if (!small) op(w, P_MARK);
    for (int64_t i = 0; i < t->n; i++)
        if (!goes_on(in, (size_t)i) || !put(in, w, t->at[i])) return false;
    if (t->n == 0) return op(w, P_TUPLE);
    if (small) {
        if (taken_back(w, self, t->n)) return true;
        op(w, P_TUPLE1 + (int)t->n - 1);
    } else if (w->proto > 0 && number_of(w, self.o) >= 0) {
        op(w, P_POP_MARK);
        return get_memo(w, number_of(w, self.o));
    } else {
        if (taken_back(w, self, t->n + 1)) return true;
        op(w, P_TUPLE);
    }
    return put_memo(in, w, self);
}

static bool put_set(interp *in, writer *w, value v)
{
    const set *s = (const set *)(const void *)v.o;
    const int64_t n = s->n;
    tuple *t = tuple_of(in, v);
    op(w, P_EMPTY_SET);
    bool ok = t && put_memo(in, w, v);
    for (int64_t i = 0, done = n ? BATCH : 0; ok && done == BATCH;) {
        op(w, P_MARK);
        for (done = 0; ok && done < BATCH && i < t->n; done++)
            ok = goes_on(in, (size_t)i) && put(in, w, t->at[i++]);
        op(w, P_ADDITEMS);
        if (ok && s->n != n) ok = changed(in, "set");
    }
    obj_unref(in, t);
    return ok;
}

static bool put_frozenset(interp *in, writer *w, value v)
{
    tuple *t = tuple_of(in, v);
    bool ok = t;
    op(w, P_MARK);
    for (int64_t i = 0; ok && i < t->n; i++) ok = goes_on(in, (size_t)i) && put(in, w, t->at[i]);
    obj_unref(in, t);
    if (!ok) return false;
    int64_t number = number_of(w, v.o);
    if (number < 0) return op(w, P_FROZENSET) && put_memo(in, w, v);
    op(w, P_POP_MARK);
    return get_memo(w, number);
}

/* ---- any value ---- */

static bool put_other(interp *in, writer *w, value v)
{
    value arg[] = {{.kind = V_OBJ, .o = &w->hdr}, v};
    value r = check_stack(in) ? value_call(in, w->other, arg, 2, NULL) : FAIL;
    value_unref(in, r);
    return !is_fail(r);
}

static bool put_object(interp *in, writer *w, value v)
{
    const type *t = v.o->type;
    int64_t number = number_of(w, v.o);
    if (number >= 0) return get_memo(w, number);
    if (t == &T_str) return put_str(in, w, v);
    if (t == &T_bytes && w->proto >= 3) return put_bytes(in, w, v);
    if (t == &T_bytearray && w->proto >= 5) return put_bytearray(in, w, v);
    if (t == &T_int) return put_long(in, w, v);
    if (!check_stack(in)) return false;
    if (t == &T_tuple) return put_tuple(in, w, as_tuple(v), v);
    if (t == &T_list) return put_list(in, w, as_list(v), v);
    if (t == &T_dict) return put_dict(in, w, as_dict(v), v);
    if (t == &T_set && w->proto >= 4) return put_set(in, w, v);
    if (t == &T_frozenset && w->proto >= 4) return put_frozenset(in, w, v);
    return put_other(in, w, v);
}

/* 1: written as what is kept elsewhere, 0: it is not, -1: failed. */
static int put_persistent(interp *in, writer *w, value v)
{
    value id = call_n(in, w->persistent, 1, v), persistent = w->persistent;
    if (is_fail(id) || is_none(id)) return is_fail(id) ? -1 : 0;
    bool ok;
    if (w->proto > 0) {
        w->persistent = NONE; /* the id itself is written as it is */
        ok = put(in, w, id) && op(w, P_BINPERSID);
        w->persistent = persistent;
    } else {
        str *s = value_str(in, id);
        ok = s && op_text(w, P_PERSID, s->at);
        obj_unref(in, s);
    }
    value_unref(in, id);
    return ok ? 1 : -1;
}

static bool put(interp *in, writer *w, value v)
{
    between_values(w);
    if (!is_none(w->persistent)) {
        int done = put_persistent(in, w, v);
        if (done) return done > 0;
    }
    switch (v.kind) {
    case V_NONE: return op(w, P_NONE);
    case V_BOOL: return put_bool(w, v.i);
    case V_INT: return put_int(in, w, v.i);
    case V_FLOAT: return put_float(in, w, v.f);
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

static value method_memo(interp *in, const value *arg)
{
    return put_memo(in, writer_of(arg[0]), arg[1]) ? NONE : FAIL;
}

static value method_again(interp *in, const value *arg)
{
    (void)in;
    writer *w = writer_of(arg[0]);
    int64_t number = arg[1].kind == V_OBJ ? number_of(w, arg[1].o) : -1;
    if (number < 0) return v_bool(false);
    op(w, P_POP);
    return v_bool(get_memo(w, number));
}

static value method_code(interp *in, const value *arg)
{
    size_t n = 0;
    const char *s = bytes_peek(arg[1], &n);
    if (!s)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[1])->name);
    return add(writer_of(arg[0]), s, n), NONE;
}

static bool dump(interp *in, writer *w, value v)
{
    if (w->proto >= 2) op_number(w, P_PROTO, (uint64_t)w->proto, 1);
    w->framing = w->proto >= 4;
    if (!put(in, w, v)) return false;
    op(w, P_STOP);
    close_frame(w);
    return true;
}

static value method_dump(interp *in, const value *arg)
{
    writer *w = writer_of(arg[0]);
    if (!is_none(w->other)) return throw(in, RuntimeError, "it is writing already");
    w->frame = 0;
    w->framing = false;
    w->out.soft = true;
    w->other = value_ref(arg[2]);
    w->persistent = value_ref(arg[3]);
    value r = dump(in, w, arg[1]) ? v_obj(bytes_built(in, &w->out)) : FAIL;
    value_unref(in, w->other), value_unref(in, w->persistent);
    w->other = w->persistent = NONE;
    sb_clear(&w->out);
    return r;
}

static void forget(interp *in, writer *w)
{
    for (int64_t i = 0; i < w->nseen; i++) value_unref(in, w->seen[i]);
    mem_free(w->seen);
    mem_free(w->slot);
    w->seen = NULL;
    w->slot = NULL;
    w->nseen = w->cap = w->nslot = 0;
}

static value method_forget(interp *in, const value *arg)
{
    forget(in, writer_of(arg[0]));
    return NONE;
}

static value get_protocol(interp *in, const value *arg)
{
    (void)in;
    return v_int(writer_of(arg[0])->proto);
}

static void drop(interp *in, obj *o)
{
    writer *w = (writer *)(void *)o;
    sb_clear(&w->out);
    value_unref(in, w->other);
    value_unref(in, w->persistent);
    forget(in, w);
}

static const builtin writer_table[] = {
    {"@property protocol", get_protocol, NULL},
    {"dump(self, value, other, persistent, /)", method_dump,
     "A whole pickle; other(writer, x) writes what is no plain data; persistent(x), or None, gives "
     "the id "
     "of what is kept elsewhere."},
    {"put(self, value, /)", method_put, "Writes a value."},
    {"code(self, data, /)", method_code, "Writes bytes as they are."},
    {"memo(self, value, /)", method_memo, "Gives the value on top of the stack the next number."},
    {"again(self, value, /)", method_again,
     "If the value has a number by now, takes that in place of what is on top of the stack."},
    {"forget(self, /)", method_forget, "Of all that has been written."},
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

value pickle_writer(interp *in, const value *arg)
{
    int64_t proto;
    if (!to_int64(in, arg[0], &proto)) return FAIL;
    if (proto < 0 || proto > PICKLE_HIGHEST)
        return throw(in, ValueError, "pickle protocol must be <= %d", PICKLE_HIGHEST);
    writer *w = obj_new(in, &T_pickle_writer, 0);
    if (!w) return FAIL;
    w->proto = (int)proto;
    w->other = w->persistent = NONE;
    return v_obj(w);
}
