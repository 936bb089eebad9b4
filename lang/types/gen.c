/* lang/types/gen.c - generators and coroutines: a frame that keeps its registers.
 *
 * Over 600 lines: generators, coroutines and their kin are one frame with several faces, and what
 * drives it (send, throw, close) knows them all. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/trace.h"
#include "lang/types/gen.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

static gen *any_gen(value v)
{
    return (gen *)(void *)v.o;
}

gen *gen_new(interp *in, func *fn, frame *f)
{
    const bytecode *c = f->link->code;
    const type *t = c->flags & CODE_COROUTINE   ? &T_coroutine
                    : c->flags & CODE_ASYNC_GEN ? &T_async_generator
                                                : &T_generator;
    value *regs = items_grow(in, NULL, 0, c->nreg * sizeof *regs);
    gen *g = regs ? obj_new(in, t, 0) : NULL;
    if (!g) return items_free(in, regs, c->nreg * sizeof *regs), NULL;
    g->regs = regs;
    for (uint32_t i = 0; i < c->nreg; i++) {
        g->regs[i] = f->r[i];
        f->r[i].kind = V_FAIL;
    }
    g->f = *f;
    g->f.r = g->regs;
    g->f.temps = g->regs + c->nlocal;
    g->f.back = NULL;
    g->f.gen = g;
    g->f.flags = FRAME_GEN;
    g->f.link = link_ref(f->link);
    g->globals = obj_ref(f->globals);
    g->fn = obj_ref(fn);
    g->name = obj_ref(fn ? fn->name : f->link->name);
    g->qualname = obj_ref(fn ? fn->qualname : f->link->qualname);
    frame_pop(in);
    return g;
}

static const char *kind_of(const gen *g)
{
    return g->hdr.type == &T_coroutine         ? "coroutine"
           : g->hdr.type == &T_async_generator ? "async generator"
                                               : "generator";
}

/* ---- running ---- */

/* Continues g: *out is what it yields (1) or returns (0). */
static int run(interp *in, gen *g, value *out)
{
    if (!check_stack(in)) {
        g->state = g->f.ip == g->f.link->code->insn ? GEN_NEW : GEN_SUSPENDED;
        return -1;
    }
    obj_ref(g);
    *out = vm_run(in);
    int r = is_fail(*out) ? -1 : g->state == GEN_SUSPENDED;
    obj_unref(in, g);
    return r;
}

static bool busy(interp *in, const gen *g)
{
    if (g->state != GEN_RUNNING) return false;
    throw(in, ValueError, "%s already executing", kind_of(g));
    return true;
}

int gen_send(interp *in, gen *g, value send, value *out)
{
    if (busy(in, g)) return -1;
    if (g->state == GEN_DONE) {
        if (g->hdr.type == &T_coroutine) {
            return THROWN(in, RuntimeError, "cannot reuse already awaited coroutine");
        }
        *out = NONE;
        return 0;
    }
    if (g->state == GEN_NEW && !is_none(send)) {
        return THROWN(in, TypeError, "can't send non-None value to a just-started %s", kind_of(g));
    }
    if (!gen_enter(in, g, send)) return -1;
    return run(in, g, out);
}

/* The iterator a suspended generator delegates to: borrowed, FAIL when to none. */
static value delegate(const gen *g)
{
    if (g->state != GEN_SUSPENDED || g->f.ip->op != I_YIELD || !(g->f.ip->x & 1)) return FAIL;
    return g->regs[g->f.ip->b];
}

static int throw_into(interp *in, gen *g, value x, value *out);

/* Sends an exception to the delegate of g. 1 it yielded; 0 it returned *out; -1 it raised. */
static int throw_on(interp *in, value it, value x, value *out)
{
    gen *g = as_gen(it);
    if (g) return throw_into(in, g, x, out);
    value f;
    int has = value_findattr(in, it, "throw", &f);
    if (has < 0) {
        value_unref(in, x);
        return -1;
    }
    if (!has) {
        exc_raise(in, x);
        return -1;
    }
    *out = call_n(in, f, 1, x);
    value_unref(in, f);
    value_unref(in, x);
    if (!is_fail(*out)) return 1;
    return stop_value(in, out) ? 0 : -1;
}

/* Closes a delegate as GeneratorExit demands. */
static bool close_on(interp *in, value it)
{
    value f, r = NONE;
    int has = value_findattr(in, it, "close", &f);
    if (has == 1) {
        r = call_n(in, f, 0);
        value_unref(in, f);
    }
    value_unref(in, r);
    return has >= 0 && !is_fail(r);
}

/* Raises x where g stands. Takes x. */
static int raise_in(interp *in, gen *g, value x, value *out)
{
    if (g->state == GEN_NEW || g->state == GEN_DONE) {
        if (g->state == GEN_NEW) gen_end(in, g);
        exc_raise(in, x);
        return -1;
    }
    if (!gen_enter(in, g, NONE)) {
        value_unref(in, x);
        return -1;
    }
    g->f.flags |= FRAME_THROW;
    exc_raise(in, x);
    return run(in, g, out);
}

static int throw_into(interp *in, gen *g, value x, value *out)
{
    if (busy(in, g)) {
        value_unref(in, x);
        return -1;
    }
    value it = value_ref(delegate(g));
    if (is_fail(it)) return raise_in(in, g, x, out);
    g->state = GEN_RUNNING;
    int r;
    if (as_obj(x, exc_type(GeneratorExit))) {
        bool ok = close_on(in, it);
        r = -1;
        if (ok)
            exc_raise(in, x);
        else
            value_unref(in, x);
    } else
        r = throw_on(in, it, x, out);
    value_unref(in, it);
    g->state = GEN_SUSPENDED;
    if (r == 1) return 1;
    if (r == 0) { /* the delegate returned: its value is that of `yield from` */
        value v = *out;
        bool ok = gen_enter(in, g, v);
        value_unref(in, v);
        if (!ok) return -1;
        gen_skip_delegate(in, g);
        return run(in, g, out);
    }
    return raise_in(in, g, exc_take(in), out);
}

value gen_throw(interp *in, value v, value x)
{
    value out;
    gen *g = any_gen(v);
    int r = throw_into(in, g, x, &out);
    if (r == 1) return out;
    if (r == 0) throw_stop(in, out);
    return FAIL;
}

void throw_stop(interp *in, value v)
{
    value x = is_none(v) ? call_n(in, v_type(exc_type(StopIteration)), 0)
                         : call_n(in, v_type(exc_type(StopIteration)), 1, v);
    value_unref(in, v);
    if (!is_fail(x)) exc_raise(in, x);
}

bool stop_value(interp *in, value *out)
{
    if (!exc_is(in, StopIteration)) return false;
    value x = exc_take(in);
    value v = as_exc(x)->field[0];
    *out = is_fail(v) ? NONE : value_ref(v);
    value_unref(in, x);
    return true;
}

bool gen_close(interp *in, gen *g)
{
    if (g->state == GEN_DONE) return true;
    if (g->state == GEN_NEW) {
        gen_end(in, g);
        return true;
    }
    value out, x = exc_new(in, GeneratorExit, "");
    if (is_fail(x)) return false;
    obj_unref(in, as_exc(x)->args);
    as_exc(x)->args = tuple_new(in, 0);
    int r = throw_into(in, g, x, &out);
    if (r == 1) {
        value_unref(in, out);
        throw(in, RuntimeError, "%s ignored GeneratorExit", kind_of(g));
        return false;
    }
    if (r == 0) {
        value_unref(in, out);
        return true;
    }
    if (!exc_is(in, GeneratorExit) && !exc_is(in, StopIteration)) return false;
    exc_clear(in);
    return true;
}

void gen_end(interp *in, gen *g)
{
    if (g->regs) {
        const uint32_t n = g->f.link->code->nreg;
        registers_clear(in, g->regs, 0, n);
        items_free(in, g->regs, n * sizeof *g->regs);
    }
    g->regs = NULL;
    g->state = GEN_DONE;
}

/* ---- the types ---- */

static bool needs_cleanup(const gen *g)
{
    const bytecode *c = g->f.link->code;
    uint32_t at = frame_at(&g->f);
    for (uint32_t i = 0; i < c->nrange; i++) {
        if (at >= c->range[i].from && at < c->range[i].to) return true;
    }
    return !is_fail(delegate(g));
}

static void drop(interp *in, obj *o)
{
    gen *g = (gen *)(void *)o;
    if (g->state == GEN_SUSPENDED && needs_cleanup(g) && !in->in_sweep) {
        value pending = exc_take(in);
        o->rc = 1u << 30; /* alive while its finally clauses run */
        if (!gen_close(in, g)) exc_clear(in);
        o->rc = 0;
        in->exc = pending;
    }
    if (g->f.handled.kind != V_FAIL && g->state != GEN_DONE) {
        in->nhandling--;
        value_unref(in, g->f.handled);
    }
    if (g->state != GEN_DONE) gen_end(in, g);
    link_unref(in, g->f.link);
    obj_unref(in, g->globals);
    obj_unref(in, g->fn);
    obj_unref(in, g->name);
    obj_unref(in, g->qualname);
}

static void visit(obj *o, visitor f, void *ctx)
{
    gen *g = (gen *)(void *)o;
    for (uint32_t i = 0; g->regs && g->state != GEN_RUNNING && i < g->f.link->code->nreg; i++) {
        f(g->regs[i], ctx);
    }
    if (g->fn) f(OBJ(g->fn), ctx);
    if (g->globals) f(OBJ(g->globals), ctx);
}

static value repr(interp *in, value self)
{
    gen *g = any_gen(self);
    return v_obj(
        str_fmt(in, "<%s object %s at %p>", g->hdr.type->name, g->qualname->at, (void *)self.o));
}

static value iter(interp *in, value self)
{
    (void)in;
    return value_ref(self);
}

static value next(interp *in, value self)
{
    value out;
    int r = gen_send(in, any_gen(self), NONE, &out);
    if (r == 1) return out;
    if (r == 0) stop_keep(in, out);
    return FAIL;
}

void stop_keep(interp *in, value v)
{
    stop_clear(in);
    in->stop = v;
}

void stop_clear(interp *in)
{
    value old = in->stop;
    in->stop = FAIL;
    value_unref(in, old);
}

value next_or_stop(interp *in, value it)
{
    const type *t = type_of(in, it);
    if (!t->next) return throw(in, TypeError, "'%s' object is not an iterator", t->name);
    stop_clear(in);
    value v = t->next(in, it);
    if (!is_fail(v) || throwing(in)) return v;
    value last = is_fail(in->stop) ? NONE : in->stop;
    in->stop = FAIL;
    throw_stop(in, last);
    return FAIL;
}

static value send(interp *in, const value *arg)
{
    value out;
    int r = gen_send(in, any_gen(arg[0]), arg[1], &out);
    if (r == 0) throw_stop(in, out);
    return r == 1 ? out : FAIL;
}

/* throw(type[, value[, traceback]]) */
static value throw_method(interp *in, const value *arg)
{
    value x = arg[1];
    if (is_exc_class(x)) {
        if (!is_fail(arg[2]) && as_exc(arg[2]))
            x = value_ref(arg[2]);
        else if (is_fail(arg[2]) || is_none(arg[2]))
            x = value_call(in, x, NULL, 0, NULL);
        else
            x = call_n(in, x, 1, arg[2]);
        if (is_fail(x)) return FAIL;
    } else if (!as_exc(x)) {
        return throw(in, TypeError,
                     "exceptions must be classes or instances deriving from BaseException, not %s",
                     type_of(in, x)->name);
    } else
        value_ref(x);
    return gen_throw(in, arg[0], x);
}

static value close_method(interp *in, const value *arg)
{
    return gen_close(in, any_gen(arg[0])) ? NONE : FAIL;
}

static value name(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(any_gen(arg[0])->name));
}

static value qualname(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(any_gen(arg[0])->qualname));
}

static value running(interp *in, const value *arg)
{
    (void)in;
    return v_bool(any_gen(arg[0])->state == GEN_RUNNING);
}

static value gi_code(interp *in, const value *arg)
{
    return code_value(in, any_gen(arg[0])->f.link);
}

static value gi_frame(interp *in, const value *arg)
{
    gen *g = any_gen(arg[0]);
    if (g->state == GEN_DONE) return NONE;
    uint32_t at = g->state == GEN_NEW ? 0 : frame_at(&g->f);
    return frame_object(in, g->f.link, at, g->f.globals);
}

static value suspended(interp *in, const value *arg)
{
    (void)in;
    return v_bool(any_gen(arg[0])->state == GEN_SUSPENDED);
}

static value yield_from(interp *in, const value *arg)
{
    (void)in;
    value v = delegate(any_gen(arg[0]));
    return is_fail(v) ? NONE : value_ref(v);
}

static value await_self(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[0]);
}

static const builtin gen_table[] = {
    {"send(self, value, /)", send, NULL},
    {"throw(self, type, value=<unset>, traceback=<unset>, /)", throw_method, NULL},
    {"close(self, /)", close_method, NULL},
    {"@property __name__", name, NULL},
    {"@property __qualname__", qualname, NULL},
    {"@property gi_running", running, NULL},
    {"@property gi_suspended", suspended, NULL},
    {"@property gi_code", gi_code, NULL},
    {"@property gi_frame", gi_frame, NULL},
    {"@property gi_yieldfrom", yield_from, NULL},
    {0},
};

static const builtin coroutine_table[] = {
    {"send(self, value, /)", send, NULL},
    {"throw(self, type, value=<unset>, traceback=<unset>, /)", throw_method, NULL},
    {"close(self, /)", close_method, NULL},
    {"__await__(self, /)", await_self, NULL},
    {"@property __name__", name, NULL},
    {"@property __qualname__", qualname, NULL},
    {"@property cr_running", running, NULL},
    {"@property cr_suspended", suspended, NULL},
    {"@property cr_code", gi_code, NULL},
    {"@property cr_frame", gi_frame, NULL},
    {"@property cr_await", yield_from, NULL},
    {0},
};

#define GEN_SLOTS                                                                                  \
    .module = "builtins", .size = sizeof(gen), .flags = TYPE_GC, .drop = drop, .visit = visit,     \
    .repr = repr, .hash = object_hash, .compare = object_compare

const type T_generator = {TYPE_HEAD,          .name = "generator", GEN_SLOTS,
                          .table = gen_table, .iter = iter,        .next = next};
const type T_coroutine = {TYPE_HEAD, .name = "coroutine", GEN_SLOTS, .table = coroutine_table};

/* ---- asynchronous generators ---- */

typedef struct anext { /* what __anext__, asend, athrow and aclose give: awaitable */
    obj hdr;
    gen *g;
    value arg;
    char mode; /* 's'end, 't'hrow, 'c'lose */
    bool started, done;
} anext;

static value step_new(interp *in, value g, value arg, char mode)
{
    anext *a = obj_new(in, &T_async_step, 0);
    if (!a) return FAIL;
    a->g = obj_ref(any_gen(g));
    a->arg = value_ref(arg);
    a->mode = mode;
    return v_obj(a);
}

static void step_drop(interp *in, obj *o)
{
    obj_unref(in, ((anext *)(void *)o)->g);
    value_unref(in, ((anext *)(void *)o)->arg);
}

static void step_visit(obj *o, visitor f, void *ctx)
{
    f(OBJ(((anext *)(void *)o)->g), ctx);
    f(((anext *)(void *)o)->arg, ctx);
}

/* The generator stopped: at a yield of its own (*out is the awaited result), or waiting. */
static int step_result(interp *in, anext *a, int r, value *out)
{
    if (r == 1 && !(a->g->f.ip->x & 1)) {
        a->done = true;
        if (a->mode != 'c') return 0;
        value_unref(in, *out);
        return THROWN(in, RuntimeError, "async generator ignored GeneratorExit");
    }
    if (r == 1) return 1;
    a->done = true;
    if (r == 0) {
        value_unref(in, *out);
        *out = NONE;
        if (a->mode == 'c') return 0;
        exc_raise(in, v_type(exc_type(StopAsyncIteration)));
        return -1;
    }
    if (a->mode == 'c' && (exc_is(in, StopAsyncIteration) || exc_is(in, GeneratorExit))) {
        exc_clear(in);
        *out = NONE;
        return 0;
    }
    return -1;
}

int async_step(interp *in, value self, value sent, value *out)
{
    anext *a = (anext *)(void *)self.o;
    gen *g = a->g;
    if (a->done)
        return THROWN(in, RuntimeError, "cannot reuse already awaited __anext__()/asend()");
    if (a->started) return step_result(in, a, gen_send(in, g, sent, out), out);
    a->started = true;
    if (g->state == GEN_DONE) {
        *out = NONE;
        return step_result(in, a, 0, out);
    }
    if (a->mode == 's') return step_result(in, a, gen_send(in, g, a->arg, out), out);
    value x = a->mode == 'c' ? value_call(in, v_type(exc_type(GeneratorExit)), NULL, 0, NULL)
              : is_exc_class(a->arg) ? value_call(in, a->arg, NULL, 0, NULL)
                                     : value_ref(a->arg);
    if (is_fail(x)) return -1;
    return step_result(in, a, throw_into(in, g, x, out), out);
}

static value step_next(interp *in, value self)
{
    value out;
    int r = async_step(in, self, NONE, &out);
    if (r == 1) return out;
    if (r == 0) throw_stop(in, out);
    return FAIL;
}

static value step_send(interp *in, const value *arg)
{
    value out;
    int r = async_step(in, arg[0], arg[1], &out);
    if (r == 1) return out;
    if (r == 0) throw_stop(in, out);
    return FAIL;
}

static value step_throw(interp *in, const value *arg)
{
    anext *a = (anext *)(void *)arg[0].o;
    value out, x = is_exc_class(arg[1]) ? value_call(in, arg[1], NULL, 0, NULL) : value_ref(arg[1]);
    if (is_fail(x)) return FAIL;
    a->started = true;
    int r = step_result(in, a, throw_into(in, a->g, x, &out), &out);
    if (r == 1) return out;
    if (r == 0) throw_stop(in, out);
    return FAIL;
}

static const builtin step_table[] = {
    {"__await__(self, /)", await_self, NULL},
    {"send(self, value, /)", step_send, NULL},
    {"throw(self, type, value=<unset>, traceback=<unset>, /)", step_throw, NULL},
    {0},
};

const type T_async_step = {TYPE_HEAD,
                           .name = "async_generator_asend",
                           .module = "builtins",
                           .size = sizeof(anext),
                           .flags = TYPE_GC,
                           .table = step_table,
                           .drop = step_drop,
                           .visit = step_visit,
                           .iter = iter,
                           .next = step_next,
                           .hash = object_hash,
                           .compare = object_compare};

static value ag_next(interp *in, const value *arg)
{
    return step_new(in, arg[0], NONE, 's');
}

static value ag_send(interp *in, const value *arg)
{
    return step_new(in, arg[0], arg[1], 's');
}

static value ag_throw(interp *in, const value *arg)
{
    return step_new(in, arg[0], arg[1], 't');
}

static value ag_close(interp *in, const value *arg)
{
    return step_new(in, arg[0], NONE, 'c');
}

static const builtin async_table[] = {
    {"__aiter__(self, /)", await_self, NULL},
    {"__anext__(self, /)", ag_next, NULL},
    {"asend(self, value, /)", ag_send, NULL},
    {"athrow(self, type, value=<unset>, traceback=<unset>, /)", ag_throw, NULL},
    {"aclose(self, /)", ag_close, NULL},
    {"@property ag_running", running, NULL},
    {"@property ag_code", gi_code, NULL},
    {"@property ag_frame", gi_frame, NULL},
    {"@property ag_await", yield_from, NULL},
    {"@property __name__", name, NULL},
    {"@property __qualname__", qualname, NULL},
    {0},
};

const type T_async_generator = {TYPE_HEAD, .name = "async_generator", GEN_SLOTS,
                                .table = async_table};

/* ---- for the loop ---- */

value yield_iter(interp *in, value v, frame *f)
{
    if (as_gen(v) && v.o->type == &T_generator) return value_ref(v);
    if (v.kind == V_OBJ && v.o->type == &T_coroutine) {
        if (f->link->code->flags & CODE_COROUTINE) return value_ref(v);
        return throw(in, TypeError,
                     "cannot 'yield from' a coroutine object in a non-coroutine generator");
    }
    return value_iter(in, v);
}

value await_iter(interp *in, value v, int kind)
{
    const type *t = type_of(in, v);
    if (t == &T_coroutine) {
        if (!is_fail(delegate(any_gen(v)))) {
            return throw(in, RuntimeError, "coroutine is being awaited already");
        }
        return value_ref(v);
    }
    value f = type_lookup(in, t, in->name.__await__);
    if (is_fail(f)) {
        if (kind) {
            return throw(
                in, TypeError,
                "'async with' received an object from %s that does not implement __await__: %s",
                kind == 1 ? "__aenter__" : "__aexit__", t->name);
        }
        return throw(in, TypeError, "object %s can't be used in 'await' expression", t->name);
    }
    value it = call_n(in, f, 1, v);
    if (is_fail(it) || type_of(in, it)->next || as_gen(it)) return it;
    throw(in, TypeError, "__await__() returned non-iterator of type '%s'", type_of(in, it)->name);
    value_unref(in, it);
    return FAIL;
}

value async_iter(interp *in, value v)
{
    value f = type_lookup(in, type_of(in, v), in->name.__aiter__);
    if (is_fail(f)) {
        return throw(in, TypeError, "'async for' requires an object with __aiter__ method, got %s",
                     type_of(in, v)->name);
    }
    return call_n(in, f, 1, v);
}

value async_next(interp *in, value it)
{
    value f = type_lookup(in, type_of(in, it), in->name.__anext__);
    if (is_fail(f)) {
        return throw(in, TypeError,
                     "'async for' requires an iterator with __anext__ method, got %s",
                     type_of(in, it)->name);
    }
    return call_n(in, f, 1, it);
}

int iter_send(interp *in, value it, value sent, value *out)
{
    const type *t = type_of(in, it);
    if (t == &T_async_step) return async_step(in, it, sent, out);
    if (is_none(sent) && t->next) {
        stop_clear(in);
        *out = t->next(in, it);
        if (!is_fail(*out)) return 1;
        if (throwing(in)) return stop_value(in, out) ? 0 : -1;
        *out = NONE;
        if (!is_fail(in->stop)) {
            *out = in->stop;
            in->stop = FAIL;
        }
        return 0;
    }
    *out = call_method(in, it, "send", 1, sent);
    if (!is_fail(*out)) return 1;
    return stop_value(in, out) ? 0 : -1;
}
