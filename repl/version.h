/* repl/version.h - what `dsk --version` prints. */
#pragma once

/* The exit status. */
int version_print(void);
