/* stdlib/core/operator.h - what other modules ask of the functions that operator makes. */
#pragma once

#include "lang/lang.h"

/* Is f(text) text.split(): methodcaller("split") or str.split? */
bool splits_at_blanks(interp *in, value f);
