/* lang/vm_load.c - calls of C functions whose arguments are only loaded (compile_load.c).
 *
 * The arguments are lent to the function from where they are, and neither it nor they pass
 * through registers.  Locals and constants outlive the call; globals, which it may rebind, are
 * counted. */
#include "lang/vm.h"
#include "lang/vm_fast.h"

/* The value of a global or builtin where the site knows it, else NULL. */
WORDS const value *known_global(const interp *in, const frame *f, const site *s)
{
    if (s->version != f->globals->version) return NULL;
    return s->how == SITE_GLOBAL || s->version2 == in->builtins->version ? s->at : NULL;
}

static inline const site *site_of(const frame *f, const insn *i)
{
    return (const site *)(const void *)f->k - 1 - i->b;
}

/* What the load i brings, counted if it is a global; false: that takes more than a look. */
WORDS bool load(const interp *in, const frame *f, const insn *i, value *out)
{
    const value *from;
    if (i->op == I_GLOBAL) {
        from = known_global(in, f, site_of(f, i));
        if (!from) return false;
        put_value(out, ref_at(from));
        return true;
    }
    from = i->op == I_LOADK ? &f->k[i->a | (uint32_t)i->b << 16] : &f->r[i->a];
    put_value(out, value_at(from));
    return true;
}

/* The n loads from i on are over. */
WORDS void unload(interp *in, frame *f, const insn *i, const value *arg, unsigned n)
{
    for (unsigned j = 0; j < n; j++) {
        if (i[j].op == I_GLOBAL) value_unref(in, arg[j]);
        if (i[j].op == I_LAST) let_die(in, &f->r[i[j].a]);
    }
}

/* What the loads behind f->ip bring; how many, or -1: that takes more than a look. */
WORDS int take_loads(interp *in, frame *f, value *arg)
{
    const insn *i = f->ip + 1;
    unsigned n = 0;
    for (; i[n].op != I_CALL && i[n].op != I_CALLM; n++) {
        if (load(in, f, &i[n], &arg[n])) continue;
        for (unsigned j = 0; j < n; j++) /* names stay: the loads come after all */
            if (i[j].op == I_GLOBAL) value_unref(in, arg[j]);
        return -1;
    }
    f->ip = i + n;
    return (int)n;
}

/* arg[0 .. had) and what is loaded; self: the type of arg[0], NULL if that is no self. */
WORDS value call_c(interp *in, frame *f, cfunction *c, value *arg, unsigned had, const type *self)
{
    const int n = take_loads(in, f, arg + had);
    if (n < 0) return FAIL;
    const unsigned all = had + (unsigned)n;
    const insn *first = f->ip - n;
    value v = c->plain == all + 1 && c->owner == self ? c->row->fn(in, arg)
                                                      : cfunction_call(in, c, arg, all, NULL);
    unload(in, f, first, arg + had, (unsigned)n);
    return v;
}

static inline const type *plain_type(value v)
{
    if (v.kind == V_OBJ) return v.o->type;
    return v.kind == V_INT ? &T_int : v.kind == V_FLOAT ? &T_float : NULL;
}

value call_loaded_method(interp *in, frame *f)
{
    const insn *ip = f->ip;
    const site *s = site_of(f, ip);
    const value self = value_at(&f->r[ip->a]);
    const type *t = plain_type(self);
    value arg[MOST_LOADS + 1];
    if (s->how == SITE_METHOD && s->type == t && type_version(t) == s->version &&
        s->val.o->type == &T_cfunction) {
        const dict *d =
            self.kind == V_OBJ && self.o->flags & OBJ_DICT ? obj_head(self.o)->dict : NULL;
        if (d && d->version != s->version2) return FAIL;
        put_value(arg, self);
        return call_c(in, f, (cfunction *)s->val.o, arg, 1, t);
    }
    const value *at = module_place(s, self);
    if (!at || at->kind != V_OBJ || at->o->type != &T_cfunction) return FAIL;
    return call_c(in, f, (cfunction *)at->o, arg, 0, NULL);
}

value call_loaded_builtin(interp *in, frame *f)
{
    const insn *ip = f->ip;
    const site *s = site_of(f, ip);
    const value *at = s->how == SITE_BUILTIN ? known_global(in, f, s) : NULL;
    value arg[MOST_LOADS] = {FAIL};
    if (!at || at->kind != V_OBJ) return FAIL;
    if (at->o->type == &T_cfunction) return call_c(in, f, (cfunction *)at->o, arg, 0, NULL);
    const type *t = (const type *)(const void *)at->o;
    if (at->o->type != &T_type || t->flags & TYPE_HEAP || !t->make) return FAIL;
    const int n = take_loads(in, f, arg);
    if (n < 0) return FAIL;
    const insn *first = f->ip - n;
    value v = t->make(in, t, arg, (size_t)n, NULL);
    unload(in, f, first, arg, (unsigned)n);
    return v;
}
