/* lang/ast_value.h - syntax trees as objects of the language. */
#pragma once

#include "lang/lang.h"

/* A row of _lang: syntax_tree(text, filename, mode, make) */
value syntax_tree(interp *in, const value *arg);
