/* lang/types/excgroup.h - ExceptionGroup: exceptions that were raised together, and `except*`. */
#pragma once

#include "lang/frame.h"
#include "lang/exc.h"

/* The fields of a group (exc.field). */
enum { GROUP_MESSAGE, GROUP_MEMBERS };

tuple *as_group(const exc *x); /* lends what a group holds; NULL: x is no group */
extern const builtin group_table[];
value group_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames);
value group_text(interp *in, const exc *x);

/* except* types: what of *rest fits (owned; NONE: nothing), which is what f handles then; *rest
 * (owned) becomes what is left of it, NONE when nothing is. */
value group_match(interp *in, frame *f, value *rest, value types);
/* What is raised after all clauses: caught is what the try raised, left what clauses raised and
 * what no clause took (None among them counts for nothing). NONE: nothing. */
value group_left(interp *in, value caught, list *left);
