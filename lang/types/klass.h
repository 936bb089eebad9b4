/* lang/types/klass.h - classes: what a user class holds beyond the table of slots. */
#pragma once

#include "lang/interp.h"

struct klass {
    type t; /* slots inherited from the builtin base, overridden where a dunder method is */
    str *name, *qualname;
    const char *prefix; /* of the name in messages: "datetime."; NULL: none */
    dict *dict;
    tuple *bases; /* as written; the classes */
    const type **mro;
    uint32_t nmro;
    uint64_t version;   /* changes with the class or one of its bases */
    uint64_t id[2];     /* the same in all processes; 0 until it leaves this one */
    const type *native; /* the builtin base that decides the layout */
    value init, new_;   /* what the MRO gives for __init__, __new__; borrowed */
    value getattribute, getattr, del;
    bool sealed;               /* __slots__: instances show no dict */
    bool abstract;             /* __abstractmethods__ is not empty */
    struct klass *next, *prev; /* all classes of the interpreter */
};

static inline klass *as_klass(const type *t)
{
    return t->flags & TYPE_HEAP ? (klass *)(uintptr_t)t : NULL;
}

/* type(name, bases, ns): takes no references. meta: the class of the new class. */
klass *klass_new(interp *in, const type *meta, str *name, tuple *bases, dict *ns);
void klass_changed(interp *in, klass *k); /* after a write to its dict: slots, versions */
/* after its objects, or an object that was of the other class, may have become descriptors */
void klass_describes(interp *in, const type *was, const type *is);
bool klass_finalize(interp *in, obj *o); /* runs __del__; false: the object lives on */
bool klass_has_del(const type *t);
void klass_run_del(interp *in, obj *o);
/* Fills the slots of k for the dunder names its MRO has (types/dunder.c). */
void klass_fill(interp *in, klass *k);
value type_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames);
value type_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames);
value object_new(interp *in, const type *cls, bool args); /* args: the call had some */
list *object_dir(interp *in, value v);
value throw_abstract(interp *in, klass *k);
bool has_init_row(const type *native); /* its __init__ does what `make` leaves out */
value member_new(interp *in, const type *owner, str *name);           /* the attribute of a slot */
const type *metaclass_of(interp *in, const type *meta, tuple *bases); /* NULL: conflict */
klass *klass_restore(interp *in, const type *meta, str *name, str *qualname, tuple *bases);
void klass_find_abstract(interp *in, klass *k);
