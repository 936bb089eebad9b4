/* lang/vm.c - runs bytecode: the only hot loop of the language.
 *
 * Over 600 lines because it is one function: the registers of the machine hold ip, the frame's
 * registers and its constants, and every instruction jumps straight to the next one.  Calls of
 * Python functions and resumed generators change the frame, not the C stack.  Slow halves
 * of instructions live in vm_*.c. */
#pragma GCC diagnostic ignored "-Wpedantic" /* computed goto */
#include "lang/vm.h"

#include <math.h>
#include <string.h>

#include "lang/types/dunder.h"
#include "lang/types/gen.h"

#define BOTH(a, b, k) (((a).kind ^ (k)) | ((b).kind ^ (k))) == 0
#define SET(reg, val)                                                                              \
    do {                                                                                           \
        value *p_ = &r[reg], old_ = *p_;                                                           \
        *p_ = (val);                                                                               \
        if (old_.kind == V_OBJ) value_unref(in, old_);                                             \
    } while (0)
#define USED(reg)                                                                                  \
    do {                                                                                           \
        if ((reg) >= nlocal && r[reg].kind == V_OBJ) {                                             \
            value old_ = r[reg];                                                                   \
            r[reg].kind = V_FAIL;                                                                  \
            value_unref(in, old_);                                                                 \
        }                                                                                          \
    } while (0)
#define CLEAR(reg)                                                                                 \
    do {                                                                                           \
        value old_ = r[reg];                                                                       \
        r[reg].kind = V_FAIL;                                                                      \
        if (old_.kind == V_OBJ) value_unref(in, old_);                                             \
    } while (0)
/* the value of an operand, now owned: moved from a temporary, counted from a local */
#define OWN(reg) ((reg) >= nlocal ? take(&r[reg]) : value_ref(r[reg]))

#define CASE(name) L_##name
#define NEXT                                                                                       \
    do {                                                                                           \
        i = *++ip;                                                                                 \
        goto *labels[i.op];                                                                        \
    } while (0)
#define JUMP(d)                                                                                    \
    do {                                                                                           \
        ip += (d);                                                                                 \
        i = *ip;                                                                                   \
        goto *labels[i.op];                                                                        \
    } while (0)
#define FAR    ((int32_t)((uint32_t)i.b | (uint32_t)i.c << 16))
#define NEAR   ((int16_t)i.c)
#define RELOAD                                                                                     \
    do {                                                                                           \
        f = in->frame;                                                                             \
        ip = f->ip;                                                                                \
        r = f->r;                                                                                  \
        k = f->link->k;                                                                            \
        nlocal = f->link->code->nlocal;                                                            \
    } while (0)
/* c = v, having used a and b; v FAIL: exception */
#define RESULT2(v)                                                                                 \
    do {                                                                                           \
        value v_ = (v);                                                                            \
        if (v_.kind == V_FAIL) goto error;                                                         \
        USED(i.a);                                                                                 \
        USED(i.b);                                                                                 \
        SET(i.c, v_);                                                                              \
        NEXT;                                                                                      \
    } while (0)
#define RESULT1(v)                                                                                 \
    do {                                                                                           \
        value v_ = (v);                                                                            \
        if (v_.kind == V_FAIL) goto error;                                                         \
        USED(i.a);                                                                                 \
        SET(i.c, v_);                                                                              \
        NEXT;                                                                                      \
    } while (0)

static inline value take(value *p)
{
    value v = *p;
    p->kind = V_FAIL;
    return v;
}

static inline value binary_slow(interp *in, unsigned x, enum binop op, value a, value b)
{
    return x & 128 ? value_inplace(in, op, a, b) : value_binary(in, op, a, b);
}

static inline int compare_ints(unsigned op, int64_t a, int64_t b)
{
    switch (op) {
    case OP_LT: return a < b;
    case OP_LE: return a <= b;
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_GT: return a > b;
    default: return a >= b;
    }
}

static inline int compare_floats(unsigned op, double a, double b)
{
    switch (op) {
    case OP_LT: return a < b;
    case OP_LE: return a <= b;
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_GT: return a > b;
    default: return a >= b;
    }
}

/* Truth of a comparison: 1, 0, -1 failed. */
static int compare_truth(interp *in, unsigned op, value a, value b)
{
    if (BOTH(a, b, V_FLOAT)) return compare_floats(op, a.f, b.f);
    value v = value_compare(in, (enum cmpop)op, a, b);
    if (v.kind == V_BOOL) return (int)v.i;
    if (v.kind == V_FAIL) return -1;
    int t = value_truth(in, v);
    value_unref(in, v);
    return t;
}

static inline int truth(interp *in, value v)
{
    if (v.kind == V_BOOL || v.kind == V_INT) return v.i != 0;
    return v.kind == V_NONE ? 0 : value_truth(in, v);
}

/* Finds where an exception continues: the row's target, or NULL when the frame is done. */
static const insn *find_handler(interp *in, frame *f)
{
    const bytecode *c = f->link->code;
    uint32_t at = frame_at(f);
    for (uint32_t i = 0; i < c->nrange; i++) {
        const range *g = &c->range[i];
        if (at < g->from || at >= g->to) continue;
        if (g->kind == RANGE_RESTORE) {
            value old = f->handled;
            f->handled = take(&f->r[g->depth]);
            in->nhandling--;
            value_unref(in, old);
            continue;
        }
        if (in->trapped) continue;
        registers_clear(in, f->r, g->depth, c->nreg);
        return c->insn + g->target;
    }
    return NULL;
}

/* The frame of a generator ends: by return (value kept) or by exception. */
static void gen_finish(interp *in, frame *f)
{
    gen *g = f->gen;
    frame_pop(in);
    mem_free(g->regs);
    g->regs = NULL;
    g->state = GEN_DONE;
}

static void convert_stop(interp *in, const gen *g)
{
    bool async = g->hdr.type == &T_async_generator;
    if (!exc_is(in, StopIteration) && !(async && exc_is(in, StopAsyncIteration))) return;
    const char *what = g->hdr.type == &T_coroutine ? "coroutine" : async ? "async generator" : "generator";
    const char *name = exc_is(in, StopIteration) ? "StopIteration" : "StopAsyncIteration";
    value cause = exc_take(in);
    throw(in, RuntimeError, "%s raised %s", what, name);
    exc *x = as_exc(in->exc);
    if (x) {
        value_unref(in, x->cause);
        value_unref(in, x->context);
        x->cause = value_ref(cause);
        x->context = value_ref(cause);
        x->suppress = true;
    }
    value_unref(in, cause);
}

/* Puts a suspended generator on top, ready to continue with what is sent. False: exception. */
static bool gen_resume(interp *in, gen *g, value send, unsigned flags)
{
    if (in->depth >= in->limit) {
        throw(in, RecursionError, "maximum recursion depth exceeded");
        return false;
    }
    frame *f = &g->f;
    f->back = in->frame;
    f->top = in->frame ? in->frame->top : stack_start(in);
    f->flags = (uint8_t)(FRAME_GEN | flags);
    if (g->state == GEN_SUSPENDED) {
        value *at = &f->r[f->ip->c], old = *at;
        *at = value_ref(send);
        value_unref(in, old);
    }
    g->state = GEN_RUNNING;
    in->frame = f;
    in->depth++;
    return true;
}

bool gen_enter(interp *in, gen *g, value send)
{
    return gen_resume(in, g, send, FRAME_ENTRY);
}

void gen_skip_delegate(interp *in, gen *g)
{
    const insn *at = g->f.ip; /* SEND, YIELD, LOOP, then the result is taken */
    value old = take(&g->regs[at->b]);
    g->f.ip = at + 1;
    value_unref(in, old);
}

value vm_run(interp *in)
{
    static const void *const labels[NOPCODE] = {
#define OPCODE(name, doc) &&L_##name,
#include "lang/opcode.def"
    };
    frame *f;
    const insn *ip;
    value *r;
    const value *k;
    uint32_t nlocal;
    insn i;
    value v;
    RELOAD;
    if (f->flags & FRAME_THROW) {
        f->flags &= (uint8_t)~FRAME_THROW;
        goto error;
    }
    NEXT;

    CASE(NOP) : NEXT;

    /* ---- moving ---- */

    CASE(MOVE) : {
        v = value_ref(r[i.a]);
        SET(i.c, v);
        NEXT;
    }
    CASE(TAKE) : {
        v = take(&r[i.a]);
        SET(i.c, v);
        NEXT;
    }
    CASE(DROP) : {
        CLEAR(i.a);
        NEXT;
    }
    CASE(LOADK) : {
        v = value_ref(k[(uint32_t)i.a | (uint32_t)i.b << 16]);
        SET(i.c, v);
        NEXT;
    }
    CASE(CHECK) : {
        if (r[i.a].kind != V_FAIL) NEXT;
        throw_unbound(in, f, i.a);
        goto error;
    }
    CASE(UNBIND) : {
        if (r[i.a].kind == V_FAIL) {
            throw_unbound(in, f, i.a);
            goto error;
        }
        CLEAR(i.a);
        NEXT;
    }

    /* ---- cells ---- */

    CASE(CELL) : {
        cell *c = cell_new(in, take(&r[i.a]));
        if (!c) goto error;
        r[i.a] = v_obj(c);
        NEXT;
    }
    CASE(GETCELL) : {
        v = value_ref(i.x ? f->closure->at[i.a] : r[i.a]);
        SET(i.c, v);
        NEXT;
    }
    CASE(DEREF) : {
        v = value_ref(((cell *)r[i.a].o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->local[i.a], false);
            goto error;
        }
        SET(i.c, v);
        NEXT;
    }
    CASE(SETDEREF) : {
        value *at = &((cell *)r[i.a].o)->v, old = *at;
        *at = OWN(i.b);
        value_unref(in, old);
        NEXT;
    }
    CASE(DELDEREF) : {
        v = take(&((cell *)r[i.a].o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->local[i.a], false);
            goto error;
        }
        value_unref(in, v);
        NEXT;
    }
    CASE(FREE) : {
        v = value_ref(((cell *)f->closure->at[i.a].o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->free[i.a], true);
            goto error;
        }
        SET(i.c, v);
        NEXT;
    }
    CASE(SETFREE) : {
        obj *o = f->closure->at[i.a].o;
        if (o->flags & OBJ_FROZEN) {
            trap(in, o);
            goto error;
        }
        value *at = &((cell *)o)->v, old = *at;
        *at = OWN(i.b);
        value_unref(in, old);
        NEXT;
    }
    CASE(DELFREE) : {
        obj *o = f->closure->at[i.a].o;
        if (o->flags & OBJ_FROZEN) {
            trap(in, o);
            goto error;
        }
        v = take(&((cell *)o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->free[i.a], true);
            goto error;
        }
        value_unref(in, v);
        NEXT;
    }

    /* ---- names ---- */

    CASE(CLASSFREE) : {
        v = name_load(in, &f->link->site[i.b], f, true, i.a);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(GLOBAL) : {
        site *s = &f->link->site[i.b];
        dict *g = f->globals;
        if (s->version == g->version) {
            if (s->how == SITE_GLOBAL) {
                v = value_ref(g->entry[s->hint].val);
                SET(i.c, v);
                NEXT;
            }
            if (s->version2 == in->builtins->version) {
                v = value_ref(in->builtins->entry[s->hint].val);
                SET(i.c, v);
                NEXT;
            }
        }
        f->ip = ip;
        v = global_load(in, s, f);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(SETGLOBAL) : {
        site *s = &f->link->site[i.b];
        dict *g = f->globals;
        v = OWN(i.a);
        if (s->version == g->version && s->how == SITE_GLOBAL) {
            value *at = &g->entry[s->hint].val, old = *at;
            *at = v;
            if (old.kind == V_OBJ) value_unref(in, old);
            NEXT;
        }
        if (!global_store(in, s, f, v)) goto error;
        NEXT;
    }
    CASE(DELGLOBAL) : {
        if (!global_delete(in, &f->link->site[i.b], f)) goto error;
        NEXT;
    }
    CASE(NAME) : {
        f->ip = ip;
        v = name_load(in, &f->link->site[i.b], f, false, 0);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(SETNAME) : {
        if (!name_store(in, &f->link->site[i.b], f, r[i.a])) goto error;
        USED(i.a);
        NEXT;
    }
    CASE(DELNAME) : {
        if (!name_store(in, &f->link->site[i.b], f, FAIL)) goto error;
        NEXT;
    }

    /* ---- arithmetic ---- */

#define ARITH(NAME, OPERAND, op, builtin_overflow, symbol)                                         \
    CASE(NAME) : {                                                                                 \
        value a = r[i.a], b = OPERAND;                                                             \
        int64_t n;                                                                                 \
        if (BOTH(a, b, V_INT) && !builtin_overflow(a.i, b.i, &n)) v = v_int(n);                    \
        else if (BOTH(a, b, V_FLOAT)) v = v_float(a.f symbol b.f);                                 \
        else goto slow_##NAME;                                                                     \
        SET(i.c, v);                                                                               \
        NEXT;                                                                                      \
    }                                                                                              \
    slow_##NAME : {                                                                                \
        f->ip = ip;                                                                                \
        v = binary_slow(in, i.x, op, r[i.a], OPERAND);                                             \
        if (v.kind == V_FAIL) goto error;                                                          \
        USED(i.a);                                                                                 \
        if (#OPERAND[0] == 'r') USED(i.b);                                                         \
        SET(i.c, v);                                                                               \
        NEXT;                                                                                      \
    }
    ARITH(ADD, r[i.b], OP_ADD, __builtin_add_overflow, +)
    ARITH(SUB, r[i.b], OP_SUB, __builtin_sub_overflow, -)
    ARITH(MUL, r[i.b], OP_MUL, __builtin_mul_overflow, *)
    ARITH(ADDK, k[i.b], OP_ADD, __builtin_add_overflow, +)
    ARITH(SUBK, k[i.b], OP_SUB, __builtin_sub_overflow, -)
    ARITH(MULK, k[i.b], OP_MUL, __builtin_mul_overflow, *)

    CASE(BIN) : {
        f->ip = ip;
        v = binary_slow(in, i.x, (enum binop)(i.x & 63), r[i.a], r[i.b]);
        RESULT2(v);
    }
    CASE(MODK) : {
        value a = r[i.a], b = k[i.b];
        if (BOTH(a, b, V_INT) && b.i > 0) {
            int64_t m = a.i % b.i;
            v = v_int(m < 0 ? m + b.i : m);
            SET(i.c, v);
            NEXT;
        }
        f->ip = ip;
        RESULT1(binary_slow(in, i.x, OP_MOD, a, b));
    }
    CASE(FLOORDIVK) : {
        value a = r[i.a], b = k[i.b];
        if (BOTH(a, b, V_INT) && b.i > 0) {
            int64_t q = a.i / b.i;
            v = v_int(q - (a.i % b.i < 0));
            SET(i.c, v);
            NEXT;
        }
        f->ip = ip;
        RESULT1(binary_slow(in, i.x, OP_FLOORDIV, a, b));
    }
    CASE(BINK) : {
        f->ip = ip;
        RESULT1(binary_slow(in, i.x, (enum binop)(i.x & 63), r[i.a], k[i.b]));
    }
    CASE(UNARY) : {
        value a = r[i.a];
        if (i.x == OP_NEG && a.kind == V_INT && a.i != INT64_MIN) {
            v = v_int(-a.i);
            SET(i.c, v);
            NEXT;
        }
        f->ip = ip;
        RESULT1(value_unary(in, (enum unop)i.x, a));
    }
    CASE(NOT) : {
        int t = truth(in, r[i.a]);
        if (t < 0) goto error;
        RESULT1(v_bool(!t));
    }
    CASE(CMP) : {
        value a = r[i.a], b = r[i.b];
        if (BOTH(a, b, V_INT)) {
            v = v_bool(compare_ints(i.x, a.i, b.i));
            SET(i.c, v);
            NEXT;
        }
        f->ip = ip;
        RESULT2(value_compare(in, (enum cmpop)i.x, a, b));
    }
    CASE(CMPK) : {
        value a = r[i.a], b = k[i.b];
        if (BOTH(a, b, V_INT)) {
            v = v_bool(compare_ints(i.x, a.i, b.i));
            SET(i.c, v);
            NEXT;
        }
        f->ip = ip;
        RESULT1(value_compare(in, (enum cmpop)i.x, a, b));
    }
    CASE(IS) : {
        v = v_bool(value_same(r[i.a], r[i.b]) != (i.x != 0));
        RESULT2(v);
    }
    CASE(IN) : {
        f->ip = ip;
        int t = value_contains(in, r[i.b], r[i.a]);
        if (t < 0) goto error;
        v = v_bool(t != (i.x != 0));
        RESULT2(v);
    }

    /* ---- jumps ---- */

    CASE(JMP) : JUMP(FAR);
    CASE(LOOP) : {
        if (--in->ticks <= 0) {
            f->ip = ip;
            if (!safe_point(in)) goto error;
        }
        JUMP(FAR);
    }
    CASE(JT) : {
        int t = truth(in, r[i.a]);
        if (t < 0) goto error;
        USED(i.a);
        if (t) JUMP(FAR);
        NEXT;
    }
    CASE(JF) : {
        int t = truth(in, r[i.a]);
        if (t < 0) goto error;
        USED(i.a);
        if (!t) JUMP(FAR);
        NEXT;
    }
    CASE(JTK) : {
        int t = truth(in, r[i.a]);
        if (t < 0) goto error;
        if (t) JUMP(FAR);
        CLEAR(i.a);
        NEXT;
    }
    CASE(JFK) : {
        int t = truth(in, r[i.a]);
        if (t < 0) goto error;
        if (!t) JUMP(FAR);
        CLEAR(i.a);
        NEXT;
    }
    CASE(JNONE) : {
        bool t = (r[i.a].kind == V_NONE) != (i.x != 0);
        USED(i.a);
        if (t) JUMP(FAR);
        NEXT;
    }
    CASE(JCMP) : {
        value a = r[i.a], b = r[i.b];
        int t;
        if (BOTH(a, b, V_INT)) t = compare_ints(i.x & 7, a.i, b.i);
        else {
            f->ip = ip;
            t = compare_truth(in, i.x & 7, a, b);
            if (t < 0) goto error;
            USED(i.a);
            USED(i.b);
        }
        if (t == i.x >> 7) JUMP(NEAR);
        NEXT;
    }
    CASE(JCMPK) : {
        value a = r[i.a], b = k[i.b];
        int t;
        if (BOTH(a, b, V_INT)) t = compare_ints(i.x & 7, a.i, b.i);
        else {
            f->ip = ip;
            t = compare_truth(in, i.x & 7, a, b);
            if (t < 0) goto error;
            USED(i.a);
        }
        if (t == i.x >> 7) JUMP(NEAR);
        NEXT;
    }

    /* ---- attributes and items ---- */

    CASE(ATTR) : {
        site *s = &f->link->site[i.b];
        value a = r[i.a];
        if (a.kind == V_OBJ && a.o->type == s->type && type_version(s->type) == s->version) {
            dict *d = s->how == SITE_FIELD ? obj_head(a.o)->dict : NULL;
            if (d && s->hint < d->used && d->entry[s->hint].key.o == (obj *)s->name) {
                v = value_ref(d->entry[s->hint].val);
                if (!(i.x & 64)) USED(i.a);
                SET(i.c, v);
                NEXT;
            }
        }
        f->ip = ip;
        v = attr_load(in, s, a);
        if (v.kind == V_FAIL) goto error;
        if (!(i.x & 64)) USED(i.a);
        SET(i.c, v);
        NEXT;
    }
    CASE(SETATTR) : {
        site *s = &f->link->site[i.b];
        value a = r[i.a];
        if (a.kind == V_OBJ && a.o->type == s->type && s->how == SITE_FIELD &&
            type_version(s->type) == s->version && !(a.o->flags & OBJ_FROZEN)) {
            dict *d = obj_head(a.o)->dict;
            if (d && s->hint < d->used && d->entry[s->hint].key.o == (obj *)s->name) {
                v = OWN(i.c);
                value old = d->entry[s->hint].val;
                d->entry[s->hint].val = v;
                value_unref(in, old);
                USED(i.a);
                NEXT;
            }
        }
        f->ip = ip;
        if (!attr_store(in, s, a, r[i.c])) goto error;
        USED(i.c);
        USED(i.a);
        NEXT;
    }
    CASE(DELATTR) : {
        f->ip = ip;
        if (!value_setattr(in, r[i.a], f->link->site[i.b].name, FAIL)) goto error;
        USED(i.a);
        NEXT;
    }
    CASE(METHOD) : {
        value fn, self = r[i.a];
        bool with_self = false;
        f->ip = ip;
        if (!attr_method(in, &f->link->site[i.b], self, &fn, &with_self)) goto error;
        self = with_self ? OWN(i.a) : FAIL;
        if (!with_self) USED(i.a);
        SET(i.c, fn);
        SET(i.c + 1, self);
        NEXT;
    }
    CASE(ITEM) : {
        value a = r[i.a], b = r[i.b];
        if (a.kind == V_OBJ) {
            if (a.o->type == &T_list && b.kind == V_INT) {
                list *l = (list *)a.o;
                int64_t at = b.i < 0 ? b.i + l->n : b.i;
                if (at >= 0 && at < l->n) {
                    v = value_ref(l->at[at]);
                    goto item_done;
                }
            } else if (a.o->type == &T_dict) {
                if (dict_get(in, (dict *)a.o, b, &v) == 1) {
                    value_ref(v);
                    goto item_done;
                }
                if (throwing(in)) goto error;
            }
        }
        f->ip = ip;
        v = value_getitem(in, a, b);
        if (v.kind == V_FAIL) goto error;
    item_done:
        if (!(i.x & 64)) {
            USED(i.a);
            USED(i.b);
        }
        SET(i.c, v);
        NEXT;
    }
    CASE(ITEMK) : {
        value a = r[i.a], b = k[i.b];
        if (a.kind == V_OBJ && b.kind == V_INT && b.i >= 0) {
            if (a.o->type == &T_list && b.i < ((list *)a.o)->n) {
                v = value_ref(((list *)a.o)->at[b.i]);
                USED(i.a);
                SET(i.c, v);
                NEXT;
            }
            if (a.o->type == &T_tuple && b.i < ((tuple *)a.o)->n) {
                v = value_ref(((tuple *)a.o)->at[b.i]);
                USED(i.a);
                SET(i.c, v);
                NEXT;
            }
        }
        f->ip = ip;
        RESULT1(value_getitem(in, a, b));
    }
    CASE(SETITEM) : {
        value a = r[i.a], b = r[i.b];
        f->ip = ip;
        if (a.kind == V_OBJ && a.o->type == &T_list && b.kind == V_INT && !(a.o->flags & OBJ_FROZEN)) {
            list *l = (list *)a.o;
            int64_t at = b.i < 0 ? b.i + l->n : b.i;
            if (at >= 0 && at < l->n) {
                value old = l->at[at];
                l->at[at] = OWN(i.c);
                value_unref(in, old);
                USED(i.a);
                NEXT;
            }
        }
        if (!value_setitem(in, a, b, r[i.c])) goto error;
        USED(i.c);
        USED(i.a);
        USED(i.b);
        NEXT;
    }
    CASE(DELITEM) : {
        f->ip = ip;
        if (!value_setitem(in, r[i.a], r[i.b], FAIL)) goto error;
        USED(i.a);
        USED(i.b);
        NEXT;
    }
    CASE(SLICE) : {
        v = slice_new(in, r[i.a], r[i.a + 1], r[i.a + 2]);
        if (v.kind == V_FAIL) goto error;
        for (int j = 0; j < 3; j++) CLEAR(i.a + j);
        SET(i.c, v);
        NEXT;
    }

    /* ---- displays ---- */

    CASE(LIST) : {
        list *l = list_new(in, i.b);
        if (!l) goto error;
        for (uint32_t j = 0; j < i.b; j++) l->at[j] = take(&r[i.a + j]);
        l->n = i.b;
        SET(i.c, v_obj(l));
        NEXT;
    }
    CASE(TUPLE) : {
        tuple *t = tuple_new(in, i.b);
        if (!t) goto error;
        for (uint32_t j = 0; j < i.b; j++) t->at[j] = take(&r[i.a + j]);
        SET(i.c, v_obj(t));
        NEXT;
    }
    CASE(SET) : {
        f->ip = ip;
        v = build_set(in, &r[i.a], i.b, i.x);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(DICT) : {
        f->ip = ip;
        v = build_dict(in, &r[i.a], i.b);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(APPEND) : {
        v = OWN(i.b);
        if (!list_add(in, (list *)r[i.a].o, v)) goto error;
        NEXT;
    }
    CASE(SETADD) : {
        f->ip = ip;
        if (!set_add(in, (set *)r[i.a].o, r[i.b])) goto error;
        USED(i.b);
        NEXT;
    }
    CASE(DICTADD) : {
        f->ip = ip;
        if (!dict_set(in, (dict *)r[i.a].o, r[i.b], r[i.b + 1])) goto error;
        CLEAR(i.b);
        CLEAR(i.b + 1);
        NEXT;
    }
    CASE(EXTEND) : {
        f->ip = ip;
        if (!extend_words(in, (list *)r[i.a].o, r[i.b], i.x ? &r[i.a - 1] : NULL)) goto error;
        USED(i.b);
        NEXT;
    }
    CASE(SETEXT) : {
        f->ip = ip;
        if (!set_update(in, (set *)r[i.a].o, r[i.b])) goto error;
        USED(i.b);
        NEXT;
    }
    CASE(DICTEXT) : {
        f->ip = ip;
        if (!merge_keywords(in, (dict *)r[i.a].o, r[i.b], i.x ? &r[i.a - 2] : NULL)) goto error;
        USED(i.b);
        NEXT;
    }
    CASE(LISTTUPLE) : {
        list *l = (list *)r[i.a].o;
        v = v_obj(tuple_from(in, l->at, l->n));
        RESULT1(v);
    }
    CASE(UNPACK) : {
        f->ip = ip;
        value a = OWN(i.a);
        bool ok = unpack(in, a, i.b, &r[i.c]);
        value_unref(in, a);
        if (!ok) goto error;
        NEXT;
    }
    CASE(UNPACKX) : {
        f->ip = ip;
        value a = OWN(i.a);
        bool ok = unpack_star(in, a, i.b & 255, i.b >> 8, &r[i.c]);
        value_unref(in, a);
        if (!ok) goto error;
        NEXT;
    }

    /* ---- iteration ---- */

    CASE(ITER) : {
        f->ip = ip;
        if (r[i.a].kind == V_OBJ && r[i.a].o->type == &T_generator) {
            if (i.a != i.c) SET(i.c, OWN(i.a));
            NEXT;
        }
        RESULT1(value_iter(in, r[i.a]));
    }
    CASE(NEXT) : {
        value it = r[i.a];
        const type *t = it.o->type;
        if (t == &T_range_iter) {
            range_iter *x = (range_iter *)it.o;
            if (x->left <= 0) goto exhausted;
            x->left--;
            v = v_int(x->at);
            x->at = (int64_t)((uint64_t)x->at + (uint64_t)x->step);
            SET(i.b, v);
            NEXT;
        }
        if (t == &T_list_iter) {
            list_iter *x = (list_iter *)it.o;
            if (!x->of || x->i >= x->of->n) goto next_slow;
            v = value_ref(x->of->at[x->i++]);
            SET(i.b, v);
            NEXT;
        }
        if (t == &T_generator) {
            gen *g = (gen *)it.o;
            if (g->state == GEN_NEW || g->state == GEN_SUSPENDED) {
                f->ip = ip;
                if (!gen_resume(in, g, NONE, 0)) goto error;
                RELOAD;
                NEXT;
            }
        }
    next_slow:
        f->ip = ip;
        if (!t->next) {
            throw(in, TypeError, "'%s' object is not an iterator", t->name);
            goto error;
        }
        v = t->next(in, it);
        if (v.kind == V_FAIL) {
            if (throwing(in)) goto error;
            goto exhausted;
        }
        SET(i.b, v);
        NEXT;
    }
exhausted:
    CLEAR(i.a);
    JUMP(NEAR);

    /* ---- calls ---- */

    CASE(CALL) : {
        value *w = &r[i.a], fn = *w;
        uint32_t n = i.b;
        f->ip = ip;
        if (fn.kind != V_OBJ) goto call_slow;
        if (fn.o->type == &T_function) {
            func *p = (func *)fn.o;
            link *l = fn.o->flags & OBJ_FROZEN ? func_link(in, p) : p->link;
            const bytecode *c = l->code;
            frame *to;
            if (c->flags & CODE_SIMPLE && n == c->argcount && !(f->flags & FRAME_GEN)) {
                to = frame_push(in, l, w + 1, n);
                if (!to) goto error;
            } else {
                to = frame_push(in, l, NULL, 0);
                if (!to) goto error;
                in->frame = f;
                if (!func_bind(in, p, to->r, w + 1, n, NULL)) goto bind_failed;
                in->frame = to;
            }
            to->fn = p;
            to->globals = p->globals;
            to->closure = p->closure;
            to->dst = i.c;
            RELOAD;
            NEXT;
        bind_failed:
            in->frame = to;
            frame_pop(in);
            goto error;
        }
        if (fn.o->type == &T_cfunction) {
            v = cfunction_call(in, (cfunction *)fn.o, w + 1, n, NULL);
            goto called;
        }
        if (fn.o->type == &T_type && fn.o->flags & OBJ_FROZEN) { /* a builtin class */
            const type *t = (const type *)fn.o;
            if (!t->make) goto call_slow;
            v = t->make(in, t, w + 1, n, NULL);
            goto called;
        }
        if (fn.o->type == &T_type) { /* an instance whose __init__ is Python: no C stack */
            klass *cls = (klass *)fn.o;
            func *p = as_func(cls->init);
            if (!p || cls->native != &T_object || !is_fail(cls->new_) || cls->abstract ||
                f->flags & FRAME_GEN || p->hdr.flags & OBJ_FROZEN) {
                goto call_slow;
            }
            const bytecode *c = p->link->code;
            if (!(c->flags & CODE_SIMPLE) || n + 1 != c->argcount) goto call_slow;
            obj *self = obj_new(in, &cls->t, 0);
            if (!self) goto error;
            value_unref(in, fn);
            *w = value_ref(v_obj(self));
            frame *to = frame_push(in, p->link, w, n + 1);
            if (!to) {
                obj_unref(in, self);
                goto error;
            }
            to->flags |= FRAME_INIT | FRAME_FN;
            to->self = v_obj(self);
            to->fn = obj_ref(p);
            to->globals = p->globals;
            to->closure = p->closure;
            to->dst = i.c;
            RELOAD;
            NEXT;
        }
    call_slow:
        v = value_call(in, fn, w + 1, n, NULL);
    called:
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j <= n; j++) CLEAR(i.a + j);
        SET(i.c, v);
        NEXT;
    }
    CASE(CALLM) : {
        value *w = &r[i.a], fn = *w, *arg = w + 2;
        uint32_t n = i.b;
        f->ip = ip;
        if (w[1].kind != V_FAIL) {
            arg--;
            n++;
        }
        if (fn.kind == V_OBJ && fn.o->type == &T_function) {
            func *p = (func *)fn.o;
            link *l = fn.o->flags & OBJ_FROZEN ? func_link(in, p) : p->link;
            const bytecode *c = l->code;
            frame *to;
            if (c->flags & CODE_SIMPLE && n == c->argcount && !(f->flags & FRAME_GEN)) {
                to = frame_push(in, l, arg, n);
                if (!to) goto error;
            } else {
                to = frame_push(in, l, NULL, 0);
                if (!to) goto error;
                in->frame = f;
                bool ok = func_bind(in, p, to->r, arg, n, NULL);
                in->frame = to;
                if (!ok) {
                    frame_pop(in);
                    goto error;
                }
            }
            to->fn = p;
            to->globals = p->globals;
            to->closure = p->closure;
            to->dst = i.c;
            RELOAD;
            NEXT;
        }
        if (fn.kind == V_OBJ && fn.o->type == &T_cfunction) {
            v = cfunction_call(in, (cfunction *)fn.o, arg, n, NULL);
        } else v = value_call(in, fn, arg, n, NULL);
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j < i.b + 2u; j++) CLEAR(i.a + j);
        SET(i.c, v);
        NEXT;
    }
    CASE(CALLKW) : {
        value *w = &r[i.a], fn = *w, *arg = w + 1;
        uint32_t n = i.b, all = i.b + i.x;
        tuple *names = (tuple *)k[i.c].o;
        f->ip = ip;
        if (i.x) {
            if (w[1].kind == V_FAIL) arg++;
            else n++;
        }
        size_t npos = n - (size_t)names->n;
        if (fn.kind == V_OBJ && fn.o->type == &T_function) {
            func *p = (func *)fn.o;
            link *l = func_link(in, p);
            frame *to = frame_push(in, l, NULL, 0);
            if (!to) goto error;
            in->frame = f;
            bool ok = func_bind(in, p, to->r, arg, npos, names);
            in->frame = to;
            if (!ok) {
                frame_pop(in);
                goto error;
            }
            to->fn = p;
            to->globals = p->globals;
            to->closure = p->closure;
            to->dst = i.a;
            RELOAD;
            NEXT;
        }
        v = value_call(in, fn, arg, npos, names);
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j <= all; j++) CLEAR(i.a + j);
        r[i.a] = v;
        NEXT;
    }
    CASE(CALLX) : {
        f->ip = ip;
        v = call_words(in, &r[i.a], i.x);
        if (v.kind == V_FAIL) goto error;
        CLEAR(i.a + 1);
        if (i.x) CLEAR(i.a + 2);
        SET(i.a, v);
        NEXT;
    }
    CASE(RETURNK) : {
        v = value_ref(k[i.a]);
        goto leave;
    }
    CASE(RETURN) : {
        v = OWN(i.a);
        goto leave;
    }
leave : {
    unsigned flags = f->flags, dst = f->dst;
    if (flags & FRAME_GEN) {
        gen_finish(in, f);
        if (flags & FRAME_ENTRY) return v;
        RELOAD; /* at a NEXT or SEND */
        i = *ip;
        if (i.op == I_SEND) SET(i.b, v);
        else value_unref(in, v);
        CLEAR(i.a);
        JUMP(NEAR);
    }
    if (flags & FRAME_INIT) {
        value self = f->self;
        if (v.kind != V_NONE) {
            throw(in, TypeError, "__init__() should return None, not '%s'", type_of(in, v)->name);
            value_unref(in, v);
            value_unref(in, self);
            frame_pop(in);
            RELOAD;
            goto error;
        }
        v = self;
    }
    frame_pop(in);
    if (flags & FRAME_ENTRY) return v;
    RELOAD;
    i = *ip;
    CLEAR(i.a); /* the function */
    SET(dst, v);
    NEXT;
}

    /* ---- generators ---- */

    CASE(GENERATOR) : {
        unsigned flags = f->flags, dst = f->dst;
        f->ip = ip;
        gen *g = gen_new(in, f->fn, f);
        if (!g) goto error;
        if (flags & FRAME_ENTRY) return v_obj(g);
        RELOAD;
        i = *ip;
        CLEAR(i.a);
        SET(dst, v_obj(g));
        NEXT;
    }
    CASE(YIELD) : {
        v = OWN(i.a);
        gen *g = f->gen;
        f->ip = ip;
        g->state = GEN_SUSPENDED;
        in->frame = f->back;
        in->depth--;
        f->back = NULL;
        if (f->flags & FRAME_ENTRY) return v;
        RELOAD; /* at a NEXT or SEND */
        i = *ip;
        SET(i.b, v);
        NEXT;
    }
    CASE(SEND) : {
        value it = r[i.a];
        f->ip = ip;
        gen *g = as_gen(it);
        if (g && (g->state == GEN_NEW || g->state == GEN_SUSPENDED) &&
            !(g->state == GEN_NEW && r[i.b].kind != V_NONE)) {
            if (!gen_resume(in, g, r[i.b], 0)) goto error;
            RELOAD;
            NEXT;
        }
        int more = g ? gen_send(in, g, r[i.b], &v) : iter_send(in, it, r[i.b], &v);
        if (more < 0) goto error;
        SET(i.b, v);
        if (more) NEXT;
        CLEAR(i.a);
        JUMP(NEAR);
    }
    CASE(AWAIT) : {
        f->ip = ip;
        RESULT1(await_iter(in, r[i.a], i.x));
    }
    CASE(YIELDITER) : {
        f->ip = ip;
        RESULT1(yield_iter(in, r[i.a], f));
    }
    CASE(AITER) : {
        f->ip = ip;
        RESULT1(async_iter(in, r[i.a]));
    }
    CASE(ANEXT) : {
        f->ip = ip;
        v = async_next(in, r[i.a]);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(ENDASYNC) : {
        v = value_ref(r[i.a + 1]);
        value old = f->handled;
        f->handled = take(&r[i.a]);
        in->nhandling--;
        value_unref(in, old);
        CLEAR(i.a + 1);
        if (as_obj(v, exc_type(StopAsyncIteration))) {
            value_unref(in, v);
            CLEAR(i.b);
            JUMP(NEAR);
        }
        in->exc = v;
        f->ip = ip;
        goto unwind;
    }

    /* ---- exceptions ---- */

    CASE(RAISE) : {
        f->ip = ip;
        if (i.x == 0) {
            v = exc_handled(in);
            if (v.kind == V_FAIL) {
                throw(in, RuntimeError, "No active exception to reraise");
                goto error;
            }
            in->exc = value_ref(v);
            goto unwind;
        }
        raise_value(in, r[i.a], i.x == 2 ? &r[i.b] : NULL);
        goto error;
    }
    CASE(RERAISE) : {
        f->ip = ip;
        in->exc = value_ref(r[i.a]);
        goto unwind;
    }
    CASE(HANDLE) : {
        v = exc_take(in);
        r[i.a] = f->handled;
        r[i.a + 1] = value_ref(v);
        f->handled = v;
        in->nhandling++;
        NEXT;
    }
    CASE(UNHANDLE) : {
        value old = f->handled;
        f->handled = take(&r[i.a]);
        in->nhandling--;
        CLEAR(i.a + 1);
        value_unref(in, old);
        NEXT;
    }
    CASE(JNOMATCH) : {
        f->ip = ip;
        int t = exc_fits(in, r[i.a], r[i.a + 1]);
        if (t < 0) goto error;
        CLEAR(i.a + 1);
        if (!t) JUMP(FAR);
        NEXT;
    }
    CASE(WITH) : {
        f->ip = ip;
        v = enter_context(in, r[i.a], i.x);
        if (v.kind == V_FAIL) goto error;
        SET(i.a + 1, v);
        NEXT;
    }
    CASE(EXIT) : {
        f->ip = ip;
        v = exit_context(in, r[i.a], i.x & 1 ? r[i.b] : NONE, i.x & 2);
        if (v.kind == V_FAIL) goto error;
        CLEAR(i.a);
        SET(i.c, v);
        NEXT;
    }
    CASE(ASSERTERR) : {
        v = v_type(exc_type(AssertionError));
        SET(i.c, v);
        NEXT;
    }

    /* ---- definitions, modules, text ---- */

    CASE(FUNC) : {
        v = func_make(in, f, &i);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(CLASS) : {
        v = build_class_function(in);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(IMPORT) : {
        f->ip = ip;
        v = import_name(in, f, f->link->site[i.b].name, r[i.a + 1], r[i.a].i, i.x);
        if (v.kind == V_FAIL) goto error;
        CLEAR(i.a);
        CLEAR(i.a + 1);
        SET(i.c, v);
        NEXT;
    }
    CASE(IMPORTFROM) : {
        f->ip = ip;
        v = import_from(in, r[i.a], f->link->site[i.b].name);
        if (v.kind == V_FAIL) goto error;
        SET(i.c, v);
        NEXT;
    }
    CASE(IMPORTSTAR) : {
        f->ip = ip;
        if (!import_star(in, f, r[i.a])) goto error;
        USED(i.a);
        NEXT;
    }
    CASE(FORMAT) : {
        f->ip = ip;
        v = format_value(in, r[i.a], i.b == 0xffff ? NULL : &r[i.b], i.x);
        if (v.kind == V_FAIL) goto error;
        USED(i.a);
        if (i.b != 0xffff) USED(i.b);
        SET(i.c, v);
        NEXT;
    }
    CASE(JOIN) : {
        v = join_strs(in, &r[i.a], i.b);
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j < i.b; j++) CLEAR(i.a + j);
        SET(i.c, v);
        NEXT;
    }
    CASE(ECHO) : {
        v = OWN(i.a);
        value_unref(in, in->echo);
        in->echo = v;
        NEXT;
    }
    CASE(ANNOT) : {
        if (!setup_annotations(in, f)) goto error;
        NEXT;
    }

    /* ---- match ---- */

    CASE(MATCHSEQ) : {
        int t = match_kind(in, r[i.a], false);
        SET(i.c, v_bool(t));
        NEXT;
    }
    CASE(MATCHMAP) : {
        int t = match_kind(in, r[i.a], true);
        SET(i.c, v_bool(t));
        NEXT;
    }
    CASE(MATCHKEYS) : {
        f->ip = ip;
        v = match_keys(in, r[i.a], r[i.b]);
        if (v.kind == V_FAIL) goto error;
        USED(i.b);
        SET(i.c, v);
        NEXT;
    }
    CASE(MATCHREST) : {
        f->ip = ip;
        v = match_rest(in, r[i.a], r[i.b]);
        if (v.kind == V_FAIL) goto error;
        USED(i.b);
        SET(i.c, v);
        NEXT;
    }
    CASE(MATCHCLASS) : {
        f->ip = ip;
        v = match_class(in, r[i.a], r[i.b], r[i.b + 1], i.x);
        if (v.kind == V_FAIL) goto error;
        CLEAR(i.b);
        CLEAR(i.b + 1);
        SET(i.c, v);
        NEXT;
    }
    CASE(LEN) : {
        f->ip = ip;
        int64_t n = value_len(in, r[i.a]);
        if (n < 0) goto error;
        SET(i.c, v_int(n));
        NEXT;
    }

error:
    f->ip = ip;
    exc_trace(in, f);
unwind:
    for (;;) {
        const insn *to = find_handler(in, f);
        if (to) {
            ip = to;
            r = f->r;
            i = *ip;
            goto *labels[i.op];
        }
        unsigned flags = f->flags;
        if (flags & FRAME_INIT) value_unref(in, f->self);
        if (flags & FRAME_GEN) {
            gen *g = f->gen;
            convert_stop(in, g);
            gen_finish(in, f);
        } else frame_pop(in);
        if (flags & FRAME_ENTRY) return FAIL;
        RELOAD;
        exc_trace(in, f);
    }
}
