/* repl/host.h - the terminal, the signals and the exit of the process. */
#pragma once

#include "lang/lang.h"

/* Fills *h so that an interpreter writes to stdout and stderr, asks on the terminal and hears
 * Ctrl-C.  ctx is what stands behind the hooks of whoever else gets them. */
void host_open(host *h, void *ctx);
/* Everything written so far reaches its file. false: it could not (a closed pipe, a full disk). */
bool host_flush(void);
/* n 0: flush.  When nobody reads stdout any more the process ends, as cat does. */
void host_write(int fd, const char *s, size_t n);
void host_puts(int fd, const char *s);
/* Has Ctrl-C been pressed since the last time somebody asked? */
bool host_interrupted(void);
/* Ends the process as Ctrl-C does when nobody catches it. */
void host_die_interrupted(void) __attribute__((noreturn));
int host_width(void); /* columns of the terminal, 80 where there is none */
/* The text of a file, or of stdin for "-"; NULL with errno set. mem_free it. */
char *host_read_file(const char *path, size_t *n);
