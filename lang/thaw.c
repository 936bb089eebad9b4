/* lang/thaw.c - capsule -> values: objects are made on demand, empty first (thaw_make.c) and filled
 * after (thaw_fill.c), so that cycles close; tables that hash their keys are filled last. */
#include <string.h>

#include "lang/code.h"
#include "lang/exc.h"
#include "lang/thaw_impl.h"
#include "lang/types/bytes.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

interp *thawer_interp(thawer *t)
{
    return t->in;
}

bool thaw_is_shared(const thawer *t)
{
    return t->frozen;
}

/* ---- reading ---- */

/* Capsules that came as bytes may say anything: reading ends at their end. */
bool thaw_damaged(thawer *t)
{
    if (!throwing(t->in)) throw(t->in, ValueError, "the data is damaged or was truncated");
    t->p = t->end;
    return false;
}

bool thaw_is_there(thawer *t, size_t n)
{
    return (size_t)(t->end - t->p) >= n || thaw_damaged(t);
}

void thaw_bytes(thawer *t, void *p, size_t n)
{
    if (!thaw_is_there(t, n)) {
        memset(p, 0, n);
        return;
    }
    memcpy(p, t->p, n);
    t->p += n;
}

unsigned thaw_byte(thawer *t)
{
    return thaw_is_there(t, 1) ? (unsigned char)*t->p++ : 0;
}

uint32_t thaw_u32(thawer *t)
{
    uint32_t u;
    thaw_bytes(t, &u, sizeof u);
    return u;
}

const char *thaw_text(thawer *t, size_t *n)
{
    *n = thaw_u32(t);
    if (!thaw_is_there(t, *n)) *n = 0;
    const char *s = t->p;
    t->p += *n;
    return s;
}

datum *thaw_datum(thawer *t)
{
    uint32_t i = thaw_u32(t);
    if (i < t->c->nheld && t->c->held[i]) return t->c->held[i];
    thaw_damaged(t);
    return NULL;
}

static value shell(thawer *t, uint32_t id); /* lends */

static bool deeper(thawer *t)
{
    if (++t->depth <= 5000 && check_stack(t->in)) return true;
    if (!throwing(t->in)) throw(t->in, RecursionError, "too many objects within each other");
    return false;
}

static value text_here(thawer *t)
{
    size_t n;
    const char *s = thaw_text(t, &n);
    return throwing(t->in) || !blocks_suffice(t->in) ? FAIL : v_obj(str_new(t->in, s, n));
}

static value tuple_here(thawer *t)
{
    tuple *x = deeper(t) && blocks_suffice(t->in) ? tuple_new(t->in, thaw_byte(t)) : NULL;
    for (int64_t i = 0; x && i < x->n && !throwing(t->in); i++) x->at[i] = thaw_value(t);
    t->depth--;
    if (!x || !throwing(t->in)) return v_obj(x);
    return obj_unref(t->in, x), FAIL;
}

value thaw_value(thawer *t)
{
    value v = FAIL;
    switch (thaw_byte(t)) {
    case VT_NONE: return NONE;
    case VT_BOOL: return v_bool(thaw_byte(t));
    case VT_INT:
        thaw_bytes(t, &v.i, 8);
        v.kind = V_INT;
        return v;
    case VT_FLOAT:
        thaw_bytes(t, &v.i, 8);
        v.kind = V_FLOAT;
        return v;
    case VT_SCALAR:
        v.aux = thaw_u32(t);
        thaw_bytes(t, &v.i, 8);
        v.kind = V_SCALAR;
        return v;
    case VT_NOTIMPL: return NOTIMPL;
    case VT_ELLIPSIS: return ELLIPSIS;
    case VT_OBJ: return value_ref(shell(t, thaw_u32(t)));
    case VT_STR: return text_here(t);
    case VT_TUPLE: return tuple_here(t);
    default: return FAIL;
    }
}

/* An object of that very layout: owned; NULL: none. */
void *thaw_obj(thawer *t, const type *of)
{
    value v = thaw_value(t);
    if (v.kind != V_OBJ) return NULL;
    if (obj_isa(v.o, of)) return v.o;
    thaw_damaged(t);
    value_unref(t->in, v);
    return NULL;
}

/* Passes over a value without making it. */
void thaw_skip(thawer *t)
{
    static const uint8_t size[] = {[VT_BOOL] = 1,    [VT_INT] = 8, [VT_FLOAT] = 8,
                                   [VT_SCALAR] = 12, [VT_OBJ] = 4, [VT_ELLIPSIS] = 0};
    unsigned tag = thaw_byte(t);
    if (tag == VT_TUPLE) {
        for (unsigned n = deeper(t) ? thaw_byte(t) : 0; n; n--) thaw_skip(t);
        t->depth--;
        return;
    }
    size_t n = tag == VT_STR ? thaw_u32(t) : tag < sizeof size ? size[tag] : 0;
    if (thaw_is_there(t, n)) t->p += n;
}

/* ---- in order ---- */

/* Of a member of an Enum: of its instance. */
static unsigned kind_at(const thawer *t, uint32_t id)
{
    return (unsigned char)t->c->text[t->c->off[id]];
}

static bool seek(thawer *t, uint32_t id)
{
    if (id >= t->c->nobj || t->c->off[id] >= t->c->n) return thaw_damaged(t);
    t->p = t->c->text + t->c->off[id];
    return true;
}

/* To what stands behind the kind: the kind. */
unsigned thaw_enter(thawer *t, uint32_t id)
{
    seek(t, id);
    unsigned kind = thaw_byte(t);
    if (kind != RK_ENUM) return kind;
    thaw_skip(t);
    thaw_skip(t);
    return thaw_byte(t);
}

/* A tuple is filled as soon as it is made: keys and bases are read from it. */
static void fill_tuple(thawer *t, uint32_t id)
{
    tuple *x = as_tuple(t->t->at[id]);
    bool again = t->filled[id] & OWN;
    thaw_enter(t, id);
    thaw_skip(t);
    thaw_skip(t);
    uint32_t n = thaw_u32(t);
    t->filled[id] |= t->eager ? DONE : OWN;
    for (uint32_t i = 0; x && i < n && i < x->n && !throwing(t->in); i++) {
        value v = thaw_value(t);
        if (again || is_fail(v))
            value_unref(t->in, v);
        else
            x->at[i] = v;
    }
}

static void pass(thawer *t)
{
    value_unref(t->in, thaw_value(t));
}

/* Makes whole what a filled object refers to. */
static void walk(thawer *t, uint32_t id)
{
    unsigned kind = thaw_enter(t, id);
    switch ((enum record_kind)kind) {
    case RK_METHOD: pass(t); /* fall through */
    case RK_CELL: pass(t); break;
    case RK_PLAIN:
    case RK_LIST:
    case RK_DICT:
    case RK_SET:
    case RK_STR:
    case RK_BOXED:
        thaw_skip(t);
        pass(t);
        for (uint32_t n = kind == RK_LIST ? thaw_u32(t) : 0; n && !throwing(t->in); n--) pass(t);
        break;
    default: break;
    }
}

/* Its methods are known now: those that the interpreter itself calls are looked up. */
static void finish_class(thawer *t, uint32_t id)
{
    klass *k = as_type(t->t->at[id]) ? as_klass(as_type(t->t->at[id])) : NULL;
    if (k) klass_changed(t->in, k);
}

static void make_whole(thawer *t, uint32_t id)
{
    uint8_t had = t->filled[id];
    t->filled[id] = DONE;
    if (had & OWN)
        walk(t, id);
    else
        thaw_fill(t, id);
    if (!(had & TABLE)) thaw_fill_table(t, id);
    if (kind_at(t, id) == RK_CLASS && !throwing(t->in)) finish_class(t, id);
}

static value lost(thawer *t)
{
    thaw_damaged(t);
    return FAIL;
}

static value shell(thawer *t, uint32_t id)
{
    if (id >= t->c->nobj) return lost(t);
    value *at = &t->t->at[id];
    bool whole = !t->eager || t->filled[id] & WHOLE;
    if (throwing(t->in) || (!is_fail(*at) && whole)) return *at;
    if (!deeper(t)) return FAIL;
    const char *back = t->p;
    if (is_fail(*at) && blocks_suffice(t->in) && seek(t, id)) {
        value v = thaw_make(t, id);
        if (is_fail(v) && !throwing(t->in)) thaw_damaged(t);
        if (throwing(t->in) || !is_fail(*at))
            value_unref(t->in, v); /* made meanwhile, in a cycle */
        else
            *at = v;
    }
    if (!throwing(t->in) && !is_fail(*at)) {
        if (kind_at(t, id) == RK_TUPLE && (t->eager || !(t->filled[id] & OWN)))
            fill_tuple(t, id);
        else if (t->eager && !(t->filled[id] & WHOLE))
            make_whole(t, id);
    }
    t->p = back;
    t->depth--;
    return *at;
}

static void finish_classes(thawer *t)
{
    for (uint32_t i = 0; i < t->c->nobj; i++)
        if (kind_at(t, i) == RK_CLASS) finish_class(t, i);
}

static bool can_change(unsigned kind)
{
    switch ((enum record_kind)kind) {
    case RK_PLAIN:
    case RK_EXC:
    case RK_LIST:
    case RK_DICT:
    case RK_SET:
    case RK_BYTEARRAY:
    case RK_CELL:
    case RK_FUNC:
    case RK_CLASS:
    case RK_GLOBALS:
    case RK_CROSS:
    case RK_PROPERTY: return true;
    default: return false;
    }
}

static bool has_identity(unsigned kind)
{
    return can_change(kind) || kind == RK_METHOD || kind == RK_TUPLE || kind == RK_STR;
}

static bool build(thawer *t, bool frozen)
{
    capsule *c = t->c;
    bool ok = true;
    for (uint32_t i = 0; ok && i < c->nobj; i++) ok = !is_fail(shell(t, i)) && !throwing(t->in);
    for (uint32_t i = 0; ok && i < c->nobj; i++) {
        bool now = !(t->filled[i] & OWN);
        t->filled[i] |= OWN;
        ok = !now || thaw_fill(t, i);
    }
    for (uint32_t i = 0; ok && i < c->nobj; i++) {
        bool now = !(t->filled[i] & TABLE);
        t->filled[i] |= TABLE;
        ok = !now || thaw_fill_table(t, i);
    }
    if (ok) finish_classes(t);
    t->p = c->text + c->root;
    t->t->root = ok ? thaw_value(t) : FAIL;
    for (uint32_t i = 0; ok && frozen && i < c->nobj; i++) {
        unsigned kind = kind_at(t, i);
        obj *o = t->t->at[i].kind == V_OBJ ? t->t->at[i].o : NULL;
        if (!o || o->flags & OBJ_FROZEN) continue;
        if (has_identity(kind)) origin_add(t->in, o, c, i);
        t->t->own[i] = can_change(kind);
        if (t->t->own[i]) o->flags |= OBJ_FROZEN;
    }
    return ok && !throwing(t->in);
}

thawed *thaw_build(interp *in, capsule *c, bool frozen, const thaw_inputs *inputs)
{
    if (!c->text) {
        throw(in, RuntimeError, "an exception that cannot leave its thread");
        return NULL;
    }
    thawed *made = mem_zero(sizeof *made);
    made->c = datum_ref(c);
    made->at = mem_zero((c->nobj + 1) * sizeof *made->at);
    made->own = mem_zero((c->nobj + 1) * sizeof *made->own);
    thawer t = {.in = in,
                .c = c,
                .t = made,
                .p = c->text,
                .end = c->text + c->n,
                .filled = mem_zero(c->nobj + 1),
                .inputs = inputs,
                .frozen = frozen};
    frame *f = in->frame;
    bool ok = build(&t, frozen);
    in->frame = f;
    mem_free(t.filled);
    if (ok) return made;
    thawed_free(in, made);
    return NULL;
}

void thawed_free(interp *in, thawed *t)
{
    uint32_t n = t->c->nobj;
    for (uint32_t i = 0; i < n; i++) /* what we marked counts again */
        if (t->own[i]) t->at[i].o->flags &= (uint16_t)~OBJ_FROZEN;
    value_unref(in, t->root);
    for (uint32_t i = 0; i < n; i++) value_unref(in, t->at[i]);
    mem_free(t->at);
    mem_free(t->own);
    datum_unref(t->c);
    mem_free(t);
}
