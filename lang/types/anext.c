/* lang/types/anext.c - aiter() and anext(); the awaitable that anext() gives with a default. */
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/gen.h"
#include "lang/types/iter.h"
#include "lang/vm.h"

typedef struct step { /* anext(it, default): what it awaits, then one of its own steps */
    obj hdr;
    value of, otherwise;
    value it; /* FAIL: not begun */
} step;

static const type T_anext_awaitable;

static value aiter(interp *in, const value *arg)
{
    value f = type_lookup(in, type_of(in, arg[0]), in->name.__aiter__);
    if (is_fail(f)) {
        return throw(in, TypeError, "'%s' object is not an async iterable", type_said(in, arg[0]));
    }
    value it = call_n(in, f, 1, arg[0]);
    if (is_fail(it) || !is_fail(type_lookup(in, type_of(in, it), in->name.__anext__))) return it;
    throw(in, TypeError, "aiter() returned not an async iterator of type '%s'", type_said(in, it));
    value_unref(in, it);
    return FAIL;
}

static value anext(interp *in, const value *arg)
{
    value f = type_lookup(in, type_of(in, arg[0]), in->name.__anext__);
    if (is_fail(f)) {
        return throw(in, TypeError, "'%s' object is not an async iterator", type_said(in, arg[0]));
    }
    value awaitable = call_n(in, f, 1, arg[0]);
    if (is_fail(awaitable) || is_fail(arg[1])) return awaitable;
    step *s = obj_new(in, &T_anext_awaitable, 0);
    if (!s) {
        value_unref(in, awaitable);
        return FAIL;
    }
    s->of = awaitable;
    s->otherwise = value_ref(arg[1]);
    return v_obj(s);
}

static void drop(interp *in, obj *o)
{
    step *s = (step *)(void *)o;
    value_unref(in, s->of);
    value_unref(in, s->otherwise);
    value_unref(in, s->it);
}

static void visit(obj *o, visitor f, void *ctx)
{
    step *s = (step *)(void *)o;
    f(s->of, ctx);
    f(s->otherwise, ctx);
    f(s->it, ctx);
}

static value next(interp *in, value self)
{
    step *s = (step *)(void *)self.o;
    value out;
    if (is_fail(s->it) && is_fail(s->it = await_iter(in, s->of, 0))) return FAIL;
    int r = iter_send(in, s->it, NONE, &out);
    if (r == 1) return out;
    if (r < 0) {
        if (!exc_is(in, StopAsyncIteration)) return FAIL;
        exc_clear(in);
        out = value_ref(s->otherwise);
    }
    throw_stop(in, out);
    return FAIL;
}

static value send(interp *in, const value *arg)
{
    return next(in, arg[0]);
}

static value await_it(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[0]);
}

static const builtin table[] = {
    {"__await__(self, /)", await_it, NULL},
    {"send(self, value, /)", send, NULL},
    {0},
};

static const type T_anext_awaitable = {
    TYPE_HEAD,
    .name = "anext_awaitable",
    .module = "builtins",
    .size = sizeof(step),
    .flags = TYPE_GC,
    .table = table,
    .drop = drop,
    .visit = visit,
    .iter = iter_self,
    .next = next,
    .hash = object_hash,
    .compare = object_compare,
};

const builtin builtin_async[] = {
    {"aiter(async_iterable, /)", aiter, "The asynchronous iterator of an object."},
    {"anext(async_iterator, default=<unset>, /)", anext,
     "Awaits the next item; at the end the default, or StopAsyncIteration."},
    {0},
};
