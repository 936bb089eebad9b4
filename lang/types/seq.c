/* lang/types/seq.c - what list, tuple and other sequences share: indices, comparison, search, repr.
 *
 * Every loop that may run user code (an __eq__, a __repr__) re-reads the length and the array
 * after each item and holds the items it works on. */
#include "lang/types/seq.h"

#include <malloc.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/words.h"

enum { OBJ_SHOWING = 1 << 15 }; /* in obj.flags: its repr is being made further up the stack */

void *lang_grow(interp *in, void *p, int64_t count, size_t size)
{
    err e = {0};
    size_t n;
    if (count < 0) return throw(in, MemoryError, "%s", ""), NULL;
    if (size_mul((size_t)count, size, &n, &e))
        return block_grow(in, p, p ? malloc_usable_size(p) : 0, n);
    err_clear(&e);
    no_room(in);
    return NULL;
}

int64_t items_copy(interp *in, value *to, const value *from, int64_t n, int64_t step)
{
    enum { BLOCK = 1 << 14 };
    for (int64_t done = 0; done < n;) {
        if (done && !goes_on(in, (size_t)done)) return done;
        int64_t end = n - done < BLOCK ? n : done + BLOCK;
        if (step == 1) {
            memcpy(to + done, from + done, (size_t)(end - done) * sizeof *to);
            for (; done < end; done++) value_ref(to[done]);
        } else {
            for (; done < end; done++) put_value(&to[done], ref_at(&from[done * step]));
        }
    }
    return n;
}

bool check_depth(interp *in, const char *doing)
{
    if (check_stack(in)) return true;
    exc_clear(in);
    throw(in, RecursionError, "maximum recursion depth exceeded %s", doing);
    return false;
}

int repr_enter(interp *in, obj *o)
{
    if (o->flags & OBJ_SHOWING) return 0;
    if (!check_depth(in, "while getting the repr of an object")) return -1;
    if (!(o->flags & OBJ_FROZEN)) o->flags |= OBJ_SHOWING;
    return 1;
}

void repr_leave(interp *in, obj *o)
{
    (void)in;
    if (!(o->flags & OBJ_FROZEN)) o->flags &= (uint16_t)~OBJ_SHOWING;
}

/* ---- indices ---- */

int index_of(interp *in, value v, int64_t *out)
{
    if (v.kind == V_INT || v.kind == V_BOOL) {
        *out = v.i;
        return 1;
    }
    const type *t = type_of(in, v);
    if (!t->unary) return 0;
    value r = t->unary(in, OP_INDEX, v);
    if (is_fail(r)) return -1;
    if (is_notimpl(r)) {
        value_unref(in, r);
        return 0;
    }
    if (r.kind == V_INT || r.kind == V_BOOL) {
        *out = r.i;
        return 1;
    }
    value_unref(in, r);
    return THROWN(in, IndexError, "cannot fit '%s' into an index-sized integer", t->name);
}

bool check_index(interp *in, value key, const int64_t *len, const char *name, const char *what,
                 int64_t *out)
{
    int64_t i = key.i;
    if (key.kind != V_INT) {
        int r = index_of(in, key, &i);
        if (r < 0) return false;
        if (!r) {
            throw(in, TypeError, "%s indices must be integers or slices, not %s", name,
                  type_of(in, key)->name);
            return false;
        }
    }
    const int64_t n = *len;
    if (i < 0) i += n;
    if (i < 0 || i >= n) {
        throw(in, IndexError, "%s %s out of range", name, what);
        return false;
    }
    *out = i;
    return true;
}

/* ---- search and comparison ---- */

/* value_eq on two items that are held meanwhile */
static int held_eq(interp *in, value a, value b)
{
    if (a.kind == V_INT && b.kind == V_INT) return a.i == b.i;
    value_ref(a), value_ref(b);
    int eq = value_eq(in, a, b);
    value_unref(in, a), value_unref(in, b);
    return eq;
}

int64_t seq_find(interp *in, value *const *at, const int64_t *n, value v, int64_t from, int64_t to)
{
    for (int64_t i = from; i < *n && i < to; i++) {
        if (v.kind == V_INT) /* a run of other ints has no say */
            while (i + 1 < *n && i + 1 < to && (*at)[i].kind == V_INT && (*at)[i].i != v.i &&
                   (i + 1) % (1 << 14)) {
                i++;
            }
        if (!goes_on(in, (size_t)i)) return -2;
        int eq = held_eq(in, (*at)[i], v);
        if (eq) return eq < 0 ? -2 : i;
    }
    return -1;
}

/* How many items at the start are equal without a question: the same objects, numbers, texts. */
static int64_t alike(const value *a, const value *b, int64_t n)
{
    enum { MOST = 1 << 14 };
    int64_t i = 0;
    for (n = n < MOST ? n : MOST; i < n; i++) {
        const value x = value_at(&a[i]), y = value_at(&b[i]);
        if (x.kind != y.kind || x.kind == V_SCALAR) break;
        if (x.kind == V_FLOAT ? x.f == y.f : x.kind == V_NONE || x.bits == y.bits) continue;
        if (x.kind != V_OBJ || x.o->type != &T_str || y.o->type != &T_str) break;
        if (!str_eq((str *)x.o, (str *)y.o)) break;
    }
    return i;
}

static value compare_lengths(enum cmpop op, int64_t n, int64_t m)
{
    switch (op) {
    case OP_LT: return v_bool(n < m);
    case OP_LE: return v_bool(n <= m);
    case OP_GT: return v_bool(n > m);
    case OP_GE: return v_bool(n >= m);
    case OP_EQ: return v_bool(n == m);
    default: return v_bool(n != m);
    }
}

value seq_compare(interp *in, enum cmpop op, value *const *a, const int64_t *n, value *const *b,
                  const int64_t *m)
{
    if (*n != *m && (op == OP_EQ || op == OP_NE)) return v_bool(op == OP_NE);
    if (!check_depth(in, "in comparison")) return FAIL;
    int64_t i = alike(*a, *b, *n < *m ? *n : *m);
    for (; i < *n && i < *m; i++) {
        int eq = held_eq(in, (*a)[i], (*b)[i]);
        if (eq < 0 || !goes_on(in, (size_t)i)) return FAIL;
        if (!eq) break;
    }
    if (i >= *n || i >= *m) return compare_lengths(op, *n, *m);
    if (op == OP_EQ || op == OP_NE) return v_bool(op == OP_NE);
    value x = value_ref((*a)[i]), y = value_ref((*b)[i]);
    value r = value_compare(in, op, x, y);
    value_unref(in, x), value_unref(in, y);
    return r;
}

/* ---- repr ---- */

value seq_repr(interp *in, value *const *at, const int64_t *n, const char *open, const char *close,
               bool one_comma)
{
    strbuf b = {.soft = true};
    sb_adds(&b, open);
    for (int64_t i = 0; i < *n; i++) {
        value item = value_ref((*at)[i]);
        str *s = value_repr(in, item);
        value_unref(in, item);
        if (!s) {
            sb_clear(&b);
            return FAIL;
        }
        if (i) sb_add(&b, ", ", 2);
        sb_add(&b, s->at, s->nbyte);
        obj_unref(in, s);
    }
    if (one_comma && *n == 1) sb_addc(&b, ',');
    sb_adds(&b, close);
    return v_obj(str_built(in, &b));
}
