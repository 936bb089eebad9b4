/* lang/exc.c - raising: the pending exception of an interpreter, from C and from engine errors.
 *
 * Invariant: in->exc is FAIL or an exception instance with its __context__ filled. */
#include "lang/exc.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/frame.h"
#include "lang/types/dunder.h"
#include "lang/types/klass.h"

/* All exceptions have one layout, and one function that lets go of it. */
static bool is_exc_type(const type *t)
{
    if (t->flags & TYPE_HEAP) t = ((const klass *)(const void *)t)->native;
    return t->drop == exc_type(BaseException)->drop;
}

exc *as_exc(value v)
{
    return v.kind == V_OBJ && is_exc_type(v.o->type) ? (exc *)(void *)v.o : NULL;
}

bool is_exc_class(value v)
{
    const type *t = as_type(v);
    return t && is_exc_type(t);
}

bool throwing(const interp *in)
{
    return !is_fail(in->exc);
}

value exc_take(interp *in)
{
    value v = in->exc;
    in->exc = FAIL;
    return v;
}

/* Whoever clears what an attempt of his raised did not mean a Ctrl-C that came in between: it is
 * raised again where somebody listens next. */
void exc_clear(interp *in)
{
    const bool struck = in->struck && exc_is(in, KeyboardInterrupt);
    value was = exc_take(in);
    if (struck && was.o == in->struck && in->host.signal) {
        in->struck = NULL;
        atomic_store((_Atomic int *)(uintptr_t)in->host.signal, 1);
    }
    value_unref(in, was);
}

void exc_overtaken(interp *in)
{
    if (in->trapped) return;
    value was = exc_take(in);
    if (check_interrupt(in))
        in->exc = was;
    else
        value_unref(in, was);
}

bool exc_matches(interp *in, value v, const type *t)
{
    (void)in;
    return as_obj(v, t) != NULL;
}

bool exc_is(const interp *in, enum err_kind kind)
{
    return as_obj(in->exc, exc_type(kind)) != NULL;
}

value exc_handled(interp *in)
{
    if (in->nhandling == 0) return FAIL;
    for (frame *f = in->frame; f; f = f->back) {
        if (!is_fail(f->handled)) return f->handled;
    }
    return FAIL;
}

/* x.__context__ = handled, without making a ring. */
static void set_context(interp *in, exc *x, value handled)
{
    exc *h = as_exc(handled);
    if (!h || h == x) return;
    for (exc *p = h, *next; (next = as_exc(p->context)); p = next) {
        if (next != x) continue;
        value_unref(in, p->context);
        p->context = FAIL;
        break;
    }
    value old = x->context;
    x->context = value_ref(handled);
    value_unref(in, old);
}

void exc_raise(interp *in, value v)
{
    if (is_exc_class(v)) {
        value made = value_call(in, v, NULL, 0, NULL);
        value_unref(in, v);
        if (is_fail(made)) return;
        v = made;
    }
    exc *x = as_exc(v);
    if (!x) {
        value_unref(in, v);
        throw(in, TypeError, "exceptions must derive from BaseException");
        return;
    }
    set_context(in, x, exc_handled(in));
    value old = in->exc;
    in->exc = v;
    value_unref(in, old);
}

value throw_value(interp *in, value v)
{
    exc_raise(in, value_ref(v));
    return FAIL;
}

value exc_new(interp *in, enum err_kind kind, const char *msg)
{
    value s = v_str(in, msg);
    if (is_fail(s)) return FAIL;
    value x = call_n(in, v_type(exc_type(kind)), 1, s);
    value_unref(in, s);
    return x;
}

/* The instance for a message, without calling anything that could fail in turn. */
static value exc_of_text(interp *in, enum err_kind kind, const char *s, size_t n)
{
    if (in->depth < 0) return FAIL;
    exc *x = obj_new(in, exc_type(kind), 0);
    if (!x) return FAIL;
    str *msg = n || kind != MemoryError ? str_new(in, s, n) : NULL;
    x->args = msg ? tuple_pack(in, 1, v_obj(msg)) : tuple_new(in, 0);
    exc_fill(in, x, NULL);
    return v_obj(x);
}

/* "[Errno 2] No such file or directory: 'x'" fills errno, strerror and filename */
static value exc_of_errno(interp *in, enum err_kind kind, const char *s)
{
    int code = 0, at = 0;
    if (sscanf(s, "[Errno %d] %n", &code, &at) != 1 || at == 0) return FAIL;
    const char *text = s + at, *quote = strstr(text, ": '");
    size_t n = quote ? (size_t)(quote - text) : strlen(text), len = strlen(text);
    if (quote && text[len - 1] != '\'') return FAIL;
    value a[3] = {v_int(code), v_obj(str_new(in, text, n)),
                  quote ? v_obj(str_new(in, quote + 3, len - n - 4)) : FAIL};
    value x = value_call(in, v_type(exc_type(kind)), a, quote ? 3 : 2, NULL);
    for (int i = 0; i < 3; i++) value_unref(in, a[i]);
    return x;
}

static value throw_text(interp *in, enum err_kind kind, const char *s, size_t n)
{
    value x = FAIL;
    if (n > 8 && type_is_sub(exc_type(kind), exc_type(OSError)) && memcmp(s, "[Errno ", 7) == 0) {
        x = exc_of_errno(in, kind, s);
    }
    if (is_fail(x)) x = exc_of_text(in, kind, s, n);
    if (!is_fail(x)) exc_raise(in, x);
    return FAIL;
}

value throw(interp * in, enum err_kind kind, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    throw_text(in, kind, sb_text(&b), b.n);
    sb_clear(&b);
    return FAIL;
}

value throw_key(interp *in, value key)
{
    value x = call_n(in, v_type(exc_type(KeyError)), 1, key);
    if (!is_fail(x)) exc_raise(in, x);
    return FAIL;
}

value throw_err(interp *in, err *e)
{
    if (e->exc) {
        value x = exc_of_datum(in, e->exc);
        if (!is_fail(x)) exc_raise(in, x);
    } else if (e->kind != NO_ERR || !throwing(in)) {
        const char *msg = e->msg ? e->msg : "";
        if (e->kind == KeyboardInterrupt && in->host.interrupted) { /* taken note of */
            in->host.interrupted(in->host.ctx);
            hurry(in);
        }
        throw_text(in, e->kind == NO_ERR ? SystemError : e->kind, msg, strlen(msg));
        if (e->kind == KeyboardInterrupt && in->exc.kind == V_OBJ) in->struck = in->exc.o;
    }
    err_clear(e);
    return FAIL;
}

static value throw_attr_text(interp *in, value on, str *name, const char *msg, size_t n)
{
    exc *x = (exc *)exc_of_text(in, AttributeError, msg, n).o;
    if (!x) return FAIL;
    x->field[0] = value_ref((value){.kind = V_OBJ, .o = &name->hdr});
    x->field[1] = value_ref(on);
    exc_raise(in, v_obj(x));
    return FAIL;
}

value throw_attribute(interp *in, value on, str *name, const char *fmt, const char *what)
{
    strbuf b = {0};
    sb_addf(&b, fmt, what, name->at);
    throw_attr_text(in, on, name, sb_text(&b), b.n);
    sb_clear(&b);
    return FAIL;
}

value throw_attr(interp *in, value on, str *name)
{
    const char *fmt = "'%s' object has no attribute '%s'";
    const type *t = type_of(in, on);
    strbuf full = {0};
    sb_addf(&full, TYPE_FMT, TYPE_ARG(t));
    throw_attribute(in, on, name, fmt, sb_text(&full));
    sb_clear(&full);
    return FAIL;
}

enum err_kind exc_kind(const type *t)
{
    while (t->flags & TYPE_HEAP) t = ((const klass *)(const void *)t)->native;
    const type *first = exc_type(BaseException);
    return t >= first && t < first + (NERR - BaseException)
               ? (enum err_kind)(t - first) + BaseException
               : Exception;
}

void exc_to_err(interp *in, err *e)
{
    value v = exc_take(in);
    exc *x = as_exc(v);
    if (!x) return;
    str *s = exc_str(in, x);
    if (!s) exc_clear(in);
    err_set(e, exc_kind(x->hdr.type), "%s", s ? s->at : "");
    if (!e->exc) e->exc = exc_freeze(in, v);
    obj_unref(in, s);
    value_unref(in, v);
}
