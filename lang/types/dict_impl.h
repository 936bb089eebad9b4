/* lang/types/dict_impl.h - between dict.c, dict_type.c, dict_view.c and set files. */
#pragma once

#include "engine/base/mem.h"
#include "lang/types/dict.h"
#include "lang/types/seq.h"

/* Copies every item of `from` into an empty dict of any dict class. */
bool dict_fill(interp *in, dict *d, const dict *from);
value throw_key_text(interp *in, const char *text); /* KeyError('text') */
