/* lang/compile_target.c - what is assigned to, deleted or augmented. */
#include "lang/compile_impl.h"

/* Registers of the targets when they are locals that follow one another, else -1. */
static int run_of_locals(unit *u, ast_list l)
{
    int first = -1;
    for (size_t i = 0; i < l.n; i++) {
        int r = l.at[i]->kind == N_Name ? local_of(u, l.at[i]->Name.id.at) : -1;
        if (r < 0 || (i && r != first + (int)i)) return -1;
        if (i == 0) first = r;
    }
    return first;
}

static void store_items(unit *u, const ast *at, ast_list l, unsigned reg)
{
    int star = -1;
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]->kind != N_Starred) continue;
        if (star >= 0) fail_at(u, at, "multiple starred expressions in assignment");
        star = (int)i;
    }
    uint32_t top = u->top;
    u->at = at;
    int run = star < 0 ? run_of_locals(u, l) : -1;
    if (run >= 0 && l.n) {
        emit(u, I_UNPACK, 0, reg, (unsigned)l.n, (unsigned)run);
        for (size_t i = 0; i < l.n; i++) set_bound(u, run + (int)i, true);
        return;
    }
    unsigned t = u->top;
    for (size_t i = 0; i < l.n; i++) temp(u);
    if (star >= 0) {
        size_t after = l.n - (size_t)star - 1;
        if (star > 255 || after > 255)
            fail_at(u, at, "too many expressions in star-unpacking assignment");
        emit(u, I_UNPACKX, 0, reg, (unsigned)star | (unsigned)after << 8, t);
    } else
        emit(u, I_UNPACK, 0, reg, (unsigned)l.n, t);
    for (size_t i = 0; i < l.n; i++) {
        const ast *e = l.at[i];
        store(u, e->kind == N_Starred ? e->Starred.value : e, t + (unsigned)i);
    }
    top_to(u, top);
}

void store(unit *u, const ast *x, unsigned reg)
{
    uint32_t top = u->top;
    u->at = x;
    switch (x->kind) {
    case N_Name: store_name(u, x->Name.id.at, reg); break;
    case N_Attribute: {
        unsigned a = expr(u, x->Attribute.value, ANY);
        u->at = x;
        const char *name = mangle(u->c->mem, u->s->private_class, x->Attribute.attr.at);
        emit(u, I_SETATTR, 0, a, site_of(u, name), reg);
        break;
    }
    case N_Subscript: {
        unsigned a = stable(u, x->Subscript.value, x->Subscript.slice);
        unsigned b = expr(u, x->Subscript.slice, ANY);
        u->at = x;
        emit(u, I_SETITEM, 0, a, b, reg);
        break;
    }
    case N_Tuple: store_items(u, x, x->Tuple.elts, reg); break;
    case N_List: store_items(u, x, x->List.elts, reg); break;
    case N_Starred: fail_at(u, x, "starred assignment target must be in a list or tuple"); break;
    default: fail_at(u, x, "cannot assign to this"); break;
    }
    top_to(u, top);
}

static void del_all(unit *u, ast_list l)
{
    for (size_t i = 0; i < l.n; i++) del(u, l.at[i]);
}

void del(unit *u, const ast *x)
{
    uint32_t top = u->top;
    u->at = x;
    switch (x->kind) {
    case N_Name: delete_name(u, x->Name.id.at); break;
    case N_Attribute: {
        unsigned a = expr(u, x->Attribute.value, ANY);
        u->at = x;
        emit(u, I_DELATTR, 0, a,
             site_of(u, mangle(u->c->mem, u->s->private_class, x->Attribute.attr.at)), 0);
        break;
    }
    case N_Subscript: {
        unsigned a = stable(u, x->Subscript.value, x->Subscript.slice);
        unsigned b = expr(u, x->Subscript.slice, ANY);
        u->at = x;
        emit(u, I_DELITEM, 0, a, b, 0);
        break;
    }
    case N_Tuple: del_all(u, x->Tuple.elts); break;
    case N_List: del_all(u, x->List.elts); break;
    default: fail_at(u, x, "cannot delete this"); break;
    }
    top_to(u, top);
}

/* x += v: the target's parts are evaluated once */
void augment(unit *u, const ast *x)
{
    const ast *t = x->AugAssign.target, *v = x->AugAssign.value;
    uint32_t top = u->top;
    unsigned base = NOREG, key = NOREG, old;
    uint16_t name = 0;
    u->at = t;
    if (t->kind == N_Name)
        old = load_name(u, t->Name.id.at, ANY);
    else if (t->kind == N_Attribute) {
        base = stable(u, t->Attribute.value, v);
        name = site_of(u, mangle(u->c->mem, u->s->private_class, t->Attribute.attr.at));
        u->at = t;
        emit(u, I_ATTR, KEEP, base, name, old = temp(u));
    } else {
        base = stable(u, t->Subscript.value, t->Subscript.slice);
        key = stable(u, t->Subscript.slice, v);
        u->at = t;
        emit(u, I_ITEM, KEEP, base, key, old = temp(u));
    }
    if (t->kind == N_Name && u->s->walrus && !is_temp(u, old)) {
        unsigned copy = temp(u);
        emit(u, I_MOVE, 0, old, 0, copy);
        old = copy;
    }
    int k = number_operand(u, v);
    unsigned b = k >= 0 ? (unsigned)k : expr(u, v, ANY);
    u->at = x;
    int local = t->kind == N_Name ? local_of(u, t->Name.id.at) : -1;
    unsigned c = local >= 0 ? (unsigned)local : is_temp(u, old) ? old : temp(u);
    emit_binary(u, x->AugAssign.op, INPLACE, old, b, k >= 0, c);
    u->at = t;
    if (t->kind == N_Attribute)
        emit(u, I_SETATTR, 0, base,
             site_of(u, mangle(u->c->mem, u->s->private_class, t->Attribute.attr.at)), c);
    else if (t->kind == N_Subscript)
        emit(u, I_SETITEM, 0, base, key, c);
    else if (local < 0)
        store_name(u, t->Name.id.at, c);
    top_to(u, top);
}
