/* lang/code.c - bytecode -> link: what one interpreter makes of a code; and code objects. */
#include "lang/code.h"

#include <string.h>

#include "lang/pack.h"
#include "lang/types/bytes.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"

/* ---- constants ---- */

static value konst_value(interp *in, const konst *k);

static value konst_tuple(interp *in, const konst *k)
{
    tuple *t = tuple_new(in, (int64_t)k->n);
    for (size_t i = 0; t && i < k->n; i++) t->at[i] = konst_value(in, &k->items[i]);
    return v_obj(t);
}

static bool is_identifier(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if ((unsigned char)((c | 32) - 'a') > 25 && c != '_' && (c < '0' || c > '9')) return false;
    }
    return n > 0;
}

static value konst_value(interp *in, const konst *k)
{
    switch ((enum konst_type)k->type) {
    case K_NONE: return NONE;
    case K_FALSE: return v_bool(false);
    case K_TRUE: return v_bool(true);
    case K_ELLIPSIS: return ELLIPSIS;
    case K_INT: return v_int(k->i);
    case K_FLOAT: return v_float(k->f);
    case K_COMPLEX: return v_complex(in, 0.0, k->f);
    case K_BIGINT: return int_parse(in, k->s, k->n, 0);
    case K_STR:
        return v_obj(is_identifier(k->s, k->n) ? str_intern(in, k->s, k->n)
                                               : str_new(in, k->s, k->n));
    case K_BYTES: return v_obj(bytes_new(in, k->s, k->n));
    case K_TUPLE: return konst_tuple(in, k);
    case K_FROZENSET: {
        value t = konst_tuple(in, k);
        value s = is_fail(t) ? FAIL : v_obj(set_of(in, t, true));
        value_unref(in, t);
        return s;
    }
    }
    return NONE;
}

/* ---- links ---- */

static uint32_t link_slot(const interp *in, const bytecode *c)
{
    uint32_t i = (uint32_t)((uintptr_t)c >> 4) * 2654435761u;
    for (i &= in->links_cap - 1; in->links[i] && in->links[i]->code != c;) {
        i = (i + 1) & (in->links_cap - 1);
    }
    return i;
}

static void links_fit(interp *in)
{
    if ((in->nlinks + 1) * 2 <= in->links_cap) return;
    link **old = in->links;
    uint32_t n = in->links_cap;
    in->links_cap = n ? n * 2 : 64;
    in->links = mem_zero(in->links_cap * sizeof *in->links);
    for (uint32_t i = 0; i < n; i++) {
        if (old[i]) in->links[link_slot(in, old[i]->code)] = old[i];
    }
    mem_free(old);
}

/* Takes the place of slot i out of an open-addressing table. */
static void links_remove(interp *in, const bytecode *c)
{
    uint32_t mask = in->links_cap - 1, i = link_slot(in, c);
    if (!in->links[i]) return;
    in->links[i] = NULL;
    in->nlinks--;
    for (i = (i + 1) & mask; in->links[i]; i = (i + 1) & mask) {
        link *l = in->links[i];
        in->links[i] = NULL;
        in->links[link_slot(in, l->code)] = l;
    }
}

static link *link_new(interp *in, bytecode *c)
{
    link *l = mem_zero(sizeof *l);
    l->code = datum_ref(c);
    l->in = in;
    l->rc = 1;
    l->name = str_intern(in, c->name, strlen(c->name));
    l->qualname = str_intern(in, c->qualname, strlen(c->qualname));
    l->sub = mem_zero((c->nsub + 1) * sizeof *l->sub);
    l->start = c->insn - 1;
    l->temps = c->nlocal * (uint32_t)sizeof(value);
    l->top = c->nreg * (uint32_t)sizeof(value);
    l->call = UINT32_MAX;
    return l;
}

void link_fill(interp *in, link *l)
{
    const bytecode *c = l->code;
    site *sites = mem_zero(c->nsite * sizeof *sites + (c->nkonst + 1) * sizeof *l->k);
    l->k = (value *)(void *)(sites + c->nsite);
    if (c->flags & CODE_SIMPLE) l->call = c->argcount;
    in->sure++; /* they are as large as the source text */
    for (uint32_t i = 0; i < c->nkonst; i++) {
        l->k[i] = konst_value(in, &c->konst[i]);
        if (is_fail(l->k[i])) exc_clear(in);
    }
    in->sure--;
    for (uint32_t i = 0; i < c->nsite; i++) {
        link_site(l, i)->name = str_intern(in, c->site[i].at, c->site[i].n);
    }
}

void link_params(interp *in, link *l)
{
    const bytecode *c = l->code;
    uint32_t n = c->argcount + c->kwonly;
    l->param = mem_zero((n + 1) * sizeof *l->param);
    for (uint32_t i = 0; i < n; i++) {
        l->param[i] = str_intern(in, c->local[i], strlen(c->local[i]));
    }
}

link *code_link(interp *in, bytecode *c)
{
    links_fit(in);
    uint32_t i = link_slot(in, c);
    if (in->links[i]) return link_ref(in->links[i]);
    link *l = link_new(in, c);
    links_fit(in);
    in->links[link_slot(in, c)] = l;
    in->nlinks++;
    return l;
}

link *link_sub(interp *in, link *l, uint32_t i)
{
    if (!l->sub[i]) l->sub[i] = code_link(in, (bytecode *)(uintptr_t)l->code->sub[i]);
    return l->sub[i];
}

static void link_free(interp *in, link *l)
{
    bytecode *c = l->code;
    links_remove(in, c);
    for (uint32_t i = 0; i < c->nsub; i++) link_unref(in, l->sub[i]);
    for (uint32_t i = 0; l->k && i < c->nkonst; i++) value_unref(in, l->k[i]);
    for (uint32_t i = 0; l->k && i < c->nsite; i++) obj_unref(in, link_site(l, i)->name);
    obj_unref(in, l->name);
    obj_unref(in, l->qualname);
    for (uint32_t i = 0; l->param && i < c->argcount + c->kwonly; i++) {
        obj_unref(in, l->param[i]);
    }
    mem_free(l->param);
    if (l->k) mem_free((site *)(void *)l->k - c->nsite);
    mem_free(l->sub);
    mem_free(l);
    code_unref(c);
}

void link_unref(interp *in, link *l)
{
    if (l && --l->rc == 0) link_free(in, l);
}

void links_close(interp *in)
{
    mem_free(in->links);
    in->links = NULL;
    in->links_cap = in->nlinks = 0;
}

pos code_pos(const bytecode *c, uint32_t at)
{
    if (at >= c->ninsn) return (pos){.line = c->line};
    return c->pos ? c->pos[at] : unpack_pos(c->packed_pos, at);
}

/* ---- code objects ---- */

typedef struct code_obj {
    obj hdr;
    link *link;
} code_obj;

value code_value(interp *in, link *l)
{
    code_obj *c = obj_new(in, &T_code, 0);
    if (c) c->link = link_ref(l);
    return v_obj(c);
}

link *code_of_value(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_code ? ((code_obj *)(void *)v.o)->link : NULL;
}

static const bytecode *code_of(const value *arg)
{
    return code_of_value(arg[0])->code;
}

static value names(interp *in, const char *const *at, uint32_t n)
{
    tuple *t = tuple_new(in, n);
    for (uint32_t i = 0; t && i < n; i++) t->at[i] = v_str(in, at[i]);
    return v_obj(t);
}

static value co_varnames(interp *in, const value *arg)
{
    return names(in, code_of(arg)->local, code_of(arg)->nlocal);
}

static value co_freevars(interp *in, const value *arg)
{
    return names(in, code_of(arg)->free, code_of(arg)->nfree);
}

static value co_cellvars(interp *in, const value *arg)
{
    const bytecode *c = code_of(arg);
    tuple *t = tuple_new(in, c->ncell);
    for (uint32_t i = 0; t && i < c->ncell; i++) t->at[i] = v_str(in, c->local[c->cell[i]]);
    return v_obj(t);
}

static value co_names(interp *in, const value *arg)
{
    const bytecode *c = code_of(arg);
    list *l = list_new(in, c->nsite);
    for (uint32_t i = 0; l && i < c->nsite; i++) {
        value s = v_str(in, c->site[i].at);
        if (value_contains(in, (value){.kind = V_OBJ, .o = &l->hdr}, s) == 0) list_append(in, l, s);
        value_unref(in, s);
    }
    tuple *t = l ? tuple_from(in, l->at, l->n) : NULL;
    obj_unref(in, l);
    return v_obj(t);
}

static value co_consts(interp *in, const value *arg)
{
    link *l = code_of_value(arg[0]);
    if (!l->k) link_fill(in, l);
    return v_obj(tuple_from(in, l->k, l->code->nkonst));
}

#define TEXT(name, field)                                                                          \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return v_str(in, code_of(arg)->field);                                                     \
    }
#define COUNT(name, expr)                                                                          \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        (void)in;                                                                                  \
        const bytecode *c = code_of(arg);                                                          \
        return v_int(expr);                                                                        \
    }
TEXT(co_name, name)
TEXT(co_qualname, qualname)
TEXT(co_filename, filename)
COUNT(co_argcount, c->argcount)
COUNT(co_posonly, c->posonly)
COUNT(co_kwonly, c->kwonly)
COUNT(co_nlocals, c->nlocal)
COUNT(co_firstlineno, c->line)
COUNT(co_flags, 3 | (c->flags & CODE_VARARGS ? 4 : 0) | (c->flags & CODE_VARKW ? 8 : 0) |
                    (c->flags & CODE_NESTED ? 16 : 0) | (c->flags & CODE_GENERATOR ? 32 : 0) |
                    (c->flags & CODE_COROUTINE ? 128 : 0) | (c->flags & CODE_ASYNC_GEN ? 512 : 0))

static const builtin table[] = {
    {"@property co_name", co_name, NULL},
    {"@property co_qualname", co_qualname, NULL},
    {"@property co_filename", co_filename, NULL},
    {"@property co_firstlineno", co_firstlineno, NULL},
    {"@property co_argcount", co_argcount, NULL},
    {"@property co_posonlyargcount", co_posonly, NULL},
    {"@property co_kwonlyargcount", co_kwonly, NULL},
    {"@property co_nlocals", co_nlocals, NULL},
    {"@property co_flags", co_flags, NULL},
    {"@property co_varnames", co_varnames, NULL},
    {"@property co_freevars", co_freevars, NULL},
    {"@property co_cellvars", co_cellvars, NULL},
    {"@property co_names", co_names, NULL},
    {"@property co_consts", co_consts, NULL},
    {0},
};

static void drop(interp *in, obj *o)
{
    link_unref(in, ((code_obj *)(void *)o)->link);
}

static value repr(interp *in, value self)
{
    const bytecode *c = code_of(&self);
    return v_obj(str_fmt(in, "<code object %s at %p, file \"%s\", line %u>", c->name,
                         (void *)self.o, c->filename, c->line));
}

static value compare(interp *in, enum cmpop op, value a, value b)
{
    if ((op != OP_EQ && op != OP_NE) || !code_of_value(b)) return object_compare(in, op, a, b);
    return v_bool((code_of(&a) == code_of(&b)) == (op == OP_EQ));
}

static bool hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    *out = (uint64_t)(uintptr_t)code_of(&self) >> 4;
    return true;
}

const type T_code = {
    TYPE_HEAD,      .name = "code", .module = "builtins", .size = sizeof(code_obj),
    .table = table, .drop = drop,   .repr = repr,         .compare = compare,
    .hash = hash,
};
