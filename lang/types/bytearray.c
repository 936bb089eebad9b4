/* lang/types/bytearray.c - what only bytearray has: methods that change it. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytesmethods.h"

static bytearray *self_array(const value *arg)
{
    return (bytearray *)arg[0].o;
}

/* Replaces bytes [from, to) by n others. */
static bool splice(interp *in, bytearray *b, size_t from, size_t to, const char *with, size_t n)
{
    size_t tail = b->n - to, old = b->n;
    if (n < to - from && !bytearray_resizable(in, b)) return false; /* before anything moves */
    if (n > to - from && !bytearray_resize(in, b, from + n + tail)) return false;
    memmove(b->at + from + n, b->at + to, tail);
    if (n) memcpy(b->at + from, with, n);
    if (n < to - from) return bytearray_resize(in, b, old - (to - from) + n);
    return true;
}

static value append(interp *in, const value *arg)
{
    unsigned char c;
    bytearray *b = self_array(arg);
    if (!byte_of(in, arg[1], &c, "byte") || !bytearray_resize(in, b, b->n + 1)) return FAIL;
    b->at[b->n - 1] = (char)c;
    return NONE;
}

static bool extend_by(interp *in, bytearray *b, value v)
{
    size_t n = b->n;
    bytes *more = bytes_of(in, v);
    bool ok = more && bytearray_resize(in, b, n + more->n);
    ok = ok && memory_copy(in, b->at + n, more->at, more->n);
    obj_unref(in, more);
    return ok;
}

static value extend(interp *in, const value *arg)
{
    return extend_by(in, self_array(arg), arg[1]) ? NONE : FAIL;
}

static value insert(interp *in, const value *arg)
{
    bytearray *b = self_array(arg);
    int64_t i, n = (int64_t)b->n;
    unsigned char c;
    if (!to_index_clamped(in, arg[1], &i) || !byte_of(in, arg[2], &c, "byte")) return FAIL;
    if (i < 0) i = i + n < 0 ? 0 : i + n;
    if (i > n) i = n;
    return splice(in, b, (size_t)i, (size_t)i, (char *)&c, 1) ? NONE : FAIL;
}

static value pop(interp *in, const value *arg)
{
    bytearray *b = self_array(arg);
    int64_t i;
    if (!to_int64(in, arg[1], &i)) return FAIL;
    const int64_t n = (int64_t)b->n;
    if (!n) return throw(in, IndexError, "pop from empty bytearray");
    if (i < 0) i += n;
    if (i < 0 || i >= n) return throw(in, IndexError, "pop index out of range");
    unsigned char c = (unsigned char)b->at[i];
    return splice(in, b, (size_t)i, (size_t)i + 1, NULL, 0) ? v_int(c) : FAIL;
}

static value remove_byte(interp *in, const value *arg)
{
    bytearray *b = self_array(arg);
    unsigned char c;
    if (!byte_of(in, arg[1], &c, "byte")) return FAIL;
    char *hit = b->n ? memchr(b->at, c, b->n) : NULL;
    if (!hit) return throw(in, ValueError, "value not found in bytearray");
    size_t i = (size_t)(hit - b->at);
    return splice(in, b, i, i + 1, NULL, 0) ? NONE : FAIL;
}

static value reverse(interp *in, const value *arg)
{
    (void)in;
    bytearray *b = self_array(arg);
    for (size_t i = 0, j = b->n; i + 1 < j; i++) {
        char c = b->at[i];
        b->at[i] = b->at[--j];
        b->at[j] = c;
    }
    return NONE;
}

static value clear(interp *in, const value *arg)
{
    return bytearray_resize(in, self_array(arg), 0) ? NONE : FAIL;
}

static value copy(interp *in, const value *arg)
{
    return v_obj(bytearray_new(in, self_array(arg)->at, self_array(arg)->n));
}

value bytearray_inplace(interp *in, enum binop op, value self, value other)
{
    bytearray *b = (bytearray *)self.o;
    size_t n;
    if (op == OP_ADD && bytes_peek(other, &n)) {
        b->views += other.o == self.o; /* it is being read */
        bool done = extend_by(in, b, other);
        b->views -= other.o == self.o;
        return done ? value_ref(self) : FAIL;
    }
    if (op != OP_MUL) return value_ref(NOTIMPL);
    value more = T_bytearray.binary(in, OP_MUL, self, other);
    if (is_fail(more) || is_notimpl(more)) return more;
    bytearray *m = (bytearray *)more.o;
    bool ok = splice(in, b, 0, b->n, m->at, m->n);
    value_unref(in, more);
    return ok ? value_ref(self) : FAIL;
}

/* del b[start::step], count bytes, step not 1 */
static bool del_strided(interp *in, bytearray *b, int64_t start, int64_t step, int64_t count)
{
    if (!bytearray_resizable(in, b)) return false;
    if (!count) return true;
    if (step < 0) start += step * (count - 1), step = -step;
    char *to = b->at + start;
    for (int64_t k = 0, at = start + 1; k < count; k++, at += step) {
        const int64_t end = k + 1 < count ? at + step - 1 : (int64_t)b->n;
        memmove(to, b->at + at, (size_t)(end - at));
        to += end - at;
    }
    return bytearray_resize(in, b, (size_t)(to - b->at));
}

static bool set_slice(interp *in, bytearray *b, const slice *sl, value v)
{
    int64_t start, stop, step, count;
    if (!slice_bounds(in, sl, &start, &stop, &step)) return false;
    bytes *with = is_fail(v) ? bytes_new(in, "", 0) : bytes_of(in, v);
    if (!with) return false;
    bool ok = true;
    count = slice_fit((int64_t)b->n, &start, &stop, step);
    if (step == 1) {
        if (stop < start) stop = start;
        ok = splice(in, b, (size_t)start, (size_t)stop, with->at, with->n);
    } else if (!with->n) {
        ok = del_strided(in, b, start, step, count);
    } else if ((int64_t)with->n != count) {
        throw(in, ValueError, "attempt to assign bytes of size %zu to extended slice of size %lld",
              with->n, (long long)count);
        ok = false;
    } else {
        for (int64_t k = 0; k < count; k++) b->at[start + k * step] = with->at[k];
    }
    obj_unref(in, with);
    return ok;
}

bool bytearray_setitem(interp *in, value self, value key, value v)
{
    bytearray *b = (bytearray *)self.o;
    if (as_slice(key)) return set_slice(in, b, as_slice(key), v);
    int64_t i;
    int found = index_of(in, key, &i);
    if (found <= 0) {
        if (!found) {
            throw(in, TypeError, "bytearray indices must be integers or slices, not %s",
                  type_said(in, key));
        }
        return false;
    }
    if (i < 0) i += (int64_t)b->n;
    unsigned char c = 0;
    bool inside = i >= 0 && i < (int64_t)b->n;
    if (inside && !is_fail(v) && !byte_of(in, v, &c, "byte")) return false; /* may change b */
    if (!inside || i >= (int64_t)b->n) {
        throw(in, IndexError, "bytearray index out of range");
        return false;
    }
    if (is_fail(v)) return splice(in, b, (size_t)i, (size_t)i + 1, NULL, 0);
    b->at[i] = (char)c;
    return true;
}

static value alloc(interp *in, const value *arg)
{
    (void)in;
    return v_int(self_array(arg)->at ? (int64_t)self_array(arg)->n + 1 : 0);
}

const builtin bytearray_table[] = {
    BYTES_METHODS,
    {"__alloc__(self, /)", alloc, "Bytes that are set aside for it."},
    {"append(self, item, /)", append, "Puts one byte behind the last."},
    {"extend(self, iterable_of_ints, /)", extend, "Append all the items to the end."},
    {"insert(self, index, item, /)", insert, "Insert a single item before the given index."},
    {"pop(self, index=-1, /)", pop, "Remove and return a single item."},
    {"remove(self, value, /)", remove_byte, "Remove the first occurrence of a value."},
    {"reverse(self, /)", reverse, "Reverse the order of the values in place."},
    {"clear(self, /)", clear, "Remove all items."},
    {"copy(self, /)", copy, "Another one with the same bytes."},
    {0},
};
