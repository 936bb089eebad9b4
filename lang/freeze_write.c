/* lang/freeze_write.c - what a capsule's records are made of: bytes, numbers, values, objects by
 * id.
 *
 * An object gets its id when it is first met; its record is written later, by freeze.c.  Texts and
 * small tuples that one holder has for itself are written in their place instead. */
#include <string.h>

#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/klass.h"

interp *freezer_interp(freezer *f)
{
    return f->in;
}

bool freezer_copies(const freezer *f)
{
    return f->copy;
}

void freeze_bytes(freezer *f, const void *p, size_t n)
{
    sb_add(&f->out, p, n);
}

void freeze_byte(freezer *f, unsigned b)
{
    sb_addc(&f->out, (char)b);
}

void freeze_u32(freezer *f, uint32_t u)
{
    sb_add(&f->out, (const char *)&u, sizeof u);
}

void freeze_text(freezer *f, const char *s, size_t n)
{
    freeze_u32(f, (uint32_t)n);
    sb_add(&f->out, s, n);
}

void freeze_datum(freezer *f, datum *d)
{
    if (f->nheld == f->cap_held) {
        f->cap_held = f->cap_held ? f->cap_held * 2 : 8;
        f->held = mem_grow(f->held, f->cap_held * sizeof *f->held);
    }
    freeze_u32(f, f->nheld);
    f->held[f->nheld++] = datum_ref(d);
}

static uint32_t memo_slot(const freezer *f, const obj *o)
{
    uint32_t i = (uint32_t)((uintptr_t)o >> 4) * 2654435761u;
    for (i &= f->memo_cap - 1; f->memo[i] && f->obj[f->memo[i] - 1] != o;) {
        i = (i + 1) & (f->memo_cap - 1);
    }
    return i;
}

static uint32_t new_id(freezer *f, obj *o)
{
    if (f->nobj == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 32;
        f->obj = mem_grow(f->obj, f->cap * sizeof *f->obj);
        f->off = mem_grow(f->off, f->cap * sizeof *f->off);
    }
    f->obj[f->nobj] = obj_ref(o);
    f->off[f->nobj] = 0;
    return f->nobj++;
}

uint32_t freeze_id(freezer *f, obj *o)
{
    if ((f->nmemo + 1) * 2 > f->memo_cap) {
        uint32_t n = f->memo_cap, *old = f->memo;
        f->memo_cap = n ? n * 2 : 64;
        f->memo = mem_zero(f->memo_cap * sizeof *f->memo);
        for (uint32_t i = 0; i < n; i++)
            if (old[i]) f->memo[memo_slot(f, f->obj[old[i] - 1])] = old[i];
        mem_free(old);
    }
    uint32_t s = memo_slot(f, o);
    if (f->memo[s]) return f->memo[s] - 1;
    uint32_t id = new_id(f, o);
    f->memo[s] = id + 1;
    f->nmemo++;
    return id;
}

static void put8(freezer *f, unsigned tag, int64_t i)
{
    char at[9] = {(char)tag};
    memcpy(at + 1, &i, sizeof i);
    sb_add(&f->out, at, sizeof at);
}

void freeze_value(freezer *f, value v)
{
    switch (v.kind) {
    case V_NONE: freeze_byte(f, VT_NONE); return;
    case V_BOOL:
        freeze_byte(f, VT_BOOL);
        freeze_byte(f, (unsigned)v.i);
        return;
    case V_INT: put8(f, VT_INT, v.i); return;
    case V_FLOAT: put8(f, VT_FLOAT, v.i); return;
    case V_SCALAR:
        freeze_byte(f, VT_SCALAR);
        freeze_u32(f, v.aux);
        sb_add(&f->out, (const char *)&v.i, 8);
        return;
    case V_OBJ: break;
    default: freeze_byte(f, VT_FAIL); return;
    }
    if (v.o == NOTIMPL.o)
        freeze_byte(f, VT_NOTIMPL);
    else if (v.o == ELLIPSIS.o)
        freeze_byte(f, VT_ELLIPSIS);
    else {
        freeze_byte(f, VT_OBJ);
        freeze_u32(f, freeze_id(f, v.o));
    }
}

void freeze_obj(freezer *f, void *o)
{
    freeze_value(f, o ? (value){.kind = V_OBJ, .o = o} : FAIL);
}

enum { FEW_ITEMS = 16 };

/* Is it met here only? Then it needs no number by which it would be met again. */
static bool is_alone(const freezer *f, value v)
{
    return f->copy && v.kind == V_OBJ && v.o->rc == 1 && !(v.o->flags & (OBJ_FROZEN | OBJ_NAME));
}

static bool is_alone_str(const freezer *f, value v)
{
    return is_alone(f, v) && v.o->type == &T_str;
}

static bool is_flat(const freezer *f, const tuple *t)
{
    bool flat = t->n <= FEW_ITEMS;
    for (int64_t i = 0; flat && i < t->n; i++)
        flat = t->at[i].kind != V_OBJ || is_alone_str(f, t->at[i]);
    return flat;
}

/* A value that a container holds. */
void freeze_item(freezer *f, value v)
{
    const type *t = is_alone(f, v) ? v.o->type : NULL;
    if (t == &T_str) {
        freeze_byte(f, VT_STR);
        freeze_text(f, ((str *)(void *)v.o)->at, ((str *)(void *)v.o)->nbyte);
    } else if (t == &T_tuple && is_flat(f, (tuple *)(void *)v.o)) {
        const tuple *x = (tuple *)(void *)v.o;
        freeze_byte(f, VT_TUPLE);
        freeze_byte(f, (unsigned)x->n);
        for (int64_t i = 0; i < x->n; i++) freeze_item(f, x->at[i]);
    } else if (t == &T_tuple || t == &T_list || t == &T_dict) {
        freeze_byte(f, VT_OBJ);
        freeze_u32(f, new_id(f, v.o));
    } else {
        freeze_value(f, v);
    }
}

bool freeze_refuse(freezer *f, const obj *o)
{
    if (f->copy)
        throw(f->in, TypeError, "cannot pickle '" TYPE_FMT "' object", TYPE_ARG(o->type));
    else
        throw(f->in, TypeError, "cannot pass a '%s' object to another thread", o->type->name);
    return false;
}
