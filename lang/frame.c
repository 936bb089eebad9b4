/* lang/frame.c - frames: registers in segments on the heap, calls of Python functions from C,
 * binding of arguments with CPython's errors. */
#include "lang/frame.h"

#include <string.h>

#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/frame_fast.h"
#include "lang/profile.h"
#include "lang/threads.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/words.h"

enum {
    FEW_FRAMES = 32,
    MANY_FRAMES = 1 << 12,
    MOST_FRAMES = 1 << 15,
    FIRST_SEGMENT = 1024,
    NEXT_SEGMENT = 32 * 1024
};

typedef struct segment {
    struct segment *prev;
    value at[];
} segment;

typedef struct frame_block {
    struct frame_block *next;
    int n;
    frame at[];
} frame_block;

/* ---- memory ---- */

static frame *frame_alloc(interp *in)
{
    if (!in->spare_frames) {
        frame_block *last = in->frame_blocks; /* large ones go back to the system when freed */
        int n = !last ? FEW_FRAMES : last->n < MOST_FRAMES ? 2 * last->n : last->n;
        frame_block *b = mem_alloc(sizeof *b + (size_t)n * sizeof b->at[0]);
        b->n = n;
        b->next = last;
        in->frame_blocks = b;
        for (int i = 0; i < n; i++) {
            b->at[i] = (frame){.back = in->spare_frames};
            in->spare_frames = &b->at[i];
        }
    }
    frame *f = in->spare_frames;
    in->spare_frames = f->back;
    return f;
}

static value *segment_open(interp *in, uint32_t need)
{
    size_t n = in->segment ? NEXT_SEGMENT : FIRST_SEGMENT;
    if (n < need) n = need;
    segment *s = mem_zero(sizeof *s + n * sizeof(value)); /* V_FAIL: no objects */
    s->prev = in->segment;
    in->segment = s;
    in->stack_end = s->at + n;
    return s->at;
}

static void segment_close(interp *in, value *old_end)
{
    segment *s = in->segment;
    in->segment = s->prev;
    in->stack_end = old_end;
    mem_free(s);
}

void segments_close(interp *in)
{
    while (in->segment) segment_close(in, NULL);
}

static void frames_free(interp *in)
{
    for (frame_block *b = in->frame_blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    in->frame_blocks = NULL;
    in->spare_frames = NULL;
}

void frames_close(interp *in)
{
    segments_close(in);
    frames_free(in);
}

void frames_give_back(interp *in)
{
    bool many = in->frame_blocks && in->frame_blocks->n > MANY_FRAMES;
    if (many && !in->frame && !threads_several(in)) frames_free(in);
}

value *stack_start(interp *in)
{
    return in->segment ? in->segment->at : NULL;
}

void registers_clear(interp *in, value *r, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        value v = r[i];
        r[i].kind = V_FAIL;
        value_unref(in, v);
    }
}

/* ---- push and pop ---- */

frame *frame_push(interp *in, link *l, value *r, uint32_t nargs)
{
    uint32_t nreg = l->code->nreg;
    if (in->depth >= in->limit) {
        return THROW0(in, RecursionError, "maximum recursion depth exceeded");
    }
    if (!l->k) link_fill(in, l);
    frame *back = in->frame;
    value *old = in->stack_end, *at = r ? r : back ? back->top : NULL;
    if (!at && in->segment) at = in->segment->at;
    bool full = !at || in->stack_end - at < (ptrdiff_t)nreg;
    if (full && back && safe_point_due(in) && !check_interrupt(in)) return NULL; /* deep down */
    frame *f = frame_alloc(in);
    f->flags = 0;
    if (full) {
        at = segment_open(in, nreg);
        f->flags = FRAME_SEGMENT;
        f->old_end = old;
        for (uint32_t i = 0; r && i < nargs; i++) {
            at[i] = r[i];
            r[i].kind = V_FAIL;
        }
    }
    for (uint32_t i = nargs; i < l->code->nlocal; i++) at[i].kind = V_FAIL;
    in->depth++;
    f->r = at;
    f->top = at + nreg;
    f->link = l;
    f->k = l->k;
    f->temps = at + l->code->nlocal;
    f->ip = l->start; /* the first one comes next */
    f->fn = NULL;
    f->back = back;
    f->gen = NULL;
    in->frame = f;
    if (in->profile && !(l->code->flags & (CODE_GENERATOR | CODE_COROUTINE | CODE_ASYNC_GEN)))
        profile_enter(in, f);
    return f;
}

/* What every end of a frame has in common; its registers are clear already. */
static void frame_end(interp *in, frame *f)
{
    if (f->flags & FRAME_NOTED) profile_leave(in, f);
    in->frame = f->back;
    in->depth--;
    if (f->handled.kind != V_FAIL) {
        in->nhandling--;
        value v = f->handled;
        f->handled.kind = V_FAIL;
        value_unref(in, v);
    }
    if (f->flags & FRAME_SEGMENT) segment_close(in, f->old_end);
    if (f->flags & FRAME_FN) obj_unref(in, f->fn);
    if (f->flags & FRAME_LINK) link_unref(in, f->link);
    if (f->flags & FRAME_GEN) return;
    f->flags = 0;
    f->ns.kind = V_FAIL;
    f->back = in->spare_frames;
    in->spare_frames = f;
}

void frame_pop(interp *in)
{
    frame *f = in->frame;
    uint32_t n = f->link->code->nreg;
    for (value *v = f->r, *end = v + n; v < end; v++) {
        if (v->kind != V_OBJ) continue;
        value old = *v;
        v->kind = V_FAIL;
        value_unref(in, old);
    }
    frame_end(in, f);
}

/* ---- binding ---- */

static const char *quoted(strbuf *b, const bytecode *c, const uint32_t *which, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *sep = i == 0 ? "" : n == 2 ? " and " : i + 1 == n ? ", and " : ", ";
        sb_addf(b, "%s'%s'", sep, c->local[which[i]]);
    }
    return sb_text(b);
}

static bool throw_missing(interp *in, func *f, const value *r, uint32_t from, uint32_t to,
                          const char *kind)
{
    const bytecode *c = f->link->code;
    uint32_t *which = mem_alloc((to - from + 1) * sizeof *which), n = 0;
    for (uint32_t i = from; i < to; i++) {
        if (r[i].kind == V_FAIL) which[n++] = i;
    }
    strbuf b = {0};
    throw(in, TypeError, "%s() missing %u required %s argument%s: %s", f->qualname->at, n, kind,
          n == 1 ? "" : "s", quoted(&b, c, which, n));
    sb_clear(&b);
    mem_free(which);
    return false;
}

static bool throw_too_many(interp *in, func *f, size_t npos, const value *r)
{
    const bytecode *c = f->link->code;
    uint32_t ndef = f->defaults ? (uint32_t)f->defaults->n : 0, kwgiven = 0;
    for (uint32_t i = c->argcount; i < c->argcount + c->kwonly; i++) kwgiven += r[i].kind != V_FAIL;
    bool plural = ndef ? true : c->argcount != 1;
    strbuf takes = {0}, more = {0};
    if (ndef)
        sb_addf(&takes, "from %u to %u", c->argcount - ndef, c->argcount);
    else
        sb_addf(&takes, "%u", c->argcount);
    if (kwgiven) {
        sb_addf(&more, " positional argument%s (and %u keyword-only argument%s)",
                npos == 1 ? "" : "s", kwgiven, kwgiven == 1 ? "" : "s");
    }
    throw(in, TypeError, "%s() takes %s positional argument%s but %zu%s %s given", f->qualname->at,
          sb_text(&takes), plural ? "s" : "", npos, sb_text(&more),
          npos == 1 && !kwgiven ? "was" : "were");
    sb_clear(&takes);
    sb_clear(&more);
    return false;
}

static bool is_posonly(const bytecode *c, const str *name)
{
    for (uint32_t i = 0; i < c->posonly; i++) {
        if (str_is(name, c->local[i])) return true;
    }
    return false;
}

static bool throw_posonly(interp *in, func *f, tuple *kwnames)
{
    strbuf b = {0};
    int n = 0;
    for (int64_t i = 0; i < kwnames->n; i++) {
        str *s = as_str(kwnames->at[i]);
        if (is_posonly(f->link->code, s)) sb_addf(&b, "%s%s", n++ ? ", " : "", s->at);
    }
    throw(in, TypeError,
          "%s() got some positional-only arguments passed as keyword arguments: '%s'",
          f->qualname->at, sb_text(&b));
    sb_clear(&b);
    return false;
}

/* The parameter of that name, which may be given by it; -1. */
static int param_of(interp *in, func *f, const str *name)
{
    link *l = f->link;
    const bytecode *c = l->code;
    if (!l->param) link_params(in, l);
    for (uint32_t i = c->posonly; i < c->argcount + c->kwonly; i++)
        if (l->param[i] == name) return (int)i;
    if ((name->hdr.flags & (OBJ_NAME | OBJ_FROZEN)) == OBJ_NAME) return -1;
    for (uint32_t i = c->posonly; i < c->argcount + c->kwonly; i++)
        if (str_is(name, c->local[i])) return (int)i;
    return -1;
}

static bool bind_keyword(interp *in, func *f, value *r, str *name, value *v, dict *extra,
                         tuple *kwnames)
{
    const bytecode *c = f->link->code;
    int i = param_of(in, f, name);
    if (i >= 0) {
        if (r[i].kind != V_FAIL) {
            throw(in, TypeError, "%s() got multiple values for argument '%s'", f->qualname->at,
                  name->at);
            return false;
        }
        r[i] = *v;
        v->kind = V_FAIL;
        return true;
    }
    if (extra) return dict_set_str(in, extra, name, *v);
    if (is_posonly(c, name)) return throw_posonly(in, f, kwnames);
    throw(in, TypeError, "%s() got an unexpected keyword argument '%s'", f->qualname->at, name->at);
    return false;
}

/* The default of a keyword-only parameter; *next: the place after that of the one before, where
 * it is unless somebody has changed __kwdefaults__. */
static value kwdefault(interp *in, dict *d, const char *name, int64_t *next)
{
    str *key = *next < d->used ? as_str(d->entry[*next].key) : NULL;
    return key && str_is(key, name) ? d->entry[(*next)++].val : dict_peek(in, d, name);
}

static bool fill_defaults(interp *in, func *f, value *r)
{
    const bytecode *c = f->link->code;
    uint32_t ndef = f->defaults ? (uint32_t)f->defaults->n : 0, missing = 0;
    for (uint32_t i = 0; i < c->argcount; i++) {
        if (r[i].kind != V_FAIL) continue;
        if (i + ndef >= c->argcount)
            r[i] = value_ref(f->defaults->at[i + ndef - c->argcount]);
        else
            missing++;
    }
    if (missing)
        return throw_missing(in, f, r, 0, c->argcount - (ndef < c->argcount ? ndef : c->argcount),
                             "positional");
    int64_t next = 0;
    for (uint32_t i = c->argcount; i < c->argcount + c->kwonly; i++) {
        value d = f->kwdefaults ? kwdefault(in, f->kwdefaults, c->local[i], &next) : FAIL;
        if (r[i].kind == V_FAIL) r[i] = value_ref(d);
        missing += r[i].kind == V_FAIL;
    }
    return !missing ||
           throw_missing(in, f, r, c->argcount, c->argcount + c->kwonly, "keyword-only");
}

static bool bind(interp *in, func *f, value *r, value *arg, size_t npos, tuple *kwnames)
{
    const bytecode *c = f->link->code;
    size_t n = npos < c->argcount ? npos : c->argcount;
    for (size_t i = 0; i < n; i++) {
        r[i] = arg[i];
        arg[i].kind = V_FAIL;
    }
    uint32_t at = c->argcount + c->kwonly;
    if (c->flags & CODE_VARARGS) {
        r[at] = v_obj(tuple_from(in, arg + n, (int64_t)(npos - n)));
        if (is_fail(r[at++])) return false;
    }
    dict *extra = NULL;
    if (c->flags & CODE_VARKW) {
        r[at] = v_obj(extra = dict_new(in));
        if (!extra) return false;
    }
    for (int64_t i = 0; kwnames && i < kwnames->n; i++) {
        if (!bind_keyword(in, f, r, as_str(kwnames->at[i]), &arg[npos + (size_t)i], extra,
                          kwnames)) {
            return false;
        }
    }
    if (npos > n && !(c->flags & CODE_VARARGS)) return throw_too_many(in, f, npos, r);
    return fill_defaults(in, f, r);
}

bool func_bind(interp *in, func *f, value *r, value *arg, size_t npos, tuple *kwnames)
{
    uint32_t n = f->link->code->nparam;
    for (uint32_t i = 0; i < n; i++) r[i].kind = V_FAIL;
    bool ok = bind(in, f, r, arg, npos, kwnames);
    registers_clear(in, arg, 0, (uint32_t)(npos + (kwnames ? (size_t)kwnames->n : 0)));
    if (!ok) registers_clear(in, r, 0, n);
    return ok;
}

/* ---- calls from Python ---- */

enum { FEW = 8, LATER = CODE_GENERATOR | CODE_COROUTINE | CODE_ASYNC_GEN };

/* Where the named arguments of a call of p belong, which gives nothing twice and lacks nothing;
 * p has only plain parameters. False: it is not so simple, or wrong. */
static bool fits_in_place(interp *in, func *p, size_t npos, tuple *names, uint8_t *to)
{
    const bytecode *c = p->link->code;
    size_t ndef = p->defaults ? (size_t)p->defaults->n : 0, n = names ? (size_t)names->n : 0;
    if (npos > c->argcount || c->argcount > 32 || n > FEW) return false;
    uint64_t given = ((uint64_t)1 << npos) - 1;
    for (size_t i = 0; i < n; i++) {
        int at = param_of(in, p, as_str(names->at[i]));
        if (at < 0 || given >> at & 1) return false;
        given |= (uint64_t)1 << at;
        to[i] = (uint8_t)at;
    }
    if (ndef >= c->argcount) return true;
    uint64_t needed = ((uint64_t)1 << (c->argcount - ndef)) - 1;
    return (given & needed) == needed;
}

/* The arguments stay where they are, in registers of the caller; NULL: nothing done. */
static frame *bound_in_place(interp *in, func *p, value *arg, size_t npos, tuple *names)
{
    frame *f = in->frame;
    link *l = p->link;
    uint8_t to[FEW];
    value named[FEW];
    if (l->call == UINT32_MAX || f->flags & FRAME_GEN || !fits_in_place(in, p, npos, names, to)) {
        return NULL;
    }
    size_t n = names ? (size_t)names->n : 0;
    for (size_t i = 0; i < n; i++) named[i] = take(&arg[npos + i]);
    frame *callee = push_frame(in, f, l, arg, (uint32_t)npos);
    for (size_t i = 0; i < n; i++) arg[callee ? to[i] : npos + i] = named[i];
    if (!callee) return NULL;
    for (uint32_t i = (uint32_t)npos, none = l->call - (p->defaults ? (uint32_t)p->defaults->n : 0);
         i < l->call; i++) {
        if (arg[i].kind == V_FAIL) arg[i] = ref_at(&p->defaults->at[i - none]);
    }
    return of_function(callee, p);
}

frame *frame_bound(interp *in, func *p, value *arg, size_t npos, tuple *names)
{
    frame *f = in->frame, *to = bound_in_place(in, p, arg, npos, names);
    if (to) return to;
    to = p->link->k ? push_frame(in, f, p->link, f->top, 0) : NULL;
    if (!to) to = frame_push(in, p->link, f->top, 0);
    if (!to) return NULL;
    in->frame = f; /* errors of binding belong to the caller */
    bool ok = func_bind(in, p, to->r, arg, npos, names);
    in->frame = to;
    if (ok) return of_function(to, p);
    frame_pop(in);
    return NULL;
}

frame *frame_init(interp *in, klass *cls, value *arg, size_t npos, tuple *names)
{
    func *p = as_func(cls->init);
    frame *f = in->frame, *to = NULL;
    if (!p || cls->native != &T_object || !is_fail(cls->new_) || cls->abstract) return NULL;
    if (p->link->code->flags & LATER) return NULL; /* its call gives something else than None */
    obj *self = obj_new(in, &cls->t, 0);
    if (!self) return NULL;
    value *at = arg - 1, old = *at;
    *at = value_ref(v_obj(self));
    if (!names && npos + 1 == p->link->call && !(f->flags & FRAME_GEN)) {
        to = push_frame(in, f, p->link, at, (uint32_t)npos + 1);
        if (to) of_function(to, p);
    }
    if (!to) to = frame_bound(in, p, at, npos + 1, names);
    value_unref(in, old);
    if (!to) {
        obj_unref(in, self);
        return NULL;
    }
    to->flags |= FRAME_INIT | FRAME_FN;
    to->self = v_obj(self);
    obj_ref(p);
    return to;
}

/* ---- calls from C ---- */

static value run(interp *in, frame *f, func *fn)
{
    f->fn = fn;
    f->flags |= FRAME_ENTRY;
    f->globals = fn->globals;
    f->closure = fn->closure;
    return vm_run(in);
}

value func_call(interp *in, func *fn, const value *arg, size_t npos, tuple *kwnames)
{
    link *l = fn->link;
    const bytecode *c = l->code;
    if (!check_stack(in)) return FAIL;
    frame *f = in->frame && l->k ? push_frame(in, in->frame, l, in->frame->top, 0) : NULL;
    if (!f) f = frame_push(in, l, NULL, 0);
    if (!f) return FAIL;
    obj_ref(fn);
    f->flags |= FRAME_FN;
    f->fn = fn;
    if (c->flags & CODE_SIMPLE && npos == c->argcount && !kwnames) {
        for (size_t i = 0; i < npos; i++) f->r[i] = value_ref(arg[i]);
        return run(in, f, fn);
    }
    size_t all = npos + (kwnames ? (size_t)kwnames->n : 0);
    value few[16], *a = all <= 16 ? few : mem_alloc(all * sizeof *a);
    for (size_t i = 0; i < all; i++) a[i] = value_ref(arg[i]);
    in->frame = f->back; /* errors of binding belong to the caller */
    bool ok = func_bind(in, fn, f->r, a, npos, kwnames);
    in->frame = f;
    if (a != few) mem_free(a);
    if (ok) return run(in, f, fn);
    frame_pop(in);
    return FAIL;
}

value code_run(interp *in, link *l, dict *globals, value ns, tuple *closure)
{
    if (!check_stack(in)) return FAIL;
    frame *f = frame_push(in, l, NULL, 0);
    if (!f) return FAIL;
    f->globals = globals;
    f->ns = ns;
    f->closure = closure;
    f->flags |= FRAME_ENTRY;
    link_ref(l);
    obj_ref(globals);
    value v = vm_run(in);
    obj_unref(in, globals);
    link_unref(in, l);
    return v;
}

/* ---- looking at frames ---- */

dict *frame_globals(interp *in)
{
    return in->frame ? in->frame->globals : NULL;
}

static bool add_local(interp *in, dict *d, const char *name, value v)
{
    if (v.kind == V_OBJ && v.o->type == &T_cell) v = ((cell *)(void *)v.o)->v;
    return v.kind == V_FAIL || name[0] == '.' || dict_put(in, d, name, value_ref(v));
}

value frame_locals(interp *in, frame *f)
{
    const bytecode *c = f->link->code;
    if (!is_fail(f->ns)) return value_ref(f->ns);
    if (c->flags & CODE_MODULE) return v_obj(obj_ref(f->globals));
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 0; ok && i < c->nlocal; i++) ok = add_local(in, d, c->local[i], f->r[i]);
    for (uint32_t i = 0; ok && i < c->nfree; i++)
        ok = add_local(in, d, c->free[i], f->closure->at[i]);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}
