/* lang/types/record.c - tuples with named fields made in C. */
#include "lang/types/record.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

value record_new(interp *in, const type *t, int n, ...)
{
    tuple *x = obj_new(in, t, (size_t)n * sizeof(value));
    bool ok = x;
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        value v = va_arg(ap, value);
        if (is_fail(v)) ok = false;
        if (x)
            x->at[x->n++] = is_fail(v) ? NONE : v;
        else
            value_unref(in, v);
    }
    va_end(ap);
    if (ok) return v_obj(x);
    obj_unref(in, x);
    return FAIL;
}

value record_repr(interp *in, value self)
{
    const type *t = self.o->type;
    tuple *x = (tuple *)self.o;
    strbuf b = {0};
    if (t->module && strcmp(t->module, "builtins")) sb_addf(&b, "%s.", t->module);
    sb_addf(&b, "%s(", t->name);
    for (int64_t i = 0; i < x->n && t->table[i].sig; i++) {
        str *s = value_repr(in, x->at[i]);
        if (!s) {
            sb_clear(&b);
            return FAIL;
        }
        sb_addf(&b, "%s%s=", i ? ", " : "", t->table[i].sig + strlen("@property "));
        sb_add(&b, s->at, s->nbyte);
        obj_unref(in, s);
    }
    sb_addc(&b, ')');
    size_t n;
    char *s = sb_take(&b, &n);
    return v_obj(str_take(in, s, n));
}

#define GETTER(i)                                                                                  \
    value record_get_##i(interp *in, const value *arg)                                             \
    {                                                                                              \
        (void)in;                                                                                  \
        tuple *t = (tuple *)arg[0].o;                                                              \
        return t->n > i ? value_ref(t->at[i]) : NONE;                                              \
    }
RECORD_GETTERS(GETTER)

/* everything else is a tuple's */

void record_drop(interp *in, obj *o)
{
    T_tuple.drop(in, o);
}

void record_visit(obj *o, visitor f, void *ctx)
{
    T_tuple.visit(o, f, ctx);
}

bool record_hash(interp *in, value self, uint64_t *out)
{
    return T_tuple.hash(in, self, out);
}

int64_t record_length(interp *in, value self)
{
    (void)in;
    return ((tuple *)self.o)->n;
}

value record_compare(interp *in, enum cmpop op, value self, value other)
{
    return T_tuple.compare(in, op, self, other);
}

value record_binary(interp *in, enum binop op, value a, value b)
{
    return T_tuple.binary(in, op, a, b);
}

value record_getitem(interp *in, value self, value key)
{
    return T_tuple.getitem(in, self, key);
}

int record_contains(interp *in, value self, value item)
{
    return T_tuple.contains(in, self, item);
}

value record_iter(interp *in, value self)
{
    return T_tuple.iter(in, self);
}
