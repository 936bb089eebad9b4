/* lang/freeze.c - across threads: being written. */
#include "lang/exc.h"
#include "lang/types/func.h"

value trap(interp *in, obj *o)
{
    return throw(in, TypeError, "'%s' object is shared between threads and cannot be changed", o->type->name);
}

datum *exc_freeze(interp *in, value v)
{
    (void)in, (void)v;
    return NULL;
}

value exc_of_datum(interp *in, datum *d)
{
    (void)d;
    return throw(in, RuntimeError, "an exception of another thread");
}

link *func_link(interp *in, func *f)
{
    (void)in;
    return f->link;
}
