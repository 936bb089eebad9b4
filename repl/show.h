/* repl/show.h - a value -> what the echo of a cell prints. */
#pragma once

#include "engine/base/str.h"
#include "lang/lang.h"

/* Appends the value as IPython shows it: containers broken after commas at `width` columns,
 * functions and classes by name, everything else by its repr.  False: an exception is pending. */
bool show_value(interp *in, value v, int width, strbuf *out);
