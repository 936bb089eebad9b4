/* lang/types/slice.c - slice(start, stop, step). */
#include "engine/base/str.h"
#include "lang/lang.h"

value slice_new(interp *in, value start, value stop, value step)
{
    slice *s = obj_new(in, &T_slice, 0);
    if (!s) return FAIL;
    s->start = value_ref(start);
    s->stop = value_ref(stop);
    s->step = value_ref(step);
    return v_obj(s);
}

static bool bound(interp *in, value v, int64_t ifnone, int64_t *out)
{
    if (is_none(v)) {
        *out = ifnone;
        return true;
    }
    if (v.kind == V_INT || v.kind == V_BOOL) {
        *out = v.i;
        return true;
    }
    if (to_index_clamped(in, v, out)) return true;
    if (exc_is(in, TypeError) && !is_int(v)) {
        exc_clear(in);
        throw(in, TypeError, "slice indices must be integers or None or have an __index__ method");
    }
    return false;
}

/* A bound as given, into [lo, hi], negative from the end. */
static int64_t clamp(int64_t i, int64_t len, int64_t lo, int64_t hi)
{
    if (i < 0) i = i < -len ? -1 : i + len;
    return i < lo ? lo : i > hi ? hi : i;
}

bool slice_bounds(interp *in, const slice *s, int64_t *start, int64_t *stop, int64_t *step)
{
    if (!bound(in, s->step, 1, step)) return false;
    if (!*step) {
        throw(in, ValueError, "slice step cannot be zero");
        return false;
    }
    if (*step == INT64_MIN) *step = -INT64_MAX;
    bool up = *step > 0;
    return bound(in, s->start, up ? 0 : INT64_MAX, start) &&
           bound(in, s->stop, up ? INT64_MAX : INT64_MIN, stop);
}

int64_t slice_fit(int64_t len, int64_t *start, int64_t *stop, int64_t step)
{
    bool up = step > 0;
    int64_t lo = up ? 0 : -1, hi = up ? len : len - 1;
    *start = clamp(*start, len, lo, hi);
    *stop = clamp(*stop, len, lo, hi);
    if (up) return *stop > *start ? (*stop - *start - 1) / step + 1 : 0;
    return *start > *stop ? (*start - *stop - 1) / -step + 1 : 0;
}

bool slice_indices(interp *in, const slice *s, int64_t len, int64_t *start, int64_t *stop,
                   int64_t *step, int64_t *count)
{
    if (!slice_bounds(in, s, start, stop, step)) return false;
    *count = slice_fit(len, start, stop, *step);
    return true;
}

static slice *self_of(const value *arg)
{
    return (slice *)arg[0].o;
}

static value get_start(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_of(arg)->start);
}

static value get_stop(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_of(arg)->stop);
}

static value get_step(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_of(arg)->step);
}

static value indices(interp *in, const value *arg)
{
    int64_t len, start, stop, step, n;
    if (!to_int64(in, arg[1], &len)) return FAIL;
    if (len < 0) return throw(in, ValueError, "length should not be negative");
    if (!slice_indices(in, self_of(arg), len, &start, &stop, &step, &n)) return FAIL;
    return v_obj(tuple_pack(in, 3, v_int(start), v_int(stop), v_int(step)));
}

static const builtin table[] = {
    {"@property start", get_start, NULL},
    {"@property stop", get_stop, NULL},
    {"@property step", get_step, NULL},
    {"indices(self, len, /)", indices,
     "(start, stop, step) for a sequence of that length: within it, and without None."},
    {0},
};

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    if (kwnames && kwnames->n) return throw(in, TypeError, "slice() takes no keyword arguments");
    if (npos < 1) return throw(in, TypeError, "slice expected at least 1 argument, got 0");
    if (npos > 3) return throw(in, TypeError, "slice expected at most 3 arguments, got %zu", npos);
    if (npos == 1) return slice_new(in, NONE, arg[0], NONE);
    return slice_new(in, arg[0], arg[1], npos == 3 ? arg[2] : NONE);
}

static value repr(interp *in, value self)
{
    slice *s = as_slice(self);
    const value part[3] = {s->start, s->stop, s->step};
    strbuf b = {0};
    sb_adds(&b, "slice(");
    for (int i = 0; i < 3; i++) {
        str *t = value_repr(in, part[i]);
        if (!t) {
            sb_clear(&b);
            return FAIL;
        }
        if (i) sb_adds(&b, ", ");
        sb_add(&b, t->at, t->nbyte);
        obj_unref(in, t);
    }
    sb_addc(&b, ')');
    size_t n;
    char *text = sb_take(&b, &n);
    return v_obj(str_take(in, text, n));
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    slice *a = as_slice(self), *b = as_slice(other);
    if (!b) return value_ref(NOTIMPL);
    value x[3] = {a->start, a->stop, a->step}, y[3] = {b->start, b->stop, b->step};
    value *px = x, *py = y;
    const int64_t n = 3;
    return seq_compare(in, op, &px, &n, &py, &n);
}

static void drop(interp *in, obj *o)
{
    slice *s = (slice *)o;
    value_unref(in, s->start);
    value_unref(in, s->stop);
    value_unref(in, s->step);
}

static void visit(obj *o, visitor f, void *ctx)
{
    slice *s = (slice *)o;
    f(s->start, ctx);
    f(s->stop, ctx);
    f(s->step, ctx);
}

const type T_slice = {
    TYPE_HEAD,
    .name = "slice",
    .module = "builtins",
    .doc = "What stands for start:stop:step in an index.",
    .size = sizeof(slice),
    .flags = TYPE_GC,
    .table = table,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .compare = compare,
};
