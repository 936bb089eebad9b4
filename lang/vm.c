/* lang/vm.c - runs bytecode: the only hot loop of the language.
 *
 * Over 600 lines because it is one function: the registers of the machine hold ip, the frame's
 * registers and its constants, and every instruction jumps straight to the next one.  Calls of
 * Python functions and resumed generators change the frame, not the C stack.  Slow halves
 * of instructions live in vm_*.c. */
#pragma GCC diagnostic ignored "-Wpedantic" /* computed goto */
#include "lang/profile.h"
#include "lang/vm.h"

#include <math.h>
#include <string.h>

#include "lang/frame_fast.h"
#include "lang/types/dict_fast.h"
#include "lang/types/dunder.h"
#include "lang/types/excgroup.h"
#include "lang/types/gen.h"
#include "lang/vm_fast.h"
#include "lang/words.h"

#define SET(p, val)     set_value(in, (p), (val))
#define SET_INT(p, n)   set_words(in, (p), V_INT, (uint64_t)(n))
#define SET_BOOL(p, t)  set_words(in, (p), V_BOOL, (uint64_t)(t))
#define SET_FLOAT(p, f) set_words(in, (p), V_FLOAT, float_bits(f))
#define USED(p)                                                                                    \
    do {                                                                                           \
        if ((p) >= temps) clear_value(in, (p));                                                    \
    } while (0)
/* temporaries among two operands, or one, as bits */
#define SPENT1 ((unsigned)(RA >= temps) | (X >> 4 & 1))
#define SPENT2 ((unsigned)(RA >= temps) | (unsigned)(RB >= temps) << 1 | (X >> 4 & 3))
/* locals among the operands that nobody reads again */
#define LET_DIE                                                                                    \
    do {                                                                                           \
        if (X & DIES_A) let_die(in, RA);                                                           \
        if (X & DIES_B) let_die(in, RB);                                                           \
    } while (0)
#define CLEAR(p) clear_value(in, (p))
/* the value of an operand, now owned: moved from a temporary, counted from a local */
#define OWN(p) ((p) >= temps ? take(p) : ref_at(p))

#define CASE(name) L_##name
/* The instruction lives in one register; its fields are cut out of it (struct insn, little end):
 * numbers, or the registers, constant and cache that they mean. */
#define FETCH(at) memcpy(&word, (at), sizeof word)
#define OPERATION ((unsigned)(word & 255))
#define X         ((unsigned)(word >> 8 & 255))
#define A         ((unsigned)(word >> 16 & 0xffff))
#define B         ((unsigned)(word >> 32 & 0xffff))
#define C         ((unsigned)(word >> 48))
#define AT(p, n)  ((value *)((uintptr_t)(p) + (n))) /* n: index times the size of a value */
#define RA        AT(r, word >> 12 & 0xffff0)
#define RB        AT(r, word >> 28 & 0xffff0)
#define RC        AT(r, word >> 44 & 0xffff0)
#define KB        AT(k, word >> 28 & 0xffff0)
#define SITE      ((site *)(uintptr_t)k - 1 - B)
#define SMALL     ((int64_t)(int16_t)(word >> 32)) /* b as a number */
#define NEXT                                                                                       \
    do {                                                                                           \
        FETCH(++ip);                                                                               \
        goto *labels[word & 255];                                                                  \
    } while (0)
#define JUMP(d)                                                                                    \
    do {                                                                                           \
        ip += (d);                                                                                 \
        FETCH(ip);                                                                                 \
        goto *labels[word & 255];                                                                  \
    } while (0)
#define FAR  ((int32_t)(word >> 32))
#define NEAR ((int16_t)(word >> 48))
#define RELOAD                                                                                     \
    do {                                                                                           \
        f = in->frame;                                                                             \
        ip = f->ip;                                                                                \
        r = f->r;                                                                                  \
        k = f->k;                                                                                  \
        temps = f->temps;                                                                          \
    } while (0)
/* the frame that was made goes on; its result will be in register reg */
#define ENTER(to, reg)                                                                             \
    do {                                                                                           \
        (to)->dst = (uint16_t)(reg);                                                               \
        f = (to);                                                                                  \
        r = f->r;                                                                                  \
        k = f->k;                                                                                  \
        temps = f->temps;                                                                          \
        ip = f->ip;                                                                                \
        NEXT;                                                                                      \
    } while (0)
#define CALL_FUNCTION(p, arg, n)                                                                   \
    do {                                                                                           \
        frame *to = push_call(in, f, (p), (arg), (n));                                             \
        if (to) ENTER(to, C);                                                                      \
        to = frame_bound(in, (p), (arg), (n), NULL);                                               \
        if (!to) goto error;                                                                       \
        ENTER(to, C);                                                                              \
    } while (0)
/* a new instance whose __init__ is Python, without the C stack; else nothing has happened */
#define CONSTRUCT(arg, npos, names, reg)                                                           \
    do {                                                                                           \
        frame *to = frame_init(in, (klass *)fn.o, (arg), (npos), (names));                         \
        if (to) ENTER(to, reg);                                                                    \
        if (throwing(in)) goto error;                                                              \
    } while (0)
/* c = v, having used a and b; v FAIL: exception */
#define RESULT2(v)                                                                                 \
    do {                                                                                           \
        value v_ = (v);                                                                            \
        if (v_.kind == V_FAIL) goto error;                                                         \
        USED(RA);                                                                                  \
        USED(RB);                                                                                  \
        LET_DIE;                                                                                   \
        SET(RC, v_);                                                                               \
        NEXT;                                                                                      \
    } while (0)
#define RESULT1(v)                                                                                 \
    do {                                                                                           \
        value v_ = (v);                                                                            \
        if (v_.kind == V_FAIL) goto error;                                                         \
        USED(RA);                                                                                  \
        if (X & DIES_A) let_die(in, RA);                                                           \
        SET(RC, v_);                                                                               \
        NEXT;                                                                                      \
    } while (0)

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

value vm_run(interp *in)
{
    static const void *const labels[NOPCODE] = {
#define OPCODE(name, roles, doc) &&L_##name,
#include "lang/opcode.def"
    };
    frame *f;
    const insn *ip;
    value *r;
    const value *k;
    value *temps; /* registers from here on are temporaries */
    uint64_t word;
    value v;
    RELOAD;
    if (f->flags & FRAME_THROW) {
        f->flags &= (uint8_t)~FRAME_THROW;
        goto error;
    }
    NEXT;

    CASE(NOP) : NEXT;

    /* ---- moving ---- */

    CASE(MOVE) :
    {
        copy_value(in, RC, RA);
        NEXT;
    }
    CASE(TAKE) :
    {
        uint64_t tag = TAG(RA), bits = BITS(RA);
        TAG(RA) = V_FAIL;
        set_words(in, RC, tag, bits);
        NEXT;
    }
    CASE(LAST) :
    {
        v = last_at(RA);
        SET(RC, v);
        NEXT;
    }
    CASE(DROP) :
    {
        CLEAR(RA);
        NEXT;
    }
    CASE(LOADK) :
    {
        copy_value(in, RC, &k[(uint32_t)(word >> 16)]);
        NEXT;
    }
    CASE(CHECK) :
    {
        if (RA->kind != V_FAIL) NEXT;
        throw_unbound(in, f, A);
        goto error;
    }
    CASE(UNBIND) :
    {
        if (RA->kind == V_FAIL) {
            throw_unbound(in, f, A);
            goto error;
        }
        CLEAR(RA);
        NEXT;
    }

    /* ---- cells ---- */

    CASE(CELL) :
    {
        cell *c = cell_new(in, take(RA));
        if (!c) goto error;
        *RA = v_obj(c);
        NEXT;
    }
    CASE(GETCELL) :
    {
        v = ref_at(X ? &f->closure->at[A] : RA);
        SET(RC, v);
        NEXT;
    }
    CASE(DEREF) :
    {
        v = ref_at(&((cell *)RA->o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->local[A], false);
            goto error;
        }
        SET(RC, v);
        NEXT;
    }
    CASE(SETDEREF) :
    {
        value *at = &((cell *)RA->o)->v, old = *at;
        *at = OWN(RB);
        value_unref(in, old);
        NEXT;
    }
    CASE(DELDEREF) :
    {
        v = take(&((cell *)RA->o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->local[A], false);
            goto error;
        }
        value_unref(in, v);
        NEXT;
    }
    CASE(FREE) :
    {
        v = ref_at(&((cell *)f->closure->at[A].o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->free[A], true);
            goto error;
        }
        SET(RC, v);
        NEXT;
    }
    CASE(SETFREE) :
    {
        obj *o = f->closure->at[A].o;
        if (o->flags & OBJ_FROZEN) {
            trap(in, o);
            goto error;
        }
        value *at = &((cell *)o)->v, old = *at;
        *at = OWN(RB);
        value_unref(in, old);
        NEXT;
    }
    CASE(DELFREE) :
    {
        obj *o = f->closure->at[A].o;
        if (o->flags & OBJ_FROZEN) {
            trap(in, o);
            goto error;
        }
        v = take(&((cell *)o)->v);
        if (v.kind == V_FAIL) {
            throw_empty_cell(in, f->link->code->free[A], true);
            goto error;
        }
        value_unref(in, v);
        NEXT;
    }

    /* ---- names ---- */

    CASE(CLASSFREE) :
    {
        v = name_load(in, SITE, f, true, A);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(GLOBAL) :
    {
        site *s = SITE;
        if (s->version == f->globals->version) {
            if (s->how == SITE_GLOBAL || s->version2 == in->builtins->version) {
                copy_value(in, RC, s->at);
                NEXT;
            }
        }
        f->ip = ip;
        v = global_load(in, s, f);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(GLOBALC) :
    {
        f->ip = ip;
        v = call_loaded_builtin(in, f);
        if (f->ip == ip) goto L_GLOBAL;
        ip = f->ip;
        if (v.kind == V_FAIL) goto error;
        SET(&r[ip->c], v);
        NEXT;
    }
    CASE(LASTGLOBAL) :
    {
        site *s = SITE;
        if (s->version != f->globals->version || s->how != SITE_GLOBAL) {
            f->ip = ip;
            v = global_load(in, s, f);
            if (v.kind == V_FAIL) goto error;
            if (s->version != f->globals->version || s->how != SITE_GLOBAL) { /* builtins stay */
                SET(RC, v);
                NEXT;
            }
            value_unref(in, v);
        }
        v = last_at(s->at);
        SET(RC, v);
        NEXT;
    }
    CASE(SETGLOBAL) :
    {
        site *s = SITE;
        dict *g = f->globals;
        v = OWN(RA);
        if (s->version == g->version && s->how == SITE_GLOBAL) {
            SET(s->at, v);
            NEXT;
        }
        if (!global_store(in, s, f, v)) goto error;
        NEXT;
    }
    CASE(DELGLOBAL) :
    {
        if (!global_delete(in, SITE, f)) goto error;
        NEXT;
    }
    CASE(NAME) :
    {
        if (f->ns.kind == V_FAIL) goto L_GLOBAL;
        f->ip = ip;
        v = name_load(in, SITE, f, false, 0);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(SETNAME) :
    {
        if (f->ns.kind == V_FAIL) goto L_SETGLOBAL;
        if (!name_store(in, SITE, f, *RA)) goto error;
        USED(RA);
        NEXT;
    }
    CASE(DELNAME) :
    {
        if (!name_store(in, SITE, f, FAIL)) goto error;
        NEXT;
    }

    /* ---- arithmetic ---- */

#define ARITH(NAME, b_value, is_register, op, builtin_overflow, symbol)                            \
    CASE(NAME) :                                                                                   \
    {                                                                                              \
        value a = value_at(RA), b = b_value;                                                       \
        int64_t n;                                                                                 \
        if (!BOTH(a, b, V_INT)) goto floats_##NAME;                                                \
        if (builtin_overflow(a.i, b.i, &n)) goto slow_##NAME;                                      \
        SET_INT(RC, n);                                                                            \
        NEXT;                                                                                      \
        floats_##NAME:;                                                                            \
        double x, y;                                                                               \
        if (!both_floats(a, b, &x, &y)) goto slow_##NAME;                                          \
        SET_FLOAT(RC, x symbol y);                                                                 \
        NEXT;                                                                                      \
    }                                                                                              \
    slow_##NAME:                                                                                   \
    {                                                                                              \
        f->ip = ip;                                                                                \
        if (op == OP_ADD && RA == RC && str_append(in, RA, b_value)) {                             \
            if (is_register) USED(RB);                                                             \
            NEXT;                                                                                  \
        }                                                                                          \
        v = binary_slow(in, X, op, *RA, b_value, is_register ? SPENT2 : SPENT1);                   \
        if (v.kind == V_FAIL) goto error;                                                          \
        USED(RA);                                                                                  \
        if (is_register) USED(RB);                                                                 \
        LET_DIE;                                                                                   \
        SET(RC, v);                                                                                \
        NEXT;                                                                                      \
    }
    ARITH(ADD, value_at(RB), true, OP_ADD, __builtin_add_overflow, +)
    ARITH(SUB, value_at(RB), true, OP_SUB, __builtin_sub_overflow, -)
    ARITH(MUL, value_at(RB), true, OP_MUL, __builtin_mul_overflow, *)
    ARITH(ADDK, value_at(KB), false, OP_ADD, __builtin_add_overflow, +)
    ARITH(SUBK, value_at(KB), false, OP_SUB, __builtin_sub_overflow, -)
    ARITH(MULK, value_at(KB), false, OP_MUL, __builtin_mul_overflow, *)
    ARITH(ADDI, v_int(SMALL), false, OP_ADD, __builtin_add_overflow, +)
    ARITH(SUBI, v_int(SMALL), false, OP_SUB, __builtin_sub_overflow, -)

    CASE(BIN) :
    {
        f->ip = ip;
        v = binary_slow(in, X, (enum binop)(X & 15), *RA, *RB, SPENT2);
        RESULT2(v);
    }
    CASE(MODK) :
    {
        value a = value_at(RA), b = value_at(KB);
        if (BOTH(a, b, V_INT) && b.i > 0) {
            int64_t m = a.i % b.i;
            SET_INT(RC, m < 0 ? m + b.i : m);
            NEXT;
        }
        f->ip = ip;
        RESULT1(binary_slow(in, X, OP_MOD, a, b, SPENT1));
    }
    CASE(FLOORDIVK) :
    {
        value a = value_at(RA), b = value_at(KB);
        if (BOTH(a, b, V_INT) && b.i > 0) {
            int64_t q = a.i / b.i;
            SET_INT(RC, q - (a.i % b.i < 0));
            NEXT;
        }
        f->ip = ip;
        RESULT1(binary_slow(in, X, OP_FLOORDIV, a, b, SPENT1));
    }
    CASE(BINK) :
    {
        f->ip = ip;
        RESULT1(binary_slow(in, X, (enum binop)(X & 15), *RA, *KB, SPENT1));
    }
    CASE(UNARY) :
    {
        value a = value_at(RA);
        if ((X & 15) == OP_NEG && a.kind == V_INT && a.i != INT64_MIN) {
            SET_INT(RC, -a.i);
            NEXT;
        }
        f->ip = ip;
        RESULT1(value_unary(in, (enum unop)(X & 15), a));
    }
    CASE(NOT) :
    {
        int t = truth(in, *RA);
        if (t < 0) goto error;
        RESULT1(v_bool(!t));
    }
    CASE(CMP) :
    {
        value a = value_at(RA), b = value_at(RB);
        if (BOTH(a, b, V_INT)) {
            SET_BOOL(RC, compare_ints(X & 7, a.i, b.i));
            NEXT;
        }
        f->ip = ip;
        RESULT2(value_compare(in, (enum cmpop)(X & 7), a, b));
    }
    CASE(CMPK) :
    {
        value a = value_at(RA), b = value_at(KB);
        if (BOTH(a, b, V_INT)) {
            SET_BOOL(RC, compare_ints(X & 7, a.i, b.i));
            NEXT;
        }
        f->ip = ip;
        RESULT1(value_compare(in, (enum cmpop)(X & 7), a, b));
    }
    CASE(IS) :
    {
        v = v_bool(value_same(*RA, *RB) != (X != 0));
        RESULT2(v);
    }
    CASE(IN) :
    {
        f->ip = ip;
        value b = value_at(RB);
        int t = -2;
        if (b.kind == V_OBJ && b.o->type == &T_dict)
            t = quick_has((dict *)b.o, *RA);
        else if (b.kind == V_OBJ && b.o->type == &T_set && is_quick_key(*RA))
            t = set_contains(in, (set *)b.o, *RA);
        if (t == -2) t = value_contains(in, b, *RA);
        if (t < 0) goto error;
        v = v_bool(t != (X != 0));
        RESULT2(v);
    }

    /* ---- jumps ---- */

    CASE(JMP) : JUMP(FAR);
    CASE(LOOP) :
    {
        if (safe_point_due(in)) {
            f->ip = ip;
            if (!safe_point(in)) goto error;
        }
        JUMP(FAR);
    }
    CASE(JT) :
    {
        int t = truth(in, *RA);
        if (t < 0) goto error;
        USED(RA);
        if (t) JUMP(FAR);
        NEXT;
    }
    CASE(JF) :
    {
        int t = truth(in, *RA);
        if (t < 0) goto error;
        USED(RA);
        if (!t) JUMP(FAR);
        NEXT;
    }
    CASE(JTK) :
    {
        int t = truth(in, *RA);
        if (t < 0) goto error;
        if (t) JUMP(FAR);
        CLEAR(RA);
        NEXT;
    }
    CASE(JFK) :
    {
        int t = truth(in, *RA);
        if (t < 0) goto error;
        if (!t) JUMP(FAR);
        CLEAR(RA);
        NEXT;
    }
    CASE(JNONE) :
    {
        bool t = (RA->kind == V_NONE) != (X != 0);
        USED(RA);
        if (t) JUMP(FAR);
        NEXT;
    }
    /* The name tells when to jump if both are ints; x, what was asked: floats know a third case. */
#define JUMP_COMPARE(NAME, b_value, how, symbol)                                                   \
    CASE(NAME) :                                                                                   \
    {                                                                                              \
        value a = value_at(RA), b = b_value;                                                       \
        if (!BOTH(a, b, V_INT)) goto compare_##how;                                                \
        if (a.i symbol b.i) JUMP(NEAR);                                                            \
        NEXT;                                                                                      \
    }
#define JUMP_COMPARES(END, b_value, how)                                                           \
    JUMP_COMPARE(JLT##END, b_value, how, <)                                                        \
    JUMP_COMPARE(JLE##END, b_value, how, <=)                                                       \
    JUMP_COMPARE(JEQ##END, b_value, how, ==)                                                       \
    JUMP_COMPARE(JNE##END, b_value, how, !=)                                                       \
    JUMP_COMPARE(JGT##END, b_value, how, >)                                                        \
    JUMP_COMPARE(JGE##END, b_value, how, >=)
    JUMP_COMPARES(, value_at(RB), registers)
    JUMP_COMPARES(I, v_int(SMALL), small)
compare_registers : {
    f->ip = ip;
    int t = compare_truth(in, X & 7, *RA, *RB);
    if (t < 0) goto error;
    USED(RA);
    USED(RB);
    if ((unsigned)t == X >> 7) JUMP(NEAR);
    NEXT;
}
compare_small : {
    f->ip = ip;
    int t = compare_truth(in, X & 7, *RA, v_int(SMALL));
    if (t < 0) goto error;
    USED(RA);
    if ((unsigned)t == X >> 7) JUMP(NEAR);
    NEXT;
}
    CASE(JCMPK) :
    {
        f->ip = ip;
        int t = compare_truth(in, X & 7, *RA, *KB);
        if (t < 0) goto error;
        USED(RA);
        if ((unsigned)t == X >> 7) JUMP(NEAR);
        NEXT;
    }

    /* ---- attributes and items ---- */

    CASE(ATTR) :
    {
        site *s = SITE;
        value a = value_at(RA);
        if (a.kind == V_OBJ && a.o->type == s->type && type_version(s->type) == s->version) {
            dict *d = s->how == SITE_FIELD ? obj_head(a.o)->dict : NULL;
            if (d && s->hint < d->used && d->entry[s->hint].key.o == (obj *)s->name) {
                v = ref_at(&d->entry[s->hint].val);
                if (!(X & 64)) USED(RA);
                SET(RC, v);
                NEXT;
            }
        }
        f->ip = ip;
        v = attr_load(in, s, a);
        if (v.kind == V_FAIL) goto error;
        if (!(X & 64)) USED(RA);
        if (X & DIES_A) let_die(in, RA);
        SET(RC, v);
        NEXT;
    }
    CASE(SETATTR) :
    {
        site *s = SITE;
        value a = value_at(RA);
        if (a.kind == V_OBJ && a.o->type == s->type && s->how == SITE_FIELD &&
            type_version(s->type) == s->version && !(a.o->flags & OBJ_FROZEN)) {
            dict *d = obj_head(a.o)->dict;
            if (d && s->hint < d->used && d->entry[s->hint].key.o == (obj *)s->name) {
                v = OWN(RC);
                value old = d->entry[s->hint].val;
                d->entry[s->hint].val = v;
                value_unref(in, old);
                USED(RA);
                NEXT;
            }
        }
        f->ip = ip;
        if (!attr_store(in, s, a, *RC)) goto error;
        USED(RC);
        USED(RA);
        NEXT;
    }
    CASE(DELATTR) :
    {
        f->ip = ip;
        if (!value_setattr(in, *RA, SITE->name, FAIL)) goto error;
        USED(RA);
        NEXT;
    }
    CASE(METHOD) :
    {
        value fn, self = *RA;
        const site *s = SITE;
        if (self.kind == V_OBJ && self.o->type == s->type && s->how == SITE_METHOD &&
            type_version(s->type) == s->version) {
            const dict *d = self.o->flags & OBJ_DICT ? obj_head(self.o)->dict : NULL;
            if (!d || d->version == s->version2) {
                fn = ref_at(&s->val);
                self = X ? last_at(RA) : OWN(RA);
                SET(RC, fn);
                SET(RC + 1, self);
                NEXT;
            }
        }
        const value *at = module_place(s, self);
        if (at) {
            fn = ref_at(at);
            USED(RA);
            SET(RC, fn);
            CLEAR(RC + 1);
            NEXT;
        }
        f->ip = ip;
        if (!attr_method(in, SITE, self, &fn, &self)) goto error;
        if (X) let_die(in, RA);
        USED(RA);
        SET(RC, fn);
        SET(RC + 1, self);
        NEXT;
    }
    CASE(METHODC) :
    {
        f->ip = ip;
        v = call_loaded_method(in, f);
        if (f->ip == ip) goto L_METHOD;
        ip = f->ip;
        if (v.kind == V_FAIL) goto error;
        USED(RA);
        if (X) let_die(in, RA);
        SET(&r[ip->c], v);
        NEXT;
    }
    CASE(ITEM) :
    {
        value a = value_at(RA), b = value_at(RB);
        if (a.kind == V_OBJ) {
            if (a.o->type == &T_list && b.kind == V_INT) {
                list *l = (list *)a.o;
                int64_t at = b.i < 0 ? b.i + l->n : b.i;
                if (at >= 0 && at < l->n) {
                    v = ref_at(&l->at[at]);
                    goto item_done;
                }
            } else if (a.o->type == &T_dict) {
                int64_t at = quick_entry((dict *)a.o, b);
                if (at >= 0) {
                    v = ref_at(&((dict *)a.o)->entry[at].val);
                    goto item_done;
                }
            }
        }
        f->ip = ip;
        v = value_getitem(in, a, b);
        if (v.kind == V_FAIL) goto error;
        LET_DIE;
    item_done:
        if (!(X & 64)) {
            USED(RA);
            USED(RB);
        }
        SET(RC, v);
        NEXT;
    }
    CASE(ITEMK) :
    {
        value a = value_at(RA), b = value_at(KB);
        if (a.kind == V_OBJ && b.kind == V_INT && b.i >= 0) {
            if (a.o->type == &T_list && b.i < ((list *)a.o)->n) {
                v = ref_at(&((list *)a.o)->at[b.i]);
                USED(RA);
                SET(RC, v);
                NEXT;
            }
            if (a.o->type == &T_tuple && b.i < ((tuple *)a.o)->n) {
                v = ref_at(&((tuple *)a.o)->at[b.i]);
                USED(RA);
                SET(RC, v);
                NEXT;
            }
        }
        if (a.kind == V_OBJ && a.o->type == &T_dict) {
            int64_t at = quick_entry((dict *)a.o, b);
            if (at >= 0) {
                v = ref_at(&((dict *)a.o)->entry[at].val);
                USED(RA);
                SET(RC, v);
                NEXT;
            }
        }
        f->ip = ip;
        RESULT1(value_getitem(in, a, b));
    }
    CASE(SETITEM) :
    {
        value a = value_at(RA), b = value_at(RB);
        f->ip = ip;
        if (a.kind == V_OBJ && a.o->type == &T_list && b.kind == V_INT &&
            !(a.o->flags & OBJ_FROZEN)) {
            list *l = (list *)a.o;
            int64_t at = b.i < 0 ? b.i + l->n : b.i;
            if (at >= 0 && at < l->n) {
                value old = l->at[at];
                l->at[at] = OWN(RC);
                value_unref(in, old);
                USED(RA);
                NEXT;
            }
        }
        if (a.kind == V_OBJ && a.o->type == &T_dict && !(a.o->flags & OBJ_FROZEN)) {
            int64_t at = quick_entry((dict *)a.o, b);
            if (at >= 0) {
                value *held = &((dict *)a.o)->entry[at].val, old = *held;
                *held = OWN(RC);
                value_unref(in, old);
                USED(RA);
                USED(RB);
                NEXT;
            }
        }
        if (!value_setitem(in, a, b, *RC)) goto error;
        USED(RC);
        USED(RA);
        USED(RB);
        NEXT;
    }
    CASE(DELITEM) :
    {
        f->ip = ip;
        if (!value_setitem(in, *RA, *RB, FAIL)) goto error;
        USED(RA);
        USED(RB);
        NEXT;
    }
    CASE(SLICE) :
    {
        if (ip[1].op == I_ITEM && ip[1].b == A && A == C && is_sliced(r[ip[1].a])) {
            FETCH(++ip); /* a[b:c], without making the slice */
            f->ip = ip;
            v = slice_item(in, *RA, RB);
            if (v.kind == V_FAIL) goto error;
            for (int j = 0; j < 3; j++) CLEAR(RB + j);
            USED(RA);
            SET(RC, v);
            NEXT;
        }
        v = slice_new(in, *RA, RA[1], RA[2]);
        if (v.kind == V_FAIL) goto error;
        for (int j = 0; j < 3; j++) CLEAR(RA + j);
        SET(RC, v);
        NEXT;
    }

    /* ---- displays ---- */

    CASE(LIST) :
    {
        list *l = list_new(in, B);
        if (!l) goto error;
        for (uint32_t j = 0; j < B; j++) l->at[j] = take(RA + j);
        l->n = B;
        SET(RC, v_obj(l));
        NEXT;
    }
    CASE(TUPLE) :
    {
        tuple *t = tuple_new(in, B);
        if (!t) goto error;
        for (uint32_t j = 0; j < B; j++) t->at[j] = take(RA + j);
        SET(RC, v_obj(t));
        NEXT;
    }
    CASE(SET) :
    {
        f->ip = ip;
        v = build_set(in, RA, B, X);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(DICT) :
    {
        f->ip = ip;
        v = build_dict(in, RA, B);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(APPEND) :
    {
        v = OWN(RB);
        if (!list_add(in, (list *)RA->o, v)) goto error;
        NEXT;
    }
    CASE(SETADD) :
    {
        f->ip = ip;
        if (!set_add(in, (set *)RA->o, *RB)) goto error;
        USED(RB);
        NEXT;
    }
    CASE(DICTADD) :
    {
        f->ip = ip;
        if (!dict_set(in, (dict *)RA->o, *RB, RB[1])) goto error;
        CLEAR(RB);
        CLEAR(RB + 1);
        NEXT;
    }
    CASE(EXTEND) :
    {
        f->ip = ip;
        if (!extend_words(in, (list *)RA->o, *RB, X ? RA - 1 : NULL)) goto error;
        USED(RB);
        NEXT;
    }
    CASE(SETEXT) :
    {
        f->ip = ip;
        if (!set_update(in, (set *)RA->o, *RB)) goto error;
        USED(RB);
        NEXT;
    }
    CASE(DICTEXT) :
    {
        f->ip = ip;
        if (!merge_keywords(in, (dict *)RA->o, *RB, X ? RA - 2 : NULL)) goto error;
        USED(RB);
        NEXT;
    }
    CASE(LISTTUPLE) :
    {
        list *l = (list *)RA->o;
        v = v_obj(tuple_from(in, l->at, l->n));
        RESULT1(v);
    }
    CASE(UNPACK) :
    {
        value t = value_at(RA);
        if (t.kind == V_OBJ && t.o->type == &T_tuple && ((tuple *)t.o)->n == (int64_t)B &&
            !(A >= C && A < C + B)) {
            const value *at = ((tuple *)t.o)->at;
            for (uint32_t j = 0; j < B; j++) SET(RC + j, ref_at(&at[j]));
            USED(RA);
            NEXT;
        }
        f->ip = ip;
        value a = OWN(RA);
        bool ok = unpack(in, a, B, RC);
        value_unref(in, a);
        if (!ok) goto error;
        NEXT;
    }
    CASE(UNPACKX) :
    {
        f->ip = ip;
        value a = OWN(RA);
        bool ok = unpack_star(in, a, B & 255, B >> 8, RC);
        value_unref(in, a);
        if (!ok) goto error;
        NEXT;
    }

    /* ---- iteration ---- */

    CASE(ITER) :
    {
        f->ip = ip;
        if (RA->kind == V_OBJ && RA->o->type == &T_generator) {
            if (A != C) SET(RC, OWN(RA));
            NEXT;
        }
        RESULT1(value_iter(in, *RA));
    }
    CASE(NEXT) :
    {
        value it = value_at(RA);
        const type *t = it.o->type;
        if (t == &T_range_iter) {
            range_iter *x = (range_iter *)it.o;
            if (x->left <= 0) goto exhausted;
            int64_t at = x->at;
            x->left--;
            x->at = (int64_t)((uint64_t)at + (uint64_t)x->step);
            SET_INT(RB, at);
            NEXT;
        }
        if (t == &T_list_iter) {
            list_iter *x = (list_iter *)it.o;
            if (!x->of || x->i >= x->of->n) goto next_slow;
            v = ref_at(&x->of->at[x->i++]);
            SET(RB, v);
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
        SET(RB, v);
        NEXT;
    }
exhausted:
    CLEAR(RA);
    JUMP(NEAR);

    /* ---- calls ---- */

    CASE(CALL) :
    {
        value *w = RA, fn = *w;
        uint32_t n = B;
        f->ip = ip;
        if (fn.kind != V_OBJ) goto call_slow;
        if (fn.o->type == &T_function) {
            CALL_FUNCTION((func *)fn.o, w + 1, n);
        }
        if (fn.o->type == &T_cfunction) {
            v = cfunction_call(in, (cfunction *)fn.o, w + 1, n, NULL);
            goto called;
        }
        if (fn.o->type == &T_type &&
            !(((const type *)fn.o)->flags & TYPE_HEAP)) { /* a builtin class */
            const type *t = (const type *)fn.o;
            if (!t->make) goto call_slow;
            v = t->make(in, t, w + 1, n, NULL);
            goto called;
        }
        if (fn.o->type == &T_type) CONSTRUCT(w + 1, n, NULL, C);
    call_slow:
        v = value_call(in, fn, w + 1, n, NULL);
    called:
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j <= n; j++) CLEAR(RA + j);
        SET(RC, v);
        NEXT;
    }
    CASE(CALLM) :
    {
        value *w = RA, fn = *w, *arg = w + 2;
        uint32_t n = B;
        f->ip = ip;
        if (w[1].kind != V_FAIL) {
            arg--;
            n++;
        }
        if (fn.kind == V_OBJ && fn.o->type == &T_function) {
            CALL_FUNCTION((func *)fn.o, arg, n);
        }
        if (fn.kind == V_OBJ && fn.o->type == &T_cfunction) {
            v = cfunction_call(in, (cfunction *)fn.o, arg, n, NULL);
        } else {
            if (is_class(fn) && w[1].kind == V_FAIL) CONSTRUCT(arg, n, NULL, C);
            v = value_call(in, fn, arg, n, NULL);
        }
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j < B + 2u; j++) CLEAR(RA + j);
        SET(RC, v);
        NEXT;
    }
    CASE(CALLKW) :
    {
        value *w = RA, fn = *w, *arg = w + 1;
        uint32_t n = B, all = B + X;
        tuple *names = (tuple *)k[C].o;
        f->ip = ip;
        if (X) {
            if (w[1].kind == V_FAIL)
                arg++;
            else
                n++;
        }
        size_t npos = n - (size_t)names->n;
        if (fn.kind == V_OBJ && fn.o->type == &T_function) {
            frame *to = frame_bound(in, (func *)fn.o, arg, npos, names);
            if (!to) goto error;
            ENTER(to, A);
        }
        if (is_class(fn) && (!X || w[1].kind == V_FAIL)) CONSTRUCT(arg, npos, names, A);
        v = value_call(in, fn, arg, npos, names);
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j <= all; j++) CLEAR(RA + j);
        *RA = v;
        NEXT;
    }
    CASE(CALLX) :
    {
        f->ip = ip;
        v = call_words(in, RA, X);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RA + 1);
        if (X) CLEAR(RA + 2);
        SET(RA, v);
        NEXT;
    }
    CASE(RETURNK) :
    {
        v = ref_at(&k[A]);
        goto leave;
    }
    CASE(RETURN) :
    {
        v = take(RA); /* a local, too, has seen its last use */
        goto leave;
    }
leave : {
    if (safe_point_due(in)) {
        f->ip = ip;
        if (!safe_point(in)) {
            if (OPERATION == I_RETURN)
                *RA = v;
            else
                value_unref(in, v);
            goto error;
        }
    }
    unsigned flags = f->flags, dst = f->dst;
    if (!(flags | f->handled.kind)) { /* as nearly always */
        uint64_t tag = (uint64_t)v.aux << 32 | v.kind;
        pop_frame(in, f, B);
        RELOAD;
        FETCH(ip);
        if (dst != A) CLEAR(RA); /* the function */
        set_words(in, &r[dst], tag, v.bits);
        NEXT;
    }
    bool made = flags == (FRAME_INIT | FRAME_FN) && v.kind == V_NONE;
    if ((made || flags == (FRAME_ENTRY | FRAME_FN)) && !f->handled.kind) { /* the usual of these */
        func *p = f->fn;
        f->flags = 0;
        pop_frame(in, f, B);
        obj_unref(in, p);
        if (!made) return v;
        v = f->self;
        RELOAD;
        FETCH(ip);
        CLEAR(RA);
        SET(&r[dst], v);
        NEXT;
    }
    if (flags & FRAME_GEN) {
        gen_finish(in, f);
        if (flags & FRAME_ENTRY) return v;
        RELOAD; /* at a NEXT or SEND */
        FETCH(ip);
        if (OPERATION == I_SEND)
            SET(RB, v);
        else
            value_unref(in, v);
        CLEAR(RA);
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
    FETCH(ip);
    CLEAR(RA);
    SET(&r[dst], v);
    NEXT;
}

    /* ---- generators ---- */

    CASE(GENERATOR) :
    {
        unsigned flags = f->flags, dst = f->dst;
        f->ip = ip;
        gen *g = gen_new(in, f->fn, f);
        if (!g) goto error;
        if (flags & FRAME_ENTRY) return v_obj(g);
        RELOAD;
        FETCH(ip);
        CLEAR(RA);
        SET(&r[dst], v_obj(g));
        NEXT;
    }
    CASE(YIELD) :
    {
        v = X & DIES_A ? last_at(RA) : OWN(RA);
        gen *g = f->gen;
        f->ip = ip;
        g->state = GEN_SUSPENDED;
        in->frame = f->back;
        in->depth--;
        f->back = NULL;
        if (f->flags & (FRAME_ENTRY | FRAME_NOTED)) {
            if (f->flags & FRAME_NOTED) profile_leave(in, f);
            if (f->flags & FRAME_ENTRY) return v;
        }
        RELOAD; /* at a NEXT or SEND */
        FETCH(ip);
        SET(RB, v);
        NEXT;
    }
    CASE(SEND) :
    {
        value it = value_at(RA);
        f->ip = ip;
        gen *g = as_gen(it);
        if (g && (g->state == GEN_NEW || g->state == GEN_SUSPENDED) &&
            !(g->state == GEN_NEW && RB->kind != V_NONE)) {
            if (!gen_resume(in, g, *RB, 0)) goto error;
            RELOAD;
            NEXT;
        }
        value out;
        int more = g ? gen_send(in, g, *RB, &out) : iter_send(in, it, *RB, &out);
        if (more < 0) goto error;
        SET(RB, out);
        if (more) NEXT;
        CLEAR(RA);
        JUMP(NEAR);
    }
    CASE(AWAIT) :
    {
        f->ip = ip;
        RESULT1(await_iter(in, *RA, X));
    }
    CASE(YIELDITER) :
    {
        f->ip = ip;
        RESULT1(yield_iter(in, *RA, f));
    }
    CASE(AITER) :
    {
        f->ip = ip;
        RESULT1(async_iter(in, *RA));
    }
    CASE(ANEXT) :
    {
        f->ip = ip;
        v = async_next(in, *RA);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(ENDASYNC) :
    {
        v = ref_at(RA + 1);
        value old = f->handled;
        f->handled = take(RA);
        in->nhandling--;
        value_unref(in, old);
        CLEAR(RA + 1);
        if (as_obj(v, exc_type(StopAsyncIteration))) {
            value_unref(in, v);
            CLEAR(RB);
            JUMP(NEAR);
        }
        in->exc = v;
        f->ip = ip;
        goto unwind;
    }

    /* ---- exceptions ---- */

    CASE(RAISE) :
    {
        f->ip = ip;
        if (X == 0) {
            v = exc_handled(in);
            if (v.kind == V_FAIL) {
                throw(in, RuntimeError, "No active exception to reraise");
                goto error;
            }
            in->exc = value_ref(v);
            goto unwind;
        }
        raise_value(in, *RA, X == 2 ? RB : NULL);
        goto error;
    }
    CASE(RERAISE) :
    {
        f->ip = ip;
        in->exc = ref_at(RA);
        goto unwind;
    }
    CASE(HANDLE) :
    {
        v = exc_take(in);
        *RA = f->handled;
        RA[1] = value_ref(v);
        f->handled = v;
        in->nhandling++;
        NEXT;
    }
    CASE(UNHANDLE) :
    {
        value old = f->handled;
        f->handled = take(RA);
        in->nhandling--;
        CLEAR(RA + 1);
        value_unref(in, old);
        if (in->haste) haste_over(in);
        NEXT;
    }
    CASE(JNOMATCH) :
    {
        f->ip = ip;
        int t = exc_fits(in, *RA, RA[1]);
        if (t < 0) goto error;
        CLEAR(RA + 1);
        if (!t) JUMP(FAR);
        NEXT;
    }
    CASE(EGMATCH) :
    {
        f->ip = ip;
        v = group_match(in, f, RA, *RB);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RB);
        SET(RC, v);
        NEXT;
    }
    CASE(EGLEFT) :
    {
        v = group_left(in, *RA, (list *)RB->o);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RB);
        SET(RC, v);
        NEXT;
    }
    CASE(WITH) :
    {
        f->ip = ip;
        v = enter_context(in, *RA, X);
        if (v.kind == V_FAIL) goto error;
        SET(RA + 1, v);
        NEXT;
    }
    CASE(EXIT) :
    {
        f->ip = ip;
        v = exit_context(in, *RA, X & 1 ? *RB : NONE, X & 2);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RA);
        SET(RC, v);
        NEXT;
    }
    CASE(ASSERTERR) :
    {
        v = v_type(exc_type(AssertionError));
        SET(RC, v);
        NEXT;
    }

    /* ---- definitions, modules, text ---- */

    CASE(FUNC) :
    {
        v = func_make(in, f, ip);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(CLASS) :
    {
        v = build_class_function(in);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(IMPORT) :
    {
        f->ip = ip;
        v = import_name(in, f, SITE->name, RA[1], RA->i, X);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RA);
        CLEAR(RA + 1);
        SET(RC, v);
        NEXT;
    }
    CASE(IMPORTFROM) :
    {
        f->ip = ip;
        v = import_from(in, *RA, SITE->name);
        if (v.kind == V_FAIL) goto error;
        SET(RC, v);
        NEXT;
    }
    CASE(IMPORTSTAR) :
    {
        f->ip = ip;
        if (!import_star(in, f, *RA)) goto error;
        USED(RA);
        NEXT;
    }
    CASE(FORMAT) :
    {
        f->ip = ip;
        v = format_value(in, *RA, B == 0xffff ? NULL : RB, X);
        if (v.kind == V_FAIL) goto error;
        USED(RA);
        if (B != 0xffff) USED(RB);
        SET(RC, v);
        NEXT;
    }
    CASE(JOIN) :
    {
        v = join_strs(in, RA, B);
        if (v.kind == V_FAIL) goto error;
        for (uint32_t j = 0; j < B; j++) CLEAR(RA + j);
        SET(RC, v);
        NEXT;
    }
    CASE(ECHO) :
    {
        v = OWN(RA);
        value_unref(in, in->echo);
        in->echo = v;
        NEXT;
    }
    CASE(ANNOT) :
    {
        if (!setup_annotations(in, f)) goto error;
        NEXT;
    }

    /* ---- match ---- */

    CASE(MATCHSEQ) :
    {
        int t = match_kind(in, *RA, false);
        SET(RC, v_bool(t));
        NEXT;
    }
    CASE(MATCHMAP) :
    {
        int t = match_kind(in, *RA, true);
        SET(RC, v_bool(t));
        NEXT;
    }
    CASE(MATCHKEYS) :
    {
        f->ip = ip;
        v = match_keys(in, *RA, *RB);
        if (v.kind == V_FAIL) goto error;
        USED(RB);
        SET(RC, v);
        NEXT;
    }
    CASE(MATCHREST) :
    {
        f->ip = ip;
        v = match_rest(in, *RA, *RB);
        if (v.kind == V_FAIL) goto error;
        USED(RB);
        SET(RC, v);
        NEXT;
    }
    CASE(MATCHCLASS) :
    {
        f->ip = ip;
        v = match_class(in, *RA, *RB, RB[1], X);
        if (v.kind == V_FAIL) goto error;
        CLEAR(RB);
        CLEAR(RB + 1);
        SET(RC, v);
        NEXT;
    }
    CASE(LEN) :
    {
        f->ip = ip;
        int64_t n = value_len(in, *RA);
        if (n < 0) goto error;
        SET(RC, v_int(n));
        NEXT;
    }

error:
    f->ip = ip;
    if (safe_point_due(in)) exc_overtaken(in);
    exc_trace(in, f);
unwind:
    for (;;) {
        const insn *to = find_handler(in, f);
        if (to) {
            ip = to;
            r = f->r;
            FETCH(ip);
            goto *labels[OPERATION];
        }
        unsigned flags = f->flags;
        if (flags & FRAME_INIT) value_unref(in, f->self);
        if (flags & FRAME_GEN) {
            gen *g = f->gen;
            gen_convert_stop(in, g);
            gen_finish(in, f);
        } else
            frame_pop(in);
        if (flags & FRAME_ENTRY) return FAIL;
        RELOAD;
        exc_trace(in, f);
    }
}
