/* lang/run.h - text -> code -> done. */
#pragma once

#include "lang/code.h"

/* Compiles; NULL: SyntaxError is pending. flags: enum compile_flags; mode as interp_run's. */
bytecode *compile_text(interp *in, const char *text, size_t n, const char *filename, char mode,
                       unsigned flags);
bool run_text(interp *in, const char *text, size_t n, const char *filename, dict *globals);
