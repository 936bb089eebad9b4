/* repl/shell.h - what the magics, which are written in dsk, need of the process. */
#pragma once

#include "lang/lang.h"

extern const module_def shell_def; /* _dsk_shell */
