/* stdlib/json_parts.h - between json_write.c and json_read.c. */
#pragma once

#include "engine/base/str.h"
#include "lang/lang.h"

bool json_quote(interp *in, strbuf *b, const str *s, bool ascii);
value json_scan(interp *in, const value *arg);
value json_whole(interp *in, const value *arg);
