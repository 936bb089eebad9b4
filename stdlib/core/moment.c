/* stdlib/core/moment.c - what date, datetime and timedelta derive from: _clock.Moment and Span.
 *
 * Here is what programs do most, with plain operands: differences, sums, comparisons of dates, of
 * datetimes of one time zone, of spans that fit an int64.  Anything else (subclasses, zones that
 * differ, results out of range) is asked of the classes: _add, _sub, _ordered and so on. */
#include "stdlib/core/moment.h"

#include "lang/freeze.h"
#include "lang/interp.h"
#include "lang/types/klass.h"
#include "lang/types/num.h"
#include "lang/types/str.h"

enum { OF_SUBCLASS, OF_DATE, OF_DATETIME }; /* as the classes tell make() */

typedef struct moment {
    obj hdr;
    int64_t when; /* microseconds: clock.c */
    value tz;
    uint8_t kind, fold;
} moment;

typedef struct span {
    obj hdr;
    value lasts; /* microseconds, an int of any size */
} span;

static const int64_t END = (INT64_C(3652059) + 1) * DAY;

static moment *as_moment(value v)
{
    return (moment *)as_obj(v, &T_moment);
}

static span *as_span(value v)
{
    return (span *)as_obj(v, &T_span);
}

static bool small_span(value v, int64_t *us)
{
    const span *s = as_span(v);
    if (!s || s->lasts.kind != V_INT) return false;
    *us = s->lasts.i;
    return true;
}

bool moment_when(value v, int64_t *when)
{
    const moment *m = as_moment(v);
    if (m) *when = m->when;
    return m;
}

static int64_t floor_day(int64_t us)
{
    return us / DAY - (us % DAY < 0);
}

/* ---- making ---- */

static value new_moment(interp *in, const type *cls, int kind, int64_t when, value tz, bool fold)
{
    moment *m = obj_new(in, cls, 0);
    if (!m) return FAIL;
    m->when = when;
    m->tz = value_ref(tz);
    m->kind = (uint8_t)kind;
    m->fold = fold;
    return v_obj(m);
}

static value new_span(interp *in, const type *cls, value lasts)
{
    span *s = obj_new(in, cls, 0);
    if (s) s->lasts = value_ref(lasts);
    return v_obj(s);
}

static const type *class_below(interp *in, value v, const type *base)
{
    const type *cls = as_type(v);
    if (cls && cls != base && type_is_sub(cls, base)) return cls;
    throw(in, TypeError, "a class derived from %s is wanted, not '%s'", base->name,
          cls ? cls->name : type_of(in, v)->name);
    return NULL;
}

value moment_make(interp *in, const value *arg)
{
    const type *cls = class_below(in, arg[0], &T_moment);
    int64_t kind, when, fold;
    if (!cls || !to_int64(in, arg[1], &kind) || !to_int64(in, arg[2], &when) ||
        !to_int64(in, arg[4], &fold))
        return FAIL;
    if (when < DAY || when >= END) return throw(in, OverflowError, "date value out of range");
    if (kind < OF_SUBCLASS || kind > OF_DATETIME)
        return throw(in, ValueError, "no kind of moment: %lld", (long long)kind);
    return new_moment(in, cls, (int)kind, when, arg[3], fold != 0);
}

value span_make(interp *in, const value *arg)
{
    const type *cls = class_below(in, arg[0], &T_span);
    if (!cls) return FAIL;
    if (!is_int(arg[1]))
        return throw(in, TypeError, "a span is an int, not '%s'", type_of(in, arg[1])->name);
    return new_span(in, cls, arg[1]);
}

/* The class of spans that a class of moments has as _span. */
static value span_between(interp *in, const moment *a, const moment *b)
{
    str *name = str_intern(in, "_span", 5);
    const type *cls = name ? as_type(type_lookup(in, a->hdr.type, name)) : NULL;
    obj_unref(in, name);
    if (!cls || !type_is_sub(cls, &T_span)) return NOTIMPL;
    return new_span(in, cls, v_int(a->when - b->when));
}

/* ---- moments ---- */

static bool alike(const moment *a, const moment *b)
{
    return a->kind != OF_SUBCLASS && a->kind == b->kind && value_same(a->tz, b->tz);
}

static value moved(interp *in, const moment *m, int64_t us)
{
    int64_t when = m->kind == OF_DATE ? m->when + floor_day(us) * DAY : m->when + us;
    if (when < DAY || when >= END) return NOTIMPL;
    return new_moment(in, m->hdr.type, m->kind, when, m->tz, false);
}

static value plain_sum(interp *in, const moment *m, value other)
{
    int64_t us;
    bool near = small_span(other, &us) && us > -END && us < END;
    return near && m->kind != OF_SUBCLASS ? moved(in, m, us) : NOTIMPL;
}

static value plain_difference(interp *in, const moment *m, value other)
{
    const moment *from = as_moment(other);
    int64_t us;
    if (from) return alike(m, from) ? span_between(in, m, from) : NOTIMPL;
    if (m->kind == OF_SUBCLASS || !small_span(other, &us) || us <= -END || us >= END)
        return NOTIMPL;
    return moved(in, m, m->kind == OF_DATE ? -floor_day(us) * DAY : -us);
}

static value moment_binary(interp *in, enum binop op, value a, value b)
{
    const moment *m = as_moment(a), *right = as_moment(b);
    if (op != OP_ADD && (op != OP_SUB || !m)) return NOTIMPL;
    value r = op == OP_SUB ? plain_difference(in, m, b)
              : m          ? plain_sum(in, m, b)
                           : plain_sum(in, right, a);
    if (!is_notimpl(r)) return r;
    return op == OP_SUB ? call_method(in, a, "_sub", 1, b)
           : m          ? call_method(in, a, "_add", 1, b)
                        : call_method(in, b, "_add", 1, a);
}

static value ordered(int64_t c, enum cmpop op)
{
    switch (op) {
    case OP_LT: return v_bool(c < 0);
    case OP_LE: return v_bool(c <= 0);
    case OP_EQ: return v_bool(c == 0);
    case OP_NE: return v_bool(c != 0);
    case OP_GT: return v_bool(c > 0);
    default: return v_bool(c >= 0);
    }
}

/* _ordered(other, equality) gives a number below, at or above 0, or None: never equal. */
static value asked_order(interp *in, enum cmpop op, value self, value other)
{
    bool equality = op == OP_EQ || op == OP_NE;
    value c = call_method(in, self, "_ordered", 2, other, v_bool(equality));
    if (is_fail(c) || is_notimpl(c)) return c;
    if (is_none(c)) return v_bool(op == OP_NE);
    value r = value_compare(in, op, c, v_int(0));
    value_unref(in, c);
    return r;
}

static value moment_compare(interp *in, enum cmpop op, value self, value other)
{
    const moment *a = as_moment(self), *b = as_moment(other);
    if (b && alike(a, b)) return ordered(a->when - b->when, op);
    return asked_order(in, op, self, other);
}

static bool moment_hash(interp *in, value self, uint64_t *out)
{
    const moment *m = as_moment(self);
    if (is_none(m->tz)) return value_hash(in, v_int(m->when), out);
    value v = call_method(in, self, "_hash", 0);
    bool ok = !is_fail(v) && value_hash(in, v, out);
    value_unref(in, v);
    return ok;
}

static void moment_drop(interp *in, obj *o)
{
    value_unref(in, ((moment *)(void *)o)->tz);
}

static bool moment_save(freezer *f, obj *o)
{
    const moment *m = (const moment *)(void *)o;
    freeze_bytes(f, &m->when, sizeof m->when);
    freeze_bytes(f, &m->kind, sizeof m->kind);
    freeze_bytes(f, &m->fold, sizeof m->fold);
    freeze_value(f, m->tz);
    return true;
}

static obj *moment_load(thawer *t, const type *cls)
{
    int64_t when;
    uint8_t kind, fold;
    thaw_bytes(t, &when, sizeof when);
    thaw_bytes(t, &kind, sizeof kind);
    thaw_bytes(t, &fold, sizeof fold);
    value tz = thaw_value(t), v = new_moment(thawer_interp(t), cls, kind, when, tz, fold);
    value_unref(thawer_interp(t), tz);
    return is_fail(v) ? NULL : v.o;
}

static value get_when(interp *in, const value *arg)
{
    (void)in;
    return v_int(as_moment(arg[0])->when);
}

static value get_tz(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_moment(arg[0])->tz);
}

static value get_fold(interp *in, const value *arg)
{
    (void)in;
    return v_int(as_moment(arg[0])->fold);
}

static const crossing moment_cross = {moment_save, moment_load};
static const builtin moment_table[] = {{"@property _when", get_when, NULL},
                                       {"@property _tzinfo", get_tz, NULL},
                                       {"@property _fold", get_fold, NULL},
                                       {0}};

const type T_moment = {
    TYPE_HEAD,           .name = "Moment",      .module = "_clock",        .size = sizeof(moment),
    .flags = TYPE_BASE,  .table = moment_table, .operators = " add sub ",  .cross = &moment_cross,
    .drop = moment_drop, .hash = moment_hash,   .compare = moment_compare, .binary = moment_binary,
};

/* ---- spans ---- */

static const struct {
    const char *left, *right; /* what is asked of a span on that side; NULL: nothing */
} span_method[NBINOP] = {
    [OP_ADD] = {"_add", "_add"},         [OP_SUB] = {"_sub", "_rsub"},
    [OP_MUL] = {"_mul", "_mul"},         [OP_TRUEDIV] = {"_truediv", NULL},
    [OP_FLOORDIV] = {"_floordiv", NULL}, [OP_MOD] = {"_mod", NULL},
    [OP_DIVMOD] = {"_divmod", NULL},
};

/* Sums of two spans of one class that stay small: these are all that programs add in loops. */
static value plain_spans(interp *in, enum binop op, const span *a, const span *b)
{
    int64_t us;
    if (!a || !b || a->hdr.type != b->hdr.type || a->lasts.kind != V_INT ||
        b->lasts.kind != V_INT || as_klass(a->hdr.type)->mro[1] != &T_span)
        return NOTIMPL;
    if (op == OP_ADD   ? __builtin_add_overflow(a->lasts.i, b->lasts.i, &us)
        : op == OP_SUB ? __builtin_sub_overflow(a->lasts.i, b->lasts.i, &us)
                       : true)
        return NOTIMPL;
    return new_span(in, a->hdr.type, v_int(us));
}

static value span_binary(interp *in, enum binop op, value a, value b)
{
    const span *left = as_span(a), *right = as_span(b);
    value r = plain_spans(in, op, left, right);
    const char *name = left ? span_method[op].left : span_method[op].right;
    if (!is_notimpl(r) || !name) return r;
    return left ? call_method(in, a, name, 1, b) : call_method(in, b, name, 1, a);
}

static value span_compare(interp *in, enum cmpop op, value self, value other)
{
    const span *a = as_span(self), *b = as_span(other);
    return b ? value_compare(in, op, a->lasts, b->lasts) : NOTIMPL;
}

static int span_truth(interp *in, value self)
{
    return value_truth(in, as_span(self)->lasts);
}

static void span_drop(interp *in, obj *o)
{
    value_unref(in, ((span *)(void *)o)->lasts);
}

static bool span_save(freezer *f, obj *o)
{
    freeze_value(f, ((span *)(void *)o)->lasts);
    return true;
}

static obj *span_load(thawer *t, const type *cls)
{
    value lasts = thaw_value(t), v = new_span(thawer_interp(t), cls, lasts);
    value_unref(thawer_interp(t), lasts);
    return is_fail(v) ? NULL : v.o;
}

static value get_lasts(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_span(arg[0])->lasts);
}

static const crossing span_cross = {span_save, span_load};
static const builtin span_table[] = {{"@property _lasts", get_lasts, NULL}, {0}};

const type T_span = {
    TYPE_HEAD,
    .name = "Span",
    .module = "_clock",
    .size = sizeof(span),
    .flags = TYPE_BASE,
    .table = span_table,
    .operators = " add sub mul truediv floordiv mod divmod ",
    .cross = &span_cross,
    .drop = span_drop,
    .truth = span_truth,
    .compare = span_compare,
    .binary = span_binary,
};
