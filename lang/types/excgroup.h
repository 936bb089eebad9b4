/* lang/types/excgroup.h - ExceptionGroup: exceptions that were raised together, and `except*`. */
#pragma once

#include "lang/exc.h"

/* The fields of a group (exc.field). */
enum { GROUP_MESSAGE, GROUP_MEMBERS };

tuple *as_group(const exc *x); /* lends what a group holds; NULL: x is no group */
extern const builtin group_table[];
value group_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames);
value group_text(interp *in, const exc *x);

/* except* types: *match becomes what of *rest fits (owned; NONE: nothing), *rest (owned) what is
 * left of it, NONE when nothing is. */
bool group_match(interp *in, value *rest, value types, value *match);
/* What is raised after all clauses: caught is what the try raised, left what clauses raised and
 * what no clause took (None among them counts for nothing). NONE: nothing. */
value group_left(interp *in, value caught, list *left);
