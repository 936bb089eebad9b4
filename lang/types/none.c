/* lang/types/none.c - the three constants: None, NotImplemented, Ellipsis. */
#include "lang/lang.h"
#include "lang/types/num.h"

static value none_repr(interp *in, value self)
{
    (void)self;
    return v_str(in, "None");
}

static int always_false(interp *in, value self)
{
    (void)in, (void)self;
    return 0;
}

static bool none_hash(interp *in, value self, uint64_t *out)
{
    (void)in, (void)self;
    *out = 0xfca86420;
    return true;
}

static value constant_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    (void)arg;
    if (npos || kwnames) return throw(in, TypeError, "%s takes no arguments", cls->name);
    if (cls == &T_none) return NONE;
    return value_ref(cls == &T_ellipsis ? ELLIPSIS : NOTIMPL);
}

const type T_none = {
    TYPE_HEAD,           .name = "NoneType",      .module = "builtins",
    .size = sizeof(obj), .flags = TYPE_IMMUTABLE, .make = constant_make,
    .repr = none_repr,   .hash = none_hash,       .truth = always_false,
};

static value notimplemented_repr(interp *in, value self)
{
    (void)self;
    return v_str(in, "NotImplemented");
}

static int notimplemented_truth(interp *in, value self)
{
    (void)self;
    bool ok =
        warn(in, DeprecationWarning, "NotImplemented should not be used in a boolean context");
    return ok ? 1 : -1;
}

const type T_notimplemented = {
    TYPE_HEAD,
    .name = "NotImplementedType",
    .module = "builtins",
    .size = sizeof(obj),
    .flags = TYPE_IMMUTABLE,
    .make = constant_make,
    .repr = notimplemented_repr,
    .truth = notimplemented_truth,
};

static value ellipsis_repr(interp *in, value self)
{
    (void)self;
    return v_str(in, "Ellipsis");
}

const type T_ellipsis = {
    TYPE_HEAD,
    .name = "ellipsis",
    .module = "builtins",
    .size = sizeof(obj),
    .flags = TYPE_IMMUTABLE,
    .make = constant_make,
    .repr = ellipsis_repr,
};

static const obj notimplemented = {.type = &T_notimplemented, .rc = 1, .flags = OBJ_FROZEN};
static const obj ellipsis = {.type = &T_ellipsis, .rc = 1, .flags = OBJ_FROZEN};
/* frozen: nobody writes through these */
const value NOTIMPL = {.kind = V_OBJ, .o = (obj *)&notimplemented};
const value ELLIPSIS = {.kind = V_OBJ, .o = (obj *)&ellipsis};
