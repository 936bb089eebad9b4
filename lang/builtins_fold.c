/* lang/builtins_fold.c - builtins that run over an iterable or do arithmetic. */
#include "lang/builtins.h"
#include "lang/types/bytes.h"
#include "lang/types/iter_fast.h"

/* ---- any, all, sorted ---- */

static value any_is(interp *in, value iterable, int wanted)
{
    value it = value_iter(in, iterable), v;
    if (is_fail(it)) return FAIL;
    int truth = !wanted;
    while (truth == !wanted && !is_fail(v = next_item(in, it))) {
        truth = v.kind == V_BOOL ? (int)v.i : value_truth(in, v);
        value_unref(in, v);
    }
    value_unref(in, it);
    return throwing(in) ? FAIL : v_bool(truth);
}

static value any(interp *in, const value *arg)
{
    return any_is(in, arg[0], 1);
}

static value all(interp *in, const value *arg)
{
    return any_is(in, arg[0], 0);
}

static value sorted(interp *in, const value *arg)
{
    int down = value_truth(in, arg[2]);
    list *l = down < 0 ? NULL : list_of(in, arg[0]);
    if (l && list_sort(in, l, arg[1], down)) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

/* ---- sum ---- */

static bool check_start(interp *in, value start)
{
    const char *what = as_str(start)                 ? "strings [use ''.join(seq) instead]"
                       : as_obj(start, &T_bytes)     ? "bytes [use b''.join(seq) instead]"
                       : as_obj(start, &T_bytearray) ? "bytearray [use b''.join(seq) instead]"
                                                     : NULL;
    if (what) throw(in, TypeError, "sum() can't sum %s", what);
    return !what;
}

/* Adds the leading plain ints, or plain floats, of an array to *total; how many that were. */
static int64_t sum_plain(const value *at, int64_t n, value *total)
{
    int64_t i = 0;
    if (total->kind == V_INT)
        for (int64_t r; i < n && at[i].kind == V_INT; i++) {
            if (__builtin_add_overflow(total->i, at[i].i, &r)) return i;
            total->i = r;
        }
    if (total->kind == V_INT && i < n && at[i].kind == V_FLOAT) *total = v_float((double)total->i);
    if (total->kind == V_FLOAT)
        for (; i < n && at[i].kind == V_FLOAT; i++) total->f += at[i].f;
    return i;
}

/* sum() of a plain list or tuple */
static value sum_array(interp *in, value seq, value start)
{
    value total = value_ref(start);
    list *l = seq.o->type == &T_list ? (list *)seq.o : NULL;
    tuple *t = l ? NULL : (tuple *)seq.o;
    int64_t i = sum_plain(l ? l->at : t->at, l ? l->n : t->n, &total);
    for (; !is_fail(total) && i < (l ? l->n : t->n); i++) {
        value v = value_ref(l ? l->at[i] : t->at[i]);
        value next = value_binary_spent(in, OP_ADD, total, v, 1);
        value_unref(in, v);
        value_unref(in, total);
        total = next;
    }
    return total;
}

/* Bytes, which are small, onto an int that leaves them room; false: they are no such. */
static bool sum_bytes(value v, int64_t start, int64_t *total)
{
    size_t n;
    bool plain = v.kind == V_OBJ && (v.o->type == &T_bytes || v.o->type == &T_bytearray);
    const char *at = plain && start >= 0 && start < INT32_MAX ? bytes_peek(v, &n) : NULL;
    if (!at) return false;
    for (size_t i = 0; i < n; i++) start += (unsigned char)at[i];
    *total = start;
    return true;
}

static value sum(interp *in, const value *arg)
{
    int64_t total_bytes;
    if (!check_start(in, arg[1])) return FAIL;
    if (arg[1].kind == V_INT && sum_bytes(arg[0], arg[1].i, &total_bytes))
        return v_int(total_bytes);
    if (arg[0].kind == V_OBJ && (arg[0].o->type == &T_list || arg[0].o->type == &T_tuple))
        return sum_array(in, arg[0], arg[1]);
    value it = value_iter(in, arg[0]), v;
    if (is_fail(it)) return FAIL;
    value total = value_ref(arg[1]);
    while (!is_fail(v = next_item(in, it))) {
        if (sum_plain(&v, 1, &total)) continue;
        value next = value_binary_spent(in, OP_ADD, total, v, 3);
        value_unref(in, total);
        value_unref(in, v);
        total = next;
        if (is_fail(total)) break;
    }
    value_unref(in, it);
    if (!throwing(in)) return total;
    value_unref(in, total);
    return FAIL;
}

/* ---- min and max ---- */

typedef struct extreme {
    enum cmpop op; /* replaces the best so far when `new op best` */
    const char *name;
    value key; /* or FAIL */
} extreme;

/* new op best: 1 0 -1; numbers of one kind are compared here */
static int beats(interp *in, enum cmpop op, value v, value best)
{
    if (v.kind == V_INT && best.kind == V_INT) return op == OP_LT ? v.i < best.i : v.i > best.i;
    if (v.kind == V_FLOAT && best.kind == V_FLOAT) return op == OP_LT ? v.f < best.f : v.f > best.f;
    value r = value_compare(in, op, v, best);
    int wins = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return wins;
}

/* v becomes the best if it beats it; takes v. */
static bool offer(interp *in, const extreme *x, value v, value *best, value *best_key)
{
    value k = is_fail(x->key) ? value_ref(v) : value_call(in, x->key, &v, 1, NULL);
    int wins = is_fail(k) ? -1 : 1;
    if (wins > 0 && !is_fail(*best)) wins = beats(in, x->op, k, *best_key);
    if (wins > 0) {
        value_unref(in, *best);
        value_unref(in, *best_key);
        *best = v;
        *best_key = k;
        return true;
    }
    value_unref(in, v);
    value_unref(in, k);
    return wins == 0;
}

static value extreme_of(interp *in, const extreme *x, value iterable, value dflt)
{
    value it = value_iter(in, iterable), v, best = FAIL, key = FAIL;
    if (is_fail(it)) return FAIL;
    while (!is_fail(v = next_item(in, it)) && offer(in, x, v, &best, &key)) {
    }
    value_unref(in, it);
    value_unref(in, key);
    if (throwing(in)) {
        value_unref(in, best);
        return FAIL;
    }
    if (!is_fail(best)) return best;
    return is_fail(dflt) ? throw(in, ValueError, "%s() arg is an empty sequence", x->name)
                         : value_ref(dflt);
}

/* arg: *args, key, default */
static value extreme_call(interp *in, extreme x, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    x.key = is_none(arg[1]) ? FAIL : arg[1];
    if (!t->n) return throw(in, TypeError, "%s expected at least 1 argument, got 0", x.name);
    if (t->n == 1) return extreme_of(in, &x, t->at[0], arg[2]);
    if (t->n == 2 && is_fail(x.key) && is_fail(arg[2])) { /* max(a, b), without an iterator */
        int second = beats(in, x.op, t->at[1], t->at[0]);
        return second < 0 ? FAIL : value_ref(t->at[second]);
    }
    if (!is_fail(arg[2]))
        return throw(in, TypeError,
                     "Cannot specify a default for %s() with multiple positional arguments",
                     x.name);
    return extreme_of(in, &x, arg[0], FAIL);
}

static value min(interp *in, const value *arg)
{
    return extreme_call(in, (extreme){OP_LT, "min", FAIL}, arg);
}

static value max(interp *in, const value *arg)
{
    return extreme_call(in, (extreme){OP_GT, "max", FAIL}, arg);
}

/* ---- arithmetic ---- */

static value abs_of(interp *in, const value *arg)
{
    return value_unary(in, OP_ABS, arg[0]);
}

static value divmod(interp *in, const value *arg)
{
    return value_binary(in, OP_DIVMOD, arg[0], arg[1]);
}

/* Three arguments: int.__pow__ does it, or the base's own. */
static value pow_mod(interp *in, value base, value exp, value mod)
{
    value f = FAIL;
    int has = is_int(base) && !(is_int(exp) && is_int(mod)) ? 0
              : base.kind == V_FLOAT                        ? 0
                                     : value_findattr(in, base, "__pow__", &f);
    if (has <= 0)
        return has ? FAIL
                   : throw(in, TypeError,
                           "pow() 3rd argument not allowed unless all arguments are integers");
    value r = call_n(in, f, 2, exp, mod);
    value_unref(in, f);
    return r;
}

static value power(interp *in, const value *arg)
{
    if (is_none(arg[2])) return value_binary(in, OP_POW, arg[0], arg[1]);
    return pow_mod(in, arg[0], arg[1], arg[2]);
}

static value round_of(interp *in, const value *arg)
{
    value f;
    if (is_none(arg[1])) return value_unary(in, OP_ROUND, arg[0]);
    if (arg[0].kind == V_FLOAT) return float_round(in, arg[0].f, arg[1]);
    int has = value_findattr(in, arg[0], "__round__", &f);
    if (has < 0) return FAIL;
    if (!has)
        return throw(in, TypeError, "type %s doesn't define __round__ method",
                     type_of(in, arg[0])->name);
    value r = call_n(in, f, 1, arg[1]);
    value_unref(in, f);
    return r;
}

// clang-format off
const builtin builtin_reductions[] = {
    {"any(iterable, /)", any,
     "Whether some item is true; False of nothing."},
    {"all(iterable, /)", all,
     "Whether all items are true; True of nothing."},
    {"sorted(iterable, /, *, key=None, reverse=False)", sorted,
     "A list of the items, smallest first: by key(item), largest first with reverse. Equal items "
     "stay in their order."},
    {"sum(iterable, /, start=0)", sum,
     "The items added up, beginning with start."},
    {"min(*args, key=None, default=<unset>)", min,
     "The smallest item of an iterable, or of several arguments, by key(item); default of "
     "nothing."},
    {"max(*args, key=None, default=<unset>)", max,
     "The largest item of an iterable, or of several arguments, by key(item); default of nothing."},
    {"abs(x, /)", abs_of, "How far a number is from 0."},
    {"divmod(x, y, /)", divmod, "The quotient x // y and the remainder x % y."},
    {"pow(base, exp, mod=None)", power,
     "base ** exp, or with mod its remainder, found without the whole power."},
    {"round(number, ndigits=None)", round_of,
     "The number to ndigits decimals, of two equally near ones the even; an int without ndigits."},
    {0},
};
// clang-format on
