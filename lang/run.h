/* lang/run.h - text -> code -> done. */
#pragma once

#include "lang/code.h"

/* Compiles; NULL: SyntaxError is pending. flags: enum compile_flags; mode as interp_run's. */
bytecode *compile_text(interp *in, const char *text, size_t n, const char *filename, char mode,
                       unsigned flags);
bool run_code_in(interp *in, bytecode *c, dict *globals); /* takes c */
bool run_text(interp *in, const char *text, size_t n, const char *filename, dict *globals);

/* exec, eval, compile (builtins_code.c) */
value code_exec(interp *in, const value *arg);
value code_eval(interp *in, const value *arg);
value code_compile(interp *in, const value *arg);
