/* lang/types/alias.h - list[int] and int | None: classes with parameters, and unions of them. */
#pragma once

#include "lang/type.h"

extern const type T_generic_alias, T_union;

value class_getitem(interp *in, value cls, value key); /* cls[key] of a class without a metaclass */
/* A row for the table of a class that takes parameters. */
#define CLASS_GETITEM                                                                              \
    {                                                                                              \
        "@classmethod __class_getitem__(cls, params, /)", class_with_parameters, "See PEP 585"     \
    }
value class_with_parameters(interp *in, const value *arg);
bool alias_operand(value v); /* may stand beside | in a type union */
value union_of(interp *in, value a, value b);
tuple *union_args(value v); /* lends the alternatives of a union, else NULL */
